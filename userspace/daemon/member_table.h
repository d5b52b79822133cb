/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is in etcd, as far as it was told.  A node whose key is gone stays a member for
 * a while, so that a blink moves nothing.
 */
#ifndef KVMEMD_MEMBER_TABLE_H
#define KVMEMD_MEMBER_TABLE_H

#include "daemon/config_cluster.h"
#include "ring/ring.h"

/**
 * struct member_entry - a node that is, was, or is spoken of
 * @present: its key is there
 * @known: @node was told; of an owner in the map it may never have been
 * @member: it was in the last list
 * @gone_at: when its key went; CLOCK_MONOTONIC ns
 * @moved: the epoch that it has moved for
 */
struct member_entry {
	struct cluster_node node;
	bool present, known, member, seen;
	uint64_t gone_at, moved;
};

/**
 * struct member_table - all of it
 * @entry: in order of numbers, @nr of them
 * @map: valid if @map_epoch is not 0
 * @map_revision: of its key, 0 = there is none
 * @dirty: a description has changed
 * @uncertain: an owner in the map may be back yet
 */
struct member_table {
	struct member_entry *entry;
	unsigned int nr, max;
	struct ring_map map;
	uint64_t map_epoch, map_signature, map_revision;
	bool map_seen, dirty, uncertain;
};

void member_table_clear(struct member_table *t);
/* @key: "nodes/7", "drain/7", "moved/7" or "map"; @value NULL: it was deleted */
void member_table_take(struct member_table *t, const char *key, const char *value,
		       uint64_t revision, uint64_t now);
/* Around a reading of all: what was not told is gone. */
void member_table_unsee(struct member_table *t);
void member_table_seen(struct member_table *t, uint64_t now);
/* Are others members than before?  Those whose @grace is over are none. */
bool member_table_changed(struct member_table *t, uint64_t now, uint64_t grace);
/* The members, to be freed; NULL: no memory */
struct cluster_node *member_table_nodes(const struct member_table *t, unsigned int *nr);
/* An owner is unknown whose grace is not over: no time for a new map */
bool member_table_uncertain(const struct member_table *t);
bool member_table_present(const struct member_table *t, uint64_t id);
/* How many that are there have smaller numbers */
unsigned int member_table_rank(const struct member_table *t, uint64_t id);
/* All that are there have moved for the map. */
bool member_table_moved(const struct member_table *t);

#endif
