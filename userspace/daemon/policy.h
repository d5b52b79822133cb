/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Policies by name: what the kernel counted goes in, a value table comes out.
 *
 * Pure: no clock is read and no system call is made; memory is allocated in
 * policy_new() only.  One object a namespace; docs/policy.md says why they
 * compute what they compute.
 */
#ifndef POLICY_H
#define POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/kvmem_netlink.h>

enum policy_kind {
	POLICY_ADAPTIVE,
	POLICY_LRU,
	POLICY_FIFO,
	POLICY_LFU,
	POLICY_GDSF,
	POLICY_TTL,
	POLICY_NR_KINDS
};

struct policy;

/* As the kernel counts: totals that only grow, but for @blocks and @bytes. */
struct policy_hist {
	uint64_t hits[KVMEM_NL_NR_CLASSES][KVMEM_NL_NR_AGES];
	uint64_t evictions[KVMEM_NL_NR_CLASSES][KVMEM_NL_NR_AGES];
	uint64_t ghost_hits[KVMEM_NL_NR_CLASSES][KVMEM_NL_NR_AGES];
	uint64_t hit_cost[KVMEM_NL_NR_CLASSES];
	uint64_t hit_bytes[KVMEM_NL_NR_CLASSES];
	uint64_t blocks[KVMEM_NL_NR_CLASSES];
	uint64_t bytes[KVMEM_NL_NR_CLASSES];
};

/**
 * struct policy_input - what is known of the namespace now
 * @now: ns, any clock that does not jump
 * @hist: totals
 * @capacity_bytes: what it may grow to
 * @used_bytes: DRAM it takes now, rounding included
 * @used_blocks: blocks it has now
 * @quota_blocks: 0 = no bound
 * @hinted: hints of classes are applications' own
 */
struct policy_input {
	uint64_t now;
	const struct policy_hist *hist;
	uint64_t capacity_bytes;
	uint64_t used_bytes, used_blocks, quota_blocks;
	bool hinted;
};

/**
 * struct policy_output - what the kernel should have
 * @value: the table
 * @order: enum kvmem_order
 * @one_in: of how many keys one is sampled, a power of two
 */
struct policy_output {
	uint16_t value[KVMEM_NL_NR_CLASSES][KVMEM_NL_NR_AGES];
	uint8_t order;
	uint32_t one_in;
};

/* One sampled access, as KVMEM_A_SAMPLES describes it */
struct policy_sample {
	uint64_t hash;
	uint64_t time;	/* ns */
	uint32_t size;	/* bytes, 0 = unknown */
	uint8_t class;
	uint8_t kind;	/* enum kvmem_sample_kind */
};

/**
 * struct policy_point - of a miss-ratio curve
 * @capacity_bytes: of the tier
 * @lru: hit rate of LRU there, 0 to 1
 * @policy: hit rate of this policy there; NaN where it is not known
 */
struct policy_point {
	uint64_t capacity_bytes;
	double lru, policy;
};

/**
 * struct policy_state - for people
 * @fallback: adaptive has lost and LRU's table is pushed
 * @fallbacks: how often so far
 * @one_in: sampling
 * @refs: sampled uses behind the figures, decayed
 * @real, @lru: hit rates on sampled keys: measured, and of the shadow
 */
struct policy_state {
	enum policy_kind kind;
	bool fallback;
	uint64_t fallbacks;
	uint32_t one_in;
	double refs, real, lru;
};

/* The kind with that name, or -1 */
int policy_kind_of(const char *name);
const char *policy_kind_name(enum policy_kind kind);

/* NULL: no memory */
struct policy *policy_new(enum policy_kind kind);
void policy_free(struct policy *policy);
/*
 * The table in force, which an earlier daemon may have learnt: it stays until
 * this one knows as much.  Before the first policy_update().
 */
void policy_adopt(struct policy *policy, const struct policy_output *in_force);
/* True: @out has been computed and differs from what it was the last time. */
bool policy_update(struct policy *policy, const struct policy_input *in,
		   struct policy_output *out);
void policy_sample(struct policy *policy, const struct policy_sample *sample);
/* The curve, by capacity; up to @max points.  0: not enough is known yet. */
size_t policy_curve(struct policy *policy, struct policy_point *points, size_t max);
void policy_get_state(const struct policy *policy, struct policy_state *state);

#endif
