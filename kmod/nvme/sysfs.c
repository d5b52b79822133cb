// SPDX-License-Identifier: GPL-2.0
/*
 * What a controller counts: a folder "kvmem" of the PCI device, as long as it is
 * ours.  docs/ABI/sysfs-driver-kvmem_nvme documents each file.
 */
#include <linux/device.h>
#include <linux/sysfs.h>
#include "nvme/nvme.h"

static ssize_t show_count(struct device *dev, char *buf, enum kvmem_nvme_count what)
{
	struct kvmem_nvme *ctrl = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%lld\n", (long long)atomic64_read(&ctrl->counts[what]));
}

#define COUNT_SHOW(name, what)							\
static ssize_t name##_show(struct device *dev, struct device_attribute *attr,	\
			   char *buf)						\
{										\
	return show_count(dev, buf, what);					\
}

COUNT_SHOW(timeouts, KVMEM_NVME_TIMEOUTS)
COUNT_SHOW(aborts, KVMEM_NVME_ABORTS)
COUNT_SHOW(resets, KVMEM_NVME_RESETS)
COUNT_SHOW(retries, KVMEM_NVME_RETRIES)
COUNT_SHOW(stale_completions, KVMEM_NVME_STALE)
COUNT_SHOW(missed_interrupts, KVMEM_NVME_MISSED)
COUNT_SHOW(command_errors, KVMEM_NVME_ERRORS)
COUNT_SHOW(events, KVMEM_NVME_EVENTS)

static DEVICE_ATTR_RO(timeouts);
static DEVICE_ATTR_RO(aborts);
static DEVICE_ATTR_RO(resets);
static DEVICE_ATTR_RO(retries);
static DEVICE_ATTR_RO(stale_completions);
static DEVICE_ATTR_RO(missed_interrupts);
static DEVICE_ATTR_RO(command_errors);
static DEVICE_ATTR_RO(events);

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	static const char * const names[] = {
		[KVMEM_NVME_NEW]	= "new",
		[KVMEM_NVME_LIVE]	= "live",
		[KVMEM_NVME_RESETTING]	= "resetting",
		[KVMEM_NVME_DEAD]	= "dead",
		[KVMEM_NVME_REMOVING]	= "removing",
	};

	return sysfs_emit(buf, "%s\n", names[kvmem_nvme_get_state(dev_get_drvdata(dev))]);
}
static DEVICE_ATTR_RO(state);

static ssize_t queues_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct kvmem_nvme *ctrl = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", READ_ONCE(ctrl->nr_live) - 1);
}
static DEVICE_ATTR_RO(queues);

static ssize_t open_namespaces_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct kvmem_nvme *ctrl = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", READ_ONCE(ctrl->nr_open));
}
static DEVICE_ATTR_RO(open_namespaces);

/* Over the queues for transfers; each is read as it is at that moment. */
static u64 sum(struct device *dev, size_t offset)
{
	struct kvmem_nvme *ctrl = dev_get_drvdata(dev);
	unsigned int i;
	u64 v = 0;

	for (i = 1; i < READ_ONCE(ctrl->nr_live); i++)
		v += READ_ONCE(*(u64 *)((void *)&ctrl->queues[i] + offset));
	return v;
}

#define SUM_SHOW(name, field)							\
static ssize_t name##_show(struct device *dev, struct device_attribute *attr,	\
			   char *buf)						\
{										\
	return sysfs_emit(buf, "%llu\n",					\
			  sum(dev, offsetof(struct kvmem_nvme_queue, field)));	\
}

SUM_SHOW(commands, commands)
SUM_SHOW(doorbells, doorbells)
SUM_SHOW(doorbells_spared, shadowed)

static DEVICE_ATTR_RO(commands);
static DEVICE_ATTR_RO(doorbells);
static DEVICE_ATTR_RO(doorbells_spared);

static struct attribute *attrs[] = {
	&dev_attr_timeouts.attr,
	&dev_attr_aborts.attr,
	&dev_attr_resets.attr,
	&dev_attr_retries.attr,
	&dev_attr_stale_completions.attr,
	&dev_attr_missed_interrupts.attr,
	&dev_attr_command_errors.attr,
	&dev_attr_events.attr,
	&dev_attr_state.attr,
	&dev_attr_queues.attr,
	&dev_attr_open_namespaces.attr,
	&dev_attr_commands.attr,
	&dev_attr_doorbells.attr,
	&dev_attr_doorbells_spared.attr,
	NULL
};

static const struct attribute_group group = {
	.name = "kvmem",
	.attrs = attrs,
};

const struct attribute_group *kvmem_nvme_groups[] = { &group, NULL };
