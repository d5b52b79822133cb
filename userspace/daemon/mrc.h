/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Miss-ratio curves from sampled accesses: LRU's by stack distance, and those
 * of the table in force by miniature tiers of several sizes.
 *
 * Pure and of fixed size: 1.5 MiB, of which nothing is touched before keys
 * are told.  Sizes of tiers are in bytes of blocks, without rounding.
 */
#ifndef MRC_H
#define MRC_H

#include "daemon/policy.h"

#define MRC_KEYS	16384	/* remembered */
#define MRC_SLOTS	(2 * MRC_KEYS)
#define MRC_SETS	16384	/* buckets of their hash */
#define MRC_HEADS	KVMEM_NL_NR_CLASSES
#define MRC_DISTANCES	448	/* eight for each power of two of bytes */
#define MRC_AGE_SHIFT	16	/* bucket 1 of age starts at 2^16 ns */
/* Sampled keys that fit a tier of the present size: so many to twice as many. */
#define MRC_AIM		700

/*
 * Tiers of 1/4, 1/2, 1, 2, 4 and 8 times the present size, and one more of
 * the present size under a table that is not in force: what if it were?
 */
#define MRC_SIZES	6
#define MRC_PRESENT	2
#define MRC_TRIAL	MRC_SIZES
#define MRC_TIERS	(MRC_SIZES + 1)

/**
 * struct mrc_key - a sampled key
 * @prev, @next: in order of last use; the ring's head is entry 0
 * @chain: next in the bucket
 * @slot: in order of last use; what mrc.sizes counts by
 * @tiers: bit i: tier i has it
 * @gap: hint that the gap between the last two uses makes
 */
struct mrc_key {
	uint64_t hash, last_use;
	uint32_t size, slot;
	uint16_t prev, next, chain;
	uint8_t tiers, gap;
};

/* A key in a tier: as the kernel has it.  Out of it, @at says since when. */
struct mrc_entry {
	union {
		struct {
			uint16_t prev, next;
		};
		uint32_t at;
	};
	uint8_t class, hits;
};

/**
 * struct mrc_tier - a miniature of the kernel's
 * @limit, @used: bytes of sampled keys
 * @evictions: so far
 * @ghosts: evictions that the kernel would remember
 * @hits: decayed, see mrc.weight
 * @mask: classes that are not empty
 * @e: behind the keys, heads of the classes
 */
struct mrc_tier {
	uint64_t limit, used;
	uint32_t evictions, ghosts;
	double hits;
	uint64_t mask;
	struct mrc_entry e[MRC_KEYS + 1 + MRC_HEADS];
};

/* A table, and which of its rows only fall */
struct mrc_table {
	uint16_t value[KVMEM_NL_NR_CLASSES][KVMEM_NL_NR_AGES];
	uint64_t falls;
};

/**
 * struct mrc - of one namespace
 * @one_in: of how many keys one is told; 0 = none yet
 * @used: entries of @key in use; all from then on
 * @spare: chain of those deleted
 * @hand: where to look for a key to drop
 * @slot: the last one given out
 * @sizes: Fenwick tree over slots: sizes of keys
 * @of_slot: which key has it
 * @total: of all sizes
 * @since, @latest: times of the first sample and of the last one
 * @limit: what LRU may have of that
 * @mean_size: of a block, for keys whose size is not told
 * @distance: uses by stack distance, decayed
 * @weight: of the next use; grows, which is cheaper than to let the others decay
 * @refs, @real: uses, and of these those that were hits; decayed
 * @deleted: keys; decayed
 * @arrival: tiers are in order of arrival
 * @hinted: classes are applications' own
 */
struct mrc {
	uint32_t one_in;
	uint16_t used, spare, hand;
	uint32_t slot;
	uint64_t total, since, latest;
	uint64_t limit;
	double mean_size;
	double weight, refs, real, deleted;
	bool arrival, hinted;
	double distance[MRC_DISTANCES];
	struct mrc_table table, trial;
	struct mrc_key key[MRC_KEYS + 1];
	uint16_t set[MRC_SETS];
	uint64_t sizes[MRC_SLOTS + 1];
	uint16_t of_slot[MRC_SLOTS + 1];
	struct mrc_tier tier[MRC_TIERS];
};

/* The number of the highest bit set, from 1 on; 0: none is */
static inline unsigned int mrc_fls(uint64_t x)
{
	return x ? 64 - (unsigned int)__builtin_clzll(x) : 0;
}

/* What a use of a sampled key would have met elsewhere */
struct mrc_seen {
	bool use;	/* false: it was none */
	bool lru, trial;
};

void mrc_init(struct mrc *m);
/*
 * The tier has room for @bytes in blocks of @mean_size.  Forgets all when
 * @one_in changes.
 */
void mrc_set_capacity(struct mrc *m, double bytes, double mean_size, uint32_t one_in);
/* Forgets all when it changes, too. */
void mrc_set_order(struct mrc *m, bool arrival);
void mrc_set_table(struct mrc_table *to,
		   const uint16_t value[KVMEM_NL_NR_CLASSES][KVMEM_NL_NR_AGES]);
void mrc_sample(struct mrc *m, const struct policy_sample *sample, struct mrc_seen *seen);
/* Hit rate of LRU with room for @bytes, 0 to 1 */
double mrc_lru(const struct mrc *m, double bytes);
/* ... and of a tier without end */
double mrc_most(const struct mrc *m);
double mrc_tier_rate(const struct mrc *m, unsigned int tier);
/* How large that tier is against the present one */
double mrc_tier_size(unsigned int tier);
/*
 * Time from the last use of the block that LRU would evict, or from the first
 * sample while it would not, until the last sample: samples come late, so now
 * says nothing.  0: not known.
 */
uint64_t mrc_lru_age(const struct mrc *m);

/* mrc_tier.c */
void mrc_tier_reset(struct mrc_tier *t);
void mrc_tier_resize(struct mrc *m, unsigned int i, uint64_t limit, uint32_t ghosts);
/* A key is forgotten or deleted: it leaves tier @i. */
void mrc_tier_drop(struct mrc *m, unsigned int i, unsigned int k);
void mrc_tier_forget(struct mrc *m, unsigned int i, unsigned int k);
/* GET of @k, which the tier has; gap and last use of the key are still the old ones. */
void mrc_tier_touch(struct mrc *m, unsigned int i, unsigned int k, uint8_t class);
/* PUT of @k with @class; nothing happens when the tier has it. */
void mrc_tier_put(struct mrc *m, unsigned int i, unsigned int k, uint8_t class, uint64_t now);

#endif
