/* SPDX-License-Identifier: GPL-2.0 */
/* What a generated trace is like. */
#ifndef _MODEL_H
#define _MODEL_H

#include "rng.h"

#define MODEL_MAX_BLOCKS	247	/* of a request */
#define MODEL_BLOCK_TOKENS	512

/**
 * struct model - the knobs; model_defaults() are those of the public trace
 * @seed: everything else being equal, the same seed gives the same bytes
 * @requests: in the trace
 * @duration_ms: that they are spread over
 * @system_blocks: that every request begins with
 * @first_pct: scale of the blocks of a first request
 * @growth_pct: scale of the blocks a turn adds
 * @gap_pct: scale of the time between turns
 * @turns_pct: scale of the chance of another turn
 * @branch: per 10000 turns that go back to an earlier point
 * @agents: per 10000 sessions that are agents
 */
struct model {
	uint64_t seed;
	uint64_t requests;
	uint64_t duration_ms;
	uint32_t system_blocks;
	uint32_t first_pct;
	uint32_t growth_pct;
	uint32_t gap_pct;
	uint32_t turns_pct;
	uint32_t branch;
	uint32_t agents;
};

extern const struct model model_defaults;

/* A session draws its things from these. */
uint64_t model_first_blocks(const struct model *m, uint32_t at, int agent);
/* 0: the same request again */
uint64_t model_growth(const struct model *m, struct rng *r, int agent);
uint64_t model_branch_growth(const struct model *m, struct rng *r);
/* Blocks kept of @len */
uint64_t model_branch_keep(struct rng *r, uint64_t len);
uint64_t model_gap_ms(const struct model *m, struct rng *r, int agent);
uint64_t model_output_tokens(struct rng *r);
/* How many turns a session has, the first one included */
unsigned int model_turns(const struct model *m, uint32_t at, int agent);

#endif /* _MODEL_H */
