// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>

#include "daemon/kernel.h"

static int real_call(struct kernel *k, struct nl_msg *msg, knl_fn fn, void *arg,
		     struct knl_error *e)
{
	return knl_call(&k->nl, msg, fn, arg, e);
}

static int real_dump(struct kernel *k, struct nl_msg *msg, knl_fn fn,
		     void (*restart)(void *arg), void *arg, struct knl_error *e)
{
	return knl_dump(&k->nl, msg, fn, restart, arg, e);
}

/* A connection of its own; of @k only what does not change. */
static int real_attach(struct kernel *k, struct nl_msg *msg, struct knl_error *e)
{
	struct knl nl = { .timeout_s = k->nl.timeout_s };
	int rc = knl_call(&nl, msg, NULL, NULL, e);

	knl_close(&nl);
	return rc;
}

const struct kernel_ops kernel_ops = { real_call, real_dump, real_attach };

static int no_message(struct kernel *k)
{
	k->error = (struct knl_error){ .fault = KNL_NO_MEMORY, .err = ENOMEM };
	return -ENOMEM;
}

/* @rc: of the transport; positive = what our function said, an errno */
static int finish(struct kernel *k, struct nl_msg *msg, int rc)
{
	nlmsg_free(msg);
	if (rc > 0) {
		k->error = (struct knl_error){
			.fault = rc == ENOMEM ? KNL_NO_MEMORY : KNL_MALFORMED, .err = rc,
		};
		return -rc;
	}
	if (!rc)
		return 0;
	return k->error.fault == KNL_NO_MODULE ? -ENODEV : -k->error.err;
}

int kernel_call(struct kernel *k, struct nl_msg *msg, knl_fn fn, void *arg)
{
	if (!msg)
		return no_message(k);
	return finish(k, msg, k->ops->call(k, msg, fn, arg, &k->error));
}

int kernel_dump(struct kernel *k, struct nl_msg *msg, knl_fn fn, void (*restart)(void *arg),
		void *arg)
{
	if (!msg)
		return no_message(k);
	return finish(k, msg, k->ops->dump(k, msg, fn, restart, arg, &k->error));
}

const char *kernel_error(const struct kernel *k)
{
	static char text[512];

	return knl_error_text(&k->error, text, sizeof(text));
}
