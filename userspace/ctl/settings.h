/* SPDX-License-Identifier: GPL-2.0 */
/* Options and operands as netlink attributes. */
#ifndef _KVMEMCTL_SETTINGS_H
#define _KVMEMCTL_SETTINGS_H

#include <jansson.h>
#include <netlink/msg.h>

#include "ctl/args.h"

/* All return 0 or CTL_USAGE, with a message. */

/* Every option given that sets an attribute */
int settings_put(struct nl_msg *msg, const struct args *args);
/* The object that @text names: digits are its id, else it is its name */
int object_put(struct nl_msg *msg, const char *text);
/* The name of an object that is to be made */
int new_name_put(struct nl_msg *msg, const char *text);
/* {"id": ...} or {"name": ...}: what @text names */
json_t *object_json(const char *text);

#endif /* _KVMEMCTL_SETTINGS_H */
