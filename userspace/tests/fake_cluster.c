// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "fake_kernel.h"

/* One request on its way */
struct request {
	struct fake_kernel *f;
	const struct knl_msg *m;
	knl_fn fn;
	void *arg;
};

static struct nl_msg *begin(struct request *r, int attr, struct nlattr **nest)
{
	struct nl_msg *msg = knl_request_size(r->m->cmd, 64 << 10);

	*nest = nla_nest_start(msg, attr);
	return msg;
}

static int tell(struct request *r, struct nl_msg *msg, struct nlattr *nest)
{
	struct nlattr *tb[KVMEM_A_MAX + 1];
	struct knl_msg m;
	int rc = 0;

	nla_nest_end(msg, nest);
	if (!knl_parse(msg, tb, &m) && r->fn)
		rc = r->fn(&m, r->arg);
	nlmsg_free(msg);
	return rc;
}

static bool parse(struct request *r, int attr, struct nlattr **tb, int max)
{
	memset(tb, 0, ((size_t)max + 1) * sizeof(*tb));
	return r->m->tb[attr] && !nla_parse_nested(tb, max, r->m->tb[attr], NULL);
}

/* --- the cluster --- */

static int cluster_get(struct request *r)
{
	const struct fake_cluster *c = &r->f->cluster;
	struct nlattr *nest;
	struct nl_msg *msg = begin(r, KVMEM_A_CLUSTER, &nest);

	if (c->set) {
		knl_put_u32(msg, KVMEM_A_CLUSTER_NODE, c->node);
		knl_put_string(msg, KVMEM_A_CLUSTER_NAME, c->name);
		knl_put_string(msg, KVMEM_A_CLUSTER_LISTEN, c->listen);
	}
	knl_put_u32(msg, KVMEM_A_CLUSTER_KEEPALIVE_MS, c->keepalive_ms);
	knl_put_u32(msg, KVMEM_A_CLUSTER_TIMEOUT_MS, c->timeout_ms);
	knl_put_u32(msg, KVMEM_A_CLUSTER_HEDGE_US, c->hedge_us);
	knl_put_u64(msg, KVMEM_A_CLUSTER_MOVE_RATE, c->move_rate);
	return tell(r, msg, nest);
}

static int cluster_set(struct request *r)
{
	struct nlattr *tb[KVMEM_A_CLUSTER_MAX + 1];
	struct fake_cluster *c = &r->f->cluster;

	if (!parse(r, KVMEM_A_CLUSTER, tb, KVMEM_A_CLUSTER_MAX))
		return -EINVAL;
	if (tb[KVMEM_A_CLUSTER_NODE]) {
		if (c->set)
			return -EBUSY;
		if (!knl_get_binary(tb[KVMEM_A_CLUSTER_SECRET], c->secret, 32) ||
		    !knl_get_string(tb[KVMEM_A_CLUSTER_NAME], c->name, sizeof(c->name)) ||
		    !knl_get_string(tb[KVMEM_A_CLUSTER_LISTEN], c->listen, sizeof(c->listen)))
			return -EINVAL;
		knl_get_u32(tb[KVMEM_A_CLUSTER_NODE], &c->node);
		c->set = true;
	}
	knl_get_u32(tb[KVMEM_A_CLUSTER_KEEPALIVE_MS], &c->keepalive_ms);
	knl_get_u32(tb[KVMEM_A_CLUSTER_TIMEOUT_MS], &c->timeout_ms);
	knl_get_u32(tb[KVMEM_A_CLUSTER_HEDGE_US], &c->hedge_us);
	knl_get_u64(tb[KVMEM_A_CLUSTER_MOVE_RATE], &c->move_rate);
	return 0;
}

/* --- peers --- */

static int peer_get(struct request *r)
{
	const struct fake_cluster *c = &r->f->cluster;
	struct nlattr *nest;
	struct nl_msg *msg;
	unsigned int i;
	int rc = 0;

	for (i = 0; i < c->nr_peers && !rc; i++) {
		msg = begin(r, KVMEM_A_PEER, &nest);
		knl_put_u32(msg, KVMEM_A_PEER_NODE, c->peer[i].node);
		knl_put_string(msg, KVMEM_A_PEER_NAME, c->peer[i].name);
		knl_put_string(msg, KVMEM_A_PEER_ADDRESSES, c->peer[i].addresses);
		knl_put_u8(msg, KVMEM_A_PEER_STATE, KVMEM_PEER_STATE_UP);
		knl_put_u32(msg, KVMEM_A_PEER_RAILS, 2);
		knl_put_u64(msg, KVMEM_A_PEER_GETS, 5);
		rc = tell(r, msg, nest);
	}
	return rc;
}

static struct fake_peer *find_peer(struct fake_cluster *c, uint32_t node)
{
	unsigned int i;

	for (i = 0; i < c->nr_peers; i++)
		if (c->peer[i].node == node)
			return &c->peer[i];
	return NULL;
}

static int peer_change(struct request *r)
{
	struct nlattr *tb[KVMEM_A_PEER_MAX + 1];
	struct fake_cluster *c = &r->f->cluster;
	struct fake_peer *peer;
	uint32_t node;

	if (!parse(r, KVMEM_A_PEER, tb, KVMEM_A_PEER_MAX) ||
	    !knl_get_u32(tb[KVMEM_A_PEER_NODE], &node))
		return -EINVAL;
	peer = find_peer(c, node);
	if (r->m->cmd == KVMEM_CMD_PEER_DEL) {
		if (!peer)
			return -ENOENT;
		*peer = c->peer[--c->nr_peers];
		return 0;
	}
	if (!c->set || node == c->node || c->nr_peers == FAKE_PEERS)
		return -EINVAL;
	if (peer)
		return -EEXIST;
	peer = &c->peer[c->nr_peers];
	peer->node = node;
	if (!knl_get_string(tb[KVMEM_A_PEER_NAME], peer->name, sizeof(peer->name)) ||
	    !knl_get_string(tb[KVMEM_A_PEER_ADDRESSES], peer->addresses,
			    sizeof(peer->addresses)))
		return -EINVAL;
	c->nr_peers++;
	return 0;
}

/* --- the map --- */

static int map_get(struct request *r)
{
	struct nlattr *tb[KVMEM_A_MAP_MAX + 1], *nest;
	const struct fake_cluster *c = &r->f->cluster;
	uint32_t plane = 0;
	bool wanted = parse(r, KVMEM_A_MAP, tb, KVMEM_A_MAP_MAX) &&
		      knl_get_u32(tb[KVMEM_A_MAP_PLANE], &plane);
	struct nl_msg *msg;

	if (wanted && (plane > 2 || !c->epoch))
		return -ENOENT;
	msg = begin(r, KVMEM_A_MAP, &nest);
	knl_put_u64(msg, KVMEM_A_MAP_EPOCH, c->epoch);
	knl_put_u64(msg, KVMEM_A_MAP_PREVIOUS_EPOCH, c->previous);
	if (c->moving)
		nla_put_flag(msg, KVMEM_A_MAP_MOVING);
	if (wanted)
		nla_put(msg, KVMEM_A_MAP_OWNERS + (int)plane, sizeof(c->map[0]), c->map[plane]);
	return tell(r, msg, nest);
}

/* Each nest has a part. */
static bool map_nests(struct request *r, struct nlattr **tb)
{
	struct nlattr *part[KVMEM_A_MAP_MAX + 1], *nla;
	int rem, i;

	memset(tb, 0, (KVMEM_A_MAP_MAX + 1) * sizeof(*tb));
	nla_for_each_attr(nla, r->m->head, r->m->len, rem) {
		if (nla_type(nla) != KVMEM_A_MAP ||
		    nla_parse_nested(part, KVMEM_A_MAP_MAX, nla, NULL))
			return false;
		for (i = 1; i <= KVMEM_A_MAP_MAX; i++) {
			if (part[i] && tb[i])
				return false;
			tb[i] = part[i] ? part[i] : tb[i];
		}
	}
	return true;
}

static int map_set(struct request *r)
{
	struct nlattr *tb[KVMEM_A_MAP_MAX + 1];
	struct fake_cluster *c = &r->f->cluster;
	uint64_t epoch;
	int p;

	if (!map_nests(r, tb) || !knl_get_u64(tb[KVMEM_A_MAP_EPOCH], &epoch))
		return -EINVAL;
	if (tb[KVMEM_A_MAP_SETTLED]) {
		if (epoch != c->epoch)
			return -ESTALE;
		c->previous = 0;
		return 0;
	}
	if (epoch <= c->epoch)
		return -ESTALE;
	memcpy(c->before, c->map, sizeof(c->map));
	for (p = 0; p < 3; p++)
		if (!knl_get_binary(tb[KVMEM_A_MAP_OWNERS + p], c->map[p], sizeof(c->map[p])))
			return -EINVAL;
	c->previous = c->epoch;
	c->epoch = epoch;
	if (c->on_map)
		c->on_map(r->f);
	return 0;
}

int fake_cluster_call(struct fake_kernel *f, const struct knl_msg *m, knl_fn fn, void *arg,
		      bool dump)
{
	struct request r = { .f = f, .m = m, .fn = fn, .arg = arg };

	if (!f->cluster.there)
		return -EOPNOTSUPP;
	switch (m->cmd) {
	case KVMEM_CMD_CLUSTER_GET:
		return cluster_get(&r);
	case KVMEM_CMD_CLUSTER_SET:
		return cluster_set(&r);
	case KVMEM_CMD_PEER_GET:
		return dump ? peer_get(&r) : -EINVAL;
	case KVMEM_CMD_PEER_NEW:
	case KVMEM_CMD_PEER_DEL:
		return peer_change(&r);
	case KVMEM_CMD_MAP_GET:
		return map_get(&r);
	case KVMEM_CMD_MAP_SET:
		return map_set(&r);
	default:
		return -EOPNOTSUPP;
	}
}
