// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rogue.h"

#define LABEL	16

unsigned int rogue_keepalive_ms = 2000;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Connections -------------------------------------------------------------------- */

static int post_rx(struct rogue *r, unsigned int slot)
{
	uint8_t *at = (uint8_t *)r->rx + slot * KVMEM_WIRE_MAX;

	return rdma_post_recv(r->id, (void *)(uintptr_t)slot, at, KVMEM_WIRE_MAX, r->rx_mr);
}

static void *pages(size_t len)
{
	void *p = NULL;

	return posix_memalign(&p, 4096, len) ? NULL : memset(p, 0, len);
}

static int set_up_memory(struct rogue *r)
{
	const int access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ |
			   IBV_ACCESS_REMOTE_WRITE;
	unsigned int i;

	/* Twice as much as a capsule may have, for one that has. */
	r->tx = pages(2 * KVMEM_WIRE_MAX);
	r->rx = pages(ROGUE_RX * KVMEM_WIRE_MAX);
	r->memory = pages(ROGUE_MEMORY);
	if (!r->tx || !r->rx || !r->memory)
		return -ENOMEM;
	r->tx_mr = rdma_reg_msgs(r->id, r->tx, 2 * KVMEM_WIRE_MAX);
	r->rx_mr = rdma_reg_msgs(r->id, r->rx, ROGUE_RX * KVMEM_WIRE_MAX);
	r->mr = ibv_reg_mr(r->id->pd, r->memory, ROGUE_MEMORY, access);
	if (!r->tx_mr || !r->rx_mr || !r->mr)
		return -errno;
	for (i = 0; i < ROGUE_RX; i++)
		if (post_rx(r, i))
			return -errno;
	return 0;
}

static int create(struct rogue *r)
{
	struct rdma_addrinfo hints = { .ai_port_space = RDMA_PS_TCP }, *res;
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = 128, .max_recv_wr = ROGUE_RX, .max_send_sge = 1,
			 .max_recv_sge = 1 },
		.sq_sig_all = 1,
		.qp_type = IBV_QPT_RC,
	};
	int ret;

	if (rdma_getaddrinfo(ROGUE_ADDRESS, ROGUE_PORT, &hints, &res))
		return -errno;
	ret = rdma_create_ep(&r->id, res, NULL, &attr) ? -errno : 0;
	rdma_freeaddrinfo(res);
	return ret;
}

int rogue_connect(struct rogue *r)
{
	struct rdma_conn_param param = {
		.responder_resources = 16,
		.initiator_depth = 16,
		.retry_count = 7,
		.rnr_retry_count = 7,
	};
	int ret;

	memset(r, 0, sizeof(*r));
	ret = create(r);
	if (!ret)
		ret = set_up_memory(r);
	if (!ret && rdma_connect(r->id, &param))
		ret = -errno;
	if (ret)
		rogue_close(r);
	return ret;
}

void rogue_close(struct rogue *r)
{
	/* rdma_disconnect() would wait for an event that may have come already. */
	if (r->id && r->id->qp)
		rdma_destroy_qp(r->id);
	if (r->mr)
		ibv_dereg_mr(r->mr);
	if (r->tx_mr)
		rdma_dereg_mr(r->tx_mr);
	if (r->rx_mr)
		rdma_dereg_mr(r->rx_mr);
	if (r->id)
		rdma_destroy_ep(r->id);
	free(r->tx);
	free(r->rx);
	free(r->memory);
	memset(r, 0, sizeof(*r));
}

int rogue_send(struct rogue *r, uint32_t len)
{
	return rdma_post_send(r->id, NULL, r->tx, len, r->tx_mr, IBV_SEND_SIGNALED) ? -errno : 0;
}

/* One completion of the receive queue.  The type of what came, -EAGAIN, or 0. */
static int take(struct rogue *r)
{
	struct ibv_wc wc;
	const struct kvmem_wire_hdr *hdr = (void *)r->got;
	unsigned int slot;

	if (ibv_poll_cq(r->id->recv_cq, 1, &wc) != 1)
		return -EAGAIN;
	if (wc.status != IBV_WC_SUCCESS) {
		r->ended = true;
		return 0;
	}
	slot = (unsigned int)wc.wr_id;
	r->got_len = wc.byte_len;
	memcpy(r->got, (uint8_t *)r->rx + slot * KVMEM_WIRE_MAX, wc.byte_len);
	if (post_rx(r, slot))
		r->ended = true;
	/* What the module says is right, whatever we say. */
	if (kvmem_wire_check(r->got, r->got_len))
		abort();
	return hdr->type;
}

/* Has the connection manager heard of the end? */
static bool disconnected(struct rogue *r)
{
	struct pollfd p = { .fd = r->id->channel->fd, .events = POLLIN };
	struct rdma_cm_event *event;
	bool end = false;

	while (poll(&p, 1, 0) == 1 && !rdma_get_cm_event(r->id->channel, &event)) {
		end |= event->event == RDMA_CM_EVENT_DISCONNECTED ||
		       event->event == RDMA_CM_EVENT_DEVICE_REMOVAL;
		rdma_ack_cm_event(event);
	}
	return end;
}

int rogue_next(struct rogue *r, unsigned int ms)
{
	uint64_t end = now_ms() + ms;
	struct ibv_wc wc;
	int type;

	while (!r->ended) {
		type = take(r);
		if (type > 0)
			return type;
		while (ibv_poll_cq(r->id->send_cq, 1, &wc) == 1)
			;
		if (disconnected(r)) {
			/* What came before the end counts. */
			type = take(r);
			r->ended = true;
			if (type > 0)
				return type;
		}
		if (now_ms() > end)
			return -ETIMEDOUT;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return 0;
}

int rogue_bye(struct rogue *r, unsigned int ms)
{
	const struct kvmem_wire_bye *bye = kvmem_wire_body(r->got);
	int type, reason = -1;

	while ((type = rogue_next(r, ms)) > 0)
		if (type == KVMEM_WIRE_BYE)
			reason = (int)le32_to_cpu(bye->reason);
	/* The end must come as well. */
	return type ? -1 : reason;
}

/* The handshake ------------------------------------------------------------------- */

int rogue_greet(struct rogue *r, uint16_t node, const char *cluster)
{
	struct kvmem_wire_hello *hello = r->tx + sizeof(struct kvmem_wire_hdr);

	kvmem_wire_begin(r->tx, KVMEM_WIRE_HELLO, 0);
	memset(hello, 0, sizeof(*hello));
	hello->node = cpu_to_le16(node);
	hello->version_min = cpu_to_le16(KVMEM_WIRE_VERSION);
	hello->version_max = cpu_to_le16(KVMEM_WIRE_VERSION);
	hello->keepalive_ms = cpu_to_le32(rogue_keepalive_ms);
	strncpy((char *)hello->cluster, cluster, sizeof(hello->cluster) - 1);
	memset(hello->nonce, 0x5a, sizeof(hello->nonce));
	r->hello = *hello;
	if (rogue_send(r, kvmem_wire_end(r->tx, 1, 0, sizeof(struct kvmem_wire_hdr) +
					 sizeof(*hello))))
		return -1;
	if (rogue_next(r, 5000) != KVMEM_WIRE_CHALLENGE)
		return -1;
	memcpy(&r->challenge, kvmem_wire_body(r->got), sizeof(r->challenge));
	return 0;
}

/* By a library of others, from what docs/wire.md says */
static void proof(const struct rogue *r, const char *label, const char *secret, uint8_t *mac)
{
	struct kvmem_wire_hello challenge = r->challenge;
	uint8_t said[LABEL + 2 * sizeof(challenge)] = { 0 };
	unsigned int len = KVMEM_WIRE_MAC;

	memcpy(said, label, strnlen(label, LABEL));
	memset(challenge.proof, 0, sizeof(challenge.proof));
	memcpy(said + LABEL, &r->hello, sizeof(r->hello));
	memcpy(said + LABEL + sizeof(r->hello), &challenge, sizeof(challenge));
	HMAC(EVP_sha256(), secret, 32, said, sizeof(said), mac, &len);
}

int rogue_prove(struct rogue *r, const char *secret)
{
	uint8_t want[KVMEM_WIRE_MAC];
	const struct kvmem_wire_hdr *hdr = (void *)r->got;

	proof(r, "kvmem1 listener", ROGUE_SECRET, want);
	if (memcmp(want, r->challenge.proof, sizeof(want)))
		return -1;
	kvmem_wire_begin(r->tx, KVMEM_WIRE_PROOF, 0);
	proof(r, "kvmem1 connector", secret, r->tx + sizeof(struct kvmem_wire_hdr));
	if (rogue_send(r, kvmem_wire_end(r->tx, 1, 0, sizeof(struct kvmem_wire_hdr) +
					 KVMEM_WIRE_MAC)))
		return -1;
	if (rogue_next(r, 5000) != KVMEM_WIRE_READY)
		return -1;
	r->credits = le16_to_cpu(hdr->credits);
	return 0;
}

int rogue_up(struct rogue *r)
{
	int ret = rogue_connect(r);

	if (!ret && (rogue_greet(r, ROGUE_NODE, ROGUE_CLUSTER) || rogue_prove(r, ROGUE_SECRET))) {
		rogue_close(r);
		return -1;
	}
	return ret;
}

/* Requests ------------------------------------------------------------------------- */

struct kvmem_wire_op *rogue_request(struct rogue *r, enum kvmem_wire_type type, uint32_t id,
				    const char *ns, const uint8_t *fingerprint)
{
	struct kvmem_wire_request *req = r->tx + sizeof(struct kvmem_wire_hdr);

	memset(r->tx, 0, KVMEM_WIRE_MAX);
	kvmem_wire_begin(r->tx, type, id);
	strncpy((char *)req->name, ns, sizeof(req->name) - 1);
	memcpy(req->fingerprint, fingerprint, sizeof(req->fingerprint));
	req->timeout_ms = cpu_to_le32(20000);
	return (void *)(req + 1);
}

uint32_t rogue_get(struct rogue *r, uint32_t id, const char *ns, const uint8_t *key,
		   uint64_t addr, uint32_t rkey, uint32_t len)
{
	static const uint8_t none[KVMEM_FINGERPRINT_LEN];
	struct kvmem_wire_op *op = rogue_request(r, KVMEM_WIRE_GET, id, ns, none);
	struct kvmem_wire_seg *seg = (void *)&op[2];

	memcpy(op[0].key, key, sizeof(op[0].key));
	memcpy(op[1].key, key, sizeof(op[1].key));
	op[1].len = cpu_to_le32(len);
	op[1].segs = cpu_to_le16(1);
	seg->addr = cpu_to_le64(addr);
	seg->rkey = cpu_to_le32(rkey);
	seg->len = cpu_to_le32(len);
	return kvmem_wire_end(r->tx, 2, 0, (uint32_t)((uint8_t *)(seg + 1) - (uint8_t *)r->tx));
}
