// SPDX-License-Identifier: GPL-2.0
/*
 * What moves bytes: put, get, and what they cannot be cheaper than.
 */
#include <linux/crc32c.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>
#include "bench.h"
#include "ns.h"

static void *copy_to;
static u32 crc_sum;

static int op_alloc(const struct bench *b, unsigned int i)
{
	struct kvmem_block *block = kvmem_block_alloc(bench_ns, b->bytes, false);

	if (IS_ERR(block))
		return PTR_ERR(block);
	kvmem_block_put(block);
	return 0;
}

/* Every second block is gone: as many free runs as there can be. */
static int fragment(const struct bench *b)
{
	struct kvmem_block *block;
	int ret = bench_fill(BENCH_KEYS / 2, b->bytes, 0);
	unsigned int i;
	u16 flags = 0;

	for (i = 0; i < BENCH_KEYS / 2 && !ret; i += 2) {
		block = kvmem_block_lookup(bench_ns, bench_key(i), &flags);
		if (!block)
			return -ENOENT;
		kvmem_block_unlink(block, KVMEM_BLOCK_DELETED, KVMEM_EVICT_QUOTA);
		kvmem_block_put(block);
	}
	return ret;
}

static int op_put(const struct bench *b, unsigned int i)
{
	return bench_put(i, b->bytes, 0);
}

static int op_delete(const struct bench *b, unsigned int i)
{
	struct kvmem_block *block;
	u16 flags = 0;

	block = kvmem_block_lookup(bench_ns, bench_key(i), &flags);
	if (!block)
		return -ENOENT;
	kvmem_block_unlink(block, KVMEM_BLOCK_DELETED, KVMEM_EVICT_QUOTA);
	kvmem_block_put(block);
	return 0;
}

static int fill_ops(const struct bench *b)
{
	int ret = bench_fill(b->ops, b->bytes, 0);

	msleep(20);
	return ret;
}

/* @b->arg blocks, got again and again. */
static int fill_arg(const struct bench *b)
{
	int ret = bench_fill(b->arg, b->bytes, 0);

	msleep(20);
	return ret;
}

static int op_get(const struct bench *b, unsigned int i)
{
	struct kvec vec = { .iov_base = copy_to, .iov_len = b->bytes };
	struct kvmem_block *block;
	struct iov_iter iter;
	u16 flags = 0;
	int ret;

	block = kvmem_block_lookup(bench_ns, bench_key(i % b->arg), &flags);
	if (!block)
		return -ENOENT;
	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, b->bytes);
	ret = kvmem_block_read(block, 0, b->bytes, &iter);
	if (!ret)
		kvmem_block_touch(block);
	kvmem_block_put(block);
	return ret;
}

static int op_crc(const struct bench *b, unsigned int i)
{
	crc_sum ^= crc32c(i, bench_buf, b->bytes);
	return 0;
}

static int op_memcpy(const struct bench *b, unsigned int i)
{
	memcpy(copy_to, bench_buf, b->bytes);
	barrier_data(copy_to);
	return 0;
}

static const struct bench benches[] = {
	{ "alloc+free space", 4096, 5000, 0, NULL, op_alloc, bench_clear },
	{ "alloc+free space", 65536, 1000, 0, NULL, op_alloc, bench_clear },
	{ "alloc+free space, fragmented", 512, 1000, 0, fragment, op_alloc, bench_clear },
	{ "alloc+free space, fragmented", 4096, 1000, 0, fragment, op_alloc, bench_clear },
	{ "put", 4096, 5000, 0, NULL, op_put, bench_clear },
	{ "put", 65536, 1000, 0, NULL, op_put, bench_clear },
	{ "delete", 4096, 5000, 0, fill_ops, op_delete, bench_clear },
	{ "delete", 65536, 1000, 0, fill_ops, op_delete, bench_clear },
	{ "get", 4096, 10000, 5000, fill_arg, op_get, bench_clear },
	{ "get", 65536, 1000, 500, fill_arg, op_get, bench_clear },
	{ "get", 1 << 20, 100, 32, fill_arg, op_get, bench_clear },
	{ "crc32c", 4096, 10000, 0, NULL, op_crc, NULL },
	{ "crc32c", 65536, 1000, 0, NULL, op_crc, NULL },
	{ "memcpy", 4096, 10000, 0, NULL, op_memcpy, NULL },
	{ "memcpy", 65536, 1000, 0, NULL, op_memcpy, NULL },
	{ "memcpy", 1 << 20, 100, 0, NULL, op_memcpy, NULL },
};

int bench_data(void)
{
	int ret = -ENOMEM;

	copy_to = vmalloc(BENCH_BUF);
	if (copy_to) {
		memset(copy_to, 0, BENCH_BUF);
		ret = bench_run(benches, ARRAY_SIZE(benches));
	}
	vfree(copy_to);
	return ret;
}
