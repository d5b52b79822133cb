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

int sample_take_media(struct ctl *c, struct sample *s)
{
	return object_get_all(c, &media_kind, &s->media);
}

void sample_drop(struct sample *s)
{
	json_decref(s->ns);
	json_decref(s->media);
	s->ns = s->media = NULL;
}

/* --- media --- */

static double written(const json_t *media)
{
	const json_t *w = json_object_get(media, "written");

	return (double)json_get_u64(w, "put_bytes") + (double)json_get_u64(w, "table_bytes") +
	       (double)json_get_u64(w, "reinsert_bytes");
}

static const json_t *find_media(const json_t *all, const json_t *like)
{
	const json_t *o;
	size_t i;

	for (i = 0; i < json_array_size(all); i++) {
		o = json_array_get(all, i);
		if (json_equal(json_object_get(o, "id"), json_object_get(like, "id")))
			return o;
	}
	return NULL;
}

/* One that was attached meanwhile has no rate. */
static json_t *media_rates(const struct sample *now, const struct sample *before)
{
	json_t *all = json_deep_copy(now->media), *o;
	const json_t *old;
	double rate;
	size_t i;

	for (i = 0; i < json_array_size(all); i++) {
		o = json_array_get(all, i);
		old = before ? find_media(before->media, o) : NULL;
		rate = old && now->clock > before->clock ?
		       (written(o) - written(old)) / (now->clock - before->clock) : -1;
		json_put(o, "rates", json_pack("{s:o}", "written_bytes", rate >= 0 ?
					       json_real(rate) : json_null()));
	}
	return all;
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
	if (now->media)
		json_put(root, "media", media_rates(now, before));
	return root;
}
