// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	docs/netlink/specs/kvmem.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink_gen.h"

#include <linux/kvmem_netlink.h>

/* Common nested types */
const struct nla_policy kvmem_arena_nl_policy[KVMEM_A_ARENA_HUGE + 1] = {
	[KVMEM_A_ARENA_TARGET] = { .type = NLA_U64, },
	[KVMEM_A_ARENA_LIMIT] = { .type = NLA_U64, },
	[KVMEM_A_ARENA_FLOOR] = { .type = NLA_U64, },
	[KVMEM_A_ARENA_ALLOCATED] = { .type = NLA_U64, },
	[KVMEM_A_ARENA_FREE] = { .type = NLA_U64, },
	[KVMEM_A_ARENA_QUARANTINED] = { .type = NLA_U64, },
	[KVMEM_A_ARENA_HUGE] = { .type = NLA_U64, },
};

const struct nla_policy kvmem_class_values_nl_policy[KVMEM_A_VALUES_VALUES + 1] = {
	[KVMEM_A_VALUES_CLASS] = NLA_POLICY_MAX(NLA_U32, 63),
	[KVMEM_A_VALUES_VALUES] = NLA_POLICY_EXACT_LEN(64),
};

const struct nla_policy kvmem_cluster_nl_policy[KVMEM_A_CLUSTER_TRANSPORT + 1] = {
	[KVMEM_A_CLUSTER_NODE] = { .type = NLA_U32, },
	[KVMEM_A_CLUSTER_NAME] = { .type = NLA_NUL_STRING, .len = 63, },
	[KVMEM_A_CLUSTER_SECRET] = NLA_POLICY_EXACT_LEN(32),
	[KVMEM_A_CLUSTER_LISTEN] = { .type = NLA_NUL_STRING, .len = 255, },
	[KVMEM_A_CLUSTER_KEEPALIVE_MS] = { .type = NLA_U32, },
	[KVMEM_A_CLUSTER_TIMEOUT_MS] = { .type = NLA_U32, },
	[KVMEM_A_CLUSTER_HEDGE_US] = { .type = NLA_U32, },
	[KVMEM_A_CLUSTER_MOVE_RATE] = { .type = NLA_U64, },
	[KVMEM_A_CLUSTER_TRANSPORT] = { .type = NLA_NUL_STRING, },
};

const struct nla_policy kvmem_map_nl_policy[KVMEM_A_MAP_MOVING + 1] = {
	[KVMEM_A_MAP_EPOCH] = { .type = NLA_U64, },
	[KVMEM_A_MAP_PREVIOUS_EPOCH] = { .type = NLA_U64, },
	[KVMEM_A_MAP_OWNERS] = { .type = NLA_BINARY, },
	[KVMEM_A_MAP_OWNERS2] = { .type = NLA_BINARY, },
	[KVMEM_A_MAP_OWNERS3] = { .type = NLA_BINARY, },
	[KVMEM_A_MAP_PLANE] = NLA_POLICY_MAX(NLA_U32, 5),
	[KVMEM_A_MAP_SETTLED] = { .type = NLA_FLAG, },
	[KVMEM_A_MAP_MOVED_BLOCKS] = { .type = NLA_U64, },
	[KVMEM_A_MAP_MOVED_BYTES] = { .type = NLA_U64, },
	[KVMEM_A_MAP_TO_MOVE] = { .type = NLA_U64, },
	[KVMEM_A_MAP_MOVING] = { .type = NLA_FLAG, },
};

const struct nla_policy kvmem_peer_nl_policy[KVMEM_A_PEER_BAD_CAPSULES + 1] = {
	[KVMEM_A_PEER_NODE] = { .type = NLA_U32, },
	[KVMEM_A_PEER_NAME] = { .type = NLA_NUL_STRING, .len = 63, },
	[KVMEM_A_PEER_ADDRESSES] = { .type = NLA_NUL_STRING, .len = 255, },
	[KVMEM_A_PEER_STATE] = NLA_POLICY_MAX(NLA_U8, 2),
	[KVMEM_A_PEER_REASON] = { .type = NLA_NUL_STRING, },
	[KVMEM_A_PEER_RAILS] = { .type = NLA_U32, },
	[KVMEM_A_PEER_RAILS_UP] = { .type = NLA_U32, },
	[KVMEM_A_PEER_CREDITS] = { .type = NLA_U32, },
	[KVMEM_A_PEER_IN_FLIGHT] = { .type = NLA_U32, },
	[KVMEM_A_PEER_RTT_NS] = { .type = NLA_U64, },
	[KVMEM_A_PEER_WAIT_NS] = { .type = NLA_U64, },
	[KVMEM_A_PEER_CONNECTS] = { .type = NLA_U64, },
	[KVMEM_A_PEER_DISCONNECTS] = { .type = NLA_U64, },
	[KVMEM_A_PEER_BYTES_IN] = { .type = NLA_U64, },
	[KVMEM_A_PEER_BYTES_OUT] = { .type = NLA_U64, },
	[KVMEM_A_PEER_GETS] = { .type = NLA_U64, },
	[KVMEM_A_PEER_HITS] = { .type = NLA_U64, },
	[KVMEM_A_PEER_PUTS] = { .type = NLA_U64, },
	[KVMEM_A_PEER_ERRORS] = { .type = NLA_U64, },
	[KVMEM_A_PEER_TIMEOUTS] = { .type = NLA_U64, },
	[KVMEM_A_PEER_HEDGES] = { .type = NLA_U64, },
	[KVMEM_A_PEER_SERVED_GETS] = { .type = NLA_U64, },
	[KVMEM_A_PEER_SERVED_PUTS] = { .type = NLA_U64, },
	[KVMEM_A_PEER_REFUSED] = { .type = NLA_U64, },
	[KVMEM_A_PEER_LATE] = { .type = NLA_U64, },
	[KVMEM_A_PEER_BAD_CAPSULES] = { .type = NLA_U64, },
};

/* Global operation policy for kvmem */
const struct nla_policy kvmem_main_nl_policy[KVMEM_A_MAP + 1] = {
	[KVMEM_A_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[KVMEM_A_NAME] = { .type = NLA_NUL_STRING, .len = 63, },
	[KVMEM_A_UID] = { .type = NLA_U32, },
	[KVMEM_A_GID] = { .type = NLA_U32, },
	[KVMEM_A_MODE] = NLA_POLICY_MAX(NLA_U16, 438),
	[KVMEM_A_FINGERPRINT] = NLA_POLICY_EXACT_LEN(32),
	[KVMEM_A_QUOTA_BYTES] = { .type = NLA_U64, },
	[KVMEM_A_QUOTA_BLOCKS] = { .type = NLA_U64, },
	[KVMEM_A_POOL_ID] = { .type = NLA_U32, },
	[KVMEM_A_POOL_NAME] = { .type = NLA_NUL_STRING, .len = 63, },
	[KVMEM_A_TTL_MS] = { .type = NLA_U32, },
	[KVMEM_A_PIN_PERCENT] = NLA_POLICY_MAX(NLA_U32, 100),
	[KVMEM_A_SHARE] = NLA_POLICY_MAX(NLA_U8, 1),
	[KVMEM_A_VALUE_TABLE] = NLA_POLICY_NESTED(kvmem_class_values_nl_policy),
	[KVMEM_A_LRU] = { .type = NLA_FLAG, },
	[KVMEM_A_CLASS] = NLA_POLICY_MAX(NLA_U32, 63),
	[KVMEM_A_ARENA] = NLA_POLICY_NESTED(kvmem_arena_nl_policy),
	[KVMEM_A_ENABLE] = NLA_POLICY_MAX(NLA_U8, 1),
	[KVMEM_A_ORDER] = NLA_POLICY_MAX(NLA_U8, 1),
	[KVMEM_A_SAMPLE_ONE_IN] = { .type = NLA_U32, },
	[KVMEM_A_FLASH_MODE] = NLA_POLICY_MAX(NLA_U8, 2),
	[KVMEM_A_FLASH_QUOTA_BYTES] = { .type = NLA_U64, },
	[KVMEM_A_PATH] = { .type = NLA_NUL_STRING, .len = 255, },
	[KVMEM_A_UUID] = NLA_POLICY_EXACT_LEN(16),
	[KVMEM_A_WRITE_BUDGET] = { .type = NLA_U64, },
	[KVMEM_A_NS_NAME] = { .type = NLA_NUL_STRING, .len = 63, },
	[KVMEM_A_REQUIRE_VERIFIED] = NLA_POLICY_MAX(NLA_U8, 1),
	[KVMEM_A_ALLOW_BOUNCE] = NLA_POLICY_MAX(NLA_U8, 1),
	[KVMEM_A_PLACEMENT] = NLA_POLICY_MAX(NLA_U8, 2),
	[KVMEM_A_COPIES] = NLA_POLICY_RANGE(NLA_U8, 1, 3),
	[KVMEM_A_PEER_SHARE] = NLA_POLICY_MAX(NLA_U8, 1),
	[KVMEM_A_PEER_KEEP] = NLA_POLICY_MAX(NLA_U8, 1),
	[KVMEM_A_CLUSTER] = NLA_POLICY_NESTED(kvmem_cluster_nl_policy),
	[KVMEM_A_PEER] = NLA_POLICY_NESTED(kvmem_peer_nl_policy),
	[KVMEM_A_MAP] = NLA_POLICY_NESTED(kvmem_map_nl_policy),
};

/* Ops table for kvmem */
const struct genl_small_ops kvmem_nl_ops[29] = {
	{
		.cmd	= KVMEM_CMD_NS_NEW,
		.doit	= kvmem_nl_ns_new_doit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_NS_SET,
		.doit	= kvmem_nl_ns_set_doit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_NS_DEL,
		.doit	= kvmem_nl_ns_del_doit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_NS_GET,
		.doit	= kvmem_nl_ns_get_doit,
		.dumpit	= kvmem_nl_ns_get_dumpit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_POOL_NEW,
		.doit	= kvmem_nl_pool_new_doit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_POOL_SET,
		.doit	= kvmem_nl_pool_set_doit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_POOL_DEL,
		.doit	= kvmem_nl_pool_del_doit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_POOL_GET,
		.doit	= kvmem_nl_pool_get_doit,
		.dumpit	= kvmem_nl_pool_get_dumpit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_TABLE_GET,
		.doit	= kvmem_nl_table_get_doit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_TABLE_SET,
		.doit	= kvmem_nl_table_set_doit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_HIST_GET,
		.doit	= kvmem_nl_hist_get_doit,
		.dumpit	= kvmem_nl_hist_get_dumpit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_LATENCY_GET,
		.dumpit	= kvmem_nl_latency_get_dumpit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_STATS_GET,
		.doit	= kvmem_nl_stats_get_doit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_QUIESCE,
		.doit	= kvmem_nl_quiesce_doit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_ARENA_SET,
		.doit	= kvmem_nl_arena_set_doit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_MEDIA_ATTACH,
		.doit	= kvmem_nl_media_attach_doit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_MEDIA_DETACH,
		.doit	= kvmem_nl_media_detach_doit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_MEDIA_SET,
		.doit	= kvmem_nl_media_set_doit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_MEDIA_GET,
		.doit	= kvmem_nl_media_get_doit,
		.dumpit	= kvmem_nl_media_get_dumpit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_SEGMENT_GET,
		.dumpit	= kvmem_nl_segment_get_dumpit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_MEDIA_NS_GET,
		.dumpit	= kvmem_nl_media_ns_get_dumpit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_MEDIA_NS_FORGET,
		.doit	= kvmem_nl_media_ns_forget_doit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_CLUSTER_SET,
		.doit	= kvmem_nl_cluster_set_doit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_CLUSTER_GET,
		.doit	= kvmem_nl_cluster_get_doit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_PEER_NEW,
		.doit	= kvmem_nl_peer_new_doit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_PEER_DEL,
		.doit	= kvmem_nl_peer_del_doit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_PEER_GET,
		.doit	= kvmem_nl_peer_get_doit,
		.dumpit	= kvmem_nl_peer_get_dumpit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_MAP_SET,
		.doit	= kvmem_nl_map_set_doit,
		.flags	= GENL_ADMIN_PERM,
	},
	{
		.cmd	= KVMEM_CMD_MAP_GET,
		.doit	= kvmem_nl_map_get_doit,
		.flags	= GENL_ADMIN_PERM,
	},
};
