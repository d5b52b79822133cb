// SPDX-License-Identifier: GPL-2.0
/*
 * Questions to peers: their life, sending, waiting.
 */
#include <linux/bvec.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "ns.h"
#include "peer/ask.h"
#include "span.h"
#include "trace.h"

/* Looking again whether the queue has room, ms. */
#define ASK_ROOM_MS	2
/* A transport that does not end its calls gets a line in the log this often, ms. */
#define ASK_STUCK_MS	10000

static struct workqueue_struct *ask_wq;

/* Life -------------------------------------------------------------------------- */

static void asking_free(struct kref *ref)
{
	kfree(container_of(ref, struct kvmem_asking, ref));
}

struct kvmem_asking *kvmem_asking_new(void)
{
	struct kvmem_asking *asking = kmalloc(sizeof(*asking), GFP_KERNEL);

	if (!asking)
		return NULL;
	kref_init(&asking->ref);
	init_waitqueue_head(&asking->wait);
	return asking;
}

void kvmem_asking_put(struct kvmem_asking *asking)
{
	kref_put(&asking->ref, asking_free);
}

static void ask_free(struct kvmem_ask *ask)
{
	if (ask->block) {
		kvfree(ask->bvecs);
		kvmem_block_put(ask->block);
	}
	if (ask->peer)
		kvmem_peer_put(ask->peer);
	kvmem_ns_put(ask->ns);
	kvmem_asking_put(ask->asking);
	kvfree(ask);
}

static void ask_free_work(struct work_struct *work)
{
	ask_free(container_of(work, struct kvmem_ask, free));
}

/* The transport was last, in whatever context: the block's memory goes where it may. */
static void ask_release(struct kref *ref)
{
	queue_work(ask_wq, &container_of(ref, struct kvmem_ask, ref)->free);
}

static void ask_release_here(struct kref *ref)
{
	ask_free(container_of(ref, struct kvmem_ask, ref));
}

/* Any context.  Counting and waking first: then the question may go. */
static void ask_done(struct kvmem_call *call)
{
	struct kvmem_ask *ask = container_of(call, struct kvmem_ask, call);

	if (call->type == KVMEM_CALL_GET && (!call->status || call->status == -ETIMEDOUT))
		kvmem_peer_sample(ask->peer, ktime_get_ns() - call->start);
	trace_kvmem_peer_call(ask->peer->node, call->type, ask->keys[0].b, call->status,
			      call->type == KVMEM_CALL_GET ? call->size : call->len,
			      ktime_get_ns() - call->start);
	kvmem_peer_ended(call);
	/* The status and the bytes before this; pairs with kvmem_ask_ended(). */
	smp_store_release(&ask->ended, true);
	wake_up_all(&ask->asking->wait);
	kref_put(&ask->ref, ask_release);
}

struct kvmem_ask *kvmem_ask_new(struct kvmem_asking *asking, struct kvmem_ns *ns,
				enum kvmem_call_type type, unsigned int nr)
{
	struct kvmem_ask *ask = kvzalloc(struct_size(ask, keys, nr), GFP_KERNEL);

	if (!ask)
		return NULL;
	kref_init(&ask->ref);
	kref_get(&asking->ref);
	ask->asking = asking;
	kref_get(&ns->ref);
	ask->ns = ns;
	/* Constant while somebody is attached; he who asks is. */
	memcpy(ask->fingerprint, ns->p.fingerprint, sizeof(ask->fingerprint));
	INIT_WORK(&ask->free, ask_free_work);
	ask->call.type = type;
	ask->call.ns_name = ns->p.name;
	ask->call.fingerprint = ask->fingerprint;
	ask->call.keys = ask->keys;
	ask->call.nr_keys = nr;
	ask->call.done = ask_done;
	return ask;
}

int kvmem_ask_set_block(struct kvmem_ask *ask, struct kvmem_block *block, size_t len)
{
	ask->bvecs = kvmem_block_bvecs(block, len, &ask->call.nr_bvecs);
	if (!ask->bvecs)
		return -ENOMEM;
	refcount_inc(&block->ref);
	ask->block = block;
	ask->call.bvecs = ask->bvecs;
	ask->call.len = len;
	return 0;
}

void kvmem_ask_set_span(struct kvmem_ask *ask, const struct kvmem_span *span, size_t len)
{
	ask->call.bvecs = span->bvecs;
	ask->call.nr_bvecs = DIV_ROUND_UP(span->first + len, PAGE_SIZE);
	ask->call.first = span->first;
	ask->call.len = len;
}

/* Sending ------------------------------------------------------------------------- */

/* Something of ours ends, or it is time to look again. */
static int ask_wait_room(struct kvmem_peer *peer)
{
	int before = atomic_read(&peer->in_flight);
	long left = wait_event_killable_timeout(peer->room,
						atomic_read(&peer->in_flight) < before,
						msecs_to_jiffies(ASK_ROOM_MS));

	return left < 0 ? -EINTR : 0;
}

static int ask_submit(struct kvmem_ask *ask)
{
	int ret;

	/* The transport's. */
	kref_get(&ask->ref);
	ret = kvmem_peer_submit(ask->peer, &ask->call);
	if (ret)
		kref_put(&ask->ref, ask_release_here);
	return ret;
}

int kvmem_ask_send(struct kvmem_ask *ask, struct kvmem_peer *peer)
{
	u32 timeout_ms = kvmem_cluster_timeout_ms();
	unsigned long full = jiffies + msecs_to_jiffies(timeout_ms);
	int ret;

	kref_get(&peer->ref);
	ask->peer = peer;
	ask->call.timeout_ms = timeout_ms;
	for (;;) {
		ask->deadline = jiffies + msecs_to_jiffies(timeout_ms + KVMEM_ASK_GRACE_MS);
		ret = ask_submit(ask);
		if (ret != -EAGAIN || time_after(jiffies, full))
			break;
		ret = ask_wait_room(peer);
		if (ret)
			return ret;
	}
	ask->sent = !ret;
	if (ret)
		kvmem_peer_count(peer, KVMEM_PEER_ERRORS);
	return ret;
}

/* The end --------------------------------------------------------------------------- */

/* Answers, and what is nobody's fault, are no errors. */
static void ask_count(struct kvmem_peer *peer, int status)
{
	switch (status) {
	case 0:
	case -EACCES:
	case -ECANCELED:
	case -EDQUOT:
	case -EEXIST:
	case -EMSGSIZE:
	case -ENOENT:
	case -ENOSPC:
		return;
	case -ETIMEDOUT:
		kvmem_peer_count(peer, KVMEM_PEER_TIMEOUTS);
		kvmem_peers_judge();
		fallthrough;
	default:
		kvmem_peer_count(peer, KVMEM_PEER_ERRORS);
	}
}

bool kvmem_ask_settled(struct kvmem_ask *ask, int *status)
{
	if (kvmem_ask_ended(ask))
		*status = ask->call.status;
	else if (time_after(jiffies, ask->deadline))
		*status = -ETIMEDOUT;
	else
		return false;
	ask_count(ask->peer, *status);
	return true;
}

void kvmem_ask_wrong(struct kvmem_ask *ask)
{
	kvmem_peer_count(ask->peer, KVMEM_PEER_ERRORS);
	pr_warn_ratelimited("peer %u (%s): ns %u: block %*phN is not what was put\n",
			    ask->peer->node, ask->peer->name, ask->ns->id, 8, ask->keys[0].b);
}

/* The caller's pages are the caller's again only after this. */
static void ask_wait_end(struct kvmem_ask *ask)
{
	while (!wait_event_timeout(ask->asking->wait, kvmem_ask_ended(ask),
				   msecs_to_jiffies(ASK_STUCK_MS)))
		pr_err_ratelimited("peer %u (%s): the transport does not end a call\n",
				   ask->peer->node, ask->peer->name);
}

void kvmem_ask_drop(struct kvmem_ask *ask)
{
	if (ask->sent && !kvmem_ask_ended(ask)) {
		kvmem_peer_cancel(&ask->call);
		if (ask->call.bvecs && !ask->block)
			ask_wait_end(ask);
	}
	kref_put(&ask->ref, ask_release_here);
}

/* Until which jiffies is one of them waited for?  False: none is. */
static bool asks_deadline(struct kvmem_ask **asks, unsigned int nr, unsigned long *deadline)
{
	bool any = false;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!asks[i] || !asks[i]->sent || kvmem_ask_ended(asks[i]))
			continue;
		if (!any || time_after(asks[i]->deadline, *deadline))
			*deadline = asks[i]->deadline;
		any = true;
	}
	return any;
}

int kvmem_asks_wait(struct kvmem_asking *asking, struct kvmem_ask **asks, unsigned int nr)
{
	unsigned long deadline, unused;
	long left;

	while (asks_deadline(asks, nr, &deadline)) {
		left = deadline - jiffies;
		if (left < 0)
			return 0;
		left = wait_event_killable_timeout(asking->wait,
						   !asks_deadline(asks, nr, &unused), left + 1);
		if (left < 0)
			return -EINTR;
	}
	return 0;
}

/* Routes ------------------------------------------------------------------------------ */

/* Sorted by (slow, expected wait); what it is now will do. */
struct route_key {
	bool slow;
	u64 wait;
};

static bool route_before(const struct route_key *a, const struct route_key *b)
{
	return a->slow != b->slow ? !a->slow : a->wait < b->wait;
}

static void route_insert(struct kvmem_route *route, struct route_key *keys,
			 struct kvmem_peer *peer, u8 state)
{
	struct route_key key = {
		.slow = state == KVMEM_PEER_STATE_SLOW,
		.wait = kvmem_peer_wait_ns(peer),
	};
	unsigned int i = route->nr++;

	for (; i && route_before(&key, &keys[i - 1]); i--) {
		keys[i] = keys[i - 1];
		route->peer[i] = route->peer[i - 1];
	}
	keys[i] = key;
	route->peer[i] = peer;
}

void kvmem_route_find(struct kvmem_ns *ns, const struct kvmem_key *key,
		      struct kvmem_route *route)
{
	struct route_key keys[KVMEM_MAX_OWNERS];
	struct kvmem_owners owners;
	struct kvmem_peer *peer;
	unsigned int i;
	u8 state;

	route->nr = 0;
	kvmem_map_owners(key, READ_ONCE(ns->p.copies), &owners);
	for (i = 0; i < owners.nr; i++) {
		peer = kvmem_peer_get(owners.node[i]);
		if (!peer)
			continue;
		state = READ_ONCE(peer->state);
		if (state == KVMEM_PEER_STATE_DOWN)
			kvmem_peer_put(peer);
		else
			route_insert(route, keys, peer, state);
	}
}

void kvmem_route_end(struct kvmem_route *route)
{
	while (route->nr)
		kvmem_peer_put(route->peer[--route->nr]);
}

/* The module ---------------------------------------------------------------------------- */

int kvmem_asks_init(void)
{
	ask_wq = alloc_workqueue("kvmem_peer", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return ask_wq ? 0 : -ENOMEM;
}

/* No transport is there, so every call has ended. */
void kvmem_asks_exit(void)
{
	destroy_workqueue(ask_wq);
}
