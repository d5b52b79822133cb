// SPDX-License-Identifier: GPL-2.0
/*
 * Bytes and checksums: every piece, every way a byte can be wrong.
 */
#include <linux/crc32c.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include "fixture.h"

static const size_t sizes[] = {
	1, 511, 512, 513, 4096, 9216, 65537, KVMEM_CRC_PIECE - 1, KVMEM_CRC_PIECE,
	KVMEM_CRC_PIECE + 1, 2 * KVMEM_CRC_PIECE, 2 * KVMEM_CRC_PIECE + 7, 5 * SZ_1M + 7,
};

static void whole(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t size = sizes[i];
		struct kvmem_block *block;
		u8 *want = vmalloc(size), *got = vzalloc(size);

		KUNIT_ASSERT_NOT_NULL(test, want);
		KUNIT_ASSERT_NOT_NULL(test, got);
		KUNIT_ASSERT_EQ(test, kvmem_test_put(test, i, size, NULL), 0);
		kvmem_test_bytes(want, size, i);
		block = kvmem_test_find(test, i);
		KUNIT_ASSERT_NOT_NULL(test, block);
		KUNIT_EXPECT_EQ(test, kvmem_test_read(block, 0, size, got), 0);
		KUNIT_EXPECT_EQ_MSG(test, memcmp(want, got, size), 0, "size %zu", size);
		KUNIT_EXPECT_EQ(test, block->crc, ~crc32c(~0U, want, size));
		kvmem_block_put(block);
		vfree(want);
		vfree(got);
	}
}

static void parts(struct kunit *test)
{
	const size_t size = 3 * KVMEM_CRC_PIECE + 1234;
	u8 *want = vmalloc(size), *got = vmalloc(size);
	struct kvmem_block *block;
	u64 state = 1;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, want);
	KUNIT_ASSERT_NOT_NULL(test, got);
	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 1, size, NULL), 0);
	kvmem_test_bytes(want, size, 1);
	block = kvmem_test_find(test, 1);
	KUNIT_ASSERT_NOT_NULL(test, block);
	for (i = 0; i < 200; i++) {
		size_t off, len;

		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		off = (state >> 33) % size;
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		len = 1 + (state >> 33) % min_t(size_t, size - off, i % 2 ? 100 : size);
		memset(got, 0, len + 1 < size ? len + 1 : len);
		KUNIT_EXPECT_EQ(test, kvmem_test_read(block, off, len, got), 0);
		KUNIT_EXPECT_EQ_MSG(test, memcmp(want + off, got, len), 0, "[%zu, +%zu)", off, len);
	}
	kvmem_block_put(block);
	vfree(want);
	vfree(got);
}

/* Flip the byte at @off behind the block's back. */
static void flip(struct kvmem_block *block, size_t off)
{
	struct kvmem_cursor cur = {};
	size_t len;
	u8 *p = kvmem_block_seg(block, &cur, off, &len);

	*p ^= 0x10;
}

static void corruption(struct kunit *test)
{
	unsigned int i, k;
	u8 *got = vmalloc(6 * SZ_1M);

	KUNIT_ASSERT_NOT_NULL(test, got);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t size = sizes[i];
		const size_t places[] = { 0, size / 2, size - 1, size * 3 / 4,
					  min_t(size_t, size - 1, KVMEM_CRC_PIECE) };
		struct kvmem_block *block;

		KUNIT_ASSERT_EQ(test, kvmem_test_put(test, i, size, NULL), 0);
		block = kvmem_test_find(test, i);
		KUNIT_ASSERT_NOT_NULL(test, block);
		for (k = 0; k < ARRAY_SIZE(places); k++) {
			flip(block, places[k]);
			KUNIT_EXPECT_EQ_MSG(test, kvmem_test_read(block, 0, size, got), -EILSEQ,
					    "size %zu, byte %zu", size, places[k]);
			/* The byte itself, alone. */
			KUNIT_EXPECT_EQ(test, kvmem_test_read(block, places[k], 1, got), -EILSEQ);
			flip(block, places[k]);
			KUNIT_EXPECT_EQ(test, kvmem_test_read(block, 0, size, got), 0);
		}
		kvmem_block_put(block);
	}
	vfree(got);
}

/* ALLOC and COMMIT: the checksum of what is there; the tail becomes zero. */
static void seal(struct kunit *test)
{
	struct kvmem_ns *ns = kvmem_test_ns(test);
	static const size_t used[] = { 1, 5000, KVMEM_CRC_PIECE, 2 * KVMEM_CRC_PIECE + 99 };
	const size_t room = 3 * SZ_1M;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(used); i++) {
		struct kvmem_block *block = kvmem_block_alloc(ns, room, true);
		struct kvmem_hints none = {};
		struct kvmem_key key = kvmem_test_key(100 + i);
		struct kvmem_cursor cur = {};
		struct kvmem_chunk *chunk;
		u8 *want = vmalloc(room);
		size_t off, len;
		u8 *p;

		KUNIT_ASSERT_FALSE(test, IS_ERR(block));
		KUNIT_ASSERT_NOT_NULL(test, want);
		memset(want, 0xdb, room);
		for (off = 0; off < room; off += len) {
			p = kvmem_block_seg(block, &cur, off, &len);
			len = min(len, room - off);
			memset(p, 0xdb, len);
		}
		kvmem_block_seal(block, used[i]);
		KUNIT_EXPECT_EQ(test, block->size, (u32)used[i]);
		KUNIT_EXPECT_EQ(test, block->crc, ~crc32c(~0U, want, used[i]));
		KUNIT_ASSERT_EQ(test, kvmem_block_commit(block, &key, &none), 0);
		KUNIT_EXPECT_EQ(test, kvmem_test_read(block, 0, used[i], want), 0);
		p = page_address(kvmem_block_page(block, (used[i] - 1) / PAGE_SIZE,
						  &chunk));
		if (used[i] % PAGE_SIZE)
			KUNIT_EXPECT_NULL(test, memchr_inv(p + used[i] % PAGE_SIZE, 0,
							   PAGE_SIZE - used[i] % PAGE_SIZE));
		vfree(want);
		kvmem_block_put(block);
	}
}

static void copies(struct kunit *test)
{
	struct kvmem_ns *ns = kvmem_test_ns(test);
	struct kvmem_block *from, *to;
	u8 got[700];

	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 1, 700, NULL), 0);
	from = kvmem_test_find(test, 1);
	KUNIT_ASSERT_NOT_NULL(test, from);
	to = kvmem_block_alloc(ns, 700, true);
	KUNIT_ASSERT_FALSE(test, IS_ERR(to));
	KUNIT_EXPECT_EQ(test, kvmem_block_copy(to, from), 0);
	KUNIT_EXPECT_EQ(test, to->crc, from->crc);
	KUNIT_EXPECT_EQ(test, kvmem_test_read(to, 0, 700, got), 0);
	kvmem_block_put(to);
	flip(from, 699);
	to = kvmem_block_alloc(ns, 700, true);
	KUNIT_ASSERT_FALSE(test, IS_ERR(to));
	KUNIT_EXPECT_EQ(test, kvmem_block_copy(to, from), -EILSEQ);
	kvmem_block_put(to);
	kvmem_block_put(from);
}

static struct kunit_case data_cases[] = {
	KUNIT_CASE(whole),
	KUNIT_CASE(parts),
	KUNIT_CASE(corruption),
	KUNIT_CASE(seal),
	KUNIT_CASE(copies),
	{}
};

static struct kunit_suite data_suite = {
	.name = "kvmem_data",
	.init = kvmem_test_init,
	.exit = kvmem_test_exit,
	.test_cases = data_cases,
};

kunit_test_suite(data_suite);
