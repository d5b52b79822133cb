/* SPDX-License-Identifier: GPL-2.0 */
/* Nodes of the cluster, as the kernel knows them. */
#ifndef _KVMEMCTL_PEER_H
#define _KVMEMCTL_PEER_H

#include "ctl/ctl.h"

/* All peers, an array; this node, an object without fields that are not set; exit statuses */
int peer_get_all(struct ctl *c, json_t **peers);
int cluster_get(struct ctl *c, json_t **cluster);
/* The epochs, and what moves (ring.c) */
int map_get(struct ctl *c, json_t **map);
/* The number that @text is, or that the peer of that name has */
int peer_number(struct ctl *c, const char *text, uint32_t *node);

#endif /* _KVMEMCTL_PEER_H */
