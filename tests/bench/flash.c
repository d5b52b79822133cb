// SPDX-License-Identifier: GPL-2.0
/*
 * Flash: put and get between a registered buffer and a drive, next to fio on a raw
 * namespace of the same drive, and to a file per block on ext4.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "flash.h"

static unsigned char *memory;

/* fio ---------------------------------------------------------------------------- */

static void fio_exec(const struct flash_case *c, unsigned int n)
{
	char file[256], bs[32], depth[32], io_size[48], size[32];
	char *const args[] = { "fio", "--name=fio", file, "--ioengine=io_uring",
		"--fixedbufs=1", "--direct=1", c->write ? "--rw=write" : "--rw=randread",
		"--norandommap=1", "--thread=1", "--allow_mounted_write=1",
		"--output-format=json", "--output=/tmp/fio.json", bs, depth, io_size, size, NULL };

	snprintf(file, sizeof(file), "--filename=%s", opt.device);
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
	double cpu = flash_children_ns();
	int status;
	pid_t pid;

	flash_clock_read(&start);
	pid = fork();
	if (!pid)
		fio_exec(c, n);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		bench_die("fio");
	flash_clock_since(&start, took);
	took->cpu = flash_children_ns() - cpu;
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

	flash_clock_read(&start);
	for (i = 0; i < c->ops; i++) {
		fd = open(file_name(c, flash_pick(c)), O_RDONLY | O_DIRECT);
		if (fd < 0 || read(fd, memory, c->bytes) != (ssize_t)c->bytes)
			bench_die("open+read");
		close(fd);
	}
	flash_clock_since(&start, took);
}

static void files_make(const struct flash_case *c)
{
	unsigned int i;
	int fd;

	for (i = 0; i < flash_set_size(c); i++) {
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

	for (i = 0; i < flash_set_size(c); i++)
		unlink(file_name(c, i));
	sync();
}

/* Cases ---------------------------------------------------------------------------- */

static void setup(void)
{
	memory = bench_memory(DEPTH_MAX * SIZE_MAX_BYTES);
	flash_open(memory, DEPTH_MAX * SIZE_MAX_BYTES, -1, KVMEM_RES_F_VERIFIED);
}

static void one_size(size_t bytes)
{
	static const struct flash_way ways[] = {
		{ "fio io_uring", run_fio },
		{ "kvmem ioctl", flash_run_ioctl },
		{ "kvmem io_uring", flash_run_queue },
	};
	static const struct flash_way file = { "ext4 file", run_files };
	struct flash_case c = { .bytes = bytes };
	unsigned int many = (bytes <= 128 * KIB ? 512 : bytes <= MIB ? 128 : 64) / opt.scale;

	flash_shuffle(flash_set_size(&c));
	flash_fill(&c);
	flash_prove(&c);
	c.ops = many < DEPTH_MAX ? DEPTH_MAX : many / DEPTH_MAX * DEPTH_MAX;
	for (c.depth = 1; c.depth <= DEPTH_MAX; c.depth *= DEPTH_MAX) {
		/* A command of one at a time is a batch of one at a time, and a worker. */
		c.write = false;
		flash_measure(&c, ways, c.depth > 1 ? 3 : 2);
		c.write = true;
		flash_measure(&c, ways, c.depth > 1 ? 3 : 2);
	}
	flash_empty(&c);
	if (opt.speed)
		return;
	c = (struct flash_case){ .bytes = bytes, .depth = 1, .ops = c.ops };
	files_make(&c);
	flash_measure(&c, &file, 1);
	files_remove(&c);
}

void bench_flash(void)
{
	static const size_t sizes[] = { 128 * KIB, MIB, SIZE_MAX_BYTES };
	unsigned int s;

	if (!opt.device || !opt.files) {
		errno = EINVAL;
		bench_die("flash needs --device and --files");
	}
	setup();
	for (s = 0; s < ARRAY_SIZE(sizes); s++)
		one_size(sizes[s]);
	flash_close();
}

void bench_flash_spin(const char *name)
{
	struct flash_case c = {};
	char what[4];

	if (sscanf(name, "flash-%3[a-z]-%zu-%u", what, &c.bytes, &c.depth) != 3 ||
	    c.bytes < 4 * KIB || c.bytes > SIZE_MAX_BYTES || !c.depth || c.depth > DEPTH_MAX) {
		errno = EINVAL;
		bench_die(name);
	}
	setup();
	c.write = !strcmp(what, "put");
	flash_shuffle(flash_set_size(&c));
	if (!c.write)
		flash_fill(&c);
	fprintf(opt.out, "ready\n");
	fflush(opt.out);
	flash_spin(&c);
}
