// SPDX-License-Identifier: GPL-2.0
/*
 * Walks over all blocks of a namespace: expiry, deletion, emptying chunks.
 *
 * A chunk does not know its blocks (that would cost 16 bytes a block), so to
 * empty some the whole index is walked once for a batch of them.
 */
#include <linux/mm.h>
#include <linux/rhashtable.h>
#include "block.h"
#include "index.h"
#include "ns.h"
#include "trace.h"

/* References dropped at a time, outside of the walk's RCU section. */
#define KVMEM_WALK_BATCH	64
/* Blocks of one class looked at under one hold of the lock. */
#define KVMEM_MARK_BLOCKS	1024

struct kvmem_walk {
	struct kvmem_ns *ns;
	/* Unlink @block or leave it; called with a reference and no locks. */
	void (*visit)(struct kvmem_walk *walk, struct kvmem_block *block);
	struct kvmem_block *batch[KVMEM_WALK_BATCH];
	unsigned int nr;
	bool stop;
};

static void walk_flush(struct kvmem_walk *walk)
{
	while (walk->nr)
		kvmem_block_put(walk->batch[--walk->nr]);
}

/*
 * A new table came while we were not looking.  The iterator would go on from
 * the last block it showed, which may be gone by now: begin anew.  Blocks seen
 * before are shown again, which is harmless, and tables are resized only so
 * often.
 */
static void walk_restart(struct kvmem_walk *walk, struct rhashtable_iter *iter)
{
	rhashtable_walk_stop(iter);
	rhashtable_walk_exit(iter);
	rhashtable_walk_enter(&walk->ns->index, iter);
	rhashtable_walk_start(iter);
}

static void walk_some(struct kvmem_walk *walk, struct rhashtable_iter *iter, bool *more)
{
	struct kvmem_block *block;

	if (rhashtable_walk_start_check(iter))
		walk_restart(walk, iter);
	while (walk->nr < KVMEM_WALK_BATCH) {
		block = rhashtable_walk_next(iter);
		if (!block) {
			*more = false;
			break;
		}
		if (!IS_ERR(block) && kvmem_block_tryget(block))
			walk->batch[walk->nr++] = block;
	}
	rhashtable_walk_stop(iter);
}

static void walk_index(struct kvmem_walk *walk)
{
	struct rhashtable_iter iter;
	bool more = true;
	unsigned int i;

	rhashtable_walk_enter(&walk->ns->index, &iter);
	while (more && !walk->stop) {
		walk_some(walk, &iter, &more);
		for (i = 0; i < walk->nr && !walk->stop; i++)
			walk->visit(walk, walk->batch[i]);
		walk_flush(walk);
		cond_resched();
	}
	rhashtable_walk_exit(&iter);
}

static void walk_run(struct kvmem_ns *ns,
		     void (*visit)(struct kvmem_walk *, struct kvmem_block *))
{
	struct kvmem_walk walk = { .ns = ns, .visit = visit };

	walk_index(&walk);
}

struct walk_call {
	struct kvmem_walk walk;
	bool (*fn)(struct kvmem_block *block, void *context);
	void *context;
};

static void visit_call(struct kvmem_walk *walk, struct kvmem_block *block)
{
	struct walk_call *call = container_of(walk, struct walk_call, walk);

	if (!call->fn(block, call->context))
		walk->stop = true;
}

void kvmem_ns_walk(struct kvmem_ns *ns, bool (*fn)(struct kvmem_block *block, void *context),
		   void *context)
{
	struct walk_call call = {
		.walk = { .ns = ns, .visit = visit_call },
		.fn = fn,
		.context = context,
	};

	walk_index(&call.walk);
}

static void visit_expire(struct kvmem_walk *walk, struct kvmem_block *block)
{
	if (kvmem_block_expired(block))
		kvmem_block_unlink(block, KVMEM_BLOCK_EVICTED, KVMEM_EVICT_EXPIRED);
}

void kvmem_ns_upkeep(struct kvmem_ns *ns)
{
	struct llist_node *list;

	spin_lock(&ns->lock);
	list = kvmem_touch_drain(ns);
	spin_unlock(&ns->lock);
	kvmem_touch_put(list);
	kvmem_ns_fit_ghosts(ns);
	kvmem_space_trim(ns);
}

void kvmem_ns_expire(struct kvmem_ns *ns)
{
	if (READ_ONCE(ns->nr_ttl))
		walk_run(ns, visit_expire);
}

static void visit_drop(struct kvmem_walk *walk, struct kvmem_block *block)
{
	kvmem_block_unlink(block, KVMEM_BLOCK_DELETED, KVMEM_EVICT_QUOTA);
}

/* The walk may miss blocks while the table shrinks: again until none is left. */
void kvmem_ns_drop_all(struct kvmem_ns *ns)
{
	while (READ_ONCE(ns->live_blocks))
		walk_run(ns, visit_drop);
}

/* Emptying chunks -------------------------------------------------------- */

static bool piece_is_draining(u64 piece)
{
	struct kvmem_chunk *chunk = kvmem_chunk_by_id(kvmem_piece_chunk(piece));

	return test_bit(KVMEM_CHUNK_DRAINING, &chunk->flags);
}

/* We hold a reference, so the block's chunks are there. */
static bool block_is_draining(const struct kvmem_block *block)
{
	unsigned int i;

	if (!block->mapped)
		return piece_is_draining(block->piece);
	for (i = 0; i < block->map->nr; i++)
		if (piece_is_draining(block->map->pieces[i]))
			return true;
	return false;
}

static void visit_drain(struct kvmem_walk *walk, struct kvmem_block *block)
{
	if (block_is_draining(block))
		kvmem_block_unlink(block, KVMEM_BLOCK_EVICTED, KVMEM_EVICT_DRAIN);
}

static void chunk_start_drain(struct kvmem_ns *ns, u64 piece, unsigned int *left)
{
	struct kvmem_chunk *chunk = kvmem_chunk_by_id(kvmem_piece_chunk(piece));

	if (!*left || test_and_set_bit(KVMEM_CHUNK_DRAINING, &chunk->flags))
		return;
	/* Bucket 0: never cut again. */
	list_move(&chunk->node, &ns->space.runs[chunk->layout][0]);
	ns->space.nr_draining++;
	(*left)--;
	trace_kvmem_chunk(chunk->id, ns->serial, KVMEM_CHUNK_EV_DRAIN);
}

static void block_start_drain(struct kvmem_ns *ns, struct kvmem_block *block,
			      unsigned int *left)
{
	unsigned int i;

	if (!block->mapped)
		return chunk_start_drain(ns, block->piece, left);
	for (i = 0; i < block->map->nr; i++)
		chunk_start_drain(ns, block->map->pieces[i], left);
}

/*
 * The chunks of the blocks that would go next anyway, class by class from the
 * least recently used.  Blocks that are held are not in the lists, so a chunk
 * that holds nothing else is not chosen; one that is chosen and has a held
 * block stays until that is released, then goes.
 */
static unsigned int drain_mark(struct kvmem_ns *ns, unsigned int nr)
{
	unsigned int left = nr, class, looked = 0;
	struct kvmem_block *block;

	spin_lock(&ns->lock);
	for (class = 0; class < KVMEM_NR_CLASSES && left; class++) {
		list_for_each_entry_reverse(block, &ns->classes[class], lru) {
			if (!atomic_read(&block->holds))
				block_start_drain(ns, block, &left);
			if (!left || ++looked % KVMEM_MARK_BLOCKS == 0)
				break;
		}
	}
	spin_unlock(&ns->lock);
	return nr - left;
}

/* Chunks that a held block keeps go back to work; the others have gone. */
static void drain_unmark(struct kvmem_ns *ns)
{
	struct kvmem_chunk *chunk, *next;
	unsigned int layout;

	spin_lock(&ns->lock);
	for (layout = 0; layout < KVMEM_NR_LAYOUTS && ns->space.nr_draining; layout++) {
		list_for_each_entry_safe(chunk, next, &ns->space.runs[layout][0], node) {
			if (!test_and_clear_bit(KVMEM_CHUNK_DRAINING, &chunk->flags))
				continue;
			ns->space.nr_draining--;
			list_move(&chunk->node,
				  &ns->space.runs[layout][fls(chunk->max_run)]);
		}
	}
	spin_unlock(&ns->lock);
}

unsigned int kvmem_ns_drain(struct kvmem_ns *ns, unsigned int nr)
{
	unsigned int start, before, left;

	/* One walker at a time; another one's chunks serve us as well. */
	if (test_and_set_bit_lock(KVMEM_NS_DRAINING, &ns->flags))
		return 0;
	drain_mark(ns, nr);
	left = READ_ONCE(ns->space.nr_draining);
	start = left;
	/* A walk that unlinks may step over neighbours: again while it helps. */
	do {
		before = left;
		if (before)
			walk_run(ns, visit_drain);
		left = READ_ONCE(ns->space.nr_draining);
	} while (left && left < before);
	drain_unmark(ns);
	clear_bit_unlock(KVMEM_NS_DRAINING, &ns->flags);
	return start - min(start, left);
}

unsigned int kvmem_pool_drain(struct kvmem_ns *ns, unsigned int nr)
{
	struct kvmem_ns *victim;
	unsigned int ret = 0;
	bool more;

	if (!ns->pool || !READ_ONCE(ns->pool->p.share))
		return 0;
	victim = kvmem_pool_weakest(ns->pool, &more);
	if (!victim)
		return 0;
	if (victim != ns)
		ret = kvmem_ns_drain(victim, nr);
	kvmem_ns_put(victim);
	return ret;
}

/* How far kvmem_drain_any() is: by number of chunks downwards, then by id */
struct drain_pos {
	unsigned int chunks;
	u32 id;
};

static bool pos_is_before(const struct drain_pos *pos, unsigned int chunks, u32 id)
{
	return chunks < pos->chunks || (chunks == pos->chunks && id > pos->id);
}

/* The next one, referenced; NULL: nobody else has any chunk. */
static struct kvmem_ns *drain_next(struct drain_pos *pos)
{
	struct kvmem_ns *ns, *best = NULL;
	unsigned int chunks = 0;
	u32 id = 0;

	while ((ns = kvmem_ns_get_next(&id))) {
		unsigned int nr = READ_ONCE(ns->space.nr_chunks);

		if (nr > chunks && pos_is_before(pos, nr, id)) {
			chunks = nr;
			swap(ns, best);
		}
		id++;
		if (ns)
			kvmem_ns_put(ns);
		cond_resched();
	}
	if (best)
		*pos = (struct drain_pos) { chunks, best->id };
	return best;
}

/* Down the line from the largest, until one has something to give. */
unsigned int kvmem_drain_any(unsigned int nr)
{
	struct drain_pos pos = { UINT_MAX, 0 };
	struct kvmem_ns *ns;
	unsigned int ret = 0;

	while (!ret && (ns = drain_next(&pos))) {
		ret = kvmem_ns_drain(ns, nr);
		kvmem_ns_put(ns);
	}
	return ret;
}
