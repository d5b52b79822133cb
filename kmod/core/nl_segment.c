// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink: the segments and the directory of a media.
 */
#include <linux/build_bug.h>
#include <linux/cred.h>
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/uidgid.h>
#include <net/sock.h>
#include "flash/info.h"
#include "netlink.h"
#include "nl.h"
#include "ns.h"

/**
 * struct kvmem_nl_part_pos - where a dump of the parts of a media goes on
 * @id: of the media; 0 = the dump has not begun
 * @next: number of the first part that has not been sent
 */
struct kvmem_nl_part_pos {
	u32 id;
	u32 next;
};

static_assert(sizeof(struct kvmem_nl_part_pos) <=
	      sizeof_field(struct netlink_callback, ctx));

/*
 * The media of the dump, referenced and entered.  Later messages find it by the
 * id of the first: another one of the same name is another one.
 */
static struct kvmem_media *kvmem_nl_part_begin(struct netlink_callback *cb)
{
	struct kvmem_nl_part_pos *pos = (void *)cb->ctx;
	struct nlattr **attrs = kvmem_genl_dump_attrs(cb);
	struct kvmem_media *media;
	int err;

	err = kvmem_nl_only(attrs, KVMEM_NL_OBJECT, cb->extack);
	if (err)
		return ERR_PTR(err);
	media = pos->id ? kvmem_media_get_by_id(pos->id) : kvmem_nl_media(attrs, cb->extack);
	if (IS_ERR(media))
		return media;
	if (media && kvmem_media_enter(media)) {
		pos->id = media->id;
		return media;
	}
	if (media)
		kvmem_media_put(media);
	NL_SET_ERR_MSG(cb->extack, "the media was detached");
	return ERR_PTR(-ENOENT);
}

static void kvmem_nl_part_end(struct kvmem_media *media)
{
	kvmem_media_leave(media);
	kvmem_media_put(media);
}

/* Put one part into a nest of the message; -EMSGSIZE when it does not fit. */
typedef int (*kvmem_nl_part_fn)(struct sk_buff *skb, struct netlink_callback *cb,
				struct kvmem_media *media, u32 no);

static int kvmem_nl_dump_part(struct sk_buff *skb, struct netlink_callback *cb,
			      struct kvmem_media *media, u32 no, int attr,
			      kvmem_nl_part_fn fn)
{
	void *hdr = kvmem_nl_dump_start(skb, cb);
	struct nlattr *nest;
	int err;

	if (!hdr)
		return -EMSGSIZE;
	err = nla_put_u32(skb, KVMEM_A_ID, media->id);
	nest = err ? NULL : nla_nest_start(skb, attr);
	err = nest ? fn(skb, cb, media, no) : -EMSGSIZE;
	/* Nothing there: no message. */
	if (err == -ENODATA) {
		genlmsg_cancel(skb, hdr);
		return 0;
	}
	if (!err)
		nla_nest_end(skb, nest);
	return kvmem_nl_dump_finish(skb, cb, hdr, err);
}

static int kvmem_nl_dump_parts(struct sk_buff *skb, struct netlink_callback *cb, int attr,
			       u32 (*count)(const struct kvmem_media *media),
			       kvmem_nl_part_fn fn)
{
	struct kvmem_nl_part_pos *pos = (void *)cb->ctx;
	struct kvmem_media *media = kvmem_nl_part_begin(cb);
	int err = 0;
	u32 nr;

	if (IS_ERR(media))
		return PTR_ERR(media);
	cb->seq = kvmem_nl_generation();
	for (nr = count(media); pos->next < nr; pos->next++) {
		err = kvmem_nl_dump_part(skb, cb, media, pos->next, attr, fn);
		if (err)
			break;
		cond_resched();
	}
	kvmem_nl_part_end(media);
	return kvmem_nl_dump_result(skb, err);
}

/* --- segments --- */

static u32 kvmem_nl_segment_count(const struct kvmem_media *media)
{
	return media->super.nr_segments;
}

static int kvmem_nl_put_owner(struct sk_buff *skb, const struct kvmem_segment_info *seg)
{
	if (seg->ns_id && nla_put_u32(skb, KVMEM_A_SEG_NS_ID, seg->ns_id))
		return -EMSGSIZE;
	if (!seg->has_slot)
		return 0;
	return nla_put_u32(skb, KVMEM_A_SEG_DIR_SLOT, seg->slot) ?:
	       nla_put_u32(skb, KVMEM_A_SEG_DIR_GENERATION, seg->slot_generation);
}

static int kvmem_nl_put_segment(struct sk_buff *skb, struct netlink_callback *cb,
				struct kvmem_media *media, u32 no)
{
	struct kvmem_segment_info seg;

	kvmem_media_get_segment(media, no, &seg);
	if (nla_put_u32(skb, KVMEM_A_SEG_NUMBER, seg.no) ||
	    nla_put_u8(skb, KVMEM_A_SEG_STATE, seg.state) ||
	    nla_put_u64_64bit(skb, KVMEM_A_SEG_GENERATION, seg.generation, KVMEM_A_SEG_PAD) ||
	    nla_put_u32(skb, KVMEM_A_SEG_FILL, seg.fill) ||
	    nla_put_u64_64bit(skb, KVMEM_A_SEG_LIVE_BYTES, seg.live_bytes, KVMEM_A_SEG_PAD) ||
	    nla_put_u32(skb, KVMEM_A_SEG_LIVE_BLOCKS, seg.live_blocks) ||
	    nla_put_u32(skb, KVMEM_A_SEG_PAGES, seg.pages) ||
	    nla_put_u32(skb, KVMEM_A_SEG_GONE, seg.nr_gone) ||
	    nla_put_u8(skb, KVMEM_A_SEG_TEMPERATURE, seg.temperature))
		return -EMSGSIZE;
	return kvmem_nl_put_owner(skb, &seg);
}

int kvmem_nl_segment_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return kvmem_nl_dump_parts(skb, cb, KVMEM_A_SEGMENT, kvmem_nl_segment_count,
				   kvmem_nl_put_segment);
}

/* --- directory --- */

static u32 kvmem_nl_slot_count(const struct kvmem_media *media)
{
	return min(media->super.dir_pages * KVMEM_MEDIA_DIR_SLOTS, KVMEM_MEDIA_MAX_SLOTS);
}

/* Whatever is on the media, a terminal and a log may see it. */
static void kvmem_nl_slot_name(const struct kvmem_media_slot *slot, char *name)
{
	unsigned int i;

	static_assert(sizeof_field(struct kvmem_media_slot, name) == KVMEM_NAME_LEN);
	for (i = 0; i < KVMEM_NAME_LEN - 1 && slot->name[i]; i++)
		name[i] = isascii(slot->name[i]) && isgraph(slot->name[i]) ? slot->name[i] : '?';
	name[i] = 0;
}

/* The same name, owner and fingerprint make the same namespace. */
static bool kvmem_nl_slot_is(const struct kvmem_media_slot *slot, struct kvmem_ns *ns)
{
	bool same;

	spin_lock(&ns->lock);
	same = !strncmp((const char *)slot->name, ns->p.name, KVMEM_NAME_LEN) &&
	       le32_to_cpu(slot->uid) == from_kuid(&init_user_ns, ns->p.uid) &&
	       le32_to_cpu(slot->gid) == from_kgid(&init_user_ns, ns->p.gid) &&
	       !memcmp(slot->fingerprint, ns->p.fingerprint, KVMEM_FINGERPRINT_LEN);
	spin_unlock(&ns->lock);
	return same;
}

/* Id of the namespace of a slot, 0 when it is not there */
static u32 kvmem_nl_slot_ns(const struct kvmem_media_slot *slot, const char *name)
{
	struct kvmem_ns *ns = kvmem_ns_get_by_name(name);
	u32 id;

	if (!ns)
		return 0;
	id = kvmem_nl_slot_is(slot, ns) ? ns->id : 0;
	kvmem_ns_put(ns);
	return id;
}

static int kvmem_nl_put_slot_owner(struct sk_buff *skb, struct netlink_callback *cb,
				   const struct kvmem_media_slot *slot)
{
	struct user_namespace *user_ns = sk_user_ns(NETLINK_CB(cb->skb).sk);
	kuid_t uid = make_kuid(&init_user_ns, le32_to_cpu(slot->uid));
	kgid_t gid = make_kgid(&init_user_ns, le32_to_cpu(slot->gid));

	return nla_put_u32(skb, KVMEM_A_SLOT_UID, from_kuid_munged(user_ns, uid)) ?:
	       nla_put_u32(skb, KVMEM_A_SLOT_GID, from_kgid_munged(user_ns, gid)) ?:
	       nla_put_u16(skb, KVMEM_A_SLOT_MODE, le16_to_cpu(slot->mode));
}

static int kvmem_nl_put_slot(struct sk_buff *skb, struct netlink_callback *cb,
			     struct kvmem_media *media, u32 no)
{
	struct kvmem_media_slot slot;
	char name[KVMEM_NAME_LEN];
	u32 ns_id;

	if (!kvmem_dir_describe(media, no, &slot))
		return -ENODATA;
	kvmem_nl_slot_name(&slot, name);
	ns_id = kvmem_nl_slot_ns(&slot, name);
	if (nla_put_u32(skb, KVMEM_A_SLOT_NUMBER, no) ||
	    nla_put_u32(skb, KVMEM_A_SLOT_GENERATION, le32_to_cpu(slot.generation)) ||
	    nla_put_string(skb, KVMEM_A_SLOT_NAME, name) ||
	    kvmem_nl_put_slot_owner(skb, cb, &slot) ||
	    nla_put(skb, KVMEM_A_SLOT_FINGERPRINT, sizeof(slot.fingerprint), slot.fingerprint) ||
	    nla_put_u64_64bit(skb, KVMEM_A_SLOT_CREATED, le64_to_cpu(slot.created),
			      KVMEM_A_SLOT_PAD) ||
	    (ns_id && nla_put_u32(skb, KVMEM_A_SLOT_NS_ID, ns_id)))
		return -EMSGSIZE;
	return 0;
}

int kvmem_nl_media_ns_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return kvmem_nl_dump_parts(skb, cb, KVMEM_A_SLOT, kvmem_nl_slot_count,
				   kvmem_nl_put_slot);
}
