// SPDX-License-Identifier: GPL-2.0
/* Counters of namespaces and times of operations, once or again and again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/decode.h"
#include "ctl/latency.h"
#include "ctl/object.h"
#include "ctl/stats_delta.h"

const struct arg_spec stats_specs[] = {
	{ .name = "watch" },
	{ .name = "count" },
	{ .name = NULL }
};

static const struct column use_columns[] = {
	{ "NAMESPACE", "name", OUT_TEXT },
	{ "HITS", "stats.hits", OUT_TEXT },
	{ "MISSES", "stats.misses", OUT_TEXT },
	{ "HIT-RATE", "stats.hit_rate", OUT_RATE },
	{ "PUTS", "stats.puts", OUT_TEXT },
	{ "EXISTED", "stats.existed", OUT_TEXT },
	{ "DELETES", "stats.deletes", OUT_TEXT },
	{ "NO-SPACE", "stats.no_space", OUT_TEXT },
	{ "COPIED-IN", "stats.copied_in_bytes", OUT_BYTES },
	{ "COPIED-OUT", "stats.copied_out_bytes", OUT_BYTES },
	{ "ZERO-COPY", "stats.zero_copy_bytes", OUT_BYTES },
	{ NULL, NULL, 0 }
};

static const struct column room_columns[] = {
	{ "NAMESPACE", "name", OUT_TEXT },
	{ "BLOCKS", "live_blocks", OUT_TEXT },
	{ "USED", "used_bytes", OUT_BYTES },
	{ "PINNED", "pinned_bytes", OUT_BYTES },
	{ "EVICTED", "stats.evictions.total", OUT_TEXT },
	{ "QUOTA", "stats.evictions.quota", OUT_TEXT },
	{ "SPACE", "stats.evictions.space", OUT_TEXT },
	{ "DRAIN", "stats.evictions.drain", OUT_TEXT },
	{ "EXPIRED", "stats.evictions.expired", OUT_TEXT },
	{ "CORRUPT", "stats.evictions.corrupt", OUT_TEXT },
	{ "GHOST-HITS", "stats.ghost_hits", OUT_TEXT },
	{ NULL, NULL, 0 }
};

static const struct column latency_columns[] = {
	{ "OPERATION", "op", OUT_TEXT },
	{ "TIER", "tier", OUT_TEXT },
	{ "COUNT", "count", OUT_TEXT },
	{ "ERRORS", "errors", OUT_TEXT },
	{ "BYTES", "bytes", OUT_BYTES },
	{ "MEAN", "mean_ns", OUT_NS },
	{ "P50", "p50_ns", OUT_NS },
	{ "P90", "p90_ns", OUT_NS },
	{ "P99", "p99_ns", OUT_NS },
	{ "P99.9", "p999_ns", OUT_NS },
	{ NULL, NULL, 0 }
};

/**
 * struct sample - counters at one time
 * @time: s since 1970
 * @clock: s of a clock that is never set
 * @ns: array of namespaces
 * @lat: times
 */
struct sample {
	double time, clock;
	json_t *ns;
	struct latencies lat;
};

static double seconds(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int take(struct ctl *c, struct sample *s)
{
	json_t *one;
	int rc;

	s->time = seconds(CLOCK_REALTIME);
	s->clock = seconds(CLOCK_MONOTONIC);
	if (c->args->nr_pos) {
		rc = object_get(c, &ns_kind, c->args->pos[0], &one);
		s->ns = rc ? NULL : json_pack("[o]", one);
	} else {
		rc = object_get_all(c, &ns_kind, &s->ns);
	}
	return rc ? rc : latency_read(c->nl, &s->lat);
}

static void subtract_latencies(struct latencies *now, const struct latencies *before)
{
	unsigned int op, tier;

	for (op = 0; op < KVMEM_OP_NR; op++)
		for (tier = 0; tier < KVMEM_TIER_NR; tier++)
			latency_subtract(&now->of[op][tier], &before->of[op][tier]);
}

/* What has happened between the two, or since the beginning */
static json_t *report(const struct sample *now, const struct sample *before)
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

static void print_text(const json_t *root, bool watch)
{
	double interval = json_real_value(json_object_get(root, "interval_s"));
	time_t t = (time_t)json_real_value(json_object_get(root, "time"));
	const json_t *lat = json_object_get(root, "latency");
	struct tm tm;
	char when[32];

	if (watch) {
		strftime(when, sizeof(when), "%F %T", localtime_r(&t, &tm));
		if (interval > 0)
			printf("--- %s, the last %.1f s ---\n", when, interval);
		else
			printf("--- %s, since the beginning ---\n", when);
	}
	out_table(json_object_get(root, "namespaces"), use_columns, stdout);
	putchar('\n');
	out_table(json_object_get(root, "namespaces"), room_columns, stdout);
	printf("\nlatency, all namespaces\n");
	if (json_array_size(lat))
		out_table(lat, latency_columns, stdout);
	else
		printf("no operations\n");
	if (watch)
		putchar('\n');
}

static int print(struct ctl *c, json_t *root, bool watch)
{
	if (c->json)
		return watch ? out_json_line(root) : out_json(root);
	print_text(root, watch);
	json_decref(root);
	return out_flush();
}

static void sleep_ms(uint64_t ms)
{
	struct timespec ts = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

static int watch(struct ctl *c, uint64_t interval_ms, uint64_t count)
{
	struct sample *s = calloc(2, sizeof(*s));
	uint64_t i;
	int rc;

	if (!s) {
		ctl_error("out of memory");
		return CTL_FAILED;
	}
	for (i = 0; ; i++) {
		rc = take(c, &s[i & 1]);
		if (!rc)
			rc = print(c, report(&s[i & 1], i ? &s[~i & 1] : NULL), interval_ms);
		if (rc || i + 1 == count)
			break;
		json_decref(s[~i & 1].ns);
		s[~i & 1].ns = NULL;
		sleep_ms(interval_ms);
	}
	json_decref(s[0].ns);
	json_decref(s[1].ns);
	free(s);
	return rc;
}

int cmd_stats(struct ctl *c)
{
	bool again = args_has(c->args, "watch");
	uint64_t interval, count;
	int rc;

	rc = args_seconds(c->args, "watch", 0, &interval);
	if (!rc)
		rc = args_count(c->args, "count", UINT32_MAX, again ? 0 : 1, &count);
	if (rc)
		return rc;
	if (!again && args_has(c->args, "count"))
		return ctl_usage("--count needs --watch");
	if (again && interval < 100)
		return ctl_usage("--watch: at least 0.1 s");
	return watch(c, interval, count);
}
