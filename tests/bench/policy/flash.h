/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A flash tier behind the DRAM one (kmod/flash/tier.c, reclaim.c), with the
 * kernel's own write budget.
 */
#ifndef POLICY_FLASH_H
#define POLICY_FLASH_H

#include "sim.h"

enum flash_admission {
	FLASH_ALL,	/* as long as there are tokens: first come, first served */
	FLASH_SECOND,	/* the same, but a key's first write is refused, for ever remembered */
	FLASH_GHOST,	/* the same, remembered as the kernel's ghosts do */
	FLASH_VALUE,	/* kmod/flash/budget.c */
};

/**
 * struct flash_options - of a run
 * @capacity: blocks
 * @admission: see above
 * @per_day: write budget, bytes; 0 = no bound
 * @back: written when it leaves DRAM, not when it is put
 * @ripe: the value counted is the one at the age at which DRAM evicts, not at 0
 */
struct flash_options {
	u32 capacity;
	enum flash_admission admission;
	u64 per_day;
	bool back;
	bool ripe;
};

/**
 * struct flash_counts - what came of it, blocks
 * @hits: of the look-ups that DRAM missed
 * @offered: to be written
 * @puts: of them, written
 * @moved: written again by reclaim
 */
struct flash_counts {
	u64 hits, offered, puts, moved;
};

/* What policy says a block of @class is worth, at @age. */
typedef u32 (*flash_value_fn)(void *arg, u8 class, u64 age);

struct flash;

struct flash *flash_new(const struct flash_options *o, u32 nr_ids, u64 now);
void flash_free(struct flash *f);
bool flash_has(const struct flash *f, u32 id);
/* It is fetched: what its copy says. */
void flash_fetch(struct flash *f, u32 id, u64 now, u8 *class, u16 *hits);
/* Write it, if it is worth @value; for reclaim @fn tells values. */
void flash_offer(struct flash *f, u32 id, u8 class, u16 hits, u32 value, u64 now,
		 flash_value_fn fn, void *arg);
const struct flash_counts *flash_result(const struct flash *f);

/* flash_table.c: every admission and budget, for flash of these sizes in percent */
int sim_flash_table(struct sim_trace *t, const double *percent, u32 nr, u32 dram,
		    const struct sim_options *o, bool ripe, bool back);

#endif
