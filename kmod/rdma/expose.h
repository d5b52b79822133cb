/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that a peer may touch, for one request.
 */
#ifndef KVMEM_EXPOSE_H
#define KVMEM_EXPOSE_H

#include "rdma/rdma.h"

/* Regions that most requests make do with */
#define KVMEM_EXPOSE_NEAR	2

/* One memory region: a run of it has one address and one key. */
struct kvmem_region {
	struct ib_mr *mr;
	struct ib_reg_wr reg;
	struct ib_send_wr inv;
};

/**
 * struct kvmem_exposed - of one request
 * @sg: its memory; NULL: there is none
 * @nr_sg: entries
 * @dir: FROM_DEVICE: the peer writes
 * @regions: @nr of them, maybe @near
 * @cqe: for what fails of them
 */
struct kvmem_exposed {
	struct scatterlist *sg;
	unsigned int nr_sg;
	enum dma_data_direction dir;
	struct kvmem_region *regions;
	unsigned int nr;
	struct kvmem_region near[KVMEM_EXPOSE_NEAR];
	struct ib_cqe cqe;
};

/* Does not sleep.  -EAGAIN: no regions now; -ENOMEM, -EOPNOTSUPP: in too many pieces. */
int kvmem_expose(struct kvmem_conn *conn, struct kvmem_exposed *exp,
		 const struct kvmem_call *call);
/* The peer cannot touch it any more, or never could. */
void kvmem_unexpose(struct kvmem_conn *conn, struct kvmem_exposed *exp);
/* What makes it valid, in front of @last. */
struct ib_send_wr *kvmem_expose_wrs(struct kvmem_exposed *exp, struct ib_send_wr *last);
/* What ends that, but for the first @skip regions; the last one is signalled to @cqe. */
struct ib_send_wr *kvmem_unexpose_wrs(struct kvmem_exposed *exp, unsigned int skip,
				      struct ib_cqe *cqe);
void kvmem_expose_segs(const struct kvmem_exposed *exp, struct kvmem_wire_seg *segs);

#endif
