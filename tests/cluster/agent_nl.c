// SPDX-License-Identifier: GPL-2.0
/*
 * Configuring a node by netlink: see agent_nl.h.
 */
#include <errno.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>
#include <linux/kvmem.h>
#include <linux/kvmem_netlink.h>
#include <linux/kvmem_peer.h>
#include "agent_nl.h"
#include "kvmem_nl.h"

static uint64_t u64_of(struct nlattr *attr)
{
	return attr ? nla_get_u64(attr) : 0;
}

/* Ends the nest, sends. */
static int send_nest(struct nl_msg *msg, struct nlattr *nest)
{
	nla_nest_end(msg, nest);
	return kvt_nl_send(msg, NULL, NULL);
}

int agent_cluster_set(const struct agent_cluster *c)
{
	struct nl_msg *msg = kvt_nl_msg(KVMEM_CMD_CLUSTER_SET, 0);
	size_t len = strlen(c->secret), i;
	struct nlattr *nest;
	char secret[32];

	if (!msg || !len)
		return -EINVAL;
	for (i = 0; i < sizeof(secret); i++)
		secret[i] = c->secret[i % len];
	nest = nla_nest_start(msg, KVMEM_A_CLUSTER);
	nla_put_u32(msg, KVMEM_A_CLUSTER_NODE, c->node);
	nla_put_string(msg, KVMEM_A_CLUSTER_NAME, c->name);
	nla_put(msg, KVMEM_A_CLUSTER_SECRET, sizeof(secret), secret);
	nla_put_string(msg, KVMEM_A_CLUSTER_LISTEN, c->listen);
	nla_put_u32(msg, KVMEM_A_CLUSTER_KEEPALIVE_MS, c->keepalive_ms);
	nla_put_u32(msg, KVMEM_A_CLUSTER_TIMEOUT_MS, c->timeout_ms);
	nla_put_u32(msg, KVMEM_A_CLUSTER_HEDGE_US, c->hedge_us);
	nla_put_u64(msg, KVMEM_A_CLUSTER_MOVE_RATE, c->move_rate);
	return send_nest(msg, nest);
}

int agent_peer_new(unsigned int node, const char *addresses)
{
	struct nl_msg *msg = kvt_nl_msg(KVMEM_CMD_PEER_NEW, 0);
	struct nlattr *nest;
	char name[16];

	if (!msg)
		return -ENOMEM;
	snprintf(name, sizeof(name), "node%u", node);
	nest = nla_nest_start(msg, KVMEM_A_PEER);
	nla_put_u32(msg, KVMEM_A_PEER_NODE, node);
	nla_put_string(msg, KVMEM_A_PEER_NAME, name);
	nla_put_string(msg, KVMEM_A_PEER_ADDRESSES, addresses);
	return send_nest(msg, nest);
}

int agent_peer_del(unsigned int node)
{
	struct nl_msg *msg = kvt_nl_msg(KVMEM_CMD_PEER_DEL, 0);
	struct nlattr *nest;

	if (!msg)
		return -ENOMEM;
	nest = nla_nest_start(msg, KVMEM_A_PEER);
	nla_put_u32(msg, KVMEM_A_PEER_NODE, node);
	return send_nest(msg, nest);
}

struct text {
	char *p;
	size_t left;
};

static int add_peer(struct nl_msg *msg, void *arg)
{
	struct nlattr *tb[KVMEM_A_MAX + 1], *p[KVMEM_A_PEER_MAX + 1];
	struct text *t = arg;
	int n, i;

	if (genlmsg_parse(nlmsg_hdr(msg), 0, tb, KVMEM_A_MAX, NULL) < 0 || !tb[KVMEM_A_PEER] ||
	    nla_parse_nested(p, KVMEM_A_PEER_MAX, tb[KVMEM_A_PEER], NULL) < 0)
		return 0;
#define N(name)	((unsigned long long)u64_of(p[KVMEM_A_PEER_##name]))
	n = snprintf(t->p, t->left, "%u:%u:%s:%llu:%llu:%llu:%llu:%llu:%llu:%llu:%llu:%llu ",
		     p[KVMEM_A_PEER_NODE] ? nla_get_u32(p[KVMEM_A_PEER_NODE]) : 0,
		     p[KVMEM_A_PEER_STATE] ? nla_get_u8(p[KVMEM_A_PEER_STATE]) : 0,
		     p[KVMEM_A_PEER_REASON] ? nla_get_string(p[KVMEM_A_PEER_REASON]) : "",
		     N(GETS), N(HITS), N(PUTS), N(ERRORS), N(TIMEOUTS), N(HEDGES),
		     N(SERVED_GETS), N(SERVED_PUTS), N(WAIT_NS));
#undef N
	if (n > 0 && (size_t)n < t->left) {
		/* Reasons have blanks; the last is between two peers. */
		for (i = 0; i < n - 1; i++)
			if (t->p[i] == ' ')
				t->p[i] = '_';
		t->p += n;
		t->left -= n;
	}
	return 0;
}

int agent_peers(char *text, size_t len)
{
	struct text t = { text, len };

	*text = 0;
	return kvt_nl_send(kvt_nl_msg(KVMEM_CMD_PEER_GET, NLM_F_DUMP), add_peer, &t);
}

int agent_ns_new(const char *name, unsigned int placement, unsigned int copies, int share,
		 int keep)
{
	struct nl_msg *msg = kvt_nl_msg(KVMEM_CMD_NS_NEW, 0);

	if (!msg)
		return -ENOMEM;
	nla_put_string(msg, KVMEM_A_NAME, name);
	nla_put_u8(msg, KVMEM_A_PLACEMENT, placement);
	nla_put_u8(msg, KVMEM_A_COPIES, copies);
	nla_put_u8(msg, KVMEM_A_PEER_SHARE, share);
	nla_put_u8(msg, KVMEM_A_PEER_KEEP, keep);
	return kvt_nl_send(msg, NULL, NULL);
}

int agent_map_set(uint64_t epoch, const uint16_t *planes, unsigned int nr)
{
	static const int attrs[] = {
		KVMEM_A_MAP_OWNERS, KVMEM_A_MAP_OWNERS2, KVMEM_A_MAP_OWNERS3,
	};
	struct nl_msg *msg;
	struct nlattr *nest;
	unsigned int i;

	/* Three planes, 96 KiB, are more than the other helpers ever send. */
	if (!kvt_nl_socket() || kvt_nl_family() < 0)
		return -ENOENT;
	msg = nlmsg_alloc_size(nr * KVMEM_NR_SLOTS * 2 + 4096);
	if (!msg)
		return -ENOMEM;
	genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, kvt_nl_family(), 0, 0, KVMEM_CMD_MAP_SET,
		    KVMEM_GENL_VERSION);
	/* A nest says its length in 16 bits, and has room for one plane. */
	for (i = 0; i < nr; i++) {
		nest = nla_nest_start(msg, KVMEM_A_MAP);
		if (!i)
			nla_put_u64(msg, KVMEM_A_MAP_EPOCH, epoch);
		nla_put(msg, attrs[i], KVMEM_NR_SLOTS * 2, planes + i * KVMEM_NR_SLOTS);
		nla_nest_end(msg, nest);
	}
	return kvt_nl_send(msg, NULL, NULL);
}

int agent_map_settled(uint64_t epoch)
{
	struct nl_msg *msg = kvt_nl_msg(KVMEM_CMD_MAP_SET, 0);
	struct nlattr *nest;

	if (!msg)
		return -ENOMEM;
	nest = nla_nest_start(msg, KVMEM_A_MAP);
	nla_put_u64(msg, KVMEM_A_MAP_EPOCH, epoch);
	nla_put_flag(msg, KVMEM_A_MAP_SETTLED);
	return send_nest(msg, nest);
}

static int take_map(struct nl_msg *msg, void *arg)
{
	struct nlattr *tb[KVMEM_A_MAX + 1], *m[KVMEM_A_MAP_MAX + 1];
	struct text *t = arg;

	if (genlmsg_parse(nlmsg_hdr(msg), 0, tb, KVMEM_A_MAX, NULL) < 0 || !tb[KVMEM_A_MAP] ||
	    nla_parse_nested(m, KVMEM_A_MAP_MAX, tb[KVMEM_A_MAP], NULL) < 0)
		return 0;
	snprintf(t->p, t->left, "%llu %llu %llu %llu",
		 (unsigned long long)u64_of(m[KVMEM_A_MAP_EPOCH]),
		 (unsigned long long)u64_of(m[KVMEM_A_MAP_PREVIOUS_EPOCH]),
		 (unsigned long long)u64_of(m[KVMEM_A_MAP_MOVED_BLOCKS]),
		 (unsigned long long)u64_of(m[KVMEM_A_MAP_TO_MOVE]));
	return 0;
}

int agent_map(char *text, size_t len)
{
	struct nl_msg *msg = kvt_nl_msg(KVMEM_CMD_MAP_GET, 0);
	struct text t = { text, len };

	*text = 0;
	return kvt_nl_send(msg, take_map, &t);
}
