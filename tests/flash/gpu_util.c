// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "gpu.h"

#define GPU		"/dev/kvmem_testgpu"

/*
 * In the last page of the memory: a request to whoever is outside of the machine.
 * He looks for the bytes [off, off + len) of the memory's file in that of drive
 * @drive, and flips one bit of what he finds in the drive if he is to.
 */
struct outside {
	uint64_t magic;		/* written last; cleared by him at the end */
	uint64_t off, len;
	uint32_t drive, flip;
	int64_t found;		/* where in the drive, or -1 */
};

#define OUTSIDE_MAGIC	0x7075676d656d766bULL

void gpu_open(struct gpu *g, unsigned int nsid)
{
	__u64 bytes;

	g->fd = open(GPU, O_RDWR | O_CLOEXEC);
	ASSERT(g->fd >= 0, GPU ": %s", strerror(errno));
	ASSERT_EQ(ioctl(g->fd, TESTGPU_SIZE, &bytes), 0);
	g->bytes = bytes;
	g->p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, g->fd, 0);
	ASSERT_TRUE(g->p != MAP_FAILED);
	own_find(&g->own, "gpu0");
	own_disk(&g->own, nsid, &g->disk);
	kvt_media_format(&g->disk, "8M");
	own_take(&g->own);
	own_attach(&g->own, nsid, &g->disk);
}

void gpu_close(struct gpu *g)
{
	EXPECT_EQ(kvt_media_detach(g->disk.name), 0);
	own_release(&g->own);
	munmap(g->p, g->bytes);
	close(g->fd);
}

int gpu_alloc(const struct gpu *g, uint64_t off, uint64_t len, unsigned int flags)
{
	struct testgpu_alloc a = { .offset = off, .length = len, .flags = flags };

	ASSERT(!ioctl(g->fd, TESTGPU_ALLOC, &a), "alloc: %s", strerror(errno));
	return a.fd;
}

void gpu_move(const struct gpu *g, int buf, uint64_t to)
{
	struct testgpu_move m = { .fd = buf, .offset = to };

	ASSERT(!ioctl(g->fd, TESTGPU_MOVE, &m), "move: %s", strerror(errno));
}

void gpu_fail(const struct gpu *g, int buf, int error)
{
	struct testgpu_fail f = { .fd = buf, .error = error };

	ASSERT_EQ(ioctl(g->fd, TESTGPU_FAIL, &f), 0);
}

struct testgpu_count gpu_count(const struct gpu *g, int buf)
{
	struct testgpu_count c = { .fd = buf };

	ASSERT_EQ(ioctl(g->fd, TESTGPU_COUNT, &c), 0);
	return c;
}

int64_t outside(const struct gpu *g, uint64_t off, uint64_t len, unsigned int drive, bool flip)
{
	volatile struct outside *o = (void *)(g->p + g->bytes - 4096);

	o->off = off;
	o->len = len;
	o->drive = drive;
	o->flip = flip;
	o->found = -2;
	__sync_synchronize();
	o->magic = OUTSIDE_MAGIC;
	ASSERT_TRUE(kvt_wait_for(!o->magic, 30000));
	return o->found;
}

uint32_t gpu_reg(int fd, int buf, uint64_t off, uint64_t len)
{
	struct kvmem_buf_reg r = {
		.size = sizeof(r), .type = KVMEM_BUF_DMABUF, .fd = buf, .addr = off,
		.length = len,
	};

	ASSERT_EQ(kvt_ioctl(fd, KVMEM_IOC_BUF_REG, &r), 0);
	return r.buf_id;
}
