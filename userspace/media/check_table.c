// SPDX-License-Identifier: GPL-2.0
/* The check of tables: each by itself, then the blocks of a segment together. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "media/check_impl.h"

#define TABLE_TELL	256	/* segments between two reports of how far it is */

static int table_block(struct check_state *s, const struct kvmem_table_head *head, uint32_t no,
		       const struct kvmem_media_entry *e)
{
	struct check_block *b = check_grow(s->blocks, s->nr_blocks, &s->max_blocks, sizeof(*b));

	if (!b)
		return -ENOMEM;
	s->blocks = b;
	b += s->nr_blocks++;
	memcpy(b->key, e->key, sizeof(b->key));
	b->slot = head->slot;
	b->segment = no;
	b->offset = le32_to_cpu(e->offset);
	b->length = le32_to_cpu(e->length);
	b->expires = le32_to_cpu(e->expires);
	b->fate = BLOCK_LIVE;
	return 0;
}

static int table_gone(struct check_state *s, const struct kvmem_table_head *head, uint32_t no,
		      const struct kvmem_media_gone *e)
{
	struct check_gone *g = check_grow(s->gones, s->nr_gones, &s->max_gones, sizeof(*g));

	if (!g)
		return -ENOMEM;
	s->gones = g;
	g += s->nr_gones++;
	memcpy(g->key, e->key, sizeof(g->key));
	g->generation = le64_to_cpu(e->generation);
	g->segment = le32_to_cpu(e->segment);
	g->offset = le32_to_cpu(e->offset);
	g->slot = head->slot;
	g->by = no;
	return 0;
}

/* Only valid pages come here: sums of a block follow it, and nothing else is there. */
static int table_page(void *arg, const struct media_table *t,
		      const struct kvmem_media_table *page, uint32_t index)
{
	unsigned int i, nr = le16_to_cpu(page->nr_entries);
	uint32_t no = le32_to_cpu(page->segment);
	struct check_state *s = arg;
	int err = 0;

	(void)index;
	if (!media_slot_owns(&s->m, &t->head))
		return 0;
	for (i = 0; !err && i < nr; i += media_entry_span(page, i)) {
		if (page->entries[i].entry.type == KVMEM_MEDIA_ENTRY_GONE)
			err = table_gone(s, &t->head, no, &page->entries[i].gone);
		else
			err = table_block(s, &t->head, no, &page->entries[i].entry);
	}
	return err;
}

/* How the table ends; true: some of it is lost. */
static bool table_end(struct check_state *s, uint32_t no, const struct media_table *t)
{
	if (t->io)
		check_found(s, MEDIA_PART_TABLE, no, t->pages,
			    "segment %u, table page %u, cannot be read: %s", no, t->pages,
			    strerror(t->io));
	else if (t->damaged)
		check_found(s, MEDIA_PART_TABLE, no, t->pages,
			    "segment %u, table page %u: %s", no, t->pages,
			    kvmem_format_text(t->why));
	if (t->beyond)
		check_found(s, MEDIA_PART_TABLE, no, t->pages,
			    "segment %u, table page %u is missing: page %u is there", no,
			    t->pages, t->beyond);
	return t->io || t->damaged || t->beyond;
}

static int by_offset(const void *a, const void *b)
{
	const struct check_block *x = *(const struct check_block * const *)a;
	const struct check_block *y = *(const struct check_block * const *)b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static uint64_t block_end(const struct check_block *b)
{
	return (uint64_t)b->offset + b->length;
}

static void overlap(struct check_state *s, uint32_t no, const struct check_block *b,
		    const char *what)
{
	check_found(s, MEDIA_PART_BLOCK, no, MEDIA_NOWHERE,
		    "segment %u, the block at byte %u, %u long, overlaps %s", no, b->offset,
		    b->length, what);
}

/* Space of a segment is given out once: two blocks share no byte, nor any with the table. */
static int table_overlaps(struct check_state *s, const struct check_segment *seg)
{
	uint64_t limit = s->m.super.segment_bytes - (uint64_t)seg->pages * KVMEM_MEDIA_PAGE;
	const struct check_block **sorted, *longest = NULL;
	size_t i;

	if (!seg->nr)
		return 0;
	sorted = calloc(seg->nr, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (i = 0; i < seg->nr; i++)
		sorted[i] = &s->blocks[seg->first + i];
	qsort(sorted, seg->nr, sizeof(*sorted), by_offset);
	for (i = 0; i < seg->nr; i++) {
		if (longest && block_end(longest) > sorted[i]->offset)
			overlap(s, seg->no, sorted[i], "another one");
		if (block_end(sorted[i]) > limit)
			overlap(s, seg->no, sorted[i], "the table");
		if (!longest || block_end(sorted[i]) > block_end(longest))
			longest = sorted[i];
	}
	free(sorted);
	return 0;
}

static int table_used(struct check_state *s, uint32_t no, const struct media_table *t,
		      size_t first)
{
	struct check_segment *seg = check_grow(s->segments, s->nr_segments, &s->max_segments,
					       sizeof(*seg));

	if (!seg)
		return -ENOMEM;
	s->segments = seg;
	seg += s->nr_segments++;
	*seg = (struct check_segment){
		.generation = t->head.generation,
		.first = first,
		.nr = s->nr_blocks - first,
		.no = no,
		.pages = t->pages,
	};
	s->of[no] = (uint32_t)s->nr_segments;
	return table_overlaps(s, seg);
}

static int table_segment(struct check_state *s, uint32_t no)
{
	size_t first = s->nr_blocks;
	struct media_table t;
	int err;

	err = media_table_walk(&s->m, no, &t, table_page, s);
	if (err)
		return err;
	s->c->segments.damaged += table_end(s, no, &t);
	if (!t.pages) {
		s->c->segments.free += !t.io && !t.damaged;
		return 0;
	}
	if (!media_slot_owns(&s->m, &t.head)) {
		s->c->segments.released++;
		return 0;
	}
	s->c->segments.used++;
	return table_used(s, no, &t, first);
}

static int by_generation(const void *a, const void *b)
{
	const struct check_segment *x = *(const struct check_segment * const *)a;
	const struct check_segment *y = *(const struct check_segment * const *)b;

	return x->generation < y->generation ? -1 : x->generation > y->generation;
}

/* Every opening of a segment has a generation of its own; the order of copies hangs on it. */
static int table_generations(struct check_state *s)
{
	const struct check_segment **sorted;
	size_t i;

	if (!s->nr_segments)
		return 0;
	sorted = calloc(s->nr_segments, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (i = 0; i < s->nr_segments; i++)
		sorted[i] = &s->segments[i];
	qsort(sorted, s->nr_segments, sizeof(*sorted), by_generation);
	for (i = 1; i < s->nr_segments; i++)
		if (sorted[i]->generation == sorted[i - 1]->generation)
			check_found(s, MEDIA_PART_TABLE, sorted[i]->no, 0,
				    "segments %u and %u are of the same generation %llu",
				    sorted[i - 1]->no, sorted[i]->no,
				    (unsigned long long)sorted[i]->generation);
	free(sorted);
	return 0;
}

int check_tables(struct check_state *s)
{
	uint32_t no, nr = s->m.super.nr_segments;
	int err = 0;

	s->of = calloc(nr, sizeof(*s->of));
	if (!s->of)
		return -ENOMEM;
	for (no = 0; !err && no < nr; no++) {
		err = table_segment(s, no);
		if (no % TABLE_TELL == 0)
			media_tell(s->c->progress, "tables", no, nr);
	}
	media_tell(s->c->progress, "tables", nr, nr);
	return err ? err : table_generations(s);
}
