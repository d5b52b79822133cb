// SPDX-License-Identifier: GPL-2.0
/*
 * Reading copies back, verified.
 *
 * The transfer goes straight to the pages of a DRAM block when the copy begins
 * on a unit of the device; else through a buffer, as does what is not to come to
 * DRAM at all.  A waiter may give up before
 * the device does: what the transfer writes to stays until it has ended.
 */
#include <linux/completion.h>
#include <linux/crc32c.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include "flash/flash.h"
#include "ns.h"

/* Pieces of a block that are read at a time on their way past DRAM. */
#define SERVE_PIECES	4U

/**
 * struct copy_io - a read under way
 * @io: the transfer
 * @ref: the waiter's and the transfer's
 * @done: it has ended
 * @block: what it fills; referenced
 * @copy: what it reads; used until the transfer has ended
 * @bvecs: memory of @block
 * @end: drops the transfer's reference when the waiter has given up
 * @status: of the transfer, once it has ended
 */
struct copy_io {
	struct kvmem_io io;
	refcount_t ref;
	struct completion done;
	struct kvmem_block *block;
	struct kvmem_copy *copy;
	struct bio_vec *bvecs;
	struct work_struct end;
	int status;
};

static void copy_io_put(struct copy_io *c)
{
	if (!refcount_dec_and_test(&c->ref))
		return;
	kvfree(c->bvecs);
	kvmem_block_put(c->block);
	kvmem_copy_put_used(c->copy);
	kfree(c);
}

/* The last put of a block takes locks that are not for interrupts. */
static void copy_io_end(struct work_struct *work)
{
	copy_io_put(container_of(work, struct copy_io, end));
}

static void copy_io_done(struct kvmem_io *io, int status)
{
	struct copy_io *c = container_of(io, struct copy_io, io);

	c->status = status;
	/* The waiter is nearly always there, and then its put is the last. */
	complete(&c->done);
	if (refcount_dec_not_one(&c->ref))
		return;
	INIT_WORK(&c->end, copy_io_end);
	queue_work(system_dfl_wq, &c->end);
}

static struct copy_io *copy_io_alloc(struct kvmem_copy *copy, struct kvmem_block *block,
				     size_t len)
{
	struct copy_io *c = kzalloc(sizeof(*c), GFP_KERNEL);

	if (!c)
		return NULL;
	c->bvecs = kvmem_block_bvecs(block, len, &c->io.nr_bvecs);
	if (!c->bvecs) {
		kfree(c);
		return NULL;
	}
	refcount_set(&c->ref, 2);
	init_completion(&c->done);
	refcount_inc(&block->ref);
	c->block = block;
	kvmem_copy_get(copy);
	kvmem_segment_get(copy->seg);
	c->copy = copy;
	return c;
}

static int read_direct(struct kvmem_copy *copy, struct kvmem_block *block, size_t len)
{
	struct kvmem_media *media = copy->seg->media;
	struct copy_io *c = copy_io_alloc(copy, block, len);
	int ret = -ETIMEDOUT;

	if (!c)
		return -ENOMEM;
	c->io.op = KVMEM_IO_READ;
	c->io.off = kvmem_media_seg_off(copy->seg) + copy->offset;
	c->io.len = len;
	c->io.bvecs = c->bvecs;
	c->io.done = copy_io_done;
	kvmem_dev_submit(&media->dev, &c->io);
	if (wait_for_completion_timeout(&c->done, msecs_to_jiffies(KVMEM_IO_TIMEOUT_MS)))
		ret = c->status;
	copy_io_put(c);
	return ret;
}

/* The units that bytes @off to @off + @part of the copy lie in, and where in them they begin. */
static struct kvmem_dev_buf *read_part(struct kvmem_copy *copy, size_t off, size_t part, u32 *head)
{
	struct kvmem_media *media = copy->seg->media;
	u32 unit = media->dev.geo.unit;
	u32 start = round_down(copy->offset + off, unit);
	size_t len = round_up(copy->offset + off + part, unit) - start;
	struct kvmem_dev_buf *buf = kvmem_dev_alloc(len);
	int ret;

	if (!buf)
		return ERR_PTR(-ENOMEM);
	ret = kvmem_dev_rw(&media->dev, KVMEM_IO_READ, 0,
			   kvmem_media_seg_off(copy->seg) + start, buf, 0, len);
	if (ret) {
		kvmem_dev_buf_put(buf);
		return ERR_PTR(ret);
	}
	*head = copy->offset + off - start;
	return buf;
}

static struct kvmem_dev_buf *read_units(struct kvmem_copy *copy, u32 *head)
{
	return read_part(copy, 0, copy->size, head);
}

static int read_bounced(struct kvmem_copy *copy, struct kvmem_block *block)
{
	struct kvmem_cursor cur = {};
	struct kvmem_dev_buf *buf;
	size_t off = 0, len;
	u32 head;

	buf = read_units(copy, &head);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	while (off < copy->size) {
		void *seg = kvmem_block_seg(block, &cur, off, &len);

		len = min_t(size_t, len, copy->size - off);
		memcpy(seg, kvmem_dev_buf_data(buf) + head + off, len);
		off += len;
		cond_resched();
	}
	kvmem_dev_buf_put(buf);
	return 0;
}

static bool read_fits(const struct kvmem_copy *copy, const struct kvmem_block *block, size_t len)
{
	const struct kvmem_geometry *geo = &copy->seg->media->dev.geo;

	return block->layout == KVMEM_PAGED && !(copy->offset & (geo->unit - 1)) &&
	       len <= kvmem_space_need(block->size, block->layout);
}

int kvmem_copy_read(struct kvmem_copy *copy, struct kvmem_block *block)
{
	size_t len = round_up(copy->size, copy->seg->media->dev.geo.unit);
	int ret;

	if (WARN_ON_ONCE(block->size != copy->size))
		return -EINVAL;
	ret = read_fits(copy, block, len) ? read_direct(copy, block, len) :
					    read_bounced(copy, block);
	if (!ret) {
		kvmem_block_seal(block, copy->size);
		if (!kvmem_copy_matches(copy, block->crc))
			ret = -EILSEQ;
		block->unsummed = !kvmem_copy_proven(copy);
	}
	return ret;
}

struct kvmem_dev_buf *kvmem_copy_read_buf(struct kvmem_copy *copy)
{
	struct kvmem_dev_buf *buf;
	u32 head;

	buf = read_units(copy, &head);
	if (IS_ERR(buf))
		return buf;
	/* Whoever writes it on wants it at the start. */
	if (head)
		memmove(kvmem_dev_buf_data(buf), kvmem_dev_buf_data(buf) + head, copy->size);
	if (!kvmem_copy_matches(copy, ~crc32c(~(u32)0, kvmem_dev_buf_data(buf), copy->size))) {
		kvmem_dev_buf_put(buf);
		return ERR_PTR(-EILSEQ);
	}
	return buf;
}

/* Past DRAM --------------------------------------------------------------------- */

/* The checksum of all bytes up to the end of piece @i; of the only one, if there are no more. */
static u32 piece_sum(const struct kvmem_copy *copy, unsigned int i)
{
	const u32 *sums = kvmem_copy_sums(copy);

	return sums ? sums[i] : ~copy->crc;
}

/* @data: bytes @off to @off + @len, which are whole pieces. */
static int serve_verify(const struct kvmem_copy *copy, const void *data, size_t off, size_t len)
{
	size_t end = off + len, step;
	unsigned int i;
	u32 crc;

	for (i = off / KVMEM_MEDIA_PIECE; off < end; i++, off += step, data += step) {
		step = min_t(size_t, end - off, kvmem_copy_sums(copy) ? KVMEM_MEDIA_PIECE : end);
		crc = crc32c(i ? piece_sum(copy, i - 1) : ~(u32)0, data, step);
		if (crc != piece_sum(copy, i))
			return -EILSEQ;
		cond_resched();
	}
	return 0;
}

/* Of [@off, @off + @len), which is whole pieces, what lies in [@from, @to) goes out. */
static int serve_some(struct kvmem_copy *copy, size_t off, size_t len, size_t from, size_t to,
		      struct iov_iter *iter)
{
	struct kvmem_dev_buf *buf;
	void *data;
	u32 head;
	int ret;

	buf = read_part(copy, off, len, &head);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	data = kvmem_dev_buf_data(buf) + head;
	from = max(from, off);
	to = min(to, off + len);
	ret = serve_verify(copy, data, off, len);
	if (!ret && copy_to_iter(data + (from - off), to - from, iter) != to - from)
		ret = -EFAULT;
	kvmem_dev_buf_put(buf);
	return ret;
}

int kvmem_copy_serve(struct kvmem_copy *copy, size_t off, size_t len, struct iov_iter *iter)
{
	size_t at = round_down(off, KVMEM_MEDIA_PIECE), step;
	int ret = 0;

	for (; at < off + len && !ret; at += step) {
		step = min_t(size_t, copy->size - at, SERVE_PIECES * KVMEM_MEDIA_PIECE);
		step = min_t(size_t, step, round_up(off + len, KVMEM_MEDIA_PIECE) - at);
		ret = serve_some(copy, at, step, off, off + len, iter);
	}
	return ret;
}
