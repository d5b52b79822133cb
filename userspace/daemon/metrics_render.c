// SPDX-License-Identifier: GPL-2.0
/*
 * The module as a whole, its arena and its pools.
 *
 * All samples of a metric follow each other, so namespaces are walked once a
 * metric.  Everything that can be 0 is exported as 0 from the start: a rate
 * over a series that comes into being with its first event misses that event.
 */
#include <string.h>

#include "daemon/metrics.h"
#include "daemon/metrics_render.h"

struct metrics_name metrics_name(const char *name, size_t size)
{
	struct metrics_name n = { .s = "" };

	if (size > STATE_NAME_LEN)
		size = STATE_NAME_LEN;
	memcpy(n.s, name, strnlen(name, size));
	return n;
}

static void render_module(const struct state *state, struct buffer *b)
{
	struct buffer abi;

	buffer_init(&abi, 32);
	buffer_u64(&abi, state->abi_version);
	buffer_put(&abi, "", 1);
	text_gauge(b, "kvmem_module_info", "The kernel module that is loaded.");
	if (!abi.failed)
		text_u64(b, "kvmem_module_info",
			 LABELS({ "version", NAME(state->version) },
				{ "abi_version", abi.data }), 1);
	buffer_free(&abi);
	text_gauge_u64(b, "kvmem_open_files", "Open files of /dev/kvmem.", state->open_files);
	text_gauge_u64(b, "kvmem_namespaces", "Namespaces.", state->nr_namespaces);
	text_gauge_u64(b, "kvmem_quiesced",
		       "1 while the module refuses new work so that it can be unloaded.",
		       state->quiesced);
}

/* Figures of the arena are read at once, and agree; hostile ones may not. */
static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static void render_arena(const struct state *state, struct buffer *b)
{
	const uint64_t *a = state->arena;
	const char *name = "kvmem_arena_bytes";

	text_gauge(b, name,
		   "Memory held from the system: owned by namespaces, free, or empty but still referenced by somebody else.");
	text_u64(b, name, LABELS({ "state", "used" }),
		 minus(minus(a[KVMEM_A_ARENA_ALLOCATED], a[KVMEM_A_ARENA_FREE]),
		       a[KVMEM_A_ARENA_QUARANTINED]));
	text_u64(b, name, LABELS({ "state", "free" }), a[KVMEM_A_ARENA_FREE]);
	text_u64(b, name, LABELS({ "state", "quarantined" }), a[KVMEM_A_ARENA_QUARANTINED]);
	text_gauge_u64(b, "kvmem_arena_target_bytes", "Size that the administrator asked for.",
		       a[KVMEM_A_ARENA_TARGET]);
	text_gauge_u64(b, "kvmem_arena_limit_bytes",
		       "Size that is allowed now: the target, lowered by memory pressure.",
		       a[KVMEM_A_ARENA_LIMIT]);
	text_gauge_u64(b, "kvmem_arena_floor_bytes",
		       "Memory pressure never lowers the limit below.", a[KVMEM_A_ARENA_FLOOR]);
	text_gauge_u64(b, "kvmem_arena_huge_bytes",
		       "Of the memory held, physically contiguous in huge pages.",
		       a[KVMEM_A_ARENA_HUGE]);
}

static void render_watermark(const struct state *state, struct buffer *b)
{
	static const char * const names[] = {
		[KVMEM_WATERMARK_ROOM] = "room",
		[KVMEM_WATERMARK_FULL] = "full",
		[KVMEM_WATERMARK_PRESSURE] = "pressure",
	};
	unsigned int i;

	text_gauge(b, "kvmem_arena_watermark",
		   "1 for how full the arena is: it has room, is full and evicts, or memory pressure lowered its limit.");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		text_u64(b, "kvmem_arena_watermark", LABELS({ "watermark", names[i] }),
			 state->watermark == i);
}

/* --- pools --- */

typedef uint64_t (*pool_value)(const struct state_pool *pool);

#define FIELD(field) \
static uint64_t pool_##field(const struct state_pool *pool) { return pool->field; }

FIELD(used_bytes)
FIELD(used_blocks)
FIELD(quota_bytes)
FIELD(quota_blocks)
FIELD(nr_namespaces)
FIELD(share)

static const struct {
	const char *name, *help;
	pool_value value;
	bool unbound;	/* 0 stands for no bound, and is left out */
} pool_metrics[] = {
	{ "kvmem_pool_used_bytes", "Memory that members of the pool take, rounding included.",
	  pool_used_bytes, false },
	{ "kvmem_pool_blocks", "Blocks of members of the pool.", pool_used_blocks, false },
	{ "kvmem_pool_quota_bytes", "Memory that they may take; absent without a bound.",
	  pool_quota_bytes, true },
	{ "kvmem_pool_quota_blocks", "Blocks that they may have; absent without a bound.",
	  pool_quota_blocks, true },
	{ "kvmem_pool_namespaces", "Members of the pool.", pool_nr_namespaces, false },
	{ "kvmem_pool_shared", "1 when members may evict each other's blocks.",
	  pool_share, false },
};

static void render_pools(const struct state *state, struct buffer *b)
{
	const struct state_pool *pool;
	uint64_t value;
	unsigned int i;

	if (!state->pools)
		return;
	for (i = 0; i < sizeof(pool_metrics) / sizeof(pool_metrics[0]); i++) {
		text_gauge(b, pool_metrics[i].name, pool_metrics[i].help);
		for (pool = state->pools; pool; pool = pool->next) {
			value = pool_metrics[i].value(pool);
			if (value || !pool_metrics[i].unbound)
				text_u64(b, pool_metrics[i].name,
					 LABELS({ "pool", NAME(pool->name) }), value);
		}
	}
}

/* --- the daemon's own --- */

static void render_costs(const struct report_costs *costs, struct buffer *b)
{
	if (costs->prefill_tokens_per_second > 0)
		text_gauge_double(b, "kvmem_cost_prefill_tokens_per_second",
				  "Configured: tokens that the node computes in a second.",
				  costs->prefill_tokens_per_second);
	if (costs->bytes_per_token > 0)
		text_gauge_double(b, "kvmem_cost_token_bytes",
				  "Configured: size of the KV cache of a token.",
				  costs->bytes_per_token);
	if (costs->gpu_cost_per_hour > 0) {
		text_gauge(b, "kvmem_cost_gpu_per_hour",
			   "Configured: what an hour of the GPUs that compute costs.");
		text_double(b, "kvmem_cost_gpu_per_hour",
			    LABELS({ "currency", NAME(costs->currency) }), costs->gpu_cost_per_hour);
	}
}

/* Of the daemon, not of the kernel: they go on while the module is gone. */
static void render_events(const struct state *state, struct buffer *b)
{
	text_counter_u64(b, "kvmem_daemon_events_lost_total",
			 "Messages of the kernel that the daemon was too slow to take.",
			 state->events_lost);
	text_counter_u64(b, "kvmem_daemon_corruption_events_total",
			 "Events that told of a block which failed its checksum.",
			 state->corrupt_events);
	text_counter_u64(b, "kvmem_daemon_samples_total", "Sampled accesses that the kernel told.",
			 state->samples);
	text_counter_u64(b, "kvmem_daemon_samples_lost_total",
			 "Sampled accesses that the kernel dropped because too many came.",
			 state->samples_lost);
}

void metrics_render(const struct state *state, const struct report_costs *costs,
		    struct buffer *out)
{
	text_gauge_u64(out, "kvmem_up", "1 while the kernel module is loaded and answers.",
		       state->connected);
	render_costs(costs, out);
	render_events(state, out);
	/* Better no figures than those of before the module went. */
	if (!state->connected)
		return;
	render_module(state, out);
	render_arena(state, out);
	render_watermark(state, out);
	render_pools(state, out);
	metrics_namespaces(state, out);
	metrics_classes(state, out);
	metrics_savings(state, costs, out);
	metrics_policies(state, out);
	metrics_operations(state, out);
	metrics_media(state, out);
	metrics_peers(state, out);
}
