// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: value tables, and what belongs to a policy besides.
 */
#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "netlink.h"
#include "nl.h"
#include "ns.h"

#define KVMEM_NL_ROW_SIZE	sizeof_field(struct kvmem_value_table, value[0])

/* Makes table-set one step: two that set different classes both take effect. */
static DEFINE_MUTEX(kvmem_nl_table_lock);

/* --- requests --- */

static int kvmem_nl_get_row(struct nlattr *attr, struct kvmem_value_table *table, u64 *seen,
			    struct netlink_ext_ack *extack)
{
	struct nlattr *tb[KVMEM_A_VALUES_MAX + 1];
	unsigned int class;
	int err;

	err = nla_parse_nested(tb, KVMEM_A_VALUES_MAX, attr, kvmem_class_values_nl_policy,
			       extack);
	if (err)
		return err;
	if (!tb[KVMEM_A_VALUES_CLASS] || !tb[KVMEM_A_VALUES_VALUES]) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "a row of the table needs class and values");
		return -EINVAL;
	}
	class = nla_get_u32(tb[KVMEM_A_VALUES_CLASS]);
	if (*seen & BIT_ULL(class)) {
		NL_SET_ERR_MSG_ATTR(extack, tb[KVMEM_A_VALUES_CLASS],
				    "a class is given twice");
		return -EINVAL;
	}
	*seen |= BIT_ULL(class);
	memcpy(table->value[class], nla_data(tb[KVMEM_A_VALUES_VALUES]), KVMEM_NL_ROW_SIZE);
	return 0;
}

/* The namespace's table, or the default, with the rows that came put in */
static int kvmem_nl_get_table(struct genl_info *info, struct kvmem_ns *ns,
			      struct kvmem_value_table *table, u8 *order)
{
	struct nlattr *attr = info->attrs[KVMEM_A_ORDER];
	u64 seen = 0;
	int rem, err;

	*order = kvmem_ns_copy_table(ns, table);
	if (attr)
		*order = nla_get_u8(attr);
	if (info->attrs[KVMEM_A_LRU])
		kvmem_ns_set_lru(table);
	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) != KVMEM_A_VALUE_TABLE)
			continue;
		err = kvmem_nl_get_row(attr, table, &seen, info->extack);
		if (err)
			return err;
	}
	kvmem_table_prepare(table);
	return 0;
}

/* Before the table: it may fail, the table can not. */
static int kvmem_nl_set_sampling(struct genl_info *info, struct kvmem_ns *ns)
{
	struct nlattr *attr = info->attrs[KVMEM_A_SAMPLE_ONE_IN];
	int err;

	if (!attr)
		return 0;
	err = kvmem_samples_set(&ns->samples, nla_get_u32(attr));
	if (err == -EINVAL)
		NL_SET_ERR_MSG_ATTR(info->extack, attr, "sample-one-in is 0 or a power of two");
	else if (err)
		NL_SET_ERR_MSG(info->extack, "no memory for the samples");
	return err;
}

static int kvmem_nl_table_set(struct genl_info *info, struct kvmem_ns *ns)
{
	struct kvmem_value_table *table;
	u8 order;
	int err;

	table = kvmalloc(sizeof(*table), GFP_KERNEL);
	if (!table) {
		NL_SET_ERR_MSG(info->extack, "no memory for the table");
		return -ENOMEM;
	}
	mutex_lock(&kvmem_nl_table_lock);
	err = kvmem_nl_get_table(info, ns, table, &order) ?: kvmem_nl_set_sampling(info, ns);
	if (!err)
		kvmem_ns_set_policy(ns, &table, order);
	mutex_unlock(&kvmem_nl_table_lock);
	/* No event: a policy sets tables many times a second. */
	kvfree(table);
	return err;
}

int kvmem_nl_table_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvmem_ns *ns;
	int err;

	err = kvmem_nl_only(info->attrs, KVMEM_NL_OBJECT | KVMEM_NL_BIT(VALUE_TABLE) |
			    KVMEM_NL_BIT(LRU) | KVMEM_NL_BIT(ORDER) |
			    KVMEM_NL_BIT(SAMPLE_ONE_IN), info->extack);
	if (err)
		return err;
	if (!info->attrs[KVMEM_A_VALUE_TABLE] && !info->attrs[KVMEM_A_LRU] &&
	    !info->attrs[KVMEM_A_ORDER] && !info->attrs[KVMEM_A_SAMPLE_ONE_IN]) {
		NL_SET_ERR_MSG(info->extack,
			       "a value-table, lru, order or sample-one-in is needed");
		NL_SET_ERR_ATTR_MISS(info->extack, NULL, KVMEM_A_VALUE_TABLE);
		return -EINVAL;
	}
	ns = kvmem_nl_ns(info->attrs, info->extack);
	if (IS_ERR(ns))
		return PTR_ERR(ns);
	err = kvmem_nl_table_set(info, ns);
	kvmem_ns_put(ns);
	return err;
}

/* --- answers --- */

static size_t kvmem_nl_table_size(void)
{
	size_t row = nla_total_size(nla_total_size(sizeof(u32)) +
				    nla_total_size(KVMEM_NL_ROW_SIZE));

	return 2 * nla_total_size(sizeof(u32)) + nla_total_size(KVMEM_NAME_LEN) +
	       2 * nla_total_size(sizeof(u8)) +
	       KVMEM_NR_CLASSES * row;
}

static int kvmem_nl_put_row(struct sk_buff *msg, u32 class, const u16 *values)
{
	struct nlattr *nest = nla_nest_start(msg, KVMEM_A_VALUE_TABLE);

	if (!nest)
		return -EMSGSIZE;
	if (nla_put_u32(msg, KVMEM_A_VALUES_CLASS, class) ||
	    nla_put(msg, KVMEM_A_VALUES_VALUES, KVMEM_NL_ROW_SIZE, values)) {
		nla_nest_cancel(msg, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(msg, nest);
	return 0;
}

static int kvmem_nl_put_table(struct sk_buff *msg, const struct kvmem_ns *ns,
			      const struct kvmem_value_table *table, u8 order)
{
	unsigned int class;
	int err;

	err = kvmem_nl_put_object(msg, ns->id, ns->p.name) ?:
	      nla_put_u8(msg, KVMEM_A_ORDER, order) ?:
	      nla_put_u32(msg, KVMEM_A_SAMPLE_ONE_IN, kvmem_samples_one_in(&ns->samples)) ?:
	      nla_put_u8(msg, KVMEM_A_HINTED, READ_ONCE(ns->hinted));
	for (class = 0; !err && class < KVMEM_NR_CLASSES; class++)
		err = kvmem_nl_put_row(msg, class, table->value[class]);
	return err;
}

static int kvmem_nl_table_get(struct genl_info *info, struct kvmem_ns *ns)
{
	struct kvmem_value_table *table;
	struct sk_buff *msg;
	int err = -ENOMEM;
	void *hdr;
	u8 order;

	table = kvmalloc(sizeof(*table), GFP_KERNEL);
	if (!table) {
		NL_SET_ERR_MSG(info->extack, "no memory for the table");
		return -ENOMEM;
	}
	order = kvmem_ns_copy_table(ns, table);
	msg = kvmem_nl_reply_start(info, kvmem_nl_table_size(), &hdr);
	if (msg) {
		err = kvmem_nl_put_table(msg, ns, table, order);
		err = kvmem_nl_reply_finish(msg, hdr, info, err);
	}
	kvfree(table);
	return err;
}

int kvmem_nl_table_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvmem_ns *ns;
	int err;

	err = kvmem_nl_only(info->attrs, KVMEM_NL_OBJECT, info->extack);
	if (err)
		return err;
	ns = kvmem_nl_ns(info->attrs, info->extack);
	if (IS_ERR(ns))
		return PTR_ERR(ns);
	err = kvmem_nl_table_get(info, ns);
	kvmem_ns_put(ns);
	return err;
}
