// SPDX-License-Identifier: GPL-2.0
/*
 * Counters: how they are kept, and how they are added up.
 *
 * Nothing here waits or fails on behalf of an operation: all memory is taken
 * when the module is loaded or the namespace is made.
 */
#include <linux/bitops.h>
#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/percpu.h>
#include <linux/string.h>
#include "ns.h"
#include "stats.h"

/* Where operations end; 1 KiB a CPU for each. */
#define KVMEM_LAT_TIERS		KVMEM_TIER_NR

static struct kvmem_latency __percpu *kvmem_lat[KVMEM_OP_NR][KVMEM_LAT_TIERS];

/* kvmem_block_unlink() adds a reason to the first of them. */
static_assert(KVMEM_STAT_MISS_EVICTED - KVMEM_STAT_EVICT_QUOTA == KVMEM_EVICT_NR);
static_assert(KVMEM_STAT_EVICT_CORRUPT - KVMEM_STAT_EVICT_QUOTA == KVMEM_EVICT_CORRUPT);

u64 kvmem_stat_read(const struct kvmem_ns *ns, enum kvmem_stat stat)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(ns->stats, cpu)->c[stat]);
	return sum;
}

u64 kvmem_stat_evictions(const struct kvmem_ns *ns)
{
	unsigned int why;
	u64 sum = 0;

	for (why = 0; why < KVMEM_EVICT_NR; why++)
		sum += kvmem_stat_read(ns, KVMEM_STAT_EVICT_QUOTA + why);
	return sum;
}

unsigned int kvmem_lat_bucket(u64 ns)
{
	unsigned int log, bucket;

	if (ns < 4)
		return ns;
	log = fls64(ns) - 1;
	bucket = (log - 1) * 4 + (ns >> (log - 2) & 3);
	return min_t(unsigned int, bucket, KVMEM_LAT_BUCKETS - 1);
}

u64 kvmem_lat_bucket_start(unsigned int bucket)
{
	if (bucket < 4)
		return bucket;
	return (u64)(4 + bucket % 4) << (bucket / 4 - 1);
}

static struct kvmem_latency __percpu *kvmem_lat_of(unsigned int opcode, unsigned int tier)
{
	if (opcode >= KVMEM_OP_NR || tier >= KVMEM_LAT_TIERS)
		return NULL;
	return kvmem_lat[opcode][tier];
}

void kvmem_lat_record(unsigned int opcode, unsigned int tier, int status,
		      u64 bytes, u64 ns)
{
	struct kvmem_latency __percpu *lat = kvmem_lat_of(opcode, tier);

	if (!lat)
		return;
	/* A reader may see an operation in one field and not yet in the next. */
	this_cpu_inc(lat->count);
	if (status < 0 && status != -ENOENT)
		this_cpu_inc(lat->errors);
	this_cpu_add(lat->bytes, bytes);
	this_cpu_add(lat->total_ns, ns);
	this_cpu_inc(lat->buckets[kvmem_lat_bucket(ns)]);
}

static void kvmem_lat_add(struct kvmem_latency *sum, const struct kvmem_latency *one)
{
	unsigned int i;

	sum->count += READ_ONCE(one->count);
	sum->errors += READ_ONCE(one->errors);
	sum->bytes += READ_ONCE(one->bytes);
	sum->total_ns += READ_ONCE(one->total_ns);
	for (i = 0; i < KVMEM_LAT_BUCKETS; i++)
		sum->buckets[i] += READ_ONCE(one->buckets[i]);
}

void kvmem_lat_read(unsigned int opcode, unsigned int tier, struct kvmem_latency *lat)
{
	struct kvmem_latency __percpu *pcpu = kvmem_lat_of(opcode, tier);
	int cpu;

	memset(lat, 0, sizeof(*lat));
	if (!pcpu)
		return;
	for_each_possible_cpu(cpu)
		kvmem_lat_add(lat, per_cpu_ptr(pcpu, cpu));
}

int kvmem_stats_init(void)
{
	unsigned int op, tier;

	for (op = 0; op < KVMEM_OP_NR; op++) {
		for (tier = 0; tier < KVMEM_LAT_TIERS; tier++) {
			kvmem_lat[op][tier] = alloc_percpu(struct kvmem_latency);
			if (!kvmem_lat[op][tier])
				goto fail;
		}
	}
	return 0;
fail:
	kvmem_stats_exit();
	return -ENOMEM;
}

void kvmem_stats_exit(void)
{
	unsigned int op, tier;

	for (op = 0; op < KVMEM_OP_NR; op++) {
		for (tier = 0; tier < KVMEM_LAT_TIERS; tier++) {
			free_percpu(kvmem_lat[op][tier]);
			kvmem_lat[op][tier] = NULL;
		}
	}
}
