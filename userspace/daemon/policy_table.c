// SPDX-License-Identifier: GPL-2.0
/* LFU and GDSF as tables of class and age. */
#include <math.h>
#include <string.h>

#include "daemon/policy_table.h"

/* Evictions after which what was seen counts 1/e. */
#define MEMORY		50000.0
/* Fewer evictions than this say nothing. */
#define EVICTIONS_MIN	64.0

/* LFU: a level of hits, more than all ages together; room below for aging */
#define LFU_LEVEL	2000
#define LFU_AGE		(LFU_LEVEL / PA_AGES)
#define LFU_BASE	40000
/* Octaves beyond the turnover after which a level is lost with each octave */
#define LFU_GRACE	2

/* GDSF: values an e-fold; a table is made anew when it is off by so many octaves */
#define GDSF_SCALE	1600
#define GDSF_SLACK	0.2

void pt_init(struct pt *pt)
{
	memset(pt, 0, sizeof(*pt));
}

void pt_count(struct pt *pt, const struct pa_delta *delta)
{
	double evictions = 0, keep;
	unsigned int c, a;

	for (c = 0; c < PA_CLASSES; c++)
		for (a = 0; a < PA_AGES; a++)
			evictions += delta->evictions[c][a];
	keep = exp(-evictions / MEMORY);
	for (c = 0; c < PA_CLASSES; c++) {
		for (a = 0; a < PA_AGES; a++)
			pt->evicted[c][a] = pt->evicted[c][a] * keep + delta->evictions[c][a];
		pt->cost[c] = pt->cost[c] * keep + delta->cost[c];
		pt->cost_bytes[c] = pt->cost_bytes[c] * keep + delta->cost_bytes[c];
	}
}

/* --- LFU --- */

/* It stays where it is while 40 to 60 % are evicted no later. */
static void find_turnover(struct pt *pt)
{
	double by_age[PA_AGES] = { 0 }, all = 0, below = 0, part;
	unsigned int c, a, median = 0;

	for (c = 0; c < PA_CLASSES; c++)
		for (a = 0; a < PA_AGES; a++)
			by_age[a] += pt->evicted[c][a];
	for (a = 0; a < PA_AGES; a++)
		all += by_age[a];
	if (all < EVICTIONS_MIN)
		return;
	for (a = 0; a < PA_AGES; a++) {
		part = (below + by_age[a]) / all;
		if (a == pt->turnover && part >= 0.4 && below / all <= 0.6)
			return;
		if (part < 0.5)
			median = a + 1;
		below += by_age[a];
	}
	pt->turnover = median < PA_AGES ? median : PA_AGES - 1;
}

static uint16_t lfu_value(unsigned int level, unsigned int age, unsigned int grace)
{
	int late = age > grace ? (int)(age - grace) : 0;
	int v = LFU_BASE + LFU_LEVEL * ((int)level - late);

	return (uint16_t)((v > 0 ? v : 0) + LFU_AGE * (PA_AGES - 1 - age));
}

/* By level of hits, then by age; but long unused, a block goes down again. */
void pt_lfu(struct pt *pt, struct pa_table *table)
{
	unsigned int grace = PA_AGES, c, a;

	find_turnover(pt);
	if (pt->turnover)
		grace = pt->turnover + LFU_GRACE;
	for (c = 0; c < PA_CLASSES; c++)
		for (a = 0; a < PA_AGES; a++)
			table->value[c][a] = lfu_value(c % PA_LEVELS, a, grace);
}

/* --- GDSF --- */

/* Uses of a block in a class, the put among them */
static double uses_of(unsigned int class)
{
	unsigned int level = class % PA_LEVELS;

	return level ? 1.5 * (1U << level) : 1;
}

/* Follow @now, but not every breath of it. */
static void follow(double *log, double now)
{
	double x = log2(now);

	if (isfinite(x) && fabs(x - *log) > GDSF_SLACK)
		*log = fmin(fmax(x, -60), 60);
}

/* Tokens a byte when tokens are told, else one block is worth the other. */
static void find_worth(struct pt *pt, const struct policy_hist *h)
{
	double cost = 0, cost_bytes = 0, blocks = 0, bytes = 0, prior, size;
	unsigned int c;

	for (c = 0; c < PA_CLASSES; c++) {
		cost += pt->cost[c];
		cost_bytes += pt->cost_bytes[c];
		blocks += (double)h->blocks[c];
		bytes += (double)h->bytes[c];
	}
	size = blocks > 0 ? bytes / blocks : 0;
	/* A class of which little is known is taken for average. */
	prior = cost_bytes / (PA_CLASSES * 16);
	for (c = 0; c < PA_CLASSES; c++) {
		if (cost > 0 && cost_bytes > 0)
			follow(&pt->worth[c], (pt->cost[c] * cost_bytes / cost + prior) /
					      (pt->cost_bytes[c] + prior));
		else if (size > 0)
			follow(&pt->worth[c], ((double)h->blocks[c] + 1) * size /
					      ((double)h->bytes[c] + size));
	}
}

static double middle(unsigned int age)
{
	return ((double)pa_age_edge(age) + (double)pa_age_edge(age + 1)) / 2;
}

/*
 * A block is evicted when inflation has eaten its priority, so what evicted
 * blocks were worth, by their ages, is the inflation.  Too high an estimate
 * evicts blocks that have some left and corrects itself.
 */
static void find_inflation(struct pt *pt)
{
	double worth = 0, time = 0, n = 0;
	unsigned int c, a;

	for (c = 0; c < PA_CLASSES; c++) {
		for (a = 0; a < PA_AGES; a++) {
			n += pt->evicted[c][a];
			worth += pt->evicted[c][a] * uses_of(c) * exp2(pt->worth[c]);
			time += pt->evicted[c][a] * middle(a);
		}
	}
	if (n >= EVICTIONS_MIN)
		follow(&pt->inflation, worth / time);
}

void pt_gdsf(struct pt *pt, const struct policy_hist *hist, struct pa_table *table)
{
	double left, v;
	unsigned int c, a;

	find_worth(pt, hist);
	find_inflation(pt);
	for (c = 0; c < PA_CLASSES; c++) {
		for (a = 0; a < PA_AGES; a++) {
			left = uses_of(c) * exp2(pt->worth[c]) -
			       exp2(pt->inflation) * middle(a);
			v = 32768 + GDSF_SCALE * asinh(16 * left);
			table->value[c][a] = (uint16_t)fmin(fmax(v, 0), 65535);
		}
	}
}
