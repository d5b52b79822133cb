// SPDX-License-Identifier: GPL-2.0
/* LRU, FIFO and SIEVE: one list each. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

int nodes_init(struct nodes *n, u32 nr_ids, u32 heads)
{
	u32 i, nr = nr_ids + heads;

	n->prev = malloc(nr * sizeof(u32));
	n->next = malloc(nr * sizeof(u32));
	if (!n->prev || !n->next) {
		nodes_free(n);
		return -ENOMEM;
	}
	for (i = 0; i < nr; i++)
		n->prev[i] = i < nr_ids ? NONE : i;
	memcpy(n->next, n->prev, nr * sizeof(u32));
	return 0;
}

void nodes_free(struct nodes *n)
{
	free(n->prev);
	free(n->next);
}

/* @renew: a hit moves the block to the front. */
static int run_list(struct sim_trace *t, u32 capacity, struct sim_result *r, bool renew)
{
	u32 head = t->nr_ids, used = 0, i, id;
	struct nodes n;

	if (nodes_init(&n, t->nr_ids, 1))
		return -ENOMEM;
	for (i = 0; i < t->nr_refs; i++) {
		id = t->ids[i];
		sim_count(r, node_in(&n, id));
		if (node_in(&n, id)) {
			if (!renew)
				continue;
			node_del(&n, id);
		} else if (used == capacity) {
			node_del(&n, n.prev[head]);
		} else {
			used++;
		}
		node_add(&n, head, id);
	}
	nodes_free(&n);
	return 0;
}

int run_lru(struct sim_trace *t, u32 capacity, const struct sim_options *o, struct sim_result *r)
{
	(void)o;
	return run_list(t, capacity, r, true);
}

int run_fifo(struct sim_trace *t, u32 capacity, const struct sim_options *o, struct sim_result *r)
{
	(void)o;
	return run_list(t, capacity, r, false);
}

/* The hand goes from the tail to the front and leaves what was visited. */
static u32 sieve_victim(struct nodes *n, u8 *visited, u32 head, u32 *hand)
{
	u32 at = *hand;

	for (;;) {
		if (at == head)
			at = n->prev[head];
		if (!visited[at])
			break;
		visited[at] = 0;
		at = n->prev[at];
	}
	*hand = n->prev[at];
	return at;
}

int run_sieve(struct sim_trace *t, u32 capacity, const struct sim_options *o, struct sim_result *r)
{
	u32 head = t->nr_ids, hand = head, used = 0, i, id;
	u8 *visited = calloc(t->nr_ids + 1, 1);
	struct nodes n;

	(void)o;
	if (!visited || nodes_init(&n, t->nr_ids, 1)) {
		free(visited);
		return -ENOMEM;
	}
	for (i = 0; i < t->nr_refs; i++) {
		id = t->ids[i];
		sim_count(r, node_in(&n, id));
		if (node_in(&n, id)) {
			visited[id] = 1;
			continue;
		}
		if (used == capacity)
			node_del(&n, sieve_victim(&n, visited, head, &hand));
		else
			used++;
		visited[id] = 0;
		node_add(&n, head, id);
	}
	nodes_free(&n);
	free(visited);
	return 0;
}
