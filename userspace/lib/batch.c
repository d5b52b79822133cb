// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Batches.  While a batch is on its way an operation that has not been done,
 * because it was not tried yet or because the kernel refused it, has the
 * status -ESHUTDOWN: that is what makes "run what is left" one loop.
 */
#include "internal.h"

void kvmem_ops_mark(struct kvmem_op *ops, size_t n, int from, int to)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (ops[i].status == from)
			ops[i].status = to;
}

static void mark_all(struct kvmem_op *ops, size_t n, int status)
{
	size_t i;

	for (i = 0; i < n; i++)
		ops[i].status = status;
}

/* Leases and allocations that @op, if it is done, brings or takes. */
static int64_t op_holds(const struct kvmem_op *op)
{
	switch (op->opcode) {
	case KVMEM_OP_ALLOC:
	case KVMEM_OP_LEASE:
		return 1;
	case KVMEM_OP_MATCH:
		return op->flags & KVMEM_OP_F_LEASE ? (int64_t)op->bytes : 0;
	case KVMEM_OP_COMMIT:
	case KVMEM_OP_RELEASE:
		return -1;
	default:
		return 0;
	}
}

/* Leases and allocations that operations in flight might bring. */
int64_t kvmem_ops_may_hold(const struct kvmem_op *ops, size_t n)
{
	int64_t sum = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		switch (ops[i].opcode) {
		case KVMEM_OP_ALLOC:
		case KVMEM_OP_LEASE:
			sum++;
			break;
		case KVMEM_OP_MATCH:
			if (ops[i].flags & KVMEM_OP_F_LEASE)
				sum++;
			break;
		}
	}
	return sum;
}

/*
 * Take account of what was done.  A RELEASE that was refused is done as well:
 * what it gives back goes with the file, which is all the kernel wants.
 */
void kvmem_ops_settle(struct kvmem *k, struct kvmem_op *ops, size_t n)
{
	int64_t sum = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (ops[i].opcode == KVMEM_OP_RELEASE &&
		    ops[i].status == -ESHUTDOWN)
			ops[i].status = 0;
		if (ops[i].status == 0)
			sum += op_holds(&ops[i]);
	}
	if (sum)
		__atomic_add_fetch(&k->held, sum, __ATOMIC_ACQ_REL);
}

/* One ioctl, with k->lock held for reading and a file. */
static int batch_ioctl(struct kvmem *k, struct kvmem_op *ops, size_t n,
		       uint32_t flags)
{
	struct kvmem_batch batch = {
		.size = sizeof(batch),
		.flags = flags,
		.ops = (uint64_t)(uintptr_t)ops,
		.nr_ops = (uint32_t)n,
		.op_size = sizeof(*ops),
	};
	uint32_t saved[KVMEM_MAX_BATCH];
	int err;

	if (!k->remapped)
		return kvmem_sys_ioctl(k, k->fd, KVMEM_IOC_BATCH, &batch);
	kvmem_bufs_translate(k, ops, n, saved);
	err = kvmem_sys_ioctl(k, k->fd, KVMEM_IOC_BATCH, &batch);
	kvmem_bufs_untranslate(ops, n, saved);
	return err;
}

/* Returns 0 when each operation has a status, which may be -ESHUTDOWN. */
static int batch_try(struct kvmem *k, struct kvmem_op *ops, size_t n,
		     uint32_t flags, uint64_t *generation)
{
	int err = -ESHUTDOWN;

	pthread_rwlock_rdlock(&k->lock);
	*generation = k->generation;
	if (k->fd >= 0)
		err = batch_ioctl(k, ops, n, flags);
	if (err == -ESHUTDOWN) {
		mark_all(ops, n, -ESHUTDOWN);
		err = 0;
	}
	kvmem_ops_settle(k, ops, n);
	pthread_rwlock_unlock(&k->lock);
	return err;
}

static bool left_over(const struct kvmem_op *op, uint32_t flags)
{
	return op->status == -ESHUTDOWN ||
	       (op->status == -ECANCELED && flags & KVMEM_BATCH_F_STOP);
}

/* Index of the first operation from @i on that is not done, or @n. */
static size_t next_refused(const struct kvmem_op *ops, size_t i, size_t n)
{
	while (i < n && ops[i].status != -ESHUTDOWN)
		i++;
	return i;
}

/* Try each row of operations that are not done, once. */
static int run_left(struct kvmem *k, struct kvmem_op *ops, size_t n,
		    uint32_t flags, uint64_t *generation)
{
	size_t i, end;
	int err;

	for (i = next_refused(ops, 0, n); i < n;
	     i = next_refused(ops, end, n)) {
		for (end = i + 1; end < n && left_over(&ops[end], flags); end++)
			;
		err = batch_try(k, ops + i, end - i, flags, generation);
		if (err)
			return err;
	}
	return 0;
}

static int64_t count_ok(const struct kvmem_op *ops, size_t n)
{
	int64_t ok = 0;
	size_t i;

	for (i = 0; i < n; i++)
		ok += ops[i].status == 0;
	return ok;
}

/* On another file the handles of this one mean nothing, or something else. */
static void lose_handles(struct kvmem_op *ops, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (ops[i].opcode == KVMEM_OP_COMMIT &&
		    ops[i].status == -ESHUTDOWN)
			ops[i].status = -ENOENT;
}

/* Run what has status -ESHUTDOWN, re-attaching as needed. */
int64_t kvmem_batch_finish(struct kvmem *k, struct kvmem_op *ops, size_t n,
			   uint32_t flags)
{
	uint64_t deadline = kvmem_deadline(k);
	uint64_t generation = 0;
	unsigned int tries;
	int err;

	for (tries = 0;; tries++) {
		err = run_left(k, ops, n, flags, &generation);
		if (err) {
			kvmem_ops_mark(ops, n, -ESHUTDOWN, -ECANCELED);
			return err;
		}
		if (next_refused(ops, 0, n) == n)
			return count_ok(ops, n);
		err = kvmem_recover(k, generation, deadline, tries);
		if (err)
			return err;
		lose_handles(ops, n);
	}
}

int64_t kvmem_batch_run(struct kvmem *k, struct kvmem_op *ops, size_t n,
			uint32_t flags)
{
	int64_t total = 0, ok;
	size_t done, len;

	if (!n)
		return -EINVAL;
	mark_all(ops, n, -ECANCELED);
	for (done = 0; done < n; done += len) {
		len = n - done > KVMEM_MAX_BATCH ? KVMEM_MAX_BATCH : n - done;
		mark_all(ops + done, len, -ESHUTDOWN);
		ok = kvmem_batch_finish(k, ops + done, len, flags);
		if (ok < 0)
			return ok;
		total += ok;
		if ((size_t)ok < len && flags & KVMEM_BATCH_F_STOP)
			break;
	}
	return total;
}

/*
 * A batch of one on the file of @generation and no other: for what names a
 * handle.  A handle number means something else on the next file.
 */
int kvmem_one_at(struct kvmem *k, struct kvmem_op *op, uint64_t generation)
{
	int err = -ESHUTDOWN;

	op->status = -ESHUTDOWN;
	pthread_rwlock_rdlock(&k->lock);
	if (k->generation == generation) {
		if (k->fd >= 0)
			err = batch_ioctl(k, op, 1, 0);
		kvmem_ops_settle(k, op, 1);
	}
	pthread_rwlock_unlock(&k->lock);
	return err && err != -ESHUTDOWN ? err : op->status;
}

/* A batch of one.  Returns its status, or the errno of the batch. */
int kvmem_one(struct kvmem *k, struct kvmem_op *op)
{
	int64_t ret = kvmem_batch_run(k, op, 1, 0);

	return ret < 0 ? (int)ret : op->status;
}
