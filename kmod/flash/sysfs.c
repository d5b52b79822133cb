// SPDX-License-Identifier: GPL-2.0
/*
 * Media in sysfs, /sys/class/misc/kvmem/media/NAME: one value a file, bytes or
 * counts; documented in docs/ABI.
 *
 * A directory goes before the parts of its media do, and waits for its readers
 * then, so files need no reference.  They must not take the lock of the table
 * of media: detach holds it while it waits for them.
 */
#include <linux/completion.h>
#include <linux/kobject.h>
#include <linux/kstrtox.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include "flash/info.h"

/**
 * struct kvmem_media_kobj - the directory of a media
 * @kobj: of sysfs
 * @media: constant
 * @gone: the last reference of @kobj was dropped, so this may be freed, and
 *	the module unloaded
 */
struct kvmem_media_kobj {
	struct kobject kobj;
	struct kvmem_media *media;
	struct completion gone;
};

#define MEDIA_ATTR_RO(name)	static struct kobj_attribute media_attr_##name = __ATTR_RO(name)
#define MEDIA_ATTR_RW(name)	static struct kobj_attribute media_attr_##name = __ATTR_RW(name)

static struct kvmem_media *media_of(struct kobject *kobj)
{
	return container_of(kobj, struct kvmem_media_kobj, kobj)->media;
}

/* Who it is ------------------------------------------------------------------ */

static ssize_t state_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  kvmem_media_state_name(READ_ONCE(media_of(kobj)->state)));
}

static ssize_t uuid_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%pUb\n", media_of(kobj)->super.uuid);
}

static ssize_t label_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", media_of(kobj)->super.label);
}

static ssize_t path_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", media_of(kobj)->dev.path);
}

static ssize_t backend_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", media_of(kobj)->dev.ops->name);
}

MEDIA_ATTR_RO(state);
MEDIA_ATTR_RO(uuid);
MEDIA_ATTR_RO(label);
MEDIA_ATTR_RO(path);
MEDIA_ATTR_RO(backend);

/* Numbers -------------------------------------------------------------------- */

/* A value of @media that one look at is enough for */
#define MEDIA_SHOW(name, value)							\
static ssize_t name##_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf) \
{										\
	const struct kvmem_media *media = media_of(kobj);			\
										\
	return sysfs_emit(buf, "%llu\n", (u64)(value));				\
}

/* One that media->lock guards */
#define MEDIA_SHOW_LOCKED(name, value)						\
static ssize_t name##_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf) \
{										\
	struct kvmem_media *media = media_of(kobj);				\
	u64 v;									\
										\
	spin_lock(&media->lock);						\
	v = (value);								\
	spin_unlock(&media->lock);						\
	return sysfs_emit(buf, "%llu\n", v);					\
}

/* One that all segments are counted for */
#define MEDIA_SHOW_CENSUS(name, value)						\
static ssize_t name##_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf) \
{										\
	struct kvmem_media_census census;					\
										\
	kvmem_media_get_census(media_of(kobj), &census);			\
	return sysfs_emit(buf, "%llu\n", (u64)census.value);			\
}

MEDIA_SHOW(bytes_total, media->super.media_bytes)
MEDIA_SHOW(segment_bytes, media->super.segment_bytes)
MEDIA_SHOW(segments_total, media->super.nr_segments)
MEDIA_SHOW_CENSUS(segments_bad, segments[KVMEM_SEG_BAD])
MEDIA_SHOW_CENSUS(segments_orphan, segments[KVMEM_SEG_ORPHAN])
MEDIA_SHOW_CENSUS(blocks_live, blocks)
MEDIA_SHOW_CENSUS(bytes_live, bytes)
MEDIA_SHOW_LOCKED(segments_free, media->nr_free)
MEDIA_SHOW_LOCKED(written_put_bytes, media->counts.bytes[KVMEM_WRITE_PUT])
MEDIA_SHOW_LOCKED(written_reinsert_bytes, media->counts.bytes[KVMEM_WRITE_REINSERT])
MEDIA_SHOW_LOCKED(written_table_bytes, media->counts.bytes[KVMEM_WRITE_TABLE])
MEDIA_SHOW_LOCKED(reclaimed_segments, media->counts.reclaimed)
MEDIA_SHOW_LOCKED(evicted_blocks, media->counts.evicted_blocks)
MEDIA_SHOW_LOCKED(corrupt_blocks, media->counts.corrupt)
MEDIA_SHOW_LOCKED(discard_commands, media->counts.discard_commands)
MEDIA_SHOW(discard_ranges, atomic64_read(&media->dev.ranges))
MEDIA_SHOW(discard_bytes, atomic64_read(&media->dev.bytes[KVMEM_IO_DISCARD]))
MEDIA_SHOW(errors_read, atomic64_read(&media->dev.errors[KVMEM_IO_READ]))
MEDIA_SHOW(errors_write, atomic64_read(&media->dev.errors[KVMEM_IO_WRITE]) +
			 atomic64_read(&media->dev.errors[KVMEM_IO_FLUSH]))
MEDIA_SHOW(errors_discard, atomic64_read(&media->dev.errors[KVMEM_IO_DISCARD]))
MEDIA_SHOW_LOCKED(budget_bytes_per_day, media->budget.per_day)

static ssize_t budget_bytes_per_day_store(struct kobject *kobj, struct kobj_attribute *attr,
					  const char *buf, size_t count)
{
	u64 bytes;
	int err;

	err = kstrtou64(buf, 0, &bytes) ?: kvmem_media_set_budget(media_of(kobj), bytes);
	return err ?: count;
}

static ssize_t write_amplification_show(struct kobject *kobj, struct kobj_attribute *attr,
					char *buf)
{
	struct kvmem_media *media = media_of(kobj);
	u32 thousandths;

	spin_lock(&media->lock);
	thousandths = kvmem_media_amplification(&media->counts);
	spin_unlock(&media->lock);
	return sysfs_emit(buf, "%u.%03u\n", thousandths / 1000, thousandths % 1000);
}

MEDIA_ATTR_RO(bytes_total);
MEDIA_ATTR_RO(segment_bytes);
MEDIA_ATTR_RO(segments_total);
MEDIA_ATTR_RO(segments_free);
MEDIA_ATTR_RO(segments_orphan);
MEDIA_ATTR_RO(segments_bad);
MEDIA_ATTR_RO(blocks_live);
MEDIA_ATTR_RO(bytes_live);
MEDIA_ATTR_RO(written_put_bytes);
MEDIA_ATTR_RO(written_reinsert_bytes);
MEDIA_ATTR_RO(written_table_bytes);
MEDIA_ATTR_RO(write_amplification);
MEDIA_ATTR_RO(reclaimed_segments);
MEDIA_ATTR_RO(evicted_blocks);
MEDIA_ATTR_RO(corrupt_blocks);
MEDIA_ATTR_RO(discard_commands);
MEDIA_ATTR_RO(discard_ranges);
MEDIA_ATTR_RO(discard_bytes);
MEDIA_ATTR_RO(errors_read);
MEDIA_ATTR_RO(errors_write);
MEDIA_ATTR_RO(errors_discard);
MEDIA_ATTR_RW(budget_bytes_per_day);

static struct attribute *media_attrs[] = {
	&media_attr_state.attr,
	&media_attr_uuid.attr,
	&media_attr_label.attr,
	&media_attr_path.attr,
	&media_attr_backend.attr,
	&media_attr_bytes_total.attr,
	&media_attr_segment_bytes.attr,
	&media_attr_segments_total.attr,
	&media_attr_segments_free.attr,
	&media_attr_segments_orphan.attr,
	&media_attr_segments_bad.attr,
	&media_attr_blocks_live.attr,
	&media_attr_bytes_live.attr,
	&media_attr_written_put_bytes.attr,
	&media_attr_written_reinsert_bytes.attr,
	&media_attr_written_table_bytes.attr,
	&media_attr_write_amplification.attr,
	&media_attr_reclaimed_segments.attr,
	&media_attr_evicted_blocks.attr,
	&media_attr_corrupt_blocks.attr,
	&media_attr_discard_commands.attr,
	&media_attr_discard_ranges.attr,
	&media_attr_discard_bytes.attr,
	&media_attr_errors_read.attr,
	&media_attr_errors_write.attr,
	&media_attr_errors_discard.attr,
	&media_attr_budget_bytes_per_day.attr,
	NULL
};
ATTRIBUTE_GROUPS(media);

/* Coming and going ----------------------------------------------------------- */

static void media_kobj_release(struct kobject *kobj)
{
	complete(&container_of(kobj, struct kvmem_media_kobj, kobj)->gone);
}

static const struct kobj_type media_ktype = {
	.release = media_kobj_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = media_groups,
};

static void media_kobj_free(struct kvmem_media_kobj *kobj)
{
	kobject_put(&kobj->kobj);
	wait_for_completion(&kobj->gone);
	kfree(kobj);
}

struct kvmem_media_kobj *kvmem_media_kobj_add(struct kvmem_media *media, struct kobject *parent)
{
	struct kvmem_media_kobj *kobj = kzalloc(sizeof(*kobj), GFP_KERNEL);
	int err;

	if (!kobj)
		return NULL;
	kobj->media = media;
	init_completion(&kobj->gone);
	err = kobject_init_and_add(&kobj->kobj, &media_ktype, parent, "%s", media->name);
	if (!err)
		return kobj;
	pr_warn("media %s is not in sysfs: %d\n", media->name, err);
	media_kobj_free(kobj);
	return NULL;
}

void kvmem_media_kobj_del(struct kvmem_media_kobj *kobj)
{
	kobject_del(&kobj->kobj);
	media_kobj_free(kobj);
}
