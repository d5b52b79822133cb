// SPDX-License-Identifier: GPL-2.0
#include <time.h>

#include "ctl/decode.h"
#include "ctl/object.h"
#include "ctl/sample.h"
#include "ctl/stats_delta.h"

static double seconds(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int sample_take(struct ctl *c, const char *name, struct sample *s)
{
	json_t *one;
	int rc;

	sample_drop(s);
	s->time = seconds(CLOCK_REALTIME);
	s->clock = seconds(CLOCK_MONOTONIC);
	if (name) {
		rc = object_get(c, &ns_kind, name, &one);
		s->ns = rc ? NULL : json_pack("[o]", one);
	} else {
		rc = object_get_all(c, &ns_kind, &s->ns);
	}
	return rc ? rc : latency_read(c->nl, &s->lat);
}

void sample_drop(struct sample *s)
{
	json_decref(s->ns);
	s->ns = NULL;
}

static void subtract_latencies(struct latencies *now, const struct latencies *before)
{
	unsigned int op, tier;

	for (op = 0; op < KVMEM_OP_NR; op++)
		for (tier = 0; tier < KVMEM_TIER_NR; tier++)
			latency_subtract(&now->of[op][tier], &before->of[op][tier]);
}

json_t *sample_report(const struct sample *now, const struct sample *before)
{
	json_t *root = json_object(), *ns = json_deep_copy(now->ns);
	struct latencies lat = now->lat;

	if (before) {
		stats_subtract(ns, before->ns);
		subtract_latencies(&lat, &before->lat);
	}
	json_put(root, "time", json_real(now->time));
	json_put(root, "interval_s", before ? json_real(now->clock - before->clock) :
		 json_null());
	json_put(root, "namespaces", ns);
	json_put(root, "latency", latency_json(&lat));
	return root;
}
