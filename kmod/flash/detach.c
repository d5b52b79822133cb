// SPDX-License-Identifier: GPL-2.0
/*
 * How a media goes: no new writes, what was written becomes durable, then
 * everything that was found there is forgotten here, and stays there.
 *
 * What the device may still write to or read from has to stay until it has
 * answered.  One that does not answer (kvmem_dev_is_silent()) is out of use at
 * once, but its media cannot be freed before: so a work item does that, and
 * whoever asked for it waits no longer than he has to.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/workqueue.h>
#include "flash/medias.h"
#include "netlink.h"

/* How often a silent device is looked for, at most and at least. */
#define WATCH_MAX_MS	1000U
#define WATCH_MIN_MS	20U
/* How often who waits for a detach looks at the device. */
#define DETACH_POLL_MS	100U

/* Of its own: what waits in it for a device outlives the media's workqueue. */
static struct workqueue_struct *detach_wq;

/* Silence -------------------------------------------------------------------- */

void kvmem_media_watch_start(struct kvmem_media *media)
{
	unsigned int ms = clamp(KVMEM_IO_TIMEOUT_MS / 4, WATCH_MIN_MS, WATCH_MAX_MS);

	queue_delayed_work(media->wq, &media->watch_work, msecs_to_jiffies(ms));
}

void kvmem_media_watch(struct work_struct *work)
{
	struct kvmem_media *media = container_of(work, struct kvmem_media, watch_work.work);

	if (kvmem_dev_is_silent(&media->dev, KVMEM_IO_TIMEOUT_MS))
		kvmem_dev_report(&media->dev, KVMEM_DEV_SILENT);
	else
		kvmem_media_watch_start(media);
}

/* Detach --------------------------------------------------------------------- */

static bool media_in_use(struct kvmem_media *media)
{
	u32 no;

	for (no = 0; no < media->super.nr_segments; no++)
		if (atomic_read(&media->segments[no].users))
			return true;
	return false;
}

/* Readers end with their transfer, and that with the device's answer. */
static void media_wait_users(struct kvmem_media *media)
{
	while (media_in_use(media))
		fsleep(1000);
}

static void media_stop(struct kvmem_media *media)
{
	/* Those that wait for room or durability see the state, and end. */
	percpu_ref_kill(&media->active);
	wait_for_completion(&media->idle);
	kvmem_media_scan_stop(media);
	cancel_work_sync(&media->reclaim_work);
	kvmem_table_sync(media);
	kvmem_media_drop_copies(media);
	cancel_delayed_work_sync(&media->pack_work);
	cancel_delayed_work_sync(&media->flush_work);
	cancel_delayed_work_sync(&media->discard_work);
	media_wait_users(media);
}

/*
 * Nobody finds it any more, nothing is under way, and no work item is left:
 * those that queue each other end with the queue.
 */
static void media_let_go(struct kvmem_media *media)
{
	kvmem_dev_close(&media->dev);
	cancel_delayed_work_sync(&media->watch_work);
	drain_workqueue(media->wq);
	destroy_workqueue(media->wq);
	media->wq = NULL;
	kvmem_dir_free(media);
	kvmem_segments_free(media);
}

static void media_detach_work(struct work_struct *work)
{
	struct kvmem_media *media = container_of(work, struct kvmem_media, detach_work);

	media_stop(media);
	kvmem_media_unpublish(media);
	media_let_go(media);
	kvmem_event_media(KVMEM_CMD_MEDIA_DETACHED_NTF, media);
	complete_all(&media->detached);
	/* The table's. */
	kvmem_media_put(media);
}

/* 0: it has gone.  -ETIMEDOUT: it will when its device answers; -EINTR: killed. */
static int detach_wait(struct kvmem_media *media)
{
	unsigned long start = jiffies;
	long left;

	for (;;) {
		left = wait_for_completion_killable_timeout(&media->detached,
							    msecs_to_jiffies(DETACH_POLL_MS));
		if (left)
			return left > 0 ? 0 : -EINTR;
		/* One that is gone for good ends its transfers by itself, and soon. */
		if (test_bit(KVMEM_DEV_SILENT, &media->dev.told) &&
		    time_after(jiffies, start + msecs_to_jiffies(KVMEM_IO_TIMEOUT_MS)))
			return -ETIMEDOUT;
	}
}

int kvmem_media_detach(struct kvmem_media *media, struct netlink_ext_ack *extack)
{
	int ret;

	if (!kvmem_media_set_state(media, KVMEM_MEDIA_STATE_DETACHING)) {
		NL_SET_ERR_MSG_MOD(extack, "somebody else detaches the media");
		return -EBUSY;
	}
	queue_work(detach_wq, &media->detach_work);
	ret = detach_wait(media);
	if (ret == -ETIMEDOUT)
		NL_SET_ERR_MSG_MOD(extack, "the device is silent: the media goes when it answers");
	return ret;
}

/* Undo an attach that came as far as an open device. */
static void media_discard_work(struct work_struct *work)
{
	struct kvmem_media *media = container_of(work, struct kvmem_media, detach_work);

	kvmem_dev_close(&media->dev);
	drain_workqueue(media->wq);
	kvmem_dir_free(media);
	kvmem_segments_free(media);
	kvmem_media_free_parts(media);
}

void kvmem_media_discard(struct kvmem_media *media)
{
	INIT_WORK(&media->detach_work, media_discard_work);
	if (atomic_read(&media->dev.nr_inflight))
		queue_work(detach_wq, &media->detach_work);
	else
		media_discard_work(&media->detach_work);
}

void kvmem_media_detach_prepare(struct kvmem_media *media)
{
	init_completion(&media->detached);
	INIT_WORK(&media->detach_work, media_detach_work);
	INIT_DELAYED_WORK(&media->watch_work, kvmem_media_watch);
}

/* Module --------------------------------------------------------------------- */

int kvmem_media_detach_init(void)
{
	/* No memory is freed by its work, which waits for a queue that promises none either. */
	detach_wq = alloc_workqueue("kvmem_detach", WQ_UNBOUND, 0);
	return detach_wq ? 0 : -ENOMEM;
}

/* Waits for those that wait for their device. */
void kvmem_media_detach_exit(void)
{
	destroy_workqueue(detach_wq);
}
