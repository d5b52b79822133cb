/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the daemon is asked to do, kvmemctl peer drain: a socket of packets beside the one of the
 * report, for root alone.  A request is a packet ("drain 7", "undrain 7"), and so is the
 * answer: a number, 0 or an errno.
 */
#ifndef KVMEMD_COMMAND_H
#define KVMEMD_COMMAND_H

struct cluster;
struct command_server;
struct loop;

#define COMMAND_SUFFIX	".control"

/* Listen at @path with COMMAND_SUFFIX; NULL: errno says why.  *@cluster may change, and be NULL. */
struct command_server *command_start(struct loop *loop, const char *path,
				     struct cluster *const *cluster);
void command_stop(struct command_server *s);

#endif
