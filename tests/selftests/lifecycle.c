// SPDX-License-Identifier: GPL-2.0
/*
 * Loading, quiescing and unloading the module.  KVMEM_MODULE is its path.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "kvmem_util.h"

static int unload(void)
{
	return syscall(SYS_delete_module, "kvmem", O_NONBLOCK) < 0 ? -errno : 0;
}

static int load(void)
{
	const char *path = getenv("KVMEM_MODULE");
	int fd, rc;

	ASSERT(path && *path, "KVMEM_MODULE to name the module");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT(fd >= 0, "open of %s: %s", path, strerror(errno));
	rc = syscall(SYS_finit_module, fd, "arena_mb=64 dyndbg=+p", 0) < 0 ? -errno : 0;
	close(fd);
	kvt_nl_new_socket(0);
	return rc;
}

static bool gone(void)
{
	return !unload();
}

static void use(void)
{
	int fd = kvt_new(NULL);
	struct kvt_map a;
	unsigned int i;

	for (i = 0; i < 20; i++)
		EXPECT_EQ(kvt_put_key(fd, i, 1 + i * 3777), 0);
	for (i = 0; i < 20; i++)
		EXPECT_EQ(kvt_get_key(fd, i, 1 + i * 3777), 0);
	ASSERT_EQ(kvt_alloc(fd, 100 * KIB, &a), 0);
	ASSERT_TRUE(kvt_mmap(fd, &a, PROT_READ | PROT_WRITE));
	memset(a.p, 1, 100 * KIB);
	EXPECT_EQ(kvt_commit(fd, &a, 1000, 0), 0);
	kvt_munmap(&a);
	close(fd);
}

TEST(refused_while_open)
{
	int fd = kvt_open();

	EXPECT_EQ(unload(), -EWOULDBLOCK);
	ASSERT_EQ(kvt_try_attach(fd, kvt_ns(NULL), NULL, NULL), 0);
	EXPECT_EQ(unload(), -EWOULDBLOCK);
	EXPECT_EQ(kvt_put_key(fd, 1, 100), 0);
	EXPECT_EQ(kvt_get_key(fd, 1, 100), 0);
}

TEST(refused_while_mapped)
{
	int fd = kvt_new(NULL);
	struct kvt_map a;

	ASSERT_EQ(kvt_alloc(fd, 64 * KIB, &a), 0);
	ASSERT_TRUE(kvt_mmap(fd, &a, PROT_READ | PROT_WRITE));
	close(fd);
	EXPECT_EQ(unload(), -EWOULDBLOCK);
	memset(a.p, 3, 64 * KIB);
	kvt_munmap(&a);
}

static void expect_quiesced(int fd, int efd, struct kvt_map *lease, struct kvt_map *alloc)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct kvmem_events e = { .size = sizeof(e) };
	struct kvt_map m;
	uint64_t n;
	char c;

	EXPECT_EQ(poll(&p, 1, 5000), 1);
	EXPECT_EQ(read(efd, &n, sizeof(n)), 8);
	ASSERT_EQ(kvt_ioctl(fd, KVMEM_IOC_EVENTS, &e), 0);
	EXPECT_TRUE(e.events & KVMEM_EVENT_QUIESCE);
	/* It stays set. */
	ASSERT_EQ(kvt_ioctl(fd, KVMEM_IOC_EVENTS, &e), 0);
	EXPECT_TRUE(e.events & KVMEM_EVENT_QUIESCE);
	EXPECT_EQ(poll(&p, 1, 0), 1);
	EXPECT_EQ(kvt_get(fd, 1, &c, 1), -ESHUTDOWN);
	EXPECT_EQ(kvt_put(fd, 2, &c, 1), -ESHUTDOWN);
	EXPECT_EQ(kvt_lease(fd, 1, &m), -ESHUTDOWN);
	EXPECT_EQ(kvt_alloc(fd, 100, &m), -ESHUTDOWN);
	EXPECT_EQ(kvt_exists(fd, 1), -ESHUTDOWN);
	/* What is held can be used, and given back. */
	EXPECT_EQ(kvt_check(lease->p, lease->bytes, 1), -1);
	EXPECT_EQ(kvt_release(fd, lease->handle), 0);
	EXPECT_EQ(kvt_touch(lease->p, false), SIGBUS);
	EXPECT_EQ(kvt_release(fd, alloc->handle), 0);
	EXPECT_EQ(kvt_unpin(fd, 1), 0);
}

static void expect_no_entry(const char *ns)
{
	int fd = open(KVT_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		EXPECT_EQ(errno, ESHUTDOWN);
		return;
	}
	EXPECT_EQ(kvt_try_attach(fd, ns, NULL, NULL), -ESHUTDOWN);
	close(fd);
}

TEST(quiesce)
{
	const char *ns = kvt_ns(NULL);
	int fd = kvt_file(ns), efd = eventfd(0, EFD_NONBLOCK);
	struct kvmem_eventfd e = { .size = sizeof(e), .fd = efd, .mask = KVMEM_EVENT_QUIESCE };
	struct kvt_map lease, alloc;

	ASSERT_EQ(kvt_put_key(fd, 1, 64 * KIB), 0);
	ASSERT_EQ(kvt_pin(fd, 1), 0);
	ASSERT_EQ(kvt_lease(fd, 1, &lease), 0);
	ASSERT_TRUE(kvt_mmap(fd, &lease, PROT_READ));
	ASSERT_EQ(kvt_alloc(fd, 64 * KIB, &alloc), 0);
	ASSERT_EQ(kvt_ioctl(fd, KVMEM_IOC_EVENTFD, &e), 0);
	ASSERT_EQ(kvt_nl_quiesce(true), 0);
	EXPECT_TRUE(kvt_arena_info().quiesced);
	expect_quiesced(fd, efd, &lease, &alloc);
	expect_no_entry(ns);
	EXPECT_EQ(kvt_nl_quiesce(true), 0);
	/* Changed one's mind: new files work. */
	ASSERT_EQ(kvt_nl_quiesce(false), 0);
	EXPECT_TRUE(!kvt_arena_info().quiesced);
	EXPECT_EQ(kvt_get_key(kvt_file(ns), 1, 64 * KIB), 0);
	kvt_munmap(&lease);
}

/* A batch that runs while the module is quiesced ends soon. */
static void busy(void *arg)
{
	static struct kvmem_op ops[KVMEM_MAX_BATCH];
	uint8_t *p = kvt_pages_new(MIB);
	int fd = kvt_file(arg);
	unsigned int i;

	EXPECT_EQ(kvt_put_key(fd, 1, MIB), 0);
	for (;;) {
		for (i = 0; i < KVMEM_MAX_BATCH; i++) {
			ops[i] = kvt_make_op(KVMEM_OP_GET, 1);
			ops[i].addr = (uintptr_t)p;
			ops[i].len = MIB;
		}
		if (kvt_try_batch(fd, ops, KVMEM_MAX_BATCH, 0, NULL))
			break;
		if (ops[KVMEM_MAX_BATCH - 1].status == -ESHUTDOWN)
			break;
		EXPECT_EQ(ops[KVMEM_MAX_BATCH - 1].status, 0);
	}
}

TEST(quiesce_under_load_and_unload)
{
	const char *ns = kvt_ns(NULL);
	pid_t pid = kvt_fork();

	if (!pid) {
		busy((void *)ns);
		kvt_exit();
	}
	kvt_sleep_ms(300);
	ASSERT_EQ(kvt_nl_quiesce(true), 0);
	EXPECT_EQ(kvt_wait(pid, 10000), 0);
	EXPECT_TRUE(kvt_wait_for(gone(), 5000));
	EXPECT_EQ(open(KVT_DEVICE, O_RDWR), -1);
	EXPECT_EQ(load(), 0);
	ASSERT_TRUE(kvt_wait_for(!access(KVT_DEVICE, R_OK | W_OK), 5000));
	EXPECT_TRUE(!kvt_arena_info().quiesced);
	use();
}

/* Namespaces with blocks in them do not keep the module. */
TEST_TIMEOUT(load_use_unload, 200)
{
	unsigned int i;

	for (i = 0; i < kvt_scale(10, 200); i++) {
		use();
		/* A file may be on its way to its last close. */
		ASSERT(kvt_wait_for(gone(), 5000), "round %u: rmmod to work", i);
		EXPECT_EQ(access("/sys/module/kvmem", F_OK), -1);
		ASSERT_EQ(load(), 0);
		ASSERT_TRUE(kvt_wait_for(!access(KVT_DEVICE, R_OK | W_OK), 5000));
		EXPECT_EQ(kvt_arena_info().namespaces, 0);
		EXPECT_EQ(kvt_arena_info().target, 64 * MIB);
	}
}

/* rmmod and open at once: one of the two wins, again and again. */
TEST(unload_races_open)
{
	unsigned int i;
	pid_t pid = kvt_fork();

	if (!pid) {
		for (;;) {
			int fd = open(KVT_DEVICE, O_RDWR | O_CLOEXEC);

			if (fd >= 0)
				close(fd);
		}
	}
	for (i = 0; i < 200; i++) {
		if (!unload())
			ASSERT_EQ(load(), 0);
	}
	kill(pid, SIGKILL);
	kvt_wait(pid, 5000);
	ASSERT_TRUE(kvt_wait_for(!access(KVT_DEVICE, R_OK | W_OK), 5000));
	use();
}

TEST(wrong_parameters)
{
	const char *path = getenv("KVMEM_MODULE");
	int fd;

	ASSERT_TRUE(path);
	ASSERT_TRUE(kvt_wait_for(gone(), 5000));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_TRUE(fd >= 0);
	EXPECT_NE(syscall(SYS_finit_module, fd, "arena_mb=nonsense", 0), 0);
	EXPECT_EQ(access("/sys/module/kvmem", F_OK), -1);
	close(fd);
	EXPECT_EQ(load(), 0);
	ASSERT_TRUE(kvt_wait_for(!access(KVT_DEVICE, R_OK | W_OK), 5000));
}

TEST_MAIN()
