// SPDX-License-Identifier: GPL-2.0
/*
 * Deletions: an entry for each block that is on the media and must not be found
 * there again.
 *
 * It names the block by its place, not by its key, which may have been put
 * again; so all places count where an attach would find the key: the copy's,
 * that from which it is just being moved, and those of older copies that a crash
 * has left behind it (kvmem_scan_bury()).
 */
#include <linux/err.h>
#include <linux/printk.h>
#include "flash/log.h"

/*
 * Room for one entry, in the segment of @generation or a newer one: whoever
 * reads tables, newest first, then meets it before the block.
 */
static struct kvmem_segment *gone_reserve(struct kvmem_log *log, u64 generation)
{
	struct kvmem_ask ask = {
		.log = log,
		.entries = 1,
		.align = 1,
		.generation = generation,
		.gone = true,
	};
	u32 offset;

	return kvmem_segment_reserve_ask(&ask, &offset);
}

/* Record @gone, or when that is NULL that @copy has gone. */
static int gone_record(struct kvmem_log *log, u64 generation, const struct kvmem_media_gone *gone,
		       const struct kvmem_copy *copy)
{
	struct kvmem_media *media = log->media;
	struct kvmem_segment *seg = gone_reserve(log, generation);
	int ret;

	if (IS_ERR(seg))
		return PTR_ERR(seg);
	ret = kvmem_table_lock(seg, 1);
	if (ret) {
		seg->due--;
	} else {
		kvmem_table_owe(seg, kvmem_sync_begin(media));
		if (gone)
			kvmem_table_add_record(seg, gone);
		else
			kvmem_table_add_gone(seg, copy);
	}
	kvmem_segment_write_ended(seg);
	spin_unlock(&media->lock);
	kvmem_segment_put(seg);
	return ret;
}

int kvmem_log_gone_again(struct kvmem_log *log, const struct kvmem_media_gone *gone)
{
	return gone_record(log, le64_to_cpu(gone->generation), gone, NULL);
}

static void gone_was_lost(struct kvmem_media *media, int err)
{
	spin_lock(&media->lock);
	media->gone_lost = true;
	spin_unlock(&media->lock);
	pr_warn_ratelimited("media %s: a deletion was not recorded (%d)\n", media->name, err);
}

/*
 * Its entry was in a page before anybody could find the copy, so it may be on
 * the media by now.  The caller keeps the segment in use, so it is the same.
 */
void kvmem_log_gone(struct kvmem_copy *copy)
{
	struct kvmem_media *media = copy->seg->media;
	struct kvmem_log *log = kvmem_log_get(media, copy->ns, false);
	struct kvmem_copy *origin;
	int ret;

	/* No log: all its blocks go, or the media is let go. */
	if (!log)
		return;
	ret = gone_record(log, copy->seg->generation, NULL, copy);
	origin = kvmem_reclaim_origin(copy);
	if (origin) {
		ret = gone_record(log, origin->seg->generation, NULL, origin) ?: ret;
		kvmem_copy_put_used(origin);
	}
	if (ret)
		gone_was_lost(media, ret);
	kvmem_log_put(log);
}
