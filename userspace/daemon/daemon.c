// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "daemon/command.h"
#include "daemon/daemon.h"
#include "daemon/daemon_internal.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/metrics.h"
#include "daemon/socket.h"

#define REQUEST_TIMEOUT_S	10

/* --- what systemd is told --- */

static unsigned int nr_policies(const struct state *state)
{
	const struct state_ns *ns;
	unsigned int n = 0;

	for (ns = state->ns; ns; ns = ns->next)
		n += ns->policy != NULL;
	return n;
}

static void tell_status(struct kvmemd *d)
{
	char status[sizeof(d->status)];

	if (d->state.connected)
		snprintf(status, sizeof(status), "STATUS=kvmem %s: %u namespaces, %u with a policy "
			 "at work, arena %llu MiB%s", d->state.version, d->state.nr_namespaces,
			 nr_policies(&d->state),
			 (unsigned long long)d->state.arena[KVMEM_A_ARENA_LIMIT] >> 20,
			 d->state.quiesced ? ", quiesced" : "");
	else
		snprintf(status, sizeof(status), "STATUS=waiting for the kvmem module");
	if (!strcmp(status, d->status))
		return;
	memcpy(d->status, status, sizeof(status));
	sd_notify(0, status);
}

static void on_watchdog(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	sd_notify(0, "WATCHDOG=1");
}

static int start_watchdog(struct kvmemd *d)
{
	uint64_t usec;
	int timer;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return 0;
	timer = loop_timer(d->loop, usec * 1000 / 3, on_watchdog, NULL);
	return timer < 0 ? timer : 0;
}

/* --- time --- */

static void on_poll(void *arg, uint32_t events)
{
	(void)events;
	link_poll(arg);
}

static void on_second(void *arg, uint32_t events)
{
	(void)events;
	link_second(arg);
	tell_status(arg);
}

/* --- configuration --- */

static void on_config_error(void *arg, const char *message)
{
	(void)arg;
	log_err("%s", message);
}

static gid_t socket_group(const struct config *c)
{
	return c->daemon.set & CONFIG_SOCKET_GROUP ? (gid_t)c->daemon.socket_group : (gid_t)-1;
}

/* Metrics are not worth more than the policies. */
static void start_metrics(struct kvmemd *d)
{
	char err[256];

	if (!*d->config->daemon.metrics)
		return;
	d->metrics = metrics_start(d->loop, &d->state, &d->costs, d->config->daemon.metrics, err,
				   sizeof(err));
	if (!d->metrics)
		log_err("metrics: %s; going on without", err);
}

/* Of a cluster without a daemon the kernel keeps what it has. */
static void start_cluster(struct kvmemd *d)
{
	cluster_free(d->cluster);
	d->cluster = NULL;
	if (!d->config->cluster.given)
		return;
	d->cluster = cluster_new(d->loop, d->kernel, &d->state, &d->config->cluster);
	if (!d->cluster)
		log_err("cluster: cannot begin; going on without");
	if (d->command)
		return;
	d->command = command_start(d->loop, d->config->daemon.socket, &d->cluster);
	if (!d->command)
		log_err("%s" COMMAND_SUFFIX ": %s; nobody can ask to drain", d->config->daemon.socket,
			strerror(errno));
}

static int start_socket(struct kvmemd *d)
{
	char err[256];

	d->socket = socket_start(d->loop, &d->state, &d->costs, d->config->daemon.socket,
				 socket_group(d->config), err, sizeof(err));
	if (d->socket)
		return 0;
	log_err("socket: %s", err);
	return -EIO;
}

static int start_poll(struct kvmemd *d)
{
	d->poll_timer = loop_timer(d->loop, d->config->daemon.poll_ms * 1000000, on_poll, d);
	return d->poll_timer < 0 ? d->poll_timer : 0;
}

static void take_config(struct kvmemd *d, struct config *config)
{
	d->config = config;
	d->costs = config->costs;
	d->control.config = config;
	log_set_level(config->daemon.log_level);
}

/* What changed of the daemon's own settings is done now. */
static void apply(struct kvmemd *d, const struct config *old)
{
	const struct config_daemon *a = &old->daemon, *b = &d->config->daemon;

	if (strcmp(a->metrics, b->metrics) || !d->metrics) {
		metrics_stop(d->metrics);
		d->metrics = NULL;
		start_metrics(d);
	}
	if (strcmp(a->socket, b->socket) || socket_group(old) != socket_group(d->config) ||
	    !d->socket) {
		socket_stop(d->socket);
		start_socket(d);
		command_stop(d->command);
		d->command = NULL;
	}
	if (a->poll_ms == b->poll_ms)
		return;
	loop_timer_stop(d->loop, d->poll_timer);
	if (start_poll(d)) {
		log_err("no timer: %s", strerror(errno));
		loop_stop(d->loop);
	}
}

static void reload(struct kvmemd *d)
{
	struct config *config, *old = d->config;

	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
		   (unsigned long long)daemon_now() / 1000);
	config = config_load(d->path, on_config_error, NULL);
	if (config) {
		take_config(d, config);
		apply(d, old);
		start_cluster(d);
		config_free(old);
		reconcile_reset(&d->reconcile);
		control_reconfigure(&d->control);
		d->resync = true;
		link_poll(d);
		log_notice("%s was read again", d->path);
	} else {
		log_err("%s is not valid; the configuration stays as it was", d->path);
	}
	sd_notify(0, "READY=1");
}

/* --- signals --- */

static void on_signal(void *arg, uint32_t events)
{
	struct signalfd_siginfo info;
	struct kvmemd *d = arg;

	(void)events;
	if (read(d->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		reload(d);
		return;
	}
	log_notice("stopping; the tables in the kernel stay as they are");
	sd_notify(0, "STOPPING=1");
	loop_stop(d->loop);
}

static int start_signals(struct kvmemd *d)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	d->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (d->signals < 0)
		return -errno;
	return loop_add(d->loop, d->signals, EPOLLIN, on_signal, d);
}

/* --- the whole --- */

static int start(struct kvmemd *d)
{
	int err = start_signals(d), timer;

	if (!err)
		err = start_poll(d);
	if (!err) {
		timer = loop_timer(d->loop, 1000000000, on_second, d);
		err = timer < 0 ? timer : 0;
	}
	if (!err)
		err = start_watchdog(d);
	/* Before the kernel is touched: the socket may be another daemon's. */
	if (!err)
		err = start_socket(d);
	if (!err) {
		start_cluster(d);
		err = link_start(d);
	}
	if (err)
		return err;
	start_metrics(d);
	sd_notify(0, "READY=1");
	tell_status(d);
	return 0;
}

static void finish(struct kvmemd *d)
{
	socket_stop(d->socket);
	metrics_stop(d->metrics);
	watch_free(d->watch);
	cluster_free(d->cluster);
	command_stop(d->command);
	knl_close(&d->kernel->nl);
	state_clear(&d->state);
	reconcile_end(&d->reconcile);
	loop_free(d->loop);
	if (d->signals >= 0)
		close(d->signals);
	config_free(d->config);
}

int daemon_run(const char *path, struct config *config)
{
	/* An attach that takes long may outlast this function. */
	static struct kernel kernel = { .ops = &kernel_ops, .nl.timeout_s = REQUEST_TIMEOUT_S };
	struct kvmemd d = { .path = path, .kernel = &kernel, .signals = -1 };
	int err = 0;

	d.control = (struct control){ .k = &kernel, .state = &d.state };
	take_config(&d, config);
	d.loop = loop_new();
	err = d.loop ? start(&d) : -ENOMEM;
	if (!err)
		err = loop_run(d.loop);
	if (err)
		log_err("ended: %s", strerror(-err));
	finish(&d);
	return err ? 1 : 0;
}
