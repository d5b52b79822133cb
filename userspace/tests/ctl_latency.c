// SPDX-License-Identifier: GPL-2.0
/* kvmemctl: percentiles and differences. */
#include <stdlib.h>
#include <string.h>

#include "ctl/decode.h"
#include "ctl/latency.h"
#include "ctl/stats_delta.h"
#include "ktap.h"

/* As kvmem_lat_bucket() of the kernel */
static unsigned int bucket(uint64_t ns)
{
	unsigned int log;

	if (ns < 4)
		return (unsigned int)ns;
	log = 63 - (unsigned int)__builtin_clzll(ns);
	log = (log - 1) * 4 + (ns >> (log - 2) & 3);
	return log < KVMEM_NL_LAT_BUCKETS ? log : KVMEM_NL_LAT_BUCKETS - 1;
}

static void record(struct latency *l, uint64_t ns)
{
	l->count++;
	l->total_ns += ns;
	l->buckets[bucket(ns)]++;
}

static void starts(void)
{
	unsigned int b;

	CHECK_EQ(latency_start(3), 3);
	CHECK_EQ(latency_start(4), 4);
	CHECK_EQ(latency_start(8), 8);
	CHECK_EQ(latency_start(9), 10);
	for (b = 0; b < KVMEM_NL_LAT_BUCKETS; b++) {
		CHECK_EQ(bucket(latency_start(b)), b);
		if (b)
			CHECK_EQ(bucket(latency_start(b) - 1), b - 1);
	}
}

static void few(void)
{
	struct latency l = { 0 };

	CHECK_EQ(latency_percentile(&l, 500), 0);
	record(&l, 2);
	CHECK_EQ(latency_percentile(&l, 1), 2);
	CHECK_EQ(latency_percentile(&l, 500), 2);
	CHECK_EQ(latency_percentile(&l, 999), 2);
	record(&l, 3);
	CHECK_EQ(latency_percentile(&l, 500), 2);
	CHECK_EQ(latency_percentile(&l, 501), 3);
	CHECK_EQ(latency_percentile(&l, 1000), 3);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The true percentile is in the same bucket: within 25 % of it. */
static void many(void)
{
	static const unsigned int permille[] = { 1, 500, 900, 990, 999, 1000 };
	static uint64_t ns[10000];
	struct latency l = { 0 };
	uint64_t truth, p, last = 0;
	size_t i;

	srand(1);
	for (i = 0; i < 10000; i++) {
		ns[i] = (uint64_t)(100 + rand() % 1000) << rand() % 12;
		record(&l, ns[i]);
	}
	qsort(ns, 10000, sizeof(*ns), by_size);
	for (i = 0; i < sizeof(permille) / sizeof(*permille); i++) {
		truth = ns[10 * permille[i] - 1];
		p = latency_percentile(&l, permille[i]);
		CHECK_EQ(bucket(p), bucket(truth));
		CHECK(p >= last);
		last = p;
	}
}

static void extremes(void)
{
	struct latency l = { 0 };

	record(&l, UINT64_MAX);
	CHECK_EQ(latency_percentile(&l, 500), latency_start(KVMEM_NL_LAT_BUCKETS - 1));
	memset(&l, 0, sizeof(l));
	l.buckets[40] = 1ULL << 62;
	CHECK_EQ(bucket(latency_percentile(&l, 999)), 40);
	CHECK_EQ(bucket(latency_percentile(&l, 1000)), 40);
}

static void differences(void)
{
	struct latency now = { 0 }, before = { 0 };

	record(&before, 100);
	now = before;
	record(&now, 1000);
	latency_subtract(&now, &before);
	CHECK_EQ(now.count, 1);
	CHECK_EQ(now.total_ns, 1000);
	CHECK_EQ(bucket(latency_percentile(&now, 500)), bucket(1000));
	/* The module was loaded again. */
	record(&before, 5);
	record(&before, 5);
	latency_subtract(&now, &before);
	CHECK_EQ(now.count, 1);
}

static json_t *ns(int id, int hits, int misses, int quota)
{
	return json_pack("{s:i, s:i, s:{s:i, s:i, s:{s:i}}}", "id", id, "used_bytes", 4096,
			 "stats", "hits", hits, "misses", misses, "evictions", "quota",
			 quota);
}

static void counters(void)
{
	json_t *before = json_pack("[o]", ns(1, 10, 10, 2));
	json_t *now = json_pack("[o,o]", ns(1, 40, 20, 5), ns(2, 7, 0, 0));
	const json_t *s;

	stats_subtract(now, before);
	s = json_object_get(json_array_get(now, 0), "stats");
	CHECK_EQ(json_get_u64(s, "hits"), 30);
	CHECK_EQ(json_get_u64(s, "misses"), 10);
	CHECK(json_real_value(json_object_get(s, "hit_rate")) == 0.75);
	CHECK_EQ(json_get_u64(json_object_get(s, "evictions"), "quota"), 3);
	CHECK_EQ(json_get_u64(json_array_get(now, 0), "used_bytes"), 4096);
	s = json_object_get(json_array_get(now, 1), "stats");
	CHECK_EQ(json_get_u64(s, "hits"), 7);
	json_decref(before);
	json_decref(now);
}

static void json(void)
{
	static struct latencies all;
	json_t *array;

	array = latency_json(&all);
	CHECK_EQ(json_array_size(array), 0);
	json_decref(array);
	record(&all.of[KVMEM_OP_GET][KVMEM_TIER_DRAM], 2);
	array = latency_json(&all);
	CHECK_EQ(json_array_size(array), 1);
	CHECK(!strcmp(json_string_value(json_object_get(json_array_get(array, 0), "op")),
		      "get"));
	CHECK_EQ(json_get_u64(json_array_get(array, 0), "p999_ns"), 2);
	json_decref(array);
}

static const struct ktap_test tests[] = {
	{ "bucket starts", starts }, { "few operations", few },
	{ "many operations", many }, { "extremes", extremes },
	{ "differences", differences }, { "differences of counters", counters },
	{ "latencies as JSON", json },
};

KTAP_MAIN(tests)
