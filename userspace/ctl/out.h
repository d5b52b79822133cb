/* SPDX-License-Identifier: GPL-2.0 */
/* Output: JSON as it is, or as tables that are views of it. */
#ifndef _KVMEMCTL_OUT_H
#define _KVMEMCTL_OUT_H

#include <jansson.h>
#include <stdio.h>

enum out_format {
	OUT_TEXT,	/* strings, numbers, yes and no */
	OUT_BYTES,	/* "1.5 GiB" */
	OUT_LIMIT,	/* the same, "-" for 0 */
	OUT_COUNT_LIMIT,	/* a number, "-" for 0 */
	OUT_NS,		/* "1.5 us" */
	OUT_MS,		/* a duration, "-" for 0 */
	OUT_RATE,	/* 0.5 as "50.0%" */
	OUT_PERCENT,	/* 50 as "50%" */
	OUT_PER_SECOND,	/* "0.5", "1234", "56.7k" */
};

/**
 * struct column - one column of a table, or line of a list of fields
 * @title: what people read; NULL ends an array
 * @path: field, "." between nested ones; null and absent fields show as "-"
 * @format: how
 */
struct column {
	const char *title;
	const char *path;
	enum out_format format;
};

/* The field at @path, or NULL */
const json_t *out_field(const json_t *object, const char *path);
/* One line for each element of @array, under the titles */
void out_table(const json_t *array, const struct column *columns, FILE *to);
/* One line for each column */
void out_fields(const json_t *object, const struct column *columns, FILE *to);
/* @buf with the field at @path; @size at least 160 */
char *out_value(const json_t *object, const struct column *column, char *buf, size_t size);

/* Print and free.  All return an exit status. */
int out_json(json_t *root);
/* On one line */
int out_json_line(json_t *root);
/* Has everything printed so far been written?  Flushes. */
int out_flush(void);

#endif /* _KVMEMCTL_OUT_H */
