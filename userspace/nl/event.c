// SPDX-License-Identifier: GPL-2.0
/* Events of the multicast groups, and the family's coming and going. */
#include <linux/genetlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <string.h>

#include "nl/internal.h"

#define BUFFER_SIZE	(1 << 20)

struct reader {
	struct knl *nl;
	knl_fn fn;
	void *arg;
	enum knl_event result;
};

/*
 * On a socket of its own: @nl may have events waiting, which would be taken
 * for the answer.
 */
static int group_id(const struct knl *nl, const char *family, const char *group,
		    struct knl_error *e)
{
	struct knl asking = { .timeout_s = nl->timeout_s };
	int id;

	if (knl_open_socket(&asking, e))
		return -1;
	id = genl_ctrl_resolve_grp(asking.sk, family, group);
	knl_close(&asking);
	return id < 0 ? knl_fail(e, KNL_NOT_JOINED, id) : id;
}

int knl_join(struct knl *nl, const char *family, const char *group, struct knl_error *e)
{
	int id = group_id(nl, family, group, e), err;

	if (id < 0)
		return -1;
	err = nl_socket_add_membership(nl->sk, id);
	if (!err)
		err = nl_socket_set_nonblocking(nl->sk);
	if (err < 0)
		return knl_fail(e, KNL_NOT_JOINED, err);
	/* May fail; then a burst is lost sooner, and that is reported. */
	nl_socket_set_buffer_size(nl->sk, BUFFER_SIZE, 0);
	return 0;
}

static void family_event(struct reader *r, struct nlmsghdr *nlh)
{
	struct nlattr *tb[CTRL_ATTR_MAX + 1];
	char name[GENL_NAMSIZ] = "";
	uint16_t id = 0;
	int cmd;

	if (genlmsg_parse(nlh, 0, tb, CTRL_ATTR_MAX, NULL) < 0)
		return;
	cmd = genlmsg_hdr(nlh)->cmd;
	knl_get_u16(tb[CTRL_ATTR_FAMILY_ID], &id);
	knl_get_string(tb[CTRL_ATTR_FAMILY_NAME], name, sizeof(name));
	if (cmd == CTRL_CMD_DELFAMILY && id && id == r->nl->family)
		r->result = KNL_EVENT_GONE;
	else if (cmd == CTRL_CMD_NEWFAMILY && !strcmp(name, KVMEM_GENL_NAME))
		r->result = KNL_EVENT_CAME;
}

static int on_event(struct nl_msg *msg, void *arg)
{
	struct nlattr *tb[KVMEM_A_MAX + 1];
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	struct reader *r = arg;
	struct knl_msg m;

	/* Whoever may, can send to our port: only the kernel is believed. */
	if (nlmsg_get_src(msg)->nl_pid)
		return NL_SKIP;
	if (nlh->nlmsg_type == GENL_ID_CTRL)
		family_event(r, nlh);
	else if (nlh->nlmsg_type == r->nl->family && !knl_parse(msg, tb, &m))
		r->fn(&m, r->arg);
	return NL_OK;
}

/* Events are no answers. */
static int any_sequence(struct nl_msg *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return NL_OK;
}

enum knl_event knl_read_event(struct knl *nl, knl_fn fn, void *arg, struct knl_error *e)
{
	struct reader r = { .nl = nl, .fn = fn, .arg = arg, .result = KNL_EVENT_SOME };
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int err;

	if (!cb) {
		knl_fail(e, KNL_NO_MEMORY, -NLE_NOMEM);
		return KNL_EVENT_FAILED;
	}
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_event, &r);
	nl_cb_set(cb, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, any_sequence, NULL);
	err = nl_recvmsgs(nl->sk, cb);
	nl_cb_put(cb);
	if (err >= 0)
		return r.result;
	if (err == -NLE_AGAIN)
		return KNL_EVENT_NONE;
	/* ENOBUFS */
	if (err == -NLE_NOMEM)
		return KNL_EVENT_LOST;
	knl_fail(e, KNL_NOT_RECEIVED, err);
	return KNL_EVENT_FAILED;
}
