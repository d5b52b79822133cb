// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/clock.h"
#include "ctl/ctl.h"
#include "ctl/daemon.h"

#define SOCKET_PATH	"/run/kvmem/kvmemd.sock"
#define MAX_REPORT	(64 << 20)
#define STEP		(64 << 10)
#define TIMEOUT_MS	2000

/* What has been read so far */
struct text {
	char *data;
	size_t len, room;
};

const char *daemon_socket(const struct args *args)
{
	const char *path = args_get(args, "socket");

	return path ? path : SOCKET_PATH;
}

static int connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	/* EAGAIN: more are waiting than it listens for. */
	err = errno == EAGAIN ? -ETIMEDOUT : -errno;
	close(fd);
	return err;
}

static int make_room(struct text *t)
{
	char *data;

	if (t->room - t->len >= STEP)
		return 0;
	if (t->room >= MAX_REPORT)
		return -EPROTO;
	data = realloc(t->data, 2 * t->room + STEP);
	if (!data)
		return -ENOMEM;
	t->data = data;
	t->room = 2 * t->room + STEP;
	return 0;
}

static int wait_for(int fd, uint64_t end)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint64_t now = now_ms();
	int n;

	if (now >= end)
		return -ETIMEDOUT;
	n = poll(&pfd, 1, (int)(end - now));
	if (n < 0 && errno != EINTR)
		return -errno;
	return 0;
}

/* Until the other side closes: a daemon that hangs does not hang us. */
static int read_all(int fd, struct text *t)
{
	uint64_t end = now_ms() + TIMEOUT_MS;
	ssize_t n;
	int err;

	for (;;) {
		err = make_room(t);
		if (!err)
			err = wait_for(fd, end);
		if (err)
			return err;
		n = read(fd, t->data + t->len, t->room - t->len);
		if (!n)
			return 0;
		if (n > 0)
			t->len += (size_t)n;
		else if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
}

static json_t *parse(const struct text *t)
{
	json_t *root = json_loadb(t->data, t->len, JSON_REJECT_DUPLICATES, NULL);
	json_t *format = json_object_get(root, "format");

	if (json_is_integer(format) && json_integer_value(format) == DAEMON_FORMAT)
		return root;
	json_decref(root);
	return NULL;
}

int daemon_read(const char *path, json_t **out)
{
	struct text t = { 0 };
	int fd, err;

	*out = NULL;
	fd = connect_to(path);
	if (fd < 0)
		return fd;
	err = read_all(fd, &t);
	close(fd);
	if (!err) {
		*out = parse(&t);
		err = *out ? 0 : -EPROTO;
	}
	free(t.data);
	return err;
}

const char *daemon_state(int err)
{
	switch (err) {
	case 0:
		return "answers";
	case -ENOENT:
	case -ECONNREFUSED:
		return "is not running";
	case -EPERM:
	case -EACCES:
		return "may not be asked";
	case -ETIMEDOUT:
		return "does not answer";
	case -EPROTO:
		return "answers what this kvmemctl does not understand";
	default:
		return strerror(-err);
	}
}

int daemon_report(const char *path, json_t **out)
{
	int err = daemon_read(path, out);

	if (!err)
		return CTL_OK;
	ctl_error("kvmemd %s (%s: %s)", daemon_state(err), path, strerror(-err));
	switch (err) {
	case -EPERM:
	case -EACCES:
		return CTL_NOT_PERMITTED;
	case -ENOENT:
	case -ECONNREFUSED:
	case -ETIMEDOUT:
		return CTL_NO_DAEMON;
	default:
		return CTL_FAILED;
	}
}
