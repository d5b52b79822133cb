/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An imported dma-buf, as its own files see it.
 */
#ifndef KVMEM_DMABUF_INTERNAL_H
#define KVMEM_DMABUF_INTERNAL_H

#include <linux/dma-direction.h>
#include <linux/list.h>
#include "dmabuf.h"

struct dma_buf;

/**
 * struct kvmem_dmabuf - a part of a dma-buf, registered; all constant but @atts
 * @dmabuf: referenced
 * @off: of the part
 * @len: of the part
 * @dir: what devices may do
 * @atts: struct dma_attach, one for each device; see there
 */
struct kvmem_dmabuf {
	struct dma_buf *dmabuf;
	u64 off;
	u64 len;
	enum dma_data_direction dir;
	struct list_head atts;
};

#endif
