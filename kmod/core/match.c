// SPDX-License-Identifier: GPL-2.0
/*
 * MATCH: the longest stored prefix of a list of keys, leased when asked.
 */
#include <linux/err.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include "file.h"
#include "lease.h"
#include "ns.h"
#include "ops.h"

/* Keys copied in at a time. */
#define KVMEM_MATCH_STEP	16

static int match_lease(struct kvmem_file *kf, struct kvmem_ns *ns,
		       struct kvmem_block *block, const struct kvmem_op *op, u64 index)
{
	struct kvmem_lease __user *ulease = u64_to_user_ptr(op->handle);
	struct kvmem_lease lease = {};
	struct kvmem_handle *handle;

	handle = kvmem_lease_block(kf, ns, block, op->flags);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	lease.handle = kvmem_handle_number(handle);
	lease.mmap_offset = kvmem_handle_offset(handle);
	lease.bytes = block->size;
	lease.crc = block->crc;
	lease.flags = handle->view ? KVMEM_RES_F_COPIED : 0;
	if (!copy_to_user(ulease + index, &lease, sizeof(lease)))
		return 0;
	/* The caller cannot learn of this one; the earlier ones are his. */
	handle = kvmem_handle_take(kf, lease.handle, KVMEM_HANDLE_LEASE);
	if (handle)
		kvmem_handle_free(kf, handle);
	return -EFAULT;
}

/* 1: there; 0: the prefix ends here; else an errno. */
static int match_one(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		     const struct kvmem_key *key, u64 index)
{
	struct kvmem_block *block;
	u16 res_flags = 0;
	int ret = 1;

	block = kvmem_block_lookup(ns, key, &res_flags);
	if (!block) {
		kvmem_stat_inc(ns, KVMEM_STAT_MISSES);
		return 0;
	}
	if (op->flags & KVMEM_OP_F_LEASE)
		ret = match_lease(kf, ns, block, op, index) ?: 1;
	/* Evicted or found corrupt just now: not there. */
	if (ret == -ENOENT || ret == -EILSEQ)
		ret = 0;
	if (ret == 1) {
		kvmem_stat_inc(ns, KVMEM_STAT_HITS);
		if (!(op->flags & KVMEM_OP_F_NOTOUCH))
			kvmem_block_touch(block);
	}
	kvmem_block_put(block);
	return ret;
}

static int match_step(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		      const struct kvmem_key *keys, unsigned int nr)
{
	unsigned int i;
	int ret;

	for (i = 0; i < nr; i++) {
		ret = match_one(kf, ns, op, &keys[i], op->bytes);
		if (ret <= 0)
			return ret;
		op->bytes++;
	}
	return 1;
}

/*
 * With leases, an error after the first ones still reports how many were
 * handed out (bytes), so that the caller can release them.
 */
int kvmem_op_match(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op)
{
	struct kvmem_key keys[KVMEM_MATCH_STEP];
	const void __user *ukeys = u64_to_user_ptr(op->addr);
	int ret = 1;

	if (!op->len || op->len > KVMEM_MAX_MATCH)
		return -EINVAL;
	if (!(op->flags & KVMEM_OP_F_LEASE) && (op->handle || op->flags & KVMEM_OP_F_NOCOPY))
		return -EINVAL;
	op->tier = KVMEM_TIER_DRAM;
	while (ret > 0 && op->bytes < op->len) {
		unsigned int nr = min_t(u64, op->len - op->bytes, KVMEM_MATCH_STEP);

		if (fatal_signal_pending(current))
			return -EINTR;
		if (copy_from_user(keys, ukeys + op->bytes * sizeof(*keys),
				   nr * sizeof(*keys)))
			return -EFAULT;
		ret = match_step(kf, ns, op, keys, nr);
		cond_resched();
	}
	return min(ret, 0);
}
