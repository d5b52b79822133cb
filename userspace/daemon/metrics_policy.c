// SPDX-License-Identifier: GPL-2.0
/* What decides on evictions, and how well it does. */
#include <math.h>

#include "daemon/metrics_render.h"

#define MAX_POINTS	256

typedef void (*policy_sample_fn)(struct buffer *b, const char *name, const char *ns,
				 const struct state_ns *of, const struct policy_state *p);

static void each_policy(const struct state *state, struct buffer *b, const char *name,
			policy_sample_fn write)
{
	struct policy_state p;
	const struct state_ns *ns;

	for (ns = state->ns; ns; ns = ns->next) {
		if (!ns->policy)
			continue;
		policy_get_state(ns->policy, &p);
		write(b, name, NAME(ns->name), ns, &p);
	}
}

static void put_info(struct buffer *b, const char *name, const char *ns,
		     const struct state_ns *of, const struct policy_state *p)
{
	(void)of;
	text_u64(b, name, LABELS({ "namespace", ns }, { "policy", policy_kind_name(p->kind) }),
		 1);
}

static void put_fallback(struct buffer *b, const char *name, const char *ns,
			 const struct state_ns *of, const struct policy_state *p)
{
	(void)of;
	text_u64(b, name, LABELS({ "namespace", ns }), p->fallback);
}

static void put_fallbacks(struct buffer *b, const char *name, const char *ns,
			  const struct state_ns *of, const struct policy_state *p)
{
	(void)of;
	text_u64(b, name, LABELS({ "namespace", ns }), p->fallbacks);
}

static void put_pushes(struct buffer *b, const char *name, const char *ns,
		       const struct state_ns *of, const struct policy_state *p)
{
	(void)p;
	text_u64(b, name, LABELS({ "namespace", ns }), of->table_pushes);
}

static void put_one_in(struct buffer *b, const char *name, const char *ns,
		       const struct state_ns *of, const struct policy_state *p)
{
	(void)of;
	text_u64(b, name, LABELS({ "namespace", ns }), p->one_in);
}

static void put_uses(struct buffer *b, const char *name, const char *ns,
		     const struct state_ns *of, const struct policy_state *p)
{
	(void)of;
	text_double(b, name, LABELS({ "namespace", ns }), p->refs);
}

/* Nothing sampled yet is no hit rate, not one of 0. */
static void put_ratio(struct buffer *b, const char *name, const char *ns,
		      const struct state_ns *of, const struct policy_state *p)
{
	(void)of;
	if (!(p->refs > 0))
		return;
	if (isfinite(p->real))
		text_double(b, name, LABELS({ "namespace", ns }, { "of", "kernel" }), p->real);
	if (isfinite(p->lru))
		text_double(b, name, LABELS({ "namespace", ns }, { "of", "shadow_lru" }),
			    p->lru);
}

/* --- the curve --- */

/*
 * At capacities relative to the present one: absolute ones would be other
 * series whenever a quota changes.
 */
static const struct {
	const char *label;
	double factor;
} capacities[] = {
	{ "0.25", 0.25 }, { "0.5", 0.5 }, { "1", 1 }, { "2", 2 }, { "4", 4 }, { "8", 8 },
};

/* How far beyond an end is at the end: sizes are rounded, and series should not come and go. */
#define SLACK	0.02

/* At the very end nothing needs to be known of the start. */
static double between(double start, double end, double part)
{
	return part < 1 ? start + part * (end - start) : end;
}

/* The point at @capacity, between its neighbours; false: outside of the curve.  @n is not 0. */
static bool curve_at(const struct policy_point *points, size_t n, double capacity,
		     struct policy_point *at)
{
	const struct policy_point *p, *next;
	double part, width;
	size_t i;

	for (i = 0; i < n - 1; i++)
		if ((double)points[i].capacity_bytes >= capacity)
			break;
	if (capacity < (double)points[0].capacity_bytes * (1 - SLACK) ||
	    capacity > (double)points[n - 1].capacity_bytes * (1 + SLACK))
		return false;
	next = &points[i];
	p = i ? next - 1 : next;
	width = (double)next->capacity_bytes - (double)p->capacity_bytes;
	part = width > 0 ? (capacity - (double)p->capacity_bytes) / width : 1;
	at->lru = between(p->lru, next->lru, part);
	at->policy = between(p->policy, next->policy, part);
	return true;
}

static void put_curve(struct buffer *b, const char *name, const char *ns,
		      const struct state_ns *of, const struct policy_state *state)
{
	struct policy_point points[MAX_POINTS], at;
	const char *label;
	unsigned int i;
	size_t n;

	(void)state;
	n = policy_curve(of->policy, points, MAX_POINTS);
	for (i = 0; n && i < sizeof(capacities) / sizeof(capacities[0]); i++) {
		label = capacities[i].label;
		if (!curve_at(points, n, capacities[i].factor * (double)of->capacity_bytes,
			      &at))
			continue;
		if (isfinite(at.lru))
			text_double(b, name, LABELS({ "namespace", ns }, { "of", "lru" },
						    { "capacity", label }), at.lru);
		if (isfinite(at.policy))
			text_double(b, name, LABELS({ "namespace", ns }, { "of", "policy" },
						    { "capacity", label }), at.policy);
	}
}

static const struct {
	const char *name, *help;
	void (*family)(struct buffer *b, const char *name, const char *help);
	policy_sample_fn write;
} metrics[] = {
	{ "kvmem_policy_info", "The policy that decides on evictions.", text_gauge, put_info },
	{ "kvmem_policy_fallback",
	  "1 while the policy has lost against LRU and LRU's table is in force.", text_gauge,
	  put_fallback },
	{ "kvmem_policy_fallbacks_total", "How often that has happened.", text_counter,
	  put_fallbacks },
	{ "kvmem_policy_table_pushes_total", "Value tables that the kernel took.",
	  text_counter, put_pushes },
	{ "kvmem_policy_sampling_one_in", "Of how many keys one is sampled.", text_gauge,
	  put_one_in },
	{ "kvmem_policy_sampled_uses", "Sampled uses behind the hit ratios, decayed.",
	  text_gauge, put_uses },
	{ "kvmem_policy_sampled_hit_ratio",
	  "Hit ratio on sampled keys: of the kernel, and of an LRU of the same size.",
	  text_gauge, put_ratio },
	{ "kvmem_policy_curve_hit_ratio",
	  "Hit ratio to be expected with a capacity of so many times the present one.",
	  text_gauge, put_curve },
};

void metrics_policies(const struct state *state, struct buffer *b)
{
	const struct state_ns *ns = state->ns;
	unsigned int i;

	while (ns && !ns->policy)
		ns = ns->next;
	for (i = 0; ns && i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		metrics[i].family(b, metrics[i].name, metrics[i].help);
		each_policy(state, b, metrics[i].name, metrics[i].write);
	}
}
