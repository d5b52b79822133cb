// SPDX-License-Identifier: GPL-2.0
/*
 * The serving side: requests are answered by workers, which may wait for a device.
 *
 * The bytes of a GET go out in front of its answer, on the same queue, so who hears the
 * answer has them.  If they cannot, the queue fails, and the answer never comes.
 */
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include "rdma/rdma.h"

#define SERVE_NR	(2 * KVMEM_RDMA_DEPTH)
/* What moves its bytes has ended by then, or the connection is ended. */
#define SERVE_MOVE_MS	10000U
/* So long after its deadline a request is answered, and the answer taken. */
#define SERVE_STUCK_MS	10000U

/**
 * struct kvmem_move - a run of the peer's memory, and what of the block goes there
 * @node: in req->moves
 * @req: whose
 * @ctx: the core's
 * @cqe: of its last entry
 * @nr_wrs: entries of the send queue
 * @dir: TO_DEVICE: RDMA WRITE
 * @nr_sg: entries of @sg
 * @sg: memory of the block
 */
struct kvmem_move {
	struct list_head node;
	struct kvmem_request *req;
	struct rdma_rw_ctx ctx;
	struct ib_cqe cqe;
	unsigned int nr_wrs;
	enum dma_data_direction dir;
	unsigned int nr_sg;
	struct scatterlist sg[];
};

/**
 * struct kvmem_request - a request at work
 * @conn: its connection
 * @busy: taken; under conn->lock
 * @rx: what came; given back before the answer goes
 * @tx: the answer
 * @work: does it
 * @deadline: jiffies
 * @serve: the entry at work; of a GET, until the answer has gone
 * @open: kvmem_serve_get_end() is due
 * @moves: struct kvmem_move, until nothing touches the block any more
 * @moving: of these, under way
 * @failed: one of them has
 */
struct kvmem_request {
	struct kvmem_conn *conn;
	bool busy;
	struct kvmem_capsule *rx;
	struct kvmem_capsule tx;
	struct work_struct work;
	unsigned long deadline;
	struct kvmem_serve serve;
	bool open;
	struct list_head moves;
	atomic_t moving;
	bool failed;
};

/* Moving bytes ------------------------------------------------------------- */

static void move_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kvmem_move *move = container_of(wc->wr_cqe, struct kvmem_move, cqe);
	struct kvmem_request *req = move->req;
	struct kvmem_conn *conn = req->conn;

	kvmem_conn_posted(conn, move->nr_wrs);
	if (kvmem_conn_wc_failed(conn, wc))
		WRITE_ONCE(req->failed, true);
	/* After the flag; who waits may free the move. */
	smp_mb__before_atomic();
	if (atomic_dec_and_test(&req->moving))
		wake_up_all(&conn->wait);
}

static void moves_free(struct kvmem_request *req)
{
	struct kvmem_conn *conn = req->conn;
	struct kvmem_move *move, *next;

	list_for_each_entry_safe(move, next, &req->moves, node) {
		list_del(&move->node);
		rdma_rw_ctx_destroy(&move->ctx, conn->qp, conn->cm->port_num, move->sg,
				    move->nr_sg, move->dir);
		kfree(move);
	}
}

/* @len bytes from @off of the block's memory */
static int move_table(struct kvmem_move *move, const struct kvmem_serve *serve, size_t off,
		      size_t len)
{
	unsigned int i;
	size_t part;

	sg_init_table(move->sg, serve->nr_bvecs);
	for (i = 0; len && i < serve->nr_bvecs; i++) {
		const struct bio_vec *bv = &serve->bvecs[i];

		if (off >= bv->bv_len) {
			off -= bv->bv_len;
			continue;
		}
		part = min_t(size_t, bv->bv_len - off, len);
		sg_set_page(&move->sg[move->nr_sg++], bv->bv_page, part, bv->bv_offset + off);
		off = 0;
		len -= part;
	}
	if (len || !move->nr_sg)
		return -EINVAL;
	sg_mark_end(&move->sg[move->nr_sg - 1]);
	return 0;
}

static int move_post(struct kvmem_request *req, struct kvmem_move *move)
{
	struct kvmem_conn *conn = req->conn;
	struct ib_send_wr *wr;
	int ret;

	wr = rdma_rw_ctx_wrs(&move->ctx, conn->qp, conn->cm->port_num, &move->cqe, NULL);
	atomic_inc(&req->moving);
	ret = kvmem_conn_post_wait(conn, wr, move->nr_wrs);
	/* Posted in part: it has ended when the queues are empty. */
	if (ret && ret != -EIO)
		atomic_dec(&req->moving);
	return ret;
}

/* One run: @seg, which begins at @off in the block. */
static int move_start(struct kvmem_request *req, const struct kvmem_wire_seg *seg, size_t off,
		      size_t len, enum dma_data_direction dir)
{
	const struct kvmem_serve *serve = &req->serve;
	struct kvmem_conn *conn = req->conn;
	struct kvmem_move *move;
	int ret;

	move = kzalloc(struct_size(move, sg, serve->nr_bvecs), GFP_KERNEL);
	if (!move)
		return -ENOMEM;
	move->req = req;
	move->dir = dir;
	move->cqe.done = move_done;
	ret = move_table(move, serve, off, len);
	if (!ret)
		ret = rdma_rw_ctx_init(&move->ctx, conn->qp, conn->cm->port_num, move->sg,
				       move->nr_sg, 0, le64_to_cpu(seg->addr),
				       le32_to_cpu(seg->rkey), dir);
	if (ret < 0) {
		kfree(move);
		return ret;
	}
	move->nr_wrs = ret;
	list_add_tail(&move->node, &req->moves);
	return move_post(req, move);
}

/* The first @size bytes of the block to, or from, runs that are at least as long. */
static int moves_start(struct kvmem_request *req, const struct kvmem_wire_seg *segs,
		       size_t size, enum dma_data_direction dir)
{
	size_t off = 0, len;
	int ret = 0;

	for (; !ret && off < size; segs++, off += len) {
		len = min_t(size_t, le32_to_cpu(segs->len), size - off);
		ret = move_start(req, segs, off, len, dir);
	}
	return ret;
}

static bool moves_ended(const struct kvmem_request *req)
{
	return !atomic_read(&req->moving) || READ_ONCE(req->conn->drained);
}

/* Until no device touches the block any more. */
static int moves_wait(struct kvmem_request *req)
{
	struct kvmem_conn *conn = req->conn;

	if (!wait_event_timeout(conn->wait, moves_ended(req), msecs_to_jiffies(SERVE_MOVE_MS))) {
		kvmem_conn_fail(conn, "a transfer does not end");
		/* The end of the connection empties its queues first. */
		wait_event(conn->wait, moves_ended(req));
	}
	if (atomic_read(&req->moving) || READ_ONCE(req->failed))
		return -EIO;
	return 0;
}

/* Entries ------------------------------------------------------------------ */

static bool request_late(const struct kvmem_request *req)
{
	return time_after(jiffies, req->deadline);
}

static void serve_begin(struct kvmem_request *req, const struct kvmem_wire_op *op)
{
	const struct kvmem_wire_request *head = kvmem_wire_body(req->rx->buf);

	req->serve = (struct kvmem_serve) {
		.node = req->conn->node,
		.ns_name = (const char *)head->name,
		.fingerprint = head->fingerprint,
		.size = le32_to_cpu(op->len),
		.crc = le32_to_cpu(op->crc),
		.hint_class = op->hint_class,
		.priority = op->priority,
		.ttl_ms = le32_to_cpu(op->ttl_ms),
		.cost = le32_to_cpu(op->cost),
	};
	memcpy(&req->serve.key, op->key, sizeof(req->serve.key));
}

static void serve_tell(const struct kvmem_serve *serve, struct kvmem_wire_result *result)
{
	result->size = cpu_to_le32(serve->size);
	result->crc = cpu_to_le32(serve->crc);
	result->cost = cpu_to_le32(serve->cost);
	result->ttl_ms = cpu_to_le32(serve->ttl_ms);
	result->hint_class = serve->hint_class;
	result->priority = serve->priority;
}

/* The bytes have gone, or will never. */
static void get_end(struct kvmem_request *req, bool sent)
{
	moves_free(req);
	if (req->open)
		kvmem_serve_get_end(&req->serve, sent);
	req->open = false;
}

/* With @last the bytes may be on their way still when the answer follows them. */
static int serve_get(struct kvmem_request *req, const struct kvmem_wire_op *op,
		     const struct kvmem_wire_seg *segs, struct kvmem_wire_result *result,
		     bool last)
{
	u32 room = le32_to_cpu(op->len);
	int ret;

	ret = kvmem_serve_get(&req->serve, room ?: KVMEM_MAX_BLOCK);
	if (ret == -EMSGSIZE)
		serve_tell(&req->serve, result);
	if (ret)
		return ret;
	req->open = true;
	serve_tell(&req->serve, result);
	if (request_late(req))
		ret = -ETIMEDOUT;
	else if (room)
		ret = moves_start(req, segs, req->serve.size, DMA_TO_DEVICE);
	if (!ret && last)
		return 0;
	ret = moves_wait(req) ?: ret;
	get_end(req, !ret && room);
	return ret;
}

static int serve_put(struct kvmem_request *req, const struct kvmem_wire_seg *segs)
{
	int ret = kvmem_serve_put(&req->serve);

	if (ret)
		return ret;
	ret = moves_start(req, segs, req->serve.size, DMA_FROM_DEVICE);
	ret = moves_wait(req) ?: ret;
	/* The device's writes are the CPU's to see only after this. */
	moves_free(req);
	return kvmem_serve_put_end(&req->serve, ret);
}

static int serve_entry(struct kvmem_request *req, const struct kvmem_wire_op *op,
		       const struct kvmem_wire_seg *segs, struct kvmem_wire_result *result,
		       bool last)
{
	const struct kvmem_wire_hdr *hdr = req->rx->buf;

	serve_begin(req, op);
	if (request_late(req))
		return -ETIMEDOUT;
	switch (hdr->type) {
	case KVMEM_WIRE_GET:
		return serve_get(req, op, segs, result, last);
	case KVMEM_WIRE_PUT:
		return serve_put(req, segs);
	default:
		return kvmem_serve_delete(&req->serve);
	}
}

static void serve_entries(struct kvmem_request *req, unsigned int nr,
			  struct kvmem_wire_result *result)
{
	const struct kvmem_wire_op *op = kvmem_wire_ops(req->rx->buf);
	const struct kvmem_wire_seg *segs = kvmem_wire_segs(req->rx->buf);
	unsigned int i;
	int ret;

	for (i = 0; i < nr; i++) {
		ret = serve_entry(req, &op[i], segs, &result[i], i == nr - 1);
		result[i].status = cpu_to_le32(kvmem_wire_from_errno(ret));
		segs += le16_to_cpu(op[i].segs);
	}
}

static void serve_exists(struct kvmem_request *req, unsigned int nr,
			 struct kvmem_wire_result *result)
{
	const struct kvmem_wire_op none = {};
	u64 found = 0;
	int ret;

	static_assert(sizeof(struct kvmem_key) == sizeof(struct kvmem_wire_key));
	serve_begin(req, &none);
	ret = kvmem_serve_exists(&req->serve, (const void *)kvmem_wire_keys(req->rx->buf), nr,
				 &found);
	result->status = cpu_to_le32(kvmem_wire_from_errno(ret));
	result->found = cpu_to_le64(found);
}

/* Answers ------------------------------------------------------------------ */

static void request_free(struct kvmem_request *req)
{
	struct kvmem_conn *conn = req->conn;

	spin_lock(&conn->lock);
	req->busy = false;
	spin_unlock(&conn->lock);
}

static void answer_sent(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kvmem_request *req = container_of(wc->wr_cqe, struct kvmem_request, tx.cqe);
	struct kvmem_conn *conn = req->conn;
	bool failed = kvmem_conn_wc_failed(conn, wc);

	kvmem_conn_posted(conn, 1);
	/* What was in front of it has completed before. */
	get_end(req, !failed && !READ_ONCE(req->failed));
	request_free(req);
}

/* The key that the answer makes invalid; 0: none. */
static u32 request_rkey(const struct kvmem_request *req)
{
	const struct kvmem_wire_hdr *hdr = req->rx->buf;

	if (hdr->type != KVMEM_WIRE_GET && hdr->type != KVMEM_WIRE_PUT)
		return 0;
	/* Of the first entry, which may have none. */
	return kvmem_wire_ops(req->rx->buf)->segs ?
	       le32_to_cpu(kvmem_wire_segs(req->rx->buf)->rkey) : 0;
}

static int answer_post(struct kvmem_request *req, u32 len, u32 rkey)
{
	struct ib_send_wr wr;
	struct ib_sge sge;

	req->tx.cqe.done = answer_sent;
	kvmem_capsule_wr(&req->tx, len, &sge, &wr);
	if (rkey) {
		wr.opcode = IB_WR_SEND_WITH_INV;
		wr.ex.invalidate_rkey = rkey;
	}
	return kvmem_conn_post_wait(req->conn, &wr, 1);
}

/* The receive is back, and the credit given, before the other side can know. */
static void request_answer(struct kvmem_request *req, unsigned int nr)
{
	struct kvmem_conn *conn = req->conn;
	u32 rkey = request_rkey(req), len;

	len = kvmem_wire_end(req->tx.buf, nr, 1, sizeof(struct kvmem_wire_hdr) +
			     nr * sizeof(struct kvmem_wire_result));
	if (kvmem_conn_post_rx(conn, req->rx))
		kvmem_conn_fail(conn, "posting a receive failed");
	spin_lock(&conn->lock);
	conn->credits++;
	spin_unlock(&conn->lock);
	if (!answer_post(req, len, rkey))
		return;
	kvmem_conn_fail(conn, "an answer cannot be sent");
	moves_wait(req);
	get_end(req, false);
	request_free(req);
}

static void request_work(struct work_struct *work)
{
	struct kvmem_request *req = container_of(work, struct kvmem_request, work);
	const struct kvmem_wire_hdr *hdr = req->rx->buf;
	struct kvmem_wire_result *result = req->tx.buf + sizeof(*hdr);
	unsigned int nr = le16_to_cpu(hdr->nr);

	kvmem_wire_begin(req->tx.buf, KVMEM_WIRE_RESULT, le32_to_cpu(hdr->id));
	if (hdr->type == KVMEM_WIRE_EXISTS) {
		memset(result, 0, sizeof(*result));
		serve_exists(req, nr, result);
		nr = 1;
	} else {
		memset(result, 0, nr * sizeof(*result));
		serve_entries(req, nr, result);
	}
	request_answer(req, nr);
}

void kvmem_requests_start(struct kvmem_conn *conn, struct kvmem_capsule *rx)
{
	const struct kvmem_wire_request *head = kvmem_wire_body(rx->buf);
	struct kvmem_request *req = NULL;
	unsigned int i;

	spin_lock(&conn->lock);
	for (i = 0; !req && i < SERVE_NR; i++)
		if (!conn->requests[i].busy)
			req = &conn->requests[i];
	if (req) {
		req->busy = true;
		req->deadline = jiffies + msecs_to_jiffies(le32_to_cpu(head->timeout_ms));
	}
	spin_unlock(&conn->lock);
	/* Credits bound them, so the device does not complete what it has sent. */
	if (!req) {
		kvmem_conn_fail(conn, "answers do not complete");
		return;
	}
	req->rx = rx;
	req->failed = false;
	queue_work(kvmem_rdma_serve_wq, &req->work);
}

bool kvmem_requests_stuck(struct kvmem_conn *conn)
{
	unsigned long late = msecs_to_jiffies(SERVE_STUCK_MS);
	bool stuck = false;
	unsigned int i;

	spin_lock(&conn->lock);
	for (i = 0; !stuck && i < SERVE_NR; i++)
		stuck = conn->requests[i].busy &&
			time_after(jiffies, conn->requests[i].deadline + late);
	spin_unlock(&conn->lock);
	return stuck;
}

/* Life --------------------------------------------------------------------- */

int kvmem_requests_init(struct kvmem_conn *conn)
{
	unsigned int i;
	int ret = 0;

	conn->requests = kcalloc(SERVE_NR, sizeof(*conn->requests), GFP_KERNEL);
	if (!conn->requests)
		return -ENOMEM;
	for (i = 0; i < SERVE_NR; i++) {
		struct kvmem_request *req = &conn->requests[i];

		req->conn = conn;
		INIT_LIST_HEAD(&req->moves);
		INIT_WORK(&req->work, request_work);
	}
	for (i = 0; !ret && i < SERVE_NR; i++)
		ret = kvmem_capsule_init(conn, &conn->requests[i].tx, DMA_TO_DEVICE);
	return ret;
}

/* Those whose answer was posted have ended with its completion. */
void kvmem_requests_end(struct kvmem_conn *conn)
{
	unsigned int i;

	for (i = 0; i < SERVE_NR; i++)
		flush_work(&conn->requests[i].work);
	for (i = 0; i < SERVE_NR; i++)
		WARN_ON_ONCE(conn->requests[i].busy);
}

void kvmem_requests_exit(struct kvmem_conn *conn)
{
	unsigned int i;

	for (i = 0; conn->requests && i < SERVE_NR; i++)
		kvmem_capsule_exit(&conn->requests[i].tx, DMA_TO_DEVICE);
	kfree(conn->requests);
	conn->requests = NULL;
}
