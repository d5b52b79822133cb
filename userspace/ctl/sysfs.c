// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/sysfs.h"

#define SYSFS_DIR	"/sys/class/misc/kvmem"

static int open_file(const char *file, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), SYSFS_DIR "/%s", file);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sysfs_read(const char *file, uint64_t *value)
{
	int fd = open_file(file, O_RDONLY);
	char buf[32], *end;
	ssize_t n;
	int err;

	if (fd < 0)
		return fd;
	n = read(fd, buf, sizeof(buf) - 1);
	err = n < 0 ? -errno : 0;
	close(fd);
	if (err)
		return err;
	buf[n] = 0;
	*value = strtoull(buf, &end, 10);
	return end == buf ? -EINVAL : 0;
}

int sysfs_write(const char *file, uint64_t value)
{
	int fd = open_file(file, O_WRONLY);
	char buf[32];
	int n, err;

	if (fd < 0)
		return fd;
	n = snprintf(buf, sizeof(buf), "%" PRIu64, value);
	err = write(fd, buf, (size_t)n) < 0 ? -errno : 0;
	close(fd);
	return err;
}
