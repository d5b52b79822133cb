/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of GPU memory share: the emulated GPU (kvmem_testgpu), with a
 * drive of our own beside it.  In the machine of scripts/lane-gpu.
 */
#ifndef GPU_H
#define GPU_H

#include "../kmod/testgpu.h"
#include "own_nvme.h"

#define PART		(4 * MIB)	/* of the memory; there are four */
#define BLOCK		(256 * KIB)

struct gpu {
	int fd;
	uint8_t *p;
	uint64_t bytes;
	struct own own;
	struct kvt_disk disk;
};

/* With a namespace of the controller "gpu0", formatted, ours, and attached. */
void gpu_open(struct gpu *g, unsigned int nsid);
void gpu_close(struct gpu *g);
/* A part of the memory as a dma-buf. */
int gpu_alloc(const struct gpu *g, uint64_t off, uint64_t len, unsigned int flags);
void gpu_move(const struct gpu *g, int buf, uint64_t to);
void gpu_fail(const struct gpu *g, int buf, int error);
struct testgpu_count gpu_count(const struct gpu *g, int buf);
/* Where in the drive's file the bytes of the memory's file are; one bit flipped. */
int64_t outside(const struct gpu *g, uint64_t off, uint64_t len, unsigned int drive, bool flip);
/* A dma-buf as a buffer of the file. */
uint32_t gpu_reg(int fd, int buf, uint64_t off, uint64_t len);

#endif
