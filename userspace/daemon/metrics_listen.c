// SPDX-License-Identifier: GPL-2.0
/* "HOST:PORT" to a listening socket. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/metrics_listen.h"

#define BACKLOG	64

struct host_port {
	char host[256];
	const char *port;
};

/*
 * Nobody who writes only a port wants to be read by the whole network: that
 * takes 0.0.0.0 or [::].
 */
#define DEFAULT_HOST	"127.0.0.1"

/* getaddrinfo() takes 65536 for 0. */
static bool is_port(const char *s)
{
	size_t digits = strspn(s, "0123456789");

	return digits && digits <= 5 && !s[digits] && atoi(s) <= 65535;
}

static int split(const char *address, struct host_port *hp)
{
	const char *colon = strrchr(address, ':'), *host = address;
	size_t len = colon ? (size_t)(colon - address) : 0;

	if (!colon)
		return -1;
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
		if (!len)
			return -1;
	} else if (memchr(host, ':', len)) {
		/* An IPv6 address without brackets may end anywhere. */
		return -1;
	}
	if (!len) {
		host = DEFAULT_HOST;
		len = strlen(host);
	}
	if (len >= sizeof(hp->host) || !is_port(colon + 1))
		return -1;
	memcpy(hp->host, host, len);
	hp->host[len] = 0;
	hp->port = colon + 1;
	return 0;
}

static int listen_on(const struct addrinfo *ai)
{
	int fd, one = 1, error;

	fd = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
		    ai->ai_protocol);
	if (fd < 0)
		return -1;
	/* Connections of the daemon before this one would keep the port for a minute. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!bind(fd, ai->ai_addr, ai->ai_addrlen) && !listen(fd, BACKLOG))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

int metrics_listen(const char *address, char *err, size_t errlen)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
				  .ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *ai;
	struct host_port hp;
	int rc, fd = -1;

	if (split(address, &hp)) {
		snprintf(err, errlen, "%s: not HOST:PORT", address);
		return -1;
	}
	rc = getaddrinfo(hp.host, hp.port, &hints, &list);
	if (rc) {
		snprintf(err, errlen, "%s: %s", address, gai_strerror(rc));
		return -1;
	}
	for (ai = list; ai && fd < 0; ai = ai->ai_next)
		fd = listen_on(ai);
	if (fd < 0)
		snprintf(err, errlen, "%s: %s", address, strerror(errno));
	freeaddrinfo(list);
	return fd;
}

unsigned int metrics_listen_port(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	if (getsockname(fd, (struct sockaddr *)&addr, &len))
		return 0;
	if (addr.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&addr)->sin6_port);
	return ntohs(((struct sockaddr_in *)&addr)->sin_port);
}
