// SPDX-License-Identifier: GPL-2.0
/*
 * Attach: the tables on a media are read.
 *
 * First the first page of every table: whose segment it is, and how new.  All
 * that belong to a namespace of the directory are orphans then, and those whose
 * namespace is there are adopted (adopt.c), the newest first; a namespace that
 * comes later adopts its own in the same way.
 *
 * Newest first makes both rules simple: the copy of a key that is published
 * first is the one that counts, and a GONE entry, which is never in an older
 * segment than its block, is known before its block is met.
 *
 * After a crash there may be older copies behind the one that counts: of a block
 * that was deleted and put again, or was being moved.  Whoever deletes it next
 * sees one copy only, so the others get their GONE entries as soon as anything
 * may be written.
 *
 * Nothing is written to segments while the media is attaching, so which are
 * free, and the largest generation, may become known in any order.
 */
#include <linux/bits.h>
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include "flash/scan.h"
#include "ns.h"

/* Transfers in flight. */
#define SCAN_DEPTH		32U
/* Failed reads in a row that say that it is the device. */
#define SCAN_FAILURES		16U
/* How soon a detach is noticed while a transfer is waited for. */
#define SCAN_POLL_MS		100U
/* No media is written so often; a larger one would wrap one day. */
#define SCAN_MAX_GENERATION	BIT_ULL(62)

/* Reading --------------------------------------------------------------------- */

/**
 * struct scan_read - a transfer
 * @io: the transfer
 * @bvec: of @data
 * @done: it has ended, with @status
 * @status: 0 or the device's error
 * @ref: the scan's and, while it is under way, the transfer's: who gives up
 *	waiting leaves the memory to the transfer
 * @data: its memory
 */
struct scan_read {
	struct kvmem_io io;
	struct bio_vec bvec;
	struct completion done;
	refcount_t ref;
	int status;
	void *data;
};

static void read_put(struct scan_read *r)
{
	if (!r || !refcount_dec_and_test(&r->ref))
		return;
	kfree(r->data);
	kfree(r);
}

static struct scan_read *read_alloc(size_t len, gfp_t gfp)
{
	struct scan_read *r = kzalloc(sizeof(*r), gfp);

	if (!r)
		return NULL;
	refcount_set(&r->ref, 1);
	init_completion(&r->done);
	r->data = kmalloc(len, gfp);
	if (r->data)
		return r;
	kfree(r);
	return NULL;
}

static void read_done(struct kvmem_io *io, int status)
{
	struct scan_read *r = container_of(io, struct scan_read, io);

	r->status = status;
	complete(&r->done);
	read_put(r);
}

/* The last @len bytes of segment @no. */
static void read_start(struct kvmem_media *media, struct scan_read *r, u32 no, size_t len)
{
	refcount_inc(&r->ref);
	reinit_completion(&r->done);
	bvec_set_page(&r->bvec, virt_to_page(r->data), len, offset_in_page(r->data));
	r->io = (struct kvmem_io) {
		.op = KVMEM_IO_READ,
		.off = kvmem_segment_offset(&media->super, no) + media->super.segment_bytes - len,
		.len = len,
		.bvecs = &r->bvec,
		.nr_bvecs = 1,
		.done = read_done,
	};
	kvmem_dev_submit(&media->dev, &r->io);
}

static int read_wait(struct kvmem_media *media, struct scan_read *r)
{
	unsigned long end = jiffies + msecs_to_jiffies(KVMEM_IO_TIMEOUT_MS);

	while (!wait_for_completion_timeout(&r->done, msecs_to_jiffies(SCAN_POLL_MS))) {
		if (kvmem_scan_stopped(media))
			return -ESHUTDOWN;
		if (time_after(jiffies, end))
			return -ETIMEDOUT;
	}
	return kvmem_scan_stopped(media) ? -ESHUTDOWN : r->status;
}

/* With less memory, fewer at a time. */
static unsigned int ring_alloc(struct scan_read *ring[SCAN_DEPTH], size_t len)
{
	gfp_t gfp = GFP_KERNEL;
	unsigned int nr;

	for (nr = 0; nr < SCAN_DEPTH; nr++) {
		ring[nr] = read_alloc(len, gfp);
		if (!ring[nr])
			break;
		gfp = GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN;
	}
	return nr;
}

/*
 * Hand the last @len bytes of @nr segments to @use, in order; which ones,
 * @order says (NULL: all).  @use gets the error of a read, too, and ends the
 * whole with one of its own.
 */
static int scan_pipe(struct kvmem_scan *scan, const u32 *order, u32 nr, size_t len,
		     int (*use)(struct kvmem_scan *scan, u32 no, const void *data, int status))
{
	struct scan_read *ring[SCAN_DEPTH] = {}, *r;
	unsigned int depth = ring_alloc(ring, len), i;
	u32 started = 0, ended;
	int ret = depth ? 0 : -ENOMEM;

	for (ended = 0; ended < nr && !ret; ended++) {
		for (; started < nr && started - ended < depth; started++)
			read_start(scan->media, ring[started % depth],
				   order ? order[started] : started, len);
		r = ring[ended % depth];
		ret = read_wait(scan->media, r);
		if (!kvmem_scan_is_fatal(ret))
			ret = use(scan, order ? order[ended] : ended, r->data, ret);
		cond_resched();
	}
	for (i = 0; i < depth; i++)
		read_put(ring[i]);
	return ret;
}

/* Nothing is known of the segment: what it holds may still be fine, so it is left alone. */
int kvmem_scan_unreadable(struct kvmem_scan *scan, struct kvmem_segment *seg, int err)
{
	struct kvmem_media *media = scan->media;

	pr_warn_ratelimited("media %s: the table of segment %u cannot be read (%d)\n",
			    media->name, seg->no, err);
	spin_lock(&media->lock);
	media->counts.read_errors++;
	if (seg->state == KVMEM_SEG_ORPHAN)
		kvmem_segment_set(seg, KVMEM_SEG_BAD);
	spin_unlock(&media->lock);
	return ++scan->failures < SCAN_FAILURES ? 0 : err;
}

/* First pages ------------------------------------------------------------------- */

/* A table that ends early may be a crash's doing or damage; what is lost cannot be told. */
void kvmem_scan_refused(struct kvmem_scan *scan, u32 no, u32 page, enum kvmem_format_error err)
{
	struct kvmem_media *media = scan->media;

	if (err != KVMEM_FORMAT_CHECKSUM && err != KVMEM_FORMAT_ENTRY)
		return;
	if (!scan->damaged++)
		pr_warn("media %s: page %u of the table of segment %u: %s\n",
			media->name, page, no, kvmem_format_text(err));
	spin_lock(&media->lock);
	media->counts.tables_damaged++;
	spin_unlock(&media->lock);
}

/*
 * Nobody's.  One that looked like a table goes by way of the discards, which
 * zero its first page: what was not believed now must not be later.
 */
static void first_empty(struct kvmem_media *media, struct kvmem_segment *seg, bool clean)
{
	spin_lock(&media->lock);
	if (clean || media->dev.geo.read_only)
		kvmem_segment_set(seg, KVMEM_SEG_FREE);
	else
		kvmem_segment_release(seg);
	spin_unlock(&media->lock);
}

/* ktime in ns of @unix_ns since 1970, as far back as ktime goes */
static u64 first_time(u64 unix_ns)
{
	u64 now = ktime_get_ns(), real = ktime_get_real_ns();

	return now - min(now, real - min(real, unix_ns));
}

static void first_orphan(struct kvmem_media *media, struct kvmem_segment *seg,
			 const struct kvmem_table_head *head)
{
	spin_lock(&media->lock);
	seg->generation = head->generation;
	seg->slot = head->slot;
	seg->slot_generation = head->slot_generation;
	seg->temperature = min_t(u8, head->temperature, KVMEM_NR_TEMPS - 1);
	seg->sealed_at = first_time(head->written);
	kvmem_segment_set(seg, KVMEM_SEG_ORPHAN);
	spin_unlock(&media->lock);
}

static void first_table(struct kvmem_media *media, struct kvmem_segment *seg,
			const struct kvmem_table_head *head)
{
	spin_lock(&media->lock);
	media->generation = max(media->generation, head->generation);
	spin_unlock(&media->lock);
	kvmem_dir_seen(media, head->slot, head->slot_generation);
	if (kvmem_dir_valid(media, head->slot, head->slot_generation))
		first_orphan(media, seg, head);
	else
		first_empty(media, seg, false);
}

static int first_use(struct kvmem_scan *scan, u32 no, const void *data, int status)
{
	struct kvmem_media *media = scan->media;
	struct kvmem_segment *seg = &media->segments[no];
	struct kvmem_table_head head;
	enum kvmem_format_error err;

	if (status)
		return kvmem_scan_unreadable(scan, seg, status);
	scan->failures = 0;
	err = kvmem_table_check(data, &media->super, no, 0, &head);
	if (!err && head.generation > SCAN_MAX_GENERATION)
		err = KVMEM_FORMAT_ENTRY;
	kvmem_scan_refused(scan, no, 0, err);
	if (err)
		first_empty(media, seg, err == KVMEM_FORMAT_MAGIC || err == KVMEM_FORMAT_MEDIA);
	else
		first_table(media, seg, &head);
	return 0;
}

/* A slot may have changed hands between the look at it and the segment's becoming an orphan. */
static void first_recheck(struct kvmem_media *media, struct kvmem_segment *seg)
{
	if (kvmem_dir_valid(media, seg->slot, seg->slot_generation))
		return;
	spin_lock(&media->lock);
	if (seg->state == KVMEM_SEG_ORPHAN)
		kvmem_segment_release(seg);
	spin_unlock(&media->lock);
}

/*
 * Segments that could not be read may have generations beyond the largest that
 * was: as many as they are.
 */
static void first_settle(struct kvmem_scan *scan)
{
	struct kvmem_media *media = scan->media;
	u32 no, bad = 0;

	for (no = 0; no < media->super.nr_segments; no++) {
		u8 state = READ_ONCE(media->segments[no].state);

		bad += state == KVMEM_SEG_BAD;
		if (state == KVMEM_SEG_ORPHAN)
			first_recheck(media, &media->segments[no]);
		cond_resched();
	}
	spin_lock(&media->lock);
	media->generation += bad;
	spin_unlock(&media->lock);
	kvmem_dir_settle(media);
}

static int scan_first(struct kvmem_scan *scan)
{
	int ret = scan_pipe(scan, NULL, scan->media->super.nr_segments, KVMEM_MEDIA_PAGE,
			    first_use);

	if (!ret)
		first_settle(scan);
	return ret;
}

static bool seg_waits(const struct kvmem_segment *seg, u32 slot)
{
	return READ_ONCE(seg->state) == KVMEM_SEG_ORPHAN && READ_ONCE(seg->slot) == slot;
}

/* A reader of its table notices when it publishes: the state is another one. */
void kvmem_scan_forget(struct kvmem_media *media, u32 slot)
{
	struct kvmem_segment *seg;
	u32 no;

	for (no = 0; no < media->super.nr_segments; no++) {
		seg = &media->segments[no];
		if (!seg_waits(seg, slot) || kvmem_dir_valid(media, slot, seg->slot_generation))
			continue;
		spin_lock(&media->lock);
		if (seg_waits(seg, slot))
			kvmem_segment_release(seg);
		spin_unlock(&media->lock);
		cond_resched();
	}
}

/* Which, in what order ------------------------------------------------------------ */

static int order_cmp(const void *a, const void *b, const void *priv)
{
	const struct kvmem_segment *segments = priv;
	u64 x = segments[*(const u32 *)a].generation, y = segments[*(const u32 *)b].generation;

	return x > y ? -1 : x < y;
}

/* States change towards less only: what is an orphan no more is noticed when adopted. */
static int scan_order(struct kvmem_scan *scan)
{
	struct kvmem_media *media = scan->media;
	u32 no;

	scan->order = kvmalloc_array(media->super.nr_segments, sizeof(*scan->order), GFP_KERNEL);
	if (!scan->order)
		return -ENOMEM;
	for (no = 0; no < media->super.nr_segments; no++) {
		if (READ_ONCE(media->segments[no].state) == KVMEM_SEG_ORPHAN &&
		    kvmem_adopt_owner(scan, &media->segments[no]))
			scan->order[scan->nr++] = no;
		cond_resched();
	}
	sort_r(scan->order, scan->nr, sizeof(*scan->order), order_cmp, NULL, media->segments);
	return 0;
}

/* The whole --------------------------------------------------------------------------- */

static int scan_adopt(struct kvmem_scan *scan)
{
	int ret = scan_order(scan);

	if (!ret && scan->nr)
		ret = scan_pipe(scan, scan->order, scan->nr, KVMEM_SCAN_TAIL, kvmem_adopt_segment);
	kvfree(scan->order);
	return ret;
}

static int scan_run(struct kvmem_scan *scan, struct kvmem_ns *ns)
{
	int ret;

	if (ns)
		return kvmem_adopt_only(scan, ns) ? scan_adopt(scan) : 0;
	ret = scan_first(scan);
	if (ret)
		return ret;
	scan->lookup = true;
	return scan_adopt(scan);
}

/*
 * A media that takes no writes takes no deletions either; one that is let go
 * does, until its end.
 */
static bool scan_may_bury(const struct kvmem_media *media)
{
	return kvmem_media_writable(media) ||
	       READ_ONCE(media->state) == KVMEM_MEDIA_STATE_DETACHING;
}

void kvmem_scan_bury(struct kvmem_media *media)
{
	struct kvmem_copy *copy, *next;
	unsigned int nr = 0;

	mutex_lock(&media->scan_lock);
	list_for_each_entry_safe(copy, next, &media->shadows, node) {
		struct kvmem_ns *ns = copy->ns;

		list_del_init(&copy->node);
		if (scan_may_bury(media)) {
			kvmem_log_gone(copy);
			nr++;
		}
		kvmem_copy_put_used(copy);
		kvmem_ns_put(ns);
		cond_resched();
	}
	mutex_unlock(&media->scan_lock);
	if (nr)
		pr_info("media %s: %u blocks behind newer ones of the same key\n", media->name, nr);
}

static void scan_tell(const struct kvmem_scan *scan)
{
	if (scan->damaged > 1)
		pr_warn("media %s: %u tables end in a damaged page\n", scan->media->name,
			scan->damaged);
}

int kvmem_scan(struct kvmem_media *media, struct kvmem_ns *ns)
{
	struct kvmem_scan *scan = kzalloc(sizeof(*scan), GFP_KERNEL);
	int ret;

	if (!scan)
		return -ENOMEM;
	scan->media = media;
	ret = kvmem_adopt_init(scan);
	if (ret) {
		kfree(scan);
		return ret;
	}
	mutex_lock(&media->scan_lock);
	ret = kvmem_scan_stopped(media) ? -ESHUTDOWN : scan_run(scan, ns);
	mutex_unlock(&media->scan_lock);
	scan_tell(scan);
	kvmem_adopt_exit(scan);
	kfree(scan);
	return ret;
}
