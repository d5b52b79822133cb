/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The cluster: who belongs to it and who owns which slot, told to the kernel.
 *
 * Membership (a file, or etcd) says who belongs to it and, with etcd, which map holds;
 * cluster.c makes the kernel's peers and map the same.  Nothing here blocks, and what
 * does not come to be is tried again in a second.  When membership is away nothing
 * changes: the kernel goes on with what it has.
 */
#ifndef KVMEMD_CLUSTER_H
#define KVMEMD_CLUSTER_H

#include "daemon/config.h"
#include "daemon/kernel.h"
#include "ring/ring.h"

struct loop;
struct etcd_member;
struct static_member;

/**
 * struct cluster - what is wanted, and what the kernel has
 * @k, @state: the kernel
 * @nodes: the members in order of their numbers, @nr of them; valid if @have_nodes
 * @map, @epoch: what the kernel should have; @epoch is 0 when there is none
 * @kernel_map: what it has, if @have_kernel_map
 * @pushed_at: when it got that; CLOCK_MONOTONIC ns
 * @settled: the epoch that all have moved to, as membership says
 * @introduced: the kernel knows who this node is
 * @complaint: what was said last, not to be said again
 * @saved_epoch, @saved_sum: of the state file
 */
struct cluster {
	struct kernel *k;
	struct state *state;
	const struct config_cluster *config;
	struct cluster_node *nodes;
	unsigned int nr;
	bool have_nodes;
	struct ring_map map;
	uint64_t epoch;
	struct ring_map kernel_map;
	bool have_kernel_map;
	uint64_t pushed_at;
	uint64_t settled;
	bool introduced;
	char complaint[256];
	uint64_t saved_epoch, saved_sum;
	struct etcd_member *etcd;
	struct static_member *file;
};

/* NULL: no memory, or membership cannot begin; @config stays until cluster_free(). */
struct cluster *cluster_new(struct loop *loop, struct kernel *k, struct state *state,
			    const struct config_cluster *config);
void cluster_free(struct cluster *c);
/* Another module: it knows nothing yet. */
void cluster_disconnected(struct cluster *c);
/*
 * Once a second, after read_all(), and when something changed.  0, or -errno when the
 * kernel cannot be talked to; what it refuses is said in the log.
 */
int cluster_second(struct cluster *c, uint64_t now);

/* Told once: 0, -ENOTSUP: a file says who drains, or what etcd said */
typedef void (*cluster_fn)(void *arg, int err);
/* @node is to own nothing, or something again.  @fn may be told at once. */
void cluster_drain(struct cluster *c, unsigned int node, bool drain, cluster_fn fn, void *arg);

/* --- for membership --- */

/* Other members; @nodes is taken over, and in order. */
void cluster_set_nodes(struct cluster *c, struct cluster_node *nodes, unsigned int nr);
/* The map that holds. */
void cluster_set_map(struct cluster *c, uint64_t epoch, const struct ring_map *map);
/* Numbers it: the epoch grows if it is another one than before. */
void cluster_number_map(struct cluster *c, const struct ring_map *map);
/* The largest epoch that is known here */
uint64_t cluster_last_epoch(const struct cluster *c);
/* What was to be moved from here since @epoch was set has moved. */
bool cluster_has_moved(const struct cluster *c, uint64_t epoch);
/* The members as ring_compute() takes them, without those that drain; how many */
unsigned int cluster_ring_nodes(const struct cluster_node *nodes, unsigned int nr,
				struct ring_node *ring);
void cluster_complain(struct cluster *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* --- the kernel's side (cluster_kernel.c); 0 or -errno --- */

/* Who this node is; -EAGAIN: not now, which was said */
int cluster_introduce(struct cluster *c);
int cluster_add_peer(struct cluster *c, const struct cluster_node *node);
int cluster_remove_peer(struct cluster *c, uint32_t node);
int cluster_push_map(struct cluster *c);
int cluster_settle(struct cluster *c);
/* What the kernel has, into @c->kernel_map */
int cluster_read_map(struct cluster *c);

/* --- a file of nodes (member_static.c) --- */

struct static_member *static_new(struct cluster *c, struct loop *loop);
void static_free(struct static_member *s);
/* Every second: reads it if it changed */
void static_second(struct static_member *s);

/* --- etcd (member_etcd.c) --- */

struct etcd_member *etcd_member_new(struct cluster *c, struct loop *loop);
void etcd_member_free(struct etcd_member *m);
/* Every second: leases, and what has become due */
void etcd_member_second(struct etcd_member *m, uint64_t now);
void etcd_member_drain(struct etcd_member *m, unsigned int node, bool drain, cluster_fn fn,
		       void *arg);
bool etcd_member_lost(const struct etcd_member *m);

#endif
