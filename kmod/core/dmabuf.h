/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Imported dma-bufs: memory of another device, that has DMA addresses for each
 * device that wants to reach it, and no pages.
 *
 * The exporter may move or revoke it at any moment.  A mapping is used between
 * kvmem_dmabuf_use() and kvmem_dma_map_put(), and stays as it is meanwhile: the
 * exporter waits.
 */
#ifndef KVMEM_DMABUF_H
#define KVMEM_DMABUF_H

#include <linux/err.h>
#include <linux/errno.h>
#include <linux/kvmem.h>
#include <linux/types.h>

struct device;
struct kvmem_block;
struct kvmem_dev;
struct kvmem_dma_map;
struct kvmem_dmabuf;
struct kvmem_span;
struct sg_table;

#ifdef CONFIG_DMA_SHARED_BUFFER

/*
 * Bytes [@off, @off + @len) of the dma-buf @fd; @rdonly: no device writes to it.
 * An ERR_PTR: -EBADF, -EINVAL, -ENOMEM.
 */
struct kvmem_dmabuf *kvmem_dmabuf_import(int fd, u64 off, u64 len, bool rdonly);
/* Nobody uses it.  May sleep. */
void kvmem_dmabuf_release(struct kvmem_dmabuf *db);

/*
 * The mapping for the device of @dev, made when there is none.  May sleep, so no
 * spinlock, and no lock that the end of a transfer needs.  An ERR_PTR:
 * -EOPNOTSUPP with *@why, -ENOMEM, -EINTR, -ETIMEDOUT: the exporter is still
 * filling it.
 */
struct kvmem_dma_map *kvmem_dmabuf_use(struct kvmem_dmabuf *db, struct kvmem_dev *dev,
				       enum kvmem_reason *why);
/*
 * The device is done with it.  Any context: called at the end of the transfer
 * itself, not by whoever looks at its result, who may be waiting for the exporter.
 */
void kvmem_dma_map_put(struct kvmem_dma_map *map);
/* Where bytes [@off, @off + @len) of the buffer are for the device. */
void kvmem_dma_map_span(const struct kvmem_dma_map *map, u64 off, size_t len,
			struct kvmem_span *span);

/*
 * The CPU copies, through host memory: the exporter must let it.  The first
 * fills a block that is allocated, the second reads one, verified.  *@why is set
 * with -EOPNOTSUPP.
 */
int kvmem_dmabuf_fill(struct kvmem_dmabuf *db, u64 off, struct kvmem_block *block,
		      enum kvmem_reason *why);
int kvmem_dmabuf_read(struct kvmem_dmabuf *db, u64 off, struct kvmem_block *block,
		      u64 block_off, size_t len, enum kvmem_reason *why);

/* For tests: the table of a mapping, and what a failure to map means. */
struct kvmem_dma_map *kvmem_dma_map_build(struct sg_table *sgt, u64 off, u64 len);
void kvmem_dma_map_free(struct kvmem_dma_map *map);

#else

static inline struct kvmem_dmabuf *kvmem_dmabuf_import(int fd, u64 off, u64 len, bool rdonly)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void kvmem_dmabuf_release(struct kvmem_dmabuf *db)
{
}

static inline struct kvmem_dma_map *kvmem_dmabuf_use(struct kvmem_dmabuf *db,
						     struct kvmem_dev *dev,
						     enum kvmem_reason *why)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void kvmem_dma_map_put(struct kvmem_dma_map *map)
{
}

static inline void kvmem_dma_map_span(const struct kvmem_dma_map *map, u64 off, size_t len,
				      struct kvmem_span *span)
{
}

static inline int kvmem_dmabuf_fill(struct kvmem_dmabuf *db, u64 off, struct kvmem_block *block,
				    enum kvmem_reason *why)
{
	return -EOPNOTSUPP;
}

static inline int kvmem_dmabuf_read(struct kvmem_dmabuf *db, u64 off, struct kvmem_block *block,
				    u64 block_off, size_t len, enum kvmem_reason *why)
{
	return -EOPNOTSUPP;
}

#endif
#endif
