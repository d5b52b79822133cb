/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fuzzer that knows the structures: calls are mostly valid, and then one or
 * more of their fields are not.
 */
#ifndef KVMEM_FUZZ_H
#define KVMEM_FUZZ_H

#include <liburing.h>
#include "kvmem_util.h"

#ifndef fallthrough
#define fallthrough __attribute__((__fallthrough__))
#endif

#define NR_FILES	6
#define NR_HANDLES	32
#define NR_MAPS		16
#define NR_BUFFERS	8
#define NR_SPACES	4
#define NR_KEYS		48
#define ARENA_SIZE	(4 * MIB)
/*
 * Where the memory of a fuzzing process lies: the kernel writes to mutated
 * addresses, and one flipped bit shall not lead to the process's own data.
 */
#define FUZZ_MEM	0x100000000000UL
#define FUZZ_MAPS	0x200000000000UL
#define FUZZ_GUARD	(2 * KVMEM_MAX_BLOCK)

struct fuzz {
	uint64_t rnd;
	unsigned int id;		/* of this process */
	int fd[NR_FILES];
	unsigned int attached[NR_FILES];	/* 1 + namespace, 0 = not */
	struct {
		uint64_t handle, offset, bytes;
	} handle[NR_HANDLES];		/* the last few that were handed out */
	struct {
		uint8_t *p;
		size_t len;
	} map[NR_MAPS];
	uint32_t buffer[NR_BUFFERS];
	uint8_t *mem;			/* ARENA_SIZE of memory, partly unmapped */
	struct io_uring ring;
	bool have_ring;
	unsigned int in_flight;
	/*
	 * In @mem: the kernel writes results to mutated addresses near these,
	 * so nothing that the fuzzer relies on may be their neighbour.
	 */
	struct kvmem_op *ops;		/* 64 */
	struct kvmem_batch *batch;	/* 8 */
	struct kvmem_op (*uring_ops)[8];	/* 8 */
};

/* Shared by all processes */
struct fuzz_shared {
	volatile unsigned long calls[16];
	volatile unsigned long kinds[8];
	volatile unsigned long succeeded;
	volatile unsigned long wrong;	/* bytes that were not the key's */
	volatile bool stop;
};

extern struct fuzz_shared *shared;
extern const char *fuzz_ns[NR_SPACES];

static inline uint64_t rnd(struct fuzz *f)
{
	return kvt_rand(&f->rnd);
}

static inline uint64_t rnd_below(struct fuzz *f, uint64_t n)
{
	return n ? rnd(f) % n : 0;
}

static inline bool one_in(struct fuzz *f, unsigned int n)
{
	return rnd(f) % n == 0;
}

/* Numbers that break things */
uint64_t odd_number(struct fuzz *f);
/* An address: mostly good, sometimes not. */
uint64_t any_address(struct fuzz *f, size_t len);
int any_file(struct fuzz *f);

/* fuzz_calls.c */
void fuzz_ioctl(struct fuzz *f);
void fuzz_batch(struct fuzz *f);
void fuzz_uring(struct fuzz *f);
void fuzz_files(struct fuzz *f);
void fuzz_uring_start(struct fuzz *f);
/* fuzz_mem.c */
void fuzz_memory(struct fuzz *f);
void fuzz_child(struct fuzz *f);
/* fuzz_nl.c */
void fuzz_netlink(struct fuzz *f);
void fuzz_sysfs(struct fuzz *f);

#endif
