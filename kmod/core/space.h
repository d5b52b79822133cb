/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Space: how a namespace cuts its chunks into extents of blocks.
 */
#ifndef KVMEM_SPACE_H
#define KVMEM_SPACE_H

#include <linux/list.h>
#include <linux/types.h>
#include "arena.h"

struct kvmem_block;
struct kvmem_ns;

#define KVMEM_RUN_BUCKETS	14	/* log2 of a run of 0..4096 grains */
#define KVMEM_MAX_PIECES	4096	/* pieces of one extent */

/*
 * A piece is a run of grains in one chunk, packed in 64 bits:
 * chunk id 32 | first grain 16 | grains 16.
 */
static inline u64 kvmem_piece(u32 chunk, u16 first, u16 grains)
{
	return (u64)chunk << 32 | (u32)first << 16 | grains;
}

static inline u32 kvmem_piece_chunk(u64 piece)
{
	return piece >> 32;
}

static inline u32 kvmem_piece_first(u64 piece)
{
	return piece >> 16 & 0xffff;
}

static inline u32 kvmem_piece_grains(u64 piece)
{
	return piece & 0xffff;
}

/**
 * struct kvmem_map - pieces of a block that is large, or in several pieces
 * @nr: pieces
 * @nr_crcs: entries of the checksum array that follows the pieces
 * @pieces: in the order of the bytes
 */
struct kvmem_map {
	unsigned int nr;
	unsigned int nr_crcs;
	u64 pieces[];
};

/* Running crc32c after each KVMEM_CRC_PIECE bytes; the last is the whole's. */
static inline u32 *kvmem_map_crcs(struct kvmem_map *map)
{
	return (u32 *)(map->pieces + map->nr);
}

/**
 * struct kvmem_space - the chunks of a namespace
 * @runs: chunks by layout and by log2 of their longest free run (bucket 0:
 *	full).  Guarded by kvmem_ns.lock
 * @nr_chunks: chunks owned; guarded by kvmem_ns.lock
 * @nr_draining: of these, being emptied; guarded by kvmem_ns.lock
 */
struct kvmem_space {
	struct list_head runs[KVMEM_NR_LAYOUTS][KVMEM_RUN_BUCKETS];
	unsigned int nr_chunks;
	unsigned int nr_draining;
};

/**
 * struct kvmem_cut - pieces being collected for one block
 * @pieces: the array, @max entries
 * @nr: of these, cut
 * @grains: of these, added up
 * @defragmented: how often it was begun anew
 */
struct kvmem_cut {
	u64 *pieces;
	unsigned int max;
	unsigned int nr;
	unsigned int grains;
	unsigned int defragmented;
};

/* Paged where rounding up to pages costs at most an eighth, or when asked. */
enum kvmem_layout kvmem_layout_for(size_t size, bool leasable);
/* Bytes that a block of @size takes from the quota. */
size_t kvmem_space_need(size_t size, enum kvmem_layout layout);

void kvmem_space_init(struct kvmem_space *space);
/*
 * Cut until @cut holds @grains.  Caller holds ns->lock.  0; -EAGAIN: a chunk is
 * needed (kvmem_space_add_chunk) or something must be evicted; -E2BIG: @cut is
 * full.  What was cut so far stays in @cut, so the caller can go on.
 */
int kvmem_space_cut(struct kvmem_ns *ns, unsigned int grains,
		    enum kvmem_layout layout, struct kvmem_cut *cut);
/* Undo a cut.  Caller holds ns->lock; chunks that became empty are moved to @empty. */
void kvmem_space_uncut(struct kvmem_ns *ns, const u64 *pieces, unsigned int nr,
		       struct list_head *empty);
void kvmem_space_add_chunk(struct kvmem_ns *ns, struct kvmem_chunk *chunk,
			   enum kvmem_layout layout);
/* Take an unused chunk back out, to @empty. */
void kvmem_space_del_chunk(struct kvmem_ns *ns, struct kvmem_chunk *chunk,
			   struct list_head *empty);
/*
 * Give the chunks on @empty back to the arena.  Those whose pages somebody
 * else still references stay with the namespace, which may go on using them,
 * unless it is dead.  No locks held.
 */
void kvmem_space_put_chunks(struct kvmem_ns *ns, struct list_head *empty);
/* Try again with those that stayed; called from time to time. */
void kvmem_space_trim(struct kvmem_ns *ns);

/* Where a walk over the pieces of a block is; starts as {}. */
struct kvmem_cursor {
	unsigned int piece;
	size_t start;
};

/* A contiguous stretch of kernel memory at byte @off of the block; *@len bytes. */
void *kvmem_block_seg(const struct kvmem_block *block, struct kvmem_cursor *cur,
		      size_t off, size_t *len);
/* Page @idx of a paged block, and the chunk it is in. */
struct page *kvmem_block_page(const struct kvmem_block *block, size_t idx,
			      struct kvmem_chunk **chunk);

#endif
