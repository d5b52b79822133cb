/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What scan.c and adopt.c owe each other: reading tables.
 */
#ifndef KVMEM_SCAN_H
#define KVMEM_SCAN_H

#include "flash/log.h"

/* The end of a segment that is read at once: for most of them, all of the table. */
#define KVMEM_SCAN_TAIL		(64U << 10)

/**
 * struct kvmem_scan - one reading of tables; under media->scan_lock
 * @media: whose
 * @owners: by slot: the log that adopts, referenced; an ERR_PTR when its
 *	namespace is not there; NULL when nobody has looked
 * @nr_owners: slots
 * @lookup: namespaces may be looked for; else @owners is complete
 * @order: segments to adopt, newest first
 * @nr: of them
 * @gone: blocks that were deleted and not met yet
 * @failures: reads that failed in a row
 * @damaged: tables that ended in a damaged page
 */
struct kvmem_scan {
	struct kvmem_media *media;
	struct kvmem_log **owners;
	u32 nr_owners;
	bool lookup;
	u32 *order;
	u32 nr;
	struct rhashtable gone;
	unsigned int failures;
	u32 damaged;
};

static inline bool kvmem_scan_stopped(const struct kvmem_media *media)
{
	return READ_ONCE(media->state) >= KVMEM_MEDIA_STATE_FAILED;
}

/* Errors that are not one segment's. */
static inline bool kvmem_scan_is_fatal(int err)
{
	return err == -ETIMEDOUT || err == -ENODEV || err == -ESHUTDOWN || err == -ENOMEM;
}

/* scan.c */
/* A read failed, or made no sense.  0: go on with the others. */
int kvmem_scan_unreadable(struct kvmem_scan *scan, struct kvmem_segment *seg, int err);
/* Page @page of the table of segment @no is not taken: count and tell, if it is damaged. */
void kvmem_scan_refused(struct kvmem_scan *scan, u32 no, u32 page, enum kvmem_format_error err);

/* adopt.c */
int kvmem_adopt_init(struct kvmem_scan *scan);
void kvmem_adopt_exit(struct kvmem_scan *scan);
/* The log of @ns is the only one that adopts.  False: it has none. */
bool kvmem_adopt_only(struct kvmem_scan *scan, struct kvmem_ns *ns);
/* The log that adopts @seg; NULL: nobody, now. */
struct kvmem_log *kvmem_adopt_owner(struct kvmem_scan *scan, const struct kvmem_segment *seg);
/* Segment @no, whose last KVMEM_SCAN_TAIL bytes are @data, unless @status is an error. */
int kvmem_adopt_segment(struct kvmem_scan *scan, u32 no, const void *data, int status);

#endif
