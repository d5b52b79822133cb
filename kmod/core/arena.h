/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The DRAM arena: 2 MiB chunks, each owned by one namespace at a time.
 *
 * A chunk is in exactly one of these places:
 *   free        in kvmem_arena.free, nobody's
 *   owned       in a namespace's space (space.h)
 *   quarantined empty, but a page of it is still referenced by somebody else
 *               (a mapping not torn down yet, a driver's pin); looked at again
 *               by a timer, freed once only our own references are left
 */
#ifndef KVMEM_ARENA_H
#define KVMEM_ARENA_H

#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/types.h>
#include <linux/bitops.h>

struct kvmem_ns;

#define KVMEM_CHUNK_SHIFT	21
#define KVMEM_CHUNK_SIZE	(1UL << KVMEM_CHUNK_SHIFT)
#define KVMEM_CHUNK_PAGES	(KVMEM_CHUNK_SIZE >> PAGE_SHIFT)
#define KVMEM_GRAIN_SHIFT	9
#define KVMEM_GRAIN_SIZE	(1UL << KVMEM_GRAIN_SHIFT)
#define KVMEM_CHUNK_GRAINS	(KVMEM_CHUNK_SIZE >> KVMEM_GRAIN_SHIFT)
#define KVMEM_PAGE_GRAINS	(PAGE_SIZE >> KVMEM_GRAIN_SHIFT)

/* How the blocks of a chunk lie: see kvmem_layout_for() */
enum kvmem_layout {
	KVMEM_PAGED,	/* blocks start on a page and share no page: can be leased */
	KVMEM_PACKED,	/* blocks share pages, 512-byte grains: never mapped */
	KVMEM_NR_LAYOUTS
};

enum kvmem_chunk_flags {
	KVMEM_CHUNK_MAPPED,	/* a page was mapped or handed out: check references */
	KVMEM_CHUNK_DRAINING,	/* no new blocks; see kvmem_ns_drain() */
};

/**
 * struct kvmem_chunk - 2 MiB of memory
 * @node: in the list of the place where the chunk is; guarded by that place's lock
 * @page: first of KVMEM_CHUNK_PAGES physically contiguous pages, or NULL
 * @pagev: the pages one by one when no contiguous run was to be had
 * @flags: enum kvmem_chunk_flags, atomic bitops
 * @owner_serial: serial of the namespace that wrote last; 0 = zeroed
 * @id: index in the arena; never reused while the chunk lives
 * @used: grains taken; guarded by the owner's lock
 * @max_run: longest run of free grains; guarded by the owner's lock
 * @layout: enum kvmem_layout, fixed while not empty
 * @map: one bit a grain, set = taken; guarded by the owner's lock
 */
struct kvmem_chunk {
	struct list_head node;
	struct page *page;
	struct page **pagev;
	unsigned long flags;
	u64 owner_serial;
	u32 id;
	u16 used;
	u16 max_run;
	u8 layout;
	unsigned long map[BITS_TO_LONGS(KVMEM_CHUNK_GRAINS)];
};

/* Sizes in bytes; a snapshot, fields are read one by one. */
struct kvmem_arena_info {
	u64 target;		/* what the administrator asked for */
	u64 limit;		/* target, lowered by memory pressure */
	u64 floor;		/* pressure never lowers the limit below */
	u64 allocated;		/* held from the system */
	u64 free;		/* of these, owned by no namespace */
	u64 quarantined;	/* of these, waiting for foreign references */
	u64 huge;		/* of these, physically contiguous */
};

int kvmem_arena_init(u64 bytes, u64 floor);
void kvmem_arena_exit(void);

/* 0, or -EINVAL when @bytes is below 2 MiB or above the machine's memory.
 * Growing is lazy; shrinking is done in the background by evicting.
 */
int kvmem_arena_set_target(u64 bytes);
int kvmem_arena_set_floor(u64 bytes);
/* Bytes that the arena may hold at this moment. */
u64 kvmem_arena_limit(void);
void kvmem_arena_get_info(struct kvmem_arena_info *info);

/* For the owner: a chunk zeroed for @serial, or NULL (none left).  May sleep. */
struct kvmem_chunk *kvmem_chunk_get(u64 serial, int nid);
/* Nobody but the arena references a page of this empty chunk. */
bool kvmem_chunk_is_ours(struct kvmem_chunk *chunk);
/* An empty chunk goes back: to the free list, the system, or quarantine. */
void kvmem_chunk_put(struct kvmem_chunk *chunk);
struct kvmem_chunk *kvmem_chunk_by_id(u32 id);

static inline struct page *kvmem_chunk_page(const struct kvmem_chunk *chunk,
					    unsigned int i)
{
	return chunk->page ? chunk->page + i : chunk->pagev[i];
}

#endif
