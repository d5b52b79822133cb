// SPDX-License-Identifier: GPL-2.0
/*
 * What attach costs: CPU time, and memory for a block that is on flash only.
 */
#include <linux/crc32c.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/rcupdate.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <linux/time64.h>
#include "fixture.h"
#include "table_media.h"

/* Sanitizers put red zones round objects and calls round loads: nothing to judge there. */
#define SANITIZED	(IS_ENABLED(CONFIG_KASAN) || IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) || \
			 IS_ENABLED(CONFIG_PROVE_LOCKING) || IS_ENABLED(CONFIG_GCOV_KERNEL))
#define ROUNDS		20U
#define MAX_BYTES	160ULL		/* a block */
#define MIN_RATE	300000ULL	/* blocks a second */
#define YARD_PASSES	4U		/* about what attach takes */
/* Tenths of a yardstick: 10 on a host that has nothing else to do, and MIN_RATE is a seventh. */
#define MAX_YARDS	70ULL
#define SETTLE_TRIES	100U
#define SETTLE_CALM	5U	/* so many times in a row */

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
	KUNIT_EXPECT_EQ(test, atomic64_read(&t->ns->flash.blocks),
			(s64)(t->image->empty ? 0 : t->image->nr_blocks));
	return ns;
}

static void detach(struct kunit *test)
{
	struct attach_test *t = test->priv;

	table_media_detach(t->media);
	t->media = NULL;
	KUNIT_EXPECT_EQ(test, atomic64_read(&t->ns->flash.blocks), 0LL);
}

/* The index is as large as it will be: no table waits to take its place. */
static bool index_is_settled(const struct attach_test *t)
{
	bool settled;

	rcu_read_lock();
	settled = !rcu_access_pointer(rcu_dereference(t->ns->flash.index.tbl)->future_tbl);
	rcu_read_unlock();
	return settled;
}

/* Nothing is on its way to be freed or to be replaced. */
static s64 settled_bytes(struct kunit *test)
{
	struct attach_test *t = test->priv;
	s64 bytes = table_media_kernel_bytes(t->ns), last;
	unsigned int tries = SETTLE_TRIES, calm = 0;

	while (calm < SETTLE_CALM && tries--) {
		last = bytes;
		rcu_barrier();
		msleep(20);
		bytes = table_media_kernel_bytes(t->ns);
		calm = bytes == last && index_is_settled(t) ? calm + 1 : 0;
	}
	return bytes;
}

static s64 attached_bytes(struct kunit *test, bool empty)
{
	struct attach_test *t = test->priv;
	s64 before = settled_bytes(test), bytes;

	t->image->empty = empty;
	attach(test);
	bytes = settled_bytes(test) - before;
	detach(test);
	return bytes;
}

/* What the media takes itself is taken off: its directory and its segments. */
static void expect_small(struct kunit *test, u32 nr, u32 block_bytes)
{
	struct attach_test *t = test->priv;
	s64 media, blocks;

	image(test, nr, block_bytes);
	media = attached_bytes(test, true);
	blocks = attached_bytes(test, false) - media;
	nr = t->image->nr_blocks;
	kunit_info(test, "kvmem_bench: %u blocks of %u KiB on flash only, %llu.%llu bytes each\n",
		   nr, block_bytes >> 10, div_u64(blocks, nr), div_u64(blocks * 10, nr) % 10);
	kunit_info(test, "media of %u segments: %llu bytes\n", t->image->super.nr_segments,
		   media);
	if (!SANITIZED)
		KUNIT_EXPECT_LE(test, blocks, (s64)(MAX_BYTES * nr));
	/* A copy has a key, at least. */
	KUNIT_EXPECT_GE(test, blocks, (s64)KVMEM_KEY_LEN * nr);
}

static void memory(struct kunit *test)
{
	expect_small(test, 200000, 128U << 10);
}

/*
 * Just above the size at which the index doubles, whose buckets are an
 * allocation that is rounded up to twice their size: the worst there is.
 */
static void memory_after_doubling(struct kunit *test)
{
	expect_small(test, 99000, 128U << 10);
}

/* With checksums of their pieces: so many of them are 800 GB. */
static void memory_of_large_blocks(struct kunit *test)
{
	expect_small(test, 200000, 4U << 20);
}

struct yard {
	struct list_head node;
	u8 data[112];
};

/* Memory of its own for each block, touched, and a checksum. */
static void yard_pass(struct kunit *test, u32 nr)
{
	struct yard *y, *next;
	u32 crc = 0, made;
	LIST_HEAD(yards);

	for (made = 0; made < nr; made++) {
		y = kzalloc(sizeof(*y), GFP_KERNEL);
		if (!y)
			break;
		crc = crc32c(crc, y->data, sizeof(y->data));
		list_add_tail(&y->node, &yards);
	}
	list_for_each_entry_safe(y, next, &yards, node)
		kfree(y);
	KUNIT_ASSERT_EQ(test, made, nr);
	/* Used, or it is not computed. */
	KUNIT_EXPECT_NE(test, crc, 1U);
}

static u64 yardstick(struct kunit *test, u32 nr)
{
	u64 start = ktime_get_ns();
	unsigned int i;

	for (i = 0; i < YARD_PASSES; i++)
		yard_pass(test, nr);
	return max(ktime_get_ns() - start, 1ULL);
}

/*
 * Wall time of the best round: UML has one processor, so what the machine spent
 * on it is no more than that, whoever spent it.  A busy host makes it longer:
 * therefore so many rounds, and each against a yardstick that the host bends, too.
 */
static void rate(struct kunit *test)
{
	struct attach_test *t = test->priv;
	u64 best = 0, least = U64_MAX, ns, yard;
	unsigned int i;

	image(test, 200000, 128U << 10);
	for (i = 0; i < ROUNDS && best < MIN_RATE && least > MAX_YARDS; i++) {
		yard = yardstick(test, t->image->nr_blocks);
		ns = attach(test);
		best = max(best, div64_u64((u64)t->image->nr_blocks * NSEC_PER_SEC, ns));
		least = min(least, div64_u64(ns * 10, yard));
		detach(test);
	}
	kunit_info(test, "kvmem_bench: attach of %llu blocks a second\n", best);
	kunit_info(test, "%u rounds, the best %llu/10 yardsticks\n", i, least);
	if (!SANITIZED)
		KUNIT_EXPECT_TRUE(test, best >= MIN_RATE || least <= MAX_YARDS);
	KUNIT_EXPECT_GT(test, best, 1000ULL);
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
