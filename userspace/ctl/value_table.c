// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/decode.h"
#include "ctl/value_table.h"

#define AGE_SHIFT	16	/* bucket 1 starts at 2^16 ns */

/* --- what classes and ages mean --- */

const char *class_hits(unsigned int log)
{
	static const char * const names[] = {
		"0", "1-2", "3-6", "7-14", "15-30", "31-62", "63-126", "127+"
	};

	return names[log & 7];
}

uint64_t age_start(unsigned int b)
{
	return b ? 1ULL << (AGE_SHIFT - 1 + b) : 0;
}

json_t *ages_json(void)
{
	json_t *array = json_array();
	unsigned int b;

	for (b = 0; b < AGES; b++)
		json_array_append_new(array, json_number(age_start(b)));
	return array;
}

void class_json(json_t *object, unsigned int class)
{
	json_put(object, "class", json_number(class));
	json_put(object, "hint", json_number(class / 8));
	json_put(object, "hits_log2", json_number(class % 8));
}

/* --- presets --- */

void value_rows_lfu(struct value_rows *rows)
{
	unsigned int class, age;

	rows->lru = false;
	rows->have = ~0ULL;
	/* Of equals the kernel takes the one that was used least recently. */
	for (class = 0; class < CLASSES; class++)
		for (age = 0; age < AGES; age++)
			rows->value[class][age] = (uint16_t)(1 + class % 8);
}

/* --- JSON --- */

static bool in_range(const json_t *v, json_int_t max)
{
	return json_is_integer(v) && json_integer_value(v) >= 0 &&
	       json_integer_value(v) <= max;
}

static int row_values(const json_t *values, uint16_t *row)
{
	unsigned int age;

	if (json_array_size(values) != AGES)
		return -EINVAL;
	for (age = 0; age < AGES; age++) {
		const json_t *v = json_array_get(values, age);

		if (!in_range(v, UINT16_MAX))
			return -EINVAL;
		row[age] = (uint16_t)json_integer_value(v);
	}
	return 0;
}

static int one_row(const json_t *row, struct value_rows *rows, char *problem, size_t size)
{
	const json_t *class = json_object_get(row, "class");
	uint64_t bit;

	if (!in_range(class, CLASSES - 1)) {
		snprintf(problem, size, "\"class\" is not a number from 0 to %d", CLASSES - 1);
		return -EINVAL;
	}
	bit = 1ULL << json_integer_value(class);
	if (rows->have & bit) {
		snprintf(problem, size, "class %d is there twice",
			 (int)json_integer_value(class));
		return -EINVAL;
	}
	rows->have |= bit;
	if (!row_values(json_object_get(row, "values"),
			rows->value[json_integer_value(class)]))
		return 0;
	snprintf(problem, size, "class %d: \"values\" is not %d numbers from 0 to 65535",
		 (int)json_integer_value(class), AGES);
	return -EINVAL;
}

/* Not a pointer into the JSON, which goes */
static int order_from_json(const json_t *order, const char **out)
{
	const char *text = json_string_value(order);

	*out = NULL;
	if (!order)
		return 0;
	if (!text || (strcmp(text, "use") && strcmp(text, "arrival")))
		return -EINVAL;
	*out = *text == 'a' ? "arrival" : "use";
	return 0;
}

int value_rows_from_json(const json_t *root, struct value_rows *rows, char *problem,
			 size_t size)
{
	const json_t *table = json_object_get(root, "table");
	size_t i;
	int err;

	memset(rows, 0, sizeof(*rows));
	rows->lru = json_is_true(json_object_get(root, "lru"));
	if (!json_is_array(table) && !(rows->lru && !table)) {
		snprintf(problem, size, "there is no array \"table\"");
		return -EINVAL;
	}
	if (order_from_json(json_object_get(root, "order"), &rows->order)) {
		snprintf(problem, size, "\"order\" is not \"use\" or \"arrival\"");
		return -EINVAL;
	}
	for (i = 0; i < json_array_size(table); i++) {
		err = one_row(json_array_get(table, i), rows, problem, size);
		if (err)
			return err;
	}
	if (rows->have || rows->lru)
		return 0;
	snprintf(problem, size, "\"table\" is empty");
	return -EINVAL;
}

static json_t *values_json(const uint16_t *row)
{
	json_t *array = json_array();
	unsigned int age;

	for (age = 0; age < AGES; age++)
		json_array_append_new(array, json_number(row[age]));
	return array;
}

json_t *value_rows_json(const struct value_rows *rows)
{
	json_t *array = json_array(), *row;
	unsigned int class;

	for (class = 0; class < CLASSES; class++) {
		if (!(rows->have & 1ULL << class))
			continue;
		row = json_object();
		class_json(row, class);
		json_put(row, "values", values_json(rows->value[class]));
		json_array_append_new(array, row);
	}
	return array;
}
