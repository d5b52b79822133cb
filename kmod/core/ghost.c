// SPDX-License-Identifier: GPL-2.0
/*
 * Ghosts: keys evicted not long ago, so that policy can learn what it should
 * have kept.
 *
 * A set-associative table of 64-bit entries; a false match costs one wrong
 * count in a histogram, so 18 bits of the key's hash are enough.  An entry is
 *   tag 18 | class 6 | last use 40 (in 2^KVMEM_AGE_SHIFT ns, wraps in 2 years)
 * and 0 is an empty one.  Changed under ns->lock; looked at under RCU as well.
 */
#include <linux/jhash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include "ns.h"
#include "sysfs.h"

#define GHOST_WAYS	4
#define GHOST_MIN	256
#define GHOST_TIME_MASK	GENMASK_ULL(39, 0)
#define GHOST_CLASS_SHIFT	40
#define GHOST_TAG_SHIFT	46
#define GHOST_TAG_MASK	GENMASK_ULL(17, 0)

/*
 * A small namespace forgets fast, so it gets many entries a block; a large one
 * gets one, which is what its memory per block allows.
 */
#define GHOST_PER_BLOCK	16
#define GHOST_SMALL	65536U

/* Entries of one namespace's table at most; 8 bytes each. */
unsigned int kvmem_ghost_max = 1U << 20;

struct kvmem_ghosts {
	u32 seed;
	u32 nr_sets;	/* power of two */
	u64 *e;		/* apart, so that a power of two of bytes is asked for */
	struct rcu_head rcu;
};

static u64 ghosts_entries(u64 blocks)
{
	u64 max = max_t(unsigned int, READ_ONCE(kvmem_ghost_max), GHOST_MIN);
	u64 small = min_t(u64, blocks * GHOST_PER_BLOCK, GHOST_SMALL);

	blocks = max(blocks, small);
	return rounddown_pow_of_two((unsigned long)clamp_t(u64, blocks, GHOST_MIN, max));
}

struct kvmem_ghosts *kvmem_ghosts_alloc(u64 blocks)
{
	u64 entries = ghosts_entries(blocks);
	struct kvmem_ghosts *ghosts = kzalloc(sizeof(*ghosts), GFP_KERNEL);

	if (!ghosts)
		return NULL;
	ghosts->e = kvcalloc(entries, sizeof(*ghosts->e), GFP_KERNEL);
	if (!ghosts->e) {
		kfree(ghosts);
		return NULL;
	}
	ghosts->nr_sets = entries / GHOST_WAYS;
	ghosts->seed = get_random_u32();
	return ghosts;
}

void kvmem_ghosts_free(struct kvmem_ghosts *ghosts)
{
	if (!ghosts)
		return;
	kvfree(ghosts->e);
	kfree(ghosts);
}

bool kvmem_ghosts_short(const struct kvmem_ghosts *ghosts, u64 blocks)
{
	u64 have = ghosts ? (u64)ghosts->nr_sets * GHOST_WAYS : 0;

	return ghosts_entries(blocks) > have;
}

static u64 *ghost_set(struct kvmem_ghosts *ghosts, const struct kvmem_key *key, u64 *tag)
{
	u32 a = jhash2((const u32 *)key->b, KVMEM_KEY_LEN / 4, ghosts->seed);
	u32 b = jhash_1word(a, ~ghosts->seed);

	*tag = (b & GHOST_TAG_MASK) ?: 1;
	return &ghosts->e[(a & (ghosts->nr_sets - 1)) * GHOST_WAYS];
}

/* The place of @key in a set, or NULL. */
static u64 *ghost_find(u64 *set, u64 tag)
{
	unsigned int i;

	for (i = 0; i < GHOST_WAYS; i++)
		if (READ_ONCE(set[i]) >> GHOST_TAG_SHIFT == tag)
			return set + i;
	return NULL;
}

static u8 ghost_class(u64 entry)
{
	return entry >> GHOST_CLASS_SHIFT & (KVMEM_NR_CLASSES - 1);
}

static u64 ghost_time(u64 ns)
{
	return (ns >> KVMEM_AGE_SHIFT) & GHOST_TIME_MASK;
}

u64 kvmem_ghost_age(u64 now, u64 last_use)
{
	return (ghost_time(now) - ghost_time(last_use)) << KVMEM_AGE_SHIFT &
	       (GHOST_TIME_MASK << KVMEM_AGE_SHIFT);
}

/* A set keeps its entries youngest first; what falls off the end is forgotten. */
void kvmem_ghost_add(struct kvmem_ghosts *ghosts, const struct kvmem_key *key,
		     u8 class, u64 last_use)
{
	unsigned int i;
	u64 tag, *set;

	if (!ghosts)
		return;
	set = ghost_set(ghosts, key, &tag);
	for (i = GHOST_WAYS - 1; i; i--)
		WRITE_ONCE(set[i], set[i - 1]);
	WRITE_ONCE(set[0], tag << GHOST_TAG_SHIFT | (u64)class << GHOST_CLASS_SHIFT |
		   ghost_time(last_use));
}

bool kvmem_ghost_take(struct kvmem_ghosts *ghosts, const struct kvmem_key *key,
		      u8 *class, u64 *last_use)
{
	u64 tag, *set, *entry;

	if (!ghosts)
		return false;
	set = ghost_set(ghosts, key, &tag);
	entry = ghost_find(set, tag);
	if (!entry)
		return false;
	*class = ghost_class(*entry);
	*last_use = (*entry & GHOST_TIME_MASK) << KVMEM_AGE_SHIFT;
	WRITE_ONCE(*entry, 0);
	return true;
}

bool kvmem_ghost_look(struct kvmem_ns *ns, const struct kvmem_key *key, u8 *class)
{
	struct kvmem_ghosts *ghosts;
	u64 tag, *set, *entry = NULL;

	rcu_read_lock();
	ghosts = rcu_dereference(ns->ghosts);
	if (ghosts) {
		set = ghost_set(ghosts, key, &tag);
		entry = ghost_find(set, tag);
		if (entry)
			*class = ghost_class(READ_ONCE(*entry));
	}
	rcu_read_unlock();
	return entry;
}

static void ghosts_free_rcu(struct rcu_head *rcu)
{
	kvmem_ghosts_free(container_of(rcu, struct kvmem_ghosts, rcu));
}

/*
 * The bits that choose a set grow by some at the top, so what was in one set
 * may belong to any of those with the same low bits: it goes into all.
 */
static void ghosts_take_over(struct kvmem_ghosts *to, const struct kvmem_ghosts *from)
{
	size_t size = (size_t)from->nr_sets * GHOST_WAYS;
	size_t at;

	to->seed = from->seed;
	for (at = 0; at < (size_t)to->nr_sets * GHOST_WAYS; at += size)
		memcpy(to->e + at, from->e, size * sizeof(*from->e));
}

static void ghosts_fit(struct kvmem_ns *ns)
{
	u64 blocks = READ_ONCE(ns->live_blocks);
	struct kvmem_ghosts *ghosts, *old;

	/* Nobody else replaces it: no lock to look. */
	old = rcu_dereference_protected(ns->ghosts, test_bit(KVMEM_NS_FITTING, &ns->flags));
	if (!old || !kvmem_ghosts_short(old, blocks))
		return;
	ghosts = kvmem_ghosts_alloc(blocks);
	if (!ghosts)
		return;
	/* The maximum may have been lowered since it was looked at. */
	if (ghosts->nr_sets <= old->nr_sets) {
		kvmem_ghosts_free(ghosts);
		return;
	}
	/* Without the lock: what is added meanwhile is forgotten. */
	ghosts_take_over(ghosts, old);
	spin_lock(&ns->lock);
	rcu_assign_pointer(ns->ghosts, ghosts);
	spin_unlock(&ns->lock);
	call_rcu(&old->rcu, ghosts_free_rcu);
}

void kvmem_ns_fit_ghosts(struct kvmem_ns *ns)
{
	if (test_and_set_bit_lock(KVMEM_NS_FITTING, &ns->flags))
		return;
	ghosts_fit(ns);
	clear_bit_unlock(KVMEM_NS_FITTING, &ns->flags);
}
