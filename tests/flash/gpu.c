// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of a GPU (kvmem_testgpu) and drives of our own (kvmem_nvme): blocks go
 * from one to the other with nobody in between.  In the machine of scripts/lane-gpu,
 * which has the GPU's memory as a file, a controller "gpu0" with namespaces of
 * 512-byte blocks (1) and of 4 KiB with protection information (2), and somebody
 * outside who looks at their files.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/mman.h>
#include "gpu.h"

static void expect_untouched(const char *ns)
{
	struct kvt_ns_stat stat;

	ASSERT_EQ(kvt_nl_ns_get(ns, &stat), 0);
	EXPECT_EQ(stat.copied_in, 0);
	EXPECT_EQ(stat.copied_out, 0);
	EXPECT_EQ(stat.bounced, 0);
}

/* Into memory of the process; the content of @content is expected. */
static int plain_get(int fd, uint64_t key, size_t len, uint64_t content, uint8_t *tier,
		     uint16_t *flags)
{
	struct kvmem_op op = kvt_make_op(KVMEM_OP_GET, key);
	uint8_t *p = kvt_pages_new(len);
	int rc;

	op.addr = (uintptr_t)p;
	op.len = len;
	rc = kvt_op(fd, &op);
	*tier = op.tier;
	*flags = op.res_flags;
	if (!rc && kvt_check(p, len, content) != -1)
		rc = -EBADMSG;
	munmap(p, len);
	return rc;
}

static const struct kvt_ns_opts through = { .flash_mode = KVMEM_FLASH_MODE_THROUGH };

/* From one part of the memory to the drive, and from there to another. */
static void round_trip(unsigned int nsid, unsigned int alloc_flags, unsigned int expected)
{
	const char *ns = kvt_ns(&through);
	struct kvt_ns_stat stat;
	unsigned int i, nr = 8;
	struct kvmem_op op;
	struct gpu g;
	uint32_t buf;
	int fd, a;

	gpu_open(&g, nsid);
	fd = kvt_file(ns);
	a = gpu_alloc(&g, 0, 2 * PART, alloc_flags);
	buf = gpu_reg(fd, a, 0, 2 * PART);
	memset(g.p, 0xee, 2 * PART);
	for (i = 0; i < nr; i++)
		kvt_fill(g.p + i * BLOCK, BLOCK, i);
	for (i = 0; i < nr; i++) {
		op = kvt_buf_op(KVMEM_OP_PUT, buf, 100 + i, alloc_flags & TESTGPU_F_SCATTER ?
				2 * PART - (i + 1) * BLOCK : i * BLOCK, BLOCK);
		EXPECT(!kvt_op(fd, &op), "put %u: %d, reason %u", i, op.status, op.reason);
		EXPECT_EQ(op.tier, KVMEM_TIER_FLASH);
	}
	for (i = 0; i < nr; i++) {
		op = kvt_buf_op(KVMEM_OP_GET, buf, 100 + i, alloc_flags & TESTGPU_F_SCATTER ?
				PART - (i + 1) * BLOCK : PART + i * BLOCK, BLOCK);
		EXPECT(!kvt_op(fd, &op), "get %u: %d, reason %u", i, op.status, op.reason);
		EXPECT_EQ(op.res_flags, expected);
		EXPECT_EQ(op.bytes, BLOCK);
	}
	EXPECT(!memcmp(g.p, g.p + PART, nr * BLOCK), "the bytes that were put");
	EXPECT_EQ(g.p[PART + nr * BLOCK], 0xee);
	EXPECT_EQ(g.p[PART - 1], 0xee);
	/* Somebody else finds them in the drive's file. */
	if (!(alloc_flags & TESTGPU_F_SCATTER))
		for (i = 0; i < nr; i++)
			EXPECT(outside(&g, PART + i * BLOCK, BLOCK, nsid, false) >= 0, "%u", i);
	/* All of it was mapped once. */
	EXPECT_EQ(gpu_count(&g, a).maps, 1);
	expect_untouched(ns);
	ASSERT_EQ(kvt_nl_ns_get(ns, &stat), 0);
	EXPECT_EQ(stat.zero_copy, 2 * nr * BLOCK);
	close(a);
	close(fd);
	gpu_close(&g);
}

TEST_TIMEOUT(round_trip_512, 120)
{
	round_trip(1, 0, 0);
}

TEST_TIMEOUT(round_trip_protected, 120)
{
	round_trip(2, 0, KVMEM_RES_F_VERIFIED);
}

TEST_TIMEOUT(round_trip_scattered, 120)
{
	round_trip(1, TESTGPU_F_SCATTER, 0);
}

/* A bit that changes in the drive is an error, never data. */
TEST_TIMEOUT(flipped_bit_is_told, 120)
{
	struct kvt_ns_opts opts = through;
	struct kvmem_op op;
	const char *ns;
	struct gpu g;
	uint32_t buf;
	int fd, a;

	opts.verify = true;
	ns = kvt_ns(&opts);
	gpu_open(&g, 2);
	fd = kvt_file(ns);
	a = gpu_alloc(&g, 0, 2 * PART, 0);
	buf = gpu_reg(fd, a, 0, 2 * PART);
	kvt_fill(g.p, BLOCK, 4711);
	op = kvt_buf_op(KVMEM_OP_PUT, buf, 1, 0, BLOCK);
	ASSERT(!kvt_op(fd, &op), "put: %d, reason %u", op.status, op.reason);
	op = kvt_buf_op(KVMEM_OP_GET, buf, 1, PART, BLOCK);
	EXPECT_EQ(kvt_op(fd, &op), 0);
	EXPECT_EQ(op.res_flags, KVMEM_RES_F_VERIFIED);
	ASSERT_TRUE(outside(&g, 0, BLOCK, 2, true) >= 0);
	op = kvt_buf_op(KVMEM_OP_GET, buf, 1, PART, BLOCK);
	EXPECT_EQ(kvt_op(fd, &op), -ENOENT);
	EXPECT_EQ(op.res_flags, KVMEM_RES_F_CORRUPT);
	EXPECT_EQ(op.bytes, 0);
	expect_untouched(ns);
	close(a);
	close(fd);
	gpu_close(&g);
}

TEST_TIMEOUT(parts_and_what_does_not_fit, 120)
{
	const char *ns = kvt_ns(&through);
	struct kvt_ns_opts verify = { .set = KVT_SET_VERIFY, .verify = true };
	struct kvmem_op op;
	uint16_t flags;
	struct gpu g;
	uint32_t buf;
	uint8_t tier;
	int fd, a;

	gpu_open(&g, 1);
	fd = kvt_file(ns);
	a = gpu_alloc(&g, 0, 2 * PART, 0);
	buf = gpu_reg(fd, a, 512, 2 * PART - 512);
	kvt_fill(g.p + 512, BLOCK, 9);
	op = kvt_buf_op(KVMEM_OP_PUT, buf, 9, 0, BLOCK);
	op.flags = KVMEM_OP_F_PERSIST;
	ASSERT_EQ(kvt_op(fd, &op), 0);
	EXPECT_EQ(op.res_flags, KVMEM_RES_F_PERSISTED);
	op = kvt_buf_op(KVMEM_OP_GET, buf, 9, PART + 4, 3 * 512);
	op.offset = 5 * 512;
	op.flags = KVMEM_OP_F_PARTIAL;
	ASSERT_EQ(kvt_op(fd, &op), 0);
	EXPECT_EQ(op.bytes, 3 * 512);
	EXPECT_EQ(kvt_check_at(g.p + 512 + PART + 4, 3 * 512, 9, 5 * 512), -1);
	op.offset = 100;
	EXPECT_EQ(kvt_op(fd, &op), -EOPNOTSUPP);
	EXPECT_EQ(op.reason, KVMEM_REASON_ALIGN);
	op.offset = 0;
	op.len = 1000;
	EXPECT_EQ(kvt_op(fd, &op), -EOPNOTSUPP);
	EXPECT_EQ(op.reason, KVMEM_REASON_ALIGN);
	op = kvt_buf_op(KVMEM_OP_GET, buf, 9, PART + 1, BLOCK);
	EXPECT_EQ(kvt_op(fd, &op), -EOPNOTSUPP);
	EXPECT_EQ(op.reason, KVMEM_REASON_ALIGN);
	op = kvt_buf_op(KVMEM_OP_GET, buf, 9, 2 * PART - 512 - BLOCK + 512, BLOCK);
	EXPECT_EQ(kvt_op(fd, &op), -EINVAL);
	op = kvt_buf_op(KVMEM_OP_GET, buf, 9, 0, BLOCK - 512);
	EXPECT_EQ(kvt_op(fd, &op), -EMSGSIZE);
	/* Nobody verifies it here: refused when that is wanted, into any memory. */
	ASSERT_EQ(kvt_nl_ns_set(ns, &verify), 0);
	op = kvt_buf_op(KVMEM_OP_GET, buf, 9, PART, BLOCK);
	EXPECT_EQ(kvt_op(fd, &op), -EOPNOTSUPP);
	EXPECT_EQ(op.reason, KVMEM_REASON_VERIFY);
	EXPECT_EQ(plain_get(fd, 9, BLOCK, 9, &tier, &flags), -EOPNOTSUPP);
	op = kvt_buf_op(KVMEM_OP_PUT, buf, 10, 0, BLOCK);
	EXPECT_EQ(kvt_op(fd, &op), -EOPNOTSUPP);
	EXPECT_EQ(op.reason, KVMEM_REASON_VERIFY);
	verify.verify = false;
	ASSERT_EQ(kvt_nl_ns_set(ns, &verify), 0);
	/* Fetched into DRAM it gets a checksum, which proves nothing. */
	EXPECT_EQ(plain_get(fd, 9, BLOCK, 9, &tier, &flags), 0);
	EXPECT_EQ(flags & KVMEM_RES_F_VERIFIED, 0);
	EXPECT_EQ(plain_get(fd, 9, BLOCK, 9, &tier, &flags), 0);
	EXPECT_EQ(tier, KVMEM_TIER_DRAM);
	EXPECT_EQ(flags & KVMEM_RES_F_VERIFIED, 0);
	close(a);
	close(fd);
	gpu_close(&g);
}

/* What the exporter says is what the application hears. */
TEST_TIMEOUT(reasons, 120)
{
	struct kvt_ns_opts bounce = { .set = KVT_SET_BOUNCE, .bounce = true };
	const char *ns = kvt_ns(&through);
	struct testgpu_count c;
	struct kvmem_op op;
	struct gpu g;
	uint32_t buf;
	int fd, a;

	gpu_open(&g, 1);
	fd = kvt_file(ns);
	a = gpu_alloc(&g, 0, PART, TESTGPU_F_NO_VMAP);
	buf = gpu_reg(fd, a, 0, PART);
	kvt_fill(g.p, BLOCK, 1);
	gpu_fail(&g, a, -EREMOTEIO);
	op = kvt_buf_op(KVMEM_OP_PUT, buf, 1, 0, BLOCK);
	EXPECT_EQ(kvt_op(fd, &op), -EOPNOTSUPP);
	EXPECT_EQ(op.reason, KVMEM_REASON_ROUTE);
	gpu_fail(&g, a, -EPERM);
	EXPECT_EQ(kvt_op(fd, &op), -EOPNOTSUPP);
	EXPECT_EQ(op.reason, KVMEM_REASON_EXPORTER);
	gpu_fail(&g, a, 0);
	EXPECT_EQ(kvt_op(fd, &op), 0);
	gpu_fail(&g, a, -ENODEV);
	c = gpu_count(&g, a);
	EXPECT_EQ(c.maps, c.unmaps);
	op = kvt_buf_op(KVMEM_OP_GET, buf, 1, BLOCK, BLOCK);
	EXPECT_EQ(kvt_op(fd, &op), -EOPNOTSUPP);
	EXPECT_EQ(op.reason, KVMEM_REASON_REVOKED);
	/* A copy is allowed now, and not possible. */
	ASSERT_EQ(kvt_nl_ns_set(ns, &bounce), 0);
	gpu_fail(&g, a, -EREMOTEIO);
	EXPECT_EQ(kvt_op(fd, &op), -EOPNOTSUPP);
	gpu_fail(&g, a, 0);
	op = kvt_buf_op(KVMEM_OP_PUT, buf, 2, 100, 1000);
	EXPECT_EQ(kvt_op(fd, &op), -EOPNOTSUPP);
	EXPECT_EQ(op.reason, KVMEM_REASON_CPU);
	close(a);
	/* Where the CPU may, unaligned bytes go by it. */
	a = gpu_alloc(&g, 0, PART, 0);
	buf = gpu_reg(fd, a, 0, PART);
	kvt_fill(g.p + 100, 1000, 3);
	op = kvt_buf_op(KVMEM_OP_PUT, buf, 3, 100, 1000);
	EXPECT_EQ(kvt_op(fd, &op), 0);
	EXPECT_EQ(op.res_flags, KVMEM_RES_F_BOUNCED);
	EXPECT_EQ(op.reason, KVMEM_REASON_ALIGN);
	op = kvt_buf_op(KVMEM_OP_GET, buf, 3, 5000, 1000);
	EXPECT_EQ(kvt_op(fd, &op), 0);
	EXPECT_EQ(op.res_flags, KVMEM_RES_F_BOUNCED | KVMEM_RES_F_VERIFIED);
	EXPECT_EQ(kvt_check(g.p + 5000, 1000, 3), -1);
	close(a);
	close(fd);
	gpu_close(&g);
}

/* Moving and revoking under load ------------------------------------------------ */

struct load {
	pthread_t thread;
	int fd;
	uint32_t buf;
	unsigned int nr, first, done, refused;
	volatile bool stop;
};

/* Blocks into a place of its own of a buffer that is on the move. */
static void *load_run(void *arg)
{
	struct load *l = arg;
	unsigned int i;
	struct kvmem_op op;
	int rc;

	for (i = 0; !l->stop; i++) {
		op = kvt_buf_op(KVMEM_OP_GET, l->buf, l->first + i % l->nr,
				(l->first + i % l->nr) * 64 * KIB, 64 * KIB);
		rc = kvt_op(l->fd, &op);
		if (rc == -EOPNOTSUPP && op.reason == KVMEM_REASON_REVOKED)
			l->refused++;
		else
			EXPECT(!rc, "get: %d, reason %u", rc, op.reason);
		l->done += !rc;
	}
	return NULL;
}

TEST_TIMEOUT(moves_under_load, 200)
{
	unsigned int i, rounds = kvt_scale(40, 2000), at = 0, bad = 0, nr = 16, done = 0;
	const char *ns = kvt_ns(&through);
	struct load l[2] = {};
	struct kvmem_op op;
	struct gpu g;
	uint32_t buf;
	int fd, a, b;
	bool pins;

	gpu_open(&g, 1);
	fd = kvt_file(ns);
	a = gpu_alloc(&g, 2 * PART, MIB, 0);
	b = gpu_alloc(&g, 0, MIB, 0);
	buf = gpu_reg(fd, a, 0, MIB);
	for (i = 0; i < nr; i++)
		kvt_fill(g.p + 2 * PART + i * 64 * KIB, 64 * KIB, i);
	for (i = 0; i < nr; i++) {
		op = kvt_buf_op(KVMEM_OP_PUT, buf, i, i * 64 * KIB, 64 * KIB);
		ASSERT_EQ(kvt_op(fd, &op), 0);
	}
	/* Without CONFIG_DMABUF_MOVE_NOTIFY what is mapped is pinned: revoked first, then moved. */
	pins = gpu_count(&g, a).pinned;
	for (i = 0; i < 2; i++) {
		l[i] = (struct load){ .fd = fd, .nr = nr / 2, .first = i * nr / 2 };
		l[i].buf = gpu_reg(fd, b, 0, MIB);
		ASSERT_EQ(pthread_create(&l[i].thread, NULL, load_run, &l[i]), 0);
	}
	for (i = 0; i < rounds; i++) {
		usleep(3000);
		if (pins || i % 8 == 7) {
			gpu_fail(&g, b, -ENODEV);
			usleep(500);
		}
		if (!pins)
			gpu_fail(&g, b, 0);
		/* The place that was left is 0xdd, and must stay so. */
		gpu_move(&g, b, at ? 0 : PART);
		if (pins)
			gpu_fail(&g, b, 0);
		bad += memcmp(g.p + (at ? PART : 0), g.p + (at ? PART : 0) + 1, MIB - 1) ||
		       g.p[at ? PART : 0] != 0xdd;
		at = !at;
	}
	for (i = 0; i < 2; i++) {
		l[i].stop = true;
		pthread_join(l[i].thread, NULL);
		EXPECT(l[i].done > 0, "%u done, %u refused", l[i].done, l[i].refused);
		done += l[i].done;
	}
	kvt_diag("%u moves, %u gets", rounds, done);
	EXPECT_EQ(bad, 0);
	/* Nothing that was got has been lost by a move. */
	for (i = 0; i < nr; i++)
		EXPECT(kvt_check(g.p + (at ? PART : 0) + i * 64 * KIB, 64 * KIB, i) == -1, "%u", i);
	expect_untouched(ns);
	close(a);
	close(b);
	close(fd);
	gpu_close(&g);
}

/* The media, the controller, the buffer, the file: in another order each time. */
TEST_TIMEOUT(let_go_in_any_order, 120)
{
	const char *ns = kvt_ns(&through);
	struct testgpu_count c;
	struct kvmem_op op;
	struct gpu g;
	uint32_t buf;
	int fd, a;

	gpu_open(&g, 1);
	fd = kvt_file(ns);
	a = gpu_alloc(&g, 0, PART, 0);
	buf = gpu_reg(fd, a, 0, PART);
	op = kvt_buf_op(KVMEM_OP_PUT, buf, 1, 0, BLOCK);
	EXPECT_EQ(kvt_op(fd, &op), 0);
	EXPECT_EQ(gpu_count(&g, a).unmaps, 0);
	EXPECT_EQ(kvt_media_detach(g.disk.name), 0);
	/* The controller goes: so does what was mapped for it. */
	own_release(&g.own);
	c = gpu_count(&g, a);
	EXPECT_EQ(c.maps, 1);
	EXPECT_EQ(c.unmaps, 1);
	EXPECT_EQ(c.pinned, 0);
	op = kvt_buf_op(KVMEM_OP_PUT, buf, 2, 0, BLOCK);
	EXPECT_EQ(kvt_op(fd, &op), -EOPNOTSUPP);
	EXPECT_EQ(op.reason, KVMEM_REASON_MEDIA);
	close(a);
	close(fd);
	munmap(g.p, g.bytes);
	close(g.fd);
}

TEST_MAIN()
