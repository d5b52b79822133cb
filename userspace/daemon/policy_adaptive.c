// SPDX-License-Identifier: GPL-2.0
/*
 * The adaptive policy: how likely blocks of each class are used again at each
 * age, and from that what keeping one is worth.
 */
#include <math.h>
#include <string.h>

#include "policy_adaptive.h"

/* What is believed before anything was seen: the same chance in each octave
 * of age, which makes LRU, ... */
#define PRIOR_OCTAVE	0.02
/* ... odds that grow with each doubling of the uses there were, ... */
#define PRIOR_LEVEL	1.5
/* ... and as if so many blocks had been seen. */
#define PRIOR_WEIGHT	200.0
/* Uses after which what was seen counts 1/e. */
#define MEMORY		100000.0
/* No table for fewer uses than this. */
#define UPDATE_MIN	64.0

/* The shadow: uses (of all keys) after which a comparison counts 1/e; */
#define SHADOW_MEMORY	15000.0
/* adaptive has lost when it is so many sigmas and so much of the uses worse; */
#define SHADOW_SIGMAS	4.0
#define SHADOW_LOSS	0.005
/* then LRU for so many uses, three times as many each time, a third after a good trial. */
#define BACKOFF_MIN	30000.0
#define BACKOFF_MAX	2430000.0
/* Uses before a trial is judged. */
#define TRIAL		3000.0
/* Sampled keys that the shadow holds at least, if the namespace does. */
#define SHADOW_AIM	256

void pa_init(struct pa *pa, const struct pa_config *cfg)
{
	memset(pa, 0, sizeof(*pa));
	pa->cfg = *cfg;
	pa->backoff = BACKOFF_MIN;
	pa->shadow.one_in = 1;
}

uint64_t pa_age_edge(const struct pa_config *cfg, unsigned int age)
{
	unsigned int octave, part;

	if (!age)
		return 0;
	octave = (age - 1) >> cfg->fine;
	part = (age - 1) & ((1U << cfg->fine) - 1);
	return ((1ULL << PA_AGE_SHIFT) << octave) +
	       (((uint64_t)part << PA_AGE_SHIFT) << octave >> cfg->fine);
}

/* 1000 an octave; one hit in 2^50 ns is 0. */
static uint16_t scale(double rate)
{
	double v = (log2(rate) + 50) * 1000;

	return v < 0 ? 0 : v > 65535 ? 65535 : (uint16_t)v;
}

/* On the same scale as the others: members of a pool are compared. */
void pa_lru_table(const struct pa_config *cfg, struct pa_table *table)
{
	unsigned int c, a;

	for (c = 0; c < PA_CLASSES; c++)
		for (a = 0; a < cfg->ages; a++)
			table->value[c][a] = scale(PRIOR_OCTAVE /
						   (double)pa_age_edge(cfg, a + 1));
}

/* --- what has happened since the last time --- */

static double grown(uint64_t now, uint64_t then)
{
	/* totals begin anew when the module is reloaded */
	return (double)(now >= then ? now - then : now);
}

static void delta_class(struct pa *pa, const struct pa_hist *h, unsigned int c)
{
	struct pa_delta *d = &pa->delta;
	double hits, x = (double)h->blocks[c] - (double)pa->last.blocks[c];
	unsigned int a;

	/* What left came in, what is in came in. */
	for (a = 0; a < pa->cfg.ages; a++) {
		hits = grown(h->hits[c][a], pa->last.hits[c][a]);
		x += hits + grown(h->evictions[c][a], pa->last.evictions[c][a]);
		d->events[c][a] = hits + grown(h->ghost_hits[c][a],
					       pa->last.ghost_hits[c][a]);
	}
	d->entered[c] = x > 0 ? x : 0;
	d->refs += d->entered[c];
}

static void age_out(struct pa *pa, const struct pa_hist *h)
{
	double keep = exp(-pa->delta.refs / MEMORY);
	unsigned int c, a;

	for (c = 0; c < PA_CLASSES; c++) {
		pa->entered[c] = pa->entered[c] * keep + pa->delta.entered[c];
		pa->cost[c] = pa->cost[c] * keep + grown(h->hit_cost[c], pa->last.hit_cost[c]);
		pa->cost_bytes[c] = pa->cost_bytes[c] * keep +
				    grown(h->hit_bytes[c], pa->last.hit_bytes[c]);
		for (a = 0; a < pa->cfg.ages; a++)
			pa->events[c][a] = pa->events[c][a] * keep + pa->delta.events[c][a];
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

static void counts_add(struct pa_counts *to, const struct pa_counts *from, unsigned int ages)
{
	unsigned int a;

	for (a = 0; a < ages; a++) {
		to->events[a] += from->events[a];
		to->came[a] += from->came[a];
	}
}

static void count(struct pa *pa)
{
	unsigned int ages = pa->cfg.ages, c, a;
	const double *then;

	memset(pa->level, 0, sizeof(pa->level));
	memset(&pa->all, 0, sizeof(pa->all));
	for (a = 0; a < ages; a++) {
		then = entered_before(pa, (pa_age_edge(&pa->cfg, a) +
					   pa_age_edge(&pa->cfg, a + 1)) / 2);
		for (c = 0; c < PA_CLASSES; c++) {
			pa->count[c].events[a] = pa->events[c][a];
			pa->count[c].came[a] = then ? then[c] : 0;
		}
	}
	for (c = 0; c < PA_CLASSES; c++) {
		counts_add(&pa->level[c % PA_LEVELS], &pa->count[c], ages);
		counts_add(&pa->all, &pa->count[c], ages);
	}
}

/* How many got to each age: a block used at an earlier one did not. */
static void risks(const struct pa *pa, const struct pa_counts *n, const double *prior,
		  double *risk)
{
	double alive = 1;
	unsigned int a;

	for (a = 0; a < pa->cfg.ages; a++) {
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
static void chances(const struct pa *pa, const struct pa_counts *n, const double *prior,
		    double *chance)
{
	int ages = (int)pa->cfg.ages, reach = 1 << pa->cfg.fine, a, i;
	double risk[PA_MAX_AGES], e, r, w;

	risks(pa, n, prior, risk);
	for (a = 0; a < ages; a++) {
		e = PRIOR_WEIGHT * prior[a];
		r = PRIOR_WEIGHT;
		for (i = a - reach; i <= a + reach; i++) {
			if (i < 0 || i >= ages)
				continue;
			w = 1.0 / (double)(1 << (i < a ? a - i : i - a));
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
	double prior[PA_MAX_AGES], all[PA_MAX_AGES], level[PA_MAX_AGES], odds[PA_LEVELS];
	unsigned int ages = pa->cfg.ages, a, l, c;

	count(pa);
	level_odds(pa, odds);
	for (a = 0; a < ages; a++)
		prior[a] = PRIOR_OCTAVE / (1 << pa->cfg.fine);
	chances(pa, &pa->all, prior, all);
	for (l = 0; l < PA_LEVELS; l++) {
		for (a = 0; a < ages; a++)
			prior[a] = all[a] * odds[l] / (1 - all[a] + all[a] * odds[l]);
		chances(pa, &pa->level[l], prior, level);
		for (c = l; c < PA_CLASSES; c += PA_LEVELS)
			chances(pa, &pa->count[c], level, pa->reuse[c]);
	}
}

/* --- values --- */

/* The best rate of hits over time that keeping a block to some age gives. */
static double best_rate(const struct pa *pa, const double *chance, unsigned int from)
{
	double hits = 0, time = 0, alive = 1, best = 0, width;
	unsigned int a;

	for (a = from; a < pa->cfg.ages; a++) {
		width = (double)(pa_age_edge(&pa->cfg, a + 1) - pa_age_edge(&pa->cfg, a));
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
		for (a = 0; a < pa->cfg.ages; a++)
			table->value[c][a] = scale(worth * best_rate(pa, pa->reuse[c], a));
	}
}

/* --- the shadow of LRU --- */

unsigned int pa_set_capacity(struct pa *pa, uint64_t capacity)
{
	struct pa_shadow *s = &pa->shadow;
	unsigned int one_in = 1;

	while (capacity / one_in >= 2 * SHADOW_AIM)
		one_in *= 2;
	if (one_in != s->one_in) {
		memset(s, 0, sizeof(*s));
		s->one_in = one_in;
	}
	s->capacity = (unsigned int)((capacity + one_in / 2) / one_in);
	return one_in;
}

static void ring_del(struct pa_shadow *s, unsigned int i)
{
	s->e[s->e[i].prev].next = s->e[i].next;
	s->e[s->e[i].next].prev = s->e[i].prev;
}

static void ring_add(struct pa_shadow *s, unsigned int i)
{
	s->e[i].prev = 0;
	s->e[i].next = s->e[0].next;
	s->e[s->e[0].next].prev = (uint16_t)i;
	s->e[0].next = (uint16_t)i;
}

/* The low bits are what it was sampled by. */
static uint16_t *bucket_of(struct pa_shadow *s, uint64_t hash)
{
	return &s->bucket[(hash >> 32) % PA_SHADOW_SETS];
}

static unsigned int shadow_forget(struct pa_shadow *s)
{
	unsigned int i = s->e[0].prev;
	uint16_t *p = bucket_of(s, s->e[i].hash);

	ring_del(s, i);
	while (*p != i)
		p = &s->e[*p].chain;
	*p = s->e[i].chain;
	return i;
}

/* Use @hash; was it there? */
static bool shadow_use(struct pa_shadow *s, uint64_t hash)
{
	uint16_t *p = bucket_of(s, hash);
	unsigned int i;

	for (i = *p; i; i = s->e[i].chain) {
		if (s->e[i].hash != hash)
			continue;
		ring_del(s, i);
		ring_add(s, i);
		return true;
	}
	i = s->used < s->capacity && s->used < PA_SHADOW ? ++s->used : shadow_forget(s);
	s->e[i].hash = hash;
	s->e[i].chain = *p;
	*p = (uint16_t)i;
	ring_add(s, i);
	return false;
}

void pa_sample(struct pa *pa, uint64_t hash, bool hit)
{
	struct pa_shadow *s = &pa->shadow;
	double keep = 1 - s->one_in / SHADOW_MEMORY;
	bool lru;

	if (!s->capacity || hash & (s->one_in - 1))
		return;
	if (keep < 0)
		keep = 0;
	lru = shadow_use(s, hash);
	s->refs = s->refs * keep + 1;
	s->real = s->real * keep + hit;
	s->lru = s->lru * keep + lru;
	s->differ = s->differ * keep + (lru != hit);
}

static void start_trial(struct pa *pa)
{
	struct pa_shadow *s = &pa->shadow;

	pa->lru = false;
	pa->trial = pa->refs;
	s->refs = s->real = s->lru = s->differ = 0;
}

/* Has adaptive lost, or has LRU been on for long enough? */
static void judge(struct pa *pa)
{
	const struct pa_shadow *s = &pa->shadow;
	double lost = s->lru - s->real;

	if (pa->lru) {
		if (pa->refs >= pa->lru_until)
			start_trial(pa);
		return;
	}
	if (pa->refs - pa->trial < TRIAL)
		return;
	if (lost > SHADOW_SIGMAS * sqrt(s->differ) && lost > SHADOW_LOSS * s->refs) {
		pa->lru = true;
		pa->lru_until = pa->refs + pa->backoff;
		pa->backoff = pa->backoff * 3 < BACKOFF_MAX ? pa->backoff * 3 : BACKOFF_MAX;
	} else if (pa->refs - pa->trial > 4 * pa->backoff && pa->backoff > BACKOFF_MIN) {
		pa->backoff /= 3;
		pa->trial = pa->refs;
	}
}

/* --- */

bool pa_update(struct pa *pa, const struct pa_hist *hist, uint64_t now,
	       struct pa_table *table)
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
	age_out(pa, hist);
	pa->refs += pa->delta.refs;
	pa->last = *hist;
	pa->last_time = now;
	snapshot(pa, now);
	learn(pa);
	judge(pa);
	if (pa->lru && pa->cfg.fallback)
		pa_lru_table(&pa->cfg, table);
	else
		fill(pa, table);
	return true;
}
