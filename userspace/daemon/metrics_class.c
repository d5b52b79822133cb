// SPDX-License-Identifier: GPL-2.0
/* Namespaces by class, and what their hits saved. */
#include "daemon/metrics_render.h"

#define LEVELS	8	/* log2 of hits: the low bits of a class */

/* One digit is enough for either half of a class. */
_Static_assert(KVMEM_NL_NR_CLASSES <= 10 * LEVELS, "a label of one digit");

static uint64_t sum_ages(const uint64_t *counts)
{
	uint64_t sum = 0;
	unsigned int age;

	for (age = 0; age < KVMEM_NL_NR_AGES; age++)
		sum += counts[age];
	return sum;
}

static uint64_t class_hits(const struct policy_hist *h, unsigned int class)
{
	return sum_ages(h->hits[class]);
}

static uint64_t class_evictions(const struct policy_hist *h, unsigned int class)
{
	return sum_ages(h->evictions[class]);
}

static uint64_t class_bytes(const struct policy_hist *h, unsigned int class)
{
	return h->bytes[class];
}

/* Once a class has counted something it stays: a series that goes and comes hides resets. */
static bool is_used(const struct policy_hist *h, unsigned int class)
{
	return h->blocks[class] || h->bytes[class] || class_evictions(h, class) ||
	       class_hits(h, class);
}

typedef uint64_t (*class_value)(const struct policy_hist *h, unsigned int class);

static void by_class(const struct state *state, struct buffer *b, const char *name,
		     class_value value)
{
	const struct state_ns *ns;
	unsigned int class;

	for (ns = state->ns; ns; ns = ns->next) {
		for (class = 0; class < KVMEM_NL_NR_CLASSES; class++) {
			char hint[] = { (char)('0' + class / LEVELS), 0 };
			char level[] = { (char)('0' + class % LEVELS), 0 };

			if (is_used(&ns->hist, class))
				text_u64(b, name,
					 LABELS({ "namespace", NAME(ns->name) },
						{ "hint", hint }, { "level", level }),
					 value(&ns->hist, class));
		}
	}
}

static bool too_many(const struct state *state)
{
	const struct state_ns *ns;
	unsigned int n = 0;

	for (ns = state->ns; ns; ns = ns->next)
		n++;
	return n > METRICS_MAX_NS_BY_CLASS;
}

void metrics_classes(const struct state *state, struct buffer *b)
{
	if (!state->ns || too_many(state))
		return;
	text_counter(b, "kvmem_namespace_class_hits_total",
		     "Uses of blocks by class: hint, and log2 of the hits that a block had.");
	by_class(state, b, "kvmem_namespace_class_hits_total", class_hits);
	text_counter(b, "kvmem_namespace_class_evictions_total",
		     "Blocks that policy evicted, by class.");
	by_class(state, b, "kvmem_namespace_class_evictions_total", class_evictions);
	text_gauge(b, "kvmem_namespace_class_bytes", "Sizes of the blocks in a class now.");
	by_class(state, b, "kvmem_namespace_class_bytes", class_bytes);
}

/* --- what hits saved --- */

static uint64_t sum_classes(const uint64_t *counts)
{
	uint64_t sum = 0;
	unsigned int class;

	for (class = 0; class < KVMEM_NL_NR_CLASSES; class++)
		sum += counts[class];
	return sum;
}

static void hit_totals(const struct state *state, struct buffer *b)
{
	const struct state_ns *ns;

	text_counter(b, "kvmem_namespace_hit_tokens_total",
		     "Tokens that applications said the blocks found would have cost.");
	for (ns = state->ns; ns; ns = ns->next)
		text_u64(b, "kvmem_namespace_hit_tokens_total",
			 LABELS({ "namespace", NAME(ns->name) }),
			 sum_classes(ns->hist.hit_cost));
	text_counter(b, "kvmem_namespace_hit_bytes_total", "Sizes of the blocks found.");
	for (ns = state->ns; ns; ns = ns->next)
		text_u64(b, "kvmem_namespace_hit_bytes_total",
			 LABELS({ "namespace", NAME(ns->name) }),
			 sum_classes(ns->hist.hit_bytes));
}

/*
 * Two counters, not one that takes tokens where there are some: it would go
 * down when an application starts to tell them, and pass for a restart.  The
 * rules choose, by namespace.
 */
void metrics_savings(const struct state *state, const struct report_costs *costs,
		     struct buffer *b)
{
	const char *name = "kvmem_namespace_saved_seconds_total";
	double speed = costs->prefill_tokens_per_second;
	const struct state_ns *ns;

	if (!state->ns)
		return;
	hit_totals(state, b);
	if (!(speed > 0))
		return;
	text_counter(b, name,
		     "Prefill time that hits saved: by the tokens that applications told, and estimated by the bytes found.");
	for (ns = state->ns; ns; ns = ns->next) {
		struct metrics_name n = metrics_name(ns->name, sizeof(ns->name));

		text_double(b, name, LABELS({ "namespace", n.s }, { "basis", "tokens" }),
			    (double)sum_classes(ns->hist.hit_cost) / speed);
		if (costs->bytes_per_token > 0)
			text_double(b, name, LABELS({ "namespace", n.s }, { "basis", "bytes" }),
				    (double)sum_classes(ns->hist.hit_bytes) /
				    costs->bytes_per_token / speed);
	}
}
