// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's mechanism (kmod/core/evict.c, ghost.c, block.c, chain.c) with
 * kvmemd's loop around it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/policy_impl.h"
#include "flash.h"
#include "sim.h"

#define CLASSES		PA_CLASSES
#define GHOST_WAYS	4
#define GHOST_TIME_MASK	((1ULL << 40) - 1)
#define GHOST_PER_BLOCK	16
#define GHOST_SMALL	65536
/* sample.c: samples are sent so late, or when so many wait */
#define SAMPLE_DELAY	20000000
#define SAMPLE_SEND	2048

/* Class that the kernel gives the last new block of a prompt */
#define HINT_TAIL	7

/**
 * struct chain - what the kernel keeps for an open file: the prompt at hand
 * @last_batch: operations of the last GET batch
 * @max_batch: of the largest one
 * @known, @fresh: blocks of the prompt that are here or ghosts; that are not
 * @to_put: missing, and not put yet
 * @continued: the last known one was used 14 times at most
 * @tail: the last block of the prompt is among those to be put
 */
struct chain {
	u32 last_batch, max_batch;
	u32 known, fresh, to_put;
	bool continued, tail;
};

struct kernel {
	const struct sim_options *o;
	struct sim_trace *t;
	struct sim_result *r;
	struct nodes n;
	u64 mask;
	u32 capacity, used;
	u64 now;
	u8 *class;
	u16 *hits;
	u64 *last_use;
	u64 *ghosts;
	u32 ghost_sets;
	struct chain chain[2];
	struct policy_hist hist;
	struct policy *policy;
	struct policy_output out;
	struct policy_sample ring[SAMPLE_SEND];
	u32 waiting;
	bool fallback;
	u64 next_poll;
	struct flash *flash;
	u64 evict_age;	/* moving average, ns */
};

static bool has(const struct kernel *k, u32 feature)
{
	return k->o->features & feature;
}

static u32 fls64(u64 x)
{
	return x ? 64 - (u32)__builtin_clzll(x) : 0;
}

static u32 age_bucket(u64 age)
{
	u32 b = fls64(age >> PA_AGE_SHIFT);

	return b < PA_AGES ? b : PA_AGES - 1;
}

static u32 ilog2(u32 x)
{
	return 31 - (u32)__builtin_clz(x);
}

static u8 class_of(u8 class, u16 hits)
{
	u32 l = ilog2(hits + 1U);

	return (u8)((class & ~7) | (l < 7 ? l : 7));
}

static void class_link(struct kernel *k, u32 id)
{
	node_add(&k->n, k->t->nr_ids + k->class[id], id);
	k->mask |= 1ULL << k->class[id];
	k->hist.blocks[k->class[id]]++;
}

static void class_unlink(struct kernel *k, u32 id)
{
	u32 head = k->t->nr_ids + k->class[id];

	node_del(&k->n, id);
	if (k->n.next[head] == head)
		k->mask &= ~(1ULL << k->class[id]);
	k->hist.blocks[k->class[id]]--;
}

/* --- ghosts --- */

static u64 *ghost_set(struct kernel *k, u32 id, u64 *tag)
{
	u64 h = mix64(id + 0x9e3779b97f4a7c15ULL);

	*tag = (h >> 40 & 0x3ffff) ? (h >> 40 & 0x3ffff) : 1;
	return &k->ghosts[(h & (k->ghost_sets - 1)) * GHOST_WAYS];
}

static u64 ghost_time(u64 ns)
{
	return (ns >> PA_AGE_SHIFT) & GHOST_TIME_MASK;
}

static void ghost_add(struct kernel *k, u32 id)
{
	u64 tag, *set = ghost_set(k, id, &tag);

	memmove(set + 1, set, (GHOST_WAYS - 1) * sizeof(*set));
	set[0] = tag << 46 | (u64)k->class[id] << 40 | ghost_time(k->last_use[id]);
}

static bool ghost_take(struct kernel *k, u32 id, u8 *class, u64 *age)
{
	u64 tag, *set = ghost_set(k, id, &tag);
	u32 i;

	for (i = 0; i < GHOST_WAYS; i++) {
		if (!set[i] || set[i] >> 46 != tag)
			continue;
		*class = set[i] >> 40 & 63;
		*age = ((ghost_time(k->now) - set[i]) & GHOST_TIME_MASK) << PA_AGE_SHIFT;
		set[i] = 0;
		return true;
	}
	return false;
}

static bool ghost_look(struct kernel *k, u32 id, u8 *class)
{
	u64 tag, *set = ghost_set(k, id, &tag);
	u32 i;

	for (i = 0; i < GHOST_WAYS; i++) {
		if (!set[i] || set[i] >> 46 != tag)
			continue;
		*class = set[i] >> 40 & 63;
		return true;
	}
	return false;
}

static u64 max_u64(u64 a, u64 b)
{
	return a > b ? a : b;
}

/* As ghosts_entries() has it for a full namespace, unless told otherwise */
static u64 ghosts_wanted(const struct kernel *k)
{
	u64 small = (u64)k->capacity * GHOST_PER_BLOCK;

	if (k->o->ghosts)
		return max_u64((u64)k->capacity * k->o->ghosts, k->o->ghosts_min);
	return max_u64(k->capacity, small < GHOST_SMALL ? small : GHOST_SMALL);
}

static int ghosts_alloc(struct kernel *k)
{
	u64 want = ghosts_wanted(k), entries = 256;

	while (entries * 2 <= want && entries < 1U << 20)
		entries *= 2;
	k->ghost_sets = (u32)(entries / GHOST_WAYS);
	k->ghosts = calloc(entries, sizeof(u64));
	return k->ghosts ? 0 : -ENOMEM;
}

/* --- eviction --- */

/*
 * The value at an age between the middles of two buckets, by a straight line:
 * 8 bits of where in its bucket the age is.
 */
static u32 value_at(const struct kernel *k, u8 class, u64 age)
{
	const u16 *v = k->out.value[class];
	u32 b = age_bucket(age), at;
	int here = v[b];

	if (!has(k, F_LINE) || !b || b + 1 >= PA_AGES)
		return (u32)here;
	at = (u32)(age >> (fls64(age >> PA_AGE_SHIFT) + 7)) & 255;
	if (at < 128)
		return (u32)(here + (v[b - 1] - here) * (128 - (int)at) / 256);
	return (u32)(here + (v[b + 1] - here) * ((int)at - 128) / 256);
}

/* --- flash --- */

#define EVICT_AGE_SHIFT	8

static u32 flash_value(void *arg, u8 class, u64 age)
{
	return value_at(arg, class, age);
}

static void flash_put(struct kernel *k, u32 id, u64 age)
{
	u32 value = value_at(k, k->class[id], age);

	flash_offer(k->flash, id, k->class[id], k->hits[id], value, k->now, flash_value, k);
}

/* With write-through. */
static void flash_put_new(struct kernel *k, u32 id)
{
	if (k->flash && !k->o->flash->back)
		flash_put(k, id, k->o->flash->ripe ? k->evict_age : 0);
}

/* With write-back; the kernel does so a little earlier. */
static void flash_put_old(struct kernel *k, u32 id)
{
	u64 age = k->now - k->last_use[id];

	k->evict_age += (age >> EVICT_AGE_SHIFT) - (k->evict_age >> EVICT_AGE_SHIFT);
	if (k->flash && k->o->flash->back)
		flash_put(k, id, k->o->flash->ripe ? age : 0);
}

static void evict_try(struct kernel *k, u32 id, u32 *best, u32 *value)
{
	u32 v = value_at(k, k->class[id], k->now - k->last_use[id]);

	if (*best != NONE && (v > *value ||
			      (v == *value && k->last_use[id] >= k->last_use[*best])))
		return;
	*best = id;
	*value = v;
}

static void evict_one(struct kernel *k)
{
	u32 best = NONE, value = 0, age;
	u64 mask = k->mask;

	for (; mask; mask &= mask - 1) {
		u32 head = k->t->nr_ids + (u32)__builtin_ctzll(mask);

		evict_try(k, k->n.prev[head], &best, &value);
		if (has(k, F_ENDS))
			evict_try(k, k->n.next[head], &best, &value);
	}
	age = age_bucket(k->now - k->last_use[best]);
	k->hist.evictions[k->class[best]][age]++;
	flash_put_old(k, best);
	class_unlink(k, best);
	ghost_add(k, best);
	k->used--;
}

/* --- operations --- */

/* Prompts are growing: much of this one is new. */
static u32 growth(const struct kernel *k, const struct chain *c)
{
	if (!has(k, F_GROWTH))
		return 0;
	return c->fresh > c->known ? 2 : c->fresh * 4 > c->known;
}

/* Level by hits; the hint by the gap between the last two uses and growth. */
static u8 class_used(const struct kernel *k, const struct chain *c, u8 class, u16 hits, u64 gap)
{
	u32 hint;

	if (!has(k, F_GAP))
		return class_of(class, hits);
	hint = (fls64(gap >> PA_AGE_SHIFT) >> 1) & 1;
	return class_of((u8)((hint | growth(k, c) << 1) << 3), hits);
}

static u32 chain_hint(const struct chain *c)
{
	u32 size = c->fresh < 4 ? 0 : c->fresh < 16 ? 1 : 2;

	return c->continued ? size + 3 : size;
}

static u8 class_new(const struct kernel *k, struct chain *c)
{
	bool last = c->to_put == 1;
	u32 hint = 0;

	if (c->to_put)
		c->to_put--;
	if (has(k, F_TAIL) && last && c->tail)
		return HINT_TAIL << 3;
	if (has(k, F_CHAIN))
		hint = chain_hint(c);
	return (u8)(hint << 3);
}

static bool is_own(u8 class)
{
	return (class & 7) < 4;
}

static void touch(struct kernel *k, const struct chain *c, u32 id)
{
	u64 age = k->now - k->last_use[id];

	k->hist.hits[k->class[id]][age_bucket(age)]++;
	k->hist.hit_bytes[k->class[id]] += SIM_BLOCK_BYTES;
	if (k->hits[id] < UINT16_MAX)
		k->hits[id]++;
	if (k->out.order == KVMEM_ORDER_ARRIVAL)
		return;
	class_unlink(k, id);
	k->class[id] = class_used(k, c, k->class[id], k->hits[id], age);
	k->last_use[id] = k->now;
	class_link(k, id);
}

/* The key came back after an eviction: it goes on as if it had stayed. */
static void put_ghost(struct kernel *k, const struct chain *c, u32 id)
{
	u8 class;
	u64 age;

	if (!ghost_take(k, id, &class, &age))
		return;
	k->hist.ghost_hits[class][age_bucket(age)]++;
	if (!has(k, F_INHERIT))
		return;
	k->hits[id] = (u16)(1U << (class & 7));
	k->class[id] = class_used(k, c, class, k->hits[id], age);
}

/* --- the daemon --- */

static void upside_down(struct policy_output *out)
{
	u32 c, a;

	for (c = 0; c < CLASSES; c++)
		for (a = 0; a < PA_AGES; a++)
			out->value[c][a] = (u16)~out->value[c][a];
}

static void poll_hist(struct kernel *k)
{
	struct policy_input in = {
		.now = k->now, .hist = &k->hist,
		.capacity_bytes = (u64)k->capacity * SIM_BLOCK_BYTES,
		.used_bytes = (u64)k->used * SIM_BLOCK_BYTES, .used_blocks = k->used,
	};
	struct policy_state state;
	u32 c;

	for (c = 0; c < CLASSES; c++)
		k->hist.bytes[c] = k->hist.blocks[c] * SIM_BLOCK_BYTES;
	k->next_poll = k->now + k->o->poll_ns;
	if (policy_update(k->policy, &in, &k->out))
		k->r->pushes++;
	policy_get_state(k->policy, &state);
	k->fallback = state.fallback;
	k->r->falls = state.fallbacks;
	if (has(k, F_UPSIDE_DOWN) && state.kind == POLICY_ADAPTIVE && !state.fallback)
		upside_down(&k->out);
}

static void send_samples(struct kernel *k)
{
	u32 i;

	for (i = 0; i < k->waiting; i++)
		policy_sample(k->policy, &k->ring[i]);
	k->r->samples += k->waiting;
	k->waiting = 0;
}

static void tick(struct kernel *k, u64 ns)
{
	if (!k->o->realtime)
		k->now += ns;
	if (k->waiting && k->now - k->ring[0].time >= SAMPLE_DELAY)
		send_samples(k);
	if (k->now >= k->next_poll)
		poll_hist(k);
}

static void sample(struct kernel *k, u32 id, enum kvmem_sample_kind kind, u8 class)
{
	struct policy_sample s = {
		.hash = mix64(id * 0x9e3779b97f4a7c15ULL + 1),
		.time = k->now, .kind = (u8)kind, .class = class,
		.size = kind == KVMEM_SAMPLE_KIND_MISS ? 0 : SIM_BLOCK_BYTES,
	};

	if (s.hash & (k->out.one_in - 1))
		return;
	k->ring[k->waiting++] = s;
	if (k->waiting == SAMPLE_SEND)
		send_samples(k);
}

/* --- operations --- */

static void put(struct kernel *k, struct chain *c, u32 id)
{
	u8 class = class_new(k, c);

	if (node_in(&k->n, id))
		return;
	if (k->used == k->capacity)
		evict_one(k);
	k->hits[id] = 0;
	k->class[id] = class;
	k->last_use[id] = k->now;
	put_ghost(k, c, id);
	class_link(k, id);
	k->used++;
	sample(k, id, KVMEM_SAMPLE_KIND_PUT, k->class[id]);
	flash_put_new(k, id);
}

/* Bring it to DRAM, if flash has it. */
static bool fetch(struct kernel *k, const struct chain *c, u32 id)
{
	if (!k->flash || !flash_has(k->flash, id))
		return false;
	if (k->used == k->capacity)
		evict_one(k);
	flash_fetch(k->flash, id, k->now, &k->class[id], &k->hits[id]);
	k->last_use[id] = k->now;
	put_ghost(k, c, id);
	class_link(k, id);
	k->used++;
	return true;
}

/* A batch continues the chain of the one before when that was a full one. */
static void chain_begin(struct chain *c, u32 nr)
{
	if (nr > c->max_batch)
		c->max_batch = nr;
	if (c->last_batch < c->max_batch) {
		c->known = 0;
		c->fresh = 0;
		c->to_put = 0;
		c->continued = false;
		c->tail = false;
	}
	c->last_batch = nr;
}

static void look(struct kernel *k, struct chain *c, u32 id, bool hit)
{
	bool known = hit;
	u8 class = 0;

	if (hit)
		class = k->class[id];
	else
		known = ghost_look(k, id, &class);
	sim_count(k->r, hit);
	k->r->fallback_refs += k->fallback;
	sample(k, id, hit ? KVMEM_SAMPLE_KIND_HIT : KVMEM_SAMPLE_KIND_MISS, class);
	c->to_put += !hit;
	if (known) {
		c->known++;
		c->continued = is_own(class);
	} else {
		c->fresh++;
	}
}

/* Look all blocks up, then count the uses: by then it is known what is new. */
static u32 get_batch(struct kernel *k, struct chain *c, const u32 *ids, u32 nr, u32 *missing)
{
	bool hit = false;
	u32 i, n = 0;

	chain_begin(c, nr);
	for (i = 0; i < nr; i++) {
		hit = node_in(&k->n, ids[i]) || fetch(k, c, ids[i]);
		look(k, c, ids[i], hit);
		if (!hit)
			missing[n++] = ids[i];
		tick(k, k->o->get_ns);
	}
	for (i = 0; i < nr; i++)
		if (node_in(&k->n, ids[i]))
			touch(k, c, ids[i]);
	c->tail = !hit && nr < c->max_batch;
	return n;
}

static void batch(struct kernel *k, struct chain *c, const u32 *ids, u32 nr)
{
	u32 missing[SIM_BATCH_MAX], i, n;

	n = get_batch(k, c, ids, nr, missing);
	for (i = 0; i < n; i++) {
		put(k, c, missing[i]);
		tick(k, k->o->put_ns);
	}
}

static void request(struct kernel *k, u32 nr)
{
	u32 at = k->t->start[nr], end = k->t->start[nr + 1], n;

	if (k->o->realtime)
		k->now = k->t->time_ns[nr] + 1000000000;
	for (; at < end; at += n) {
		n = end - at < k->o->batch ? end - at : k->o->batch;
		batch(k, &k->chain[nr % 2], k->t->ids + at, n);
	}
}

static int kernel_init(struct kernel *k, enum policy_kind kind)
{
	k->now = 1000000000;
	k->class = calloc(k->t->nr_ids, 1);
	k->hits = calloc(k->t->nr_ids, sizeof(u16));
	k->last_use = calloc(k->t->nr_ids, sizeof(u64));
	k->policy = policy_new(kind);
	if (!k->class || !k->hits || !k->last_use || !k->policy || ghosts_alloc(k))
		return -ENOMEM;
	k->policy->guard.off = !has(k, F_FALLBACK);
	poll_hist(k);
	if (k->o->flash) {
		k->flash = flash_new(k->o->flash, k->t->nr_ids, k->now);
		if (!k->flash)
			return -ENOMEM;
	}
	return nodes_init(&k->n, k->t->nr_ids, CLASSES);
}

static void flash_told(const struct kernel *k)
{
	const struct flash_counts *c = flash_result(k->flash);

	k->r->flash_hits = c->hits;
	k->r->flash_offered = c->offered;
	k->r->flash_puts = c->puts;
	k->r->flash_moved = c->moved;
}

static int run(struct sim_trace *t, u32 capacity, const struct sim_options *o,
	       struct sim_result *r, enum policy_kind kind)
{
	struct kernel *k = calloc(1, sizeof(*k));
	int err = -ENOMEM;
	u32 i;

	if (!k)
		return -ENOMEM;
	k->o = o;
	k->t = t;
	k->r = r;
	k->capacity = capacity;
	if (kernel_init(k, kind))
		goto out;
	for (i = 0; i < t->nr_requests; i++)
		request(k, i);
	send_samples(k);
	r->nr_points = (u32)policy_curve(k->policy, r->points, SIM_POINTS);
	r->one_in = k->out.one_in;
	if (k->flash)
		flash_told(k);
	err = 0;
out:
	if (k->n.prev)
		nodes_free(&k->n);
	free(k->class);
	free(k->hits);
	free(k->last_use);
	free(k->ghosts);
	policy_free(k->policy);
	flash_free(k->flash);
	free(k);
	return err;
}

int run_adaptive(struct sim_trace *t, u32 capacity, const struct sim_options *o,
		 struct sim_result *r)
{
	return run(t, capacity, o, r, POLICY_ADAPTIVE);
}

int run_table_lru(struct sim_trace *t, u32 capacity, const struct sim_options *o,
		  struct sim_result *r)
{
	return run(t, capacity, o, r, POLICY_LRU);
}

int run_table_fifo(struct sim_trace *t, u32 capacity, const struct sim_options *o,
		   struct sim_result *r)
{
	return run(t, capacity, o, r, POLICY_FIFO);
}

int run_table_lfu(struct sim_trace *t, u32 capacity, const struct sim_options *o,
		  struct sim_result *r)
{
	return run(t, capacity, o, r, POLICY_LFU);
}

int run_table_gdsf(struct sim_trace *t, u32 capacity, const struct sim_options *o,
		   struct sim_result *r)
{
	return run(t, capacity, o, r, POLICY_GDSF);
}
