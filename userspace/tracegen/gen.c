// SPDX-License-Identifier: GPL-2.0
/* Sessions become requests, requests are sorted by time and written. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gen.h"

/* @nr: order of making, which decides between equal times */
struct request {
	uint64_t time;
	uint64_t nr;
	uint64_t tokens_in, tokens_out;
	size_t first, blocks;
};

/**
 * struct gen - a trace in the making
 * @ids: blocks of all requests
 * @next_id: of a block nobody has used
 */
struct gen {
	const struct model *m;
	struct rng rng;
	struct request *requests;
	size_t nr;
	uint32_t *ids;
	size_t nr_ids, room;
	uint32_t next_id;
};

/* One conversation: the blocks of its present request. */
struct session {
	uint32_t ids[MODEL_MAX_BLOCKS];
	size_t len;
	uint64_t time;
	unsigned int turns;
	int agent;
};

static int ids_room(struct gen *g, size_t n)
{
	size_t room = g->room ? g->room * 2 : 65536;
	uint32_t *ids;

	if (g->nr_ids + n <= g->room)
		return 0;
	ids = reallocarray(g->ids, room, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	g->ids = ids;
	g->room = room;
	return 0;
}

static int emit(struct gen *g, const struct session *s)
{
	struct request *r = &g->requests[g->nr];
	int err = ids_room(g, s->len);

	if (err)
		return err;
	*r = (struct request) {
		.time = s->time,
		.nr = g->nr,
		.tokens_in = (s->len - 1) * MODEL_BLOCK_TOKENS + 1 +
			     rng_below(&g->rng, MODEL_BLOCK_TOKENS),
		.tokens_out = model_output_tokens(&g->rng),
		.first = g->nr_ids,
		.blocks = s->len,
	};
	memcpy(g->ids + g->nr_ids, s->ids, s->len * sizeof(*s->ids));
	g->nr_ids += s->len;
	g->nr++;
	return 0;
}

static void append(struct gen *g, struct session *s, uint64_t n)
{
	while (n-- && s->len < MODEL_MAX_BLOCKS)
		s->ids[s->len++] = g->next_id++;
}

static void cut(const struct gen *g, struct session *s, uint64_t len)
{
	s->len = len < g->m->system_blocks ? g->m->system_blocks : len;
}

/*
 * What matters most of session @nr, four numbers of 2^32, is spread evenly
 * over the sessions (an additive recurrence; multiples of 1/phi, phi^2 ...,
 * phi^5 = phi + 1): else a few long sessions more or less would decide the
 * hit rate of a short trace.
 */
static void session_fate(const struct gen *g, uint64_t nr, uint32_t at[4])
{
	static const uint64_t step[4] = {
		0xdb4f0b9175ae2165ULL, 0xbbe0563303a4615fULL,
		0xa0f2ec75a1fe1575ULL, 0x89e182857d9ed689ULL,
	};
	struct rng rng = { .state = g->m->seed };
	int i;

	for (i = 0; i < 4; i++)
		at[i] = (uint32_t)((rng_u64(&rng) + nr * step[i]) >> 32);
}

static void session_start(struct gen *g, struct session *s, uint64_t nr)
{
	uint64_t blocks;
	uint32_t at[4], i;

	session_fate(g, nr, at);
	s->len = 0;
	s->agent = (uint64_t)at[0] * 10000 >> 32 < g->m->agents;
	s->turns = model_turns(g->m, at[1], s->agent);
	blocks = model_first_blocks(g->m, at[2], s->agent);
	s->time = at[3] * g->m->duration_ms >> 32;
	for (i = 0; i < g->m->system_blocks; i++)
		s->ids[s->len++] = i;
	append(g, s, blocks > s->len ? blocks - s->len : 1);
}

static void session_turn(struct gen *g, struct session *s)
{
	uint64_t n;

	s->time += model_gap_ms(g->m, &g->rng, s->agent);
	if (!s->agent && rng_chance(&g->rng, g->m->branch)) {
		cut(g, s, model_branch_keep(&g->rng, s->len));
		append(g, s, model_branch_growth(g->m, &g->rng));
		return;
	}
	n = model_growth(g->m, &g->rng, s->agent);
	if (!n)
		return;
	cut(g, s, s->len - 1);
	append(g, s, n);
	/* full: at least the last block is another */
	if (s->len == MODEL_MAX_BLOCKS)
		s->ids[s->len - 1] = g->next_id++;
}

static int session(struct gen *g, uint64_t nr)
{
	struct session s;
	int err;

	session_start(g, &s, nr);
	err = emit(g, &s);
	while (!err && --s.turns && g->nr < g->m->requests) {
		session_turn(g, &s);
		if (s.time >= g->m->duration_ms)
			break;
		err = emit(g, &s);
	}
	return err;
}

static int by_time(const void *a, const void *b)
{
	const struct request *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->nr < y->nr ? -1 : x->nr > y->nr;
}

/* Number the blocks in order of appearance, as in the public trace. */
static int renumber(struct gen *g)
{
	uint32_t *name = calloc((size_t)g->next_id + 1, sizeof(*name));
	uint32_t next = 0;
	size_t i, j;

	if (!name)
		return -ENOMEM;
	for (i = 0; i < g->nr; i++) {
		uint32_t *ids = g->ids + g->requests[i].first;

		for (j = 0; j < g->requests[i].blocks; j++) {
			if (!name[ids[j]])
				name[ids[j]] = ++next;
			ids[j] = name[ids[j]] - 1;
		}
	}
	free(name);
	return 0;
}

static void write_request(const struct gen *g, const struct request *r,
			  FILE *to)
{
	size_t i;

	fprintf(to, "{\"timestamp\": %" PRIu64 ", \"input_length\": %" PRIu64
		", \"output_length\": %" PRIu64 ", \"hash_ids\": [",
		r->time, r->tokens_in, r->tokens_out);
	for (i = 0; i < r->blocks; i++)
		fprintf(to, "%s%" PRIu32, i ? ", " : "",
			g->ids[r->first + i]);
	fputs("]}\n", to);
}

static int make(struct gen *g)
{
	uint64_t nr = 0;
	int err = 0;

	g->requests = calloc(g->m->requests, sizeof(*g->requests));
	if (!g->requests)
		return -ENOMEM;
	while (!err && g->nr < g->m->requests)
		err = session(g, nr++);
	if (err)
		return err;
	qsort(g->requests, g->nr, sizeof(*g->requests), by_time);
	return renumber(g);
}

int gen_write(const struct model *m, FILE *to)
{
	struct gen g = {
		.m = m,
		.rng = { .state = m->seed },
		.next_id = m->system_blocks,
	};
	int err = make(&g);
	size_t i;

	for (i = 0; !err && i < g.nr; i++)
		write_request(&g, &g.requests[i], to);
	if (!err && (fflush(to) || ferror(to)))
		err = -EIO;
	free(g.requests);
	free(g.ids);
	return err;
}
