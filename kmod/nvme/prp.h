/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a command says where its memory is: cutting a transfer into commands, and
 * writing PRPs and SGLs.  Pure memory: no device, no allocation, no lock.
 */
#ifndef KVMEM_NVME_PRP_H
#define KVMEM_NVME_PRP_H

#include <linux/nvme.h>
#include <linux/types.h>
#include "flash/media.h"

/* CC.MPS as we set it */
#define KVMEM_NVME_PAGE		4096U
/* Longest command of ours, bytes */
#define KVMEM_NVME_MAX_IO	(512U << 10)
/* Runs of its memory: one for each page, and it may start within one. */
#define KVMEM_NVME_MAX_RUNS	(KVMEM_NVME_MAX_IO / KVMEM_NVME_PAGE + 1)
/* Memory of a command for its list: PRPs, descriptors of an SGL, or ranges */
#define KVMEM_NVME_LIST		KVMEM_NVME_PAGE
#define KVMEM_NVME_MAX_RANGES	256U

static_assert(KVMEM_NVME_MAX_RUNS * sizeof(__le64) <= KVMEM_NVME_LIST);
static_assert(KVMEM_NVME_MAX_RUNS * sizeof(struct nvme_sgl_desc) <= KVMEM_NVME_LIST);
static_assert(KVMEM_NVME_MAX_RANGES * sizeof(struct nvme_dsm_range) <= KVMEM_NVME_LIST);

/**
 * struct kvmem_nvme_limits - what a command may be
 * @unit: logical block, bytes
 * @max_bytes: of one command, a multiple of @unit, up to KVMEM_NVME_MAX_IO
 * @boundary: no command crosses a multiple of this, bytes; 0: none
 * @sgl: the controller takes SGLs
 */
struct kvmem_nvme_limits {
	u32 unit;
	u32 max_bytes;
	u64 boundary;
	bool sgl;
};

/**
 * struct kvmem_nvme_cursor - a place in the memory of a transfer
 * @idx: entry of bvecs or dma
 * @skip: bytes of it that are done
 */
struct kvmem_nvme_cursor {
	u32 idx;
	u64 skip;
};

/**
 * struct kvmem_nvme_cut - the memory of one command
 * @runs: what lies side by side is one; addresses are physical ones for host pages
 * @nr: of them
 * @bytes: in all
 * @prp: PRPs can say it
 */
struct kvmem_nvme_cut {
	struct kvmem_dma_run *runs;
	unsigned int nr;
	u32 bytes;
	bool prp;
};

/* The place of io->first. */
void kvmem_nvme_cursor_init(const struct kvmem_io *io, struct kvmem_nvme_cursor *at);
/*
 * The next command of @io, of which @left bytes, from byte @off of the device
 * on, are to go: as long as the limits and the memory permit.  Moves @at on.
 * cut->runs has room for KVMEM_NVME_MAX_RUNS.  -EINVAL: the memory is too short,
 * or lies so that no command can say it.
 */
int kvmem_nvme_cut(const struct kvmem_io *io, struct kvmem_nvme_cursor *at,
		   const struct kvmem_nvme_limits *limits, u64 off, u64 left,
		   struct kvmem_nvme_cut *cut);
/* @runs have the device's addresses.  @list, at @list_dma, has KVMEM_NVME_LIST bytes. */
int kvmem_nvme_prps(const struct kvmem_dma_run *runs, unsigned int nr, __le64 *list,
		    dma_addr_t list_dma, union nvme_data_ptr *dptr);
int kvmem_nvme_sgls(const struct kvmem_dma_run *runs, unsigned int nr,
		    struct nvme_sgl_desc *list, dma_addr_t list_dma,
		    union nvme_data_ptr *dptr);
/* Is an SGL the shorter way to say it? */
bool kvmem_nvme_prefers_sgl(const struct kvmem_nvme_cut *cut, bool sgl);

/**
 * struct kvmem_nvme_trim - how far a discard has come
 * @idx: range of the transfer
 * @done: bytes of it that have been cut
 */
struct kvmem_nvme_trim {
	u32 idx;
	u64 done;
};

/*
 * The next ranges of the discard @io into @list; how many.  0: that was all.
 * Only whole multiples of @unit, which is one of the logical block
 * (1 << @shift), are given up.
 */
unsigned int kvmem_nvme_ranges(const struct kvmem_io *io, struct kvmem_nvme_trim *at,
			       u32 unit, unsigned int shift, struct nvme_dsm_range *list);

#endif
