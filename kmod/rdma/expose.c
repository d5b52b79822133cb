// SPDX-License-Identifier: GPL-2.0
/*
 * Exposing memory: fast registration of what a call brings, in as many regions as it
 * takes, and the end of it.
 *
 * A region has a new key each time, and is invalid before its request and after.
 */
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include "rdma/expose.h"

static void reg_done(struct ib_cq *cq, struct ib_wc *wc)
{
	/* Only failures are told: the connection's queue has one context. */
	kvmem_conn_wc_failed(cq->cq_context, wc);
}

/* The bytes of the call: @call->len behind @call->first */
static int expose_table(struct kvmem_exposed *exp, const struct kvmem_call *call)
{
	size_t skip = call->first, left = call->len, len;
	unsigned int i;

	exp->sg = kmalloc_array(call->nr_bvecs, sizeof(*exp->sg), GFP_NOWAIT | __GFP_NOWARN);
	if (!exp->sg)
		return -ENOMEM;
	sg_init_table(exp->sg, call->nr_bvecs);
	exp->nr_sg = 0;
	for (i = 0; left && i < call->nr_bvecs; i++) {
		const struct bio_vec *bv = &call->bvecs[i];

		if (skip >= bv->bv_len) {
			skip -= bv->bv_len;
			continue;
		}
		len = min_t(size_t, bv->bv_len - skip, left);
		sg_set_page(&exp->sg[exp->nr_sg++], bv->bv_page, len, bv->bv_offset + skip);
		skip = 0;
		left -= len;
	}
	if (left || !exp->nr_sg)
		return -EINVAL;
	sg_mark_end(&exp->sg[exp->nr_sg - 1]);
	return 0;
}

/* So many regions do, at most: each takes an entry whole, or is full. */
static int expose_regions(struct kvmem_conn *conn, struct kvmem_exposed *exp, size_t len)
{
	size_t most = exp->nr_sg + len / ((size_t)conn->mr_pages * PAGE_SIZE) + 1;

	most = min_t(size_t, most, KVMEM_WIRE_SEGS);
	exp->regions = exp->near;
	if (most <= KVMEM_EXPOSE_NEAR)
		return most;
	exp->regions = kmalloc_array(most, sizeof(*exp->regions), GFP_NOWAIT | __GFP_NOWARN);
	if (exp->regions)
		return most;
	exp->regions = exp->near;
	return -ENOMEM;
}

static void region_set(struct kvmem_exposed *exp, struct kvmem_region *region)
{
	struct ib_mr *mr = region->mr;

	ib_update_fast_reg_key(mr, ib_inc_rkey(mr->rkey));
	region->reg = (struct ib_reg_wr) {
		.wr = { .opcode = IB_WR_REG_MR, .wr_cqe = &exp->cqe },
		.mr = mr,
		.key = mr->rkey,
		.access = exp->dir == DMA_FROM_DEVICE ?
			  IB_ACCESS_LOCAL_WRITE | IB_ACCESS_REMOTE_WRITE :
			  IB_ACCESS_REMOTE_READ,
	};
	region->inv = (struct ib_send_wr) {
		.opcode = IB_WR_LOCAL_INV,
		.wr_cqe = &exp->cqe,
		.ex.invalidate_rkey = mr->rkey,
	};
}

/* A region ends where its pages do, or where the memory has a gap inside of a page. */
static int expose_map(struct kvmem_conn *conn, struct kvmem_exposed *exp, unsigned int nr_dma,
		      unsigned int most)
{
	struct scatterlist *sg = exp->sg;
	unsigned int offset = 0;

	while (nr_dma) {
		struct kvmem_region *region = &exp->regions[exp->nr];
		unsigned int before = offset;
		int n;

		if (exp->nr == most)
			return -EOPNOTSUPP;
		region->mr = ib_mr_pool_get(conn->qp, &conn->mrs);
		if (!region->mr)
			return exp->nr == KVMEM_RDMA_MRS ? -EOPNOTSUPP : -EAGAIN;
		exp->nr++;
		n = ib_map_mr_sg(region->mr, sg, nr_dma, &offset, PAGE_SIZE);
		if (n < 0 || (!n && offset == before))
			return n < 0 ? n : -EIO;
		region_set(exp, region);
		nr_dma -= n;
		while (n--)
			sg = sg_next(sg);
	}
	return 0;
}

int kvmem_expose(struct kvmem_conn *conn, struct kvmem_exposed *exp,
		 const struct kvmem_call *call)
{
	int ret, most, nr_dma;

	exp->nr = 0;
	exp->sg = NULL;
	exp->regions = exp->near;
	exp->cqe.done = reg_done;
	exp->dir = call->type == KVMEM_CALL_GET ? DMA_FROM_DEVICE : DMA_TO_DEVICE;
	if (!call->len)
		return 0;
	ret = expose_table(exp, call);
	if (ret)
		goto free;
	most = expose_regions(conn, exp, call->len);
	if (most < 0) {
		ret = most;
		goto free;
	}
	nr_dma = ib_dma_map_sg(conn->cm->device, exp->sg, exp->nr_sg, exp->dir);
	if (!nr_dma) {
		ret = -ENOMEM;
		goto free;
	}
	ret = expose_map(conn, exp, nr_dma, most);
	if (ret)
		kvmem_unexpose(conn, exp);
	return ret;
free:
	if (exp->regions != exp->near)
		kfree(exp->regions);
	kfree(exp->sg);
	exp->sg = NULL;
	return ret;
}

void kvmem_unexpose(struct kvmem_conn *conn, struct kvmem_exposed *exp)
{
	if (!exp->sg)
		return;
	while (exp->nr)
		ib_mr_pool_put(conn->qp, &conn->mrs, exp->regions[--exp->nr].mr);
	ib_dma_unmap_sg(conn->cm->device, exp->sg, exp->nr_sg, exp->dir);
	if (exp->regions != exp->near)
		kfree(exp->regions);
	kfree(exp->sg);
	exp->sg = NULL;
}

struct ib_send_wr *kvmem_expose_wrs(struct kvmem_exposed *exp, struct ib_send_wr *last)
{
	unsigned int i = exp->nr;

	while (i--) {
		exp->regions[i].reg.wr.next = last;
		last = &exp->regions[i].reg.wr;
	}
	return last;
}

struct ib_send_wr *kvmem_unexpose_wrs(struct kvmem_exposed *exp, unsigned int skip,
				      struct ib_cqe *cqe)
{
	struct ib_send_wr *wr = NULL;
	unsigned int i = exp->nr;

	while (i-- > skip) {
		struct ib_send_wr *inv = &exp->regions[i].inv;

		inv->next = wr;
		if (!wr) {
			inv->wr_cqe = cqe;
			inv->send_flags = IB_SEND_SIGNALED;
		}
		wr = inv;
	}
	return wr;
}

void kvmem_expose_segs(const struct kvmem_exposed *exp, struct kvmem_wire_seg *segs)
{
	unsigned int i;

	for (i = 0; i < exp->nr; i++) {
		const struct ib_mr *mr = exp->regions[i].mr;

		segs[i] = (struct kvmem_wire_seg) {
			.addr = cpu_to_le64(mr->iova),
			.rkey = cpu_to_le32(mr->rkey),
			.len = cpu_to_le32(mr->length),
		};
	}
}
