/* SPDX-License-Identifier: GPL-2.0 */
/* Value tables: presets, rows from the command line, JSON. */
#ifndef _KVMEMCTL_VALUE_TABLE_H
#define _KVMEMCTL_VALUE_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/kvmem_netlink.h>

#define CLASSES	KVMEM_NL_NR_CLASSES
#define AGES	KVMEM_NL_NR_AGES

/**
 * struct value_rows - a table, or a change of one
 * @lru: classes without a row become the default rather than stay
 * @have: bit set = class has a row
 * @value: rows
 * @order: of the blocks, "use" or "arrival"; NULL = stays
 */
struct value_rows {
	bool lru;
	uint64_t have;
	uint16_t value[CLASSES][AGES];
	const char *order;
};

/* Evict what was used least often; of those, least recently. */
void value_rows_lfu(struct value_rows *rows);
/*
 * {"lru": BOOL, "order": "use" or "arrival", "table": [{"class": N, "values":
 * [32 numbers]}, ...]}; what else is in there is ignored, so that what "policy
 * show --json" says can be read back.  0, or -EINVAL and what is wrong in @problem.
 */
int value_rows_from_json(const json_t *root, struct value_rows *rows, char *problem,
			 size_t size);
/* The rows as the array "table" */
json_t *value_rows_json(const struct value_rows *rows);

/* "0", "1-2", ..., "127+": hits of the classes with log2 @log */
const char *class_hits(unsigned int log);
/* First age that bucket @b counts, ns */
uint64_t age_start(unsigned int b);
/* An array of all of them */
json_t *ages_json(void);
/* "class", "hint" and "hits_log2" of a row or histogram */
void class_json(json_t *object, unsigned int class);

#endif /* _KVMEMCTL_VALUE_TABLE_H */
