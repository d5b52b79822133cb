/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is configured, made so.  Creates and changes what is described; deletes
 * nothing, and drops no block unless a quota that was lowered wants it.
 */
#ifndef KVMEMD_RECONCILE_H
#define KVMEMD_RECONCILE_H

#include "daemon/attach.h"
#include "daemon/config.h"
#include "daemon/kernel.h"

/**
 * struct reconcile_try - a media that could not be attached
 * @next: not before; CLOCK_MONOTONIC ns
 * @pause: from the last attempt to that
 * @said: hash of what was said about it
 */
struct reconcile_try {
	char name[KVMEM_NAME_LEN];
	uint64_t next, pause, said;
};

/**
 * struct reconcile - what came of it
 * @created, @changed: objects
 * @failed: the kernel refused; said in the log
 * @left: cannot be changed where it is; said in the log
 * @complaints: of the last time, hashed, so that each is said once and not
 *	at every event
 * @nr_complaints, @nr_before: of this time, of the last time
 * @tries: media that cannot be attached, CONFIG_MAX_MEDIA at most
 * @retry_at: when the next of them is tried again, or looked at; 0 = there are none
 * @attaching: media that are just being attached; they outlast a reset
 */
struct reconcile {
	unsigned int created, changed, failed, left;
	uint64_t *complaints, *before;
	size_t nr_complaints, nr_before;
	struct reconcile_try tries[CONFIG_MAX_MEDIA];
	unsigned int nr_tries;
	uint64_t retry_at;
	struct attach_job *attaching;
};

/*
 * @state must be what read_all() just read; it is read again when something
 * was created.  0, or -errno when the kernel cannot be talked to.  Media come
 * last, so that what is on them finds its namespaces; one that cannot be
 * attached is tried again after 2 s, 4 s and so on up to 64 s: @now is
 * CLOCK_MONOTONIC in ns.  They are attached side by side, and waited for no longer
 * than a second: what takes more is looked at again later.
 */
int reconcile(struct reconcile *r, struct kernel *k, struct state *state,
	      const struct config *config, uint64_t now);
/* Try all media again at once: the module is another one. */
void reconcile_forget_tries(struct reconcile *r);
/* Say everything again: the configuration is another one. */
void reconcile_reset(struct reconcile *r);
/* The end: what is being attached is left to the kernel. */
void reconcile_end(struct reconcile *r);

#endif
