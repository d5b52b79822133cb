// SPDX-License-Identifier: GPL-2.0
/* kvmemd: options. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "daemon/daemon.h"
#include "daemon/log.h"

#define EXIT_USAGE	2

struct options {
	const char *path;
	bool check, print;
};

static const char usage[] =
	"Usage: kvmemd [-c FILE] [--check | --print-config]\n"
	"\n"
	"  -c, --config FILE  default " CONFIG_DEFAULT_FILE "\n"
	"      --check        read the configuration, say what is wrong with it, exit\n"
	"      --print-config print the configuration with all defaults, exit\n"
	"      --foreground   do not fork; that is the only way it works\n"
	"      --version      print the version, exit\n"
	"  -h, --help         print this, exit\n";

static void on_config_error(void *arg, const char *message)
{
	(void)arg;
	log_err("%s", message);
}

/* -1: go on; else the exit status */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'k' },
		{ "print-config", no_argument, NULL, 'p' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->path = optarg;
			break;
		case 'k':
			o->check = true;
			break;
		case 'p':
			o->print = true;
			break;
		case 'f':
			break;
		case 'V':
			puts("kvmemd " KVMEM_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "kvmemd: takes no operand: %s\n", argv[optind]);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct options o = { .path = CONFIG_DEFAULT_FILE };
	struct config *config;
	int rc = parse(argc, argv, &o);

	if (rc >= 0)
		return rc;
	log_init(NULL);
	config = config_load(o.path, on_config_error, NULL);
	if (!config)
		return 1;
	if (!o.check && !o.print)
		return daemon_run(o.path, config);
	if (o.print)
		config_print(config, stdout);
	config_free(config);
	return fflush(stdout) ? 1 : 0;
}
