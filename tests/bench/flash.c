// SPDX-License-Identifier: GPL-2.0
/*
 * Flash: put and get between a registered buffer and a drive, next to fio on a raw
 * namespace of the same drive, and to a file per block on ext4.
 *
 * Three clocks: time, CPU time of the process, and what the machine was not idle
 * for: that has interrupts and kernel threads in it, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <libkvmem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "bench.h"

#define DEPTH_MAX	32
#define SIZE_MAX_BYTES	(4 * MIB)
#define SET_BYTES	(128 * MIB)	/* of blocks that are there */
#define SET_MAX		(SET_BYTES / (128 * KIB))
/*
 * A drive of limited speed lets its first bytes pass; and what deletions set off
 * (entries, empty segments) shall not count for who puts next.
 */
#define REST_US		500000
#define QUEUE_BATCHES	2	/* commands under way; their operations are the depth */

/**
 * struct flash_case - one line of the table
 * @write: put, else get
 * @bytes: per operation
 * @depth: operations under way
 * @ops: in a round
 */
struct flash_case {
	bool write;
	size_t bytes;
	unsigned int depth;
	unsigned int ops;
};

struct flash_clock {
	double wall, cpu, busy;
};

struct flash_way {
	const char *system;
	void (*run)(const struct flash_case *c, struct flash_clock *took);
};

static struct kvmem *kv;
static struct kvmem_queue *queue;
static unsigned char *memory;
static uint32_t buf_id;
static struct kvmem_op ops[DEPTH_MAX];
static unsigned int order[SET_MAX], next_in_order;
static uint64_t next_key;	/* of blocks that are put and deleted again */

/* Clocks --------------------------------------------------------------------- */

static double seconds_ns(clockid_t clock)
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

static double children_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e9 +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e3;
}

static void clock_read(struct flash_clock *c)
{
	double idle = idle_ns();

	c->wall = seconds_ns(CLOCK_MONOTONIC);
	c->busy = c->wall - idle;
	c->cpu = seconds_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static void clock_since(const struct flash_clock *start, struct flash_clock *took)
{
	struct flash_clock now;

	now.cpu = seconds_ns(CLOCK_PROCESS_CPUTIME_ID);
	now.wall = seconds_ns(CLOCK_MONOTONIC);
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

static unsigned int set_size(const struct flash_case *c)
{
	return SET_BYTES / c->bytes;
}

static unsigned int pick(const struct flash_case *c)
{
	return order[next_in_order++ % set_size(c)];
}

static void op_fill(const struct flash_case *c, unsigned int slot)
{
	struct kvmem_op *op = &ops[slot];

	kvmem_op_init(op, c->write ? KVMEM_OP_PUT : KVMEM_OP_GET, NULL);
	/* Blocks of every size have keys of their own. */
	key_of(op->key, c->write ? next_key++ : c->bytes + pick(c));
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
		    (c->write || op->res_flags & KVMEM_RES_F_VERIFIED))
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

static void run_ioctl(const struct flash_case *c, struct flash_clock *took)
{
	struct flash_clock start;
	unsigned int i;

	clock_read(&start);
	for (i = 0; i < c->ops; i += c->depth)
		run_batch(c);
	clock_since(&start, took);
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
static void run_queue(const struct flash_case *c, struct flash_clock *took)
{
	unsigned int n = c->depth / QUEUE_BATCHES ?: 1, sent = 0, done;
	struct kvmem_completion end;
	struct flash_clock start;

	clock_read(&start);
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
	clock_since(&start, took);
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

/* fio ---------------------------------------------------------------------------- */

static void fio_exec(const struct flash_case *c, unsigned int n)
{
	char bs[32], depth[32], io_size[48], size[32];
	char *const args[] = { "fio", "--name=fio", (char *)opt.device_arg, "--ioengine=io_uring",
		"--fixedbufs=1", "--direct=1", c->write ? "--rw=write" : "--rw=randread",
		"--norandommap=1", "--thread=1", "--allow_mounted_write=1",
		"--output-format=json", "--output=/tmp/fio.json", bs, depth, io_size, size, NULL };

	snprintf(bs, sizeof(bs), "--bs=%zu", c->bytes);
	snprintf(depth, sizeof(depth), "--iodepth=%u", c->depth);
	snprintf(io_size, sizeof(io_size), "--io_size=%zu", c->bytes * n);
	snprintf(size, sizeof(size), "--size=%lu", SET_BYTES);
	execvp("fio", args);
	bench_die("fio");
}

/* Bytes per second that fio says it has moved. */
static double fio_bandwidth(void)
{
	static char text[1 << 16];
	FILE *f = fopen("/tmp/fio.json", "r");
	double bw = 0, one;
	size_t n;
	char *at;

	if (!f)
		bench_die("/tmp/fio.json");
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	for (at = text; (at = strstr(at, "\"bw_bytes\"")); at++) {
		one = strtod(strchr(at, ':') + 1, NULL);
		if (one > bw)
			bw = one;
	}
	if (bw <= 0) {
		errno = ENODATA;
		bench_die("fio");
	}
	return bw;
}

static void fio_once(const struct flash_case *c, unsigned int n, struct flash_clock *took)
{
	struct flash_clock start;
	double cpu = children_ns();
	int status;
	pid_t pid;

	clock_read(&start);
	pid = fork();
	if (!pid)
		fio_exec(c, n);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		bench_die("fio");
	clock_since(&start, took);
	took->cpu = children_ns() - cpu;
	if (status) {
		errno = ECHILD;
		bench_die("fio failed");
	}
	took->wall = c->bytes * n / fio_bandwidth() * 1e9;
}

/*
 * A long run less a short one: what it takes to start is not counted.  That varies,
 * so it is a longer run than ours.
 */
static void run_fio(const struct flash_case *c, struct flash_clock *took)
{
	unsigned int times = c->bytes == MIB ? 32 : 16;
	unsigned int few = c->depth, more = c->ops * times;
	struct flash_clock base;

	if (opt.speed) {
		fio_once(c, c->ops, took);
		return;
	}
	fio_once(c, few, &base);
	fio_once(c, few + more, took);
	took->wall *= (double)c->ops / (few + more);
	took->cpu = (took->cpu - base.cpu) / times;
	took->busy = (took->busy - base.busy) / times;
}

/* Files ---------------------------------------------------------------------------- */

static const char *file_name(const struct flash_case *c, unsigned int i)
{
	static char name[256];

	snprintf(name, sizeof(name), "%s/%zx-%08x", opt.files, c->bytes, i);
	return name;
}

static void run_files(const struct flash_case *c, struct flash_clock *took)
{
	struct flash_clock start;
	unsigned int i;
	int fd;

	clock_read(&start);
	for (i = 0; i < c->ops; i++) {
		fd = open(file_name(c, pick(c)), O_RDONLY | O_DIRECT);
		if (fd < 0 || read(fd, memory, c->bytes) != (ssize_t)c->bytes)
			bench_die("open+read");
		close(fd);
	}
	clock_since(&start, took);
}

static void files_make(const struct flash_case *c)
{
	unsigned int i;
	int fd;

	for (i = 0; i < set_size(c); i++) {
		fd = open(file_name(c, i), O_WRONLY | O_CREAT | O_DIRECT, 0600);
		if (fd < 0 || write(fd, memory, c->bytes) != (ssize_t)c->bytes)
			bench_die("file");
		close(fd);
	}
	sync();
}

static void files_remove(const struct flash_case *c)
{
	unsigned int i;

	for (i = 0; i < set_size(c); i++)
		unlink(file_name(c, i));
	sync();
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

/* Round by round, so that whatever else the host does meets all of them. */
static void measure(const struct flash_case *c, const struct flash_way *ways, unsigned int nr)
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

/* A permutation: no key comes twice in a batch. */
static void shuffle(unsigned int n)
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

static void fill(const struct flash_case *c)
{
	struct flash_case put = *c;
	uint64_t saved = next_key;
	unsigned int i;

	put.write = true;
	next_key = c->bytes;
	for (i = 0; i < set_size(c); i++) {
		bench_content(memory, 4 * KIB, i);
		op_fill(&put, 0);
		kvmem_batch_run(kv, ops, 1, 0);
		ops_check(&put, ops, 1);
	}
	next_key = saved;
}

/* What comes back is what was put. */
static void prove(const struct flash_case *c)
{
	next_in_order = 0;
	op_fill(c, 0);
	kvmem_batch_run(kv, ops, 1, 0);
	ops_check(c, ops, 1);
	bench_expect(memory, 4 * KIB, order[0], "flash: wrong bytes");
}

static void one_size(size_t bytes)
{
	static const struct flash_way ways[] = {
		{ "fio io_uring", run_fio },
		{ "kvmem ioctl", run_ioctl },
		{ "kvmem io_uring", run_queue },
	};
	static const struct flash_way file = { "ext4 file", run_files };
	struct flash_case c = { .bytes = bytes };
	unsigned int many = (bytes <= 128 * KIB ? 512 : bytes <= MIB ? 128 : 64) / opt.scale;

	shuffle(set_size(&c));
	fill(&c);
	prove(&c);
	c.ops = many < DEPTH_MAX ? DEPTH_MAX : many / DEPTH_MAX * DEPTH_MAX;
	for (c.depth = 1; c.depth <= DEPTH_MAX; c.depth *= DEPTH_MAX) {
		/* A command of one at a time is a batch of one at a time, and a worker. */
		c.write = false;
		measure(&c, ways, c.depth > 1 ? 3 : 2);
		c.write = true;
		measure(&c, ways, c.depth > 1 ? 3 : 2);
	}
	delete_range(bytes, bytes + set_size(&c));
	if (opt.speed)
		return;
	c = (struct flash_case){ .bytes = bytes, .depth = 1, .ops = c.ops };
	files_make(&c);
	measure(&c, &file, 1);
	files_remove(&c);
}

static void flash_open(void)
{
	struct kvmem_options options = KVMEM_OPTIONS_INIT;

	options.ns = "flash";
	next_key = 1ULL << 40;
	memory = bench_memory(DEPTH_MAX * SIZE_MAX_BYTES);
	errno = -kvmem_open(&options, &kv);
	if (errno)
		bench_die("kvmem_open");
	errno = -kvmem_buf_register(kv, memory, DEPTH_MAX * SIZE_MAX_BYTES, 0, &buf_id);
	if (errno)
		bench_die("kvmem_buf_register");
	errno = -kvmem_queue_create(kv, QUEUE_BATCHES, &queue);
	if (errno)
		bench_die("kvmem_queue_create");
}

void bench_flash(void)
{
	static const size_t sizes[] = { 128 * KIB, MIB, SIZE_MAX_BYTES };
	unsigned int s;

	if (!opt.device_arg || !opt.files) {
		errno = EINVAL;
		bench_die("flash needs --device and --files");
	}
	flash_open();
	for (s = 0; s < ARRAY_SIZE(sizes); s++)
		one_size(sizes[s]);
	kvmem_queue_destroy(queue);
	kvmem_close(kv);
}

void bench_flash_spin(const char *name)
{
	struct flash_case c = {};
	uint64_t put;
	char what[4];

	if (sscanf(name, "flash-%3[a-z]-%zu-%u", what, &c.bytes, &c.depth) != 3 ||
	    c.bytes < 4 * KIB || c.bytes > SIZE_MAX_BYTES || !c.depth || c.depth > DEPTH_MAX) {
		errno = EINVAL;
		bench_die(name);
	}
	flash_open();
	c.write = !strcmp(what, "put");
	shuffle(set_size(&c));
	if (!c.write)
		fill(&c);
	fprintf(opt.out, "ready\n");
	fflush(opt.out);
	for (put = next_key;;) {
		run_batch(&c);
		/* Seldom: it is not what is looked at. */
		if ((next_key - put) * c.bytes < 2 * SET_BYTES)
			continue;
		delete_range(put, next_key);
		put = next_key;
	}
}
