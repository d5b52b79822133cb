// SPDX-License-Identifier: GPL-2.0
/*
 * The cluster: who this node is, and the transport.
 *
 * Node and transport come in any order.  The transport serves from when both are
 * there until it goes; peers wait, down, while there is none.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/string.h>
#include "peer/ask.h"
#include "peer/cluster.h"
#include "peer/peer.h"

struct kvmem_cluster kvmem_cluster = {
	.lock = __MUTEX_INITIALIZER(kvmem_cluster.lock),
	.self = { .node = KVMEM_NO_NODE, .keepalive_ms = KVMEM_KEEPALIVE_MS },
	.timeout_ms = KVMEM_TIMEOUT_MS,
};

DEFINE_STATIC_SRCU(transport_srcu);

/* Calls ---------------------------------------------------------------------- */

int kvmem_peer_submit(struct kvmem_peer *peer, struct kvmem_call *call)
{
	const struct kvmem_transport_ops *ops;
	int ret = -ENOTCONN, idx;

	call->peer = peer;
	call->start = ktime_get_ns();
	call->priv = NULL;
	/* The peer's, until kvmem_peer_ended(). */
	kref_get(&peer->ref);
	atomic_inc(&peer->in_flight);
	idx = srcu_read_lock(&transport_srcu);
	ops = srcu_dereference(kvmem_cluster.ops, &transport_srcu);
	/* Pairs with peer_detach(): who finds it attached is waited for. */
	if (ops && smp_load_acquire(&peer->attached))
		ret = ops->submit(peer, call);
	srcu_read_unlock(&transport_srcu, idx);
	if (ret) {
		atomic_dec(&peer->in_flight);
		kvmem_peer_put(peer);
	}
	return ret;
}

/*
 * The transport does not go while we are in it.  That the call has not ended keeps
 * it there, but it may end meanwhile.
 */
void kvmem_peer_cancel(struct kvmem_call *call)
{
	const struct kvmem_transport_ops *ops;
	int idx = srcu_read_lock(&transport_srcu);

	ops = srcu_dereference(kvmem_cluster.ops, &transport_srcu);
	if (ops)
		ops->cancel(call);
	srcu_read_unlock(&transport_srcu, idx);
}

void kvmem_peer_ended(struct kvmem_call *call)
{
	struct kvmem_peer *peer = call->peer;

	atomic_dec(&peer->in_flight);
	if (wq_has_sleeper(&peer->room))
		wake_up(&peer->room);
	kvmem_peer_put(peer);
}

/* The transport's side ------------------------------------------------------- */

static const struct kvmem_transport_ops *transport_locked(void)
{
	return rcu_dereference_protected(kvmem_cluster.ops,
					 lockdep_is_held(&kvmem_cluster.lock));
}

/* Tell the transport of a peer.  Under cluster.lock. */
int kvmem_peer_attach(struct kvmem_peer *peer)
{
	const struct kvmem_transport_ops *ops = transport_locked();
	int ret;

	if (!ops || !kvmem_cluster.serving)
		return 0;
	ret = ops->peer_add(peer);
	if (!ret)
		/* The transport's part of the peer is ready for calls. */
		smp_store_release(&peer->attached, true);
	return ret;
}

/*
 * First no new call, then the end of those under way, which the transport sees to.
 * Under cluster.lock.
 */
void kvmem_peer_detach(struct kvmem_peer *peer)
{
	const struct kvmem_transport_ops *ops = transport_locked();

	if (!peer->attached)
		return;
	WRITE_ONCE(peer->attached, false);
	synchronize_srcu(&transport_srcu);
	ops->peer_del(peer);
	WARN_ON_ONCE(atomic_read(&peer->in_flight));
	kvmem_peer_down(peer, "no transport");
}

static void peers_detach_all(void)
{
	struct kvmem_peer *peer;
	unsigned long i;

	xa_for_each(&kvmem_cluster.peers, i, peer)
		kvmem_peer_detach(peer);
}

/* One that the transport does not take stays down, and says so. */
static void peers_attach_all(void)
{
	struct kvmem_peer *peer;
	unsigned long i;
	int ret;

	xa_for_each(&kvmem_cluster.peers, i, peer) {
		ret = kvmem_peer_attach(peer);
		if (!ret)
			continue;
		pr_warn("peer %u (%s): the transport does not take it: %d\n", peer->node,
			peer->name, ret);
		kvmem_peer_down(peer, "refused by the transport");
	}
}

static int transport_start(const struct kvmem_transport_ops *ops)
{
	int ret = ops->start(&kvmem_cluster.self);

	if (ret)
		return ret;
	kvmem_cluster.serving = true;
	return 0;
}

int kvmem_transport_register(const struct kvmem_transport_ops *ops)
{
	int ret = -EEXIST;

	mutex_lock(&kvmem_cluster.lock);
	if (!transport_locked()) {
		rcu_assign_pointer(kvmem_cluster.ops, ops);
		ret = kvmem_cluster.is_set ? transport_start(ops) : 0;
		if (ret)
			RCU_INIT_POINTER(kvmem_cluster.ops, NULL);
		else
			peers_attach_all();
	}
	mutex_unlock(&kvmem_cluster.lock);
	return ret;
}
EXPORT_SYMBOL_KVMEM(kvmem_transport_register);

void kvmem_transport_unregister(const struct kvmem_transport_ops *ops)
{
	mutex_lock(&kvmem_cluster.lock);
	if (transport_locked() == ops) {
		peers_detach_all();
		if (kvmem_cluster.serving)
			ops->stop();
		kvmem_cluster.serving = false;
		RCU_INIT_POINTER(kvmem_cluster.ops, NULL);
		/* Who cancels may still be in there. */
		synchronize_srcu(&transport_srcu);
	}
	mutex_unlock(&kvmem_cluster.lock);
}
EXPORT_SYMBOL_KVMEM(kvmem_transport_unregister);

bool kvmem_peer_info(struct kvmem_peer *peer, struct kvmem_transport_info *info)
{
	bool known;

	memset(info, 0, sizeof(*info));
	mutex_lock(&kvmem_cluster.lock);
	known = peer->attached;
	if (known)
		transport_locked()->info(peer, info);
	mutex_unlock(&kvmem_cluster.lock);
	return known;
}

/* Settings ------------------------------------------------------------------- */

static bool self_is_same(const struct kvmem_self *self)
{
	const struct kvmem_self *mine = &kvmem_cluster.self;

	return mine->node == self->node && !strcmp(mine->cluster, self->cluster) &&
	       !strcmp(mine->listen, self->listen) &&
	       !memcmp(mine->secret, self->secret, sizeof(mine->secret));
}

static int cluster_set_self(const struct kvmem_self *self, struct netlink_ext_ack *extack)
{
	const struct kvmem_transport_ops *ops = transport_locked();
	u32 keepalive_ms = kvmem_cluster.self.keepalive_ms;
	int ret;

	if (kvmem_cluster.is_set) {
		/* A daemon that was started again says the same again. */
		if (self_is_same(self))
			return 0;
		if (kvmem_cluster.serving || kvmem_cluster.nr_peers) {
			NL_SET_ERR_MSG_MOD(extack, "this node is another one already");
			return -EBUSY;
		}
	}
	kvmem_cluster.self = *self;
	kvmem_cluster.self.keepalive_ms = keepalive_ms;
	ret = ops ? transport_start(ops) : 0;
	if (ret) {
		NL_SET_ERR_MSG_MOD(extack, "the transport cannot serve there");
		memzero_explicit(&kvmem_cluster.self, sizeof(kvmem_cluster.self));
		kvmem_cluster.self.node = KVMEM_NO_NODE;
		WRITE_ONCE(kvmem_cluster.node, KVMEM_NO_NODE);
		kvmem_cluster.is_set = false;
		kvmem_cluster.self.keepalive_ms = keepalive_ms;
		return ret;
	}
	kvmem_cluster.is_set = true;
	/* Read without the lock. */
	WRITE_ONCE(kvmem_cluster.node, self->node);
	return 0;
}

int kvmem_cluster_set(const struct kvmem_cluster_params *p, u32 mask,
		      struct netlink_ext_ack *extack)
{
	u32 keepalive_ms;
	int ret = 0;

	mutex_lock(&kvmem_cluster.lock);
	keepalive_ms = kvmem_cluster.self.keepalive_ms;
	if (mask & KVMEM_CLUSTER_P_KEEPALIVE)
		WRITE_ONCE(kvmem_cluster.self.keepalive_ms, p->self.keepalive_ms);
	if (mask & KVMEM_CLUSTER_P_SELF)
		ret = cluster_set_self(&p->self, extack);
	if (ret) {
		/* All or nothing. */
		WRITE_ONCE(kvmem_cluster.self.keepalive_ms, keepalive_ms);
	} else {
		if (mask & KVMEM_CLUSTER_P_TIMEOUT)
			WRITE_ONCE(kvmem_cluster.timeout_ms, p->timeout_ms);
		if (mask & KVMEM_CLUSTER_P_HEDGE)
			WRITE_ONCE(kvmem_cluster.hedge_us, p->hedge_us);
		if (mask & KVMEM_CLUSTER_P_MOVE_RATE)
			WRITE_ONCE(kvmem_cluster.move_rate, p->move_rate);
	}
	mutex_unlock(&kvmem_cluster.lock);
	if (!ret && mask & KVMEM_CLUSTER_P_MOVE_RATE)
		kvmem_move_kick();
	return ret;
}

void kvmem_cluster_read(struct kvmem_cluster_params *p)
{
	const struct kvmem_transport_ops *ops;

	memset(p, 0, sizeof(*p));
	mutex_lock(&kvmem_cluster.lock);
	ops = transport_locked();
	p->self = kvmem_cluster.self;
	memzero_explicit(p->self.secret, sizeof(p->self.secret));
	p->is_set = kvmem_cluster.is_set;
	p->timeout_ms = kvmem_cluster.timeout_ms;
	p->hedge_us = kvmem_cluster.hedge_us;
	p->move_rate = kvmem_cluster.move_rate;
	if (ops)
		strscpy(p->transport, ops->name, sizeof(p->transport));
	mutex_unlock(&kvmem_cluster.lock);
}

u16 kvmem_cluster_node(void)
{
	return READ_ONCE(kvmem_cluster.node);
}

u32 kvmem_cluster_timeout_ms(void)
{
	return READ_ONCE(kvmem_cluster.timeout_ms);
}

u32 kvmem_cluster_hedge_us(void)
{
	return READ_ONCE(kvmem_cluster.hedge_us);
}

u64 kvmem_cluster_move_rate(void)
{
	return READ_ONCE(kvmem_cluster.move_rate);
}

/* The module -------------------------------------------------------------------- */

int kvmem_peers_init(void)
{
	int ret;

	xa_init(&kvmem_cluster.peers);
	kvmem_cluster.node = KVMEM_NO_NODE;
	ret = kvmem_asks_init();
	if (!ret)
		kvmem_peers_judge_start();
	return ret;
}

/*
 * No file is open, and a transport is a module that needs us, so there is none: no
 * call, no request.
 */
void kvmem_peers_exit(void)
{
	kvmem_move_stop();
	kvmem_peers_judge_stop();
	kvmem_peers_forget();
	kvmem_asks_exit();
	kvmem_map_exit();
	memzero_explicit(&kvmem_cluster.self, sizeof(kvmem_cluster.self));
	/* Peers and maps are freed by RCU. */
	rcu_barrier();
}
