/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the indexes of blocks and copies share, and for those few who walk one as a
 * whole.
 */
#ifndef KVMEM_INDEX_H
#define KVMEM_INDEX_H

#include <linux/math64.h>
#include <linux/rhashtable.h>
#include "block.h"

/* Both halves of the product: every bit of it depends on every bit of the factors. */
static inline u64 kvmem_key_mix(u64 a, u64 b)
{
	return (a * b) ^ mul_u64_u64_shr(a, b, 64);
}

/*
 * Of keys, which are hashes themselves, or whatever an application makes of them.  A
 * third of the instructions of jhash2(), twice or more for each operation.  The table
 * chooses another seed when its chains grow long; whose keys collide on purpose
 * slows down his own namespace.
 */
static inline u32 kvmem_key_hash(const void *data, u32 len, u32 seed)
{
	const u64 *k = data;
	u64 s = (u64)seed << 32 | seed, h;

	h = kvmem_key_mix(k[0] ^ 0xa0761d6478bd642fULL, k[1] ^ s) ^
	    kvmem_key_mix(k[2] ^ 0xe7037ed1a0b428dbULL, k[3] ^ ~s);
	h = kvmem_key_mix(h ^ s, 0x8ebc6af09c88c6e3ULL);
	return h ^ h >> 32;
}

static_assert(!(offsetof(struct kvmem_op, key) & 7));

extern const struct rhashtable_params kvmem_index_params;

#endif
