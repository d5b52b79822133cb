// SPDX-License-Identifier: GPL-2.0
/*
 * Tables of segments: what was made is read again; a page that says what
 * cannot be is refused as a whole, however good its checksum is.
 */
#include <linux/sizes.h>
#include <linux/slab.h>
#include "fixture.h"
#include "flash/format.h"

#define SOME_BYTES	(SZ_1G + 12345)
#define SOME_UNIT	4096U
#define SOME_SEGMENT	5U

/* Of one test; too long for a stack. */
struct table_test {
	struct kvmem_super super;
	struct kvmem_table_head head, head_back;
	struct kvmem_media_table table;
};

static int table_init(struct kunit *test)
{
	static const struct kvmem_table_head head = {
		.generation = 77, .written = 1234567890123ULL, .salt = 99, .slot = 17,
		.slot_generation = 3, .temperature = KVMEM_MEDIA_TEMPS - 1,
	};
	struct table_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	memcpy(t->super.uuid, "sixteen bytes id", sizeof(t->super.uuid));
	KUNIT_ASSERT_TRUE(test, kvmem_super_layout(&t->super, SOME_BYTES, 0, SOME_UNIT));
	t->head = head;
	test->priv = t;
	return 0;
}

/* --- pages --- */

/* Entry @at: a block with its checksums; how many entries it has taken. */
static unsigned int table_block(struct table_test *t, unsigned int at, u32 offset, u32 length)
{
	unsigned int nr = kvmem_entry_sums(length), i;
	struct kvmem_media_entry *e = &t->table.entries[at].entry;

	memset(e, 0, sizeof(*e));
	e->key[0] = at;
	e->offset = cpu_to_le32(offset);
	e->length = cpu_to_le32(length);
	e->crc = cpu_to_le32(~(1000 + nr - 1));
	e->type = KVMEM_MEDIA_ENTRY_BLOCK;
	e->class = KVMEM_MEDIA_CLASSES - 1;
	e->priority = KVMEM_MAX_PRIORITY;
	for (i = 0; i < nr; i++) {
		struct kvmem_media_sums *s =
			&t->table.entries[at + 1 + i / KVMEM_MEDIA_PIECE_SUMS].sums;

		s->sum[i % KVMEM_MEDIA_PIECE_SUMS] = cpu_to_le32(1000 + i);
		s->type = KVMEM_MEDIA_ENTRY_SUMS;
		s->nr = i % KVMEM_MEDIA_PIECE_SUMS + 1;
		s->first = cpu_to_le16(i - i % KVMEM_MEDIA_PIECE_SUMS);
	}
	return kvmem_entry_count(length);
}

static unsigned int table_gone(struct table_test *t, unsigned int at, u64 generation,
			       u32 segment, u32 offset)
{
	struct kvmem_media_gone *g = &t->table.entries[at].gone;

	memset(g, 0, sizeof(*g));
	g->generation = cpu_to_le64(generation);
	g->segment = cpu_to_le32(segment);
	g->offset = cpu_to_le32(offset);
	g->type = KVMEM_MEDIA_ENTRY_GONE;
	return 1;
}

static void table_seal(struct table_test *t, u32 index, unsigned int nr)
{
	kvmem_table_seal(&t->table, &t->super, SOME_SEGMENT, index, &t->head, nr);
}

static enum kvmem_format_error table_check(struct table_test *t, u32 index)
{
	t->head_back = t->head;
	return kvmem_table_check(&t->table, &t->super, SOME_SEGMENT, index, &t->head_back);
}

/* Of everything that there can be in a page. */
static void table_make(struct table_test *t, u32 index)
{
	unsigned int nr = 0;

	memset(&t->table, 0xff, sizeof(t->table));
	nr += table_block(t, nr, 0, 1);
	nr += table_block(t, nr, 8, 3 * SZ_1M + 1);
	nr += table_gone(t, nr, 77, SOME_SEGMENT, 0);
	table_seal(t, index, nr);
}

/* The checksum alone anew: for heads that kvmem_table_seal() does not make. */
static void table_resum(struct table_test *t)
{
	t->table.checksum = cpu_to_le32(kvmem_format_checksum(&t->table, sizeof(t->table), 4));
}

static void table_round_trip(struct kunit *test)
{
	struct table_test *t = test->priv;

	table_make(t, 0);
	memset(&t->head_back, 0xff, sizeof(t->head_back));
	KUNIT_ASSERT_EQ(test, kvmem_table_check(&t->table, &t->super, SOME_SEGMENT, 0,
						&t->head_back), KVMEM_FORMAT_OK);
	KUNIT_EXPECT_EQ(test, t->head_back.generation, t->head.generation);
	KUNIT_EXPECT_EQ(test, t->head_back.written, t->head.written);
	KUNIT_EXPECT_EQ(test, t->head_back.slot, t->head.slot);
	KUNIT_EXPECT_EQ(test, t->head_back.slot_generation, t->head.slot_generation);
	KUNIT_EXPECT_EQ(test, t->head_back.temperature, t->head.temperature);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(t->table.nr_entries), 4U);
	KUNIT_EXPECT_NULL(test, memchr_inv(&t->table.entries[4], 0, 59 * 64));
	/* Page 0 may be empty, others not; both may be full. */
	table_seal(t, 0, 0);
	KUNIT_EXPECT_EQ(test, table_check(t, 0), KVMEM_FORMAT_OK);
	table_seal(t, 1, 0);
	KUNIT_EXPECT_EQ(test, table_check(t, 1), KVMEM_FORMAT_ENTRY);
}

static void table_full(struct kunit *test)
{
	struct table_test *t = test->priv;
	unsigned int i;

	for (i = 0; i < KVMEM_MEDIA_TABLE_ENTRIES; i++)
		table_block(t, i, i * 4096, 4096);
	table_seal(t, 1, KVMEM_MEDIA_TABLE_ENTRIES);
	KUNIT_EXPECT_EQ(test, table_check(t, 1), KVMEM_FORMAT_OK);
	table_seal(t, 0, KVMEM_MEDIA_TABLE_ENTRIES);
	KUNIT_EXPECT_EQ(test, table_check(t, 0), KVMEM_FORMAT_OK);
}

static void table_refusals(struct kunit *test)
{
	struct table_test *t = test->priv;

	memset(&t->table, 0, sizeof(t->table));
	KUNIT_EXPECT_EQ(test, table_check(t, 0), KVMEM_FORMAT_MAGIC);
	table_make(t, 0);
	t->table.entries[62].sums.sum[0] = cpu_to_le32(1);
	KUNIT_EXPECT_EQ(test, table_check(t, 0), KVMEM_FORMAT_CHECKSUM);
	table_make(t, 0);
	KUNIT_EXPECT_EQ(test, table_check(t, 1), KVMEM_FORMAT_PLACE);
	KUNIT_EXPECT_EQ(test, kvmem_table_check(&t->table, &t->super, SOME_SEGMENT + 1, 0,
						&t->head_back), KVMEM_FORMAT_PLACE);
	t->super.uuid[0]++;
	KUNIT_EXPECT_EQ(test, table_check(t, 0), KVMEM_FORMAT_MEDIA);
}

/* Numbers that the media does not have, though the page and the caller agree. */
static void table_no_place(struct kunit *test)
{
	struct table_test *t = test->priv;
	u32 no = t->super.nr_segments, index = t->super.segment_bytes / KVMEM_MEDIA_PAGE;

	kvmem_table_seal(&t->table, &t->super, no, 0, &t->head, 0);
	KUNIT_EXPECT_EQ(test, kvmem_table_check(&t->table, &t->super, no, 0, &t->head_back),
			KVMEM_FORMAT_PLACE);
	kvmem_table_seal(&t->table, &t->super, U32_MAX, 0, &t->head, 0);
	KUNIT_EXPECT_EQ(test, kvmem_table_check(&t->table, &t->super, U32_MAX, 0, &t->head_back),
			KVMEM_FORMAT_PLACE);
	table_gone(t, 0, 1, 0, 0);
	table_seal(t, index, 1);
	KUNIT_EXPECT_EQ(test, table_check(t, index), KVMEM_FORMAT_PLACE);
	table_seal(t, U32_MAX, 1);
	KUNIT_EXPECT_EQ(test, table_check(t, U32_MAX), KVMEM_FORMAT_PLACE);
	/* The lowest page of all has no room for blocks before it, but is one. */
	table_seal(t, index - 1, 1);
	KUNIT_EXPECT_EQ(test, table_check(t, index - 1), KVMEM_FORMAT_OK);
	table_block(t, 0, 0, 1);
	table_seal(t, index - 1, 1);
	KUNIT_EXPECT_EQ(test, table_check(t, index - 1), KVMEM_FORMAT_ENTRY);
}

static void table_expect_stale(struct kunit *test, const struct kvmem_table_head *other)
{
	struct table_test *t = test->priv;

	table_gone(t, 0, 1, 0, 0);
	kvmem_table_seal(&t->table, &t->super, SOME_SEGMENT, 1, other, 1);
	KUNIT_EXPECT_EQ(test, table_check(t, 1), KVMEM_FORMAT_STALE);
}

static void table_stale(struct kunit *test)
{
	struct table_test *t = test->priv;
	struct kvmem_table_head other = t->head;

	other.generation--;
	table_expect_stale(test, &other);
	other.generation += 2;
	table_expect_stale(test, &other);
	other = t->head;
	other.salt++;
	table_expect_stale(test, &other);
	other = t->head;
	other.slot++;
	table_expect_stale(test, &other);
	other = t->head;
	other.slot_generation--;
	table_expect_stale(test, &other);
	other = t->head;
	other.temperature = 0;
	table_expect_stale(test, &other);
	/* Pages are written at different times. */
	other = t->head;
	other.written++;
	kvmem_table_seal(&t->table, &t->super, SOME_SEGMENT, 1, &other, 1);
	KUNIT_EXPECT_EQ(test, table_check(t, 1), KVMEM_FORMAT_OK);
	KUNIT_EXPECT_EQ(test, t->head_back.written, t->head.written);
}

static void table_expect_head(struct kunit *test, const struct kvmem_table_head *head)
{
	struct table_test *t = test->priv;

	kvmem_table_seal(&t->table, &t->super, SOME_SEGMENT, 0, head, 0);
	KUNIT_EXPECT_EQ(test, table_check(t, 0), KVMEM_FORMAT_ENTRY);
	/* What was refused has changed nothing. */
	KUNIT_EXPECT_EQ(test, memcmp(&t->head, &t->head_back, sizeof(t->head)), 0);
}

static void table_hostile_heads(struct kunit *test)
{
	struct table_test *t = test->priv;
	struct kvmem_table_head head = t->head;

	head.generation = 0;
	table_expect_head(test, &head);
	head = t->head;
	head.slot = KVMEM_MEDIA_MAX_SLOTS;
	table_expect_head(test, &head);
	head.slot = U32_MAX;
	table_expect_head(test, &head);
	head = t->head;
	head.temperature = KVMEM_MEDIA_TEMPS;
	table_expect_head(test, &head);
	head.temperature = 255;
	table_expect_head(test, &head);
	/* A directory of one page has slots of one page. */
	t->super.dir_pages = 1;
	table_expect_head(test, &t->head);
}

static void table_expect_nr(struct kunit *test, u32 index, u16 nr)
{
	struct table_test *t = test->priv;

	table_seal(t, index, KVMEM_MEDIA_TABLE_ENTRIES);
	t->table.nr_entries = cpu_to_le16(nr);
	table_resum(t);
	KUNIT_EXPECT_EQ_MSG(test, table_check(t, index), KVMEM_FORMAT_ENTRY, "nr %u", nr);
}

static void table_hostile_counts(struct kunit *test)
{
	struct table_test *t = test->priv;
	unsigned int i;

	for (i = 0; i < KVMEM_MEDIA_TABLE_ENTRIES; i++)
		table_block(t, i, i * 8, 8);
	table_expect_nr(test, 0, 64);
	table_expect_nr(test, 0, 65535);
	table_expect_nr(test, 1, 0);
	table_seal(t, 0, KVMEM_MEDIA_TABLE_ENTRIES);
	t->table.flags = 1;
	table_resum(t);
	KUNIT_EXPECT_EQ(test, table_check(t, 0), KVMEM_FORMAT_ENTRY);
	/* More than there are: our own mistake must not write beyond the page. */
	table_seal(t, 0, 64);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(t->table.nr_entries), KVMEM_MEDIA_TABLE_ENTRIES);
}

static void table_any_byte(struct kunit *test)
{
	struct table_test *t = test->priv;
	u8 *bytes = (u8 *)&t->table;
	unsigned int i;

	table_make(t, 0);
	for (i = 0; i < sizeof(t->table); i++) {
		u8 was = bytes[i];

		bytes[i] ^= 1 << (i & 7);
		KUNIT_EXPECT_NE_MSG(test, table_check(t, 0), KVMEM_FORMAT_OK, "byte %u", i);
		bytes[i] = ~was;
		KUNIT_EXPECT_NE_MSG(test, table_check(t, 0), KVMEM_FORMAT_OK, "byte %u", i);
		bytes[i] = was;
	}
	KUNIT_EXPECT_EQ(test, table_check(t, 0), KVMEM_FORMAT_OK);
}

/* --- entries --- */

static void entry_counts(struct kunit *test)
{
	static const struct {
		u32 length;
		unsigned int sums, count;
	} cases[] = {
		{ 1, 0, 1 }, { SZ_1M, 0, 1 }, { SZ_1M + 1, 2, 2 }, { 2 * SZ_1M, 2, 2 },
		{ 14 * SZ_1M, 14, 2 }, { 14 * SZ_1M + 1, 15, 3 },
		{ KVMEM_MAX_BLOCK - 1, 128, 11 }, { KVMEM_MAX_BLOCK, 128, 11 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		KUNIT_EXPECT_EQ(test, kvmem_entry_sums(cases[i].length), cases[i].sums);
		KUNIT_EXPECT_EQ(test, kvmem_entry_count(cases[i].length), cases[i].count);
	}
}

static void entry_expect(struct kunit *test, unsigned int nr, enum kvmem_format_error want)
{
	struct table_test *t = test->priv;

	table_seal(t, 1, nr);
	KUNIT_EXPECT_EQ(test, table_check(t, 1), want);
}

static void block_expect(struct kunit *test, u32 offset, u32 length, enum kvmem_format_error want)
{
	struct table_test *t = test->priv;

	unsigned int nr;

	/* Sums of a length that is far too large would not fit the page. */
	nr = table_block(t, 0, offset, length > 2 * KVMEM_MAX_BLOCK ? 1 : length);
	t->table.entries[0].entry.length = cpu_to_le32(length);
	table_seal(t, 1, nr);
	KUNIT_EXPECT_EQ_MSG(test, table_check(t, 1), want, "offset %u length %u", offset, length);
}

/* Page 1 is the lowest page that is known: blocks end before it. */
static void block_bounds(struct kunit *test)
{
	struct table_test *t = test->priv;
	u32 limit = t->super.segment_bytes - 2 * KVMEM_MEDIA_PAGE;

	block_expect(test, 0, 1, KVMEM_FORMAT_OK);
	block_expect(test, 0, limit, KVMEM_FORMAT_OK);
	block_expect(test, 0, limit + 1, KVMEM_FORMAT_ENTRY);
	block_expect(test, limit - 8, 8, KVMEM_FORMAT_OK);
	block_expect(test, limit - 8, 9, KVMEM_FORMAT_ENTRY);
	block_expect(test, limit, 1, KVMEM_FORMAT_ENTRY);
	block_expect(test, t->super.segment_bytes, 8, KVMEM_FORMAT_ENTRY);
	block_expect(test, 4, 8, KVMEM_FORMAT_ENTRY);
	block_expect(test, 0, 0, KVMEM_FORMAT_ENTRY);
	block_expect(test, 0, KVMEM_MAX_BLOCK + 1, KVMEM_FORMAT_ENTRY);
	block_expect(test, 0, U32_MAX, KVMEM_FORMAT_ENTRY);
	/* Sums that wrap: 8 + (2^32 - 8) and its like */
	block_expect(test, 8, 0U - 8, KVMEM_FORMAT_ENTRY);
	block_expect(test, 0U - 8, 8, KVMEM_FORMAT_ENTRY);
	block_expect(test, 0U - 8, 64, KVMEM_FORMAT_ENTRY);
	block_expect(test, 0U - 8, SZ_1M, KVMEM_FORMAT_ENTRY);
}

static void block_longest(struct kunit *test)
{
	struct table_test *t = test->priv;

	t->super.segment_bytes = SZ_256M;
	block_expect(test, 8, KVMEM_MAX_BLOCK, KVMEM_FORMAT_OK);
	block_expect(test, 8, KVMEM_MAX_BLOCK + 1, KVMEM_FORMAT_ENTRY);
	t->super.segment_bytes = KVMEM_MEDIA_MAX_SEGMENT;
	block_expect(test, SZ_1G - SZ_128M - 2 * 4096, KVMEM_MAX_BLOCK, KVMEM_FORMAT_OK);
	block_expect(test, SZ_1G - SZ_128M - 4096, KVMEM_MAX_BLOCK, KVMEM_FORMAT_ENTRY);
}

static void block_fields(struct kunit *test)
{
	struct table_test *t = test->priv;
	struct kvmem_media_entry *e = &t->table.entries[0].entry;

	table_block(t, 0, 0, 1);
	e->class = KVMEM_MEDIA_CLASSES;
	entry_expect(test, 1, KVMEM_FORMAT_ENTRY);
	table_block(t, 0, 0, 1);
	e->priority = KVMEM_MAX_PRIORITY + 1;
	entry_expect(test, 1, KVMEM_FORMAT_ENTRY);
	table_block(t, 0, 0, 1);
	e->flags = 0x80;
	entry_expect(test, 1, KVMEM_FORMAT_ENTRY);
	/* Anything will do in these. */
	table_block(t, 0, 0, 1);
	e->cost = cpu_to_le32(U32_MAX);
	e->expires = cpu_to_le32(U32_MAX);
	e->last_use = cpu_to_le32(U32_MAX);
	e->hits = cpu_to_le16(U16_MAX);
	e->reserved = cpu_to_le16(U16_MAX);
	entry_expect(test, 1, KVMEM_FORMAT_OK);
}

static void entry_types(struct kunit *test)
{
	struct table_test *t = test->priv;
	unsigned int type;

	for (type = 0; type < 256; type++) {
		table_block(t, 0, 0, 1);
		table_gone(t, 1, 1, 0, 0);
		t->table.entries[0].entry.type = type;
		/* A block read as GONE names a segment that is not there. */
		t->table.entries[0].gone.segment = cpu_to_le32(t->super.nr_segments);
		entry_expect(test, 2, type == KVMEM_MEDIA_ENTRY_BLOCK ? KVMEM_FORMAT_OK :
					KVMEM_FORMAT_ENTRY);
	}
}

struct sums_spoil {
	unsigned int entry;
	size_t at;
	u8 value;
};

#define SPOIL(nr, field, what) {						\
	.entry = (nr),								\
	.at = offsetof(struct kvmem_media_sums, field),				\
	.value = (what),							\
}

/* A byte that is not that of the checksums of 16 pieces; numbers are below 256. */
static const struct sums_spoil sums_spoils[] = {
	SPOIL(1, nr, 0),
	SPOIL(1, nr, 13),
	SPOIL(1, nr, 15),
	SPOIL(1, nr, 255),
	SPOIL(2, nr, 1),
	SPOIL(2, nr, 3),
	SPOIL(2, nr, 14),
	SPOIL(1, first, 1),
	SPOIL(2, first, 0),
	SPOIL(2, first, 13),
	SPOIL(2, first, 15),
	SPOIL(1, type, KVMEM_MEDIA_ENTRY_NONE),
	SPOIL(1, type, KVMEM_MEDIA_ENTRY_BLOCK),
	SPOIL(2, type, KVMEM_MEDIA_ENTRY_GONE),
	SPOIL(2, type, 255),
	SPOIL(2, sum[1], 0),		/* the last one is the block's */
};

static void sums_hostile(struct kunit *test)
{
	struct table_test *t = test->priv;
	unsigned int i;

	KUNIT_ASSERT_TRUE(test, kvmem_super_layout(&t->super, 1ULL << 40, 0, SOME_UNIT));
	for (i = 0; i < ARRAY_SIZE(sums_spoils); i++) {
		const struct sums_spoil *spoil = &sums_spoils[i];

		KUNIT_ASSERT_EQ(test, table_block(t, 0, 0, 16 * SZ_1M - 5), 3U);
		entry_expect(test, 3, KVMEM_FORMAT_OK);
		((u8 *)&t->table.entries[spoil->entry])[spoil->at] = spoil->value;
		table_seal(t, 1, 3);
		KUNIT_EXPECT_EQ_MSG(test, table_check(t, 1), KVMEM_FORMAT_ENTRY, "case %u", i);
	}
}

/* In the wrong order */
static void sums_swapped(struct kunit *test)
{
	struct table_test *t = test->priv;

	KUNIT_ASSERT_TRUE(test, kvmem_super_layout(&t->super, 1ULL << 40, 0, SOME_UNIT));
	table_block(t, 0, 0, 16 * SZ_1M);
	swap(t->table.entries[1].sums, t->table.entries[2].sums);
	entry_expect(test, 3, KVMEM_FORMAT_ENTRY);
}

/* Sums and their block stay together, in one page. */
static void sums_alone(struct kunit *test)
{
	struct table_test *t = test->priv;
	struct kvmem_media_sums sums;
	u32 length = 2 * SZ_1M;

	table_block(t, 0, 0, length);
	sums = t->table.entries[1].sums;
	entry_expect(test, 2, KVMEM_FORMAT_OK);
	/* cut off */
	table_block(t, 0, 0, length);
	entry_expect(test, 1, KVMEM_FORMAT_ENTRY);
	/* one too many */
	table_block(t, 0, 0, length);
	t->table.entries[2].sums = sums;
	entry_expect(test, 3, KVMEM_FORMAT_ENTRY);
	/* of a block that needs none, of GONE, of nothing */
	table_block(t, 0, 0, SZ_1M);
	t->table.entries[1].sums = sums;
	entry_expect(test, 2, KVMEM_FORMAT_ENTRY);
	table_gone(t, 0, 1, 0, 0);
	entry_expect(test, 2, KVMEM_FORMAT_ENTRY);
	t->table.entries[0].sums = sums;
	entry_expect(test, 1, KVMEM_FORMAT_ENTRY);
	/* beyond the page's last entry */
	memset(&t->table.entries, 0, sizeof(t->table.entries));
	for (length = 0; length < KVMEM_MEDIA_TABLE_ENTRIES - 1; length++)
		table_gone(t, length, 1, 0, 0);
	table_block(t, KVMEM_MEDIA_TABLE_ENTRIES - 1, 0, 1);
	t->table.entries[KVMEM_MEDIA_TABLE_ENTRIES - 1].entry.length = cpu_to_le32(2 * SZ_1M);
	entry_expect(test, KVMEM_MEDIA_TABLE_ENTRIES, KVMEM_FORMAT_ENTRY);
}

static void gone_expect(struct kunit *test, u64 generation, u32 segment, u32 offset,
			enum kvmem_format_error want)
{
	struct table_test *t = test->priv;

	table_gone(t, 0, generation, segment, offset);
	entry_expect(test, 1, want);
}

static void gone_bounds(struct kunit *test)
{
	struct table_test *t = test->priv;
	u32 last = t->super.nr_segments - 1, end = t->super.segment_bytes;

	gone_expect(test, 1, 0, 0, KVMEM_FORMAT_OK);
	gone_expect(test, 76, last, end - 8, KVMEM_FORMAT_OK);
	gone_expect(test, 0, 0, 0, KVMEM_FORMAT_ENTRY);
	gone_expect(test, 1, last + 1, 0, KVMEM_FORMAT_ENTRY);
	gone_expect(test, 1, U32_MAX, 0, KVMEM_FORMAT_ENTRY);
	gone_expect(test, 1, 0, end, KVMEM_FORMAT_ENTRY);
	gone_expect(test, 1, 0, U32_MAX - 7, KVMEM_FORMAT_ENTRY);
	gone_expect(test, 1, 0, 4, KVMEM_FORMAT_ENTRY);
}

static struct kunit_case table_cases[] = {
	KUNIT_CASE(table_round_trip),
	KUNIT_CASE(table_full),
	KUNIT_CASE(table_refusals),
	KUNIT_CASE(table_no_place),
	KUNIT_CASE(table_stale),
	KUNIT_CASE(table_hostile_heads),
	KUNIT_CASE(table_hostile_counts),
	KUNIT_CASE(table_any_byte),
	KUNIT_CASE(entry_counts),
	KUNIT_CASE(block_bounds),
	KUNIT_CASE(block_longest),
	KUNIT_CASE(block_fields),
	KUNIT_CASE(entry_types),
	KUNIT_CASE(sums_hostile),
	KUNIT_CASE(sums_swapped),
	KUNIT_CASE(sums_alone),
	KUNIT_CASE(gone_bounds),
	{}
};

static struct kunit_suite table_suite = {
	.name = "kvmem_format_table",
	.init = table_init,
	.test_cases = table_cases,
};

kunit_test_suite(table_suite);
