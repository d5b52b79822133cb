// SPDX-License-Identifier: GPL-2.0
/*
 * The adaptive policy: how likely blocks of each class are used again at each
 * age, and from that what keeping one is worth.
 */
#include <math.h>
#include <string.h>

#include "daemon/policy_adaptive.h"

/*
 * What is believed before anything was seen: the same chance in each octave
 * of age, which makes LRU, ...
 */
#define PRIOR_OCTAVE	0.02
/* ... odds that grow with each doubling of the uses there were, ... */
#define PRIOR_LEVEL	1.5
/* ... and as if so many blocks had been seen. */
#define PRIOR_WEIGHT	200.0
/* Uses after which what was seen counts 1/e. */
#define MEMORY		100000.0
/* No table for fewer uses than this. */
#define UPDATE_MIN	64.0

void pa_init(struct pa *pa)
{
	memset(pa, 0, sizeof(*pa));
}

uint64_t pa_age_edge(unsigned int age)
{
	return age ? 1ULL << (PA_AGE_SHIFT - 1 + age) : 0;
}

/* 1000 an octave; one hit in 2^50 ns is 0. */
uint16_t pa_scale(double rate)
{
	double v = (log2(rate) + 50) * 1000;

	return (uint16_t)fmin(fmax(v, 0), 65535);
}

/* On the same scale as the others: members of a pool are compared. */
void pa_lru_table(struct pa_table *table)
{
	unsigned int c, a;

	for (c = 0; c < PA_CLASSES; c++)
		for (a = 0; a < PA_AGES; a++)
			table->value[c][a] = pa_scale(PRIOR_OCTAVE /
						   (double)pa_age_edge(a + 1));
}

/* --- what has happened since the last time --- */

double pa_grown(uint64_t now, uint64_t then)
{
	return (double)(now >= then ? now - then : now);
}

static void delta_class(struct pa *pa, const struct policy_hist *h, unsigned int c)
{
	struct pa_delta *d = &pa->delta;
	double hits, x = (double)h->blocks[c] - (double)pa->last.blocks[c];
	unsigned int a;

	/* What left came in, what is in came in. */
	for (a = 0; a < PA_AGES; a++) {
		hits = pa_grown(h->hits[c][a], pa->last.hits[c][a]);
		d->evictions[c][a] = pa_grown(h->evictions[c][a], pa->last.evictions[c][a]);
		d->events[c][a] = hits + pa_grown(h->ghost_hits[c][a],
						  pa->last.ghost_hits[c][a]);
		d->hits += hits;
		x += hits + d->evictions[c][a];
	}
	d->cost[c] = pa_grown(h->hit_cost[c], pa->last.hit_cost[c]);
	d->cost_bytes[c] = pa_grown(h->hit_bytes[c], pa->last.hit_bytes[c]);
	d->entered[c] = x > 0 ? x : 0;
	d->refs += d->entered[c];
}

static void age_out(struct pa *pa)
{
	const struct pa_delta *d = &pa->delta;
	double keep = exp(-d->refs / MEMORY);
	unsigned int c, a;

	for (c = 0; c < PA_CLASSES; c++) {
		pa->entered[c] = pa->entered[c] * keep + d->entered[c];
		pa->cost[c] = pa->cost[c] * keep + d->cost[c];
		pa->cost_bytes[c] = pa->cost_bytes[c] * keep + d->cost_bytes[c];
		for (a = 0; a < PA_AGES; a++)
			pa->events[c][a] = pa->events[c][a] * keep + d->events[c][a];
	}
}

static void snapshot(struct pa *pa, uint64_t now)
{
	unsigned int s;

	for (s = 0; s < PA_SPACINGS && !(pa->updates & ((1ULL << s) - 1)); s++) {
		struct pa_snapshot *p = &pa->snap[s][(pa->updates >> s) % PA_SNAPSHOTS];

		p->time = now;
		memcpy(p->entered, pa->entered, sizeof(p->entered));
	}
	pa->updates++;
}

/*
 * Blocks used now at @age came in @age ago, so they are to be compared with
 * what had come in by then, decayed as of then.  NULL: before we began.
 */
static const double *entered_before(const struct pa *pa, uint64_t age)
{
	uint64_t want = pa->last_time - age, best = UINT64_MAX, off;
	const struct pa_snapshot *p = pa->snap[0], *found = NULL;
	unsigned int i;

	if (age > pa->last_time || want < pa->first_time)
		return NULL;
	for (i = 0; i < PA_SPACINGS * PA_SNAPSHOTS; i++, p++) {
		off = p->time > want ? p->time - want : want - p->time;
		if (p->time && off < best) {
			best = off;
			found = p;
		}
	}
	return found ? found->entered : NULL;
}

/* --- chances of reuse --- */

static void counts_add(struct pa_counts *to, const struct pa_counts *from)
{
	unsigned int a;

	for (a = 0; a < PA_AGES; a++) {
		to->events[a] += from->events[a];
		to->came[a] += from->came[a];
	}
}

static void count(struct pa *pa)
{
	unsigned int c, a;
	const double *then;

	memset(pa->level, 0, sizeof(pa->level));
	memset(&pa->all, 0, sizeof(pa->all));
	for (a = 0; a < PA_AGES; a++) {
		then = entered_before(pa, (pa_age_edge(a) +
					   pa_age_edge(a + 1)) / 2);
		for (c = 0; c < PA_CLASSES; c++) {
			pa->count[c].events[a] = pa->events[c][a];
			pa->count[c].came[a] = then ? then[c] : 0;
		}
	}
	for (c = 0; c < PA_CLASSES; c++) {
		counts_add(&pa->level[c % PA_LEVELS], &pa->count[c]);
		counts_add(&pa->all, &pa->count[c]);
	}
}

/* How many got to each age: a block used at an earlier one did not. */
static void risks(const struct pa_counts *n, const double *prior, double *risk)
{
	double alive = 1;
	unsigned int a;

	for (a = 0; a < PA_AGES; a++) {
		risk[a] = n->came[a] * alive;
		if (risk[a] < n->events[a])
			risk[a] = n->events[a];
		alive *= 1 - (n->events[a] + PRIOR_WEIGHT * prior[a]) /
			     (risk[a] + PRIOR_WEIGHT);
	}
}

/*
 * The chance of being used in each bucket, having got there: counts, smoothed
 * over an octave to both sides, mixed with what is believed already.
 */
static void chances(const struct pa_counts *n, const double *prior, double *chance)
{
	int a, i;
	double risk[PA_AGES], e, r, w;

	risks(n, prior, risk);
	for (a = 0; a < PA_AGES; a++) {
		e = PRIOR_WEIGHT * prior[a];
		r = PRIOR_WEIGHT;
		for (i = a - 1; i <= a + 1; i++) {
			if (i < 0 || i >= PA_AGES)
				continue;
			w = i == a ? 1 : 0.5;
			e += w * n->events[i];
			r += w * risk[i];
		}
		chance[a] = e / r;
	}
}

/* Odds of each level against the mean of them all. */
static void level_odds(const struct pa *pa, double *odds)
{
	double all = 0, mean = 0, n[PA_LEVELS] = { 0 };
	unsigned int c, l;

	for (c = 0; c < PA_CLASSES; c++)
		n[c % PA_LEVELS] += pa->entered[c];
	for (l = 0; l < PA_LEVELS; l++) {
		odds[l] = pow(PRIOR_LEVEL, l);
		all += n[l];
		mean += n[l] * odds[l];
	}
	for (l = 0; l < PA_LEVELS && mean > 0; l++)
		odds[l] *= all / mean;
}

/* All classes together, from that each level, from that each class. */
static void learn(struct pa *pa)
{
	double prior[PA_AGES], all[PA_AGES], level[PA_AGES], odds[PA_LEVELS];
	unsigned int a, l, c;

	count(pa);
	level_odds(pa, odds);
	for (a = 0; a < PA_AGES; a++)
		prior[a] = PRIOR_OCTAVE;
	chances(&pa->all, prior, all);
	for (l = 0; l < PA_LEVELS; l++) {
		for (a = 0; a < PA_AGES; a++)
			prior[a] = all[a] * odds[l] / (1 - all[a] + all[a] * odds[l]);
		chances(&pa->level[l], prior, level);
		for (c = l; c < PA_CLASSES; c += PA_LEVELS)
			chances(&pa->count[c], level, pa->reuse[c]);
	}
}

/* --- values --- */

/* The best rate of hits over time that keeping a block to some age gives. */
static double best_rate(const double *chance, unsigned int from)
{
	double hits = 0, time = 0, alive = 1, best = 0, width;
	unsigned int a;

	for (a = from; a < PA_AGES; a++) {
		width = (double)(pa_age_edge(a + 1) - pa_age_edge(a));
		hits += alive * chance[a];
		time += alive * width * (1 - chance[a] / 2);
		alive *= 1 - chance[a];
		if (hits > best * time)
			best = hits / time;
	}
	return best;
}

/*
 * Tokens a byte saves, against the mean: 1 for all when no costs are given.
 * A class with few hits is taken for average.
 */
static double class_cost(const struct pa *pa, unsigned int class, double mean, double bytes)
{
	double prior = bytes / (PA_CLASSES * 16);

	if (mean <= 0 || bytes <= 0)
		return 1;
	return (pa->cost[class] / mean + prior) / (pa->cost_bytes[class] + prior);
}

static void fill(struct pa *pa, struct pa_table *table)
{
	double cost = 0, bytes = 0, worth;
	unsigned int c, a;

	for (c = 0; c < PA_CLASSES; c++) {
		cost += pa->cost[c];
		bytes += pa->cost_bytes[c];
	}
	for (c = 0; c < PA_CLASSES; c++) {
		worth = class_cost(pa, c, bytes > 0 ? cost / bytes : 0, bytes);
		for (a = 0; a < PA_AGES; a++)
			table->value[c][a] = pa_scale(worth * best_rate(pa->reuse[c], a));
	}
}

/* --- */

bool pa_count(struct pa *pa, const struct policy_hist *hist, uint64_t now)
{
	unsigned int c;

	memset(&pa->delta, 0, sizeof(pa->delta));
	if (!pa->started) {
		pa->started = true;
		pa->first_time = now;
		pa->last = *hist;
		return false;
	}
	for (c = 0; c < PA_CLASSES; c++)
		delta_class(pa, hist, c);
	if (pa->delta.refs < UPDATE_MIN)
		return false;
	age_out(pa);
	pa->refs += pa->delta.refs;
	pa->last = *hist;
	pa->last_time = now;
	snapshot(pa, now);
	return true;
}

void pa_learn(struct pa *pa, struct pa_table *table)
{
	learn(pa);
	fill(pa, table);
}
