// SPDX-License-Identifier: GPL-2.0
/*
 * Capsules: valid ones of each kind are taken, and each field that is not in its range is
 * refused, however good the checksum is.
 *
 * The file under test is part of this module: kernels without RDMA have no kvmem_rdma.ko.
 */
#include <kunit/test.h>
#include <linux/slab.h>
#include "rdma/wire.c"
#include "capsules.c"

static int wire_init(struct kunit *test)
{
	/* kmalloc() gives exactly what was asked for to sanitizers. */
	test->priv = kunit_kzalloc(test, KVMEM_WIRE_MAX, GFP_KERNEL);
	return test->priv ? 0 : -ENOMEM;
}

/* As long as it is and not a byte longer, so that reads behind it are seen. */
static int check_exact(struct kunit *test, const void *buf, size_t len)
{
	void *copy = kmemdup(buf, len, GFP_KERNEL);
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, copy);
	ret = kvmem_wire_check(copy, len);
	kfree(copy);
	return ret;
}

static void valid(struct kunit *test)
{
	unsigned int i;
	u32 len;

	for (i = 0; i < kvmem_test_nr_capsules; i++) {
		len = kvmem_test_capsule_build(test->priv, &kvmem_test_capsules[i]);
		KUNIT_EXPECT_EQ_MSG(test, check_exact(test, test->priv, len), 0, "%s",
				    kvmem_test_capsules[i].name);
	}
}

static void damaged(struct kunit *test)
{
	unsigned int i;
	int want, ret;
	u32 len;

	for (i = 0; i < kvmem_test_nr_damages; i++) {
		const struct kvmem_test_damage *d = &kvmem_test_damages[i];

		len = kvmem_test_capsule_build(test->priv, &kvmem_test_capsules[d->capsule]);
		kvmem_test_capsule_poke(test->priv, d);
		KUNIT_EXPECT_EQ_MSG(test, check_exact(test, test->priv, len), -EPROTO,
				    "%s: checksum", d->name);
		kvmem_test_capsule_seal(test->priv, len);
		want = d->at == offsetof(struct kvmem_wire_hdr, version) ? -EPROTONOSUPPORT :
									   -EPROTO;
		ret = check_exact(test, test->priv, len);
		KUNIT_EXPECT_EQ_MSG(test, ret, want, "%s of %s", d->name,
				    kvmem_test_capsules[d->capsule].name);
	}
}

static void beyond(struct kunit *test)
{
	unsigned int i;
	u32 len;

	for (i = 0; i < kvmem_test_nr_beyond; i++) {
		len = kvmem_test_capsule_build(test->priv, &kvmem_test_beyond[i]);
		KUNIT_EXPECT_EQ_MSG(test, check_exact(test, test->priv, len), -EPROTO, "%s",
				    kvmem_test_beyond[i].name);
	}
}

/* Cut short, with a header that says so: refused at every length but its own. */
static void cut(struct kunit *test)
{
	struct kvmem_wire_hdr *hdr = test->priv;
	unsigned int i;
	u32 len, n;

	for (i = 0; i < kvmem_test_nr_capsules; i++) {
		len = kvmem_test_capsule_build(test->priv, &kvmem_test_capsules[i]);
		for (n = 1; n < len; n++) {
			if (n >= sizeof(*hdr)) {
				hdr->len = cpu_to_le32(n);
				kvmem_test_capsule_seal(hdr, n);
			}
			KUNIT_EXPECT_EQ_MSG(test, check_exact(test, hdr, n), -EPROTO,
					    "%s: %u of %u", kvmem_test_capsules[i].name, n, len);
		}
	}
}

static void bits(struct kunit *test)
{
	u32 len, bit;
	u8 *buf = test->priv;

	len = kvmem_test_capsule_build(buf, &kvmem_test_capsules[GET]);
	for (bit = 0; bit < len * 8; bit++) {
		buf[bit / 8] ^= 1 << bit % 8;
		KUNIT_EXPECT_EQ(test, kvmem_wire_check(buf, len), -EPROTO);
		buf[bit / 8] ^= 1 << bit % 8;
	}
	KUNIT_EXPECT_EQ(test, kvmem_wire_check(buf, len), 0);
}

static void errors(struct kunit *test)
{
	u32 i;

	for (i = 0; i < KVMEM_WIRE_STATUS_NR; i++)
		KUNIT_EXPECT_EQ(test, kvmem_wire_from_errno(kvmem_wire_to_errno(i)), i);
	KUNIT_EXPECT_EQ(test, kvmem_wire_from_errno(-EDOM), (u32)KVMEM_WIRE_FAILED);
	KUNIT_EXPECT_EQ(test, kvmem_wire_to_errno(KVMEM_WIRE_STATUS_NR), -EIO);
	for (i = 0; i <= KVMEM_WIRE_BYE_TIMEOUT + 1; i++)
		KUNIT_EXPECT_NOT_NULL(test, kvmem_wire_reason_text(i));
	KUNIT_EXPECT_STREQ(test, kvmem_wire_reason_text(~0U), "the peer ended the connection");
}

static struct kunit_case wire_cases[] = {
	KUNIT_CASE(valid),
	KUNIT_CASE(damaged),
	KUNIT_CASE(beyond),
	KUNIT_CASE(cut),
	KUNIT_CASE(bits),
	KUNIT_CASE(errors),
	{}
};

static struct kunit_suite wire_suite = {
	.name = "kvmem_wire",
	.init = wire_init,
	.test_cases = wire_cases,
};

kunit_test_suite(wire_suite);
