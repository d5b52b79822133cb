// SPDX-License-Identifier: GPL-2.0
/*
 * Events: poll, EVENTS, EVENTFD, and what raises them.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include "kvmem_util.h"

static bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLPRI };

	return poll(&p, 1, ms) == 1 && (p.revents & POLLIN);
}

static uint32_t take_events(int fd)
{
	struct kvmem_events e = { .size = sizeof(e), .events = 0xffffffff };

	ASSERT_EQ(kvt_ioctl(fd, KVMEM_IOC_EVENTS, &e), 0);
	return e.events;
}

static void notify_batch(int fd, unsigned int nr)
{
	struct kvmem_op ops[4] = {};

	ASSERT_EQ(kvt_try_batch(fd, ops, nr, KVMEM_BATCH_F_NOTIFY, NULL), 0);
}

static int set_eventfd(int fd, int efd, uint32_t mask)
{
	struct kvmem_eventfd e = { .size = sizeof(e), .fd = efd, .mask = mask };

	return kvt_ioctl(fd, KVMEM_IOC_EVENTFD, &e);
}

static uint64_t efd_count(int efd)
{
	uint64_t n = 0;

	return read(efd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

TEST(batch_notify)
{
	int fd = kvt_new(NULL);
	struct kvmem_op op = { .opcode = KVMEM_OP_NOP };

	EXPECT_TRUE(!readable(fd, 0));
	EXPECT_EQ(take_events(fd), 0);
	ASSERT_EQ(kvt_try_batch(fd, &op, 1, 0, NULL), 0);
	EXPECT_TRUE(!readable(fd, 0));
	notify_batch(fd, 1);
	EXPECT_TRUE(readable(fd, 0));
	notify_batch(fd, 4);
	EXPECT_TRUE(readable(fd, 0));
	EXPECT_EQ(take_events(fd), KVMEM_EVENT_BATCH);
	EXPECT_TRUE(!readable(fd, 0));
	EXPECT_EQ(take_events(fd), 0);
}

TEST(wakes_a_sleeper)
{
	int fd = kvt_new(NULL), ep = epoll_create1(0);
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };
	uint64_t start;
	pid_t pid;

	ASSERT_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
	pid = kvt_fork();
	if (!pid) {
		kvt_sleep_ms(300);
		notify_batch(fd, 1);
		kvt_exit();
	}
	start = kvt_now_ms();
	EXPECT_EQ(epoll_wait(ep, &e, 1, 20000), 1);
	EXPECT_GE(kvt_now_ms() - start, 100);
	EXPECT_EQ(kvt_wait(pid, 10000), 0);
	EXPECT_EQ(take_events(fd), KVMEM_EVENT_BATCH);
}

TEST(namespace_events)
{
	const char *ns = kvt_ns(NULL), *other = kvt_ns(NULL);
	int fd = kvt_file(ns), second = kvt_file(ns), stranger = kvt_file(other);
	struct kvt_ns_opts o = { .quota_bytes = 16 * MIB };

	ASSERT_EQ(kvt_nl_ns_set(ns, &o), 0);
	EXPECT_TRUE(readable(fd, 5000));
	EXPECT_TRUE(readable(second, 5000));
	EXPECT_TRUE(!readable(stranger, 0));
	EXPECT_EQ(take_events(fd), KVMEM_EVENT_NS);
	EXPECT_TRUE(!readable(fd, 0));
	EXPECT_EQ(take_events(second), KVMEM_EVENT_NS);
	ASSERT_EQ(kvt_nl_ns_del(ns), 0);
	EXPECT_TRUE(readable(fd, 5000));
	EXPECT_TRUE(take_events(fd) & KVMEM_EVENT_NS);
	EXPECT_EQ(take_events(stranger), 0);
}

TEST(deleted_namespace_answers_eshutdown)
{
	const char *ns = kvt_ns(NULL);
	int fd = kvt_file(ns);
	struct kvt_map a;
	char c;

	kvt_put_key(fd, 1, 100);
	ASSERT_EQ(kvt_alloc(fd, 4096, &a), 0);
	ASSERT_EQ(kvt_nl_ns_del(ns), 0);
	EXPECT_EQ(kvt_try_attach(kvt_open(), ns, NULL, NULL), -ENOENT);
	EXPECT_EQ(kvt_get(fd, 1, &c, 1), -ESHUTDOWN);
	EXPECT_EQ(kvt_put(fd, 2, &c, 1), -ESHUTDOWN);
	EXPECT_EQ(kvt_exists(fd, 1), -ESHUTDOWN);
	EXPECT_EQ(kvt_alloc(fd, 4096, &a), -ESHUTDOWN);
	/* The name is free at once, and the new one is another. */
	ASSERT_EQ(kvt_nl_ns_new(ns, NULL, NULL), 0);
	EXPECT_EQ(kvt_get(fd, 1, &c, 1), -ESHUTDOWN);
	EXPECT_EQ(kvt_exists(kvt_file(ns), 1), -ENOENT);
}

TEST(release_after_delete_works)
{
	const char *ns = kvt_ns(NULL);
	int fd = kvt_file(ns);
	struct kvt_map a;

	ASSERT_EQ(kvt_alloc(fd, 64 * KIB, &a), 0);
	ASSERT_EQ(kvt_nl_ns_del(ns), 0);
	EXPECT_EQ(kvt_release(fd, a.handle), 0);
	EXPECT_EQ(kvt_release(fd, a.handle), -ENOENT);
}

TEST(eventfd_counts)
{
	int fd = kvt_new(NULL), efd = eventfd(0, EFD_NONBLOCK);

	ASSERT_EQ(set_eventfd(fd, efd, KVMEM_EVENT_BATCH), 0);
	EXPECT_EQ(efd_count(efd), 0);
	notify_batch(fd, 1);
	EXPECT_GE(efd_count(efd), 1);
	/* Only what the mask says. */
	ASSERT_EQ(set_eventfd(fd, efd, KVMEM_EVENT_QUIESCE), 0);
	efd_count(efd);
	notify_batch(fd, 1);
	EXPECT_EQ(efd_count(efd), 0);
	EXPECT_TRUE(readable(fd, 0));
	/* Stop. */
	ASSERT_EQ(set_eventfd(fd, efd, KVMEM_EVENT_BATCH), 0);
	ASSERT_EQ(set_eventfd(fd, -1, 0), 0);
	efd_count(efd);
	take_events(fd);
	notify_batch(fd, 1);
	EXPECT_EQ(efd_count(efd), 0);
}

TEST(eventfd_errors)
{
	int fd = kvt_new(NULL), pipes[2];

	ASSERT_EQ(pipe(pipes), 0);
	EXPECT_NE(set_eventfd(fd, pipes[0], KVMEM_EVENT_BATCH), 0);
	EXPECT_EQ(set_eventfd(fd, 9999, KVMEM_EVENT_BATCH), -EBADF);
	EXPECT_EQ(set_eventfd(fd, -1, 0), 0);
	EXPECT_EQ(set_eventfd(fd, -2, 0), -EINVAL);
	EXPECT_EQ(set_eventfd(fd, fd, KVMEM_EVENT_BATCH), -EBADF);
}

/* An eventfd closed by its owner is no trouble, nor is a file closed first. */
TEST(lifetimes)
{
	int fd = kvt_new(NULL), efd = eventfd(0, EFD_NONBLOCK), ep = epoll_create1(0);
	struct epoll_event e = { .events = EPOLLIN };

	ASSERT_EQ(set_eventfd(fd, efd, 7), 0);
	close(efd);
	notify_batch(fd, 1);
	/* What is pending already is told at once. */
	efd = eventfd(0, EFD_NONBLOCK);
	ASSERT_EQ(set_eventfd(fd, efd, 7), 0);
	EXPECT_EQ(efd_count(efd), 1);
	take_events(fd);
	ASSERT_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
	close(fd);
	EXPECT_EQ(epoll_wait(ep, &e, 1, 0), 0);
	EXPECT_EQ(efd_count(efd), 0);
}

TEST(many_files_of_one_namespace)
{
	const char *ns = kvt_ns(NULL);
	struct kvt_ns_opts o = { .ttl_ms = 1000000 };
	int fds[100], efd = eventfd(0, EFD_NONBLOCK);
	unsigned int i;

	for (i = 0; i < 100; i++) {
		fds[i] = kvt_file(ns);
		ASSERT_EQ(set_eventfd(fds[i], efd, KVMEM_EVENT_NS), 0);
	}
	efd_count(efd);
	ASSERT_EQ(kvt_nl_ns_set(ns, &o), 0);
	for (i = 0; i < 100; i++)
		EXPECT_TRUE(readable(fds[i], 5000));
	EXPECT_EQ(efd_count(efd), 100);
}

/* A failed batch with NOTIFY must not leave a sleeper waiting. */
TEST(notify_when_operations_fail)
{
	struct kvmem_op op = kvt_make_op(KVMEM_OP_DELETE, 1);
	int fd = kvt_new(NULL);

	ASSERT_EQ(kvt_try_batch(fd, &op, 1, KVMEM_BATCH_F_NOTIFY | KVMEM_BATCH_F_STOP, NULL), 0);
	EXPECT_EQ(op.status, -ENOENT);
	EXPECT_TRUE(readable(fd, 1000));
}

TEST_MAIN()
