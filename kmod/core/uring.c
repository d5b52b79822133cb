// SPDX-License-Identifier: GPL-2.0
/*
 * Batches as io_uring commands.
 *
 * A batch ends by itself: it copies memory, and waits for a device at most so
 * long, never for user space.  So a command is either run at once, when it is
 * light and all in DRAM, or handed to an io_uring worker by -EAGAIN, which runs it with the
 * submitter's mm and credentials.  No command is ever pending in the module,
 * and so there is nothing to cancel.
 */
#include <linux/fs.h>
#include "file.h"

int kvmem_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	const struct kvmem_uring_cmd *payload =
		kvmem_uring_payload(cmd, struct kvmem_uring_cmd);
	/* The SQE is memory shared with user space: read every field once. */
	u64 ubatch = READ_ONCE(payload->batch);
	u64 reserved = READ_ONCE(payload->reserved);
	struct kvmem_file *kf = cmd->file->private_data;
	int ret;

	if (cmd->cmd_op != KVMEM_IOC_BATCH)
		return -ENOTTY;
	if (reserved)
		return -EINVAL;
	if (issue_flags & IO_URING_F_NONBLOCK &&
	    !kvmem_batch_is_light(kf, u64_to_user_ptr(ubatch)))
		return -EAGAIN;
	ret = kvmem_batch_run(kf, u64_to_user_ptr(ubatch), 0);
	if (ret <= 0)
		return ret;
	/* 6.1 takes a positive return for an error and never completes. */
	io_uring_cmd_done(cmd, ret, issue_flags);
	return -EIOCBQUEUED;
}
