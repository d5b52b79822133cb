/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a media may say about each block after a power cut.
 *
 * Every change is a record: made known before the operation begins, and again
 * when it was acknowledged.  So a log of records that survives the machine
 * gives the same model that a writer in memory has.
 */
#ifndef POWERCUT_MODEL_H
#define POWERCUT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PC_THREADS	3	/* each with a namespace and keys of its own */
#define PC_KEYS		96
#define PC_MAYBE	6

enum pc_event {
	PC_PUT,		/* generation @gen of @key is about to be written */
	PC_PERSISTED,	/* that put was acknowledged */
	PC_DELETED,	/* @key was deleted, acknowledged */
	PC_DELETE,	/* it is about to be */
	PC_FOUND,	/* after a cut: generation @gen is there */
	PC_MISSING,	/* after a cut: nothing is there */
};

struct pc_record {
	uint32_t event;
	uint32_t thread;
	uint32_t key;
	uint32_t gen;
	uint64_t written;	/* bytes put so far, by all */
	uint64_t magic;		/* a torn record is the end of the log */
};

#define PC_MAGIC 0x706f776572637574ULL

/**
 * struct pc_key - one block
 * @gen: last one tried
 * @maybe: generations that may be found
 * @nr_maybe: how many
 * @nr_dead: the first so many of them were deleted; what is persisted next
 *	takes that deletion along
 * @absent_ok: or none
 * @at: bytes put when it was acknowledged
 */
struct pc_key {
	uint32_t gen;
	uint32_t maybe[PC_MAYBE];
	unsigned int nr_maybe;
	unsigned int nr_dead;
	bool absent_ok;
	uint64_t at;
};

/*
 * On a drive that is too small segments are reclaimed, but none of the newer half
 * of a namespace's: what was written last is in one that is still open, or there.
 * That nothing persisted gets lost is for the drive that has room for all.
 */
#define PC_KEEP		(256U << 10)

struct pc_model {
	struct pc_key key[PC_THREADS][PC_KEYS];
	uint64_t written;
	uint64_t keep;	/* blocks of the last so many bytes are not evicted; 0: none is */
};

void pc_init(struct pc_model *m, uint64_t keep);
void pc_apply(struct pc_model *m, const struct pc_record *r);
/* A delete and a put can be tried: there is room to remember them. */
bool pc_can_put(const struct pc_model *m, unsigned int thread, unsigned int key);
bool pc_may_be_absent(const struct pc_model *m, unsigned int thread, unsigned int key);
bool pc_may_be(const struct pc_model *m, unsigned int thread, unsigned int key, uint32_t gen);
size_t pc_length(unsigned int thread, unsigned int key, uint32_t gen);
/* For kvt_fill() */
uint64_t pc_content(unsigned int thread, unsigned int key, uint32_t gen);

#endif
