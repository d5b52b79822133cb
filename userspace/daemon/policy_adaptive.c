// SPDX-License-Identifier: GPL-2.0
/*
 * The adaptive policy: how likely blocks of each class are used again at each
 * age, and from that what keeping one is worth.
 */
#include <math.h>
#include <string.h>
#include <stdlib.h>

#include "policy_adaptive.h"

double PA_K = 30, PA_P0 = 0.02, PA_TAU = 60000, PA_KL = 200, PA_ODDS=1;

static uint64_t u64_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void pa_init(struct pa *pa, const struct pa_config *cfg)
{
	memset(pa, 0, sizeof(*pa));
	pa->cfg = *cfg;
	if (getenv("PA_K")) PA_K = atof(getenv("PA_K"));
	if (getenv("PA_KL")) PA_KL = atof(getenv("PA_KL"));
	if (getenv("PA_ODDS")) PA_ODDS = atof(getenv("PA_ODDS"));
	if (getenv("PA_P0")) PA_P0 = atof(getenv("PA_P0"));
	if (getenv("PA_TAU")) PA_TAU = atof(getenv("PA_TAU"));
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

void pa_lru_table(const struct pa_config *cfg, struct pa_table *table)
{
	unsigned int c, a;

	for (c = 0; c < PA_CLASSES; c++)
		for (a = 0; a < cfg->ages; a++)
			table->value[c][a] = (uint16_t)(cfg->ages - a);
}

/* --- what has happened since the last time --- */

static uint64_t grown(uint64_t now, uint64_t then)
{
	/* totals begin anew when the module is reloaded */
	return now >= then ? now - then : now;
}

struct delta {
	double entered[PA_CLASSES];
	double events[PA_CLASSES][PA_MAX_AGES];
	double hits, refs;
};

static void delta_class(const struct pa *pa, const struct pa_hist *h, unsigned int c,
			struct delta *d)
{
	double out = 0, x;
	unsigned int a;

	for (a = 0; a < pa->cfg.ages; a++) {
		x = (double)grown(h->hits[c][a], pa->last.hits[c][a]);
		d->hits += x;
		out += x + (double)grown(h->evictions[c][a], pa->last.evictions[c][a]);
		d->events[c][a] = x + (double)grown(h->ghost_hits[c][a],
						   pa->last.ghost_hits[c][a]);
	}
	/* what is in came in, what went out came in */
	x = out + (double)h->blocks[c] - (double)pa->last.blocks[c];
	d->entered[c] = x > 0 ? x : 0;
	d->refs += d->entered[c];
}

static void age_out(struct pa *pa, const struct delta *d, double keep)
{
	unsigned int c, a;

	for (c = 0; c < PA_CLASSES; c++) {
		pa->entered[c] = pa->entered[c] * keep + d->entered[c];
		for (a = 0; a < pa->cfg.ages; a++)
			pa->events[c][a] = pa->events[c][a] * keep + d->events[c][a];
	}
	pa->entered_all = pa->entered_all * keep + d->refs;
	pa->hits_all = pa->hits_all * keep + d->hits;
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
 * Blocks used again at age @age now came in @age ago: they are to be compared
 * with what had come in by then.  NULL: that was before we began.
 */
static const double *entered_before(const struct pa *pa, uint64_t age)
{
	uint64_t want, best = UINT64_MAX, off;
	const struct pa_snapshot *found = NULL;
	unsigned int s, i;

	if (age > pa->last_time || pa->last_time - age < pa->first_time)
		return NULL;
	want = pa->last_time - age;
	for (s = 0; s < PA_SPACINGS; s++)
		for (i = 0; i < PA_SNAPSHOTS; i++) {
			const struct pa_snapshot *p = &pa->snap[s][i];

			if (!p->time)
				continue;
			off = p->time > want ? p->time - want : want - p->time;
			if (off < best) {
				best = off;
				found = p;
			}
		}
	return found ? found->entered : NULL;
}

/* --- chances of reuse --- */

/*
 * chance[a]: of being used in age bucket a, having got there, from counts of
 * one class or of several added up, mixed with what is believed already.
 */
static void chances(const struct pa *pa, const double *events, const double *came,
		    const double *prior, double weight, double *chance)
{
	double alive = 1, risk[PA_MAX_AGES], ev, ri, w;
	unsigned int a, n = pa->cfg.ages; int i;
	static int sm = -1; if (sm < 0) sm = getenv("SM") ? atoi(getenv("SM")) : 0;

	for (a = 0; a < n; a++) {
		risk[a] = came[a] * alive;
		if (risk[a] < events[a])
			risk[a] = events[a];
		alive *= 1 - (events[a] + weight * prior[a]) / (risk[a] + weight);
	}
	for (a = 0; a < n; a++) {
		ev = ri = 0;
		for (i = -sm; i <= sm; i++) {
			if ((int)a + i < 0 || a + i >= n) continue;
			w = 1.0 / (1 << abs(i));
			ev += w * events[a + i];
			ri += w * risk[a + i];
		}
		chance[a] = (ev + weight * prior[a]) / (ri + weight);
	}
}

static void add(double *to, const double *from, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		to[i] += from[i];
}

static void learn(struct pa *pa)
{
	static double came[PA_CLASSES][PA_MAX_AGES];
	double all_ev[PA_MAX_AGES] = { 0 }, all_came[PA_MAX_AGES] = { 0 };
	double lev_ev[PA_LEVELS][PA_MAX_AGES] = { 0 }, lev_came[PA_LEVELS][PA_MAX_AGES] = { 0 };
	double prior[PA_MAX_AGES], all[PA_MAX_AGES], level[PA_LEVELS][PA_MAX_AGES];
	unsigned int ages = pa->cfg.ages, c, a, l;

	for (a = 0; a < ages; a++) {
		uint64_t mid = (pa_age_edge(&pa->cfg, a) + pa_age_edge(&pa->cfg, a + 1)) / 2;
		const double *then = entered_before(pa, mid);

		prior[a] = PA_P0 / (1 << pa->cfg.fine);
		for (c = 0; c < PA_CLASSES; c++)
			came[c][a] = then ? then[c] : 0;
	}
	for (c = 0; c < PA_CLASSES; c++) {
		add(all_ev, pa->events[c], ages);
		add(all_came, came[c], ages);
		add(lev_ev[c % PA_LEVELS], pa->events[c], ages);
		add(lev_came[c % PA_LEVELS], came[c], ages);
	}
	chances(pa, all_ev, all_came, prior, PA_K, all);
	double tot = 0, wsum = 0, m[PA_LEVELS];
	for (l = 0; l < PA_LEVELS; l++) {
		double e = 0; for (c = l; c < PA_CLASSES; c += 8) e += pa->entered[c];
		m[l] = pow(PA_ODDS, l); tot += e; wsum += e * m[l];
	}
	for (l = 0; l < PA_LEVELS; l++) {
		double f = tot ? m[l] * tot / wsum : 1;
		for (a = 0; a < ages; a++) prior[a] = all[a] * f / (1 - all[a] + all[a] * f);
		chances(pa, lev_ev[l], lev_came[l], prior, PA_KL, level[l]);
	}
	for (c = 0; c < PA_CLASSES; c++)
		chances(pa, pa->events[c], came[c], level[c % PA_LEVELS], PA_K, pa->reuse[c]);
}

/* --- values --- */

/* The best rate of hits over time that keeping the block to some age gives. */
static double best_rate(const struct pa *pa, const double *chance, unsigned int from)
{
	double hits = 0, time = 0, alive = 1, best = 0, width;
	unsigned int a;

	for (a = from; a < pa->cfg.ages; a++) {
		width = (double)(pa_age_edge(&pa->cfg, a + 1) - pa_age_edge(&pa->cfg, a));
		hits += alive * chance[a];
		time += alive * width * (1 - chance[a] / 2);
		alive *= 1 - chance[a];
		if (hits / time > best)
			best = hits / time;
	}
	return best;
}

/* 1000 an octave; one hit in 2^50 ns is 0. */
static uint16_t scale(double rate)
{
	double v = (log2(rate) + 50) * 1000;

	return v < 0 ? 0 : v > 65535 ? 65535 : (uint16_t)v;
}

static void fill(struct pa *pa, struct pa_table *table)
{
	unsigned int c, a;

	for (c = 0; c < PA_CLASSES; c++)
		for (a = 0; a < pa->cfg.ages; a++)
			table->value[c][a] = scale(best_rate(pa, pa->reuse[c], a));
}

bool pa_update(struct pa *pa, const struct pa_hist *hist, uint64_t now, uint64_t capacity,
	       struct pa_table *table)
{
	static struct delta d;
	unsigned int c;
	double keep, tau = PA_TAU;

	(void)capacity; (void)u64_min;
	memset(&d, 0, sizeof(d));
	if (!pa->started) {
		pa->started = true;
		pa->first_time = now;
	}
	for (c = 0; c < PA_CLASSES; c++)
		delta_class(pa, hist, c, &d);
	pa->last = *hist;
	keep = exp(-d.refs / tau);
	age_out(pa, &d, keep);
	pa->last_time = now;
	snapshot(pa, now);
	learn(pa);
	fill(pa, table);
	return true;
}
