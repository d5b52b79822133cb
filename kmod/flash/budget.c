// SPDX-License-Identifier: GPL-2.0
/*
 * The write budget: how much of what is offered a media takes, and which.
 *
 * A token bucket holds the total: bytes a day come in, at most an hour of them
 * is saved up, what is written goes out.  To spend them on the blocks that are
 * worth most, offers of about the last minute, or the last 4096 of them when that
 * is longer ago, are counted by value, and once a second the threshold is put
 * where those above it come to the rate that can be afforded:
 *
 *	rate * t / (half - t)	t = tokens, half = half of the burst
 *
 * That is the rate itself at a quarter of the burst, nothing when empty, and no
 * bound from half of it on: so the threshold rises smoothly as tokens go, and
 * whatever the estimate of the offers gets wrong, the tokens put right.  Blocks
 * just at the threshold share what is left for them.
 *
 * Pure: no lock, no clock but the caller's, no floating point.
 */
#include "budget.h"
#ifdef __KERNEL__
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/time64.h>
#endif

#define BUDGET_DAY_S		86400U
#define BUDGET_BURST_S		3600U
#define BUDGET_MIN_BURST	(64ULL << 20)
/* Keeps products from overflowing: 13 GB a second. */
#define BUDGET_MAX_PER_DAY	(1ULL << 50)
/* Each second what was offered before counts 63/64 of what it did, */
#define BUDGET_DECAY_SHIFT	6
/* as long as it is so many offers: fewer say too little. */
#define BUDGET_ENOUGH		(4096U * BUDGET_SECOND)
#define BUDGET_SECOND		1024U	/* in units of kvmem_budget.weight and nr_offers */
#define BUDGET_LEVELS		1024U	/* steps of the fill level, up to half of the burst */
#define BUDGET_SHARE_ALL	(1U << 16)

/* Values ------------------------------------------------------------------------ */

/*
 * Policy's values are logarithms (docs/policy.md: 1,000 is a factor of two), so
 * they are not taken the logarithm of again.
 */
#define BUDGET_BUCKET_SHIFT	9

static_assert(KVMEM_BUDGET_BUCKETS == (U16_MAX >> BUDGET_BUCKET_SHIFT) + 1);

static unsigned int budget_bucket(u32 value)
{
	return min_t(u32, value, U16_MAX) >> BUDGET_BUCKET_SHIFT;
}

static u32 budget_bucket_start(unsigned int bucket)
{
	return bucket << BUDGET_BUCKET_SHIFT;
}

/* Once a second ------------------------------------------------------------------ */

static void budget_decay(struct kvmem_budget *b)
{
	unsigned int i;

	for (i = 0; i < KVMEM_BUDGET_BUCKETS; i++)
		b->offered[i] -= b->offered[i] >> BUDGET_DECAY_SHIFT;
	b->nr_offers -= b->nr_offers >> BUDGET_DECAY_SHIFT;
	b->weight -= b->weight >> BUDGET_DECAY_SHIFT;
}

/* However long ago it was, the rest is kept: an idle night says nothing of values. */
static void budget_forget(struct kvmem_budget *b, u32 seconds)
{
	for (; seconds && b->nr_offers >= BUDGET_ENOUGH; seconds--) {
		budget_decay(b);
		b->weight += BUDGET_SECOND;
	}
	b->weight += (u64)seconds * BUDGET_SECOND;
}

static void budget_start(struct kvmem_budget *b, u64 now)
{
	memset(b->offered, 0, sizeof(b->offered));
	b->nr_offers = 0;
	b->weight = BUDGET_SECOND;
	b->refilled = now;
}

/* Bytes a second that may be written now; U64_MAX: all that come. */
static u64 budget_affordable(const struct kvmem_budget *b)
{
	u64 half = b->burst / 2, level;

	if (b->tokens <= 0)
		return 0;
	if ((u64)b->tokens >= half)
		return U64_MAX;
	level = min_t(u64, div64_u64(b->tokens * BUDGET_LEVELS, half), BUDGET_LEVELS - 1);
	return div64_u64(b->rate * level, BUDGET_LEVELS - level);
}

/* The lowest bucket, of which a part is written; all of the higher ones is. */
static void budget_judge(struct kvmem_budget *b)
{
	u64 left = budget_affordable(b), offers;
	unsigned int i = KVMEM_BUDGET_BUCKETS;

	b->threshold = 0;
	b->share = BUDGET_SHARE_ALL;
	while (i-- && left != U64_MAX) {
		offers = div64_u64(b->offered[i] * BUDGET_SECOND, b->weight);
		if (offers > left) {
			b->threshold = budget_bucket_start(i);
			b->share = div64_u64(left << 16, offers);
			return;
		}
		left -= offers;
	}
}

static void budget_refill(struct kvmem_budget *b, u64 ns)
{
	u32 ms = min_t(u64, div_u64(ns, NSEC_PER_MSEC), U32_MAX);
	s64 room = (s64)b->burst - b->tokens;
	u64 more = mul_u64_u32_div(b->per_day, ms, BUDGET_DAY_S * MSEC_PER_SEC);

	b->tokens += min_t(u64, more, max_t(s64, room, 0));
	b->refilled += (u64)ms * NSEC_PER_MSEC;
}

/* Whole seconds only, so that what rounding takes does not add up. */
static void budget_tick(struct kvmem_budget *b, u64 now)
{
	u64 ns = now > b->refilled ? now - b->refilled : 0;

	if (ns < NSEC_PER_SEC)
		return;
	budget_refill(b, ns);
	budget_forget(b, min_t(u64, div_u64(ns, NSEC_PER_SEC), U32_MAX));
	budget_judge(b);
}

/* Setting and taking --------------------------------------------------------------- */

/* At first there is what an hour brings in: a small budget begins with little. */
void kvmem_budget_set(struct kvmem_budget *b, u64 bytes_per_day, u64 now)
{
	bool first = !b->per_day;
	u64 hour;

	b->per_day = min_t(u64, bytes_per_day, BUDGET_MAX_PER_DAY);
	b->rate = b->per_day ? max_t(u64, div_u64(b->per_day, BUDGET_DAY_S), 1) : 0;
	hour = div_u64(b->per_day, BUDGET_DAY_S / BUDGET_BURST_S);
	b->burst = max_t(u64, hour, BUDGET_MIN_BURST);
	b->tokens = first ? (s64)hour : min_t(s64, b->tokens, b->burst);
	if (first)
		budget_start(b, now);
	b->credit = 0;
	if (b->per_day) {
		budget_judge(b);
	} else {
		b->threshold = 0;
		b->share = BUDGET_SHARE_ALL;
	}
}

/*
 * At the threshold every byte offered earns its share, and a block goes when
 * anything was earned: in the end the shares are right, whatever the sizes.
 */
static bool budget_admits(struct kvmem_budget *b, size_t bytes, u32 value)
{
	unsigned int bucket = budget_bucket(value), lowest = budget_bucket(b->threshold);

	if (b->share == BUDGET_SHARE_ALL || bucket > lowest)
		return true;
	if (bucket < lowest)
		return false;
	b->credit += (u64)bytes * b->share >> 16;
	if (b->credit <= 0)
		return false;
	b->credit -= bytes;
	return true;
}

/*
 * Whoever finds a token may take more than there are: a block larger than all
 * of them would never be written else.  The next ones wait until it is paid.
 */
bool kvmem_budget_take(struct kvmem_budget *b, size_t bytes, u32 value, u64 now)
{
	if (!b->rate)
		return true;
	budget_tick(b, now);
	b->offered[budget_bucket(value)] += bytes;
	b->nr_offers += BUDGET_SECOND;
	if (b->tokens <= 0 || !budget_admits(b, bytes, value))
		return false;
	b->tokens -= bytes;
	return true;
}

void kvmem_budget_charge(struct kvmem_budget *b, size_t bytes, u64 now)
{
	if (!b->rate)
		return;
	budget_tick(b, now);
	b->tokens -= bytes;
}
