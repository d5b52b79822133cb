// SPDX-License-Identifier: GPL-2.0
/* Namespaces. */
#include <linux/kvmem_netlink.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/decode.h"
#include "ctl/object.h"

#define NS_SETTINGS						\
	{ .name = "uid", .attr = KVMEM_A_UID },			\
	{ .name = "gid", .attr = KVMEM_A_GID },			\
	{ .name = "mode", .attr = KVMEM_A_MODE },		\
	{ .name = "quota-bytes", .attr = KVMEM_A_QUOTA_BYTES },	\
	{ .name = "quota-blocks", .attr = KVMEM_A_QUOTA_BLOCKS }, \
	{ .name = "fingerprint", .attr = KVMEM_A_FINGERPRINT },	\
	{ .name = "ttl", .attr = KVMEM_A_TTL_MS },		\
	{ .name = "pin-percent", .attr = KVMEM_A_PIN_PERCENT },	\
	{ .name = "flash-mode", .attr = KVMEM_A_FLASH_MODE },	\
	{ .name = "flash-quota", .attr = KVMEM_A_FLASH_QUOTA_BYTES }, \
	{ .name = "require-verified", .attr = KVMEM_A_REQUIRE_VERIFIED }, \
	{ .name = "allow-bounce", .attr = KVMEM_A_ALLOW_BOUNCE }, \
	{ .name = "placement", .attr = KVMEM_A_PLACEMENT },	\
	{ .name = "copies", .attr = KVMEM_A_COPIES },		\
	{ .name = "peer-share", .attr = KVMEM_A_PEER_SHARE },	\
	{ .name = "peer-keep", .attr = KVMEM_A_PEER_KEEP }

const struct arg_spec ns_create_specs[] = {
	NS_SETTINGS,
	{ .name = "pool", .attr = KVMEM_A_POOL_NAME },
	{ .name = NULL }
};

const struct arg_spec ns_set_specs[] = {
	NS_SETTINGS,
	{ .name = NULL }
};

static const struct column list_columns[] = {
	{ "ID", "id", OUT_TEXT },
	{ "NAME", "name", OUT_TEXT },
	{ "UID", "uid", OUT_TEXT },
	{ "GID", "gid", OUT_TEXT },
	{ "MODE", "mode", OUT_TEXT },
	{ "POOL", "pool", OUT_TEXT },
	{ "QUOTA", "quota_bytes", OUT_LIMIT },
	{ "USED", "used_bytes", OUT_BYTES },
	{ "BLOCKS", "live_blocks", OUT_TEXT },
	{ "FLASH", "flash_mode", OUT_TEXT },
	{ "ON-FLASH", "flash_bytes", OUT_LIMIT },
	{ "FILES", "open_files", OUT_TEXT },
	{ "HIT-RATE", "stats.hit_rate", OUT_RATE },
	{ NULL, NULL, 0 }
};

static const struct column show_columns[] = {
	{ "id", "id", OUT_TEXT },
	{ "name", "name", OUT_TEXT },
	{ "uid", "uid", OUT_TEXT },
	{ "gid", "gid", OUT_TEXT },
	{ "mode", "mode", OUT_TEXT },
	{ "fingerprint", "fingerprint", OUT_TEXT },
	{ "quota", "quota_bytes", OUT_LIMIT },
	{ "quota blocks", "quota_blocks", OUT_COUNT_LIMIT },
	{ "pool", "pool", OUT_TEXT },
	{ "ttl", "ttl_ms", OUT_MS },
	{ "may be pinned", "pin_percent", OUT_PERCENT },
	{ "used", "used_bytes", OUT_BYTES },
	{ "data", "data_bytes", OUT_BYTES },
	{ "pinned", "pinned_bytes", OUT_BYTES },
	{ "blocks allocated", "used_blocks", OUT_TEXT },
	{ "blocks readable", "live_blocks", OUT_TEXT },
	{ "chunks", "chunks", OUT_TEXT },
	{ "flash mode", "flash_mode", OUT_TEXT },
	{ "flash quota", "flash_quota_bytes", OUT_LIMIT },
	{ "on flash", "flash_bytes", OUT_BYTES },
	{ "blocks on flash", "flash_blocks", OUT_TEXT },
	{ "verified only", "require_verified", OUT_TEXT },
	{ "may bounce", "allow_bounce", OUT_TEXT },
	{ "bounced", "stats.bounced_bytes", OUT_BYTES },
	{ "placement", "placement", OUT_TEXT },
	{ "copies", "copies", OUT_TEXT },
	{ "shared with peers", "peer_share", OUT_TEXT },
	{ "kept from peers", "peer_keep", OUT_TEXT },
	{ "open files", "open_files", OUT_TEXT },
	{ "hits", "stats.hits", OUT_TEXT },
	{ "misses", "stats.misses", OUT_TEXT },
	{ "misses of evicted", "stats.miss_evicted", OUT_TEXT },
	{ "misses of expired", "stats.miss_expired", OUT_TEXT },
	{ "hit rate", "stats.hit_rate", OUT_RATE },
	{ "hits at peers", "stats.peer_hits", OUT_TEXT },
	{ "misses at peers", "stats.peer_misses", OUT_TEXT },
	{ "put to peers", "stats.peer_puts", OUT_TEXT },
	{ "no peer took", "stats.peer_fallbacks", OUT_TEXT },
	{ "evictions", "stats.evictions.total", OUT_TEXT },
	{ NULL, NULL, 0 }
};

const struct object_kind ns_kind = {
	.noun = "namespace",
	.new = KVMEM_CMD_NS_NEW,
	.set = KVMEM_CMD_NS_SET,
	.del = KVMEM_CMD_NS_DEL,
	.get = KVMEM_CMD_NS_GET,
	.decode = decode_ns,
	.list = list_columns,
	.show = show_columns,
};

int cmd_ns_create(struct ctl *c)
{
	return object_create(c, &ns_kind);
}

int cmd_ns_set(struct ctl *c)
{
	return object_set(c, &ns_kind);
}

int cmd_ns_delete(struct ctl *c)
{
	return object_delete(c, &ns_kind);
}

int cmd_ns_list(struct ctl *c)
{
	return object_list(c, &ns_kind);
}

int cmd_ns_show(struct ctl *c)
{
	return object_show(c, &ns_kind);
}
