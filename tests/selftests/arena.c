// SPDX-License-Identifier: GPL-2.0
/*
 * The arena: how little it wastes, resizing under load, memory pressure.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include "kvmem_util.h"

/* Fill until the first eviction: bytes of data that were there before. */
static uint64_t fill(int fd, size_t len)
{
	uint8_t *p = kvt_pages_new(len);
	uint64_t data = 0, key = 0;

	memset(p, 0x3c, len);
	while (!kvt_info(fd).evictions) {
		data = kvt_info(fd).data_bytes;
		ASSERT_EQ(kvt_put(fd, key++, p, len), 0);
	}
	munmap(p, kvt_pages(len));
	return data;
}

TEST_TIMEOUT(waste, 120)
{
	static const size_t sizes[] = {
		9 * KIB, 10000, 10240, 12287, 12289, 14337, 16384, 16385, 18432, 20481,
		24577, 32769, 36863, 40961, 65537, 100000, 131073, 200001, 262145, 400000,
		562176, 700001, MIB + 1, 1124352, 1500000, 2 * MIB, 2 * MIB + 1, 3000001,
	};
	const uint64_t arena = 16 * MIB;
	unsigned int i;

	kvt_arena(arena);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		const char *ns = kvt_ns(NULL);
		int fd = kvt_file(ns);
		uint64_t data = fill(fd, sizes[i]);

		/* What is less than one more block is no waste of this block size. */
		EXPECT((data + sizes[i]) * 8 >= arena * 7,
		       "%zu byte blocks to use 87.5 %% of the arena, they use %.1f %%",
		       sizes[i], data * 100.0 / arena);
		EXPECT_LE(kvt_arena_info().allocated, arena);
		close(fd);
		ASSERT_EQ(kvt_nl_ns_del(ns), 0);
		ASSERT_TRUE(kvt_wait_for(kvt_arena_info().free ==
					 kvt_arena_info().allocated, 5000));
	}
}

/* used_bytes tells the truth: data plus at most an eighth from 9 KiB up. */
TEST(charge)
{
	int fd = kvt_new(NULL);
	uint64_t state = 9;
	unsigned int i;

	for (i = 0; i < 300; i++) {
		size_t len = 9 * KIB + kvt_rand(&state) % (400 * KIB);

		ASSERT_EQ(kvt_put_key(fd, i, len), 0);
		EXPECT_GE(kvt_info(fd).used_bytes, len);
		EXPECT_LE(kvt_info(fd).used_bytes * 8, len * 9);
		ASSERT_EQ(kvt_delete(fd, i), 0);
	}
}

/* Random sizes and deletes for a while: what is free can be used again. */
TEST(fragmentation)
{
	struct kvmem_ns_info info;
	uint64_t state = 11;
	unsigned int i;
	int fd;

	kvt_arena(32 * MIB);
	fd = kvt_new(NULL);
	for (i = 0; i < 3000; i++) {
		size_t len = 1 + kvt_rand(&state) % (64 * KIB);
		int rc = kvt_put_key(fd, i, len);

		ASSERT(!rc, "put %u of %zu bytes: %d", i, len, rc);
		if (i % 3 == 0)
			kvt_delete(fd, kvt_rand(&state) % (i + 1));
	}
	info = kvt_info(fd);
	kvt_diag("random sizes in 32 MiB: %.1f %% data",
		 info.data_bytes * 100.0 / (32 * MIB));
	EXPECT_GT(info.data_bytes, 32 * MIB * 7 / 10);
	for (i = 0; i < 3000; i++) {
		uint8_t *p = malloc(64 * KIB);
		struct kvmem_op op = kvt_make_op(KVMEM_OP_GET, i);

		op.addr = (uintptr_t)p;
		op.len = 64 * KIB;
		if (!kvt_op(fd, &op))
			EXPECT_EQ(kvt_check(p, op.bytes, i), -1);
		free(p);
	}
}

TEST(large_blocks_find_room)
{
	unsigned int i;
	int fd;

	kvt_arena(24 * MIB);
	fd = kvt_new(NULL);
	for (i = 0; i < 2000; i++)
		ASSERT_EQ(kvt_put_key(fd, i, 12 * KIB), 0);
	/* Scattered free pages are enough for a block of any size. */
	for (i = 0; i < 2000; i += 2)
		kvt_delete(fd, i);
	ASSERT_EQ(kvt_put_key(fd, 10000, 8 * MIB), 0);
	EXPECT_EQ(kvt_get_key(fd, 10000, 8 * MIB), 0);
	ASSERT_EQ(kvt_put_key(fd, 10001, 20 * MIB), 0);
	EXPECT_EQ(kvt_get_key(fd, 10001, 20 * MIB), 0);
	/* More than there is can never be. */
	EXPECT_TRUE(kvt_put_key(fd, 10002, 25 * MIB) < 0);
	EXPECT_EQ(kvt_get_key(fd, 10001, 20 * MIB), 0);
}

TEST(sizes_refused)
{
	int64_t before = kvt_sysfs_get("arena_bytes");

	EXPECT_EQ(kvt_sysfs_set("arena_bytes", 0), -EINVAL);
	EXPECT_EQ(kvt_sysfs_set("arena_bytes", 2 * MIB - 1), -EINVAL);
	EXPECT_EQ(kvt_sysfs_set("arena_bytes", 1ULL << 60), -EINVAL);
	EXPECT_NE(kvt_sysfs_set("arena_bytes", UINT64_MAX), 0);
	EXPECT_EQ(kvt_sysfs_get("arena_bytes"), before);
	EXPECT_NE(kvt_sysfs_set("arena_allocated_bytes", 0), 0);
	EXPECT_EQ(kvt_sysfs_set("arena_floor_bytes", 1ULL << 60), -EINVAL);
}

TEST(resize_while_idle)
{
	unsigned int i, left = 0;
	int fd = kvt_new(NULL);

	for (i = 0; i < 40; i++)
		ASSERT_EQ(kvt_put_key(fd, i, MIB), 0);
	kvt_arena(16 * MIB);
	/* The last block evicted is uncharged after its chunk went. */
	EXPECT_TRUE(kvt_wait_for(kvt_info(fd).used_bytes <= 16 * MIB, 3000));
	for (i = 0; i < 40; i++) {
		int rc = kvt_get_key(fd, i, MIB);

		EXPECT_TRUE(rc == 0 || rc == -ENOENT);
		left += !rc;
	}
	EXPECT_GE(left, 8);
	kvt_arena(48 * MIB);
	for (i = 100; i < 140; i++)
		ASSERT_EQ(kvt_put_key(fd, i, MIB), 0);
	EXPECT_GE(kvt_info(fd).used_blocks, 40);
}

/* What is leased or pinned stays readable while the arena shrinks round it. */
TEST(resize_keeps_what_is_held)
{
	int fd = kvt_new(NULL);
	struct kvt_map l[8];
	unsigned int i;

	for (i = 0; i < 40; i++)
		ASSERT_EQ(kvt_put_key(fd, i, MIB), 0);
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(kvt_lease(fd, i * 5, &l[i]), 0);
		ASSERT_TRUE(kvt_mmap(fd, &l[i], PROT_READ));
	}
	ASSERT_EQ(kvt_sysfs_set("arena_bytes", 4 * MIB), 0);
	kvt_wait_for(kvt_info(fd).used_bytes <= 20 * MIB, 3000);
	for (i = 0; i < 8; i++) {
		EXPECT_EQ(kvt_check(l[i].p, MIB, i * 5), -1);
		EXPECT_EQ(kvt_release(fd, l[i].handle), 0);
		kvt_munmap(&l[i]);
	}
	/* Once let go, the arena gets its size. */
	EXPECT_TRUE(kvt_wait_for(kvt_arena_info().allocated <= 4 * MIB, 15000));
	EXPECT_EQ(kvt_put_key(fd, 1000, MIB), 0);
}

static volatile bool stop;

static void *load(void *arg)
{
	int fd = *(int *)arg;
	uint64_t state = (uintptr_t)arg;

	while (!stop) {
		uint64_t key = kvt_rand(&state) % 200;
		size_t len = 1 + key * 997 % (300 * KIB);
		int rc = kvt_get_key(fd, key, len);

		EXPECT_TRUE(rc == 0 || rc == -ENOENT);
		if (rc == -ENOENT) {
			rc = kvt_put_key(fd, key, len);
			EXPECT_TRUE(rc == 0 || rc == -ENOSPC);
		}
	}
	return NULL;
}

TEST(resize_under_load)
{
	static const unsigned int mib[] = { 32, 4, 64, 8, 2, 40, 6, 64 };
	int fds[2] = { kvt_new(NULL), kvt_new(NULL) };
	pthread_t threads[2];
	unsigned int i;

	stop = false;
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, load, &fds[i]);
	for (i = 0; i < kvt_scale(8, 200); i++) {
		kvt_arena(mib[i % ARRAY_SIZE(mib)] * MIB);
		kvt_sleep_ms(150);
		EXPECT_LE(kvt_arena_info().allocated, mib[i % ARRAY_SIZE(mib)] * MIB);
	}
	stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(kvt_info(fds[0]).corrupt, 0);
}

static void shrink_slabs(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	ASSERT_TRUE(fd >= 0);
	ASSERT_EQ(write(fd, "2\n", 2), 2);
	close(fd);
}

static void check_blocks(int fd, unsigned int nr, unsigned int *left)
{
	unsigned int i;

	for (i = *left = 0; i < nr; i++) {
		int rc = kvt_get_key(fd, i, MIB);

		EXPECT_TRUE(rc == 0 || rc == -ENOENT);
		*left += !rc;
	}
}

/* Reclaim takes from the arena, down to the floor and not below. */
TEST_TIMEOUT(shrinker_floor, 90)
{
	struct kvt_arena_info info;
	int64_t floor_before = kvt_sysfs_get("arena_floor_bytes");
	int fd = kvt_new(NULL);
	unsigned int i, left;

	ASSERT_EQ(kvt_sysfs_set("arena_floor_bytes", 16 * MIB), 0);
	EXPECT_EQ(kvt_sysfs_get("arena_floor_bytes"), 16 * MIB);
	for (i = 0; i < 50; i++)
		ASSERT_EQ(kvt_put_key(fd, i, MIB), 0);
	for (i = 0; i < 100; i++) {
		shrink_slabs();
		info = kvt_arena_info();
		EXPECT_GE(info.limit, 16 * MIB);
		if (info.allocated <= 16 * MIB)
			break;
		kvt_sleep_ms(20);
	}
	info = kvt_arena_info();
	kvt_diag("after drop_caches: limit %llu, allocated %llu MiB",
		 (unsigned long long)info.limit / MIB, (unsigned long long)info.allocated / MIB);
	EXPECT_EQ(info.target, KVT_ARENA_DEFAULT);
	EXPECT_LT(info.limit, info.target);
	EXPECT_TRUE(kvt_wait_for(kvt_arena_info().allocated <= kvt_arena_info().limit, 5000));
	check_blocks(fd, 50, &left);
	kvt_diag("%u of 50 blocks left", left);
	EXPECT_LT(left, 50);
	EXPECT_GE(left, 10);
	/* The limit comes back by itself. */
	EXPECT_TRUE(kvt_wait_for(kvt_arena_info().limit > info.limit, 20000));
	kvt_sysfs_set("arena_floor_bytes", floor_before > 0 ? floor_before : 0);
	kvt_sysfs_set("arena_bytes", KVT_ARENA_DEFAULT - KVT_CHUNK);
	kvt_sysfs_set("arena_bytes", KVT_ARENA_DEFAULT);
}

static void take_memory(void *arg)
{
	const uint64_t before = kvt_arena_info().allocated;
	unsigned int i;

	(void)arg;
	for (i = 0; i < 4096; i++) {
		uint8_t *p = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			break;
		memset(p, i, 4 * MIB);
		if (kvt_arena_info().allocated < before)
			break;
		if (kvt_proc_value("/proc/meminfo", "MemFree:") < 10 * 1024 &&
		    kvt_proc_value("/proc/meminfo", "MemAvailable:") < 16 * 1024)
			break;
	}
	kvt_diag("hog of %u MiB: arena %llu -> %llu MiB", 4 * i,
		 (unsigned long long)before / MIB,
		 (unsigned long long)kvt_arena_info().allocated / MIB);
}

/* Real pressure: the machine gets memory from us before it kills anybody. */
TEST_TIMEOUT(memory_pressure, 90)
{
	int64_t free_kb = kvt_proc_value("/proc/meminfo", "MemAvailable:");
	uint64_t arena = (uint64_t)free_kb * KIB / 2 / KVT_CHUNK * KVT_CHUNK;
	unsigned int i, nr, left;
	int fd;

	if (arena > 160 * MIB)
		arena = 160 * MIB;
	kvt_arena(arena);
	fd = kvt_new(NULL);
	nr = arena / MIB - 2;
	for (i = 0; i < nr; i++)
		ASSERT_EQ(kvt_put_key(fd, i, MIB), 0);
	i = kvt_arena_info().allocated / MIB;
	kvt_in_child(take_memory, NULL);
	EXPECT_TRUE(kvt_wait_for(kvt_arena_info().allocated <= kvt_arena_info().limit, 10000));
	EXPECT_LT(kvt_arena_info().allocated / MIB, i);
	check_blocks(fd, nr, &left);
	EXPECT_LT(left, nr);
	EXPECT_EQ(kvt_info(fd).corrupt, 0);
}

TEST_MAIN()
