/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A transport without a network: nodes that answer as a test says.
 */
#ifndef KVMEM_TEST_FAKE_TRANSPORT_H
#define KVMEM_TEST_FAKE_TRANSPORT_H

#include <linux/atomic.h>
#include <linux/types.h>
#include "peer/peer.h"

#define FAKE_NODES	6	/* numbers 0 to 5; 0 is this node */

enum fake_mode {
	FAKE_NOW,	/* answers inside of submit */
	FAKE_LATE,	/* after delay_ms */
	FAKE_NEVER,	/* when it is cancelled, or the peer goes */
	FAKE_STUBBORN,	/* the same, and then delay_ms later */
	FAKE_WRONG,	/* other bytes than its checksum says */
	FAKE_LIAR,	/* other bytes, size and hints out of every range */
	FAKE_ERROR,	/* with the status error */
	FAKE_REFUSE,	/* submit fails with error */
	FAKE_FULL,	/* submit fails with EAGAIN, full times */
};

/**
 * struct fake_node - a node
 * @mode: enum fake_mode
 * @error: see there
 * @delay_ms: see there
 * @full: see there
 * @has: bit set: it has the block of that number, below 64 (kvmem_test_key())
 * @size: of its blocks
 * @calls: by enum kvmem_call_type, that came
 * @cancels: that came
 * @put_crc: of the last PUT, of the bytes it read
 * @put_sent: as it was announced
 * @pending: calls that have not ended
 * @peer: its peer, while the transport knows it
 */
struct fake_node {
	enum fake_mode mode;
	int error;
	unsigned int delay_ms;
	unsigned int full;
	u64 has;
	u32 size;
	unsigned int calls[KVMEM_CALL_NR];
	unsigned int cancels;
	u32 put_crc;
	u32 put_sent;
	atomic_t pending;
	struct kvmem_peer *peer;
};

extern struct fake_node fake_nodes[FAKE_NODES];
extern const struct kvmem_transport_ops fake_ops;
/* Calls that have not ended */
unsigned int fake_pending(void);
/* Forget all; no transport is registered. */
void fake_reset(void);

#endif
