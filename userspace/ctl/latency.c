// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "ctl/decode.h"
#include "ctl/latency.h"

uint64_t latency_start(unsigned int b)
{
	if (b < 4)
		return b;
	return (uint64_t)(4 + b % 4) << (b / 4 - 1);
}

/* Bucket @b holds times from its start, below start + width. */
static uint64_t width(unsigned int b)
{
	return b < 4 ? 1 : 1ULL << (b / 4 - 1);
}

/* Not l->count: the two are read one after the other. */
static uint64_t total(const struct latency *l)
{
	uint64_t sum = 0;
	unsigned int b;

	for (b = 0; b < KVMEM_NL_LAT_BUCKETS; b++)
		sum += l->buckets[b];
	return sum;
}

uint64_t latency_percentile(const struct latency *l, unsigned int permille)
{
	uint64_t n = total(l), rank, before = 0, offset;
	double part;
	unsigned int b;

	if (!n)
		return 0;
	/* The rank-th in order, from 1: n * permille / 1000, rounded up */
	rank = n / 1000 * permille + (n % 1000 * permille + 999) / 1000;
	if (!rank)
		rank = 1;
	for (b = 0; b < KVMEM_NL_LAT_BUCKETS - 1; b++) {
		if (before + l->buckets[b] >= rank)
			break;
		before += l->buckets[b];
	}
	/* The last bucket has no end. */
	if (b == KVMEM_NL_LAT_BUCKETS - 1)
		return latency_start(b);
	/* Its middle, were they evenly spread; doubles may round up to the end. */
	part = ((double)(rank - before) - 0.5) / (double)l->buckets[b];
	offset = (uint64_t)(part * (double)width(b));
	return latency_start(b) + (offset < width(b) ? offset : width(b) - 1);
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

static const char * const op_names[KVMEM_OP_NR] = {
	[KVMEM_OP_NOP] = "nop",
	[KVMEM_OP_GET] = "get",
	[KVMEM_OP_PUT] = "put",
	[KVMEM_OP_DELETE] = "delete",
	[KVMEM_OP_EXISTS] = "exists",
	[KVMEM_OP_PIN] = "pin",
	[KVMEM_OP_UNPIN] = "unpin",
	[KVMEM_OP_MATCH] = "match",
	[KVMEM_OP_PREFETCH] = "prefetch",
	[KVMEM_OP_ALLOC] = "alloc",
	[KVMEM_OP_COMMIT] = "commit",
	[KVMEM_OP_LEASE] = "lease",
	[KVMEM_OP_RELEASE] = "release",
};

static const char * const tier_names[KVMEM_TIER_NR] = {
	[KVMEM_TIER_NONE] = "none",
	[KVMEM_TIER_DRAM] = "dram",
	[KVMEM_TIER_FLASH] = "flash",
	[KVMEM_TIER_PEER] = "peer",
};

static json_t *one_json(const struct latency *l, unsigned int op, unsigned int tier)
{
	json_t *o = json_object();

	json_put(o, "op", json_string(op_names[op]));
	json_put(o, "tier", json_string(tier_names[tier]));
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
