// SPDX-License-Identifier: GPL-2.0
/* The daemon's report: a made-up state, as JSON and as kvmemctl reads it. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kvmem.h>

#include "ctl/advice_read.h"
#include "daemon/report.h"
#include "daemon/state.h"
#include "ktap.h"

/* --- a policy that knows two points --- */

struct policy {
	struct policy_state state;
	size_t points;
};

const char *policy_kind_name(enum policy_kind kind)
{
	return kind == POLICY_ADAPTIVE ? "adaptive" : "lru";
}

void policy_get_state(const struct policy *policy, struct policy_state *state)
{
	*state = policy->state;
}

size_t policy_curve(struct policy *policy, struct policy_point *points, size_t max)
{
	static const struct policy_point all[] = {
		{ 1 << 20, 0.25, NAN }, { 4 << 20, 0.5, 0.625 },
	};

	if (max > policy->points)
		max = policy->points;
	memcpy(points, all, max * sizeof(*points));
	return max;
}

/* --- a state --- */

static struct policy policy = {
	.state = { .kind = POLICY_ADAPTIVE, .fallback = true, .fallbacks = 2, .one_in = 128,
		   .refs = 4000, .real = 0.5, .lru = 0.375 },
	.points = 2,
};

static const struct report_costs costs = { 9000, 0, 2.5, "EUR" };

static struct state_media drive = { .id = 3, .name = "nvme0", .path = "/dev/nvme0n1",
				    .state = KVMEM_MEDIA_STATE_LIVE };
static struct state_ns quiet = { .id = 9, .name = "quiet" };
static struct state_ns busy;
static struct state state;

static void set_up(void)
{
	struct state_latency *l = &state.latency[0];

	memset(&busy, 0, sizeof(busy));
	memset(&state, 0, sizeof(state));
	busy.next = &quiet;
	busy.id = 7;
	strcpy(busy.name, "llama");
	busy.policy = &policy;
	busy.capacity_bytes = 2 << 20;
	busy.used_bytes = 1 << 20;
	busy.live_blocks = 4;
	busy.data_bytes = 1 << 19;
	busy.stats.v[KVMEM_A_STATS_HITS] = 30;
	busy.stats.v[KVMEM_A_STATS_MISSES] = 10;
	busy.stats.v[KVMEM_A_STATS_MISS_EVICTED] = 5;
	busy.flash_mode = KVMEM_FLASH_MODE_BACK;
	busy.flash_quota_bytes = 9000;
	busy.flash_blocks = 2;
	busy.flash_bytes = 8000;
	drive.v[KVMEM_A_MEDIA_BYTES] = 1ULL << 40;
	drive.v[KVMEM_A_MEDIA_PUT_BYTES] = 100;
	drive.v[KVMEM_A_MEDIA_REINSERT_BYTES] = 20;
	drive.v[KVMEM_A_MEDIA_TABLE_BYTES] = 3;
	drive.v[KVMEM_A_MEDIA_HEALTH_USED_PERCENT] = 50;
	drive.told = 1ULL << KVMEM_A_MEDIA_HEALTH_USED_PERCENT;
	state.media = &drive;
	busy.hist.hit_cost[3] = 100;
	busy.hist.hit_cost[63] = 60;
	busy.hist.hit_bytes[63] = 1600;
	state.connected = true;
	strcpy(state.version, "0.1.0");
	state.ns = &busy;
	state.read_ns = 5000000000ULL;
	state.arena[KVMEM_A_ARENA_LIMIT] = UINT64_MAX;
	*l = (struct state_latency){ KVMEM_OP_GET, KVMEM_TIER_DRAM, 2, 0, 4000, 2000, { 0 } };
	l->buckets[40] = 2;
	state.latency[1] = (struct state_latency){ KVMEM_OP_GET, KVMEM_TIER_NONE, 1, 0, 0, 9,
						   { 0 } };
	state.latency[2] = (struct state_latency){ 200, 200, 1, 0, 0, 9, { 0 } };
	state.nr_latency = 3;
}

static json_t *make(void)
{
	char *text = report_json(&state, &costs, 5500000000ULL);
	json_t *root = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;

	free(text);
	return root;
}

static json_t *at(json_t *root, const char *array, size_t i)
{
	return json_array_get(json_object_get(root, array), i);
}

static double number(const json_t *o, const char *name)
{
	return json_number_value(json_object_get(o, name));
}

static bool is_null(const json_t *o, const char *name)
{
	return json_is_null(json_object_get(o, name));
}

static void document(void)
{
	json_t *root, *ns, *o;

	set_up();
	root = make();
	CHECK(root);
	CHECK(number(root, "format") == 1 && number(root, "age_s") == 0.5);
	o = json_object_get(root, "module");
	CHECK(json_is_true(json_object_get(o, "connected")));
	CHECK(json_integer_value(json_object_get(json_object_get(o, "arena"),
						 "limit_bytes")) == INT64_MAX);
	o = json_object_get(root, "costs");
	CHECK(number(o, "prefill_tokens_per_second") == 9000 && is_null(o, "bytes_per_token"));
	CHECK_EQ(json_array_size(json_object_get(root, "media")), 1);
	o = at(root, "media", 0);
	CHECK(!strcmp(json_string_value(json_object_get(o, "state")), "live"));
	CHECK(number(o, "used_percent") == 50 && is_null(o, "life_days"));
	CHECK(number(o, "reinsert_bytes") == 20 && number(o, "bytes") == 1099511627776.0);
	ns = at(root, "namespaces", 0);
	CHECK(number(ns, "id") == 7 && number(ns, "hit_rate") == 0.75);
	CHECK(number(json_object_get(ns, "counters"), "miss_evicted") == 5);
	CHECK(number(json_object_get(ns, "saved"), "tokens") == 160);
	o = json_object_get(ns, "flash");
	CHECK(!strcmp(json_string_value(json_object_get(o, "mode")), "back"));
	CHECK(number(o, "blocks") == 2 && number(o, "bytes") == 8000);
	o = json_object_get(ns, "policy");
	CHECK(!strcmp(json_string_value(json_object_get(o, "name")), "adaptive"));
	CHECK(json_is_true(json_object_get(o, "fallback")) && number(o, "fallbacks") == 2);
	CHECK(number(o, "hit_rate") == 0.5 && number(o, "sample_one_in") == 128);
	CHECK_EQ(json_array_size(json_object_get(ns, "curve")), 2);
	CHECK(is_null(at(ns, "curve", 0), "policy"));
	CHECK(number(at(ns, "curve", 1), "policy") == 0.625);
	ns = at(root, "namespaces", 1);
	CHECK(is_null(ns, "policy") && is_null(ns, "hit_rate"));
	CHECK_EQ(json_array_size(json_object_get(ns, "curve")), 0);
	json_decref(root);
}

static void times(void)
{
	json_t *root, *o;

	set_up();
	root = make();
	/* What no name is known for is left out. */
	CHECK_EQ(json_array_size(json_object_get(root, "latency")), 2);
	o = at(root, "latency", 0);
	CHECK(!strcmp(json_string_value(json_object_get(o, "tier")), "dram"));
	CHECK(number(o, "bytes_per_second") == 2e9 && number(o, "mean_ns") == 1000);
	/* Bucket 40 is from 2048 ns, 512 wide. */
	CHECK(number(o, "p50_ns") == 2048 + 128 && number(o, "p99_ns") == 2048 + 384);
	CHECK(is_null(at(root, "latency", 1), "bytes_per_second"));
	json_decref(root);
}

static void nothing_known(void)
{
	struct report_costs cut = { 0, 0, 0, "EU\xe2\x82" };
	struct policy fresh = { .state = { .kind = POLICY_LRU, .real = NAN, .lru = NAN } };
	json_t *root, *ns;
	char *text;

	set_up();
	text = report_json(&(struct state){ 0 }, &cut, 1);
	root = json_loads(text, 0, NULL);
	free(text);
	CHECK(root && is_null(root, "age_s"));
	CHECK(json_is_false(json_object_get(json_object_get(root, "module"), "connected")));
	CHECK(!strcmp(json_string_value(json_object_get(json_object_get(root, "costs"),
							"currency")), "?"));
	json_decref(root);
	busy.policy = &fresh;
	root = make();
	ns = at(root, "namespaces", 0);
	CHECK(is_null(json_object_get(ns, "policy"), "hit_rate"));
	CHECK(number(json_object_get(ns, "policy"), "sample_one_in") == 0);
	json_decref(root);
}

/* What is written here is what kvmemctl reads. */
static void read_back(void)
{
	struct advice_media media;
	struct advice_node node;
	struct advice_ns ns;
	json_t *root;

	set_up();
	root = make();
	CHECK_EQ(advice_read_ns(at(root, "namespaces", 0), &ns), 0);
	CHECK(ns.id == 7 && !strcmp(ns.name, "llama") && !strcmp(ns.policy, "adaptive"));
	CHECK(ns.fallback && ns.one_in == 128 && ns.sampled_uses == 4000);
	CHECK(ns.capacity == 2 << 20 && ns.used == 1 << 20);
	CHECK(ns.live_blocks == 4 && ns.data_bytes == 1 << 19);
	CHECK(ns.saved_tokens == 160 && ns.saved_bytes == 1600);
	CHECK(ns.total.hits == 30 && ns.total.misses == 10);
	CHECK(ns.nr_points == 2 && ns.curve[1].policy == 0.625);
	advice_read_node(root, &node);
	CHECK(node.prefill == 9000 && isnan(node.bytes_per_token) && node.get_speed == 2e9);
	CHECK(node.gpu_cost_per_hour == 2.5 && !strcmp(node.currency, "EUR"));
	CHECK(isnan(node.put_speed));
	CHECK(!strcmp(ns.flash_mode, "back") && ns.flash_quota == 9000 && ns.flash_used == 8000);
	CHECK_EQ(advice_read_media(root, &media, 1), 1);
	CHECK(media.id == 3 && media.usable && media.written == 123 && media.used == 0.5);
	CHECK(isnan(media.device_written));
	json_decref(root);
}

static const struct ktap_test tests[] = {
	{ "document", document }, { "times", times }, { "nothing known", nothing_known },
	{ "read back", read_back },
};

KTAP_MAIN(tests)
