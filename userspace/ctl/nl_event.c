// SPDX-License-Identifier: GPL-2.0
/* Events of the multicast group, and of the family's end. */
#include <errno.h>
#include <linux/genetlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <poll.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/nl.h"

struct waiter {
	struct ctl_nl *nl;
	void (*fn)(const struct ctl_msg *m, void *arg);
	void *arg;
	enum ctl_wait result;
};

static int join(struct nl_sock *sk, const char *family, const char *group)
{
	int id = genl_ctrl_resolve_grp(sk, family, group);

	return id < 0 ? id : nl_socket_add_membership(sk, id);
}

int ctl_nl_subscribe(struct ctl_nl *nl)
{
	int err = ctl_nl_open(nl);

	if (err)
		return err;
	err = join(nl->sk, KVMEM_GENL_NAME, KVMEM_MCGRP_EVENTS);
	if (!err)
		err = join(nl->sk, "nlctrl", "notify");
	if (!err)
		err = nl_socket_set_nonblocking(nl->sk);
	if (!err) {
		/* May fail; then a burst is lost sooner, and that is reported. */
		nl_socket_set_buffer_size(nl->sk, 1 << 20, 0);
		return CTL_OK;
	}
	ctl_error("cannot listen to events: %s", nl_geterror(err));
	return err == -NLE_PERM || err == -NLE_NOACCESS ? CTL_NOT_PERMITTED : CTL_FAILED;
}

static void family_event(struct waiter *w, struct nlmsghdr *nlh)
{
	struct nlattr *tb[CTRL_ATTR_MAX + 1];
	struct genlmsghdr *gh = genlmsg_hdr(nlh);

	if (gh->cmd != CTRL_CMD_DELFAMILY ||
	    genlmsg_parse(nlh, 0, tb, CTRL_ATTR_MAX, NULL) < 0 ||
	    !tb[CTRL_ATTR_FAMILY_ID])
		return;
	if (nla_get_u16(tb[CTRL_ATTR_FAMILY_ID]) == w->nl->family)
		w->result = CTL_WAIT_GONE;
}

static int on_event(struct nl_msg *msg, void *arg)
{
	struct nlattr *tb[KVMEM_A_MAX + 1];
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	struct waiter *w = arg;
	struct ctl_msg m;

	if (nlh->nlmsg_type == GENL_ID_CTRL) {
		family_event(w, nlh);
		return NL_OK;
	}
	if (nlh->nlmsg_type != w->nl->family || ctl_nl_parse(msg, tb, &m))
		return NL_SKIP;
	if (w->result == CTL_WAIT_TIME)
		w->result = CTL_WAIT_EVENT;
	w->fn(&m, w->arg);
	return NL_OK;
}

/* Events are no answers. */
static int any_sequence(struct nl_msg *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return NL_OK;
}

static enum ctl_wait receive(struct waiter *w)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int err;

	if (!cb) {
		ctl_error("out of memory");
		return CTL_WAIT_FAILED;
	}
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_event, w);
	nl_cb_set(cb, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, any_sequence, NULL);
	err = nl_recvmsgs(w->nl->sk, cb);
	nl_cb_put(cb);
	if (err >= 0 || err == -NLE_AGAIN)
		return w->result;
	/* ENOBUFS */
	if (err == -NLE_NOMEM)
		return CTL_WAIT_LOST;
	ctl_error("cannot read events: %s", nl_geterror(err));
	return CTL_WAIT_FAILED;
}

enum ctl_wait ctl_nl_wait(struct ctl_nl *nl, int timeout_ms,
			  void (*fn)(const struct ctl_msg *m, void *arg), void *arg)
{
	struct waiter w = { .nl = nl, .fn = fn, .arg = arg, .result = CTL_WAIT_TIME };
	struct pollfd pfd = { .fd = nl_socket_get_fd(nl->sk), .events = POLLIN };
	int n = poll(&pfd, 1, timeout_ms);

	if (n > 0)
		return receive(&w);
	if (!n || errno == EINTR)
		return CTL_WAIT_TIME;
	ctl_error("cannot wait for events: %s", strerror(errno));
	return CTL_WAIT_FAILED;
}
