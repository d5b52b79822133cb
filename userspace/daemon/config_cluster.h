/* SPDX-License-Identifier: GPL-2.0 */
/* The section "cluster", and the file of nodes that it may name. */
#ifndef KVMEMD_CONFIG_CLUSTER_H
#define KVMEMD_CONFIG_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <linux/kvmem.h>
#include <linux/kvmem_peer.h>

#define CLUSTER_SECRET_LEN	32
#define CLUSTER_ADDRESSES	256
#define CLUSTER_STATIC_NODES	256
#define CLUSTER_DEFAULT_WEIGHT	100

/* Where membership comes from */
enum config_membership {
	CONFIG_STATIC,
	CONFIG_ETCD,
};

/**
 * struct cluster_node - a node of the cluster
 * @weight: its share, relative to others'
 * @domain: what fails with others of the same; "" = with nobody
 * @drain: it is to own nothing
 */
struct cluster_node {
	uint64_t id;
	char name[KVMEM_NAME_LEN];
	char addresses[CLUSTER_ADDRESSES];
	uint64_t weight;
	char domain[64];
	bool drain;
};

/**
 * struct config_cluster - what this node is to others
 * @given: there is such a section
 * @self: this node; of it, the configuration has all with etcd, else the number
 * @secret: path
 * @nodes: path, with CONFIG_STATIC
 * @state: path; where the epoch is kept
 * @etcd: URLs, commas between them
 * @lease_s, @grace_s: a node whose daemon is gone is one no more after both
 * @settle_s: the map before is forgotten after that; 0 = when all have moved
 */
struct config_cluster {
	bool given;
	uint32_t set;
	int line;
	char name[KVMEM_NAME_LEN];
	struct cluster_node self;
	char secret[256], listen[CLUSTER_ADDRESSES];
	uint64_t keepalive_ms, timeout_ms, hedge_us, move_rate;
	int membership;
	char nodes[256], state[256];
	char etcd[512], prefix[128];
	uint64_t lease_s, grace_s, settle_s;
};

void config_print_cluster(const struct config_cluster *cluster, FILE *to);

/* Told of each error: "FILE:LINE: what" */
typedef void (*cluster_error_fn)(void *arg, const char *message);

/*
 * The nodes in @path, in order of their numbers, to be freed; NULL after the errors were
 * told.
 */
struct cluster_node *config_load_nodes(const char *path, unsigned int *nr,
				       cluster_error_fn fn, void *arg);
/*
 * The secret in @path: 32 bytes, or 64 hex digits.  0, or -errno: -EPERM when others
 * can read it, -EINVAL when it is something else.
 */
int config_load_secret(const char *path, uint8_t *secret);

#endif
