/* SPDX-License-Identifier: GPL-2.0 */
/* Latency histograms of the kernel. */
#ifndef _KVMEMCTL_LATENCY_H
#define _KVMEMCTL_LATENCY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/kvmem.h>
#include <linux/kvmem_netlink.h>

#include "common/latency.h"

/* Of one operation and tier */
struct latency {
	uint64_t count;
	uint64_t errors;
	uint64_t bytes;
	uint64_t total_ns;
	uint64_t buckets[KVMEM_NL_LAT_BUCKETS];
};

/* Of all; those without a count have not happened */
struct latencies {
	struct latency of[KVMEM_OP_NR][KVMEM_TIER_NR];
};

struct ctl_nl;

/* See latency_quantile() */
uint64_t latency_percentile(const struct latency *l, unsigned int permille);
/* @now less @before, which was earlier; counters that went back are new. */
void latency_subtract(struct latency *now, const struct latency *before);

/* Read all; an exit status. */
int latency_read(struct ctl_nl *nl, struct latencies *all);
/* An array with an object for each that has happened */
json_t *latency_json(const struct latencies *all);

#endif /* _KVMEMCTL_LATENCY_H */
