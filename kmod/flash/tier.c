// SPDX-License-Identifier: GPL-2.0
/*
 * Between DRAM and flash: what is written, what is fetched, what goes.
 *
 * A block that is to be written is held until its copy can be found: so a
 * DELETE meets either the block, whose state tells the writer, or the copy.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include "arena.h"
#include "flash/direct.h"
#include "flash/flash.h"
#include "flash/tier.h"
#include "netlink.h"
#include "ns.h"
#include "trace.h"

/* Blocks on their way may take this share of the arena. */
#define TIER_QUEUE_SHARE	16
/* And this share of what their namespace, or its pool, may have. */
#define TIER_QUOTA_SHARE	4
/* Victims to come that are written at a time, and at most of a namespace's blocks. */
#define TIER_DEMOTE_BATCH	256
#define TIER_DEMOTE_SHARE	8
/* A write waits for reclaim, when that is behind, so long and in such steps. */
#define TIER_ROOM_MS		5000
#define TIER_ROOM_STEP_MS	50
/* A copy that moves, or goes, while it is read is looked for again, so often. */
#define FETCH_TRIES		4
/* Waiting for tables to be read, at most. */
#define TIER_SETTLE_MS		60000

static struct {
	struct workqueue_struct *wq;
	atomic64_t queued;	/* bytes held for writes */
} tier;

/* Writing ------------------------------------------------------------------- */

struct tier_job {
	struct work_struct work;
	struct kvmem_ns *ns;
	struct kvmem_block *block;
};

static void tier_count(struct kvmem_block *block, int sign)
{
	struct kvmem_ns_flash *flash = &block->ns->flash;

	atomic64_add(sign * (s64)block->size, &tier.queued);
	atomic64_add(sign * (s64)block->size, &flash->held_bytes);
	atomic64_add(sign, &flash->held_blocks);
}

static void tier_unhold(struct kvmem_block *block)
{
	tier_count(block, -1);
	kvmem_block_unhold(block);
}

static void tier_ended(struct kvmem_write *write)
{
	tier_unhold(write->block);
}

/* Used once so far, or more often: they part ways when it comes to reclaim. */
static unsigned int tier_temperature(const struct kvmem_block *block)
{
	return READ_ONCE(block->class) & 7 ? 1 : 0;
}

static bool tier_admit(struct kvmem_media *media, struct kvmem_block *block)
{
	u32 value = kvmem_ns_value(block->ns, READ_ONCE(block->class), 0);
	bool ok;

	spin_lock(&media->lock);
	ok = kvmem_budget_take(&media->budget, block->size, value, ktime_get_ns());
	if (!ok)
		media->counts.refused[KVMEM_REFUSE_VALUE]++;
	spin_unlock(&media->lock);
	return ok;
}

static void tier_refuse(struct kvmem_media *media, enum kvmem_refuse why)
{
	spin_lock(&media->lock);
	media->counts.refused[why]++;
	spin_unlock(&media->lock);
}

/* A segment was given back, or it is time to look again; -EINTR. */
static int tier_wait_room(struct kvmem_media *media, u64 reclaimed)
{
	long left = wait_event_killable_timeout(media->wait,
						READ_ONCE(media->counts.reclaimed) != reclaimed ||
						!kvmem_media_writable(media),
						msecs_to_jiffies(TIER_ROOM_STEP_MS));

	return left < 0 ? -EINTR : 0;
}

/*
 * Reclaim makes room while we wait for it: with the block held and nothing
 * else, so nobody waits for us.
 */
static int tier_log_write(struct kvmem_media *media, struct kvmem_block *block,
			  void (*ended)(struct kvmem_write *write), void *private)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(TIER_ROOM_MS);
	u64 reclaimed;
	int ret;

	for (;;) {
		reclaimed = READ_ONCE(media->counts.reclaimed);
		ret = kvmem_log_write(media, block, KVMEM_WRITE_PUT, tier_temperature(block),
				      ended, private);
		/* Who has waited in vain did so for all that come before the next chance. */
		if (ret != -ENOSPC || READ_ONCE(media->full_since) == reclaimed ||
		    test_bit(KVMEM_NS_DEAD, &block->ns->flags))
			return ret;
		if (time_after(jiffies, deadline)) {
			WRITE_ONCE(media->full_since, reclaimed);
			return ret;
		}
		if (tier_wait_room(media, reclaimed))
			return -EINTR;
	}
}

/* 0: tier_ended() will be called. */
static int tier_write(struct kvmem_block *block)
{
	struct kvmem_media *media;
	int ret = -ENOSPC;

	/* Written already, with the entry still on its way. */
	if (kvmem_flash_here(block->ns, &block->key))
		return -EEXIST;
	media = kvmem_media_pick(block->ns, block->size);
	if (!media)
		return -ENODEV;
	if (tier_admit(media, block)) {
		ret = tier_log_write(media, block, tier_ended, NULL);
		if (ret)
			tier_refuse(media, ret == -EIO ? KVMEM_REFUSE_FAILED :
							 KVMEM_REFUSE_ROOM);
	}
	kvmem_media_done(media);
	return ret;
}

static void tier_work(struct work_struct *work)
{
	struct tier_job *job = container_of(work, struct tier_job, work);

	if (test_bit(KVMEM_NS_DEAD, &job->ns->flags) || tier_write(job->block))
		tier_unhold(job->block);
	kvmem_block_put(job->block);
	kvmem_ns_put(job->ns);
	kfree(job);
}

/* One alone may be larger than its share, if there is room for others besides. */
static bool tier_part(s64 held, u64 quota, bool alone)
{
	return !quota || held <= quota / (alone ? 2 : TIER_QUOTA_SHARE);
}

/*
 * A block that waits for its write cannot be evicted: so much of the arena, so
 * much of a namespace, and no more, or a slow media would stop the puts.
 */
static bool tier_fits(const struct kvmem_ns *ns, s64 queued, s64 bytes, s64 blocks, bool alone)
{
	struct kvmem_pool *pool = ns->pool;

	if (queued > kvmem_arena_limit() / TIER_QUEUE_SHARE ||
	    !tier_part(bytes, READ_ONCE(ns->p.quota_bytes), alone) ||
	    !tier_part(blocks, READ_ONCE(ns->p.quota_blocks), alone))
		return false;
	return !pool || (tier_part(bytes, READ_ONCE(pool->p.quota_bytes), alone) &&
			 tier_part(blocks, READ_ONCE(pool->p.quota_blocks), alone));
}

static bool tier_has_room(const struct kvmem_ns *ns)
{
	s64 blocks = atomic64_read(&ns->flash.held_blocks);

	return tier_fits(ns, atomic64_read(&tier.queued), atomic64_read(&ns->flash.held_bytes),
			 blocks, blocks == 1);
}

bool kvmem_flash_is_tight(const struct kvmem_ns *ns)
{
	s64 bytes = 2 * atomic64_read(&ns->flash.held_bytes);
	s64 blocks = 2 * atomic64_read(&ns->flash.held_blocks);

	return !tier_fits(ns, 2 * atomic64_read(&tier.queued), bytes, blocks, false);
}

static bool tier_hold(struct kvmem_block *block)
{
	tier_count(block, 1);
	if (tier_has_room(block->ns) && kvmem_block_hold(block))
		return true;
	tier_count(block, -1);
	return false;
}

static bool tier_queue(struct kvmem_ns *ns, struct kvmem_block *block)
{
	struct tier_job *job = kmalloc(sizeof(*job), GFP_KERNEL);

	if (!job)
		return false;
	if (!tier_hold(block)) {
		kfree(job);
		return false;
	}
	INIT_WORK(&job->work, tier_work);
	kref_get(&ns->ref);
	job->ns = ns;
	refcount_inc(&block->ref);
	job->block = block;
	queue_work(tier.wq, &job->work);
	return true;
}

void kvmem_flash_written(struct kvmem_ns *ns, struct kvmem_block *block)
{
	if (READ_ONCE(ns->flash.mode) == KVMEM_FLASH_MODE_THROUGH && kvmem_media_any() &&
	    !tier_queue(ns, block))
		kvmem_media_refuse_all(KVMEM_REFUSE_QUEUE);
}

/* Demotion ahead of need --------------------------------------------------------- */

struct tier_demotion {
	struct work_struct work;
	struct kvmem_ns *ns;
	struct kvmem_block *blocks[TIER_DEMOTE_BATCH];
};

/*
 * A block that is evicted while we have it counts until we put it: of a small
 * namespace, a few at a time, or an eviction finds nothing that makes room.
 */
static unsigned int demote_max(const struct kvmem_ns *ns)
{
	return clamp_t(u64, READ_ONCE(ns->used_blocks) / TIER_DEMOTE_SHARE, 1, TIER_DEMOTE_BATCH);
}

/* What the queue does not take now is among the next victims again. */
static void tier_demote(struct work_struct *work)
{
	struct tier_demotion *d = container_of(work, struct tier_demotion, work);
	unsigned int nr, i;

	nr = kvmem_evict_coming(d->ns, d->blocks, demote_max(d->ns));
	for (i = 0; i < nr; i++) {
		tier_queue(d->ns, d->blocks[i]);
		kvmem_block_put(d->blocks[i]);
	}
	clear_bit(KVMEM_NS_DEMOTING, &d->ns->flags);
	kvmem_ns_put(d->ns);
	kfree(d);
}

void kvmem_flash_ahead(struct kvmem_ns *ns)
{
	struct tier_demotion *d;

	if (READ_ONCE(ns->flash.mode) != KVMEM_FLASH_MODE_BACK || !kvmem_media_any() ||
	    test_and_set_bit(KVMEM_NS_DEMOTING, &ns->flags))
		return;
	d = kmalloc(sizeof(*d), GFP_NOWAIT);
	if (!d) {
		clear_bit(KVMEM_NS_DEMOTING, &ns->flags);
		return;
	}
	INIT_WORK(&d->work, tier_demote);
	kref_get(&ns->ref);
	d->ns = ns;
	queue_work(tier.wq, &d->work);
}

/*
 * The block is as durable as the copy, which may be reclaimed meanwhile: who
 * does that unlinks the copy first and marks the block then.
 */
static void tier_mark(struct kvmem_copy *copy, struct kvmem_block *block)
{
	if (READ_ONCE(copy->state) != KVMEM_BLOCK_PERSISTED || !kvmem_block_persisted(block))
		return;
	/* The block's state, set under a lock, before the copy's. */
	smp_mb();
	if (READ_ONCE(copy->state) != KVMEM_BLOCK_PERSISTED)
		kvmem_block_unpersist(copy->ns, &copy->key);
}

void kvmem_flash_persisted(struct kvmem_copy *copy)
{
	struct kvmem_block *block;
	u16 res_flags = 0;

	block = kvmem_block_lookup(copy->ns, &copy->key, &res_flags);
	if (!block)
		return;
	if (kvmem_copy_matches(copy, block->crc) && block->size == copy->size)
		tier_mark(copy, block);
	kvmem_block_put(block);
}

/* On request ------------------------------------------------------------------ */

int kvmem_flash_errno(int ret)
{
	switch (ret) {
	case -ESTALE:	/* deleted while it was written */
		return -ENOENT;
	case 0:
	case -EDQUOT:
	case -EEXIST:
	case -EILSEQ:
	case -EINTR:
	case -ENOENT:
	case -ENOMEM:
	case -ENOSPC:
	case -EOPNOTSUPP:
	case -ESHUTDOWN:
	case -ETIMEDOUT:
		return ret;
	default:
		return -EIO;
	}
}

/* A write that somebody waits for, who may give up before it ends. */
struct tier_wait {
	struct kref ref;
	struct completion done;
	int status;
};

static void tier_wait_free(struct kref *ref)
{
	kfree(container_of(ref, struct tier_wait, ref));
}

static void tier_wait_ended(struct kvmem_write *write)
{
	struct tier_wait *wait = write->private;

	tier_ended(write);
	wait->status = write->status;
	complete(&wait->done);
	kref_put(&wait->ref, tier_wait_free);
}

/* Asked for by name: whatever it is worth, and however much waits already. */
static int persist_start(struct kvmem_block *block, struct tier_wait *wait)
{
	struct kvmem_media *media = kvmem_media_pick(block->ns, block->size);
	int ret = -ENOENT;

	if (!media)
		return -EOPNOTSUPP;
	tier_count(block, 1);
	if (kvmem_block_hold(block)) {
		kref_get(&wait->ref);
		spin_lock(&media->lock);
		kvmem_budget_charge(&media->budget, block->size, ktime_get_ns());
		spin_unlock(&media->lock);
		ret = tier_log_write(media, block, tier_wait_ended, wait);
		if (ret) {
			kref_put(&wait->ref, tier_wait_free);
			kvmem_block_unhold(block);
		} else {
			kvmem_pack_push(media, block->ns);
		}
	}
	if (ret)
		tier_count(block, -1);
	kvmem_media_done(media);
	return ret;
}

static int persist_write(struct kvmem_block *block)
{
	struct tier_wait *wait = kzalloc(sizeof(*wait), GFP_KERNEL);
	long left;
	int ret;

	if (!wait)
		return -ENOMEM;
	kref_init(&wait->ref);
	init_completion(&wait->done);
	ret = persist_start(block, wait);
	if (!ret) {
		left = wait_for_completion_killable_timeout(&wait->done,
							    msecs_to_jiffies(KVMEM_IO_TIMEOUT_MS));
		ret = left > 0 ? wait->status : left ? -EINTR : -ETIMEDOUT;
	}
	kref_put(&wait->ref, tier_wait_free);
	return kvmem_flash_errno(ret);
}

static int persist_block(struct kvmem_ns *ns, const struct kvmem_key *key)
{
	struct kvmem_block *block;
	u16 res_flags = 0;
	int ret;

	block = kvmem_block_lookup(ns, key, &res_flags);
	if (!block)
		return -ENOENT;
	ret = persist_write(block);
	kvmem_block_put(block);
	/* The media goes, not the namespace: applications tell these apart. */
	if (ret == -ESHUTDOWN && !test_bit(KVMEM_NS_DEAD, &ns->flags))
		ret = -EOPNOTSUPP;
	return ret;
}

static int persist(struct kvmem_ns *ns, const struct kvmem_key *key)
{
	struct kvmem_copy *copy;
	int ret = 0;

	copy = kvmem_copy_lookup(ns, key);
	if (!copy) {
		ret = persist_block(ns, key);
		/* Written by its first put meanwhile: as good. */
		if (!ret || ret == -EEXIST)
			copy = kvmem_copy_lookup(ns, key);
	}
	if (!copy)
		return ret && ret != -EEXIST ? ret : -EIO;
	ret = kvmem_copy_persist(copy);
	kvmem_copy_put_used(copy);
	return ret ?: kvmem_media_sync_gone();
}

int kvmem_flash_persist(struct kvmem_ns *ns, const struct kvmem_key *key)
{
	int ret;

	if (READ_ONCE(ns->flash.mode) == KVMEM_FLASH_MODE_OFF || !kvmem_media_any())
		return -EOPNOTSUPP;
	ret = persist(ns, key);
	/* No failure of the media: somebody deleted it, before its entry was safe. */
	if (ret == -EIO && !kvmem_block_here(ns, key) && !kvmem_flash_here(ns, key))
		ret = -ENOENT;
	return ret;
}

/* Fetching -------------------------------------------------------------------- */

static int fetch_publish(struct kvmem_copy *copy, struct kvmem_block *block)
{
	struct kvmem_hints hints = {
		.fetched = true,
		.copy = copy,
		.own_class = copy->class,
		.priority = copy->priority,
		.expires = copy->expires,
		.cost = copy->cost,
		.growth = KVMEM_GROWS_LITTLE,
	};
	int ret;

	block->hits = copy->hits;
	ret = kvmem_block_commit(block, &copy->key, &hints);
	if (!ret)
		tier_mark(copy, block);
	return ret;
}

/*
 * It may be readable one day, when its key was deleted: so that is on record.  As
 * long as nothing can be recorded it stays.
 */
static void tier_drop_failed(struct kvmem_copy *copy)
{
	struct kvmem_media *media = copy->seg->media;

	if (READ_ONCE(media->state) == KVMEM_MEDIA_STATE_ATTACHING ||
	    !kvmem_copy_unlink(copy, KVMEM_BLOCK_EVICTED))
		return;
	if (kvmem_media_writable(media))
		kvmem_log_gone(copy);
	kvmem_copy_put(copy);
}

/* What cannot be read, or reads wrong, will not get better. */
void kvmem_flash_read_failed(struct kvmem_copy *copy, int ret)
{
	struct kvmem_media *media = copy->seg->media;

	spin_lock(&media->lock);
	if (ret == -EILSEQ)
		media->counts.corrupt++;
	else
		media->counts.read_errors++;
	spin_unlock(&media->lock);
	trace_kvmem_media_error(media->id, copy->seg->no, KVMEM_IO_READ, ret);
	if (ret == -EILSEQ) {
		pr_warn_ratelimited("ns %u: block %*phN failed its checksum on flash, dropped\n",
				    copy->ns->id, 8, copy->key.b);
		kvmem_event_corrupt(copy->ns, &copy->key);
	}
	if (ret == -EILSEQ || ret == -EIO || ret == -ENODATA)
		tier_drop_failed(copy);
}

/* Racy counts are good enough. */
void kvmem_flash_used(struct kvmem_copy *copy, u64 now)
{
	WRITE_ONCE(copy->last_use, now);
	if (copy->hits < U16_MAX)
		copy->hits++;
}

/* What is free costs nothing; else something is evicted, which may be worth more. */
static struct kvmem_block *fetch_alloc(struct kvmem_ns *ns, const struct kvmem_copy *copy,
				       const struct kvmem_past *past)
{
	struct kvmem_block *block;

	if (!past)
		return kvmem_block_alloc(ns, copy->size, false);
	block = kvmem_block_alloc_free(ns, copy->size);
	if (block != ERR_PTR(-ENOSPC) ||
	    !kvmem_evict_worth(ns, copy->class, READ_ONCE(copy->hits), past->growth))
		return block;
	return kvmem_block_alloc(ns, copy->size, false);
}

/* -ESTALE: the copy has moved meanwhile, or has gone. */
static struct kvmem_block *fetch_copy(struct kvmem_ns *ns, struct kvmem_copy *copy,
				      const struct kvmem_past *past)
{
	struct kvmem_block *block = fetch_alloc(ns, copy, past);
	int ret;

	if (IS_ERR(block))
		return block;
	ret = kvmem_copy_read(copy, block);
	if (ret) {
		kvmem_flash_read_failed(copy, ret);
		ret = kvmem_flash_errno(ret);
	} else {
		ret = fetch_publish(copy, block);
	}
	if (!ret)
		return block;
	kvmem_block_put(block);
	return ERR_PTR(ret);
}

static void look_at(const struct kvmem_copy *copy, struct kvmem_flash_look *look)
{
	look->size = copy->size;
	look->crc = copy->crc;
	look->class = copy->class;
}

static bool fetch_found_no_room(const struct kvmem_block *block)
{
	return block == ERR_PTR(-ENOSPC) || block == ERR_PTR(-EDQUOT);
}

static struct kvmem_block *fetch_once(struct kvmem_ns *ns, const struct kvmem_key *key,
				      u16 *res_flags, struct kvmem_past *past)
{
	struct kvmem_copy *copy = kvmem_copy_lookup(ns, key);
	struct kvmem_block *block = ERR_PTR(-EOPNOTSUPP);

	if (!copy)
		return NULL;
	/* What nothing verifies piece by piece is not served from where it is. */
	if (kvmem_copy_unsummed(copy))
		past = NULL;
	if (kvmem_copy_proven(copy) || !kvmem_ns_verifies(ns))
		block = fetch_copy(ns, copy, past);
	if (past && fetch_found_no_room(block)) {
		past->copy = copy;
		look_at(copy, &past->look);
		return NULL;
	}
	if (!IS_ERR(block))
		kvmem_flash_used(copy, ktime_get_ns());
	kvmem_copy_put_used(copy);
	if (block == ERR_PTR(-EILSEQ)) {
		*res_flags |= KVMEM_RES_F_CORRUPT;
		return NULL;
	}
	/* Somebody else fetched it meanwhile, or put it. */
	if (block == ERR_PTR(-EEXIST))
		return kvmem_block_lookup(ns, key, res_flags);
	return block;
}

struct kvmem_block *kvmem_flash_fetch(struct kvmem_ns *ns, const struct kvmem_key *key,
				      u16 *res_flags, struct kvmem_past *past)
{
	struct kvmem_block *block;
	unsigned int tries = 0;

	do {
		block = fetch_once(ns, key, res_flags, past);
		if (block != ERR_PTR(-ESTALE))
			return block;
		/* It may have been deleted, and put again since. */
		block = kvmem_block_lookup(ns, key, res_flags);
	} while (!block && ++tries < FETCH_TRIES);
	return block;
}

int kvmem_flash_serve(const struct kvmem_past *past, size_t off, size_t len,
		      struct iov_iter *to)
{
	int ret = kvmem_copy_serve(past->copy, off, len, to);

	/* Of these it is not the media's fault. */
	if (ret == -EFAULT || ret == -ENOMEM || !ret)
		return ret;
	kvmem_flash_read_failed(past->copy, ret);
	return kvmem_flash_errno(ret);
}

void kvmem_flash_past_end(struct kvmem_past *past, bool used)
{
	if (used)
		kvmem_flash_used(past->copy, ktime_get_ns());
	kvmem_copy_put_used(past->copy);
}

bool kvmem_flash_has(const struct kvmem_ns *ns)
{
	return atomic64_read(&ns->flash.blocks);
}

bool kvmem_flash_takes(const struct kvmem_ns *ns)
{
	return READ_ONCE(ns->flash.mode) != KVMEM_FLASH_MODE_OFF && kvmem_media_any();
}

bool kvmem_flash_look(struct kvmem_ns *ns, const struct kvmem_key *key,
		      struct kvmem_flash_look *look)
{
	struct kvmem_copy *copy;

	if (!kvmem_flash_has(ns))
		return false;
	copy = kvmem_copy_lookup(ns, key);
	if (!copy)
		return false;
	look_at(copy, look);
	kvmem_copy_put_used(copy);
	return true;
}

bool kvmem_flash_here(struct kvmem_ns *ns, const struct kvmem_key *key)
{
	struct kvmem_flash_look look;

	return kvmem_flash_look(ns, key, &look);
}

/* Dropping -------------------------------------------------------------------- */

int kvmem_flash_delete(struct kvmem_ns *ns, const struct kvmem_key *key, u32 *size)
{
	struct kvmem_copy *copy;
	int ret;

	/* A table that is still being read may have the key. */
	ret = kvmem_media_settle(TIER_SETTLE_MS);
	if (ret)
		return ret;
	/* The DRAM block's state before this, see kvmem_copy_publish(). */
	smp_mb();
	copy = kvmem_copy_take(ns, key);
	if (!copy)
		return -ENOENT;
	*size = copy->size;
	kvmem_log_gone(copy);
	kvmem_copy_put(copy);
	kvmem_copy_put_used(copy);
	return 0;
}

/* Module ------------------------------------------------------------------------ */

int kvmem_flash_init(void)
{
	int ret;

	tier.wq = alloc_workqueue("kvmem_tier", WQ_UNBOUND | WQ_MEM_RECLAIM, 4);
	if (!tier.wq)
		return -ENOMEM;
	ret = kvmem_copy_cache_init();
	if (ret)
		goto wq;
	ret = kvmem_direct_init();
	if (ret)
		goto copies;
	ret = kvmem_media_init();
	if (!ret)
		return 0;
	kvmem_direct_exit();
copies:
	kvmem_copy_cache_exit();
wq:
	destroy_workqueue(tier.wq);
	return ret;
}

/* No file is open: no new job.  Those under way end before the media go. */
void kvmem_flash_exit(void)
{
	destroy_workqueue(tier.wq);
	kvmem_media_exit();
	kvmem_direct_exit();
	kvmem_copy_cache_exit();
}
