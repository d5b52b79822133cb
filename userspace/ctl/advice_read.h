/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The daemon's report as numbers.  It comes from another process: what is
 * absent, of a wrong type or out of range is not known, and nothing is trusted.
 */
#ifndef _KVMEMCTL_ADVICE_READ_H
#define _KVMEMCTL_ADVICE_READ_H

#include <jansson.h>

#include "ctl/advice.h"

/* An element of "namespaces"; -1 when it has no id or no name */
int advice_read_ns(const json_t *ns, struct advice_ns *out);
/* "media" of a report, at most @max; how many.  What follows of it is not known yet. */
size_t advice_read_media(const json_t *report, struct advice_media *out, size_t max);
/* Costs as configured, and speeds as measured */
void advice_read_node(const json_t *report, struct advice_node *out);
/* The counters of namespace @id; -1 when it is not there */
int advice_read_counters(const json_t *report, unsigned int id,
			 struct advice_counters *out);
/* Seconds from one report to the other, 0 when they are the same */
double advice_read_interval(const json_t *before, const json_t *now);

#endif /* _KVMEMCTL_ADVICE_READ_H */
