// SPDX-License-Identifier: GPL-2.0
/*
 * Placement and routing, against nodes that answer, do not, or lie.
 */
#include <kunit/test.h>
#include <linux/bvec.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "fake_transport.h"
#include "fixture.h"
#include "peer/route.h"
#include "span.h"

#define SIZE	20000U
/* All waits of a test together must stay below; far above what they should take. */
#define BOUND_MS	5000

static u64 epoch;
static u16 plane[KVMEM_MAX_COPIES][KVMEM_NR_SLOTS];

/* All slots belong to these nodes. */
static int set_map(u16 first, u16 second, u16 third)
{
	const u16 *planes[] = { plane[0], plane[1], plane[2] };
	unsigned int i;

	for (i = 0; i < KVMEM_NR_SLOTS; i++) {
		plane[0][i] = first;
		plane[1][i] = second;
		plane[2][i] = third;
	}
	return kvmem_map_set(++epoch, planes, 3);
}

static int set_only_map(u16 first, u16 second, u16 third)
{
	return set_map(first, second, third) ?: kvmem_map_settle(epoch);
}

static int set_timeout(u32 timeout_ms, u32 hedge_us)
{
	const struct kvmem_cluster_params p = {
		.timeout_ms = timeout_ms, .hedge_us = hedge_us,
	};

	return kvmem_cluster_set(&p, KVMEM_CLUSTER_P_TIMEOUT | KVMEM_CLUSTER_P_HEDGE, NULL);
}

/* This node is number 0, for good. */
static int set_self(void)
{
	static const struct kvmem_cluster_params p = { .self = { .cluster = "kunit" } };
	int ret = kvmem_cluster_set(&p, KVMEM_CLUSTER_P_SELF, NULL);

	return ret == -EBUSY ? 0 : ret;
}

static int peer_test_init(struct kunit *test)
{
	struct kvmem_map_info info;
	unsigned int i;
	int ret;

	fake_reset();
	kvmem_map_read(&info);
	epoch = info.epoch;
	ret = kvmem_test_init(test) ?: set_self() ?: kvmem_transport_register(&fake_ops) ?:
	      set_only_map(1, 2, 3) ?: set_timeout(1000, 0);
	for (i = 1; !ret && i < FAKE_NODES; i++) {
		fake_nodes[i].size = SIZE;
		ret = kvmem_peer_create(i, "fake", "nowhere", NULL);
	}
	if (ret)
		return ret;
	kvmem_test_ns(test)->p.placement = KVMEM_PLACEMENT_OWNER;
	kvmem_test_ns(test)->p.copies = 2;
	return 0;
}

static void peer_test_exit(struct kunit *test)
{
	unsigned int i;

	for (i = 1; i < FAKE_NODES; i++)
		kvmem_peer_remove(i);
	kvmem_transport_unregister(&fake_ops);
	KUNIT_EXPECT_EQ(test, fake_pending(), 0);
	kvmem_test_exit(test);
}

/* The map ---------------------------------------------------------------------- */

static void map_epochs(struct kunit *test)
{
	const u16 *planes[] = { plane[0] };
	struct kvmem_map_info info;

	KUNIT_EXPECT_EQ(test, kvmem_map_set(epoch, planes, 1), -ESTALE);
	KUNIT_EXPECT_EQ(test, kvmem_map_set(epoch - 1, planes, 1), -ESTALE);
	KUNIT_EXPECT_EQ(test, kvmem_map_set(0, planes, 1), -ESTALE);
	KUNIT_EXPECT_EQ(test, kvmem_map_settle(epoch + 1), -ESTALE);
	KUNIT_EXPECT_EQ(test, set_map(4, 5, KVMEM_NO_NODE), 0);
	kvmem_map_read(&info);
	KUNIT_EXPECT_EQ(test, info.epoch, epoch);
	KUNIT_EXPECT_EQ(test, info.previous, epoch - 1);
	KUNIT_EXPECT_EQ(test, kvmem_map_copy(3, plane[2]), 0);
	KUNIT_EXPECT_EQ(test, plane[2][77], 1);
	KUNIT_EXPECT_EQ(test, kvmem_map_settle(epoch), 0);
	kvmem_map_read(&info);
	KUNIT_EXPECT_EQ(test, info.previous, 0);
	KUNIT_EXPECT_EQ(test, kvmem_map_copy(3, plane[2]), -ENOENT);
}

static void map_owners(struct kunit *test)
{
	struct kvmem_key key = kvmem_test_key(5);
	struct kvmem_owners owners;

	KUNIT_ASSERT_TRUE(test, kvmem_map_owners(&key, 3, &owners));
	KUNIT_EXPECT_EQ(test, owners.nr, 3);
	KUNIT_EXPECT_EQ(test, owners.nr_now, 3);
	KUNIT_EXPECT_FALSE(test, owners.mine);
	/* In both maps, and none twice; this node not among them. */
	KUNIT_ASSERT_EQ(test, set_map(2, 0, 4), 0);
	kvmem_map_owners(&key, 1, &owners);
	KUNIT_EXPECT_EQ(test, owners.nr, 2);
	KUNIT_EXPECT_FALSE(test, owners.mine);
	kvmem_map_owners(&key, 3, &owners);
	KUNIT_EXPECT_TRUE(test, owners.mine);
	KUNIT_ASSERT_EQ(test, owners.nr, 4);
	KUNIT_EXPECT_EQ(test, owners.nr_now, 2);
	KUNIT_EXPECT_EQ(test, owners.node[0], 2);
	KUNIT_EXPECT_EQ(test, owners.node[1], 4);
	KUNIT_EXPECT_EQ(test, owners.node[2], 1);
	KUNIT_EXPECT_EQ(test, owners.node[3], 3);
}

/* The slot of a key is part of the wire protocol: these never change. */
static void map_slots(struct kunit *test)
{
	struct kvmem_key key = {};
	u32 zero = kvmem_key_slot(key.b), seen[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		key.b[31] = i + 1;
		seen[i] = kvmem_key_slot(key.b);
		KUNIT_EXPECT_LT(test, seen[i], KVMEM_NR_SLOTS);
	}
	KUNIT_EXPECT_NE(test, zero, seen[0]);
	KUNIT_EXPECT_NE(test, seen[0], seen[1]);
}

/* GET --------------------------------------------------------------------------- */

static bool is_block(struct kvmem_block *block, u64 n, size_t size)
{
	u8 *got = vmalloc(size), *want = vmalloc(size);
	bool same = false;

	if (got && want && block->size == size && !kvmem_test_read(block, 0, size, got)) {
		kvmem_test_bytes(want, size, n);
		same = !memcmp(got, want, size);
	}
	vfree(got);
	vfree(want);
	return same;
}

static int get(struct kunit *test, u64 n, struct kvmem_remote_want *want)
{
	struct kvmem_key key = kvmem_test_key(n);

	return kvmem_remote_get(kvmem_test_ns(test), &key, want);
}

/* It must come, whole, and is let go. */
static void expect_get(struct kunit *test, u64 n)
{
	struct kvmem_remote_want want = {};

	KUNIT_ASSERT_EQ(test, get(test, n, &want), 0);
	KUNIT_ASSERT_NOT_NULL(test, want.block);
	KUNIT_EXPECT_TRUE(test, is_block(want.block, n, fake_nodes[1].size));
	kvmem_block_put(want.block);
}

static void expect_miss(struct kunit *test, u64 n)
{
	struct kvmem_remote_want want = { .room = SIZE };

	KUNIT_EXPECT_EQ(test, get(test, n, &want), -ENOENT);
	KUNIT_EXPECT_NULL(test, want.block);
}

static unsigned int gets(unsigned int node)
{
	return fake_nodes[node].calls[KVMEM_CALL_GET];
}

static u64 count_of(unsigned int node, enum kvmem_peer_count what)
{
	return atomic64_read(&fake_nodes[node].peer->counts[what]);
}

static void get_from_owner(struct kunit *test)
{
	struct kvmem_ns *ns = kvmem_test_ns(test);

	KUNIT_EXPECT_TRUE(test, kvmem_peer_routes(ns));
	fake_nodes[1].has = BIT(3);
	expect_get(test, 3);
	/* Nobody else knows it, and of a number of copies only as many owners are asked. */
	KUNIT_EXPECT_FALSE(test, kvmem_test_there(test, 3));
	KUNIT_EXPECT_EQ(test, kvmem_stat_read(ns, KVMEM_STAT_PEER_HITS), 1);
	KUNIT_EXPECT_EQ(test, kvmem_stat_read(ns, KVMEM_STAT_PEER_BYTES_IN), SIZE);
	KUNIT_EXPECT_EQ(test, count_of(1, KVMEM_PEER_HITS), 1);
	expect_miss(test, 4);
	KUNIT_EXPECT_EQ(test, gets(3) + gets(4) + gets(5), 0);
	KUNIT_EXPECT_EQ(test, kvmem_stat_read(ns, KVMEM_STAT_PEER_MISSES), 1);
	KUNIT_EXPECT_EQ(test, count_of(1, KVMEM_PEER_ERRORS) + count_of(2, KVMEM_PEER_ERRORS), 0);
}

static void get_keeps(struct kunit *test)
{
	struct kvmem_remote_want want = { .keep = true };
	struct kvmem_block *block;

	fake_nodes[2].has = BIT(3);
	KUNIT_ASSERT_EQ(test, get(test, 3, &want), 0);
	block = kvmem_test_find(test, 3);
	KUNIT_ASSERT_PTR_EQ(test, block, want.block);
	KUNIT_EXPECT_TRUE(test, is_block(block, 3, SIZE));
	KUNIT_EXPECT_EQ(test, block->class >> 3, 2);
	KUNIT_EXPECT_EQ(test, block->priority, 1);
	KUNIT_EXPECT_EQ(test, block->cost, 7);
	kvmem_block_put(block);
	kvmem_block_put(want.block);
}

static void get_in_the_map_before(struct kunit *test)
{
	fake_nodes[1].has = BIT(3);
	KUNIT_ASSERT_EQ(test, set_map(4, 5, KVMEM_NO_NODE), 0);
	expect_get(test, 3);
	KUNIT_ASSERT_EQ(test, kvmem_map_settle(epoch), 0);
	expect_miss(test, 3);
}

/* Lengths: a wrong guess costs a question more, and no byte. */
static void get_longer(struct kunit *test)
{
	struct kvmem_ns *ns = kvmem_test_ns(test);

	fake_nodes[1].has = BIT(3);
	kvmem_peer_note_size(ns, 5000);
	expect_get(test, 3);
	KUNIT_EXPECT_EQ(test, gets(1), 2);
	expect_get(test, 3);
	KUNIT_EXPECT_EQ(test, gets(1), 3);
	fake_nodes[1].size = 3000;
	expect_get(test, 3);
	KUNIT_EXPECT_EQ(test, gets(1), 4);
	fake_nodes[1].size = (3U << 20) + 5;
	expect_get(test, 3);
	KUNIT_EXPECT_EQ(test, gets(1), 6);
	KUNIT_EXPECT_EQ(test, count_of(1, KVMEM_PEER_ERRORS), 0);
}

/* A block that is kept costs what its length says. */
static void get_keeps_shorter(struct kunit *test)
{
	struct kvmem_remote_want want = { .keep = true };

	fake_nodes[1].has = BIT(3);
	kvmem_peer_note_size(kvmem_test_ns(test), 1 << 20);
	KUNIT_ASSERT_EQ(test, get(test, 3, &want), 0);
	KUNIT_EXPECT_TRUE(test, is_block(want.block, 3, SIZE));
	KUNIT_EXPECT_LE(test, kvmem_block_charged(want.block), 2 * SIZE);
	kvmem_block_put(want.block);
}

static void get_length_alone(struct kunit *test)
{
	struct kvmem_remote_want want = { .look = true };

	fake_nodes[1].has = BIT(3);
	KUNIT_ASSERT_EQ(test, get(test, 3, &want), 0);
	KUNIT_EXPECT_EQ(test, want.size, SIZE);
	KUNIT_EXPECT_NULL(test, want.block);
	KUNIT_EXPECT_EQ(test, kvmem_test_ns(test)->used_blocks, 0);
}

/* Room is made for what is there, not for what is not. */
static void miss_evicts_nothing(struct kunit *test)
{
	kvmem_test_quota(test, 4);
	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 10, 100, NULL), 0);
	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 11, 100, NULL), 0);
	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 12, 100, NULL), 0);
	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 13, 100, NULL), 0);
	expect_miss(test, 3);
	KUNIT_EXPECT_EQ(test, kvmem_stat_evictions(kvmem_test_ns(test)), 0);
	fake_nodes[1].has = BIT(3);
	expect_get(test, 3);
	KUNIT_EXPECT_EQ(test, kvmem_stat_evictions(kvmem_test_ns(test)), 1);
}

/* Failing over -------------------------------------------------------------------- */

static void expect_fail_over(struct kunit *test, enum fake_mode mode, int error)
{
	u64 errors = count_of(1, KVMEM_PEER_ERRORS);

	fake_nodes[1].mode = mode;
	fake_nodes[1].error = error;
	fake_nodes[1].has = BIT(3);
	fake_nodes[2].has = BIT(3);
	/* The first is asked first as long as it is not known to be slower. */
	fake_nodes[1].peer->latency = 1;
	fake_nodes[2].peer->latency = 1000000000;
	fake_nodes[1].peer->sampled = ktime_get_ns();
	fake_nodes[2].peer->sampled = ktime_get_ns();
	expect_get(test, 3);
	KUNIT_EXPECT_GT_MSG(test, count_of(1, KVMEM_PEER_ERRORS), errors, "mode %d", mode);
}

static void fails_over(struct kunit *test)
{
	static const int errors[] = {
		-ENOTCONN, -ECONNRESET, -EIO, -ENOMEM, -EPROTO, -ETIMEDOUT, -ESHUTDOWN,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		expect_fail_over(test, FAKE_ERROR, errors[i]);
		expect_fail_over(test, FAKE_REFUSE, errors[i]);
	}
	expect_fail_over(test, FAKE_WRONG, 0);
	expect_fail_over(test, FAKE_LIAR, 0);
	/* Not shared there is a miss, and no error. */
	fake_nodes[1].mode = FAKE_ERROR;
	fake_nodes[1].error = -EACCES;
	expect_get(test, 3);
}

/* The only one that has it lies: nothing of it is believed. */
static void wrong_bytes_are_a_miss(struct kunit *test)
{
	struct kvmem_remote_want keep = { .keep = true, .room = SIZE };

	fake_nodes[1].has = BIT(3);
	fake_nodes[1].mode = FAKE_WRONG;
	expect_miss(test, 3);
	KUNIT_EXPECT_EQ(test, get(test, 3, &keep), -ENOENT);
	KUNIT_EXPECT_FALSE(test, kvmem_test_there(test, 3));
	fake_nodes[1].mode = FAKE_LIAR;
	expect_miss(test, 3);
	KUNIT_EXPECT_EQ(test, count_of(1, KVMEM_PEER_ERRORS), 3);
	KUNIT_EXPECT_EQ(test, kvmem_test_ns(test)->used_blocks, 0);
}

static void full_queue_is_waited_for(struct kunit *test)
{
	fake_nodes[1].has = BIT(3);
	fake_nodes[1].mode = FAKE_FULL;
	fake_nodes[1].full = 5;
	expect_get(test, 3);
	KUNIT_EXPECT_EQ(test, fake_nodes[1].full, 0);
	KUNIT_EXPECT_EQ(test, gets(2), 0);
}

static void down_is_not_asked(struct kunit *test)
{
	const char *reason;

	fake_nodes[1].has = BIT(3);
	kvmem_peer_down(fake_nodes[1].peer, "test");
	KUNIT_EXPECT_EQ(test, kvmem_peer_state(fake_nodes[1].peer, &reason),
			KVMEM_PEER_STATE_DOWN);
	KUNIT_EXPECT_STREQ(test, reason, "test");
	expect_miss(test, 3);
	KUNIT_EXPECT_EQ(test, gets(1), 0);
	kvmem_peer_up(fake_nodes[1].peer);
	expect_get(test, 3);
}

/* Time ------------------------------------------------------------------------------ */

static u64 ms_since(u64 start)
{
	return (ktime_get_ns() - start) / NSEC_PER_MSEC;
}

/* Neither who answers never, nor who does not even let itself be cancelled, is waited for. */
static void waits_have_an_end(struct kunit *test)
{
	u64 start = ktime_get_ns();

	KUNIT_ASSERT_EQ(test, set_timeout(20, 0), 0);
	fake_nodes[1].mode = FAKE_NEVER;
	fake_nodes[2].mode = FAKE_STUBBORN;
	fake_nodes[2].delay_ms = 500;
	expect_miss(test, 3);
	KUNIT_EXPECT_GE(test, ms_since(start), 40);
	KUNIT_EXPECT_LT(test, ms_since(start), BOUND_MS);
	KUNIT_EXPECT_EQ(test, fake_nodes[1].cancels, 1);
	KUNIT_EXPECT_EQ(test, fake_nodes[2].cancels, 1);
	KUNIT_EXPECT_EQ(test, count_of(1, KVMEM_PEER_TIMEOUTS), 1);
	KUNIT_EXPECT_EQ(test, count_of(2, KVMEM_PEER_TIMEOUTS), 1);
	/* What was given up keeps its memory until it ends. */
	while (fake_pending() && ms_since(start) < BOUND_MS)
		msleep(20);
	KUNIT_EXPECT_EQ(test, fake_pending(), 0);
	while (READ_ONCE(kvmem_test_ns(test)->used_blocks) && ms_since(start) < BOUND_MS)
		msleep(20);
	KUNIT_EXPECT_EQ(test, kvmem_test_ns(test)->used_blocks, 0);
}

static void late_is_not_too_late(struct kunit *test)
{
	fake_nodes[1].has = BIT(3);
	fake_nodes[1].mode = FAKE_LATE;
	fake_nodes[1].delay_ms = 30;
	expect_get(test, 3);
	KUNIT_EXPECT_EQ(test, gets(2), 0);
	KUNIT_EXPECT_GE(test, kvmem_peer_wait_ns(fake_nodes[1].peer), 1000000);
}

static void hedges(struct kunit *test)
{
	u64 start = ktime_get_ns();

	KUNIT_ASSERT_EQ(test, set_timeout(60000, 2000), 0);
	fake_nodes[1].mode = FAKE_NEVER;
	fake_nodes[1].has = BIT(3);
	fake_nodes[2].has = BIT(3);
	fake_nodes[1].peer->latency = 1;
	fake_nodes[1].peer->sampled = start;
	expect_get(test, 3);
	KUNIT_EXPECT_LT(test, ms_since(start), BOUND_MS);
	KUNIT_EXPECT_EQ(test, gets(1), 1);
	KUNIT_EXPECT_EQ(test, fake_nodes[1].cancels, 1);
	KUNIT_EXPECT_EQ(test, count_of(2, KVMEM_PEER_HEDGES), 1);
	KUNIT_EXPECT_EQ(test, count_of(1, KVMEM_PEER_ERRORS), 0);
}

static void soonest_first(struct kunit *test)
{
	fake_nodes[1].has = BIT(3);
	fake_nodes[2].has = BIT(3);
	kvmem_peer_note_size(kvmem_test_ns(test), SIZE);
	kvmem_peer_sample(fake_nodes[1].peer, 40 * NSEC_PER_MSEC);
	kvmem_peer_sample(fake_nodes[2].peer, 1 * NSEC_PER_MSEC);
	expect_get(test, 3);
	KUNIT_EXPECT_EQ(test, gets(1), 0);
	KUNIT_EXPECT_EQ(test, gets(2), 1);
}

static void slow_is_noticed(struct kunit *test)
{
	u64 start = ktime_get_ns();
	const char *reason;

	kvmem_peer_sample(fake_nodes[1].peer, 800 * NSEC_PER_MSEC);
	kvmem_peer_sample(fake_nodes[2].peer, NSEC_PER_MSEC);
	kvmem_peers_judge();
	while (kvmem_peer_state(fake_nodes[1].peer, &reason) != KVMEM_PEER_STATE_SLOW &&
	       ms_since(start) < BOUND_MS)
		msleep(20);
	KUNIT_EXPECT_EQ(test, kvmem_peer_state(fake_nodes[1].peer, &reason),
			KVMEM_PEER_STATE_SLOW);
	KUNIT_EXPECT_EQ(test, kvmem_peer_state(fake_nodes[2].peer, &reason),
			KVMEM_PEER_STATE_UP);
	/* And forgotten, when it is not so any more. */
	fake_nodes[1].peer->latency = NSEC_PER_MSEC;
	kvmem_peers_judge();
	while (kvmem_peer_state(fake_nodes[1].peer, &reason) == KVMEM_PEER_STATE_SLOW &&
	       ms_since(start) < BOUND_MS)
		msleep(20);
	KUNIT_EXPECT_EQ(test, kvmem_peer_state(fake_nodes[1].peer, &reason),
			KVMEM_PEER_STATE_UP);
}

/* Coming and going --------------------------------------------------------------------- */

static void remove_work(struct work_struct *work)
{
	kvmem_peer_remove(1);
}

static void unregister_work(struct work_struct *work)
{
	kvmem_transport_unregister(&fake_ops);
}

/* A call is under way to node 1 while @fn runs. */
static void expect_end_by(struct kunit *test, work_func_t fn)
{
	struct kvmem_remote_want want = { .room = SIZE };
	u64 start = ktime_get_ns();
	struct delayed_work work;

	KUNIT_ASSERT_EQ(test, set_timeout(60000, 0), 0);
	kvmem_test_ns(test)->p.copies = 1;
	fake_nodes[1].mode = FAKE_NEVER;
	INIT_DELAYED_WORK_ONSTACK(&work, fn);
	schedule_delayed_work(&work, msecs_to_jiffies(30));
	KUNIT_EXPECT_EQ(test, get(test, 3, &want), -ENOENT);
	KUNIT_EXPECT_LT(test, ms_since(start), BOUND_MS);
	flush_delayed_work(&work);
	destroy_delayed_work_on_stack(&work);
	KUNIT_EXPECT_EQ(test, gets(1), 1);
	KUNIT_EXPECT_EQ(test, fake_pending(), 0);
}

static void peer_removed_under_a_call(struct kunit *test)
{
	expect_end_by(test, remove_work);
	expect_miss(test, 4);
	KUNIT_EXPECT_EQ(test, gets(1), 1);
	KUNIT_EXPECT_EQ(test, kvmem_peer_remove(1), -ENOENT);
}

static void transport_gone_under_a_call(struct kunit *test)
{
	expect_end_by(test, unregister_work);
	expect_miss(test, 4);
	/* The peers are there when the next transport comes. */
	KUNIT_ASSERT_EQ(test, kvmem_transport_register(&fake_ops), 0);
	KUNIT_EXPECT_EQ(test, kvmem_transport_register(&fake_ops), -EEXIST);
	fake_nodes[1].mode = FAKE_NOW;
	fake_nodes[1].has = BIT(3);
	expect_get(test, 3);
}

static void peers_are_checked(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, kvmem_peer_create(0, "self", "x", NULL), -EINVAL);
	KUNIT_EXPECT_EQ(test, kvmem_peer_create(1, "twice", "x", NULL), -EEXIST);
	/* The transport does not take it. */
	KUNIT_EXPECT_EQ(test, kvmem_peer_create(77, "more", "x", NULL), -EINVAL);
	KUNIT_EXPECT_FALSE(test, kvmem_peer_known(77));
	KUNIT_EXPECT_TRUE(test, kvmem_peer_known(5));
}

/* Into the caller's pages ------------------------------------------------------------------ */

#define SPAN_PAGES	8

struct test_span {
	struct kvmem_span span;
	struct bio_vec bvecs[SPAN_PAGES];
	void *mem;
};

static void make_span(struct kunit *test, struct test_span *s, unsigned int first, size_t len)
{
	unsigned int i;

	s->mem = vzalloc(SPAN_PAGES * PAGE_SIZE);
	KUNIT_ASSERT_NOT_NULL(test, s->mem);
	for (i = 0; i < SPAN_PAGES; i++)
		bvec_set_page(&s->bvecs[i], vmalloc_to_page(s->mem + i * PAGE_SIZE), PAGE_SIZE, 0);
	s->span = (struct kvmem_span) {
		.type = KVMEM_SPAN_PAGES, .len = len, .bvecs = s->bvecs,
		.nr_bvecs = SPAN_PAGES, .first = first,
	};
}

static bool span_is_block(const struct test_span *s, u64 n, size_t size)
{
	u8 *want = vmalloc(size);
	bool same = false;

	if (want) {
		kvmem_test_bytes(want, size, n);
		same = !memcmp(s->mem + s->span.first, want, size);
	}
	vfree(want);
	return same;
}

static void get_into_pages(struct kunit *test)
{
	struct test_span s;
	struct kvmem_remote_want want = { .span = &s.span };

	make_span(test, &s, 123, SIZE + 1000);
	fake_nodes[1].has = BIT(3);
	KUNIT_EXPECT_EQ(test, get(test, 3, &want), 0);
	KUNIT_EXPECT_NULL(test, want.block);
	KUNIT_EXPECT_EQ(test, want.size, SIZE);
	KUNIT_EXPECT_TRUE(test, span_is_block(&s, 3, SIZE));
	KUNIT_EXPECT_EQ(test, kvmem_test_ns(test)->used_blocks, 0);
	/* Nothing before it and nothing behind it was written. */
	KUNIT_EXPECT_NULL(test, memchr_inv(s.mem, 0, 123));
	KUNIT_EXPECT_NULL(test, memchr_inv(s.mem + 123 + SIZE, 0, 1000));
	s.span.len = SIZE - 1;
	KUNIT_EXPECT_EQ(test, get(test, 3, &want), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, want.size, SIZE);
	s.span.len = SIZE;
	fake_nodes[1].mode = FAKE_WRONG;
	KUNIT_EXPECT_EQ(test, get(test, 3, &want), -ENOENT);
	fake_nodes[2].has = BIT(3);
	KUNIT_EXPECT_EQ(test, get(test, 3, &want), 0);
	KUNIT_EXPECT_TRUE(test, span_is_block(&s, 3, SIZE));
	vfree(s.mem);
}

/* The pages are the caller's again when it returns, whoever was quicker. */
static void pages_are_given_back(struct kunit *test)
{
	struct test_span s;
	struct kvmem_remote_want want = { .span = &s.span };

	make_span(test, &s, 0, SIZE);
	KUNIT_ASSERT_EQ(test, set_timeout(60000, 1000), 0);
	fake_nodes[1].mode = FAKE_STUBBORN;
	fake_nodes[1].delay_ms = 100;
	fake_nodes[1].peer->latency = 1;
	fake_nodes[1].peer->sampled = ktime_get_ns();
	fake_nodes[2].has = BIT(3);
	KUNIT_EXPECT_EQ(test, get(test, 3, &want), 0);
	KUNIT_EXPECT_EQ(test, fake_pending(), 0);
	KUNIT_ASSERT_NOT_NULL(test, want.block);
	KUNIT_EXPECT_TRUE(test, is_block(want.block, 3, SIZE));
	kvmem_block_put(want.block);
	vfree(s.mem);
}

/* PUT, DELETE, EXISTS ------------------------------------------------------------------------ */

static struct kvmem_block *make_block(struct kunit *test, u64 n)
{
	struct kvmem_block *block = kvmem_block_alloc(kvmem_test_ns(test), SIZE, false);
	struct kvec vec = { .iov_len = SIZE };
	struct iov_iter iter;

	KUNIT_ASSERT_FALSE(test, IS_ERR(block));
	vec.iov_base = vmalloc(SIZE);
	KUNIT_ASSERT_NOT_NULL(test, vec.iov_base);
	kvmem_test_bytes(vec.iov_base, SIZE, n);
	iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, SIZE);
	KUNIT_EXPECT_EQ(test, kvmem_block_fill(block, &iter), 0);
	vfree(vec.iov_base);
	return block;
}

/* Who has it then, and does it stay? */
static struct kvmem_remote_put put(struct kunit *test, u64 n)
{
	const struct kvmem_hints hints = { .hint_class = 1 };
	struct kvmem_key key = kvmem_test_key(n);
	struct kvmem_remote_put put = { .block = make_block(test, n), .hints = &hints };

	KUNIT_EXPECT_EQ(test, kvmem_remote_put(kvmem_test_ns(test), &key, &put), 0);
	kvmem_block_put(put.block);
	return put;
}

static void put_to_owners(struct kunit *test)
{
	struct kvmem_remote_put p = put(test, 3);

	KUNIT_EXPECT_EQ(test, p.taken, 2);
	KUNIT_EXPECT_EQ(test, p.existed, 0);
	KUNIT_EXPECT_FALSE(test, p.here);
	KUNIT_EXPECT_EQ(test, fake_nodes[1].put_crc, fake_nodes[1].put_sent);
	KUNIT_EXPECT_EQ(test, fake_nodes[2].put_crc, fake_nodes[1].put_crc);
	KUNIT_EXPECT_EQ(test, fake_nodes[3].calls[KVMEM_CALL_PUT], 0);
	expect_get(test, 3);
	p = put(test, 3);
	KUNIT_EXPECT_EQ(test, p.existed, 2);
	KUNIT_EXPECT_FALSE(test, p.here);
	kvmem_test_ns(test)->p.placement = KVMEM_PLACEMENT_BOTH;
	p = put(test, 4);
	KUNIT_EXPECT_EQ(test, p.taken, 2);
	KUNIT_EXPECT_TRUE(test, p.here);
}

static void put_is_never_nowhere(struct kunit *test)
{
	static const int errors[] = { -ENOSPC, -EDQUOT, -EACCES, -EILSEQ, -ECONNRESET, -EIO };
	struct kvmem_remote_put p;
	unsigned int i;

	fake_nodes[2].mode = FAKE_ERROR;
	fake_nodes[2].error = -EIO;
	p = put(test, 3);
	KUNIT_EXPECT_EQ(test, p.taken, 1);
	KUNIT_EXPECT_FALSE(test, p.here);
	fake_nodes[1].mode = FAKE_ERROR;
	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		fake_nodes[1].error = errors[i];
		p = put(test, 4);
		KUNIT_EXPECT_EQ(test, p.taken, 0);
		KUNIT_EXPECT_TRUE(test, p.here);
	}
	KUNIT_EXPECT_EQ(test, kvmem_stat_read(kvmem_test_ns(test), KVMEM_STAT_PEER_FALLBACKS), i);
	kvmem_peer_down(fake_nodes[1].peer, "test");
	kvmem_peer_down(fake_nodes[2].peer, "test");
	p = put(test, 5);
	KUNIT_EXPECT_TRUE(test, p.here);
}

static void put_of_an_owner_stays(struct kunit *test)
{
	struct kvmem_remote_put p;

	KUNIT_ASSERT_EQ(test, set_map(1, 0, 2), 0);
	p = put(test, 3);
	KUNIT_EXPECT_EQ(test, p.taken, 1);
	KUNIT_EXPECT_TRUE(test, p.here);
}

static void put_has_an_end(struct kunit *test)
{
	u64 start = ktime_get_ns();
	struct kvmem_remote_put p;

	KUNIT_ASSERT_EQ(test, set_timeout(20, 0), 0);
	fake_nodes[1].mode = FAKE_NEVER;
	fake_nodes[2].mode = FAKE_STUBBORN;
	fake_nodes[2].delay_ms = 300;
	p = put(test, 3);
	KUNIT_EXPECT_TRUE(test, p.here);
	KUNIT_EXPECT_LT(test, ms_since(start), BOUND_MS);
	KUNIT_EXPECT_EQ(test, fake_nodes[1].cancels + fake_nodes[2].cancels, 2);
}

static void delete_reaches_all(struct kunit *test)
{
	struct kvmem_key key = kvmem_test_key(3);
	unsigned int i;

	/* No owner, but it may have kept a copy. */
	fake_nodes[5].has = BIT(3) | BIT(4);
	fake_nodes[1].mode = FAKE_ERROR;
	fake_nodes[1].error = -EIO;
	kvmem_peer_down(fake_nodes[4].peer, "test");
	KUNIT_EXPECT_TRUE(test, kvmem_remote_delete(kvmem_test_ns(test), &key));
	KUNIT_EXPECT_FALSE(test, kvmem_remote_delete(kvmem_test_ns(test), &key));
	for (i = 1; i < FAKE_NODES; i++)
		KUNIT_EXPECT_EQ(test, fake_nodes[i].calls[KVMEM_CALL_DELETE], i == 4 ? 0 : 2);
	KUNIT_EXPECT_EQ(test, fake_nodes[5].has, BIT(4));
}

static void many_exist(struct kunit *test)
{
	struct kvmem_key *keys = kunit_kcalloc(test, 64, sizeof(*keys), GFP_KERNEL);
	struct kvmem_ns *ns = kvmem_test_ns(test);
	unsigned int i, calls = 0;
	u64 found;

	KUNIT_ASSERT_NOT_NULL(test, keys);
	for (i = 0; i < 64; i++)
		keys[i] = kvmem_test_key(i);
	fake_nodes[1].has = 0x00ff00ff00ff00ffULL;
	fake_nodes[2].has = 0x0f0f0f0f0f0f0f0fULL;
	KUNIT_EXPECT_EQ(test, kvmem_remote_exists(ns, keys, 64, ~0ULL, &found), 0);
	KUNIT_EXPECT_EQ(test, found, 0x0fff0fff0fff0fffULL);
	for (i = 1; i < FAKE_NODES; i++)
		calls += fake_nodes[i].calls[KVMEM_CALL_EXISTS];
	/* Many in a question, each owner once or twice. */
	KUNIT_EXPECT_LE(test, calls, 4);
	KUNIT_EXPECT_EQ(test, kvmem_remote_exists(ns, keys, 64, 0xf0, &found), 0);
	KUNIT_EXPECT_EQ(test, found, 0xf0);
	fake_nodes[1].mode = FAKE_REFUSE;
	fake_nodes[1].error = -ENOTCONN;
	KUNIT_EXPECT_EQ(test, kvmem_remote_exists(ns, keys, 64, ~0ULL, &found), 0);
	KUNIT_EXPECT_EQ(test, found, fake_nodes[2].has);
}

/* Movement ------------------------------------------------------------------------------------- */

static int set_rate(u64 rate)
{
	const struct kvmem_cluster_params p = { .move_rate = rate };

	return kvmem_cluster_set(&p, KVMEM_CLUSTER_P_MOVE_RATE, NULL);
}

static struct kvmem_move_info wait_moved(u64 start)
{
	struct kvmem_move_info info;

	do {
		msleep(20);
		kvmem_move_read(&info);
	} while (info.moving && ms_since(start) < BOUND_MS);
	return info;
}

/* From this node, an owner in the map before, to the new one; not to those that were told. */
static void moves_to_new_owners(struct kunit *test)
{
	struct kvmem_move_info info;
	u64 start = ktime_get_ns();
	unsigned int i;

	KUNIT_ASSERT_EQ(test, set_only_map(0, 1, KVMEM_NO_NODE), 0);
	for (i = 10; i < 20; i++)
		KUNIT_ASSERT_EQ(test, kvmem_test_put(test, i, SIZE, NULL), 0);
	fake_nodes[2].has = BIT(10);
	KUNIT_ASSERT_EQ(test, set_rate(1ULL << 30), 0);
	KUNIT_ASSERT_EQ(test, set_map(2, 1, KVMEM_NO_NODE), 0);
	info = wait_moved(start);
	KUNIT_EXPECT_FALSE(test, info.moving);
	KUNIT_EXPECT_EQ(test, info.left, 0);
	KUNIT_EXPECT_EQ(test, info.blocks, 9);
	KUNIT_EXPECT_EQ(test, info.bytes, 9 * SIZE);
	KUNIT_EXPECT_EQ(test, fake_nodes[2].has, GENMASK(19, 10));
	KUNIT_EXPECT_EQ(test, fake_nodes[1].calls[KVMEM_CALL_PUT], 0);
	KUNIT_EXPECT_EQ(test, set_rate(0), 0);
}

/* Who cannot be reached gets them later. */
static void moves_when_it_can(struct kunit *test)
{
	struct kvmem_move_info info;
	u64 start = ktime_get_ns();

	KUNIT_ASSERT_EQ(test, set_only_map(0, KVMEM_NO_NODE, KVMEM_NO_NODE), 0);
	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 10, SIZE, NULL), 0);
	kvmem_peer_down(fake_nodes[2].peer, "test");
	KUNIT_ASSERT_EQ(test, set_rate(1ULL << 30), 0);
	KUNIT_ASSERT_EQ(test, set_map(2, KVMEM_NO_NODE, KVMEM_NO_NODE), 0);
	do {
		msleep(20);
		kvmem_move_read(&info);
	} while (!info.left && ms_since(start) < BOUND_MS);
	KUNIT_EXPECT_EQ(test, info.left, 1);
	KUNIT_EXPECT_TRUE(test, info.moving);
	kvmem_peer_up(fake_nodes[2].peer);
	info = wait_moved(start);
	KUNIT_EXPECT_FALSE(test, info.moving);
	KUNIT_EXPECT_EQ(test, info.left, 0);
	KUNIT_EXPECT_EQ(test, fake_nodes[2].has, BIT(10));
	KUNIT_EXPECT_EQ(test, set_rate(0), 0);
}

/* A rate of 200000 bytes a second, and 60000 to go: a third of a second, less the last pause. */
static void moves_at_its_rate(struct kunit *test)
{
	u64 start = ktime_get_ns();
	unsigned int i;

	KUNIT_ASSERT_EQ(test, set_only_map(0, KVMEM_NO_NODE, KVMEM_NO_NODE), 0);
	for (i = 10; i < 13; i++)
		KUNIT_ASSERT_EQ(test, kvmem_test_put(test, i, SIZE, NULL), 0);
	KUNIT_ASSERT_EQ(test, set_rate(10 * SIZE), 0);
	KUNIT_ASSERT_EQ(test, set_map(2, KVMEM_NO_NODE, KVMEM_NO_NODE), 0);
	KUNIT_EXPECT_EQ(test, wait_moved(start).blocks, 3);
	KUNIT_EXPECT_GE(test, ms_since(start), 200);
	KUNIT_EXPECT_LT(test, ms_since(start), BOUND_MS);
	KUNIT_EXPECT_EQ(test, set_rate(0), 0);
}

static struct kunit_case peer_cases[] = {
	KUNIT_CASE(map_epochs),
	KUNIT_CASE(map_owners),
	KUNIT_CASE(map_slots),
	KUNIT_CASE(get_from_owner),
	KUNIT_CASE(get_keeps),
	KUNIT_CASE(get_in_the_map_before),
	KUNIT_CASE(get_longer),
	KUNIT_CASE(get_keeps_shorter),
	KUNIT_CASE(get_length_alone),
	KUNIT_CASE(miss_evicts_nothing),
	KUNIT_CASE(fails_over),
	KUNIT_CASE(wrong_bytes_are_a_miss),
	KUNIT_CASE(full_queue_is_waited_for),
	KUNIT_CASE(down_is_not_asked),
	KUNIT_CASE(waits_have_an_end),
	KUNIT_CASE(late_is_not_too_late),
	KUNIT_CASE(hedges),
	KUNIT_CASE(soonest_first),
	KUNIT_CASE(slow_is_noticed),
	KUNIT_CASE(peer_removed_under_a_call),
	KUNIT_CASE(transport_gone_under_a_call),
	KUNIT_CASE(peers_are_checked),
	KUNIT_CASE(get_into_pages),
	KUNIT_CASE(pages_are_given_back),
	KUNIT_CASE(put_to_owners),
	KUNIT_CASE(put_is_never_nowhere),
	KUNIT_CASE(put_of_an_owner_stays),
	KUNIT_CASE(put_has_an_end),
	KUNIT_CASE(delete_reaches_all),
	KUNIT_CASE(many_exist),
	KUNIT_CASE(moves_to_new_owners),
	KUNIT_CASE(moves_when_it_can),
	KUNIT_CASE(moves_at_its_rate),
	{}
};

static struct kunit_suite peer_suite = {
	.name = "kvmem_peer",
	.init = peer_test_init,
	.exit = peer_test_exit,
	.test_cases = peer_cases,
};

kunit_test_suites(&peer_suite);
