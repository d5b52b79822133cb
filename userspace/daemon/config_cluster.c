// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/parse.h"
#include "daemon/config_internal.h"
#include "ring/ring.h"

typedef unsigned long long ull;

/* What a section gave */
#define SET_NAME	(1 << 0)
#define SET_NODE	(1 << 1)
#define SET_SECRET	(1 << 2)
#define SET_NODES	(1 << 3)
#define SET_ETCD	(1 << 4)
#define SET_ADDRESSES	(1 << 5)

#define KEY(member)	offsetof(struct config_cluster, member)
#define ROOM(member)	sizeof(((struct config_cluster *)0)->member)

static const struct config_key cluster_keys[] = {
	{ "name", CONFIG_T_NAME, KEY(name), SET_NAME, 0, 0 },
	{ "node", CONFIG_T_COUNT, KEY(self.id), SET_NODE, 0, KVMEM_NODE_MAX },
	{ "node_name", CONFIG_T_NAME, KEY(self.name), 0, 0, 0 },
	{ "addresses", CONFIG_T_TEXT, KEY(self.addresses), SET_ADDRESSES, 0, CLUSTER_ADDRESSES },
	{ "weight", CONFIG_T_COUNT, KEY(self.weight), 0, 1, RING_MAX_WEIGHT },
	{ "domain", CONFIG_T_TEXT, KEY(self.domain), 0, 0, ROOM(self.domain) },
	{ "secret", CONFIG_T_PATH, KEY(secret), SET_SECRET, 0, ROOM(secret) },
	{ "listen", CONFIG_T_TEXT, KEY(listen), 0, 0, ROOM(listen) },
	{ "keepalive_ms", CONFIG_T_COUNT, KEY(keepalive_ms), 0, 100, 60000 },
	{ "timeout_ms", CONFIG_T_COUNT, KEY(timeout_ms), 0, 10, 60000 },
	{ "hedge_us", CONFIG_T_COUNT, KEY(hedge_us), 0, 0, 60000000 },
	{ "move_rate", CONFIG_T_SIZE, KEY(move_rate), 0, 0, 0 },
	{ "membership", CONFIG_T_MEMBERSHIP, KEY(membership), 0, 0, 0 },
	{ "nodes", CONFIG_T_PATH, KEY(nodes), SET_NODES, 0, ROOM(nodes) },
	{ "state", CONFIG_T_PATH, KEY(state), 0, 0, ROOM(state) },
	{ "etcd", CONFIG_T_TEXT, KEY(etcd), SET_ETCD, 0, ROOM(etcd) },
	{ "prefix", CONFIG_T_TEXT, KEY(prefix), 0, 0, ROOM(prefix) },
	{ "lease_s", CONFIG_T_COUNT, KEY(lease_s), 0, 2, 3600 },
	{ "grace_s", CONFIG_T_COUNT, KEY(grace_s), 0, 0, 3600 },
	{ "settle_s", CONFIG_T_COUNT, KEY(settle_s), 0, 1, 604800 },
	{ NULL, 0, 0, 0, 0, 0 }
};

#define NODE_ID		(1 << 0)
#define NODE_NAME	(1 << 1)
#define NODE_ADDRESSES	(1 << 2)

static const struct config_key node_keys[] = {
	{ "id", CONFIG_T_COUNT, offsetof(struct cluster_node, id), NODE_ID, 0, KVMEM_NODE_MAX },
	{ "name", CONFIG_T_NAME, offsetof(struct cluster_node, name), NODE_NAME, 0, 0 },
	{ "addresses", CONFIG_T_TEXT, offsetof(struct cluster_node, addresses), NODE_ADDRESSES,
	  0, CLUSTER_ADDRESSES },
	{ "weight", CONFIG_T_COUNT, offsetof(struct cluster_node, weight), 0, 1,
	  RING_MAX_WEIGHT },
	{ "domain", CONFIG_T_TEXT, offsetof(struct cluster_node, domain), 0, 0,
	  sizeof(((struct cluster_node *)0)->domain) },
	{ "drain", CONFIG_T_BOOL, offsetof(struct cluster_node, drain), 0, 0, 0 },
	{ NULL, 0, 0, 0, 0, 0 }
};

/* --- the section --- */

void config_default_cluster(struct config_cluster *c)
{
	*c = (struct config_cluster){
		.self.weight = CLUSTER_DEFAULT_WEIGHT,
		.keepalive_ms = 1000, .timeout_ms = 1000, .move_rate = 64 << 20,
		.state = "/var/lib/kvmem/cluster",
		.lease_s = 10, .grace_s = 10, .settle_s = 3600,
	};
}

static void want(struct config_reader *r, const struct config_cluster *c, uint32_t bit,
		 const char *key)
{
	if (!(c->set & bit))
		config_error(r, c->line, "cluster: \"%s\" is missing", key);
}

/* What is not given follows from the rest. */
static void complete(struct config_cluster *c)
{
	if (!*c->self.name)
		snprintf(c->self.name, sizeof(c->self.name), "node%llu", (ull)c->self.id);
	if (!*c->self.addresses)
		memcpy(c->self.addresses, c->listen, sizeof(c->listen));
	if (!*c->prefix)
		snprintf(c->prefix, sizeof(c->prefix), "/kvmem/%s", c->name);
}

void config_read_cluster(struct config_reader *r, config_setting_t *setting,
			 struct config *config)
{
	struct config_cluster *c = &config->cluster;

	c->line = (int)config_setting_source_line(setting);
	c->given = true;
	if (!config_want_group(r, setting, "cluster"))
		return;
	config_read_group(r, setting, cluster_keys, c, &c->set);
	want(r, c, SET_NAME, "name");
	want(r, c, SET_NODE, "node");
	want(r, c, SET_SECRET, "secret");
	if (c->membership == CONFIG_STATIC)
		want(r, c, SET_NODES, "nodes");
	else
		want(r, c, SET_ETCD, "etcd");
	complete(c);
	if (c->membership == CONFIG_ETCD && !*c->self.addresses)
		config_error(r, c->line, "cluster: where can others reach this node? Want "
			     "\"listen\" or \"addresses\"");
}

static void text(FILE *to, const char *key, const char *value)
{
	if (*value)
		fprintf(to, "\t%s = \"%s\";\n", key, value);
}

void config_print_cluster(const struct config_cluster *c, FILE *to)
{
	fprintf(to, "cluster = {\n");
	text(to, "name", c->name);
	fprintf(to, "\tnode = %llu;\n", (ull)c->self.id);
	text(to, "node_name", c->self.name);
	text(to, "addresses", c->self.addresses);
	fprintf(to, "\tweight = %llu;\n", (ull)c->self.weight);
	text(to, "domain", c->self.domain);
	text(to, "secret", c->secret);
	text(to, "listen", c->listen);
	fprintf(to, "\tkeepalive_ms = %llu;\n\ttimeout_ms = %llu;\n\thedge_us = %llu;\n",
		(ull)c->keepalive_ms, (ull)c->timeout_ms, (ull)c->hedge_us);
	fprintf(to, "\tmove_rate = %lluL;\n", (ull)c->move_rate);
	text(to, "membership", c->membership == CONFIG_ETCD ? "etcd" : "static");
	text(to, "nodes", c->nodes);
	text(to, "state", c->state);
	text(to, "etcd", c->etcd);
	text(to, "prefix", c->prefix);
	fprintf(to, "\tlease_s = %llu;\n\tgrace_s = %llu;\n\tsettle_s = %llu;\n};\n",
		(ull)c->lease_s, (ull)c->grace_s, (ull)c->settle_s);
}

/* --- the file of nodes --- */

static void read_node(struct config_reader *r, const config_setting_t *group,
		      struct cluster_node *node)
{
	int line = (int)config_setting_source_line(group);
	uint32_t set = 0;

	node->weight = CLUSTER_DEFAULT_WEIGHT;
	if (!config_want_group(r, group, "nodes"))
		return;
	config_read_group(r, group, node_keys, node, &set);
	if (!(set & NODE_ID))
		config_error(r, line, "a node without an id");
	if (!(set & NODE_ADDRESSES) || !*node->addresses)
		config_error(r, line, "a node without addresses");
	if (!(set & NODE_NAME))
		snprintf(node->name, sizeof(node->name), "node%llu", (ull)node->id);
}

static int by_id(const void *a, const void *b)
{
	const struct cluster_node *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static struct cluster_node *read_nodes(struct config_reader *r, config_setting_t *setting,
				       unsigned int *nr)
{
	struct cluster_node *nodes;
	unsigned int i;

	if (!setting) {
		config_error(r, 0, "want nodes = ( { ... }, ... )");
		return NULL;
	}
	nodes = config_new_list(r, setting, "nodes", CLUSTER_STATIC_NODES, sizeof(*nodes), nr);
	for (i = 0; i < *nr; i++)
		read_node(r, config_setting_get_elem(setting, i), &nodes[i]);
	if (nodes)
		qsort(nodes, *nr, sizeof(*nodes), by_id);
	for (i = 1; i < *nr; i++)
		if (nodes[i].id == nodes[i - 1].id)
			config_error(r, 0, "node %llu is there twice", (ull)nodes[i].id);
	return nodes;
}

struct cluster_node *config_load_nodes(const char *path, unsigned int *nr,
				       cluster_error_fn fn, void *arg)
{
	struct config_reader r = { .file = path, .fn = fn, .arg = arg };
	struct cluster_node *nodes = NULL;
	size_t len = 0;
	char *raw = config_slurp(&r, &len), *scanned = NULL;
	config_t lib;

	*nr = 0;
	if (raw)
		scanned = config_scan(&r, raw, len);
	free(raw);
	if (!scanned)
		return NULL;
	config_init(&lib);
	if (!config_read_string(&lib, scanned))
		config_error(&r, config_error_line(&lib), "%s", config_error_text(&lib));
	else
		nodes = read_nodes(&r, config_lookup(&lib, "nodes"), nr);
	config_destroy(&lib);
	free(scanned);
	if (!r.errors)
		return nodes;
	free(nodes);
	*nr = 0;
	return NULL;
}

/* --- the secret --- */

static int take_secret(char *data, size_t len, uint8_t *secret)
{
	if (len == CLUSTER_SECRET_LEN) {
		memcpy(secret, data, len);
		return 0;
	}
	while (len && strchr(" \r\n", data[len - 1]))
		len--;
	data[len] = 0;
	return len == 2 * CLUSTER_SECRET_LEN && !parse_hex(data, secret, CLUSTER_SECRET_LEN) ?
	       0 : -EINVAL;
}

int config_load_secret(const char *path, uint8_t *secret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), err = 0;
	char data[2 * CLUSTER_SECRET_LEN + 8];
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (st.st_mode & 077 || (st.st_uid && st.st_uid != geteuid()))
		err = -EPERM;
	n = err ? 0 : read(fd, data, sizeof(data) - 1);
	if (n < 0)
		err = -errno;
	close(fd);
	if (!err)
		err = take_secret(data, (size_t)n, secret);
	explicit_bzero(data, sizeof(data));
	return err;
}
