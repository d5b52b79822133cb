// SPDX-License-Identifier: GPL-2.0
/*
 * MATCH: the longest stored prefix of a list of keys, leased when asked.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "file.h"
#include "lease.h"
#include "ns.h"
#include "ops.h"
#include "flash/tier.h"
#include "peer/peer.h"
#include "peer/route.h"

/* Keys copied in at a time. */
#define KVMEM_MATCH_STEP	16

/**
 * struct kvmem_match - a MATCH under way
 * @kf: whose leases they become
 * @ns: where to look
 * @op: the operation; op->bytes counts what was found so far
 * @numbers: of the leases handed out so far, op->bytes of them; NULL when no
 *	leases are wanted.  Numbers, not pointers: the caller's other threads
 *	may guess and release them meanwhile
 * @run: the batch
 * @keys: those at hand
 * @nr: how many
 * @asked: peers were asked for them
 * @found: bit set: one has that key
 */
struct kvmem_match {
	struct kvmem_file *kf;
	struct kvmem_ns *ns;
	struct kvmem_op *op;
	u64 *numbers;
	struct kvmem_run *run;
	const struct kvmem_key *keys;
	unsigned int nr;
	bool asked;
	u64 found;
};

static int match_lease(struct kvmem_match *m, struct kvmem_block *block)
{
	struct kvmem_lease __user *uleases = u64_to_user_ptr(m->op->handle);
	struct kvmem_lease lease = {};
	struct kvmem_handle *handle;
	u64 index = m->op->bytes;

	handle = kvmem_lease_block(m->kf, m->ns, block, m->op->flags, m->run);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	lease.handle = kvmem_handle_number(handle);
	lease.mmap_offset = kvmem_handle_offset(handle);
	lease.bytes = block->size;
	lease.crc = block->crc;
	lease.flags = handle->view ? KVMEM_RES_F_COPIED : 0;
	/* Counted before user space can see it, for match_undo(). */
	m->numbers[index] = lease.handle;
	m->op->bytes++;
	kvmem_handle_publish(handle);
	return copy_to_user(uleases + index, &lease, sizeof(lease)) ? -EFAULT : 0;
}

/* All or nothing: after an error the caller holds no lease of this MATCH. */
static void match_undo(struct kvmem_match *m)
{
	struct kvmem_handle *handle;

	while (m->op->bytes) {
		handle = kvmem_handle_take(m->kf, m->numbers[--m->op->bytes]);
		if (handle)
			kvmem_handle_free(m->kf, handle);
	}
}

static struct kvmem_block *match_fetch(struct kvmem_match *m, const struct kvmem_key *key)
{
	struct kvmem_remote_want want = { .keep = true };
	int ret;

	kvmem_run_flush(m->run, m->ns);
	ret = kvmem_remote_get(m->ns, key, &want);
	if (ret)
		return ret == -ENOENT ? NULL : ERR_PTR(ret);
	return want.block;
}

/* In DRAM; brought there, if that is where a lease needs it.  As kvmem_op_fetch(). */
static struct kvmem_block *match_find(struct kvmem_match *m, const struct kvmem_key *key,
				      u16 *res_flags)
{
	struct kvmem_block *block = kvmem_block_lookup(m->ns, key, res_flags);

	if (block && m->numbers && !kvmem_ns_vouches(m->ns, block)) {
		kvmem_block_put(block);
		return ERR_PTR(-EOPNOTSUPP);
	}
	if (block || !m->numbers)
		return block;
	if (kvmem_flash_has(m->ns)) {
		kvmem_run_flush(m->run, m->ns);
		block = kvmem_flash_fetch(m->ns, key, res_flags, NULL);
	}
	return block || !kvmem_peer_routes(m->ns) ? block : match_fetch(m, key);
}

static bool match_here(struct kvmem_match *m, const struct kvmem_key *key)
{
	return kvmem_block_here(m->ns, key) || kvmem_flash_here(m->ns, key);
}

/* From @key on, those that are not here, all at once.  1: its owners have @key; 0; errno. */
static int match_ask(struct kvmem_match *m, const struct kvmem_key *key)
{
	unsigned int at = key - m->keys, i;
	u64 want = BIT_ULL(at);
	int ret;

	if (!kvmem_peer_routes(m->ns))
		return 0;
	for (i = at + 1; !m->asked && i < m->nr; i++)
		if (!match_here(m, &m->keys[i]))
			want |= BIT_ULL(i);
	if (!m->asked) {
		ret = kvmem_remote_exists(m->ns, m->keys, m->nr, want, &m->found);
		if (ret)
			return ret;
		m->asked = true;
	}
	return !!(m->found & BIT_ULL(at));
}

/* Nobody wants the bytes: that it is on flash will do. */
static int match_look(struct kvmem_match *m, const struct kvmem_key *key, u16 res_flags)
{
	struct kvmem_flash_look look = {};
	int ret = 0;

	if (!m->numbers)
		ret = kvmem_flash_look(m->ns, key, &look) ? 1 : match_ask(m, key);
	if (ret < 0)
		return ret;
	if (!ret) {
		kvmem_run_miss(m->run, m->ns, key, res_flags);
		return 0;
	}
	m->op->bytes++;
	kvmem_run_found(m->run, m->ns, key, look.class, look.size);
	return 1;
}

/* 1: there, and counted in op->bytes; 0: the prefix ends here; else an errno. */
static int match_one(struct kvmem_match *m, const struct kvmem_key *key)
{
	struct kvmem_block *block;
	u16 res_flags = 0;
	int ret = 0;

	block = match_find(m, key, &res_flags);
	if (!block)
		return match_look(m, key, res_flags);
	/* It cannot be had: the prefix that can ends before it. */
	if (IS_ERR(block))
		return m->op->bytes ? 0 : PTR_ERR(block);
	if (m->numbers)
		ret = match_lease(m, block);
	else
		m->op->bytes++;
	if (!ret) {
		kvmem_run_hit(m->run, m->ns, block, !(m->op->flags & KVMEM_OP_F_NOTOUCH));
		ret = 1;
	} else if (ret == -EILSEQ) {
		kvmem_op_corrupt(block, m->op);
	}
	kvmem_block_put(block);
	if (ret != -ENOENT && ret != -EILSEQ)
		return ret;
	/* Evicted or found corrupt just now: not there. */
	kvmem_run_miss(m->run, m->ns, key, res_flags);
	return 0;
}

/* Up to @step at a time, in @keys. */
static int match_steps(struct kvmem_match *m, struct kvmem_key *keys, unsigned int step)
{
	const struct kvmem_key __user *ukeys = u64_to_user_ptr(m->op->addr);
	u64 done = 0;
	int ret = 1;

	m->keys = keys;
	while (ret > 0 && done < m->op->len) {
		unsigned int i, nr = min_t(u64, m->op->len - done, step);

		m->nr = nr;
		m->asked = false;
		if (fatal_signal_pending(current))
			return -EINTR;
		if (copy_from_user(keys, ukeys + done, nr * sizeof(*keys)))
			return -EFAULT;
		for (i = 0; i < nr && ret > 0; i++)
			ret = match_one(m, &keys[i]);
		done += nr;
		cond_resched();
	}
	return min(ret, 0);
}

static int match_keys(struct kvmem_match *m)
{
	struct kvmem_key keys[KVMEM_MATCH_STEP], *many;
	int ret;

	/* Where others are asked, for as many at a time as one question carries. */
	if (m->op->len <= KVMEM_MATCH_STEP || !kvmem_peer_routes(m->ns))
		return match_steps(m, keys, KVMEM_MATCH_STEP);
	many = kmalloc_array(KVMEM_CALL_KEYS, sizeof(*many), GFP_KERNEL);
	if (!many)
		return -ENOMEM;
	ret = match_steps(m, many, KVMEM_CALL_KEYS);
	kfree(many);
	return ret;
}

int kvmem_op_match(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		   struct kvmem_run *run)
{
	struct kvmem_match m = { .kf = kf, .ns = ns, .op = op, .run = run };
	int ret;

	if (!op->len || op->len > KVMEM_MAX_MATCH)
		return -EINVAL;
	if (!(op->flags & KVMEM_OP_F_LEASE) && (op->handle || op->flags & KVMEM_OP_F_NOCOPY))
		return -EINVAL;
	if (op->flags & KVMEM_OP_F_LEASE) {
		m.numbers = kvmalloc_array(op->len, sizeof(*m.numbers), GFP_KERNEL_ACCOUNT);
		if (!m.numbers)
			return -ENOMEM;
	}
	op->tier = KVMEM_TIER_DRAM;
	kvmem_run_match_begin(run, op->len);
	ret = match_keys(&m);
	if (!ret)
		kvmem_run_match_end(run, op->len, op->bytes, m.numbers);
	if (ret && m.numbers)
		match_undo(&m);
	kvfree(m.numbers);
	return ret;
}
