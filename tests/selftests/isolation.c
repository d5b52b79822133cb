// SPDX-License-Identifier: GPL-2.0
/*
 * No byte of another namespace, or of an earlier tenant, by any way in.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <liburing.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include "kvmem_util.h"

#define RW (PROT_READ | PROT_WRITE)
#define SECRET 0x5ec2e7

/* Any 8 bytes of the secret in @p?  The secret has no zero word. */
static bool has_secret(const uint8_t *p, size_t len)
{
	static uint8_t pattern[64];
	size_t i;

	if (!pattern[0])
		memset(pattern, 0xd7, sizeof(pattern));
	for (i = 0; i + 8 <= len; i += 8)
		if (!memcmp(p + i, pattern, 8))
			return true;
	return false;
}

static void put_secret(int fd, uint64_t key, size_t len)
{
	uint8_t *p = malloc(len);

	memset(p, 0xd7, len);
	ASSERT_EQ(kvt_put(fd, key, p, len), 0);
	free(p);
}

/* Every opcode, by the very keys of the other namespace. */
TEST(same_keys_in_two_namespaces)
{
	static uint8_t p[64 * KIB], keys[16][KVMEM_KEY_LEN];
	int a = kvt_new(NULL), b = kvt_new(NULL);
	unsigned int code, i;

	for (i = 0; i < 16; i++) {
		put_secret(a, i, 64 * KIB);
		kvt_key(keys[i], i);
	}
	for (code = KVMEM_OP_GET; code < KVMEM_OP_NR; code++) {
		struct kvmem_op op = kvt_make_op(code, 3);

		if (code == KVMEM_OP_PUT || code == KVMEM_OP_ALLOC ||
		    code == KVMEM_OP_COMMIT || code == KVMEM_OP_RELEASE)
			continue;
		if (code == KVMEM_OP_GET || code == KVMEM_OP_MATCH) {
			op.addr = (uintptr_t)(code == KVMEM_OP_GET ? p : keys[0]);
			op.len = code == KVMEM_OP_GET ? sizeof(p) : 16;
		}
		if (code == KVMEM_OP_MATCH)
			memset(op.key, 0, sizeof(op.key));
		kvt_op(b, &op);
		EXPECT_EQ(op.status, code == KVMEM_OP_MATCH ? 0 : -ENOENT);
		EXPECT_EQ(op.bytes, 0);
		EXPECT_EQ(op.crc, 0);
	}
	EXPECT_TRUE(!has_secret(p, sizeof(p)));
	/* b's block under the same key is b's. */
	EXPECT_EQ(kvt_put_key(b, 3, 1000), 0);
	EXPECT_EQ(kvt_get_key(b, 3, 1000), 0);
	EXPECT_EQ(kvt_delete(b, 3), 0);
	EXPECT_EQ(kvt_exists(a, 3), 0);
	EXPECT_EQ(kvt_info(b).used_bytes, 0);
	EXPECT_EQ(kvt_info(b).hits, 1);	/* its own */
}

/* Pages of a killed tenant, in the hands of the next. */
static void fill_all(const char *ns, size_t block, unsigned int nr)
{
	int fd = kvt_file(ns);
	unsigned int i;

	for (i = 0; i < nr; i++)
		put_secret(fd, i, block);
	close(fd);
}

TEST(recycled_pages_are_clean)
{
	static const size_t blocks[] = { 4096, 9216, 64 * KIB, 562176, MIB + 4096 };
	unsigned int round, i;

	kvt_arena(24 * MIB);
	for (round = 0; round < ARRAY_SIZE(blocks); round++) {
		const char *a = kvt_ns(NULL), *b;
		size_t seen = 0;
		int fd;

		fill_all(a, blocks[round], 22 * MIB / (blocks[round] + 4096));
		ASSERT_EQ(kvt_nl_ns_del(a), 0);
		b = kvt_ns(NULL);
		fd = kvt_file(b);
		for (i = 0; seen < 20 * MIB; i++) {
			size_t len = blocks[(round + i) % ARRAY_SIZE(blocks)];
			struct kvt_map m;

			if (kvt_alloc(fd, len, &m))
				break;
			ASSERT_TRUE(kvt_mmap(fd, &m, RW));
			EXPECT(kvt_all_zero(m.p, kvt_pages(len)),
			       "pages of an earlier tenant to be zeroed");
			seen += len;
			kvt_munmap(&m);
		}
		EXPECT_GT(seen, 8 * MIB);
		close(fd);
		kvt_nl_ns_del(b);
	}
}

/* The same by PUT: tails of the pages of a lease, and of packed copies. */
TEST(recycled_tails_are_clean)
{
	const char *a = kvt_ns(NULL);
	unsigned int i;
	int fd;

	kvt_arena(24 * MIB);
	fill_all(a, 64 * KIB, 300);
	ASSERT_EQ(kvt_nl_ns_del(a), 0);
	fd = kvt_new(NULL);
	for (i = 0; i < 200; i++) {
		size_t len = 1 + i * 331;
		struct kvt_map l;

		ASSERT_EQ(kvt_put_key(fd, i, len), 0);
		ASSERT_EQ(kvt_lease(fd, i, &l), 0);
		ASSERT_TRUE(kvt_mmap(fd, &l, PROT_READ));
		EXPECT_EQ(kvt_check(l.p, len, i), -1);
		EXPECT_TRUE(kvt_all_zero(l.p + len, kvt_pages(len) - len));
		EXPECT_EQ(kvt_release(fd, l.handle), 0);
		kvt_munmap(&l);
	}
}

/* Within one namespace a new allocation may not show the tail of a lease's
 * packed neighbour either, when the neighbour is another file's copy: what an
 * allocation shows is zero or the namespace's own, never another's.
 */
TEST(own_recycled_pages)
{
	struct kvt_ns_opts o = { .quota_bytes = 8 * MIB };
	int fd = kvt_new(&o), other = kvt_new(NULL);
	unsigned int i;

	for (i = 0; i < 100; i++)
		put_secret(other, i, 64 * KIB);
	for (i = 0; i < 300; i++) {
		struct kvt_map m;

		ASSERT_EQ(kvt_alloc(fd, 256 * KIB, &m), 0);
		ASSERT_TRUE(kvt_mmap(fd, &m, RW));
		EXPECT_TRUE(!has_secret(m.p, 256 * KIB));
		memset(m.p, 0x11, 256 * KIB);
		if (i % 2)
			kvt_commit(fd, &m, i, 0);
		else
			kvt_release(fd, m.handle);
		kvt_munmap(&m);
		if (i % 10 == 0) {
			kvt_delete(other, i / 10);
			put_secret(other, 1000 + i, 64 * KIB);
		}
	}
}

static void expect_no_map(int fd, uint64_t offset, size_t len)
{
	uint8_t *p = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, offset);

	if (p == MAP_FAILED)
		return;
	if (!kvt_touch(p, false)) {
		EXPECT(!has_secret(p, 4096), "nothing secret at offset %#llx",
		       (unsigned long long)offset);
		kvt_fail(__FILE__, __LINE__, "offset %#llx not to be mapped",
			 (unsigned long long)offset);
	}
	munmap(p, len);
}

static bool starts_at(const struct kvt_map *maps, unsigned int nr, uint64_t offset)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (maps[i].offset == offset)
			return true;
	return false;
}

TEST(mmap_offsets)
{
	const char *ns = kvt_ns(NULL);
	int a = kvt_file(ns), same = kvt_file(ns), b = kvt_new(NULL);
	struct kvt_map l[32];
	uint64_t state = 99;
	unsigned int i, k;

	for (i = 0; i < 32; i++) {
		put_secret(a, i, 64 * KIB);
		ASSERT_EQ(kvt_lease(a, i, &l[i]), 0);
	}
	/* Another file's offsets, in its own namespace and in another. */
	for (i = 0; i < 32; i++)
		for (k = 0; k < 17; k++) {
			expect_no_map(b, l[i].offset + k * 4096, 4096);
			expect_no_map(same, l[i].offset + k * 4096, 4096);
		}
	/* Round about every offset of one's own. */
	for (i = 0; i < 32; i++) {
		if (!starts_at(l, 32, l[i].offset + 64 * KIB))
			expect_no_map(a, l[i].offset + 64 * KIB, 4096);
		expect_no_map(a, l[i].offset + 60 * KIB, 8 * KIB);
	}
	for (i = 0; i < 64; i++)
		expect_no_map(b, 4096ULL << i, 4096);
	for (i = 0; i < kvt_scale(5000, 500000); i++)
		expect_no_map(b, (kvt_rand(&state) >> (i % 52)) & ~4095ULL, 4096);
	for (i = 0; i < 4096; i++)
		expect_no_map(b, i * 4096ULL, 4096);
}

TEST(stale_lease)
{
	int a = kvt_new(NULL), b = kvt_new(NULL);
	struct kvt_map l, m;
	unsigned int i;

	ASSERT_EQ(kvt_put_key(a, 1, 64 * KIB), 0);
	ASSERT_EQ(kvt_lease(a, 1, &l), 0);
	ASSERT_TRUE(kvt_mmap(a, &l, PROT_READ));
	EXPECT_EQ(kvt_touch(l.p, false), 0);
	EXPECT_EQ(kvt_release(a, l.handle), 0);
	EXPECT_EQ(kvt_delete(a, 1), 0);
	for (i = 0; i < 50; i++) {
		put_secret(b, i, 64 * KIB);
		EXPECT_EQ(kvt_touch(l.p, false), SIGBUS);
	}
	/* New handles of the same file do not come back at the old place. */
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(kvt_alloc(a, 64 * KIB, &m), 0);
		EXPECT_NE(m.offset, l.offset);
		EXPECT_EQ(kvt_touch(l.p, false), SIGBUS);
		EXPECT_EQ(kvt_release(a, m.handle), 0);
	}
}

/* A namespace is deleted while its pages are mapped. */
TEST(mapping_of_a_deleted_namespace)
{
	const char *ns = kvt_ns(NULL);
	int fd = kvt_file(ns), b;
	struct kvt_map l, a;
	unsigned int i;
	uint8_t byte;

	kvt_arena(16 * MIB);
	ASSERT_EQ(kvt_put_key(fd, 1, 64 * KIB), 0);
	ASSERT_EQ(kvt_lease(fd, 1, &l), 0);
	ASSERT_TRUE(kvt_mmap(fd, &l, PROT_READ));
	ASSERT_EQ(kvt_alloc(fd, 64 * KIB, &a), 0);
	ASSERT_TRUE(kvt_mmap(fd, &a, RW));
	memset(a.p, 0x22, 64 * KIB);
	ASSERT_EQ(kvt_nl_ns_del(ns), 0);
	b = kvt_new(NULL);
	for (i = 0; i < 100; i++)
		kvt_put(b, i, memset(malloc(64 * KIB), 0xd7, 64 * KIB), 64 * KIB);
	/* Its own bytes, or SIGBUS: nothing else. */
	if (!kvt_touch(l.p, false))
		EXPECT_EQ(kvt_check(l.p, 64 * KIB, 1), -1);
	if (!kvt_touch(a.p, false))
		EXPECT_TRUE(!has_secret(a.p, 64 * KIB));
	EXPECT_EQ(kvt_get(fd, 1, &byte, 1), -ESHUTDOWN);
}

static void *scribble_reads(int fd)
{
	uint8_t *p = malloc(64 * KIB);

	memset(p, 0, 64 * KIB);
	EXPECT_EQ(kvt_get(fd, 1, p, 64 * KIB), 0);
	return p;
}

/* A file that was inherited, or passed, stays in its namespace. */
TEST(inherited_and_passed_files)
{
	const char *secret = kvt_ns(NULL), *plain = kvt_ns(NULL);
	int a = kvt_file(secret), b = kvt_file(plain), pair[2];
	pid_t pid;

	put_secret(a, 1, 64 * KIB);
	kvt_put_key(b, 1, 64 * KIB);
	ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid = kvt_fork();
	if (!pid) {
		/* The child has both files; each shows its own namespace only. */
		EXPECT_EQ(kvt_check(scribble_reads(b), 64 * KIB, 1), -1);
		EXPECT_TRUE(has_secret(scribble_reads(a), 64 * KIB));
		EXPECT_EQ(kvt_try_attach(b, secret, NULL, NULL), -EISCONN);
		close(a);
		EXPECT_EQ(kvt_check(scribble_reads(b), 64 * KIB, 1), -1);
		kvt_exit();
	}
	EXPECT_EQ(kvt_wait(pid, 10000), 0);
	EXPECT_EQ(kvt_try_attach(b, secret, NULL, NULL), -EISCONN);
}

/* Leases taken by one process are no pages in another with the same file. */
TEST(child_maps_what_the_file_leased)
{
	int fd = kvt_new(NULL), other = kvt_new(NULL);
	struct kvt_map l;
	pid_t pid;

	ASSERT_EQ(kvt_put_key(fd, 1, 64 * KIB), 0);
	ASSERT_EQ(kvt_lease(fd, 1, &l), 0);
	pid = kvt_fork();
	if (!pid) {
		expect_no_map(other, l.offset, 4096);
		ASSERT_TRUE(kvt_mmap(fd, &l, PROT_READ));
		EXPECT_EQ(kvt_check(l.p, 64 * KIB, 1), -1);
		EXPECT_EQ(kvt_release(fd, l.handle), 0);
		EXPECT_EQ(kvt_touch(l.p, false), SIGBUS);
		kvt_exit();
	}
	EXPECT_EQ(kvt_wait(pid, 10000), 0);
	EXPECT_EQ(kvt_release(fd, l.handle), -ENOENT);
}

/*
 * Quarantine: while somebody else references a page, its chunk goes to no
 * other namespace.
 */
static void check_quarantine(void (*drop)(void *), void *arg, const char *ns)
{
	uint64_t state = 5;
	unsigned int i;
	int fd;

	ASSERT_EQ(kvt_nl_ns_del(ns), 0);
	EXPECT_TRUE(kvt_wait_for(kvt_arena_info().quarantined > 0, 5000));
	/* Somebody else takes all the memory there is, several times over. */
	fd = kvt_new(NULL);
	for (i = 0; i < 400; i++)
		kvt_put_key(fd, kvt_rand(&state), 64 * KIB);
	close(fd);
	EXPECT_GT(kvt_arena_info().quarantined, 0);
	EXPECT_EQ(kvt_arena_info().quarantined % KVT_CHUNK, 0);
	drop(arg);
	EXPECT_TRUE(kvt_wait_for(kvt_arena_info().quarantined == 0, 20000));
}

static void leased_ns(const char *ns, int *fd, struct kvt_map *l)
{
	*fd = kvt_file(ns);
	ASSERT_EQ(kvt_put_key(*fd, 1, 64 * KIB), 0);
	ASSERT_EQ(kvt_lease(*fd, 1, l), 0);
	ASSERT_TRUE(kvt_mmap(*fd, l, PROT_READ));
}

static void drop_pipe(void *arg)
{
	static uint8_t buf[64 * KIB];
	int *pipes = arg;

	EXPECT_EQ(read(pipes[0], buf, 16 * KIB), 16 * KIB);
	EXPECT_EQ(kvt_check(buf, 16 * KIB, 1), -1);
}

TEST(quarantine_of_vmspliced_pages)
{
	const char *ns = kvt_ns(NULL);
	struct iovec iov;
	struct kvt_map l;
	int pipes[2], fd;

	kvt_arena(16 * MIB);
	leased_ns(ns, &fd, &l);
	ASSERT_EQ(pipe(pipes), 0);
	iov = (struct iovec){ l.p, 16 * KIB };
	ASSERT_EQ(vmsplice(pipes[1], &iov, 1, 0), 16 * KIB);
	EXPECT_EQ(kvt_release(fd, l.handle), 0);
	kvt_munmap(&l);
	close(fd);
	check_quarantine(drop_pipe, pipes, ns);
}

static void drop_pin(void *arg)
{
	kvt_pin_drop(arg);
}

TEST(quarantine_of_pinned_pages)
{
	const char *ns = kvt_ns(NULL);
	int fd = kvt_file(ns);
	struct kvt_pin pin;
	struct kvt_map a;

	kvt_arena(16 * MIB);
	ASSERT_EQ(kvt_alloc(fd, 64 * KIB, &a), 0);
	ASSERT_TRUE(kvt_mmap(fd, &a, RW));
	kvt_pin_pages(&pin, a.p, 64 * KIB);
	EXPECT_EQ(kvt_release(fd, a.handle), 0);
	kvt_munmap(&a);
	close(fd);
	check_quarantine(drop_pin, &pin, ns);
}

static void drop_ring(void *arg)
{
	io_uring_queue_exit(arg);
}

/* io_uring before 6.8 takes no buffers that lie in a mapped file. */
TEST(quarantine_of_io_uring_buffers)
{
	const char *ns = kvt_ns(NULL);
	int fd = kvt_file(ns), rc;
	struct io_uring ring;
	struct iovec iov;
	struct kvt_map a;

	kvt_arena(16 * MIB);
	ASSERT_EQ(io_uring_queue_init(4, &ring, 0), 0);
	ASSERT_EQ(kvt_alloc(fd, 64 * KIB, &a), 0);
	ASSERT_TRUE(kvt_mmap(fd, &a, RW));
	iov = (struct iovec){ a.p, 64 * KIB };
	rc = io_uring_register_buffers(&ring, &iov, 1);
	EXPECT_TRUE(rc == 0 || rc == -EOPNOTSUPP);
	if (rc) {
		kvt_diag("this kernel's io_uring registers no mapped files");
		io_uring_queue_exit(&ring);
		return;
	}
	EXPECT_EQ(kvt_release(fd, a.handle), 0);
	kvt_munmap(&a);
	close(fd);
	check_quarantine(drop_ring, &ring, ns);
}

/* Through the pin, after the memory was freed: only bytes of the own tenant. */
TEST(pin_shows_only_own_bytes)
{
	static uint8_t got[64 * KIB];
	const char *ns = kvt_ns(NULL);
	int fd = kvt_file(ns), other;
	struct kvt_pin pin;
	struct kvt_map a;
	unsigned int i;

	kvt_arena(16 * MIB);
	ASSERT_EQ(kvt_alloc(fd, 64 * KIB, &a), 0);
	ASSERT_TRUE(kvt_mmap(fd, &a, RW));
	memset(a.p, 0x33, 64 * KIB);
	kvt_pin_pages(&pin, a.p, 64 * KIB);
	EXPECT_EQ(kvt_release(fd, a.handle), 0);
	kvt_munmap(&a);
	close(fd);
	ASSERT_EQ(kvt_nl_ns_del(ns), 0);
	other = kvt_new(NULL);
	for (i = 0; i < 400; i++) {
		put_secret(other, i, 64 * KIB);
		if (i % 40 == 0) {
			kvt_pin_read(&pin, 0, got, sizeof(got));
			EXPECT_TRUE(!has_secret(got, sizeof(got)));
			EXPECT_EQ(got[100], 0x33);
		}
	}
	/* Writing through it reaches nobody else. */
	kvt_pin_write(&pin, 0, memset(got, 0x66, sizeof(got)), sizeof(got));
	for (i = 399; i > 300; i--) {
		memset(got, 0, sizeof(got));
		if (!kvt_get(other, i, got, sizeof(got)))
			EXPECT_EQ(got[77], 0xd7);
	}
	EXPECT_EQ(kvt_info(other).corrupt, 0);
	kvt_pin_drop(&pin);
}

/* Another process reads our mapping (ptrace-like): not past the release. */
TEST(process_vm_readv_after_release)
{
	static uint8_t buf[64 * KIB];
	struct iovec local = { buf, sizeof(buf) }, remote;
	int fd = kvt_new(NULL);
	struct kvt_map l;

	ASSERT_EQ(kvt_put_key(fd, 1, 64 * KIB), 0);
	ASSERT_EQ(kvt_lease(fd, 1, &l), 0);
	ASSERT_TRUE(kvt_mmap(fd, &l, PROT_READ));
	remote = (struct iovec){ l.p, 64 * KIB };
	if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) > 0)
		EXPECT_EQ(kvt_check(buf, 4096, 1), -1);
	memset(buf, 0, sizeof(buf));
	EXPECT_EQ(kvt_release(fd, l.handle), 0);
	EXPECT_EQ(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), -1);
	EXPECT_TRUE(kvt_all_zero(buf, sizeof(buf)));
}

TEST_MAIN()
