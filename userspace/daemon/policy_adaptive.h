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
 * @ages: buckets in use
 * @fine: log2 of the buckets in an octave of age
 * @fallback: compare with the shadow of LRU
 */
struct pa_config {
	unsigned int ages;
	unsigned int fine;
	bool fallback;
	bool future;
};

/* What entered each class until @time, decayed as of then */
struct pa_snapshot {
	uint64_t time;
	double entered[PA_CLASSES];
};

struct pa_shadow_entry {
	uint64_t hash;
	uint16_t prev, next;	/* in order of last use */
	uint16_t chain;
};

/* LRU over the sampled keys: @capacity of them, the front used last */
struct pa_shadow {
	uint16_t bucket[PA_SHADOW_SETS];
	struct pa_shadow_entry e[PA_SHADOW + 1];
	unsigned int used, capacity;
	double hits, real_hits, differ, refs;
};

struct pa {
	struct pa_config cfg;
	struct pa_hist last;
	bool started;
	uint64_t first_time, last_time;
	uint64_t updates;
	uint64_t seen_refs;
	double events[PA_CLASSES][PA_MAX_AGES];	/* hits and ghost hits, decayed */
	double entered[PA_CLASSES];
	double entered_all;
	double hits_all;
	double elapsed;		/* decayed time */
	struct pa_snapshot snap[PA_SPACINGS][PA_SNAPSHOTS];
	double cost[PA_CLASSES];	/* decayed */
	double cost_bytes[PA_CLASSES];
	struct pa_shadow shadow;
	double lru_rate, real_rate;	/* latest estimates */
	bool lru;		/* fallen back */
	uint64_t lru_until, backoff;	/* in references */
	uint64_t trial_from;
	/* scratch */
	double reuse[PA_CLASSES][PA_MAX_AGES];
};

struct pa_table {
	uint16_t value[PA_CLASSES][PA_MAX_AGES];
};

void pa_init(struct pa *pa, const struct pa_config *cfg);
/* Start of an age bucket in ns. */
uint64_t pa_age_edge(const struct pa_config *cfg, unsigned int age);
void pa_lru_table(const struct pa_config *cfg, struct pa_table *table);
/*
 * New totals at @now; @capacity in blocks.  True: @table has been computed
 * and should be pushed.
 */
bool pa_update(struct pa *pa, const struct pa_hist *hist, uint64_t now, uint64_t capacity,
	       struct pa_table *table);

#endif
