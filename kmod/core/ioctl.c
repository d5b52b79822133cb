// SPDX-License-Identifier: GPL-2.0
/*
 * ioctl: a table of fixed-size commands.
 *
 * The first field of every argument is its size, which must agree with the
 * size in the ioctl number.  copy_struct_from_user() makes shorter ones (from
 * the past) and longer ones (from the future, unknown tail zero) fit.
 */
#include <linux/build_bug.h>
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>
#include "file.h"
#include "ns.h"
#include "version.h"

union kvmem_ioctl_arg {
	struct kvmem_query query;
	struct kvmem_attach attach;
	struct kvmem_buf_reg buf_reg;
	struct kvmem_buf_unreg buf_unreg;
	struct kvmem_eventfd eventfd;
	struct kvmem_events events;
	struct kvmem_ns_info ns_info;
};

static int ioctl_query(struct file *file, union kvmem_ioctl_arg *arg)
{
	struct kvmem_query *q = &arg->query;

	if (q->flags)
		return -EINVAL;
	q->abi_version = KVMEM_ABI_VERSION;
	q->max_batch = KVMEM_MAX_BATCH;
	q->features = KVMEM_FEAT_DRAM | KVMEM_FEAT_LEASE | KVMEM_FEAT_URING |
		      KVMEM_FEAT_EVENTS | KVMEM_FEAT_FLASH | KVMEM_FEAT_PEER;
	if (IS_ENABLED(CONFIG_DMA_SHARED_BUFFER))
		q->features |= KVMEM_FEAT_DMABUF;
	q->max_block = KVMEM_MAX_BLOCK;
	q->max_match = KVMEM_MAX_MATCH;
	q->max_handles = KVMEM_MAX_HANDLES;
	q->max_buffers = KVMEM_MAX_BUFFERS;
	q->reserved = 0;
	strscpy_pad(q->version, KVMEM_VERSION, sizeof(q->version));
	return 0;
}

static int ioctl_attach(struct file *file, union kvmem_ioctl_arg *arg)
{
	if (kvmem_quiesced())
		return -ESHUTDOWN;
	return kvmem_file_attach(file, &arg->attach);
}

static int ioctl_buf_reg(struct file *file, union kvmem_ioctl_arg *arg)
{
	struct kvmem_file *kf = file->private_data;

	if (!kvmem_file_ns(kf))
		return -ENOTCONN;
	if (kvmem_quiesced())
		return -ESHUTDOWN;
	return kvmem_buffer_register(kf, &arg->buf_reg);
}

static int ioctl_buf_unreg(struct file *file, union kvmem_ioctl_arg *arg)
{
	return kvmem_buffer_unregister(file->private_data, arg->buf_unreg.buf_id);
}

#define KVMEM_EVENTS_ALL (KVMEM_EVENT_BATCH | KVMEM_EVENT_QUIESCE | KVMEM_EVENT_NS)

static int ioctl_eventfd(struct file *file, union kvmem_ioctl_arg *arg)
{
	struct kvmem_eventfd *e = &arg->eventfd;

	if (e->reserved || e->mask & ~KVMEM_EVENTS_ALL || e->fd < -1 ||
	    (e->fd >= 0 && !e->mask))
		return -EINVAL;
	return kvmem_file_set_eventfd(file->private_data, e->fd, e->mask);
}

static int ioctl_events(struct file *file, union kvmem_ioctl_arg *arg)
{
	struct kvmem_file *kf = file->private_data;

	/* A quiesce has no end for this file but close(). */
	arg->events.events = atomic_fetch_and(KVMEM_EVENT_QUIESCE, &kf->events);
	return 0;
}

static int ioctl_ns_info(struct file *file, union kvmem_ioctl_arg *arg)
{
	struct kvmem_file *kf = file->private_data;
	struct kvmem_ns *ns = kvmem_file_ns(kf);
	struct kvmem_ns_info *info = &arg->ns_info;

	if (info->flags)
		return -EINVAL;
	if (!ns)
		return -ENOTCONN;
	info->ns_id = ns->id;
	info->nr_handles = atomic_read(&kf->nr_handles);
	spin_lock(&ns->lock);
	info->quota_bytes = ns->p.quota_bytes;
	info->quota_blocks = ns->p.quota_blocks;
	info->used_bytes = ns->used_bytes;
	info->used_blocks = ns->live_blocks;
	info->data_bytes = ns->data_bytes;
	spin_unlock(&ns->lock);
	info->hits = kvmem_stat_read(ns, KVMEM_STAT_HITS);
	info->misses = kvmem_stat_read(ns, KVMEM_STAT_MISSES);
	info->evictions = kvmem_stat_evictions(ns);
	info->copied_in = kvmem_stat_read(ns, KVMEM_STAT_COPIED_IN);
	info->copied_out = kvmem_stat_read(ns, KVMEM_STAT_COPIED_OUT);
	info->zero_copy = kvmem_stat_read(ns, KVMEM_STAT_ZERO_COPY);
	info->corrupt = kvmem_stat_read(ns, KVMEM_STAT_EVICT_CORRUPT);
	return 0;
}

struct kvmem_ioctl {
	unsigned int cmd;	/* number with the size this kernel knows */
	unsigned int size;	/* of the structure */
	unsigned int min_size;	/* of its first version */
	int (*fn)(struct file *file, union kvmem_ioctl_arg *arg);
};

/* @last: last field of the first version of the structure, never to change. */
#define KVMEM_IOCTL(ioc, type, last, handler)				\
	[_IOC_NR(ioc)] = {						\
		.cmd = ioc,						\
		.size = sizeof(type) +					\
			BUILD_BUG_ON_ZERO(_IOC_SIZE(ioc) != sizeof(type)) +	\
			BUILD_BUG_ON_ZERO(offsetof(type, size) != 0),	\
		.min_size = offsetofend(type, last),			\
		.fn = handler,						\
	}

static const struct kvmem_ioctl kvmem_ioctls[] = {
	KVMEM_IOCTL(KVMEM_IOC_QUERY, struct kvmem_query, version, ioctl_query),
	KVMEM_IOCTL(KVMEM_IOC_ATTACH, struct kvmem_attach, access, ioctl_attach),
	KVMEM_IOCTL(KVMEM_IOC_BUF_REG, struct kvmem_buf_reg, reserved, ioctl_buf_reg),
	KVMEM_IOCTL(KVMEM_IOC_BUF_UNREG, struct kvmem_buf_unreg, buf_id, ioctl_buf_unreg),
	KVMEM_IOCTL(KVMEM_IOC_EVENTFD, struct kvmem_eventfd, reserved, ioctl_eventfd),
	KVMEM_IOCTL(KVMEM_IOC_EVENTS, struct kvmem_events, events, ioctl_events),
	KVMEM_IOCTL(KVMEM_IOC_NS_INFO, struct kvmem_ns_info, corrupt, ioctl_ns_info),
};

static const struct kvmem_ioctl *ioctl_find(unsigned int cmd)
{
	unsigned int nr = _IOC_NR(cmd);
	const struct kvmem_ioctl *ioc;

	if (nr >= ARRAY_SIZE(kvmem_ioctls))
		return NULL;
	ioc = &kvmem_ioctls[array_index_nospec(nr, ARRAY_SIZE(kvmem_ioctls))];
	return ioc->fn && _IOC_DIR(cmd) == _IOC_DIR(ioc->cmd) ? ioc : NULL;
}

static int ioctl_read_arg(const struct kvmem_ioctl *ioc, unsigned int cmd,
			  void __user *uarg, union kvmem_ioctl_arg *arg)
{
	u32 size;

	if (get_user(size, (u32 __user *)uarg))
		return -EFAULT;
	if (size != _IOC_SIZE(cmd) || size < ioc->min_size)
		return -EINVAL;
	return copy_struct_from_user(arg, ioc->size, uarg, size);
}

long kvmem_ioctl(struct file *file, unsigned int cmd, unsigned long uarg)
{
	void __user *up = (void __user *)uarg;
	const struct kvmem_ioctl *ioc;
	union kvmem_ioctl_arg arg;
	int ret;

	if (_IOC_TYPE(cmd) != KVMEM_IOC_MAGIC)
		return -ENOTTY;
	if (_IOC_NR(cmd) == _IOC_NR(KVMEM_IOC_BATCH)) {
		if (_IOC_DIR(cmd) != _IOC_DIR(KVMEM_IOC_BATCH))
			return -ENOTTY;
		if (!_IOC_SIZE(cmd))
			return -EINVAL;
		ret = kvmem_batch_run(file->private_data, up, _IOC_SIZE(cmd));
		return min(ret, 0);
	}
	ioc = ioctl_find(cmd);
	if (!ioc)
		return -ENOTTY;
	ret = ioctl_read_arg(ioc, cmd, up, &arg);
	if (!ret)
		ret = ioc->fn(file, &arg);
	if (!ret && copy_to_user(up, &arg, min(ioc->size, _IOC_SIZE(cmd))))
		ret = -EFAULT;
	return ret;
}
