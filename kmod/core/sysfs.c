// SPDX-License-Identifier: GPL-2.0
/*
 * sysfs: one value a file, bytes, counts or ms.  No verbs: those are netlink's.
 */
#include <linux/compiler.h>
#include <linux/device.h>
#include <linux/kstrtox.h>
#include <linux/kvmem.h>
#include <linux/sysfs.h>
#include "arena.h"
#include "file.h"
#include "sysfs.h"
#include "version.h"

/* --- arena --- */

#define KVMEM_ARENA_SHOW(field)							\
static ssize_t arena_##field##_bytes_show(struct device *dev,			\
					  struct device_attribute *attr, char *buf) \
{										\
	struct kvmem_arena_info info;						\
										\
	kvmem_arena_get_info(&info);						\
	return sysfs_emit(buf, "%llu\n", info.field);				\
}

KVMEM_ARENA_SHOW(floor)
KVMEM_ARENA_SHOW(limit)
KVMEM_ARENA_SHOW(allocated)
KVMEM_ARENA_SHOW(free)
KVMEM_ARENA_SHOW(quarantined)
KVMEM_ARENA_SHOW(huge)

static ssize_t arena_bytes_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct kvmem_arena_info info;

	kvmem_arena_get_info(&info);
	return sysfs_emit(buf, "%llu\n", info.target);
}

static ssize_t kvmem_sysfs_store_bytes(const char *buf, size_t count, int (*set)(u64 bytes))
{
	u64 bytes;
	int err;

	err = kstrtou64(buf, 0, &bytes) ?: set(bytes);
	return err ?: count;
}

static ssize_t arena_bytes_store(struct device *dev, struct device_attribute *attr,
				 const char *buf, size_t count)
{
	return kvmem_sysfs_store_bytes(buf, count, kvmem_arena_set_target);
}

static ssize_t arena_floor_bytes_store(struct device *dev, struct device_attribute *attr,
				       const char *buf, size_t count)
{
	return kvmem_sysfs_store_bytes(buf, count, kvmem_arena_set_floor);
}

static DEVICE_ATTR_RW(arena_bytes);
static DEVICE_ATTR_RW(arena_floor_bytes);
static DEVICE_ATTR_RO(arena_limit_bytes);
static DEVICE_ATTR_RO(arena_allocated_bytes);
static DEVICE_ATTR_RO(arena_free_bytes);
static DEVICE_ATTR_RO(arena_quarantined_bytes);
static DEVICE_ATTR_RO(arena_huge_bytes);

/* --- the module --- */

static ssize_t open_files_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", kvmem_nr_files());
}

static ssize_t quiesced_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", kvmem_quiesced());
}

static ssize_t version_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", KVMEM_VERSION);
}

static ssize_t abi_version_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", KVMEM_ABI_VERSION);
}

static DEVICE_ATTR_RO(open_files);
static DEVICE_ATTR_RO(quiesced);
static DEVICE_ATTR_RO(version);
static DEVICE_ATTR_RO(abi_version);

/* --- knobs --- */

static ssize_t kvmem_sysfs_store_knob(const char *buf, size_t count, unsigned int *knob,
				      unsigned int min, unsigned int max)
{
	unsigned int value;
	int err;

	err = kstrtouint(buf, 0, &value);
	if (err)
		return err;
	if (value < min || value > max)
		return -EINVAL;
	WRITE_ONCE(*knob, value);
	return count;
}

static ssize_t expire_interval_ms_show(struct device *dev, struct device_attribute *attr,
				       char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(kvmem_expire_interval_ms));
}

static ssize_t expire_interval_ms_store(struct device *dev, struct device_attribute *attr,
					const char *buf, size_t count)
{
	return kvmem_sysfs_store_knob(buf, count, &kvmem_expire_interval_ms,
				      KVMEM_EXPIRE_MIN_MS, KVMEM_EXPIRE_MAX_MS);
}

static ssize_t ghost_max_entries_show(struct device *dev, struct device_attribute *attr,
				      char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(kvmem_ghost_max));
}

static ssize_t ghost_max_entries_store(struct device *dev, struct device_attribute *attr,
				       const char *buf, size_t count)
{
	return kvmem_sysfs_store_knob(buf, count, &kvmem_ghost_max,
				      KVMEM_GHOST_MIN, KVMEM_GHOST_MAX);
}

static ssize_t io_timeout_ms_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(kvmem_io_timeout_ms));
}

static ssize_t io_timeout_ms_store(struct device *dev, struct device_attribute *attr,
				   const char *buf, size_t count)
{
	return kvmem_sysfs_store_knob(buf, count, &kvmem_io_timeout_ms,
				      KVMEM_IO_TIMEOUT_MIN_MS, KVMEM_IO_TIMEOUT_MAX_MS);
}

static ssize_t discard_wait_ms_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(kvmem_discard_wait_ms));
}

static ssize_t discard_wait_ms_store(struct device *dev, struct device_attribute *attr,
				     const char *buf, size_t count)
{
	return kvmem_sysfs_store_knob(buf, count, &kvmem_discard_wait_ms,
				      KVMEM_DISCARD_WAIT_MIN_MS, KVMEM_DISCARD_WAIT_MAX_MS);
}

static DEVICE_ATTR_RW(discard_wait_ms);
static DEVICE_ATTR_RW(expire_interval_ms);
static DEVICE_ATTR_RW(ghost_max_entries);
static DEVICE_ATTR_RW(io_timeout_ms);

static struct attribute *kvmem_sysfs_attrs[] = {
	&dev_attr_arena_bytes.attr,
	&dev_attr_arena_floor_bytes.attr,
	&dev_attr_arena_limit_bytes.attr,
	&dev_attr_arena_allocated_bytes.attr,
	&dev_attr_arena_free_bytes.attr,
	&dev_attr_arena_quarantined_bytes.attr,
	&dev_attr_arena_huge_bytes.attr,
	&dev_attr_open_files.attr,
	&dev_attr_quiesced.attr,
	&dev_attr_version.attr,
	&dev_attr_abi_version.attr,
	&dev_attr_discard_wait_ms.attr,
	&dev_attr_expire_interval_ms.attr,
	&dev_attr_ghost_max_entries.attr,
	&dev_attr_io_timeout_ms.attr,
	NULL
};

static const struct attribute_group kvmem_sysfs_group = {
	.attrs = kvmem_sysfs_attrs,
};

const struct attribute_group *kvmem_sysfs_groups[] = {
	&kvmem_sysfs_group,
	NULL
};
