// SPDX-License-Identifier: GPL-2.0
/*
 * CPU time of rounds of calls.  Under -icount a nanosecond is an instruction.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "bench.h"

const size_t bench_sizes[3] = { 4 * KIB, 64 * KIB, MIB };

static uint8_t keys[BENCH_KEYS][KVMEM_KEY_LEN];
volatile uint32_t bench_sum;
static double last;

struct reading {
	uint64_t self, server;
	uint64_t switches, preempted;
};

struct sample {
	double per_op, server_per_op;
	uint64_t switches, preempted;
};

void bench_die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Touched, so that no fault is measured. */
void *bench_memory(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		bench_die("mmap");
	memset(p, 1, len);
	return p;
}

/* Content -------------------------------------------------------------------- */

static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

const uint8_t *bench_key(unsigned int i)
{
	static bool made;
	uint64_t state = 7;
	unsigned int k, w;

	for (k = 0; !made && k < BENCH_KEYS; k++) {
		for (w = 0; w < KVMEM_KEY_LEN; w += 8) {
			uint64_t word = next(&state);

			memcpy(&keys[k][w], &word, 8);
		}
	}
	made = true;
	return keys[i];
}

void bench_content(void *buf, size_t len, unsigned int i)
{
	uint64_t state = i, word;
	size_t at;

	for (at = 0; at < len; at += 8) {
		word = next(&state);
		memcpy((char *)buf + at, &word, len - at < 8 ? len - at : 8);
	}
}

void bench_expect(const void *buf, size_t len, unsigned int i, const char *who)
{
	void *want = bench_memory(len);

	bench_content(want, len, i);
	if (memcmp(buf, want, len)) {
		errno = EBADMSG;
		bench_die(who);
	}
	munmap(want, len);
}

unsigned int bench_set(size_t bytes)
{
	return bytes >= MIB ? 8 : bytes >= 64 * KIB ? 64 : 256;
}

unsigned int bench_pick(const struct bench_case *c, unsigned int i)
{
	return i * 2654435761U % bench_set(c->bytes);
}

/* Time ----------------------------------------------------------------------- */

static uint64_t cpu_time(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t))
		bench_die("clock_gettime");
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void read_all(const struct bench_case *c, struct reading *r)
{
	struct rusage u;
	clockid_t clock;

	r->server = 0;
	if (c->server) {
		if (clock_getcpuclockid(c->server, &clock))
			bench_die("clock_getcpuclockid");
		r->server = cpu_time(clock);
	}
	getrusage(RUSAGE_SELF, &u);
	r->switches = u.ru_nvcsw;
	r->preempted = u.ru_nivcsw;
	/* All threads: workers of io_uring belong to the process. */
	r->self = cpu_time(CLOCK_PROCESS_CPUTIME_ID);
}

static void measure_round(const struct bench_case *c, unsigned int calls, struct sample *s)
{
	double ops = (double)calls * (c->per_call ?: 1);
	struct reading a, b;
	unsigned int i;

	if (c->before)
		c->before(c, calls);
	read_all(c, &a);
	for (i = 0; i < calls; i++)
		c->op(c, i);
	read_all(c, &b);
	if (c->after)
		c->after(c, calls);
	s->server_per_op = (b.server - a.server) / ops;
	s->per_op = (b.self - a.self) / ops + s->server_per_op;
	s->switches = b.switches - a.switches;
	s->preempted = b.preempted - a.preempted;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(const struct bench_case *c, unsigned int calls, const struct sample *s)
{
	double sorted[BENCH_ROUNDS_MAX];
	unsigned int r;

	fprintf(opt.out, "{\"what\": \"%s\", \"system\": \"%s\", \"bytes\": %zu, \"ops\": %u",
		c->what, c->system, c->bytes, calls * (c->per_call ?: 1));
	fprintf(opt.out, ", \"per_op\": [");
	for (r = 0; r < opt.rounds; r++) {
		sorted[r] = s[r].per_op;
		fprintf(opt.out, "%s%.1f", r ? ", " : "", s[r].per_op);
	}
	fprintf(opt.out, "], \"server_per_op\": [");
	for (r = 0; r < opt.rounds; r++)
		fprintf(opt.out, "%s%.1f", r ? ", " : "", s[r].server_per_op);
	fprintf(opt.out, "], \"switches\": [");
	for (r = 0; r < opt.rounds; r++)
		fprintf(opt.out, "%s%llu", r ? ", " : "", (unsigned long long)s[r].switches);
	fprintf(opt.out, "], \"preempted\": [");
	for (r = 0; r < opt.rounds; r++)
		fprintf(opt.out, "%s%llu", r ? ", " : "", (unsigned long long)s[r].preempted);
	fprintf(opt.out, "]}\n");
	fflush(opt.out);
	qsort(sorted, opt.rounds, sizeof(*sorted), by_value);
	last = sorted[opt.rounds / 2];
	fprintf(stderr, "%-28s %-30s %8zu %12.0f\n", c->what, c->system, c->bytes, last);
}

/* The first round warms up and is thrown away. */
void bench_measure(const struct bench_case *c)
{
	struct sample s[BENCH_ROUNDS_MAX];
	unsigned int calls = c->calls / opt.scale, r;

	if (calls < 4)
		calls = 4;
	measure_round(c, calls, &s[0]);
	for (r = 0; r < opt.rounds; r++)
		measure_round(c, calls, &s[r]);
	report(c, calls, s);
}

double bench_last(void)
{
	return last;
}

void bench_check(const char *name, bool pass, double value, const char *unit)
{
	fprintf(opt.out, "{\"check\": \"%s\", \"pass\": %s, \"value\": %.3f, \"unit\": \"%s\"}\n",
		name, pass ? "true" : "false", value, unit);
	fflush(opt.out);
	fprintf(stderr, "%s: %s (%.2f %s)\n", name, pass ? "PASS" : "FAIL", value, unit);
}
