// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/parse.h"
#include "daemon/cluster.h"
#include "daemon/command.h"
#include "daemon/log.h"
#include "daemon/loop.h"

/**
 * struct command_server - one client at a time, the others wait in the queue
 * @fd: listens
 * @client: is being served, or -1
 * @timer: ends it when it says nothing, or -1
 * @asked: the cluster is at it
 */
struct command_server {
	struct loop *loop;
	struct cluster *const *cluster;
	int fd, client, timer;
	bool asked;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

#define CLIENT_NS	5000000000ULL

static void let_go(struct command_server *s)
{
	loop_timer_stop(s->loop, s->timer);
	s->timer = -1;
	loop_remove(s->loop, s->client);
	close(s->client);
	s->client = -1;
	loop_modify(s->loop, s->fd, EPOLLIN);
}

static void answer(struct command_server *s, int err)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", -err);

	if (send(s->client, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) != n)
		log_debug("a client did not wait for its answer");
}

/* The client may be gone meanwhile: its time was over. */
static void on_done(void *arg, int err)
{
	struct command_server *s = arg;

	s->asked = false;
	if (s->client < 0)
		return;
	answer(s, err);
	let_go(s);
}

/* 0: it will be answered */
static int carry_out(struct command_server *s, const char *text)
{
	bool undrain = !strncmp(text, "undrain ", 8), drain = !strncmp(text, "drain ", 6);
	uint64_t node;

	if ((!drain && !undrain) || parse_count(text + (drain ? 6 : 8), KVMEM_NODE_MAX, &node))
		return -EINVAL;
	if (!*s->cluster)
		return -ENXIO;
	if (s->asked)
		return -EBUSY;
	log_notice("asked to %s", text);
	s->asked = true;
	cluster_drain(*s->cluster, (unsigned int)node, drain, on_done, s);
	return 0;
}

static void on_request(void *arg, uint32_t events)
{
	struct command_server *s = arg;
	char text[64];
	ssize_t n;
	int err;

	(void)events;
	n = recv(s->client, text, sizeof(text) - 1, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		let_go(s);
		return;
	}
	/* One is enough: what comes after it is not looked at. */
	loop_modify(s->loop, s->client, 0);
	text[n] = 0;
	err = carry_out(s, text);
	if (!err)
		return;
	answer(s, err);
	let_go(s);
}

static void on_time(void *arg, uint32_t events)
{
	(void)events;
	let_go(arg);
}

static void on_connect(void *arg, uint32_t events)
{
	struct command_server *s = arg;

	(void)events;
	s->client = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (s->client < 0)
		return;
	s->timer = loop_timer(s->loop, CLIENT_NS, on_time, s);
	if (s->timer < 0 || loop_add(s->loop, s->client, EPOLLIN, on_request, s)) {
		let_go(s);
		return;
	}
	loop_modify(s->loop, s->fd, 0);
}

/* The daemon's own, left by one that was killed: that of the report was tried first. */
static int listen_at(struct command_server *s)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	mode_t old;
	int err;

	memcpy(sa.sun_path, s->path, sizeof(sa.sun_path));
	s->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return -errno;
	unlink(s->path);
	/* Not open to more people for even a moment */
	old = umask(0177);
	err = bind(s->fd, (const struct sockaddr *)&sa, sizeof(sa)) ? -errno : 0;
	umask(old);
	if (!err && listen(s->fd, 8))
		err = -errno;
	if (!err)
		err = loop_add(s->loop, s->fd, EPOLLIN, on_connect, s);
	if (err)
		close(s->fd);
	return err;
}

struct command_server *command_start(struct loop *loop, const char *path,
				     struct cluster *const *cluster)
{
	struct command_server *s = calloc(1, sizeof(*s));
	int err = -ENOMEM;

	if (s) {
		*s = (struct command_server){ .loop = loop, .cluster = cluster, .client = -1,
					      .timer = -1 };
		err = snprintf(s->path, sizeof(s->path), "%s" COMMAND_SUFFIX, path) <
		      (int)sizeof(s->path) ? listen_at(s) : -ENAMETOOLONG;
	}
	if (!err)
		return s;
	free(s);
	errno = -err;
	return NULL;
}

void command_stop(struct command_server *s)
{
	if (!s)
		return;
	if (s->client >= 0)
		let_go(s);
	loop_remove(s->loop, s->fd);
	close(s->fd);
	unlink(s->path);
	free(s);
}
