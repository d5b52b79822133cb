// SPDX-License-Identifier: GPL-2.0
/*
 * Small blocks: several share a transfer and units of the device, so they cost
 * what they are long; and each of them lives and dies by itself.
 */
#define _GNU_SOURCE
#include "kvmem_flash.h"

#define BATCH	50

/* Room for all of them in DRAM, and for as many on their way. */
static const struct kvt_ns_opts roomy = {
	.flash_mode = KVMEM_FLASH_MODE_THROUGH, .quota_blocks = 20000,
};

static uint64_t media_value(const struct kvt_disk *d, unsigned int attr)
{
	return kvt_media_info(d).v[attr];
}

/* A batch of @opcode for keys from @from, with their content in or out of @p. */
static void batch(int fd, unsigned int opcode, uint64_t from, unsigned int nr, size_t len,
		  uint8_t *p)
{
	struct kvmem_op ops[BATCH];
	unsigned int i;

	for (i = 0; i < nr; i++) {
		ops[i] = kvt_make_op(opcode, from + i);
		ops[i].addr = (uintptr_t)(p + i * len);
		ops[i].len = len;
		if (opcode == KVMEM_OP_PUT)
			kvt_fill(p + i * len, len, from + i);
	}
	kvt_batch(fd, ops, nr);
	for (i = 0; i < nr; i++) {
		ASSERT(!ops[i].status, "key %llu: %s", (unsigned long long)from + i,
		       strerror(-ops[i].status));
		if (opcode == KVMEM_OP_GET)
			EXPECT(kvt_check(p + i * len, len, from + i) < 0,
			       "key %llu to have the right bytes", (unsigned long long)from + i);
	}
}

/* No more of them wait for their write than may, or some would not be written. */
static void put_all(int fd, const struct kvt_disk *d, uint64_t from, unsigned int nr, size_t len)
{
	uint64_t before = media_value(d, KVMEM_A_MEDIA_PUT_BLOCKS);
	uint8_t *p = malloc(BATCH * len);
	unsigned int i;

	for (i = 0; i < nr; i += BATCH) {
		batch(fd, KVMEM_OP_PUT, from + i, BATCH, len, p);
		ASSERT_TRUE(kvt_wait_for(media_value(d, KVMEM_A_MEDIA_PUT_BLOCKS) + 400 >=
					 before + i + BATCH, 20000));
	}
	ASSERT_TRUE(kvt_wait_for(media_value(d, KVMEM_A_MEDIA_PUT_BLOCKS) == before + nr, 20000));
	free(p);
}

static void get_all(int fd, uint64_t from, unsigned int nr, size_t len)
{
	uint8_t *p = malloc(BATCH * len);
	unsigned int i;

	for (i = 0; i < nr; i += BATCH)
		batch(fd, KVMEM_OP_GET, from + i, BATCH, len, p);
	free(p);
}

/*
 * At most 1.15 times what the blocks take on an 8-byte grid.  What has waited for
 * 100 ms is sent with what there is, so a slow machine ends a unit early as often.
 */
static void expect_cheap(const struct kvt_disk *d, uint64_t before, unsigned int nr, size_t len,
			 uint64_t took_ms)
{
	uint64_t bytes = media_value(d, KVMEM_A_MEDIA_PUT_BYTES) - before;
	uint64_t ideal = nr * ((len + 7) / 8 * 8);
	uint64_t early = (took_ms / 100 + 1) * 4096;

	kvt_diag("%u blocks of %zu bytes: %llu bytes written, %.3f times theirs", nr, len,
		 (unsigned long long)bytes, (double)bytes / ideal);
	EXPECT_GE(bytes, ideal);
	EXPECT_LE((bytes - (early < ideal ? early : ideal)) * 100, ideal * 115);
}

/* Many of @len, of the others a few. */
static void packed_on(unsigned int blocksize, size_t len)
{
	static const size_t lens[] = { 300, 1000 };
	struct kvt_disk_opts o = { .blocksize = blocksize };
	unsigned int nr[2], i;
	const char *ns = kvt_ns(&roomy);
	int fd = kvt_file(ns);
	struct kvt_disk d;
	uint64_t before, start;

	for (i = 0; i < ARRAY_SIZE(lens); i++)
		nr[i] = lens[i] == len && !kvt_debug_kernel() ? 10000 : 1000;
	kvt_disk_new(&d, &o);
	kvt_media_format(&d, "4M");
	kvt_media_on(&d);
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		before = media_value(&d, KVMEM_A_MEDIA_PUT_BYTES);
		start = kvt_now_ms();
		put_all(fd, &d, i * 100000, nr[i], lens[i]);
		expect_cheap(&d, before, nr[i], lens[i], kvt_now_ms() - start);
	}
	EXPECT_EQ(media_value(&d, KVMEM_A_MEDIA_REFUSED_QUEUE), 0);
	fd = kvt_restart(fd, ns, &roomy, &d, false);
	EXPECT_EQ(media_value(&d, KVMEM_A_MEDIA_BLOCKS), nr[0] + nr[1]);
	for (i = 0; i < ARRAY_SIZE(lens); i++)
		get_all(fd, i * 100000, nr[i], lens[i]);
	kvt_media_off(&d);
	EXPECT_EQ(kvt_ctl("media check --data %s", d.path), 0);
}

TEST_TIMEOUT(packed_512, 200)
{
	packed_on(512, 1000);
}

TEST_TIMEOUT(packed_4096, 200)
{
	packed_on(4096, 300);
}

/* What waits for others is written within 100 ms, and durable then. */
TEST(alone)
{
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns);
	struct kvt_disk d;
	uint64_t pages;

	kvt_media_new(&d);
	/* The first segment is open. */
	ASSERT_EQ(kvt_persist(fd, 1, 300), 0);
	pages = media_value(&d, KVMEM_A_MEDIA_TABLE_PAGES);
	ASSERT_EQ(kvt_put_key(fd, 2, 300), 0);
	EXPECT_TRUE(kvt_wait_for(media_value(&d, KVMEM_A_MEDIA_TABLE_PAGES) > pages, 5000));
	EXPECT_EQ(media_value(&d, KVMEM_A_MEDIA_PUT_BLOCKS), 2);
	kvt_disk_power(&d, false);
	kvt_media_detach(d.name);
	kvt_disk_power(&d, true);
	kvt_media_on(&d);
	kvt_dram_empty(fd, ns);
	EXPECT_EQ(kvt_get_key(fd, 1, 300), 0);
	EXPECT_EQ(kvt_get_key(fd, 2, 300), 0);
}

/* Nobody waits for the pack to be full: not who persists, not who detaches. */
TEST(asked_for)
{
	const char *ns = kvt_ns(&roomy);
	int fd = kvt_file(ns), i;
	struct kvt_disk d;

	kvt_media_new(&d);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(kvt_put_key(fd, 2 * i, 100 + i), 0);
		ASSERT_EQ(kvt_persist(fd, 2 * i + 1, 100 + i), 0);
		/* One that waits is asked for by its name. */
		if (i % 2)
			EXPECT_EQ(kvt_persist(fd, 2 * i, 100 + i), 0);
	}
	for (i = 100; i < 140; i++)
		ASSERT_EQ(kvt_put_key(fd, i, 100), 0);
	fd = kvt_restart(fd, ns, &roomy, &d, true);
	for (i = 0; i < 40; i++)
		if (i % 2 || i / 2 % 2)
			EXPECT_EQ(kvt_get_key(fd, i, 100 + i / 2), 0);
	for (i = 0; i < 140; i++)
		EXPECT_NE(kvt_get_key(fd, i, i < 40 ? 100 + i / 2 : 100), -EBADMSG);
}

/* Deleted while they wait, as they are written, and afterwards; some put again. */
TEST(deleted)
{
	const char *ns = kvt_ns(&roomy);
	int fd = kvt_file(ns), i;
	struct kvt_disk d;

	kvt_media_new(&d);
	for (i = 0; i < 900; i++) {
		ASSERT_EQ(kvt_put_key(fd, i, 200), 0);
		if (i % 3 == 0)
			EXPECT_EQ(kvt_delete(fd, i), 0);
		if (i % 3 == 1 && i > 150)
			EXPECT_EQ(kvt_delete(fd, i - 150), 0);
		if (i % 6 == 0)
			ASSERT_EQ(kvt_put_key(fd, i, 240), 0);
	}
	for (i = 0; i < 2; i++) {
		int k;

		for (k = 0; k < 700; k++) {
			bool gone = k % 3 == 0 ? k % 6 : k % 3 == 1 && k < 750;
			int rc = kvt_get_key(fd, k, k % 3 ? 200 : 240);

			EXPECT(rc == (gone ? -ENOENT : 0), "key %d: %d", k, rc);
		}
		if (!i)
			kvt_sleep_ms(400);
		if (!i)
			fd = kvt_restart(fd, ns, &roomy, &d, false);
	}
}

/* A transfer that fails takes all its blocks with it, and none else. */
TEST_TIMEOUT(failed, 120)
{
	const char *ns = kvt_ns(&roomy);
	int fd = kvt_file(ns), i;
	struct kvt_disk d;

	kvt_media_new(&d);
	for (i = 0; i < 10; i++)
		ASSERT_EQ(kvt_persist(fd, i, 300), 0);
	kvt_disk_bad(&d, 4 * MIB, d.bytes - 5 * MIB, true);
	kvt_disk_bad(&d, 3 * MIB, MIB, true);
	for (i = 100; i < 140; i++)
		ASSERT_EQ(kvt_put_key(fd, i, 300), 0);
	EXPECT_LT(kvt_persist(fd, 200, 300), 0);
	EXPECT_TRUE(kvt_wait_for(media_value(&d, KVMEM_A_MEDIA_REFUSED_FAILED) >= 40, 5000));
	/* One transfer, or two, whatever many blocks are in them: no reason to give up. */
	EXPECT_EQ(kvt_media_info(&d).state, KVMEM_MEDIA_STATE_LIVE);
	EXPECT_LE(media_value(&d, KVMEM_A_MEDIA_WRITE_ERRORS), 10);
	EXPECT_EQ(media_value(&d, KVMEM_A_MEDIA_BLOCKS), 10);
	/* DRAM has them, and they can be written when the device is well again. */
	kvt_disk_bad(&d, 3 * MIB, d.bytes - 4 * MIB, false);
	for (i = 100; i < 140; i++)
		EXPECT_EQ(kvt_get_key(fd, i, 300), 0);
	for (i = 100; i < 140; i++)
		EXPECT_EQ(kvt_persist(fd, i, 300), 0);
	fd = kvt_restart(fd, ns, &roomy, &d, false);
	for (i = 0; i < 10; i++)
		EXPECT_EQ(kvt_get_key(fd, i, 300), 0);
	for (i = 100; i < 140; i++)
		EXPECT_EQ(kvt_get_key(fd, i, 300), 0);
}

/* The namespace goes, or the media, or the device, while blocks wait. */
TEST(ends)
{
	const char *ns = kvt_ns(&roomy), *other = kvt_ns(&roomy);
	int fd = kvt_file(ns), i;
	struct kvt_disk d;

	kvt_media_new(&d);
	for (i = 0; i < 30; i++)
		ASSERT_EQ(kvt_put_key(fd, i, 300), 0);
	close(fd);
	EXPECT_EQ(kvt_nl_ns_del(ns), 0);
	fd = kvt_file(other);
	for (i = 0; i < 30; i++)
		ASSERT_EQ(kvt_put_key(fd, i, 300), 0);
	kvt_media_off(&d);
	kvt_media_on(&d);
	for (i = 0; i < 30; i++)
		EXPECT_EQ(kvt_get_key(fd, i, 300), 0);
	for (i = 100; i < 130; i++)
		ASSERT_EQ(kvt_put_key(fd, i, 300), 0);
	kvt_disk_power(&d, false);
	for (i = 100; i < 130; i++)
		EXPECT_EQ(kvt_get_key(fd, i, 300), 0);
	EXPECT_TRUE(kvt_wait_for(kvt_media_info(&d).state == KVMEM_MEDIA_STATE_FAILED, 5000));
	kvt_media_off(&d);
	EXPECT_EQ(kvt_get_key(fd, 100, 300), 0);
}

/* Reclaim moves what was used, packed again, and what is there then is right. */
TEST_TIMEOUT(reclaimed, 200)
{
	unsigned int rounds = 4, nr = 2000, i, r;
	struct kvt_ns_opts o = roomy;
	uint64_t moved, bytes;
	struct kvt_disk d;
	uint8_t *p;
	int fd;

	o.quota_blocks = 2000;
	fd = kvt_file(kvt_ns(&o));
	kvt_disk_new(&d, &(struct kvt_disk_opts) { .mib = 8, .blocksize = 4096 });
	kvt_media_format(&d, "256K");
	kvt_media_on(&d);
	for (r = 0; r < rounds; r++) {
		put_all(fd, &d, r * 100000, nr, 1000);
		/* Used again: of value for reclaim, when DRAM has them no more. */
		for (i = 0; r && i < nr; i += 20)
			kvt_get_key(fd, (r - 1) * 100000 + i, 1000);
	}
	moved = media_value(&d, KVMEM_A_MEDIA_REINSERT_BLOCKS);
	bytes = media_value(&d, KVMEM_A_MEDIA_REINSERT_BYTES);
	kvt_diag("%llu segments reclaimed, %llu blocks moved, %llu bytes",
		 (unsigned long long)media_value(&d, KVMEM_A_MEDIA_RECLAIMED),
		 (unsigned long long)moved, (unsigned long long)bytes);
	EXPECT_GT(media_value(&d, KVMEM_A_MEDIA_RECLAIMED), 4);
	EXPECT_GT(moved, 20);
	EXPECT_LE(bytes, moved * 2048);
	p = malloc(1000);
	for (r = 0; r < rounds; r++)
		for (i = 0; i < nr; i += 7) {
			int rc = kvt_get(fd, r * 100000 + i, p, 1000);

			EXPECT(rc == 1000 || rc == -ENOENT ||
			       (!rc && kvt_check(p, 1000, r * 100000 + i) < 0), "%d", rc);
		}
	free(p);
	kvt_media_off(&d);
	EXPECT_EQ(kvt_ctl("media check --data %s", d.path), 0);
}

TEST_MAIN()
