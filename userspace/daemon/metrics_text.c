// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "daemon/metrics_text.h"

static void family(struct buffer *b, const char *name, const char *type, const char *help)
{
	buffer_puts(b, "# HELP ");
	buffer_puts(b, name);
	buffer_puts(b, " ");
	buffer_puts(b, help);
	buffer_puts(b, "\n# TYPE ");
	buffer_puts(b, name);
	buffer_puts(b, " ");
	buffer_puts(b, type);
	buffer_puts(b, "\n");
}

void text_counter(struct buffer *b, const char *name, const char *help)
{
	family(b, name, "counter", help);
}

void text_gauge(struct buffer *b, const char *name, const char *help)
{
	family(b, name, "gauge", help);
}

void text_histogram(struct buffer *b, const char *name, const char *help)
{
	family(b, name, "histogram", help);
}

/*
 * Length of the character at @p when it is well-formed UTF-8 beyond ASCII, else
 * 0: not cut, not longer than need be, no surrogate, nothing above U+10FFFF.
 */
static size_t utf8_length(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;
	unsigned int low = 0x80, high = 0xbf;
	size_t len, i;

	if (u[0] < 0xc2 || u[0] > 0xf4)
		return 0;
	len = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	if (u[0] == 0xe0)
		low = 0xa0;
	else if (u[0] == 0xed)
		high = 0x9f;
	else if (u[0] == 0xf0)
		low = 0x90;
	else if (u[0] == 0xf4)
		high = 0x8f;
	for (i = 1; i < len; i++, low = 0x80, high = 0xbf)
		if (u[i] < low || u[i] > high)
			return 0;
	return len;
}

/* Bytes at @p that need no escape; 0: one that does. */
static size_t plain_length(const char *p)
{
	unsigned char c = (unsigned char)*p;

	if (c >= 0x80)
		return utf8_length(p);
	return c >= ' ' && c != 0x7f && c != '\\' && c != '"';
}

/*
 * A label's value is UTF-8, and a scraper drops the whole answer when one is
 * not.  Names are visible ASCII; should something else get here, it becomes
 * \xNN, which no two names share unless they are the same.
 */
static void put_escaped(struct buffer *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char text[] = { '\\', '\\', 'x', hex[c >> 4], hex[c & 15] };

	if (c == '\\')
		buffer_puts(b, "\\\\");
	else if (c == '"')
		buffer_puts(b, "\\\"");
	else if (c == '\n')
		buffer_puts(b, "\\n");
	else
		buffer_put(b, text, sizeof(text));
}

static void put_value(struct buffer *b, const char *value)
{
	const char *end = value;
	size_t len;

	while (*value) {
		while (*end && (len = plain_length(end)))
			end += len;
		buffer_put(b, value, (size_t)(end - value));
		if (*end)
			put_escaped(b, (unsigned char)*end++);
		value = end;
	}
}

static void put_labels(struct buffer *b, const struct text_label *l)
{
	const char *before = "{";

	if (!l || !l->name)
		return;
	for (; l->name; l++) {
		buffer_puts(b, before);
		buffer_puts(b, l->name);
		buffer_puts(b, "=\"");
		put_value(b, l->value);
		before = "\",";
	}
	buffer_puts(b, "\"}");
}

void text_u64(struct buffer *b, const char *name, const struct text_label *labels, uint64_t v)
{
	buffer_puts(b, name);
	put_labels(b, labels);
	buffer_puts(b, " ");
	buffer_u64(b, v);
	buffer_puts(b, "\n");
}

void text_double(struct buffer *b, const char *name, const struct text_label *labels,
		 double v)
{
	buffer_puts(b, name);
	put_labels(b, labels);
	buffer_puts(b, " ");
	buffer_double(b, v);
	buffer_puts(b, "\n");
}

void text_gauge_u64(struct buffer *b, const char *name, const char *help, uint64_t v)
{
	text_gauge(b, name, help);
	text_u64(b, name, NULL, v);
}

void text_gauge_double(struct buffer *b, const char *name, const char *help, double v)
{
	text_gauge(b, name, help);
	text_double(b, name, NULL, v);
}

void text_counter_u64(struct buffer *b, const char *name, const char *help, uint64_t v)
{
	text_counter(b, name, help);
	text_u64(b, name, NULL, v);
}

void text_counter_double(struct buffer *b, const char *name, const char *help, double v)
{
	text_counter(b, name, help);
	text_double(b, name, NULL, v);
}
