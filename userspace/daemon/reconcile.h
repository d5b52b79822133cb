/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is configured, made so.  Creates and changes what is described; deletes
 * nothing, and drops no block unless a quota that was lowered wants it.
 */
#ifndef KVMEMD_RECONCILE_H
#define KVMEMD_RECONCILE_H

#include "daemon/config.h"
#include "daemon/kernel.h"

/**
 * struct reconcile - what came of it
 * @created, @changed: objects
 * @failed: the kernel refused; said in the log
 * @left: cannot be changed where it is; said in the log
 * @complaints: of the last time, hashed, so that each is said once and not
 *	at every event
 * @nr_complaints, @nr_before: of this time, of the last time
 */
struct reconcile {
	unsigned int created, changed, failed, left;
	uint64_t *complaints, *before;
	size_t nr_complaints, nr_before;
};

/*
 * @state must be what read_all() just read; it is read again when something
 * was created.  0, or -errno when the kernel cannot be talked to.
 */
int reconcile(struct reconcile *r, struct kernel *k, struct state *state,
	      const struct config *config);
/* Say everything again: the configuration is another one. */
void reconcile_reset(struct reconcile *r);

#endif
