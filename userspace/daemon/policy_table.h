/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Policies that are a formula: LFU and GDSF as tables of class and age.
 * docs/policy.md says how they come to be ones.
 */
#ifndef POLICY_TABLE_H
#define POLICY_TABLE_H

#include "daemon/policy_adaptive.h"

/**
 * struct pt - of one namespace
 * @evicted: evictions by age, decayed
 * @cost, @cost_bytes: of hits, decayed
 * @turnover: bucket of the age at which half of the evictions happen; 0 = none yet
 * @worth: log2 of what a use of the class is worth a byte, against the mean
 * @inflation: log2 of the uses that a block loses in a ns by not being used
 */
struct pt {
	double evicted[PA_CLASSES][PA_AGES];
	double cost[PA_CLASSES], cost_bytes[PA_CLASSES];
	unsigned int turnover;
	double worth[PA_CLASSES];
	double inflation;
};

void pt_init(struct pt *pt);
/* What has happened since the last time. */
void pt_count(struct pt *pt, const struct pa_delta *delta);
void pt_lfu(struct pt *pt, struct pa_table *table);
void pt_gdsf(struct pt *pt, const struct policy_hist *hist, struct pa_table *table);

#endif
