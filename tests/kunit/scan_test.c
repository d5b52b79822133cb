// SPDX-License-Identifier: GPL-2.0
/*
 * What attach makes of tables and of the directory: images made by the
 * functions of format.h, damaged and stale ones among them, on a media in
 * memory.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/user_namespace.h>
#include "fixture.h"
#include "flash/flash.h"
#include "flash/tier.h"
#include "ram_media.h"

#define BYTES		(6U << 20)
#define UNIT		512U
#define SEGMENT		(256U << 10)
#define SLOT		0U
#define SLOT_GENERATION	7U
#define SETTLE_MS	10000U
/* Superblocks and copies of the directory: what attach reads before tables. */
#define READS_BEFORE	4U

/**
 * struct scan_test - test->priv
 * @ram: the media
 * @super: of it
 * @ns: whose blocks
 * @media: attached, or NULL
 * @page: of a table, being filled
 * @nr: entries in @page
 */
struct scan_test {
	struct ram_media *ram;
	struct kvmem_super super;
	struct kvmem_ns *ns;
	struct kvmem_media *media;
	struct kvmem_media_table page;
	unsigned int nr;
};

/* Images -------------------------------------------------------------------- */

static void flip(struct scan_test *t, u64 off)
{
	t->ram->live[off] ^= 0x10;
	t->ram->durable[off] ^= 0x10;
}

static void set_slot(struct scan_test *t, struct kvmem_media_slot *slot, u32 generation)
{
	slot->state = KVMEM_MEDIA_SLOT_USED;
	slot->generation = cpu_to_le32(generation);
	slot->uid = cpu_to_le32(from_kuid(&init_user_ns, t->ns->p.uid));
	slot->gid = cpu_to_le32(from_kgid(&init_user_ns, t->ns->p.gid));
	strscpy((char *)slot->name, t->ns->p.name, sizeof(slot->name));
	memcpy(slot->fingerprint, t->ns->p.fingerprint, sizeof(slot->fingerprint));
}

static u64 dir_offset(struct scan_test *t, unsigned int copy, u32 index)
{
	return t->super.directory[copy] + (u64)index * KVMEM_MEDIA_PAGE;
}

/* Page @index of a copy of the directory; page 0 has the namespace. */
static void make_dir(struct kunit *test, unsigned int copy, u32 index, u64 generation,
		     u32 slot_generation)
{
	struct scan_test *t = test->priv;
	struct kvmem_media_dir *dir = kunit_kzalloc(test, sizeof(*dir), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, dir);
	if (!index)
		set_slot(t, &dir->slots[SLOT], slot_generation);
	kvmem_dir_seal(dir, &t->super, index, generation);
	ram_media_image(t->ram, dir_offset(t, copy, index), dir, sizeof(*dir));
	kunit_kfree(test, dir);
}

static void make_media(struct kunit *test)
{
	struct scan_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, ram_media_format(t->ram, &t->super, SEGMENT), 0);
	make_dir(test, 0, 0, 1, SLOT_GENERATION);
}

static void add_block(struct scan_test *t, u64 n, u32 offset, u32 expires)
{
	struct kvmem_media_entry *entry = &t->page.entries[t->nr++].entry;
	struct kvmem_key key = kvmem_test_key(n);

	memset(entry, 0, sizeof(*entry));
	memcpy(entry->key, key.b, sizeof(entry->key));
	entry->offset = cpu_to_le32(offset);
	entry->length = cpu_to_le32(8);
	entry->expires = cpu_to_le32(expires);
	entry->type = KVMEM_MEDIA_ENTRY_BLOCK;
}

static void add_gone(struct scan_test *t, u32 segment, u64 generation, u32 offset)
{
	struct kvmem_media_gone *gone = &t->page.entries[t->nr++].gone;

	memset(gone, 0, sizeof(*gone));
	gone->segment = cpu_to_le32(segment);
	gone->generation = cpu_to_le64(generation);
	gone->offset = cpu_to_le32(offset);
	gone->type = KVMEM_MEDIA_ENTRY_GONE;
}

static u64 page_offset_of(struct scan_test *t, u32 no, u32 index)
{
	return kvmem_table_offset(&t->super, no, index);
}

/* What was added becomes page @index of segment @no. */
static void add_page(struct scan_test *t, u32 no, u32 index, u64 generation,
		     u32 slot_generation)
{
	struct kvmem_table_head head = {
		.generation = generation,
		.written = ktime_get_real_ns(),
		.slot = SLOT,
		.slot_generation = slot_generation,
	};

	kvmem_table_seal(&t->page, &t->super, no, index, &head, t->nr);
	ram_media_image(t->ram, page_offset_of(t, no, index), &t->page, sizeof(t->page));
	t->nr = 0;
}

/* The outcome --------------------------------------------------------------- */

static void attach(struct kunit *test)
{
	struct scan_test *t = test->priv;
	struct kvmem_media *media;

	media = kvmem_media_attach("kunit.scan", &ram_media_ops, "scan_test", NULL, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(media));
	t->media = media;
	KUNIT_ASSERT_EQ(test, kvmem_media_settle(SETTLE_MS), 0);
}

static void detach(struct kunit *test)
{
	struct scan_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, kvmem_media_detach(t->media, NULL), 0);
	kvmem_media_put(t->media);
	t->media = NULL;
}

static void expect_at(struct kunit *test, u64 n, u32 no, u32 offset)
{
	struct scan_test *t = test->priv;
	struct kvmem_key key = kvmem_test_key(n);
	struct kvmem_copy *copy = kvmem_copy_lookup(t->ns, &key);

	KUNIT_EXPECT_NOT_NULL_MSG(test, copy, "key %llu is not there", n);
	if (!copy)
		return;
	KUNIT_EXPECT_EQ(test, copy->seg->no, no);
	KUNIT_EXPECT_EQ(test, copy->offset, offset);
	KUNIT_EXPECT_EQ(test, copy->state, (u8)KVMEM_BLOCK_PERSISTED);
	kvmem_copy_put_used(copy);
}

static void expect_none(struct kunit *test, u64 n)
{
	struct scan_test *t = test->priv;
	struct kvmem_key key = kvmem_test_key(n);
	struct kvmem_copy *copy = kvmem_copy_lookup(t->ns, &key);

	KUNIT_EXPECT_NULL_MSG(test, copy, "key %llu is there", n);
	if (copy)
		kvmem_copy_put_used(copy);
}

static u8 state_of(struct scan_test *t, u32 no)
{
	return READ_ONCE(t->media->segments[no].state);
}

/* Free, or on its way there. */
static void expect_empty(struct kunit *test, u32 no)
{
	struct scan_test *t = test->priv;
	u8 state = state_of(t, no);

	KUNIT_EXPECT_TRUE(test, state == KVMEM_SEG_FREE || state == KVMEM_SEG_DISCARD);
}

/* Tests --------------------------------------------------------------------- */

static void newest_wins(struct kunit *test)
{
	struct scan_test *t = test->priv;

	add_block(t, 1, 0, 0);
	add_block(t, 2, 8, 0);
	add_page(t, 1, 0, 5, SLOT_GENERATION);
	add_block(t, 1, 4096, 0);
	add_block(t, 3, 8192, 0);
	add_block(t, 3, 16384, 0);
	add_page(t, 0, 0, 9, SLOT_GENERATION);
	attach(test);
	expect_at(test, 1, 0, 4096);
	expect_at(test, 2, 1, 8);
	expect_at(test, 3, 0, 16384);
	expect_none(test, 4);
	KUNIT_EXPECT_EQ(test, state_of(t, 0), (u8)KVMEM_SEG_SEALED);
	KUNIT_EXPECT_EQ(test, state_of(t, 1), (u8)KVMEM_SEG_SEALED);
	expect_empty(test, 3);
	/* One more than what was found, for the deletion of those that did not win. */
	KUNIT_EXPECT_EQ(test, t->media->generation, 10ULL);
	KUNIT_EXPECT_EQ(test, t->media->gone_added, 2ULL);
	KUNIT_EXPECT_EQ(test, t->media->segments[0].fill, 16392U);
	KUNIT_EXPECT_EQ(test, t->media->scanned_blocks, 3ULL);
	KUNIT_EXPECT_EQ(test, t->media->counts.tables_damaged, 0ULL);
}

static void gone_kills_one(struct kunit *test)
{
	struct scan_test *t = test->priv;

	add_block(t, 1, 0, 0);
	add_block(t, 2, 8, 0);
	add_page(t, 3, 0, 5, SLOT_GENERATION);
	add_gone(t, 3, 5, 0);
	add_gone(t, 3, 4, 8);
	add_block(t, 3, 0, 0);
	add_gone(t, 2, 6, 0);
	add_block(t, 3, 64, 0);
	add_block(t, 4, 128, 0);
	add_gone(t, 2, 6, 128);
	add_page(t, 2, 0, 6, SLOT_GENERATION);
	attach(test);
	expect_none(test, 1);
	expect_at(test, 2, 3, 8);
	expect_at(test, 3, 2, 64);
	expect_none(test, 4);
	KUNIT_EXPECT_EQ(test, t->media->segments[2].nr_gone, 3U);
}

static void torn_page_ends_table(struct kunit *test)
{
	struct scan_test *t = test->priv;
	u32 i;

	for (i = 0; i < 4; i++) {
		add_block(t, i, i * 8, 0);
		add_page(t, 1, i, 5, SLOT_GENERATION);
	}
	flip(t, page_offset_of(t, 1, 2) + 4000);
	attach(test);
	expect_at(test, 0, 1, 0);
	expect_at(test, 1, 1, 8);
	expect_none(test, 2);
	expect_none(test, 3);
	KUNIT_EXPECT_EQ(test, t->media->segments[1].pages, 2U);
	KUNIT_EXPECT_EQ(test, t->media->counts.tables_damaged, 1ULL);
}

static void stale_page_ends_table(struct kunit *test)
{
	struct scan_test *t = test->priv;

	add_block(t, 1, 0, 0);
	add_page(t, 1, 0, 5, SLOT_GENERATION);
	add_block(t, 2, 8, 0);
	add_page(t, 1, 1, 4, SLOT_GENERATION);
	attach(test);
	expect_at(test, 1, 1, 0);
	expect_none(test, 2);
	KUNIT_EXPECT_EQ(test, t->media->counts.tables_damaged, 0ULL);
}

/* Data of a block that looks like the table's next page */
static void data_is_no_table(struct kunit *test)
{
	struct scan_test *t = test->priv;

	add_block(t, 1, SEGMENT - 2 * KVMEM_MEDIA_PAGE, 0);
	add_page(t, 1, 0, 5, SLOT_GENERATION);
	add_block(t, 2, 8, 0);
	add_page(t, 1, 1, 5, SLOT_GENERATION);
	attach(test);
	expect_at(test, 1, 1, SEGMENT - 2 * KVMEM_MEDIA_PAGE);
	expect_none(test, 2);
}

static void damaged_first_page(struct kunit *test)
{
	struct scan_test *t = test->priv;

	add_block(t, 1, 0, 0);
	add_page(t, 1, 0, 5, SLOT_GENERATION);
	flip(t, page_offset_of(t, 1, 0) + 100);
	attach(test);
	expect_none(test, 1);
	expect_empty(test, 1);
	KUNIT_EXPECT_EQ(test, t->media->counts.tables_damaged, 1ULL);
}

static void other_slot_generation(struct kunit *test)
{
	struct scan_test *t = test->priv;

	add_block(t, 1, 0, 0);
	add_page(t, 1, 0, 5, SLOT_GENERATION - 1);
	add_block(t, 2, 0, 0);
	add_page(t, 2, 0, 6, SLOT_GENERATION);
	attach(test);
	expect_none(test, 1);
	expect_empty(test, 1);
	expect_at(test, 2, 2, 0);
}

/* Longer than what is read at first, and than what is read then. */
static void long_table(struct kunit *test)
{
	struct scan_test *t = test->priv;
	u32 i, nr = SEGMENT / KVMEM_MEDIA_PAGE - 1;

	for (i = 0; i < nr; i++) {
		add_block(t, i, i * 8, 0);
		add_page(t, 1, i, 5, SLOT_GENERATION);
	}
	attach(test);
	for (i = 0; i < nr; i++)
		expect_at(test, i, 1, i * 8);
	KUNIT_EXPECT_EQ(test, t->media->segments[1].pages, nr);
}

static void expired_is_dropped(struct kunit *test)
{
	struct scan_test *t = test->priv;
	u32 now = ktime_get_real_seconds();

	add_block(t, 1, 0, now - 10);
	add_block(t, 2, 8, now + 1000);
	add_page(t, 1, 0, 5, SLOT_GENERATION);
	attach(test);
	expect_none(test, 1);
	expect_at(test, 2, 1, 8);
}

/*
 * A deletion takes away all that the media has of the key: what a newer copy hid
 * must not be back when that has gone.
 */
static void deleted_with_its_shadows(struct kunit *test)
{
	struct scan_test *t = test->priv;
	struct kvmem_key key = kvmem_test_key(1);
	u32 size;

	add_block(t, 1, 0, 0);
	add_block(t, 2, 8, 0);
	add_page(t, 1, 0, 5, SLOT_GENERATION);
	add_block(t, 1, 64, 0);
	add_block(t, 1, 128, 0);
	add_page(t, 0, 0, 9, SLOT_GENERATION);
	attach(test);
	expect_at(test, 1, 0, 128);
	KUNIT_EXPECT_EQ(test, kvmem_flash_delete(t->ns, &key, &size), 0);
	detach(test);
	attach(test);
	expect_none(test, 1);
	expect_at(test, 2, 1, 8);
	KUNIT_EXPECT_FALSE(test, t->media->gone_lost);
}

/* Nor by the end of the namespace's absence. */
static void adopted_later_with_shadows(struct kunit *test)
{
	struct scan_test *t = test->priv;
	struct kvmem_key key = kvmem_test_key(1);
	struct kvmem_ns_params p = t->ns->p;
	u32 size;

	add_block(t, 1, 0, 0);
	add_page(t, 1, 0, 5, SLOT_GENERATION);
	add_block(t, 1, 64, 0);
	add_page(t, 0, 0, 9, SLOT_GENERATION);
	kvmem_ns_delete(t->ns);
	kvmem_ns_put(t->ns);
	attach(test);
	t->ns = kvmem_ns_create(&p, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(t->ns));
	KUNIT_ASSERT_EQ(test, kvmem_media_settle(SETTLE_MS), 0);
	expect_at(test, 1, 0, 64);
	KUNIT_EXPECT_EQ(test, kvmem_flash_delete(t->ns, &key, &size), 0);
	detach(test);
	attach(test);
	expect_none(test, 1);
}

/* What cannot be read is left alone, and generations go on above it. */
static void unreadable_is_bad(struct kunit *test)
{
	struct scan_test *t = test->priv;

	add_block(t, 1, 0, 0);
	add_page(t, 0, 0, 6, SLOT_GENERATION);
	add_block(t, 2, 0, 0);
	add_page(t, 1, 0, 5, SLOT_GENERATION);
	ram_media_fail(t->ram, KVMEM_IO_READ, READS_BEFORE, 1, -EIO);
	attach(test);
	KUNIT_EXPECT_EQ(test, state_of(t, 0), (u8)KVMEM_SEG_BAD);
	expect_none(test, 1);
	expect_at(test, 2, 1, 0);
	KUNIT_EXPECT_GE(test, t->media->generation, 6ULL);
}

static void newer_directory_counts(struct kunit *test)
{
	struct scan_test *t = test->priv;

	make_dir(test, 1, 0, 2, SLOT_GENERATION + 1);
	add_block(t, 1, 0, 0);
	add_page(t, 1, 0, 5, SLOT_GENERATION);
	add_block(t, 2, 0, 0);
	add_page(t, 2, 0, 6, SLOT_GENERATION + 1);
	attach(test);
	expect_none(test, 1);
	expect_at(test, 2, 2, 0);
}

/* Its slots are given again with generations that no table has. */
static void damaged_directory(struct kunit *test)
{
	struct scan_test *t = test->priv;
	u32 slot, generation;

	flip(t, dir_offset(t, 0, 0) + 300);
	add_block(t, 1, 0, 0);
	add_page(t, 1, 0, 5, 3);
	attach(test);
	expect_none(test, 1);
	expect_empty(test, 1);
	KUNIT_EXPECT_EQ(test, kvmem_dir_find(t->media, t->ns, false, &slot, &generation), -ENOENT);
	KUNIT_ASSERT_EQ(test, kvmem_dir_find(t->media, t->ns, true, &slot, &generation), 0);
	KUNIT_EXPECT_EQ(test, slot, SLOT);
	KUNIT_EXPECT_EQ(test, generation, 4U);
	KUNIT_EXPECT_TRUE(test, kvmem_dir_valid(t->media, slot, generation));
	KUNIT_EXPECT_EQ(test, kvmem_dir_release(t->media, slot), 0);
	KUNIT_EXPECT_FALSE(test, kvmem_dir_valid(t->media, slot, generation));
	KUNIT_EXPECT_EQ(test, kvmem_dir_release(t->media, slot), -ENOENT);
}

/* A write that fails changes nothing. */
static void failed_directory_write(struct kunit *test)
{
	struct scan_test *t = test->priv;
	u32 slot, generation;

	attach(test);
	ram_media_fail(t->ram, KVMEM_IO_WRITE, 0, 1, -EIO);
	KUNIT_EXPECT_EQ(test, kvmem_dir_release(t->media, SLOT), -EIO);
	KUNIT_ASSERT_EQ(test, kvmem_dir_find(t->media, t->ns, false, &slot, &generation), 0);
	KUNIT_EXPECT_EQ(test, generation, SLOT_GENERATION);
}

static void one_superblock_will_do(struct kunit *test)
{
	struct scan_test *t = test->priv;

	flip(t, 200);
	add_block(t, 1, 0, 0);
	add_page(t, 1, 0, 5, SLOT_GENERATION);
	attach(test);
	expect_at(test, 1, 1, 0);
}

static void no_superblock_is_refused(struct kunit *test)
{
	struct scan_test *t = test->priv;
	struct kvmem_media *media;

	flip(t, 200);
	flip(t, kvmem_super_end(BYTES) + 200);
	media = kvmem_media_attach("kunit.scan", &ram_media_ops, "scan_test", NULL, NULL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(media), -EUCLEAN);
	if (!IS_ERR(media))
		t->media = media;
}

/* Suite --------------------------------------------------------------------- */

static int scan_test_init(struct kunit *test)
{
	static unsigned int count;
	struct kvmem_ns_params p = { .mode = 0600 };
	struct scan_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct kvmem_ns *ns;

	if (!t)
		return -ENOMEM;
	snprintf(p.name, sizeof(p.name), "kunit.scan.%u", count++);
	ns = kvmem_ns_create(&p, NULL);
	if (IS_ERR(ns))
		return PTR_ERR(ns);
	t->ns = ns;
	test->priv = t;
	t->ram = ram_media_create("scan_test", BYTES, UNIT);
	if (!t->ram)
		return -ENOMEM;
	make_media(test);
	return 0;
}

static void scan_test_exit(struct kunit *test)
{
	struct scan_test *t = test->priv;

	if (!t)
		return;
	if (t->media) {
		kvmem_media_detach(t->media, NULL);
		kvmem_media_put(t->media);
	}
	kvmem_ns_delete(t->ns);
	kvmem_ns_put(t->ns);
	if (t->ram)
		ram_media_destroy(t->ram);
}

static struct kunit_case scan_cases[] = {
	KUNIT_CASE(newest_wins),
	KUNIT_CASE(gone_kills_one),
	KUNIT_CASE(torn_page_ends_table),
	KUNIT_CASE(stale_page_ends_table),
	KUNIT_CASE(data_is_no_table),
	KUNIT_CASE(damaged_first_page),
	KUNIT_CASE(other_slot_generation),
	KUNIT_CASE(long_table),
	KUNIT_CASE(expired_is_dropped),
	KUNIT_CASE(deleted_with_its_shadows),
	KUNIT_CASE(adopted_later_with_shadows),
	KUNIT_CASE(unreadable_is_bad),
	KUNIT_CASE(newer_directory_counts),
	KUNIT_CASE(damaged_directory),
	KUNIT_CASE(failed_directory_write),
	KUNIT_CASE(one_superblock_will_do),
	KUNIT_CASE(no_superblock_is_refused),
	{}
};

static struct kunit_suite scan_suite = {
	.name = "kvmem_scan",
	.init = scan_test_init,
	.exit = scan_test_exit,
	.test_cases = scan_cases,
};

kunit_test_suite(scan_suite);
