// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: pools.
 */
#include <linux/err.h>
#include <linux/mutex.h>
#include "netlink.h"
#include "nl.h"
#include "ns.h"

#define KVMEM_NL_POOL_SETTINGS	(KVMEM_NL_BIT(QUOTA_BYTES) | KVMEM_NL_BIT(QUOTA_BLOCKS) | \
				 KVMEM_NL_BIT(SHARE))

/* Makes pool-set one step: what is not given stays, whoever else sets the rest. */
static DEFINE_MUTEX(kvmem_nl_pool_lock);

/* Settings that came replace those in @p.  How many came. */
static unsigned int kvmem_nl_get_pool(struct nlattr **attrs, struct kvmem_pool_params *p)
{
	unsigned int nr = 0;

	if (attrs[KVMEM_A_QUOTA_BYTES]) {
		p->quota_bytes = nla_get_u64(attrs[KVMEM_A_QUOTA_BYTES]);
		nr++;
	}
	if (attrs[KVMEM_A_QUOTA_BLOCKS]) {
		p->quota_blocks = nla_get_u64(attrs[KVMEM_A_QUOTA_BLOCKS]);
		nr++;
	}
	if (attrs[KVMEM_A_SHARE]) {
		p->share = nla_get_u8(attrs[KVMEM_A_SHARE]);
		nr++;
	}
	return nr;
}

static void kvmem_nl_pool_read(struct kvmem_pool *pool, struct kvmem_pool_params *p,
			       unsigned int *nr_members)
{
	spin_lock(&pool->lock);
	*p = pool->p;
	*nr_members = pool->nr_members;
	spin_unlock(&pool->lock);
}

int kvmem_nl_pool_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvmem_pool_params p = {};
	struct kvmem_pool *pool;
	int err;

	err = kvmem_nl_only(info->attrs, KVMEM_NL_BIT(NAME) | KVMEM_NL_POOL_SETTINGS,
			    info->extack) ?:
	      kvmem_nl_new_name(info->attrs, p.name, info->extack);
	if (err)
		return err;
	kvmem_nl_get_pool(info->attrs, &p);
	pool = kvmem_pool_create(&p, info->extack);
	if (IS_ERR(pool)) {
		if (PTR_ERR(pool) == -EEXIST)
			NL_SET_BAD_ATTR(info->extack, info->attrs[KVMEM_A_NAME]);
		return PTR_ERR(pool);
	}
	kvmem_nl_list_changed();
	err = kvmem_nl_reply_object(info, pool->id, pool->p.name);
	kvmem_pool_put(pool);
	return err;
}

static int kvmem_nl_pool_set(struct genl_info *info, struct kvmem_pool *pool)
{
	struct kvmem_pool_params p;
	unsigned int nr_members;
	int err;

	mutex_lock(&kvmem_nl_pool_lock);
	kvmem_nl_pool_read(pool, &p, &nr_members);
	if (kvmem_nl_get_pool(info->attrs, &p)) {
		err = kvmem_pool_modify(pool, &p);
		if (err)
			NL_SET_ERR_MSG(info->extack, "the pool cannot take these settings");
	} else {
		NL_SET_ERR_MSG(info->extack, "nothing to change is given");
		err = -EINVAL;
	}
	mutex_unlock(&kvmem_nl_pool_lock);
	return err;
}

int kvmem_nl_pool_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvmem_pool *pool;
	int err;

	err = kvmem_nl_only(info->attrs, KVMEM_NL_OBJECT | KVMEM_NL_POOL_SETTINGS,
			    info->extack);
	if (err)
		return err;
	pool = kvmem_nl_pool(info->attrs, info->extack);
	if (IS_ERR(pool))
		return PTR_ERR(pool);
	err = kvmem_nl_pool_set(info, pool);
	kvmem_pool_put(pool);
	return err;
}

int kvmem_nl_pool_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvmem_pool *pool;
	int err;

	err = kvmem_nl_only(info->attrs, KVMEM_NL_OBJECT, info->extack);
	if (err)
		return err;
	pool = kvmem_nl_pool(info->attrs, info->extack);
	if (IS_ERR(pool))
		return PTR_ERR(pool);
	err = kvmem_pool_delete(pool, info->extack);
	if (err == -ENOENT)
		NL_SET_ERR_MSG(info->extack, "somebody else deletes the pool");
	if (!err)
		kvmem_nl_list_changed();
	kvmem_pool_put(pool);
	return err;
}

static int kvmem_nl_put_pool(struct sk_buff *msg, struct kvmem_pool *pool)
{
	struct kvmem_pool_params p;
	unsigned int nr_members;

	kvmem_nl_pool_read(pool, &p, &nr_members);
	if (kvmem_nl_put_object(msg, pool->id, p.name) ||
	    kvmem_nl_put_u64(msg, KVMEM_A_QUOTA_BYTES, p.quota_bytes) ||
	    kvmem_nl_put_u64(msg, KVMEM_A_QUOTA_BLOCKS, p.quota_blocks) ||
	    nla_put_u8(msg, KVMEM_A_SHARE, p.share) ||
	    kvmem_nl_put_u64(msg, KVMEM_A_USED_BYTES, atomic64_read(&pool->used_bytes)) ||
	    kvmem_nl_put_u64(msg, KVMEM_A_USED_BLOCKS, atomic64_read(&pool->used_blocks)) ||
	    nla_put_u32(msg, KVMEM_A_NR_NAMESPACES, nr_members))
		return -EMSGSIZE;
	return 0;
}

int kvmem_nl_pool_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvmem_pool *pool;
	struct sk_buff *msg;
	void *hdr;
	int err;

	err = kvmem_nl_only(info->attrs, KVMEM_NL_OBJECT, info->extack);
	if (err)
		return err;
	pool = kvmem_nl_pool(info->attrs, info->extack);
	if (IS_ERR(pool))
		return PTR_ERR(pool);
	err = -ENOMEM;
	msg = kvmem_nl_reply_start(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (msg)
		err = kvmem_nl_reply_finish(msg, hdr, info, kvmem_nl_put_pool(msg, pool));
	kvmem_pool_put(pool);
	return err;
}

static int kvmem_nl_dump_pool(struct sk_buff *skb, struct netlink_callback *cb,
			      struct kvmem_pool *pool)
{
	void *hdr = kvmem_nl_dump_start(skb, cb);

	if (!hdr)
		return -EMSGSIZE;
	return kvmem_nl_dump_finish(skb, cb, hdr, kvmem_nl_put_pool(skb, pool));
}

/* cb->args[0] is the smallest id that has not been sent. */
int kvmem_nl_pool_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	u32 id = cb->args[0];
	struct kvmem_pool *pool;
	int err;

	err = kvmem_nl_only(kvmem_genl_dump_attrs(cb), 0, cb->extack);
	if (err)
		return err;
	cb->seq = kvmem_nl_generation();
	while ((pool = kvmem_pool_get_next(&id))) {
		err = kvmem_nl_dump_pool(skb, cb, pool);
		kvmem_pool_put(pool);
		if (err)
			break;
		if (!++id)
			break;
	}
	cb->args[0] = id;
	return kvmem_nl_dump_result(skb, err);
}
