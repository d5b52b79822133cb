// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lru.h"
#include "trace_stats.h"

const unsigned int curve_shares[CURVE_POINTS] = { 1, 5, 10, 20, 100 };

static double percent(size_t part, size_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void count_uses(const struct trace *t, struct trace_stats *s,
		       uint32_t *uses)
{
	size_t i, once = 0;

	for (i = 0; i < t->nr_ids; i++)
		uses[t->dense[i]]++;
	for (i = 0; i < t->nr_distinct; i++)
		once += uses[i] == 1;
	s->once = percent(once, t->nr_distinct);
}

static void count_first(const struct trace *t, struct trace_stats *s,
			uint32_t *uses)
{
	size_t i, most = 0;

	memset(uses, 0, t->nr_distinct * sizeof(*uses));
	for (i = 0; i < t->nr_requests; i++)
		if (t->requests[i].nr &&
		    ++uses[t->dense[t->requests[i].first]] > most)
			most++;
	s->shared_first = percent(most, t->nr_requests);
}

/* Dense numbers are in order of first use: a block is new if it is the next. */
static void count_prefix(const struct trace *t, struct trace_stats *s)
{
	const struct trace_request *r = t->requests;
	size_t i, hits = 0;
	uint32_t known = 0;

	for (; r < t->requests + t->nr_requests; r++) {
		for (i = 0; i < r->nr && t->dense[r->first + i] < known; i++)
			hits++;
		for (i = 0; i < r->nr; i++)
			if (t->dense[r->first + i] == known)
				known++;
	}
	s->prefix_rate = percent(hits, t->nr_ids);
}

static int by_size(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return x < y ? -1 : x > y;
}

static int count_blocks(const struct trace *t, struct trace_stats *s)
{
	size_t *n = calloc(t->nr_requests, sizeof(*n)), i;

	if (!n)
		return -ENOMEM;
	for (i = 0; i < t->nr_requests; i++)
		n[i] = t->requests[i].nr;
	qsort(n, t->nr_requests, sizeof(*n), by_size);
	s->blocks[0] = n[t->nr_requests / 2];
	s->blocks[1] = n[t->nr_requests * 9 / 10];
	s->blocks[2] = n[t->nr_requests * 99 / 100];
	s->blocks[3] = n[t->nr_requests - 1];
	s->mean_blocks = (double)t->nr_ids / (double)t->nr_requests;
	free(n);
	return 0;
}

static int count_curve(const struct trace *t, struct trace_stats *s)
{
	uint64_t hits;
	size_t i;

	for (i = 0; i < CURVE_POINTS; i++) {
		s->capacity[i] = t->nr_distinct * curve_shares[i] / 100;
		if (!s->capacity[i])
			s->capacity[i] = 1;
		hits = lru_hits(t, s->capacity[i]);
		if (hits == UINT64_MAX)
			return -ENOMEM;
		s->rate[i] = percent(hits, t->nr_ids);
	}
	return 0;
}

int trace_stats(const struct trace *t, struct trace_stats *s)
{
	uint32_t *uses = calloc(t->nr_distinct, sizeof(*uses));
	int err;

	if (!uses)
		return -ENOMEM;
	memset(s, 0, sizeof(*s));
	s->requests = t->nr_requests;
	s->references = t->nr_ids;
	s->distinct = t->nr_distinct;
	s->seconds = (double)(t->requests[t->nr_requests - 1].timestamp -
			      t->requests[0].timestamp) / 1000;
	count_uses(t, s, uses);
	count_first(t, s, uses);
	count_prefix(t, s);
	free(uses);
	err = count_blocks(t, s);
	return err ? err : count_curve(t, s);
}
