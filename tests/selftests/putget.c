// SPDX-License-Identifier: GPL-2.0
/*
 * PUT, GET, EXISTS, DELETE: every size, alignment and range, buffers, time to
 * live, checksums, memory that is not there.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include "kvmem_util.h"

static const size_t sizes[] = {
	1, 2, 7, 511, 512, 513, 4095, 4096, 4097, 8192, 9215, 9216, 9217, 18432, 65535,
	65536, 562176, MIB - 1, MIB, MIB + 1, 1124352, 2 * MIB - 1, 2 * MIB, 2 * MIB + 1,
	3 * MIB, 5 * MIB + 7,
};

static struct kvmem_op get_op(uint64_t key, void *p, uint64_t len, uint64_t off,
			      unsigned int flags)
{
	struct kvmem_op op = kvt_make_op(KVMEM_OP_GET, key);

	op.addr = (uintptr_t)p;
	op.len = len;
	op.offset = off;
	op.flags = flags;
	return op;
}

static struct kvmem_op put_op(uint64_t key, const void *p, uint64_t len)
{
	struct kvmem_op op = kvt_make_op(KVMEM_OP_PUT, key);

	op.addr = (uintptr_t)p;
	op.len = len;
	return op;
}

static void round_trip(int fd, uint64_t key, size_t len)
{
	uint8_t *p = kvt_pages_new(len + 16);
	struct kvmem_op op;
	uint32_t crc;

	kvt_fill(p, len, key);
	crc = kvt_crc32c(p, len);
	op = put_op(key, p, len);
	ASSERT(!kvt_op(fd, &op), "PUT of %zu bytes: %s", len, strerror(-op.status));
	EXPECT_EQ(op.bytes, len);
	EXPECT_EQ(op.crc, crc);
	EXPECT_EQ(op.res_flags & KVMEM_RES_F_EXISTED, 0);
	EXPECT_EQ(op.tier, KVMEM_TIER_DRAM);
	EXPECT_EQ(op.res_handle, 0);
	memset(p, 0xee, len + 16);
	op = get_op(key, p, len, 0, 0);
	ASSERT(!kvt_op(fd, &op), "GET of %zu bytes: %s", len, strerror(-op.status));
	EXPECT_EQ(op.bytes, len);
	EXPECT_EQ(op.crc, crc);
	EXPECT_TRUE(op.res_flags & KVMEM_RES_F_VERIFIED);
	EXPECT_EQ(op.tier, KVMEM_TIER_DRAM);
	EXPECT(kvt_check(p, len, key) < 0, "%zu bytes to be the same, byte %ld is not",
	       len, kvt_check(p, len, key));
	EXPECT(p[len] == 0xee && p[len + 15] == 0xee, "nothing behind %zu bytes", len);
	munmap(p, kvt_pages(len + 16));
	op = kvt_make_op(KVMEM_OP_EXISTS, key);
	EXPECT_EQ(kvt_op(fd, &op), 0);
	EXPECT_EQ(op.bytes, len);
	EXPECT_EQ(op.crc, crc);
}

TEST(all_sizes)
{
	int fd = kvt_new(NULL);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		round_trip(fd, i, sizes[i]);
		EXPECT_EQ(kvt_info(fd).data_bytes, sizes[i]);
		EXPECT_EQ(kvt_info(fd).used_blocks, 1);
		EXPECT_GE(kvt_info(fd).used_bytes, sizes[i]);
		EXPECT_EQ(kvt_delete(fd, i), 0);
		EXPECT_EQ(kvt_info(fd).used_bytes, 0);
		EXPECT_EQ(kvt_info(fd).data_bytes, 0);
	}
}

TEST_TIMEOUT(largest_block, 120)
{
	int64_t free_kb = kvt_proc_value("/proc/meminfo", "MemAvailable:");
	size_t len = KVMEM_MAX_BLOCK;
	int fd;

	while (len * 5 / 2 > (uint64_t)free_kb * KIB)
		len /= 2;
	kvt_diag("largest block tried: %zu MiB", len / MIB);
	ASSERT_GE(len, 32 * MIB);
	kvt_arena(len + 4 * MIB);
	fd = kvt_new(NULL);
	round_trip(fd, 1, len);
	EXPECT_EQ(kvt_delete(fd, 1), 0);
	round_trip(fd, 2, len / 4 - 1);
}

TEST(small_sizes_dense)
{
	static uint8_t p[1200];
	int fd = kvt_new(NULL);
	size_t len;

	for (len = 1; len <= 1100; len++)
		ASSERT_EQ(kvt_put_key(fd, len, len), 0);
	for (len = 1; len <= 1100; len++) {
		memset(p, 0, sizeof(p));
		EXPECT_EQ(kvt_get(fd, len, p, sizeof(p)), 0);
		EXPECT_EQ(kvt_check(p, len, len), -1);
		EXPECT_EQ(p[len], 0);
	}
}

TEST(alignments)
{
	uint8_t *p = kvt_pages_new(20 * KIB);
	int fd = kvt_new(NULL);
	unsigned int off;
	uint64_t key = 0;

	for (off = 0; off < 4200; off = off < 70 ? off + 1 : off + 61) {
		kvt_fill(p + off, 9216, ++key);
		EXPECT_EQ(kvt_put(fd, key, p + off, 9216), 0);
		memset(p, 0, 20 * KIB);
		EXPECT_EQ(kvt_get(fd, key, p + 4200 - off, 9216), 0);
		EXPECT_EQ(kvt_check(p + 4200 - off, 9216, key), -1);
		EXPECT_EQ(kvt_delete(fd, key), 0);
	}
}

/* Bytes [off, off + len) of a block, verified even when partial. */
static void partial(int fd, uint64_t key, size_t size, size_t off, size_t len)
{
	uint8_t *p = malloc(len + 1);
	struct kvmem_op op = get_op(key, p, len, off, KVMEM_OP_F_PARTIAL);
	size_t want = len < size - off ? len : size - off;

	ASSERT_TRUE(p);
	p[want] = 0x77;
	EXPECT(!kvt_op(fd, &op), "bytes [%zu, +%zu) of %zu: %s", off, len, size,
	       strerror(-op.status));
	EXPECT_EQ(op.bytes, want);
	EXPECT_TRUE(op.res_flags & KVMEM_RES_F_VERIFIED);
	EXPECT(kvt_check_at(p, want, key, off) < 0, "bytes [%zu, +%zu) of %zu", off, len, size);
	EXPECT_EQ(p[want], 0x77);
	free(p);
}

TEST(partial_reads)
{
	static const size_t of[] = { 1, 513, 4097, 9216, 562176, MIB + 1, 5 * MIB + 7 };
	uint64_t state = 42;
	int fd = kvt_new(NULL);
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(of); i++) {
		size_t size = of[i];

		ASSERT_EQ(kvt_put_key(fd, i, size), 0);
		partial(fd, i, size, 0, 1);
		partial(fd, i, size, size - 1, 1);
		partial(fd, i, size, size / 2, size - size / 2);
		for (k = 0; k < 40; k++) {
			size_t off = kvt_rand(&state) % size;
			size_t len = 1 + kvt_rand(&state) % (k % 2 ? size - off : 5000);

			partial(fd, i, size, off, len);
		}
		for (k = 0; k < size && k < 5 * MIB; k += MIB)
			partial(fd, i, size, k ? k - 1 : 0, 3);
	}
}

TEST(ranges)
{
	static uint8_t p[20000];
	int fd = kvt_new(NULL);
	struct kvmem_op op;

	ASSERT_EQ(kvt_put_key(fd, 1, 10000), 0);
	/* Too short for all of the rest: its length is told, nothing is written. */
	memset(p, 0x33, sizeof(p));
	op = get_op(1, p, 9999, 0, 0);
	EXPECT_EQ(kvt_op(fd, &op), -EMSGSIZE);
	EXPECT_EQ(op.bytes, 10000);
	EXPECT_EQ(p[0], 0x33);
	/* The rest from an offset on. */
	op = get_op(1, p, 6000, 4000, 0);
	EXPECT_EQ(kvt_op(fd, &op), 0);
	EXPECT_EQ(op.bytes, 6000);
	EXPECT_EQ(kvt_check_at(p, 6000, 1, 4000), -1);
	op = get_op(1, p, 5999, 4000, 0);
	EXPECT_EQ(kvt_op(fd, &op), -EMSGSIZE);
	EXPECT_EQ(op.bytes, 10000);
	/* More room than bytes. */
	memset(p, 0x33, sizeof(p));
	op = get_op(1, p, sizeof(p), 0, 0);
	EXPECT_EQ(kvt_op(fd, &op), 0);
	EXPECT_EQ(op.bytes, 10000);
	EXPECT_EQ(p[10000], 0x33);
	/* Outside of the block. */
	op = get_op(1, p, 10, 10001, KVMEM_OP_F_PARTIAL);
	EXPECT_EQ(kvt_op(fd, &op), -EINVAL);
	op = get_op(1, p, 10, UINT64_MAX, KVMEM_OP_F_PARTIAL);
	EXPECT_EQ(kvt_op(fd, &op), -EINVAL);
	op = get_op(1, p, UINT64_MAX, 5, KVMEM_OP_F_PARTIAL);
	kvt_op(fd, &op);
	EXPECT_TRUE(op.status == 0 || op.status == -EINVAL || op.status == -EFAULT);
	op = get_op(1, p, 0, 0, 0);
	EXPECT_TRUE(kvt_op(fd, &op) == -EINVAL || op.status == -EMSGSIZE);
}

TEST(put_existing)
{
	int fd = kvt_new(NULL);
	struct kvmem_op op;
	uint8_t a[600], b[600];

	memset(a, 'a', sizeof(a));
	memset(b, 'b', sizeof(b));
	EXPECT_EQ(kvt_put(fd, 1, a, sizeof(a)), 0);
	op = put_op(1, b, 500);
	EXPECT_EQ(kvt_op(fd, &op), 0);
	EXPECT_TRUE(op.res_flags & KVMEM_RES_F_EXISTED);
	EXPECT_EQ(kvt_get(fd, 1, b, sizeof(b)), 0);
	EXPECT_EQ(memcmp(a, b, sizeof(a)), 0);
	EXPECT_EQ(kvt_info(fd).used_blocks, 1);
	EXPECT_EQ(kvt_info(fd).data_bytes, 600);
	EXPECT_EQ(kvt_delete(fd, 1), 0);
	EXPECT_EQ(kvt_put(fd, 1, b, 500), 0);
	EXPECT_EQ(kvt_info(fd).data_bytes, 500);
}

TEST(misses)
{
	static uint8_t p[100];
	int fd = kvt_new(NULL);
	struct kvmem_ns_info info;
	unsigned int code;

	for (code = KVMEM_OP_GET; code <= KVMEM_OP_UNPIN; code++) {
		struct kvmem_op op = kvt_make_op(code, 5);

		if (code == KVMEM_OP_PUT)
			continue;
		if (code == KVMEM_OP_GET) {
			op.addr = (uintptr_t)p;
			op.len = sizeof(p);
		}
		EXPECT_EQ(kvt_op(fd, &op), -ENOENT);
		EXPECT_EQ(op.res_flags, 0);
		EXPECT_EQ(op.bytes, 0);
		EXPECT_EQ(op.tier, KVMEM_TIER_NONE);
	}
	info = kvt_info(fd);
	EXPECT_EQ(info.misses, 1);
	EXPECT_EQ(info.hits, 0);
	/* Prefixes and suffixes of a key are other keys. */
	ASSERT_EQ(kvt_put(fd, 5, p, 1), 0);
	for (code = 0; code < 256; code++) {
		struct kvmem_op op = kvt_make_op(KVMEM_OP_EXISTS, 5);

		op.key[code / 8] ^= 1 << code % 8;
		EXPECT_EQ(kvt_op(fd, &op), -ENOENT);
	}
}

TEST(zero_key_and_ones)
{
	struct kvmem_op op = { .opcode = KVMEM_OP_PUT, .len = 3 };
	int fd = kvt_new(NULL);
	char got[3];

	op.addr = (uintptr_t)"abc";
	EXPECT_EQ(kvt_op(fd, &op), 0);
	memset(op.key, 0xff, sizeof(op.key));
	op.addr = (uintptr_t)"xyz";
	EXPECT_EQ(kvt_op(fd, &op), 0);
	memset(op.key, 0, sizeof(op.key));
	op.opcode = KVMEM_OP_GET;
	op.addr = (uintptr_t)got;
	EXPECT_EQ(kvt_op(fd, &op), 0);
	EXPECT_EQ(memcmp(got, "abc", 3), 0);
}

TEST(counters)
{
	static uint8_t p[3000];
	int fd = kvt_new(NULL);
	struct kvmem_ns_info info;
	struct kvmem_op op;

	kvt_put_key(fd, 1, 3000);
	kvt_get(fd, 1, p, sizeof(p));
	op = get_op(1, p, 100, 50, KVMEM_OP_F_PARTIAL | KVMEM_OP_F_NOTOUCH);
	kvt_op(fd, &op);
	kvt_get(fd, 2, p, sizeof(p));
	info = kvt_info(fd);
	EXPECT_EQ(info.hits, 2);
	EXPECT_EQ(info.misses, 1);
	EXPECT_EQ(info.copied_in, 3000);
	EXPECT_EQ(info.copied_out, 3100);
	EXPECT_EQ(info.zero_copy, 0);
	EXPECT_EQ(info.corrupt, 0);
	EXPECT_EQ(info.evictions, 0);
}

/* Time to live */
static int put_ttl(int fd, uint64_t key, unsigned int ms)
{
	struct kvmem_op op = put_op(key, "x", 1);

	op.ttl_ms = ms;
	return kvt_op(fd, &op);
}

TEST(ttl)
{
	int fd = kvt_new(NULL);
	struct kvmem_op op;
	char c;

	EXPECT_EQ(put_ttl(fd, 1, 200), 0);
	EXPECT_EQ(put_ttl(fd, 2, 0), 0);
	EXPECT_EQ(put_ttl(fd, 3, UINT32_MAX), 0);
	EXPECT_EQ(put_ttl(fd, 4, 3600 * 1000), 0);
	kvt_sleep_ms(300);
	op = get_op(1, &c, 1, 0, 0);
	EXPECT_EQ(kvt_op(fd, &op), -ENOENT);
	EXPECT_EQ(kvt_exists(fd, 1), -ENOENT);
	EXPECT_EQ(kvt_exists(fd, 2), 0);
	EXPECT_EQ(kvt_exists(fd, 3), 0);
	EXPECT_EQ(kvt_exists(fd, 4), 0);
	/* An expired key can be put again. */
	EXPECT_EQ(put_ttl(fd, 1, 0), 0);
	EXPECT_EQ(kvt_exists(fd, 1), 0);
}

TEST(ttl_flag_and_reclaim)
{
	int fd = kvt_new(NULL);
	struct kvmem_op op;
	char c;

	EXPECT_EQ(put_ttl(fd, 1, 50), 0);
	kvt_sleep_ms(80);
	/* The first to see it may be told why; afterwards it is plainly gone. */
	op = get_op(1, &c, 1, 0, 0);
	EXPECT_EQ(kvt_op(fd, &op), -ENOENT);
	EXPECT_EQ(op.res_flags & ~KVMEM_RES_F_EXPIRED, 0);
	/* Memory of what expired comes back without anybody asking for it. */
	EXPECT_EQ(put_ttl(fd, 2, 50), 0);
	EXPECT_TRUE(kvt_wait_for(kvt_info(fd).used_bytes == 0, 15000));
}

TEST(ttl_default)
{
	struct kvt_ns_opts o = { .ttl_ms = 200 };
	int fd = kvt_new(&o);

	EXPECT_EQ(put_ttl(fd, 1, 0), 0);
	EXPECT_EQ(put_ttl(fd, 2, 100000), 0);
	EXPECT_EQ(kvt_exists(fd, 1), 0);
	kvt_sleep_ms(300);
	EXPECT_EQ(kvt_exists(fd, 1), -ENOENT);
	EXPECT_EQ(kvt_exists(fd, 2), 0);
}

/* Memory that is not there, or ends in the middle. */
TEST(fault_leaves_no_block)
{
	static const size_t lens[] = { 4097, 9216, 562176, 3 * MIB };
	uint8_t *p = kvt_pages_new(8 * MIB);
	int fd = kvt_new(NULL);
	unsigned int i;
	size_t cut;

	memset(p, 0x42, 8 * MIB);
	munmap(p + 4 * MIB, 4 * KIB);
	mprotect(p + 4 * MIB - 4 * KIB, 4 * KIB, PROT_NONE);
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		for (cut = 1; cut < lens[i]; cut = cut * 3 + 1) {
			uint8_t *from = p + 4 * MIB - 4 * KIB - cut;

			EXPECT_EQ(kvt_put(fd, 1, from, lens[i]), -EFAULT);
			EXPECT_EQ(kvt_exists(fd, 1), -ENOENT);
		}
	}
	EXPECT_EQ(kvt_put(fd, 1, (void *)0xffff888000000000, 100), -EFAULT);
	EXPECT_EQ(kvt_put(fd, 1, NULL, 100), -EFAULT);
	EXPECT_EQ(kvt_put(fd, 1, (void *)(UINTPTR_MAX - 5), 100), -EFAULT);
	EXPECT_EQ(kvt_info(fd).used_bytes, 0);
	EXPECT_EQ(kvt_info(fd).used_blocks, 0);
	/* A write-only source: x86 makes it readable, so nothing to see; a
	 * read-only destination is refused.
	 */
	ASSERT_EQ(kvt_put(fd, 2, p, 9216), 0);
	mprotect(p, 64 * KIB, PROT_READ);
	EXPECT_EQ(kvt_get(fd, 2, p, 9216), -EFAULT);
	EXPECT_EQ(kvt_put(fd, 3, p, 9216), 0);
	mprotect(p, 64 * KIB, PROT_NONE);
	EXPECT_EQ(kvt_get(fd, 2, p, 9216), -EFAULT);
	EXPECT_EQ(kvt_put(fd, 4, p, 9216), -EFAULT);
	/* A destination that is too far from the user. */
	EXPECT_EQ(kvt_get(fd, 2, (void *)0xffff888000000000, 9216), -EFAULT);
	EXPECT_EQ(kvt_exists(fd, 2), 0);
	EXPECT_EQ(kvt_exists(fd, 4), -ENOENT);
}

/* The source changes under PUT: the block is what its checksum says. */
static volatile bool scribbling;

static void *scribble(void *p)
{
	volatile uint64_t *w = p;
	uint64_t n = 0;

	while (scribbling) {
		w[n % (MIB / 8)] = n * 3;
		n++;
	}
	return NULL;
}

TEST(source_changes_under_put)
{
	uint8_t *p = kvt_pages_new(MIB), *q = kvt_pages_new(MIB);
	int fd = kvt_new(NULL);
	pthread_t thread;
	unsigned int i;

	scribbling = true;
	ASSERT_EQ(pthread_create(&thread, NULL, scribble, p), 0);
	for (i = 0; i < 40; i++) {
		struct kvmem_op op = get_op(i, q, MIB, 0, 0);

		ASSERT_EQ(kvt_put(fd, i, p, MIB), 0);
		EXPECT_EQ(kvt_op(fd, &op), 0);
		EXPECT_EQ(op.crc, kvt_crc32c(q, MIB));
		kvt_delete(fd, i);
	}
	scribbling = false;
	pthread_join(thread, NULL);
	EXPECT_EQ(kvt_info(fd).corrupt, 0);
}

TEST_MAIN()
