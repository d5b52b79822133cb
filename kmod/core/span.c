// SPDX-License-Identifier: GPL-2.0
/*
 * Spans for the CPU to copy with.
 */
#include <linux/bvec.h>
#include <linux/errno.h>
#include <linux/uaccess.h>
#include "span.h"

int kvmem_span_iter(const struct kvmem_span *span, unsigned int dir,
		    struct iov_iter *iter)
{
	switch (span->type) {
	case KVMEM_SPAN_USER:
		if (!access_ok(span->user, span->len))
			return -EFAULT;
		iov_iter_ubuf(iter, dir, span->user, span->len);
		return 0;
	case KVMEM_SPAN_PAGES:
		/* Every bvec is one whole page, so start inside of the first. */
		iov_iter_bvec(iter, dir, span->bvecs, span->nr_bvecs, span->len);
		iter->iov_offset = span->first;
		return 0;
	case KVMEM_SPAN_DMA:
		return -EOPNOTSUPP;
	}
	return -EINVAL;
}
