// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel memory for each block besides its data: at most 160 bytes.
 */
#define _GNU_SOURCE
#include "kvmem_util.h"

#define NR 204800

static int64_t meminfo_bytes(const char *name)
{
	int64_t kb = kvt_proc_value("/proc/meminfo", name);

	ASSERT_GE(kb, 0);
	return kb * 1024;
}

/* Everything the kernel counts that is not the arena's pages. */
static const char * const kinds[] = { "Slab:", "VmallocUsed:", "Percpu:", "KernelStack:" };

static int64_t kernel_bytes(bool start, bool show)
{
	static int64_t first[ARRAY_SIZE(kinds)];
	int64_t sum = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		int64_t now = meminfo_bytes(kinds[i]);

		if (show)
			kvt_diag("%s %+lld KiB", kinds[i], (long long)(now - first[i]) / 1024);
		if (start)
			first[i] = now;
		sum += now;
	}
	return sum;
}

static void put_many(int fd, unsigned int from, unsigned int nr)
{
	static struct kvmem_op ops[KVMEM_MAX_BATCH];
	char byte = 'x';
	unsigned int i, k;

	for (i = 0; i < nr; i += KVMEM_MAX_BATCH) {
		for (k = 0; k < KVMEM_MAX_BATCH; k++) {
			ops[k] = kvt_make_op(KVMEM_OP_PUT, from + i + k);
			ops[k].addr = (uintptr_t)&byte;
			ops[k].len = 1;
		}
		kvt_batch(fd, ops, KVMEM_MAX_BATCH);
		for (k = 0; k < KVMEM_MAX_BATCH; k++)
			ASSERT_EQ(ops[k].status, 0);
	}
}

TEST_TIMEOUT(bytes_per_block, 120)
{
	/* Sanitizers put red zones round every object: no figure to judge there. */
	const unsigned int nr = kvt_debug_kernel() ? NR / 10 : NR;
	int64_t before, after;
	double each;
	int fd;

	kvt_arena(160 * MIB);
	fd = kvt_new(NULL);
	put_many(fd, 0, 10240);	/* caches and tables exist */
	before = kernel_bytes(true, false);
	put_many(fd, 1000000, nr);
	/* A table that was resized is there twice until RCU lets the old one go. */
	kvt_wait_for(kernel_bytes(false, false) - before <= 160 * (int64_t)nr, 10000);
	after = kernel_bytes(false, true);
	ASSERT_EQ(kvt_info(fd).used_blocks, nr + 10240);
	each = (double)(after - before) / nr;
	kvt_diag("%.1f bytes of kernel memory a block (%u blocks)", each, nr);
	if (!kvt_debug_kernel())
		EXPECT(each <= 160, "at most 160 bytes a block, not %.1f", each);
	EXPECT_GT(each, 40);
}

/* Ghosts are bounded too: after many evictions the memory does not grow. */
TEST_TIMEOUT(ghosts_are_bounded, 120)
{
	struct kvt_ns_opts o = { .quota_blocks = 2000 };
	int fd = kvt_new(&o);
	int64_t before, after;

	put_many(fd, 0, 20 * KVMEM_MAX_BATCH);
	before = kernel_bytes(true, false);
	put_many(fd, 1000000, 60 * KVMEM_MAX_BATCH);
	after = kernel_bytes(false, true);
	kvt_diag("%lld KiB more after %u evictions", (long long)(after - before) / 1024,
		 60 * KVMEM_MAX_BATCH);
	EXPECT_LT(after - before, 2 * (int64_t)MIB);
}

TEST_MAIN()
