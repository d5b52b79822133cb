// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of the kernel per block, besides the bytes of the blocks.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "bench.h"
#include "kvmem_nl.h"

#define BLOCKS		200000U
#define BYTES		512UL
#define BATCH		500U
#define TARGET		160

/* Of /proc/meminfo, bytes */
static const char *const names[] = {
	"MemFree", "MemAvailable", "Slab", "SUnreclaim", "VmallocUsed", "Percpu", "PageTables",
};

#define MAX_CACHES	400

struct cache {
	char name[40];
	uint64_t bytes;
};

struct state {
	uint64_t mem[ARRAY_SIZE(names)];
	uint64_t per_cpu_lists;		/* free pages that MemFree does not count */
	uint64_t arena;
	struct cache caches[MAX_CACHES];
	unsigned int nr_caches;
};

static uint64_t meminfo(const char *text, const char *name)
{
	const char *p = strstr(text, name);

	if (!p)
		bench_die(name);
	return strtoull(strchr(p, ':') + 1, NULL, 10) * KIB;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		bench_die(path);
	close(fd);
}

static uint64_t per_cpu_lists(void)
{
	FILE *f = fopen("/proc/zoneinfo", "r");
	unsigned long long count;
	uint64_t pages = 0;
	char text[256];

	if (!f)
		bench_die("/proc/zoneinfo");
	while (fgets(text, sizeof(text), f))
		if (sscanf(text, " count: %llu", &count) == 1)
			pages += count;
	fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

static void slab_caches(struct state *s)
{
	FILE *f = fopen("/proc/slabinfo", "r");
	unsigned long pages, slabs;
	char text[512], *p;

	s->nr_caches = 0;
	while (f && s->nr_caches < MAX_CACHES && fgets(text, sizeof(text), f)) {
		struct cache *c = &s->caches[s->nr_caches];

		p = strstr(text, ": slabdata");
		if (!p || sscanf(text, "%39s %*u %*u %*u %*u %lu", c->name, &pages) != 2 ||
		    sscanf(p, ": slabdata %*u %lu", &slabs) != 1)
			continue;
		c->bytes = slabs * pages * sysconf(_SC_PAGESIZE);
		s->nr_caches++;
	}
	if (f)
		fclose(f);
}

/* Caches that have nothing to do with it are dropped; then nothing moves. */
static void look(struct state *s)
{
	struct kvt_arena_info info;
	char text[8192];
	unsigned int i;
	ssize_t n;
	int fd;

	for (i = 0; i < 2; i++) {
		sync();
		write_file("/proc/sys/vm/drop_caches", "3");
		usleep(500000);
	}
	fd = open("/proc/meminfo", O_RDONLY);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		bench_die("/proc/meminfo");
	close(fd);
	text[n] = '\0';
	for (i = 0; i < ARRAY_SIZE(names); i++)
		s->mem[i] = meminfo(text, names[i]);
	if (kvt_nl_stats(&info))
		bench_die("statistics");
	s->arena = info.allocated;
	s->per_cpu_lists = per_cpu_lists();
	slab_caches(s);
}

static void key_of(uint8_t *key, unsigned int i)
{
	uint64_t z = (i + 1) * 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	memset(key, 0, KVMEM_KEY_LEN);
	memcpy(key, &z, sizeof(z));
	memcpy(key + 8, &i, sizeof(i));
}

static void put_blocks(int fd, struct kvmem_op *ops)
{
	unsigned int i, j;

	for (i = 0; i < BLOCKS; i += BATCH) {
		for (j = 0; j < BATCH; j++) {
			ops[j] = kv_op(KVMEM_OP_PUT, NULL);
			key_of(ops[j].key, i + j);
			ops[j].addr = (uintptr_t)bench_buf;
			ops[j].len = BYTES;
		}
		kv_batch(fd, ops, BATCH);
	}
}

/* Slab caches that grew by a byte a block or more */
static void report_caches(const struct state *a, const struct state *b)
{
	const char *comma = "";
	unsigned int i, j;

	fprintf(opt.out, "\"slabs\": {");
	for (i = 0; i < b->nr_caches; i++) {
		int64_t grown = b->caches[i].bytes;

		for (j = 0; j < a->nr_caches; j++)
			if (!strcmp(a->caches[j].name, b->caches[i].name))
				grown -= a->caches[j].bytes;
		if (grown < (int64_t)BLOCKS)
			continue;
		fprintf(opt.out, "%s\"%s\": %lld", comma, b->caches[i].name, (long long)grown);
		comma = ", ";
	}
	fprintf(opt.out, "}, ");
}

static int64_t not_free(const struct state *a, const struct state *b)
{
	return a->mem[0] + a->per_cpu_lists - b->mem[0] - b->per_cpu_lists;
}

static double report(const struct state *a, const struct state *b)
{
	int64_t arena = b->arena - a->arena;
	double taken, kernel;
	unsigned int i;

	/* What is not free any more, and is not the arena's. */
	taken = (double)(not_free(a, b) - arena) / BLOCKS;
	/* The same from the kernel's own books. */
	kernel = (double)(int64_t)(b->mem[2] - a->mem[2] + b->mem[4] - a->mem[4] +
				   b->mem[5] - a->mem[5]) / BLOCKS;
	fprintf(opt.out, "{\"blocks\": %u, \"bytes\": %lu, \"arena\": %lld, ", BLOCKS, BYTES,
		(long long)arena);
	for (i = 0; i < ARRAY_SIZE(names); i++)
		fprintf(opt.out, "\"%s\": %lld, ", names[i],
			(long long)(b->mem[i] - a->mem[i]));
	report_caches(a, b);
	fprintf(opt.out, "\"per_block_taken\": %.1f, \"per_block_books\": %.1f, ", taken, kernel);
	fprintf(opt.out, "\"arena_per_byte\": %.4f}\n", (double)arena / BLOCKS / BYTES);
	return taken > kernel ? taken : kernel;
}

void bench_footprint(void)
{
	struct kvmem_op *ops = bench_memory(BATCH * sizeof(*ops));
	static struct state before, after;
	double worst = 0, one;
	struct kvmem_ns_info info;
	unsigned int r;
	int fd;

	look(&before);
	for (r = 0; r < opt.rounds; r++) {
		if (kvt_nl_ns_new("footprint", NULL, NULL))
			bench_die("namespace");
		fd = kv_open("footprint");
		look(&before);
		put_blocks(fd, ops);
		look(&after);
		info = kv_info(fd);
		if (info.used_blocks != BLOCKS || info.evictions) {
			fprintf(stderr, "bench: %llu blocks are there, %llu were evicted\n",
				(unsigned long long)info.used_blocks,
				(unsigned long long)info.evictions);
			exit(1);
		}
		one = report(&before, &after);
		if (one > worst)
			worst = one;
		close(fd);
		kvt_nl_ns_del("footprint");
	}
	bench_check("kernel memory per block besides its data, 160 bytes at most", worst <= TARGET,
		    worst, "bytes, worst round");
}
