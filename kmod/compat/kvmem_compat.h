/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Compatibility with kernels back to 6.1. Kbuild includes this file before
 * everything else. The rest of kvmem is written against the newest kernel's
 * API; what is here makes an older kernel look like it, and goes away from
 * the bottom up as old kernels are dropped.
 *
 * Changes that mainline made at a version are version ladders. Changes that
 * stable trees pick up at any time are probed by conftest, which defines
 * KVMEM_HAVE_*.
 */
#ifndef KVMEM_COMPAT_H
#define KVMEM_COMPAT_H

#include <linux/version.h>

/* The headers below include printk.h, too early for a source file's own. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#ifndef KVMEM_CONFTEST
#error "no conftest header: build through the top-level Makefile or scripts/modules"
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "kvmem needs Linux 6.1 or newer"
#endif

#include <linux/blkdev.h>
#include <linux/device/class.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#include <linux/io_uring/cmd.h>
#else
#include <linux/io_uring.h>
#endif

/* --- io_uring commands --- */

/*
 * kvmem_uring_payload(cmd, type): the 16 bytes of the SQE that are the
 * command's own, as a const type *. User space may still be writing them.
 */
#if defined(io_uring_sqe_cmd)
#define kvmem_uring_payload(ioucmd, type) io_uring_sqe_cmd((ioucmd)->sqe, type)
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
#define kvmem_uring_payload(ioucmd, type) \
	((const type *)io_uring_sqe_cmd((ioucmd)->sqe))
#else
#define kvmem_uring_payload(ioucmd, type) ((const type *)(ioucmd)->cmd)
#endif

/* io_uring_cmd_done(cmd, ret, issue_flags) */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
static inline void kvmem_compat_uring_done(struct io_uring_cmd *cmd, s32 ret,
					   unsigned int issue_flags)
{
#ifdef KVMEM_HAVE_URING_DONE_FLAGS
	io_uring_cmd_done(cmd, ret, 0, issue_flags);
#else
	io_uring_cmd_done(cmd, ret, 0);
#endif
}

#define io_uring_cmd_done kvmem_compat_uring_done
#endif

/*
 * A callback for io_uring_cmd_complete_in_task():
 *
 *	KVMEM_URING_TW(name, cmd, issue_flags) { ... }
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
#define KVMEM_URING_TW(name, cmd, issue_flags)				       \
	static void name##_body(struct io_uring_cmd *cmd,		       \
				unsigned int issue_flags);		       \
	static void name(struct io_tw_req tw_req, io_tw_token_t tw)	       \
	{								       \
		name##_body(io_uring_cmd_from_tw(tw_req),		       \
			    IO_URING_CMD_TASK_WORK_ISSUE_FLAGS);	       \
	}								       \
	static void name##_body(struct io_uring_cmd *cmd,		       \
				unsigned int issue_flags)
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0) || defined(KVMEM_HAVE_URING_DONE_FLAGS)
#define KVMEM_URING_TW(name, cmd, issue_flags)				       \
	static void name(struct io_uring_cmd *cmd, unsigned int issue_flags)
#else
/* The first 6.1: io_uring_cmd_done() asks for no flags, either. */
#define KVMEM_URING_TW(name, cmd, issue_flags)				       \
	static void name##_body(struct io_uring_cmd *cmd,		       \
				unsigned int issue_flags);		       \
	static void name(struct io_uring_cmd *cmd)			       \
	{								       \
		name##_body(cmd, 0);					       \
	}								       \
	static void name##_body(struct io_uring_cmd *cmd,		       \
				unsigned int issue_flags)
#endif

/*
 * Before 6.7 a pending command cannot be cancelled and keeps the file open:
 * it must end by itself.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
#define IO_URING_F_CANCEL 0U
static inline void io_uring_cmd_mark_cancelable(struct io_uring_cmd *cmd,
						unsigned int issue_flags)
{
}
#endif

/* --- files, events, memory --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
static inline void kvmem_compat_eventfd_signal(struct eventfd_ctx *ctx)
{
	eventfd_signal(ctx, 1);
}

#define eventfd_signal kvmem_compat_eventfd_signal
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0) && !defined(fd_file)
#define fd_file(f) ((f).file)
#define fd_empty(f) (!(f).file)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags &= ~flags;
}

static inline void vm_flags_mod(struct vm_area_struct *vma, vm_flags_t set,
				vm_flags_t clear)
{
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define alloc_pages_bulk(gfp, nr, array) alloc_pages_bulk_array(gfp, nr, array)
#define alloc_pages_bulk_node(gfp, nid, nr, array) \
	alloc_pages_bulk_array_node(gfp, nid, nr, array)
#endif

/*
 * The shrinker API of 6.7, but private data only through the two accessors:
 * before, struct shrinker has no room for it.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
static inline void kvmem_shrinker_set_private(struct shrinker *s, void *data)
{
	s->private_data = data;
}

static inline void *kvmem_shrinker_private(struct shrinker *s)
{
	return s->private_data;
}
#else
struct kvmem_compat_shrinker {
	struct shrinker base;
	void *private_data;
	const char *name;
	bool registered;
};

static inline struct kvmem_compat_shrinker *
kvmem_compat_shrinker(struct shrinker *s)
{
	return container_of(s, struct kvmem_compat_shrinker, base);
}

/* @name must be a plain string that outlives the shrinker. */
static inline struct shrinker *shrinker_alloc(unsigned int flags,
					      const char *name)
{
	struct kvmem_compat_shrinker *cs = kzalloc(sizeof(*cs), GFP_KERNEL);

	if (!cs)
		return NULL;
	cs->base.flags = flags;
	cs->base.seeks = DEFAULT_SEEKS;
	cs->name = name;
	return &cs->base;
}

static inline void shrinker_register(struct shrinker *s)
{
	struct kvmem_compat_shrinker *cs = kvmem_compat_shrinker(s);

	/* The newer call cannot fail either; without it memory is kept longer. */
	cs->registered = !register_shrinker(s, "%s", cs->name);
	if (!cs->registered)
		pr_warn("kvmem: cannot register shrinker %s\n", cs->name);
}

static inline void shrinker_free(struct shrinker *s)
{
	struct kvmem_compat_shrinker *cs;

	if (!s)
		return;
	cs = kvmem_compat_shrinker(s);
	if (cs->registered)
		unregister_shrinker(s);
	kfree(cs);
}

static inline void kvmem_shrinker_set_private(struct shrinker *s, void *data)
{
	kvmem_compat_shrinker(s)->private_data = data;
}

static inline void *kvmem_shrinker_private(struct shrinker *s)
{
	return kvmem_compat_shrinker(s)->private_data;
}
#endif

/* --- dma-buf --- */

/* Before 7.1 the importer's callback, and what exporters call, have other names. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 1, 0)
#define invalidate_mappings move_notify
#define dma_buf_invalidate_mappings dma_buf_move_notify
#endif

/* Before 6.2 nobody held the reservation lock for these. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define dma_buf_vmap_unlocked dma_buf_vmap
#define dma_buf_vunmap_unlocked dma_buf_vunmap
#endif

/* --- work queues, timers --- */

/* Newest kernels warn about a queue that is neither per CPU nor unbound. */
#ifndef KVMEM_HAVE_WQ_PERCPU
#define WQ_PERCPU 0
#endif

/* The unbound queue has a new name, and the old one warns. */
#ifndef KVMEM_HAVE_DFL_WQ
#define system_dfl_wq system_unbound_wq
#endif

#ifndef KVMEM_HAVE_TIMER_DELETE
#define timer_delete del_timer
#define timer_delete_sync del_timer_sync
#endif

/* --- netlink --- */

/* Events to privileged listeners only; stable trees picked it up one by one. */
#ifndef GENL_MCAST_CAP_NET_ADMIN
#define GENL_MCAST_CAP_NET_ADMIN GENL_UNS_ADMIN_PERM
#endif

#ifndef NL_SET_ERR_MSG_FMT
/* The arguments are checked and dropped: before 6.2 the text is constant. */
#define NL_SET_ERR_MSG_FMT(extack, fmt, args...) do {	\
	no_printk(fmt, ##args);				\
	NL_SET_ERR_MSG(extack, fmt);			\
} while (0)
#define NL_SET_ERR_MSG_FMT_MOD(extack, fmt, args...)	\
	NL_SET_ERR_MSG_FMT(extack, KBUILD_MODNAME ": " fmt, ##args)
#endif

/* The parsed attributes of a dump request */
static inline struct nlattr **kvmem_genl_dump_attrs(struct netlink_callback *cb)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return genl_info_dump(cb)->attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

/* --- block devices --- */

/*
 * A block device held open is a file since 6.9.  Before, an empty file that
 * only we look at stands for it.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define blk_mode_t fmode_t
#define BLK_OPEN_READ FMODE_READ
#define BLK_OPEN_WRITE FMODE_WRITE

/* Never called. */
struct blk_holder_ops {
	void (*mark_dead)(struct block_device *bdev, bool surprise);
};
#endif

/* @opened: what the kernel's own close asks for */
struct kvmem_compat_bdev {
	struct file file;
	struct block_device *bdev;
	blk_mode_t mode;
	void *opened;
};

static inline int kvmem_compat_bdev_open(struct kvmem_compat_bdev *cb,
					 const char *path, void *holder,
					 const struct blk_holder_ops *hops)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	struct bdev_handle *handle = bdev_open_by_path(path, cb->mode, holder,
						       hops);

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	cb->bdev = handle->bdev;
	cb->opened = handle;
	return 0;
#else
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	cb->bdev = blkdev_get_by_path(path, cb->mode, holder, hops);
#else
	cb->mode |= FMODE_EXCL;
	cb->bdev = blkdev_get_by_path(path, cb->mode, holder);
#endif
	cb->opened = holder;
	return PTR_ERR_OR_ZERO(cb->bdev);
#endif
}

static inline void kvmem_compat_bdev_close(struct kvmem_compat_bdev *cb)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	bdev_release(cb->opened);
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	blkdev_put(cb->bdev, cb->opened);
#else
	blkdev_put(cb->bdev, cb->mode);
#endif
}

static inline struct file *
kvmem_compat_bdev_file_open(const char *path, blk_mode_t mode, void *holder,
			    const struct blk_holder_ops *hops)
{
	struct kvmem_compat_bdev *cb = kzalloc(sizeof(*cb), GFP_KERNEL);
	int ret;

	if (!cb)
		return ERR_PTR(-ENOMEM);
	cb->mode = mode;
	ret = kvmem_compat_bdev_open(cb, path, holder, hops);
	if (!ret)
		return &cb->file;
	kfree(cb);
	return ERR_PTR(ret);
}

static inline struct block_device *kvmem_compat_file_bdev(struct file *file)
{
	return container_of(file, struct kvmem_compat_bdev, file)->bdev;
}

static inline void kvmem_compat_bdev_fput(struct file *file)
{
	struct kvmem_compat_bdev *cb =
		container_of(file, struct kvmem_compat_bdev, file);

	kvmem_compat_bdev_close(cb);
	kfree(cb);
}

#define bdev_file_open_by_path kvmem_compat_bdev_file_open
#define file_bdev kvmem_compat_file_bdev
#define bdev_fput kvmem_compat_bdev_fput
#endif

/*
 * A callback for blk_holder_ops.mark_dead:
 *
 *	KVMEM_MARK_DEAD(name, holder) { ... }
 *
 * The holder cannot go while it runs.  From 6.7 on the callee drops the lock
 * that sees to that; before 6.5 nobody calls.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
#define KVMEM_MARK_DEAD(name, holder)					       \
	static void name##_body(void *holder);				       \
	static void name(struct block_device *bdev, bool surprise)	       \
	{								       \
		name##_body(bdev->bd_holder);				       \
		mutex_unlock(&bdev->bd_holder_lock);			       \
	}								       \
	static void name##_body(void *holder)
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0) || \
	LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define KVMEM_MARK_DEAD(name, holder)					       \
	static void name##_body(void *holder);				       \
	static void name(struct block_device *bdev, bool surprise)	       \
	{								       \
		name##_body(bdev->bd_holder);				       \
	}								       \
	static void name##_body(void *holder)
#else
#define KVMEM_MARK_DEAD(name, holder)					       \
	static void name##_body(void *holder);				       \
	static void name(struct block_device *bdev)			       \
	{								       \
		name##_body(bdev->bd_holder);				       \
	}								       \
	static void name##_body(void *holder)
#endif

/* Hybrid polling, which sleeps, went away with 6.4. */
#ifndef BLK_POLL_NOSLEEP
#define BLK_POLL_NOSLEEP 0
#endif

/* A processor's own store of bios, which takes them back in interrupts since 6.2 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define KVMEM_BIOSET_CACHE BIOSET_PERCPU_CACHE
#define KVMEM_REQ_ALLOC_CACHE REQ_ALLOC_CACHE
#else
#define KVMEM_BIOSET_CACHE 0
#define KVMEM_REQ_ALLOC_CACHE 0
#endif

static inline bool kvmem_bdev_can_poll(struct block_device *bdev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	return bdev_get_queue(bdev)->limits.features & BLK_FEAT_POLL;
#else
	return test_bit(QUEUE_FLAG_POLL, &bdev_get_queue(bdev)->queue_flags);
#endif
}

/* --- devices, modules, tracing --- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#undef class_create
#define class_create(name) ({						\
	static struct lock_class_key __key;				\
									\
	__class_create(THIS_MODULE, name, &__key);			\
})
#endif

/* crypto_memneq() has a header of its own from 6.4 on. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#include <crypto/utils.h>
#else
#include <crypto/algapi.h>
#endif

/* The name space as a string; EXPORT_SYMBOL_KVMEM(): ours, for modules that import "KVMEM" */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#undef MODULE_IMPORT_NS
#define MODULE_IMPORT_NS(ns) MODULE_INFO(import_ns, ns)
#define EXPORT_SYMBOL_KVMEM(symbol) EXPORT_SYMBOL_NS_GPL(symbol, KVMEM)
#else
#define EXPORT_SYMBOL_KVMEM(symbol) EXPORT_SYMBOL_NS_GPL(symbol, "KVMEM")
#endif

/*
 * Inside TP_fast_assign(): the tracing headers define __assign_str() after
 * this file, so it gets a name of its own. Declare with __string(dst, src).
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define kvmem_assign_str(dst, src) __assign_str(dst)
#else
#define kvmem_assign_str(dst, src) __assign_str(dst, src)
#endif

#endif /* KVMEM_COMPAT_H */
