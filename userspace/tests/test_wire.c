// SPDX-License-Identifier: GPL-2.0
/* Capsules of peers: valid ones are taken, and every part of them is there; others are refused. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ktap.h"
#include "wire_walk.h"

#define NR_RANDOM	200000

static _Alignas(8) uint8_t capsule[KVMEM_WIRE_MAX];

/* Exactly as long as it is: what is behind it is not to be read. */
static int check_exact(const void *buf, size_t len, bool *walked)
{
	void *copy = malloc(len ? len : 1);
	int ret;

	if (!copy)
		abort();
	memcpy(copy, buf, len);
	ret = kvmem_wire_check(copy, len);
	*walked = !ret && wire_walk(copy, len);
	free(copy);
	return ret;
}

static void test_valid(void)
{
	unsigned int i;
	bool walked;

	for (i = 0; i < kvmem_test_nr_capsules; i++) {
		uint32_t len = kvmem_test_capsule_build(capsule, &kvmem_test_capsules[i]);

		CHECK_EQ(check_exact(capsule, len, &walked), 0);
		CHECK(walked);
		kvmem_test_capsule_seal(capsule, len);
		CHECK_EQ(check_exact(capsule, len, &walked), 0);
	}
}

static void test_damaged(void)
{
	const uint16_t version = offsetof(struct kvmem_wire_hdr, version);
	unsigned int i;
	bool walked;

	for (i = 0; i < kvmem_test_nr_damages; i++) {
		const struct kvmem_test_damage *d = &kvmem_test_damages[i];
		uint32_t len = kvmem_test_capsule_build(capsule,
							&kvmem_test_capsules[d->capsule]);
		int ret;

		kvmem_test_capsule_poke(capsule, d);
		CHECK_EQ(check_exact(capsule, len, &walked), -EPROTO);
		kvmem_test_capsule_seal(capsule, len);
		ret = check_exact(capsule, len, &walked);
		if (!ret)
			printf("# taken: %s of %s\n", d->name, kvmem_test_capsules[d->capsule].name);
		CHECK_EQ(ret, d->at == version ? -EPROTONOSUPPORT : -EPROTO);
	}
}

static void test_beyond(void)
{
	unsigned int i;
	bool walked;

	for (i = 0; i < kvmem_test_nr_beyond; i++) {
		uint32_t len = kvmem_test_capsule_build(capsule, &kvmem_test_beyond[i]);

		CHECK_EQ(check_exact(capsule, len, &walked), -EPROTO);
	}
}

static void test_lengths(void)
{
	struct kvmem_wire_hdr *hdr = (void *)capsule;
	static uint8_t longer[KVMEM_WIRE_MAX + 8];
	uint32_t len, n;
	unsigned int i;
	bool walked;

	for (i = 0; i < kvmem_test_nr_capsules; i++) {
		len = kvmem_test_capsule_build(capsule, &kvmem_test_capsules[i]);
		for (n = 0; n < len; n++) {
			if (n >= sizeof(*hdr)) {
				hdr->len = cpu_to_le32(n);
				kvmem_test_capsule_seal(hdr, n);
			}
			CHECK_EQ(check_exact(hdr, n, &walked), -EPROTO);
		}
	}
	memset(longer, 0, sizeof(longer));
	kvmem_wire_begin(longer, KVMEM_WIRE_PING, 0);
	kvmem_wire_end(longer, 0, 0, sizeof(longer));
	CHECK_EQ(check_exact(longer, sizeof(longer), &walked), -EPROTO);
}

/* Some bytes become others, and the sum is right: what is taken is usable all the same. */
static void test_random(void)
{
	unsigned int i, j, taken = 0;
	bool walked;

	srandom(1);
	for (i = 0; i < NR_RANDOM; i++) {
		unsigned int what = (unsigned int)random() % kvmem_test_nr_capsules;
		uint32_t len = kvmem_test_capsule_build(capsule, &kvmem_test_capsules[what]);

		for (j = (unsigned int)random() % 4; j < 4; j++)
			capsule[12 + (unsigned int)random() % (len - 12)] = (uint8_t)random();
		kvmem_test_capsule_seal(capsule, len);
		if (check_exact(capsule, len, &walked))
			continue;
		CHECK(walked);
		taken++;
	}
	/* Keys, addresses and checksums may be anything, most other fields not. */
	printf("# %u of %u taken\n", taken, i);
	CHECK(taken > NR_RANDOM / 50 && taken < NR_RANDOM);
}

static void test_errors(void)
{
	uint32_t i;

	for (i = 0; i < KVMEM_WIRE_STATUS_NR; i++)
		CHECK_EQ(kvmem_wire_from_errno(kvmem_wire_to_errno(i)), i);
	CHECK_EQ(kvmem_wire_from_errno(-EDOM), KVMEM_WIRE_FAILED);
	CHECK_EQ(kvmem_wire_to_errno(UINT32_MAX), -EIO);
	for (i = 0; i <= KVMEM_WIRE_BYE_TIMEOUT; i++)
		CHECK(*kvmem_wire_reason_text(i));
	CHECK(!strcmp(kvmem_wire_reason_text(UINT32_MAX), "the peer ended the connection"));
}

static const struct ktap_test tests[] = {
	{ "valid", test_valid },
	{ "damaged", test_damaged },
	{ "beyond", test_beyond },
	{ "lengths", test_lengths },
	{ "random", test_random },
	{ "errors", test_errors },
};

KTAP_MAIN(tests)
