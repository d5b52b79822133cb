// SPDX-License-Identifier: GPL-2.0
/* What operations took, by operation and tier. */
#include <math.h>
#include <stdio.h>

#include "common/latency.h"
#include "daemon/metrics_render.h"

/*
 * The kernel has four buckets an octave, the first of an octave starting at
 * its power of two, and none that ends beyond 2^32 ns.  Of these the octaves
 * are exported: what was below 2^n ns has taken at most that.
 */
#define FIRST_OCTAVE	8	/* 256 ns */
#define LAST_OCTAVE	32	/* 4.3 s */
#define BUCKETS_BELOW(octave)	(4 * ((octave) - 1))

_Static_assert(BUCKETS_BELOW(LAST_OCTAVE) < KVMEM_NL_LAT_BUCKETS, "an octave beyond the last");

/* A newer kernel may have operations that have no name here. */
static bool is_known(const struct state_latency *l)
{
	return latency_op_name(l->opcode) && latency_tier_name(l->tier);
}

static void put_bucket(struct buffer *b, const struct state_latency *l, const char *le,
		       uint64_t count)
{
	text_u64(b, "kvmem_operation_duration_seconds_bucket",
		 LABELS({ "operation", latency_op_name(l->opcode) },
			{ "tier", latency_tier_name(l->tier) }, { "le", le }), count);
}

/*
 * The count is that of the buckets, not l->count: the kernel reads the two one
 * after the other, and a histogram has to agree with itself.
 */
static void put_histogram(struct buffer *b, const struct state_latency *l)
{
	const struct text_label *labels =
		LABELS({ "operation", latency_op_name(l->opcode) },
		       { "tier", latency_tier_name(l->tier) });
	unsigned int octave, bucket = 0;
	uint64_t count = 0;
	char le[32];

	for (octave = FIRST_OCTAVE; octave <= LAST_OCTAVE; octave++) {
		while (bucket < BUCKETS_BELOW(octave))
			count += l->buckets[bucket++];
		snprintf(le, sizeof(le), "%.10g", ldexp(1, (int)octave) / 1e9);
		put_bucket(b, l, le, count);
	}
	while (bucket < KVMEM_NL_LAT_BUCKETS)
		count += l->buckets[bucket++];
	put_bucket(b, l, "+Inf", count);
	text_double(b, "kvmem_operation_duration_seconds_sum", labels,
		    (double)l->total_ns / 1e9);
	text_u64(b, "kvmem_operation_duration_seconds_count", labels, count);
}

static void put_errors(struct buffer *b, const struct state_latency *l)
{
	text_u64(b, "kvmem_operation_errors_total",
		 LABELS({ "operation", latency_op_name(l->opcode) },
			{ "tier", latency_tier_name(l->tier) }),
		 l->errors);
}

static void put_bytes(struct buffer *b, const struct state_latency *l)
{
	text_u64(b, "kvmem_operation_bytes_total",
		 LABELS({ "operation", latency_op_name(l->opcode) },
			{ "tier", latency_tier_name(l->tier) }),
		 l->bytes);
}

static void each(const struct state *state, struct buffer *b,
		 void (*put)(struct buffer *b, const struct state_latency *l))
{
	unsigned int i;

	for (i = 0; i < state->nr_latency && i < STATE_MAX_LATENCY; i++)
		if (is_known(&state->latency[i]))
			put(b, &state->latency[i]);
}

void metrics_operations(const struct state *state, struct buffer *b)
{
	if (!state->nr_latency)
		return;
	text_histogram(b, "kvmem_operation_duration_seconds",
		       "What operations took in the kernel; a miss is an operation, too.");
	each(state, b, put_histogram);
	text_counter(b, "kvmem_operation_errors_total",
		     "Operations that failed; a miss is no failure.");
	each(state, b, put_errors);
	text_counter(b, "kvmem_operation_bytes_total", "Bytes that operations moved.");
	each(state, b, put_bytes);
}
