// SPDX-License-Identifier: GPL-2.0
/*
 * An NVMe drive by queues of our own, next to the kernel's driver: 128 KiB between
 * the same memory and the same namespace, and nobody takes a checksum by the CPU.
 *
 * "nvme-theirs" is what an application can do best without us: io_uring with a
 * registered buffer and file, no interrupts between tasks (DEFER_TASKRUN); on the
 * block device, and past the block layer by the driver's passthrough.  It asks for
 * nothing that it does not need, so nobody else's bookkeeping is in it.  "nvme-ours"
 * is put and get of blocks between flash and a dma-buf (udmabuf).
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/fs.h>
#include <linux/nvme_ioctl.h>
#include <linux/udmabuf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "flash.h"

#define BYTES		(128 * KIB)
#define MEMORY		(DEPTH_MAX * BYTES)
/* NVMe 1.4, 5.12 of the block command: the drive makes and checks guard and reference. */
#define PRINFO		(0xfU << 26 & ~(1U << 27))
#define OP_WRITE	1
#define OP_READ		2

static unsigned char *memory;
static int memory_fd;
static struct io_uring ring;
static unsigned int lba_bytes;
static bool guarded;

/* Huge pages, as whoever wants transfers to be cheap has; the set's order counts. */
static void memory_new(void)
{
	memory_fd = memfd_create("bench", MFD_HUGETLB | MFD_ALLOW_SEALING);
	if (memory_fd < 0 || ftruncate(memory_fd, MEMORY) ||
	    fcntl(memory_fd, F_ADD_SEALS, F_SEAL_SHRINK))
		bench_die("huge pages");
	memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, memory_fd,
		      0);
	if (memory == MAP_FAILED)
		bench_die("huge pages");
	memset(memory, 1, MEMORY);
}

/* Theirs ------------------------------------------------------------------------- */

/* Wide entries are for a character device, which has no page cache to avoid. */
static void ring_open(const char *path, unsigned int flags)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | flags,
	};
	struct iovec iov = { .iov_base = memory, .iov_len = MEMORY };
	int fd = open(path, O_RDWR | O_CLOEXEC | (flags ? 0 : O_DIRECT));

	if (fd < 0)
		bench_die(path);
	errno = -io_uring_queue_init_params(DEPTH_MAX, &ring, &p);
	if (errno)
		bench_die("io_uring");
	errno = -io_uring_register_buffers(&ring, &iov, 1);
	if (errno)
		bench_die("io_uring_register_buffers");
	errno = -io_uring_register_files(&ring, &fd, 1);
	if (errno)
		bench_die("io_uring_register_files");
	io_uring_register_ring_fd(&ring);
	close(fd);
}

static void ring_wait(unsigned int n)
{
	struct io_uring_cqe *cqe;
	unsigned int head, seen = 0;
	int ret = io_uring_submit_and_wait(&ring, n);

	if (ret < 0) {
		errno = -ret;
		bench_die("io_uring_submit_and_wait");
	}
	io_uring_for_each_cqe(&ring, head, cqe) {
		/* The block device tells of bytes, passthrough of a status. */
		if (cqe->res != (int)BYTES && cqe->res) {
			errno = cqe->res < 0 ? -cqe->res : EIO;
			bench_die("a transfer");
		}
		seen++;
	}
	io_uring_cq_advance(&ring, seen);
	if (seen != n) {
		errno = EIO;
		bench_die("completions");
	}
}

static void block_sqe(const struct flash_case *c, unsigned int slot)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	uint64_t off = flash_pick(c) * BYTES;

	if (c->write)
		io_uring_prep_write_fixed(sqe, 0, memory + slot * BYTES, BYTES, off, 0);
	else
		io_uring_prep_read_fixed(sqe, 0, memory + slot * BYTES, BYTES, off, 0);
	sqe->flags |= IOSQE_FIXED_FILE;
}

static void passthrough_sqe(const struct flash_case *c, unsigned int slot)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	uint64_t lba = flash_pick(c) * BYTES / lba_bytes;
	struct nvme_uring_cmd *cmd;

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, 0, NULL, 0, 0);
	sqe->cmd_op = NVME_URING_CMD_IO;
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	sqe->buf_index = 0;
	sqe->flags |= IOSQE_FIXED_FILE;
	cmd = (struct nvme_uring_cmd *)sqe->cmd;
	*cmd = (struct nvme_uring_cmd) {
		.opcode = c->write ? OP_WRITE : OP_READ,
		.nsid = opt.nsid,
		.addr = (uintptr_t)memory + slot * BYTES,
		.data_len = BYTES,
		.cdw10 = lba,
		.cdw11 = lba >> 32,
		.cdw12 = (BYTES / lba_bytes - 1) | (guarded ? PRINFO : 0),
		.cdw14 = guarded ? lba : 0,
	};
}

static void run_ring(const struct flash_case *c, struct flash_clock *took,
		     void (*make)(const struct flash_case *c, unsigned int slot))
{
	struct flash_clock start;
	unsigned int i, slot;

	flash_clock_read(&start);
	for (i = 0; i < c->ops; i += c->depth) {
		for (slot = 0; slot < c->depth; slot++)
			make(c, slot);
		ring_wait(c->depth);
	}
	flash_clock_since(&start, took);
}

static void run_block(const struct flash_case *c, struct flash_clock *took)
{
	run_ring(c, took, block_sqe);
}

static void run_passthrough(const struct flash_case *c, struct flash_clock *took)
{
	run_ring(c, took, passthrough_sqe);
}

/* What it reads is what it wrote. */
static void theirs_prove(void (*make)(const struct flash_case *c, unsigned int slot))
{
	struct flash_case one = { .write = true, .bytes = BYTES, .depth = 1, .ops = 1 };
	unsigned int n = flash_set_size(&one);

	bench_content(memory, 4 * KIB, 7);
	make(&one, 0);
	ring_wait(1);
	memset(memory, 0, 4 * KIB);
	/* Once around: the same block */
	while (--n)
		flash_pick(&one);
	one.write = false;
	make(&one, 0);
	ring_wait(1);
	if (!opt.nothing_kept)
		bench_expect(memory, 4 * KIB, 7, "nvme-theirs: wrong bytes");
}

static void all_cases(const struct flash_way *ways, unsigned int nr)
{
	struct flash_case c = { .bytes = BYTES };

	c.ops = 512 / opt.scale / DEPTH_MAX * DEPTH_MAX ?: DEPTH_MAX;
	for (c.depth = 1; c.depth <= DEPTH_MAX; c.depth *= DEPTH_MAX) {
		c.write = true;
		flash_measure(&c, ways, c.depth > 1 ? nr : 1);
		c.write = false;
		flash_measure(&c, ways, c.depth > 1 ? nr : 1);
	}
}

static void device_learn(void)
{
	const char *name = strrchr(opt.device, '/') ?: opt.device;
	int fd = open(opt.device, O_RDONLY | O_CLOEXEC);
	char path[256], text[32] = "";
	FILE *f;

	if (fd < 0 || ioctl(fd, BLKSSZGET, &lba_bytes))
		bench_die(opt.device);
	close(fd);
	snprintf(path, sizeof(path), "/sys/block/%s/metadata_bytes", name + (*name == '/'));
	f = fopen(path, "r");
	if (!f || !fgets(text, sizeof(text), f))
		bench_die(path);
	fclose(f);
	guarded = atoi(text) == 8;
}

void bench_nvme_theirs(void)
{
	static const struct flash_way block = { "io_uring block device", run_block };
	static const struct flash_way passthrough = { "io_uring passthrough", run_passthrough };
	struct flash_case set = { .bytes = BYTES };
	char generic[64];
	unsigned int n;

	if (!opt.device || !opt.nsid || sscanf(opt.device, "/dev/nvme%63s", generic) != 1) {
		errno = EINVAL;
		bench_die("nvme-theirs needs --device /dev/nvmeXnY --nsid Y");
	}
	snprintf(generic, sizeof(generic), "/dev/ng%.50s", opt.device + strlen("/dev/nvme"));
	memory_new();
	device_learn();
	n = flash_set_size(&set);
	flash_shuffle(n);
	ring_open(opt.device, 0);
	theirs_prove(block_sqe);
	all_cases(&block, 1);
	io_uring_queue_exit(&ring);
	ring_open(generic, IORING_SETUP_SQE128 | IORING_SETUP_CQE32);
	theirs_prove(passthrough_sqe);
	all_cases(&passthrough, 1);
	io_uring_queue_exit(&ring);
}

/* Ours ---------------------------------------------------------------------------- */

static long long counter(const char *name)
{
	char path[256], text[32];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", opt.files, name);
	f = fopen(path, "r");
	if (!f || !fgets(text, sizeof(text), f))
		bench_die(path);
	fclose(f);
	return atoll(text);
}

static int dmabuf_new(void)
{
	struct udmabuf_create create = { .memfd = memory_fd, .size = MEMORY };
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), fd;

	if (dev < 0)
		bench_die("/dev/udmabuf");
	fd = ioctl(dev, UDMABUF_CREATE, &create);
	if (fd < 0)
		bench_die("UDMABUF_CREATE");
	close(dev);
	return fd;
}

/* Commands of batches, and how often the controller was told of some. */
static void count_rings(const struct flash_way *way, bool write)
{
	struct flash_case c = { .write = write, .bytes = BYTES, .depth = DEPTH_MAX, .ops = 256 };
	struct flash_clock took;
	long long commands = counter("commands");
	long long rung = counter("doorbells") + counter("doorbells_spared");

	way->run(&c, &took);
	commands = counter("commands") - commands;
	rung = counter("doorbells") + counter("doorbells_spared") - rung;
	fprintf(opt.out, "{\"doorbells\": %lld, \"commands\": %lld, \"what\": \"%s\"", rung,
		commands, write ? "put" : "get");
	fprintf(opt.out, ", \"system\": \"%s\"}\n", way->system);
}

void bench_nvme_ours(void)
{
	static const struct flash_way ways[] = {
		{ "kvmem ioctl", flash_run_ioctl },
		{ "kvmem io_uring", flash_run_queue },
	};
	struct flash_case set = { .bytes = BYTES };
	int dmabuf;

	if (!opt.files) {
		errno = EINVAL;
		bench_die("nvme-ours needs --files, the controller's directory of counters");
	}
	memory_new();
	dmabuf = dmabuf_new();
	flash_open(memory, MEMORY, dmabuf, opt.verified ? KVMEM_RES_F_VERIFIED : 0);
	flash_shuffle(flash_set_size(&set));
	flash_fill(&set);
	flash_prove(&set);
	all_cases(ways, 2);
	count_rings(&ways[0], false);
	count_rings(&ways[0], true);
	flash_close();
	close(dmabuf);
}

void bench_nvme_spin(const char *name)
{
	struct flash_case c = { .bytes = BYTES };
	char what[4];

	if (sscanf(name, "nvme-%3[a-z]-%u", what, &c.depth) != 2 || !c.depth ||
	    c.depth > DEPTH_MAX) {
		errno = EINVAL;
		bench_die(name);
	}
	memory_new();
	flash_open(memory, MEMORY, dmabuf_new(), 0);
	c.write = !strcmp(what, "put");
	flash_shuffle(flash_set_size(&c));
	if (!c.write)
		flash_fill(&c);
	fprintf(opt.out, "ready\n");
	fflush(opt.out);
	flash_spin(&c);
}
