/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Questions to peers: calls that are waited for, and what they need.
 *
 * Who asks may give up at any time: the memory is the question's own then, and goes
 * when the transport is through with it.  Only a question that writes to the caller's
 * own pages is waited for to its end.
 */
#ifndef KVMEM_ASK_H
#define KVMEM_ASK_H

#include <linux/kref.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "peer/peer.h"

struct kvmem_span;

/* So much longer than the transport we wait for it to time out, ms. */
#define KVMEM_ASK_GRACE_MS	100

/**
 * struct kvmem_asking - an operation that asks, maybe several
 * @ref: its own, and one for each question
 * @wait: for any of them
 */
struct kvmem_asking {
	struct kref ref;
	wait_queue_head_t wait;
};

/**
 * struct kvmem_ask - a question
 * @call: to the transport
 * @ref: of who asks, and of the transport while it is under way
 * @asking: where who asks waits
 * @ns: referenced
 * @peer: whom it was sent to, referenced
 * @block: what @bvecs are of, referenced; NULL: memory of the caller, or none
 * @bvecs: to be freed, if @block
 * @fingerprint: a copy: it may outlive its operation
 * @sent: by the core
 * @ended: the transport is through with it; acquire
 * @deadline: jiffies; when it is given up
 * @retried: of who asks
 * @free: frees it, when the transport was last
 * @keys: of the call
 */
struct kvmem_ask {
	struct kvmem_call call;
	struct kref ref;
	struct kvmem_asking *asking;
	struct kvmem_ns *ns;
	struct kvmem_peer *peer;
	struct kvmem_block *block;
	struct bio_vec *bvecs;
	u8 fingerprint[KVMEM_FINGERPRINT_LEN];
	bool sent;
	bool ended;
	bool retried;
	unsigned long deadline;
	struct work_struct free;
	struct kvmem_key keys[];
};

int kvmem_asks_init(void);
/* All that were given up have ended. */
void kvmem_asks_exit(void);

struct kvmem_asking *kvmem_asking_new(void);
void kvmem_asking_put(struct kvmem_asking *asking);

/* For @nr keys, which the caller fills. */
struct kvmem_ask *kvmem_ask_new(struct kvmem_asking *asking, struct kvmem_ns *ns,
				enum kvmem_call_type type, unsigned int nr);
/* Takes its own reference; @len bytes of it are to be moved.  0, -ENOMEM. */
int kvmem_ask_set_block(struct kvmem_ask *ask, struct kvmem_block *block, size_t len);
/* Pages of the caller's, which then waits for the end: see kvmem_ask_drop(). */
void kvmem_ask_set_span(struct kvmem_ask *ask, const struct kvmem_span *span, size_t len);

/*
 * Send it.  Waits a while if the queue is full.  0; -EINTR, or the transport's error,
 * and then it was not sent.
 */
int kvmem_ask_send(struct kvmem_ask *ask, struct kvmem_peer *peer);
static inline bool kvmem_ask_ended(const struct kvmem_ask *ask)
{
	/* Pairs with ask_done(): the status, and the bytes, are there. */
	return smp_load_acquire(&ask->ended);
}

/*
 * Has it ended, or is it overdue?  Then *@status is what became of it; it is counted
 * for its peer.
 */
bool kvmem_ask_settled(struct kvmem_ask *ask, int *status);
/* What came was not what it said it was. */
void kvmem_ask_wrong(struct kvmem_ask *ask);
/*
 * The caller is through with it, in any state.  Waits for the end when it writes to the
 * caller's pages.
 */
void kvmem_ask_drop(struct kvmem_ask *ask);

/* Wait until each has ended, at the longest until it is overdue.  0, -EINTR. */
int kvmem_asks_wait(struct kvmem_asking *asking, struct kvmem_ask **asks, unsigned int nr);

/**
 * struct kvmem_route - owners that can be asked, the most promising first
 * @nr: how many
 * @peer: referenced
 */
struct kvmem_route {
	unsigned int nr;
	struct kvmem_peer *peer[KVMEM_MAX_OWNERS];
};

/* Owners in both maps. */
void kvmem_route_find(struct kvmem_ns *ns, const struct kvmem_key *key,
		      struct kvmem_route *route);
void kvmem_route_end(struct kvmem_route *route);

#endif
