// SPDX-License-Identifier: GPL-2.0
#include <math.h>

#include "ctl/advice_out.h"
#include "ctl/decode.h"

static json_t *text_or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

static json_t *whole(double v)
{
	return v >= 0 && v < 9e18 ? json_number((uint64_t)v) : json_null();
}

json_t *advice_node_json(const struct advice_node *node)
{
	json_t *o = json_object();

	json_put(o, "prefill_tokens_per_second", json_double(node->prefill));
	json_put(o, "bytes_per_token", json_double(node->bytes_per_token));
	json_put(o, "gpu_cost_per_hour", json_double(node->gpu_cost_per_hour));
	json_put(o, "currency", text_or_null(node->currency));
	json_put(o, "get_bytes_per_second", json_double(node->get_speed));
	json_put(o, "put_bytes_per_second", json_double(node->put_speed));
	return o;
}

static json_t *point(double capacity, double lru, double policy)
{
	json_t *o = json_object();

	json_put(o, "capacity_bytes", whole(capacity));
	json_put(o, "lru", json_double(lru));
	json_put(o, "policy", json_double(policy));
	return o;
}

static json_t *curve_json(const struct advice_ns *ns)
{
	const struct advice_point *p;
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < ns->nr_points; i++) {
		p = &ns->curve[i];
		json_array_append_new(array, point(p->bytes, p->lru, p->policy));
	}
	return array;
}

static json_t *more_json(double bytes, double gain, double prefill_seconds, double gpu_cost)
{
	json_t *o = json_object();

	json_put(o, "bytes", whole(bytes));
	json_put(o, "hit_rate_gain", json_double(gain));
	json_put(o, "prefill_seconds_per_day", json_double(prefill_seconds));
	json_put(o, "gpu_cost_per_day", json_double(gpu_cost));
	return o;
}

static json_t *flash_json(const struct advice_ns *ns, const struct advice *a)
{
	json_t *o = json_object();

	json_put(o, "mode", text_or_null(ns->flash_mode));
	json_put(o, "capacity_bytes", whole(a->flash));
	json_put(o, "used_bytes", whole(ns->flash_used));
	json_put(o, "now", point(ns->capacity + a->flash, a->flash_now.lru,
				 a->flash_now.policy));
	json_put(o, "more", more_json(a->more_bytes, a->flash_gain, a->flash_prefill_seconds,
				      a->flash_gpu_cost));
	return o;
}

/* null: there are none */
json_t *advice_media_json(const struct advice_media *media, size_t n)
{
	json_t *array, *o;
	size_t i;

	if (!n)
		return json_null();
	array = json_array();
	for (i = 0; i < n; i++) {
		o = json_object();
		json_put(o, "name", json_string(media[i].name));
		json_put(o, "state", text_or_null(media[i].state));
		json_put(o, "bytes", whole(media[i].bytes));
		json_put(o, "written_bytes_per_day", whole(media[i].per_day));
		json_put(o, "endurance_left_bytes", whole(media[i].endurance));
		json_put(o, "life_years", json_double(media[i].life_years));
		json_array_append_new(array, o);
	}
	o = json_object();
	json_put(o, "media", array);
	return o;
}

static json_t *break_even_json(const struct advice *a)
{
	static const char * const verdicts[] = {
		[ADVICE_PAYS] = "pays",
		[ADVICE_COSTS] = "costs",
		[ADVICE_NEVER] = "never",
		[ADVICE_DEPENDS] = "depends",
	};
	json_t *o = json_object();

	json_put(o, "recompute_seconds", json_double(a->recompute));
	json_put(o, "get_seconds", json_double(a->get));
	json_put(o, "put_seconds", json_double(a->put));
	json_put(o, "reuse_needed", json_double(a->reuse_needed));
	json_put(o, "reuse_measured", json_double(a->reuse));
	json_put(o, "verdict", a->verdict == ADVICE_UNKNOWN ? json_null() :
		 json_string(verdicts[a->verdict]));
	return o;
}

/* null: nothing is missing */
static json_t *missing_json(const struct advice_ns *ns, const struct advice *a)
{
	json_t *o;

	if (ns->nr_points)
		return json_null();
	o = json_object();
	json_put(o, "sampled_uses", whole(ceil(a->missing_samples)));
	json_put(o, "uses", whole(ceil(a->missing_uses)));
	json_put(o, "seconds", whole(ceil(a->missing_seconds)));
	return o;
}

static void put_state(json_t *o, const struct advice_ns *ns)
{
	json_put(o, "id", json_number(ns->id));
	json_put(o, "name", json_string(ns->name));
	json_put(o, "policy", text_or_null(ns->policy));
	json_put(o, "fallback", json_boolean(ns->fallback));
	json_put(o, "sample_one_in", whole(ns->one_in));
	json_put(o, "sampled_uses", json_double(ns->sampled_uses));
	json_put(o, "capacity_bytes", whole(ns->capacity));
	json_put(o, "used_bytes", whole(ns->used));
}

json_t *advice_json(const struct advice_ns *ns, const struct advice_node *node,
		    const struct advice *a)
{
	json_t *o = json_object();

	put_state(o, ns);
	json_put(o, "gets_per_second", json_double(a->gets));
	json_put(o, "puts_per_second", json_double(a->puts));
	json_put(o, "hit_rate", json_double(a->hit_rate));
	json_put(o, "block_bytes", json_double(a->block_bytes));
	json_put(o, "bytes_per_token", json_double(a->bytes_per_token));
	json_put(o, "bytes_per_token_told", json_boolean(a->told));
	json_put(o, "tokens_per_block", json_double(a->tokens));
	json_put(o, "curve", curve_json(ns));
	json_put(o, "now", point(ns->capacity, a->now.lru, a->now.policy));
	json_put(o, "twice", point(2 * ns->capacity, a->twice.lru, a->twice.policy));
	json_put(o, "more", more_json(a->more_bytes, a->gain, a->prefill_seconds, a->gpu_cost));
	json_put(o, "flash", flash_json(ns, a));
	json_put(o, "break_even", break_even_json(a));
	json_put(o, "missing", missing_json(ns, a));
	json_put(o, "drive_life_years", json_double(node->life_years));
	return o;
}
