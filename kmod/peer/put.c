// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks to peers: to all owners at once.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include "ns.h"
#include "peer/ask.h"
#include "peer/route.h"
#include "trace.h"

static struct kvmem_ask *put_ask(struct kvmem_asking *asking, struct kvmem_ns *ns,
				 const struct kvmem_key *key, const struct kvmem_remote_put *put)
{
	struct kvmem_ask *ask = kvmem_ask_new(asking, ns, KVMEM_CALL_PUT, 1);

	if (!ask)
		return NULL;
	ask->keys[0] = *key;
	if (kvmem_ask_set_block(ask, put->block, put->block->size)) {
		kvmem_ask_drop(ask);
		return NULL;
	}
	ask->call.crc = put->block->crc;
	ask->call.hint_class = put->hints->hint_class;
	ask->call.priority = put->hints->priority;
	/* Its life is decided where it was put. */
	ask->call.ttl_ms = put->hints->ttl_ms ?: READ_ONCE(ns->p.ttl_ms);
	ask->call.cost = put->hints->cost;
	return ask;
}

/* NULL: it cannot be reached, or there is no memory. */
static struct kvmem_ask *put_send(struct kvmem_asking *asking, struct kvmem_ns *ns,
				  const struct kvmem_key *key,
				  const struct kvmem_remote_put *put, u16 node)
{
	struct kvmem_peer *peer = kvmem_peer_get(node);
	struct kvmem_ask *ask = NULL;

	if (!peer)
		return NULL;
	if (READ_ONCE(peer->state) != KVMEM_PEER_STATE_DOWN)
		ask = put_ask(asking, ns, key, put);
	if (ask) {
		kvmem_peer_count(peer, KVMEM_PEER_PUTS);
		if (kvmem_ask_send(ask, peer)) {
			kvmem_ask_drop(ask);
			ask = NULL;
		}
	}
	kvmem_peer_put(peer);
	return ask;
}

static void put_settle(struct kvmem_ask *ask, struct kvmem_remote_put *put)
{
	int status;

	if (kvmem_ask_settled(ask, &status) && (!status || status == -EEXIST)) {
		put->taken++;
		if (status)
			put->existed++;
		else
			kvmem_stat_add(ask->ns, KVMEM_STAT_PEER_BYTES_OUT, put->block->size);
	}
	kvmem_ask_drop(ask);
}

static int put_run(struct kvmem_asking *asking, struct kvmem_ns *ns,
		   const struct kvmem_key *key, const struct kvmem_owners *owners,
		   struct kvmem_remote_put *put)
{
	struct kvmem_ask *asks[KVMEM_MAX_COPIES] = {};
	unsigned int i;
	int ret;

	for (i = 0; i < owners->nr_now; i++)
		asks[i] = put_send(asking, ns, key, put, owners->node[i]);
	ret = kvmem_asks_wait(asking, asks, owners->nr_now);
	for (i = 0; i < owners->nr_now; i++)
		if (asks[i])
			put_settle(asks[i], put);
	return ret;
}

int kvmem_remote_put(struct kvmem_ns *ns, const struct kvmem_key *key,
		     struct kvmem_remote_put *put)
{
	struct kvmem_asking *asking;
	struct kvmem_owners owners;
	int ret = 0;

	put->taken = 0;
	put->existed = 0;
	kvmem_map_owners(key, READ_ONCE(ns->p.copies), &owners);
	if (owners.nr_now) {
		/* Without memory nobody can be asked: it stays here. */
		asking = kvmem_asking_new();
		if (asking) {
			ret = put_run(asking, ns, key, &owners, put);
			kvmem_asking_put(asking);
		}
	}
	put->here = owners.mine || !put->taken ||
		    READ_ONCE(ns->p.placement) == KVMEM_PLACEMENT_BOTH;
	if (ret)
		return ret;
	if (put->taken)
		kvmem_stat_inc(ns, KVMEM_STAT_PEER_PUTS);
	else if (owners.nr_now && !owners.mine)
		kvmem_stat_inc(ns, KVMEM_STAT_PEER_FALLBACKS);
	kvmem_peer_note_size(ns, put->block->size);
	return 0;
}
