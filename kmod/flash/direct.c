// SPDX-License-Identifier: GPL-2.0
/*
 * Operations that move bytes between registered buffers and flash, see direct.h.
 *
 * The transfer's end is noticed by whoever waits for it, who then publishes a
 * put or verifies a get in his own time.  If he gives up first, or is killed, a
 * put ends with the media's worker, unpublished, since it was said to have failed;
 * and a get's memory stays until the device is done with it.  One word decides who
 * of the two was first.
 *
 * Of a batch that nobody waits for, the last transfer to end tells, and what was
 * begun is finished then, as if somebody had waited.
 */
#include <linux/blkdev.h>
#include <linux/bvec.h>
#include <linux/completion.h>
#include <linux/crc32c.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <linux/uaccess.h>
#include "chain.h"
#include "dmabuf.h"
#include "file.h"
#include "flash/direct.h"
#include "flash/direct_dma.h"
#include "flash/flash.h"
#include "flash/tier.h"
#include "netlink.h"
#include "ns.h"
#include "ops.h"

/* Runs of pages that an operation keeps by itself: 4 MiB of huge pages, and more. */
#define DIRECT_RUNS	8U
/*
 * Puts up to here gather, and what lies side by side becomes one command: the log
 * is written in order.  For longer ones the first would wait too long, while the
 * checksums of the next are taken.
 */
#define DIRECT_GATHER_MAX	(512U << 10)
/* The processor may be kept for as long as this takes; divides a piece. */
#define DIRECT_CRC_STEP	(64U << 10)

static_assert(KVMEM_MEDIA_PIECE % DIRECT_CRC_STEP == 0);

enum direct_state {
	DIRECT_ON_WAY,
	DIRECT_GIVEN_UP,	/* the same, but its batch goes on without it */
	DIRECT_DONE,		/* the transfer has ended; the waiter's */
	DIRECT_LEFT,		/* nobody waits any more; whoever ends it cleans up */
};

/**
 * struct kvmem_direct - an operation under way
 * @node: in run->direct
 * @io: of a get; a put has that of @write
 * @write: of a put
 * @done: the transfer has ended
 * @end: puts what is here when nobody waits any more
 * @state: enum direct_state
 * @status: of a get's transfer
 * @run: of a batch that nobody waits for, which stays while the transfer counts; or NULL
 * @ns: of the operation; the waiter's file has it, else the copy or the log
 * @buf: the memory; referenced
 * @span: of it; its segments are the buffer's, or @runs
 * @copy: what a get reads; in use
 * @map: of memory without pages, until the device is done with it
 * @start: ktime in ns
 * @uop: where its result goes
 * @op: the operation
 * @runs: pages of the memory that lie side by side
 */
struct kvmem_direct {
	struct list_head node;
	struct kvmem_io io;
	struct kvmem_write *write;
	struct completion done;
	struct work_struct end;
	atomic_t state;
	int status;
	struct kvmem_run *run;
	struct kvmem_ns *ns;
	struct kvmem_buffer *buf;
	struct kvmem_span span;
	struct kvmem_copy *copy;
	struct kvmem_dma_map *map;
	u64 start;
	struct kvmem_op __user *uop;
	/* From here on not zeroed. */
	struct kvmem_op op;
	struct bio_vec runs[DIRECT_RUNS];
};

static struct kmem_cache *direct_cache;
/* Lets go of what nobody waits for any more. */
static struct workqueue_struct *direct_wq;

static const struct kvmem_key *direct_key(const struct kvmem_op *op)
{
	return (const struct kvmem_key *)op->key;
}

static u64 direct_bit(const struct kvmem_op *op)
{
	return BIT_ULL(op->key[0] & 63);
}

/* Memory ------------------------------------------------------------------------ */

/*
 * As soon as the device is done: the memory's owner may be waiting for that, and
 * whoever looks at the result next may wait for the owner.
 */
static void direct_unmap(struct kvmem_direct *d)
{
	if (d->map)
		kvmem_dma_map_put(d->map);
	d->map = NULL;
}

static void direct_let_go(struct kvmem_direct *d)
{
	if (d->copy)
		kvmem_copy_put_used(d->copy);
	direct_unmap(d);
	if (d->buf)
		kvmem_buffer_put(d->buf);
}

static void direct_free(struct kvmem_direct *d)
{
	direct_let_go(d);
	kmem_cache_free(direct_cache, d);
}

/* As many as there are operations, if these are few: most batches need one of each. */
static struct kvmem_direct *direct_new(struct kvmem_run *run)
{
	unsigned int nr = min(run->nr_ops, KVMEM_RUN_SPARES);

	if (!run->nr_spares && nr > 1)
		run->nr_spares = max(kmem_cache_alloc_bulk(direct_cache, GFP_KERNEL, nr,
							   run->spares), 0);
	if (run->nr_spares)
		return run->spares[--run->nr_spares];
	return kmem_cache_alloc(direct_cache, GFP_KERNEL);
}

/* As direct_free(), where the next operation of the batch may need one. */
static void direct_spare(struct kvmem_run *run, struct kvmem_direct *d)
{
	direct_let_go(d);
	if (run->nr_spares == KVMEM_RUN_SPARES)
		kvmem_direct_release(run);
	run->spares[run->nr_spares++] = d;
}

void kvmem_direct_release(struct kvmem_run *run)
{
	if (run->nr_spares)
		kmem_cache_free_bulk(direct_cache, run->nr_spares, run->spares);
	run->nr_spares = 0;
}

int kvmem_direct_init(void)
{
	direct_cache = KMEM_CACHE(kvmem_direct, 0);
	if (!direct_cache)
		return -ENOMEM;
	direct_wq = alloc_workqueue("kvmem_direct", WQ_UNBOUND, 0);
	if (direct_wq)
		return 0;
	kmem_cache_destroy(direct_cache);
	return -ENOMEM;
}

/* The media have gone, so no transfer ends any more. */
void kvmem_direct_exit(void)
{
	destroy_workqueue(direct_wq);
	kmem_cache_destroy(direct_cache);
}

/*
 * Such buffers are made of huge pages more often than not, and everybody on the
 * way to the device works by the segment.  The buffer's are a page each.
 */
static void direct_gather(struct kvmem_direct *d)
{
	const struct bio_vec *bvecs = d->buf->span.bvecs;
	unsigned int pages = PFN_UP(d->span.first + d->span.len), nr = 0;
	unsigned long at = d->span.bvecs - bvecs, end = at + pages, next;

	for (; at < end; at = next) {
		if (nr == DIRECT_RUNS) {
			d->span.nr_bvecs = pages;
			return;
		}
		next = kvmem_buffer_run_end(d->buf, at, end);
		bvec_set_page(&d->runs[nr++], bvecs[at].bv_page, (next - at) << PAGE_SHIFT, 0);
	}
	d->span.bvecs = d->runs;
	d->span.nr_bvecs = nr;
}

static struct kvmem_direct *direct_alloc(struct kvmem_buffer *buf, struct kvmem_ns *ns,
					 const struct kvmem_op *op, size_t len,
					 struct kvmem_run *run)
{
	struct kvmem_direct *d;

	if (!buf)
		return ERR_PTR(-EAGAIN);
	d = direct_new(run);
	if (!d)
		return ERR_PTR(-EAGAIN);
	memset(d, 0, offsetof(struct kvmem_direct, op));
	init_completion(&d->done);
	d->ns = ns;
	d->op = *op;
	d->start = run->now;
	if (kvmem_buffer_span(buf, op->addr, len, &d->span)) {
		direct_free(d);
		return ERR_PTR(buf->dmabuf ? -EINVAL : -EAGAIN);
	}
	kref_get(&buf->ref);
	d->buf = buf;
	if (kvmem_span_has_pages(&d->span))
		direct_gather(d);
	return d;
}

/*
 * Whole units, as they lie in memory: the device moves nothing else.  0, -EAGAIN,
 * or, of memory without pages, which is mapped here, the operation's status.
 */
static int direct_fits(struct kvmem_direct *d, struct kvmem_op *op, struct kvmem_media *media)
{
	const struct kvmem_geometry *geo = &media->dev.geo;
	size_t align = max(geo->unit, geo->mem_align);

	if (d->buf->dmabuf)
		return kvmem_direct_map(d->buf, media, d->ns, op, &d->span, &d->map);
	return geo->unit <= PAGE_SIZE &&
	       !((d->span.first | d->span.len) & (align - 1)) ? 0 : -EAGAIN;
}

/* The bytes of a run lie side by side; one that has to be mapped is a page. */
static u32 direct_crc_run(u32 crc, const struct bio_vec *bv, size_t at, size_t len)
{
	void *p;

	if (!PageHighMem(bv->bv_page))
		return crc32c(crc, page_address(bv->bv_page) + at, len);
	p = kmap_local_page(bv->bv_page);
	crc = crc32c(crc, p + at, len);
	kunmap_local(p);
	return crc;
}

/*
 * The checksum of the span's bytes; @sums, when not NULL, gets the running
 * values of the pieces.
 */
static u32 direct_crc(const struct kvmem_span *span, u32 *sums)
{
	const struct bio_vec *bv = span->bvecs;
	size_t off = 0, at = span->first, len;
	u32 crc = ~(u32)0;

	while (off < span->len) {
		if (at == bv->bv_len) {
			at = 0;
			bv++;
		}
		len = min_t(size_t, bv->bv_len - at, span->len - off);
		len = min_t(size_t, len, DIRECT_CRC_STEP - off % DIRECT_CRC_STEP);
		crc = direct_crc_run(crc, bv, at, len);
		at += len;
		off += len;
		if (sums && (off == span->len || !(off % KVMEM_MEDIA_PIECE)))
			sums[(off - 1) / KVMEM_MEDIA_PIECE] = crc;
		cond_resched();
	}
	return crc;
}

/* Beginning ---------------------------------------------------------------------- */

/* Before the transfer begins, because it may end at once. */
static void direct_begin(struct kvmem_run *run, struct kvmem_direct *d)
{
	list_add_tail(&d->node, &run->direct);
	run->nr_direct++;
	run->direct_keys |= direct_bit(&d->op);
	if (run->idle) {
		d->run = run;
		atomic_inc(&run->nr_under_way);
	}
}

/* One less counts; the run may be gone after this. */
static void direct_drop(struct kvmem_run *run)
{
	if (atomic_dec_and_test(&run->nr_under_way))
		run->idle(run);
}

/* It did not begin.  Its bit stays, and does no harm; so does the run, which is being issued. */
static void direct_undo(struct kvmem_run *run, struct kvmem_direct *d)
{
	list_del(&d->node);
	run->nr_direct--;
	if (d->run)
		direct_drop(run);
}

/*
 * Transfers of a batch go to the device together.  Whoever waits meanwhile sends
 * what has gathered; everything else that takes its time is preceded by an unplug.
 * One alone is sent by who unplugs, too, where a scheduler would have it sent by
 * a worker.
 */
static void direct_plug(struct kvmem_run *run)
{
	if (run->plugged)
		return;
	blk_start_plug(&run->plug);
	run->plugged = true;
}

void kvmem_direct_unplug(struct kvmem_run *run)
{
	if (!run->plugged)
		return;
	blk_finish_plug(&run->plug);
	run->plugged = false;
}

static void direct_end_work(struct work_struct *work)
{
	direct_free(container_of(work, struct kvmem_direct, end));
}

/*
 * In interrupt.  True: the waiter goes on with it, and may have done so by now.  A
 * run that it counts for is there until that is dropped.
 */
static bool direct_claim(struct kvmem_direct *d)
{
	struct kvmem_run *run = d->run;
	int old = atomic_read(&d->state);

	do {
		if (old == DIRECT_LEFT)
			return false;
	} while (!atomic_try_cmpxchg(&d->state, &old, DIRECT_DONE));
	complete(&d->done);
	if (run && old == DIRECT_ON_WAY)
		direct_drop(run);
	return true;
}

/* Does the waiter leave it alone?  Else it has ended.  It may be gone after true. */
static bool direct_leave(struct kvmem_direct *d)
{
	struct kvmem_run *run = d->run;
	int old = atomic_read(&d->state);

	do {
		if (old == DIRECT_DONE)
			return false;
	} while (!atomic_try_cmpxchg(&d->state, &old, DIRECT_LEFT));
	if (run && old == DIRECT_ON_WAY)
		direct_drop(run);
	return true;
}

static void direct_get_done(struct kvmem_io *io, int status)
{
	struct kvmem_direct *d = container_of(io, struct kvmem_direct, io);

	direct_unmap(d);
	d->status = status;
	if (direct_claim(d))
		return;
	INIT_WORK(&d->end, direct_end_work);
	queue_work(direct_wq, &d->end);
}

static int get_check(const struct kvmem_copy *copy, struct kvmem_op *op, bool dma, size_t *len)
{
	/* A part of a block cannot be verified here, nor can what has no checksum. */
	if (!dma && (op->offset || op->flags & KVMEM_OP_F_PARTIAL || kvmem_copy_unsummed(copy)))
		return -EAGAIN;
	if ((copy->offset + op->offset) & (copy->seg->media->dev.geo.unit - 1)) {
		op->reason = dma ? KVMEM_REASON_ALIGN : KVMEM_REASON_NONE;
		return -EAGAIN;
	}
	op->crc = copy->crc;
	return kvmem_op_get_length(copy->size, op, len);
}

static int get_start(struct kvmem_buffer *buf, struct kvmem_copy *copy, struct kvmem_op *op,
		     size_t len, struct kvmem_run *run)
{
	struct kvmem_media *media = copy->seg->media;
	u64 from = copy->offset + op->offset;
	struct kvmem_direct *d;
	int ret;

	d = direct_alloc(buf, copy->ns, op, len, run);
	if (IS_ERR(d))
		return PTR_ERR(d);
	ret = d->buf->rdonly ? -EINVAL : direct_fits(d, op, media);
	if (ret) {
		direct_free(d);
		return ret;
	}
	d->copy = copy;
	d->io.op = KVMEM_IO_READ;
	d->io.flags = KVMEM_IO_F_STARTED;
	d->io.start = d->start;
	d->io.off = kvmem_media_seg_off(copy->seg) + from;
	d->io.len = d->span.len;
	kvmem_span_to_io(&d->span, &d->io);
	d->io.done = direct_get_done;
	direct_begin(run, d);
	direct_plug(run);
	kvmem_dev_submit(&media->dev, &d->io);
	return KVMEM_OP_PENDING;
}

int kvmem_direct_get(struct kvmem_buffer *buf, struct kvmem_ns *ns, struct kvmem_op *op,
		     struct kvmem_run *run)
{
	bool dma = kvmem_buffer_has_no_pages(buf);
	struct kvmem_copy *copy;
	size_t len = 0;
	int ret;

	/* What is in DRAM is copied from there, which a device cannot. */
	if (!kvmem_flash_has(ns) || (!dma && kvmem_block_here(ns, direct_key(op))))
		return -EAGAIN;
	copy = kvmem_copy_lookup(ns, direct_key(op));
	if (!copy)
		return -EAGAIN;
	ret = get_check(copy, op, dma, &len);
	if (!ret)
		ret = get_start(buf, copy, op, len, run);
	/* Else it is the operation's now. */
	if (ret != KVMEM_OP_PENDING)
		kvmem_copy_put_used(copy);
	return ret;
}

/* Puts --------------------------------------------------------------------------- */

static void put_written(struct kvmem_write *write)
{
	struct kvmem_direct *d = write->private;

	d->status = write->status;
	/* The worker ended it: nobody has waited. */
	if (atomic_read(&d->state) == DIRECT_LEFT)
		direct_free(d);
}

/* In interrupt, at the transfer's end. */
static bool put_claim(struct kvmem_write *write)
{
	direct_unmap(write->private);
	return direct_claim(write->private);
}

static void put_entry(struct kvmem_ns *ns, const struct kvmem_op *op, struct kvmem_run *run,
		      u32 crc, struct kvmem_media_entry *entry)
{
	*entry = (struct kvmem_media_entry) {
		.length = cpu_to_le32(op->len),
		.crc = cpu_to_le32(crc),
		.cost = cpu_to_le32(op->cost),
		.class = op->hint_class ? op->hint_class << 3 : kvmem_run_class(run),
		.priority = op->priority,
	};
	memcpy(entry->key, op->key, sizeof(entry->key));
}

static int put_start(struct kvmem_media *media, struct kvmem_direct *d, struct kvmem_run *run)
{
	unsigned int nr = d->map ? 0 : kvmem_entry_sums(d->op.len);
	struct kvmem_media_entry entry;
	u32 *sums = NULL;
	u32 crc = 0;
	int ret;

	if (nr) {
		sums = kmalloc_array(nr, sizeof(*sums), GFP_KERNEL);
		if (!sums)
			return -EAGAIN;
	}
	if (d->span.len > DIRECT_GATHER_MAX)
		kvmem_direct_unplug(run);
	if (!d->map)
		crc = ~direct_crc(&d->span, sums);
	if (d->span.len <= DIRECT_GATHER_MAX)
		direct_plug(run);
	put_entry(d->ns, &d->op, run, crc, &entry);
	if (d->map)
		entry.flags = KVMEM_MEDIA_ENTRY_F_UNSUMMED;
	d->op.crc = crc;
	ret = kvmem_log_write_span(media, d->ns, &entry, sums,
				   kvmem_block_expires_after(d->ns, d->op.ttl_ms), d->start,
				   &d->span, put_claim, put_written, d, &d->write);
	kfree(sums);
	return ret ? -EAGAIN : 0;
}

static int put_send(struct kvmem_media *media, struct kvmem_direct *d, struct kvmem_run *run)
{
	int ret;

	direct_begin(run, d);
	ret = put_start(media, d, run);
	if (ret)
		direct_undo(run, d);
	return ret;
}

static bool put_admit(struct kvmem_media *media, const struct kvmem_direct *d)
{
	u32 value = kvmem_ns_value(d->ns, d->op.hint_class << 3, 0);
	bool ok;

	spin_lock(&media->lock);
	ok = kvmem_budget_take(&media->budget, d->op.len, value, d->start);
	if (!ok)
		media->counts.refused[KVMEM_REFUSE_VALUE]++;
	spin_unlock(&media->lock);
	return ok;
}

int kvmem_direct_put(struct kvmem_buffer *buf, struct kvmem_ns *ns, struct kvmem_op *op,
		     struct kvmem_run *run)
{
	bool dma = kvmem_buffer_has_no_pages(buf);
	struct kvmem_media *media;
	struct kvmem_direct *d;
	int ret;

	if (READ_ONCE(ns->flash.mode) == KVMEM_FLASH_MODE_OFF ||
	    (!dma && op->flags & KVMEM_OP_F_PERSIST))
		return -EAGAIN;
	media = dma ? kvmem_media_pick_dma(ns, op->len) : kvmem_media_pick(ns, op->len);
	if (!media)
		return -EAGAIN;
	d = direct_alloc(buf, ns, op, op->len, run);
	ret = PTR_ERR_OR_ZERO(d) ?: direct_fits(d, op, media);
	if (!ret) {
		op->reason = dma ? KVMEM_REASON_ROOM : KVMEM_REASON_NONE;
		ret = put_admit(media, d) ? put_send(media, d, run) : -EAGAIN;
	}
	if (ret && !IS_ERR(d))
		direct_free(d);
	kvmem_media_done(media);
	return ret ?: KVMEM_OP_PENDING;
}

/* Ending ------------------------------------------------------------------------- */

static int get_finish(struct kvmem_direct *d, struct kvmem_run *run)
{
	struct kvmem_copy *copy = d->copy;
	int ret = d->status;

	/* Nobody will ask for the bytes. */
	if (run->deaf)
		return -EINTR;
	if (!ret && !d->buf->dmabuf && ~direct_crc(&d->span, NULL) != copy->crc)
		ret = -EILSEQ;
	if (ret) {
		kvmem_flash_read_failed(copy, ret);
		if (ret != -EILSEQ)
			return kvmem_flash_errno(ret);
		d->op.res_flags |= KVMEM_RES_F_CORRUPT;
		d->op.crc = 0;
		kvmem_run_miss(run, d->ns, direct_key(&d->op), d->op.res_flags);
		return -ENOENT;
	}
	d->op.bytes = d->span.len;
	d->op.tier = KVMEM_TIER_FLASH;
	if (!d->buf->dmabuf || copy->seg->media->dev.geo.pi)
		d->op.res_flags |= KVMEM_RES_F_VERIFIED;
	kvmem_stat_add(d->ns, KVMEM_STAT_ZERO_COPY, d->op.bytes);
	kvmem_run_found(run, d->ns, direct_key(&d->op), copy->class, copy->size);
	if (!(d->op.flags & KVMEM_OP_F_NOTOUCH))
		kvmem_flash_used(copy, d->start);
	return 0;
}

static int put_finish(struct kvmem_direct *d)
{
	u32 size = d->op.len;

	/* Publishes it, and frees the write; the status is ours by put_written(). */
	kvmem_log_written(d->write);
	if (d->status && d->status != -EEXIST)
		return kvmem_flash_errno(d->status);
	d->op.bytes = size;
	d->op.tier = KVMEM_TIER_FLASH;
	if (d->status == -EEXIST) {
		d->op.res_flags |= KVMEM_RES_F_EXISTED;
		kvmem_stat_inc(d->ns, KVMEM_STAT_EXISTED);
		return 0;
	}
	kvmem_stat_add(d->ns, KVMEM_STAT_ZERO_COPY, size);
	kvmem_stat_inc(d->ns, KVMEM_STAT_PUTS);
	kvmem_sample(d->ns, direct_key(&d->op), KVMEM_SAMPLE_KIND_PUT,
		     d->op.hint_class << 3, size);
	return d->op.flags & KVMEM_OP_F_PERSIST ? kvmem_op_persist(d->ns, &d->op) : 0;
}

/* 0: it has ended; else nobody waits for it any more, it is not ours, and @op is a copy. */
static int direct_wait(struct kvmem_run *run, struct kvmem_direct *d, struct kvmem_op *op)
{
	unsigned long timeout = msecs_to_jiffies(KVMEM_IO_TIMEOUT_MS);
	bool given_up = atomic_read(&d->state) == DIRECT_GIVEN_UP;
	long left = 0;

	if (!given_up)
		left = wait_for_completion_killable_timeout(&d->done, timeout);
	if (left > 0)
		return 0;
	*op = d->op;
	if (direct_leave(d))
		return given_up ? run->given_up : left ? -EINTR : -ETIMEDOUT;
	/* Just now: the next instruction of who ended it completes. */
	wait_for_completion(&d->done);
	return 0;
}

static int direct_tell(struct kvmem_run *run, struct kvmem_op *op,
		       struct kvmem_op __user *uop)
{
	if (op->status)
		run->failed = true;
	else
		run->nr_ok++;
	return run->deaf ? 0 : kvmem_op_write_result(uop, op);
}

/* -EFAULT only. */
static int direct_finish(struct kvmem_run *run, struct kvmem_direct *d)
{
	struct kvmem_op __user *uop = d->uop;
	struct kvmem_ns *ns = d->ns;
	u64 start = d->start;
	struct kvmem_op op;
	int ret = direct_wait(run, d, &op);

	if (ret) {
		kvmem_op_end(ns, &op, ret, start);
		return direct_tell(run, &op, uop);
	}
	ret = d->write ? put_finish(d) : get_finish(d, run);
	kvmem_op_end(ns, &d->op, ret, start);
	ret = direct_tell(run, &d->op, uop);
	direct_spare(run, d);
	return ret;
}

void kvmem_direct_tell(struct kvmem_run *run, struct kvmem_op __user *uop)
{
	list_last_entry(&run->direct, struct kvmem_direct, node)->uop = uop;
}

/* One of those under way has the key, and one of the two is not just a look. */
static bool direct_key_is_busy(const struct kvmem_run *run, const struct kvmem_op *op)
{
	struct kvmem_direct *d;

	if (!(run->direct_keys & direct_bit(op)))
		return false;
	list_for_each_entry(d, &run->direct, node)
		if ((d->op.opcode == KVMEM_OP_PUT || op->opcode == KVMEM_OP_PUT) &&
		    !memcmp(d->op.key, op->key, sizeof(op->key)))
			return true;
	return false;
}

static bool direct_conflicts(const struct kvmem_run *run, const struct kvmem_op *op)
{
	if (op->opcode != KVMEM_OP_GET && op->opcode != KVMEM_OP_PUT &&
	    op->opcode != KVMEM_OP_EXISTS)
		return true;
	return direct_key_is_busy(run, op);
}

static int direct_reap_first(struct kvmem_run *run)
{
	struct kvmem_direct *d = list_first_entry(&run->direct, struct kvmem_direct, node);

	list_del(&d->node);
	run->nr_direct--;
	return direct_finish(run, d);
}

int kvmem_direct_make_way(struct kvmem_run *run, const struct kvmem_op *op)
{
	if (!run->nr_direct)
		return 0;
	if (direct_conflicts(run, op))
		return kvmem_direct_reap(run);
	if (op->opcode == KVMEM_OP_EXISTS || !(op->flags & KVMEM_OP_F_NOCACHE))
		kvmem_direct_unplug(run);
	if (run->nr_direct < KVMEM_DIRECT_MAX)
		return 0;
	kvmem_direct_unplug(run);
	return direct_reap_first(run);
}

int kvmem_direct_reap(struct kvmem_run *run)
{
	int ret = 0;

	kvmem_direct_unplug(run);
	while (run->nr_direct)
		ret = direct_reap_first(run) ?: ret;
	run->direct_keys = 0;
	return ret;
}

/* Batches that nobody waits for ---------------------------------------------------- */

void kvmem_direct_alone(struct kvmem_run *run, void (*idle)(struct kvmem_run *run))
{
	run->idle = idle;
	/* Of who begins the operations, so that they are not all over before the last. */
	atomic_set(&run->nr_under_way, 1);
}

bool kvmem_direct_part(struct kvmem_run *run)
{
	kvmem_direct_unplug(run);
	return !atomic_dec_and_test(&run->nr_under_way);
}

/* Nobody finishes the batch while we count: the list stays, and all that is in it. */
void kvmem_direct_give_up(struct kvmem_run *run, int status)
{
	struct kvmem_direct *d;

	if (!atomic_inc_not_zero(&run->nr_under_way))
		return;
	WRITE_ONCE(run->given_up, status);
	list_for_each_entry(d, &run->direct, node)
		if (atomic_cmpxchg(&d->state, DIRECT_ON_WAY, DIRECT_GIVEN_UP) == DIRECT_ON_WAY)
			atomic_dec(&run->nr_under_way);
	direct_drop(run);
}
