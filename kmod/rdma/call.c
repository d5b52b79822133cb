// SPDX-License-Identifier: GPL-2.0
/*
 * The asking side: calls become capsules, and answers their results.
 *
 * A slot is a call that is under way.  It ends when three things have happened: its SEND
 * has completed, its answer has come, and no key of its memory is valid any more.  On a
 * connection that died none of them can happen any more, and the slot ends
 * when the queues are empty.
 */
#include <linux/slab.h>
#include "rdma/expose.h"

/* What a slot waits for */
#define SLOT_SEND	BIT(0)
#define SLOT_ANSWER	BIT(1)
#define SLOT_INVALID	BIT(2)

/* A slot's id on the wire: its index, and a generation above. */
#define SLOT_INDEX_BITS	8
/* An answer that comes while its request is being posted waits so long for that. */
#define SLOT_OUT_MS	1000U

static_assert(KVMEM_RDMA_DEPTH <= 1 << SLOT_INDEX_BITS);

/**
 * struct kvmem_slot - a call under way
 * @conn: its connection
 * @call: NULL: free; under conn->lock
 * @id: on the wire
 * @needs: SLOT_*, under conn->lock
 * @deadline: jiffies
 * @tx: the capsule
 * @posted: entries of the send queue that the SEND and what is in front of it take
 * @inv_cqe: for the last invalidation, with
 * @inv_posted: entries that they take
 * @exp: memory
 * @out: the capsule, and what exposes its memory, is in the send queue
 * @answered: the call's status is the peer's, else -ECONNRESET
 */
struct kvmem_slot {
	struct kvmem_conn *conn;
	struct kvmem_call *call;
	u32 id;
	u8 needs;
	unsigned long deadline;
	struct kvmem_capsule tx;
	unsigned int posted;
	struct ib_cqe inv_cqe;
	unsigned int inv_posted;
	struct kvmem_exposed exp;
	bool out;
	bool answered;
};

int kvmem_slots_init(struct kvmem_conn *conn)
{
	unsigned int i;
	int ret = 0;

	conn->slots = kcalloc(KVMEM_RDMA_DEPTH, sizeof(*conn->slots), GFP_KERNEL);
	if (!conn->slots)
		return -ENOMEM;
	for (i = 0; !ret && i < KVMEM_RDMA_DEPTH; i++) {
		conn->slots[i].conn = conn;
		conn->slots[i].id = i;
		ret = kvmem_capsule_init(conn, &conn->slots[i].tx, DMA_TO_DEVICE);
	}
	return ret;
}

void kvmem_slots_exit(struct kvmem_conn *conn)
{
	unsigned int i;

	for (i = 0; conn->slots && i < KVMEM_RDMA_DEPTH; i++)
		kvmem_capsule_exit(&conn->slots[i].tx, DMA_TO_DEVICE);
	kfree(conn->slots);
	conn->slots = NULL;
}

/* The end of a call -------------------------------------------------------- */

/* Also for one whose capsule never went out: then the credit comes back. */
static struct kvmem_call *slot_free(struct kvmem_slot *slot, bool unsent)
{
	struct kvmem_conn *conn = slot->conn;
	struct kvmem_call *call;

	spin_lock(&conn->lock);
	call = slot->call;
	slot->call = NULL;
	slot->id += 1U << SLOT_INDEX_BITS;
	conn->busy--;
	conn->credits += unsent;
	spin_unlock(&conn->lock);
	return call;
}

static void slot_finish(struct kvmem_slot *slot)
{
	struct kvmem_conn *conn = slot->conn;
	bool answered = slot->answered;
	struct kvmem_call *call;

	kvmem_unexpose(conn, &slot->exp);
	call = slot_free(slot, false);
	if (!answered)
		call->status = time_after(jiffies, slot->deadline) ? -ETIMEDOUT : -ECONNRESET;
	else if (!call->status)
		kvmem_rail_moved(conn->rail, call->type == KVMEM_CALL_GET ? call->size : 0,
				 call->type == KVMEM_CALL_PUT ? call->len : 0);
	call->done(call);
}

/* Something of what it waits for has happened. */
static void slot_had(struct kvmem_slot *slot, u8 what)
{
	bool finish;

	spin_lock(&slot->conn->lock);
	finish = slot->needs & what && !(slot->needs & ~what);
	slot->needs &= ~what;
	spin_unlock(&slot->conn->lock);
	if (finish)
		slot_finish(slot);
}

void kvmem_slots_fail(struct kvmem_conn *conn)
{
	unsigned int i;

	for (i = 0; i < KVMEM_RDMA_DEPTH; i++)
		slot_had(&conn->slots[i], SLOT_SEND | SLOT_ANSWER | SLOT_INVALID);
}

static void slot_sent(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kvmem_slot *slot = container_of(wc->wr_cqe, struct kvmem_slot, tx.cqe);

	kvmem_conn_posted(slot->conn, slot->posted);
	/* What is in flight then ends with the connection. */
	if (!kvmem_conn_wc_failed(slot->conn, wc))
		slot_had(slot, SLOT_SEND);
}

static void slot_invalidated(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kvmem_slot *slot = container_of(wc->wr_cqe, struct kvmem_slot, inv_cqe);

	kvmem_conn_posted(slot->conn, slot->inv_posted);
	if (!kvmem_conn_wc_failed(slot->conn, wc))
		slot_had(slot, SLOT_INVALID);
}

/* Answers ------------------------------------------------------------------ */

/* Does it answer what was asked?  A peer that lies about that is not worth a connection. */
static bool slot_answer_fits(const struct kvmem_call *call, const struct kvmem_wire_hdr *hdr,
			     const struct kvmem_wire_result *result)
{
	u32 size = le32_to_cpu(result->size);

	if (le16_to_cpu(hdr->nr) != 1)
		return false;
	if (call->type == KVMEM_CALL_GET && result->status == cpu_to_le32(KVMEM_WIRE_OK))
		return size && (!call->len || size <= call->len);
	if (call->type == KVMEM_CALL_EXISTS && call->nr_keys < 64)
		return !(le64_to_cpu(result->found) >> call->nr_keys);
	return true;
}

static void slot_take(struct kvmem_slot *slot, const struct kvmem_wire_result *result)
{
	struct kvmem_call *call = slot->call;

	call->status = kvmem_wire_to_errno(le32_to_cpu(result->status));
	call->found = le64_to_cpu(result->found);
	if (call->type == KVMEM_CALL_GET) {
		call->size = le32_to_cpu(result->size);
		call->crc = le32_to_cpu(result->crc);
		call->cost = le32_to_cpu(result->cost);
		call->ttl_ms = le32_to_cpu(result->ttl_ms);
		call->hint_class = result->hint_class;
		call->priority = result->priority;
	}
	slot->answered = true;
}

/* Keys that the answer has not made invalid.  False: it made another one so. */
static bool slot_invalidate(struct kvmem_slot *slot, const struct ib_wc *wc)
{
	struct kvmem_exposed *exp = &slot->exp;
	bool first = wc->wc_flags & IB_WC_WITH_INVALIDATE;
	struct ib_send_wr *wr;

	if (first && (!exp->nr || exp->regions[0].mr->rkey != wc->ex.invalidate_rkey))
		return false;
	/* Room for it was taken with that of the SEND; the first needs none. */
	if (first)
		kvmem_conn_posted(slot->conn, 1);
	slot->inv_cqe.done = slot_invalidated;
	wr = kvmem_unexpose_wrs(exp, first, &slot->inv_cqe);
	if (!wr)
		return true;
	slot->inv_posted = exp->nr - first;
	spin_lock(&slot->conn->lock);
	slot->needs |= SLOT_INVALID;
	spin_unlock(&slot->conn->lock);
	return !kvmem_conn_post(slot->conn, wr, 0);
}

/* The slot that the answer is for, if it waits for one. */
static struct kvmem_slot *slot_find(struct kvmem_conn *conn, u32 id)
{
	unsigned int index = id & ((1U << SLOT_INDEX_BITS) - 1);
	struct kvmem_slot *slot;
	bool ok;

	if (index >= KVMEM_RDMA_DEPTH)
		return NULL;
	slot = &conn->slots[index];
	spin_lock(&conn->lock);
	ok = slot->call && slot->id == id && slot->needs & SLOT_ANSWER && !slot->answered;
	spin_unlock(&conn->lock);
	return ok ? slot : NULL;
}

/*
 * The same, once its request is in the send queue: what makes its memory private again
 * must stand behind what exposes it.  A peer that guesses an id waits for that.
 */
static struct kvmem_slot *slot_find_out(struct kvmem_conn *conn, u32 id)
{
	struct kvmem_slot *slot = slot_find(conn, id);

	/* Pairs with the release in slot_went_out(). */
	if (!slot || smp_load_acquire(&slot->out))
		return slot;
	if (!wait_event_timeout(conn->wait, smp_load_acquire(&slot->out),
				msecs_to_jiffies(SLOT_OUT_MS)))
		return NULL;
	/* It may be another one's by now. */
	return slot_find(conn, id);
}

void kvmem_slots_result(struct kvmem_conn *conn, const void *buf, const struct ib_wc *wc)
{
	const struct kvmem_wire_result *result = kvmem_wire_body(buf);
	const struct kvmem_wire_hdr *hdr = buf;
	struct kvmem_slot *slot = slot_find_out(conn, le32_to_cpu(hdr->id));

	if (!slot || !slot_answer_fits(slot->call, hdr, result)) {
		kvmem_rail_bad(conn->rail);
		kvmem_conn_fail(conn, "an answer to something else");
		return;
	}
	spin_lock(&conn->lock);
	conn->credits = min_t(unsigned int, conn->credits + le16_to_cpu(hdr->credits),
			      KVMEM_RDMA_DEPTH);
	spin_unlock(&conn->lock);
	slot_take(slot, result);
	if (!slot_invalidate(slot, wc)) {
		/* It ends with the connection. */
		slot->answered = false;
		kvmem_conn_fail(conn, "memory cannot be made private again");
		return;
	}
	slot_had(slot, SLOT_ANSWER);
}

/* Requests ----------------------------------------------------------------- */

static const u8 wire_types[KVMEM_CALL_NR] = {
	[KVMEM_CALL_GET]	= KVMEM_WIRE_GET,
	[KVMEM_CALL_PUT]	= KVMEM_WIRE_PUT,
	[KVMEM_CALL_DELETE]	= KVMEM_WIRE_DELETE,
	[KVMEM_CALL_EXISTS]	= KVMEM_WIRE_EXISTS,
};

static u32 slot_write_keys(void *at, const struct kvmem_call *call)
{
	memcpy(at, call->keys, call->nr_keys * sizeof(struct kvmem_wire_key));
	return call->nr_keys * sizeof(struct kvmem_wire_key);
}

static u32 slot_write_op(struct kvmem_slot *slot, void *at, const struct kvmem_call *call)
{
	struct kvmem_wire_op *op = at;

	memset(op, 0, sizeof(*op));
	memcpy(op->key, call->keys, sizeof(op->key));
	op->len = cpu_to_le32(call->len);
	op->segs = cpu_to_le16(slot->exp.nr);
	if (call->type == KVMEM_CALL_PUT) {
		op->crc = cpu_to_le32(call->crc);
		op->hint_class = call->hint_class;
		op->priority = call->priority;
		op->ttl_ms = cpu_to_le32(call->ttl_ms);
		op->cost = cpu_to_le32(call->cost);
	}
	kvmem_expose_segs(&slot->exp, at + sizeof(*op));
	return sizeof(*op) + slot->exp.nr * sizeof(struct kvmem_wire_seg);
}

static u32 slot_write(struct kvmem_slot *slot, const struct kvmem_call *call)
{
	struct kvmem_wire_request *req = slot->tx.buf + sizeof(struct kvmem_wire_hdr);
	bool keys = call->type == KVMEM_CALL_EXISTS;
	void *at = req + 1;

	kvmem_wire_begin(slot->tx.buf, wire_types[call->type], slot->id);
	memset(req, 0, sizeof(*req));
	strscpy((char *)req->name, call->ns_name, sizeof(req->name));
	memcpy(req->fingerprint, call->fingerprint, sizeof(req->fingerprint));
	req->timeout_ms = cpu_to_le32(call->timeout_ms);
	at += keys ? slot_write_keys(at, call) : slot_write_op(slot, at, call);
	return kvmem_wire_end(slot->tx.buf, keys ? call->nr_keys : 1, 0, at - slot->tx.buf);
}

static void slot_went_out(struct kvmem_slot *slot)
{
	/* Pairs with slot_find_out(): the memory's regions are settled. */
	smp_store_release(&slot->out, true);
	if (wq_has_sleeper(&slot->conn->wait))
		wake_up_all(&slot->conn->wait);
}

static int slot_send(struct kvmem_slot *slot, const struct kvmem_call *call)
{
	struct ib_send_wr wr;
	struct ib_sge sge;

	slot->tx.cqe.done = slot_sent;
	kvmem_capsule_wr(&slot->tx, slot_write(slot, call), &sge, &wr);
	slot->posted = 1 + slot->exp.nr;
	/* And room for what makes its memory private again. */
	return kvmem_conn_post(slot->conn, kvmem_expose_wrs(&slot->exp, &wr),
			       slot->posted + slot->exp.nr);
}

/* A slot and a credit.  Whoever is first tells the clock. */
static struct kvmem_slot *slot_get(struct kvmem_conn *conn, struct kvmem_call *call,
				   bool *first)
{
	struct kvmem_slot *slot = NULL;
	unsigned int i;

	spin_lock(&conn->lock);
	if (conn->state == KVMEM_CONN_UP && conn->credits) {
		for (i = 0; !slot && i < KVMEM_RDMA_DEPTH; i++)
			if (!conn->slots[i].call)
				slot = &conn->slots[i];
	}
	if (slot) {
		slot->call = call;
		slot->needs = SLOT_SEND | SLOT_ANSWER;
		slot->answered = false;
		slot->out = false;
		slot->deadline = jiffies + msecs_to_jiffies(call->timeout_ms);
		conn->credits--;
		*first = !conn->busy++;
		/* The end waits: what it would do to the slot is ours until it is posted. */
		atomic_inc(&conn->posting);
	}
	spin_unlock(&conn->lock);
	return slot;
}

int kvmem_slots_submit(struct kvmem_conn *conn, struct kvmem_call *call)
{
	struct kvmem_slot *slot;
	bool first;
	int ret;

	slot = slot_get(conn, call, &first);
	if (!slot)
		return kvmem_conn_state(conn) == KVMEM_CONN_UP ? -EAGAIN : -ENOTCONN;
	ret = kvmem_expose(conn, &slot->exp, call);
	if (!ret) {
		ret = slot_send(slot, call);
		/* Begun, in part: it ends with the connection. */
		if (ret == -EIO)
			ret = 0;
		if (ret)
			kvmem_unexpose(conn, &slot->exp);
		else
			slot_went_out(slot);
	}
	if (ret) {
		slot->needs = 0;
		slot_free(slot, true);
	} else if (first) {
		kvmem_alive_soon(conn);
	}
	kvmem_conn_leave(conn);
	return ret;
}

unsigned int kvmem_slots_busy(struct kvmem_conn *conn)
{
	return READ_ONCE(conn->busy);
}

bool kvmem_slots_overdue(struct kvmem_conn *conn)
{
	bool overdue = false;
	unsigned int i;

	spin_lock(&conn->lock);
	for (i = 0; !overdue && i < KVMEM_RDMA_DEPTH; i++)
		overdue = conn->slots[i].call && time_after(jiffies, conn->slots[i].deadline);
	spin_unlock(&conn->lock);
	return overdue;
}
