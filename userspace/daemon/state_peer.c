// SPDX-License-Identifier: GPL-2.0
/* Peers and the placement map. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/state_parse.h"

struct state_peer *state_find_peer(const struct state *state, uint32_t node)
{
	unsigned int i;

	for (i = 0; i < state->nr_peers; i++)
		if (state->peers[i].node == node)
			return &state->peers[i];
	return NULL;
}

struct state_peer *state_add_peer(struct state *state)
{
	unsigned int max = state->max_peers ? 2 * state->max_peers : 16;
	struct state_peer *peers;

	if (state->nr_peers == state->max_peers) {
		peers = realloc(state->peers, max * sizeof(*peers));
		if (!peers)
			return NULL;
		state->peers = peers;
		state->max_peers = max;
	}
	peers = &state->peers[state->nr_peers++];
	memset(peers, 0, sizeof(*peers));
	return peers;
}

const char *state_peer_state_name(unsigned int state)
{
	static const char * const names[] = {
		[KVMEM_PEER_STATE_DOWN] = "down",
		[KVMEM_PEER_STATE_UP] = "up",
		[KVMEM_PEER_STATE_SLOW] = "slow",
	};

	return state < sizeof(names) / sizeof(*names) ? names[state] : "?";
}

/* Numbers of 4 or 8 bytes; the rest is told apart by name. */
static void parse_numbers(struct state_peer *peer, struct nlattr **tb)
{
	uint32_t v;
	int i;

	for (i = KVMEM_A_PEER_RAILS; i <= KVMEM_A_PEER_MAX; i++) {
		if (knl_get_u64(tb[i], &peer->v[i]))
			continue;
		if (knl_get_u32(tb[i], &v))
			peer->v[i] = v;
	}
}

int state_parse_peer(struct state *state, const struct knl_msg *m)
{
	struct nlattr *tb[KVMEM_A_PEER_MAX + 1];
	struct state_peer *peer;
	uint32_t node;

	if (!m->tb[KVMEM_A_PEER] ||
	    nla_parse_nested(tb, KVMEM_A_PEER_MAX, m->tb[KVMEM_A_PEER], NULL) < 0 ||
	    !knl_get_u32(tb[KVMEM_A_PEER_NODE], &node))
		return -EBADMSG;
	peer = state_add_peer(state);
	if (!peer)
		return -ENOMEM;
	peer->node = node;
	knl_get_string(tb[KVMEM_A_PEER_NAME], peer->name, sizeof(peer->name));
	knl_get_string(tb[KVMEM_A_PEER_ADDRESSES], peer->addresses, sizeof(peer->addresses));
	knl_get_string(tb[KVMEM_A_PEER_REASON], peer->reason, sizeof(peer->reason));
	knl_get_u8(tb[KVMEM_A_PEER_STATE], &peer->state);
	parse_numbers(peer, tb);
	return 0;
}

int state_parse_map(struct state *state, const struct knl_msg *m)
{
	struct nlattr *tb[KVMEM_A_MAP_MAX + 1];
	struct state_map map = { .known = true };

	if (!m->tb[KVMEM_A_MAP] ||
	    nla_parse_nested(tb, KVMEM_A_MAP_MAX, m->tb[KVMEM_A_MAP], NULL) < 0)
		return -EBADMSG;
	knl_get_u64(tb[KVMEM_A_MAP_EPOCH], &map.epoch);
	knl_get_u64(tb[KVMEM_A_MAP_PREVIOUS_EPOCH], &map.previous);
	knl_get_u64(tb[KVMEM_A_MAP_MOVED_BLOCKS], &map.moved_blocks);
	knl_get_u64(tb[KVMEM_A_MAP_MOVED_BYTES], &map.moved_bytes);
	knl_get_u64(tb[KVMEM_A_MAP_TO_MOVE], &map.to_move);
	map.moving = tb[KVMEM_A_MAP_MOVING];
	state->map = map;
	return 0;
}
