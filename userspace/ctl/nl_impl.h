/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVMEMCTL_NL_IMPL_H
#define _KVMEMCTL_NL_IMPL_H

#include <netlink/netlink.h>

/**
 * struct ctl_nl - a connection
 * @sk: requests, or events once subscribed
 * @family: id of "kvmem"
 */
struct ctl_nl {
	struct nl_sock *sk;
	int family;
};

/* The command line option that sets @attr, or NULL (settings.c) */
const char *ctl_attr_name(int attr);

#endif /* _KVMEMCTL_NL_IMPL_H */
