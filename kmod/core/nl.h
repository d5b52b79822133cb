/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the netlink handlers share; private to netlink.c and nl_*.c.
 *
 * A handler checks which attributes came, finds its object, calls the core
 * and answers.  Commands may run at the same time as each other.
 */
#ifndef KVMEM_NL_H
#define KVMEM_NL_H

#include <linux/bits.h>
#include <net/genetlink.h>
#include <linux/kvmem_netlink.h>
#include "netlink_gen.h"

struct kvmem_media;
struct kvmem_ns;
struct kvmem_peer;
struct kvmem_pool;

extern struct genl_family kvmem_nl_family;

#define KVMEM_NL_BIT(attr)	BIT_ULL(KVMEM_A_##attr)
/* What names the object of a command */
#define KVMEM_NL_OBJECT		(KVMEM_NL_BIT(ID) | KVMEM_NL_BIT(NAME))

/* Refuse attributes outside of @allowed: the policy is that of all commands. */
int kvmem_nl_only(struct nlattr **attrs, u64 allowed, struct netlink_ext_ack *extack);
/* The name of something new, checked, copied to KVMEM_NAME_LEN bytes. */
int kvmem_nl_new_name(struct nlattr **attrs, char *name, struct netlink_ext_ack *extack);
/* The object named by id or name, referenced, or an ERR_PTR. */
struct kvmem_ns *kvmem_nl_ns(struct nlattr **attrs, struct netlink_ext_ack *extack);
struct kvmem_pool *kvmem_nl_pool(struct nlattr **attrs, struct netlink_ext_ack *extack);
struct kvmem_media *kvmem_nl_media(struct nlattr **attrs, struct netlink_ext_ack *extack);

/*
 * An answer: start, put attributes, finish.  Start is NULL for want of memory,
 * finish takes the result of the puts and always disposes of @msg.
 */
struct sk_buff *kvmem_nl_reply_start(struct genl_info *info, size_t payload, void **hdr);
int kvmem_nl_reply_finish(struct sk_buff *msg, void *hdr, struct genl_info *info, int err);
int kvmem_nl_reply_object(struct genl_info *info, u32 id, const char *name);

/* The same for one message of a dump; start is NULL when @skb is full. */
void *kvmem_nl_dump_start(struct sk_buff *skb, struct netlink_callback *cb);
int kvmem_nl_dump_finish(struct sk_buff *skb, struct netlink_callback *cb, void *hdr, int err);
/* What a dumpit returns: with a full @skb it is called again. */
int kvmem_nl_dump_result(const struct sk_buff *skb, int err);

/* Counts the changes of the lists of namespaces, pools and media; never 0. */
unsigned int kvmem_nl_generation(void);
void kvmem_nl_list_changed(void);

int kvmem_nl_put_object(struct sk_buff *msg, u32 id, const char *name);
int kvmem_nl_put_u64(struct sk_buff *msg, int attr, u64 value);
int kvmem_nl_put_arena(struct sk_buff *msg);
int kvmem_nl_put_quiesce(struct sk_buff *msg, bool on);
enum kvmem_watermark kvmem_nl_watermark(void);

/* Number, name and state; the epochs and what moves */
int kvmem_nl_put_peer_state(struct sk_buff *msg, struct kvmem_peer *peer);
int kvmem_nl_put_map(struct sk_buff *msg);

/* @cmd: KVMEM_CMD_NS_CREATED_NTF, ..._DELETED_NTF or ..._CHANGED_NTF */
void kvmem_event_ns(u8 cmd, const struct kvmem_ns *ns);

/* The family is there; between init and exit. */
bool kvmem_nl_is_up(void);

#endif
