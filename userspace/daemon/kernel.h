/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The way to the kernel, so that tests can be the kernel.  Requests are built
 * with nl/, carried by a struct kernel, and answered by knl_msg.
 */
#ifndef KVMEMD_KERNEL_H
#define KVMEMD_KERNEL_H

#include "daemon/state.h"
#include "nl/nl.h"

struct kernel;

/**
 * struct kernel_ops - a transport; as knl_call() and knl_dump()
 * @attach: as call, from any thread and beside all others
 */
struct kernel_ops {
	int (*call)(struct kernel *k, struct nl_msg *msg, knl_fn fn, void *arg,
		    struct knl_error *e);
	int (*dump)(struct kernel *k, struct nl_msg *msg, knl_fn fn,
		    void (*restart)(void *arg), void *arg, struct knl_error *e);
	int (*attach)(struct kernel *k, struct nl_msg *msg, struct knl_error *e);
};

/**
 * struct kernel - a way to the kernel
 * @nl: of the real one
 * @error: of the last request that failed
 */
struct kernel {
	const struct kernel_ops *ops;
	struct knl nl;
	struct knl_error error;
};

/* The one that is there */
extern const struct kernel_ops kernel_ops;

/*
 * Send @msg, which may be NULL (no memory) and is freed.  0 or -errno; then
 * @k->error says more.
 */
int kernel_call(struct kernel *k, struct nl_msg *msg, knl_fn fn, void *arg);
int kernel_dump(struct kernel *k, struct nl_msg *msg, knl_fn fn, void (*restart)(void *arg),
		void *arg);
/* What the last failure was, for people; good until the next call. */
const char *kernel_error(const struct kernel *k);

/* --- reading into the state (read.c); 0 or -errno --- */

/* Module, pools, namespaces, media, latencies */
int read_all(struct kernel *k, struct state *state);
/* One namespace again; -ENOENT: it is gone */
int read_ns(struct kernel *k, struct state *state, uint32_t id);
/* @now: stored as the time of it */
int read_hist(struct kernel *k, struct state_ns *ns, uint64_t now);
struct parsed_table;
int read_table(struct kernel *k, const struct state_ns *ns, struct parsed_table *table);

#endif
