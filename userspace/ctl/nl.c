// SPDX-License-Identifier: GPL-2.0
/* Requests and dumps, with the kernel's own words when one fails. */
#include <errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ctl/ctl.h"
#include "ctl/nl.h"

#define REQUEST_SIZE	16384	/* a whole value table is 5 KiB */
#define REPLY_TIMEOUT_S	60
#define DUMP_TRIES	10

/* --- connection --- */

static int no_module(void)
{
	ctl_error("the kvmem module is not loaded (no netlink family \"%s\" here)",
		  KVMEM_GENL_NAME);
	return CTL_NO_MODULE;
}

static void set_options(struct nl_sock *sk)
{
	struct timeval tv = { .tv_sec = REPLY_TIMEOUT_S };
	int fd = nl_socket_get_fd(sk), one = 1;

	/* Without these there is less to tell, nothing worse. */
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

int ctl_nl_open(struct ctl_nl *nl)
{
	int err;

	if (nl->sk)
		return CTL_OK;
	nl->sk = nl_socket_alloc();
	err = nl->sk ? genl_connect(nl->sk) : -NLE_NOMEM;
	if (err < 0) {
		ctl_error("cannot open a netlink socket: %s", nl_geterror(err));
		ctl_nl_close(nl);
		return CTL_FAILED;
	}
	set_options(nl->sk);
	nl->family = genl_ctrl_resolve(nl->sk, KVMEM_GENL_NAME);
	if (nl->family >= 0)
		return CTL_OK;
	ctl_nl_close(nl);
	return no_module();
}

void ctl_nl_close(struct ctl_nl *nl)
{
	nl_socket_free(nl->sk);
	nl->sk = NULL;
}

/* --- attributes --- */

static void no_room(void)
{
	ctl_error("out of memory");
	exit(CTL_FAILED);
}

struct nl_msg *ctl_nl_request(int cmd)
{
	struct nl_msg *msg = nlmsg_alloc_size(REQUEST_SIZE);

	if (!msg || !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, 0, 0, 0,
				 (uint8_t)cmd, KVMEM_GENL_VERSION))
		no_room();
	return msg;
}

void ctl_put(struct nl_msg *msg, int attr, const void *data, size_t len)
{
	if (nla_put(msg, attr, (int)len, data))
		no_room();
}

void ctl_put_u8(struct nl_msg *msg, int attr, uint8_t v)
{
	ctl_put(msg, attr, &v, sizeof(v));
}

void ctl_put_u16(struct nl_msg *msg, int attr, uint16_t v)
{
	ctl_put(msg, attr, &v, sizeof(v));
}

void ctl_put_u32(struct nl_msg *msg, int attr, uint32_t v)
{
	ctl_put(msg, attr, &v, sizeof(v));
}

void ctl_put_u64(struct nl_msg *msg, int attr, uint64_t v)
{
	ctl_put(msg, attr, &v, sizeof(v));
}

void ctl_put_string(struct nl_msg *msg, int attr, const char *text)
{
	ctl_put(msg, attr, text, strlen(text) + 1);
}

/* --- answers --- */

/**
 * struct call - one request on its way
 * @fn: told of every answer
 * @arg: for it
 * @rc: what @fn said, an exit status; once not 0, it is not called again
 * @err: what the kernel said, a positive errno
 * @done: the last message has come
 * @changed: the dump is not of one moment
 * @text: the kernel's explanation, or ""
 * @bad: offset in the request of the attribute it disliked, or 0
 * @miss: attribute it missed, or 0
 */
struct call {
	ctl_nl_fn fn;
	void *arg;
	int rc;
	int err;
	bool done;
	bool changed;
	char text[256];
	uint32_t bad;
	uint32_t miss;
};

int ctl_nl_parse(struct nl_msg *msg, struct nlattr **tb, struct ctl_msg *m)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	struct genlmsghdr *gh;

	if (genlmsg_parse(nlh, 0, tb, KVMEM_A_MAX, NULL) < 0)
		return -1;
	gh = genlmsg_hdr(nlh);
	*m = (struct ctl_msg){
		.cmd = gh->cmd,
		.tb = tb,
		.head = genlmsg_attrdata(gh, 0),
		.len = genlmsg_attrlen(gh, 0),
	};
	return 0;
}

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct nlattr *tb[KVMEM_A_MAX + 1];
	struct call *call = arg;
	struct ctl_msg m;

	if (!call->fn || call->rc)
		return NL_OK;
	if (ctl_nl_parse(msg, tb, &m)) {
		ctl_error("the kernel's answer is malformed");
		call->rc = CTL_FAILED;
		return NL_OK;
	}
	call->rc = call->fn(&m, call->arg);
	return NL_OK;
}

static void read_extack(struct call *call, struct nlattr *head, int len)
{
	struct nlattr *tb[NLMSGERR_ATTR_MISS_TYPE + 1];

	if (len <= 0 || nla_parse(tb, NLMSGERR_ATTR_MISS_TYPE, head, len, NULL) < 0)
		return;
	if (tb[NLMSGERR_ATTR_MSG])
		nla_strlcpy(call->text, tb[NLMSGERR_ATTR_MSG], sizeof(call->text));
	if (tb[NLMSGERR_ATTR_OFFS] && nla_len(tb[NLMSGERR_ATTR_OFFS]) >= 4)
		call->bad = nla_get_u32(tb[NLMSGERR_ATTR_OFFS]);
	if (tb[NLMSGERR_ATTR_MISS_TYPE] && nla_len(tb[NLMSGERR_ATTR_MISS_TYPE]) >= 4)
		call->miss = nla_get_u32(tb[NLMSGERR_ATTR_MISS_TYPE]);
}

/* The end of a dump carries its error, and why. */
static int on_finish(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	int len = nlmsg_datalen(nlh);
	struct call *call = arg;
	int *err = nlmsg_data(nlh);

	call->done = true;
	if (len < (int)sizeof(*err) || *err >= 0)
		return NL_STOP;
	call->err = -*err;
	if (nlh->nlmsg_flags & NLM_F_ACK_TLVS)
		read_extack(call, (struct nlattr *)(err + 1), len - (int)sizeof(*err));
	return NL_STOP;
}

static int on_ack(struct nl_msg *msg, void *arg)
{
	struct call *call = arg;

	(void)msg;
	call->done = true;
	return NL_STOP;
}

static int on_error(struct sockaddr_nl *who, struct nlmsgerr *err, void *arg)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)err - 1;
	size_t skip = sizeof(*err);
	struct call *call = arg;

	(void)who;
	call->done = true;
	call->err = -err->error;
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return NL_STOP;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += err->msg.nlmsg_len - sizeof(struct nlmsghdr);
	skip = NLMSG_ALIGN(skip);
	read_extack(call, (struct nlattr *)((char *)err + skip),
		    (int)(nlh->nlmsg_len - NLMSG_HDRLEN - skip));
	return NL_STOP;
}

static int on_changed(struct nl_msg *msg, void *arg)
{
	struct call *call = arg;

	(void)msg;
	call->changed = true;
	return NL_OK;
}

static struct nl_cb *callbacks(struct call *call)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);

	if (!cb)
		no_room();
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, call);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, call);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, call);
	nl_cb_set(cb, NL_CB_DUMP_INTR, NL_CB_CUSTOM, on_changed, call);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, call);
	return cb;
}

/* --- failures --- */

/* The option that set the attribute at @offset of the request, or NULL */
static const char *option_at(struct nl_msg *msg, uint32_t offset)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	struct nlattr *nla;
	int rem;

	if (!offset)
		return NULL;
	nlmsg_for_each_attr(nla, nlh, GENL_HDRLEN, rem) {
		uint32_t start = (uint32_t)((char *)nla - (char *)nlh);

		if (offset >= start && offset < start + nla->nla_len)
			return ctl_attr_name(nla_type(nla));
	}
	return NULL;
}

static int explain(struct ctl_nl *nl, const struct call *call, struct nl_msg *msg)
{
	const char *option = option_at(msg, call->bad);
	const char *text = call->text;

	/* Did the module go meanwhile? */
	if (call->err == ENOENT && !*text &&
	    genl_ctrl_resolve(nl->sk, KVMEM_GENL_NAME) < 0)
		return no_module();
	if (!option && call->miss)
		option = ctl_attr_name((int)call->miss);
	if (!strncmp(text, "kvmem: ", 7))
		text += 7;
	ctl_error("%s%s%s%s%s%s", option ?: "", option ? ": " : "", text,
		  *text ? " (" : "", strerror(call->err), *text ? ")" : "");
	return ctl_exit_of(call->err);
}

/* --- calls --- */

static int receive(struct ctl_nl *nl, struct call *call)
{
	struct nl_cb *cb = callbacks(call);
	int err = 0;

	while (!call->done && err >= 0)
		err = nl_recvmsgs(nl->sk, cb);
	nl_cb_put(cb);
	if (call->done || err >= 0)
		return CTL_OK;
	if (err == -NLE_AGAIN)
		ctl_error("the kernel did not answer within %d s", REPLY_TIMEOUT_S);
	else
		ctl_error("cannot read the kernel's answer: %s", nl_geterror(err));
	return CTL_FAILED;
}

static int transact(struct ctl_nl *nl, struct nl_msg *msg, struct call *call)
{
	int err = ctl_nl_open(nl);

	if (err)
		return err;
	nlmsg_hdr(msg)->nlmsg_type = (uint16_t)nl->family;
	nlmsg_hdr(msg)->nlmsg_seq = NL_AUTO_SEQ;
	err = nl_send_auto(nl->sk, msg);
	if (err < 0) {
		ctl_error("cannot send the request: %s", nl_geterror(err));
		return err == -NLE_PERM ? CTL_NOT_PERMITTED : CTL_FAILED;
	}
	err = receive(nl, call);
	if (err)
		return err;
	return call->err ? explain(nl, call, msg) : call->rc;
}

int ctl_nl_call(struct ctl_nl *nl, struct nl_msg *msg, ctl_nl_fn fn, void *arg)
{
	struct call call = { .fn = fn, .arg = arg };
	int rc;

	nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_ACK;
	rc = transact(nl, msg, &call);
	nlmsg_free(msg);
	return rc;
}

int ctl_nl_dump(struct ctl_nl *nl, struct nl_msg *msg, ctl_nl_fn fn,
		void (*restart)(void *arg), void *arg)
{
	struct call call;
	int rc, tries;

	nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_DUMP;
	for (tries = 0; tries < DUMP_TRIES; tries++) {
		call = (struct call){ .fn = fn, .arg = arg };
		rc = transact(nl, msg, &call);
		if (rc || !call.changed)
			break;
		if (restart)
			restart(arg);
	}
	nlmsg_free(msg);
	if (tries < DUMP_TRIES)
		return rc;
	ctl_error("the list keeps changing");
	return CTL_FAILED;
}
