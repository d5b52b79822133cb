// SPDX-License-Identifier: GPL-2.0
/*
 * Space: cutting chunks into extents.
 *
 * Chunks are sorted by the log2 of their longest free run.  A request takes
 * the shortest run that is surely long enough (best fit by bucket), so long
 * runs last.  A paged block that no single run can hold is cut from several,
 * longest first, so paged space has no external fragmentation to speak of.
 */
#include <linux/bitmap.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include "block.h"
#include "ns.h"
#include "space.h"

/* Chunks looked at in the one bucket whose runs may or may not be long enough. */
#define KVMEM_CUT_TRIES	8

/* Chunks that kvmem_space_trim() looks at in one turn. */
#define KVMEM_TRIM_BATCH	64

enum kvmem_layout kvmem_layout_for(size_t size, bool leasable)
{
	size_t waste = PAGE_ALIGN(size) - size;

	return leasable || waste <= size / 8 ? KVMEM_PAGED : KVMEM_PACKED;
}

size_t kvmem_space_need(size_t size, enum kvmem_layout layout)
{
	return layout == KVMEM_PAGED ? PAGE_ALIGN(size) : ALIGN(size, KVMEM_GRAIN_SIZE);
}

void kvmem_space_init(struct kvmem_space *space)
{
	unsigned int layout, i;

	for (layout = 0; layout < KVMEM_NR_LAYOUTS; layout++)
		for (i = 0; i < KVMEM_RUN_BUCKETS; i++)
			INIT_LIST_HEAD(&space->runs[layout][i]);
}

static unsigned int run_bucket(unsigned int grains)
{
	return fls(grains);
}

/* Put a chunk where its longest run says.  A draining chunk is never cut. */
static void space_file_chunk(struct kvmem_ns *ns, struct kvmem_chunk *chunk)
{
	unsigned int bucket = run_bucket(chunk->max_run);

	if (test_bit(KVMEM_CHUNK_DRAINING, &chunk->flags))
		bucket = 0;
	list_move(&chunk->node, &ns->space.runs[chunk->layout][bucket]);
}

/* The longest run of free grains, when it is known to be at most @enough. */
static unsigned int longest_run(const unsigned long *map, unsigned int enough)
{
	unsigned int start, end, best = 0;

	for (start = find_first_zero_bit(map, KVMEM_CHUNK_GRAINS);
	     start < KVMEM_CHUNK_GRAINS && best < enough;
	     start = find_next_zero_bit(map, KVMEM_CHUNK_GRAINS, end)) {
		end = find_next_bit(map, KVMEM_CHUNK_GRAINS, start);
		best = max(best, end - start);
	}
	return best;
}

/* Only when the longest run itself was cut, another one has to be looked for. */
static u64 chunk_take(struct kvmem_ns *ns, struct kvmem_chunk *chunk,
		      unsigned int first, unsigned int grains)
{
	unsigned int run = find_next_bit(chunk->map, KVMEM_CHUNK_GRAINS, first) - first;

	bitmap_set(chunk->map, first, grains);
	chunk->used += grains;
	if (run == chunk->max_run) {
		chunk->max_run = longest_run(chunk->map, run);
		space_file_chunk(ns, chunk);
	}
	return kvmem_piece(chunk->id, first, grains);
}

/* The first run of @grains in @chunk.  Paged chunks are cut in whole pages only,
 * so every run in them starts on a page by itself.
 */
static bool chunk_cut(struct kvmem_ns *ns, struct kvmem_chunk *chunk,
		      unsigned int grains, u64 *piece)
{
	unsigned long first;

	if (chunk->max_run < grains)
		return false;
	first = bitmap_find_next_zero_area(chunk->map, KVMEM_CHUNK_GRAINS, 0, grains, 0);
	if (WARN_ON_ONCE(first >= KVMEM_CHUNK_GRAINS))
		return false;
	*piece = chunk_take(ns, chunk, first, grains);
	return true;
}

static bool space_cut_one(struct kvmem_ns *ns, unsigned int grains,
			  enum kvmem_layout layout, u64 *piece)
{
	struct list_head *runs = ns->space.runs[layout];
	unsigned int bucket = run_bucket(grains), tries = 0;
	struct kvmem_chunk *chunk;

	/* Its runs are in [2^(b-1), 2^b): some are long enough, some not. */
	list_for_each_entry(chunk, &runs[bucket], node) {
		if (chunk_cut(ns, chunk, grains, piece))
			return true;
		if (++tries == KVMEM_CUT_TRIES)
			break;
	}
	while (++bucket < KVMEM_RUN_BUCKETS) {
		chunk = list_first_entry_or_null(&runs[bucket], struct kvmem_chunk, node);
		if (chunk)
			return chunk_cut(ns, chunk, grains, piece);
	}
	return false;
}

/* The longest run there is, whatever its length; 0 when there is none. */
static unsigned int space_cut_longest(struct kvmem_ns *ns, enum kvmem_layout layout,
				      unsigned int max, u64 *piece)
{
	struct list_head *runs = ns->space.runs[layout];
	unsigned int bucket, grains;
	struct kvmem_chunk *chunk;

	for (bucket = KVMEM_RUN_BUCKETS - 1; bucket; bucket--) {
		chunk = list_first_entry_or_null(&runs[bucket], struct kvmem_chunk, node);
		if (!chunk)
			continue;
		grains = min_t(unsigned int, chunk->max_run, max);
		return chunk_cut(ns, chunk, grains, piece) ? grains : 0;
	}
	return 0;
}

static struct kvmem_chunk *piece_chunk(u64 piece)
{
	return kvmem_chunk_by_id(kvmem_piece_chunk(piece));
}

/* The run that [@first, @first + @grains), free now, is part of. */
static unsigned int run_around(const unsigned long *map, unsigned int first,
			       unsigned int grains)
{
	unsigned int before = find_last_bit(map, first);
	unsigned int start = before == first ? 0 : before + 1;

	return find_next_bit(map, KVMEM_CHUNK_GRAINS, first + grains) - start;
}

static void chunk_release(struct kvmem_ns *ns, struct kvmem_chunk *chunk,
			  unsigned int first, unsigned int grains,
			  struct list_head *empty)
{
	unsigned int run;

	bitmap_clear(chunk->map, first, grains);
	chunk->used -= grains;
	run = run_around(chunk->map, first, grains);
	if (run > chunk->max_run) {
		chunk->max_run = run;
		space_file_chunk(ns, chunk);
	}
	if (chunk->used)
		return;
	kvmem_space_del_chunk(ns, chunk, empty);
}

void kvmem_space_uncut(struct kvmem_ns *ns, const u64 *pieces, unsigned int nr,
		       struct list_head *empty)
{
	unsigned int i;

	lockdep_assert_held(&ns->lock);
	for (i = 0; i < nr; i++)
		chunk_release(ns, piece_chunk(pieces[i]),
			      kvmem_piece_first(pieces[i]),
			      kvmem_piece_grains(pieces[i]), empty);
}

/*
 * A block larger than a chunk is cut a chunk's worth at a time; what one run
 * cannot hold is pieced together, in paged chunks only: a packed block is
 * small and lies in one piece.
 */
int kvmem_space_cut(struct kvmem_ns *ns, unsigned int grains,
		    enum kvmem_layout layout, struct kvmem_cut *cut)
{
	unsigned int want, got;
	u64 *piece;

	lockdep_assert_held(&ns->lock);
	while (cut->grains < grains) {
		if (cut->nr == cut->max)
			return -E2BIG;
		piece = &cut->pieces[cut->nr];
		want = min_t(unsigned int, grains - cut->grains, KVMEM_CHUNK_GRAINS);
		got = space_cut_one(ns, want, layout, piece) ? want : 0;
		if (!got && layout == KVMEM_PAGED)
			got = space_cut_longest(ns, layout, want, piece);
		if (!got)
			return -EAGAIN;
		cut->nr++;
		cut->grains += got;
	}
	return 0;
}

void kvmem_space_add_chunk(struct kvmem_ns *ns, struct kvmem_chunk *chunk,
			   enum kvmem_layout layout)
{
	lockdep_assert_held(&ns->lock);
	chunk->layout = layout;
	ns->space.nr_chunks++;
	space_file_chunk(ns, chunk);
}

void kvmem_space_del_chunk(struct kvmem_ns *ns, struct kvmem_chunk *chunk,
			   struct list_head *empty)
{
	lockdep_assert_held(&ns->lock);
	list_move(&chunk->node, empty);
	ns->space.nr_chunks--;
	if (test_bit(KVMEM_CHUNK_DRAINING, &chunk->flags))
		ns->space.nr_draining--;
}

/*
 * Pages pinned by the tenant, or still mapped: another namespace must not get
 * the chunk, but this one may, so it is not lost to it.  Thus a tenant that
 * collects pins runs into its own quota, not into others' memory.
 */
static bool space_keep_chunk(struct kvmem_ns *ns, struct kvmem_chunk *chunk)
{
	bool keep;

	if (kvmem_chunk_is_ours(chunk))
		return false;
	spin_lock(&ns->lock);
	keep = !test_bit(KVMEM_NS_DEAD, &ns->flags);
	if (keep) {
		clear_bit(KVMEM_CHUNK_DRAINING, &chunk->flags);
		kvmem_space_add_chunk(ns, chunk, chunk->layout);
	}
	spin_unlock(&ns->lock);
	return keep;
}

void kvmem_space_put_chunks(struct kvmem_ns *ns, struct list_head *empty)
{
	struct kvmem_chunk *chunk, *next;

	list_for_each_entry_safe(chunk, next, empty, node) {
		list_del_init(&chunk->node);
		if (!space_keep_chunk(ns, chunk))
			kvmem_chunk_put(chunk);
		cond_resched();
	}
}

void kvmem_space_trim(struct kvmem_ns *ns)
{
	struct list_head *whole = &ns->space.runs[KVMEM_PAGED][KVMEM_RUN_BUCKETS - 1];
	struct kvmem_chunk *chunk, *next;
	unsigned int nr = 0;
	LIST_HEAD(empty);

	spin_lock(&ns->lock);
	/* From the far end: those still pinned come back at the near one. */
	list_for_each_entry_safe_reverse(chunk, next, whole, node) {
		if (++nr > KVMEM_TRIM_BATCH)
			break;
		if (!chunk->used)
			kvmem_space_del_chunk(ns, chunk, &empty);
	}
	spin_unlock(&ns->lock);
	kvmem_space_put_chunks(ns, &empty);
}

/* Where in a block ------------------------------------------------------ */

static size_t piece_bytes(u64 piece)
{
	return (size_t)kvmem_piece_grains(piece) << KVMEM_GRAIN_SHIFT;
}

/* The piece of byte @off, and how far into it.  Goes forward from *@cur. */
static u64 block_find_piece(const struct kvmem_block *block, struct kvmem_cursor *cur,
			    size_t off, size_t *inside)
{
	u64 piece;

	if (!block->mapped) {
		*inside = off;
		return block->piece;
	}
	if (off < cur->start)
		*cur = (struct kvmem_cursor){};
	for (;;) {
		piece = block->map->pieces[cur->piece];
		if (off - cur->start < piece_bytes(piece) || cur->piece + 1 == block->map->nr)
			break;
		cur->start += piece_bytes(piece);
		cur->piece++;
	}
	*inside = off - cur->start;
	return piece;
}

void *kvmem_block_seg(const struct kvmem_block *block, struct kvmem_cursor *cur,
		      size_t off, size_t *len)
{
	size_t inside, at, in_page;
	u64 piece = block_find_piece(block, cur, off, &inside);
	struct kvmem_chunk *chunk = piece_chunk(piece);

	at = ((size_t)kvmem_piece_first(piece) << KVMEM_GRAIN_SHIFT) + inside;
	in_page = at & ~PAGE_MASK;
	*len = piece_bytes(piece) - inside;
	if (!chunk->page)
		*len = min_t(size_t, *len, PAGE_SIZE - in_page);
	return page_address(kvmem_chunk_page(chunk, at >> PAGE_SHIFT)) + in_page;
}

struct page *kvmem_block_page(const struct kvmem_block *block, size_t idx,
			      struct kvmem_chunk **chunk)
{
	struct kvmem_cursor cur = {};
	size_t inside, at;
	u64 piece = block_find_piece(block, &cur, idx << PAGE_SHIFT, &inside);

	*chunk = piece_chunk(piece);
	at = ((size_t)kvmem_piece_first(piece) << KVMEM_GRAIN_SHIFT) + inside;
	return kvmem_chunk_page(*chunk, at >> PAGE_SHIFT);
}
