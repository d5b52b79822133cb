// SPDX-License-Identifier: GPL-2.0
/* Sockets, and whether the module is there. */
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "nl/internal.h"

/*
 * A placement map is 96 KiB and goes in one message; a plane of it comes in one, and what
 * comes behind it needs room as well.
 */
#define ROOM	(128 << 10)

static void set_options(const struct knl *nl)
{
	struct timeval tv = { .tv_sec = nl->timeout_s };
	int fd = nl_socket_get_fd(nl->sk), one = 1, room = ROOM;

	/* Without these there is less to tell, nothing worse. */
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

int knl_open_socket(struct knl *nl, struct knl_error *e)
{
	int err;

	if (nl->sk)
		return 0;
	nl->family = -1;
	nl->sk = nl_socket_alloc();
	err = nl->sk ? genl_connect(nl->sk) : -NLE_NOMEM;
	if (err < 0) {
		knl_close(nl);
		return knl_fail(e, KNL_NO_SOCKET, err);
	}
	set_options(nl);
	return 0;
}

int knl_open(struct knl *nl, struct knl_error *e)
{
	if (nl->sk && nl->family >= 0)
		return 0;
	if (knl_open_socket(nl, e))
		return -1;
	nl->family = genl_ctrl_resolve(nl->sk, KVMEM_GENL_NAME);
	if (nl->family >= 0)
		return 0;
	knl_close(nl);
	return knl_fail(e, KNL_NO_MODULE, -NLE_OBJ_NOTFOUND);
}

void knl_close(struct knl *nl)
{
	nl_socket_free(nl->sk);
	nl->sk = NULL;
	nl->family = -1;
}

bool knl_family_exists(struct knl *nl)
{
	struct genl_family *family;
	struct nl_cache *all;
	struct knl_error e;
	bool found;

	if (knl_open_socket(nl, &e))
		return false;
	if (genl_ctrl_alloc_cache(nl->sk, &all)) {
		/* Half an answer may be on its way still. */
		knl_close(nl);
		return false;
	}
	family = genl_ctrl_search_by_name(all, KVMEM_GENL_NAME);
	found = family;
	nl_object_put((struct nl_object *)family);
	nl_cache_free(all);
	return found;
}
