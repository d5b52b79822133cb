/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A media in memory that fails, delays and forgets on demand.
 *
 * It keeps two images: what reads see, and what is durable.  A write reaches
 * the first when it is carried out, the second when it is flushed or FUA.
 * The hooks may be called while transfers are under way.
 */
#ifndef KVMEM_TEST_RAM_MEDIA_H
#define KVMEM_TEST_RAM_MEDIA_H

#include <linux/list.h>
#include <linux/random.h>
#include <linux/spinlock.h>
#include "flash/format.h"
#include "flash/media.h"

/**
 * struct ram_failure - which commands fail; guarded by ram_media.lock
 * @after: commands that succeed before
 * @nr: that fail then
 * @error: with this
 */
struct ram_failure {
	u64 after;
	u64 nr;
	int error;
};

/**
 * struct ram_media - see above
 * @node: in the list that open looks in
 * @name: what open calls it
 * @geo: what it says of itself; may be changed until it is opened
 * @dma_dev: takes DMA addresses, which are the kernel's own; NULL: host pages only
 * @dev: while open
 * @lock: guards everything below
 * @live: what reads see
 * @durable: what is left by a power cut
 * @dirty: units in which the two may differ
 * @held: transfers that wait for ram_media_release(), struct ram_io
 * @nr_held: how many
 * @hold: new ones are held
 * @fail: by op
 * @count: commands carried out, by op; refused and failed ones, too
 * @preflush, @fua: writes that asked for it
 */
struct ram_media {
	struct list_head node;
	char name[32];
	struct kvmem_geometry geo;
	struct device *dma_dev;
	struct kvmem_dev *dev;
	spinlock_t lock;	/* see above */
	u8 *live;
	u8 *durable;
	unsigned long *dirty;
	struct list_head held;
	unsigned int nr_held;
	bool hold;
	struct ram_failure fail[KVMEM_IO_NR];
	u64 count[KVMEM_IO_NR];
	u64 preflush;
	u64 fua;
};

extern const struct kvmem_media_ops ram_media_ops;

/* Zeroed, with a volatile cache and discards; NULL: no memory. */
struct ram_media *ram_media_create(const char *name, u64 bytes, u32 unit);
/* A superblock, which is *@super, and an empty directory; segments of @segment bytes. */
int ram_media_format(struct ram_media *ram, struct kvmem_super *super, u32 segment);
/* Both images get @len bytes at @off. */
void ram_media_image(struct ram_media *ram, u64 off, const void *data, size_t len);
/* It is closed. */
void ram_media_destroy(struct ram_media *ram);

/* Let @after commands of @op pass, then fail @nr; a write that fails is half done. */
void ram_media_fail(struct ram_media *ram, enum kvmem_io_op op, u64 after, u64 nr, int error);
/* From now on commands are held, in the order they come; or no longer. */
void ram_media_hold(struct ram_media *ram, bool hold);
/*
 * Carry out and end up to @nr of those held; in order, or, with a @seed, in
 * another.  Returns how many.
 */
unsigned int ram_media_release(struct ram_media *ram, unsigned int nr, u64 seed);
unsigned int ram_media_nr_held(struct ram_media *ram);
/*
 * What is not durable is lost; with a @seed, a part of it, by units, is not.
 * What is held ends with -EIO and is not carried out.
 */
void ram_media_power_cut(struct ram_media *ram, u64 seed);
/* Tell the core that the device has gone, or takes no more writes. */
void ram_media_trouble(struct ram_media *ram, enum kvmem_dev_trouble what);

#endif
