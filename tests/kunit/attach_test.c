// SPDX-License-Identifier: GPL-2.0
/*
 * What attach costs: CPU time, and memory for a block that is on flash only.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/math64.h>
#include <linux/rcupdate.h>
#include <linux/time64.h>
#include "fixture.h"
#include "table_media.h"

/* Sanitizers put red zones round objects and calls round loads: nothing to judge there. */
#define SANITIZED	(IS_ENABLED(CONFIG_KASAN) || IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) || \
			 IS_ENABLED(CONFIG_PROVE_LOCKING) || IS_ENABLED(CONFIG_GCOV_KERNEL))
#define ROUNDS		3U
#define MAX_BYTES	160ULL		/* a block */
#define MIN_RATE	300000ULL	/* blocks a second */
#define SETTLE_TRIES	100U

/**
 * struct attach_test - test->priv
 * @ns: whose blocks
 * @image: the media
 * @media: attached, or NULL
 */
struct attach_test {
	struct kvmem_ns *ns;
	struct table_media *image;
	struct kvmem_media *media;
};

static unsigned int scaled(unsigned int nr)
{
	return SANITIZED ? nr / 10 : nr;
}

static void image(struct kunit *test, u32 nr, u32 block_bytes)
{
	struct attach_test *t = test->priv;

	t->image = table_media_create(t->ns, scaled(nr), block_bytes);
	KUNIT_ASSERT_NOT_NULL(test, t->image);
}

/* Returns how long it took in ns. */
static u64 attach(struct kunit *test)
{
	struct attach_test *t = test->priv;
	struct kvmem_media *media;
	u64 ns = 0;

	media = table_media_attach(t->image, &ns);
	KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(media), 0);
	t->media = media;
	KUNIT_EXPECT_EQ(test, atomic64_read(&t->ns->flash.blocks), (s64)t->image->nr_blocks);
	return ns;
}

static void detach(struct kunit *test)
{
	struct attach_test *t = test->priv;

	table_media_detach(t->media);
	t->media = NULL;
	KUNIT_EXPECT_EQ(test, atomic64_read(&t->ns->flash.blocks), 0LL);
}

/* Nothing is on its way to be freed, and the index has the size it will have. */
static s64 settled_bytes(struct kunit *test)
{
	struct attach_test *t = test->priv;
	s64 bytes = table_media_kernel_bytes(t->ns), last;
	unsigned int tries = SETTLE_TRIES;

	do {
		last = bytes;
		rcu_barrier();
		msleep(20);
		bytes = table_media_kernel_bytes(t->ns);
	} while (bytes != last && --tries);
	return bytes;
}

static void expect_small(struct kunit *test, u32 nr, u32 block_bytes)
{
	struct attach_test *t = test->priv;
	s64 before, bytes;

	image(test, nr, block_bytes);
	before = settled_bytes(test);
	attach(test);
	bytes = settled_bytes(test) - before;
	kunit_info(test, "%u blocks of %u KiB on flash: %llu.%llu bytes each\n",
		   t->image->nr_blocks, block_bytes >> 10, div_u64(bytes, t->image->nr_blocks),
		   div_u64(bytes * 10, t->image->nr_blocks) % 10);
	if (!SANITIZED)
		KUNIT_EXPECT_LE(test, bytes, (s64)(MAX_BYTES * t->image->nr_blocks));
	/* A copy has a key, at least. */
	KUNIT_EXPECT_GE(test, bytes, (s64)(KVMEM_KEY_LEN * t->image->nr_blocks));
	detach(test);
}

static void memory(struct kunit *test)
{
	expect_small(test, 200000, 128U << 10);
}

/* Just above the size at which the index doubles: the worst there is. */
static void memory_after_doubling(struct kunit *test)
{
	expect_small(test, 196609, 128U << 10);
}

/* With checksums of their pieces. */
static void memory_of_large_blocks(struct kunit *test)
{
	expect_small(test, 50000, 4U << 20);
}

/*
 * Wall time of the best round: UML has one processor, so what the machine spent
 * on it is no more than that, whoever spent it.
 */
static void rate(struct kunit *test)
{
	struct attach_test *t = test->priv;
	u64 ns, best = U64_MAX, each;
	unsigned int i;

	image(test, 200000, 128U << 10);
	for (i = 0; i < ROUNDS; i++) {
		ns = attach(test);
		best = min(best, ns);
		detach(test);
	}
	each = max(div_u64(best, t->image->nr_blocks), 1ULL);
	kunit_info(test, "kvmem_bench: attach %llu ns a block, %llu blocks a second\n", each,
		   div_u64(NSEC_PER_SEC, each));
	if (!SANITIZED)
		KUNIT_EXPECT_GE(test, div_u64(NSEC_PER_SEC, each), MIN_RATE);
	KUNIT_EXPECT_LT(test, each, 1000000ULL);
}

/* Suite --------------------------------------------------------------------- */

static int attach_test_init(struct kunit *test)
{
	static unsigned int count;
	struct kvmem_ns_params p = { .mode = 0600 };
	struct attach_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct kvmem_ns *ns;

	if (!t)
		return -ENOMEM;
	snprintf(p.name, sizeof(p.name), "kunit.attach.%u", count++);
	ns = kvmem_ns_create(&p, NULL);
	if (IS_ERR(ns))
		return PTR_ERR(ns);
	t->ns = ns;
	test->priv = t;
	return 0;
}

static void attach_test_exit(struct kunit *test)
{
	struct attach_test *t = test->priv;

	if (!t)
		return;
	if (t->media)
		table_media_detach(t->media);
	kvmem_ns_delete(t->ns);
	kvmem_ns_put(t->ns);
	if (t->image)
		table_media_destroy(t->image);
}

static struct kunit_case attach_cases[] = {
	KUNIT_CASE(memory),
	KUNIT_CASE(memory_after_doubling),
	KUNIT_CASE(memory_of_large_blocks),
	KUNIT_CASE(rate),
	{}
};

static struct kunit_suite attach_suite = {
	.name = "kvmem_attach",
	.init = attach_test_init,
	.exit = attach_test_exit,
	.test_cases = attach_cases,
};

kunit_test_suite(attach_suite);
