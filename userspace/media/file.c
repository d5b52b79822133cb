// SPDX-License-Identifier: GPL-2.0
/* A device or an image file: opened, read, written, whole transfers only. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "media/media.h"

#define FILE_ZERO_PIECE		(1U << 20)
#define FILE_DISCARD_PIECE	(8ULL << 30)	/* so that a signal does not wait for all */

static int file_geometry(struct media_file *f)
{
	struct stat st;
	int unit;

	if (fstat(f->fd, &st))
		return -errno;
	f->block = S_ISBLK(st.st_mode);
	if (!f->block) {
		f->bytes = (uint64_t)st.st_size;
		f->unit = KVMEM_MEDIA_PAGE;
		return S_ISREG(st.st_mode) ? 0 : -ENOTBLK;
	}
	if (ioctl(f->fd, BLKGETSIZE64, &f->bytes) || ioctl(f->fd, BLKSSZGET, &unit))
		return -errno;
	f->unit = (uint32_t)unit;
	return 0;
}

/*
 * The kernel's O_EXCL of a block device keeps file systems, other exclusive
 * openers and the module out, and finds them.  It means nothing for files;
 * there the lock keeps two of us apart.
 */
static int file_claim(const struct media_file *f, enum media_open how)
{
	int op = how == MEDIA_WRITE_ALONE ? LOCK_EX : LOCK_SH;

	if (how == MEDIA_READ || f->block || !flock(f->fd, op | LOCK_NB))
		return 0;
	return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

/* Anything but a file or a block device could block in open(). */
static int file_kind(const char *path, bool *block)
{
	struct stat st;

	if (stat(path, &st))
		return -errno;
	*block = S_ISBLK(st.st_mode);
	return *block || S_ISREG(st.st_mode) ? 0 : -ENOTBLK;
}

int media_open(struct media_file *f, const char *path, enum media_open how)
{
	int flags = O_CLOEXEC | O_NONBLOCK, err;
	bool block;

	*f = (struct media_file){ .fd = -1 };
	err = file_kind(path, &block);
	if (err)
		return err;
	flags |= how == MEDIA_WRITE_ALONE ? O_RDWR : O_RDONLY;
	if (block && how != MEDIA_READ)
		flags |= O_EXCL;
	f->fd = open(path, flags);
	if (f->fd < 0)
		return -errno;
	err = file_geometry(f);
	if (!err)
		err = file_claim(f, how);
	if (err) {
		media_close(f);
		return err;
	}
	/*
	 * The module writes past the page cache of its device: what somebody
	 * read earlier and the cache still holds may be out of date.
	 */
	if (block)
		posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED);
	posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return 0;
}

int media_close(struct media_file *f)
{
	int fd = f->fd;

	f->fd = -1;
	return fd >= 0 && close(fd) ? -errno : 0;
}

int media_read(const struct media_file *f, void *buf, size_t len, uint64_t at)
{
	char *p = buf;
	ssize_t n;

	if (at > f->bytes || len > f->bytes - at)
		return -EIO;
	while (len) {
		n = pread(f->fd, p, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int media_write(const struct media_file *f, const void *buf, size_t len, uint64_t at)
{
	const char *p = buf;
	ssize_t n;

	if (at > f->bytes || len > f->bytes - at)
		return -EINVAL;
	while (len) {
		n = pwrite(f->fd, p, len, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int media_zero(const struct media_file *f, uint64_t from, uint64_t to)
{
	void *zero = calloc(1, FILE_ZERO_PIECE);
	size_t n;
	int err = zero ? 0 : -ENOMEM;

	for (; !err && from < to; from += n) {
		n = to - from < FILE_ZERO_PIECE ? (size_t)(to - from) : FILE_ZERO_PIECE;
		err = media_write(f, zero, n, from);
	}
	free(zero);
	return err;
}

int media_sync(const struct media_file *f)
{
	return fsync(f->fd) ? -errno : 0;
}

void media_rescan(const struct media_file *f)
{
	if (f->block)
		ioctl(f->fd, BLKRRPART);
}

static int file_discard(const struct media_file *f, uint64_t from, uint64_t len)
{
	uint64_t range[2] = { from, len };

	if (f->block)
		return ioctl(f->fd, BLKDISCARD, range) ? -errno : 0;
	return fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from,
			 (off_t)len) ? -errno : 0;
}

int media_discard(const struct media_file *f, uint64_t from, uint64_t to)
{
	uint64_t n;
	int err = 0;

	for (; !err && from < to; from += n) {
		n = to - from < FILE_DISCARD_PIECE ? to - from : FILE_DISCARD_PIECE;
		err = file_discard(f, from, n);
	}
	return err;
}
