// SPDX-License-Identifier: GPL-2.0
/*
 * Open files of /dev/kvmem: life, events, quiesce.
 */
#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include "file.h"
#include "netlink.h"
#include "ns.h"
#include "trace.h"

/*
 * Guards the lists of files, all and of each namespace.  Taken inside of
 * kf->lock and ns->attach_lock; kf->event_lock is taken inside.
 */
static DEFINE_SPINLOCK(kvmem_files_lock);
static LIST_HEAD(all_files);
static unsigned int nr_files;
static atomic_t next_file_id;
static bool quiesced;

/* Events --------------------------------------------------------------- */

void kvmem_file_notify(struct kvmem_file *kf, u32 events)
{
	spin_lock(&kf->event_lock);
	atomic_or(events, &kf->events);
	if (kf->eventfd && kf->eventfd_mask & events)
		eventfd_signal(kf->eventfd);
	spin_unlock(&kf->event_lock);
	wake_up_interruptible_poll(&kf->wq, EPOLLIN);
}

void kvmem_notify_ns(struct kvmem_ns *ns, u32 events)
{
	struct kvmem_file *kf;

	spin_lock(&kvmem_files_lock);
	list_for_each_entry(kf, &ns->files, node)
		kvmem_file_notify(kf, events);
	spin_unlock(&kvmem_files_lock);
}

void kvmem_notify_all(u32 events)
{
	struct kvmem_file *kf;

	spin_lock(&kvmem_files_lock);
	list_for_each_entry(kf, &all_files, all_node)
		kvmem_file_notify(kf, events);
	spin_unlock(&kvmem_files_lock);
}

int kvmem_file_set_eventfd(struct kvmem_file *kf, int fd, u32 mask)
{
	struct eventfd_ctx *ctx = NULL;

	if (fd >= 0) {
		ctx = eventfd_ctx_fdget(fd);
		if (IS_ERR(ctx))
			return -EBADF;
	}
	spin_lock(&kf->event_lock);
	swap(kf->eventfd, ctx);
	kf->eventfd_mask = mask;
	/* What is pending already must not be waited for in vain. */
	if (kf->eventfd && atomic_read(&kf->events) & mask)
		eventfd_signal(kf->eventfd);
	spin_unlock(&kf->event_lock);
	if (ctx)
		eventfd_ctx_put(ctx);
	return 0;
}

static __poll_t kvmem_poll(struct file *file, poll_table *wait)
{
	struct kvmem_file *kf = file->private_data;

	poll_wait(file, &kf->wq, wait);
	return atomic_read(&kf->events) ? EPOLLIN | EPOLLRDNORM : 0;
}

/* Quiesce ---------------------------------------------------------------- */

bool kvmem_quiesced(void)
{
	return READ_ONCE(quiesced);
}

unsigned int kvmem_nr_files(void)
{
	return READ_ONCE(nr_files);
}

void kvmem_quiesce_set(bool on)
{
	struct kvmem_file *kf;

	spin_lock(&kvmem_files_lock);
	WRITE_ONCE(quiesced, on);
	list_for_each_entry(kf, &all_files, all_node) {
		if (on)
			kvmem_file_notify(kf, KVMEM_EVENT_QUIESCE);
		else
			atomic_andnot(KVMEM_EVENT_QUIESCE, &kf->events);
	}
	spin_unlock(&kvmem_files_lock);
	trace_kvmem_quiesce(on, kvmem_nr_files());
	kvmem_event_quiesce(on);
	pr_info("%s, %u files open\n", on ? "quiescing" : "in service", kvmem_nr_files());
}

/* Life -------------------------------------------------------------------- */

static struct kvmem_file *file_alloc(void)
{
	struct kvmem_file *kf = kzalloc(sizeof(*kf), GFP_KERNEL_ACCOUNT);

	if (!kf)
		return NULL;
	kf->id = atomic_inc_return(&next_file_id);
	INIT_LIST_HEAD(&kf->node);
	mutex_init(&kf->lock);
	spin_lock_init(&kf->event_lock);
	spin_lock_init(&kf->chain_lock);
	xa_init_flags(&kf->buffers, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	kf->pins = RB_ROOT;
	spin_lock_init(&kf->handles_lock);
	kf->handles = RB_ROOT;
	init_rwsem(&kf->map_lock);
	init_waitqueue_head(&kf->wq);
	return kf;
}

/* A file needs a mapping of its own, for unmapping its leases alone. */
static void file_init_mapping(struct kvmem_file *kf, struct inode *inode, struct file *file)
{
	address_space_init_once(&kf->mapping);
	kf->mapping.host = inode;
	kf->mapping.a_ops = inode->i_mapping->a_ops;
	kf->mapping.gfp_mask = GFP_KERNEL;
	file->f_mapping = &kf->mapping;
}

static int kvmem_open(struct inode *inode, struct file *file)
{
	struct kvmem_file *kf;

	if (kvmem_quiesced())
		return -ESHUTDOWN;
	kf = file_alloc();
	if (!kf)
		return -ENOMEM;
	file_init_mapping(kf, inode, file);
	file->private_data = kf;
	spin_lock(&kvmem_files_lock);
	list_add(&kf->all_node, &all_files);
	nr_files++;
	/* Quiesced since the check above: this file shall hear of it too. */
	if (quiesced)
		kvmem_file_notify(kf, KVMEM_EVENT_QUIESCE);
	spin_unlock(&kvmem_files_lock);
	pr_debug("file %u created\n", kf->id);
	return nonseekable_open(inode, file);
}

/*
 * The last reference is gone: no operation, mapping or io_uring command is
 * left, so nothing here races with anything but notifications.
 */
static int kvmem_release(struct inode *inode, struct file *file)
{
	struct kvmem_file *kf = file->private_data;

	spin_lock(&kvmem_files_lock);
	list_del(&kf->all_node);
	list_del(&kf->node);
	spin_unlock(&kvmem_files_lock);
	kvmem_handles_release(kf);
	kvmem_pins_release(kf);
	kvmem_buffers_release(kf);
	if (kf->eventfd)
		eventfd_ctx_put(kf->eventfd);
	if (kf->ns)
		kvmem_ns_put(kf->ns);
	pr_debug("file %u destroyed\n", kf->id);
	file->f_mapping = inode->i_mapping;
	kfree(kf);
	spin_lock(&kvmem_files_lock);
	nr_files--;
	spin_unlock(&kvmem_files_lock);
	return 0;
}

/* Attach -------------------------------------------------------------------- */

static int attach_access(struct file *file, struct kvmem_ns *ns)
{
	if (file_ns_capable(file, &init_user_ns, CAP_DAC_OVERRIDE))
		return KVMEM_ACCESS_READ | KVMEM_ACCESS_WRITE;
	return kvmem_ns_access(ns, file->f_cred);
}

/* The reference on @ns becomes the file's. */
static int attach_locked(struct file *file, struct kvmem_file *kf, struct kvmem_ns *ns,
			 const u8 *fingerprint)
{
	int access, ret;

	lockdep_assert_held(&kf->lock);
	lockdep_assert_held(&ns->attach_lock);
	if (kf->ns)
		return -EISCONN;
	access = attach_access(file, ns);
	if (access < 0)
		return access;
	ret = kvmem_ns_match_fingerprint(ns, fingerprint, access);
	if (ret)
		return ret;
	kf->access = access;
	/* DEAD is set before the files on the list are told of it. */
	spin_lock(&kvmem_files_lock);
	if (test_bit(KVMEM_NS_DEAD, &ns->flags))
		ret = -ESHUTDOWN;
	else
		list_add(&kf->node, &ns->files);
	spin_unlock(&kvmem_files_lock);
	if (ret)
		return ret;
	/* Whoever sees the namespace sees the access bits; see kvmem_file_ns(). */
	smp_store_release(&kf->ns, ns);
	return 0;
}

int kvmem_file_attach(struct file *file, struct kvmem_attach *arg)
{
	struct kvmem_file *kf = file->private_data;
	struct kvmem_ns *ns;
	int ret;

	if (arg->flags || strnlen(arg->name, sizeof(arg->name)) == sizeof(arg->name))
		return -EINVAL;
	if (kvmem_file_ns(kf))
		return -EISCONN;
	ns = kvmem_ns_get_by_name(arg->name);
	if (!ns)
		return -ENOENT;
	mutex_lock(&kf->lock);
	mutex_lock(&ns->attach_lock);
	ret = attach_locked(file, kf, ns, arg->fingerprint);
	mutex_unlock(&ns->attach_lock);
	mutex_unlock(&kf->lock);
	if (ret) {
		kvmem_ns_put(ns);
		return ret;
	}
	arg->ns_id = ns->id;
	arg->access = kf->access;
	return 0;
}

unsigned int kvmem_ns_nr_files(struct kvmem_ns *ns)
{
	struct kvmem_file *kf;
	unsigned int nr = 0;

	spin_lock(&kvmem_files_lock);
	list_for_each_entry(kf, &ns->files, node)
		nr++;
	spin_unlock(&kvmem_files_lock);
	return nr;
}

const struct file_operations kvmem_fops = {
	.owner = THIS_MODULE,
	.open = kvmem_open,
	.release = kvmem_release,
	.unlocked_ioctl = kvmem_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.uring_cmd = kvmem_uring_cmd,
	.mmap = kvmem_mmap,
	.poll = kvmem_poll,
	.llseek = noop_llseek,
};
