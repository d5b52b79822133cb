// SPDX-License-Identifier: GPL-2.0
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/parse.h"

#define MAX_SPECS	32

enum { OPT_JSON = 256, OPT_HELP, OPT_SPEC };

static int build(struct option *opts, const struct arg_spec *specs)
{
	int n = 0, i;

	opts[n++] = (struct option){ "json", no_argument, NULL, OPT_JSON };
	opts[n++] = (struct option){ "help", no_argument, NULL, OPT_HELP };
	for (i = 0; specs && specs[i].name; i++) {
		/* Options that are left out in silence are worse. */
		assert(i < MAX_SPECS);
		opts[n++] = (struct option){
			specs[i].name,
			specs[i].flag ? no_argument :
			specs[i].optional ? optional_argument : required_argument,
			NULL, OPT_SPEC + i
		};
	}
	opts[n] = (struct option){ 0 };
	return n;
}

static int add(struct args *args, const struct arg_spec *spec, const char *value)
{
	if (!spec->repeat && args_has(args, spec->name))
		return ctl_usage("--%s is given twice", spec->name);
	if (args->nr_opts == ARGS_MAX)
		return ctl_usage("too many options");
	args->opt[args->nr_opts++] = (struct arg){ spec, value };
	return 0;
}

/* What follows is the value when it is a duration, and else another argument. */
static const char *maybe_value(int argc, char **argv)
{
	uint64_t ms;

	if (optarg || optind >= argc || parse_duration(argv[optind], 1000, INT64_MAX, &ms))
		return optarg;
	return argv[optind++];
}

static int one(struct args *args, const struct arg_spec *specs, int opt, int argc,
	       char **argv)
{
	const struct arg_spec *spec = &specs[opt - OPT_SPEC];

	switch (opt) {
	case OPT_JSON:
		args->json = true;
		return 0;
	case 'h':
	case OPT_HELP:
		args->help = true;
		return 0;
	case ':':
		return ctl_usage("%s needs a value", argv[optind - 1]);
	case '?':
		return ctl_usage("unknown or ambiguous option %s", argv[optind - 1]);
	default:
		return add(args, spec, spec->optional ? maybe_value(argc, argv) : optarg);
	}
}

int args_parse(struct args *args, const struct arg_spec *specs, int max_pos,
	       int argc, char **argv)
{
	struct option opts[MAX_SPECS + 3];
	int opt, err;

	memset(args, 0, sizeof(*args));
	build(opts, specs);
	optind = 0;
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":h", opts, NULL)) != -1) {
		err = one(args, specs, opt, argc, argv);
		if (err)
			return err;
	}
	for (; optind < argc; optind++) {
		if (args->nr_pos == max_pos)
			return ctl_usage("%s is one argument too many", argv[optind]);
		args->pos[args->nr_pos++] = argv[optind];
	}
	return 0;
}

static const struct arg *find(const struct args *args, const char *name)
{
	int i;

	for (i = 0; i < args->nr_opts; i++)
		if (!strcmp(args->opt[i].spec->name, name))
			return &args->opt[i];
	return NULL;
}

bool args_has(const struct args *args, const char *name)
{
	return find(args, name);
}

const char *args_get(const struct args *args, const char *name)
{
	const struct arg *arg = find(args, name);

	return arg ? arg->value : NULL;
}

int args_seconds(const struct args *args, const char *name, uint64_t def, uint64_t *ms)
{
	const char *text = args_get(args, name);

	*ms = def;
	if (!text || !parse_duration(text, 1000, 1000ULL * 86400 * 365, ms))
		return 0;
	return ctl_usage("--%s %s: want seconds, or a number with ms, s, m, h or d",
			 name, text);
}

int args_real(const struct args *args, const char *name, double def, double *value)
{
	const char *text = args_get(args, name);

	*value = def;
	if (!text || !parse_real(text, value))
		return 0;
	return ctl_usage("--%s %s: want a number above 0", name, text);
}

int args_count(const struct args *args, const char *name, uint64_t max, uint64_t def,
	       uint64_t *value)
{
	const char *text = args_get(args, name);

	*value = def;
	if (!text || !parse_count(text, max, value))
		return 0;
	return ctl_usage("--%s %s: want a number up to %llu", name, text,
			 (unsigned long long)max);
}
