// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: the cluster and its nodes.
 */
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/string.h>
#include "netlink.h"
#include "nl.h"
#include "peer/peer.h"

/* What all that takes a nest says */
static int kvmem_nl_nest(struct genl_info *info, int attr, struct nlattr **tb, int max,
			 const struct nla_policy *policy)
{
	struct nlattr *nest = info->attrs[attr];
	int err;

	err = kvmem_nl_only(info->attrs, BIT_ULL(attr), info->extack);
	if (err)
		return err;
	if (!nest) {
		NL_SET_ERR_MSG(info->extack, "an attribute is missing");
		NL_SET_ERR_ATTR_MISS(info->extack, NULL, attr);
		return -EINVAL;
	}
	return nla_parse_nested(tb, max, nest, policy, info->extack);
}

/* Refuse what is told only. */
static int kvmem_nl_nest_only(struct nlattr **tb, unsigned int max, u64 allowed,
			      struct netlink_ext_ack *extack)
{
	unsigned int i;

	for (i = 1; i <= max; i++) {
		if (!tb[i] || allowed & BIT_ULL(i))
			continue;
		NL_SET_ERR_MSG_ATTR(extack, tb[i], "this is told, not set");
		return -EINVAL;
	}
	return 0;
}

/* Shown in messages and logs, and read by the transport: no control characters. */
static bool kvmem_nl_printable(const char *text)
{
	for (; *text; text++)
		if (!isascii(*text) || !isgraph(*text))
			return false;
	return true;
}

/* Kernels before 6.2 have no policy for this range. */
static int kvmem_nl_node(struct nlattr *attr, struct netlink_ext_ack *extack)
{
	if (nla_get_u32(attr) <= KVMEM_NODE_MAX)
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr, "a node is a number from 0 to 65534");
	return -ERANGE;
}

/* --- the cluster --- */

#define C(attr)		KVMEM_A_CLUSTER_##attr
#define C_BIT(attr)	BIT_ULL(KVMEM_A_CLUSTER_##attr)
#define C_SELF		(C_BIT(NODE) | C_BIT(NAME) | C_BIT(SECRET) | C_BIT(LISTEN))
#define C_SETTINGS	(C_BIT(KEEPALIVE_MS) | C_BIT(TIMEOUT_MS) | C_BIT(HEDGE_US) |	\
			 C_BIT(MOVE_RATE))

/* All that says who this node is, or nothing of it */
static int kvmem_nl_get_self(struct nlattr **tb, struct kvmem_self *self, u32 *mask,
			     struct netlink_ext_ack *extack)
{
	const char *name, *listen;

	if (!tb[C(NODE)] && !tb[C(NAME)] && !tb[C(SECRET)] && !tb[C(LISTEN)])
		return 0;
	if (!tb[C(NODE)] || !tb[C(NAME)] || !tb[C(SECRET)] || !tb[C(LISTEN)]) {
		NL_SET_ERR_MSG(extack, "node, name, secret and listen are set together");
		return -EINVAL;
	}
	if (kvmem_nl_node(tb[C(NODE)], extack))
		return -ERANGE;
	name = nla_data(tb[C(NAME)]);
	listen = nla_data(tb[C(LISTEN)]);
	if (!*name || !kvmem_nl_printable(name)) {
		NL_SET_ERR_MSG_ATTR(extack, tb[C(NAME)],
				    "a name has 1 to 63 visible ASCII characters");
		return -EINVAL;
	}
	if (!kvmem_nl_printable(listen)) {
		NL_SET_ERR_MSG_ATTR(extack, tb[C(LISTEN)], "these are no addresses");
		return -EINVAL;
	}
	self->node = nla_get_u32(tb[C(NODE)]);
	strscpy(self->cluster, name, sizeof(self->cluster));
	strscpy(self->listen, listen, sizeof(self->listen));
	memcpy(self->secret, nla_data(tb[C(SECRET)]), sizeof(self->secret));
	*mask |= KVMEM_CLUSTER_P_SELF;
	return 0;
}

static int kvmem_nl_get_range(struct nlattr *attr, u32 min, u32 max, u32 *value, u32 bit,
			      u32 *mask, struct netlink_ext_ack *extack)
{
	if (!attr)
		return 0;
	*value = nla_get_u32(attr);
	if (*value < min || *value > max) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "out of range");
		return -ERANGE;
	}
	*mask |= bit;
	return 0;
}

static int kvmem_nl_get_cluster(struct nlattr **tb, struct kvmem_cluster_params *p, u32 *mask,
				struct netlink_ext_ack *extack)
{
	int err;

	*mask = 0;
	err = kvmem_nl_nest_only(tb, KVMEM_A_CLUSTER_MAX, C_SELF | C_SETTINGS, extack) ?:
	      kvmem_nl_get_self(tb, &p->self, mask, extack) ?:
	      kvmem_nl_get_range(tb[C(KEEPALIVE_MS)], KVMEM_KEEPALIVE_MIN_MS,
				 KVMEM_KEEPALIVE_MAX_MS, &p->self.keepalive_ms,
				 KVMEM_CLUSTER_P_KEEPALIVE, mask, extack) ?:
	      kvmem_nl_get_range(tb[C(TIMEOUT_MS)], KVMEM_TIMEOUT_MIN_MS,
				 KVMEM_TIMEOUT_MAX_MS, &p->timeout_ms,
				 KVMEM_CLUSTER_P_TIMEOUT, mask, extack) ?:
	      kvmem_nl_get_range(tb[C(HEDGE_US)], 0, KVMEM_TIMEOUT_MAX_MS * USEC_PER_MSEC,
				 &p->hedge_us, KVMEM_CLUSTER_P_HEDGE, mask, extack);
	if (err)
		return err;
	if (tb[C(MOVE_RATE)]) {
		p->move_rate = nla_get_u64(tb[C(MOVE_RATE)]);
		*mask |= KVMEM_CLUSTER_P_MOVE_RATE;
	}
	if (*mask)
		return 0;
	NL_SET_ERR_MSG(extack, "nothing to change is given");
	return -EINVAL;
}

int kvmem_nl_cluster_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[KVMEM_A_CLUSTER_MAX + 1];
	struct kvmem_cluster_params p = {};
	u32 mask;
	int err;

	err = kvmem_nl_nest(info, KVMEM_A_CLUSTER, tb, KVMEM_A_CLUSTER_MAX,
			    kvmem_cluster_nl_policy) ?:
	      kvmem_nl_get_cluster(tb, &p, &mask, info->extack) ?:
	      kvmem_cluster_set(&p, mask, info->extack);
	memzero_explicit(&p, sizeof(p));
	return err;
}

static int kvmem_nl_put_cluster(struct sk_buff *msg, const struct kvmem_cluster_params *p)
{
	struct nlattr *nest = nla_nest_start(msg, KVMEM_A_CLUSTER);
	int err = 0;

	if (!nest)
		return -EMSGSIZE;
	if (p->is_set)
		err = nla_put_u32(msg, C(NODE), p->self.node) ?:
		      nla_put_string(msg, C(NAME), p->self.cluster) ?:
		      nla_put_string(msg, C(LISTEN), p->self.listen);
	if (!err)
		err = nla_put_u32(msg, C(KEEPALIVE_MS), p->self.keepalive_ms) ?:
		      nla_put_u32(msg, C(TIMEOUT_MS), p->timeout_ms) ?:
		      nla_put_u32(msg, C(HEDGE_US), p->hedge_us) ?:
		      nla_put(msg, C(MOVE_RATE), sizeof(p->move_rate), &p->move_rate);
	if (!err && *p->transport)
		err = nla_put_string(msg, C(TRANSPORT), p->transport);
	if (err)
		nla_nest_cancel(msg, nest);
	else
		nla_nest_end(msg, nest);
	return err;
}

int kvmem_nl_cluster_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvmem_cluster_params p;
	struct sk_buff *msg;
	void *hdr;
	int err;

	err = kvmem_nl_only(info->attrs, 0, info->extack);
	if (err)
		return err;
	msg = kvmem_nl_reply_start(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (!msg)
		return -ENOMEM;
	kvmem_cluster_read(&p);
	return kvmem_nl_reply_finish(msg, hdr, info, kvmem_nl_put_cluster(msg, &p));
}

/* --- peers --- */

#define P(attr)		KVMEM_A_PEER_##attr
#define P_BIT(attr)	BIT_ULL(KVMEM_A_PEER_##attr)

/* The counters are in the order of enum kvmem_peer_count, each part of it. */
static_assert(P(GETS) + KVMEM_PEER_REFUSED == P(REFUSED));

static int kvmem_nl_peer_nest(struct genl_info *info, struct nlattr **tb, u64 allowed)
{
	int err;

	err = kvmem_nl_nest(info, KVMEM_A_PEER, tb, KVMEM_A_PEER_MAX, kvmem_peer_nl_policy) ?:
	      kvmem_nl_nest_only(tb, KVMEM_A_PEER_MAX, allowed, info->extack);
	if (err)
		return err;
	if (tb[P(NODE)])
		return kvmem_nl_node(tb[P(NODE)], info->extack);
	NL_SET_ERR_MSG(info->extack, "the number of a node is needed");
	NL_SET_ERR_ATTR_MISS(info->extack, info->attrs[KVMEM_A_PEER], KVMEM_A_PEER_NODE);
	return -EINVAL;
}

static int kvmem_nl_peer_check(struct nlattr **tb, struct netlink_ext_ack *extack)
{
	unsigned int i;

	for (i = P(NAME); i <= P(ADDRESSES); i++) {
		if (tb[i] && *(char *)nla_data(tb[i]) && kvmem_nl_printable(nla_data(tb[i])))
			continue;
		NL_SET_ERR_MSG(extack, "a name and addresses are needed, visible ASCII characters");
		return -EINVAL;
	}
	return 0;
}

int kvmem_nl_peer_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[KVMEM_A_PEER_MAX + 1];
	int err;

	err = kvmem_nl_peer_nest(info, tb, P_BIT(NODE) | P_BIT(NAME) | P_BIT(ADDRESSES)) ?:
	      kvmem_nl_peer_check(tb, info->extack) ?:
	      kvmem_peer_create(nla_get_u32(tb[P(NODE)]), nla_data(tb[P(NAME)]),
				nla_data(tb[P(ADDRESSES)]), info->extack);
	if (!err)
		kvmem_nl_list_changed();
	return err;
}

static int kvmem_nl_no_peer(struct nlattr **tb, struct netlink_ext_ack *extack)
{
	NL_SET_ERR_MSG_ATTR(extack, tb[P(NODE)], "no such peer");
	return -ENOENT;
}

int kvmem_nl_peer_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[KVMEM_A_PEER_MAX + 1];
	int err;

	err = kvmem_nl_peer_nest(info, tb, P_BIT(NODE));
	if (err)
		return err;
	if (kvmem_peer_remove(nla_get_u32(tb[P(NODE)])))
		return kvmem_nl_no_peer(tb, info->extack);
	kvmem_nl_list_changed();
	return 0;
}

static int kvmem_nl_put_state(struct sk_buff *msg, struct kvmem_peer *peer)
{
	const char *reason;
	u8 state = kvmem_peer_state(peer, &reason);

	return nla_put_u32(msg, P(NODE), peer->node) ?:
	       nla_put_string(msg, P(NAME), peer->name) ?:
	       nla_put_u8(msg, P(STATE), state) ?:
	       (reason ? nla_put_string(msg, P(REASON), reason) : 0);
}

static int kvmem_nl_put_counts(struct sk_buff *msg, const struct kvmem_peer *peer)
{
	unsigned int i;

	for (i = 0; i < KVMEM_PEER_COUNT_NR; i++)
		if (nla_put_u64_64bit(msg, P(GETS) + i, atomic64_read(&peer->counts[i]), P(PAD)))
			return -EMSGSIZE;
	return 0;
}

static int kvmem_nl_put_way(struct sk_buff *msg, const struct kvmem_transport_info *way)
{
#define PUT(attr, value) nla_put_u64_64bit(msg, P(attr), value, P(PAD))
	return nla_put_u32(msg, P(RAILS), way->rails) ?:
	       nla_put_u32(msg, P(RAILS_UP), way->rails_up) ?:
	       nla_put_u32(msg, P(CREDITS), way->credits) ?:
	       PUT(RTT_NS, way->rtt_ns) ?:
	       PUT(CONNECTS, way->connects) ?: PUT(DISCONNECTS, way->disconnects) ?:
	       PUT(BYTES_IN, way->bytes_in) ?: PUT(BYTES_OUT, way->bytes_out) ?:
	       PUT(LATE, way->late) ?: PUT(BAD_CAPSULES, way->bad_capsules);
#undef PUT
}

static int kvmem_nl_put_peer_all(struct sk_buff *msg, struct kvmem_peer *peer)
{
	struct kvmem_transport_info way;

	/* Zeros when there is no transport. */
	kvmem_peer_info(peer, &way);
	return kvmem_nl_put_state(msg, peer) ?:
	       nla_put_string(msg, P(ADDRESSES), peer->addresses) ?:
	       nla_put_u32(msg, P(IN_FLIGHT), max(atomic_read(&peer->in_flight), 0)) ?:
	       nla_put_u64_64bit(msg, P(WAIT_NS), kvmem_peer_wait_ns(peer), P(PAD)) ?:
	       kvmem_nl_put_counts(msg, peer) ?: kvmem_nl_put_way(msg, &way);
}

static int kvmem_nl_put_peer_nest(struct sk_buff *msg, struct kvmem_peer *peer,
				  int (*put)(struct sk_buff *msg, struct kvmem_peer *peer))
{
	struct nlattr *nest = nla_nest_start(msg, KVMEM_A_PEER);
	int err;

	if (!nest)
		return -EMSGSIZE;
	err = put(msg, peer);
	if (err)
		nla_nest_cancel(msg, nest);
	else
		nla_nest_end(msg, nest);
	return err;
}

int kvmem_nl_put_peer_state(struct sk_buff *msg, struct kvmem_peer *peer)
{
	return kvmem_nl_put_peer_nest(msg, peer, kvmem_nl_put_state);
}

int kvmem_nl_peer_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *tb[KVMEM_A_PEER_MAX + 1];
	struct kvmem_peer *peer;
	struct sk_buff *msg;
	void *hdr;
	int err;

	err = kvmem_nl_peer_nest(info, tb, P_BIT(NODE));
	if (err)
		return err;
	peer = kvmem_peer_get(nla_get_u32(tb[P(NODE)]));
	if (!peer)
		return kvmem_nl_no_peer(tb, info->extack);
	err = -ENOMEM;
	msg = kvmem_nl_reply_start(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (msg) {
		err = kvmem_nl_put_peer_nest(msg, peer, kvmem_nl_put_peer_all);
		err = kvmem_nl_reply_finish(msg, hdr, info, err);
	}
	kvmem_peer_put(peer);
	return err;
}

static int kvmem_nl_dump_peer(struct sk_buff *skb, struct netlink_callback *cb,
			      struct kvmem_peer *peer)
{
	void *hdr = kvmem_nl_dump_start(skb, cb);

	if (!hdr)
		return -EMSGSIZE;
	return kvmem_nl_dump_finish(skb, cb, hdr,
				    kvmem_nl_put_peer_nest(skb, peer, kvmem_nl_put_peer_all));
}

/* cb->args[0] is the smallest number that has not been sent. */
int kvmem_nl_peer_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	u32 node = cb->args[0];
	struct kvmem_peer *peer;
	int err;

	err = kvmem_nl_only(kvmem_genl_dump_attrs(cb), 0, cb->extack);
	if (err)
		return err;
	cb->seq = kvmem_nl_generation();
	while ((peer = kvmem_peer_get_next(&node))) {
		err = kvmem_nl_dump_peer(skb, cb, peer);
		kvmem_peer_put(peer);
		if (err)
			break;
		node++;
	}
	cb->args[0] = node;
	return kvmem_nl_dump_result(skb, err);
}
