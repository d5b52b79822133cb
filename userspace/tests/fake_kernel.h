/* SPDX-License-Identifier: GPL-2.0 */
/* A kernel for the daemon's tests: takes its messages and answers as the module would. */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

#include "daemon/kernel.h"

struct fake_kernel;

#ifndef FAKE_MAX
#define FAKE_MAX	8
/* Requests about peers (fake_cluster.c): a positive number, an answer's or -errno */
struct nl_msg;
int fake_cluster_call(struct fake_kernel *f, const struct knl_msg *m, knl_fn fn, void *arg,
		      bool dump);

#endif

struct fake_pool {
	uint32_t id;
	char name[STATE_NAME_LEN];
	uint64_t quota_bytes, quota_blocks;
	uint8_t share;
};

struct fake_ns {
	uint32_t id;
	char name[STATE_NAME_LEN];
	uint32_t uid, gid, pool_id, ttl_ms, pin_percent, nr_files;
	uint16_t mode;
	uint8_t fingerprint[KVMEM_FINGERPRINT_LEN];
	uint64_t quota_bytes, quota_blocks, used_bytes, used_blocks, hits;
	struct policy_output table;
	uint8_t hinted, flash_mode;
	uint8_t require_verified, allow_bounce;
	uint64_t flash_quota_bytes;
	uint8_t placement, copies, peer_share, peer_keep;
};

struct fake_media {
	uint32_t id;
	char name[STATE_NAME_LEN];
	char path[STATE_PATH_LEN];
	uint8_t uuid[STATE_UUID_LEN];
	uint64_t bytes, write_budget;
};

#define FAKE_PEERS	64

struct fake_peer {
	uint32_t node;
	char name[STATE_NAME_LEN];
	char addresses[STATE_PATH_LEN];
};

/**
 * struct fake_cluster - the part of it that has to do with others
 * @there: it is; else there are no such commands
 * @set: it knows who it is
 * @map, @before: if @epoch, @previous
 * @on_map: told of each map that was taken
 */
struct fake_cluster {
	bool there, set, moving;
	uint32_t node;
	char name[STATE_NAME_LEN], listen[STATE_PATH_LEN];
	uint8_t secret[32];
	uint32_t keepalive_ms, timeout_ms, hedge_us;
	uint64_t move_rate;
	struct fake_peer peer[FAKE_PEERS];
	unsigned int nr_peers;
	uint64_t epoch, previous;
	uint16_t map[3][16384], before[3][16384];
	void (*on_map)(struct fake_kernel *f);
};

/**
 * struct fake_kernel - the kernel
 * @kernel: give this to the code under test
 * @calls: requests by command, refused ones too
 * @fail_cmd, @fail_err: this command is refused so
 * @gone: the module was unloaded
 * @malformed: answers lack their id
 * @no_media: there is no command for media
 * @changing: so many dumps are not of one moment
 * @hang: a path whose attach does not end before fake_answer(); NULL: none
 * @hanging: one does
 * @cluster: see there
 */
struct fake_kernel {
	struct kernel kernel;
	uint64_t target, floor;
	struct fake_pool pool[FAKE_MAX];
	struct fake_ns ns[FAKE_MAX];
	struct fake_media media[FAKE_MAX];
	unsigned int nr_pools, nr_ns, nr_media;
	unsigned int calls[KVMEM_CMD_MAX + 1];
	int fail_cmd, fail_err;
	bool gone, malformed, no_media;
	unsigned int changing;
	const char *hang;
	bool hanging;
	struct fake_cluster cluster;
};

void fake_kernel_init(struct fake_kernel *f);
struct fake_ns *fake_add_ns(struct fake_kernel *f, const char *name);
struct fake_ns *fake_find_ns(struct fake_kernel *f, const char *name);
struct fake_pool *fake_add_pool(struct fake_kernel *f, const char *name);
struct fake_media *fake_find_media(struct fake_kernel *f, const char *name);
/* Whoever hangs goes on, and has ended when this returns. */
void fake_answer(struct fake_kernel *f);
/* Of 1 GiB, with a UUID of bytes that are all the last one of @path */
struct fake_media *fake_add_media(struct fake_kernel *f, const char *name, const char *path);

#endif
