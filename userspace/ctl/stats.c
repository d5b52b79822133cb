// SPDX-License-Identifier: GPL-2.0
/* Counters of namespaces and times of operations, once or again and again. */
#include <stdlib.h>
#include <time.h>

#include "ctl/args.h"
#include "ctl/clock.h"
#include "ctl/ctl.h"
#include "ctl/out.h"
#include "ctl/sample.h"

#define INTERVAL_MS	2000	/* when --watch does not say */

const struct arg_spec stats_specs[] = {
	{ .name = "watch", .optional = true },
	{ .name = "count" },
	{ .name = NULL }
};

static const struct column use_columns[] = {
	{ "NAMESPACE", "name", OUT_TEXT },
	{ "HITS", "stats.hits", OUT_TEXT },
	{ "MISSES", "stats.misses", OUT_TEXT },
	{ "OF-EVICTED", "stats.miss_evicted", OUT_TEXT },
	{ "OF-EXPIRED", "stats.miss_expired", OUT_TEXT },
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

static int watch(struct ctl *c, uint64_t interval_ms, uint64_t count)
{
	const char *name = c->args->nr_pos ? c->args->pos[0] : NULL;
	struct sample *s = calloc(2, sizeof(*s));
	uint64_t i;
	int rc;

	if (!s) {
		ctl_error("out of memory");
		return CTL_FAILED;
	}
	for (i = 0; ; i++) {
		rc = sample_take(c, name, &s[i & 1]);
		if (!rc)
			rc = print(c, sample_report(&s[i & 1], i ? &s[~i & 1] : NULL),
				   interval_ms);
		if (rc || i + 1 == count)
			break;
		sleep_ms(interval_ms);
	}
	sample_drop(&s[0]);
	sample_drop(&s[1]);
	free(s);
	return rc;
}

int cmd_stats(struct ctl *c)
{
	bool again = args_has(c->args, "watch");
	uint64_t interval, count;
	int rc;

	rc = args_seconds(c->args, "watch", again ? INTERVAL_MS : 0, &interval);
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
