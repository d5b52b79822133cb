// SPDX-License-Identifier: GPL-2.0
/*
 * bench: the measurements of `make bench` that are made from user space.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "bench.h"

struct bench_options opt = { .rounds = 3, .scale = 1 };
unsigned char *bench_buf;

static const struct {
	const char *name;
	void (*run)(void);
} groups[] = {
	{ "kvmem", bench_kvmem },
	{ "tmpfs", bench_tmpfs },
	{ "shm", bench_shm },
	{ "redis", bench_redis },
	{ "footprint", bench_footprint },
	{ "flash", bench_flash },
	{ "nvme-theirs", bench_nvme_theirs },
	{ "nvme-ours", bench_nvme_ours },
};

static void usage(void)
{
	fprintf(stderr,
		"bench --out FILE [--rounds N] [--scale N] [--redis SOCKET --redis-pid PID]\n"
		"      [--device PATH --files DIR [--speed]] GROUP...\n"
		"      [--device PATH --nsid N [--nothing-kept]] nvme-theirs\n"
		"      [--files DIR [--verified]] nvme-ours\n"
		"groups: kvmem tmpfs shm redis footprint flash nvme-theirs nvme-ours; spin OPERATION: for ever\n");
	exit(2);
}

static void run(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		if (!strcmp(groups[i].name, name)) {
			groups[i].run();
			return;
		}
	}
	usage();
}

static unsigned int number(const char *text, unsigned int min, unsigned int max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || n < min || n > max)
		usage();
	return n;
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "out", required_argument, NULL, 'o' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "scale", required_argument, NULL, 's' },
		{ "redis", required_argument, NULL, 'R' },
		{ "redis-pid", required_argument, NULL, 'p' },
		{ "device", required_argument, NULL, 'd' },
		{ "files", required_argument, NULL, 'f' },
		{ "nsid", required_argument, NULL, 'n' },
		{ "nothing-kept", no_argument, NULL, 'k' },
		{ "verified", no_argument, NULL, 'v' },
		{ "speed", no_argument, NULL, 'S' },
		{ }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			opt.out = fopen(optarg, "a");
			if (!opt.out)
				bench_die(optarg);
			break;
		case 'r':
			opt.rounds = number(optarg, 3, BENCH_ROUNDS_MAX);
			break;
		case 's':
			opt.scale = number(optarg, 1, 1000);
			break;
		case 'R':
			opt.redis = optarg;
			break;
		case 'p':
			opt.redis_pid = number(optarg, 1, 1U << 30);
			break;
		case 'd':
			opt.device = optarg;
			break;
		case 'n':
			opt.nsid = number(optarg, 1, 1U << 16);
			break;
		case 'k':
			opt.nothing_kept = true;
			break;
		case 'v':
			opt.verified = true;
			break;
		case 'S':
			opt.speed = true;
			break;
		case 'f':
			opt.files = optarg;
			break;
		default:
			usage();
		}
	}
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	if (!opt.out || optind == argc)
		usage();
	/* Room behind 1 MiB for the end of a RESP string. */
	bench_buf = bench_memory(MIB + 4 * KIB);
	if (argc - optind == 2 && !strcmp(argv[optind], "spin"))
		bench_spin(argv[optind + 1]);
	for (; optind < argc; optind++)
		run(argv[optind]);
	if (fclose(opt.out))
		bench_die("output");
	return 0;
}
