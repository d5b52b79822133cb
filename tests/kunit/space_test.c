// SPDX-License-Identifier: GPL-2.0
/*
 * Cutting chunks: no overlap, nothing lost, runs grow together again.
 */
#include <linux/slab.h>
#include "fixture.h"

/* A namespace with @nr empty chunks of @layout. */
static void add_chunks(struct kunit *test, unsigned int nr, enum kvmem_layout layout)
{
	struct kvmem_ns *ns = kvmem_test_ns(test);
	struct kvmem_chunk *chunk;

	while (nr--) {
		chunk = kvmem_chunk_get(ns->serial, NUMA_NO_NODE);
		KUNIT_ASSERT_NOT_NULL(test, chunk);
		KUNIT_EXPECT_EQ(test, chunk->used, 0);
		KUNIT_EXPECT_EQ(test, (unsigned int)chunk->max_run,
				(unsigned int)KVMEM_CHUNK_GRAINS);
		spin_lock(&ns->lock);
		kvmem_space_add_chunk(ns, chunk, layout);
		spin_unlock(&ns->lock);
	}
}

static int cut(struct kvmem_ns *ns, unsigned int grains, enum kvmem_layout layout,
	       u64 *pieces, unsigned int max, unsigned int *nr)
{
	struct kvmem_cut c = { .pieces = pieces, .max = max };
	int ret;

	spin_lock(&ns->lock);
	ret = kvmem_space_cut(ns, grains, layout, &c);
	spin_unlock(&ns->lock);
	*nr = c.nr;
	return ret;
}

static void uncut(struct kvmem_ns *ns, const u64 *pieces, unsigned int nr)
{
	LIST_HEAD(empty);

	spin_lock(&ns->lock);
	kvmem_space_uncut(ns, pieces, nr, &empty);
	spin_unlock(&ns->lock);
	kvmem_space_put_chunks(ns, &empty);
}

static void cut_all(struct kunit *test)
{
	struct kvmem_ns *ns = kvmem_test_ns(test);
	unsigned int i, nr, cuts = KVMEM_CHUNK_GRAINS / 18;
	u64 *pieces = kunit_kcalloc(test, cuts + 1, sizeof(u64), GFP_KERNEL);
	DECLARE_BITMAP(seen, KVMEM_CHUNK_GRAINS) = {};

	add_chunks(test, 1, KVMEM_PACKED);
	for (i = 0; i < cuts; i++) {
		unsigned int first;

		KUNIT_ASSERT_EQ(test, cut(ns, 18, KVMEM_PACKED, &pieces[i], 1, &nr), 0);
		KUNIT_ASSERT_EQ(test, nr, 1U);
		KUNIT_EXPECT_EQ(test, kvmem_piece_grains(pieces[i]), 18U);
		first = kvmem_piece_first(pieces[i]);
		KUNIT_ASSERT_LE(test, first + 18, (unsigned int)KVMEM_CHUNK_GRAINS);
		/* No grain is handed out twice. */
		KUNIT_EXPECT_GE(test, find_next_bit(seen, first + 18, first),
				(unsigned long)first + 18);
		bitmap_set(seen, first, 18);
	}
	/* Full, but for a rest that is too small. */
	KUNIT_EXPECT_EQ(test, cut(ns, 18, KVMEM_PACKED, &pieces[i], 1, &nr), -EAGAIN);
	KUNIT_EXPECT_EQ(test, nr, 0U);
	/* Every second one back: a run of twice the length is still not there. */
	for (i = 0; i + 1 < cuts; i += 2)
		uncut(ns, &pieces[i], 1);
	KUNIT_EXPECT_EQ(test, cut(ns, 37, KVMEM_PACKED, &pieces[cuts], 1, &nr), -EAGAIN);
	KUNIT_EXPECT_EQ(test, ns->space.nr_chunks, 1U);
	/* The others too: runs grow together, and an empty chunk leaves. */
	for (i = 1; i < cuts; i += 2)
		uncut(ns, &pieces[i], 1);
	if (cuts % 2)
		uncut(ns, &pieces[cuts - 1], 1);
	KUNIT_EXPECT_EQ(test, ns->space.nr_chunks, 0U);
}

static void runs_coalesce(struct kunit *test)
{
	struct kvmem_ns *ns = kvmem_test_ns(test);
	u64 a, b, c, d, whole;
	unsigned int nr;

	add_chunks(test, 1, KVMEM_PACKED);
	KUNIT_ASSERT_EQ(test, cut(ns, 1000, KVMEM_PACKED, &a, 1, &nr), 0);
	KUNIT_ASSERT_EQ(test, cut(ns, 1000, KVMEM_PACKED, &b, 1, &nr), 0);
	KUNIT_ASSERT_EQ(test, cut(ns, 1000, KVMEM_PACKED, &c, 1, &nr), 0);
	KUNIT_ASSERT_EQ(test, cut(ns, 1096, KVMEM_PACKED, &d, 1, &nr), 0);
	KUNIT_EXPECT_EQ(test, cut(ns, 1, KVMEM_PACKED, &whole, 1, &nr), -EAGAIN);
	uncut(ns, &a, 1);
	uncut(ns, &c, 1);
	KUNIT_EXPECT_EQ(test, cut(ns, 1001, KVMEM_PACKED, &whole, 1, &nr), -EAGAIN);
	uncut(ns, &b, 1);
	KUNIT_ASSERT_EQ(test, cut(ns, 3000, KVMEM_PACKED, &whole, 1, &nr), 0);
	KUNIT_EXPECT_EQ(test, kvmem_piece_first(whole), 0U);
	uncut(ns, &whole, 1);
	uncut(ns, &d, 1);
	KUNIT_EXPECT_EQ(test, ns->space.nr_chunks, 0U);
}

/* A block of several chunks, from a space in pieces. */
static void pieced_together(struct kunit *test)
{
	struct kvmem_ns *ns = kvmem_test_ns(test);
	u64 *pages = kunit_kcalloc(test, 2048, sizeof(u64), GFP_KERNEL);
	u64 *pieces = kunit_kcalloc(test, 2048, sizeof(u64), GFP_KERNEL);
	const unsigned int per_chunk = KVMEM_CHUNK_GRAINS / KVMEM_PAGE_GRAINS;
	unsigned int i, nr, sum = 0;

	add_chunks(test, 3, KVMEM_PAGED);
	for (i = 0; i < 3 * per_chunk; i++)
		KUNIT_ASSERT_EQ(test, cut(ns, KVMEM_PAGE_GRAINS, KVMEM_PAGED, &pages[i], 1, &nr),
				0);
	for (i = 0; i < 3 * per_chunk; i += 2)
		uncut(ns, &pages[i], 1);
	/* Half of three chunks is free, one page at a time. */
	KUNIT_ASSERT_EQ(test, cut(ns, KVMEM_CHUNK_GRAINS, KVMEM_PAGED, pieces, 2048, &nr), 0);
	KUNIT_EXPECT_EQ(test, nr, per_chunk);
	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_EQ(test, kvmem_piece_first(pieces[i]) % KVMEM_PAGE_GRAINS, 0UL);
		sum += kvmem_piece_grains(pieces[i]);
	}
	KUNIT_EXPECT_EQ(test, sum, (unsigned int)KVMEM_CHUNK_GRAINS);
	uncut(ns, pieces, nr);
	/* Too few entries for it: said, and what was cut is told. */
	KUNIT_EXPECT_EQ(test, cut(ns, KVMEM_CHUNK_GRAINS, KVMEM_PAGED, pieces, 10, &nr), -E2BIG);
	KUNIT_EXPECT_EQ(test, nr, 10U);
	uncut(ns, pieces, nr);
	for (i = 1; i < 3 * per_chunk; i += 2)
		uncut(ns, &pages[i], 1);
	KUNIT_EXPECT_EQ(test, ns->space.nr_chunks, 0U);
}

/* Layouts do not mix. */
static void layouts_apart(struct kunit *test)
{
	struct kvmem_ns *ns = kvmem_test_ns(test);
	unsigned int nr;
	u64 piece;

	add_chunks(test, 1, KVMEM_PAGED);
	KUNIT_EXPECT_EQ(test, cut(ns, 1, KVMEM_PACKED, &piece, 1, &nr), -EAGAIN);
	KUNIT_EXPECT_EQ(test, cut(ns, KVMEM_PAGE_GRAINS, KVMEM_PAGED, &piece, 1, &nr), 0);
	uncut(ns, &piece, 1);
}

/* Chunks go round: what one had is zero for the next. */
static void chunks_are_zeroed(struct kunit *test)
{
	struct kvmem_chunk *chunk = kvmem_chunk_get(1ULL << 60, NUMA_NO_NODE);
	unsigned int i;
	u32 id;

	KUNIT_ASSERT_NOT_NULL(test, chunk);
	id = chunk->id;
	KUNIT_EXPECT_PTR_EQ(test, kvmem_chunk_by_id(id), chunk);
	for (i = 0; i < KVMEM_CHUNK_PAGES; i++)
		memset(page_address(kvmem_chunk_page(chunk, i)), 0xaa, PAGE_SIZE);
	kvmem_chunk_put(chunk);
	chunk = kvmem_chunk_get(2ULL << 60, NUMA_NO_NODE);
	KUNIT_ASSERT_NOT_NULL(test, chunk);
	for (i = 0; i < KVMEM_CHUNK_PAGES; i++)
		KUNIT_EXPECT_NULL(test, memchr_inv(page_address(kvmem_chunk_page(chunk, i)), 0,
						   PAGE_SIZE));
	kvmem_chunk_put(chunk);
}

static struct kunit_case space_cases[] = {
	KUNIT_CASE(cut_all),
	KUNIT_CASE(runs_coalesce),
	KUNIT_CASE(pieced_together),
	KUNIT_CASE(layouts_apart),
	KUNIT_CASE(chunks_are_zeroed),
	{}
};

static struct kunit_suite space_suite = {
	.name = "kvmem_space",
	.init = kvmem_test_init,
	.exit = kvmem_test_exit,
	.test_cases = space_cases,
};

kunit_test_suite(space_suite);
