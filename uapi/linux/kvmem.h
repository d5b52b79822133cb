/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * kvmem: the application interface of /dev/kvmem.
 *
 * DOC: how the interface works
 *
 * open("/dev/kvmem"), ATTACH to a namespace once, then run batches of
 * operations.  A file sees one namespace for its whole life; no operation can
 * name another one.  Everything a file owns (leases, allocations, pins,
 * registered buffers) dies with the last reference to the open file, whoever
 * holds it: fork, dup and SCM_RIGHTS share the file, they copy nothing.
 *
 * DOC: mappings
 *
 * mmap() of the file shows the pages of one lease or allocation, at the
 * mmap_offset it came with; MAP_SHARED, inside of its length rounded up to
 * pages.  Leases are read-only for good (EINVAL: private or executable;
 * ENXIO: nothing to see at that offset, or writable and not an allocation).
 * Pages appear when touched, so LEASE costs the same for every length.  After
 * RELEASE, and for an allocation after COMMIT, touching a mapping raises
 * SIGBUS; offsets are not used again for 2^28 handles of the same size.
 * Mappings are not inherited by fork.  The pages are ordinary ones and may be
 * registered with drivers.  An allocation's pages are zero, or hold what
 * deleted blocks of the same namespace left there; so ALLOC needs the right to
 * read, too.  Offsets are 64-bit: a 32-bit process cannot map.
 *
 * DOC: flash without DRAM
 *
 * With KVMEM_OP_F_NOCACHE a GET of a block that only flash has leaves no copy
 * in DRAM, and a PUT makes none: the device reads and writes the caller's
 * memory.  That takes a registered buffer, and offset and length in multiples of
 * the device's logical block (512 or 4096 bytes); else, and where no media takes
 * the block, the operation is done as without the flag.  Operations of a batch
 * that go this way are under way together.  After ETIMEDOUT the device may
 * still write to the memory: it is the caller's again after BUF_UNREG.
 *
 * DOC: GPU memory
 *
 * BUF_REG takes a dma-buf: memory of another device (CUDA:
 * cuMemGetHandleForAddressRange; ROCm: hsa_amd_portable_export_dmabuf), of
 * /dev/udmabuf, of a dma-heap.  A GET or PUT with such a buffer always goes between
 * it and flash directly, as with KVMEM_OP_F_NOCACHE: by the DMA of a drive that
 * kvmem drives itself (kvmem_nvme).  Offset and length, in the block and in the
 * buffer, are multiples of the drive's logical block.  The CPU sees none of the
 * bytes, so there is no checksum: where the drive has no protection information the
 * result comes without KVMEM_RES_F_VERIFIED.  A namespace may refuse that
 * ("require-verified").  Where there is no such way the operation fails with
 * EOPNOTSUPP, and reason tells why; or, in a namespace that allows it
 * ("allow-bounce"), the CPU copies through host memory: then the result has
 * KVMEM_RES_F_BOUNCED, and the bytes are counted.
 *
 * The owner of the memory may move it at any time, and waits for transfers that
 * are under way.  If he takes it away (revokes it) operations fail.  An operation
 * that failed with ETIMEDOUT or EINTR may still write to the memory; after
 * BUF_UNREG, or close, and once no operation of the buffer is under way, it cannot.
 *
 * DOC: ABI rules
 *
 * Every ioctl argument starts with its own size in bytes.  The size encoded
 * in the ioctl number must be the same.  A structure longer than the kernel
 * knows is accepted when the unknown tail is zero (else E2BIG); a shorter one,
 * down to the first version of that structure, reads as zero-extended.
 * Reserved fields and unknown flag bits must be zero: else EINVAL.  All
 * fields are in host byte order, all structures are free of implicit padding
 * and the same for 32-bit and 64-bit callers.
 *
 * DOC: what each errno means
 *
 * Returned by ioctl() (and as the result of an io_uring command):
 *
 * ENOTTY      the ioctl number is not one of ours
 * EINVAL      malformed: a size, a reserved field, a flag, an enum value
 * E2BIG       a structure from the future with a non-zero unknown field, or
 *             more operations than KVMEM_MAX_BATCH in a batch
 * EFAULT      a pointer does not point at accessible memory
 * ENOTCONN    BATCH, BUF_REG, NS_INFO, mmap: the file is not attached to a
 *             namespace yet
 * EISCONN     the file is attached already
 * ENOENT      ATTACH: no such namespace; BUF_UNREG: no such buffer
 * EACCES      ATTACH: the namespace's owner and mode refuse the opener
 * EKEYREJECTED ATTACH: the namespace holds another layout (fingerprint)
 * ESHUTDOWN   the module is being quiesced (upgrade), or the namespace was
 *             deleted: release what is held, close the file, open again.
 *             QUERY, NS_INFO, EVENTS, EVENTFD, BUF_UNREG and the operations
 *             NOP, UNPIN and RELEASE still work
 * EMFILE      too many buffers, leases or allocations in this file
 * ENOMEM      memory, or RLIMIT_MEMLOCK for BUF_REG, is exhausted
 * EOPNOTSUPP  known, but this kernel or hardware cannot do it; with a dma-buf,
 *             kvmem_op.reason tells why
 * EBADF       BUF_REG (dma-buf), EVENTFD: not a file of that kind
 * EAGAIN      internal to io_uring (punted to a worker); never seen by callers
 *
 * Status of one operation (kvmem_op.status, negative errno):
 *
 * ENOENT      miss: no such block (GET, LEASE, EXISTS, PIN, DELETE, PREFETCH),
 *             or no such handle (COMMIT, RELEASE).  With KVMEM_RES_F_CORRUPT a
 *             block was there, failed its checksum, and has been dropped.
 *             PUT, COMMIT with KVMEM_OP_F_PERSIST: gone before it was safe
 * EMSGSIZE    GET: the block is longer than the space given; bytes tells its
 *             length.  COMMIT: longer than what was allocated
 * ENOSPC      no room: everything evictable has been evicted
 * EDQUOT      the block can never fit the namespace's quota, or the
 *             namespace's pin limit is reached
 * EINVAL      malformed operation: flag, reserved field, length 0 or over
 *             KVMEM_MAX_BLOCK, offset at or beyond the end of the block, range
 *             outside of the buffer
 * EBADSLT     the buffer id is not registered in this file
 * EACCES      the namespace's mode gives the opener no such access
 * EFAULT, EMFILE, ENOMEM, EOPNOTSUPP, ESHUTDOWN as above
 * ECANCELED   not run: an earlier operation failed and the batch asked to stop
 * EINTR       not run, or given up: a fatal signal is pending; or another one
 *             came while the owner of a dma-buf was asked for it: do it again
 * EIO         the media failed: GET, LEASE, PIN, PREFETCH of a block that only
 *             flash has (put it again).  With KVMEM_OP_F_PERSIST: the block is
 *             there, in DRAM, and would not survive a restart; so also
 *             EOPNOTSUPP (no media takes the namespace's blocks) and ENOSPC
 * ETIMEDOUT   the media did not answer in time (io_timeout_ms); DELETE: it is not known
 *             yet whether the block is on a media whose tables are being read
 */
#ifndef _UAPI_LINUX_KVMEM_H
#define _UAPI_LINUX_KVMEM_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define KVMEM_ABI_VERSION	1

#define KVMEM_KEY_LEN		32	/* bytes in a block's key */
#define KVMEM_NAME_LEN		64	/* namespace and pool names, NUL included */
#define KVMEM_FINGERPRINT_LEN	32	/* bytes in a layout fingerprint */
#define KVMEM_MAX_BLOCK		(128ULL << 20)	/* bytes */
#define KVMEM_MAX_BATCH		1024	/* operations in a batch */
#define KVMEM_MAX_MATCH		65536	/* keys in a MATCH */
#define KVMEM_NR_HINT_CLASSES	8	/* values of kvmem_op.hint_class */
#define KVMEM_MAX_PRIORITY	15	/* largest kvmem_op.priority */

#define KVMEM_IOC_MAGIC		0xBE

/**
 * enum kvmem_feature - bits of kvmem_query.features
 * @KVMEM_FEAT_DRAM: blocks are kept in DRAM
 * @KVMEM_FEAT_LEASE: zero-copy ALLOC, COMMIT, LEASE, RELEASE and mmap
 * @KVMEM_FEAT_URING: batches by IORING_OP_URING_CMD
 * @KVMEM_FEAT_EVENTS: poll, EVENTS and EVENTFD
 * @KVMEM_FEAT_DMABUF: BUF_REG of a dma-buf
 * @KVMEM_FEAT_FLASH: media can be attached
 * @KVMEM_FEAT_PEER: peers can be configured
 */
enum kvmem_feature {
	KVMEM_FEAT_DRAM		= 1 << 0,
	KVMEM_FEAT_LEASE	= 1 << 1,
	KVMEM_FEAT_URING	= 1 << 2,
	KVMEM_FEAT_EVENTS	= 1 << 3,
	KVMEM_FEAT_DMABUF	= 1 << 4,
	KVMEM_FEAT_FLASH	= 1 << 5,
	KVMEM_FEAT_PEER		= 1 << 6,
};

/**
 * struct kvmem_query - KVMEM_IOC_QUERY: what this kernel can do
 * @size: sizeof(struct kvmem_query)
 * @flags: must be 0
 * @abi_version: out: KVMEM_ABI_VERSION of the module
 * @max_batch: out: operations in a batch
 * @features: out: bits of enum kvmem_feature
 * @max_block: out: largest block, bytes
 * @max_match: out: keys in a MATCH
 * @max_handles: out: leases and allocations one file may hold
 * @max_buffers: out: buffers one file may register
 * @reserved: out: 0
 * @version: out: release of the module, NUL-terminated
 *
 * Works on a file that is not attached.
 */
struct kvmem_query {
	__u32 size;
	__u32 flags;
	__u32 abi_version;
	__u32 max_batch;
	__aligned_u64 features;
	__aligned_u64 max_block;
	__u32 max_match;
	__u32 max_handles;
	__u32 max_buffers;
	__u32 reserved;
	__u8 version[32];
};

/**
 * struct kvmem_attach - KVMEM_IOC_ATTACH: choose the namespace of this file
 * @size: sizeof(struct kvmem_attach)
 * @flags: must be 0
 * @name: name of the namespace, NUL-terminated
 * @fingerprint: layout of the blocks the caller will read and write.  All
 *	zero matches only a namespace without a fingerprint.  A namespace
 *	created without one, which nobody has attached to and which holds no
 *	block, takes that of the first file that attaches and may write.
 * @ns_id: out: id of the namespace
 * @access: out: 4 = may read, 2 = may write, or-ed
 *
 * Checked against the credentials of the *opener* of the file, in the
 * opener's user namespace.
 */
struct kvmem_attach {
	__u32 size;
	__u32 flags;
	__u8 name[KVMEM_NAME_LEN];
	__u8 fingerprint[KVMEM_FINGERPRINT_LEN];
	__u32 ns_id;
	__u32 access;
};

#define KVMEM_ACCESS_READ	4
#define KVMEM_ACCESS_WRITE	2

/**
 * enum kvmem_buf_type - what BUF_REG registers
 * @KVMEM_BUF_USER: user memory; pinned, charged to RLIMIT_MEMLOCK
 * @KVMEM_BUF_DMABUF: a dma-buf fd (EOPNOTSUPP without KVMEM_FEAT_DMABUF)
 */
enum kvmem_buf_type {
	KVMEM_BUF_USER		= 0,
	KVMEM_BUF_DMABUF	= 1,
};

#define KVMEM_BUF_F_RDONLY	(1 << 0)	/* source of PUT only; may be read-only memory */

/**
 * struct kvmem_buf_reg - KVMEM_IOC_BUF_REG: register a buffer
 * @size: sizeof(struct kvmem_buf_reg)
 * @flags: KVMEM_BUF_F_*
 * @type: enum kvmem_buf_type
 * @fd: dma-buf fd for KVMEM_BUF_DMABUF, else 0
 * @addr: user address (any alignment), or offset in the dma-buf (EINVAL: with
 *	@length it goes beyond the end)
 * @length: bytes, 1 to 64 GiB
 * @buf_id: out: id for kvmem_op.buf; never 0
 * @reserved: must be 0
 */
struct kvmem_buf_reg {
	__u32 size;
	__u32 flags;
	__u32 type;
	__s32 fd;
	__aligned_u64 addr;
	__aligned_u64 length;
	__u32 buf_id;
	__u32 reserved;
};

/**
 * struct kvmem_buf_unreg - KVMEM_IOC_BUF_UNREG: give a buffer back
 * @size: sizeof(struct kvmem_buf_unreg)
 * @buf_id: id from BUF_REG
 *
 * The memory stays pinned, a dma-buf mapped, until operations that use it have
 * finished.
 */
struct kvmem_buf_unreg {
	__u32 size;
	__u32 buf_id;
};

/**
 * enum kvmem_opcode - operations of a batch
 * @KVMEM_OP_NOP: does nothing; status 0
 * @KVMEM_OP_GET: copy a block, or bytes [offset, offset + len) of it, to the
 *	caller's memory; verified, except as said under "GPU memory"
 * @KVMEM_OP_PUT: store len bytes under key.  Succeeds without writing when the
 *	key is there (KVMEM_RES_F_EXISTED)
 * @KVMEM_OP_DELETE: drop a block, here and on all peers that can be reached, if the
 *	namespace is placed on peers.  Its memory is free once no lease is left
 * @KVMEM_OP_EXISTS: is the block there?  bytes = its length
 * @KVMEM_OP_PIN: keep a block from eviction while this file is open
 * @KVMEM_OP_UNPIN: undo one PIN of this file
 * @KVMEM_OP_MATCH: addr points to len keys of 32 bytes; bytes = length of the
 *	longest prefix that is there.  With KVMEM_OP_F_LEASE, handle points
 *	to an array of len struct kvmem_lease, filled for that prefix; when
 *	the operation fails, none of these leases is held
 * @KVMEM_OP_PREFETCH: bring a block to DRAM (flash or peers -> DRAM)
 * @KVMEM_OP_ALLOC: writable pages for a block of len bytes, at mmap_offset
 * @KVMEM_OP_COMMIT: turn the pages of handle into block key, without a copy;
 *	len = bytes used (0 = all).  Every writable mapping of them is removed.
 *	When it fails the handle stays an allocation, with its first len
 *	bytes; the page they end in may be zero behind them
 * @KVMEM_OP_LEASE: the pages of a block, read-only, at mmap_offset
 * @KVMEM_OP_RELEASE: give back a lease, or an allocation not committed; later
 *	access through a mapping raises SIGBUS
 */
enum kvmem_opcode {
	KVMEM_OP_NOP		= 0,
	KVMEM_OP_GET		= 1,
	KVMEM_OP_PUT		= 2,
	KVMEM_OP_DELETE		= 3,
	KVMEM_OP_EXISTS		= 4,
	KVMEM_OP_PIN		= 5,
	KVMEM_OP_UNPIN		= 6,
	KVMEM_OP_MATCH		= 7,
	KVMEM_OP_PREFETCH	= 8,
	KVMEM_OP_ALLOC		= 9,
	KVMEM_OP_COMMIT		= 10,
	KVMEM_OP_LEASE		= 11,
	KVMEM_OP_RELEASE	= 12,
	KVMEM_OP_NR		/* number of opcodes; not an opcode */
};

/* kvmem_op.flags */
#define KVMEM_OP_F_PARTIAL	(1 << 0)	/* GET: len bytes, or what is left, will do */
#define KVMEM_OP_F_LEASE	(1 << 1)	/* MATCH: lease the prefix */
#define KVMEM_OP_F_NOCOPY	(1 << 2)	/* LEASE, MATCH: no copied view */
#define KVMEM_OP_F_NOTOUCH	(1 << 3)	/* GET, EXISTS, MATCH, LEASE: not a use */
#define KVMEM_OP_F_PERSIST	(1 << 4)	/* PUT, COMMIT: wait until it survives a restart */
#define KVMEM_OP_F_NOCACHE	(1 << 5)	/* GET, PUT: flash only, if it can be done */

/* kvmem_op.res_flags */
#define KVMEM_RES_F_VERIFIED	(1 << 0)	/* checksum, or the drive's guards, agree */
#define KVMEM_RES_F_EXISTED	(1 << 1)	/* PUT, COMMIT: the key was there */
#define KVMEM_RES_F_CORRUPT	(1 << 2)	/* a miss: the checksum did not match */
#define KVMEM_RES_F_COPIED	(1 << 3)	/* LEASE: a private copy */
#define KVMEM_RES_F_EXPIRED	(1 << 4)	/* a miss: the TTL had passed */
#define KVMEM_RES_F_PERSISTED	(1 << 5)	/* PUT, COMMIT: it survives a restart */
#define KVMEM_RES_F_BOUNCED	(1 << 6)	/* dma-buf: copied, see reason */

/**
 * enum kvmem_reason - kvmem_op.reason: why bytes could not go between a dma-buf
 *	and a drive directly; with EOPNOTSUPP, ENOSPC or KVMEM_RES_F_BOUNCED
 * @KVMEM_REASON_NONE: nothing to explain
 * @KVMEM_REASON_MEDIA: no media, or none whose driver takes DMA addresses (a block
 *	device does not: kvmem_nvme does), or the namespace has none
 * @KVMEM_REASON_ROUTE: the memory's owner has no peer-to-peer path to the drive
 * @KVMEM_REASON_EXPORTER: the memory's owner does not map it for the drive
 * @KVMEM_REASON_REVOKED: the memory's owner has taken it back
 * @KVMEM_REASON_DRAM: GET: the block is in DRAM
 * @KVMEM_REASON_ALIGN: offset, length or where the block begins on the media is no
 *	multiple of the drive's logical block
 * @KVMEM_REASON_VERIFY: the namespace demands verified bytes, and nothing would
 *	verify these.  Also without a dma-buf: GET of a block that was put so
 * @KVMEM_REASON_ROOM: PUT: the media has no room now, or its write budget refuses
 *	(ENOSPC)
 * @KVMEM_REASON_CPU: a copy is allowed, but the memory's owner lets no CPU see it
 */
enum kvmem_reason {
	KVMEM_REASON_NONE	= 0,
	KVMEM_REASON_MEDIA	= 1,
	KVMEM_REASON_ROUTE	= 2,
	KVMEM_REASON_EXPORTER	= 3,
	KVMEM_REASON_REVOKED	= 4,
	KVMEM_REASON_DRAM	= 5,
	KVMEM_REASON_ALIGN	= 6,
	KVMEM_REASON_VERIFY	= 7,
	KVMEM_REASON_ROOM	= 8,
	KVMEM_REASON_CPU	= 9,
	KVMEM_REASON_NR		/* number of reasons; not a reason */
};

/* kvmem_op.tier: where the data came from or went to */
enum kvmem_tier {
	KVMEM_TIER_NONE		= 0,
	KVMEM_TIER_DRAM		= 1,
	KVMEM_TIER_FLASH	= 2,
	KVMEM_TIER_PEER		= 3,
	KVMEM_TIER_NR		/* number of tiers; not a tier */
};

/**
 * struct kvmem_op - one operation of a batch; the kernel writes the result
 * @opcode: enum kvmem_opcode
 * @flags: KVMEM_OP_F_*
 * @buf: buffer id, or 0: @addr is an address of the calling process
 * @key: name of the block
 * @addr: where the bytes are or go: a user address, or an offset in @buf
 * @len: bytes (MATCH: keys)
 * @offset: GET: first byte of the block wanted
 * @handle: COMMIT, RELEASE: what to act on.  MATCH: address of the leases
 * @hint_class: PUT, COMMIT: 0 to KVMEM_NR_HINT_CLASSES - 1
 * @priority: PUT, COMMIT: 0 to KVMEM_MAX_PRIORITY: eviction decisions a block
 *	survives before it goes
 * @reserved0: must be 0
 * @ttl_ms: PUT, COMMIT: life in ms; 0 = the namespace's default
 * @cost: PUT, COMMIT: what recomputing the block costs, in tokens
 * @reserved1: must be 0
 * @crc: out: crc32c of the whole block (GET, PUT, COMMIT, LEASE, EXISTS).  With
 *	KVMEM_RES_F_EXISTED: of the block that was there, 0 without the right
 *	to read or when it has gone since; so is @bytes
 * @status: out: 0 or a negative errno
 * @res_flags: out: KVMEM_RES_F_*
 * @tier: out: enum kvmem_tier
 * @reason: out: enum kvmem_reason
 * @reserved3: out: 0
 * @bytes: out: bytes moved; length of the block (EXISTS, ALLOC, LEASE,
 *	EMSGSIZE, DELETE with the right to read); keys (MATCH)
 * @res_handle: out: ALLOC, LEASE: what was handed out
 * @mmap_offset: out: ALLOC, LEASE: where to mmap it
 *
 * Fields that an operation does not use must be 0.
 */
struct kvmem_op {
	__u16 opcode;
	__u16 flags;
	__u32 buf;
	__u8 key[KVMEM_KEY_LEN];
	__aligned_u64 addr;
	__aligned_u64 len;
	__aligned_u64 offset;
	__aligned_u64 handle;
	__u8 hint_class;
	__u8 priority;
	__u16 reserved0;
	__u32 ttl_ms;
	__u32 cost;
	__u32 reserved1;
	/* results: what is passed in is ignored */
	__u32 crc;
	__s32 status;
	__u16 res_flags;
	__u8 tier;
	__u8 reason;
	__u32 reserved3;
	__aligned_u64 bytes;
	__aligned_u64 res_handle;
	__aligned_u64 mmap_offset;
};

/**
 * struct kvmem_lease - one lease of a MATCH
 * @handle: for RELEASE
 * @mmap_offset: where to mmap it
 * @bytes: length of the block
 * @crc: crc32c of the block
 * @flags: KVMEM_RES_F_COPIED or 0
 */
struct kvmem_lease {
	__aligned_u64 handle;
	__aligned_u64 mmap_offset;
	__aligned_u64 bytes;
	__u32 crc;
	__u32 flags;
};

#define KVMEM_BATCH_F_STOP	(1 << 0)	/* stop after the first operation that fails */
#define KVMEM_BATCH_F_NOTIFY	(1 << 1)	/* raise KVMEM_EVENT_BATCH when done */

/**
 * struct kvmem_batch - KVMEM_IOC_BATCH: run operations in order
 * @size: sizeof(struct kvmem_batch)
 * @flags: KVMEM_BATCH_F_*
 * @ops: address of @nr_ops operations of @op_size bytes
 * @nr_ops: 1 to KVMEM_MAX_BATCH
 * @op_size: sizeof(struct kvmem_op)
 * @nr_ok: out: operations with status 0 (ioctl only)
 * @reserved: must be 0
 *
 * The ioctl returns 0 when every operation has a status, an errno when the
 * batch could not be read or a status could not be written.  The io_uring
 * command returns the number of operations with status 0 instead of writing
 * @nr_ok; the batch and the operations must stay valid until it completes.
 * A command of up to 64 GET or PUT with KVMEM_OP_F_NOCACHE and a registered
 * buffer is pending while the media works, without a worker; when its ring goes
 * it is cancelled (kernels from 6.7 on), with ECANCELED for what was under way.
 */
struct kvmem_batch {
	__u32 size;
	__u32 flags;
	__aligned_u64 ops;
	__u32 nr_ops;
	__u32 op_size;
	__u32 nr_ok;
	__u32 reserved;
};

/**
 * struct kvmem_uring_cmd - command area of an IORING_OP_URING_CMD
 * @batch: address of a struct kvmem_batch
 * @reserved: must be 0
 *
 * sqe.cmd_op is KVMEM_IOC_BATCH.
 */
struct kvmem_uring_cmd {
	__aligned_u64 batch;
	__aligned_u64 reserved;
};

/**
 * enum kvmem_event - bits of events (poll gives EPOLLIN while one is set)
 * @KVMEM_EVENT_BATCH: a batch with KVMEM_BATCH_F_NOTIFY has finished
 * @KVMEM_EVENT_QUIESCE: the module wants to go: release, close, open again
 * @KVMEM_EVENT_NS: the namespace was changed or deleted
 */
enum kvmem_event {
	KVMEM_EVENT_BATCH	= 1 << 0,
	KVMEM_EVENT_QUIESCE	= 1 << 1,
	KVMEM_EVENT_NS		= 1 << 2,
};

/**
 * struct kvmem_eventfd - KVMEM_IOC_EVENTFD: signal an eventfd on events
 * @size: sizeof(struct kvmem_eventfd)
 * @mask: bits of enum kvmem_event
 * @fd: the eventfd, or -1 to stop
 * @reserved: must be 0
 */
struct kvmem_eventfd {
	__u32 size;
	__u32 mask;
	__s32 fd;
	__u32 reserved;
};

/**
 * struct kvmem_events - KVMEM_IOC_EVENTS: read and clear pending events
 * @size: sizeof(struct kvmem_events)
 * @events: out: bits of enum kvmem_event
 *
 * KVMEM_EVENT_QUIESCE stays set: it has no end but close().
 */
struct kvmem_events {
	__u32 size;
	__u32 events;
};

/**
 * struct kvmem_ns_info - KVMEM_IOC_NS_INFO: state of the file's namespace
 * @size: sizeof(struct kvmem_ns_info)
 * @flags: must be 0
 * @ns_id: out: id
 * @nr_handles: out: leases and allocations this file holds
 * @quota_bytes: out: bytes; 0 = bounded by the arena only
 * @quota_blocks: out: blocks; 0 = no bound
 * @used_bytes: out: bytes of DRAM taken, rounding included
 * @used_blocks: out: blocks readable
 * @data_bytes: out: bytes of the blocks themselves
 * @hits: out: GET, LEASE and MATCH keys found
 * @misses: out: and not found
 * @evictions: out: blocks evicted
 * @copied_in: out: bytes copied by PUT
 * @copied_out: out: bytes copied by GET and by copied views of LEASE
 * @zero_copy: out: bytes committed or leased without a copy
 * @corrupt: out: blocks dropped by checksum
 */
struct kvmem_ns_info {
	__u32 size;
	__u32 flags;
	__u32 ns_id;
	__u32 nr_handles;
	__aligned_u64 quota_bytes;
	__aligned_u64 quota_blocks;
	__aligned_u64 used_bytes;
	__aligned_u64 used_blocks;
	__aligned_u64 data_bytes;
	__aligned_u64 hits;
	__aligned_u64 misses;
	__aligned_u64 evictions;
	__aligned_u64 copied_in;
	__aligned_u64 copied_out;
	__aligned_u64 zero_copy;
	__aligned_u64 corrupt;
};

#define KVMEM_IOC_QUERY		_IOWR(KVMEM_IOC_MAGIC, 0, struct kvmem_query)
#define KVMEM_IOC_ATTACH	_IOWR(KVMEM_IOC_MAGIC, 1, struct kvmem_attach)
#define KVMEM_IOC_BUF_REG	_IOWR(KVMEM_IOC_MAGIC, 2, struct kvmem_buf_reg)
#define KVMEM_IOC_BUF_UNREG	_IOWR(KVMEM_IOC_MAGIC, 3, struct kvmem_buf_unreg)
#define KVMEM_IOC_BATCH		_IOWR(KVMEM_IOC_MAGIC, 4, struct kvmem_batch)
#define KVMEM_IOC_EVENTFD	_IOWR(KVMEM_IOC_MAGIC, 5, struct kvmem_eventfd)
#define KVMEM_IOC_EVENTS	_IOWR(KVMEM_IOC_MAGIC, 6, struct kvmem_events)
#define KVMEM_IOC_NS_INFO	_IOWR(KVMEM_IOC_MAGIC, 7, struct kvmem_ns_info)

#endif /* _UAPI_LINUX_KVMEM_H */
