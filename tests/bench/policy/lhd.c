// SPDX-License-Identifier: GPL-2.0
/*
 * LHD (Beckmann, Chen and Cidon, NSDI'18) for blocks of one size: the least
 * hit density of 64 blocks picked by chance goes; classes by the sum of the
 * two ages before, ages coarsened so that the cache spans a quarter of them,
 * counts halved whenever they are used.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define LHD_CLASSES	16
#define LHD_AGES	1024
#define LHD_SAMPLES	64

struct lhd {
	double hits[LHD_CLASSES][LHD_AGES];
	double evictions[LHD_CLASSES][LHD_AGES];
	double density[LHD_CLASSES][LHD_AGES];
	u32 *cached, *slot, *last, *age1, *age2;
	u32 used, unit, since;
	u64 rng;
};

static u32 lhd_class(const struct lhd *l, u32 id)
{
	u32 sum = l->age1[id] == NONE ? NONE : l->age1[id] + l->age2[id];
	u32 c = 0;

	if (sum == NONE)
		return LHD_CLASSES - 1;
	for (sum = sum / l->unit; sum && c < LHD_CLASSES - 2; sum >>= 1)
		c++;
	return c;
}

static u32 lhd_age(const struct lhd *l, u32 id, u32 now)
{
	u32 age = (now - l->last[id]) / l->unit;

	return age < LHD_AGES ? age : LHD_AGES - 1;
}

static void lhd_class_update(struct lhd *l, u32 c)
{
	double events = 0, hits = 0, time = 0;
	u32 a;

	for (a = LHD_AGES - 1; a < LHD_AGES; a--) {
		hits += l->hits[c][a];
		events += l->hits[c][a] + l->evictions[c][a];
		time += events;
		l->density[c][a] = time > 0.00001 ? hits / time : 0;
		l->hits[c][a] *= 0.9;
		l->evictions[c][a] *= 0.9;
	}
}

static void lhd_update(struct lhd *l)
{
	u32 c;

	for (c = 0; c < LHD_CLASSES; c++)
		lhd_class_update(l, c);
	l->since = 0;
}

static u32 lhd_victim(struct lhd *l, u32 now)
{
	u32 i, id, best = NONE;
	double d, least = 0;

	for (i = 0; i < LHD_SAMPLES; i++) {
		l->rng += 0x9e3779b97f4a7c15ULL;
		id = l->cached[mix64(l->rng) % l->used];
		d = l->density[lhd_class(l, id)][lhd_age(l, id, now)];
		if (best == NONE || d < least || (d == least && l->last[id] < l->last[best])) {
			least = d;
			best = id;
		}
	}
	return best;
}

static void lhd_miss(struct lhd *l, u32 id, u32 capacity, u32 now)
{
	u32 at = l->used, victim;

	if (l->used == capacity) {
		victim = lhd_victim(l, now);
		l->evictions[lhd_class(l, victim)][lhd_age(l, victim, now)]++;
		at = l->slot[victim];
		l->slot[victim] = NONE;
	} else {
		l->used++;
	}
	l->cached[at] = id;
	l->slot[id] = at;
	l->age1[id] = NONE;
	l->age2[id] = NONE;
}

static void lhd_hit(struct lhd *l, u32 id, u32 now)
{
	l->hits[lhd_class(l, id)][lhd_age(l, id, now)]++;
	l->age2[id] = l->age1[id] == NONE ? 0 : l->age1[id];
	l->age1[id] = now - l->last[id];
}

static int lhd_init(struct lhd *l, u32 nr_ids, u32 capacity)
{
	u32 **v[] = { &l->cached, &l->slot, &l->last, &l->age1, &l->age2 };
	u32 i, c, a;

	for (i = 0; i < 5; i++) {
		*v[i] = malloc((i ? nr_ids : capacity + 1) * sizeof(u32));
		if (!*v[i])
			return -ENOMEM;
	}
	memset(l->slot, 0xff, nr_ids * sizeof(u32));
	l->unit = capacity * 4 / LHD_AGES + 1;
	for (c = 0; c < LHD_CLASSES; c++)
		for (a = 0; a < LHD_AGES; a++)
			l->density[c][a] = 1.0 / (a + 1) * (c + 1);
	return 0;
}

int run_lhd(struct sim_trace *t, u32 capacity, const struct sim_options *o, struct sim_result *r)
{
	struct lhd *l = calloc(1, sizeof(*l));
	u32 i, id, every = capacity > 4096 ? capacity : 4096;
	int err;

	(void)o;
	err = l ? lhd_init(l, t->nr_ids, capacity) : -ENOMEM;
	for (i = 0; !err && i < t->nr_refs; i++) {
		id = t->ids[i];
		sim_count(r, l->slot[id] != NONE);
		if (l->slot[id] != NONE)
			lhd_hit(l, id, i);
		else
			lhd_miss(l, id, capacity, i);
		l->last[id] = i;
		if (++l->since == every)
			lhd_update(l);
	}
	if (!l)
		return err;
	free(l->cached);
	free(l->slot);
	free(l->last);
	free(l->age1);
	free(l->age2);
	free(l);
	return err;
}
