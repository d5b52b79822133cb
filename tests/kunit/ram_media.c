// SPDX-License-Identifier: GPL-2.0
/*
 * A media in memory, see ram_media.h.
 */
#include <linux/bitmap.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>
#include "ram_media.h"

/* A transfer that is held */
struct ram_io {
	struct list_head node;
	struct kvmem_io *io;
};

static LIST_HEAD(ram_medias);
static DEFINE_MUTEX(ram_medias_lock);	/* ram_medias */

/* Images; the caller holds ram->lock ---------------------------------------- */

static void ram_mark(struct ram_media *ram, u64 off, u64 len)
{
	bitmap_set(ram->dirty, off / ram->geo.unit, len / ram->geo.unit);
}

static void ram_persist(struct ram_media *ram, u64 off, u64 len)
{
	memcpy(ram->durable + off, ram->live + off, len);
	bitmap_clear(ram->dirty, off / ram->geo.unit, len / ram->geo.unit);
}

static void ram_persist_all(struct ram_media *ram)
{
	unsigned long nr = ram->geo.bytes / ram->geo.unit, i;

	for_each_set_bit(i, ram->dirty, nr)
		ram_persist(ram, (u64)i * ram->geo.unit, ram->geo.unit);
}

static void ram_iter(struct iov_iter *iter, const struct kvmem_io *io, unsigned int dir,
		     size_t len)
{
	iov_iter_bvec(iter, dir, io->bvecs, io->nr_bvecs, io->first + len);
	iov_iter_advance(iter, io->first);
}

/* Memory without pages: as a device would, by address. */
static void ram_dma(struct ram_media *ram, const struct kvmem_io *io, size_t len, bool write)
{
	const struct kvmem_dma_run *run = io->dma;
	u64 skip = io->first, off = io->off, part;

	for (; len; len -= part, off += part, run++, skip = 0) {
		void *p = (void *)(unsigned long)(run->addr + skip);

		part = min_t(u64, len, run->len - skip);
		if (write)
			memcpy(ram->live + off, p, part);
		else
			memcpy(p, ram->live + off, part);
	}
}

static int ram_read(struct ram_media *ram, struct kvmem_io *io)
{
	struct iov_iter iter;

	if (io->dma) {
		ram_dma(ram, io, io->len, false);
		return 0;
	}
	ram_iter(&iter, io, ITER_DEST, io->len);
	return copy_to_iter(ram->live + io->off, io->len, &iter) == io->len ? 0 : -EIO;
}

static int ram_write(struct ram_media *ram, struct kvmem_io *io, size_t len)
{
	struct iov_iter iter;

	if (io->flags & KVMEM_IO_F_PREFLUSH)
		ram_persist_all(ram);
	if (io->dma) {
		ram_dma(ram, io, len, true);
	} else {
		ram_iter(&iter, io, ITER_SOURCE, len);
		if (copy_from_iter(ram->live + io->off, len, &iter) != len)
			return -EIO;
	}
	ram_mark(ram, io->off, len);
	if (io->flags & KVMEM_IO_F_FUA)
		ram_persist(ram, io->off, len);
	ram->preflush += !!(io->flags & KVMEM_IO_F_PREFLUSH);
	ram->fua += !!(io->flags & KVMEM_IO_F_FUA);
	return 0;
}

/* Discarded units read as this: neither what was there nor zeroes. */
static int ram_discard(struct ram_media *ram, struct kvmem_io *io)
{
	unsigned int i;

	for (i = 0; i < io->nr_ranges; i++) {
		memset(ram->live + io->ranges[i].off, 0xdc, io->ranges[i].len);
		ram_mark(ram, io->ranges[i].off, io->ranges[i].len);
	}
	return 0;
}

static int ram_failure(struct ram_media *ram, enum kvmem_io_op op)
{
	struct ram_failure *f = &ram->fail[op];

	if (!f->nr)
		return 0;
	if (f->after) {
		f->after--;
		return 0;
	}
	f->nr--;
	return f->error;
}

static int ram_do(struct ram_media *ram, struct kvmem_io *io)
{
	int error = ram_failure(ram, io->op);
	size_t half = round_down(io->len / 2, ram->geo.unit);

	ram->count[io->op]++;
	if (error) {
		if (io->op == KVMEM_IO_WRITE && half)
			ram_write(ram, io, half);
		return error;
	}
	switch (io->op) {
	case KVMEM_IO_READ:
		return ram_read(ram, io);
	case KVMEM_IO_WRITE:
		return ram_write(ram, io, io->len);
	case KVMEM_IO_DISCARD:
		return ram_discard(ram, io);
	default:
		ram_persist_all(ram);
		return 0;
	}
}

/* The backend --------------------------------------------------------------- */

static struct ram_media *ram_find(const char *name)
{
	struct ram_media *ram, *found = NULL;

	mutex_lock(&ram_medias_lock);
	list_for_each_entry(ram, &ram_medias, node)
		if (!strcmp(ram->name, name))
			found = ram;
	mutex_unlock(&ram_medias_lock);
	return found;
}

static int ram_open(struct kvmem_dev *dev, const char *path)
{
	struct ram_media *ram = ram_find(path);

	if (!ram)
		return -ENOENT;
	if (ram->dev)
		return -EBUSY;
	ram->dev = dev;
	dev->priv = ram;
	dev->geo = ram->geo;
	return 0;
}

static void ram_close(struct kvmem_dev *dev)
{
	struct ram_media *ram = dev->priv;

	WARN_ON_ONCE(!list_empty(&ram->held));
	ram->dev = NULL;
}

/* False: not to be held, or no memory to. */
static bool ram_held(struct ram_media *ram, struct kvmem_io *io)
{
	struct ram_io *held;

	if (!ram->hold)
		return false;
	held = kmalloc(sizeof(*held), GFP_ATOMIC);
	if (!held)
		return false;
	held->io = io;
	list_add_tail(&held->node, &ram->held);
	ram->nr_held++;
	return true;
}

static void ram_submit(struct kvmem_dev *dev, struct kvmem_io *io)
{
	struct ram_media *ram = dev->priv;
	bool held;
	int status = 0;

	spin_lock(&ram->lock);
	held = ram_held(ram, io);
	if (!held)
		status = ram_do(ram, io);
	spin_unlock(&ram->lock);
	if (!held)
		kvmem_dev_end(io, status);
}

static struct device *ram_dma_dev(struct kvmem_dev *dev)
{
	struct ram_media *ram = dev->priv;

	return READ_ONCE(ram->dma_dev);
}

const struct kvmem_media_ops ram_media_ops = {
	.name	= "ram",
	.owner	= THIS_MODULE,
	.open	= ram_open,
	.close	= ram_close,
	.submit	= ram_submit,
	.dma_dev = ram_dma_dev,
};

/* Hooks --------------------------------------------------------------------- */

void ram_media_fail(struct ram_media *ram, enum kvmem_io_op op, u64 after, u64 nr, int error)
{
	spin_lock(&ram->lock);
	ram->fail[op] = (struct ram_failure) { .after = after, .nr = nr, .error = error };
	spin_unlock(&ram->lock);
}

void ram_media_hold(struct ram_media *ram, bool hold)
{
	spin_lock(&ram->lock);
	ram->hold = hold;
	spin_unlock(&ram->lock);
}

unsigned int ram_media_nr_held(struct ram_media *ram)
{
	return READ_ONCE(ram->nr_held);
}

/* Any of them with a random state, else the oldest; caller holds ram->lock. */
static struct kvmem_io *ram_take(struct ram_media *ram, struct rnd_state *rnd)
{
	unsigned int skip = rnd ? prandom_u32_state(rnd) % ram->nr_held : 0;
	struct ram_io *held;
	struct kvmem_io *io = NULL;

	list_for_each_entry(held, &ram->held, node)
		if (!skip--)
			break;
	if (!list_entry_is_head(held, &ram->held, node)) {
		io = held->io;
		list_del(&held->node);
		kfree(held);
		ram->nr_held--;
	}
	return io;
}

/* Carry one out, or with an @error do not. */
static bool ram_release_one(struct ram_media *ram, struct rnd_state *rnd, int error)
{
	struct kvmem_io *io = NULL;
	int status = error;

	spin_lock(&ram->lock);
	if (ram->nr_held)
		io = ram_take(ram, rnd);
	if (io && !error)
		status = ram_do(ram, io);
	spin_unlock(&ram->lock);
	if (io)
		kvmem_dev_end(io, status);
	return io;
}

unsigned int ram_media_release(struct ram_media *ram, unsigned int nr, u64 seed)
{
	struct rnd_state rnd;
	unsigned int done;

	prandom_seed_state(&rnd, seed);
	for (done = 0; done < nr; done++)
		if (!ram_release_one(ram, seed ? &rnd : NULL, 0))
			break;
	return done;
}

void ram_media_power_cut(struct ram_media *ram, u64 seed)
{
	unsigned long nr = ram->geo.bytes / ram->geo.unit, i;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, seed);
	spin_lock(&ram->lock);
	for_each_set_bit(i, ram->dirty, nr)
		if (seed && prandom_u32_state(&rnd) & 1)
			ram_persist(ram, (u64)i * ram->geo.unit, ram->geo.unit);
	memcpy(ram->live, ram->durable, ram->geo.bytes);
	bitmap_zero(ram->dirty, nr);
	spin_unlock(&ram->lock);
	while (ram_release_one(ram, NULL, -EIO))
		;
}

void ram_media_trouble(struct ram_media *ram, enum kvmem_dev_trouble what)
{
	if (ram->dev)
		kvmem_dev_report(ram->dev, what);
}

/* Images ------------------------------------------------------------------- */

void ram_media_image(struct ram_media *ram, u64 off, const void *data, size_t len)
{
	memcpy(ram->live + off, data, len);
	memcpy(ram->durable + off, data, len);
}

int ram_media_format(struct ram_media *ram, struct kvmem_super *super, u32 segment)
{
	void *page = kzalloc(KVMEM_MEDIA_PAGE, GFP_KERNEL);
	u32 i;

	if (!page)
		return -ENOMEM;
	if (!kvmem_super_layout(super, ram->geo.bytes, segment, ram->geo.unit)) {
		kfree(page);
		return -EINVAL;
	}
	memset(super->uuid, 0x5a, sizeof(super->uuid));
	super->generation = 1;
	kvmem_super_encode(page, super);
	ram_media_image(ram, 0, page, KVMEM_MEDIA_PAGE);
	ram_media_image(ram, kvmem_super_end(ram->geo.bytes), page, KVMEM_MEDIA_PAGE);
	memset(page, 0, KVMEM_MEDIA_PAGE);
	for (i = 0; i < super->dir_pages; i++) {
		kvmem_dir_seal(page, super, i, 1);
		ram_media_image(ram, super->directory[0] + (u64)i * KVMEM_MEDIA_PAGE, page,
				KVMEM_MEDIA_PAGE);
	}
	kfree(page);
	return 0;
}

/* Life ---------------------------------------------------------------------- */

static int ram_images(struct ram_media *ram)
{
	ram->live = vzalloc(ram->geo.bytes);
	ram->durable = vzalloc(ram->geo.bytes);
	ram->dirty = vzalloc(BITS_TO_LONGS(ram->geo.bytes / ram->geo.unit) * sizeof(long));
	return ram->live && ram->durable && ram->dirty ? 0 : -ENOMEM;
}

struct ram_media *ram_media_create(const char *name, u64 bytes, u32 unit)
{
	struct ram_media *ram = kzalloc(sizeof(*ram), GFP_KERNEL);

	if (!ram)
		return NULL;
	INIT_LIST_HEAD(&ram->node);
	INIT_LIST_HEAD(&ram->held);
	spin_lock_init(&ram->lock);
	strscpy(ram->name, name, sizeof(ram->name));
	ram->geo = (struct kvmem_geometry) {
		.bytes = bytes, .unit = unit, .mem_align = 4, .max_io = 1U << 20,
		.discard_unit = unit, .max_discard_ranges = 256, .volatile_cache = true,
	};
	if (ram_images(ram)) {
		ram_media_destroy(ram);
		return NULL;
	}
	mutex_lock(&ram_medias_lock);
	list_add(&ram->node, &ram_medias);
	mutex_unlock(&ram_medias_lock);
	return ram;
}

void ram_media_destroy(struct ram_media *ram)
{
	if (!ram)
		return;
	WARN_ON_ONCE(ram->dev);
	mutex_lock(&ram_medias_lock);
	list_del(&ram->node);
	mutex_unlock(&ram_medias_lock);
	vfree(ram->live);
	vfree(ram->durable);
	vfree(ram->dirty);
	kfree(ram);
}
