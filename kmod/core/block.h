/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Blocks: what a block is, its life and its index.
 */
#ifndef KVMEM_BLOCK_H
#define KVMEM_BLOCK_H

#include <linux/llist.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/rhashtable-types.h>
#include <linux/types.h>
#include <linux/uio.h>
#include <linux/kvmem.h>
#include "space.h"

struct bio_vec;
struct kvmem_ns;

struct kvmem_key {
	u8 b[KVMEM_KEY_LEN];
} __aligned(8);

/**
 * enum kvmem_block_state - the life of a block; changed by kvmem_block_set_state() only
 * @KVMEM_BLOCK_ALLOCATED: space reserved, data on its way, invisible
 * @KVMEM_BLOCK_COMMITTED: readable; checksum known
 * @KVMEM_BLOCK_PERSISTED: readable, and survives a restart; COMMITTED again when
 *	a block in DRAM outlives its copy
 * @KVMEM_BLOCK_EVICTED: policy took it; holders of a reference may finish
 * @KVMEM_BLOCK_DELETED: dropped by its owner, or failed on the way; terminal
 */
enum kvmem_block_state {
	KVMEM_BLOCK_ALLOCATED,
	KVMEM_BLOCK_COMMITTED,
	KVMEM_BLOCK_PERSISTED,
	KVMEM_BLOCK_EVICTED,
	KVMEM_BLOCK_DELETED,
	KVMEM_BLOCK_NR_STATES
};

/* Why a block left: for tracepoints and counters */
enum kvmem_evict_reason {
	KVMEM_EVICT_QUOTA,	/* room for another block of the namespace or pool */
	KVMEM_EVICT_SPACE,	/* the arena is full */
	KVMEM_EVICT_DRAIN,	/* its chunk was wanted: resize, pressure, sharing */
	/* Those above are policy's doing, those below are not. */
	KVMEM_EVICT_EXPIRED,	/* TTL */
	KVMEM_EVICT_CORRUPT,	/* checksum */
	KVMEM_EVICT_NR
};

/* Checksums of a block longer than this are kept per piece of this many bytes. */
#define KVMEM_CRC_PIECE		(1UL << 20)

/**
 * struct kvmem_block - immutable bytes under a key
 * @hash: in ns->index while COMMITTED or PERSISTED
 * @key: name inside the namespace
 * @ns: namespace; every holder of a block reference holds the namespace too
 * @lru: in a class list; guarded by ns->lock
 * @rcu: frees the structure after look-ups are over
 * @touched: in ns->touched, see kvmem_block_touch()
 * @last_use: ktime in ns; written under ns->lock
 * @piece: memory, when @mapped is false; constant from allocation to the last reference
 * @map: memory, when @mapped is true (several pieces, or several checksums)
 * @class: hint * 8 + log2(hits); guarded by ns->lock
 * @priority: eviction decisions still survived; guarded by ns->lock
 * @state: enum kvmem_block_state; guarded by ns->lock
 * @layout: enum kvmem_layout; constant
 * @mapped: which member of the union; constant
 * @unsummed: @crc was taken of what was read, not of what was put; constant once
 *	committed
 * @fetched: read from flash, or a peer; constant once committed
 * @offlist: held, hence in no class list; written under ns->lock
 * @queued: in ns->touched, which has a reference: KVMEM_QUEUED + enum
 *	kvmem_growth; atomic
 * @hits: uses since put, saturating; guarded by ns->lock
 * @ref: the index holds one, every operation and holder one
 * @holds: leases and pins; a held block is not evicted.  Negative: eviction
 *	has claimed the block, no hold any more
 * @size: bytes; constant once committed
 * @crc: crc32c of all bytes; constant once committed
 * @expires: in units of 2^23 ns since boot, wrapping, 0 = never
 * @cost: tokens
 */
struct kvmem_block {
	struct rhash_head hash;
	struct kvmem_key key;
	struct kvmem_ns *ns;
	union {
		struct list_head lru;
		struct rcu_head rcu;
	};
	struct llist_node touched;
	u64 last_use;
	union {
		u64 piece;
		struct kvmem_map *map;
	};
	refcount_t ref;
	atomic_t holds;
	u32 size;
	u32 crc;
	u32 expires;
	u32 cost;
	u16 hits;
	u8 class;
	u8 priority;
	u8 state;
	u8 layout : 1;
	u8 mapped : 1;
	u8 unsummed : 1;
	u8 fetched : 1;
	bool offlist;
	u8 queued;
};

/* How much of the prompt was new when a block of it was used */
enum kvmem_growth {
	KVMEM_GROWS_LITTLE,
	KVMEM_GROWS,		/* more than a quarter of what was known */
	KVMEM_GROWS_MUCH,	/* more than what was known */
};

/* kvmem_block.queued, and this much more for its growth */
#define KVMEM_QUEUED	1

/**
 * struct kvmem_hints - of PUT and COMMIT, checked
 * @hint_class: by the application; 0 = none given
 * @own_class: by the look-ups before it, hint * 8; used while no application
 *	gives classes
 * @growth: enum kvmem_growth, of its prompt
 * @fetched: not put: a copy of what flash or a peer has.  Then @own_class is the
 *	whole class, and @expires counts instead of @ttl_ms
 * @copy: what of flash it was read from, which is still there when the block is
 *	published; or NULL
 * @expires: as kvmem_block.expires
 */
struct kvmem_hints {
	u8 hint_class;
	u8 priority;
	u8 own_class;
	u8 growth;
	bool fetched;
	const struct kvmem_copy *copy;
	u32 ttl_ms;
	u32 expires;
	u32 cost;
};

int kvmem_block_cache_init(void);
void kvmem_block_cache_exit(void);

/*
 * Reserve space for a block of @size bytes: quota, then extents, evicting as
 * needed.  The block is ALLOCATED and private to the caller.  May sleep.
 * -ENOSPC, -EDQUOT, -ENOMEM, -ESHUTDOWN.
 */
struct kvmem_block *kvmem_block_alloc(struct kvmem_ns *ns, size_t size, bool leasable);
/* The same when nothing need be evicted for it; else -ENOSPC. */
struct kvmem_block *kvmem_block_alloc_free(struct kvmem_ns *ns, size_t size);
/*
 * Publish under @key.  0, or -EEXIST when the key is there, -ESTALE when
 * @hints->copy is not any more: *@block is untouched and still the caller's to
 * put.  On success the index has its own reference and the caller keeps his.
 */
int kvmem_block_commit(struct kvmem_block *block, const struct kvmem_key *key,
		       const struct kvmem_hints *hints);
struct kvmem_block *kvmem_block_lookup(struct kvmem_ns *ns, const struct kvmem_key *key,
				       u16 *res_flags);
/* Just now, in DRAM; says nothing about the next moment. */
bool kvmem_block_here(struct kvmem_ns *ns, const struct kvmem_key *key);
/*
 * Is one there that was fetched?  After the copy was taken away: nothing that was
 * read from it comes once we have looked.
 */
bool kvmem_block_was_fetched(struct kvmem_ns *ns, const struct kvmem_key *key);
/* Nobody has taken it out of the index; for who does not hold ns->lock, just now. */
bool kvmem_block_readable(const struct kvmem_block *block);
bool kvmem_block_tryget(struct kvmem_block *block);
void kvmem_block_put(struct kvmem_block *block);
/* Bytes that the block takes from the quota. */
size_t kvmem_block_charged(const struct kvmem_block *block);
/* Take the block out of the index.  True for the one caller that did. */
bool kvmem_block_unlink(struct kvmem_block *block, enum kvmem_block_state to,
			enum kvmem_evict_reason why);
/* The only writer of the state; false and a warning when not in the table.
 * Caller holds ns->lock, or is the only one to know the block (ALLOCATED).
 */
bool kvmem_block_set_state(struct kvmem_block *block, enum kvmem_block_state to);
bool kvmem_block_transition_ok(enum kvmem_block_state from, enum kvmem_block_state to);

/* A media has it.  False: it is on its way out, or was marked already. */
bool kvmem_block_persisted(struct kvmem_block *block);
bool kvmem_block_expired(const struct kvmem_block *block);
/* The same of a kvmem_block.expires that is not in a block. */
bool kvmem_expires_past(u32 expires);
/* What is left of it, ms, at least 1; 0: no end. */
u32 kvmem_expires_left_ms(u32 expires);
/*
 * kvmem_block.expires to and from seconds since 1970; 0 is 0.  A time that has
 * passed becomes one that has expired.
 */
u32 kvmem_block_expires_to_unix(u32 expires);
u32 kvmem_block_expires_from_unix(u32 seconds);
/* The copy of the block of @key that would survive has gone: PERSISTED -> COMMITTED. */
void kvmem_block_unpersist(struct kvmem_ns *ns, const struct kvmem_key *key);

/* kvmem_block.expires of a block that lives @ttl_ms, or as the namespace says (0). */
u32 kvmem_block_expires_after(struct kvmem_ns *ns, u32 ttl_ms);
/* Count a use: order, class, histogram.  Never waits. */
void kvmem_block_touch(struct kvmem_block *block);
/* A held block stays; pairs with unhold.  Caller has a reference.  False: it
 * is being evicted at this moment.
 */
bool kvmem_block_hold(struct kvmem_block *block);
void kvmem_block_unhold(struct kvmem_block *block);

/* Bytes in and out.  The checksum is taken, or checked, on the way. */
int kvmem_block_fill(struct kvmem_block *block, struct iov_iter *from);
/* Checksum of what is there already; the block is @size bytes from now on. */
void kvmem_block_seal(struct kvmem_block *block, size_t size);
/* Verified copy of all of @from into @to, a block of the same size. */
int kvmem_block_copy(struct kvmem_block *to, struct kvmem_block *from);
/* 0, -EFAULT, or -EILSEQ: the bytes are not those that were put. */
int kvmem_block_read(struct kvmem_block *block, size_t off, size_t len,
		     struct iov_iter *to);
/*
 * The memory of the first @len bytes (at most what it takes in DRAM), for a
 * transfer; to be kvfree()d.  NULL: no memory.
 */
struct bio_vec *kvmem_block_bvecs(const struct kvmem_block *block, size_t len,
				  unsigned int *nr);

#endif
