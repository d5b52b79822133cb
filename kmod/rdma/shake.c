// SPDX-License-Identifier: GPL-2.0
/*
 * The handshake: HELLO, CHALLENGE, PROOF, READY.
 *
 * The asking side says who it is; the serving side says who it is, proves it, and
 * hears the other's proof before anything else.  Nothing but this is understood until
 * then, and a connection that takes its time ends by itself.
 */
#include <linux/random.h>
#include <linux/string.h>
#include "rdma/rdma.h"

static void shake_refuse(struct kvmem_conn *conn, enum kvmem_wire_reason why)
{
	kvmem_ctl_send_bye(conn, why);
	kvmem_conn_fail(conn, kvmem_wire_reason_text(why));
}

/* Who we are */
static void shake_say(struct kvmem_wire_hello *hello)
{
	memset(hello, 0, sizeof(*hello));
	hello->features = cpu_to_le64(KVMEM_WIRE_FEATURES);
	hello->node = cpu_to_le16(kvmem_rdma_self.node);
	hello->version_min = cpu_to_le16(KVMEM_WIRE_VERSION);
	hello->version_max = cpu_to_le16(KVMEM_WIRE_VERSION);
	hello->keepalive_ms = cpu_to_le32(READ_ONCE(kvmem_rdma_self.keepalive_ms));
	strscpy_pad((char *)hello->cluster, kvmem_rdma_self.cluster, sizeof(hello->cluster));
	get_random_bytes(hello->nonce, sizeof(hello->nonce));
}

/* May we talk at all?  KVMEM_WIRE_BYE_LEAVING: yes. */
static enum kvmem_wire_reason shake_verdict(const struct kvmem_wire_hello *theirs)
{
	u16 node = le16_to_cpu(theirs->node);

	if (le16_to_cpu(theirs->version_min) > KVMEM_WIRE_VERSION ||
	    le16_to_cpu(theirs->version_max) < KVMEM_WIRE_VERSION ||
	    le64_to_cpu(theirs->features) & ~KVMEM_WIRE_FEATURES)
		return KVMEM_WIRE_BYE_VERSION;
	if (strncmp((const char *)theirs->cluster, kvmem_rdma_self.cluster,
		    sizeof(theirs->cluster)))
		return KVMEM_WIRE_BYE_CLUSTER;
	if (node == kvmem_rdma_self.node || !kvmem_peer_known(node))
		return KVMEM_WIRE_BYE_UNKNOWN;
	return KVMEM_WIRE_BYE_LEAVING;
}

static void shake_send(struct kvmem_conn *conn, enum kvmem_wire_type type, const void *entry,
		       size_t len)
{
	struct kvmem_capsule *ctl = kvmem_ctl_get(conn);

	if (!ctl) {
		kvmem_conn_fail(conn, "handshake: no capsule to send");
		return;
	}
	kvmem_wire_begin(ctl->buf, type, 0);
	memcpy(ctl->buf + sizeof(struct kvmem_wire_hdr), entry, len);
	kvmem_ctl_send(ctl, kvmem_wire_end(ctl->buf, 1, 0, sizeof(struct kvmem_wire_hdr) + len));
}

/* The asking side ---------------------------------------------------------- */

void kvmem_shake_start(struct kvmem_conn *conn)
{
	shake_say(&conn->hello);
	shake_send(conn, KVMEM_WIRE_HELLO, &conn->hello, sizeof(conn->hello));
}

/* True: the other side has the secret. */
static bool shake_proved(struct kvmem_conn *conn, bool listener, const u8 *proof)
{
	u8 want[KVMEM_WIRE_MAC];

	return !kvmem_auth_proof(&conn->hello, &conn->challenge, listener, want) &&
	       !crypto_memneq(want, proof, sizeof(want));
}

static void shake_challenged(struct kvmem_conn *conn, const void *buf)
{
	const struct kvmem_wire_hello *theirs = kvmem_wire_body(buf);
	enum kvmem_wire_reason why = shake_verdict(theirs);
	struct kvmem_wire_proof proof;

	conn->challenge = *theirs;
	/* Another node than the one that was configured at that address is not asked. */
	if (why == KVMEM_WIRE_BYE_LEAVING && le16_to_cpu(theirs->node) != conn->node)
		why = KVMEM_WIRE_BYE_UNKNOWN;
	if (why == KVMEM_WIRE_BYE_LEAVING && !shake_proved(conn, true, theirs->proof))
		why = KVMEM_WIRE_BYE_SECRET;
	if (why != KVMEM_WIRE_BYE_LEAVING) {
		shake_refuse(conn, why);
		return;
	}
	if (kvmem_auth_proof(&conn->hello, &conn->challenge, false, proof.proof)) {
		kvmem_conn_fail(conn, "handshake: no proof");
		return;
	}
	/* Before READY can come. */
	if (kvmem_conn_advance(conn, KVMEM_CONN_PROVING))
		shake_send(conn, KVMEM_WIRE_PROOF, &proof, sizeof(proof));
}

static void shake_ready(struct kvmem_conn *conn, const void *buf)
{
	const struct kvmem_wire_hdr *hdr = buf;

	spin_lock(&conn->lock);
	conn->credits = min_t(unsigned int, le16_to_cpu(hdr->credits), KVMEM_RDMA_DEPTH);
	spin_unlock(&conn->lock);
	if (kvmem_conn_advance(conn, KVMEM_CONN_UP)) {
		kvmem_alive_start(conn);
		kvmem_rail_up(conn->rail);
	}
}

/* The serving side --------------------------------------------------------- */

static void shake_greeted(struct kvmem_conn *conn, const void *buf)
{
	const struct kvmem_wire_hello *theirs = kvmem_wire_body(buf);
	enum kvmem_wire_reason why = shake_verdict(theirs);

	if (why != KVMEM_WIRE_BYE_LEAVING) {
		shake_refuse(conn, why);
		return;
	}
	conn->hello = *theirs;
	conn->node = le16_to_cpu(theirs->node);
	shake_say(&conn->challenge);
	if (kvmem_auth_proof(&conn->hello, &conn->challenge, true, conn->challenge.proof)) {
		kvmem_conn_fail(conn, "handshake: no proof");
		return;
	}
	if (kvmem_conn_advance(conn, KVMEM_CONN_PROVING))
		shake_send(conn, KVMEM_WIRE_CHALLENGE, &conn->challenge, sizeof(conn->challenge));
}

static void shake_proof(struct kvmem_conn *conn, const void *buf)
{
	const struct kvmem_wire_proof *proof = kvmem_wire_body(buf);

	if (!shake_proved(conn, false, proof->proof)) {
		shake_refuse(conn, KVMEM_WIRE_BYE_SECRET);
		return;
	}
	/* Removed since its HELLO, when the removal could not find this connection yet? */
	if (!kvmem_peer_known(conn->node)) {
		shake_refuse(conn, KVMEM_WIRE_BYE_UNKNOWN);
		return;
	}
	spin_lock(&conn->lock);
	conn->credits = KVMEM_RDMA_DEPTH;
	spin_unlock(&conn->lock);
	/* Before it can send a request. */
	if (!kvmem_conn_advance(conn, KVMEM_CONN_UP))
		return;
	kvmem_listen_proved(conn);
	kvmem_alive_start(conn);
	kvmem_ctl_send_plain(conn, KVMEM_WIRE_READY, 0, KVMEM_RDMA_DEPTH);
}

/* Both --------------------------------------------------------------------- */

void kvmem_shake_capsule(struct kvmem_conn *conn, const void *buf)
{
	const struct kvmem_wire_hdr *hdr = buf;
	bool shaking = kvmem_conn_state(conn) == KVMEM_CONN_SHAKING;

	if (hdr->type == KVMEM_WIRE_HELLO && conn->serves && shaking)
		shake_greeted(conn, buf);
	else if (hdr->type == KVMEM_WIRE_PROOF && conn->serves && !shaking)
		shake_proof(conn, buf);
	else if (hdr->type == KVMEM_WIRE_CHALLENGE && !conn->serves && shaking)
		shake_challenged(conn, buf);
	else if (hdr->type == KVMEM_WIRE_READY && !conn->serves && !shaking)
		shake_ready(conn, buf);
	else
		shake_refuse(conn, KVMEM_WIRE_BYE_MALFORMED);
}
