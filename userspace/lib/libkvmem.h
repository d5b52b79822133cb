/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libkvmem: the KV-cache block store of /dev/kvmem.
 *
 * DOC: conventions
 *
 * Keys are KVMEM_KEY_LEN (32) bytes.  Lengths are bytes, times milliseconds.
 * A function that can fail returns a negative errno; errno itself is not
 * touched on purpose and means nothing.  What each errno means is written in
 * <linux/kvmem.h>; only what the library adds is repeated here.
 *
 * A read has three outcomes and no fourth: verified bytes, a miss (-ENOENT),
 * or an error in bounded time.
 *
 * DOC: threads
 *
 * There is no global state.  Every function that takes a struct kvmem may be
 * called from any number of threads at once, except kvmem_close().  A struct
 * kvmem_queue, and each struct kvmem_area and kvmem_view, belongs to one
 * thread at a time.
 *
 * DOC: fork
 *
 * A child shares the open file with its parent: pins, leases and buffers are
 * common to both, mappings are not inherited.  A child that wants its own
 * things opens its own handle.
 *
 * DOC: re-attaching when the module is upgraded
 *
 * When the module is quiesced (or the namespace deleted), the kernel answers
 * ESHUTDOWN.  The library then closes the file, opens and attaches again until
 * that works or options.reattach_timeout_ms has passed, registers every buffer
 * again under its old id, arms the event fd again and repeats what was
 * refused.  The caller sees only the delay.  While one thread does this the
 * others wait.
 *
 * Leases and allocations belong to the old file, so nothing can be re-attached
 * while the application holds one: every call then returns -ESHUTDOWN until
 * all of them have been released (releasing succeeds, if need be locally);
 * the next call re-attaches.  A wait that cannot help ends at once with the
 * errno of ATTACH, e.g. -EKEYREJECTED.  A buffer whose memory is gone stays
 * registered in name only: operations on it get -EBADSLT.  Pins are lost.
 *
 * A handle that is idle keeps the module from going: either open it with
 * KVMEM_OPEN_WATCH, which costs a thread that sleeps until the module wants to
 * go (not together with other flags; fork does not copy it), or watch
 * kvmem_event_fd() for KVMEM_EVENT_QUIESCE and call kvmem_reattach().
 */
#ifndef _LIBKVMEM_H
#define _LIBKVMEM_H

#include <linux/kvmem.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* <linux/kvmem.h> also has a struct kvmem_lease: what MATCH fills in. */

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

#define LIBKVMEM_VERSION_MAJOR	1
#define LIBKVMEM_VERSION_MINOR	0

#define KVMEM_DEFAULT_DEVICE	"/dev/kvmem"

struct kvmem;
struct kvmem_queue;

/* ---- handle ------------------------------------------------------------ */

#define KVMEM_OPEN_NO_REATTACH	(1U << 0)	/* hand ESHUTDOWN to the caller */
#define KVMEM_OPEN_NO_ATTACH	(1U << 1)	/* kvmem_query() only */
#define KVMEM_OPEN_WATCH	(1U << 2)	/* re-attach while idle, too */

/**
 * struct kvmem_options - how to open a handle
 * @size: sizeof(struct kvmem_options); KVMEM_OPTIONS_INIT sets it
 * @flags: KVMEM_OPEN_*
 * @device: device node; NULL = /dev/kvmem
 * @ns: namespace; NULL = "default"
 * @fingerprint: KVMEM_FINGERPRINT_LEN bytes, or NULL for none
 * @open_timeout_ms: how long kvmem_open() waits for the device and the
 *	namespace to come; 0 = not at all
 * @reattach_timeout_ms: how long a call may wait for the device to come back;
 *	0 = 30 s
 *
 * Strings and fingerprint are copied.
 */
struct kvmem_options {
	uint32_t size;
	uint32_t flags;
	const char *device;
	const char *ns;
	const uint8_t *fingerprint;
	uint32_t open_timeout_ms;
	uint32_t reattach_timeout_ms;
};

#define KVMEM_OPTIONS_INIT	{ .size = sizeof(struct kvmem_options) }

/**
 * kvmem_open() - open the device and attach to a namespace
 * @options: or NULL for all defaults
 * @k: out: the handle, NULL after a failure
 *
 * Returns 0, or -EINVAL (options), -ENAMETOOLONG (namespace), -ENOMEM, an
 * errno of open(2) (-ENOENT, -EACCES, -ENODEV: no device), or one of ATTACH:
 * -ENOENT, -EACCES, -EKEYREJECTED, -ESHUTDOWN.
 */
int kvmem_open(const struct kvmem_options *options, struct kvmem **k);

/**
 * kvmem_close() - close a handle; NULL is fine
 *
 * No other thread may be using it, its queues must have been destroyed.  A
 * mapping of an area or view not released stays valid, and keeps the file
 * open, until the application unmaps it.
 */
void kvmem_close(struct kvmem *k);

/** kvmem_query() - what the kernel can do.  Returns 0 or a negative errno. */
int kvmem_query(struct kvmem *k, struct kvmem_query *query);

/** kvmem_ns_info() - state of the namespace.  Returns 0 or a negative errno. */
int kvmem_ns_info(struct kvmem *k, struct kvmem_ns_info *info);

/** kvmem_access() - KVMEM_ACCESS_READ | KVMEM_ACCESS_WRITE as attached. */
uint32_t kvmem_access(struct kvmem *k);

/** kvmem_generation() - how often the handle has been re-attached. */
uint64_t kvmem_generation(struct kvmem *k);

/**
 * kvmem_reattach() - close the file, wait for the device, attach again
 *
 * To be called on KVMEM_EVENT_QUIESCE by an application that is idle.
 * Returns 0; -EBUSY while leases or allocations are held; -ESHUTDOWN when the
 * device did not come back in reattach_timeout_ms; or what ATTACH said when
 * waiting cannot help (-EKEYREJECTED: the namespace now holds another
 * layout).  After the last two the file is closed and the next call tries
 * again.
 */
int kvmem_reattach(struct kvmem *k);

/* ---- one block --------------------------------------------------------- */

/**
 * struct kvmem_hints - what the caller knows about a block; zero = nothing
 * @hint_class: 0 to KVMEM_NR_HINT_CLASSES - 1; blocks that live alike
 * @priority: 0 to KVMEM_MAX_PRIORITY
 * @reserved: must be 0
 * @ttl_ms: 0 = default of the namespace
 * @cost: tokens to recompute
 */
struct kvmem_hints {
	uint8_t hint_class;
	uint8_t priority;
	uint16_t reserved;
	uint32_t ttl_ms;
	uint32_t cost;
};

/**
 * kvmem_put() - store a block
 * @hints: or NULL
 *
 * Returns 0 when stored, 1 when the key was there already (nothing is
 * written), -ENOSPC, -EDQUOT, -EINVAL, -EACCES, -ESHUTDOWN, ...
 */
int kvmem_put(struct kvmem *k, const uint8_t *key, const void *data,
	      size_t len, const struct kvmem_hints *hints);

/**
 * kvmem_get() - copy a whole block to @buf
 *
 * Returns its length, -ENOENT (miss), -EMSGSIZE (longer than @len: ask
 * kvmem_exists()), -ESHUTDOWN, ...
 */
int64_t kvmem_get(struct kvmem *k, const uint8_t *key, void *buf, size_t len);

/**
 * kvmem_get_partial() - copy bytes [offset, offset + len) of a block
 *
 * Returns bytes copied, fewer than @len at the end of the block, -ENOENT
 * (miss), -EINVAL (@offset is outside of the block), ...
 */
int64_t kvmem_get_partial(struct kvmem *k, const uint8_t *key, void *buf,
			  uint64_t offset, size_t len);

/** kvmem_delete() - drop a block.  Returns 0, -ENOENT, ... */
int kvmem_delete(struct kvmem *k, const uint8_t *key);

/** kvmem_exists() - length of a block, or -ENOENT, ... */
int64_t kvmem_exists(struct kvmem *k, const uint8_t *key);

/** kvmem_pin() - keep from eviction while open.  Returns 0, -ENOENT, -EDQUOT */
int kvmem_pin(struct kvmem *k, const uint8_t *key);

/** kvmem_unpin() - undo one kvmem_pin().  Returns 0, -ENOENT, ... */
int kvmem_unpin(struct kvmem *k, const uint8_t *key);

/** kvmem_prefetch() - bring a block to DRAM.  Returns 0, -ENOENT, ... */
int kvmem_prefetch(struct kvmem *k, const uint8_t *key);

/**
 * kvmem_match() - length of the longest stored prefix of a row of keys
 * @keys: @n keys, one after the other
 *
 * Returns the number of keys (0 to @n), or a negative errno; -EINVAL when n
 * is 0 or over KVMEM_MAX_MATCH.
 */
int64_t kvmem_match(struct kvmem *k, const uint8_t *keys, size_t n);

/* ---- batches ----------------------------------------------------------- */

/**
 * kvmem_batch_run() - run operations in order
 * @ops: filled by the builders below; results come back in place
 * @n: any number; more than KVMEM_MAX_BATCH become several batches
 * @flags: KVMEM_BATCH_F_*
 *
 * Returns the number of operations with status 0.  A negative errno means the
 * batch could not be run to its end: operations that did run have their
 * status, the others -ECANCELED, or -ESHUTDOWN.  Handles of LEASE, MATCH and
 * ALLOC must be given back by COMMIT or RELEASE operations through this
 * library, which counts them.  A COMMIT that was refused is not repeated on
 * another file, where its handle would mean something else: -ENOENT.
 */
int64_t kvmem_batch_run(struct kvmem *k, struct kvmem_op *ops, size_t n,
			uint32_t flags);

static inline void kvmem_op_init(struct kvmem_op *op, uint16_t opcode,
				 const uint8_t *key)
{
	memset(op, 0, sizeof(*op));
	op->opcode = opcode;
	if (key)
		memcpy(op->key, key, KVMEM_KEY_LEN);
}

static inline void kvmem_op_data(struct kvmem_op *op, const void *data,
				 size_t len)
{
	op->addr = (uint64_t)(uintptr_t)data;
	op->len = len;
}

static inline void kvmem_op_hints(struct kvmem_op *op,
				  const struct kvmem_hints *hints)
{
	if (!hints)
		return;
	op->hint_class = hints->hint_class;
	op->priority = hints->priority;
	op->reserved0 = hints->reserved;
	op->ttl_ms = hints->ttl_ms;
	op->cost = hints->cost;
}

static inline void kvmem_op_get(struct kvmem_op *op, const uint8_t *key,
				void *buf, size_t len)
{
	kvmem_op_init(op, KVMEM_OP_GET, key);
	kvmem_op_data(op, buf, len);
}

static inline void kvmem_op_get_partial(struct kvmem_op *op,
					const uint8_t *key, void *buf,
					uint64_t offset, size_t len)
{
	kvmem_op_get(op, key, buf, len);
	op->flags = KVMEM_OP_F_PARTIAL;
	op->offset = offset;
}

static inline void kvmem_op_put(struct kvmem_op *op, const uint8_t *key,
				const void *data, size_t len,
				const struct kvmem_hints *hints)
{
	kvmem_op_init(op, KVMEM_OP_PUT, key);
	kvmem_op_data(op, data, len);
	kvmem_op_hints(op, hints);
}

/* Make a GET or PUT use offset @offset of registered buffer @buf_id. */
static inline void kvmem_op_set_buf(struct kvmem_op *op, uint32_t buf_id,
				    uint64_t offset)
{
	op->buf = buf_id;
	op->addr = offset;
}

static inline void kvmem_op_delete(struct kvmem_op *op, const uint8_t *key)
{
	kvmem_op_init(op, KVMEM_OP_DELETE, key);
}

static inline void kvmem_op_exists(struct kvmem_op *op, const uint8_t *key)
{
	kvmem_op_init(op, KVMEM_OP_EXISTS, key);
}

static inline void kvmem_op_pin(struct kvmem_op *op, const uint8_t *key)
{
	kvmem_op_init(op, KVMEM_OP_PIN, key);
}

static inline void kvmem_op_unpin(struct kvmem_op *op, const uint8_t *key)
{
	kvmem_op_init(op, KVMEM_OP_UNPIN, key);
}

static inline void kvmem_op_prefetch(struct kvmem_op *op, const uint8_t *key)
{
	kvmem_op_init(op, KVMEM_OP_PREFETCH, key);
}

static inline void kvmem_op_match(struct kvmem_op *op, const uint8_t *keys,
				  size_t n)
{
	kvmem_op_init(op, KVMEM_OP_MATCH, NULL);
	kvmem_op_data(op, keys, n);
}

/* @leases: room for @n */
static inline void kvmem_op_match_lease(struct kvmem_op *op,
					const uint8_t *keys, size_t n,
					struct kvmem_lease *leases)
{
	kvmem_op_match(op, keys, n);
	op->flags = KVMEM_OP_F_LEASE;
	op->handle = (uint64_t)(uintptr_t)leases;
}

static inline void kvmem_op_alloc(struct kvmem_op *op, size_t len)
{
	kvmem_op_init(op, KVMEM_OP_ALLOC, NULL);
	op->len = len;
}

static inline void kvmem_op_commit(struct kvmem_op *op, uint64_t handle,
				   const uint8_t *key, size_t len,
				   const struct kvmem_hints *hints)
{
	kvmem_op_init(op, KVMEM_OP_COMMIT, key);
	op->handle = handle;
	op->len = len;
	kvmem_op_hints(op, hints);
}

static inline void kvmem_op_lease(struct kvmem_op *op, const uint8_t *key)
{
	kvmem_op_init(op, KVMEM_OP_LEASE, key);
}

static inline void kvmem_op_release(struct kvmem_op *op, uint64_t handle)
{
	kvmem_op_init(op, KVMEM_OP_RELEASE, NULL);
	op->handle = handle;
}

/* ---- zero copy --------------------------------------------------------- */

/**
 * struct kvmem_area - writable pages of a block to be
 * @ptr: mapping; read and write
 * @len: bytes asked for
 * @handle: of the kernel
 * @generation: kvmem_generation() that @handle belongs to
 */
struct kvmem_area {
	void *ptr;
	size_t len;
	uint64_t handle;
	uint64_t generation;
};

/**
 * struct kvmem_view - read-only pages of a block
 * @ptr: mapping; valid until kvmem_release(), SIGBUS if touched later
 * @len: length of the block
 * @handle: of the kernel
 * @generation: kvmem_generation() that @handle belongs to
 * @crc: crc32c of the block
 * @flags: KVMEM_RES_F_COPIED: a private copy, not the block's own pages
 */
struct kvmem_view {
	const void *ptr;
	size_t len;
	uint64_t handle;
	uint64_t generation;
	uint32_t crc;
	uint32_t flags;
};

/**
 * kvmem_alloc() - get pages to write a block of up to @len bytes in place
 *
 * Returns 0, -ENOSPC, -EDQUOT, -EINVAL, -EMFILE, -ENOMEM, -ESHUTDOWN, ...
 */
int kvmem_alloc(struct kvmem *k, size_t len, struct kvmem_area *area);

/**
 * kvmem_commit() - turn the pages into block @key, without a copy
 * @len: bytes used; 0 = all
 * @hints: or NULL
 *
 * Returns 0 when stored, 1 when the key was there already; both end @area and
 * its mapping.  After an error (-EMSGSIZE, -EDQUOT, -ENOSPC, -EINVAL, -EACCES,
 * -ESHUTDOWN) @area is still held with its first @len bytes: try again, or
 * kvmem_discard() it, which is all that is left after -ESHUTDOWN.
 */
int kvmem_commit(struct kvmem *k, struct kvmem_area *area, const uint8_t *key,
		 size_t len, const struct kvmem_hints *hints);

/** kvmem_discard() - drop an area.  Returns 0, or -EINVAL if not held. */
int kvmem_discard(struct kvmem *k, struct kvmem_area *area);

/**
 * kvmem_lease() - map a block read-only
 * @flags: KVMEM_OP_F_NOCOPY, KVMEM_OP_F_NOTOUCH
 *
 * The kernel does not check the bytes of a lease; kvmem_lease_verify() does.
 *
 * Returns 0, -ENOENT (miss), -EOPNOTSUPP (NOCOPY), -EMFILE, -ESHUTDOWN, ...
 */
int kvmem_lease(struct kvmem *k, const uint8_t *key, uint32_t flags,
		struct kvmem_view *view);

/** kvmem_release() - give a view back.  Returns 0, or -EINVAL if not held. */
int kvmem_release(struct kvmem *k, struct kvmem_view *view);

/**
 * kvmem_lease_verify() - compare the bytes with the checksum
 *
 * Returns 0 or -EBADMSG.  Reads every byte.
 */
int kvmem_lease_verify(const struct kvmem_view *view);

/**
 * kvmem_match_lease() - map the longest stored prefix of a row of keys
 * @views: room for @n
 *
 * All or nothing: after an error no view is held.  Returns the number of
 * views filled, or a negative errno as kvmem_match() and kvmem_lease().
 */
int64_t kvmem_match_lease(struct kvmem *k, const uint8_t *keys, size_t n,
			  uint32_t flags, struct kvmem_view *views);

/**
 * kvmem_crc32c() - crc32c as in kvmem_op.crc (iSCSI: reflected, inverted)
 * @crc: 0, or the result so far to go on
 */
uint32_t kvmem_crc32c(uint32_t crc, const void *data, size_t len);

/* ---- buffers ----------------------------------------------------------- */

/**
 * kvmem_buf_register() - pin memory for operations to use
 * @flags: KVMEM_BUF_F_*
 * @buf_id: out: for kvmem_op_set_buf(); stays the same when re-attached
 *
 * The memory must stay mapped until unregistered.  Returns 0, -ENOMEM
 * (RLIMIT_MEMLOCK), -EMFILE, -EINVAL, -EFAULT, -ESHUTDOWN.
 */
int kvmem_buf_register(struct kvmem *k, void *addr, size_t len, uint32_t flags,
		       uint32_t *buf_id);

/**
 * kvmem_buf_register_dmabuf() - as kvmem_buf_register(), of a dma-buf
 *
 * The library keeps its own duplicate of @fd.  Also returns -EOPNOTSUPP,
 * -EBADF.
 */
int kvmem_buf_register_dmabuf(struct kvmem *k, int fd, uint64_t offset,
			      size_t len, uint32_t *buf_id);

/**
 * kvmem_buf_register_cuda() - as kvmem_buf_register(), of memory of CUDA
 * @k: handle
 * @ptr: a CUdeviceptr, in the current context
 * @len: bytes
 * @buf_id: out: for kvmem_op.buf
 *
 * Asks libcuda.so.1, which is loaded now, for a dma-buf of the pages around the
 * range (cuMemGetHandleForAddressRange), and registers the range.  Free the memory
 * after kvmem_buf_unregister().  Also returns -EOPNOTSUPP: no libcuda, or it or the
 * GPU exports no dma-bufs; -EINVAL: no memory of CUDA; -EIO: CUDA failed.
 */
int kvmem_buf_register_cuda(struct kvmem *k, uint64_t ptr, size_t len, uint32_t *buf_id);

/** kvmem_buf_unregister() - Returns 0 or -ENOENT. */
int kvmem_buf_unregister(struct kvmem *k, uint32_t buf_id);

/* ---- asynchronous batches ---------------------------------------------- */

/**
 * struct kvmem_completion - a batch of a queue has finished
 * @user_data: as submitted
 * @ops: as submitted
 * @nr_ops: as submitted
 * @result: operations with status 0, or a negative errno of the batch
 */
struct kvmem_completion {
	void *user_data;
	struct kvmem_op *ops;
	size_t nr_ops;
	int64_t result;
};

/**
 * kvmem_queue_create() - an io_uring of @depth batches
 *
 * A queue belongs to one thread at a time.  Returns 0, -EINVAL, -ENOMEM,
 * -ENOSYS or -EPERM (no io_uring here).
 */
int kvmem_queue_create(struct kvmem *k, unsigned int depth,
		       struct kvmem_queue **queue);

/** kvmem_queue_destroy() - wait for what is in flight and free; NULL is fine */
void kvmem_queue_destroy(struct kvmem_queue *queue);

/**
 * kvmem_queue_submit() - start a batch
 * @n: 1 to KVMEM_MAX_BATCH
 *
 * The operations and the memory they name must stay valid until completion.
 * Batches run in any order.  Returns 0, -EAGAIN (@depth batches in flight),
 * -EINVAL, or -ESHUTDOWN.
 */
int kvmem_queue_submit(struct kvmem_queue *queue, struct kvmem_op *ops,
		       size_t n, uint32_t flags, void *user_data);

/**
 * kvmem_queue_wait() - wait for a completion
 * @timeout_ms: -1 = for ever, 0 = peek
 *
 * A batch refused by ESHUTDOWN is re-attached and run again in here, as
 * kvmem_batch_run() would.  Returns 1 with @completion filled, 0 when none
 * came in time or none is in flight, or a negative errno.
 */
int kvmem_queue_wait(struct kvmem_queue *queue, int timeout_ms,
		     struct kvmem_completion *completion);

/** kvmem_queue_in_flight() - batches submitted and not yet reaped. */
unsigned int kvmem_queue_in_flight(const struct kvmem_queue *queue);

/* ---- events ------------------------------------------------------------ */

/**
 * kvmem_event_fd() - an eventfd that is signalled on events
 * @mask: bits of enum kvmem_event
 *
 * It belongs to the handle (do not close it), stays the same when re-attached,
 * and is non-blocking: read it to rearm, then call kvmem_events(), which may
 * find nothing.  A later call changes the mask, 0 stops it.  Returns the fd or
 * a negative errno.
 */
int kvmem_event_fd(struct kvmem *k, uint32_t mask);

/** kvmem_events() - read and clear pending events.  Returns 0 or an error. */
int kvmem_events(struct kvmem *k, uint32_t *events);

/**
 * kvmem_poll_fd() - the file itself, for poll(2)
 *
 * Changes when re-attached.  Do not close it, nor hand it to ioctl(2).
 * Returns -ESHUTDOWN while there is none.
 */
int kvmem_poll_fd(struct kvmem *k);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif /* _LIBKVMEM_H */
