// SPDX-License-Identifier: GPL-2.0
/*
 * Questions to many: is it there, and drop it.
 */
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "ns.h"
#include "peer/ask.h"
#include "peer/route.h"

/* EXISTS --------------------------------------------------------------------------- */

/**
 * struct peer_exists - keys that are looked for
 * @ns: of the operation
 * @keys: too
 * @nr: how many
 * @asking: where it waits
 * @open: bit set: not found yet, and wanted
 * @found: as far as is known
 * @nr_asks: in @asks
 * @asks: of the round at hand
 * @which: by question, the number of each of its keys
 * @routes: by key, the owners, node numbers
 * @nr_routes: how many
 */
struct peer_exists {
	struct kvmem_ns *ns;
	const struct kvmem_key *keys;
	unsigned int nr;
	struct kvmem_asking *asking;
	u64 open;
	u64 found;
	unsigned int nr_asks;
	struct kvmem_ask *asks[KVMEM_CALL_KEYS];
	u8 which[KVMEM_CALL_KEYS][KVMEM_CALL_KEYS];
	u8 nr_routes[KVMEM_CALL_KEYS];
	u16 routes[KVMEM_CALL_KEYS][KVMEM_MAX_OWNERS];
};

static void exists_route(struct peer_exists *e, unsigned int i)
{
	struct kvmem_route route;
	unsigned int j;

	kvmem_route_find(e->ns, &e->keys[i], &route);
	for (j = 0; j < route.nr; j++)
		e->routes[i][j] = route.peer[j]->node;
	e->nr_routes[i] = route.nr;
	kvmem_route_end(&route);
}

/* Those of @open whose owner in this round is @node, in one question. */
static struct kvmem_ask *exists_ask(struct peer_exists *e, unsigned int round, u64 *open,
				    u16 node)
{
	u8 *which = e->which[e->nr_asks];
	struct kvmem_ask *ask;
	unsigned int i, nr = 0;

	for (i = 0; i < e->nr; i++)
		if (*open & BIT_ULL(i) && round < e->nr_routes[i] &&
		    e->routes[i][round] == node)
			which[nr++] = i;
	ask = kvmem_ask_new(e->asking, e->ns, KVMEM_CALL_EXISTS, nr);
	for (i = 0; i < nr; i++) {
		*open &= ~BIT_ULL(which[i]);
		if (ask)
			ask->keys[i] = e->keys[which[i]];
	}
	return ask;
}

static int exists_send(struct peer_exists *e, struct kvmem_ask *ask, u16 node)
{
	struct kvmem_peer *peer = kvmem_peer_get(node);
	int ret = -ENOTCONN;

	if (peer) {
		ret = kvmem_ask_send(ask, peer);
		kvmem_peer_put(peer);
	}
	if (!ret)
		e->asks[e->nr_asks++] = ask;
	else
		kvmem_ask_drop(ask);
	/* Who cannot be reached has nothing. */
	return ret == -EINTR ? ret : 0;
}

static void exists_settle(struct peer_exists *e)
{
	unsigned int i, j;
	int status;

	for (i = 0; i < e->nr_asks; i++) {
		struct kvmem_ask *ask = e->asks[i];

		if (kvmem_ask_settled(ask, &status) && !status)
			for (j = 0; j < ask->call.nr_keys; j++)
				if (ask->call.found & BIT_ULL(j))
					e->found |= BIT_ULL(e->which[i][j]);
		kvmem_ask_drop(ask);
	}
	e->nr_asks = 0;
	e->open &= ~e->found;
}

/* Each key to its owner number @round. */
static int exists_round(struct peer_exists *e, unsigned int round)
{
	u64 open = e->open;
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < e->nr; i++) {
		struct kvmem_ask *ask;
		u16 node;

		if (!(open & BIT_ULL(i)) || round >= e->nr_routes[i])
			continue;
		node = e->routes[i][round];
		ask = exists_ask(e, round, &open, node);
		ret = ask ? exists_send(e, ask, node) : -ENOMEM;
	}
	if (!ret)
		ret = kvmem_asks_wait(e->asking, e->asks, e->nr_asks);
	exists_settle(e);
	return ret;
}

static int exists_run(struct peer_exists *e)
{
	unsigned int i, round;
	int ret = 0;

	for (i = 0; i < e->nr; i++)
		if (e->open & BIT_ULL(i))
			exists_route(e, i);
	for (round = 0; !ret && e->open && round < KVMEM_MAX_OWNERS; round++)
		ret = exists_round(e, round);
	return ret;
}

int kvmem_remote_exists(struct kvmem_ns *ns, const struct kvmem_key *keys, unsigned int nr,
			u64 want, u64 *found)
{
	struct peer_exists *e;
	int ret = -ENOMEM;

	*found = 0;
	if (WARN_ON_ONCE(nr > KVMEM_CALL_KEYS))
		return -EINVAL;
	e = kzalloc(sizeof(*e), GFP_KERNEL);
	if (!e)
		return -ENOMEM;
	e->ns = ns;
	e->keys = keys;
	e->nr = nr;
	e->open = want;
	e->asking = kvmem_asking_new();
	if (e->asking) {
		ret = exists_run(e);
		kvmem_asking_put(e->asking);
	}
	*found = e->found;
	kfree(e);
	return ret;
}

/* DELETE ---------------------------------------------------------------------------- */

static struct kvmem_ask *delete_send(struct kvmem_asking *asking, struct kvmem_ns *ns,
				     const struct kvmem_key *key, struct kvmem_peer *peer)
{
	struct kvmem_ask *ask;

	if (READ_ONCE(peer->state) == KVMEM_PEER_STATE_DOWN)
		return NULL;
	ask = kvmem_ask_new(asking, ns, KVMEM_CALL_DELETE, 1);
	if (!ask)
		return NULL;
	ask->keys[0] = *key;
	if (!kvmem_ask_send(ask, peer))
		return ask;
	kvmem_ask_drop(ask);
	return NULL;
}

/* All of them are asked before the first answer is waited for. */
static bool delete_run(struct kvmem_asking *asking, struct kvmem_ns *ns,
		       const struct kvmem_key *key, struct kvmem_ask **asks, unsigned int max)
{
	struct kvmem_peer *peer;
	unsigned int nr = 0;
	bool deleted = false;
	int status;
	u32 node;

	for (node = 0; nr < max && (peer = kvmem_peer_get_next(&node)); node++) {
		asks[nr] = delete_send(asking, ns, key, peer);
		if (asks[nr])
			nr++;
		kvmem_peer_put(peer);
	}
	/* Killed or not: what has been sent is on its way. */
	kvmem_asks_wait(asking, asks, nr);
	while (nr--) {
		if (kvmem_ask_settled(asks[nr], &status) && !status)
			deleted = true;
		kvmem_ask_drop(asks[nr]);
	}
	return deleted;
}

bool kvmem_remote_delete(struct kvmem_ns *ns, const struct kvmem_key *key)
{
	struct kvmem_asking *asking = kvmem_asking_new();
	/* One that comes meanwhile need not have been asked. */
	unsigned int max = kvmem_peers_nr();
	struct kvmem_ask **asks = NULL;
	bool deleted = false;

	if (asking)
		asks = kvmalloc_array(max, sizeof(*asks), GFP_KERNEL);
	if (asks)
		deleted = delete_run(asking, ns, key, asks, max);
	kvfree(asks);
	if (asking)
		kvmem_asking_put(asking);
	return deleted;
}
