// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <string.h>

#include "ctl/advice.h"

#define DAY	86400.0
#define DAY_PER_YEAR	365.25

static double divide(double a, double b)
{
	return b > 0 ? a / b : NAN;
}

/* --- the curve --- */

enum which { LRU, POLICY };

static double value(const struct advice_point *p, enum which which)
{
	return which == LRU ? p->lru : p->policy;
}

/* A straight line between the points that are known; nothing fits in nothing. */
static double curve_at(const struct advice_ns *ns, double bytes, enum which which)
{
	double x = 0, y = 0, v;
	size_t i;

	for (i = 0; i < ns->nr_points; i++) {
		v = value(&ns->curve[i], which);
		if (isnan(v))
			continue;
		if (ns->curve[i].bytes >= bytes)
			return y + (v - y) * (bytes - x) / (ns->curve[i].bytes - x);
		x = ns->curve[i].bytes;
		y = v;
	}
	return NAN;
}

void advice_doubt(struct advice_ns *ns)
{
	if (!(ns->sampled_uses >= ADVICE_MIN_USES))
		ns->nr_points = 0;
}

struct advice_rates advice_curve_at(const struct advice_ns *ns, double bytes)
{
	return (struct advice_rates){ curve_at(ns, bytes, LRU), curve_at(ns, bytes, POLICY) };
}

/* --- rates --- */

/* Counters that went back belong to another namespace of that id. */
static double per_second(double now, double before, double seconds)
{
	return now < before ? NAN : divide(now - before, seconds);
}

static void rates(const struct advice_ns *ns, const struct advice_counters *before,
		  double seconds, struct advice *a)
{
	const struct advice_counters *t = &ns->total;

	a->gets = per_second(t->hits + t->misses, before->hits + before->misses, seconds);
	a->puts = per_second(t->puts, before->puts, seconds);
	a->hit_rate = divide(t->hits, t->hits + t->misses);
	a->reuse = divide(t->hits, t->puts);
}

static void block(const struct advice_ns *ns, const struct advice_node *node,
		  struct advice *a)
{
	a->block_bytes = divide(ns->data_bytes, ns->live_blocks);
	/* All gone: as they were when they came. */
	if (!(a->block_bytes > 0))
		a->block_bytes = divide(ns->total.copied_in, ns->total.puts);
	if (!(a->block_bytes > 0))
		a->block_bytes = NAN;
	a->bytes_per_token = node->bytes_per_token;
	a->told = isnan(a->bytes_per_token) && ns->saved_tokens > 0 && ns->saved_bytes > 0;
	if (a->told)
		a->bytes_per_token = ns->saved_bytes / ns->saved_tokens;
	a->tokens = divide(a->block_bytes, a->bytes_per_token);
}

/* --- answers --- */

/* The policy's prediction where there is one, else LRU's: for both the same */
static double gain(const struct advice_rates *now, const struct advice_rates *more)
{
	double by_policy = more->policy - now->policy;

	return isnan(by_policy) ? more->lru - now->lru : by_policy;
}

static void predict(const struct advice_ns *ns, const struct advice_node *node,
		    double more_bytes, struct advice *a)
{
	double capacity = ns->capacity > 0 ? ns->capacity : NAN;

	a->now = advice_curve_at(ns, capacity);
	a->twice = advice_curve_at(ns, 2 * capacity);
	a->more = advice_curve_at(ns, capacity + more_bytes);
	a->more_bytes = more_bytes;
	a->gain = gain(&a->now, &a->more);
	a->prefill_seconds = a->gets * DAY * a->gain * a->recompute;
	a->gpu_cost = a->prefill_seconds / 3600 * node->gpu_cost_per_hour;
}

/* Its quota of the media, or all of them; none where it writes nothing there */
static double flash_of(const struct advice_ns *ns, const struct advice_node *node)
{
	if (!(node->flash > 0) || (strcmp(ns->flash_mode, "through") &&
				   strcmp(ns->flash_mode, "back")))
		return 0;
	return ns->flash_quota > 0 ? fmin(ns->flash_quota, node->flash) : node->flash;
}

/* The same curve further on: what leaves DRAM is found on flash. */
static void predict_flash(const struct advice_ns *ns, const struct advice_node *node,
			  struct advice *a)
{
	double both;

	a->flash = flash_of(ns, node);
	both = ns->capacity > 0 ? ns->capacity + a->flash : NAN;
	a->flash_now = advice_curve_at(ns, both);
	a->flash_more = advice_curve_at(ns, both + a->more_bytes);
	a->flash_gain = gain(&a->flash_now, &a->flash_more);
	a->flash_prefill_seconds = a->gets * DAY * a->flash_gain * a->recompute;
	a->flash_gpu_cost = a->flash_prefill_seconds / 3600 * node->gpu_cost_per_hour;
}

/* --- media --- */

/* What was written is the part used of what it can take in all. */
static double endurance_left(const struct advice_media *m, double given)
{
	double all = divide(m->device_written, m->used);

	if (m->used >= 1)
		return 0;
	return isnan(given) ? all * (1 - m->used) : given;
}

static const struct advice_media *find_media(const struct advice_media *all, size_t n,
					     const struct advice_media *like)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (all[i].id == like->id && !strcmp(all[i].name, like->name))
			return &all[i];
	return NULL;
}

void advice_media_make(struct advice_media *now, size_t n, const struct advice_media *before,
		       size_t nr_before, double seconds, double given)
{
	const struct advice_media *old;
	struct advice_media *m;

	for (m = now; m < now + n; m++) {
		old = find_media(before, nr_before, m);
		m->per_day = old ? DAY * per_second(m->written, old->written, seconds) : NAN;
		m->endurance = endurance_left(m, given);
		m->life_years = divide(m->endurance, m->per_day) / DAY_PER_YEAR;
	}
}

static void break_even(const struct advice_node *node, struct advice *a)
{
	a->recompute = divide(a->tokens, node->prefill);
	a->get = divide(a->block_bytes, node->get_speed);
	a->put = divide(a->block_bytes, node->put_speed);
	a->reuse_needed = NAN;
	a->verdict = ADVICE_UNKNOWN;
	if (isnan(a->recompute) || isnan(a->get) || isnan(a->put))
		return;
	if (a->recompute <= a->get) {
		a->verdict = ADVICE_NEVER;
		return;
	}
	a->reuse_needed = a->put / (a->recompute - a->get);
	if (isnan(a->reuse))
		a->verdict = ADVICE_DEPENDS;
	else
		a->verdict = a->reuse >= a->reuse_needed ? ADVICE_PAYS : ADVICE_COSTS;
}

static void missing(const struct advice_ns *ns, struct advice *a)
{
	if (ns->nr_points) {
		a->missing_samples = a->missing_uses = a->missing_seconds = 0;
		return;
	}
	a->missing_samples = fmax(ADVICE_MIN_USES - fmax(ns->sampled_uses, 0), 0);
	a->missing_uses = ns->one_in > 0 ? a->missing_samples * ns->one_in : NAN;
	a->missing_seconds = divide(a->missing_uses, a->gets);
}

void advice_make(const struct advice_ns *ns, const struct advice_counters *before,
		 double seconds, const struct advice_node *node, double more_bytes,
		 struct advice *a)
{
	memset(a, 0, sizeof(*a));
	rates(ns, before, seconds, a);
	block(ns, node, a);
	break_even(node, a);
	predict(ns, node, more_bytes, a);
	predict_flash(ns, node, a);
	missing(ns, a);
}
