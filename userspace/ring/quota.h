/* SPDX-License-Identifier: GPL-2.0 */
/* Whole shares of a whole. */
#ifndef KVMEM_RING_QUOTA_H
#define KVMEM_RING_QUOTA_H

#include <stdint.h>

#define QUOTA_FRACTION	16
#define QUOTA_SLACK	64	/* this part of a share is not worth moving for */

/**
 * struct quota_item - somebody who gets a share
 * @weight: of it, above 0
 * @least, @most: bounds of it
 * @have: what it has now
 * @wants: it would rather have one more than another
 * @tie: decides among equals
 * @share: the result
 * @exact: before rounding, with QUOTA_FRACTION bits behind the point
 */
struct quota_item {
	uint64_t weight;
	uint64_t least, most;
	uint64_t have;
	uint64_t wants;
	uint64_t tie;
	uint64_t share;
	uint64_t exact;
};

/*
 * Divide @total among @items by weight within their bounds.  Each gets his exact share,
 * up or down to a whole number; but who has nearly that (QUOTA_SLACK) keeps it, as long
 * as the sum is right, or as near to that as the bounds let it be.
 */
void quota_divide(struct quota_item *items, unsigned int nr, uint64_t total);

#endif
