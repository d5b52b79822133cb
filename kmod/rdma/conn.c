// SPDX-License-Identifier: GPL-2.0
/*
 * Connections: how they begin and end.
 *
 * A connection dies once, by kvmem_conn_fail(), from wherever; its work then empties the
 * queues, after which the device touches no memory of ours on its behalf and
 * everything that waited for it is told.
 */
#include <linux/slab.h>
#include "rdma/rdma.h"

/* Entries of the send queue: a SEND for each request, what exposes or moves its
 * memory, control capsules, one to drain by.
 */
#define CONN_SQ		512U
#define CONN_SQ_MIN	(KVMEM_RDMA_DEPTH * 4)
/* Runs of memory that one entry of the send queue moves */
#define CONN_SGES	16U
/* RDMA READs that are answered at once */
#define CONN_READS	16U
/* What a BYE has to get out */
#define BYE_MS		100U

static void conn_free(struct kref *ref)
{
	kfree(container_of(ref, struct kvmem_conn, ref));
}

void kvmem_conn_put(struct kvmem_conn *conn)
{
	kref_put(&conn->ref, conn_free);
}

/* Queues ------------------------------------------------------------------- */

static void conn_qp_event(struct ib_event *event, void *context)
{
	pr_debug("queue pair: %s\n", ib_event_msg(event->event));
}

/* Entries that the device allows, and that leave room for the drain. */
static unsigned int conn_sq_size(const struct ib_device *dev)
{
	return min_t(unsigned int, CONN_SQ, dev->attrs.max_qp_wr - 1);
}

static int conn_create_qp(struct kvmem_conn *conn)
{
	struct ib_device *dev = conn->cm->device;
	struct ib_qp_init_attr attr = {
		.event_handler = conn_qp_event,
		.qp_context = conn,
		.send_cq = conn->cq,
		.recv_cq = conn->cq,
		.sq_sig_type = IB_SIGNAL_REQ_WR,
		.qp_type = IB_QPT_RC,
		.port_num = conn->cm->port_num,
		.cap = {
			.max_send_wr = conn_sq_size(dev) + 1,
			.max_recv_wr = KVMEM_RDMA_NR_RX + 1,
			.max_recv_sge = 1,
			.max_send_sge = min_t(u32, CONN_SGES, dev->attrs.max_send_sge),
			/* Regions of rdma_rw's own, where the device cannot do without. */
			.max_rdma_ctxs = conn->serves ? KVMEM_RDMA_DEPTH : 0,
		},
	};
	int ret = rdma_create_qp(conn->cm, conn->pd, &attr);

	if (ret)
		return ret;
	conn->qp = conn->cm->qp;
	conn->sq_free = conn_sq_size(dev);
	return conn->sq_free < CONN_SQ_MIN ? -EOPNOTSUPP : 0;
}

static int conn_create_queues(struct kvmem_conn *conn)
{
	struct ib_device *dev = conn->cm->device;
	int ret;

	conn->pd = ib_alloc_pd(dev, 0);
	if (IS_ERR(conn->pd)) {
		ret = PTR_ERR(conn->pd);
		conn->pd = NULL;
		return ret;
	}
	/* Handlers may sleep for a moment, and run on the CPU that the interrupt chose. */
	conn->cq = ib_alloc_cq_any(dev, conn, conn_sq_size(dev) + KVMEM_RDMA_NR_RX + 2,
				   IB_POLL_WORKQUEUE);
	if (IS_ERR(conn->cq)) {
		ret = PTR_ERR(conn->cq);
		conn->cq = NULL;
		return ret;
	}
	return conn_create_qp(conn);
}

static int conn_create_mrs(struct kvmem_conn *conn)
{
	conn->mr_pages = min_t(u32, KVMEM_RDMA_MR_PAGES,
			       conn->cm->device->attrs.max_fast_reg_page_list_len);
	if (!conn->mr_pages)
		return -EOPNOTSUPP;
	return ib_mr_pool_init(conn->qp, &conn->mrs, KVMEM_RDMA_MRS, IB_MR_TYPE_MEM_REG,
			       conn->mr_pages, 0);
}

static int conn_create_capsules(struct kvmem_conn *conn)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < KVMEM_RDMA_NR_RX; i++)
		ret = kvmem_capsule_init(conn, &conn->rx[i], DMA_FROM_DEVICE);
	for (i = 0; !ret && i < KVMEM_RDMA_NR_CTL; i++)
		ret = kvmem_capsule_init(conn, &conn->ctl[i], DMA_TO_DEVICE);
	return ret;
}

static int conn_post_receives(struct kvmem_conn *conn)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < KVMEM_RDMA_NR_RX; i++)
		ret = kvmem_conn_post_rx(conn, &conn->rx[i]);
	return ret;
}

int kvmem_conn_open(struct kvmem_conn *conn)
{
	int ret;

	if (!(conn->cm->device->attrs.device_cap_flags & IB_DEVICE_MEM_MGT_EXTENSIONS))
		return -EOPNOTSUPP;
	ret = conn_create_queues(conn) ?: conn_create_capsules(conn);
	if (!ret)
		ret = conn->serves ? kvmem_requests_init(conn) :
				     conn_create_mrs(conn) ?: kvmem_slots_init(conn);
	if (ret)
		return ret;
	if (!kvmem_conn_advance(conn, KVMEM_CONN_SHAKING))
		return -ECANCELED;
	return conn_post_receives(conn);
}

void kvmem_conn_param(struct kvmem_conn *conn, struct rdma_conn_param *param)
{
	const struct ib_device_attr *attrs = &conn->cm->device->attrs;

	*param = (struct rdma_conn_param) {
		.responder_resources = min_t(int, CONN_READS, attrs->max_qp_rd_atom),
		.initiator_depth = min_t(int, CONN_READS, attrs->max_qp_init_rd_atom),
		.retry_count = 7,
		/* Receives are there before anybody may send: this never counts. */
		.rnr_retry_count = 7,
	};
}

/* The end ------------------------------------------------------------------ */

bool kvmem_conn_advance(struct kvmem_conn *conn, enum kvmem_conn_state state)
{
	bool ok;

	spin_lock(&conn->lock);
	ok = conn->state < state;
	if (ok)
		WRITE_ONCE(conn->state, state);
	spin_unlock(&conn->lock);
	if (ok)
		wake_up_all(&conn->wait);
	return ok;
}

/* True: its end is the caller's to queue. */
static bool conn_die(struct kvmem_conn *conn, const char *reason)
{
	bool mine = false;

	spin_lock(&conn->lock);
	if (conn->state != KVMEM_CONN_DEAD) {
		conn->reason = reason;
		WRITE_ONCE(conn->state, KVMEM_CONN_DEAD);
		/* Who builds it looks at the state when he is through. */
		mine = !conn->building;
	}
	spin_unlock(&conn->lock);
	wake_up_all(&conn->wait);
	return mine;
}

static void conn_queue_end(struct kvmem_conn *conn)
{
	kref_get(&conn->ref);
	queue_work(kvmem_rdma_wq, &conn->end);
}

void kvmem_conn_fail(struct kvmem_conn *conn, const char *reason)
{
	if (conn_die(conn, reason))
		conn_queue_end(conn);
}

bool kvmem_conn_built(struct kvmem_conn *conn)
{
	bool dead;

	spin_lock(&conn->lock);
	conn->building = false;
	dead = conn->state == KVMEM_CONN_DEAD;
	spin_unlock(&conn->lock);
	if (dead)
		conn_queue_end(conn);
	return !dead;
}

static bool conn_said_all(struct kvmem_conn *conn)
{
	unsigned int i;

	for (i = 0; i < KVMEM_RDMA_NR_CTL; i++)
		if (READ_ONCE(conn->ctl[i].busy))
			return false;
	return true;
}

/* Nothing is posted any more; wait for what was. */
static void conn_drain(struct kvmem_conn *conn)
{
	wait_event(conn->wait, !atomic_read(&conn->posting));
	if (conn->qp) {
		/* A BYE is to arrive, if it can. */
		wait_event_timeout(conn->wait, conn_said_all(conn), msecs_to_jiffies(BYE_MS));
		rdma_disconnect(conn->cm);
		ib_drain_qp(conn->qp);
	}
	WRITE_ONCE(conn->drained, true);
	wake_up_all(&conn->wait);
}

static void conn_destroy_queues(struct kvmem_conn *conn)
{
	unsigned int i;

	if (conn->qp) {
		ib_mr_pool_destroy(conn->qp, &conn->mrs);
		rdma_destroy_qp(conn->cm);
		conn->qp = NULL;
	}
	if (conn->cq)
		ib_free_cq(conn->cq);
	for (i = 0; i < KVMEM_RDMA_NR_RX; i++)
		kvmem_capsule_exit(&conn->rx[i], DMA_FROM_DEVICE);
	for (i = 0; i < KVMEM_RDMA_NR_CTL; i++)
		kvmem_capsule_exit(&conn->ctl[i], DMA_TO_DEVICE);
	if (conn->pd)
		ib_dealloc_pd(conn->pd);
}

/* In the order in which one thing could still use the next. */
static void conn_tear_down(struct kvmem_conn *conn)
{
	cancel_delayed_work_sync(&conn->alive);
	conn_drain(conn);
	if (conn->requests)
		kvmem_requests_end(conn);
	if (conn->slots)
		kvmem_slots_fail(conn);
	kvmem_requests_exit(conn);
	kvmem_slots_exit(conn);
	conn_destroy_queues(conn);
	/* No event of it comes after this. */
	if (conn->cm)
		rdma_destroy_id(conn->cm);
	conn->cm = NULL;
}

static void conn_end(struct work_struct *work)
{
	struct kvmem_conn *conn = container_of(work, struct kvmem_conn, end);

	conn_tear_down(conn);
	if (conn->serves)
		kvmem_listen_ended(conn);
	else
		kvmem_rail_ended(conn->rail, conn);
	kvmem_conn_put(conn);
}

/* The beginning ------------------------------------------------------------ */

/* What the connecting side waits for, or the end. */
static void conn_cm_done(struct kvmem_conn *conn, int status)
{
	conn->cm_status = status;
	complete(&conn->cm_done);
}

static int conn_cm_event(struct kvmem_cm_context *ctx, struct rdma_cm_id *cm,
			 struct rdma_cm_event *event)
{
	struct kvmem_conn *conn = container_of(ctx, struct kvmem_conn, ctx);

	switch (event->event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
	case RDMA_CM_EVENT_ESTABLISHED:
		conn_cm_done(conn, 0);
		break;
	case RDMA_CM_EVENT_ADDR_ERROR:
	case RDMA_CM_EVENT_ROUTE_ERROR:
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
		conn_cm_done(conn, event->status < 0 ? event->status : -EHOSTUNREACH);
		kvmem_conn_fail(conn, "unreachable");
		break;
	case RDMA_CM_EVENT_REJECTED:
		conn_cm_done(conn, -ECONNREFUSED);
		kvmem_conn_fail(conn, "nobody listens");
		break;
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		conn_cm_done(conn, -ENODEV);
		kvmem_conn_fail(conn, "the device was removed");
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
	case RDMA_CM_EVENT_ADDR_CHANGE:
		conn_cm_done(conn, -ECONNRESET);
		kvmem_conn_fail(conn, "disconnected");
		break;
	default:
		break;
	}
	/* The id is destroyed by our own work, never by the return value. */
	return 0;
}

struct kvmem_conn *kvmem_conn_new(bool serves)
{
	struct kvmem_conn *conn = kzalloc(sizeof(*conn), GFP_KERNEL);

	if (!conn)
		return NULL;
	conn->ctx.event = conn_cm_event;
	kref_init(&conn->ref);
	conn->serves = serves;
	conn->building = true;
	spin_lock_init(&conn->lock);
	init_waitqueue_head(&conn->wait);
	init_completion(&conn->cm_done);
	INIT_LIST_HEAD(&conn->mrs);
	INIT_LIST_HEAD(&conn->node_entry);
	INIT_WORK(&conn->end, conn_end);
	kvmem_alive_init(conn);
	return conn;
}
