// SPDX-License-Identifier: GPL-2.0
/*
 * Which peers can be asked, and how soon an answer is to be expected.
 *
 * The transport says who is up and who is down; who is slow is judged here, by
 * comparison: slow for one is what is far slower than the others.  What was measured
 * loses weight with time, so that one that is asked last is asked again some day.
 */
#include <linux/export.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include "netlink.h"
#include "peer/peer.h"
#include "trace.h"

/* Looked at this often while there are peers. */
#define JUDGE_MS		1000
/* So many times slower than the quickest of the others, and at least so slow ... */
#define SLOW_TIMES		8
#define SLOW_NS			(10 * NSEC_PER_MSEC)
/* ... and not slow any more at this share of it. */
#define SLOW_RETURN		2
/* One sample in so many counts. */
#define SAMPLE_SHIFT		3
/* A measurement is worth half after this time. */
#define SAMPLE_HALF_NS		(2 * NSEC_PER_SEC)
/* Before anything was measured */
#define LATENCY_UNKNOWN_NS	(100 * NSEC_PER_USEC)

/* State ------------------------------------------------------------------------- */

static void state_changed(struct work_struct *work)
{
	kvmem_event_peer(container_of(work, struct kvmem_peer, changed));
}

void kvmem_peer_state_init(struct kvmem_peer *peer)
{
	spin_lock_init(&peer->lock);
	peer->state = KVMEM_PEER_STATE_DOWN;
	peer->reason = "not connected yet";
	INIT_WORK(&peer->changed, state_changed);
}

void kvmem_peer_state_exit(struct kvmem_peer *peer)
{
	cancel_work_sync(&peer->changed);
}

u8 kvmem_peer_state(struct kvmem_peer *peer, const char **reason)
{
	unsigned long flags;
	u8 state;

	spin_lock_irqsave(&peer->lock, flags);
	state = peer->state;
	*reason = peer->reason;
	spin_unlock_irqrestore(&peer->lock, flags);
	return state;
}

/* Events are sent where one may sleep; several at once become one. */
static void state_set(struct kvmem_peer *peer, u8 from, u8 state, const char *reason)
{
	unsigned long flags;
	bool news = false;
	u8 old;

	spin_lock_irqsave(&peer->lock, flags);
	old = peer->state;
	if (from == KVMEM_PEER_STATE_NR || peer->state == from) {
		news = old != state;
		/* Read without the lock by who chooses among peers. */
		WRITE_ONCE(peer->state, state);
		peer->reason = reason;
	}
	spin_unlock_irqrestore(&peer->lock, flags);
	if (!news)
		return;
	trace_kvmem_peer_state(peer->node, old, state);
	queue_work(system_dfl_wq, &peer->changed);
}

void kvmem_peer_up(struct kvmem_peer *peer)
{
	state_set(peer, KVMEM_PEER_STATE_DOWN, KVMEM_PEER_STATE_UP, NULL);
}
EXPORT_SYMBOL_KVMEM(kvmem_peer_up);

void kvmem_peer_down(struct kvmem_peer *peer, const char *reason)
{
	state_set(peer, KVMEM_PEER_STATE_NR, KVMEM_PEER_STATE_DOWN, reason);
}
EXPORT_SYMBOL_KVMEM(kvmem_peer_down);

/* Expected wait -------------------------------------------------------------------- */

void kvmem_peer_sample(struct kvmem_peer *peer, u64 ns)
{
	u64 old = READ_ONCE(peer->latency);

	ns = max_t(u64, ns, 1);
	if (old)
		ns = max_t(s64, old + (((s64)ns - (s64)old) >> SAMPLE_SHIFT), 1);
	WRITE_ONCE(peer->latency, ns);
	WRITE_ONCE(peer->sampled, ktime_get_ns());
}

static u64 peer_latency(const struct kvmem_peer *peer)
{
	u64 age = ktime_get_ns() - READ_ONCE(peer->sampled);
	u64 ns = READ_ONCE(peer->latency);

	if (!ns)
		return 0;
	return ns >> min_t(u64, div_u64(age, SAMPLE_HALF_NS), 32) ?: 1;
}

u64 kvmem_peer_wait_ns(const struct kvmem_peer *peer)
{
	u64 ns = peer_latency(peer) ?: LATENCY_UNKNOWN_NS;

	return ns * (1 + max(atomic_read(&peer->in_flight), 0));
}

/* Slow ones ------------------------------------------------------------------------- */

struct judgement {
	u64 best, second;
	const struct kvmem_peer *best_peer;
};

static void judge_see(struct judgement *j, const struct kvmem_peer *peer)
{
	u64 ns = peer_latency(peer);

	if (!ns || READ_ONCE(peer->state) == KVMEM_PEER_STATE_DOWN)
		return;
	if (ns < j->best) {
		j->second = j->best;
		j->best = ns;
		j->best_peer = peer;
	} else if (ns < j->second) {
		j->second = ns;
	}
}

static void judge_one(const struct judgement *j, struct kvmem_peer *peer)
{
	u64 other = peer == j->best_peer ? j->second : j->best;
	u64 ns = peer_latency(peer), bound;

	bound = other > div_u64(U64_MAX, SLOW_TIMES) ? U64_MAX :
		max_t(u64, other * SLOW_TIMES, SLOW_NS);
	if (ns > bound)
		state_set(peer, KVMEM_PEER_STATE_UP, KVMEM_PEER_STATE_SLOW, NULL);
	else if (ns < bound / SLOW_RETURN)
		state_set(peer, KVMEM_PEER_STATE_SLOW, KVMEM_PEER_STATE_UP, NULL);
}

static void judge_all(struct work_struct *work);
static DECLARE_DELAYED_WORK(judge_work, judge_all);

static void judge_all(struct work_struct *work)
{
	struct judgement j = { .best = U64_MAX, .second = U64_MAX };
	struct kvmem_peer *peer;
	u32 node;

	for (node = 0; (peer = kvmem_peer_get_next(&node)); node++) {
		judge_see(&j, peer);
		kvmem_peer_put(peer);
	}
	for (node = 0; (peer = kvmem_peer_get_next(&node)); node++) {
		judge_one(&j, peer);
		kvmem_peer_put(peer);
	}
	queue_delayed_work(system_dfl_wq, &judge_work, msecs_to_jiffies(JUDGE_MS));
}

void kvmem_peers_judge(void)
{
	mod_delayed_work(system_dfl_wq, &judge_work, 0);
}

void kvmem_peers_judge_start(void)
{
	queue_delayed_work(system_dfl_wq, &judge_work, msecs_to_jiffies(JUDGE_MS));
}

void kvmem_peers_judge_stop(void)
{
	cancel_delayed_work_sync(&judge_work);
}
