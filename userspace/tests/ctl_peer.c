// SPDX-License-Identifier: GPL-2.0
/* kvmemctl peer and ring, on a kernel that is made up. */
#include <netlink/genl/genl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "ctl/nl.h"
#include "ktap.h"
#include "nl/nl.h"
#include "ring/ring.h"

/* --- a kernel --- */

/**
 * kernel - what it has been asked, and what it says
 * @cmd: of the last request
 * @node, @name, @addresses: of the peer in it
 * @map: the map; @before: the one before, if @previous is not 0
 */
static struct {
	int cmd;
	uint32_t node;
	char name[64], addresses[256];
	struct ring_map map, before;
	uint64_t epoch, previous;
} kernel;

struct nl_msg *ctl_nl_request(int cmd)
{
	struct nl_msg *msg = nlmsg_alloc_size(200000);

	genlmsg_put(msg, 0, 0, 1, 0, 0, (uint8_t)cmd, 1);
	return msg;
}

void ctl_put_u32(struct nl_msg *msg, int attr, uint32_t v)
{
	knl_put_u32(msg, attr, v);
}

void ctl_put_string(struct nl_msg *msg, int attr, const char *text)
{
	knl_put_string(msg, attr, text);
}

static void parse(struct nl_msg *msg, struct nlattr **tb)
{
	struct nlmsghdr *h = nlmsg_hdr(msg);

	nla_parse(tb, KVMEM_A_MAX, genlmsg_attrdata(nlmsg_data(h), 0),
		  genlmsg_attrlen(nlmsg_data(h), 0), NULL);
	kernel.cmd = ((struct genlmsghdr *)nlmsg_data(h))->cmd;
}

static int tell(struct nl_msg *msg, ctl_nl_fn fn, void *arg)
{
	struct nlattr *tb[KVMEM_A_MAX + 1];
	struct ctl_msg m = { .tb = tb };
	int rc;

	parse(msg, tb);
	rc = fn ? fn(&m, arg) : 0;
	nlmsg_free(msg);
	return rc;
}

static int tell_peer(uint32_t node, const char *name, uint8_t state, ctl_nl_fn fn, void *arg)
{
	struct nl_msg *msg = ctl_nl_request(KVMEM_CMD_PEER_GET);
	struct nlattr *nest = nla_nest_start(msg, KVMEM_A_PEER);

	knl_put_u32(msg, KVMEM_A_PEER_NODE, node);
	knl_put_string(msg, KVMEM_A_PEER_NAME, name);
	knl_put_string(msg, KVMEM_A_PEER_ADDRESSES, "10.0.0.1:7471,10.1.0.1:7471");
	knl_put_u8(msg, KVMEM_A_PEER_STATE, state);
	if (state == KVMEM_PEER_STATE_DOWN)
		knl_put_string(msg, KVMEM_A_PEER_REASON, "no route");
	knl_put_u64(msg, KVMEM_A_PEER_RTT_NS, 12000);
	knl_put_u64(msg, KVMEM_A_PEER_GETS, 77);
	nla_nest_end(msg, nest);
	return tell(msg, fn, arg);
}

static int tell_map(uint32_t plane, bool wanted, ctl_nl_fn fn, void *arg)
{
	struct nl_msg *msg = ctl_nl_request(KVMEM_CMD_MAP_GET);
	struct nlattr *nest = nla_nest_start(msg, KVMEM_A_MAP);
	const struct ring_map *map = plane < 3 ? &kernel.map : &kernel.before;

	knl_put_u64(msg, KVMEM_A_MAP_EPOCH, kernel.epoch);
	knl_put_u64(msg, KVMEM_A_MAP_PREVIOUS_EPOCH, kernel.previous);
	if (wanted)
		nla_put(msg, KVMEM_A_MAP_OWNERS + (int)plane % 3, sizeof(map->owner[0]),
			map->owner[plane % 3]);
	if (kernel.previous)
		nla_put_flag(msg, KVMEM_A_MAP_MOVING);
	nla_nest_end(msg, nest);
	return tell(msg, fn, arg);
}

static int tell_cluster(ctl_nl_fn fn, void *arg)
{
	struct nl_msg *msg = ctl_nl_request(KVMEM_CMD_CLUSTER_GET);
	struct nlattr *nest = nla_nest_start(msg, KVMEM_A_CLUSTER);

	knl_put_u32(msg, KVMEM_A_CLUSTER_NODE, 3);
	nla_nest_end(msg, nest);
	return tell(msg, fn, arg);
}

int ctl_nl_call(struct ctl_nl *nl, struct nl_msg *msg, ctl_nl_fn fn, void *arg)
{
	struct nlattr *tb[KVMEM_A_MAX + 1], *in[KVMEM_A_PEER_MAX + 1];
	uint32_t plane = 0;
	bool wanted = false;

	(void)nl;
	parse(msg, tb);
	if (tb[KVMEM_A_PEER]) {
		nla_parse_nested(in, KVMEM_A_PEER_MAX, tb[KVMEM_A_PEER], NULL);
		knl_get_u32(in[KVMEM_A_PEER_NODE], &kernel.node);
		knl_get_string(in[KVMEM_A_PEER_NAME], kernel.name, sizeof(kernel.name));
		knl_get_string(in[KVMEM_A_PEER_ADDRESSES], kernel.addresses,
			       sizeof(kernel.addresses));
	}
	if (tb[KVMEM_A_MAP]) {
		nla_parse_nested(in, KVMEM_A_MAP_MAX, tb[KVMEM_A_MAP], NULL);
		wanted = knl_get_u32(in[KVMEM_A_MAP_PLANE], &plane);
	}
	nlmsg_free(msg);
	if (kernel.cmd == KVMEM_CMD_MAP_GET)
		return tell_map(plane, wanted, fn, arg);
	if (kernel.cmd == KVMEM_CMD_CLUSTER_GET)
		return tell_cluster(fn, arg);
	return 0;
}

int ctl_nl_dump(struct ctl_nl *nl, struct nl_msg *msg, ctl_nl_fn fn,
		void (*restart)(void *arg), void *arg)
{
	(void)nl;
	nlmsg_free(msg);
	tell_peer(9, "old", KVMEM_PEER_STATE_UP, fn, arg);
	restart(arg);
	return tell_peer(1, "one", KVMEM_PEER_STATE_UP, fn, arg) ?:
	       tell_peer(2, "two", KVMEM_PEER_STATE_DOWN, fn, arg);
}

/* --- running --- */

static char printed[1 << 20];

/* Run, with what it prints in printed[] */
static int run(int (*cmd)(struct ctl *c), const struct arg_spec *specs, bool json, int argc,
	       char **argv)
{
	static struct args args;
	struct ctl c = { .args = &args, .json = json };
	int rc, old = dup(1);
	FILE *to = tmpfile();
	size_t n;

	ctl_error_keep(printed, sizeof(printed));
	rc = args_parse(&args, specs, 2, argc, argv);
	fflush(stdout);
	dup2(fileno(to), 1);
	if (!rc)
		rc = cmd(&c);
	fflush(stdout);
	dup2(old, 1);
	close(old);
	rewind(to);
	n = fread(printed, 1, sizeof(printed) - 1, to);
	printed[n] = 0;
	fclose(to);
	return rc;
}

#define RUN(cmd, specs, json, ...) ({					\
	char *_argv[] = { (char *)"x", __VA_ARGS__ };			\
	run(cmd, specs, json, (int)(sizeof(_argv) / sizeof(*_argv)), _argv); })

static json_t *told(void)
{
	return json_loads(printed, 0, NULL);
}

/* --- tests --- */

static void list(void)
{
	json_t *all, *two;

	CHECK_EQ(RUN(cmd_peer_list, NULL, true), 0);
	all = told();
	CHECK_EQ(json_array_size(all), 2);
	two = json_array_get(all, 1);
	CHECK(!strcmp(json_string_value(json_object_get(two, "state")), "down"));
	CHECK(!strcmp(json_string_value(json_object_get(two, "reason")), "no route"));
	CHECK(json_is_null(json_object_get(json_array_get(all, 0), "reason")));
	CHECK_EQ(json_integer_value(json_object_get(two, "gets")), 77);
	json_decref(all);
	CHECK_EQ(RUN(cmd_peer_list, NULL, false), 0);
	CHECK(strstr(printed, "no route"));
	CHECK(strstr(printed, "12.0 us"));
}

static void show(void)
{
	CHECK_EQ(RUN(cmd_peer_show, NULL, false, (char *)"two"), 0);
	CHECK(strstr(printed, "10.1.0.1:7471"));
	CHECK_EQ(RUN(cmd_peer_show, NULL, false, (char *)"1"), 0);
	CHECK(strstr(printed, "one"));
	CHECK_EQ(RUN(cmd_peer_show, NULL, false, (char *)"three"), CTL_NO_OBJECT);
}

static void changes(void)
{
	CHECK_EQ(RUN(cmd_peer_add, peer_add_specs, false, (char *)"7", (char *)"--name",
		     (char *)"seven", (char *)"--addresses", (char *)"[::1]:7471"), 0);
	CHECK_EQ(kernel.cmd, KVMEM_CMD_PEER_NEW);
	CHECK_EQ(kernel.node, 7);
	CHECK(!strcmp(kernel.name, "seven") && !strcmp(kernel.addresses, "[::1]:7471"));
	CHECK_EQ(RUN(cmd_peer_add, peer_add_specs, false, (char *)"7"), CTL_USAGE);
	CHECK_EQ(RUN(cmd_peer_add, peer_add_specs, false, (char *)"65535", (char *)"--name",
		     (char *)"x", (char *)"--addresses", (char *)"a:1"), CTL_USAGE);
	CHECK_EQ(RUN(cmd_peer_delete, NULL, false, (char *)"two"), 0);
	CHECK_EQ(kernel.cmd, KVMEM_CMD_PEER_DEL);
	CHECK_EQ(kernel.node, 2);
}

static void make_map(void)
{
	const struct ring_node nodes[] = { { 1, 100, 0 }, { 2, 100, 0 }, { 3, 100, 0 },
					   { 4, 100, 0 } };

	ring_compute(NULL, nodes, 3, &kernel.before);
	ring_compute(&kernel.before, nodes, 4, &kernel.map);
	kernel.epoch = 12;
}

static void ring(void)
{
	json_t *root, *nodes, *node;

	kernel.epoch = 0;
	CHECK_EQ(RUN(cmd_ring_show, NULL, true), CTL_NO_OBJECT);
	make_map();
	kernel.previous = 11;
	CHECK_EQ(RUN(cmd_ring_show, NULL, true), 0);
	root = told();
	CHECK_EQ(json_integer_value(json_object_get(root, "epoch")), 12);
	CHECK(json_is_true(json_object_get(root, "moving")));
	nodes = json_object_get(root, "nodes");
	CHECK_EQ(json_array_size(nodes), 4);
	node = json_array_get(nodes, 3);
	CHECK_EQ(json_integer_value(json_object_get(node, "slots")), KVMEM_NR_SLOTS / 4);
	CHECK_EQ(json_integer_value(json_object_get(node, "gained")), KVMEM_NR_SLOTS * 3 / 4);
	node = json_array_get(nodes, 2);
	CHECK(!strcmp(json_string_value(json_object_get(node, "name")), "(this node)"));
	CHECK_EQ(json_integer_value(json_object_get(node, "gained")), 0);
	json_decref(root);
	CHECK_EQ(RUN(cmd_ring_show, NULL, false), 0);
	CHECK(strstr(printed, "25.0%"));
}

static void owners(void)
{
	char key[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
	json_t *root, *first;

	make_map();
	kernel.previous = 0;
	CHECK_EQ(RUN(cmd_ring_owners, NULL, true, key), 0);
	root = told();
	CHECK_EQ(json_integer_value(json_object_get(root, "slot")), 11319);
	CHECK_EQ(json_array_size(json_object_get(root, "owners")), 3);
	first = json_array_get(json_object_get(root, "owners"), 0);
	CHECK_EQ(json_integer_value(json_object_get(first, "node")), kernel.map.owner[0][11319]);
	json_decref(root);
	kernel.previous = 11;
	CHECK_EQ(RUN(cmd_ring_owners, NULL, false, (char *)"5"), 0);
	CHECK(strstr(printed, "before"));
	CHECK_EQ(RUN(cmd_ring_owners, NULL, false, (char *)"16384"), CTL_USAGE);
	CHECK_EQ(RUN(cmd_ring_owners, NULL, false, (char *)"xyz"), CTL_USAGE);
}

static void simulate(void)
{
	json_t *all, *row;
	size_t i;

	CHECK_EQ(RUN(cmd_ring_simulate, ring_simulate_specs, true, (char *)"--nodes",
		     (char *)"20", (char *)"--weighted"), 0);
	all = told();
	CHECK_EQ(json_array_size(all), 3);
	json_array_foreach(all, i, row) {
		CHECK(json_real_value(json_object_get(row, "over")) < 0.05);
		CHECK(json_integer_value(json_object_get(json_object_get(row, "join"), "moved")) <=
		      1.1 * json_integer_value(json_object_get(json_object_get(row, "join"),
							       "least")));
	}
	json_decref(all);
	CHECK_EQ(RUN(cmd_ring_simulate, ring_simulate_specs, true, (char *)"--nodes",
		     (char *)"5000"), CTL_USAGE);
}

static const struct ktap_test tests[] = {
	{ "peer list", list },
	{ "peer show", show },
	{ "peer add and delete", changes },
	{ "ring show", ring },
	{ "ring owners", owners },
	{ "ring simulate", simulate },
};

KTAP_MAIN(tests)
