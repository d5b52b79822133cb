// SPDX-License-Identifier: GPL-2.0
/*
 * The fixture of the suites: see fixture.h.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/vmalloc.h>
#include "fixture.h"

struct kvmem_ns *kvmem_test_ns(struct kunit *test)
{
	return test->priv;
}

int kvmem_test_init(struct kunit *test)
{
	static unsigned int count;
	struct kvmem_ns_params p = { .mode = 0600, .pin_percent = 50 };
	struct kvmem_ns *ns;

	snprintf(p.name, sizeof(p.name), "kunit.%u", count++);
	ns = kvmem_ns_create(&p, NULL);
	if (IS_ERR(ns))
		return PTR_ERR(ns);
	test->priv = ns;
	return 0;
}

void kvmem_test_exit(struct kunit *test)
{
	struct kvmem_ns *ns = test->priv;

	if (!ns)
		return;
	kvmem_ns_delete(ns);
	kvmem_ns_put(ns);
}

void kvmem_test_quota(struct kunit *test, u64 blocks)
{
	struct kvmem_ns *ns = kvmem_test_ns(test);

	spin_lock(&ns->lock);
	ns->p.quota_blocks = blocks;
	spin_unlock(&ns->lock);
}

struct kvmem_key kvmem_test_key(u64 n)
{
	struct kvmem_key key = {};
	u64 mixed = n * 0x9e3779b97f4a7c15ULL;

	memcpy(key.b, &n, sizeof(n));
	memcpy(key.b + 8, &mixed, sizeof(mixed));
	key.b[31] = ~n;
	return key;
}

void kvmem_test_bytes(void *buf, size_t len, u64 n)
{
	u8 *p = buf;
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (n + i) * 131 + (i >> 8);
}

static int fill(struct kvmem_block *block, u64 n, size_t size)
{
	struct kvec vec = { .iov_len = size };
	struct iov_iter iter;
	int ret;

	vec.iov_base = vmalloc(size);
	if (!vec.iov_base)
		return -ENOMEM;
	kvmem_test_bytes(vec.iov_base, size, n);
	iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, size);
	ret = kvmem_block_fill(block, &iter);
	vfree(vec.iov_base);
	return ret;
}

int kvmem_test_put(struct kunit *test, u64 n, size_t size, const struct kvmem_hints *hints)
{
	static const struct kvmem_hints none;
	struct kvmem_key key = kvmem_test_key(n);
	struct kvmem_block *block;
	int ret;

	block = kvmem_block_alloc(kvmem_test_ns(test), size, false);
	if (IS_ERR(block))
		return PTR_ERR(block);
	ret = fill(block, n, size);
	if (!ret)
		ret = kvmem_block_commit(block, &key, hints ?: &none);
	kvmem_block_put(block);
	return ret;
}

struct kvmem_block *kvmem_test_find(struct kunit *test, u64 n)
{
	struct kvmem_key key = kvmem_test_key(n);
	u16 flags = 0;

	return kvmem_block_lookup(kvmem_test_ns(test), &key, &flags);
}

bool kvmem_test_there(struct kunit *test, u64 n)
{
	struct kvmem_block *block = kvmem_test_find(test, n);

	if (!block)
		return false;
	kvmem_block_put(block);
	return true;
}

void kvmem_test_use(struct kunit *test, u64 n)
{
	struct kvmem_block *block = kvmem_test_find(test, n);

	KUNIT_ASSERT_NOT_NULL(test, block);
	kvmem_block_touch(block);
	kvmem_block_put(block);
}

int kvmem_test_read(struct kvmem_block *block, size_t off, size_t len, void *buf)
{
	struct kvec vec = { .iov_base = buf, .iov_len = len };
	struct iov_iter iter;

	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, len);
	return kvmem_block_read(block, off, len, &iter);
}

MODULE_DESCRIPTION("KUnit suites of kvmem");
MODULE_LICENSE("GPL");
/* What kvmem.ko exports to backends */
MODULE_IMPORT_NS("KVMEM");
