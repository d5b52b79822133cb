// SPDX-License-Identifier: GPL-2.0
/*
 * MATCH: the longest prefix of a list of keys that is there, and its leases.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include "kvmem_util.h"

static uint8_t (*new_keys(unsigned int nr, uint64_t first))[KVMEM_KEY_LEN]
{
	uint8_t (*keys)[KVMEM_KEY_LEN] = malloc((size_t)nr * KVMEM_KEY_LEN);
	unsigned int i;

	ASSERT_TRUE(keys);
	for (i = 0; i < nr; i++)
		kvt_key(keys[i], first + i);
	return keys;
}

static struct kvmem_op match_op(const void *keys, uint64_t nr, unsigned int flags,
				struct kvmem_lease *leases)
{
	struct kvmem_op op = {
		.opcode = KVMEM_OP_MATCH, .flags = flags, .addr = (uintptr_t)keys,
		.len = nr, .handle = (uintptr_t)leases,
	};
	return op;
}

static int64_t match(int fd, const void *keys, uint64_t nr)
{
	struct kvmem_op op = match_op(keys, nr, 0, NULL);
	int rc = kvt_op(fd, &op);

	return rc ? rc : (int64_t)op.bytes;
}

TEST(prefixes)
{
	uint8_t (*keys)[KVMEM_KEY_LEN] = new_keys(100, 0);
	int fd = kvt_new(NULL);
	unsigned int i;

	EXPECT_EQ(match(fd, keys, 100), 0);
	EXPECT_EQ(match(fd, keys, 1), 0);
	for (i = 0; i < 100; i++)
		ASSERT_EQ(kvt_put_key(fd, i, 100), 0);
	EXPECT_EQ(match(fd, keys, 100), 100);
	EXPECT_EQ(match(fd, keys, 1), 1);
	for (i = 99; i < 100; i -= 7) {
		EXPECT_EQ(kvt_delete(fd, i), 0);
		EXPECT_EQ(match(fd, keys, 100), i);
	}
	/* What is behind a gap does not count. */
	EXPECT_EQ(match(fd, keys, 1), 1);
	EXPECT_EQ(kvt_delete(fd, 0), 0);
	EXPECT_EQ(match(fd, keys, 100), 0);
}

TEST(counts_hits_and_misses)
{
	uint8_t (*keys)[KVMEM_KEY_LEN] = new_keys(10, 0);
	int fd = kvt_new(NULL);
	struct kvmem_ns_info info;
	unsigned int i;

	for (i = 0; i < 4; i++)
		kvt_put_key(fd, i, 100);
	EXPECT_EQ(match(fd, keys, 10), 4);
	info = kvt_info(fd);
	EXPECT_EQ(info.hits, 4);
	EXPECT_GE(info.misses, 1);
	EXPECT_LE(info.misses, 6);
}

TEST(same_key_again)
{
	uint8_t (*keys)[KVMEM_KEY_LEN] = new_keys(3, 0);
	struct kvmem_lease leases[3] = {};
	int fd = kvt_new(NULL);
	struct kvmem_op op;
	unsigned int i;

	memcpy(keys[1], keys[0], KVMEM_KEY_LEN);
	memcpy(keys[2], keys[0], KVMEM_KEY_LEN);
	ASSERT_EQ(kvt_put_key(fd, 0, 64 * KIB), 0);
	EXPECT_EQ(match(fd, keys, 3), 3);
	op = match_op(keys, 3, KVMEM_OP_F_LEASE, leases);
	EXPECT_EQ(kvt_op(fd, &op), 0);
	EXPECT_EQ(op.bytes, 3);
	EXPECT_NE(leases[0].handle, leases[1].handle);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(kvt_release(fd, leases[i].handle), 0);
}

TEST_TIMEOUT(largest, 90)
{
	unsigned int nr = KVMEM_MAX_MATCH, i;
	uint8_t (*keys)[KVMEM_KEY_LEN] = new_keys(nr + 1, 0);
	struct kvmem_op *ops = calloc(KVMEM_MAX_BATCH, sizeof(*ops));
	int fd = kvt_new(NULL);
	char byte = 'x';

	for (i = 0; i < nr; i++) {
		ops[i % KVMEM_MAX_BATCH] = kvt_make_op(KVMEM_OP_PUT, i);
		ops[i % KVMEM_MAX_BATCH].addr = (uintptr_t)&byte;
		ops[i % KVMEM_MAX_BATCH].len = 1;
		if (i % KVMEM_MAX_BATCH == KVMEM_MAX_BATCH - 1)
			kvt_batch(fd, ops, KVMEM_MAX_BATCH);
	}
	ASSERT_EQ(kvt_info(fd).used_blocks, nr);
	EXPECT_EQ(match(fd, keys, nr), nr);
	EXPECT_EQ(match(fd, keys, nr + 1), -EINVAL);
	for (i = 1; i < nr; i = i * 3 + 1)
		EXPECT_EQ(match(fd, keys, i), i);
	kvt_delete(fd, 40000);
	EXPECT_EQ(match(fd, keys, nr), 40000);
}

static void check_lease(int fd, const struct kvmem_lease *l, uint64_t key, size_t size)
{
	struct kvt_map m = { .handle = l->handle, .offset = l->mmap_offset,
			     .bytes = l->bytes };

	EXPECT_EQ(l->bytes, size);
	EXPECT_EQ(l->flags & ~KVMEM_RES_F_COPIED, 0);
	ASSERT_TRUE(kvt_mmap(fd, &m, PROT_READ));
	EXPECT_EQ(kvt_check(m.p, size, key), -1);
	EXPECT_EQ(l->crc, kvt_crc32c(m.p, size));
	kvt_munmap(&m);
	EXPECT_EQ(kvt_release(fd, l->handle), 0);
}

TEST(leases)
{
	uint8_t (*keys)[KVMEM_KEY_LEN] = new_keys(20, 0);
	struct kvmem_lease leases[20];
	int fd = kvt_new(NULL);
	struct kvmem_op op;
	unsigned int i;

	for (i = 0; i < 12; i++)
		ASSERT_EQ(kvt_put_key(fd, i, 64 * KIB + i), 0);
	memset(leases, 0xab, sizeof(leases));
	op = match_op(keys, 20, KVMEM_OP_F_LEASE, leases);
	EXPECT_EQ(kvt_op(fd, &op), 0);
	EXPECT_EQ(op.bytes, 12);
	EXPECT_EQ(kvt_info(fd).nr_handles, 12);
	for (i = 0; i < 12; i++)
		check_lease(fd, &leases[i], i, 64 * KIB + i);
	/* What is behind the prefix is not written. */
	EXPECT_EQ(leases[12].handle, 0xababababababababULL);
	EXPECT_EQ(kvt_info(fd).nr_handles, 0);
}

TEST(nothing_leased_on_a_miss)
{
	uint8_t (*keys)[KVMEM_KEY_LEN] = new_keys(4, 0);
	struct kvmem_lease leases[4];
	int fd = kvt_new(NULL);
	struct kvmem_op op = match_op(keys, 4, KVMEM_OP_F_LEASE, leases);

	EXPECT_EQ(kvt_op(fd, &op), 0);
	EXPECT_EQ(op.bytes, 0);
	EXPECT_EQ(kvt_info(fd).nr_handles, 0);
}

TEST(no_copy)
{
	uint8_t (*keys)[KVMEM_KEY_LEN] = new_keys(3, 0);
	struct kvmem_lease leases[3];
	int fd = kvt_new(NULL);
	struct kvmem_op op;
	unsigned int i;

	ASSERT_EQ(kvt_put_key(fd, 0, 64 * KIB), 0);
	ASSERT_EQ(kvt_put_key(fd, 1, 700), 0);		/* shares its page */
	ASSERT_EQ(kvt_put_key(fd, 2, 64 * KIB), 0);
	op = match_op(keys, 3, KVMEM_OP_F_LEASE | KVMEM_OP_F_NOCOPY, leases);
	kvt_op(fd, &op);
	/* Refused as a whole, or the prefix that needs no copy. */
	EXPECT_TRUE(op.status == -EOPNOTSUPP || (!op.status && op.bytes == 1));
	EXPECT_EQ(kvt_info(fd).copied_out, 0);
	EXPECT_EQ(kvt_info(fd).nr_handles, op.status ? 0 : 1);
	if (!op.status)
		kvt_release(fd, leases[0].handle);
	op = match_op(keys, 3, KVMEM_OP_F_LEASE, leases);
	EXPECT_EQ(kvt_op(fd, &op), 0);
	EXPECT_EQ(op.bytes, 3);
	EXPECT_EQ(leases[0].flags, 0);
	EXPECT_EQ(leases[1].flags, KVMEM_RES_F_COPIED);
	EXPECT_EQ(kvt_info(fd).copied_out, 700);
	for (i = 0; i < 3; i++)
		check_lease(fd, &leases[i], i, i == 1 ? 700 : 64 * KIB);
}

TEST(pointers)
{
	uint8_t (*keys)[KVMEM_KEY_LEN] = new_keys(200, 0);
	uint8_t *end = (uint8_t *)kvt_pages_new(8 * KIB) + 4 * KIB;
	int fd = kvt_new(NULL);
	struct kvmem_op op;
	unsigned int i;

	for (i = 0; i < 200; i++)
		ASSERT_EQ(kvt_put_key(fd, i, 4096), 0);
	munmap(end, 4 * KIB);
	EXPECT_EQ(match(fd, NULL, 1), -EFAULT);
	EXPECT_EQ(match(fd, (void *)0xffff888000000000, 1), -EFAULT);
	memcpy(end - 2 * KVMEM_KEY_LEN, keys, 2 * KVMEM_KEY_LEN);
	EXPECT_EQ(match(fd, end - 2 * KVMEM_KEY_LEN, 2), 2);
	EXPECT_NE(match(fd, end - 2 * KVMEM_KEY_LEN, 3), 3);
	/* Leases that cannot be told are not kept. */
	op = match_op(keys, 200, KVMEM_OP_F_LEASE, (void *)(end - 3 * sizeof(struct kvmem_lease)));
	EXPECT_EQ(kvt_op(fd, &op), -EFAULT);
	EXPECT_EQ(kvt_info(fd).nr_handles, 0);
	op = match_op(keys, 200, KVMEM_OP_F_LEASE, NULL);
	EXPECT_NE(kvt_op(fd, &op), 0);
	EXPECT_EQ(kvt_info(fd).nr_handles, 0);
	/* unaligned keys */
	memcpy(end - 3 * KVMEM_KEY_LEN - 1, keys, 3 * KVMEM_KEY_LEN);
	EXPECT_EQ(match(fd, end - 3 * KVMEM_KEY_LEN - 1, 3), 3);
}

TEST_MAIN()
