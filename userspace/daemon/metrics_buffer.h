/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Text that grows, up to a bound.  A failure is remembered, so that who
 * writes does not have to look at every step.
 */
#ifndef KVMEMD_METRICS_BUFFER_H
#define KVMEMD_METRICS_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct buffer - text
 * @data: @len bytes, not NUL-terminated
 * @max: it never grows beyond
 * @failed: no memory, or @max reached: what is there is not complete
 */
struct buffer {
	char *data;
	size_t len, size, max;
	bool failed;
};

void buffer_init(struct buffer *b, size_t max);
void buffer_free(struct buffer *b);
void buffer_put(struct buffer *b, const void *data, size_t len);
void buffer_puts(struct buffer *b, const char *s);
void buffer_u64(struct buffer *b, uint64_t v);
/* The shortest decimal that reads back as the same; NaN, +Inf, -Inf. */
void buffer_double(struct buffer *b, double v);

#endif
