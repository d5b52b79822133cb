// SPDX-License-Identifier: GPL-2.0
/*
 * Listening, and the connections that peers have made to this node.
 */
#include <linux/mutex.h>
#include <linux/slab.h>
#include <net/net_namespace.h>
#include <rdma/ib_cm.h>
#include "rdma/rdma.h"

#define LISTEN_MAX	8U	/* addresses */
#define LISTEN_BACKLOG	128
/* An address may not be there yet, or its device goes and comes back. */
#define LISTEN_AGAIN_MS	2000U
/* Connections in all, and those that have proved nothing yet */
#define SERVED_MAX	4096U
#define UNPROVED_MAX	64U

/**
 * struct kvmem_listener - one address
 * @ctx: must be first
 * @addr: the address
 * @cm: listens, or NULL; under @lock
 * @lock: a listener is made and ended one at a time
 * @work: makes it, again
 * @lost: its device was removed; the work ends it
 */
struct kvmem_listener {
	struct kvmem_cm_context ctx;
	struct sockaddr_storage addr;
	struct rdma_cm_id *cm;
	struct mutex lock;	/* see above */
	struct delayed_work work;
	bool lost;
};

/**
 * struct kvmem_served - what this node serves
 * @listeners: addresses; constant while listening
 * @nr: how many
 * @lock: guards what follows
 * @conns: connections
 * @nr_conns: how many
 * @nr_unproved: of them
 * @open: new ones are taken
 * @wait: for none to be left
 */
static struct kvmem_served {
	struct kvmem_listener listeners[LISTEN_MAX];
	unsigned int nr;
	spinlock_t lock;	/* see above */
	struct list_head conns;
	unsigned int nr_conns;
	unsigned int nr_unproved;
	bool open;
	wait_queue_head_t wait;
} served = {
	.lock = __SPIN_LOCK_UNLOCKED(served.lock),
	.conns = LIST_HEAD_INIT(served.conns),
	.wait = __WAIT_QUEUE_HEAD_INITIALIZER(served.wait),
};

/* Connections -------------------------------------------------------------- */

/* In the list, if there is room for one more. */
static bool served_add(struct kvmem_conn *conn)
{
	bool ok;

	spin_lock(&served.lock);
	ok = served.open && served.nr_conns < SERVED_MAX && served.nr_unproved < UNPROVED_MAX;
	if (ok) {
		list_add_tail(&conn->node_entry, &served.conns);
		served.nr_conns++;
		served.nr_unproved++;
	}
	spin_unlock(&served.lock);
	return ok;
}

void kvmem_listen_proved(struct kvmem_conn *conn)
{
	spin_lock(&served.lock);
	conn->proved = true;
	served.nr_unproved--;
	spin_unlock(&served.lock);
}

void kvmem_listen_ended(struct kvmem_conn *conn)
{
	pr_debug("node %u has left: %s\n", conn->node, conn->reason);
	spin_lock(&served.lock);
	list_del_init(&conn->node_entry);
	served.nr_conns--;
	served.nr_unproved -= !conn->proved;
	if (!served.nr_conns)
		wake_up_all(&served.wait);
	spin_unlock(&served.lock);
	kvmem_conn_put(conn);
}

/*
 * From here on the connection owns the id.  Where its queues cannot be made, it is
 * refused, and ends as any other.
 */
static void listen_accept(struct kvmem_conn *conn, struct rdma_cm_id *cm)
{
	struct rdma_conn_param param;
	int ret;

	conn->cm = cm;
	cm->context = &conn->ctx;
	ret = kvmem_conn_open(conn);
	if (!ret) {
		kvmem_conn_param(conn, &param);
		ret = rdma_accept(cm, &param);
	}
	if (ret) {
		pr_warn_ratelimited("a connection could not be taken: %d\n", ret);
		rdma_reject(cm, NULL, 0, IB_CM_REJ_CONSUMER_DEFINED);
		kvmem_conn_fail(conn, "not accepted");
	} else {
		kvmem_alive_watch(conn);
	}
	kvmem_conn_built(conn);
}

static int listen_request(struct rdma_cm_id *cm)
{
	struct kvmem_conn *conn = kvmem_conn_new(true);

	if (conn && served_add(conn)) {
		listen_accept(conn, cm);
		return 0;
	}
	if (conn)
		kvmem_conn_put(conn);
	rdma_reject(cm, NULL, 0, IB_CM_REJ_NO_RESOURCES);
	/* The id goes with this. */
	return -ENOMEM;
}

/* Listeners ---------------------------------------------------------------- */

static int listen_event(struct rdma_cm_id *cm, struct rdma_cm_event *event)
{
	struct kvmem_cm_context *ctx = cm->context;

	if (event->event == RDMA_CM_EVENT_CONNECT_REQUEST)
		return listen_request(cm);
	return ctx->event(ctx, cm, event);
}

/* Of the listening id itself */
static int listener_event(struct kvmem_cm_context *ctx, struct rdma_cm_id *cm,
			  struct rdma_cm_event *event)
{
	struct kvmem_listener *listener = container_of(ctx, struct kvmem_listener, ctx);

	if (event->event != RDMA_CM_EVENT_DEVICE_REMOVAL &&
	    event->event != RDMA_CM_EVENT_ADDR_CHANGE)
		return 0;
	WRITE_ONCE(listener->lost, true);
	mod_delayed_work(kvmem_rdma_wq, &listener->work, 0);
	return 0;
}

static void listener_end(struct kvmem_listener *listener)
{
	if (listener->cm)
		rdma_destroy_id(listener->cm);
	listener->cm = NULL;
}

static int listener_begin(struct kvmem_listener *listener)
{
	struct rdma_cm_id *cm;
	int ret;

	cm = rdma_create_id(&init_net, listen_event, &listener->ctx, RDMA_PS_TCP, IB_QPT_RC);
	if (IS_ERR(cm))
		return PTR_ERR(cm);
	ret = rdma_bind_addr(cm, (struct sockaddr *)&listener->addr) ?:
	      rdma_listen(cm, LISTEN_BACKLOG);
	if (ret)
		rdma_destroy_id(cm);
	else
		listener->cm = cm;
	return ret;
}

static void listener_work(struct work_struct *work)
{
	struct kvmem_listener *listener = container_of(to_delayed_work(work),
						       struct kvmem_listener, work);
	int ret = 0;

	mutex_lock(&listener->lock);
	if (READ_ONCE(listener->lost)) {
		listener_end(listener);
		WRITE_ONCE(listener->lost, false);
	}
	if (!listener->cm)
		ret = listener_begin(listener);
	mutex_unlock(&listener->lock);
	if (!ret)
		return;
	pr_warn_ratelimited("cannot listen at %pISpc: %d; will try again\n", &listener->addr, ret);
	queue_delayed_work(kvmem_rdma_wq, &listener->work, msecs_to_jiffies(LISTEN_AGAIN_MS));
}

static int listeners_init(const char *addresses)
{
	struct sockaddr_storage addr;
	int ret;

	served.nr = 0;
	while ((ret = kvmem_addr_next(&addresses, &addr)) > 0) {
		struct kvmem_listener *listener = &served.listeners[served.nr];

		if (served.nr == LISTEN_MAX)
			return -E2BIG;
		memset(listener, 0, sizeof(*listener));
		listener->ctx.event = listener_event;
		listener->addr = addr;
		mutex_init(&listener->lock);
		INIT_DELAYED_WORK(&listener->work, listener_work);
		served.nr++;
	}
	return ret;
}

int kvmem_listen_start(const char *addresses)
{
	unsigned int i;
	int ret = listeners_init(addresses);

	if (ret)
		return ret;
	spin_lock(&served.lock);
	served.open = true;
	spin_unlock(&served.lock);
	for (i = 0; i < served.nr; i++)
		queue_delayed_work(kvmem_rdma_wq, &served.listeners[i].work, 0);
	return 0;
}

/* Before it proves itself it is not known whose it is; a peer that was removed is refused then. */
static bool served_is_of(const struct kvmem_conn *conn, u16 node)
{
	return node == KVMEM_NO_NODE ||
	       (kvmem_conn_state(conn) >= KVMEM_CONN_PROVING && conn->node == node);
}

/* One of @node (KVMEM_NO_NODE: of any) that lives, referenced */
static struct kvmem_conn *served_next(u16 node)
{
	struct kvmem_conn *conn, *found = NULL;

	spin_lock(&served.lock);
	list_for_each_entry(conn, &served.conns, node_entry) {
		if (kvmem_conn_state(conn) == KVMEM_CONN_DEAD || !served_is_of(conn, node))
			continue;
		kref_get(&conn->ref);
		found = conn;
		break;
	}
	spin_unlock(&served.lock);
	return found;
}

void kvmem_listen_forget(u16 node)
{
	struct kvmem_conn *conn;

	/* A HELLO of it is refused by now. */
	while ((conn = served_next(node))) {
		kvmem_ctl_send_bye(conn, KVMEM_WIRE_BYE_LEAVING);
		kvmem_conn_fail(conn, "removed");
		kvmem_conn_put(conn);
	}
}

static bool served_none(void)
{
	bool none;

	spin_lock(&served.lock);
	none = !served.nr_conns;
	spin_unlock(&served.lock);
	return none;
}

void kvmem_listen_stop(void)
{
	struct kvmem_conn *conn;
	unsigned int i;

	spin_lock(&served.lock);
	served.open = false;
	spin_unlock(&served.lock);
	for (i = 0; i < served.nr; i++) {
		struct kvmem_listener *listener = &served.listeners[i];

		cancel_delayed_work_sync(&listener->work);
		/* Waits for its events; none of them queues the work after that. */
		listener_end(listener);
		cancel_delayed_work_sync(&listener->work);
	}
	while ((conn = served_next(KVMEM_NO_NODE))) {
		kvmem_ctl_send_bye(conn, KVMEM_WIRE_BYE_LEAVING);
		kvmem_conn_fail(conn, "stopped");
		kvmem_conn_put(conn);
	}
	wait_event(served.wait, served_none());
}
