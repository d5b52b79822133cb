// SPDX-License-Identifier: GPL-2.0
/*
 * Events for the multicast group.
 */
#include <linux/atomic.h>
#include <linux/kvmem.h>
#include "flash/flash.h"
#include "netlink.h"
#include "nl.h"
#include "ns.h"

/* An event, or NULL when it would find no reader or there is no memory */
static struct sk_buff *kvmem_event_start(u8 cmd, void **hdr)
{
	struct sk_buff *msg;

	if (!kvmem_nl_is_up() ||
	    !genl_has_listeners(&kvmem_nl_family, &init_net, KVMEM_NLGRP_EVENTS))
		return NULL;
	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_ATOMIC);
	if (!msg)
		return NULL;
	*hdr = genlmsg_put(msg, 0, 0, &kvmem_nl_family, 0, cmd);
	if (*hdr)
		return msg;
	nlmsg_free(msg);
	return NULL;
}

static void kvmem_event_finish(struct sk_buff *msg, void *hdr, int err)
{
	if (WARN_ON_ONCE(err)) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	/* A reader that is too slow finds out by itself (ENOBUFS). */
	genlmsg_multicast(&kvmem_nl_family, msg, 0, KVMEM_NLGRP_EVENTS, GFP_ATOMIC);
}

void kvmem_event_ns(u8 cmd, const struct kvmem_ns *ns)
{
	struct sk_buff *msg;
	void *hdr;

	msg = kvmem_event_start(cmd, &hdr);
	if (msg)
		kvmem_event_finish(msg, hdr, kvmem_nl_put_object(msg, ns->id, ns->p.name));
}

void kvmem_event_media(u8 cmd, const struct kvmem_media *media)
{
	struct sk_buff *msg;
	void *hdr;
	int err;

	/* Also for media that went with no command: a dump shall notice. */
	if (cmd != KVMEM_CMD_MEDIA_CHANGED_NTF)
		kvmem_nl_list_changed();
	msg = kvmem_event_start(cmd, &hdr);
	if (!msg)
		return;
	err = kvmem_nl_put_object(msg, media->id, media->name) ?:
	      nla_put_u8(msg, KVMEM_A_STATE, READ_ONCE(media->state));
	kvmem_event_finish(msg, hdr, err);
}

void kvmem_event_peer(struct kvmem_peer *peer)
{
	struct sk_buff *msg;
	void *hdr;

	msg = kvmem_event_start(KVMEM_CMD_PEER_CHANGED_NTF, &hdr);
	if (msg)
		kvmem_event_finish(msg, hdr, kvmem_nl_put_peer_state(msg, peer));
}

void kvmem_event_map(void)
{
	struct sk_buff *msg;
	void *hdr;

	msg = kvmem_event_start(KVMEM_CMD_MAP_CHANGED_NTF, &hdr);
	if (msg)
		kvmem_event_finish(msg, hdr, kvmem_nl_put_map(msg));
}

void kvmem_event_corrupt(const struct kvmem_ns *ns, const struct kvmem_key *key)
{
	struct sk_buff *msg;
	void *hdr;
	int err;

	msg = kvmem_event_start(KVMEM_CMD_CORRUPT_NTF, &hdr);
	if (!msg)
		return;
	err = kvmem_nl_put_object(msg, ns->id, ns->p.name) ?:
	      nla_put(msg, KVMEM_A_KEY, KVMEM_KEY_LEN, key->b);
	kvmem_event_finish(msg, hdr, err);
}

void kvmem_event_quiesce(bool on)
{
	struct sk_buff *msg;
	void *hdr;

	msg = kvmem_event_start(KVMEM_CMD_QUIESCE_NTF, &hdr);
	if (msg)
		kvmem_event_finish(msg, hdr, kvmem_nl_put_quiesce(msg, on));
}

int kvmem_event_samples(const struct kvmem_ns *ns, const struct kvmem_sample *samples,
			size_t size, u64 lost)
{
	struct sk_buff *msg;
	void *hdr;

	if (!kvmem_nl_is_up() ||
	    !genl_has_listeners(&kvmem_nl_family, &init_net, KVMEM_NLGRP_SAMPLES))
		return 0;
	msg = genlmsg_new(nla_total_size(size) + NLMSG_GOODSIZE / 8, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put(msg, 0, 0, &kvmem_nl_family, 0, KVMEM_CMD_SAMPLES_NTF);
	if (!hdr || nla_put_u32(msg, KVMEM_A_ID, ns->id) ||
	    kvmem_nl_put_u64(msg, KVMEM_A_SAMPLES_LOST, lost) ||
	    nla_put_64bit(msg, KVMEM_A_SAMPLES, size, samples, KVMEM_A_PAD)) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	genlmsg_end(msg, hdr);
	/* A reader that is too slow finds out by itself (ENOBUFS). */
	genlmsg_multicast(&kvmem_nl_family, msg, 0, KVMEM_NLGRP_SAMPLES, GFP_KERNEL);
	return 0;
}

static atomic_t kvmem_watermark = ATOMIC_INIT(KVMEM_WATERMARK_ROOM);

enum kvmem_watermark kvmem_nl_watermark(void)
{
	return atomic_read(&kvmem_watermark);
}

void kvmem_event_watermark(enum kvmem_watermark level)
{
	struct sk_buff *msg;
	void *hdr;
	int err;

	/* Read first: this is called for every chunk that is not to be had. */
	if (atomic_read(&kvmem_watermark) == level ||
	    atomic_xchg(&kvmem_watermark, level) == level)
		return;
	msg = kvmem_event_start(KVMEM_CMD_WATERMARK_NTF, &hdr);
	if (!msg)
		return;
	err = nla_put_u32(msg, KVMEM_A_WATERMARK, level) ?: kvmem_nl_put_arena(msg);
	kvmem_event_finish(msg, hdr, err);
}
