// SPDX-License-Identifier: GPL-2.0
/*
 * Pages of tables: gathering entries, sending them, and what becomes durable
 * with them.
 *
 * An entry joins the page at hand only when its data has been written, and the
 * page goes out with a flush before it, so a page that is there speaks of data
 * that is there.  A table ends at the first page that is not there: copies are
 * persisted in the order of the pages, however these come back.
 *
 * Sending may wait for memory and media->lock is a spinlock, so pages are sent
 * by media->done_work, which also looks after what has come back.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include "flash/log.h"
#include "flash/tier.h"

/* Entries of the longest block: they are never parted. */
#define TABLE_GROUP_MAX							\
	(1 + DIV_ROUND_UP(DIV_ROUND_UP((u32)KVMEM_MAX_BLOCK, KVMEM_MEDIA_PIECE),	\
			  KVMEM_MEDIA_PIECE_SUMS))
/* A page that has no room for the next group has at least as many. */
#define TABLE_USED_MIN	(KVMEM_MEDIA_TABLE_ENTRIES - (TABLE_GROUP_MAX - 1))
/* While somebody waits for everything, pages at hand are sent as often as this. */
#define TABLE_SYNC_MS	10

static_assert(TABLE_GROUP_MAX < KVMEM_MEDIA_TABLE_ENTRIES);

u32 kvmem_table_pages(u32 entries)
{
	return DIV_ROUND_UP(entries, TABLE_USED_MIN);
}

/* Puts, for sync ------------------------------------------------------------- */

u8 kvmem_sync_begin(struct kvmem_media *media)
{
	lockdep_assert_held(&media->lock);
	media->sync.puts[media->sync.turn]++;
	return media->sync.turn;
}

void kvmem_sync_end(struct kvmem_media *media, u8 turn, u32 nr, bool ok)
{
	lockdep_assert_held(&media->lock);
	if (!nr)
		return;
	media->sync.puts[turn] -= nr;
	if (!ok)
		media->sync.lost[turn] = true;
	if (!media->sync.puts[turn])
		wake_up_all(&media->wait);
}

static void page_sync_end(struct kvmem_page *page, bool ok)
{
	kvmem_sync_end(page->seg->media, 0, page->puts[0], ok);
	kvmem_sync_end(page->seg->media, 1, page->puts[1], ok);
}

/* Pages ---------------------------------------------------------------------- */

static struct kvmem_page *page_alloc(void)
{
	struct kvmem_page *page = kzalloc(sizeof(*page), GFP_NOIO);

	if (!page)
		return NULL;
	page->disk = kzalloc(KVMEM_MEDIA_PAGE, GFP_NOIO);
	if (!page->disk) {
		kfree(page);
		return NULL;
	}
	INIT_LIST_HEAD(&page->node);
	page->write.reason = KVMEM_WRITE_TABLE;
	bvec_set_page(&page->bvec, virt_to_page(page->disk), KVMEM_MEDIA_PAGE,
		      offset_in_page(page->disk));
	return page;
}

/* Not under media->lock: what is put may be the last. */
static void page_free(struct kvmem_page *page)
{
	while (page->nr_copies)
		kvmem_copy_put(page->copies[--page->nr_copies]);
	if (page->write.log)
		kvmem_log_put(page->write.log);
	kfree(page->disk);
	kfree(page);
}

/* The worker's from here on. */
static void page_hand_over(struct kvmem_page *page, enum kvmem_page_state state)
{
	struct kvmem_media *media = page->seg->media;

	page->state = state;
	llist_add(&page->write.node, &media->done);
	queue_work(media->wq, &media->done_work);
}

/* The page at hand is no more, and what it had is not due any longer. */
static struct kvmem_page *table_take_page(struct kvmem_segment *seg)
{
	struct kvmem_page *page = seg->page;

	seg->page = NULL;
	seg->due -= page->nr_entries;
	return page;
}

void kvmem_table_drop(struct kvmem_segment *seg)
{
	struct kvmem_page *page;

	lockdep_assert_held(&seg->media->lock);
	if (!seg->page)
		return;
	page = table_take_page(seg);
	if (page->nr_gone)
		seg->media->gone_lost = true;
	page_sync_end(page, false);
	page_hand_over(page, KVMEM_PAGE_TO_FREE);
}

void kvmem_table_free(struct kvmem_segment *seg)
{
	if (seg->page)
		page_free(table_take_page(seg));
}

/* Entries -------------------------------------------------------------------- */

/* @fresh is used up when it is needed.  -EAGAIN: one is needed. */
static int table_make_room(struct kvmem_segment *seg, unsigned int entries,
			   struct kvmem_page **fresh)
{
	lockdep_assert_held(&seg->media->lock);
	if (seg->table != KVMEM_TABLE_GOOD)
		return 0;
	if (seg->page && seg->page->nr_entries + entries > KVMEM_MEDIA_TABLE_ENTRIES)
		kvmem_table_send(seg);
	if (seg->page)
		return WARN_ON_ONCE(seg->page->nr_entries + entries >
				    KVMEM_MEDIA_TABLE_ENTRIES) ? -ENOSPC : 0;
	if (!*fresh)
		return -EAGAIN;
	swap(seg->page, *fresh);
	seg->page->seg = seg;
	seg->page->write.log = seg->log;
	kref_get(&seg->log->ref);
	return 0;
}

int kvmem_table_lock(struct kvmem_segment *seg, unsigned int entries)
	__acquires(&seg->media->lock)
{
	struct kvmem_page *fresh = NULL;
	int ret;

	spin_lock(&seg->media->lock);
	ret = table_make_room(seg, entries, &fresh);
	if (ret != -EAGAIN)
		return ret;
	spin_unlock(&seg->media->lock);
	fresh = page_alloc();
	spin_lock(&seg->media->lock);
	if (!fresh)
		return -ENOMEM;
	ret = table_make_room(seg, entries, &fresh);
	/* Somebody else brought one meanwhile; this one has nothing to be put. */
	if (fresh)
		page_free(fresh);
	return ret;
}

void kvmem_table_owe(struct kvmem_segment *seg, u8 turn)
{
	lockdep_assert_held(&seg->media->lock);
	if (seg->table == KVMEM_TABLE_GOOD)
		seg->page->puts[turn]++;
	else
		kvmem_sync_end(seg->media, turn, 1, false);
}

/* All checksums of a block, in as many entries as they take. */
static void page_add_sums(struct kvmem_media_table *disk, unsigned int at,
			  const struct kvmem_copy *copy)
{
	unsigned int nr = kvmem_entry_sums(copy->size), first, n, i;
	const u32 *sums = kvmem_copy_sums(copy);

	for (first = 0; first < nr; first += n, at++) {
		struct kvmem_media_sums *s = &disk->entries[at].sums;

		n = min(nr - first, KVMEM_MEDIA_PIECE_SUMS);
		for (i = 0; i < n; i++)
			s->sum[i] = cpu_to_le32(sums[first + i]);
		s->type = KVMEM_MEDIA_ENTRY_SUMS;
		s->nr = n;
		s->first = cpu_to_le16(first);
	}
}

/* The page's first entry starts the clock, its last one sends it. */
static void page_added(struct kvmem_page *page, unsigned int entries)
{
	struct kvmem_media *media = page->seg->media;

	if (!page->nr_entries)
		queue_delayed_work(media->wq, &media->flush_work,
				   msecs_to_jiffies(KVMEM_FLUSH_MS));
	page->nr_entries += entries;
	if (page->nr_entries == KVMEM_MEDIA_TABLE_ENTRIES)
		kvmem_table_send(page->seg);
}

void kvmem_table_add(struct kvmem_copy *copy, unsigned int entries)
{
	struct kvmem_segment *seg = copy->seg;
	struct kvmem_page *page = seg->page;

	lockdep_assert_held(&seg->media->lock);
	if (seg->table != KVMEM_TABLE_GOOD) {
		seg->due -= entries;
		return;
	}
	kvmem_copy_entry(copy, &page->disk->entries[page->nr_entries].entry);
	page_add_sums(page->disk, page->nr_entries + 1, copy);
	kvmem_copy_get(copy);
	page->copies[page->nr_copies++] = copy;
	page_added(page, entries);
}

void kvmem_table_add_record(struct kvmem_segment *seg, const struct kvmem_media_gone *gone)
{
	struct kvmem_page *page = seg->page;

	lockdep_assert_held(&seg->media->lock);
	if (seg->table != KVMEM_TABLE_GOOD) {
		seg->due--;
		seg->media->gone_lost = true;
		return;
	}
	page->disk->entries[page->nr_entries].gone = *gone;
	page->nr_gone++;
	seg->nr_gone++;
	seg->media->gone_added++;
	page_added(page, 1);
}

void kvmem_table_add_gone(struct kvmem_segment *seg, const struct kvmem_copy *copy)
{
	struct kvmem_media_gone gone = {
		.generation = cpu_to_le64(copy->seg->generation),
		.segment = cpu_to_le32(copy->seg->no),
		.offset = cpu_to_le32(copy->offset),
		.type = KVMEM_MEDIA_ENTRY_GONE,
	};

	memcpy(gone.key, copy->key.b, sizeof(gone.key));
	kvmem_table_add_record(seg, &gone);
}

/* Sending -------------------------------------------------------------------- */

/*
 * A page that is not full costs one more than was reckoned with; those that are
 * still due come first.  A full one always may go, and so may the last one.
 */
static bool table_may_send(const struct kvmem_segment *seg)
{
	u32 left = seg->due - seg->page->nr_entries;
	u64 pages = seg->pages + 1 + kvmem_table_pages(left);

	return seg->fill + pages * KVMEM_MEDIA_PAGE <= seg->media->super.segment_bytes;
}

void kvmem_table_send(struct kvmem_segment *seg)
{
	struct kvmem_page *page = seg->page;

	lockdep_assert_held(&seg->media->lock);
	if (!page || !page->nr_entries || seg->table != KVMEM_TABLE_GOOD || !table_may_send(seg))
		return;
	table_take_page(seg);
	page->index = seg->pages++;
	list_add_tail(&page->node, &seg->sent);
	page_hand_over(page, KVMEM_PAGE_TO_SEND);
}

/* True: there are entries that could not be sent. */
static bool table_send_rest(struct kvmem_segment *seg)
{
	kvmem_table_send(seg);
	return seg->page && seg->page->nr_entries;
}

static bool log_send(struct kvmem_log *log)
{
	struct kvmem_segment *seg;
	unsigned int t;
	bool left = false;

	for (t = 0; t < KVMEM_NR_TEMPS; t++)
		if (log->open[t])
			left |= table_send_rest(log->open[t]);
	list_for_each_entry(seg, &log->busy, node)
		left |= table_send_rest(seg);
	return left;
}

static bool table_send_some(struct kvmem_media *media)
{
	struct kvmem_log *log;
	bool left = false;

	spin_lock(&media->lock);
	list_for_each_entry(log, &media->logs, node)
		left |= log_send(log);
	spin_unlock(&media->lock);
	return left;
}

void kvmem_table_send_all(struct kvmem_media *media)
{
	table_send_some(media);
}

void kvmem_table_flush(struct work_struct *work)
{
	struct kvmem_media *media = container_of(work, struct kvmem_media, flush_work.work);

	if (table_send_some(media))
		queue_delayed_work(media->wq, &media->flush_work,
				   msecs_to_jiffies(KVMEM_FLUSH_MS));
}

/* To the device and back ------------------------------------------------------ */

static void table_head(const struct kvmem_segment *seg, struct kvmem_table_head *head)
{
	*head = (struct kvmem_table_head) {
		.generation = seg->generation,
		.written = ktime_get_real_ns(),
		.salt = seg->salt,
		.slot = seg->slot,
		.slot_generation = seg->slot_generation,
		.temperature = seg->temperature,
	};
}

static void table_count(struct kvmem_media *media)
{
	lockdep_assert_held(&media->lock);
	media->counts.bytes[KVMEM_WRITE_TABLE] += KVMEM_MEDIA_PAGE;
	media->counts.blocks[KVMEM_WRITE_TABLE]++;
	kvmem_budget_charge(&media->budget, KVMEM_MEDIA_PAGE, ktime_get_ns());
}

int kvmem_table_open(struct kvmem_segment *seg)
{
	struct kvmem_media *media = seg->media;
	struct kvmem_dev_buf *buf = kvmem_dev_alloc(KVMEM_MEDIA_PAGE);
	struct kvmem_table_head head;
	int ret;

	if (!buf)
		return -ENOMEM;
	table_head(seg, &head);
	kvmem_table_seal(kvmem_dev_buf_data(buf), &media->super, seg->no, 0, &head, 0);
	ret = kvmem_dev_rw(&media->dev, KVMEM_IO_WRITE, KVMEM_IO_F_PREFLUSH | KVMEM_IO_F_FUA,
			   kvmem_table_offset(&media->super, seg->no, 0), buf, 0,
			   KVMEM_MEDIA_PAGE);
	kvmem_dev_buf_put(buf);
	if (ret)
		return ret;
	spin_lock(&media->lock);
	table_count(media);
	spin_unlock(&media->lock);
	return 0;
}

static void page_submit(struct kvmem_page *page)
{
	struct kvmem_segment *seg = page->seg;
	struct kvmem_media *media = seg->media;
	struct kvmem_table_head head;

	table_head(seg, &head);
	kvmem_table_seal(page->disk, &media->super, seg->no, page->index, &head, page->nr_entries);
	page->state = KVMEM_PAGE_ON_WAY;
	page->write.io = (struct kvmem_io) {
		.op = KVMEM_IO_WRITE,
		.flags = KVMEM_IO_F_PREFLUSH | KVMEM_IO_F_FUA,
		.off = kvmem_table_offset(&media->super, seg->no, page->index),
		.len = KVMEM_MEDIA_PAGE,
		.bvecs = &page->bvec,
		.nr_bvecs = 1,
		.done = kvmem_write_done,
	};
	kvmem_dev_submit(&media->dev, &page->write.io);
}

/*
 * Pages of @seg that are over, up to the first one that is not, go to @over;
 * what is behind a page that failed will never be found by an attach.
 */
static void table_retire(struct kvmem_segment *seg, struct list_head *over)
{
	struct kvmem_page *page, *next;
	unsigned int i;

	lockdep_assert_held(&seg->media->lock);
	list_for_each_entry_safe(page, next, &seg->sent, node) {
		if (page->state != KVMEM_PAGE_OVER)
			break;
		if (page->write.status)
			seg->table = KVMEM_TABLE_ENDED;
		page->durable = seg->table != KVMEM_TABLE_ENDED;
		if (!page->durable && page->nr_gone)
			seg->media->gone_lost = true;
		for (i = 0; page->durable && i < page->nr_copies; i++)
			kvmem_copy_persisted(page->copies[i]);
		page_sync_end(page, page->durable);
		list_move_tail(&page->node, over);
	}
}

/* The DRAM block of the same key has ns->lock, so not under media->lock. */
static void pages_finish(struct list_head *over)
{
	struct kvmem_page *page, *next;
	unsigned int i;

	list_for_each_entry_safe(page, next, over, node) {
		for (i = 0; page->durable && i < page->nr_copies; i++)
			kvmem_flash_persisted(page->copies[i]);
		page_free(page);
	}
}

static void table_fail(struct kvmem_segment *seg)
{
	if (seg->table == KVMEM_TABLE_GOOD)
		seg->table = KVMEM_TABLE_FAILED;
	kvmem_table_drop(seg);
	kvmem_segment_seal_locked(seg);
}

/* Durable, or failed for good.  @seg may be another one's when this returns. */
static void page_over(struct kvmem_page *page, int status)
{
	struct kvmem_segment *seg = page->seg;
	struct kvmem_media *media = seg->media;
	LIST_HEAD(over);

	spin_lock(&media->lock);
	page->write.status = status;
	page->state = KVMEM_PAGE_OVER;
	if (status)
		table_fail(seg);
	else
		table_count(media);
	table_retire(seg, &over);
	kvmem_segment_settle(seg);
	spin_unlock(&media->lock);
	wake_up_all(&media->wait);
	pages_finish(&over);
}

static void page_back(struct kvmem_page *page)
{
	struct kvmem_media *media = page->seg->media;
	int status = page->write.status;

	kvmem_log_io_result(page->seg, status);
	if (status && !page->tries++) {
		page_submit(page);
		return;
	}
	if (status)
		pr_warn_ratelimited("media %s: segment %u: page %u of the table failed (%d)\n",
				    media->name, page->seg->no, page->index, status);
	page_over(page, status);
}

/* seg->table is changed by this worker only. */
static void page_turn(struct kvmem_page *page)
{
	switch (page->state) {
	case KVMEM_PAGE_TO_SEND:
		if (READ_ONCE(page->seg->table) == KVMEM_TABLE_GOOD)
			page_submit(page);
		else
			page_over(page, -ECANCELED);
		break;
	case KVMEM_PAGE_ON_WAY:
		page_back(page);
		break;
	default:
		page_free(page);
	}
}

void kvmem_table_done(struct work_struct *work)
{
	struct kvmem_media *media = container_of(work, struct kvmem_media, done_work);
	struct llist_node *list = llist_reverse_order(llist_del_all(&media->done));
	struct kvmem_write *write, *next;

	/* Whatever is added from now on queues the work again. */
	llist_for_each_entry_safe(write, next, list, node) {
		if (write->reason == KVMEM_WRITE_TABLE)
			page_turn(container_of(write, struct kvmem_page, write));
		else if (write->pack)
			kvmem_pack_written(write->pack);
		else
			kvmem_log_written(write);
		cond_resched();
	}
}

void kvmem_write_done(struct kvmem_io *io, int status)
{
	struct kvmem_write *write = container_of(io, struct kvmem_write, io);
	struct kvmem_media *media = container_of(io->dev, struct kvmem_media, dev);

	write->status = status;
	if (write->claim && write->claim(write))
		return;
	/* Who asked was told that it has failed, and may have put the key again, or deleted it. */
	if (write->claim && !status)
		write->status = -ECANCELED;
	/* The worker's from here on; it may be over before we look again. */
	llist_add(&write->node, &media->done);
	queue_work(media->wq, &media->done_work);
}

/* Waiting -------------------------------------------------------------------- */

/* True: no put of @turn is under way any more. */
static bool sync_wait(struct kvmem_media *media, u8 turn, unsigned long deadline)
{
	while (READ_ONCE(media->sync.puts[turn])) {
		if (time_after(jiffies, deadline))
			return false;
		kvmem_table_send_all(media);
		wait_event_timeout(media->wait, !READ_ONCE(media->sync.puts[turn]),
				   msecs_to_jiffies(TABLE_SYNC_MS));
	}
	return true;
}

/*
 * New puts go to the other turn, so this ends however many come.  That turn is
 * empty unless an earlier wait was given up.  What is packed becomes a put when
 * it is sent: what finds no room now is none yet.
 */
static int sync_locked(struct kvmem_media *media, unsigned long deadline)
{
	u8 turn = media->sync.turn;
	bool lost;

	lockdep_assert_held(&media->sync.lock);
	kvmem_pack_send_all(media);
	if (!sync_wait(media, !turn, deadline))
		return -ETIMEDOUT;
	spin_lock(&media->lock);
	media->sync.lost[!turn] = false;
	media->sync.turn = !turn;
	spin_unlock(&media->lock);
	if (!sync_wait(media, turn, deadline))
		return -ETIMEDOUT;
	spin_lock(&media->lock);
	lost = media->sync.lost[turn];
	spin_unlock(&media->lock);
	return lost ? -EIO : 0;
}

int kvmem_table_sync(struct kvmem_media *media)
{
	int ret;

	mutex_lock(&media->sync.lock);
	ret = sync_locked(media, jiffies + msecs_to_jiffies(KVMEM_IO_TIMEOUT_MS));
	mutex_unlock(&media->sync.lock);
	return ret;
}

int kvmem_table_sync_gone(struct kvmem_media *media)
{
	bool behind, lost;
	u64 added;
	int ret;

	spin_lock(&media->lock);
	added = media->gone_added;
	behind = media->gone_durable < added;
	lost = media->gone_lost;
	spin_unlock(&media->lock);
	if (lost)
		return -EIO;
	if (!behind)
		return 0;
	ret = kvmem_table_sync(media);
	if (ret)
		return ret;
	spin_lock(&media->lock);
	lost = media->gone_lost;
	if (!lost)
		media->gone_durable = max(media->gone_durable, added);
	spin_unlock(&media->lock);
	return lost ? -EIO : 0;
}

/* -EAGAIN: not durable yet; -EINPROGRESS: not even written. */
static int persist_state(const struct kvmem_copy *copy)
{
	switch (READ_ONCE(copy->state)) {
	case KVMEM_BLOCK_ALLOCATED:
		return -EINPROGRESS;
	case KVMEM_BLOCK_COMMITTED:
		return READ_ONCE(copy->seg->table) == KVMEM_TABLE_ENDED ? -EIO : -EAGAIN;
	case KVMEM_BLOCK_PERSISTED:
		/* Whether an attach will find a table that was given up in vain, nobody knows. */
		return READ_ONCE(copy->seg->stuck) ? -EIO : 0;
	default:
		return -EIO;
	}
}

static bool persist_decided(const struct kvmem_copy *copy)
{
	int ret = persist_state(copy);

	return ret != -EAGAIN && ret != -EINPROGRESS;
}

int kvmem_copy_persist(struct kvmem_copy *copy)
{
	struct kvmem_media *media = copy->seg->media;
	long left = msecs_to_jiffies(KVMEM_IO_TIMEOUT_MS);

	left = wait_event_killable_timeout(media->wait, persist_state(copy) != -EINPROGRESS, left);
	if (left <= 0)
		return left ? -EINTR : -ETIMEDOUT;
	if (!persist_decided(copy)) {
		spin_lock(&media->lock);
		kvmem_table_send(copy->seg);
		spin_unlock(&media->lock);
		left = wait_event_killable_timeout(media->wait, persist_decided(copy), left);
	}
	if (left <= 0)
		return left ? -EINTR : -ETIMEDOUT;
	return persist_state(copy);
}
