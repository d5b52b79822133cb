// SPDX-License-Identifier: GPL-2.0
/*
 * Re-insertion: the best of what a segment under reclaim has moves to another
 * one, within a twentieth of what was ever put.
 *
 * From the first move until the segment's table is given up, what was moved has
 * two entries on the media: who deletes it meanwhile has to know of both
 * (kvmem_reclaim_origin()).
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <linux/string.h>
#include "flash/reclaim.h"
#include "ns.h"

/* Blocks that move at once; looked at under one hold of the lock. */
#define MOVE_INFLIGHT	8
/* Of those that share transfers so many may be under way: some of these. */
#define MOVE_PACKED	256
#define MOVE_STEP	256
/* Re-insertion may write one byte for so many that were put. */
#define MOVE_SHARE	20

static int pick_cmp(const void *a, const void *b)
{
	const struct kvmem_reclaim_pick *x = a, *y = b;

	return x->value > y->value ? -1 : x->value < y->value;
}

/* From the best down; of too many, half are forgotten. */
static void picks_sort(struct kvmem_reclaim *r)
{
	sort(r->picks, r->nr_picks, sizeof(r->picks[0]), pick_cmp, NULL);
	if (r->nr_picks <= KVMEM_RECLAIM_PICKS - MOVE_STEP)
		return;
	while (r->nr_picks > KVMEM_RECLAIM_PICKS / 2)
		kvmem_copy_put(r->picks[--r->nr_picks].copy);
}

/* From here on whoever deletes what was moved finds its origin, too. */
static void moving_begin(struct kvmem_reclaim *r)
{
	r->moving.picks = r->picks;
	r->moving.nr = r->nr_picks;
	spin_lock(&r->media->lock);
	r->media->moving = &r->moving;
	spin_unlock(&r->media->lock);
}

/* To here: the origins have no entries any more, or are on record as gone. */
void kvmem_move_end(struct kvmem_reclaim *r)
{
	spin_lock(&r->media->lock);
	r->media->moving = NULL;
	spin_unlock(&r->media->lock);
	while (r->nr_picks)
		kvmem_copy_put(r->picks[--r->nr_picks].copy);
}

struct kvmem_copy *kvmem_reclaim_origin(const struct kvmem_copy *copy)
{
	struct kvmem_media *media = copy->seg->media;
	struct kvmem_copy *origin = NULL;
	unsigned int i;

	spin_lock(&media->lock);
	for (i = 0; media->moving && i < media->moving->nr; i++) {
		struct kvmem_copy *old = media->moving->picks[i].copy;

		if (old != copy && old->ns == copy->ns &&
		    !memcmp(&old->key, &copy->key, sizeof(old->key))) {
			/* Not released yet, so it is not reused before this is put. */
			kvmem_copy_get(old);
			kvmem_segment_get(old->seg);
			origin = old;
			break;
		}
	}
	spin_unlock(&media->lock);
	return origin;
}

static void picks_try(struct kvmem_reclaim *r, struct kvmem_copy *copy)
{
	u32 value = kvmem_reclaim_value(r, copy);

	if (!READ_ONCE(copy->hits) || value <= r->median)
		return;
	kvmem_copy_get(copy);
	r->picks[r->nr_picks++] = (struct kvmem_reclaim_pick) { .copy = copy, .value = value };
}

/*
 * Some copies after @from, which is referenced, or NULL; the last one that was
 * looked at, referenced, or NULL at the end.  When @from has left the list
 * meanwhile this is the end, too: the others are not lost but to policy.
 */
static struct kvmem_copy *picks_step(struct kvmem_reclaim *r, struct kvmem_copy *from)
{
	struct kvmem_copy *copy, *last = NULL;
	unsigned int nr = 0;

	spin_lock(&r->media->lock);
	if (!from || kvmem_copy_readable(from)) {
		copy = list_prepare_entry(from, &r->seg->copies, node);
		list_for_each_entry_continue(copy, &r->seg->copies, node) {
			picks_try(r, copy);
			last = copy;
			if (++nr == MOVE_STEP)
				break;
		}
	}
	if (last)
		kvmem_copy_get(last);
	spin_unlock(&r->media->lock);
	if (from)
		kvmem_copy_put(from);
	return last;
}

static void picks_gather(struct kvmem_reclaim *r)
{
	struct kvmem_copy *last = NULL;

	do {
		last = picks_step(r, last);
		picks_sort(r);
		cond_resched();
	} while (last);
}

static bool pick_is_affordable(struct kvmem_reclaim *r, const struct kvmem_copy *copy)
{
	struct kvmem_log *log = r->log;
	bool ok;

	spin_lock(&r->media->lock);
	/* Counted when they begin (write.c). */
	ok = !log->dead && log->reinsert_bytes + copy->size <=
			   div_u64(log->put_bytes, MOVE_SHARE);
	spin_unlock(&r->media->lock);
	return ok;
}

static void pick_ended(struct kvmem_write *write)
{
	struct kvmem_media *media = write->log->media;

	atomic_dec(&media->reinserting);
	wake_up_all(&media->wait);
}

/* False: they do not end. */
static bool picks_wait(struct kvmem_reclaim *r, int below)
{
	struct kvmem_media *media = r->media;

	if (atomic_read(&media->reinserting) >= below)
		kvmem_pack_push(media, r->log->ns);
	if (wait_event_timeout(media->wait, atomic_read(&media->reinserting) < below,
			       msecs_to_jiffies(KVMEM_IO_TIMEOUT_MS)))
		return true;
	r->no_moves = true;
	return false;
}

static int picks_max(const struct kvmem_reclaim *r, const struct kvmem_copy *copy)
{
	return kvmem_pack_wants(r->media, copy->size) ? MOVE_PACKED : MOVE_INFLIGHT;
}

/* False: no more of them. */
static bool pick_move(struct kvmem_reclaim *r, struct kvmem_reclaim_pick *pick)
{
	struct kvmem_dev_buf *buf;
	int ret;

	if (!kvmem_media_writable(r->media) || !pick_is_affordable(r, pick->copy) ||
	    !picks_wait(r, picks_max(r, pick->copy)))
		return false;
	if (!kvmem_copy_readable(pick->copy))
		return true;
	buf = kvmem_copy_read_buf(pick->copy);
	/* It goes with its segment, so nobody reads it any more. */
	if (IS_ERR(buf))
		return true;
	atomic_inc(&r->media->reinserting);
	ret = kvmem_log_rewrite(pick->copy, buf, KVMEM_NR_TEMPS - 1, pick_ended);
	if (ret) {
		atomic_dec(&r->media->reinserting);
		return false;
	}
	pick->moved = true;
	r->moved_bytes += pick->copy->size;
	r->dirty = true;
	return true;
}

/*
 * One that is late finds its old copy gone when it ends, and is dropped: the
 * segment need not wait for it.
 */
void kvmem_move_some(struct kvmem_reclaim *r)
{
	unsigned int i;

	if (r->no_moves)
		return;
	picks_gather(r);
	moving_begin(r);
	for (i = 0; i < r->nr_picks && pick_move(r, &r->picks[i]); i++)
		cond_resched();
	if (!r->no_moves)
		picks_wait(r, 1);
}

/* A block in DRAM survives a restart only when the new copy's entry is durable. */
static void pick_check(struct kvmem_ns *ns, const struct kvmem_copy *old)
{
	struct kvmem_copy *copy = kvmem_copy_lookup(ns, &old->key);

	if (!copy || READ_ONCE(copy->state) != KVMEM_BLOCK_PERSISTED)
		kvmem_block_unpersist(ns, &old->key);
	if (copy)
		kvmem_copy_put_used(copy);
}

void kvmem_move_check(struct kvmem_reclaim *r)
{
	unsigned int i;

	for (i = 0; i < r->nr_picks; i++)
		if (r->picks[i].moved)
			pick_check(r->log->ns, r->picks[i].copy);
}

void kvmem_move_undo(struct kvmem_reclaim *r)
{
	unsigned int i;

	for (i = 0; i < r->nr_picks; i++)
		if (r->picks[i].moved && !kvmem_copy_readable(r->picks[i].copy))
			kvmem_log_gone(r->picks[i].copy);
}
