// SPDX-License-Identifier: GPL-2.0
/*
 * Attach: how long tables take to read, a block, and what a block takes then.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include "bench.h"
#include "table_media.h"

static const struct {
	u32 nr_blocks;
	u32 block_bytes;
} images[] = {
	{ 200000, 128U << 10 },
	{ 1000000, 128U << 10 },
	{ 200000, 16U << 10 },
	{ 50000, 4U << 20 },
};

/* Nothing is on its way to be freed any more. */
static s64 settled_bytes(void)
{
	rcu_barrier();
	msleep(200);
	return table_media_kernel_bytes(bench_ns);
}

static int attach_once(struct table_media *t, bool empty, u64 *ns, s64 *bytes)
{
	s64 before = settled_bytes();
	struct kvmem_media *media;

	t->empty = empty;
	media = table_media_attach(t, ns);
	if (IS_ERR(media))
		return PTR_ERR(media);
	*bytes = settled_bytes() - before;
	table_media_detach(media);
	return 0;
}

/* Rounds of attach; the memory is the last one's, less what the media takes without blocks. */
static int attach_rounds(struct table_media *t, u64 *ns, unsigned int nr, s64 *bytes)
{
	s64 media;
	unsigned int r;
	int ret = attach_once(t, true, ns, &media);

	for (r = 0; r < nr && !ret; r++)
		ret = attach_once(t, false, &ns[r], bytes);
	*bytes -= media;
	return ret;
}

static int attach_image(u32 nr_blocks, u32 block_bytes)
{
	struct bench b = { .name = "attach, a block", .bytes = block_bytes, .ops = nr_blocks };
	u64 ns[BENCH_ROUNDS_MAX + 1];
	unsigned int nr = bench_rounds();
	struct table_media *t;
	s64 bytes = 0;
	int ret;

	nr_blocks = bench_scaled(&b);
	t = table_media_create(bench_ns, nr_blocks, block_bytes);
	if (!t)
		return -ENOMEM;
	ret = attach_rounds(t, ns, nr + 1, &bytes);
	table_media_destroy(t);
	if (ret)
		return ret;
	bench_say(&b, ns + 1, nr);
	pr_info("{\"flash_blocks\": %u, \"bytes\": %u, \"kernel_bytes\": %lld}\n", nr_blocks,
		block_bytes, bytes);
	return 0;
}

int bench_attach(void)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(images) && !ret; i++)
		ret = attach_image(images[i].nr_blocks, images[i].block_bytes);
	return ret;
}
