// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/nvme.h"

#define PCI		"/sys/bus/pci"
#define CLASS_NVME	"0x0108"	/* mass storage, non-volatile memory */

int nvme_address(const char *text, char *address)
{
	unsigned int domain = 0, bus, slot, function;
	int end = 0;

	if (sscanf(text, "%x:%x:%x.%x%n", &domain, &bus, &slot, &function, &end) != 4 ||
	    text[end]) {
		domain = 0;
		end = 0;
		if (sscanf(text, "%x:%x.%x%n", &bus, &slot, &function, &end) != 3 || text[end])
			return -EINVAL;
	}
	if (domain > 0xffffff || bus > 0xff || slot > 0x1f || function > 7)
		return -EINVAL;
	snprintf(address, NVME_ADDRESS_LEN, "%04x:%02x:%02x.%x", domain, bus, slot, function);
	return 0;
}

static int read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	*text = 0;
	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	return 0;
}

void nvme_read(const char *address, const char *file, char *text, size_t size)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI "/devices/%s/%s", address, file);
	read_file(path, text, size);
}

int nvme_write(const char *text, const char *fmt, ...)
{
	char path[PATH_MAX] = PCI "/";
	int fd, err = 0;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path + strlen(path), sizeof(path) - strlen(path), fmt, ap);
	va_end(ap);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

int nvme_is_controller(const char *address)
{
	char class[NVME_TEXT];

	nvme_read(address, "class", class, sizeof(class));
	if (!*class)
		return -ENODEV;
	return strncmp(class, CLASS_NVME, strlen(CLASS_NVME)) ? -EINVAL : 0;
}

void nvme_driver(const char *address, char *driver, size_t size)
{
	char path[PATH_MAX], link[PATH_MAX];
	const char *name;
	ssize_t n;

	snprintf(path, sizeof(path), PCI "/devices/%s/driver", address);
	n = readlink(path, link, sizeof(link) - 1);
	*driver = 0;
	if (n <= 0)
		return;
	link[n] = 0;
	name = strrchr(link, '/');
	snprintf(driver, size, "%s", name ? name + 1 : link);
}

static int not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int each_entry(const char *dir, int (*fn)(const char *name, void *arg), void *arg)
{
	struct dirent **list;
	int n = scandir(dir, &list, not_hidden, versionsort), i, rc = 0;

	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	for (i = 0; i < n; i++) {
		if (!rc)
			rc = fn(list[i]->d_name, arg);
		free(list[i]);
	}
	free(list);
	return rc;
}

struct each {
	int (*fn)(const char *name, void *arg);
	void *arg;
	const char *dir;
};

static int each_device(const char *name, void *arg)
{
	const struct each *e = arg;

	return nvme_is_controller(name) ? 0 : e->fn(name, e->arg);
}

int nvme_each_controller(int (*fn)(const char *address, void *arg), void *arg)
{
	struct each e = { .fn = fn, .arg = arg };

	return each_entry(PCI "/devices", each_device, &e);
}

/*
 * "nvme0n1", or "nvme0c0n1" for one of several ways to it: then the disk is the
 * one without the way in its name.
 */
static int each_namespace(const char *name, void *arg)
{
	const struct each *e = arg;
	unsigned int subsystem, way, ns;
	char disk[NVME_TEXT];
	int end = 0;

	if (sscanf(name, "nvme%un%u%n", &subsystem, &ns, &end) == 2 && !name[end])
		return e->fn(name, e->arg);
	end = 0;
	if (sscanf(name, "nvme%uc%un%u%n", &subsystem, &way, &ns, &end) != 3 || name[end])
		return 0;
	snprintf(disk, sizeof(disk), "nvme%un%u", subsystem, ns);
	return e->fn(disk, e->arg);
}

static int each_of_controller(const char *name, void *arg)
{
	const struct each *e = arg;
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s/%s", e->dir, name);
	return each_entry(dir, each_namespace, arg);
}

int nvme_each_disk(const char *address, int (*fn)(const char *disk, void *arg), void *arg)
{
	char dir[PATH_MAX];
	struct each e = { .fn = fn, .arg = arg, .dir = dir };

	snprintf(dir, sizeof(dir), PCI "/devices/%s/nvme", address);
	return each_entry(dir, each_of_controller, &e);
}
