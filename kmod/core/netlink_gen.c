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

/* Global operation policy for kvmem */
const struct nla_policy kvmem_main_nl_policy[KVMEM_A_ALLOW_BOUNCE + 1] = {
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
};

/* Ops table for kvmem */
const struct genl_small_ops kvmem_nl_ops[22] = {
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
};
