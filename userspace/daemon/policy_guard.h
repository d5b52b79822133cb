/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is the adaptive policy worse than LRU, and when may it be tried again?
 */
#ifndef POLICY_GUARD_H
#define POLICY_GUARD_H

#include "daemon/policy.h"

/**
 * struct guard - of one namespace
 * @off: never fall back
 * @lru: fallen back
 * @falls: how often so far
 * @refs: uses so far
 * @lost: hits that LRU had more, since adaptive was best
 * @until: @refs at which adaptive may be tried again
 * @backoff: uses until then, the next time
 * @trial: @refs since when adaptive is in force
 * @behind: hits that LRU has more than the tier, decayed; fallen back only
 * @better, @differ: of sampled uses, decayed: hits that adaptive's table would
 *	have more than LRU, and those that only one of them would have
 */
struct guard {
	bool off, lru;
	uint64_t falls;
	double refs, lost;
	double until, backoff, trial;
	double behind;
	double better, differ;
};

/* What has happened since the last time; all classes together */
struct guard_delta {
	double refs, hits;
	double events[KVMEM_NL_NR_AGES];	/* uses by age, ghosts' too */
};

void guard_init(struct guard *g);
/* A sampled use, one in @one_in: would LRU, would adaptive's table have had it? */
void guard_sample(struct guard *g, bool lru, bool trial, double one_in);
/*
 * @lru_age: at which LRU evicts, or as far back as is known; 0: not known.
 * @capacity in blocks.
 */
void guard_update(struct guard *g, const struct guard_delta *d, uint64_t lru_age,
		  double capacity);

#endif
