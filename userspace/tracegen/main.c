// SPDX-License-Identifier: GPL-2.0
/* kvmem-tracegen: make up a trace for kvmem-replay. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen.h"

enum {
	OPT_SEED = 256, OPT_REQUESTS, OPT_OUT, OPT_DURATION, OPT_SYSTEM,
	OPT_FIRST, OPT_GROWTH, OPT_GAP, OPT_TURNS, OPT_BRANCH, OPT_AGENTS,
	OPT_HELP, OPT_VERSION,
};

static const struct option long_options[] = {
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "requests", required_argument, NULL, OPT_REQUESTS },
	{ "out", required_argument, NULL, OPT_OUT },
	{ "duration", required_argument, NULL, OPT_DURATION },
	{ "system-blocks", required_argument, NULL, OPT_SYSTEM },
	{ "first", required_argument, NULL, OPT_FIRST },
	{ "growth", required_argument, NULL, OPT_GROWTH },
	{ "gap", required_argument, NULL, OPT_GAP },
	{ "turns", required_argument, NULL, OPT_TURNS },
	{ "branch", required_argument, NULL, OPT_BRANCH },
	{ "agents", required_argument, NULL, OPT_AGENTS },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
"Usage: kvmem-tracegen [OPTIONS]\n"
"Make up a trace of multi-turn conversations and agents.  The same options\n"
"give the same bytes on every machine.\n"
"\n"
"  --seed N            (1)\n"
"  --requests N        (12000)\n"
"  --out FILE          - = standard output (-)\n"
"  --duration S        the requests are spread over (3537)\n"
"  --system-blocks N   every request begins with (1)\n"
"  --first PERCENT     scale of the length of first requests (100)\n"
"  --growth PERCENT    scale of what a turn adds (100)\n"
"  --gap PERCENT       scale of the time between turns (100)\n"
"  --turns PERCENT     scale of the chance of another turn (100)\n"
"  --branch N          of 10000 turns go back to an earlier point\n"
"  --agents N          of 10000 sessions are agents\n";

static bool number(const char *text, uint64_t min, uint64_t max, uint64_t *v)
{
	char *end;

	errno = 0;
	*v = strtoull(text, &end, 10);
	return !errno && *text >= '0' && *text <= '9' && !*end && *v >= min &&
	       *v <= max;
}

static bool number32(const char *text, uint32_t min, uint32_t max, uint32_t *v)
{
	uint64_t value = 0;
	bool ok = number(text, min, max, &value);

	*v = (uint32_t)value;
	return ok;
}

static bool set(struct model *m, int opt, const char *arg)
{
	bool ok;

	switch (opt) {
	case OPT_SEED: return number(arg, 0, UINT64_MAX, &m->seed);
	case OPT_REQUESTS: return number(arg, 1, 10000000, &m->requests);
	case OPT_DURATION:
		ok = number(arg, 1, 4000000, &m->duration_ms);
		m->duration_ms *= 1000;
		return ok;
	case OPT_SYSTEM: return number32(arg, 0, 128, &m->system_blocks);
	case OPT_FIRST: return number32(arg, 1, 10000, &m->first_pct);
	case OPT_GROWTH: return number32(arg, 0, 10000, &m->growth_pct);
	case OPT_GAP: return number32(arg, 0, 10000, &m->gap_pct);
	case OPT_TURNS: return number32(arg, 0, 1000, &m->turns_pct);
	case OPT_BRANCH: return number32(arg, 0, 10000, &m->branch);
	case OPT_AGENTS: return number32(arg, 0, 10000, &m->agents);
	default: return false;
	}
}

/* -1 to go on, or an exit code */
static int parse(struct model *m, const char **out, int argc, char **argv)
{
	int opt, index = 0;

	while ((opt = getopt_long(argc, argv, "h", long_options, &index)) >= 0) {
		if (opt == '?')
			return 2;
		if (opt == OPT_HELP || opt == 'h') {
			fputs(usage, stdout);
			return 0;
		}
		if (opt == OPT_VERSION) {
			puts("kvmem-tracegen " KVMEM_VERSION);
			return 0;
		}
		if (opt == OPT_OUT) {
			*out = optarg;
		} else if (!set(m, opt, optarg)) {
			fprintf(stderr, "kvmem-tracegen: bad value for --%s\n",
				long_options[index].name);
			return 2;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "kvmem-tracegen: what is \"%s\"? see --help\n",
		argv[optind]);
	return 2;
}

int main(int argc, char **argv)
{
	struct model m = model_defaults;
	const char *out = "-";
	FILE *to = stdout;
	int ret = parse(&m, &out, argc, argv);

	if (ret >= 0)
		return ret;
	if (strcmp(out, "-"))
		to = fopen(out, "we");
	ret = to ? gen_write(&m, to) : -errno;
	if (to && to != stdout && fclose(to) && !ret)
		ret = -errno;
	if (ret)
		fprintf(stderr, "kvmem-tracegen: %s: %s\n", out,
			strerror(-ret));
	return ret ? 1 : 0;
}
