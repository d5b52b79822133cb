// SPDX-License-Identifier: GPL-2.0
/*
 * A node draws a time for each slot, -log2(u) / weight with u of a hash, and the first
 * one wins: that is weighted rendezvous hashing.  The logarithm is taken in whole
 * numbers, because two machines' libm need not agree on the last bit.
 */
#include "ring/score.h"

#define FRACTION	24	/* bits of a logarithm behind the point */
#define STEPS		256	/* of the table, between two powers of 2 */

/* log2(1 + i / STEPS), with FRACTION bits */
static uint32_t log_table[STEPS + 1];

/* Bit by bit: squaring doubles the logarithm. */
static uint32_t log2_fraction(uint64_t x)
{
	uint32_t result = 0;
	int i;

	/* x: 1 to 2, with 31 bits behind the point */
	for (i = 0; i < FRACTION; i++) {
		x = (x * x) >> 31;
		result <<= 1;
		if (x >> 32) {
			result |= 1;
			x >>= 1;
		}
	}
	return result;
}

/* Before main(), so that threads need not care. */
__attribute__((constructor))
static void make_table(void)
{
	uint64_t i;

	for (i = 0; i < STEPS; i++)
		log_table[i] = log2_fraction((1ULL << 31) + (i << 23));
	log_table[STEPS] = 1 << FRACTION;
}

uint64_t score_mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

uint64_t score_node(uint16_t id)
{
	return score_mix(0x9e3779b97f4a7c15ULL * (id + 1ULL));
}

/* 64 - log2(h), so above 0 and at most 64, with FRACTION bits */
static uint64_t minus_log2(uint64_t h)
{
	int zeros = __builtin_clzll(h | 1);
	uint64_t m = (h | 1) << zeros;
	unsigned int at = (m >> 55) & (STEPS - 1);
	uint64_t low = log_table[at], high = log_table[at + 1];
	uint64_t rest = (m >> 31) & ((1 << FRACTION) - 1);
	uint64_t fraction = low + (((high - low) * rest) >> FRACTION);

	return ((uint64_t)(zeros + 1) << FRACTION) - fraction;
}

uint64_t score(uint64_t node, uint64_t inverse, unsigned int slot)
{
	return minus_log2(score_mix(node ^ (slot * 0xd6e8feb86659fd93ULL))) * inverse;
}
