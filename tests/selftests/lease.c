// SPDX-License-Identifier: GPL-2.0
/*
 * Zero copy: ALLOC, COMMIT, LEASE, RELEASE and their mappings.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include "kvmem_util.h"

#define RW (PROT_READ | PROT_WRITE)

/* A block made without a copy; its lease in @map. */
static void make_leased(int fd, uint64_t key, size_t len, struct kvt_map *map)
{
	struct kvt_map a;

	ASSERT_EQ(kvt_alloc(fd, len, &a), 0);
	ASSERT_TRUE(kvt_mmap(fd, &a, RW));
	kvt_fill(a.p, len, key);
	ASSERT_EQ(kvt_commit(fd, &a, key, 0), 0);
	kvt_munmap(&a);
	ASSERT_EQ(kvt_lease(fd, key, map), 0);
	ASSERT_TRUE(kvt_mmap(fd, map, PROT_READ));
}

TEST(life_of_a_block)
{
	static const size_t sizes[] = { 1, 4095, 4096, 4097, 9216, 64 * KIB, 562176, MIB + 1,
					2 * MIB, 5 * MIB + 7, 16 * MIB };
	int fd = kvt_new(NULL);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct kvt_map a, l;
		struct kvmem_op op;
		size_t len = sizes[i], mapped = kvt_pages(len);

		ASSERT_EQ(kvt_alloc(fd, len, &a), 0);
		EXPECT_NE(a.handle, 0);
		EXPECT_EQ(a.bytes, len);
		EXPECT_EQ(a.offset % 4096, 0);
		ASSERT_TRUE(kvt_mmap(fd, &a, RW));
		kvt_fill(a.p, len, i);
		EXPECT_EQ(kvt_exists(fd, i), -ENOENT);
		op = kvt_make_op(KVMEM_OP_COMMIT, i);
		op.handle = a.handle;
		EXPECT_EQ(kvt_op(fd, &op), 0);
		EXPECT_EQ(op.bytes, len);
		EXPECT_EQ(kvt_touch(a.p, true), SIGBUS);
		EXPECT_EQ(kvt_touch(a.p + mapped - 1, false), SIGBUS);
		kvt_munmap(&a);
		EXPECT_EQ(kvt_get_key(fd, i, len), 0);
		ASSERT_EQ(kvt_lease(fd, i, &l), 0);
		EXPECT_EQ(l.bytes, len);
		EXPECT_EQ(l.flags & KVMEM_RES_F_COPIED, 0);
		EXPECT_EQ(l.crc, op.crc);
		ASSERT_TRUE(kvt_mmap(fd, &l, PROT_READ));
		EXPECT_EQ(kvt_check(l.p, len, i), -1);
		EXPECT_EQ(kvt_crc32c(l.p, len), l.crc);
		EXPECT_TRUE(kvt_all_zero(l.p + len, mapped - len));
		EXPECT_EQ(kvt_release(fd, l.handle), 0);
		EXPECT_EQ(kvt_touch(l.p, false), SIGBUS);
		kvt_munmap(&l);
		EXPECT_EQ(kvt_delete(fd, i), 0);
	}
	EXPECT_EQ(kvt_info(fd).used_bytes, 0);
	EXPECT_EQ(kvt_info(fd).nr_handles, 0);
}

TEST(copied_bytes_stay_zero)
{
	int fd = kvt_new(NULL);
	struct kvmem_ns_info info;
	struct kvt_map l;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		make_leased(fd, i, 64 * KIB + i * 4096, &l);
		EXPECT_EQ(kvt_check(l.p, l.bytes, i), -1);
		EXPECT_EQ(kvt_release(fd, l.handle), 0);
		kvt_munmap(&l);
	}
	info = kvt_info(fd);
	EXPECT_EQ(info.copied_in, 0);
	EXPECT_EQ(info.copied_out, 0);
	EXPECT_EQ(info.zero_copy, 2 * info.data_bytes);
	EXPECT_EQ(info.hits, 20);
}

/* Blocks that share pages give a copy, said and counted; or are refused. */
TEST(packed_blocks)
{
	static const size_t sizes[] = { 1, 700, 4097, 9216, 18432 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		int fd = kvt_new(NULL);
		struct kvmem_op op = kvt_make_op(KVMEM_OP_LEASE, i);
		struct kvt_map l;

		ASSERT_EQ(kvt_put_key(fd, i, sizes[i]), 0);
		op.flags = KVMEM_OP_F_NOCOPY;
		kvt_op(fd, &op);
		EXPECT_TRUE(op.status == 0 || op.status == -EOPNOTSUPP);
		EXPECT_EQ(kvt_info(fd).copied_out, 0);
		if (!op.status) {
			EXPECT_EQ(op.res_flags & KVMEM_RES_F_COPIED, 0);
			EXPECT_EQ(kvt_release(fd, op.res_handle), 0);
		}
		ASSERT_EQ(kvt_lease(fd, i, &l), 0);
		EXPECT_EQ(!!(l.flags & KVMEM_RES_F_COPIED), op.status != 0);
		EXPECT_EQ(kvt_info(fd).copied_out, op.status ? sizes[i] : 0);
		ASSERT_TRUE(kvt_mmap(fd, &l, PROT_READ));
		EXPECT_EQ(kvt_check(l.p, sizes[i], i), -1);
		EXPECT_EQ(l.crc, kvt_crc32c(l.p, sizes[i]));
		EXPECT_TRUE(kvt_all_zero(l.p + sizes[i], kvt_pages(sizes[i]) - sizes[i]));
		EXPECT_EQ(kvt_release(fd, l.handle), 0);
		EXPECT_EQ(kvt_touch(l.p, false), SIGBUS);
		EXPECT_EQ(kvt_delete(fd, i), 0);
		EXPECT_EQ(kvt_info(fd).used_bytes, 0);
		close(fd);
	}
}

TEST(commit_of_a_part)
{
	int fd = kvt_new(NULL);
	struct kvt_map a, l;
	size_t len;

	for (len = 1; len < 300 * KIB; len = len * 5 + 3) {
		ASSERT_EQ(kvt_alloc(fd, 300 * KIB, &a), 0);
		ASSERT_TRUE(kvt_mmap(fd, &a, RW));
		memset(a.p, 0xdd, 300 * KIB);
		kvt_fill(a.p, len, len);
		EXPECT_EQ(kvt_commit(fd, &a, len, 300 * KIB + 1), -EMSGSIZE);
		EXPECT_EQ(kvt_commit(fd, &a, len, len), 0);
		kvt_munmap(&a);
		EXPECT_EQ(kvt_get_key(fd, len, len), 0);
		ASSERT_EQ(kvt_lease(fd, len, &l), 0);
		EXPECT_EQ(l.bytes, len);
		ASSERT_TRUE(kvt_mmap(fd, &l, PROT_READ));
		EXPECT_EQ(kvt_check(l.p, len, len), -1);
		/* What was not committed is not to be seen. */
		EXPECT_TRUE(kvt_all_zero(l.p + len, kvt_pages(len) - len));
		kvt_release(fd, l.handle);
		kvt_munmap(&l);
	}
}

/* An allocation whose last page is fully written: the tail becomes zero. */
TEST(tail_of_the_last_page)
{
	int fd = kvt_new(NULL);
	struct kvt_map a, l;

	ASSERT_EQ(kvt_alloc(fd, 64 * KIB + 10, &a), 0);
	ASSERT_TRUE(kvt_mmap(fd, &a, RW));
	memset(a.p, 0xcc, kvt_pages(a.bytes));
	ASSERT_EQ(kvt_commit(fd, &a, 1, 0), 0);
	ASSERT_EQ(kvt_lease(fd, 1, &l), 0);
	ASSERT_TRUE(kvt_mmap(fd, &l, PROT_READ));
	EXPECT_TRUE(kvt_all_zero(l.p + l.bytes, kvt_pages(l.bytes) - l.bytes));
}

TEST(commit_existing_key)
{
	int fd = kvt_new(NULL);
	struct kvmem_op op;
	struct kvt_map a;

	ASSERT_EQ(kvt_put_key(fd, 1, 64 * KIB), 0);
	ASSERT_EQ(kvt_alloc(fd, 64 * KIB, &a), 0);
	op = kvt_make_op(KVMEM_OP_COMMIT, 1);
	op.handle = a.handle;
	EXPECT_EQ(kvt_op(fd, &op), 0);
	EXPECT_TRUE(op.res_flags & KVMEM_RES_F_EXISTED);
	EXPECT_EQ(kvt_get_key(fd, 1, 64 * KIB), 0);
	/* The handle is gone either way, and its memory. */
	EXPECT_EQ(kvt_release(fd, a.handle), -ENOENT);
	EXPECT_EQ(kvt_info(fd).used_blocks, 1);
	EXPECT_EQ(kvt_info(fd).nr_handles, 0);
	EXPECT_EQ(kvt_delete(fd, 1), 0);
	EXPECT_EQ(kvt_info(fd).used_bytes, 0);
}

TEST(handle_numbers)
{
	const char *ns = kvt_ns(NULL);
	int fd = kvt_file(ns), other = kvt_file(ns);
	struct kvt_map a, b, l;
	uint64_t state = 7, i;

	ASSERT_EQ(kvt_alloc(fd, 64 * KIB, &a), 0);
	EXPECT_EQ(kvt_release(other, a.handle), -ENOENT);
	EXPECT_EQ(kvt_commit(other, &a, 1, 0), -ENOENT);
	EXPECT_EQ(kvt_release(fd, a.handle), 0);
	EXPECT_EQ(kvt_release(fd, a.handle), -ENOENT);
	EXPECT_EQ(kvt_commit(fd, &a, 1, 0), -ENOENT);
	/* A number is not used again soon. */
	for (i = 0; i < 1000; i++) {
		ASSERT_EQ(kvt_alloc(fd, 4096, &b), 0);
		EXPECT_NE(b.handle, a.handle);
		EXPECT_EQ(kvt_release(fd, a.handle), -ENOENT);
		EXPECT_EQ(kvt_release(fd, b.handle), 0);
	}
	make_leased(fd, 1, 64 * KIB, &l);
	EXPECT_EQ(kvt_commit(fd, &l, 2, 0), -ENOENT);	/* a lease is no allocation */
	EXPECT_EQ(kvt_release(fd, 0), -ENOENT);
	EXPECT_EQ(kvt_release(fd, UINT64_MAX), -ENOENT);
	for (i = 0; i < 1000; i++) {
		uint64_t h = kvt_rand(&state) >> (i % 64);

		if (h != l.handle)
			EXPECT_EQ(kvt_release(fd, h), -ENOENT);
	}
	EXPECT_EQ(kvt_release(fd, l.handle), 0);
	EXPECT_EQ(kvt_exists(fd, 2), -ENOENT);
}

TEST(mapping_rules)
{
	int fd = kvt_new(NULL);
	struct kvt_map l, a;
	uint8_t *p;

	make_leased(fd, 1, 64 * KIB, &l);
	/* never writable or executable */
	EXPECT_EQ(mprotect(l.p, 4096, RW), -1);
	EXPECT_EQ(mprotect(l.p, 64 * KIB, PROT_WRITE), -1);
	EXPECT_NE(mprotect(l.p, 4096, PROT_READ | PROT_EXEC), 0);
	EXPECT_TRUE(mmap(NULL, 64 * KIB, RW, MAP_SHARED, fd, l.offset) == MAP_FAILED);
	EXPECT_TRUE(mmap(NULL, 64 * KIB, PROT_WRITE, MAP_SHARED, fd, l.offset) == MAP_FAILED);
	EXPECT_TRUE(mmap(NULL, 64 * KIB, PROT_READ, MAP_PRIVATE, fd, l.offset) == MAP_FAILED);
	EXPECT_TRUE(mmap(NULL, 64 * KIB, RW, MAP_PRIVATE, fd, l.offset) == MAP_FAILED);
	EXPECT_TRUE(mmap(NULL, 64 * KIB, PROT_READ | PROT_EXEC, MAP_SHARED, fd, l.offset) ==
		    MAP_FAILED);
	/* not longer than the block */
	EXPECT_TRUE(mmap(NULL, 68 * KIB, PROT_READ, MAP_SHARED, fd, l.offset) == MAP_FAILED);
	EXPECT_TRUE(mmap(NULL, 64 * KIB, PROT_READ, MAP_SHARED, fd, l.offset + 4096) ==
		    MAP_FAILED);
	p = mremap(l.p, 64 * KIB, 128 * KIB, MREMAP_MAYMOVE);
	EXPECT_TRUE(p == MAP_FAILED);
	p = mremap(l.p, 4096, 8192, MREMAP_MAYMOVE);
	EXPECT_TRUE(p == MAP_FAILED);
	EXPECT_EQ(kvt_check(l.p, 64 * KIB, 1), -1);
	/* Parts of it, and twice, are fine. */
	p = mmap(NULL, 8 * KIB, PROT_READ, MAP_SHARED, fd, l.offset + 16 * KIB);
	EXPECT_TRUE(p != MAP_FAILED && kvt_check_at(p, 8 * KIB, 1, 16 * KIB) < 0);
	ASSERT_EQ(kvt_alloc(fd, 64 * KIB, &a), 0);
	EXPECT_TRUE(mmap(NULL, 64 * KIB, RW, MAP_PRIVATE, fd, a.offset) == MAP_FAILED);
	EXPECT_TRUE(mmap(NULL, 68 * KIB, RW, MAP_SHARED, fd, a.offset) == MAP_FAILED);
	EXPECT_TRUE(mmap(NULL, 64 * KIB, RW | PROT_EXEC, MAP_SHARED, fd, a.offset) == MAP_FAILED);
	EXPECT_TRUE(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
}

/* Moving a mapping (mremap without growing) shows the same bytes or fails. */
TEST(mremap_move)
{
	int fd = kvt_new(NULL);
	struct kvt_map l;
	uint8_t *to, *p;

	make_leased(fd, 1, 64 * KIB, &l);
	to = mmap(NULL, 64 * KIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	p = mremap(l.p, 64 * KIB, 64 * KIB, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	if (p == MAP_FAILED)
		return;
	EXPECT_EQ(kvt_check(p, 64 * KIB, 1), -1);
	EXPECT_EQ(kvt_release(fd, l.handle), 0);
	EXPECT_EQ(kvt_touch(p, false), SIGBUS);
	/* mremap of 0 bytes would make a second mapping */
	p = mremap(p, 0, 64 * KIB, MREMAP_MAYMOVE);
	if (p != MAP_FAILED)
		EXPECT_EQ(kvt_touch(p, false), SIGBUS);
}

TEST(not_inherited_by_fork)
{
	int fd = kvt_new(NULL);
	struct kvt_map l, a;
	pid_t pid;

	make_leased(fd, 1, 64 * KIB, &l);
	ASSERT_EQ(kvt_alloc(fd, 64 * KIB, &a), 0);
	ASSERT_TRUE(kvt_mmap(fd, &a, RW));
	EXPECT_EQ(kvt_check(l.p, 64 * KIB, 1), -1);
	pid = kvt_fork();
	if (!pid) {
		EXPECT_EQ(kvt_touch(l.p, false), SIGSEGV);
		EXPECT_EQ(kvt_touch(a.p, true), SIGSEGV);
		kvt_exit();
	}
	EXPECT_EQ(kvt_wait(pid, 10000), 0);
	/* Who asks for it gets an area without pages. */
	madvise(l.p, 64 * KIB, MADV_DOFORK);
	madvise(a.p, 64 * KIB, MADV_DOFORK);
	pid = kvt_fork();
	if (!pid) {
		EXPECT_NE(kvt_touch(l.p, false), 0);
		EXPECT_NE(kvt_touch(a.p, true), 0);
		kvt_exit();
	}
	EXPECT_EQ(kvt_wait(pid, 10000), 0);
	EXPECT_EQ(kvt_touch(l.p, false), 0);
	EXPECT_EQ(kvt_touch(a.p, true), 0);
}

TEST(sigbus_after_release)
{
	int fd = kvt_new(NULL);
	struct kvt_map l[2];
	uint8_t *again;

	make_leased(fd, 1, 64 * KIB, &l[0]);
	ASSERT_EQ(kvt_lease(fd, 1, &l[1]), 0);
	ASSERT_TRUE(kvt_mmap(fd, &l[1], PROT_READ));
	again = mmap(NULL, 64 * KIB, PROT_READ, MAP_SHARED, fd, l[0].offset);
	ASSERT_TRUE(again != MAP_FAILED);
	EXPECT_EQ(kvt_check(again, 64 * KIB, 1), -1);
	EXPECT_EQ(kvt_check(l[1].p, 64 * KIB, 1), -1);
	EXPECT_EQ(kvt_release(fd, l[0].handle), 0);
	EXPECT_EQ(kvt_touch(l[0].p, false), SIGBUS);
	EXPECT_EQ(kvt_touch(l[0].p + 60 * KIB, false), SIGBUS);
	EXPECT_EQ(kvt_touch(again, false), SIGBUS);
	EXPECT_TRUE(mmap(NULL, 64 * KIB, PROT_READ, MAP_SHARED, fd, l[0].offset) ==
		    MAP_FAILED);
	/* the other lease is untouched */
	EXPECT_EQ(kvt_check(l[1].p, 64 * KIB, 1), -1);
	EXPECT_EQ(kvt_release(fd, l[1].handle), 0);
}

TEST(mapping_outlives_the_descriptor)
{
	int fd = kvt_new(NULL);
	struct kvt_map l;

	make_leased(fd, 1, 64 * KIB, &l);
	close(fd);
	/* The mapping keeps the file, so the lease lives. */
	EXPECT_EQ(kvt_check(l.p, 64 * KIB, 1), -1);
	kvt_munmap(&l);
}

TEST(lease_survives_delete)
{
	const char *ns = kvt_ns(NULL);
	int fd = kvt_file(ns);
	struct kvt_map l;
	unsigned int i;

	make_leased(fd, 1, 256 * KIB, &l);
	EXPECT_EQ(kvt_delete(fd, 1), 0);
	EXPECT_EQ(kvt_exists(fd, 1), -ENOENT);
	EXPECT_EQ(kvt_info(fd).used_blocks, 0);
	EXPECT_GE(kvt_info(fd).used_bytes, 256 * KIB);
	for (i = 0; i < 50; i++)
		ASSERT_EQ(kvt_put_key(fd, 100 + i, 256 * KIB), 0);
	EXPECT_EQ(kvt_check(l.p, 256 * KIB, 1), -1);
	/* The same key can be there anew, beside the leased one. */
	EXPECT_EQ(kvt_put(fd, 1, "new", 3), 0);
	EXPECT_EQ(kvt_check(l.p, 256 * KIB, 1), -1);
	EXPECT_EQ(kvt_release(fd, l.handle), 0);
	EXPECT_EQ(kvt_touch(l.p, false), SIGBUS);
}

TEST(lease_survives_pressure)
{
	struct kvt_ns_opts o = { .quota_bytes = 8 * MIB };
	int fd = kvt_new(&o);
	struct kvt_map l;
	unsigned int i;

	make_leased(fd, 1, MIB, &l);
	for (i = 0; i < 40; i++)
		ASSERT_EQ(kvt_put_key(fd, 100 + i, MIB), 0);
	EXPECT_EQ(kvt_check(l.p, MIB, 1), -1);
	EXPECT_EQ(kvt_exists(fd, 1), 0);
	EXPECT_GT(kvt_info(fd).evictions, 0);
	EXPECT_EQ(kvt_release(fd, l.handle), 0);
	for (i = 0; i < 40; i++)
		ASSERT_EQ(kvt_put_key(fd, 200 + i, MIB), 0);
	EXPECT_EQ(kvt_exists(fd, 1), -ENOENT);
}

/* Threads write on while the block is committed: they get SIGBUS, and the
 * block is what the checksum says, for ever.
 */
static uint8_t *volatile racing;
static volatile sig_atomic_t writers_bus;

static void *racing_writer(void *arg)
{
	uint64_t n = (uintptr_t)arg;

	while (!kvt_touch(racing + n % (64 * KIB), true))
		n += 64;
	__atomic_add_fetch(&writers_bus, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* kvt_touch() installs handlers for the process: one writer is enough. */
TEST(writer_races_commit)
{
	int fd = kvt_new(NULL);
	unsigned int i;

	for (i = 0; i < kvt_scale(30, 1000); i++) {
		uint8_t first[64 * KIB];
		struct kvt_map a, l;
		pthread_t thread;

		ASSERT_EQ(kvt_alloc(fd, 64 * KIB, &a), 0);
		ASSERT_TRUE(kvt_mmap(fd, &a, RW));
		racing = a.p;
		ASSERT_EQ(pthread_create(&thread, NULL, racing_writer, (void *)(uintptr_t)i), 0);
		kvt_sleep_ms(i % 3);
		ASSERT_EQ(kvt_commit(fd, &a, i, 0), 0);
		ASSERT_EQ(kvt_lease(fd, i, &l), 0);
		ASSERT_TRUE(kvt_mmap(fd, &l, PROT_READ));
		EXPECT_EQ(kvt_crc32c(l.p, 64 * KIB), l.crc);
		memcpy(first, l.p, 64 * KIB);
		pthread_join(thread, NULL);
		EXPECT_EQ(writers_bus, (int)i + 1);
		EXPECT_EQ(memcmp(first, l.p, 64 * KIB), 0);
		EXPECT_EQ(kvt_get(fd, i, first, 64 * KIB), 0);
		kvt_munmap(&a);
		kvt_munmap(&l);
		kvt_release(fd, l.handle);
		kvt_delete(fd, i);
	}
	EXPECT_EQ(kvt_info(fd).corrupt, 0);
}

/* A writer that kept a pin harms only its own block: a miss, not wrong bytes. */
TEST(pinned_writer_makes_a_miss)
{
	int fd = kvt_new(NULL);
	uint8_t *buf = kvt_pages_new(64 * KIB);
	struct kvt_pin pin;
	struct kvmem_op op;
	struct kvt_map a;

	ASSERT_EQ(kvt_alloc(fd, 64 * KIB, &a), 0);
	ASSERT_TRUE(kvt_mmap(fd, &a, RW));
	kvt_fill(a.p, 64 * KIB, 1);
	kvt_pin_pages(&pin, a.p, 64 * KIB);
	ASSERT_EQ(kvt_commit(fd, &a, 1, 0), 0);
	EXPECT_EQ(kvt_get_key(fd, 1, 64 * KIB), 0);
	kvt_pin_write(&pin, 5000, "scribble", 8);
	op = kvt_make_op(KVMEM_OP_GET, 1);
	op.addr = (uintptr_t)buf;
	op.len = 64 * KIB;
	EXPECT_EQ(kvt_op(fd, &op), -ENOENT);
	EXPECT_TRUE(op.res_flags & KVMEM_RES_F_CORRUPT);
	EXPECT_EQ(kvt_info(fd).corrupt, 1);
	/* dropped: the next is a plain miss */
	op = kvt_make_op(KVMEM_OP_EXISTS, 1);
	EXPECT_EQ(kvt_op(fd, &op), -ENOENT);
	EXPECT_EQ(op.res_flags & KVMEM_RES_F_CORRUPT, 0);
	kvt_pin_drop(&pin);
}

/* The same with large blocks, where a partial read checks a piece of it. */
TEST(partial_reads_of_a_scribbled_block)
{
	static uint8_t buf[4096];
	int fd = kvt_new(NULL);
	struct kvt_pin pin;
	struct kvmem_op op;
	struct kvt_map a;
	size_t off;

	for (off = 100; off < 5 * MIB; off += MIB + 777) {
		ASSERT_EQ(kvt_alloc(fd, 5 * MIB, &a), 0);
		ASSERT_TRUE(kvt_mmap(fd, &a, RW));
		kvt_fill(a.p, 5 * MIB, 1);
		kvt_pin_pages(&pin, a.p, 5 * MIB);
		ASSERT_EQ(kvt_commit(fd, &a, 1, 0), 0);
		kvt_pin_write(&pin, off, "scribble", 8);
		op = kvt_make_op(KVMEM_OP_GET, 1);
		op.addr = (uintptr_t)buf;
		op.len = 16;
		op.offset = off - 4;
		op.flags = KVMEM_OP_F_PARTIAL;
		EXPECT_EQ(kvt_op(fd, &op), -ENOENT);
		EXPECT_TRUE(op.res_flags & KVMEM_RES_F_CORRUPT);
		kvt_pin_drop(&pin);
		kvt_munmap(&a);
	}
}

TEST(release_of_an_allocation)
{
	int fd = kvt_new(NULL);
	struct kvt_map a;

	ASSERT_EQ(kvt_alloc(fd, MIB, &a), 0);
	ASSERT_TRUE(kvt_mmap(fd, &a, RW));
	memset(a.p, 1, MIB);
	EXPECT_EQ(kvt_info(fd).nr_handles, 1);
	EXPECT_GE(kvt_info(fd).used_bytes, MIB);
	EXPECT_EQ(kvt_release(fd, a.handle), 0);
	EXPECT_EQ(kvt_touch(a.p, false), SIGBUS);
	EXPECT_EQ(kvt_info(fd).used_bytes, 0);
	EXPECT_EQ(kvt_info(fd).nr_handles, 0);
}

TEST(handles_die_with_the_file)
{
	const char *ns = kvt_ns(NULL);
	int fd = kvt_file(ns), watch = kvt_file(ns), other;
	struct kvt_map a;
	unsigned int i;

	for (i = 0; i < 10; i++)
		ASSERT_EQ(kvt_alloc(fd, 256 * KIB, &a), 0);
	other = dup(fd);
	close(fd);
	EXPECT_GE(kvt_info(watch).used_bytes, 10 * 256 * KIB);
	EXPECT_EQ(kvt_info(watch).nr_handles, 0);
	EXPECT_EQ(kvt_info(other).nr_handles, 10);
	close(other);
	EXPECT_TRUE(kvt_wait_for(kvt_info(watch).used_bytes == 0, 5000));
}

/* Syscalls that take pages from the mapping themselves. */
TEST(kernel_reads_of_a_lease)
{
	static uint8_t buf[64 * KIB];
	int fd = kvt_new(NULL), pipes[2], mem;
	struct iovec local = { buf, sizeof(buf) }, remote;
	struct kvt_map l;

	make_leased(fd, 1, 64 * KIB, &l);
	ASSERT_EQ(pipe(pipes), 0);
	EXPECT_EQ(write(pipes[1], l.p, 4096), 4096);
	EXPECT_EQ(read(pipes[0], buf, 4096), 4096);
	EXPECT_EQ(kvt_check(buf, 4096, 1), -1);
	/* Reading into it must not work. */
	EXPECT_EQ(write(pipes[1], buf, 4096), 4096);
	EXPECT_EQ(read(pipes[0], l.p, 4096), -1);
	EXPECT_EQ(errno, EFAULT);
	remote = (struct iovec){ l.p, 64 * KIB };
	EXPECT_EQ(process_vm_writev(getpid(), &local, 1, &remote, 1, 0), -1);
	/* /proc/self/mem with its forced writes */
	mem = open("/proc/self/mem", O_RDWR);
	if (mem >= 0)
		EXPECT_NE(pwrite(mem, "XXXX", 4, (uintptr_t)l.p), 4);
	EXPECT_EQ(kvt_check(l.p, 64 * KIB, 1), -1);
	EXPECT_EQ(kvt_get_key(fd, 1, 64 * KIB), 0);
}

/* PUT from a lease, GET into an allocation: our own pages as the user's. */
TEST(own_pages_as_source_and_destination)
{
	int fd = kvt_new(NULL);
	struct kvt_map l, a;

	make_leased(fd, 1, MIB, &l);
	EXPECT_EQ(kvt_put(fd, 2, l.p, MIB), 0);
	ASSERT_EQ(kvt_alloc(fd, MIB, &a), 0);
	ASSERT_TRUE(kvt_mmap(fd, &a, RW));
	EXPECT_EQ(kvt_get(fd, 1, a.p, MIB), 0);
	EXPECT_EQ(kvt_check(a.p, MIB, 1), -1);
	EXPECT_EQ(kvt_get(fd, 1, l.p, MIB), -EFAULT);
	ASSERT_EQ(kvt_commit(fd, &a, 3, 0), 0);
	EXPECT_EQ(kvt_touch(a.p, false), SIGBUS);
}

struct release_race {
	int fd;
	uint64_t handle;
	int won;
};

static void *racing_release(void *arg)
{
	struct release_race *r = arg;
	int rc = kvt_release(r->fd, r->handle);

	EXPECT_TRUE(rc == 0 || rc == -ENOENT || rc == -EBUSY);
	if (!rc)
		__atomic_add_fetch(&r->won, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

TEST(double_release_race)
{
	struct release_race r = { .fd = kvt_new(NULL) };
	unsigned int i, t;

	for (i = 0; i < 50; i++) {
		pthread_t threads[3];
		struct kvt_map l;

		make_leased(r.fd, i, 64 * KIB, &l);
		if (i % 2)
			ASSERT_EQ(kvt_alloc(r.fd, 64 * KIB, &l), 0);
		r.handle = l.handle;
		r.won = 0;
		for (t = 0; t < 3; t++)
			pthread_create(&threads[t], NULL, racing_release, &r);
		for (t = 0; t < 3; t++)
			pthread_join(threads[t], NULL);
		EXPECT_EQ(r.won, 1);
		kvt_munmap(&l);
	}
	/* In every second round the lease stayed. */
	EXPECT_EQ(kvt_info(r.fd).nr_handles, 25);
}

/* Faults race with release: bytes of the block or SIGBUS, nothing else. */
static struct kvt_map fault_map;
static volatile bool fault_stop;

static void *faulter(void *arg)
{
	uint64_t n = 0;

	(void)arg;
	while (!fault_stop)
		kvt_touch(fault_map.p + n++ * 4096 % (256 * KIB), false);
	return NULL;
}

TEST(faults_race_release)
{
	int fd = kvt_new(NULL);
	pthread_t thread;
	unsigned int i;

	make_leased(fd, 1, 256 * KIB, &fault_map);
	for (i = 0; i < 100; i++) {
		fault_stop = false;
		ASSERT_EQ(pthread_create(&thread, NULL, faulter, NULL), 0);
		kvt_sleep_ms(i % 4);
		EXPECT_EQ(kvt_release(fd, fault_map.handle), 0);
		kvt_sleep_ms(1);
		fault_stop = true;
		pthread_join(thread, NULL);
		/* One thread at a time: kvt_touch() sets the process's handlers. */
		EXPECT_EQ(kvt_touch(fault_map.p, false), SIGBUS);
		kvt_munmap(&fault_map);
		ASSERT_EQ(kvt_lease(fd, 1, &fault_map), 0);
		ASSERT_TRUE(kvt_mmap(fd, &fault_map, PROT_READ));
	}
}

TEST_MAIN()
