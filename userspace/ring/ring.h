/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Placement: which nodes own which slot.
 *
 * Weighted rendezvous hashing decides who is wanted for a slot, and a quota how
 * many slots a node may have: with 16384 slots and thousands of nodes chance alone
 * would give some node three times what it gives another.  So a node has, of the
 * first owners, of the first two and of all three, its share to within one slot.
 *
 * A map is made from the one before: what need not move stays.  The same map before
 * and the same nodes make the same map everywhere: whole numbers only, no
 * floating point, no order but that of the nodes' numbers.
 */
#ifndef KVMEM_RING_RING_H
#define KVMEM_RING_RING_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/kvmem_peer.h>

#define RING_MAX_NODES	4096
#define RING_MAX_WEIGHT	65535

/**
 * struct ring_node - a node that may own slots
 * @id: 0 to KVMEM_NODE_MAX
 * @weight: its share, relative to the others'; 0 = none (drained)
 * @domain: what fails together with others of the same; 0 = with nobody
 */
struct ring_node {
	uint16_t id;
	uint32_t weight;
	uint64_t domain;
};

/**
 * struct ring_map - who owns what
 * @owner: by place and slot; KVMEM_NO_NODE where there is none
 */
struct ring_map {
	uint16_t owner[KVMEM_MAX_COPIES][KVMEM_NR_SLOTS];
};

/* No owner anywhere */
void ring_clear(struct ring_map *map);

/*
 * Make @map for @nodes (@nr of them, in order of their numbers, none twice), with as
 * little change from @before as the shares allow; @before may be NULL or the same as
 * @map.  0; -EINVAL: the nodes are not in order, too many, or out of range; -ENODEV: no
 * node has a weight; -ENOMEM.
 */
int ring_compute(const struct ring_map *before, const struct ring_node *nodes, unsigned int nr,
		 struct ring_map *map);

/*
 * The same from the nodes alone, for those that have no map in common: as if they had
 * joined one after the other, in order of their numbers, and then those in @drained
 * (one for each node, may be NULL) had left.  So a node with a larger number than
 * all joins, and any is drained, at little change.
 */
int ring_build(const struct ring_node *nodes, unsigned int nr, const bool *drained,
	       struct ring_map *map);

/* A domain of that name; "" = 0 */
uint64_t ring_domain(const char *name);

/* --- looking at one (ring_stats.c) --- */

/**
 * struct ring_balance - how even a map is, for the first @copies owners
 * @copies: of the namespace that is looked at
 * @owned: slots, every copy counted
 * @over: the node that has most, compared to its share: 0.05 = 5 % above
 * @under: the one that has least
 * @whole: what @over must be at least, since slots are whole
 * @misplaced: part of the slots that is not where shares want it
 * @same_domain: slots with two owners in one domain
 */
struct ring_balance {
	unsigned int copies;
	uint64_t owned;
	double over, under, whole, misplaced;
	unsigned int same_domain;
};

void ring_measure(const struct ring_map *map, const struct ring_node *nodes, unsigned int nr,
		  unsigned int copies, struct ring_balance *balance);
/* Slots of which somebody among the first @copies owners is new, each such owner counted */
unsigned int ring_moved(const struct ring_map *before, const struct ring_map *after,
			unsigned int copies);
/* Slots of @id among the first @copies owners */
unsigned int ring_owned(const struct ring_map *map, uint16_t id, unsigned int copies);
/* The share of each node, in slots, of the first @copies owners; as ring_compute() has it */
int ring_shares(const struct ring_node *nodes, unsigned int nr, unsigned int copies,
		double *share);

#endif
