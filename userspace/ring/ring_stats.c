// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ring/ring.h"

unsigned int ring_owned(const struct ring_map *map, uint16_t id, unsigned int copies)
{
	unsigned int p, slot, n = 0;

	for (p = 0; p < copies && p < KVMEM_MAX_COPIES; p++)
		for (slot = 0; slot < KVMEM_NR_SLOTS; slot++)
			n += map->owner[p][slot] == id;
	return n;
}

static bool has(const struct ring_map *map, unsigned int slot, unsigned int copies, uint16_t id)
{
	unsigned int p;

	for (p = 0; p < copies; p++)
		if (map->owner[p][slot] == id)
			return true;
	return false;
}

unsigned int ring_moved(const struct ring_map *before, const struct ring_map *after,
			unsigned int copies)
{
	unsigned int p, slot, n = 0;

	for (slot = 0; slot < KVMEM_NR_SLOTS; slot++)
		for (p = 0; p < copies; p++)
			n += after->owner[p][slot] != KVMEM_NO_NODE &&
			     !has(before, slot, copies, after->owner[p][slot]);
	return n;
}

/* --- shares --- */

/* What a domain or a node has at most: one copy of each slot, or the sum of its nodes' */
struct part {
	double weight, least, most, share;
};

static double bounded(const struct part *p, double level)
{
	return fmax(p->least, fmin(p->most, level * p->weight));
}

static void divide(struct part *parts, unsigned int nr, double total)
{
	double low = 0, high = 1, middle, sum;
	unsigned int i, step;

	for (i = 0; i < nr; i++)
		high += parts[i].weight > 0 ? total / parts[i].weight : 0;
	for (step = 0; step < 200; step++) {
		middle = (low + high) / 2;
		for (sum = 0, i = 0; i < nr; i++)
			sum += bounded(&parts[i], middle);
		if (sum < total)
			low = middle;
		else
			high = middle;
	}
	for (i = 0; i < nr; i++)
		parts[i].share = bounded(&parts[i], high);
}

/* The first in the list with the domain of @i; one without a domain is one by itself. */
static unsigned int domain_of(const struct ring_node *nodes, unsigned int i)
{
	unsigned int j;

	for (j = 0; nodes[i].domain && j < i; j++)
		if (nodes[j].weight && nodes[j].domain == nodes[i].domain)
			return j;
	return i;
}

/* Shares of one place more; @node[].share are those of the places before. */
static void next_place(const unsigned int *domain, unsigned int nr, unsigned int copies,
		       unsigned int nr_domains, struct part *node, struct part *parts)
{
	struct part *group = parts, *member = parts + nr;
	unsigned int i, j, n;

	memset(group, 0, nr * sizeof(*group));
	for (i = 0; i < nr; i++) {
		struct part *g = &group[domain[i]];

		if (!(node[i].weight > 0))
			continue;
		g->weight += node[i].weight;
		g->least += node[i].share;
		g->most = copies <= nr_domains ? KVMEM_NR_SLOTS : g->most + KVMEM_NR_SLOTS;
	}
	divide(group, nr, (double)copies * KVMEM_NR_SLOTS);
	for (i = 0; i < nr; i++) {
		if (!(group[i].weight > 0))
			continue;
		for (n = 0, j = i; j < nr; j++)
			if (domain[j] == i && node[j].weight > 0)
				member[n++] = (struct part){ node[j].weight, node[j].share,
							     KVMEM_NR_SLOTS, 0 };
		divide(member, n, group[i].share);
		for (n = 0, j = i; j < nr; j++)
			if (domain[j] == i && node[j].weight > 0)
				node[j].share = member[n++].share;
	}
}

int ring_shares(const struct ring_node *nodes, unsigned int nr, unsigned int copies,
		double *share)
{
	struct part *node = calloc(3 * (size_t)nr + 1, sizeof(*node));
	unsigned int *domain = calloc(nr + 1, sizeof(*domain));
	unsigned int i, k, alive = 0, nr_domains = 0;

	if (!node || !domain) {
		free(node);
		free(domain);
		return -ENOMEM;
	}
	for (i = 0; i < nr; i++) {
		node[i].weight = nodes[i].weight;
		domain[i] = domain_of(nodes, i);
		alive += nodes[i].weight != 0;
		nr_domains += nodes[i].weight && domain[i] == i;
	}
	for (k = 1; k <= copies && k <= alive; k++)
		next_place(domain, nr, k, nr_domains, node, node + nr);
	for (i = 0; i < nr; i++)
		share[i] = node[i].share;
	free(node);
	free(domain);
	return 0;
}

/* --- balance --- */

static unsigned int count_same_domain(const struct ring_map *map, const uint64_t *domain,
				      unsigned int copies)
{
	unsigned int slot, p, q, n = 0;
	bool same;

	for (slot = 0; slot < KVMEM_NR_SLOTS; slot++) {
		same = false;
		for (p = 0; p < copies; p++)
			for (q = 0; q < p; q++) {
				uint64_t a = domain[map->owner[p][slot]];

				same |= a && a == domain[map->owner[q][slot]];
			}
		n += same;
	}
	return n;
}

static void compare(struct ring_balance *b, double share, unsigned int owned)
{
	if (!(share > 0))
		return;
	b->over = fmax(b->over, owned / share - 1);
	b->under = fmax(b->under, 1 - owned / share);
	b->whole = fmax(b->whole, ceil(share - 1e-6) / share - 1);
	b->misplaced += fabs(owned - share) / 2;
}

void ring_measure(const struct ring_map *map, const struct ring_node *nodes, unsigned int nr,
		  unsigned int copies, struct ring_balance *b)
{
	uint32_t *owned = calloc(65536, sizeof(*owned));
	uint64_t *domain = calloc(65536, sizeof(*domain));
	double *share = calloc(nr + 1, sizeof(*share));
	unsigned int i, p;

	*b = (struct ring_balance){ .copies = copies };
	if (owned && domain && share && !ring_shares(nodes, nr, copies, share)) {
		for (p = 0; p < copies; p++)
			for (i = 0; i < KVMEM_NR_SLOTS; i++)
				owned[map->owner[p][i]]++;
		for (i = 0; i < nr; i++) {
			domain[nodes[i].id] = nodes[i].domain;
			b->owned += owned[nodes[i].id];
			compare(b, share[i], owned[nodes[i].id]);
		}
		b->misplaced /= b->owned ? (double)b->owned : 1;
		b->same_domain = count_same_domain(map, domain, copies);
	}
	free(owned);
	free(domain);
	free(share);
}
