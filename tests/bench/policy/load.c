// SPDX-License-Identifier: GPL-2.0
/* Traces: read, cut in parts, made to change. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

int sim_room(struct sim_trace *t, u32 requests, u32 refs)
{
	*t = (struct sim_trace){ 0 };
	t->ids = malloc((refs + 1) * sizeof(u32));
	t->start = malloc((requests + 1) * sizeof(u32));
	t->time_ns = malloc((requests + 1) * sizeof(u64));
	return t->ids && t->start && t->time_ns ? 0 : -ENOMEM;
}

void sim_free(struct sim_trace *t)
{
	free(t->ids);
	free(t->start);
	free(t->time_ns);
	free(t->next);
}

/* Count the different blocks. */
int sim_finish(struct sim_trace *t)
{
	u8 *seen;
	u32 i;

	t->nr_ids = 0;
	for (i = 0; i < t->nr_refs; i++)
		if (t->ids[i] >= t->nr_ids)
			t->nr_ids = t->ids[i] + 1;
	seen = calloc(t->nr_ids + 1, 1);
	if (!seen)
		return -ENOMEM;
	t->distinct = 0;
	for (i = 0; i < t->nr_refs; i++) {
		t->distinct += !seen[t->ids[i]];
		seen[t->ids[i]] = 1;
	}
	free(seen);
	return 0;
}

static int copy(struct sim_trace *t, const struct trace *from)
{
	u32 i;
	int err = sim_room(t, (u32)from->nr_requests, (u32)from->nr_ids);

	if (err)
		return err;
	t->nr_requests = (u32)from->nr_requests;
	t->nr_refs = (u32)from->nr_ids;
	memcpy(t->ids, from->dense, t->nr_refs * sizeof(u32));
	for (i = 0; i < t->nr_requests; i++) {
		t->start[i] = (u32)from->requests[i].first;
		t->time_ns[i] = from->requests[i].timestamp * 1000000;
	}
	t->start[t->nr_requests] = t->nr_refs;
	return sim_finish(t);
}

int sim_load(struct sim_trace *t, const char *what, u32 *phase)
{
	struct trace_error error = { 0 };
	struct trace from = { 0 };
	int err;

	*phase = 0;
	if (!strncmp(what, "synth:", 6))
		return sim_synth(t, what + 6, phase);
	err = trace_load(&from, what, 0, &error);
	if (err)
		fprintf(stderr, "policy-sim: %s:%zu: %s\n", what, error.line, error.what);
	else
		err = copy(t, &from);
	trace_free(&from);
	return err;
}

static void cut(struct sim_trace *t, u32 first, u32 last)
{
	u32 base = t->start[first], i;

	t->nr_refs = t->start[last] - base;
	t->nr_requests = last - first;
	memmove(t->ids, t->ids + base, t->nr_refs * sizeof(u32));
	for (i = 0; i <= t->nr_requests; i++) {
		t->start[i] = t->start[first + i] - base;
		t->time_ns[i] = t->time_ns[first + (i < t->nr_requests ? i : i - 1)];
	}
}

/* for qsort: there is no other way to hand the counts over */
static const u32 *rank_count;

static int by_count(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	if (rank_count[x] != rank_count[y])
		return rank_count[x] > rank_count[y] ? -1 : 1;
	return x < y ? -1 : 1;
}

/*
 * From request @from on, the most popular block of the whole trace is called
 * what the least popular one was called before, and so on.
 */
static int invert(struct sim_trace *t, u32 from)
{
	u32 *count = calloc(t->nr_ids, sizeof(u32)), *order = malloc(t->nr_ids * sizeof(u32));
	u32 *name = malloc(t->nr_ids * sizeof(u32)), i;

	if (!count || !order || !name) {
		free(count);
		free(order);
		free(name);
		return -ENOMEM;
	}
	for (i = 0; i < t->nr_refs; i++)
		count[t->ids[i]]++;
	for (i = 0; i < t->nr_ids; i++)
		order[i] = i;
	rank_count = count;
	qsort(order, t->nr_ids, sizeof(u32), by_count);
	for (i = 0; i < t->nr_ids; i++)
		name[order[i]] = order[t->nr_ids - 1 - i];
	for (i = t->start[from]; i < t->nr_refs; i++)
		t->ids[i] = name[t->ids[i]];
	free(count);
	free(order);
	free(name);
	return 0;
}

/* first, second: halves; phase: first, then second with other names */
int sim_part(struct sim_trace *t, const char *part, u32 *phase)
{
	u32 half = t->nr_requests / 2;
	int err = 0;

	if (!strcmp(part, "first"))
		cut(t, 0, half);
	else if (!strcmp(part, "second"))
		cut(t, half, t->nr_requests);
	else if (!strcmp(part, "phase"))
		err = invert(t, half);
	else if (strcmp(part, "all"))
		return -EINVAL;
	if (!strcmp(part, "phase"))
		*phase = t->start[half];
	return err ? err : sim_finish(t);
}

/* Requests from @i on that were made at the same time. */
static u32 at_once(const struct sim_trace *t, u32 i)
{
	u32 n = 1;

	while (i + n < t->nr_requests && t->time_ns[i + n] == t->time_ns[i])
		n++;
	return n;
}

/* What has one time stamp is spread evenly until the next one. */
int sim_stretch(struct sim_trace *t, u64 seconds)
{
	double first = (double)t->time_ns[0];
	double span = (double)t->time_ns[t->nr_requests - 1] - first, from, to;
	u32 i, k, n;

	if (span <= 0)
		return -EINVAL;
	for (i = 0; i < t->nr_requests; i += n) {
		n = at_once(t, i);
		from = (double)t->time_ns[i] - first;
		to = i + n < t->nr_requests ? (double)t->time_ns[i + n] - first : from;
		for (k = 0; k < n; k++)
			t->time_ns[i + k] = (u64)((from + (to - from) * k / n) / span *
						  (double)seconds * 1e9);
	}
	return 0;
}
