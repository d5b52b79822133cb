// SPDX-License-Identifier: GPL-2.0
/* What placement does with clusters that are made up. */
#include <stdlib.h>
#include <time.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/decode.h"
#include "ctl/out.h"
#include "ring/ring.h"

const struct arg_spec ring_simulate_specs[] = {
	{ .name = "nodes" },
	{ .name = "domains" },
	{ .name = "weighted", .flag = true },
	{ .name = NULL }
};

static const struct column columns[] = {
	{ "NODES", "nodes", OUT_TEXT },
	{ "WEIGHTS", "weights", OUT_TEXT },
	{ "DOMAINS", "domains", OUT_TEXT },
	{ "COPIES", "copies", OUT_TEXT },
	{ "OVER", "over", OUT_RATE },
	{ "OF-ROUNDING", "rounding", OUT_RATE },
	{ "MISPLACED", "misplaced", OUT_RATE },
	{ "JOIN", "join.moved", OUT_TEXT },
	{ "LEAST", "join.least", OUT_TEXT },
	{ "LEAVE", "leave.moved", OUT_TEXT },
	{ "LEAST", "leave.least", OUT_TEXT },
	{ "MS", "compute_ms", OUT_TEXT },
	{ "JOIN-MS", "join_ms", OUT_TEXT },
	{ NULL, NULL, 0 }
};

/**
 * struct simulation - one cluster, of @nr nodes; one more joins, another leaves
 * @a: of all but the last node; @b: of all; @c: without the one in the middle
 */
struct simulation {
	struct ring_node node[RING_MAX_NODES + 1];
	unsigned int nr, nr_domains;
	bool weighted;
	struct ring_map a, b, c;
	double share[RING_MAX_NODES + 1];
	double compute_ms, join_ms;
};

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void make_nodes(struct simulation *s)
{
	unsigned int i;

	for (i = 0; i <= s->nr && i < RING_MAX_NODES; i++)
		s->node[i] = (struct ring_node){
			.id = (uint16_t)(i + 1),
			.weight = s->weighted ? 50 + i * 37 % 151 : 100,
			.domain = s->nr_domains ? 1 + i % s->nr_domains : 0,
		};
}

/* In the largest cluster nobody joins: the last node is its own. */
static unsigned int joiner(const struct simulation *s)
{
	return s->nr < RING_MAX_NODES ? s->nr : s->nr - 1;
}

static int compute(struct simulation *s)
{
	unsigned int last = joiner(s), gone = s->nr / 2;
	uint32_t weight = s->node[gone].weight;
	double start = now_ms();
	int err = ring_compute(NULL, s->node, last, &s->a);

	s->compute_ms = now_ms() - start;
	start = now_ms();
	if (!err)
		err = ring_compute(&s->a, s->node, last + 1, &s->b);
	s->join_ms = now_ms() - start;
	s->node[gone].weight = 0;
	if (!err)
		err = ring_compute(&s->b, s->node, last + 1, &s->c);
	s->node[gone].weight = weight;
	return err;
}

static double round_to(double x, double unit)
{
	return (double)(long long)(x / unit + 0.5) * unit;
}

static json_t *moved_json(unsigned int moved, double least)
{
	json_t *o = json_object();

	json_put(o, "moved", json_number(moved));
	json_put(o, "least", json_number((uint64_t)(least + 0.999)));
	return o;
}

static json_t *result(struct simulation *s, unsigned int copies)
{
	unsigned int last = joiner(s), gone = s->nr / 2;
	struct ring_balance balance;
	json_t *o = json_object();

	/* Of the whole cluster: what has come to be by change counts, too. */
	ring_measure(&s->b, s->node, last + 1, copies, &balance);
	ring_shares(s->node, last + 1, copies, s->share);
	json_put(o, "nodes", json_number(s->nr));
	json_put(o, "weights", json_string(s->weighted ? "50-200" : "equal"));
	json_put(o, "domains", s->nr_domains ? json_number(s->nr_domains) : json_null());
	json_put(o, "copies", json_number(copies));
	json_put(o, "over", json_double(round_to(balance.over, 1e-6)));
	json_put(o, "rounding", json_double(round_to(balance.whole, 1e-6)));
	json_put(o, "misplaced", json_double(round_to(balance.misplaced, 1e-6)));
	json_put(o, "same_domain", json_number(balance.same_domain));
	json_put(o, "join", moved_json(ring_moved(&s->a, &s->b, copies), s->share[last]));
	json_put(o, "leave", moved_json(ring_moved(&s->b, &s->c, copies),
					ring_owned(&s->b, s->node[gone].id, copies)));
	json_put(o, "compute_ms", json_double(round_to(s->compute_ms, 0.01)));
	json_put(o, "join_ms", json_double(round_to(s->join_ms, 0.01)));
	return o;
}

static int simulate(struct simulation *s, json_t *results)
{
	unsigned int copies;

	make_nodes(s);
	if (compute(s)) {
		ctl_error("out of memory");
		return CTL_FAILED;
	}
	for (copies = 1; copies <= KVMEM_MAX_COPIES; copies++)
		json_array_append_new(results, result(s, copies));
	return CTL_OK;
}

/* Without a size: many of them, with equal weights and others. */
static int simulate_all(struct simulation *s, json_t *results)
{
	static const unsigned int sizes[] = { 3, 5, 16, 64, 256, 1024, RING_MAX_NODES };
	unsigned int i;
	int rc = CTL_OK;

	for (i = 0; i < 2 * sizeof(sizes) / sizeof(*sizes) && !rc; i++) {
		s->nr = sizes[i / 2];
		s->weighted = i % 2;
		rc = simulate(s, results);
	}
	return rc;
}

int cmd_ring_simulate(struct ctl *c)
{
	struct simulation *s = calloc(1, sizeof(*s));
	json_t *results = json_array();
	uint64_t nodes, domains;
	int rc;

	rc = args_count(c->args, "nodes", RING_MAX_NODES, 0, &nodes);
	if (!rc)
		rc = args_count(c->args, "domains", RING_MAX_NODES, 0, &domains);
	if (!rc && nodes == 1)
		rc = ctl_usage("--nodes 1: want 2 or more");
	if (!rc && s) {
		s->nr = (unsigned int)nodes;
		s->nr_domains = (unsigned int)domains;
		s->weighted = args_has(c->args, "weighted");
		rc = nodes ? simulate(s, results) : simulate_all(s, results);
	}
	free(s);
	if (!rc && c->json)
		return out_json(results);
	if (!rc)
		out_table(results, columns, stdout);
	json_decref(results);
	return rc;
}
