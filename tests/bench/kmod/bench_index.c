// SPDX-License-Identifier: GPL-2.0
/*
 * What does not touch the bytes: look-up, references, uses, eviction.
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include "bench.h"
#include "ns.h"

#define SMALL	512UL

/* A stride that is prime to the number of keys: an order without a pattern. */
static unsigned int scatter(unsigned int i)
{
	return i * 2654435761U % BENCH_KEYS;
}

static struct kvmem_block *any_block;

static int fill_all(const struct bench *b)
{
	u16 flags = 0;
	int ret = bench_fill(BENCH_KEYS, SMALL, 0);

	msleep(20);
	any_block = ret ? NULL : kvmem_block_lookup(bench_ns, bench_key(0), &flags);
	return any_block || ret ? ret : -ENOENT;
}

static void drop_all(const struct bench *b)
{
	if (any_block)
		kvmem_block_put(any_block);
	any_block = NULL;
	bench_clear(b);
}

static int op_nothing(const struct bench *b, unsigned int i)
{
	return bench_key(scatter(i)) ? 0 : -EINVAL;
}

static int op_lookup_hit(const struct bench *b, unsigned int i)
{
	struct kvmem_block *block;
	u16 flags = 0;

	block = kvmem_block_lookup(bench_ns, bench_key(scatter(i)), &flags);
	if (!block)
		return -ENOENT;
	kvmem_block_put(block);
	return 0;
}

static int op_lookup_miss(const struct bench *b, unsigned int i)
{
	u16 flags = 0;

	return kvmem_block_lookup(bench_ns, bench_key(BENCH_KEYS + scatter(i)), &flags) ?
	       -EEXIST : 0;
}

static int op_reference(const struct bench *b, unsigned int i)
{
	if (!kvmem_block_tryget(any_block))
		return -ENOENT;
	kvmem_block_put(any_block);
	return 0;
}

static int op_touch(const struct bench *b, unsigned int i)
{
	kvmem_block_touch(any_block);
	return 0;
}

static int op_hold(const struct bench *b, unsigned int i)
{
	if (!kvmem_block_hold(any_block))
		return -ENOENT;
	kvmem_block_unhold(any_block);
	return 0;
}

/* Eviction ----------------------------------------------------------------- */

static int touch_times(unsigned int i, unsigned int times)
{
	struct kvmem_block *block;
	u16 flags = 0;

	block = kvmem_block_lookup(bench_ns, bench_key(i), &flags);
	if (!block)
		return -ENOENT;
	while (times--)
		kvmem_block_touch(block);
	kvmem_block_put(block);
	return 0;
}

/* @b->arg classes, all of them with about as many blocks as the others. */
static int fill_classes(const struct bench *b)
{
	unsigned int i, class;
	int ret = 0;

	for (i = 0; i < BENCH_KEYS && !ret; i++) {
		class = i % b->arg;
		ret = bench_put(i, SMALL, class / 8);
		if (!ret)
			ret = touch_times(i, (1U << class % 8) - 1);
	}
	if (hweight64(bench_ns->class_mask) != b->arg)
		ret = ret ?: -ERANGE;
	msleep(20);
	return ret;
}

static int op_decide(const struct bench *b, unsigned int i)
{
	bool more;
	struct kvmem_ns *ns = kvmem_pool_weakest(bench_pool, &more);

	if (!ns)
		return -ENOENT;
	kvmem_ns_put(ns);
	return 0;
}

static int op_evict(const struct bench *b, unsigned int i)
{
	return kvmem_evict_one(bench_ns, KVMEM_EVICT_QUOTA) ? 0 : -ENOENT;
}

static const struct bench benches[] = {
	{ "loop alone", 0, 100000, 0, NULL, op_nothing, NULL },
	{ "look-up hit, with reference", 0, 100000, 0, fill_all, op_lookup_hit, drop_all },
	{ "look-up miss", 0, 100000, 0, fill_all, op_lookup_miss, drop_all },
	{ "get+put reference", 0, 100000, 0, fill_all, op_reference, drop_all },
	{ "hold+unhold", 0, 100000, 0, fill_all, op_hold, drop_all },
	{ "touch", 0, 100000, 0, fill_all, op_touch, drop_all },
	{ "eviction decision, 1 class", 0, 50000, 1, fill_classes, op_decide, bench_clear },
	{ "eviction decision, 64 classes", 0, 10000, 64, fill_classes, op_decide, bench_clear },
	{ "evict a block, 1 class", 0, 4000, 1, fill_classes, op_evict, bench_clear },
	{ "evict a block, 64 classes", 0, 4000, 64, fill_classes, op_evict, bench_clear },
};

int bench_index(void)
{
	return bench_run(benches, ARRAY_SIZE(benches));
}
