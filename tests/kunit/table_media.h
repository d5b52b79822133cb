/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A media with nothing but tables: blocks are named and have no data, so that
 * a media of terabytes fits into memory.  For measuring attach.
 */
#ifndef KVMEM_TEST_TABLE_MEDIA_H
#define KVMEM_TEST_TABLE_MEDIA_H

#include "flash/flash.h"

/**
 * struct table_media - see above
 * @super: of it; segments of the default size
 * @ns: whose blocks
 * @nr_blocks: in all tables
 * @block_bytes: size of each
 * @per_segment: blocks in a full segment
 * @nr_full: segments with a table; the others are free
 * @head_bytes: before the first segment
 * @tail_bytes: of a segment's end that can be other than zero: its table
 * @empty: attach shall find no table
 * @head: superblock and directory
 * @tails: of all segments
 */
struct table_media {
	struct kvmem_super super;
	struct kvmem_ns *ns;
	u32 nr_blocks;
	u32 block_bytes;
	u32 per_segment;
	u32 nr_full;
	size_t head_bytes;
	size_t tail_bytes;
	bool empty;
	u8 *head;
	u8 *tails;
};

/* Segments are full of blocks of @ns of this size; NULL: no memory. */
struct table_media *table_media_create(struct kvmem_ns *ns, u32 nr_blocks, u32 block_bytes);
/* It is detached. */
void table_media_destroy(struct table_media *t);
/*
 * Attach, and wait until every table is read; an ERR_PTR, and -ENODATA when
 * not every block was found.  @ns: how long it took, by the clock.  One media at
 * a time.
 */
struct kvmem_media *table_media_attach(struct table_media *t, u64 *ns);
void table_media_detach(struct kvmem_media *media);
/* What the kernel has allocated in slabs, and for @ns's index besides. */
s64 table_media_kernel_bytes(struct kvmem_ns *ns);

#endif
