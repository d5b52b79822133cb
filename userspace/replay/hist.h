/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Histogram of nanoseconds, log-linear: HIST_SUB steps in each power of two,
 * so that a value is known to 1/HIST_SUB.  Fixed size: lives in shared memory.
 */
#ifndef _HIST_H
#define _HIST_H

#include <stddef.h>
#include <stdint.h>

#define HIST_BITS	5
#define HIST_SUB	(1u << HIST_BITS)
#define HIST_SLOTS	((64 - HIST_BITS + 1) * HIST_SUB)

struct hist {
	uint64_t count;
	uint64_t max;
	uint64_t slots[HIST_SLOTS];
};

/* @n values of @ns */
void hist_add(struct hist *h, uint64_t ns, uint64_t n);
void hist_merge(struct hist *to, const struct hist *from);
/*
 * The value that @permille of 1000 are not above (the top of its step, but
 * never more than the largest value); 0 when empty.
 */
uint64_t hist_permille(const struct hist *h, unsigned int permille);

#endif /* _HIST_H */
