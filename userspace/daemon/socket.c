// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "daemon/loop.h"
#include "daemon/socket.h"

/**
 * struct client - somebody who is being told
 * @fd: -1 = free
 * @timer: ends it
 * @text: the report
 * @at, @len: of it, told and altogether
 */
struct client {
	struct socket_server *server;
	int fd;
	int timer;
	char *text;
	size_t at, len;
};

/**
 * struct socket_server - the listening socket
 * @path: to be removed; "" = systemd's
 * @full: no client is free, nobody is let in
 */
struct socket_server {
	struct loop *loop;
	const struct state *state;
	const struct report_costs *costs;
	int fd;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	bool full;
	struct client client[SOCKET_MAX_CLIENTS];
};

/* --- clients --- */

static void drop(struct client *c)
{
	struct socket_server *s = c->server;

	loop_remove(s->loop, c->fd);
	if (c->timer >= 0)
		loop_timer_stop(s->loop, c->timer);
	close(c->fd);
	free(c->text);
	c->fd = -1;
	c->text = NULL;
	if (s->full)
		s->full = loop_modify(s->loop, s->fd, EPOLLIN) != 0;
}

static void on_writable(void *arg, uint32_t events)
{
	struct client *c = arg;
	ssize_t n;

	(void)events;
	n = send(c->fd, c->text + c->at, c->len - c->at, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		c->at += (size_t)n;
	if (n <= 0 || c->at == c->len)
		drop(c);
}

static void on_time(void *arg, uint32_t events)
{
	(void)events;
	drop(arg);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void welcome(struct client *c, int fd)
{
	struct socket_server *s = c->server;

	c->fd = fd;
	c->at = 0;
	c->timer = -1;
	c->text = report_json(s->state, s->costs, now_ns());
	if (!c->text || loop_add(s->loop, fd, EPOLLOUT, on_writable, c)) {
		drop(c);
		return;
	}
	c->len = strlen(c->text);
	c->timer = loop_timer(s->loop, SOCKET_TIMEOUT_MS * 1000000ULL, on_time, c);
	if (c->timer < 0)
		drop(c);
}

static struct client *free_client(struct socket_server *s)
{
	int i;

	for (i = 0; i < SOCKET_MAX_CLIENTS; i++)
		if (s->client[i].fd < 0)
			return &s->client[i];
	return NULL;
}

static void on_connect(void *arg, uint32_t events)
{
	struct socket_server *s = arg;
	struct client *c = free_client(s);
	int fd;

	(void)events;
	if (!c) {
		/* They wait in the queue until somebody has been told. */
		s->full = loop_modify(s->loop, s->fd, 0) == 0;
		return;
	}
	fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		welcome(c, fd);
}

/* --- the listening socket --- */

/* The one that systemd passed, or -1 */
static int passed(void)
{
	int i, n = sd_listen_fds(0);

	for (i = 0; i < n; i++)
		if (sd_is_socket_unix(SD_LISTEN_FDS_START + i, SOCK_STREAM, 1, NULL, 0) > 0)
			return SD_LISTEN_FDS_START + i;
	return -1;
}

/* A socket that nobody listens on any more is removed; 0 or -errno. */
static int clear_path(const struct sockaddr_un *sa)
{
	struct stat st;
	int fd, err;

	if (lstat(sa->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) ? -errno : -EADDRINUSE;
	close(fd);
	if (err != -ECONNREFUSED)
		return err == -EAGAIN ? -EADDRINUSE : err;
	return unlink(sa->sun_path) ? -errno : 0;
}

/* Not open to more people for even a moment. */
static int bind_to(int fd, const struct sockaddr_un *sa)
{
	mode_t old = umask(0117);
	int err = bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) ? -errno : 0;

	umask(old);
	return err;
}

static int open_path(const char *path, gid_t gid, int *fd)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int err;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path));
	err = clear_path(&sa);
	if (err)
		return err;
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return -errno;
	err = bind_to(*fd, &sa);
	if (err) {
		close(*fd);
		return err;
	}
	if ((gid == (gid_t)-1 || !chown(path, (uid_t)-1, gid)) &&
	    !listen(*fd, SOCKET_MAX_CLIENTS))
		return 0;
	err = -errno;
	unlink(path);
	close(*fd);
	return err;
}

struct socket_server *socket_start(struct loop *loop, const struct state *state,
				   const struct report_costs *costs, const char *path,
				   gid_t gid, char *err, size_t errlen)
{
	struct socket_server *s = calloc(1, sizeof(*s));
	int i, ret = s ? 0 : -ENOMEM;

	if (!ret) {
		*s = (struct socket_server){ .loop = loop, .state = state, .costs = costs };
		for (i = 0; i < SOCKET_MAX_CLIENTS; i++)
			s->client[i] = (struct client){ .server = s, .fd = -1, .timer = -1 };
		s->fd = passed();
	}
	if (!ret && s->fd < 0) {
		ret = open_path(path, gid, &s->fd);
		if (!ret)
			snprintf(s->path, sizeof(s->path), "%s", path);
	}
	if (!ret) {
		ret = loop_add(loop, s->fd, EPOLLIN, on_connect, s);
		if (!ret)
			return s;
		close(s->fd);
	}
	snprintf(err, errlen, "%s: %s", path, strerror(-ret));
	free(s);
	return NULL;
}

void socket_stop(struct socket_server *s)
{
	int i;

	if (!s)
		return;
	for (i = 0; i < SOCKET_MAX_CLIENTS; i++)
		if (s->client[i].fd >= 0)
			drop(&s->client[i]);
	loop_remove(s->loop, s->fd);
	if (*s->path) {
		close(s->fd);
		unlink(s->path);
	}
	free(s);
}
