/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef _KVMEM_RING_H
#define _KVMEM_RING_H

#include <liburing.h>
#include <linux/kvmem.h>

int kvmem_ring_create(void *ctx, unsigned int depth, void **ring);
void kvmem_ring_destroy(void *ctx, void *ring);
int kvmem_ring_submit(void *ctx, void *ring, int fd, struct kvmem_batch *batch,
		      void *cookie);
int kvmem_ring_wait(void *ctx, void *ring, int timeout_ms, void **cookie,
		    int *result);
void kvmem_ring_fill(struct io_uring_sqe *sqe, int fd,
		     struct kvmem_batch *batch, void *cookie);

#endif /* _KVMEM_RING_H */
