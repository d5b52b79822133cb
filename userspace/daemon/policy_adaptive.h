/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The adaptive policy: the kernel's histograms in, value tables out.
 *
 * Pure: all state is in struct pa, nothing is allocated, no clock is read, no
 * system call is made.  docs/policy.md says why it computes what it computes.
 */
#ifndef POLICY_ADAPTIVE_H
#define POLICY_ADAPTIVE_H

#include "daemon/policy.h"

#define PA_CLASSES	KVMEM_NL_NR_CLASSES
#define PA_AGES		KVMEM_NL_NR_AGES
#define PA_LEVELS	8	/* log2 of hits: the low bits of a class */
#define PA_AGE_SHIFT	16	/* bucket 1 starts at 2^16 ns */

/* Snapshots of what entered the classes: 4 at each spacing of 2^n updates. */
#define PA_SPACINGS	20
#define PA_SNAPSHOTS	4

/* What entered each class until @time, decayed as of then; 0 = none */
struct pa_snapshot {
	uint64_t time;
	double entered[PA_CLASSES];
};

/* What happened between two updates */
struct pa_delta {
	double entered[PA_CLASSES];
	double events[PA_CLASSES][PA_AGES];	/* hits and ghost hits */
	double evictions[PA_CLASSES][PA_AGES];
	double cost[PA_CLASSES], cost_bytes[PA_CLASSES];
	double refs, hits;
};

/* Counts of one class, or of several together */
struct pa_counts {
	double events[PA_AGES];	/* uses by age */
	double came[PA_AGES];	/* entered early enough to reach that age */
};

/**
 * struct pa - the controller of one namespace; about 230 KiB
 * @last: totals at the last update
 * @first_time, @last_time: of updates
 * @refs: uses seen
 * @entered: blocks that entered each class, decayed
 * @events: uses by age, hits or not, decayed
 * @delta: since the update before; for others to read
 * @reuse: chance of being used in an age bucket, having got there
 */
struct pa {
	struct policy_hist last;
	bool started;
	uint64_t first_time, last_time;
	uint64_t updates;
	double refs;
	double entered[PA_CLASSES];
	double events[PA_CLASSES][PA_AGES];
	double cost[PA_CLASSES], cost_bytes[PA_CLASSES];
	struct pa_snapshot snap[PA_SPACINGS][PA_SNAPSHOTS];
	double reuse[PA_CLASSES][PA_AGES];
	/* scratch, so that nothing large is on the stack */
	struct pa_delta delta;
	struct pa_counts count[PA_CLASSES], level[PA_LEVELS], all;
};

struct pa_table {
	uint16_t value[PA_CLASSES][PA_AGES];
};

void pa_init(struct pa *pa);
/* Start of an age bucket in ns. */
uint64_t pa_age_edge(unsigned int age);
/* Of a rate of hits a ns: 1000 an octave, the same for all policies. */
uint16_t pa_scale(double rate);
/* Of a total since it was @then; totals begin anew when the module is reloaded. */
double pa_grown(uint64_t now, uint64_t then);
void pa_lru_table(struct pa_table *table);
/*
 * New totals at @now.  False: too little has happened since the last time;
 * nothing has been counted, it will be the next time.
 */
bool pa_count(struct pa *pa, const struct policy_hist *hist, uint64_t now);
/* The table that follows from what was counted. */
void pa_learn(struct pa *pa, struct pa_table *table);

#endif
