// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_metrics_state.h"

const struct report_costs full_costs = {
	.prefill_tokens_per_second = 4000,
	.bytes_per_token = 327680,
	.gpu_cost_per_hour = 2.5,
	.currency = "EUR",
};

/* --- the fake --- */

void policy_get_state(const struct policy *policy, struct policy_state *state)
{
	*state = policy->state;
}

size_t policy_curve(struct policy *policy, struct policy_point *points, size_t max)
{
	size_t n = policy->nr_points < max ? policy->nr_points : max;

	memcpy(points, policy->points, n * sizeof(*points));
	return n;
}

const char *policy_kind_name(enum policy_kind kind)
{
	return kind == POLICY_ADAPTIVE ? "adaptive" : "other";
}

/* --- the state --- */

static void fill_policy(struct policy *p)
{
	p->state = (struct policy_state){ .kind = POLICY_ADAPTIVE, .fallbacks = 2,
					  .one_in = 128, .refs = 15000.5,
					  .real = 0.375, .lru = 0.25 };
	p->points[0] = (struct policy_point){ 1ULL << 30, 0.125, NAN };
	p->points[1] = (struct policy_point){ 4ULL << 30, 0.5, 0.25 };
	p->points[2] = (struct policy_point){ 8ULL << 30, 0.625, 0.375 };
	p->points[3] = (struct policy_point){ 16ULL << 30, 0.75, NAN };
	p->points[4] = (struct policy_point){ 64ULL << 30, 0.875, NAN };
	p->nr_points = 5;
}

static void fill_hist(struct policy_hist *h, unsigned int nr_classes)
{
	unsigned int class, age;

	for (class = 0; class < nr_classes; class++) {
		for (age = 0; age < KVMEM_NL_NR_AGES; age++) {
			h->hits[class][age] = 1000000007ULL * class + age;
			h->evictions[class][age] = 500000003ULL * class + 1;
			h->ghost_hits[class][age] = class;
		}
		h->hit_cost[class] = 512 * (class + 1);
		h->hit_bytes[class] = 327680ULL * 512 * (class + 1);
		h->blocks[class] = class + 1;
		h->bytes[class] = 2621440ULL * (class + 1);
	}
}

static void fill_numbers(struct state_ns *ns, unsigned int i)
{
	unsigned int attr;

	ns->uid = 1000 + i;
	ns->gid = 100;
	ns->mode = 0640;
	ns->pool_id = i % 2;
	ns->quota_bytes = i % 2 ? 0 : 8ULL << 30;
	ns->quota_blocks = i % 2 ? 5000 : 0;
	ns->capacity_bytes = 8ULL << 30;
	ns->used_bytes = 7ULL << 30;
	ns->data_bytes = 6ULL << 30;
	ns->pinned_bytes = 1ULL << 20;
	ns->used_blocks = 2400;
	ns->live_blocks = 2399;
	ns->nr_files = 8;
	ns->chunks = 3600;
	ns->table_pushes = 77;
	ns->flash_mode = i % 3;
	ns->flash_blocks = 9000;
	ns->flash_bytes = 20ULL << 30;
	ns->flash_quota_bytes = i % 2 ? 0 : 100ULL << 30;
	for (attr = 1; attr <= KVMEM_A_STATS_MAX; attr++)
		ns->stats.v[attr] = 1000000ULL * attr + i;
}

static struct state_ns *new_ns(unsigned int i, unsigned int nr_classes)
{
	struct state_ns *ns = calloc(1, sizeof(*ns));

	if (!ns)
		return NULL;
	ns->id = i + 1;
	snprintf(ns->name, sizeof(ns->name), "ns-%u", i);
	fill_numbers(ns, i);
	fill_hist(&ns->hist, nr_classes);
	ns->policy = calloc(1, sizeof(*ns->policy));
	if (ns->policy)
		fill_policy(ns->policy);
	return ns;
}

static void fill_latency(struct state *state)
{
	struct state_latency *l;
	unsigned int op, b;

	for (op = 0; op < KVMEM_OP_NR; op++) {
		l = &state->latency[state->nr_latency++];
		l->opcode = op;
		l->tier = op == KVMEM_OP_GET || op == KVMEM_OP_PUT ? KVMEM_TIER_DRAM :
								     KVMEM_TIER_NONE;
		for (b = 0; b < KVMEM_NL_LAT_BUCKETS; b++)
			l->buckets[b] = (op + 1) * (b % 7);
		l->count = 12345;
		l->errors = op;
		l->bytes = 4096ULL * op;
		l->total_ns = 1234567890123ULL;
	}
	/* GETs come from flash, too. */
	l = &state->latency[state->nr_latency++];
	*l = state->latency[KVMEM_OP_GET];
	l->tier = KVMEM_TIER_FLASH;
}

static void fill_arena(struct state *state)
{
	state->arena[KVMEM_A_ARENA_TARGET] = 64ULL << 30;
	state->arena[KVMEM_A_ARENA_LIMIT] = 48ULL << 30;
	state->arena[KVMEM_A_ARENA_FLOOR] = 8ULL << 30;
	state->arena[KVMEM_A_ARENA_ALLOCATED] = 40ULL << 30;
	state->arena[KVMEM_A_ARENA_FREE] = 1ULL << 30;
	state->arena[KVMEM_A_ARENA_QUARANTINED] = 2ULL << 30;
	state->arena[KVMEM_A_ARENA_HUGE] = 39ULL << 30;
}

static struct state_pool *new_pool(void)
{
	struct state_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->id = 1;
	strcpy(pool->name, "shared");
	pool->quota_bytes = 16ULL << 30;
	pool->quota_blocks = 6000;
	pool->used_bytes = 15ULL << 30;
	pool->used_blocks = 5000;
	pool->nr_namespaces = 2;
	pool->share = true;
	return pool;
}

/* Every attribute has its own number; the first one has a budget and tells its health. */
static struct state_media *new_media(unsigned int id, const char *name, uint8_t media_state)
{
	struct state_media *m = calloc(1, sizeof(*m));
	unsigned int attr;

	if (!m)
		return NULL;
	m->id = id;
	strcpy(m->name, name);
	snprintf(m->path, sizeof(m->path), "/dev/%s", name);
	strcpy(m->backend, "bdev");
	m->state = media_state;
	for (attr = KVMEM_A_MEDIA_BYTES; attr <= KVMEM_A_MEDIA_MAX; attr++) {
		m->v[attr] = 1000 * id + attr;
		m->told |= 1ULL << attr;
	}
	m->v[KVMEM_A_MEDIA_BUDGET_TOKENS] = (uint64_t)-4096;
	return m;
}

static void fill_media(struct state *state)
{
	struct state_media *a = new_media(1, "nvme0", KVMEM_MEDIA_STATE_LIVE);
	struct state_media *b = new_media(2, "nvme1", KVMEM_MEDIA_STATE_FAILED);

	state->media = a;
	state->media_missing = 1;
	if (!a || !b)
		return;
	a->next = b;
	a->write_budget = 1ULL << 40;
	a->v[KVMEM_A_MEDIA_WRITE_AMPLIFICATION] = 1025;
	a->v[KVMEM_A_MEDIA_LIFE_DAYS] = 365;
	a->v[KVMEM_A_MEDIA_HEALTH_USED_PERCENT] = 5;
	b->v[KVMEM_A_MEDIA_WRITE_AMPLIFICATION] = 0;
	b->told &= ~(1ULL << KVMEM_A_MEDIA_LIFE_DAYS |
		     1ULL << KVMEM_A_MEDIA_HEALTH_MEDIA_ERRORS);
}

static void fill_peers(struct state *state)
{
	struct state_peer *a = state_add_peer(state), *b = state_add_peer(state);
	unsigned int attr;

	if (!a || !b)
		return;
	a = &state->peers[0];
	a->node = 1;
	strcpy(a->name, "one");
	strcpy(a->addresses, "10.0.0.1:7471");
	a->state = KVMEM_PEER_STATE_UP;
	b->node = 2;
	strcpy(b->name, "two");
	strcpy(b->addresses, "10.0.0.2:7471");
	for (attr = KVMEM_A_PEER_RAILS; attr <= KVMEM_A_PEER_MAX; attr++) {
		a->v[attr] = 1000 + attr;
		b->v[attr] = 2000 + attr;
	}
	state->map = (struct state_map){ true, true, 12, 11, 100, 1 << 20, 7 };
	state->ring = (struct state_ring){ true, true, 3, 1, 16384, 5, 0.25 };
}

struct state *full_state(unsigned int nr_ns, unsigned int nr_classes)
{
	struct state *state = calloc(1, sizeof(*state));
	struct state_ns **end;
	unsigned int i;

	if (!state)
		return NULL;
	state->connected = true;
	strcpy(state->version, "0.2.0");
	state->abi_version = 1;
	state->open_files = 3;
	state->nr_namespaces = nr_ns;
	state->watermark = KVMEM_WATERMARK_FULL;
	state->read_ns = 1;
	state->events_lost = 4;
	state->samples = 100000;
	state->samples_lost = 5;
	state->corrupt_events = 6;
	fill_arena(state);
	fill_latency(state);
	state->pools = new_pool();
	fill_media(state);
	fill_peers(state);
	end = &state->ns;
	for (i = 0; i < nr_ns; i++, end = &(*end)->next) {
		*end = new_ns(i, nr_classes);
		if (!*end)
			break;
	}
	return state;
}

void full_state_free(struct state *state)
{
	struct state_ns *ns, *next;

	for (ns = state->ns; ns; ns = next) {
		next = ns->next;
		free(ns->policy);
		free(ns);
	}
	free(state->pools);
	free(state->peers);
	state_drop_unseen_media(state);
	free(state);
}
