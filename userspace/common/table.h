/* SPDX-License-Identifier: GPL-2.0 */
/* Tables on a terminal: columns as wide as their widest cell. */
#ifndef _KVMEM_TABLE_H
#define _KVMEM_TABLE_H

#include <stddef.h>
#include <stdio.h>

struct table;

/*
 * @align: one character a column, 'l' or 'r'; its length is the number of
 * columns.  NULL when out of memory; the other functions then do nothing.
 */
struct table *table_new(const char *align);
/* The next cell, row by row; printf-like. */
__attribute__((format(printf, 2, 3)))
void table_cell(struct table *t, const char *fmt, ...);
/* A row of all columns: NULL-terminated strings; missing cells are empty. */
void table_row(struct table *t, const char *first, ...);
/* A line of dashes under what is there so far. */
void table_rule(struct table *t);
void table_print(struct table *t, FILE *to);
void table_free(struct table *t);

/* "12.3 MiB"; @buf at least 32 bytes.  Returns @buf. */
char *format_bytes(char *buf, size_t size, double bytes);
/* "1.23 ms" from nanoseconds; @buf at least 32 bytes.  Returns @buf. */
char *format_ns(char *buf, size_t size, double ns);

#endif /* _KVMEM_TABLE_H */
