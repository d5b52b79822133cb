// SPDX-License-Identifier: GPL-2.0
/*
 * Making a media.  Until the last step there is no valid superblock, so a
 * format that is interrupted leaves nothing that could be attached.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "media/media.h"

#define MAKE_SYNC_TABLES	1024	/* between two reports of how far it is */

__attribute__((format(printf, 3, 4)))
static int make_fail(struct media_format *how, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(how->error, sizeof(how->error), fmt, ap);
	va_end(ap);
	return err;
}

static int make_failed(struct media_format *how, int err, const char *what)
{
	return err ? make_fail(how, err, "%s: %s", what, strerror(-err)) : 0;
}

static int make_open(struct media_file *f, const char *path, struct media_format *how)
{
	int err = media_open(f, path, MEDIA_WRITE_ALONE);

	if (err == -EBUSY)
		return make_fail(how, err, "%s is in use (mounted, attached, or part of "
				 "something that is)", path);
	if (err == -ENOTBLK)
		return make_fail(how, err, "%s is neither a block device nor a file", path);
	return make_failed(how, err, path);
}

/* One of ours at @at?  The magic is enough: a damaged media is somebody's, too. */
static int make_ours_at(const struct media_file *f, uint64_t at, struct media_format *how)
{
	struct kvmem_media_super disk;
	struct kvmem_super super;
	int err;

	err = media_read(f, &disk, sizeof(disk), at);
	if (err)
		return make_failed(how, err, "cannot look for a media");
	if (le64_to_cpu(disk.magic) != KVMEM_MEDIA_SUPER_MAGIC)
		return 0;
	if (kvmem_super_decode(&super, &disk, f->bytes, 512))
		return make_fail(how, -EEXIST, "it holds a damaged kvmem media");
	return make_fail(how, -EEXIST, "it holds a kvmem media%s%s", *super.label ?
			 " with the label " : "", super.label);
}

static int make_refuse_ours(const struct media_file *f, struct media_format *how)
{
	int err = make_ours_at(f, 0, how);

	return err ? err : make_ours_at(f, kvmem_super_end(f->bytes), how);
}

/* Everything that speaks against it, before anything is changed. */
static int make_look(const struct media_file *f, struct media_format *how)
{
	int rc = media_probe(f, false, how->found, sizeof(how->found));

	if (rc < 0)
		return make_failed(how, rc, "cannot look for signatures");
	if (how->force)
		return 0;
	if (rc)
		return make_fail(how, -EEXIST, "it holds %s", how->found);
	return make_refuse_ours(f, how);
}

static int make_uuid(struct media_format *how)
{
	if (how->uuid_given)
		return 0;
	if (getrandom(how->uuid, sizeof(how->uuid), 0) != sizeof(how->uuid))
		return make_failed(how, -errno, "cannot make a uuid");
	how->uuid[6] = (uint8_t)((how->uuid[6] & 0x0f) | 0x40);
	how->uuid[8] = (uint8_t)((how->uuid[8] & 0x3f) | 0x80);
	return 0;
}

static int make_layout(const struct media_file *f, struct media_format *how)
{
	struct kvmem_super *s = &how->super;

	memset(s, 0, sizeof(*s));
	if (!kvmem_super_layout(s, f->bytes, how->segment_bytes, f->unit))
		return make_fail(how, -EINVAL, "%llu bytes in blocks of %u are no media%s",
				 (unsigned long long)f->bytes, f->unit,
				 how->segment_bytes ? " with such segments" : "");
	memcpy(s->uuid, how->uuid, sizeof(s->uuid));
	snprintf(s->label, sizeof(s->label), "%s", how->label ? how->label : "");
	s->created = (uint64_t)time(NULL);
	s->generation = 1;
	return 0;
}

/*
 * What was there ends to be: signatures, superblocks of ours, and everything
 * before the first segment.
 */
static int make_clear(const struct media_file *f, struct media_format *how)
{
	char again[MEDIA_FOUND_LEN];
	int err;

	if (*how->found) {
		err = media_probe(f, true, again, sizeof(again));
		if (err < 0)
			return make_failed(how, err, "cannot wipe signatures");
		media_rescan(f);
	}
	err = media_zero(f, 0, how->super.first_segment);
	if (!err)
		err = media_zero(f, kvmem_super_end(f->bytes), how->super.media_bytes);
	if (!err)
		err = media_sync(f);
	return make_failed(how, err, "cannot clear it");
}

/* The drive may forget all of it; what counts is written afterwards all the same. */
static int make_discard(const struct media_file *f, struct media_format *how)
{
	int err;

	if (!how->discard)
		return 0;
	media_tell(how->progress, "discarding", 0, 1);
	err = media_discard(f, 0, how->super.media_bytes);
	media_tell(how->progress, "discarding", 1, 1);
	how->discarded = !err;
	if (err == -EOPNOTSUPP || err == -ENOSYS || err == -EINVAL)
		return 0;
	return make_failed(how, err, "cannot discard");
}

/*
 * Tables of earlier lives need no invalidation as long as the uuid is new:
 * every page has 8 bytes of it, so the old ones are of another media.  A uuid
 * that was given may have been used here before; then page 0 of every segment
 * goes, and a table without page 0 is none.
 */
static int make_tables(const struct media_file *f, struct media_format *how)
{
	static const uint8_t zero[KVMEM_MEDIA_PAGE];
	const struct kvmem_super *s = &how->super;
	uint32_t no;
	int err = 0;

	if (!how->uuid_given)
		return 0;
	for (no = 0; !err && no < s->nr_segments; no++) {
		err = media_write(f, zero, sizeof(zero), kvmem_table_offset(s, no, 0));
		if (no % MAKE_SYNC_TABLES == 0)
			media_tell(how->progress, "tables", no, s->nr_segments);
	}
	media_tell(how->progress, "tables", s->nr_segments, s->nr_segments);
	return make_failed(how, err, "cannot clear tables");
}

/* Copy 0 is valid and empty, copy 1 none: a discard need not have left zeros. */
static int make_directory(const struct media_file *f, struct media_format *how)
{
	const struct kvmem_super *s = &how->super;
	size_t bytes = (size_t)s->dir_pages * KVMEM_MEDIA_PAGE;
	struct kvmem_media_dir *pages = calloc(1, bytes);
	uint32_t i;
	int err;

	if (!pages)
		return make_failed(how, -ENOMEM, "directory");
	for (i = 0; i < s->dir_pages; i++)
		kvmem_dir_seal(&pages[i], s, i, 1);
	err = media_zero(f, 0, s->first_segment);
	if (!err)
		err = media_write(f, pages, bytes, s->directory[0]);
	if (!err)
		err = media_sync(f);
	free(pages);
	return make_failed(how, err, "cannot write the directory");
}

/* The end first, each durable by itself: there is no moment with two halves. */
static int make_supers(const struct media_file *f, struct media_format *how)
{
	uint64_t at[2] = { kvmem_super_end(f->bytes), 0 };
	struct kvmem_media_super disk;
	int i, err = 0;

	kvmem_super_encode(&disk, &how->super);
	for (i = 0; !err && i < 2; i++) {
		err = media_write(f, &disk, sizeof(disk), at[i]);
		if (!err)
			err = media_sync(f);
	}
	return make_failed(how, err, "cannot write the superblock");
}

static int make_all(const struct media_file *f, struct media_format *how)
{
	static int (* const steps[])(const struct media_file *f, struct media_format *how) = {
		make_layout, make_look, make_clear, make_discard, make_tables, make_directory,
		make_supers,
	};
	size_t i;
	int err = 0;

	for (i = 0; !err && i < sizeof(steps) / sizeof(*steps); i++)
		err = steps[i](f, how);
	return err;
}

int media_format(const char *path, struct media_format *how)
{
	struct media_file f;
	int err, rc;

	*how->error = *how->found = 0;
	how->discarded = false;
	err = make_uuid(how);
	if (!err)
		err = make_open(&f, path, how);
	if (err)
		return err;
	err = make_all(&f, how);
	rc = media_close(&f);
	return err ? err : make_failed(how, rc, path);
}
