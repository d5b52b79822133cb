/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Operations on memory without pages: mapped for a media's device, or, where the
 * namespace allows it, copied.
 */
#ifndef KVMEM_DIRECT_DMA_H
#define KVMEM_DIRECT_DMA_H

#include <linux/types.h>

struct kvmem_block;
struct kvmem_buffer;
struct kvmem_dma_map;
struct kvmem_io;
struct kvmem_media;
struct kvmem_ns;
struct kvmem_op;
struct kvmem_span;

/* The memory of a transfer is @span, which is pages or mapped runs. */
void kvmem_span_to_io(const struct kvmem_span *span, struct kvmem_io *io);

/*
 * Map the memory of @op, a part of @buf, for the device of @media: *@span, and *@map
 * to be put at the end of the transfer.  -EAGAIN: not this way, op->reason tells
 * why; else the operation's status.
 */
int kvmem_direct_map(struct kvmem_buffer *buf, struct kvmem_media *media, struct kvmem_ns *ns,
		     struct kvmem_op *op, struct kvmem_span *span, struct kvmem_dma_map **map);

/*
 * A GET or PUT of a dma-buf cannot go directly.  -EAGAIN: do it as any other, the
 * CPU may copy, or there is nothing to copy; else the status.
 */
int kvmem_bounce_check(struct kvmem_ns *ns, struct kvmem_op *op);
/* Copied by the CPU, and counted. */
int kvmem_bounce_get(struct kvmem_buffer *buf, struct kvmem_block *block, struct kvmem_op *op,
		     size_t len);
int kvmem_bounce_put(struct kvmem_buffer *buf, struct kvmem_block *block, struct kvmem_op *op);

#endif
