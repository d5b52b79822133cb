// SPDX-License-Identifier: GPL-2.0
#include "hist.h"

static size_t slot_of(uint64_t v)
{
	unsigned int shift;

	if (v < HIST_SUB)
		return v;
	shift = 63 - (unsigned int)__builtin_clzll(v) - HIST_BITS;
	return (size_t)(shift + 1) * HIST_SUB + ((v >> shift) - HIST_SUB);
}

/* Largest value that falls in a slot. */
static uint64_t slot_top(size_t slot)
{
	size_t shift = slot / HIST_SUB;

	if (!shift)
		return slot;
	return ((HIST_SUB + slot % HIST_SUB + 1ULL) << (shift - 1)) - 1;
}

void hist_add(struct hist *h, uint64_t ns, uint64_t n)
{
	h->slots[slot_of(ns)] += n;
	h->count += n;
	if (n && ns > h->max)
		h->max = ns;
}

void hist_merge(struct hist *to, const struct hist *from)
{
	size_t i;

	for (i = 0; i < HIST_SLOTS; i++)
		to->slots[i] += from->slots[i];
	to->count += from->count;
	if (from->max > to->max)
		to->max = from->max;
}

uint64_t hist_permille(const struct hist *h, unsigned int permille)
{
	uint64_t want, seen = 0, top;
	size_t i;

	if (!h->count)
		return 0;
	/* rank, rounded up; in this order nothing overflows or truncates */
	want = h->count / 1000 * permille +
	       (h->count % 1000 * permille + 999) / 1000;
	if (!want)
		want = 1;
	for (i = 0; i < HIST_SLOTS - 1; i++) {
		seen += h->slots[i];
		if (seen >= want)
			break;
	}
	top = slot_top(i);
	return top < h->max ? top : h->max;
}
