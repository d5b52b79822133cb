// SPDX-License-Identifier: GPL-2.0
/*
 * The directory of namespaces: which slot is whose, in memory as on the media.
 *
 * A page has two copies.  A change goes over the one that does not count, with
 * the next generation, and is seen here only when it is durable: what a crash
 * or a failed write leaves is the page before or the page after it.
 *
 * A slot that changes hands gets a generation that no table on the media names,
 * not even one that a lost page once gave: so a segment never becomes another
 * namespace's.  The scan tells which generations it met (kvmem_dir_seen());
 * no slot is taken before it has looked at all segments.
 */
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>
#include "flash/flash.h"
#include "ns.h"

static_assert(sizeof(struct kvmem_media_dir) == KVMEM_MEDIA_PAGE);

/**
 * struct dir_page - what is known of a page
 * @copy: the copy that counts; a change goes to the other one
 * @valid: there is one that counts; else the page is as if never used
 * @unreadable: the device failed to read a copy
 * @late: a write has timed out and may still land at any time: no more writes
 */
struct dir_page {
	u8 copy;
	bool valid;
	bool unreadable;
	bool late;
};

/**
 * struct kvmem_dir - guarded by media->dir_lock
 * @pages: as on the media
 * @info: of every page
 * @seen: by slot: the largest generation in a segment's table
 * @used: slots
 * @nr_pages: in a copy
 * @nr_slots: in all pages
 * @settled: @seen is complete
 */
struct kvmem_dir {
	struct kvmem_media_dir *pages;
	struct dir_page *info;
	u32 *seen;
	unsigned long *used;
	u32 nr_pages;
	u32 nr_slots;
	bool settled;
};

static struct kvmem_media_slot *dir_slot(struct kvmem_dir *dir, u32 no)
{
	return &dir->pages[no / KVMEM_MEDIA_DIR_SLOTS].slots[no % KVMEM_MEDIA_DIR_SLOTS];
}

static u32 dir_generation(struct kvmem_dir *dir, u32 no)
{
	return le32_to_cpu(dir_slot(dir, no)->generation);
}

static u64 dir_page_generation(const struct kvmem_media_dir *page)
{
	return le64_to_cpu(page->generation);
}

/* Loading ------------------------------------------------------------------- */

static void dir_free(struct kvmem_dir *dir)
{
	kvfree(dir->pages);
	kvfree(dir->info);
	kvfree(dir->seen);
	bitmap_free(dir->used);
	kfree(dir);
}

static struct kvmem_dir *dir_alloc(u32 nr_pages)
{
	struct kvmem_dir *dir = kzalloc(sizeof(*dir), GFP_KERNEL);

	if (!dir)
		return NULL;
	dir->nr_pages = nr_pages;
	dir->nr_slots = nr_pages * KVMEM_MEDIA_DIR_SLOTS;
	dir->pages = kvcalloc(nr_pages, sizeof(*dir->pages), GFP_KERNEL);
	dir->info = kvcalloc(nr_pages, sizeof(*dir->info), GFP_KERNEL);
	dir->seen = kvcalloc(dir->nr_slots, sizeof(*dir->seen), GFP_KERNEL);
	dir->used = bitmap_zalloc(dir->nr_slots, GFP_KERNEL);
	if (!dir->pages || !dir->info || !dir->seen || !dir->used) {
		dir_free(dir);
		return NULL;
	}
	return dir;
}

static void dir_take_page(struct kvmem_media *media, unsigned int copy, u32 i,
			  const struct kvmem_media_dir *page)
{
	struct kvmem_dir *dir = media->dir;
	struct dir_page *info = &dir->info[i];

	if (kvmem_dir_check(page, &media->super, i))
		return;
	if (info->valid && dir_page_generation(page) <= dir_page_generation(&dir->pages[i]))
		return;
	memcpy(&dir->pages[i], page, sizeof(*page));
	info->copy = copy;
	info->valid = true;
}

static int dir_read_page(struct kvmem_media *media, unsigned int copy, u32 i,
			 struct kvmem_dev_buf *buf)
{
	u64 off = media->super.directory[copy] + (u64)i * KVMEM_MEDIA_PAGE;
	int ret = kvmem_dev_rw(&media->dev, KVMEM_IO_READ, 0, off, buf, 0, KVMEM_MEDIA_PAGE);

	/* The buffer of a transfer that timed out is not ours any more. */
	if (ret == -ETIMEDOUT || ret == -ENODEV)
		return ret;
	if (ret)
		media->dir->info[i].unreadable = true;
	else
		dir_take_page(media, copy, i, kvmem_dev_buf_data(buf));
	return 0;
}

static int dir_read_singly(struct kvmem_media *media, unsigned int copy,
			   struct kvmem_dev_buf *buf)
{
	int ret = 0;
	u32 i;

	for (i = 0; i < media->dir->nr_pages && !ret; i++)
		ret = dir_read_page(media, copy, i, buf);
	return ret;
}

/* All at once; page by page when that fails, to have those that can be read. */
static int dir_read_pages(struct kvmem_media *media, unsigned int copy,
			  struct kvmem_dev_buf *buf)
{
	const struct kvmem_media_dir *pages = kvmem_dev_buf_data(buf);
	u32 nr = media->dir->nr_pages, i;
	int ret;

	ret = kvmem_dev_rw(&media->dev, KVMEM_IO_READ, 0, media->super.directory[copy], buf, 0,
			   (size_t)nr * KVMEM_MEDIA_PAGE);
	if (ret == -ETIMEDOUT || ret == -ENODEV)
		return ret;
	if (ret)
		return dir_read_singly(media, copy, buf);
	for (i = 0; i < nr; i++)
		dir_take_page(media, copy, i, &pages[i]);
	return 0;
}

static int dir_read_copy(struct kvmem_media *media, unsigned int copy)
{
	struct kvmem_dev_buf *buf;
	int ret;

	buf = kvmem_dev_alloc((size_t)media->dir->nr_pages * KVMEM_MEDIA_PAGE);
	if (!buf)
		return -ENOMEM;
	ret = dir_read_pages(media, copy, buf);
	kvmem_dev_buf_put(buf);
	return ret;
}

static void dir_note_used(struct kvmem_dir *dir)
{
	u32 no;

	for (no = 0; no < dir->nr_slots; no++)
		if (dir_slot(dir, no)->state == KVMEM_MEDIA_SLOT_USED)
			__set_bit(no, dir->used);
}

/*
 * Format writes a valid copy of every page, so a page without one is damaged:
 * its slots are free, and their segments hold nothing.  That is not said of a
 * copy that the device failed to read: it may be read another time.
 */
static int dir_judge(struct kvmem_media *media, struct netlink_ext_ack *extack)
{
	struct kvmem_dir *dir = media->dir;
	u32 i, damaged = 0;

	for (i = 0; i < dir->nr_pages; i++) {
		if (dir->info[i].valid)
			continue;
		if (dir->info[i].unreadable) {
			NL_SET_ERR_MSG_MOD(extack, "the directory cannot be read");
			return -EIO;
		}
		/* The first write goes to the first copy, with generation 1. */
		dir->info[i].copy = 1;
		damaged++;
	}
	if (damaged)
		pr_warn("%s: %u of %u pages of the directory are damaged, their namespaces are lost\n",
			media->dev.path, damaged, dir->nr_pages);
	dir_note_used(dir);
	return 0;
}

int kvmem_dir_load(struct kvmem_media *media, struct netlink_ext_ack *extack)
{
	int ret;

	mutex_init(&media->scan_lock);
	if (!media->super.dir_pages || media->super.dir_pages > KVMEM_MEDIA_DIR_PAGES) {
		NL_SET_ERR_MSG_MOD(extack, "a directory of impossible size");
		return -EUCLEAN;
	}
	media->dir = dir_alloc(media->super.dir_pages);
	if (!media->dir) {
		NL_SET_ERR_MSG_MOD(extack, "no memory for the directory");
		return -ENOMEM;
	}
	ret = dir_read_copy(media, 0) ?: dir_read_copy(media, 1);
	if (ret)
		NL_SET_ERR_MSG_MOD(extack, "the directory cannot be read");
	else
		ret = dir_judge(media, extack);
	if (ret)
		kvmem_dir_free(media);
	return ret;
}

void kvmem_dir_free(struct kvmem_media *media)
{
	if (media->dir)
		dir_free(media->dir);
	media->dir = NULL;
}

/* Writing ------------------------------------------------------------------- */

/* A namespace may be deleted while the tables are still being read. */
static bool dir_writable(const struct kvmem_media *media)
{
	return !media->dev.geo.read_only &&
	       READ_ONCE(media->state) <= KVMEM_MEDIA_STATE_LIVE;
}

static void dir_account(struct kvmem_media *media)
{
	spin_lock(&media->lock);
	media->counts.bytes[KVMEM_WRITE_TABLE] += KVMEM_MEDIA_PAGE;
	media->counts.blocks[KVMEM_WRITE_TABLE]++;
	kvmem_budget_charge(&media->budget, KVMEM_MEDIA_PAGE, ktime_get_ns());
	spin_unlock(&media->lock);
}

/* Over the copy that does not count, which counts when it is durable. */
static int dir_write_page(struct kvmem_media *media, u32 i, struct kvmem_dev_buf *buf)
{
	struct dir_page *info = &media->dir->info[i];
	u64 off = media->super.directory[!info->copy] + (u64)i * KVMEM_MEDIA_PAGE;
	int ret;

	ret = kvmem_dev_rw(&media->dev, KVMEM_IO_WRITE, KVMEM_IO_F_PREFLUSH | KVMEM_IO_F_FUA,
			   off, buf, 0, KVMEM_MEDIA_PAGE);
	if (ret == -ETIMEDOUT)
		info->late = true;
	if (ret)
		return ret;
	info->copy = !info->copy;
	info->valid = true;
	dir_account(media);
	return 0;
}

static int dir_write_slot(struct kvmem_media *media, u32 no, const struct kvmem_media_slot *slot)
{
	u32 i = no / KVMEM_MEDIA_DIR_SLOTS;
	struct kvmem_media_dir *page = &media->dir->pages[i], *image;
	u64 generation = dir_page_generation(page);
	struct kvmem_dev_buf *buf;
	int ret;

	lockdep_assert_held(&media->dir_lock);
	if (media->dir->info[i].late || generation == U64_MAX)
		return -EIO;
	buf = kvmem_dev_alloc(sizeof(*image));
	if (!buf)
		return -ENOMEM;
	image = kvmem_dev_buf_data(buf);
	memcpy(image, page, sizeof(*image));
	image->slots[no % KVMEM_MEDIA_DIR_SLOTS] = *slot;
	kvmem_dir_seal(image, &media->super, i, generation + 1);
	ret = dir_write_page(media, i, buf);
	if (!ret) {
		memcpy(page, image, sizeof(*page));
		__assign_bit(no, media->dir->used, slot->state == KVMEM_MEDIA_SLOT_USED);
	}
	kvmem_dev_buf_put(buf);
	return ret;
}

/* Generations, slots -------------------------------------------------------- */

/* One that nobody had.  False: there is none left, the slot is worn out. */
static bool dir_next(struct kvmem_dir *dir, u32 no, u32 *next)
{
	u32 last = max(dir_generation(dir, no), dir->seen[no]);

	*next = last + 1;
	return last != U32_MAX;
}

/* A worn-out slot keeps its generation, and is never taken again. */
static int dir_clear(struct kvmem_media *media, u32 no)
{
	struct kvmem_media_slot slot = { .state = KVMEM_MEDIA_SLOT_FREE };
	u32 generation;

	if (!dir_next(media->dir, no, &generation))
		generation = U32_MAX;
	slot.generation = cpu_to_le32(generation);
	return dir_write_slot(media, no, &slot);
}

static int dir_take(struct kvmem_media *media, u32 no, struct kvmem_media_slot *want)
{
	u32 generation;

	if (!dir_next(media->dir, no, &generation))
		return -ENOSPC;
	want->generation = cpu_to_le32(generation);
	return dir_write_slot(media, no, want);
}

static u32 dir_find_free(struct kvmem_dir *dir)
{
	u32 no, generation;

	for_each_clear_bit(no, dir->used, dir->nr_slots)
		if (!dir->info[no / KVMEM_MEDIA_DIR_SLOTS].late &&
		    dir_next(dir, no, &generation))
			return no;
	return dir->nr_slots;
}

/* Identity ------------------------------------------------------------------ */

/*
 * The fingerprint is read without its lock: it changes only while the
 * namespace has neither files nor blocks.
 */
static void dir_want(struct kvmem_ns *ns, struct kvmem_media_slot *want)
{
	memset(want, 0, sizeof(*want));
	want->state = KVMEM_MEDIA_SLOT_USED;
	want->created = cpu_to_le64(ktime_get_real_seconds());
	strscpy_pad((char *)want->name, ns->p.name, sizeof(want->name));
	memcpy(want->fingerprint, ns->p.fingerprint, sizeof(want->fingerprint));
	spin_lock(&ns->lock);
	want->mode = cpu_to_le16(ns->p.mode);
	want->uid = cpu_to_le32(from_kuid(&init_user_ns, ns->p.uid));
	want->gid = cpu_to_le32(from_kgid(&init_user_ns, ns->p.gid));
	spin_unlock(&ns->lock);
}

static bool dir_same_name(const struct kvmem_media_slot *a, const struct kvmem_media_slot *b)
{
	return !strncmp((const char *)a->name, (const char *)b->name, sizeof(a->name));
}

static bool dir_same(const struct kvmem_media_slot *a, const struct kvmem_media_slot *b)
{
	return dir_same_name(a, b) && a->uid == b->uid && a->gid == b->gid &&
	       !memcmp(a->fingerprint, b->fingerprint, sizeof(a->fingerprint));
}

static u32 dir_look(struct kvmem_dir *dir, const struct kvmem_media_slot *want,
		    bool (*same)(const struct kvmem_media_slot *, const struct kvmem_media_slot *))
{
	u32 no;

	for_each_set_bit(no, dir->used, dir->nr_slots)
		if (same(dir_slot(dir, no), want))
			return no;
	return dir->nr_slots;
}

/* *@lost: the slot whose old contents are lost by this, or none. */
static int dir_make(struct kvmem_media *media, struct kvmem_media_slot *want, u32 *no, u32 *lost)
{
	struct kvmem_dir *dir = media->dir;
	u32 old = dir_look(dir, want, dir_same_name), generation;
	int ret = 0;

	if (!dir_writable(media))
		return -EROFS;
	if (!dir->settled)
		return -EBUSY;
	*no = old;
	if (old < dir->nr_slots && !dir_next(dir, old, &generation)) {
		ret = dir_clear(media, old);
		*no = dir->nr_slots;
	}
	if (ret)
		return ret;
	if (*no == dir->nr_slots)
		*no = dir_find_free(dir);
	/* Cleared or not: to look at segments that are still valid does no harm. */
	*lost = old;
	return *no < dir->nr_slots ? dir_take(media, *no, want) : -ENOSPC;
}

int kvmem_dir_find(struct kvmem_media *media, struct kvmem_ns *ns, bool make,
		   u32 *slot, u32 *slot_generation)
{
	u32 none = media->dir->nr_slots, no, lost = none;
	struct kvmem_media_slot want;
	int ret = 0;

	dir_want(ns, &want);
	mutex_lock(&media->dir_lock);
	no = dir_look(media->dir, &want, dir_same);
	if (no == none)
		ret = make ? dir_make(media, &want, &no, &lost) : -ENOENT;
	if (!ret) {
		*slot = no;
		*slot_generation = dir_generation(media->dir, no);
	}
	mutex_unlock(&media->dir_lock);
	if (lost != none)
		kvmem_scan_forget(media, lost);
	return ret;
}

int kvmem_dir_rewrite(struct kvmem_media *media, struct kvmem_ns *ns, u32 slot,
		      u32 slot_generation)
{
	struct kvmem_media_slot want, *now;
	int ret = -ENOENT;

	dir_want(ns, &want);
	mutex_lock(&media->dir_lock);
	if (slot < media->dir->nr_slots && test_bit(slot, media->dir->used) &&
	    dir_generation(media->dir, slot) == slot_generation) {
		now = dir_slot(media->dir, slot);
		want.generation = now->generation;
		want.created = now->created;
		ret = dir_writable(media) ? dir_write_slot(media, slot, &want) : -EROFS;
	}
	mutex_unlock(&media->dir_lock);
	return ret;
}

static int dir_release_locked(struct kvmem_media *media, u32 slot)
{
	lockdep_assert_held(&media->dir_lock);
	if (slot >= media->dir->nr_slots || !test_bit(slot, media->dir->used))
		return -ENOENT;
	return dir_writable(media) ? dir_clear(media, slot) : -EROFS;
}

int kvmem_dir_release(struct kvmem_media *media, u32 slot)
{
	int ret;

	mutex_lock(&media->dir_lock);
	ret = dir_release_locked(media, slot);
	mutex_unlock(&media->dir_lock);
	if (!ret)
		kvmem_scan_forget(media, slot);
	return ret;
}

/* Under one hold of the lock: the slot may be another one's afterwards. */
int kvmem_dir_forget(struct kvmem_media *media, const char *name)
{
	struct kvmem_media_slot want = {};
	int ret;
	u32 no;

	strscpy(want.name, name, sizeof(want.name));
	mutex_lock(&media->dir_lock);
	no = dir_look(media->dir, &want, dir_same_name);
	ret = dir_release_locked(media, no);
	mutex_unlock(&media->dir_lock);
	if (!ret)
		kvmem_scan_forget(media, no);
	return ret;
}

/* Questions ----------------------------------------------------------------- */

bool kvmem_dir_valid(struct kvmem_media *media, u32 slot, u32 slot_generation)
{
	struct kvmem_dir *dir = media->dir;
	bool valid;

	mutex_lock(&media->dir_lock);
	valid = slot < dir->nr_slots && test_bit(slot, dir->used) &&
		dir_generation(dir, slot) == slot_generation;
	mutex_unlock(&media->dir_lock);
	return valid;
}

bool kvmem_dir_describe(struct kvmem_media *media, u32 slot, struct kvmem_media_slot *out)
{
	struct kvmem_dir *dir = media->dir;
	bool used;

	mutex_lock(&media->dir_lock);
	used = slot < dir->nr_slots && test_bit(slot, dir->used);
	if (used)
		*out = *dir_slot(dir, slot);
	mutex_unlock(&media->dir_lock);
	if (used)
		out->name[sizeof(out->name) - 1] = 0;
	return used;
}

void kvmem_dir_seen(struct kvmem_media *media, u32 slot, u32 slot_generation)
{
	struct kvmem_dir *dir = media->dir;

	mutex_lock(&media->dir_lock);
	if (slot < dir->nr_slots && dir->seen[slot] < slot_generation)
		dir->seen[slot] = slot_generation;
	mutex_unlock(&media->dir_lock);
}

void kvmem_dir_settle(struct kvmem_media *media)
{
	mutex_lock(&media->dir_lock);
	media->dir->settled = true;
	mutex_unlock(&media->dir_lock);
}
