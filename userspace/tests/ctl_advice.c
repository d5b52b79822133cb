// SPDX-License-Identifier: GPL-2.0
/* kvmemctl advise: cases computed by hand, and reports that are wrong. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/advice.h"
#include "ctl/advice_out.h"
#include "ctl/advice_read.h"
#include "ktap.h"

#define GIB	1073741824.0

#define CHECK_NEAR(a, b) CHECK(is_near(a, b))

static bool is_near(double a, double b)
{
	return fabs(a - b) <= 1e-9 * (fabs(b) + 1e-3);
}

/* 16 tokens a block: 2 MiB, 3.2 ms of prefill; get 0.524288 ms, put 1.048576 ms */
static const struct advice_node node = {
	.prefill = 5000, .bytes_per_token = 131072, .gpu_cost_per_hour = 2.5,
	.currency = "EUR", .get_speed = 4e9, .put_speed = 2e9, .life_years = NAN,
};

static const struct advice_counters earlier = { .hits = 500, .misses = 300, .puts = 450 };

static struct advice_ns sample(void)
{
	struct advice_ns ns = {
		.id = 3, .name = "llama", .policy = "adaptive", .one_in = 128,
		.sampled_uses = 5000, .capacity = 4 * GIB, .used = 4 * GIB,
		.live_blocks = 100, .data_bytes = 100 * 2097152.0,
		.total = { .hits = 600, .misses = 400, .puts = 500 },
		.curve = { { 1 * GIB, 0.10, 0.15 }, { 2 * GIB, 0.20, 0.25 },
			   { 4 * GIB, 0.30, 0.34 }, { 8 * GIB, 0.40, 0.42 } },
		.nr_points = 4,
	};

	return ns;
}

static struct advice make(const struct advice_ns *ns, const struct advice_node *n)
{
	struct advice a;

	advice_make(ns, &earlier, 10, n, GIB, &a);
	return a;
}

static json_t *load(const char *text)
{
	json_error_t error;
	json_t *root = json_loads(text, 0, &error);

	if (!root)
		printf("# %s\n", error.text);
	return root;
}

static bool tells(const struct advice_ns *ns, const struct advice_node *n,
		  const struct advice *a, const char *want)
{
	char *text;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	bool found;

	advice_print(ns, n, a, to);
	fclose(to);
	found = strstr(text, want);
	if (!found)
		printf("# no \"%s\" in:\n%s", want, text);
	free(text);
	return found;
}

static void curve(void)
{
	struct advice_ns ns = sample();

	CHECK_NEAR(advice_curve_at(&ns, 0).lru, 0);
	CHECK_NEAR(advice_curve_at(&ns, GIB / 2).lru, 0.05);
	CHECK_NEAR(advice_curve_at(&ns, GIB / 2).policy, 0.075);
	CHECK_NEAR(advice_curve_at(&ns, 3 * GIB).lru, 0.25);
	CHECK_NEAR(advice_curve_at(&ns, 8 * GIB).policy, 0.42);
	CHECK(isnan(advice_curve_at(&ns, 8.1 * GIB).lru));
	CHECK(isnan(advice_curve_at(&ns, NAN).lru));
	/* Known at 1 and 4 GiB only */
	ns.curve[1].policy = NAN;
	ns.curve[3].policy = NAN;
	CHECK_NEAR(advice_curve_at(&ns, 2 * GIB).policy, 0.15 + 0.19 / 3);
	CHECK_NEAR(advice_curve_at(&ns, 2 * GIB).lru, 0.20);
	CHECK(isnan(advice_curve_at(&ns, 5 * GIB).policy));
	ns.nr_points = 0;
	CHECK(isnan(advice_curve_at(&ns, GIB).lru));
}

static void savings(void)
{
	struct advice_ns ns = sample();
	struct advice a = make(&ns, &node);

	CHECK_NEAR(a.gets, 20);
	CHECK_NEAR(a.puts, 5);
	CHECK_NEAR(a.hit_rate, 0.6);
	CHECK_NEAR(a.block_bytes, 2097152);
	CHECK_NEAR(a.tokens, 16);
	CHECK_NEAR(a.now.policy, 0.34);
	CHECK_NEAR(a.twice.lru, 0.40);
	CHECK_NEAR(a.twice.policy, 0.42);
	/* 0.34 + (0.42 - 0.34) / 4 at 5 GiB; 20 x 86400 x 0.02 x 0.0032 */
	CHECK_NEAR(a.gain, 0.02);
	CHECK_NEAR(a.prefill_seconds, 110.592);
	CHECK_NEAR(a.gpu_cost, 0.0768);
	CHECK_EQ(a.missing_samples, 0);
	/* Only LRU is known: (0.40 - 0.30) / 4 */
	ns.curve[3].policy = NAN;
	a = make(&ns, &node);
	CHECK_NEAR(a.gain, 0.025);
	CHECK(isnan(a.twice.policy));
	/* Beyond the curve */
	advice_make(&ns, &earlier, 10, &node, 5 * GIB, &a);
	CHECK(isnan(a.gain) && isnan(a.prefill_seconds) && isnan(a.gpu_cost));
}

/* On the curve behind DRAM: 4 GiB of it, and 2 of flash */
static void flash(void)
{
	struct advice_node with = node;
	struct advice_ns ns = sample();
	struct advice a = make(&ns, &node);

	CHECK(a.flash == 0);
	CHECK_NEAR(a.flash_gain, a.gain);
	with.flash = 2 * GIB;
	CHECK(make(&ns, &with).flash == 0);
	strcpy(ns.flash_mode, "off");
	CHECK(make(&ns, &with).flash == 0);
	strcpy(ns.flash_mode, "back");
	a = make(&ns, &with);
	CHECK_NEAR(a.flash, 2 * GIB);
	/* 0.34 + (0.42 - 0.34) / 2 at 6 GiB, and 20 x 86400 x 0.02 x 0.0032 for the next */
	CHECK_NEAR(a.flash_now.policy, 0.38);
	CHECK_NEAR(a.flash_now.lru, 0.35);
	CHECK_NEAR(a.flash_gain, 0.02);
	CHECK_NEAR(a.flash_prefill_seconds, 110.592);
	CHECK_NEAR(a.flash_gpu_cost, 0.0768);
	CHECK(tells(&ns, &with, &a, "1.0 GiB of flash more: +2.00 percentage points of hits, saves "
				    "110.6 s of prefill a day, 0.08 EUR of GPU a day\n"));
	CHECK(tells(&ns, &with, &a, "now flash of 2.0 GiB, 0 B used; with DRAM 38.0% of requests "
				    "would hit\n"));
	ns.flash_quota = GIB;
	strcpy(ns.flash_mode, "through");
	CHECK_NEAR(make(&ns, &with).flash, GIB);
	ns.flash_quota = 3 * GIB;
	CHECK_NEAR(make(&ns, &with).flash, 2 * GIB);
	/* Beyond the curve's 8 GiB */
	with.flash = 100 * GIB;
	ns.flash_quota = 0;
	a = make(&ns, &with);
	CHECK(isnan(a.flash_gain) && isnan(a.flash_now.lru));
	CHECK(tells(&ns, &with, &a, "of flash more: not known: the curve ends at 8.0 GiB\n"));
}

#define MEDIA(n, w) "{\"id\": " n ", \"name\": \"m" n "\", \"state\": \"live\", " \
	"\"bytes\": 1000, \"put_bytes\": " w ", \"reinsert_bytes\": 5, \"table_bytes\": 1"

/* 864 bytes in 10 s are 7464960 a day */
static void drive_life(void)
{
	static const char was[] = "{\"media\": [" MEDIA("1", "136") "}, " MEDIA("2", "7") "}]}";
	static const char is[] = "{\"media\": [" MEDIA("1", "1000")
		", \"used_percent\": 20, \"device_written_bytes\": 4000000000}, "
		MEDIA("2", "7") "}, " MEDIA("3", "9") "}, {\"id\": 0, \"name\": \"x\"}, 5, "
		"{\"id\": 4, \"name\": \"m4\", \"state\": \"failed\", \"bytes\": -5}]}";
	struct advice_media m[8], before[8];
	json_t *a = load(was), *b = load(is);
	size_t n = advice_read_media(b, m, 8), nr = advice_read_media(a, before, 8);

	CHECK_EQ(nr, 2);
	CHECK_EQ(n, 4);
	CHECK_EQ(advice_read_media(b, m, 2), 2);
	advice_read_media(b, m, 8);
	advice_media_make(m, n, before, nr, 10, NAN);
	CHECK(m[0].usable && !m[3].usable && m[0].bytes == 1000 && m[3].bytes == 0);
	CHECK_NEAR(m[0].per_day, 7464960);
	/* Four times what has used up a fifth */
	CHECK_NEAR(m[0].endurance, 16e9);
	CHECK_NEAR(m[0].life_years, 16e9 / 7464960 / 365.25);
	/* Nothing is written; and one that came meanwhile */
	CHECK(m[1].per_day == 0 && isnan(m[1].life_years));
	CHECK(isnan(m[2].per_day));
	advice_media_make(m, n, before, nr, 10, 1e9);
	CHECK_NEAR(m[0].life_years, 1e9 / 7464960 / 365.25);
	CHECK_NEAR(m[1].endurance, 1e9);
	m[0].used = 1.2;
	advice_media_make(m, n, before, nr, 10, 1e9);
	CHECK(m[0].life_years == 0);
	/* One report only */
	advice_media_make(m, n, before, nr, 0, 1e9);
	CHECK(isnan(m[0].per_day) && isnan(m[0].life_years));
	json_decref(a);
	json_decref(b);
}

static void break_even(void)
{
	struct advice_ns ns = sample();
	struct advice_node fast = node, slow = node;
	struct advice a = make(&ns, &node);

	CHECK_NEAR(a.recompute, 0.0032);
	CHECK_NEAR(a.get, 0.000524288);
	CHECK_NEAR(a.put, 0.001048576);
	/* 1.048576 / (3.2 - 0.524288) */
	CHECK_NEAR(a.reuse_needed, 0.391886720245);
	CHECK_NEAR(a.reuse, 1.2);
	CHECK_EQ(a.verdict, ADVICE_PAYS);
	ns.total.hits = 195;
	CHECK_EQ(make(&ns, &node).verdict, ADVICE_COSTS);
	ns.total.hits = 196;
	CHECK_EQ(make(&ns, &node).verdict, ADVICE_PAYS);
	ns.total.puts = 0;
	CHECK_EQ(make(&ns, &node).verdict, ADVICE_DEPENDS);
	/* 16 us of prefill for a block that takes 524 us to read */
	fast.prefill = 1e6;
	a = make(&ns, &fast);
	CHECK_EQ(a.verdict, ADVICE_NEVER);
	CHECK(isnan(a.reuse_needed));
	slow.put_speed = NAN;
	CHECK_EQ(make(&ns, &slow).verdict, ADVICE_UNKNOWN);
}

static void unknown(void)
{
	struct advice_node bare = { NAN, NAN, NAN, "", NAN, NAN, 0, NAN };
	struct advice_ns ns = sample(), empty = { .id = 1, .name = "x" };
	struct advice a = make(&ns, &bare);

	CHECK_NEAR(a.gain, 0.02);
	CHECK(isnan(a.tokens) && isnan(a.prefill_seconds) && isnan(a.gpu_cost));
	CHECK_EQ(a.verdict, ADVICE_UNKNOWN);
	CHECK(!a.told);
	/* 1600 tokens were 200 MiB, as applications say */
	ns.saved_tokens = 1600;
	ns.saved_bytes = 209715200;
	a = make(&ns, &bare);
	CHECK(a.told);
	CHECK_NEAR(a.bytes_per_token, 131072);
	CHECK(!make(&ns, &node).told);
	/* No second report, and one of another namespace of that id */
	advice_make(&ns, &ns.total, 0, &node, GIB, &a);
	CHECK(isnan(a.gets) && isnan(a.prefill_seconds) && a.verdict == ADVICE_PAYS);
	ns.total.hits = 1;
	CHECK(isnan(make(&ns, &node).gets));
	advice_make(&empty, &empty.total, 10, &node, GIB, &a);
	CHECK(isnan(a.hit_rate) && isnan(a.block_bytes) && isnan(a.now.lru) && isnan(a.gain));
	CHECK_NEAR(a.gets, 0);
}

static void missing(void)
{
	struct advice_ns ns = sample();
	struct advice a;

	advice_doubt(&ns);
	CHECK_EQ(ns.nr_points, 4);
	ns.sampled_uses = ADVICE_MIN_USES - 200;
	advice_doubt(&ns);
	CHECK_EQ(ns.nr_points, 0);
	a = make(&ns, &node);
	CHECK_NEAR(a.missing_samples, 200);
	CHECK_NEAR(a.missing_uses, 25600);
	CHECK_NEAR(a.missing_seconds, 1280);
	CHECK(isnan(a.gain) && isnan(a.twice.lru));
	ns.one_in = 0;
	CHECK(isnan(make(&ns, &node).missing_uses));
}

/* --- reading --- */

static const char report[] =
	"{\"read_ns\": 5000000000,"
	"\"costs\": {\"prefill_tokens_per_second\": 9e3, \"bytes_per_token\": null,"
	"\"currency\": \"\\u00a3\"},"
	"\"latency\": [{\"op\": \"put\", \"tier\": \"dram\", \"bytes_per_second\": 7},"
	"{\"op\": \"get\", \"tier\": \"none\", \"bytes_per_second\": 8},"
	"{\"op\": \"get\", \"tier\": \"dram\", \"bytes_per_second\": 9}],"
	"\"namespaces\": [{\"id\": 4, \"name\": \"a\", \"capacity_bytes\": 100,"
	"\"policy\": {\"name\": \"lru\", \"sample_one_in\": 64, \"fallback\": true},"
	"\"counters\": {\"hits\": 5, \"misses\": 6}, \"saved\": {\"tokens\": 1},"
	"\"curve\": [{\"capacity_bytes\": 50, \"lru\": 0.5, \"policy\": null}]}]}";

static void reports(void)
{
	json_t *r = load(report);
	json_t *before = load("{\"read_ns\": 3000000000, \"namespaces\": []}");
	struct advice_counters c;
	struct advice_node n;
	struct advice_ns ns;

	advice_read_node(r, &n);
	CHECK(n.prefill == 9000 && isnan(n.bytes_per_token) && isnan(n.gpu_cost_per_hour));
	CHECK(!strcmp(n.currency, "\xc2\xa3"));
	CHECK(n.put_speed == 7 && n.get_speed == 9);
	CHECK_EQ(advice_read_ns(json_array_get(json_object_get(r, "namespaces"), 0), &ns), 0);
	CHECK(ns.id == 4 && !strcmp(ns.name, "a") && !strcmp(ns.policy, "lru"));
	CHECK(ns.fallback && ns.one_in == 64 && ns.sampled_uses == 0 && ns.capacity == 100);
	CHECK(ns.nr_points == 1 && ns.curve[0].lru == 0.5 && isnan(ns.curve[0].policy));
	CHECK_EQ(advice_read_counters(r, 4, &c), 0);
	CHECK(c.hits == 5 && c.misses == 6 && c.puts == 0);
	CHECK_EQ(advice_read_counters(r, 5, &c), -1);
	CHECK(advice_read_interval(before, r) == 2);
	CHECK(advice_read_interval(r, before) == 0);
	json_decref(r);
	json_decref(before);
}

static const char nonsense[] =
	"{\"read_ns\": \"x\", \"costs\": {\"prefill_tokens_per_second\": -1,"
	"\"bytes_per_token\": 1e300, \"gpu_cost_per_hour\": 0,"
	"\"currency\": \"\\u001b[2J\"},"
	"\"latency\": [{\"op\": 1, \"tier\": []}, {\"op\": \"get\", \"tier\": \"dram\","
	"\"bytes_per_second\": -5}],"
	"\"namespaces\": [{\"id\": 1, \"name\": \"\\u001b[2Jx\","
	"\"counters\": {\"hits\": -5, \"misses\": {}}, \"policy\": \"lru\"}]}";

/* Nothing of this may be believed, nor end in more than "not known". */
static void wrong_reports(void)
{
	static const char * const texts[] = {
		"{}", "[]", "[1]", "{\"namespaces\": 5, \"latency\": {}, \"costs\": []}",
		"{\"namespaces\": [null, 1, [], {}, {\"id\": 1}, {\"name\": \"x\"}]}",
		"{\"namespaces\": [{\"id\": 0, \"name\": \"x\"}, {\"id\": -1, \"name\": \"x\"},"
		"{\"id\": 1e99, \"name\": \"x\"}, {\"id\": \"1\", \"name\": \"x\"}]}",
	};
	struct advice_counters c;
	struct advice_node n;
	struct advice_ns ns;
	json_t *r, *all;
	size_t i, k;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		r = load(texts[i]);
		all = json_object_get(r, "namespaces");
		advice_read_node(r, &n);
		CHECK(isnan(n.prefill) && isnan(n.get_speed) && !*n.currency);
		CHECK(advice_read_interval(r, r) == 0);
		for (k = 0; k < json_array_size(all); k++)
			CHECK_EQ(advice_read_ns(json_array_get(all, k), &ns), -1);
		CHECK_EQ(advice_read_ns(NULL, &ns), -1);
		json_decref(r);
	}
	r = load(nonsense);
	advice_read_node(r, &n);
	CHECK(isnan(n.prefill) && isnan(n.bytes_per_token) && isnan(n.gpu_cost_per_hour));
	CHECK(isnan(n.get_speed) && !*n.currency);
	CHECK_EQ(advice_read_ns(json_array_get(json_object_get(r, "namespaces"), 0), &ns), 0);
	CHECK(!strcmp(ns.name, "?[2Jx") && !*ns.policy && ns.total.hits == 0);
	CHECK_EQ(advice_read_counters(r, 1, &c), 0);
	CHECK(c.hits == 0 && c.misses == 0);
	json_decref(r);
}

static void bounded(void)
{
	json_t *o = json_pack("{s:i, s:s, s:i, s:i, s:i, s:i}", "id", 1, "name", "x",
			      "capacity_bytes", 1000, "quota_blocks", 3, "used_bytes", 400,
			      "used_blocks", 2);
	struct advice_ns ns;

	CHECK_EQ(advice_read_ns(o, &ns), 0);
	CHECK(ns.capacity == 600);
	json_object_set_new(o, "quota_blocks", json_integer(6));
	CHECK_EQ(advice_read_ns(o, &ns), 0);
	CHECK(ns.capacity == 1000);
	json_object_set_new(o, "used_blocks", json_integer(0));
	json_object_set_new(o, "used_bytes", json_integer(0));
	CHECK_EQ(advice_read_ns(o, &ns), 0);
	CHECK(ns.capacity == 1000);
	json_decref(o);
}

static json_t *point(double bytes, double lru)
{
	return json_pack("{s:f, s:f}", "capacity_bytes", bytes, "lru", lru);
}

static void wrong_curves(void)
{
	json_t *curve = json_array(), *ns = json_pack("{s:i, s:s, s:o}", "id", 1, "name", "x",
						      "curve", curve);
	struct advice_ns out;
	unsigned int i;

	json_array_append_new(curve, point(10, 0.1));
	json_array_append_new(curve, point(10, 0.2));	/* no further */
	json_array_append_new(curve, point(5, 0.2));	/* back */
	json_array_append_new(curve, point(20, 1.5));	/* no rate */
	json_array_append_new(curve, point(-3, 0.5));
	json_array_append_new(curve, json_integer(7));
	json_array_append_new(curve, point(30, 0.3));
	CHECK_EQ(advice_read_ns(ns, &out), 0);
	CHECK_EQ(out.nr_points, 2);
	CHECK(out.curve[1].bytes == 30 && out.curve[1].lru == 0.3);
	for (i = 0; i < 2 * ADVICE_MAX_POINTS; i++)
		json_array_append_new(curve, point(100 + i, 0.4));
	CHECK_EQ(advice_read_ns(ns, &out), 0);
	CHECK_EQ(out.nr_points, ADVICE_MAX_POINTS);
	json_decref(ns);
}

/* --- telling --- */

static void text(void)
{
	struct advice_node bare = { NAN, NAN, NAN, "", NAN, NAN, 0, NAN };
	struct advice_ns ns = sample();
	struct advice a = make(&ns, &node);

	CHECK(tells(&ns, &node, &a, "llama: policy adaptive, one key in 128 sampled"));
	CHECK(tells(&ns, &node, &a, "  TIER          SIZE  LRU HITS  adaptive HITS\n"));
	CHECK(tells(&ns, &node, &a, "  2 times    8.0 GiB     40.0%          42.0%\n"));
	CHECK(tells(&ns, &node, &a, "  4 times   16.0 GiB         -              -\n"));
	CHECK(tells(&ns, &node, &a, "twice the tier: 8.0 GiB, 42.0% of requests would hit "
				    "(LRU: 40.0%); now 34.0%\n"));
	CHECK(tells(&ns, &node, &a, "1.0 GiB of DRAM more: +2.00 percentage points of hits, saves "
				    "110.6 s of prefill a day, 0.08 EUR of GPU a day\n"));
	CHECK(tells(&ns, &node, &a, "pays from 0.392 uses of a block put; 1.200 are measured: "
				    "it pays\n"));
	CHECK(tells(&ns, &node, &a, "put 1.0 ms, get 524.3 us, prefill 3.2 ms\n"));
	CHECK(tells(&ns, &node, &a, "drive life: no flash media attached\n"));
	a = make(&ns, &bare);
	CHECK(tells(&ns, &bare, &a, "+2.00 percentage points of hits; prefill_tokens_per_second "
				    "is not configured, nor given\n"));
	ns.nr_points = 0;
	ns.sampled_uses = ADVICE_MIN_USES - 200;
	a = make(&ns, &node);
	CHECK(tells(&ns, &node, &a, "too little data: 200 more sampled uses are needed, about "
				    "25600 in all, 21 min at this rate\n"));
	ns.one_in = 0;
	a = make(&ns, &node);
	CHECK(tells(&ns, &node, &a, "no curve yet: no keys are sampled\n"));
}

static bool is_null(const json_t *o, const char *a, const char *b)
{
	return json_is_null(json_object_get(b ? json_object_get(o, a) : o, b ? b : a));
}

static void json(void)
{
	struct advice_node bare = { NAN, NAN, NAN, "", NAN, NAN, 0, NAN };
	struct advice_ns ns = sample();
	struct advice a = make(&ns, &node);
	json_t *o = advice_json(&ns, &node, &a);

	CHECK_NEAR(json_number_value(json_object_get(json_object_get(o, "more"),
						     "prefill_seconds_per_day")), 110.592);
	CHECK(!strcmp(json_string_value(json_object_get(json_object_get(o, "break_even"),
							"verdict")), "pays"));
	CHECK(is_null(o, "missing", NULL) && is_null(o, "drive_life_years", NULL));
	CHECK_EQ(json_array_size(json_object_get(o, "curve")), 4);
	json_decref(o);
	ns.nr_points = 0;
	ns.sampled_uses = 0;
	ns.one_in = 0;
	a = make(&ns, &bare);
	o = advice_json(&ns, &bare, &a);
	CHECK(is_null(o, "more", "prefill_seconds_per_day") && is_null(o, "twice", "policy"));
	CHECK(is_null(o, "break_even", "verdict") && is_null(o, "missing", "uses"));
	CHECK(!is_null(o, "missing", "sampled_uses"));
	json_decref(o);
	o = advice_node_json(&bare);
	CHECK(is_null(o, "currency", NULL) && is_null(o, "get_bytes_per_second", NULL));
	json_decref(o);
}

static const struct ktap_test tests[] = {
	{ "curve", curve }, { "savings", savings }, { "break-even", break_even },
	{ "flash", flash }, { "drive life", drive_life },
	{ "not known", unknown }, { "missing data", missing }, { "reports", reports },
	{ "wrong reports", wrong_reports }, { "wrong curves", wrong_curves },
	{ "bounded by blocks", bounded },
	{ "text", text }, { "JSON", json },
};

KTAP_MAIN(tests)
