/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The socket on which everybody who connects is told report_json(), and
 * nothing is read.
 */
#ifndef KVMEMD_SOCKET_H
#define KVMEMD_SOCKET_H

#include <stddef.h>
#include <sys/types.h>

#include "daemon/report.h"

#define SOCKET_MAX_CLIENTS	16
#define SOCKET_TIMEOUT_MS	2000

struct loop;
struct socket_server;
struct state;

/*
 * Listen at @path, mode 0660, group @gid ((gid_t)-1: as it comes), or on the
 * socket that systemd passed.  NULL: @err says why.
 */
struct socket_server *socket_start(struct loop *loop, const struct state *state,
				   const struct report_costs *costs, const char *path,
				   gid_t gid, char *err, size_t errlen);
void socket_stop(struct socket_server *s);

#endif
