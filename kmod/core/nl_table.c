// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: value tables.
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
			      struct kvmem_value_table *table)
{
	struct nlattr *attr;
	u64 seen = 0;
	int rem, err;

	if (info->attrs[KVMEM_A_LRU])
		kvmem_ns_set_lru(table);
	else
		kvmem_ns_copy_table(ns, table);
	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) != KVMEM_A_VALUE_TABLE)
			continue;
		err = kvmem_nl_get_row(attr, table, &seen, info->extack);
		if (err)
			return err;
	}
	return 0;
}

static int kvmem_nl_table_set(struct genl_info *info, struct kvmem_ns *ns)
{
	struct kvmem_value_table *table;
	int err;

	table = kvmalloc(sizeof(*table), GFP_KERNEL);
	if (!table) {
		NL_SET_ERR_MSG(info->extack, "no memory for the table");
		return -ENOMEM;
	}
	mutex_lock(&kvmem_nl_table_lock);
	err = kvmem_nl_get_table(info, ns, table);
	if (!err)
		kvmem_ns_swap_table(ns, &table);
	mutex_unlock(&kvmem_nl_table_lock);
	if (!err)
		kvmem_event_ns(KVMEM_CMD_NS_CHANGED_NTF, ns);
	kvfree(table);
	return err;
}

int kvmem_nl_table_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvmem_ns *ns;
	int err;

	err = kvmem_nl_only(info->attrs, KVMEM_NL_OBJECT | KVMEM_NL_BIT(VALUE_TABLE) |
			    KVMEM_NL_BIT(LRU), info->extack);
	if (err)
		return err;
	if (!info->attrs[KVMEM_A_VALUE_TABLE] && !info->attrs[KVMEM_A_LRU]) {
		NL_SET_ERR_MSG(info->extack, "a value-table or lru is needed");
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

	return nla_total_size(sizeof(u32)) + nla_total_size(KVMEM_NAME_LEN) +
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
			      const struct kvmem_value_table *table)
{
	unsigned int class;
	int err;

	err = kvmem_nl_put_object(msg, ns->id, ns->p.name);
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

	table = kvmalloc(sizeof(*table), GFP_KERNEL);
	if (!table) {
		NL_SET_ERR_MSG(info->extack, "no memory for the table");
		return -ENOMEM;
	}
	kvmem_ns_copy_table(ns, table);
	msg = kvmem_nl_reply_start(info, kvmem_nl_table_size(), &hdr);
	if (msg) {
		err = kvmem_nl_put_table(msg, ns, table);
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
