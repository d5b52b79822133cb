// SPDX-License-Identifier: GPL-2.0
/*
 * Registered buffers: ranges, rights, lifetime, accounting.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include "kvmem_util.h"

static int reg(int fd, void *addr, uint64_t len, unsigned int flags, uint32_t *id)
{
	struct kvmem_buf_reg r = { .size = sizeof(r), .flags = flags,
				   .addr = (uintptr_t)addr, .length = len, .buf_id = 99 };
	int rc = kvt_ioctl(fd, KVMEM_IOC_BUF_REG, &r);

	*id = r.buf_id;
	return rc;
}

static int unreg(int fd, uint32_t id)
{
	struct kvmem_buf_unreg u = { .size = sizeof(u), .buf_id = id };

	return kvt_ioctl(fd, KVMEM_IOC_BUF_UNREG, &u);
}

static int buf_op(int fd, unsigned int code, uint64_t key, uint32_t buf, uint64_t addr,
		  uint64_t len)
{
	struct kvmem_op op = kvt_make_op(code, key);

	op.buf = buf;
	op.addr = addr;
	op.len = len;
	return kvt_op(fd, &op);
}

static long locked_kb(void)
{
	return kvt_proc_value("/proc/self/status", "VmLck:");
}

TEST(offsets_and_edges)
{
	static const size_t starts[] = { 0, 1, 511, 4095 };
	uint8_t *p = kvt_pages_new(4 * MIB);
	int fd = kvt_new(NULL);
	unsigned int i;
	uint64_t key = 0;
	uint32_t id;

	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		uint8_t *base = p + starts[i];
		uint64_t len = 3 * MIB + 13, off;

		ASSERT_EQ(reg(fd, base, len, 0, &id), 0);
		EXPECT_GT(id, 0);
		for (off = 0; off < len; off = off * 5 + 4093) {
			uint64_t n = len - off < 9216 ? len - off : 9216;

			key++;
			kvt_fill(base + off, n, key);
			EXPECT_EQ(buf_op(fd, KVMEM_OP_PUT, key, id, off, n), 0);
			memset(base, 0, len);
			EXPECT_EQ(buf_op(fd, KVMEM_OP_GET, key, id, len - n, n), 0);
			EXPECT_EQ(kvt_check(base + len - n, n, key), -1);
			EXPECT_TRUE(kvt_all_zero(base, len - n));
		}
		/* Exactly to the end, and one byte too far. */
		EXPECT_EQ(buf_op(fd, KVMEM_OP_PUT, ++key, id, 0, len), 0);
		EXPECT_EQ(buf_op(fd, KVMEM_OP_PUT, 1000, id, 1, len), -EINVAL);
		EXPECT_EQ(buf_op(fd, KVMEM_OP_PUT, 1000, id, len, 1), -EINVAL);
		EXPECT_EQ(buf_op(fd, KVMEM_OP_PUT, 1000, id, len - 1, 2), -EINVAL);
		EXPECT_EQ(buf_op(fd, KVMEM_OP_PUT, 1000, id, UINT64_MAX, 2), -EINVAL);
		EXPECT_EQ(buf_op(fd, KVMEM_OP_PUT, 1000, id, UINT64_MAX - 1, 4), -EINVAL);
		EXPECT_EQ(buf_op(fd, KVMEM_OP_GET, key, id, 1, len), -EINVAL);
		EXPECT_EQ(kvt_exists(fd, 1000), -ENOENT);
		EXPECT_EQ(unreg(fd, id), 0);
	}
}

TEST(large_through_buffer)
{
	uint8_t *p = kvt_pages_new(12 * MIB);
	int fd = kvt_new(NULL);
	uint32_t id;

	ASSERT_EQ(reg(fd, p, 12 * MIB, 0, &id), 0);
	kvt_fill(p + 5, 5 * MIB + 7, 1);
	EXPECT_EQ(buf_op(fd, KVMEM_OP_PUT, 1, id, 5, 5 * MIB + 7), 0);
	EXPECT_EQ(buf_op(fd, KVMEM_OP_GET, 1, id, 6 * MIB + 1, 5 * MIB + 7), 0);
	EXPECT_EQ(kvt_check(p + 6 * MIB + 1, 5 * MIB + 7, 1), -1);
}

TEST(read_only_buffers)
{
	uint8_t *p = kvt_pages_new(64 * KIB);
	int fd = kvt_new(NULL);
	uint32_t id;

	kvt_fill(p, 64 * KIB, 1);
	mprotect(p, 64 * KIB, PROT_READ);
	EXPECT_EQ(reg(fd, p, 64 * KIB, 0, &id), -EFAULT);
	ASSERT_EQ(reg(fd, p, 64 * KIB, KVMEM_BUF_F_RDONLY, &id), 0);
	EXPECT_EQ(buf_op(fd, KVMEM_OP_PUT, 1, id, 0, 64 * KIB), 0);
	EXPECT_NE(buf_op(fd, KVMEM_OP_GET, 1, id, 0, 64 * KIB), 0);
	EXPECT_EQ(kvt_get_key(fd, 1, 64 * KIB), 0);
	EXPECT_EQ(unreg(fd, id), 0);
}

/* Writable memory registered read-only stays what it is. */
TEST(read_only_flag_is_kept)
{
	uint8_t *p = kvt_pages_new(8 * KIB);
	int fd = kvt_new(NULL);
	uint32_t id;

	kvt_put_key(fd, 1, 8 * KIB);
	ASSERT_EQ(reg(fd, p, 8 * KIB, KVMEM_BUF_F_RDONLY, &id), 0);
	EXPECT_NE(buf_op(fd, KVMEM_OP_GET, 1, id, 0, 8 * KIB), 0);
	EXPECT_TRUE(kvt_all_zero(p, 8 * KIB));
}

TEST(ids_belong_to_the_file)
{
	uint8_t *p = kvt_pages_new(8 * KIB);
	const char *ns = kvt_ns(NULL);
	int fd = kvt_file(ns), other = kvt_file(ns);
	uint32_t id, id2;

	ASSERT_EQ(reg(fd, p, 8 * KIB, 0, &id), 0);
	EXPECT_EQ(buf_op(other, KVMEM_OP_PUT, 1, id, 0, 100), -EBADSLT);
	EXPECT_EQ(unreg(other, id), -ENOENT);
	EXPECT_EQ(unreg(fd, id), 0);
	EXPECT_EQ(unreg(fd, id), -ENOENT);
	EXPECT_EQ(buf_op(fd, KVMEM_OP_PUT, 1, id, 0, 100), -EBADSLT);
	/* The same memory twice is two buffers. */
	ASSERT_EQ(reg(fd, p, 8 * KIB, 0, &id), 0);
	ASSERT_EQ(reg(fd, p, 8 * KIB, 0, &id2), 0);
	EXPECT_NE(id, id2);
	EXPECT_EQ(unreg(fd, id), 0);
	EXPECT_EQ(buf_op(fd, KVMEM_OP_PUT, 1, id2, 0, 100), 0);
}

/* The buffer is the memory that was registered, not the address. */
TEST(memory_unmapped_after_register)
{
	uint8_t *p = kvt_pages_new(64 * KIB);
	int fd = kvt_new(NULL);
	uint32_t id;

	kvt_fill(p, 64 * KIB, 1);
	ASSERT_EQ(reg(fd, p, 64 * KIB, 0, &id), 0);
	munmap(p, 64 * KIB);
	EXPECT_EQ(buf_op(fd, KVMEM_OP_PUT, 1, id, 0, 64 * KIB), 0);
	EXPECT_EQ(kvt_get_key(fd, 1, 64 * KIB), 0);
	EXPECT_EQ(unreg(fd, id), 0);
}

static void locked(void *arg)
{
	int *fd = arg;
	struct rlimit r = { 256 * KIB, 256 * KIB };
	uint8_t *p = kvt_pages_new(2 * MIB);
	uint32_t a, b;
	int own;

	ASSERT_EQ(setrlimit(RLIMIT_MEMLOCK, &r), 0);
	ASSERT_EQ(setresuid(1234, 1234, 1234), 0);
	(void)own;
	EXPECT_EQ(reg(*fd, p, MIB, 0, &a), -ENOMEM);
	EXPECT_EQ(reg(*fd, p, 128 * KIB, 0, &a), 0);
	EXPECT_EQ(reg(*fd, p, 256 * KIB, 0, &b), -ENOMEM);
	EXPECT_EQ(unreg(*fd, a), 0);
	EXPECT_EQ(reg(*fd, p, 256 * KIB, 0, &b), 0);
	EXPECT_EQ(unreg(*fd, b), 0);
}

TEST(memlock_limit)
{
	int fd = kvt_new(NULL);

	kvt_in_child(locked, &fd);
}

TEST(accounting_comes_back)
{
	uint8_t *p = kvt_pages_new(MIB);
	long before = locked_kb();
	int fd = kvt_new(NULL), i;
	uint32_t id;

	ASSERT_EQ(reg(fd, p, MIB, 0, &id), 0);
	EXPECT_GE(locked_kb(), before + 1024);
	EXPECT_EQ(unreg(fd, id), 0);
	EXPECT_EQ(locked_kb(), before);
	for (i = 0; i < 10; i++)
		ASSERT_EQ(reg(fd, p, MIB, 0, &id), 0);
	/* close() gives back what was not unregistered */
	close(fd);
	EXPECT_TRUE(kvt_wait_for(locked_kb() == before, 5000));
}

TEST(number_is_limited)
{
	struct kvmem_query q = { .size = sizeof(q) };
	uint8_t *p = kvt_pages_new(4 * KIB);
	int fd = kvt_new(NULL), rc = 0;
	unsigned int i;
	uint32_t id;

	ASSERT_EQ(kvt_ioctl(fd, KVMEM_IOC_QUERY, &q), 0);
	ASSERT_LE(q.max_buffers, 100000);
	for (i = 0; i <= q.max_buffers && !rc; i++)
		rc = reg(fd, p, 10, 0, &id);
	EXPECT_EQ(rc, -EMFILE);
	EXPECT_EQ(i, q.max_buffers + 1);
}

/* Unregister while other threads use it: all operations end well or EBADSLT. */
struct shared {
	int fd;
	volatile uint32_t id;
	volatile bool stop;
	unsigned long done;
};

static void *use_buffer(void *arg)
{
	struct shared *s = arg;

	while (!s->stop) {
		int rc = buf_op(s->fd, KVMEM_OP_GET, 1, s->id, 0, MIB);

		EXPECT_TRUE(rc == 0 || rc == -EBADSLT);
		s->done++;
	}
	return NULL;
}

TEST(unregister_while_in_use)
{
	struct shared s = { .fd = kvt_new(NULL) };
	uint8_t *p = kvt_pages_new(MIB);
	unsigned int i;
	pthread_t thread;
	uint32_t id;

	kvt_put_key(s.fd, 1, MIB);
	ASSERT_EQ(reg(s.fd, p, MIB, 0, &id), 0);
	s.id = id;
	ASSERT_EQ(pthread_create(&thread, NULL, use_buffer, &s), 0);
	for (i = 0; i < 100; i++) {
		kvt_sleep_ms(1);
		EXPECT_EQ(unreg(s.fd, id), 0);
		ASSERT_EQ(reg(s.fd, p, MIB, 0, &id), 0);
		s.id = id;
	}
	s.stop = true;
	pthread_join(thread, NULL);
	EXPECT_GT(s.done, 0);
	EXPECT_EQ(kvt_check(p, MIB, 1), -1);
}

/* After fork the child's copy is another memory; the buffer is the parent's. */
TEST(fork_shares_the_file)
{
	uint8_t *p = kvt_pages_new(64 * KIB);
	int fd = kvt_new(NULL);
	uint32_t id;
	pid_t pid;

	kvt_put_key(fd, 1, 64 * KIB);
	memset(p, 0, 64 * KIB);
	ASSERT_EQ(reg(fd, p, 64 * KIB, 0, &id), 0);
	pid = kvt_fork();
	if (!pid) {
		EXPECT_EQ(buf_op(fd, KVMEM_OP_GET, 1, id, 0, 64 * KIB), 0);
		kvt_exit();
	}
	EXPECT_EQ(kvt_wait(pid, 10000), 0);
	EXPECT_EQ(kvt_check(p, 64 * KIB, 1), -1);
}

TEST(kinds_of_memory)
{
	int fd = kvt_new(NULL), mem = memfd_create("kvt", 0);
	uint8_t *p;
	uint32_t id;

	ASSERT_EQ(ftruncate(mem, MIB), 0);
	p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0);
	ASSERT_TRUE(p != MAP_FAILED);
	ASSERT_EQ(reg(fd, p, MIB, 0, &id), 0);
	kvt_fill(p, MIB, 1);
	EXPECT_EQ(buf_op(fd, KVMEM_OP_PUT, 1, id, 0, MIB), 0);
	EXPECT_EQ(ftruncate(mem, 0), 0);
	/* The pages are still held: no fault, no crash, bounded. */
	EXPECT_EQ(buf_op(fd, KVMEM_OP_GET, 1, id, 0, MIB), 0);
	EXPECT_EQ(kvt_get_key(fd, 1, MIB), 0);
	EXPECT_EQ(unreg(fd, id), 0);
	/* Our own lease as a buffer: whatever the answer, nothing breaks. */
	{
		struct kvt_map m;

		ASSERT_EQ(kvt_lease(fd, 1, &m), 0);
		ASSERT_TRUE(kvt_mmap(fd, &m, PROT_READ));
		if (!reg(fd, m.p, MIB, 0, &id)) {
			kvt_fail(__FILE__, __LINE__, "a lease not to be a writable buffer");
			unreg(fd, id);
		}
		if (!reg(fd, m.p, MIB, KVMEM_BUF_F_RDONLY, &id)) {
			EXPECT_EQ(buf_op(fd, KVMEM_OP_PUT, 2, id, 0, MIB), 0);
			EXPECT_EQ(unreg(fd, id), 0);
		}
		kvt_munmap(&m);
	}
}

TEST_MAIN()
