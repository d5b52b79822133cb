// SPDX-License-Identifier: GPL-2.0
/* Policies by name: what tables they make of counts that can be followed by hand. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/policy_impl.h"
#include "ktap.h"

#define MS	1000000ULL

static struct policy_hist hist;
static struct policy_input in;
static struct policy_output out;

static struct policy *begin(enum policy_kind kind)
{
	struct policy *p = policy_new(kind);

	hist = (struct policy_hist){ 0 };
	in = (struct policy_input){
		.now = 1000 * MS, .hist = &hist, .capacity_bytes = 1000 << 16,
	};
	if (!p || !policy_update(p, &in, &out))
		abort();
	return p;
}

static bool update(struct policy *p)
{
	in.now += 50 * MS;
	return policy_update(p, &in, &out);
}

static void names(void)
{
	int i;

	for (i = 0; i < POLICY_NR_KINDS; i++)
		CHECK_EQ(policy_kind_of(policy_kind_name((enum policy_kind)i)), i);
	CHECK_EQ(policy_kind_of("adaptive"), POLICY_ADAPTIVE);
	CHECK_EQ(policy_kind_of("ttl"), POLICY_TTL);
	CHECK_EQ(policy_kind_of("LRU"), -1);
	CHECK_EQ(policy_kind_of(""), -1);
	CHECK(!policy_kind_name(POLICY_NR_KINDS));
	CHECK(!policy_new(POLICY_NR_KINDS));
	policy_free(NULL);
}

/* The same for all classes, falling with age; the last day's worth of ages are 0. */
static bool is_lru(void)
{
	unsigned int c, a;

	for (c = 0; c < PA_CLASSES; c++)
		for (a = 0; a < PA_AGES; a++)
			if (out.value[c][a] != out.value[0][a] ||
			    (a && out.value[c][a] >= out.value[c][a - 1] && out.value[c][a]))
				return false;
	return true;
}

static void by_age(void)
{
	static const struct {
		enum policy_kind kind;
		uint8_t order;
	} kinds[] = {
		{ POLICY_LRU, KVMEM_ORDER_USE }, { POLICY_FIFO, KVMEM_ORDER_ARRIVAL },
		{ POLICY_TTL, KVMEM_ORDER_ARRIVAL },
	};
	size_t i;

	for (i = 0; i < 3; i++) {
		struct policy *p = begin(kinds[i].kind);

		CHECK(is_lru());
		CHECK_EQ(out.order, kinds[i].order);
		hist.hits[9][3] = 100000;
		hist.evictions[8][9] = 100000;
		CHECK(!update(p));
		policy_free(p);
	}
}

static void lfu(void)
{
	struct policy *p = begin(POLICY_LFU);
	unsigned int a;

	/* Nothing was evicted: levels first, then age. */
	CHECK_EQ(out.order, KVMEM_ORDER_USE);
	hist.hits[0][0] = 1000;
	CHECK(update(p));
	CHECK_EQ(out.value[0][31], 40000);
	CHECK_EQ(out.value[0][0], 40000 + 31 * 62);
	CHECK_EQ(out.value[3][31], 46000);
	CHECK_EQ(out.value[61][5], 40000 + 5 * 2000 + 26 * 62);
	for (a = 0; a < PA_AGES; a++)
		CHECK(out.value[1][31] > out.value[0][a]);
	/* All are evicted at 10: a level goes with each octave above 12. */
	hist.evictions[0][10] = 1000;
	CHECK(update(p));
	CHECK_EQ(out.value[2][12], 44000 + 19 * 62);
	CHECK_EQ(out.value[2][13], 42000 + 18 * 62);
	CHECK_EQ(out.value[2][14], 40000 + 17 * 62);
	/* As much again a bucket later is within the slack. */
	hist.evictions[0][11] = 1000;
	CHECK(!update(p));
	hist.evictions[0][11] = 9000;
	CHECK(update(p));
	CHECK_EQ(out.value[2][13], 44000 + 18 * 62);
	policy_free(p);
}

static uint16_t gdsf_of(double left)
{
	return (uint16_t)(32768 + 1600 * asinh(16 * left));
}

static bool near(unsigned int a, unsigned int b)
{
	return a + 2 >= b && b + 2 >= a;
}

/* Blocks put once are evicted at bucket 16: that is what a use is worth. */
static void gdsf(void)
{
	struct policy *p = begin(POLICY_GDSF);

	hist.evictions[0][16] = 1000;
	CHECK(update(p));
	CHECK(near(out.value[0][16], 32768));
	CHECK(near(out.value[0][17], gdsf_of(1 - 2)));
	CHECK(near(out.value[0][15], gdsf_of(1 - 0.5)));
	/* Level 1: a put and two hits */
	CHECK(near(out.value[1][17], gdsf_of(3 - 2)));
	CHECK(near(out.value[9][18], gdsf_of(3 - 4)));
	policy_free(p);
}

/* Class 0 has blocks a quarter as large as those of class 8. */
static void gdsf_sizes(void)
{
	struct policy *p = begin(POLICY_GDSF);

	hist.blocks[0] = 100000;
	hist.blocks[8] = 100000;
	hist.bytes[0] = 100000ULL << 14;
	hist.bytes[8] = 100000ULL << 16;
	hist.evictions[0][16] = 1000;
	CHECK(update(p));
	CHECK(fabs(p->pt.worth[0] - log2(2.5)) < 0.01);
	CHECK(fabs(p->pt.worth[8] - log2(0.625)) < 0.01);
	CHECK(out.value[0][16] > out.value[8][16]);
	/* Tokens told: class 8 saves eight times as many a byte. */
	hist.hit_cost[0] = 1000;
	hist.hit_cost[8] = 8000;
	hist.hit_bytes[0] = 1 << 20;
	hist.hit_bytes[8] = 1 << 20;
	hist.hits[0][5] = 100;
	CHECK(update(p));
	CHECK(p->pt.worth[8] - p->pt.worth[0] > 2.9 && p->pt.worth[8] - p->pt.worth[0] < 3.01);
	CHECK(out.value[0][16] < out.value[8][16]);
	policy_free(p);
}

/* Of class 8 all are used again in bucket 12, of class 16 none ever. */
static void adaptive_learns(void)
{
	struct policy *p = begin(POLICY_ADAPTIVE);
	unsigned int i, a;

	CHECK(is_lru());
	for (i = 0; i < 100; i++) {
		hist.hits[8][12] += 100;
		hist.evictions[16][14] += 100;
		hist.blocks[8] = 100;
		hist.blocks[16] = 100;
		update(p);
	}
	for (a = 0; a < 12; a++)
		CHECK(out.value[8][a] > out.value[16][a] + 2000);
	/* The nearer, the more it is worth: by an octave where nothing comes before. */
	CHECK(out.value[8][12] > out.value[8][8]);
	CHECK(out.value[8][12] > out.value[8][20] + 2000);
	policy_free(p);
}

/* Only what has changed is to be pushed; small changes of size do not resample. */
static void changes(void)
{
	struct policy *p = begin(POLICY_LRU);

	CHECK(!update(p));
	in.capacity_bytes = 36000ULL << 16;
	in.used_blocks = 1000;
	in.used_bytes = 1000 << 16;
	hist.blocks[0] = 1000;
	hist.bytes[0] = 1000 << 16;
	CHECK(update(p));
	CHECK_EQ(out.one_in, 32);
	hist.bytes[0] = 800 << 16;
	in.used_bytes = 800 << 16;
	CHECK(!update(p));
	hist.bytes[0] = 100 << 16;
	in.used_bytes = 100 << 16;
	CHECK(update(p));
	CHECK_EQ(out.one_in, 512);
	policy_free(p);
}

static void sample(struct policy *p, uint64_t key, bool hit)
{
	struct policy_sample s = {
		.hash = (key + 1) * 0x9e3779b97f4a7c15ULL & ~1023ULL, .time = in.now,
		.size = 1 << 16, .kind = hit ? KVMEM_SAMPLE_KIND_HIT : KVMEM_SAMPLE_KIND_MISS,
	};

	policy_sample(p, &s);
	s.kind = KVMEM_SAMPLE_KIND_PUT;
	if (!hit)
		policy_sample(p, &s);
}

/* A tier that was full when the daemon came */
static struct policy *begin_full(enum policy_kind kind)
{
	struct policy *p = policy_new(kind);

	hist = (struct policy_hist){ .blocks = { 3000 }, .bytes = { 3000ULL << 16 } };
	in = (struct policy_input){
		.now = 1000 * MS, .hist = &hist, .capacity_bytes = 3000ULL << 16,
		.used_bytes = 3000ULL << 16, .used_blocks = 3000,
	};
	if (!p || !policy_update(p, &in, &out))
		abort();
	return p;
}

/* 100 keys in turn, one sampled: LRU would hit; @hit: so does the tier */
static void turns(struct policy *p, unsigned int nr, bool hit)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (hit) {
			hist.hits[1][8] += 400;
		} else {
			hist.evictions[0][8] += 400;
			hist.ghost_hits[0][8] += 400;
		}
		for (unsigned int k = 0; k < 100; k++)
			sample(p, k, hit);
		update(p);
	}
}

/* A tier that misses what LRU would hit: given up soon, tried again late. */
static void fallback(void)
{
	struct policy *p = begin_full(POLICY_ADAPTIVE);
	struct policy_state state;

	CHECK_EQ(out.one_in, 4);
	turns(p, 20, true);
	policy_get_state(p, &state);
	CHECK(!state.fallback && !is_lru());
	turns(p, 2, false);
	policy_get_state(p, &state);
	CHECK(!state.fallback);
	turns(p, 3, false);
	policy_get_state(p, &state);
	CHECK(state.fallback);
	CHECK_EQ(state.fallbacks, 1);
	CHECK(is_lru());
	/* Adaptive's own table is no better on the samples, so it stays. */
	turns(p, 200, true);
	policy_get_state(p, &state);
	CHECK(state.fallback && is_lru());
	policy_free(p);
}

/* Without samples nothing is known of LRU, and nothing is given up. */
static void no_samples(void)
{
	struct policy *p = begin_full(POLICY_ADAPTIVE);
	struct policy_state state;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		hist.evictions[0][8] += 400;
		hist.ghost_hits[0][8] += 400;
		update(p);
	}
	policy_get_state(p, &state);
	CHECK(!state.fallback);
	CHECK(isnan(state.real));
	policy_free(p);
}

/* Uses of which LRU hits half, and the tier @hits */
static void uses(struct guard *g, unsigned int nr, double hits)
{
	struct guard_delta d = { .refs = 1000, .hits = hits, .events = { [5] = 500 } };

	while (nr--)
		guard_update(g, &d, UINT64_MAX, 100);
}

/* When it is let in again, and that it takes longer each time */
static void guard_waits(void)
{
	struct guard g;
	unsigned int i;

	guard_init(&g);
	uses(&g, 100, 500);
	CHECK(!g.lru);
	/* 495 lost each time, 1001.6 are too many */
	uses(&g, 2, 0);
	CHECK(!g.lru);
	uses(&g, 1, 0);
	CHECK(g.lru);
	uses(&g, 50, 500);
	CHECK(g.lru);
	for (i = 0; i < 100; i++)
		guard_sample(&g, i % 5, true, 1);
	/* Better by 20 of 100, 4.5 sigmas; what was spoilt has been repaired. */
	uses(&g, 1, 500);
	CHECK(!g.lru);
	uses(&g, 3, 0);
	CHECK_EQ(g.falls, 2);
	uses(&g, 59, 500);
	CHECK(g.lru);
	uses(&g, 1, 500);
	CHECK(!g.lru);
	/* Lost to LRU by less than half a point: no matter. */
	uses(&g, 1000, 496);
	CHECK(!g.lru);
	/* Nothing is known of LRU. */
	for (i = 0; i < 100; i++)
		guard_update(&g, &(struct guard_delta){ .refs = 1000, .events = { 500 } }, 0, 100);
	CHECK(!g.lru);
}

static void curve(void)
{
	struct policy *p = begin_full(POLICY_LRU);
	struct policy_point points[16];
	size_t i;

	CHECK_EQ(policy_curve(p, points, 16), 0);
	/* 1000 keys in turn, of which the tier has room for 750 and hits none */
	for (i = 0; i < 100; i++) {
		hist.evictions[0][8] += 4000;
		for (unsigned int k = 0; k < 1000; k++)
			sample(p, k, false);
		update(p);
	}
	CHECK_EQ(policy_curve(p, points, 16), 6);
	CHECK_EQ(points[2].capacity_bytes, 3000ULL << 16);
	CHECK_EQ(points[3].capacity_bytes, 6000ULL << 16);
	CHECK(points[2].lru < 0.01 && points[2].policy < 0.01);
	CHECK(points[3].lru > 0.95 && points[3].policy > 0.95);
	CHECK_EQ(policy_curve(p, points, 2), 2);
	policy_free(p);
}

/* An earlier daemon's table stays until this one has seen enough; LRU's does not. */
static void adopts(void)
{
	struct policy_output old = { .order = KVMEM_ORDER_USE };
	struct policy *p = policy_new(POLICY_ADAPTIVE);
	unsigned int i;

	hist = (struct policy_hist){ 0 };
	in = (struct policy_input){
		.now = 1000 * MS, .hist = &hist, .capacity_bytes = 1000 << 16,
	};
	old.value[5][7] = 4711;
	policy_adopt(p, &old);
	CHECK(policy_update(p, &in, &out));
	CHECK_EQ(out.value[5][7], 4711);
	for (i = 0; i < 3; i++) {
		hist.hits[0][10] += 300;
		hist.evictions[8][12] += 300;
		update(p);
		CHECK_EQ(out.value[5][7], 4711);
		CHECK_EQ(out.value[0][0], 0);
	}
	for (i = 0; i < 3; i++) {
		hist.hits[0][10] += 500;
		update(p);
	}
	CHECK(out.value[5][7] != 4711 && out.value[0][0]);
	policy_free(p);

	p = policy_new(POLICY_ADAPTIVE);
	old.value[5][7] = 0;
	policy_adopt(p, &old);
	hist = (struct policy_hist){ 0 };
	CHECK(policy_update(p, &in, &out));
	CHECK(is_lru());
	policy_free(p);
}

static const struct ktap_test tests[] = {
	{ "adopts", adopts },
	{ "names", names },
	{ "by_age", by_age },
	{ "lfu", lfu },
	{ "gdsf", gdsf },
	{ "gdsf_sizes", gdsf_sizes },
	{ "adaptive_learns", adaptive_learns },
	{ "changes", changes },
	{ "fallback", fallback },
	{ "no_samples", no_samples },
	{ "guard_waits", guard_waits },
	{ "curve", curve },
};

KTAP_MAIN(tests)
