/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Mappings of imported dma-bufs, as dmabuf.c and dma_map.c see them.
 */
#ifndef KVMEM_DMA_MAP_H
#define KVMEM_DMA_MAP_H

#include <linux/completion.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include "dmabuf.h"
#include "flash/media.h"

/**
 * struct kvmem_dma_map - the addresses of a buffer for one device
 * @users: one while it can be found, one for each transfer
 * @drained: the last of them has gone
 * @rcu: frees it after look-ups are over
 * @sgt: the exporter's
 * @len: of the buffer
 * @nr: runs
 * @starts: where in the buffer each run begins
 * @index: the run that has the first byte of each grain; the last run behind it
 * @runs: merged
 */
struct kvmem_dma_map {
	refcount_t users;
	struct completion drained;
	struct rcu_head rcu;
	struct sg_table *sgt;
	u64 len;
	unsigned int nr;
	u64 *starts;
	u32 *index;
	struct kvmem_dma_run runs[];
};

#endif
