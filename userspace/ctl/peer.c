// SPDX-License-Identifier: GPL-2.0
/* The other nodes of the cluster. */
#include <errno.h>
#include <linux/kvmem_netlink.h>
#include <linux/kvmem_peer.h>
#include <string.h>

#include "ctl/args.h"
#include "ctl/ask.h"
#include "ctl/daemon.h"
#include "ctl/decode.h"
#include "ctl/nl.h"
#include "ctl/out.h"
#include "ctl/parse.h"
#include "ctl/peer.h"

#define MAX_ADDRESSES	255	/* what the kernel takes */

const struct arg_spec peer_add_specs[] = {
	{ .name = "name" },
	{ .name = "addresses" },
	{ .name = NULL }
};

const struct arg_spec peer_drain_specs[] = {
	{ .name = "socket" },
	{ .name = NULL }
};

static const struct column list_columns[] = {
	{ "NODE", "node", OUT_TEXT },
	{ "NAME", "name", OUT_TEXT },
	{ "STATE", "state", OUT_TEXT },
	{ "RAILS", "rails_up", OUT_TEXT },
	{ "RTT", "rtt_ns", OUT_NS },
	{ "WAIT", "wait_ns", OUT_NS },
	{ "GETS", "gets", OUT_TEXT },
	{ "HITS", "hits", OUT_TEXT },
	{ "PUTS", "puts", OUT_TEXT },
	{ "IN", "bytes_in", OUT_BYTES },
	{ "OUT", "bytes_out", OUT_BYTES },
	{ "ERRORS", "errors", OUT_TEXT },
	{ "REASON", "reason", OUT_TEXT },
	{ NULL, NULL, 0 }
};

static const struct column show_columns[] = {
	{ "node", "node", OUT_TEXT },
	{ "name", "name", OUT_TEXT },
	{ "addresses", "addresses", OUT_TEXT },
	{ "state", "state", OUT_TEXT },
	{ "reason", "reason", OUT_TEXT },
	{ "rails", "rails", OUT_TEXT },
	{ "rails up", "rails_up", OUT_TEXT },
	{ "credits", "credits", OUT_TEXT },
	{ "in flight", "in_flight", OUT_TEXT },
	{ "round trip", "rtt_ns", OUT_NS },
	{ "expected wait", "wait_ns", OUT_NS },
	{ "connections made", "connects", OUT_TEXT },
	{ "connections lost", "disconnects", OUT_TEXT },
	{ "bytes in", "bytes_in", OUT_BYTES },
	{ "bytes out", "bytes_out", OUT_BYTES },
	{ "gets", "gets", OUT_TEXT },
	{ "hits", "hits", OUT_TEXT },
	{ "puts", "puts", OUT_TEXT },
	{ "errors", "errors", OUT_TEXT },
	{ "timeouts", "timeouts", OUT_TEXT },
	{ "hedged gets", "hedges", OUT_TEXT },
	{ "gets served", "served_gets", OUT_TEXT },
	{ "puts served", "served_puts", OUT_TEXT },
	{ "refused", "refused", OUT_TEXT },
	{ "late answers", "late", OUT_TEXT },
	{ "bad capsules", "bad_capsules", OUT_TEXT },
	{ NULL, NULL, 0 }
};

/* --- reading --- */

static int read_all(const struct ctl_msg *m, void *arg)
{
	return json_array_append_new(arg, decode_peer(m->tb)) ? CTL_FAILED : CTL_OK;
}

static void read_again(void *arg)
{
	json_array_clear(arg);
}

int peer_get_all(struct ctl *c, json_t **peers)
{
	int rc;

	*peers = json_array();
	rc = ctl_nl_dump(c->nl, ctl_nl_request(KVMEM_CMD_PEER_GET), read_all, read_again, *peers);
	if (!rc)
		return CTL_OK;
	json_decref(*peers);
	*peers = NULL;
	return rc;
}

static int read_cluster(const struct ctl_msg *m, void *arg)
{
	json_t **cluster = arg;

	json_decref(*cluster);
	*cluster = decode_cluster(m->tb);
	return CTL_OK;
}

int cluster_get(struct ctl *c, json_t **cluster)
{
	int rc;

	*cluster = NULL;
	rc = ctl_nl_call(c->nl, ctl_nl_request(KVMEM_CMD_CLUSTER_GET), read_cluster, cluster);
	if (rc || *cluster)
		return rc;
	ctl_error("the kernel sent no answer");
	return CTL_FAILED;
}

static const json_t *find_peer(const json_t *peers, const char *text)
{
	const char *name;
	uint64_t node = UINT64_MAX;
	json_t *peer;
	size_t i;

	parse_count(text, KVMEM_NODE_MAX, &node);
	json_array_foreach((json_t *)peers, i, peer) {
		name = json_string_value(json_object_get(peer, "name"));
		if (json_get_u64(peer, "node") == node || (name && !strcmp(name, text)))
			return peer;
	}
	return NULL;
}

static int get_peer(struct ctl *c, const char *text, json_t **peer)
{
	json_t *all;
	int rc = peer_get_all(c, &all);

	*peer = NULL;
	if (rc)
		return rc;
	*peer = json_incref((json_t *)find_peer(all, text));
	json_decref(all);
	if (*peer)
		return CTL_OK;
	ctl_error("no peer %s", text);
	return CTL_NO_OBJECT;
}

int peer_number(struct ctl *c, const char *text, uint32_t *node)
{
	json_t *peer;
	uint64_t v;
	int rc;

	if (name_is_id(text)) {
		if (parse_count(text, KVMEM_NODE_MAX, &v))
			return ctl_usage("%s: nodes are 0 to %u", text, KVMEM_NODE_MAX);
		*node = (uint32_t)v;
		return CTL_OK;
	}
	rc = get_peer(c, text, &peer);
	if (rc)
		return rc;
	*node = (uint32_t)json_get_u64(peer, "node");
	json_decref(peer);
	return CTL_OK;
}

/* --- commands --- */

int cmd_peer_list(struct ctl *c)
{
	json_t *all;
	int rc = peer_get_all(c, &all);

	if (rc)
		return rc;
	if (c->json)
		return out_json(all);
	out_table(all, list_columns, stdout);
	json_decref(all);
	return CTL_OK;
}

int cmd_peer_show(struct ctl *c)
{
	json_t *peer;
	int rc = get_peer(c, c->args->pos[0], &peer);

	if (rc)
		return rc;
	if (c->json)
		return out_json(peer);
	out_fields(peer, show_columns, stdout);
	json_decref(peer);
	return CTL_OK;
}

/* A change of @node; the rest comes from the options. */
static int change(struct ctl *c, int cmd, uint32_t node, const char *name,
		  const char *addresses)
{
	struct nl_msg *msg = ctl_nl_request(cmd);
	struct nlattr *nest = nla_nest_start(msg, KVMEM_A_PEER);
	int rc;

	ctl_put_u32(msg, KVMEM_A_PEER_NODE, node);
	if (name)
		ctl_put_string(msg, KVMEM_A_PEER_NAME, name);
	if (addresses)
		ctl_put_string(msg, KVMEM_A_PEER_ADDRESSES, addresses);
	if (nest)
		nla_nest_end(msg, nest);
	rc = ctl_nl_call(c->nl, msg, NULL, NULL);
	return rc || !c->json ? rc : out_json(json_pack("{s:i}", "node", (int)node));
}

int cmd_peer_add(struct ctl *c)
{
	const char *name = args_get(c->args, "name");
	const char *addresses = args_get(c->args, "addresses"), *problem;
	uint64_t node;

	if (parse_count(c->args->pos[0], KVMEM_NODE_MAX, &node))
		return ctl_usage("%s: want a number, 0 to %u", c->args->pos[0], KVMEM_NODE_MAX);
	if (!name || !addresses)
		return ctl_usage("--name and --addresses are needed");
	problem = new_name_problem(name);
	if (problem)
		return ctl_usage("the name \"%s\" %s", name, problem);
	if (!*addresses || strlen(addresses) > MAX_ADDRESSES)
		return ctl_usage("--addresses: want ADDRESS:PORT, several with commas between, "
				 "at most %d characters", MAX_ADDRESSES);
	return change(c, KVMEM_CMD_PEER_NEW, (uint32_t)node, name, addresses);
}

int cmd_peer_delete(struct ctl *c)
{
	uint32_t node;
	int rc = peer_number(c, c->args->pos[0], &node);

	return rc ? rc : change(c, KVMEM_CMD_PEER_DEL, node, NULL, NULL);
}

/* --- draining: the daemon's --- */

static int drain_failed(const char *path, int err)
{
	switch (err) {
	case -ENOENT:
	case -ECONNREFUSED:
		ctl_error("no kvmemd with a cluster is there (%s)", path);
		return CTL_NO_DAEMON;
	case -ENOTSUP:
		ctl_error("the members are in a file: set \"drain = true\" for the node there, on "
			  "all nodes");
		return CTL_FAILED;
	case -ENXIO:
		ctl_error("kvmemd has no cluster");
		return CTL_FAILED;
	case -EACCES:
		ctl_error("%s: %s", path, strerror(-err));
		return CTL_NOT_PERMITTED;
	default:
		ctl_error("kvmemd: %s", strerror(-err));
		return CTL_FAILED;
	}
}

static int drain(struct ctl *c, const char *verb)
{
	const char *path = daemon_socket(c->args);
	char request[32];
	uint32_t node;
	int rc = peer_number(c, c->args->pos[0], &node), err;

	if (rc)
		return rc;
	snprintf(request, sizeof(request), "%s %u", verb, node);
	err = ask_daemon(path, request);
	if (err)
		return drain_failed(path, err);
	return c->json ? out_json(json_pack("{s:i}", "node", (int)node)) : CTL_OK;
}

int cmd_peer_drain(struct ctl *c)
{
	return drain(c, "drain");
}

int cmd_peer_undrain(struct ctl *c)
{
	return drain(c, "undrain");
}
