// SPDX-License-Identifier: GPL-2.0
/* Peers, the placement map, and what of it is ours. */
#include <stdio.h>

#include "daemon/metrics_render.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define NS		1e-9

static const struct {
	const char *name, *help;
	unsigned int attr;
	double unit;
} gauges[] = {
	{ "kvmem_peer_rails", "Connections to the peer that are wanted.",
	  KVMEM_A_PEER_RAILS, 1 },
	{ "kvmem_peer_rails_up", "Connections that are there.", KVMEM_A_PEER_RAILS_UP, 1 },
	{ "kvmem_peer_credits", "Requests that may be sent to it now.",
	  KVMEM_A_PEER_CREDITS, 1 },
	{ "kvmem_peer_inflight_requests", "Requests without an answer yet.",
	  KVMEM_A_PEER_IN_FLIGHT, 1 },
	{ "kvmem_peer_rtt_seconds", "Round trip of keepalives, smoothed; 0 when there was none.",
	  KVMEM_A_PEER_RTT_NS, NS },
	{ "kvmem_peer_expected_wait_seconds", "What a get is expected to take.",
	  KVMEM_A_PEER_WAIT_NS, NS },
};

static const struct {
	const char *name, *help;
	unsigned int attr;
} counters[] = {
	{ "kvmem_peer_connects_total", "Connections made.", KVMEM_A_PEER_CONNECTS },
	{ "kvmem_peer_disconnects_total", "Connections that ended.", KVMEM_A_PEER_DISCONNECTS },
	{ "kvmem_peer_gets_total", "Gets sent to the peer.", KVMEM_A_PEER_GETS },
	{ "kvmem_peer_hits_total", "Of those, blocks that came.", KVMEM_A_PEER_HITS },
	{ "kvmem_peer_puts_total", "Puts sent to it.", KVMEM_A_PEER_PUTS },
	{ "kvmem_peer_errors_total", "Requests that failed, timeouts included.",
	  KVMEM_A_PEER_ERRORS },
	{ "kvmem_peer_timeouts_total", "Requests without an answer in time.",
	  KVMEM_A_PEER_TIMEOUTS },
	{ "kvmem_peer_hedges_total", "Gets sent to it because another owner was slow.",
	  KVMEM_A_PEER_HEDGES },
	{ "kvmem_peer_served_gets_total", "Gets of its that were served.",
	  KVMEM_A_PEER_SERVED_GETS },
	{ "kvmem_peer_served_puts_total", "Puts of its that were taken.",
	  KVMEM_A_PEER_SERVED_PUTS },
	{ "kvmem_peer_refused_total", "Requests of its that were refused, for the namespace.",
	  KVMEM_A_PEER_REFUSED },
	{ "kvmem_peer_late_total", "Answers to requests that had been given up.",
	  KVMEM_A_PEER_LATE },
	{ "kvmem_peer_bad_capsules_total", "Capsules refused, each with its connection.",
	  KVMEM_A_PEER_BAD_CAPSULES },
};

static void numbers(const struct state *state, struct buffer *b)
{
	const struct state_peer *p;
	unsigned int i;

	for (i = 0; i < COUNT(gauges); i++) {
		text_gauge(b, gauges[i].name, gauges[i].help);
		for (p = state->peers; p < state->peers + state->nr_peers; p++)
			text_double(b, gauges[i].name, LABELS({ "peer", NAME(p->name) }),
				    (double)p->v[gauges[i].attr] * gauges[i].unit);
	}
	for (i = 0; i < COUNT(counters); i++) {
		text_counter(b, counters[i].name, counters[i].help);
		for (p = state->peers; p < state->peers + state->nr_peers; p++)
			text_u64(b, counters[i].name, LABELS({ "peer", NAME(p->name) }),
				 p->v[counters[i].attr]);
	}
}

static void states(const struct state *state, struct buffer *b)
{
	const struct state_peer *p;
	unsigned int s;

	text_gauge(b, "kvmem_peer_state", "1 for what the peer can be asked for now.");
	for (p = state->peers; p < state->peers + state->nr_peers; p++)
		for (s = KVMEM_PEER_STATE_DOWN; s <= KVMEM_PEER_STATE_SLOW; s++)
			text_u64(b, "kvmem_peer_state",
				 LABELS({ "peer", NAME(p->name) },
					{ "state", state_peer_state_name(s) }), p->state == s);
}

static void info_and_bytes(const struct state *state, struct buffer *b)
{
	const struct state_peer *p;
	char node[16];

	text_gauge(b, "kvmem_peer_info", "Which node it is.");
	for (p = state->peers; p < state->peers + state->nr_peers; p++) {
		snprintf(node, sizeof(node), "%u", p->node);
		text_u64(b, "kvmem_peer_info",
			 LABELS({ "peer", NAME(p->name) }, { "node", node },
				{ "addresses", p->addresses }), 1);
	}
	text_counter(b, "kvmem_peer_bytes_total", "Bytes of blocks from the peer, and to it.");
	for (p = state->peers; p < state->peers + state->nr_peers; p++) {
		text_u64(b, "kvmem_peer_bytes_total",
			 LABELS({ "peer", NAME(p->name) }, { "direction", "in" }),
			 p->v[KVMEM_A_PEER_BYTES_IN]);
		text_u64(b, "kvmem_peer_bytes_total",
			 LABELS({ "peer", NAME(p->name) }, { "direction", "out" }),
			 p->v[KVMEM_A_PEER_BYTES_OUT]);
	}
}

static void map(const struct state_map *m, struct buffer *b)
{
	text_gauge_u64(b, "kvmem_map_epoch", "Version of the placement map; 0 when there is none.",
		       m->epoch);
	text_gauge_u64(b, "kvmem_map_previous_epoch",
		       "Of the map before, which is consulted as well; 0 when all is settled.",
		       m->previous);
	text_gauge_u64(b, "kvmem_map_moving", "1 while blocks are being moved to new owners.",
		       m->moving);
	text_gauge_u64(b, "kvmem_map_to_move_blocks",
		       "Blocks that are not with their owners yet, as far as they were looked at.",
		       m->to_move);
	text_counter_u64(b, "kvmem_map_moved_blocks_total",
			 "Blocks moved since the map was set.", m->moved_blocks);
	text_counter_u64(b, "kvmem_map_moved_bytes_total", "Their bytes.", m->moved_bytes);
}

static void ring(const struct state_ring *r, struct buffer *b)
{
	text_gauge_u64(b, "kvmem_cluster_members", "Nodes of the cluster, this one included.",
		       r->members);
	text_gauge_u64(b, "kvmem_cluster_drained_members", "Of those, nodes that own nothing.",
		       r->drained);
	text_gauge_u64(b, "kvmem_cluster_owned_slots",
		       "Slots of this node, every copy counted.", r->owned);
	text_gauge_double(b, "kvmem_cluster_imbalance_ratio",
			  "How much the node that owns most has above its share.", r->over);
	text_gauge_u64(b, "kvmem_cluster_membership_lost",
		       "1 while etcd does not answer, so that members and map stay as they are.",
		       r->source_lost);
	text_counter_u64(b, "kvmem_daemon_map_pushes_total", "Placement maps that the kernel took.",
			 r->pushes);
}

void metrics_peers(const struct state *state, struct buffer *b)
{
	if (state->nr_peers) {
		info_and_bytes(state, b);
		states(state, b);
		numbers(state, b);
	}
	if (state->map.known)
		map(&state->map, b);
	if (state->ring.configured)
		ring(&state->ring, b);
}
