// SPDX-License-Identifier: GPL-2.0
/*
 * The distributions, by their quantiles, as measured on the public
 * conversation trace (12031 requests, 3537 s, blocks of 512 tokens).  Two are
 * corrected for what that trace cannot show, turns after its end: chances of
 * another turn by 4 %, gaps by 10 %.
 *
 * Sessions begin at times uniform over the duration.  A session is a first
 * request and, each with a chance that grows with the turns there have been,
 * further ones.  A turn comes a gap after the one before; it repeats that
 * one's blocks but the last, which was partly filled and has other contents
 * now, and adds some.  Now and then it goes back to an earlier point and adds
 * more (another question on the same document).  A turn after the end of the
 * trace is not in the trace.  Agents have many turns with short gaps and
 * small growth.  All requests begin with the same system prompt.
 *
 * The time between turns does not depend on the number of requests, so the
 * blocks used in between grow with the trace: its LRU curve, with room for a
 * share of the blocks, hardly depends on its length.
 */
#include "model.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

static const struct quantile first_blocks[] = {
	{ 0, 2 }, { 1800, 2 }, { 2500, 3 }, { 3000, 4 }, { 3500, 6 },
	{ 4000, 8 }, { 4500, 9 }, { 5000, 11 }, { 5500, 13 }, { 6000, 15 },
	{ 6500, 18 }, { 7000, 22 }, { 7500, 26 }, { 8000, 31 }, { 8500, 38 },
	{ 9000, 50 }, { 9250, 60 }, { 9500, 76 }, { 9700, 102 },
	{ 9800, 132 }, { 9900, 176 }, { 9950, 219 }, { 10000, 247 },
};

static const struct quantile growth[] = {
	{ 0, 0 }, { 250, 0 }, { 251, 1 }, { 2700, 1 }, { 2701, 2 },
	{ 7200, 2 }, { 7500, 3 }, { 8000, 4 }, { 8500, 7 }, { 9000, 10 },
	{ 9250, 12 }, { 9500, 15 }, { 9700, 20 }, { 9800, 24 }, { 9900, 34 },
	{ 9950, 45 }, { 9990, 77 }, { 10000, 181 },
};

static const struct quantile branch_growth[] = {
	{ 0, 1 }, { 500, 2 }, { 1000, 4 }, { 1500, 8 }, { 2000, 10 },
	{ 3000, 14 }, { 4000, 17 }, { 5000, 19 }, { 6000, 22 }, { 7000, 27 },
	{ 8000, 32 }, { 9000, 39 }, { 9500, 52 }, { 9900, 85 },
	{ 10000, 186 },
};

/* in 1/1000 of the blocks there were */
static const struct quantile branch_keep[] = {
	{ 0, 10 }, { 500, 50 }, { 1000, 60 }, { 2000, 90 }, { 3000, 120 },
	{ 4000, 160 }, { 5000, 210 }, { 6000, 290 }, { 7000, 400 },
	{ 8000, 520 }, { 8500, 680 }, { 9000, 830 }, { 10000, 980 },
};

/* in seconds */
static const struct quantile gap[] = {
	{ 0, 3 }, { 250, 22 }, { 500, 30 }, { 1000, 43 }, { 1500, 55 },
	{ 2000, 63 }, { 2500, 73 }, { 3000, 81 }, { 3500, 91 }, { 4000, 105 },
	{ 4500, 119 }, { 5000, 135 }, { 5500, 155 }, { 6000, 178 },
	{ 6500, 208 }, { 7000, 248 }, { 7500, 293 }, { 8000, 350 },
	{ 8500, 426 }, { 9000, 521 }, { 9250, 586 }, { 9500, 667 },
	{ 9700, 782 }, { 9800, 1069 }, { 9900, 1604 }, { 9950, 2104 },
	{ 10000, 3333 },
};

static const struct quantile agent_gap[] = {
	{ 0, 2 }, { 5000, 8 }, { 9000, 20 }, { 10000, 60 },
};

static const struct quantile agent_blocks[] = {
	{ 0, 4 }, { 5000, 10 }, { 10000, 30 },
};

static const struct quantile output_tokens[] = {
	{ 0, 1 }, { 250, 3 }, { 1000, 24 }, { 1500, 46 }, { 2000, 100 },
	{ 3000, 213 }, { 4000, 291 }, { 5000, 350 }, { 6000, 399 },
	{ 7000, 447 }, { 8000, 504 }, { 9000, 597 }, { 9500, 698 },
	{ 9900, 1120 }, { 9950, 1570 }, { 10000, 2000 },
};

/* per 10000: is there another turn after 1, 2, ...; the last for all more */
static const uint32_t another[] = {
	3180, 4370, 5300, 6140, 6140, 6970, 7800, 7800, 7800, 8320,
};

#define AGENT_ANOTHER	9000
#define MAX_TURNS	64

const struct model model_defaults = {
	.seed = 1,
	.requests = 12000,
	.duration_ms = 3537000,
	.system_blocks = 1,
	.first_pct = 100,
	.growth_pct = 100,
	.gap_pct = 100,
	.turns_pct = 100,
	.branch = 1500,
	.agents = 20,
};

uint64_t model_first_blocks(const struct model *m, uint32_t at, int agent)
{
	if (agent)
		return quantile_at(at, agent_blocks, N(agent_blocks),
				   m->first_pct);
	return quantile_at(at, first_blocks, N(first_blocks), m->first_pct);
}

uint64_t model_growth(const struct model *m, struct rng *r, int agent)
{
	if (agent)
		return 1 + rng_below(r, 3);
	return rng_quantile(r, growth, N(growth), m->growth_pct);
}

uint64_t model_branch_growth(const struct model *m, struct rng *r)
{
	return 1 + rng_quantile(r, branch_growth, N(branch_growth),
				m->growth_pct);
}

uint64_t model_branch_keep(struct rng *r, uint64_t len)
{
	return len * rng_quantile(r, branch_keep, N(branch_keep), 100) / 1000;
}

uint64_t model_gap_ms(const struct model *m, struct rng *r, int agent)
{
	uint64_t ms;

	if (agent)
		ms = rng_quantile(r, agent_gap, N(agent_gap), 100000);
	else
		ms = rng_quantile(r, gap, N(gap), 100000);
	return ms * m->gap_pct / 100 + 1;
}

uint64_t model_output_tokens(struct rng *r)
{
	return rng_quantile(r, output_tokens, N(output_tokens), 100);
}

/* @at decides one turn after the other: what is left of it, spread out. */
unsigned int model_turns(const struct model *m, uint32_t at, int agent)
{
	uint64_t left = at, chance;
	unsigned int turns = 1;

	for (; turns < MAX_TURNS; turns++) {
		chance = another[turns <= N(another) ? turns - 1 :
				 N(another) - 1];
		chance = agent ? AGENT_ANOTHER : chance * m->turns_pct / 100;
		if (chance > 9500)
			chance = 9500;
		if (left * 10000 >= chance << 32)
			break;
		left = left * 10000 / chance;
	}
	return turns;
}
