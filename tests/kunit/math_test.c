// SPDX-License-Identifier: GPL-2.0
/*
 * Pure functions: buckets, encodings, the table of states, ghosts.
 */
#include <linux/file.h>
#include "file.h"
#include "fixture.h"
#include "handle.h"

static void latency_buckets(struct kunit *test)
{
	unsigned int b, prev = 0;
	u64 ns;

	for (ns = 0; ns < 4; ns++)
		KUNIT_EXPECT_EQ(test, kvmem_lat_bucket(ns), (unsigned int)ns);
	for (b = 0; b < KVMEM_LAT_BUCKETS - 1; b++) {
		ns = kvmem_lat_bucket_start(b);
		KUNIT_EXPECT_EQ(test, kvmem_lat_bucket(ns), b);
		KUNIT_EXPECT_EQ(test, kvmem_lat_bucket(kvmem_lat_bucket_start(b + 1) - 1), b);
	}
	/* Grows, by a quarter of a power of two at most. */
	for (ns = 1; ns < 1ULL << 40; ns += ns / 7 + 1) {
		b = kvmem_lat_bucket(ns);
		KUNIT_EXPECT_GE(test, b, prev);
		KUNIT_EXPECT_LT(test, b, (unsigned int)KVMEM_LAT_BUCKETS);
		prev = b;
	}
	KUNIT_EXPECT_EQ(test, kvmem_lat_bucket(U64_MAX), (unsigned int)KVMEM_LAT_BUCKETS - 1);
}

static void age_buckets(struct kunit *test)
{
	unsigned int b;

	KUNIT_EXPECT_EQ(test, kvmem_age_bucket(0), 0U);
	KUNIT_EXPECT_EQ(test, kvmem_age_bucket((1ULL << KVMEM_AGE_SHIFT) - 1), 0U);
	for (b = 1; b < KVMEM_NR_AGES; b++) {
		u64 start = 1ULL << (KVMEM_AGE_SHIFT + b - 1);

		KUNIT_EXPECT_EQ(test, kvmem_age_bucket(start), b);
		KUNIT_EXPECT_EQ(test, kvmem_age_bucket(start - 1), b - 1);
	}
	KUNIT_EXPECT_EQ(test, kvmem_age_bucket(U64_MAX), (unsigned int)KVMEM_NR_AGES - 1);
}

static void pieces(struct kunit *test)
{
	static const u32 chunks[] = { 0, 1, 77, U32_MAX };
	static const u16 grains[] = { 1, 8, 4095, 4096 };
	unsigned int c, g;

	for (c = 0; c < ARRAY_SIZE(chunks); c++) {
		for (g = 0; g < ARRAY_SIZE(grains); g++) {
			u64 piece = kvmem_piece(chunks[c], 4096 - grains[g], grains[g]);

			KUNIT_EXPECT_EQ(test, kvmem_piece_chunk(piece), chunks[c]);
			KUNIT_EXPECT_EQ(test, kvmem_piece_first(piece), 4096U - grains[g]);
			KUNIT_EXPECT_EQ(test, kvmem_piece_grains(piece), (u32)grains[g]);
		}
	}
}

/* Every pair: what is allowed is in this list, and nothing else. */
static void states(struct kunit *test)
{
	static const u8 allowed[][2] = {
		{ KVMEM_BLOCK_ALLOCATED, KVMEM_BLOCK_COMMITTED },
		{ KVMEM_BLOCK_ALLOCATED, KVMEM_BLOCK_DELETED },
		{ KVMEM_BLOCK_COMMITTED, KVMEM_BLOCK_PERSISTED },
		{ KVMEM_BLOCK_COMMITTED, KVMEM_BLOCK_EVICTED },
		{ KVMEM_BLOCK_COMMITTED, KVMEM_BLOCK_DELETED },
		{ KVMEM_BLOCK_PERSISTED, KVMEM_BLOCK_COMMITTED },
		{ KVMEM_BLOCK_PERSISTED, KVMEM_BLOCK_EVICTED },
		{ KVMEM_BLOCK_PERSISTED, KVMEM_BLOCK_DELETED },
		{ KVMEM_BLOCK_EVICTED, KVMEM_BLOCK_DELETED },
	};
	unsigned int from, to, i;

	for (from = 0; from < KVMEM_BLOCK_NR_STATES + 3; from++) {
		for (to = 0; to < KVMEM_BLOCK_NR_STATES + 3; to++) {
			bool want = false;

			for (i = 0; i < ARRAY_SIZE(allowed); i++)
				want |= allowed[i][0] == from && allowed[i][1] == to;
			KUNIT_EXPECT_EQ_MSG(test, kvmem_block_transition_ok(from, to), want,
					    "%u -> %u", from, to);
		}
	}
}

static void layouts(struct kunit *test)
{
	size_t size, need;

	for (size = 1; size <= SZ_1M; size += size / 31 + 1) {
		enum kvmem_layout layout = kvmem_layout_for(size, false);

		need = kvmem_space_need(size, layout);
		KUNIT_EXPECT_GE(test, need, size);
		KUNIT_EXPECT_EQ(test, need % (layout == KVMEM_PAGED ? PAGE_SIZE :
					      KVMEM_GRAIN_SIZE), 0UL);
		/* At most an eighth is wasted from 9 KiB up. */
		if (size >= 9 * SZ_1K)
			KUNIT_EXPECT_LE_MSG(test, (need - size) * 8, need, "size %zu", size);
		/* Who asked for pages gets pages. */
		KUNIT_EXPECT_EQ(test, kvmem_layout_for(size, true), KVMEM_PAGED);
	}
}

/* Handles: offsets of different handles do not overlap, and lead back. */
static void handle_offsets(struct kunit *test)
{
	static const u32 slots[] = { 0, 1, 2, 1000, (1U << 28) - 1 };
	unsigned int order, s;
	size_t inside;
	u32 id, back;

	for (order = 0; order < 16; order++) {
		for (s = 0; s < ARRAY_SIZE(slots); s++) {
			struct kvmem_handle handle = { .id = order << 28 | slots[s], .gen = 7 };
			u64 offset = kvmem_handle_offset(&handle);
			u64 size = (u64)PAGE_SIZE << order;

			id = handle.id;
			KUNIT_EXPECT_EQ(test, offset % PAGE_SIZE, 0ULL);
			KUNIT_EXPECT_LT(test, offset + size - 1, 1ULL << 63);
			KUNIT_EXPECT_TRUE(test, kvmem_offset_to_id(offset, &back, &inside));
			KUNIT_EXPECT_EQ(test, back, id);
			KUNIT_EXPECT_EQ(test, inside, 0UL);
			KUNIT_EXPECT_TRUE(test, kvmem_offset_to_id(offset + size - 1, &back,
								   &inside));
			KUNIT_EXPECT_EQ(test, back, id);
			KUNIT_EXPECT_EQ(test, inside, size - 1);
			if (kvmem_offset_to_id(offset + size, &back, &inside))
				KUNIT_EXPECT_NE(test, back, id);
		}
	}
	KUNIT_EXPECT_FALSE(test, kvmem_offset_to_id(0, &back, &inside));
	KUNIT_EXPECT_FALSE(test, kvmem_offset_to_id(PAGE_SIZE, &back, &inside));
	KUNIT_EXPECT_FALSE(test, kvmem_offset_to_id(U64_MAX, &back, &inside));
}

static void handle_numbers(struct kunit *test)
{
	struct kvmem_handle a = { .id = 5, .gen = 1 }, b = { .id = 5, .gen = 2 };

	KUNIT_EXPECT_NE(test, kvmem_handle_number(&a), kvmem_handle_number(&b));
	KUNIT_EXPECT_NE(test, kvmem_handle_number(&a), 0ULL);
}

static void ghosts(struct kunit *test)
{
	struct kvmem_ghosts *g = kvmem_ghosts_alloc(4096);
	unsigned int i, found = 0, false_hits = 0;
	struct kvmem_key key;
	u64 last, base = 5ULL << 40;
	u8 class;

	KUNIT_ASSERT_NOT_NULL(test, g);
	for (i = 0; i < 1000; i++) {
		key = kvmem_test_key(i);
		kvmem_ghost_add(g, &key, i % KVMEM_NR_CLASSES, base + ((u64)i << KVMEM_AGE_SHIFT));
	}
	for (i = 2000; i < 4000; i++) {
		key = kvmem_test_key(i);
		false_hits += kvmem_ghost_take(g, &key, &class, &last);
	}
	KUNIT_EXPECT_LE(test, false_hits, 4U);
	for (i = 0; i < 1000; i++) {
		key = kvmem_test_key(i);
		if (!kvmem_ghost_take(g, &key, &class, &last))
			continue;
		found++;
		KUNIT_EXPECT_EQ(test, class, i % KVMEM_NR_CLASSES);
		KUNIT_EXPECT_EQ(test, kvmem_ghost_age(base + (1000ULL << KVMEM_AGE_SHIFT), last),
				(u64)(1000 - i) << KVMEM_AGE_SHIFT);
		/* Taken out: seen once. */
		KUNIT_EXPECT_FALSE(test, kvmem_ghost_take(g, &key, &class, &last));
	}
	/* A quarter full: nearly nothing fell off. */
	KUNIT_EXPECT_GE(test, found, 970U);
	kvmem_ghosts_free(g);
}

static void ghosts_forget_the_oldest(struct kunit *test)
{
	struct kvmem_ghosts *g = kvmem_ghosts_alloc(16);
	unsigned int i, old = 0, young = 0;
	struct kvmem_key key;
	u64 last;
	u8 class;

	KUNIT_ASSERT_NOT_NULL(test, g);
	KUNIT_EXPECT_FALSE(test, kvmem_ghosts_short(g, 16));
	KUNIT_EXPECT_TRUE(test, kvmem_ghosts_short(g, 100000));
	for (i = 0; i < 4000; i++) {
		key = kvmem_test_key(i);
		kvmem_ghost_add(g, &key, 0, i);
	}
	for (i = 0; i < 3000; i++) {
		key = kvmem_test_key(i);
		old += kvmem_ghost_take(g, &key, &class, &last);
	}
	for (i = 3990; i < 4000; i++) {
		key = kvmem_test_key(i);
		young += kvmem_ghost_take(g, &key, &class, &last);
	}
	KUNIT_EXPECT_LE(test, old, 20U);
	KUNIT_EXPECT_GE(test, young, 8U);
	kvmem_ghosts_free(g);
	/* No table at all is no trouble. */
	kvmem_ghost_add(NULL, &key, 0, 0);
	KUNIT_EXPECT_FALSE(test, kvmem_ghost_take(NULL, &key, &class, &last));
	kvmem_ghosts_free(NULL);
}

static void lru_table(struct kunit *test)
{
	struct kvmem_value_table *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	unsigned int c, a;

	KUNIT_ASSERT_NOT_NULL(test, t);
	kvmem_ns_set_lru(t);
	for (c = 0; c < KVMEM_NR_CLASSES; c++)
		for (a = 0; a < KVMEM_NR_AGES; a++) {
			KUNIT_EXPECT_EQ(test, t->value[c][a], t->value[0][a]);
			if (a)
				KUNIT_EXPECT_LT(test, t->value[c][a], t->value[c][a - 1]);
		}
}

static struct kunit_case math_cases[] = {
	KUNIT_CASE(latency_buckets),
	KUNIT_CASE(age_buckets),
	KUNIT_CASE(pieces),
	KUNIT_CASE(states),
	KUNIT_CASE(layouts),
	KUNIT_CASE(handle_offsets),
	KUNIT_CASE(handle_numbers),
	KUNIT_CASE(ghosts),
	KUNIT_CASE(ghosts_forget_the_oldest),
	KUNIT_CASE(lru_table),
	{}
};

static struct kunit_suite math_suite = {
	.name = "kvmem_math",
	.test_cases = math_cases,
};

kunit_test_suite(math_suite);
