// SPDX-License-Identifier: GPL-2.0
/*
 * Attached media: their table, their life, and which one a write goes to.
 *
 * attach: open, check, read the directory, then read the tables in the
 * background; gets are served as it goes, puts from its end on.  For the other
 * end see detach.c.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/netlink.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/xarray.h>
#include "flash/flash.h"
#include "flash/info.h"
#include "flash/medias.h"
#include "flash/tier.h"
#include "netlink.h"
#include "ns.h"
#include "trace.h"

/*
 * @lock serialises attach and detach, and guards the references of look-ups.
 * @list has what @table has: every put looks for the least busy one, under RCU,
 * and a table is walked slot by slot.
 * @scans counts reads of tables that are wanted or under way, on all media;
 * @settled is woken when there is none.
 */
static struct {
	struct mutex lock;	/* see above */
	struct xarray table;
	struct list_head list;
	u32 next_id;
	unsigned int nr;
	atomic_t nr_live;
	atomic_t scans;
	wait_queue_head_t settled;
} medias = {
	.lock = __MUTEX_INITIALIZER(medias.lock),
	.list = LIST_HEAD_INIT(medias.list),
	.nr_live = ATOMIC_INIT(0),
	.scans = ATOMIC_INIT(0),
	.settled = __WAIT_QUEUE_HEAD_INITIALIZER(medias.settled),
};

/* References ----------------------------------------------------------------- */

static void media_free(struct kref *ref)
{
	struct kvmem_media *media = container_of(ref, struct kvmem_media, ref);

	pr_debug("media %u destroyed\n", media->id);
	percpu_ref_exit(&media->active);
	kfree(media);
}

void kvmem_media_put(struct kvmem_media *media)
{
	kref_put(&media->ref, media_free);
}

static void media_idle(struct percpu_ref *ref)
{
	complete(&container_of(ref, struct kvmem_media, active)->idle);
}

struct kvmem_media *kvmem_media_next_active(u32 *id)
{
	struct kvmem_media *media;
	bool active;

	while ((media = kvmem_media_get_next(id))) {
		active = percpu_ref_tryget_live(&media->active);
		/* The table has one as long as it is active. */
		kvmem_media_put(media);
		if (active)
			return media;
		++*id;
	}
	return NULL;
}

void kvmem_media_done(struct kvmem_media *media)
{
	percpu_ref_put(&media->active);
}

struct kvmem_media *kvmem_media_get_by_id(u32 id)
{
	struct kvmem_media *media;

	mutex_lock(&medias.lock);
	media = xa_load(&medias.table, id);
	if (media)
		kref_get(&media->ref);
	mutex_unlock(&medias.lock);
	return media;
}

struct kvmem_media *kvmem_media_get_next(u32 *id)
{
	unsigned long index = *id;
	struct kvmem_media *media;

	mutex_lock(&medias.lock);
	media = xa_find(&medias.table, &index, UINT_MAX, XA_PRESENT);
	if (media)
		kref_get(&media->ref);
	mutex_unlock(&medias.lock);
	*id = index;
	return media;
}

static struct kvmem_media *media_find_locked(const char *name)
{
	struct kvmem_media *media;
	unsigned long i;

	lockdep_assert_held(&medias.lock);
	xa_for_each(&medias.table, i, media)
		if (!strcmp(media->name, name))
			return media;
	return NULL;
}

struct kvmem_media *kvmem_media_get_by_name(const char *name)
{
	struct kvmem_media *media;

	mutex_lock(&medias.lock);
	media = media_find_locked(name);
	if (media)
		kref_get(&media->ref);
	mutex_unlock(&medias.lock);
	return media;
}

/* State ------------------------------------------------------------------------ */

bool kvmem_media_writable(const struct kvmem_media *media)
{
	return READ_ONCE(media->state) == KVMEM_MEDIA_STATE_LIVE;
}

/* Which state may follow which: towards less, but for the end of the scan. */
static bool media_may_become(u8 from, u8 to)
{
	if (from == KVMEM_MEDIA_STATE_ATTACHING)
		return to != KVMEM_MEDIA_STATE_ATTACHING;
	return to > from;
}

/* True when it changed.  Caller holds media->lock. */
static bool media_set_state_locked(struct kvmem_media *media, u8 to)
{
	u8 from = media->state;

	lockdep_assert_held(&media->lock);
	if (!media_may_become(from, to))
		return false;
	WRITE_ONCE(media->state, to);
	if (to == KVMEM_MEDIA_STATE_LIVE)
		atomic_inc(&medias.nr_live);
	if (from == KVMEM_MEDIA_STATE_LIVE)
		atomic_dec(&medias.nr_live);
	trace_kvmem_media_state(media->id, from, to);
	return true;
}

bool kvmem_media_set_state(struct kvmem_media *media, u8 to)
{
	bool changed;

	spin_lock(&media->lock);
	changed = media_set_state_locked(media, to);
	spin_unlock(&media->lock);
	if (changed) {
		kvmem_event_media(KVMEM_CMD_MEDIA_CHANGED_NTF, media);
		wake_up_all(&media->wait);
	}
	return changed;
}

void kvmem_media_fail(struct kvmem_media *media, enum kvmem_media_state to, const char *why)
{
	if (!kvmem_media_set_state(media, to))
		return;
	pr_warn("media %s (%s): %s; %s\n", media->name, media->dev.path, why,
		to == KVMEM_MEDIA_STATE_READ_ONLY ? "no more writes" : "out of use");
}

/* May be called in interrupts: the work item tells. */
static void media_trouble(struct kvmem_dev *dev, enum kvmem_dev_trouble what)
{
	struct kvmem_media *media = container_of(dev, struct kvmem_media, dev);

	set_bit(what, &media->trouble);
	queue_work(media->wq, &media->trouble_work);
}

/*
 * A device that has gone takes its copies with it: a look-up must not find
 * what no one can read.
 */
void kvmem_media_drop_copies(struct kvmem_media *media)
{
	struct kvmem_log *log;

	while ((log = kvmem_log_first(media))) {
		kvmem_log_drop(log, false);
		kvmem_log_put(log);
	}
}

static void media_trouble_work(struct work_struct *work)
{
	struct kvmem_media *media = container_of(work, struct kvmem_media, trouble_work);

	bool silent = test_bit(KVMEM_DEV_SILENT, &media->trouble);

	if (silent || test_bit(KVMEM_DEV_GONE, &media->trouble)) {
		kvmem_media_fail(media, KVMEM_MEDIA_STATE_FAILED,
				 silent ? "the device does not answer" : "the device has gone");
		kvmem_media_drop_copies(media);
	} else {
		kvmem_media_fail(media, KVMEM_MEDIA_STATE_READ_ONLY, "the device is read-only");
	}
}

/* Attach ----------------------------------------------------------------------- */

void kvmem_media_ns_coming(void)
{
	atomic_inc(&medias.scans);
}

void kvmem_media_ns_came(void)
{
	if (atomic_dec_and_test(&medias.scans))
		wake_up_all(&medias.settled);
}

static void media_scan_begin(struct kvmem_media *media)
{
	atomic_inc(&media->scans);
	kvmem_media_ns_coming();
}

static void media_scan_end(struct kvmem_media *media)
{
	atomic_dec(&media->scans);
	kvmem_media_ns_came();
}

void kvmem_media_scan_stop(struct kvmem_media *media)
{
	if (cancel_work(&media->scan_work))
		media_scan_end(media);
	flush_work(&media->scan_work);
	while (atomic_read(&media->scans))
		fsleep(1000);
}

int kvmem_media_settle(unsigned int timeout_ms)
{
	long left = wait_event_killable_timeout(medias.settled, !atomic_read(&medias.scans),
						msecs_to_jiffies(timeout_ms));

	return left > 0 ? 0 : left ? -EINTR : -ETIMEDOUT;
}

/* What the scan has found empty or too full waits for these. */
static void media_live(struct kvmem_media *media)
{
	if (!kvmem_media_set_state(media, KVMEM_MEDIA_STATE_LIVE))
		return;
	mod_delayed_work(media->wq, &media->discard_work, 0);
	kvmem_reclaim_kick(media);
}

static void media_scan_work(struct work_struct *work)
{
	struct kvmem_media *media = container_of(work, struct kvmem_media, scan_work);
	int ret = kvmem_scan(media, NULL);

	media->attach_ns = ktime_get_ns() - media->attach_started;
	if (ret)
		kvmem_media_fail(media, KVMEM_MEDIA_STATE_FAILED, "its tables cannot be read");
	else if (media->dev.geo.read_only)
		kvmem_media_set_state(media, KVMEM_MEDIA_STATE_READ_ONLY);
	else
		media_live(media);
	if (!ret)
		pr_info("media %s: %llu blocks in %u of %u segments, read in %llu ms\n",
			media->name, media->scanned_blocks, media->scanned_segments,
			media->super.nr_segments, media->attach_ns / NSEC_PER_MSEC);
	kvmem_scan_bury(media);
	media_scan_end(media);
}

void kvmem_media_free_parts(struct kvmem_media *media)
{
	if (media->wq)
		destroy_workqueue(media->wq);
	percpu_ref_exit(&media->active);
	kfree(media);
}

static struct kvmem_media *media_alloc(void)
{
	struct kvmem_media *media = kzalloc(sizeof(*media), GFP_KERNEL);

	if (!media)
		return NULL;
	if (percpu_ref_init(&media->active, media_idle, 0, GFP_KERNEL)) {
		kfree(media);
		return NULL;
	}
	media->wq = alloc_workqueue("kvmem_media", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!media->wq) {
		kvmem_media_free_parts(media);
		return NULL;
	}
	init_completion(&media->idle);
	kvmem_media_detach_prepare(media);
	kref_init(&media->ref);
	mutex_init(&media->dir_lock);
	mutex_init(&media->pack_lock);
	spin_lock_init(&media->lock);
	INIT_LIST_HEAD(&media->free);
	INIT_LIST_HEAD(&media->discards);
	INIT_LIST_HEAD(&media->orphans);
	INIT_LIST_HEAD(&media->logs);
	INIT_LIST_HEAD(&media->shadows);
	init_llist_head(&media->done);
	INIT_WORK(&media->done_work, kvmem_table_done);
	INIT_DELAYED_WORK(&media->flush_work, kvmem_table_flush);
	INIT_DELAYED_WORK(&media->pack_work, kvmem_pack_work);
	INIT_WORK(&media->reclaim_work, kvmem_reclaim_work);
	INIT_DELAYED_WORK(&media->discard_work, kvmem_discard_work);
	INIT_WORK(&media->trouble_work, media_trouble_work);
	INIT_WORK(&media->scan_work, media_scan_work);
	init_waitqueue_head(&media->wait);
	media->state = KVMEM_MEDIA_STATE_ATTACHING;
	media->full_since = U64_MAX;
	return media;
}

static int media_check_uuid(struct kvmem_media *media, const u8 *uuid,
			    struct netlink_ext_ack *extack)
{
	struct kvmem_media *other;
	unsigned long i;

	lockdep_assert_held(&medias.lock);
	if (uuid && memcmp(uuid, media->super.uuid, KVMEM_MEDIA_UUID_LEN)) {
		NL_SET_ERR_MSG_MOD(extack, "another media than the one expected");
		return -EMEDIUMTYPE;
	}
	xa_for_each(&medias.table, i, other)
		if (!memcmp(other->super.uuid, media->super.uuid, KVMEM_MEDIA_UUID_LEN)) {
			NL_SET_ERR_MSG_MOD(extack, "a copy of this media is attached");
			return -EEXIST;
		}
	return 0;
}

/* Name it after its uuid when nobody gave a name. */
static int media_set_name(struct kvmem_media *media, const char *name,
			  struct netlink_ext_ack *extack)
{
	lockdep_assert_held(&medias.lock);
	if (name && *name)
		strscpy(media->name, name, sizeof(media->name));
	else if (media->super.label[0])
		strscpy(media->name, media->super.label, sizeof(media->name));
	else
		snprintf(media->name, sizeof(media->name), "%*phN", 8, media->super.uuid);
	/* A label is whatever is on the media; the name becomes one of a directory. */
	if (!kvmem_media_name_ok(media->name)) {
		NL_SET_ERR_MSG_MOD(extack, "not a name for a media: give another one");
		return -EINVAL;
	}
	if (media_find_locked(media->name)) {
		NL_SET_ERR_MSG_MOD(extack, "a media of this name is attached");
		return -EEXIST;
	}
	return 0;
}

/* Visible ASCII, no slash: what namespaces are called, too. */
bool kvmem_media_name_ok(const char *name)
{
	const char *c;

	for (c = name; *c; c++)
		if (*c <= ' ' || *c > '~' || *c == '/')
			return false;
	return c > name && strcmp(name, ".") && strcmp(name, "..");
}

static int media_load(struct kvmem_media *media, struct netlink_ext_ack *extack)
{
	int ret;

	ret = kvmem_super_load(&media->dev, &media->super, extack);
	if (!ret)
		ret = kvmem_segments_init(media);
	if (!ret)
		ret = kvmem_dir_load(media, extack);
	return ret;
}

static int media_publish(struct kvmem_media *media, const char *name, const u8 *uuid,
			 struct netlink_ext_ack *extack)
{
	int ret;

	lockdep_assert_held(&medias.lock);
	if (medias.nr == KVMEM_MAX_MEDIA) {
		NL_SET_ERR_MSG_MOD(extack, "too many media");
		return -ENOSPC;
	}
	ret = media_check_uuid(media, uuid, extack);
	if (!ret)
		ret = media_set_name(media, name, extack);
	if (ret)
		return ret;
	ret = xa_alloc_cyclic(&medias.table, &media->id, media, XA_LIMIT(1, INT_MAX),
			      &medias.next_id, GFP_KERNEL);
	if (ret < 0) {
		NL_SET_ERR_MSG_MOD(extack, "no memory for the media's id");
		return ret;
	}
	list_add_tail_rcu(&media->node, &medias.list);
	medias.nr++;
	return 0;
}

static int media_attach_locked(struct kvmem_media *media, const char *name, const u8 *uuid,
			       struct netlink_ext_ack *extack)
{
	int ret = media_publish(media, name, uuid, extack);

	if (ret)
		return ret;
	kref_get(&media->ref);		/* the caller's */
	pr_debug("media %u created\n", media->id);
	kvmem_media_sysfs_add(media);
	kvmem_event_media(KVMEM_CMD_MEDIA_ATTACHED_NTF, media);
	kvmem_media_watch_start(media);
	media->attach_started = ktime_get_ns();
	media_scan_begin(media);
	queue_work(media->wq, &media->scan_work);
	return 0;
}

struct kvmem_media *kvmem_media_attach(const char *name, const struct kvmem_media_ops *ops,
				       const char *path, const u8 *uuid,
				       struct netlink_ext_ack *extack)
{
	struct kvmem_media *media = media_alloc();
	int ret;

	if (!media) {
		NL_SET_ERR_MSG_MOD(extack, "no memory for the media");
		return ERR_PTR(-ENOMEM);
	}
	ret = kvmem_dev_open(&media->dev, ops, path, media_trouble);
	if (ret) {
		NL_SET_ERR_MSG_MOD(extack, "the device cannot be opened");
		kvmem_media_free_parts(media);
		return ERR_PTR(ret);
	}
	ret = media_load(media, extack);
	if (!ret) {
		mutex_lock(&medias.lock);
		ret = media_attach_locked(media, name, uuid, extack);
		mutex_unlock(&medias.lock);
	}
	if (ret) {
		if (ret == -ETIMEDOUT)
			NL_SET_ERR_MSG_MOD(extack, "the device does not answer");
		kvmem_media_discard(media);
		return ERR_PTR(ret);
	}
	return media;
}

void kvmem_media_unpublish(struct kvmem_media *media)
{
	mutex_lock(&medias.lock);
	xa_erase(&medias.table, media->id);
	list_del_rcu(&media->node);
	medias.nr--;
	kvmem_media_sysfs_del(media);
	mutex_unlock(&medias.lock);
	/* Look-ups by RCU (kvmem_media_pick) are over. */
	synchronize_rcu();
}

/* Where to ---------------------------------------------------------------------- */

static bool media_takes(struct kvmem_media *media, size_t bytes)
{
	return kvmem_media_writable(media) && bytes < media->super.segment_bytes;
}

static struct kvmem_media *media_pick(size_t bytes, bool dma)
{
	struct kvmem_media *media, *best = NULL;
	u64 wait, best_wait = U64_MAX;

	if (!atomic_read(&medias.nr_live))
		return NULL;
	rcu_read_lock();
	list_for_each_entry_rcu(media, &medias.list, node) {
		if (!media_takes(media, bytes) || (dma && !kvmem_dev_dma(&media->dev)))
			continue;
		wait = kvmem_dev_expected_wait(&media->dev, true, bytes);
		if (wait < best_wait && percpu_ref_tryget_live(&media->active)) {
			if (best)
				kvmem_media_done(best);
			best = media;
			best_wait = wait;
		}
	}
	rcu_read_unlock();
	return best;
}

struct kvmem_media *kvmem_media_pick(struct kvmem_ns *ns, size_t bytes)
{
	return media_pick(bytes, false);
}

struct kvmem_media *kvmem_media_pick_dma(struct kvmem_ns *ns, size_t bytes)
{
	return media_pick(bytes, true);
}

bool kvmem_media_any(void)
{
	return atomic_read(&medias.nr_live);
}

/*
 * A media that takes no writes any more cannot make a deletion durable: if one
 * is waiting there, what was asked for has failed.
 */
static int media_sync_gone(struct kvmem_media *media)
{
	int ret = -EIO;
	bool behind;

	if (percpu_ref_tryget_live(&media->active)) {
		if (kvmem_media_writable(media))
			ret = kvmem_table_sync_gone(media);
		kvmem_media_done(media);
	}
	if (ret != -EIO)
		return ret;
	spin_lock(&media->lock);
	behind = media->gone_lost || media->gone_durable < media->gone_added;
	spin_unlock(&media->lock);
	return behind ? -EIO : 0;
}

int kvmem_media_sync_gone(void)
{
	struct kvmem_media *media;
	int ret = 0;
	u32 id = 0;

	while (!ret && (media = kvmem_media_get_next(&id))) {
		id++;
		ret = media_sync_gone(media);
		kvmem_media_put(media);
	}
	return ret;
}

void kvmem_media_refuse_all(enum kvmem_refuse why)
{
	struct kvmem_media *media;
	u32 id = 0;

	while ((media = kvmem_media_get_next(&id))) {
		id++;
		spin_lock(&media->lock);
		media->counts.refused[why]++;
		spin_unlock(&media->lock);
		kvmem_media_put(media);
	}
}

/* Namespaces -------------------------------------------------------------------- */

struct media_adopt {
	struct work_struct work;
	struct kvmem_media *media;
	struct kvmem_ns *ns;
};

static void media_adopt_work(struct work_struct *work)
{
	struct media_adopt *adopt = container_of(work, struct media_adopt, work);

	if (READ_ONCE(adopt->media->state) != KVMEM_MEDIA_STATE_DETACHING &&
	    !test_bit(KVMEM_NS_DEAD, &adopt->ns->flags))
		kvmem_scan(adopt->media, adopt->ns);
	kvmem_scan_bury(adopt->media);
	media_scan_end(adopt->media);
	kvmem_ns_put(adopt->ns);
	kfree(adopt);
}

/*
 * Tables are read by the media's own worker.  For want of memory the blocks
 * stay orphans until the media is attached again: that loses no right answer.
 */
static void media_adopt(struct kvmem_media *media, struct kvmem_ns *ns)
{
	struct media_adopt *adopt = kmalloc(sizeof(*adopt), GFP_KERNEL);

	if (!adopt)
		return;
	INIT_WORK(&adopt->work, media_adopt_work);
	adopt->media = media;
	adopt->ns = ns;
	kref_get(&ns->ref);
	media_scan_begin(media);
	queue_work(media->wq, &adopt->work);
}

void kvmem_media_ns_created(struct kvmem_ns *ns)
{
	struct kvmem_media *media;
	unsigned long i;

	mutex_lock(&medias.lock);
	xa_for_each(&medias.table, i, media)
		if (READ_ONCE(media->state) <= KVMEM_MEDIA_STATE_READ_ONLY)
			media_adopt(media, ns);
	mutex_unlock(&medias.lock);
}

void kvmem_media_ns_changed(struct kvmem_ns *ns)
{
	struct kvmem_media *media;
	struct kvmem_log *log;
	u32 id = 0;
	int ret;

	while ((media = kvmem_media_next_active(&id))) {
		id++;
		log = kvmem_log_get(media, ns, false);
		ret = log ? kvmem_dir_rewrite(media, ns, log->slot, log->slot_generation) : 0;
		if (ret)
			pr_warn("media %s: the change of namespace %u was not recorded (%d)\n",
				media->name, ns->id, ret);
		if (log)
			kvmem_log_put(log);
		kvmem_media_done(media);
	}
}

/*
 * Its blocks may be there under a fingerprint that nobody has attached with
 * since: what goes is whatever has the name.
 */
static void media_forget_ns(struct kvmem_media *media, struct kvmem_ns *ns)
{
	struct kvmem_log *log = kvmem_log_get(media, ns, false);
	int ret;

	if (log) {
		kvmem_log_drop(log, true);
		kvmem_log_put(log);
	}
	ret = kvmem_dir_forget(media, ns->p.name);
	if (ret && ret != -ENOENT)
		pr_warn("media %s: namespace %u could not be forgotten (%d)\n", media->name,
			ns->id, ret);
}

/* A namespace that was deleted is not there any more, but its log may still be. */
static bool media_has_log_of(struct kvmem_media *media, const char *name)
{
	struct kvmem_log *log;
	bool has = false;

	spin_lock(&media->lock);
	list_for_each_entry(log, &media->logs, node)
		has |= !strcmp(log->ns->p.name, name);
	spin_unlock(&media->lock);
	return has;
}

int kvmem_media_forget(struct kvmem_media *media, const char *name)
{
	int ret = -EROFS;

	if (!kvmem_media_enter(media))
		return -ENOENT;
	if (atomic_read(&media->scans) || media_has_log_of(media, name))
		ret = -EBUSY;
	else if (kvmem_media_writable(media))
		ret = kvmem_dir_forget(media, name);
	kvmem_media_leave(media);
	return ret;
}

void kvmem_media_ns_deleted(struct kvmem_ns *ns)
{
	struct kvmem_media *media;
	u32 id = 0;

	/* What is being read just now would come after the end. */
	kvmem_media_settle(KVMEM_IO_TIMEOUT_MS);
	while ((media = kvmem_media_next_active(&id))) {
		id++;
		media_forget_ns(media, ns);
		kvmem_media_done(media);
	}
}

/* Module ------------------------------------------------------------------------ */

int kvmem_media_init(void)
{
	xa_init_flags(&medias.table, XA_FLAGS_ALLOC1);
	return kvmem_media_detach_init();
}

/* No file is open and no command runs any more. */
void kvmem_media_exit(void)
{
	struct kvmem_media *media;
	u32 id = 0;

	while ((media = kvmem_media_get_next(&id))) {
		kvmem_media_detach(media, NULL);
		/* Whose device does not answer keeps the module. */
		wait_for_completion(&media->detached);
		kvmem_media_put(media);
	}
	kvmem_media_detach_exit();
	xa_destroy(&medias.table);
}
