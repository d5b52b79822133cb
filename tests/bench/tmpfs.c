// SPDX-License-Identifier: GPL-2.0
/*
 * The same bytes from files in memory (tmpfs): one file a block.
 */
#include <fcntl.h>
#include <libkvmem.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "bench.h"

#define DIR_NAME	"/dev/shm/kvmem-bench"
#define MAX_SET		256

static int fds[MAX_SET];

static const char *path(unsigned int i)
{
	static char name[64];

	snprintf(name, sizeof(name), DIR_NAME "/%08x", i);
	return name;
}

static void read_open(const struct bench_case *c, unsigned int i)
{
	if (pread(fds[bench_pick(c, i)], bench_buf, c->bytes, 0) != (ssize_t)c->bytes)
		bench_die("pread");
}

/* What kvmem's get does besides: the reader checks the bytes. */
static void read_open_crc(const struct bench_case *c, unsigned int i)
{
	read_open(c, i);
	bench_sum = kvmem_crc32c(0, bench_buf, c->bytes);
}

static void read_path(const struct bench_case *c, unsigned int i)
{
	int fd = open(path(bench_pick(c, i)), O_RDONLY);

	if (fd < 0 || read(fd, bench_buf, c->bytes) != (ssize_t)c->bytes)
		bench_die("open+read");
	close(fd);
}

static void write_path(const struct bench_case *c, unsigned int i)
{
	int fd = open(path(MAX_SET + i), O_WRONLY | O_CREAT | O_EXCL, 0600);

	if (fd < 0 || write(fd, bench_buf, c->bytes) != (ssize_t)c->bytes)
		bench_die("open+write");
	close(fd);
}

static void unlink_path(const struct bench_case *c, unsigned int i)
{
	(void)c;
	if (unlink(path(MAX_SET + i)))
		bench_die("unlink");
}

static void write_all(const struct bench_case *c, unsigned int n)
{
	while (n--)
		write_path(c, n);
}

static void unlink_all(const struct bench_case *c, unsigned int n)
{
	while (n--)
		unlink_path(c, n);
}

static void fill(size_t bytes)
{
	unsigned int i;

	for (i = 0; i < bench_set(bytes); i++) {
		bench_content(bench_buf, bytes, i);
		fds[i] = open(path(i), O_RDWR | O_CREAT | O_TRUNC, 0600);
		if (fds[i] < 0 || write(fds[i], bench_buf, bytes) != (ssize_t)bytes)
			bench_die("tmpfs");
	}
}

static void empty(size_t bytes)
{
	unsigned int i;

	for (i = 0; i < bench_set(bytes); i++) {
		close(fds[i]);
		unlink(path(i));
	}
}

static void gets(size_t bytes)
{
	const struct bench_case cases[] = {
		{ "get", "tmpfs pread", bytes, bytes < MIB ? 512 : 16, 0, read_open },
		{ "get", "tmpfs pread + crc32c", bytes, bytes < MIB ? 512 : 16, 0, read_open_crc },
		{ "get", "tmpfs open+read+close", bytes, bytes < MIB ? 512 : 16, 0, read_path },
	};
	unsigned int i;

	fill(bytes);
	read_path(&cases[2], 0);
	bench_expect(bench_buf, bytes, 0, "tmpfs: wrong bytes");
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		bench_measure(&cases[i]);
	empty(bytes);
}

void bench_tmpfs(void)
{
	unsigned int s;

	mkdir(DIR_NAME, 0700);
	for (s = 0; s < ARRAY_SIZE(bench_sizes); s++)
		gets(bench_sizes[s]);
	for (s = 0; s < 2; s++) {
		const struct bench_case put = { "put", "tmpfs create+write+close", bench_sizes[s],
			256, 0, write_path, NULL, unlink_all };
		const struct bench_case del = { "delete", "tmpfs unlink", bench_sizes[s],
			256, 0, unlink_path, write_all, NULL };

		bench_measure(&put);
		bench_measure(&del);
	}
	rmdir(DIR_NAME);
}

