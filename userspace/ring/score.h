/* SPDX-License-Identifier: GPL-2.0 */
/* Rendezvous hashing: how much a node is wanted for a slot. */
#ifndef KVMEM_RING_SCORE_H
#define KVMEM_RING_SCORE_H

#include <stdint.h>

/* Of 1 / weight */
#define SCORE_INVERSE	(1ULL << 32)

uint64_t score_mix(uint64_t x);
/* What score() takes of a node */
uint64_t score_node(uint16_t id);
/* The smallest is wanted most; @inverse: SCORE_INVERSE / weight */
uint64_t score(uint64_t node, uint64_t inverse, unsigned int slot);

#endif
