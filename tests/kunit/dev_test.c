// SPDX-License-Identifier: GPL-2.0
/*
 * kmod/flash/dev.c: what it refuses, counts and passes on, time-outs, close.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/sched.h>
#include <linux/workqueue.h>
#include "ram_media.h"

#define BYTES	(1024U * 1024U)
#define UNIT	512U
#define PAGES	16U

/**
 * struct dev_test - test->priv
 * @ram: the media
 * @dev: open on it
 * @buf: PAGES pages
 * @trouble: how often each was told
 */
struct dev_test {
	struct ram_media *ram;
	struct kvmem_dev dev;
	struct kvmem_dev_buf *buf;
	unsigned int trouble[2];
};

/* A transfer of a test's own */
struct test_io {
	struct kvmem_io io;
	struct completion done;
	int status;
};

static void on_trouble(struct kvmem_dev *dev, enum kvmem_dev_trouble what)
{
	container_of(dev, struct dev_test, dev)->trouble[what]++;
}

static int dev_test_init(struct kunit *test)
{
	struct dev_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	t->ram = ram_media_create("dev_test", BYTES, UNIT);
	t->buf = kvmem_dev_alloc(PAGES * PAGE_SIZE);
	if (!t->ram || !t->buf)
		return -ENOMEM;
	return kvmem_dev_open(&t->dev, &ram_media_ops, "dev_test", on_trouble);
}

static void dev_test_exit(struct kunit *test)
{
	struct dev_test *t = test->priv;

	if (!t)
		return;
	if (t->ram && t->ram->dev) {
		ram_media_release(t->ram, UINT_MAX, 0);
		kvmem_dev_close(&t->dev);
	}
	kvmem_dev_buf_put(t->buf);
	ram_media_destroy(t->ram);
}

static void test_io_done(struct kvmem_io *io, int status)
{
	struct test_io *tio = container_of(io, struct test_io, io);

	tio->status = status;
	complete(&tio->done);
}

static void test_io_set(struct dev_test *t, struct test_io *tio, enum kvmem_io_op op, u64 off,
			size_t len)
{
	memset(tio, 0, sizeof(*tio));
	init_completion(&tio->done);
	tio->io.op = op;
	tio->io.off = off;
	tio->io.len = len;
	tio->io.bvecs = kvmem_dev_buf_bvecs(t->buf, &tio->io.nr_bvecs);
	tio->io.done = test_io_done;
}

/* Only for what ends at once. */
static int test_io_run(struct dev_test *t, struct test_io *tio)
{
	kvmem_dev_submit(&t->dev, &tio->io);
	return try_wait_for_completion(&tio->done) ? tio->status : -EBUSY;
}

static int run_at(struct dev_test *t, enum kvmem_io_op op, u64 off, size_t len)
{
	struct test_io tio;

	test_io_set(t, &tio, op, off, len);
	return test_io_run(t, &tio);
}

static int rw(struct dev_test *t, enum kvmem_io_op op, u64 off, size_t len)
{
	return kvmem_dev_rw(&t->dev, op, 0, off, t->buf, 0, len);
}

static void fill(struct dev_test *t, u8 byte)
{
	memset(kvmem_dev_buf_data(t->buf), byte, PAGES * PAGE_SIZE);
}

static bool holds(struct dev_test *t, u8 byte, size_t len)
{
	return !memchr_inv(kvmem_dev_buf_data(t->buf), byte, len);
}

static void round_trip(struct kunit *test)
{
	struct dev_test *t = test->priv;
	size_t len = 5 * PAGE_SIZE + UNIT;

	KUNIT_EXPECT_TRUE(test, holds(t, 0, PAGES * PAGE_SIZE));
	fill(t, 0x5a);
	KUNIT_EXPECT_EQ(test, rw(t, KVMEM_IO_WRITE, 3 * UNIT, len), 0);
	fill(t, 0);
	KUNIT_EXPECT_EQ(test, rw(t, KVMEM_IO_READ, 3 * UNIT, len), 0);
	KUNIT_EXPECT_TRUE(test, holds(t, 0x5a, len));
	/* The unit before was not touched. */
	KUNIT_EXPECT_EQ(test, rw(t, KVMEM_IO_READ, 2 * UNIT, UNIT), 0);
	KUNIT_EXPECT_TRUE(test, holds(t, 0, UNIT));
	KUNIT_EXPECT_EQ(test, kvmem_dev_rw(&t->dev, KVMEM_IO_READ, 0, 3 * UNIT, t->buf,
					   2 * PAGE_SIZE, UNIT), 0);
	KUNIT_EXPECT_EQ(test, ((u8 *)kvmem_dev_buf_data(t->buf))[2 * PAGE_SIZE], 0x5a);
}

static void bounds(struct kunit *test)
{
	struct dev_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, run_at(t, KVMEM_IO_READ, BYTES - UNIT, UNIT), 0);
	KUNIT_EXPECT_EQ(test, run_at(t, KVMEM_IO_READ, BYTES - UNIT, 2 * UNIT), -EINVAL);
	KUNIT_EXPECT_EQ(test, run_at(t, KVMEM_IO_READ, BYTES, UNIT), -EINVAL);
	KUNIT_EXPECT_EQ(test, run_at(t, KVMEM_IO_WRITE, U64_MAX - UNIT + 1, UNIT), -EINVAL);
	KUNIT_EXPECT_EQ(test, run_at(t, KVMEM_IO_READ, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, run_at(t, KVMEM_IO_READ, 0, UNIT + 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, run_at(t, KVMEM_IO_READ, 1, UNIT), -EINVAL);
	KUNIT_EXPECT_EQ(test, run_at(t, KVMEM_IO_NR, 0, UNIT), -EINVAL);
	/* More than the segments have. */
	KUNIT_EXPECT_EQ(test, run_at(t, KVMEM_IO_READ, 0, (PAGES + 1) * PAGE_SIZE), -EINVAL);
	/* The buffer's own bounds */
	KUNIT_EXPECT_EQ(test, kvmem_dev_rw(&t->dev, KVMEM_IO_READ, 0, 0, t->buf,
					   (PAGES - 1) * PAGE_SIZE, 2 * PAGE_SIZE), -EINVAL);
	KUNIT_EXPECT_EQ(test, kvmem_dev_rw(&t->dev, KVMEM_IO_READ, 0, 0, t->buf, UNIT, UNIT),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, t->ram->count[KVMEM_IO_READ], 1ULL);
	KUNIT_EXPECT_EQ(test, t->ram->count[KVMEM_IO_WRITE], 0ULL);
}

static int run_segment(struct dev_test *t, unsigned int off, unsigned int len, size_t first)
{
	struct bio_vec bvecs[2];
	struct test_io tio;

	test_io_set(t, &tio, KVMEM_IO_READ, 0, PAGE_SIZE);
	bvecs[0] = tio.io.bvecs[0];
	bvecs[0].bv_offset = off;
	bvecs[0].bv_len = len;
	bvecs[1] = tio.io.bvecs[1];
	tio.io.bvecs = bvecs;
	tio.io.nr_bvecs = 2;
	tio.io.first = first;
	return test_io_run(t, &tio);
}

static void segments(struct kunit *test)
{
	struct dev_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, run_segment(t, 0, UNIT, 0), 0);
	KUNIT_EXPECT_EQ(test, run_segment(t, 4, UNIT, 0), 0);
	KUNIT_EXPECT_EQ(test, run_segment(t, 2, UNIT, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, run_segment(t, 0, UNIT + 4, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, run_segment(t, 0, UNIT + 4, 4), 0);
	KUNIT_EXPECT_EQ(test, run_segment(t, 0, UNIT + 2, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, run_segment(t, 0, 0, 0), -EINVAL);
	/* The first segment is skipped as a whole. */
	KUNIT_EXPECT_EQ(test, run_segment(t, 0, UNIT + 4, UNIT + 4), 0);
	KUNIT_EXPECT_EQ(test, run_segment(t, 0, UNIT, 2 * UNIT), -EINVAL);
}

static void flags(struct kunit *test)
{
	struct dev_test *t = test->priv;
	u32 both = KVMEM_IO_F_PREFLUSH | KVMEM_IO_F_FUA;

	KUNIT_EXPECT_EQ(test, kvmem_dev_rw(&t->dev, KVMEM_IO_READ, KVMEM_IO_F_FUA, 0, t->buf, 0,
					   UNIT), -EINVAL);
	KUNIT_EXPECT_EQ(test, kvmem_dev_rw(&t->dev, KVMEM_IO_WRITE, both, 0, t->buf, 0, UNIT), 0);
	KUNIT_EXPECT_EQ(test, t->ram->preflush, 1ULL);
	KUNIT_EXPECT_EQ(test, t->ram->fua, 1ULL);
	KUNIT_EXPECT_EQ(test, kvmem_dev_rw(&t->dev, KVMEM_IO_FLUSH, 0, 0, t->buf, 0, UNIT),
			-EINVAL);
}

static void counts(struct kunit *test)
{
	struct dev_test *t = test->priv;
	struct kvmem_dev *dev = &t->dev;

	KUNIT_EXPECT_EQ(test, kvmem_dev_expected_wait(dev, true, BYTES), 0ULL);
	KUNIT_EXPECT_EQ(test, rw(t, KVMEM_IO_WRITE, 0, 4 * UNIT), 0);
	KUNIT_EXPECT_EQ(test, rw(t, KVMEM_IO_READ, 0, UNIT), 0);
	KUNIT_EXPECT_EQ(test, rw(t, KVMEM_IO_READ, 0, UNIT), 0);
	KUNIT_EXPECT_EQ(test, kvmem_dev_flush(dev), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&dev->ios[KVMEM_IO_WRITE]), 1LL);
	KUNIT_EXPECT_EQ(test, atomic64_read(&dev->ios[KVMEM_IO_READ]), 2LL);
	KUNIT_EXPECT_EQ(test, atomic64_read(&dev->ios[KVMEM_IO_FLUSH]), 1LL);
	KUNIT_EXPECT_EQ(test, atomic64_read(&dev->bytes[KVMEM_IO_WRITE]), 4LL * UNIT);
	KUNIT_EXPECT_EQ(test, atomic64_read(&dev->bytes[KVMEM_IO_READ]), 2LL * UNIT);
	KUNIT_EXPECT_EQ(test, atomic64_read(&dev->inflight[0]), 0LL);
	KUNIT_EXPECT_EQ(test, atomic64_read(&dev->inflight[1]), 0LL);
	KUNIT_EXPECT_GT(test, dev->service_ns[0], 0ULL);
	KUNIT_EXPECT_GT(test, dev->service_ns[1], 0ULL);
}

static void in_flight(struct kunit *test)
{
	struct dev_test *t = test->priv;
	struct test_io tio[2];
	u64 idle;

	ram_media_hold(t->ram, true);
	WRITE_ONCE(t->dev.service_ns[1], NSEC_PER_MSEC);
	idle = kvmem_dev_expected_wait(&t->dev, true, BYTES);
	KUNIT_EXPECT_EQ(test, idle, (u64)NSEC_PER_MSEC);
	test_io_set(t, &tio[0], KVMEM_IO_WRITE, 0, PAGES * PAGE_SIZE);
	test_io_set(t, &tio[1], KVMEM_IO_READ, 0, UNIT);
	KUNIT_EXPECT_EQ(test, test_io_run(t, &tio[0]), -EBUSY);
	KUNIT_EXPECT_EQ(test, test_io_run(t, &tio[1]), -EBUSY);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->dev.nr_inflight), 2);
	KUNIT_EXPECT_EQ(test, atomic64_read(&t->dev.inflight[0]), (s64)UNIT);
	KUNIT_EXPECT_EQ(test, atomic64_read(&t->dev.inflight[1]), (s64)(PAGES * PAGE_SIZE));
	KUNIT_EXPECT_GT(test, kvmem_dev_expected_wait(&t->dev, true, BYTES), idle);
	KUNIT_EXPECT_EQ(test, ram_media_release(t->ram, 2, 0), 2U);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->dev.nr_inflight), 0);
	KUNIT_EXPECT_EQ(test, tio[0].status, 0);
	KUNIT_EXPECT_EQ(test, tio[1].status, 0);
}

static void failures(struct kunit *test)
{
	struct dev_test *t = test->priv;

	ram_media_fail(t->ram, KVMEM_IO_READ, 1, 1, -EIO);
	ram_media_fail(t->ram, KVMEM_IO_WRITE, 0, 1, -ENOSPC);
	ram_media_fail(t->ram, KVMEM_IO_FLUSH, 0, 1, -EIO);
	KUNIT_EXPECT_EQ(test, rw(t, KVMEM_IO_READ, 0, UNIT), 0);
	KUNIT_EXPECT_EQ(test, rw(t, KVMEM_IO_READ, 0, UNIT), -EIO);
	KUNIT_EXPECT_EQ(test, rw(t, KVMEM_IO_READ, 0, UNIT), 0);
	KUNIT_EXPECT_EQ(test, rw(t, KVMEM_IO_WRITE, 0, UNIT), -ENOSPC);
	KUNIT_EXPECT_EQ(test, kvmem_dev_flush(&t->dev), -EIO);
	KUNIT_EXPECT_EQ(test, atomic64_read(&t->dev.errors[KVMEM_IO_READ]), 1LL);
	KUNIT_EXPECT_EQ(test, atomic64_read(&t->dev.errors[KVMEM_IO_WRITE]), 1LL);
	KUNIT_EXPECT_EQ(test, atomic64_read(&t->dev.bytes[KVMEM_IO_READ]), 2LL * UNIT);
	KUNIT_EXPECT_EQ(test, atomic64_read(&t->dev.bytes[KVMEM_IO_WRITE]), 0LL);
	KUNIT_EXPECT_EQ(test, atomic64_read(&t->dev.inflight[1]), 0LL);
}

static void trouble(struct kunit *test)
{
	struct dev_test *t = test->priv;
	struct kvmem_range range = { .off = 0, .len = UNIT };
	struct test_io tio;

	ram_media_trouble(t->ram, KVMEM_DEV_READ_ONLY);
	ram_media_trouble(t->ram, KVMEM_DEV_READ_ONLY);
	KUNIT_EXPECT_EQ(test, t->trouble[KVMEM_DEV_READ_ONLY], 1U);
	KUNIT_EXPECT_EQ(test, rw(t, KVMEM_IO_WRITE, 0, UNIT), -EROFS);
	KUNIT_EXPECT_EQ(test, rw(t, KVMEM_IO_READ, 0, UNIT), 0);
	test_io_set(t, &tio, KVMEM_IO_DISCARD, 0, 0);
	tio.io.ranges = &range;
	tio.io.nr_ranges = 1;
	KUNIT_EXPECT_EQ(test, test_io_run(t, &tio), -EROFS);
	ram_media_trouble(t->ram, KVMEM_DEV_GONE);
	KUNIT_EXPECT_EQ(test, t->trouble[KVMEM_DEV_GONE], 1U);
	KUNIT_EXPECT_EQ(test, rw(t, KVMEM_IO_READ, 0, UNIT), -ENODEV);
	KUNIT_EXPECT_EQ(test, kvmem_dev_flush(&t->dev), -ENODEV);
	KUNIT_EXPECT_EQ(test, t->ram->count[KVMEM_IO_WRITE], 0ULL);
}

static int run_discard(struct dev_test *t, const struct kvmem_range *ranges, unsigned int nr)
{
	struct test_io tio;

	test_io_set(t, &tio, KVMEM_IO_DISCARD, 0, 0);
	tio.io.ranges = ranges;
	tio.io.nr_ranges = nr;
	return test_io_run(t, &tio);
}

static void discards(struct kunit *test)
{
	struct dev_test *t = test->priv;
	struct kvmem_range good[] = { { 0, UNIT }, { 8 * UNIT, 2 * UNIT } };
	struct kvmem_range bad[] = { { 0, UNIT }, { BYTES - UNIT, 2 * UNIT } };
	struct kvmem_range empty = { UNIT, 0 }, odd = { 1, UNIT };

	KUNIT_EXPECT_EQ(test, run_discard(t, good, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, run_discard(t, bad, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, run_discard(t, &empty, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, run_discard(t, &odd, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, t->ram->count[KVMEM_IO_DISCARD], 0ULL);
	KUNIT_EXPECT_EQ(test, run_discard(t, good, 2), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&t->dev.ranges), 2LL);
	KUNIT_EXPECT_EQ(test, atomic64_read(&t->dev.bytes[KVMEM_IO_DISCARD]), 3LL * UNIT);
	KUNIT_EXPECT_EQ(test, t->ram->live[8 * UNIT], 0xdc);
	t->dev.geo.discard_unit = 0;
	KUNIT_EXPECT_EQ(test, run_discard(t, good, 2), -EOPNOTSUPP);
}

/* The transfer outlives its waiter, and the buffer the caller's reference. */
static void timeouts(struct kunit *test)
{
	struct dev_test *t = test->priv;
	struct kvmem_dev_buf *buf = kvmem_dev_alloc(64 * PAGE_SIZE);

	KUNIT_ASSERT_NOT_NULL(test, buf);
	memset(kvmem_dev_buf_data(buf), 0x77, 64 * PAGE_SIZE);
	ram_media_hold(t->ram, true);
	KUNIT_EXPECT_EQ(test, kvmem_dev_rw_within(&t->dev, KVMEM_IO_WRITE, 0, 0, buf, 0,
						  64 * PAGE_SIZE, 20), -ETIMEDOUT);
	kvmem_dev_buf_put(buf);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->dev.nr_inflight), 1);
	KUNIT_EXPECT_EQ(test, ram_media_release(t->ram, 1, 0), 1U);
	KUNIT_EXPECT_EQ(test, atomic_read(&t->dev.nr_inflight), 0);
	KUNIT_EXPECT_EQ(test, t->ram->live[64 * PAGE_SIZE - 1], 0x77);
}

struct release_work {
	struct delayed_work work;
	struct ram_media *ram;
};

static void release_later(struct work_struct *work)
{
	struct release_work *r = container_of(to_delayed_work(work), struct release_work, work);

	ram_media_release(r->ram, 1, 0);
}

static void close_waits(struct kunit *test)
{
	struct dev_test *t = test->priv;
	struct release_work r = { .ram = t->ram };
	struct test_io tio;

	INIT_DELAYED_WORK_ONSTACK(&r.work, release_later);
	ram_media_hold(t->ram, true);
	test_io_set(t, &tio, KVMEM_IO_WRITE, 0, UNIT);
	kvmem_dev_submit(&t->dev, &tio.io);
	schedule_delayed_work(&r.work, msecs_to_jiffies(20));
	kvmem_dev_close(&t->dev);
	KUNIT_EXPECT_TRUE(test, try_wait_for_completion(&tio.done));
	KUNIT_EXPECT_EQ(test, tio.status, 0);
	KUNIT_EXPECT_EQ(test, ram_media_nr_held(t->ram), 0U);
	flush_delayed_work(&r.work);
	destroy_delayed_work_on_stack(&r.work);
}

static void bad_geometry(struct kunit *test)
{
	struct dev_test *t = test->priv;

	kvmem_dev_close(&t->dev);
	KUNIT_EXPECT_EQ(test, kvmem_dev_open(&t->dev, &ram_media_ops, "nothing", on_trouble),
			-ENOENT);
	t->ram->geo.unit = 1000;
	KUNIT_EXPECT_EQ(test, kvmem_dev_open(&t->dev, &ram_media_ops, "dev_test", on_trouble),
			-EINVAL);
	t->ram->geo.unit = UNIT;
	t->ram->geo.mem_align = 3;
	KUNIT_EXPECT_EQ(test, kvmem_dev_open(&t->dev, &ram_media_ops, "dev_test", on_trouble),
			-EINVAL);
	t->ram->geo.mem_align = 4;
	KUNIT_EXPECT_EQ(test, kvmem_dev_open(&t->dev, &ram_media_ops, "dev_test", on_trouble), 0);
}

static void buffers(struct kunit *test)
{
	static const size_t lens[] = { 1, PAGE_SIZE, 9 * PAGE_SIZE, 3U << 20 };
	unsigned int i, nr;

	KUNIT_EXPECT_NULL(test, kvmem_dev_alloc(0));
	KUNIT_EXPECT_NULL(test, kvmem_dev_alloc(KVMEM_DEV_MAX_LEN + 1));
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		struct kvmem_dev_buf *buf = kvmem_dev_alloc(lens[i]);

		KUNIT_ASSERT_NOT_NULL(test, buf);
		KUNIT_EXPECT_TRUE(test, PAGE_ALIGNED(kvmem_dev_buf_data(buf)));
		KUNIT_EXPECT_NOT_NULL(test, kvmem_dev_buf_bvecs(buf, &nr));
		KUNIT_EXPECT_EQ(test, nr, (unsigned int)DIV_ROUND_UP(lens[i], PAGE_SIZE));
		kvmem_dev_buf_get(buf);
		kvmem_dev_buf_put(buf);
		kvmem_dev_buf_put(buf);
	}
	kvmem_dev_buf_put(NULL);
}

/* The mock's own promises, which other suites build on */
static void power_cut(struct kunit *test)
{
	struct dev_test *t = test->priv;
	unsigned int i, left = 0;

	fill(t, 1);
	KUNIT_EXPECT_EQ(test, rw(t, KVMEM_IO_WRITE, 0, UNIT), 0);
	KUNIT_EXPECT_EQ(test, kvmem_dev_rw(&t->dev, KVMEM_IO_WRITE, KVMEM_IO_F_FUA, UNIT, t->buf,
					   0, UNIT), 0);
	ram_media_power_cut(t->ram, 0);
	KUNIT_EXPECT_EQ(test, t->ram->live[0], 0);
	KUNIT_EXPECT_EQ(test, t->ram->live[UNIT], 1);
	KUNIT_EXPECT_EQ(test, rw(t, KVMEM_IO_WRITE, 0, UNIT), 0);
	KUNIT_EXPECT_EQ(test, kvmem_dev_flush(&t->dev), 0);
	ram_media_power_cut(t->ram, 0);
	KUNIT_EXPECT_EQ(test, t->ram->live[0], 1);
	fill(t, 2);
	KUNIT_EXPECT_EQ(test, rw(t, KVMEM_IO_WRITE, 0, PAGES * PAGE_SIZE), 0);
	ram_media_power_cut(t->ram, 1234);
	for (i = 0; i < PAGES * PAGE_SIZE / UNIT; i++)
		left += t->ram->live[i * UNIT] == 2;
	KUNIT_EXPECT_GT(test, left, 0U);
	KUNIT_EXPECT_LT(test, left, (unsigned int)(PAGES * PAGE_SIZE / UNIT));
}

static struct kunit_case dev_cases[] = {
	KUNIT_CASE(round_trip),
	KUNIT_CASE(bounds),
	KUNIT_CASE(segments),
	KUNIT_CASE(flags),
	KUNIT_CASE(counts),
	KUNIT_CASE(in_flight),
	KUNIT_CASE(failures),
	KUNIT_CASE(trouble),
	KUNIT_CASE(discards),
	KUNIT_CASE(timeouts),
	KUNIT_CASE(close_waits),
	KUNIT_CASE(bad_geometry),
	KUNIT_CASE(buffers),
	KUNIT_CASE(power_cut),
	{}
};

static struct kunit_suite dev_suite = {
	.name = "kvmem_dev",
	.init = dev_test_init,
	.exit = dev_test_exit,
	.test_cases = dev_cases,
};

kunit_test_suite(dev_suite);
