/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVMEMCTL_STATS_DELTA_H
#define _KVMEMCTL_STATS_DELTA_H

#include <jansson.h>

/*
 * The counters of namespaces @now less those of the ones with the same id
 * @before: what has happened since.  @before NULL changes nothing.
 */
void stats_subtract(json_t *now, const json_t *before);

#endif /* _KVMEMCTL_STATS_DELTA_H */
