// SPDX-License-Identifier: GPL-2.0
/* policy-sim: what eviction policies make of a trace. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flash.h"
#include "sim.h"

#define MAX_SIZES	32
#define POLLS		2000

const struct sim_policy sim_policies[] = {
	{ "lru", run_lru }, { "fifo", run_fifo }, { "s3fifo", run_s3fifo },
	{ "sieve", run_sieve }, { "arc", run_arc }, { "lhd", run_lhd },
	{ "kernel-lru", run_table_lru }, { "kernel-fifo", run_table_fifo },
	{ "lfu", run_table_lfu }, { "gdsf", run_table_gdsf }, { "adaptive", run_adaptive },
	{ "belady", run_belady }, { NULL, NULL },
};

static const struct {
	const char *name;
	u32 bit;
} features[] = {
	{ "chain", F_CHAIN }, { "tail", F_TAIL }, { "inherit", F_INHERIT },
	{ "gap", F_GAP }, { "growth", F_GROWTH }, { "ends", F_ENDS },
	{ "fallback", F_FALLBACK }, { "upside-down", F_UPSIDE_DOWN },
	{ "line", F_LINE }, { "all", F_ALL },
};

enum format { MARKDOWN, CSV, JSON };

struct args {
	const char *trace, *part, *policies;
	double sizes[MAX_SIZES];
	u32 nr_sizes, skip, windows;
	enum format format;
	bool curve;
	double flash[MAX_SIZES];
	u32 nr_flash;
	bool ripe, back;
	u64 seconds;
	struct sim_options o;
};

enum {
	OPT_TRACE = 256, OPT_PART, OPT_POLICIES, OPT_SIZES, OPT_JSON, OPT_CSV, OPT_WITH,
	OPT_WITHOUT, OPT_BATCH, OPT_POLL, OPT_REALTIME, OPT_GHOSTS, OPT_GHOSTS_MIN,
	OPT_REF_NS, OPT_SKIP, OPT_WINDOWS, OPT_CURVE, OPT_FLASH, OPT_STRETCH,
	OPT_RIPE, OPT_BACK, OPT_HELP,
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
	{ "curve", no_argument, NULL, OPT_CURVE },
	{ "flash", required_argument, NULL, OPT_FLASH },
	{ "stretch", required_argument, NULL, OPT_STRETCH },
	{ "ripe", no_argument, NULL, OPT_RIPE },
	{ "back", no_argument, NULL, OPT_BACK },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
"Usage: policy-sim --trace FILE|synth:NAME[:SEED] [OPTIONS]\n"
"Block hit rates of eviction policies, in percent of all references.\n"
"\n"
"  --part PART       all, first or second half, or phase: the whole trace, its\n"
"                    second half with other names, popularity inverted (all)\n"
"  --policies LIST   lru,fifo,s3fifo,sieve,arc,lhd,kernel-lru,kernel-fifo,\n"
"                    lfu,gdsf,adaptive,belady (all)\n"
"  --sizes LIST      percent of the different blocks (0.5,1,2,5,10,20,40,80)\n"
"  --skip N          count only from N references after the phase change on\n"
"  --windows N       hit rates of N equal parts of the trace\n"
"  --curve           what the daemon predicts for other sizes, against the truth:\n"
"                    measured and error, and the same for LRU\n"
"  --flash LIST      a flash tier of that many percent behind adaptive's DRAM of\n"
"                    the first of --sizes: hit rates and GB written under write\n"
"                    budgets, by admission; with --realtime or --stretch\n"
"  --back            written when they leave DRAM, not when they are put\n"
"  --ripe            of the value at the age at which they leave DRAM, not at 0\n"
"  --csv, --json     instead of a markdown table\n"
"\n"
"Of the kernel's mechanism (the last six but belady):\n"
"  --with LIST, --without LIST   chain,tail,inherit,gap,growth,ends,fallback,\n"
"                    line, all (--without all: the mechanism as it was),\n"
"                    upside-down (adaptive tables are, until it falls back)\n"
"  --batch N         operations in a batch (32)\n"
"  --poll MS         period of the daemon (50)\n"
"  --ref-us US       time of one GET or PUT (20)\n"
"  --realtime        the time is the trace's; poll every second\n"
"  --stretch S       the time is the trace's, but it takes S seconds; 2000 polls\n"
"  --ghosts N        ghosts for a block of capacity (0: what the kernel has)\n"
"  --ghosts-min N    ghosts at least, with --ghosts (32768)\n"
"\n"
"synth: zipf, scan, loop, recency, agents, shift, trap\n";

static int add_sizes(double *sizes, u32 *nr, const char *text)
{
	char *end;

	for (*nr = 0; *nr < MAX_SIZES; text = end + 1) {
		sizes[*nr] = strtod(text, &end);
		if (end == text || sizes[(*nr)++] <= 0)
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

	for (i = 0; i < ARRAY_SIZE(features); i++)
		if (listed(list, features[i].name))
			bits |= features[i].bit;
	return bits;
}

static int set_model(struct sim_options *o, int opt)
{
	switch (opt) {
	case OPT_WITH:
		o->features |= feature_bits(optarg);
		return 0;
	case OPT_WITHOUT:
		o->features &= ~feature_bits(optarg);
		return 0;
	case OPT_BATCH:
		o->batch = (u32)atoi(optarg);
		break;
	case OPT_POLL:
		o->poll_ns = (u64)(atof(optarg) * 1e6);
		break;
	case OPT_REF_NS:
		o->get_ns = (u64)(atof(optarg) * 1e3);
		o->put_ns = o->get_ns;
		break;
	case OPT_GHOSTS:
		o->ghosts = (u32)atoi(optarg);
		break;
	case OPT_GHOSTS_MIN:
		o->ghosts_min = (u32)atoi(optarg);
		break;
	case OPT_REALTIME:
		o->realtime = true;
		o->poll_ns = 1000000000;
		break;
	default:
		return -EINVAL;
	}
	return o->batch && o->batch <= SIM_BATCH_MAX && o->ghosts_min >= 4 ? 0 : -EINVAL;
}

static int set(struct args *a, int opt)
{
	switch (opt) {
	case OPT_TRACE:
		a->trace = optarg;
		return 0;
	case OPT_PART:
		a->part = optarg;
		return 0;
	case OPT_POLICIES:
		a->policies = optarg;
		return 0;
	case OPT_SIZES:
		return add_sizes(a->sizes, &a->nr_sizes, optarg);
	case OPT_JSON:
		a->format = JSON;
		return 0;
	case OPT_CSV:
		a->format = CSV;
		return 0;
	case OPT_SKIP:
		a->skip = (u32)atoi(optarg);
		return 0;
	case OPT_WINDOWS:
		a->windows = (u32)atoi(optarg);
		return 0;
	case OPT_CURVE:
		a->curve = true;
		return 0;
	case OPT_FLASH:
		return add_sizes(a->flash, &a->nr_flash, optarg);
	case OPT_RIPE:
		a->ripe = true;
		return 0;
	case OPT_BACK:
		a->back = true;
		return 0;
	case OPT_STRETCH:
		a->seconds = strtoull(optarg, NULL, 0);
		a->o.realtime = true;
		a->o.poll_ns = a->seconds * (1000000000 / POLLS);
		return a->seconds ? 0 : -EINVAL;
	default:
		return set_model(&a->o, opt);
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
	u64 falls[MAX_SIZES];
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
		row->falls[i] = r.falls;
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
	json_int_t blocks;
	json_t *point;
	u32 i;

	for (i = 0; i < a->nr_sizes; i++) {
		blocks = blocks_of(t, a->sizes[i]);
		point = json_pack("{s:f, s:I, s:f, s:f, s:I}",
				  "percent", a->sizes[i], "blocks", blocks,
				  "hit_rate", row->value[i], "fallback", row->fallback[i],
				  "falls", (json_int_t)row->falls[i]);
		json_array_append_new(points, point);
	}
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

/* What the daemon says of 1/4 to 8 times the size, and what is true. */
static int run_curves(const struct args *a, struct sim_trace *t)
{
	const struct sim_policy *p;
	int err = 0;

	puts("| size | x 1/4 | x 1/2 | x 1 | x 2 | x 4 | x 8 |\n|---|---|---|---|---|---|---|");
	for (p = sim_policies; p->name && !err; p++)
		if (listed(a->policies ? a->policies : "adaptive", p->name))
			err = sim_curve(t, a->sizes, a->nr_sizes, &a->o, p);
	return err;
}

int main(int argc, char **argv)
{
	struct args a = {
		.part = "all", .nr_sizes = 8, .sizes = { .5, 1, 2, 5, 10, 20, 40, 80 },
		.o = { .batch = 32, .get_ns = 20000, .put_ns = 20000, .poll_ns = 50000000,
		       .features = F_DEFAULT, .ghosts_min = 32768 },
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
	if (!err && a.seconds)
		err = sim_stretch(&t, a.seconds);
	if (!err && a.nr_flash)
		err = sim_flash_table(&t, a.flash, a.nr_flash, blocks_of(&t, a.sizes[0]), &a.o,
				      a.ripe, a.back);
	else if (!err && a.curve)
		err = run_curves(&a, &t);
	else if (!err)
		err = run_policies(&a, &t, phase);
	if (err)
		fprintf(stderr, "policy-sim: %s\n", strerror(-err));
	sim_free(&t);
	return err ? 1 : 0;
}
