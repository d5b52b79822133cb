// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/metrics_buffer.h"

#define FIRST_SIZE	4096

void buffer_init(struct buffer *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max;
}

void buffer_free(struct buffer *b)
{
	free(b->data);
	buffer_init(b, b->max);
}

static bool grow(struct buffer *b, size_t need)
{
	size_t size = b->size ? b->size : FIRST_SIZE;
	char *data;

	if (need > b->max)
		return false;
	while (size < need)
		size *= 2;
	if (size > b->max)
		size = b->max;
	data = realloc(b->data, size);
	if (!data)
		return false;
	b->data = data;
	b->size = size;
	return true;
}

void buffer_put(struct buffer *b, const void *data, size_t len)
{
	if (b->failed || !len)
		return;
	if (len > b->size - b->len && (len > SIZE_MAX - b->len || !grow(b, b->len + len))) {
		b->failed = true;
		return;
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

void buffer_puts(struct buffer *b, const char *s)
{
	buffer_put(b, s, strlen(s));
}

void buffer_u64(struct buffer *b, uint64_t v)
{
	char digits[20], *p = digits + sizeof(digits);

	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	buffer_put(b, p, (size_t)(digits + sizeof(digits) - p));
}

void buffer_double(struct buffer *b, double v)
{
	char text[32];
	int digits;

	if (isnan(v)) {
		buffer_puts(b, "NaN");
		return;
	}
	if (isinf(v)) {
		buffer_puts(b, v > 0 ? "+Inf" : "-Inf");
		return;
	}
	for (digits = 15; digits < 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	if (digits == 17)
		snprintf(text, sizeof(text), "%.17g", v);
	buffer_puts(b, text);
}
