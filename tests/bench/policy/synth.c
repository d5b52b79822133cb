// SPDX-License-Identifier: GPL-2.0
/* Made-up traces that are unlike conversations. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define REFS	300000
#define LEN	10	/* blocks of a request */
#define SETS	6000	/* chains of LEN blocks that are drawn from */

struct gen {
	struct sim_trace *t;
	u64 rng;
	u32 next;	/* a block nobody has used */
	double *cdf;	/* of Zipf's law over SETS */
};

static u64 draw(struct gen *g)
{
	g->rng += 0x9e3779b97f4a7c15ULL;
	return mix64(g->rng);
}

static double uniform(struct gen *g)
{
	return (double)(draw(g) >> 11) / 9007199254740992.0;
}

static void request_of(struct gen *g, u32 first, u32 len)
{
	struct sim_trace *t = g->t;

	t->start[t->nr_requests] = t->nr_refs;
	t->time_ns[t->nr_requests] = (u64)t->nr_refs * 10000000;
	while (len--)
		t->ids[t->nr_refs++] = first++;
	t->start[++t->nr_requests] = t->nr_refs;
}

static void fresh(struct gen *g)
{
	request_of(g, g->next, LEN);
	g->next += LEN;
}

static u32 zipf_rank(struct gen *g)
{
	double u = uniform(g);
	u32 lo = 0, hi = SETS - 1;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (g->cdf[mid] < u)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Popularity by Zipf's law, exponent 0.9 */
static void one_zipf(struct gen *g, u32 i)
{
	(void)i;
	request_of(g, zipf_rank(g) * LEN, LEN);
}

/* The same among three times as many blocks used once */
static void one_scan(struct gen *g, u32 i)
{
	if (i % 4)
		fresh(g);
	else
		request_of(g, zipf_rank(g) * LEN, LEN);
}

/* 3000 chains in turn: LRU has nothing below their size */
static void one_loop(struct gen *g, u32 i)
{
	request_of(g, i % 3000 * LEN, LEN);
}

/* New, or one of the last 600 by a geometric law: LRU is right */
static void one_recency(struct gen *g, u32 i)
{
	u32 back = (u32)(-log(1 - uniform(g)) * 200) + 1;

	if (back > i || i < 600 || draw(g) % 3 == 0)
		fresh(g);
	else
		request_of(g, g->t->ids[g->t->start[i - back]], LEN);
}

/* 400 agents with long gaps (all come round), and one-off traffic between */
static void one_agents(struct gen *g, u32 i)
{
	if (draw(g) % 2)
		fresh(g);
	else
		request_of(g, (u32)((i / 2 * 2654435761ULL >> 4) % 400) * LEN, LEN);
}

/* Zipf whose ranks belong to other blocks after each sixth of the trace */
static void one_shift(struct gen *g, u32 i)
{
	u32 era = i / (REFS / LEN / 6);

	request_of(g, (zipf_rank(g) + era * 997) % SETS * LEN, LEN);
}

/*
 * Against learning: what was right in one era is wrong in the next.  Chains in
 * turn, 1500 of them, so that old ones are next; then only young ones are used
 * again and nothing of before comes back.
 */
static void one_trap(struct gen *g, u32 i)
{
	u32 era = i / 5000, back = (u32)(-log(1 - uniform(g)) * 150) + 1;

	if (!(era % 2))
		request_of(g, (SETS + era * 1500 + i % 1500) * LEN, LEN);
	else if (back >= i % 5000 || draw(g) % 3 == 0)
		fresh(g);
	else
		request_of(g, g->t->ids[g->t->start[i - back]], LEN);
}

static const struct {
	const char *name;
	void (*one)(struct gen *g, u32 i);
} kinds[] = {
	{ "zipf", one_zipf }, { "scan", one_scan }, { "loop", one_loop },
	{ "recency", one_recency }, { "agents", one_agents }, { "shift", one_shift },
	{ "trap", one_trap },
};

static int make_cdf(struct gen *g)
{
	double sum = 0;
	u32 i;

	g->cdf = malloc(SETS * sizeof(double));
	if (!g->cdf)
		return -ENOMEM;
	for (i = 0; i < SETS; i++)
		g->cdf[i] = sum += pow(i + 1, -0.9);
	for (i = 0; i < SETS; i++)
		g->cdf[i] /= sum;
	return 0;
}

int sim_synth(struct sim_trace *t, const char *name, u32 *phase)
{
	struct gen g = { .t = t, .rng = 1, .next = 4 * SETS * LEN };
	const char *colon = strchr(name, ':');
	size_t len = colon ? (size_t)(colon - name) : strlen(name), k;
	u32 i;

	*phase = 0;
	if (colon)
		g.rng = strtoull(colon + 1, NULL, 0);
	for (k = 0; k < ARRAY_SIZE(kinds); k++)
		if (strlen(kinds[k].name) == len && !strncmp(name, kinds[k].name, len))
			break;
	if (k == ARRAY_SIZE(kinds))
		return -EINVAL;
	if (sim_room(t, REFS / LEN, REFS) || make_cdf(&g))
		return -ENOMEM;
	for (i = 0; i < REFS / LEN; i++)
		kinds[k].one(&g, i);
	free(g.cdf);
	return sim_finish(t);
}
