// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family and what its handlers share.
 */
#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/string.h>
#include "flash/flash.h"
#include "netlink.h"
#include "nl.h"
#include "ns.h"

/* Events name tenants and keys: who may listen is who may ask. */
static const struct genl_multicast_group kvmem_nl_mcgrps[] = {
	[KVMEM_NLGRP_EVENTS] = {
		.name	= KVMEM_MCGRP_EVENTS,
		.flags	= GENL_MCAST_CAP_NET_ADMIN,
	},
	[KVMEM_NLGRP_SAMPLES] = {
		.name	= KVMEM_MCGRP_SAMPLES,
		.flags	= GENL_MCAST_CAP_NET_ADMIN,
	},
};

/* Only in the first network namespace: one arena, one administrator. */
struct genl_family kvmem_nl_family __ro_after_init = {
	.name		= KVMEM_GENL_NAME,
	.version	= KVMEM_GENL_VERSION,
	.module		= THIS_MODULE,
	.parallel_ops	= true,
	.policy		= kvmem_main_nl_policy,
	.maxattr	= ARRAY_SIZE(kvmem_main_nl_policy) - 1,
	.small_ops	= kvmem_nl_ops,
	.n_small_ops	= ARRAY_SIZE(kvmem_nl_ops),
	.mcgrps		= kvmem_nl_mcgrps,
	.n_mcgrps	= ARRAY_SIZE(kvmem_nl_mcgrps),
};

/* kvmem_nl_only() has a bit for each. */
static_assert(ARRAY_SIZE(kvmem_main_nl_policy) <= 64);
static_assert(KVMEM_NL_NR_CLASSES == KVMEM_NR_CLASSES);
static_assert(KVMEM_NL_NR_AGES == KVMEM_NR_AGES);
static_assert(KVMEM_NL_LAT_BUCKETS == KVMEM_LAT_BUCKETS);
static_assert(sizeof(struct kvmem_sample) == 3 * sizeof(u64));

static bool kvmem_nl_up;
static atomic_t kvmem_nl_gen = ATOMIC_INIT(1);

/* --- requests --- */

int kvmem_nl_only(struct nlattr **attrs, u64 allowed, struct netlink_ext_ack *extack)
{
	unsigned int i;

	for (i = 1; i < ARRAY_SIZE(kvmem_main_nl_policy); i++) {
		if (!attrs[i] || allowed & BIT_ULL(i))
			continue;
		NL_SET_ERR_MSG_ATTR(extack, attrs[i], "the command does not take this attribute");
		return -EINVAL;
	}
	return 0;
}

/* Names appear in logs, traces and metrics: nothing there needs quoting. */
static bool kvmem_nl_name_ok(const char *name)
{
	if (!*name)
		return false;
	for (; *name; name++) {
		if (!isascii(*name) || !isgraph(*name))
			return false;
	}
	return true;
}

int kvmem_nl_new_name(struct nlattr **attrs, char *name, struct netlink_ext_ack *extack)
{
	struct nlattr *attr = attrs[KVMEM_A_NAME];

	if (!attr) {
		NL_SET_ERR_MSG(extack, "a name is needed");
		NL_SET_ERR_ATTR_MISS(extack, NULL, KVMEM_A_NAME);
		return -EINVAL;
	}
	if (!kvmem_nl_name_ok(nla_data(attr))) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "a name has 1 to 63 visible ASCII characters");
		return -EINVAL;
	}
	strscpy(name, nla_data(attr), KVMEM_NAME_LEN);
	return 0;
}

/* The attribute that names the object, or NULL */
static struct nlattr *kvmem_nl_object(struct nlattr **attrs, struct netlink_ext_ack *extack)
{
	struct nlattr *id = attrs[KVMEM_A_ID], *name = attrs[KVMEM_A_NAME];

	if (id && name) {
		NL_SET_ERR_MSG_ATTR(extack, name, "an id and a name are too much: give one");
		return NULL;
	}
	if (!id && !name) {
		NL_SET_ERR_MSG(extack, "an id or a name is needed");
		NL_SET_ERR_ATTR_MISS(extack, NULL, KVMEM_A_ID);
		return NULL;
	}
	return id ?: name;
}

struct kvmem_ns *kvmem_nl_ns(struct nlattr **attrs, struct netlink_ext_ack *extack)
{
	struct nlattr *attr = kvmem_nl_object(attrs, extack);
	struct kvmem_ns *ns;

	if (!attr)
		return ERR_PTR(-EINVAL);
	if (nla_type(attr) == KVMEM_A_ID)
		ns = kvmem_ns_get_by_id(nla_get_u32(attr));
	else
		ns = kvmem_ns_get_by_name(nla_data(attr));
	if (ns)
		return ns;
	NL_SET_ERR_MSG_ATTR(extack, attr, "no such namespace");
	return ERR_PTR(-ENOENT);
}

struct kvmem_pool *kvmem_nl_pool(struct nlattr **attrs, struct netlink_ext_ack *extack)
{
	struct nlattr *attr = kvmem_nl_object(attrs, extack);
	struct kvmem_pool *pool;

	if (!attr)
		return ERR_PTR(-EINVAL);
	if (nla_type(attr) == KVMEM_A_ID)
		pool = kvmem_pool_get_by_id(nla_get_u32(attr));
	else
		pool = kvmem_pool_get_by_name(nla_data(attr));
	if (pool)
		return pool;
	NL_SET_ERR_MSG_ATTR(extack, attr, "no such pool");
	return ERR_PTR(-ENOENT);
}

struct kvmem_media *kvmem_nl_media(struct nlattr **attrs, struct netlink_ext_ack *extack)
{
	struct nlattr *attr = kvmem_nl_object(attrs, extack);
	struct kvmem_media *media;

	if (!attr)
		return ERR_PTR(-EINVAL);
	if (nla_type(attr) == KVMEM_A_ID)
		media = kvmem_media_get_by_id(nla_get_u32(attr));
	else
		media = kvmem_media_get_by_name(nla_data(attr));
	if (media)
		return media;
	NL_SET_ERR_MSG_ATTR(extack, attr, "no such media");
	return ERR_PTR(-ENOENT);
}

/* --- answers --- */

struct sk_buff *kvmem_nl_reply_start(struct genl_info *info, size_t payload, void **hdr)
{
	struct sk_buff *msg = genlmsg_new(payload, GFP_KERNEL);

	if (msg) {
		*hdr = genlmsg_put_reply(msg, info, &kvmem_nl_family, 0, info->genlhdr->cmd);
		if (*hdr)
			return msg;
		nlmsg_free(msg);
	}
	NL_SET_ERR_MSG(info->extack, "no memory for the answer");
	return NULL;
}

int kvmem_nl_reply_finish(struct sk_buff *msg, void *hdr, struct genl_info *info, int err)
{
	if (err) {
		/* The payload was computed too small: a bug of ours. */
		WARN_ON_ONCE(err == -EMSGSIZE);
		NL_SET_ERR_MSG(info->extack, "the answer does not fit");
		nlmsg_free(msg);
		return err;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

int kvmem_nl_reply_object(struct genl_info *info, u32 id, const char *name)
{
	struct sk_buff *msg;
	void *hdr;

	msg = kvmem_nl_reply_start(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (!msg)
		return -ENOMEM;
	return kvmem_nl_reply_finish(msg, hdr, info, kvmem_nl_put_object(msg, id, name));
}

void *kvmem_nl_dump_start(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct genlmsghdr *request = nlmsg_data(cb->nlh);

	return genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			   &kvmem_nl_family, NLM_F_MULTI, request->cmd);
}

int kvmem_nl_dump_finish(struct sk_buff *skb, struct netlink_callback *cb, void *hdr, int err)
{
	if (err) {
		genlmsg_cancel(skb, hdr);
		return err;
	}
	/* Tells the reader when the lists have changed since the last part. */
	genl_dump_check_consistent(cb, hdr);
	genlmsg_end(skb, hdr);
	return 0;
}

int kvmem_nl_dump_result(const struct sk_buff *skb, int err)
{
	return err == -EMSGSIZE && skb->len ? skb->len : err;
}

unsigned int kvmem_nl_generation(void)
{
	return atomic_read(&kvmem_nl_gen) ?: 1;
}

void kvmem_nl_list_changed(void)
{
	atomic_inc(&kvmem_nl_gen);
}

int kvmem_nl_put_object(struct sk_buff *msg, u32 id, const char *name)
{
	if (nla_put_u32(msg, KVMEM_A_ID, id) || nla_put_string(msg, KVMEM_A_NAME, name))
		return -EMSGSIZE;
	return 0;
}

int kvmem_nl_put_u64(struct sk_buff *msg, int attr, u64 value)
{
	return nla_put_u64_64bit(msg, attr, value, KVMEM_A_PAD);
}

/* --- coming and going --- */

bool kvmem_nl_is_up(void)
{
	return READ_ONCE(kvmem_nl_up);
}

int kvmem_netlink_init(void)
{
	int err = genl_register_family(&kvmem_nl_family);

	if (err) {
		pr_err("cannot register the netlink family: %d\n", err);
		return err;
	}
	WRITE_ONCE(kvmem_nl_up, true);
	return 0;
}

void kvmem_netlink_exit(void)
{
	WRITE_ONCE(kvmem_nl_up, false);
	/* Its messages go to our groups. */
	kvmem_samples_stop();
	genl_unregister_family(&kvmem_nl_family);
}
