// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "ctl/decode.h"
#include "ctl/latency.h"

uint64_t latency_percentile(const struct latency *l, unsigned int permille)
{
	return latency_quantile(l->buckets, permille);
}

static void subtract(uint64_t *now, uint64_t before)
{
	if (*now >= before)
		*now -= before;
}

void latency_subtract(struct latency *now, const struct latency *before)
{
	unsigned int b;

	/* Loaded again meanwhile: all of it is new. */
	if (now->count < before->count)
		return;
	subtract(&now->count, before->count);
	subtract(&now->errors, before->errors);
	subtract(&now->bytes, before->bytes);
	subtract(&now->total_ns, before->total_ns);
	for (b = 0; b < KVMEM_NL_LAT_BUCKETS; b++)
		subtract(&now->buckets[b], before->buckets[b]);
}

/* --- JSON --- */

static json_t *one_json(const struct latency *l, unsigned int op, unsigned int tier)
{
	json_t *o = json_object();

	json_put(o, "op", json_string(latency_op_name(op)));
	json_put(o, "tier", json_string(latency_tier_name(tier)));
	json_put(o, "count", json_number(l->count));
	json_put(o, "errors", json_number(l->errors));
	json_put(o, "bytes", json_number(l->bytes));
	json_put(o, "total_ns", json_number(l->total_ns));
	json_put(o, "mean_ns", json_number(l->total_ns / l->count));
	json_put(o, "p50_ns", json_number(latency_percentile(l, 500)));
	json_put(o, "p90_ns", json_number(latency_percentile(l, 900)));
	json_put(o, "p99_ns", json_number(latency_percentile(l, 990)));
	json_put(o, "p999_ns", json_number(latency_percentile(l, 999)));
	return o;
}

json_t *latency_json(const struct latencies *all)
{
	json_t *array = json_array();
	unsigned int op, tier;

	for (op = 0; op < KVMEM_OP_NR; op++)
		for (tier = 0; tier < KVMEM_TIER_NR; tier++)
			if (all->of[op][tier].count)
				json_array_append_new(array, one_json(&all->of[op][tier],
								      op, tier));
	return array;
}
