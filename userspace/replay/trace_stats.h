/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TRACE_STATS_H
#define _TRACE_STATS_H

#include "trace.h"

#define CURVE_POINTS	5

extern const unsigned int curve_shares[CURVE_POINTS];	/* % of the blocks */

/**
 * struct trace_stats - a trace in figures; rates and shares in %
 * @once: blocks that are used once, of the different ones
 * @shared_first: requests that begin with the most usual first block
 * @blocks: p50, p90, p99 and largest
 * @prefix_rate: blocks that come after only such as were there before
 * @capacity, @rate: of plain LRU, at curve_shares
 */
struct trace_stats {
	size_t requests, references, distinct;
	double once, shared_first, seconds, mean_blocks, prefix_rate;
	size_t blocks[4];
	size_t capacity[CURVE_POINTS];
	double rate[CURVE_POINTS];
};

int trace_stats(const struct trace *t, struct trace_stats *s);

#endif /* _TRACE_STATS_H */
