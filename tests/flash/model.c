// SPDX-License-Identifier: GPL-2.0
/*
 * The model of what survives: see model.h.
 */
#include <string.h>
#include "model.h"

void pc_init(struct pc_model *m, uint64_t keep)
{
	unsigned int t, k;

	memset(m, 0, sizeof(*m));
	m->keep = keep;
	for (t = 0; t < PC_THREADS; t++)
		for (k = 0; k < PC_KEYS; k++)
			m->key[t][k].absent_ok = true;
}

static void key_may_be(struct pc_key *key, uint32_t gen)
{
	key->gen = gen;
	if (key->nr_maybe < PC_MAYBE)
		key->maybe[key->nr_maybe++] = gen;
}

static void key_is(struct pc_key *key, uint32_t gen)
{
	key->maybe[0] = gen;
	key->nr_maybe = 1;
	key->nr_dead = 0;
	key->absent_ok = false;
}

static void key_forget_dead(struct pc_key *key)
{
	key->nr_maybe -= key->nr_dead;
	memmove(key->maybe, key->maybe + key->nr_dead, key->nr_maybe * sizeof(key->maybe[0]));
	key->nr_dead = 0;
}

void pc_apply(struct pc_model *m, const struct pc_record *r)
{
	struct pc_key *key;
	unsigned int k;

	if (r->thread >= PC_THREADS || r->key >= PC_KEYS)
		return;
	key = &m->key[r->thread][r->key];
	if (r->written > m->written)
		m->written = r->written;
	switch (r->event) {
	case PC_PUT:
		key_may_be(key, r->gen);
		break;
	case PC_PERSISTED:
		/* In one namespace, so in one log: what was deleted before is durable. */
		for (k = 0; k < PC_KEYS; k++)
			key_forget_dead(&m->key[r->thread][k]);
		key_is(key, r->gen);
		key->at = r->written;
		break;
	case PC_DELETE:
		key->absent_ok = true;
		break;
	case PC_DELETED:
		key->nr_dead = key->nr_maybe;
		break;
	case PC_FOUND:
		key_is(key, r->gen);
		break;
	case PC_MISSING:
		key->nr_maybe = 0;
		key->nr_dead = 0;
		key->absent_ok = true;
		break;
	}
}

bool pc_can_put(const struct pc_model *m, unsigned int thread, unsigned int key)
{
	return m->key[thread][key].nr_maybe < PC_MAYBE;
}

bool pc_may_be_absent(const struct pc_model *m, unsigned int thread, unsigned int key)
{
	const struct pc_key *k = &m->key[thread][key];

	return k->absent_ok || (m->keep && m->written - k->at > m->keep);
}

bool pc_may_be(const struct pc_model *m, unsigned int thread, unsigned int key, uint32_t gen)
{
	const struct pc_key *k = &m->key[thread][key];
	unsigned int i;

	for (i = 0; i < k->nr_maybe; i++)
		if (k->maybe[i] == gen)
			return true;
	return false;
}

size_t pc_length(unsigned int thread, unsigned int key, uint32_t gen)
{
	static const size_t base[] = {
		1, 300, 4096, 9216, 20000, 50000, 131072, 250000,
	};

	return base[(key + gen) % 8] + (thread * 31 + key * 7 + gen * 13) % 500;
}

uint64_t pc_content(unsigned int thread, unsigned int key, uint32_t gen)
{
	return (uint64_t)(thread + 1) << 56 | (uint64_t)key << 32 | gen;
}
