// SPDX-License-Identifier: GPL-2.0
/*
 * Between registered memory and flash, past DRAM: by ioctl, and by io_uring commands
 * that are pending while their transfers are on their way.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <liburing.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include "kvmem_flash.h"

#define FLIGHT	32
#define BYTES	(64 * KIB)
#define SLOW_MS	300

/* A file of a namespace on a disk, with a buffer of FLIGHT blocks of BYTES. */
struct rig {
	struct kvt_disk disk;
	const char *ns;
	int fd;
	uint8_t *p;
	uint32_t buf;
	struct io_uring ring;
	struct kvmem_op ops[FLIGHT];
	struct kvmem_batch batches[FLIGHT];
};

static void rig_file(struct rig *r)
{
	struct kvmem_buf_reg reg = { .size = sizeof(reg), .type = KVMEM_BUF_USER };
	int rc;

	r->fd = kvt_file(r->ns);
	r->p = kvt_pages_new(FLIGHT * BYTES);
	reg.addr = (uintptr_t)r->p;
	reg.length = FLIGHT * BYTES;
	ASSERT_EQ(kvt_ioctl(r->fd, KVMEM_IOC_BUF_REG, &reg), 0);
	r->buf = reg.buf_id;
	rc = io_uring_queue_init(2 * FLIGHT, &r->ring, 0);
	ASSERT(!rc, "io_uring: %s", strerror(-rc));
}

static void rig_new(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	kvt_disk_new(&r->disk, NULL);
	kvt_media_format(&r->disk, "4M");
	kvt_media_on(&r->disk);
	r->ns = kvt_ns(&kvt_through);
	rig_file(r);
}

/* From here on each transfer takes so long, and all may at the same time. */
static void rig_slow(struct rig *r, unsigned int ms)
{
	kvt_media_off(&r->disk);
	kvt_disk_power(&r->disk, false);
	kvt_disk_slow(&r->disk, ms, 2 * FLIGHT);
	kvt_disk_power(&r->disk, true);
	kvt_media_on(&r->disk);
}

static struct kvmem_op direct_op(const struct rig *r, unsigned int opcode, uint64_t key,
				 unsigned int slot, size_t len)
{
	struct kvmem_op op = kvt_make_op(opcode, key);

	op.flags = KVMEM_OP_F_NOCACHE;
	op.buf = r->buf;
	op.addr = slot * BYTES;
	op.len = len;
	return op;
}

static uint8_t *slot_at(const struct rig *r, unsigned int slot)
{
	return r->p + slot * BYTES;
}

/* Keys 0 to FLIGHT - 1, one batch, on flash only. */
static void put_all(struct rig *r)
{
	unsigned int i;

	for (i = 0; i < FLIGHT; i++) {
		kvt_fill(slot_at(r, i), BYTES, i);
		r->ops[i] = direct_op(r, KVMEM_OP_PUT, i, i, BYTES);
	}
	kvt_batch(r->fd, r->ops, FLIGHT);
	for (i = 0; i < FLIGHT; i++) {
		EXPECT_EQ(r->ops[i].status, 0);
		EXPECT_EQ(r->ops[i].tier, KVMEM_TIER_FLASH);
		EXPECT_EQ(r->ops[i].crc, kvt_crc32c(slot_at(r, i), BYTES));
	}
	memset(r->p, 0, FLIGHT * BYTES);
}

static void expect_got(const struct rig *r, const struct kvmem_op *op, unsigned int slot,
		       uint64_t key)
{
	EXPECT_EQ(op->status, 0);
	EXPECT_EQ(op->tier, KVMEM_TIER_FLASH);
	EXPECT_EQ(op->bytes, BYTES);
	EXPECT_TRUE(op->res_flags & KVMEM_RES_F_VERIFIED);
	EXPECT_EQ(kvt_check(slot_at(r, slot), BYTES, key), -1);
}

static void send_all(struct rig *r, unsigned int nr)
{
	struct kvmem_uring_cmd cmd = {};
	struct io_uring_sqe *sqe;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		r->batches[i] = (struct kvmem_batch) {
			.size = sizeof(r->batches[i]), .ops = (uintptr_t)&r->ops[i],
			.nr_ops = 1, .op_size = sizeof(r->ops[i]),
		};
		cmd.batch = (uintptr_t)&r->batches[i];
		sqe = io_uring_get_sqe(&r->ring);
		ASSERT_TRUE(sqe);
		memset(sqe, 0, sizeof(*sqe));
		sqe->opcode = IORING_OP_URING_CMD;
		sqe->fd = r->fd;
		sqe->cmd_op = KVMEM_IOC_BATCH;
		memcpy(sqe->cmd, &cmd, sizeof(cmd));
		sqe->user_data = i;
	}
	ASSERT_EQ(io_uring_submit(&r->ring), (int)nr);
}

/* All commands: the sum of their results. */
static int reap(struct rig *r, unsigned int nr)
{
	struct __kernel_timespec ts = { .tv_sec = 30 };
	struct io_uring_cqe *cqe;
	int rc, sum = 0;

	while (nr--) {
		rc = io_uring_wait_cqe_timeout(&r->ring, &cqe, &ts);
		ASSERT(!rc, "a completion: %s", strerror(-rc));
		sum += cqe->res;
		io_uring_cqe_seen(&r->ring, cqe);
	}
	return sum;
}

static void send_gets(struct rig *r)
{
	unsigned int i;

	for (i = 0; i < FLIGHT; i++)
		r->ops[i] = direct_op(r, KVMEM_OP_GET, i, i, BYTES);
	send_all(r, FLIGHT);
}

/* Transfers that are on the disk. */
static unsigned int on_disk(const struct rig *r)
{
	unsigned int reads = 0, writes = 0;
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/%s/inflight", r->disk.name);
	f = fopen(path, "re");
	ASSERT_TRUE(f);
	ASSERT_EQ(fscanf(f, "%u %u", &reads, &writes), 2);
	fclose(f);
	return reads + writes;
}

/* Threads that io_uring made for this process. */
static unsigned int workers(void)
{
	DIR *dir = opendir("/proc/self/task");
	unsigned int nr = 0;
	char path[300], name[32];
	struct dirent *e;
	FILE *f;

	ASSERT_TRUE(dir);
	while ((e = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(name, sizeof(name), f) && !strncmp(name, "iou-wrk", 7))
			nr++;
		fclose(f);
	}
	closedir(dir);
	return nr;
}

TEST(batches)
{
	struct kvmem_op op;
	struct rig r;
	unsigned int i;

	rig_new(&r);
	put_all(&r);
	for (i = 0; i < FLIGHT; i++)
		r.ops[i] = direct_op(&r, KVMEM_OP_GET, i, i, BYTES);
	kvt_batch(r.fd, r.ops, FLIGHT);
	for (i = 0; i < FLIGHT; i++)
		expect_got(&r, &r.ops[i], i, i);
	EXPECT_EQ(kvt_info(r.fd).used_blocks, 0);
	/* Put, get and put again in one batch: each sees the ones before it. */
	kvt_fill(slot_at(&r, 0), 8 * KIB, 100);
	r.ops[0] = direct_op(&r, KVMEM_OP_PUT, 100, 0, 8 * KIB);
	r.ops[1] = direct_op(&r, KVMEM_OP_GET, 100, 1, 8 * KIB);
	r.ops[2] = direct_op(&r, KVMEM_OP_PUT, 100, 1, 8 * KIB);
	r.ops[3] = kvt_make_op(KVMEM_OP_DELETE, 100);
	r.ops[4] = direct_op(&r, KVMEM_OP_GET, 100, 2, 8 * KIB);
	kvt_batch(r.fd, r.ops, 5);
	EXPECT_EQ(r.ops[0].status, 0);
	EXPECT_EQ(r.ops[1].status, 0);
	EXPECT_EQ(kvt_check(slot_at(&r, 1), 8 * KIB, 100), -1);
	EXPECT_EQ(r.ops[2].status, 0);
	EXPECT_TRUE(r.ops[2].res_flags & KVMEM_RES_F_EXISTED);
	EXPECT_EQ(r.ops[3].status, 0);
	EXPECT_EQ(r.ops[4].status, -ENOENT);
	op = direct_op(&r, KVMEM_OP_GET, 1, 0, BYTES - 1);
	EXPECT_EQ(kvt_op(r.fd, &op), -EMSGSIZE);
	EXPECT_EQ(op.bytes, BYTES);
}

/* One thread, and as many transfers on the disk as it has commands pending. */
TEST(pending_without_workers)
{
	struct rig r;
	unsigned int i;

	rig_new(&r);
	put_all(&r);
	rig_slow(&r, SLOW_MS);
	ASSERT(kvt_wait_for(!on_disk(&r), 20000), "an idle disk");
	send_gets(&r);
	EXPECT(on_disk(&r) == FLIGHT, "%u transfers at once, not %u", FLIGHT, on_disk(&r));
	EXPECT_EQ(workers(), 0);
	EXPECT_EQ(reap(&r, FLIGHT), FLIGHT);
	for (i = 0; i < FLIGHT; i++)
		expect_got(&r, &r.ops[i], i, i);
	EXPECT_EQ(kvt_info(r.fd).used_blocks, 0);
}

TEST(pending_puts)
{
	struct rig r;
	unsigned int i;

	rig_new(&r);
	rig_slow(&r, SLOW_MS / 4);
	for (i = 0; i < FLIGHT; i++) {
		kvt_fill(slot_at(&r, i), BYTES, i);
		r.ops[i] = direct_op(&r, KVMEM_OP_PUT, i, i, BYTES);
	}
	/* The last one has its key from the first. */
	kvt_key(r.ops[FLIGHT - 1].key, 0);
	send_all(&r, FLIGHT);
	EXPECT_EQ(workers(), 0);
	EXPECT_EQ(reap(&r, FLIGHT), FLIGHT);
	for (i = 0; i < FLIGHT; i++) {
		EXPECT_EQ(r.ops[i].status, 0);
		EXPECT_EQ(r.ops[i].tier, KVMEM_TIER_FLASH);
	}
	EXPECT_TRUE((r.ops[0].res_flags ^ r.ops[FLIGHT - 1].res_flags) & KVMEM_RES_F_EXISTED);
	memset(r.p, 0, FLIGHT * BYTES);
	send_gets(&r);
	EXPECT_EQ(reap(&r, FLIGHT), FLIGHT - 1);
	EXPECT_EQ(r.ops[FLIGHT - 1].status, -ENOENT);
	for (i = 1; i < FLIGHT - 1; i++)
		expect_got(&r, &r.ops[i], i, i);
}

/* What does not go from disk to buffer alone goes another way, with the same result. */
TEST(other_ways)
{
	struct rig r;

	rig_new(&r);
	put_all(&r);
	ASSERT_EQ(kvt_put_key(r.fd, 1000, BYTES), 0);	/* in DRAM */
	r.ops[0] = direct_op(&r, KVMEM_OP_GET, 1000, 0, BYTES);
	r.ops[1] = direct_op(&r, KVMEM_OP_GET, 2000, 1, BYTES);	/* nowhere */
	r.ops[2] = direct_op(&r, KVMEM_OP_GET, 2, 2, BYTES);
	r.ops[2].addr += 1;	/* not as the disk wants it */
	r.ops[3] = direct_op(&r, KVMEM_OP_GET, 3, 3, BYTES / 2);
	r.ops[4] = direct_op(&r, KVMEM_OP_GET, 4, 4, BYTES);
	r.ops[5] = direct_op(&r, KVMEM_OP_GET, 5, 5, BYTES);
	r.ops[5].buf += 77;
	send_all(&r, 6);
	EXPECT_EQ(reap(&r, 6), 3);
	EXPECT_EQ(r.ops[0].status, 0);
	EXPECT_EQ(r.ops[0].tier, KVMEM_TIER_DRAM);
	EXPECT_EQ(kvt_check(slot_at(&r, 0), BYTES, 1000), -1);
	EXPECT_EQ(r.ops[1].status, -ENOENT);
	EXPECT_EQ(r.ops[2].status, 0);
	EXPECT_EQ(kvt_check(slot_at(&r, 2) + 1, BYTES, 2), -1);
	EXPECT_EQ(r.ops[3].status, -EMSGSIZE);
	expect_got(&r, &r.ops[4], 4, 4);
	EXPECT_EQ(r.ops[5].status, -EBADSLT);
}

TEST(failing_disk)
{
	unsigned int i, bad = 0;
	struct rig r;

	rig_new(&r);
	put_all(&r);
	kvt_disk_bad(&r.disk, 0, r.disk.bytes / 2, true);
	send_gets(&r);
	EXPECT_EQ(reap(&r, FLIGHT), 0);
	for (i = 0; i < FLIGHT; i++)
		bad += r.ops[i].status == -EIO || r.ops[i].status == -ENOENT;
	EXPECT_EQ(bad, FLIGHT);
	kvt_disk_bad(&r.disk, 0, r.disk.bytes / 2, false);
}

/* The file and the ring go while commands are pending. */
TEST(closed_while_pending)
{
	struct rig r;
	unsigned int i;

	rig_new(&r);
	put_all(&r);
	rig_slow(&r, SLOW_MS);
	send_gets(&r);
	close(r.fd);
	EXPECT_EQ(reap(&r, FLIGHT), FLIGHT);
	for (i = 0; i < FLIGHT; i++)
		expect_got(&r, &r.ops[i], i, i);
	rig_file(&r);
	send_gets(&r);
	io_uring_queue_exit(&r.ring);
	EXPECT_EQ(kvt_exists(r.fd, 1), 0);
}

static void submit_for_ever(struct rig *r, unsigned int seed)
{
	unsigned int i, round;

	rig_file(r);
	for (round = 0;; round++) {
		for (i = 0; i < FLIGHT; i++) {
			bool put = (i + round) % 3 == 0;
			uint64_t key = put ? 1000000ULL * (seed + 1) + round * FLIGHT + i : i;

			r->ops[i] = direct_op(r, put ? KVMEM_OP_PUT : KVMEM_OP_GET, key, i, BYTES);
		}
		send_all(r, FLIGHT);
		reap(r, FLIGHT);
	}
}

/* At any moment; whoever comes after that finds everything in order. */
TEST(killed_while_pending)
{
	unsigned int i, round;
	struct rig r;
	pid_t pid;

	rig_new(&r);
	put_all(&r);
	rig_slow(&r, 20);
	srandom(getpid());
	for (round = 0; round < 12; round++) {
		pid = kvt_fork();
		if (!pid)
			submit_for_ever(&r, round);
		usleep(60000 + random() % 120000);
		kill(pid, SIGKILL);
		EXPECT_NE(kvt_wait(pid, 20000), -ETIMEDOUT);
	}
	send_gets(&r);
	EXPECT_EQ(reap(&r, FLIGHT), FLIGHT);
	for (i = 0; i < FLIGHT; i++)
		expect_got(&r, &r.ops[i], i, i);
	kvt_media_off(&r.disk);
}

/* From 6.7 on nobody waits for the disk to die; the disk has its time all the same. */
TEST(killed_before_the_disk_answers)
{
	unsigned int major = 0, minor = 0;
	struct utsname u;
	struct rig r;
	pid_t pid;
	int nr;

	rig_new(&r);
	put_all(&r);
	rig_slow(&r, 3 * SLOW_MS);
	ASSERT(kvt_wait_for(!on_disk(&r), 20000), "an idle disk");
	pid = kvt_fork();
	if (!pid) {
		rig_file(&r);
		r.ops[0] = direct_op(&r, KVMEM_OP_GET, 0, 0, BYTES);
		send_all(&r, 1);
		for (;;)
			pause();
	}
	ASSERT(kvt_wait_for(on_disk(&r), 20000), "a transfer");
	kill(pid, SIGKILL);
	EXPECT_NE(kvt_wait(pid, 20000), -ETIMEDOUT);
	ASSERT_EQ(uname(&u), 0);
	nr = sscanf(u.release, "%u.%u", &major, &minor);
	ASSERT_EQ(nr, 2);
	if (major > 6 || (major == 6 && minor >= 7))
		EXPECT_EQ(on_disk(&r), 1);
	EXPECT_EQ(kvt_exists(r.fd, 0), 0);
	kvt_media_off(&r.disk);
}

/*
 * A put whose caller was killed has failed, for whoever looks then: it does not come
 * when the disk answers at last, and the key may have been deleted since.
 */
TEST(killed_put_does_not_come_later)
{
	struct rig r;
	pid_t pid;

	rig_new(&r);
	put_all(&r);
	rig_slow(&r, 2 * SLOW_MS);
	/* A segment is open, and its page on the disk: what comes next is the put. */
	r.ops[0] = direct_op(&r, KVMEM_OP_PUT, 100, 0, BYTES);
	kvt_batch(r.fd, r.ops, 1);
	ASSERT_EQ(r.ops[0].status, 0);
	kvt_sleep_ms(SLOW_MS);
	ASSERT(kvt_wait_for(!on_disk(&r), 20000), "an idle disk");
	pid = kvt_fork();
	if (!pid) {
		rig_file(&r);
		r.ops[0] = direct_op(&r, KVMEM_OP_PUT, 101, 0, BYTES);
		kvt_batch(r.fd, r.ops, 1);
		for (;;)
			pause();
	}
	ASSERT(kvt_wait_for(on_disk(&r), 20000), "a transfer");
	kill(pid, SIGKILL);
	EXPECT_NE(kvt_wait(pid, 20000), -ETIMEDOUT);
	EXPECT(on_disk(&r), "a transfer that is still under way");
	EXPECT_EQ(kvt_delete(r.fd, 101), -ENOENT);
	ASSERT(kvt_wait_for(!on_disk(&r), 20000), "an idle disk");
	kvt_sleep_ms(100);
	EXPECT_EQ(kvt_exists(r.fd, 101), -ENOENT);
	EXPECT_EQ(kvt_exists(r.fd, 100), 0);
	kvt_media_off(&r.disk);
}

TEST_MAIN()
