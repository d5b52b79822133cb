// SPDX-License-Identifier: GPL-2.0
/* Ask the daemon, and answer what operators ask. */
#include <math.h>
#include <string.h>

#include "ctl/advice.h"
#include "ctl/advice_out.h"
#include "ctl/advice_read.h"
#include "ctl/clock.h"
#include "ctl/ctl.h"
#include "ctl/daemon.h"
#include "ctl/decode.h"
#include "ctl/out.h"
#include "ctl/parse.h"

#define GIB		1073741824.0
#define MAX_GIB		(1 << 20)
#define INTERVAL_MS	5000

const struct arg_spec advise_specs[] = {
	{ .name = "gib" },
	{ .name = "interval" },
	{ .name = "prefill-tokens-per-second" },
	{ .name = "bytes-per-token" },
	{ .name = "gpu-cost-per-hour" },
	{ .name = "endurance" },
	{ .name = "socket" },
	{ .name = NULL }
};

/**
 * struct question - what is asked, and of what
 * @before, @now: reports
 * @seconds: between them
 * @given: costs from the command line; NaN = not given
 * @more: bytes
 * @endurance: bytes that a drive can still take; NaN = as it tells
 * @media: @nr_media of them
 * @interval_ms: how long to watch
 * @answers: array, for JSON
 * @nr: namespaces answered for
 */
struct question {
	json_t *before, *now;
	double seconds;
	struct advice_node given;
	double more, endurance;
	struct advice_media media[ADVICE_MAX_MEDIA];
	size_t nr_media;
	uint64_t interval_ms;
	json_t *answers;
	unsigned int nr;
};

static int parse_endurance(const struct args *args, struct question *q)
{
	const char *text = args_get(args, "endurance");
	uint64_t bytes;

	q->endurance = NAN;
	if (!text)
		return CTL_OK;
	if (parse_size(text, &bytes) || !bytes)
		return ctl_usage("--endurance %s: want bytes, as 1400T", text);
	q->endurance = (double)bytes;
	return CTL_OK;
}

static int parse(const struct args *args, struct question *q)
{
	double gib;
	int rc;

	rc = args_real(args, "gib", 1, &gib);
	if (!rc && gib > MAX_GIB)
		rc = ctl_usage("--gib %s: at most %d", args_get(args, "gib"), MAX_GIB);
	if (!rc)
		rc = args_seconds(args, "interval", INTERVAL_MS, &q->interval_ms);
	if (!rc)
		rc = args_real(args, "prefill-tokens-per-second", NAN, &q->given.prefill);
	if (!rc)
		rc = args_real(args, "bytes-per-token", NAN, &q->given.bytes_per_token);
	if (!rc)
		rc = args_real(args, "gpu-cost-per-hour", NAN, &q->given.gpu_cost_per_hour);
	q->more = gib * GIB;
	return rc ? rc : parse_endurance(args, q);
}

static int check_module(const json_t *report)
{
	const json_t *module = json_object_get(report, "module");

	if (json_is_true(json_object_get(module, "connected")))
		return CTL_OK;
	ctl_error("kvmemd does not find the kvmem module");
	return CTL_NO_MODULE;
}

/* Two reports: how much is requested now is told by the difference. */
static int ask(struct ctl *c, struct question *q)
{
	const char *path = daemon_socket(c->args);
	int rc = daemon_report(path, &q->before);

	if (!rc)
		rc = check_module(q->before);
	if (rc)
		return rc;
	if (!q->interval_ms) {
		q->now = json_incref(q->before);
		return CTL_OK;
	}
	sleep_ms(q->interval_ms);
	rc = daemon_report(path, &q->now);
	if (rc)
		return rc;
	q->seconds = advice_read_interval(q->before, q->now);
	return check_module(q->now);
}

static bool is_asked(const struct args *args, const struct advice_ns *ns)
{
	const char *want = args->nr_pos ? args->pos[0] : NULL;
	uint64_t id;

	if (!want)
		return true;
	if (name_is_id(want))
		return !parse_count(want, UINT32_MAX, &id) && id == ns->id;
	return !strcmp(want, ns->name);
}

static void prefer(double *configured, double given)
{
	if (!isnan(given))
		*configured = given;
}

static void read_media(struct question *q)
{
	struct advice_media before[ADVICE_MAX_MEDIA];
	size_t n = advice_read_media(q->before, before, ADVICE_MAX_MEDIA);

	q->nr_media = advice_read_media(q->now, q->media, ADVICE_MAX_MEDIA);
	advice_media_make(q->media, q->nr_media, before, n, q->seconds, q->endurance);
}

/* All that can be used, and the life of the one that is worn out first */
static void add_media(const struct question *q, struct advice_node *node)
{
	const struct advice_media *m;

	for (m = q->media; m < q->media + q->nr_media; m++) {
		if (!m->usable)
			continue;
		node->flash += m->bytes;
		node->life_years = fmin(node->life_years, m->life_years);
	}
}

/* The command line before the configuration */
static void read_node(const struct question *q, struct advice_node *node)
{
	advice_read_node(q->now, node);
	prefer(&node->prefill, q->given.prefill);
	prefer(&node->bytes_per_token, q->given.bytes_per_token);
	prefer(&node->gpu_cost_per_hour, q->given.gpu_cost_per_hour);
	add_media(q, node);
}

static void answer(struct ctl *c, struct question *q, const struct advice_ns *ns,
		   const struct advice_node *node)
{
	struct advice_counters before;
	double seconds = q->seconds;
	struct advice a;

	/* Made meanwhile: nothing to compare with. */
	if (advice_read_counters(q->before, ns->id, &before)) {
		before = ns->total;
		seconds = 0;
	}
	advice_make(ns, &before, seconds, node, q->more, &a);
	if (c->json) {
		json_array_append_new(q->answers, advice_json(ns, node, &a));
	} else {
		if (q->nr)
			putchar('\n');
		advice_print(ns, node, &a, stdout);
	}
	q->nr++;
}

static void answer_all(struct ctl *c, struct question *q)
{
	const json_t *all = json_object_get(q->now, "namespaces");
	struct advice_node node;
	struct advice_ns ns;
	size_t i;

	read_node(q, &node);
	for (i = 0; i < json_array_size(all); i++) {
		if (advice_read_ns(json_array_get(all, i), &ns) || !is_asked(c->args, &ns))
			continue;
		advice_doubt(&ns);
		answer(c, q, &ns, &node);
	}
}

static int finish_json(struct question *q)
{
	json_t *root = json_object();
	struct advice_node node;

	read_node(q, &node);
	json_put(root, "interval_s", q->seconds > 0 ? json_real(q->seconds) : json_null());
	json_put(root, "node", advice_node_json(&node));
	json_put(root, "namespaces", json_incref(q->answers));
	json_put(root, "flash", advice_media_json(q->media, q->nr_media));
	return out_json(root);
}

static int finish(struct ctl *c, struct question *q)
{
	if (c->args->nr_pos && !q->nr) {
		ctl_error("no such namespace: %s", c->args->pos[0]);
		return CTL_NO_OBJECT;
	}
	if (c->json)
		return finish_json(q);
	if (!q->nr)
		printf("there are no namespaces\n");
	if (q->nr_media)
		putchar('\n');
	advice_print_media(q->media, q->nr_media, stdout);
	return CTL_OK;
}

int cmd_advise(struct ctl *c)
{
	struct question q = { .seconds = 0 };
	const char *problem = NULL;
	int rc;

	if (c->args->nr_pos)
		problem = name_problem(c->args->pos[0]);
	if (problem)
		return ctl_usage("the name \"%s\" %s", c->args->pos[0], problem);
	rc = parse(c->args, &q);
	if (rc)
		return rc;
	q.answers = json_array();
	rc = ask(c, &q);
	if (!rc) {
		read_media(&q);
		answer_all(c, &q);
		rc = finish(c, &q);
	}
	json_decref(q.answers);
	json_decref(q.before);
	json_decref(q.now);
	return rc;
}
