// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a block, the index, references and holds.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include "fixture.h"

static void put_and_find(struct kunit *test)
{
	struct kvmem_ns *ns = kvmem_test_ns(test);
	struct kvmem_block *block;
	u64 n;

	for (n = 0; n < 1000; n++)
		KUNIT_ASSERT_EQ(test, kvmem_test_put(test, n, 1 + n, NULL), 0);
	KUNIT_EXPECT_EQ(test, ns->live_blocks, 1000ULL);
	KUNIT_EXPECT_EQ(test, ns->data_bytes, 1000ULL * 1001 / 2);
	for (n = 0; n < 1000; n++) {
		block = kvmem_test_find(test, n);
		KUNIT_ASSERT_NOT_NULL(test, block);
		KUNIT_EXPECT_EQ(test, block->size, (u32)n + 1);
		KUNIT_EXPECT_EQ(test, block->state, KVMEM_BLOCK_COMMITTED);
		KUNIT_EXPECT_PTR_EQ(test, block->ns, ns);
		kvmem_block_put(block);
	}
	KUNIT_EXPECT_NULL(test, kvmem_test_find(test, 1000));
	/* A key that is there stays what it is. */
	KUNIT_EXPECT_EQ(test, kvmem_test_put(test, 5, 77, NULL), -EEXIST);
	kvmem_ns_drop_all(ns);
	KUNIT_EXPECT_EQ(test, ns->live_blocks, 0ULL);
	KUNIT_EXPECT_EQ(test, ns->data_bytes, 0ULL);
	KUNIT_EXPECT_EQ(test, ns->used_bytes, 0ULL);
	KUNIT_EXPECT_EQ(test, ns->used_blocks, 0ULL);
}

static void unlink_once(struct kunit *test)
{
	struct kvmem_ns *ns = kvmem_test_ns(test);
	struct kvmem_block *block;

	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 1, 5000, NULL), 0);
	block = kvmem_test_find(test, 1);
	KUNIT_ASSERT_NOT_NULL(test, block);
	KUNIT_EXPECT_TRUE(test, kvmem_block_unlink(block, KVMEM_BLOCK_DELETED,
						   KVMEM_EVICT_NR));
	KUNIT_EXPECT_FALSE(test, kvmem_block_unlink(block, KVMEM_BLOCK_DELETED,
						    KVMEM_EVICT_NR));
	KUNIT_EXPECT_NULL(test, kvmem_test_find(test, 1));
	/* We have a reference: the bytes stay. */
	KUNIT_EXPECT_GT(test, ns->used_bytes, 0ULL);
	KUNIT_EXPECT_EQ(test, ns->live_blocks, 0ULL);
	kvmem_block_put(block);
	KUNIT_EXPECT_EQ(test, ns->used_bytes, 0ULL);
}

static void never_committed(struct kunit *test)
{
	struct kvmem_ns *ns = kvmem_test_ns(test);
	struct kvmem_block *block = kvmem_block_alloc(ns, 100000, true);

	KUNIT_ASSERT_FALSE(test, IS_ERR(block));
	KUNIT_EXPECT_EQ(test, block->state, KVMEM_BLOCK_ALLOCATED);
	KUNIT_EXPECT_EQ(test, (int)block->layout, KVMEM_PAGED);
	KUNIT_EXPECT_EQ(test, ns->used_blocks, 1ULL);
	KUNIT_EXPECT_GE(test, kvmem_block_charged(block), 100000UL);
	KUNIT_EXPECT_EQ(test, ns->used_bytes, (u64)kvmem_block_charged(block));
	kvmem_block_put(block);
	KUNIT_EXPECT_EQ(test, ns->used_blocks, 0ULL);
	KUNIT_EXPECT_EQ(test, ns->used_bytes, 0ULL);
}

static void holds(struct kunit *test)
{
	struct kvmem_ns *ns = kvmem_test_ns(test);
	struct kvmem_block *block;

	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 1, 100, NULL), 0);
	block = kvmem_test_find(test, 1);
	KUNIT_ASSERT_NOT_NULL(test, block);
	KUNIT_EXPECT_TRUE(test, kvmem_block_hold(block));
	KUNIT_EXPECT_TRUE(test, kvmem_block_hold(block));
	KUNIT_EXPECT_FALSE(test, kvmem_evict_one(ns, KVMEM_EVICT_QUOTA));
	kvmem_block_unhold(block);
	KUNIT_EXPECT_FALSE(test, kvmem_evict_one(ns, KVMEM_EVICT_QUOTA));
	kvmem_block_unhold(block);
	KUNIT_EXPECT_TRUE(test, kvmem_evict_one(ns, KVMEM_EVICT_QUOTA));
	/* Evicted: nobody can hold it any more. */
	KUNIT_EXPECT_FALSE(test, kvmem_block_hold(block));
	KUNIT_EXPECT_EQ(test, block->state, KVMEM_BLOCK_EVICTED);
	kvmem_block_put(block);
	KUNIT_EXPECT_FALSE(test, kvmem_evict_one(ns, KVMEM_EVICT_QUOTA));
}

static void expiry(struct kunit *test)
{
	struct kvmem_hints soon = { .ttl_ms = 20 }, later = { .ttl_ms = U32_MAX };
	struct kvmem_block *block;

	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 1, 100, &soon), 0);
	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 2, 100, &later), 0);
	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 3, 100, NULL), 0);
	block = kvmem_test_find(test, 1);
	KUNIT_ASSERT_NOT_NULL(test, block);
	msleep(60);
	KUNIT_EXPECT_TRUE(test, kvmem_block_expired(block));
	kvmem_block_put(block);
	KUNIT_EXPECT_FALSE(test, kvmem_test_there(test, 1));
	KUNIT_EXPECT_TRUE(test, kvmem_test_there(test, 2));
	KUNIT_EXPECT_TRUE(test, kvmem_test_there(test, 3));
}

static void quota(struct kunit *test)
{
	struct kvmem_ns *ns = kvmem_test_ns(test);
	u64 n;

	kvmem_test_quota(test, 10);
	for (n = 0; n < 50; n++) {
		KUNIT_ASSERT_EQ(test, kvmem_test_put(test, n, 100, NULL), 0);
		KUNIT_EXPECT_LE(test, ns->used_blocks, 10ULL);
	}
	for (n = 0; n < 50; n++)
		KUNIT_EXPECT_EQ(test, kvmem_test_there(test, n), n >= 40);
	KUNIT_EXPECT_EQ(test, kvmem_stat_evictions(ns), 40ULL);
	KUNIT_EXPECT_EQ(test, kvmem_stat_read(ns, KVMEM_STAT_EVICT_QUOTA), 40ULL);
}

static struct kunit_case block_cases[] = {
	KUNIT_CASE(put_and_find),
	KUNIT_CASE(unlink_once),
	KUNIT_CASE(never_committed),
	KUNIT_CASE(holds),
	KUNIT_CASE(expiry),
	KUNIT_CASE(quota),
	{}
};

static struct kunit_suite block_suite = {
	.name = "kvmem_block",
	.init = kvmem_test_init,
	.exit = kvmem_test_exit,
	.test_cases = block_cases,
};

kunit_test_suite(block_suite);
