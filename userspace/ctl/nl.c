// SPDX-License-Identifier: GPL-2.0
/* nl/ for a program that says what went wrong and exits. */
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/nl.h"

#define REPLY_TIMEOUT_S	60

/* --- failures --- */

static void no_room(void)
{
	ctl_error("out of memory");
	exit(CTL_FAILED);
}

int ctl_nl_failed(const struct knl_error *e)
{
	const char *option = e->attr ? ctl_attr_name(e->attr) : NULL;
	char text[512];

	ctl_error("%s%s%s", option ?: "", option ? ": " : "",
		  knl_error_text(e, text, sizeof(text)));
	if (e->fault == KNL_NO_MODULE)
		return CTL_NO_MODULE;
	return e->fault == KNL_REFUSED || e->fault == KNL_NOT_SENT ? ctl_exit_of(e->err) :
	       CTL_FAILED;
}

/* --- connection --- */

int ctl_nl_open(struct ctl_nl *nl)
{
	struct knl_error e;

	nl->knl.timeout_s = REPLY_TIMEOUT_S;
	return knl_open(&nl->knl, &e) ? ctl_nl_failed(&e) : CTL_OK;
}

void ctl_nl_close(struct ctl_nl *nl)
{
	knl_close(&nl->knl);
}

/* --- attributes --- */

struct nl_msg *ctl_nl_request(int cmd)
{
	struct nl_msg *msg = knl_request(cmd);

	if (!msg)
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

/* --- calls --- */

/* The caller's function, which knows struct ctl_msg */
struct teller {
	ctl_nl_fn fn;
	void (*restart)(void *arg);
	void *arg;
};

static int tell(const struct knl_msg *m, void *arg)
{
	const struct ctl_msg msg = { .cmd = m->cmd, .tb = m->tb, .head = m->head, .len = m->len };
	struct teller *t = arg;

	return t->fn ? t->fn(&msg, t->arg) : 0;
}

static void restart(void *arg)
{
	struct teller *t = arg;

	if (t->restart)
		t->restart(t->arg);
}

/* @rc: of the call; a positive one is an exit status already */
static int finish(struct nl_msg *msg, int rc, const struct knl_error *e)
{
	nlmsg_free(msg);
	return rc < 0 ? ctl_nl_failed(e) : rc;
}

int ctl_nl_call(struct ctl_nl *nl, struct nl_msg *msg, ctl_nl_fn fn, void *arg)
{
	struct teller t = { .fn = fn, .arg = arg };
	struct knl_error e;

	nl->knl.timeout_s = REPLY_TIMEOUT_S;
	return finish(msg, knl_call(&nl->knl, msg, tell, &t, &e), &e);
}

int ctl_nl_dump(struct ctl_nl *nl, struct nl_msg *msg, ctl_nl_fn fn,
		void (*again)(void *arg), void *arg)
{
	struct teller t = { .fn = fn, .restart = again, .arg = arg };
	struct knl_error e;

	nl->knl.timeout_s = REPLY_TIMEOUT_S;
	return finish(msg, knl_dump(&nl->knl, msg, tell, restart, &t, &e), &e);
}
