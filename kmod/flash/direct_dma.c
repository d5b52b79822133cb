// SPDX-License-Identifier: GPL-2.0
/*
 * Operations on memory without pages, see direct_dma.h.
 *
 * Nothing is copied in silence: whatever keeps bytes from going directly is noted
 * in the operation's reason, and one place decides whether they may go by the CPU.
 */
#include "dmabuf.h"
#include "file.h"
#include "flash/direct_dma.h"
#include "flash/flash.h"
#include "flash/tier.h"
#include "ns.h"
#include "stats.h"

void kvmem_span_to_io(const struct kvmem_span *span, struct kvmem_io *io)
{
	if (span->type == KVMEM_SPAN_DMA) {
		io->dma = span->dma;
		io->nr_dma = span->nr_dma;
		io->first = span->dma_first;
	} else {
		io->bvecs = span->bvecs;
		io->nr_bvecs = span->nr_bvecs;
		io->first = span->first;
	}
}

static bool map_aligned(const struct kvmem_geometry *geo, const struct kvmem_span *span)
{
	u64 addr = span->dma->addr + span->dma_first;

	return !(addr & (geo->mem_align - 1)) && !(span->len & (geo->unit - 1));
}

int kvmem_direct_map(struct kvmem_buffer *buf, struct kvmem_media *media, struct kvmem_ns *ns,
		     struct kvmem_op *op, struct kvmem_span *span, struct kvmem_dma_map **map)
{
	enum kvmem_reason why = KVMEM_REASON_NONE;
	struct kvmem_dma_map *m;

	/* Who takes no checksum needs a drive that does. */
	if (!media->dev.geo.pi && kvmem_ns_verifies(ns)) {
		op->reason = KVMEM_REASON_VERIFY;
		return -EAGAIN;
	}
	m = kvmem_dmabuf_use(buf->dmabuf, &media->dev, &why);
	if (IS_ERR(m)) {
		op->reason = why;
		return m == ERR_PTR(-EOPNOTSUPP) ? -EAGAIN : PTR_ERR(m);
	}
	kvmem_dma_map_span(m, op->addr, span->len, span);
	if (map_aligned(&media->dev.geo, span)) {
		*map = m;
		return 0;
	}
	kvmem_dma_map_put(m);
	op->reason = KVMEM_REASON_ALIGN;
	return -EAGAIN;
}

int kvmem_bounce_check(struct kvmem_ns *ns, struct kvmem_op *op)
{
	const struct kvmem_key *key = (const struct kvmem_key *)op->key;

	bool get = op->opcode == KVMEM_OP_GET, here = get && kvmem_block_here(ns, key);

	/* A miss, whatever the memory is. */
	if (get && !here && !kvmem_flash_here(ns, key))
		return -EAGAIN;
	if (!op->reason)
		op->reason = here ? KVMEM_REASON_DRAM : KVMEM_REASON_MEDIA;
	if (kvmem_ns_bounces(ns))
		return -EAGAIN;
	return op->reason == KVMEM_REASON_ROOM ? -ENOSPC : -EOPNOTSUPP;
}

static int bounced(struct kvmem_ns *ns, struct kvmem_op *op, size_t len, int ret,
		   enum kvmem_reason why)
{
	if (ret == -EOPNOTSUPP)
		op->reason = why;
	if (ret)
		return ret;
	op->res_flags |= KVMEM_RES_F_BOUNCED;
	kvmem_stat_add(ns, KVMEM_STAT_BOUNCED, len);
	return 0;
}

int kvmem_bounce_get(struct kvmem_buffer *buf, struct kvmem_block *block, struct kvmem_op *op,
		     size_t len)
{
	enum kvmem_reason why = KVMEM_REASON_NONE;
	int ret;

	ret = kvmem_dmabuf_read(buf->dmabuf, op->addr, block, op->offset, len, &why);
	return bounced(block->ns, op, len, ret, why);
}

int kvmem_bounce_put(struct kvmem_buffer *buf, struct kvmem_block *block, struct kvmem_op *op)
{
	enum kvmem_reason why = KVMEM_REASON_NONE;
	int ret = kvmem_dmabuf_fill(buf->dmabuf, op->addr, block, &why);

	return bounced(block->ns, op, block->size, ret, why);
}
