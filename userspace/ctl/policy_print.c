// SPDX-License-Identifier: GPL-2.0
/* Value tables and histograms for people. */
#include <inttypes.h>
#include <string.h>

#include "common/table.h"
#include "ctl/decode.h"
#include "ctl/out.h"
#include "ctl/policy.h"

#define PER_BLOCK	8	/* groups side by side */

/* --- value tables --- */

/**
 * struct groups - classes by their row
 * @nr: different rows
 * @first: a class that has it
 * @members: all that have it
 */
struct groups {
	unsigned int nr;
	unsigned int first[CLASSES];
	uint64_t members[CLASSES];
};

static void group(const struct value_rows *rows, struct groups *g)
{
	unsigned int class, i;

	g->nr = 0;
	for (class = 0; class < CLASSES; class++) {
		if (!(rows->have & 1ULL << class))
			continue;
		for (i = 0; i < g->nr; i++)
			if (!memcmp(rows->value[class], rows->value[g->first[i]],
				    sizeof(rows->value[class])))
				break;
		if (i == g->nr) {
			g->first[i] = class;
			g->members[i] = 0;
			g->nr++;
		}
		g->members[i] |= 1ULL << class;
	}
}

/* "0-7,9": the bits of @mask */
static char *ranges(uint64_t mask, char *buf, size_t size)
{
	unsigned int i, last;
	size_t n = 0;

	buf[0] = 0;
	for (i = 0; i < CLASSES && n < size; i++) {
		if (!(mask & 1ULL << i))
			continue;
		for (last = i; last < CLASSES - 1 && mask & 1ULL << (last + 1); last++)
			;
		n += (size_t)snprintf(buf + n, size - n, last > i ? "%s%u-%u" : "%s%u",
				      n ? "," : "", i, last);
		i = last;
	}
	return buf;
}

static char *format_age(double ns, char *buf, size_t size)
{
	if (ns < 120e9)
		return format_ns(buf, size, ns);
	if (ns < 7200e9)
		snprintf(buf, size, "%.1f min", ns / 60e9);
	else
		snprintf(buf, size, "%.1f h", ns / 3600e9);
	return buf;
}

static char *age_label(unsigned int age, char *buf, size_t size)
{
	char start[32];

	snprintf(buf, size, "%s %s", age ? ">=" : "<",
		 format_age((double)age_start(age ? age : 1), start, sizeof(start)));
	return buf;
}

static void print_groups(const struct value_rows *rows, const struct groups *g,
			 unsigned int from, FILE *to)
{
	unsigned int n = g->nr - from < PER_BLOCK ? g->nr - from : PER_BLOCK, i, age;
	char align[PER_BLOCK + 2] = "rrrrrrrrr", label[48];
	struct table *t;

	align[n + 1] = 0;
	t = table_new(align);
	table_cell(t, "AGE");
	for (i = 0; i < n; i++)
		table_cell(t, "ROW %u", from + i);
	for (age = 0; age < AGES; age++) {
		table_cell(t, "%s", age_label(age, label, sizeof(label)));
		for (i = 0; i < n; i++)
			table_cell(t, "%u", rows->value[g->first[from + i]][age]);
	}
	table_print(t, to);
	table_free(t);
}

void policy_print_table(const struct value_rows *rows, FILE *to)
{
	char buf[CLASSES * 3 + 1];
	struct table *t = table_new("rl");
	struct groups g;
	unsigned int i;

	group(rows, &g);
	table_cell(t, "ROW");
	table_cell(t, "CLASSES");
	for (i = 0; i < g.nr; i++) {
		table_cell(t, "%u", i);
		table_cell(t, "%s", ranges(g.members[i], buf, sizeof(buf)));
	}
	table_print(t, to);
	table_free(t);
	for (i = 0; i < g.nr; i += PER_BLOCK) {
		fputc('\n', to);
		print_groups(rows, &g, i, to);
	}
}

/* --- histograms --- */

static uint64_t sum(const json_t *array)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < json_array_size(array); i++)
		n += (uint64_t)json_integer_value(json_array_get(array, i));
	return n;
}

static void print_classes(const json_t *hist, FILE *to)
{
	struct table *t = table_new("rrlrrrrrrr");
	const json_t *h;
	char buf[32];
	size_t i;

	table_row(t, "CLASS", "HINT", "HITS", "BLOCKS", "BYTES", "USES", "USED-BYTES",
		  "USED-COST", "EVICTIONS", "GHOST-HITS", (char *)NULL);
	for (i = 0; i < json_array_size(hist); i++) {
		h = json_array_get(hist, i);
		table_cell(t, "%" PRIu64, json_get_u64(h, "class"));
		table_cell(t, "%" PRIu64, json_get_u64(h, "hint"));
		table_cell(t, "%s", class_hits((unsigned int)json_get_u64(h, "hits_log2")));
		table_cell(t, "%" PRIu64, json_get_u64(h, "blocks"));
		table_cell(t, "%s", format_bytes(buf, sizeof(buf),
						 (double)json_get_u64(h, "bytes")));
		table_cell(t, "%" PRIu64, sum(json_object_get(h, "hits")));
		table_cell(t, "%s", format_bytes(buf, sizeof(buf),
						 (double)json_get_u64(h, "hit_bytes")));
		table_cell(t, "%" PRIu64, json_get_u64(h, "hit_cost"));
		table_cell(t, "%" PRIu64, sum(json_object_get(h, "evictions")));
		table_cell(t, "%" PRIu64, sum(json_object_get(h, "ghost_hits")));
	}
	table_print(t, to);
	table_free(t);
}

static uint64_t at_age(const json_t *hist, const char *name, unsigned int age)
{
	const json_t *counts;
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < json_array_size(hist); i++) {
		counts = json_object_get(json_array_get(hist, i), name);
		n += (uint64_t)json_integer_value(json_array_get(counts, age));
	}
	return n;
}

static void print_ages(const json_t *hist, FILE *to)
{
	struct table *t = table_new("rrrr");
	uint64_t hits, evictions, ghosts;
	unsigned int age;
	char label[48];

	table_row(t, "AGE", "USES", "EVICTIONS", "GHOST-HITS", (char *)NULL);
	for (age = 0; age < AGES; age++) {
		hits = at_age(hist, "hits", age);
		evictions = at_age(hist, "evictions", age);
		ghosts = at_age(hist, "ghost_hits", age);
		if (!hits && !evictions && !ghosts)
			continue;
		table_cell(t, "%s", age_label(age, label, sizeof(label)));
		table_cell(t, "%" PRIu64, hits);
		table_cell(t, "%" PRIu64, evictions);
		table_cell(t, "%" PRIu64, ghosts);
	}
	table_print(t, to);
	table_free(t);
}

void policy_print_hist(const json_t *hist, FILE *to)
{
	if (!json_array_size(hist)) {
		fprintf(to, "no class has counted anything\n");
		return;
	}
	print_classes(hist, to);
	fputc('\n', to);
	print_ages(hist, to);
}
