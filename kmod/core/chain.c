// SPDX-License-Identifier: GPL-2.0
/*
 * Chains: what the look-ups of a batch say about its blocks.
 */
#include <linux/minmax.h>
#include <linux/spinlock.h>
#include "chain.h"
#include "file.h"
#include "ns.h"

/* The hint of the last block of a prompt, which the next turn will continue. */
#define CHAIN_TAIL	7
/* Blocks with fewer hits, as a power of two, belong to one conversation. */
#define CHAIN_SHARED	4

static bool chain_is_own(u8 class)
{
	return (class & 7) < CHAIN_SHARED;
}

void kvmem_run_begin(struct kvmem_run *run, struct kvmem_file *kf, u32 nr_ops)
{
	spin_lock(&kf->chain_lock);
	run->chain = kf->chain;
	spin_unlock(&kf->chain_lock);
	run->nr_ops = nr_ops;
	run->looked = false;
	run->missed = false;
	run->nr_uses = 0;
	run->nr_direct = 0;
	INIT_LIST_HEAD(&run->direct);
	run->direct_keys = 0;
	run->plugged = false;
	run->idle = NULL;
	run->deaf = false;
	run->first = false;
	run->punt = false;
	run->nr_ok = 0;
	run->failed = false;
	run->buf = NULL;
	run->nr_spares = 0;
}

void kvmem_run_flush(struct kvmem_run *run, struct kvmem_ns *ns)
{
	if (run->nr_uses)
		kvmem_uses_count(ns, run->uses, run->nr_uses, kvmem_run_growth(run));
	run->nr_uses = 0;
}

void kvmem_run_end(struct kvmem_run *run, struct kvmem_file *kf, struct kvmem_ns *ns)
{
	kvmem_run_flush(run, ns);
	/* A full batch may have been cut anywhere: its last key means nothing. */
	if (run->looked)
		run->chain.tail = run->missed && run->nr_ops < run->chain.max_batch;
	spin_lock(&kf->chain_lock);
	kf->chain = run->chain;
	spin_unlock(&kf->chain_lock);
}

static void chain_reset(struct kvmem_chain *chain)
{
	chain->known = 0;
	chain->fresh = 0;
	chain->to_put = 0;
	chain->continued = false;
	chain->tail = false;
}

/* A batch goes on with the chain of the one before when that was a full one. */
static void run_look(struct kvmem_run *run)
{
	struct kvmem_chain *chain = &run->chain;

	if (run->looked)
		return;
	run->looked = true;
	chain->max_batch = max(chain->max_batch, run->nr_ops);
	if (chain->last_batch < chain->max_batch)
		chain_reset(chain);
	chain->last_batch = run->nr_ops;
}

/* True: MATCH has counted this key. */
static bool run_was_matched(struct kvmem_run *run)
{
	if (!run->chain.matched)
		return false;
	run->chain.matched--;
	return true;
}

void kvmem_run_found(struct kvmem_run *run, struct kvmem_ns *ns,
		     const struct kvmem_key *key, u8 class, u32 size)
{
	kvmem_stat_inc(ns, KVMEM_STAT_HITS);
	kvmem_sample(ns, key, KVMEM_SAMPLE_KIND_HIT, class, size);
	if (run_was_matched(run))
		return;
	run_look(run);
	run->missed = false;
	run->chain.known++;
	run->chain.continued = chain_is_own(class);
}

void kvmem_run_hit(struct kvmem_run *run, struct kvmem_ns *ns, struct kvmem_block *block,
		   bool touch)
{
	/* The class may change meanwhile: any of its values will do. */
	kvmem_run_found(run, ns, &block->key, READ_ONCE(block->class), block->size);
	if (!touch)
		return;
	if (run->nr_uses == KVMEM_RUN_USES)
		kvmem_run_flush(run, ns);
	refcount_inc(&block->ref);
	run->uses[run->nr_uses++] = block;
}

/* Why: never put as far as we know, time over, or evicted not long ago. */
static bool run_count_miss(struct kvmem_ns *ns, const struct kvmem_key *key, u16 res_flags,
			   u8 *class)
{
	bool ghost = kvmem_ghost_look(ns, key, class);

	kvmem_stat_inc(ns, KVMEM_STAT_MISSES);
	if (res_flags & KVMEM_RES_F_EXPIRED)
		kvmem_stat_inc(ns, KVMEM_STAT_MISS_EXPIRED);
	else if (ghost)
		kvmem_stat_inc(ns, KVMEM_STAT_MISS_EVICTED);
	return ghost;
}

void kvmem_run_miss(struct kvmem_run *run, struct kvmem_ns *ns,
		    const struct kvmem_key *key, u16 res_flags)
{
	struct kvmem_chain *chain = &run->chain;
	bool ghost;
	u8 class = 0;

	ghost = run_count_miss(ns, key, res_flags, &class);
	kvmem_sample(ns, key, KVMEM_SAMPLE_KIND_MISS, class, 0);
	if (!run_was_matched(run)) {
		run_look(run);
		run->missed = true;
		if (ghost)
			chain->known++;
		else
			chain->fresh++;
	}
	if (ghost)
		chain->continued = chain_is_own(class);
	chain->to_put++;
}

/* A MATCH lists a prompt as a whole: it goes on with nothing. */
void kvmem_run_match_begin(struct kvmem_run *run, u32 len)
{
	chain_reset(&run->chain);
	run->looked = true;
	run->missed = false;
	run->chain.matched = 0;
	run->chain.last_batch = len;
}

/* It stops at the first key that is missing; those behind it are new, too. */
void kvmem_run_match_end(struct kvmem_run *run, u32 len, u32 found, bool leased)
{
	struct kvmem_chain *chain = &run->chain;
	u32 behind = len - found;

	/* The missing one has been counted. */
	if (behind && run->missed)
		behind--;
	chain->fresh += behind;
	chain->to_put += behind;
	chain->matched = leased ? 0 : found;
	/* What ends here is the prompt, however long batches are. */
	run->looked = false;
	chain->tail = found < len;
	chain->last_batch = 0;
}

enum kvmem_growth kvmem_run_growth(const struct kvmem_run *run)
{
	u64 fresh = run->chain.fresh, known = run->chain.known;

	return fresh > known ? KVMEM_GROWS_MUCH :
	       4 * fresh > known ? KVMEM_GROWS : KVMEM_GROWS_LITTLE;
}

/* What continues a conversation adds a turn; what does not is a first prompt. */
static unsigned int chain_hint(const struct kvmem_chain *chain)
{
	unsigned int size = chain->fresh < 4 ? 0 : chain->fresh < 16 ? 1 : 2;

	return chain->continued ? size + 3 : size;
}

u8 kvmem_run_class(struct kvmem_run *run)
{
	struct kvmem_chain *chain = &run->chain;
	bool last = chain->to_put == 1;

	if (chain->to_put)
		chain->to_put--;
	if (last && chain->tail)
		return CHAIN_TAIL << 3;
	return chain_hint(chain) << 3;
}
