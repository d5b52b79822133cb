// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: histograms.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "netlink.h"
#include "nl.h"
#include "ns.h"

/**
 * struct kvmem_nl_hist_pos - where a dump has got to; in cb->ctx
 * @id: smallest namespace that has not been sent in full
 * @class: first class of it that has not been sent
 * @single: only the namespace @id was asked for
 * @started: the fields above are valid
 */
struct kvmem_nl_hist_pos {
	u32 id;
	u32 class;
	bool single;
	bool started;
};

static_assert(sizeof(struct kvmem_nl_hist_pos) <= sizeof_field(struct netlink_callback, ctx));

static int kvmem_nl_put_ages(struct sk_buff *msg, int attr, const u64 *ages)
{
	return nla_put_64bit(msg, attr, KVMEM_NR_AGES * sizeof(*ages), ages,
			     KVMEM_A_HIST_PAD);
}

static int kvmem_nl_put_class(struct sk_buff *msg, const struct kvmem_hist *h, u32 class)
{
	if (nla_put_u32(msg, KVMEM_A_HIST_CLASS, class) ||
	    kvmem_nl_put_ages(msg, KVMEM_A_HIST_HITS, h->hits[class]) ||
	    kvmem_nl_put_ages(msg, KVMEM_A_HIST_EVICTIONS, h->evictions[class]) ||
	    kvmem_nl_put_ages(msg, KVMEM_A_HIST_GHOST_HITS, h->ghost_hits[class]) ||
	    nla_put_u64_64bit(msg, KVMEM_A_HIST_HIT_COST, h->hit_cost[class],
			      KVMEM_A_HIST_PAD) ||
	    nla_put_u64_64bit(msg, KVMEM_A_HIST_HIT_BYTES, h->hit_bytes[class],
			      KVMEM_A_HIST_PAD) ||
	    nla_put_u64_64bit(msg, KVMEM_A_HIST_BLOCKS, h->blocks[class], KVMEM_A_HIST_PAD) ||
	    nla_put_u64_64bit(msg, KVMEM_A_HIST_BYTES, h->bytes[class], KVMEM_A_HIST_PAD))
		return -EMSGSIZE;
	return 0;
}

static int kvmem_nl_put_hist(struct sk_buff *msg, const struct kvmem_ns *ns,
			     const struct kvmem_hist *hist, u32 class)
{
	struct nlattr *nest;

	if (kvmem_nl_put_object(msg, ns->id, ns->p.name))
		return -EMSGSIZE;
	nest = nla_nest_start(msg, KVMEM_A_HIST);
	if (!nest)
		return -EMSGSIZE;
	if (kvmem_nl_put_class(msg, hist, class)) {
		nla_nest_cancel(msg, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(msg, nest);
	return 0;
}

/* --- one class --- */

static int kvmem_nl_hist_reply(struct genl_info *info, struct kvmem_ns *ns, u32 class)
{
	struct kvmem_hist *hist;
	struct sk_buff *msg;
	int err = -ENOMEM;
	void *hdr;

	hist = kvmalloc(sizeof(*hist), GFP_KERNEL);
	if (!hist) {
		NL_SET_ERR_MSG(info->extack, "no memory for the histogram");
		return -ENOMEM;
	}
	kvmem_ns_copy_hist(ns, hist);
	msg = kvmem_nl_reply_start(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (msg) {
		err = kvmem_nl_put_hist(msg, ns, hist, class);
		err = kvmem_nl_reply_finish(msg, hdr, info, err);
	}
	kvfree(hist);
	return err;
}

int kvmem_nl_hist_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvmem_ns *ns;
	int err;

	err = kvmem_nl_only(info->attrs, KVMEM_NL_OBJECT | KVMEM_NL_BIT(CLASS), info->extack);
	if (err)
		return err;
	if (!info->attrs[KVMEM_A_CLASS]) {
		NL_SET_ERR_MSG(info->extack, "a class is needed; dump to get them all");
		NL_SET_ERR_ATTR_MISS(info->extack, NULL, KVMEM_A_CLASS);
		return -EINVAL;
	}
	ns = kvmem_nl_ns(info->attrs, info->extack);
	if (IS_ERR(ns))
		return PTR_ERR(ns);
	err = kvmem_nl_hist_reply(info, ns, nla_get_u32(info->attrs[KVMEM_A_CLASS]));
	kvmem_ns_put(ns);
	return err;
}

/* --- all classes that have counted something --- */

static bool kvmem_nl_class_used(const struct kvmem_hist *h, u32 class)
{
	return h->blocks[class] || h->hit_bytes[class] || h->hit_cost[class] ||
	       memchr_inv(h->hits[class], 0, sizeof(h->hits[class])) ||
	       memchr_inv(h->evictions[class], 0, sizeof(h->evictions[class])) ||
	       memchr_inv(h->ghost_hits[class], 0, sizeof(h->ghost_hits[class]));
}

static int kvmem_nl_dump_class(struct sk_buff *skb, struct netlink_callback *cb,
			       const struct kvmem_ns *ns, const struct kvmem_hist *hist,
			       u32 class)
{
	void *hdr = kvmem_nl_dump_start(skb, cb);

	if (!hdr)
		return -EMSGSIZE;
	return kvmem_nl_dump_finish(skb, cb, hdr, kvmem_nl_put_hist(skb, ns, hist, class));
}

static int kvmem_nl_dump_hist(struct sk_buff *skb, struct netlink_callback *cb,
			      const struct kvmem_ns *ns, const struct kvmem_hist *hist,
			      struct kvmem_nl_hist_pos *pos)
{
	int err;

	for (; pos->class < KVMEM_NR_CLASSES; pos->class++) {
		if (!kvmem_nl_class_used(hist, pos->class))
			continue;
		err = kvmem_nl_dump_class(skb, cb, ns, hist, pos->class);
		if (err)
			return err;
	}
	return 0;
}

static int kvmem_nl_hist_begin(struct netlink_callback *cb, struct kvmem_nl_hist_pos *pos)
{
	struct nlattr **attrs = kvmem_genl_dump_attrs(cb);
	struct kvmem_ns *ns;
	int err;

	if (pos->started)
		return 0;
	err = kvmem_nl_only(attrs, KVMEM_NL_OBJECT, cb->extack);
	if (err)
		return err;
	pos->started = true;
	if (!attrs[KVMEM_A_ID] && !attrs[KVMEM_A_NAME])
		return 0;
	ns = kvmem_nl_ns(attrs, cb->extack);
	if (IS_ERR(ns))
		return PTR_ERR(ns);
	pos->id = ns->id;
	pos->single = true;
	kvmem_ns_put(ns);
	return 0;
}

/* The namespace to go on with; a class is resumed only in the one it was in. */
static struct kvmem_ns *kvmem_nl_hist_ns(struct kvmem_nl_hist_pos *pos)
{
	struct kvmem_ns *ns;
	u32 id = pos->id;

	if (pos->single)
		return pos->class < KVMEM_NR_CLASSES ? kvmem_ns_get_by_id(id) : NULL;
	ns = kvmem_ns_get_next(&id);
	if (ns && id != pos->id) {
		pos->id = id;
		pos->class = 0;
	}
	return ns;
}

static int kvmem_nl_dump_hists(struct sk_buff *skb, struct netlink_callback *cb,
			       struct kvmem_hist *hist, struct kvmem_nl_hist_pos *pos)
{
	struct kvmem_ns *ns;
	int err = 0;

	while (!err && (ns = kvmem_nl_hist_ns(pos))) {
		kvmem_ns_copy_hist(ns, hist);
		err = kvmem_nl_dump_hist(skb, cb, ns, hist, pos);
		kvmem_ns_put(ns);
		if (err || pos->single)
			continue;
		pos->id++;
		pos->class = 0;
	}
	return err;
}

int kvmem_nl_hist_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct kvmem_nl_hist_pos *pos = (void *)cb->ctx;
	struct kvmem_hist *hist;
	int err;

	err = kvmem_nl_hist_begin(cb, pos);
	if (err)
		return err;
	hist = kvmalloc(sizeof(*hist), GFP_KERNEL);
	if (!hist)
		return -ENOMEM;
	cb->seq = kvmem_nl_generation();
	err = kvmem_nl_dump_hists(skb, cb, hist, pos);
	kvfree(hist);
	return kvmem_nl_dump_result(skb, err);
}
