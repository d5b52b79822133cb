// SPDX-License-Identifier: GPL-2.0
/*
 * Movement: after a change of the map, blocks go to their new owners.
 *
 * Nothing has to move before it can be found: the map before is asked as well.  So this is
 * in no hurry: one block after the other, at the rate that the administrator gives, and
 * only what is worth it.  Whoever was an owner sends what is in its DRAM; an owner that
 * has a block already says so before a byte of it has been moved.
 */
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/wait.h>
#include "arena.h"
#include "netlink.h"
#include "ns.h"
#include "peer/ask.h"
#include "peer/peer.h"

/* Owners that could not be reached are tried again after this, longer and longer, ms. */
#define MOVE_AGAIN_MS		1000
#define MOVE_AGAIN_MAX_MS	60000
/* The longest pause for one block, ms: a rate that is lower than that is not kept. */
#define MOVE_PAUSE_MAX_MS	10000
/* Of a quota, in sixteenths: from here on blocks are evicted. */
#define MOVE_FULL		15

static void move_work(struct work_struct *work);

/* The one who moves.  Read without a lock; written by the work, the flags by others. */
static struct {
	struct delayed_work work;
	wait_queue_head_t wait;	/* where it pauses */
	bool kicked;		/* there is another map or rate: begin anew */
	bool stop;		/* for good */
	struct kvmem_move_info info;
	unsigned int again_ms;	/* the next pause after a walk with something left */
} mover = {
	.work = __DELAYED_WORK_INITIALIZER(mover.work, move_work, 0),
	.wait = __WAIT_QUEUE_HEAD_INITIALIZER(mover.wait),
};

void kvmem_move_kick(void)
{
	if (READ_ONCE(mover.stop) || !kvmem_map_any())
		return;
	WRITE_ONCE(mover.kicked, true);
	wake_up(&mover.wait);
	mod_delayed_work(system_dfl_wq, &mover.work, 0);
}

void kvmem_move_read(struct kvmem_move_info *info)
{
	info->blocks = READ_ONCE(mover.info.blocks);
	info->bytes = READ_ONCE(mover.info.bytes);
	info->left = READ_ONCE(mover.info.left);
	info->moving = READ_ONCE(mover.info.moving);
}

static bool move_interrupted(void)
{
	return READ_ONCE(mover.kicked) || READ_ONCE(mover.stop);
}

/* What is worth it ---------------------------------------------------------------- */

static bool move_is_full(const struct kvmem_ns *ns)
{
	u64 bytes = READ_ONCE(ns->p.quota_bytes), blocks = READ_ONCE(ns->p.quota_blocks);
	struct kvmem_arena_info arena;

	if ((bytes && READ_ONCE(ns->used_bytes) / MOVE_FULL > bytes / 16) ||
	    (blocks && READ_ONCE(ns->used_blocks) / MOVE_FULL > blocks / 16))
		return true;
	kvmem_arena_get_info(&arena);
	return !arena.free && arena.allocated >= arena.limit;
}

static u32 move_value(struct kvmem_ns *ns, const struct kvmem_block *block)
{
	u64 now = ktime_get_ns(), used = READ_ONCE(block->last_use);

	return kvmem_ns_value(ns, READ_ONCE(block->class), now > used ? now - used : 0);
}

/* What is worth no more than the block that is evicted next stays, and goes as that does. */
static u32 move_threshold(struct kvmem_ns *ns)
{
	return move_is_full(ns) ? kvmem_evict_next_value(ns) : 0;
}

/* Sending --------------------------------------------------------------------------- */

/* A walk over one namespace */
struct move_walk {
	struct kvmem_ns *ns;
	struct kvmem_asking *asking;
	u32 threshold;
};

/* 0: it has it now; -EEXIST: it had it; else an errno. */
static int move_send(struct move_walk *w, struct kvmem_block *block, struct kvmem_peer *peer)
{
	struct kvmem_ask *ask = kvmem_ask_new(w->asking, w->ns, KVMEM_CALL_PUT, 1);
	int ret;

	if (!ask)
		return -ENOMEM;
	ask->keys[0] = block->key;
	ask->call.crc = block->crc;
	ask->call.hint_class = READ_ONCE(block->class) >> 3;
	ask->call.priority = min_t(u8, READ_ONCE(block->priority), KVMEM_MAX_PRIORITY);
	ask->call.ttl_ms = kvmem_expires_left_ms(block->expires);
	ask->call.cost = block->cost;
	ret = kvmem_ask_set_block(ask, block, block->size);
	if (!ret) {
		kvmem_peer_count(peer, KVMEM_PEER_PUTS);
		ret = kvmem_ask_send(ask, peer) ?: kvmem_asks_wait(w->asking, &ask, 1);
	}
	if (!ret && !kvmem_ask_settled(ask, &ret))
		ret = -ETIMEDOUT;
	kvmem_ask_drop(ask);
	return ret;
}

static void move_pause(u32 size)
{
	u64 rate = kvmem_cluster_move_rate();
	u64 ms = rate ? div64_u64((u64)size * MSEC_PER_SEC, rate) : 0;

	ms = min_t(u64, ms, MOVE_PAUSE_MAX_MS);
	if (ms)
		wait_event_timeout(mover.wait, move_interrupted(), msecs_to_jiffies(ms));
}

/* To one of its owners.  False: that is still to be done. */
static bool move_to(struct move_walk *w, struct kvmem_block *block, u16 node)
{
	struct kvmem_peer *peer = kvmem_peer_get(node);
	int ret = -ENOTCONN;

	if (!peer)
		return false;
	if (READ_ONCE(peer->state) != KVMEM_PEER_STATE_DOWN)
		ret = move_send(w, block, peer);
	kvmem_peer_put(peer);
	/* No room there, or not shared there: to try again would not help. */
	if (ret == -EEXIST || ret == -ENOSPC || ret == -EDQUOT || ret == -EACCES)
		return true;
	if (ret)
		return false;
	WRITE_ONCE(mover.info.blocks, mover.info.blocks + 1);
	WRITE_ONCE(mover.info.bytes, mover.info.bytes + block->size);
	move_pause(block->size);
	return true;
}

static bool move_block(struct kvmem_block *block, void *context)
{
	struct move_walk *w = context;
	u16 nodes[KVMEM_MAX_COPIES];
	unsigned int nr, i;
	bool done = true;

	if (move_interrupted() || test_bit(KVMEM_NS_DEAD, &w->ns->flags))
		return false;
	nr = kvmem_map_targets(&block->key, READ_ONCE(w->ns->p.copies), nodes);
	if (!nr || kvmem_block_expired(block) ||
	    (w->threshold && move_value(w->ns, block) <= w->threshold))
		return true;
	for (i = 0; i < nr; i++)
		done &= move_to(w, block, nodes[i]);
	if (!done)
		WRITE_ONCE(mover.info.left, mover.info.left + 1);
	return true;
}

/* Walking ----------------------------------------------------------------------------- */

static void move_ns(struct kvmem_ns *ns)
{
	struct move_walk w = { .ns = ns };

	if (READ_ONCE(ns->p.placement) == KVMEM_PLACEMENT_LOCAL)
		return;
	w.asking = kvmem_asking_new();
	if (!w.asking) {
		/* Tried again. */
		WRITE_ONCE(mover.info.left, mover.info.left + 1);
		return;
	}
	w.threshold = move_threshold(ns);
	kvmem_ns_walk(ns, move_block, &w);
	kvmem_asking_put(w.asking);
}

static void move_all(void)
{
	struct kvmem_ns *ns;
	u32 id = 0;

	WRITE_ONCE(mover.info.left, 0);
	while (!move_interrupted() && (ns = kvmem_ns_get_next(&id))) {
		id++;
		move_ns(ns);
		kvmem_ns_put(ns);
	}
}

static void move_begin(void)
{
	WRITE_ONCE(mover.info.blocks, 0);
	WRITE_ONCE(mover.info.bytes, 0);
	mover.again_ms = MOVE_AGAIN_MS;
}

/* Nobody kicks between the look at @kicked and the next work: kicking queues it. */
static void move_work(struct work_struct *work)
{
	if (READ_ONCE(mover.stop))
		return;
	if (xchg(&mover.kicked, false))
		move_begin();
	if (!kvmem_cluster_move_rate() || !kvmem_peers_any()) {
		WRITE_ONCE(mover.info.left, 0);
		WRITE_ONCE(mover.info.moving, false);
		return;
	}
	WRITE_ONCE(mover.info.moving, true);
	move_all();
	if (move_interrupted())
		return;
	if (READ_ONCE(mover.info.left)) {
		queue_delayed_work(system_dfl_wq, &mover.work, msecs_to_jiffies(mover.again_ms));
		mover.again_ms = min(2 * mover.again_ms, MOVE_AGAIN_MAX_MS);
		return;
	}
	WRITE_ONCE(mover.info.moving, false);
	kvmem_event_map();
}

void kvmem_move_stop(void)
{
	WRITE_ONCE(mover.stop, true);
	wake_up(&mover.wait);
	cancel_delayed_work_sync(&mover.work);
}
