/* SPDX-License-Identifier: GPL-2.0 */
/* States to render, and policies that say what the test wants. */
#ifndef TEST_METRICS_STATE_H
#define TEST_METRICS_STATE_H

#include "daemon/report.h"
#include "daemon/state.h"

/* What the fake of policy.c answers */
struct policy {
	struct policy_state state;
	struct policy_point points[5];
	size_t nr_points;
};

extern const struct report_costs full_costs;

/*
 * A state with everything that can be told: @nr_ns namespaces, ns-0 to ..., of
 * which each has counts in @nr_classes classes.  NULL: no memory.
 */
struct state *full_state(unsigned int nr_ns, unsigned int nr_classes);
void full_state_free(struct state *state);

#endif
