// SPDX-License-Identifier: GPL-2.0
/* --curve: what a trace is like, and what plain LRU makes of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/json_out.h"
#include "common/table.h"
#include "lru.h"
#include "replay.h"
#include "trace_stats.h"

static void print_stats(const struct trace_stats *s)
{
	struct table *t = table_new("lr");

	table_cell(t, "requests");
	table_cell(t, "%zu", s->requests);
	table_cell(t, "block references");
	table_cell(t, "%zu", s->references);
	table_cell(t, "different blocks");
	table_cell(t, "%zu", s->distinct);
	table_cell(t, "used once, %%");
	table_cell(t, "%.1f", s->once);
	table_cell(t, "requests with the first block, %%");
	table_cell(t, "%.1f", s->shared_first);
	table_cell(t, "duration, s");
	table_cell(t, "%.0f", s->seconds);
	table_cell(t, "blocks a request, mean");
	table_cell(t, "%.2f", s->mean_blocks);
	table_cell(t, "    p50 p90 p99 max");
	table_cell(t, "%zu %zu %zu %zu", s->blocks[0], s->blocks[1],
		   s->blocks[2], s->blocks[3]);
	table_cell(t, "prefix hits, infinite cache, %%");
	table_cell(t, "%.2f", s->prefix_rate);
	table_print(t, stdout);
	table_free(t);
}

static void print_curve(const struct trace_stats *s)
{
	struct table *t = table_new("rrr");
	size_t i;

	table_row(t, "share", "blocks", "LRU hits", NULL);
	table_rule(t);
	for (i = 0; i < CURVE_POINTS; i++) {
		table_cell(t, "%u %%", curve_shares[i]);
		table_cell(t, "%zu", s->capacity[i]);
		table_cell(t, "%.2f %%", s->rate[i]);
	}
	table_print(t, stdout);
	table_free(t);
}

static json_t *curve_json(const struct trace_stats *s)
{
	json_t *points = json_array();
	size_t i;

	for (i = 0; i < CURVE_POINTS; i++)
		json_array_append_new(points, json_pack("{sI sI sf}",
			"share", (json_int_t)curve_shares[i],
			"blocks", (json_int_t)s->capacity[i],
			"hit_rate", s->rate[i]));
	return json_pack("{sI sI sI sf sf sf sf so}",
			 "requests", (json_int_t)s->requests,
			 "references", (json_int_t)s->references,
			 "distinct", (json_int_t)s->distinct,
			 "once", s->once,
			 "shared_first", s->shared_first,
			 "mean_blocks", s->mean_blocks,
			 "prefix_rate", s->prefix_rate,
			 "lru", points);
}

int curve_run(const struct options *o, const struct trace *t)
{
	struct trace_stats s;
	int err = trace_stats(t, &s);

	if (!err) {
		print_stats(&s);
		putchar('\n');
		print_curve(&s);
		if (o->json)
			err = json_out(curve_json(&s), o->json);
	}
	if (err)
		fprintf(stderr, "kvmem-replay: %s\n", strerror(-err));
	return err ? EXIT_WRONG : EXIT_FINE;
}
