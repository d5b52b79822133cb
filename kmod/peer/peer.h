/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Peers: the cluster, its nodes, the placement map.
 */
#ifndef KVMEM_PEER_H
#define KVMEM_PEER_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/kvmem_netlink.h>
#include <linux/kvmem_peer.h>
#include "peer/transport.h"

struct netlink_ext_ack;

#define KVMEM_MAX_PEERS		4096
/* As a state of which one changes: whichever */
#define KVMEM_PEER_STATE_NR	(KVMEM_PEER_STATE_SLOW + 1)

/* Bounds and defaults of what cluster-set takes */
#define KVMEM_KEEPALIVE_MIN_MS	100
#define KVMEM_KEEPALIVE_MAX_MS	60000
#define KVMEM_KEEPALIVE_MS	1000
#define KVMEM_TIMEOUT_MIN_MS	10
#define KVMEM_TIMEOUT_MAX_MS	60000
#define KVMEM_TIMEOUT_MS	1000

/* What is counted of a peer; all only grow */
enum kvmem_peer_count {
	KVMEM_PEER_GETS,
	KVMEM_PEER_HITS,
	KVMEM_PEER_PUTS,
	KVMEM_PEER_ERRORS,
	KVMEM_PEER_TIMEOUTS,
	KVMEM_PEER_HEDGES,
	KVMEM_PEER_SERVED_GETS,
	KVMEM_PEER_SERVED_PUTS,
	KVMEM_PEER_REFUSED,
	KVMEM_PEER_COUNT_NR
};

/**
 * struct kvmem_peer - another node
 * @ref: one for the table, one for each call and each that looks at it
 * @rcu: frees it after look-ups are over
 * @node: its number
 * @name: for people
 * @addresses: for the transport
 * @priv: of the transport
 * @attached: the transport knows it, so calls may be submitted; written under
 *	cluster.lock, read under cluster.srcu
 * @lock: guards @state and @reason; taken in interrupts, innermost
 * @state: enum kvmem_peer_state
 * @reason: why it is down, a constant string
 * @changed: tells of a new state, where one may sleep
 * @in_flight: calls without an answer
 * @latency: how long a GET takes, ns, smoothed; races cost accuracy at most
 * @sampled: when it was last measured, ktime in ns
 * @room: waited on by who found the queue full; woken as calls end
 * @counts: by enum kvmem_peer_count
 */
struct kvmem_peer {
	struct kref ref;
	struct rcu_head rcu;
	u16 node;
	char name[KVMEM_NAME_LEN];
	char addresses[KVMEM_ADDRESSES_LEN];
	void *priv;
	bool attached;
	spinlock_t lock;	/* see above */
	u8 state;
	const char *reason;
	struct work_struct changed;
	atomic_t in_flight;
	u64 latency;
	u64 sampled;
	wait_queue_head_t room;
	atomic64_t counts[KVMEM_PEER_COUNT_NR];
};

static inline void kvmem_peer_count(struct kvmem_peer *peer, enum kvmem_peer_count what)
{
	atomic64_inc(&peer->counts[what]);
}

int kvmem_peers_init(void);
void kvmem_peers_exit(void);

/* Which members of struct kvmem_cluster_params a change carries */
enum kvmem_cluster_mask {
	KVMEM_CLUSTER_P_SELF		= 1 << 0,	/* node, name, secret, listen */
	KVMEM_CLUSTER_P_KEEPALIVE	= 1 << 1,
	KVMEM_CLUSTER_P_TIMEOUT		= 1 << 2,
	KVMEM_CLUSTER_P_HEDGE		= 1 << 3,
	KVMEM_CLUSTER_P_MOVE_RATE	= 1 << 4,
};

/**
 * struct kvmem_cluster_params - what netlink sets and tells
 * @self: this node; told without the secret
 * @is_set: told: @self has been set
 * @timeout_ms: as in docs/netlink/specs/kvmem.yaml
 * @hedge_us: too
 * @move_rate: too
 * @transport: told: its name, or empty
 */
struct kvmem_cluster_params {
	struct kvmem_self self;
	bool is_set;
	u32 timeout_ms;
	u32 hedge_us;
	u64 move_rate;
	char transport[16];
};

/* 0; -EBUSY: this node is another one, and has begun; the transport's: it cannot serve. */
int kvmem_cluster_set(const struct kvmem_cluster_params *p, u32 mask,
		      struct netlink_ext_ack *extack);
void kvmem_cluster_read(struct kvmem_cluster_params *p);
/* KVMEM_NO_NODE: not set. */
u16 kvmem_cluster_node(void);
u32 kvmem_cluster_timeout_ms(void);
u32 kvmem_cluster_hedge_us(void);
u64 kvmem_cluster_move_rate(void);

/*
 * Peers.  0; -EEXIST, -EINVAL: this node itself, or it has no number yet; -ENOSPC,
 * -ENOMEM, the transport's.
 */
int kvmem_peer_create(u16 node, const char *name, const char *addresses,
		      struct netlink_ext_ack *extack);
/* Calls to it have ended when this returns.  0, -ENOENT. */
int kvmem_peer_remove(u16 node);
/* Referenced, or NULL. */
struct kvmem_peer *kvmem_peer_get(u16 node);
/* First peer with a number of at least *@node, referenced. */
struct kvmem_peer *kvmem_peer_get_next(u32 *node);
void kvmem_peer_put(struct kvmem_peer *peer);
bool kvmem_peers_any(void);
unsigned int kvmem_peers_nr(void);
/* What the transport knows; false: nothing.  Sleeps. */
bool kvmem_peer_info(struct kvmem_peer *peer, struct kvmem_transport_info *info);

/* 0: call->done() will be called; else as ->submit() says. */
int kvmem_peer_submit(struct kvmem_peer *peer, struct kvmem_call *call);
/* call->done() was not called yet when the caller looked; may sleep. */
void kvmem_peer_cancel(struct kvmem_call *call);
/* A call has ended, with call->status; from its done(), in any context. */
void kvmem_peer_ended(struct kvmem_call *call);

/* state.c */
u8 kvmem_peer_state(struct kvmem_peer *peer, const char **reason);
void kvmem_peer_state_init(struct kvmem_peer *peer);
/* Takes the peer's news back, before it goes. */
void kvmem_peer_state_exit(struct kvmem_peer *peer);
/* A GET took @ns. */
void kvmem_peer_sample(struct kvmem_peer *peer, u64 ns);
/* How long a GET that is sent now is expected to take, ns. */
u64 kvmem_peer_wait_ns(const struct kvmem_peer *peer);
/* Look again who is slow, soon. */
void kvmem_peers_judge(void);
void kvmem_peers_judge_start(void);
void kvmem_peers_judge_stop(void);

/**
 * struct kvmem_owner_map - who owns which slot; constant once published
 * @rcu: frees it after look-ups are over
 * @epoch: its version
 * @previous: the map before, or NULL; read under RCU
 * @owner: by plane and slot, the most wanted first; KVMEM_NO_NODE: none
 */
struct kvmem_owner_map {
	struct rcu_head rcu;
	u64 epoch;
	struct kvmem_owner_map __rcu *previous;
	u16 owner[KVMEM_MAX_COPIES][KVMEM_NR_SLOTS];
};

/* Owners in two maps */
#define KVMEM_MAX_OWNERS	(2 * KVMEM_MAX_COPIES)

/**
 * struct kvmem_owners - of one slot, for a number of copies
 * @nr: entries in @node, none twice
 * @nr_now: of these, the first ones, in the map at hand; the others are in the one before
 * @mine: this node is among those of the map at hand
 * @node: without this node
 */
struct kvmem_owners {
	u8 nr;
	u8 nr_now;
	bool mine;
	u16 node[KVMEM_MAX_OWNERS];
};

struct kvmem_map_info {
	u64 epoch;
	u64 previous;
};

/*
 * A map of @nr planes.  0; -ESTALE: @epoch is not larger than that of the map at hand;
 * -ENOMEM.
 */
int kvmem_map_set(u64 epoch, const u16 *const planes[], unsigned int nr);
/* Forget the map before; -ESTALE: @epoch is not that of the map at hand. */
int kvmem_map_settle(u64 epoch);
void kvmem_map_read(struct kvmem_map_info *info);
/* Plane 0 to 2 of the map at hand, 3 to 5 of the one before; -ENOENT: no such map. */
int kvmem_map_copy(unsigned int plane, u16 *owners);
bool kvmem_map_any(void);
/* False: there is no map. */
bool kvmem_map_owners(const struct kvmem_key *key, unsigned int copies,
		      struct kvmem_owners *owners);
/*
 * Owners that a block that is here should be told of, as far as the maps say: those that
 * are new, or, if it is no block of ours, all of them.  How many; @nodes has room for
 * KVMEM_MAX_COPIES.
 */
unsigned int kvmem_map_targets(const struct kvmem_key *key, unsigned int copies, u16 *nodes);
void kvmem_map_exit(void);

/**
 * struct kvmem_move_info - how far the blocks are that go to new owners
 * @blocks: that went, since the map was set
 * @bytes: of them
 * @left: that did not, as far as they were looked at
 * @moving: it goes on
 */
struct kvmem_move_info {
	u64 blocks;
	u64 bytes;
	u64 left;
	bool moving;
};

/* move.c: there is another map, or another rate: look what is to be moved. */
void kvmem_move_kick(void);
void kvmem_move_read(struct kvmem_move_info *info);
void kvmem_move_stop(void);

#endif
