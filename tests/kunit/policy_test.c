// SPDX-License-Identifier: GPL-2.0
/*
 * What policies build on: both ends of a class, the line between ages, order
 * of arrival, ghosts that are inherited, classes from chains, samples.
 */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "file.h"
#include "fixture.h"

/* Ages cannot be longer than the machine is up. */
#define SOME_MS		(5 * NSEC_PER_MSEC)
/* Of ages in [2^26, 2^27) ns, 67 ms on */
#define SOME_BUCKET	11

typedef u16 (*value_fn)(unsigned int class, unsigned int age);

static void set_policy(struct kunit *test, value_fn value, u8 order)
{
	struct kvmem_value_table *t = kvmalloc(sizeof(*t), GFP_KERNEL);
	unsigned int c, a;

	KUNIT_ASSERT_NOT_NULL(test, t);
	for (c = 0; c < KVMEM_NR_CLASSES; c++)
		for (a = 0; a < KVMEM_NR_AGES; a++)
			t->value[c][a] = value(c, a);
	kvmem_table_prepare(t);
	kvmem_ns_set_policy(kvmem_test_ns(test), &t, order);
	kvfree(t);
}

static void set_age(struct kunit *test, u64 n, u64 age)
{
	struct kvmem_block *block = kvmem_test_find(test, n);

	KUNIT_ASSERT_NOT_NULL(test, block);
	block->last_use = ktime_get_ns() - age;
	kvmem_block_put(block);
}

static u8 class_now(struct kunit *test, u64 n)
{
	struct kvmem_block *block = kvmem_test_find(test, n);
	u8 class = block ? block->class : 255;

	if (block)
		kvmem_block_put(block);
	return class;
}

static void expect_victim(struct kunit *test, u64 n)
{
	KUNIT_EXPECT_TRUE(test, kvmem_test_there(test, n));
	KUNIT_EXPECT_TRUE(test, kvmem_evict_one(kvmem_test_ns(test), KVMEM_EVICT_SPACE));
	KUNIT_EXPECT_FALSE_MSG(test, kvmem_test_there(test, n), "key %llu was not chosen", n);
}

static u16 value_rises(unsigned int class, unsigned int age)
{
	return age;
}

static void youngest_may_go_first(struct kunit *test)
{
	u64 n;

	set_policy(test, value_rises, KVMEM_ORDER_USE);
	for (n = 0; n < 5; n++) {
		KUNIT_ASSERT_EQ(test, kvmem_test_put(test, n, 64, NULL), 0);
		set_age(test, n, SOME_MS << (5 - n));
	}
	while (n--)
		expect_victim(test, n);
}

/* Who is held stays, at the young end, too. */
static void held_youngest_stays(struct kunit *test)
{
	struct kvmem_block *block;
	u64 n;

	set_policy(test, value_rises, KVMEM_ORDER_USE);
	for (n = 0; n < 2; n++) {
		KUNIT_ASSERT_EQ(test, kvmem_test_put(test, n, 64, NULL), 0);
		set_age(test, n, SOME_MS << (5 - n));
	}
	block = kvmem_test_find(test, 1);
	KUNIT_ASSERT_NOT_NULL(test, block);
	KUNIT_ASSERT_TRUE(test, kvmem_block_hold(block));
	expect_victim(test, 0);
	KUNIT_EXPECT_FALSE(test, kvmem_evict_one(kvmem_test_ns(test), KVMEM_EVICT_SPACE));
	kvmem_block_unhold(block);
	kvmem_block_put(block);
	expect_victim(test, 1);
}

/* Hint 1 is worth 100 always; hint 2 nothing, and 200 from the next bucket on. */
static u16 value_step(unsigned int class, unsigned int age)
{
	if (class >> 3 == 1)
		return 100;
	return age > SOME_BUCKET ? 200 : 0;
}

static void put_two(struct kunit *test, u64 age)
{
	struct kvmem_hints one = { .hint_class = 1 }, two = { .hint_class = 2 };

	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 1, 64, &one), 0);
	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 2, 64, &two), 0);
	set_age(test, 1, age);
	set_age(test, 2, age);
}

/* Three quarters into the bucket the line is at 50, a quarter into the next at 150. */
static void values_lie_on_a_line(struct kunit *test)
{
	u64 start = 1ULL << (15 + SOME_BUCKET);

	set_policy(test, value_step, KVMEM_ORDER_USE);
	put_two(test, start + start / 4 * 3);
	expect_victim(test, 2);
	expect_victim(test, 1);
	put_two(test, 2 * start + start / 2);
	expect_victim(test, 1);
	expect_victim(test, 2);
}

static void arrival_ignores_uses(struct kunit *test)
{
	struct kvmem_hist *hist = kvzalloc(sizeof(*hist), GFP_KERNEL);
	unsigned int a;
	u64 n, hits = 0;
	u8 class;

	KUNIT_ASSERT_NOT_NULL(test, hist);
	set_policy(test, value_step, KVMEM_ORDER_ARRIVAL);
	for (n = 0; n < 3; n++) {
		KUNIT_ASSERT_EQ(test, kvmem_test_put(test, n, 64, NULL), 0);
		ndelay(1000);
	}
	class = class_now(test, 0);
	for (n = 0; n < 7; n++)
		kvmem_test_use(test, 0);
	KUNIT_EXPECT_EQ(test, class_now(test, 0), class);
	kvmem_ns_copy_hist(kvmem_test_ns(test), hist);
	for (a = 0; a < KVMEM_NR_AGES; a++)
		hits += hist->hits[class][a];
	KUNIT_EXPECT_EQ(test, hits, 7ULL);
	for (n = 0; n < 3; n++)
		expect_victim(test, n);
	kvfree(hist);
}

static void ghosts_are_inherited(struct kunit *test)
{
	struct kvmem_block *block;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 1, 64, NULL), 0);
	for (i = 0; i < 3; i++)
		kvmem_test_use(test, 1);
	KUNIT_EXPECT_EQ(test, class_now(test, 1) & 7, 2);
	expect_victim(test, 1);
	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 1, 64, NULL), 0);
	block = kvmem_test_find(test, 1);
	KUNIT_ASSERT_NOT_NULL(test, block);
	KUNIT_EXPECT_EQ(test, block->hits, 4);
	KUNIT_EXPECT_EQ(test, block->class & 7, 2);
	kvmem_block_put(block);
}

static void ghosts_survive_growth(struct kunit *test)
{
	struct kvmem_ns *ns = kvmem_test_ns(test);
	struct kvmem_key key;
	unsigned int found = 0;
	u8 class;
	u64 n;

	for (n = 0; n < 50; n++)
		KUNIT_ASSERT_EQ(test, kvmem_test_put(test, n, 64, NULL), 0);
	for (n = 0; n < 50; n++)
		KUNIT_ASSERT_TRUE(test, kvmem_evict_one(ns, KVMEM_EVICT_SPACE));
	for (n = 1000; n < 1300; n++)
		KUNIT_ASSERT_EQ(test, kvmem_test_put(test, n, 64, NULL), 0);
	kvmem_ns_fit_ghosts(ns);
	for (n = 0; n < 50; n++) {
		key = kvmem_test_key(n);
		found += kvmem_ghost_look(ns, &key, &class);
	}
	KUNIT_EXPECT_GE(test, found, 48U);
	key = kvmem_test_key(999999);
	KUNIT_EXPECT_FALSE(test, kvmem_ghost_look(ns, &key, &class));
}

/* --- chains --- */

static struct kvmem_file *chain_file(struct kunit *test)
{
	struct kvmem_file *kf = kunit_kzalloc(test, sizeof(*kf), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, kf);
	spin_lock_init(&kf->chain_lock);
	return kf;
}

/* As an application does: GET a batch, then PUT what was missing. */
static void ask(struct kunit *test, struct kvmem_file *kf, u64 from, unsigned int nr)
{
	struct kvmem_ns *ns = kvmem_test_ns(test);
	u64 missing[64];
	struct kvmem_run run;
	unsigned int i, n = 0;

	kvmem_run_begin(&run, kf, nr);
	for (i = 0; i < nr; i++) {
		struct kvmem_block *block = kvmem_test_find(test, from + i);
		struct kvmem_key key = kvmem_test_key(from + i);

		if (!block) {
			kvmem_run_miss(&run, ns, &key, 0);
			missing[n++] = from + i;
			continue;
		}
		kvmem_run_hit(&run, ns, block, true);
		kvmem_block_put(block);
	}
	kvmem_run_end(&run, kf, ns);
	kvmem_run_begin(&run, kf, n ?: 1);
	for (i = 0; i < n; i++) {
		struct kvmem_hints h = {
			.own_class = kvmem_run_class(&run), .growth = kvmem_run_growth(&run),
		};

		KUNIT_ASSERT_EQ(test, kvmem_test_put(test, missing[i], 64, &h), 0);
	}
	kvmem_run_end(&run, kf, ns);
}

static void expect_hints(struct kunit *test, u64 from, u64 to, u8 hint)
{
	for (; from < to; from++)
		KUNIT_EXPECT_EQ_MSG(test, class_now(test, from) >> 3, hint, "key %llu", from);
}

/* A prompt of 40, asked for in batches of 32; then of 44, the first 40 known. */
static void chains_make_classes(struct kunit *test)
{
	struct kvmem_file *kf = chain_file(test);
	u64 n;

	ask(test, kf, 0, 32);
	ask(test, kf, 32, 8);
	expect_hints(test, 0, 39, 2);
	expect_hints(test, 39, 40, 7);
	ask(test, kf, 0, 32);
	ask(test, kf, 32, 12);
	for (n = 0; n < 40; n++)
		KUNIT_EXPECT_EQ(test, class_now(test, n) & 7, 1);
	expect_hints(test, 40, 43, 4);
	expect_hints(test, 43, 44, 7);
	KUNIT_EXPECT_EQ(test, kvmem_stat_read(kvmem_test_ns(test), KVMEM_STAT_HITS), 40ULL);
	KUNIT_EXPECT_EQ(test, kvmem_stat_read(kvmem_test_ns(test), KVMEM_STAT_MISSES), 44ULL);
}

/* The first class that an application gives ends ours. */
static void hints_win(struct kunit *test)
{
	struct kvmem_hints given = { .hint_class = 5 }, own = { .own_class = 16 };

	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 1, 64, &own), 0);
	KUNIT_EXPECT_EQ(test, class_now(test, 1), 16);
	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 2, 64, &given), 0);
	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 3, 64, &own), 0);
	KUNIT_EXPECT_EQ(test, class_now(test, 2), 40);
	KUNIT_EXPECT_EQ(test, class_now(test, 3), 0);
	kvmem_test_use(test, 2);
	KUNIT_EXPECT_EQ(test, class_now(test, 2), 41);
}

static void miss_reasons(struct kunit *test)
{
	struct kvmem_ns *ns = kvmem_test_ns(test);
	struct kvmem_file *kf = chain_file(test);

	ask(test, kf, 1, 1);
	expect_victim(test, 1);
	ask(test, kf, 1, 1);
	KUNIT_EXPECT_EQ(test, kvmem_stat_read(ns, KVMEM_STAT_MISSES), 2ULL);
	KUNIT_EXPECT_EQ(test, kvmem_stat_read(ns, KVMEM_STAT_MISS_EVICTED), 1ULL);
	KUNIT_EXPECT_EQ(test, kvmem_stat_read(ns, KVMEM_STAT_MISS_EXPIRED), 0ULL);
}

/* --- samples --- */

static void samples_are_switched(struct kunit *test)
{
	struct kvmem_samples *samples = &kvmem_test_ns(test)->samples;

	KUNIT_EXPECT_EQ(test, kvmem_samples_one_in(samples), 0U);
	KUNIT_EXPECT_EQ(test, kvmem_samples_set(samples, 3), -EINVAL);
	KUNIT_EXPECT_EQ(test, kvmem_samples_set(samples, 2 * KVMEM_SAMPLE_MAX_ONE_IN), -EINVAL);
	KUNIT_EXPECT_EQ(test, kvmem_samples_set(samples, 1), 0);
	KUNIT_EXPECT_EQ(test, kvmem_samples_one_in(samples), 1U);
	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 1, 64, NULL), 0);
	KUNIT_EXPECT_EQ(test, kvmem_samples_set(samples, 0), 0);
	KUNIT_EXPECT_EQ(test, kvmem_samples_one_in(samples), 0U);
}

/* Keys that count up, and keys that differ in one word only, are spread evenly. */
static void samples_are_fair(struct kunit *test)
{
	unsigned int word, i;

	for (word = 0; word < 4; word++) {
		unsigned int in = 0;

		for (i = 0; i < 65536; i++) {
			struct kvmem_key key = {};

			memcpy(key.b + word * 8, &i, sizeof(i));
			in += !(kvmem_sample_hash(&key) & 127);
		}
		KUNIT_EXPECT_GE_MSG(test, in, 420U, "word %u", word);
		KUNIT_EXPECT_LE_MSG(test, in, 610U, "word %u", word);
	}
}

static struct kunit_case policy_cases[] = {
	KUNIT_CASE(youngest_may_go_first),
	KUNIT_CASE(held_youngest_stays),
	KUNIT_CASE(values_lie_on_a_line),
	KUNIT_CASE(arrival_ignores_uses),
	KUNIT_CASE(ghosts_are_inherited),
	KUNIT_CASE(ghosts_survive_growth),
	KUNIT_CASE(chains_make_classes),
	KUNIT_CASE(hints_win),
	KUNIT_CASE(miss_reasons),
	KUNIT_CASE(samples_are_switched),
	KUNIT_CASE(samples_are_fair),
	{}
};

static struct kunit_suite policy_suite = {
	.name = "kvmem_policy",
	.init = kvmem_test_init,
	.exit = kvmem_test_exit,
	.test_cases = policy_cases,
};

kunit_test_suite(policy_suite);
