/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of peers share about the cluster; private to them.
 */
#ifndef KVMEM_CLUSTER_H
#define KVMEM_CLUSTER_H

#include <linux/mutex.h>
#include <linux/srcu.h>
#include <linux/xarray.h>
#include "peer/peer.h"

/**
 * struct kvmem_cluster - this node, its transport, its peers
 * @lock: serialises changes of all of it, and keeps the transport; outermost of the
 *	peers' locks
 * @self: what transports are told; keepalive_ms may change at any time
 * @is_set: @self is complete
 * @serving: the transport was started
 * @node: as in @self, for who has no lock
 * @ops: the transport or NULL; read under transport_srcu, too
 * @peers: struct kvmem_peer by number; look-up under RCU
 * @nr_peers: how many they are
 * @timeout_ms: read without the lock
 * @hedge_us: the same
 * @move_rate: the same
 */
struct kvmem_cluster {
	struct mutex lock;	/* see above */
	struct kvmem_self self;
	bool is_set;
	bool serving;
	u16 node;
	const struct kvmem_transport_ops __rcu *ops;
	struct xarray peers;
	unsigned int nr_peers;
	u32 timeout_ms;
	u32 hedge_us;
	u64 move_rate;
};

extern struct kvmem_cluster kvmem_cluster;

/* Under kvmem_cluster.lock */
int kvmem_peer_attach(struct kvmem_peer *peer);
void kvmem_peer_detach(struct kvmem_peer *peer);

/* All of them; the module goes. */
void kvmem_peers_forget(void);

#endif
