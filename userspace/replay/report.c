// SPDX-License-Identifier: GPL-2.0
/* The result of a replay, as a table and as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/json_out.h"
#include "common/table.h"
#include "replay.h"

static const char *const timed_names[TIMED_NR] = {
	"get", "put", "lease", "alloc", "commit", "release",
};

static void stats_add(struct stats *to, const struct stats *from)
{
	int i;

	to->requests += from->requests;
	to->references += from->references;
	to->hits += from->hits;
	to->flash_hits += from->flash_hits;
	to->misses += from->misses;
	to->puts += from->puts;
	to->existed += from->existed;
	to->refused += from->refused;
	to->errors += from->errors;
	to->wrong += from->wrong;
	to->corrupt += from->corrupt;
	to->bytes_in += from->bytes_in;
	to->bytes_out += from->bytes_out;
	to->ops += from->ops;
	if (from->reattached > to->reattached)
		to->reattached = from->reattached;
	for (i = 0; i < TIMED_NR; i++)
		hist_merge(&to->hist[i], &from->hist[i]);
}

void result_sum(struct result *r, const struct shared *s, unsigned int clients)
{
	unsigned int i;

	memset(&r->total, 0, sizeof(r->total));
	for (i = 0; i < clients; i++)
		stats_add(&r->total, &s->stats[i]);
}

static double hit_rate(const struct stats *s)
{
	return s->references ?
	       100.0 * (double)s->hits / (double)s->references : 0;
}

static double ops_per_second(const struct result *r)
{
	return r->seconds > 0 ? (double)r->total.ops / r->seconds : 0;
}

/* A counter of the namespace, since the start; an upgrade sets it to 0. */
static uint64_t since(uint64_t before, uint64_t after)
{
	return after >= before ? after - before : after;
}

/* What is told about a run, once for both forms. */
struct line {
	const char *name;
	uint64_t value;
	bool bytes;
};

#define MAX_LINES	24

static size_t client_lines(const struct stats *s, struct line *l)
{
	const struct line lines[] = {
		{ "requests", s->requests, false },
		{ "references", s->references, false },
		{ "hits", s->hits, false },
		{ "flash_hits", s->flash_hits, false },
		{ "misses", s->misses, false },
		{ "puts", s->puts, false },
		{ "existed", s->existed, false },
		{ "refused", s->refused, false },
		{ "errors", s->errors, false },
		{ "wrong", s->wrong, false },
		{ "corrupt_misses", s->corrupt, false },
		{ "reattached", s->reattached, false },
		{ "bytes_in", s->bytes_in, true },
		{ "bytes_out", s->bytes_out, true },
	};

	memcpy(l, lines, sizeof(lines));
	return sizeof(lines) / sizeof(lines[0]);
}

static size_t ns_lines(const struct result *r, struct line *l)
{
	const struct kvmem_ns_info *b = &r->before, *a = &r->after;
	const struct line lines[] = {
		{ "quota_blocks", a->quota_blocks, false },
		{ "quota_bytes", a->quota_bytes, true },
		{ "used_blocks", a->used_blocks, false },
		{ "used_bytes", a->used_bytes, true },
		{ "data_bytes", a->data_bytes, true },
		{ "hits", since(b->hits, a->hits), false },
		{ "misses", since(b->misses, a->misses), false },
		{ "evictions", since(b->evictions, a->evictions), false },
		{ "copied_in", since(b->copied_in, a->copied_in), true },
		{ "copied_out", since(b->copied_out, a->copied_out), true },
		{ "zero_copy", since(b->zero_copy, a->zero_copy), true },
		{ "corrupt", since(b->corrupt, a->corrupt), false },
	};

	memcpy(l, lines, sizeof(lines));
	return sizeof(lines) / sizeof(lines[0]);
}

static void table_lines(struct table *t, const char *prefix,
			const struct line *l, size_t n)
{
	char text[32];
	size_t i;

	for (i = 0; i < n; i++) {
		table_cell(t, "%s%s", prefix, l[i].name);
		table_cell(t, "%" PRIu64, l[i].value);
		table_cell(t, "%s", l[i].bytes && l[i].value >= 1024 ?
			   format_bytes(text, sizeof(text),
					(double)l[i].value) : "");
	}
}

static void print_latency(const struct stats *s)
{
	struct table *t = table_new("lrrrrr");
	const unsigned int permille[] = { 500, 990, 999 };
	char text[32];
	size_t i, j;

	table_row(t, "operation", "count", "p50", "p99", "p99.9", "max", NULL);
	table_rule(t);
	for (i = 0; i < TIMED_NR; i++) {
		const struct hist *h = &s->hist[i];

		if (!h->count)
			continue;
		table_cell(t, "%s", timed_names[i]);
		table_cell(t, "%" PRIu64, h->count);
		for (j = 0; j < 3; j++)
			table_cell(t, "%s", format_ns(text, sizeof(text),
				   (double)hist_permille(h, permille[j])));
		table_cell(t, "%s", format_ns(text, sizeof(text),
					      (double)h->max));
	}
	table_print(t, stdout);
	table_free(t);
}

void report_print(const struct options *o, const struct result *r)
{
	struct table *t = table_new("lrr");
	struct line l[MAX_LINES];
	char text[32];

	table_row(t, "mode", mode_names[o->mode],
		  o->ordered ? "ordered" : "free", NULL);
	table_cell(t, "hit rate");
	table_cell(t, "%.2f", hit_rate(&r->total));
	table_cell(t, "%%");
	if (r->lru_rate >= 0) {
		table_cell(t, "plain LRU");
		table_cell(t, "%.2f", r->lru_rate);
		table_cell(t, "%% %s", o->lru_tolerance < 0 ? "" :
			   r->lru_failed ? "TOO FAR" : "fine");
	}
	if (o->tier_size) {
		table_cell(t, "tier size");
		table_cell(t, "%" PRIu64, o->tier_size);
		table_cell(t, "%s", format_bytes(text, sizeof(text),
						 (double)o->tier_size));
	}
	table_lines(t, "", l, client_lines(&r->total, l));
	table_cell(t, "seconds");
	table_cell(t, "%.3f", r->seconds);
	table_cell(t, "%s", "");
	table_cell(t, "operations/s");
	table_cell(t, "%.0f", ops_per_second(r));
	table_cell(t, "%s", "");
	table_lines(t, "namespace ", l, ns_lines(r, l));
	table_print(t, stdout);
	table_free(t);
	printf("\nLatency of an operation: that of the call it was in%s.\n",
	       o->mode == MODE_LEASE ? "" : " (--batch operations)");
	print_latency(&r->total);
}

static json_t *json_lines(const struct line *l, size_t n)
{
	json_t *o = json_object();
	size_t i;

	for (i = 0; i < n; i++)
		json_object_set_new(o, l[i].name,
				    json_integer((json_int_t)l[i].value));
	return o;
}

static json_t *json_latency(const struct stats *s)
{
	json_t *o = json_object();
	int i;

	for (i = 0; i < TIMED_NR; i++) {
		const struct hist *h = &s->hist[i];

		if (!h->count)
			continue;
		json_object_set_new(o, timed_names[i],
			json_pack("{sI sI sI sI sI}",
				  "count", (json_int_t)h->count,
				  "p50_ns", (json_int_t)hist_permille(h, 500),
				  "p99_ns", (json_int_t)hist_permille(h, 990),
				  "p999_ns", (json_int_t)hist_permille(h, 999),
				  "max_ns", (json_int_t)h->max));
	}
	return o;
}

int report_json(const struct options *o, const struct result *r)
{
	struct line l[MAX_LINES];
	json_t *root;

	root = json_pack("{ss ss ss sb sI sI sI sI sf sf sf}",
			 "trace", o->trace_path,
			 "namespace", o->ns,
			 "mode", mode_names[o->mode],
			 "ordered", o->ordered,
			 "clients", (json_int_t)o->clients,
			 "block_size", (json_int_t)o->block_size,
			 "batch", (json_int_t)o->batch,
			 "tier_size", (json_int_t)o->tier_size,
			 "hit_rate", hit_rate(&r->total),
			 "seconds", r->seconds,
			 "ops_per_second", ops_per_second(r));
	if (r->lru_rate >= 0)
		json_object_set_new(root, "lru_rate", json_real(r->lru_rate));
	json_object_set_new(root, "client",
			    json_lines(l, client_lines(&r->total, l)));
	json_object_set_new(root, "ns_info", json_lines(l, ns_lines(r, l)));
	json_object_set_new(root, "latency", json_latency(&r->total));
	return json_out(root, o->json);
}
