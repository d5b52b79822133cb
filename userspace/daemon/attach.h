/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Attaching media without waiting for them.
 *
 * A request is carried out inside of sendmsg(): an attach reads from the device,
 * and one that does not answer would keep the loop, and with it all policies, for
 * minutes.  No flag of a socket helps against that, so each attach has a thread,
 * with a connection of its own, that does nothing else.
 *
 * A thread that is in the kernel cannot be ended; who is not interested any more
 * leaves the job to it.
 */
#ifndef KVMEMD_ATTACH_H
#define KVMEMD_ATTACH_H

#include "daemon/kernel.h"

struct attach_job;

enum attach_state {
	ATTACH_NONE,
	ATTACH_BUSY,
	ATTACH_DONE,
};

/*
 * Send @msg (taken over, may be NULL) for the media @name; it is among @jobs until
 * attach_look() has told its end.  @k stays until then.  0 or -errno.
 */
int attach_begin(struct attach_job **jobs, struct kernel *k, const char *name,
		 struct nl_msg *msg);
/*
 * How far it is, after at most @wait_ms.  ATTACH_DONE: *@rc and *@e are what the
 * kernel said, and it is not among @jobs any more.
 */
enum attach_state attach_look(struct attach_job **jobs, const char *name, unsigned int wait_ms,
			      int *rc, struct knl_error *e);
bool attach_is_there(const struct attach_job *jobs, const char *name);
/* Whatever comes of them. */
void attach_leave(struct attach_job **jobs);

#endif
