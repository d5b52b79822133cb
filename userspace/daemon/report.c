// SPDX-License-Identifier: GPL-2.0
#include <jansson.h>
#include <math.h>

#include "common/latency.h"
#include "daemon/policy.h"
#include "daemon/report.h"
#include "daemon/state.h"

#define FORMAT		1	/* of the document; see docs/report.md */
#define MAX_POINTS	256

/* Counters by the names that kvmemctl gives them */
static const struct {
	const char *name;
	int attr;
} counters[] = {
	{ "hits", KVMEM_A_STATS_HITS },
	{ "misses", KVMEM_A_STATS_MISSES },
	{ "miss_evicted", KVMEM_A_STATS_MISS_EVICTED },
	{ "miss_expired", KVMEM_A_STATS_MISS_EXPIRED },
	{ "puts", KVMEM_A_STATS_PUTS },
	{ "existed", KVMEM_A_STATS_EXISTED },
	{ "deletes", KVMEM_A_STATS_DELETES },
	{ "no_space", KVMEM_A_STATS_NOSPC },
	{ "copied_in_bytes", KVMEM_A_STATS_COPIED_IN },
	{ "copied_out_bytes", KVMEM_A_STATS_COPIED_OUT },
	{ "zero_copy_bytes", KVMEM_A_STATS_ZERO_COPY },
	{ "bounced_bytes", KVMEM_A_STATS_BOUNCED },
	{ "ghost_hits", KVMEM_A_STATS_GHOST_HITS },
	{ "evict_quota", KVMEM_A_STATS_EVICT_QUOTA },
	{ "evict_space", KVMEM_A_STATS_EVICT_SPACE },
	{ "evict_drain", KVMEM_A_STATS_EVICT_DRAIN },
	{ "evict_expired", KVMEM_A_STATS_EVICT_EXPIRED },
	{ "evict_corrupt", KVMEM_A_STATS_EVICT_CORRUPT },
};

/* --- numbers --- */

static json_int_t integer(uint64_t v)
{
	return v > INT64_MAX ? INT64_MAX : (json_int_t)v;
}

/* JSON has neither infinity nor NaN: what is not known is null. */
static json_t *real(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *ratio(double part, double whole)
{
	return real(whole > 0 ? part / whole : NAN);
}

static json_t *configured(double v)
{
	return real(v > 0 ? v : NAN);
}

/* A configured currency may have been cut inside of a character. */
static json_t *text_json(const char *s)
{
	json_t *v = json_string(s);

	return v ? v : json_string("?");
}

/* --- of a namespace --- */

static json_t *policy_json(const struct state_ns *ns)
{
	struct policy_state p = { 0 };
	bool sampled;

	if (!ns->policy)
		return json_null();
	policy_get_state(ns->policy, &p);
	sampled = p.refs > 0;
	return json_pack("{s:s*, s:b, s:I, s:I, s:I, s:o, s:o, s:o}",
			 "name", policy_kind_name(p.kind),
			 "fallback", p.fallback,
			 "fallbacks", integer(p.fallbacks),
			 "table_pushes", integer(ns->table_pushes),
			 "sample_one_in", (json_int_t)p.one_in,
			 "sampled_uses", real(p.refs),
			 "hit_rate", real(sampled ? p.real : NAN),
			 "lru_hit_rate", real(sampled ? p.lru : NAN));
}

static json_t *curve_json(const struct state_ns *ns)
{
	struct policy_point points[MAX_POINTS];
	json_t *array = json_array();
	size_t n, i;

	n = ns->policy ? policy_curve(ns->policy, points, MAX_POINTS) : 0;
	for (i = 0; i < n; i++)
		if (json_array_append_new(array, json_pack("{s:I, s:o, s:o}",
				"capacity_bytes", integer(points[i].capacity_bytes),
				"lru", real(points[i].lru),
				"policy", real(points[i].policy))))
			break;
	if (i == n)
		return array;
	json_decref(array);
	return NULL;
}

static json_t *counters_json(const struct state_stats *stats)
{
	json_t *o = json_object();
	size_t i;

	for (i = 0; i < sizeof(counters) / sizeof(*counters); i++)
		if (json_object_set_new(o, counters[i].name,
					json_integer(integer(stats->v[counters[i].attr])))) {
			json_decref(o);
			return NULL;
		}
	return o;
}

/* What applications said that the blocks cost which were used */
static json_t *tokens_json(const struct policy_hist *hist)
{
	uint64_t cost = 0, bytes = 0;
	unsigned int class;

	for (class = 0; class < KVMEM_NL_NR_CLASSES; class++) {
		cost += hist->hit_cost[class];
		bytes += hist->hit_bytes[class];
	}
	return json_pack("{s:I, s:I}", "tokens", integer(cost), "bytes", integer(bytes));
}

/* One level below the rest: json_pack() takes them in one piece. */
static json_t *flash_json(const struct state_ns *ns)
{
	const char *mode = state_flash_mode_name(ns->flash_mode);

	return json_pack("{s:s, s:I, s:I, s:I}", "mode", mode ? mode : "?",
			 "quota_bytes", integer(ns->flash_quota_bytes),
			 "blocks", integer(ns->flash_blocks),
			 "bytes", integer(ns->flash_bytes));
}

static json_t *ns_json(const struct state_ns *ns)
{
	const uint64_t *v = ns->stats.v;
	double hits = (double)v[KVMEM_A_STATS_HITS];

	return json_pack("{s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:o, s:o, "
			 "s:o, s:o, s:o, s:o}",
			 "id", (json_int_t)ns->id, "name", text_json(ns->name),
			 "quota_bytes", integer(ns->quota_bytes),
			 "quota_blocks", integer(ns->quota_blocks),
			 "capacity_bytes", integer(ns->capacity_bytes),
			 "used_bytes", integer(ns->used_bytes),
			 "used_blocks", integer(ns->used_blocks),
			 "live_blocks", integer(ns->live_blocks),
			 "data_bytes", integer(ns->data_bytes),
			 "pinned_bytes", integer(ns->pinned_bytes),
			 "hinted", ns->hinted,
			 "hit_rate", ratio(hits, hits + (double)v[KVMEM_A_STATS_MISSES]),
			 "flash", flash_json(ns),
			 "policy", policy_json(ns),
			 "saved", tokens_json(&ns->hist),
			 "counters", counters_json(&ns->stats),
			 "curve", curve_json(ns));
}

static json_t *namespaces_json(const struct state *state)
{
	json_t *array = json_array();
	const struct state_ns *ns;

	for (ns = state->ns; ns; ns = ns->next)
		if (json_array_append_new(array, ns_json(ns))) {
			json_decref(array);
			return NULL;
		}
	return array;
}

/* --- of media --- */

/* null: the device does not tell */
static json_t *told(const struct state_media *m, unsigned int attr)
{
	return m->told >> attr & 1 ? json_integer(integer(m->v[attr])) : json_null();
}

static json_t *one_media_json(const struct state_media *m)
{
	const char *name = state_media_state_name(m->state);
	const uint64_t *v = m->v;

	return json_pack("{s:I, s:o, s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}",
			 "id", (json_int_t)m->id, "name", text_json(m->name),
			 "path", text_json(m->path), "state", name ? name : "?",
			 "bytes", integer(v[KVMEM_A_MEDIA_BYTES]),
			 "live_bytes", integer(v[KVMEM_A_MEDIA_LIVE_BYTES]),
			 "blocks", integer(v[KVMEM_A_MEDIA_BLOCKS]),
			 "write_budget_bytes_per_day", integer(m->write_budget),
			 "put_bytes", integer(v[KVMEM_A_MEDIA_PUT_BYTES]),
			 "reinsert_bytes", integer(v[KVMEM_A_MEDIA_REINSERT_BYTES]),
			 "table_bytes", integer(v[KVMEM_A_MEDIA_TABLE_BYTES]),
			 "used_percent", told(m, KVMEM_A_MEDIA_HEALTH_USED_PERCENT),
			 "device_written_bytes", told(m, KVMEM_A_MEDIA_HEALTH_WRITTEN_BYTES),
			 "life_days", told(m, KVMEM_A_MEDIA_LIFE_DAYS));
}

static json_t *media_json(const struct state *state)
{
	json_t *array = json_array();
	const struct state_media *m;

	for (m = state->media; m; m = m->next)
		if (json_array_append_new(array, one_media_json(m))) {
			json_decref(array);
			return NULL;
		}
	return array;
}

/* --- of the module --- */

static json_t *times_json(const struct state_latency *l)
{
	const uint64_t *b = l->buckets;

	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:I, s:I, s:I}",
			 "op", latency_op_name(l->opcode), "tier", latency_tier_name(l->tier),
			 "count", integer(l->count), "errors", integer(l->errors),
			 "bytes", integer(l->bytes), "total_ns", integer(l->total_ns),
			 "bytes_per_second", l->bytes ?
			 ratio((double)l->bytes * 1e9, (double)l->total_ns) : json_null(),
			 "mean_ns", ratio((double)l->total_ns, (double)l->count),
			 "p50_ns", integer(latency_quantile(b, 500)),
			 "p90_ns", integer(latency_quantile(b, 900)),
			 "p99_ns", integer(latency_quantile(b, 990)),
			 "p999_ns", integer(latency_quantile(b, 999)));
}

static json_t *latency_json(const struct state *state)
{
	json_t *array = json_array();
	const struct state_latency *l;
	unsigned int i;

	for (i = 0; i < state->nr_latency; i++) {
		l = &state->latency[i];
		/* A newer kernel may have more. */
		if (!latency_op_name(l->opcode) || !latency_tier_name(l->tier))
			continue;
		if (json_array_append_new(array, times_json(l))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *module_json(const struct state *state)
{
	const uint64_t *arena = state->arena;

	return json_pack("{s:b, s:o, s:I, s:I, s:b, s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I}}",
			 "connected", state->connected, "version", text_json(state->version),
			 "abi_version", (json_int_t)state->abi_version,
			 "open_files", (json_int_t)state->open_files,
			 "quiesced", state->quiesced,
			 "arena",
			 "target_bytes", integer(arena[KVMEM_A_ARENA_TARGET]),
			 "limit_bytes", integer(arena[KVMEM_A_ARENA_LIMIT]),
			 "floor_bytes", integer(arena[KVMEM_A_ARENA_FLOOR]),
			 "allocated_bytes", integer(arena[KVMEM_A_ARENA_ALLOCATED]),
			 "free_bytes", integer(arena[KVMEM_A_ARENA_FREE]),
			 "quarantined_bytes", integer(arena[KVMEM_A_ARENA_QUARANTINED]),
			 "huge_bytes", integer(arena[KVMEM_A_ARENA_HUGE]));
}

static json_t *daemon_json(const struct state *state)
{
	return json_pack("{s:I, s:I, s:I, s:I}",
			 "samples", integer(state->samples),
			 "samples_lost", integer(state->samples_lost),
			 "events_lost", integer(state->events_lost),
			 "corrupt_events", integer(state->corrupt_events));
}

static json_t *costs_json(const struct report_costs *c)
{
	return json_pack("{s:o, s:o, s:o, s:o}",
			 "prefill_tokens_per_second", configured(c->prefill_tokens_per_second),
			 "bytes_per_token", configured(c->bytes_per_token),
			 "gpu_cost_per_hour", configured(c->gpu_cost_per_hour),
			 "currency", text_json(c->currency));
}

char *report_json(const struct state *state, const struct report_costs *costs,
		  uint64_t now_ns)
{
	bool read = state->read_ns && now_ns >= state->read_ns;
	json_t *root;
	char *text;

	/* A part that is NULL, for want of memory, makes all of it NULL. */
	root = json_pack("{s:i, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "format", FORMAT, "version", KVMEM_VERSION,
			 "read_ns", integer(state->read_ns),
			 "age_s", read ? real((double)(now_ns - state->read_ns) / 1e9) :
			 json_null(),
			 "module", module_json(state), "daemon", daemon_json(state),
			 "costs", costs_json(costs), "latency", latency_json(state),
			 "namespaces", namespaces_json(state), "media", media_json(state));
	text = root ? json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
	json_decref(root);
	return text;
}
