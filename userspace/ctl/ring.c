// SPDX-License-Identifier: GPL-2.0
/* The placement map. */
#include <linux/kvmem.h>
#include <linux/kvmem_netlink.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/decode.h"
#include "ctl/nl.h"
#include "ctl/out.h"
#include "ctl/parse.h"
#include "ctl/peer.h"
#include "nl/nl.h"
#include "ring/ring.h"

static const struct column show_columns[] = {
	{ "epoch", "epoch", OUT_TEXT },
	{ "epoch before", "previous_epoch", OUT_TEXT },
	{ "moving", "moving", OUT_TEXT },
	{ "blocks moved", "moved_blocks", OUT_TEXT },
	{ "bytes moved", "moved_bytes", OUT_BYTES },
	{ "blocks to move", "to_move", OUT_TEXT },
	{ "nodes", "nr_nodes", OUT_TEXT },
	{ NULL, NULL, 0 }
};

static const struct column node_columns[] = {
	{ "NODE", "node", OUT_TEXT },
	{ "NAME", "name", OUT_TEXT },
	{ "FIRST", "slots", OUT_TEXT },
	{ "SECOND", "slots2", OUT_TEXT },
	{ "THIRD", "slots3", OUT_TEXT },
	{ "SHARE", "share", OUT_RATE },
	{ "TO-COME", "gained", OUT_TEXT },
	{ NULL, NULL, 0 }
};

static const struct column owner_columns[] = {
	{ "PLACE", "place", OUT_TEXT },
	{ "NODE", "node", OUT_TEXT },
	{ "NAME", "name", OUT_TEXT },
	{ "MAP", "map", OUT_TEXT },
	{ NULL, NULL, 0 }
};

/**
 * struct rings - what the kernel has
 * @info: as decode_map() has it
 * @now, @before: the second only if there is a previous epoch
 * @names: of nodes, by number
 */
struct rings {
	json_t *info;
	struct ring_map now, before;
	json_t *names;
};

/* --- reading --- */

struct plane_reader {
	json_t *info;
	uint32_t plane;
	uint16_t *owners;
	bool have;
};

static int read_plane(const struct ctl_msg *m, void *arg)
{
	struct nlattr *tb[KVMEM_A_MAP_MAX + 1];
	struct plane_reader *r = arg;

	json_decref(r->info);
	r->info = decode_map(m->tb);
	if (!r->info || !r->owners)
		return CTL_OK;
	nla_parse_nested(tb, KVMEM_A_MAP_MAX, m->tb[KVMEM_A_MAP], NULL);
	r->have = knl_get_binary(tb[KVMEM_A_MAP_OWNERS + r->plane % KVMEM_MAX_COPIES], r->owners,
				 KVMEM_NR_SLOTS * sizeof(*r->owners));
	return CTL_OK;
}

/* @owners: NULL: the epochs alone */
static int get_plane(struct ctl *c, uint32_t plane, uint16_t *owners, json_t **info)
{
	struct nl_msg *msg = ctl_nl_request(KVMEM_CMD_MAP_GET);
	struct plane_reader r = { .plane = plane, .owners = owners };
	struct nlattr *nest;
	int rc;

	if (owners) {
		nest = nla_nest_start(msg, KVMEM_A_MAP);
		ctl_put_u32(msg, KVMEM_A_MAP_PLANE, plane);
		if (nest)
			nla_nest_end(msg, nest);
	}
	rc = ctl_nl_call(c->nl, msg, read_plane, &r);
	if (!rc && (!r.info || (owners && !r.have))) {
		ctl_error("the kernel sent no answer");
		rc = CTL_FAILED;
	}
	if (rc || !info)
		json_decref(r.info);
	else
		*info = r.info;
	return rc;
}

int map_get(struct ctl *c, json_t **map)
{
	*map = NULL;
	return get_plane(c, 0, NULL, map);
}

static int get_names(struct ctl *c, json_t **names)
{
	json_t *peers, *self = NULL, *peer;
	int rc = peer_get_all(c, &peers);
	char number[16];
	size_t i;

	if (!rc)
		rc = cluster_get(c, &self);
	if (rc) {
		json_decref(peers);
		return rc;
	}
	*names = json_object();
	json_array_foreach(peers, i, peer) {
		snprintf(number, sizeof(number), "%u", (unsigned int)json_get_u64(peer, "node"));
		json_object_set(*names, number, json_object_get(peer, "name"));
	}
	if (json_object_get(self, "node")) {
		snprintf(number, sizeof(number), "%u", (unsigned int)json_get_u64(self, "node"));
		json_put(*names, number, json_string("(this node)"));
	}
	json_decref(self);
	json_decref(peers);
	return CTL_OK;
}

static void rings_free(struct rings *r)
{
	json_decref(r->info);
	json_decref(r->names);
	free(r);
}

static int rings_get(struct ctl *c, struct rings **out)
{
	struct rings *r = calloc(1, sizeof(*r));
	unsigned int p;
	int rc;

	*out = r;
	if (!r)
		return CTL_FAILED;
	rc = get_plane(c, 0, NULL, &r->info);
	if (!rc && !json_get_u64(r->info, "epoch")) {
		ctl_error("there is no map");
		rc = CTL_NO_OBJECT;
	}
	if (!rc)
		rc = get_names(c, &r->names);
	for (p = 0; p < KVMEM_MAX_COPIES && !rc; p++) {
		rc = get_plane(c, p, r->now.owner[p], NULL);
		if (!rc && json_get_u64(r->info, "previous_epoch"))
			rc = get_plane(c, KVMEM_MAX_COPIES + p, r->before.owner[p], NULL);
	}
	if (rc)
		rings_free(r);
	return rc;
}

static json_t *name_of(const struct rings *r, uint16_t node)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", node);
	return json_incref(json_object_get(r->names, number)) ?: json_null();
}

/* --- ring show --- */

static unsigned int gained(const struct rings *r, uint16_t node)
{
	unsigned int slot, p, q, n = 0;
	bool had;

	for (slot = 0; slot < KVMEM_NR_SLOTS; slot++)
		for (p = 0; p < KVMEM_MAX_COPIES; p++) {
			if (r->now.owner[p][slot] != node)
				continue;
			for (had = false, q = 0; q < KVMEM_MAX_COPIES; q++)
				had |= r->before.owner[q][slot] == node;
			n += !had;
		}
	return n;
}

static json_t *node_json(const struct rings *r, uint16_t node,
			 const uint32_t (*owned)[KVMEM_MAX_COPIES], uint64_t all)
{
	const uint32_t *n = owned[node];
	json_t *o = json_object();

	json_put(o, "node", json_number(node));
	json_put(o, "name", name_of(r, node));
	json_put(o, "slots", json_number(n[0]));
	json_put(o, "slots2", json_number(n[1]));
	json_put(o, "slots3", json_number(n[2]));
	json_put(o, "share", json_double((double)(n[0] + n[1] + n[2]) / (double)all));
	if (json_get_u64(r->info, "previous_epoch"))
		json_put(o, "gained", json_number(gained(r, node)));
	return o;
}

static json_t *nodes_json(const struct rings *r)
{
	uint32_t (*owned)[KVMEM_MAX_COPIES] = calloc(65536, sizeof(*owned));
	json_t *nodes = json_array();
	unsigned int slot, p, node;
	uint64_t all = 0;

	for (p = 0; owned && p < KVMEM_MAX_COPIES; p++)
		for (slot = 0; slot < KVMEM_NR_SLOTS; slot++) {
			all += r->now.owner[p][slot] != KVMEM_NO_NODE;
			owned[r->now.owner[p][slot]][p]++;
		}
	for (node = 0; owned && node <= KVMEM_NODE_MAX; node++)
		if (owned[node][0] || owned[node][1] || owned[node][2])
			json_array_append_new(nodes, node_json(r, (uint16_t)node,
					      (const uint32_t (*)[KVMEM_MAX_COPIES])owned, all));
	free(owned);
	return nodes;
}

int cmd_ring_show(struct ctl *c)
{
	struct rings *r;
	json_t *root;
	int rc = rings_get(c, &r);

	if (rc)
		return rc;
	root = json_incref(r->info);
	json_put(root, "nodes", nodes_json(r));
	json_put(root, "nr_nodes", json_number(json_array_size(json_object_get(root, "nodes"))));
	rings_free(r);
	if (c->json)
		return out_json(root);
	out_fields(root, show_columns, stdout);
	putchar('\n');
	out_table(json_object_get(root, "nodes"), node_columns, stdout);
	json_decref(root);
	return CTL_OK;
}

/* --- ring owners --- */

static int slot_of(const char *text, uint32_t *slot)
{
	uint8_t key[KVMEM_KEY_LEN];
	uint64_t v;

	if (!parse_hex(text, key, sizeof(key))) {
		*slot = kvmem_key_slot(key);
		return CTL_OK;
	}
	if (parse_count(text, KVMEM_NR_SLOTS - 1, &v))
		return ctl_usage("%s: want a key of 64 hex digits, or a slot, 0 to %u", text,
				 KVMEM_NR_SLOTS - 1);
	*slot = (uint32_t)v;
	return CTL_OK;
}

static void add_owners(const struct rings *r, const struct ring_map *map, const char *which,
		       uint32_t slot, json_t *owners)
{
	unsigned int p;
	json_t *o;

	for (p = 0; p < KVMEM_MAX_COPIES; p++) {
		uint16_t node = map->owner[p][slot];

		if (node == KVMEM_NO_NODE)
			continue;
		o = json_object();
		json_put(o, "place", json_number(p + 1));
		json_put(o, "node", json_number(node));
		json_put(o, "name", name_of(r, node));
		json_put(o, "map", json_string(which));
		json_array_append_new(owners, o);
	}
}

int cmd_ring_owners(struct ctl *c)
{
	json_t *root, *owners;
	struct rings *r;
	uint32_t slot = 0;
	int rc = slot_of(c->args->pos[0], &slot);

	if (!rc)
		rc = rings_get(c, &r);
	if (rc)
		return rc;
	owners = json_array();
	add_owners(r, &r->now, "now", slot, owners);
	if (json_get_u64(r->info, "previous_epoch"))
		add_owners(r, &r->before, "before", slot, owners);
	root = json_object();
	json_put(root, "slot", json_number(slot));
	json_put(root, "epoch", json_number(json_get_u64(r->info, "epoch")));
	json_put(root, "owners", owners);
	rings_free(r);
	if (c->json)
		return out_json(root);
	printf("slot %u\n\n", slot);
	out_table(owners, owner_columns, stdout);
	json_decref(root);
	return CTL_OK;
}
