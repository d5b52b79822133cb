/* SPDX-License-Identifier: GPL-2.0 */
/* What a policy consists of: for policy.c, its tests and the simulator. */
#ifndef POLICY_IMPL_H
#define POLICY_IMPL_H

#include "daemon/mrc.h"
#include "daemon/policy_adaptive.h"
#include "daemon/policy_guard.h"
#include "daemon/policy_table.h"

/**
 * struct policy - of one namespace
 * @pushed: @out has been handed out
 * @sized: @out.one_in was chosen for a capacity
 * @adopted: uses after which its own table takes over; 0 = it is in force
 * @old: the table until then
 * @table: what the policy wants
 * @out: what it said the last time
 * @capacity: bytes of blocks, without rounding, that fit; 0 = not known yet
 * @rounding: bytes of DRAM for a byte of blocks
 * @size: of a block, mean
 * @refs, @hits: uses and hits, exact, decayed
 */
struct policy {
	enum policy_kind kind;
	bool pushed, sized;
	double adopted;
	struct pa_table old;
	struct pa_table table;
	struct policy_output out;
	double capacity, rounding, size;
	double refs, hits;
	struct pa pa;
	struct pt pt;
	struct guard guard;
	struct mrc mrc;
};

#endif
