// SPDX-License-Identifier: GPL-2.0
/*
 * What a GET finds on flash comes to DRAM only if it is worth what would be
 * evicted for it; else it is served all the same, and DRAM stays as it is.
 */
#define _GNU_SOURCE
#include "kvmem_flash.h"

#define ROOM	16	/* blocks that DRAM has room for */
#define LEN	20000

enum { DEAR = 1, CHEAP };	/* hints */

static const struct kvt_ns_opts small = {
	.flash_mode = KVMEM_FLASH_MODE_THROUGH, .quota_blocks = ROOM,
};

/* DEAR is worth much, CHEAP little until it has been used often. */
static void set_table(const char *ns)
{
	static struct kvt_table t;
	unsigned int level, age;

	memset(&t, 0, sizeof(t));
	for (level = 0; level < 8; level++)
		for (age = 0; age < KVT_AGES; age++) {
			t.value[DEAR * 8 + level][age] = 1000 - age;
			t.value[CHEAP * 8 + level][age] = level < 3 ? 100 : 2000;
		}
	ASSERT_EQ(kvt_nl_table_set(ns, &t), 0);
}

static void persist_hint(int fd, uint64_t key, size_t len, unsigned int hint)
{
	struct kvmem_op op = kvt_make_op(KVMEM_OP_PUT, key);
	uint8_t *p = malloc(len);

	kvt_fill(p, len, key);
	op.addr = (uintptr_t)p;
	op.len = len;
	op.flags = KVMEM_OP_F_PERSIST;
	op.hint_class = hint;
	ASSERT_EQ(kvt_op(fd, &op), 0);
	free(p);
}

static void expect_from(int fd, uint64_t key, size_t len, unsigned int want)
{
	uint8_t tier;
	int rc = kvt_get_from(fd, key, len, &tier, NULL);

	EXPECT(!rc && tier == want, "key %llu from tier %u, not %u: %d", (unsigned long long)key,
	       want, tier, rc);
}

/* DRAM full of dear ones, 0 to ROOM - 1; the cheap one, 100, is on flash only. */
static int full_of_dear(const char *ns, struct kvt_disk *d, size_t cheap_len)
{
	int fd = kvt_file(ns), i;

	kvt_disk_new(d, NULL);
	kvt_media_format(d, "8M");
	kvt_media_on(d);
	set_table(ns);
	persist_hint(fd, 100, cheap_len, CHEAP);
	for (i = 0; i < ROOM; i++)
		persist_hint(fd, i, LEN, DEAR);
	return fd;
}

static void expect_all_dear(int fd)
{
	int i;

	for (i = 0; i < ROOM; i++)
		expect_from(fd, i, LEN, KVMEM_TIER_DRAM);
}

TEST(by_value)
{
	const char *ns = kvt_ns(&small);
	struct kvmem_op op = kvt_make_op(KVMEM_OP_PREFETCH, 100);
	struct kvt_ns_stat stat;
	struct kvt_disk d;
	int fd = full_of_dear(ns, &d, LEN), i;

	/* Used 6 times it is in the last level that is cheap, log2(6 + 1) = 2. */
	for (i = 0; i < 6; i++)
		expect_from(fd, 100, LEN, KVMEM_TIER_FLASH);
	ASSERT_EQ(kvt_nl_ns_get(ns, &stat), 0);
	EXPECT_EQ(stat.live_blocks, ROOM);
	expect_all_dear(fd);
	/* From now on it is worth more than all of them. */
	expect_from(fd, 100, LEN, KVMEM_TIER_FLASH);
	expect_from(fd, 100, LEN, KVMEM_TIER_DRAM);
	/* One of the dear ones went; it is as dear as the others, and comes back. */
	for (i = 0; i < ROOM; i++) {
		uint8_t tier;

		EXPECT_EQ(kvt_get_from(fd, i, LEN, &tier, NULL), 0);
		EXPECT_EQ(kvt_get_from(fd, i, LEN, &tier, NULL), 0);
		EXPECT_EQ(tier, KVMEM_TIER_DRAM);
	}
	/* What is asked for by name comes, whatever it is worth. */
	persist_hint(fd, 200, LEN, CHEAP);
	for (i = 0; i < ROOM; i++)
		kvt_get_key(fd, i, LEN);
	op = kvt_make_op(KVMEM_OP_PREFETCH, 200);
	EXPECT_EQ(kvt_op(fd, &op), 0);
	expect_from(fd, 200, LEN, KVMEM_TIER_DRAM);
}

/* Where nothing need go for it, it comes. */
TEST(into_room)
{
	const char *ns = kvt_ns(&small);
	struct kvt_disk d;
	int fd = full_of_dear(ns, &d, LEN), i;

	expect_from(fd, 100, LEN, KVMEM_TIER_FLASH);
	expect_from(fd, 100, LEN, KVMEM_TIER_FLASH);
	kvt_delete(fd, 3);
	expect_from(fd, 100, LEN, KVMEM_TIER_FLASH);
	expect_from(fd, 100, LEN, KVMEM_TIER_DRAM);
	for (i = 0; i < ROOM; i++)
		if (i != 3)
			expect_from(fd, i, LEN, KVMEM_TIER_DRAM);
}

/* LRU: what was just used is worth most. */
TEST(lru)
{
	const char *ns = kvt_ns(&small);
	int fd = kvt_file(ns), i;
	struct kvt_disk d;

	kvt_media_new(&d);
	for (i = 0; i < 3 * ROOM; i++)
		ASSERT_EQ(kvt_persist(fd, i, LEN), 0);
	for (i = 0; i < 3 * ROOM; i++) {
		expect_from(fd, i, LEN, KVMEM_TIER_FLASH);
		expect_from(fd, i, LEN, KVMEM_TIER_DRAM);
	}
}

static int get_part(int fd, uint64_t key, uint8_t *p, size_t off, size_t len, uint16_t *flags)
{
	struct kvmem_op op = kvt_make_op(KVMEM_OP_GET, key);
	int rc;

	op.addr = (uintptr_t)p;
	op.len = len;
	op.offset = off;
	op.flags = KVMEM_OP_F_PARTIAL;
	rc = kvt_op(fd, &op);
	if (!rc)
		EXPECT_EQ(op.tier, KVMEM_TIER_FLASH);
	*flags = op.res_flags;
	return rc ?: (int)op.bytes;
}

/* Parts of blocks that stay on flash, of several pieces and of one. */
TEST(parts)
{
	static const size_t sizes[] = { 300, 9217, MIB - 1, 2 * MIB + 5, 6 * MIB + 777 };
	uint8_t *p = malloc(7 * MIB);
	uint64_t state = 5;
	struct kvt_disk d;
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kvmem_op op = kvt_make_op(KVMEM_OP_GET, 100);
		int fd = full_of_dear(kvt_ns(&small), &d, sizes[i]);

		/* Used more often it would come. */
		for (k = 0; k < 6; k++) {
			size_t off = k ? kvt_rand(&state) % sizes[i] : 0;
			size_t len = k ? 1 + kvt_rand(&state) % sizes[i] : sizes[i];
			size_t want = off + len > sizes[i] ? sizes[i] - off : len;
			uint16_t flags;

			EXPECT_EQ(get_part(fd, 100, p, off, len, &flags), (int)want);
			EXPECT_TRUE(flags & KVMEM_RES_F_VERIFIED);
			EXPECT_LT(kvt_check_at(p, want, 100, off), 0);
		}
		/* Too short a buffer is told, and a place behind the end refused. */
		op = kvt_make_op(KVMEM_OP_GET, 100);
		op.addr = (uintptr_t)p;
		op.len = sizes[i] - 1;
		EXPECT_EQ(kvt_op(fd, &op), -EMSGSIZE);
		EXPECT_EQ(op.bytes, sizes[i]);
		op.bytes = 0;
		op.offset = sizes[i];
		EXPECT_EQ(kvt_op(fd, &op), -EINVAL);
		close(fd);
		kvt_media_off(&d);
		kvt_disk_free(&d);
	}
	free(p);
}

/* A piece is damaged: whoever touches it has a miss, and then all have. */
TEST(damaged)
{
	const char *ns = kvt_ns(&small);
	size_t len = 3 * MIB;
	uint8_t *p = malloc(64 * MIB), want[64], *at;
	struct kvt_disk d;
	uint16_t flags;
	int fd = full_of_dear(ns, &d, len), i;

	kvt_media_off(&d);
	kvt_fill(want, sizeof(want), 100);
	kvt_disk_read(&d, p, d.bytes, 0);
	at = memmem(p, d.bytes, want, sizeof(want));
	ASSERT_TRUE(at);
	kvt_disk_flip(&d, at - p + MIB + MIB / 2, 4);
	kvt_media_on(&d);
	for (i = 0; i < ROOM; i++)
		ASSERT_EQ(kvt_get_key(fd, i, LEN), 0);
	EXPECT_EQ(get_part(fd, 100, p, 0, 1000, &flags), 1000);
	EXPECT_EQ(get_part(fd, 100, p, 2 * MIB, MIB, &flags), (int)MIB);
	EXPECT_EQ(get_part(fd, 100, p, MIB - 1, 2, &flags), -ENOENT);
	EXPECT_TRUE(flags & KVMEM_RES_F_CORRUPT);
	EXPECT_EQ(get_part(fd, 100, p, 0, 1000, &flags), -ENOENT);
	EXPECT_EQ(kvt_media_info(&d).v[KVMEM_A_MEDIA_CORRUPT], 1);
	free(p);
}

TEST_MAIN()
