/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Chains: what the look-ups of a batch say about its blocks.
 *
 * Applications ask for the blocks of one prompt in order, then put those that
 * were missing.  How much of the prompt was known, and how, tells more about
 * when its blocks will be used again than anything a block knows by itself.
 * Where no client gives classes, these do; docs/policy.md has the figures.
 */
#ifndef KVMEM_CHAIN_H
#define KVMEM_CHAIN_H

#include <linux/blkdev.h>
#include <linux/list.h>
#include <linux/types.h>
#include "block.h"

struct kvmem_block;
struct kvmem_file;
struct kvmem_key;
struct kvmem_ns;

/* Uses counted under one hold of the lock. */
#define KVMEM_RUN_USES	32
#define KVMEM_RUN_SPARES	16

/**
 * struct kvmem_chain - the prompt at hand of one open file
 * @last_batch: operations of the last batch that looked keys up
 * @max_batch: of the largest one
 * @known: keys that are here, or were until not long ago
 * @fresh: keys never seen, as far as we remember
 * @to_put: keys that were missing and have not been put yet
 * @matched: keys that MATCH has counted already and that are to be read
 * @continued: the last known block is one prompt's own, not shared by many
 * @tail: the last key of the prompt was missing
 */
struct kvmem_chain {
	u32 last_batch, max_batch;
	u32 known, fresh;
	u32 to_put;
	u32 matched;
	bool continued, tail;
};

/**
 * struct kvmem_run - a batch under way; on the stack of who runs it, if he waits
 * @chain: a copy: another thread's batch on the same file has its own
 * @nr_ops: of the batch
 * @now: when the operation at hand began, ktime in ns
 * @looked: a key was looked up
 * @missed: the last one was not there
 * @nr_uses: blocks in @uses
 * @nr_direct: operations under way in @direct (flash/direct.h)
 * @direct: struct kvmem_direct
 * @direct_keys: bit set: some of them may have keys with these bits
 * @plug: gathers what they send to devices, while @plugged
 * @idle: called when nothing is under way any more; NULL: who runs the batch waits
 * @nr_under_way: transfers, and one more until kvmem_direct_part(); with @idle
 * @flags: KVMEM_BATCH_F_* of the batch
 * @error: that ended it early, or 0
 * @given_up: the status of those that were given up
 * @deaf: the memory that results go to cannot be reached any more
 * @first: the operation at hand goes to flash with its batch or by a worker
 * @punt: to a worker with all of it, then
 * @nr_ok: operations that have ended well
 * @failed: one has not
 * @uses: used, and not counted yet; each with a reference
 * @buf: the buffer that was used last, with a reference until the batch ends; or NULL
 * @nr_spares: in @spares
 * @spares: free struct kvmem_direct, so that a batch goes to the allocator few times
 */
struct kvmem_run {
	struct kvmem_chain chain;
	u32 nr_ops;
	u64 now;
	bool looked, missed;
	unsigned int nr_uses, nr_direct;
	struct list_head direct;
	u64 direct_keys;
	struct blk_plug plug;
	bool plugged;
	void (*idle)(struct kvmem_run *run);
	atomic_t nr_under_way;
	u32 flags;
	int error;
	int given_up;
	bool deaf;
	bool first, punt;
	int nr_ok;
	bool failed;
	struct kvmem_block *uses[KVMEM_RUN_USES];
	struct kvmem_buffer *buf;
	unsigned int nr_spares;
	void *spares[KVMEM_RUN_SPARES];
};

void kvmem_run_begin(struct kvmem_run *run, struct kvmem_file *kf, u32 nr_ops);
/* Count the uses that wait; the file learns what the batch found out. */
void kvmem_run_end(struct kvmem_run *run, struct kvmem_file *kf, struct kvmem_ns *ns);

/*
 * Count them now: before anything that needs room or drops blocks, because
 * uses that wait keep their blocks' memory, and what was just used must not be
 * the first to go.
 */
void kvmem_run_flush(struct kvmem_run *run, struct kvmem_ns *ns);

/* GET, LEASE or MATCH found @block; it is a use when @touch. */
void kvmem_run_hit(struct kvmem_run *run, struct kvmem_ns *ns, struct kvmem_block *block,
		   bool touch);
/* The same for one that is not in DRAM: nothing to use. */
void kvmem_run_found(struct kvmem_run *run, struct kvmem_ns *ns,
		     const struct kvmem_key *key, u8 class, u32 size);
/* ... or not; @res_flags say why as far as the look-up knows. */
void kvmem_run_miss(struct kvmem_run *run, struct kvmem_ns *ns,
		    const struct kvmem_key *key, u16 res_flags);
/* MATCH begins with @len keys, and has ended after @found; if not leased, they are read next. */
void kvmem_run_match_begin(struct kvmem_run *run, u32 len);
void kvmem_run_match_end(struct kvmem_run *run, u32 len, u32 found, bool leased);
/* The class, hint * 8, of a block that is to be put. */
u8 kvmem_run_class(struct kvmem_run *run);
enum kvmem_growth kvmem_run_growth(const struct kvmem_run *run);

#endif
