/* SPDX-License-Identifier: GPL-2.0 */
/* Three real members of etcd on loopback. */
#ifndef ETCD_SERVER_H
#define ETCD_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#define ETCD_MEMBERS	3

/**
 * struct etcd_server - three of them
 * @pid: 0 = not running
 * @urls: for clients, commas between them
 */
struct etcd_server {
	pid_t pid[ETCD_MEMBERS];
	int client_port[ETCD_MEMBERS], peer_port[ETCD_MEMBERS];
	char dir[64], urls[256];
};

/* False: there is no program of that name. */
bool etcd_server_there(void);
/* False: they do not start. */
bool etcd_server_start(struct etcd_server *s);
/* SIGSTOP, SIGCONT, SIGKILL to @member, or to all when it is -1 */
void etcd_server_signal(struct etcd_server *s, int member, int sig);
void etcd_server_stop(struct etcd_server *s);

#endif
