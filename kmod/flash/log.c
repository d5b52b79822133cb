// SPDX-License-Identifier: GPL-2.0
/*
 * Logs: writing copies of blocks, and what a namespace has on a media.
 *
 * A write reserves room, sends the block's own pages to the device, and is
 * published when they have arrived: until then the copy is nobody's, and one
 * that fails was never there.  Whoever deletes a block sets its state first and
 * looks for copies afterwards; a write publishes first and looks at the state
 * afterwards; so one of the two takes the copy back.
 */
#include <linux/bvec.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "flash/direct_dma.h"
#include "flash/log.h"
#include "ns.h"
#include "trace.h"

/* A media is out of use after so many failed writes in a row. */
#define LOG_BAD_WRITES	16
/* Copies dropped under one hold of the lock. */
#define LOG_DROP_BATCH	64U

/* The running checksums of a DRAM block are those of its entry. */
static_assert(KVMEM_CRC_PIECE == KVMEM_MEDIA_PIECE);

/* Logs ------------------------------------------------------------------------- */

static void log_free(struct kref *ref)
{
	struct kvmem_log *log = container_of(ref, struct kvmem_log, ref);

	kvmem_ns_put(log->ns);
	kfree(log);
}

void kvmem_log_put(struct kvmem_log *log)
{
	kref_put(&log->ref, log_free);
}

static struct kvmem_log *log_find_locked(struct kvmem_media *media, const struct kvmem_ns *ns)
{
	struct kvmem_log *log;

	lockdep_assert_held(&media->lock);
	list_for_each_entry(log, &media->logs, node) {
		if (log->ns == ns && !log->dead) {
			kref_get(&log->ref);
			return log;
		}
	}
	return NULL;
}

static struct kvmem_log *log_find(struct kvmem_media *media, const struct kvmem_ns *ns)
{
	struct kvmem_log *log;

	spin_lock(&media->lock);
	log = log_find_locked(media, ns);
	spin_unlock(&media->lock);
	return log;
}

struct kvmem_log *kvmem_log_first(struct kvmem_media *media)
{
	struct kvmem_log *log, *found = NULL;

	spin_lock(&media->lock);
	list_for_each_entry(log, &media->logs, node) {
		if (!log->stuck) {
			kref_get(&log->ref);
			found = log;
			break;
		}
	}
	spin_unlock(&media->lock);
	return found;
}

static struct kvmem_log *log_alloc(struct kvmem_media *media, struct kvmem_ns *ns)
{
	struct kvmem_log *log = kzalloc(sizeof(*log), GFP_NOIO);

	if (!log)
		return NULL;
	kref_init(&log->ref);
	INIT_LIST_HEAD(&log->node);
	INIT_LIST_HEAD(&log->sealed);
	INIT_LIST_HEAD(&log->busy);
	mutex_init(&log->open_lock);
	log->media = media;
	log->ns = ns;
	kref_get(&ns->ref);
	return log;
}

/*
 * Both are looked at under the lock, and set before who takes logs away takes
 * it: that finds this one, or we find out that it is too late.
 */
static bool log_is_wanted(struct kvmem_media *media, struct kvmem_ns *ns)
{
	lockdep_assert_held(&media->lock);
	return media->state <= KVMEM_MEDIA_STATE_READ_ONLY &&
	       !test_bit(KVMEM_NS_DEAD, &ns->flags);
}

/* Takes over @log.  Somebody else's, made meanwhile, is as good. */
static struct kvmem_log *log_publish(struct kvmem_log *log)
{
	struct kvmem_media *media = log->media;
	struct kvmem_log *other;

	spin_lock(&media->lock);
	other = log_find_locked(media, log->ns);
	if (!other && log_is_wanted(media, log->ns)) {
		list_add_tail(&log->node, &media->logs);
		kref_get(&log->ref);
		other = log;
		log = NULL;
	}
	spin_unlock(&media->lock);
	if (log)
		kvmem_log_put(log);
	return other;
}

struct kvmem_log *kvmem_log_get(struct kvmem_media *media, struct kvmem_ns *ns, bool make)
{
	struct kvmem_log *log = log_find(media, ns);

	if (log || !make)
		return log;
	log = log_alloc(media, ns);
	if (!log)
		return NULL;
	if (kvmem_dir_find(media, ns, !media->dev.geo.read_only, &log->slot,
			   &log->slot_generation)) {
		kvmem_log_put(log);
		return NULL;
	}
	return log_publish(log);
}

/* How writes end ----------------------------------------------------------------- */

/* Neither is the device's doing. */
static bool io_is_innocent(int status)
{
	return status == -ENOMEM || status == -ECANCELED;
}

void kvmem_log_io_result(const struct kvmem_segment *seg, int status)
{
	struct kvmem_media *media = seg->media;
	u32 bad;

	if (status)
		trace_kvmem_media_error(media->id, seg->no, KVMEM_IO_WRITE, status);
	if (io_is_innocent(status))
		return;
	spin_lock(&media->lock);
	media->bad_writes = status ? media->bad_writes + 1 : 0;
	bad = media->bad_writes;
	spin_unlock(&media->lock);
	if (status == -EROFS)
		kvmem_media_fail(media, KVMEM_MEDIA_STATE_READ_ONLY, "the device is read-only");
	else if (status == -ENODEV)
		kvmem_media_fail(media, KVMEM_MEDIA_STATE_FAILED, "the device has gone");
	else if (bad >= LOG_BAD_WRITES)
		kvmem_media_fail(media, KVMEM_MEDIA_STATE_FAILED, "too many writes failed");
}

static void write_free(struct kvmem_write *write)
{
	kvfree(write->bvecs);
	if (write->bounce)
		kvmem_dev_buf_put(write->bounce);
	if (write->copy)
		kvmem_copy_put(write->copy);
	if (write->old)
		kvmem_copy_put(write->old);
	/* Its namespace may go with the log. */
	if (write->block)
		kvmem_block_put(write->block);
	kvmem_log_put(write->log);
	kfree(write);
}

static bool write_block_is_gone(const struct kvmem_write *write)
{
	if (!write->block)
		return false;
	/* The copy is in the index; pairs with the barrier of who deletes. */
	smp_mb();
	/* Pairs with the release in kvmem_block_set_state(). */
	return smp_load_acquire(&write->block->state) == KVMEM_BLOCK_DELETED;
}

/*
 * The reference that the index and the list get is one more than the write's.
 * A re-insertion's @old loses theirs, which the caller puts.
 */
static int write_publish_locked(struct kvmem_write *write)
{
	struct kvmem_copy *copy = write->copy;
	int ret;

	if (write->log->dead)
		return -ESHUTDOWN;
	kvmem_copy_get(copy);
	if (write->old)
		ret = kvmem_copy_replace(write->old, copy, KVMEM_BLOCK_COMMITTED);
	else
		ret = kvmem_copy_publish(copy, KVMEM_BLOCK_COMMITTED);
	if (!ret && write_block_is_gone(write)) {
		kvmem_copy_unlink_locked(copy, KVMEM_BLOCK_DELETED);
		ret = -ESTALE;
	}
	/* Not the last one: the write has its own. */
	if (ret)
		kvmem_copy_put(copy);
	return ret;
}

static void write_count(struct kvmem_write *write)
{
	struct kvmem_media_counts *counts = &write->log->media->counts;

	counts->bytes[write->reason] += write->io.len;
	counts->blocks[write->reason]++;
	if (write->reason == KVMEM_WRITE_PUT)
		counts->data_bytes += write->copy->size;
}

/* Published with its entry in a page, all under one hold of the lock. */
static int write_publish(struct kvmem_write *write)
{
	struct kvmem_segment *seg = write->copy->seg;
	struct kvmem_media *media = seg->media;
	int ret;

	ret = kvmem_table_lock(seg, write->entries);
	write_count(write);
	if (!ret)
		ret = write_publish_locked(write);
	if (!ret) {
		kvmem_table_owe(seg, write->turn);
		kvmem_table_add(write->copy, write->entries);
		kvmem_segment_write_ended(seg);
	}
	spin_unlock(&media->lock);
	if (!ret && write->old)
		kvmem_copy_put(write->old);
	return ret;
}

/* As if it had never been put; the bytes are lost to the segment. */
static void write_give_up(struct kvmem_write *write, int status)
{
	struct kvmem_segment *seg = write->copy->seg;
	struct kvmem_media *media = seg->media;
	bool failed = write->status || status == -ENOMEM || status == -ENOSPC;

	spin_lock(&media->lock);
	if (failed)
		media->counts.refused[KVMEM_REFUSE_FAILED]++;
	kvmem_sync_end(media, write->turn, 1, !failed);
	seg->due -= write->entries;
	kvmem_segment_write_ended(seg);
	spin_unlock(&media->lock);
}

void kvmem_log_written(struct kvmem_write *write)
{
	struct kvmem_segment *seg = write->copy->seg;
	struct kvmem_media *media = seg->media;
	int ret = write->status;

	kvmem_log_io_result(seg, ret);
	if (!ret)
		ret = write_publish(write);
	if (ret)
		write_give_up(write, ret);
	kvmem_segment_put(seg);
	wake_up_all(&media->wait);
	write->status = ret;
	if (write->ended)
		write->ended(write);
	write_free(write);
}

/* Beginning a write ---------------------------------------------------------------- */

/* Takes over @log. */
static struct kvmem_write *write_alloc(struct kvmem_log *log, enum kvmem_write_reason reason,
				       void (*ended)(struct kvmem_write *write), void *private)
{
	struct kvmem_write *write = kzalloc(sizeof(*write), GFP_NOIO);

	if (!write) {
		kvmem_log_put(log);
		return NULL;
	}
	write->log = log;
	write->reason = reason;
	write->ended = ended;
	write->private = private;
	return write;
}

static struct page *bounce_page(const void *p)
{
	return is_vmalloc_addr(p) ? vmalloc_to_page(p) : virt_to_page(p);
}

static int write_from_bounce(struct kvmem_write *write, size_t size, size_t len)
{
	unsigned int max = PFN_UP(len) + 1, nr = 0;
	void *data = kvmem_dev_buf_data(write->bounce);
	size_t off = 0, step;

	write->bvecs = kvmalloc_array(max, sizeof(*write->bvecs), GFP_NOIO);
	if (!write->bvecs)
		return -ENOMEM;
	/* Whatever was there before is nobody's business. */
	memset(data + size, 0, len - size);
	for (; off < len; off += step) {
		step = min_t(size_t, len - off, PAGE_SIZE - offset_in_page(data + off));
		bvec_set_page(&write->bvecs[nr++], bounce_page(data + off), step,
			      offset_in_page(data + off));
	}
	write->io.bvecs = write->bvecs;
	write->io.nr_bvecs = nr;
	return 0;
}

static int write_copy_block(struct kvmem_write *write, const struct kvmem_block *block, size_t len)
{
	void *data;
	size_t off = 0, step;
	struct kvmem_cursor cur = {};

	write->bounce = kvmem_dev_alloc(len);
	if (!write->bounce)
		return -ENOMEM;
	data = kvmem_dev_buf_data(write->bounce);
	for (; off < block->size; off += step) {
		void *seg = kvmem_block_seg(block, &cur, off, &step);

		step = min_t(size_t, step, block->size - off);
		memcpy(data + off, seg, step);
		cond_resched();
	}
	return write_from_bounce(write, block->size, len);
}

/*
 * Paged blocks are sent from where they are: what follows the last byte in its
 * page is zero, and no bvec ends inside of a unit.
 */
static int write_from_block(struct kvmem_write *write, struct kvmem_block *block, size_t len)
{
	unsigned int nr;

	refcount_inc(&block->ref);
	write->block = block;
	if (block->layout != KVMEM_PAGED || len > kvmem_space_need(block->size, block->layout) ||
	    write->log->media->dev.geo.unit > PAGE_SIZE)
		return write_copy_block(write, block, len);
	write->bvecs = kvmem_block_bvecs(block, len, &nr);
	if (!write->bvecs)
		return -ENOMEM;
	write->io.bvecs = write->bvecs;
	write->io.nr_bvecs = nr;
	return 0;
}

/* Of a block without a checksum they are all ones, see the format. */
static u32 *write_sums(const struct kvmem_media_entry *entry, const u32 *sums, unsigned int nr)
{
	bool none = entry->flags & KVMEM_MEDIA_ENTRY_F_UNSUMMED;
	u32 *own;

	if (WARN_ON_ONCE(!sums && !none))
		return NULL;
	own = kmalloc_array(nr, sizeof(*own), GFP_NOIO);
	if (own && none)
		memset(own, 0xff, nr * sizeof(*own));
	else if (own)
		memcpy(own, sums, nr * sizeof(*own));
	return own;
}

/* @sums: of @entry's block, or NULL. */
static struct kvmem_copy *write_make_copy(struct kvmem_write *write, struct kvmem_segment *seg,
					  const struct kvmem_media_entry *entry, const u32 *sums)
{
	unsigned int nr = kvmem_entry_sums(le32_to_cpu(entry->length));
	struct kvmem_copy *copy;
	u32 *own = NULL;

	if (nr) {
		own = write_sums(entry, sums, nr);
		if (!own)
			return NULL;
	}
	copy = kvmem_copy_alloc(write->log->ns, seg, entry, own);
	if (!copy)
		kfree(own);
	return copy;
}

/* Room for the block of @entry, which learns where, and its copy. */
static int write_reserve(struct kvmem_write *write, struct kvmem_media_entry *entry,
			 const u32 *sums, unsigned int temperature, size_t len)
{
	u32 unit = write->log->media->dev.geo.unit, offset;
	struct kvmem_segment *seg;

	write->entries = kvmem_entry_count(le32_to_cpu(entry->length));
	seg = kvmem_segment_reserve(write->log, temperature, len, write->entries,
				    max(unit, KVMEM_MEDIA_OFFSET_ALIGN), &offset);
	if (IS_ERR(seg))
		return PTR_ERR(seg);
	entry->offset = cpu_to_le32(offset);
	write->copy = write_make_copy(write, seg, entry, sums);
	if (!write->copy) {
		kvmem_segment_unreserve(seg, write->entries);
		return -ENOMEM;
	}
	write->io.op = KVMEM_IO_WRITE;
	write->io.off = kvmem_media_seg_off(seg) + offset;
	write->io.len = len;
	write->io.done = kvmem_write_done;
	return 0;
}

/* No way back from here. */
static void write_submit(struct kvmem_write *write)
{
	struct kvmem_log *log = write->log;
	struct kvmem_media *media = log->media;

	spin_lock(&media->lock);
	write->turn = kvmem_sync_begin(media);
	if (write->reason == KVMEM_WRITE_REINSERT) {
		log->reinsert_bytes += write->io.len;
		kvmem_budget_charge(&media->budget, write->io.len, ktime_get_ns());
	} else {
		log->put_bytes += write->io.len;
	}
	spin_unlock(&media->lock);
	kvmem_dev_submit(&media->dev, &write->io);
}

static const u32 *block_sums(const struct kvmem_block *block)
{
	return kvmem_entry_sums(block->size) && block->mapped ? kvmem_map_crcs(block->map) : NULL;
}

static int write_prepare_block(struct kvmem_write *write, struct kvmem_block *block,
			       unsigned int temperature)
{
	size_t len = round_up((size_t)block->size, write->log->media->dev.geo.unit);
	struct kvmem_media_entry entry = {
		.length = cpu_to_le32(block->size),
		.crc = cpu_to_le32(block->unsummed ? 0 : block->crc),
		.flags = block->unsummed ? KVMEM_MEDIA_ENTRY_F_UNSUMMED : 0,
		.cost = cpu_to_le32(block->cost),
		.class = READ_ONCE(block->class),
		.priority = READ_ONCE(block->priority),
		.hits = cpu_to_le16(READ_ONCE(block->hits)),
	};
	int ret;

	memcpy(entry.key, block->key.b, sizeof(entry.key));
	ret = write_from_block(write, block, len);
	if (!ret)
		ret = write_reserve(write, &entry, block_sums(block), temperature, len);
	if (ret)
		return ret;
	/* Of one clock: no need to go through that of the media. */
	write->copy->expires = block->expires;
	write->copy->last_use = READ_ONCE(block->last_use);
	return 0;
}

int kvmem_log_write(struct kvmem_media *media, struct kvmem_block *block,
		    enum kvmem_write_reason reason, unsigned int temperature,
		    void (*ended)(struct kvmem_write *write), void *private)
{
	struct kvmem_write *write;
	struct kvmem_log *log;
	int ret;

	if (!kvmem_media_writable(media))
		return -ESHUTDOWN;
	log = kvmem_log_get(media, block->ns, true);
	if (!log)
		return -ENOSPC;
	write = write_alloc(log, reason, ended, private);
	if (!write)
		return -ENOMEM;
	ret = write_prepare_block(write, block, temperature);
	if (ret)
		write_free(write);
	else
		write_submit(write);
	return ret;
}

int kvmem_log_write_span(struct kvmem_media *media, struct kvmem_ns *ns,
			 struct kvmem_media_entry *entry, const u32 *sums, u32 expires,
			 const struct kvmem_span *span,
			 bool (*claim)(struct kvmem_write *write),
			 void (*ended)(struct kvmem_write *write), void *private,
			 struct kvmem_write **out)
{
	struct kvmem_write *write;
	struct kvmem_log *log;
	int ret;

	log = kvmem_log_get(media, ns, true);
	if (!log)
		return -ENOSPC;
	write = write_alloc(log, KVMEM_WRITE_PUT, ended, private);
	if (!write)
		return -ENOMEM;
	write->claim = claim;
	kvmem_span_to_io(span, &write->io);
	ret = write_reserve(write, entry, sums, 0, span->len);
	if (ret) {
		write_free(write);
		return ret;
	}
	write->copy->expires = expires;
	write->copy->last_use = ktime_get_ns();
	*out = write;
	write_submit(write);
	return 0;
}

static int write_prepare_old(struct kvmem_write *write, struct kvmem_copy *old,
			     unsigned int temperature)
{
	size_t len = round_up((size_t)old->size, write->log->media->dev.geo.unit);
	struct kvmem_media_entry entry;
	int ret;

	kvmem_copy_get(old);
	write->old = old;
	kvmem_copy_entry(old, &entry);
	ret = write_from_bounce(write, old->size, len);
	if (!ret)
		ret = write_reserve(write, &entry, kvmem_copy_sums(old), temperature, len);
	if (ret)
		return ret;
	write->io.flags = KVMEM_IO_F_BACKGROUND;
	write->copy->expires = old->expires;
	write->copy->last_use = READ_ONCE(old->last_use);
	return 0;
}

int kvmem_log_rewrite(struct kvmem_copy *old, struct kvmem_dev_buf *buf,
		      unsigned int temperature, void (*ended)(struct kvmem_write *write))
{
	struct kvmem_log *log = log_find(old->seg->media, old->ns);
	struct kvmem_write *write = NULL;
	int ret = -ENOMEM;

	if (!log) {
		kvmem_dev_buf_put(buf);
		return -ESHUTDOWN;
	}
	write = write_alloc(log, KVMEM_WRITE_REINSERT, ended, NULL);
	if (!write) {
		kvmem_dev_buf_put(buf);
		return ret;
	}
	write->bounce = buf;
	ret = write_prepare_old(write, old, temperature);
	if (ret)
		write_free(write);
	else
		write_submit(write);
	return ret;
}

/* Deleted blocks ------------------------------------------------------------------- */

/*
 * Room for one entry, in the segment of @generation or a newer one: whoever
 * reads tables, newest first, then meets it before the block.
 */
static struct kvmem_segment *gone_reserve(struct kvmem_log *log, u64 generation)
{
	struct kvmem_ask ask = {
		.log = log,
		.entries = 1,
		.align = 1,
		.generation = generation,
		.gone = true,
	};
	u32 offset;

	return kvmem_segment_reserve_ask(&ask, &offset);
}

/* Record @gone, or when that is NULL that @copy has gone. */
static int gone_record(struct kvmem_log *log, u64 generation, const struct kvmem_media_gone *gone,
		       const struct kvmem_copy *copy)
{
	struct kvmem_media *media = log->media;
	struct kvmem_segment *seg = gone_reserve(log, generation);
	int ret;

	if (IS_ERR(seg))
		return PTR_ERR(seg);
	ret = kvmem_table_lock(seg, 1);
	if (ret) {
		seg->due--;
	} else {
		kvmem_table_owe(seg, kvmem_sync_begin(media));
		if (gone)
			kvmem_table_add_record(seg, gone);
		else
			kvmem_table_add_gone(seg, copy);
	}
	kvmem_segment_write_ended(seg);
	spin_unlock(&media->lock);
	kvmem_segment_put(seg);
	return ret;
}

int kvmem_log_gone_again(struct kvmem_log *log, const struct kvmem_media_gone *gone)
{
	return gone_record(log, le64_to_cpu(gone->generation), gone, NULL);
}

/*
 * Its entry was in a page before anybody could find the copy, so it may be on
 * the media by now.  The caller keeps the segment in use, so it is the same.
 */
void kvmem_log_gone(struct kvmem_copy *copy)
{
	struct kvmem_media *media = copy->seg->media;
	struct kvmem_log *log = log_find(media, copy->ns);
	int ret;

	/* No log: all its blocks go, or the media is let go. */
	if (!log)
		return;
	ret = gone_record(log, copy->seg->generation, NULL, copy);
	if (ret) {
		spin_lock(&media->lock);
		media->gone_lost = true;
		spin_unlock(&media->lock);
	}
	if (ret)
		pr_warn_ratelimited("media %s: a deletion was not recorded (%d)\n", media->name,
				    ret);
	kvmem_log_put(log);
}

/* The end of a log ------------------------------------------------------------------ */

/* What is left of @seg, which is ours (KVMEM_SEG_RECLAIM). */
static void drop_copies(struct kvmem_segment *seg, enum kvmem_block_state to)
{
	struct kvmem_copy *batch[LOG_DROP_BATCH], *copy;
	struct kvmem_media *media = seg->media;
	unsigned int nr;

	do {
		nr = 0;
		spin_lock(&media->lock);
		while (nr < LOG_DROP_BATCH && !list_empty(&seg->copies)) {
			copy = list_first_entry(&seg->copies, struct kvmem_copy, node);
			if (WARN_ON_ONCE(!kvmem_copy_unlink_locked(copy, to)))
				break;
			batch[nr++] = copy;
		}
		spin_unlock(&media->lock);
		while (nr)
			kvmem_copy_put(batch[--nr]);
		cond_resched();
	} while (!list_empty(&seg->copies));
}

/* A sealed segment of @log, taken off its list; NULL: none is sealed (yet). */
static struct kvmem_segment *drop_take(struct kvmem_log *log)
{
	struct kvmem_segment *seg;

	spin_lock(&log->media->lock);
	seg = list_first_entry_or_null(&log->sealed, struct kvmem_segment, node);
	if (seg)
		kvmem_segment_set(seg, KVMEM_SEG_RECLAIM);
	spin_unlock(&log->media->lock);
	return seg;
}

static void drop_sealed(struct kvmem_log *log, bool forget)
{
	struct kvmem_segment *seg;

	while ((seg = drop_take(log))) {
		drop_copies(seg, forget ? KVMEM_BLOCK_DELETED : KVMEM_BLOCK_EVICTED);
		spin_lock(&log->media->lock);
		if (forget)
			kvmem_segment_release(seg);
		else
			kvmem_segment_orphan(seg);
		spin_unlock(&log->media->lock);
	}
}

/* No new write, no new copy; open segments are on their way to be sealed. */
static void drop_begin(struct kvmem_log *log, bool forget)
{
	unsigned int t;

	spin_lock(&log->media->lock);
	log->dead = true;
	log->forget |= forget;
	for (t = 0; t < KVMEM_NR_TEMPS; t++)
		if (log->open[t])
			kvmem_segment_seal_locked(log->open[t]);
	spin_unlock(&log->media->lock);
}

static bool drop_is_over(struct kvmem_log *log)
{
	return !READ_ONCE(log->nr_segments) && list_empty(&log->busy);
}

/* False: something is still under way, and will not be waited for any longer. */
static bool drop_all(struct kvmem_log *log, bool forget)
{
	long left = msecs_to_jiffies(KVMEM_IO_TIMEOUT_MS);

	do {
		drop_sealed(log, forget);
		if (drop_is_over(log))
			return true;
		left = wait_event_timeout(log->media->wait, drop_is_over(log) ||
					  !list_empty(&log->sealed), left);
	} while (left);
	return false;
}

/* @over: not to be found any more.  Else its segments need it, until the media goes. */
static void drop_end(struct kvmem_log *log, bool over)
{
	bool put = false;

	spin_lock(&log->media->lock);
	if (!over) {
		log->stuck = true;
	} else if (!list_empty(&log->node)) {
		list_del_init(&log->node);
		put = true;
	}
	spin_unlock(&log->media->lock);
	if (put)
		kvmem_log_put(log);
}

void kvmem_log_drop(struct kvmem_log *log, bool forget)
{
	struct kvmem_media *media = log->media;
	bool over;
	int ret;

	/* First: after a crash in the middle nothing of it is found any more. */
	if (forget) {
		ret = kvmem_dir_release(media, log->slot);
		if (ret)
			pr_warn("media %s: namespace %s is still in the directory (%d)\n",
				media->name, log->ns->p.name, ret);
	}
	drop_begin(log, forget);
	over = drop_all(log, forget);
	if (!over)
		pr_warn("media %s: writes of namespace %s do not end\n", media->name,
			log->ns->p.name);
	drop_end(log, over);
}

void kvmem_log_drop_stuck(struct kvmem_media *media)
{
	struct kvmem_log *log, *next;

	list_for_each_entry_safe(log, next, &media->logs, node) {
		drop_sealed(log, false);
		WARN_ON_ONCE(!drop_is_over(log));
		drop_end(log, true);
	}
}
