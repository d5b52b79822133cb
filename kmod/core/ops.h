/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Operations that live in files of their own, and what they share.
 * Each returns the operation's status and fills the results in @op.
 */
#ifndef KVMEM_OPS_H
#define KVMEM_OPS_H

struct kvmem_block;
struct kvmem_file;
struct kvmem_key;
struct kvmem_ns;
struct kvmem_op;
struct kvmem_run;

/* lease.c */
int kvmem_op_alloc(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		   struct kvmem_run *run);
int kvmem_op_commit_handle(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
			   struct kvmem_run *run);
int kvmem_op_lease(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		   struct kvmem_run *run);
int kvmem_op_release(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		     struct kvmem_run *run);
/* The result of @op could not be written: give back what it handed out. */
void kvmem_op_untold(struct kvmem_file *kf, const struct kvmem_op *op);
/* match.c */
int kvmem_op_match(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		   struct kvmem_run *run);

/* ops.c: the block of the operation's key, with a reference; NULL: a miss. */
struct kvmem_block *kvmem_op_find(struct kvmem_ns *ns, struct kvmem_op *op);
/*
 * The same, brought to DRAM first when only flash has it.  Also an ERR_PTR:
 * it is there and cannot be had.
 */
struct kvmem_block *kvmem_op_fetch(struct kvmem_ns *ns, struct kvmem_op *op,
				   struct kvmem_run *run);
/* How much of a block of @size this GET moves: 0, -EINVAL, -EMSGSIZE. */
int kvmem_op_get_length(u32 size, struct kvmem_op *op, size_t *len);
/*
 * Drop the block of the key from this node.  0, -ENOENT; -EINTR, -ETIMEDOUT: a table is
 * being read, so it is not known.
 */
int kvmem_delete_here(struct kvmem_ns *ns, const struct kvmem_key *key, u32 *size);
/* With KVMEM_OP_F_PERSIST: wait until the block of the key survives a restart. */
int kvmem_op_persist(struct kvmem_ns *ns, struct kvmem_op *op);
/* The operation has ended with @status: count it.  @start: ktime in ns. */
void kvmem_op_end(struct kvmem_ns *ns, struct kvmem_op *op, int status, u64 start);
/* batch.c: tell user space; -EFAULT. */
int kvmem_op_write_result(struct kvmem_op __user *uop, const struct kvmem_op *op);
/* Publish a filled block under the operation's key and hints. */
int kvmem_op_commit(struct kvmem_file *kf, struct kvmem_ns *ns,
		    struct kvmem_block *block, struct kvmem_op *op, struct kvmem_run *run);
/* Drop a block that failed its checksum. */
void kvmem_op_corrupt(struct kvmem_block *block, struct kvmem_op *op);

#endif
