// SPDX-License-Identifier: GPL-2.0
/* Events of the multicast group, and of the family's end. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/nl.h"

struct waiter {
	void (*fn)(const struct ctl_msg *m, void *arg);
	void *arg;
	bool told;
};

int ctl_nl_subscribe(struct ctl_nl *nl)
{
	struct knl_error e;
	int err = ctl_nl_open(nl);

	if (err)
		return err;
	if (!knl_join(&nl->knl, KVMEM_GENL_NAME, KVMEM_MCGRP_EVENTS, &e) &&
	    !knl_join(&nl->knl, "nlctrl", "notify", &e))
		return CTL_OK;
	ctl_error("cannot listen to events: %s", e.text);
	return ctl_exit_of(e.err);
}

static int on_event(const struct knl_msg *m, void *arg)
{
	const struct ctl_msg msg = { .cmd = m->cmd, .tb = m->tb, .head = m->head, .len = m->len };
	struct waiter *w = arg;

	w->told = true;
	w->fn(&msg, w->arg);
	return 0;
}

static enum ctl_wait receive(struct ctl_nl *nl, struct waiter *w)
{
	struct knl_error e;

	switch (knl_read_event(&nl->knl, on_event, w, &e)) {
	case KNL_EVENT_LOST:
		return CTL_WAIT_LOST;
	case KNL_EVENT_GONE:
		return CTL_WAIT_GONE;
	case KNL_EVENT_FAILED:
		ctl_error("cannot read events: %s", e.text);
		return CTL_WAIT_FAILED;
	default:
		return w->told ? CTL_WAIT_EVENT : CTL_WAIT_TIME;
	}
}

enum ctl_wait ctl_nl_wait(struct ctl_nl *nl, int timeout_ms,
			  void (*fn)(const struct ctl_msg *m, void *arg), void *arg)
{
	struct waiter w = { .fn = fn, .arg = arg };
	struct pollfd pfd = { .fd = nl_socket_get_fd(nl->knl.sk), .events = POLLIN };
	int n = poll(&pfd, 1, timeout_ms);

	if (n > 0)
		return receive(nl, &w);
	if (!n || errno == EINTR)
		return CTL_WAIT_TIME;
	ctl_error("cannot wait for events: %s", strerror(errno));
	return CTL_WAIT_FAILED;
}
