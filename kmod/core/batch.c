// SPDX-License-Identifier: GPL-2.0
/*
 * Batches: operations in order, each with its own result.
 *
 * An operation is copied in once, then checked and run from that copy; only
 * its results are written back.  So there is nothing to allocate, and nothing
 * that user space could change between check and use.
 */
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include "file.h"
#include "ns.h"
#include "ops.h"
#include "flash/direct.h"
#include "flash/tier.h"
#include "peer/route.h"

/* Bytes that a light batch may move: less than what a punt to a worker costs. */
#define KVMEM_LIGHT_BYTES	(64U << 10)
#define KVMEM_LIGHT_OPS		8

/* As far as an ioctl number can tell a size. */
#define KVMEM_BATCH_SIZE_MAX	_IOC_SIZEMASK
#define KVMEM_BATCH_SIZE_V1	offsetofend(struct kvmem_batch, reserved)

#define RESULT_OFFSET	offsetof(struct kvmem_op, crc)
#define RESULT_SIZE	(sizeof(struct kvmem_op) - RESULT_OFFSET)

static int batch_read(struct kvmem_batch *batch, void __user *ubatch, unsigned int want)
{
	u32 size;
	int ret;

	if (get_user(size, (u32 __user *)ubatch))
		return -EFAULT;
	if ((want && size != want) || size < KVMEM_BATCH_SIZE_V1 ||
	    size > KVMEM_BATCH_SIZE_MAX)
		return -EINVAL;
	ret = copy_struct_from_user(batch, sizeof(*batch), ubatch, size);
	if (ret)
		return ret;
	if (batch->op_size != sizeof(struct kvmem_op) ||
	    batch->flags & ~(KVMEM_BATCH_F_STOP | KVMEM_BATCH_F_NOTIFY) ||
	    batch->reserved || !batch->nr_ops)
		return -EINVAL;
	if (batch->nr_ops > KVMEM_MAX_BATCH)
		return -E2BIG;
	return 0;
}

int kvmem_op_write_result(struct kvmem_op __user *uop, const struct kvmem_op *op)
{
	return copy_to_user((void __user *)uop + RESULT_OFFSET,
			    (void *)op + RESULT_OFFSET, RESULT_SIZE) ? -EFAULT : 0;
}

static void op_refuse(struct kvmem_op *op, int status)
{
	memset((void *)op + RESULT_OFFSET, 0, RESULT_SIZE);
	op->status = status;
}

/* What the operations before this one mean for it. */
static int batch_verdict(const struct kvmem_batch *batch, bool failed)
{
	if (failed && batch->flags & KVMEM_BATCH_F_STOP)
		return -ECANCELED;
	if (fatal_signal_pending(current))
		return -EINTR;
	return 0;
}

/* One operation; those under way end first when it must not overtake them. */
static int batch_run_op(struct kvmem_file *kf, struct kvmem_ns *ns,
			const struct kvmem_batch *batch, struct kvmem_run *run,
			struct kvmem_op __user *uop)
{
	struct kvmem_op op;
	int verdict, ret;

	if (copy_from_user(&op, uop, sizeof(op)))
		return -EFAULT;
	if (batch->flags & KVMEM_BATCH_F_STOP)
		ret = kvmem_direct_reap(run);
	else
		ret = kvmem_direct_make_way(run, &op);
	if (ret)
		return ret;
	verdict = batch_verdict(batch, run->failed);
	if (verdict) {
		op_refuse(&op, verdict);
	} else if (!kvmem_op_run(kf, ns, &op, run)) {
		if (run->punt)
			return -EAGAIN;
		kvmem_direct_tell(run, uop);
		return 0;
	}
	if (op.status)
		run->failed = true;
	else
		run->nr_ok++;
	ret = kvmem_op_write_result(uop, &op);
	if (ret)
		kvmem_op_untold(kf, &op);
	return ret;
}

static void batch_run_ops(struct kvmem_file *kf, struct kvmem_ns *ns,
			  const struct kvmem_batch *batch, struct kvmem_run *run)
{
	struct kvmem_op __user *uop = u64_to_user_ptr(batch->ops);
	unsigned int i;

	run->flags = batch->flags;
	run->error = 0;
	for (i = 0; !run->error && i < batch->nr_ops; i++, uop++) {
		run->error = batch_run_op(kf, ns, batch, run, uop);
		run->first = false;
		cond_resched();
	}
}

static void batch_release(struct kvmem_run *run)
{
	kvmem_direct_release(run);
	kvmem_run_put_buffer(run);
}

/* Waits for what is under way, if anything is. */
static int batch_end(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_run *run)
{
	int late = kvmem_direct_reap(run);

	kvmem_run_end(run, kf, ns);
	batch_release(run);
	return run->error ?: late ?: run->nr_ok;
}

static void batch_tell(struct kvmem_file *kf, const struct kvmem_run *run)
{
	if (run->flags & KVMEM_BATCH_F_NOTIFY)
		kvmem_file_notify(kf, KVMEM_EVENT_BATCH);
}

int kvmem_batch_run(struct kvmem_file *kf, void __user *ubatch, unsigned int size)
{
	struct kvmem_ns *ns = kvmem_file_ns(kf);
	struct kvmem_batch __user *ub = ubatch;
	struct kvmem_batch batch;
	struct kvmem_run run;
	int ret;

	ret = batch_read(&batch, ubatch, size);
	if (ret)
		return ret;
	if (!ns)
		return -ENOTCONN;
	kvmem_run_begin(&run, kf, batch.nr_ops);
	batch_run_ops(kf, ns, &batch, &run);
	ret = batch_end(kf, ns, &run);
	if (ret >= 0 && size && put_user((u32)ret, &ub->nr_ok))
		ret = -EFAULT;
	batch_tell(kf, &run);
	return ret;
}

/*
 * Only the first operation may still turn out to be one that waits for other
 * things than a transfer: what has begun cannot be begun again by a worker.
 */
int kvmem_batch_issue(struct kvmem_file *kf, void __user *ubatch, struct kvmem_run *run,
		      void (*idle)(struct kvmem_run *run))
{
	struct kvmem_ns *ns = kvmem_file_ns(kf);
	struct kvmem_batch batch;
	int ret;

	ret = batch_read(&batch, ubatch, 0);
	if (ret)
		return ret;
	if (!ns)
		return -ENOTCONN;
	kvmem_run_begin(run, kf, batch.nr_ops);
	kvmem_direct_alone(run, idle);
	run->first = true;
	batch_run_ops(kf, ns, &batch, run);
	/* Blocks that were used must not stay for as long as a device takes. */
	kvmem_run_flush(run, ns);
	if (!run->punt)
		return 0;
	batch_release(run);
	return -EAGAIN;
}

int kvmem_batch_finish(struct kvmem_file *kf, struct kvmem_run *run)
{
	int ret = batch_end(kf, kvmem_file_ns(kf), run);

	batch_tell(kf, run);
	return ret;
}

static bool opcode_is_light(u16 opcode)
{
	switch (opcode) {
	case KVMEM_OP_NOP:
	case KVMEM_OP_GET:
	case KVMEM_OP_EXISTS:
	case KVMEM_OP_LEASE:
	case KVMEM_OP_RELEASE:
		return true;
	default:
		return false;
	}
}

/* Does the key have to be fetched from flash, or asked of a peer? */
static bool op_may_wait(struct kvmem_ns *ns, u16 opcode, struct kvmem_op __user *uop)
{
	struct kvmem_key key;
	bool peers;

	if (!ns)
		return false;
	peers = kvmem_peer_routes(ns);
	if (!(opcode == KVMEM_OP_EXISTS && peers) &&
	    !((opcode == KVMEM_OP_GET || opcode == KVMEM_OP_LEASE) &&
	      (peers || kvmem_flash_has(ns))))
		return false;
	return !copy_from_user(&key, uop->key, sizeof(key)) && !kvmem_block_here(ns, &key);
}

/* Has it to be mapped, and moved by a device? */
static bool batch_op_is_dma(struct kvmem_file *kf, struct kvmem_op __user *uop)
{
	u32 buf;

	return !get_user(buf, &uop->buf) && kvmem_buffer_is_dma(kf, buf);
}

/* Between registered memory and flash, as far as can be told without a look-up. */
static bool op_is_direct(struct kvmem_ns *ns, const struct kvmem_op *op)
{
	if (!(op->flags & KVMEM_OP_F_NOCACHE) || !op->buf)
		return false;
	if (op->opcode == KVMEM_OP_GET)
		return kvmem_flash_has(ns) && !op->offset && !(op->flags & KVMEM_OP_F_PARTIAL);
	return op->opcode == KVMEM_OP_PUT && !(op->flags & KVMEM_OP_F_PERSIST) &&
	       kvmem_flash_takes(ns);
}

/* What has to be mapped for a device may wait for that, so a worker does it. */
static bool batch_is_direct(struct kvmem_file *kf, struct kvmem_ns *ns,
			    const struct kvmem_batch *batch)
{
	struct kvmem_op __user *uop = u64_to_user_ptr(batch->ops);
	struct kvmem_op op;
	u32 i;

	/* A peer that has to be asked is waited for. */
	if (!ns || kvmem_peer_routes(ns) || batch->nr_ops > KVMEM_DIRECT_MAX ||
	    batch->flags & KVMEM_BATCH_F_STOP)
		return false;
	for (i = 0; i < batch->nr_ops; i++, uop++)
		if (copy_from_user(&op, uop, sizeof(op)) || !op_is_direct(ns, &op) ||
		    kvmem_buffer_is_dma(kf, op.buf))
			return false;
	return true;
}

static bool batch_is_light(struct kvmem_file *kf, struct kvmem_ns *ns,
			   const struct kvmem_batch *batch)
{
	struct kvmem_op __user *uop = u64_to_user_ptr(batch->ops);
	u64 len, total = 0;
	u16 opcode, flags;
	u32 i;

	if (batch->nr_ops > KVMEM_LIGHT_OPS)
		return false;
	for (i = 0; i < batch->nr_ops; i++, uop++) {
		if (get_user(opcode, &uop->opcode) || get_user(len, &uop->len) ||
		    get_user(flags, &uop->flags))
			return true;
		total += min_t(u64, len, KVMEM_LIGHT_BYTES + 1);
		/* A part of a block costs the checksum of far more than its length. */
		if (!opcode_is_light(opcode) || flags & KVMEM_OP_F_PARTIAL ||
		    total > KVMEM_LIGHT_BYTES || batch_op_is_dma(kf, uop) ||
		    op_may_wait(ns, opcode, uop))
			return false;
	}
	return true;
}

/*
 * Only a guess of what the batch will cost: everything is read and checked
 * again when it runs, so it does not matter that user space may change it.
 */
enum kvmem_batch_weight kvmem_batch_weigh(struct kvmem_file *kf, void __user *ubatch)
{
	struct kvmem_ns *ns = kvmem_file_ns(kf);
	struct kvmem_batch batch;

	/* What fails, fails at once. */
	if (batch_read(&batch, ubatch, 0) || batch_is_light(kf, ns, &batch))
		return KVMEM_BATCH_LIGHT;
	return batch_is_direct(kf, ns, &batch) ? KVMEM_BATCH_FLASH : KVMEM_BATCH_HEAVY;
}
