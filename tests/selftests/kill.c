// SPDX-License-Identifier: GPL-2.0
/*
 * Processes killed at a random moment leave nothing behind.
 */
#define _GNU_SOURCE
#include <liburing.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include "kvmem_util.h"

#define KEYS 64

static const char *ns;

static void random_zero_copy(int fd, uint64_t *state)
{
	uint64_t key = kvt_rand(state) % KEYS;
	struct kvt_map m;

	if (kvt_rand(state) % 2) {
		if (kvt_alloc(fd, 1 + kvt_rand(state) % (200 * KIB), &m))
			return;
		if (kvt_mmap(fd, &m, PROT_READ | PROT_WRITE))
			memset(m.p, 1, m.bytes);
		if (kvt_rand(state) % 2)
			kvt_commit(fd, &m, key, 0);
	} else {
		if (kvt_lease(fd, key, &m))
			return;
		if (kvt_mmap(fd, &m, PROT_READ))
			kvt_touch(m.p, false);
	}
	if (kvt_rand(state) % 4 == 0)
		kvt_release(fd, m.handle);
	if (kvt_rand(state) % 3 == 0)
		kvt_munmap(&m);
}

static void random_op(int fd, uint64_t *state, uint8_t *p)
{
	struct kvmem_buf_reg reg = { .size = sizeof(reg), .addr = (uintptr_t)p,
				     .length = 100 * KIB };
	uint64_t key = kvt_rand(state) % KEYS;

	switch (kvt_rand(state) % 8) {
	case 0:
	case 1:
		kvt_put(fd, key, p, 1 + kvt_rand(state) % (300 * KIB));
		break;
	case 2:
		kvt_get(fd, key, p, 300 * KIB);
		break;
	case 3:
		kvt_pin(fd, key);
		break;
	case 4:
		kvt_delete(fd, key);
		break;
	case 5:
		kvt_ioctl(fd, KVMEM_IOC_BUF_REG, &reg);
		break;
	default:
		random_zero_copy(fd, state);
	}
}

static void *hammer(void *arg)
{
	uint64_t state = (uintptr_t)arg ^ getpid();
	uint8_t *p = kvt_pages_new(MIB);
	int fd = kvt_file(ns);

	for (;;)
		random_op(fd, &state, p);
	return NULL;
}

static void submit_pending(int fd, uint64_t *state)
{
	static struct kvmem_op ops[256];
	static struct kvmem_batch b[8];
	static struct io_uring ring;
	uint8_t *p = kvt_pages_new(MIB);
	unsigned int i;

	if (io_uring_queue_init(8, &ring, 0))
		return;
	for (i = 0; i < 256; i++) {
		ops[i] = kvt_make_op(1 + kvt_rand(state) % 2, kvt_rand(state) % KEYS);
		ops[i].addr = (uintptr_t)p;
		ops[i].len = MIB;
	}
	for (i = 0; i < 8; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
		struct kvmem_uring_cmd cmd = { .batch = (uintptr_t)&b[i] };

		b[i] = (struct kvmem_batch){ .size = sizeof(b[i]), .nr_ops = 256,
					     .ops = (uintptr_t)ops, .op_size = sizeof(ops[0]) };
		memset(sqe, 0, sizeof(*sqe));
		sqe->opcode = IORING_OP_URING_CMD;
		sqe->flags = i % 2 ? IOSQE_ASYNC : 0;
		sqe->fd = fd;
		sqe->cmd_op = KVMEM_IOC_BATCH;
		memcpy(sqe->cmd, &cmd, sizeof(cmd));
	}
	io_uring_submit(&ring);
}

static void victim(unsigned int round)
{
	uint64_t state = round * 77 + 5;
	pthread_t thread;

	if (round % 3 == 0)
		pthread_create(&thread, NULL, hammer, (void *)(uintptr_t)round);
	if (round % 2 == 0)
		submit_pending(kvt_file(ns), &state);
	hammer(NULL);
}

static bool only_watcher(void)
{
	struct kvt_ns_stat stat;

	return !kvt_nl_ns_get(ns, &stat) && stat.files == 1 && !stat.pinned_bytes;
}

static void check_clean(int watch, unsigned int round)
{
	struct kvmem_ns_info info;
	struct kvt_ns_stat stat = {};
	unsigned int i;

	if (!kvt_wait_for(only_watcher(), 20000)) {
		kvt_nl_ns_get(ns, &stat);
		kvt_fail(__FILE__, __LINE__, "round %u: one file, not %u, nothing pinned, not %llu",
			 round, stat.files, (unsigned long long)stat.pinned_bytes);
	}
	EXPECT_EQ(kvt_info(watch).nr_handles, 0);
	for (i = 0; i < KEYS; i++)
		kvt_delete(watch, i);
	/* Everything is deleted: bytes that are left are somebody's ghost. */
	info = kvt_info(watch);
	EXPECT(!info.used_bytes, "round %u: nothing used, not %llu bytes", round,
	       (unsigned long long)info.used_bytes);
	EXPECT_EQ(info.used_blocks, 0);
	EXPECT_EQ(info.data_bytes, 0);
	ASSERT_EQ(kvt_nl_ns_get(ns, &stat), 0);
	EXPECT_EQ(stat.used_blocks, 0);
}

TEST_TIMEOUT(at_a_random_moment, 240)
{
	struct kvt_ns_opts o = { .quota_bytes = 24 * MIB, .pin_percent = 50 };
	unsigned int round, nr = kvt_scale(60, 1000);
	uint64_t state = 2026;
	int watch;

	ns = kvt_ns(&o);
	watch = kvt_file(ns);
	for (round = 0; round < nr; round++) {
		pid_t pid = kvt_fork();

		if (!pid)
			victim(round);
		kvt_sleep_ms(kvt_rand(&state) % 60);
		kill(pid, SIGKILL);
		ASSERT_EQ(kvt_wait(pid, 20000), -SIGKILL);
		check_clean(watch, round);
		if (kvt_failed())
			break;
	}
	kvt_diag("%u processes killed", round);
}

/* The same with the namespace deleted under the victim. */
TEST_TIMEOUT(with_the_namespace_deleted, 120)
{
	struct kvt_ns_opts o = { .quota_bytes = 24 * MIB };
	unsigned int round;
	uint64_t state = 7;

	for (round = 0; round < kvt_scale(10, 200); round++) {
		pid_t pid;

		ns = kvt_ns(&o);
		pid = kvt_fork();
		if (!pid)
			victim(round);
		kvt_sleep_ms(20 + kvt_rand(&state) % 60);
		EXPECT_EQ(kvt_nl_ns_del(ns), 0);
		kvt_sleep_ms(kvt_rand(&state) % 20);
		kill(pid, SIGKILL);
		/* The victim may have stopped by itself on an error it did not expect. */
		EXPECT_NE(kvt_wait(pid, 20000), -ETIMEDOUT);
		EXPECT_TRUE(kvt_wait_for(kvt_arena_info().allocated ==
					 kvt_arena_info().free, 10000));
	}
}

TEST_MAIN()
