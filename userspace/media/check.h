/* SPDX-License-Identifier: GPL-2.0 */
/* Checking a media that nobody uses, read-only. */
#ifndef _KVMEM_MEDIA_CHECK_H
#define _KVMEM_MEDIA_CHECK_H

#include "media/media.h"

/* Where something is wrong */
enum media_part {
	MEDIA_PART_SUPER,
	MEDIA_PART_DIRECTORY,
	MEDIA_PART_TABLE,
	MEDIA_PART_BLOCK,
};

#define MEDIA_NOWHERE	UINT32_MAX

/**
 * struct media_finding - something that is not as it should be
 * @part: of the media
 * @segment: number, or MEDIA_NOWHERE
 * @page: of the table or the directory, or MEDIA_NOWHERE
 * @text: for people; valid during the call only
 */
struct media_finding {
	enum media_part part;
	uint32_t segment;
	uint32_t page;
	const char *text;
};

enum media_verdict {
	MEDIA_CLEAN,
	MEDIA_DAMAGED,		/* attach leaves the damaged parts out */
	MEDIA_NOT_ATTACHABLE,
};

/* What the segments are to attach, and how many there are of each */
struct media_segments {
	uint64_t used;		/* of a namespace in the directory */
	uint64_t free;		/* without a table */
	uint64_t released;	/* of a namespace that was deleted */
	uint64_t damaged;	/* some of the table is lost; some of these are used, too */
};

/* Blocks in the tables of used segments; each is one of these. */
struct media_blocks {
	uint64_t live, live_bytes;
	uint64_t superseded;	/* there is a newer copy */
	uint64_t gone;		/* deleted */
	uint64_t expired;
	uint64_t verified, verified_bytes;	/* of the live ones, with @data */
	uint64_t unsummed;			/* readable, nothing to verify; with @data */
	uint64_t corrupt;			/* of the live ones, with @data */
};

/**
 * struct media_check - a check
 * @data: read the blocks, too
 * @now: seconds since 1970
 * @finding: told each finding
 * @arg: for it
 * @progress: or NULL
 * @super: out: when the verdict is not MEDIA_NOT_ATTACHABLE
 * @segments, @blocks, @namespaces, @findings: out: how many
 * @verdict: out
 */
struct media_check {
	bool data;
	uint64_t now;
	void (*finding)(void *arg, const struct media_finding *finding);
	void *arg;
	const struct media_progress *progress;
	struct kvmem_super super;
	struct media_segments segments;
	struct media_blocks blocks;
	uint64_t namespaces;
	uint64_t findings;
	enum media_verdict verdict;
};

/* 0, and the verdict in @check; -ENOMEM: none.  @file is the caller's to close. */
int media_check(const struct media_file *file, struct media_check *check);

#endif /* _KVMEM_MEDIA_CHECK_H */
