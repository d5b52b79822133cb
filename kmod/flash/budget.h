/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The write budget of a media: pure functions on memory, the same file in the
 * kernel and in the policy simulator (tests/bench/policy).
 */
#ifndef KVMEM_BUDGET_H
#define KVMEM_BUDGET_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include "budget_shim.h"	/* u8 to u64, division, min and max */
#endif

#define KVMEM_BUDGET_BUCKETS	128	/* of u16 values, all as wide */

/* Guarded by media->lock */
struct kvmem_budget {
	u64 rate;		/* bytes a second; 0 = no bound */
	u64 burst;		/* bytes that may be saved up */
	s64 tokens;		/* bytes */
	u64 refilled;		/* ktime in ns */
	u32 threshold;		/* value below which a block is not written */
	u64 per_day;		/* bytes a day; 0 = no bound */
	u64 offered[KVMEM_BUDGET_BUCKETS];	/* bytes lately, by value */
	u64 weight;		/* that many 1024ths of a second went into @offered, */
	u64 nr_offers;		/* and of an offer */
	s64 credit;		/* bytes that values just at the threshold may take */
	u32 share;		/* 65536ths of those that are written */
};

/* @now is ktime in ns. */
void kvmem_budget_set(struct kvmem_budget *b, u64 bytes_per_day, u64 now);
/* May a block of @bytes and @value be written?  Takes the tokens when so. */
bool kvmem_budget_take(struct kvmem_budget *b, size_t bytes, u32 value, u64 now);
/* Take them without asking: tables, what is already decided. */
void kvmem_budget_charge(struct kvmem_budget *b, size_t bytes, u64 now);

#endif
