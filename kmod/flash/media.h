/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The media contract: how bytes move between memory and a place that keeps
 * them.  Nothing here knows what a block is.
 *
 * bdev.c is a backend of kvmem.ko itself; others are modules of their own that
 * register a struct kvmem_media_ops (kvmem_nvme.ko).
 */
#ifndef KVMEM_MEDIA_H
#define KVMEM_MEDIA_H

#include <linux/bits.h>
#include <linux/bvec.h>
#include <linux/completion.h>
#include <linux/types.h>
#include <linux/wait.h>

struct device;
struct kvmem_dev;
struct kvmem_io;

/* What a device is like; constant while it is open. */
struct kvmem_geometry {
	u64 bytes;		/* capacity */
	u32 unit;		/* logical block, bytes: every offset and length is a multiple */
	u32 mem_align;		/* memory of a transfer starts at a multiple of this, bytes */
	u32 max_io;		/* longest transfer that is one command, bytes */
	u32 discard_unit;	/* discards are cut to multiples of this, bytes; 0 = cannot */
	u32 max_discard_ranges;	/* in one command; at least 1 when it can discard */
	bool volatile_cache;	/* flush and FUA mean something */
	bool read_only;
	bool polled;		/* completions may be polled for */
	bool pi;		/* the drive checks a guard over every unit, written and read */
};

enum kvmem_io_op {
	KVMEM_IO_READ,
	KVMEM_IO_WRITE,
	KVMEM_IO_FLUSH,		/* no data */
	KVMEM_IO_DISCARD,	/* ranges, no data */
	KVMEM_IO_NR
};

/* kvmem_io.flags */
#define KVMEM_IO_F_PREFLUSH	BIT(0)	/* all writes completed before are durable first */
#define KVMEM_IO_F_FUA		BIT(1)	/* durable when done */
#define KVMEM_IO_F_BACKGROUND	BIT(2)	/* nobody waits: behind the others */
#define KVMEM_IO_F_POLLED	BIT(3)	/* a read; its caller is in kvmem_dev_wait() */
#define KVMEM_IO_F_STARTED	BIT(4)	/* @start is the caller's, of just now */

/* The longest transfer: a block of KVMEM_MAX_BLOCK and what surrounds it in its units */
#define KVMEM_DEV_MAX_LEN	(130U << 20)

struct kvmem_range {
	u64 off;
	u64 len;
};

/* A run of memory as a device sees it; there may be no page behind it. */
struct kvmem_dma_run {
	dma_addr_t addr;
	u64 len;
};

/**
 * struct kvmem_io - one transfer between memory and a device
 * @op: what to do
 * @flags: KVMEM_IO_F_*
 * @off: on the device, bytes, a multiple of the unit
 * @len: bytes, a multiple of the unit, up to KVMEM_DEV_MAX_LEN; the backend splits
 * @bvecs: host pages, at least @len bytes; every segment starts and ends at a
 *	multiple of mem_align, and segments other than the last are whole units
 * @nr_bvecs: entries in @bvecs, up to 65535
 * @dma: instead of @bvecs (then NULL): runs mapped for the backend's dma_dev(), both
 *	ways, at least @len bytes.  The transfer starts at a multiple of mem_align;
 *	where one run ends and the next begins, both are at a multiple of PAGE_SIZE, so
 *	PRPs can always say it.  A unit may lie in several runs; the backend splits
 * @nr_dma: entries in @dma
 * @first: bytes of @bvecs, or of the first of @dma, to skip
 * @ranges: of a discard
 * @nr_ranges: of a discard
 * @done: called once, from any context but with no lock of ours; @status is 0
 *	or a negative errno, -EILSEQ when a guard did not match.  The memory is the
 *	caller's again: not before the device can no longer touch it
 * @start: ktime in ns; of the core, which asks the clock, but for KVMEM_IO_F_STARTED
 * @dev: of the core
 * @backend: of the backend
 * @pending: parts on their way, of the backend
 * @status: of the first part that failed, of the backend
 *
 * Belongs to the backend from submit to done.
 */
struct kvmem_io {
	enum kvmem_io_op op;
	u32 flags;
	u64 off;
	size_t len;
	const struct bio_vec *bvecs;
	unsigned int nr_bvecs;
	const struct kvmem_dma_run *dma;
	unsigned int nr_dma;
	size_t first;
	const struct kvmem_range *ranges;
	unsigned int nr_ranges;
	void (*done)(struct kvmem_io *io, int status);
	u64 start;
	struct kvmem_dev *dev;
	unsigned long backend[8];
	atomic_t pending;
	int status;
};

/* What the device says about its own health; -1 = it does not say. */
struct kvmem_health {
	int percent_used;	/* of its endurance */
	int spare_percent;
	s64 media_errors;
	s64 bytes_written;	/* since it was made */
};

/**
 * struct kvmem_media_ops - a backend
 * @name: for people, and in front of the colon in a path
 * @owner: a module that stays while a device of its is open; NULL for kvmem.ko
 *	itself, whose unloading detaches all
 * @open: @path is the backend's own name for the device.  Exclusive; read-only
 *	when the device is.  Fills dev->priv and dev->geo
 * @close: nothing is in flight
 * @submit: never sleeps for the transfer's end, may sleep for memory; always
 *	calls io->done, once, in bounded time and without the caller's help: he may
 *	sleep next for somebody who waits for the transfer
 * @poll: look for completions; how many there were.  NULL: interrupts only
 * @dma_dev: the device that does the DMA, for mapping memory that has no pages;
 *	the same from open to close, and bound to its driver; NULL once that is about
 *	to go, see kvmem_dma_forget().  NULL, or returns NULL: host pages only.  Never
 *	sleeps
 * @health: may sleep.  NULL: unknown
 */
struct kvmem_media_ops {
	const char *name;
	struct module *owner;
	int (*open)(struct kvmem_dev *dev, const char *path);
	void (*close)(struct kvmem_dev *dev);
	void (*submit)(struct kvmem_dev *dev, struct kvmem_io *io);
	int (*poll)(struct kvmem_dev *dev);
	struct device *(*dma_dev)(struct kvmem_dev *dev);
	int (*health)(struct kvmem_dev *dev, struct kvmem_health *health);
};

enum kvmem_dev_trouble {
	KVMEM_DEV_GONE,		/* removed: every transfer fails from now on */
	KVMEM_DEV_READ_ONLY,	/* writes fail from now on */
	KVMEM_DEV_SILENT,	/* it does not answer: as if it had gone */
};

/**
 * struct kvmem_dev - an open device
 * @ops: backend
 * @priv: of the backend
 * @geo: filled by open
 * @path: what was opened, for people
 * @trouble: called by the backend when the device changes for the worse; any
 *	context
 * @inflight: bytes under way in each direction (read, write)
 * @nr_inflight: transfers under way
 * @idle: woken when @nr_inflight becomes 0
 * @service_ns: moving average of nanoseconds per MiB, read and write
 * @ended: when a read or write ended last, ktime in ns
 * @answered: when any transfer ended, or the first of those under way began, ktime
 *	in ns; one of several at once
 * @ios: transfers ended, by op
 * @bytes: moved, by op; a discard's are those it covered
 * @errors: transfers that failed, by op
 * @ranges: discarded
 * @told: bit set = that enum kvmem_dev_trouble was reported; atomic bitops
 * @gone: see KVMEM_DEV_GONE and _SILENT; every submission ends with -ENODEV
 */
struct kvmem_dev {
	const struct kvmem_media_ops *ops;
	void *priv;
	struct kvmem_geometry geo;
	char path[256];
	void (*trouble)(struct kvmem_dev *dev, enum kvmem_dev_trouble what);
	atomic64_t inflight[2];
	atomic_t nr_inflight;
	wait_queue_head_t idle;
	u64 service_ns[2];
	atomic64_t ended;
	u64 answered;
	atomic64_t ios[KVMEM_IO_NR];
	atomic64_t bytes[KVMEM_IO_NR];
	atomic64_t errors[KVMEM_IO_NR];
	atomic64_t ranges;
	unsigned long told;
	bool gone;
};

extern const struct kvmem_media_ops kvmem_bdev_ops;

/*
 * backend.c.  A path "NAME:..." is for the backend of that name, all others are
 * bdev's.  Get: with a reference to its module; NULL: there is none of that name.
 */
int kvmem_media_backend_register(const struct kvmem_media_ops *ops);
void kvmem_media_backend_unregister(const struct kvmem_media_ops *ops);
const struct kvmem_media_ops *kvmem_media_backend_get(const char *path);
void kvmem_media_backend_put(const struct kvmem_media_ops *ops);

/* dev.c */
int kvmem_dev_open(struct kvmem_dev *dev, const struct kvmem_media_ops *ops, const char *path,
		   void (*trouble)(struct kvmem_dev *, enum kvmem_dev_trouble));
/* Waits for what is in flight, which the device or its driver ends. */
void kvmem_dev_close(struct kvmem_dev *dev);
/* Who does the backend's DMA; NULL: it takes host pages only. */
struct device *kvmem_dev_dma(struct kvmem_dev *dev);
/*
 * For backends: @dev is about to lose its driver.  Before: dma_dev() returns NULL,
 * and every transfer has ended or ends by itself.  After: no memory is mapped for
 * @dev any more.  May sleep.
 */
#ifdef CONFIG_DMA_SHARED_BUFFER
void kvmem_dma_forget(struct device *dev);
#else
static inline void kvmem_dma_forget(struct device *dev)
{
}
#endif
/*
 * Count and hand to the backend; checks alignment and bounds first (-EINVAL,
 * -ENODEV, -EROFS, -EOPNOTSUPP through done; a transfer refused so is not
 * counted).  May sleep for memory.
 */
void kvmem_dev_submit(struct kvmem_dev *dev, struct kvmem_io *io);
/* For backends: the transfer has ended. */
void kvmem_dev_end(struct kvmem_io *io, int status);
/*
 * For backends: the device has changed for the worse.  Told on once of each
 * kind, and heeded by every later submission.  Any context.
 */
void kvmem_dev_report(struct kvmem_dev *dev, enum kvmem_dev_trouble what);
/*
 * Wait for @done of a transfer on its way, at most @timeout_ms, looking for
 * completions meanwhile when it was submitted with KVMEM_IO_F_POLLED.  False:
 * the time is over, and everything the transfer needs must stay.
 */
bool kvmem_dev_wait(struct kvmem_dev *dev, struct completion *done, bool polled,
		    unsigned int timeout_ms);
/*
 * Nanoseconds that @bytes more would take to come back: what is in flight, and
 * they, by the measured service time.
 */
u64 kvmem_dev_expected_wait(const struct kvmem_dev *dev, bool write, size_t bytes);

/* Transfers are under way, and none has ended for @ms. */
bool kvmem_dev_is_silent(const struct kvmem_dev *dev, unsigned int ms);

/* How long a transfer that somebody waits for may take; root says. */
extern unsigned int kvmem_io_timeout_ms;
#define KVMEM_IO_TIMEOUT_MS	READ_ONCE(kvmem_io_timeout_ms)

/*
 * A bounce buffer of @len bytes, zeroed, contiguous for the CPU, aligned for
 * every device.  Counted: a transfer has a reference until it really ends,
 * however long ago its waiter gave up.  The last put may sleep.
 */
struct kvmem_dev_buf;
struct kvmem_dev_buf *kvmem_dev_alloc(size_t len);
void kvmem_dev_buf_get(struct kvmem_dev_buf *buf);
void kvmem_dev_buf_put(struct kvmem_dev_buf *buf);
void *kvmem_dev_buf_data(struct kvmem_dev_buf *buf);
/* Its pages, one in each; they live as long as the buffer. */
const struct bio_vec *kvmem_dev_buf_bvecs(const struct kvmem_dev_buf *buf, unsigned int *nr);
/*
 * Move [@at, @at + @len) of @buf from or to @off of the device, and wait.  @at
 * is a multiple of the page size, @len of the unit.  0 or a negative errno;
 * -ETIMEDOUT: after KVMEM_IO_TIMEOUT_MS, or @timeout_ms, it was still on its
 * way, and may yet change @buf or the device.
 */
int kvmem_dev_rw(struct kvmem_dev *dev, enum kvmem_io_op op, u32 flags, u64 off,
		 struct kvmem_dev_buf *buf, size_t at, size_t len);
int kvmem_dev_rw_within(struct kvmem_dev *dev, enum kvmem_io_op op, u32 flags, u64 off,
			struct kvmem_dev_buf *buf, size_t at, size_t len,
			unsigned int timeout_ms);
/* All writes completed before are durable; waits like kvmem_dev_rw(). */
int kvmem_dev_flush(struct kvmem_dev *dev);

#endif
