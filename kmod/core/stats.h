/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters: per namespace, and latency per operation and tier.
 *
 * All are per-CPU and only ever grow; a reader adds them up.
 */
#ifndef KVMEM_STATS_H
#define KVMEM_STATS_H

#include <linux/percpu.h>
#include <linux/types.h>
#include <linux/kvmem.h>

struct kvmem_ns;

enum kvmem_stat {
	KVMEM_STAT_HITS,	/* GET, LEASE, MATCH keys found */
	KVMEM_STAT_MISSES,	/* and not found */
	KVMEM_STAT_PUTS,	/* blocks written by PUT and COMMIT */
	KVMEM_STAT_EXISTED,	/* PUT and COMMIT of a key that was there */
	KVMEM_STAT_DELETES,	/* blocks dropped by DELETE */
	KVMEM_STAT_NOSPC,	/* operations refused for want of room or quota */
	KVMEM_STAT_COPIED_IN,	/* bytes copied by PUT */
	KVMEM_STAT_COPIED_OUT,	/* bytes copied by GET and by copied views */
	KVMEM_STAT_ZERO_COPY,	/* bytes committed or leased without a copy */
	KVMEM_STAT_GHOST_HITS,	/* blocks put again soon after their eviction */
	KVMEM_STAT_EVICT_QUOTA,	/* evictions by reason, in enum kvmem_evict_reason order */
	KVMEM_STAT_EVICT_SPACE,
	KVMEM_STAT_EVICT_DRAIN,
	KVMEM_STAT_EVICT_EXPIRED,
	KVMEM_STAT_EVICT_CORRUPT,
	KVMEM_STAT_MISS_EVICTED,	/* of the misses: the key is a ghost */
	KVMEM_STAT_MISS_EXPIRED,	/* of the misses: the block's time was over */
	KVMEM_STAT_BOUNCED,	/* bytes of dma-bufs copied through host memory */
	KVMEM_STAT_PEER_HITS,	/* of the hits: blocks that came from a peer */
	KVMEM_STAT_PEER_MISSES,	/* of the misses: owners were asked, and none had it */
	KVMEM_STAT_PEER_PUTS,	/* blocks that an owner took */
	KVMEM_STAT_PEER_FALLBACKS,	/* blocks that no owner took: kept here */
	KVMEM_STAT_PEER_BYTES_IN,	/* bytes that came from peers */
	KVMEM_STAT_PEER_BYTES_OUT,	/* bytes that went to peers, each copy */
	KVMEM_STAT_NR
};

struct kvmem_ns_stats {
	u64 c[KVMEM_STAT_NR];
};

#define kvmem_stat_add(ns, stat, n)	this_cpu_add((ns)->stats->c[stat], n)
#define kvmem_stat_inc(ns, stat)	kvmem_stat_add(ns, stat, 1)

u64 kvmem_stat_read(const struct kvmem_ns *ns, enum kvmem_stat stat);
/* All reasons together. */
u64 kvmem_stat_evictions(const struct kvmem_ns *ns);

/*
 * Latency buckets: 4 per power of two.  Bucket b < 4 holds b ns exactly; else
 * values from (4 + b % 4) << (b / 4 - 1) ns on.
 */
#define KVMEM_LAT_BUCKETS	128

struct kvmem_latency {
	u64 count;
	u64 errors;
	u64 bytes;
	u64 total_ns;
	u64 buckets[KVMEM_LAT_BUCKETS];
};

int kvmem_stats_init(void);
void kvmem_stats_exit(void);
unsigned int kvmem_lat_bucket(u64 ns);
u64 kvmem_lat_bucket_start(unsigned int bucket);
/* Count one operation that ended with @status after @ns. */
void kvmem_lat_record(unsigned int opcode, unsigned int tier, int status,
		      u64 bytes, u64 ns);
/* Add up all CPUs. */
void kvmem_lat_read(unsigned int opcode, unsigned int tier, struct kvmem_latency *lat);

#endif
