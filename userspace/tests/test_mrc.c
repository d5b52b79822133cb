// SPDX-License-Identifier: GPL-2.0
/* Miss-ratio curves against exact simulations. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/policy_impl.h"
#include "ktap.h"

#define BLOCK	4096
#define MAX_KEYS	60000

static uint64_t rng;

static uint64_t draw(void)
{
	rng += 0x9e3779b97f4a7c15ULL;
	rng = (rng ^ rng >> 29) * 0xbf58476d1ce4e5b9ULL;
	return rng ^ rng >> 32;
}

/* Popular keys are the small numbers. */
static uint32_t popular(uint32_t nr)
{
	return (uint32_t)(draw() % (draw() % nr + 1));
}

static uint64_t hash_of(uint32_t key)
{
	uint64_t h = (key + 1) * 0x9e3779b97f4a7c15ULL;

	h = (h ^ h >> 32) * 0xd6e8feb86659fd93ULL;
	return h ^ h >> 32;
}

static uint32_t size_of(uint32_t key, bool one_size)
{
	return one_size ? BLOCK : BLOCK * (1 + key % 7);
}

/* --- an exact LRU: times of last use, the oldest is looked for --- */

struct exact {
	uint64_t last[MAX_KEYS];
	uint64_t now, used, limit, hits, refs;
	bool one_size;
};

static void exact_evict(struct exact *e, uint32_t nr)
{
	uint32_t i, oldest = nr;

	for (i = 0; i < nr; i++)
		if (e->last[i] && (oldest == nr || e->last[i] < e->last[oldest]))
			oldest = i;
	e->used -= size_of(oldest, e->one_size);
	e->last[oldest] = 0;
}

static bool exact_use(struct exact *e, uint32_t key, uint32_t nr)
{
	bool hit = e->last[key];

	e->refs++;
	e->hits += hit;
	if (!hit)
		e->used += size_of(key, e->one_size);
	e->last[key] = ++e->now;
	while (e->used > e->limit)
		exact_evict(e, nr);
	return hit;
}

/* --- */

static void fall_with_age(uint16_t v[KVMEM_NL_NR_CLASSES][KVMEM_NL_NR_AGES])
{
	unsigned int c, a;

	for (c = 0; c < KVMEM_NL_NR_CLASSES; c++)
		for (a = 0; a < KVMEM_NL_NR_AGES; a++)
			v[c][a] = (uint16_t)(1000 * (KVMEM_NL_NR_AGES - a));
}

static struct mrc *make(double blocks, uint32_t one_in)
{
	uint16_t v[KVMEM_NL_NR_CLASSES][KVMEM_NL_NR_AGES];
	struct mrc *m = calloc(1, sizeof(*m));

	if (!m)
		abort();
	fall_with_age(v);
	mrc_init(m);
	mrc_set_table(&m->table, v);
	mrc_set_table(&m->trial, v);
	mrc_set_capacity(m, blocks * BLOCK, BLOCK, one_in);
	return m;
}

/* As the kernel tells: a look-up, and the put that follows a miss. */
static void use(struct mrc *m, uint32_t key, uint64_t now, bool hit, bool one_size)
{
	struct policy_sample s = { .hash = hash_of(key), .time = now << 20 };
	struct mrc_seen seen;

	s.kind = hit ? KVMEM_SAMPLE_KIND_HIT : KVMEM_SAMPLE_KIND_MISS;
	s.size = hit ? size_of(key, one_size) : 0;
	mrc_sample(m, &s, &seen);
	if (hit)
		return;
	s.kind = KVMEM_SAMPLE_KIND_PUT;
	s.size = size_of(key, one_size);
	mrc_sample(m, &s, &seen);
}

static void against_exact(uint32_t nr, uint32_t refs, double blocks, double scale, bool one_size)
{
	struct exact *e = calloc(1, sizeof(*e));
	struct mrc *m = make(blocks, 1);
	double real;
	uint32_t i, key;

	rng = nr;
	e->limit = (uint64_t)(blocks * scale * BLOCK);
	e->one_size = one_size;
	for (i = 0; i < refs; i++) {
		key = popular(nr);
		use(m, key, i + 1, exact_use(e, key, nr), one_size);
	}
	real = (double)e->hits / (double)e->refs;
	/* The memory of curves counts late uses a little more; distances are in buckets. */
	if (fabs(mrc_lru(m, blocks * scale * BLOCK) - real) > 0.015)
		printf("# LRU at %g: %.3f, want %.3f\n", scale,
		       mrc_lru(m, blocks * scale * BLOCK), real);
	CHECK(fabs(mrc_lru(m, blocks * scale * BLOCK) - real) <= 0.015);
	for (i = 0; i < MRC_TIERS; i++)
		if (mrc_tier_size(i) == scale)
			CHECK(fabs(mrc_tier_rate(m, i) - real) <= 0.01);
	free(e);
	free(m);
}

static void lru_one_size(void)
{
	unsigned int i;

	for (i = 0; i < MRC_SIZES && !ktap_failed; i++)
		against_exact(3000, 20000, 200, mrc_tier_size(i), true);
}

static void lru_sizes(void)
{
	unsigned int i;

	for (i = 0; i < MRC_SIZES && !ktap_failed; i++)
		against_exact(2000, 15000, 300, mrc_tier_size(i), false);
}

/* More uses than slots and more keys than there is room for */
static void lru_long(void)
{
	against_exact(40000, 50000, 100, 1, true);
}

/* One key in 16 says what all say. */
static void lru_sampled(void)
{
	struct mrc *all = make(8000, 1), *few = make(8000, 16);
	uint32_t i, key;
	double x, diff;

	rng = 5;
	for (i = 0; i < 300000; i++) {
		key = popular(12000);
		use(all, key, i + 1, false, true);
		use(few, key, i + 1, false, true);
	}
	for (x = 1000; x < 16000; x *= 2) {
		diff = mrc_lru(all, x * BLOCK) - mrc_lru(few, x * BLOCK);
		if (fabs(diff) > 0.03)
			printf("# at %g blocks: off by %.3f\n", x, diff);
		CHECK(fabs(diff) <= 0.03);
	}
	free(all);
	free(few);
}

static void lru_age(void)
{
	struct mrc *m = make(10, 1);
	uint32_t i;

	CHECK_EQ(mrc_lru_age(m), 0);
	for (i = 0; i < 10; i++)
		use(m, i, i + 1, false, true);
	/* All fit: what is older than the first sample is not known. */
	CHECK_EQ(mrc_lru_age(m), 9 << 20);
	for (i = 10; i < 15; i++)
		use(m, i, i + 1, false, true);
	/* Five of 15 are out; the next one was used at 6, the last at 15. */
	CHECK_EQ(mrc_lru_age(m), 9 << 20);
	free(m);
}

static void deleted(void)
{
	struct mrc *m = make(100, 1);
	struct policy_sample s = { .kind = KVMEM_SAMPLE_KIND_DELETE };
	struct mrc_seen seen;
	uint32_t i;

	for (i = 0; i < 50; i++)
		use(m, i, i + 1, false, true);
	for (i = 0; i < 50; i++) {
		s.hash = hash_of(i);
		mrc_sample(m, &s, &seen);
	}
	CHECK_EQ(m->total, 0);
	CHECK_EQ(m->tier[MRC_PRESENT].used, 0);
	for (i = 0; i < 50; i++)
		use(m, i, i + 51, false, true);
	CHECK_EQ(m->used, 50);
	CHECK(mrc_lru(m, 1e9) == 0);
	CHECK(mrc_tier_rate(m, MRC_PRESENT) == 0);
	free(m);
}

/* In order of arrival a use changes nothing. */
static void arrival(void)
{
	struct mrc *m = make(4, 1);
	uint32_t i;

	mrc_set_order(m, true);
	for (i = 0; i < 4; i++)
		use(m, i, i + 1, false, true);
	use(m, 0, 5, true, true);
	use(m, 4, 6, false, true);
	/* 0 came first and is out, although it was used last. */
	use(m, 0, 7, false, true);
	CHECK(fabs(m->tier[MRC_PRESENT].hits - 1) < 0.001);
	CHECK(fabs(mrc_lru(m, 5.5 * BLOCK) * m->refs - 2) < 0.001);
	free(m);
}

static const struct ktap_test tests[] = {
	{ "lru_one_size", lru_one_size },
	{ "lru_sizes", lru_sizes },
	{ "lru_long", lru_long },
	{ "lru_sampled", lru_sampled },
	{ "lru_age", lru_age },
	{ "deleted", deleted },
	{ "arrival", arrival },
};

KTAP_MAIN(tests)
