// SPDX-License-Identifier: GPL-2.0
/*
 * kmod/core/dmabuf.c, dma_map.c: tables of addresses, mappings and their ends;
 * and what a device makes of such memory.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fdtable.h>
#include <linux/prandom.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <kunit/test.h>
#include "dma_map.h"
#include "fake_gpu.h"
#include "ram_media.h"
#include "span.h"

#define BYTES	(1024U * 1024U)
#define UNIT	512U
#define PAGES	16U

/* Tables -------------------------------------------------------------------- */

struct piece {
	u64 addr;
	u32 len;
};

static void make_table(struct kunit *test, struct sg_table *sgt, const struct piece *p,
		       unsigned int nr)
{
	struct scatterlist *sg;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, sg_alloc_table(sgt, nr, GFP_KERNEL), 0);
	for_each_sgtable_dma_sg(sgt, sg, i) {
		sg_dma_address(sg) = p[i].addr;
		sg_dma_len(sg) = p[i].len;
	}
}

static struct kvmem_dma_map *build(struct kunit *test, const struct piece *p, unsigned int nr,
				   u64 off, u64 len)
{
	struct kvmem_dma_map *map;
	struct sg_table sgt;

	make_table(test, &sgt, p, nr);
	map = kvmem_dma_map_build(&sgt, off, len);
	sg_free_table(&sgt);
	return map;
}

static void expect_span(struct kunit *test, const struct kvmem_dma_map *map, u64 off, u64 addr,
			u64 left)
{
	struct kvmem_span span;

	kvmem_dma_map_span(map, off, 1, &span);
	KUNIT_EXPECT_EQ(test, span.dma->addr + span.dma_first, addr);
	KUNIT_EXPECT_EQ(test, span.dma->len - span.dma_first, left);
}

static void table_merges(struct kunit *test)
{
	static const struct piece p[] = {
		{ 0x10000, 0x1000 }, { 0x11000, 0x3000 }, { 0x20000, 0x1000 },
		{ 0x1f000, 0x1000 }, { 0x20000, 0x2000 },
	};
	struct kvmem_dma_map *map = build(test, p, ARRAY_SIZE(p), 0, 0x8000);

	KUNIT_ASSERT_FALSE(test, IS_ERR(map));
	/* The second continues the first, the last continues the fourth. */
	KUNIT_EXPECT_EQ(test, map->nr, 3U);
	expect_span(test, map, 0, 0x10000, 0x4000);
	expect_span(test, map, 0x3fff, 0x13fff, 1);
	expect_span(test, map, 0x4000, 0x20000, 0x1000);
	expect_span(test, map, 0x5000, 0x1f000, 0x3000);
	expect_span(test, map, 0x7fff, 0x21fff, 1);
	kvmem_dma_map_free(map);
}

/* A part in the middle: it begins and ends inside of runs. */
static void table_cuts(struct kunit *test)
{
	static const struct piece p[] = {
		{ 0x10000, 0x2000 }, { 0x50000, 0x2000 }, { 0x90000, 0x2000 },
	};
	struct kvmem_dma_map *map = build(test, p, ARRAY_SIZE(p), 0x1804, 0x3000);

	KUNIT_ASSERT_FALSE(test, IS_ERR(map));
	KUNIT_EXPECT_EQ(test, map->nr, 3U);
	expect_span(test, map, 0, 0x11804, 0x7fc);
	expect_span(test, map, 0x7fc, 0x50000, 0x2000);
	expect_span(test, map, 0x27fc, 0x90000, 0x804);
	kvmem_dma_map_free(map);
	map = build(test, p, ARRAY_SIZE(p), 0x2000, 0x1000);
	KUNIT_ASSERT_FALSE(test, IS_ERR(map));
	KUNIT_EXPECT_EQ(test, map->nr, 1U);
	expect_span(test, map, 0, 0x50000, 0x1000);
	kvmem_dma_map_free(map);
}

static void table_refuses(struct kunit *test)
{
	static const struct piece odd_len[] = { { 0x10000, 0x1800 }, { 0x20000, 0x1000 } };
	static const struct piece odd_addr[] = { { 0x10800, 0x1000 } };
	static const struct piece wraps[] = { { ~0ULL << PAGE_SHIFT, 0x2000 } };
	static const struct piece empty[] = { { 0x10000, 0 }, { 0x10000, 0x1000 } };
	static const struct piece good[] = { { 0x10000, 0x1000 } };

	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(build(test, odd_len, 2, 0, 4096)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(build(test, odd_addr, 1, 0, 4096)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(build(test, wraps, 1, 0, 4096)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(build(test, empty, 2, 0, 4096)), -EINVAL);
	/* Shorter than the dma-buf claims to be */
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(build(test, good, 1, 1, 4096)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(build(test, good, 1, 4096, 1)), -EINVAL);
}

/* Many runs of any length, looked up everywhere. */
static void table_finds(struct kunit *test)
{
	unsigned int nr = 3000, i;
	struct piece *p = kunit_kcalloc(test, nr, sizeof(*p), GFP_KERNEL);
	struct kvmem_dma_map *map;
	struct rnd_state rnd;
	u64 bytes = 0, at;

	KUNIT_ASSERT_NOT_NULL(test, p);
	prandom_seed_state(&rnd, 7);
	for (i = 0; i < nr; i++) {
		u32 pages = prandom_u32_state(&rnd) % 16 ? 1 : 1 + prandom_u32_state(&rnd) % 2000;

		p[i] = (struct piece){ (u64)i << 32, pages << PAGE_SHIFT };
		bytes += p[i].len;
	}
	map = build(test, p, nr, 0, bytes);
	KUNIT_ASSERT_FALSE(test, IS_ERR(map));
	KUNIT_EXPECT_EQ(test, map->nr, nr);
	for (at = 0, i = 0; i < nr; at += p[i++].len) {
		expect_span(test, map, at, p[i].addr, p[i].len);
		expect_span(test, map, at + p[i].len - 1, p[i].addr + p[i].len - 1, 1);
		expect_span(test, map, at + p[i].len / 2, p[i].addr + p[i].len / 2,
			    p[i].len - p[i].len / 2);
	}
	kvmem_dma_map_free(map);
}

static struct kunit_case table_cases[] = {
	KUNIT_CASE(table_merges),
	KUNIT_CASE(table_cuts),
	KUNIT_CASE(table_refuses),
	KUNIT_CASE(table_finds),
	{}
};

static struct kunit_suite table_suite = {
	.name = "kvmem_dma_table",
	.test_cases = table_cases,
};

/* Mappings ------------------------------------------------------------------ */

/**
 * struct dma_test - test->priv
 * @ram: a media that takes the addresses of @gpu
 * @dev: open on it
 * @open: it is
 * @gpu: exports the memory
 * @db: imported
 * @released: @gpu has gone
 */
struct dma_test {
	struct ram_media *ram;
	struct kvmem_dev dev;
	bool open;
	struct fake_gpu *gpu;
	struct kvmem_dmabuf *db;
	bool released;
};

static int import(struct dma_test *t, bool dynamic, u64 off, u64 len)
{
	int fd;

	t->gpu = fake_gpu_create(PAGES, dynamic, &t->released);
	if (!t->gpu)
		return -ENOMEM;
	get_dma_buf(t->gpu->buf);
	fd = dma_buf_fd(t->gpu->buf, O_CLOEXEC);
	if (fd < 0)
		return fd;
	t->db = kvmem_dmabuf_import(fd, off, len, false);
	close_fd(fd);
	return PTR_ERR_OR_ZERO(t->db);
}

static int dma_test_init(struct kunit *test)
{
	struct dma_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct device *dev;

	if (!t)
		return -ENOMEM;
	test->priv = t;
	t->ram = ram_media_create("dma_test", BYTES, UNIT);
	dev = root_device_register("kvmem_dma_test");
	if (!t->ram || IS_ERR(dev))
		return -ENOMEM;
	t->ram->dma_dev = dev;
	t->open = !kvmem_dev_open(&t->dev, &ram_media_ops, "dma_test", NULL);
	return t->open ? import(t, true, 0, PAGES * PAGE_SIZE) : -EIO;
}

static void let_go(struct dma_test *t)
{
	if (!IS_ERR_OR_NULL(t->db))
		kvmem_dmabuf_release(t->db);
	if (t->gpu)
		fake_gpu_put(t->gpu);
	t->db = NULL;
	t->gpu = NULL;
}

static void dma_test_exit(struct kunit *test)
{
	struct dma_test *t = test->priv;

	if (!t)
		return;
	let_go(t);
	/* The last reference of a file is dropped by a work of its own. */
	flush_delayed_fput();
	if (t->open)
		kvmem_dev_close(&t->dev);
	if (t->ram && t->ram->dma_dev)
		root_device_unregister(t->ram->dma_dev);
	ram_media_destroy(t->ram);
}

static struct kvmem_dma_map *use(struct kunit *test)
{
	struct dma_test *t = test->priv;
	enum kvmem_reason why = KVMEM_REASON_NONE;
	struct kvmem_dma_map *map = kvmem_dmabuf_use(t->db, &t->dev, &why);

	KUNIT_ASSERT_FALSE(test, IS_ERR(map));
	KUNIT_EXPECT_EQ(test, why, KVMEM_REASON_NONE);
	return map;
}

static void expect_refused(struct kunit *test, int error, enum kvmem_reason reason)
{
	struct dma_test *t = test->priv;
	enum kvmem_reason why = KVMEM_REASON_NONE;
	struct kvmem_dma_map *map = kvmem_dmabuf_use(t->db, &t->dev, &why);

	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(map), error);
	KUNIT_EXPECT_EQ(test, why, reason);
	if (!IS_ERR(map))
		kvmem_dma_map_put(map);
}

static void mapped_once(struct kunit *test)
{
	struct dma_test *t = test->priv;
	struct kvmem_dma_map *map = use(test), *again = use(test);

	KUNIT_EXPECT_PTR_EQ(test, map, again);
	kvmem_dma_map_put(again);
	kvmem_dma_map_put(map);
	map = use(test);
	KUNIT_EXPECT_EQ(test, t->gpu->maps, 1U);
	KUNIT_EXPECT_EQ(test, t->gpu->unmaps, 0U);
	kvmem_dma_map_put(map);
	kvmem_dmabuf_release(t->db);
	t->db = NULL;
	KUNIT_EXPECT_EQ(test, t->gpu->unmaps, 1U);
	KUNIT_EXPECT_EQ(test, t->gpu->pinned, 0);
}

/* The importer's reference is what keeps the exporter. */
static void exporter_stays(struct kunit *test)
{
	struct dma_test *t = test->priv;

	kvmem_dma_map_put(use(test));
	fake_gpu_put(t->gpu);
	t->gpu = NULL;
	flush_delayed_fput();
	KUNIT_EXPECT_FALSE(test, t->released);
	kvmem_dma_map_put(use(test));
	let_go(t);
	flush_delayed_fput();
	KUNIT_EXPECT_TRUE(test, t->released);
}

static void static_exporter(struct kunit *test)
{
	struct dma_test *t = test->priv;
	struct kvmem_dma_map *map;

	let_go(t);
	KUNIT_ASSERT_EQ(test, import(t, false, PAGE_SIZE, PAGE_SIZE), 0);
	map = use(test);
	KUNIT_EXPECT_EQ(test, map->runs[0].addr, (u64)(unsigned long)t->gpu->pages[1]);
	kvmem_dma_map_put(map);
	kvmem_dmabuf_release(t->db);
	t->db = NULL;
	KUNIT_EXPECT_EQ(test, t->gpu->maps, 1U);
	KUNIT_EXPECT_EQ(test, t->gpu->unmaps, 1U);
}

static void move_remaps(struct kunit *test)
{
	struct dma_test *t = test->priv;
	struct kvmem_dma_map *map;

	kvmem_dma_map_put(use(test));
	KUNIT_EXPECT_EQ(test, fake_gpu_move(t->gpu), 0);
	KUNIT_EXPECT_EQ(test, t->gpu->unmaps, 1U);
	map = use(test);
	KUNIT_EXPECT_EQ(test, map->runs[0].addr, (u64)(unsigned long)t->gpu->pages[0]);
	kvmem_dma_map_put(map);
	KUNIT_EXPECT_EQ(test, t->gpu->maps, 2U);
}

struct mover {
	struct work_struct work;
	struct fake_gpu *gpu;
	struct completion begun, done;
};

static void mover_work(struct work_struct *work)
{
	struct mover *m = container_of(work, struct mover, work);

	complete(&m->begun);
	fake_gpu_move(m->gpu);
	complete(&m->done);
}

static void move_waits(struct kunit *test)
{
	struct dma_test *t = test->priv;
	struct mover m = { .gpu = t->gpu };
	struct kvmem_dma_map *map = use(test);

	init_completion(&m.begun);
	init_completion(&m.done);
	INIT_WORK_ONSTACK(&m.work, mover_work);
	schedule_work(&m.work);
	wait_for_completion(&m.begun);
	msleep(30);
	/* The device has the addresses: nothing moves. */
	KUNIT_EXPECT_FALSE(test, completion_done(&m.done));
	KUNIT_EXPECT_EQ(test, t->gpu->unmaps, 0U);
	kvmem_dma_map_put(map);
	wait_for_completion(&m.done);
	KUNIT_EXPECT_EQ(test, t->gpu->unmaps, 1U);
	flush_work(&m.work);
	destroy_work_on_stack(&m.work);
}

static void revoked(struct kunit *test)
{
	struct dma_test *t = test->priv;

	kvmem_dma_map_put(use(test));
	fake_gpu_revoke(t->gpu);
	KUNIT_EXPECT_EQ(test, t->gpu->unmaps, 1U);
	expect_refused(test, -EOPNOTSUPP, KVMEM_REASON_REVOKED);
}

static void refused(struct kunit *test)
{
	struct dma_test *t = test->priv;
	struct device *dev = t->ram->dma_dev;

	t->gpu->attach_error = -EBUSY;
	expect_refused(test, -EOPNOTSUPP, KVMEM_REASON_ROUTE);
	t->gpu->attach_error = 0;
	t->gpu->map_error = -EREMOTEIO;
	expect_refused(test, -EOPNOTSUPP, KVMEM_REASON_ROUTE);
	t->gpu->map_error = -EPERM;
	expect_refused(test, -EOPNOTSUPP, KVMEM_REASON_EXPORTER);
	t->gpu->map_error = -ENOMEM;
	expect_refused(test, -ENOMEM, KVMEM_REASON_NONE);
	t->gpu->map_error = -ERESTARTSYS;
	expect_refused(test, -EINTR, KVMEM_REASON_NONE);
	t->gpu->map_error = 0;
	t->gpu->unaligned = true;
	expect_refused(test, -EOPNOTSUPP, KVMEM_REASON_EXPORTER);
	t->gpu->unaligned = false;
	t->gpu->short_by = 1;
	expect_refused(test, -EOPNOTSUPP, KVMEM_REASON_EXPORTER);
	t->gpu->short_by = 0;
	t->ram->dma_dev = NULL;
	expect_refused(test, -EOPNOTSUPP, KVMEM_REASON_MEDIA);
	t->ram->dma_dev = dev;
	/* No mapping was left behind by those that came to nothing. */
	KUNIT_EXPECT_EQ(test, t->gpu->maps, t->gpu->unmaps);
	KUNIT_EXPECT_EQ(test, t->gpu->pinned, 0);
	kvmem_dma_map_put(use(test));
}

static void device_goes(struct kunit *test)
{
	struct dma_test *t = test->priv;
	struct device *dev = t->ram->dma_dev, *other = root_device_register("kvmem_dma_test2");

	KUNIT_ASSERT_FALSE(test, IS_ERR(other));
	kvmem_dma_map_put(use(test));
	WRITE_ONCE(t->ram->dma_dev, other);
	kvmem_dma_map_put(use(test));
	KUNIT_EXPECT_EQ(test, t->gpu->maps, 2U);
	WRITE_ONCE(t->ram->dma_dev, NULL);
	kvmem_dma_forget(other);
	KUNIT_EXPECT_EQ(test, t->gpu->unmaps, 1U);
	expect_refused(test, -EOPNOTSUPP, KVMEM_REASON_MEDIA);
	root_device_unregister(other);
	WRITE_ONCE(t->ram->dma_dev, dev);
	kvmem_dma_map_put(use(test));
	KUNIT_EXPECT_EQ(test, t->gpu->maps, 2U);
}

static void bad_ranges(struct kunit *test)
{
	struct dma_test *t = test->priv;

	let_go(t);
	KUNIT_EXPECT_EQ(test, import(t, true, 0, PAGES * PAGE_SIZE + 1), -EINVAL);
	let_go(t);
	KUNIT_EXPECT_EQ(test, import(t, true, PAGES * PAGE_SIZE, 1), -EINVAL);
	let_go(t);
	KUNIT_EXPECT_EQ(test, import(t, true, ~0ULL, 2), -EINVAL);
	let_go(t);
	KUNIT_EXPECT_EQ(test, import(t, true, PAGES * PAGE_SIZE - 1, 1), 0);
	KUNIT_EXPECT_TRUE(test, kvmem_dmabuf_import(-1, 0, 1, false) == ERR_PTR(-EBADF));
}

/* Transfers ----------------------------------------------------------------- */

struct dma_io {
	struct kvmem_io io;
	int status;
	bool done;
};

static void dma_io_done(struct kvmem_io *io, int status)
{
	struct dma_io *d = container_of(io, struct dma_io, io);

	d->status = status;
	d->done = true;
}

static int transfer(struct dma_test *t, enum kvmem_io_op op, u64 off, size_t len,
		    const struct kvmem_dma_run *runs, unsigned int nr, u64 first)
{
	struct dma_io d = {
		.io = { .op = op, .off = off, .len = len, .dma = runs, .nr_dma = nr,
			.first = first, .done = dma_io_done },
	};

	kvmem_dev_submit(&t->dev, &d.io);
	return d.done ? d.status : -EBUSY;
}

static void moves_bytes(struct kunit *test)
{
	struct dma_test *t = test->priv;
	size_t len = 5 * PAGE_SIZE + UNIT;
	u8 *a = kunit_kmalloc(test, len, GFP_KERNEL), *b = kunit_kzalloc(test, len, GFP_KERNEL);
	struct kvmem_dma_map *map;
	struct kvmem_span span;

	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	get_random_bytes(a, len);
	fake_gpu_write(t->gpu, 3 * UNIT, a, len);
	map = use(test);
	kvmem_dma_map_span(map, 3 * UNIT, len, &span);
	KUNIT_EXPECT_EQ(test, transfer(t, KVMEM_IO_WRITE, 8 * UNIT, len, span.dma, span.nr_dma,
				       span.dma_first), 0);
	kvmem_dma_map_span(map, 7 * PAGE_SIZE + 4, len, &span);
	KUNIT_EXPECT_EQ(test, transfer(t, KVMEM_IO_READ, 8 * UNIT, len, span.dma, span.nr_dma,
				       span.dma_first), 0);
	kvmem_dma_map_put(map);
	fake_gpu_read(t->gpu, 7 * PAGE_SIZE + 4, b, len);
	KUNIT_EXPECT_MEMEQ(test, a, b, len);
}

/* Runs that PRPs could not say, and what is no multiple of anything. */
static void transfers_checked(struct kunit *test)
{
	struct dma_test *t = test->priv;
	u64 a = (unsigned long)t->gpu->pages[0], b = (unsigned long)t->gpu->pages[1];
	struct kvmem_dma_run good[] = { { a, PAGE_SIZE }, { b, PAGE_SIZE } };
	struct kvmem_dma_run ends[] = { { a, UNIT }, { b, PAGE_SIZE } };
	struct kvmem_dma_run starts[] = { { a, PAGE_SIZE }, { b + UNIT, UNIT } };
	struct device *dev = t->ram->dma_dev;

	KUNIT_EXPECT_EQ(test, transfer(t, KVMEM_IO_WRITE, 0, 2 * UNIT, good, 2, UNIT), 0);
	KUNIT_EXPECT_EQ(test, transfer(t, KVMEM_IO_WRITE, 0, 2 * PAGE_SIZE, good, 2, 0), 0);
	KUNIT_EXPECT_EQ(test, transfer(t, KVMEM_IO_WRITE, 0, 2 * PAGE_SIZE, good, 2, 4), -EINVAL);
	KUNIT_EXPECT_EQ(test, transfer(t, KVMEM_IO_WRITE, 0, 2 * UNIT, good, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, transfer(t, KVMEM_IO_WRITE, 0, UNIT, good, 2, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, transfer(t, KVMEM_IO_WRITE, 0, UNIT, good, 2, PAGE_SIZE), -EINVAL);
	KUNIT_EXPECT_EQ(test, transfer(t, KVMEM_IO_WRITE, 0, UNIT + 4, good, 2, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, transfer(t, KVMEM_IO_WRITE, 4, UNIT, good, 2, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, transfer(t, KVMEM_IO_WRITE, BYTES, UNIT, good, 2, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, transfer(t, KVMEM_IO_WRITE, 0, 2 * UNIT, ends, 2, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, transfer(t, KVMEM_IO_WRITE, 0, UNIT, ends, 2, 0), 0);
	KUNIT_EXPECT_EQ(test, transfer(t, KVMEM_IO_READ, 0, PAGE_SIZE + UNIT, starts, 2, 0),
			-EINVAL);
	t->ram->dma_dev = NULL;
	KUNIT_EXPECT_EQ(test, transfer(t, KVMEM_IO_WRITE, 0, UNIT, good, 2, 0), -EOPNOTSUPP);
	t->ram->dma_dev = dev;
}

static struct kunit_case dma_cases[] = {
	KUNIT_CASE(mapped_once),
	KUNIT_CASE(exporter_stays),
	KUNIT_CASE(static_exporter),
	KUNIT_CASE(move_remaps),
	KUNIT_CASE(move_waits),
	KUNIT_CASE(revoked),
	KUNIT_CASE(refused),
	KUNIT_CASE(device_goes),
	KUNIT_CASE(bad_ranges),
	KUNIT_CASE(moves_bytes),
	KUNIT_CASE(transfers_checked),
	{}
};

static struct kunit_suite dma_suite = {
	.name = "kvmem_dmabuf",
	.init = dma_test_init,
	.exit = dma_test_exit,
	.test_cases = dma_cases,
};

kunit_test_suites(&table_suite, &dma_suite);
