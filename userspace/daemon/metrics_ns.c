// SPDX-License-Identifier: GPL-2.0
/* Namespaces: what they hold and what happened in them. */
#include <stdio.h>
#include <stddef.h>

#include "daemon/metrics_render.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

typedef uint64_t (*ns_value)(const struct state_ns *ns);

#define FIELD(field) \
static uint64_t get_##field(const struct state_ns *ns) { return ns->field; }

FIELD(used_bytes)
FIELD(data_bytes)
FIELD(pinned_bytes)
FIELD(used_blocks)
FIELD(live_blocks)
FIELD(quota_bytes)
FIELD(quota_blocks)
FIELD(capacity_bytes)
FIELD(nr_files)
FIELD(chunks)
FIELD(flash_blocks)
FIELD(flash_bytes)
FIELD(flash_quota_bytes)

static const struct {
	const char *name, *help;
	ns_value value;
	bool unbound;	/* 0 stands for no bound, and is left out */
} gauges[] = {
	{ "kvmem_namespace_used_bytes", "Memory that blocks take, rounding included.",
	  get_used_bytes, false },
	{ "kvmem_namespace_data_bytes", "Sizes of the readable blocks added up.",
	  get_data_bytes, false },
	{ "kvmem_namespace_pinned_bytes", "Of the blocks, pinned by applications.",
	  get_pinned_bytes, false },
	{ "kvmem_namespace_blocks", "Blocks readable.", get_live_blocks, false },
	{ "kvmem_namespace_allocated_blocks", "Blocks allocated, readable or not.",
	  get_used_blocks, false },
	{ "kvmem_namespace_quota_bytes", "Memory that it may take; absent without a bound.",
	  get_quota_bytes, true },
	{ "kvmem_namespace_quota_blocks", "Blocks that it may have; absent without a bound.",
	  get_quota_blocks, true },
	{ "kvmem_namespace_capacity_bytes",
	  "What it may grow to: its quota, its pool's or the arena.", get_capacity_bytes, true },
	{ "kvmem_namespace_files", "Open files attached.", get_nr_files, false },
	{ "kvmem_namespace_chunks", "Chunks of 2 MiB owned.", get_chunks, false },
	{ "kvmem_namespace_flash_blocks", "Blocks on flash that can be read.",
	  get_flash_blocks, false },
	{ "kvmem_namespace_flash_bytes", "Sizes of them.", get_flash_bytes, false },
	{ "kvmem_namespace_flash_quota_bytes",
	  "Segments that it may have on all media; absent without a bound.",
	  get_flash_quota_bytes, true },
};

static const struct {
	const char *name, *help;
	unsigned int attr;
} counters[] = {
	{ "kvmem_namespace_hits_total", "Keys of GET, LEASE and MATCH found.",
	  KVMEM_A_STATS_HITS },
	{ "kvmem_namespace_misses_total", "Keys of GET, LEASE and MATCH not found.",
	  KVMEM_A_STATS_MISSES },
	{ "kvmem_namespace_puts_total", "Blocks written.", KVMEM_A_STATS_PUTS },
	{ "kvmem_namespace_puts_existed_total",
	  "Blocks not written because their key was there.", KVMEM_A_STATS_EXISTED },
	{ "kvmem_namespace_deletes_total", "Blocks that applications deleted.",
	  KVMEM_A_STATS_DELETES },
	{ "kvmem_namespace_no_space_total", "Operations refused for want of room or quota.",
	  KVMEM_A_STATS_NOSPC },
	{ "kvmem_namespace_ghost_hits_total", "Blocks put again soon after their eviction.",
	  KVMEM_A_STATS_GHOST_HITS },
	{ "kvmem_namespace_peer_hits_total", "Of the hits, blocks that came from a peer.",
	  KVMEM_A_STATS_PEER_HITS },
	{ "kvmem_namespace_peer_misses_total",
	  "Of the misses, those where owners were asked and none had it.",
	  KVMEM_A_STATS_PEER_MISSES },
	{ "kvmem_namespace_peer_puts_total", "Blocks put that at least one owner took.",
	  KVMEM_A_STATS_PEER_PUTS },
	{ "kvmem_namespace_peer_fallbacks_total", "Blocks put that no owner took; they stayed here.",
	  KVMEM_A_STATS_PEER_FALLBACKS },
};

/* A counter for each value of a label */
struct part {
	const char *value;
	unsigned int attr;
};

static const struct part evictions[] = {
	{ "quota", KVMEM_A_STATS_EVICT_QUOTA },
	{ "space", KVMEM_A_STATS_EVICT_SPACE },
	{ "drain", KVMEM_A_STATS_EVICT_DRAIN },
	{ "expired", KVMEM_A_STATS_EVICT_EXPIRED },
	{ "corrupt", KVMEM_A_STATS_EVICT_CORRUPT },
};

/*
 * Without those of keys that never were there: the kernel does not count
 * them, and the difference of counters that are read one after the other may
 * go down a little, which would pass for a restart.  Rules subtract rates.
 */
static const struct part misses[] = {
	{ "evicted", KVMEM_A_STATS_MISS_EVICTED },
	{ "expired", KVMEM_A_STATS_MISS_EXPIRED },
};

static void one_gauge(const struct state *state, struct buffer *b, unsigned int i)
{
	const struct state_ns *ns;
	uint64_t value;

	text_gauge(b, gauges[i].name, gauges[i].help);
	for (ns = state->ns; ns; ns = ns->next) {
		value = gauges[i].value(ns);
		if (value || !gauges[i].unbound)
			text_u64(b, gauges[i].name,
				 LABELS({ "namespace", NAME(ns->name) }), value);
	}
}

static void one_counter(const struct state *state, struct buffer *b, unsigned int i)
{
	const struct state_ns *ns;

	text_counter(b, counters[i].name, counters[i].help);
	for (ns = state->ns; ns; ns = ns->next)
		text_u64(b, counters[i].name,
			 LABELS({ "namespace", NAME(ns->name) }),
			 ns->stats.v[counters[i].attr]);
}

static void by_reason(const struct state *state, struct buffer *b, const char *name,
		      const struct part *parts, size_t n)
{
	const struct state_ns *ns;
	size_t i;

	for (ns = state->ns; ns; ns = ns->next)
		for (i = 0; i < n; i++)
			text_u64(b, name,
				 LABELS({ "namespace", NAME(ns->name) },
					{ "reason", parts[i].value }),
				 ns->stats.v[parts[i].attr]);
}

/* The kernel does not tell bytes committed from bytes leased. */
static void transferred(const struct state *state, struct buffer *b)
{
	static const struct {
		const char *path, *direction;
		unsigned int attr;
	} ways[] = {
		{ "copied", "in", KVMEM_A_STATS_COPIED_IN },
		{ "copied", "out", KVMEM_A_STATS_COPIED_OUT },
		{ "zero_copy", "any", KVMEM_A_STATS_ZERO_COPY },
		{ "bounced", "any", KVMEM_A_STATS_BOUNCED },
	};
	const char *name = "kvmem_namespace_transferred_bytes_total";
	const struct state_ns *ns;
	unsigned int i;

	text_counter(b, name,
		     "Bytes put and got by copying, and bytes committed and leased without.");
	for (ns = state->ns; ns; ns = ns->next)
		for (i = 0; i < COUNT(ways); i++)
			text_u64(b, name,
				 LABELS({ "namespace", NAME(ns->name) },
					{ "path", ways[i].path },
					{ "direction", ways[i].direction }),
				 ns->stats.v[ways[i].attr]);
}

static struct metrics_name pool_of(const struct state *state, const struct state_ns *ns)
{
	const struct state_pool *pool;

	for (pool = state->pools; ns->pool_id && pool; pool = pool->next)
		if (pool->id == ns->pool_id)
			return metrics_name(pool->name, sizeof(pool->name));
	return metrics_name("", 0);
}

/* What is constant, to be joined with the others: it would only widen them. */
static void info(const struct state *state, struct buffer *b)
{
	const struct state_ns *ns;
	char id[16], uid[16], gid[16], mode[16];

	text_gauge(b, "kvmem_namespace_info", "Who a namespace is.");
	for (ns = state->ns; ns; ns = ns->next) {
		snprintf(id, sizeof(id), "%u", ns->id);
		snprintf(uid, sizeof(uid), "%u", ns->uid);
		snprintf(gid, sizeof(gid), "%u", ns->gid);
		snprintf(mode, sizeof(mode), "%04o", ns->mode);
		text_u64(b, "kvmem_namespace_info",
			 LABELS({ "namespace", NAME(ns->name) }, { "id", id },
				{ "uid", uid }, { "gid", gid }, { "mode", mode },
				{ "pool", pool_of(state, ns).s }), 1);
	}
}

static void flash_modes(const struct state *state, struct buffer *b)
{
	const struct state_ns *ns;
	unsigned int i;

	text_gauge(b, "kvmem_namespace_flash_mode",
		   "1 for which blocks are written to flash: none, as they are put, or those about to leave DRAM.");
	for (ns = state->ns; ns; ns = ns->next)
		for (i = 0; state_flash_mode_name(i); i++)
			text_u64(b, "kvmem_namespace_flash_mode",
				 LABELS({ "namespace", NAME(ns->name) },
					{ "mode", state_flash_mode_name(i) }),
				 ns->flash_mode == i);
}

void metrics_namespaces(const struct state *state, struct buffer *b)
{
	unsigned int i;

	if (!state->ns)
		return;
	info(state, b);
	for (i = 0; i < COUNT(gauges); i++)
		one_gauge(state, b, i);
	for (i = 0; i < COUNT(counters); i++)
		one_counter(state, b, i);
	text_counter(b, "kvmem_namespace_miss_reasons_total",
		     "Of the misses, those of keys evicted not long before, and of blocks whose time was over.");
	by_reason(state, b, "kvmem_namespace_miss_reasons_total", misses, COUNT(misses));
	text_counter(b, "kvmem_namespace_evictions_total",
		     "Blocks dropped: to stay within a quota, because the arena was full, because their chunk was wanted, because their time was over, because their checksum did not match.");
	by_reason(state, b, "kvmem_namespace_evictions_total", evictions, COUNT(evictions));
	transferred(state, b);
	flash_modes(state, b);
}
