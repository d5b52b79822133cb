/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Namespaces and pools: whose blocks they are, how many there may be, and
 * which goes first.
 */
#ifndef KVMEM_NS_H
#define KVMEM_NS_H

#include <linux/kref.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/rhashtable.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <linux/kvmem.h>
#include <linux/kvmem_netlink.h>
#include "block.h"
#include "flash/ns_flash.h"
#include "sample.h"
#include "space.h"
#include "stats.h"

struct cred;
struct kvmem_media;
struct netlink_ext_ack;

#define KVMEM_NR_CLASSES	64	/* hint (8) x log2 of hits (8) */
#define KVMEM_NR_AGES		32	/* log2 buckets of age */
#define KVMEM_AGE_SHIFT		16	/* bucket 1 starts at 2^16 ns */
#define KVMEM_MAX_NS		4096
#define KVMEM_MAX_POOLS		256

/**
 * struct kvmem_value_table - what keeping a block is worth
 * @value: by class and age; the lowest goes first
 * @falls: bit set = the class's values fall with age, or stay
 */
struct kvmem_value_table {
	u16 value[KVMEM_NR_CLASSES][KVMEM_NR_AGES];
	u64 falls;
};

/* What the policy daemon learns from; counts since the namespace was made */
struct kvmem_hist {
	u64 hits[KVMEM_NR_CLASSES][KVMEM_NR_AGES];	/* by age at the hit */
	u64 evictions[KVMEM_NR_CLASSES][KVMEM_NR_AGES];	/* by age at eviction */
	u64 ghost_hits[KVMEM_NR_CLASSES][KVMEM_NR_AGES];	/* put again after eviction */
	u64 hit_cost[KVMEM_NR_CLASSES];		/* tokens not recomputed */
	u64 hit_bytes[KVMEM_NR_CLASSES];
	u64 blocks[KVMEM_NR_CLASSES];		/* now in the class */
	u64 bytes[KVMEM_NR_CLASSES];		/* now in the class */
};

enum kvmem_ns_flags {
	KVMEM_NS_DEAD,		/* deleted: no new operation */
	KVMEM_NS_DRAINING,	/* kvmem_ns_drain() is walking it */
	KVMEM_NS_GHOSTS_SHORT,	/* an eviction found the table of ghosts too small */
	KVMEM_NS_FITTING,	/* kvmem_ns_fit_ghosts() is at work */
	KVMEM_NS_DEMOTING,	/* victims to come are being written to flash */
};

/* What netlink sets; see docs/netlink/specs/kvmem.yaml for units and ranges */
struct kvmem_ns_params {
	char name[KVMEM_NAME_LEN];
	kuid_t uid;
	kgid_t gid;
	u16 mode;		/* 0660: read and write for owner, group, others */
	u8 fingerprint[KVMEM_FINGERPRINT_LEN];
	u64 quota_bytes;	/* 0 = arena only */
	u64 quota_blocks;	/* 0 = no bound */
	u32 pool_id;		/* 0 = none */
	u32 ttl_ms;		/* 0 = no default */
	u32 pin_percent;	/* of the quota (or arena), 0 to 100 */
	u8 flash_mode;		/* enum kvmem_flash_mode */
	u64 flash_quota_bytes;	/* of segments; 0 = media only */
	bool require_verified;	/* what nothing verifies is neither put nor got */
	bool allow_bounce;	/* the CPU may copy what has no pages */
	u8 placement;		/* enum kvmem_placement */
	u8 copies;		/* owners that have a block, 1 to 3 */
	bool peer_share;	/* peers may ask, and put */
	bool peer_keep;		/* what came from a peer stays */
};

/* Which members of kvmem_ns_params a change carries */
enum kvmem_ns_param_mask {
	KVMEM_NS_P_OWNER	= 1 << 0,
	KVMEM_NS_P_MODE		= 1 << 1,
	KVMEM_NS_P_FINGERPRINT	= 1 << 2,
	KVMEM_NS_P_QUOTA_BYTES	= 1 << 3,
	KVMEM_NS_P_QUOTA_BLOCKS	= 1 << 4,
	KVMEM_NS_P_TTL		= 1 << 5,
	KVMEM_NS_P_PIN		= 1 << 6,
	KVMEM_NS_P_FLASH_MODE	= 1 << 7,
	KVMEM_NS_P_FLASH_QUOTA	= 1 << 8,
	KVMEM_NS_P_VERIFY	= 1 << 9,
	KVMEM_NS_P_BOUNCE	= 1 << 10,
	KVMEM_NS_P_PLACEMENT	= 1 << 11,
	KVMEM_NS_P_COPIES	= 1 << 12,
	KVMEM_NS_P_SHARE	= 1 << 13,
	KVMEM_NS_P_KEEP		= 1 << 14,
};

struct kvmem_pool_params {
	char name[KVMEM_NAME_LEN];
	u64 quota_bytes;	/* of all members together; 0 = no bound */
	u64 quota_blocks;
	bool share;		/* a member may evict another member's blocks */
};

/**
 * struct kvmem_pool - namespaces that share a quota
 * @ref: one for the table, one for each member
 * @lock: guards @members and the parameters; taken before any ns->lock
 * @members: namespaces, by kvmem_ns.pool_node
 * @dead: deleted, takes no member any more; guarded by @lock
 * @used_bytes: DRAM of all members; atomic: charged under different ns locks
 * @used_blocks: blocks of all members
 */
struct kvmem_pool {
	struct kref ref;
	u32 id;
	spinlock_t lock;	/* see @lock above */
	struct list_head members;
	unsigned int nr_members;
	bool dead;
	struct kvmem_pool_params p;
	atomic64_t used_bytes;
	atomic64_t used_blocks;
};

struct kvmem_ghosts;

/**
 * struct kvmem_ns - one tenant's blocks of one model and one layout
 * @ref: one for the table while alive, one for each file and walker
 * @id: for people and netlink; reused only after 2^32 - 1 others
 * @serial: never reused: who wrote a chunk last
 * @flags: enum kvmem_ns_flags, atomic bitops
 * @p: parameters; strings and ids constant, the rest guarded by @lock
 * @pool: parent or NULL; constant
 * @pool_node: in pool->members, guarded by pool->lock
 * @index: blocks by key; look-up under RCU
 * @attach_lock: a fingerprint is set, and a file attached, one at a time: no
 *	file is attached under one fingerprint while another one is set.
 *	Taken after kvmem_file.lock and before @lock
 * @files: open files attached, guarded by kvmem_files_lock (file.c)
 * @stats: per-CPU counters
 * @touched: blocks used since @lock was last taken by somebody who drains
 * @nr_touched: how many they are
 * @flash: copies on media; has locks of its own
 * @peer_size: length of the last block that went to or came from a peer, racy
 * @lock: guards everything below, and the fields of blocks and chunks that
 *	say so.  Taken after pool->lock and before kvmem_arena's lock.  Not
 *	taken in interrupts.  Never held over copies, allocations that sleep,
 *	or the last put of a block
 * @classes: lists in order of last use, most recent first
 * @class_mask: bit set = list not empty
 * @space: chunks
 * @used_bytes: quota taken by allocated blocks, rounding included
 * @used_blocks: blocks allocated
 * @live_blocks: blocks in the index
 * @data_bytes: their sizes added up
 * @pinned_bytes: of pinned blocks
 * @nr_ttl: blocks in the index that expire
 * @table: values; never NULL
 * @order: enum kvmem_order, of the blocks inside a class
 * @hinted: an application has given a class; from then on its hints count
 * @hist: counts for the policy
 * @ghosts: recently evicted keys; written under @lock, read under RCU, too
 * @samples: sampled accesses on their way to the daemon; has its own lock
 */
struct kvmem_ns {
	struct kref ref;
	u32 id;
	u64 serial;
	unsigned long flags;
	struct kvmem_ns_params p;
	struct kvmem_pool *pool;
	struct list_head pool_node;
	struct rhashtable index;
	struct mutex attach_lock;	/* see above */
	struct list_head files;
	struct kvmem_ns_stats __percpu *stats;
	struct llist_head touched;
	atomic_t nr_touched;
	struct rcu_head rcu;
	struct kvmem_ns_flash flash;
	u32 peer_size;

	/* see @lock above */
	spinlock_t lock ____cacheline_aligned_in_smp;
	struct list_head classes[KVMEM_NR_CLASSES];
	u64 class_mask;
	struct kvmem_space space;
	u64 used_bytes;
	u64 used_blocks;
	u64 live_blocks;
	u64 data_bytes;
	u64 pinned_bytes;
	u64 nr_ttl;
	struct kvmem_value_table *table;
	u8 order;
	bool hinted;
	struct kvmem_hist *hist;
	struct kvmem_ghosts __rcu *ghosts;
	struct kvmem_samples samples;
};

/* These two are read without a lock. */
static inline bool kvmem_ns_verifies(const struct kvmem_ns *ns)
{
	return READ_ONCE(ns->p.require_verified);
}

static inline bool kvmem_ns_bounces(const struct kvmem_ns *ns)
{
	return READ_ONCE(ns->p.allow_bounce);
}

/* May this block, which is in DRAM, be given out? */
static inline bool kvmem_ns_vouches(const struct kvmem_ns *ns, const struct kvmem_block *block)
{
	return !block->unsummed || !kvmem_ns_verifies(ns);
}

int kvmem_ns_init(void);
void kvmem_ns_exit(void);

/* Control, from netlink.  @extack gets the reason of a failure. */
struct kvmem_ns *kvmem_ns_create(const struct kvmem_ns_params *p,
				 struct netlink_ext_ack *extack);
int kvmem_ns_modify(struct kvmem_ns *ns, const struct kvmem_ns_params *p, u32 mask,
		    struct netlink_ext_ack *extack);
/* Unreachable at once; memory goes when the last file and lease go. */
int kvmem_ns_delete(struct kvmem_ns *ns);
struct kvmem_ns *kvmem_ns_get_by_name(const char *name);
struct kvmem_ns *kvmem_ns_get_by_id(u32 id);
/* First namespace with an id of at least *@id, referenced; for dumps. */
struct kvmem_ns *kvmem_ns_get_next(u32 *id);
void kvmem_ns_put(struct kvmem_ns *ns);
/* May @cred read (4) and write (2)?  The bits granted, or -EACCES. */
int kvmem_ns_access(struct kvmem_ns *ns, const struct cred *cred);
/*
 * For ATTACH, under ns->attach_lock: the same fingerprint, or one that an
 * untouched namespace takes from its first writer.  0 or -EKEYREJECTED.
 */
int kvmem_ns_match_fingerprint(struct kvmem_ns *ns, const u8 *fingerprint, int access);

struct kvmem_pool *kvmem_pool_create(const struct kvmem_pool_params *p,
				     struct netlink_ext_ack *extack);
int kvmem_pool_modify(struct kvmem_pool *pool, const struct kvmem_pool_params *p);
int kvmem_pool_delete(struct kvmem_pool *pool, struct netlink_ext_ack *extack);
struct kvmem_pool *kvmem_pool_get_by_id(u32 id);
struct kvmem_pool *kvmem_pool_get_by_name(const char *name);
struct kvmem_pool *kvmem_pool_get_next(u32 *id);
void kvmem_pool_put(struct kvmem_pool *pool);
/* False: the pool was deleted meanwhile. */
bool kvmem_pool_join(struct kvmem_pool *pool, struct kvmem_ns *ns);
void kvmem_pool_leave(struct kvmem_pool *pool, struct kvmem_ns *ns);

/* Eviction (evict.c) */
void kvmem_ns_set_lru(struct kvmem_value_table *table);
/* Compute what follows from the values. */
void kvmem_table_prepare(struct kvmem_value_table *table);
/*
 * Swap in a prepared table; *@table is then the old one, for the caller to
 * kvfree().  @order: enum kvmem_order.
 */
void kvmem_ns_set_policy(struct kvmem_ns *ns, struct kvmem_value_table **table, u8 order);
/* The order is returned. */
u8 kvmem_ns_copy_table(struct kvmem_ns *ns, struct kvmem_value_table *table);
/* What a block of @class, not used for @age ns, is worth; the second takes ns->lock. */
u32 kvmem_table_value(const struct kvmem_value_table *table, u8 class, u64 age);
u32 kvmem_ns_value(struct kvmem_ns *ns, u8 class, u64 age);
/*
 * Would a block that is in @class, has been used @hits times and is used now be
 * worth as much as the one that is evicted next?  Locks as eviction does.
 */
bool kvmem_evict_worth(struct kvmem_ns *ns, u8 class, u16 hits, enum kvmem_growth growth);
/* What the block is worth that would be evicted next; 0: there is none. */
u32 kvmem_evict_next_value(struct kvmem_ns *ns);
void kvmem_ns_copy_hist(struct kvmem_ns *ns, struct kvmem_hist *hist);
/* Evict the least valued block of @ns.  False: nothing can be evicted. */
bool kvmem_evict_one(struct kvmem_ns *ns, enum kvmem_evict_reason why);
/*
 * Blocks that no media has among those that will be evicted next, referenced;
 * in no order.  How many, at most @max.
 */
unsigned int kvmem_evict_coming(struct kvmem_ns *ns, struct kvmem_block **blocks,
				unsigned int max);
/* The same among all members of a pool that shares; else in @ns only. */
bool kvmem_evict_pool(struct kvmem_ns *ns, enum kvmem_evict_reason why);

/*
 * A namespace of @name is not there, and what it has on @media is given up.  As
 * kvmem_media_forget(); -EEXIST: it is there.
 */
int kvmem_ns_forget(struct kvmem_media *media, const char *name);

/* Walks over all blocks of a namespace (drain.c); may sleep */
/*
 * @fn, which may sleep, is called with each block in DRAM, some maybe twice, until it says
 * false.  The walk keeps references of a few that come next.
 */
void kvmem_ns_walk(struct kvmem_ns *ns, bool (*fn)(struct kvmem_block *block, void *context),
		   void *context);
void kvmem_ns_expire(struct kvmem_ns *ns);
/* Short: queued uses, the size of the ghost table, chunks that were pinned. */
void kvmem_ns_upkeep(struct kvmem_ns *ns);
void kvmem_ns_drop_all(struct kvmem_ns *ns);
/* Empty up to @nr chunks, least valued first.  How many were emptied. */
unsigned int kvmem_ns_drain(struct kvmem_ns *ns, unsigned int nr);
/* The same in the weakest member of a pool that shares, unless that is @ns. */
struct kvmem_ns *kvmem_pool_weakest(struct kvmem_pool *pool, bool *more);
unsigned int kvmem_pool_drain(struct kvmem_ns *ns, unsigned int nr);
/* Empty up to @nr chunks of whoever has most: resize, pressure. */
unsigned int kvmem_drain_any(unsigned int nr);

/* Under ns->lock: keep lists, masks and counts in step (evict.c) */
void kvmem_class_add(struct kvmem_ns *ns, struct kvmem_block *block);
void kvmem_class_del(struct kvmem_ns *ns, struct kvmem_block *block);
/* The block's key has a ghost of that class, @age ns old. */
void kvmem_block_inherit(struct kvmem_ns *ns, struct kvmem_block *block, u8 ghost_class,
			 u64 age, enum kvmem_growth growth);
/* Apply queued uses.  The list returned is for kvmem_touch_put(), unlocked. */
struct llist_node *kvmem_touch_drain(struct kvmem_ns *ns);
void kvmem_touch_put(struct llist_node *list);
/* Count uses; never waits.  Takes the caller's references. */
void kvmem_uses_count(struct kvmem_ns *ns, struct kvmem_block **blocks, unsigned int nr,
		      enum kvmem_growth growth);

/* Room for a block (room.c).  Unless @evict only what is free: -ENOSPC */
int kvmem_room_charge(struct kvmem_ns *ns, size_t bytes, bool evict);
void kvmem_room_uncharge(struct kvmem_ns *ns, size_t bytes);
int kvmem_room_cut(struct kvmem_ns *ns, unsigned int grains, enum kvmem_layout layout,
		   struct kvmem_cut *cut, bool evict);
void kvmem_room_uncut(struct kvmem_ns *ns, const u64 *pieces, unsigned int nr);

/* Recently evicted keys (ghost.c); under ns->lock but for alloc, free and look */
#define kvmem_ns_ghosts(ns) \
	rcu_dereference_protected((ns)->ghosts, lockdep_is_held(&(ns)->lock))
struct kvmem_ghosts *kvmem_ghosts_alloc(u64 blocks);
void kvmem_ghosts_free(struct kvmem_ghosts *ghosts);
/* Is the table too small for @blocks? */
bool kvmem_ghosts_short(const struct kvmem_ghosts *ghosts, u64 blocks);
/* Give the namespace a table that is not, with what the old one knew; may sleep. */
void kvmem_ns_fit_ghosts(struct kvmem_ns *ns);
/* Is @key there?  Takes no lock, so the answer may be stale. */
bool kvmem_ghost_look(struct kvmem_ns *ns, const struct kvmem_key *key, u8 *class);
void kvmem_ghost_add(struct kvmem_ghosts *ghosts, const struct kvmem_key *key,
		     u8 class, u64 last_use);
/* Take the key out.  True when it was there: its class and last use. */
bool kvmem_ghost_take(struct kvmem_ghosts *ghosts, const struct kvmem_key *key,
		      u8 *class, u64 *last_use);
/* Time between a ghost's last use, which wraps, and @now. */
u64 kvmem_ghost_age(u64 now, u64 last_use);

static inline unsigned int kvmem_age_bucket(u64 age_ns)
{
	unsigned int b = fls64(age_ns >> KVMEM_AGE_SHIFT);

	return min_t(unsigned int, b, KVMEM_NR_AGES - 1);
}

#endif
