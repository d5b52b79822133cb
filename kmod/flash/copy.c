// SPDX-License-Identifier: GPL-2.0
/*
 * Copies: blocks in segments, their life and their index.
 *
 * A look-up takes no lock.  It has a reference of the copy first, then makes
 * its segment used, and then looks at the copy's state again: who empties a
 * segment changes the states first and looks at its users afterwards, so one of
 * the two sees the other.
 *
 * What is in the index and cannot be read comes or goes under media->lock at this
 * moment: then a look-up waits for that lock, once, and looks again.  So it never
 * misses what is there, and never finds what was not to come.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include "flash/flash.h"
#include "flash/tier.h"
#include "index.h"
#include "kunit_stub.h"
#include "ns.h"
#include "trace.h"

/* Copies that a sweep looks at under RCU, expires at a time, and looks at in a run. */
#define SWEEP_STEP	256U
#define SWEEP_BATCH	32U
#define SWEEP_COPIES	32768U

/* Checksums that are kept with their copy: those of all blocks up to 4 MiB. */
#define COPY_NEAR_SUMS	4U

/**
 * struct copy_large - a copy of a block that has checksums of its pieces
 * @copy: what all copies have
 * @near: up to COPY_NEAR_SUMS
 * @far: more of them, allocated apart
 */
struct copy_large {
	struct kvmem_copy copy;
	union {
		u32 near[COPY_NEAR_SUMS];
		u32 *far;
	};
};

static struct kmem_cache *copy_cache, *copy_large_cache;

/*
 * What a block costs that is on flash only, of 160 bytes.  The index has up to
 * 21 more, and twice as much while its buckets are an allocation that the kernel
 * rounds up, up to 196,608 blocks.
 */
static_assert(sizeof(struct kvmem_copy) <= 112);
static_assert(sizeof(struct copy_large) <= 128);

static const struct rhashtable_params copy_index_params = {
	.key_len = KVMEM_KEY_LEN,
	.key_offset = offsetof(struct kvmem_copy, key),
	.head_offset = offsetof(struct kvmem_copy, hash),
	.hashfn = kvmem_key_hash,
	.automatic_shrinking = true,
};

int kvmem_copy_cache_init(void)
{
	copy_cache = kmem_cache_create("kvmem_copy", sizeof(struct kvmem_copy),
				       __alignof__(struct kvmem_copy), 0, NULL);
	if (!copy_cache)
		return -ENOMEM;
	copy_large_cache = kmem_cache_create("kvmem_copy_large", sizeof(struct copy_large),
					     __alignof__(struct copy_large), 0, NULL);
	if (copy_large_cache)
		return 0;
	kmem_cache_destroy(copy_cache);
	return -ENOMEM;
}

void kvmem_copy_cache_exit(void)
{
	/* Copies are freed by call_rcu(). */
	rcu_barrier();
	kmem_cache_destroy(copy_large_cache);
	kmem_cache_destroy(copy_cache);
}

int kvmem_ns_flash_init(struct kvmem_ns *ns)
{
	int ret = rhashtable_init(&ns->flash.index, &copy_index_params);

	ns->flash.ready = !ret;
	return ret;
}

void kvmem_ns_flash_exit(struct kvmem_ns *ns)
{
	if (!ns->flash.ready)
		return;
	if (ns->flash.sweeping)
		rhashtable_walk_exit(&ns->flash.sweep);
	WARN_ON_ONCE(atomic64_read(&ns->flash.blocks));
	ns->flash.ready = false;
	rhashtable_destroy(&ns->flash.index);
}

/* Life ------------------------------------------------------------------------- */

/*
 * The only writer of the state.  Caller holds media->lock, or is the only one to
 * know the copy: before it is published, and with its last reference.
 */
static bool copy_set_state(struct kvmem_copy *copy, enum kvmem_block_state to)
{
	u8 from = copy->state;

	if (WARN_ON_ONCE(!kvmem_block_transition_ok(from, to)))
		return false;
	trace_kvmem_block_state(copy->ns->id, copy->key.b, from, to);
	/* Whoever sees COMMITTED sees what the copy says; pairs with kvmem_copy_readable(). */
	smp_store_release(&copy->state, to);
	return true;
}

bool kvmem_copy_readable(const struct kvmem_copy *copy)
{
	/* Pairs with the release in copy_set_state(). */
	u8 state = smp_load_acquire(&copy->state);

	return state == KVMEM_BLOCK_COMMITTED || state == KVMEM_BLOCK_PERSISTED;
}

static u64 copy_use_from_unix(u32 seconds)
{
	s64 age;
	u64 now;

	/* Of a block that is only now put, who puts it says when. */
	if (!seconds)
		return 0;
	age = ktime_get_real_seconds() - (s64)seconds;
	now = ktime_get_ns();
	/* The clock was set back, or was wrong; and no use was before the machine's start. */
	if (age <= 0)
		return now;
	return now - min_t(u64, now, (u64)age * NSEC_PER_SEC);
}

static u32 copy_use_to_unix(u64 last_use)
{
	s64 age = ktime_get_ns() - last_use;
	s64 at = ktime_get_real_seconds() - (age > 0 ? div_s64(age, NSEC_PER_SEC) : 0);

	return clamp_t(s64, at, 0, U32_MAX);
}

static struct copy_large *copy_to_large(const struct kvmem_copy *copy)
{
	return container_of((struct kvmem_copy *)copy, struct copy_large, copy);
}

const u32 *kvmem_copy_sums(const struct kvmem_copy *copy)
{
	unsigned int nr = kvmem_entry_sums(copy->size);

	if (!nr)
		return NULL;
	return nr <= COPY_NEAR_SUMS ? copy_to_large(copy)->near : copy_to_large(copy)->far;
}

/* An allocation of its own for a few checksums would be rounded up. */
static struct kvmem_copy *copy_alloc_large(u32 *sums, unsigned int nr)
{
	struct copy_large *large = kmem_cache_zalloc(copy_large_cache, GFP_NOIO | __GFP_NOWARN);

	if (!large)
		return NULL;
	if (nr > COPY_NEAR_SUMS) {
		large->far = sums;
	} else {
		memcpy(large->near, sums, nr * sizeof(*sums));
		kfree(sums);
	}
	return &large->copy;
}

struct kvmem_copy *kvmem_copy_alloc(struct kvmem_ns *ns, struct kvmem_segment *seg,
				    const struct kvmem_media_entry *entry, u32 *sums)
{
	unsigned int nr = kvmem_entry_sums(le32_to_cpu(entry->length));
	struct kvmem_copy *copy;

	copy = nr ? copy_alloc_large(sums, nr) :
		    kmem_cache_zalloc(copy_cache, GFP_NOIO | __GFP_NOWARN);
	if (!copy)
		return NULL;
	memcpy(copy->key.b, entry->key, sizeof(copy->key.b));
	INIT_LIST_HEAD(&copy->node);
	copy->ns = ns;
	copy->seg = seg;
	copy->last_use = copy_use_from_unix(le32_to_cpu(entry->last_use));
	copy->offset = le32_to_cpu(entry->offset);
	copy->size = le32_to_cpu(entry->length);
	copy->crc = le32_to_cpu(entry->crc);
	copy->cost = le32_to_cpu(entry->cost);
	copy->expires = kvmem_block_expires_from_unix(le32_to_cpu(entry->expires));
	copy->hits = le16_to_cpu(entry->hits);
	copy->class = min_t(u8, entry->class, KVMEM_NR_CLASSES - 1);
	copy->priority = entry->priority;
	copy->flags = entry->flags;
	copy->state = KVMEM_BLOCK_ALLOCATED;
	refcount_set(&copy->ref, 1);
	return copy;
}

void kvmem_copy_entry(const struct kvmem_copy *copy, struct kvmem_media_entry *entry)
{
	memset(entry, 0, sizeof(*entry));
	memcpy(entry->key, copy->key.b, sizeof(entry->key));
	entry->offset = cpu_to_le32(copy->offset);
	entry->length = cpu_to_le32(copy->size);
	entry->crc = cpu_to_le32(copy->crc);
	entry->cost = cpu_to_le32(copy->cost);
	entry->expires = cpu_to_le32(kvmem_block_expires_to_unix(copy->expires));
	entry->last_use = cpu_to_le32(copy_use_to_unix(READ_ONCE(copy->last_use)));
	entry->type = KVMEM_MEDIA_ENTRY_BLOCK;
	entry->class = copy->class;
	entry->priority = copy->priority;
	entry->flags = copy->flags;
	entry->hits = cpu_to_le16(READ_ONCE(copy->hits));
}

static void copy_free_rcu(struct rcu_head *rcu)
{
	struct kvmem_copy *copy = container_of(rcu, struct kvmem_copy, rcu);

	if (kvmem_entry_sums(copy->size))
		kmem_cache_free(copy_large_cache, copy_to_large(copy));
	else
		kmem_cache_free(copy_cache, copy);
}

/* Look-ups may still step over the structure; nobody reads the sums any more. */
static void copy_free(struct kvmem_copy *copy)
{
	WARN_ON_ONCE(kvmem_copy_readable(copy));
	if (copy->state != KVMEM_BLOCK_DELETED)
		copy_set_state(copy, KVMEM_BLOCK_DELETED);
	if (kvmem_entry_sums(copy->size) > COPY_NEAR_SUMS)
		kfree(copy_to_large(copy)->far);
	call_rcu(&copy->rcu, copy_free_rcu);
}

void kvmem_copy_get(struct kvmem_copy *copy)
{
	refcount_inc(&copy->ref);
}

void kvmem_copy_put(struct kvmem_copy *copy)
{
	if (refcount_dec_and_test(&copy->ref))
		copy_free(copy);
}

/* Index ---------------------------------------------------------------------------- */

/* In or out of the index and of the segment's list. */
static void copy_account(struct kvmem_copy *copy, int sign)
{
	struct kvmem_segment *seg = copy->seg;
	s64 bytes = sign * (s64)copy->size;

	lockdep_assert_held(&seg->media->lock);
	atomic64_add(sign, &copy->ns->flash.blocks);
	atomic64_add(bytes, &copy->ns->flash.bytes);
	if (copy->expires)
		atomic64_add(sign, &copy->ns->flash.nr_ttl);
	seg->live_blocks += sign;
	seg->live_bytes += bytes;
}

/* Readable: the table of states knows no other way to PERSISTED. */
static void copy_make_readable(struct kvmem_copy *copy, enum kvmem_block_state state)
{
	copy_account(copy, 1);
	list_add_tail(&copy->node, &copy->seg->copies);
	copy_set_state(copy, KVMEM_BLOCK_COMMITTED);
	if (state == KVMEM_BLOCK_PERSISTED)
		copy_set_state(copy, KVMEM_BLOCK_PERSISTED);
}

/* Who deletes a block sets its state first, and looks into the index then. */
static bool copy_is_unwanted(const struct kvmem_block *block)
{
	if (!block)
		return false;
	/* The copy is in the index; pairs with the barrier in kvmem_flash_delete(). */
	smp_mb();
	return !kvmem_block_readable(block);
}

int kvmem_copy_publish(struct kvmem_copy *copy, enum kvmem_block_state state,
		       const struct kvmem_block *block)
{
	struct kvmem_copy *old;

	lockdep_assert_held(&copy->seg->media->lock);
	/* Found from here on, but not readable before the state says so. */
	old = rhashtable_lookup_get_insert_fast(&copy->ns->flash.index, &copy->hash,
						copy_index_params);
	if (IS_ERR(old))
		return -ENOMEM;
	if (old)
		return -EEXIST;
	if (copy_is_unwanted(block)) {
		rhashtable_remove_fast(&copy->ns->flash.index, &copy->hash, copy_index_params);
		return -ESTALE;
	}
	copy_make_readable(copy, state);
	return 0;
}

static void copy_leave(struct kvmem_copy *copy, enum kvmem_block_state to)
{
	copy_set_state(copy, to);
	list_del(&copy->node);
	copy_account(copy, -1);
	if (!copy->seg->live_blocks)
		kvmem_segment_emptied(copy->seg);
}

int kvmem_copy_replace(struct kvmem_copy *old, struct kvmem_copy *copy,
		       enum kvmem_block_state state)
{
	lockdep_assert_held(&copy->seg->media->lock);
	if (!kvmem_copy_readable(old))
		return -ESTALE;
	if (rhashtable_replace_fast(&copy->ns->flash.index, &old->hash, &copy->hash,
				    copy_index_params)) {
		WARN_ON_ONCE(1);
		return -ESTALE;
	}
	copy_make_readable(copy, state);
	copy_leave(old, KVMEM_BLOCK_EVICTED);
	return 0;
}

void kvmem_copy_persisted(struct kvmem_copy *copy)
{
	lockdep_assert_held(&copy->seg->media->lock);
	if (copy->state == KVMEM_BLOCK_COMMITTED)
		copy_set_state(copy, KVMEM_BLOCK_PERSISTED);
}

bool kvmem_copy_unlink_locked(struct kvmem_copy *copy, enum kvmem_block_state to)
{
	lockdep_assert_held(&copy->seg->media->lock);
	if (!kvmem_copy_readable(copy))
		return false;
	copy_leave(copy, to);
	rhashtable_remove_fast(&copy->ns->flash.index, &copy->hash, copy_index_params);
	return true;
}

bool kvmem_copy_unlink(struct kvmem_copy *copy, enum kvmem_block_state to)
{
	struct kvmem_media *media = copy->seg->media;
	bool done;

	KVMEM_STUB(kvmem_copy_unlink, copy, to);
	spin_lock(&media->lock);
	done = kvmem_copy_unlink_locked(copy, to);
	spin_unlock(&media->lock);
	return done;
}

/* Look-up -------------------------------------------------------------------------- */

/*
 * The segment's users before the state, see above: a copy that stays readable stays.
 * Under RCU, which detach waits for after the last user: the segment is there.
 */
static bool copy_tryuse(struct kvmem_copy *copy)
{
	if (!kvmem_copy_readable(copy) || !refcount_inc_not_zero(&copy->ref))
		return false;
	kvmem_segment_get(copy->seg);
	/* Pairs with kvmem_segment_release() and with batch_gather() (discard.c). */
	smp_mb__after_atomic();
	if (kvmem_copy_readable(copy))
		return true;
	kvmem_copy_put_used(copy);
	return false;
}

/*
 * It is in the index, or was, and comes, moves or goes: that is over when we have
 * had the lock.  Under RCU, as above.
 */
static void copy_wait(const struct kvmem_copy *copy)
{
	struct kvmem_media *media = copy->seg->media;

	spin_lock(&media->lock);
	spin_unlock(&media->lock);
}

/* *@again: there may be another one now. */
static struct kvmem_copy *copy_find(struct kvmem_ns *ns, const struct kvmem_key *key,
				    bool *again)
{
	struct kvmem_copy *copy;

	*again = false;
	rcu_read_lock();
	copy = rhashtable_lookup(&ns->flash.index, key, copy_index_params);
	if (copy && !copy_tryuse(copy)) {
		copy_wait(copy);
		*again = true;
		copy = NULL;
	}
	rcu_read_unlock();
	return copy;
}

/* Takes what copy_tryuse() gave. */
static void copy_expire(struct kvmem_copy *copy)
{
	if (kvmem_copy_unlink(copy, KVMEM_BLOCK_EVICTED))
		kvmem_copy_put(copy);
	kvmem_copy_put_used(copy);
}

struct kvmem_copy *kvmem_copy_lookup(struct kvmem_ns *ns, const struct kvmem_key *key)
{
	struct kvmem_copy *copy;
	bool again;

	/* Each turn more is a change of this key that somebody else has made meanwhile. */
	do {
		copy = copy_find(ns, key, &again);
	} while (again);
	if (copy && kvmem_expires_past(copy->expires)) {
		copy_expire(copy);
		copy = NULL;
	}
	return copy;
}

struct kvmem_copy *kvmem_copy_take(struct kvmem_ns *ns, const struct kvmem_key *key)
{
	struct kvmem_copy *copy;

	while ((copy = kvmem_copy_lookup(ns, key))) {
		if (kvmem_copy_unlink(copy, KVMEM_BLOCK_DELETED))
			break;
		/* It has moved since we found it, and is elsewhere; or it has gone. */
		kvmem_copy_put_used(copy);
	}
	return copy;
}

void kvmem_copy_put_used(struct kvmem_copy *copy)
{
	kvmem_segment_put(copy->seg);
	kvmem_copy_put(copy);
}

/* Expiry --------------------------------------------------------------------------- */

/* Of @max copies that come next those that have expired, used.  How many; *@looked: of how many. */
static unsigned int sweep_some(struct kvmem_ns_flash *flash, struct kvmem_copy **batch,
			       unsigned int max, unsigned int *looked)
{
	struct kvmem_copy *copy;
	unsigned int nr = 0;

	rhashtable_walk_start(&flash->sweep);
	for (*looked = 0; nr < max && *looked < SWEEP_STEP; ++*looked) {
		copy = rhashtable_walk_next(&flash->sweep);
		/* The table is another one now: from its beginning. */
		if (IS_ERR(copy))
			continue;
		if (!copy) {
			flash->swept = true;
			break;
		}
		if (kvmem_expires_past(copy->expires) && copy_tryuse(copy))
			batch[nr++] = copy;
	}
	rhashtable_walk_stop(&flash->sweep);
	return nr;
}

/*
 * So many in a run, and on from there in the next one: look-ups drop what has
 * expired as well, this is for what nobody asks for any more.
 */
void kvmem_flash_sweep(struct kvmem_ns *ns)
{
	struct kvmem_ns_flash *flash = &ns->flash;
	struct kvmem_copy *batch[SWEEP_BATCH];
	unsigned int left = SWEEP_COPIES, looked, nr;

	if (!flash->sweeping) {
		if (!atomic64_read(&flash->nr_ttl))
			return;
		rhashtable_walk_enter(&flash->index, &flash->sweep);
		flash->sweeping = true;
		flash->swept = false;
	}
	while (left && !flash->swept) {
		nr = sweep_some(flash, batch, SWEEP_BATCH, &looked);
		while (nr)
			copy_expire(batch[--nr]);
		left -= min(left, looked + 1);
		cond_resched();
	}
	if (flash->swept) {
		rhashtable_walk_exit(&flash->sweep);
		flash->sweeping = false;
	}
}
