// SPDX-License-Identifier: GPL-2.0
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "nvme/faults.h"

static bool fault_hooks;
module_param(fault_hooks, bool, 0444);
MODULE_PARM_DESC(fault_hooks, "files in debugfs that make completions go wrong, for tests");

static struct dentry *faults_root;

static bool take(u32 *count)
{
	if (!*count)
		return false;
	--*count;
	return true;
}

/* Counts may be taken by two queues at once: then one more goes wrong. */
unsigned int kvmem_nvme_fault_cqe_slow(struct kvmem_nvme_queue *q,
				       const struct nvme_completion *cqe)
{
	struct kvmem_nvme_faults *f = q->ctrl->faults;

	if (f->mute)
		return 0;
	if (!q->qid)
		return 1;
	if (take(&f->drop))
		return 0;
	if (f->late && f->nr_held < KVMEM_NVME_FAULT_LATE && take(&f->late)) {
		f->held[f->nr_held].qid = q->qid;
		f->held[f->nr_held++].cqe = *cqe;
		return 0;
	}
	return take(&f->duplicate) ? 2 : 1;
}

void kvmem_nvme_fault_late_slow(struct kvmem_nvme_queue *q, struct list_head *ended,
				kvmem_nvme_complete_fn complete)
{
	struct kvmem_nvme_faults *f = q->ctrl->faults;
	unsigned int i;

	if (!f->release)
		return;
	for (i = 0; i < f->nr_held; i++) {
		if (f->held[i].qid != q->qid)
			continue;
		complete(q, &f->held[i].cqe, ended);
		f->held[i].qid = U16_MAX;
	}
}

void kvmem_nvme_faults_add(struct kvmem_nvme *ctrl)
{
	struct kvmem_nvme_faults *f;

	if (!fault_hooks)
		return;
	f = kzalloc(sizeof(*f), GFP_KERNEL);
	if (!f)
		return;
	f->dir = debugfs_create_dir(ctrl->name, faults_root);
	debugfs_create_u32("drop", 0600, f->dir, &f->drop);
	debugfs_create_u32("duplicate", 0600, f->dir, &f->duplicate);
	debugfs_create_u32("late", 0600, f->dir, &f->late);
	debugfs_create_bool("release", 0600, f->dir, &f->release);
	debugfs_create_bool("mute", 0600, f->dir, &f->mute);
	WRITE_ONCE(ctrl->faults, f);
}

/* Nobody looks at completions any more. */
void kvmem_nvme_faults_del(struct kvmem_nvme *ctrl)
{
	struct kvmem_nvme_faults *f = ctrl->faults;

	if (!f)
		return;
	WRITE_ONCE(ctrl->faults, NULL);
	debugfs_remove_recursive(f->dir);
	kfree(f);
}

void kvmem_nvme_faults_init(void)
{
	if (fault_hooks)
		faults_root = debugfs_create_dir("kvmem_nvme", NULL);
}

void kvmem_nvme_faults_exit(void)
{
	debugfs_remove_recursive(faults_root);
}
