// SPDX-License-Identifier: GPL-2.0
/*
 * Room: quota first, then memory, evicting for either.
 *
 * Strict: a namespace makes room by evicting its own blocks.  Another one's
 * go only when both are members of a pool that says so.
 */
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include "block.h"
#include "ns.h"

/* Evictions without the right room before a whole chunk is emptied instead. */
#define KVMEM_ROOM_TRIES	32
/* Chunks beyond what the quota comes to: one half-used of each layout, and some. */
#define KVMEM_ROOM_SLACK	4
/* Keeps sums of quotas from overflowing. */
#define KVMEM_ROOM_QUOTA_MAX	(1ULL << 60)
/* Pieces freed under one hold of the lock. */
#define KVMEM_UNCUT_STEP	64U

enum room_verdict {
	ROOM_OK,
	ROOM_NEVER,	/* larger than the quota itself */
	ROOM_NS_FULL,
	ROOM_POOL_FULL,
	ROOM_DEAD,
};

static bool over(u64 used, u64 quota)
{
	return quota && used > quota;
}

/* Never above the quota, not even for a moment: another member would see it. */
static bool charge_within(atomic64_t *used, u64 n, u64 quota)
{
	s64 old = atomic64_read(used);

	do {
		if (over(old + n, quota))
			return false;
	} while (!atomic64_try_cmpxchg(used, &old, old + n));
	return true;
}

static bool pool_charge(struct kvmem_pool *pool, size_t bytes)
{
	if (!pool)
		return true;
	if (!charge_within(&pool->used_bytes, bytes, READ_ONCE(pool->p.quota_bytes)))
		return false;
	if (charge_within(&pool->used_blocks, 1, READ_ONCE(pool->p.quota_blocks)))
		return true;
	atomic64_sub(bytes, &pool->used_bytes);
	return false;
}

static enum room_verdict room_charge_locked(struct kvmem_ns *ns, size_t bytes)
{
	lockdep_assert_held(&ns->lock);
	if (test_bit(KVMEM_NS_DEAD, &ns->flags))
		return ROOM_DEAD;
	if (over(bytes, ns->p.quota_bytes) ||
	    (ns->pool && over(bytes, READ_ONCE(ns->pool->p.quota_bytes))))
		return ROOM_NEVER;
	if (over(ns->used_bytes + bytes, ns->p.quota_bytes) ||
	    over(ns->used_blocks + 1, ns->p.quota_blocks))
		return ROOM_NS_FULL;
	if (!pool_charge(ns->pool, bytes))
		return ROOM_POOL_FULL;
	ns->used_bytes += bytes;
	ns->used_blocks++;
	return ROOM_OK;
}

void kvmem_room_uncharge(struct kvmem_ns *ns, size_t bytes)
{
	spin_lock(&ns->lock);
	ns->used_bytes -= bytes;
	ns->used_blocks--;
	spin_unlock(&ns->lock);
	if (ns->pool) {
		atomic64_sub(bytes, &ns->pool->used_bytes);
		atomic64_dec(&ns->pool->used_blocks);
	}
}

static int room_evict_for(struct kvmem_ns *ns, enum room_verdict verdict)
{
	bool ok;

	if (fatal_signal_pending(current))
		return -EINTR;
	if (verdict == ROOM_POOL_FULL)
		ok = kvmem_evict_pool(ns, KVMEM_EVICT_QUOTA);
	else
		ok = kvmem_evict_one(ns, KVMEM_EVICT_QUOTA);
	cond_resched();
	return ok ? 0 : -ENOSPC;
}

/* Each turn but one evicts a block, so this ends at the latest with the last one. */
int kvmem_room_charge(struct kvmem_ns *ns, size_t bytes, bool evict)
{
	enum room_verdict verdict;
	bool looked = false;
	int ret = 0;

	/* Do not evict everything for what cannot fit all the same. */
	if (bytes > kvmem_arena_limit())
		return -ENOSPC;
	do {
		spin_lock(&ns->lock);
		verdict = room_charge_locked(ns, bytes);
		spin_unlock(&ns->lock);
		switch (verdict) {
		case ROOM_OK:
			return 0;
		case ROOM_NEVER:
			return -EDQUOT;
		case ROOM_DEAD:
			return -ESHUTDOWN;
		default:
			if (!evict)
				return -ENOSPC;
			ret = room_evict_for(ns, verdict);
		}
		/* Another thread may have evicted the last one for us: look once more. */
		if (ret == -ENOSPC && !looked) {
			looked = true;
			ret = 0;
		}
	} while (!ret);
	return ret;
}

/* Memory ------------------------------------------------------------------- */

/* One attempt, with @chunk added first when there is one. */
static int room_cut_once(struct kvmem_ns *ns, unsigned int grains,
			 enum kvmem_layout layout, struct kvmem_cut *cut,
			 struct kvmem_chunk *chunk)
{
	LIST_HEAD(empty);
	int ret;

	spin_lock(&ns->lock);
	if (chunk)
		kvmem_space_add_chunk(ns, chunk, layout);
	ret = kvmem_space_cut(ns, grains, layout, cut);
	/* Others freed enough meanwhile: do not keep what was not needed. */
	if (chunk && !chunk->used)
		kvmem_space_del_chunk(ns, chunk, &empty);
	spin_unlock(&ns->lock);
	kvmem_space_put_chunks(ns, &empty);
	return ret;
}

static int cut_grow(struct kvmem_cut *cut)
{
	u64 *pieces;

	pieces = kvmalloc_array(KVMEM_MAX_PIECES, sizeof(*pieces), GFP_KERNEL);
	if (!pieces)
		return -ENOMEM;
	memcpy(pieces, cut->pieces, cut->nr * sizeof(*pieces));
	/* The small array was on the caller's stack. */
	cut->pieces = pieces;
	cut->max = KVMEM_MAX_PIECES;
	return 0;
}

/*
 * A namespace may take an eighth more memory than its quota (or its pool's)
 * in chunks, and a few, so that neither fragmentation nor pinned pages let one
 * tenant eat the arena.
 */
static bool room_may_grow(struct kvmem_ns *ns)
{
	u64 quota = READ_ONCE(ns->p.quota_bytes);

	if (!quota && ns->pool)
		quota = READ_ONCE(ns->pool->p.quota_bytes);
	if (!quota)
		return true;
	quota = DIV_ROUND_UP_ULL(min_t(u64, quota, KVMEM_ROOM_QUOTA_MAX), KVMEM_CHUNK_SIZE);
	return READ_ONCE(ns->space.nr_chunks) < quota + quota / 8 + KVMEM_ROOM_SLACK;
}

/*
 * No further chunk is to be had.  Evicting a block frees memory inside of
 * chunks this namespace has; when that does not do (the hole is in a chunk of
 * the other layout, or too short for a packed block), a chunk is emptied as a
 * whole.
 */
static int room_reclaim(struct kvmem_ns *ns, bool may_grow, unsigned int tries)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
	/* Another member's chunk is of use only to who may have one more. */
	if (may_grow && kvmem_pool_drain(ns, 1))
		return 0;
	if (tries % KVMEM_ROOM_TRIES == 0 && kvmem_ns_drain(ns, 1))
		return 0;
	return kvmem_evict_one(ns, KVMEM_EVICT_SPACE) ? 0 : -ENOSPC;
}

/*
 * The cut is in more pieces than a block may have: undo it, and make it in
 * chunks emptied for it.
 */
static int room_defragment(struct kvmem_ns *ns, unsigned int grains, struct kvmem_cut *cut)
{
	if (cut->defragmented++)
		return -ENOSPC;
	kvmem_room_uncut(ns, cut->pieces, cut->nr);
	cut->nr = 0;
	cut->grains = 0;
	return kvmem_ns_drain(ns, DIV_ROUND_UP(grains, KVMEM_CHUNK_GRAINS)) ? 0 : -ENOSPC;
}

static int room_chunk(struct kvmem_ns *ns, struct kvmem_chunk **chunk, unsigned int tries,
		      bool evict)
{
	bool may_grow = room_may_grow(ns);

	*chunk = may_grow ? kvmem_chunk_get(ns->serial, numa_mem_id()) : NULL;
	if (*chunk)
		return 0;
	return evict ? room_reclaim(ns, may_grow, tries) : -ENOSPC;
}

int kvmem_room_cut(struct kvmem_ns *ns, unsigned int grains, enum kvmem_layout layout,
		   struct kvmem_cut *cut, bool evict)
{
	struct kvmem_chunk *chunk = NULL;
	unsigned int tries = 0;
	int ret;

	for (;;) {
		ret = room_cut_once(ns, grains, layout, cut, chunk);
		chunk = NULL;
		if (ret == -E2BIG)
			ret = cut->max < KVMEM_MAX_PIECES ? cut_grow(cut) :
			      evict ? room_defragment(ns, grains, cut) : -ENOSPC;
		else if (ret == -EAGAIN)
			ret = room_chunk(ns, &chunk, ++tries, evict);
		else
			return ret;
		if (ret)
			return ret;
	}
}

/* A few pieces at a time: each costs a look over its chunk's map. */
void kvmem_room_uncut(struct kvmem_ns *ns, const u64 *pieces, unsigned int nr)
{
	LIST_HEAD(empty);

	while (nr) {
		unsigned int step = min(nr, KVMEM_UNCUT_STEP);

		spin_lock(&ns->lock);
		kvmem_space_uncut(ns, pieces, step, &empty);
		spin_unlock(&ns->lock);
		pieces += step;
		nr -= step;
	}
	kvmem_space_put_chunks(ns, &empty);
}
