// SPDX-License-Identifier: GPL-2.0
/*
 * Requests and dumps, with the kernel's own words when one fails.
 *
 * The timeout bounds the wait for answers.  The request itself is carried out
 * inside of send(): how long that takes is the kernel's matter.
 */
#include <errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "nl/internal.h"

#define REQUEST_SIZE	16384	/* a whole value table is 5 KiB */
#define DUMP_TRIES	10
#define MAX_ERRNO	4095	/* the largest that the kernel returns */

/**
 * struct call - one request on its way
 * @fn: told of every answer
 * @arg: for it
 * @rc: what @fn said; once not 0, it is not called again
 * @err: what the kernel said, a positive errno
 * @done: the last message has come
 * @changed: the dump is not of one moment
 * @malformed: an answer was
 * @text: the kernel's explanation, or ""
 * @bad: offset in the request of the attribute it disliked, or 0
 * @miss: attribute it missed, or 0
 */
struct call {
	knl_fn fn;
	void *arg;
	int rc;
	int err;
	bool done;
	bool changed;
	bool malformed;
	char text[256];
	uint32_t bad;
	uint32_t miss;
};

struct nl_msg *knl_request_size(int cmd, size_t size)
{
	struct nl_msg *msg = nlmsg_alloc_size(size);

	if (msg && genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, 0, 0, 0, (uint8_t)cmd,
			       KVMEM_GENL_VERSION))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

struct nl_msg *knl_request(int cmd)
{
	return knl_request_size(cmd, REQUEST_SIZE);
}

/* --- answers --- */

int knl_parse(struct nl_msg *msg, struct nlattr **tb, struct knl_msg *m)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	struct genlmsghdr *gh;

	if (genlmsg_parse(nlh, 0, tb, KVMEM_A_MAX, NULL) < 0)
		return -1;
	gh = genlmsg_hdr(nlh);
	*m = (struct knl_msg){
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
	struct knl_msg m;

	if (!call->fn || call->rc || call->malformed)
		return NL_OK;
	if (knl_parse(msg, tb, &m))
		call->malformed = true;
	else
		call->rc = call->fn(&m, call->arg);
	return NL_OK;
}

static void read_extack(struct call *call, struct nlattr *head, int len)
{
	struct nlattr *tb[NLMSGERR_ATTR_MISS_TYPE + 1];

	if (len <= 0 || nla_parse(tb, NLMSGERR_ATTR_MISS_TYPE, head, len, NULL) < 0)
		return;
	knl_get_string(tb[NLMSGERR_ATTR_MSG], call->text, sizeof(call->text));
	knl_get_u32(tb[NLMSGERR_ATTR_OFFS], &call->bad);
	knl_get_u32(tb[NLMSGERR_ATTR_MISS_TYPE], &call->miss);
}

/* What an answer gives as its error, when it can be one. */
static int error_number(int err)
{
	return err < 0 && err >= -MAX_ERRNO ? -err : EBADMSG;
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
	call->err = error_number(*err);
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
	size_t skip = sizeof(*err), len = nlh->nlmsg_len - NLMSG_HDRLEN;
	struct call *call = arg;

	(void)who;
	call->done = true;
	call->err = error_number(err->error);
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return NL_STOP;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += err->msg.nlmsg_len - sizeof(struct nlmsghdr);
	skip = NLMSG_ALIGN(skip);
	if (skip < len)
		read_extack(call, (struct nlattr *)((char *)err + skip), (int)(len - skip));
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
		return NULL;
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, call);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, call);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, call);
	nl_cb_set(cb, NL_CB_DUMP_INTR, NL_CB_CUSTOM, on_changed, call);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, call);
	return cb;
}

/* --- failures --- */

/* The attribute at @offset of the request, or 0 */
static int attr_at(struct nl_msg *msg, uint32_t offset)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	struct nlattr *nla;
	int rem;

	if (!offset)
		return 0;
	nlmsg_for_each_attr(nla, nlh, GENL_HDRLEN, rem) {
		uint32_t start = (uint32_t)((char *)nla - (char *)nlh);

		if (offset >= start && offset < start + nla->nla_len)
			return nla_type(nla);
	}
	return 0;
}

static int refused(struct knl *nl, const struct call *call, struct nl_msg *msg,
		   struct knl_error *e)
{
	/* Did the module go meanwhile? */
	if (call->err == ENOENT && !*call->text &&
	    genl_ctrl_resolve(nl->sk, KVMEM_GENL_NAME) != nl->family) {
		knl_close(nl);
		return knl_fail(e, KNL_NO_MODULE, -NLE_OBJ_NOTFOUND);
	}
	*e = (struct knl_error){ .fault = KNL_REFUSED, .err = call->err };
	memcpy(e->text, call->text, sizeof(e->text));
	e->attr = attr_at(msg, call->bad) ?: (int)call->miss;
	return -1;
}

static int no_answer(struct knl *nl, int err, struct knl_error *e)
{
	/* What may still come must not be taken for the next answer. */
	knl_close(nl);
	if (err != -NLE_AGAIN)
		return knl_fail(e, KNL_NOT_RECEIVED, err);
	*e = (struct knl_error){ .fault = KNL_TIMEOUT, .err = ETIMEDOUT };
	snprintf(e->text, sizeof(e->text), "%u s", nl->timeout_s);
	return -1;
}

/* --- calls --- */

static uint64_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec;
}

/* The socket bounds each wait, and this an answer that comes in drops. */
static int receive(struct knl *nl, struct call *call, struct knl_error *e)
{
	uint64_t end = now_s() + nl->timeout_s;
	struct nl_cb *cb = callbacks(call);
	int err = 0;

	if (!cb) {
		knl_close(nl);
		return knl_fail(e, KNL_NO_MEMORY, -NLE_NOMEM);
	}
	while (!call->done && err >= 0)
		err = now_s() > end ? -NLE_AGAIN : nl_recvmsgs(nl->sk, cb);
	nl_cb_put(cb);
	return call->done || err >= 0 ? 0 : no_answer(nl, err, e);
}

static int transact(struct knl *nl, struct nl_msg *msg, struct call *call,
		    struct knl_error *e)
{
	int err;

	if (knl_open(nl, e))
		return -1;
	nlmsg_hdr(msg)->nlmsg_type = (uint16_t)nl->family;
	nlmsg_hdr(msg)->nlmsg_seq = NL_AUTO_SEQ;
	nlmsg_hdr(msg)->nlmsg_pid = NL_AUTO_PORT;
	err = nl_send_auto(nl->sk, msg);
	if (err < 0)
		return knl_fail(e, KNL_NOT_SENT, err);
	if (receive(nl, call, e))
		return -1;
	if (call->err)
		return refused(nl, call, msg, e);
	return call->malformed ? knl_fail(e, KNL_MALFORMED, -NLE_INVAL) : call->rc;
}

int knl_call(struct knl *nl, struct nl_msg *msg, knl_fn fn, void *arg, struct knl_error *e)
{
	struct call call = { .fn = fn, .arg = arg };

	nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_ACK;
	return transact(nl, msg, &call, e);
}

int knl_dump(struct knl *nl, struct nl_msg *msg, knl_fn fn, void (*restart)(void *arg),
	     void *arg, struct knl_error *e)
{
	struct call call;
	int rc, tries;

	nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_DUMP;
	for (tries = 0; tries < DUMP_TRIES; tries++) {
		call = (struct call){ .fn = fn, .arg = arg };
		rc = transact(nl, msg, &call, e);
		if (rc || !call.changed)
			return rc;
		if (restart)
			restart(arg);
	}
	return knl_fail(e, KNL_CHANGING, -NLE_DUMP_INTR);
}
