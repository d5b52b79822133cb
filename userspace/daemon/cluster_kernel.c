// SPDX-License-Identifier: GPL-2.0
/* What the kernel is told of the cluster. */
#include <errno.h>
#include <string.h>

#include "daemon/cluster.h"
#include "daemon/log.h"

/* A map of three planes, and some */
#define MAP_REQUEST	(3 * KVMEM_NR_SLOTS * sizeof(uint16_t) + 4096)

static int end_nest(struct nl_msg *msg, struct nlattr *nest, int err)
{
	if (!err && nest)
		nla_nest_end(msg, nest);
	return err || !nest;
}

static int submit(struct cluster *c, struct nl_msg *msg, int err)
{
	if (!err)
		return kernel_call(c->k, msg, NULL, NULL);
	nlmsg_free(msg);
	return -ENOMEM;
}

/* --- this node --- */

struct self {
	bool set;
	uint32_t node;
	char name[KVMEM_NAME_LEN], listen[CLUSTER_ADDRESSES];
	uint32_t keepalive_ms, timeout_ms, hedge_us;
	uint64_t move_rate;
};

static int on_cluster(const struct knl_msg *m, void *arg)
{
	struct nlattr *tb[KVMEM_A_CLUSTER_MAX + 1];
	struct self *self = arg;

	if (!m->tb[KVMEM_A_CLUSTER] ||
	    nla_parse_nested(tb, KVMEM_A_CLUSTER_MAX, m->tb[KVMEM_A_CLUSTER], NULL) < 0)
		return EBADMSG;
	self->set = knl_get_u32(tb[KVMEM_A_CLUSTER_NODE], &self->node);
	knl_get_string(tb[KVMEM_A_CLUSTER_NAME], self->name, sizeof(self->name));
	knl_get_string(tb[KVMEM_A_CLUSTER_LISTEN], self->listen, sizeof(self->listen));
	knl_get_u32(tb[KVMEM_A_CLUSTER_KEEPALIVE_MS], &self->keepalive_ms);
	knl_get_u32(tb[KVMEM_A_CLUSTER_TIMEOUT_MS], &self->timeout_ms);
	knl_get_u32(tb[KVMEM_A_CLUSTER_HEDGE_US], &self->hedge_us);
	knl_get_u64(tb[KVMEM_A_CLUSTER_MOVE_RATE], &self->move_rate);
	return 0;
}

static bool same_settings(const struct self *self, const struct config_cluster *want)
{
	return self->keepalive_ms == want->keepalive_ms && self->hedge_us == want->hedge_us &&
	       self->timeout_ms == want->timeout_ms && self->move_rate == want->move_rate;
}

static int put_self(struct nl_msg *msg, const struct config_cluster *want,
		    const uint8_t *secret)
{
	return knl_put_u32(msg, KVMEM_A_CLUSTER_NODE, (uint32_t)want->self.id) ||
	       knl_put_string(msg, KVMEM_A_CLUSTER_NAME, want->name) ||
	       nla_put(msg, KVMEM_A_CLUSTER_SECRET, CLUSTER_SECRET_LEN, secret) ||
	       knl_put_string(msg, KVMEM_A_CLUSTER_LISTEN, want->listen);
}

static int put_settings(struct nl_msg *msg, const struct config_cluster *want)
{
	return knl_put_u32(msg, KVMEM_A_CLUSTER_KEEPALIVE_MS, (uint32_t)want->keepalive_ms) ||
	       knl_put_u32(msg, KVMEM_A_CLUSTER_TIMEOUT_MS, (uint32_t)want->timeout_ms) ||
	       knl_put_u32(msg, KVMEM_A_CLUSTER_HEDGE_US, (uint32_t)want->hedge_us) ||
	       knl_put_u64(msg, KVMEM_A_CLUSTER_MOVE_RATE, want->move_rate);
}

/* @secret: NULL: the settings alone */
static int set_cluster(struct cluster *c, const uint8_t *secret)
{
	struct nl_msg *msg = knl_request(KVMEM_CMD_CLUSTER_SET);
	struct nlattr *nest = msg ? nla_nest_start(msg, KVMEM_A_CLUSTER) : NULL;
	int err = !nest || (secret && put_self(msg, c->config, secret)) ||
		  put_settings(msg, c->config);

	return submit(c, msg, end_nest(msg, nest, err));
}

static int set_self(struct cluster *c)
{
	uint8_t secret[CLUSTER_SECRET_LEN];
	int err = config_load_secret(c->config->secret, secret);

	if (err) {
		cluster_complain(c, "%s: %s", c->config->secret,
				 err == -EPERM ? "others may read or write it" :
				 err == -EINVAL ? "want 32 bytes, or 64 hex digits" :
				 strerror(-err));
		return -EAGAIN;
	}
	err = set_cluster(c, secret);
	explicit_bzero(secret, sizeof(secret));
	if (!err)
		log_notice("cluster %s: this is node %u", c->config->name,
			   (unsigned int)c->config->self.id);
	return err;
}

static bool is_other(struct cluster *c, const struct self *self)
{
	const struct config_cluster *want = c->config;

	if (self->node == want->self.id && !strcmp(self->name, want->name) &&
	    !strcmp(self->listen, want->listen))
		return false;
	cluster_complain(c, "the module is node %u of cluster %s at \"%s\"; it can be another one "
			 "only when it is loaded again", self->node, self->name, self->listen);
	return true;
}

int cluster_introduce(struct cluster *c)
{
	struct self self = { 0 };
	int err = kernel_call(c->k, knl_request(KVMEM_CMD_CLUSTER_GET), on_cluster, &self);

	if (err)
		return err;
	if (!self.set)
		return set_self(c);
	if (is_other(c, &self))
		return -EAGAIN;
	return same_settings(&self, c->config) ? 0 : set_cluster(c, NULL);
}

/* --- peers --- */

int cluster_add_peer(struct cluster *c, const struct cluster_node *node)
{
	struct nl_msg *msg = knl_request(KVMEM_CMD_PEER_NEW);
	struct nlattr *nest = msg ? nla_nest_start(msg, KVMEM_A_PEER) : NULL;
	int err = !nest || knl_put_u32(msg, KVMEM_A_PEER_NODE, (uint32_t)node->id) ||
		  knl_put_string(msg, KVMEM_A_PEER_NAME, node->name) ||
		  knl_put_string(msg, KVMEM_A_PEER_ADDRESSES, node->addresses);

	return submit(c, msg, end_nest(msg, nest, err));
}

int cluster_remove_peer(struct cluster *c, uint32_t node)
{
	struct nl_msg *msg = knl_request(KVMEM_CMD_PEER_DEL);
	struct nlattr *nest = msg ? nla_nest_start(msg, KVMEM_A_PEER) : NULL;
	int err = !nest || knl_put_u32(msg, KVMEM_A_PEER_NODE, node);

	return submit(c, msg, end_nest(msg, nest, err));
}

/* --- the map --- */

/* An attribute has 64 KiB at most, so each plane comes in a nest of its own. */
static int put_plane(struct cluster *c, struct nl_msg *msg, int place)
{
	struct nlattr *nest = nla_nest_start(msg, KVMEM_A_MAP);
	int err = !nest;

	if (!err && !place)
		err = knl_put_u64(msg, KVMEM_A_MAP_EPOCH, c->epoch);
	if (!err)
		err = nla_put(msg, KVMEM_A_MAP_OWNERS + place, sizeof(c->map.owner[place]),
			      c->map.owner[place]);
	return end_nest(msg, nest, err);
}

int cluster_push_map(struct cluster *c)
{
	struct nl_msg *msg = knl_request_size(KVMEM_CMD_MAP_SET, MAP_REQUEST);
	int p, err = !msg;

	for (p = 0; p < KVMEM_MAX_COPIES && !err; p++)
		err = put_plane(c, msg, p);
	return submit(c, msg, err);
}

int cluster_settle(struct cluster *c)
{
	struct nl_msg *msg = knl_request(KVMEM_CMD_MAP_SET);
	struct nlattr *nest = msg ? nla_nest_start(msg, KVMEM_A_MAP) : NULL;
	int err = !nest || knl_put_u64(msg, KVMEM_A_MAP_EPOCH, c->state->map.epoch) ||
		  nla_put_flag(msg, KVMEM_A_MAP_SETTLED);

	return submit(c, msg, end_nest(msg, nest, err));
}

struct plane {
	int place;
	uint16_t *owner;
};

static int on_plane(const struct knl_msg *m, void *arg)
{
	struct nlattr *tb[KVMEM_A_MAP_MAX + 1];
	struct plane *plane = arg;

	if (!m->tb[KVMEM_A_MAP] ||
	    nla_parse_nested(tb, KVMEM_A_MAP_MAX, m->tb[KVMEM_A_MAP], NULL) < 0 ||
	    !knl_get_binary(tb[KVMEM_A_MAP_OWNERS + plane->place], plane->owner,
			    KVMEM_NR_SLOTS * sizeof(*plane->owner)))
		return EBADMSG;
	return 0;
}

int cluster_read_map(struct cluster *c)
{
	struct plane plane;
	struct nlattr *nest;
	struct nl_msg *msg;
	int err = 0;

	c->have_kernel_map = false;
	for (plane.place = 0; plane.place < KVMEM_MAX_COPIES && !err; plane.place++) {
		plane.owner = c->kernel_map.owner[plane.place];
		msg = knl_request(KVMEM_CMD_MAP_GET);
		nest = msg ? nla_nest_start(msg, KVMEM_A_MAP) : NULL;
		if (end_nest(msg, nest, !nest || knl_put_u32(msg, KVMEM_A_MAP_PLANE,
							     (uint32_t)plane.place))) {
			nlmsg_free(msg);
			return -ENOMEM;
		}
		err = kernel_call(c->k, msg, on_plane, &plane);
	}
	c->have_kernel_map = !err;
	return err;
}
