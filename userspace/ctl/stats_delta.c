// SPDX-License-Identifier: GPL-2.0
#include "ctl/decode.h"
#include "ctl/stats_delta.h"

/* Every integer, also of objects inside */
static void subtract(json_t *now, const json_t *before)
{
	const char *name;
	json_t *value;

	json_object_foreach(now, name, value) {
		uint64_t old = json_get_u64(before, name);

		if (json_is_object(value))
			subtract(value, json_object_get(before, name));
		else if (json_is_integer(value) &&
			 (uint64_t)json_integer_value(value) >= old)
			json_integer_set(value, json_integer_value(value) - (json_int_t)old);
	}
}

static const json_t *same(const json_t *before, const json_t *ns)
{
	size_t i;

	for (i = 0; i < json_array_size(before); i++)
		if (json_equal(json_object_get(json_array_get(before, i), "id"),
			       json_object_get(ns, "id")))
			return json_array_get(before, i);
	return NULL;
}

void stats_subtract(json_t *now, const json_t *before)
{
	json_t *stats;
	size_t i;

	for (i = 0; i < json_array_size(now); i++) {
		const json_t *ns = json_array_get(now, i);

		stats = json_object_get(ns, "stats");
		subtract(stats, json_object_get(same(before, ns), "stats"));
		if (stats)
			stats_add_rate(stats);
	}
}
