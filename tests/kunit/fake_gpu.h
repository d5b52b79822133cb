/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An exporter of dma-bufs in memory, whose DMA addresses are the kernel's own, for
 * a ram_media to copy from and to.  It moves, revokes and refuses on demand.
 */
#ifndef KVMEM_TEST_FAKE_GPU_H
#define KVMEM_TEST_FAKE_GPU_H

#include <linux/dma-buf.h>
#include <linux/types.h>

/**
 * struct fake_gpu - a dma-buf and the memory behind it; guarded by the reservation lock
 * @buf: has a reference of the test's
 * @nr: pages
 * @pages: in the order of the buffer
 * @attach_error, @map_error: what these fail with
 * @pinned: how often
 * @maps, @unmaps: how often; of all devices
 * @unaligned: lie about a length
 * @short_by: pages that a mapping leaves out
 * @released: the last reference has gone
 */
struct fake_gpu {
	struct dma_buf *buf;
	unsigned int nr;
	u8 **pages;
	int attach_error;
	int map_error;
	int pinned;
	unsigned int maps;
	unsigned int unmaps;
	bool unaligned;
	unsigned int short_by;
	bool *released;
};

/*
 * @dynamic: it can move.  NULL: no memory.  *@released becomes true, and the
 * structure goes, when nobody has the dma-buf any more.
 */
struct fake_gpu *fake_gpu_create(unsigned int pages, bool dynamic, bool *released);
/* Drop the test's reference. */
void fake_gpu_put(struct fake_gpu *gpu);
/* To other pages, with its contents; the old ones are filled with 0xdd. */
int fake_gpu_move(struct fake_gpu *gpu);
/* No mapping stays, none can be made. */
void fake_gpu_revoke(struct fake_gpu *gpu);
void fake_gpu_write(struct fake_gpu *gpu, u64 off, const void *from, size_t len);
void fake_gpu_read(struct fake_gpu *gpu, u64 off, void *to, size_t len);

#endif
