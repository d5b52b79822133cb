// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/parse.h"
#include "daemon/map_json.h"
#include "daemon/member_table.h"

/* More than a map can have; somebody else's keys fill no memory. */
#define MAX_ENTRIES	(2 * RING_MAX_NODES)

void member_table_clear(struct member_table *t)
{
	free(t->entry);
	memset(t, 0, sizeof(*t));
}

/* --- entries --- */

static unsigned int place_of(const struct member_table *t, uint64_t id)
{
	unsigned int low = 0, high = t->nr, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (t->entry[middle].node.id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The one of that number, made if need be; NULL: no memory, or too many */
static struct member_entry *get(struct member_table *t, uint64_t id)
{
	unsigned int at = place_of(t, id), max = t->max ? 2 * t->max : 16;
	struct member_entry *e;

	if (at < t->nr && t->entry[at].node.id == id)
		return &t->entry[at];
	if (t->nr == MAX_ENTRIES)
		return NULL;
	if (t->nr == t->max) {
		e = realloc(t->entry, max * sizeof(*e));
		if (!e)
			return NULL;
		t->entry = e;
		t->max = max;
	}
	e = &t->entry[at];
	memmove(e + 1, e, (t->nr - at) * sizeof(*e));
	t->nr++;
	memset(e, 0, sizeof(*e));
	e->node.id = id;
	return e;
}

/* --- keys --- */

static void take_node(struct member_table *t, struct member_entry *e, const char *value,
		      uint64_t now)
{
	struct cluster_node node;
	bool drain = e->node.drain;

	/* What makes no sense is as if it were not there. */
	if (!value || member_from_json(value, e->node.id, &node)) {
		if (e->present)
			e->gone_at = now;
		e->present = false;
		return;
	}
	node.drain = drain;
	t->dirty |= !e->known || memcmp(&node, &e->node, sizeof(node));
	e->node = node;
	e->known = e->present = e->seen = true;
}

/* An owner that we have never heard of may be about to register. */
static void expect_owners(struct member_table *t, uint64_t now)
{
	unsigned char *is_owner = calloc(65536, 1);
	struct member_entry *e;
	unsigned int p, slot, id;

	if (!is_owner)
		return;
	for (p = 0; p < KVMEM_MAX_COPIES; p++)
		for (slot = 0; slot < KVMEM_NR_SLOTS; slot++)
			is_owner[t->map.owner[p][slot]] = 1;
	for (id = 0; id <= KVMEM_NODE_MAX; id++) {
		e = is_owner[id] ? get(t, id) : NULL;
		if (e && !e->known && !e->gone_at)
			e->gone_at = now;
	}
	free(is_owner);
}

static void take_map(struct member_table *t, const char *value, uint64_t revision, uint64_t now)
{
	uint64_t epoch, signature;

	t->map_revision = value ? revision : 0;
	t->map_seen = true;
	/* A map that went, or is none, is replaced; the kernel goes on with its own. */
	if (!value || map_from_json(value, &t->map, &epoch, &signature)) {
		t->map_epoch = t->map_signature = 0;
		return;
	}
	t->map_epoch = epoch;
	t->map_signature = signature;
	expect_owners(t, now);
}

void member_table_take(struct member_table *t, const char *key, const char *value,
		       uint64_t revision, uint64_t now)
{
	const char *number = strchr(key, '/');
	struct member_entry *e;
	uint64_t id;

	if (!strcmp(key, "map")) {
		take_map(t, value, revision, now);
		return;
	}
	if (!number || parse_count(number + 1, KVMEM_NODE_MAX, &id))
		return;
	e = get(t, id);
	if (!e)
		return;
	if (!strncmp(key, "nodes/", 6)) {
		take_node(t, e, value, now);
	} else if (!strncmp(key, "drain/", 6)) {
		t->dirty |= e->node.drain != !!value;
		e->node.drain = value;
	} else if (!strncmp(key, "moved/", 6)) {
		e->moved = value ? strtoull(value, NULL, 10) : 0;
	}
}

/* --- reading all --- */

void member_table_unsee(struct member_table *t)
{
	unsigned int i;

	for (i = 0; i < t->nr; i++) {
		t->entry[i].seen = false;
		t->dirty |= t->entry[i].node.drain;
		t->entry[i].node.drain = false;
		t->entry[i].moved = 0;
	}
	t->map_seen = false;
}

void member_table_seen(struct member_table *t, uint64_t now)
{
	unsigned int i;

	for (i = 0; i < t->nr; i++)
		if (!t->entry[i].seen)
			take_node(t, &t->entry[i], NULL, now);
	if (!t->map_seen)
		take_map(t, NULL, 0, now);
}

/* --- members --- */

bool member_table_changed(struct member_table *t, uint64_t now, uint64_t grace)
{
	bool changed = t->dirty, in_grace, member;
	unsigned int i;

	t->dirty = t->uncertain = false;
	for (i = 0; i < t->nr; i++) {
		struct member_entry *e = &t->entry[i];

		in_grace = e->gone_at && now - e->gone_at < grace;
		member = e->known && (e->present || in_grace);
		t->uncertain |= !e->known && in_grace;
		changed |= member != e->member;
		e->member = member;
	}
	return changed;
}

struct cluster_node *member_table_nodes(const struct member_table *t, unsigned int *nr)
{
	struct cluster_node *nodes = calloc(t->nr + 1, sizeof(*nodes));
	unsigned int i;

	*nr = 0;
	for (i = 0; i < t->nr && nodes; i++)
		if (t->entry[i].member && *nr < RING_MAX_NODES)
			nodes[(*nr)++] = t->entry[i].node;
	return nodes;
}

bool member_table_uncertain(const struct member_table *t)
{
	return t->uncertain;
}

bool member_table_present(const struct member_table *t, uint64_t id)
{
	unsigned int at = place_of(t, id);

	return at < t->nr && t->entry[at].node.id == id && t->entry[at].present;
}

unsigned int member_table_rank(const struct member_table *t, uint64_t id)
{
	unsigned int i, n = 0;

	for (i = 0; i < t->nr && t->entry[i].node.id < id; i++)
		n += t->entry[i].present;
	return n;
}

bool member_table_moved(const struct member_table *t)
{
	unsigned int i;

	if (!t->map_epoch)
		return false;
	for (i = 0; i < t->nr; i++)
		if (t->entry[i].present && t->entry[i].moved < t->map_epoch)
			return false;
	return true;
}
