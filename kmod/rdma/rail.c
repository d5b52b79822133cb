// SPDX-License-Identifier: GPL-2.0
/*
 * Rails: the connections that a node makes to a peer, and makes again.
 *
 * Two halves.  Making one is a work that waits for each step, for a bounded time; the end
 * is the connection's own (conn.c), which tells the rail, which tries again later and later.
 */
#include <linux/random.h>
#include <linux/slab.h>
#include <net/net_namespace.h>
#include "rdma/rdma.h"

#define RAIL_BACKOFF_MIN_MS	100U
#define RAIL_BACKOFF_MAX_MS	30000U
/* One measured round trip in so many counts. */
#define RAIL_RTT_SHIFT		3

struct rdma_peer;

/**
 * struct kvmem_rail - one address of a peer
 * @rdma: the peer
 * @addr: the address
 * @conn: the connection, referenced, or NULL; under rdma->lock
 * @up: it is
 * @backoff_ms: before the next attempt
 * @work: makes one
 */
struct kvmem_rail {
	struct rdma_peer *rdma;
	struct sockaddr_storage addr;
	struct kvmem_conn *conn;
	bool up;
	unsigned int backoff_ms;
	struct delayed_work work;
};

/**
 * struct rdma_peer - our side of a peer
 * @peer: the core's
 * @lock: guards the rails as they say, and what follows
 * @going: no more attempts
 * @info: counts
 * @wait: for connections to end
 * @rails: info.rails of them
 */
struct rdma_peer {
	struct kvmem_peer *peer;
	spinlock_t lock;	/* see above */
	bool going;
	struct kvmem_transport_info info;
	wait_queue_head_t wait;
	struct kvmem_rail rails[KVMEM_RDMA_RAILS];
};

/* Making a connection ------------------------------------------------------ */

/* The event that the step before leads to. */
static int rail_step(struct kvmem_conn *conn, int err)
{
	if (!err && !wait_for_completion_timeout(&conn->cm_done,
						 msecs_to_jiffies(KVMEM_RDMA_STEP_MS)))
		err = -ETIMEDOUT;
	if (!err)
		err = conn->cm_status;
	reinit_completion(&conn->cm_done);
	return err;
}

static int rail_event(struct rdma_cm_id *cm, struct rdma_cm_event *event)
{
	struct kvmem_cm_context *ctx = cm->context;

	return ctx->event(ctx, cm, event);
}

static int rail_connect(struct kvmem_rail *rail, struct kvmem_conn *conn)
{
	struct rdma_conn_param param;
	struct rdma_cm_id *cm;
	int ret;

	cm = rdma_create_id(&init_net, rail_event, &conn->ctx, RDMA_PS_TCP, IB_QPT_RC);
	if (IS_ERR(cm))
		return PTR_ERR(cm);
	conn->cm = cm;
	ret = rail_step(conn, rdma_resolve_addr(cm, NULL, (struct sockaddr *)&rail->addr,
						KVMEM_RDMA_STEP_MS));
	if (!ret)
		ret = rail_step(conn, rdma_resolve_route(cm, KVMEM_RDMA_STEP_MS));
	if (!ret)
		ret = kvmem_conn_open(conn);
	if (ret)
		return ret;
	kvmem_conn_param(conn, &param);
	ret = rail_step(conn, rdma_connect(cm, &param));
	if (!ret) {
		kvmem_alive_watch(conn);
		kvmem_shake_start(conn);
	}
	return ret;
}

static const char *rail_why(int err)
{
	switch (err) {
	case -ENODEV:
		return "no RDMA device has the way";
	case -ETIMEDOUT:
		return "no answer";
	case -EOPNOTSUPP:
		return "the device lacks fast registration, or room in its queues";
	case -ENOMEM:
		return "no memory";
	default:
		return "unreachable";
	}
}

/* False: the peer goes. */
static bool rail_take(struct kvmem_rail *rail, struct kvmem_conn *conn)
{
	struct rdma_peer *rdma = rail->rdma;
	bool ok;

	spin_lock(&rdma->lock);
	ok = !rdma->going && !rail->conn;
	if (ok)
		rail->conn = conn;
	spin_unlock(&rdma->lock);
	return ok;
}

static void rail_again(struct kvmem_rail *rail, unsigned int ms)
{
	/* By chance up to a half more, so that nodes do not try in step. */
	queue_delayed_work(kvmem_rdma_connect_wq, &rail->work,
			   msecs_to_jiffies(ms + get_random_u32() % (ms / 2 + 1)));
}

static void rail_work(struct work_struct *work)
{
	struct kvmem_rail *rail = container_of(to_delayed_work(work), struct kvmem_rail, work);
	struct kvmem_conn *conn = kvmem_conn_new(false);
	int ret;

	if (!conn) {
		rail_again(rail, RAIL_BACKOFF_MAX_MS);
		return;
	}
	conn->rail = rail;
	conn->node = kvmem_peer_node(rail->rdma->peer);
	if (!rail_take(rail, conn)) {
		kvmem_conn_put(conn);
		return;
	}
	ret = rail_connect(rail, conn);
	if (ret)
		kvmem_conn_fail(conn, rail_why(ret));
	kvmem_conn_built(conn);
}

/* What becomes of it ------------------------------------------------------- */

void kvmem_rail_up(struct kvmem_rail *rail)
{
	struct rdma_peer *rdma = rail->rdma;
	bool first;

	spin_lock(&rdma->lock);
	rail->up = true;
	rail->backoff_ms = RAIL_BACKOFF_MIN_MS;
	rdma->info.connects++;
	first = !rdma->info.rails_up++;
	/* In order with the other; the core takes a spinlock for it. */
	if (first)
		kvmem_peer_up(rdma->peer);
	spin_unlock(&rdma->lock);
}

void kvmem_rail_ended(struct kvmem_rail *rail, struct kvmem_conn *conn)
{
	struct rdma_peer *rdma = rail->rdma;
	unsigned int backoff_ms;
	bool going;

	spin_lock(&rdma->lock);
	if (rail->up) {
		rail->up = false;
		rdma->info.disconnects++;
		rdma->info.rails_up--;
	}
	/* Also when none was up: why not is worth to know. */
	if (!rdma->info.rails_up)
		kvmem_peer_down(rdma->peer, conn->reason);
	backoff_ms = rail->backoff_ms;
	rail->backoff_ms = min(2 * backoff_ms, RAIL_BACKOFF_MAX_MS);
	going = rdma->going;
	if (!going)
		rail_again(rail, backoff_ms);
	rail->conn = NULL;
	/* The peer may go from here on. */
	wake_up_all(&rdma->wait);
	spin_unlock(&rdma->lock);
	kvmem_conn_put(conn);
}

void kvmem_rail_rtt(struct kvmem_rail *rail, u64 ns)
{
	struct kvmem_transport_info *info = &rail->rdma->info;

	spin_lock(&rail->rdma->lock);
	info->rtt_ns = info->rtt_ns ?
		       info->rtt_ns - (info->rtt_ns >> RAIL_RTT_SHIFT) + (ns >> RAIL_RTT_SHIFT) :
		       ns;
	spin_unlock(&rail->rdma->lock);
}

void kvmem_rail_moved(struct kvmem_rail *rail, u64 in, u64 out)
{
	spin_lock(&rail->rdma->lock);
	rail->rdma->info.bytes_in += in;
	rail->rdma->info.bytes_out += out;
	spin_unlock(&rail->rdma->lock);
}

void kvmem_rail_bad(struct kvmem_rail *rail)
{
	spin_lock(&rail->rdma->lock);
	rail->rdma->info.bad_capsules++;
	spin_unlock(&rail->rdma->lock);
}

/* Calls -------------------------------------------------------------------- */

/* The rail that has least to do, from the first on; not @skip of them, as bits. */
static struct kvmem_conn *rails_pick(struct rdma_peer *rdma, unsigned long *skip)
{
	unsigned int i, best = KVMEM_RDMA_RAILS, least = UINT_MAX;
	struct kvmem_conn *conn = NULL;

	spin_lock(&rdma->lock);
	for (i = 0; i < rdma->info.rails; i++) {
		struct kvmem_rail *rail = &rdma->rails[i];

		if (!rail->up || !rail->conn || *skip & BIT(i) ||
		    kvmem_slots_busy(rail->conn) >= least)
			continue;
		least = kvmem_slots_busy(rail->conn);
		best = i;
	}
	if (best < KVMEM_RDMA_RAILS) {
		conn = rdma->rails[best].conn;
		kref_get(&conn->ref);
		*skip |= BIT(best);
	}
	spin_unlock(&rdma->lock);
	return conn;
}

int kvmem_rdma_submit(struct kvmem_peer *peer, struct kvmem_call *call)
{
	struct rdma_peer *rdma = kvmem_peer_priv(peer);
	struct kvmem_conn *conn;
	unsigned long tried = 0;
	int ret = -ENOTCONN, err;

	while (ret && (conn = rails_pick(rdma, &tried))) {
		err = kvmem_slots_submit(conn, call);
		kvmem_conn_put(conn);
		/* That there is no room tells more than that another rail is gone. */
		if (!err || ret == -ENOTCONN)
			ret = err;
	}
	return ret;
}

void kvmem_rdma_info(struct kvmem_peer *peer, struct kvmem_transport_info *info)
{
	struct rdma_peer *rdma = kvmem_peer_priv(peer);
	unsigned int i;

	spin_lock(&rdma->lock);
	*info = rdma->info;
	for (i = 0; i < rdma->info.rails; i++) {
		struct kvmem_conn *conn = rdma->rails[i].conn;

		if (!rdma->rails[i].up || !conn)
			continue;
		info->credits += READ_ONCE(conn->credits);
		info->in_flight += kvmem_slots_busy(conn);
	}
	spin_unlock(&rdma->lock);
}

/* Coming and going --------------------------------------------------------- */

static int rails_init(struct rdma_peer *rdma, const char *addresses)
{
	unsigned int nr = 0;
	int ret;

	for (;;) {
		struct kvmem_rail *rail = &rdma->rails[nr];
		struct sockaddr_storage addr;

		ret = kvmem_addr_next(&addresses, &addr);
		if (ret <= 0)
			break;
		if (nr == KVMEM_RDMA_RAILS)
			return -E2BIG;
		rail->rdma = rdma;
		rail->addr = addr;
		rail->backoff_ms = RAIL_BACKOFF_MIN_MS;
		INIT_DELAYED_WORK(&rail->work, rail_work);
		nr++;
	}
	rdma->info.rails = nr;
	return nr ? ret : -EINVAL;
}

int kvmem_rdma_peer_add(struct kvmem_peer *peer)
{
	struct rdma_peer *rdma = kzalloc(sizeof(*rdma), GFP_KERNEL);
	unsigned int i;
	int ret;

	if (!rdma)
		return -ENOMEM;
	rdma->peer = peer;
	spin_lock_init(&rdma->lock);
	init_waitqueue_head(&rdma->wait);
	ret = rails_init(rdma, kvmem_peer_addresses(peer));
	if (ret) {
		kfree(rdma);
		return ret;
	}
	kvmem_peer_set_priv(peer, rdma);
	for (i = 0; i < rdma->info.rails; i++)
		queue_delayed_work(kvmem_rdma_connect_wq, &rdma->rails[i].work, 0);
	return 0;
}

static void rail_close(struct kvmem_rail *rail)
{
	struct rdma_peer *rdma = rail->rdma;
	struct kvmem_conn *conn;

	/* Waits for one that is being made, and then no other is. */
	cancel_delayed_work_sync(&rail->work);
	spin_lock(&rdma->lock);
	conn = rail->conn;
	if (conn)
		kref_get(&conn->ref);
	spin_unlock(&rdma->lock);
	if (conn) {
		kvmem_ctl_send_bye(conn, KVMEM_WIRE_BYE_LEAVING);
		kvmem_conn_fail(conn, "removed");
		kvmem_conn_put(conn);
	}
	wait_event(rdma->wait, !READ_ONCE(rail->conn));
}

void kvmem_rdma_peer_del(struct kvmem_peer *peer)
{
	struct rdma_peer *rdma = kvmem_peer_priv(peer);
	unsigned int i;

	spin_lock(&rdma->lock);
	rdma->going = true;
	spin_unlock(&rdma->lock);
	for (i = 0; i < rdma->info.rails; i++)
		rail_close(&rdma->rails[i]);
	/* Whoever ended the last one is out of the lock. */
	spin_lock(&rdma->lock);
	spin_unlock(&rdma->lock);
	kvmem_listen_forget(kvmem_peer_node(peer));
	kvmem_peer_set_priv(peer, NULL);
	kfree(rdma);
}
