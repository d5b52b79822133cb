// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include "own_nvme.h"

#define PCI		"/sys/bus/pci/devices"
#define PARAMETERS	"/sys/module/kvmem_nvme/parameters"

static int read_text(const char *path, char *text, size_t size)
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

static void write_number(const char *path, unsigned long value)
{
	char text[32];
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ASSERT(fd >= 0, "%s: %s", path, strerror(errno));
	snprintf(text, sizeof(text), "%lu", value);
	ASSERT(write(fd, text, strlen(text)) > 0, "%s = %s: %s", path, text, strerror(errno));
	close(fd);
}

/* Controllers ---------------------------------------------------------------- */

/* The kernel's driver tells the serial number of what it has. */
static bool serial_is(const char *address, const char *serial)
{
	char path[768], text[64];
	struct dirent *d;
	bool is = false;
	DIR *dir;

	snprintf(path, sizeof(path), PCI "/%s/nvme", address);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!is && (d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), PCI "/%s/nvme/%s/serial", address, d->d_name);
		read_text(path, text, sizeof(text));
		text[strcspn(text, " ")] = 0;
		is = !strcmp(text, serial);
	}
	closedir(dir);
	return is;
}

static bool try_find(struct own *o)
{
	struct dirent *d;
	bool found = false;
	DIR *dir = opendir(PCI);

	ASSERT_TRUE(dir);
	while (!found && (d = readdir(dir))) {
		if (d->d_name[0] == '.' || !serial_is(d->d_name, o->serial))
			continue;
		snprintf(o->address, sizeof(o->address), "%.31s", d->d_name);
		found = true;
	}
	closedir(dir);
	return found;
}

/* What a test before left behind, if it failed half-way. */
static void all_back(void)
{
	struct dirent *d;
	DIR *dir = opendir("/sys/bus/pci/drivers/kvmem_nvme");

	ASSERT_TRUE(dir);
	while ((d = readdir(dir)))
		if (strchr(d->d_name, ':'))
			kvt_ctl("nvme release --force %s", d->d_name);
	closedir(dir);
}

void own_find(struct own *o, const char *serial)
{
	ASSERT_EQ(system("modprobe nvme"), 0);
	all_back();
	own_timeouts(0, 0);
	snprintf(o->serial, sizeof(o->serial), "%s", serial);
	ASSERT(kvt_wait_for(try_find(o), 20000), "a controller of serial number %s", serial);
}

void own_take(const struct own *o)
{
	ASSERT(!kvt_ctl("nvme take %s", o->address), "take: %s", kvt_ctl_text());
}

void own_release(const struct own *o)
{
	ASSERT(!kvt_ctl("nvme release %s", o->address), "release: %s", kvt_ctl_text());
}

int64_t own_count(const struct own *o, const char *name)
{
	char path[256], text[64];
	int rc;

	snprintf(path, sizeof(path), PCI "/%s/kvmem/%s", o->address, name);
	rc = read_text(path, text, sizeof(text));
	return rc ? rc : strtoll(text, NULL, 10);
}

void own_state(const struct own *o, char *state, size_t size)
{
	char path[256];

	snprintf(path, sizeof(path), PCI "/%s/kvmem/state", o->address);
	read_text(path, state, size);
}

void own_fault(const struct own *o, const char *name, unsigned int value)
{
	char path[256];

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvmem_nvme/%s/%s", o->address, name);
	write_number(path, value);
}

void own_timeouts(unsigned int io_ms, unsigned int admin_ms)
{
	write_number(PARAMETERS "/io_timeout_ms", io_ms ?: 20000);
	write_number(PARAMETERS "/admin_timeout_ms", admin_ms ?: 30000);
}

/* Namespaces ----------------------------------------------------------------- */

static bool disk_named(const struct own *o, unsigned int nsid, char *name, size_t size)
{
	char path[768], text[64];
	struct dirent *c, *d;
	bool found = false;
	DIR *dir, *sub;

	snprintf(path, sizeof(path), PCI "/%s/nvme", o->address);
	dir = opendir(path);
	while (dir && !found && (c = readdir(dir))) {
		if (c->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), PCI "/%s/nvme/%s", o->address, c->d_name);
		sub = opendir(path);
		while (sub && !found && (d = readdir(sub))) {
			snprintf(path, sizeof(path), PCI "/%s/nvme/%s/%s/nsid", o->address,
				 c->d_name, d->d_name);
			found = !read_text(path, text, sizeof(text)) &&
				strtoul(text, NULL, 10) == nsid;
			if (found)
				snprintf(name, size, "%.31s", d->d_name);
		}
		if (sub)
			closedir(sub);
	}
	if (dir)
		closedir(dir);
	return found;
}

void own_disk(const struct own *o, unsigned int nsid, struct kvt_disk *disk)
{
	char path[128], text[64];

	memset(disk, 0, sizeof(*disk));
	ASSERT(kvt_wait_for(disk_named(o, nsid, disk->name, sizeof(disk->name)), 20000),
	       "namespace %u of %s", nsid, o->serial);
	snprintf(disk->path, sizeof(disk->path), "/dev/%s", disk->name);
	ASSERT(kvt_wait_for(!access(disk->path, R_OK | W_OK), 20000), "%s", disk->path);
	snprintf(path, sizeof(path), "/sys/block/%s/size", disk->name);
	ASSERT_EQ(read_text(path, text, sizeof(text)), 0);
	disk->bytes = strtoull(text, NULL, 10) * 512;
}

void own_attach(const struct own *o, unsigned int nsid, const struct kvt_disk *disk)
{
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "nvme:%s/%u", o->address, nsid);
	rc = kvt_media_attach(path, disk->name, NULL);
	ASSERT(!rc, "attach of %s: %s", path, strerror(-rc));
	ASSERT_TRUE(kvt_wait_for(kvt_media_info(disk).state == KVMEM_MEDIA_STATE_LIVE, 20000));
}

/* Users ---------------------------------------------------------------------- */

void own_user_open(struct own_user *u, const char *ns, size_t bytes)
{
	struct kvmem_buf_reg reg = { .size = sizeof(reg), .length = bytes };

	u->fd = kvt_file(ns);
	u->bytes = bytes;
	u->p = kvt_pages_new(bytes);
	memset(u->p, 0, bytes);
	reg.addr = (uintptr_t)u->p;
	ASSERT_EQ(kvt_ioctl(u->fd, KVMEM_IOC_BUF_REG, &reg), 0);
	u->buf = reg.buf_id;
}

struct kvmem_op own_op(const struct own_user *u, unsigned int opcode, uint64_t key, size_t len,
		       size_t at)
{
	struct kvmem_op op = kvt_make_op(opcode, key);

	op.buf = u->buf;
	op.addr = at;
	op.len = len;
	op.flags = KVMEM_OP_F_NOCACHE;
	return op;
}
