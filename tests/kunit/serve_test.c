// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of peers: what they may reach, and what is believed of them.
 */
#include <kunit/test.h>
#include <linux/bvec.h>
#include <linux/crc32c.h>
#include <linux/highmem.h>
#include <linux/vmalloc.h>
#include "fixture.h"
#include "peer/transport.h"

#define SIZE	9000U

static const u8 fingerprint[KVMEM_FINGERPRINT_LEN] = { 1, 2, 3 };

static int serve_test_init(struct kunit *test)
{
	int ret = kvmem_test_init(test);

	if (ret)
		return ret;
	memcpy(kvmem_test_ns(test)->p.fingerprint, fingerprint, sizeof(fingerprint));
	kvmem_test_ns(test)->p.peer_share = true;
	return 0;
}

static struct kvmem_serve request(struct kunit *test, u64 n)
{
	return (struct kvmem_serve) {
		.node = 9,
		.ns_name = kvmem_test_ns(test)->p.name,
		.fingerprint = fingerprint,
		.key = kvmem_test_key(n),
	};
}

/* All bytes of the memory of a request, one way or the other */
static void move_bytes(const struct kvmem_serve *serve, u8 *bytes, bool in)
{
	size_t done = 0;
	unsigned int i;

	for (i = 0; i < serve->nr_bvecs; i++) {
		const struct bio_vec *bv = &serve->bvecs[i];
		size_t off = 0;

		while (off < bv->bv_len) {
			size_t at = bv->bv_offset + off, in_page = at & ~PAGE_MASK;
			size_t len = min_t(size_t, bv->bv_len - off, PAGE_SIZE - in_page);
			void *page = kmap_local_page(bv->bv_page + (at >> PAGE_SHIFT));

			if (in)
				memcpy(page + in_page, bytes + done, len);
			else
				memcpy(bytes + done, page + in_page, len);
			kunmap_local(page);
			off += len;
			done += len;
		}
	}
}

static u8 *bytes_of(struct kunit *test, u64 n)
{
	u8 *bytes = vmalloc(SIZE);

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	kvmem_test_bytes(bytes, SIZE, n);
	return bytes;
}

static int serve_put(struct kunit *test, u64 n, u32 crc_error, int status)
{
	struct kvmem_serve serve = request(test, n);
	u8 *bytes = bytes_of(test, n);
	int ret;

	serve.size = SIZE;
	serve.crc = ~crc32c(~0U, bytes, SIZE) ^ crc_error;
	ret = kvmem_serve_put(&serve);
	if (!ret) {
		move_bytes(&serve, bytes, true);
		ret = kvmem_serve_put_end(&serve, status);
	}
	vfree(bytes);
	return ret;
}

static void put_and_get(struct kunit *test)
{
	struct kvmem_serve serve = request(test, 1);
	u8 *bytes = bytes_of(test, 1), *got = vzalloc(SIZE);

	KUNIT_ASSERT_NOT_NULL(test, got);
	KUNIT_EXPECT_EQ(test, kvmem_serve_get(&serve, SIZE), -ENOENT);
	KUNIT_ASSERT_EQ(test, serve_put(test, 1, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, serve_put(test, 1, 0, 0), -EEXIST);
	serve = request(test, 1);
	KUNIT_EXPECT_EQ(test, kvmem_serve_get(&serve, 0), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, serve.size, SIZE);
	KUNIT_EXPECT_EQ(test, serve.crc, ~crc32c(~0U, bytes, SIZE));
	serve = request(test, 1);
	KUNIT_ASSERT_EQ(test, kvmem_serve_get(&serve, SIZE), 0);
	move_bytes(&serve, got, false);
	kvmem_serve_get_end(&serve, true);
	KUNIT_EXPECT_EQ(test, memcmp(bytes, got, SIZE), 0);
	vfree(bytes);
	vfree(got);
}

static void put_is_checked(struct kunit *test)
{
	struct kvmem_serve serve = request(test, 1);

	KUNIT_EXPECT_EQ(test, serve_put(test, 1, 1, 0), -EILSEQ);
	KUNIT_EXPECT_EQ(test, serve_put(test, 1, 0, -EIO), -EIO);
	KUNIT_EXPECT_FALSE(test, kvmem_test_there(test, 1));
	KUNIT_EXPECT_EQ(test, kvmem_serve_put(&serve), -EINVAL);
	serve.size = KVMEM_MAX_BLOCK + 1;
	KUNIT_EXPECT_EQ(test, kvmem_serve_put(&serve), -EINVAL);
	serve.size = SIZE;
	serve.hint_class = KVMEM_NR_HINT_CLASSES;
	KUNIT_EXPECT_EQ(test, kvmem_serve_put(&serve), -EINVAL);
	serve.hint_class = 0;
	serve.priority = KVMEM_MAX_PRIORITY + 1;
	KUNIT_EXPECT_EQ(test, kvmem_serve_put(&serve), -EINVAL);
	KUNIT_EXPECT_EQ(test, kvmem_test_ns(test)->used_blocks, 0);
}

static void expect_invisible(struct kunit *test, struct kvmem_serve *serve)
{
	u64 found;

	serve->size = SIZE;
	KUNIT_EXPECT_EQ(test, kvmem_serve_get(serve, SIZE), -EACCES);
	KUNIT_EXPECT_EQ(test, kvmem_serve_put(serve), -EACCES);
	KUNIT_EXPECT_EQ(test, kvmem_serve_delete(serve), -EACCES);
	KUNIT_EXPECT_EQ(test, kvmem_serve_exists(serve, &serve->key, 1, &found), -EACCES);
	KUNIT_EXPECT_EQ(test, found, 0);
}

/* Whether it is there is not to be told by the answer. */
static void others_are_invisible(struct kunit *test)
{
	static const u8 other[KVMEM_FINGERPRINT_LEN] = { 1, 2, 4 };
	struct kvmem_serve serve = request(test, 1);

	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 1, SIZE, NULL), 0);
	kvmem_test_ns(test)->p.peer_share = false;
	expect_invisible(test, &serve);
	kvmem_test_ns(test)->p.peer_share = true;
	serve.fingerprint = other;
	expect_invisible(test, &serve);
	serve.fingerprint = fingerprint;
	serve.ns_name = "no such";
	expect_invisible(test, &serve);
	KUNIT_EXPECT_TRUE(test, kvmem_test_there(test, 1));
	serve = request(test, 1);
	KUNIT_EXPECT_EQ(test, kvmem_serve_delete(&serve), 0);
	KUNIT_EXPECT_FALSE(test, kvmem_test_there(test, 1));
	KUNIT_EXPECT_EQ(test, kvmem_serve_delete(&serve), -ENOENT);
}

static void exists_of_many(struct kunit *test)
{
	struct kvmem_serve serve = request(test, 0);
	struct kvmem_key keys[5];
	unsigned int i;
	u64 found;

	for (i = 0; i < 5; i++)
		keys[i] = kvmem_test_key(i);
	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 1, 50, NULL), 0);
	KUNIT_ASSERT_EQ(test, kvmem_test_put(test, 4, 50, NULL), 0);
	KUNIT_EXPECT_EQ(test, kvmem_serve_exists(&serve, keys, 5, &found), 0);
	KUNIT_EXPECT_EQ(test, found, 0x12);
	KUNIT_EXPECT_EQ(test, kvmem_serve_exists(&serve, keys, 0, &found), -EINVAL);
	KUNIT_EXPECT_EQ(test, kvmem_serve_exists(&serve, keys, KVMEM_CALL_KEYS + 1, &found),
			-EINVAL);
}

/* The block of a request stays as it is until the end. */
static void block_outlives_its_delete(struct kunit *test)
{
	struct kvmem_serve serve = request(test, 1), del = request(test, 1);
	u8 *bytes = bytes_of(test, 1), *got = vzalloc(SIZE);

	KUNIT_ASSERT_NOT_NULL(test, got);
	KUNIT_ASSERT_EQ(test, serve_put(test, 1, 0, 0), 0);
	KUNIT_ASSERT_EQ(test, kvmem_serve_get(&serve, SIZE), 0);
	KUNIT_EXPECT_EQ(test, kvmem_serve_delete(&del), 0);
	KUNIT_EXPECT_EQ(test, kvmem_test_ns(test)->used_blocks, 1);
	move_bytes(&serve, got, false);
	KUNIT_EXPECT_EQ(test, memcmp(bytes, got, SIZE), 0);
	kvmem_serve_get_end(&serve, false);
	KUNIT_EXPECT_EQ(test, kvmem_test_ns(test)->used_blocks, 0);
	vfree(bytes);
	vfree(got);
}

static struct kunit_case serve_cases[] = {
	KUNIT_CASE(put_and_get),
	KUNIT_CASE(put_is_checked),
	KUNIT_CASE(others_are_invisible),
	KUNIT_CASE(exists_of_many),
	KUNIT_CASE(block_outlives_its_delete),
	{}
};

static struct kunit_suite serve_suite = {
	.name = "kvmem_serve",
	.init = serve_test_init,
	.exit = kvmem_test_exit,
	.test_cases = serve_cases,
};

kunit_test_suites(&serve_suite);
