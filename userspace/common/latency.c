// SPDX-License-Identifier: GPL-2.0
#include <stddef.h>

#include <linux/kvmem.h>

#include "latency.h"

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

/* Not the count that comes along: the two are read one after the other. */
static uint64_t total(const uint64_t *buckets)
{
	uint64_t sum = 0;
	unsigned int b;

	for (b = 0; b < KVMEM_NL_LAT_BUCKETS; b++)
		sum += buckets[b];
	return sum;
}

uint64_t latency_quantile(const uint64_t buckets[KVMEM_NL_LAT_BUCKETS],
			  unsigned int permille)
{
	uint64_t n = total(buckets), rank, before = 0, offset;
	double part;
	unsigned int b;

	if (!n)
		return 0;
	/* The rank-th in order, from 1: n * permille / 1000, rounded up */
	rank = n / 1000 * permille + (n % 1000 * permille + 999) / 1000;
	if (!rank)
		rank = 1;
	for (b = 0; b < KVMEM_NL_LAT_BUCKETS - 1; b++) {
		if (before + buckets[b] >= rank)
			break;
		before += buckets[b];
	}
	/* The last bucket has no end. */
	if (b == KVMEM_NL_LAT_BUCKETS - 1)
		return latency_start(b);
	/* Its middle, were they evenly spread; doubles may round up to the end. */
	part = ((double)(rank - before) - 0.5) / (double)buckets[b];
	offset = (uint64_t)(part * (double)width(b));
	return latency_start(b) + (offset < width(b) ? offset : width(b) - 1);
}

const char *latency_op_name(unsigned int opcode)
{
	static const char * const names[KVMEM_OP_NR] = {
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

	return opcode < KVMEM_OP_NR ? names[opcode] : NULL;
}

const char *latency_tier_name(unsigned int tier)
{
	static const char * const names[KVMEM_TIER_NR] = {
		[KVMEM_TIER_NONE] = "none",
		[KVMEM_TIER_DRAM] = "dram",
		[KVMEM_TIER_FLASH] = "flash",
		[KVMEM_TIER_PEER] = "peer",
	};

	return tier < KVMEM_TIER_NR ? names[tier] : NULL;
}
