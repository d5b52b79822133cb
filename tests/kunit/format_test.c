// SPDX-License-Identifier: GPL-2.0
/*
 * Superblocks and directories: what was made is read again, and nothing that
 * cannot be is taken, however good its checksum is.
 */
#include <linux/sizes.h>
#include <linux/slab.h>
#include "fixture.h"
#include "flash/format.h"

#define SOME_BYTES	(SZ_1G + 12345)
#define SOME_UNIT	4096U
#define SOME_SEGMENT	SZ_8M	/* what the layout for these makes of them */
#define SOME_SEGMENTS	127U

/* Of one test; too long for a stack. */
struct format_test {
	struct kvmem_super super, back;
	struct kvmem_media_super disk;
	struct kvmem_media_dir dir;
};

static int format_init(struct kunit *test)
{
	struct format_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, t);
	for (i = 0; i < sizeof(t->super.uuid); i++)
		t->super.uuid[i] = i + 1;
	strscpy(t->super.label, "a label", sizeof(t->super.label));
	t->super.created = 1700000000;
	t->super.generation = 9;
	KUNIT_ASSERT_TRUE(test, kvmem_super_layout(&t->super, SOME_BYTES, 0, SOME_UNIT));
	test->priv = t;
	return 0;
}

static void checksums(struct kunit *test)
{
	static const char with[] = "1234\0\0\0\0006789", without[] = "1234abcd6789";
	u32 crc = kvmem_format_checksum(with, 12, 4);

	/* The test vector that everybody gives, by the function that we build on. */
	KUNIT_EXPECT_EQ(test, ~crc32c(~0U, "123456789", 9), 0xe3069283U);
	KUNIT_EXPECT_EQ(test, crc, ~crc32c(~0U, with, 12));
	KUNIT_EXPECT_EQ(test, kvmem_format_checksum(without, 12, 4), crc);
	KUNIT_EXPECT_NE(test, kvmem_format_checksum(without, 12, 0), crc);
}

static void texts(struct kunit *test)
{
	unsigned int i, j;

	for (i = 0; i < KVMEM_FORMAT_NR; i++) {
		KUNIT_ASSERT_NOT_NULL(test, kvmem_format_text(i));
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_STRNEQ(test, kvmem_format_text(i), kvmem_format_text(j));
	}
	KUNIT_EXPECT_STREQ(test, kvmem_format_text(KVMEM_FORMAT_NR), "unknown error");
}

/* --- layouts --- */

#define FIRST		(3 * SZ_1M)	/* what the directory leaves */
#define OVERHEAD	(FIRST + 4096ULL)

struct layout_case {
	u64 bytes;
	u32 segment, unit;
	u32 want_segment, want_nr;	/* 0: impossible */
};

static void layout_expect(struct kunit *test, const struct layout_case *c)
{
	struct format_test *t = test->priv;
	struct kvmem_super *s = &t->back;
	bool ok = kvmem_super_layout(s, c->bytes, c->segment, c->unit);

	KUNIT_EXPECT_EQ_MSG(test, ok, c->want_nr != 0, "bytes %llu", c->bytes);
	if (!ok)
		return;
	KUNIT_EXPECT_EQ_MSG(test, s->segment_bytes, c->want_segment, "bytes %llu", c->bytes);
	KUNIT_EXPECT_EQ_MSG(test, s->nr_segments, c->want_nr, "bytes %llu", c->bytes);
	KUNIT_EXPECT_EQ(test, s->first_segment, (u64)FIRST);
	KUNIT_EXPECT_EQ(test, s->directory[0], (u64)SZ_64K);
	KUNIT_EXPECT_EQ(test, s->directory[1], SZ_64K + 274 * 4096ULL);
	KUNIT_EXPECT_EQ(test, s->media_bytes, c->bytes & ~4095ULL);
	KUNIT_EXPECT_EQ(test, kvmem_super_end(c->bytes), s->media_bytes - 4096);
	/* What was laid out is accepted, with this device and no shorter one. */
	kvmem_super_encode(&t->disk, s);
	KUNIT_EXPECT_EQ(test, kvmem_super_decode(s, &t->disk, c->bytes, c->unit), KVMEM_FORMAT_OK);
	KUNIT_EXPECT_EQ(test, kvmem_super_decode(s, &t->disk, (c->bytes & ~4095ULL) - 1, c->unit),
			KVMEM_FORMAT_SHRUNK);
}

static void layouts(struct kunit *test)
{
	static const struct layout_case cases[] = {
		/* as many as fit, not one more */
		{ OVERHEAD + 64ULL * SZ_64M, 0, 512, SZ_64M, 64 },
		{ OVERHEAD + 64ULL * SZ_64M + 4095, 0, 4096, SZ_64M, 64 },
		{ OVERHEAD + 65ULL * SZ_64M - 4096, 0, 4096, SZ_64M, 64 },
		/* a page less than 64 segments: they become shorter */
		{ OVERHEAD + 64ULL * SZ_64M - 4096, 0, 4096, SZ_32M, 127 },
		{ OVERHEAD + 64ULL * SZ_256K, 0, 512, SZ_256K, 64 },
		{ OVERHEAD + 4ULL * SZ_256K, 0, 512, SZ_256K, 4 },
		{ OVERHEAD + 4ULL * SZ_256K - 1, 0, 512, 0, 0 },
		{ OVERHEAD, 0, 512, 0, 0 },
		{ 4096, 0, 512, 0, 0 },
		{ 4095, 0, 512, 0, 0 },
		{ 0, 0, 512, 0, 0 },
		/* more than there may be: they become longer, then some is left over */
		{ OVERHEAD + ((u64)SZ_64M << 22), 0, 512, SZ_64M, 1 << 22 },
		{ OVERHEAD + ((u64)SZ_64M << 22) + SZ_64M, 0, 512, SZ_128M, 1 << 21 },
		{ 1ULL << 62, 0, 512, SZ_1G, 1 << 22 },
		{ U64_MAX, 0, 512, SZ_1G, 1 << 22 },
		/* chosen by hand */
		{ OVERHEAD + 4ULL * SZ_1G, SZ_1G, 512, SZ_1G, 4 },
		{ OVERHEAD + 4ULL * SZ_1G - 4096, SZ_1G, 512, 0, 0 },
		{ SZ_1G, SZ_256K, 1024, SZ_256K, 4083 },
		{ SZ_1G, SZ_256K / 2, 512, 0, 0 },
		{ 1ULL << 40, SZ_2G, 512, 0, 0 },
		{ SZ_1G, SZ_256K + 4096, 512, 0, 0 },
		{ SZ_1G, 1, 512, 0, 0 },
		/* logical blocks that pages of tables cannot be written to */
		{ SZ_1G, 0, 0, 0, 0 },
		{ SZ_1G, 0, 256, 0, 0 },
		{ SZ_1G, 0, 520, 0, 0 },
		{ SZ_1G, 0, 8192, 0, 0 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		layout_expect(test, &cases[i]);
	KUNIT_EXPECT_EQ(test, kvmem_super_end(4095), 0ULL);
	KUNIT_EXPECT_EQ(test, kvmem_super_end(8193), 4096ULL);
}

static void places(struct kunit *test)
{
	struct format_test *t = test->priv;
	struct kvmem_super *s = &t->back;

	KUNIT_ASSERT_TRUE(test, kvmem_super_layout(s, U64_MAX, SZ_1G, 512));
	KUNIT_EXPECT_EQ(test, kvmem_segment_offset(s, 0), (u64)FIRST);
	KUNIT_EXPECT_EQ(test, kvmem_segment_offset(s, s->nr_segments - 1),
			FIRST + (((1ULL << 22) - 1) << 30));
	KUNIT_EXPECT_EQ(test, kvmem_table_offset(s, 0, 0), FIRST + SZ_1G - 4096ULL);
	KUNIT_EXPECT_EQ(test, kvmem_table_offset(s, 1, SZ_1G / 4096 - 1), FIRST + SZ_1G + 0ULL);
}

/* --- superblocks --- */

static enum kvmem_format_error super_decode(struct format_test *t)
{
	return kvmem_super_decode(&t->back, &t->disk, SOME_BYTES, SOME_UNIT);
}

static void super_round_trip(struct kunit *test)
{
	struct format_test *t = test->priv;

	memset(&t->disk, 0xff, sizeof(t->disk));
	kvmem_super_encode(&t->disk, &t->super);
	KUNIT_ASSERT_EQ(test, super_decode(t), KVMEM_FORMAT_OK);
	KUNIT_EXPECT_EQ(test, memcmp(&t->super, &t->back, sizeof(t->super)), 0);
	KUNIT_EXPECT_EQ(test, t->disk.magic, cpu_to_le64(KVMEM_MEDIA_SUPER_MAGIC));
	KUNIT_EXPECT_EQ(test, memcmp(&t->disk, "FLKVMEM1", 8), 0);
	KUNIT_EXPECT_NULL(test, memchr_inv(t->disk.reserved, 0, sizeof(t->disk.reserved)));
	/* The device has grown, or has shorter blocks. */
	KUNIT_EXPECT_EQ(test, kvmem_super_decode(&t->back, &t->disk, U64_MAX, 512),
			KVMEM_FORMAT_OK);
}

static void super_resum(struct format_test *t)
{
	t->disk.checksum = cpu_to_le32(kvmem_format_checksum(&t->disk, sizeof(t->disk), 12));
}

static void super_refusals(struct kunit *test)
{
	struct format_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, super_decode(t), KVMEM_FORMAT_MAGIC);
	kvmem_super_encode(&t->disk, &t->super);
	t->disk.version = cpu_to_le32(KVMEM_MEDIA_VERSION + 1);
	KUNIT_EXPECT_EQ(test, super_decode(t), KVMEM_FORMAT_VERSION);
	super_resum(t);
	KUNIT_EXPECT_EQ(test, super_decode(t), KVMEM_FORMAT_VERSION);
	kvmem_super_encode(&t->disk, &t->super);
	t->disk.reserved[3951] = 1;
	KUNIT_EXPECT_EQ(test, super_decode(t), KVMEM_FORMAT_CHECKSUM);
	super_resum(t);
	KUNIT_EXPECT_EQ(test, super_decode(t), KVMEM_FORMAT_OK);
	t->disk.incompat = cpu_to_le64(1ULL << 63);
	super_resum(t);
	KUNIT_EXPECT_EQ(test, super_decode(t), KVMEM_FORMAT_FEATURE);
	kvmem_super_encode(&t->disk, &t->super);
	KUNIT_EXPECT_EQ(test, kvmem_super_decode(&t->back, &t->disk, SZ_512M, 512),
			KVMEM_FORMAT_SHRUNK);
	KUNIT_EXPECT_EQ(test, kvmem_super_decode(&t->back, &t->disk, 0, 512), KVMEM_FORMAT_SHRUNK);
	KUNIT_EXPECT_EQ(test, kvmem_super_decode(&t->back, &t->disk, SOME_BYTES, 8192),
			KVMEM_FORMAT_UNIT);
	KUNIT_EXPECT_EQ(test, kvmem_super_decode(&t->back, &t->disk, SOME_BYTES, 0),
			KVMEM_FORMAT_UNIT);
	KUNIT_EXPECT_EQ(test, kvmem_super_decode(&t->back, &t->disk, SOME_BYTES, 520),
			KVMEM_FORMAT_UNIT);
}

/* A bit that only says how to write does no harm to a reader. */
static void super_ro_compat(struct kunit *test)
{
	struct format_test *t = test->priv;

	t->super.ro_compat = 1ULL << 40;
	kvmem_super_encode(&t->disk, &t->super);
	KUNIT_EXPECT_EQ(test, super_decode(t), KVMEM_FORMAT_OK);
	KUNIT_EXPECT_EQ(test, t->back.ro_compat, 1ULL << 40);
}

struct super_spoil {
	size_t at;
	size_t len;
	u64 value;
};

#define SPOIL(field, what) {							\
	.at = offsetof(struct kvmem_super, field),				\
	.len = sizeof_field(struct kvmem_super, field),				\
	.value = (what),							\
}

#define DIR_BYTES	(KVMEM_MEDIA_DIR_PAGES * 4096ULL)
#define MEDIA_BYTES	(SOME_BYTES & ~4095ULL)

/* Geometries that contradict themselves, one field at a time. */
static const struct super_spoil super_spoils[] = {
	SPOIL(segment_bytes, 0),
	SPOIL(segment_bytes, KVMEM_MEDIA_MIN_SEGMENT / 2),
	SPOIL(segment_bytes, 3 * KVMEM_MEDIA_MIN_SEGMENT),
	SPOIL(segment_bytes, 2 * KVMEM_MEDIA_MAX_SEGMENT),
	SPOIL(segment_bytes, SOME_SEGMENT * 2),
	SPOIL(nr_segments, 0),
	SPOIL(nr_segments, KVMEM_MEDIA_MIN_SEGMENTS - 1),
	SPOIL(nr_segments, KVMEM_MEDIA_MAX_SEGMENTS + 1),
	SPOIL(nr_segments, SOME_SEGMENTS + 1),
	SPOIL(nr_segments, U32_MAX),
	SPOIL(unit, 0),
	SPOIL(unit, 256),
	SPOIL(unit, 4095),
	SPOIL(unit, 8192),
	SPOIL(dir_pages, 0),
	SPOIL(dir_pages, KVMEM_MEDIA_DIR_PAGES + 1),
	SPOIL(dir_pages, U32_MAX),
	SPOIL(directory[0], 0),
	SPOIL(directory[0], SZ_64K - 512),
	SPOIL(directory[0], FIRST),
	SPOIL(directory[0], FIRST + 4096),
	SPOIL(directory[0], MEDIA_BYTES),
	SPOIL(directory[1], SZ_64K),
	SPOIL(directory[1], SZ_64K + DIR_BYTES - 4096),
	SPOIL(directory[1], FIRST - DIR_BYTES + 4096),
	SPOIL(directory[1], U64_MAX - 4095),
	SPOIL(first_segment, 0),
	SPOIL(first_segment, FIRST + 512),
	SPOIL(first_segment, SZ_64K + DIR_BYTES),
	SPOIL(first_segment, SZ_64K + 2 * DIR_BYTES - 4096),
	SPOIL(first_segment, MEDIA_BYTES),
	SPOIL(first_segment, U64_MAX - 4095),
	SPOIL(media_bytes, 0),
	SPOIL(media_bytes, FIRST),
	SPOIL(media_bytes, MEDIA_BYTES - 512),
	SPOIL(media_bytes, FIRST + (u64)SOME_SEGMENTS * SOME_SEGMENT),
};

static void super_hostile(struct kunit *test)
{
	struct format_test *t = test->priv;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, t->super.segment_bytes, (u32)SOME_SEGMENT);
	KUNIT_ASSERT_EQ(test, t->super.nr_segments, SOME_SEGMENTS);
	for (i = 0; i < ARRAY_SIZE(super_spoils); i++) {
		const struct super_spoil *spoil = &super_spoils[i];
		struct kvmem_super s = t->super;

		if (spoil->len == sizeof(u64))
			*(u64 *)((u8 *)&s + spoil->at) = spoil->value;
		else
			*(u32 *)((u8 *)&s + spoil->at) = spoil->value;
		kvmem_super_encode(&t->disk, &s);
		KUNIT_EXPECT_EQ_MSG(test, super_decode(t), KVMEM_FORMAT_GEOMETRY, "case %u", i);
	}
}

/* There is room for all of it, and yet it is more than there may be. */
static void super_too_many(struct kunit *test)
{
	struct format_test *t = test->priv;
	struct kvmem_super s = t->super;

	s.first_segment = SZ_8M;
	s.directory[1] = SZ_8M - DIR_BYTES - 4096;
	s.dir_pages = KVMEM_MEDIA_DIR_PAGES + 1;
	s.nr_segments = KVMEM_MEDIA_MIN_SEGMENTS;
	kvmem_super_encode(&t->disk, &s);
	KUNIT_EXPECT_EQ(test, super_decode(t), KVMEM_FORMAT_GEOMETRY);
	s.dir_pages--;
	s.media_bytes = 1ULL << 62;
	s.nr_segments = KVMEM_MEDIA_MAX_SEGMENTS + 1;
	kvmem_super_encode(&t->disk, &s);
	KUNIT_EXPECT_EQ(test, kvmem_super_decode(&t->back, &t->disk, U64_MAX, SOME_UNIT),
			KVMEM_FORMAT_GEOMETRY);
	s.nr_segments--;
	kvmem_super_encode(&t->disk, &s);
	KUNIT_EXPECT_EQ(test, kvmem_super_decode(&t->back, &t->disk, U64_MAX, SOME_UNIT),
			KVMEM_FORMAT_OK);
}

/* Other places than ours are fine, as long as nothing overlaps. */
static void super_other_places(struct kunit *test)
{
	struct format_test *t = test->priv;

	swap(t->super.directory[0], t->super.directory[1]);
	kvmem_super_encode(&t->disk, &t->super);
	KUNIT_EXPECT_EQ(test, super_decode(t), KVMEM_FORMAT_OK);
	t->super.dir_pages = 1;
	t->super.directory[0] = 4096;
	t->super.directory[1] = 8192;
	t->super.first_segment = 12288;
	kvmem_super_encode(&t->disk, &t->super);
	KUNIT_EXPECT_EQ(test, super_decode(t), KVMEM_FORMAT_OK);
	KUNIT_EXPECT_EQ(test, kvmem_segment_offset(&t->back, 1), 12288ULL + t->back.segment_bytes);
}

static void super_labels(struct kunit *test)
{
	struct format_test *t = test->priv;

	kvmem_super_encode(&t->disk, &t->super);
	memset(t->disk.label, 'x', sizeof(t->disk.label));
	t->disk.label[1] = '\n';
	t->disk.label[2] = 0x1b;
	t->disk.label[3] = 0xc3;
	super_resum(t);
	KUNIT_ASSERT_EQ(test, super_decode(t), KVMEM_FORMAT_OK);
	KUNIT_EXPECT_STREQ(test, (const char *)t->back.label, "x???xxxxxxxxxxxxxxxxxxxxxxxxxxx");
}

static void super_any_byte(struct kunit *test)
{
	struct format_test *t = test->priv;
	u8 *bytes = (u8 *)&t->disk;
	unsigned int i;

	kvmem_super_encode(&t->disk, &t->super);
	for (i = 0; i < sizeof(t->disk); i++) {
		u8 was = bytes[i];

		bytes[i] ^= 1 << (i & 7);
		KUNIT_EXPECT_NE_MSG(test, super_decode(t), KVMEM_FORMAT_OK, "byte %u", i);
		bytes[i] = ~was;
		KUNIT_EXPECT_NE_MSG(test, super_decode(t), KVMEM_FORMAT_OK, "byte %u", i);
		bytes[i] = was;
	}
	KUNIT_EXPECT_EQ(test, super_decode(t), KVMEM_FORMAT_OK);
}

/* --- the directory --- */

static void dir_make(struct format_test *t)
{
	struct kvmem_media_slot *slot = &t->dir.slots[2];

	memset(&t->dir, 0, sizeof(t->dir));
	slot->state = KVMEM_MEDIA_SLOT_USED;
	slot->generation = cpu_to_le32(4);
	memcpy(slot->name, "tenant-a/model", 15);
	kvmem_dir_seal(&t->dir, &t->super, 1, 5);
}

static enum kvmem_format_error dir_check(struct format_test *t)
{
	return kvmem_dir_check(&t->dir, &t->super, 1);
}

static void dir_round_trip(struct kunit *test)
{
	struct format_test *t = test->priv;
	u32 last = KVMEM_MEDIA_DIR_PAGES - 1;

	KUNIT_EXPECT_EQ(test, dir_check(t), KVMEM_FORMAT_MAGIC);
	dir_make(t);
	KUNIT_EXPECT_EQ(test, dir_check(t), KVMEM_FORMAT_OK);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(t->dir.generation), 5ULL);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(t->dir.index), 1U);
	KUNIT_EXPECT_STREQ(test, (const char *)t->dir.slots[2].name, "tenant-a/model");
	/* All slots free, as a new media has it; first and last page. */
	memset(&t->dir, 0, sizeof(t->dir));
	kvmem_dir_seal(&t->dir, &t->super, 0, 1);
	KUNIT_EXPECT_EQ(test, kvmem_dir_check(&t->dir, &t->super, 0), KVMEM_FORMAT_OK);
	kvmem_dir_seal(&t->dir, &t->super, last, U64_MAX);
	KUNIT_EXPECT_EQ(test, kvmem_dir_check(&t->dir, &t->super, last), KVMEM_FORMAT_OK);
	kvmem_dir_seal(&t->dir, &t->super, last + 1, 1);
	KUNIT_EXPECT_EQ(test, kvmem_dir_check(&t->dir, &t->super, last + 1), KVMEM_FORMAT_PLACE);
}

static void dir_refusals(struct kunit *test)
{
	struct format_test *t = test->priv;

	dir_make(t);
	t->dir.slots[14].reserved1[135] = 1;
	KUNIT_EXPECT_EQ(test, dir_check(t), KVMEM_FORMAT_CHECKSUM);
	dir_make(t);
	KUNIT_EXPECT_EQ(test, kvmem_dir_check(&t->dir, &t->super, 0), KVMEM_FORMAT_PLACE);
	KUNIT_EXPECT_EQ(test, kvmem_dir_check(&t->dir, &t->super, U32_MAX), KVMEM_FORMAT_PLACE);
	kvmem_dir_seal(&t->dir, &t->super, 1, 0);
	KUNIT_EXPECT_EQ(test, dir_check(t), KVMEM_FORMAT_ENTRY);
	dir_make(t);
	t->super.uuid[7]++;
	KUNIT_EXPECT_EQ(test, dir_check(t), KVMEM_FORMAT_MEDIA);
}

static void dir_expect_slot(struct kunit *test, u8 state, const char *name, size_t len,
			    enum kvmem_format_error want)
{
	struct format_test *t = test->priv;
	struct kvmem_media_slot *slot = &t->dir.slots[14];

	dir_make(t);
	slot->state = state;
	memcpy(slot->name, name, len);
	kvmem_dir_seal(&t->dir, &t->super, 1, 5);
	KUNIT_EXPECT_EQ_MSG(test, dir_check(t), want, "state %u name %.64s", state, name);
}

static void dir_hostile(struct kunit *test)
{
	char name[64];

	memset(name, 'n', sizeof(name));
	dir_expect_slot(test, KVMEM_MEDIA_SLOT_USED, name, 63, KVMEM_FORMAT_OK);
	dir_expect_slot(test, KVMEM_MEDIA_SLOT_USED, name, 64, KVMEM_FORMAT_ENTRY);
	dir_expect_slot(test, KVMEM_MEDIA_SLOT_FREE, name, 64, KVMEM_FORMAT_OK);
	dir_expect_slot(test, KVMEM_MEDIA_SLOT_USED, "", 1, KVMEM_FORMAT_ENTRY);
	dir_expect_slot(test, KVMEM_MEDIA_SLOT_USED, "a b", 4, KVMEM_FORMAT_ENTRY);
	dir_expect_slot(test, KVMEM_MEDIA_SLOT_USED, "a\n", 3, KVMEM_FORMAT_ENTRY);
	dir_expect_slot(test, KVMEM_MEDIA_SLOT_USED, "\xff", 2, KVMEM_FORMAT_ENTRY);
	dir_expect_slot(test, 2, "name", 5, KVMEM_FORMAT_ENTRY);
	dir_expect_slot(test, 255, "name", 5, KVMEM_FORMAT_ENTRY);
}

static void dir_any_byte(struct kunit *test)
{
	struct format_test *t = test->priv;
	u8 *bytes = (u8 *)&t->dir;
	unsigned int i;

	dir_make(t);
	for (i = 0; i < sizeof(t->dir); i++) {
		u8 was = bytes[i];

		bytes[i] ^= 1 << (i & 7);
		KUNIT_EXPECT_NE_MSG(test, dir_check(t), KVMEM_FORMAT_OK, "byte %u", i);
		bytes[i] = ~was;
		KUNIT_EXPECT_NE_MSG(test, dir_check(t), KVMEM_FORMAT_OK, "byte %u", i);
		bytes[i] = was;
	}
	KUNIT_EXPECT_EQ(test, dir_check(t), KVMEM_FORMAT_OK);
}

static struct kunit_case format_cases[] = {
	KUNIT_CASE(checksums),
	KUNIT_CASE(texts),
	KUNIT_CASE(layouts),
	KUNIT_CASE(places),
	KUNIT_CASE(super_round_trip),
	KUNIT_CASE(super_refusals),
	KUNIT_CASE(super_ro_compat),
	KUNIT_CASE(super_hostile),
	KUNIT_CASE(super_too_many),
	KUNIT_CASE(super_other_places),
	KUNIT_CASE(super_labels),
	KUNIT_CASE(super_any_byte),
	KUNIT_CASE(dir_round_trip),
	KUNIT_CASE(dir_refusals),
	KUNIT_CASE(dir_hostile),
	KUNIT_CASE(dir_any_byte),
	{}
};

static struct kunit_suite format_suite = {
	.name = "kvmem_format",
	.init = format_init,
	.test_cases = format_cases,
};

kunit_test_suite(format_suite);
