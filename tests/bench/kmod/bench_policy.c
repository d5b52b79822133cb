// SPDX-License-Identifier: GPL-2.0
/*
 * Tables: what it costs to push one, and what it does to the operations that
 * run meanwhile.
 */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "bench.h"
#include "ns.h"

#define SMALL		512UL
/* Many more than any daemon pushes: some 20 a second. */
#define PUSH_EVERY	50U

/* Values that rise with age make every decision look at both ends of a class. */
static int push_table(bool rising)
{
	struct kvmem_value_table *t = kvmalloc(sizeof(*t), GFP_KERNEL);
	unsigned int c, a;

	if (!t)
		return -ENOMEM;
	kvmem_ns_set_lru(t);
	for (c = 0; rising && c < KVMEM_NR_CLASSES; c++)
		for (a = 0; a < KVMEM_NR_AGES; a++)
			t->value[c][a] = c * KVMEM_NR_AGES + a;
	kvmem_table_prepare(t);
	kvmem_ns_set_policy(bench_ns, &t, KVMEM_ORDER_USE);
	kvfree(t);
	return 0;
}

static int fill_classes(const struct bench *b)
{
	unsigned int i;
	int ret = push_table(b->arg);

	for (i = 0; i < BENCH_KEYS && !ret; i++)
		ret = bench_put(i, SMALL, i % 8);
	msleep(20);
	return ret;
}

static void clear(const struct bench *b)
{
	push_table(false);
	bench_clear(b);
}

static int op_push(const struct bench *b, unsigned int i)
{
	return push_table(true);
}

/* As in a full namespace: one block goes, one comes. */
static int op_evict_put(const struct bench *b, unsigned int i)
{
	if (!kvmem_evict_one(bench_ns, KVMEM_EVICT_QUOTA))
		return -ENOENT;
	return bench_put(BENCH_KEYS + i, SMALL, i % 8);
}

static int op_evict_put_push(const struct bench *b, unsigned int i)
{
	int ret = i % PUSH_EVERY ? 0 : push_table(true);

	return ret ?: op_evict_put(b, i);
}

static const struct bench benches[] = {
	{ "push a table", 0, 2000, 0, NULL, op_push, clear },
	{ "evict and put, LRU's table", SMALL, 4000, 0, fill_classes, op_evict_put, clear },
	{ "evict and put, both ends", SMALL, 4000, 1, fill_classes, op_evict_put, clear },
	{ "same, a table every 50", SMALL, 4000, 1, fill_classes, op_evict_put_push, clear },
	{ "same, no tables any more", SMALL, 4000, 1, fill_classes, op_evict_put, clear },
};

int bench_policy(void)
{
	return bench_run(benches, ARRAY_SIZE(benches));
}
