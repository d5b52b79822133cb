/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A node of our own on plain verbs: it says what a test wants, right or wrong.
 */
#ifndef ROGUE_H
#define ROGUE_H

#include <rdma/rdma_verbs.h>
#include "../kunit/capsules.h"

#define ROGUE_ADDRESS	"10.77.0.1"
#define ROGUE_PORT	"7471"
#define ROGUE_SECRET	"0123456789abcdef0123456789abcdef"
#define ROGUE_CLUSTER	"hostile"
#define ROGUE_NODE	2	/* that we say we are */
#define ROGUE_MEMORY	(4UL << 20)
#define ROGUE_RX	64

/**
 * struct rogue - one connection
 * @id: its own, with queues
 * @tx, @rx: capsules; ROGUE_RX of the latter
 * @memory: remotely readable and writable, ROGUE_MEMORY bytes
 * @mr: its region
 * @hello, @challenge: of the handshake
 * @credits: of READY
 * @got: the capsule that came last, @got_len bytes
 * @ended: the connection is gone
 */
struct rogue {
	struct rdma_cm_id *id;
	void *tx;
	void *rx;
	struct ibv_mr *tx_mr;
	struct ibv_mr *rx_mr;
	uint8_t *memory;
	struct ibv_mr *mr;
	struct kvmem_wire_hello hello;
	struct kvmem_wire_hello challenge;
	unsigned int credits;
	uint8_t got[KVMEM_WIRE_MAX] __attribute__((aligned(8)));
	uint32_t got_len;
	bool ended;
};

/* What HELLO says */
extern unsigned int rogue_keepalive_ms;

/* Connected, nothing said.  0 or -errno. */
int rogue_connect(struct rogue *r);
void rogue_close(struct rogue *r);
/* Send @len bytes of r->tx; does not wait.  0 or -errno. */
int rogue_send(struct rogue *r, uint32_t len);
/* The next capsule: its type; 0: the connection has ended; -ETIMEDOUT. */
int rogue_next(struct rogue *r, unsigned int ms);
/* The reason of the BYE that came; -1: something else did, or nothing but the end. */
int rogue_bye(struct rogue *r, unsigned int ms);

/* Handshake: the first half (up to CHALLENGE), the second, both.  0 or -1. */
int rogue_greet(struct rogue *r, uint16_t node, const char *cluster);
int rogue_prove(struct rogue *r, const char *secret);
int rogue_up(struct rogue *r);

/* Requests in r->tx: a head, then what the caller adds. */
struct kvmem_wire_op *rogue_request(struct rogue *r, enum kvmem_wire_type type, uint32_t id,
				    const char *ns, const uint8_t *fingerprint);
/*
 * @nr ops, the last of which has one run: @len bytes at @addr under @rkey; those before
 * ask for the size of @key alone, so the answer invalidates no key (rxe refuses that for
 * regions of user space).
 */
uint32_t rogue_get(struct rogue *r, uint32_t id, const char *ns, const uint8_t *key,
		   uint64_t addr, uint32_t rkey, uint32_t len);

#endif
