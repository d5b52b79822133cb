// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's mechanism (kmod/core/evict.c, ghost.c, block.c) with kvmemd's
 * loop around it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/policy_adaptive.h"
#include "sim.h"

#define CLASSES		PA_CLASSES
#define GHOST_WAYS	4
#define GHOST_TIME_MASK	((1ULL << 40) - 1)

/* Classes that the kernel gives a new block when the client gives no hint */
#define HINT_TAIL	7

/**
 * struct file - what the kernel keeps for an open file: the chain at hand
 * @last_batch: operations of the last GET batch
 * @max_batch: of the largest one
 * @known, @fresh: blocks of the chain that are here or ghosts; that are not
 * @continued: the last known one was used 14 times at most
 * @tail_missed: the last block of the request is among those to be put
 */
struct file {
	u32 last_batch, max_batch;
	u32 known, fresh;
	bool continued, tail_missed;
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
	struct file file[2];
	struct pa_config cfg;
	struct pa_hist hist;
	struct pa_table table;
	struct pa *pa;
	u32 one_in;
	u64 next_poll;
};

static bool has(const struct kernel *k, u32 feature)
{
	return k->o->features & feature;
}

static u32 fls64(u64 x)
{
	return x ? 64 - (u32)__builtin_clzll(x) : 0;
}

static u32 age_bucket(const struct kernel *k, u64 age)
{
	u64 x = age >> PA_AGE_SHIFT;
	u32 b = fls64(x), fine = k->cfg.fine;

	if (b && fine)
		b = ((b - 1) << fine) + 1 + (u32)(((age << fine) >> (PA_AGE_SHIFT + b - 1)) & ((1U << fine) - 1));
	return b < k->cfg.ages ? b : k->cfg.ages - 1;
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

static bool ghost_peek(struct kernel *k, u32 id)
{
	u64 tag, *set = ghost_set(k, id, &tag);
	u32 i;

	for (i = 0; i < GHOST_WAYS; i++)
		if (set[i] && set[i] >> 46 == tag)
			return true;
	return false;
}

static int ghosts_alloc(struct kernel *k)
{
	u64 want = (u64)k->capacity * k->o->ghosts, entries = k->o->ghosts_min;

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
	const u16 *v = k->table.value[class];
	u32 b = age_bucket(k, age), at;
	int here = v[b];

	if (!has(k, F_LINE) || !b || b + 1 >= k->cfg.ages)
		return (u32)here;
	at = (u32)(age >> (fls64(age >> PA_AGE_SHIFT) + 7 - k->cfg.fine)) & 255;
	if (at < 128)
		return (u32)(here + (v[b - 1] - here) * (128 - (int)at) / 256);
	return (u32)(here + (v[b + 1] - here) * ((int)at - 128) / 256);
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
	age = age_bucket(k, k->now - k->last_use[best]);
	k->hist.evictions[k->class[best]][age]++;
	class_unlink(k, best);
	ghost_add(k, best);
	k->used--;
}

/* --- operations --- */

/* Level by hits; the hint by the gap between the last two uses and growth. */
static u8 class_used(struct kernel *k, const struct file *f, u8 class, u16 hits, u64 gap)
{
	u32 hint;

	if (!has(k, F_GAP))
		return class_of(class, hits);
	hint = (fls64(gap >> PA_AGE_SHIFT) >> 1) & 3;
	if (has(k, F_GROWTH) && f->fresh * 4 > f->known)
		hint |= 4;
	return class_of((u8)(hint << 3), hits);
}

static u8 class_new(struct kernel *k, const struct file *f, bool last)
{
	u32 hint = 0;

	if (has(k, F_TAIL) && last && f->tail_missed)
		return HINT_TAIL << 3;
	if (has(k, F_CHAIN))
		hint = (f->fresh < 4 ? 0 : f->fresh < 16 ? 1 : 2) + (f->continued ? 3 : 0);
	return (u8)(hint << 3);
}

static void chain_known(struct file *f, u8 class)
{
	f->continued = (class & 7) < 4;
}

static void touch(struct kernel *k, struct file *f, u32 id)
{
	u64 age = k->now - k->last_use[id];

	chain_known(f, k->class[id]);
	k->hist.hits[k->class[id]][age_bucket(k, age)]++;
	class_unlink(k, id);
	if (k->hits[id] < UINT16_MAX)
		k->hits[id]++;
	k->class[id] = class_used(k, f, k->class[id], k->hits[id], age);
	k->last_use[id] = k->now;
	class_link(k, id);
}

/* The key came back after an eviction: it goes on as if it had stayed. */
static void put_ghost(struct kernel *k, struct file *f, u32 id)
{
	u8 class;
	u64 age;

	if (!ghost_take(k, id, &class, &age))
		return;
	k->hist.ghost_hits[class][age_bucket(k, age)]++;
	if (!has(k, F_INHERIT))
		return;
	chain_known(f, class);
	k->hits[id] = (u16)(1U << (class & 7));
	k->class[id] = class_used(k, f, class, k->hits[id], age);
}

static void put(struct kernel *k, struct file *f, u32 id, bool last)
{
	if (node_in(&k->n, id))
		return;
	if (k->used == k->capacity)
		evict_one(k);
	k->hits[id] = 0;
	k->class[id] = class_new(k, f, last);
	k->last_use[id] = k->now;
	put_ghost(k, f, id);
	class_link(k, id);
	k->used++;
}

/* kvmemd: polls, and gets the samples by multicast. */
static void tick(struct kernel *k, u64 ns)
{
	if (!k->o->realtime)
		k->now += ns;
	if (!k->pa || k->now < k->next_poll)
		return;
	k->next_poll = k->now + k->o->poll_ns;
	pa_update(k->pa, &k->hist, k->now, &k->table);
}

static void sample(struct kernel *k, u32 id, bool hit)
{
	u64 hash = mix64(id * 0x9e3779b97f4a7c15ULL + 1);

	sim_count(k->r, hit);
	if (!k->pa)
		return;
	k->r->fallback_refs += k->pa->lru && k->cfg.fallback;
	if (hash & (k->one_in - 1))
		return;
	pa_sample(k->pa, hash, hit);
}

/* A batch continues the chain of the one before when that was a full one. */
static void chain_begin(struct file *f, u32 nr)
{
	if (nr > f->max_batch)
		f->max_batch = nr;
	if (f->last_batch < f->max_batch) {
		f->known = f->fresh = 0;
		f->continued = false;
	}
	f->last_batch = nr;
}

/* Look all blocks up, then count the uses: by then it is known what is new. */
static u32 get_batch(struct kernel *k, struct file *f, const u32 *ids, u32 nr, u32 *missing)
{
	u32 i, n = 0;

	chain_begin(f, nr);
	for (i = 0; i < nr; i++) {
		if (!node_in(&k->n, ids[i]))
			missing[n++] = ids[i];
		if (node_in(&k->n, ids[i]) || ghost_peek(k, ids[i]))
			f->known++;
		else
			f->fresh++;
	}
	for (i = 0; i < nr; i++) {
		bool hit = node_in(&k->n, ids[i]);

		sample(k, ids[i], hit);
		if (hit)
			touch(k, f, ids[i]);
		tick(k, k->o->get_ns);
	}
	f->tail_missed = n && missing[n - 1] == ids[nr - 1] && nr < f->max_batch;
	return n;
}

static void batch(struct kernel *k, struct file *f, const u32 *ids, u32 nr)
{
	u32 missing[SIM_BATCH_MAX], i, n;

	n = get_batch(k, f, ids, nr, missing);
	for (i = 0; i < n; i++) {
		put(k, f, missing[i], i == n - 1);
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
		batch(k, &k->file[nr % 2], k->t->ids + at, n);
	}
}

static int kernel_init(struct kernel *k)
{
	k->cfg.fine = has(k, F_FINE) ? 1 : 0;
	k->cfg.ages = k->cfg.fine ? 64 : 32;
	k->cfg.fallback = has(k, F_FALLBACK);
	k->now = 1000000000;
	pa_lru_table(&k->cfg, &k->table);
	k->class = calloc(k->t->nr_ids, 1);
	k->hits = calloc(k->t->nr_ids, sizeof(u16));
	k->last_use = calloc(k->t->nr_ids, sizeof(u64));
	if (!k->class || !k->hits || !k->last_use || ghosts_alloc(k))
		return -ENOMEM;
	return nodes_init(&k->n, k->t->nr_ids, CLASSES);
}

static int run(struct sim_trace *t, u32 capacity, const struct sim_options *o,
	       struct sim_result *r, bool adaptive)
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
	if (kernel_init(k))
		goto out;
	if (adaptive) {
		k->pa = calloc(1, sizeof(*k->pa));
		if (!k->pa)
			goto out;
		pa_init(k->pa, &k->cfg);
		k->one_in = pa_set_capacity(k->pa, capacity);
	}
	for (i = 0; i < t->nr_requests; i++)
		request(k, i);
	err = 0;
out:
	if (k->n.prev)
		nodes_free(&k->n);
	free(k->class);
	free(k->hits);
	free(k->last_use);
	free(k->ghosts);
	free(k->pa);
	free(k);
	return err;
}

int run_kernel(struct sim_trace *t, u32 capacity, const struct sim_options *o,
	       struct sim_result *r)
{
	return run(t, capacity, o, r, true);
}

int run_kernel_lru(struct sim_trace *t, u32 capacity, const struct sim_options *o,
		   struct sim_result *r)
{
	return run(t, capacity, o, r, false);
}
