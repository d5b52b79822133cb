// SPDX-License-Identifier: GPL-2.0
/*
 * A pair of queues: memory, tags, doorbells, completions.  Each step that the
 * hardware sees is one small function.
 *
 * Whoever has a tag has room in the submission queue: it has one entry more than
 * there are tags.  A tag comes back only when the controller can no longer touch
 * the command's memory: after its completion, or when the controller is off.
 */
#include <linux/dmapool.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include "nvme/faults.h"
#include "nvme/nvme.h"

/* Tags --------------------------------------------------------------------------- */

struct kvmem_nvme_req *kvmem_nvme_get_req(struct kvmem_nvme_queue *q, struct list_head *node,
					  bool *dead)
{
	struct kvmem_nvme_req *req = NULL;
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	*dead = q->dead;
	if (!q->dead)
		req = list_first_entry_or_null(&q->free, struct kvmem_nvme_req, node);
	if (req) {
		list_del_init(&req->node);
		req->state = KVMEM_NVME_BUILT;
		q->nr_used++;
	} else if (!q->dead && node) {
		list_add(node, &q->waiting);
	}
	spin_unlock_irqrestore(&q->lock, flags);
	if (req) {
		req->tries = 0;
		req->aborting = false;
		req->mapped = false;
	}
	return req;
}

static void put_req_locked(struct kvmem_nvme_req *req)
{
	struct kvmem_nvme_queue *q = req->queue;

	lockdep_assert_held(&q->lock);
	req->state = KVMEM_NVME_FREE;
	/* What was used last is in the cache. */
	list_move(&req->node, &q->free);
	if (!--q->nr_used)
		wake_up_all(&q->idle);
}

void kvmem_nvme_put_req(struct kvmem_nvme_req *req)
{
	struct kvmem_nvme_queue *q = req->queue;
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	put_req_locked(req);
	spin_unlock_irqrestore(&q->lock, flags);
}

static struct list_head *feed_next(struct kvmem_nvme_queue *q)
{
	struct list_head *node = NULL;
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	if (!list_empty(&q->waiting) && !list_empty(&q->free)) {
		node = q->waiting.next;
		list_del_init(node);
	}
	spin_unlock_irqrestore(&q->lock, flags);
	return node;
}

/* Ends: each turn takes a transfer off the list, or stops for want of tags. */
void kvmem_nvme_feed(struct kvmem_nvme_queue *q)
{
	struct list_head *node;

	/*
	 * Whoever waits found no tag, under the lock.  Who gives one back takes the lock
	 * for that before he looks here, so one of the two sees the other.
	 */
	while (!list_empty(&q->waiting) && (node = feed_next(q)))
		kvmem_nvme_io_continue(q, node);
}

bool kvmem_nvme_park_behind(struct kvmem_nvme_queue *q, struct list_head *node)
{
	unsigned long flags;
	bool parked;

	/* Who parks at this moment is not ahead of us. */
	if (list_empty(&q->waiting))
		return false;
	spin_lock_irqsave(&q->lock, flags);
	parked = !list_empty(&q->waiting);
	if (parked)
		list_add_tail(node, &q->waiting);
	spin_unlock_irqrestore(&q->lock, flags);
	return parked;
}

/* Doorbells ------------------------------------------------------------------------ */

/*
 * Put @value where the controller looks for it by itself.  True: it does not
 * look there now, and wants the register written.
 */
static bool shadow_update(__le32 *shadow, const __le32 *event, u16 value)
{
	u16 old, wanted;

	/* The entries are there before the value that tells of them. */
	wmb();
	old = le32_to_cpu(*shadow);
	WRITE_ONCE(*shadow, cpu_to_le32(value));
	/*
	 * The value is there before we look at what the controller waits for; it
	 * writes that first and looks at the value afterwards.
	 */
	mb();
	wanted = le32_to_cpu(READ_ONCE(*event));
	return (u16)(value - wanted - 1) < (u16)(value - old);
}

static void ring_locked(struct kvmem_nvme_queue *q)
{
	lockdep_assert_held(&q->lock);
	if (!q->enabled || q->sq_rung == q->sq_tail)
		return;
	q->sq_rung = q->sq_tail;
	if (q->sq_shadow && !shadow_update(q->sq_shadow, q->sq_event, q->sq_tail)) {
		q->shadowed++;
		return;
	}
	q->doorbells++;
	writel(q->sq_tail, q->sq_db);
}

static void ring_cq_locked(struct kvmem_nvme_queue *q)
{
	lockdep_assert_held(&q->lock);
	if (q->cq_shadow && !shadow_update(q->cq_shadow, q->cq_event, q->cq_head))
		return;
	writel(q->cq_head, q->cq_db);
}

void kvmem_nvme_ring(struct kvmem_nvme_queue *q)
{
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	ring_locked(q);
	spin_unlock_irqrestore(&q->lock, flags);
}

/* Submission ------------------------------------------------------------------------ */

/* A new generation each time: what answers to an older one is late. */
static u16 next_cid(struct kvmem_nvme_req *req)
{
	req->gen = (req->gen + 1) & (U16_MAX >> KVMEM_NVME_TAG_BITS);
	return req->gen << KVMEM_NVME_TAG_BITS | req->tag;
}

static void push_locked(struct kvmem_nvme_queue *q, struct kvmem_nvme_req *req)
{
	lockdep_assert_held(&q->lock);
	req->cmd.common.command_id = next_cid(req);
	q->sq[q->sq_tail] = req->cmd;
	if (++q->sq_tail == q->depth)
		q->sq_tail = 0;
	req->state = KVMEM_NVME_SENT;
	req->deadline = jiffies + req->timeout;
	q->nr_sent++;
	q->commands++;
}

int kvmem_nvme_send(struct kvmem_nvme_req *req, unsigned long timeout)
{
	struct kvmem_nvme_queue *q = req->queue;
	unsigned long flags;
	int ret = 0;

	req->timeout = timeout;
	spin_lock_irqsave(&q->lock, flags);
	if (q->dead)
		ret = -ENODEV;
	else if (q->enabled)
		push_locked(q, req);
	else
		req->state = KVMEM_NVME_HELD;
	spin_unlock_irqrestore(&q->lock, flags);
	return ret;
}

/* Completion ------------------------------------------------------------------------- */

static bool cqe_pending(const struct kvmem_nvme_queue *q)
{
	return (le16_to_cpu(READ_ONCE(q->cq[q->cq_head].status)) & 1) == q->phase;
}

static void cq_next(struct kvmem_nvme_queue *q)
{
	if (++q->cq_head < q->depth)
		return;
	q->cq_head = 0;
	q->phase ^= 1;
}

/* The command under way that @cid names; NULL: there is none, or not any more. */
static struct kvmem_nvme_req *req_of(struct kvmem_nvme_queue *q, u16 cid)
{
	unsigned int tag = cid & KVMEM_NVME_TAG_MASK;
	struct kvmem_nvme_req *req;

	if (tag >= q->depth - 1)
		return NULL;
	req = &q->reqs[tag];
	if (req->state != KVMEM_NVME_SENT || req->cmd.common.command_id != cid)
		return NULL;
	return req;
}

static void req_ended(struct kvmem_nvme_req *req, u16 status, struct list_head *ended)
{
	if (req->state == KVMEM_NVME_SENT)
		req->queue->nr_sent--;
	req->state = KVMEM_NVME_ENDED;
	req->status = status;
	list_add_tail(&req->node, ended);
}

static void complete_locked(struct kvmem_nvme_queue *q, const struct nvme_completion *cqe,
			    struct list_head *ended)
{
	struct kvmem_nvme_req *req = req_of(q, cqe->command_id);

	lockdep_assert_held(&q->lock);
	if (!req) {
		kvmem_nvme_count(q->ctrl, KVMEM_NVME_STALE);
		return;
	}
	req->result = le32_to_cpu(cqe->result.u32);
	req_ended(req, le16_to_cpu(cqe->status) >> 1, ended);
}

static void collect_locked(struct kvmem_nvme_queue *q, struct list_head *ended)
{
	struct nvme_completion cqe;
	unsigned int times;
	bool any = false;

	lockdep_assert_held(&q->lock);
	while (cqe_pending(q)) {
		/* The phase is looked at first, the rest of the entry after it. */
		dma_rmb();
		cqe = q->cq[q->cq_head];
		cq_next(q);
		any = true;
		for (times = kvmem_nvme_fault_cqe(q, &cqe); times; times--)
			complete_locked(q, &cqe, ended);
	}
	if (any && q->enabled)
		ring_cq_locked(q);
	kvmem_nvme_fault_late(q, ended, complete_locked);
}

/* No lock is held: the memory goes back first, then the tag, then others use it. */
static unsigned int finish(struct kvmem_nvme_queue *q, struct list_head *ended)
{
	struct kvmem_nvme_req *req, *next;
	unsigned int nr = 0;
	unsigned long flags;

	if (list_empty(ended))
		return 0;
	list_for_each_entry(req, ended, node)
		req->end(req);
	spin_lock_irqsave(&q->lock, flags);
	list_for_each_entry_safe(req, next, ended, node) {
		put_req_locked(req);
		nr++;
	}
	spin_unlock_irqrestore(&q->lock, flags);
	kvmem_nvme_feed(q);
	return nr;
}

unsigned int kvmem_nvme_queue_reap(struct kvmem_nvme_queue *q)
{
	unsigned long flags;
	LIST_HEAD(ended);

	spin_lock_irqsave(&q->lock, flags);
	collect_locked(q, &ended);
	spin_unlock_irqrestore(&q->lock, flags);
	return finish(q, &ended);
}

static irqreturn_t queue_irq(int irq, void *data)
{
	return IRQ_RETVAL(kvmem_nvme_queue_reap(data));
}

/* Stages ------------------------------------------------------------------------------ */

void kvmem_nvme_queue_init(struct kvmem_nvme_queue *q)
{
	unsigned int step = 4 << q->ctrl->stride;
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	memset(q->cq, 0, q->depth * sizeof(*q->cq));
	q->sq_tail = 0;
	q->sq_rung = 0;
	q->cq_head = 0;
	q->phase = 1;
	q->sq_db = q->ctrl->bar + NVME_REG_DBS + 2 * q->qid * step;
	q->cq_db = q->ctrl->bar + NVME_REG_DBS + (2 * q->qid + 1) * step;
	q->sq_shadow = NULL;
	q->cq_shadow = NULL;
	spin_unlock_irqrestore(&q->lock, flags);
}

void kvmem_nvme_queue_enable(struct kvmem_nvme_queue *q)
{
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&q->lock, flags);
	q->enabled = !q->dead;
	for (i = 0; q->enabled && i < q->depth - 1; i++)
		if (q->reqs[i].state == KVMEM_NVME_HELD)
			push_locked(q, &q->reqs[i]);
	ring_locked(q);
	spin_unlock_irqrestore(&q->lock, flags);
	kvmem_nvme_feed(q);
}

void kvmem_nvme_queue_stop(struct kvmem_nvme_queue *q)
{
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	/* What a plug has not told of yet: whoever drains waits for that, too. */
	ring_locked(q);
	q->enabled = false;
	spin_unlock_irqrestore(&q->lock, flags);
}

void kvmem_nvme_queue_hold(struct kvmem_nvme_queue *q, unsigned int max_tries)
{
	struct kvmem_nvme_req *req;
	unsigned long flags;
	LIST_HEAD(ended);
	unsigned int i;

	kvmem_nvme_queue_reap(q);
	spin_lock_irqsave(&q->lock, flags);
	for (i = 0; i < q->depth - 1; i++) {
		req = &q->reqs[i];
		if (req->state != KVMEM_NVME_SENT &&
		    (req->state != KVMEM_NVME_HELD || max_tries))
			continue;
		if (req->tries >= max_tries) {
			req_ended(req, KVMEM_NVME_CANCELLED, &ended);
			continue;
		}
		req->tries++;
		req->aborting = false;
		req->state = KVMEM_NVME_HELD;
		q->nr_sent--;
		kvmem_nvme_count(q->ctrl, KVMEM_NVME_RETRIES);
	}
	spin_unlock_irqrestore(&q->lock, flags);
	finish(q, &ended);
}

void kvmem_nvme_queue_kill(struct kvmem_nvme_queue *q, u16 status)
{
	struct list_head *node, *next;
	unsigned long flags;
	LIST_HEAD(ended);
	LIST_HEAD(waiting);
	unsigned int i;

	spin_lock_irqsave(&q->lock, flags);
	q->enabled = false;
	q->dead = true;
	for (i = 0; i < q->depth - 1; i++)
		if (q->reqs[i].state == KVMEM_NVME_SENT || q->reqs[i].state == KVMEM_NVME_HELD)
			req_ended(&q->reqs[i], status, &ended);
	list_splice_init(&q->waiting, &waiting);
	spin_unlock_irqrestore(&q->lock, flags);
	finish(q, &ended);
	list_for_each_safe(node, next, &waiting) {
		list_del_init(node);
		kvmem_nvme_io_cancel(node, -ENODEV);
	}
}

/* Memory ------------------------------------------------------------------------------ */

static int reqs_alloc(struct kvmem_nvme_queue *q)
{
	unsigned int i, nr = q->depth - 1;
	struct kvmem_dma_run *runs = NULL;

	q->reqs = kvcalloc(nr, sizeof(*q->reqs), GFP_KERNEL);
	if (!q->reqs)
		return -ENOMEM;
	if (q->qid) {
		runs = kvcalloc(nr, KVMEM_NVME_MAX_RUNS * sizeof(*runs), GFP_KERNEL);
		if (!runs)
			return -ENOMEM;
	}
	/* Before anything else may fail: it belongs to the first one. */
	q->reqs[0].runs = runs;
	for (i = 0; i < nr; i++) {
		struct kvmem_nvme_req *req = &q->reqs[i];

		req->queue = q;
		req->tag = i;
		req->runs = runs ? runs + i * KVMEM_NVME_MAX_RUNS : NULL;
		req->list = dma_pool_alloc(q->ctrl->lists, GFP_KERNEL, &req->list_dma);
		if (!req->list)
			return -ENOMEM;
		list_add_tail(&req->node, &q->free);
	}
	return 0;
}

static void reqs_free(struct kvmem_nvme_queue *q)
{
	unsigned int i;

	if (!q->reqs)
		return;
	for (i = 0; i < q->depth - 1; i++)
		if (q->reqs[i].list)
			dma_pool_free(q->ctrl->lists, q->reqs[i].list, q->reqs[i].list_dma);
	kvfree(q->reqs[0].runs);
	kvfree(q->reqs);
	q->reqs = NULL;
	INIT_LIST_HEAD(&q->free);
}

int kvmem_nvme_queue_alloc(struct kvmem_nvme *ctrl, unsigned int qid, unsigned int depth,
			   unsigned int vector, bool polled)
{
	struct kvmem_nvme_queue *q = &ctrl->queues[qid];
	struct device *dev = &ctrl->pdev->dev;
	int ret = -ENOMEM;

	q->ctrl = ctrl;
	q->qid = qid;
	q->depth = depth;
	q->vector = vector;
	q->polled = polled;
	q->irq = -1;
	spin_lock_init(&q->lock);
	INIT_LIST_HEAD(&q->free);
	INIT_LIST_HEAD(&q->waiting);
	init_waitqueue_head(&q->idle);
	q->sq = dma_alloc_coherent(dev, depth * sizeof(*q->sq), &q->sq_dma, GFP_KERNEL);
	q->cq = dma_alloc_coherent(dev, depth * sizeof(*q->cq), &q->cq_dma, GFP_KERNEL);
	if (q->sq && q->cq)
		ret = reqs_alloc(q);
	if (ret)
		kvmem_nvme_queue_free(q);
	return ret;
}

/* Nothing is under way, and nothing can be any more. */
void kvmem_nvme_queue_free(struct kvmem_nvme_queue *q)
{
	struct device *dev;

	if (!q->ctrl)
		return;
	dev = &q->ctrl->pdev->dev;
	reqs_free(q);
	if (q->sq)
		dma_free_coherent(dev, q->depth * sizeof(*q->sq), q->sq, q->sq_dma);
	if (q->cq)
		dma_free_coherent(dev, q->depth * sizeof(*q->cq), q->cq, q->cq_dma);
	q->sq = NULL;
	q->cq = NULL;
}

/*
 * Not managed by the kernel (PCI_IRQ_AFFINITY): such an interrupt is shut down
 * with its processor, and ours must then go on elsewhere.
 */
int kvmem_nvme_queue_request_irq(struct kvmem_nvme_queue *q)
{
	struct pci_dev *pdev = q->ctrl->pdev;
	int irq, ret;

	if (q->polled)
		return 0;
	irq = pci_irq_vector(pdev, q->vector);
	if (irq < 0)
		return irq;
	snprintf(q->name, sizeof(q->name), "kvmem_nvme%dq%u", q->ctrl->instance, q->qid);
	ret = request_irq(irq, queue_irq, IRQF_SHARED, q->name, q);
	if (ret)
		return ret;
	q->irq = irq;
	if (q->qid && q->vector)
		irq_set_affinity_and_hint(irq, cpumask_of((q->qid - 1) % nr_cpu_ids));
	return 0;
}

void kvmem_nvme_queue_free_irq(struct kvmem_nvme_queue *q)
{
	if (q->irq < 0 || !q->ctrl)
		return;
	irq_set_affinity_and_hint(q->irq, NULL);
	free_irq(q->irq, q);
	q->irq = -1;
}
