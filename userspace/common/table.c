// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

struct table {
	char *align;
	size_t columns, nr, room;
	char **cells;
	bool failed;
};

static const char rule_mark[] = "";	/* by address: not a cell's text */

struct table *table_new(const char *align)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->align = strdup(align);
	t->columns = strlen(align);
	if (!t->align || !t->columns) {
		table_free(t);
		return NULL;
	}
	return t;
}

static void add(struct table *t, char *text)
{
	char **cells;

	if (t->nr == t->room) {
		cells = reallocarray(t->cells, t->room + 64, sizeof(*cells));
		if (!cells) {
			t->failed = true;
			return;
		}
		t->cells = cells;
		t->room += 64;
	}
	t->cells[t->nr++] = text;
}

void table_cell(struct table *t, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	if (!t)
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	add(t, n < 0 ? NULL : text);
}

void table_row(struct table *t, const char *first, ...)
{
	const char *text = first;
	va_list ap;
	size_t i;

	if (!t)
		return;
	va_start(ap, first);
	for (i = 0; i < t->columns; i++) {
		table_cell(t, "%s", text ? text : "");
		if (text)
			text = va_arg(ap, const char *);
	}
	va_end(ap);
}

void table_rule(struct table *t)
{
	size_t i;

	for (i = 0; t && i < t->columns; i++)
		add(t, (char *)(uintptr_t)rule_mark);
}

static size_t width(const struct table *t, size_t column)
{
	size_t i, len, most = 0;

	for (i = column; i < t->nr; i += t->columns) {
		len = t->cells[i] ? strlen(t->cells[i]) : 0;
		if (len > most)
			most = len;
	}
	return most;
}

static void print_cell(const struct table *t, size_t i, int w, FILE *to)
{
	size_t column = i % t->columns;
	const char *text = t->cells[i] ? t->cells[i] : "?";
	bool last = column == t->columns - 1;
	int n;

	if (text == rule_mark)
		for (n = 0; n < w; n++)
			fputc('-', to);
	else if (last && !*text)
		;	/* nothing to pad */
	else if (t->align[column] == 'r')
		fprintf(to, "%*s", w, text);
	else
		fprintf(to, "%-*s", last ? 0 : w, text);
	fputs(last ? "\n" : "  ", to);
}

void table_print(struct table *t, FILE *to)
{
	size_t i, *w;

	w = t && !t->failed ? calloc(t->columns, sizeof(*w)) : NULL;
	if (!w)
		return;
	for (i = 0; i < t->columns; i++)
		w[i] = width(t, i);
	for (i = 0; i < t->nr; i++)
		print_cell(t, i, (int)w[i % t->columns], to);
	free(w);
}

void table_free(struct table *t)
{
	size_t i;

	if (!t)
		return;
	for (i = 0; i < t->nr; i++)
		if (t->cells[i] != rule_mark)
			free(t->cells[i]);
	free(t->cells);
	free(t->align);
	free(t);
}

char *format_bytes(char *buf, size_t size, double bytes)
{
	static const char * const unit[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t u = 0;

	while (bytes >= 1024 && u < 4) {
		bytes /= 1024;
		u++;
	}
	snprintf(buf, size, u ? "%.1f %s" : "%.0f %s", bytes, unit[u]);
	return buf;
}

char *format_ns(char *buf, size_t size, double ns)
{
	static const char * const unit[] = { "ns", "us", "ms", "s" };
	size_t u = 0;

	while (ns >= 1000 && u < 3) {
		ns /= 1000;
		u++;
	}
	snprintf(buf, size, u ? "%.1f %s" : "%.0f %s", ns, unit[u]);
	return buf;
}
