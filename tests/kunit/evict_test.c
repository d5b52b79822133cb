// SPDX-License-Identifier: GPL-2.0
/*
 * Eviction: the order, compared with a model; tables; histograms.
 */
#include <linux/ktime.h>
#include <linux/processor.h>
#include <linux/slab.h>
#include "fixture.h"

#define KEYS 64
#define CAPACITY 24

/* Most recent first */
struct model {
	u64 key[CAPACITY];
	unsigned int nr;
};

static int model_find(const struct model *m, u64 n)
{
	unsigned int i;

	for (i = 0; i < m->nr; i++)
		if (m->key[i] == n)
			return i;
	return -1;
}

static void model_use(struct model *m, u64 n)
{
	int i = model_find(m, n);

	if (i < 0) {
		if (m->nr == CAPACITY)
			m->nr--;
		i = m->nr++;
	}
	memmove(&m->key[1], &m->key[0], i * sizeof(n));
	m->key[0] = n;
}

/* UML's clock has steps, and equal times no order; how long a delay is, a busy host decides. */
static void next_moment(void)
{
	u64 now = ktime_get_ns();
	unsigned int tries = 1000000;

	while (ktime_get_ns() <= now + 512 && --tries)
		cpu_relax();
}

static void lru_is_exact(struct kunit *test)
{
	struct model m = {};
	u64 state = 7, n;
	unsigned int i;

	kvmem_test_quota(test, CAPACITY);
	for (i = 0; i < 20000; i++) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		n = (state >> 40) % KEYS;
		KUNIT_ASSERT_EQ_MSG(test, kvmem_test_there(test, n), model_find(&m, n) >= 0,
				    "step %u, key %llu", i, n);
		if (model_find(&m, n) >= 0)
			kvmem_test_use(test, n);
		else
			KUNIT_ASSERT_EQ(test, kvmem_test_put(test, n, 64, NULL), 0);
		model_use(&m, n);
		next_moment();
	}
}

static void swap_table(struct kunit *test, u16 (*value)(unsigned int c, unsigned int a))
{
	struct kvmem_value_table *t = kvmalloc(sizeof(*t), GFP_KERNEL);
	unsigned int c, a;

	KUNIT_ASSERT_NOT_NULL(test, t);
	for (c = 0; c < KVMEM_NR_CLASSES; c++)
		for (a = 0; a < KVMEM_NR_AGES; a++)
			t->value[c][a] = value(c, a);
	kvmem_table_prepare(t);
	kvmem_ns_set_policy(kvmem_test_ns(test), &t, KVMEM_ORDER_USE);
	kvfree(t);
}

static u16 hint_up(unsigned int c, unsigned int a)
{
	return c / 8 + 1;
}

static u16 hint_down(unsigned int c, unsigned int a)
{
	return 100 - c / 8;
}

static void expect_order(struct kunit *test, const u64 *order, unsigned int nr)
{
	unsigned int i, k;

	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_TRUE(test, kvmem_evict_one(kvmem_test_ns(test), KVMEM_EVICT_SPACE));
		for (k = 0; k < nr; k++)
			KUNIT_EXPECT_EQ_MSG(test, kvmem_test_there(test, order[k]), k > i,
					    "decision %u, key %llu", i, order[k]);
	}
	KUNIT_EXPECT_FALSE(test, kvmem_evict_one(kvmem_test_ns(test), KVMEM_EVICT_SPACE));
}

static void put_hints(struct kunit *test)
{
	u64 n;

	for (n = 0; n < 6; n++) {
		struct kvmem_hints h = { .hint_class = n % 3 };

		KUNIT_ASSERT_EQ(test, kvmem_test_put(test, n, 64, &h), 0);
	}
}

/* Lowest value first; in a class, oldest first. */
static void table_up(struct kunit *test)
{
	static const u64 order[] = { 0, 3, 1, 4, 2, 5 };

	swap_table(test, hint_up);
	put_hints(test);
	expect_order(test, order, ARRAY_SIZE(order));
}

static void table_down(struct kunit *test)
{
	static const u64 order[] = { 2, 5, 1, 4, 0, 3 };

	swap_table(test, hint_down);
	put_hints(test);
	expect_order(test, order, ARRAY_SIZE(order));
}

static void classes_follow_hits(struct kunit *test)
{
	struct kvmem_hints h = { .hint_class = 3, .cost = 11 };
	struct kvmem_hist *hist = kvzalloc(sizeof(*hist), GFP_KERNEL);
	struct kvmem_block *block;
	unsigned int i, c, a;
	u64 hits = 0, cost = 0;

	KUNIT_ASSERT_NOT_NULL(test, hist);
	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 1, 100, &h), 0);
	block = kvmem_test_find(test, 1);
	KUNIT_ASSERT_NOT_NULL(test, block);
	KUNIT_EXPECT_EQ(test, block->class, 24);
	for (i = 1; i <= 300; i++) {
		kvmem_block_touch(block);
		KUNIT_EXPECT_EQ(test, block->hits, i);
		KUNIT_EXPECT_EQ(test, block->class, 24 + min(ilog2(i + 1), 7));
	}
	kvmem_ns_copy_hist(kvmem_test_ns(test), hist);
	for (c = 0; c < KVMEM_NR_CLASSES; c++) {
		cost += hist->hit_cost[c];
		for (a = 0; a < KVMEM_NR_AGES; a++)
			hits += hist->hits[c][a];
		KUNIT_EXPECT_EQ(test, hist->blocks[c], c == 31 ? 1ULL : 0ULL);
		KUNIT_EXPECT_EQ(test, hist->bytes[c], c == 31 ? 100ULL : 0ULL);
	}
	KUNIT_EXPECT_EQ(test, hits, 300ULL);
	KUNIT_EXPECT_EQ(test, cost, 3300ULL);
	kvmem_block_put(block);
	kvfree(hist);
}

static void priority_is_spent(struct kunit *test)
{
	struct kvmem_hints h = { .priority = KVMEM_MAX_PRIORITY };
	unsigned int i;

	kvmem_test_quota(test, 2);
	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 1000, 64, &h), 0);
	for (i = 0; i < 100 && kvmem_test_there(test, 1000); i++)
		KUNIT_ASSERT_EQ(test, kvmem_test_put(test, i, 64, NULL), 0);
	KUNIT_EXPECT_GE(test, i, (unsigned int)KVMEM_MAX_PRIORITY);
	KUNIT_EXPECT_LT(test, i, 60U);
}

static void evictions_are_counted(struct kunit *test)
{
	struct kvmem_ns *ns = kvmem_test_ns(test);
	unsigned int why;
	u64 n;

	for (n = 0; n < 10; n++)
		KUNIT_ASSERT_EQ(test, kvmem_test_put(test, n, 64, NULL), 0);
	for (why = KVMEM_EVICT_QUOTA; why <= KVMEM_EVICT_DRAIN; why++)
		KUNIT_EXPECT_TRUE(test, kvmem_evict_one(ns, why));
	for (why = KVMEM_EVICT_QUOTA; why <= KVMEM_EVICT_DRAIN; why++)
		KUNIT_EXPECT_EQ(test, kvmem_stat_read(ns, KVMEM_STAT_EVICT_QUOTA + why), 1ULL);
	/* What comes back is a ghost's hit. */
	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 0, 64, NULL), 0);
	KUNIT_EXPECT_EQ(test, kvmem_stat_read(ns, KVMEM_STAT_GHOST_HITS), 1ULL);
}

static struct kunit_case evict_cases[] = {
	KUNIT_CASE(lru_is_exact),
	KUNIT_CASE(table_up),
	KUNIT_CASE(table_down),
	KUNIT_CASE(classes_follow_hits),
	KUNIT_CASE(priority_is_spent),
	KUNIT_CASE(evictions_are_counted),
	{}
};

static struct kunit_suite evict_suite = {
	.name = "kvmem_evict",
	.init = kvmem_test_init,
	.exit = kvmem_test_exit,
	.test_cases = evict_cases,
};

kunit_test_suite(evict_suite);
