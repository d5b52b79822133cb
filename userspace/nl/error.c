// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <netlink/errno.h>
#include <stdio.h>
#include <string.h>

#include "nl/internal.h"

/* The few that somebody acts on */
static int errno_of(int nlerr)
{
	switch (-nlerr) {
	case NLE_PERM:
	case NLE_NOACCESS:
		return EPERM;
	case NLE_NOMEM:
		return ENOMEM;
	case NLE_AGAIN:
		return EAGAIN;
	default:
		return EIO;
	}
}

int knl_fail(struct knl_error *e, enum knl_fault fault, int nlerr)
{
	*e = (struct knl_error){ .fault = fault, .err = errno_of(nlerr) };
	snprintf(e->text, sizeof(e->text), "%s", nl_geterror(nlerr));
	return -1;
}

static const char *refusal(const struct knl_error *e, char *buf, size_t len)
{
	const char *text = e->text;

	if (!strncmp(text, "kvmem: ", 7))
		text += 7;
	snprintf(buf, len, "%s%s%s%s", text, *text ? " (" : "", strerror(e->err),
		 *text ? ")" : "");
	return buf;
}

const char *knl_error_text(const struct knl_error *e, char *buf, size_t len)
{
	static const char * const formats[] = {
		[KNL_NO_SOCKET] = "cannot open a netlink socket: %s",
		[KNL_NO_MODULE] = "the kvmem module is not loaded (no netlink family \""
				  KVMEM_GENL_NAME "\" here)",
		[KNL_NO_MEMORY] = "out of memory",
		[KNL_NOT_SENT] = "cannot send the request: %s",
		[KNL_NOT_RECEIVED] = "cannot read the kernel's answer: %s",
		[KNL_NOT_JOINED] = "cannot listen to events: %s",
		[KNL_TIMEOUT] = "the kernel did not answer within %s",
		[KNL_MALFORMED] = "the kernel's answer is malformed",
		[KNL_CHANGING] = "the list keeps changing",
	};

	if (e->fault == KNL_REFUSED)
		return refusal(e, buf, len);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(buf, len, formats[e->fault], e->text);
#pragma GCC diagnostic pop
	return buf;
}
