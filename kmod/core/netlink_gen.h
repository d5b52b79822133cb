/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	docs/netlink/specs/kvmem.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_KVMEM_GEN_H
#define _LINUX_KVMEM_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <linux/kvmem_netlink.h>

/* Common nested types */
extern const struct nla_policy kvmem_arena_nl_policy[KVMEM_A_ARENA_HUGE + 1];
extern const struct nla_policy kvmem_class_values_nl_policy[KVMEM_A_VALUES_VALUES + 1];
extern const struct nla_policy kvmem_cluster_nl_policy[KVMEM_A_CLUSTER_TRANSPORT + 1];
extern const struct nla_policy kvmem_map_nl_policy[KVMEM_A_MAP_MOVING + 1];
extern const struct nla_policy kvmem_peer_nl_policy[KVMEM_A_PEER_BAD_CAPSULES + 1];

/* Global operation policy for kvmem */
extern const struct nla_policy kvmem_main_nl_policy[KVMEM_A_MAP + 1];

/* Ops table for kvmem */
extern const struct genl_small_ops kvmem_nl_ops[29];

int kvmem_nl_ns_new_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_ns_set_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_ns_del_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_ns_get_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_ns_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int kvmem_nl_pool_new_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_pool_set_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_pool_del_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_pool_get_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_pool_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int kvmem_nl_table_get_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_table_set_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_hist_get_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_hist_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int kvmem_nl_latency_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int kvmem_nl_stats_get_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_quiesce_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_arena_set_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_media_attach_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_media_detach_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_media_set_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_media_get_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_media_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int kvmem_nl_segment_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int kvmem_nl_media_ns_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb);
int kvmem_nl_media_ns_forget_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_cluster_set_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_cluster_get_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_peer_new_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_peer_del_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_peer_get_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_peer_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int kvmem_nl_map_set_doit(struct sk_buff *skb, struct genl_info *info);
int kvmem_nl_map_get_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	KVMEM_NLGRP_EVENTS,
	KVMEM_NLGRP_SAMPLES,
};

#endif /* _LINUX_KVMEM_GEN_H */
