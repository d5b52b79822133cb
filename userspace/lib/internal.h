/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of libkvmem; nothing in here is exported from the shared library. */
#ifndef _KVMEM_INTERNAL_H
#define _KVMEM_INTERNAL_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#include "libkvmem.h"

#define KVMEM_REATTACH_MS	30000	/* default of reattach_timeout_ms */

/**
 * struct kvmem_sys - how the library reaches the system
 *
 * Everything the library asks of the kernel goes through here, so that the
 * tests can put a device of their own behind it.  All functions return a
 * negative errno, never errno.
 *
 * @ring_wait: timeout_ms as poll(2); 1 with @cookie and @result filled, or 0
 */
struct kvmem_sys {
	int (*open)(void *ctx, const char *path);
	int (*close)(void *ctx, int fd);
	int (*ioctl)(void *ctx, int fd, unsigned long nr, void *arg);
	int (*mmap)(void *ctx, int fd, uint64_t offset, size_t len, bool write,
		    void **ptr);
	int (*munmap)(void *ctx, void *ptr, size_t len);
	uint64_t (*now_ms)(void *ctx);
	void (*sleep_ms)(void *ctx, unsigned int ms);
	int (*ring_create)(void *ctx, unsigned int depth, void **ring);
	void (*ring_destroy)(void *ctx, void *ring);
	int (*ring_submit)(void *ctx, void *ring, int fd,
			   struct kvmem_batch *batch, void *cookie);
	int (*ring_wait)(void *ctx, void *ring, int timeout_ms, void **cookie,
			 int *result);
	void *ctx;
};

extern const struct kvmem_sys kvmem_linux;

/**
 * struct kvmem_slot - a registered buffer; its public id is its index + 1
 * @used: the application has it
 * @id: what the kernel calls it on the present file; 0 = could not be
 *	registered again
 * @reg: how to register it again
 */
struct kvmem_slot {
	bool used;
	uint32_t id;
	struct kvmem_buf_reg reg;
};

/**
 * struct kvmem - a handle
 * @lock: held for reading by whoever uses @fd or looks at @slots, for writing
 *	by whoever changes them
 * @fd: the open file, -1 while there is none
 * @generation: times re-attached; written under @lock
 * @held: leases and allocations the application holds, as far as the library
 *	can tell
 * @charged: those that batches in flight may bring
 * @remapped: a public buffer id differs from the kernel's
 * @event_fd: -1 until asked for
 * @watch_fd: -1 without KVMEM_OPEN_WATCH
 * @stop: the handle is being closed: wait for nothing any more
 */
struct kvmem {
	struct kvmem_sys sys;
	pthread_rwlock_t lock;
	int fd;
	uint32_t access;
	uint64_t generation;
	int64_t held;
	int64_t charged;
	bool remapped;
	struct kvmem_slot *slots;
	size_t nr_slots;
	int event_fd;
	uint32_t event_mask;
	int watch_fd;
	pthread_t watcher;
	bool watching;
	bool stop;
	uint32_t flags;
	uint32_t reattach_ms;
	char *device;
	struct kvmem_attach attach;
};

/* handle.c */
int kvmem_open_sys(const struct kvmem_options *options,
		   const struct kvmem_sys *sys, struct kvmem **out);
int kvmem_call(struct kvmem *k, unsigned long nr, void *arg);

/* attach.c */
int kvmem_attach_wait(struct kvmem *k, uint64_t deadline);
uint64_t kvmem_deadline(struct kvmem *k);
int kvmem_recover(struct kvmem *k, uint64_t generation, uint64_t deadline,
		  unsigned int tries);

/* batch.c */
int64_t kvmem_batch_finish(struct kvmem *k, struct kvmem_op *ops, size_t n,
			   uint32_t flags);
void kvmem_ops_mark(struct kvmem_op *ops, size_t n, int from, int to);
void kvmem_ops_settle(struct kvmem *k, struct kvmem_op *ops, size_t n);
int64_t kvmem_ops_may_hold(const struct kvmem_op *ops, size_t n);
int kvmem_one(struct kvmem *k, struct kvmem_op *op);
int kvmem_one_at(struct kvmem *k, struct kvmem_op *op, uint64_t generation);

/* buffer.c */
int kvmem_bufs_restore(struct kvmem *k, int fd);
void kvmem_bufs_translate(struct kvmem *k, struct kvmem_op *ops, size_t n,
			  uint32_t *saved);
void kvmem_bufs_untranslate(struct kvmem_op *ops, size_t n,
			    const uint32_t *saved);
void kvmem_bufs_free(struct kvmem *k);

/* events.c */
int kvmem_event_arm(struct kvmem *k, int fd);

/* watch.c */
int kvmem_watch_prepare(struct kvmem *k);
int kvmem_watch_start(struct kvmem *k);
void kvmem_watch_kick(struct kvmem *k);
void kvmem_watch_end(struct kvmem *k);

/* lease.c */
size_t kvmem_page_round(size_t len);

/* What the kernel answers to a library call on the present file. */
static inline int kvmem_sys_ioctl(struct kvmem *k, int fd, unsigned long nr,
				  void *arg)
{
	return k->sys.ioctl(k->sys.ctx, fd, nr, arg);
}

#endif /* _KVMEM_INTERNAL_H */
