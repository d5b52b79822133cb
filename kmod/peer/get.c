// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks from peers: one owner after the other, or two at a time when the first is late.
 *
 * Room for the block is taken before its owner is asked, if there is some to be had
 * without evicting; else the owner is asked how long it is first, so that nothing is
 * evicted for a miss.
 */
#include <linux/bvec.h>
#include <linux/crc32c.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include "ns.h"
#include "peer/ask.h"
#include "peer/route.h"
#include "span.h"
#include "trace.h"

/* At a time: the first, and the one that is asked when it is late */
#define GET_ASKS	2

/**
 * struct peer_get - a block wanted
 * @ns: of the operation
 * @key: too
 * @want: too
 * @asking: where it waits
 * @route: whom to ask
 * @next: of @route, not asked yet
 * @nr: in @asks
 * @asks: under way
 * @hedge_at: ktime in ns, when the next one is asked although one is under way
 * @hedge: that is wanted
 * @span_used: a question under way has the caller's pages
 */
struct peer_get {
	struct kvmem_ns *ns;
	const struct kvmem_key *key;
	struct kvmem_remote_want *want;
	struct kvmem_asking *asking;
	struct kvmem_route route;
	unsigned int next;
	unsigned int nr;
	struct kvmem_ask *asks[GET_ASKS];
	u64 hedge_at;
	bool hedge;
	bool span_used;
};

bool kvmem_peer_routes(const struct kvmem_ns *ns)
{
	return READ_ONCE(ns->p.placement) != KVMEM_PLACEMENT_LOCAL && kvmem_map_any() &&
	       kvmem_peers_any();
}

void kvmem_peer_note_size(struct kvmem_ns *ns, u32 size)
{
	if (READ_ONCE(ns->peer_size) != size)
		WRITE_ONCE(ns->peer_size, size);
}

/* Asking ------------------------------------------------------------------------- */

static u32 get_guess(const struct peer_get *g)
{
	return READ_ONCE(g->ns->peer_size) ?: g->want->room;
}

/* Memory for @room bytes.  @evict: the block is there, so make room for it. */
static int get_memory(struct peer_get *g, struct kvmem_ask *ask, u32 room, bool evict)
{
	struct kvmem_block *block;
	int ret;

	/* Its length alone. */
	if (!room || g->want->look)
		return 0;
	if (g->want->span && !g->span_used) {
		kvmem_ask_set_span(ask, g->want->span, g->want->span->len);
		g->span_used = true;
		return 0;
	}
	block = evict ? kvmem_block_alloc(g->ns, room, false) :
			kvmem_block_alloc_free(g->ns, room);
	if (IS_ERR(block))
		return evict ? PTR_ERR(block) : 0;
	ret = kvmem_ask_set_block(ask, block, room);
	/* It has a reference of its own. */
	kvmem_block_put(block);
	return ret;
}

static int get_send(struct peer_get *g, struct kvmem_peer *peer, u32 room, bool again)
{
	struct kvmem_ask *ask = kvmem_ask_new(g->asking, g->ns, KVMEM_CALL_GET, 1);
	int ret;

	if (!ask)
		return -ENOMEM;
	ask->keys[0] = *g->key;
	ask->retried = again;
	ret = get_memory(g, ask, room, again);
	if (!ret) {
		kvmem_peer_count(peer, KVMEM_PEER_GETS);
		ret = kvmem_ask_send(ask, peer);
		if (!ret) {
			g->asks[g->nr++] = ask;
			return 0;
		}
		/* Whatever it is that the transport cannot do, another peer may be well. */
		if (ret != -EINTR)
			ret = -EHOSTUNREACH;
	}
	if (ask->call.bvecs && !ask->block)
		g->span_used = false;
	kvmem_ask_drop(ask);
	return ret;
}

static void get_set_hedge(struct peer_get *g)
{
	u32 us = kvmem_cluster_hedge_us();

	g->hedge = us && g->next < g->route.nr && g->nr < GET_ASKS;
	g->hedge_at = ktime_get_ns() + (u64)us * NSEC_PER_USEC;
}

/* The next one that takes the question.  -ENOENT: there is none. */
static int get_ask_next(struct peer_get *g)
{
	u32 room = g->want->span ? g->want->span->len : get_guess(g);
	int ret = -ENOENT;

	while (g->next < g->route.nr) {
		ret = get_send(g, g->route.peer[g->next++], room, false);
		if (ret != -EHOSTUNREACH)
			break;
		ret = -ENOENT;
	}
	get_set_hedge(g);
	return ret;
}

static void get_forget(struct peer_get *g, unsigned int i)
{
	struct kvmem_ask *ask = g->asks[i];

	if (ask->call.bvecs && !ask->block)
		g->span_used = false;
	g->asks[i] = g->asks[--g->nr];
	kvmem_ask_drop(ask);
}

/* What came -------------------------------------------------------------------------- */

static u32 span_crc(const struct kvmem_span *span, size_t len)
{
	const struct bio_vec *bv = span->bvecs;
	size_t off = span->first;
	u32 crc = ~(u32)0;

	for (; len; bv++, off = 0) {
		size_t step = min_t(size_t, len, PAGE_SIZE - off);
		void *at = kmap_local_page(bv->bv_page);

		crc = crc32c(crc, at + off, step);
		kunmap_local(at);
		len -= step;
	}
	return ~crc;
}

static bool get_is_sane(const struct kvmem_call *call)
{
	return call->size && call->size <= KVMEM_MAX_BLOCK &&
	       call->hint_class < KVMEM_NR_HINT_CLASSES && call->priority <= KVMEM_MAX_PRIORITY;
}

/* Of a block that is shorter than its room: it must not cost what it does not need. */
static struct kvmem_block *get_fit(struct kvmem_ns *ns, struct kvmem_block *block)
{
	struct kvmem_block *fit;
	int ret;

	if (kvmem_space_need(block->size, kvmem_layout_for(block->size, false)) >=
	    kvmem_block_charged(block))
		return block;
	fit = kvmem_block_alloc(ns, block->size, false);
	if (IS_ERR(fit))
		return block;
	ret = kvmem_block_copy(fit, block);
	if (!ret)
		return fit;
	kvmem_block_put(fit);
	return ERR_PTR(ret);
}

/* Where the next look-up finds it.  Somebody else's is as good. */
static struct kvmem_block *get_publish(struct peer_get *g, struct kvmem_ask *ask)
{
	const struct kvmem_call *call = &ask->call;
	struct kvmem_hints hints = {
		.fetched = true,
		.own_class = call->hint_class << 3,
		.priority = call->priority,
		.expires = call->ttl_ms ? kvmem_block_expires_after(g->ns, call->ttl_ms) : 0,
		.cost = call->cost,
		.growth = KVMEM_GROWS_LITTLE,
	};
	struct kvmem_block *block = get_fit(g->ns, ask->block);
	u16 res_flags = 0;
	int ret;

	if (IS_ERR(block))
		return block;
	if (block == ask->block)
		refcount_inc(&block->ref);
	ret = kvmem_block_commit(block, g->key, &hints);
	if (!ret)
		return block;
	kvmem_block_put(block);
	if (ret != -EEXIST)
		return ERR_PTR(ret);
	return kvmem_block_lookup(g->ns, g->key, &res_flags) ?: ERR_PTR(-ENOENT);
}

/* The question's own memory has the block. */
static int get_take_block(struct peer_get *g, struct kvmem_ask *ask)
{
	struct kvmem_remote_want *want = g->want;
	struct kvmem_block *block = ask->block;

	kvmem_block_seal(block, ask->call.size);
	if (block->crc != ask->call.crc) {
		kvmem_ask_wrong(ask);
		return -EILSEQ;
	}
	if (want->keep) {
		block = get_publish(g, ask);
		if (IS_ERR(block))
			return PTR_ERR(block);
	} else {
		refcount_inc(&block->ref);
	}
	want->block = block;
	return 0;
}

static int get_take(struct peer_get *g, struct kvmem_ask *ask)
{
	const struct kvmem_call *call = &ask->call;
	int ret = 0;

	if (!get_is_sane(call) || (call->len && call->size > call->len)) {
		kvmem_ask_wrong(ask);
		return -EILSEQ;
	}
	if (ask->block) {
		ret = get_take_block(g, ask);
	} else if (call->len && span_crc(g->want->span, call->size) != call->crc) {
		kvmem_ask_wrong(ask);
		ret = -EILSEQ;
	}
	if (ret)
		return ret;
	g->want->size = call->size;
	g->want->crc = call->crc;
	g->want->class = call->hint_class << 3;
	return 0;
}

/* It is longer than its room: 0: asked again. */
static int get_longer(struct peer_get *g, struct kvmem_ask *ask)
{
	u32 size = ask->call.size;

	if (g->want->look)
		return get_take(g, ask);
	/* What has been said once does not change: a key names the same bytes for ever. */
	if (size && size <= KVMEM_MAX_BLOCK && size > ask->call.len) {
		g->want->size = size;
		if (g->want->span && size > g->want->span->len)
			return -EMSGSIZE;
		if (!ask->retried)
			return -EAGAIN;
	}
	kvmem_ask_wrong(ask);
	return -EILSEQ;
}

/* A question has ended.  -EAGAIN: to be sent again; -EILSEQ and the like: to the next one. */
static int get_ended(struct peer_get *g, struct kvmem_ask *ask, int status)
{
	switch (status) {
	case 0:
		/* It was asked for its length, for want of memory. */
		if (!ask->call.len && !g->want->look)
			return get_longer(g, ask);
		return get_take(g, ask);
	case -EMSGSIZE:
		return get_longer(g, ask);
	default:
		return -EILSEQ;
	}
}

/* 0: the block is there; -EINPROGRESS: go on; else the end. */
static int get_settle(struct peer_get *g, unsigned int i, int status)
{
	struct kvmem_ask *ask = g->asks[i];
	struct kvmem_peer *peer = ask->peer;
	u32 room = ask->call.size;
	int ret = get_ended(g, ask, status);

	/* Read before it goes. */
	kref_get(&peer->ref);
	if (!ret)
		kvmem_peer_count(peer, KVMEM_PEER_HITS);
	get_forget(g, i);
	if (ret == -EAGAIN) {
		ret = get_send(g, peer, room, true);
		ret = !ret || ret == -EHOSTUNREACH ? -EINPROGRESS : ret;
	} else if (ret == -EILSEQ || ret == -ENOENT) {
		ret = -EINPROGRESS;
	}
	kvmem_peer_put(peer);
	return ret;
}

/* Waiting ------------------------------------------------------------------------------ */

static bool get_any_ended(const struct peer_get *g)
{
	unsigned int i;

	for (i = 0; i < g->nr; i++)
		if (kvmem_ask_ended(g->asks[i]))
			return true;
	return false;
}

static unsigned long get_wake_at(const struct peer_get *g)
{
	unsigned long at = g->asks[0]->deadline;

	if (g->nr > 1 && time_before(g->asks[1]->deadline, at))
		at = g->asks[1]->deadline;
	/* Overdue is what is behind it. */
	return at + 1;
}

/* Hedging is in times far below those of timeouts. */
static int get_wait_hedge(struct peer_get *g)
{
	s64 left = g->hedge_at - ktime_get_ns();
	int ret = 0;

	if (left > 0 && !get_any_ended(g))
		ret = __wait_event_hrtimeout(g->asking->wait, get_any_ended(g), left,
					     TASK_KILLABLE);
	return ret && ret != -ETIME ? -EINTR : 0;
}

static int get_wait(struct peer_get *g)
{
	long left = get_wake_at(g) - jiffies;

	if (g->hedge)
		return get_wait_hedge(g);
	left = wait_event_killable_timeout(g->asking->wait, get_any_ended(g), max(left, 0L));
	return left < 0 ? -EINTR : 0;
}

static int get_hedge(struct peer_get *g)
{
	int ret;

	if (!g->hedge || get_any_ended(g) || ktime_get_ns() < g->hedge_at)
		return 0;
	kvmem_peer_count(g->route.peer[g->next], KVMEM_PEER_HEDGES);
	ret = get_ask_next(g);
	return ret == -ENOENT ? 0 : ret;
}

static int get_step(struct peer_get *g)
{
	int ret = -EINPROGRESS, status;
	unsigned int i;

	if (!g->nr) {
		ret = get_ask_next(g);
		if (ret)
			return ret;
	}
	ret = get_wait(g) ?: get_hedge(g);
	if (ret)
		return ret;
	for (i = 0; i < g->nr; i++)
		if (kvmem_ask_settled(g->asks[i], &status))
			return get_settle(g, i, status);
	return -EINPROGRESS;
}

static int get_run(struct peer_get *g)
{
	int ret;

	do {
		ret = get_step(g);
	} while (ret == -EINPROGRESS);
	/* The other one, if there is one. */
	while (g->nr)
		get_forget(g, 0);
	return ret;
}

static void get_count(struct kvmem_ns *ns, const struct kvmem_remote_want *want, int ret)
{
	if (ret == -ENOENT)
		kvmem_stat_inc(ns, KVMEM_STAT_PEER_MISSES);
	if (ret || want->look)
		return;
	kvmem_stat_inc(ns, KVMEM_STAT_PEER_HITS);
	kvmem_stat_add(ns, KVMEM_STAT_PEER_BYTES_IN, want->size);
	kvmem_peer_note_size(ns, want->size);
}

int kvmem_remote_get(struct kvmem_ns *ns, const struct kvmem_key *key,
		     struct kvmem_remote_want *want)
{
	struct peer_get g = { .ns = ns, .key = key, .want = want };
	int ret;

	kvmem_route_find(ns, key, &g.route);
	if (!g.route.nr)
		return -ENOENT;
	g.asking = kvmem_asking_new();
	ret = g.asking ? get_run(&g) : -ENOMEM;
	if (g.asking)
		kvmem_asking_put(g.asking);
	kvmem_route_end(&g.route);
	get_count(ns, want, ret);
	return ret;
}
