/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LRU_H
#define _LRU_H

#include "trace.h"

/*
 * Hits of a plain LRU of @capacity blocks (0 = no bound) over the whole
 * trace: for each block in order, found = hit, moved to the front; not found =
 * put at the front, and the last one goes when there are too many.
 * UINT64_MAX when out of memory.
 */
uint64_t lru_hits(const struct trace *t, size_t capacity);

#endif /* _LRU_H */
