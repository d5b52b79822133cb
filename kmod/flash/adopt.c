// SPDX-License-Identifier: GPL-2.0
/*
 * Adoption: a segment that was found becomes its namespace's, with the copies
 * that its table names.
 *
 * All of a table is read before any copy of it is published, from the end: so
 * a later entry of a key counts, as does a newer segment's, and a GONE entry is
 * known before its block is met.
 */
#include <linux/align.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/rhashtable.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "flash/scan.h"
#include "ns.h"

/* Read at a time, of tables that are longer than a tail. */
#define ADOPT_MORE	(256U << 10)
/* Copies published under one hold of the lock. */
#define ADOPT_BATCH	64U
/* Attempts, 1 ms apart, when a hash table cannot grow at once. */
#define ADOPT_TRIES	100U

/* Who adopts ---------------------------------------------------------------------- */

/* A log is made for a namespace only that is there, and then found by who deletes that. */
static struct kvmem_log *owner_log(struct kvmem_media *media, struct kvmem_ns *ns, u32 slot)
{
	u32 found, generation;
	struct kvmem_log *log;

	if (!READ_ONCE(ns->flash.ready) ||
	    kvmem_dir_find(media, ns, false, &found, &generation) || found != slot)
		return NULL;
	log = kvmem_log_get(media, ns, true);
	if (!log || log->slot == slot)
		return log;
	kvmem_log_put(log);
	return NULL;
}

static struct kvmem_log *owner_lookup(struct kvmem_media *media, u32 slot)
{
	struct kvmem_media_slot who;
	struct kvmem_log *log;
	struct kvmem_ns *ns;

	if (!kvmem_dir_describe(media, slot, &who))
		return NULL;
	ns = kvmem_ns_get_by_name((const char *)who.name);
	if (!ns)
		return NULL;
	log = owner_log(media, ns, slot);
	kvmem_ns_put(ns);
	return log;
}

struct kvmem_log *kvmem_adopt_owner(struct kvmem_scan *scan, const struct kvmem_segment *seg)
{
	struct kvmem_log **owner;

	if (seg->slot >= scan->nr_owners)
		return NULL;
	owner = &scan->owners[seg->slot];
	if (!*owner && scan->lookup)
		*owner = owner_lookup(scan->media, seg->slot) ?: ERR_PTR(-ENOENT);
	if (IS_ERR_OR_NULL(*owner) || (*owner)->slot_generation != seg->slot_generation)
		return NULL;
	return *owner;
}

bool kvmem_adopt_only(struct kvmem_scan *scan, struct kvmem_ns *ns)
{
	u32 slot, generation;

	if (kvmem_dir_find(scan->media, ns, false, &slot, &generation) ||
	    slot >= scan->nr_owners)
		return false;
	scan->owners[slot] = owner_log(scan->media, ns, slot);
	return scan->owners[slot];
}

/* Deleted blocks -------------------------------------------------------------------- */

/* @where: gone_where() of its segment and offset */
struct adopt_gone {
	struct rhash_head hash;
	u64 where;
};

static const struct rhashtable_params gone_params = {
	.key_len = sizeof(u64),
	.key_offset = offsetof(struct adopt_gone, where),
	.head_offset = offsetof(struct adopt_gone, hash),
};

static u64 gone_where(u32 segment, u32 offset)
{
	return (u64)segment << 32 | offset;
}

static void gone_free(void *ptr, void *arg)
{
	kfree(ptr);
}

/* Inserting fails for a while when the hash table cannot grow at once. */
static int gone_add(struct kvmem_scan *scan, u64 where)
{
	struct adopt_gone *gone = kmalloc(sizeof(*gone), GFP_KERNEL);
	unsigned int tries = ADOPT_TRIES;
	int ret;

	if (!gone)
		return -ENOMEM;
	gone->where = where;
	while (1) {
		ret = rhashtable_lookup_insert_fast(&scan->gone, &gone->hash, gone_params);
		if (!ret)
			return 0;
		if (ret == -EEXIST || !--tries)
			break;
		usleep_range(1000, 2000);
	}
	kfree(gone);
	return ret == -EEXIST ? 0 : -ENOMEM;
}

/* No other thread knows the hash table, so what was found stays. */
static bool gone_take(struct kvmem_scan *scan, u64 where)
{
	struct adopt_gone *gone;

	if (!atomic_read(&scan->gone.nelems))
		return false;
	gone = rhashtable_lookup_fast(&scan->gone, &where, gone_params);
	if (!gone)
		return false;
	rhashtable_remove_fast(&scan->gone, &gone->hash, gone_params);
	kfree(gone);
	return true;
}

/* Tables -------------------------------------------------------------------------- */

/**
 * struct adopt - a segment on its way to be adopted
 * @scan: of which it is part
 * @seg: the segment
 * @log: whose it is to be; the scan has a reference
 * @generation: of the segment, when it was chosen
 * @head: of its table
 * @copies: ALLOCATED, the last one of the table first
 * @fill: end of the last block
 * @pages: read
 * @nr_gone: GONE entries that are still needed
 */
struct adopt {
	struct kvmem_scan *scan;
	struct kvmem_segment *seg;
	struct kvmem_log *log;
	u64 generation;
	struct kvmem_table_head head;
	struct list_head copies;
	u32 fill;
	u32 pages;
	u32 nr_gone;
};

/* Checked by kvmem_table_check(): they are all there. */
static u32 *table_sums(const struct kvmem_media_table *page, unsigned int at, unsigned int nr)
{
	u32 *sums = kmalloc_array(nr, sizeof(*sums), GFP_KERNEL);
	unsigned int i;

	for (i = 0; sums && i < nr; i++) {
		const struct kvmem_media_sums *s =
			&page->entries[at + i / KVMEM_MEDIA_PIECE_SUMS].sums;

		sums[i] = le32_to_cpu(s->sum[i % KVMEM_MEDIA_PIECE_SUMS]);
	}
	return sums;
}

static int table_block(struct adopt *t, const struct kvmem_media_table *page,
		       unsigned int at)
{
	const struct kvmem_media_entry *entry = &page->entries[at].entry;
	u32 length = le32_to_cpu(entry->length);
	unsigned int nr = kvmem_entry_sums(length);
	struct kvmem_copy *copy;
	u32 *sums = NULL;

	t->fill = max(t->fill, ALIGN(le32_to_cpu(entry->offset) + length,
				     KVMEM_MEDIA_OFFSET_ALIGN));
	if (kvmem_expires_past(kvmem_block_expires_from_unix(le32_to_cpu(entry->expires))))
		return 0;
	if (nr) {
		sums = table_sums(page, at + 1, nr);
		if (!sums)
			return -ENOMEM;
	}
	copy = kvmem_copy_alloc(t->log->ns, t->seg, entry, sums);
	if (!copy) {
		kfree(sums);
		return -ENOMEM;
	}
	list_add(&copy->node, &t->copies);
	return 0;
}

/*
 * Needed as long as its target is what it was, of the same namespace, and was
 * not met before: the target is this segment or an older one.
 */
static int table_gone(struct adopt *t, const struct kvmem_media_gone *gone)
{
	u32 no = le32_to_cpu(gone->segment);
	struct kvmem_segment *target;
	bool needed;

	if (no >= t->scan->media->super.nr_segments)
		return 0;
	target = &t->scan->media->segments[no];
	spin_lock(&t->scan->media->lock);
	needed = target->state == KVMEM_SEG_ORPHAN &&
		 target->generation == le64_to_cpu(gone->generation) &&
		 target->slot == t->seg->slot &&
		 target->slot_generation == t->seg->slot_generation;
	spin_unlock(&t->scan->media->lock);
	if (!needed)
		return 0;
	t->nr_gone++;
	return gone_add(t->scan, gone_where(no, le32_to_cpu(gone->offset)));
}

static int table_entries(struct adopt *t, const struct kvmem_media_table *page)
{
	unsigned int nr = le16_to_cpu(page->nr_entries), at, used;
	int ret = 0;

	for (at = 0; at < nr && !ret; at += used) {
		const struct kvmem_media_entry *entry = &page->entries[at].entry;

		used = 1;
		if (entry->type == KVMEM_MEDIA_ENTRY_GONE) {
			ret = table_gone(t, &page->entries[at].gone);
		} else if (entry->type == KVMEM_MEDIA_ENTRY_BLOCK) {
			used = kvmem_entry_count(le32_to_cpu(entry->length));
			ret = table_block(t, page, at);
		}
	}
	return ret;
}

/*
 * 1: the table may go on, 0: it has ended.  Where a block's data is, there is
 * no page, whatever that data looks like: it is the application's.
 */
static int table_page(struct adopt *t, const struct kvmem_media_table *page)
{
	u32 segment_bytes = t->scan->media->super.segment_bytes;
	enum kvmem_format_error err;
	int ret;

	if (t->fill > segment_bytes - (t->pages + 1) * KVMEM_MEDIA_PAGE)
		return 0;
	err = kvmem_table_check(page, &t->scan->media->super, t->seg->no, t->pages, &t->head);
	kvmem_scan_refused(t->scan, t->seg->no, t->pages, err);
	if (err || t->head.generation != t->generation)
		return 0;
	ret = table_entries(t, page);
	if (ret)
		return ret;
	t->pages++;
	return t->pages < segment_bytes / KVMEM_MEDIA_PAGE;
}

/* @data ends where the table's next page does. */
static int table_pages(struct adopt *t, const void *data, size_t len)
{
	int ret = 1;

	while (len && ret > 0) {
		len -= KVMEM_MEDIA_PAGE;
		ret = table_page(t, data + len);
		cond_resched();
	}
	return ret;
}

/* The pages beyond those that were read; a buffer for each, since it may time out. */
static int table_more(struct adopt *t)
{
	struct kvmem_media *media = t->scan->media;
	u64 end = kvmem_table_offset(&media->super, t->seg->no, t->pages) + KVMEM_MEDIA_PAGE;
	size_t len = min_t(u64, ADOPT_MORE, end - kvmem_media_seg_off(t->seg));
	struct kvmem_dev_buf *buf = kvmem_dev_alloc(len);
	int ret;

	if (!buf)
		return -ENOMEM;
	ret = kvmem_dev_rw(&media->dev, KVMEM_IO_READ, 0, end - len, buf, 0, len);
	if (!ret)
		ret = table_pages(t, kvmem_dev_buf_data(buf), len);
	kvmem_dev_buf_put(buf);
	return kvmem_scan_stopped(media) ? -ESHUTDOWN : ret;
}

static int table_read(struct adopt *t, const void *tail)
{
	int ret = table_pages(t, tail, KVMEM_SCAN_TAIL);

	while (ret > 0)
		ret = table_more(t);
	return ret;
}

static void table_drop_copy(struct kvmem_copy *copy)
{
	list_del(&copy->node);
	kvmem_copy_put(copy);
}

static void table_drop(struct adopt *t)
{
	struct kvmem_copy *copy, *next;

	list_for_each_entry_safe(copy, next, &t->copies, node)
		table_drop_copy(copy);
}

/* All GONE entries that speak of this segment are known now. */
static void table_kill(struct adopt *t)
{
	struct kvmem_copy *copy, *next;

	list_for_each_entry_safe(copy, next, &t->copies, node)
		if (gone_take(t->scan, gone_where(t->seg->no, copy->offset)))
			table_drop_copy(copy);
}

/* Publishing ------------------------------------------------------------------------ */

/*
 * Nothing of a log that is dropped is published after that has looked for
 * copies: both happen under media->lock, after the flag was set.
 */
static bool adopt_allowed(const struct adopt *t)
{
	struct kvmem_media *media = t->scan->media;

	lockdep_assert_held(&media->lock);
	return !t->log->dead && !kvmem_scan_stopped(media) &&
	       !test_bit(KVMEM_NS_DEAD, &t->log->ns->flags);
}

/*
 * From here on the segment is the log's.  It counts as one with a write under
 * way, so that it is not sealed, and nobody reclaims it, before all its copies
 * are there.  False: it is not what it was when it was chosen.
 */
static bool adopt_begin(struct adopt *t)
{
	struct kvmem_segment *seg = t->seg;
	bool ok;

	spin_lock(&seg->media->lock);
	ok = seg->state == KVMEM_SEG_ORPHAN && seg->generation == t->generation &&
	     adopt_allowed(t);
	if (ok) {
		seg->log = t->log;
		seg->fill = t->fill;
		seg->pages = t->pages;
		seg->nr_gone = t->nr_gone;
		seg->due = 0;
		seg->writes = 1;
		seg->table = KVMEM_TABLE_GOOD;
		seg->stuck = false;
		kvmem_segment_set(seg, KVMEM_SEG_SEALING);
	}
	spin_unlock(&seg->media->lock);
	return ok;
}

static void adopt_end(struct adopt *t, u64 published)
{
	struct kvmem_segment *seg = t->seg;
	u64 sealed_at = seg->sealed_at;

	spin_lock(&seg->media->lock);
	kvmem_segment_write_ended(seg);
	seg->sealed_at = sealed_at;
	seg->media->scanned_segments++;
	seg->media->scanned_blocks += published;
	spin_unlock(&seg->media->lock);
}

/*
 * Some copies.  Those whose key is there already, from a newer segment or
 * further on in this one, go to @old.  How many were published, or -ENOMEM
 * when not even the first one, or -ESHUTDOWN.
 */
static int adopt_some(struct adopt *t, struct list_head *old)
{
	struct kvmem_copy *copy;
	unsigned int i;
	int ret, nr = 0;

	lockdep_assert_held(&t->scan->media->lock);
	if (!adopt_allowed(t))
		return -ESHUTDOWN;
	for (i = 0; i < ADOPT_BATCH && !list_empty(&t->copies); i++) {
		copy = list_first_entry(&t->copies, struct kvmem_copy, node);
		list_del(&copy->node);
		ret = kvmem_copy_publish(copy, KVMEM_BLOCK_PERSISTED, NULL);
		if (!ret) {
			nr++;
		} else if (ret == -EEXIST) {
			list_add(&copy->node, old);
		} else {
			list_add(&copy->node, &t->copies);
			return i ? nr : ret;
		}
	}
	return nr;
}

/*
 * They are hidden as long as the newer copies are there.  Using the segment
 * keeps it what it is until kvmem_scan_bury().
 */
static void adopt_keep_shadows(struct adopt *t, struct list_head *old)
{
	struct kvmem_copy *copy;

	lockdep_assert_held(&t->scan->media->scan_lock);
	list_for_each_entry(copy, old, node) {
		kref_get(&copy->ns->ref);
		kvmem_segment_get(copy->seg);
	}
	list_splice_tail(old, &t->scan->media->shadows);
}

/* How many, see above.  For want of memory again, a little later, so many times. */
static int adopt_batch(struct adopt *t)
{
	unsigned int tries = ADOPT_TRIES;
	LIST_HEAD(old);
	int ret;

	while (1) {
		spin_lock(&t->scan->media->lock);
		ret = adopt_some(t, &old);
		spin_unlock(&t->scan->media->lock);
		if (ret != -ENOMEM || !--tries)
			break;
		usleep_range(1000, 2000);
	}
	adopt_keep_shadows(t, &old);
	return ret;
}

static int adopt_publish(struct adopt *t)
{
	u64 published = 0;
	int ret = 0;

	if (!adopt_begin(t))
		return 0;
	while (ret >= 0 && !list_empty(&t->copies)) {
		ret = adopt_batch(t);
		if (ret > 0)
			published += ret;
		cond_resched();
	}
	adopt_end(t, published);
	/* A log that is dropped is no reason to stop the others. */
	return ret == -ENOMEM ? ret : 0;
}

/*
 * A first page that was there and is not any more: either the segment changed
 * hands, or the device gives now this, now that.
 */
static int adopt_table(struct adopt *t, const void *tail)
{
	int ret = table_read(t, tail);

	if (!ret && !t->pages)
		ret = -EIO;
	if (ret)
		return kvmem_scan_is_fatal(ret) ? ret : kvmem_scan_unreadable(t->scan, t->seg, ret);
	t->scan->failures = 0;
	table_kill(t);
	return adopt_publish(t);
}

int kvmem_adopt_segment(struct kvmem_scan *scan, u32 no, const void *data, int status)
{
	struct kvmem_segment *seg = &scan->media->segments[no];
	struct adopt t = {
		.scan = scan,
		.seg = seg,
		.log = kvmem_adopt_owner(scan, seg),
		.generation = READ_ONCE(seg->generation),
		.copies = LIST_HEAD_INIT(t.copies),
	};
	int ret;

	if (!t.log || READ_ONCE(seg->state) != KVMEM_SEG_ORPHAN)
		return 0;
	if (status)
		return kvmem_scan_unreadable(scan, seg, status);
	ret = adopt_table(&t, data);
	table_drop(&t);
	return ret;
}

/* The whole --------------------------------------------------------------------------- */

int kvmem_adopt_init(struct kvmem_scan *scan)
{
	int ret;

	scan->nr_owners = scan->media->super.dir_pages * KVMEM_MEDIA_DIR_SLOTS;
	scan->owners = kvcalloc(scan->nr_owners, sizeof(*scan->owners), GFP_KERNEL);
	if (!scan->owners)
		return -ENOMEM;
	ret = rhashtable_init(&scan->gone, &gone_params);
	if (ret)
		kvfree(scan->owners);
	return ret;
}

void kvmem_adopt_exit(struct kvmem_scan *scan)
{
	u32 slot;

	for (slot = 0; slot < scan->nr_owners; slot++)
		if (!IS_ERR_OR_NULL(scan->owners[slot]))
			kvmem_log_put(scan->owners[slot]);
	kvfree(scan->owners);
	rhashtable_free_and_destroy(&scan->gone, gone_free, NULL);
}
