/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a namespace knows of its copies on media; apart from flash.h, because
 * struct kvmem_ns has it as a member.
 */
#ifndef KVMEM_NS_FLASH_H
#define KVMEM_NS_FLASH_H

#include <linux/atomic.h>
#include <linux/rhashtable-types.h>
#include <linux/types.h>

/**
 * struct kvmem_ns_flash - the flash side of a namespace
 * @index: struct kvmem_copy by key
 * @blocks: in the index
 * @bytes: of them, padding not included
 * @seg_bytes: of segments that logs of the namespace have, on all media
 * @quota_bytes: bound of @seg_bytes; 0 = none
 * @held_bytes, @held_blocks: of DRAM blocks that wait for their write
 * @nr_ttl: in the index, that expire
 * @sweep: how far the sweep for expired ones is, while @sweeping; with @swept of
 *	the worker that does it (kvmem_flash_sweep())
 * @mode: enum kvmem_flash_mode
 * @ready: @index is there
 */
struct kvmem_ns_flash {
	struct rhashtable index;
	atomic64_t blocks;
	atomic64_t bytes;
	atomic64_t seg_bytes;
	atomic64_t held_bytes;
	atomic64_t held_blocks;
	atomic64_t nr_ttl;
	u64 quota_bytes;
	struct rhashtable_iter sweep;
	bool sweeping;
	bool swept;
	u8 mode;
	bool ready;
};

#endif
