/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * kvmem: what is on a media.
 *
 * Shared by the kernel and by the tools that look at a media offline.  All
 * fields are little-endian, all structures are free of implicit padding,
 * reserved bytes are zero when written and are not looked at when read, except
 * where their checksum covers them.  docs/format.md tells the whole story.
 *
 *   0            superblock, first copy
 *   64 KiB       directory of namespaces, first copy
 *   ...          directory of namespaces, second copy
 *   first        segment 0, segment 1, ...
 *   end - 4 KiB  superblock, second copy
 *
 * A segment belongs to one namespace.  Data fills it from its start upwards,
 * table pages from its end downwards: page k is at segment end - (k + 1) * 4 KiB.
 * A page is written once and never again while the segment keeps its
 * generation; page 0 is written, and durable, before any data.  An entry is
 * written after the data it speaks of is durable.
 *
 * Checksums are crc32c as in iSCSI (all ones in, inverted out), over the whole
 * structure with the checksum's own field as zero.
 */
#ifndef _UAPI_LINUX_KVMEM_MEDIA_H
#define _UAPI_LINUX_KVMEM_MEDIA_H

#include <linux/types.h>

#define KVMEM_MEDIA_PAGE		4096
#define KVMEM_MEDIA_VERSION		1
#define KVMEM_MEDIA_UUID_LEN		16
#define KVMEM_MEDIA_LABEL_LEN		32	/* NUL included */

#define KVMEM_MEDIA_SUPER_MAGIC		0x314d454d564b4c46ULL	/* "FLKVMEM1" */
#define KVMEM_MEDIA_DIR_MAGIC		0x53534e4bU		/* "KNSS" */
#define KVMEM_MEDIA_TABLE_MAGIC		0x4c42544bU		/* "KTBL" */

/* Bounds of what format may choose and attach accepts */
#define KVMEM_MEDIA_MIN_SEGMENT		(256U << 10)	/* bytes, a power of two */
#define KVMEM_MEDIA_MAX_SEGMENT		(1U << 30)
#define KVMEM_MEDIA_DEFAULT_SEGMENT	(64U << 20)
#define KVMEM_MEDIA_MIN_SEGMENTS	4U
#define KVMEM_MEDIA_MAX_SEGMENTS	(1U << 22)

#define KVMEM_MEDIA_DIR_OFFSET		(64U << 10)	/* of the first copy */
#define KVMEM_MEDIA_DIR_SLOTS		15U		/* in a page */
#define KVMEM_MEDIA_DIR_PAGES		274U		/* in a copy: 4110 namespaces */
#define KVMEM_MEDIA_MAX_SLOTS		(KVMEM_MEDIA_DIR_SLOTS * KVMEM_MEDIA_DIR_PAGES)

#define KVMEM_MEDIA_TABLE_ENTRIES	63U		/* in a page */
#define KVMEM_MEDIA_OFFSET_ALIGN	8U		/* of a block in its segment, bytes */
/* Blocks longer than a piece have a checksum per piece, in entries that follow. */
#define KVMEM_MEDIA_PIECE		(1U << 20)
#define KVMEM_MEDIA_PIECE_SUMS		14U		/* in an entry */
#define KVMEM_MEDIA_CLASSES		64U		/* of eviction */
#define KVMEM_MEDIA_TEMPS		3U		/* temperatures of segments */

/* Bits of features that this version knows: none yet */
#define KVMEM_MEDIA_INCOMPAT		0ULL
#define KVMEM_MEDIA_RO_COMPAT		0ULL

/**
 * struct kvmem_media_super - the superblock, 4 KiB, two copies
 * @magic: KVMEM_MEDIA_SUPER_MAGIC
 * @version: KVMEM_MEDIA_VERSION; another one is refused
 * @checksum: of the 4 KiB
 * @uuid: of this format of this media
 * @label: for people, NUL-padded
 * @incompat: features; an unknown bit is refused
 * @ro_compat: features; with an unknown bit the media may be read only
 * @media_bytes: from the first superblock to the end of the second, a multiple
 *	of 4 KiB; a device that has become shorter is refused
 * @first_segment: where segment 0 begins, bytes, a multiple of 4 KiB
 * @segment_bytes: length of a segment, a power of two
 * @nr_segments: how many there are
 * @unit: bytes; the largest logical block size the media may have
 * @dir_pages: pages in a copy of the directory
 * @directory: where the two copies are, bytes
 * @created: seconds since 1970
 * @generation: the valid copy with the larger one counts
 */
struct kvmem_media_super {
	__le64 magic;
	__le32 version;
	__le32 checksum;
	__u8 uuid[KVMEM_MEDIA_UUID_LEN];
	__u8 label[KVMEM_MEDIA_LABEL_LEN];
	__le64 incompat;
	__le64 ro_compat;
	__le64 media_bytes;
	__le64 first_segment;
	__le32 segment_bytes;
	__le32 nr_segments;
	__le32 unit;
	__le32 dir_pages;
	__le64 directory[2];
	__le64 created;
	__le64 generation;
	__u8 reserved[3952];
};

/**
 * enum kvmem_media_slot_state - what a slot of the directory says
 * @KVMEM_MEDIA_SLOT_FREE: no namespace; segments that name the slot are free
 * @KVMEM_MEDIA_SLOT_USED: a namespace
 */
enum kvmem_media_slot_state {
	KVMEM_MEDIA_SLOT_FREE	= 0,
	KVMEM_MEDIA_SLOT_USED	= 1,
};

/**
 * struct kvmem_media_slot - a namespace, 256 bytes
 * @state: enum kvmem_media_slot_state
 * @mode: access rights, for people
 * @generation: raised whenever the slot changes hands: segments of another
 *	generation hold nothing
 * @uid: owner in the initial user namespace
 * @gid: group
 * @created: seconds since 1970
 * @name: NUL-padded
 * @fingerprint: layout of the blocks
 */
struct kvmem_media_slot {
	__u8 state;
	__u8 reserved0;
	__le16 mode;
	__le32 generation;
	__le32 uid;
	__le32 gid;
	__le64 created;
	__u8 name[64];
	__u8 fingerprint[32];
	__u8 reserved1[136];
};

/**
 * struct kvmem_media_dir - a page of the directory, 4 KiB
 * @magic: KVMEM_MEDIA_DIR_MAGIC
 * @checksum: of the 4 KiB
 * @media_id: first 8 bytes of the media's uuid
 * @generation: of the two copies of a page, the valid one with the larger
 *	generation counts; a change is written over the other one
 * @index: of the page in the copy
 * @slots: KVMEM_MEDIA_DIR_SLOTS namespaces; slot number = index * 15 + i
 */
struct kvmem_media_dir {
	__le32 magic;
	__le32 checksum;
	__u8 media_id[8];
	__le64 generation;
	__le32 index;
	__u8 reserved[228];
	struct kvmem_media_slot slots[KVMEM_MEDIA_DIR_SLOTS];
};

/**
 * enum kvmem_media_entry_type - what an entry of a table is
 * @KVMEM_MEDIA_ENTRY_NONE: never written; ends nothing, means damage
 * @KVMEM_MEDIA_ENTRY_BLOCK: struct kvmem_media_entry
 * @KVMEM_MEDIA_ENTRY_SUMS: struct kvmem_media_sums of the block before it; all
 *	sums of a block are in the page that has its entry
 * @KVMEM_MEDIA_ENTRY_GONE: struct kvmem_media_gone: a block was deleted
 */
enum kvmem_media_entry_type {
	KVMEM_MEDIA_ENTRY_NONE	= 0,
	KVMEM_MEDIA_ENTRY_BLOCK	= 1,
	KVMEM_MEDIA_ENTRY_SUMS	= 2,
	KVMEM_MEDIA_ENTRY_GONE	= 3,
};

/*
 * No checksum was taken when the block was put: no CPU saw its bytes.  @crc is 0,
 * the sums, if the block has any, are all ones; they mean nothing.
 */
#define KVMEM_MEDIA_ENTRY_F_UNSUMMED	(1 << 0)
#define KVMEM_MEDIA_ENTRY_F_ALL		KVMEM_MEDIA_ENTRY_F_UNSUMMED

/**
 * struct kvmem_media_entry - a block, 64 bytes
 * @key: name in its namespace
 * @offset: first byte in the segment, a multiple of KVMEM_MEDIA_OFFSET_ALIGN
 * @length: bytes, 1 to KVMEM_MAX_BLOCK
 * @crc: crc32c of all bytes
 * @cost: tokens
 * @expires: seconds since 1970, 0 = never
 * @last_use: seconds since 1970
 * @type: KVMEM_MEDIA_ENTRY_BLOCK
 * @class: of eviction, below KVMEM_MEDIA_CLASSES
 * @priority: 0 to KVMEM_MAX_PRIORITY
 * @flags: KVMEM_MEDIA_ENTRY_F_*
 * @hits: uses since put
 */
struct kvmem_media_entry {
	__u8 key[32];
	__le32 offset;
	__le32 length;
	__le32 crc;
	__le32 cost;
	__le32 expires;
	__le32 last_use;
	__u8 type;
	__u8 class;
	__u8 priority;
	__u8 flags;
	__le16 hits;
	__le16 reserved;
};

/**
 * struct kvmem_media_sums - checksums of a long block, 64 bytes
 * @sum: running crc32c, not inverted, at the end of each piece of
 *	KVMEM_MEDIA_PIECE bytes; the last one of the block at its end
 * @type: KVMEM_MEDIA_ENTRY_SUMS
 * @nr: valid members of @sum, 1 to KVMEM_MEDIA_PIECE_SUMS
 * @first: number of the piece of sum[0]
 */
struct kvmem_media_sums {
	__le32 sum[KVMEM_MEDIA_PIECE_SUMS];
	__u8 type;
	__u8 nr;
	__le16 first;
	__le32 reserved;
};

/**
 * struct kvmem_media_gone - a block that was deleted, 64 bytes
 * @key: its name
 * @generation: of the segment it is in
 * @segment: number of that segment
 * @offset: where in it
 * @type: KVMEM_MEDIA_ENTRY_GONE
 *
 * Written again when its segment is reclaimed before the block's.
 */
struct kvmem_media_gone {
	__u8 key[32];
	__le64 generation;
	__le32 segment;
	__le32 offset;
	__le64 reserved0;
	__u8 type;
	__u8 reserved1[7];
};

/**
 * struct kvmem_media_table - a page of a segment's table, 4 KiB
 * @magic: KVMEM_MEDIA_TABLE_MAGIC
 * @checksum: of the 4 KiB
 * @media_id: first 8 bytes of the media's uuid
 * @generation: of the segment: larger than that of every segment opened
 *	before.  A page with another one than page 0 is not part of the table
 * @segment: number
 * @index: of this page
 * @nr_entries: 0 to KVMEM_MEDIA_TABLE_ENTRIES; page 0 may have none
 * @temperature: expected life of the segment's blocks, 0 = shortest; below
 *	KVMEM_MEDIA_TEMPS
 * @flags: 0
 * @slot: of the namespace in the directory
 * @slot_generation: of that slot
 * @written: nanoseconds since 1970
 * @salt: random, drawn for page 0 and the same in every page: data of the
 *	segment's earlier life that looks like a page does not know it
 * @entries: 64 bytes each, by their type
 */
struct kvmem_media_table {
	__le32 magic;
	__le32 checksum;
	__u8 media_id[8];
	__le64 generation;
	__le32 segment;
	__le32 index;
	__le16 nr_entries;
	__u8 temperature;
	__u8 flags;
	__le32 slot;
	__le32 slot_generation;
	__le32 reserved0;
	__le64 written;
	__le64 salt;
	union {
		struct kvmem_media_entry entry;
		struct kvmem_media_sums sums;
		struct kvmem_media_gone gone;
	} entries[KVMEM_MEDIA_TABLE_ENTRIES];
};

#endif /* _UAPI_LINUX_KVMEM_MEDIA_H */
