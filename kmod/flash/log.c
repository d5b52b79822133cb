// SPDX-License-Identifier: GPL-2.0
/*
 * Logs: what a namespace has on a media, and its end.  Copies are written by
 * write.c.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "flash/log.h"
#include "ns.h"

/* Copies dropped under one hold of the lock. */
#define LOG_DROP_BATCH	64U

/* Logs ------------------------------------------------------------------------- */

static void log_free(struct kref *ref)
{
	struct kvmem_log *log = container_of(ref, struct kvmem_log, ref);

	kvmem_ns_put(log->ns);
	kfree(log);
}

void kvmem_log_put(struct kvmem_log *log)
{
	kref_put(&log->ref, log_free);
}

static struct kvmem_log *log_find_locked(struct kvmem_media *media, const struct kvmem_ns *ns)
{
	struct kvmem_log *log;

	lockdep_assert_held(&media->lock);
	list_for_each_entry(log, &media->logs, node) {
		if (log->ns == ns && !log->dead) {
			kref_get(&log->ref);
			return log;
		}
	}
	return NULL;
}

static struct kvmem_log *log_find(struct kvmem_media *media, const struct kvmem_ns *ns)
{
	struct kvmem_log *log;

	spin_lock(&media->lock);
	log = log_find_locked(media, ns);
	spin_unlock(&media->lock);
	return log;
}

struct kvmem_log *kvmem_log_first(struct kvmem_media *media)
{
	struct kvmem_log *log, *found = NULL;

	spin_lock(&media->lock);
	list_for_each_entry(log, &media->logs, node) {
		if (!log->stuck) {
			kref_get(&log->ref);
			found = log;
			break;
		}
	}
	spin_unlock(&media->lock);
	return found;
}

static struct kvmem_log *log_alloc(struct kvmem_media *media, struct kvmem_ns *ns)
{
	struct kvmem_log *log = kzalloc(sizeof(*log), GFP_NOIO);

	if (!log)
		return NULL;
	kref_init(&log->ref);
	INIT_LIST_HEAD(&log->node);
	INIT_LIST_HEAD(&log->sealed);
	INIT_LIST_HEAD(&log->busy);
	mutex_init(&log->open_lock);
	mutex_init(&log->pack_lock);
	log->media = media;
	log->ns = ns;
	kref_get(&ns->ref);
	return log;
}

/*
 * Both are looked at under the lock, and set before who takes logs away takes
 * it: that finds this one, or we find out that it is too late.
 */
static bool log_is_wanted(struct kvmem_media *media, struct kvmem_ns *ns)
{
	lockdep_assert_held(&media->lock);
	return media->state <= KVMEM_MEDIA_STATE_READ_ONLY &&
	       !test_bit(KVMEM_NS_DEAD, &ns->flags);
}

/* Takes over @log.  Somebody else's, made meanwhile, is as good. */
static struct kvmem_log *log_publish(struct kvmem_log *log)
{
	struct kvmem_media *media = log->media;
	struct kvmem_log *other;

	spin_lock(&media->lock);
	other = log_find_locked(media, log->ns);
	if (!other && log_is_wanted(media, log->ns)) {
		list_add_tail(&log->node, &media->logs);
		kref_get(&log->ref);
		other = log;
		log = NULL;
	}
	spin_unlock(&media->lock);
	if (log)
		kvmem_log_put(log);
	return other;
}

struct kvmem_log *kvmem_log_get(struct kvmem_media *media, struct kvmem_ns *ns, bool make)
{
	struct kvmem_log *log = log_find(media, ns);

	if (log || !make)
		return log;
	log = log_alloc(media, ns);
	if (!log)
		return NULL;
	if (kvmem_dir_find(media, ns, !media->dev.geo.read_only, &log->slot,
			   &log->slot_generation)) {
		kvmem_log_put(log);
		return NULL;
	}
	return log_publish(log);
}

/* The end of a log ------------------------------------------------------------------ */

/* What is left of @seg, which is ours (KVMEM_SEG_RECLAIM). */
static void drop_copies(struct kvmem_segment *seg, enum kvmem_block_state to)
{
	struct kvmem_copy *batch[LOG_DROP_BATCH], *copy;
	struct kvmem_media *media = seg->media;
	unsigned int nr;

	do {
		nr = 0;
		spin_lock(&media->lock);
		while (nr < LOG_DROP_BATCH && !list_empty(&seg->copies)) {
			copy = list_first_entry(&seg->copies, struct kvmem_copy, node);
			if (WARN_ON_ONCE(!kvmem_copy_unlink_locked(copy, to)))
				break;
			batch[nr++] = copy;
		}
		spin_unlock(&media->lock);
		while (nr)
			kvmem_copy_put(batch[--nr]);
		cond_resched();
	} while (!list_empty(&seg->copies));
}

/* A sealed segment of @log, taken off its list; NULL: none is sealed (yet). */
static struct kvmem_segment *drop_take(struct kvmem_log *log)
{
	struct kvmem_segment *seg;

	spin_lock(&log->media->lock);
	seg = list_first_entry_or_null(&log->sealed, struct kvmem_segment, node);
	if (seg)
		kvmem_segment_set(seg, KVMEM_SEG_RECLAIM);
	spin_unlock(&log->media->lock);
	return seg;
}

static void drop_sealed(struct kvmem_log *log, bool forget)
{
	struct kvmem_segment *seg;

	while ((seg = drop_take(log))) {
		drop_copies(seg, forget ? KVMEM_BLOCK_DELETED : KVMEM_BLOCK_EVICTED);
		spin_lock(&log->media->lock);
		if (forget)
			kvmem_segment_release(seg);
		else
			kvmem_segment_orphan(seg);
		spin_unlock(&log->media->lock);
	}
}

/* No new write, no new copy; open segments are on their way to be sealed. */
static void drop_begin(struct kvmem_log *log, bool forget)
{
	unsigned int t;

	spin_lock(&log->media->lock);
	log->dead = true;
	log->forget |= forget;
	for (t = 0; t < KVMEM_NR_TEMPS; t++)
		if (log->open[t])
			kvmem_segment_seal_locked(log->open[t]);
	spin_unlock(&log->media->lock);
	/* Whoever adds to one looks at @dead: what is there now is all there will be. */
	kvmem_pack_drop(log);
}

static bool drop_is_over(struct kvmem_log *log)
{
	return !READ_ONCE(log->nr_segments) && list_empty(&log->busy);
}

/* False: something is still under way, and will not be waited for any longer. */
static bool drop_all(struct kvmem_log *log, bool forget)
{
	long left = msecs_to_jiffies(KVMEM_IO_TIMEOUT_MS);

	do {
		drop_sealed(log, forget);
		if (drop_is_over(log))
			return true;
		left = wait_event_timeout(log->media->wait, drop_is_over(log) ||
					  !list_empty(&log->sealed), left);
	} while (left);
	return false;
}

/* @over: not to be found any more.  Else its segments need it, until the media goes. */
static void drop_end(struct kvmem_log *log, bool over)
{
	bool put = false;

	spin_lock(&log->media->lock);
	if (!over) {
		log->stuck = true;
	} else if (!list_empty(&log->node)) {
		list_del_init(&log->node);
		put = true;
	}
	spin_unlock(&log->media->lock);
	if (put)
		kvmem_log_put(log);
}

void kvmem_log_drop(struct kvmem_log *log, bool forget)
{
	struct kvmem_media *media = log->media;
	bool over;
	int ret;

	/* First: after a crash in the middle nothing of it is found any more. */
	if (forget) {
		ret = kvmem_dir_release(media, log->slot);
		if (ret)
			pr_warn("media %s: namespace %s is still in the directory (%d)\n",
				media->name, log->ns->p.name, ret);
	}
	drop_begin(log, forget);
	over = drop_all(log, forget);
	if (!over)
		pr_warn("media %s: writes of namespace %s do not end\n", media->name,
			log->ns->p.name);
	drop_end(log, over);
}

void kvmem_log_drop_stuck(struct kvmem_media *media)
{
	struct kvmem_log *log, *next;

	list_for_each_entry_safe(log, next, &media->logs, node) {
		drop_sealed(log, false);
		WARN_ON_ONCE(!drop_is_over(log));
		drop_end(log, true);
	}
}
