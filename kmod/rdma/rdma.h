/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kvmem_rdma: what its files share.
 *
 * A node makes connections (rails) to its peers and sends requests on them, and
 * serves requests on those that peers make to it.  So each connection has one side
 * that asks and one that serves.
 */
#ifndef KVMEM_RDMA_H
#define KVMEM_RDMA_H

#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/socket.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <rdma/ib_verbs.h>
#include <rdma/rdma_cm.h>
#include <rdma/rw.h>
#include "peer/transport.h"
#include "rdma/wire.h"

/* Requests of a connection that are under way: what it is given in credits. */
#define KVMEM_RDMA_DEPTH	32U
/* Receives besides: the handshake, PING and PONG, BYE; one at a time each way. */
#define KVMEM_RDMA_SPARE	4U
#define KVMEM_RDMA_NR_RX	(KVMEM_RDMA_DEPTH + KVMEM_RDMA_SPARE)
/* Capsules besides requests and their answers that wait for their completion. */
#define KVMEM_RDMA_NR_CTL	4U
/*
 * Memory regions of the asking side, and pages that one covers: most requests need one,
 * the longest block as many as it has 2 MiB, and a few where it begins inside of a page.
 */
#define KVMEM_RDMA_MR_PAGES	512U
#define KVMEM_RDMA_MRS		(KVMEM_MAX_BLOCK / (KVMEM_RDMA_MR_PAGES * PAGE_SIZE) + 8)
/* Connections to one peer */
#define KVMEM_RDMA_RAILS	8U
/* Bound of each step of making a connection */
#define KVMEM_RDMA_STEP_MS	2000U
#define KVMEM_RDMA_SHAKE_MS	5000U

struct kvmem_conn;
struct kvmem_listener;
struct kvmem_rail;
struct kvmem_request;
struct kvmem_slot;

extern struct workqueue_struct *kvmem_rdma_wq;		/* ending, keepalive */
extern struct workqueue_struct *kvmem_rdma_connect_wq;	/* making connections */
extern struct workqueue_struct *kvmem_rdma_serve_wq;	/* requests of peers */
extern struct kvmem_self kvmem_rdma_self;

/* What the context of a cm_id begins with: who hears of its events */
struct kvmem_cm_context {
	int (*event)(struct kvmem_cm_context *ctx, struct rdma_cm_id *cm,
		     struct rdma_cm_event *event);
};

/* A capsule in memory that the device sees */
struct kvmem_capsule {
	struct kvmem_conn *conn;
	struct ib_cqe cqe;
	void *buf;		/* KVMEM_WIRE_MAX bytes */
	u64 dma;
	bool busy;		/* of a control capsule; under conn->lock */
};

/* The life of a connection; only forward */
enum kvmem_conn_state {
	KVMEM_CONN_NEW,		/* no queue pair that could receive */
	KVMEM_CONN_SHAKING,	/* who is it? */
	KVMEM_CONN_PROVING,	/* server: its CHALLENGE is out; client: its PROOF */
	KVMEM_CONN_UP,
	KVMEM_CONN_DEAD,	/* nothing is posted any more */
};

/**
 * struct kvmem_conn - one connection, of either side
 * @ctx: must be first
 * @ref: of its owner (rail or list of served), and of who is at work with it
 * @cm, @pd, @cq, @qp: of the device; a protection domain of its own, so that what is exposed
 *	on it is exposed to nobody else
 * @serves: this side serves
 * @node: of the other side; valid from PROVING on
 * @lock: guards what follows, as far as it says so; process context (completions are
 *	handled by a worker), innermost
 * @state: enum kvmem_conn_state; written under @lock
 * @building: somebody opens and connects it, and its end waits for him; under @lock
 * @drained: the device is through with all that was posted
 * @posting: how many are about to post; they looked at @state first
 * @sq_free: entries of the send queue that may be used; under @lock
 * @credits: asking side: requests that it may send; serving side: that it
 *	still has to expect; under @lock
 * @busy: slots that are taken; under @lock
 * @reason: why it ended; under @lock, set once
 * @wait: for @state, @posting, @sq_free
 * @cm_done: the event that the connecting side waits for, with
 * @cm_status: 0 or an errno
 * @hello, @challenge: of the handshake
 * @rx: receives
 * @ctl: for PING and so on
 * @mrs: memory regions of the asking side (ib_mr_pool)
 * @mr_pages: that one of them covers
 * @slots: of the asking side, KVMEM_RDMA_DEPTH
 * @requests: of the serving side, twice as many: one whose answer is out waits for the
 *	completion, while the next request may come
 * @alive: keepalive
 * @last_heard: jiffies
 * @ping_sent: ktime in ns; 0: none is under way.  Under @lock, as is
 * @ping_last: when the last one was sent
 * @end: tears it down
 * @rail: asking side: whose it is
 * @node_entry: serving side: in the list of those, and
 * @proved: it is no stranger any more; both under the lock of that
 */
struct kvmem_conn {
	struct kvmem_cm_context ctx;
	struct kref ref;
	struct rdma_cm_id *cm;
	struct ib_pd *pd;
	struct ib_cq *cq;
	struct ib_qp *qp;
	bool serves;
	u16 node;
	spinlock_t lock;	/* see above */
	u8 state;
	bool building;
	bool drained;
	atomic_t posting;
	unsigned int sq_free;
	unsigned int credits;
	unsigned int busy;
	const char *reason;
	wait_queue_head_t wait;
	struct completion cm_done;
	int cm_status;
	struct kvmem_wire_hello hello;
	struct kvmem_wire_hello challenge;
	struct kvmem_capsule rx[KVMEM_RDMA_NR_RX];
	struct kvmem_capsule ctl[KVMEM_RDMA_NR_CTL];
	struct list_head mrs;
	u32 mr_pages;
	struct kvmem_slot *slots;
	struct kvmem_request *requests;
	struct delayed_work alive;
	unsigned long last_heard;
	u64 ping_sent;
	u64 ping_last;
	struct work_struct end;
	struct kvmem_rail *rail;
	struct list_head node_entry;
	bool proved;
};

/* conn.c: life ------------------------------------------------------------- */

struct kvmem_conn *kvmem_conn_new(bool serves);
void kvmem_conn_put(struct kvmem_conn *conn);
/* Queues and receives, once @conn->cm has a device.  May sleep. */
int kvmem_conn_open(struct kvmem_conn *conn);
/* It is over, for @reason (a constant).  Any context; the end follows by itself. */
void kvmem_conn_fail(struct kvmem_conn *conn, const char *reason);
/* Who builds it is through: from here on it ends by itself.  False: it is dead already. */
bool kvmem_conn_built(struct kvmem_conn *conn);
/* Forward to @state; false: it is dead, or further. */
bool kvmem_conn_advance(struct kvmem_conn *conn, enum kvmem_conn_state state);
static inline u8 kvmem_conn_state(const struct kvmem_conn *conn)
{
	return READ_ONCE(conn->state);
}

/* How to connect and accept */
void kvmem_conn_param(struct kvmem_conn *conn, struct rdma_conn_param *param);

/* post.c: what goes out and comes in --------------------------------------- */

/* Post @wr, which takes @nr entries of the send queue.  -ENOTCONN, -EAGAIN: queue full. */
int kvmem_conn_post(struct kvmem_conn *conn, struct ib_send_wr *wr, unsigned int nr);
/* The same, and wait for room; not in completions. */
int kvmem_conn_post_wait(struct kvmem_conn *conn, struct ib_send_wr *wr, unsigned int nr);
/* Who was counted in conn->posting is through. */
void kvmem_conn_leave(struct kvmem_conn *conn);
/* A completion says that @nr entries are free again. */
void kvmem_conn_posted(struct kvmem_conn *conn, unsigned int nr);
/* A completion came with an error: the connection ends.  True: it did. */
bool kvmem_conn_wc_failed(struct kvmem_conn *conn, const struct ib_wc *wc);
int kvmem_conn_post_rx(struct kvmem_conn *conn, struct kvmem_capsule *rx);

/* A control capsule: to be filled, and sent or given back. */
struct kvmem_capsule *kvmem_ctl_get(struct kvmem_conn *conn);
void kvmem_ctl_send(struct kvmem_capsule *ctl, u32 len);
/* A capsule without entries */
void kvmem_ctl_send_plain(struct kvmem_conn *conn, enum kvmem_wire_type type, u32 id,
			  unsigned int credits);
void kvmem_ctl_send_bye(struct kvmem_conn *conn, enum kvmem_wire_reason why);

int kvmem_capsule_init(struct kvmem_conn *conn, struct kvmem_capsule *capsule,
		       enum dma_data_direction dir);
void kvmem_capsule_exit(struct kvmem_capsule *capsule, enum dma_data_direction dir);
void kvmem_capsule_to_device(struct kvmem_capsule *capsule, u32 len);
/* The SEND of a capsule: an entry of the list and what it sends. */
void kvmem_capsule_wr(struct kvmem_capsule *capsule, u32 len, struct ib_sge *sge,
		      struct ib_send_wr *wr);

/* shake.c: who is it? ------------------------------------------------------ */

/* The asking side begins. */
void kvmem_shake_start(struct kvmem_conn *conn);
/* A capsule that was checked came before the connection is up. */
void kvmem_shake_capsule(struct kvmem_conn *conn, const void *buf);

/* auth.c ------------------------------------------------------------------- */

int kvmem_auth_init(void);
void kvmem_auth_exit(void);
/* @proof: of the side that @listener says, over both entries.  0 or an errno. */
int kvmem_auth_proof(const struct kvmem_wire_hello *hello,
		     const struct kvmem_wire_hello *challenge, bool listener,
		     u8 proof[KVMEM_WIRE_MAC]);

/* alive.c ------------------------------------------------------------------ */

void kvmem_alive_init(struct kvmem_conn *conn);
/* The handshake has begun, and is to end. */
void kvmem_alive_watch(struct kvmem_conn *conn);
void kvmem_alive_start(struct kvmem_conn *conn);
/* Something has a deadline. */
void kvmem_alive_soon(struct kvmem_conn *conn);
void kvmem_alive_ping(struct kvmem_conn *conn, const void *buf);
void kvmem_alive_pong(struct kvmem_conn *conn, const void *buf);

/* call.c: the asking side -------------------------------------------------- */

int kvmem_slots_init(struct kvmem_conn *conn);
void kvmem_slots_exit(struct kvmem_conn *conn);
/* The connection is dead and its queues are empty: what waits for an answer gets none. */
void kvmem_slots_fail(struct kvmem_conn *conn);
int kvmem_slots_submit(struct kvmem_conn *conn, struct kvmem_call *call);
/* How many are under way. */
unsigned int kvmem_slots_busy(struct kvmem_conn *conn);
void kvmem_slots_result(struct kvmem_conn *conn, const void *buf, const struct ib_wc *wc);
/* Is one overdue?  Then the connection is not to be trusted any more. */
bool kvmem_slots_overdue(struct kvmem_conn *conn);

/* serve.c: the serving side ------------------------------------------------ */

int kvmem_requests_init(struct kvmem_conn *conn);
void kvmem_requests_exit(struct kvmem_conn *conn);
/* Wait until none is at work; the connection is dead and its queues are empty. */
void kvmem_requests_end(struct kvmem_conn *conn);
/* Is one far beyond its deadline?  Then the peer does not take its answer. */
bool kvmem_requests_stuck(struct kvmem_conn *conn);
/* A request came in @rx, which is its own until it has been answered. */
void kvmem_requests_start(struct kvmem_conn *conn, struct kvmem_capsule *rx);

/* rail.c ------------------------------------------------------------------- */

/* The connection has ended, and how. */
void kvmem_rail_ended(struct kvmem_rail *rail, struct kvmem_conn *conn);
/* It is up. */
void kvmem_rail_up(struct kvmem_rail *rail);
void kvmem_rail_rtt(struct kvmem_rail *rail, u64 ns);
void kvmem_rail_moved(struct kvmem_rail *rail, u64 in, u64 out);
void kvmem_rail_bad(struct kvmem_rail *rail);

int kvmem_rdma_peer_add(struct kvmem_peer *peer);
void kvmem_rdma_peer_del(struct kvmem_peer *peer);
int kvmem_rdma_submit(struct kvmem_peer *peer, struct kvmem_call *call);
void kvmem_rdma_info(struct kvmem_peer *peer, struct kvmem_transport_info *info);

/* listen.c ----------------------------------------------------------------- */

int kvmem_listen_start(const char *addresses);
void kvmem_listen_stop(void);
/* The node is no peer any more: what it was served on ends. */
void kvmem_listen_forget(u16 node);
/* A connection that was served has ended. */
void kvmem_listen_ended(struct kvmem_conn *conn);
/* It has proved who it is. */
void kvmem_listen_proved(struct kvmem_conn *conn);

/* addr.c ------------------------------------------------------------------- */

/*
 * The next of a list of addresses; *@list moves behind it.  1, 0: no more, or -EINVAL.
 */
int kvmem_addr_next(const char **list, struct sockaddr_storage *addr);

#endif
