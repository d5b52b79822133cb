/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small client of the generic netlink family "kvmem".
 */
#ifndef KVMEM_NL_H
#define KVMEM_NL_H

#include <stdbool.h>
#include <stdint.h>

#define KVT_CLASSES	64
#define KVT_AGES	32

/* What is sent: bits of kvt_ns_opts.set, or any member that is not zero */
#define KVT_SET_OWNER		(1 << 0)
#define KVT_SET_MODE		(1 << 1)
#define KVT_SET_FINGERPRINT	(1 << 2)
#define KVT_SET_QUOTA_BYTES	(1 << 3)
#define KVT_SET_QUOTA_BLOCKS	(1 << 4)
#define KVT_SET_TTL		(1 << 5)
#define KVT_SET_PIN		(1 << 6)
#define KVT_SET_FLASH		(1 << 7)
#define KVT_SET_FLASH_QUOTA	(1 << 8)
#define KVT_SET_VERIFY		(1 << 9)
#define KVT_SET_BOUNCE		(1 << 10)

struct kvt_ns_opts {
	unsigned int set;
	uint32_t uid, gid;
	uint32_t mode;
	const uint8_t *fingerprint;
	uint64_t quota_bytes;
	uint64_t quota_blocks;
	uint32_t ttl_ms;
	uint32_t pin_percent;
	const char *pool;
	uint8_t flash_mode;	/* enum kvmem_flash_mode */
	uint64_t flash_quota;
	bool verify;			/* require-verified */
	bool bounce;			/* allow-bounce */
};

struct kvt_ns_stat {
	char name[64];
	uint32_t id, uid, gid, mode, ttl_ms, pin_percent, files, chunks;
	uint64_t quota_bytes, quota_blocks;
	uint64_t used_bytes, used_blocks, live_blocks, data_bytes, pinned_bytes;
	uint64_t hits, misses, puts, nospc, ghost_hits, copied_in, copied_out, zero_copy;
	uint64_t evict_quota, evict_space, evict_drain, evict_expired, evict_corrupt;
	uint64_t bounced;
	bool verify, bounce;
	uint8_t flash_mode;
	uint64_t flash_quota, flash_blocks, flash_bytes;
};

struct kvt_arena_info {
	uint64_t target, limit, floor, allocated, free, quarantined, huge;
	uint32_t open_files, namespaces;
	bool quiesced;
};

struct kvt_hist {
	uint64_t hits[KVT_CLASSES][KVT_AGES];
	uint64_t evictions[KVT_CLASSES][KVT_AGES];
	uint64_t ghost_hits[KVT_CLASSES][KVT_AGES];
	uint64_t hit_cost[KVT_CLASSES];
	uint64_t hit_bytes[KVT_CLASSES];
	uint64_t blocks[KVT_CLASSES];
	uint64_t bytes[KVT_CLASSES];
};

struct kvt_table {
	uint16_t value[KVT_CLASSES][KVT_AGES];
};

/* All return 0 or a negative errno; kvt_nl_message() is the extack of the last. */
int kvt_nl_ns_new(const char *name, const struct kvt_ns_opts *opts, uint32_t *id);
int kvt_nl_ns_set(const char *name, const struct kvt_ns_opts *opts);
int kvt_nl_ns_del(const char *name);
int kvt_nl_ns_get(const char *name, struct kvt_ns_stat *stat);
/* Call @fn with each namespace. */
int kvt_nl_ns_dump(void (*fn)(const struct kvt_ns_stat *stat, void *arg), void *arg);
int kvt_nl_pool_new(const char *name, uint64_t bytes, uint64_t blocks, bool share);
int kvt_nl_pool_del(const char *name);
int kvt_nl_pool_dump(void (*fn)(const char *name, void *arg), void *arg);
int kvt_nl_table_set(const char *ns, const struct kvt_table *table);
int kvt_nl_table_get(const char *ns, struct kvt_table *table);
int kvt_nl_hist(const char *ns, struct kvt_hist *hist);
int kvt_nl_stats(struct kvt_arena_info *info);
int kvt_nl_quiesce(bool on);

/* For messages of one's own: */
struct nl_msg;
struct nl_sock;
struct nl_msg *kvt_nl_msg(int cmd, int flags);
/* Sends and frees @msg; calls @fn with each answer. */
int kvt_nl_send(struct nl_msg *msg, int (*fn)(struct nl_msg *msg, void *arg), void *arg);
int kvt_nl_family(void);
struct nl_sock *kvt_nl_socket(void);
struct nl_sock *kvt_nl_new_socket(int buffer);
const char *kvt_nl_message(void);

#endif
