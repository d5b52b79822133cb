// SPDX-License-Identifier: LGPL-2.1-or-later
/* The real system behind struct kvmem_sys; io_uring is in ring.c. */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"
#include "ring.h"

static int sys_open(void *ctx, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	(void)ctx;
	return fd < 0 ? -errno : fd;
}

static int sys_close(void *ctx, int fd)
{
	(void)ctx;
	return close(fd) ? -errno : 0;
}

static int sys_ioctl(void *ctx, int fd, unsigned long nr, void *arg)
{
	(void)ctx;
	return ioctl(fd, nr, arg) < 0 ? -errno : 0;
}

static int sys_mmap(void *ctx, int fd, uint64_t offset, size_t len, bool write,
		    void **ptr)
{
	int prot = write ? PROT_READ | PROT_WRITE : PROT_READ;
	void *p = mmap(NULL, len, prot, MAP_SHARED, fd, (off_t)offset);

	(void)ctx;
	if (p == MAP_FAILED)
		return -errno;
	*ptr = p;
	return 0;
}

static int sys_munmap(void *ctx, void *ptr, size_t len)
{
	(void)ctx;
	return munmap(ptr, len) ? -errno : 0;
}

static uint64_t sys_now_ms(void *ctx)
{
	struct timespec ts;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void sys_sleep_ms(void *ctx, unsigned int ms)
{
	struct timespec ts = {
		.tv_sec = ms / 1000,
		.tv_nsec = (long)(ms % 1000) * 1000000,
	};

	(void)ctx;
	nanosleep(&ts, NULL);
}

const struct kvmem_sys kvmem_linux = {
	.open = sys_open,
	.close = sys_close,
	.ioctl = sys_ioctl,
	.mmap = sys_mmap,
	.munmap = sys_munmap,
	.now_ms = sys_now_ms,
	.sleep_ms = sys_sleep_ms,
	.ring_create = kvmem_ring_create,
	.ring_destroy = kvmem_ring_destroy,
	.ring_submit = kvmem_ring_submit,
	.ring_wait = kvmem_ring_wait,
};
