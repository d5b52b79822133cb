// SPDX-License-Identifier: GPL-2.0
/*
 * Batches as io_uring commands.
 *
 * A command runs at once when it is light and all in DRAM.  One of transfers
 * between registered memory and flash begins at once and is pending then: the
 * last transfer to end has the rest done by the task that submitted it.  All
 * others, and those that turn out to be, are handed to an io_uring worker by
 * -EAGAIN, which runs them with the submitter's mm and credentials.
 *
 * A pending command ends with its transfers, is cancelled when its task or its
 * ring goes, and is given up after KVMEM_IO_TIMEOUT_MS; kernels before 6.7 know
 * no cancelling, and wait for one of the others.  It keeps its file open, and the
 * file the module.
 */
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include "file.h"
#include "flash/direct.h"
#include "flash/media.h"

/**
 * struct uring_batch - a command that may become pending
 * @run: of the batch
 * @cmd: the command; its file stays open until it is done
 * @kf: of that
 * @mm: where results go; only counted: who writes them has it or does not
 * @timer: gives the transfers up
 */
struct uring_batch {
	struct kvmem_run run;
	struct io_uring_cmd *cmd;
	struct kvmem_file *kf;
	struct mm_struct *mm;
	struct timer_list timer;
};

/* What the command keeps for us while it is pending. */
static struct uring_batch **uring_slot(struct io_uring_cmd *cmd)
{
	return (struct uring_batch **)cmd->pdu;
}

static void uring_free(struct uring_batch *ub)
{
	mmdrop(ub->mm);
	kfree(ub);
}

/*
 * By the task that submitted the command, or by a worker when that is past
 * running anything: then there is nobody to tell.
 */
KVMEM_URING_TW(uring_end, cmd, issue_flags)
{
	struct uring_batch *ub = *uring_slot(cmd);
	int ret;

	timer_delete_sync(&ub->timer);
	ub->run.deaf = current->mm != ub->mm;
	ret = kvmem_batch_finish(ub->kf, &ub->run);
	/* Cancelling looks at the batch until this. */
	io_uring_cmd_done(cmd, ret, issue_flags);
	uring_free(ub);
}

/* Any context. */
static void uring_idle(struct kvmem_run *run)
{
	io_uring_cmd_complete_in_task(container_of(run, struct uring_batch, run)->cmd, uring_end);
}

static void uring_timeout(struct timer_list *timer)
{
	kvmem_direct_give_up(&container_of(timer, struct uring_batch, timer)->run, -ETIMEDOUT);
}

static struct uring_batch *uring_alloc(struct kvmem_file *kf, struct io_uring_cmd *cmd)
{
	struct uring_batch *ub = kmalloc(sizeof(*ub), GFP_KERNEL);

	if (!ub)
		return NULL;
	ub->cmd = cmd;
	ub->kf = kf;
	ub->mm = current->mm;
	mmgrab(ub->mm);
	timer_setup(&ub->timer, uring_timeout, 0);
	return ub;
}

/*
 * Cancelling and the timer are ready before the count may drop to nothing.  The
 * ring's lock is ours, so nobody cancels before we are through.
 */
static int uring_pend(struct uring_batch *ub, unsigned int issue_flags)
{
	int ret;

	*uring_slot(ub->cmd) = ub;
	if (ub->run.nr_direct) {
		mod_timer(&ub->timer, jiffies + msecs_to_jiffies(KVMEM_IO_TIMEOUT_MS));
		io_uring_cmd_mark_cancelable(ub->cmd, issue_flags);
		if (kvmem_direct_part(&ub->run))
			return -EIOCBQUEUED;
		timer_delete_sync(&ub->timer);
	}
	ret = kvmem_batch_finish(ub->kf, &ub->run);
	io_uring_cmd_done(ub->cmd, ret, issue_flags);
	uring_free(ub);
	return -EIOCBQUEUED;
}

/* -EAGAIN: nothing has begun, a worker is to do it. */
static int uring_flash(struct kvmem_file *kf, struct io_uring_cmd *cmd, void __user *ubatch,
		       unsigned int issue_flags)
{
	struct uring_batch *ub = uring_alloc(kf, cmd);
	int ret;

	if (!ub)
		return -EAGAIN;
	ret = kvmem_batch_issue(kf, ubatch, &ub->run, uring_idle);
	if (!ret)
		return uring_pend(ub, issue_flags);
	uring_free(ub);
	return ret;
}

static int uring_run(struct kvmem_file *kf, struct io_uring_cmd *cmd, void __user *ubatch,
		     unsigned int issue_flags)
{
	int ret = kvmem_batch_run(kf, ubatch, 0);

	if (ret <= 0)
		return ret;
	/* 6.1 takes a positive return for an error and never completes. */
	io_uring_cmd_done(cmd, ret, issue_flags);
	return -EIOCBQUEUED;
}

int kvmem_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct kvmem_file *kf = cmd->file->private_data;
	const struct kvmem_uring_cmd *payload;
	u64 ubatch, reserved;

	if (issue_flags & IO_URING_F_CANCEL) {
		kvmem_direct_give_up(&(*uring_slot(cmd))->run, -ECANCELED);
		return 0;
	}
	payload = kvmem_uring_payload(cmd, struct kvmem_uring_cmd);
	/* The SQE is memory shared with user space: read every field once. */
	ubatch = READ_ONCE(payload->batch);
	reserved = READ_ONCE(payload->reserved);
	if (cmd->cmd_op != KVMEM_IOC_BATCH)
		return -ENOTTY;
	if (reserved)
		return -EINVAL;
	if (!(issue_flags & IO_URING_F_NONBLOCK))
		return uring_run(kf, cmd, u64_to_user_ptr(ubatch), issue_flags);
	switch (kvmem_batch_weigh(kf, u64_to_user_ptr(ubatch))) {
	case KVMEM_BATCH_LIGHT:
		return uring_run(kf, cmd, u64_to_user_ptr(ubatch), issue_flags);
	case KVMEM_BATCH_FLASH:
		return uring_flash(kf, cmd, u64_to_user_ptr(ubatch), issue_flags);
	default:
		return -EAGAIN;
	}
}
