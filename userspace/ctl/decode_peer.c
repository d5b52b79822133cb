// SPDX-License-Identifier: GPL-2.0
#include <linux/kvmem_netlink.h>

#include "ctl/decode.h"

static const struct decode peer_fields[] = {
	{ "node", KVMEM_A_PEER_NODE, DECODE_U32 },
	{ "name", KVMEM_A_PEER_NAME, DECODE_STRING },
	{ "addresses", KVMEM_A_PEER_ADDRESSES, DECODE_STRING },
	{ "state", KVMEM_A_PEER_STATE, DECODE_PEER_STATE },
	{ "reason", KVMEM_A_PEER_REASON, DECODE_OPTIONAL },
	{ "rails", KVMEM_A_PEER_RAILS, DECODE_U32 },
	{ "rails_up", KVMEM_A_PEER_RAILS_UP, DECODE_U32 },
	{ "credits", KVMEM_A_PEER_CREDITS, DECODE_U32 },
	{ "in_flight", KVMEM_A_PEER_IN_FLIGHT, DECODE_U32 },
	{ "rtt_ns", KVMEM_A_PEER_RTT_NS, DECODE_U64 },
	{ "wait_ns", KVMEM_A_PEER_WAIT_NS, DECODE_U64 },
	{ "connects", KVMEM_A_PEER_CONNECTS, DECODE_U64 },
	{ "disconnects", KVMEM_A_PEER_DISCONNECTS, DECODE_U64 },
	{ "bytes_in", KVMEM_A_PEER_BYTES_IN, DECODE_U64 },
	{ "bytes_out", KVMEM_A_PEER_BYTES_OUT, DECODE_U64 },
	{ "gets", KVMEM_A_PEER_GETS, DECODE_U64 },
	{ "hits", KVMEM_A_PEER_HITS, DECODE_U64 },
	{ "puts", KVMEM_A_PEER_PUTS, DECODE_U64 },
	{ "errors", KVMEM_A_PEER_ERRORS, DECODE_U64 },
	{ "timeouts", KVMEM_A_PEER_TIMEOUTS, DECODE_U64 },
	{ "hedges", KVMEM_A_PEER_HEDGES, DECODE_U64 },
	{ "served_gets", KVMEM_A_PEER_SERVED_GETS, DECODE_U64 },
	{ "served_puts", KVMEM_A_PEER_SERVED_PUTS, DECODE_U64 },
	{ "refused", KVMEM_A_PEER_REFUSED, DECODE_U64 },
	{ "late", KVMEM_A_PEER_LATE, DECODE_U64 },
	{ "bad_capsules", KVMEM_A_PEER_BAD_CAPSULES, DECODE_U64 },
	{ NULL, 0, 0 }
};

static const struct decode cluster_fields[] = {
	{ "node", KVMEM_A_CLUSTER_NODE, DECODE_U32 },
	{ "name", KVMEM_A_CLUSTER_NAME, DECODE_STRING },
	{ "listen", KVMEM_A_CLUSTER_LISTEN, DECODE_STRING },
	{ "keepalive_ms", KVMEM_A_CLUSTER_KEEPALIVE_MS, DECODE_U32 },
	{ "timeout_ms", KVMEM_A_CLUSTER_TIMEOUT_MS, DECODE_U32 },
	{ "hedge_us", KVMEM_A_CLUSTER_HEDGE_US, DECODE_U32 },
	{ "move_rate", KVMEM_A_CLUSTER_MOVE_RATE, DECODE_U64 },
	{ "transport", KVMEM_A_CLUSTER_TRANSPORT, DECODE_OPTIONAL },
	{ NULL, 0, 0 }
};

/* Without owners */
static const struct decode map_fields[] = {
	{ "epoch", KVMEM_A_MAP_EPOCH, DECODE_U64 },
	{ "previous_epoch", KVMEM_A_MAP_PREVIOUS_EPOCH, DECODE_U64 },
	{ "moved_blocks", KVMEM_A_MAP_MOVED_BLOCKS, DECODE_U64 },
	{ "moved_bytes", KVMEM_A_MAP_MOVED_BYTES, DECODE_U64 },
	{ "to_move", KVMEM_A_MAP_TO_MOVE, DECODE_U64 },
	{ NULL, 0, 0 }
};

json_t *decode_peer(struct nlattr **tb)
{
	return decode_nest(tb[KVMEM_A_PEER], KVMEM_A_PEER_MAX, peer_fields);
}

json_t *decode_cluster(struct nlattr **tb)
{
	return decode_nest(tb[KVMEM_A_CLUSTER], KVMEM_A_CLUSTER_MAX, cluster_fields);
}

json_t *decode_map(struct nlattr **tb)
{
	json_t *map = decode_nest(tb[KVMEM_A_MAP], KVMEM_A_MAP_MAX, map_fields);
	struct nlattr *nest[KVMEM_A_MAP_MAX + 1];

	/* A flag is there or not, and has no value. */
	if (map && !nla_parse_nested(nest, KVMEM_A_MAP_MAX, tb[KVMEM_A_MAP], NULL))
		json_put(map, "moving", json_boolean(nest[KVMEM_A_MAP_MOVING]));
	return map;
}
