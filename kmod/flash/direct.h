/* SPDX-License-Identifier: GPL-2.0 */
/*
 * GET and PUT between a registered buffer and flash, with no copy in between
 * and nothing left in DRAM (KVMEM_OP_F_NOCACHE).
 *
 * Those of a batch are under way together: an operation begins, the batch goes
 * on, and its result is written when the batch waits for it: at its end, before
 * an operation of the same key, and when too many are under way.
 */
#ifndef KVMEM_DIRECT_H
#define KVMEM_DIRECT_H

#include <linux/kvmem.h>

struct kvmem_buffer;
struct kvmem_ns;
struct kvmem_run;

/* What an operation returns that has begun: it is in run->direct. */
#define KVMEM_OP_PENDING	1

/*
 * KVMEM_OP_PENDING; -EAGAIN: not this way (no media, unaligned, a part of a
 * block, not registered memory): take the ordinary one; else the status.  @buf: of
 * the operation, or NULL; what has begun has a reference of its own.
 */
int kvmem_direct_get(struct kvmem_buffer *buf, struct kvmem_ns *ns, struct kvmem_op *op,
		     struct kvmem_run *run);
int kvmem_direct_put(struct kvmem_buffer *buf, struct kvmem_ns *ns, struct kvmem_op *op,
		     struct kvmem_run *run);
/* Under way at a time in one batch. */
#define KVMEM_DIRECT_MAX	64U

/* Where the result of the last one that began goes. */
void kvmem_direct_tell(struct kvmem_run *run, struct kvmem_op __user *uop);
/*
 * Before @op begins: wait for all under way when it must not overtake one of them,
 * for the oldest when they are too many.  -EFAULT, as below.
 */
int kvmem_direct_make_way(struct kvmem_run *run, const struct kvmem_op *op);
/* What has gathered goes to the device: what comes next takes its time. */
void kvmem_direct_unplug(struct kvmem_run *run);
/* Wait for all, finish them, write their results.  -EFAULT: one could not be. */
int kvmem_direct_reap(struct kvmem_run *run);

/* The batch is over: what it kept for more operations goes. */
void kvmem_direct_release(struct kvmem_run *run);
int kvmem_direct_init(void);
void kvmem_direct_exit(void);

/*
 * A batch that nobody waits for: when its operations have begun, its memory is no
 * stack, and @idle is called in any context when nothing is under way any more.
 */
void kvmem_direct_alone(struct kvmem_run *run, void (*idle)(struct kvmem_run *run));
/*
 * All operations have begun.  True: @idle will be called, or was; else nothing is
 * under way, and it will not.
 */
bool kvmem_direct_part(struct kvmem_run *run);
/*
 * Do not wait for what is under way: it ends with @status, and what it needs goes
 * when the device is done with it.  Any context; the run must not be freed meanwhile.
 */
void kvmem_direct_give_up(struct kvmem_run *run, int status);

#endif
