/* SPDX-License-Identifier: GPL-2.0 */
/* Advice as JSON, and for people. */
#ifndef _KVMEMCTL_ADVICE_OUT_H
#define _KVMEMCTL_ADVICE_OUT_H

#include <jansson.h>
#include <stdio.h>

#include "ctl/advice.h"

json_t *advice_node_json(const struct advice_node *node);
json_t *advice_json(const struct advice_ns *ns, const struct advice_node *node,
		    const struct advice *a);
json_t *advice_media_json(const struct advice_media *media, size_t n);
void advice_print_media(const struct advice_media *media, size_t n, FILE *to);
void advice_print(const struct advice_ns *ns, const struct advice_node *node,
		  const struct advice *a, FILE *to);

#endif /* _KVMEMCTL_ADVICE_OUT_H */
