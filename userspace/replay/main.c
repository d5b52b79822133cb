// SPDX-License-Identifier: GPL-2.0
/*
 * kvmem-replay: replay a trace against /dev/kvmem, compare every byte.
 *
 * For each block of each request, in order: GET, and on a miss PUT.  That is
 * the order in which plain LRU gives the hit rates of docs and tests (5.2,
 * 19.5, 27.8 and 34.5 % of all references with room for 1, 5, 10 and 20 % of
 * the different blocks of the public conversation trace).  A batch of GETs
 * before the PUTs of its misses moves these by 0.1 points at most.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lru.h"
#include "replay.h"

/* Read NS_INFO on a file of our own: the clients come and go. */
static int ns_info(const struct options *o, struct kvmem_ns_info *info)
{
	struct kvmem *k;
	int err = client_open(o, &k);

	if (err) {
		fprintf(stderr, "kvmem-replay: %s, namespace \"%s\": %s\n",
			o->device, o->ns, strerror(-err));
		return err;
	}
	err = kvmem_ns_info(k, info);
	kvmem_close(k);
	return err;
}

static void lru_check(const struct options *o, const struct trace *t,
		      struct result *r)
{
	double rate = 100.0 * (double)r->total.hits / (double)t->nr_ids;
	uint64_t hits;

	r->lru_rate = -1;
	if (o->lru_tolerance < 0 && !r->after.quota_blocks)
		return;
	hits = lru_hits(t, r->after.quota_blocks);
	if (hits == UINT64_MAX) {
		r->lru_failed = o->lru_tolerance >= 0;
		return;
	}
	r->lru_rate = 100.0 * (double)hits / (double)t->nr_ids;
	if (o->lru_tolerance >= 0)
		r->lru_failed = rate > r->lru_rate + o->lru_tolerance ||
				rate < r->lru_rate - o->lru_tolerance;
}

static bool all_fine(const struct options *o, const struct trace *t,
		     const struct result *r)
{
	const struct stats *s = &r->total;

	return !s->wrong && !s->errors && (!s->refused || o->refused_ok) &&
	       s->requests == t->nr_requests - o->skip && !r->lru_failed &&
	       r->after.corrupt == r->before.corrupt;
}

static int replay_shared(const struct options *o, const struct trace *t,
			 struct shared *s)
{
	struct result r = { 0 };
	int err;

	if (ns_info(o, &r.before))
		return EXIT_WRONG;
	if (r.before.used_blocks)
		fprintf(stderr, "kvmem-replay: the namespace is not empty\n");
	err = run_clients(o, t, s);
	r.seconds = (double)(now_ns() - s->start_ns) / 1e9;
	if (ns_info(o, &r.after))
		err = -EIO;
	result_sum(&r, s, o->clients);
	lru_check(o, t, &r);
	report_print(o, &r);
	if (o->json && report_json(o, &r)) {
		fprintf(stderr, "kvmem-replay: cannot write %s\n", o->json);
		err = -EIO;
	}
	return err || !all_fine(o, t, &r) ? EXIT_WRONG : EXIT_FINE;
}

static int replay(const struct options *o, const struct trace *t)
{
	struct shared *s = shared_new(o->clients);
	int ret;

	if (!s) {
		fprintf(stderr, "kvmem-replay: out of memory\n");
		return EXIT_WRONG;
	}
	ret = replay_shared(o, t, s);
	shared_free(s, o->clients);
	return ret;
}

int main(int argc, char **argv)
{
	struct trace_error error;
	struct options o;
	struct trace t;
	int ret = options_parse(&o, argc, argv);

	if (ret >= 0)
		return ret;
	if (trace_load(&t, o.trace_path, o.limit, &error)) {
		fprintf(stderr, "kvmem-replay: %s:%zu: %s\n", o.trace_path,
			error.line, error.what);
		return EXIT_USAGE;
	}
	if (o.skip >= t.nr_requests) {
		fprintf(stderr, "kvmem-replay: %s has %zu requests, none is left\n",
			o.trace_path, t.nr_requests);
		trace_free(&t);
		return EXIT_USAGE;
	}
	ret = o.curve ? curve_run(&o, &t) : replay(&o, &t);
	trace_free(&t);
	return ret;
}
