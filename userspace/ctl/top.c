// SPDX-License-Identifier: GPL-2.0
/* What namespaces do, live. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/table.h"
#include "ctl/args.h"
#include "ctl/clock.h"
#include "ctl/ctl.h"
#include "ctl/daemon.h"
#include "ctl/decode.h"
#include "ctl/module.h"
#include "ctl/nl.h"
#include "ctl/out.h"
#include "ctl/sample.h"
#include "ctl/screen.h"

#define INTERVAL_MS	2000

const struct arg_spec top_specs[] = {
	{ .name = "interval" },
	{ .name = "count" },
	{ .name = "once", .flag = true },
	{ .name = "sort" },
	{ .name = "socket" },
	{ .name = NULL }
};

static const struct column ns_columns[] = {
	{ "NAMESPACE", "name", OUT_TEXT },
	{ "POLICY", "policy", OUT_TEXT },
	{ "GETS/s", "rates.gets", OUT_PER_SECOND },
	{ "HITS", "stats.hit_rate", OUT_RATE },
	{ "PUTS/s", "rates.puts", OUT_PER_SECOND },
	{ "EVICTED/s", "rates.evictions", OUT_PER_SECOND },
	{ "BYTES/s", "rates.bytes", OUT_BYTES },
	{ "USED", "used_bytes", OUT_BYTES },
	{ "QUOTA", "quota_bytes", OUT_LIMIT },
	{ "FLASH", "flash_bytes", OUT_BYTES },
	{ "ON-FLASH", "flash_blocks", OUT_TEXT },
	{ "OF-EVICTED", "stats.miss_evicted", OUT_TEXT },
	{ "OF-EXPIRED", "stats.miss_expired", OUT_TEXT },
	{ NULL, NULL, 0 }
};

static const struct column media_columns[] = {
	{ "MEDIA", "name", OUT_TEXT },
	{ "STATE", "state", OUT_TEXT },
	{ "SIZE", "bytes", OUT_BYTES },
	{ "LIVE", "live_bytes", OUT_BYTES },
	{ "BLOCKS", "blocks", OUT_TEXT },
	{ "FREE", "segments.free", OUT_TEXT },
	{ "WRITTEN/s", "rates.written_bytes", OUT_BYTES },
	{ "AMPLIFIED", "written.amplification", OUT_TEXT },
	{ "BUDGET/DAY", "write_budget_bytes_per_day", OUT_LIMIT },
	{ "READ-ERRORS", "errors.read", OUT_TEXT },
	{ "WRITE-ERRORS", "errors.write", OUT_TEXT },
	{ NULL, NULL, 0 }
};

static const struct column latency_columns[] = {
	{ "OPERATION", "op", OUT_TEXT },
	{ "TIER", "tier", OUT_TEXT },
	{ "OPS/s", "ops_per_second", OUT_PER_SECOND },
	{ "ERRORS", "errors", OUT_TEXT },
	{ "BYTES/s", "bytes_per_second", OUT_BYTES },
	{ "P50", "p50_ns", OUT_NS },
	{ "P99", "p99_ns", OUT_NS },
	{ NULL, NULL, 0 }
};

/**
 * struct top - what is shown
 * @sort: key
 * @interval_ms: between looks
 * @count: of reports, 0 = without end
 * @sample: the last two
 * @turn: the newer one
 * @shown: made of them; NULL = nothing yet
 * @message: what went wrong with the last look, or ""
 */
struct top {
	struct ctl *c;
	const char *sort;
	uint64_t interval_ms, count;
	struct sample sample[2];
	unsigned int turn;
	json_t *shown;
	char message[256];
};

/* --- looking --- */

/* Names of policies come from the daemon; without one the kernel decides alone. */
static void add_policy(json_t *ns, const json_t *reported)
{
	const json_t *policy = NULL, *o;
	size_t i;

	for (i = 0; i < json_array_size(reported) && !policy; i++) {
		o = json_array_get(reported, i);
		if (json_equal(json_object_get(o, "id"), json_object_get(ns, "id")))
			policy = json_object_get(o, "policy");
	}
	o = json_object_get(policy, "name");
	json_put(ns, "policy", json_is_string(o) ? json_copy((json_t *)o) :
		 json_string("kernel"));
	o = json_object_get(policy, "fallback");
	json_put(ns, "fallback", json_boolean(json_is_true(o)));
}

static void add_policies(struct top *t, json_t *root)
{
	const json_t *ns = json_object_get(root, "namespaces");
	json_t *report;
	size_t i;
	int err;

	err = daemon_read(daemon_socket(t->c->args), &report);
	for (i = 0; i < json_array_size(ns); i++)
		add_policy(json_array_get(ns, i), json_object_get(report, "namespaces"));
	json_put(root, "daemon", json_string(daemon_state(err)));
	json_decref(report);
}

/* Look; *@t->shown is then about the time since the last look. */
static int look(struct top *t)
{
	struct sample *before = &t->sample[t->turn], *now = &t->sample[t->turn ^ 1];
	json_t *module, *root;
	int rc;

	rc = module_get(t->c, &module);
	if (rc)
		return rc;
	rc = sample_take(t->c, NULL, now);
	if (!rc)
		rc = sample_take_media(t->c, now);
	if (rc) {
		sample_drop(now);
		json_decref(module);
		return rc;
	}
	root = sample_report(now, before->ns ? before : NULL);
	json_put(root, "module", module);
	rates_add(root);
	add_policies(t, root);
	json_decref(t->shown);
	t->shown = root;
	t->turn ^= 1;
	return CTL_OK;
}

/* --- showing --- */

static void print_head(const struct top *t, FILE *to)
{
	double interval = json_real_value(json_object_get(t->shown, "interval_s"));
	time_t time = (time_t)json_real_value(json_object_get(t->shown, "time"));
	static const struct column version = { "", "module.version", OUT_TEXT },
		used = { "", "module.arena.allocated_bytes", OUT_BYTES },
		limit = { "", "module.arena.limit_bytes", OUT_BYTES },
		level = { "", "module.watermark", OUT_TEXT },
		files = { "", "module.open_files", OUT_TEXT },
		daemon = { "", "daemon", OUT_TEXT };
	char when[32], buf[6][160];
	struct tm tm;

	strftime(when, sizeof(when), "%T", localtime_r(&time, &tm));
	fprintf(to, "kvmem %s, %s, ", out_value(t->shown, &version, buf[0], 160), when);
	if (interval > 0)
		fprintf(to, "the last %.1f s", interval);
	else
		fprintf(to, "since the beginning");
	fprintf(to, "; arena %s of %s (%s), open files: %s; kvmemd %s\n",
		out_value(t->shown, &used, buf[1], 160),
		out_value(t->shown, &limit, buf[2], 160),
		out_value(t->shown, &level, buf[3], 160),
		out_value(t->shown, &files, buf[4], 160),
		out_value(t->shown, &daemon, buf[5], 160));
}

static void print_tables(const struct top *t, FILE *to)
{
	json_t *ns = json_object_get(t->shown, "namespaces");
	const json_t *lat = json_object_get(t->shown, "latency");
	const json_t *media = json_object_get(t->shown, "media");

	rates_sort(ns, t->sort);
	out_table(ns, ns_columns, to);
	fputc('\n', to);
	if (json_array_size(media)) {
		out_table(media, media_columns, to);
		fputc('\n', to);
	}
	if (json_array_size(lat))
		out_table(lat, latency_columns, to);
	else
		fprintf(to, "no operations\n");
}

static int print_once(struct top *t, bool another)
{
	if (t->c->json) {
		rates_sort(json_object_get(t->shown, "namespaces"), t->sort);
		return out_json_line(json_incref(t->shown));
	}
	print_head(t, stdout);
	print_tables(t, stdout);
	if (another)
		putchar('\n');
	return out_flush();
}

static int draw(struct top *t)
{
	size_t size;
	char *text;
	FILE *to = open_memstream(&text, &size);
	int err;

	if (!to)
		return -1;
	print_head(t, to);
	fprintf(to, "by %s; s: another order, q: quit%s%s\n\n", t->sort,
		*t->message ? "; not so now: " : "", t->message);
	print_tables(t, to);
	fclose(to);
	err = screen_draw(text);
	free(text);
	return err;
}

/* --- running --- */

/* To a file or a pipe: one report after another, no sequences */
static int run_plain(struct top *t)
{
	uint64_t i;
	int rc = look(t);

	for (i = 0; !rc && (!t->count || i < t->count); i++) {
		sleep_ms(t->interval_ms);
		rc = look(t);
		if (!rc)
			rc = print_once(t, i + 1 != t->count);
	}
	return rc;
}

/* The module may be away for a while, to be replaced: say so and go on. */
static void look_again(struct top *t)
{
	ctl_error_keep(t->message, sizeof(t->message));
	t->message[0] = 0;
	if (look(t))
		ctl_nl_close(t->c->nl);
	ctl_error_keep(NULL, 0);
}

/* Until the time of the next look; false: the end */
static bool wait_until(struct top *t, uint64_t end)
{
	uint64_t now;
	char key;

	while ((now = now_ms()) < end) {
		switch (screen_wait((int)(end - now), &key)) {
		case SCREEN_TIME:
			return true;
		case SCREEN_END:
			return false;
		case SCREEN_KEY:
			if (key == 'q' || key == 'Q')
				return false;
			if (key == 's')
				t->sort = rates_next_key(t->sort);
			break;
		case SCREEN_CHANGED:
			break;
		}
		if (draw(t))
			return false;
	}
	return true;
}

static int run_live(struct top *t)
{
	uint64_t next = now_ms(), left = t->count;
	int rc = look(t);

	if (rc)
		return rc;
	if (screen_open()) {
		ctl_error("cannot use the terminal");
		return CTL_FAILED;
	}
	while (!draw(t)) {
		next += t->interval_ms;
		if (!wait_until(t, next) || (t->count && !left--))
			break;
		look_again(t);
		/* Stopped for a while: not all that was missed at once */
		if (now_ms() > next)
			next = now_ms();
	}
	screen_close();
	screen_die();
	return CTL_OK;
}

static int parse(struct top *t)
{
	const struct args *args = t->c->args;
	int rc;

	rc = args_seconds(args, "interval", INTERVAL_MS, &t->interval_ms);
	if (!rc)
		rc = args_count(args, "count", UINT32_MAX, 0, &t->count);
	if (rc)
		return rc;
	if (t->interval_ms < 100 || t->interval_ms > 86400000)
		return ctl_usage("--interval: 0.1 s to one day");
	if (args_has(args, "once")) {
		if (args_has(args, "count"))
			return ctl_usage("one of --once and --count");
		t->count = 1;
	}
	t->sort = args_get(args, "sort");
	if (!t->sort)
		t->sort = rates_next_key(NULL);
	return CTL_OK;
}

int cmd_top(struct ctl *c)
{
	struct top *t = calloc(1, sizeof(*t));
	json_t *none = json_array();
	int rc;

	if (!t || !none) {
		ctl_error("out of memory");
		return CTL_FAILED;
	}
	t->c = c;
	rc = parse(t);
	if (!rc && !rates_sort(none, t->sort))
		rc = ctl_usage("--sort %s: want gets, hits, puts, evictions, bytes, used or name",
			       t->sort);
	if (!rc)
		rc = screen_possible() && !c->json && !args_has(c->args, "once") ?
		     run_live(t) : run_plain(t);
	sample_drop(&t->sample[0]);
	sample_drop(&t->sample[1]);
	json_decref(t->shown);
	json_decref(none);
	free(t);
	return rc;
}
