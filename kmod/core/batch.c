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

static int batch_run_ops(struct kvmem_file *kf, struct kvmem_ns *ns,
			 const struct kvmem_batch *batch, struct kvmem_run *run)
{
	struct kvmem_op __user *uop = u64_to_user_ptr(batch->ops);
	unsigned int i;
	int ret = 0, late;

	for (i = 0; !ret && i < batch->nr_ops; i++, uop++) {
		ret = batch_run_op(kf, ns, batch, run, uop);
		cond_resched();
	}
	late = kvmem_direct_reap(run);
	return ret ?: late ?: run->nr_ok;
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
	ret = batch_run_ops(kf, ns, &batch, &run);
	kvmem_run_end(&run, kf, ns);
	if (ret >= 0 && size && put_user((u32)ret, &ub->nr_ok))
		ret = -EFAULT;
	if (batch.flags & KVMEM_BATCH_F_NOTIFY)
		kvmem_file_notify(kf, KVMEM_EVENT_BATCH);
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

/* Does the key have to be fetched from flash? */
static bool op_may_wait(struct kvmem_ns *ns, u16 opcode, struct kvmem_op __user *uop)
{
	struct kvmem_key key;

	if (!ns || !kvmem_flash_has(ns) || (opcode != KVMEM_OP_GET && opcode != KVMEM_OP_LEASE))
		return false;
	return !copy_from_user(&key, uop->key, sizeof(key)) && !kvmem_block_here(ns, &key);
}

/* Does it have to be mapped, and moved by a device? */
static bool batch_op_is_dma(struct kvmem_file *kf, struct kvmem_op __user *uop)
{
	u32 buf;

	return !get_user(buf, &uop->buf) && kvmem_buffer_is_dma(kf, buf);
}

/*
 * Only a guess of what the batch will cost: everything is read and checked
 * again when it runs, so it does not matter that user space may change it.
 */
bool kvmem_batch_is_light(struct kvmem_file *kf, void __user *ubatch)
{
	struct kvmem_ns *ns = kvmem_file_ns(kf);
	struct kvmem_op __user *uop;
	struct kvmem_batch batch;
	u64 len, total = 0;
	u16 opcode, flags;
	u32 i;

	if (batch_read(&batch, ubatch, 0))
		return true;	/* fails at once */
	if (batch.nr_ops > KVMEM_LIGHT_OPS)
		return false;
	uop = u64_to_user_ptr(batch.ops);
	for (i = 0; i < batch.nr_ops; i++, uop++) {
		if (get_user(opcode, &uop->opcode) || get_user(len, &uop->len) ||
		    get_user(flags, &uop->flags))
			return true;
		total += min_t(u64, len, KVMEM_LIGHT_BYTES + 1);
		/* A part of a block costs the checksum of far more than its length. */
		if (!opcode_is_light(opcode) || batch_op_is_dma(kf, uop) || flags & KVMEM_OP_F_PARTIAL ||
		    total > KVMEM_LIGHT_BYTES || op_may_wait(ns, opcode, uop))
			return false;
	}
	return true;
}
