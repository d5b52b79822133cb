/* SPDX-License-Identifier: GPL-2.0 */
/* Random numbers that are the same on every machine: integers only. */
#ifndef _RNG_H
#define _RNG_H

#include <stddef.h>
#include <stdint.h>

/* splitmix64 */
struct rng {
	uint64_t state;
};

/**
 * struct quantile - a point of a distribution
 * @rank: per 10000 that are not above @value
 */
struct quantile {
	uint32_t rank;
	uint32_t value;
};

static inline uint64_t rng_u64(struct rng *r)
{
	uint64_t x = r->state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* 0 to @n - 1; @n below 2^32, so the bias is nothing */
static inline uint64_t rng_below(struct rng *r, uint64_t n)
{
	return (rng_u64(r) >> 32) * n >> 32;
}

/* True @permyriad times out of 10000 */
static inline int rng_chance(struct rng *r, uint32_t permyriad)
{
	return rng_below(r, 10000) < permyriad;
}

/*
 * The value at @at (of 2^32) of a distribution of @n points, ranks from 0 to
 * 10000, straight lines between, scaled to @percent.
 */
uint64_t quantile_at(uint32_t at, const struct quantile *q, size_t n,
		     uint32_t percent);
/* A draw from it. */
uint64_t rng_quantile(struct rng *r, const struct quantile *q, size_t n,
		      uint32_t percent);

#endif /* _RNG_H */
