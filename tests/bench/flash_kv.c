// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "flash.h"

/*
 * A drive of limited speed lets its first bytes pass; and what deletions set off
 * (entries, empty segments) shall not count for who puts next.
 */
#define REST_US		500000
#define QUEUE_BATCHES	2	/* commands under way; their operations are the depth */

static struct kvmem *kv;
static struct kvmem_queue *queue;
static unsigned char *memory;
static unsigned int get_flags;
static uint32_t buf_id;
static struct kvmem_op ops[DEPTH_MAX];
static unsigned int order[SET_MAX], next_in_order;
/* Of the set: who asks for a block has its key, and it is not us who makes keys. */
static uint8_t set_keys[SET_MAX][KVMEM_KEY_LEN];
static uint64_t next_key;	/* of blocks that are put and deleted again */

/* Clocks --------------------------------------------------------------------- */

double flash_seconds_ns(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t))
		bench_die("clock_gettime");
	return t.tv_sec * 1e9 + t.tv_nsec;
}

/* Nanoseconds for which the processors have been idle, exact. */
static double idle_ns(void)
{
	static char text[1 << 18];
	FILE *f = fopen("/proc/timer_list", "r");
	double idle = 0;
	unsigned int seen = 0;
	size_t n;
	char *at;

	if (!f)
		bench_die("/proc/timer_list");
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	for (at = text; (at = strstr(at, "_sleeptime")); at++, seen++)
		idle += strtod(strchr(at, ':') + 1, NULL);
	if (!seen) {
		errno = ENOENT;
		bench_die("/proc/timer_list: idle time");
	}
	return idle;
}

double flash_children_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e9 +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e3;
}

void flash_clock_read(struct flash_clock *c)
{
	double idle = idle_ns();

	c->wall = flash_seconds_ns(CLOCK_MONOTONIC);
	c->busy = c->wall - idle;
	c->cpu = flash_seconds_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void flash_clock_since(const struct flash_clock *start, struct flash_clock *took)
{
	struct flash_clock now;

	now.cpu = flash_seconds_ns(CLOCK_PROCESS_CPUTIME_ID);
	now.wall = flash_seconds_ns(CLOCK_MONOTONIC);
	now.busy = now.wall - idle_ns();
	took->wall = now.wall - start->wall;
	took->cpu = now.cpu - start->cpu;
	took->busy = now.busy - start->busy;
}

/* kvmem ------------------------------------------------------------------------ */

static void key_of(uint8_t *key, uint64_t n)
{
	uint64_t z = (n + 1) * 0x9e3779b97f4a7c15ULL;
	unsigned int i;

	for (i = 0; i < KVMEM_KEY_LEN; i += 8) {
		z ^= z >> 29;
		z *= 0xbf58476d1ce4e5b9ULL;
		memcpy(key + i, &z, 8);
	}
}

unsigned int flash_set_size(const struct flash_case *c)
{
	return SET_BYTES / c->bytes;
}

unsigned int flash_pick(const struct flash_case *c)
{
	return order[next_in_order++ % flash_set_size(c)];
}

static void op_fill(const struct flash_case *c, unsigned int slot)
{
	struct kvmem_op *op = &ops[slot];

	kvmem_op_init(op, c->write ? KVMEM_OP_PUT : KVMEM_OP_GET, NULL);
	/* Blocks of every size have keys of their own. */
	if (c->write)
		key_of(op->key, next_key++);
	else
		memcpy(op->key, set_keys[flash_pick(c)], KVMEM_KEY_LEN);
	op->flags = KVMEM_OP_F_NOCACHE;
	op->buf = buf_id;
	op->addr = slot * c->bytes;
	op->len = c->bytes;
}

/* Whatever went another way would be measured as something that it is not. */
static void ops_check(const struct flash_case *c, const struct kvmem_op *op, unsigned int n)
{
	for (; n; n--, op++) {
		if (!op->status && op->bytes == c->bytes && op->tier == KVMEM_TIER_FLASH &&
		    (c->write || op->res_flags == get_flags))
			continue;
		fprintf(stderr, "status %d, %llu bytes, tier %u, flags %#x\n", op->status,
			(unsigned long long)op->bytes, op->tier, op->res_flags);
		errno = op->status ? -op->status : EREMOTEIO;
		bench_die(c->write ? "put to flash" : "get from flash");
	}
}

static void run_batch(const struct flash_case *c)
{
	unsigned int slot;

	for (slot = 0; slot < c->depth; slot++)
		op_fill(c, slot);
	kvmem_batch_run(kv, ops, c->depth, 0);
	ops_check(c, ops, c->depth);
}

void flash_run_ioctl(const struct flash_case *c, struct flash_clock *took)
{
	struct flash_clock start;
	unsigned int i;

	flash_clock_read(&start);
	for (i = 0; i < c->ops; i += c->depth)
		run_batch(c);
	flash_clock_since(&start, took);
}

static void queue_submit(const struct flash_case *c, unsigned int first, unsigned int n)
{
	unsigned int slot;

	for (slot = first; slot < first + n; slot++)
		op_fill(c, slot);
	errno = -kvmem_queue_submit(queue, &ops[first], n, 0, NULL);
	if (errno)
		bench_die("kvmem_queue_submit");
}

/* Two commands under way, each with half of the operations. */
void flash_run_queue(const struct flash_case *c, struct flash_clock *took)
{
	unsigned int n = c->depth / QUEUE_BATCHES ?: 1, sent = 0, done;
	struct kvmem_completion end;
	struct flash_clock start;

	flash_clock_read(&start);
	for (; sent < c->depth; sent += n)
		queue_submit(c, sent, n);
	for (done = 0; done < c->ops; done += n) {
		if (kvmem_queue_wait(queue, -1, &end) != 1)
			bench_die("kvmem_queue_wait");
		ops_check(c, end.ops, n);
		if (sent < c->ops) {
			queue_submit(c, end.ops - ops, n);
			sent += n;
		}
	}
	flash_clock_since(&start, took);
}

static void delete_range(uint64_t from, uint64_t to)
{
	struct kvmem_op op;

	for (; from < to; from++) {
		kvmem_op_init(&op, KVMEM_OP_DELETE, NULL);
		key_of(op.key, from);
		if (kvmem_batch_run(kv, &op, 1, 0) != 1) {
			errno = -op.status;
			bench_die("delete");
		}
	}
}

/* Cases ---------------------------------------------------------------------------- */

static void values(const char *name, const struct flash_case *c, const double *v)
{
	unsigned int r;

	fprintf(opt.out, ", \"%s\": [", name);
	for (r = 0; r < opt.rounds; r++)
		fprintf(opt.out, "%s%.0f", r ? ", " : "", v[r] / c->ops);
	fprintf(opt.out, "]");
}

static void report(const struct flash_case *c, const char *system, const struct flash_clock *took)
{
	double v[3][BENCH_ROUNDS_MAX];
	unsigned int r;

	for (r = 0; r < opt.rounds; r++) {
		v[0][r] = took[r].wall;
		v[1][r] = took[r].cpu;
		v[2][r] = took[r].busy;
		fprintf(stderr, "%s %8zu x %2u %-16s %8.1f MiB/s %10.0f cpu %10.0f busy\n",
			c->write ? "put" : "get", c->bytes, c->depth, system,
			c->bytes * c->ops / took[r].wall * 1e9 / MIB,
			took[r].cpu / c->ops, took[r].busy / c->ops);
	}
	fprintf(opt.out, "{\"what\": \"%s\", \"system\": \"%s\", \"bytes\": %zu",
		c->write ? "put" : "get", system, c->bytes);
	fprintf(opt.out, ", \"depth\": %u, \"ops\": %u", c->depth, c->ops);
	values("wall_ns", c, v[0]);
	values("cpu_ns", c, v[1]);
	values("busy_ns", c, v[2]);
	fprintf(opt.out, "}\n");
	fflush(opt.out);
}

void flash_measure(const struct flash_case *c, const struct flash_way *ways, unsigned int nr)
{
	struct flash_clock took[4][BENCH_ROUNDS_MAX];
	uint64_t put = next_key;
	unsigned int r, w;

	/* The first round warms up, and is thrown away. */
	for (r = 0; r < opt.rounds + 1; r++) {
		for (w = 0; w < nr; w++) {
			if (opt.speed || c->write)
				usleep(REST_US);
			ways[w].run(c, &took[w][r ? r - 1 : 0]);
			delete_range(put, next_key);
			put = next_key;
		}
	}
	for (w = 0; w < nr; w++)
		report(c, ways[w].system, took[w]);
}

void flash_shuffle(unsigned int n)
{
	uint64_t state = 1;
	unsigned int i, j, t;

	for (i = 0; i < n; i++)
		order[i] = i;
	for (i = n - 1; i; i--) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		j = (state >> 33) % (i + 1);
		t = order[i];
		order[i] = order[j];
		order[j] = t;
	}
}

void flash_fill(const struct flash_case *c)
{
	struct flash_case put = *c;
	uint64_t saved = next_key;
	unsigned int i;

	put.write = true;
	next_key = c->bytes;
	for (i = 0; i < flash_set_size(c); i++) {
		bench_content(memory, 4 * KIB, i);
		key_of(set_keys[i], next_key);
		op_fill(&put, 0);
		kvmem_batch_run(kv, ops, 1, 0);
		ops_check(&put, ops, 1);
	}
	next_key = saved;
}

/* What comes back is what was put. */
void flash_prove(const struct flash_case *c)
{
	next_in_order = 0;
	op_fill(c, 0);
	kvmem_batch_run(kv, ops, 1, 0);
	ops_check(c, ops, 1);
	bench_expect(memory, 4 * KIB, order[0], "flash: wrong bytes");
}

void flash_open(unsigned char *at, size_t bytes, int dmabuf, unsigned int flags)
{
	struct kvmem_options options = KVMEM_OPTIONS_INIT;

	options.ns = "flash";
	next_key = 1ULL << 40;
	memory = at;
	get_flags = flags;
	errno = -kvmem_open(&options, &kv);
	if (errno)
		bench_die("kvmem_open");
	errno = -(dmabuf < 0 ? kvmem_buf_register(kv, at, bytes, 0, &buf_id) :
		  kvmem_buf_register_dmabuf(kv, dmabuf, 0, bytes, &buf_id));
	if (errno)
		bench_die("a buffer");
	errno = -kvmem_queue_create(kv, QUEUE_BATCHES, &queue);
	if (errno)
		bench_die("kvmem_queue_create");
}

void flash_close(void)
{
	kvmem_queue_destroy(queue);
	kvmem_close(kv);
}

void flash_empty(const struct flash_case *c)
{
	delete_range(c->bytes, c->bytes + flash_set_size(c));
}

void flash_spin(const struct flash_case *c)
{
	uint64_t put = next_key;

	for (;;) {
		run_batch(c);
		/* Seldom: it is not what is looked at. */
		if ((next_key - put) * c->bytes < 8 * SET_BYTES)
			continue;
		delete_range(put, next_key);
		put = next_key;
	}
}
