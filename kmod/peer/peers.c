// SPDX-License-Identifier: GPL-2.0
/*
 * The table of peers.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "peer/cluster.h"
#include "peer/peer.h"

/* References ------------------------------------------------------------------ */

/* In any context: calls end in interrupts. */
static void peer_free(struct kref *ref)
{
	struct kvmem_peer *peer = container_of(ref, struct kvmem_peer, ref);

	kfree_rcu(peer, rcu);
}

void kvmem_peer_put(struct kvmem_peer *peer)
{
	kref_put(&peer->ref, peer_free);
}

struct kvmem_peer *kvmem_peer_get(u16 node)
{
	struct kvmem_peer *peer;

	rcu_read_lock();
	peer = xa_load(&kvmem_cluster.peers, node);
	if (peer && !kref_get_unless_zero(&peer->ref))
		peer = NULL;
	rcu_read_unlock();
	return peer;
}

struct kvmem_peer *kvmem_peer_get_next(u32 *node)
{
	unsigned long index = *node;
	struct kvmem_peer *peer;

	rcu_read_lock();
	for (peer = xa_find(&kvmem_cluster.peers, &index, KVMEM_NODE_MAX, XA_PRESENT); peer;
	     peer = xa_find_after(&kvmem_cluster.peers, &index, KVMEM_NODE_MAX, XA_PRESENT))
		if (kref_get_unless_zero(&peer->ref))
			break;
	rcu_read_unlock();
	*node = index;
	return peer;
}

bool kvmem_peers_any(void)
{
	return READ_ONCE(kvmem_cluster.nr_peers);
}

unsigned int kvmem_peers_nr(void)
{
	return READ_ONCE(kvmem_cluster.nr_peers);
}

/* Coming and going --------------------------------------------------------------- */

static struct kvmem_peer *peer_alloc(u16 node, const char *name, const char *addresses)
{
	struct kvmem_peer *peer = kzalloc(sizeof(*peer), GFP_KERNEL);

	if (!peer)
		return NULL;
	kref_init(&peer->ref);
	peer->node = node;
	strscpy(peer->name, name, sizeof(peer->name));
	strscpy(peer->addresses, addresses, sizeof(peer->addresses));
	init_waitqueue_head(&peer->room);
	kvmem_peer_state_init(peer);
	return peer;
}

static int peer_check(u16 node, struct netlink_ext_ack *extack)
{
	lockdep_assert_held(&kvmem_cluster.lock);
	if (!kvmem_cluster.is_set) {
		NL_SET_ERR_MSG_MOD(extack, "first say who this node is (cluster-set)");
		return -EINVAL;
	}
	if (node == kvmem_cluster.self.node) {
		NL_SET_ERR_MSG_MOD(extack, "this is the number of this node itself");
		return -EINVAL;
	}
	if (xa_load(&kvmem_cluster.peers, node)) {
		NL_SET_ERR_MSG_MOD(extack, "a peer of this number exists");
		return -EEXIST;
	}
	if (kvmem_cluster.nr_peers >= KVMEM_MAX_PEERS) {
		NL_SET_ERR_MSG_MOD(extack, "too many peers");
		return -ENOSPC;
	}
	return 0;
}

/* In the table first: the transport may let it in before peer_add() returns. */
static int peer_insert(struct kvmem_peer *peer, struct netlink_ext_ack *extack)
{
	int ret = xa_err(xa_store(&kvmem_cluster.peers, peer->node, peer, GFP_KERNEL));

	if (ret)
		return ret;
	ret = kvmem_peer_attach(peer);
	if (ret) {
		NL_SET_ERR_MSG_MOD(extack, "the transport does not take it");
		xa_erase(&kvmem_cluster.peers, peer->node);
		return ret;
	}
	WRITE_ONCE(kvmem_cluster.nr_peers, kvmem_cluster.nr_peers + 1);
	return 0;
}

int kvmem_peer_create(u16 node, const char *name, const char *addresses,
		      struct netlink_ext_ack *extack)
{
	struct kvmem_peer *peer = peer_alloc(node, name, addresses);
	int ret;

	if (!peer)
		return -ENOMEM;
	mutex_lock(&kvmem_cluster.lock);
	ret = peer_check(node, extack) ?: peer_insert(peer, extack);
	mutex_unlock(&kvmem_cluster.lock);
	if (ret) {
		kvmem_peer_state_exit(peer);
		kvmem_peer_put(peer);
	}
	return ret;
}

/* First half: nobody finds it.  Second: what is under way to it ends. */
static void peer_remove_locked(struct kvmem_peer *peer)
{
	lockdep_assert_held(&kvmem_cluster.lock);
	xa_erase(&kvmem_cluster.peers, peer->node);
	WRITE_ONCE(kvmem_cluster.nr_peers, kvmem_cluster.nr_peers - 1);
	kvmem_peer_detach(peer);
	kvmem_peer_state_exit(peer);
	kvmem_peer_put(peer);
}

int kvmem_peer_remove(u16 node)
{
	struct kvmem_peer *peer;

	mutex_lock(&kvmem_cluster.lock);
	peer = xa_load(&kvmem_cluster.peers, node);
	if (peer)
		peer_remove_locked(peer);
	mutex_unlock(&kvmem_cluster.lock);
	return peer ? 0 : -ENOENT;
}

void kvmem_peers_forget(void)
{
	struct kvmem_peer *peer;
	unsigned long i;

	mutex_lock(&kvmem_cluster.lock);
	xa_for_each(&kvmem_cluster.peers, i, peer)
		peer_remove_locked(peer);
	xa_destroy(&kvmem_cluster.peers);
	mutex_unlock(&kvmem_cluster.lock);
}

/* For the transport ------------------------------------------------------------------ */

u16 kvmem_peer_node(const struct kvmem_peer *peer)
{
	return peer->node;
}
EXPORT_SYMBOL_KVMEM(kvmem_peer_node);

const char *kvmem_peer_name(const struct kvmem_peer *peer)
{
	return peer->name;
}
EXPORT_SYMBOL_KVMEM(kvmem_peer_name);

const char *kvmem_peer_addresses(const struct kvmem_peer *peer)
{
	return peer->addresses;
}
EXPORT_SYMBOL_KVMEM(kvmem_peer_addresses);

void kvmem_peer_set_priv(struct kvmem_peer *peer, void *priv)
{
	peer->priv = priv;
}
EXPORT_SYMBOL_KVMEM(kvmem_peer_set_priv);

void *kvmem_peer_priv(const struct kvmem_peer *peer)
{
	return peer->priv;
}
EXPORT_SYMBOL_KVMEM(kvmem_peer_priv);

bool kvmem_peer_known(u16 node)
{
	bool known;

	rcu_read_lock();
	known = xa_load(&kvmem_cluster.peers, node);
	rcu_read_unlock();
	return known;
}
EXPORT_SYMBOL_KVMEM(kvmem_peer_known);
