// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/sysfs.h"

#define SYSFS_DIR	"/sys/class/misc/kvmem"

int sysfs_read(const char *file, uint64_t *value)
{
	char path[128], buf[32], *end;
	ssize_t n;
	int fd, err;

	snprintf(path, sizeof(path), SYSFS_DIR "/%s", file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, sizeof(buf) - 1);
	err = n < 0 ? -errno : 0;
	close(fd);
	if (err)
		return err;
	buf[n] = 0;
	*value = strtoull(buf, &end, 10);
	return end == buf ? -EINVAL : 0;
}
