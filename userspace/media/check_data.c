// SPDX-License-Identifier: GPL-2.0
/*
 * The bytes of the blocks that count: their checksums, and those of the pieces
 * of long ones.  The tables are read again: they have the checksums, which are
 * too many to keep.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "media/check_impl.h"

#define DATA_CHANGED	1	/* status of a walk: the media is not what it was */

/**
 * struct data_walk - a segment that is read
 * @seg: of it
 * @next: number of its next block
 * @buf: KVMEM_MEDIA_PIECE bytes
 */
struct data_walk {
	struct check_state *s;
	const struct check_segment *seg;
	size_t next;
	uint8_t *buf;
};

/* @at is a BLOCK whose sums follow it. */
static uint32_t data_sum(const struct kvmem_media_table *page, unsigned int at, uint32_t piece)
{
	const struct kvmem_media_sums *sums =
		&page->entries[at + 1 + piece / KVMEM_MEDIA_PIECE_SUMS].sums;

	return le32_to_cpu(sums->sum[piece % KVMEM_MEDIA_PIECE_SUMS]);
}

static void data_corrupt(struct data_walk *w, const struct check_block *b, uint32_t from,
			 const char *what)
{
	char key[20];

	w->s->c->blocks.corrupt++;
	check_found(w->s, MEDIA_PART_BLOCK, b->segment, MEDIA_NOWHERE,
		    "segment %u, block %s at byte %u, %u long: %s (piece from byte %u on)",
		    b->segment, check_key(key, b->key), b->offset, b->length, what, from);
}

/* One piece after the other; the first that is wrong is reported. */
static void data_block(struct data_walk *w, const struct check_block *b,
		       const struct kvmem_media_table *page, unsigned int at)
{
	uint64_t from = kvmem_segment_offset(&w->s->m.super, b->segment) + b->offset;
	uint32_t crc = ~0U, done, n, want = ~le32_to_cpu(page->entries[at].entry.crc);
	bool sums = kvmem_entry_sums(b->length);
	bool unsummed = page->entries[at].entry.flags & KVMEM_MEDIA_ENTRY_F_UNSUMMED;
	int err;

	for (done = 0; done < b->length; done += n) {
		n = b->length - done < KVMEM_MEDIA_PIECE ? b->length - done : KVMEM_MEDIA_PIECE;
		err = media_read(&w->s->m.file, w->buf, n, from + done);
		if (err) {
			data_corrupt(w, b, done, strerror(-err));
			return;
		}
		crc = crc32c(crc, w->buf, n);
		if (sums && !unsummed && crc != data_sum(page, at, done / KVMEM_MEDIA_PIECE))
			break;
	}
	/* Nobody took its checksum: that it can be read is all there is to say. */
	if (unsummed && done == b->length) {
		w->s->c->blocks.unsummed++;
		return;
	}
	if (done < b->length || crc != want) {
		data_corrupt(w, b, done < b->length ? done : 0, "wrong checksum");
		return;
	}
	w->s->c->blocks.verified++;
	w->s->c->blocks.verified_bytes += b->length;
}

static bool data_same(const struct check_block *b, const struct kvmem_media_entry *e)
{
	return !memcmp(b->key, e->key, sizeof(b->key)) && b->offset == le32_to_cpu(e->offset) &&
	       b->length == le32_to_cpu(e->length);
}

/* Somebody who writes meanwhile must not lead us astray: --force allows that. */
static int data_page(void *arg, const struct media_table *t,
		     const struct kvmem_media_table *page, uint32_t index)
{
	unsigned int i, nr = le16_to_cpu(page->nr_entries);
	const struct check_block *b;
	struct data_walk *w = arg;

	if (index >= w->seg->pages || t->head.generation != w->seg->generation)
		return DATA_CHANGED;
	for (i = 0; i < nr; i += media_entry_span(page, i)) {
		if (page->entries[i].entry.type != KVMEM_MEDIA_ENTRY_BLOCK)
			continue;
		if (w->next == w->seg->nr)
			return DATA_CHANGED;
		b = &w->s->blocks[w->seg->first + w->next++];
		if (!data_same(b, &page->entries[i].entry))
			return DATA_CHANGED;
		if (b->fate == BLOCK_LIVE)
			data_block(w, b, page, i);
	}
	return 0;
}

static int data_segment(struct check_state *s, const struct check_segment *seg, uint8_t *buf)
{
	struct data_walk w = { .s = s, .seg = seg, .buf = buf };
	struct media_table t;
	int rc = media_table_walk(&s->m, seg->no, &t, data_page, &w);

	if (rc < 0)
		return rc;
	if (rc || t.pages != seg->pages || w.next != seg->nr)
		check_found(s, MEDIA_PART_TABLE, seg->no, MEDIA_NOWHERE,
			    "segment %u was changed while it was checked", seg->no);
	return 0;
}

int check_data(struct check_state *s)
{
	uint8_t *buf = malloc(KVMEM_MEDIA_PIECE);
	size_t i;
	int err = buf ? 0 : -ENOMEM;

	for (i = 0; !err && i < s->nr_segments; i++) {
		media_tell(s->c->progress, "data", i, s->nr_segments);
		err = data_segment(s, &s->segments[i], buf);
	}
	media_tell(s->c->progress, "data", s->nr_segments, s->nr_segments);
	free(buf);
	return err;
}
