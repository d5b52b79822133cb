// SPDX-License-Identifier: GPL-2.0
/*
 * LRU's miss-ratio curve by stack distance over spatially sampled keys
 * (SHARDS, Waldspurger et al., FAST'15), in bytes.
 */
#include <math.h>
#include <string.h>

#include "daemon/mrc.h"

/* Uses (of all keys) after which what was seen counts 1/e. */
#define MEMORY		1e6
/* Weights are brought down to 1 again before doubles lose anything. */
#define WEIGHT_MAX	1e6
/* Keys in use that are stepped over to find one to drop */
#define HAND_STEPS	64

/* As kmod/core/ghost.c has it */
#define GHOST_PER_BLOCK	16
#define GHOST_SMALL	65536.0
#define GHOST_MAX	1048576.0

static void reset(struct mrc *m)
{
	unsigned int i;

	m->used = 0;
	m->spare = 0;
	m->hand = 0;
	m->slot = 0;
	m->total = 0;
	m->since = UINT64_MAX;
	m->latest = 0;
	m->weight = 1;
	m->refs = 0;
	m->real = 0;
	m->deleted = 0;
	m->key[0].prev = 0;
	m->key[0].next = 0;
	memset(m->distance, 0, sizeof(m->distance));
	memset(m->set, 0, sizeof(m->set));
	memset(m->sizes, 0, sizeof(m->sizes));
	for (i = 0; i < MRC_TIERS; i++)
		mrc_tier_reset(&m->tier[i]);
}

void mrc_init(struct mrc *m)
{
	reset(m);
}

double mrc_tier_size(unsigned int tier)
{
	return tier == MRC_TRIAL ? 1 : ldexp(1, (int)tier - MRC_PRESENT);
}

static double ghosts(double blocks)
{
	double small = fmin(blocks * GHOST_PER_BLOCK, GHOST_SMALL);
	double n = fmin(fmax(blocks, small), GHOST_MAX);

	return n > 1 ? exp2(floor(log2(n))) : 0;
}

void mrc_set_capacity(struct mrc *m, double bytes, double mean_size, uint32_t one_in)
{
	double size, blocks;
	unsigned int i;

	if (one_in != m->one_in) {
		m->one_in = one_in;
		reset(m);
	}
	bytes = fmin(fmax(bytes, 0), 1e18);
	m->mean_size = fmin(fmax(mean_size, 1), 1e9);
	m->limit = (uint64_t)(bytes / one_in);
	for (i = 0; i < MRC_TIERS; i++) {
		size = bytes * mrc_tier_size(i);
		blocks = size / m->mean_size;
		mrc_tier_resize(m, i, (uint64_t)(size / one_in),
				(uint32_t)(ghosts(blocks) / one_in));
	}
}

void mrc_set_order(struct mrc *m, bool arrival)
{
	if (m->arrival == arrival)
		return;
	m->arrival = arrival;
	reset(m);
}

void mrc_set_table(struct mrc_table *to,
		   const uint16_t value[KVMEM_NL_NR_CLASSES][KVMEM_NL_NR_AGES])
{
	unsigned int c, a;

	memcpy(to->value, value, sizeof(to->value));
	to->falls = 0;
	for (c = 0; c < KVMEM_NL_NR_CLASSES; c++) {
		for (a = 1; a < KVMEM_NL_NR_AGES; a++)
			if (value[c][a] > value[c][a - 1])
				break;
		if (a == KVMEM_NL_NR_AGES)
			to->falls |= 1ULL << c;
	}
}

/* --- sizes by order of last use --- */

static void sizes_add(struct mrc *m, uint32_t slot, int64_t size)
{
	for (; slot <= MRC_SLOTS; slot += slot & -slot)
		m->sizes[slot] += (uint64_t)size;
	m->total += (uint64_t)size;
}

static uint64_t sizes_until(const struct mrc *m, uint32_t slot)
{
	uint64_t sum = 0;

	for (; slot; slot -= slot & -slot)
		sum += m->sizes[slot];
	return sum;
}

static void slot_take(struct mrc *m, unsigned int k)
{
	m->key[k].slot = ++m->slot;
	m->of_slot[m->slot] = (uint16_t)k;
	sizes_add(m, m->slot, m->key[k].size);
}

/* Slots are used up: give out new ones from 1 on, in the same order. */
static void slots_renew(struct mrc *m)
{
	unsigned int k;

	memset(m->sizes, 0, sizeof(m->sizes));
	m->total = 0;
	m->slot = 0;
	for (k = m->key[0].prev; k; k = m->key[k].prev)
		slot_take(m, k);
}

static void key_resize(struct mrc *m, unsigned int k, uint32_t size)
{
	struct mrc_key *key = &m->key[k];
	unsigned int i;

	if (!size || size == key->size)
		return;
	for (i = 0; i < MRC_TIERS; i++)
		if (key->tiers & 1U << i)
			m->tier[i].used += (uint64_t)size - key->size;
	sizes_add(m, key->slot, (int64_t)size - key->size);
	key->size = size;
}

/* --- keys --- */

/* The low bits are what it was sampled by. */
static uint16_t *set_of(struct mrc *m, uint64_t hash)
{
	return &m->set[(hash >> 32) % MRC_SETS];
}

static unsigned int key_find(struct mrc *m, uint64_t hash)
{
	unsigned int k = *set_of(m, hash);

	while (k && m->key[k].hash != hash)
		k = m->key[k].chain;
	return k;
}

static void ring_del(struct mrc *m, unsigned int k)
{
	m->key[m->key[k].prev].next = m->key[k].next;
	m->key[m->key[k].next].prev = m->key[k].prev;
}

static void ring_add(struct mrc *m, unsigned int k)
{
	m->key[k].prev = 0;
	m->key[k].next = m->key[0].next;
	m->key[m->key[0].next].prev = (uint16_t)k;
	m->key[0].next = (uint16_t)k;
}

static void key_drop(struct mrc *m, unsigned int k)
{
	uint16_t *p = set_of(m, m->key[k].hash);
	unsigned int i;

	for (i = 0; i < MRC_TIERS; i++)
		mrc_tier_drop(m, i, k);
	if (m->hand == k)
		m->hand = m->key[k].prev;
	ring_del(m, k);
	sizes_add(m, m->key[k].slot, -(int64_t)m->key[k].size);
	while (*p != k)
		p = &m->key[*p].chain;
	*p = m->key[k].chain;
}

/*
 * Drop an old key: the first from the hand on, towards younger ones, that no
 * tier has.  The hand begins anew at the oldest.
 */
static unsigned int key_reclaim(struct mrc *m)
{
	unsigned int k = m->hand ? m->hand : m->key[0].prev, steps;

	for (steps = 0; steps < HAND_STEPS && k && m->key[k].tiers; steps++)
		k = m->key[k].prev;
	m->hand = steps < HAND_STEPS ? m->key[k].prev : (uint16_t)k;
	if (!k || m->key[k].tiers)
		k = m->key[0].prev;
	key_drop(m, k);
	return k;
}

static unsigned int key_take(struct mrc *m)
{
	unsigned int k = m->spare;

	if (k) {
		m->spare = m->key[k].chain;
		return k;
	}
	return m->used < MRC_KEYS ? ++m->used : key_reclaim(m);
}

static unsigned int key_new(struct mrc *m, uint64_t hash, uint64_t now)
{
	unsigned int k = key_take(m), i;
	struct mrc_key *key = &m->key[k];
	uint16_t *set = set_of(m, hash);

	*key = (struct mrc_key){ .hash = hash, .last_use = now, .chain = *set };
	*set = (uint16_t)k;
	for (i = 0; i < MRC_TIERS; i++)
		mrc_tier_forget(m, i, k);
	key->size = (uint32_t)m->mean_size;
	ring_add(m, k);
	if (m->slot == MRC_SLOTS)
		slots_renew(m);
	else
		slot_take(m, k);
	return k;
}

/* To the top of the stack. */
static void key_use(struct mrc *m, unsigned int k)
{
	struct mrc_key *key = &m->key[k];

	ring_del(m, k);
	ring_add(m, k);
	if (m->hand == k)
		m->hand = 0;
	if (m->slot == MRC_SLOTS) {
		slots_renew(m);
		return;
	}
	sizes_add(m, key->slot, -(int64_t)key->size);
	slot_take(m, k);
}

/* --- accesses --- */

static void decay(struct mrc *m)
{
	double down;
	unsigned int i;

	m->weight *= 1 + m->one_in / MEMORY;
	if (m->weight < WEIGHT_MAX)
		return;
	down = 1 / m->weight;
	m->weight = 1;
	m->refs *= down;
	m->real *= down;
	m->deleted *= down;
	for (i = 0; i < MRC_DISTANCES; i++)
		m->distance[i] *= down;
	for (i = 0; i < MRC_TIERS; i++)
		m->tier[i].hits *= down;
}

static unsigned int distance_bucket(double bytes, double *part)
{
	double at = bytes > 1 ? 8 * log2(bytes) : 0;
	unsigned int b = at < MRC_DISTANCES - 1 ? (unsigned int)at : MRC_DISTANCES - 1;

	if (part)
		*part = fmin(at - b, 1);
	return b;
}

/* How much was used since the last time, itself included; is it within reach? */
static bool count_distance(struct mrc *m, unsigned int k)
{
	uint64_t bytes = m->total - sizes_until(m, m->key[k].slot) + m->key[k].size;

	m->distance[distance_bucket((double)bytes, NULL)] += m->weight;
	return bytes <= m->limit;
}

static void touch(struct mrc *m, unsigned int k, const struct policy_sample *s,
		  struct mrc_seen *seen)
{
	struct mrc_key *key = &m->key[k];
	uint64_t gap = s->time > key->last_use ? s->time - key->last_use : 0;
	unsigned int i;

	seen->lru = count_distance(m, k);
	seen->trial = key->tiers & 1U << MRC_TRIAL;
	key->gap = mrc_fls(gap >> MRC_AGE_SHIFT) >> 1 & 1;
	for (i = 0; i < MRC_TIERS; i++)
		if (key->tiers & 1U << i)
			mrc_tier_touch(m, i, k, s->class);
	if (s->time > key->last_use)
		key->last_use = s->time;
	key_use(m, k);
}

/*
 * A hit, or a put: that is what the kernel counts, too.  A miss that nobody
 * puts is no use of anything, and MATCH tells no miss but the first.
 */
static void use_key(struct mrc *m, const struct policy_sample *s, struct mrc_seen *seen)
{
	unsigned int k = key_find(m, s->hash), i;

	decay(m);
	seen->use = true;
	m->refs += m->weight;
	if (s->kind == KVMEM_SAMPLE_KIND_HIT)
		m->real += m->weight;
	if (m->since > s->time)
		m->since = s->time;
	if (m->latest < s->time)
		m->latest = s->time;
	if (k) {
		key_resize(m, k, s->size);
		touch(m, k, s, seen);
	} else {
		k = key_new(m, s->hash, s->time);
		key_resize(m, k, s->size);
	}
	/* Where it is missing, the client puts it. */
	for (i = 0; i < MRC_TIERS; i++)
		mrc_tier_put(m, i, k, s->class, s->time);
}

static void delete_key(struct mrc *m, uint64_t hash)
{
	unsigned int k = key_find(m, hash);

	m->deleted += m->weight;
	if (!k)
		return;
	key_drop(m, k);
	m->key[k].chain = m->spare;
	m->spare = (uint16_t)k;
}

void mrc_sample(struct mrc *m, const struct policy_sample *s, struct mrc_seen *seen)
{
	*seen = (struct mrc_seen){ 0 };
	if (!m->one_in || s->hash & (m->one_in - 1) || s->class >= KVMEM_NL_NR_CLASSES)
		return;
	switch (s->kind) {
	case KVMEM_SAMPLE_KIND_HIT:
	case KVMEM_SAMPLE_KIND_PUT:
		use_key(m, s, seen);
		break;
	case KVMEM_SAMPLE_KIND_DELETE:
		delete_key(m, s->hash);
		break;
	}
}

/* --- answers --- */

double mrc_lru(const struct mrc *m, double bytes)
{
	double part, hits = 0;
	unsigned int b, last;

	if (!m->one_in || m->refs <= 0)
		return NAN;
	last = distance_bucket(bytes / m->one_in, &part);
	for (b = 0; b < last; b++)
		hits += m->distance[b];
	return (hits + part * m->distance[last]) / m->refs;
}

double mrc_most(const struct mrc *m)
{
	double hits = 0;
	unsigned int b;

	for (b = 0; b < MRC_DISTANCES; b++)
		hits += m->distance[b];
	return m->refs > 0 ? hits / m->refs : NAN;
}

double mrc_tier_rate(const struct mrc *m, unsigned int tier)
{
	return m->refs > 0 ? m->tier[tier].hits / m->refs : NAN;
}

/* Down the tree to the last slot below all that fits; the next one is LRU's victim. */
uint64_t mrc_lru_age(const struct mrc *m)
{
	uint64_t below, sum = 0, last_use = m->since;
	uint32_t slot = 0, step;

	if (!m->limit || !m->total)
		return 0;
	below = m->total > m->limit ? m->total - m->limit : 0;
	for (step = MRC_SLOTS; step && below; step >>= 1) {
		if (slot + step > MRC_SLOTS || sum + m->sizes[slot + step] > below)
			continue;
		slot += step;
		sum += m->sizes[slot];
	}
	if (below)
		last_use = m->key[m->of_slot[slot + 1]].last_use;
	return m->latest > last_use ? m->latest - last_use : 1;
}
