// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/json_out.h"
#include "common/table.h"
#include "ctl/ctl.h"
#include "ctl/out.h"

#define MAX_COLUMNS	24

const json_t *out_field(const json_t *object, const char *path)
{
	char name[64];
	size_t n;

	for (;;) {
		n = strcspn(path, ".");
		if (n >= sizeof(name))
			return NULL;
		memcpy(name, path, n);
		name[n] = 0;
		object = json_object_get(object, name);
		if (!object || !path[n])
			return object;
		path += n + 1;
	}
}

static void format_duration(char *buf, size_t size, uint64_t ms)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {
		{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }
	};
	size_t i;

	for (i = 0; i < 4; i++) {
		if (ms % units[i].ms)
			continue;
		snprintf(buf, size, "%" PRIu64 "%s", ms / units[i].ms, units[i].name);
		return;
	}
	snprintf(buf, size, "%" PRIu64 "ms", ms);
}

/* Three digits at least, and no more than needed */
static void format_per_second(char *buf, size_t size, double v)
{
	static const char units[] = " kMGT";
	size_t u = 0;

	while (v >= 10000 && u < 4) {
		v /= 1000;
		u++;
	}
	snprintf(buf, size, v < 100 ? "%.1f%.*s" : "%.0f%.*s", v, u ? 1 : 0, units + u);
}

static void format_number(char *buf, size_t size, const json_t *v, enum out_format format)
{
	double d = json_number_value(v);
	uint64_t n = json_is_integer(v) ? (uint64_t)json_integer_value(v) : (uint64_t)d;

	if (!n && (format == OUT_LIMIT || format == OUT_COUNT_LIMIT || format == OUT_MS))
		snprintf(buf, size, "-");
	else if (format == OUT_BYTES || format == OUT_LIMIT)
		format_bytes(buf, size, d);
	else if (format == OUT_PER_SECOND)
		format_per_second(buf, size, d);
	else if (format == OUT_NS)
		format_ns(buf, size, d);
	else if (format == OUT_MS)
		format_duration(buf, size, n);
	else if (format == OUT_RATE)
		snprintf(buf, size, "%.1f%%", d * 100);
	else if (format == OUT_PERCENT)
		snprintf(buf, size, "%" PRIu64 "%%", n);
	else if (json_is_integer(v))
		snprintf(buf, size, "%" PRIu64, n);
	else
		snprintf(buf, size, "%.3f", d);
}

char *out_value(const json_t *object, const struct column *column, char *buf, size_t size)
{
	const json_t *v = out_field(object, column->path);

	if (json_is_string(v))
		snprintf(buf, size, "%s", json_string_value(v));
	else if (json_is_boolean(v))
		snprintf(buf, size, "%s", json_is_true(v) ? "yes" : "no");
	else if (json_is_number(v))
		format_number(buf, size, v, column->format);
	else
		snprintf(buf, size, "-");
	return buf;
}

/* Numbers to the right; a column without any is text. */
static char alignment(const json_t *array, const struct column *column)
{
	const json_t *v;
	size_t i;

	for (i = 0; i < json_array_size(array); i++) {
		v = out_field(json_array_get(array, i), column->path);
		if (json_is_number(v))
			return 'r';
		if (json_is_string(v) || json_is_boolean(v))
			return 'l';
	}
	return 'l';
}

void out_table(const json_t *array, const struct column *columns, FILE *to)
{
	char align[MAX_COLUMNS + 1], buf[192];
	const struct column *c;
	struct table *t;
	size_t i, n = 0;

	for (c = columns; c->title && n < MAX_COLUMNS; c++)
		align[n++] = alignment(array, c);
	align[n] = 0;
	t = table_new(align);
	for (c = columns; c->title; c++)
		table_cell(t, "%s", c->title);
	for (i = 0; i < json_array_size(array); i++)
		for (c = columns; c->title; c++)
			table_cell(t, "%s", out_value(json_array_get(array, i), c, buf,
						      sizeof(buf)));
	table_print(t, to);
	table_free(t);
}

void out_fields(const json_t *object, const struct column *columns, FILE *to)
{
	struct table *t = table_new("ll");
	char buf[192];

	for (; columns->title; columns++) {
		table_cell(t, "%s", columns->title);
		table_cell(t, "%s", out_value(object, columns, buf, sizeof(buf)));
	}
	table_print(t, to);
	table_free(t);
}

int out_flush(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return CTL_OK;
	ctl_error("cannot write: %s", strerror(errno));
	return CTL_FAILED;
}

static int wrote(int err)
{
	if (!err)
		return CTL_OK;
	ctl_error("cannot write: %s", strerror(-err));
	return CTL_FAILED;
}

int out_json(json_t *root)
{
	return wrote(json_out(root, "-"));
}

int out_json_line(json_t *root)
{
	int err = root ? json_dumpf(root, stdout, JSON_COMPACT) : -1;

	json_decref(root);
	if (!err)
		putchar('\n');
	return err ? wrote(errno ? -errno : -EIO) : out_flush();
}
