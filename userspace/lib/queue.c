// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Asynchronous batches.  The file is looked up and used under k->lock, so
 * that a batch never reaches an fd that re-attaching has closed; a batch that
 * may bring leases counts as holding some until it is reaped, so that they
 * cannot belong to a file that is gone.
 */
#include <stdlib.h>

#include "internal.h"

struct entry {
	struct kvmem_batch batch;
	struct kvmem_op *ops;
	size_t nr_ops;
	void *user_data;
	int64_t charged;
	uint32_t *saved;	/* buffer ids as the caller knows them */
	struct entry *next;	/* free */
};

struct kvmem_queue {
	struct kvmem *k;
	void *ring;
	struct entry *free;
	unsigned int in_flight;
	struct entry entries[];
};

static struct kvmem_queue *queue_alloc(struct kvmem *k, unsigned int depth)
{
	struct kvmem_queue *q;
	unsigned int i;

	q = calloc(1, sizeof(*q) + depth * sizeof(q->entries[0]));
	if (!q)
		return NULL;
	q->k = k;
	for (i = 0; i < depth; i++) {
		q->entries[i].next = q->free;
		q->free = &q->entries[i];
	}
	return q;
}

int kvmem_queue_create(struct kvmem *k, unsigned int depth,
		       struct kvmem_queue **queue)
{
	struct kvmem_queue *q;
	int err;

	*queue = NULL;
	if (!depth || depth > 4096)
		return -EINVAL;
	q = queue_alloc(k, depth);
	if (!q)
		return -ENOMEM;
	err = k->sys.ring_create(k->sys.ctx, depth, &q->ring);
	if (err) {
		free(q);
		return err;
	}
	*queue = q;
	return 0;
}

void kvmem_queue_destroy(struct kvmem_queue *queue)
{
	struct kvmem_completion done;

	if (!queue)
		return;
	while (queue->in_flight && kvmem_queue_wait(queue, -1, &done) > 0)
		;
	queue->k->sys.ring_destroy(queue->k->sys.ctx, queue->ring);
	free(queue);
}

static void charge(struct kvmem *k, int64_t n)
{
	if (n)
		__atomic_add_fetch(&k->charged, n, __ATOMIC_ACQ_REL);
}

static void entry_fill(struct entry *e, struct kvmem_op *ops, size_t n,
		       uint32_t flags, void *user_data)
{
	e->batch = (struct kvmem_batch) {
		.size = sizeof(e->batch),
		.flags = flags,
		.ops = (uint64_t)(uintptr_t)ops,
		.nr_ops = (uint32_t)n,
		.op_size = sizeof(*ops),
	};
	e->ops = ops;
	e->nr_ops = n;
	e->user_data = user_data;
	e->charged = kvmem_ops_may_hold(ops, n);
	e->saved = NULL;
}

/* Undo what submitting did to the caller's operations and to the handle. */
static void entry_end(struct kvmem_queue *q, struct entry *e)
{
	if (e->saved)
		kvmem_bufs_untranslate(e->ops, e->nr_ops, e->saved);
	free(e->saved);
	e->saved = NULL;
	charge(q->k, -e->charged);
	e->next = q->free;
	q->free = e;
}

/* With k->lock held for reading. */
static int entry_start(struct kvmem_queue *q, struct entry *e)
{
	struct kvmem *k = q->k;

	if (k->fd < 0)
		return -ESHUTDOWN;
	if (k->remapped) {
		e->saved = calloc(e->nr_ops, sizeof(*e->saved));
		if (!e->saved)
			return -ENOMEM;
		kvmem_bufs_translate(k, e->ops, e->nr_ops, e->saved);
	}
	return k->sys.ring_submit(k->sys.ctx, q->ring, k->fd, &e->batch, e);
}

static int entry_submit(struct kvmem_queue *q, struct entry *e,
			uint64_t *generation)
{
	int err;

	pthread_rwlock_rdlock(&q->k->lock);
	*generation = q->k->generation;
	charge(q->k, e->charged);
	err = entry_start(q, e);
	if (err)
		entry_end(q, e);
	pthread_rwlock_unlock(&q->k->lock);
	return err;
}

int kvmem_queue_submit(struct kvmem_queue *queue, struct kvmem_op *ops,
		       size_t n, uint32_t flags, void *user_data)
{
	uint64_t deadline, generation;
	struct entry *e;
	unsigned int tries;
	size_t i;
	int err;

	if (!n || n > KVMEM_MAX_BATCH)
		return -EINVAL;
	if (!queue->free)
		return -EAGAIN;
	for (i = 0; i < n; i++)
		ops[i].status = -ESHUTDOWN;
	deadline = kvmem_deadline(queue->k);
	for (tries = 0;; tries++) {
		e = queue->free;
		queue->free = e->next;
		entry_fill(e, ops, n, flags, user_data);
		err = entry_submit(queue, e, &generation);
		if (!err)
			queue->in_flight++;
		if (err != -ESHUTDOWN)
			return err;
		err = kvmem_recover(queue->k, generation, deadline, tries);
		if (err)
			return err;
	}
}

/* What the caller gets for a batch that the kernel ended with @result. */
static int64_t entry_result(struct kvmem_queue *q, struct entry *e, int result)
{
	if (result < 0 && result != -ESHUTDOWN) {
		kvmem_ops_mark(e->ops, e->nr_ops, -ESHUTDOWN, -ECANCELED);
		return result;
	}
	return kvmem_batch_finish(q->k, e->ops, e->nr_ops, e->batch.flags);
}

int kvmem_queue_wait(struct kvmem_queue *queue, int timeout_ms,
		     struct kvmem_completion *completion)
{
	struct kvmem *k = queue->k;
	void *cookie;
	struct entry *e;
	int ret, result;

	if (!queue->in_flight)
		return 0;
	ret = k->sys.ring_wait(k->sys.ctx, queue->ring, timeout_ms, &cookie,
			       &result);
	if (ret <= 0)
		return ret;
	e = cookie;
	queue->in_flight--;
	/* what it holds is counted before what it might hold is forgotten */
	kvmem_ops_settle(k, e->ops, e->nr_ops);
	entry_end(queue, e);
	completion->user_data = e->user_data;
	completion->ops = e->ops;
	completion->nr_ops = e->nr_ops;
	completion->result = entry_result(queue, e, result);
	return 1;
}

unsigned int kvmem_queue_in_flight(const struct kvmem_queue *queue)
{
	return queue->in_flight;
}
