/* SPDX-License-Identifier: GPL-2.0 */
/*
 * policy-sim: what an eviction policy makes of a trace.
 */
#ifndef POLICY_SIM_H
#define POLICY_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/policy.h"
#include "replay/trace.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define NONE	UINT32_MAX
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/**
 * struct sim_trace - requests as the policies see them
 * @ids: blocks of all requests, renumbered from 0
 * @start: first block of request i; @start[nr_requests] = nr_refs
 * @time_ns: when request i was made, from the trace
 * @nr_ids: one more than the largest id
 * @distinct: different blocks
 * @next: place of the next use of ids[i], or NONE; made when Belady asks
 */
struct sim_trace {
	u32 *ids;
	u32 *start;
	u64 *time_ns;
	u32 nr_requests;
	u32 nr_refs;
	u32 nr_ids;
	u32 distinct;
	u32 *next;
};

struct flash_options;	/* flash.h */

/* Parts of the mechanism that can be taken away (--without) or added (--with) */
enum sim_feature {
	F_CHAIN		= 1 << 0,	/* class of a new block from the chain it is in */
	F_TAIL		= 1 << 1,	/* the last block of a request is a class */
	F_INHERIT	= 1 << 2,	/* a block put again goes on from its ghost */
	F_GAP		= 1 << 3,	/* class from the time between the last two uses */
	F_GROWTH	= 1 << 4,	/* ... and from how much of the request is new */
	F_ENDS		= 1 << 5,	/* the youngest block of a class may go, too */
	F_FALLBACK	= 1 << 6,	/* LRU when the shadow says so */
	F_LINE		= 1 << 8,	/* values by a straight line between two ages */
	F_UPSIDE_DOWN	= 1 << 7,	/* adaptive's tables are turned upside down */
};

#define F_ALL		(F_CHAIN | F_TAIL | F_INHERIT | F_GAP | F_GROWTH | F_ENDS | F_LINE)
#define F_DEFAULT	(F_ALL | F_FALLBACK)

#define SIM_BATCH_MAX	1024
#define SIM_BLOCK_BYTES	65536

/**
 * struct sim_options - everything a run depends on besides trace and size
 * @batch: operations in a batch of the client, as kvmem-replay has it
 * @get_ns, @put_ns: time of an operation when time is not the trace's
 * @realtime: time is the trace's
 * @poll_ns: the daemon's period
 * @ghosts: entries of the ghost table for a block of capacity; 0 = as the kernel
 * @ghosts_min: entries at least, when @ghosts is given
 * @flash: a tier behind this one, or NULL
 */
struct sim_options {
	u32 batch;
	u64 get_ns, put_ns;
	bool realtime;
	u64 poll_ns;
	u32 features;
	u32 ghosts, ghosts_min;
	const struct flash_options *flash;
};

/* Hits so far are kept for each reference block of WINDOW references. */
#define SIM_WINDOW	1000

#define SIM_POINTS	16

/**
 * struct sim_result - what came of a run
 * @window_hits: hits of each SIM_WINDOW references; the caller's
 * @fallback_refs: served under the LRU table
 * @falls: how often adaptive fell back
 * @pushes: tables pushed
 * @samples: told to the daemon
 * @flash_hits, @flash_offered, @flash_puts, @flash_moved: see struct flash_counts
 * @points: what the daemon predicts at the end
 */
struct sim_result {
	u64 refs, hits;
	u32 *window_hits;
	u64 fallback_refs, falls, pushes, samples;
	u64 flash_hits, flash_offered, flash_puts, flash_moved;
	struct policy_point points[SIM_POINTS];
	u32 nr_points, one_in;
};

struct sim_policy {
	const char *name;
	int (*run)(struct sim_trace *t, u32 capacity, const struct sim_options *o,
		   struct sim_result *r);
};

extern const struct sim_policy sim_policies[];

static inline void sim_count(struct sim_result *r, bool hit)
{
	r->hits += hit;
	if (r->window_hits)
		r->window_hits[r->refs / SIM_WINDOW] += hit;
	r->refs++;
}

/* simple.c, modern.c, belady.c, kernel.c */
int run_lru(struct sim_trace *t, u32 capacity, const struct sim_options *o,
	    struct sim_result *r);
int run_fifo(struct sim_trace *t, u32 capacity, const struct sim_options *o,
	     struct sim_result *r);
int run_sieve(struct sim_trace *t, u32 capacity, const struct sim_options *o,
	      struct sim_result *r);
int run_s3fifo(struct sim_trace *t, u32 capacity, const struct sim_options *o,
	       struct sim_result *r);
int run_arc(struct sim_trace *t, u32 capacity, const struct sim_options *o,
	    struct sim_result *r);
int run_lhd(struct sim_trace *t, u32 capacity, const struct sim_options *o,
	    struct sim_result *r);
int run_belady(struct sim_trace *t, u32 capacity, const struct sim_options *o,
	       struct sim_result *r);
int run_adaptive(struct sim_trace *t, u32 capacity, const struct sim_options *o,
		 struct sim_result *r);
int run_table_lru(struct sim_trace *t, u32 capacity, const struct sim_options *o,
		  struct sim_result *r);
int run_table_fifo(struct sim_trace *t, u32 capacity, const struct sim_options *o,
		   struct sim_result *r);
int run_table_lfu(struct sim_trace *t, u32 capacity, const struct sim_options *o,
		  struct sim_result *r);
int run_table_gdsf(struct sim_trace *t, u32 capacity, const struct sim_options *o,
		   struct sim_result *r);

/* list.c: doubly linked lists over block numbers; heads are extra nodes */
struct nodes {
	u32 *prev, *next;
};

int nodes_init(struct nodes *n, u32 nr_ids, u32 heads);
void nodes_free(struct nodes *n);

static inline void node_del(struct nodes *n, u32 i)
{
	n->next[n->prev[i]] = n->next[i];
	n->prev[n->next[i]] = n->prev[i];
	n->prev[i] = NONE;
}

/* Behind @head: the front of a list is head's next, its tail head's prev. */
static inline void node_add(struct nodes *n, u32 head, u32 i)
{
	n->prev[i] = head;
	n->next[i] = n->next[head];
	n->prev[n->next[head]] = i;
	n->next[head] = i;
}

static inline bool node_in(const struct nodes *n, u32 i)
{
	return n->prev[i] != NONE;
}

static inline u64 mix64(u64 x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* load.c: a file, or "synth:NAME[:SEED]" */
int sim_load(struct sim_trace *t, const char *what, u32 *phase);
int sim_part(struct sim_trace *t, const char *part, u32 *phase);
void sim_free(struct sim_trace *t);
int sim_finish(struct sim_trace *t);
int sim_synth(struct sim_trace *t, const char *name, u32 *phase);
int sim_room(struct sim_trace *t, u32 requests, u32 refs);
/* The requests are spread over @seconds. */
int sim_stretch(struct sim_trace *t, u64 seconds);

/* curve.c */
int sim_curve(struct sim_trace *t, const double *percent, u32 nr, const struct sim_options *o,
	      const struct sim_policy *p);

#endif
