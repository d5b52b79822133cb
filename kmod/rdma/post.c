// SPDX-License-Identifier: GPL-2.0
/*
 * What a connection posts, and what completes.
 *
 * Receives are there for all that the other side may send: so many requests as it was
 * given credits, or so many answers as we asked for, and a few for the rest.  So a
 * receiver is always ready.  Completions are handled in a worker of the core's.
 */
#include <linux/slab.h>
#include "rdma/rdma.h"

/* Longest wait for room in the send queue */
#define POST_WAIT_MS	5000U

/* Posting ------------------------------------------------------------------ */

/* True: the caller may post, and says so when he has. */
static bool post_enter(struct kvmem_conn *conn, unsigned int nr, int *err)
{
	spin_lock(&conn->lock);
	if (conn->state < KVMEM_CONN_SHAKING || conn->state == KVMEM_CONN_DEAD)
		*err = -ENOTCONN;
	else
		*err = conn->sq_free < nr ? -EAGAIN : 0;
	if (!*err) {
		conn->sq_free -= nr;
		/* Under the lock, so whoever sets the state sees it. */
		atomic_inc(&conn->posting);
	}
	spin_unlock(&conn->lock);
	return !*err;
}

void kvmem_conn_leave(struct kvmem_conn *conn)
{
	if (atomic_dec_and_test(&conn->posting))
		wake_up_all(&conn->wait);
}

void kvmem_conn_posted(struct kvmem_conn *conn, unsigned int nr)
{
	spin_lock(&conn->lock);
	conn->sq_free += nr;
	spin_unlock(&conn->lock);
	wake_up_all(&conn->wait);
}

int kvmem_conn_post(struct kvmem_conn *conn, struct ib_send_wr *wr, unsigned int nr)
{
	int ret;

	if (!post_enter(conn, nr, &ret))
		return ret;
	ret = ib_post_send(conn->qp, wr, NULL);
	kvmem_conn_leave(conn);
	if (!ret)
		return 0;
	/* Some of a list may have been posted: what it was for is known at the end. */
	kvmem_conn_fail(conn, "posting failed");
	return -EIO;
}

/* Or never will */
static bool post_may_go(const struct kvmem_conn *conn, unsigned int nr)
{
	return READ_ONCE(conn->sq_free) >= nr || kvmem_conn_state(conn) == KVMEM_CONN_DEAD;
}

int kvmem_conn_post_wait(struct kvmem_conn *conn, struct ib_send_wr *wr, unsigned int nr)
{
	int ret = kvmem_conn_post(conn, wr, nr);

	if (ret != -EAGAIN)
		return ret;
	wait_event_timeout(conn->wait, post_may_go(conn, nr), msecs_to_jiffies(POST_WAIT_MS));
	ret = kvmem_conn_post(conn, wr, nr);
	if (ret == -EAGAIN)
		kvmem_conn_fail(conn, "the send queue does not move");
	return ret;
}

bool kvmem_conn_wc_failed(struct kvmem_conn *conn, const struct ib_wc *wc)
{
	if (likely(wc->status == IB_WC_SUCCESS))
		return false;
	if (wc->status != IB_WC_WR_FLUSH_ERR)
		pr_warn_ratelimited("node %u: %s\n", conn->node, ib_wc_status_msg(wc->status));
	kvmem_conn_fail(conn, ib_wc_status_msg(wc->status));
	return true;
}

/* Capsules ----------------------------------------------------------------- */

int kvmem_capsule_init(struct kvmem_conn *conn, struct kvmem_capsule *capsule,
		       enum dma_data_direction dir)
{
	struct ib_device *dev = conn->cm->device;

	static_assert(KVMEM_WIRE_MAX <= PAGE_SIZE);
	capsule->conn = conn;
	capsule->buf = (void *)__get_free_page(GFP_KERNEL | __GFP_ZERO);
	if (!capsule->buf)
		return -ENOMEM;
	capsule->dma = ib_dma_map_single(dev, capsule->buf, KVMEM_WIRE_MAX, dir);
	if (!ib_dma_mapping_error(dev, capsule->dma))
		return 0;
	free_page((unsigned long)capsule->buf);
	capsule->buf = NULL;
	return -ENOMEM;
}

void kvmem_capsule_exit(struct kvmem_capsule *capsule, enum dma_data_direction dir)
{
	if (!capsule->buf)
		return;
	ib_dma_unmap_single(capsule->conn->cm->device, capsule->dma, KVMEM_WIRE_MAX, dir);
	free_page((unsigned long)capsule->buf);
	capsule->buf = NULL;
}

void kvmem_capsule_to_device(struct kvmem_capsule *capsule, u32 len)
{
	ib_dma_sync_single_for_device(capsule->conn->cm->device, capsule->dma, len,
				      DMA_TO_DEVICE);
}

void kvmem_capsule_wr(struct kvmem_capsule *capsule, u32 len, struct ib_sge *sge,
		      struct ib_send_wr *wr)
{
	kvmem_capsule_to_device(capsule, len);
	*sge = (struct ib_sge) {
		.addr = capsule->dma,
		.length = len,
		.lkey = capsule->conn->pd->local_dma_lkey,
	};
	*wr = (struct ib_send_wr) {
		.wr_cqe = &capsule->cqe,
		.sg_list = sge,
		.num_sge = 1,
		.opcode = IB_WR_SEND,
		.send_flags = IB_SEND_SIGNALED,
	};
}

/* Control capsules --------------------------------------------------------- */

static void ctl_put(struct kvmem_capsule *ctl)
{
	struct kvmem_conn *conn = ctl->conn;

	spin_lock(&conn->lock);
	ctl->busy = false;
	spin_unlock(&conn->lock);
	wake_up_all(&conn->wait);
}

static void ctl_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kvmem_capsule *ctl = container_of(wc->wr_cqe, struct kvmem_capsule, cqe);
	struct kvmem_conn *conn = ctl->conn;

	kvmem_conn_posted(conn, 1);
	ctl_put(ctl);
	kvmem_conn_wc_failed(conn, wc);
}

/* NULL: all are under way, which only a peer that takes nothing brings about. */
struct kvmem_capsule *kvmem_ctl_get(struct kvmem_conn *conn)
{
	struct kvmem_capsule *ctl = NULL;
	unsigned int i;

	spin_lock(&conn->lock);
	for (i = 0; !ctl && i < KVMEM_RDMA_NR_CTL; i++) {
		if (conn->ctl[i].busy || !conn->ctl[i].buf)
			continue;
		ctl = &conn->ctl[i];
		ctl->busy = true;
	}
	spin_unlock(&conn->lock);
	return ctl;
}

void kvmem_ctl_send(struct kvmem_capsule *ctl, u32 len)
{
	struct ib_send_wr wr;
	struct ib_sge sge;
	int ret;

	ctl->cqe.done = ctl_done;
	kvmem_capsule_wr(ctl, len, &sge, &wr);
	ret = kvmem_conn_post(ctl->conn, &wr, 1);
	if (!ret)
		return;
	ctl_put(ctl);
	/* Whether it is dead already or this kills it: a capsule is missing. */
	kvmem_conn_fail(ctl->conn, "the send queue is full");
}

void kvmem_ctl_send_plain(struct kvmem_conn *conn, enum kvmem_wire_type type, u32 id,
			  unsigned int credits)
{
	struct kvmem_capsule *ctl = kvmem_ctl_get(conn);

	if (!ctl) {
		kvmem_conn_fail(conn, "no capsule to send");
		return;
	}
	kvmem_wire_begin(ctl->buf, type, id);
	kvmem_ctl_send(ctl, kvmem_wire_end(ctl->buf, 0, credits, sizeof(struct kvmem_wire_hdr)));
}

void kvmem_ctl_send_bye(struct kvmem_conn *conn, enum kvmem_wire_reason why)
{
	struct kvmem_capsule *ctl = kvmem_ctl_get(conn);
	struct kvmem_wire_bye bye = { .reason = cpu_to_le32(why) };

	if (!ctl)
		return;
	kvmem_wire_begin(ctl->buf, KVMEM_WIRE_BYE, 0);
	memcpy(ctl->buf + sizeof(struct kvmem_wire_hdr), &bye, sizeof(bye));
	kvmem_ctl_send(ctl, kvmem_wire_end(ctl->buf, 1, 0,
					   sizeof(struct kvmem_wire_hdr) + sizeof(bye)));
}

/* Receiving ---------------------------------------------------------------- */

static void rx_bad(struct kvmem_conn *conn, enum kvmem_wire_reason why)
{
	if (conn->rail)
		kvmem_rail_bad(conn->rail);
	pr_warn_ratelimited("node %u: %s, disconnected\n", conn->node,
			    kvmem_wire_reason_text(why));
	kvmem_ctl_send_bye(conn, why);
	kvmem_conn_fail(conn, kvmem_wire_reason_text(why));
}

static bool type_is_request(u8 type)
{
	return type >= KVMEM_WIRE_GET && type <= KVMEM_WIRE_EXISTS;
}

/* A credit for each.  False: there is none. */
static bool rx_may_ask(struct kvmem_conn *conn)
{
	bool ok;

	spin_lock(&conn->lock);
	ok = conn->credits;
	if (ok)
		conn->credits--;
	spin_unlock(&conn->lock);
	return ok;
}

/* True: @rx is not ours any more. */
static bool rx_request(struct kvmem_conn *conn, struct kvmem_capsule *rx)
{
	if (!rx_may_ask(conn)) {
		rx_bad(conn, KVMEM_WIRE_BYE_CREDITS);
		return false;
	}
	kvmem_requests_start(conn, rx);
	return true;
}

static bool rx_up(struct kvmem_conn *conn, struct kvmem_capsule *rx, const struct ib_wc *wc)
{
	const struct kvmem_wire_hdr *hdr = rx->buf;

	if (conn->serves && type_is_request(hdr->type))
		return rx_request(conn, rx);
	if (conn->serves && hdr->type == KVMEM_WIRE_PING)
		kvmem_alive_ping(conn, rx->buf);
	else if (!conn->serves && hdr->type == KVMEM_WIRE_PONG)
		kvmem_alive_pong(conn, rx->buf);
	else if (!conn->serves && hdr->type == KVMEM_WIRE_RESULT)
		kvmem_slots_result(conn, rx->buf, wc);
	else
		rx_bad(conn, KVMEM_WIRE_BYE_MALFORMED);
	return false;
}

/* A capsule that is in order.  True: @rx is not ours any more. */
static bool rx_capsule(struct kvmem_conn *conn, struct kvmem_capsule *rx,
		       const struct ib_wc *wc)
{
	const struct kvmem_wire_hdr *hdr = rx->buf;
	const struct kvmem_wire_bye *bye = kvmem_wire_body(rx->buf);

	WRITE_ONCE(conn->last_heard, jiffies);
	if (hdr->type == KVMEM_WIRE_BYE) {
		kvmem_conn_fail(conn, kvmem_wire_reason_text(le32_to_cpu(bye->reason)));
		return false;
	}
	if (kvmem_conn_state(conn) == KVMEM_CONN_UP)
		return rx_up(conn, rx, wc);
	kvmem_shake_capsule(conn, rx->buf);
	return false;
}

static void rx_done(struct ib_cq *cq, struct ib_wc *wc)
{
	struct kvmem_capsule *rx = container_of(wc->wr_cqe, struct kvmem_capsule, cqe);
	struct kvmem_conn *conn = rx->conn;
	int ret;

	if (kvmem_conn_wc_failed(conn, wc))
		return;
	ib_dma_sync_single_for_cpu(conn->cm->device, rx->dma, KVMEM_WIRE_MAX, DMA_FROM_DEVICE);
	ret = kvmem_wire_check(rx->buf, wc->byte_len);
	if (ret)
		rx_bad(conn, ret == -EPROTONOSUPPORT ? KVMEM_WIRE_BYE_VERSION :
						       KVMEM_WIRE_BYE_MALFORMED);
	else if (rx_capsule(conn, rx, wc))
		return;
	if (kvmem_conn_post_rx(conn, rx))
		kvmem_conn_fail(conn, "posting a receive failed");
}

int kvmem_conn_post_rx(struct kvmem_conn *conn, struct kvmem_capsule *rx)
{
	struct ib_sge sge = {
		.addr = rx->dma,
		.length = KVMEM_WIRE_MAX,
		.lkey = conn->pd->local_dma_lkey,
	};
	struct ib_recv_wr wr = { .wr_cqe = &rx->cqe, .sg_list = &sge, .num_sge = 1 };
	int ret;

	rx->cqe.done = rx_done;
	/* Takes no entry of the send queue, but must not be posted behind the drain either. */
	if (!post_enter(conn, 0, &ret))
		return 0;
	ib_dma_sync_single_for_device(conn->cm->device, rx->dma, KVMEM_WIRE_MAX,
				      DMA_FROM_DEVICE);
	ret = ib_post_recv(conn->qp, &wr, NULL);
	kvmem_conn_leave(conn);
	return ret;
}
