/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of the flash tier share: disks of their own (null_blk, made
 * and removed through configfs), media on them, and blocks that must survive.
 *
 * The harness detaches every media and removes every disk after each test.
 */
#ifndef KVMEM_FLASH_H
#define KVMEM_FLASH_H

#include <linux/kvmem_media.h>
#include <linux/kvmem_netlink.h>
#include "kvmem_util.h"

/* Disks ---------------------------------------------------------------------- */

struct kvt_disk_opts {
	unsigned int mib;		/* 0: 64 */
	unsigned int blocksize;		/* 0: 512 */
	unsigned int cache_mib;		/* volatile cache, lost with the power; 0: none */
	unsigned int delay_ms;		/* of each transfer, two at a time; 0: none */
	bool no_discard;
};

struct kvt_disk {
	char name[32];
	char dir[96];	/* in configfs */
	char path[64];	/* in /dev */
	uint64_t bytes;
};

/* A disk that is on; content is zero.  @opts may be NULL. */
void kvt_disk_new(struct kvt_disk *disk, const struct kvt_disk_opts *opts);
/* Off: as if pulled out.  What it had written, its cache aside, is there when on again. */
void kvt_disk_power(const struct kvt_disk *disk, bool on);
void kvt_disk_resize(struct kvt_disk *disk, unsigned int mib);	/* while off */
/* Each transfer takes so long, @depth of them at a time; while off. */
void kvt_disk_slow(const struct kvt_disk *disk, unsigned int ms, unsigned int depth);
/* Every transfer that touches the range fails, or does not any more. */
void kvt_disk_bad(const struct kvt_disk *disk, uint64_t off, uint64_t len, bool bad);
void kvt_disk_free(const struct kvt_disk *disk);
/*
 * A mapped device on all of @disk, in *@over; it does not answer while it is held,
 * and goes on with everything afterwards.
 */
void kvt_disk_map(struct kvt_disk *over, const struct kvt_disk *disk);
void kvt_disk_hold(const struct kvt_disk *over, bool hold);
/* Look at it, or change it, from outside: while no media is attached. */
void kvt_disk_read(const struct kvt_disk *disk, void *buf, size_t len, uint64_t off);
void kvt_disk_write(const struct kvt_disk *disk, const void *buf, size_t len, uint64_t off);
void kvt_disk_flip(const struct kvt_disk *disk, uint64_t off, uint8_t mask);

/* Media ---------------------------------------------------------------------- */

struct kvt_media {
	uint32_t id;
	char name[64];
	char path[256];
	uint8_t uuid[16];
	uint8_t state;
	uint64_t write_budget;
	uint64_t v[KVMEM_A_MEDIA_MAX + 1];	/* by attribute */
};

struct kvt_segment {
	uint64_t v[KVMEM_A_SEG_MAX + 1];
};

/* kvmemctl ARGUMENTS: exit status; what it printed is in kvt_ctl_text(). */
int kvt_ctl(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *kvt_ctl_text(void);
/* Return 0 or a negative errno, as kvt_nl_*() do. */
int kvt_media_attach(const char *path, const char *name, const uint8_t *uuid);
int kvt_media_detach(const char *name);
int kvt_media_get(const char *name, struct kvt_media *media);
int kvt_media_budget(const char *name, uint64_t bytes_per_day);
/* All segments: how many; at most @max are stored. */
unsigned int kvt_media_segments(const char *name, struct kvt_segment *seg, unsigned int max);
/* The same, and a failure ends the test; attach waits until all tables are read. */
void kvt_media_format(const struct kvt_disk *disk, const char *segment_size);
void kvt_media_on(const struct kvt_disk *disk);
void kvt_media_off(const struct kvt_disk *disk);
struct kvt_media kvt_media_info(const struct kvt_disk *disk);
/* A new disk of 64 MiB, formatted with segments of 1 MiB, attached under its name. */
void kvt_media_new(struct kvt_disk *disk);

/* Blocks --------------------------------------------------------------------- */

/* Namespace whose blocks go to flash as they are put; room for 64 in DRAM. */
extern const struct kvt_ns_opts kvt_through;
#define KVT_FLASH_DRAM 64

/* Put the content of @key and wait until it survives. */
int kvt_persist(int fd, uint64_t key, size_t len);
/* The same under a name that is not the content's. */
int kvt_persist_as(int fd, uint64_t key, uint64_t content, size_t len);
/* As kvt_get_key(), with where it came from and the result's flags. */
int kvt_get_from(int fd, uint64_t key, size_t len, uint8_t *tier, uint16_t *res_flags);
/* Nothing but flash has the blocks of the namespace any more. */
void kvt_dram_empty(int fd, const char *ns);
/*
 * As after a restart: no media, the namespace made anew; the media is attached
 * again, before or after that.  The new file.
 */
int kvt_restart(int fd, const char *ns, const struct kvt_ns_opts *opts,
		const struct kvt_disk *disk, bool media_first);
/* Sizes that meet every rounding there is; the last is @KVT_BIGGEST. */
#define KVT_BIGGEST (4 * MIB + 3)
extern const size_t kvt_sizes[];
extern const unsigned int kvt_nr_sizes;

#endif
