// SPDX-License-Identifier: GPL-2.0
/*
 * A DELETE against what happens to the key on flash at that moment, step by step:
 * it moves, it is on its way there, or it is on its way to DRAM.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/tracepoint.h>
#include <kunit/static_stub.h>
#include "fixture.h"
#include "flash/flash.h"
#include "flash/tier.h"
#include "ram_media.h"
#include "trace.h"

#define BYTES		(6U << 20)
#define UNIT		512U
#define SEGMENT		(256U << 10)
/* Whole units, and too large to share a transfer. */
#define SIZE		8192U
#define SETTLE_MS	10000U
/* Milliseconds to wait for a worker. */
#define PATIENCE	5000U

/* One test at a time; test->priv is the namespace. */
static struct {
	struct ram_media *ram;
	struct kvmem_media *media;
	struct completion moved;
	int moved_status;
	u64 key;
	unsigned int readable;	/* times that a copy, or a block, of @key became so */
} t;

/* Steps ---------------------------------------------------------------------- */

static void put(struct kunit *test, u64 n)
{
	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, n, SIZE, NULL), 0);
}

static void persist(struct kunit *test, u64 n)
{
	struct kvmem_key key = kvmem_test_key(n);

	put(test, n);
	KUNIT_ASSERT_EQ(test, kvmem_flash_persist(kvmem_test_ns(test), &key), 0);
}

static struct kvmem_copy *find_copy(struct kunit *test, u64 n)
{
	struct kvmem_key key = kvmem_test_key(n);

	return kvmem_copy_lookup(kvmem_test_ns(test), &key);
}

static void expect_copy(struct kunit *test, u64 n, bool there)
{
	struct kvmem_copy *copy = find_copy(test, n);

	KUNIT_EXPECT_EQ_MSG(test, !!copy, there, "key %llu on flash", n);
	if (copy)
		kvmem_copy_put_used(copy);
}

static void leave_dram(struct kunit *test, u64 n, enum kvmem_block_state to,
		       enum kvmem_evict_reason why)
{
	struct kvmem_block *block = kvmem_test_find(test, n);

	KUNIT_ASSERT_NOT_NULL(test, block);
	KUNIT_EXPECT_TRUE(test, kvmem_block_unlink(block, to, why));
	kvmem_block_put(block);
}

static int delete_flash(struct kunit *test, u64 n)
{
	struct kvmem_key key = kvmem_test_key(n);
	u32 size;

	return kvmem_flash_delete(kvmem_test_ns(test), &key, &size);
}

static void wait_held(struct kunit *test, unsigned int nr)
{
	unsigned int ms = PATIENCE;

	while (ram_media_nr_held(t.ram) < nr && --ms)
		usleep_range(1000, 2000);
	KUNIT_ASSERT_EQ(test, ram_media_nr_held(t.ram), nr);
}

static void let_go(void)
{
	ram_media_hold(t.ram, false);
	ram_media_release(t.ram, UINT_MAX, 0);
}

static void move_ended(struct kvmem_write *write)
{
	t.moved_status = write->status;
	complete(&t.moved);
}

/* As reclaim does; 0 when the key's copy is another one now. */
static int move(struct kvmem_copy *copy)
{
	struct kvmem_dev_buf *buf = kvmem_copy_read_buf(copy);
	int ret;

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	reinit_completion(&t.moved);
	ret = kvmem_log_rewrite(copy, buf, KVMEM_NR_TEMPS - 1, move_ended);
	if (ret)
		return ret;
	wait_for_completion(&t.moved);
	return t.moved_status;
}

/* It moves ------------------------------------------------------------------- */

static bool unlink_moved(struct kvmem_copy *copy, enum kvmem_block_state to)
{
	struct kunit *test = kunit_get_current_test();

	kunit_deactivate_static_stub(test, kvmem_copy_unlink);
	KUNIT_EXPECT_EQ(test, move(copy), 0);
	return kvmem_copy_unlink(copy, to);
}

/* Between the look-up and the unlinking. */
static void moved_while_deleted(struct kunit *test)
{
	persist(test, 1);
	leave_dram(test, 1, KVMEM_BLOCK_DELETED, KVMEM_EVICT_QUOTA);
	kunit_activate_static_stub(test, kvmem_copy_unlink, unlink_moved);
	KUNIT_EXPECT_EQ(test, delete_flash(test, 1), 0);
	expect_copy(test, 1, false);
}

/* The move ends after the deletion. */
static void deleted_while_moved(struct kunit *test)
{
	struct kvmem_copy *copy;
	struct kvmem_dev_buf *buf;

	persist(test, 1);
	persist(test, 2);
	copy = find_copy(test, 2);
	KUNIT_ASSERT_NOT_NULL(test, copy);
	/* The segment that it moves to is open. */
	KUNIT_EXPECT_EQ(test, move(copy), 0);
	kvmem_copy_put_used(copy);
	copy = find_copy(test, 1);
	KUNIT_ASSERT_NOT_NULL(test, copy);
	buf = kvmem_copy_read_buf(copy);
	KUNIT_ASSERT_FALSE(test, IS_ERR(buf));
	KUNIT_ASSERT_EQ(test, kvmem_table_sync(t.media), 0);
	ram_media_hold(t.ram, true);
	reinit_completion(&t.moved);
	KUNIT_ASSERT_EQ(test, kvmem_log_rewrite(copy, buf, KVMEM_NR_TEMPS - 1, move_ended), 0);
	kvmem_copy_put_used(copy);
	wait_held(test, 1);
	leave_dram(test, 1, KVMEM_BLOCK_DELETED, KVMEM_EVICT_QUOTA);
	KUNIT_EXPECT_EQ(test, delete_flash(test, 1), 0);
	let_go();
	wait_for_completion(&t.moved);
	KUNIT_EXPECT_EQ(test, t.moved_status, -ESTALE);
	expect_copy(test, 1, false);
	expect_copy(test, 2, true);
}

/* It is on its way to flash ---------------------------------------------------- */

/* In the middle of a change of state, just before it. */
static void on_state(void *data, u32 ns, const u8 *key, u8 from, u8 to)
{
	struct kvmem_key mine = kvmem_test_key(t.key);

	if (to == KVMEM_BLOCK_COMMITTED && !memcmp(key, mine.b, sizeof(mine.b)))
		t.readable++;
}

static void wait_written(struct kunit *test)
{
	struct kvmem_ns *ns = kvmem_test_ns(test);
	unsigned int ms = PATIENCE;

	while (atomic64_read(&ns->flash.held_blocks) && --ms)
		usleep_range(1000, 2000);
	KUNIT_EXPECT_EQ(test, atomic64_read(&ns->flash.held_blocks), 0);
}

/* Block 2 leaves DRAM while it is written: its copy is never to be seen, not for a moment. */
static void leaves_while_written(struct kunit *test, enum kvmem_block_state to,
				 enum kvmem_evict_reason why)
{
	struct kvmem_block *block;

	/* The segment is open. */
	persist(test, 1);
	put(test, 2);
	block = kvmem_test_find(test, 2);
	KUNIT_ASSERT_NOT_NULL(test, block);
	ram_media_hold(t.ram, true);
	kvmem_flash_written(kvmem_test_ns(test), block);
	kvmem_block_put(block);
	wait_held(test, 1);
	leave_dram(test, 2, to, why);
	KUNIT_EXPECT_EQ(test, delete_flash(test, 2), -ENOENT);
	t.key = 2;
	t.readable = 0;
	KUNIT_ASSERT_EQ(test, register_trace_kvmem_block_state(on_state, NULL), 0);
	let_go();
	wait_written(test);
	unregister_trace_kvmem_block_state(on_state, NULL);
	tracepoint_synchronize_unregister();
	KUNIT_EXPECT_EQ(test, t.readable, 0U);
	expect_copy(test, 2, false);
}

static void deleted_while_written(struct kunit *test)
{
	leaves_while_written(test, KVMEM_BLOCK_DELETED, KVMEM_EVICT_QUOTA);
}

static void corrupt_while_written(struct kunit *test)
{
	leaves_while_written(test, KVMEM_BLOCK_EVICTED, KVMEM_EVICT_CORRUPT);
}

/* And what was not deleted comes. */
static void written(struct kunit *test)
{
	struct kvmem_block *block;

	put(test, 1);
	block = kvmem_test_find(test, 1);
	KUNIT_ASSERT_NOT_NULL(test, block);
	kvmem_flash_written(kvmem_test_ns(test), block);
	kvmem_block_put(block);
	wait_written(test);
	expect_copy(test, 1, true);
}

/* It is on its way to DRAM ----------------------------------------------------- */

struct fetch {
	struct work_struct work;
	struct kvmem_ns *ns;
	struct kvmem_key key;
	struct kvmem_block *block;
};

static void fetch_work(struct work_struct *work)
{
	struct fetch *f = container_of(work, struct fetch, work);
	u16 res_flags = 0;

	f->block = kvmem_flash_fetch(f->ns, &f->key, &res_flags, NULL);
}

/* Key 1, on flash only, is being read. */
static void fetch_begin(struct kunit *test, struct fetch *f)
{
	persist(test, 1);
	leave_dram(test, 1, KVMEM_BLOCK_EVICTED, KVMEM_EVICT_QUOTA);
	f->ns = kvmem_test_ns(test);
	f->key = kvmem_test_key(1);
	ram_media_hold(t.ram, true);
	INIT_WORK_ONSTACK(&f->work, fetch_work);
	schedule_work(&f->work);
	wait_held(test, 1);
}

static void fetch_end(struct fetch *f)
{
	let_go();
	flush_work(&f->work);
	destroy_work_on_stack(&f->work);
}

static void deleted_while_fetched(struct kunit *test)
{
	struct fetch f;

	fetch_begin(test, &f);
	KUNIT_EXPECT_EQ(test, delete_flash(test, 1), 0);
	fetch_end(&f);
	KUNIT_EXPECT_NULL(test, f.block);
	KUNIT_EXPECT_FALSE(test, kvmem_test_there(test, 1));
	KUNIT_EXPECT_FALSE(test, kvmem_block_was_fetched(f.ns, &f.key));
	if (!IS_ERR_OR_NULL(f.block))
		kvmem_block_put(f.block);
}

/* Another one has the key by now: that is what the get finds. */
static void put_again_while_fetched(struct kunit *test)
{
	struct fetch f;

	fetch_begin(test, &f);
	KUNIT_EXPECT_EQ(test, delete_flash(test, 1), 0);
	put(test, 1);
	fetch_end(&f);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(f.block));
	KUNIT_EXPECT_FALSE(test, kvmem_block_was_fetched(f.ns, &f.key));
	kvmem_block_put(f.block);
}

/* A move is no reason to miss it. */
static void moved_while_fetched(struct kunit *test)
{
	struct kvmem_copy *copy;
	struct fetch f;

	fetch_begin(test, &f);
	ram_media_hold(t.ram, false);
	copy = find_copy(test, 1);
	KUNIT_EXPECT_NOT_NULL(test, copy);
	if (copy) {
		KUNIT_EXPECT_EQ(test, move(copy), 0);
		kvmem_copy_put_used(copy);
	}
	fetch_end(&f);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(f.block));
	KUNIT_EXPECT_TRUE(test, kvmem_block_was_fetched(f.ns, &f.key));
	kvmem_block_put(f.block);
	expect_copy(test, 1, true);
}

/* Suite ---------------------------------------------------------------------- */

static int delete_test_init(struct kunit *test)
{
	struct kvmem_super super = {};
	struct kvmem_media *media;
	int ret = kvmem_test_init(test);

	if (ret)
		return ret;
	init_completion(&t.moved);
	WRITE_ONCE(kvmem_test_ns(test)->flash.mode, KVMEM_FLASH_MODE_THROUGH);
	t.media = NULL;
	t.ram = ram_media_create("delete_test", BYTES, UNIT);
	if (!t.ram)
		return -ENOMEM;
	ret = ram_media_format(t.ram, &super, SEGMENT);
	if (ret)
		return ret;
	media = kvmem_media_attach("kunit.delete", &ram_media_ops, "delete_test", NULL, NULL);
	if (IS_ERR(media))
		return PTR_ERR(media);
	t.media = media;
	return kvmem_media_settle(SETTLE_MS);
}

static void delete_test_exit(struct kunit *test)
{
	if (t.ram)
		let_go();
	if (t.media) {
		kvmem_media_detach(t.media, NULL);
		kvmem_media_put(t.media);
	}
	kvmem_test_exit(test);
	if (t.ram)
		ram_media_destroy(t.ram);
	t.ram = NULL;
	t.media = NULL;
}

static struct kunit_case delete_cases[] = {
	KUNIT_CASE(moved_while_deleted),
	KUNIT_CASE(deleted_while_moved),
	KUNIT_CASE(deleted_while_written),
	KUNIT_CASE(corrupt_while_written),
	KUNIT_CASE(written),
	KUNIT_CASE(deleted_while_fetched),
	KUNIT_CASE(put_again_while_fetched),
	KUNIT_CASE(moved_while_fetched),
	{}
};

static struct kunit_suite delete_suite = {
	.name = "kvmem_delete",
	.init = delete_test_init,
	.exit = delete_test_exit,
	.test_cases = delete_cases,
};

kunit_test_suite(delete_suite);
