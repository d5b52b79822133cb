// SPDX-License-Identifier: GPL-2.0
/* Miniature tiers: the kernel's eviction (kmod/core/evict.c) on sampled keys. */
#include <string.h>

#include "daemon/mrc.h"

#define NO_GHOST	0xff

static unsigned int head_of(unsigned int class)
{
	return MRC_KEYS + 1 + class;
}

void mrc_tier_reset(struct mrc_tier *t)
{
	unsigned int c;

	t->used = 0;
	t->evictions = 0;
	t->hits = 0;
	t->mask = 0;
	for (c = 0; c < MRC_HEADS; c++) {
		t->e[head_of(c)].prev = (uint16_t)head_of(c);
		t->e[head_of(c)].next = (uint16_t)head_of(c);
	}
}

/* --- classes --- */

static uint8_t class_of(unsigned int hint, unsigned int hits)
{
	unsigned int level = mrc_fls(hits + 1) - 1;

	return (uint8_t)(hint << 3 | (level < 7 ? level : 7));
}

/*
 * Hint of a block that was used again.  Whether its prompt is growing is not
 * told at a hit: as the last time.
 */
static unsigned int used_hint(const struct mrc *m, unsigned int gap, uint8_t told)
{
	if (m->hinted)
		return told >> 3;
	return gap | (told & 7 ? told >> 3 & 6 : 0);
}

/* --- lists --- */

static void link_key(struct mrc *m, struct mrc_tier *t, unsigned int k)
{
	unsigned int class = m->arrival ? 0 : t->e[k].class, head = head_of(class);

	t->e[k].prev = (uint16_t)head;
	t->e[k].next = t->e[head].next;
	t->e[t->e[head].next].prev = (uint16_t)k;
	t->e[head].next = (uint16_t)k;
	t->mask |= 1ULL << class;
}

static void unlink_key(struct mrc *m, struct mrc_tier *t, unsigned int k)
{
	unsigned int class = m->arrival ? 0 : t->e[k].class, head = head_of(class);

	t->e[t->e[k].prev].next = t->e[k].next;
	t->e[t->e[k].next].prev = t->e[k].prev;
	if (t->e[head].next == head)
		t->mask &= ~(1ULL << class);
}

void mrc_tier_drop(struct mrc *m, unsigned int i, unsigned int k)
{
	struct mrc_tier *t = &m->tier[i];

	if (m->key[k].tiers & 1U << i) {
		unlink_key(m, t, k);
		t->used -= m->key[k].size;
		m->key[k].tiers &= (uint8_t)~(1U << i);
	}
	mrc_tier_forget(m, i, k);
}

void mrc_tier_forget(struct mrc *m, unsigned int i, unsigned int k)
{
	m->tier[i].e[k].class = NO_GHOST;
}

/* --- eviction --- */

static uint32_t row_value(const uint16_t *row, uint64_t age)
{
	unsigned int b = mrc_fls(age >> MRC_AGE_SHIFT);
	int here, at;

	if (b >= KVMEM_NL_NR_AGES - 1)
		return row[KVMEM_NL_NR_AGES - 1];
	here = row[b];
	if (!b)
		return (uint32_t)here;
	at = (int)(age >> (b + MRC_AGE_SHIFT - 9) & 255);
	if (at < 128)
		return (uint32_t)(here + (row[b - 1] - here) * (128 - at) / 256);
	return (uint32_t)(here + (row[b + 1] - here) * (at - 128) / 256);
}

struct victim {
	unsigned int k;
	uint32_t value;
	uint64_t last_use;
};

static void try(const struct mrc *m, const uint16_t *row, unsigned int k, uint64_t now,
		struct victim *v)
{
	uint64_t last_use = m->key[k].last_use;
	uint32_t value = row_value(row, now > last_use ? now - last_use : 0);

	if (v->k && (value > v->value || (value == v->value && last_use >= v->last_use)))
		return;
	*v = (struct victim){ k, value, last_use };
}

static unsigned int choose(const struct mrc *m, unsigned int i, uint64_t now)
{
	const struct mrc_table *table = i == MRC_TRIAL ? &m->trial : &m->table;
	const struct mrc_tier *t = &m->tier[i];
	uint64_t mask = t->mask;
	struct victim v = { 0 };

	if (m->arrival)
		return t->e[head_of(0)].prev;
	for (; mask; mask &= mask - 1) {
		unsigned int class = (unsigned int)__builtin_ctzll(mask);
		const uint16_t *row = table->value[class];

		try(m, row, t->e[head_of(class)].prev, now, &v);
		if (!(table->falls & 1ULL << class))
			try(m, row, t->e[head_of(class)].next, now, &v);
	}
	return v.k;
}

static void evict(struct mrc *m, unsigned int i, uint64_t now)
{
	struct mrc_tier *t = &m->tier[i];
	unsigned int k = choose(m, i, now);
	uint8_t class = t->e[k].class;

	mrc_tier_drop(m, i, k);
	t->e[k].class = class;
	t->e[k].at = t->evictions++;
}

void mrc_tier_resize(struct mrc *m, unsigned int i, uint64_t limit, uint32_t ghosts)
{
	/* Too much in it goes with the next put. */
	m->tier[i].limit = limit;
	m->tier[i].ghosts = ghosts;
}

/* --- accesses --- */

void mrc_tier_touch(struct mrc *m, unsigned int i, unsigned int k, uint8_t told)
{
	struct mrc_tier *t = &m->tier[i];
	struct mrc_entry *e = &t->e[k];

	t->hits += m->weight;
	if (m->arrival)
		return;
	unlink_key(m, t, k);
	if (e->hits < UINT8_MAX)
		e->hits++;
	e->class = class_of(used_hint(m, m->key[k].gap, told), e->hits);
	link_key(m, t, k);
}

static bool is_ghost(const struct mrc_tier *t, const struct mrc_entry *e)
{
	return e->class != NO_GHOST && t->evictions - e->at <= t->ghosts;
}

void mrc_tier_put(struct mrc *m, unsigned int i, unsigned int k, uint8_t told, uint64_t now)
{
	struct mrc_tier *t = &m->tier[i];
	struct mrc_entry *e = &t->e[k];
	uint32_t size = m->key[k].size;

	if (m->key[k].tiers & 1U << i || size > t->limit)
		return;
	while (t->mask && t->used + size > t->limit)
		evict(m, i, now);
	if (is_ghost(t, e)) {
		e->hits = (uint8_t)(1U << (e->class & 7));
		e->class = class_of(used_hint(m, m->key[k].gap, told), e->hits);
	} else {
		e->hits = 0;
		e->class = class_of(told >> 3, 0);
	}
	m->key[k].tiers |= (uint8_t)(1U << i);
	t->used += size;
	link_key(m, t, k);
}
