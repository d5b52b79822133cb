// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: namespaces.
 */
#include <linux/build_bug.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/uidgid.h>
#include <net/sock.h>
#include "file.h"
#include "netlink.h"
#include "nl.h"
#include "ns.h"
#include "stats.h"

#define KVMEM_NL_DEFAULT_MODE	0600
#define KVMEM_NL_DEFAULT_PIN	50

/* What ns-set takes; ns-new takes a pool too */
#define KVMEM_NL_SETTINGS							\
	(KVMEM_NL_BIT(UID) | KVMEM_NL_BIT(GID) | KVMEM_NL_BIT(MODE) |		\
	 KVMEM_NL_BIT(FINGERPRINT) | KVMEM_NL_BIT(QUOTA_BYTES) |		\
	 KVMEM_NL_BIT(QUOTA_BLOCKS) | KVMEM_NL_BIT(TTL_MS) | KVMEM_NL_BIT(PIN_PERCENT) |	\
	 KVMEM_NL_BIT(FLASH_MODE) | KVMEM_NL_BIT(FLASH_QUOTA_BYTES) |			\
	 KVMEM_NL_BIT(REQUIRE_VERIFIED) | KVMEM_NL_BIT(ALLOW_BOUNCE) |			\
	 KVMEM_NL_BIT(PLACEMENT) | KVMEM_NL_BIT(COPIES) | KVMEM_NL_BIT(PEER_SHARE) |	\
	 KVMEM_NL_BIT(PEER_KEEP))

/* Makes ns-set one step: one that gives a uid and one that gives a gid both take effect. */
static DEFINE_MUTEX(kvmem_nl_ns_lock);

/* The attributes of the counters are in the order of enum kvmem_stat. */
static_assert(KVMEM_A_STATS_HITS + KVMEM_STAT_NR - 1 == KVMEM_A_STATS_MAX);
static_assert(KVMEM_A_STATS_HITS + KVMEM_STAT_NOSPC == KVMEM_A_STATS_NOSPC);
static_assert(KVMEM_A_STATS_HITS + KVMEM_STAT_ZERO_COPY == KVMEM_A_STATS_ZERO_COPY);
static_assert(KVMEM_A_STATS_HITS + KVMEM_STAT_EVICT_CORRUPT == KVMEM_A_STATS_EVICT_CORRUPT);
static_assert(KVMEM_A_STATS_HITS + KVMEM_STAT_PEER_HITS == KVMEM_A_STATS_PEER_HITS);

/* --- settings in requests --- */

static int kvmem_nl_get_owner(struct sk_buff *skb, struct genl_info *info,
			      struct kvmem_ns_params *p, u32 *mask)
{
	struct user_namespace *user_ns = sk_user_ns(NETLINK_CB(skb).sk);
	struct nlattr *uid = info->attrs[KVMEM_A_UID], *gid = info->attrs[KVMEM_A_GID];

	if (uid) {
		p->uid = make_kuid(user_ns, nla_get_u32(uid));
		*mask |= KVMEM_NS_P_OWNER;
	}
	if (gid) {
		p->gid = make_kgid(user_ns, nla_get_u32(gid));
		*mask |= KVMEM_NS_P_OWNER;
	}
	if (!uid_valid(p->uid)) {
		NL_SET_ERR_MSG_ATTR(info->extack, uid, "no such user in the user namespace");
		return -EINVAL;
	}
	if (!gid_valid(p->gid)) {
		NL_SET_ERR_MSG_ATTR(info->extack, gid, "no such group in the user namespace");
		return -EINVAL;
	}
	return 0;
}

static int kvmem_nl_get_mode(struct genl_info *info, struct kvmem_ns_params *p, u32 *mask)
{
	struct nlattr *attr = info->attrs[KVMEM_A_MODE];

	if (!attr)
		return 0;
	if (nla_get_u16(attr) & ~0666) {
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "a mode has read and write bits only");
		return -EINVAL;
	}
	p->mode = nla_get_u16(attr);
	*mask |= KVMEM_NS_P_MODE;
	return 0;
}

static void kvmem_nl_get_limits(struct nlattr **attrs, struct kvmem_ns_params *p, u32 *mask)
{
	if (attrs[KVMEM_A_QUOTA_BYTES]) {
		p->quota_bytes = nla_get_u64(attrs[KVMEM_A_QUOTA_BYTES]);
		*mask |= KVMEM_NS_P_QUOTA_BYTES;
	}
	if (attrs[KVMEM_A_QUOTA_BLOCKS]) {
		p->quota_blocks = nla_get_u64(attrs[KVMEM_A_QUOTA_BLOCKS]);
		*mask |= KVMEM_NS_P_QUOTA_BLOCKS;
	}
	if (attrs[KVMEM_A_TTL_MS]) {
		p->ttl_ms = nla_get_u32(attrs[KVMEM_A_TTL_MS]);
		*mask |= KVMEM_NS_P_TTL;
	}
	if (attrs[KVMEM_A_PIN_PERCENT]) {
		p->pin_percent = nla_get_u32(attrs[KVMEM_A_PIN_PERCENT]);
		*mask |= KVMEM_NS_P_PIN;
	}
}

static void kvmem_nl_get_flash(struct nlattr **attrs, struct kvmem_ns_params *p, u32 *mask)
{
	if (attrs[KVMEM_A_FLASH_MODE]) {
		p->flash_mode = nla_get_u8(attrs[KVMEM_A_FLASH_MODE]);
		*mask |= KVMEM_NS_P_FLASH_MODE;
	}
	if (attrs[KVMEM_A_FLASH_QUOTA_BYTES]) {
		p->flash_quota_bytes = nla_get_u64(attrs[KVMEM_A_FLASH_QUOTA_BYTES]);
		*mask |= KVMEM_NS_P_FLASH_QUOTA;
	}
	if (attrs[KVMEM_A_REQUIRE_VERIFIED]) {
		p->require_verified = nla_get_u8(attrs[KVMEM_A_REQUIRE_VERIFIED]);
		*mask |= KVMEM_NS_P_VERIFY;
	}
	if (attrs[KVMEM_A_ALLOW_BOUNCE]) {
		p->allow_bounce = nla_get_u8(attrs[KVMEM_A_ALLOW_BOUNCE]);
		*mask |= KVMEM_NS_P_BOUNCE;
	}
}

static void kvmem_nl_get_peers(struct nlattr **attrs, struct kvmem_ns_params *p, u32 *mask)
{
	if (attrs[KVMEM_A_PLACEMENT]) {
		p->placement = nla_get_u8(attrs[KVMEM_A_PLACEMENT]);
		*mask |= KVMEM_NS_P_PLACEMENT;
	}
	if (attrs[KVMEM_A_COPIES]) {
		p->copies = nla_get_u8(attrs[KVMEM_A_COPIES]);
		*mask |= KVMEM_NS_P_COPIES;
	}
	if (attrs[KVMEM_A_PEER_SHARE]) {
		p->peer_share = nla_get_u8(attrs[KVMEM_A_PEER_SHARE]);
		*mask |= KVMEM_NS_P_SHARE;
	}
	if (attrs[KVMEM_A_PEER_KEEP]) {
		p->peer_keep = nla_get_u8(attrs[KVMEM_A_PEER_KEEP]);
		*mask |= KVMEM_NS_P_KEEP;
	}
}

/* Settings that came replace those in @p; @mask tells which. */
static int kvmem_nl_get_settings(struct sk_buff *skb, struct genl_info *info,
				 struct kvmem_ns_params *p, u32 *mask)
{
	int err;

	*mask = 0;
	err = kvmem_nl_get_owner(skb, info, p, mask) ?: kvmem_nl_get_mode(info, p, mask);
	if (err)
		return err;
	kvmem_nl_get_limits(info->attrs, p, mask);
	kvmem_nl_get_flash(info->attrs, p, mask);
	kvmem_nl_get_peers(info->attrs, p, mask);
	if (info->attrs[KVMEM_A_FINGERPRINT]) {
		memcpy(p->fingerprint, nla_data(info->attrs[KVMEM_A_FINGERPRINT]),
		       KVMEM_FINGERPRINT_LEN);
		*mask |= KVMEM_NS_P_FINGERPRINT;
	}
	return 0;
}

/* The pool of a new namespace, by id (0 = none) or name */
static int kvmem_nl_get_pool_id(struct genl_info *info, u32 *id)
{
	struct nlattr *by_id = info->attrs[KVMEM_A_POOL_ID];
	struct nlattr *by_name = info->attrs[KVMEM_A_POOL_NAME];
	struct kvmem_pool *pool;

	if (by_id && by_name) {
		NL_SET_ERR_MSG_ATTR(info->extack, by_name,
				    "a pool-id and a pool-name are too much: give one");
		return -EINVAL;
	}
	if (!by_id && !by_name)
		return 0;
	if (by_id && !nla_get_u32(by_id))
		return 0;
	pool = by_id ? kvmem_pool_get_by_id(nla_get_u32(by_id)) :
		       kvmem_pool_get_by_name(nla_data(by_name));
	if (!pool) {
		NL_SET_ERR_MSG_ATTR(info->extack, by_id ?: by_name, "no such pool");
		return -ENOENT;
	}
	*id = pool->id;
	kvmem_pool_put(pool);
	return 0;
}

/* --- commands --- */

int kvmem_nl_ns_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvmem_ns_params p = {
		.uid = current_euid(),
		.gid = current_egid(),
		.mode = KVMEM_NL_DEFAULT_MODE,
		.pin_percent = KVMEM_NL_DEFAULT_PIN,
		.copies = 1,
	};
	struct kvmem_ns *ns;
	u32 mask;
	int err;

	err = kvmem_nl_only(info->attrs, KVMEM_NL_SETTINGS | KVMEM_NL_BIT(NAME) |
			    KVMEM_NL_BIT(POOL_ID) | KVMEM_NL_BIT(POOL_NAME), info->extack) ?:
	      kvmem_nl_new_name(info->attrs, p.name, info->extack) ?:
	      kvmem_nl_get_settings(skb, info, &p, &mask) ?:
	      kvmem_nl_get_pool_id(info, &p.pool_id);
	if (err)
		return err;
	ns = kvmem_ns_create(&p, info->extack);
	if (IS_ERR(ns)) {
		if (PTR_ERR(ns) == -EEXIST)
			NL_SET_BAD_ATTR(info->extack, info->attrs[KVMEM_A_NAME]);
		return PTR_ERR(ns);
	}
	kvmem_nl_list_changed();
	kvmem_event_ns(KVMEM_CMD_NS_CREATED_NTF, ns);
	err = kvmem_nl_reply_object(info, ns->id, ns->p.name);
	kvmem_ns_put(ns);
	return err;
}

static int kvmem_nl_ns_set(struct sk_buff *skb, struct genl_info *info, struct kvmem_ns *ns)
{
	struct kvmem_ns_params p;
	u32 mask;
	int err;

	spin_lock(&ns->lock);
	p = ns->p;
	spin_unlock(&ns->lock);
	err = kvmem_nl_get_settings(skb, info, &p, &mask);
	if (err)
		return err;
	if (!mask) {
		NL_SET_ERR_MSG(info->extack, "nothing to change is given");
		return -EINVAL;
	}
	err = kvmem_ns_modify(ns, &p, mask, info->extack);
	if (!err)
		kvmem_event_ns(KVMEM_CMD_NS_CHANGED_NTF, ns);
	return err;
}

int kvmem_nl_ns_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvmem_ns *ns;
	int err;

	err = kvmem_nl_only(info->attrs, KVMEM_NL_OBJECT | KVMEM_NL_SETTINGS, info->extack);
	if (err)
		return err;
	ns = kvmem_nl_ns(info->attrs, info->extack);
	if (IS_ERR(ns))
		return PTR_ERR(ns);
	mutex_lock(&kvmem_nl_ns_lock);
	err = kvmem_nl_ns_set(skb, info, ns);
	mutex_unlock(&kvmem_nl_ns_lock);
	kvmem_ns_put(ns);
	return err;
}

int kvmem_nl_ns_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvmem_ns *ns;
	int err;

	err = kvmem_nl_only(info->attrs, KVMEM_NL_OBJECT, info->extack);
	if (err)
		return err;
	ns = kvmem_nl_ns(info->attrs, info->extack);
	if (IS_ERR(ns))
		return PTR_ERR(ns);
	err = kvmem_ns_delete(ns);
	if (err) {
		NL_SET_ERR_MSG(info->extack, "somebody else deletes the namespace");
	} else {
		kvmem_nl_list_changed();
		kvmem_event_ns(KVMEM_CMD_NS_DELETED_NTF, ns);
	}
	kvmem_ns_put(ns);
	return err;
}

/* --- answers --- */

/* What changes under ns->lock, at one moment */
struct kvmem_nl_ns_state {
	struct kvmem_ns_params p;
	u64 used_bytes;
	u64 used_blocks;
	u64 live_blocks;
	u64 data_bytes;
	u64 pinned_bytes;
	u32 chunks;
};

static void kvmem_nl_ns_read(struct kvmem_ns *ns, struct kvmem_nl_ns_state *s)
{
	spin_lock(&ns->lock);
	s->p = ns->p;
	s->used_bytes = ns->used_bytes;
	s->used_blocks = ns->used_blocks;
	s->live_blocks = ns->live_blocks;
	s->data_bytes = ns->data_bytes;
	s->pinned_bytes = ns->pinned_bytes;
	s->chunks = ns->space.nr_chunks;
	spin_unlock(&ns->lock);
}

static int kvmem_nl_put_settings(struct sk_buff *msg, const struct kvmem_ns_params *p,
				 struct user_namespace *user_ns)
{
	if (nla_put_u32(msg, KVMEM_A_UID, from_kuid_munged(user_ns, p->uid)) ||
	    nla_put_u32(msg, KVMEM_A_GID, from_kgid_munged(user_ns, p->gid)) ||
	    nla_put_u16(msg, KVMEM_A_MODE, p->mode) ||
	    nla_put(msg, KVMEM_A_FINGERPRINT, KVMEM_FINGERPRINT_LEN, p->fingerprint) ||
	    kvmem_nl_put_u64(msg, KVMEM_A_QUOTA_BYTES, p->quota_bytes) ||
	    kvmem_nl_put_u64(msg, KVMEM_A_QUOTA_BLOCKS, p->quota_blocks) ||
	    nla_put_u32(msg, KVMEM_A_TTL_MS, p->ttl_ms) ||
	    nla_put_u32(msg, KVMEM_A_PIN_PERCENT, p->pin_percent))
		return -EMSGSIZE;
	return 0;
}

static int kvmem_nl_put_usage(struct sk_buff *msg, const struct kvmem_nl_ns_state *s)
{
	if (kvmem_nl_put_u64(msg, KVMEM_A_USED_BYTES, s->used_bytes) ||
	    kvmem_nl_put_u64(msg, KVMEM_A_USED_BLOCKS, s->used_blocks) ||
	    kvmem_nl_put_u64(msg, KVMEM_A_LIVE_BLOCKS, s->live_blocks) ||
	    kvmem_nl_put_u64(msg, KVMEM_A_DATA_BYTES, s->data_bytes) ||
	    kvmem_nl_put_u64(msg, KVMEM_A_PINNED_BYTES, s->pinned_bytes) ||
	    nla_put_u32(msg, KVMEM_A_CHUNKS, s->chunks))
		return -EMSGSIZE;
	return 0;
}

static int kvmem_nl_put_stats(struct sk_buff *msg, const struct kvmem_ns *ns)
{
	struct nlattr *nest = nla_nest_start(msg, KVMEM_A_STATS);
	unsigned int i;

	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < KVMEM_STAT_NR; i++) {
		if (nla_put_u64_64bit(msg, KVMEM_A_STATS_HITS + i, kvmem_stat_read(ns, i),
				      KVMEM_A_STATS_PAD)) {
			nla_nest_cancel(msg, nest);
			return -EMSGSIZE;
		}
	}
	nla_nest_end(msg, nest);
	return 0;
}

static int kvmem_nl_put_flash(struct sk_buff *msg, const struct kvmem_ns *ns,
			      const struct kvmem_ns_params *p)
{
	if (nla_put_u8(msg, KVMEM_A_FLASH_MODE, p->flash_mode) ||
	    kvmem_nl_put_u64(msg, KVMEM_A_FLASH_QUOTA_BYTES, p->flash_quota_bytes) ||
	    nla_put_u8(msg, KVMEM_A_REQUIRE_VERIFIED, p->require_verified) ||
	    nla_put_u8(msg, KVMEM_A_ALLOW_BOUNCE, p->allow_bounce) ||
	    kvmem_nl_put_u64(msg, KVMEM_A_FLASH_BLOCKS, atomic64_read(&ns->flash.blocks)) ||
	    kvmem_nl_put_u64(msg, KVMEM_A_FLASH_BYTES, atomic64_read(&ns->flash.bytes)))
		return -EMSGSIZE;
	return 0;
}

static int kvmem_nl_put_peers(struct sk_buff *msg, const struct kvmem_ns_params *p)
{
	return nla_put_u8(msg, KVMEM_A_PLACEMENT, p->placement) ?:
	       nla_put_u8(msg, KVMEM_A_COPIES, p->copies) ?:
	       nla_put_u8(msg, KVMEM_A_PEER_SHARE, p->peer_share) ?:
	       nla_put_u8(msg, KVMEM_A_PEER_KEEP, p->peer_keep);
}

static int kvmem_nl_put_membership(struct sk_buff *msg, const struct kvmem_ns *ns)
{
	if (!ns->pool)
		return nla_put_u32(msg, KVMEM_A_POOL_ID, 0);
	return nla_put_u32(msg, KVMEM_A_POOL_ID, ns->pool->id) ?:
	       nla_put_string(msg, KVMEM_A_POOL_NAME, ns->pool->p.name);
}

static int kvmem_nl_put_ns(struct sk_buff *msg, struct kvmem_ns *ns,
			   struct user_namespace *user_ns)
{
	struct kvmem_nl_ns_state s;

	kvmem_nl_ns_read(ns, &s);
	return kvmem_nl_put_object(msg, ns->id, ns->p.name) ?:
	       kvmem_nl_put_settings(msg, &s.p, user_ns) ?:
	       kvmem_nl_put_membership(msg, ns) ?:
	       kvmem_nl_put_usage(msg, &s) ?:
	       kvmem_nl_put_flash(msg, ns, &s.p) ?:
	       kvmem_nl_put_peers(msg, &s.p) ?:
	       nla_put_u32(msg, KVMEM_A_NR_FILES, kvmem_ns_nr_files(ns)) ?:
	       kvmem_nl_put_stats(msg, ns);
}

int kvmem_nl_ns_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *msg;
	struct kvmem_ns *ns;
	void *hdr;
	int err;

	err = kvmem_nl_only(info->attrs, KVMEM_NL_OBJECT, info->extack);
	if (err)
		return err;
	ns = kvmem_nl_ns(info->attrs, info->extack);
	if (IS_ERR(ns))
		return PTR_ERR(ns);
	err = -ENOMEM;
	msg = kvmem_nl_reply_start(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (msg) {
		err = kvmem_nl_put_ns(msg, ns, sk_user_ns(NETLINK_CB(skb).sk));
		err = kvmem_nl_reply_finish(msg, hdr, info, err);
	}
	kvmem_ns_put(ns);
	return err;
}

static int kvmem_nl_dump_ns(struct sk_buff *skb, struct netlink_callback *cb,
			    struct kvmem_ns *ns)
{
	void *hdr = kvmem_nl_dump_start(skb, cb);
	int err;

	if (!hdr)
		return -EMSGSIZE;
	err = kvmem_nl_put_ns(skb, ns, sk_user_ns(NETLINK_CB(cb->skb).sk));
	return kvmem_nl_dump_finish(skb, cb, hdr, err);
}

/* cb->args[0] is the smallest id that has not been sent. */
int kvmem_nl_ns_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	u32 id = cb->args[0];
	struct kvmem_ns *ns;
	int err;

	err = kvmem_nl_only(kvmem_genl_dump_attrs(cb), 0, cb->extack);
	if (err)
		return err;
	cb->seq = kvmem_nl_generation();
	while ((ns = kvmem_ns_get_next(&id))) {
		err = kvmem_nl_dump_ns(skb, cb, ns);
		kvmem_ns_put(ns);
		if (err)
			break;
		if (!++id)
			break;
	}
	cb->args[0] = id;
	return kvmem_nl_dump_result(skb, err);
}
