// SPDX-License-Identifier: GPL-2.0
/* Generated traces: the same everywhere, and like the public one. */
#include <stdlib.h>

#include "ktap.h"
#include "lib/libkvmem.h"
#include "replay/trace.h"
#include "replay/trace_stats.h"
#include "tracegen/gen.h"

static char *generate(const struct model *m, size_t *len)
{
	char *text = NULL;
	FILE *to = open_memstream(&text, len);
	int err = gen_write(m, to);

	fclose(to);
	if (!err)
		return text;
	free(text);
	return NULL;
}

static void test_deterministic(void)
{
	struct model m = model_defaults;
	char *a, *b, *c;
	size_t la, lb, lc;

	m.requests = 500;
	a = generate(&m, &la);
	b = generate(&m, &lb);
	m.seed++;
	c = generate(&m, &lc);
	CHECK(a && b && c);
	CHECK_EQ(la, lb);
	CHECK(!memcmp(a, b, la));
	CHECK(la != lc || memcmp(a, c, la));
	/* of this very version, on every machine */
	CHECK_EQ(kvmem_crc32c(0, a, la), 0xfb8a91f0U);
	free(a);
	free(b);
	free(c);
}

static void check_curve(uint64_t requests, uint64_t seed)
{
	static const double want[] = { 5.2, 19.5, 27.8, 34.5, 36.6 };
	struct model m = model_defaults;
	struct trace_error e;
	struct trace_stats s;
	struct trace t;
	char *text;
	size_t len, i;

	m.requests = requests;
	m.seed = seed;
	text = generate(&m, &len);
	CHECK(text);
	CHECK_EQ(trace_parse(&t, text, len, 0, &e), 0);
	free(text);
	CHECK_EQ(t.nr_requests, requests);
	CHECK_EQ(trace_stats(&t, &s), 0);
	trace_free(&t);
	printf("# %5d requests, seed %d: %.1f %.1f %.1f %.1f %.1f\n",
	       (int)requests, (int)seed, s.rate[0], s.rate[1], s.rate[2],
	       s.rate[3], s.rate[4]);
	for (i = 0; i < CURVE_POINTS; i++)
		CHECK(s.rate[i] > want[i] - 4 && s.rate[i] < want[i] + 4);
	CHECK(s.once > 70 && s.once < 80);
	CHECK(s.mean_blocks > 21 && s.mean_blocks < 27);
	CHECK_EQ(s.shared_first, 100);
}

static void test_curve_2000(void)
{
	uint64_t seed;

	for (seed = 1; seed <= 5; seed++)
		check_curve(2000, seed);
}

static void test_curve_12000(void)
{
	uint64_t seed;

	for (seed = 1; seed <= 5; seed++)
		check_curve(12000, seed);
}

/* Extreme knobs must end, and give a trace. */
static void test_knobs(void)
{
	static const struct model odd[] = {
		{ .requests = 1, .duration_ms = 1000 },
		{ .requests = 300, .duration_ms = 1000, .turns_pct = 1000,
		  .first_pct = 10000, .growth_pct = 10000, .agents = 10000 },
		{ .requests = 300, .duration_ms = 4000000000, .gap_pct = 10000,
		  .system_blocks = 128, .branch = 10000, .turns_pct = 1000 },
		{ .requests = 300, .duration_ms = 4000000000, .turns_pct = 300,
		  .system_blocks = 0, .first_pct = 1, .branch = 10000 },
	};
	struct trace_error e;
	struct trace t;
	size_t i, j, len;
	char *text;

	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		text = generate(&odd[i], &len);
		CHECK(text);
		CHECK_EQ(trace_parse(&t, text, len, 0, &e), 0);
		free(text);
		CHECK_EQ(t.nr_requests, odd[i].requests);
		for (j = 0; j < t.nr_requests; j++)
			CHECK(t.requests[j].nr > 0 &&
			      t.requests[j].nr <= MODEL_MAX_BLOCKS);
		trace_free(&t);
	}
}

static void test_quantile(void)
{
	static const struct quantile q[] = { { 0, 10 }, { 5000, 20 },
					     { 10000, 120 } };

	CHECK_EQ(quantile_at(0, q, 3, 100), 10);
	CHECK_EQ(quantile_at(0x40000000, q, 3, 100), 15);
	CHECK_EQ(quantile_at(0x80000000, q, 3, 100), 20);
	CHECK_EQ(quantile_at(0xc0000000, q, 3, 50), 35);
	CHECK_EQ(quantile_at(0xffffffff, q, 3, 100), 120);
}

static const struct ktap_test tests[] = {
	{ "quantile", test_quantile },
	{ "deterministic", test_deterministic },
	{ "curve_2000", test_curve_2000 },
	{ "curve_12000", test_curve_12000 },
	{ "knobs", test_knobs },
};

KTAP_MAIN(tests)
