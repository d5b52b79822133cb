/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What people see of media: snapshots for netlink and sysfs, and settings.
 *
 * A reference keeps struct kvmem_media, not its segments, directory and
 * device: detach takes those away.  Whoever looks at them from outside stands
 * between kvmem_media_enter() and _leave().
 */
#ifndef KVMEM_INFO_H
#define KVMEM_INFO_H

#include "flash/flash.h"

struct device;

/* Segments and what is in them: each right, but not all of one moment. */
struct kvmem_media_census {
	u32 segments[KVMEM_SEG_NR_STATES];
	u64 blocks;
	u64 bytes;
};

struct kvmem_media_info {
	u8 state;
	u64 write_budget;		/* bytes a day, 0 = no bound */
	s64 tokens;
	u32 threshold;
	struct kvmem_media_counts counts;
	u32 write_amplification;	/* thousandths, 0 = nothing was put */
	struct kvmem_media_census census;
	u64 errors[KVMEM_IO_NR];	/* of transfers */
	u64 discard_ranges;
	u64 discard_bytes;
	u32 nr_inflight;
	u64 inflight[2];		/* bytes, read and write */
	u64 wait_ns[2];			/* expected, of 1 MiB more */
	u32 scanned_segments;
	u64 scanned_blocks;
	u64 scan_ns;
	struct kvmem_health health;
	s64 life_days;			/* -1 = not known */
};

/* A segment; @ns_id is 0 when it is nobody's. */
struct kvmem_segment_info {
	u64 generation;
	u64 live_bytes;
	u32 no;
	u32 ns_id;
	u32 slot;
	u32 slot_generation;
	u32 fill;
	u32 live_blocks;
	u32 pages;
	u32 nr_gone;
	bool has_slot;
	u8 state;
	u8 temperature;
};

/* Detach waits for leave.  False: it was there first.  May sleep; not to be nested. */
bool kvmem_media_enter(struct kvmem_media *media);
void kvmem_media_leave(struct kvmem_media *media);

/* All of it.  Caller has entered; sleeps for the device's health. */
void kvmem_media_get_info(struct kvmem_media *media, struct kvmem_media_info *info);
/* Caller has entered. */
void kvmem_media_get_segment(struct kvmem_media *media, u32 no, struct kvmem_segment_info *info);
/* Caller has entered, or is a file in sysfs. */
void kvmem_media_get_census(struct kvmem_media *media, struct kvmem_media_census *census);
u32 kvmem_media_amplification(const struct kvmem_media_counts *counts);

/* Bytes a day, 0 = no bound.  -ERANGE. */
#define KVMEM_MIN_WRITE_BUDGET	(1ULL << 20)
#define KVMEM_MAX_WRITE_BUDGET	(1ULL << 50)
int kvmem_media_set_budget(struct kvmem_media *media, u64 bytes_per_day);

const char *kvmem_media_state_name(unsigned int state);

/*
 * The media begins, or ceases, to be seen.  Called by attach and detach under
 * the lock of the table; after del nobody looks at its parts any more.  A
 * directory that cannot be made is missing, that is all.
 */
void kvmem_media_sysfs_add(struct kvmem_media *media);
void kvmem_media_sysfs_del(struct kvmem_media *media);

/* /sys/class/misc/kvmem/media: after @dev was registered, and before it is not any more. */
void kvmem_media_sysfs_start(struct device *dev);
void kvmem_media_sysfs_stop(void);

/* sysfs.c: the directory of one media; NULL: there is none */
struct kvmem_media_kobj *kvmem_media_kobj_add(struct kvmem_media *media, struct kobject *parent);
/* Waits for whoever reads a file in it. */
void kvmem_media_kobj_del(struct kvmem_media_kobj *kobj);

#endif
