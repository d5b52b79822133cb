// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/decode.h"
#include "ctl/out.h"
#include "ctl/sample.h"

/* --- a second --- */

static double per_second(double n, double interval)
{
	return interval > 0 ? n / interval : NAN;
}

static double number(const json_t *o, const char *name)
{
	return (double)json_get_u64(o, name);
}

static json_t *ns_rates(const json_t *stats, double interval)
{
	double gets = number(stats, "hits") + number(stats, "misses");
	double bytes = number(stats, "copied_in_bytes") + number(stats, "copied_out_bytes") +
		       number(stats, "zero_copy_bytes");
	double evictions = number(json_object_get(stats, "evictions"), "total");
	json_t *o = json_object();

	json_put(o, "gets", json_double(per_second(gets, interval)));
	json_put(o, "puts", json_double(per_second(number(stats, "puts"), interval)));
	json_put(o, "evictions", json_double(per_second(evictions, interval)));
	json_put(o, "bytes", json_double(per_second(bytes, interval)));
	return o;
}

void rates_add(json_t *report)
{
	double interval = json_real_value(json_object_get(report, "interval_s"));
	const json_t *ns = json_object_get(report, "namespaces");
	const json_t *lat = json_object_get(report, "latency");
	json_t *o;
	size_t i;

	for (i = 0; i < json_array_size(ns); i++) {
		o = json_array_get(ns, i);
		json_put(o, "rates", ns_rates(json_object_get(o, "stats"), interval));
	}
	for (i = 0; i < json_array_size(lat); i++) {
		o = json_array_get(lat, i);
		json_put(o, "ops_per_second",
			 json_double(per_second(number(o, "count"), interval)));
		json_put(o, "bytes_per_second",
			 json_double(per_second(number(o, "bytes"), interval)));
	}
}

/* --- order --- */

static const struct sort_key {
	const char *name, *path;
} keys[] = {
	{ "gets", "rates.gets" },
	{ "hits", "stats.hit_rate" },
	{ "puts", "rates.puts" },
	{ "evictions", "rates.evictions" },
	{ "bytes", "rates.bytes" },
	{ "used", "used_bytes" },
	{ "name", "name" },
};

#define NR_KEYS	(sizeof(keys) / sizeof(*keys))

static size_t find(const char *key)
{
	size_t i;

	for (i = 0; i < NR_KEYS && strcmp(key, keys[i].name); i++)
		;
	return i;
}

const char *rates_next_key(const char *key)
{
	return keys[key ? (find(key) + 1) % NR_KEYS : 0].name;
}

static int by_name(const json_t *a, const json_t *b)
{
	const char *x = json_string_value(json_object_get(a, "name"));
	const char *y = json_string_value(json_object_get(b, "name"));

	return strcmp(x ? x : "", y ? y : "");
}

/* What is not known comes last. */
static double rank(const json_t *o, const char *path)
{
	const json_t *v = out_field(o, path);

	return json_is_number(v) ? json_number_value(v) : -1;
}

static int compare(const void *a, const void *b, void *arg)
{
	const json_t *x = *(json_t * const *)a, *y = *(json_t * const *)b;
	const struct sort_key *key = arg;
	double p = rank(x, key->path), q = rank(y, key->path);

	if (p != q)
		return p < q ? 1 : -1;
	return by_name(x, y);
}

bool rates_sort(json_t *namespaces, const char *key)
{
	size_t k = find(key), n = json_array_size(namespaces), i;
	json_t **all;

	if (k == NR_KEYS)
		return false;
	all = calloc(n + 1, sizeof(*all));
	for (i = 0; all && i < n; i++)
		all[i] = json_incref(json_array_get(namespaces, i));
	if (!all)
		return true;	/* in the order of ids, then */
	qsort_r(all, n, sizeof(*all), compare, (void *)(uintptr_t)&keys[k]);
	json_array_clear(namespaces);
	for (i = 0; i < n; i++)
		json_array_append_new(namespaces, all[i]);
	free(all);
	return true;
}
