// SPDX-License-Identifier: GPL-2.0
/*
 * The slow way to and from a dma-buf: the CPU copies, through host memory.
 *
 * Memory behind a bus is not for ordinary loads and stores, nor for iterators:
 * it goes through a buffer, one at a time, so that its size is the bound of what
 * all of them take.
 */
#include <linux/dma-buf.h>
#include <linux/iosys-map.h>
#include <linux/mutex.h>
#include <linux/uio.h>
#include "block.h"
#include "dmabuf_internal.h"
#include "flash/media.h"

/**
 * struct cpu_view - a part of a dma-buf that the CPU sees
 * @db: the buffer
 * @map: all of the dma-buf
 * @off: of the part
 * @len: of the part
 * @dir: who reads and who writes
 */
struct cpu_view {
	struct kvmem_dmabuf *db;
	struct iosys_map map;
	u64 off;
	size_t len;
	enum dma_data_direction dir;
};

/* Held while bytes wait in a buffer; outermost of what is taken meanwhile. */
static DEFINE_MUTEX(staging_lock);

/* -EINTR, or the exporter does not let the CPU. */
static int cpu_refused(int err, enum kvmem_reason *why)
{
	if (err == -EINTR || err == -ERESTARTSYS)
		return -EINTR;
	if (err == -ENOMEM)
		return err;
	*why = err == -ENODEV ? KVMEM_REASON_REVOKED : KVMEM_REASON_CPU;
	return -EOPNOTSUPP;
}

/* Mapped, and coherent for the CPU, until view_end(). */
static int view_begin(struct cpu_view *v, enum kvmem_reason *why)
{
	struct dma_buf *dmabuf = v->db->dmabuf;
	int ret = dma_buf_vmap_unlocked(dmabuf, &v->map);

	if (ret)
		return cpu_refused(ret, why);
	/* Both ways each time: udmabuf maps for the first direction and keeps that. */
	ret = dma_buf_begin_cpu_access(dmabuf, DMA_BIDIRECTIONAL);
	if (!ret)
		return 0;
	dma_buf_vunmap_unlocked(dmabuf, &v->map);
	return cpu_refused(ret, why);
}

/* What the CPU wrote may not have got there. */
static int view_end(struct cpu_view *v)
{
	int ret = dma_buf_end_cpu_access(v->db->dmabuf, DMA_BIDIRECTIONAL);

	dma_buf_vunmap_unlocked(v->db->dmabuf, &v->map);
	return ret && v->dir == DMA_TO_DEVICE ? -EIO : 0;
}

static void cpu_iter(struct iov_iter *iter, struct kvec *vec, unsigned int dir, void *p, size_t len)
{
	*vec = (struct kvec){ p, len };
	iov_iter_kvec(iter, dir, vec, 1, len);
}

static int fill_staged(struct cpu_view *v, struct kvmem_block *block, void *data)
{
	struct iov_iter iter;
	struct kvec vec;

	iosys_map_memcpy_from(data, &v->map, v->off, v->len);
	cpu_iter(&iter, &vec, ITER_SOURCE, data, v->len);
	return kvmem_block_fill(block, &iter);
}

/* Verified before the first byte is there. */
static int read_staged(struct cpu_view *v, struct kvmem_block *block, u64 off, void *data)
{
	struct iov_iter iter;
	struct kvec vec;
	int ret;

	cpu_iter(&iter, &vec, ITER_DEST, data, v->len);
	ret = kvmem_block_read(block, off, v->len, &iter);
	if (!ret)
		iosys_map_memcpy_to(&v->map, v->off, data, v->len);
	return ret;
}

static int cpu_staged(struct cpu_view *v, struct kvmem_block *block, u64 off)
{
	struct kvmem_dev_buf *buf;
	int ret;

	if (mutex_lock_killable(&staging_lock))
		return -EINTR;
	buf = kvmem_dev_alloc(v->len);
	if (!buf)
		ret = -ENOMEM;
	else if (v->dir == DMA_FROM_DEVICE)
		ret = fill_staged(v, block, kvmem_dev_buf_data(buf));
	else
		ret = read_staged(v, block, off, kvmem_dev_buf_data(buf));
	kvmem_dev_buf_put(buf);
	mutex_unlock(&staging_lock);
	return ret;
}

static int cpu_plain(struct cpu_view *v, struct kvmem_block *block, u64 off)
{
	bool fill = v->dir == DMA_FROM_DEVICE;
	struct iov_iter iter;
	struct kvec vec;

	cpu_iter(&iter, &vec, fill ? ITER_SOURCE : ITER_DEST, v->map.vaddr + v->off, v->len);
	return fill ? kvmem_block_fill(block, &iter) : kvmem_block_read(block, off, v->len, &iter);
}

static int cpu_copy(struct cpu_view *v, struct kvmem_block *block, u64 off,
		    enum kvmem_reason *why)
{
	int ret = view_begin(v, why), end;

	if (ret)
		return ret;
	v->off += v->db->off;
	ret = v->map.is_iomem ? cpu_staged(v, block, off) : cpu_plain(v, block, off);
	end = view_end(v);
	return ret ?: end;
}

int kvmem_dmabuf_fill(struct kvmem_dmabuf *db, u64 off, struct kvmem_block *block,
		      enum kvmem_reason *why)
{
	struct cpu_view v = { .db = db, .off = off, .len = block->size, .dir = DMA_FROM_DEVICE };

	return cpu_copy(&v, block, 0, why);
}

int kvmem_dmabuf_read(struct kvmem_dmabuf *db, u64 off, struct kvmem_block *block,
		      u64 block_off, size_t len, enum kvmem_reason *why)
{
	struct cpu_view v = { .db = db, .off = off, .len = len, .dir = DMA_TO_DEVICE };

	return cpu_copy(&v, block, block_off, why);
}
