// SPDX-License-Identifier: GPL-2.0
/*
 * Segments: their life, and room in them.
 *
 * Data grows from a segment's start upwards, table pages from its end
 * downwards.  Whoever reserves room for data leaves enough between them for
 * the pages of every entry that is still to come, so a page that is full
 * always finds its place; one that goes out early does so only if that stays
 * true.
 */
#include <linux/align.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "flash/log.h"
#include "ns.h"
#include "trace.h"

/* Free segments that only re-insertion and GONE entries get. */
#define SEG_KEPT	2
/* Deletions recorded in an empty segment may have such a share of it. */
#define SEG_GONE_SHARE	64
/* Sealed segments among which an empty one is looked for */
#define SEG_FIRST	8
/* Reclaim begins when the quota leaves no more than these. */
#define SEG_QUOTA_NEAR	2

int kvmem_segments_init(struct kvmem_media *media)
{
	struct kvmem_segment *seg;
	u32 no;

	mutex_init(&media->sync.lock);
	media->segments = kvcalloc(media->super.nr_segments, sizeof(*seg), GFP_KERNEL);
	if (!media->segments)
		return -ENOMEM;
	for (no = 0; no < media->super.nr_segments; no++) {
		seg = &media->segments[no];
		INIT_LIST_HEAD(&seg->node);
		INIT_LIST_HEAD(&seg->copies);
		INIT_LIST_HEAD(&seg->sent);
		seg->media = media;
		seg->no = no;
		seg->state = KVMEM_SEG_BAD;
		if (!(no % 1024))
			cond_resched();
	}
	return 0;
}

void kvmem_segments_free(struct kvmem_media *media)
{
	u32 no;

	if (!media->segments)
		return;
	kvmem_log_drop_stuck(media);
	for (no = 0; no < media->super.nr_segments; no++) {
		kvmem_table_free(&media->segments[no]);
		WARN_ON_ONCE(!list_empty(&media->segments[no].copies));
		if (!(no % 1024))
			cond_resched();
	}
	kvfree(media->segments);
	media->segments = NULL;
}

/* Life ----------------------------------------------------------------------- */

/* Of those the log has, and the quota counts; one under reclaim is as good as gone. */
static bool state_is_counted(u8 state)
{
	return state == KVMEM_SEG_OPEN || state == KVMEM_SEG_SEALING ||
	       state == KVMEM_SEG_SEALED;
}

static void segment_count(struct kvmem_segment *seg, int sign)
{
	struct kvmem_log *log = seg->log;

	log->nr_segments += sign;
	atomic64_add(sign * (s64)seg->media->super.segment_bytes, &log->ns->flash.seg_bytes);
}

static void segment_leave(struct kvmem_segment *seg)
{
	struct kvmem_media *media = seg->media;

	if (state_is_counted(seg->state))
		segment_count(seg, -1);
	if (list_empty(&seg->node))
		return;
	list_del_init(&seg->node);
	if (seg->state == KVMEM_SEG_FREE)
		media->nr_free--;
	else if (seg->state == KVMEM_SEG_DISCARD)
		media->nr_discards--;
}

/* By generation; nearly always one of the two ends. */
static void segment_add_sealed(struct kvmem_segment *seg)
{
	struct list_head *sealed = &seg->log->sealed;
	struct kvmem_segment *other;

	other = list_first_entry_or_null(sealed, struct kvmem_segment, node);
	if (!other || seg->generation < other->generation) {
		list_add(&seg->node, sealed);
		return;
	}
	list_for_each_entry_reverse(other, sealed, node)
		if (other->generation < seg->generation)
			break;
	list_add(&seg->node, &other->node);
}

static void segment_enter(struct kvmem_segment *seg)
{
	struct kvmem_media *media = seg->media;

	if (state_is_counted(seg->state))
		segment_count(seg, 1);
	switch (seg->state) {
	case KVMEM_SEG_FREE:
		list_add_tail(&seg->node, &media->free);
		media->nr_free++;
		wake_up_all(&media->wait);
		break;
	case KVMEM_SEG_DISCARD:
		list_add_tail(&seg->node, &media->discards);
		media->nr_discards++;
		break;
	case KVMEM_SEG_SEALING:
	case KVMEM_SEG_RECLAIM:
		list_add_tail(&seg->node, &seg->log->busy);
		break;
	case KVMEM_SEG_SEALED:
		segment_add_sealed(seg);
		wake_up_all(&media->wait);
		break;
	case KVMEM_SEG_ORPHAN:
		list_add_tail(&seg->node, &media->orphans);
		break;
	}
}

void kvmem_segment_set(struct kvmem_segment *seg, enum kvmem_segment_state to)
{
	lockdep_assert_held(&seg->media->lock);
	trace_kvmem_segment_state(seg->media->id, seg->no, seg->state, to);
	segment_leave(seg);
	/* kvmem_segment_put() looks at it without the lock. */
	WRITE_ONCE(seg->state, to);
	segment_enter(seg);
}

static void segment_start_discard(struct kvmem_media *media)
{
	mod_delayed_work(media->wq, &media->discard_work, 0);
}

void kvmem_segment_put(struct kvmem_segment *seg)
{
	/* Who detaches waits for the last use, and then for RCU, before the queue goes. */
	rcu_read_lock();
	/*
	 * Fully ordered, as are the state and the look at @users in
	 * kvmem_segment_release(): one of the two starts the discard.
	 */
	if (atomic_dec_and_test(&seg->users) && READ_ONCE(seg->state) == KVMEM_SEG_DISCARD)
		segment_start_discard(seg->media);
	rcu_read_unlock();
}

void kvmem_segment_release(struct kvmem_segment *seg)
{
	lockdep_assert_held(&seg->media->lock);
	WARN_ON_ONCE(!list_empty(&seg->copies) || seg->page || !list_empty(&seg->sent));
	kvmem_segment_set(seg, KVMEM_SEG_DISCARD);
	seg->log = NULL;
	wake_up_all(&seg->media->wait);
	/* Who drops the last use after this barrier sees the state. */
	smp_mb();
	if (!atomic_read(&seg->users))
		segment_start_discard(seg->media);
}

void kvmem_segment_orphan(struct kvmem_segment *seg)
{
	lockdep_assert_held(&seg->media->lock);
	WARN_ON_ONCE(!list_empty(&seg->copies));
	kvmem_segment_set(seg, KVMEM_SEG_ORPHAN);
	seg->log = NULL;
	wake_up_all(&seg->media->wait);
}

/*
 * To where reclaim looks first.  Deletions that its table records are written
 * once more then, so one that has mostly those stays until it is wanted: they
 * would be written again and again.
 */
void kvmem_segment_emptied(struct kvmem_segment *seg)
{
	u64 gone = (u64)seg->nr_gone * sizeof(struct kvmem_media_gone);

	lockdep_assert_held(&seg->media->lock);
	if (seg->state != KVMEM_SEG_SEALED || seg->stuck ||
	    gone > seg->media->super.segment_bytes / SEG_GONE_SHARE)
		return;
	list_move(&seg->node, &seg->log->sealed);
	seg->log->empties = true;
	kvmem_reclaim_kick(seg->media);
}

/* One of the first; a few others, sealed late, may have come in front of it. */
static struct kvmem_segment *log_empty_locked(struct kvmem_log *log, bool no_gone)
{
	struct kvmem_segment *seg;
	unsigned int nr = 0;

	lockdep_assert_held(&log->media->lock);
	list_for_each_entry(seg, &log->sealed, node) {
		if (!seg->live_blocks && !seg->stuck && !(no_gone && seg->nr_gone))
			return seg;
		if (++nr == SEG_FIRST)
			break;
	}
	log->empties = false;
	return NULL;
}

struct kvmem_log *kvmem_segment_take_empty(struct kvmem_media *media, bool no_gone,
					   struct kvmem_segment **seg)
{
	struct kvmem_log *log, *found = NULL;

	spin_lock(&media->lock);
	list_for_each_entry(log, &media->logs, node) {
		*seg = log->empties && !log->dead ? log_empty_locked(log, no_gone) : NULL;
		if (!*seg)
			continue;
		kvmem_segment_set(*seg, KVMEM_SEG_RECLAIM);
		kref_get(&log->ref);
		found = log;
		break;
	}
	spin_unlock(&media->lock);
	return found;
}

/* Sealing -------------------------------------------------------------------- */

void kvmem_segment_settle(struct kvmem_segment *seg)
{
	lockdep_assert_held(&seg->media->lock);
	if (seg->state != KVMEM_SEG_SEALING || seg->writes)
		return;
	if (!seg->log->forget)
		kvmem_table_send(seg);
	/* What is still at hand has no entry, or none that anybody wants. */
	kvmem_table_drop(seg);
	if (!list_empty(&seg->sent))
		return;
	seg->sealed_at = ktime_get_ns();
	kvmem_segment_set(seg, KVMEM_SEG_SEALED);
	if (!seg->live_blocks)
		kvmem_segment_emptied(seg);
}

void kvmem_segment_seal_locked(struct kvmem_segment *seg)
{
	struct kvmem_log *log = seg->log;

	lockdep_assert_held(&seg->media->lock);
	if (seg->state != KVMEM_SEG_OPEN || log->open[seg->temperature] != seg)
		return;
	log->open[seg->temperature] = NULL;
	kvmem_segment_set(seg, KVMEM_SEG_SEALING);
	kvmem_segment_settle(seg);
}

void kvmem_segment_seal(struct kvmem_segment *seg)
{
	spin_lock(&seg->media->lock);
	kvmem_segment_seal_locked(seg);
	spin_unlock(&seg->media->lock);
}

void kvmem_segment_write_ended(struct kvmem_segment *seg)
{
	lockdep_assert_held(&seg->media->lock);
	seg->writes--;
	kvmem_segment_settle(seg);
}

void kvmem_segment_unreserve(struct kvmem_segment *seg, unsigned int entries)
{
	spin_lock(&seg->media->lock);
	seg->due -= entries;
	kvmem_segment_write_ended(seg);
	spin_unlock(&seg->media->lock);
	kvmem_segment_put(seg);
}

/* Room ----------------------------------------------------------------------- */

static u64 table_bytes(u32 pages)
{
	return (u64)pages * KVMEM_MEDIA_PAGE;
}

static bool segment_has_room(const struct kvmem_segment *seg, const struct kvmem_ask *ask)
{
	u64 end = ALIGN((u64)seg->fill, ask->align) + ask->bytes;
	u32 pages = seg->pages + kvmem_table_pages(seg->due + ask->entries);

	return seg->table == KVMEM_TABLE_GOOD && seg->generation >= ask->generation &&
	       end + table_bytes(pages) <= seg->media->super.segment_bytes;
}

/* Larger than a segment that has nothing but its first page. */
static bool ask_is_too_big(const struct kvmem_ask *ask)
{
	u64 bytes = (u64)ask->bytes + table_bytes(1 + kvmem_table_pages(ask->entries));

	return bytes > ask->log->media->super.segment_bytes;
}

static struct kvmem_segment *reserve_in(struct kvmem_segment *seg, const struct kvmem_ask *ask,
					u32 *offset)
{
	lockdep_assert_held(&seg->media->lock);
	*offset = ALIGN(seg->fill, ask->align);
	seg->fill = *offset + ask->bytes;
	seg->due += ask->entries;
	seg->writes++;
	kvmem_segment_get(seg);
	return seg;
}

/*
 * A deletion counts while the media is let go, too; but not before all tables
 * are read, when the next generation is not known.
 */
static bool ask_is_allowed(const struct kvmem_ask *ask)
{
	struct kvmem_media *media = ask->log->media;

	if (ask->log->dead)
		return false;
	return kvmem_media_writable(media) ||
	       (ask->gone && media->state == KVMEM_MEDIA_STATE_DETACHING);
}

static struct kvmem_segment *reserve_open_locked(const struct kvmem_ask *ask, u32 *offset)
{
	struct kvmem_segment *seg = ask->log->open[ask->temperature];

	lockdep_assert_held(&ask->log->media->lock);
	if (!ask_is_allowed(ask))
		return ERR_PTR(-ESHUTDOWN);
	return seg && segment_has_room(seg, ask) ? reserve_in(seg, ask, offset) : NULL;
}

static struct kvmem_segment *reserve_open(const struct kvmem_ask *ask, u32 *offset)
{
	struct kvmem_segment *seg;

	spin_lock(&ask->log->media->lock);
	seg = reserve_open_locked(ask, offset);
	spin_unlock(&ask->log->media->lock);
	return seg;
}

/* Of whatever temperature: better mixed with others than not written. */
static struct kvmem_segment *reserve_any(const struct kvmem_ask *ask, u32 *offset)
{
	struct kvmem_ask any = *ask;
	struct kvmem_segment *seg = NULL;

	for (any.temperature = 0; !seg && any.temperature < KVMEM_NR_TEMPS; any.temperature++)
		seg = reserve_open(&any, offset);
	return seg;
}

/* Opening -------------------------------------------------------------------- */

static bool quota_has(const struct kvmem_ns *ns, u64 bytes)
{
	u64 quota = READ_ONCE(ns->flash.quota_bytes);

	return !quota || (u64)atomic64_read(&ns->flash.seg_bytes) + bytes <= quota;
}

static void open_kick_reclaim(struct kvmem_log *log)
{
	struct kvmem_media *media = log->media;

	if (media->nr_free < kvmem_reclaim_low(media) ||
	    !quota_has(log->ns, SEG_QUOTA_NEAR * (u64)media->super.segment_bytes))
		kvmem_reclaim_kick(media);
}

static struct kvmem_segment *open_refuse(struct kvmem_log *log)
{
	log->wants = true;
	kvmem_reclaim_kick(log->media);
	return ERR_PTR(-ENOSPC);
}

static void segment_become(struct kvmem_segment *seg, struct kvmem_log *log,
			   unsigned int temperature)
{
	seg->log = log;
	seg->generation = ++seg->media->generation;
	seg->salt = get_random_u64();
	seg->slot = log->slot;
	seg->slot_generation = log->slot_generation;
	seg->temperature = temperature;
	seg->table = KVMEM_TABLE_GOOD;
	seg->stuck = false;
	seg->fill = 0;
	seg->due = 0;
	seg->nr_gone = 0;
	seg->sealed_at = 0;
	/* The first one, which opens it. */
	seg->pages = 1;
	kvmem_segment_set(seg, KVMEM_SEG_OPEN);
}

static void segment_give_up(struct kvmem_segment *seg, enum kvmem_segment_state to)
{
	kvmem_segment_set(seg, to);
	seg->log = NULL;
	wake_up_all(&seg->media->wait);
}

/*
 * A free segment becomes the log's, but nobody can reserve in it yet.  The
 * quota is looked at after the segment was counted: of two media that reach it
 * together, at least one sees that.
 */
static struct kvmem_segment *open_take(const struct kvmem_ask *ask)
{
	struct kvmem_log *log = ask->log;
	struct kvmem_media *media = log->media;
	bool kept = ask->gone || ask->temperature == KVMEM_NR_TEMPS - 1;
	struct kvmem_segment *seg;

	lockdep_assert_held(&media->lock);
	if (media->nr_free <= (kept ? 0 : SEG_KEPT) ||
	    (!ask->gone && !quota_has(log->ns, media->super.segment_bytes)))
		return open_refuse(log);
	seg = list_first_entry(&media->free, struct kvmem_segment, node);
	segment_become(seg, log, ask->temperature);
	if (!ask->gone && !quota_has(log->ns, 0)) {
		segment_give_up(seg, KVMEM_SEG_FREE);
		return open_refuse(log);
	}
	open_kick_reclaim(log);
	return seg;
}

/* Its first page is durable: it takes the place of the one that is full. */
static struct kvmem_segment *open_install(struct kvmem_segment *seg, const struct kvmem_ask *ask,
					  u32 *offset)
{
	struct kvmem_log *log = ask->log;
	struct kvmem_segment *old = log->open[ask->temperature];

	lockdep_assert_held(&log->media->lock);
	if (!ask_is_allowed(ask)) {
		segment_give_up(seg, KVMEM_SEG_DISCARD);
		segment_start_discard(log->media);
		return ERR_PTR(-ESHUTDOWN);
	}
	if (old)
		kvmem_segment_seal_locked(old);
	log->open[ask->temperature] = seg;
	return reserve_in(seg, ask, offset);
}

/* Without memory nothing was written; else what is there now is not known. */
static void open_failed(struct kvmem_segment *seg, int err)
{
	struct kvmem_media *media = seg->media;

	spin_lock(&media->lock);
	segment_give_up(seg, err == -ENOMEM ? KVMEM_SEG_FREE : KVMEM_SEG_BAD);
	spin_unlock(&media->lock);
	kvmem_log_io_result(seg, err);
}

static struct kvmem_segment *open_new(const struct kvmem_ask *ask, u32 *offset)
{
	struct kvmem_media *media = ask->log->media;
	struct kvmem_segment *seg;
	bool taken = false;
	int err;

	lockdep_assert_held(&ask->log->open_lock);
	spin_lock(&media->lock);
	/* Somebody else may have opened one while we waited for the mutex. */
	seg = reserve_open_locked(ask, offset);
	if (!seg) {
		seg = open_take(ask);
		taken = !IS_ERR(seg);
	}
	spin_unlock(&media->lock);
	if (!taken)
		return seg;
	err = kvmem_table_open(seg);
	if (err) {
		open_failed(seg, err);
		return ERR_PTR(err);
	}
	spin_lock(&media->lock);
	seg = open_install(seg, ask, offset);
	spin_unlock(&media->lock);
	return seg;
}

struct kvmem_segment *kvmem_segment_reserve_ask(const struct kvmem_ask *ask, u32 *offset)
{
	struct kvmem_segment *seg, *any;

	if (WARN_ON_ONCE(ask->temperature >= KVMEM_NR_TEMPS))
		return ERR_PTR(-EINVAL);
	if (ask_is_too_big(ask))
		return ERR_PTR(-EFBIG);
	seg = ask->gone ? reserve_any(ask, offset) : reserve_open(ask, offset);
	if (seg)
		return seg;
	mutex_lock(&ask->log->open_lock);
	seg = open_new(ask, offset);
	mutex_unlock(&ask->log->open_lock);
	if (seg != ERR_PTR(-ENOSPC))
		return seg;
	any = reserve_any(ask, offset);
	return any ?: seg;
}

struct kvmem_segment *kvmem_segment_reserve(struct kvmem_log *log, unsigned int temperature,
					    size_t bytes, unsigned int entries, u32 align,
					    u32 *offset)
{
	const struct kvmem_ask ask = {
		.log = log,
		.temperature = temperature,
		.bytes = bytes,
		.entries = entries,
		.align = align,
	};

	return kvmem_segment_reserve_ask(&ask, offset);
}
