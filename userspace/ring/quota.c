// SPDX-License-Identifier: GPL-2.0
#include <stdbool.h>
#include <stddef.h>

#include "ring/quota.h"

#define LEVEL_BITS	32
#define ONE		(1ULL << QUOTA_FRACTION)

/* --- exact shares --- */

/* A share where a weight of 1 has @level */
static uint64_t exact_share(const struct quota_item *item, uint64_t level)
{
	unsigned __int128 share = ((unsigned __int128)level * item->weight) >>
				  (LEVEL_BITS - QUOTA_FRACTION);

	if (share > (unsigned __int128)item->most * ONE)
		share = (unsigned __int128)item->most * ONE;
	return share < item->least * ONE ? item->least * ONE : (uint64_t)share;
}

static uint64_t sum_at(const struct quota_item *items, unsigned int nr, uint64_t level)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < nr; i++)
		sum += exact_share(&items[i], level);
	return sum;
}

/* The highest level at which no more than @total is given */
static uint64_t find_level(const struct quota_item *items, unsigned int nr, uint64_t total)
{
	uint64_t low = 0, high = (uint64_t)1 << 62, middle;

	while (high - low > 1) {
		middle = low + (high - low) / 2;
		if (sum_at(items, nr, middle) <= total * ONE)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* --- whole shares --- */

static uint64_t lowest(const struct quota_item *item)
{
	return (item->exact - item->exact / QUOTA_SLACK) / ONE;
}

static uint64_t highest(const struct quota_item *item)
{
	return (item->exact + item->exact / QUOTA_SLACK + ONE - 1) / ONE;
}

static uint64_t first_share(const struct quota_item *item)
{
	bool near = item->have >= lowest(item) && item->have <= highest(item) &&
		    item->have >= item->least && item->have <= item->most;

	return near ? item->have : item->exact / ONE;
}

/**
 * struct step - how well an item suits for one more, or one less
 * @class: 0: it comes nearer to its exact share; 1: stays near; 2: its bounds let it
 * @wants: the higher the sooner
 * @miss: distance of the exact share, the higher the sooner
 */
struct step {
	int class;
	int64_t wants;
	int64_t miss;
};

/* False: it cannot. */
static bool step_of(const struct quota_item *item, bool up, struct step *step)
{
	int64_t miss = (int64_t)item->exact - (int64_t)(item->share * ONE);
	bool near = up ? item->share < highest(item) : item->share > lowest(item);

	if (up ? item->share >= item->most : item->share <= item->least)
		return false;
	*step = (struct step){
		.miss = up ? miss : -miss,
		.wants = up ? (int64_t)item->wants : -(int64_t)item->wants,
	};
	step->class = step->miss > 0 ? 0 : near ? 1 : 2;
	return true;
}

static bool better(const struct step *a, uint64_t tie_a, const struct step *b, uint64_t tie_b)
{
	if (a->class != b->class)
		return a->class < b->class;
	/* A whole slot off counts more than any wish. */
	if (a->miss / (int64_t)ONE != b->miss / (int64_t)ONE)
		return a->miss > b->miss;
	if (a->wants != b->wants)
		return a->wants > b->wants;
	return a->miss != b->miss ? a->miss > b->miss : tie_a > tie_b;
}

static struct quota_item *find_step(struct quota_item *items, unsigned int nr, bool up)
{
	struct quota_item *found = NULL;
	struct step step, best = { 0 };
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!step_of(&items[i], up, &step))
			continue;
		if (found && !better(&step, items[i].tie, &best, found->tie))
			continue;
		found = &items[i];
		best = step;
	}
	return found;
}

void quota_divide(struct quota_item *items, unsigned int nr, uint64_t total)
{
	uint64_t level = find_level(items, nr, total), sum = 0;
	struct quota_item *item;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		items[i].exact = exact_share(&items[i], level);
		items[i].share = first_share(&items[i]);
		sum += items[i].share;
	}
	while (sum != total) {
		item = find_step(items, nr, sum < total);
		if (!item)
			return;
		if (sum < total) {
			item->share++;
			sum++;
		} else {
			item->share--;
			sum--;
		}
	}
}
