// SPDX-License-Identifier: GPL-2.0
/*
 * The arena: where chunks come from and where they go.
 *
 * Chunks are taken from the system lazily, up to the limit.  The limit is the
 * administrator's target, lowered by memory pressure (never below the floor)
 * and raised again slowly once pressure is over.  Whatever exceeds the limit
 * is given back: free chunks at once, chunks in use by evicting what is in
 * them, in a work item, so that neither sysfs nor reclaim waits for it.
 */
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include "arena.h"
#include "netlink.h"
#include "ns.h"
#include "trace.h"

/* Quarantined chunks are looked at, and a lowered limit raised, this often. */
#define KVMEM_ARENA_TICK	msecs_to_jiffies(1000)
/* Share of the target by which the limit recovers at each tick. */
#define KVMEM_ARENA_RECOVER	32
/* Share of the limit that must be to be had before a full arena has room again. */
#define KVMEM_ARENA_ROOM	32

/*
 * @lock guards the lists and the counts, which are in chunks.  Innermost:
 * nothing is taken inside.
 */
static struct kvmem_arena {
	spinlock_t lock;	/* see above */
	struct list_head free;
	struct list_head quarantine;
	unsigned long target;
	unsigned long limit;
	unsigned long floor;
	unsigned long nr_total;
	unsigned long nr_free;
	unsigned long nr_quarantine;
	unsigned long nr_huge;
	enum kvmem_watermark level;	/* last reported; races cost an event at most */
	struct xarray chunks;
	struct shrinker *shrinker;
	struct delayed_work tick;
	struct work_struct shrink;
} arena;

struct kvmem_chunk *kvmem_chunk_by_id(u32 id)
{
	return xa_load(&arena.chunks, id);
}

/* System memory ------------------------------------------------------- */

static void chunk_free_pages(struct kvmem_chunk *chunk)
{
	unsigned int i;

	for (i = 0; i < KVMEM_CHUNK_PAGES; i++) {
		struct page *page = kvmem_chunk_page(chunk, i);

		if (page)
			__free_page(page);
	}
	kvfree(chunk->pagev);
}

/*
 * Ordinary pages, each with a count of its own: they are mapped one by one,
 * and what pins one of them shall not look like a pin of all.
 */
static int chunk_alloc_huge(struct kvmem_chunk *chunk, int nid)
{
	const gfp_t gfp = GFP_HIGHUSER | __GFP_NORETRY | __GFP_NOWARN | __GFP_ZERO;
	unsigned int order = get_order(KVMEM_CHUNK_SIZE);

	chunk->page = alloc_pages_node(nid, gfp & ~__GFP_HIGHMEM, order);
	if (!chunk->page)
		return -ENOMEM;
	split_page(chunk->page, order);
	return 0;
}

static int chunk_alloc_small(struct kvmem_chunk *chunk, int nid)
{
	const gfp_t gfp = GFP_USER | __GFP_NORETRY | __GFP_NOWARN | __GFP_ZERO;
	unsigned int i;

	chunk->pagev = kvcalloc(KVMEM_CHUNK_PAGES, sizeof(*chunk->pagev), GFP_KERNEL);
	if (!chunk->pagev)
		return -ENOMEM;
	for (i = 0; i < KVMEM_CHUNK_PAGES; i++) {
		chunk->pagev[i] = alloc_pages_node(nid, gfp, 0);
		if (!chunk->pagev[i])
			return -ENOMEM;
	}
	return 0;
}

static struct kvmem_chunk *chunk_new(int nid)
{
	struct kvmem_chunk *chunk = kzalloc(sizeof(*chunk), GFP_KERNEL);

	if (!chunk)
		return NULL;
	INIT_LIST_HEAD(&chunk->node);
	if (chunk_alloc_huge(chunk, nid) && chunk_alloc_small(chunk, nid))
		goto err;
	if (xa_alloc(&arena.chunks, &chunk->id, chunk, xa_limit_32b, GFP_KERNEL))
		goto err;
	chunk->max_run = KVMEM_CHUNK_GRAINS;
	trace_kvmem_chunk(chunk->id, 0, KVMEM_CHUNK_EV_NEW);
	return chunk;
err:
	if (chunk->page || chunk->pagev)
		chunk_free_pages(chunk);
	kfree(chunk);
	return NULL;
}

/* Nobody knows the chunk any more, and it is not counted in nr_total. */
static void chunk_destroy(struct kvmem_chunk *chunk)
{
	trace_kvmem_chunk(chunk->id, chunk->owner_serial, KVMEM_CHUNK_EV_FREE);
	xa_erase(&arena.chunks, chunk->id);
	chunk_free_pages(chunk);
	kfree(chunk);
}

/* References of others ------------------------------------------------- */

/*
 * Only our own reference left on every page?  The chunk is empty and out of
 * every space, so no new reference can come from us; one that is left can
 * only go away.
 */
bool kvmem_chunk_is_ours(struct kvmem_chunk *chunk)
{
	unsigned int i;

	if (!test_bit(KVMEM_CHUNK_MAPPED, &chunk->flags))
		return true;
	for (i = 0; i < KVMEM_CHUNK_PAGES; i++)
		if (page_ref_count(kvmem_chunk_page(chunk, i)) != 1)
			return false;
	clear_bit(KVMEM_CHUNK_MAPPED, &chunk->flags);
	return true;
}

static void arena_uncount_locked(struct kvmem_chunk *chunk)
{
	lockdep_assert_held(&arena.lock);
	arena.nr_total--;
	if (chunk->page)
		arena.nr_huge--;
}

/* To the free list, or to @dead when there is more than the limit. */
static void arena_place_locked(struct kvmem_chunk *chunk, struct list_head *dead)
{
	lockdep_assert_held(&arena.lock);
	if (arena.nr_total > arena.limit) {
		arena_uncount_locked(chunk);
		list_add(&chunk->node, dead);
	} else {
		list_add(&chunk->node, &arena.free);
		arena.nr_free++;
	}
}

static void arena_destroy_list(struct list_head *dead)
{
	struct kvmem_chunk *chunk, *next;

	list_for_each_entry_safe(chunk, next, dead, node) {
		list_del_init(&chunk->node);
		chunk_destroy(chunk);
		cond_resched();
	}
}

void kvmem_chunk_put(struct kvmem_chunk *chunk)
{
	bool ours = kvmem_chunk_is_ours(chunk);
	LIST_HEAD(dead);

	if (WARN_ON_ONCE(chunk->used))
		return;
	clear_bit(KVMEM_CHUNK_DRAINING, &chunk->flags);
	trace_kvmem_chunk(chunk->id, chunk->owner_serial,
			  ours ? KVMEM_CHUNK_EV_PUT : KVMEM_CHUNK_EV_QUARANTINE);
	spin_lock(&arena.lock);
	if (ours) {
		arena_place_locked(chunk, &dead);
	} else {
		list_add(&chunk->node, &arena.quarantine);
		arena.nr_quarantine++;
	}
	spin_unlock(&arena.lock);
	arena_destroy_list(&dead);
}

/* Looked at outside of the lock: 512 counts a chunk, and there may be many. */
static void arena_check_quarantine(void)
{
	struct kvmem_chunk *chunk, *next;
	LIST_HEAD(look);
	LIST_HEAD(clean);
	LIST_HEAD(dead);

	spin_lock(&arena.lock);
	list_splice_init(&arena.quarantine, &look);
	spin_unlock(&arena.lock);
	list_for_each_entry_safe(chunk, next, &look, node) {
		if (kvmem_chunk_is_ours(chunk))
			list_move(&chunk->node, &clean);
		cond_resched();
	}
	spin_lock(&arena.lock);
	list_splice(&look, &arena.quarantine);
	list_for_each_entry_safe(chunk, next, &clean, node) {
		list_del_init(&chunk->node);
		arena.nr_quarantine--;
		arena_place_locked(chunk, &dead);
	}
	spin_unlock(&arena.lock);
	arena_destroy_list(&dead);
}

/* Getting a chunk ------------------------------------------------------ */

static void chunk_zero(struct kvmem_chunk *chunk)
{
	unsigned int i;

	for (i = 0; i < KVMEM_CHUNK_PAGES; i++)
		clear_highpage(kvmem_chunk_page(chunk, i));
	chunk->owner_serial = 0;
}

static struct kvmem_chunk *arena_take_free(u64 serial)
{
	struct kvmem_chunk *chunk, *best = NULL;
	unsigned int looked = 0;

	spin_lock(&arena.lock);
	/* One that this namespace had before needs no zeroing: look at a few. */
	list_for_each_entry(chunk, &arena.free, node) {
		if (!best || chunk->owner_serial == serial)
			best = chunk;
		if (best->owner_serial == serial || ++looked == 8)
			break;
	}
	if (best) {
		list_del_init(&best->node);
		arena.nr_free--;
	}
	spin_unlock(&arena.lock);
	return best;
}

/* Room for one more is reserved before the memory is asked for. */
static bool arena_reserve(void)
{
	bool ok;

	spin_lock(&arena.lock);
	ok = arena.nr_total < arena.limit;
	if (ok)
		arena.nr_total++;
	spin_unlock(&arena.lock);
	return ok;
}

static struct kvmem_chunk *arena_grow(int nid)
{
	struct kvmem_chunk *chunk;

	if (!arena_reserve())
		return NULL;
	chunk = chunk_new(nid);
	spin_lock(&arena.lock);
	if (!chunk)
		arena.nr_total--;
	else if (chunk->page)
		arena.nr_huge++;
	spin_unlock(&arena.lock);
	return chunk;
}

/* A full arena that evicts has a free chunk now and then: that is not room yet. */
static enum kvmem_watermark arena_level(void)
{
	unsigned long limit = READ_ONCE(arena.limit), total = READ_ONCE(arena.nr_total);
	unsigned long room = READ_ONCE(arena.nr_free) + (limit > total ? limit - total : 0);

	if (limit < READ_ONCE(arena.target))
		arena.level = KVMEM_WATERMARK_PRESSURE;
	else if (!room)
		arena.level = KVMEM_WATERMARK_FULL;
	else if (room > limit / KVMEM_ARENA_ROOM || arena.level == KVMEM_WATERMARK_PRESSURE)
		arena.level = KVMEM_WATERMARK_ROOM;
	return arena.level;
}

struct kvmem_chunk *kvmem_chunk_get(u64 serial, int nid)
{
	struct kvmem_chunk *chunk = arena_take_free(serial);

	if (!chunk)
		chunk = arena_grow(nid);
	if (!chunk) {
		kvmem_event_watermark(arena_level());
		return NULL;
	}
	if (chunk->owner_serial && chunk->owner_serial != serial)
		chunk_zero(chunk);
	chunk->owner_serial = serial;
	trace_kvmem_chunk(chunk->id, serial, KVMEM_CHUNK_EV_GET);
	return chunk;
}

/* Size ------------------------------------------------------------------ */

static void arena_trim_free(void)
{
	struct kvmem_chunk *chunk, *next;
	LIST_HEAD(dead);

	spin_lock(&arena.lock);
	list_for_each_entry_safe(chunk, next, &arena.free, node) {
		if (arena.nr_total <= arena.limit)
			break;
		arena.nr_free--;
		arena_uncount_locked(chunk);
		list_move(&chunk->node, &dead);
	}
	spin_unlock(&arena.lock);
	arena_destroy_list(&dead);
}

static unsigned long arena_excess(void)
{
	unsigned long total = READ_ONCE(arena.nr_total);
	unsigned long limit = READ_ONCE(arena.limit);

	return total > limit ? total - limit : 0;
}

/*
 * Down to the limit, a batch of chunks at a time.  Ends when nothing more can
 * be emptied (leased, pinned, quarantined); the tick tries again.
 */
static void arena_shrink_work(struct work_struct *work)
{
	unsigned long excess;

	arena_trim_free();
	while ((excess = arena_excess())) {
		if (!kvmem_drain_any(min(excess, 64UL)))
			break;
		arena_trim_free();
		cond_resched();
	}
}

static void arena_recover(void)
{
	spin_lock(&arena.lock);
	if (arena.limit < arena.target)
		arena.limit = min(arena.target, arena.limit +
				  max(arena.target / KVMEM_ARENA_RECOVER, 1UL));
	spin_unlock(&arena.lock);
}

static void arena_tick(struct work_struct *work)
{
	arena_check_quarantine();
	arena_recover();
	kvmem_event_watermark(arena_level());
	if (arena_excess())
		queue_work(system_dfl_wq, &arena.shrink);
	queue_delayed_work(system_dfl_wq, &arena.tick, KVMEM_ARENA_TICK);
}

static int arena_bytes_to_chunks(u64 bytes, unsigned long *chunks)
{
	if (bytes > (u64)totalram_pages() << PAGE_SHIFT)
		return -EINVAL;
	*chunks = bytes >> KVMEM_CHUNK_SHIFT;
	return 0;
}

int kvmem_arena_set_target(u64 bytes)
{
	unsigned long chunks;
	int ret = arena_bytes_to_chunks(bytes, &chunks);

	if (ret || !chunks)
		return -EINVAL;
	spin_lock(&arena.lock);
	arena.target = chunks;
	arena.limit = chunks;
	arena.floor = min(arena.floor, chunks);
	spin_unlock(&arena.lock);
	queue_work(system_dfl_wq, &arena.shrink);
	return 0;
}

int kvmem_arena_set_floor(u64 bytes)
{
	unsigned long chunks;
	int ret = arena_bytes_to_chunks(bytes, &chunks);

	if (ret)
		return ret;
	spin_lock(&arena.lock);
	if (chunks > arena.target) {
		ret = -EINVAL;
	} else {
		arena.floor = chunks;
		/* Pressure may have gone below it before it was said. */
		arena.limit = max(arena.limit, chunks);
	}
	spin_unlock(&arena.lock);
	return ret;
}

u64 kvmem_arena_limit(void)
{
	return (u64)READ_ONCE(arena.limit) << KVMEM_CHUNK_SHIFT;
}

void kvmem_arena_get_info(struct kvmem_arena_info *info)
{
	spin_lock(&arena.lock);
	info->target = (u64)arena.target << KVMEM_CHUNK_SHIFT;
	info->limit = (u64)arena.limit << KVMEM_CHUNK_SHIFT;
	info->floor = (u64)arena.floor << KVMEM_CHUNK_SHIFT;
	info->allocated = (u64)arena.nr_total << KVMEM_CHUNK_SHIFT;
	info->free = (u64)arena.nr_free << KVMEM_CHUNK_SHIFT;
	info->quarantined = (u64)arena.nr_quarantine << KVMEM_CHUNK_SHIFT;
	info->huge = (u64)arena.nr_huge << KVMEM_CHUNK_SHIFT;
	spin_unlock(&arena.lock);
}

/* Memory pressure ------------------------------------------------------- */

static unsigned long arena_shrink_count(struct shrinker *shrinker,
					struct shrink_control *sc)
{
	unsigned long total = READ_ONCE(arena.nr_total);
	unsigned long floor = READ_ONCE(arena.floor);

	if (total <= floor)
		return SHRINK_EMPTY;
	return (total - floor) * KVMEM_CHUNK_PAGES;
}

/*
 * Called in anybody's allocation, so nothing is waited for here: free chunks
 * go at once, the rest is left to the work item by lowering the limit.
 */
static unsigned long arena_shrink_scan(struct shrinker *shrinker,
				       struct shrink_control *sc)
{
	unsigned long want = DIV_ROUND_UP(sc->nr_to_scan, KVMEM_CHUNK_PAGES);
	unsigned long before, after;

	if (!spin_trylock(&arena.lock))
		return SHRINK_STOP;
	before = arena.nr_total;
	if (before > arena.floor)
		arena.limit = min(arena.limit,
				  max(arena.floor, before - min(want, before)));
	spin_unlock(&arena.lock);
	arena_trim_free();
	after = READ_ONCE(arena.nr_total);
	sc->nr_scanned = want * KVMEM_CHUNK_PAGES;
	if (arena_excess())
		queue_work(system_dfl_wq, &arena.shrink);
	return after < before ? (before - after) * KVMEM_CHUNK_PAGES : SHRINK_STOP;
}

static int arena_register_shrinker(void)
{
	arena.shrinker = shrinker_alloc(0, "kvmem-arena");
	if (!arena.shrinker)
		return -ENOMEM;
	arena.shrinker->count_objects = arena_shrink_count;
	arena.shrinker->scan_objects = arena_shrink_scan;
	arena.shrinker->seeks = DEFAULT_SEEKS;
	arena.shrinker->batch = KVMEM_CHUNK_PAGES;
	shrinker_register(arena.shrinker);
	return 0;
}

int kvmem_arena_init(u64 bytes, u64 floor)
{
	int ret;

	spin_lock_init(&arena.lock);
	INIT_LIST_HEAD(&arena.free);
	INIT_LIST_HEAD(&arena.quarantine);
	xa_init_flags(&arena.chunks, XA_FLAGS_ALLOC);
	INIT_WORK(&arena.shrink, arena_shrink_work);
	INIT_DELAYED_WORK(&arena.tick, arena_tick);
	ret = kvmem_arena_set_target(bytes);
	if (!ret)
		ret = kvmem_arena_set_floor(floor);
	if (!ret)
		ret = arena_register_shrinker();
	if (ret)
		cancel_work_sync(&arena.shrink);
	else
		queue_delayed_work(system_dfl_wq, &arena.tick, KVMEM_ARENA_TICK);
	return ret;
}

/*
 * All namespaces are gone, so every chunk is free or quarantined.  Pages that
 * somebody still references are only un-counted by us: the last reference
 * frees them, and no one of ours can reach them.
 */
void kvmem_arena_exit(void)
{
	LIST_HEAD(dead);

	shrinker_free(arena.shrinker);
	cancel_delayed_work_sync(&arena.tick);
	cancel_work_sync(&arena.shrink);
	spin_lock(&arena.lock);
	list_splice_init(&arena.free, &dead);
	list_splice_init(&arena.quarantine, &dead);
	spin_unlock(&arena.lock);
	arena_destroy_list(&dead);
	WARN_ON_ONCE(!xa_empty(&arena.chunks));
	xa_destroy(&arena.chunks);
}
