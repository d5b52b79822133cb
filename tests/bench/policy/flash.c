// SPDX-License-Identifier: GPL-2.0
/*
 * Flash as the kernel has it: segments filled in order, reclaimed whole, the
 * cheapest of the oldest first, the best of what was used moved on.  A block is
 * at most once in it.
 */
#include <stdlib.h>
#include <string.h>

#include "../../../kmod/flash/budget.h"
#include "flash.h"

/* As in kmod/flash/reclaim.c and flash.h */
#define OLDEST		8
#define SAMPLE		64
#define SHARE		20
#define TEMPS		3
/* Segments of a tier: few, as of a small one, so that they have some blocks. */
#define SEGMENTS	128
/* Free ones that are kept, so that reclaim can write: one for each temperature. */
#define RESERVE		TEMPS

struct segment {
	u32 *ids;
	u32 nr;
};

/**
 * struct flash - see flash.h
 * @where: of each block, the segment, or NONE
 * @class, @hits, @last_use: of its copy
 * @seen: was offered before
 * @free: segments, @nr_free of them
 * @sealed: oldest first, @nr_sealed of them
 * @open: by temperature, or NONE
 * @values: sampled by reclaim, @nr_values of them
 * @fn, @arg: tell values
 */
struct flash {
	struct flash_options o;
	struct flash_counts counts;
	struct kvmem_budget budget;
	u32 *where;
	u8 *class;
	u16 *hits;
	u64 *last_use;
	u8 *seen;
	u32 per_segment;
	struct segment segments[SEGMENTS];
	u32 free[SEGMENTS], nr_free;
	u32 sealed[SEGMENTS], nr_sealed;
	u32 open[TEMPS];
	u32 values[OLDEST * SAMPLE], nr_values;
	u64 now;
	flash_value_fn fn;
	void *arg;
};

bool flash_has(const struct flash *f, u32 id)
{
	return f->where[id] != NONE;
}

void flash_fetch(struct flash *f, u32 id, u64 now, u8 *class, u16 *hits)
{
	*class = f->class[id];
	*hits = f->hits[id];
	f->last_use[id] = now;
	f->hits[id] += f->hits[id] < UINT16_MAX;
	f->counts.hits++;
}

const struct flash_counts *flash_result(const struct flash *f)
{
	return &f->counts;
}

/* Writing ------------------------------------------------------------------- */

static void append(struct flash *f, u32 id, u32 temp)
{
	struct segment *seg;

	if (f->open[temp] == NONE)
		f->open[temp] = f->free[--f->nr_free];
	seg = &f->segments[f->open[temp]];
	seg->ids[seg->nr++] = id;
	f->where[id] = f->open[temp];
	if (seg->nr < f->per_segment)
		return;
	f->sealed[f->nr_sealed++] = f->open[temp];
	f->open[temp] = NONE;
}

/* Reclaim ------------------------------------------------------------------- */

static u32 copy_value(const struct flash *f, u32 id)
{
	return f->fn(f->arg, f->class[id], f->now - f->last_use[id]);
}

static u64 seg_score(struct flash *f, u32 no)
{
	const struct segment *seg = &f->segments[no];
	u64 worth = 0;
	u32 i;

	for (i = 0; i < seg->nr && i < SAMPLE; i++) {
		f->values[f->nr_values] = copy_value(f, seg->ids[i]);
		worth += f->values[f->nr_values++];
	}
	return i ? worth * seg->nr / i : 0;
}

static int by_value(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

/* The segment that goes, taken out of the list; *@median of what was looked at. */
static u32 victim(struct flash *f, u32 *median)
{
	u64 score, best_score = 0;
	u32 i, best = 0, no;

	f->nr_values = 0;
	for (i = 0; i < f->nr_sealed && i < OLDEST; i++) {
		score = seg_score(f, f->sealed[i]);
		if (!i || score < best_score) {
			best = i;
			best_score = score;
		}
	}
	qsort(f->values, f->nr_values, sizeof(u32), by_value);
	*median = f->values[f->nr_values / 2];
	no = f->sealed[best];
	memmove(f->sealed + best, f->sealed + best + 1,
		(--f->nr_sealed - best) * sizeof(u32));
	return no;
}

/* Best first; for qsort, whose comparisons know nothing else. */
struct pick {
	u32 value, id;
};

static int best_first(const void *a, const void *b)
{
	const struct pick *x = a, *y = b;

	return x->value > y->value ? -1 : x->value < y->value;
}

static u32 gather(struct flash *f, const struct segment *seg, u32 median, struct pick *picks)
{
	u32 i, nr = 0, value;

	for (i = 0; i < seg->nr; i++) {
		value = copy_value(f, seg->ids[i]);
		if (f->hits[seg->ids[i]] && value > median)
			picks[nr++] = (struct pick){ .value = value, .id = seg->ids[i] };
	}
	qsort(picks, nr, sizeof(*picks), best_first);
	return nr;
}

static void move_best(struct flash *f, const struct segment *seg, u32 median)
{
	struct pick *picks = malloc(seg->nr * sizeof(*picks));
	u32 i, nr = picks ? gather(f, seg, median, picks) : 0;

	for (i = 0; i < nr && (f->counts.moved + 1) * SHARE <= f->counts.puts; i++) {
		append(f, picks[i].id, TEMPS - 1);
		f->counts.moved++;
		kvmem_budget_charge(&f->budget, SIM_BLOCK_BYTES, f->now);
	}
	free(picks);
}

static void reclaim(struct flash *f)
{
	u32 median, no = victim(f, &median), i;
	struct segment *seg = &f->segments[no];

	move_best(f, seg, median);
	for (i = 0; i < seg->nr; i++)
		if (f->where[seg->ids[i]] == no)
			f->where[seg->ids[i]] = NONE;
	seg->nr = 0;
	f->free[f->nr_free++] = no;
}

/* Admission ----------------------------------------------------------------- */

/* Values that say nothing make the budget a bucket and no more. */
static bool tokens(struct flash *f, u64 now)
{
	struct kvmem_budget *b = &f->budget;

	kvmem_budget_charge(b, 0, now);
	if (b->rate && b->tokens <= 0)
		return false;
	kvmem_budget_charge(b, SIM_BLOCK_BYTES, now);
	return true;
}

/* A block whose key was a ghost begins with hits. */
static bool admit(struct flash *f, u32 id, u16 hits, u32 value, u64 now)
{
	bool again = f->seen[id];

	f->seen[id] = 1;
	switch (f->o.admission) {
	case FLASH_VALUE:
		return kvmem_budget_take(&f->budget, SIM_BLOCK_BYTES, value, now);
	case FLASH_SECOND:
		return again && tokens(f, now);
	case FLASH_GHOST:
		return hits && tokens(f, now);
	default:
		return tokens(f, now);
	}
}

void flash_offer(struct flash *f, u32 id, u8 class, u16 hits, u32 value, u64 now,
		 flash_value_fn fn, void *arg)
{
	if (flash_has(f, id))
		return;
	f->counts.offered++;
	if (!admit(f, id, hits, value, now))
		return;
	f->now = now;
	f->fn = fn;
	f->arg = arg;
	while (f->nr_free < RESERVE + 1)
		reclaim(f);
	f->class[id] = class;
	f->hits[id] = hits;
	f->last_use[id] = now;
	f->counts.puts++;
	append(f, id, class & 7 ? 1 : 0);
}

/* Life ---------------------------------------------------------------------- */

static bool flash_room(struct flash *f, u32 nr_ids)
{
	u32 i;

	f->where = malloc(nr_ids * sizeof(u32));
	f->class = calloc(nr_ids, 1);
	f->hits = calloc(nr_ids, sizeof(u16));
	f->last_use = calloc(nr_ids, sizeof(u64));
	f->seen = calloc(nr_ids, 1);
	if (!f->where || !f->class || !f->hits || !f->last_use || !f->seen)
		return false;
	memset(f->where, 0xff, nr_ids * sizeof(u32));
	for (i = 0; i < SEGMENTS; i++) {
		f->segments[i].ids = malloc(f->per_segment * sizeof(u32));
		if (!f->segments[i].ids)
			return false;
		f->free[f->nr_free++] = i;
	}
	return true;
}

struct flash *flash_new(const struct flash_options *o, u32 nr_ids, u64 now)
{
	struct flash *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->o = *o;
	/* What is kept free is not capacity. */
	f->per_segment = o->capacity / (SEGMENTS - RESERVE) + 1;
	memset(f->open, 0xff, sizeof(f->open));
	kvmem_budget_set(&f->budget, o->per_day, now);
	if (flash_room(f, nr_ids))
		return f;
	flash_free(f);
	return NULL;
}

void flash_free(struct flash *f)
{
	u32 i;

	if (!f)
		return;
	for (i = 0; i < SEGMENTS; i++)
		free(f->segments[i].ids);
	free(f->where);
	free(f->class);
	free(f->hits);
	free(f->last_use);
	free(f->seen);
	free(f);
}
