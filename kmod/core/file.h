/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Open files of /dev/kvmem and what they own.
 */
#ifndef KVMEM_FILE_H
#define KVMEM_FILE_H

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/rwsem.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include <linux/kvmem.h>
#include "block.h"
#include "chain.h"
#include "span.h"

struct eventfd_ctx;
struct kvmem_dmabuf;
struct kvmem_ns;

#define KVMEM_MAX_HANDLES	(1U << 20)	/* leases and allocations of one file */
#define KVMEM_MAX_BUFFERS	4096		/* buffers of one file */
#define KVMEM_MAX_BUFFER	(64ULL << 30)	/* bytes of one buffer */

/**
 * struct kvmem_file - one open("/dev/kvmem")
 * @ns: NULL until ATTACH, then constant; smp_load_acquire() to read
 * @id: for people
 * @access: KVMEM_ACCESS_* bits, valid when @ns is
 * @node: in ns->files, and
 * @all_node: in the list of all files; both guarded by kvmem_files_lock
 * @mapping: of this file alone, so that unmapping a lease here does not touch
 *	the mappings of other files
 * @lock: serialises ATTACH, buffers and pins.  Taken before ns->lock, never
 *	with mmap_lock wanted inside
 * @buffers: struct kvmem_buffer by id; look-up under RCU
 * @pins: struct kvmem_pin by block; guarded by @lock
 * @handles_lock: guards @handles, @handle_next, @handle_gen; inside of map_lock
 * @handles: struct kvmem_handle by id
 * @handle_next: the next id, by size
 * @handle_gen: generation of the last handle
 * @nr_handles: bounds @handles
 * @map_lock: read: a page fault looks a handle up and inserts its page.
 *	Write: a handle leaves @handles.  So once the writer has the lock, no
 *	fault can insert a page of that handle any more.  Taken inside
 *	mmap_lock (by faults); never touch user memory under it
 * @events: pending KVMEM_EVENT_* bits, atomic
 * @wq: poll
 * @event_lock: guards @eventfd and @eventfd_mask; innermost
 * @chain_lock: guards @chain; innermost
 * @chain: what the last batch found out about the prompt at hand
 */
struct kvmem_file {
	struct kvmem_ns *ns;
	u32 id;
	unsigned int access;
	struct list_head node;
	struct list_head all_node;
	struct address_space mapping;
	struct mutex lock;	/* see @lock above */
	struct xarray buffers;
	unsigned int nr_buffers;
	struct rb_root pins;
	spinlock_t handles_lock;	/* see above */
	struct rb_root handles;
	u32 handle_next[16];
	u32 handle_gen;
	atomic_t nr_handles;
	struct rw_semaphore map_lock;
	atomic_t events;
	wait_queue_head_t wq;
	spinlock_t event_lock;	/* see above */
	struct eventfd_ctx *eventfd;
	u32 eventfd_mask;
	spinlock_t chain_lock;	/* see above */
	struct kvmem_chain chain;
};

/**
 * struct kvmem_buffer - registered memory
 * @ref: one for the table, one for each operation that uses it
 * @id: for kvmem_op.buf
 * @rdonly: source of PUT only
 * @dmabuf: imported memory; NULL: pinned pages, to which the rest belongs
 * @span: where the bytes are, a segment for each page; of a dma-buf, not mapped
 * @starts: bit set: the page does not lie right behind the one before it
 * @mm: whom the pinned pages are charged to
 */
struct kvmem_buffer {
	struct kref ref;
	u32 id;
	bool rdonly;
	struct kvmem_dmabuf *dmabuf;
	struct kvmem_span span;
	unsigned long *starts;
	struct mm_struct *mm;
	unsigned long nr_pages;
	struct rcu_head rcu;
};

enum kvmem_handle_kind {
	KVMEM_HANDLE_LEASE,	/* read-only pages of a committed block */
	KVMEM_HANDLE_ALLOC,	/* writable pages of an ALLOCATED block */
};

/**
 * struct kvmem_handle - a lease or an allocation of one file
 * @node: in kvmem_file.handles
 * @block: what it shows; the handle has a reference, a lease has a hold too
 * @id: index in kvmem_file.handles
 * @gen: makes a handle number unique in a file
 * @kind: enum kvmem_handle_kind
 * @view: the block is a private copy made for this lease
 * @faulted: a page was inserted: unmap on release
 * @busy: new, or a COMMIT works on it: as if it were not there.  Set under
 *	map_lock or before anybody knows the handle; cleared by whoever has it
 */
struct kvmem_handle {
	struct rb_node node;
	struct kvmem_block *block;
	u32 id;
	u32 gen;
	u8 kind;
	bool view;
	bool faulted;
	bool busy;
};

extern const struct file_operations kvmem_fops;

/* NULL before ATTACH.  Whoever sees the namespace sees the access bits, too. */
static inline struct kvmem_ns *kvmem_file_ns(struct kvmem_file *kf)
{
	/* Pairs with the release in attach_publish(). */
	return smp_load_acquire(&kf->ns);
}

/* ATTACH; see struct kvmem_attach for the errors. */
int kvmem_file_attach(struct file *file, struct kvmem_attach *arg);
unsigned int kvmem_ns_nr_files(struct kvmem_ns *ns);

/* Raise events on one file, on the files of a namespace, on all. */
void kvmem_file_notify(struct kvmem_file *kf, u32 events);
void kvmem_notify_ns(struct kvmem_ns *ns, u32 events);
void kvmem_notify_all(u32 events);
int kvmem_file_set_eventfd(struct kvmem_file *kf, int fd, u32 mask);

/* Quiesce: refuse new work so that applications let go of the module. */
void kvmem_quiesce_set(bool on);
bool kvmem_quiesced(void);
/* How many files are open. */
unsigned int kvmem_nr_files(void);

/* ioctl.c */
long kvmem_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
/* uring.c */
struct io_uring_cmd;
int kvmem_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);

/*
 * batch.c: run the batch at @ubatch; number of operations that succeeded.
 * @size: what the ioctl number says the structure's size is; 0: not an ioctl.
 */
int kvmem_batch_run(struct kvmem_file *kf, void __user *ubatch, unsigned int size);
/*
 * The same in two halves, for who does not wait in between.  @idle is called, in
 * any context, when nothing is under way any more and kvmem_direct_part() was true.
 * Issue: 0, -EAGAIN: it would wait, and nothing has begun; else the status, as for
 * kvmem_batch_run().  After 0 finish, when nothing is under way: the result.
 */
int kvmem_batch_issue(struct kvmem_file *kf, void __user *ubatch, struct kvmem_run *run,
		      void (*idle)(struct kvmem_run *run));
int kvmem_batch_finish(struct kvmem_file *kf, struct kvmem_run *run);

enum kvmem_batch_weight {
	KVMEM_BATCH_LIGHT,	/* short, and nothing that sleeps: run in io_uring's submitter */
	KVMEM_BATCH_FLASH,	/* transfers between registered memory and flash */
	KVMEM_BATCH_HEAVY,
};

/* Only a guess. */
enum kvmem_batch_weight kvmem_batch_weigh(struct kvmem_file *kf, void __user *ubatch);
/*
 * ops.c: one operation of the batch @run; the result is in @op.  False: it has
 * begun, and its result comes later (flash/direct.h).
 */
bool kvmem_op_run(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		  struct kvmem_run *run);

/* buffer.c */
int kvmem_buffer_register(struct kvmem_file *kf, struct kvmem_buf_reg *reg);
int kvmem_buffer_unregister(struct kvmem_file *kf, u32 id);
struct kvmem_buffer *kvmem_buffer_get(struct kvmem_file *kf, u32 id);
void kvmem_buffer_put(struct kvmem_buffer *buf);
/* NULL has none, either way. */
static inline bool kvmem_buffer_has_no_pages(const struct kvmem_buffer *buf)
{
	return buf && buf->dmabuf;
}

/* Has the buffer no pages (else, or when there is none: false)? */
bool kvmem_buffer_is_dma(struct kvmem_file *kf, u32 id);
/*
 * A batch's operations use the same buffer, mostly: it is looked up once, and the run
 * keeps its reference.  NULL: there is none.
 */
struct kvmem_buffer *kvmem_run_buffer(struct kvmem_run *run, struct kvmem_file *kf, u32 id);
void kvmem_run_put_buffer(struct kvmem_run *run);
/* Bytes [@off, @off + @len) of the buffer; -EINVAL outside of it.  Of a dma-buf: not mapped. */
int kvmem_buffer_span(const struct kvmem_buffer *buf, u64 off, u64 len,
		      struct kvmem_span *span);
/* The first page, of those up to @end, that does not lie side by side with @page. */
unsigned long kvmem_buffer_run_end(const struct kvmem_buffer *buf, unsigned long page,
				   unsigned long end);
void kvmem_buffers_release(struct kvmem_file *kf);

/* pin.c */
int kvmem_pin(struct kvmem_file *kf, struct kvmem_block *block);
int kvmem_unpin(struct kvmem_file *kf, const struct kvmem_key *key);
void kvmem_pins_release(struct kvmem_file *kf);

/* handle.c: leases and allocations */
/* A new handle is busy: the caller's until he publishes or frees it. */
struct kvmem_handle *kvmem_handle_add(struct kvmem_file *kf, struct kvmem_block *block,
				      enum kvmem_handle_kind kind);
/* From here on another thread may take the handle: do not look at it again. */
void kvmem_handle_publish(struct kvmem_handle *handle);
/* Take a handle out, unreachable and unmapped; the caller is to free it. */
struct kvmem_handle *kvmem_handle_take(struct kvmem_file *kf, u64 number);
/*
 * COMMIT in two steps: begin makes an allocation of at least @max_len bytes
 * unreachable and unmapped, finish ends it, abort gives it back as it was.
 * NULL and *@err: -ENOENT, -EMSGSIZE.
 */
struct kvmem_handle *kvmem_handle_begin(struct kvmem_file *kf, u64 number, u64 max_len,
					int *err);
void kvmem_handle_abort(struct kvmem_file *kf, struct kvmem_handle *handle);
void kvmem_handle_finish(struct kvmem_file *kf, struct kvmem_handle *handle);
void kvmem_handle_free(struct kvmem_file *kf, struct kvmem_handle *handle);
u64 kvmem_handle_number(const struct kvmem_handle *handle);
u64 kvmem_handle_offset(const struct kvmem_handle *handle);
void kvmem_handles_release(struct kvmem_file *kf);
/* mmap.c */
int kvmem_mmap(struct file *file, struct vm_area_struct *vma);

#endif
