// SPDX-License-Identifier: GPL-2.0
/*
 * Adaptive against LRU.  Under any table, LRU hits what was used less than its
 * eviction age ago: hits and ghost hits by age say how much that is, and
 * sampled keys at what age LRU evicts.
 */
#include <math.h>
#include <string.h>

#include "daemon/policy_adaptive.h"
#include "daemon/policy_guard.h"

/* So many hits may be lost before LRU takes over, and more in a large tier: ... */
#define LOST_MAX	1000.0
/* ... one for so many blocks.  And so much of the uses does not count. */
#define LOST_BLOCKS	64.0
#define LOST_SHARE	0.005

/* LRU has repaired what adaptive spoilt when it is this close, in a window of so many uses; */
#define MENDED		0.01
#define MENDED_MEMORY	5000.0
/* then adaptive is tried again, if on sampled keys it is better by so many sigmas, */
#define BETTER_SIGMAS	2.0
#define BETTER_MEMORY	50000.0
/* but not before so many uses, or the tier's blocks: three times as many after each failure. */
#define BACKOFF_MIN	20000.0
#define BACKOFF_MAX	1e8

void guard_init(struct guard *g)
{
	memset(g, 0, sizeof(*g));
	g->backoff = BACKOFF_MIN;
}

/* Ages are told by octave: inside one, as many uses at each part of it by its logarithm. */
static double lru_hits(const struct guard_delta *d, uint64_t lru_age)
{
	double hits = 0, from, to;
	unsigned int a;

	for (a = 0; a < PA_AGES; a++) {
		from = (double)pa_age_edge(a);
		to = (double)pa_age_edge(a + 1);
		if ((double)lru_age >= to)
			hits += d->events[a];
		else if ((double)lru_age > from)
			hits += d->events[a] * (a ? log2((double)lru_age / from) : 1);
	}
	return hits;
}

void guard_sample(struct guard *g, bool lru, bool trial, double one_in)
{
	double keep = exp(-one_in / BETTER_MEMORY);

	g->better = g->better * keep + trial - lru;
	g->differ = g->differ * keep + (trial != lru);
}

static void fall_back(struct guard *g, double capacity)
{
	g->lru = true;
	g->falls++;
	g->until = g->refs + fmax(g->backoff, capacity);
	g->backoff = fmin(g->backoff * 3, BACKOFF_MAX);
	/* Nothing is repaired yet. */
	g->behind = MENDED_MEMORY;
}

static void try_again(struct guard *g)
{
	g->lru = false;
	g->lost = 0;
	g->trial = g->refs;
}

static bool may_try(const struct guard *g)
{
	return g->refs >= g->until && g->behind < MENDED * MENDED_MEMORY &&
	       g->better > BETTER_SIGMAS * sqrt(g->differ);
}

void guard_update(struct guard *g, const struct guard_delta *d, uint64_t lru_age,
		  double capacity)
{
	double lost;

	g->refs += d->refs;
	if (g->off || !lru_age)
		return;
	lost = fmin(lru_hits(d, lru_age), d->refs) - d->hits;
	g->behind = g->behind * exp(-d->refs / MENDED_MEMORY) + lost;
	if (g->lru) {
		if (may_try(g))
			try_again(g);
		return;
	}
	g->lost = fmax(g->lost + lost - LOST_SHARE * d->refs, 0);
	if (g->lost > LOST_MAX + capacity / LOST_BLOCKS) {
		fall_back(g, capacity);
	} else if (g->refs - g->trial > 4 * g->backoff && g->backoff > BACKOFF_MIN) {
		g->backoff = fmax(g->backoff / 3, BACKOFF_MIN);
		g->trial = g->refs;
	}
}
