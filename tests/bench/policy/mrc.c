// SPDX-License-Identifier: GPL-2.0
/*
 * The miss-ratio curve by spatially hashed sampling (SHARDS, Waldspurger et
 * al., FAST'15): LRU over the keys whose hash is 0 modulo @one_in, in a
 * cache as much smaller.  Corrected as SHARDS-adj: references that the sample
 * has too few or too many are those of hot blocks, hence hits.
 */
#include "sim.h"

static bool sampled(u32 id, u32 one_in)
{
	return mix64(id * 0x9e3779b97f4a7c15ULL + 1) % one_in == 0;
}

double mrc_lru(const struct sim_trace *t, u32 capacity, u32 one_in)
{
	u32 head = t->nr_ids, size = (capacity + one_in / 2) / one_in, used = 0, i, id;
	double hits = 0, refs = 0, want = (double)t->nr_refs / one_in;
	struct nodes n;

	if (!size || nodes_init(&n, t->nr_ids, 1))
		return -1;
	for (i = 0; i < t->nr_refs; i++) {
		id = t->ids[i];
		if (!sampled(id, one_in))
			continue;
		refs++;
		if (node_in(&n, id)) {
			hits++;
			node_del(&n, id);
		} else if (used == size) {
			node_del(&n, n.prev[head]);
		} else {
			used++;
		}
		node_add(&n, head, id);
	}
	nodes_free(&n);
	return 100 * (hits + want - refs) / want;
}
