// SPDX-License-Identifier: GPL-2.0
/*
 * Who goes first, and who never goes: quotas, pools, pins, hints, tables.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include "kvmem_util.h"

static int put_hint(int fd, uint64_t key, size_t len, unsigned int hint, unsigned int prio,
		    unsigned int cost)
{
	struct kvmem_op op = kvt_make_op(KVMEM_OP_PUT, key);
	uint8_t *p = calloc(1, len);
	int rc;

	op.addr = (uintptr_t)p;
	op.len = len;
	op.hint_class = hint;
	op.priority = prio;
	op.cost = cost;
	rc = kvt_op(fd, &op);
	free(p);
	return rc;
}

/* Is it there?  Without counting as a use. */
static bool there(int fd, uint64_t key)
{
	struct kvmem_op op = kvt_make_op(KVMEM_OP_EXISTS, key);

	op.flags = KVMEM_OP_F_NOTOUCH;
	return !kvt_op(fd, &op);
}

/* A plain LRU, to compare with. */
#define LRU_MAX 512

struct lru {
	uint64_t key[LRU_MAX];	/* most recent first */
	unsigned int nr, cap;
};

static int lru_find(const struct lru *l, uint64_t key)
{
	unsigned int i;

	for (i = 0; i < l->nr; i++)
		if (l->key[i] == key)
			return i;
	return -1;
}

static void lru_use(struct lru *l, uint64_t key)
{
	int i = lru_find(l, key);

	if (i < 0) {
		if (l->nr == l->cap)
			l->nr--;
		i = l->nr++;
	}
	memmove(&l->key[1], &l->key[0], i * sizeof(key));
	l->key[0] = key;
}

TEST_TIMEOUT(exact_lru, 90)
{
	struct kvt_ns_opts o = { .quota_blocks = 200 };
	struct lru model = { .cap = 200 };
	int fd = kvt_new(&o);
	uint64_t state = 3;
	unsigned int i, wrong = 0, hits = 0;
	char byte = 0;

	for (i = 0; i < kvt_scale(8000, 200000); i++) {
		uint64_t key = kvt_rand(&state) % 400;
		int have = lru_find(&model, key) >= 0;
		int got;

		if (kvt_rand(&state) % 3)
			key = key * key / 400;	/* some are used more */
		have = lru_find(&model, key) >= 0;
		got = kvt_get(fd, key, &byte, 1);
		EXPECT_TRUE(got == 0 || got == -ENOENT);
		wrong += (got == 0) != have;
		hits += got == 0;
		if (got)
			ASSERT_EQ(kvt_put(fd, key, &byte, 1), 0);
		lru_use(&model, key);
	}
	EXPECT_EQ(wrong, 0);
	EXPECT_GT(hits, 1000);
	EXPECT_EQ(kvt_info(fd).used_blocks, 200);
	for (i = 0; i < 400; i++)
		EXPECT_EQ(there(fd, i), lru_find(&model, i) >= 0);
}

/* EXISTS, LEASE and MATCH count as a use; NOTOUCH does not. */
TEST(what_counts_as_a_use)
{
	struct kvt_ns_opts o = { .quota_blocks = 8 };
	int fd = kvt_new(&o);
	struct kvmem_op op;
	uint8_t key[KVMEM_KEY_LEN], p[4096];
	struct kvt_map l;
	unsigned int i;

	for (i = 0; i < 8; i++)
		ASSERT_EQ(kvt_put_key(fd, i, 4096), 0);
	EXPECT_EQ(kvt_get(fd, 0, p, sizeof(p)), 0);
	EXPECT_EQ(kvt_exists(fd, 1), 0);
	ASSERT_EQ(kvt_lease(fd, 2, &l), 0);
	EXPECT_EQ(kvt_release(fd, l.handle), 0);
	kvt_key(key, 3);
	op = (struct kvmem_op){ .opcode = KVMEM_OP_MATCH, .addr = (uintptr_t)key, .len = 1 };
	EXPECT_EQ(kvt_op(fd, &op), 0);
	op = kvt_make_op(KVMEM_OP_GET, 4);
	op.flags = KVMEM_OP_F_NOTOUCH;
	op.addr = (uintptr_t)p;
	op.len = sizeof(p);
	EXPECT_EQ(kvt_op(fd, &op), 0);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(kvt_put_key(fd, 100 + i, 4096), 0);
	for (i = 0; i < 8; i++)
		EXPECT_EQ(there(fd, i), i < 4);
}

TEST(quota_blocks_is_strict)
{
	struct kvt_ns_opts o = { .quota_blocks = 50 };
	const char *ns = kvt_ns(&o);
	int fd = kvt_file(ns);
	unsigned int i;

	for (i = 0; i < 300; i++) {
		ASSERT_EQ(kvt_put_key(fd, i, 100 + i), 0);
		EXPECT_LE(kvt_info(fd).used_blocks, 50);
	}
	EXPECT_EQ(kvt_info(fd).used_blocks, 50);
	EXPECT_EQ(kvt_info(fd).evictions, 250);
	EXPECT_EQ(kvt_info(fd).quota_blocks, 50);
	/* Smaller while in use: the rest goes with the next put, or at once. */
	o.quota_blocks = 10;
	ASSERT_EQ(kvt_nl_ns_set(ns, &o), 0);
	ASSERT_EQ(kvt_put_key(fd, 1000, 100), 0);
	EXPECT_TRUE(kvt_wait_for(kvt_info(fd).used_blocks <= 10, 3000));
	EXPECT_TRUE(there(fd, 1000));
}

TEST(quota_bytes_is_strict)
{
	static const size_t sizes[] = { 1, 700, 4096, 9216, 64 * KIB, 300000, MIB };
	struct kvt_ns_opts o = { .quota_bytes = 6 * MIB };
	const char *ns = kvt_ns(&o);
	int fd = kvt_file(ns);
	uint64_t state = 1;
	unsigned int i;

	for (i = 0; i < 400; i++) {
		size_t len = sizes[kvt_rand(&state) % ARRAY_SIZE(sizes)];

		ASSERT_EQ(kvt_put_key(fd, i, len), 0);
		EXPECT_LE(kvt_info(fd).used_bytes, 6 * MIB);
		EXPECT_LE(kvt_info(fd).data_bytes, kvt_info(fd).used_bytes);
		EXPECT_TRUE(there(fd, i));
	}
	/* What can never fit is said to. */
	EXPECT_EQ(kvt_put_key(fd, 9999, 6 * MIB + 1), -EDQUOT);
	EXPECT_EQ(kvt_info(fd).data_bytes > 0, 1);
	EXPECT_EQ(kvt_put_key(fd, 9998, 6 * MIB - 4096), 0);
	EXPECT_LE(kvt_info(fd).used_bytes, 6 * MIB);
	EXPECT_LE(kvt_info(fd).used_blocks, 9);
	o.quota_bytes = 2 * MIB;
	ASSERT_EQ(kvt_nl_ns_set(ns, &o), 0);
	ASSERT_EQ(kvt_put_key(fd, 1, 100), 0);
	EXPECT_LE(kvt_info(fd).used_bytes, 2 * MIB);
}

/* A full arena: one namespace never evicts another's blocks. */
TEST(never_anothers)
{
	int a, b;
	unsigned int i, got = 0;

	kvt_arena(16 * MIB);
	a = kvt_new(NULL);
	b = kvt_new(NULL);
	for (i = 0; i < 100; i++)
		ASSERT_EQ(kvt_put_key(a, i, 64 * KIB), 0);
	for (i = 0; i < 400; i++) {
		int rc = kvt_put_key(b, i, 64 * KIB);

		EXPECT_TRUE(rc == 0 || rc == -ENOSPC);
		got += !rc;
	}
	EXPECT_GT(got, 50);
	EXPECT_EQ(kvt_info(a).evictions, 0);
	for (i = 0; i < 100; i++)
		EXPECT_EQ(kvt_get_key(a, i, 64 * KIB), 0);
	/* b made room from its own */
	EXPECT_GT(kvt_info(b).evictions, 0);
}

TEST(nothing_to_evict)
{
	int a, b;
	unsigned int i;

	kvt_arena(8 * MIB);
	a = kvt_new(NULL);
	b = kvt_new(NULL);
	for (i = 0; i < 200; i++)
		ASSERT_EQ(kvt_put_key(a, i, 64 * KIB), 0);
	/* All chunks are a's, b has nothing of its own. */
	EXPECT_EQ(kvt_put_key(b, 1, 64 * KIB), -ENOSPC);
	EXPECT_EQ(kvt_info(b).used_bytes, 0);
	for (i = 0; i < 200; i++)
		kvt_delete(a, i);
	EXPECT_EQ(kvt_put_key(b, 1, 64 * KIB), 0);
}

TEST(pools)
{
	const char *shared = kvt_name(), *strict = kvt_name();
	struct kvt_ns_opts o = { .pool = shared };
	int a, b, c, d;
	unsigned int i;

	ASSERT_EQ(kvt_nl_pool_new(shared, 0, 20, true), 0);
	ASSERT_EQ(kvt_nl_pool_new(strict, 0, 20, false), 0);
	a = kvt_new(&o);
	b = kvt_new(&o);
	o.pool = strict;
	c = kvt_new(&o);
	d = kvt_new(&o);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(kvt_put_key(a, i, 100), 0);
		ASSERT_EQ(kvt_put_key(c, i, 100), 0);
	}
	/* Members that share take from each other, oldest first. */
	for (i = 0; i < 5; i++)
		EXPECT_EQ(kvt_put_key(b, i, 100), 0);
	EXPECT_EQ(kvt_info(a).used_blocks, 15);
	EXPECT_EQ(kvt_info(b).used_blocks, 5);
	for (i = 0; i < 20; i++)
		EXPECT_EQ(there(a, i), i >= 5);
	/* Members that do not share make room from their own. */
	EXPECT_EQ(kvt_put_key(d, 1, 100), -ENOSPC);
	EXPECT_EQ(kvt_info(c).used_blocks, 20);
	EXPECT_EQ(kvt_put_key(c, 100, 100), 0);
	EXPECT_EQ(kvt_info(c).used_blocks, 20);
	EXPECT_TRUE(!there(c, 0));
	EXPECT_EQ(kvt_delete(c, 10), 0);
	EXPECT_EQ(kvt_put_key(d, 1, 100), 0);
}

TEST(pool_bytes)
{
	const char *pool = kvt_name();
	struct kvt_ns_opts o = { .pool = pool };
	int a, b;
	unsigned int i;

	ASSERT_EQ(kvt_nl_pool_new(pool, 8 * MIB, 0, true), 0);
	a = kvt_new(&o);
	b = kvt_new(&o);
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(kvt_put_key(i % 2 ? a : b, i, 256 * KIB), 0);
		EXPECT_LE(kvt_info(a).used_bytes + kvt_info(b).used_bytes, 8 * MIB);
	}
	EXPECT_EQ(kvt_nl_pool_del(pool), -EBUSY);
	EXPECT_EQ(kvt_put_key(a, 9999, 8 * MIB + 1), -EDQUOT);
}

TEST(pinned_and_leased_stay)
{
	struct kvt_ns_opts o = { .quota_blocks = 10, .pin_percent = 100 };
	int fd = kvt_new(&o);
	struct kvt_map l;
	unsigned int i;

	for (i = 0; i < 10; i++)
		ASSERT_EQ(kvt_put_key(fd, i, 4096), 0);
	EXPECT_EQ(kvt_pin(fd, 0), 0);
	EXPECT_EQ(kvt_pin(fd, 3), 0);
	EXPECT_EQ(kvt_pin(fd, 3), 0);
	ASSERT_EQ(kvt_lease(fd, 5, &l), 0);
	for (i = 0; i < 30; i++)
		ASSERT_EQ(kvt_put_key(fd, 100 + i, 4096), 0);
	for (i = 0; i < 10; i++)
		EXPECT_EQ(there(fd, i), i == 0 || i == 3 || i == 5);
	EXPECT_EQ(kvt_unpin(fd, 0), 0);
	EXPECT_EQ(kvt_unpin(fd, 0), -ENOENT);
	EXPECT_EQ(kvt_unpin(fd, 3), 0);	/* pinned twice: once is left */
	EXPECT_EQ(kvt_release(fd, l.handle), 0);
	for (i = 0; i < 30; i++)
		ASSERT_EQ(kvt_put_key(fd, 200 + i, 4096), 0);
	EXPECT_TRUE(!there(fd, 0));
	EXPECT_TRUE(there(fd, 3));
	EXPECT_TRUE(!there(fd, 5));
	EXPECT_EQ(kvt_unpin(fd, 3), 0);
	EXPECT_EQ(kvt_unpin(fd, 3), -ENOENT);
}

TEST(all_held_is_enospc)
{
	struct kvt_ns_opts o = { .quota_blocks = 6 };
	int fd = kvt_new(&o);
	struct kvt_map l[6];
	unsigned int i;

	for (i = 0; i < 6; i++) {
		ASSERT_EQ(kvt_put_key(fd, i, 4096), 0);
		ASSERT_EQ(kvt_lease(fd, i, &l[i]), 0);
	}
	EXPECT_EQ(kvt_put_key(fd, 100, 4096), -ENOSPC);
	EXPECT_EQ(kvt_info(fd).used_blocks, 6);
	/* DELETE of a leased block frees no room before the release. */
	EXPECT_EQ(kvt_delete(fd, 2), 0);
	EXPECT_EQ(kvt_put_key(fd, 100, 4096), -ENOSPC);
	EXPECT_EQ(kvt_release(fd, l[2].handle), 0);
	EXPECT_EQ(kvt_put_key(fd, 100, 4096), 0);
}

TEST(pins_die_with_the_file)
{
	struct kvt_ns_opts o = { .quota_blocks = 4, .pin_percent = 100 };
	const char *ns = kvt_ns(&o);
	int fd = kvt_file(ns), holder = kvt_file(ns), two;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(kvt_put_key(fd, i, 4096), 0);
		EXPECT_EQ(kvt_pin(holder, i), 0);
	}
	EXPECT_EQ(kvt_put_key(fd, 10, 4096), -ENOSPC);
	EXPECT_EQ(kvt_unpin(fd, 0), -ENOENT);	/* not this file's pin */
	two = dup(holder);
	close(holder);
	EXPECT_EQ(kvt_put_key(fd, 10, 4096), -ENOSPC);
	close(two);
	EXPECT_TRUE(kvt_wait_for(kvt_put_key(fd, 10, 4096) == 0, 3000));
}

TEST(pin_limit)
{
	struct kvt_ns_opts o = { .quota_bytes = 8 * MIB, .pin_percent = 25 };
	const char *ns = kvt_ns(&o);
	int fd = kvt_file(ns);
	struct kvt_ns_stat stat;
	unsigned int i, pinned = 0;

	for (i = 0; i < 24; i++) {
		ASSERT_EQ(kvt_put_key(fd, i, 256 * KIB), 0);
		if (!kvt_pin(fd, i))
			pinned++;
		else
			EXPECT_EQ(kvt_pin(fd, i), -EDQUOT);
	}
	EXPECT_EQ(pinned, 8);
	ASSERT_EQ(kvt_nl_ns_get(ns, &stat), 0);
	EXPECT_EQ(stat.pinned_bytes, 2 * MIB);
	/* The limit counts blocks, not pins of one block; one more pin is free. */
	EXPECT_EQ(kvt_pin(fd, 0), 0);
	EXPECT_EQ(kvt_unpin(fd, 0), 0);
	EXPECT_EQ(kvt_unpin(fd, 0), 0);
	EXPECT_EQ(kvt_pin(fd, 20), 0);
	o.set = KVT_SET_PIN;
	o.pin_percent = 0;
	ASSERT_EQ(kvt_nl_ns_set(ns, &o), 0);
	EXPECT_EQ(kvt_pin(fd, 21), -EDQUOT);
	EXPECT_EQ(kvt_unpin(fd, 20), 0);
}

TEST(deleting_a_pinned_block)
{
	struct kvt_ns_opts o = { .pin_percent = 100 };
	const char *ns = kvt_ns(&o);
	int fd = kvt_file(ns);
	struct kvt_ns_stat stat;

	ASSERT_EQ(kvt_put_key(fd, 1, 4096), 0);
	EXPECT_EQ(kvt_pin(fd, 1), 0);
	EXPECT_EQ(kvt_delete(fd, 1), 0);
	EXPECT_TRUE(!there(fd, 1));
	kvt_unpin(fd, 1);
	ASSERT_EQ(kvt_put_key(fd, 1, 4096), 0);
	EXPECT_EQ(kvt_unpin(fd, 1), -ENOENT);
	close(fd);
	EXPECT_TRUE(kvt_wait_for(!kvt_nl_ns_get(ns, &stat) && !stat.pinned_bytes, 3000));
}

/* A priority of n survives n decisions. */
TEST(priority)
{
	struct kvt_ns_opts o = { .quota_blocks = 2 };
	int fd = kvt_new(&o);
	unsigned int i, survived = 0;

	ASSERT_EQ(put_hint(fd, 1, 100, 0, 3, 0), 0);
	for (i = 0; i < 20 && there(fd, 1); i++)
		ASSERT_EQ(kvt_put_key(fd, 100 + i, 100), 0);
	survived = i;
	kvt_diag("priority 3: gone after %u puts", survived);
	EXPECT_GE(survived, 4);
	EXPECT_LE(survived, 9);
	EXPECT_EQ(kvt_info(fd).used_blocks, 2);
}

static char scratch[1000];

/* Tables: value[class][age] */
static void fill_table(struct kvt_table *t, uint16_t (*fn)(unsigned int c, unsigned int a))
{
	unsigned int c, a;

	for (c = 0; c < KVT_CLASSES; c++)
		for (a = 0; a < KVT_AGES; a++)
			t->value[c][a] = fn(c, a);
}

static uint16_t by_hint(unsigned int c, unsigned int a)
{
	(void)a;
	return c / 8 * 100 + 1;
}

static uint16_t by_hits(unsigned int c, unsigned int a)
{
	(void)a;
	return c % 8 * 100 + 1;
}

TEST(table_by_hint)
{
	struct kvt_ns_opts o = { .quota_blocks = 16 };
	const char *ns = kvt_ns(&o);
	static struct kvt_table t, back;
	int fd = kvt_file(ns);
	unsigned int i;

	fill_table(&t, by_hint);
	ASSERT_EQ(kvt_nl_table_set(ns, &t), 0);
	ASSERT_EQ(kvt_nl_table_get(ns, &back), 0);
	EXPECT_EQ(memcmp(&t, &back, sizeof(t)), 0);
	for (i = 0; i < 16; i++)
		ASSERT_EQ(put_hint(fd, i, 100, 7 - i % 8, 0, 0), 0);
	/* The oldest have the highest class: they stay. */
	for (i = 0; i < 8; i++)
		ASSERT_EQ(put_hint(fd, 100 + i, 100, 7, 0, 0), 0);
	for (i = 0; i < 16; i++)
		EXPECT(there(fd, i) == (i % 8 < 4), "block %u of hint %u", i, 7 - i % 8);
}

TEST(table_by_hits)
{
	struct kvt_ns_opts o = { .quota_blocks = 8 };
	const char *ns = kvt_ns(&o);
	static struct kvt_table t;
	int fd = kvt_file(ns);
	unsigned int i, k;

	fill_table(&t, by_hits);
	ASSERT_EQ(kvt_nl_table_set(ns, &t), 0);
	for (i = 0; i < 8; i++)
		ASSERT_EQ(put_hint(fd, i, 100, 0, 0, 0), 0);
	for (i = 0; i < 4; i++)
		for (k = 0; k < 8; k++)
			kvt_get(fd, i, scratch, 100);
	for (i = 0; i < 20; i++)
		ASSERT_EQ(kvt_put_key(fd, 100 + i, 100), 0);
	/* Used often: they stay, however old. */
	for (i = 0; i < 8; i++)
		EXPECT_EQ(there(fd, i), i < 4);
}

static uint16_t older_is_better(unsigned int c, unsigned int a)
{
	(void)c;
	return a * 100 + 1;
}

/* What was used last goes first, once the ages differ by buckets. */
TEST(table_by_age)
{
	struct kvt_ns_opts o = { .quota_blocks = 4 };
	const char *ns = kvt_ns(&o);
	static struct kvt_table t;
	int fd = kvt_file(ns);
	unsigned int i;

	fill_table(&t, older_is_better);
	ASSERT_EQ(kvt_nl_table_set(ns, &t), 0);
	/* Tails are compared: classes of their own, so that each is a tail. */
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(put_hint(fd, i, 100, i, 0, 0), 0);
		kvt_sleep_ms(50 << i);
	}
	ASSERT_EQ(put_hint(fd, 100, 100, 5, 0, 0), 0);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(there(fd, i), i != 3);
}

static uint64_t sum(uint64_t (*h)[KVT_AGES], unsigned int from, unsigned int to)
{
	uint64_t total = 0;
	unsigned int c, a;

	for (c = from; c < to; c++)
		for (a = 0; a < KVT_AGES; a++)
			total += h[c][a];
	return total;
}

TEST(histograms)
{
	struct kvt_ns_opts o = { .quota_blocks = 20 };
	const char *ns = kvt_ns(&o);
	int fd = kvt_file(ns);
	static struct kvt_hist h;
	struct kvt_ns_stat stat;
	unsigned int i;

	for (i = 0; i < 20; i++)
		ASSERT_EQ(put_hint(fd, i, 1000, 2, 0, 7), 0);
	for (i = 0; i < 20; i++)
		kvt_get(fd, i, scratch, 1000);
	ASSERT_EQ(kvt_nl_hist(ns, &h), 0);
	EXPECT_EQ(sum(h.hits, 16, 24), 20);
	EXPECT_EQ(sum(h.hits, 0, 64), 20);
	EXPECT_EQ(h.hit_cost[16] + h.hit_cost[17], 140);
	EXPECT_EQ(h.hit_bytes[16] + h.hit_bytes[17], 20000);
	EXPECT_EQ(h.blocks[16] + h.blocks[17], 20);
	EXPECT_EQ(h.bytes[16] + h.bytes[17], 20000);
	EXPECT_EQ(sum(h.evictions, 0, 64), 0);
	for (i = 0; i < 10; i++)
		ASSERT_EQ(put_hint(fd, 100 + i, 1000, 5, 0, 0), 0);
	ASSERT_EQ(kvt_nl_hist(ns, &h), 0);
	EXPECT_EQ(sum(h.evictions, 16, 24), 10);
	EXPECT_EQ(sum(h.ghost_hits, 0, 64), 0);
	EXPECT_EQ(h.blocks[40], 10);
	/* Put again what was just evicted: ghosts remember it. */
	for (i = 0; i < 10; i++)
		ASSERT_EQ(put_hint(fd, i, 1000, 2, 0, 0), 0);
	ASSERT_EQ(kvt_nl_hist(ns, &h), 0);
	EXPECT_EQ(sum(h.ghost_hits, 0, 64), 10);
	ASSERT_EQ(kvt_nl_ns_get(ns, &stat), 0);
	EXPECT_EQ(stat.ghost_hits, 10);
	EXPECT_EQ(stat.evict_quota, 20);
	EXPECT_EQ(stat.evict_space + stat.evict_drain + stat.evict_expired, 0);
}

TEST(reasons)
{
	const char *ns = kvt_ns(NULL);
	int fd = kvt_file(ns);
	struct kvt_ns_stat stat;
	unsigned int i;

	kvt_arena(8 * MIB);
	for (i = 0; i < 40; i++)
		ASSERT_EQ(kvt_put_key(fd, i, 512 * KIB), 0);
	ASSERT_EQ(kvt_nl_ns_get(ns, &stat), 0);
	EXPECT_GT(stat.evict_space, 10);
	EXPECT_EQ(stat.evict_quota, 0);
	EXPECT_EQ(stat.evict_drain, 0);
	kvt_arena(4 * MIB);
	ASSERT_EQ(kvt_nl_ns_get(ns, &stat), 0);
	EXPECT_GT(stat.evict_drain, 0);
}

TEST_MAIN()
