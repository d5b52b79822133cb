// SPDX-License-Identifier: GPL-2.0
/* Walking the table of a segment, page by page, and judging how it ends. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "media/media.h"

#define TABLE_PIECE	16U	/* pages a read; page 0 of most segments is all there is */
#define TABLE_AHEAD	8U	/* pages looked at after the end */

/*
 * struct table_window - pages that were read at once
 * @pages: they lie with falling numbers, as on the media
 * @first: number of the lowest-numbered page
 * @nr: how many
 */
struct table_window {
	struct kvmem_media_table *pages;
	uint32_t first, nr;
};

static uint32_t table_max(const struct media *m)
{
	return m->super.segment_bytes / KVMEM_MEDIA_PAGE;
}

static int table_fill(const struct media *m, uint32_t no, uint32_t index,
		      struct table_window *w)
{
	uint32_t nr = index ? TABLE_PIECE : 1;
	int err;

	if (nr > table_max(m) - index)
		nr = table_max(m) - index;
	w->nr = 0;
	err = media_read(&m->file, w->pages, (size_t)nr * KVMEM_MEDIA_PAGE,
			 kvmem_table_offset(&m->super, no, index + nr - 1));
	if (err && nr > 1) {
		nr = 1;
		err = media_read(&m->file, w->pages, KVMEM_MEDIA_PAGE,
				 kvmem_table_offset(&m->super, no, index));
	}
	if (err)
		return err;
	w->first = index;
	w->nr = nr;
	return 0;
}

static int table_page(const struct media *m, uint32_t no, uint32_t index,
		      struct table_window *w, const struct kvmem_media_table **page)
{
	int err;

	if (!w->nr || index < w->first || index - w->first >= w->nr) {
		err = table_fill(m, no, index, w);
		if (err)
			return err;
	}
	*page = &w->pages[w->nr - 1 - (index - w->first)];
	return 0;
}

/* Without its magic, but with everything else of a page of this place */
static bool table_looks_ours(const struct media *m, const struct kvmem_media_table *page,
			     uint32_t no, uint32_t index, const struct media_table *t)
{
	return !memcmp(page->media_id, m->super.uuid, sizeof(page->media_id)) &&
	       le32_to_cpu(page->segment) == no && le32_to_cpu(page->index) == index &&
	       (!index || le64_to_cpu(page->generation) == t->head.generation);
}

/*
 * Tables end at a page that was never written or is of an earlier life; that
 * is no damage.
 */
static bool table_damaged(const struct media *m, const struct kvmem_media_table *page,
			  uint32_t no, const struct media_table *t)
{
	switch (t->why) {
	case KVMEM_FORMAT_MEDIA:
	case KVMEM_FORMAT_STALE:
		return false;
	case KVMEM_FORMAT_MAGIC:
		return table_looks_ours(m, page, no, t->pages, t);
	default:
		return true;
	}
}

/* A hole in a table, of writes that a power cut reordered, or a lost page */
static void table_ahead(const struct media *m, uint32_t no, struct table_window *w,
			struct media_table *t)
{
	struct kvmem_table_head head = t->head;
	const struct kvmem_media_table *page;
	uint32_t i;

	for (i = t->pages + 1; i <= t->pages + TABLE_AHEAD && i < table_max(m); i++) {
		if (table_page(m, no, i, w, &page))
			return;
		if (kvmem_table_check(page, &m->super, no, i, &head))
			continue;
		t->beyond = i;
		return;
	}
}

static int table_walk(const struct media *m, uint32_t no, struct table_window *w,
		      struct media_table *t, media_page_fn fn, void *arg)
{
	const struct kvmem_media_table *page;
	int rc = 0;

	for (; !rc && t->pages < table_max(m); t->pages++) {
		t->io = -table_page(m, no, t->pages, w, &page);
		if (t->io)
			return 0;
		t->why = kvmem_table_check(page, &m->super, no, t->pages, &t->head);
		if (t->why) {
			t->damaged = table_damaged(m, page, no, t);
			if (t->pages)
				table_ahead(m, no, w, t);
			return 0;
		}
		rc = fn ? fn(arg, t, page, t->pages) : 0;
	}
	return rc;
}

int media_table_walk(const struct media *m, uint32_t no, struct media_table *table,
		     media_page_fn fn, void *arg)
{
	struct table_window w = { .pages = malloc(TABLE_PIECE * KVMEM_MEDIA_PAGE) };
	int rc;

	*table = (struct media_table){ 0 };
	if (!w.pages)
		return -ENOMEM;
	rc = table_walk(m, no, &w, table, fn, arg);
	free(w.pages);
	return rc;
}

unsigned int media_entry_span(const struct kvmem_media_table *page, unsigned int at)
{
	const struct kvmem_media_entry *e = &page->entries[at].entry;

	return e->type == KVMEM_MEDIA_ENTRY_BLOCK ? kvmem_entry_count(le32_to_cpu(e->length)) : 1;
}
