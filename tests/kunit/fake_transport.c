// SPDX-License-Identifier: GPL-2.0
/*
 * A transport without a network: see fake_transport.h.
 *
 * Who takes a call out of the list ends it: its timer, who cancels it, or the peer's
 * removal.
 */
#include <linux/bvec.h>
#include <linux/crc32c.h>
#include <linux/delay.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include "fake_transport.h"
#include "fixture.h"

struct fake_node fake_nodes[FAKE_NODES];

struct fake_call {
	struct list_head list;
	struct kvmem_call *call;
	struct fake_node *node;
	struct delayed_work work;
	int status;
	bool answer;
};

static DEFINE_SPINLOCK(fake_lock);
static LIST_HEAD(fake_calls);
static atomic_t fake_nr;

unsigned int fake_pending(void)
{
	return atomic_read(&fake_nr);
}

void fake_reset(void)
{
	memset(fake_nodes, 0, sizeof(fake_nodes));
}

/* Bytes ----------------------------------------------------------------------- */

/* What a PUT carries */
static void *call_bytes(const struct kvmem_call *call)
{
	void *bytes = vmalloc(call->len);
	struct iov_iter iter;

	if (!bytes)
		return NULL;
	iov_iter_bvec(&iter, ITER_SOURCE, call->bvecs, call->nr_bvecs, call->first + call->len);
	iov_iter_advance(&iter, call->first);
	if (copy_from_iter(bytes, call->len, &iter) == call->len)
		return bytes;
	vfree(bytes);
	return NULL;
}

static int key_number(const struct kvmem_key *key)
{
	unsigned int n;

	for (n = 0; n < 64; n++) {
		struct kvmem_key known = kvmem_test_key(n);

		if (!memcmp(&known, key, sizeof(known)))
			return n;
	}
	return -1;
}

static int answer_get(struct fake_node *node, struct kvmem_call *call, int n)
{
	struct iov_iter iter;
	void *bytes;

	call->size = node->size;
	call->hint_class = 2;
	call->priority = 1;
	call->cost = 7;
	bytes = vmalloc(node->size);
	if (!bytes)
		return -ENOMEM;
	kvmem_test_bytes(bytes, node->size, n);
	call->crc = ~crc32c(~0U, bytes, node->size);
	if (node->mode == FAKE_LIAR) {
		call->size = U32_MAX;
		call->hint_class = 255;
	} else if (node->size > call->len) {
		vfree(bytes);
		return -EMSGSIZE;
	}
	if (node->mode == FAKE_WRONG)
		((u8 *)bytes)[node->size / 2] ^= 1;
	if (node->size <= call->len) {
		iov_iter_bvec(&iter, ITER_DEST, call->bvecs, call->nr_bvecs,
			      call->first + node->size);
		iov_iter_advance(&iter, call->first);
		if (copy_to_iter(bytes, node->size, &iter) != node->size)
			call->crc = 0;
	}
	vfree(bytes);
	return 0;
}

static int answer_put(struct fake_node *node, struct kvmem_call *call, int n)
{
	void *bytes;

	if (node->has & BIT_ULL(n))
		return -EEXIST;
	bytes = call_bytes(call);
	if (!bytes)
		return -EIO;
	node->put_crc = ~crc32c(~0U, bytes, call->len);
	node->put_sent = call->crc;
	vfree(bytes);
	node->has |= BIT_ULL(n);
	node->size = call->len;
	return 0;
}

static int answer(struct fake_node *node, struct kvmem_call *call)
{
	int n = key_number(&call->keys[0]);
	unsigned int i;

	if (node->mode == FAKE_ERROR)
		return node->error;
	if (call->type == KVMEM_CALL_EXISTS) {
		for (i = 0; i < call->nr_keys; i++) {
			n = key_number(&call->keys[i]);
			if (n >= 0 && node->has & BIT_ULL(n))
				call->found |= BIT_ULL(i);
		}
		return 0;
	}
	if (call->type == KVMEM_CALL_PUT)
		return n < 0 ? -EINVAL : answer_put(node, call, n);
	if (n < 0 || !(node->has & BIT_ULL(n)))
		return -ENOENT;
	if (call->type == KVMEM_CALL_GET)
		return answer_get(node, call, n);
	node->has &= ~BIT_ULL(n);
	return 0;
}

/* Calls ------------------------------------------------------------------------- */

static bool fake_take(struct fake_call *fc)
{
	bool mine;

	spin_lock_bh(&fake_lock);
	mine = !list_empty(&fc->list);
	list_del_init(&fc->list);
	spin_unlock_bh(&fake_lock);
	return mine;
}

/* The caller has taken it. */
static void fake_end(struct fake_call *fc)
{
	struct fake_node *node = fc->node;

	fc->call->status = fc->answer ? answer(node, fc->call) : fc->status;
	fc->call->done(fc->call);
	kfree(fc);
	atomic_dec(&node->pending);
	atomic_dec(&fake_nr);
}

static void fake_work(struct work_struct *work)
{
	struct fake_call *fc = container_of(work, struct fake_call, work.work);

	if (fake_take(fc))
		fake_end(fc);
}

static int fake_submit(struct kvmem_peer *peer, struct kvmem_call *call)
{
	struct fake_node *node = kvmem_peer_priv(peer);
	struct fake_call *fc;

	node->calls[call->type]++;
	if (node->mode == FAKE_REFUSE)
		return node->error;
	if (node->mode == FAKE_FULL && node->full) {
		node->full--;
		return -EAGAIN;
	}
	fc = kzalloc(sizeof(*fc), GFP_KERNEL);
	if (!fc)
		return -ENOMEM;
	fc->call = call;
	fc->node = node;
	fc->answer = true;
	INIT_DELAYED_WORK(&fc->work, fake_work);
	INIT_LIST_HEAD(&fc->list);
	call->priv = fc;
	atomic_inc(&fake_nr);
	atomic_inc(&node->pending);
	if (node->mode != FAKE_LATE && node->mode != FAKE_NEVER && node->mode != FAKE_STUBBORN) {
		fake_end(fc);
		return 0;
	}
	spin_lock_bh(&fake_lock);
	list_add(&fc->list, &fake_calls);
	spin_unlock_bh(&fake_lock);
	if (node->mode == FAKE_LATE)
		queue_delayed_work(system_dfl_wq, &fc->work, msecs_to_jiffies(node->delay_ms));
	return 0;
}

/* Looked up: the call may have ended meanwhile. */
static struct fake_call *fake_find(const struct kvmem_call *call, const struct fake_node *node)
{
	struct fake_call *fc;

	lockdep_assert_held(&fake_lock);
	list_for_each_entry(fc, &fake_calls, list)
		if (call ? fc->call == call : fc->node == node)
			return fc;
	return NULL;
}

static void fake_cancel(struct kvmem_call *call)
{
	struct fake_call *fc;

	spin_lock_bh(&fake_lock);
	fc = fake_find(call, NULL);
	if (fc) {
		fc->node->cancels++;
		fc->answer = false;
		fc->status = -ECANCELED;
		if (fc->node->mode == FAKE_STUBBORN) {
			queue_delayed_work(system_dfl_wq, &fc->work,
					   msecs_to_jiffies(fc->node->delay_ms));
			fc = NULL;
		} else if (fc->node->mode == FAKE_LATE) {
			mod_delayed_work(system_dfl_wq, &fc->work, 0);
			fc = NULL;
		} else {
			list_del_init(&fc->list);
		}
	}
	spin_unlock_bh(&fake_lock);
	if (fc)
		fake_end(fc);
}

static int fake_peer_add(struct kvmem_peer *peer)
{
	struct fake_node *node;

	if (kvmem_peer_node(peer) >= FAKE_NODES)
		return -EINVAL;
	node = &fake_nodes[kvmem_peer_node(peer)];
	node->peer = peer;
	kvmem_peer_set_priv(peer, node);
	kvmem_peer_up(peer);
	return 0;
}

static void fake_peer_del(struct kvmem_peer *peer)
{
	struct fake_node *node = kvmem_peer_priv(peer);
	struct fake_call *fc;

	for (;;) {
		spin_lock_bh(&fake_lock);
		fc = fake_find(NULL, node);
		if (fc)
			list_del_init(&fc->list);
		spin_unlock_bh(&fake_lock);
		if (!fc)
			break;
		cancel_delayed_work_sync(&fc->work);
		fc->answer = false;
		fc->status = -ECONNRESET;
		fake_end(fc);
	}
	/* One that is just ending */
	while (atomic_read(&node->pending))
		usleep_range(500, 1000);
	node->peer = NULL;
}

static int fake_start(const struct kvmem_self *self)
{
	return self->node ? -EINVAL : 0;
}

static void fake_stop(void)
{
}

static void fake_info(struct kvmem_peer *peer, struct kvmem_transport_info *info)
{
	info->rails = 1;
	info->rails_up = 1;
}

const struct kvmem_transport_ops fake_ops = {
	.name = "fake",
	.owner = THIS_MODULE,
	.start = fake_start,
	.stop = fake_stop,
	.peer_add = fake_peer_add,
	.peer_del = fake_peer_del,
	.submit = fake_submit,
	.cancel = fake_cancel,
	.info = fake_info,
};
