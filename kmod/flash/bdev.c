// SPDX-License-Identifier: GPL-2.0
/*
 * The bdev backend: any block device, partition or logical volume, by bios.
 *
 * A read or write is one bio on the caller's own segments, however long; the
 * block layer splits it to what the device takes.  Its parts keep PREFLUSH and
 * FUA, so both mean the same for any length.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/ioprio.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include "media.h"

/* Transfers that can start when there is no memory at all */
#define BDEV_RESERVE		64
/* A discard bio covers at most this, bytes, unless the device's unit is larger. */
#define BDEV_DISCARD_MAX	(1ULL << 30)
/* Lowest of best effort: IDLE may wait for ever. */
#define BDEV_BACKGROUND_PRIO	IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 7)

/**
 * struct bdev - an open block device
 * @dev: what it is the backend of
 * @file: holds it open, exclusively; NULL until the open succeeded
 * @bdev: of @file
 * @bios: of struct bdev_bio
 * @lock: guards @polled; innermost, taken in interrupts
 * @polled: bios that are polled for
 */
struct bdev {
	struct kvmem_dev *dev;
	struct file *file;
	struct block_device *bdev;
	struct bio_set bios;
	spinlock_t lock;	/* see above */
	struct list_head polled;
};

/**
 * struct bdev_bio - a bio of ours; in front of every bio of bdev->bios
 * @io: what it is (a part) of
 * @node: in bdev->polled when polled for
 * @ref: the bio until its end, and whoever polls for it
 * @bio: last, the block layer's
 */
struct bdev_bio {
	struct kvmem_io *io;
	struct list_head node;
	refcount_t ref;
	struct bio bio;
};

static struct bdev_bio *to_bdev_bio(struct bio *bio)
{
	return container_of(bio, struct bdev_bio, bio);
}

static void bdev_bio_put(struct bdev_bio *bb)
{
	if (refcount_dec_and_test(&bb->ref))
		bio_put(&bb->bio);
}

/* Trouble ------------------------------------------------------------------ */

/*
 * Kernels before 6.5 do not call this, and a disk may die before it is: every
 * failure is looked at, too.
 */
KVMEM_MARK_DEAD(bdev_mark_dead_op, holder)
{
	struct bdev *b = holder;

	kvmem_dev_report(b->dev, KVMEM_DEV_GONE);
}

static const struct blk_holder_ops bdev_holder_ops = {
	.mark_dead = bdev_mark_dead_op,
};

/* What does a failure say about the device?  Any context. */
static void bdev_judge(struct bdev *b, const struct kvmem_io *io, int status)
{
	if (!status)
		return;
	if (status == -ENODEV || test_bit(GD_DEAD, &b->bdev->bd_disk->state))
		kvmem_dev_report(b->dev, KVMEM_DEV_GONE);
	else if (io->op != KVMEM_IO_READ && (status == -EROFS || bdev_read_only(b->bdev)))
		kvmem_dev_report(b->dev, KVMEM_DEV_READ_ONLY);
}

/* The block layer only warns of a write to a device that was made read-only. */
static bool bdev_refuses(struct bdev *b, const struct kvmem_io *io)
{
	if (io->op != KVMEM_IO_WRITE && io->op != KVMEM_IO_DISCARD)
		return false;
	return bdev_read_only(b->bdev);
}

/* Bios --------------------------------------------------------------------- */

static blk_opf_t bdev_opf(const struct kvmem_io *io)
{
	static const blk_opf_t ops[KVMEM_IO_NR] = {
		[KVMEM_IO_READ]		= REQ_OP_READ,
		[KVMEM_IO_WRITE]	= REQ_OP_WRITE,
		[KVMEM_IO_FLUSH]	= REQ_OP_WRITE | REQ_PREFLUSH,
		[KVMEM_IO_DISCARD]	= REQ_OP_DISCARD,
	};
	blk_opf_t opf = ops[io->op];

	if (io->flags & KVMEM_IO_F_PREFLUSH)
		opf |= REQ_PREFLUSH;
	if (io->flags & KVMEM_IO_F_FUA)
		opf |= REQ_FUA;
	if (io->flags & KVMEM_IO_F_POLLED)
		opf |= REQ_POLLED;
	if (io->flags & KVMEM_IO_F_BACKGROUND)
		return opf | REQ_BACKGROUND;
	return opf | REQ_SYNC | REQ_IDLE | KVMEM_REQ_ALLOC_CACHE;
}

/* From a reserve of ours, without starting I/O for memory: never fails. */
static struct bdev_bio *bdev_bio_alloc(struct bdev *b, struct kvmem_io *io, bio_end_io_t *end)
{
	struct bio *bio = bio_alloc_bioset(b->bdev, 0, bdev_opf(io), GFP_NOIO, &b->bios);
	struct bdev_bio *bb = to_bdev_bio(bio);

	bio->bi_end_io = end;
	bio->bi_private = b;
	if (io->flags & KVMEM_IO_F_BACKGROUND)
		bio->bi_ioprio = BDEV_BACKGROUND_PRIO;
	bb->io = io;
	INIT_LIST_HEAD(&bb->node);
	refcount_set(&bb->ref, 1);
	return bb;
}

static void polled_add(struct bdev *b, struct bdev_bio *bb)
{
	unsigned long flags;

	spin_lock_irqsave(&b->lock, flags);
	list_add_tail(&bb->node, &b->polled);
	spin_unlock_irqrestore(&b->lock, flags);
}

static void polled_del(struct bdev *b, struct bdev_bio *bb)
{
	unsigned long flags;

	spin_lock_irqsave(&b->lock, flags);
	list_del_init(&bb->node);
	spin_unlock_irqrestore(&b->lock, flags);
}

/* The bio goes before the transfer ends: after that the bio_set may go. */
static void bdev_end(struct bio *bio)
{
	struct bdev_bio *bb = to_bdev_bio(bio);
	struct bdev *b = bio->bi_private;
	struct kvmem_io *io = bb->io;
	int status = blk_status_to_errno(bio->bi_status);

	if (io->flags & KVMEM_IO_F_POLLED)
		polled_del(b, bb);
	bdev_bio_put(bb);
	bdev_judge(b, io, status);
	kvmem_dev_end(io, status);
}

/*
 * The bio borrows the caller's segments, which it, marked as a clone, leaves as
 * they are.  They are read through bi_iter alone.
 */
static void bdev_lend(struct bio *bio, const struct kvmem_io *io)
{
	unsigned int i = 0;
	size_t skip = io->first;

	while (skip >= io->bvecs[i].bv_len)
		skip -= io->bvecs[i++].bv_len;
	bio->bi_io_vec = (struct bio_vec *)io->bvecs;
	bio->bi_vcnt = io->nr_bvecs;
	bio->bi_iter.bi_idx = i;
	bio->bi_iter.bi_bvec_done = skip;
	bio->bi_iter.bi_size = io->len;
	bio->bi_iter.bi_sector = io->off >> SECTOR_SHIFT;
	bio_set_flag(bio, BIO_CLONED);
}

/* Plugged, so that the commands of a long transfer go to the device together. */
static void bdev_transfer(struct bdev *b, struct kvmem_io *io)
{
	struct bdev_bio *bb = bdev_bio_alloc(b, io, bdev_end);
	bool plugged = io->len > b->dev->geo.max_io;
	struct blk_plug plug;

	if (io->op != KVMEM_IO_FLUSH)
		bdev_lend(&bb->bio, io);
	if (io->flags & KVMEM_IO_F_POLLED)
		polled_add(b, bb);
	if (plugged)
		blk_start_plug(&plug);
	submit_bio(&bb->bio);
	if (plugged)
		blk_finish_plug(&plug);
}

/* One look, for the bio that was not looked for longest; the whole queue is seen. */
static int bdev_poll(struct kvmem_dev *dev)
{
	struct bdev *b = dev->priv;
	struct bdev_bio *bb;
	unsigned long flags;
	int ret;

	spin_lock_irqsave(&b->lock, flags);
	bb = list_first_entry_or_null(&b->polled, struct bdev_bio, node);
	if (bb) {
		/* In the list, so it has not ended and its reference is there. */
		refcount_inc(&bb->ref);
		list_rotate_left(&b->polled);
	}
	spin_unlock_irqrestore(&b->lock, flags);
	if (!bb)
		return 0;
	ret = bio_poll(&bb->bio, NULL, BLK_POLL_ONESHOT | BLK_POLL_NOSLEEP);
	bdev_bio_put(bb);
	return max(ret, 0);
}

/* Discards ----------------------------------------------------------------- */

/* The first failure counts; whoever takes the last part away ends the transfer. */
static void discard_part_end(struct kvmem_io *io, int status)
{
	if (status)
		cmpxchg(&io->status, 0, status);
	if (atomic_dec_and_test(&io->pending))
		kvmem_dev_end(io, READ_ONCE(io->status));
}

static void discard_bio_end(struct bio *bio)
{
	struct bdev_bio *bb = to_bdev_bio(bio);
	struct bdev *b = bio->bi_private;
	struct kvmem_io *io = bb->io;
	int status = blk_status_to_errno(bio->bi_status);

	bdev_bio_put(bb);
	bdev_judge(b, io, status);
	discard_part_end(io, status);
}

static void discard_submit(struct bdev *b, struct kvmem_io *io, u64 off, u64 len)
{
	struct bdev_bio *bb = bdev_bio_alloc(b, io, discard_bio_end);

	bb->bio.bi_iter.bi_sector = off >> SECTOR_SHIFT;
	bb->bio.bi_iter.bi_size = len;
	atomic_inc(&io->pending);
	submit_bio(&bb->bio);
}

/* Only whole units of the device's own are given up; the rest stays as it is. */
static void discard_range(struct bdev *b, struct kvmem_io *io, const struct kvmem_range *range)
{
	u64 unit = b->dev->geo.discard_unit;
	u64 step = max(unit, div64_u64(BDEV_DISCARD_MAX, unit) * unit);
	u64 end = div64_u64(range->off + range->len, unit) * unit;
	u64 off = div64_u64(range->off + unit - 1, unit) * unit;
	u64 len;

	for (; off < end; off += len) {
		len = min(end - off, step);
		discard_submit(b, io, off, len);
	}
}

/*
 * Plugged, so that the block layer makes one command of several ranges where
 * the device takes them.
 */
static void bdev_discard(struct bdev *b, struct kvmem_io *io)
{
	struct blk_plug plug;
	unsigned int i;

	io->status = 0;
	/* Ours, so that it does not end before all parts are on their way. */
	atomic_set(&io->pending, 1);
	blk_start_plug(&plug);
	for (i = 0; i < io->nr_ranges; i++)
		discard_range(b, io, &io->ranges[i]);
	blk_finish_plug(&plug);
	discard_part_end(io, 0);
}

static void bdev_submit(struct kvmem_dev *dev, struct kvmem_io *io)
{
	struct bdev *b = dev->priv;

	if (bdev_refuses(b, io)) {
		kvmem_dev_report(dev, KVMEM_DEV_READ_ONLY);
		kvmem_dev_end(io, -EROFS);
	} else if (io->op == KVMEM_IO_DISCARD) {
		bdev_discard(b, io);
	} else {
		bdev_transfer(b, io);
	}
}

/* Open, close -------------------------------------------------------------- */

static void geometry_of_discards(struct block_device *bdev, struct kvmem_geometry *geo)
{
	struct request_queue *q = bdev_get_queue(bdev);

	if (!bdev_max_discard_sectors(bdev))
		return;
	geo->discard_unit = max(bdev_discard_granularity(bdev), geo->unit);
	geo->max_discard_ranges = max_t(u32, queue_max_discard_segments(q), 1);
}

/* max_io is what the block layer makes one command of now; sysfs may change it. */
static void bdev_geometry(struct block_device *bdev, struct kvmem_geometry *geo)
{
	geo->unit = bdev_logical_block_size(bdev);
	geo->bytes = round_down((u64)bdev_nr_bytes(bdev), geo->unit);
	geo->mem_align = bdev_dma_alignment(bdev) + 1;
	geo->max_io = max(queue_max_bytes(bdev_get_queue(bdev)), geo->unit);
	geo->volatile_cache = bdev_write_cache(bdev);
	geo->polled = kvmem_bdev_can_poll(bdev);
	geometry_of_discards(bdev, geo);
}

static int bdev_open_file(struct bdev *b, const char *path, bool *read_only)
{
	blk_mode_t mode = BLK_OPEN_READ | BLK_OPEN_WRITE;
	struct file *file = bdev_file_open_by_path(path, mode, b, &bdev_holder_ops);

	*read_only = file == ERR_PTR(-EACCES) || file == ERR_PTR(-EROFS);
	if (*read_only)
		file = bdev_file_open_by_path(path, BLK_OPEN_READ, b, &bdev_holder_ops);
	if (IS_ERR(file))
		return PTR_ERR(file);
	b->file = file;
	b->bdev = file_bdev(file);
	return 0;
}

static int bdev_bind(struct bdev *b, const char *path)
{
	struct kvmem_geometry *geo = &b->dev->geo;
	int ret = bdev_open_file(b, path, &geo->read_only);

	if (ret)
		return ret;
	/* The superblock is written in place. */
	if (bdev_is_zoned(b->bdev)) {
		bdev_fput(b->file);
		return -EOPNOTSUPP;
	}
	bdev_geometry(b->bdev, geo);
	return 0;
}

static int bdev_open(struct kvmem_dev *dev, const char *path)
{
	struct bdev *b = kzalloc(sizeof(*b), GFP_KERNEL);
	int ret;

	if (!b)
		return -ENOMEM;
	b->dev = dev;
	spin_lock_init(&b->lock);
	INIT_LIST_HEAD(&b->polled);
	ret = bioset_init(&b->bios, BDEV_RESERVE, offsetof(struct bdev_bio, bio),
			  KVMEM_BIOSET_CACHE);
	if (ret)
		goto free;
	ret = bdev_bind(b, path);
	if (ret)
		goto exit_bios;
	dev->priv = b;
	return 0;

exit_bios:
	bioset_exit(&b->bios);
free:
	kfree(b);
	return ret;
}

static void bdev_close(struct kvmem_dev *dev)
{
	struct bdev *b = dev->priv;

	/* Yields the claim: the holder operations are not called any more. */
	bdev_fput(b->file);
	bioset_exit(&b->bios);
	kfree(b);
	dev->priv = NULL;
}

const struct kvmem_media_ops kvmem_bdev_ops = {
	.name	= "bdev",
	.open	= bdev_open,
	.close	= bdev_close,
	.submit	= bdev_submit,
	.poll	= bdev_poll,
};
