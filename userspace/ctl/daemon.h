/* SPDX-License-Identifier: GPL-2.0 */
/* kvmemd's report, from its socket; docs/report.md says what is in it. */
#ifndef _KVMEMCTL_DAEMON_H
#define _KVMEMCTL_DAEMON_H

#include <jansson.h>

#include "ctl/args.h"

#define DAEMON_FORMAT	1	/* of the report, that we understand */

/* --socket, or where kvmemd is by default */
const char *daemon_socket(const struct args *args);
/*
 * Read the report: an object of DAEMON_FORMAT, the rest of it unchecked.  0 or
 * a negative errno: ENOENT and ECONNREFUSED when no daemon is there, EPROTO
 * when what came is no report.  *@out is then NULL.
 */
int daemon_read(const char *path, json_t **out);
/* "answers", "is not running", ...: what @err of daemon_read() means */
const char *daemon_state(int err);
/* The same with a message; an exit status */
int daemon_report(const char *path, json_t **out);

#endif /* _KVMEMCTL_DAEMON_H */
