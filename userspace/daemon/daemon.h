/* SPDX-License-Identifier: GPL-2.0 */
/* The daemon: everything together, in one loop. */
#ifndef KVMEMD_DAEMON_H
#define KVMEMD_DAEMON_H

#include "daemon/config.h"

/*
 * Work as @config says (which becomes the daemon's) until SIGTERM or SIGINT;
 * @path is read again upon SIGHUP.  The exit status.
 */
int daemon_run(const char *path, struct config *config);

#endif
