/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is measured on drives: cases, clocks, and kvmem's way.
 *
 * Three clocks: time, CPU time of the process, and what the machine was not idle
 * for: that has interrupts and kernel threads in it, too.
 */
#ifndef FLASH_H
#define FLASH_H

#include <libkvmem.h>
#include <time.h>
#include "bench.h"

#define DEPTH_MAX	32
#define SIZE_MAX_BYTES	(4 * MIB)
#define SET_BYTES	(128 * MIB)	/* of blocks that are there */
#define SET_MAX		(SET_BYTES / (128 * KIB))

/**
 * struct flash_case - one line of the table
 * @write: put, else get
 * @bytes: per operation
 * @depth: operations under way
 * @ops: in a round
 */
struct flash_case {
	bool write;
	size_t bytes;
	unsigned int depth;
	unsigned int ops;
};

struct flash_clock {
	double wall, cpu, busy;
};

struct flash_way {
	const char *system;
	void (*run)(const struct flash_case *c, struct flash_clock *took);
};

/* Nanoseconds of the processes that have ended. */
double flash_children_ns(void);
double flash_seconds_ns(clockid_t clock);
void flash_clock_read(struct flash_clock *c);
void flash_clock_since(const struct flash_clock *start, struct flash_clock *took);
/* Round by round, so that whatever else the host does meets all of them. */
void flash_measure(const struct flash_case *c, const struct flash_way *ways, unsigned int nr);

/* A permutation of the blocks of a set: no key comes twice in a batch. */
void flash_shuffle(unsigned int n);
unsigned int flash_set_size(const struct flash_case *c);
unsigned int flash_pick(const struct flash_case *c);

/*
 * kvmem: memory of @bytes in all, an address of the process, or a dma-buf when that
 * is not -1; @flags are those that a get has to come back with.
 */
void flash_open(unsigned char *memory, size_t bytes, int dmabuf, unsigned int flags);
void flash_close(void);
/* A batch by ioctl, and two commands of io_uring with half of it each. */
void flash_run_ioctl(const struct flash_case *c, struct flash_clock *took);
void flash_run_queue(const struct flash_case *c, struct flash_clock *took);
/* Blocks of a size, for gets; one of them is read and compared; they go again. */
void flash_fill(const struct flash_case *c);
void flash_prove(const struct flash_case *c);
void flash_empty(const struct flash_case *c);
/* A batch for ever. */
_Noreturn void flash_spin(const struct flash_case *c);

#endif
