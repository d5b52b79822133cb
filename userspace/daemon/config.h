/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The configuration, kvmemd.conf(5): a file becomes struct config, or all of
 * its errors are told with their lines.
 */
#ifndef KVMEMD_CONFIG_H
#define KVMEMD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/un.h>

#include <linux/kvmem.h>

#include "daemon/config_cluster.h"
#include "daemon/report.h"

#define CONFIG_DEFAULT_FILE	"/etc/kvmem/kvmemd.conf"
#define CONFIG_MAX_FILE		(4 << 20)
/* As the kernel has it */
#define CONFIG_MAX_NAMESPACES	4096
#define CONFIG_MAX_POOLS	256
#define CONFIG_MAX_MEDIA	64
#define CONFIG_MAX_PATH		256
#define CONFIG_UUID_LEN		16
/* What the arena is counted in */
#define CONFIG_CHUNK		(2ULL << 20)

/* Where a policy is wanted: nobody decides, the kernel's table stays. */
#define CONFIG_NO_POLICY	(-1)

/* What a group of the file gave: bits of config_ns.set and so on */
enum config_set {
	CONFIG_NAME		= 1 << 0,
	CONFIG_UID		= 1 << 1,
	CONFIG_GID		= 1 << 2,
	CONFIG_MODE		= 1 << 3,
	CONFIG_FINGERPRINT	= 1 << 4,
	CONFIG_QUOTA_BYTES	= 1 << 5,
	CONFIG_QUOTA_BLOCKS	= 1 << 6,
	CONFIG_POOL		= 1 << 7,
	CONFIG_TTL		= 1 << 8,
	CONFIG_PIN_PERCENT	= 1 << 9,
	CONFIG_POLICY		= 1 << 10,
	CONFIG_SHARE		= 1 << 11,
	CONFIG_SIZE		= 1 << 12,
	CONFIG_FLOOR		= 1 << 13,
	CONFIG_SOCKET_GROUP	= 1 << 14,
	CONFIG_FLASH_MODE	= 1 << 15,
	CONFIG_FLASH_QUOTA	= 1 << 16,
	CONFIG_PATH		= 1 << 17,
	CONFIG_UUID		= 1 << 18,
	CONFIG_WRITE_BUDGET	= 1 << 19,
	CONFIG_PLACEMENT	= 1 << 22,
	CONFIG_COPIES		= 1 << 23,
	CONFIG_PEER_SHARE	= 1 << 24,
	CONFIG_PEER_KEEP	= 1 << 25,
	CONFIG_VERIFIED		= 1 << 20,
	CONFIG_BOUNCE		= 1 << 21,
};

struct config_pool {
	uint32_t set;
	int line;
	char name[KVMEM_NAME_LEN];
	uint64_t quota_bytes, quota_blocks;
	bool share;
};

/**
 * struct config_ns - a namespace as it should be
 * @set: what is described; the rest is left as it is
 * @line: of the file
 * @policy: enum policy_kind or CONFIG_NO_POLICY
 * @flash_mode: enum kvmem_flash_mode
 * @placement: enum kvmem_placement
 */
struct config_ns {
	uint32_t set;
	int line;
	char name[KVMEM_NAME_LEN];
	uint64_t uid, gid, mode;
	uint8_t fingerprint[KVMEM_FINGERPRINT_LEN];
	uint64_t quota_bytes, quota_blocks;
	char pool[KVMEM_NAME_LEN];
	uint64_t ttl_ms, pin_percent;
	int policy;
	uint8_t flash_mode;
	uint64_t flash_quota_bytes;
	uint8_t placement;
	uint64_t copies;
	bool peer_share, peer_keep;
	bool require_verified, allow_bounce;
};

/**
 * struct config_budget - what may be written to a media in a day
 * @bytes: 0 = no bound
 * @drive_writes: times the size of the media; 0 = @bytes counts
 */
struct config_budget {
	uint64_t bytes;
	double drive_writes;
};

struct config_media {
	uint32_t set;
	int line;
	char name[KVMEM_NAME_LEN];
	char path[CONFIG_MAX_PATH];
	uint8_t uuid[CONFIG_UUID_LEN];
	struct config_budget budget;
};

/**
 * struct config_daemon - how the daemon works
 * @metrics: address; "" = off
 * @socket: path
 * @socket_group: gid of the socket, if set
 * @log_level: LOG_*
 */
struct config_daemon {
	uint32_t set;
	char metrics[64];
	char socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
	uint64_t socket_group;
	uint64_t poll_ms;
	int log_level;
};

/* Bytes, cut to multiples of CONFIG_CHUNK */
struct config_arena {
	uint32_t set;
	uint64_t size, floor;
};

struct config {
	struct config_daemon daemon;
	struct report_costs costs;
	struct config_arena arena;
	struct config_pool *pools;
	unsigned int nr_pools;
	struct config_ns *ns;
	unsigned int nr_ns;
	struct config_media *media;
	unsigned int nr_media;
	int default_policy;
	struct config_cluster cluster;
};

/* Told of each error: "FILE:LINE: what" */
typedef void (*config_error_fn)(void *arg, const char *message);

/* NULL after the errors were told */
struct config *config_load(const char *path, config_error_fn fn, void *arg);
/* The same from @text; @name stands for the file in messages. */
struct config *config_parse(const char *name, const char *text, size_t len,
			    config_error_fn fn, void *arg);
void config_free(struct config *config);
/* As a file that means the same, with everything that was not given. */
void config_print(const struct config *config, FILE *to);

const struct config_ns *config_find_ns(const struct config *config, const char *name);
const struct config_pool *config_find_pool(const struct config *config, const char *name);
/* "none", or that of a policy_kind */
const char *config_policy_name(int policy);

#endif
