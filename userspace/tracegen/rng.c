// SPDX-License-Identifier: GPL-2.0
#include "rng.h"

#define STEPS	1000	/* in a unit of rank */

uint64_t quantile_at(uint32_t at32, const struct quantile *q, size_t n,
		     uint32_t percent)
{
	uint64_t at = (uint64_t)at32 * (10000 * STEPS) >> 32, lo, span, value;
	size_t i = 1;

	while (i < n - 1 && q[i].rank * (uint64_t)STEPS <= at)
		i++;
	lo = q[i - 1].rank * (uint64_t)STEPS;
	span = q[i].rank * (uint64_t)STEPS - lo;
	/* in 1/100, so that scaling rounds once */
	value = q[i - 1].value * 100ULL +
		(q[i].value - q[i - 1].value) * 100ULL * (at - lo) / span;
	return (value * percent + 5000) / 10000;
}

uint64_t rng_quantile(struct rng *r, const struct quantile *q, size_t n,
		      uint32_t percent)
{
	return quantile_at((uint32_t)(rng_u64(r) >> 32), q, n, percent);
}
