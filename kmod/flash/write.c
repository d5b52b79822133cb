// SPDX-License-Identifier: GPL-2.0
/*
 * Writing copies of blocks: how a write begins, and how it ends.
 *
 * A write reserves room, sends the block's own pages to the device, and is
 * published when they have arrived: until then the copy is nobody's, and one
 * that fails was never there.  Whoever deletes a block sets its state first and
 * looks for copies afterwards; a write enters its copy into the index first, where
 * nobody can read it yet, and looks at the block's state afterwards.  So either it
 * never becomes readable, or it is found by who deletes.  A block that has expired,
 * or turned out wrong, is as good as deleted: what is held goes for no other reason.
 */
#include <linux/bvec.h>
#include <linux/err.h>
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

/* The running checksums of a DRAM block are those of its entry. */
static_assert(KVMEM_CRC_PIECE == KVMEM_MEDIA_PIECE);

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
	/* Nearly always; who fails just now and is overlooked fails again. */
	if (io_is_innocent(status) || (!status && !READ_ONCE(media->bad_writes)))
		return;
	spin_lock(&media->lock);
	bad = status ? media->bad_writes + 1 : 0;
	WRITE_ONCE(media->bad_writes, bad);
	spin_unlock(&media->lock);
	if (status == -EROFS)
		kvmem_media_fail(media, KVMEM_MEDIA_STATE_READ_ONLY, "the device is read-only");
	else if (status == -ENODEV)
		kvmem_media_fail(media, KVMEM_MEDIA_STATE_FAILED, "the device has gone");
	else if (bad >= LOG_BAD_WRITES)
		kvmem_media_fail(media, KVMEM_MEDIA_STATE_FAILED, "too many writes failed");
}

void kvmem_write_free(struct kvmem_write *write)
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
		ret = kvmem_copy_publish(copy, KVMEM_BLOCK_COMMITTED, write->block);
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

static void write_tell(struct kvmem_write *write, int status)
{
	if (wq_has_sleeper(&write->log->media->wait))
		wake_up_all(&write->log->media->wait);
	write->status = status;
	if (write->ended)
		write->ended(write);
	kvmem_write_free(write);
}

void kvmem_write_end(struct kvmem_write *write)
{
	struct kvmem_segment *seg = write->copy->seg;
	int ret = write->status;

	if (!ret)
		ret = write_publish(write);
	if (ret)
		write_give_up(write, ret);
	kvmem_segment_put(seg);
	write_tell(write, ret);
}

void kvmem_log_written(struct kvmem_write *write)
{
	kvmem_log_io_result(write->copy->seg, write->status);
	kvmem_write_end(write);
}

void kvmem_write_refuse(struct kvmem_write *write, int status)
{
	struct kvmem_media *media = write->log->media;
	enum kvmem_refuse why = status == -ENOSPC || status == -ESHUTDOWN ?
				KVMEM_REFUSE_ROOM : KVMEM_REFUSE_FAILED;

	spin_lock(&media->lock);
	media->counts.refused[why]++;
	spin_unlock(&media->lock);
	write_tell(write, status);
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

static void block_bytes(const struct kvmem_block *block, void *data)
{
	struct kvmem_cursor cur = {};
	size_t off = 0, step;

	for (; off < block->size; off += step) {
		void *seg = kvmem_block_seg(block, &cur, off, &step);

		step = min_t(size_t, step, block->size - off);
		memcpy(data + off, seg, step);
		cond_resched();
	}
}

void kvmem_write_bytes(const struct kvmem_write *write, void *data)
{
	if (write->block)
		block_bytes(write->block, data);
	else
		memcpy(data, kvmem_dev_buf_data(write->bounce), write->copy->size);
}

static int write_copy_block(struct kvmem_write *write, const struct kvmem_block *block, size_t len)
{
	write->bounce = kvmem_dev_alloc(len);
	if (!write->bounce)
		return -ENOMEM;
	block_bytes(block, kvmem_dev_buf_data(write->bounce));
	return write_from_bounce(write, block->size, len);
}

/*
 * Paged blocks are sent from where they are: what follows the last byte in its
 * page is zero, and no bvec ends inside of a unit.
 */
static int write_from_block(struct kvmem_write *write, struct kvmem_block *block, size_t len)
{
	unsigned int nr;

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

void kvmem_write_charge(struct kvmem_log *log, enum kvmem_write_reason reason, size_t bytes)
{
	struct kvmem_media *media = log->media;

	lockdep_assert_held(&media->lock);
	if (reason == KVMEM_WRITE_REINSERT) {
		log->reinsert_bytes += bytes;
		kvmem_budget_charge(&media->budget, bytes, ktime_get_ns());
	} else {
		log->put_bytes += bytes;
	}
}

/* No way back from here. */
static void write_submit(struct kvmem_write *write)
{
	struct kvmem_media *media = write->log->media;

	spin_lock(&media->lock);
	write->turn = kvmem_sync_begin(media);
	kvmem_write_charge(write->log, write->reason, write->io.len);
	spin_unlock(&media->lock);
	kvmem_dev_submit(&media->dev, &write->io);
}

/* On its way, alone or with others: the end is told by write->ended. */
static int write_begin(struct kvmem_write *write, unsigned int temperature)
{
	if (write->packed)
		return kvmem_pack_add(write, temperature);
	write_submit(write);
	return 0;
}

static const u32 *block_sums(const struct kvmem_block *block)
{
	return kvmem_entry_sums(block->size) && block->mapped ? kvmem_map_crcs(block->map) : NULL;
}

static void block_entry(const struct kvmem_block *block, struct kvmem_media_entry *entry)
{
	*entry = (struct kvmem_media_entry) {
		.length = cpu_to_le32(block->size),
		.crc = cpu_to_le32(block->unsummed ? 0 : block->crc),
		.flags = block->unsummed ? KVMEM_MEDIA_ENTRY_F_UNSUMMED : 0,
		.cost = cpu_to_le32(block->cost),
		.class = READ_ONCE(block->class),
		.priority = READ_ONCE(block->priority),
		.hits = cpu_to_le16(READ_ONCE(block->hits)),
	};
	memcpy(entry->key, block->key.b, sizeof(entry->key));
}

/* Where, is known when its pack is sent. */
static int write_prepare_packed(struct kvmem_write *write, const struct kvmem_media_entry *entry)
{
	write->entries = 1;
	write->copy = write_make_copy(write, NULL, entry, NULL);
	return write->copy ? 0 : -ENOMEM;
}

static int write_prepare_block(struct kvmem_write *write, struct kvmem_block *block,
			       unsigned int temperature)
{
	size_t len = round_up((size_t)block->size, write->log->media->dev.geo.unit);
	struct kvmem_media_entry entry;
	int ret;

	refcount_inc(&block->ref);
	write->block = block;
	block_entry(block, &entry);
	if (write->packed)
		ret = write_prepare_packed(write, &entry);
	else
		ret = write_from_block(write, block, len) ?:
		      write_reserve(write, &entry, block_sums(block), temperature, len);
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
	write->packed = kvmem_pack_wants(media, block->size);
	ret = write_prepare_block(write, block, temperature) ?: write_begin(write, temperature);
	if (ret)
		kvmem_write_free(write);
	return ret;
}

int kvmem_log_write_span(struct kvmem_media *media, struct kvmem_ns *ns,
			 struct kvmem_media_entry *entry, const u32 *sums, u32 expires,
			 u64 now, const struct kvmem_span *span,
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
		kvmem_write_free(write);
		return ret;
	}
	write->copy->expires = expires;
	write->copy->last_use = now;
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
	if (write->packed)
		ret = write_prepare_packed(write, &entry);
	else
		ret = write_from_bounce(write, old->size, len) ?:
		      write_reserve(write, &entry, kvmem_copy_sums(old), temperature, len);
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
	struct kvmem_media *media = old->seg->media;
	struct kvmem_log *log = kvmem_log_get(media, old->ns, false);
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
	write->packed = kvmem_pack_wants(media, old->size);
	ret = write_prepare_old(write, old, temperature) ?: write_begin(write, temperature);
	if (ret)
		kvmem_write_free(write);
	return ret;
}
