// SPDX-License-Identifier: GPL-2.0
/*
 * What is on a media: everything that was read is checked here before anybody
 * uses it, everything that is written gets its frame and checksum here.
 *
 * The same file is part of the module and of the tools, so it knows memory
 * only.  The order of checks matters where the reason tells more than "no":
 * of the structure at all, whole, of this media, of this place, of this
 * generation; only then does what it says count.  docs/format.md has the story.
 */
#include "format.h"
#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif
#include <linux/kvmem.h>

#define FORMAT_MIN_UNIT		512U
#define FORMAT_MEDIA_ID		8		/* bytes of the uuid that pages repeat */
#define LAYOUT_ALIGN		(1ULL << 20)	/* of the first segment */
#define LAYOUT_ENOUGH		64U		/* segments; below, they are made shorter */

/* The contract with media that exist: none of these may ever change. */
static_assert(sizeof(struct kvmem_media_super) == KVMEM_MEDIA_PAGE);
static_assert(offsetof(struct kvmem_media_super, version) == 8);
static_assert(offsetof(struct kvmem_media_super, checksum) == 12);
static_assert(offsetof(struct kvmem_media_super, uuid) == 16);
static_assert(offsetof(struct kvmem_media_super, label) == 32);
static_assert(offsetof(struct kvmem_media_super, incompat) == 64);
static_assert(offsetof(struct kvmem_media_super, ro_compat) == 72);
static_assert(offsetof(struct kvmem_media_super, media_bytes) == 80);
static_assert(offsetof(struct kvmem_media_super, first_segment) == 88);
static_assert(offsetof(struct kvmem_media_super, segment_bytes) == 96);
static_assert(offsetof(struct kvmem_media_super, nr_segments) == 100);
static_assert(offsetof(struct kvmem_media_super, unit) == 104);
static_assert(offsetof(struct kvmem_media_super, dir_pages) == 108);
static_assert(offsetof(struct kvmem_media_super, directory) == 112);
static_assert(offsetof(struct kvmem_media_super, created) == 128);
static_assert(offsetof(struct kvmem_media_super, generation) == 136);
static_assert(offsetof(struct kvmem_media_super, reserved) == 144);

static_assert(sizeof(struct kvmem_media_slot) == 256);
static_assert(offsetof(struct kvmem_media_slot, mode) == 2);
static_assert(offsetof(struct kvmem_media_slot, generation) == 4);
static_assert(offsetof(struct kvmem_media_slot, uid) == 8);
static_assert(offsetof(struct kvmem_media_slot, gid) == 12);
static_assert(offsetof(struct kvmem_media_slot, created) == 16);
static_assert(offsetof(struct kvmem_media_slot, name) == 24);
static_assert(offsetof(struct kvmem_media_slot, fingerprint) == 88);
static_assert(offsetof(struct kvmem_media_slot, reserved1) == 120);

static_assert(sizeof(struct kvmem_media_dir) == KVMEM_MEDIA_PAGE);
static_assert(offsetof(struct kvmem_media_dir, checksum) == 4);
static_assert(offsetof(struct kvmem_media_dir, media_id) == 8);
static_assert(offsetof(struct kvmem_media_dir, generation) == 16);
static_assert(offsetof(struct kvmem_media_dir, index) == 24);
static_assert(offsetof(struct kvmem_media_dir, slots) == 256);

static_assert(sizeof(struct kvmem_media_entry) == 64);
static_assert(offsetof(struct kvmem_media_entry, offset) == 32);
static_assert(offsetof(struct kvmem_media_entry, length) == 36);
static_assert(offsetof(struct kvmem_media_entry, crc) == 40);
static_assert(offsetof(struct kvmem_media_entry, cost) == 44);
static_assert(offsetof(struct kvmem_media_entry, expires) == 48);
static_assert(offsetof(struct kvmem_media_entry, last_use) == 52);
static_assert(offsetof(struct kvmem_media_entry, class) == 57);
static_assert(offsetof(struct kvmem_media_entry, priority) == 58);
static_assert(offsetof(struct kvmem_media_entry, flags) == 59);
static_assert(offsetof(struct kvmem_media_entry, hits) == 60);

static_assert(sizeof(struct kvmem_media_sums) == 64);
static_assert(offsetof(struct kvmem_media_sums, nr) == 57);
static_assert(offsetof(struct kvmem_media_sums, first) == 58);

static_assert(sizeof(struct kvmem_media_gone) == 64);
static_assert(offsetof(struct kvmem_media_gone, generation) == 32);
static_assert(offsetof(struct kvmem_media_gone, segment) == 40);
static_assert(offsetof(struct kvmem_media_gone, offset) == 44);

/* Whoever meets an entry looks at its type first, whatever it is. */
static_assert(offsetof(struct kvmem_media_entry, type) == 56);
static_assert(offsetof(struct kvmem_media_sums, type) == 56);
static_assert(offsetof(struct kvmem_media_gone, type) == 56);

static_assert(sizeof(struct kvmem_media_table) == KVMEM_MEDIA_PAGE);
static_assert(offsetof(struct kvmem_media_table, checksum) == 4);
static_assert(offsetof(struct kvmem_media_table, media_id) == 8);
static_assert(offsetof(struct kvmem_media_table, generation) == 16);
static_assert(offsetof(struct kvmem_media_table, segment) == 24);
static_assert(offsetof(struct kvmem_media_table, index) == 28);
static_assert(offsetof(struct kvmem_media_table, nr_entries) == 32);
static_assert(offsetof(struct kvmem_media_table, temperature) == 34);
static_assert(offsetof(struct kvmem_media_table, flags) == 35);
static_assert(offsetof(struct kvmem_media_table, slot) == 36);
static_assert(offsetof(struct kvmem_media_table, slot_generation) == 40);
static_assert(offsetof(struct kvmem_media_table, written) == 48);
static_assert(offsetof(struct kvmem_media_table, salt) == 56);
static_assert(offsetof(struct kvmem_media_table, entries) == 64);

/* The entries of the longest block, checksums included, fit into a page. */
static_assert(1 + KVMEM_MAX_BLOCK / KVMEM_MEDIA_PIECE / KVMEM_MEDIA_PIECE_SUMS + 1 <=
	      KVMEM_MEDIA_TABLE_ENTRIES);

static const char * const format_texts[KVMEM_FORMAT_NR] = {
	[KVMEM_FORMAT_OK]	= "valid",
	[KVMEM_FORMAT_MAGIC]	= "not of kvmem, or never written",
	[KVMEM_FORMAT_VERSION]	= "of another version of the format",
	[KVMEM_FORMAT_CHECKSUM]	= "wrong checksum: torn or damaged",
	[KVMEM_FORMAT_FEATURE]	= "needs a feature that is not known here",
	[KVMEM_FORMAT_GEOMETRY]	= "impossible sizes",
	[KVMEM_FORMAT_SHRUNK]	= "the device is shorter than the media",
	[KVMEM_FORMAT_UNIT]	= "the device's logical blocks are too long",
	[KVMEM_FORMAT_MEDIA]	= "of another media",
	[KVMEM_FORMAT_PLACE]	= "of another place",
	[KVMEM_FORMAT_STALE]	= "of another generation",
	[KVMEM_FORMAT_ENTRY]	= "impossible contents",
};

const char *kvmem_format_text(enum kvmem_format_error err)
{
	unsigned int i = err;

	return i < KVMEM_FORMAT_NR ? format_texts[i] : "unknown error";
}

u32 kvmem_format_checksum(const void *p, size_t len, size_t at)
{
	const __le32 zero = 0;
	const u8 *bytes = p;
	size_t after = at + sizeof(zero);
	u32 crc = ~0U;

	crc = crc32c(crc, bytes, at);
	crc = crc32c(crc, &zero, sizeof(zero));
	return ~crc32c(crc, bytes + after, len - after);
}

static bool power_of_2(u32 n)
{
	return n && !(n & (n - 1));
}

static bool page_aligned(u64 n)
{
	return !(n & (KVMEM_MEDIA_PAGE - 1));
}

/* Superblocks ------------------------------------------------------------- */

static u32 super_checksum(const struct kvmem_media_super *disk)
{
	return kvmem_format_checksum(disk, sizeof(*disk),
				     offsetof(struct kvmem_media_super, checksum));
}

static u64 super_dir_bytes(const struct kvmem_super *super)
{
	return (u64)super->dir_pages * KVMEM_MEDIA_PAGE;
}

static bool super_bounds_ok(const struct kvmem_super *super)
{
	return power_of_2(super->segment_bytes) &&
	       super->segment_bytes >= KVMEM_MEDIA_MIN_SEGMENT &&
	       super->segment_bytes <= KVMEM_MEDIA_MAX_SEGMENT &&
	       super->nr_segments >= KVMEM_MEDIA_MIN_SEGMENTS &&
	       super->nr_segments <= KVMEM_MEDIA_MAX_SEGMENTS &&
	       power_of_2(super->unit) && super->unit >= FORMAT_MIN_UNIT &&
	       super->unit <= KVMEM_MEDIA_PAGE &&
	       super->dir_pages && super->dir_pages <= KVMEM_MEDIA_DIR_PAGES;
}

/* Between the first superblock and the first segment; every term is in bounds already. */
static bool super_dir_ok(const struct kvmem_super *super, u64 at)
{
	return page_aligned(at) && at >= KVMEM_MEDIA_PAGE && at <= super->first_segment &&
	       super_dir_bytes(super) <= super->first_segment - at;
}

static bool super_dirs_ok(const struct kvmem_super *super)
{
	u64 a = super->directory[0], b = super->directory[1];

	return super_dir_ok(super, a) && super_dir_ok(super, b) &&
	       (a < b ? b - a : a - b) >= super_dir_bytes(super);
}

/* Nothing is added up before it is known to be small: sums must not wrap. */
static bool super_segments_ok(const struct kvmem_super *super)
{
	u64 bytes = (u64)super->nr_segments * super->segment_bytes, end;

	if (!page_aligned(super->media_bytes) || !page_aligned(super->first_segment) ||
	    super->media_bytes < KVMEM_MEDIA_PAGE)
		return false;
	end = super->media_bytes - KVMEM_MEDIA_PAGE;
	return super->first_segment <= end && bytes <= end - super->first_segment;
}

static bool super_geometry_ok(const struct kvmem_super *super)
{
	return super_bounds_ok(super) && super_segments_ok(super) && super_dirs_ok(super);
}

u64 kvmem_super_end(u64 bytes)
{
	bytes -= bytes & (KVMEM_MEDIA_PAGE - 1);
	return bytes < KVMEM_MEDIA_PAGE ? 0 : bytes - KVMEM_MEDIA_PAGE;
}

/* A division that 32-bit kernels have, too: @segment_bytes is a power of two. */
static u64 layout_fit(u64 room, u32 segment_bytes)
{
	while (segment_bytes >>= 1)
		room >>= 1;
	return room;
}

static u32 layout_default(u64 room)
{
	u32 bytes = KVMEM_MEDIA_DEFAULT_SEGMENT;

	while (bytes > KVMEM_MEDIA_MIN_SEGMENT && layout_fit(room, bytes) < LAYOUT_ENOUGH)
		bytes >>= 1;
	while (bytes < KVMEM_MEDIA_MAX_SEGMENT &&
	       layout_fit(room, bytes) > KVMEM_MEDIA_MAX_SEGMENTS)
		bytes <<= 1;
	return bytes;
}

static void layout_head(struct kvmem_super *super)
{
	u64 end;

	super->incompat = 0;
	super->ro_compat = 0;
	super->dir_pages = KVMEM_MEDIA_DIR_PAGES;
	super->directory[0] = KVMEM_MEDIA_DIR_OFFSET;
	super->directory[1] = KVMEM_MEDIA_DIR_OFFSET + super_dir_bytes(super);
	end = super->directory[1] + super_dir_bytes(super);
	super->first_segment = (end + LAYOUT_ALIGN - 1) & ~(LAYOUT_ALIGN - 1);
}

bool kvmem_super_layout(struct kvmem_super *super, u64 bytes, u32 segment_bytes, u32 unit)
{
	u64 end = kvmem_super_end(bytes), room, nr;

	layout_head(super);
	if (end <= super->first_segment)
		return false;
	room = end - super->first_segment;
	super->media_bytes = end + KVMEM_MEDIA_PAGE;
	super->unit = unit;
	super->segment_bytes = segment_bytes ?: layout_default(room);
	nr = layout_fit(room, super->segment_bytes);
	super->nr_segments = nr < KVMEM_MEDIA_MAX_SEGMENTS ? nr : KVMEM_MEDIA_MAX_SEGMENTS;
	return super_geometry_ok(super);
}

/* For people's terminals and logs: nothing in it needs quoting. */
static void super_label(char *to, const u8 *from)
{
	unsigned int i;

	for (i = 0; i < KVMEM_MEDIA_LABEL_LEN - 1 && from[i]; i++)
		to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
	memset(to + i, 0, KVMEM_MEDIA_LABEL_LEN - i);
}

static void super_read(struct kvmem_super *super, const struct kvmem_media_super *disk)
{
	memcpy(super->uuid, disk->uuid, sizeof(super->uuid));
	super_label(super->label, disk->label);
	super->incompat = le64_to_cpu(disk->incompat);
	super->ro_compat = le64_to_cpu(disk->ro_compat);
	super->media_bytes = le64_to_cpu(disk->media_bytes);
	super->first_segment = le64_to_cpu(disk->first_segment);
	super->segment_bytes = le32_to_cpu(disk->segment_bytes);
	super->nr_segments = le32_to_cpu(disk->nr_segments);
	super->unit = le32_to_cpu(disk->unit);
	super->dir_pages = le32_to_cpu(disk->dir_pages);
	super->directory[0] = le64_to_cpu(disk->directory[0]);
	super->directory[1] = le64_to_cpu(disk->directory[1]);
	super->created = le64_to_cpu(disk->created);
	super->generation = le64_to_cpu(disk->generation);
}

/*
 * The version comes before the checksum: what the checksum of another version
 * covers is that version's matter.
 */
static enum kvmem_format_error super_check(const struct kvmem_media_super *disk)
{
	if (le64_to_cpu(disk->magic) != KVMEM_MEDIA_SUPER_MAGIC)
		return KVMEM_FORMAT_MAGIC;
	if (le32_to_cpu(disk->version) != KVMEM_MEDIA_VERSION)
		return KVMEM_FORMAT_VERSION;
	if (le32_to_cpu(disk->checksum) != super_checksum(disk))
		return KVMEM_FORMAT_CHECKSUM;
	if (le64_to_cpu(disk->incompat) & ~KVMEM_MEDIA_INCOMPAT)
		return KVMEM_FORMAT_FEATURE;
	return KVMEM_FORMAT_OK;
}

enum kvmem_format_error kvmem_super_decode(struct kvmem_super *super,
					   const struct kvmem_media_super *disk,
					   u64 bytes, u32 unit)
{
	enum kvmem_format_error err = super_check(disk);

	if (err)
		return err;
	super_read(super, disk);
	if (!super_geometry_ok(super))
		return KVMEM_FORMAT_GEOMETRY;
	if (super->media_bytes > bytes)
		return KVMEM_FORMAT_SHRUNK;
	if (!power_of_2(unit) || unit > super->unit)
		return KVMEM_FORMAT_UNIT;
	return KVMEM_FORMAT_OK;
}

void kvmem_super_encode(struct kvmem_media_super *disk, const struct kvmem_super *super)
{
	memset(disk, 0, sizeof(*disk));
	disk->magic = cpu_to_le64(KVMEM_MEDIA_SUPER_MAGIC);
	disk->version = cpu_to_le32(KVMEM_MEDIA_VERSION);
	memcpy(disk->uuid, super->uuid, sizeof(disk->uuid));
	super_label((char *)disk->label, (const u8 *)super->label);
	disk->incompat = cpu_to_le64(super->incompat);
	disk->ro_compat = cpu_to_le64(super->ro_compat);
	disk->media_bytes = cpu_to_le64(super->media_bytes);
	disk->first_segment = cpu_to_le64(super->first_segment);
	disk->segment_bytes = cpu_to_le32(super->segment_bytes);
	disk->nr_segments = cpu_to_le32(super->nr_segments);
	disk->unit = cpu_to_le32(super->unit);
	disk->dir_pages = cpu_to_le32(super->dir_pages);
	disk->directory[0] = cpu_to_le64(super->directory[0]);
	disk->directory[1] = cpu_to_le64(super->directory[1]);
	disk->created = cpu_to_le64(super->created);
	disk->generation = cpu_to_le64(super->generation);
	disk->checksum = cpu_to_le32(super_checksum(disk));
}

/* The directory ----------------------------------------------------------- */

static u32 dir_checksum(const struct kvmem_media_dir *page)
{
	return kvmem_format_checksum(page, sizeof(*page),
				     offsetof(struct kvmem_media_dir, checksum));
}

/* Names of namespaces are 1 to 63 visible ASCII characters; here, with their NUL. */
static bool dir_name_ok(const u8 *name, size_t len)
{
	size_t i;

	for (i = 0; i < len && name[i]; i++) {
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	}
	return i && i < len;
}

static bool dir_slot_ok(const struct kvmem_media_slot *slot)
{
	if (slot->state == KVMEM_MEDIA_SLOT_FREE)
		return true;
	return slot->state == KVMEM_MEDIA_SLOT_USED &&
	       dir_name_ok(slot->name, sizeof(slot->name));
}

static bool dir_slots_ok(const struct kvmem_media_dir *page)
{
	unsigned int i;

	for (i = 0; i < KVMEM_MEDIA_DIR_SLOTS; i++) {
		if (!dir_slot_ok(&page->slots[i]))
			return false;
	}
	return true;
}

enum kvmem_format_error kvmem_dir_check(const struct kvmem_media_dir *page,
					const struct kvmem_super *super, u32 index)
{
	if (le32_to_cpu(page->magic) != KVMEM_MEDIA_DIR_MAGIC)
		return KVMEM_FORMAT_MAGIC;
	if (le32_to_cpu(page->checksum) != dir_checksum(page))
		return KVMEM_FORMAT_CHECKSUM;
	if (memcmp(page->media_id, super->uuid, FORMAT_MEDIA_ID))
		return KVMEM_FORMAT_MEDIA;
	if (index >= super->dir_pages || le32_to_cpu(page->index) != index)
		return KVMEM_FORMAT_PLACE;
	if (!le64_to_cpu(page->generation) || !dir_slots_ok(page))
		return KVMEM_FORMAT_ENTRY;
	return KVMEM_FORMAT_OK;
}

void kvmem_dir_seal(struct kvmem_media_dir *page, const struct kvmem_super *super,
		    u32 index, u64 generation)
{
	page->magic = cpu_to_le32(KVMEM_MEDIA_DIR_MAGIC);
	memcpy(page->media_id, super->uuid, FORMAT_MEDIA_ID);
	page->generation = cpu_to_le64(generation);
	page->index = cpu_to_le32(index);
	memset(page->reserved, 0, sizeof(page->reserved));
	page->checksum = cpu_to_le32(dir_checksum(page));
}

/* Tables ------------------------------------------------------------------ */

unsigned int kvmem_entry_sums(u32 length)
{
	if (length <= KVMEM_MEDIA_PIECE)
		return 0;
	return (length - 1) / KVMEM_MEDIA_PIECE + 1;
}

unsigned int kvmem_entry_count(u32 length)
{
	return 1 + (kvmem_entry_sums(length) + KVMEM_MEDIA_PIECE_SUMS - 1) /
		   KVMEM_MEDIA_PIECE_SUMS;
}

static u32 table_checksum(const struct kvmem_media_table *page)
{
	return kvmem_format_checksum(page, sizeof(*page),
				     offsetof(struct kvmem_media_table, checksum));
}

/* Is it a page of this table, of whatever generation? */
static enum kvmem_format_error table_frame(const struct kvmem_media_table *page,
					   const struct kvmem_super *super, u32 no, u32 index)
{
	if (le32_to_cpu(page->magic) != KVMEM_MEDIA_TABLE_MAGIC)
		return KVMEM_FORMAT_MAGIC;
	if (le32_to_cpu(page->checksum) != table_checksum(page))
		return KVMEM_FORMAT_CHECKSUM;
	if (memcmp(page->media_id, super->uuid, FORMAT_MEDIA_ID))
		return KVMEM_FORMAT_MEDIA;
	if (no >= super->nr_segments || index >= super->segment_bytes / KVMEM_MEDIA_PAGE ||
	    le32_to_cpu(page->segment) != no || le32_to_cpu(page->index) != index)
		return KVMEM_FORMAT_PLACE;
	return KVMEM_FORMAT_OK;
}

static void table_read_head(const struct kvmem_media_table *page, struct kvmem_table_head *head)
{
	head->generation = le64_to_cpu(page->generation);
	head->written = le64_to_cpu(page->written);
	head->salt = le64_to_cpu(page->salt);
	head->slot = le32_to_cpu(page->slot);
	head->slot_generation = le32_to_cpu(page->slot_generation);
	head->temperature = page->temperature;
}

static bool table_same_head(const struct kvmem_table_head *a, const struct kvmem_table_head *b)
{
	return a->generation == b->generation && a->salt == b->salt && a->slot == b->slot &&
	       a->slot_generation == b->slot_generation && a->temperature == b->temperature;
}

static bool table_head_ok(const struct kvmem_table_head *head, const struct kvmem_super *super)
{
	return head->generation && head->slot < super->dir_pages * KVMEM_MEDIA_DIR_SLOTS &&
	       head->temperature < KVMEM_MEDIA_TEMPS;
}

/* Exactly the checksums that a block of @length has, from entry @at on. */
static bool entry_sums_ok(const struct kvmem_media_table *page, unsigned int at, u32 length,
			  u32 crc)
{
	unsigned int nr = kvmem_entry_sums(length), first, n;

	for (first = 0; first < nr; first += n, at++) {
		const struct kvmem_media_sums *s = &page->entries[at].sums;

		n = nr - first;
		if (n > KVMEM_MEDIA_PIECE_SUMS)
			n = KVMEM_MEDIA_PIECE_SUMS;
		if (s->type != KVMEM_MEDIA_ENTRY_SUMS || s->nr != n ||
		    le16_to_cpu(s->first) != first)
			return false;
		/* Else a read of all and one of the last piece could disagree. */
		if (first + n == nr && le32_to_cpu(s->sum[n - 1]) != ~crc)
			return false;
	}
	return true;
}

/*
 * Of the block at @at, with @left entries to the end: how many are its own; 0:
 * it cannot be.  @limit: where the table begins.
 */
static unsigned int entry_block(const struct kvmem_media_table *page, unsigned int at,
				unsigned int left, u32 limit)
{
	const struct kvmem_media_entry *e = &page->entries[at].entry;
	u32 offset = le32_to_cpu(e->offset), length = le32_to_cpu(e->length);
	unsigned int nr;

	if (!length || length > KVMEM_MAX_BLOCK || offset & (KVMEM_MEDIA_OFFSET_ALIGN - 1) ||
	    (u64)offset + length > limit)
		return 0;
	if (e->class >= KVMEM_MEDIA_CLASSES || e->priority > KVMEM_MAX_PRIORITY ||
	    e->flags & ~KVMEM_MEDIA_ENTRY_F_ALL)
		return 0;
	/* What means nothing must not look as if it did. */
	if (e->flags & KVMEM_MEDIA_ENTRY_F_UNSUMMED && e->crc)
		return 0;
	nr = kvmem_entry_count(length);
	if (nr > left || !entry_sums_ok(page, at + 1, length, le32_to_cpu(e->crc)))
		return 0;
	return nr;
}

/* Its target may have been reclaimed since: the reader compares generations. */
static unsigned int entry_gone(const struct kvmem_media_gone *gone,
			       const struct kvmem_super *super)
{
	u32 offset = le32_to_cpu(gone->offset);

	return le64_to_cpu(gone->generation) &&
	       le32_to_cpu(gone->segment) < super->nr_segments &&
	       !(offset & (KVMEM_MEDIA_OFFSET_ALIGN - 1)) && offset < super->segment_bytes;
}

static unsigned int entry_any(const struct kvmem_media_table *page,
			      const struct kvmem_super *super, unsigned int at,
			      unsigned int left, u32 limit)
{
	switch (page->entries[at].entry.type) {
	case KVMEM_MEDIA_ENTRY_BLOCK:
		return entry_block(page, at, left, limit);
	case KVMEM_MEDIA_ENTRY_GONE:
		return entry_gone(&page->entries[at].gone, super);
	default:
		return 0;
	}
}

static bool table_entries_ok(const struct kvmem_media_table *page,
			     const struct kvmem_super *super, u32 index)
{
	u32 limit = super->segment_bytes - (index + 1) * KVMEM_MEDIA_PAGE;
	unsigned int nr = le16_to_cpu(page->nr_entries), at, used;

	if (nr > KVMEM_MEDIA_TABLE_ENTRIES || (index && !nr))
		return false;
	for (at = 0; at < nr; at += used) {
		used = entry_any(page, super, at, nr - at, limit);
		if (!used)
			return false;
	}
	return true;
}

enum kvmem_format_error kvmem_table_check(const struct kvmem_media_table *page,
					  const struct kvmem_super *super, u32 no, u32 index,
					  struct kvmem_table_head *head)
{
	enum kvmem_format_error err = table_frame(page, super, no, index);
	struct kvmem_table_head h;

	if (err)
		return err;
	table_read_head(page, &h);
	if (index && !table_same_head(&h, head))
		return KVMEM_FORMAT_STALE;
	if (!table_head_ok(&h, super) || page->flags || !table_entries_ok(page, super, index))
		return KVMEM_FORMAT_ENTRY;
	if (!index)
		*head = h;
	return KVMEM_FORMAT_OK;
}

void kvmem_table_seal(struct kvmem_media_table *page, const struct kvmem_super *super,
		      u32 no, u32 index, const struct kvmem_table_head *head,
		      unsigned int nr_entries)
{
	if (nr_entries > KVMEM_MEDIA_TABLE_ENTRIES)
		nr_entries = KVMEM_MEDIA_TABLE_ENTRIES;
	memset(&page->entries[nr_entries], 0,
	       (KVMEM_MEDIA_TABLE_ENTRIES - nr_entries) * sizeof(page->entries[0]));
	memset(page, 0, offsetof(struct kvmem_media_table, entries));
	page->magic = cpu_to_le32(KVMEM_MEDIA_TABLE_MAGIC);
	memcpy(page->media_id, super->uuid, FORMAT_MEDIA_ID);
	page->generation = cpu_to_le64(head->generation);
	page->segment = cpu_to_le32(no);
	page->index = cpu_to_le32(index);
	page->nr_entries = cpu_to_le16(nr_entries);
	page->temperature = head->temperature;
	page->slot = cpu_to_le32(head->slot);
	page->slot_generation = cpu_to_le32(head->slot_generation);
	page->written = cpu_to_le64(head->written);
	page->salt = cpu_to_le64(head->salt);
	page->checksum = cpu_to_le32(table_checksum(page));
}
