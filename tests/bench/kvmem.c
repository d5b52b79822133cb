// SPDX-License-Identifier: GPL-2.0
/*
 * kvmem: every way to an operation, and the zero-copy path.
 */
#include <errno.h>
#include <liburing.h>
#include <libkvmem.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "bench.h"
#include "kvmem_nl.h"

#define BATCH		64
#define MATCH		256
#define PUT_CALLS	256
#define BIG		(64 * MIB)
#define KEY_64K		(BENCH_KEYS - 2)	/* keys of the two blocks that are leased */
#define KEY_BIG		(BENCH_KEYS - 1)

static int fd = -1, big_fd = -1;
static uint32_t buf_id;
static struct io_uring ring;
static struct kvmem *lib;
static struct kvmem_op ops[MATCH];
static uint8_t match_keys[MATCH][KVMEM_KEY_LEN];

/* One operation at a time --------------------------------------------------- */

static struct kvmem_op get_op(const struct bench_case *c, unsigned int i)
{
	struct kvmem_op op = kv_op(KVMEM_OP_GET, bench_key(bench_pick(c, i)));

	op.addr = (uintptr_t)bench_buf;
	op.len = c->bytes;
	return op;
}

static void get_ioctl(const struct bench_case *c, unsigned int i)
{
	struct kvmem_op op = get_op(c, i);

	kv_batch(fd, &op, 1);
}

static void get_registered(const struct bench_case *c, unsigned int i)
{
	struct kvmem_op op = get_op(c, i);

	op.buf = buf_id;
	op.addr = 0;
	kv_batch(fd, &op, 1);
}

static void get_lib(const struct bench_case *c, unsigned int i)
{
	if (kvmem_get(lib, bench_key(bench_pick(c, i)), bench_buf, c->bytes) != (int64_t)c->bytes)
		bench_die("kvmem_get");
}

static void nop(const struct bench_case *c, unsigned int i)
{
	struct kvmem_op op = kv_op(KVMEM_OP_NOP, NULL);

	(void)c;
	(void)i;
	kv_batch(fd, &op, 1);
}

static void exists(const struct bench_case *c, unsigned int i)
{
	struct kvmem_op op = kv_op(KVMEM_OP_EXISTS, bench_key(bench_pick(c, i)));

	kv_batch(fd, &op, 1);
}

static void put_one(const struct bench_case *c, unsigned int i)
{
	kv_put(fd, i, bench_buf, c->bytes);
}

static void delete_one(const struct bench_case *c, unsigned int i)
{
	struct kvmem_op op = kv_op(KVMEM_OP_DELETE, bench_key(i));

	(void)c;
	kv_batch(fd, &op, 1);
}

static void put_all(const struct bench_case *c, unsigned int n)
{
	while (n--)
		put_one(c, n);
}

static void delete_all(const struct bench_case *c, unsigned int n)
{
	while (n--)
		delete_one(c, n);
}

/* io_uring -------------------------------------------------------------------- */

static void uring_prepare(struct kvmem_batch *batch, struct kvmem_op *op, unsigned int nr)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	struct kvmem_uring_cmd cmd = { .batch = (uintptr_t)batch };

	if (!sqe)
		bench_die("io_uring queue");
	*batch = (struct kvmem_batch){
		.size = sizeof(*batch),
		.ops = (uintptr_t)op,
		.nr_ops = nr,
		.op_size = sizeof(*op),
	};
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->cmd_op = KVMEM_IOC_BATCH;
	memcpy(sqe->cmd, &cmd, sizeof(cmd));
}

static void uring_finish(unsigned int nr, int want)
{
	struct io_uring_cqe *cqe;
	int ret = io_uring_submit_and_wait(&ring, nr);

	if (ret < 0) {
		errno = -ret;
		bench_die("io_uring_submit_and_wait");
	}
	while (nr--) {
		if (io_uring_wait_cqe(&ring, &cqe) || cqe->res != want) {
			errno = cqe->res < 0 ? -cqe->res : EIO;
			bench_die("io_uring command");
		}
		io_uring_cqe_seen(&ring, cqe);
	}
}

static void get_uring(const struct bench_case *c, unsigned int i)
{
	struct kvmem_op op = get_op(c, i);
	struct kvmem_batch batch;

	uring_prepare(&batch, &op, 1);
	uring_finish(1, 1);
}

/* @per_call commands with one get each, in one system call */
static void get_uring_many(const struct bench_case *c, unsigned int i)
{
	struct kvmem_batch batches[BATCH];
	unsigned int j;

	for (j = 0; j < c->per_call; j++) {
		ops[j] = get_op(c, i * c->per_call + j);
		uring_prepare(&batches[j], &ops[j], 1);
	}
	uring_finish(c->per_call, 1);
}

/* One command with a batch: a worker runs it. */
static void get_uring_batch(const struct bench_case *c, unsigned int i)
{
	struct kvmem_batch batch;
	unsigned int j;

	for (j = 0; j < c->per_call; j++)
		ops[j] = get_op(c, i * c->per_call + j);
	uring_prepare(&batch, ops, c->per_call);
	uring_finish(1, c->per_call);
}

/* Batches --------------------------------------------------------------------- */

static void get_batch(const struct bench_case *c, unsigned int i)
{
	unsigned int j;

	for (j = 0; j < BATCH; j++)
		ops[j] = get_op(c, i * BATCH + j);
	kv_batch(fd, ops, BATCH);
}

static void exists_batch(const struct bench_case *c, unsigned int i)
{
	unsigned int j;

	for (j = 0; j < BATCH; j++)
		ops[j] = kv_op(KVMEM_OP_EXISTS, bench_key(bench_pick(c, i * BATCH + j)));
	kv_batch(fd, ops, BATCH);
}

static void match(const struct bench_case *c, unsigned int i)
{
	struct kvmem_op op = kv_op(KVMEM_OP_MATCH, NULL);

	(void)c;
	(void)i;
	op.addr = (uintptr_t)match_keys;
	op.len = MATCH;
	kv_batch(fd, &op, 1);
	if (op.bytes != MATCH)
		bench_die("MATCH");
}

/* Zero copy --------------------------------------------------------------------- */

static unsigned int lease_key(const struct bench_case *c)
{
	return c->bytes == BIG ? KEY_BIG : KEY_64K;
}

static struct kvmem_op lease(const struct bench_case *c)
{
	struct kvmem_op op = kv_op(KVMEM_OP_LEASE, bench_key(lease_key(c)));

	op.flags = KVMEM_OP_F_NOCOPY;
	kv_batch(big_fd, &op, 1);
	return op;
}

static void release(uint64_t handle)
{
	struct kvmem_op op = kv_op(KVMEM_OP_RELEASE, NULL);

	op.handle = handle;
	kv_batch(big_fd, &op, 1);
}

static void lease_release(const struct bench_case *c, unsigned int i)
{
	(void)i;
	release(lease(c).res_handle);
}

/* What a reader of the first bytes pays. */
static void lease_map_touch(const struct bench_case *c, unsigned int i)
{
	struct kvmem_op op = lease(c);
	volatile uint8_t *p = mmap(NULL, op.bytes, PROT_READ, MAP_SHARED, big_fd, op.mmap_offset);

	(void)i;
	if (p == MAP_FAILED)
		bench_die("mmap of a lease");
	(void)*p;
	release(op.res_handle);
	munmap((void *)p, op.bytes);
}

static void commit_block(size_t bytes, unsigned int key)
{
	struct kvmem_op op = kv_op(KVMEM_OP_ALLOC, NULL);
	struct kvmem_op commit = kv_op(KVMEM_OP_COMMIT, bench_key(key));
	void *p;

	op.len = bytes;
	kv_batch(big_fd, &op, 1);
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, big_fd, op.mmap_offset);
	if (p == MAP_FAILED)
		bench_die("mmap of an allocation");
	memset(p, 0x3c, bytes);
	commit.handle = op.res_handle;
	kv_batch(big_fd, &commit, 1);
	munmap(p, bytes);
}

/* ALLOC, COMMIT of 64 KiB and DELETE, without writing to the pages. */
static void alloc_commit(const struct bench_case *c, unsigned int i)
{
	struct kvmem_op op = kv_op(KVMEM_OP_ALLOC, NULL);
	struct kvmem_op commit = kv_op(KVMEM_OP_COMMIT, bench_key(i));

	op.len = c->bytes;
	kv_batch(big_fd, &op, 1);
	commit.handle = op.res_handle;
	kv_batch(big_fd, &commit, 1);
}

static void delete_big(const struct bench_case *c, unsigned int n)
{
	struct kvmem_op op;

	(void)c;
	while (n--) {
		op = kv_op(KVMEM_OP_DELETE, bench_key(n));
		kv_batch(big_fd, &op, 1);
	}
}

static void zero_copy(void)
{
	static const struct bench_case cases[] = {
		{ "lease+release", "kvmem 2 ioctls", 64 * KIB, 1000, 0, lease_release },
		{ "lease+release", "kvmem 2 ioctls", BIG, 1000, 0, lease_release },
		{ "lease+mmap+touch+release", "kvmem, 4 system calls", 64 * KIB, 500, 0,
		  lease_map_touch },
		{ "lease+mmap+touch+release", "kvmem, 4 system calls", BIG, 500, 0,
		  lease_map_touch },
		{ "alloc+commit", "kvmem 2 ioctls", 64 * KIB, 64, 0,
		  alloc_commit, NULL, delete_big },
	};
	struct kvmem_ns_info info;
	double cost[ARRAY_SIZE(cases)];
	unsigned int i;

	commit_block(64 * KIB, KEY_64K);
	commit_block(BIG, KEY_BIG);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		bench_measure(&cases[i]);
		cost[i] = bench_last();
	}
	bench_check("lease+release of 64 MiB costs as much as of 64 KiB, within 10 %",
		    fabs(cost[1] / cost[0] - 1) <= 0.1, cost[1] / cost[0], "ratio");
	info = kv_info(big_fd);
	bench_check("no byte copied along ALLOC, COMMIT, LEASE, RELEASE",
		    !info.copied_in && !info.copied_out && info.zero_copy,
		    info.copied_in + info.copied_out, "bytes copied");
	bench_check("bytes moved without a copy meanwhile", info.zero_copy > 0,
		    info.zero_copy / 1e6, "MB");
}

/* All ---------------------------------------------------------------------------- */

static void fill(size_t bytes)
{
	unsigned int i;

	for (i = 0; i < bench_set(bytes); i++) {
		bench_content(bench_buf, bytes, i);
		kv_put(fd, i, bench_buf, bytes);
	}
	memset(bench_buf, 0, bytes);
}

static void empty(size_t bytes)
{
	unsigned int i;

	for (i = 0; i < bench_set(bytes); i++)
		delete_one(NULL, i);
}

static void gets(size_t bytes)
{
	unsigned int i, calls = bytes < MIB ? 512 : 16;
	const struct bench_case cases[] = {
		{ "get", "kvmem ioctl", bytes, calls, 0, get_ioctl },
		{ "get", "kvmem ioctl, registered buffer", bytes, calls, 0, get_registered },
		{ "get", "kvmem io_uring", bytes, calls, 0, get_uring },
		{ "get", "libkvmem", bytes, calls, 0, get_lib },
	};

	fill(bytes);
	get_ioctl(&cases[0], 0);
	bench_expect(bench_buf, bytes, 0, "kvmem ioctl: wrong bytes");
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		bench_measure(&cases[i]);
}

static void small(void)
{
	static const struct bench_case cases[] = {
		{ "no operation", "kvmem ioctl", 0, 1000, 0, nop },
		{ "exists", "kvmem ioctl", 4 * KIB, 1000, 0, exists },
		{ "exists, batch of 64", "kvmem ioctl", 4 * KIB, 32, BATCH, exists_batch },
		{ "get, batch of 64", "kvmem ioctl", 4 * KIB, 16, BATCH, get_batch },
		{ "get, 32 commands at once", "kvmem io_uring", 4 * KIB, 32, 32, get_uring_many },
		{ "get, batch of 64", "kvmem io_uring", 4 * KIB, 16, BATCH, get_uring_batch },
		{ "match of 256 keys", "kvmem ioctl", 0, 64, 0, match },
		{ "match of 256 keys, per key", "kvmem ioctl", 0, 64, MATCH, match },
	};
	unsigned int i;

	for (i = 0; i < MATCH; i++)
		memcpy(match_keys[i], bench_key(i), KVMEM_KEY_LEN);
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		bench_measure(&cases[i]);
}

static void puts_and_deletes(void)
{
	unsigned int s;

	for (s = 0; s < 2; s++) {
		const struct bench_case put = { "put", "kvmem ioctl", bench_sizes[s], PUT_CALLS,
			0, put_one, NULL, delete_all };
		const struct bench_case del = { "delete", "kvmem ioctl", bench_sizes[s], PUT_CALLS,
			0, delete_one, put_all, NULL };

		bench_measure(&put);
		bench_measure(&del);
	}
}

static void setup(void)
{
	struct kvmem_options options = KVMEM_OPTIONS_INIT;
	struct kvmem_buf_reg reg = {
		.size = sizeof(reg),
		.addr = (uintptr_t)bench_buf,
		.length = MIB,
	};

	if (kvt_nl_ns_new("bench", NULL, NULL) || kvt_nl_ns_new("bench-zero", NULL, NULL)) {
		fprintf(stderr, "%s\n", kvt_nl_message());
		bench_die("namespace");
	}
	fd = kv_open("bench");
	big_fd = kv_open("bench-zero");
	if (ioctl(fd, KVMEM_IOC_BUF_REG, &reg))
		bench_die("BUF_REG");
	buf_id = reg.buf_id;
	if (io_uring_queue_init(BATCH, &ring, 0))
		bench_die("io_uring");
	options.ns = "bench";
	if (kvmem_open(&options, &lib))
		bench_die("kvmem_open");
}

void bench_kvmem(void)
{
	unsigned int s;

	setup();
	for (s = 0; s < ARRAY_SIZE(bench_sizes); s++) {
		gets(bench_sizes[s]);
		if (!s)
			small();
		empty(bench_sizes[s]);
	}
	puts_and_deletes();
	zero_copy();
	kvmem_close(lib);
	io_uring_queue_exit(&ring);
	close(big_fd);
	close(fd);
	kvt_nl_ns_del("bench");
	kvt_nl_ns_del("bench-zero");
}
