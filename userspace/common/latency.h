/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's latency histograms: 4 buckets for every power of two of ns. */
#ifndef _KVMEM_LATENCY_HIST_H
#define _KVMEM_LATENCY_HIST_H

#include <stdint.h>

#include <linux/kvmem_netlink.h>

/* First time that bucket @b counts, ns */
uint64_t latency_start(unsigned int b);
/*
 * The time that @permille of 1000 operations stayed within, ns: inside of the
 * bucket that holds that operation, in proportion.  0 when there is none.
 */
uint64_t latency_quantile(const uint64_t buckets[KVMEM_NL_LAT_BUCKETS],
			  unsigned int permille);

/* "get", "dram"; NULL: none that we know */
const char *latency_op_name(unsigned int opcode);
const char *latency_tier_name(unsigned int tier);

#endif /* _KVMEM_LATENCY_HIST_H */
