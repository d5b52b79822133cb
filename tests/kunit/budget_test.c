// SPDX-License-Identifier: GPL-2.0
/*
 * The write budget over simulated weeks: it holds, it is used, and it goes to
 * what is worth most.
 */
#include <linux/math64.h>
#include <linux/sched.h>
#include <kunit/test.h>
#include "flash/flash.h"

#define WEEK_S		(7 * 86400U)
#define MIB		(1ULL << 20)
#define SOME_BUDGET	(200ULL << 30)	/* a day */
/* Values of 0 to 999, as far apart as those of policy are. */
#define VALUE_SCALE	16U

/* Offers in percent of the budget's rate, by the second of the week. */
typedef unsigned int (*load_fn)(unsigned int second);
typedef u32 (*value_fn)(u64 random);

struct week {
	struct kvmem_budget budget;
	u64 random;
	u64 budgeted;
	u64 offered, written;	/* bytes */
	u64 greedy;		/* bytes that a bucket without values would have written */
	s64 greedy_tokens;
	u64 offered_value, written_value;	/* MiB x value */
	u64 written_high;	/* bytes of values of 70 % of the scale and more */
};

static u64 week_random(struct week *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random;
}

static void week_offer(struct week *w, size_t bytes, u32 value, u64 now)
{
	w->offered += bytes;
	w->offered_value += (bytes * value) >> 20;
	if (w->greedy_tokens > 0) {
		w->greedy_tokens -= bytes;
		w->greedy += bytes;
	}
	if (!kvmem_budget_take(&w->budget, bytes, value * VALUE_SCALE, now))
		return;
	w->written += bytes;
	w->written_value += (bytes * value) >> 20;
	if (value >= 700)
		w->written_high += bytes;
}

/* 64 KiB to 4 MiB until @left bytes are offered; what is over comes later. */
static s64 week_second(struct week *w, u64 now, s64 left, value_fn value)
{
	while (left > 0) {
		size_t bytes = 65536UL << (week_random(w) >> 32) % 7;

		week_offer(w, bytes, value(week_random(w) >> 20), now);
		left -= bytes;
	}
	return left;
}

static void week_run(struct week *w, u64 per_day, load_fn load, value_fn value)
{
	u64 start = 12345;
	unsigned int s;
	s64 left = 0;

	memset(w, 0, sizeof(*w));
	w->random = 88172645463325252ULL;
	kvmem_budget_set(&w->budget, per_day, start);
	w->budgeted = 7 * per_day;
	w->greedy_tokens = w->budget.tokens;
	for (s = 1; s <= WEEK_S; s++) {
		w->greedy_tokens = min_t(s64, w->greedy_tokens + w->budget.rate,
					 w->budget.burst);
		left += div_u64(w->budget.rate * load(s), 100);
		left = week_second(w, start + s * (u64)NSEC_PER_SEC, left, value);
		if (s % 1024 == 0)
			cond_resched();
	}
}

/* Percent of @whole. */
static u64 part(u64 bytes, u64 whole)
{
	return div64_u64(bytes * 100, whole);
}

static void expect_holds(struct kunit *test, const struct week *w)
{
	KUNIT_EXPECT_LE(test, w->written, div_u64(w->budgeted * 105, 100));
	/* Bursts and empty hours cost a bucket of any kind: by at most 5 % more. */
	KUNIT_EXPECT_GE(test, w->written, div_u64(w->greedy * 95, 100));
}

static unsigned int load_steady(unsigned int second)
{
	return 400;
}

/* From a fifth of the rate at midnight to five times at noon; bursts of 50 times. */
static unsigned int load_days(unsigned int second)
{
	unsigned int hour = second / 3600 % 24;
	unsigned int load = 20 + 40 * min(hour, 23 - hour);

	return second % 7200 < 60 ? load + 5000 : load;
}

static unsigned int load_square(unsigned int second)
{
	return second / 1800 & 1 ? 2000 : 120;
}

static unsigned int load_little(unsigned int second)
{
	return 50;
}

static u32 value_any(u64 random)
{
	return (u32)random % 1000;
}

static u32 value_same(u64 random)
{
	return 32;
}

static struct week *week_alloc(struct kunit *test)
{
	struct week *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, w);
	return w;
}

/* A quarter can be written, so it should be what is worth 750 of 1000 and more. */
static void steady_week(struct kunit *test)
{
	struct week *w = week_alloc(test);

	week_run(w, SOME_BUDGET, load_steady, value_any);
	expect_holds(test, w);
	KUNIT_EXPECT_GE(test, w->written, div_u64(w->budgeted * 95, 100));
	KUNIT_EXPECT_GE(test, part(w->written_high, w->written), 90ULL);
	/* The best quarter is worth 875 on average. */
	KUNIT_EXPECT_GE(test, w->written_value, (w->written >> 20) * 830);
}

static void week_of_days_and_bursts(struct kunit *test)
{
	struct week *w = week_alloc(test);

	week_run(w, SOME_BUDGET, load_days, value_any);
	expect_holds(test, w);
	KUNIT_EXPECT_GE(test, part(w->offered, w->budgeted), 200ULL);
	KUNIT_EXPECT_GE(test, w->written_value, (w->written >> 20) * 650);
}

static void week_of_steps(struct kunit *test)
{
	struct week *w = week_alloc(test);

	week_run(w, SOME_BUDGET, load_square, value_any);
	expect_holds(test, w);
	KUNIT_EXPECT_GE(test, w->written, div_u64(w->budgeted * 95, 100));
	KUNIT_EXPECT_GE(test, w->written_value, (w->written >> 20) * 650);
}

/* Values that say nothing must not let everything in, nor nothing. */
static void week_of_equals(struct kunit *test)
{
	struct week *w = week_alloc(test);

	week_run(w, SOME_BUDGET, load_steady, value_same);
	expect_holds(test, w);
	KUNIT_EXPECT_GE(test, w->written, div_u64(w->budgeted * 95, 100));
}

static void week_below_the_budget(struct kunit *test)
{
	struct week *w = week_alloc(test);

	week_run(w, SOME_BUDGET, load_little, value_any);
	KUNIT_EXPECT_EQ(test, w->written, w->offered);
	KUNIT_EXPECT_EQ(test, w->budget.threshold, 0U);
}

/* A day is little more than the least burst, an offer much of that. */
static void week_of_a_small_budget(struct kunit *test)
{
	struct week *w = week_alloc(test);

	week_run(w, 100 * MIB, load_steady, value_any);
	expect_holds(test, w);
	KUNIT_EXPECT_GE(test, w->written, div_u64(w->budgeted * 95, 100));
}

static void no_budget_no_bound(struct kunit *test)
{
	struct week *w = week_alloc(test);
	unsigned int i;

	kvmem_budget_set(&w->budget, 0, 1);
	for (i = 0; i < 1000; i++)
		KUNIT_EXPECT_TRUE(test, kvmem_budget_take(&w->budget, 128 * MIB, 0, 1));
	kvmem_budget_charge(&w->budget, 128 * MIB, 1);
	kvmem_budget_set(&w->budget, 100 * MIB, 2);
	kvmem_budget_charge(&w->budget, 100 * MIB, 2);
	KUNIT_EXPECT_FALSE(test, kvmem_budget_take(&w->budget, 1, U16_MAX, 2));
	kvmem_budget_set(&w->budget, 0, 3);
	KUNIT_EXPECT_TRUE(test, kvmem_budget_take(&w->budget, 128 * MIB, 0, 3));
}

/* Larger than all that can be saved up: written, and paid for before the next. */
static void large_blocks_are_written(struct kunit *test)
{
	struct kvmem_budget *b = &week_alloc(test)->budget;
	u64 now = 0, written = 0;
	unsigned int hour;

	kvmem_budget_set(b, 100 * MIB, now);
	for (hour = 0; hour < 24 * 28; hour++, now += 3600 * (u64)NSEC_PER_SEC)
		if (kvmem_budget_take(b, 128 * MIB, 100, now))
			written += 128 * MIB;
	KUNIT_EXPECT_GE(test, written, 26 * 100 * MIB);
	KUNIT_EXPECT_LE(test, written, 30 * 100 * MIB);
}

/* A clock that stands, jumps, or is read out of order on another CPU. */
static void odd_clocks(struct kunit *test)
{
	struct kvmem_budget *b = &week_alloc(test)->budget;
	u64 now = 1000 * (u64)NSEC_PER_SEC;

	kvmem_budget_set(b, SOME_BUDGET, now);
	kvmem_budget_charge(b, 64 * MIB, now - 5 * (u64)NSEC_PER_SEC);
	KUNIT_EXPECT_EQ(test, b->refilled, now);
	kvmem_budget_charge(b, 0, U64_MAX);
	KUNIT_EXPECT_LE(test, b->tokens, (s64)b->burst);
	KUNIT_EXPECT_TRUE(test, kvmem_budget_take(b, MIB, 0, U64_MAX));
	kvmem_budget_set(b, U64_MAX, now);
	KUNIT_EXPECT_GT(test, b->rate, 0ULL);
	KUNIT_EXPECT_GT(test, b->burst, 0ULL);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(steady_week),
	KUNIT_CASE(week_of_days_and_bursts),
	KUNIT_CASE(week_of_steps),
	KUNIT_CASE(week_of_equals),
	KUNIT_CASE(week_below_the_budget),
	KUNIT_CASE(week_of_a_small_budget),
	KUNIT_CASE(no_budget_no_bound),
	KUNIT_CASE(large_blocks_are_written),
	KUNIT_CASE(odd_clocks),
	{}
};

static struct kunit_suite suite = {
	.name = "kvmem_budget",
	.test_cases = cases,
};

kunit_test_suite(suite);
