// SPDX-License-Identifier: GPL-2.0
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"

const char *const mode_names[] = { "copy", "lease", "uring" };

enum {
	OPT_DEVICE = 256, OPT_NS, OPT_SIZE, OPT_CLIENTS, OPT_ORDERED,
	OPT_NO_ORDERED, OPT_LIMIT, OPT_MODE, OPT_BATCH, OPT_DEPTH, OPT_BUFFERS,
	OPT_VERIFY, OPT_NO_VERIFY, OPT_REFUSED, OPT_TIER, OPT_SPEED,
	OPT_PROGRESS, OPT_JSON, OPT_LRU, OPT_CURVE, OPT_REATTACH,
	OPT_FINGERPRINT, OPT_SKIP, OPT_NO_CACHE, OPT_HELP, OPT_VERSION,
};

static const struct option long_options[] = {
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ "ns", required_argument, NULL, OPT_NS },
	{ "fingerprint", required_argument, NULL, OPT_FINGERPRINT },
	{ "block-size", required_argument, NULL, OPT_SIZE },
	{ "clients", required_argument, NULL, OPT_CLIENTS },
	{ "ordered", no_argument, NULL, OPT_ORDERED },
	{ "no-ordered", no_argument, NULL, OPT_NO_ORDERED },
	{ "limit", required_argument, NULL, OPT_LIMIT },
	{ "skip", required_argument, NULL, OPT_SKIP },
	{ "mode", required_argument, NULL, OPT_MODE },
	{ "batch", required_argument, NULL, OPT_BATCH },
	{ "depth", required_argument, NULL, OPT_DEPTH },
	{ "registered", no_argument, NULL, OPT_BUFFERS },
	{ "no-cache", no_argument, NULL, OPT_NO_CACHE },
	{ "verify", no_argument, NULL, OPT_VERIFY },
	{ "no-verify", no_argument, NULL, OPT_NO_VERIFY },
	{ "refused-ok", no_argument, NULL, OPT_REFUSED },
	{ "tier-size", required_argument, NULL, OPT_TIER },
	{ "speed", required_argument, NULL, OPT_SPEED },
	{ "progress", required_argument, NULL, OPT_PROGRESS },
	{ "json", required_argument, NULL, OPT_JSON },
	{ "lru-check", required_argument, NULL, OPT_LRU },
	{ "curve", no_argument, NULL, OPT_CURVE },
	{ "reattach-timeout", required_argument, NULL, OPT_REATTACH },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
"Usage: kvmem-replay [OPTIONS] TRACE.jsonl\n"
"       kvmem-replay --curve [--limit N] [--json FILE] TRACE.jsonl\n"
"Replay a trace of requests against /dev/kvmem and compare every byte.\n"
"\n"
"  --device PATH         device (/dev/kvmem)\n"
"  --ns NAME             namespace, which must exist (default)\n"
"  --fingerprint HEX     its layout fingerprint, 64 digits\n"
"  --block-size BYTES    of every block; k, m suffixes (4096)\n"
"  --clients N           processes (2)\n"
"  --[no-]ordered        one request at a time, in trace order (on)\n"
"  --limit N             only the first N requests\n"
"  --skip N              not the first N of them: another run has had them\n"
"  --mode MODE           copy, lease or uring (copy)\n"
"  --batch N             operations in a call (32)\n"
"  --depth N             calls in flight, uring (8)\n"
"  --registered          copy and uring: through a registered buffer\n"
"  --no-cache            past DRAM, straight to flash; wants --registered\n"
"  --[no-]verify         compare the bytes of hits (on)\n"
"  --refused-ok          a PUT without room is not an error\n"
"  --tier-size BYTES     for the report only\n"
"  --speed X             keep to the timestamps, X times as fast (0 = do not)\n"
"  --progress WHEN       auto, on or off (auto)\n"
"  --json FILE           write the result there as well, - = standard output\n"
"  --lru-check POINTS    fail if the hit rate is further from plain LRU's\n"
"  --curve               hit rates of plain LRU; needs no device\n"
"  --reattach-timeout MS wait for an upgraded module (30000)\n"
"Exit: 0 fine, 1 wrong bytes, errors or a failed check, 2 usage.\n";

static bool parse_u64(const char *text, uint64_t min, uint64_t max,
		      uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	if (*end == 'k' || *end == 'K')
		*value <<= 10;
	else if (*end == 'm' || *end == 'M')
		*value <<= 20;
	else if (*end == 'g' || *end == 'G')
		*value <<= 30;
	else
		end--;
	return !errno && *text >= '0' && *text <= '9' && !end[1] &&
	       *value >= min && *value <= max;
}

static bool parse_double(const char *text, double *value)
{
	char *end;

	*value = strtod(text, &end);
	return end != text && !*end && *value >= 0 && *value < 1e9;
}

static bool parse_word(const char *text, const char *const *words,
		       unsigned int n, unsigned int *value)
{
	for (*value = 0; *value < n; ++*value)
		if (!strcmp(text, words[*value]))
			return true;
	return false;
}

static bool parse_hex(const char *text, uint8_t *to, size_t len)
{
	unsigned int byte;
	size_t i;

	if (strlen(text) != 2 * len ||
	    strspn(text, "0123456789abcdefABCDEF") != 2 * len)
		return false;
	for (i = 0; i < len; i++) {
		sscanf(text + 2 * i, "%2x", &byte);
		to[i] = (uint8_t)byte;
	}
	return true;
}

static bool set_number(struct options *o, int opt, const char *arg)
{
	uint64_t v = 0;
	bool ok;

	switch (opt) {
	case OPT_SIZE:
		return parse_u64(arg, 1, KVMEM_MAX_BLOCK, &o->block_size);
	case OPT_TIER:
		return parse_u64(arg, 0, UINT64_MAX, &o->tier_size);
	case OPT_CLIENTS:
		ok = parse_u64(arg, 1, MAX_CLIENTS, &v);
		o->clients = (unsigned int)v;
		return ok;
	case OPT_LIMIT:
		ok = parse_u64(arg, 1, UINT32_MAX, &v);
		o->limit = v;
		return ok;
	case OPT_SKIP:
		ok = parse_u64(arg, 0, UINT32_MAX, &v);
		o->skip = v;
		return ok;
	case OPT_BATCH:
		ok = parse_u64(arg, 1, KVMEM_MAX_BATCH, &v);
		o->batch = (unsigned int)v;
		return ok;
	case OPT_DEPTH:
		ok = parse_u64(arg, 1, 256, &v);
		o->depth = (unsigned int)v;
		return ok;
	case OPT_REATTACH:
		ok = parse_u64(arg, 1, 3600000, &v);
		o->reattach_ms = (unsigned int)v;
		return ok;
	default:
		return false;
	}
}

static bool set_word(struct options *o, int opt, const char *arg)
{
	static const char *const when[] = { "auto", "on", "off" };
	unsigned int v;

	if (opt == OPT_MODE) {
		if (!parse_word(arg, mode_names, 3, &v))
			return false;
		o->mode = (enum mode)v;
		return true;
	}
	if (!parse_word(arg, when, 3, &v))
		return false;
	o->progress = (enum progress)v;
	return true;
}

static bool set_option(struct options *o, int opt, const char *arg)
{
	switch (opt) {
	case OPT_DEVICE: o->device = arg; return true;
	case OPT_NS: o->ns = arg; return strlen(arg) < KVMEM_NAME_LEN;
	case OPT_FINGERPRINT:
		return parse_hex(arg, o->fingerprint, KVMEM_FINGERPRINT_LEN);
	case OPT_ORDERED: o->ordered = true; return true;
	case OPT_NO_ORDERED: o->ordered = false; return true;
	case OPT_MODE:
	case OPT_PROGRESS: return set_word(o, opt, arg);
	case OPT_BUFFERS: o->use_buffers = true; return true;
	case OPT_NO_CACHE: o->no_cache = true; return true;
	case OPT_VERIFY: o->verify = true; return true;
	case OPT_NO_VERIFY: o->verify = false; return true;
	case OPT_REFUSED: o->refused_ok = true; return true;
	case OPT_SPEED: return parse_double(arg, &o->speed);
	case OPT_JSON: o->json = arg; return true;
	case OPT_LRU: return parse_double(arg, &o->lru_tolerance);
	case OPT_CURVE: o->curve = true; return true;
	default: return set_number(o, opt, arg);
	}
}

static const struct options defaults = {
	.device = KVMEM_DEFAULT_DEVICE,
	.ns = "default",
	.block_size = 4096,
	.clients = 2,
	.ordered = true,
	.mode = MODE_COPY,
	.batch = 32,
	.depth = 8,
	.verify = true,
	.progress = PROGRESS_AUTO,
	.lru_tolerance = -1,
	.sys = &kvmem_linux,
};

static int bad_usage(const char *why, const char *what)
{
	fprintf(stderr, "kvmem-replay: %s%s; see --help\n", why, what);
	return EXIT_USAGE;
}

int options_parse(struct options *o, int argc, char **argv)
{
	int opt, index = 0;

	*o = defaults;
	while ((opt = getopt_long(argc, argv, "h", long_options, &index)) >= 0) {
		if (opt == '?')
			return EXIT_USAGE;
		if (opt == OPT_HELP || opt == 'h') {
			fputs(usage, stdout);
			return EXIT_FINE;
		}
		if (opt == OPT_VERSION) {
			puts("kvmem-replay " KVMEM_VERSION);
			return EXIT_FINE;
		}
		if (!set_option(o, opt, optarg))
			return bad_usage("bad value for --",
					 long_options[index].name);
	}
	if (optind != argc - 1)
		return bad_usage("one trace is needed", "");
	o->trace_path = argv[optind];
	return -1;
}
