// SPDX-License-Identifier: GPL-2.0
#include <linux/bvec.h>
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include "prp.h"

/* SGLs are shorter, and read faster, when runs are this long on average. */
#define SGL_AVERAGE	(16U << 10)

static bool page_aligned(u64 addr)
{
	return !(addr & (KVMEM_NVME_PAGE - 1));
}

/* Entry @idx of the memory; false past its end. */
static bool entry(const struct kvmem_io *io, u32 idx, struct kvmem_dma_run *run)
{
	if (io->dma) {
		if (idx >= io->nr_dma)
			return false;
		*run = io->dma[idx];
		return true;
	}
	if (idx >= io->nr_bvecs)
		return false;
	run->addr = page_to_phys(io->bvecs[idx].bv_page) + io->bvecs[idx].bv_offset;
	run->len = io->bvecs[idx].bv_len;
	return true;
}

static void advance(const struct kvmem_io *io, struct kvmem_nvme_cursor *at, u64 bytes)
{
	struct kvmem_dma_run run;

	at->skip += bytes;
	while (entry(io, at->idx, &run) && at->skip >= run.len) {
		at->skip -= run.len;
		at->idx++;
	}
}

void kvmem_nvme_cursor_init(const struct kvmem_io *io, struct kvmem_nvme_cursor *at)
{
	*at = (struct kvmem_nvme_cursor){};
	advance(io, at, io->first);
}

/* Most bytes of a command that starts at @off. */
static u32 most(const struct kvmem_nvme_limits *limits, u64 off, u64 left)
{
	u64 max = min_t(u64, left, limits->max_bytes);
	u64 within;

	if (limits->boundary) {
		div64_u64_rem(off, limits->boundary, &within);
		max = min(max, limits->boundary - within);
	}
	return max;
}

/* Take up @run behind what is there; false: another command's. */
static bool take(struct kvmem_nvme_cut *cut, const struct kvmem_dma_run *run, bool sgl)
{
	struct kvmem_dma_run *last = cut->nr ? &cut->runs[cut->nr - 1] : NULL;

	if (last && last->addr + last->len == run->addr) {
		last->len += run->len;
		return true;
	}
	if (cut->nr == KVMEM_NVME_MAX_RUNS)
		return false;
	if (last && !page_aligned((last->addr + last->len) | run->addr)) {
		if (!sgl)
			return false;
		cut->prp = false;
	}
	cut->runs[cut->nr++] = *run;
	return true;
}

/* Give back what is more than @bytes. */
static void trim(struct kvmem_nvme_cut *cut, u32 bytes)
{
	u32 over = cut->bytes - bytes;

	while (over) {
		struct kvmem_dma_run *last = &cut->runs[cut->nr - 1];

		if (last->len > over) {
			last->len -= over;
			break;
		}
		over -= last->len;
		cut->nr--;
	}
	cut->bytes = bytes;
}

int kvmem_nvme_cut(const struct kvmem_io *io, struct kvmem_nvme_cursor *at,
		   const struct kvmem_nvme_limits *limits, u64 off, u64 left,
		   struct kvmem_nvme_cut *cut)
{
	u32 max = most(limits, off, left);
	struct kvmem_nvme_cursor pos = *at;
	struct kvmem_dma_run run;

	cut->nr = 0;
	cut->bytes = 0;
	cut->prp = true;
	/* All of it lies in one run, mostly. */
	if (entry(io, at->idx, &run) && run.len - at->skip > max && !(max & (limits->unit - 1))) {
		cut->runs[cut->nr++] = (struct kvmem_dma_run){ run.addr + at->skip, max };
		cut->bytes = max;
		at->skip += max;
		return max ? 0 : -EINVAL;
	}
	while (cut->bytes < max && entry(io, pos.idx, &run)) {
		run.addr += pos.skip;
		run.len = min_t(u64, run.len - pos.skip, max - cut->bytes);
		if (!take(cut, &run, limits->sgl))
			break;
		cut->bytes += run.len;
		advance(io, &pos, run.len);
	}
	trim(cut, round_down(cut->bytes, limits->unit));
	if (!cut->bytes)
		return -EINVAL;
	advance(io, at, cut->bytes);
	return 0;
}

/* PRPs ------------------------------------------------------------------------- */

/* The pages of a run; every page but the transfer's first starts at its start. */
static int prps_of_run(const struct kvmem_dma_run *run, bool last, u64 *first, __le64 *list,
		       unsigned int *nr)
{
	u64 addr = run->addr, end = run->addr + run->len;

	if (!last && !page_aligned(end))
		return -EINVAL;
	for (; addr < end; addr = round_down(addr, KVMEM_NVME_PAGE) + KVMEM_NVME_PAGE) {
		if (*nr && (!page_aligned(addr) || *nr > KVMEM_NVME_LIST / sizeof(*list)))
			return -EINVAL;
		if (*nr)
			list[*nr - 1] = cpu_to_le64(addr);
		else
			*first = addr;
		++*nr;
	}
	return 0;
}

int kvmem_nvme_prps(const struct kvmem_dma_run *runs, unsigned int nr, __le64 *list,
		    dma_addr_t list_dma, union nvme_data_ptr *dptr)
{
	unsigned int i, pages = 0;
	u64 first = 0;
	int ret;

	for (i = 0; i < nr; i++) {
		ret = prps_of_run(&runs[i], i == nr - 1, &first, list, &pages);
		if (ret)
			return ret;
	}
	if (!pages)
		return -EINVAL;
	dptr->prp1 = cpu_to_le64(first);
	if (pages == 1)
		dptr->prp2 = 0;
	else if (pages == 2)
		dptr->prp2 = list[0];
	else
		dptr->prp2 = cpu_to_le64(list_dma);
	return 0;
}

/* SGLs ------------------------------------------------------------------------- */

static void sgl_set(struct nvme_sgl_desc *desc, dma_addr_t addr, u32 len, u8 type)
{
	*desc = (struct nvme_sgl_desc) {
		.addr = cpu_to_le64(addr),
		.length = cpu_to_le32(len),
		.type = type << 4,
	};
}

int kvmem_nvme_sgls(const struct kvmem_dma_run *runs, unsigned int nr,
		    struct nvme_sgl_desc *list, dma_addr_t list_dma,
		    union nvme_data_ptr *dptr)
{
	unsigned int i;

	if (!nr || nr > KVMEM_NVME_LIST / sizeof(*list))
		return -EINVAL;
	if (nr == 1) {
		sgl_set(&dptr->sgl, runs[0].addr, runs[0].len, NVME_SGL_FMT_DATA_DESC);
		return 0;
	}
	for (i = 0; i < nr; i++)
		sgl_set(&list[i], runs[i].addr, runs[i].len, NVME_SGL_FMT_DATA_DESC);
	sgl_set(&dptr->sgl, list_dma, nr * sizeof(*list), NVME_SGL_FMT_LAST_SEG_DESC);
	return 0;
}

bool kvmem_nvme_prefers_sgl(const struct kvmem_nvme_cut *cut, bool sgl)
{
	return sgl && (!cut->prp || cut->bytes >= cut->nr * SGL_AVERAGE);
}

/* Ranges ----------------------------------------------------------------------- */

/* What is left of a range, in whole units; false: nothing. */
static bool range_left(const struct kvmem_range *range, u64 done, u32 unit, u64 *off, u64 *len)
{
	u64 from = DIV64_U64_ROUND_UP(range->off, unit) * unit;
	u64 to = div_u64(range->off + range->len, unit) * unit;

	if (to <= from || to - from <= done)
		return false;
	*off = from + done;
	*len = to - *off;
	return true;
}

unsigned int kvmem_nvme_ranges(const struct kvmem_io *io, struct kvmem_nvme_trim *at,
			       u32 unit, unsigned int shift, struct nvme_dsm_range *list)
{
	/* A range counts blocks in 32 bits. */
	const u64 most = div_u64((u64)U32_MAX << shift, unit) * unit;
	unsigned int nr = 0;
	u64 off, len;

	while (nr < KVMEM_NVME_MAX_RANGES && at->idx < io->nr_ranges) {
		if (!range_left(&io->ranges[at->idx], at->done, unit, &off, &len)) {
			at->idx++;
			at->done = 0;
			continue;
		}
		len = min(len, most);
		list[nr++] = (struct nvme_dsm_range) {
			.nlb = cpu_to_le32(len >> shift),
			.slba = cpu_to_le64(off >> shift),
		};
		at->done += len;
	}
	return nr;
}
