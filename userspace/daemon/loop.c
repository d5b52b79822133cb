// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "daemon/loop.h"

#define BATCH	16

/**
 * struct watch - a file descriptor and who is told
 * @next: in the list of its loop
 * @timer: a timerfd of ours, to be read and closed
 * @dead: removed; freed when no event of the batch can point to it any more
 */
struct watch {
	struct watch *next;
	int fd;
	bool timer;
	bool dead;
	loop_fn fn;
	void *arg;
};

struct loop {
	int epoll;
	struct watch *watches;
	bool stopped;
	bool dead;	/* one of them at least */
};

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll >= 0)
		return loop;
	free(loop);
	return NULL;
}

static struct watch *find(const struct loop *loop, int fd)
{
	struct watch *w;

	for (w = loop->watches; w; w = w->next)
		if (w->fd == fd && !w->dead)
			return w;
	return NULL;
}

static void bury(struct loop *loop)
{
	struct watch **at = &loop->watches, *w;

	while ((w = *at)) {
		if (!w->dead) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		free(w);
	}
	loop->dead = false;
}

static void detach(struct loop *loop, struct watch *w)
{
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	if (w->timer)
		close(w->fd);
	w->dead = true;
	loop->dead = true;
}

void loop_free(struct loop *loop)
{
	struct watch *w;

	if (!loop)
		return;
	for (w = loop->watches; w; w = w->next)
		if (!w->dead)
			detach(loop, w);
	bury(loop);
	close(loop->epoll);
	free(loop);
}

/* --- file descriptors --- */

static int add(struct loop *loop, int fd, uint32_t events, loop_fn fn, void *arg, bool timer)
{
	struct epoll_event ev = { .events = events };
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	*w = (struct watch){ .next = loop->watches, .fd = fd, .timer = timer, .fn = fn,
			     .arg = arg };
	ev.data.ptr = w;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &ev)) {
		free(w);
		return -errno;
	}
	loop->watches = w;
	return 0;
}

int loop_add(struct loop *loop, int fd, uint32_t events, loop_fn fn, void *arg)
{
	return add(loop, fd, events, fn, arg, false);
}

int loop_modify(struct loop *loop, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = find(loop, fd) };

	if (!ev.data.ptr)
		return -ENOENT;
	return epoll_ctl(loop->epoll, EPOLL_CTL_MOD, fd, &ev) ? -errno : 0;
}

void loop_remove(struct loop *loop, int fd)
{
	struct watch *w = find(loop, fd);

	if (w)
		detach(loop, w);
}

/* --- timers --- */

int loop_timer(struct loop *loop, uint64_t period_ns, loop_fn fn, void *arg)
{
	struct timespec ts = {
		.tv_sec = (time_t)(period_ns / 1000000000),
		.tv_nsec = (long)(period_ns % 1000000000),
	};
	struct itimerspec its = { .it_interval = ts, .it_value = ts };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int err;

	if (fd < 0)
		return -errno;
	err = timerfd_settime(fd, 0, &its, NULL) ? -errno : 0;
	if (!err)
		err = add(loop, fd, EPOLLIN, fn, arg, true);
	if (!err)
		return fd;
	close(fd);
	return err;
}

void loop_timer_stop(struct loop *loop, int timer)
{
	loop_remove(loop, timer);
}

/* --- running --- */

static void dispatch(struct watch *w, uint32_t events)
{
	uint64_t missed;

	if (w->dead)
		return;
	/* Somebody else may have stopped and started it within this batch. */
	if (w->timer && read(w->fd, &missed, sizeof(missed)) != sizeof(missed))
		return;
	w->fn(w->arg, events);
}

int loop_run(struct loop *loop)
{
	struct epoll_event ev[BATCH];
	int i, n;

	loop->stopped = false;
	while (!loop->stopped) {
		n = epoll_wait(loop->epoll, ev, BATCH, -1);
		if (n < 0 && errno != EINTR)
			return -errno;
		for (i = 0; i < n && !loop->stopped; i++)
			dispatch(ev[i].data.ptr, ev[i].events);
		if (loop->dead)
			bury(loop);
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}
