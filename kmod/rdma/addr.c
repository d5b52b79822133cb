// SPDX-License-Identifier: GPL-2.0
/*
 * Addresses as they are written: "10.0.0.1:7471,[fd00::1]:7471".
 */
#include <linux/inet.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <net/net_namespace.h>
#include "rdma/rdma.h"

#define ADDR_LEN	64	/* of one, written */

/* Cut "HOST:PORT", "[HOST]:PORT" or "HOST" in two; NULL: it is neither. */
static const char *addr_split(char *text, const char **port)
{
	char *colon, *end;

	*port = __stringify(KVMEM_PEER_PORT);
	if (*text == '[') {
		end = strchr(++text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return NULL;
		if (end[1])
			*port = end + 2;
		*end = '\0';
		return text;
	}
	colon = strchr(text, ':');
	/* Several colons and no brackets: an IPv6 address without a port. */
	if (colon && !strchr(colon + 1, ':')) {
		*colon = '\0';
		*port = colon + 1;
	}
	return text;
}

int kvmem_addr_next(const char **list, struct sockaddr_storage *addr)
{
	const char *host, *port;
	char text[ADDR_LEN];
	size_t len;

	if (!**list)
		return 0;
	len = strcspn(*list, ",");
	if (!len || len >= sizeof(text))
		return -EINVAL;
	memcpy(text, *list, len);
	text[len] = '\0';
	*list += len;
	if (**list && !*++*list)
		return -EINVAL;
	host = addr_split(text, &port);
	if (!host || inet_pton_with_scope(&init_net, AF_UNSPEC, host, port, addr))
		return -EINVAL;
	return 1;
}
