// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl/ask.h"
#include "daemon/command.h"

#define TIMEOUT_S	10	/* etcd may take its time */

static int exchange(int fd, const char *request)
{
	char text[16];
	ssize_t n;

	if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
		return -errno;
	n = recv(fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (!n)
		return -ETIMEDOUT;
	text[n] = 0;
	return -atoi(text);
}

int ask_daemon(const char *path, const char *request)
{
	const struct timeval tv = { .tv_sec = TIMEOUT_S };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, err;

	if (snprintf(sa.sun_path, sizeof(sa.sun_path), "%s" COMMAND_SUFFIX, path) >=
	    (int)sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	err = connect(fd, (struct sockaddr *)&sa, sizeof(sa)) ? -errno : exchange(fd, request);
	close(fd);
	return err;
}
