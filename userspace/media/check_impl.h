/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of the check share. */
#ifndef _KVMEM_MEDIA_CHECK_IMPL_H
#define _KVMEM_MEDIA_CHECK_IMPL_H

#include "media/check.h"

enum block_fate {
	BLOCK_LIVE,
	BLOCK_SUPERSEDED,
	BLOCK_GONE,
	BLOCK_EXPIRED,
};

/* A block that a table speaks of; in the order of tables */
struct check_block {
	uint8_t key[32];
	uint32_t slot;
	uint32_t segment;
	uint32_t offset;
	uint32_t length;
	uint32_t expires;
	uint8_t fate;
};

struct check_gone {
	uint8_t key[32];
	uint64_t generation;
	uint32_t segment;
	uint32_t offset;
	uint32_t slot;
	uint32_t by;		/* segment of the entry */
};

/* A used segment; its blocks are nr from first on. */
struct check_segment {
	uint64_t generation;
	size_t first, nr;
	uint32_t no;
	uint32_t pages;
};

/**
 * struct check_state - a check that runs
 * @c: what was asked, what is found
 * @m: the media
 * @blocks, @gones, @segments: of all used segments, in the order of numbers
 * @of: by segment's number, 1 + its index in @segments; 0 = not used
 */
struct check_state {
	struct media_check *c;
	struct media m;
	struct check_block *blocks;
	size_t nr_blocks, max_blocks;
	struct check_gone *gones;
	size_t nr_gones, max_gones;
	struct check_segment *segments;
	size_t nr_segments, max_segments;
	uint32_t *of;
};

__attribute__((format(printf, 5, 6)))
void check_found(struct check_state *s, enum media_part part, uint32_t segment, uint32_t page,
		 const char *fmt, ...);
/* @array with room for one more of @size bytes; NULL: no memory, @array is still there. */
void *check_grow(void *array, size_t nr, size_t *max, size_t size);
/* The first bytes of a key as text; @buf at least 20 bytes.  Returns @buf. */
const char *check_key(char *buf, const uint8_t *key);

/* check_super.c */
void check_supers(struct check_state *s);
void check_directory(struct check_state *s);
/* check_table.c: collect what tables say */
int check_tables(struct check_state *s);
/* check_blocks.c: which blocks count */
int check_blocks(struct check_state *s);
/* check_data.c: the bytes of those */
int check_data(struct check_state *s);

#endif /* _KVMEM_MEDIA_CHECK_IMPL_H */
