/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The policies at work: what the kernel counted goes to each namespace's
 * policy, the table that comes out goes back.
 *
 * The kernel evicts by its table whether we are there or not.  So nothing is
 * taken back when we stop, in whatever way: the last table is a better guess
 * than LRU, it goes on working, and the daemon that comes next takes over.
 */
#ifndef KVMEMD_CONTROL_H
#define KVMEMD_CONTROL_H

#include "daemon/config.h"
#include "daemon/kernel.h"

/**
 * struct control - what the functions below work on
 * @config: whose policy is which; replaced when it is read again
 * @given: policies that namespaces got in this second
 * @early: policies there are
 */
struct control {
	struct kernel *k;
	struct state *state;
	const struct config *config;
	unsigned int given;
	unsigned int early;
};

/*
 * Every poll: namespaces that are in use.  0, or -errno when the kernel
 * cannot be talked to, -ENOENT when the list of namespaces is not right.
 */
int control_poll(struct control *c, uint64_t now);
/*
 * Once a second, after read_all(): gives new namespaces their policies, finds
 * out which are in use, reads "hinted", repairs tables that somebody changed.
 */
int control_second(struct control *c, uint64_t now);
/* Look at all tables again. */
void control_events_lost(struct control *c);
/* SAMPLES_NTF; one that is malformed is ignored. */
void control_samples(struct control *c, const struct knl_msg *m);
/* Another configuration: policies that are not what it wants are replaced. */
void control_reconfigure(struct control *c);

#endif
