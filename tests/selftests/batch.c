// SPDX-License-Identifier: GPL-2.0
/*
 * Batches: order, one status an operation, STOP, and what the kernel writes.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include "kvmem_util.h"

#define N KVMEM_MAX_BATCH

static struct kvmem_op ops[N], saved[N];
static uint8_t data[N][64];

TEST(mixed)
{
	int fd = kvt_new(NULL);
	unsigned int i, ok = 0;
	uint32_t nr_ok;

	for (i = 0; i < N; i++) {
		uint64_t key = i / 4;

		kvt_fill(data[i], 64, key);
		switch (i % 4) {
		case 0:
			ops[i] = kvt_make_op(KVMEM_OP_PUT, key);
			break;
		case 1:
			ops[i] = kvt_make_op(KVMEM_OP_GET, key);
			memset(data[i], 0, 64);
			break;
		case 2:
			ops[i] = kvt_make_op(KVMEM_OP_DELETE, key);
			break;
		case 3:
			ops[i] = kvt_make_op(KVMEM_OP_GET, key);
			break;
		}
		if (i % 4 != 2) {
			ops[i].addr = (uintptr_t)data[i];
			ops[i].len = 64;
		}
	}
	ASSERT_EQ(kvt_try_batch(fd, ops, N, 0, &nr_ok), 0);
	for (i = 0; i < N; i++) {
		EXPECT_EQ(ops[i].status, i % 4 == 3 ? -ENOENT : 0);
		ok += i % 4 != 3;
		if (i % 4 == 1)
			EXPECT_EQ(kvt_check(data[i], 64, i / 4), -1);
	}
	EXPECT_EQ(nr_ok, ok);
	EXPECT_EQ(kvt_info(fd).used_blocks, 0);
}

/* Only result fields are written: the request stays as it was. */
TEST(requests_are_kept)
{
	int fd = kvt_new(NULL);
	size_t request = offsetof(struct kvmem_op, crc);
	unsigned int i;

	for (i = 0; i < N; i++) {
		ops[i] = kvt_make_op(i % KVMEM_OP_NR, i / 16);
		if (i % KVMEM_OP_NR == KVMEM_OP_PUT || i % KVMEM_OP_NR == KVMEM_OP_GET) {
			ops[i].addr = (uintptr_t)data[i];
			ops[i].len = 64;
		}
		if (i % 97 == 5)
			ops[i].reserved1 = 3;
	}
	memcpy(saved, ops, sizeof(ops));
	ASSERT_EQ(kvt_try_batch(fd, ops, N, 0, NULL), 0);
	for (i = 0; i < N; i++) {
		EXPECT_EQ(memcmp(&ops[i], &saved[i], request), 0);
		EXPECT_LE(ops[i].status, 0);
		EXPECT_GT(ops[i].status, -4096);
		EXPECT_EQ(ops[i].reason, 0);
		EXPECT_EQ(ops[i].reserved3, 0);
	}
}

/* The results of a failed operation tell nothing but the failure. */
TEST(failed_results_are_clean)
{
	int fd = kvt_new(NULL);
	struct kvmem_op op = kvt_make_op(KVMEM_OP_GET, 1);

	op.addr = (uintptr_t)data;
	op.len = 10;
	EXPECT_EQ(kvt_op(fd, &op), -ENOENT);
	EXPECT_EQ(op.crc, 0);
	EXPECT_EQ(op.bytes, 0);
	EXPECT_EQ(op.res_handle, 0);
	EXPECT_EQ(op.mmap_offset, 0);
	EXPECT_EQ(op.res_flags, 0);
	EXPECT_EQ(op.tier, 0);
}

TEST(stop)
{
	int fd = kvt_new(NULL);
	uint32_t nr_ok;
	unsigned int i, bad;

	for (bad = 0; bad < 40; bad += 13) {
		for (i = 0; i < 40; i++) {
			ops[i] = kvt_make_op(KVMEM_OP_PUT, 1000 + i);
			ops[i].addr = (uintptr_t)data[i];
			ops[i].len = i == bad ? 0 : 10;
		}
		ASSERT_EQ(kvt_try_batch(fd, ops, 40, KVMEM_BATCH_F_STOP, &nr_ok), 0);
		EXPECT_EQ(nr_ok, bad);
		for (i = 0; i < 40; i++) {
			EXPECT_EQ(ops[i].status, i < bad ? 0 : i == bad ? -EINVAL : -ECANCELED);
			EXPECT_EQ(kvt_delete(fd, 1000 + i), i < bad ? 0 : -ENOENT);
		}
		/* Without STOP only one fails. */
		ASSERT_EQ(kvt_try_batch(fd, ops, 40, 0, &nr_ok), 0);
		EXPECT_EQ(nr_ok, 39);
		for (i = 0; i < 40; i++)
			kvt_delete(fd, 1000 + i);
	}
	/* A miss is a failure for STOP. */
	ops[0] = kvt_make_op(KVMEM_OP_EXISTS, 1);
	ops[1] = (struct kvmem_op){ .opcode = KVMEM_OP_NOP };
	ASSERT_EQ(kvt_try_batch(fd, ops, 2, KVMEM_BATCH_F_STOP, &nr_ok), 0);
	EXPECT_EQ(ops[0].status, -ENOENT);
	EXPECT_EQ(ops[1].status, -ECANCELED);
}

TEST(in_order)
{
	int fd = kvt_new(NULL);
	unsigned int i;

	/* put, exists, delete of one key, over and over */
	for (i = 0; i < 999; i++) {
		ops[i] = kvt_make_op(i % 3 == 0 ? KVMEM_OP_PUT : i % 3 == 1 ?
				     KVMEM_OP_EXISTS : KVMEM_OP_DELETE, 1);
		if (i % 3 == 0) {
			ops[i].addr = (uintptr_t)data;
			ops[i].len = 1 + i;
		}
	}
	kvt_batch(fd, ops, 999);
	for (i = 0; i < 999; i++) {
		EXPECT_EQ(ops[i].status, 0);
		EXPECT_EQ(ops[i].res_flags & KVMEM_RES_F_EXISTED, 0);
		if (i % 3 == 1)
			EXPECT_EQ(ops[i].bytes, i);
	}
}

/* The operations change while the batch runs: never more than their own harm. */
static volatile bool flipping;

static void *flip(void *arg)
{
	uint64_t state = 1;
	struct kvmem_op *op = arg;

	while (flipping) {
		unsigned int i = kvt_rand(&state) % 64;

		((volatile struct kvmem_op *)op)[i].opcode = kvt_rand(&state) % 16;
		((volatile struct kvmem_op *)op)[i].len = kvt_rand(&state) % 5000;
		((volatile struct kvmem_op *)op)[i].addr =
			(uintptr_t)data + kvt_rand(&state) % 100;
	}
	return NULL;
}

TEST(operations_change_while_running)
{
	struct kvt_ns_opts o = { .quota_bytes = 4 * MIB };
	int fd = kvt_new(&o);
	pthread_t thread;
	unsigned int i;

	for (i = 0; i < 64; i++)
		ops[i] = kvt_make_op(KVMEM_OP_PUT, i);
	flipping = true;
	ASSERT_EQ(pthread_create(&thread, NULL, flip, ops), 0);
	for (i = 0; i < 500; i++)
		EXPECT_EQ(kvt_try_batch(fd, ops, 64, 0, NULL), 0);
	flipping = false;
	pthread_join(thread, NULL);
	EXPECT_LE(kvt_info(fd).used_bytes, 4 * MIB);
}

/* A batch whose memory goes away while it runs. */
static void *unmapper(void *arg)
{
	kvt_sleep_ms(3);
	munmap(arg, 128 * KIB);
	return NULL;
}

TEST(memory_goes_while_running)
{
	int fd = kvt_new(NULL);
	unsigned int round, i;

	for (round = 0; round < 10; round++) {
		struct kvmem_op *p = kvt_pages_new(128 * KIB);
		uint8_t *big = kvt_pages_new(256 * KIB);
		pthread_t thread;
		int rc;

		for (i = 0; i < N; i++) {
			p[i] = kvt_make_op(KVMEM_OP_PUT, i);
			p[i].addr = (uintptr_t)big;
			p[i].len = 256 * KIB;
		}
		ASSERT_EQ(pthread_create(&thread, NULL, unmapper, p), 0);
		rc = kvt_try_batch(fd, p, N, 0, NULL);
		EXPECT_TRUE(rc == 0 || rc == -EFAULT);
		pthread_join(thread, NULL);
		munmap(big, 256 * KIB);
	}
}

/* A fatal signal ends a long batch soon. */
TEST(killed_in_a_batch)
{
	int fd = kvt_new(NULL);
	uint8_t *big = kvt_pages_new(8 * MIB);
	pid_t pid;
	unsigned int i;

	ASSERT_EQ(kvt_put(fd, 1, big, 8 * MIB), 0);
	pid = kvt_fork();
	if (!pid) {
		for (i = 0; i < N; i++) {
			ops[i] = kvt_make_op(KVMEM_OP_GET, 1);
			ops[i].addr = (uintptr_t)big;
			ops[i].len = 8 * MIB;
		}
		for (;;)
			kvt_try_batch(fd, ops, N, 0, NULL);
	}
	kvt_sleep_ms(200);
	kill(pid, SIGKILL);
	EXPECT_EQ(kvt_wait(pid, 2000), -SIGKILL);
}

TEST(threads_in_one_file)
{
	const char *ns = kvt_ns(NULL);
	int fd = kvt_file(ns);
	unsigned int i, t;
	pid_t pids[3];

	for (t = 0; t < 3; t++) {
		pids[t] = kvt_fork();
		if (pids[t])
			continue;
		for (i = 0; i < 200; i++) {
			uint64_t key = 1 + i;

			EXPECT_EQ(kvt_put_key(fd, key, 100 + i), 0);
			EXPECT_EQ(kvt_get_key(fd, key, 100 + i), 0);
		}
		kvt_exit();
	}
	for (t = 0; t < 3; t++)
		EXPECT_EQ(kvt_wait(pids[t], 30000), 0);
	EXPECT_EQ(kvt_info(fd).used_blocks, 200);
}

TEST_MAIN()
