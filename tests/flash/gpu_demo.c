// SPDX-License-Identifier: GPL-2.0
/*
 * What an inference server does whose cache is GPU memory: the first half of the
 * memory of an emulated GPU (kvmem_testgpu) goes to a drive, block by block, and
 * comes back into the second.  For scripts/guest-demo-gpu.
 *
 *	gpu_demo NAMESPACE PROGRESS
 *
 * It never looks at that memory: whoever is outside of the machine has filled it,
 * and compares.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <libkvmem.h>
#include "../kmod/testgpu.h"

#define BLOCK	(256U << 10)
#define BATCH	32

struct demo {
	struct kvmem *kv;
	uint32_t buf;
	uint64_t half;
	int progress;
	unsigned int verified;
};

static void die(const char *what, int err)
{
	fprintf(stderr, "gpu_demo: %s: %s\n", what, strerror(err));
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* All of the memory, as a dma-buf: the descriptor may be closed once it is registered. */
static void register_memory(struct demo *d)
{
	int gpu = open("/dev/kvmem_testgpu", O_RDWR | O_CLOEXEC), err;
	struct testgpu_alloc a = {};
	__u64 bytes;

	if (gpu < 0 || ioctl(gpu, TESTGPU_SIZE, &bytes))
		die("/dev/kvmem_testgpu", errno);
	a.length = bytes;
	if (ioctl(gpu, TESTGPU_ALLOC, &a))
		die("a dma-buf", errno);
	err = -kvmem_buf_register_dmabuf(d->kv, a.fd, 0, bytes, &d->buf);
	if (err)
		die("kvmem_buf_register_dmabuf", err);
	close(a.fd);
	close(gpu);
	d->half = bytes / 2;
}

static void op_make(const struct demo *d, struct kvmem_op *op, unsigned int opcode, uint64_t block)
{
	*op = (struct kvmem_op) { .opcode = opcode, .buf = d->buf, .len = BLOCK };
	op->addr = block * BLOCK + (opcode == KVMEM_OP_GET ? d->half : 0);
	memcpy(op->key, &block, sizeof(block));
	memcpy(op->key + 8, "a block of GPU memory", 21);
}

static void op_check(struct demo *d, const struct kvmem_op *op)
{
	if (op->status || op->tier != KVMEM_TIER_FLASH) {
		fprintf(stderr, "gpu_demo: status %d, reason %u, tier %u\n", op->status, op->reason,
			op->tier);
		exit(1);
	}
	d->verified += !!(op->res_flags & KVMEM_RES_F_VERIFIED);
}

static void all_blocks(struct demo *d, unsigned int opcode, const char *what)
{
	unsigned int nr = d->half / BLOCK, done, i;
	struct kvmem_op ops[BATCH];
	double start = now();

	d->verified = 0;
	for (done = 0; done < nr; done += BATCH) {
		for (i = 0; i < BATCH; i++)
			op_make(d, &ops[i], opcode, done + i);
		kvmem_batch_run(d->kv, ops, BATCH, 0);
		for (i = 0; i < BATCH; i++)
			op_check(d, &ops[i]);
		if (d->progress)
			fprintf(stderr, "\r%s: %u of %u blocks ", what, done + BATCH, nr);
	}
	if (d->progress)
		fprintf(stderr, "\r\033[K");
	printf("%s %u blocks of %u KiB in %.2f s", what, nr, BLOCK >> 10, now() - start);
	if (opcode == KVMEM_OP_GET)
		printf(", %u of them verified by the drive", d->verified);
	printf("\n");
}

int main(int argc, char **argv)
{
	struct kvmem_options options = KVMEM_OPTIONS_INIT;
	struct demo d = {};
	int err;

	if (argc != 3) {
		fprintf(stderr, "usage: gpu_demo NAMESPACE on|off\n");
		return 2;
	}
	options.ns = argv[1];
	d.progress = !strcmp(argv[2], "on");
	err = -kvmem_open(&options, &d.kv);
	if (err)
		die("kvmem_open", err);
	register_memory(&d);
	if (!d.half || d.half % (BLOCK * BATCH))
		die("memory of whole batches", EINVAL);
	all_blocks(&d, KVMEM_OP_PUT, "put");
	all_blocks(&d, KVMEM_OP_GET, "got");
	kvmem_close(d.kv);
	return d.verified == d.half / BLOCK ? 0 : 1;
}
