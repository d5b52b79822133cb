// SPDX-License-Identifier: GPL-2.0
/*
 * Policies are fed garbage: counters that go backwards, overflow and jump,
 * samples out of order.  Nothing may crash, no sanitizer complain, and what
 * comes out must be numbers.
 */
#include <math.h>

#include "daemon/policy.h"
#include "ktap.h"

#define ROUNDS	400
#define SAMPLES	200
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static uint64_t rng;

static uint64_t draw(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

/* Small, large, at the edges of types */
static uint64_t number(void)
{
	static const uint64_t edges[] = {
		0, 1, 63, 64, 65, INT64_MAX, UINT64_MAX, UINT64_MAX - 1, 1ULL << 63, 1ULL << 53,
	};

	switch (draw() % 4) {
	case 0:
		return edges[draw() % (ARRAY_SIZE(edges))];
	case 1:
		return draw();
	default:
		return draw() >> (draw() % 64);
	}
}

static void scramble(struct policy_hist *hist)
{
	uint64_t *v = (uint64_t *)hist;
	size_t n = sizeof(*hist) / sizeof(*v), i, some = draw() % 3 ? 50 : n;

	for (i = 0; i < some; i++)
		v[draw() % n] = number();
}

static bool feed(struct policy *p, struct policy_hist *hist)
{
	struct policy_input in = {
		.now = number(), .hist = hist, .capacity_bytes = number(),
		.used_bytes = number(), .used_blocks = number(),
		.quota_blocks = draw() % 2 ? number() : 0, .hinted = draw() % 2,
	};
	struct policy_output out;

	scramble(hist);
	policy_update(p, &in, &out);
	return out.one_in && !(out.one_in & (out.one_in - 1)) && out.order <= 1;
}

static void feed_samples(struct policy *p)
{
	unsigned int i;

	for (i = 0; i < SAMPLES; i++) {
		struct policy_sample s = {
			.hash = draw() % 2 ? draw() % 4096 << 20 : number(),
			.time = number(), .size = (uint32_t)number(),
			.class = (uint8_t)draw(), .kind = (uint8_t)(draw() % 6),
		};

		policy_sample(p, &s);
	}
}

static bool is_rate(double x)
{
	return x >= 0 && x <= 1;
}

static bool answers(struct policy *p)
{
	struct policy_point points[16];
	struct policy_state state;
	size_t n = policy_curve(p, points, draw() % 17), i;

	for (i = 0; i < n; i++)
		if (!is_rate(points[i].lru) || !is_rate(points[i].policy))
			return false;
	policy_get_state(p, &state);
	return isnan(state.real) || (isfinite(state.real) && isfinite(state.lru));
}

static void garbage(enum policy_kind kind)
{
	struct policy *p = policy_new(kind);
	struct policy_hist hist = { 0 };
	unsigned int i;

	CHECK(p);
	rng = 88172645463325252ULL + kind;
	for (i = 0; i < ROUNDS; i++) {
		CHECK(feed(p, &hist));
		feed_samples(p);
		CHECK(answers(p));
	}
	policy_free(p);
}

static void garbage_all(void)
{
	int kind;

	for (kind = 0; kind < POLICY_NR_KINDS && !ktap_failed; kind++)
		garbage((enum policy_kind)kind);
}

/* A tier that can be believed, so that samples are looked at, and broken ones among them */
static void plausible(void)
{
	struct policy *p = policy_new(POLICY_ADAPTIVE);
	struct policy_hist hist = { 0 };
	struct policy_input in = {
		.hist = &hist, .capacity_bytes = 1 << 30, .used_bytes = 1 << 28,
		.used_blocks = 1000,
	};
	struct policy_output out;
	unsigned int i;

	CHECK(p);
	rng = 1;
	for (i = 0; i < ROUNDS; i++) {
		hist.blocks[draw() % 64] = draw() % 2000 + 100;
		hist.bytes[draw() % 64] = draw() % (1 << 27) + 10000;
		hist.hits[draw() % 64][draw() % 32] += draw() % 10000;
		hist.ghost_hits[draw() % 64][draw() % 32] += draw() % 10000;
		in.now += draw() % 100000000;
		policy_update(p, &in, &out);
		feed_samples(p);
		CHECK(answers(p));
	}
	policy_free(p);
}

static const struct ktap_test tests[] = {
	{ "garbage_all", garbage_all },
	{ "plausible", plausible },
};

KTAP_MAIN(tests)
