// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: the module as a whole, and latency.
 */
#include <linux/kvmem.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include "arena.h"
#include "file.h"
#include "netlink.h"
#include "nl.h"
#include "ns.h"
#include "stats.h"
#include "version.h"

/* --- the module --- */

int kvmem_nl_put_arena(struct sk_buff *msg)
{
	struct kvmem_arena_info info;
	struct nlattr *nest;
	int err;

	kvmem_arena_get_info(&info);
	nest = nla_nest_start(msg, KVMEM_A_ARENA);
	if (!nest)
		return -EMSGSIZE;
#define PUT(attr, value) nla_put_u64_64bit(msg, KVMEM_A_ARENA_##attr, value, KVMEM_A_ARENA_PAD)
	err = PUT(TARGET, info.target) ?: PUT(LIMIT, info.limit) ?: PUT(FLOOR, info.floor) ?:
	      PUT(ALLOCATED, info.allocated) ?: PUT(FREE, info.free) ?:
	      PUT(QUARANTINED, info.quarantined) ?: PUT(HUGE, info.huge);
#undef PUT
	if (err)
		nla_nest_cancel(msg, nest);
	else
		nla_nest_end(msg, nest);
	return err;
}

int kvmem_nl_put_quiesce(struct sk_buff *msg, bool on)
{
	return nla_put_u8(msg, KVMEM_A_QUIESCED, on) ?:
	       nla_put_u32(msg, KVMEM_A_OPEN_FILES, kvmem_nr_files());
}

static unsigned int kvmem_nl_nr_ns(void)
{
	unsigned int nr = 0;
	struct kvmem_ns *ns;
	u32 id = 0;

	while ((ns = kvmem_ns_get_next(&id))) {
		kvmem_ns_put(ns);
		nr++;
		if (!++id)
			break;
	}
	return nr;
}

static int kvmem_nl_put_module(struct sk_buff *msg)
{
	return nla_put_string(msg, KVMEM_A_VERSION, KVMEM_VERSION) ?:
	       nla_put_u32(msg, KVMEM_A_ABI_VERSION, KVMEM_ABI_VERSION) ?:
	       kvmem_nl_put_quiesce(msg, kvmem_quiesced()) ?:
	       nla_put_u32(msg, KVMEM_A_NR_NAMESPACES, kvmem_nl_nr_ns()) ?:
	       nla_put_u32(msg, KVMEM_A_WATERMARK, kvmem_nl_watermark()) ?:
	       kvmem_nl_put_arena(msg);
}

int kvmem_nl_stats_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	void *hdr;
	int err;

	err = kvmem_nl_only(info->attrs, 0, info->extack);
	if (err)
		return err;
	msg = kvmem_nl_reply_start(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (!msg)
		return -ENOMEM;
	return kvmem_nl_reply_finish(msg, hdr, info, kvmem_nl_put_module(msg));
}

int kvmem_nl_quiesce_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *enable = info->attrs[KVMEM_A_ENABLE];
	struct sk_buff *msg;
	void *hdr;
	int err;

	err = kvmem_nl_only(info->attrs, KVMEM_NL_BIT(ENABLE), info->extack);
	if (err)
		return err;
	if (!enable) {
		NL_SET_ERR_MSG(info->extack, "enable is needed");
		NL_SET_ERR_ATTR_MISS(info->extack, NULL, KVMEM_A_ENABLE);
		return -EINVAL;
	}
	/* The memory first: an error must mean that nothing was done. */
	msg = kvmem_nl_reply_start(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (!msg)
		return -ENOMEM;
	kvmem_quiesce_set(nla_get_u8(enable));
	err = kvmem_nl_put_quiesce(msg, kvmem_quiesced());
	return kvmem_nl_reply_finish(msg, hdr, info, err);
}

/* --- the arena --- */

/* Two attributes of the nest can be set; the others are told only. */
static int kvmem_nl_parse_arena(struct nlattr *nest, struct nlattr **tb,
				struct netlink_ext_ack *extack)
{
	unsigned int i;
	int err;

	err = nla_parse_nested(tb, KVMEM_A_ARENA_MAX, nest, kvmem_arena_nl_policy, extack);
	if (err)
		return err;
	for (i = 1; i <= KVMEM_A_ARENA_MAX; i++) {
		if (!tb[i] || i == KVMEM_A_ARENA_TARGET || i == KVMEM_A_ARENA_FLOOR)
			continue;
		NL_SET_ERR_MSG_ATTR(extack, tb[i], "this is told, not set");
		return -EINVAL;
	}
	if (!tb[KVMEM_A_ARENA_TARGET] && !tb[KVMEM_A_ARENA_FLOOR]) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "a target or a floor is needed");
		return -EINVAL;
	}
	return 0;
}

/* Makes arena-set one step. */
static DEFINE_MUTEX(kvmem_nl_arena_lock);

/* Both or none: what would make the second fail is looked for before the first. */
static int kvmem_nl_check_floor(struct nlattr **tb, struct netlink_ext_ack *extack)
{
	struct nlattr *target = tb[KVMEM_A_ARENA_TARGET], *floor = tb[KVMEM_A_ARENA_FLOOR];

	if (!target || !floor || nla_get_u64(floor) <= nla_get_u64(target))
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, floor, "the floor is above the target");
	return -EINVAL;
}

static int kvmem_nl_set_bytes(struct nlattr *attr, int (*set)(u64 bytes),
			      struct netlink_ext_ack *extack)
{
	int err = attr ? set(nla_get_u64(attr)) : 0;

	if (err)
		NL_SET_ERR_MSG_ATTR(extack, attr, "the arena cannot have this size");
	return err;
}

int kvmem_nl_arena_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[KVMEM_A_ARENA_MAX + 1], *nest = info->attrs[KVMEM_A_ARENA];
	int err;

	err = kvmem_nl_only(info->attrs, KVMEM_NL_BIT(ARENA), info->extack);
	if (err)
		return err;
	if (!nest) {
		NL_SET_ERR_MSG(info->extack, "arena is needed");
		NL_SET_ERR_ATTR_MISS(info->extack, NULL, KVMEM_A_ARENA);
		return -EINVAL;
	}
	err = kvmem_nl_parse_arena(nest, tb, info->extack) ?:
	      kvmem_nl_check_floor(tb, info->extack);
	if (err)
		return err;
	mutex_lock(&kvmem_nl_arena_lock);
	err = kvmem_nl_set_bytes(tb[KVMEM_A_ARENA_TARGET], kvmem_arena_set_target,
				 info->extack) ?:
	      kvmem_nl_set_bytes(tb[KVMEM_A_ARENA_FLOOR], kvmem_arena_set_floor, info->extack);
	mutex_unlock(&kvmem_nl_arena_lock);
	return err;
}

/* --- latency --- */

static int kvmem_nl_put_latency(struct sk_buff *msg, u32 opcode, u32 tier,
				const struct kvmem_latency *lat)
{
	struct nlattr *nest = nla_nest_start(msg, KVMEM_A_LATENCY);
	int err;

	if (!nest)
		return -EMSGSIZE;
#define PUT(attr, value) nla_put_u64_64bit(msg, KVMEM_A_LAT_##attr, value, KVMEM_A_LAT_PAD)
	err = nla_put_u32(msg, KVMEM_A_LAT_OPCODE, opcode) ?:
	      nla_put_u32(msg, KVMEM_A_LAT_TIER, tier) ?:
	      PUT(COUNT, lat->count) ?: PUT(ERRORS, lat->errors) ?:
	      PUT(BYTES, lat->bytes) ?: PUT(TOTAL_NS, lat->total_ns) ?:
	      nla_put_64bit(msg, KVMEM_A_LAT_BUCKETS, sizeof(lat->buckets), lat->buckets,
			    KVMEM_A_LAT_PAD);
#undef PUT
	if (err)
		nla_nest_cancel(msg, nest);
	else
		nla_nest_end(msg, nest);
	return err;
}

static int kvmem_nl_dump_latency(struct sk_buff *skb, struct netlink_callback *cb,
				 u32 opcode, u32 tier, struct kvmem_latency *lat)
{
	void *hdr;

	kvmem_lat_read(opcode, tier, lat);
	if (!lat->count)
		return 0;
	hdr = kvmem_nl_dump_start(skb, cb);
	if (!hdr)
		return -EMSGSIZE;
	return kvmem_nl_dump_finish(skb, cb, hdr,
				    kvmem_nl_put_latency(skb, opcode, tier, lat));
}

/* cb->args[0] is the next pair of operation and tier. */
int kvmem_nl_latency_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct kvmem_latency *lat;
	unsigned long i;
	int err;

	err = kvmem_nl_only(kvmem_genl_dump_attrs(cb), 0, cb->extack);
	if (err)
		return err;
	lat = kmalloc(sizeof(*lat), GFP_KERNEL);
	if (!lat)
		return -ENOMEM;
	/* The set of operations does not change: no generation. */
	for (i = cb->args[0]; i < KVMEM_OP_NR * KVMEM_TIER_NR; i++) {
		err = kvmem_nl_dump_latency(skb, cb, i / KVMEM_TIER_NR, i % KVMEM_TIER_NR,
					    lat);
		if (err)
			break;
	}
	cb->args[0] = i;
	kfree(lat);
	return kvmem_nl_dump_result(skb, err);
}
