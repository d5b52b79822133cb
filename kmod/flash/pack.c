// SPDX-License-Identifier: GPL-2.0
/*
 * Packs: small blocks that share a transfer, and units of the device.
 *
 * A device writes whole units, so a block of 300 bytes would cost 512 or 4096.
 * Such blocks are copied, one after the other, to a pack of their log and
 * temperature.  It is sent when it is full, when the first of its blocks has
 * waited for KVMEM_FLUSH_MS, or when somebody asks: who waits for one of them
 * (PERSIST) or for all puts (kvmem_table_sync()).  Only then room is taken for it
 * in a segment, and its blocks are puts under way and know where they will be.
 *
 * Until the transfer has ended nothing can be found of it, as with any write:
 * the DRAM block is held meanwhile, and a re-insertion's old copy serves.  Then
 * every block is published, or given up, by itself; if the transfer failed, all
 * of them are.
 *
 * Packs are filled and sent under log->pack_lock.  One of puts for which there is
 * no room stays at hand for a while: whoever comes with the next block is told,
 * and waits for reclaim as others do.  Reclaim itself does not wait.
 */
#include <linux/align.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include "flash/log.h"
#include "flash/tier.h"

/* Bytes of a pack, and blocks in it at most: the entries of four pages. */
#define PACK_BYTES	(4 * KVMEM_MEDIA_PAGE)
#define PACK_BLOCKS	(4 * KVMEM_MEDIA_TABLE_ENTRIES)
/* Blocks below are always packed, others up to the second bound to spare padding. */
#define PACK_SMALL	(KVMEM_MEDIA_PAGE / 4)
#define PACK_MAX	(PACK_BYTES / 4)
/* Without room, its blocks are given up so long after the first of them came. */
#define PACK_ROOM_MS	5000

/**
 * struct kvmem_pack - small blocks on their way to a media together
 * @write: the transfer; of it only @io, @node, @log, @pack, @reason and @status are used
 * @seg: where, once it is sent
 * @buf: the bytes
 * @since: jiffies; when it was begun
 * @used: bytes
 * @nr: blocks
 * @temperature: of the segment that it goes to
 * @hurry: the entries do not wait once more
 * @members: the blocks' own writes
 */
struct kvmem_pack {
	struct kvmem_write write;
	struct kvmem_segment *seg;
	struct kvmem_dev_buf *buf;
	unsigned long since;
	u32 used;
	u32 nr;
	u8 temperature;
	bool hurry;
	struct kvmem_write *members[PACK_BLOCKS];
};

/* More than an eighth of padding is too much, as it is in DRAM (kvmem_layout_for()). */
bool kvmem_pack_wants(const struct kvmem_media *media, size_t size)
{
	size_t pad = round_up(size, media->dev.geo.unit) - size;

	return size < PACK_SMALL || (size <= PACK_MAX && pad > size / 8);
}

static size_t pack_need(const struct kvmem_write *write)
{
	return ALIGN(write->copy->size, KVMEM_MEDIA_OFFSET_ALIGN);
}

static struct kvmem_pack *pack_alloc(struct kvmem_log *log, enum kvmem_write_reason reason,
				     unsigned int temperature)
{
	struct kvmem_pack *pack = kzalloc(sizeof(*pack), GFP_NOIO);

	if (!pack)
		return NULL;
	/* Zeroed: what is between and behind the blocks is nobody's bytes. */
	pack->buf = kvmem_dev_alloc(PACK_BYTES);
	if (!pack->buf) {
		kfree(pack);
		return NULL;
	}
	kref_get(&log->ref);
	pack->write.log = log;
	pack->write.pack = pack;
	pack->write.reason = reason;
	pack->temperature = temperature;
	pack->since = jiffies;
	return pack;
}

static void pack_free(struct kvmem_pack *pack)
{
	kvmem_dev_buf_put(pack->buf);
	kvmem_log_put(pack->write.log);
	kfree(pack);
}

/* At hand, or not any more. */
static void pack_set(struct kvmem_log *log, unsigned int temperature, struct kvmem_pack *pack)
{
	lockdep_assert_held(&log->pack_lock);
	log->packs[temperature] = pack;
	/* The worker looks at it without the lock. */
	WRITE_ONCE(log->nr_packs, log->nr_packs + (pack ? 1 : -1));
	atomic_add(pack ? 1 : -1, &log->media->packs);
}

/* No one of its blocks has been written. */
static void pack_refuse(struct kvmem_pack *pack, int status)
{
	u32 i;

	for (i = 0; i < pack->nr; i++)
		kvmem_write_refuse(pack->members[i], status);
	pack_free(pack);
}

/* Sending -------------------------------------------------------------------- */

/*
 * Every block counts as a write of its own to the segment, and the pack as one
 * besides, so that it outlives them.  The last one has the padding.
 */
static void pack_place(struct kvmem_pack *pack, struct kvmem_segment *seg, u32 offset, size_t len)
{
	struct kvmem_media *media = seg->media;
	size_t left = len;
	u32 i;

	spin_lock(&media->lock);
	seg->writes += pack->nr;
	atomic_add(pack->nr, &seg->users);
	kvmem_write_charge(pack->write.log, pack->write.reason, len - pack->used);
	for (i = 0; i < pack->nr; i++) {
		struct kvmem_write *write = pack->members[i];

		write->turn = kvmem_sync_begin(media);
		write->copy->seg = seg;
		write->copy->offset += offset;
		write->io.len = i + 1 < pack->nr ? pack_need(write) : left;
		left -= write->io.len;
	}
	spin_unlock(&media->lock);
	pack->seg = seg;
}

static void pack_submit(struct kvmem_pack *pack, u32 offset, size_t len)
{
	struct kvmem_media *media = pack->seg->media;
	struct kvmem_io *io = &pack->write.io;

	io->op = KVMEM_IO_WRITE;
	io->flags = pack->write.reason == KVMEM_WRITE_REINSERT ? KVMEM_IO_F_BACKGROUND : 0;
	io->off = kvmem_media_seg_off(pack->seg) + offset;
	io->len = len;
	io->bvecs = kvmem_dev_buf_bvecs(pack->buf, &io->nr_bvecs);
	io->done = kvmem_write_done;
	kvmem_dev_submit(&media->dev, io);
}

static bool pack_is_late(const struct kvmem_pack *pack)
{
	return pack->write.reason == KVMEM_WRITE_REINSERT ||
	       time_after(jiffies, pack->since + msecs_to_jiffies(PACK_ROOM_MS));
}

/*
 * Send the pack at hand, if there is one.  -ENOSPC: it is still at hand; another
 * error: its blocks were given up.
 */
static int pack_send(struct kvmem_log *log, unsigned int temperature, bool hurry)
{
	struct kvmem_pack *pack = log->packs[temperature];
	u32 unit = log->media->dev.geo.unit, offset;
	struct kvmem_segment *seg;
	size_t len;
	int ret;

	lockdep_assert_held(&log->pack_lock);
	if (!pack)
		return 0;
	len = round_up(pack->used, unit);
	seg = kvmem_segment_reserve(log, temperature, len, pack->nr,
				    max(unit, KVMEM_MEDIA_OFFSET_ALIGN), &offset);
	ret = PTR_ERR_OR_ZERO(seg);
	if (ret == -ENOSPC && !pack_is_late(pack))
		return ret;
	pack_set(log, temperature, NULL);
	if (ret) {
		pack_refuse(pack, ret);
		return ret == -ENOSPC ? 0 : ret;
	}
	pack->hurry = hurry;
	pack_place(pack, seg, offset, len);
	pack_submit(pack, offset, len);
	return 0;
}

void kvmem_pack_written(struct kvmem_pack *pack)
{
	struct kvmem_segment *seg = pack->seg;
	struct kvmem_media *media = seg->media;
	int status = pack->write.status;
	u32 i;

	kvmem_log_io_result(seg, status);
	for (i = 0; i < pack->nr; i++) {
		pack->members[i]->status = status;
		kvmem_write_end(pack->members[i]);
	}
	spin_lock(&media->lock);
	if (pack->hurry)
		kvmem_table_send(seg);
	kvmem_segment_write_ended(seg);
	spin_unlock(&media->lock);
	kvmem_segment_put(seg);
	wake_up_all(&media->wait);
	pack_free(pack);
}

/* Filling -------------------------------------------------------------------- */

static bool pack_has_room(const struct kvmem_pack *pack, const struct kvmem_write *write)
{
	return pack->used + pack_need(write) <= PACK_BYTES && pack->nr < PACK_BLOCKS;
}

/* A pack at hand with room for @write, or an ERR_PTR. */
static struct kvmem_pack *pack_at_hand(struct kvmem_write *write, unsigned int temperature)
{
	struct kvmem_log *log = write->log;
	struct kvmem_pack *pack = log->packs[temperature];

	lockdep_assert_held(&log->pack_lock);
	if (pack && pack_has_room(pack, write))
		return pack;
	if (pack_send(log, temperature, false) == -ENOSPC)
		return ERR_PTR(-ENOSPC);
	pack = pack_alloc(log, write->reason, temperature);
	if (!pack)
		return ERR_PTR(-ENOMEM);
	pack_set(log, temperature, pack);
	return pack;
}

/*
 * Who drops a log marks it dead first and looks for packs afterwards, which waits
 * for us.
 */
static int pack_begin(struct kvmem_write *write)
{
	struct kvmem_log *log = write->log;
	struct kvmem_media *media = log->media;
	int ret = -ESHUTDOWN;

	spin_lock(&media->lock);
	if (!log->dead && kvmem_media_writable(media)) {
		kvmem_write_charge(log, write->reason, pack_need(write));
		ret = 0;
	}
	spin_unlock(&media->lock);
	return ret;
}

static void pack_take(struct kvmem_pack *pack, struct kvmem_write *write)
{
	write->copy->offset = pack->used;
	kvmem_write_bytes(write, kvmem_dev_buf_data(pack->buf) + pack->used);
	pack->used += pack_need(write);
	pack->members[pack->nr++] = write;
}

/*
 * Nothing would come any more that fits; or the blocks that are held keep others
 * from being written at all.
 */
static bool pack_is_full(const struct kvmem_pack *pack, const struct kvmem_log *log)
{
	return pack->used == PACK_BYTES || pack->nr == PACK_BLOCKS ||
	       (pack->write.reason == KVMEM_WRITE_PUT && kvmem_flash_is_tight(log->ns));
}

static int pack_add(struct kvmem_write *write, unsigned int temperature)
{
	struct kvmem_log *log = write->log;
	struct kvmem_media *media = log->media;
	struct kvmem_pack *pack = pack_at_hand(write, temperature);
	int ret;

	if (IS_ERR(pack))
		return PTR_ERR(pack);
	ret = pack_begin(write);
	if (!ret)
		pack_take(pack, write);
	if (!pack->nr) {
		pack_set(log, temperature, NULL);
		pack_free(pack);
		return ret;
	}
	if (pack_is_full(pack, log))
		pack_send(log, temperature, false);
	if (log->packs[temperature])
		queue_delayed_work(media->wq, &media->pack_work,
				   msecs_to_jiffies(KVMEM_FLUSH_MS));
	return ret;
}

/* The log is the writes', and those may be over when it returns. */
int kvmem_pack_add(struct kvmem_write *write, unsigned int temperature)
{
	struct kvmem_log *log = write->log;
	int ret;

	kref_get(&log->ref);
	mutex_lock(&log->pack_lock);
	ret = pack_add(write, temperature);
	mutex_unlock(&log->pack_lock);
	kvmem_log_put(log);
	return ret;
}

/* Asking --------------------------------------------------------------------- */

/* True: there is no room for some. */
static bool pack_send_log(struct kvmem_log *log)
{
	unsigned int t;
	bool left = false;

	mutex_lock(&log->pack_lock);
	for (t = 0; t < KVMEM_NR_TEMPS; t++)
		left |= pack_send(log, t, true) == -ENOSPC;
	mutex_unlock(&log->pack_lock);
	return left;
}

void kvmem_pack_push(struct kvmem_media *media, struct kvmem_ns *ns)
{
	struct kvmem_log *log;

	if (!atomic_read(&media->packs))
		return;
	log = kvmem_log_get(media, ns, false);
	if (!log)
		return;
	/* For want of room its timer tries again. */
	pack_send_log(log);
	kvmem_log_put(log);
}

/* A log with packs that was not looked at in this round, referenced, or NULL. */
static struct kvmem_log *pack_next(struct kvmem_media *media)
{
	struct kvmem_log *log, *found = NULL;

	lockdep_assert_held(&media->pack_lock);
	spin_lock(&media->lock);
	list_for_each_entry(log, &media->logs, node) {
		if (log->pack_round == media->pack_round || !READ_ONCE(log->nr_packs))
			continue;
		log->pack_round = media->pack_round;
		kref_get(&log->ref);
		found = log;
		break;
	}
	spin_unlock(&media->lock);
	return found;
}

bool kvmem_pack_send_all(struct kvmem_media *media)
{
	struct kvmem_log *log;
	bool left = false;

	if (!atomic_read(&media->packs))
		return false;
	mutex_lock(&media->pack_lock);
	media->pack_round++;
	while ((log = pack_next(media))) {
		left |= pack_send_log(log);
		kvmem_log_put(log);
	}
	mutex_unlock(&media->pack_lock);
	return left;
}

void kvmem_pack_work(struct work_struct *work)
{
	struct kvmem_media *media = container_of(work, struct kvmem_media, pack_work.work);

	if (kvmem_pack_send_all(media))
		queue_delayed_work(media->wq, &media->pack_work,
				   msecs_to_jiffies(KVMEM_FLUSH_MS));
}

void kvmem_pack_drop(struct kvmem_log *log)
{
	struct kvmem_pack *pack;
	unsigned int t;

	mutex_lock(&log->pack_lock);
	for (t = 0; t < KVMEM_NR_TEMPS; t++) {
		pack = log->packs[t];
		if (!pack)
			continue;
		pack_set(log, t, NULL);
		pack_refuse(pack, -ESHUTDOWN);
	}
	mutex_unlock(&log->pack_lock);
}
