// SPDX-License-Identifier: GPL-2.0
/*
 * How long the core's main functions take, as lines "# kvmem_bench: NAME N ns".
 * Figures, not verdicts: only their order of magnitude is checked.
 */
#include <linux/ktime.h>
#include <linux/vmalloc.h>
#include "fixture.h"

#define NR 4096

static void report(struct kunit *test, const char *what, u64 start, unsigned int ops)
{
	u64 ns = (ktime_get_ns() - start) / ops;

	kunit_info(test, "kvmem_bench: %s %llu ns\n", what, ns);
	/* A millisecond is a hang, a lock or a mistake, even with sanitizers. */
	KUNIT_EXPECT_LT(test, ns, 1000000ULL);
}

static void bench_of(struct kunit *test, size_t size, const char *put, const char *get)
{
	u8 *buf = vmalloc(size);
	u64 start;
	unsigned int n;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	start = ktime_get_ns();
	for (n = 0; n < NR; n++)
		KUNIT_ASSERT_EQ(test, kvmem_test_put(test, n, size, NULL), 0);
	report(test, put, start, NR);
	start = ktime_get_ns();
	for (n = 0; n < NR; n++) {
		struct kvmem_block *block = kvmem_test_find(test, n);

		if (!block)
			continue;
		KUNIT_EXPECT_EQ(test, kvmem_test_read(block, 0, size, buf), 0);
		kvmem_block_touch(block);
		kvmem_block_put(block);
	}
	report(test, get, start, NR);
	vfree(buf);
}

static void lookup(struct kunit *test)
{
	unsigned int n, round, found = 0;
	u64 start;

	for (n = 0; n < NR; n++)
		KUNIT_ASSERT_EQ(test, kvmem_test_put(test, n, 1, NULL), 0);
	start = ktime_get_ns();
	for (round = 0; round < 10; round++)
		for (n = 0; n < NR; n++)
			found += kvmem_test_there(test, n);
	report(test, "lookup", start, 10 * NR);
	KUNIT_EXPECT_EQ(test, found, 10U * NR);
}

static void small_blocks(struct kunit *test)
{
	bench_of(test, 512, "put 512", "get 512");
}

static void pages(struct kunit *test)
{
	bench_of(test, 4096, "put 4096", "get 4096");
}

static void evictions(struct kunit *test)
{
	u64 start;
	unsigned int n;

	kvmem_test_quota(test, 1000);
	for (n = 0; n < 1000; n++)
		KUNIT_ASSERT_EQ(test, kvmem_test_put(test, n, 64, NULL), 0);
	start = ktime_get_ns();
	for (n = 0; n < NR; n++)
		KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 10000 + n, 64, NULL), 0);
	report(test, "put with eviction 64", start, NR);
}

static struct kunit_case bench_cases[] = {
	KUNIT_CASE(lookup),
	KUNIT_CASE(small_blocks),
	KUNIT_CASE(pages),
	KUNIT_CASE(evictions),
	{}
};

static struct kunit_suite bench_suite = {
	.name = "kvmem_bench",
	.init = kvmem_test_init,
	.exit = kvmem_test_exit,
	.test_cases = bench_cases,
};

kunit_test_suite(bench_suite);
