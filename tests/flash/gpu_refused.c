// SPDX-License-Identifier: GPL-2.0
/*
 * A platform without a path between the GPU and the drive: the exporter asks the
 * kernel and hands nothing out.  Blocks do not go there, the application hears why,
 * and bytes go by the CPU only where the namespace allows it, verified and counted.
 * In the machine of "scripts/lane-gpu KERNEL refused".
 */
#define _GNU_SOURCE
#include "gpu.h"

static const struct kvt_ns_opts through = { .flash_mode = KVMEM_FLASH_MODE_THROUGH };

struct refused {
	struct gpu g;
	const char *ns;
	uint32_t buf;
	int fd, dmabuf;
};

static void refused_up(struct refused *r, unsigned int nsid, const struct kvt_ns_opts *opts)
{
	r->ns = kvt_ns(opts);
	gpu_open(&r->g, nsid);
	r->fd = kvt_file(r->ns);
	r->dmabuf = gpu_alloc(&r->g, 0, 2 * PART, 0);
	r->buf = gpu_reg(r->fd, r->dmabuf, 0, 2 * PART);
	kvt_fill(r->g.p, BLOCK, 1);
	memset(r->g.p + PART, 0xee, BLOCK);
}

static void refused_down(struct refused *r)
{
	close(r->dmabuf);
	close(r->fd);
	gpu_close(&r->g);
}

static uint64_t bounced(const struct refused *r)
{
	struct kvt_ns_stat stat;

	ASSERT_EQ(kvt_nl_ns_get(r->ns, &stat), 0);
	EXPECT_EQ(stat.zero_copy, 0);
	return stat.bounced;
}

static void no_route(unsigned int nsid)
{
	struct refused r;
	struct kvmem_op op;

	refused_up(&r, nsid, &through);
	op = kvt_buf_op(KVMEM_OP_PUT, r.buf, 1, 0, BLOCK);
	EXPECT_EQ(kvt_op(r.fd, &op), -EOPNOTSUPP);
	EXPECT_EQ(op.reason, KVMEM_REASON_ROUTE);
	EXPECT_EQ(op.bytes, 0);
	/* Nothing was put, so there is nothing to get. */
	op = kvt_buf_op(KVMEM_OP_GET, r.buf, 1, PART, BLOCK);
	EXPECT_EQ(kvt_op(r.fd, &op), -ENOENT);
	/* What others have put goes there as little. */
	EXPECT_EQ(kvt_persist(r.fd, 2, BLOCK), 0);
	op = kvt_buf_op(KVMEM_OP_GET, r.buf, 2, PART, BLOCK);
	EXPECT_EQ(kvt_op(r.fd, &op), -EOPNOTSUPP);
	EXPECT_EQ(op.bytes, 0);
	EXPECT_EQ(r.g.p[PART], 0xee);
	EXPECT_EQ(r.g.p[PART + BLOCK - 1], 0xee);
	EXPECT_EQ(bounced(&r), 0);
	EXPECT_EQ(gpu_count(&r.g, r.dmabuf).maps, 0);
	refused_down(&r);
}

TEST_TIMEOUT(no_route_512, 120)
{
	no_route(1);
}

TEST_TIMEOUT(no_route_protected, 120)
{
	no_route(2);
}

TEST_TIMEOUT(by_the_cpu_when_allowed, 120)
{
	struct kvt_ns_opts opts = through;
	struct kvmem_op op;
	struct refused r;

	opts.bounce = true;
	refused_up(&r, 1, &opts);
	op = kvt_buf_op(KVMEM_OP_PUT, r.buf, 1, 0, BLOCK);
	EXPECT_EQ(kvt_op(r.fd, &op), 0);
	EXPECT_EQ(op.res_flags, KVMEM_RES_F_BOUNCED);
	EXPECT_EQ(op.reason, KVMEM_REASON_ROUTE);
	op = kvt_buf_op(KVMEM_OP_GET, r.buf, 1, PART, BLOCK);
	EXPECT_EQ(kvt_op(r.fd, &op), 0);
	EXPECT_EQ(op.res_flags, KVMEM_RES_F_BOUNCED | KVMEM_RES_F_VERIFIED);
	EXPECT_EQ(kvt_check(r.g.p + PART, BLOCK, 1), -1);
	EXPECT_EQ(bounced(&r), 2 * BLOCK);
	EXPECT_EQ(gpu_count(&r.g, r.dmabuf).maps, 0);
	refused_down(&r);
}

TEST_MAIN()
