/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What reclaim.c and move.c owe each other: emptying segments.
 */
#ifndef KVMEM_RECLAIM_H
#define KVMEM_RECLAIM_H

#include "flash/flash.h"
#include "ns.h"

/* Sealed segments that are candidates, and blocks looked at in each. */
#define KVMEM_RECLAIM_OLDEST	8
#define KVMEM_RECLAIM_SAMPLE	64
/* Blocks of a segment that may move */
#define KVMEM_RECLAIM_PICKS	1024

struct kvmem_reclaim_pick {
	struct kvmem_copy *copy;
	u32 value;
	bool moved;
};

/**
 * struct kvmem_moving - blocks that move, while both their entries may be on the media
 * @picks: they, and some that stay
 * @nr: entries of @picks
 */
struct kvmem_moving {
	const struct kvmem_reclaim_pick *picks;
	unsigned int nr;
};

/**
 * struct kvmem_reclaim - one run of the worker
 * @media: whose worker
 * @log: of the segment that is looked at; referenced by who set it
 * @seg: it; in KVMEM_SEG_RECLAIM, so nobody else's
 * @zeroes: a page of them
 * @table: values of @log's namespace, copied: its lock is not taken inside of ours
 * @now: when it was copied
 * @filling: between the low watermark and the high one
 * @no_gone: deletions could not be recorded: only tables without any
 * @no_moves: a re-insertion did not end in time
 * @dirty: something was written that must be durable before @seg goes
 * @moved_bytes: out of @seg
 * @median: of @values
 * @nr_values: entries of @values
 * @nr_picks: entries of @picks
 * @values: of blocks in all candidates
 * @moving: media->moving, when it is set: @picks do not change then
 * @picks: of @seg, referenced
 */
struct kvmem_reclaim {
	struct kvmem_media *media;
	struct kvmem_log *log;
	struct kvmem_segment *seg;
	struct kvmem_dev_buf *zeroes;
	struct kvmem_value_table table;
	u64 now;
	bool filling;
	bool no_gone;
	bool no_moves;
	bool dirty;
	u64 moved_bytes;
	u32 median;
	unsigned int nr_values;
	unsigned int nr_picks;
	u32 values[KVMEM_RECLAIM_OLDEST * KVMEM_RECLAIM_SAMPLE];
	struct kvmem_moving moving;
	struct kvmem_reclaim_pick picks[KVMEM_RECLAIM_PICKS];
};

/* What an eviction would go by. */
u32 kvmem_reclaim_value(const struct kvmem_reclaim *r, const struct kvmem_copy *copy);

/* move.c */
/* Move what is worth it out of r->seg; waits until it has moved. */
void kvmem_move_some(struct kvmem_reclaim *r);
/* Blocks in DRAM whose new copies are not durable are not persisted any more. */
void kvmem_move_check(struct kvmem_reclaim *r);
/* The table stays: it is on record that what was moved is not there. */
void kvmem_move_undo(struct kvmem_reclaim *r);
/* To here: the origins have no entries any more, or are on record as gone. */
void kvmem_move_end(struct kvmem_reclaim *r);

#endif
