// SPDX-License-Identifier: GPL-2.0
/*
 * An open device: checks, counts and measures every transfer on its way to the
 * backend and back, and moves bounce buffers for those who wait.
 */
#include <linux/atomic.h>
#include <linux/bvec.h>
#include <linux/completion.h>
#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/llist.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "media.h"

/* Bytes over which the service time is averaged */
#define DEV_WINDOW	(16U << 20)
/* Longest gap between completions that is believed, and longest average of a MiB */
#define DEV_BUSY_MAX	(60ULL * NSEC_PER_SEC)
#define DEV_MIB_SHIFT	20
/* How often a close looks for completions by itself */
#define DEV_CLOSE_MS	100
/* How long a waiter polls before it sleeps in between */
#define DEV_SPIN_NS	(2 * NSEC_PER_MSEC)
/* Buffers up to here are one run of pages */
#define DEV_RUN_PAGES	8U

unsigned int kvmem_io_timeout_ms = 60000;

/* Bounce buffers ----------------------------------------------------------- */

/**
 * struct kvmem_dev_buf - a bounce buffer
 * @ref: every user one, every transfer one
 * @node: in bufs_dead when the last reference went where nothing may sleep
 * @data: @nr pages
 * @nr: pages
 * @bvecs: the pages
 */
struct kvmem_dev_buf {
	refcount_t ref;
	struct llist_node node;
	void *data;
	unsigned int nr;
	struct bio_vec bvecs[];
};

static void *buf_pages_alloc(unsigned int nr)
{
	gfp_t gfp = GFP_KERNEL | __GFP_NOWARN | __GFP_ZERO;

	if (nr <= DEV_RUN_PAGES)
		return alloc_pages_exact((size_t)nr << PAGE_SHIFT, gfp);
	return __vmalloc((unsigned long)nr << PAGE_SHIFT, gfp);
}

static void buf_pages_free(void *data, unsigned int nr)
{
	if (nr <= DEV_RUN_PAGES)
		free_pages_exact(data, (size_t)nr << PAGE_SHIFT);
	else
		vfree(data);
}

static void buf_set_bvecs(struct kvmem_dev_buf *buf)
{
	unsigned int i;

	for (i = 0; i < buf->nr; i++) {
		void *p = buf->data + ((size_t)i << PAGE_SHIFT);

		buf->bvecs[i] = (struct bio_vec) {
			.bv_page = is_vmalloc_addr(p) ? vmalloc_to_page(p) : virt_to_page(p),
			.bv_len = PAGE_SIZE,
		};
	}
}

struct kvmem_dev_buf *kvmem_dev_alloc(size_t len)
{
	unsigned int nr = PFN_UP(len);
	struct kvmem_dev_buf *buf;

	if (!len || len > KVMEM_DEV_MAX_LEN)
		return NULL;
	buf = kvmalloc(struct_size(buf, bvecs, nr), GFP_KERNEL);
	if (!buf)
		return NULL;
	buf->data = buf_pages_alloc(nr);
	if (!buf->data) {
		kvfree(buf);
		return NULL;
	}
	refcount_set(&buf->ref, 1);
	buf->nr = nr;
	buf_set_bvecs(buf);
	return buf;
}

static void buf_free(struct kvmem_dev_buf *buf)
{
	buf_pages_free(buf->data, buf->nr);
	kvfree(buf);
}

static LLIST_HEAD(bufs_dead);

static void bufs_reap(struct work_struct *work)
{
	struct kvmem_dev_buf *buf, *next;

	llist_for_each_entry_safe(buf, next, llist_del_all(&bufs_dead), node)
		buf_free(buf);
}

/* Flushed by every close, so none is pending when the module goes. */
static DECLARE_WORK(bufs_reaper, bufs_reap);

/* For the end of a transfer, which may be in an interrupt. */
static void buf_put_atomic(struct kvmem_dev_buf *buf)
{
	if (buf && refcount_dec_and_test(&buf->ref)) {
		llist_add(&buf->node, &bufs_dead);
		queue_work(system_dfl_wq, &bufs_reaper);
	}
}

void kvmem_dev_buf_get(struct kvmem_dev_buf *buf)
{
	refcount_inc(&buf->ref);
}

void kvmem_dev_buf_put(struct kvmem_dev_buf *buf)
{
	if (buf && refcount_dec_and_test(&buf->ref))
		buf_free(buf);
}

void *kvmem_dev_buf_data(struct kvmem_dev_buf *buf)
{
	return buf->data;
}

const struct bio_vec *kvmem_dev_buf_bvecs(const struct kvmem_dev_buf *buf, unsigned int *nr)
{
	*nr = buf->nr;
	return buf->bvecs;
}

/* Open, close -------------------------------------------------------------- */

/* What a device says about itself is not to be trusted either. */
static bool geometry_ok(const struct kvmem_geometry *geo)
{
	return is_power_of_2(geo->unit) && geo->unit >= 512 &&
	       is_power_of_2(geo->mem_align) && geo->mem_align <= PAGE_SIZE &&
	       geo->max_io >= geo->unit &&
	       geo->bytes >= geo->unit && geo->bytes <= S64_MAX &&
	       (!geo->discard_unit || geo->max_discard_ranges);
}

static int dev_open_backend(struct kvmem_dev *dev, const char *path)
{
	int ret = dev->ops->open(dev, path);

	if (ret)
		return ret;
	if (geometry_ok(&dev->geo))
		return 0;
	dev->ops->close(dev);
	return -EINVAL;
}

static void dev_init(struct kvmem_dev *dev, const struct kvmem_media_ops *ops,
		     void (*trouble)(struct kvmem_dev *, enum kvmem_dev_trouble))
{
	memset(dev, 0, sizeof(*dev));
	dev->ops = ops;
	dev->trouble = trouble;
	init_waitqueue_head(&dev->idle);
}

int kvmem_dev_open(struct kvmem_dev *dev, const struct kvmem_media_ops *ops, const char *path,
		   void (*trouble)(struct kvmem_dev *, enum kvmem_dev_trouble))
{
	int ret;

	/* The backend may report trouble before its open() returns. */
	dev_init(dev, ops, trouble);
	if (strscpy(dev->path, path, sizeof(dev->path)) < 0)
		return -ENAMETOOLONG;
	if (!try_module_get(ops->owner))
		return -ENODEV;
	ret = dev_open_backend(dev, path);
	if (ret)
		module_put(ops->owner);
	return ret;
}

static void dev_poll(struct kvmem_dev *dev)
{
	if (dev->geo.polled && dev->ops->poll)
		dev->ops->poll(dev);
}

void kvmem_dev_close(struct kvmem_dev *dev)
{
	/* What is polled for may have lost its waiter to a timeout. */
	while (!wait_event_timeout(dev->idle, !atomic_read(&dev->nr_inflight),
				   msecs_to_jiffies(DEV_CLOSE_MS)))
		dev_poll(dev);
	/* dev_leave() counts down to 0 with the lock held: it has let go of @dev. */
	spin_lock_irq(&dev->idle.lock);
	spin_unlock_irq(&dev->idle.lock);
	flush_work(&bufs_reaper);
	dev->ops->close(dev);
	module_put(dev->ops->owner);
}

void kvmem_dev_report(struct kvmem_dev *dev, enum kvmem_dev_trouble what)
{
	if (what != KVMEM_DEV_READ_ONLY)
		WRITE_ONCE(dev->gone, true);
	if (!test_and_set_bit(what, &dev->told) && dev->trouble)
		dev->trouble(dev, what);
}
EXPORT_SYMBOL_KVMEM(kvmem_dev_report);

/* Checks ------------------------------------------------------------------- */

static bool range_ok(const struct kvmem_geometry *geo, u64 off, u64 len)
{
	return len && !((off | len) & (geo->unit - 1)) && off <= geo->bytes &&
	       len <= geo->bytes - off;
}

/*
 * Block devices ask it of every segment: memory aligned, whole units.  An empty
 * one would end a bio early.
 */
static bool bvecs_ok(const struct kvmem_geometry *geo, const struct kvmem_io *io)
{
	size_t skip = io->first, left = io->len;
	unsigned int i;

	for (i = 0; i < io->nr_bvecs && left; i++) {
		const struct bio_vec *bv = &io->bvecs[i];
		size_t part;

		if (!bv->bv_len)
			return false;
		if (skip >= bv->bv_len) {
			skip -= bv->bv_len;
			continue;
		}
		part = min_t(size_t, left, bv->bv_len - skip);
		if (((bv->bv_offset + skip) & (geo->mem_align - 1)) || (part & (geo->unit - 1)))
			return false;
		left -= part;
		skip = 0;
	}
	return !left;
}

/* What PRPs can say: aligned at the start, and whole pages wherever two runs meet. */
static bool runs_ok(const struct kvmem_geometry *geo, const struct kvmem_io *io)
{
	u64 skip = io->first, left = io->len, mask = geo->mem_align - 1, part;
	unsigned int i;

	for (i = 0; i < io->nr_dma && left; i++, mask = PAGE_SIZE - 1) {
		const struct kvmem_dma_run *run = &io->dma[i];

		if (skip >= run->len)
			return false;
		part = min(left, run->len - skip);
		if ((run->addr + skip) & mask)
			return false;
		left -= part;
		if (left && !PAGE_ALIGNED(run->addr + run->len))
			return false;
		skip = 0;
	}
	return !left;
}

struct device *kvmem_dev_dma(struct kvmem_dev *dev)
{
	return dev->ops->dma_dev ? dev->ops->dma_dev(dev) : NULL;
}

static int check_transfer(struct kvmem_dev *dev, const struct kvmem_io *io)
{
	const struct kvmem_geometry *geo = &dev->geo;

	if (!range_ok(geo, io->off, io->len) || io->len > KVMEM_DEV_MAX_LEN)
		return -EINVAL;
	if (io->dma) {
		if (!kvmem_dev_dma(dev))
			return -EOPNOTSUPP;
		return !io->bvecs && runs_ok(geo, io) ? 0 : -EINVAL;
	}
	if (io->nr_bvecs > USHRT_MAX || !bvecs_ok(geo, io))
		return -EINVAL;
	return 0;
}

static int check_discard(const struct kvmem_geometry *geo, const struct kvmem_io *io)
{
	unsigned int i;

	if (!geo->discard_unit)
		return -EOPNOTSUPP;
	for (i = 0; i < io->nr_ranges; i++)
		if (!range_ok(geo, io->ranges[i].off, io->ranges[i].len))
			return -EINVAL;
	return io->nr_ranges ? 0 : -EINVAL;
}

static bool dev_takes_writes(const struct kvmem_dev *dev)
{
	return !dev->geo.read_only && !test_bit(KVMEM_DEV_READ_ONLY, &dev->told);
}

static int dev_check(struct kvmem_dev *dev, const struct kvmem_io *io)
{
	bool changes = io->op == KVMEM_IO_WRITE || io->op == KVMEM_IO_DISCARD;

	if ((unsigned int)io->op >= KVMEM_IO_NR)
		return -EINVAL;
	if (io->op != KVMEM_IO_WRITE && (io->flags & (KVMEM_IO_F_PREFLUSH | KVMEM_IO_F_FUA)))
		return -EINVAL;
	if (READ_ONCE(dev->gone))
		return -ENODEV;
	if (changes && !dev_takes_writes(dev))
		return -EROFS;
	switch (io->op) {
	case KVMEM_IO_FLUSH:
		return 0;
	case KVMEM_IO_DISCARD:
		return check_discard(&dev->geo, io);
	default:
		return check_transfer(dev, io);
	}
}

/* Transfers ---------------------------------------------------------------- */

static bool io_moves(const struct kvmem_io *io)
{
	return io->op == KVMEM_IO_READ || io->op == KVMEM_IO_WRITE;
}

static u64 io_bytes(const struct kvmem_io *io)
{
	u64 bytes = 0;
	unsigned int i;

	if (io_moves(io))
		return io->len;
	if (io->op == KVMEM_IO_DISCARD)
		for (i = 0; i < io->nr_ranges; i++)
			bytes += io->ranges[i].len;
	return bytes;
}

/*
 * An average over the last DEV_WINDOW bytes or so, in which a transfer counts
 * by its length.  It starts at 0, so that a device nobody knows is tried.
 * With both bounds nothing here overflows: 60 s << 20 and 60 s * DEV_WINDOW
 * are below 2^63.
 */
static u64 service_average(u64 old, u64 busy, size_t len)
{
	s64 now;

	if (len >= DEV_WINDOW)
		now = div64_u64(busy << DEV_MIB_SHIFT, len);
	else
		now = old + div_s64((s64)(busy << DEV_MIB_SHIFT) - (s64)(old * len), DEV_WINDOW);
	return clamp_t(s64, now, 1, DEV_BUSY_MAX);
}

/*
 * The device is seen as one server: a transfer took the time since the end of
 * the one that ended before it, or since its own start when the device was
 * idle.  So what else was in flight is not in it, and the sum over all that is
 * in flight is the time until the last one ends.  Averages are written without
 * a lock: one of two that end at once may be lost.
 */
static void dev_measure(struct kvmem_dev *dev, const struct kvmem_io *io, u64 now)
{
	u64 start = max_t(u64, io->start, atomic64_xchg(&dev->ended, now));
	u64 busy = now > start ? min(now - start, DEV_BUSY_MAX) : 0;
	u64 *avg = &dev->service_ns[io->op == KVMEM_IO_WRITE];

	WRITE_ONCE(*avg, service_average(READ_ONCE(*avg), busy, io->len));
}

static void dev_enter(struct kvmem_dev *dev, struct kvmem_io *io)
{
	if (!(io->flags & KVMEM_IO_F_STARTED))
		io->start = ktime_get_ns();
	if (atomic_inc_return(&dev->nr_inflight) == 1)
		WRITE_ONCE(dev->answered, io->start);
	if (io_moves(io))
		atomic64_add(io->len, &dev->inflight[io->op == KVMEM_IO_WRITE]);
}

/* The last one holds the lock from its count to its wake-up, see kvmem_dev_close(). */
static void dev_leave(struct kvmem_dev *dev)
{
	unsigned long flags;

	if (!atomic_dec_and_lock_irqsave(&dev->nr_inflight, &dev->idle.lock, flags))
		return;
	wake_up_all_locked(&dev->idle);
	spin_unlock_irqrestore(&dev->idle.lock, flags);
}

void kvmem_dev_submit(struct kvmem_dev *dev, struct kvmem_io *io)
{
	int ret = dev_check(dev, io);

	io->dev = dev;
	if (ret) {
		io->done(io, ret);
		return;
	}
	if (io->op != KVMEM_IO_READ || !dev->geo.polled)
		io->flags &= ~KVMEM_IO_F_POLLED;
	dev_enter(dev, io);
	dev->ops->submit(dev, io);
}

/* A failure says nothing about how fast the device is, and must not make it look fast. */
static void dev_account(struct kvmem_dev *dev, const struct kvmem_io *io, int status)
{
	u64 now = ktime_get_ns();

	WRITE_ONCE(dev->answered, now);
	atomic64_inc(&dev->ios[io->op]);
	if (io_moves(io))
		atomic64_sub(io->len, &dev->inflight[io->op == KVMEM_IO_WRITE]);
	if (status) {
		atomic64_inc(&dev->errors[io->op]);
		return;
	}
	atomic64_add(io_bytes(io), &dev->bytes[io->op]);
	if (io_moves(io))
		dev_measure(dev, io, now);
	else if (io->op == KVMEM_IO_DISCARD)
		atomic64_add(io->nr_ranges, &dev->ranges);
}

void kvmem_dev_end(struct kvmem_io *io, int status)
{
	struct kvmem_dev *dev = io->dev;

	dev_account(dev, io, status);
	/* @io may be gone after this; @dev stays until we have left. */
	io->done(io, status);
	dev_leave(dev);
}
EXPORT_SYMBOL_KVMEM(kvmem_dev_end);

/* The clock may have been read before the last answer. */
bool kvmem_dev_is_silent(const struct kvmem_dev *dev, unsigned int ms)
{
	s64 quiet = ktime_get_ns() - READ_ONCE(dev->answered);

	return atomic_read(&dev->nr_inflight) && quiet > (s64)ms * NSEC_PER_MSEC;
}

static u64 dev_cost(const struct kvmem_dev *dev, unsigned int dir, u64 more)
{
	u64 bytes = atomic64_read(&dev->inflight[dir]) + more;

	return mul_u64_u64_shr(bytes, READ_ONCE(dev->service_ns[dir]), DEV_MIB_SHIFT);
}

u64 kvmem_dev_expected_wait(const struct kvmem_dev *dev, bool write, size_t bytes)
{
	return dev_cost(dev, 0, write ? 0 : bytes) + dev_cost(dev, 1, write ? bytes : 0);
}

/* Waiting ------------------------------------------------------------------ */

static bool wait_spin(struct kvmem_dev *dev, struct completion *done)
{
	u64 start = ktime_get_ns();

	while (!completion_done(done)) {
		if (ktime_get_ns() - start > DEV_SPIN_NS)
			return false;
		dev_poll(dev);
		cond_resched();
	}
	return true;
}

/* Nobody else looks for a polled completion, so the waiter never sleeps for long. */
static bool wait_polled(struct kvmem_dev *dev, struct completion *done, unsigned long jiffs)
{
	unsigned long end = jiffies + jiffs;

	if (wait_spin(dev, done))
		return true;
	while (!wait_for_completion_io_timeout(done, 1)) {
		if (time_after(jiffies, end))
			return completion_done(done);
		dev_poll(dev);
	}
	return true;
}

bool kvmem_dev_wait(struct kvmem_dev *dev, struct completion *done, bool polled,
		    unsigned int timeout_ms)
{
	unsigned long jiffs = msecs_to_jiffies(timeout_ms);

	if (polled && dev->geo.polled)
		return wait_polled(dev, done, jiffs);
	return wait_for_completion_io_timeout(done, jiffs);
}

/**
 * struct dev_call - a transfer that somebody waits for
 * @io: the transfer
 * @done: completed at its end
 * @buf: referenced, or NULL
 * @ref: the waiter and the transfer have one each, since either may be the last
 * @status: valid once @done is
 */
struct dev_call {
	struct kvmem_io io;
	struct completion done;
	struct kvmem_dev_buf *buf;
	refcount_t ref;
	int status;
};

static void call_put(struct dev_call *call)
{
	if (!refcount_dec_and_test(&call->ref))
		return;
	buf_put_atomic(call->buf);
	kfree(call);
}

static void call_done(struct kvmem_io *io, int status)
{
	struct dev_call *call = container_of(io, struct dev_call, io);

	call->status = status;
	complete(&call->done);
	call_put(call);
}

/* GFP_NOIO: this may be what makes memory free again. */
static struct dev_call *call_alloc(enum kvmem_io_op op, u32 flags)
{
	struct dev_call *call = kzalloc(sizeof(*call), GFP_NOIO);

	if (!call)
		return NULL;
	call->io.op = op;
	call->io.flags = flags;
	call->io.done = call_done;
	init_completion(&call->done);
	refcount_set(&call->ref, 2);
	return call;
}

static int call_run(struct kvmem_dev *dev, struct dev_call *call, unsigned int timeout_ms)
{
	bool polled = call->io.flags & KVMEM_IO_F_POLLED;
	int ret = -ETIMEDOUT;

	kvmem_dev_submit(dev, &call->io);
	if (kvmem_dev_wait(dev, &call->done, polled, timeout_ms))
		ret = call->status;
	call_put(call);
	return ret;
}

static bool buf_has(const struct kvmem_dev_buf *buf, size_t at, size_t len)
{
	size_t bytes = (size_t)buf->nr << PAGE_SHIFT;

	return IS_ALIGNED(at, PAGE_SIZE) && at <= bytes && len <= bytes - at;
}

int kvmem_dev_rw_within(struct kvmem_dev *dev, enum kvmem_io_op op, u32 flags, u64 off,
			struct kvmem_dev_buf *buf, size_t at, size_t len,
			unsigned int timeout_ms)
{
	struct dev_call *call;

	if ((op != KVMEM_IO_READ && op != KVMEM_IO_WRITE) || !buf_has(buf, at, len))
		return -EINVAL;
	/* Polling is for those who wait for a read, when the device offers it. */
	if (op == KVMEM_IO_READ && dev->geo.polled && !(flags & KVMEM_IO_F_BACKGROUND))
		flags |= KVMEM_IO_F_POLLED;
	call = call_alloc(op, flags);
	if (!call)
		return -ENOMEM;
	kvmem_dev_buf_get(buf);
	call->buf = buf;
	call->io.off = off;
	call->io.len = len;
	call->io.bvecs = buf->bvecs + (at >> PAGE_SHIFT);
	call->io.nr_bvecs = buf->nr - (at >> PAGE_SHIFT);
	return call_run(dev, call, timeout_ms);
}

int kvmem_dev_rw(struct kvmem_dev *dev, enum kvmem_io_op op, u32 flags, u64 off,
		 struct kvmem_dev_buf *buf, size_t at, size_t len)
{
	return kvmem_dev_rw_within(dev, op, flags, off, buf, at, len, KVMEM_IO_TIMEOUT_MS);
}

int kvmem_dev_flush(struct kvmem_dev *dev)
{
	struct dev_call *call = call_alloc(KVMEM_IO_FLUSH, 0);

	return call ? call_run(dev, call, KVMEM_IO_TIMEOUT_MS) : -ENOMEM;
}
