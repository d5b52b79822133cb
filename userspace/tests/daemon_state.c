// SPDX-License-Identifier: GPL-2.0
/* kvmemd: what the kernel says, and what it would never say. */
#include <errno.h>
#include <netlink/genl/genl.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/state_parse.h"
#include "ktap.h"

static struct state state;
static struct nlattr *tb[KVMEM_A_MAX + 1];
static struct knl_msg m;
static struct nl_msg *msg;

static struct nl_msg *start(int cmd)
{
	nlmsg_free(msg);
	msg = knl_request(cmd);
	return msg;
}

static const struct knl_msg *parsed(void)
{
	return knl_parse(msg, tb, &m) ? NULL : &m;
}

static void finish(void)
{
	nlmsg_free(msg);
	msg = NULL;
	state_clear(&state);
}

/* --- attributes --- */

static void attributes(void)
{
	char text[4] = "xyz";
	uint8_t u8 = 9, four[4];
	uint16_t u16 = 9;
	uint32_t u32 = 9;
	uint64_t u64 = 9;

	start(KVMEM_CMD_NS_GET);
	nla_put(msg, KVMEM_A_ID, 3, "abc");
	nla_put(msg, KVMEM_A_MODE, 0, NULL);
	nla_put(msg, KVMEM_A_NAME, 5, "abcde");
	nla_put(msg, KVMEM_A_QUOTA_BYTES, 4, "abcd");
	nla_put(msg, KVMEM_A_UID, 8, "\1\0\0\0\2\0\0\0");
	CHECK(parsed());
	CHECK(!knl_get_u32(tb[KVMEM_A_ID], &u32));
	CHECK(!knl_get_u16(tb[KVMEM_A_MODE], &u16));
	CHECK(!knl_get_u8(tb[KVMEM_A_MODE], &u8));
	CHECK(!knl_get_u64(tb[KVMEM_A_QUOTA_BYTES], &u64));
	CHECK(!knl_get_u64(NULL, &u64));
	CHECK(!knl_get_binary(tb[KVMEM_A_NAME], four, sizeof(four)));
	CHECK_EQ(u8 + u16 + u32 + u64, 36);
	CHECK(knl_get_u32(tb[KVMEM_A_UID], &u32));
	CHECK_EQ(u32, 1);
	CHECK(knl_get_binary(tb[KVMEM_A_QUOTA_BYTES], four, sizeof(four)));
	CHECK(!memcmp(four, "abcd", 4));
	/* No byte of 0 in it, and too long */
	CHECK(knl_get_string(tb[KVMEM_A_NAME], text, sizeof(text)));
	CHECK(!strcmp(text, "abc"));
	CHECK(!knl_get_string(NULL, text, sizeof(text)));
	finish();
}

/* --- namespaces --- */

static void namespaces(void)
{
	struct nlattr *nest;

	start(KVMEM_CMD_NS_GET);
	knl_put_u32(msg, KVMEM_A_ID, 7);
	knl_put_string(msg, KVMEM_A_NAME, "seven");
	knl_put_u64(msg, KVMEM_A_USED_BYTES, 1ULL << 40);
	nest = nla_nest_start(msg, KVMEM_A_STATS);
	knl_put_u64(msg, KVMEM_A_STATS_HITS, 3);
	knl_put_u64(msg, KVMEM_A_STATS_MISS_EXPIRED, 4);
	nla_nest_end(msg, nest);
	CHECK_EQ(state_parse_ns(&state, parsed()), 0);
	CHECK(state.ns && state.ns->seen);
	CHECK(!strcmp(state.ns->name, "seven"));
	CHECK_EQ(state.ns->used_bytes, 1LL << 40);
	CHECK_EQ(state.ns->stats.v[KVMEM_A_STATS_HITS], 3);
	CHECK_EQ(state.ns->stats.v[KVMEM_A_STATS_MISS_EXPIRED], 4);
	/* The same again is no second one, and the order is that of ids. */
	CHECK_EQ(state_parse_ns(&state, parsed()), 0);
	CHECK(!state.ns->next);
	start(KVMEM_CMD_NS_GET);
	knl_put_u32(msg, KVMEM_A_ID, 3);
	knl_put_string(msg, KVMEM_A_NAME, "three");
	CHECK_EQ(state_parse_ns(&state, parsed()), 0);
	CHECK_EQ(state.ns->id, 3);
	CHECK_EQ(state.ns->next->id, 7);
	CHECK(state_find_ns_by_name(&state, "three") == state_find_ns(&state, 3));
	finish();
}

static void bad_namespaces(void)
{
	start(KVMEM_CMD_NS_GET);
	CHECK_EQ(state_parse_ns(&state, parsed()), -EBADMSG);
	knl_put_string(msg, KVMEM_A_NAME, "x");
	CHECK_EQ(state_parse_ns(&state, parsed()), -EBADMSG);
	knl_put_u32(msg, KVMEM_A_ID, 0);
	CHECK_EQ(state_parse_ns(&state, parsed()), -EBADMSG);
	start(KVMEM_CMD_NS_GET);
	knl_put_u32(msg, KVMEM_A_ID, 1);
	knl_put_string(msg, KVMEM_A_NAME, "");
	CHECK_EQ(state_parse_ns(&state, parsed()), -EBADMSG);
	CHECK_EQ(state_parse_pool(&state, parsed()), -EBADMSG);
	CHECK(!state.ns && !state.pools);
	finish();
}

/* --- the module --- */

static void module(void)
{
	struct nlattr *nest;

	start(KVMEM_CMD_STATS_GET);
	CHECK_EQ(state_parse_stats(&state, parsed()), -EBADMSG);
	knl_put_string(msg, KVMEM_A_VERSION,
		       "a version that is longer than what there is room for in the state");
	nest = nla_nest_start(msg, KVMEM_A_ARENA);
	knl_put_u64(msg, KVMEM_A_ARENA_TARGET, 5);
	knl_put_u32(msg, KVMEM_A_ARENA_FLOOR, 6);
	nla_nest_end(msg, nest);
	CHECK_EQ(state_parse_stats(&state, parsed()), 0);
	CHECK_EQ(strlen(state.version), sizeof(state.version) - 1);
	CHECK_EQ(state.arena[KVMEM_A_ARENA_TARGET], 5);
	CHECK_EQ(state.arena[KVMEM_A_ARENA_FLOOR], 0);
	finish();
}

static void put_latency(size_t buckets)
{
	uint64_t counts[KVMEM_NL_LAT_BUCKETS] = { 0 };
	struct nlattr *nest;

	start(KVMEM_CMD_LATENCY_GET);
	nest = nla_nest_start(msg, KVMEM_A_LATENCY);
	knl_put_u32(msg, KVMEM_A_LAT_OPCODE, 1);
	knl_put_u32(msg, KVMEM_A_LAT_TIER, 0);
	nla_put(msg, KVMEM_A_LAT_BUCKETS, (int)buckets, counts);
	nla_nest_end(msg, nest);
}

static void latencies(void)
{
	int i;

	put_latency(8);
	CHECK_EQ(state_parse_latency(&state, parsed()), -EBADMSG);
	put_latency(KVMEM_NL_LAT_BUCKETS * 8);
	for (i = 0; i < STATE_MAX_LATENCY; i++)
		CHECK_EQ(state_parse_latency(&state, parsed()), 0);
	CHECK_EQ(state_parse_latency(&state, parsed()), -EBADMSG);
	CHECK_EQ(state.nr_latency, STATE_MAX_LATENCY);
	finish();
}

/* --- histograms and tables --- */

static void put_hist(uint32_t class, size_t row)
{
	uint64_t ages[KVMEM_NL_NR_AGES] = { 1 };
	struct nlattr *nest;

	start(KVMEM_CMD_HIST_GET);
	knl_put_u32(msg, KVMEM_A_ID, 1);
	nest = nla_nest_start(msg, KVMEM_A_HIST);
	knl_put_u32(msg, KVMEM_A_HIST_CLASS, class);
	nla_put(msg, KVMEM_A_HIST_HITS, (int)row, ages);
	nla_put(msg, KVMEM_A_HIST_EVICTIONS, sizeof(ages), ages);
	nla_put(msg, KVMEM_A_HIST_GHOST_HITS, sizeof(ages), ages);
	nla_nest_end(msg, nest);
}

static void histograms(void)
{
	struct policy_hist *hist = calloc(1, sizeof(*hist));
	uint32_t id = 0;
	int good, far, small;

	put_hist(63, 256);
	good = state_parse_hist(hist, parsed(), &id);
	put_hist(64, 256);
	far = state_parse_hist(hist, parsed(), &id);
	put_hist(0, 248);
	small = state_parse_hist(hist, parsed(), &id);
	finish();
	CHECK_EQ(good, 0);
	CHECK_EQ(id, 1);
	CHECK_EQ(hist->ghost_hits[63][0], 1);
	CHECK_EQ(far, -EBADMSG);
	CHECK_EQ(small, -EBADMSG);
	free(hist);
}

static void put_row(uint32_t class, size_t len)
{
	uint16_t values[KVMEM_NL_NR_AGES] = { 5 };
	struct nlattr *nest = nla_nest_start(msg, KVMEM_A_VALUE_TABLE);

	knl_put_u32(msg, KVMEM_A_VALUES_CLASS, class);
	nla_put(msg, KVMEM_A_VALUES_VALUES, (int)len, values);
	nla_nest_end(msg, nest);
}

static void tables(void)
{
	struct parsed_table table;

	start(KVMEM_CMD_TABLE_GET);
	CHECK_EQ(state_parse_table(&table, parsed()), -EBADMSG);
	knl_put_u32(msg, KVMEM_A_ID, 2);
	put_row(3, 64);
	put_row(63, 64);
	knl_put_u8(msg, KVMEM_A_HINTED, 1);
	CHECK_EQ(state_parse_table(&table, parsed()), 0);
	CHECK_EQ(table.have, 1ULL << 63 | 8);
	CHECK_EQ(table.out.value[63][0], 5);
	CHECK(table.hinted);
	put_row(64, 64);
	CHECK_EQ(state_parse_table(&table, parsed()), -EBADMSG);
	start(KVMEM_CMD_TABLE_GET);
	knl_put_u32(msg, KVMEM_A_ID, 2);
	put_row(3, 62);
	CHECK_EQ(state_parse_table(&table, parsed()), -EBADMSG);
	finish();
}

/* A nest whose first attribute claims to be longer than the nest */
static void bad_nests(void)
{
	struct nlattr bad = { .nla_len = 400, .nla_type = KVMEM_A_ARENA_TARGET };

	start(KVMEM_CMD_STATS_GET);
	nla_put(msg, KVMEM_A_ARENA, sizeof(bad), &bad);
	CHECK_EQ(state_parse_stats(&state, parsed()), 0);
	CHECK_EQ(state.arena[KVMEM_A_ARENA_TARGET], 0);
	start(KVMEM_CMD_NS_GET);
	knl_put_u32(msg, KVMEM_A_ID, 1);
	knl_put_string(msg, KVMEM_A_NAME, "n");
	nla_put(msg, KVMEM_A_STATS, 2, &bad);
	CHECK_EQ(state_parse_ns(&state, parsed()), 0);
	CHECK_EQ(state.ns->stats.v[KVMEM_A_STATS_HITS], 0);
	finish();
}

static void put_media(uint32_t id, bool nest)
{
	struct nlattr *at;

	start(KVMEM_CMD_MEDIA_GET);
	knl_put_u32(msg, KVMEM_A_ID, id);
	knl_put_string(msg, KVMEM_A_NAME, id == 2 ? "two" : "one");
	knl_put_u8(msg, KVMEM_A_STATE, KVMEM_MEDIA_STATE_FAILED);
	if (!nest)
		return;
	at = nla_nest_start(msg, KVMEM_A_MEDIA);
	knl_put_string(msg, KVMEM_A_MEDIA_LABEL, "eight ch");
	knl_put_string(msg, KVMEM_A_MEDIA_BACKEND, "bdev");
	knl_put_u32(msg, KVMEM_A_MEDIA_SEGMENTS_BAD, 3);
	knl_put_u64(msg, KVMEM_A_MEDIA_BUDGET_TOKENS, (uint64_t)-5);
	knl_put_u16(msg, KVMEM_A_MEDIA_LIFE_DAYS, 9);
	nla_nest_end(msg, at);
}

static void media(void)
{
	const struct state_media *m;

	put_media(2, true);
	CHECK_EQ(state_parse_media(&state, parsed()), 0);
	put_media(1, true);
	CHECK_EQ(state_parse_media(&state, parsed()), 0);
	m = state.media;
	CHECK(m->id == 1 && m->next->id == 2 && !m->next->next);
	CHECK(m == state_find_media_by_name(&state, "one"));
	CHECK(!strcmp(m->backend, "bdev"));
	CHECK_EQ(m->state, KVMEM_MEDIA_STATE_FAILED);
	CHECK_EQ(m->v[KVMEM_A_MEDIA_SEGMENTS_BAD], 3);
	CHECK_EQ((int64_t)m->v[KVMEM_A_MEDIA_BUDGET_TOKENS], -5);
	/* Too short for a number, and text */
	CHECK_EQ(m->v[KVMEM_A_MEDIA_LIFE_DAYS] + m->v[KVMEM_A_MEDIA_LABEL], 0);
	CHECK_EQ(m->told, 1ULL << KVMEM_A_MEDIA_SEGMENTS_BAD |
			  1ULL << KVMEM_A_MEDIA_BUDGET_TOKENS);
	put_media(1, false);
	CHECK_EQ(state_parse_media(&state, parsed()), -EBADMSG);
	put_media(0, true);
	CHECK_EQ(state_parse_media(&state, parsed()), -EBADMSG);
	state_unsee_media(&state);
	put_media(2, true);
	CHECK_EQ(state_parse_media(&state, parsed()), 0);
	state_drop_unseen_media(&state);
	CHECK(state.media->id == 2 && !state.media->next);
	CHECK(!state_media_state_name(99) && !state_flash_mode_name(99));
	finish();
	CHECK(!state.media);
}

static void clearing(void)
{
	start(KVMEM_CMD_POOL_GET);
	knl_put_u32(msg, KVMEM_A_ID, 1);
	knl_put_string(msg, KVMEM_A_NAME, "p");
	CHECK_EQ(state_parse_pool(&state, parsed()), 0);
	CHECK(state_find_pool(&state, 1) == state_find_pool_by_name(&state, "p"));
	state.events_lost = 5;
	state.connected = true;
	state_clear(&state);
	CHECK(!state.pools && !state.connected);
	CHECK_EQ(state.events_lost, 5);
	state.events_lost = 0;
	finish();
}

static const struct ktap_test tests[] = {
	{ "attributes of wrong lengths", attributes },
	{ "namespaces", namespaces },
	{ "namespaces that make no sense", bad_namespaces },
	{ "the module", module },
	{ "latencies", latencies },
	{ "histograms", histograms },
	{ "tables", tables },
	{ "nests that lie about their length", bad_nests },
	{ "media", media },
	{ "clearing", clearing },
};

KTAP_MAIN(tests)
