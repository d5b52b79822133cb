/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Media offline: made, checked and read without the module, on block devices
 * and on plain files.  Functions return 0 or a negative errno unless they say
 * otherwise; all numbers are in the CPU's byte order.
 */
#ifndef _KVMEM_MEDIA_TOOL_H
#define _KVMEM_MEDIA_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../kmod/flash/format.h"

/**
 * struct media_file - an open device or file
 * @fd: of it
 * @bytes: capacity
 * @unit: logical block size; of a file, KVMEM_MEDIA_PAGE, which suits every
 *	device that it may be copied to
 * @block: a block device
 */
struct media_file {
	int fd;
	uint64_t bytes;
	uint32_t unit;
	bool block;
};

enum media_open {
	MEDIA_READ,		/* read, whoever else uses it */
	MEDIA_READ_ALONE,	/* read; -EBUSY when somebody else uses it */
	MEDIA_WRITE_ALONE,	/* write; -EBUSY when somebody else uses it */
};

/* file.c */
int media_open(struct media_file *f, const char *path, enum media_open how);
/* Errors of writing may show only now. */
int media_close(struct media_file *f);
/* All of it, or an error. */
int media_read(const struct media_file *f, void *buf, size_t len, uint64_t at);
int media_write(const struct media_file *f, const void *buf, size_t len, uint64_t at);
int media_zero(const struct media_file *f, uint64_t from, uint64_t to);
int media_sync(const struct media_file *f);
/* Partitions whose table is gone should go, too; where they stay they do no harm. */
void media_rescan(const struct media_file *f);
/* -EOPNOTSUPP: the device or file system cannot. */
int media_discard(const struct media_file *f, uint64_t from, uint64_t to);

/**
 * struct media_progress - told now and then how far a long run is
 * @fn: NULL: nobody wants to know
 */
struct media_progress {
	void (*fn)(void *arg, const char *what, uint64_t done, uint64_t total);
	void *arg;
};

static inline void media_tell(const struct media_progress *p, const char *what,
			      uint64_t done, uint64_t total)
{
	if (p && p->fn)
		p->fn(p->arg, what, done, total);
}

/* probe.c: what others left on a device */
#define MEDIA_FOUND_LEN	512

/*
 * Words for every signature that libblkid knows in @found, "" when there is
 * none; how many there were, or a negative errno.  With @wipe they are
 * removed.
 */
int media_probe(const struct media_file *f, bool wipe, char *found, size_t size);

/**
 * struct media_format - a media to be made
 * @label: or NULL
 * @uuid: made up when not @uuid_given
 * @segment_bytes: 0 = as the size suggests
 * @force: over foreign signatures and media of ours
 * @discard: everything first, where that is possible
 * @progress: or NULL
 * @super: out: what was written
 * @found: out: the signatures that were there
 * @discarded: out: the device took the discard
 * @error: out: what went wrong, for people
 */
struct media_format {
	const char *label;
	uint8_t uuid[KVMEM_MEDIA_UUID_LEN];
	bool uuid_given;
	uint32_t segment_bytes;
	bool force;
	bool discard;
	const struct media_progress *progress;
	struct kvmem_super super;
	char found[MEDIA_FOUND_LEN];
	bool discarded;
	char error[MEDIA_FOUND_LEN + 128];
};

/* make.c: -EEXIST: something is there, and no force */
int media_format(const char *path, struct media_format *how);

/* load.c: superblocks and directory */

/**
 * struct media_super_copy - one of the two superblocks
 * @at: where
 * @io: errno of reading it, 0 = it was read
 * @what: is it valid
 * @super: when it is
 */
struct media_super_copy {
	uint64_t at;
	int io;
	enum kvmem_format_error what;
	struct kvmem_super super;
};

/**
 * struct media_dir_copy - one of the two copies of a page of the directory
 * @io: errno of reading it
 * @what: is it valid
 * @blank: all zero: never written
 * @generation: when valid
 */
struct media_dir_copy {
	int io;
	enum kvmem_format_error what;
	bool blank;
	uint64_t generation;
};

/**
 * struct media - a media that is read
 * @file: where
 * @supers: both superblocks
 * @used: the one that counts, or NULL: none is valid
 * @super: of it
 * @dir: dir_pages pages, those that count
 * @dir_copies: dir_pages times two
 * @dir_used: by page, which copy counts; -1 = none
 */
struct media {
	struct media_file file;
	struct media_super_copy supers[2];
	const struct media_super_copy *used;
	struct kvmem_super super;
	struct kvmem_media_dir *dir;
	struct media_dir_copy (*dir_copies)[2];
	int8_t *dir_used;
};

/* @m->file is open.  -EINVAL: no valid superblock, see @m->supers; -ENOMEM. */
int media_load(struct media *m);
void media_unload(struct media *m);
/* NULL: out of range, or its page is lost */
const struct kvmem_media_slot *media_slot(const struct media *m, uint32_t slot);
/* Do the segments of @head belong to somebody? */
bool media_slot_owns(const struct media *m, const struct kvmem_table_head *head);

/* table.c */

/**
 * struct media_table - how a walk over a segment's table went
 * @head: what page 0 says, when @pages is not 0
 * @pages: valid ones
 * @io: errno of reading the page after them
 * @why: that page is not taken; KVMEM_FORMAT_OK: there is none
 * @damaged: it should have been, as far as can be told
 * @beyond: number of a later page that is of this table all the same, or 0
 */
struct media_table {
	struct kvmem_table_head head;
	uint32_t pages;
	int io;
	enum kvmem_format_error why;
	bool damaged;
	uint32_t beyond;
};

/* A valid page; what is not 0 ends the walk and is returned. */
typedef int (*media_page_fn)(void *arg, const struct media_table *table,
			     const struct kvmem_media_table *page, uint32_t index);
int media_table_walk(const struct media *m, uint32_t no, struct media_table *table,
		     media_page_fn fn, void *arg);
/* Entries that the one at @at takes together with what follows it, 1 at least */
unsigned int media_entry_span(const struct kvmem_media_table *page, unsigned int at);

#endif /* _KVMEM_MEDIA_TOOL_H */
