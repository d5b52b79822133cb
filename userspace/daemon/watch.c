// SPDX-License-Identifier: GPL-2.0
/*
 * Two sockets: samples come in floods, and one that overflows loses what is
 * behind it.
 */
#include <stdlib.h>
#include <sys/epoll.h>

#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/watch.h"

#define TIMEOUT_S	5
/* Messages read before others have a turn */
#define BATCH		256

struct watch_sockets {
	struct loop *loop;
	struct knl events, samples;
	const struct watch_fns *fns;
	void *arg;
};

struct watch_sockets *watch_new(struct loop *loop, const struct watch_fns *fns, void *arg)
{
	struct watch_sockets *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	*w = (struct watch_sockets){
		.loop = loop, .fns = fns, .arg = arg,
		.events.timeout_s = TIMEOUT_S, .samples.timeout_s = TIMEOUT_S,
	};
	return w;
}

static void close_one(struct watch_sockets *w, struct knl *nl)
{
	if (nl->sk)
		loop_remove(w->loop, nl_socket_get_fd(nl->sk));
	knl_close(nl);
}

void watch_free(struct watch_sockets *w)
{
	if (!w)
		return;
	close_one(w, &w->events);
	close_one(w, &w->samples);
	free(w);
}

/* --- reading --- */

static void on_events(void *arg, uint32_t ready)
{
	struct watch_sockets *w = arg;
	struct knl_error e;
	char text[300];
	int i;

	(void)ready;
	for (i = 0; i < BATCH; i++) {
		switch (knl_read_event(&w->events, w->fns->event, w->arg, &e)) {
		case KNL_EVENT_NONE:
			return;
		case KNL_EVENT_SOME:
			break;
		case KNL_EVENT_LOST:
			w->fns->lost(w->arg, true);
			break;
		case KNL_EVENT_CAME:
			w->fns->came(w->arg);
			return;
		case KNL_EVENT_FAILED:
			log_err("events: %s", knl_error_text(&e, text, sizeof(text)));
			w->fns->gone(w->arg);
			return;
		case KNL_EVENT_GONE:
			w->fns->gone(w->arg);
			return;
		}
	}
}

/* Its failures are left to the other socket: samples are a luxury. */
static void on_samples(void *arg, uint32_t ready)
{
	struct watch_sockets *w = arg;
	struct knl_error e;
	int i;

	(void)ready;
	for (i = 0; i < BATCH; i++) {
		switch (knl_read_event(&w->samples, w->fns->samples, w->arg, &e)) {
		case KNL_EVENT_NONE:
			return;
		case KNL_EVENT_LOST:
			w->fns->lost(w->arg, false);
			break;
		case KNL_EVENT_FAILED:
			close_one(w, &w->samples);
			return;
		default:
			break;
		}
	}
}

/* --- opening --- */

static int listen_to(struct watch_sockets *w, struct knl *nl, const char *group, loop_fn fn,
		     struct knl_error *e)
{
	int err;

	if (group && (knl_open(nl, e) || knl_join(nl, KVMEM_GENL_NAME, group, e)))
		return -1;
	err = loop_add(w->loop, nl_socket_get_fd(nl->sk), EPOLLIN, fn, w);
	if (!err)
		return 0;
	*e = (struct knl_error){ .fault = KNL_NO_SOCKET, .err = -err };
	return -1;
}

int watch_open(struct watch_sockets *w, bool present, struct knl_error *e)
{
	int err;

	close_one(w, &w->events);
	close_one(w, &w->samples);
	err = present ? knl_open(&w->events, e) : knl_open_socket(&w->events, e);
	if (!err)
		err = knl_join(&w->events, "nlctrl", "notify", e);
	if (!err)
		err = listen_to(w, &w->events, present ? KVMEM_MCGRP_EVENTS : NULL, on_events, e);
	if (!err && present)
		err = listen_to(w, &w->samples, KVMEM_MCGRP_SAMPLES, on_samples, e);
	return err;
}
