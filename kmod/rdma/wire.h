/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The wire protocol: capsules between two nodes (docs/wire.md).
 *
 * A capsule is one SEND of at most KVMEM_WIRE_MAX bytes: a header, then entries
 * that depend on its type.  All fields are little-endian; reserved ones and unused
 * bytes of strings are 0, and what is unknown is refused, with the connection.  The
 * same file is used by the tools' tests.
 */
#ifndef KVMEM_WIRE_H
#define KVMEM_WIRE_H

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/crc32c.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <asm/byteorder.h>
#else
#include "media/shim.h"		/* u8 to u64, cpu_to_le32 and friends, crc32c() */
#endif
#include <linux/kvmem.h>

#define KVMEM_WIRE_MAGIC	0x574d564bU	/* "KVMW" */
#define KVMEM_WIRE_VERSION	1
#define KVMEM_WIRE_MAX		4096		/* bytes of a capsule */
#define KVMEM_WIRE_NONCE	32
#define KVMEM_WIRE_MAC		32		/* HMAC-SHA256 */
#define KVMEM_WIRE_KEYS		64		/* in an EXISTS */
#define KVMEM_WIRE_OPS		24		/* GETs, PUTs or DELETEs in a capsule */
#define KVMEM_WIRE_SEGS		128		/* runs of memory that they have, in all */

/* Feature bits of a HELLO: both sides must know what both set; none yet. */
#define KVMEM_WIRE_FEATURES	0ULL

enum kvmem_wire_type {
	KVMEM_WIRE_HELLO	= 1,	/* connecting node: who I am, a nonce */
	KVMEM_WIRE_CHALLENGE	= 2,	/* listening node: who I am, a nonce, proof */
	KVMEM_WIRE_PROOF	= 3,	/* connecting node: proof */
	KVMEM_WIRE_READY	= 4,	/* listening node: requests may come */
	KVMEM_WIRE_BYE		= 5,	/* either: why the connection ends */
	KVMEM_WIRE_PING		= 6,	/* keepalive; no entries */
	KVMEM_WIRE_PONG		= 7,	/* its answer */
	KVMEM_WIRE_GET		= 16,
	KVMEM_WIRE_PUT		= 17,
	KVMEM_WIRE_DELETE	= 18,
	KVMEM_WIRE_EXISTS	= 19,
	KVMEM_WIRE_RESULT	= 32,	/* answer to any of the four above */
};

/* Why a connection ends: kvmem_wire_bye.reason */
enum kvmem_wire_reason {
	KVMEM_WIRE_BYE_LEAVING	= 0,	/* the node stops, or forgets the peer */
	KVMEM_WIRE_BYE_VERSION	= 1,
	KVMEM_WIRE_BYE_CLUSTER	= 2,	/* another cluster */
	KVMEM_WIRE_BYE_SECRET	= 3,	/* the proof is wrong */
	KVMEM_WIRE_BYE_UNKNOWN	= 4,	/* not among the configured nodes, or is oneself */
	KVMEM_WIRE_BYE_MALFORMED = 5,	/* a capsule that is none */
	KVMEM_WIRE_BYE_CREDITS	= 6,	/* more requests than credits */
	KVMEM_WIRE_BYE_TIMEOUT	= 7,
	KVMEM_WIRE_BYE_NR	/* number of reasons; not a reason */
};

/**
 * struct kvmem_wire_hdr - in front of every capsule; 32 bytes
 * @magic: KVMEM_WIRE_MAGIC
 * @version: KVMEM_WIRE_VERSION, from HELLO on
 * @type: enum kvmem_wire_type
 * @nr: entries
 * @len: bytes of the capsule, this included; what was received is as long
 * @id: of a request, chosen by who asks; its RESULT has the same.  PING, PONG too
 * @credits: requests that the other side may send in addition to what it was allowed
 *	before
 * @crc: crc32c of the capsule with this field 0
 * @reserved: 0
 */
struct kvmem_wire_hdr {
	__le32 magic;
	__u8 version;
	__u8 type;
	__le16 nr;
	__le32 len;
	__le32 id;
	__le16 credits;
	__le16 reserved0;
	__le32 crc;
	__le64 reserved;
};

/* HELLO and CHALLENGE: one entry.  The proof of a HELLO is 0. */
struct kvmem_wire_hello {
	__le64 features;
	__le16 node;
	__le16 version_min;	/* versions that the sender speaks */
	__le16 version_max;
	__le16 reserved0;
	__le32 keepalive_ms;	/* a PING comes at least as often; 100 to 60000 */
	__le32 reserved1;
	__u8 cluster[KVMEM_NAME_LEN];
	__u8 nonce[KVMEM_WIRE_NONCE];
	__u8 proof[KVMEM_WIRE_MAC];
};

/* PROOF: one entry */
struct kvmem_wire_proof {
	__u8 proof[KVMEM_WIRE_MAC];
};

/*
 * The proofs are HMAC-SHA256 under the cluster's secret of: a label of 16 bytes
 * ("kvmem1 listener", "kvmem1 connector", 0-padded), the HELLO entry of the connecting node
 * and the CHALLENGE entry, both with proof 0.
 */

/* BYE: one entry */
struct kvmem_wire_bye {
	__le32 reason;
	__le32 reserved;
};

/**
 * struct kvmem_wire_request - GET, PUT, DELETE, EXISTS begin with this
 * @name, @fingerprint: the namespace; NUL-terminated, 0-padded
 * @timeout_ms: the answer is not wanted later, and no byte is moved then
 */
struct kvmem_wire_request {
	__u8 name[KVMEM_NAME_LEN];
	__u8 fingerprint[KVMEM_FINGERPRINT_LEN];
	__le32 timeout_ms;
	__le32 reserved;
};

/**
 * struct kvmem_wire_op - then come the entries of GET, PUT, DELETE
 * @key: of the block
 * @len: GET: bytes of room, 0: size and checksum alone; PUT: size of the block; DELETE: 0
 * @crc: PUT: crc32c of the block, else 0
 * @segs: runs of memory behind the entries that are this one's, in order; their lengths
 *	make @len
 * @hint_class, @priority, @ttl_ms, @cost: PUT, as in struct kvmem_op, else 0
 */
struct kvmem_wire_op {
	__u8 key[KVMEM_KEY_LEN];
	__le32 len;
	__le32 crc;
	__le16 segs;
	__u8 hint_class;
	__u8 priority;
	__le32 ttl_ms;
	__le32 cost;
	__le32 reserved;
};

/**
 * struct kvmem_wire_seg - behind all entries: memory of the asker
 * @addr, @rkey: GET: written, PUT: read; exposed for this request alone
 * @len: bytes, at least 1
 */
struct kvmem_wire_seg {
	__le64 addr;
	__le32 rkey;
	__le32 len;
};

/* ...or keys, of EXISTS */
struct kvmem_wire_key {
	__u8 key[KVMEM_KEY_LEN];
};

/**
 * struct kvmem_wire_result - RESULT: one for each entry of a GET, PUT, DELETE; one in
 *	all for an EXISTS
 * @status: 0 or enum kvmem_wire_status
 * @size: GET: bytes of the block
 * @crc: GET: crc32c of the block
 * @cost, @ttl_ms, @hint_class, @priority: GET: of the block; 0 else
 * @found: EXISTS: bit i: key i is there
 *
 * The RESULT of a request with memory invalidates the first run of the first entry
 * (SEND with invalidate); the asker invalidates the others before it believes anything.
 */
struct kvmem_wire_result {
	__le32 status;
	__le32 size;
	__le32 crc;
	__le32 cost;
	__le32 ttl_ms;
	__u8 hint_class;
	__u8 priority;
	__le16 reserved0;
	__le32 reserved1[2];
	__le64 found;
};

/* Errnos differ between architectures; these do not. */
enum kvmem_wire_status {
	KVMEM_WIRE_OK		= 0,
	KVMEM_WIRE_MISS		= 1,	/* ENOENT */
	KVMEM_WIRE_TOO_LONG	= 2,	/* EMSGSIZE */
	KVMEM_WIRE_EXISTED	= 3,	/* EEXIST */
	KVMEM_WIRE_NO_SPACE	= 4,	/* ENOSPC */
	KVMEM_WIRE_QUOTA	= 5,	/* EDQUOT */
	KVMEM_WIRE_DENIED	= 6,	/* EACCES: not shared, or another layout */
	KVMEM_WIRE_CORRUPT	= 7,	/* EILSEQ */
	KVMEM_WIRE_INVALID	= 8,	/* EINVAL */
	KVMEM_WIRE_FAILED	= 9,	/* EIO: media, memory, transfer */
	KVMEM_WIRE_LATE		= 10,	/* ETIMEDOUT */
	KVMEM_WIRE_DOWN		= 11,	/* ESHUTDOWN */
	KVMEM_WIRE_STATUS_NR
};

/* Building and checking (wire.c): memory only, the same in the kernel and in the tools */

/* A capsule of @type in @buf (KVMEM_WIRE_MAX bytes, 8-aligned): its header, nothing else. */
void kvmem_wire_begin(void *buf, enum kvmem_wire_type type, u32 id);
/* Its entries are there, @len bytes with the header: the length and checksum.  @len is returned. */
u32 kvmem_wire_end(void *buf, unsigned int nr, unsigned int credits, u32 len);
/*
 * Is what came, @len bytes, a capsule, each field in its range?  After 0 its parts can be
 * used as they are.  -EPROTO; -EPROTONOSUPPORT: another version.
 */
int kvmem_wire_check(const void *buf, size_t len);

/* Parts of a capsule that was checked */
static inline const void *kvmem_wire_body(const void *buf)
{
	return buf + sizeof(struct kvmem_wire_hdr);
}

const struct kvmem_wire_op *kvmem_wire_ops(const void *buf);
const struct kvmem_wire_seg *kvmem_wire_segs(const void *buf);
const struct kvmem_wire_key *kvmem_wire_keys(const void *buf);

/* Of an errno, and back */
u32 kvmem_wire_from_errno(int err);
int kvmem_wire_to_errno(u32 status);
/* Why a connection ended, for people. */
const char *kvmem_wire_reason_text(u32 reason);

#endif
