/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The adaptive policy: the kernel's histograms in, value tables out.
 *
 * Pure: all state is in struct pa, nothing is allocated, no clock is read, no
 * system call is made.  docs/policy.md says why it computes what it computes.
 */
#ifndef POLICY_ADAPTIVE_H
#define POLICY_ADAPTIVE_H

#include <stdbool.h>
#include <stdint.h>

#define PA_CLASSES	64
#define PA_MAX_AGES	64
#define PA_LEVELS	8	/* log2 of hits: the low bits of a class */
#define PA_AGE_SHIFT	16	/* bucket 1 starts at 2^16 ns */

/* Snapshots of what entered the classes: 4 at each spacing of 2^n updates. */
#define PA_SPACINGS	20
#define PA_SNAPSHOTS	4

/* The shadow LRU: sampled keys it can hold. */
#define PA_SHADOW	1024
#define PA_SHADOW_SETS	2048	/* buckets of its hash */

/* As the kernel counts: totals that only grow, but for blocks. */
struct pa_hist {
	uint64_t hits[PA_CLASSES][PA_MAX_AGES];
	uint64_t evictions[PA_CLASSES][PA_MAX_AGES];
	uint64_t ghost_hits[PA_CLASSES][PA_MAX_AGES];
	uint64_t hit_cost[PA_CLASSES];
	uint64_t hit_bytes[PA_CLASSES];
	uint64_t blocks[PA_CLASSES];
	uint64_t bytes[PA_CLASSES];
};

/**
 * struct pa_config - constant after pa_init()
 * @ages: buckets in use; the kernel has 32
 * @fine: log2 of the buckets in an octave of age; the kernel has 0
 * @fallback: push the table of LRU while the shadow does better
 */
struct pa_config {
	unsigned int ages;
	unsigned int fine;
	bool fallback;
};

/* What entered each class until @time, decayed as of then; 0 = none */
struct pa_snapshot {
	uint64_t time;
	double entered[PA_CLASSES];
};

struct pa_shadow_entry {
	uint64_t hash;
	uint16_t prev, next;	/* in order of last use; entry 0 is the ring's head */
	uint16_t chain;		/* next in the bucket */
};

/**
 * struct pa_shadow - LRU over sampled keys
 * @capacity: the namespace's, divided by @one_in
 * @one_in: of how many keys one is sampled, a power of two
 * @refs, @real, @lru, @differ: decayed: uses; hits of the kernel; of the
 *	shadow; uses on which they differ
 */
struct pa_shadow {
	uint16_t bucket[PA_SHADOW_SETS];
	struct pa_shadow_entry e[PA_SHADOW + 1];
	unsigned int used, capacity, one_in;
	double refs, real, lru, differ;
};

/* What happened between two updates */
struct pa_delta {
	double entered[PA_CLASSES];
	double events[PA_CLASSES][PA_MAX_AGES];
	double refs;
};

/* Counts of one class, or of several together */
struct pa_counts {
	double events[PA_MAX_AGES];	/* uses by age */
	double came[PA_MAX_AGES];	/* entered early enough to reach that age */
};

/**
 * struct pa - the controller of one namespace; about 330 KiB
 * @last: totals at the last update
 * @first_time, @last_time: of updates
 * @refs: uses seen
 * @entered: blocks that entered each class, decayed
 * @events: uses by age, hits or not, decayed
 * @lru: fallen back
 * @lru_until: @refs at which adaptive is tried again
 * @backoff: how long it will be the next time
 * @trial: @refs since when adaptive is on trial
 * @reuse: chance of being used in an age bucket, having got there
 */
struct pa {
	struct pa_config cfg;
	struct pa_hist last;
	bool started;
	uint64_t first_time, last_time;
	uint64_t updates;
	double refs;
	double entered[PA_CLASSES];
	double events[PA_CLASSES][PA_MAX_AGES];
	double cost[PA_CLASSES], cost_bytes[PA_CLASSES];
	struct pa_snapshot snap[PA_SPACINGS][PA_SNAPSHOTS];
	struct pa_shadow shadow;
	bool lru;
	double lru_until, backoff, trial;
	double reuse[PA_CLASSES][PA_MAX_AGES];
	/* scratch, so that nothing large is on the stack */
	struct pa_delta delta;
	struct pa_counts count[PA_CLASSES], level[PA_LEVELS], all;
};

struct pa_table {
	uint16_t value[PA_CLASSES][PA_MAX_AGES];
};

void pa_init(struct pa *pa, const struct pa_config *cfg);
/* Start of an age bucket in ns. */
uint64_t pa_age_edge(const struct pa_config *cfg, unsigned int age);
void pa_lru_table(const struct pa_config *cfg, struct pa_table *table);
/*
 * New totals at @now.  True: @table has been computed and should be pushed;
 * false: too little has happened since the last time.
 */
bool pa_update(struct pa *pa, const struct pa_hist *hist, uint64_t now,
	       struct pa_table *table);

/*
 * The shadow.  Set @capacity (in blocks, those that the namespace has when it
 * is full) at the start and when it changes; it says of how many keys one is
 * to be sampled: those whose hash has its low log2(one_in) bits clear.  Then
 * tell every GET of such a key, and whether the kernel had it.
 */
unsigned int pa_set_capacity(struct pa *pa, uint64_t capacity);
void pa_sample(struct pa *pa, uint64_t hash, bool hit);

#endif
