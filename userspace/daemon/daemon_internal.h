/* SPDX-License-Identifier: GPL-2.0 */
/* What daemon.c and link.c share. */
#ifndef KVMEMD_DAEMON_INTERNAL_H
#define KVMEMD_DAEMON_INTERNAL_H

#include "daemon/cluster.h"
#include "daemon/control.h"
#include "daemon/reconcile.h"
#include "daemon/watch.h"

struct loop;
struct metrics;
struct socket_server;

/**
 * struct kvmemd - all of it
 * @path: of the configuration
 * @costs: of @config, at an address that stays
 * @control: works on @kernel, @state and @config
 * @cluster: NULL: none is configured
 * @resync: everything is to be read and reconciled again
 * @reconcile_due: some setting may have been changed by somebody
 * @retry_time: when what was refused is tried again; CLOCK_MONOTONIC ns
 * @sync_time: of the last resync
 * @trouble: the last failure of a request, not to be said twice
 */
struct kvmemd {
	const char *path;
	struct config *config;
	struct report_costs costs;
	struct loop *loop;
	struct kernel *kernel;
	struct state state;
	struct control control;
	struct reconcile reconcile;
	struct watch_sockets *watch;
	struct cluster *cluster;
	struct command_server *command;
	struct metrics *metrics;
	struct socket_server *socket;
	int poll_timer;
	int signals;
	bool resync, reconcile_due;
	uint64_t retry_time, sync_time;
	char trouble[128];
	char status[256];
};

uint64_t daemon_now(void);
/* Look for the module; nothing if it was found before (link.c). */
void link_connect(struct kvmemd *d);
void link_disconnect(struct kvmemd *d);
/* What happens every poll, and every second */
void link_poll(struct kvmemd *d);
void link_second(struct kvmemd *d);
int link_start(struct kvmemd *d);
/* A message of the groups "events" and "samples"; @arg: struct kvmemd */
int link_event(const struct knl_msg *m, void *arg);
int link_samples(const struct knl_msg *m, void *arg);

#endif
