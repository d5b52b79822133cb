/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel says by itself: events, samples, and whether the module
 * comes or goes.
 */
#ifndef KVMEMD_WATCH_H
#define KVMEMD_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "nl/nl.h"

struct loop;
struct watch_sockets;

/**
 * struct watch_fns - who is told
 * @event: a message of the group "events"
 * @samples: a message of the group "samples"
 * @lost: messages were lost because we were slow; @events: perhaps events
 * @came: the module was loaded
 * @gone: it was unloaded, or the socket failed; the sockets may be opened
 *	again from inside
 */
struct watch_fns {
	int (*event)(const struct knl_msg *m, void *arg);
	int (*samples)(const struct knl_msg *m, void *arg);
	void (*lost)(void *arg, bool events);
	void (*came)(void *arg);
	void (*gone)(void *arg);
};

struct watch_sockets *watch_new(struct loop *loop, const struct watch_fns *fns, void *arg);
void watch_free(struct watch_sockets *w);
/* Listen; @present: the module is there, otherwise only to its coming. */
int watch_open(struct watch_sockets *w, bool present, struct knl_error *e);

#endif
