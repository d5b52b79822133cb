/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The flash tier: media, their segments, and the copies of blocks in them.
 *
 *   media    an attached device with a superblock
 *   segment  a run of it, of one namespace, filled in order, reclaimed whole
 *   log      what one namespace has on one media: its open segments, one per
 *	      temperature, and its sealed ones
 *   copy     a block in a segment; found by key in the namespace's flash index
 *
 * A copy lives as a block does (enum kvmem_block_state): ALLOCATED while its
 * data is on its way, COMMITTED when it can be read, PERSISTED when its entry
 * is on the media, EVICTED when its segment was reclaimed, DELETED.
 *
 * Locks: media->lock guards everything of its media below, and the state of
 * its copies.  It nests inside nothing and nothing nests inside it, but the
 * index's own; ns->lock is never held with it.  It is not taken in interrupts:
 * completions of writes are finished by media->wq.
 */
#ifndef KVMEM_FLASH_H
#define KVMEM_FLASH_H

#include <linux/kref.h>
#include <linux/kvmem_netlink.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/refcount.h>
#include <linux/rhashtable.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "block.h"
#include "budget.h"
#include "format.h"
#include "media.h"
#include "span.h"
#include "ns_flash.h"

struct kvmem_ns;
struct netlink_ext_ack;
struct kvmem_log;
struct kvmem_media;
struct kvmem_moving;
struct kvmem_pack;
struct kvmem_segment;

#define KVMEM_MAX_MEDIA		64
#define KVMEM_NR_TEMPS		3	/* temperatures: used once, used again, re-inserted */
#define KVMEM_FLUSH_MS		100	/* an entry waits at most this long for its page */

/* Copies ------------------------------------------------------------------ */

/**
 * struct kvmem_copy - a block in a segment
 * @hash: in ns->flash.index while COMMITTED or PERSISTED
 * @key: name
 * @node: in segment->copies while COMMITTED or PERSISTED; guarded by media->lock
 * @rcu: frees the structure after look-ups are over
 * @ns: whose block; the log keeps it
 * @seg: where; constant once it is known
 * @last_use: ktime in ns; written without a lock, any of several values will do
 * @offset: in the segment, bytes; constant once that is known
 * @size: bytes; constant
 * @crc: crc32c of all bytes; constant
 * @cost: tokens
 * @expires: as kvmem_block.expires
 * @ref: the segment's list and index together have one, every user one
 * @hits: uses since put; racy counts are good enough
 * @class: of the block when it was written
 * @priority: as given by the application
 * @state: enum kvmem_block_state; written under media->lock
 * @flags: KVMEM_MEDIA_ENTRY_F_*; constant
 */
struct kvmem_copy {
	struct rhash_head hash;
	struct kvmem_key key;
	union {
		struct list_head node;
		struct rcu_head rcu;
	};
	struct kvmem_ns *ns;
	struct kvmem_segment *seg;
	u64 last_use;
	u32 offset;
	u32 size;
	u32 crc;
	u32 cost;
	u32 expires;
	refcount_t ref;
	u16 hits;
	u8 class;
	u8 priority;
	u8 state;
	u8 flags;
};

/* copy.c */
int kvmem_copy_cache_init(void);
void kvmem_copy_cache_exit(void);
int kvmem_ns_flash_init(struct kvmem_ns *ns);
void kvmem_ns_flash_exit(struct kvmem_ns *ns);
/*
 * ALLOCATED, private to the caller; @sums is taken over: kvmem_entry_sums() of
 * them, NULL for none.  NULL: no memory.
 */
struct kvmem_copy *kvmem_copy_alloc(struct kvmem_ns *ns, struct kvmem_segment *seg,
				    const struct kvmem_media_entry *entry, u32 *sums);
/*
 * Into the index and the segment's list, as COMMITTED or PERSISTED; the
 * caller's reference becomes theirs.  -EEXIST: the key is there already, the
 * copy is still the caller's to put.  -ESTALE: @block, of which it is (or NULL),
 * has left DRAM's index, so nobody finds the copy.  -ENOMEM.  Caller holds
 * media->lock.
 */
int kvmem_copy_publish(struct kvmem_copy *copy, enum kvmem_block_state state,
		       const struct kvmem_block *block);
/*
 * The same in place of @old, which becomes EVICTED and whose list reference is
 * the caller's to put; -ESTALE: @old has gone.  Caller holds @copy's media->lock,
 * which is @old's, too.
 */
int kvmem_copy_replace(struct kvmem_copy *old, struct kvmem_copy *copy,
		       enum kvmem_block_state state);
/* COMMITTED -> PERSISTED, if it is still there.  Caller holds media->lock. */
void kvmem_copy_persisted(struct kvmem_copy *copy);
/*
 * Out of index and list, to EVICTED or DELETED.  True for the one caller that
 * did, who then has their reference to put.  Caller holds media->lock.
 */
bool kvmem_copy_unlink_locked(struct kvmem_copy *copy, enum kvmem_block_state to);
bool kvmem_copy_unlink(struct kvmem_copy *copy, enum kvmem_block_state to);
/*
 * The copy of @key, with a reference and its segment in use: neither is reused
 * before kvmem_copy_put_used().  NULL: none, or expired.
 */
struct kvmem_copy *kvmem_copy_lookup(struct kvmem_ns *ns, const struct kvmem_key *key);
/*
 * The same, and it is DELETED: index and list have no copy of @key any more,
 * whatever moved meanwhile.  Their reference is the caller's to put, besides.
 */
struct kvmem_copy *kvmem_copy_take(struct kvmem_ns *ns, const struct kvmem_key *key);
void kvmem_copy_put_used(struct kvmem_copy *copy);
/* Its running checksums per piece, kvmem_entry_sums() of them; NULL: one will do. */
const u32 *kvmem_copy_sums(const struct kvmem_copy *copy);
void kvmem_copy_get(struct kvmem_copy *copy);
void kvmem_copy_put(struct kvmem_copy *copy);
bool kvmem_copy_readable(const struct kvmem_copy *copy);
/* Entry for the table, from the copy as it is now. */
void kvmem_copy_entry(const struct kvmem_copy *copy, struct kvmem_media_entry *entry);

/* Segments ---------------------------------------------------------------- */

enum kvmem_segment_state {
	KVMEM_SEG_FREE,		/* in media->free */
	KVMEM_SEG_DISCARD,	/* empty; waits for its last users, then to be discarded */
	KVMEM_SEG_OPEN,		/* a log's, being filled; page 0 is durable */
	KVMEM_SEG_SEALING,	/* full; last writes and pages on their way */
	KVMEM_SEG_SEALED,	/* in log->sealed */
	KVMEM_SEG_RECLAIM,	/* being emptied */
	KVMEM_SEG_ORPHAN,	/* in media->orphans: of a namespace that is not there */
	KVMEM_SEG_BAD,		/* a write failed: not filled again while attached */
	KVMEM_SEG_NR_STATES
};

/**
 * struct kvmem_segment - guarded by media->lock, but for @users
 * @node: in the list that @state names
 * @copies: readable copies in it
 * @media: constant
 * @log: whose it is, or NULL
 * @generation: 0 = never written
 * @salt: of its table's pages; for whom it is open
 * @no: number; constant
 * @fill: data bytes reserved from the start
 * @pages: table pages written or on their way
 * @due: entries of copies that are reserved and not in a page on its way yet
 * @writes: data writes under way
 * @nr_gone: KVMEM_MEDIA_ENTRY_GONE in its table
 * @live_blocks: copies in @copies
 * @live_bytes: of them
 * @slot: in the directory; with @slot_generation valid from OPEN or ORPHAN on
 * @sealed_at: ktime in ns
 * @users: transfers that need its bytes as they are
 * @temperature: below KVMEM_NR_TEMPS
 * @page: being filled, with its copies; open and sealing segments only (table.c)
 * @sent: pages on their way, in their order (table.c)
 * @table: enum kvmem_table_state, of the pages (log.h)
 * @stuck: its table can be neither read nor given up: it stays what it is
 */
struct kvmem_segment {
	struct list_head node;
	struct list_head copies;
	struct kvmem_media *media;
	struct kvmem_log *log;
	struct kvmem_page *page;
	struct list_head sent;
	u64 generation;
	u64 salt;
	u64 sealed_at;
	u64 live_bytes;
	u32 no;
	u32 fill;
	u32 pages;
	u32 due;
	u32 writes;
	u32 nr_gone;
	u32 live_blocks;
	u32 slot;
	u32 slot_generation;
	atomic_t users;
	u8 state;
	u8 temperature;
	u8 table;
	bool stuck;
};

/* Media ------------------------------------------------------------------- */

enum kvmem_write_reason {
	KVMEM_WRITE_PUT,	/* a block's first copy */
	KVMEM_WRITE_REINSERT,	/* moved out of a segment under reclaim */
	KVMEM_WRITE_TABLE,	/* table pages, superblock, directory */
	KVMEM_WRITE_NR
};

struct kvmem_media_counts {
	u64 bytes[KVMEM_WRITE_NR];	/* written to the device, padding included */
	u64 blocks[KVMEM_WRITE_NR];	/* blocks, pages */
	u64 data_bytes;			/* of blocks put, padding not included */
	u64 refused[4];			/* blocks not written: see enum kvmem_refuse */
	u64 reclaimed;			/* segments */
	u64 evicted_blocks;		/* by reclaim */
	u64 read_errors;		/* gets that the media failed */
	u64 corrupt;			/* copies dropped by checksum */
	u64 tables_damaged;		/* tables that ended in a damaged page at attach */
	u64 discard_segments;
	u64 discard_commands;
};

enum kvmem_refuse {
	KVMEM_REFUSE_VALUE,	/* below what the write budget admits */
	KVMEM_REFUSE_ROOM,	/* no segment to be had in time */
	KVMEM_REFUSE_QUEUE,	/* too many writes wait already */
	KVMEM_REFUSE_FAILED,	/* the write failed */
};

struct kvmem_media_kobj;

/**
 * struct kvmem_media_show - what people see of a media (info.c, sysfs.c)
 * @lock: rwsem.  Read: segments, directory and device stay; write: they go.
 *	Inside of the table's lock, outside of dir_lock
 * @there: they can be looked at; guarded by @lock
 * @kobj: its directory in sysfs, or NULL; guarded by a mutex of info.c
 */
struct kvmem_media_show {
	struct rw_semaphore lock;	/* see above */
	bool there;
	struct kvmem_media_kobj *kobj;
};

/**
 * struct kvmem_sync - what kvmem_table_sync() waits for: puts, by the turn in
 *	which they began, until they are durable or failed.  Guarded by media->lock
 * @lock: mutex; one at a time waits.  Outside of media->lock
 * @turn: of puts that begin now
 * @puts: under way
 * @lost: one of them failed
 */
struct kvmem_sync {
	struct mutex lock;		/* see above */
	u8 turn;
	bool lost[2];
	u32 puts[2];
};

/**
 * struct kvmem_media - an attached media
 * @node: in the list of those attached; walked under RCU
 * @ref: the table has one, every user one
 * @active: who works with what the media has: segments, directory, device;
 *	killed by detach, which waits for
 * @idle: the last of them
 * @id, @name: for people and netlink; constant
 * @dev: the device
 * @super: what its superblock says; constant
 * @state: enum kvmem_media_state
 * @dir: directory of namespaces (dir.c), guarded by @dir_lock
 * @dir_lock: mutex; outermost of the media's, held over device writes
 * @scan_lock: mutex; one reader of tables at a time, so that the newest copy of a
 *	key wins.  Outside of @dir_lock; kvmem_dir_load() sets it up
 * @segments: super.nr_segments of them
 * @lock: see above
 * @free, @nr_free: segments that may be opened
 * @discards: KVMEM_SEG_DISCARD
 * @orphans: KVMEM_SEG_ORPHAN
 * @logs: struct kvmem_log, by node
 * @generation: of the segment opened last
 * @counts: guarded by @lock
 * @budget: guarded by @lock
 * @sync: puts under way
 * @bad_writes: that failed in a row; guarded by @lock
 * @done: writes and pages whose transfer has ended, for @done_work
 * @flush_work: runs KVMEM_FLUSH_MS after an entry became due
 * @pack_work: sends packs, KVMEM_FLUSH_MS after one was begun
 * @packs: at hand
 * @pack_lock: mutex; one at a time sends them all.  Inside of sync.lock, outside of
 *	the logs' own
 * @pack_round: counts how often; guarded by @pack_lock
 * @reclaim_work: keeps @nr_free above the low watermark
 * @discard_work: discards what waits, batched and paced
 * @trouble: bit set = that enum kvmem_dev_trouble has come; atomic bitops
 * @watch_work: looks whether the device answers
 * @detach_work, @detached: the end of it (detach.c)
 * @discard_since: ktime in ns; what waits now waits since then, 0 = nothing seen yet
 * @discard_failures: in a row; at KVMEM_DISCARD_FAILURES no more are tried
 * @reinserting: re-insertions under way
 * @wait: woken when anything is persisted, freed or fails
 * @info: what people see of it (info.h)
 * @gone_lost: a deletion could not be recorded: nothing is persistent for sure
 *	any more until the media is attached again, because what was deleted may
 *	come back then; guarded by @lock
 * @full_since: count of segments reclaimed when a write last waited in vain for
 *	the next one; racy, only spares others the same
 * @gone_added: deletions recorded since attach, and
 * @gone_durable: so many of them, at least, are durable; guarded by @lock
 * @wq: everything above, unbound, with a rescuer
 * @scans: reads of tables that are wanted or under way
 * @shadows: copies that the last scan found behind newer ones of their key, their
 *	segments in use and their namespaces referenced; guarded by @scan_lock
 * @moving: re-insertions out of a segment whose table is still there; guarded by @lock
 */
struct kvmem_media {
	struct list_head node;
	struct kref ref;
	struct percpu_ref active;
	struct completion idle;
	u32 id;
	char name[KVMEM_NAME_LEN];
	struct kvmem_dev dev;
	struct kvmem_super super;
	u8 state;
	struct kvmem_dir *dir;
	struct mutex dir_lock;		/* see above */
	struct mutex scan_lock;		/* see above */
	struct kvmem_segment *segments;

	spinlock_t lock;		/* see above */
	struct list_head free;
	u32 nr_free;
	struct list_head discards;
	u32 nr_discards;
	struct list_head orphans;
	struct list_head logs;
	u64 generation;
	struct kvmem_media_counts counts;
	struct kvmem_budget budget;
	struct kvmem_sync sync;
	u32 bad_writes;

	struct llist_head done;
	struct work_struct done_work;
	struct delayed_work flush_work;
	struct delayed_work pack_work;
	atomic_t packs;
	struct mutex pack_lock;		/* see above */
	u32 pack_round;
	struct work_struct reclaim_work;
	struct delayed_work discard_work;
	u64 discard_since;
	u32 discard_failures;
	atomic_t reinserting;
	struct work_struct trouble_work;
	struct delayed_work watch_work;
	struct work_struct detach_work;
	struct completion detached;
	unsigned long trouble;
	struct work_struct scan_work;
	wait_queue_head_t wait;
	struct list_head shadows;
	struct kvmem_moving *moving;
	struct kvmem_media_show info;
	u64 gone_added, gone_durable;
	bool gone_lost;
	u64 full_since;
	struct workqueue_struct *wq;
	atomic_t scans;
	u64 attach_started, attach_ns;	/* ktime; how long the scan took */
	u32 scanned_segments;
	u64 scanned_blocks;
};

/**
 * struct kvmem_log - what a namespace has on a media
 * @node: in media->logs, guarded by media->lock
 * @ref: media->logs has one, every write one
 * @ns: referenced
 * @open: by temperature; guarded by media->lock
 * @open_lock: mutex; one at a time opens a segment.  Outside of media->lock
 * @pack_lock: mutex; one at a time fills or sends packs.  Outside of @open_lock
 * @packs: small blocks that wait for others, by temperature; guarded by @pack_lock
 * @nr_packs: of them; the same
 * @pack_round: of the media, when it was sent last; guarded by media->pack_lock
 * @sealed: oldest first; guarded by media->lock
 * @busy: KVMEM_SEG_SEALING and KVMEM_SEG_RECLAIM; guarded by media->lock
 * @nr_segments: open, sealing and sealed; guarded by media->lock
 * @put_bytes, @reinsert_bytes: bound re-insertion; guarded by media->lock
 * @slot, @slot_generation: in the directory; constant
 * @wants: a reservation found no segment: reclaim takes one of this log's
 * @empties: one of the first sealed segments may be empty; guarded by media->lock
 * @dead: the namespace goes: no new writes; guarded by media->lock
 * @forget: and what it has here goes, too; guarded by media->lock
 * @stuck: the wait for its writes was given up; guarded by media->lock
 */
struct kvmem_log {
	struct list_head node;
	struct kref ref;
	struct kvmem_media *media;
	struct kvmem_ns *ns;
	struct kvmem_segment *open[KVMEM_NR_TEMPS];
	struct mutex open_lock;		/* see above */
	struct mutex pack_lock;		/* see above */
	struct kvmem_pack *packs[KVMEM_NR_TEMPS];
	u32 nr_packs;
	u32 pack_round;
	struct list_head sealed;
	struct list_head busy;
	u32 nr_segments;
	u64 put_bytes;
	u64 reinsert_bytes;
	u32 slot;
	u32 slot_generation;
	bool wants;
	bool empties;
	bool dead;
	bool forget;
	bool stuck;
};

/* media.c: the table of media */
int kvmem_media_init(void);
void kvmem_media_exit(void);	/* detaches all; the media stay warm */
/*
 * Open, check and attach; tables are read in the background, see
 * kvmem_media_state.  @name: NULL or empty = made from the uuid.  Referenced,
 * or an ERR_PTR, with the reason in @extack.
 */
struct kvmem_media *kvmem_media_attach(const char *name, const struct kvmem_media_ops *ops,
				       const char *path, const u8 *uuid,
				       struct netlink_ext_ack *extack);
/*
 * Flush, let go.  The blocks stay on the media.  -EBUSY: somebody else does; it is
 * under way and goes on: -ETIMEDOUT: until the device answers, -EINTR (fatal signal).
 */
int kvmem_media_detach(struct kvmem_media *media, struct netlink_ext_ack *extack);
struct kvmem_media *kvmem_media_get_by_id(u32 id);
struct kvmem_media *kvmem_media_get_by_name(const char *name);
struct kvmem_media *kvmem_media_get_next(u32 *id);
void kvmem_media_put(struct kvmem_media *media);
/*
 * The same for whoever works with what the media has, which stays until
 * kvmem_media_done().  NULL: none, or they are about to go.
 */
struct kvmem_media *kvmem_media_next_active(u32 *id);
void kvmem_media_done(struct kvmem_media *media);
/* Change @state and tell; only towards less.  Any context that may take locks. */
void kvmem_media_fail(struct kvmem_media *media, enum kvmem_media_state to, const char *why);
/*
 * Deletions so far are durable on every media: a block that is persisted after
 * this is not shadowed by one of its key that was deleted before.
 */
int kvmem_media_sync_gone(void);
/* Count a block that no media was even asked for. */
void kvmem_media_refuse_all(enum kvmem_refuse why);
bool kvmem_media_name_ok(const char *name);
bool kvmem_media_writable(const struct kvmem_media *media);
/* The media that a write of @bytes of @ns goes to: least expected wait; active, or NULL. */
struct kvmem_media *kvmem_media_pick(struct kvmem_ns *ns, size_t bytes);
/* The same among those that move memory without pages. */
struct kvmem_media *kvmem_media_pick_dma(struct kvmem_ns *ns, size_t bytes);
/*
 * Who finds a namespace may delete in it at once, and then waits for its tables: so
 * it is coming before it can be found, and came after kvmem_media_ns_created().
 */
void kvmem_media_ns_coming(void);
void kvmem_media_ns_came(void);
/* A namespace was created, or is about to go: its copies come, or go for good. */
void kvmem_media_ns_created(struct kvmem_ns *ns);
void kvmem_media_ns_deleted(struct kvmem_ns *ns);
/*
 * What a namespace of @name, that is not there and does not come meanwhile, has on
 * the media is given up.  -EBUSY: not all is known yet, or it just goes; -ENOENT,
 * -EROFS, or the device's error.
 */
int kvmem_media_forget(struct kvmem_media *media, const char *name);
/* Owner, mode or fingerprint were changed: media know it by the new ones. */
void kvmem_media_ns_changed(struct kvmem_ns *ns);

static inline u64 kvmem_media_seg_off(const struct kvmem_segment *seg)
{
	return kvmem_segment_offset(&seg->media->super, seg->no);
}

/* super.c: superblock of an open device */
int kvmem_super_load(struct kvmem_dev *dev, struct kvmem_super *super,
		     struct netlink_ext_ack *extack);

/* dir.c: directory of namespaces */
int kvmem_dir_load(struct kvmem_media *media, struct netlink_ext_ack *extack);
void kvmem_dir_free(struct kvmem_media *media);
/*
 * The slot of a namespace with the name, owner and fingerprint of @ns.  With
 * @make one is taken, and written, when there is none; one of the same name
 * that differs otherwise is given a new generation, so what it held is lost.
 * 0, -ENOENT, -ENOSPC, or the device's error.  Takes dir_lock.
 */
int kvmem_dir_find(struct kvmem_media *media, struct kvmem_ns *ns, bool make,
		   u32 *slot, u32 *slot_generation);
/* The slot's namespace has another owner, mode or fingerprint now, and the same blocks. */
int kvmem_dir_rewrite(struct kvmem_media *media, struct kvmem_ns *ns, u32 slot,
		      u32 slot_generation);
/* Free the slot with a new generation, durably. */
int kvmem_dir_release(struct kvmem_media *media, u32 slot);
/* The same for the slot of the namespace of @name, whoever owned it.  -ENOENT: none. */
int kvmem_dir_forget(struct kvmem_media *media, const char *name);
/* Is this (still) what the directory says?  Takes dir_lock. */
bool kvmem_dir_valid(struct kvmem_media *media, u32 slot, u32 slot_generation);
/* A segment's table names this slot and generation: never to be given again. */
void kvmem_dir_seen(struct kvmem_media *media, u32 slot, u32 slot_generation);
/* All segments were looked at: slots may be taken from now on. */
void kvmem_dir_settle(struct kvmem_media *media);
/* For netlink: name and owner of slot; false: free or out of range. */
bool kvmem_dir_describe(struct kvmem_media *media, u32 slot, struct kvmem_media_slot *out);

/* scan.c: reading tables */
/*
 * Read all tables (or those of orphans that @ns can adopt, when not NULL),
 * newest segment first, and publish what they say; namespaces that are there
 * are served as it goes.  Runs in media->wq.  0 or a device error.
 */
int kvmem_scan(struct kvmem_media *media, struct kvmem_ns *ns);
/*
 * Record that what was found behind newer copies has gone: who deletes one of
 * these knows of no other.  After kvmem_scan(), when writes may begin, and
 * before anybody may delete.
 */
void kvmem_scan_bury(struct kvmem_media *media);
/* What @slot held is lost: segments that wait for its namespace are emptied. */
void kvmem_scan_forget(struct kvmem_media *media, u32 slot);

/* segment.c */
/* All are KVMEM_SEG_BAD until the scan has looked at them. */
int kvmem_segments_init(struct kvmem_media *media);
void kvmem_segments_free(struct kvmem_media *media);
/*
 * Move to @to and to the list that belongs to it; the log's counts follow.
 * @seg->log is that of the old and the new state, so set it before a segment
 * becomes a log's and clear it after it was.  Caller holds media->lock.
 */
void kvmem_segment_set(struct kvmem_segment *seg, enum kvmem_segment_state to);

static inline void kvmem_segment_get(struct kvmem_segment *seg)
{
	atomic_inc(&seg->users);
}

/* The last user of a segment in KVMEM_SEG_DISCARD starts the discard. */
void kvmem_segment_put(struct kvmem_segment *seg);
/* Empty, and nobody's any more; its users may finish.  Caller holds media->lock. */
void kvmem_segment_release(struct kvmem_segment *seg);
/*
 * Room for @bytes (and @entries entries) in an open segment of @log: offset in
 * *@offset, a multiple of @align; seg->writes and ->users are raised, ->due is
 * @entries more.  Opens a segment when needed, which waits for the device.
 * -ENOSPC: none is free or the quota is reached; -EFBIG: larger than a
 * segment; -ESHUTDOWN: log->dead or the media takes no writes.
 */
struct kvmem_segment *kvmem_segment_reserve(struct kvmem_log *log, unsigned int temperature,
					    size_t bytes, unsigned int entries, u32 align,
					    u32 *offset);
/*
 * Undo a reservation whose write did not come about or failed: its bytes are
 * lost to the segment.
 */
void kvmem_segment_unreserve(struct kvmem_segment *seg, unsigned int entries);
/* Nothing in @seg can be read any more: if it is sealed its space goes back soon. */
void kvmem_segment_emptied(struct kvmem_segment *seg);
/*
 * A sealed segment that is empty, for reclaim, as *@seg; without recorded deletions
 * if @no_gone.  Its log, referenced, or NULL: there is none.
 */
struct kvmem_log *kvmem_segment_take_empty(struct kvmem_media *media, bool no_gone,
					   struct kvmem_segment **seg);
/* Take no more, persist the rest, then SEALED.  May be called twice. */
void kvmem_segment_seal(struct kvmem_segment *seg);

/* log.c */
/* Log of @ns on @media, referenced; made when there is none and @make. */
struct kvmem_log *kvmem_log_get(struct kvmem_media *media, struct kvmem_ns *ns, bool make);
/* Any log of @media, referenced, or NULL: to drop them all. */
struct kvmem_log *kvmem_log_first(struct kvmem_media *media);
void kvmem_log_put(struct kvmem_log *log);
/* Drop all copies and segments; the directory's slot, too, when @forget. */
void kvmem_log_drop(struct kvmem_log *log, bool forget);

/* write.c */
/**
 * struct kvmem_write - a copy on its way to a media
 * @io: the transfer
 * @node: in media->done
 * @log: referenced
 * @copy: ALLOCATED until published
 * @block: where the bytes are: a DRAM block with a reference, or NULL
 * @bvecs: of the transfer, owned
 * @pack: this is the transfer of a pack, all else is the pack's
 * @old: of a re-insertion, referenced: replaced when @copy is published
 * @bounce: where the bytes are when not in @block; put at the end
 * @entries: in the table
 * @reason: for the counts
 * @turn: see struct kvmem_sync
 * @packed: others share its transfer; of @io only @len counts, what of it is this one's
 * @claim: somebody waits who calls kvmem_log_written() himself, if this says
 *	so; in interrupt.  Else he has given up, and it is not published.  NULL:
 *	media->done_work does all
 * @ended: @status is final: 0 = published; process context, no lock
 * @private: of who asked for the write
 */
struct kvmem_write {
	struct kvmem_io io;
	struct llist_node node;
	struct kvmem_log *log;
	struct kvmem_copy *copy;
	struct kvmem_block *block;
	struct kvmem_pack *pack;
	struct kvmem_copy *old;
	struct bio_vec *bvecs;
	struct kvmem_dev_buf *bounce;
	unsigned int entries;
	enum kvmem_write_reason reason;
	u8 turn;
	bool packed;
	int status;
	bool (*claim)(struct kvmem_write *write);
	void (*ended)(struct kvmem_write *write);
	void *private;
};

/*
 * Write @block to @media as a new copy.  Takes its own references.  Waits only
 * for the opening of a segment, not for the data.  A small one waits for others,
 * for KVMEM_FLUSH_MS at most, or until kvmem_pack_push().  0: @ended will be called
 * (may be NULL); else nothing happens any more.
 */
int kvmem_log_write(struct kvmem_media *media, struct kvmem_block *block,
		    enum kvmem_write_reason reason, unsigned int temperature,
		    void (*ended)(struct kvmem_write *write), void *private);
/*
 * The same from a caller's memory, without a block: @entry tells all but where,
 * @sums are copied (NULL: it says that there are none), @expires is in the block's
 * own clock, @now ktime in ns.  @span is whole units, well aligned, with the
 * segments it needs and no more (or runs mapped for the media's device), and
 * stays until the end.
 * *@out is set before the transfer begins.
 */
int kvmem_log_write_span(struct kvmem_media *media, struct kvmem_ns *ns,
			 struct kvmem_media_entry *entry, const u32 *sums, u32 expires,
			 u64 now, const struct kvmem_span *span,
			 bool (*claim)(struct kvmem_write *write),
			 void (*ended)(struct kvmem_write *write), void *private,
			 struct kvmem_write **out);
/* The transfer of a block has ended: publish it, or give up; frees @write. */
void kvmem_log_written(struct kvmem_write *write);
/*
 * Move @old, whose bytes were read into @buf and verified, to another segment
 * of its media.  Takes over @buf, also when it fails; a reference of its own
 * of @old.
 */
int kvmem_log_rewrite(struct kvmem_copy *old, struct kvmem_dev_buf *buf,
		      unsigned int temperature, void (*ended)(struct kvmem_write *write));
/* gone.c: deletions */
/*
 * A deleted copy: a GONE entry for its segment's log, if its entry may be on the
 * media; and for what it was moved from, if that may be there, too.
 */
void kvmem_log_gone(struct kvmem_copy *copy);
/*
 * The same again, out of a table that goes before the block's.  0, -ENOSPC,
 * -ENOMEM, -ESHUTDOWN or a device error.
 */
int kvmem_log_gone_again(struct kvmem_log *log, const struct kvmem_media_gone *gone);

/* pack.c: small blocks share transfers */
/* Does a block of @size share a transfer with others? */
bool kvmem_pack_wants(const struct kvmem_media *media, size_t size);
/* Send what @ns has packed on @media so far: somebody waits for it.  No lock. */
void kvmem_pack_push(struct kvmem_media *media, struct kvmem_ns *ns);
void kvmem_pack_work(struct work_struct *work);		/* media->pack_work */

/* table.c: pages of tables */
/*
 * The write of @copy has ended well: its entry becomes part of the page at
 * hand, which goes out when full.  Caller holds media->lock.
 */
void kvmem_table_add(struct kvmem_copy *copy, unsigned int entries);
void kvmem_table_add_gone(struct kvmem_segment *seg, const struct kvmem_copy *copy);
/* Send the page at hand of @seg, if it has entries.  Caller holds media->lock. */
void kvmem_table_send(struct kvmem_segment *seg);
/* Send all pages at hand.  No lock held. */
void kvmem_table_send_all(struct kvmem_media *media);
/* Page 0, synchronously; the segment's head is filled in.  0 or device error. */
int kvmem_table_open(struct kvmem_segment *seg);
/* Everything put so far is durable, or failed; waits.  0, -ETIMEDOUT, -EIO. */
int kvmem_table_sync(struct kvmem_media *media);
/* So is every deletion; cheap when there was none. */
int kvmem_table_sync_gone(struct kvmem_media *media);
/* Wait until @copy is PERSISTED.  0, -EIO: it will not be, -ETIMEDOUT. */
int kvmem_copy_persist(struct kvmem_copy *copy);
void kvmem_table_done(struct work_struct *work);	/* media->done_work */
void kvmem_table_flush(struct work_struct *work);	/* media->flush_work */
/* A transfer of ours has ended, in interrupt: hand it to done_work. */
void kvmem_write_done(struct kvmem_io *io, int status);

/* reclaim.c */
/* Fewer free segments than this are filled up to half as many again. */
static inline u32 kvmem_reclaim_low(const struct kvmem_media *media)
{
	u32 nr = media->super.nr_segments;

	return min(max(4U, nr / 32), nr / 4 + 1);
}

void kvmem_reclaim_work(struct work_struct *work);
/* Is a segment of @ns wanted back? Kick the worker.  Any context. */
void kvmem_reclaim_kick(struct kvmem_media *media);
/*
 * What @copy was moved from, if an attach would still find it there; to be put
 * with kvmem_copy_put_used().  Or NULL.
 */
struct kvmem_copy *kvmem_reclaim_origin(const struct kvmem_copy *copy);

/* discard.c */
#define KVMEM_DISCARD_FAILURES	8

/*
 * So few are free that none waits for others to be discarded with it.  Well
 * below the low watermark, which counts those that wait as free: between the
 * two they gather.  Never so few that a put is refused.
 */
static inline bool kvmem_discard_short(const struct kvmem_media *media)
{
	return media->nr_free < max(kvmem_reclaim_low(media) / 4, 4U);
}

/* From KVMEM_SEG_DISCARD to FREE */
void kvmem_discard_work(struct work_struct *work);
/* Whoever waits for a segment does not wait for others to be discarded with it. */
void kvmem_discard_hurry(struct kvmem_media *media);

/* No checksum was taken when it was put. */
static inline bool kvmem_copy_unsummed(const struct kvmem_copy *copy)
{
	return copy->flags & KVMEM_MEDIA_ENTRY_F_UNSUMMED;
}

/* May bytes with this checksum be the copy's? */
static inline bool kvmem_copy_matches(const struct kvmem_copy *copy, u32 crc)
{
	return kvmem_copy_unsummed(copy) || copy->crc == crc;
}

/* Once read without an error and matching: is it known to be what was put? */
static inline bool kvmem_copy_proven(const struct kvmem_copy *copy)
{
	return !kvmem_copy_unsummed(copy) || copy->seg->media->dev.geo.pi;
}

/* read.c */
/*
 * Read the copy into @block (ALLOCATED, of the same size), and verify.  0,
 * -EILSEQ: wrong bytes, a device error, -ETIMEDOUT.
 */
int kvmem_copy_read(struct kvmem_copy *copy, struct kvmem_block *block);

/*
 * Bytes @off to @off + @len to @iter, past DRAM; only the pieces that they touch are
 * read, and verified.  As above, or -EFAULT; then some may have been copied.
 */
int kvmem_copy_serve(struct kvmem_copy *copy, size_t off, size_t len, struct iov_iter *iter);
/* The same into a buffer of its own, for re-insertion; an ERR_PTR as above. */
struct kvmem_dev_buf *kvmem_copy_read_buf(struct kvmem_copy *copy);

#endif
