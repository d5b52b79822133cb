// SPDX-License-Identifier: GPL-2.0
/*
 * One operation for ever, for scripts/bench-profile to look at.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "bench.h"
#include "kvmem_nl.h"

#define BLOCKS	64
#define BYTES	(4 * KIB)
#define SPARE	100	/* key that put and delete use */

static int fd;

static void spin_get(unsigned int i)
{
	struct kvmem_op op = kv_op(KVMEM_OP_GET, bench_key(i % BLOCKS));

	op.addr = (uintptr_t)bench_buf;
	op.len = BYTES;
	kv_batch(fd, &op, 1);
}

static void spin_exists(unsigned int i)
{
	struct kvmem_op op = kv_op(KVMEM_OP_EXISTS, bench_key(i % BLOCKS));

	kv_batch(fd, &op, 1);
}

static void spin_put(unsigned int i)
{
	struct kvmem_op op = kv_op(KVMEM_OP_DELETE, bench_key(SPARE));

	(void)i;
	kv_put(fd, SPARE, bench_buf, BYTES);
	kv_batch(fd, &op, 1);
}

static struct kvmem_op lease(unsigned int i)
{
	struct kvmem_op op = kv_op(KVMEM_OP_LEASE, bench_key(i % BLOCKS));

	kv_batch(fd, &op, 1);
	return op;
}

static void release(uint64_t handle)
{
	struct kvmem_op op = kv_op(KVMEM_OP_RELEASE, NULL);

	op.handle = handle;
	kv_batch(fd, &op, 1);
}

static void spin_lease(unsigned int i)
{
	release(lease(i).res_handle);
}

static void spin_map(unsigned int i)
{
	struct kvmem_op op = lease(i);
	volatile uint8_t *p = mmap(NULL, op.bytes, PROT_READ, MAP_SHARED, fd, op.mmap_offset);

	if (p == MAP_FAILED)
		bench_die("mmap of a lease");
	(void)*p;
	release(op.res_handle);
	munmap((void *)p, op.bytes);
}

static const struct {
	const char *name;
	void (*op)(unsigned int i);
} spins[] = {
	{ "get", spin_get },
	{ "exists", spin_exists },
	{ "put", spin_put },
	{ "lease", spin_lease },
	{ "map", spin_map },
};

void bench_spin(const char *name)
{
	unsigned int i, s;

	if (!strncmp(name, "flash-", 6))
		bench_flash_spin(name);
	if (!strncmp(name, "nvme-", 5))
		bench_nvme_spin(name);
	for (s = 0; s < ARRAY_SIZE(spins) && strcmp(spins[s].name, name); s++)
		;
	if (s == ARRAY_SIZE(spins) || kvt_nl_ns_new("spin", NULL, NULL))
		bench_die(name);
	fd = kv_open("spin");
	for (i = 0; i < BLOCKS; i++) {
		bench_content(bench_buf, BYTES, i);
		kv_put(fd, i, bench_buf, BYTES);
	}
	fprintf(opt.out, "ready\n");
	fflush(opt.out);
	for (i = 0;; i++)
		spins[s].op(i);
}
