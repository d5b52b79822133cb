// SPDX-License-Identifier: GPL-2.0
/*
 * Zero copy: ALLOC, COMMIT, LEASE, RELEASE.
 *
 * Each costs the same whatever the size of the block: pages are mapped when
 * touched, and unmapped only if they were.  COMMIT alone looks at the bytes,
 * for the checksum.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/uaccess.h>
#include "file.h"
#include "lease.h"
#include "ns.h"
#include "ops.h"

static void op_return_handle(struct kvmem_op *op, const struct kvmem_handle *handle)
{
	op->res_handle = kvmem_handle_number(handle);
	op->mmap_offset = kvmem_handle_offset(handle);
	op->bytes = handle->block->size;
	if (op->tier == KVMEM_TIER_NONE)
		op->tier = KVMEM_TIER_DRAM;
}

int kvmem_op_alloc(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		   struct kvmem_run *run)
{
	struct kvmem_handle *handle;
	struct kvmem_block *block;
	int ret;

	if (!op->len || op->len > KVMEM_MAX_BLOCK)
		return -EINVAL;
	kvmem_run_flush(run, ns);
	block = kvmem_block_alloc(ns, op->len, true);
	if (IS_ERR(block)) {
		ret = PTR_ERR(block);
		if (ret == -ENOSPC || ret == -EDQUOT)
			kvmem_stat_inc(ns, KVMEM_STAT_NOSPC);
		return ret;
	}
	handle = kvmem_handle_add(kf, block, KVMEM_HANDLE_ALLOC);
	if (IS_ERR(handle)) {
		kvmem_block_put(block);
		return PTR_ERR(handle);
	}
	op_return_handle(op, handle);
	kvmem_handle_publish(handle);
	return 0;
}

/*
 * Taking the handle removes every writable mapping, so the checksum is taken
 * of bytes that no mapping can change any more.  A writer who kept a pin of a
 * page can; that turns the block into a miss, for his namespace alone.
 */
int kvmem_op_commit_handle(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
			   struct kvmem_run *run)
{
	struct kvmem_handle *handle;
	struct kvmem_block *block;
	size_t allocated;
	int ret;

	handle = kvmem_handle_begin(kf, op->handle, op->len, &ret);
	if (!handle)
		return ret;
	block = handle->block;
	allocated = block->size;
	kvmem_block_seal(block, op->len ?: allocated);
	ret = kvmem_op_commit(kf, ns, block, op, run);
	if (ret) {
		/* Nothing is lost: the caller may try again, or release. */
		block->size = allocated;
		kvmem_handle_abort(kf, handle);
		return ret;
	}
	if (!(op->res_flags & KVMEM_RES_F_EXISTED))
		kvmem_stat_add(ns, KVMEM_STAT_ZERO_COPY, block->size);
	kvmem_handle_finish(kf, handle);
	return 0;
}

/*
 * A packed block shares its pages with other blocks, so they cannot be shown;
 * the lease gets a copy of its own, if the caller lets it.
 */
static struct kvmem_block *lease_view(struct kvmem_ns *ns, struct kvmem_block *block)
{
	struct kvmem_block *view = kvmem_block_alloc(ns, block->size, true);
	int ret;

	if (IS_ERR(view))
		return view;
	ret = kvmem_block_copy(view, block);
	if (ret) {
		kvmem_block_put(view);
		return ERR_PTR(ret);
	}
	kvmem_stat_add(ns, KVMEM_STAT_COPIED_OUT, block->size);
	return view;
}

static struct kvmem_handle *lease_shared(struct kvmem_file *kf, struct kvmem_block *block)
{
	struct kvmem_handle *handle;

	/* Evicted at this very moment: a miss like any other. */
	if (!kvmem_block_hold(block))
		return ERR_PTR(-ENOENT);
	refcount_inc(&block->ref);
	handle = kvmem_handle_add(kf, block, KVMEM_HANDLE_LEASE);
	if (IS_ERR(handle)) {
		kvmem_block_unhold(block);
		kvmem_block_put(block);
	} else {
		kvmem_stat_add(block->ns, KVMEM_STAT_ZERO_COPY, block->size);
	}
	return handle;
}

static struct kvmem_handle *lease_copied(struct kvmem_file *kf, struct kvmem_ns *ns,
					 struct kvmem_block *block)
{
	struct kvmem_block *view = lease_view(ns, block);
	struct kvmem_handle *handle;

	if (IS_ERR(view))
		return ERR_CAST(view);
	handle = kvmem_handle_add(kf, view, KVMEM_HANDLE_LEASE);
	if (IS_ERR(handle))
		kvmem_block_put(view);
	else
		handle->view = true;
	return handle;
}

struct kvmem_handle *kvmem_lease_block(struct kvmem_file *kf, struct kvmem_ns *ns,
				       struct kvmem_block *block, u16 flags,
				       struct kvmem_run *run)
{
	if (block->layout == KVMEM_PAGED)
		return lease_shared(kf, block);
	if (flags & KVMEM_OP_F_NOCOPY)
		return ERR_PTR(-EOPNOTSUPP);
	kvmem_run_flush(run, ns);
	return lease_copied(kf, ns, block);
}

int kvmem_op_lease(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		   struct kvmem_run *run)
{
	struct kvmem_block *block = kvmem_op_fetch(ns, op, run);
	struct kvmem_handle *handle;
	int ret = 0;

	if (IS_ERR(block))
		return PTR_ERR(block);
	if (!block) {
		kvmem_run_miss(run, ns, (const struct kvmem_key *)op->key, op->res_flags);
		return -ENOENT;
	}
	handle = kvmem_lease_block(kf, ns, block, op->flags, run);
	if (IS_ERR(handle)) {
		ret = PTR_ERR(handle);
		if (ret == -EILSEQ) {
			kvmem_op_corrupt(block, op);
			ret = -ENOENT;
		}
		/* Corrupt, or evicted at this moment: not there. */
		if (ret == -ENOENT)
			kvmem_run_miss(run, ns, (const struct kvmem_key *)op->key, op->res_flags);
	} else {
		op_return_handle(op, handle);
		if (handle->view)
			op->res_flags |= KVMEM_RES_F_COPIED | KVMEM_RES_F_VERIFIED;
		kvmem_handle_publish(handle);
		kvmem_run_hit(run, ns, block, !(op->flags & KVMEM_OP_F_NOTOUCH));
	}
	kvmem_block_put(block);
	return ret;
}

static int handle_drop(struct kvmem_file *kf, u64 number)
{
	struct kvmem_handle *handle = kvmem_handle_take(kf, number);

	if (!handle)
		return -ENOENT;
	kvmem_handle_free(kf, handle);
	return 0;
}

int kvmem_op_release(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		     struct kvmem_run *run)
{
	return handle_drop(kf, op->handle);
}

/*
 * Nobody knows the numbers, so nobody could release them.  Those of a MATCH
 * are read back from where they were written; a caller who changed them
 * meanwhile gives back other handles of his own.
 */
void kvmem_op_untold(struct kvmem_file *kf, const struct kvmem_op *op)
{
	const struct kvmem_lease __user *uleases = u64_to_user_ptr(op->handle);
	u64 number, i;

	if (op->status)
		return;
	if (op->opcode == KVMEM_OP_ALLOC || op->opcode == KVMEM_OP_LEASE)
		handle_drop(kf, op->res_handle);
	if (op->opcode == KVMEM_OP_MATCH && op->flags & KVMEM_OP_F_LEASE)
		for (i = 0; i < op->bytes; i++)
			if (!get_user(number, &uleases[i].handle))
				handle_drop(kf, number);
}
