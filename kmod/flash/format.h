/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading and making what is on a media (linux/kvmem_media.h): pure functions
 * on memory, the same file in the kernel and in the tools.  Everything read
 * is hostile until checked here; whoever uses a structure has had it checked.
 */
#ifndef KVMEM_FORMAT_H
#define KVMEM_FORMAT_H

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/crc32c.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <asm/byteorder.h>
#else
#include "media/shim.h"		/* u8 to u64, cpu_to_le32 and friends, crc32c() */
#endif
#include <linux/kvmem_media.h>

/* Why something on a media is not taken; kvmem_format_text() says it in words. */
enum kvmem_format_error {
	KVMEM_FORMAT_OK,
	KVMEM_FORMAT_MAGIC,		/* not ours, or never written */
	KVMEM_FORMAT_VERSION,		/* of another version */
	KVMEM_FORMAT_CHECKSUM,		/* torn or damaged */
	KVMEM_FORMAT_FEATURE,		/* an incompatible feature */
	KVMEM_FORMAT_GEOMETRY,		/* sizes that contradict each other or the bounds */
	KVMEM_FORMAT_SHRUNK,		/* the device is shorter than it was */
	KVMEM_FORMAT_UNIT,		/* the device's logical blocks are too long */
	KVMEM_FORMAT_MEDIA,		/* of another media */
	KVMEM_FORMAT_PLACE,		/* of another segment, page or slot */
	KVMEM_FORMAT_STALE,		/* of another generation: the end of a table */
	KVMEM_FORMAT_ENTRY,		/* an entry, slot or field that cannot be */
	KVMEM_FORMAT_NR
};

const char *kvmem_format_text(enum kvmem_format_error err);

/* Checksum of the @len bytes at @p with the __le32 at byte @at as zero. */
u32 kvmem_format_checksum(const void *p, size_t len, size_t at);

/* A superblock in the CPU's terms; the label is printable ASCII with its NUL. */
struct kvmem_super {
	u8 uuid[KVMEM_MEDIA_UUID_LEN];
	char label[KVMEM_MEDIA_LABEL_LEN];
	u64 incompat, ro_compat;
	u64 media_bytes;
	u64 first_segment;
	u32 segment_bytes;
	u32 nr_segments;
	u32 unit;
	u32 dir_pages;
	u64 directory[2];
	u64 created;
	u64 generation;
};

/*
 * Choose the layout for a device of @bytes; 0 for @segment_bytes is the
 * default, made smaller when there would be too few.  False: impossible.
 * @unit: the device's logical block size.  Who it is (uuid, label, created,
 * generation) stays as it is.
 */
bool kvmem_super_layout(struct kvmem_super *super, u64 bytes, u32 segment_bytes, u32 unit);
/*
 * Geometry, bounds, everything. @bytes, @unit: of the device.  Unknown bits of
 * ro_compat are the caller's to look at.
 */
enum kvmem_format_error kvmem_super_decode(struct kvmem_super *super,
					   const struct kvmem_media_super *disk,
					   u64 bytes, u32 unit);
void kvmem_super_encode(struct kvmem_media_super *disk, const struct kvmem_super *super);
/* Where the copy at the end is, on a device of @bytes that was never resized. */
u64 kvmem_super_end(u64 bytes);

/* Pages of the directory; slots are used as they are, through the helpers. */
enum kvmem_format_error kvmem_dir_check(const struct kvmem_media_dir *page,
					const struct kvmem_super *super, u32 index);
void kvmem_dir_seal(struct kvmem_media_dir *page, const struct kvmem_super *super,
		    u32 index, u64 generation);

static inline u64 kvmem_segment_offset(const struct kvmem_super *super, u32 no)
{
	return super->first_segment + (u64)no * super->segment_bytes;
}

/* Where page @index of the table of segment @no is, from the media's start. */
static inline u64 kvmem_table_offset(const struct kvmem_super *super, u32 no, u32 index)
{
	return kvmem_segment_offset(super, no) + super->segment_bytes -
	       (u64)(index + 1) * KVMEM_MEDIA_PAGE;
}

/* What page 0 says and the others repeat. */
struct kvmem_table_head {
	u64 generation;
	u64 written;
	u64 salt;
	u32 slot;
	u32 slot_generation;
	u8 temperature;
};

/*
 * Check page @index of segment @no with every entry in it.  Page 0 fills
 * @head; later ones must agree with it (KVMEM_FORMAT_STALE: the table ends
 * before this page).  Blocks must lie before the table's @index + 1 pages.
 */
enum kvmem_format_error kvmem_table_check(const struct kvmem_media_table *page,
					  const struct kvmem_super *super, u32 no, u32 index,
					  struct kvmem_table_head *head);
/* Fill in everything but the entries, zero the unused ones, and the checksum. */
void kvmem_table_seal(struct kvmem_media_table *page, const struct kvmem_super *super,
		      u32 no, u32 index, const struct kvmem_table_head *head,
		      unsigned int nr_entries);

/* Entries that a block of @length takes in a table. */
unsigned int kvmem_entry_count(u32 length);
/* Pieces that have a checksum of their own: 0 up to KVMEM_MEDIA_PIECE bytes. */
unsigned int kvmem_entry_sums(u32 length);

#endif
