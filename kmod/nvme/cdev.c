// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/kvmem-nvmeN: the admin passthrough of the in-tree driver, as far as it
 * only looks, so that nvme-cli works on a controller that is ours.
 *
 * The controller writes as much as the command says, not as much as the caller
 * has room for, so that is checked here, and the memory is always ours.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nvme_ioctl.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "nvme/nvme.h"

#define CDEV_MAX_DATA	(256U << 10)
/* What identify gives, and a feature at most */
#define CDEV_MIN_DATA	4096U

/**
 * struct kvmem_nvme_cdev - the device file of a controller
 * @misc: files find us by it
 * @ctrl: of it; a file has a reference of its own
 * @name: in /dev
 */
struct kvmem_nvme_cdev {
	struct miscdevice misc;
	struct kvmem_nvme *ctrl;
	char name[32];
};

/* Checks -------------------------------------------------------------------------------- */

/* How many bytes the controller will write; negative: not to be sent. */
static s64 cdev_writes(const struct nvme_passthru_cmd64 *c)
{
	switch (c->opcode) {
	case nvme_admin_identify:
	case nvme_admin_get_features:
		return CDEV_MIN_DATA;
	case nvme_admin_get_log_page:
		return (((u64)c->cdw11 & 0xffff) << 16 | c->cdw10 >> 16) * 4 + 4;
	default:
		return -EACCES;
	}
}

/* Fields that we do not know are refused, not ignored. */
static int cdev_check(const struct nvme_passthru_cmd64 *c)
{
	s64 writes = cdev_writes(c);

	if (writes < 0)
		return writes;
	if (c->flags || c->metadata || c->metadata_len)
		return -EINVAL;
	if (c->data_len > CDEV_MAX_DATA || (c->data_len && !c->addr))
		return -EINVAL;
	/* A feature may have no data, and then there is no room for any. */
	if (writes > c->data_len && c->opcode != nvme_admin_get_features)
		return -EINVAL;
	return 0;
}

/* Commands ------------------------------------------------------------------------------ */

static void cdev_build(struct nvme_command *cmd, const struct nvme_passthru_cmd64 *c)
{
	cmd->common.opcode = c->opcode;
	cmd->common.nsid = cpu_to_le32(c->nsid);
	cmd->common.cdw2[0] = cpu_to_le32(c->cdw2);
	cmd->common.cdw2[1] = cpu_to_le32(c->cdw3);
	cmd->common.cdw10 = cpu_to_le32(c->cdw10);
	cmd->common.cdw11 = cpu_to_le32(c->cdw11);
	cmd->common.cdw12 = cpu_to_le32(c->cdw12);
	cmd->common.cdw13 = cpu_to_le32(c->cdw13);
	cmd->common.cdw14 = cpu_to_le32(c->cdw14);
	cmd->common.cdw15 = cpu_to_le32(c->cdw15);
}

static int cdev_send(struct kvmem_nvme *ctrl, struct nvme_passthru_cmd64 *c)
{
	struct nvme_command cmd = {};
	struct kvmem_nvme_buf buf;
	u32 result = 0;
	int ret;

	ret = kvmem_nvme_buf_alloc(ctrl, &buf,
				   max_t(size_t, PAGE_ALIGN(c->data_len), CDEV_MIN_DATA));
	if (ret)
		return ret;
	cdev_build(&cmd, c);
	ret = kvmem_nvme_admin(ctrl, &cmd, &buf, &result);
	if (!ret && c->data_len &&
	    copy_to_user(u64_to_user_ptr(c->addr), buf.data, c->data_len))
		ret = -EFAULT;
	kvmem_nvme_buf_free(ctrl, &buf);
	c->result = result;
	return ret;
}

static int cdev_run(struct kvmem_nvme *ctrl, struct nvme_passthru_cmd64 *c)
{
	int ret = cdev_check(c);

	if (ret)
		return ret;
	if (!kvmem_nvme_enter(ctrl))
		return -ENODEV;
	ret = cdev_send(ctrl, c);
	kvmem_nvme_leave(ctrl);
	return ret;
}

/* The older form: the same but for the result, which is shorter and lies elsewhere. */
static long cdev_admin(struct kvmem_nvme *ctrl, struct nvme_passthru_cmd __user *ucmd)
{
	struct nvme_passthru_cmd64 c = {};
	int ret;

	static_assert(offsetof(struct nvme_passthru_cmd, result) ==
		      offsetofend(struct nvme_passthru_cmd64, timeout_ms));
	if (copy_from_user(&c, ucmd, offsetof(struct nvme_passthru_cmd, result)))
		return -EFAULT;
	ret = cdev_run(ctrl, &c);
	if (ret >= 0 && put_user((u32)c.result, &ucmd->result))
		return -EFAULT;
	return ret;
}

static long cdev_admin64(struct kvmem_nvme *ctrl, struct nvme_passthru_cmd64 __user *ucmd)
{
	struct nvme_passthru_cmd64 c;
	int ret;

	if (copy_from_user(&c, ucmd, sizeof(c)))
		return -EFAULT;
	if (c.rsvd2)
		return -EINVAL;
	ret = cdev_run(ctrl, &c);
	if (ret >= 0 && put_user(c.result, &ucmd->result))
		return -EFAULT;
	return ret;
}

/* The first namespace's number, for tools that ask about "the" namespace. */
static long cdev_id(struct kvmem_nvme *ctrl)
{
	struct kvmem_nvme_ns *ns;
	long ret;

	mutex_lock(&ctrl->ns_lock);
	ns = list_first_entry_or_null(&ctrl->namespaces, struct kvmem_nvme_ns, node);
	ret = ns ? ns->nsid : -ENOTTY;
	mutex_unlock(&ctrl->ns_lock);
	return ret;
}

/* File ------------------------------------------------------------------------------------ */

static int cdev_open(struct inode *inode, struct file *file)
{
	struct kvmem_nvme_cdev *cdev = container_of(file->private_data, struct kvmem_nvme_cdev,
						    misc);

	if (!capable(CAP_SYS_ADMIN))
		return -EACCES;
	/* Under misc's lock, which deregistration takes: the controller is there. */
	kref_get(&cdev->ctrl->ref);
	file->private_data = cdev->ctrl;
	return 0;
}

static int cdev_release(struct inode *inode, struct file *file)
{
	kvmem_nvme_put(file->private_data);
	return 0;
}

static long cdev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct kvmem_nvme *ctrl = file->private_data;
	void __user *p = (void __user *)arg;

	/* The file may have been handed on. */
	if (!capable(CAP_SYS_ADMIN))
		return -EACCES;
	switch (cmd) {
	case NVME_IOCTL_ID:
		return cdev_id(ctrl);
	case NVME_IOCTL_ADMIN_CMD:
		return cdev_admin(ctrl, p);
	case NVME_IOCTL_ADMIN64_CMD:
		return cdev_admin64(ctrl, p);
	case NVME_IOCTL_SUBMIT_IO:
	case NVME_IOCTL_IO_CMD:
	case NVME_IOCTL_RESET:
	case NVME_IOCTL_SUBSYS_RESET:
	case NVME_IOCTL_RESCAN:
	case NVME_IOCTL_IO64_CMD:
		return -EACCES;
	default:
		return -ENOTTY;
	}
}

static const struct file_operations cdev_fops = {
	.owner		= THIS_MODULE,
	.open		= cdev_open,
	.release	= cdev_release,
	.unlocked_ioctl	= cdev_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

int kvmem_nvme_cdev_add(struct kvmem_nvme *ctrl)
{
	struct kvmem_nvme_cdev *cdev = kzalloc(sizeof(*cdev), GFP_KERNEL);
	int ret;

	if (!cdev)
		return -ENOMEM;
	snprintf(cdev->name, sizeof(cdev->name), "kvmem-nvme%d", ctrl->instance);
	cdev->ctrl = ctrl;
	cdev->misc = (struct miscdevice) {
		.minor = MISC_DYNAMIC_MINOR,
		.name = cdev->name,
		.fops = &cdev_fops,
		.parent = &ctrl->pdev->dev,
		.mode = 0600,
	};
	ret = misc_register(&cdev->misc);
	if (ret)
		kfree(cdev);
	else
		ctrl->cdev = cdev;
	return ret;
}

/* No file will be opened any more; those that are open keep the controller. */
void kvmem_nvme_cdev_del(struct kvmem_nvme *ctrl)
{
	struct kvmem_nvme_cdev *cdev = ctrl->cdev;

	if (!cdev)
		return;
	ctrl->cdev = NULL;
	misc_deregister(&cdev->misc);
	kfree(cdev);
}
