// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "lru.h"

#define NONE	UINT32_MAX

/* A ring through all blocks that are in; index nr_distinct is its head. */
struct node {
	uint32_t prev, next;	/* prev == NONE: not in */
};

static void unlink_node(struct node *n, uint32_t i)
{
	n[n[i].prev].next = n[i].next;
	n[n[i].next].prev = n[i].prev;
	n[i].prev = NONE;
}

static void link_front(struct node *n, uint32_t head, uint32_t i)
{
	n[i].prev = head;
	n[i].next = n[head].next;
	n[n[i].next].prev = i;
	n[head].next = i;
}

static struct node *nodes_new(size_t distinct)
{
	struct node *n = calloc(distinct + 1, sizeof(*n));
	size_t i;

	for (i = 0; n && i < distinct; i++)
		n[i].prev = NONE;
	if (n)
		n[distinct].prev = n[distinct].next = (uint32_t)distinct;
	return n;
}

uint64_t lru_hits(const struct trace *t, size_t capacity)
{
	uint32_t head = (uint32_t)t->nr_distinct, id;
	struct node *n = nodes_new(t->nr_distinct);
	uint64_t hits = 0;
	size_t used = 0, i;

	if (!n)
		return UINT64_MAX;
	for (i = 0; i < t->nr_ids; i++) {
		id = t->dense[i];
		if (n[id].prev != NONE) {
			hits++;
			unlink_node(n, id);
		} else if (capacity && used == capacity) {
			unlink_node(n, n[head].prev);
		} else {
			used++;
		}
		link_front(n, head, id);
	}
	free(n);
	return hits;
}
