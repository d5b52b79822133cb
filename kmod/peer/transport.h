/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The transport contract: how requests and bytes move between nodes.  Nothing
 * here knows placement; nothing behind it knows what a block is.
 *
 * A transport is a module of its own (kvmem_rdma.ko) that registers a struct
 * kvmem_transport_ops.  Calls go out by ->submit() and end by their ->done();
 * requests of other nodes come in by the kvmem_serve_*() functions.
 */
#ifndef KVMEM_TRANSPORT_H
#define KVMEM_TRANSPORT_H

#include <linux/bits.h>
#include <linux/bvec.h>
#include <linux/types.h>
#include <linux/kvmem.h>
#include <linux/kvmem_peer.h>
#include "block.h"

struct kvmem_ns;
struct kvmem_peer;

/* Keys that one EXISTS or MATCH call carries. */
#define KVMEM_CALL_KEYS		64
/* Bytes of a cluster's secret, and of an address list ("10.0.0.1:7471,10.0.1.1:7471"). */
#define KVMEM_SECRET_LEN	32
#define KVMEM_ADDRESSES_LEN	256

enum kvmem_call_type {
	KVMEM_CALL_GET,		/* one block, all of it, into @bvecs */
	KVMEM_CALL_PUT,		/* one block out of @bvecs */
	KVMEM_CALL_DELETE,	/* @keys[0] */
	KVMEM_CALL_EXISTS,	/* which of @keys are there: @found */
	KVMEM_CALL_NR
};

/**
 * struct kvmem_call - one request to a peer
 * @type: what to do
 * @ns_name: namespace, NUL-terminated
 * @fingerprint: its layout; the peer refuses another one
 * @keys: of the blocks, @nr_keys of them: 1, or up to KVMEM_CALL_KEYS for EXISTS
 * @bvecs: host pages, at least @len bytes behind @first; GET: written by the peer,
 *	PUT: read by it
 * @first: bytes of @bvecs to skip
 * @len: GET: room, and 0 asks for size and checksum alone; PUT: size of the block
 * @crc: PUT: crc32c of the block.  Out, GET: the same, as the peer knows it; the
 *	caller checks
 * @hint_class, @priority, @ttl_ms, @cost: PUT, as in struct kvmem_op.  Out, GET: of
 *	the block that came; @ttl_ms is what is left, 0: for ever
 * @timeout_ms: after that the transport ends it with -ETIMEDOUT
 * @peer: whom it was sent to, of the core
 * @start: ktime in ns, of the core
 * @status: out: 0; -ENOENT: a miss; -EMSGSIZE: longer than @len, @size says;
 *	-EEXIST: PUT, was there (as good as 0); -ENOSPC, -EDQUOT: PUT, no room;
 *	-EACCES: the namespace is not shared there, or has another layout (a miss, to
 *	applications); -EILSEQ: PUT: checksum; -ENOTCONN, -ECONNRESET, -ETIMEDOUT,
 *	-ECANCELED, -ENOMEM, -EIO: the transport's
 * @size: out, GET: bytes of the block
 * @found: out, EXISTS: bit i: keys[i] is there
 * @done: called once, from any context that may take a spinlock.  The memory is the
 *	caller's again: the peer cannot touch it any more, whatever @status is
 * @priv: of the transport, from submit to done
 */
struct kvmem_call {
	enum kvmem_call_type type;
	const char *ns_name;
	const u8 *fingerprint;
	const struct kvmem_key *keys;
	unsigned int nr_keys;
	const struct bio_vec *bvecs;
	unsigned int nr_bvecs;
	size_t first;
	size_t len;
	u32 crc;
	u8 hint_class;
	u8 priority;
	u32 ttl_ms;
	u32 cost;
	unsigned int timeout_ms;
	struct kvmem_peer *peer;
	u64 start;
	int status;
	u32 size;
	u64 found;
	void (*done)(struct kvmem_call *call);
	void *priv;
};

/* What a transport tells of its way to a peer; all of it since the peer was added. */
struct kvmem_transport_info {
	u32 rails;		/* connections wanted */
	u32 rails_up;
	u32 credits;		/* requests that may be sent now */
	u32 in_flight;		/* calls that were sent and have no answer */
	u64 rtt_ns;		/* of the last keepalive, smoothed; 0: none yet */
	u64 connects;
	u64 disconnects;
	u64 bytes_in;		/* of blocks */
	u64 bytes_out;
	u64 late;		/* answers to calls that had been given up */
	u64 bad_capsules;	/* refused, with the connection */
};

/* What this node is to others: set once, before any peer. */
struct kvmem_self {
	u16 node;		/* 0 to KVMEM_NODE_MAX */
	char cluster[KVMEM_NAME_LEN];
	u8 secret[KVMEM_SECRET_LEN];
	char listen[KVMEM_ADDRESSES_LEN];	/* empty: asks, does not serve */
	u32 keepalive_ms;
};

/**
 * struct kvmem_transport_ops - a transport; all functions but submit may sleep
 * @name: for people
 * @owner: module
 * @start: serve at self->listen, and be ready for peers
 * @stop: end that; the core has removed all peers
 * @peer_add: connect to kvmem_peer_addresses(), and go on trying, until
 * @peer_del: no connection to and no call of the peer is left when it returns
 * @submit: 0: call->done() will be called; else -ENOTCONN, -EAGAIN (no credits, queue
 *	full), -ENOMEM, and nothing has begun.  Any process context, does not sleep
 * @cancel: the call of an earlier submit is not wanted any more: it ends soon, with
 *	-ECANCELED or what it has ended with.  May be called after done() began only if
 *	the caller keeps @call alive
 * @info: what is going on
 */
struct kvmem_transport_ops {
	const char *name;
	struct module *owner;
	int (*start)(const struct kvmem_self *self);
	void (*stop)(void);
	int (*peer_add)(struct kvmem_peer *peer);
	void (*peer_del)(struct kvmem_peer *peer);
	int (*submit)(struct kvmem_peer *peer, struct kvmem_call *call);
	void (*cancel)(struct kvmem_call *call);
	void (*info)(struct kvmem_peer *peer, struct kvmem_transport_info *info);
};

/* One at a time: -EEXIST.  Unregister waits until nothing uses it any more. */
int kvmem_transport_register(const struct kvmem_transport_ops *ops);
void kvmem_transport_unregister(const struct kvmem_transport_ops *ops);

/* Of a peer, for its transport */
u16 kvmem_peer_node(const struct kvmem_peer *peer);
const char *kvmem_peer_name(const struct kvmem_peer *peer);
const char *kvmem_peer_addresses(const struct kvmem_peer *peer);
void kvmem_peer_set_priv(struct kvmem_peer *peer, void *priv);
void *kvmem_peer_priv(const struct kvmem_peer *peer);
/*
 * A way to the peer is there, or none is left; any context.  @reason: for people, a
 * constant string ("keepalive", "refused: secret", "device removed"...).
 */
void kvmem_peer_up(struct kvmem_peer *peer);
void kvmem_peer_down(struct kvmem_peer *peer, const char *reason);
/* Is there such a node among the configured peers?  Others are not let in. */
bool kvmem_peer_known(u16 node);

/*
 * Requests that came from a peer.  Process context; may wait for a device of this
 * node, for a bounded time.  Every field has come over the wire: all is checked here
 * that the transport has no reason to know.
 */

/**
 * struct kvmem_serve - a request at work
 * @node: who asks
 * @ns_name, @fingerprint, @key: what for.  The strings are the transport's
 * @size, @crc: PUT: announced; GET: of the block
 * @hint_class, @priority, @ttl_ms, @cost: as in struct kvmem_call
 * @bvecs, @nr_bvecs: memory of the block: GET: to be sent, PUT: to be filled, @size
 *	bytes, until the end is called
 * @ns, @block: of the core
 */
struct kvmem_serve {
	u16 node;
	const char *ns_name;
	const u8 *fingerprint;
	struct kvmem_key key;
	u32 size;
	u32 crc;
	u8 hint_class;
	u8 priority;
	u32 ttl_ms;
	u32 cost;
	struct bio_vec *bvecs;
	unsigned int nr_bvecs;
	struct kvmem_ns *ns;
	struct kvmem_block *block;
};

/*
 * GET: 0: @size, @crc and hints are filled, the block stays until get_end().
 * @room: bytes that the asker has; -EMSGSIZE: too few, @size and @crc are filled.
 * Else -ENOENT, -EACCES, -EIO, -ETIMEDOUT, -ENOMEM.
 */
int kvmem_serve_get(struct kvmem_serve *serve, size_t room);
/* After 0 alone.  @sent: the bytes have arrived; false: the transfer failed. */
void kvmem_serve_get_end(struct kvmem_serve *serve, bool sent);
/* PUT: 0: memory to be filled; -EEXIST: nothing to do; -EINVAL, -ENOSPC, ... */
int kvmem_serve_put(struct kvmem_serve *serve);
/*
 * After 0 alone.  @status: of the transfer; 0: the bytes are there, are checked
 * against @crc, and published.  What the asker is told: 0, -EEXIST, -EILSEQ, ...
 */
int kvmem_serve_put_end(struct kvmem_serve *serve, int status);
int kvmem_serve_delete(struct kvmem_serve *serve);
/* Bit i: keys[i] is there.  0 or an errno. */
int kvmem_serve_exists(struct kvmem_serve *serve, const struct kvmem_key *keys,
		       unsigned int nr, u64 *found);

#endif
