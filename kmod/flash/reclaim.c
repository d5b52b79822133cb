// SPDX-License-Identifier: GPL-2.0
/*
 * Reclaim: segments are emptied ahead of need, whole.
 *
 * Those that are empty go as they become so: their space is the drive's again.
 *
 * Whose: a log that reached its quota, or found no segment, gives one of its
 * own; in a pool that shares, the member whose candidate is worth least does.
 * When nobody asks but few are free, it is the log that has most for its quota.
 * Which: of the oldest ones the one whose live bytes are worth least; never of
 * the newer half, where what was just put would go for being little.
 *
 * Before a segment goes, the best of what was used in it moves to another one,
 * within a twentieth of what was ever put, and the deletions that its table
 * records are recorded again; both are durable before the old table is given
 * up, so a crash at any moment finds the one or the other.  Then the table's
 * first page is zeroed, and only then are its blocks forgotten: as long as an
 * attach would find them, whoever deletes one finds it here, and records it.
 */
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include "flash/reclaim.h"
#include "ns.h"
#include "trace.h"

/* Blocks dropped under one hold of the lock. */
#define RECLAIM_DROP		64
/* The quota is kept from being reached by so many segments. */
#define RECLAIM_QUOTA_SLACK	2
/* Pages of a table in one read */
#define RECLAIM_PAGES		16U

/* Whose --------------------------------------------------------------------------- */

/* Those that wait to be discarded will be free in a moment. */
static u32 reclaim_free(const struct kvmem_media *media)
{
	return media->nr_free + media->nr_discards;
}

static u32 reclaim_high(const struct kvmem_media *media)
{
	u32 low = kvmem_reclaim_low(media);

	return low + max(low / 2, 1U);
}

/* A quota of few segments must not lose them to the slack. */
static bool log_over_quota(const struct kvmem_log *log)
{
	u64 quota = READ_ONCE(log->ns->flash.quota_bytes);
	u64 slack = RECLAIM_QUOTA_SLACK * (u64)log->media->super.segment_bytes;

	return quota &&
	       atomic64_read(&log->ns->flash.seg_bytes) + min(slack, quota / 4) > quota;
}

/* Short of its quota, or asking when segments are short. */
static bool log_is_due(const struct kvmem_log *log)
{
	return log_over_quota(log) ||
	       (log->wants && reclaim_free(log->media) < reclaim_high(log->media));
}

/* 1024ths of the quota, or of the media. */
static u64 log_share(const struct kvmem_log *log)
{
	const struct kvmem_super *super = &log->media->super;
	u64 whole = READ_ONCE(log->ns->flash.quota_bytes) ?: super->media_bytes;

	return div64_u64((u64)log->nr_segments * super->segment_bytes << 10, whole);
}

static void reclaim_watermark(struct kvmem_reclaim *r)
{
	u32 nr = reclaim_free(r->media);

	if (nr < kvmem_reclaim_low(r->media))
		r->filling = true;
	else if (nr >= reclaim_high(r->media))
		r->filling = false;
}

/* The log that gives a segment, or NULL.  Caller holds media->lock. */
static struct kvmem_log *reclaim_pick_locked(struct kvmem_reclaim *r)
{
	struct kvmem_log *log, *most = NULL;
	u64 share, most_share = 0;

	lockdep_assert_held(&r->media->lock);
	reclaim_watermark(r);
	list_for_each_entry(log, &r->media->logs, node) {
		if (list_empty(&log->sealed) || log->dead) {
			/* It has nothing to give: the watermark gets it a segment. */
			log->wants = false;
			continue;
		}
		if (log_is_due(log))
			return log;
		log->wants = false;
		share = log_share(log);
		if (!most || share > most_share) {
			most = log;
			most_share = share;
		}
	}
	return r->filling ? most : NULL;
}

static bool log_may_share(const struct kvmem_log *log)
{
	return log->ns->pool && READ_ONCE(log->ns->pool->p.share) && !log_over_quota(log);
}

/* Referenced; *@share: another member of its pool may give one instead. */
static struct kvmem_log *reclaim_pick(struct kvmem_reclaim *r, bool *share)
{
	struct kvmem_log *log;

	spin_lock(&r->media->lock);
	log = reclaim_pick_locked(r);
	if (log) {
		*share = log->wants && log_may_share(log);
		log->wants = false;
		kref_get(&log->ref);
		/* The next one that asks is another one. */
		list_move_tail(&log->node, &r->media->logs);
	}
	spin_unlock(&r->media->lock);
	return log;
}

/* Which --------------------------------------------------------------------------- */

u32 kvmem_reclaim_value(const struct kvmem_reclaim *r, const struct kvmem_copy *copy)
{
	s64 age = r->now - READ_ONCE(copy->last_use);

	if (kvmem_expires_past(copy->expires))
		return 0;
	return kvmem_table_value(&r->table, copy->class, max_t(s64, age, 0));
}

/*
 * What the live bytes are worth together.  The first of its blocks speak for
 * all: they were written at about the same time.
 */
static u64 seg_score(struct kvmem_reclaim *r, struct kvmem_segment *seg)
{
	u64 worth = 0, bytes = 0;
	struct kvmem_copy *copy;
	unsigned int nr = 0;

	list_for_each_entry(copy, &seg->copies, node) {
		u32 value = kvmem_reclaim_value(r, copy);

		if (nr++ == KVMEM_RECLAIM_SAMPLE)
			break;
		r->values[r->nr_values++] = value;
		worth += (u64)value * copy->size;
		bytes += copy->size;
	}
	return bytes ? div64_u64(worth, bytes) * seg->live_bytes : 0;
}

/* Of the older half only: what was put last stays a while, however little it is. */
static unsigned int reclaim_candidates(const struct kvmem_log *log)
{
	return clamp(log->nr_segments / 2, 1U, (u32)KVMEM_RECLAIM_OLDEST);
}

struct reclaim_candidate {
	struct kvmem_log *log;
	struct kvmem_segment *seg;
	u64 generation;
	u64 score;
};

/* The candidate of r->log; r->values are those of all that were looked at. */
static struct reclaim_candidate reclaim_look(struct kvmem_reclaim *r)
{
	struct reclaim_candidate best = { .log = r->log };
	struct kvmem_segment *seg;
	unsigned int nr = 0, max;
	u64 score;

	/* ns->lock is never held with media->lock. */
	kvmem_ns_copy_table(r->log->ns, &r->table);
	r->now = ktime_get_ns();
	r->nr_values = 0;
	spin_lock(&r->media->lock);
	max = reclaim_candidates(r->log);
	list_for_each_entry(seg, &r->log->sealed, node) {
		if (seg->stuck || (r->no_gone && seg->nr_gone))
			continue;
		if (nr++ == max)
			break;
		score = seg_score(r, seg);
		if (!best.seg || score < best.score) {
			best.seg = seg;
			best.generation = seg->generation;
			best.score = score;
		}
	}
	spin_unlock(&r->media->lock);
	return best;
}

/* Logs on the media whose namespaces are in @pool, referenced; how many. */
static unsigned int pool_logs(struct kvmem_media *media, const struct kvmem_pool *pool,
			      struct kvmem_log **logs, unsigned int max)
{
	struct kvmem_log *log;
	unsigned int nr = 0;

	spin_lock(&media->lock);
	list_for_each_entry(log, &media->logs, node) {
		if (log->ns->pool != pool || list_empty(&log->sealed) || log->dead)
			continue;
		if (nr < max) {
			kref_get(&log->ref);
			logs[nr] = log;
		}
		nr++;
	}
	spin_unlock(&media->lock);
	return nr;
}

/*
 * Of @log's pool the member whose candidate is worth least; its reference takes
 * the place of @log's.
 */
static struct kvmem_log *reclaim_weakest(struct kvmem_reclaim *r, struct kvmem_log *log)
{
	unsigned int i, nr, max = pool_logs(r->media, log->ns->pool, NULL, 0);
	struct reclaim_candidate cand, best = { .log = log };
	struct kvmem_log **logs;

	logs = kvmalloc_array(max, sizeof(*logs), GFP_NOIO | __GFP_NOWARN);
	if (!logs)
		return log;
	nr = min(pool_logs(r->media, log->ns->pool, logs, max), max);
	for (i = 0; i < nr; i++) {
		r->log = logs[i];
		cand = reclaim_look(r);
		if (cand.seg && (!best.seg || cand.score < best.score))
			best = cand;
		cond_resched();
	}
	kref_get(&best.log->ref);
	kvmem_log_put(log);
	while (nr)
		kvmem_log_put(logs[--nr]);
	kvfree(logs);
	return best.log;
}

static int value_cmp(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

/* From here on the segment is ours.  False: none, or somebody was faster. */
static bool reclaim_take(struct kvmem_reclaim *r)
{
	struct reclaim_candidate cand = reclaim_look(r);
	bool taken = false;

	if (!cand.seg)
		return false;
	spin_lock(&r->media->lock);
	if (cand.seg->state == KVMEM_SEG_SEALED && cand.seg->generation == cand.generation) {
		kvmem_segment_set(cand.seg, KVMEM_SEG_RECLAIM);
		taken = true;
	}
	spin_unlock(&r->media->lock);
	r->seg = cand.seg;
	sort(r->values, r->nr_values, sizeof(r->values[0]), value_cmp, NULL);
	r->median = r->nr_values ? r->values[r->nr_values / 2] : 0;
	r->moved_bytes = 0;
	r->dirty = false;
	return taken;
}

/* Deletions ----------------------------------------------------------------------- */

/* What it says is gone is still on the media, and not just in the same segment. */
static bool gone_is_needed(struct kvmem_reclaim *r, const struct kvmem_media_gone *gone)
{
	u32 no = le32_to_cpu(gone->segment);
	struct kvmem_segment *target;
	bool needed;

	if (no >= r->media->super.nr_segments)
		return false;
	target = &r->media->segments[no];
	spin_lock(&r->media->lock);
	needed = target != r->seg && target->state != KVMEM_SEG_FREE &&
		 target->generation == le64_to_cpu(gone->generation);
	spin_unlock(&r->media->lock);
	return needed;
}

static int gone_page(struct kvmem_reclaim *r, const struct kvmem_media_table *page)
{
	unsigned int i, nr = le16_to_cpu(page->nr_entries);
	int ret;

	for (i = 0; i < nr; i++) {
		const struct kvmem_media_gone *gone = &page->entries[i].gone;

		if (gone->type != KVMEM_MEDIA_ENTRY_GONE || !gone_is_needed(r, gone))
			continue;
		ret = kvmem_log_gone_again(r->log, gone);
		if (ret)
			return ret;
		r->dirty = true;
	}
	return 0;
}

/* Pages @first to @first + @nr; they lie in @buf from the last to the first. */
static int gone_pages(struct kvmem_reclaim *r, struct kvmem_dev_buf *buf, u32 first, u32 nr,
		      struct kvmem_table_head *head)
{
	const struct kvmem_super *super = &r->media->super;
	u32 no = r->seg->no, i;
	int ret;

	ret = kvmem_dev_rw(&r->media->dev, KVMEM_IO_READ, KVMEM_IO_F_BACKGROUND,
			   kvmem_table_offset(super, no, first + nr - 1), buf, 0,
			   (size_t)nr * KVMEM_MEDIA_PAGE);
	if (ret)
		return -EILSEQ;
	for (i = 0; i < nr && !ret; i++) {
		const struct kvmem_media_table *page = kvmem_dev_buf_data(buf) +
						       (nr - 1 - i) * KVMEM_MEDIA_PAGE;

		if (kvmem_table_check(page, super, no, first + i, head) ||
		    head->generation != r->seg->generation)
			return -EILSEQ;
		ret = gone_page(r, page);
	}
	return ret;
}

/*
 * 0: all that are needed are written.  -EILSEQ: the table cannot be read; else
 * they could not be written.
 */
static int gone_again(struct kvmem_reclaim *r)
{
	u32 first, nr, pages = r->seg->pages;
	struct kvmem_table_head head = {};
	struct kvmem_dev_buf *buf;
	int ret = 0;

	if (!r->seg->nr_gone)
		return 0;
	buf = kvmem_dev_alloc(RECLAIM_PAGES * KVMEM_MEDIA_PAGE);
	if (!buf)
		return -ENOMEM;
	for (first = 0; first < pages && !ret; first += nr) {
		nr = min(RECLAIM_PAGES, pages - first);
		ret = gone_pages(r, buf, first, nr, &head);
		cond_resched();
	}
	kvmem_dev_buf_put(buf);
	return ret;
}

/* Emptying ------------------------------------------------------------------------ */

struct reclaim_drop {
	struct kvmem_copy *copy;
	bool persisted;
};

static unsigned int drop_some(struct kvmem_reclaim *r, struct reclaim_drop *drops)
{
	struct kvmem_copy *copy, *next;
	unsigned int nr = 0;

	spin_lock(&r->media->lock);
	list_for_each_entry_safe(copy, next, &r->seg->copies, node) {
		bool persisted = copy->state == KVMEM_BLOCK_PERSISTED;

		/* What is in the list is readable, so this succeeds, and its reference is ours. */
		if (!kvmem_copy_unlink_locked(copy, KVMEM_BLOCK_EVICTED))
			continue;
		drops[nr++] = (struct reclaim_drop) { .copy = copy, .persisted = persisted };
		if (nr == RECLAIM_DROP)
			break;
	}
	spin_unlock(&r->media->lock);
	return nr;
}

static void reclaim_drop(struct kvmem_reclaim *r)
{
	struct reclaim_drop drops[RECLAIM_DROP];
	unsigned int nr;

	while ((nr = drop_some(r, drops))) {
		while (nr--) {
			struct kvmem_copy *copy = drops[nr].copy;

			/* Takes ns->lock, which is never held with media->lock. */
			if (drops[nr].persisted)
				kvmem_block_unpersist(copy->ns, &copy->key);
			kvmem_copy_put(copy);
		}
		cond_resched();
	}
}

/*
 * The table stays, and names what was moved, too.  The segment is ours until it
 * is set, so it is the same for all of them.
 */
static void reclaim_give_back(struct kvmem_reclaim *r, bool stuck)
{
	kvmem_move_undo(r);
	spin_lock(&r->media->lock);
	r->seg->stuck = stuck;
	kvmem_segment_set(r->seg, KVMEM_SEG_SEALED);
	spin_unlock(&r->media->lock);
	kvmem_move_end(r);
	wake_up_all(&r->media->wait);
}

static void wipe_count(struct kvmem_media *media)
{
	spin_lock(&media->lock);
	media->counts.bytes[KVMEM_WRITE_TABLE] += KVMEM_MEDIA_PAGE;
	media->counts.blocks[KVMEM_WRITE_TABLE]++;
	kvmem_budget_charge(&media->budget, KVMEM_MEDIA_PAGE, ktime_get_ns());
	spin_unlock(&media->lock);
}

/*
 * What is there now is as good as evicted, and counted before an attach could
 * find it so: a write that fails may have been done all the same.
 */
static void wipe_begin(struct kvmem_reclaim *r)
{
	spin_lock(&r->media->lock);
	r->media->counts.evicted_blocks += r->seg->live_blocks;
	spin_unlock(&r->media->lock);
}

/* False: attach may still believe the table. */
static bool reclaim_wipe(struct kvmem_reclaim *r)
{
	struct kvmem_media *media = r->media;
	int ret;

	wipe_begin(r);
	ret = kvmem_dev_rw(&media->dev, KVMEM_IO_WRITE,
			   KVMEM_IO_F_FUA | KVMEM_IO_F_BACKGROUND,
			   kvmem_table_offset(&media->super, r->seg->no, 0), r->zeroes, 0,
			   KVMEM_MEDIA_PAGE);
	if (ret)
		trace_kvmem_media_error(media->id, r->seg->no, KVMEM_IO_WRITE, ret);
	else
		wipe_count(media);
	return !ret;
}

static void reclaim_let_go(struct kvmem_reclaim *r)
{
	struct kvmem_media *media = r->media;

	spin_lock(&media->lock);
	media->counts.reclaimed++;
	kvmem_segment_release(r->seg);
	spin_unlock(&media->lock);
	wake_up_all(&media->wait);
}

static void reclaim_segment(struct kvmem_reclaim *r)
{
	u32 live_blocks = READ_ONCE(r->seg->live_blocks);
	u64 live_bytes = READ_ONCE(r->seg->live_bytes);
	int gone = gone_again(r), synced;

	/* Deletions that cannot be read, or not be recorded elsewhere now, keep the table. */
	if (gone) {
		r->no_gone = true;
		reclaim_give_back(r, gone == -EILSEQ);
		return;
	}
	kvmem_move_some(r);
	synced = r->dirty ? kvmem_table_sync(r->media) : 0;
	kvmem_move_check(r);
	if (synced && r->seg->nr_gone) {
		r->no_gone = true;
		reclaim_give_back(r, false);
		return;
	}
	if (!reclaim_wipe(r)) {
		reclaim_give_back(r, true);
		return;
	}
	kvmem_move_end(r);
	reclaim_drop(r);
	trace_kvmem_reclaim(r->media->id, r->seg->no, live_blocks, live_bytes, r->moved_bytes);
	reclaim_let_go(r);
}

/* Work ---------------------------------------------------------------------------- */

/* False: there is none. */
static bool reclaim_empty(struct kvmem_reclaim *r)
{
	r->log = kvmem_segment_take_empty(r->media, r->no_gone, &r->seg);
	if (!r->log)
		return false;
	r->moved_bytes = 0;
	r->dirty = false;
	reclaim_segment(r);
	kvmem_log_put(r->log);
	return true;
}

/* False: nothing is wanted, or nothing can be had. */
static bool reclaim_wanted(struct kvmem_reclaim *r)
{
	bool share, taken;
	struct kvmem_log *log = reclaim_pick(r, &share);

	if (!log)
		return false;
	if (share)
		log = reclaim_weakest(r, log);
	r->log = log;
	taken = reclaim_take(r);
	if (taken)
		reclaim_segment(r);
	kvmem_log_put(log);
	return taken;
}

/* Free segments may have become few without any reclaim, too. */
static bool reclaim_once(struct kvmem_reclaim *r)
{
	bool more = reclaim_empty(r) || reclaim_wanted(r);

	kvmem_discard_hurry(r->media);
	return more;
}

static struct kvmem_reclaim *reclaim_alloc(struct kvmem_media *media)
{
	struct kvmem_reclaim *r = kvzalloc(sizeof(*r), GFP_NOIO | __GFP_NOWARN);

	if (!r)
		return NULL;
	r->media = media;
	r->zeroes = kvmem_dev_alloc(KVMEM_MEDIA_PAGE);
	if (!r->zeroes) {
		kvfree(r);
		return NULL;
	}
	memset(kvmem_dev_buf_data(r->zeroes), 0, KVMEM_MEDIA_PAGE);
	return r;
}

/* Each turn empties a segment, or gives up on those with deletions, or is the last. */
void kvmem_reclaim_work(struct work_struct *work)
{
	struct kvmem_media *media = container_of(work, struct kvmem_media, reclaim_work);
	u32 turns = media->super.nr_segments;
	struct kvmem_reclaim *r = reclaim_alloc(media);

	/* For want of memory: whoever finds too few segments asks again. */
	if (!r)
		return;
	while (turns-- && kvmem_media_writable(media) && reclaim_once(r))
		cond_resched();
	kvmem_dev_buf_put(r->zeroes);
	kvfree(r);
}

void kvmem_reclaim_kick(struct kvmem_media *media)
{
	if (kvmem_media_writable(media))
		queue_work(media->wq, &media->reclaim_work);
}
