// SPDX-License-Identifier: GPL-2.0
/*
 * A small media with a bit of everything:
 *
 *   segment 0	of "alpha": two pages of blocks, one of them deleted
 *   segment 1	of "beta": a block of several pieces, and keys that "alpha" has, too
 *   segment 2	of "alpha": newer copies of two keys, a deletion in segment 0, an
 *		expired block
 *   segment 3	of a namespace that was deleted
 *   segment 4	never written
 */
#include <stdlib.h>
#include <string.h>

#include "media_image.h"

#define LONG_BLOCK	(KVMEM_MEDIA_PIECE + 300001)

struct image_writer {
	const struct media_file *f;
	struct media_image *image;
	struct kvmem_table_head head;
	struct kvmem_media_table page;
	unsigned int nr;
	uint32_t no, index, fill;
	int err;
};

static void place(struct media_image *image, uint64_t at, uint32_t len, bool data)
{
	if (image->nr_places < IMAGE_PLACES)
		image->places[image->nr_places++] = (struct image_place){ at, len, data };
}

static void name_slot(struct kvmem_media_slot *slot, const char *name, uint32_t generation)
{
	slot->state = KVMEM_MEDIA_SLOT_USED;
	slot->generation = cpu_to_le32(generation);
	slot->mode = cpu_to_le16(0600);
	memcpy(slot->name, name, strlen(name));
}

/* The change goes over the copy that does not count. */
static int fill_directory(const struct media_file *f, struct media_image *image)
{
	struct kvmem_media_dir dir = { 0 };

	name_slot(&dir.slots[0], "alpha", 1);
	name_slot(&dir.slots[1], "beta", 2);
	dir.slots[2].generation = cpu_to_le32(5);
	kvmem_dir_seal(&dir, &image->super, 0, 2);
	place(image, image->super.directory[1], KVMEM_MEDIA_PAGE, false);
	return media_write(f, &dir, sizeof(dir), image->super.directory[1]);
}

static void open_segment(struct image_writer *w, uint32_t no, uint32_t slot, uint32_t slot_gen,
			 uint64_t generation)
{
	w->no = no;
	w->index = w->nr = w->fill = 0;
	w->head = (struct kvmem_table_head){
		.generation = generation,
		.slot = slot,
		.slot_generation = slot_gen,
		.temperature = 1,
	};
}

static void send_page(struct image_writer *w)
{
	uint64_t at = kvmem_table_offset(&w->image->super, w->no, w->index);

	if (w->err)
		return;
	kvmem_table_seal(&w->page, &w->image->super, w->no, w->index++, &w->head, w->nr);
	w->err = media_write(w->f, &w->page, sizeof(w->page), at);
	place(w->image, at, KVMEM_MEDIA_PAGE, false);
	w->nr = 0;
}

static void make_room(struct image_writer *w, unsigned int entries)
{
	if (w->nr + entries > KVMEM_MEDIA_TABLE_ENTRIES)
		send_page(w);
}

static void put_sums(struct image_writer *w, const uint8_t *data, uint32_t length)
{
	unsigned int i, nr = kvmem_entry_sums(length);
	uint32_t crc = ~0U, n, done = 0;
	struct kvmem_media_sums *sums;

	for (i = 0; i < nr; i++, done += n) {
		sums = &w->page.entries[w->nr + i / KVMEM_MEDIA_PIECE_SUMS].sums;
		if (i % KVMEM_MEDIA_PIECE_SUMS == 0) {
			memset(sums, 0, sizeof(*sums));
			sums->type = KVMEM_MEDIA_ENTRY_SUMS;
			sums->first = cpu_to_le16((uint16_t)i);
		}
		n = length - done < KVMEM_MEDIA_PIECE ? length - done : KVMEM_MEDIA_PIECE;
		crc = crc32c(crc, data + done, n);
		sums->sum[sums->nr++] = cpu_to_le32(crc);
	}
	w->nr += kvmem_entry_count(length) - 1;
}

static void put_block(struct image_writer *w, uint8_t name, uint32_t length, uint32_t expires,
		      bool live)
{
	uint64_t at = kvmem_segment_offset(&w->image->super, w->no) + w->fill;
	uint8_t *data = malloc(length);
	struct kvmem_media_entry *e;
	uint32_t i;

	if (w->err || !data) {
		free(data);
		return;
	}
	for (i = 0; i < length; i++)
		data[i] = (uint8_t)(name * 7 + i * 13 + (i >> 8));
	w->err = media_write(w->f, data, length, at);
	make_room(w, kvmem_entry_count(length));
	e = &w->page.entries[w->nr++].entry;
	*e = (struct kvmem_media_entry){
		.offset = cpu_to_le32(w->fill),
		.length = cpu_to_le32(length),
		.crc = cpu_to_le32(~crc32c(~0U, data, length)),
		.expires = cpu_to_le32(expires),
		.type = KVMEM_MEDIA_ENTRY_BLOCK,
	};
	memset(e->key, name, sizeof(e->key));
	put_sums(w, data, length);
	free(data);
	w->fill += (length + 511) & ~511U;
	w->image->blocks.live += live;
	w->image->blocks.live_bytes += live ? length : 0;
	if (live)
		place(w->image, at, length, true);
}

static void put_gone(struct image_writer *w, uint8_t name, uint32_t segment, uint64_t generation,
		     uint32_t offset)
{
	struct kvmem_media_gone *g;

	make_room(w, 1);
	g = &w->page.entries[w->nr++].gone;
	*g = (struct kvmem_media_gone){
		.generation = cpu_to_le64(generation),
		.segment = cpu_to_le32(segment),
		.offset = cpu_to_le32(offset),
		.type = KVMEM_MEDIA_ENTRY_GONE,
	};
	memset(g->key, name, sizeof(g->key));
}

static void fill_first(struct image_writer *w)
{
	uint8_t i;

	open_segment(w, 0, 0, 1, 10);
	put_block(w, 1, 512, 0, false);		/* at 0, deleted by segment 2 */
	put_block(w, 2, 511, 0, false);		/* at 512, deleted at once */
	put_block(w, 3, 4096, 0, false);	/* newer in segment 2 */
	put_block(w, 4, 1, 0, false);
	put_gone(w, 2, 0, 10, 512);
	for (i = 5; i < 70; i++)
		put_block(w, i, 100 + i * 9U, i == 9 ? IMAGE_NOW + 1 : 0, true);
	send_page(w);
	w->image->blocks.gone += 2;
	w->image->blocks.superseded += 2;
}

static void fill_second(struct image_writer *w)
{
	open_segment(w, 1, 1, 2, 11);
	send_page(w);				/* page 0 comes before data */
	put_block(w, 3, 700, 0, true);
	put_block(w, 100, LONG_BLOCK, 0, true);
	put_block(w, 4, 8, 0, true);
	send_page(w);
}

static void fill_third(struct image_writer *w)
{
	open_segment(w, 2, 0, 1, 12);
	put_block(w, 3, 4096, 0, true);
	put_block(w, 4, 1, 0, true);
	put_block(w, 200, 2000, IMAGE_NOW, false);
	put_gone(w, 1, 0, 10, 0);
	put_gone(w, 77, 3, 8, 1024);		/* of an earlier life of segment 3 */
	send_page(w);
	w->image->blocks.expired++;
}

static void fill_released(struct image_writer *w)
{
	open_segment(w, 3, 2, 4, 9);
	put_block(w, 1, 3000, 0, false);
	send_page(w);
}

int media_image_fill(const struct media_file *f, struct media_image *image)
{
	struct image_writer *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -1;
	w->f = f;
	w->image = image;
	w->err = fill_directory(f, image);
	fill_first(w);
	fill_second(w);
	fill_third(w);
	fill_released(w);
	err = w->err;
	free(w);
	return err;
}

void media_image_fix(void *page)
{
	struct kvmem_media_super *super = page;
	struct kvmem_media_table *table = page;

	/* In tables and the directory it is at the same place. */
	if (le64_to_cpu(super->magic) == KVMEM_MEDIA_SUPER_MAGIC)
		super->checksum = cpu_to_le32(kvmem_format_checksum(page, KVMEM_MEDIA_PAGE,
					offsetof(struct kvmem_media_super, checksum)));
	else
		table->checksum = cpu_to_le32(kvmem_format_checksum(page, KVMEM_MEDIA_PAGE,
					offsetof(struct kvmem_media_table, checksum)));
}
