// SPDX-License-Identifier: GPL-2.0
/*
 * Namespaces: the table of them, their life, who may attach.
 */
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include "file.h"
#include "index.h"
#include "netlink.h"
#include "ns.h"
#include "sysfs.h"
#include "trace.h"
#include "flash/flash.h"
#include "flash/tier.h"

/* The longest time between two looks at every namespace, ms. */
#define KVMEM_TICK_MS	1000U

/* How often expired blocks are looked for, ms. */
unsigned int kvmem_expire_interval_ms = 1000;

/*
 * @lock serialises creation and deletion, so that names stay unique.
 * Look-ups go under RCU and take a reference that must not be zero.
 */
static struct {
	struct mutex lock;	/* see above */
	struct xarray table;
	u32 next_id;
	u64 next_serial;
	struct delayed_work tick;
	unsigned long next_sweep;
} nss = {
	.lock = __MUTEX_INITIALIZER(nss.lock),
};

/* References ----------------------------------------------------------- */

/* Nobody else has the namespace: it was never published, or the last user left. */
static struct kvmem_ghosts *ns_ghosts_last(struct kvmem_ns *ns)
{
	return rcu_dereference_protected(ns->ghosts, true);
}

static void ns_free(struct kref *ref)
{
	struct kvmem_ns *ns = container_of(ref, struct kvmem_ns, ref);
	struct kvmem_chunk *chunk, *next;
	struct llist_node *list;
	unsigned int layout, i;
	LIST_HEAD(empty);

	/* No user is left, but uses may be queued; they hold references. */
	spin_lock(&ns->lock);
	list = kvmem_touch_drain(ns);
	spin_unlock(&ns->lock);
	kvmem_touch_put(list);
	/* No file, no block: whatever chunk is left is empty. */
	for (layout = 0; layout < KVMEM_NR_LAYOUTS; layout++)
		for (i = 0; i < KVMEM_RUN_BUCKETS; i++)
			list_for_each_entry_safe(chunk, next, &ns->space.runs[layout][i], node)
				list_move(&chunk->node, &empty);
	WARN_ON_ONCE(ns->used_blocks || ns->used_bytes);
	kvmem_space_put_chunks(ns, &empty);
	rhashtable_destroy(&ns->index);
	kvmem_ns_flash_exit(ns);
	if (ns->pool)
		kvmem_pool_put(ns->pool);
	pr_debug("ns %u destroyed\n", ns->id);
	kvmem_samples_free(&ns->samples);
	kvmem_ghosts_free(ns_ghosts_last(ns));
	kvfree(ns->hist);
	kvfree(ns->table);
	free_percpu(ns->stats);
	kfree_rcu(ns, rcu);
}

void kvmem_ns_put(struct kvmem_ns *ns)
{
	kref_put(&ns->ref, ns_free);
}

struct kvmem_ns *kvmem_ns_get_by_id(u32 id)
{
	struct kvmem_ns *ns;

	rcu_read_lock();
	ns = xa_load(&nss.table, id);
	if (ns && !kref_get_unless_zero(&ns->ref))
		ns = NULL;
	rcu_read_unlock();
	return ns;
}

struct kvmem_ns *kvmem_ns_get_next(u32 *id)
{
	unsigned long index = *id;
	struct kvmem_ns *ns;

	rcu_read_lock();
	for (ns = xa_find(&nss.table, &index, UINT_MAX, XA_PRESENT); ns;
	     ns = xa_find_after(&nss.table, &index, UINT_MAX, XA_PRESENT))
		if (kref_get_unless_zero(&ns->ref))
			break;
	rcu_read_unlock();
	*id = index;
	return ns;
}

struct kvmem_ns *kvmem_ns_get_by_name(const char *name)
{
	struct kvmem_ns *ns;
	u32 id = 0;

	while ((ns = kvmem_ns_get_next(&id))) {
		if (!strcmp(ns->p.name, name))
			return ns;
		kvmem_ns_put(ns);
		if (id++ == UINT_MAX)
			break;
	}
	return NULL;
}

/* Creation --------------------------------------------------------------- */

static int ns_alloc_parts(struct kvmem_ns *ns)
{
	ns->stats = alloc_percpu(struct kvmem_ns_stats);
	ns->table = kvmalloc(sizeof(*ns->table), GFP_KERNEL);
	ns->hist = kvzalloc(sizeof(*ns->hist), GFP_KERNEL);
	RCU_INIT_POINTER(ns->ghosts, kvmem_ghosts_alloc(0));
	if (!ns->stats || !ns->table || !ns->hist || !ns_ghosts_last(ns))
		return -ENOMEM;
	return kvmem_ns_flash_init(ns) ?: rhashtable_init(&ns->index, &kvmem_index_params);
}

static void ns_free_parts(struct kvmem_ns *ns)
{
	kvmem_ns_flash_exit(ns);
	kvmem_ghosts_free(ns_ghosts_last(ns));
	kvfree(ns->hist);
	kvfree(ns->table);
	free_percpu(ns->stats);
	kfree(ns);
}

/* Also where the flash tier reads it, which takes no lock of ours. */
static void ns_set_flash(struct kvmem_ns *ns)
{
	WRITE_ONCE(ns->flash.mode, ns->p.flash_mode);
	WRITE_ONCE(ns->flash.quota_bytes, ns->p.flash_quota_bytes);
}

static struct kvmem_ns *ns_alloc(const struct kvmem_ns_params *p)
{
	struct kvmem_ns *ns = kzalloc(sizeof(*ns), GFP_KERNEL);
	unsigned int i;

	if (!ns)
		return NULL;
	if (ns_alloc_parts(ns)) {
		ns_free_parts(ns);
		return NULL;
	}
	kref_init(&ns->ref);
	ns->p = *p;
	ns_set_flash(ns);
	INIT_LIST_HEAD(&ns->pool_node);
	mutex_init(&ns->attach_lock);
	INIT_LIST_HEAD(&ns->files);
	init_llist_head(&ns->touched);
	spin_lock_init(&ns->lock);
	kvmem_samples_init(&ns->samples);
	for (i = 0; i < KVMEM_NR_CLASSES; i++)
		INIT_LIST_HEAD(&ns->classes[i]);
	kvmem_space_init(&ns->space);
	kvmem_ns_set_lru(ns->table);
	return ns;
}

static int ns_publish(struct kvmem_ns *ns, struct netlink_ext_ack *extack)
{
	struct kvmem_ns *other = kvmem_ns_get_by_name(ns->p.name);
	int ret;

	lockdep_assert_held(&nss.lock);
	if (other) {
		kvmem_ns_put(other);
		NL_SET_ERR_MSG_MOD(extack, "a namespace of this name exists");
		return -EEXIST;
	}
	ns->serial = ++nss.next_serial;
	ret = xa_alloc_cyclic(&nss.table, &ns->id, ns,
			      XA_LIMIT(1, INT_MAX), &nss.next_id, GFP_KERNEL);
	if (ret < 0) {
		NL_SET_ERR_MSG_MOD(extack, "no memory for the namespace's id");
		return ret;
	}
	return 0;
}

static unsigned int ns_count(void)
{
	struct kvmem_ns *ns;
	unsigned long i;
	unsigned int nr = 0;

	xa_for_each(&nss.table, i, ns)
		nr++;
	return nr;
}

static int ns_join_pool(struct kvmem_ns *ns, struct netlink_ext_ack *extack)
{
	struct kvmem_pool *pool;

	if (!ns->p.pool_id)
		return 0;
	pool = kvmem_pool_get_by_id(ns->p.pool_id);
	if (pool && kvmem_pool_join(pool, ns)) {
		ns->pool = pool;
		return 0;
	}
	if (pool)
		kvmem_pool_put(pool);
	NL_SET_ERR_MSG_MOD(extack, "no such pool");
	return -ENOENT;
}

static int ns_create_locked(struct kvmem_ns *ns, struct netlink_ext_ack *extack)
{
	int ret;

	if (ns_count() >= KVMEM_MAX_NS) {
		NL_SET_ERR_MSG_MOD(extack, "too many namespaces");
		return -ENOSPC;
	}
	/* Before it can be found: attached files charge the pool. */
	ret = ns_join_pool(ns, extack);
	if (!ret)
		ret = ns_publish(ns, extack);
	if (ret && ns->pool) {
		kvmem_pool_leave(ns->pool, ns);
		kvmem_pool_put(ns->pool);
	}
	return ret;
}

struct kvmem_ns *kvmem_ns_create(const struct kvmem_ns_params *p,
				 struct netlink_ext_ack *extack)
{
	struct kvmem_ns *ns = ns_alloc(p);
	int ret;

	if (!ns) {
		NL_SET_ERR_MSG_MOD(extack, "no memory for the namespace");
		return ERR_PTR(-ENOMEM);
	}
	/* The caller's, besides the table's: it may be deleted at once. */
	kref_get(&ns->ref);
	kvmem_media_ns_coming();
	mutex_lock(&nss.lock);
	ret = ns_create_locked(ns, extack);
	mutex_unlock(&nss.lock);
	if (!ret)
		kvmem_media_ns_created(ns);
	kvmem_media_ns_came();
	if (ret) {
		rhashtable_destroy(&ns->index);
		ns_free_parts(ns);
		return ERR_PTR(ret);
	}
	pr_debug("ns %u created\n", ns->id);
	trace_kvmem_ns_event(ns->id, KVMEM_NS_CREATED);
	return ns;
}

/* Read without the lock. */
static void ns_set_peers(struct kvmem_ns *ns, const struct kvmem_ns_params *p, u32 mask)
{
	if (mask & KVMEM_NS_P_PLACEMENT)
		WRITE_ONCE(ns->p.placement, p->placement);
	if (mask & KVMEM_NS_P_COPIES)
		WRITE_ONCE(ns->p.copies, p->copies);
	if (mask & KVMEM_NS_P_SHARE)
		WRITE_ONCE(ns->p.peer_share, p->peer_share);
	if (mask & KVMEM_NS_P_KEEP)
		WRITE_ONCE(ns->p.peer_keep, p->peer_keep);
}

static void ns_set_params(struct kvmem_ns *ns, const struct kvmem_ns_params *p, u32 mask)
{
	lockdep_assert_held(&ns->lock);
	if (mask & KVMEM_NS_P_OWNER) {
		ns->p.uid = p->uid;
		ns->p.gid = p->gid;
	}
	if (mask & KVMEM_NS_P_MODE)
		ns->p.mode = p->mode;
	if (mask & KVMEM_NS_P_QUOTA_BYTES)
		ns->p.quota_bytes = p->quota_bytes;
	if (mask & KVMEM_NS_P_QUOTA_BLOCKS)
		ns->p.quota_blocks = p->quota_blocks;
	if (mask & KVMEM_NS_P_TTL)
		ns->p.ttl_ms = p->ttl_ms;
	if (mask & KVMEM_NS_P_PIN)
		ns->p.pin_percent = p->pin_percent;
	if (mask & KVMEM_NS_P_FLASH_MODE)
		ns->p.flash_mode = p->flash_mode;
	if (mask & KVMEM_NS_P_FLASH_QUOTA)
		ns->p.flash_quota_bytes = p->flash_quota_bytes;
	if (mask & KVMEM_NS_P_VERIFY)
		WRITE_ONCE(ns->p.require_verified, p->require_verified);
	if (mask & KVMEM_NS_P_BOUNCE)
		WRITE_ONCE(ns->p.allow_bounce, p->allow_bounce);
	ns_set_peers(ns, p, mask);
	ns_set_flash(ns);
}

static bool ns_over_quota(struct kvmem_ns *ns)
{
	bool over;

	spin_lock(&ns->lock);
	over = (ns->p.quota_bytes && ns->used_bytes > ns->p.quota_bytes) ||
	       (ns->p.quota_blocks && ns->used_blocks > ns->p.quota_blocks);
	spin_unlock(&ns->lock);
	return over;
}

/*
 * Neither blocks of the old layout nor files that think in it may be there: a
 * changed model must not read old blocks, nor the other way round.
 */
static bool ns_in_use(struct kvmem_ns *ns)
{
	lockdep_assert_held(&ns->attach_lock);
	return READ_ONCE(ns->used_blocks) || kvmem_flash_has(ns) || kvmem_ns_nr_files(ns);
}

static int ns_set_fingerprint(struct kvmem_ns *ns, const u8 *fingerprint,
			      struct netlink_ext_ack *extack)
{
	int ret = 0;

	mutex_lock(&ns->attach_lock);
	if (memcmp(ns->p.fingerprint, fingerprint, KVMEM_FINGERPRINT_LEN)) {
		if (ns_in_use(ns)) {
			NL_SET_ERR_MSG_MOD(extack,
					   "the namespace is in use under another fingerprint");
			ret = -EBUSY;
		} else {
			memcpy(ns->p.fingerprint, fingerprint, KVMEM_FINGERPRINT_LEN);
			/* What is on media under this one is the namespace's now. */
			kvmem_media_ns_changed(ns);
			kvmem_media_ns_created(ns);
		}
	}
	mutex_unlock(&ns->attach_lock);
	return ret;
}

int kvmem_ns_modify(struct kvmem_ns *ns, const struct kvmem_ns_params *p, u32 mask,
		    struct netlink_ext_ack *extack)
{
	int ret = 0;

	if (mask & KVMEM_NS_P_FINGERPRINT)
		ret = ns_set_fingerprint(ns, p->fingerprint, extack);
	if (ret)
		return ret;
	spin_lock(&ns->lock);
	ns_set_params(ns, p, mask);
	spin_unlock(&ns->lock);
	if (mask & (KVMEM_NS_P_OWNER | KVMEM_NS_P_MODE))
		kvmem_media_ns_changed(ns);
	/* A lowered quota holds from now on, not from the next put on. */
	while (ns_over_quota(ns) && kvmem_evict_one(ns, KVMEM_EVICT_QUOTA))
		cond_resched();
	trace_kvmem_ns_event(ns->id, KVMEM_NS_CHANGED);
	kvmem_notify_ns(ns, KVMEM_EVENT_NS);
	return 0;
}

/*
 * First half: no new file can find the namespace, no operation of an attached
 * one can add a block (DEAD is looked at under ns->lock where blocks are
 * charged and published).  Second half: what is in it goes; leases keep their
 * blocks, files keep the namespace, until they are closed.
 */
int kvmem_ns_delete(struct kvmem_ns *ns)
{
	mutex_lock(&nss.lock);
	if (xa_load(&nss.table, ns->id) != ns) {
		mutex_unlock(&nss.lock);
		return -ENOENT;
	}
	xa_erase(&nss.table, ns->id);
	mutex_unlock(&nss.lock);
	spin_lock(&ns->lock);
	set_bit(KVMEM_NS_DEAD, &ns->flags);
	spin_unlock(&ns->lock);
	if (ns->pool)
		kvmem_pool_leave(ns->pool, ns);
	kvmem_notify_ns(ns, KVMEM_EVENT_NS);

	kvmem_ns_drop_all(ns);
	kvmem_media_ns_deleted(ns);
	trace_kvmem_ns_event(ns->id, KVMEM_NS_DELETED);
	kvmem_ns_put(ns);
	return 0;
}

/* No namespace of the name comes while its blocks are given up. */
int kvmem_ns_forget(struct kvmem_media *media, const char *name)
{
	struct kvmem_ns *ns;
	int ret = -EEXIST;

	mutex_lock(&nss.lock);
	ns = kvmem_ns_get_by_name(name);
	if (ns)
		kvmem_ns_put(ns);
	else
		ret = kvmem_media_forget(media, name);
	mutex_unlock(&nss.lock);
	return ret;
}

/* Access ------------------------------------------------------------------- */

/* in_group_p() knows only the current task; the opener may be another one. */
static bool cred_in_group(const struct cred *cred, kgid_t gid)
{
	const struct group_info *groups = cred->group_info;
	int i;

	for (i = 0; i < groups->ngroups; i++)
		if (gid_eq(groups->gid[i], gid))
			return true;
	return gid_eq(cred->fsgid, gid);
}

int kvmem_ns_access(struct kvmem_ns *ns, const struct cred *cred)
{
	unsigned int bits, mode;
	kuid_t uid;
	kgid_t gid;

	/* Together: not the old owner with the new mode. */
	spin_lock(&ns->lock);
	uid = ns->p.uid;
	gid = ns->p.gid;
	mode = ns->p.mode;
	spin_unlock(&ns->lock);
	if (uid_eq(cred->fsuid, uid))
		bits = mode >> 6;
	else if (cred_in_group(cred, gid))
		bits = mode >> 3;
	else
		bits = mode;
	bits &= KVMEM_ACCESS_READ | KVMEM_ACCESS_WRITE;
	return bits ?: -EACCES;
}

int kvmem_ns_match_fingerprint(struct kvmem_ns *ns, const u8 *fingerprint, int access)
{
	static const u8 none[KVMEM_FINGERPRINT_LEN];

	lockdep_assert_held(&ns->attach_lock);
	if (!memcmp(ns->p.fingerprint, fingerprint, sizeof(none)))
		return 0;
	if (memcmp(ns->p.fingerprint, none, sizeof(none)) || ns_in_use(ns) ||
	    !(access & KVMEM_ACCESS_WRITE))
		return -EKEYREJECTED;
	memcpy(ns->p.fingerprint, fingerprint, sizeof(none));
	kvmem_media_ns_changed(ns);
	kvmem_media_ns_created(ns);
	return 0;
}

/* Upkeep -------------------------------------------------------------------- */

static void ns_queue_tick(void)
{
	unsigned int ms = min(READ_ONCE(kvmem_expire_interval_ms), KVMEM_TICK_MS);

	queue_delayed_work(system_dfl_wq, &nss.tick, msecs_to_jiffies(ms));
}

/* Queued uses and pinned chunks do not wait for the sweep of expired blocks. */
static void ns_tick(struct work_struct *work)
{
	bool sweep = time_after_eq(jiffies, nss.next_sweep);
	struct kvmem_ns *ns;
	u32 id = 0;

	if (sweep)
		nss.next_sweep = jiffies +
				 msecs_to_jiffies(READ_ONCE(kvmem_expire_interval_ms));
	while ((ns = kvmem_ns_get_next(&id))) {
		id++;
		kvmem_ns_upkeep(ns);
		if (sweep) {
			kvmem_ns_expire(ns);
			kvmem_flash_sweep(ns);
		}
		kvmem_ns_put(ns);
		cond_resched();
	}
	ns_queue_tick();
}

int kvmem_ns_init(void)
{
	xa_init_flags(&nss.table, XA_FLAGS_ALLOC1);
	INIT_DELAYED_WORK(&nss.tick, ns_tick);
	nss.next_sweep = jiffies;
	kvmem_samples_start();
	ns_queue_tick();
	return 0;
}

/* No file is open any more. */
void kvmem_ns_exit(void)
{
	struct kvmem_ns *ns;
	u32 id = 0;

	cancel_delayed_work_sync(&nss.tick);
	kvmem_samples_stop();
	while ((ns = kvmem_ns_get_next(&id))) {
		kvmem_ns_delete(ns);
		kvmem_ns_put(ns);
	}
	xa_destroy(&nss.table);
}
