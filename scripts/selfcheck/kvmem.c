// SPDX-License-Identifier: GPL-2.0
/*
 * A stand-in for kvmem.ko with seeded faults: the lanes must notice each one.
 * See scripts/lane-harness.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

static char *fault = "none";
module_param(fault, charp, 0444);
MODULE_PARM_DESC(fault, "what to do wrong: none warn oops overflow leak unpaired stuck");

static struct dentry *dir;
static void *volatile lost;

static bool is(const char *what)
{
	return !strcmp(fault, what);
}

/* Reading the file does it, so that a test program is at fault, not insmod. */
static ssize_t trigger_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	char *volatile p;

	if (is("warn"))
		WARN(1, "seeded\n");
	if (is("oops"))
		*(int *volatile)8 = 1;
	if (is("overflow")) {
		p = kmalloc(40, GFP_KERNEL);
		if (p)
			p[40] = 1;
		kfree(p);
	}
	if (is("leak")) {
		lost = kmalloc(77, GFP_KERNEL);
		lost = NULL;
	}
	if (is("stuck"))
		__module_get(THIS_MODULE);
	return 0;
}

static const struct file_operations trigger_fops = {
	.owner = THIS_MODULE,
	.read = trigger_read,
};

static int __init selfcheck_init(void)
{
	dir = debugfs_create_dir("kvmem_selfcheck", NULL);
	debugfs_create_file("trigger", 0400, dir, NULL, &trigger_fops);
	pr_debug("thing 1 created\n");
	return 0;
}

static void __exit selfcheck_exit(void)
{
	debugfs_remove(dir);
	if (!is("unpaired"))
		pr_debug("thing 1 destroyed\n");
}

module_init(selfcheck_init);
module_exit(selfcheck_exit);
MODULE_DESCRIPTION("kvmem harness self-check");
MODULE_LICENSE("GPL");
