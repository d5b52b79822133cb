// SPDX-License-Identifier: GPL-2.0
/*
 * Eviction: classes in order of last use, and a table of values.
 *
 * To evict, look at both ends of every class and drop the block whose
 * value[class][age] is lowest: O(classes), no allocation.  Equal values go by
 * age, so a table that is the same for all classes and falls with age is
 * exactly LRU.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "block.h"
#include "ns.h"
#include "trace.h"
#include "flash/tier.h"

/* Second chances given in one decision before priority is overruled. */
#define KVMEM_EVICT_CHANCES	64
/* Held blocks taken off a class list under one hold of the lock. */
#define KVMEM_EVICT_STEPS	256
/* Blocks of a class that are looked at as its next victims. */
#define KVMEM_EVICT_COMING	64
/* Uses that may wait to be counted, and so be counted under one hold. */
#define KVMEM_TOUCH_MAX		1024

/* Tables ----------------------------------------------------------------- */

void kvmem_ns_set_lru(struct kvmem_value_table *table)
{
	unsigned int class, age;

	for (class = 0; class < KVMEM_NR_CLASSES; class++)
		for (age = 0; age < KVMEM_NR_AGES; age++)
			table->value[class][age] = KVMEM_NR_AGES - age;
	table->falls = U64_MAX;
}

static bool row_falls(const u16 *row)
{
	unsigned int age;

	for (age = 1; age < KVMEM_NR_AGES; age++)
		if (row[age] > row[age - 1])
			return false;
	return true;
}

void kvmem_table_prepare(struct kvmem_value_table *table)
{
	unsigned int class;

	table->falls = 0;
	for (class = 0; class < KVMEM_NR_CLASSES; class++)
		if (row_falls(table->value[class]))
			table->falls |= BIT_ULL(class);
}

void kvmem_ns_set_policy(struct kvmem_ns *ns, struct kvmem_value_table **table, u8 order)
{
	spin_lock(&ns->lock);
	swap(ns->table, *table);
	ns->order = order;
	spin_unlock(&ns->lock);
}

u8 kvmem_ns_copy_table(struct kvmem_ns *ns, struct kvmem_value_table *table)
{
	u8 order;

	spin_lock(&ns->lock);
	*table = *ns->table;
	order = ns->order;
	spin_unlock(&ns->lock);
	return order;
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

/*
 * A block that was used again after @gap.  Applications that give classes keep
 * theirs; else the hint is the octave of the gap, in pairs and modulo 2 so
 * that no scale of time is built in, and how much its prompt was growing.
 */
static u8 class_used(const struct kvmem_ns *ns, u8 class, u16 hits, u64 gap,
		     enum kvmem_growth growth)
{
	if (!ns->hinted)
		class = ((fls64(gap >> KVMEM_AGE_SHIFT) >> 1 & 1) | growth << 1) << 3;
	return class_of(class, hits);
}

void kvmem_block_inherit(struct kvmem_ns *ns, struct kvmem_block *block, u8 ghost_class,
			 u64 age, enum kvmem_growth growth)
{
	lockdep_assert_held(&ns->lock);
	block->hits = 1U << (ghost_class & 7);
	block->class = class_used(ns, block->class, block->hits, age, growth);
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

static u64 block_age(const struct kvmem_block *block, u64 now)
{
	/* It may have been used since @now was read. */
	return now > block->last_use ? now - block->last_use : 0;
}

static void touch_locked(struct kvmem_ns *ns, struct kvmem_block *block, u64 now,
			 enum kvmem_growth growth)
{
	bool listed = !block->offlist;
	struct kvmem_hist *hist = ns->hist;
	u64 age = block_age(block, now);

	if (!block_is_live(block))
		return;
	hist->hits[block->class][kvmem_age_bucket(age)]++;
	hist->hit_cost[block->class] += block->cost;
	hist->hit_bytes[block->class] += block->size;
	if (ns->order == KVMEM_ORDER_ARRIVAL)
		return;
	if (listed)
		class_unlink(ns, block);
	class_count(ns, block, -1);
	if (block->hits < U16_MAX)
		block->hits++;
	block->class = class_used(ns, block->class, block->hits, age, growth);
	block->last_use = now;
	class_count(ns, block, 1);
	if (listed)
		class_link(ns, block);
}

struct llist_node *kvmem_touch_drain(struct kvmem_ns *ns)
{
	struct llist_node *list;
	struct kvmem_block *block;
	int nr = 0;
	u64 now;

	lockdep_assert_held(&ns->lock);
	if (llist_empty(&ns->touched))
		return NULL;
	list = llist_reverse_order(llist_del_all(&ns->touched));
	now = ktime_get_ns();
	llist_for_each_entry(block, list, touched) {
		touch_locked(ns, block, now, block->queued - KVMEM_QUEUED);
		nr++;
	}
	atomic_sub(nr, &ns->nr_touched);
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
 * A use more or less does not matter to any policy, a long queue does: to whom
 * has to count it with the lock held.
 */
static void use_queue(struct kvmem_ns *ns, struct kvmem_block *block,
		      enum kvmem_growth growth)
{
	if (atomic_read(&ns->nr_touched) >= KVMEM_TOUCH_MAX ||
	    cmpxchg(&block->queued, 0, KVMEM_QUEUED + growth))
		return;
	atomic_inc(&ns->nr_touched);
	refcount_inc(&block->ref);
	llist_add(&block->touched, &ns->touched);
}

/*
 * Gets never wait for the lock of the class lists: whoever finds it taken
 * queues the uses, and the next one to take the lock applies the queue.
 */
void kvmem_uses_count(struct kvmem_ns *ns, struct kvmem_block **blocks, unsigned int nr,
		      enum kvmem_growth growth)
{
	struct llist_node *list = NULL;
	unsigned int i;
	u64 now;

	if (spin_trylock(&ns->lock)) {
		list = kvmem_touch_drain(ns);
		now = ktime_get_ns();
		for (i = 0; i < nr; i++)
			touch_locked(ns, blocks[i], now, growth);
		spin_unlock(&ns->lock);
	} else {
		for (i = 0; i < nr; i++)
			use_queue(ns, blocks[i], growth);
	}
	kvmem_touch_put(list);
	for (i = 0; i < nr; i++)
		kvmem_block_put(blocks[i]);
}

void kvmem_block_touch(struct kvmem_block *block)
{
	refcount_inc(&block->ref);
	kvmem_uses_count(block->ns, &block, 1, KVMEM_GROWS_LITTLE);
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
		if (ns->order == KVMEM_ORDER_USE)
			block->last_use = ktime_get_ns();
		class_link(ns, block);
		/* It was the oldest when eviction met it; by arrival it still is. */
		if (ns->order == KVMEM_ORDER_ARRIVAL)
			list_move_tail(&block->lru, &ns->classes[block->class]);
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

/*
 * Between the middles of two buckets a value lies on the straight line that
 * joins theirs, by 8 bits of where in its bucket the age is: a falling row
 * keeps blocks in order of age, and no two ages next to each other are far
 * apart in value.
 */
static u32 row_value(const u16 *row, u64 age)
{
	unsigned int b = kvmem_age_bucket(age);
	int here = row[b], at;

	if (!b || b == KVMEM_NR_AGES - 1)
		return here;
	at = age >> (b + KVMEM_AGE_SHIFT - 9) & 255;
	if (at < 128)
		return here + (row[b - 1] - here) * (128 - at) / 256;
	return here + (row[b + 1] - here) * (at - 128) / 256;
}

u32 kvmem_table_value(const struct kvmem_value_table *table, u8 class, u64 age)
{
	return row_value(table->value[class], age);
}

u32 kvmem_ns_value(struct kvmem_ns *ns, u8 class, u64 age)
{
	u32 value;

	spin_lock(&ns->lock);
	value = kvmem_table_value(ns->table, class, age);
	spin_unlock(&ns->lock);
	return value;
}

static bool victim_beats(const struct kvmem_victim *v, u32 value, u64 last_use)
{
	return !v->block || value < v->value ||
	       (value == v->value && last_use < v->block->last_use);
}

static void evict_try(struct kvmem_ns *ns, struct kvmem_block *block, u64 now,
		      struct kvmem_victim *v)
{
	u32 value = row_value(ns->table->value[block->class], block_age(block, now));

	if (victim_beats(v, value, block->last_use)) {
		v->block = block;
		v->value = value;
	}
}

/*
 * Both ends of a class: a block too young to be used soon may be worth less
 * than one that is nearly due.  A row that falls has its minimum at the tail.
 */
static void evict_look_class(struct kvmem_ns *ns, unsigned int class, u64 now,
			     struct kvmem_victim *v)
{
	struct kvmem_block *block = evict_tail(ns, class, &v->more);

	if (!block)
		return;
	evict_try(ns, block, now, v);
	if (ns->table->falls & BIT_ULL(class))
		return;
	block = list_first_entry(&ns->classes[class], struct kvmem_block, lru);
	if (!atomic_read(&block->holds))
		evict_try(ns, block, now, v);
}

static void evict_look(struct kvmem_ns *ns, u64 now, struct kvmem_victim *v)
{
	u64 mask = ns->class_mask;

	v->block = NULL;
	v->more = false;
	for (; mask; mask &= mask - 1)
		evict_look_class(ns, __ffs64(mask), now, v);
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
		if (!v->block || !evict_spare(ns, v->block, now))
			return;
	} while (!v->more && --chances);
	/* One look that had to stop at held blocks is enough for one hold of the lock. */
	if (v->more)
		v->block = NULL;
}

/* Near the end of one class; how many of them are there now. */
static unsigned int coming_in_class(struct kvmem_ns *ns, unsigned int class,
				    struct kvmem_block **blocks, unsigned int nr,
				    unsigned int max)
{
	unsigned int steps = KVMEM_EVICT_COMING;
	struct kvmem_block *block;

	list_for_each_entry_reverse(block, &ns->classes[class], lru) {
		if (nr == max || !steps--)
			break;
		if (block->state != KVMEM_BLOCK_COMMITTED || atomic_read(&block->holds))
			continue;
		refcount_inc(&block->ref);
		blocks[nr++] = block;
	}
	return nr;
}

unsigned int kvmem_evict_coming(struct kvmem_ns *ns, struct kvmem_block **blocks,
				unsigned int max)
{
	unsigned int nr = 0;
	u64 mask;

	spin_lock(&ns->lock);
	for (mask = ns->class_mask; mask; mask &= mask - 1)
		nr = coming_in_class(ns, __ffs64(mask), blocks, nr, max);
	spin_unlock(&ns->lock);
	return nr;
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

	kvmem_flash_ahead(ns);
	/* Each turn takes held blocks off the lists, or ends, or lost a race. */
	for (;;) {
		block = evict_pick(ns, why, &more);
		if (!block && !more)
			return false;
		if (block) {
			done = kvmem_block_unlink(block, KVMEM_BLOCK_EVICTED, why);
			kvmem_block_put(block);
			/* From the first evictions on, not from the next upkeep. */
			if (test_and_clear_bit(KVMEM_NS_GHOSTS_SHORT, &ns->flags))
				kvmem_ns_fit_ghosts(ns);
			if (done)
				return true;
		}
		cond_resched();
	}
}

/*
 * The member whose next victim is worth least, referenced.  Takes one
 * member's lock at a time, so the answer may be stale; that costs only
 * precision.  *@more: some member had too many held blocks in the way.
 */
static struct kvmem_ns *pool_weakest(struct kvmem_pool *pool, bool *more, u32 *value)
{
	struct kvmem_ns *ns, *best = NULL;
	u64 now = ktime_get_ns(), best_use = 0;
	struct kvmem_victim v;
	u32 best_value = 0;

	*more = false;
	spin_lock(&pool->lock);
	list_for_each_entry(ns, &pool->members, pool_node) {
		u64 use = 0;

		spin_lock(&ns->lock);
		evict_look(ns, now, &v);
		if (v.block)
			use = v.block->last_use;
		spin_unlock(&ns->lock);
		*more |= v.more;
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
	*value = best_value;
	return best;
}

struct kvmem_ns *kvmem_pool_weakest(struct kvmem_pool *pool, bool *more)
{
	u32 value;

	return pool_weakest(pool, more, &value);
}

/* Among members of a pool that shares, those of others may go instead. */
static u32 pool_lowest(struct kvmem_ns *ns, u32 own)
{
	struct kvmem_ns *weakest;
	bool more;
	u32 value;

	if (!ns->pool || !READ_ONCE(ns->pool->p.share))
		return own;
	weakest = pool_weakest(ns->pool, &more, &value);
	if (!weakest)
		return own;
	kvmem_ns_put(weakest);
	return min(own, value);
}

bool kvmem_evict_worth(struct kvmem_ns *ns, u8 class, u16 hits, enum kvmem_growth growth)
{
	struct kvmem_victim v;
	u32 value;

	spin_lock(&ns->lock);
	/* As it will be seen when it was used. */
	if (ns->order != KVMEM_ORDER_ARRIVAL)
		class = class_used(ns, class, min(hits, U16_MAX - 1) + 1, 0, growth);
	value = row_value(ns->table->value[class], 0);
	evict_look(ns, ktime_get_ns(), &v);
	spin_unlock(&ns->lock);
	return !v.block || value >= v.value || value >= pool_lowest(ns, v.value);
}

u32 kvmem_evict_next_value(struct kvmem_ns *ns)
{
	struct kvmem_victim v;

	spin_lock(&ns->lock);
	evict_look(ns, ktime_get_ns(), &v);
	spin_unlock(&ns->lock);
	return v.block ? v.value : 0;
}

bool kvmem_evict_pool(struct kvmem_ns *ns, enum kvmem_evict_reason why)
{
	struct kvmem_ns *victim;
	bool more, done = false;

	if (!ns->pool || !READ_ONCE(ns->pool->p.share))
		return kvmem_evict_one(ns, why);
	/* Each turn but the last takes held blocks off lists, or lost a race. */
	do {
		victim = kvmem_pool_weakest(ns->pool, &more);
		if (victim) {
			done = kvmem_evict_one(victim, why);
			kvmem_ns_put(victim);
		}
		cond_resched();
	} while (!done && (victim || more) && !fatal_signal_pending(current));
	return done;
}
