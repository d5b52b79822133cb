// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: media.
 */
#include <linux/build_bug.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "flash/info.h"
#include "netlink.h"
#include "nl.h"
#include "ns.h"

/* These attributes are in the order of what they tell. */
static_assert(KVMEM_A_MEDIA_SEGMENTS_FREE + KVMEM_SEG_BAD == KVMEM_A_MEDIA_SEGMENTS_BAD);
static_assert(KVMEM_A_MEDIA_SEGMENTS_FREE + KVMEM_SEG_OPEN == KVMEM_A_MEDIA_SEGMENTS_OPEN);
static_assert(KVMEM_A_MEDIA_PUT_BYTES + KVMEM_WRITE_TABLE == KVMEM_A_MEDIA_TABLE_BYTES);
static_assert(KVMEM_A_MEDIA_PUT_BLOCKS + KVMEM_WRITE_TABLE == KVMEM_A_MEDIA_TABLE_PAGES);
static_assert(KVMEM_A_MEDIA_REFUSED_VALUE + KVMEM_REFUSE_FAILED == KVMEM_A_MEDIA_REFUSED_FAILED);

/* --- commands --- */

/* The name that was given, or NULL */
static int kvmem_nl_media_name(struct nlattr **attrs, const char **name,
			       struct netlink_ext_ack *extack)
{
	struct nlattr *attr = attrs[KVMEM_A_NAME];

	*name = NULL;
	if (!attr)
		return 0;
	if (!kvmem_media_name_ok(nla_data(attr))) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "a name has 1 to 63 visible ASCII characters and no slash");
		return -EINVAL;
	}
	*name = nla_data(attr);
	return 0;
}

static int kvmem_nl_media_check(struct genl_info *info, const char **name)
{
	int err;

	err = kvmem_nl_only(info->attrs, KVMEM_NL_BIT(NAME) | KVMEM_NL_BIT(PATH) |
			    KVMEM_NL_BIT(UUID), info->extack) ?:
	      kvmem_nl_media_name(info->attrs, name, info->extack);
	if (err)
		return err;
	if (!info->attrs[KVMEM_A_PATH] || !*(char *)nla_data(info->attrs[KVMEM_A_PATH])) {
		NL_SET_ERR_MSG(info->extack, "a path is needed");
		NL_SET_ERR_ATTR_MISS(info->extack, NULL, KVMEM_A_PATH);
		return -EINVAL;
	}
	return 0;
}

int kvmem_nl_media_attach_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *uuid = info->attrs[KVMEM_A_UUID];
	const struct kvmem_media_ops *ops;
	struct kvmem_media *media;
	const char *name, *path;
	int err;

	err = kvmem_nl_media_check(info, &name);
	if (err)
		return err;
	path = nla_data(info->attrs[KVMEM_A_PATH]);
	ops = kvmem_media_backend_get(path);
	if (!ops) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[KVMEM_A_PATH],
				    "no such backend: is its module loaded?");
		return -ENODEV;
	}
	media = kvmem_media_attach(name, ops, path, uuid ? nla_data(uuid) : NULL, info->extack);
	/* An open device has a reference of its own. */
	kvmem_media_backend_put(ops);
	if (IS_ERR(media))
		return PTR_ERR(media);
	err = kvmem_nl_reply_object(info, media->id, media->name);
	kvmem_media_put(media);
	return err;
}

int kvmem_nl_media_detach_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvmem_media *media;
	int err;

	err = kvmem_nl_only(info->attrs, KVMEM_NL_OBJECT, info->extack);
	if (err)
		return err;
	media = kvmem_nl_media(info->attrs, info->extack);
	if (IS_ERR(media))
		return PTR_ERR(media);
	err = kvmem_media_detach(media, info->extack);
	kvmem_media_put(media);
	return err;
}

static int kvmem_nl_media_set(struct genl_info *info, struct kvmem_media *media)
{
	struct nlattr *budget = info->attrs[KVMEM_A_WRITE_BUDGET];
	int err;

	if (!budget) {
		NL_SET_ERR_MSG(info->extack, "nothing to change is given");
		return -EINVAL;
	}
	err = kvmem_media_set_budget(media, nla_get_u64(budget));
	if (err)
		NL_SET_ERR_MSG_ATTR(info->extack, budget,
				    "a write budget is 0, or 2^20 to 2^50 bytes a day");
	return err;
}

int kvmem_nl_media_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvmem_media *media;
	int err;

	err = kvmem_nl_only(info->attrs, KVMEM_NL_OBJECT | KVMEM_NL_BIT(WRITE_BUDGET),
			    info->extack);
	if (err)
		return err;
	media = kvmem_nl_media(info->attrs, info->extack);
	if (IS_ERR(media))
		return PTR_ERR(media);
	err = kvmem_nl_media_set(info, media);
	kvmem_media_put(media);
	return err;
}

/* --- answers --- */

/* An attribute of the nest and its value */
struct kvmem_nl_value {
	int attr;
	u64 value;
};

static int kvmem_nl_put_u32s(struct sk_buff *msg, const struct kvmem_nl_value *v, size_t nr)
{
	for (; nr; nr--, v++)
		if (nla_put_u32(msg, v->attr, v->value))
			return -EMSGSIZE;
	return 0;
}

static int kvmem_nl_put_u64s(struct sk_buff *msg, const struct kvmem_nl_value *v, size_t nr)
{
	for (; nr; nr--, v++)
		if (nla_put_u64_64bit(msg, v->attr, v->value, KVMEM_A_MEDIA_PAD))
			return -EMSGSIZE;
	return 0;
}

static int kvmem_nl_put_layout(struct sk_buff *msg, const struct kvmem_media *media,
			       const struct kvmem_media_census *census)
{
	const struct kvmem_nl_value sizes[] = {
		{ KVMEM_A_MEDIA_BYTES, media->super.media_bytes },
		{ KVMEM_A_MEDIA_BLOCKS, census->blocks },
		{ KVMEM_A_MEDIA_LIVE_BYTES, census->bytes },
	};
	unsigned int i;

	if (nla_put_string(msg, KVMEM_A_MEDIA_LABEL, media->super.label) ||
	    nla_put_string(msg, KVMEM_A_MEDIA_BACKEND, media->dev.ops->name) ||
	    nla_put_u32(msg, KVMEM_A_MEDIA_SEGMENT_BYTES, media->super.segment_bytes) ||
	    nla_put_u32(msg, KVMEM_A_MEDIA_SEGMENTS, media->super.nr_segments))
		return -EMSGSIZE;
	for (i = 0; i < KVMEM_SEG_NR_STATES; i++)
		if (nla_put_u32(msg, KVMEM_A_MEDIA_SEGMENTS_FREE + i, census->segments[i]))
			return -EMSGSIZE;
	return kvmem_nl_put_u64s(msg, sizes, ARRAY_SIZE(sizes));
}

static int kvmem_nl_put_written(struct sk_buff *msg, const struct kvmem_media_info *info)
{
	const struct kvmem_media_counts *c = &info->counts;
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < KVMEM_WRITE_NR; i++)
		err = nla_put_u64_64bit(msg, KVMEM_A_MEDIA_PUT_BYTES + i, c->bytes[i],
					KVMEM_A_MEDIA_PAD) ?:
		      nla_put_u64_64bit(msg, KVMEM_A_MEDIA_PUT_BLOCKS + i, c->blocks[i],
					KVMEM_A_MEDIA_PAD);
	for (i = 0; !err && i < ARRAY_SIZE(c->refused); i++)
		err = nla_put_u64_64bit(msg, KVMEM_A_MEDIA_REFUSED_VALUE + i, c->refused[i],
					KVMEM_A_MEDIA_PAD);
	return err ?: nla_put_u32(msg, KVMEM_A_MEDIA_WRITE_AMPLIFICATION,
				  info->write_amplification);
}

static int kvmem_nl_put_counts(struct sk_buff *msg, const struct kvmem_media_info *info)
{
	const struct kvmem_media_counts *c = &info->counts;
	const struct kvmem_nl_value values[] = {
		{ KVMEM_A_MEDIA_DATA_BYTES, c->data_bytes },
		{ KVMEM_A_MEDIA_RECLAIMED, c->reclaimed },
		{ KVMEM_A_MEDIA_EVICTED, c->evicted_blocks },
		{ KVMEM_A_MEDIA_FAILED_GETS, c->read_errors },
		{ KVMEM_A_MEDIA_READ_ERRORS, info->errors[KVMEM_IO_READ] },
		{ KVMEM_A_MEDIA_WRITE_ERRORS,
		  info->errors[KVMEM_IO_WRITE] + info->errors[KVMEM_IO_FLUSH] },
		{ KVMEM_A_MEDIA_DISCARD_ERRORS, info->errors[KVMEM_IO_DISCARD] },
		{ KVMEM_A_MEDIA_CORRUPT, c->corrupt },
		{ KVMEM_A_MEDIA_TABLES_DAMAGED, c->tables_damaged },
		{ KVMEM_A_MEDIA_DISCARD_SEGMENTS, c->discard_segments },
		{ KVMEM_A_MEDIA_DISCARD_COMMANDS, c->discard_commands },
		{ KVMEM_A_MEDIA_DISCARD_RANGES, info->discard_ranges },
		{ KVMEM_A_MEDIA_DISCARD_BYTES, info->discard_bytes },
	};

	return kvmem_nl_put_u64s(msg, values, ARRAY_SIZE(values));
}

/* What changes from moment to moment */
static int kvmem_nl_put_load(struct sk_buff *msg, const struct kvmem_media_info *info)
{
	const struct kvmem_nl_value numbers[] = {
		{ KVMEM_A_MEDIA_BUDGET_THRESHOLD, info->threshold },
		{ KVMEM_A_MEDIA_INFLIGHT, info->nr_inflight },
		{ KVMEM_A_MEDIA_SCANNED_SEGMENTS, info->scanned_segments },
	};
	const struct kvmem_nl_value values[] = {
		{ KVMEM_A_MEDIA_INFLIGHT_READ, info->inflight[0] },
		{ KVMEM_A_MEDIA_INFLIGHT_WRITE, info->inflight[1] },
		{ KVMEM_A_MEDIA_WAIT_READ_NS, info->wait_ns[0] },
		{ KVMEM_A_MEDIA_WAIT_WRITE_NS, info->wait_ns[1] },
		{ KVMEM_A_MEDIA_SCANNED_BLOCKS, info->scanned_blocks },
		{ KVMEM_A_MEDIA_SCAN_NS, info->scan_ns },
	};

	return nla_put_s64(msg, KVMEM_A_MEDIA_BUDGET_TOKENS, info->tokens, KVMEM_A_MEDIA_PAD) ?:
	       kvmem_nl_put_u32s(msg, numbers, ARRAY_SIZE(numbers)) ?:
	       kvmem_nl_put_u64s(msg, values, ARRAY_SIZE(values));
}

/* A device that does not tell is told of by no attribute. */
static int kvmem_nl_put_health(struct sk_buff *msg, const struct kvmem_media_info *info)
{
	const struct kvmem_health *h = &info->health;
	int err = 0;

	if (h->percent_used >= 0)
		err = nla_put_u32(msg, KVMEM_A_MEDIA_HEALTH_USED_PERCENT, h->percent_used);
	if (!err && h->spare_percent >= 0)
		err = nla_put_u32(msg, KVMEM_A_MEDIA_HEALTH_SPARE_PERCENT, h->spare_percent);
	if (!err && h->media_errors >= 0)
		err = nla_put_u64_64bit(msg, KVMEM_A_MEDIA_HEALTH_MEDIA_ERRORS,
					h->media_errors, KVMEM_A_MEDIA_PAD);
	if (!err && h->bytes_written >= 0)
		err = nla_put_u64_64bit(msg, KVMEM_A_MEDIA_HEALTH_WRITTEN_BYTES,
					h->bytes_written, KVMEM_A_MEDIA_PAD);
	if (!err && info->life_days >= 0)
		err = nla_put_u32(msg, KVMEM_A_MEDIA_LIFE_DAYS, info->life_days);
	return err;
}

static int kvmem_nl_put_nest(struct sk_buff *msg, const struct kvmem_media *media,
			     const struct kvmem_media_info *info)
{
	struct nlattr *nest = nla_nest_start(msg, KVMEM_A_MEDIA);

	if (!nest)
		return -EMSGSIZE;
	if (kvmem_nl_put_layout(msg, media, &info->census) ||
	    kvmem_nl_put_written(msg, info) || kvmem_nl_put_counts(msg, info) ||
	    kvmem_nl_put_load(msg, info) || kvmem_nl_put_health(msg, info)) {
		nla_nest_cancel(msg, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(msg, nest);
	return 0;
}

static int kvmem_nl_put_media(struct sk_buff *msg, const struct kvmem_media *media,
			      const struct kvmem_media_info *info)
{
	if (kvmem_nl_put_object(msg, media->id, media->name) ||
	    nla_put_string(msg, KVMEM_A_PATH, media->dev.path) ||
	    nla_put(msg, KVMEM_A_UUID, KVMEM_MEDIA_UUID_LEN, media->super.uuid) ||
	    nla_put_u8(msg, KVMEM_A_STATE, info->state) ||
	    kvmem_nl_put_u64(msg, KVMEM_A_WRITE_BUDGET, info->write_budget))
		return -EMSGSIZE;
	return kvmem_nl_put_nest(msg, media, info);
}

/*
 * What one media has to say, or an ERR_PTR.  The media is entered until
 * kvmem_nl_media_end(): its backend's name is the backend's.
 */
static struct kvmem_media_info *kvmem_nl_media_begin(struct kvmem_media *media,
						     struct netlink_ext_ack *extack)
{
	struct kvmem_media_info *info = kmalloc(sizeof(*info), GFP_KERNEL);

	if (!info) {
		NL_SET_ERR_MSG(extack, "no memory for the answer");
		return ERR_PTR(-ENOMEM);
	}
	if (kvmem_media_enter(media)) {
		kvmem_media_get_info(media, info);
		return info;
	}
	kfree(info);
	NL_SET_ERR_MSG(extack, "the media was detached");
	return ERR_PTR(-ENOENT);
}

static void kvmem_nl_media_end(struct kvmem_media *media, struct kvmem_media_info *info)
{
	kvmem_media_leave(media);
	kfree(info);
}

static int kvmem_nl_media_get(struct genl_info *info, struct kvmem_media *media)
{
	struct kvmem_media_info *state = kvmem_nl_media_begin(media, info->extack);
	struct sk_buff *msg;
	int err = -ENOMEM;
	void *hdr;

	if (IS_ERR(state))
		return PTR_ERR(state);
	msg = kvmem_nl_reply_start(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (msg) {
		err = kvmem_nl_put_media(msg, media, state);
		err = kvmem_nl_reply_finish(msg, hdr, info, err);
	}
	kvmem_nl_media_end(media, state);
	return err;
}

int kvmem_nl_media_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct kvmem_media *media;
	int err;

	err = kvmem_nl_only(info->attrs, KVMEM_NL_OBJECT, info->extack);
	if (err)
		return err;
	media = kvmem_nl_media(info->attrs, info->extack);
	if (IS_ERR(media))
		return PTR_ERR(media);
	err = kvmem_nl_media_get(info, media);
	kvmem_media_put(media);
	return err;
}

static int kvmem_nl_dump_media(struct sk_buff *skb, struct netlink_callback *cb,
			       struct kvmem_media *media)
{
	struct kvmem_media_info *info = kvmem_nl_media_begin(media, NULL);
	void *hdr;
	int err = -EMSGSIZE;

	/* Gone since it was found: not in the list any more. */
	if (IS_ERR(info))
		return PTR_ERR(info) == -ENOENT ? 0 : PTR_ERR(info);
	hdr = kvmem_nl_dump_start(skb, cb);
	if (hdr)
		err = kvmem_nl_dump_finish(skb, cb, hdr, kvmem_nl_put_media(skb, media, info));
	kvmem_nl_media_end(media, info);
	return err;
}

/* cb->args[0] is the smallest id that has not been sent. */
int kvmem_nl_media_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	u32 id = cb->args[0];
	struct kvmem_media *media;
	int err;

	err = kvmem_nl_only(kvmem_genl_dump_attrs(cb), 0, cb->extack);
	if (err)
		return err;
	cb->seq = kvmem_nl_generation();
	while ((media = kvmem_media_get_next(&id))) {
		err = kvmem_nl_dump_media(skb, cb, media);
		kvmem_media_put(media);
		if (err)
			break;
		id++;
	}
	cb->args[0] = id;
	return kvmem_nl_dump_result(skb, err);
}
