// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks: allocation, life cycle, index.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include "block.h"
#include "flash/flash.h"
#include "index.h"
#include "netlink.h"
#include "ns.h"
#include "trace.h"

/* Pieces that fit on the stack while a block is cut; few blocks need more. */
#define KVMEM_CUT_STACK	8

static struct kmem_cache *block_cache;

/* What a block costs besides its data: the index adds at most 22 bytes. */
static_assert(sizeof(struct kvmem_block) <= 120);

int kvmem_block_cache_init(void)
{
	block_cache = kmem_cache_create("kvmem_block", sizeof(struct kvmem_block),
					__alignof__(struct kvmem_block), 0, NULL);
	return block_cache ? 0 : -ENOMEM;
}

void kvmem_block_cache_exit(void)
{
	/* Blocks are freed by call_rcu(). */
	rcu_barrier();
	kmem_cache_destroy(block_cache);
}

/* Life ----------------------------------------------------------------- */

#define TO(state)	BIT(KVMEM_BLOCK_##state)

/* Row: from.  Bits: the states that may follow. */
static const u8 block_next[KVMEM_BLOCK_NR_STATES] = {
	[KVMEM_BLOCK_ALLOCATED] = TO(COMMITTED) | TO(DELETED),
	[KVMEM_BLOCK_COMMITTED] = TO(PERSISTED) | TO(EVICTED) | TO(DELETED),
	/* COMMITTED again: the copy that would survive was evicted before the block. */
	[KVMEM_BLOCK_PERSISTED] = TO(COMMITTED) | TO(EVICTED) | TO(DELETED),
	[KVMEM_BLOCK_EVICTED] = TO(DELETED),
	[KVMEM_BLOCK_DELETED] = 0,
};

bool kvmem_block_transition_ok(enum kvmem_block_state from, enum kvmem_block_state to)
{
	return from < KVMEM_BLOCK_NR_STATES && to < KVMEM_BLOCK_NR_STATES &&
	       (block_next[from] & BIT(to));
}

bool kvmem_block_set_state(struct kvmem_block *block, enum kvmem_block_state to)
{
	u8 from = block->state;

	if (WARN_ON_ONCE(!kvmem_block_transition_ok(from, to)))
		return false;
	trace_kvmem_block_state(block->ns->id, block->key.b, from, to);
	/* Whoever sees COMMITTED sees the bytes and the checksum. */
	smp_store_release(&block->state, to);
	return true;
}

/* For look-ups, which do not hold ns->lock; pairs with the store above. */
bool kvmem_block_readable(const struct kvmem_block *block)
{
	/* Pairs with the release in kvmem_block_set_state(). */
	u8 state = smp_load_acquire(&block->state);

	return state == KVMEM_BLOCK_COMMITTED || state == KVMEM_BLOCK_PERSISTED;
}

/* Time to live ----------------------------------------------------------- */

/* Units of 2^23 ns (8 ms), wrapping: the longest TTL is well below half a turn. */
#define EXPIRES_SHIFT	23

static u32 expires_now(void)
{
	return ktime_get_boottime_ns() >> EXPIRES_SHIFT;
}

/* 0 means never, so a block that would expire at 0 lives a unit longer. */
static u32 expires_after(u32 ttl_ms)
{
	u64 at = ktime_get_boottime_ns() + (u64)ttl_ms * NSEC_PER_MSEC;

	return ttl_ms ? (u32)((at >> EXPIRES_SHIFT) + 1) ?: 1 : 0;
}

u32 kvmem_block_expires_after(struct kvmem_ns *ns, u32 ttl_ms)
{
	return expires_after(ttl_ms ?: READ_ONCE(ns->p.ttl_ms));
}

bool kvmem_block_expired(const struct kvmem_block *block)
{
	return kvmem_expires_past(block->expires);
}

/*
 * On a media a time is in seconds since 1970, rounded down: nothing lives longer
 * for having been written.  What is more than half a turn away cannot be told
 * from the past; no TTL is that long.
 */
u32 kvmem_block_expires_to_unix(u32 expires)
{
	u64 boot = ktime_get_boottime_ns();
	s64 at;

	if (!expires)
		return 0;
	at = (s64)(s32)(expires - (u32)(boot >> EXPIRES_SHIFT)) * (1LL << EXPIRES_SHIFT);
	at += ktime_get_real_ns() - (boot & ((1ULL << EXPIRES_SHIFT) - 1));
	at = at > 0 ? div_s64(at, NSEC_PER_SEC) : 0;
	return clamp_t(s64, at, 1, U32_MAX);
}

/* Rounded up as in expires_after(), so that a time goes there and back unchanged. */
u32 kvmem_block_expires_from_unix(u32 seconds)
{
	s64 left = (s64)seconds * NSEC_PER_SEC - ktime_get_real_ns();
	u64 at;

	if (!seconds)
		return 0;
	if (left <= 0)
		return expires_now() ?: U32_MAX;
	/* A wrong clock or a hostile media: a quarter of a turn is never exceeded. */
	at = ktime_get_boottime_ns() + min_t(s64, left, 1LL << (30 + EXPIRES_SHIFT));
	return (u32)((at >> EXPIRES_SHIFT) + 1) ?: 1;
}

bool kvmem_expires_past(u32 expires)
{
	return expires && (s32)(expires_now() - expires) >= 0;
}

u32 kvmem_expires_left_ms(u32 expires)
{
	s64 units = (s32)(expires - expires_now());

	if (!expires)
		return 0;
	return max_t(s64, div_s64(units * (1LL << EXPIRES_SHIFT), NSEC_PER_MSEC), 1);
}

/* Allocation --------------------------------------------------------------- */

static unsigned int block_nr_crcs(size_t size)
{
	return size > KVMEM_CRC_PIECE ? DIV_ROUND_UP(size, KVMEM_CRC_PIECE) : 0;
}

/* The pieces become the block's; those of a small block need no array. */
static int block_adopt_cut(struct kvmem_block *block, const struct kvmem_cut *cut)
{
	unsigned int nr_crcs = block_nr_crcs(block->size);
	struct kvmem_map *map;

	if (cut->nr == 1 && !nr_crcs) {
		block->piece = cut->pieces[0];
		return 0;
	}
	map = kvmalloc(sizeof(*map) + cut->nr * sizeof(u64) + nr_crcs * sizeof(u32),
		       GFP_KERNEL);
	if (!map)
		return -ENOMEM;
	map->nr = cut->nr;
	map->nr_crcs = nr_crcs;
	memcpy(map->pieces, cut->pieces, cut->nr * sizeof(u64));
	block->map = map;
	block->mapped = true;
	return 0;
}

/* Space first, then quota: whoever is let in by the quota finds the space. */
static void block_uncut(struct kvmem_ns *ns, const u64 *pieces, unsigned int nr,
			size_t charged)
{
	kvmem_room_uncut(ns, pieces, nr);
	kvmem_room_uncharge(ns, charged);
}

static int block_reserve(struct kvmem_ns *ns, struct kvmem_block *block, bool evict)
{
	size_t need = kvmem_space_need(block->size, block->layout);
	u64 stack[KVMEM_CUT_STACK];
	struct kvmem_cut cut = { .pieces = stack, .max = KVMEM_CUT_STACK };
	int ret;

	ret = kvmem_room_charge(ns, need, evict);
	if (ret)
		return ret;
	ret = kvmem_room_cut(ns, need >> KVMEM_GRAIN_SHIFT, block->layout, &cut, evict);
	if (!ret)
		ret = block_adopt_cut(block, &cut);
	if (ret)
		block_uncut(ns, cut.pieces, cut.nr, need);
	if (cut.pieces != stack)
		kvfree(cut.pieces);
	return ret;
}

static struct kvmem_block *block_alloc(struct kvmem_ns *ns, size_t size, bool leasable, bool evict)
{
	struct kvmem_block *block;
	int ret;

	block = kmem_cache_zalloc(block_cache, GFP_KERNEL);
	if (!block)
		return ERR_PTR(-ENOMEM);
	block->ns = ns;
	block->size = size;
	block->layout = kvmem_layout_for(size, leasable);
	block->state = KVMEM_BLOCK_ALLOCATED;
	INIT_LIST_HEAD(&block->lru);
	refcount_set(&block->ref, 1);
	ret = block_reserve(ns, block, evict);
	if (ret) {
		kmem_cache_free(block_cache, block);
		return ERR_PTR(ret);
	}
	return block;
}

struct kvmem_block *kvmem_block_alloc(struct kvmem_ns *ns, size_t size, bool leasable)
{
	return block_alloc(ns, size, leasable, true);
}

struct kvmem_block *kvmem_block_alloc_free(struct kvmem_ns *ns, size_t size)
{
	return block_alloc(ns, size, false, false);
}

static void block_free_rcu(struct rcu_head *rcu)
{
	kmem_cache_free(block_cache, container_of(rcu, struct kvmem_block, rcu));
}

size_t kvmem_block_charged(const struct kvmem_block *block)
{
	size_t grains = 0;
	unsigned int i;

	if (!block->mapped)
		return (size_t)kvmem_piece_grains(block->piece) << KVMEM_GRAIN_SHIFT;
	for (i = 0; i < block->map->nr; i++)
		grains += kvmem_piece_grains(block->map->pieces[i]);
	return grains << KVMEM_GRAIN_SHIFT;
}

/*
 * No reference is left, so no one can reach the bytes: the space goes at once.
 * The structure waits for look-ups that still walk over it.
 */
static void block_free(struct kvmem_block *block)
{
	size_t charged = kvmem_block_charged(block);

	WARN_ON_ONCE(kvmem_block_readable(block));
	if (block->state != KVMEM_BLOCK_DELETED)
		kvmem_block_set_state(block, KVMEM_BLOCK_DELETED);
	if (block->mapped) {
		block_uncut(block->ns, block->map->pieces, block->map->nr, charged);
		kvfree(block->map);
	} else {
		block_uncut(block->ns, &block->piece, 1, charged);
	}
	call_rcu(&block->rcu, block_free_rcu);
}

bool kvmem_block_tryget(struct kvmem_block *block)
{
	return refcount_inc_not_zero(&block->ref);
}

void kvmem_block_put(struct kvmem_block *block)
{
	if (refcount_dec_and_test(&block->ref))
		block_free(block);
}

/* Index -------------------------------------------------------------------- */

const struct rhashtable_params kvmem_index_params = {
	.key_len = KVMEM_KEY_LEN,
	.key_offset = offsetof(struct kvmem_block, key),
	.head_offset = offsetof(struct kvmem_block, hash),
	.hashfn = kvmem_key_hash,
	.automatic_shrinking = true,
};

struct kvmem_block *kvmem_block_lookup(struct kvmem_ns *ns, const struct kvmem_key *key,
				       u16 *res_flags)
{
	struct kvmem_block *block;

	rcu_read_lock();
	block = rhashtable_lookup(&ns->index, key, kvmem_index_params);
	if (block && (!kvmem_block_readable(block) || !kvmem_block_tryget(block)))
		block = NULL;
	rcu_read_unlock();
	if (block && kvmem_block_expired(block)) {
		*res_flags |= KVMEM_RES_F_EXPIRED;
		kvmem_block_unlink(block, KVMEM_BLOCK_EVICTED, KVMEM_EVICT_EXPIRED);
		kvmem_block_put(block);
		block = NULL;
	}
	return block;
}

bool kvmem_block_here(struct kvmem_ns *ns, const struct kvmem_key *key)
{
	bool here;

	/* Who moves everything past DRAM has nothing in it. */
	if (!atomic_read(&ns->index.nelems))
		return false;
	rcu_read_lock();
	here = rhashtable_lookup(&ns->index, key, kvmem_index_params);
	rcu_read_unlock();
	return here;
}

bool kvmem_block_was_fetched(struct kvmem_ns *ns, const struct kvmem_key *key)
{
	struct kvmem_block *block;
	bool fetched;

	rcu_read_lock();
	spin_lock(&ns->lock);
	block = rhashtable_lookup(&ns->index, key, kvmem_index_params);
	fetched = block && block->fetched;
	spin_unlock(&ns->lock);
	rcu_read_unlock();
	return fetched;
}

static void block_account_live(struct kvmem_ns *ns, struct kvmem_block *block, int sign)
{
	ns->live_blocks += sign;
	ns->data_bytes += sign * (s64)block->size;
	ns->nr_ttl += block->expires ? sign : 0;
}

/*
 * The key came back after an eviction: policy is told what that cost, and the
 * block goes on as if it had stayed.
 */
static void block_check_ghost(struct kvmem_ns *ns, struct kvmem_block *block, u8 growth)
{
	struct kvmem_ghosts *ghosts = kvmem_ns_ghosts(ns);
	u64 last_use, age;
	u8 class;

	if (!kvmem_ghost_take(ghosts, &block->key, &class, &last_use))
		return;
	age = kvmem_ghost_age(block->last_use, last_use);
	ns->hist->ghost_hits[class][kvmem_age_bucket(age)]++;
	kvmem_stat_inc(ns, KVMEM_STAT_GHOST_HITS);
	kvmem_block_inherit(ns, block, class, age, growth);
}

/* The first class that an application gives ends our own, see class_used(). */
static void block_set_class(struct kvmem_ns *ns, struct kvmem_block *block,
			    const struct kvmem_hints *hints)
{
	if (hints->hint_class)
		ns->hinted = true;
	if (hints->fetched)
		block->class = hints->own_class;
	else
		block->class = ns->hinted ? hints->hint_class << 3 : hints->own_class;
}

static int block_publish_locked(struct kvmem_ns *ns, struct kvmem_block *block,
				const struct kvmem_hints *hints)
{
	struct kvmem_block *old;

	lockdep_assert_held(&ns->lock);
	if (test_bit(KVMEM_NS_DEAD, &ns->flags))
		return -ESHUTDOWN;
	/*
	 * Under the lock: who deletes the key takes the copy away first, and looks for
	 * us then, with the lock (kvmem_block_was_fetched()).  One of the two sees the other.
	 */
	if (hints->copy && !kvmem_copy_readable(hints->copy))
		return -ESTALE;
	/* Found from here on, but not readable before the state says so. */
	old = rhashtable_lookup_get_insert_fast(&ns->index, &block->hash,
						kvmem_index_params);
	if (IS_ERR(old))
		return -ENOMEM;
	if (old)
		return -EEXIST;
	kvmem_block_set_state(block, KVMEM_BLOCK_COMMITTED);
	block_account_live(ns, block, 1);
	block_set_class(ns, block, hints);
	block_check_ghost(ns, block, hints->growth);
	kvmem_class_add(ns, block);
	return 0;
}

int kvmem_block_commit(struct kvmem_block *block, const struct kvmem_key *key,
		       const struct kvmem_hints *hints)
{
	struct kvmem_ns *ns = block->ns;
	struct llist_node *list;
	int ret;

	block->key = *key;
	block->priority = hints->priority;
	block->cost = hints->cost;
	if (hints->fetched)
		block->expires = hints->expires;
	else
		block->expires = kvmem_block_expires_after(ns, hints->ttl_ms);
	block->fetched = hints->fetched;
	/* The index's reference, before anybody can find the block. */
	refcount_inc(&block->ref);
	spin_lock(&ns->lock);
	list = kvmem_touch_drain(ns);
	block->last_use = ktime_get_ns();
	ret = block_publish_locked(ns, block, hints);
	spin_unlock(&ns->lock);
	kvmem_touch_put(list);
	if (ret)
		refcount_dec(&block->ref);
	else if (!hints->fetched)
		kvmem_sample(ns, key, KVMEM_SAMPLE_KIND_PUT, READ_ONCE(block->class),
			     block->size);
	return ret;
}

void kvmem_block_unpersist(struct kvmem_ns *ns, const struct kvmem_key *key)
{
	struct kvmem_block *block;

	rcu_read_lock();
	block = rhashtable_lookup(&ns->index, key, kvmem_index_params);
	if (block && !kvmem_block_tryget(block))
		block = NULL;
	rcu_read_unlock();
	if (!block)
		return;
	spin_lock(&ns->lock);
	if (block->state == KVMEM_BLOCK_PERSISTED)
		kvmem_block_set_state(block, KVMEM_BLOCK_COMMITTED);
	spin_unlock(&ns->lock);
	kvmem_block_put(block);
}

/*
 * Only a block that nobody holds is evicted; claiming it by a negative count
 * keeps new holds out.  A deleted block may be held: its holders keep the
 * bytes, the index forgets the key.
 */
static bool block_claim(struct kvmem_block *block, enum kvmem_block_state to,
			enum kvmem_evict_reason why)
{
	if (to == KVMEM_BLOCK_DELETED || why == KVMEM_EVICT_EXPIRED ||
	    why == KVMEM_EVICT_CORRUPT)
		return true;
	return atomic_cmpxchg(&block->holds, 0, INT_MIN / 2) == 0;
}

/* What policy decided, or was made to; not what time or decay took. */
static void block_count_eviction(struct kvmem_ns *ns, struct kvmem_block *block)
{
	u64 age = ktime_get_ns() - block->last_use;

	ns->hist->evictions[block->class][kvmem_age_bucket(age)]++;
	kvmem_ghost_add(kvmem_ns_ghosts(ns), &block->key, block->class, block->last_use);
	if (unlikely(kvmem_ghosts_short(kvmem_ns_ghosts(ns), ns->live_blocks)))
		set_bit(KVMEM_NS_GHOSTS_SHORT, &ns->flags);
}

static bool block_unlink_locked(struct kvmem_ns *ns, struct kvmem_block *block,
				enum kvmem_block_state to, enum kvmem_evict_reason why)
{
	lockdep_assert_held(&ns->lock);
	if (!kvmem_block_readable(block) || !block_claim(block, to, why))
		return false;
	kvmem_class_del(ns, block);
	block_account_live(ns, block, -1);
	if (to == KVMEM_BLOCK_EVICTED && why < KVMEM_EVICT_EXPIRED)
		block_count_eviction(ns, block);
	kvmem_block_set_state(block, to);
	rhashtable_remove_fast(&ns->index, &block->hash, kvmem_index_params);
	return true;
}

/*
 * Once expired or corrupt, a block leaves the index whoever holds it, just as
 * when it is deleted; a capacity eviction respects holds.
 */
bool kvmem_block_unlink(struct kvmem_block *block, enum kvmem_block_state to,
			enum kvmem_evict_reason why)
{
	struct kvmem_ns *ns = block->ns;
	struct llist_node *list;
	bool done;

	spin_lock(&ns->lock);
	list = kvmem_touch_drain(ns);
	done = block_unlink_locked(ns, block, to, why);
	spin_unlock(&ns->lock);
	kvmem_touch_put(list);
	if (!done)
		return false;
	if (to == KVMEM_BLOCK_EVICTED)
		kvmem_stat_inc(ns, KVMEM_STAT_EVICT_QUOTA + why);
	if (to == KVMEM_BLOCK_DELETED || why >= KVMEM_EVICT_EXPIRED)
		kvmem_sample(ns, &block->key, KVMEM_SAMPLE_KIND_DELETE, block->class,
			     block->size);
	if (why == KVMEM_EVICT_CORRUPT && to == KVMEM_BLOCK_EVICTED)
		kvmem_event_corrupt(ns, &block->key);
	/* The index's reference. */
	kvmem_block_put(block);
	return true;
}

bool kvmem_block_persisted(struct kvmem_block *block)
{
	struct kvmem_ns *ns = block->ns;
	bool done;

	spin_lock(&ns->lock);
	done = block->state == KVMEM_BLOCK_COMMITTED &&
	       kvmem_block_set_state(block, KVMEM_BLOCK_PERSISTED);
	spin_unlock(&ns->lock);
	return done;
}
