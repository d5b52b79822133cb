/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Spans: where the bytes of a request are.
 *
 * Either host pages, or DMA addresses of one device with no page behind them
 * (GPU memory imported as a dma-buf).  Code that takes a span asks for a page
 * only after kvmem_span_has_pages().
 */
#ifndef KVMEM_SPAN_H
#define KVMEM_SPAN_H

#include <linux/types.h>
#include <linux/uio.h>

struct bio_vec;
struct kvmem_dma_run;

enum kvmem_span_type {
	KVMEM_SPAN_USER,	/* memory of current->mm, not pinned */
	KVMEM_SPAN_PAGES,	/* host pages */
	KVMEM_SPAN_DMA,		/* runs of DMA addresses: no pages */
};

/**
 * struct kvmem_span - a run of bytes in a caller's memory
 * @type: which of the union is valid
 * @len: bytes
 * @user: address in current->mm
 * @bvecs: whole pages, PAGE_SIZE each, the first byte at @first
 * @nr_bvecs: entries in @bvecs
 * @first: offset of the span in @bvecs, bytes, below PAGE_SIZE
 * @dma: runs, mapped for one device; NULL: not mapped
 * @nr_dma: entries in @dma, enough and maybe more
 * @dma_first: offset of the span in the first of @dma
 */
struct kvmem_span {
	enum kvmem_span_type type;
	size_t len;
	union {
		void __user *user;
		struct {
			const struct bio_vec *bvecs;
			unsigned int nr_bvecs;
			unsigned int first;
		};
		struct {
			const struct kvmem_dma_run *dma;
			unsigned int nr_dma;
			u64 dma_first;
		};
	};
};

static inline bool kvmem_span_has_pages(const struct kvmem_span *span)
{
	return span->type == KVMEM_SPAN_PAGES;
}

/*
 * An iterator for the CPU to copy with.  @dir is ITER_SOURCE when the span is
 * read from, ITER_DEST when it is written to.  EOPNOTSUPP for DMA spans.
 */
int kvmem_span_iter(const struct kvmem_span *span, unsigned int dir,
		    struct iov_iter *iter);

#endif
