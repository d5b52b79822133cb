// SPDX-License-Identifier: GPL-2.0
/*
 * The same batches by io_uring.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include "kvmem_util.h"

static void ring_init(struct io_uring *ring, unsigned int entries, unsigned int flags)
{
	int rc = io_uring_queue_init(entries, ring, flags);

	ASSERT(!rc, "io_uring: %s", strerror(-rc));
}

static struct io_uring_sqe *prep(struct io_uring *ring, int fd, struct kvmem_batch *batch,
				 uint64_t tag)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct kvmem_uring_cmd cmd = { .batch = (uintptr_t)batch };

	ASSERT_TRUE(sqe);
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->cmd_op = KVMEM_IOC_BATCH;
	memcpy(sqe->cmd, &cmd, sizeof(cmd));
	sqe->user_data = tag;
	return sqe;
}

static struct kvmem_batch make_batch(struct kvmem_op *ops, unsigned int nr)
{
	struct kvmem_batch b = { .size = sizeof(b), .ops = (uintptr_t)ops, .nr_ops = nr,
				 .op_size = sizeof(*ops), .nr_ok = 0 };
	return b;
}

/* The next completion: its result; its tag in *@tag. */
static int reap(struct io_uring *ring, uint64_t *tag)
{
	struct __kernel_timespec ts = { .tv_sec = 60 };
	struct io_uring_cqe *cqe;
	int rc;

	do {
		rc = io_uring_wait_cqe_timeout(ring, &cqe, &ts);
	} while (rc == -EINTR);
	ASSERT(!rc, "a completion: %s", strerror(-rc));
	rc = cqe->res;
	if (tag)
		*tag = cqe->user_data;
	io_uring_cqe_seen(ring, cqe);
	return rc;
}

static int run(struct io_uring *ring, int fd, struct kvmem_op *ops, unsigned int nr)
{
	struct kvmem_batch b = make_batch(ops, nr);

	prep(ring, fd, &b, 1);
	ASSERT_EQ(io_uring_submit(ring), 1);
	return reap(ring, NULL);
}

static int run_op(struct io_uring *ring, int fd, struct kvmem_op *op)
{
	int rc = run(ring, fd, op, 1);

	EXPECT_EQ(rc, op->status == 0);
	return rc < 0 ? rc : op->status;
}

TEST(all_opcodes)
{
	static uint8_t p[64 * KIB], q[64 * KIB], key[KVMEM_KEY_LEN];
	int fd = kvt_new(NULL);
	struct io_uring ring;
	struct kvmem_op op;
	uint64_t handle;

	ring_init(&ring, 8, 0);
	kvt_fill(p, sizeof(p), 1);
	op = (struct kvmem_op){ .opcode = KVMEM_OP_NOP };
	EXPECT_EQ(run_op(&ring, fd, &op), 0);
	op = kvt_make_op(KVMEM_OP_PUT, 1);
	op.addr = (uintptr_t)p;
	op.len = sizeof(p);
	EXPECT_EQ(run_op(&ring, fd, &op), 0);
	EXPECT_EQ(op.crc, kvt_crc32c(p, sizeof(p)));
	op = kvt_make_op(KVMEM_OP_GET, 1);
	op.addr = (uintptr_t)q;
	op.len = sizeof(q);
	EXPECT_EQ(run_op(&ring, fd, &op), 0);
	EXPECT_EQ(kvt_check(q, sizeof(q), 1), -1);
	op = kvt_make_op(KVMEM_OP_EXISTS, 1);
	EXPECT_EQ(run_op(&ring, fd, &op), 0);
	op = kvt_make_op(KVMEM_OP_PREFETCH, 1);
	EXPECT_EQ(run_op(&ring, fd, &op), 0);
	op = kvt_make_op(KVMEM_OP_PIN, 1);
	EXPECT_EQ(run_op(&ring, fd, &op), 0);
	op = kvt_make_op(KVMEM_OP_UNPIN, 1);
	EXPECT_EQ(run_op(&ring, fd, &op), 0);
	kvt_key(key, 1);
	op = (struct kvmem_op){ .opcode = KVMEM_OP_MATCH, .addr = (uintptr_t)key, .len = 1 };
	EXPECT_EQ(run_op(&ring, fd, &op), 0);
	EXPECT_EQ(op.bytes, 1);
	op = kvt_make_op(KVMEM_OP_LEASE, 1);
	EXPECT_EQ(run_op(&ring, fd, &op), 0);
	handle = op.res_handle;
	op = (struct kvmem_op){ .opcode = KVMEM_OP_RELEASE, .handle = handle };
	EXPECT_EQ(run_op(&ring, fd, &op), 0);
	EXPECT_EQ(run_op(&ring, fd, &op), -ENOENT);
	op = (struct kvmem_op){ .opcode = KVMEM_OP_ALLOC, .len = 5000 };
	EXPECT_EQ(run_op(&ring, fd, &op), 0);
	handle = op.res_handle;
	op = kvt_make_op(KVMEM_OP_COMMIT, 2);
	op.handle = handle;
	EXPECT_EQ(run_op(&ring, fd, &op), 0);
	op = kvt_make_op(KVMEM_OP_DELETE, 2);
	EXPECT_EQ(run_op(&ring, fd, &op), 0);
	EXPECT_EQ(run_op(&ring, fd, &op), -ENOENT);
	io_uring_queue_exit(&ring);
}

TEST(errors)
{
	struct kvmem_op op = {};
	struct kvmem_batch b = make_batch(&op, 1);
	int fd = kvt_new(NULL), loose = kvt_open();
	struct kvmem_uring_cmd cmd = { .batch = (uintptr_t)&b };
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	unsigned int bit;

	ring_init(&ring, 8, 0);
	for (bit = 0; bit < 64; bit++) {
		sqe = prep(&ring, fd, &b, 1);
		cmd.reserved = 1ULL << bit;
		memcpy(sqe->cmd, &cmd, sizeof(cmd));
		ASSERT_EQ(io_uring_submit(&ring), 1);
		EXPECT_EQ(reap(&ring, NULL), -EINVAL);
	}
	sqe = prep(&ring, fd, &b, 1);
	sqe->cmd_op = KVMEM_IOC_QUERY;
	ASSERT_EQ(io_uring_submit(&ring), 1);
	EXPECT_EQ(reap(&ring, NULL), -ENOTTY);
	sqe = prep(&ring, fd, &b, 1);
	sqe->cmd_op = 0;
	ASSERT_EQ(io_uring_submit(&ring), 1);
	EXPECT_EQ(reap(&ring, NULL), -ENOTTY);
	prep(&ring, fd, NULL, 1);
	ASSERT_EQ(io_uring_submit(&ring), 1);
	EXPECT_EQ(reap(&ring, NULL), -EFAULT);
	prep(&ring, fd, (void *)0xffff888000000000, 1);
	ASSERT_EQ(io_uring_submit(&ring), 1);
	EXPECT_EQ(reap(&ring, NULL), -EFAULT);
	prep(&ring, loose, &b, 1);
	ASSERT_EQ(io_uring_submit(&ring), 1);
	EXPECT_EQ(reap(&ring, NULL), -ENOTCONN);
	b.nr_ops = 0;
	prep(&ring, fd, &b, 1);
	ASSERT_EQ(io_uring_submit(&ring), 1);
	EXPECT_EQ(reap(&ring, NULL), -EINVAL);
	b.nr_ops = KVMEM_MAX_BATCH + 1;
	prep(&ring, fd, &b, 1);
	ASSERT_EQ(io_uring_submit(&ring), 1);
	EXPECT_EQ(reap(&ring, NULL), -E2BIG);
	b = make_batch(&op, 1);
	b.size = 8;
	prep(&ring, fd, &b, 1);
	ASSERT_EQ(io_uring_submit(&ring), 1);
	EXPECT_EQ(reap(&ring, NULL), -EINVAL);
	b = make_batch(&op, 1);
	b.reserved = 1;
	prep(&ring, fd, &b, 1);
	ASSERT_EQ(io_uring_submit(&ring), 1);
	EXPECT_EQ(reap(&ring, NULL), -EINVAL);
	io_uring_queue_exit(&ring);
}

/* The result is the number of operations with status 0; nr_ok is not written. */
TEST(result_is_the_count)
{
	struct kvmem_op ops[10] = {};
	struct kvmem_batch b = make_batch(ops, 10);
	int fd = kvt_new(NULL);
	struct io_uring ring;
	unsigned int i;

	ring_init(&ring, 4, 0);
	for (i = 0; i < 10; i += 3)
		ops[i] = kvt_make_op(KVMEM_OP_DELETE, 1);
	b.nr_ok = 0x1234;
	prep(&ring, fd, &b, 1);
	ASSERT_EQ(io_uring_submit(&ring), 1);
	EXPECT_EQ(reap(&ring, NULL), 6);
	EXPECT_EQ(b.nr_ok, 0x1234);
	io_uring_queue_exit(&ring);
}

#define FLIGHT 64

static void many(unsigned int setup, unsigned int sqe_flags, unsigned int rounds)
{
	struct kvmem_batch *batches = calloc(FLIGHT, sizeof(*batches));
	struct kvmem_op *ops = calloc(FLIGHT * 2, sizeof(*ops));
	uint8_t *data = kvt_pages_new(FLIGHT * 32 * KIB);
	const char *ns = kvt_ns(NULL);
	int fd = kvt_file(ns);
	struct io_uring ring;
	unsigned int i, round;

	ring_init(&ring, FLIGHT, setup);
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < FLIGHT; i++) {
			uint64_t key = round * FLIGHT + i;
			uint8_t *p = data + i * 32 * KIB;

			kvt_fill(p, 16 * KIB, key);
			ops[2 * i] = kvt_make_op(KVMEM_OP_PUT, key);
			ops[2 * i].addr = (uintptr_t)p;
			ops[2 * i].len = 16 * KIB - i;
			ops[2 * i + 1] = kvt_make_op(KVMEM_OP_GET, key);
			ops[2 * i + 1].addr = (uintptr_t)p + 16 * KIB;
			ops[2 * i + 1].len = 16 * KIB;
			batches[i] = make_batch(&ops[2 * i], 2);
			prep(&ring, fd, &batches[i], i)->flags |= i < FLIGHT - 1 ? sqe_flags :
				sqe_flags & ~(IOSQE_IO_LINK | IOSQE_IO_HARDLINK);
		}
		ASSERT_EQ(io_uring_submit(&ring), FLIGHT);
		for (i = 0; i < FLIGHT; i++) {
			uint64_t tag;

			EXPECT_EQ(reap(&ring, &tag), 2);
			if (sqe_flags & IOSQE_IO_LINK)
				EXPECT_EQ(tag, i);
			EXPECT_EQ(ops[2 * tag + 1].bytes, 16 * KIB - tag);
			EXPECT_EQ(kvt_check(data + tag * 32 * KIB + 16 * KIB, 16 * KIB - tag,
					    round * FLIGHT + tag), -1);
		}
	}
	io_uring_queue_exit(&ring);
	EXPECT_EQ(kvt_info(fd).used_blocks, rounds * FLIGHT);
	free(ops);
	free(batches);
}

TEST(many_in_flight) { many(0, 0, 6); }
TEST(forced_async) { many(0, IOSQE_ASYNC, 3); }
TEST(linked) { many(0, IOSQE_IO_LINK, 3); }
TEST(submission_thread) { many(IORING_SETUP_SQPOLL, 0, 3); }

/* A failing link cancels what follows. */
TEST(broken_link)
{
	struct kvmem_op op[3] = {};
	struct kvmem_batch b[3];
	int fd = kvt_new(NULL), res[3];
	struct io_uring ring;
	unsigned int i;
	uint64_t tag;

	ring_init(&ring, 4, 0);
	for (i = 0; i < 3; i++)
		b[i] = make_batch(&op[i], 1);
	b[1].reserved = 7;
	for (i = 0; i < 3; i++)
		prep(&ring, fd, &b[i], i)->flags |= i < 2 ? IOSQE_IO_LINK : 0;
	ASSERT_EQ(io_uring_submit(&ring), 3);
	for (i = 0; i < 3; i++) {
		int rc = reap(&ring, &tag);

		res[tag] = rc;
	}
	EXPECT_EQ(res[0], 1);
	EXPECT_EQ(res[1], -EINVAL);
	EXPECT_EQ(res[2], -ECANCELED);
	io_uring_queue_exit(&ring);
}

/* Registered files, and a file closed while its commands run. */
TEST(fixed_file_and_close)
{
	static struct kvmem_op ops[64];
	const char *ns = kvt_ns(NULL);
	uint8_t *p = kvt_pages_new(MIB);
	int fd = kvt_file(ns), watch = kvt_file(ns);
	struct kvmem_batch b = make_batch(ops, 64);
	struct io_uring ring;
	unsigned int i;

	ring_init(&ring, 8, 0);
	ASSERT_EQ(io_uring_register_files(&ring, &fd, 1), 0);
	ASSERT_EQ(kvt_put_key(fd, 1, MIB), 0);
	for (i = 0; i < 64; i++) {
		ops[i] = kvt_make_op(KVMEM_OP_GET, 1);
		ops[i].addr = (uintptr_t)p;
		ops[i].len = MIB;
	}
	for (i = 0; i < 4; i++)
		prep(&ring, 0, &b, i)->flags |= IOSQE_FIXED_FILE | IOSQE_ASYNC;
	ASSERT_EQ(io_uring_submit(&ring), 4);
	close(fd);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(reap(&ring, NULL), 64);
	EXPECT_EQ(kvt_check(p, MIB, 1), -1);
	EXPECT_EQ(kvt_exists(watch, 1), 0);
	io_uring_queue_exit(&ring);
}

/* Exit, and kill, with commands pending. */
static void submit_a_lot(int fd, bool async)
{
	static struct kvmem_op ops[KVMEM_MAX_BATCH];
	static struct kvmem_batch b[16];
	uint8_t *p = kvt_pages_new(4 * MIB);
	struct io_uring ring;
	unsigned int i;

	ring_init(&ring, 16, 0);
	for (i = 0; i < KVMEM_MAX_BATCH; i++) {
		ops[i] = kvt_make_op(i % 2 ? KVMEM_OP_GET : KVMEM_OP_PUT, i / 2 % 8);
		ops[i].addr = (uintptr_t)p;
		ops[i].len = 4 * MIB;
	}
	for (i = 0; i < 16; i++) {
		b[i] = make_batch(ops, KVMEM_MAX_BATCH);
		if (async)
			prep(&ring, fd, &b[i], i)->flags |= IOSQE_ASYNC;
		else
			prep(&ring, fd, &b[i], i);
	}
	io_uring_submit(&ring);
}

TEST(exit_with_pending_commands)
{
	struct kvt_ns_opts o = { .quota_bytes = 40 * MIB };
	const char *ns = kvt_ns(&o);
	unsigned int i;
	pid_t pid;

	for (i = 0; i < 6; i++) {
		uint64_t start = kvt_now_ms();

		pid = kvt_fork();
		if (!pid) {
			submit_a_lot(kvt_file(ns), true);
			if (i % 3 == 0)
				_exit(0);
			if (i % 3 == 1)
				kill(getpid(), SIGKILL);
			execl("/bin/true", "true", NULL);
		}
		EXPECT_NE(kvt_wait(pid, 20000), -ETIMEDOUT);
		EXPECT_LT(kvt_now_ms() - start, 20000);
	}
}

/* One ring, several threads that submit in turn. */
static struct io_uring shared_ring;
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;

static void *submitter(void *arg)
{
	int fd = *(int *)arg;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		struct kvmem_op op = kvt_make_op(KVMEM_OP_EXISTS, 1);

		pthread_mutex_lock(&shared_lock);
		EXPECT_EQ(run_op(&shared_ring, fd, &op), 0);
		pthread_mutex_unlock(&shared_lock);
	}
	return NULL;
}

TEST(ring_shared_by_threads)
{
	int fd = kvt_new(NULL);
	pthread_t threads[3];
	unsigned int i;

	kvt_put_key(fd, 1, 100);
	ring_init(&shared_ring, 8, 0);
	for (i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, submitter, &fd);
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	io_uring_queue_exit(&shared_ring);
}

/* A ring made by the parent, used by the child: the child's own memory. */
TEST(ring_after_fork)
{
	int fd = kvt_new(NULL);
	struct io_uring ring;
	pid_t pid;

	ring_init(&ring, 4, 0);
	kvt_put_key(fd, 1, 100);
	pid = kvt_fork();
	if (!pid) {
		struct io_uring own;
		struct kvmem_op op = kvt_make_op(KVMEM_OP_EXISTS, 1);

		ring_init(&own, 4, 0);
		EXPECT_EQ(run_op(&own, fd, &op), 0);
		io_uring_queue_exit(&own);
		kvt_exit();
	}
	EXPECT_EQ(kvt_wait(pid, 20000), 0);
	io_uring_queue_exit(&ring);
}

/* A big SQE carries more; its tail is not ours. */
TEST(wide_entries)
{
	struct kvmem_op op = {};
	struct kvmem_batch b = make_batch(&op, 1);
	int fd = kvt_new(NULL);
	struct io_uring ring;

	ring_init(&ring, 4, IORING_SETUP_SQE128 | IORING_SETUP_CQE32);
	prep(&ring, fd, &b, 1);
	ASSERT_EQ(io_uring_submit(&ring), 1);
	EXPECT_EQ(reap(&ring, NULL), 1);
	io_uring_queue_exit(&ring);
}

TEST(batch_notify)
{
	struct kvmem_events e = { .size = sizeof(e) };
	struct kvmem_op op = {};
	struct kvmem_batch b = make_batch(&op, 1);
	int fd = kvt_new(NULL);
	struct io_uring ring;

	ring_init(&ring, 4, 0);
	b.flags = KVMEM_BATCH_F_NOTIFY;
	prep(&ring, fd, &b, 1);
	ASSERT_EQ(io_uring_submit(&ring), 1);
	EXPECT_EQ(reap(&ring, NULL), 1);
	ASSERT_EQ(kvt_ioctl(fd, KVMEM_IOC_EVENTS, &e), 0);
	EXPECT_EQ(e.events, KVMEM_EVENT_BATCH);
	io_uring_queue_exit(&ring);
}

TEST_MAIN()
