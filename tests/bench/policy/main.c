// SPDX-License-Identifier: GPL-2.0
/* policy-sim: what eviction policies make of a trace. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define MAX_SIZES	32

const struct sim_policy sim_policies[] = {
	{ "lru", run_lru }, { "fifo", run_fifo }, { "s3fifo", run_s3fifo },
	{ "sieve", run_sieve }, { "arc", run_arc }, { "lhd", run_lhd },
	{ "kernel-lru", run_kernel_lru }, { "adaptive", run_kernel },
	{ "belady", run_belady }, { NULL, NULL },
};

static const struct {
	const char *name;
	u32 bit;
} features[] = {
	{ "chain", F_CHAIN }, { "tail", F_TAIL }, { "inherit", F_INHERIT },
	{ "gap", F_GAP }, { "growth", F_GROWTH }, { "ends", F_ENDS },
	{ "fallback", F_FALLBACK }, { "fine", F_FINE },
	{ "line", F_LINE }, { "all", F_ALL },
};

enum format { MARKDOWN, CSV, JSON };

struct args {
	const char *trace, *part, *policies;
	double sizes[MAX_SIZES];
	u32 nr_sizes, skip, windows;
	enum format format;
	bool mrc;
	struct sim_options o;
};

enum {
	OPT_TRACE = 256, OPT_PART, OPT_POLICIES, OPT_SIZES, OPT_JSON, OPT_CSV, OPT_WITH,
	OPT_WITHOUT, OPT_BATCH, OPT_POLL, OPT_REALTIME, OPT_GHOSTS, OPT_GHOSTS_MIN,
	OPT_REF_NS, OPT_SKIP, OPT_WINDOWS, OPT_MRC, OPT_HELP,
};

static const struct option long_options[] = {
	{ "trace", required_argument, NULL, OPT_TRACE },
	{ "part", required_argument, NULL, OPT_PART },
	{ "policies", required_argument, NULL, OPT_POLICIES },
	{ "sizes", required_argument, NULL, OPT_SIZES },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "csv", no_argument, NULL, OPT_CSV },
	{ "with", required_argument, NULL, OPT_WITH },
	{ "without", required_argument, NULL, OPT_WITHOUT },
	{ "batch", required_argument, NULL, OPT_BATCH },
	{ "poll", required_argument, NULL, OPT_POLL },
	{ "realtime", no_argument, NULL, OPT_REALTIME },
	{ "ghosts", required_argument, NULL, OPT_GHOSTS },
	{ "ghosts-min", required_argument, NULL, OPT_GHOSTS_MIN },
	{ "ref-us", required_argument, NULL, OPT_REF_NS },
	{ "skip", required_argument, NULL, OPT_SKIP },
	{ "windows", required_argument, NULL, OPT_WINDOWS },
	{ "mrc", no_argument, NULL, OPT_MRC },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
"Usage: policy-sim --trace FILE|synth:NAME[:SEED] [OPTIONS]\n"
"Block hit rates of eviction policies, in percent of all references.\n"
"\n"
"  --part PART       all, first or second half, or phase: the whole trace, its\n"
"                    second half with other names, popularity inverted (all)\n"
"  --policies LIST   lru,fifo,s3fifo,sieve,arc,lhd,kernel-lru,adaptive,belady (all)\n"
"  --sizes LIST      percent of the different blocks (0.5,1,2,5,10,20,40,80)\n"
"  --skip N          count only from N references after the phase change on\n"
"  --windows N       hit rates of N equal parts of the trace\n"
"  --mrc             LRU by one key in about a hundred, against LRU\n"
"  --csv, --json     instead of a markdown table\n"
"\n"
"Of adaptive:\n"
"  --with LIST, --without LIST   chain,tail,inherit,gap,growth,ends,fallback,\n"
"                    fine, all (--without all: the mechanism as it was)\n"
"  --batch N         operations in a batch (32)\n"
"  --poll MS         period of the daemon (50)\n"
"  --ref-us US       time of one GET or PUT (20)\n"
"  --realtime        the time is the trace's; poll every second\n"
"  --ghosts N        ghosts for a block of capacity (4)\n"
"  --ghosts-min N    ghosts at least (32768)\n"
"\n"
"synth: zipf, scan, loop, recency, agents, shift\n";

static int add_sizes(struct args *a, const char *text)
{
	char *end;

	for (a->nr_sizes = 0; a->nr_sizes < MAX_SIZES; text = end + 1) {
		a->sizes[a->nr_sizes] = strtod(text, &end);
		if (end == text || a->sizes[a->nr_sizes++] <= 0)
			return -EINVAL;
		if (!*end)
			return 0;
		if (*end != ',')
			return -EINVAL;
	}
	return -EINVAL;
}

/* Is @name in the list @list? */
static bool listed(const char *list, const char *name)
{
	size_t len = strlen(name);
	const char *at = list;

	while ((at = strstr(at, name))) {
		if ((at == list || at[-1] == ',') && (!at[len] || at[len] == ','))
			return true;
		at += len;
	}
	return false;
}

static u32 feature_bits(const char *list)
{
	u32 bits = 0, i;

	for (i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (listed(list, features[i].name))
			bits |= features[i].bit;
	return bits;
}

static int set_model(struct sim_options *o, int opt)
{
	switch (opt) {
	case OPT_WITH: o->features |= feature_bits(optarg); return 0;
	case OPT_WITHOUT: o->features &= ~feature_bits(optarg); return 0;
	case OPT_BATCH: o->batch = (u32)atoi(optarg); break;
	case OPT_POLL: o->poll_ns = (u64)(atof(optarg) * 1e6); break;
	case OPT_REF_NS: o->get_ns = o->put_ns = (u64)(atof(optarg) * 1e3); break;
	case OPT_GHOSTS: o->ghosts = (u32)atoi(optarg); break;
	case OPT_GHOSTS_MIN: o->ghosts_min = (u32)atoi(optarg); break;
	case OPT_REALTIME: o->realtime = true; o->poll_ns = 1000000000; break;
	default: return -EINVAL;
	}
	return o->batch && o->batch <= SIM_BATCH_MAX && o->ghosts_min >= 4 ? 0 : -EINVAL;
}

static int set(struct args *a, int opt)
{
	switch (opt) {
	case OPT_TRACE: a->trace = optarg; return 0;
	case OPT_PART: a->part = optarg; return 0;
	case OPT_POLICIES: a->policies = optarg; return 0;
	case OPT_SIZES: return add_sizes(a, optarg);
	case OPT_JSON: a->format = JSON; return 0;
	case OPT_CSV: a->format = CSV; return 0;
	case OPT_SKIP: a->skip = (u32)atoi(optarg); return 0;
	case OPT_WINDOWS: a->windows = (u32)atoi(optarg); return 0;
	case OPT_MRC: a->mrc = true; return 0;
	default: return set_model(&a->o, opt);
	}
}

static u32 blocks_of(const struct sim_trace *t, double percent)
{
	u32 n = (u32)(t->distinct * percent / 100);

	return n ? n : 1;
}

/* Hits in percent from reference @from (in whole windows) up to @to. */
static double rate(const struct sim_result *r, u64 from, u64 to)
{
	u64 hits = 0, w, first = from / SIM_WINDOW, last = to / SIM_WINDOW;

	if (!from && to >= r->refs)
		return r->refs ? 100.0 * (double)r->hits / (double)r->refs : 0;
	for (w = first; w < last; w++)
		hits += r->window_hits[w];
	return last > first ? 100.0 * (double)hits / (double)((last - first) * SIM_WINDOW) : 0;
}

struct row {
	const char *name;
	double value[MAX_SIZES];
	double fallback[MAX_SIZES];
};

static void print_windows(const struct args *a, const struct sim_result *r, const char *name,
			  double size)
{
	u32 i;

	printf("%s %g %%:", name, size);
	for (i = 0; i < a->windows; i++)
		printf(" %.1f", rate(r, r->refs * i / a->windows,
				     r->refs * (i + 1) / a->windows));
	putchar('\n');
}

static int run_row(struct args *a, struct sim_trace *t, u32 phase,
		   const struct sim_policy *p, struct row *row)
{
	struct sim_result r;
	u32 i;
	int err = 0;

	row->name = p->name;
	for (i = 0; i < a->nr_sizes && !err; i++) {
		r = (struct sim_result){ 0 };
		r.window_hits = calloc(t->nr_refs / SIM_WINDOW + 1, sizeof(u32));
		if (!r.window_hits)
			return -ENOMEM;
		err = p->run(t, blocks_of(t, a->sizes[i]), &a->o, &r);
		row->value[i] = rate(&r, a->skip ? phase + a->skip : 0, r.refs);
		row->fallback[i] = 100.0 * (double)r.fallback_refs / (double)r.refs;
		if (a->windows)
			print_windows(a, &r, p->name, a->sizes[i]);
		free(r.window_hits);
	}
	return err;
}

static void print_head(const struct args *a)
{
	const char *sep = a->format == CSV ? "," : " | ";
	u32 i;

	printf(a->format == CSV ? "policy" : "| policy");
	for (i = 0; i < a->nr_sizes; i++)
		printf("%s%g %%", sep, a->sizes[i]);
	puts(a->format == CSV ? "" : " |");
	if (a->format == CSV)
		return;
	printf("|---");
	for (i = 0; i < a->nr_sizes; i++)
		printf("|---:");
	puts("|");
}

static void print_row(const struct args *a, const struct row *row)
{
	const char *sep = a->format == CSV ? "," : " | ";
	u32 i;

	printf("%s%s", a->format == CSV ? "" : "| ", row->name);
	for (i = 0; i < a->nr_sizes; i++)
		printf("%s%.2f", sep, row->value[i]);
	puts(a->format == CSV ? "" : " |");
}

static json_t *row_json(const struct args *a, const struct sim_trace *t, const struct row *row)
{
	json_t *points = json_array();
	u32 i;

	for (i = 0; i < a->nr_sizes; i++)
		json_array_append_new(points, json_pack("{sf sI sf sf}",
			"percent", a->sizes[i],
			"blocks", (json_int_t)blocks_of(t, a->sizes[i]),
			"hit_rate", row->value[i], "fallback", row->fallback[i]));
	return json_pack("{ss so}", "policy", row->name, "points", points);
}

static int run_policies(struct args *a, struct sim_trace *t, u32 phase)
{
	const struct sim_policy *p;
	json_t *rows = json_array();
	struct row row;
	int err = 0;

	if (a->format != JSON)
		print_head(a);
	for (p = sim_policies; p->name && !err; p++) {
		if (a->policies && !listed(a->policies, p->name))
			continue;
		err = run_row(a, t, phase, p, &row);
		if (a->format == JSON)
			json_array_append_new(rows, row_json(a, t, &row));
		else
			print_row(a, &row);
	}
	if (a->format == JSON)
		json_dumpf(rows, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(5));
	json_decref(rows);
	return err;
}

/* Predicted by one key in about a hundred, and true. */
static void run_mrc(const struct args *a, struct sim_trace *t)
{
	u32 i;

	puts("| size | LRU, sampled 1/128 | LRU | error |\n|---|---:|---:|---:|");
	for (i = 0; i < a->nr_sizes; i++) {
		struct sim_result r = { 0 };
		double p = mrc_lru(t, blocks_of(t, a->sizes[i]), 128);

		run_lru(t, blocks_of(t, a->sizes[i]), &a->o, &r);
		printf("| %g %% | %.2f | %.2f | %+.2f |\n", a->sizes[i], p, rate(&r, 0, r.refs),
		       p - rate(&r, 0, r.refs));
	}
}

int main(int argc, char **argv)
{
	struct args a = {
		.part = "all", .nr_sizes = 8, .sizes = { .5, 1, 2, 5, 10, 20, 40, 80 },
		.o = { .batch = 32, .get_ns = 20000, .put_ns = 20000, .poll_ns = 50000000,
		       .features = F_DEFAULT, .ghosts = 4, .ghosts_min = 32768 },
	};
	struct sim_trace t = { 0 };
	u32 phase = 0;
	int opt, err = 0;

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) >= 0) {
		if (opt == OPT_HELP || opt == 'h') {
			fputs(usage, stdout);
			return 0;
		}
		if (opt == '?' || set(&a, opt))
			return 2;
	}
	if (!a.trace || optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	err = sim_load(&t, a.trace, &phase);
	if (!err)
		err = sim_part(&t, a.part, &phase);
	if (!err && a.mrc)
		run_mrc(&a, &t);
	else if (!err)
		err = run_policies(&a, &t, phase);
	if (err)
		fprintf(stderr, "policy-sim: %s\n", strerror(-err));
	sim_free(&t);
	return err ? 1 : 0;
}
