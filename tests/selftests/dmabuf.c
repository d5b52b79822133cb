// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers that are dma-bufs (of /dev/udmabuf, which cannot move), on media whose
 * driver takes pages only: what is refused and why, what is copied, and who lets go
 * first.  tests/flash/gpu.c has those that a drive reaches directly.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <linux/udmabuf.h>
#include "kvmem_flash.h"

#define BYTES	(4 * MIB)

/* A dma-buf and what is in it */
struct mem {
	int memfd;
	int fd;
	uint8_t *p;
};

static void mem_new(struct mem *m)
{
	struct udmabuf_create create = { .size = BYTES };
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);

	if (dev < 0)
		kvt_skip("no /dev/udmabuf");
	m->memfd = memfd_create("kvmem", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	ASSERT_TRUE(m->memfd >= 0);
	ASSERT_EQ(ftruncate(m->memfd, BYTES), 0);
	ASSERT_EQ(fcntl(m->memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	create.memfd = m->memfd;
	m->fd = ioctl(dev, UDMABUF_CREATE, &create);
	ASSERT(m->fd >= 0, "udmabuf: %s", strerror(errno));
	close(dev);
	m->p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, m->memfd, 0);
	ASSERT_TRUE(m->p != MAP_FAILED);
}

static void mem_free(struct mem *m)
{
	munmap(m->p, BYTES);
	close(m->memfd);
	if (m->fd >= 0)
		close(m->fd);
}

static int reg(int fd, int dmabuf, uint64_t off, uint64_t len, unsigned int flags, uint32_t *id)
{
	struct kvmem_buf_reg r = {
		.size = sizeof(r), .type = KVMEM_BUF_DMABUF, .fd = dmabuf, .addr = off,
		.length = len, .flags = flags,
	};
	int rc = kvt_ioctl(fd, KVMEM_IOC_BUF_REG, &r);

	*id = rc ? 0 : r.buf_id;
	return rc;
}

static int unreg(int fd, uint32_t id)
{
	struct kvmem_buf_unreg u = { .size = sizeof(u), .buf_id = id };

	return kvt_ioctl(fd, KVMEM_IOC_BUF_UNREG, &u);
}

TEST(what_can_be_registered)
{
	int fd = kvt_new(NULL), null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct kvmem_query q = { .size = sizeof(q) };
	struct mem m;
	uint32_t id;

	mem_new(&m);
	ASSERT_EQ(kvt_ioctl(fd, KVMEM_IOC_QUERY, &q), 0);
	EXPECT_TRUE(q.features & KVMEM_FEAT_DMABUF);
	EXPECT_EQ(reg(fd, -1, 0, BYTES, 0, &id), -EBADF);
	EXPECT_EQ(reg(fd, 1000000, 0, BYTES, 0, &id), -EBADF);
	EXPECT_EQ(reg(fd, null, 0, BYTES, 0, &id), -EBADF);
	EXPECT_EQ(reg(fd, fd, 0, BYTES, 0, &id), -EBADF);
	EXPECT_EQ(reg(fd, m.memfd, 0, BYTES, 0, &id), -EBADF);
	EXPECT_EQ(reg(fd, m.fd, 0, 0, 0, &id), -EINVAL);
	EXPECT_EQ(reg(fd, m.fd, 0, BYTES + 1, 0, &id), -EINVAL);
	EXPECT_EQ(reg(fd, m.fd, 1, BYTES, 0, &id), -EINVAL);
	EXPECT_EQ(reg(fd, m.fd, BYTES, 1, 0, &id), -EINVAL);
	EXPECT_EQ(reg(fd, m.fd, UINT64_MAX - 10, 20, 0, &id), -EINVAL);
	EXPECT_EQ(reg(fd, m.fd, 0, BYTES, 2, &id), -EINVAL);
	EXPECT_EQ(reg(fd, m.fd, 4097, 1, 0, &id), 0);
	EXPECT_EQ(unreg(fd, id), 0);
	EXPECT_EQ(unreg(fd, id), -ENOENT);
	EXPECT_EQ(reg(fd, m.fd, BYTES - 1, 1, KVMEM_BUF_F_RDONLY, &id), 0);
	mem_free(&m);
	close(null);
	close(fd);
}

/* No memory is wasted on a copy that nobody allowed. */
TEST(no_copy_unless_allowed)
{
	const char *ns = kvt_ns(NULL);
	struct kvt_ns_stat stat;
	struct kvmem_op op;
	int fd = kvt_file(ns);
	struct mem m;
	uint32_t id;

	mem_new(&m);
	ASSERT_EQ(reg(fd, m.fd, 0, BYTES, 0, &id), 0);
	op = kvt_buf_op(KVMEM_OP_PUT, id, 1, 0, 64 * KIB);
	EXPECT_EQ(kvt_op(fd, &op), -EOPNOTSUPP);
	EXPECT_EQ(op.reason, KVMEM_REASON_MEDIA);
	EXPECT_EQ(kvt_exists(fd, 1), -ENOENT);
	ASSERT_EQ(kvt_put_key(fd, 2, 64 * KIB), 0);
	op = kvt_buf_op(KVMEM_OP_GET, id, 2, 0, 64 * KIB);
	EXPECT_EQ(kvt_op(fd, &op), -EOPNOTSUPP);
	EXPECT_EQ(op.reason, KVMEM_REASON_DRAM);
	EXPECT_EQ(op.res_flags, 0);
	EXPECT_TRUE(kvt_all_zero(m.p, BYTES));
	/* A miss is a miss, with any memory; one that is there needs no bytes. */
	op = kvt_buf_op(KVMEM_OP_GET, id, 3, 0, 64 * KIB);
	EXPECT_EQ(kvt_op(fd, &op), -ENOENT);
	EXPECT_EQ(op.reason, KVMEM_REASON_NONE);
	op = kvt_buf_op(KVMEM_OP_PUT, id, 2, 0, 64 * KIB);
	EXPECT_EQ(kvt_op(fd, &op), 0);
	EXPECT_EQ(op.res_flags, KVMEM_RES_F_EXISTED);
	ASSERT_EQ(kvt_nl_ns_get(ns, &stat), 0);
	EXPECT_EQ(stat.bounced, 0);
	EXPECT_EQ(stat.copied_out, 0);
	mem_free(&m);
	close(fd);
}

TEST(copies_are_counted_and_told)
{
	struct kvt_ns_opts opts = { .bounce = true };
	const char *ns = kvt_ns(&opts);
	size_t len = 300000, at = 12345;
	struct kvt_ns_stat stat;
	struct kvmem_op op;
	int fd = kvt_file(ns);
	struct mem m;
	uint32_t id;

	mem_new(&m);
	ASSERT_EQ(reg(fd, m.fd, 100, BYTES - 100, 0, &id), 0);
	kvt_fill(m.p + 100 + at, len, 7);
	op = kvt_buf_op(KVMEM_OP_PUT, id, 7, at, len);
	ASSERT_EQ(kvt_op(fd, &op), 0);
	EXPECT_EQ(op.res_flags, KVMEM_RES_F_BOUNCED);
	EXPECT_EQ(op.reason, KVMEM_REASON_MEDIA);
	EXPECT_EQ(op.crc, kvt_crc32c(m.p + 100 + at, len));
	EXPECT_EQ(kvt_get_key(fd, 7, len), 0);
	op = kvt_buf_op(KVMEM_OP_GET, id, 7, 2 * MIB + 1, len);
	op.offset = 1000;
	ASSERT_EQ(kvt_op(fd, &op), 0);
	EXPECT_EQ(op.bytes, len - 1000);
	EXPECT_EQ(op.res_flags, KVMEM_RES_F_BOUNCED | KVMEM_RES_F_VERIFIED);
	EXPECT_EQ(op.reason, KVMEM_REASON_DRAM);
	EXPECT_EQ(kvt_check_at(m.p + 100 + 2 * MIB + 1, len - 1000, 7, 1000), -1);
	/* Outside, or for reading only */
	op = kvt_buf_op(KVMEM_OP_GET, id, 7, BYTES - 100 - len + 1, len);
	EXPECT_EQ(kvt_op(fd, &op), -EINVAL);
	op = kvt_buf_op(KVMEM_OP_PUT, id, 8, BYTES - 100, 1);
	EXPECT_EQ(kvt_op(fd, &op), -EINVAL);
	ASSERT_EQ(reg(fd, m.fd, 0, BYTES, KVMEM_BUF_F_RDONLY, &id), 0);
	op = kvt_buf_op(KVMEM_OP_GET, id, 7, 0, len);
	EXPECT_EQ(kvt_op(fd, &op), -EINVAL);
	op = kvt_buf_op(KVMEM_OP_PUT, id, 9, 0, len);
	EXPECT_EQ(kvt_op(fd, &op), 0);
	ASSERT_EQ(kvt_nl_ns_get(ns, &stat), 0);
	EXPECT_TRUE(stat.bounce && !stat.verify);
	EXPECT_EQ(stat.bounced, 3 * len - 1000);
	mem_free(&m);
	close(fd);
}

/* A block device takes pages: what is on it is read by the CPU, or not at all. */
TEST(block_devices_take_pages)
{
	struct kvt_ns_opts opts = { .flash_mode = KVMEM_FLASH_MODE_THROUGH };
	const char *ns = kvt_ns(&opts);
	struct kvt_disk disk;
	struct kvmem_op op;
	uint16_t flags;
	uint8_t tier;
	struct mem m;
	uint32_t id;
	int fd;

	mem_new(&m);
	kvt_disk_new(&disk, NULL);
	kvt_media_format(&disk, "1M");
	kvt_media_on(&disk);
	fd = kvt_file(ns);
	ASSERT_EQ(reg(fd, m.fd, 0, BYTES, 0, &id), 0);
	op = kvt_buf_op(KVMEM_OP_PUT, id, 1, 0, 64 * KIB);
	EXPECT_EQ(kvt_op(fd, &op), -EOPNOTSUPP);
	EXPECT_EQ(op.reason, KVMEM_REASON_MEDIA);
	ASSERT_EQ(kvt_persist(fd, 2, 64 * KIB), 0);
	op = kvt_buf_op(KVMEM_OP_GET, id, 2, 0, 64 * KIB);
	EXPECT_EQ(kvt_op(fd, &op), -EOPNOTSUPP);
	EXPECT_EQ(op.reason, KVMEM_REASON_MEDIA);
	opts.bounce = true;
	opts.set = KVT_SET_BOUNCE;
	ASSERT_EQ(kvt_nl_ns_set(ns, &opts), 0);
	op = kvt_buf_op(KVMEM_OP_GET, id, 2, MIB, 64 * KIB);
	EXPECT_EQ(kvt_op(fd, &op), 0);
	EXPECT_EQ(op.res_flags, KVMEM_RES_F_BOUNCED | KVMEM_RES_F_VERIFIED);
	EXPECT_EQ(kvt_check(m.p + MIB, 64 * KIB, 2), -1);
	kvt_fill(m.p, 64 * KIB, 3);
	op = kvt_buf_op(KVMEM_OP_PUT, id, 3, 0, 64 * KIB);
	op.flags = KVMEM_OP_F_PERSIST;
	EXPECT_EQ(kvt_op(fd, &op), 0);
	EXPECT_EQ(op.res_flags, KVMEM_RES_F_BOUNCED | KVMEM_RES_F_PERSISTED);
	EXPECT_EQ(kvt_get_from(fd, 3, 64 * KIB, &tier, &flags), 0);
	kvt_media_off(&disk);
	kvt_disk_free(&disk);
	mem_free(&m);
	close(fd);
}

static void *use_it(void *arg)
{
	struct kvmem_op op;
	uint32_t *a = arg;
	unsigned int i;
	int rc;

	for (i = 0; i < 300; i++) {
		op = kvt_buf_op(i & 1 ? KVMEM_OP_GET : KVMEM_OP_PUT, a[1], i / 2, 0, 16 * KIB);
		rc = kvt_op(a[0], &op);
		EXPECT(!rc || rc == -EBADSLT || rc == -ENOENT, "%d: %d", i, rc);
	}
	return NULL;
}

/* Whoever lets go first, and while it is used; the kernel log tells of what is wrong. */
TEST(let_go_in_any_order)
{
	struct kvt_ns_opts opts = { .bounce = true };
	int fd = kvt_new(&opts);
	uint32_t arg[2] = { fd };
	unsigned int round;
	struct kvmem_op op;
	pthread_t thread;
	struct mem m;
	uint32_t id;

	for (round = 0; round < 4; round++) {
		mem_new(&m);
		ASSERT_EQ(reg(fd, m.fd, 0, BYTES, 0, &id), 0);
		arg[1] = id;
		if (round & 1) {
			close(m.fd);
			m.fd = -1;
		}
		ASSERT_EQ(pthread_create(&thread, NULL, use_it, arg), 0);
		usleep(2000);
		EXPECT_EQ(unreg(fd, id), 0);
		if (round & 2)
			mem_free(&m);
		pthread_join(thread, NULL);
		if (!(round & 2))
			mem_free(&m);
	}
	/* The file goes with the buffer, in a process that is killed. */
	mem_new(&m);
	if (!fork()) {
		fd = kvt_new(&opts);
		ASSERT_EQ(reg(fd, m.fd, 0, BYTES, 0, &id), 0);
		op = kvt_buf_op(KVMEM_OP_PUT, id, 1, 0, MIB);
		kvt_op(fd, &op);
		kill(getpid(), SIGKILL);
	}
	wait(NULL);
	mem_free(&m);
	close(fd);
}

TEST_MAIN()
