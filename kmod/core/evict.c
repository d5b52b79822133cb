// SPDX-License-Identifier: GPL-2.0
/*
 * Eviction: classes in order of last use, and a table of values.
 *
 * To evict, look at the least recently used block of every class and drop the
 * one whose value[class][age] is lowest: O(classes), no allocation.  Equal
 * values go by age, so a table that is the same for all classes and falls
 * with age is exactly LRU.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "block.h"
#include "ns.h"
#include "trace.h"

/* Second chances given in one decision before priority is overruled. */
#define KVMEM_EVICT_CHANCES	64
/* Held blocks taken off a class list under one hold of the lock. */
#define KVMEM_EVICT_STEPS	256

/* Tables ----------------------------------------------------------------- */

void kvmem_ns_set_lru(struct kvmem_value_table *table)
{
	unsigned int class, age;

	for (class = 0; class < KVMEM_NR_CLASSES; class++)
		for (age = 0; age < KVMEM_NR_AGES; age++)
			table->value[class][age] = KVMEM_NR_AGES - age;
}

void kvmem_ns_swap_table(struct kvmem_ns *ns, struct kvmem_value_table **table)
{
	spin_lock(&ns->lock);
	swap(ns->table, *table);
	spin_unlock(&ns->lock);
}

void kvmem_ns_copy_table(struct kvmem_ns *ns, struct kvmem_value_table *table)
{
	spin_lock(&ns->lock);
	*table = *ns->table;
	spin_unlock(&ns->lock);
}

void kvmem_ns_copy_hist(struct kvmem_ns *ns, struct kvmem_hist *hist)
{
	spin_lock(&ns->lock);
	*hist = *ns->hist;
	spin_unlock(&ns->lock);
}

/* Classes ---------------------------------------------------------------- */

static u8 class_of(u8 class, u16 hits)
{
	return (class & ~7) | min(ilog2(hits + 1U), 7);
}

static void class_link(struct kvmem_ns *ns, struct kvmem_block *block)
{
	list_add(&block->lru, &ns->classes[block->class]);
	ns->class_mask |= BIT_ULL(block->class);
}

static void class_unlink(struct kvmem_ns *ns, struct kvmem_block *block)
{
	list_del_init(&block->lru);
	if (list_empty(&ns->classes[block->class]))
		ns->class_mask &= ~BIT_ULL(block->class);
}

static void class_count(struct kvmem_ns *ns, struct kvmem_block *block, int sign)
{
	ns->hist->blocks[block->class] += sign;
	ns->hist->bytes[block->class] += sign * (s64)block->size;
}

void kvmem_class_add(struct kvmem_ns *ns, struct kvmem_block *block)
{
	lockdep_assert_held(&ns->lock);
	class_count(ns, block, 1);
	class_link(ns, block);
}

void kvmem_class_del(struct kvmem_ns *ns, struct kvmem_block *block)
{
	lockdep_assert_held(&ns->lock);
	class_count(ns, block, -1);
	if (!block->offlist)
		class_unlink(ns, block);
}

static bool block_is_live(const struct kvmem_block *block)
{
	return block->state == KVMEM_BLOCK_COMMITTED ||
	       block->state == KVMEM_BLOCK_PERSISTED;
}

/* Uses --------------------------------------------------------------------- */

static void touch_locked(struct kvmem_ns *ns, struct kvmem_block *block, u64 now)
{
	bool listed = !block->offlist;
	struct kvmem_hist *hist = ns->hist;

	if (!block_is_live(block))
		return;
	hist->hits[block->class][kvmem_age_bucket(now - block->last_use)]++;
	hist->hit_cost[block->class] += block->cost;
	hist->hit_bytes[block->class] += block->size;
	if (listed)
		class_unlink(ns, block);
	class_count(ns, block, -1);
	if (block->hits < U16_MAX)
		block->hits++;
	block->class = class_of(block->class, block->hits);
	block->last_use = now;
	class_count(ns, block, 1);
	if (listed)
		class_link(ns, block);
}

struct llist_node *kvmem_touch_drain(struct kvmem_ns *ns)
{
	struct llist_node *list;
	struct kvmem_block *block;
	u64 now;

	lockdep_assert_held(&ns->lock);
	if (llist_empty(&ns->touched))
		return NULL;
	list = llist_reverse_order(llist_del_all(&ns->touched));
	now = ktime_get_ns();
	llist_for_each_entry(block, list, touched)
		touch_locked(ns, block, now);
	return list;
}

/* Drop the queue's references.  Not under ns->lock: a put may be the last. */
void kvmem_touch_put(struct llist_node *list)
{
	struct kvmem_block *block, *next;

	llist_for_each_entry_safe(block, next, list, touched) {
		/* From here on the block may be queued again. */
		smp_store_release(&block->queued, 0);
		kvmem_block_put(block);
	}
}

/*
 * Gets never wait for the lock of the class lists: whoever finds it taken
 * queues the use, and the next one to take the lock applies the queue.
 */
void kvmem_block_touch(struct kvmem_block *block)
{
	struct kvmem_ns *ns = block->ns;
	struct llist_node *list;

	if (spin_trylock(&ns->lock)) {
		list = kvmem_touch_drain(ns);
		touch_locked(ns, block, ktime_get_ns());
		spin_unlock(&ns->lock);
		kvmem_touch_put(list);
		return;
	}
	if (xchg(&block->queued, 1))
		return;
	refcount_inc(&block->ref);
	llist_add(&block->touched, &ns->touched);
}

/* Holds -------------------------------------------------------------------- */

bool kvmem_block_hold(struct kvmem_block *block)
{
	return atomic_inc_unless_negative(&block->holds);
}

/*
 * A held block that eviction met was taken off its list, so that the next
 * decision need not step over it.  The last holder puts it back: the end of a
 * lease counts as its last use.  Pairs with evict_skip_held().
 */
void kvmem_block_unhold(struct kvmem_block *block)
{
	struct kvmem_ns *ns = block->ns;

	/* Full barrier: the count is down before the flag is looked at. */
	if (!atomic_dec_and_test(&block->holds) ||
	    !READ_ONCE(block->offlist))
		return;
	spin_lock(&ns->lock);
	if (block_is_live(block) && !atomic_read(&block->holds) && block->offlist) {
		WRITE_ONCE(block->offlist, false);
		block->last_use = ktime_get_ns();
		class_link(ns, block);
	}
	spin_unlock(&ns->lock);
}

/*
 * The oldest block of @class that nobody holds.  The flag is set before the
 * count is read again: either we see the last holder gone, or he sees the flag.
 */
static struct kvmem_block *evict_tail(struct kvmem_ns *ns, unsigned int class, bool *more)
{
	struct list_head *list = &ns->classes[class];
	unsigned int steps = KVMEM_EVICT_STEPS;
	struct kvmem_block *block;

	while (!list_empty(list)) {
		if (!steps--) {
			*more = true;
			break;
		}
		block = list_last_entry(list, struct kvmem_block, lru);
		if (!atomic_read(&block->holds))
			return block;
		WRITE_ONCE(block->offlist, true);
		/* The flag before the count, see above. */
		smp_mb();
		if (!atomic_read(&block->holds)) {
			WRITE_ONCE(block->offlist, false);
			return block;
		}
		class_unlink(ns, block);
	}
	return NULL;
}

/* Decisions ---------------------------------------------------------------- */

struct kvmem_victim {
	struct kvmem_block *block;
	u32 value;
	bool more;	/* not all held blocks were stepped over: look again */
};

static u32 block_value(struct kvmem_ns *ns, struct kvmem_block *block, u64 now)
{
	/* It may have been used since @now was read. */
	u64 age = now > block->last_use ? now - block->last_use : 0;

	return ns->table->value[block->class][kvmem_age_bucket(age)];
}

static bool victim_beats(const struct kvmem_victim *v, u32 value, u64 last_use)
{
	return !v->block || value < v->value ||
	       (value == v->value && last_use < v->block->last_use);
}

static void evict_look(struct kvmem_ns *ns, u64 now, struct kvmem_victim *v)
{
	u64 mask = ns->class_mask;

	v->block = NULL;
	v->more = false;
	while (mask) {
		unsigned int class = __ffs64(mask);
		struct kvmem_block *block = evict_tail(ns, class, &v->more);
		u32 value;

		mask &= mask - 1;
		if (!block)
			continue;
		value = block_value(ns, block, now);
		if (victim_beats(v, value, block->last_use)) {
			v->block = block;
			v->value = value;
		}
	}
}

/* Priority buys a block that many decisions, each as if it had been used. */
static bool evict_spare(struct kvmem_ns *ns, struct kvmem_block *block, u64 now)
{
	if (!block->priority)
		return false;
	block->priority--;
	block->last_use = now;
	list_move(&block->lru, &ns->classes[block->class]);
	return true;
}

static void evict_choose(struct kvmem_ns *ns, u64 now, struct kvmem_victim *v)
{
	unsigned int chances = KVMEM_EVICT_CHANCES;

	lockdep_assert_held(&ns->lock);
	do {
		evict_look(ns, now, v);
	} while (v->block && evict_spare(ns, v->block, now) && --chances);
}

/* The next victim, referenced; its class and age are told to the trace. */
static struct kvmem_block *evict_pick(struct kvmem_ns *ns, enum kvmem_evict_reason why,
				      bool *more)
{
	struct kvmem_victim v;
	struct llist_node *list;
	u64 now;

	spin_lock(&ns->lock);
	list = kvmem_touch_drain(ns);
	now = ktime_get_ns();
	evict_choose(ns, now, &v);
	/* Listed, hence live, hence the index's reference is there. */
	if (v.block) {
		refcount_inc(&v.block->ref);
		trace_kvmem_evict(ns->id, v.block->key.b, v.block->class,
				  now - v.block->last_use, v.value, why, v.block->size);
	}
	spin_unlock(&ns->lock);
	kvmem_touch_put(list);
	*more = v.more;
	return v.block;
}

bool kvmem_evict_one(struct kvmem_ns *ns, enum kvmem_evict_reason why)
{
	struct kvmem_block *block;
	bool more, done;

	/* Each turn takes held blocks off the lists, or ends, or lost a race. */
	for (;;) {
		block = evict_pick(ns, why, &more);
		if (!block && !more)
			return false;
		if (block) {
			done = kvmem_block_unlink(block, KVMEM_BLOCK_EVICTED, why);
			kvmem_block_put(block);
			if (done)
				return true;
		}
		cond_resched();
	}
}

/*
 * The member whose next victim is worth least, referenced.  Takes one
 * member's lock at a time, so the answer may be stale; that costs only
 * precision.
 */
struct kvmem_ns *kvmem_pool_weakest(struct kvmem_pool *pool)
{
	struct kvmem_ns *ns, *best = NULL;
	u64 now = ktime_get_ns(), best_use = 0;
	struct kvmem_victim v;
	u32 best_value = 0;

	spin_lock(&pool->lock);
	list_for_each_entry(ns, &pool->members, pool_node) {
		u64 use = 0;

		spin_lock(&ns->lock);
		evict_look(ns, now, &v);
		if (v.block)
			use = v.block->last_use;
		spin_unlock(&ns->lock);
		if (!v.block)
			continue;
		if (best && (v.value > best_value ||
			     (v.value == best_value && use >= best_use)))
			continue;
		best = ns;
		best_value = v.value;
		best_use = use;
	}
	if (best)
		kref_get(&best->ref);
	spin_unlock(&pool->lock);
	return best;
}

bool kvmem_evict_pool(struct kvmem_ns *ns, enum kvmem_evict_reason why)
{
	struct kvmem_ns *victim;
	bool ret;

	if (!ns->pool || !READ_ONCE(ns->pool->p.share))
		return kvmem_evict_one(ns, why);
	victim = kvmem_pool_weakest(ns->pool);
	if (!victim)
		return false;
	ret = kvmem_evict_one(victim, why);
	kvmem_ns_put(victim);
	return ret;
}
