// SPDX-License-Identifier: GPL-2.0
/*
 * A media with nothing but tables, see table_media.h.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rhashtable.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uio.h>
#include <linux/user_namespace.h>
#include <linux/vmalloc.h>
#include <linux/vmstat.h>
#include "flash/tier.h"
#include "ns.h"
#include "table_media.h"

#define UNIT		512U
#define SLOT		0U
#define SLOT_GENERATION	1U
#define SETTLE_MS	120000U
/* Of each so many segments one is free: nothing is reclaimed. */
#define SPARE		8U

/* The backend --------------------------------------------------------------- */

static struct table_media *current_media;

/* Where the @len bytes at @off are, less of them when they are not all there; NULL: zero. */
static const u8 *table_at(const struct table_media *t, u64 off, size_t *len)
{
	u64 end = kvmem_super_end(t->super.media_bytes), no, in, start;

	if (off < t->head_bytes) {
		*len = min_t(u64, *len, t->head_bytes - off);
		return t->head + off;
	}
	if (off >= end)
		return t->head + (off - end);
	no = (off - t->head_bytes) >> ilog2(t->super.segment_bytes);
	in = (off - t->head_bytes) & (t->super.segment_bytes - 1);
	start = t->super.segment_bytes - t->tail_bytes;
	*len = min_t(u64, *len, (in < start ? start : t->super.segment_bytes) - in);
	if (in < start || no >= t->nr_full || t->empty)
		return NULL;
	return t->tails + no * t->tail_bytes + (in - start);
}

static int table_read(const struct table_media *t, struct kvmem_io *io)
{
	struct iov_iter iter;
	size_t done, len;
	const u8 *p;

	iov_iter_bvec(&iter, ITER_DEST, io->bvecs, io->nr_bvecs, io->first + io->len);
	iov_iter_advance(&iter, io->first);
	for (done = 0; done < io->len; done += len) {
		len = io->len - done;
		p = table_at(t, io->off + done, &len);
		if ((p ? copy_to_iter(p, len, &iter) : iov_iter_zero(len, &iter)) != len)
			return -EIO;
	}
	return 0;
}

static int table_open(struct kvmem_dev *dev, const char *path)
{
	if (!current_media)
		return -ENOENT;
	dev->priv = current_media;
	dev->geo = (struct kvmem_geometry) {
		.bytes = current_media->super.media_bytes, .unit = UNIT, .mem_align = 4,
		.max_io = 1U << 20,
	};
	return 0;
}

static void table_close(struct kvmem_dev *dev)
{
}

/* What is written is forgotten: each attach finds the same. */
static void table_submit(struct kvmem_dev *dev, struct kvmem_io *io)
{
	kvmem_dev_end(io, io->op == KVMEM_IO_READ ? table_read(dev->priv, io) : 0);
}

static const struct kvmem_media_ops table_media_ops = {
	.name	= "tables",
	.owner	= THIS_MODULE,
	.open	= table_open,
	.close	= table_close,
	.submit	= table_submit,
};

/* Images -------------------------------------------------------------------- */

static void make_slot(const struct table_media *t, struct kvmem_media_slot *slot)
{
	slot->state = KVMEM_MEDIA_SLOT_USED;
	slot->generation = cpu_to_le32(SLOT_GENERATION);
	slot->uid = cpu_to_le32(from_kuid(&init_user_ns, t->ns->p.uid));
	slot->gid = cpu_to_le32(from_kgid(&init_user_ns, t->ns->p.gid));
	strscpy((char *)slot->name, t->ns->p.name, sizeof(slot->name));
	memcpy(slot->fingerprint, t->ns->p.fingerprint, sizeof(slot->fingerprint));
}

/* The superblock at the end is the same; of the directory one copy is there. */
static void make_head(struct table_media *t)
{
	struct kvmem_media_dir *dir = (void *)(t->head + t->super.directory[0]);
	u32 i;

	kvmem_super_encode((void *)t->head, &t->super);
	make_slot(t, &dir->slots[SLOT]);
	for (i = 0; i < t->super.dir_pages; i++)
		kvmem_dir_seal(dir + i, &t->super, i, 1);
}

static u64 mix(u64 z)
{
	z *= 0x9e3779b97f4a7c15ULL;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Block @n, @nth of its segment; returns the entries it took. */
static unsigned int make_block(const struct table_media *t, u32 n, u32 nth,
			       struct kvmem_media_table *page, unsigned int at)
{
	struct kvmem_media_entry *entry = &page->entries[at].entry;
	unsigned int used = kvmem_entry_count(t->block_bytes), i;
	u64 word;

	memset(entry, 0, used * sizeof(*entry));
	for (i = 0; i < KVMEM_KEY_LEN / sizeof(word); i++) {
		word = mix((u64)n * 4 + i + 1);
		memcpy(entry->key + i * sizeof(word), &word, sizeof(word));
	}
	entry->offset = cpu_to_le32(nth * t->block_bytes);
	entry->length = cpu_to_le32(t->block_bytes);
	entry->type = KVMEM_MEDIA_ENTRY_BLOCK;
	for (i = 1; i < used; i++) {
		struct kvmem_media_sums *sums = &page->entries[at + i].sums;
		unsigned int first = (i - 1) * KVMEM_MEDIA_PIECE_SUMS;

		sums->type = KVMEM_MEDIA_ENTRY_SUMS;
		sums->first = cpu_to_le16(first);
		sums->nr = min(kvmem_entry_sums(t->block_bytes) - first, KVMEM_MEDIA_PIECE_SUMS);
		/* The last one is the block's, inverted. */
		if (i == used - 1)
			sums->sum[sums->nr - 1] = cpu_to_le32(~0U);
	}
	return used;
}

static void make_segment(struct table_media *t, u32 no)
{
	u32 n = no * t->per_segment, end = min(n + t->per_segment, t->nr_blocks), nth = 0, index;
	struct kvmem_table_head head = {
		.generation = no + 1, .written = ktime_get_real_ns(),
		.slot = SLOT, .slot_generation = SLOT_GENERATION,
	};
	unsigned int each = kvmem_entry_count(t->block_bytes), at;
	struct kvmem_media_table *page = (void *)(t->tails + (no + 1) * t->tail_bytes);

	for (index = 0; n < end; index++) {
		page--;
		for (at = 0; n < end && at + each <= KVMEM_MEDIA_TABLE_ENTRIES; n++)
			at += make_block(t, n, nth++, page, at);
		kvmem_table_seal(page, &t->super, no, index, &head, at);
	}
}

/* Pages of a table of @blocks. */
static u32 table_pages(const struct table_media *t, u32 blocks)
{
	return DIV_ROUND_UP(blocks, KVMEM_MEDIA_TABLE_ENTRIES / kvmem_entry_count(t->block_bytes));
}

static void choose_layout(struct table_media *t)
{
	u32 per = KVMEM_MEDIA_DEFAULT_SEGMENT / t->block_bytes;
	u64 bytes;

	while (per * t->block_bytes + table_pages(t, per) * KVMEM_MEDIA_PAGE >
	       KVMEM_MEDIA_DEFAULT_SEGMENT)
		per--;
	t->per_segment = per;
	t->tail_bytes = (size_t)table_pages(t, per) * KVMEM_MEDIA_PAGE;
	t->nr_full = DIV_ROUND_UP(t->nr_blocks, per);
	bytes = (u64)(t->nr_full + t->nr_full / SPARE + SPARE) * KVMEM_MEDIA_DEFAULT_SEGMENT;
	kvmem_super_layout(&t->super, bytes, KVMEM_MEDIA_DEFAULT_SEGMENT, UNIT);
	memset(t->super.uuid, 0x7b, sizeof(t->super.uuid));
	t->super.generation = 1;
	t->head_bytes = t->super.first_segment;
}

struct table_media *table_media_create(struct kvmem_ns *ns, u32 nr_blocks, u32 block_bytes)
{
	struct table_media *t = kzalloc(sizeof(*t), GFP_KERNEL);
	u32 no;

	if (!t)
		return NULL;
	t->ns = ns;
	t->nr_blocks = nr_blocks;
	t->block_bytes = ALIGN(block_bytes, KVMEM_MEDIA_OFFSET_ALIGN);
	choose_layout(t);
	t->head = vzalloc(t->head_bytes);
	t->tails = vzalloc(t->nr_full * t->tail_bytes);
	if (!t->head || !t->tails) {
		table_media_destroy(t);
		return NULL;
	}
	make_head(t);
	for (no = 0; no < t->nr_full; no++) {
		make_segment(t, no);
		cond_resched();
	}
	return t;
}

void table_media_destroy(struct table_media *t)
{
	vfree(t->head);
	vfree(t->tails);
	kfree(t);
}

/* Attach -------------------------------------------------------------------- */

struct kvmem_media *table_media_attach(struct table_media *t, u64 *ns)
{
	struct kvmem_media *media;
	u64 start = ktime_get_ns();
	int ret;

	current_media = t;
	media = kvmem_media_attach("kvmem.tables", &table_media_ops, "tables", NULL, NULL);
	current_media = NULL;
	if (IS_ERR(media))
		return media;
	ret = kvmem_media_settle(SETTLE_MS);
	*ns = ktime_get_ns() - start;
	if (!ret && media->scanned_blocks != (t->empty ? 0 : t->nr_blocks))
		ret = -ENODATA;
	if (!ret)
		return media;
	table_media_detach(media);
	return ERR_PTR(ret);
}

void table_media_detach(struct kvmem_media *media)
{
	kvmem_media_detach(media, NULL);
	kvmem_media_put(media);
}

/* A large index may be vmalloc's; slabs count everything else. */
s64 table_media_kernel_bytes(struct kvmem_ns *ns)
{
	s64 bytes = (global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B) +
		     global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B)) << PAGE_SHIFT;
	const struct bucket_table *tbl;

	rcu_read_lock();
	tbl = rcu_dereference(ns->flash.index.tbl);
	if (is_vmalloc_addr(tbl))
		bytes += struct_size(tbl, buckets, tbl->size);
	rcu_read_unlock();
	return bytes;
}
