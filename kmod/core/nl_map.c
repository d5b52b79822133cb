// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: the placement map.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "netlink.h"
#include "nl.h"
#include "peer/peer.h"

#define M(attr)		KVMEM_A_MAP_##attr
#define M_BIT(attr)	BIT_ULL(KVMEM_A_MAP_##attr)
/* Bytes of a plane */
#define MAP_PLANE	(KVMEM_NR_SLOTS * sizeof(u16))

/* An answer to map-get with a plane: that, and the rest */
#define MAP_ANSWER	(nla_total_size(MAP_PLANE) + GENLMSG_DEFAULT_SIZE)

/* What one nest has is added to @tb; it must be in @allowed, and not be there yet. */
static int kvmem_nl_map_add(struct nlattr *nest, struct nlattr **tb, u64 allowed,
			    struct netlink_ext_ack *extack)
{
	struct nlattr *part[KVMEM_A_MAP_MAX + 1];
	unsigned int i;
	int err;

	err = nla_parse_nested(part, KVMEM_A_MAP_MAX, nest, kvmem_map_nl_policy, extack);
	if (err)
		return err;
	for (i = 1; i <= KVMEM_A_MAP_MAX; i++) {
		if (!part[i])
			continue;
		if (!(allowed & BIT_ULL(i))) {
			NL_SET_ERR_MSG_ATTR(extack, part[i],
					    "the command does not take this attribute");
			return -EINVAL;
		}
		if (tb[i]) {
			NL_SET_ERR_MSG_ATTR(extack, part[i], "this is there twice");
			return -EINVAL;
		}
		tb[i] = part[i];
	}
	return 0;
}

/*
 * An attribute says its length in 16 bits, so that a nest has room for one plane: a map
 * comes in several of them, and what they have counts together.  An empty request has none.
 */
static int kvmem_nl_map_nest(struct genl_info *info, struct nlattr **tb, u64 allowed)
{
	struct nlattr *attr;
	int err, rem;

	memset(tb, 0, (KVMEM_A_MAP_MAX + 1) * sizeof(*tb));
	err = kvmem_nl_only(info->attrs, KVMEM_NL_BIT(MAP), info->extack);
	if (err)
		return err;
	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) != KVMEM_A_MAP)
			continue;
		err = kvmem_nl_map_add(attr, tb, allowed, info->extack);
		if (err)
			return err;
	}
	return 0;
}

/* --- map-set --- */

/* The first plane, then maybe the second, then maybe the third */
static int kvmem_nl_get_planes(struct nlattr **tb, const u16 **planes, unsigned int *nr,
			       struct netlink_ext_ack *extack)
{
	unsigned int i;

	for (*nr = 0; *nr < KVMEM_MAX_COPIES && tb[M(OWNERS) + *nr]; (*nr)++) {
		struct nlattr *attr = tb[M(OWNERS) + *nr];

		/* A policy's lengths end below it. */
		if (nla_len(attr) != MAP_PLANE) {
			NL_SET_ERR_MSG_ATTR(extack, attr, "owners are 32768 bytes");
			return -ERANGE;
		}
		planes[*nr] = nla_data(attr);
	}
	for (i = *nr; i < KVMEM_MAX_COPIES; i++) {
		if (!tb[M(OWNERS) + i])
			continue;
		NL_SET_ERR_MSG_ATTR(extack, tb[M(OWNERS) + i],
				    "the owners before these are missing");
		return -EINVAL;
	}
	return 0;
}

static int kvmem_nl_map_set(struct nlattr **tb, struct netlink_ext_ack *extack)
{
	const u16 *planes[KVMEM_MAX_COPIES];
	u64 epoch = nla_get_u64(tb[M(EPOCH)]);
	unsigned int nr;
	int err;

	err = kvmem_nl_get_planes(tb, planes, &nr, extack);
	if (err)
		return err;
	if (!nr == !tb[M(SETTLED)]) {
		NL_SET_ERR_MSG(extack, "owners are needed, or settled");
		return -EINVAL;
	}
	err = nr ? kvmem_map_set(epoch, planes, nr) : kvmem_map_settle(epoch);
	if (err == -ESTALE && nr)
		NL_SET_ERR_MSG_ATTR(extack, tb[M(EPOCH)], "the map at hand is not older");
	else if (err == -ESTALE)
		NL_SET_ERR_MSG_ATTR(extack, tb[M(EPOCH)],
				    "this is not the epoch of the map at hand");
	return err;
}

int kvmem_nl_map_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[KVMEM_A_MAP_MAX + 1];
	int err;

	err = kvmem_nl_map_nest(info, tb, M_BIT(EPOCH) | M_BIT(OWNERS) | M_BIT(OWNERS2) |
				M_BIT(OWNERS3) | M_BIT(SETTLED));
	if (err)
		return err;
	if (!tb[M(EPOCH)]) {
		NL_SET_ERR_MSG(info->extack, "an epoch is needed");
		NL_SET_ERR_ATTR_MISS(info->extack, info->attrs[KVMEM_A_MAP], KVMEM_A_MAP_EPOCH);
		return -EINVAL;
	}
	err = kvmem_nl_map_set(tb, info->extack);
	if (!err)
		kvmem_event_map();
	return err;
}

/* --- map-get --- */

static int kvmem_nl_put_plane(struct sk_buff *msg, u32 plane, struct netlink_ext_ack *extack)
{
	struct nlattr *attr;
	int err;

	if (nla_put_u32(msg, M(PLANE), plane))
		return -EMSGSIZE;
	attr = nla_reserve(msg, M(OWNERS) + plane % KVMEM_MAX_COPIES, MAP_PLANE);
	if (!attr)
		return -EMSGSIZE;
	err = kvmem_map_copy(plane, nla_data(attr));
	if (err)
		NL_SET_ERR_MSG(extack, "there is no such map");
	return err;
}

static int kvmem_nl_put_epochs(struct sk_buff *msg)
{
	struct kvmem_map_info info;
	struct kvmem_move_info move;

	kvmem_map_read(&info);
	kvmem_move_read(&move);
#define PUT(attr, value) nla_put_u64_64bit(msg, M(attr), value, M(PAD))
	return PUT(EPOCH, info.epoch) ?: PUT(PREVIOUS_EPOCH, info.previous) ?:
	       PUT(MOVED_BLOCKS, move.blocks) ?: PUT(MOVED_BYTES, move.bytes) ?:
	       PUT(TO_MOVE, move.left) ?:
	       (move.moving ? nla_put_flag(msg, M(MOVING)) : 0);
#undef PUT
}

/* @plane: or NULL */
static int kvmem_nl_put_map_nest(struct sk_buff *msg, struct nlattr *plane,
				 struct netlink_ext_ack *extack)
{
	struct nlattr *nest = nla_nest_start(msg, KVMEM_A_MAP);
	int err;

	if (!nest)
		return -EMSGSIZE;
	err = kvmem_nl_put_epochs(msg);
	if (!err && plane)
		err = kvmem_nl_put_plane(msg, nla_get_u32(plane), extack);
	if (err)
		nla_nest_cancel(msg, nest);
	else
		nla_nest_end(msg, nest);
	return err;
}

int kvmem_nl_put_map(struct sk_buff *msg)
{
	return kvmem_nl_put_map_nest(msg, NULL, NULL);
}

int kvmem_nl_map_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[KVMEM_A_MAP_MAX + 1];
	struct sk_buff *msg;
	void *hdr;
	int err;

	err = kvmem_nl_map_nest(info, tb, M_BIT(PLANE));
	if (err)
		return err;
	msg = kvmem_nl_reply_start(info, tb[M(PLANE)] ? MAP_ANSWER : GENLMSG_DEFAULT_SIZE, &hdr);
	if (!msg)
		return -ENOMEM;
	err = kvmem_nl_put_map_nest(msg, tb[M(PLANE)], info->extack);
	if (err == -ENOENT) {
		/* No such map: said already, and no fault of ours. */
		nlmsg_free(msg);
		return err;
	}
	return kvmem_nl_reply_finish(msg, hdr, info, err);
}
