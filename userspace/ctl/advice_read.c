// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <string.h>

#include "ctl/advice_read.h"

#define ID_MAX		4294967295.0
#define NUMBER_MAX	1e19

/* --- fields --- */

/* NaN unless it is a number from 0 to @max */
static double limited(const json_t *object, const char *name, double max)
{
	const json_t *v = json_object_get(object, name);
	double d = json_is_number(v) ? json_number_value(v) : NAN;

	return d >= 0 && d <= max ? d : NAN;
}

static double number(const json_t *object, const char *name)
{
	return limited(object, name, NUMBER_MAX);
}

/* The same for what is 0 when it is not told */
static double count(const json_t *object, const char *name)
{
	double d = number(object, name);

	return isnan(d) ? 0 : d;
}

static double positive(const json_t *object, const char *name)
{
	double d = number(object, name);

	return d > 0 ? d : NAN;
}

/* Visible characters only: it goes to a terminal. */
static void text(const json_t *object, const char *name, char *buf, size_t size)
{
	const char *s = json_string_value(json_object_get(object, name));
	size_t i;

	for (i = 0; s && s[i] && i < size - 1; i++)
		buf[i] = s[i] > ' ' && s[i] < 0x7f ? s[i] : '?';
	buf[i] = 0;
}

/* Control characters, also those of U+0080 to U+009F, as UTF-8 */
static bool is_control(const unsigned char *s)
{
	return s[0] < ' ' || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
}

/* May be a sign that is no ASCII, as that of the pound */
static void currency(const json_t *costs, char *buf, size_t size)
{
	const char *s = json_string_value(json_object_get(costs, "currency"));
	size_t i;

	buf[0] = 0;
	if (!s || strlen(s) >= size)
		return;
	for (i = 0; s[i]; i++)
		if (is_control((const unsigned char *)s + i))
			return;
	strcpy(buf, s);
}

/* --- namespaces --- */

static void read_counters(const json_t *counters, struct advice_counters *c)
{
	c->hits = count(counters, "hits");
	c->misses = count(counters, "misses");
	c->puts = count(counters, "puts");
	c->copied_in = count(counters, "copied_in_bytes");
}

/* Points that do not grow are no curve and are left out. */
static void read_curve(const json_t *curve, struct advice_ns *out)
{
	struct advice_point *p;
	double last = 0;
	size_t i;

	for (i = 0; i < json_array_size(curve) && out->nr_points < ADVICE_MAX_POINTS; i++) {
		const json_t *o = json_array_get(curve, i);

		p = &out->curve[out->nr_points];
		p->bytes = number(o, "capacity_bytes");
		p->lru = limited(o, "lru", 1);
		p->policy = limited(o, "policy", 1);
		if (!(p->bytes > last) || (isnan(p->lru) && isnan(p->policy)))
			continue;
		last = p->bytes;
		out->nr_points++;
	}
}

static void read_policy(const json_t *policy, struct advice_ns *out)
{
	text(policy, "name", out->policy, sizeof(out->policy));
	out->fallback = json_is_true(json_object_get(policy, "fallback"));
	out->one_in = count(policy, "sample_one_in");
	out->sampled_uses = count(policy, "sampled_uses");
}

static void read_flash(const json_t *flash, struct advice_ns *out)
{
	text(flash, "mode", out->flash_mode, sizeof(out->flash_mode));
	out->flash_quota = count(flash, "quota_bytes");
	out->flash_used = count(flash, "bytes");
}

/* A bound of blocks is one of bytes, too: so many of what one takes now. */
static double capacity(const json_t *ns)
{
	double bytes = count(ns, "capacity_bytes"), blocks = count(ns, "quota_blocks");
	double one = count(ns, "used_bytes") / count(ns, "used_blocks");

	return blocks > 0 && blocks * one < bytes ? blocks * one : bytes;
}

int advice_read_ns(const json_t *ns, struct advice_ns *out)
{
	const json_t *saved = json_object_get(ns, "saved");
	double id = limited(ns, "id", ID_MAX);

	memset(out, 0, sizeof(*out));
	text(ns, "name", out->name, sizeof(out->name));
	if (!(id >= 1) || !*out->name)
		return -1;
	out->id = (unsigned int)id;
	out->capacity = capacity(ns);
	out->used = count(ns, "used_bytes");
	out->live_blocks = count(ns, "live_blocks");
	out->data_bytes = count(ns, "data_bytes");
	out->saved_tokens = count(saved, "tokens");
	out->saved_bytes = count(saved, "bytes");
	read_flash(json_object_get(ns, "flash"), out);
	read_policy(json_object_get(ns, "policy"), out);
	read_counters(json_object_get(ns, "counters"), &out->total);
	read_curve(json_object_get(ns, "curve"), out);
	return 0;
}

int advice_read_counters(const json_t *report, unsigned int id, struct advice_counters *out)
{
	const json_t *all = json_object_get(report, "namespaces"), *ns;
	size_t i;

	for (i = 0; i < json_array_size(all); i++) {
		ns = json_array_get(all, i);
		if (number(ns, "id") != id)
			continue;
		read_counters(json_object_get(ns, "counters"), out);
		return 0;
	}
	return -1;
}

/* --- media --- */

static bool read_one_media(const json_t *o, struct advice_media *m)
{
	double id = limited(o, "id", ID_MAX);

	*m = (struct advice_media){ .per_day = NAN, .endurance = NAN, .life_years = NAN };
	text(o, "name", m->name, sizeof(m->name));
	text(o, "state", m->state, sizeof(m->state));
	if (!(id >= 1) || !*m->name)
		return false;
	m->id = (unsigned int)id;
	m->usable = !strcmp(m->state, "live") || !strcmp(m->state, "attaching");
	m->bytes = count(o, "bytes");
	m->written = count(o, "put_bytes") + count(o, "reinsert_bytes") +
		     count(o, "table_bytes");
	m->used = limited(o, "used_percent", 255) / 100;
	m->device_written = number(o, "device_written_bytes");
	return true;
}

size_t advice_read_media(const json_t *report, struct advice_media *out, size_t max)
{
	const json_t *all = json_object_get(report, "media");
	size_t i, n = 0;

	for (i = 0; i < json_array_size(all) && n < max; i++)
		n += read_one_media(json_array_get(all, i), &out[n]);
	return n;
}

/* --- the node --- */

/* Of operations on DRAM: only these are copies that have been measured. */
static double speed(const json_t *report, const char *op)
{
	const json_t *all = json_object_get(report, "latency"), *o;
	const char *name, *tier;
	size_t i;

	for (i = 0; i < json_array_size(all); i++) {
		o = json_array_get(all, i);
		name = json_string_value(json_object_get(o, "op"));
		tier = json_string_value(json_object_get(o, "tier"));
		if (name && tier && !strcmp(name, op) && !strcmp(tier, "dram"))
			return positive(o, "bytes_per_second");
	}
	return NAN;
}

void advice_read_node(const json_t *report, struct advice_node *out)
{
	const json_t *costs = json_object_get(report, "costs");

	memset(out, 0, sizeof(*out));
	out->prefill = positive(costs, "prefill_tokens_per_second");
	out->bytes_per_token = positive(costs, "bytes_per_token");
	out->gpu_cost_per_hour = positive(costs, "gpu_cost_per_hour");
	currency(costs, out->currency, sizeof(out->currency));
	out->get_speed = speed(report, "get");
	out->put_speed = speed(report, "put");
	out->life_years = NAN;
}

double advice_read_interval(const json_t *before, const json_t *now)
{
	double t = (number(now, "read_ns") - number(before, "read_ns")) / 1e9;

	return t > 0 ? t : 0;
}
