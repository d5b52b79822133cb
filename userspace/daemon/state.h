/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the daemon knows of the kernel: read over netlink, kept until read
 * again.  One copy, read by the policies, the metrics and the report.
 */
#ifndef KVMEMD_STATE_H
#define KVMEMD_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/kvmem.h>
#include <linux/kvmem_netlink.h>

#include "daemon/policy.h"

#define STATE_NAME_LEN	64
#define STATE_PATH_LEN	256
#define STATE_UUID_LEN	16

/* Counters of a namespace by attribute, KVMEM_A_STATS_*; 0 = not told */
struct state_stats {
	uint64_t v[KVMEM_A_STATS_MAX + 1];
};

/**
 * struct state_ns - a namespace in the kernel
 * @next: in order of ids
 * @stats: totals
 * @hist: totals; valid after the first read
 * @hinted: classes are applications' own
 * @policy: decides; NULL = nobody does, the kernel's table stays
 * @capacity_bytes: what it may grow to: quota, pool's quota or arena
 * @seen: in the dump that is being read; others are gone
 * @table_pushes: tables that the kernel took
 * @hist_time: CLOCK_MONOTONIC ns of @hist
 * @control: what control.c keeps with it, one piece of memory; or NULL
 */
struct state_ns {
	struct state_ns *next;
	uint32_t id;
	char name[STATE_NAME_LEN];
	uint32_t uid, gid;
	uint16_t mode;
	uint8_t fingerprint[KVMEM_FINGERPRINT_LEN];
	uint64_t quota_bytes, quota_blocks;
	uint32_t pool_id;
	uint32_t ttl_ms, pin_percent;
	uint64_t used_bytes, used_blocks, live_blocks, data_bytes, pinned_bytes;
	uint32_t nr_files, chunks;
	uint8_t flash_mode;	/* enum kvmem_flash_mode */
	uint64_t flash_quota_bytes, flash_blocks, flash_bytes;
	uint8_t placement, copies, peer_share, peer_keep;
	uint8_t require_verified, allow_bounce;
	struct state_stats stats;
	struct policy_hist hist;
	uint64_t hist_time;
	bool hinted;
	struct policy *policy;
	uint64_t capacity_bytes;
	bool seen;
	uint64_t table_pushes;
	struct control_ns *control;
};

struct state_pool {
	struct state_pool *next;
	uint32_t id;
	char name[STATE_NAME_LEN];
	uint64_t quota_bytes, quota_blocks;
	uint64_t used_bytes, used_blocks;
	uint32_t nr_namespaces;
	bool share;
	bool seen;
};

/**
 * struct state_media - an attached media
 * @next: in order of ids
 * @state: enum kvmem_media_state
 * @write_budget: bytes a day, 0 = no bound
 * @v: what it tells by attribute, KVMEM_A_MEDIA_*; signed ones as they are
 * @told: bit i: @v[i] was told; a device does not know all of it
 * @backend: name of it
 * @seen: in the dump that is being read
 */
struct state_media {
	struct state_media *next;
	uint32_t id;
	char name[STATE_NAME_LEN];
	char path[STATE_PATH_LEN];
	char backend[16];
	uint8_t uuid[STATE_UUID_LEN];
	uint8_t state;
	uint64_t write_budget;
	uint64_t v[KVMEM_A_MEDIA_MAX + 1];
	uint64_t told;
	bool seen;
};

/**
 * struct state_peer - another node of the cluster
 * @state: enum kvmem_peer_state
 * @v: numbers it tells by attribute, KVMEM_A_PEER_*
 */
struct state_peer {
	uint32_t node;
	char name[STATE_NAME_LEN];
	char addresses[STATE_PATH_LEN];
	uint8_t state;
	char reason[STATE_NAME_LEN];
	uint64_t v[KVMEM_A_PEER_MAX + 1];
};

/**
 * struct state_map - the placement map, without its owners
 * @known: the module has such
 * @epoch, @previous: 0 = none
 */
struct state_map {
	bool known, moving;
	uint64_t epoch, previous;
	uint64_t moved_blocks, moved_bytes, to_move;
};

/**
 * struct state_ring - what the daemon makes of it (cluster.c)
 * @configured: it does
 * @members: nodes of the cluster, this one included; @drained of them
 * @owned: slots of this node, every copy counted
 * @pushes: maps that the kernel took
 * @over: how much the node with most has above its share
 * @source_lost: membership cannot be asked, so nothing changes
 */
struct state_ring {
	bool configured, source_lost;
	unsigned int members, drained, owned;
	uint64_t pushes;
	double over;
};

/* Times of one operation and tier */
struct state_latency {
	uint32_t opcode, tier;
	uint64_t count, errors, bytes, total_ns;
	uint64_t buckets[KVMEM_NL_LAT_BUCKETS];
};

#define STATE_MAX_LATENCY	64

/**
 * struct state - everything
 * @connected: the module is there
 * @version: its release
 * @read_ns: CLOCK_MONOTONIC of the last complete read
 * @events_lost: multicast messages lost because we were slow, so far
 * @samples, @samples_lost: sampled accesses told, and dropped by the kernel
 * @media_missing: configured ones that are not attached (reconcile.c)
 * @last_ns: the one added last: the next of a dump comes behind it; or NULL
 */
struct state {
	bool connected;
	char version[32];
	uint32_t abi_version, open_files, nr_namespaces;
	bool quiesced;
	uint32_t watermark;	/* enum kvmem_watermark */
	uint64_t arena[KVMEM_A_ARENA_MAX + 1];	/* bytes, by KVMEM_A_ARENA_* */
	struct state_ns *ns;
	struct state_pool *pools;
	struct state_media *media;
	struct state_peer *peers;
	unsigned int nr_peers, max_peers;
	struct state_map map;
	struct state_ring ring;
	unsigned int media_missing;
	struct state_latency latency[STATE_MAX_LATENCY];
	unsigned int nr_latency;
	uint64_t read_ns;
	uint64_t events_lost, samples, samples_lost;
	uint64_t corrupt_events;
	struct state_ns *last_ns;
};

struct state_ns *state_find_ns(const struct state *state, uint32_t id);
struct state_ns *state_find_ns_by_name(const struct state *state, const char *name);
struct state_pool *state_find_pool(const struct state *state, uint32_t id);
struct state_pool *state_find_pool_by_name(const struct state *state, const char *name);
/* The one with that id, made if need be; NULL: no memory */
struct state_ns *state_add_ns(struct state *state, uint32_t id);
struct state_pool *state_add_pool(struct state *state, uint32_t id);
struct state_media *state_find_media_by_name(const struct state *state, const char *name);
struct state_media *state_add_media(struct state *state, uint32_t id);
const char *state_media_state_name(unsigned int state);
const char *state_flash_mode_name(unsigned int mode);
/* Around a dump: nothing has been seen; drop what was not. */
void state_unsee_ns(struct state *state);
void state_drop_unseen_ns(struct state *state);
void state_unsee_pools(struct state *state);
void state_drop_unseen_pools(struct state *state);
void state_unsee_media(struct state *state);
void state_drop_unseen_media(struct state *state);
struct state_peer *state_find_peer(const struct state *state, uint32_t node);
/* One more, at the end of the array; NULL: no memory */
struct state_peer *state_add_peer(struct state *state);
const char *state_peer_state_name(unsigned int state);
/* Everything that is of the module goes; what the daemon counts stays. */
void state_clear(struct state *state);

#endif
