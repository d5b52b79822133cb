// SPDX-License-Identifier: GPL-2.0
/*
 * Is the other side still there?
 *
 * The asking side sends a PING from time to time and expects its PONG; the serving side
 * expects to hear something.  The same clock ends handshakes that take too long, and
 * connections on which a request was not answered: its memory stays exposed as long as
 * the connection lives, so only the end of that makes it the caller's again.
 */
#include <linux/ktime.h>
#include "rdma/rdma.h"

/* Keepalives without an answer */
#define ALIVE_MISSED	3
/* Look at deadlines so often while there are any. */
#define ALIVE_SOON_MS	20U

static void alive_again(struct kvmem_conn *conn, unsigned int ms)
{
	spin_lock(&conn->lock);
	/* Who tears it down has set the state before he cancels this. */
	if (conn->state != KVMEM_CONN_DEAD)
		queue_delayed_work(kvmem_rdma_wq, &conn->alive, msecs_to_jiffies(ms));
	spin_unlock(&conn->lock);
}

static void alive_set(struct kvmem_conn *conn, unsigned int ms)
{
	spin_lock(&conn->lock);
	if (conn->state != KVMEM_CONN_DEAD)
		mod_delayed_work(kvmem_rdma_wq, &conn->alive, msecs_to_jiffies(ms));
	spin_unlock(&conn->lock);
}

/* Time to ping?  True, and then one is under way; *@missed: for how many ms. */
static bool alive_due(struct kvmem_conn *conn, unsigned int keepalive_ms, u64 *missed)
{
	u64 now = ktime_get_ns();
	bool due = false;

	*missed = 0;
	spin_lock(&conn->lock);
	if (conn->ping_sent) {
		*missed = now - conn->ping_sent;
	} else if (now - conn->ping_last >= (u64)keepalive_ms * NSEC_PER_MSEC) {
		conn->ping_sent = now;
		conn->ping_last = now;
		due = true;
	}
	spin_unlock(&conn->lock);
	return due;
}

static void alive_ask(struct kvmem_conn *conn)
{
	unsigned int keepalive_ms = READ_ONCE(kvmem_rdma_self.keepalive_ms);
	u64 missed;

	if (kvmem_slots_overdue(conn)) {
		kvmem_conn_fail(conn, "a request was not answered in time");
		return;
	}
	if (alive_due(conn, keepalive_ms, &missed))
		kvmem_ctl_send_plain(conn, KVMEM_WIRE_PING, 0, 0);
	if (missed > (u64)ALIVE_MISSED * keepalive_ms * NSEC_PER_MSEC) {
		kvmem_conn_fail(conn, "keepalive");
		return;
	}
	alive_again(conn, kvmem_slots_busy(conn) ? ALIVE_SOON_MS : keepalive_ms);
}

static void alive_serve(struct kvmem_conn *conn)
{
	unsigned int keepalive_ms = le32_to_cpu(conn->hello.keepalive_ms);
	unsigned long heard = READ_ONCE(conn->last_heard);

	if (time_after(jiffies, heard + msecs_to_jiffies((ALIVE_MISSED + 1) * keepalive_ms))) {
		kvmem_ctl_send_bye(conn, KVMEM_WIRE_BYE_TIMEOUT);
		kvmem_conn_fail(conn, kvmem_wire_reason_text(KVMEM_WIRE_BYE_TIMEOUT));
		return;
	}
	if (kvmem_requests_stuck(conn)) {
		kvmem_conn_fail(conn, "it does not take its answers");
		return;
	}
	alive_again(conn, keepalive_ms);
}

static void alive_work(struct work_struct *work)
{
	struct kvmem_conn *conn = container_of(to_delayed_work(work), struct kvmem_conn, alive);

	if (kvmem_conn_state(conn) != KVMEM_CONN_UP)
		kvmem_conn_fail(conn, "the handshake took too long");
	else if (conn->serves)
		alive_serve(conn);
	else
		alive_ask(conn);
}

void kvmem_alive_init(struct kvmem_conn *conn)
{
	INIT_DELAYED_WORK(&conn->alive, alive_work);
}

void kvmem_alive_watch(struct kvmem_conn *conn)
{
	alive_set(conn, KVMEM_RDMA_SHAKE_MS);
}

void kvmem_alive_start(struct kvmem_conn *conn)
{
	WRITE_ONCE(conn->last_heard, jiffies);
	alive_set(conn, conn->serves ? le32_to_cpu(conn->hello.keepalive_ms) : 0);
}

void kvmem_alive_soon(struct kvmem_conn *conn)
{
	alive_set(conn, ALIVE_SOON_MS);
}

void kvmem_alive_ping(struct kvmem_conn *conn, const void *buf)
{
	const struct kvmem_wire_hdr *hdr = buf;

	kvmem_ctl_send_plain(conn, KVMEM_WIRE_PONG, le32_to_cpu(hdr->id), 0);
}

void kvmem_alive_pong(struct kvmem_conn *conn, const void *buf)
{
	u64 took;

	spin_lock(&conn->lock);
	took = conn->ping_sent ? ktime_get_ns() - conn->ping_sent : 0;
	conn->ping_sent = 0;
	spin_unlock(&conn->lock);
	if (took)
		kvmem_rail_rtt(conn->rail, took);
}
