/* SPDX-License-Identifier: GPL-2.0 */
/* The module as a whole: its state, and quiescing it. */
#ifndef _KVMEMCTL_MODULE_H
#define _KVMEMCTL_MODULE_H

#include <jansson.h>
#include <stdbool.h>

#include "ctl/ctl.h"

/* stats-get; an exit status */
int module_get(struct ctl *c, json_t **out);
/* quiesce; an exit status, and the state it is in then */
int module_quiesce(struct ctl *c, bool on, json_t **out);

#endif /* _KVMEMCTL_MODULE_H */
