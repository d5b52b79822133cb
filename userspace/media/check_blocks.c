// SPDX-License-Identifier: GPL-2.0
/*
 * Which of the blocks attach would serve: what was deleted goes first, and of
 * the copies of one key that are left, the newest stays.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "media/check_impl.h"

static const struct check_segment *blocks_segment(const struct check_state *s, uint32_t no)
{
	return s->of[no] ? &s->segments[s->of[no] - 1] : NULL;
}

static int by_place(const void *a, const void *b)
{
	const struct check_block *x = *(const struct check_block * const *)a;
	const struct check_block *y = *(const struct check_block * const *)b;

	if (x->segment != y->segment)
		return x->segment < y->segment ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void gone_kills(struct check_state *s, const struct check_gone *g, struct check_block *b)
{
	char one[20], two[20];

	if (memcmp(b->key, g->key, sizeof(b->key)) || b->slot != g->slot) {
		check_found(s, MEDIA_PART_TABLE, g->by, MEDIA_NOWHERE,
			    "segment %u says that %s at byte %u of segment %u was deleted, but "
			    "%s is there", g->by, check_key(one, g->key), g->offset,
			    g->segment, check_key(two, b->key));
		return;
	}
	b->fate = BLOCK_GONE;
}

/* Blocks that overlap may share a place: all of them. */
static void gone_find(struct check_state *s, const struct check_gone *g,
		      struct check_block **sorted, size_t nr)
{
	struct check_block want = { .segment = g->segment, .offset = g->offset }, *key = &want;
	struct check_block **at;
	size_t i;

	at = bsearch(&key, sorted, nr, sizeof(*sorted), by_place);
	if (!at)
		return;
	i = (size_t)(at - sorted);
	while (i && !by_place(&sorted[i - 1], &key))
		i--;
	for (; i < nr && !by_place(&sorted[i], &key); i++)
		gone_kills(s, g, sorted[i]);
}

/* Entries whose segment has been used anew are out of date, which is no damage. */
static void blocks_gone(struct check_state *s, struct check_block **sorted)
{
	const struct check_segment *seg;
	const struct check_gone *g;
	size_t i;

	qsort(sorted, s->nr_blocks, sizeof(*sorted), by_place);
	for (i = 0; i < s->nr_gones; i++) {
		g = &s->gones[i];
		seg = blocks_segment(s, g->segment);
		if (seg && seg->generation == g->generation)
			gone_find(s, g, sorted, s->nr_blocks);
	}
}

static int same_name(const struct check_block *x, const struct check_block *y)
{
	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	return memcmp(x->key, y->key, sizeof(x->key));
}

struct blocks_age {
	struct check_block *block;
	uint64_t generation;
};

/* By name, the newest first: by generation, then by place in the table */
static int by_name(const void *a, const void *b)
{
	const struct blocks_age *x = a, *y = b;
	int rc = same_name(x->block, y->block);

	if (rc)
		return rc;
	if (x->generation != y->generation)
		return x->generation > y->generation ? -1 : 1;
	return x->block > y->block ? -1 : x->block < y->block;
}

static size_t blocks_left(struct check_state *s, struct blocks_age *ages)
{
	struct check_block *b;
	size_t i, nr = 0;

	for (i = 0; i < s->nr_blocks; i++) {
		b = &s->blocks[i];
		if (b->fate == BLOCK_LIVE)
			ages[nr++] = (struct blocks_age){
				b, blocks_segment(s, b->segment)->generation
			};
	}
	return nr;
}

static int blocks_superseded(struct check_state *s)
{
	struct blocks_age *ages = calloc(s->nr_blocks, sizeof(*ages));
	size_t i, nr;

	if (!ages)
		return -ENOMEM;
	nr = blocks_left(s, ages);
	qsort(ages, nr, sizeof(*ages), by_name);
	for (i = 1; i < nr; i++)
		if (!same_name(ages[i].block, ages[i - 1].block))
			ages[i].block->fate = BLOCK_SUPERSEDED;
	free(ages);
	return 0;
}

static void blocks_count(struct check_state *s)
{
	struct media_blocks *n = &s->c->blocks;
	struct check_block *b;
	size_t i;

	for (i = 0; i < s->nr_blocks; i++) {
		b = &s->blocks[i];
		if (b->fate == BLOCK_LIVE && b->expires && b->expires <= s->c->now)
			b->fate = BLOCK_EXPIRED;
		n->live += b->fate == BLOCK_LIVE;
		n->live_bytes += b->fate == BLOCK_LIVE ? b->length : 0;
		n->superseded += b->fate == BLOCK_SUPERSEDED;
		n->gone += b->fate == BLOCK_GONE;
		n->expired += b->fate == BLOCK_EXPIRED;
	}
}

int check_blocks(struct check_state *s)
{
	struct check_block **sorted;
	size_t i;
	int err;

	if (!s->nr_blocks)
		return 0;
	sorted = calloc(s->nr_blocks, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (i = 0; i < s->nr_blocks; i++)
		sorted[i] = &s->blocks[i];
	blocks_gone(s, sorted);
	free(sorted);
	err = blocks_superseded(s);
	if (!err)
		blocks_count(s);
	return err;
}
