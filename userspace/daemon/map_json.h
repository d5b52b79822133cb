/* SPDX-License-Identifier: GPL-2.0 */
/* The map and the description of a node, as they are in etcd. */
#ifndef KVMEMD_MAP_JSON_H
#define KVMEMD_MAP_JSON_H

#include "daemon/config_cluster.h"
#include "ring/ring.h"

/* To be freed; NULL: no memory */
char *map_to_json(const struct ring_map *map, uint64_t epoch, uint64_t signature);
/* 0 or -EBADMSG, and nothing is changed */
int map_from_json(const char *text, struct ring_map *map, uint64_t *epoch, uint64_t *signature);

char *member_to_json(const struct cluster_node *node);
/* @id: what the key says; a description of somebody else is refused. */
int member_from_json(const char *text, uint64_t id, struct cluster_node *node);
/* Of all that a map depends on */
uint64_t member_signature(const struct cluster_node *nodes, unsigned int nr);

#endif
