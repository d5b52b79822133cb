// SPDX-License-Identifier: GPL-2.0
/*
 * The superblock of an open device: which of its two copies counts, or why
 * the device is not attached.
 */
#include <linux/netlink.h>
#include "flash/flash.h"

static_assert(sizeof(struct kvmem_media_super) == KVMEM_MEDIA_PAGE);

/**
 * struct super_copy - what became of one copy
 * @super: decoded, when @io and @err are 0
 * @at: where it was looked for
 * @io: the device's error
 * @err: why it is not taken
 */
struct super_copy {
	struct kvmem_super super;
	u64 at;
	int io;
	enum kvmem_format_error err;
};

static bool super_valid(const struct super_copy *copy)
{
	return !copy->io && !copy->err;
}

/* A buffer for each read: one that timed out may still be written to. */
static void super_read(struct kvmem_dev *dev, u64 at, struct super_copy *copy)
{
	struct kvmem_dev_buf *buf = kvmem_dev_alloc(KVMEM_MEDIA_PAGE);

	copy->at = at;
	copy->io = -ENOMEM;
	if (!buf)
		return;
	copy->io = kvmem_dev_rw(dev, KVMEM_IO_READ, 0, at, buf, 0, KVMEM_MEDIA_PAGE);
	if (!copy->io)
		copy->err = kvmem_super_decode(&copy->super, kvmem_dev_buf_data(buf),
					       dev->geo.bytes, dev->geo.unit);
	kvmem_dev_buf_put(buf);
}

/* A device that has grown has its second copy where it always was. */
static u64 super_second(const struct kvmem_dev *dev, const struct super_copy *first)
{
	return kvmem_super_end(super_valid(first) ? first->super.media_bytes : dev->geo.bytes);
}

/* "Not ours" says less than what the other copy may have to say. */
static const struct super_copy *super_reason(const struct super_copy copies[2])
{
	if (!copies[0].io && copies[0].err != KVMEM_FORMAT_MAGIC)
		return &copies[0];
	if (!copies[1].io && copies[1].err != KVMEM_FORMAT_MAGIC)
		return &copies[1];
	return copies[0].io ? &copies[0] : &copies[1];
}

static int super_errno(const struct super_copy *copy)
{
	if (copy->io)
		return copy->io;
	switch (copy->err) {
	case KVMEM_FORMAT_MAGIC:
		return -EMEDIUMTYPE;
	case KVMEM_FORMAT_VERSION:
	case KVMEM_FORMAT_FEATURE:
	case KVMEM_FORMAT_UNIT:
		return -EOPNOTSUPP;
	case KVMEM_FORMAT_SHRUNK:
		return -ENOSPC;
	default:
		return -EUCLEAN;
	}
}

/* The texts are constant: NL_SET_ERR_MSG() cannot take them, its message can. */
static void super_say(struct netlink_ext_ack *extack, const char *text)
{
	if (extack)
		extack->_msg = text;
}

static const char *super_text(const struct super_copy *copy)
{
	return copy->io ? "the superblock cannot be read" : kvmem_format_text(copy->err);
}

static void super_warn(const struct kvmem_dev *dev, const struct super_copy *copy)
{
	pr_warn("%s: superblock at %llu: %s (%d)\n", dev->path, copy->at, super_text(copy),
		super_errno(copy));
}

static int super_refuse(struct kvmem_dev *dev, const struct super_copy copies[2],
			struct netlink_ext_ack *extack)
{
	const struct super_copy *why = super_reason(copies);

	super_warn(dev, &copies[0]);
	super_warn(dev, &copies[1]);
	super_say(extack, super_text(why));
	return super_errno(why);
}

/*
 * Copies of two media: a format that did not come to its end.  Either is safe,
 * because tables and directory pages name their media; the first one is what
 * other tools see.
 */
static const struct super_copy *super_newer(struct kvmem_dev *dev,
					    const struct super_copy copies[2])
{
	if (memcmp(copies[0].super.uuid, copies[1].super.uuid, KVMEM_MEDIA_UUID_LEN)) {
		pr_warn("%s: superblock at %llu: %s\n", dev->path, copies[1].at,
			kvmem_format_text(KVMEM_FORMAT_MEDIA));
		return &copies[0];
	}
	return copies[1].super.generation > copies[0].super.generation ? &copies[1] : &copies[0];
}

static const struct super_copy *super_choose(struct kvmem_dev *dev,
					     const struct super_copy copies[2])
{
	bool first = super_valid(&copies[0]), second = super_valid(&copies[1]);

	if (first && second)
		return super_newer(dev, copies);
	if (!first && !second)
		return NULL;
	super_warn(dev, &copies[first ? 1 : 0]);
	pr_warn("%s: one of two superblocks is lost, the other one is used\n", dev->path);
	return &copies[first ? 0 : 1];
}

int kvmem_super_load(struct kvmem_dev *dev, struct kvmem_super *super,
		     struct netlink_ext_ack *extack)
{
	struct super_copy copies[2] = {};
	const struct super_copy *chosen;

	if (dev->geo.bytes < 2 * KVMEM_MEDIA_PAGE || dev->geo.unit > KVMEM_MEDIA_PAGE) {
		super_say(extack, kvmem_format_text(KVMEM_FORMAT_GEOMETRY));
		return -EOPNOTSUPP;
	}
	super_read(dev, 0, &copies[0]);
	super_read(dev, super_second(dev, &copies[0]), &copies[1]);
	chosen = super_choose(dev, copies);
	if (!chosen)
		return super_refuse(dev, copies, extack);
	*super = chosen->super;
	if (super->ro_compat & ~KVMEM_MEDIA_RO_COMPAT) {
		pr_warn("%s: of a newer kvmem, which allows this one to read only\n", dev->path);
		dev->geo.read_only = true;
	}
	return 0;
}
