/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Configuring a node by netlink.  All return 0 or a negative errno.
 */
#ifndef AGENT_NL_H
#define AGENT_NL_H

#include <stddef.h>
#include <stdint.h>

struct agent_cluster {
	unsigned int node;
	const char *name;
	const char *secret;	/* repeated until it is long enough */
	const char *listen;
	unsigned int keepalive_ms, timeout_ms, hedge_us;
	uint64_t move_rate;
};

int agent_cluster_set(const struct agent_cluster *c);
int agent_peer_new(unsigned int node, const char *addresses);
int agent_peer_del(unsigned int node);
/*
 * For each "NODE:STATE:REASON:GETS:HITS:PUTS:ERRORS:TIMEOUTS:HEDGES:SERVED-GETS:SERVED-PUTS:
 * WAIT-NS", without blanks inside.
 */
int agent_peers(char *text, size_t len);
int agent_ns_new(const char *name, unsigned int placement, unsigned int copies, int share,
		 int keep);
/* @planes: 16384 owners each, 1 to 3 of them one after another */
int agent_map_set(uint64_t epoch, const uint16_t *planes, unsigned int nr);
int agent_map_settled(uint64_t epoch);
/* "EPOCH PREVIOUS MOVED-BLOCKS TO-MOVE" */
int agent_map(char *text, size_t len);

#endif
