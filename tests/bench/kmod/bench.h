/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Benchmarks of the core, in the kernel.
 */
#ifndef KVMEM_BENCH_H
#define KVMEM_BENCH_H

#include <linux/kvmem.h>
#include "block.h"

/**
 * struct bench - one figure
 * @name: for the table
 * @bytes: what one operation moves, 0 = nothing
 * @ops: how many operations one round times
 * @arg: for the functions
 * @before: prepares a round; not timed; may be NULL
 * @op: operation @i of a round
 * @after: cleans up after a round; not timed; may be NULL
 */
struct bench {
	const char *name;
	size_t bytes;
	unsigned int ops;
	unsigned long arg;
	int (*before)(const struct bench *b);
	int (*op)(const struct bench *b, unsigned int i);
	void (*after)(const struct bench *b);
};

/* bench_main.c */
extern struct kvmem_ns *bench_ns;
extern struct kvmem_pool *bench_pool;
int bench_run(const struct bench *benches, unsigned int nr);
/* Key number @i, from a table: making it is not timed. */
const struct kvmem_key *bench_key(unsigned int i);
#define BENCH_KEYS	8192
/* Blocks [0, @nr) of @size bytes, with hint class @hint. */
int bench_fill(unsigned int nr, size_t size, unsigned int hint);
int bench_put(unsigned int i, size_t size, unsigned int hint);
/* Delete everything, and wait until its memory is back. */
void bench_clear(const struct bench *b);
extern void *bench_buf;
#define BENCH_BUF	(1UL << 20)

#define BENCH_ROUNDS_MAX	16
/* One figure that was measured elsewhere: @nr rounds of bench_scaled() operations. */
void bench_say(const struct bench *b, const u64 *ns, unsigned int nr);
unsigned int bench_scaled(const struct bench *b);
unsigned int bench_rounds(void);

int bench_attach(void);
int bench_index(void);
int bench_data(void);
int bench_policy(void);

#endif
