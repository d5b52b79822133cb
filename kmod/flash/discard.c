// SPDX-License-Identifier: GPL-2.0
/*
 * From emptied to free: segments that nobody uses any more are told to the
 * device, many with one command.  A discard that fails, or a device that has
 * none, changes nothing but that.
 *
 * Discards cost the device time that reads would like to have, so they are
 * gathered, and wait while many bytes are being read; but not when there is
 * nearly nothing left to write to.
 */
#include <linux/completion.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include "flash/flash.h"
#include "sysfs.h"
#include "trace.h"

/* Segments gathered at a time, and so many that waiting for more is not worth it. */
#define DISCARD_BATCH		256U
#define DISCARD_ENOUGH		40U
/* And so much longer for a device that is busy reading more than so many bytes. */
#define DISCARD_BUSY_WAIT_NS	(6ULL * NSEC_PER_SEC)
#define DISCARD_BUSY_BYTES	(4U << 20)
#define DISCARD_BUSY_POLL_MS	20U
/* After want of memory */
#define DISCARD_RETRY_MS	200U

/*
 * The oldest one waits so long for others: time in which DISCARD_ENOUGH segments of
 * 64 MiB are written at 43 MB/s, which is a drive of 4 TB a day.  Whoever needs the
 * room does not wait for it.
 */
unsigned int kvmem_discard_wait_ms = 60000;

/**
 * struct discard_batch - segments on their way to be free
 * @io: one command
 * @ref: the worker's and, while a command is under way, the command's
 * @done: the command has ended
 * @status: of it
 * @nr_segs: entries of @segs
 * @nr_ranges: entries of @ranges
 * @segs: sorted by number once gathered
 * @ranges: of @segs, neighbours as one
 */
struct discard_batch {
	struct kvmem_io io;
	refcount_t ref;
	struct completion done;
	int status;
	unsigned int nr_segs;
	unsigned int nr_ranges;
	struct kvmem_segment *segs[DISCARD_BATCH];
	struct kvmem_range ranges[DISCARD_BATCH];
};

static void batch_put(struct discard_batch *batch)
{
	if (refcount_dec_and_test(&batch->ref))
		kfree(batch);
}

/* When ------------------------------------------------------------------------------ */

static bool discard_busy(const struct kvmem_media *media)
{
	return atomic64_read(&media->dev.inflight[KVMEM_IO_READ]) > DISCARD_BUSY_BYTES;
}

static bool discard_wanted(const struct kvmem_media *media)
{
	return media->dev.geo.discard_unit && media->dev.geo.max_discard_ranges &&
	       READ_ONCE(media->discard_failures) < KVMEM_DISCARD_FAILURES;
}

/*
 * 0: now.  Else ms from now, when things may have changed; what changes before
 * queues the work by itself.  Caller holds media->lock.
 */
static unsigned int discard_delay(struct kvmem_media *media, unsigned int nr, u64 now)
{
	u64 waited, wait = (u64)READ_ONCE(kvmem_discard_wait_ms) * NSEC_PER_MSEC;

	lockdep_assert_held(&media->lock);
	if (!media->discard_since)
		media->discard_since = now;
	waited = now - media->discard_since;
	if (kvmem_discard_short(media) || waited >= wait + DISCARD_BUSY_WAIT_NS ||
	    !discard_wanted(media))
		return 0;
	if (nr < DISCARD_ENOUGH && waited < wait)
		return div_u64(wait - waited, NSEC_PER_MSEC) + 1;
	return discard_busy(media) ? DISCARD_BUSY_POLL_MS : 0;
}

/* Which ----------------------------------------------------------------------------- */

/*
 * Those without users.  Nobody but the worker takes a segment out of this
 * state, so they stay where they are, and ours, when the lock is dropped.
 */
static void batch_gather(struct kvmem_media *media, struct discard_batch *batch)
{
	struct kvmem_segment *seg;

	lockdep_assert_held(&media->lock);
	/*
	 * Their copies are unlinked, users are looked at afterwards: pairs with
	 * the barrier in copy_use() (copy.c).
	 */
	smp_mb();
	list_for_each_entry(seg, &media->discards, node) {
		if (batch->nr_segs == DISCARD_BATCH)
			break;
		if (!atomic_read(&seg->users))
			batch->segs[batch->nr_segs++] = seg;
	}
}

static int batch_cmp(const void *a, const void *b)
{
	const struct kvmem_segment *x = *(struct kvmem_segment * const *)a;
	const struct kvmem_segment *y = *(struct kvmem_segment * const *)b;

	return x->no < y->no ? -1 : x->no > y->no;
}

/* Neighbours become one range; ends are cut to what the device discards. */
static void batch_make_ranges(struct kvmem_media *media, struct discard_batch *batch)
{
	u32 unit = media->dev.geo.discard_unit, len = media->super.segment_bytes;
	struct kvmem_range *range = NULL;
	unsigned int i, nr = 0;

	for (i = 0; i < batch->nr_segs; i++) {
		u64 off = kvmem_media_seg_off(batch->segs[i]);

		if (!range || range->off + range->len != off) {
			range = &batch->ranges[nr++];
			range->off = off;
			range->len = 0;
		}
		range->len += len;
	}
	for (i = 0; i < nr; i++) {
		u64 start = DIV64_U64_ROUND_UP(batch->ranges[i].off, unit) * unit;
		u64 end = batch->ranges[i].off + batch->ranges[i].len;

		end = div64_u64(end, unit) * unit;
		if (start < end)
			batch->ranges[batch->nr_ranges++] = (struct kvmem_range) {
				.off = start, .len = end - start,
			};
	}
}

/* The device ------------------------------------------------------------------------ */

/* In interrupts, maybe, and maybe after the worker has given up on it. */
static void discard_done(struct kvmem_io *io, int status)
{
	struct discard_batch *batch = container_of(io, struct discard_batch, io);

	batch->status = status;
	complete(&batch->done);
	batch_put(batch);
}

static int discard_ranges(struct kvmem_media *media, struct discard_batch *batch,
			  unsigned int first, unsigned int nr)
{
	batch->io = (struct kvmem_io) {
		.op = KVMEM_IO_DISCARD,
		.flags = KVMEM_IO_F_BACKGROUND,
		.ranges = batch->ranges + first,
		.nr_ranges = nr,
		.done = discard_done,
	};
	reinit_completion(&batch->done);
	refcount_inc(&batch->ref);
	kvmem_dev_submit(&media->dev, &batch->io);
	if (!wait_for_completion_timeout(&batch->done, msecs_to_jiffies(KVMEM_IO_TIMEOUT_MS)))
		return -ETIMEDOUT;
	return batch->status;
}

/* A device that fails discards has lost nothing but time: soon it is not asked again. */
static void discard_count(struct kvmem_media *media, int ret)
{
	lockdep_assert_held(&media->lock);
	media->counts.discard_commands++;
	if (!ret)
		media->discard_failures = 0;
	else if (++media->discard_failures == KVMEM_DISCARD_FAILURES)
		pr_warn("media %s: %u discards failed in a row (%d), no more are tried\n",
			media->name, KVMEM_DISCARD_FAILURES, ret);
}

/* -ETIMEDOUT: a command is still under way; else what failed is of no consequence. */
static int batch_discard(struct kvmem_media *media, struct discard_batch *batch)
{
	unsigned int max = min(media->dev.geo.max_discard_ranges, DISCARD_BATCH);
	unsigned int i, nr;
	int ret = 0;

	if (!discard_wanted(media))
		return 0;
	batch_make_ranges(media, batch);
	for (i = 0; i < batch->nr_ranges && ret != -ETIMEDOUT; i += nr) {
		nr = min(max, batch->nr_ranges - i);
		ret = discard_ranges(media, batch, i, nr);
		spin_lock(&media->lock);
		discard_count(media, ret);
		spin_unlock(&media->lock);
		if (ret)
			trace_kvmem_media_error(media->id, batch->segs[0]->no, KVMEM_IO_DISCARD,
						ret);
	}
	if (ret == -ETIMEDOUT)
		return ret;
	spin_lock(&media->lock);
	media->counts.discard_segments += ret ? 0 : batch->nr_segs;
	spin_unlock(&media->lock);
	return 0;
}

/*
 * A discard that is still under way might hit what is written next: such
 * segments are left alone as long as the media is attached.
 */
static void batch_finish(struct kvmem_media *media, struct discard_batch *batch, int ret)
{
	unsigned int i;

	spin_lock(&media->lock);
	for (i = 0; i < batch->nr_segs; i++)
		kvmem_segment_set(batch->segs[i], ret ? KVMEM_SEG_BAD : KVMEM_SEG_FREE);
	media->discard_since = 0;
	spin_unlock(&media->lock);
	wake_up_all(&media->wait);
}

static void batch_run(struct kvmem_media *media, struct discard_batch *batch)
{
	sort(batch->segs, batch->nr_segs, sizeof(batch->segs[0]), batch_cmp, NULL);
	batch_finish(media, batch, batch_discard(media, batch));
}

/* Work ------------------------------------------------------------------------------ */

static struct discard_batch *batch_alloc(void)
{
	struct discard_batch *batch = kzalloc(sizeof(*batch), GFP_NOIO | __GFP_NOWARN);

	if (batch) {
		refcount_set(&batch->ref, 1);
		init_completion(&batch->done);
	}
	return batch;
}

/* True: @batch is to be run.  Else *@delay: ms to the next look, 0 = nothing waits. */
static bool discard_begin(struct kvmem_media *media, struct discard_batch *batch,
			  unsigned int *delay)
{
	*delay = 0;
	spin_lock(&media->lock);
	/* Otherwise nothing is written any more, and free segments are of no use. */
	if (kvmem_media_writable(media))
		batch_gather(media, batch);
	if (batch->nr_segs)
		*delay = discard_delay(media, batch->nr_segs, ktime_get_ns());
	else
		media->discard_since = 0;
	spin_unlock(&media->lock);
	return batch->nr_segs && !*delay;
}

/* Each turn frees segments, or ends; one that still has users comes with its last put. */
void kvmem_discard_work(struct work_struct *work)
{
	struct kvmem_media *media = container_of(to_delayed_work(work), struct kvmem_media,
						 discard_work);
	struct discard_batch *batch = batch_alloc();
	unsigned int delay = DISCARD_RETRY_MS;

	if (batch && discard_begin(media, batch, &delay)) {
		batch_run(media, batch);
		/* Those that did not fit, or came meanwhile. */
		delay = 1;
	}
	if (batch)
		batch_put(batch);
	if (delay && kvmem_media_writable(media))
		queue_delayed_work(media->wq, &media->discard_work, msecs_to_jiffies(delay));
}

void kvmem_discard_hurry(struct kvmem_media *media)
{
	bool hurry;

	spin_lock(&media->lock);
	hurry = media->nr_discards && kvmem_discard_short(media);
	spin_unlock(&media->lock);
	if (hurry)
		mod_delayed_work(media->wq, &media->discard_work, 0);
}
