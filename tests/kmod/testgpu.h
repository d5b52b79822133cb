/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/kvmem_testgpu: parts of a PCI device's memory as dma-bufs.  For tests only.
 *
 * mmap() of the device shows all of the memory.
 */
#ifndef KVMEM_TESTGPU_H
#define KVMEM_TESTGPU_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define TESTGPU_F_NO_VMAP	(1 << 0)	/* the CPU may not see it */
#define TESTGPU_F_STATIC	(1 << 1)	/* an exporter that cannot move; alone */
/* Chunks of TESTGPU_CHUNK lie in reverse order; implies NO_VMAP */
#define TESTGPU_F_SCATTER	(1 << 2)
#define TESTGPU_CHUNK		(64U << 10)

/**
 * struct testgpu_alloc - TESTGPU_ALLOC: export a part
 * @offset: in the memory, pages
 * @length: pages; with SCATTER, chunks
 * @flags: TESTGPU_F_*
 * @fd: out: a dma-buf
 */
struct testgpu_alloc {
	__u64 offset;
	__u64 length;
	__u32 flags;
	__s32 fd;
};

/**
 * struct testgpu_move - TESTGPU_MOVE: to another place, with the contents
 * @offset: the new place, which is no part of the old one; the old one is
 *	filled with 0xdd
 * @fd: the dma-buf
 * @reserved: 0
 */
struct testgpu_move {
	__u64 offset;
	__s32 fd;
	__u32 reserved;
};

/**
 * struct testgpu_fail - TESTGPU_FAIL: mappings go, and none is made any more
 * @fd: the dma-buf
 * @error: what whoever wants to map it gets, negative; -ENODEV: it is revoked;
 *	0: it may be mapped again
 */
struct testgpu_fail {
	__s32 fd;
	__s32 error;
};

/**
 * struct testgpu_count - TESTGPU_COUNT: what was done with a dma-buf
 * @fd: the dma-buf
 * @pinned: how often it is pinned
 * @maps: mappings made so far
 * @unmaps: and undone
 */
struct testgpu_count {
	__s32 fd;
	__s32 pinned;
	__u32 maps;
	__u32 unmaps;
};

#define TESTGPU_SIZE	_IOR(0xBF, 0, __u64)
#define TESTGPU_ALLOC	_IOWR(0xBF, 1, struct testgpu_alloc)
#define TESTGPU_MOVE	_IOW(0xBF, 2, struct testgpu_move)
#define TESTGPU_FAIL	_IOW(0xBF, 3, struct testgpu_fail)
#define TESTGPU_COUNT	_IOWR(0xBF, 4, struct testgpu_count)

#endif
