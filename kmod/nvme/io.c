// SPDX-License-Identifier: GPL-2.0
/*
 * Transfers as commands.
 *
 * A transfer is cut into as many commands as there are tags for; when there is
 * none it waits in its queue, and whoever gives a tag back goes on with it.  So
 * a submission never waits, and one task at a time cuts a transfer.  It ends when
 * the last command has, and when nobody is cutting it any more (the bias in
 * io->pending).
 *
 * Doorbells are rung when a transfer has been cut, or by the task's plug
 * (blk_start_plug()), which the kernel also flushes when the task sleeps.
 */
#include <linux/blkdev.h>
#include <linux/dma-mapping.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include "nvme/nvme.h"

enum io_stage {
	IO_BODY,
	IO_FLUSH_FIRST,		/* the flush before a write */
};

/**
 * struct nvme_io - ours in a struct kvmem_io
 * @node: in queue->waiting
 * @at: next memory of a read or write
 * @trim: next range of a discard
 * @sent: bytes that have been cut; of a flush, whether it was sent
 * @stage: enum io_stage
 */
struct nvme_io {
	struct list_head node;
	union {
		struct kvmem_nvme_cursor at;
		struct kvmem_nvme_trim trim;
	};
	u64 sent;
	unsigned int stage;
};

static_assert(sizeof(struct nvme_io) <= sizeof_field(struct kvmem_io, backend));

static struct nvme_io *nvme_io(struct kvmem_io *io)
{
	return (struct nvme_io *)io->backend;
}

static struct kvmem_io *io_of_node(struct list_head *node)
{
	struct nvme_io *nio = container_of(node, struct nvme_io, node);

	return (struct kvmem_io *)((void *)nio - offsetof(struct kvmem_io, backend));
}

static struct kvmem_nvme_ns *ns_of(const struct kvmem_io *io)
{
	return io->dev->priv;
}

static bool io_polled(const struct kvmem_io *io)
{
	return io->flags & KVMEM_IO_F_POLLED;
}

/* Memory ---------------------------------------------------------------------------- */

static enum dma_data_direction direction(const struct kvmem_nvme_req *req)
{
	return req->write ? DMA_TO_DEVICE : DMA_FROM_DEVICE;
}

static void unmap(struct kvmem_nvme_req *req)
{
	struct device *dev = &req->queue->ctrl->pdev->dev;

	if (!req->mapped)
		return;
	while (req->nr_runs) {
		struct kvmem_dma_run *run = &req->runs[--req->nr_runs];

		dma_unmap_page(dev, run->addr, run->len, direction(req));
	}
	req->mapped = false;
}

/* From physical addresses to the device's. */
static int map(struct kvmem_nvme_req *req, unsigned int nr)
{
	struct device *dev = &req->queue->ctrl->pdev->dev;
	dma_addr_t addr;

	req->nr_runs = 0;
	req->mapped = true;
	while (req->nr_runs < nr) {
		struct kvmem_dma_run *run = &req->runs[req->nr_runs];

		addr = dma_map_page(dev, pfn_to_page(PHYS_PFN(run->addr)),
				    offset_in_page(run->addr), run->len, direction(req));
		if (dma_mapping_error(dev, addr)) {
			unmap(req);
			return -ENOMEM;
		}
		run->addr = addr;
		req->nr_runs++;
	}
	return 0;
}

/* Commands -------------------------------------------------------------------------- */

static void build_flush(struct kvmem_nvme_req *req, struct kvmem_nvme_ns *ns)
{
	req->cmd.common.opcode = nvme_cmd_flush;
	req->cmd.common.nsid = cpu_to_le32(ns->nsid);
}

/*
 * With PRACT the controller makes and checks the guard by itself, and nothing of
 * it is in our memory.  The reference tag is the block's number (type 1).
 */
static void build_guard(struct kvmem_nvme_req *req, u64 lba)
{
	req->cmd.rw.control |= cpu_to_le16(NVME_RW_PRINFO_PRACT | NVME_RW_PRINFO_PRCHK_GUARD |
					   NVME_RW_PRINFO_PRCHK_REF);
	req->cmd.rw.reftag = cpu_to_le32(lower_32_bits(lba));
}

static int build_data(struct kvmem_nvme_req *req, struct kvmem_nvme_ns *ns,
		      const struct kvmem_nvme_cut *cut)
{
	struct nvme_rw_command *rw = &req->cmd.rw;

	if (!kvmem_nvme_prefers_sgl(cut, ns->limits.sgl))
		return kvmem_nvme_prps(cut->runs, cut->nr, req->list, req->list_dma, &rw->dptr);
	rw->flags = NVME_CMD_SGL_METABUF;
	return kvmem_nvme_sgls(cut->runs, cut->nr, req->list, req->list_dma, &rw->dptr);
}

static int build_rw(struct kvmem_nvme_req *req, struct kvmem_nvme_ns *ns, struct kvmem_io *io)
{
	struct kvmem_nvme_cut cut = { .runs = req->runs };
	struct nvme_io *nio = nvme_io(io);
	u64 off = io->off + nio->sent, lba = off >> ns->shift;
	struct nvme_rw_command *rw = &req->cmd.rw;
	int ret;

	ret = kvmem_nvme_cut(io, &nio->at, &ns->limits, off, io->len - nio->sent, &cut);
	if (ret)
		return ret;
	req->write = io->op == KVMEM_IO_WRITE;
	if (!io->dma) {
		ret = map(req, cut.nr);
		if (ret)
			return ret;
	}
	rw->opcode = req->write ? nvme_cmd_write : nvme_cmd_read;
	rw->nsid = cpu_to_le32(ns->nsid);
	rw->slba = cpu_to_le64(lba);
	rw->length = cpu_to_le16((cut.bytes >> ns->shift) - 1);
	if (io->flags & KVMEM_IO_F_FUA)
		rw->control = cpu_to_le16(NVME_RW_FUA);
	if (ns->geo.pi)
		build_guard(req, lba);
	ret = build_data(req, ns, &cut);
	if (ret)
		unmap(req);
	nio->sent += cut.bytes;
	return ret;
}

/* 1: there is nothing left to discard. */
static int build_discard(struct kvmem_nvme_req *req, struct kvmem_nvme_ns *ns,
			 struct kvmem_io *io)
{
	unsigned int nr = kvmem_nvme_ranges(io, &nvme_io(io)->trim, ns->geo.discard_unit,
					    ns->shift, req->list);
	struct nvme_dsm_cmd *dsm = &req->cmd.dsm;

	if (!nr)
		return 1;
	dsm->opcode = nvme_cmd_dsm;
	dsm->nsid = cpu_to_le32(ns->nsid);
	dsm->nr = cpu_to_le32(nr - 1);
	dsm->attributes = cpu_to_le32(NVME_DSMGMT_AD);
	/* A page of its own */
	dsm->dptr.prp1 = cpu_to_le64(req->list_dma);
	return 0;
}

static int build(struct kvmem_nvme_req *req, struct kvmem_io *io)
{
	struct kvmem_nvme_ns *ns = ns_of(io);
	struct nvme_io *nio = nvme_io(io);

	req->cmd = (struct nvme_command){};
	req->nr_runs = 0;
	if (nio->stage == IO_FLUSH_FIRST || io->op == KVMEM_IO_FLUSH) {
		nio->sent = 1;
		build_flush(req, ns);
		return 0;
	}
	if (io->op == KVMEM_IO_DISCARD)
		return build_discard(req, ns, io);
	return build_rw(req, ns, io);
}

/* The end ----------------------------------------------------------------------------- */

static bool io_run(struct kvmem_nvme_queue *q, struct kvmem_io *io, bool plug);
static struct kvmem_nvme_queue *pick_queue(const struct kvmem_io *io);
static void part_end(struct kvmem_io *io, int status);

static void io_begin_stage(struct kvmem_io *io, enum io_stage stage)
{
	struct nvme_io *nio = nvme_io(io);

	nio->stage = stage;
	nio->sent = 0;
	io->status = 0;
	if (io->op == KVMEM_IO_DISCARD)
		nio->trim = (struct kvmem_nvme_trim){};
	else if (io->op != KVMEM_IO_FLUSH)
		kvmem_nvme_cursor_init(io, &nio->at);
	/* Of whoever cuts it */
	atomic_set(&io->pending, 1);
}

static void io_end(struct kvmem_io *io)
{
	int status = READ_ONCE(io->status);

	if (!status && nvme_io(io)->stage == IO_FLUSH_FIRST) {
		io_begin_stage(io, IO_BODY);
		if (io_run(pick_queue(io), io, false))
			part_end(io, 0);
		return;
	}
	kvmem_dev_end(io, status);
}

/* The first failure counts; whoever takes the last part away ends the transfer. */
static void part_end(struct kvmem_io *io, int status)
{
	if (status)
		cmpxchg(&io->status, 0, status);
	if (atomic_dec_and_test(&io->pending))
		io_end(io);
}

static int req_errno(struct kvmem_nvme_req *req)
{
	struct kvmem_nvme *ctrl = req->queue->ctrl;

	if (likely(!req->status))
		return 0;
	if (req->status == KVMEM_NVME_NO_DEVICE)
		return -ENODEV;
	if (req->status == KVMEM_NVME_CANCELLED || req->aborting)
		return -ETIMEDOUT;
	kvmem_nvme_count(ctrl, KVMEM_NVME_ERRORS);
	dev_warn_ratelimited(&ctrl->pdev->dev, "command %#x failed, status %#x\n",
			     req->cmd.common.opcode, req->status);
	return kvmem_nvme_errno(req->status);
}

static void req_end(struct kvmem_nvme_req *req)
{
	struct kvmem_io *io = req->owner;
	int status = req_errno(req);

	unmap(req);
	if (status == -EROFS && io->op != KVMEM_IO_READ)
		kvmem_dev_report(io->dev, KVMEM_DEV_READ_ONLY);
	part_end(io, status);
}

/* Doorbells ---------------------------------------------------------------------------- */

struct nvme_plug {
	struct blk_plug_cb cb;
	bool counted;
};

static void unplug(struct blk_plug_cb *cb, bool from_schedule)
{
	struct kvmem_nvme_queue *q = cb->data;

	kvmem_nvme_ring(q);
	kfree(container_of(cb, struct nvme_plug, cb));
	/* Lets the queue go, see kvmem_nvme_close(). */
	atomic_dec(&q->plugs);
}

static void ring(struct kvmem_nvme_queue *q, bool plug)
{
	struct nvme_plug *p = NULL;
	struct blk_plug_cb *cb;

	if (plug) {
		cb = blk_check_plugged(unplug, q, sizeof(*p));
		p = cb ? container_of(cb, struct nvme_plug, cb) : NULL;
	}
	if (!p) {
		kvmem_nvme_ring(q);
	} else if (!p->counted) {
		p->counted = true;
		atomic_inc(&q->plugs);
	}
}

/* Submission ----------------------------------------------------------------------------- */

static bool io_has_more(const struct kvmem_io *io)
{
	const struct nvme_io *nio = (const struct nvme_io *)io->backend;

	if (READ_ONCE(io->status))
		return false;
	if (nio->stage == IO_FLUSH_FIRST || io->op == KVMEM_IO_FLUSH)
		return !nio->sent;
	if (io->op == KVMEM_IO_DISCARD)
		return nio->trim.idx < io->nr_ranges;
	return nio->sent < io->len;
}

/*
 * A tag.  NULL: the transfer waits, and is not ours any more (@parked), or its
 * queue is dead.  What was sent is told before the transfer may be another's.
 */
static struct kvmem_nvme_req *io_get_req(struct kvmem_nvme_queue *q, struct kvmem_io *io,
					 bool *parked)
{
	struct kvmem_nvme_req *req;
	bool dead;

	*parked = false;
	req = kvmem_nvme_get_req(q, NULL, &dead);
	if (req || dead)
		return req;
	kvmem_nvme_ring(q);
	req = kvmem_nvme_get_req(q, &nvme_io(io)->node, &dead);
	*parked = !req && !dead;
	return req;
}

static void io_fail(struct kvmem_io *io, int status)
{
	cmpxchg(&io->status, 0, status);
}

/* True: there may be more. */
static bool io_send_one(struct kvmem_nvme_req *req, struct kvmem_io *io)
{
	int ret;

	req->owner = io;
	req->end = req_end;
	ret = build(req, io);
	if (!ret) {
		atomic_inc(&io->pending);
		ret = kvmem_nvme_send(req, msecs_to_jiffies(kvmem_nvme_io_timeout_ms));
		if (!ret)
			return true;
		unmap(req);
		atomic_dec(&io->pending);
	}
	kvmem_nvme_put_req(req);
	if (ret < 0)
		io_fail(io, ret);
	return false;
}

/*
 * Ours to cut; any context when @plug is false.  True: it has been cut, and the
 * caller ends his part; false: it waits, and is another's.
 */
static bool io_run(struct kvmem_nvme_queue *q, struct kvmem_io *io, bool plug)
{
	struct kvmem_nvme_req *req;
	bool parked;

	while (io_has_more(io)) {
		req = io_get_req(q, io, &parked);
		if (parked)
			return false;
		if (!req) {
			io_fail(io, -ENODEV);
			break;
		}
		if (!io_send_one(req, io))
			break;
	}
	ring(q, plug);
	return true;
}

void kvmem_nvme_io_continue(struct kvmem_nvme_queue *q, struct list_head *node)
{
	struct kvmem_io *io = io_of_node(node);

	if (io_run(q, io, false))
		part_end(io, 0);
}

void kvmem_nvme_io_cancel(struct list_head *node, int status)
{
	part_end(io_of_node(node), status);
}

static struct kvmem_nvme_queue *pick_queue(const struct kvmem_io *io)
{
	struct kvmem_nvme *ctrl = ns_of(io)->ctrl;
	unsigned int cpu = raw_smp_processor_id();

	if (io_polled(io) && ctrl->nr_poll)
		return &ctrl->queues[ctrl->first_poll + cpu % ctrl->nr_poll];
	return &ctrl->queues[ctrl->queue_of[cpu]];
}

void kvmem_nvme_submit(struct kvmem_dev *dev, struct kvmem_io *io)
{
	struct kvmem_nvme_ns *ns = dev->priv;
	bool flush_first = io->flags & KVMEM_IO_F_PREFLUSH && ns->geo.volatile_cache;
	struct kvmem_nvme_queue *q = pick_queue(io);

	io_begin_stage(io, flush_first ? IO_FLUSH_FIRST : IO_BODY);
	if (kvmem_nvme_park_behind(q, &nvme_io(io)->node))
		return;
	if (!io_run(q, io, !io_polled(io)))
		return;
	/* If it failed it may have had the tag that another waits for. */
	kvmem_nvme_feed(q);
	part_end(io, 0);
}

int kvmem_nvme_poll(struct kvmem_dev *dev)
{
	struct kvmem_nvme *ctrl = ((struct kvmem_nvme_ns *)dev->priv)->ctrl;
	unsigned int i, nr = 0;

	for (i = 0; i < ctrl->nr_poll; i++) {
		struct kvmem_nvme_queue *q = &ctrl->queues[ctrl->first_poll + i];

		if (READ_ONCE(q->nr_sent))
			nr += kvmem_nvme_queue_reap(q);
	}
	return nr;
}
