// SPDX-License-Identifier: GPL-2.0
/* What comes from etcd was written by another daemon, or by anybody: all of it is checked. */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/parse.h"
#include "daemon/etcd.h"
#include "daemon/map_json.h"

#define FORMAT	1

/* --- the map --- */

static json_t *plane_to_json(const uint16_t *owner)
{
	uint16_t *little = malloc(KVMEM_NR_SLOTS * sizeof(*little));
	json_t *string = NULL;
	char *text;
	unsigned int i;

	for (i = 0; little && i < KVMEM_NR_SLOTS; i++)
		little[i] = htole16(owner[i]);
	text = little ? etcd_encode(little, KVMEM_NR_SLOTS * sizeof(*little)) : NULL;
	if (text)
		string = json_string(text);
	free(text);
	free(little);
	return string;
}

char *map_to_json(const struct ring_map *map, uint64_t epoch, uint64_t signature)
{
	char hex[17], *text;
	json_t *root;

	snprintf(hex, sizeof(hex), "%016" PRIx64, signature);
	root = json_pack("{s:i, s:I, s:s, s:[o, o, o]}", "format", FORMAT, "epoch",
			 (json_int_t)epoch, "members", hex, "owners",
			 plane_to_json(map->owner[0]), plane_to_json(map->owner[1]),
			 plane_to_json(map->owner[2]));
	text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	return text;
}

static int plane_from_json(const json_t *string, uint16_t *owner)
{
	const char *text = json_string_value(string);
	size_t len = 0;
	uint16_t *little = text ? etcd_decode(text, &len) : NULL;
	unsigned int i;

	if (!little || len != KVMEM_NR_SLOTS * sizeof(*little)) {
		free(little);
		return -EBADMSG;
	}
	for (i = 0; i < KVMEM_NR_SLOTS; i++)
		owner[i] = le16toh(little[i]);
	free(little);
	return 0;
}

int map_from_json(const char *text, struct ring_map *map, uint64_t *epoch, uint64_t *signature)
{
	json_t *root = json_loads(text, 0, NULL), *owners = json_object_get(root, "owners");
	const char *members = json_string_value(json_object_get(root, "members"));
	json_int_t number = json_integer_value(json_object_get(root, "epoch"));
	struct ring_map *read = malloc(sizeof(*read));
	size_t p;
	int err = -EBADMSG;

	if (read && members && number > 0 && json_array_size(owners) == KVMEM_MAX_COPIES &&
	    json_integer_value(json_object_get(root, "format")) == FORMAT)
		err = 0;
	for (p = 0; p < KVMEM_MAX_COPIES && !err; p++)
		err = plane_from_json(json_array_get(owners, p), read->owner[p]);
	if (!err) {
		*map = *read;
		*epoch = (uint64_t)number;
		*signature = strtoull(members, NULL, 16);
	}
	free(read);
	json_decref(root);
	return err;
}

/* --- nodes --- */

char *member_to_json(const struct cluster_node *node)
{
	json_t *root = json_pack("{s:i, s:I, s:s, s:s, s:I, s:s}", "format", FORMAT, "id",
				 (json_int_t)node->id, "name", node->name, "addresses",
				 node->addresses, "weight", (json_int_t)node->weight, "domain",
				 node->domain);
	char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;

	json_decref(root);
	return text;
}

static int copy(const json_t *root, const char *key, char *to, size_t size)
{
	const char *text = json_string_value(json_object_get(root, key));

	if (!text || strlen(text) >= size)
		return -EBADMSG;
	strcpy(to, text);
	return 0;
}

int member_from_json(const char *text, uint64_t id, struct cluster_node *node)
{
	json_t *root = json_loads(text, 0, NULL);
	json_int_t weight = json_integer_value(json_object_get(root, "weight"));
	struct cluster_node read = { .id = id, .weight = (uint64_t)weight };
	int err = copy(root, "name", read.name, sizeof(read.name)) ?:
		  copy(root, "addresses", read.addresses, sizeof(read.addresses)) ?:
		  copy(root, "domain", read.domain, sizeof(read.domain));

	if (!err && (id > KVMEM_NODE_MAX || weight < 0 || weight > RING_MAX_WEIGHT ||
		     json_integer_value(json_object_get(root, "format")) != FORMAT ||
		     json_integer_value(json_object_get(root, "id")) != (json_int_t)id ||
		     name_problem(read.name) || !*read.addresses))
		err = -EBADMSG;
	if (!err)
		*node = read;
	json_decref(root);
	return err;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	unsigned int i;

	for (i = 0; i < 8; i++, v >>= 8)
		h = (h ^ (v & 0xff)) * 0x100000001b3ULL;
	return h;
}

uint64_t member_signature(const struct cluster_node *nodes, unsigned int nr)
{
	uint64_t h = 0xcbf29ce484222325ULL;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		/* One that drains owns nothing, whatever else it is. */
		if (nodes[i].drain || !nodes[i].weight)
			continue;
		h = mix(mix(h, nodes[i].id), nodes[i].weight);
		h = mix(h, ring_domain(nodes[i].domain));
	}
	return h;
}
