// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "etcd_server.h"

/* KVMEM_ETCD, or where scripts/setup puts it; else that of the system */
static const char *program(void)
{
	static char path[512];
	const char *given = getenv("KVMEM_ETCD"), *cache = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");

	if (given)
		return given;
	if (cache)
		snprintf(path, sizeof(path), "%s/kvmem/tools/etcd", cache);
	else
		snprintf(path, sizeof(path), "%s/.cache/kvmem/tools/etcd", home ? home : "/root");
	return access(path, X_OK) ? "/usr/bin/etcd" : path;
}

bool etcd_server_there(void)
{
	return !access(program(), X_OK);
}

static int free_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0), port = -1;

	if (!bind(fd, (struct sockaddr *)&sa, sizeof(sa)) &&
	    !getsockname(fd, (struct sockaddr *)&sa, &len))
		port = ntohs(sa.sin_port);
	close(fd);
	return port;
}

static void become(struct etcd_server *s, int i)
{
	char name[16], data[96], client[64], peer[64], all[256], log[96];
	int n = 0, j, fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (j = 0; j < ETCD_MEMBERS; j++)
		n += snprintf(all + n, sizeof(all) - (size_t)n, "%sm%d=http://127.0.0.1:%d",
			      j ? "," : "", j, s->peer_port[j]);
	snprintf(name, sizeof(name), "m%d", i);
	snprintf(data, sizeof(data), "%s/m%d", s->dir, i);
	snprintf(log, sizeof(log), "%s/m%d.log", s->dir, i);
	snprintf(client, sizeof(client), "http://127.0.0.1:%d", s->client_port[i]);
	snprintf(peer, sizeof(peer), "http://127.0.0.1:%d", s->peer_port[i]);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
	dup2(fd, 1);
	dup2(fd, 2);
	execl(program(), "etcd", "--name", name, "--data-dir", data, "--listen-client-urls",
	      client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
	      "--initial-advertise-peer-urls", peer, "--initial-cluster", all,
	      "--initial-cluster-state", "new", "--heartbeat-interval", "100",
	      "--election-timeout", "1000", (char *)NULL);
	_exit(127);
}

bool etcd_server_start(struct etcd_server *s)
{
	/* In memory: what it writes is of no use to anybody. */
	const char *base = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
	int i, n = 0;

	memset(s, 0, sizeof(*s));
	snprintf(s->dir, sizeof(s->dir), "%s/kvmem-etcd-XXXXXX", base);
	if (!mkdtemp(s->dir))
		return false;
	for (i = 0; i < ETCD_MEMBERS; i++) {
		s->client_port[i] = free_port();
		s->peer_port[i] = free_port();
		n += snprintf(s->urls + n, sizeof(s->urls) - (size_t)n, "%shttp://127.0.0.1:%d",
			      i ? "," : "", s->client_port[i]);
	}
	for (i = 0; i < ETCD_MEMBERS; i++) {
		s->pid[i] = fork();
		if (!s->pid[i])
			become(s, i);
		if (s->pid[i] < 0)
			return false;
	}
	return true;
}

void etcd_server_signal(struct etcd_server *s, int member, int sig)
{
	int i;

	for (i = 0; i < ETCD_MEMBERS; i++) {
		if (s->pid[i] <= 0 || (member >= 0 && i != member))
			continue;
		kill(s->pid[i], sig);
		if (sig != SIGKILL)
			continue;
		waitpid(s->pid[i], NULL, 0);
		s->pid[i] = 0;
	}
}

void etcd_server_stop(struct etcd_server *s)
{
	char command[96];

	etcd_server_signal(s, -1, SIGKILL);
	snprintf(command, sizeof(command), "rm -rf %s", s->dir);
	if (system(command))
		printf("# %s is left\n", s->dir);
}
