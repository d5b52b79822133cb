// SPDX-License-Identifier: GPL-2.0
/*
 * Capsules: every field of what a peer sent is checked here before anybody uses it.
 *
 * The same file is part of the module and of the tests in userspace, so it knows
 * memory only.
 */
#include "wire.h"
#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <errno.h>
#include <string.h>
#endif

/* The contract between nodes: none of these may ever change. */
static_assert(sizeof(struct kvmem_wire_hdr) == 32);
static_assert(offsetof(struct kvmem_wire_hdr, len) == 8);
static_assert(offsetof(struct kvmem_wire_hdr, crc) == 20);
static_assert(sizeof(struct kvmem_wire_hello) == 152);
static_assert(offsetof(struct kvmem_wire_hello, cluster) == 24);
static_assert(offsetof(struct kvmem_wire_hello, nonce) == 88);
static_assert(offsetof(struct kvmem_wire_hello, proof) == 120);
static_assert(sizeof(struct kvmem_wire_proof) == 32);
static_assert(sizeof(struct kvmem_wire_bye) == 8);
static_assert(sizeof(struct kvmem_wire_request) == 104);
static_assert(sizeof(struct kvmem_wire_op) == 56);
static_assert(offsetof(struct kvmem_wire_op, segs) == 40);
static_assert(offsetof(struct kvmem_wire_op, ttl_ms) == 44);
static_assert(sizeof(struct kvmem_wire_seg) == 16);
static_assert(sizeof(struct kvmem_wire_key) == KVMEM_KEY_LEN);
static_assert(sizeof(struct kvmem_wire_result) == 40);
static_assert(offsetof(struct kvmem_wire_result, reserved1) == 24);
static_assert(offsetof(struct kvmem_wire_result, found) == 32);

static_assert(sizeof(struct kvmem_wire_hdr) + sizeof(struct kvmem_wire_request) +
	      KVMEM_WIRE_OPS * sizeof(struct kvmem_wire_op) +
	      KVMEM_WIRE_SEGS * sizeof(struct kvmem_wire_seg) <= KVMEM_WIRE_MAX);
static_assert(sizeof(struct kvmem_wire_hdr) + sizeof(struct kvmem_wire_request) +
	      KVMEM_WIRE_KEYS * sizeof(struct kvmem_wire_key) <= KVMEM_WIRE_MAX);

#define WIRE_MIN_KEEPALIVE_MS	100
#define WIRE_MAX_KEEPALIVE_MS	60000
#define WIRE_MAX_TIMEOUT_MS	60000

/* Parts -------------------------------------------------------------------------- */

const struct kvmem_wire_op *kvmem_wire_ops(const void *buf)
{
	return kvmem_wire_body(buf) + sizeof(struct kvmem_wire_request);
}

const struct kvmem_wire_key *kvmem_wire_keys(const void *buf)
{
	return kvmem_wire_body(buf) + sizeof(struct kvmem_wire_request);
}

const struct kvmem_wire_seg *kvmem_wire_segs(const void *buf)
{
	const struct kvmem_wire_hdr *hdr = buf;

	return (const void *)(kvmem_wire_ops(buf) + le16_to_cpu(hdr->nr));
}

/* Building ----------------------------------------------------------------------- */

static u32 wire_crc(const void *buf, size_t len)
{
	static const u8 zero[sizeof(__le32)];
	const size_t at = offsetof(struct kvmem_wire_hdr, crc), behind = at + sizeof(zero);
	u32 crc = crc32c(~0U, buf, at);

	crc = crc32c(crc, zero, sizeof(zero));
	return ~crc32c(crc, buf + behind, len - behind);
}

void kvmem_wire_begin(void *buf, enum kvmem_wire_type type, u32 id)
{
	struct kvmem_wire_hdr *hdr = buf;

	memset(hdr, 0, sizeof(*hdr));
	hdr->magic = cpu_to_le32(KVMEM_WIRE_MAGIC);
	hdr->version = KVMEM_WIRE_VERSION;
	hdr->type = type;
	hdr->id = cpu_to_le32(id);
}

u32 kvmem_wire_end(void *buf, unsigned int nr, unsigned int credits, u32 len)
{
	struct kvmem_wire_hdr *hdr = buf;

	hdr->nr = cpu_to_le16(nr);
	hdr->credits = cpu_to_le16(credits);
	hdr->len = cpu_to_le32(len);
	hdr->crc = cpu_to_le32(wire_crc(buf, len));
	return len;
}

/* Checking ----------------------------------------------------------------------- */

/* A string that ends, and nothing behind its end. */
static bool wire_string_ok(const u8 *s, size_t size)
{
	size_t len = strnlen((const char *)s, size), i;

	if (!len || len == size)
		return false;
	for (i = len; i < size; i++)
		if (s[i])
			return false;
	return true;
}

static bool wire_hello_ok(const void *buf, size_t len, unsigned int nr)
{
	const struct kvmem_wire_hello *hello = kvmem_wire_body(buf);
	u32 keepalive_ms;

	if (nr != 1 || len != sizeof(*hello))
		return false;
	keepalive_ms = le32_to_cpu(hello->keepalive_ms);
	return !hello->reserved0 && !hello->reserved1 &&
	       le16_to_cpu(hello->version_min) <= le16_to_cpu(hello->version_max) &&
	       keepalive_ms >= WIRE_MIN_KEEPALIVE_MS && keepalive_ms <= WIRE_MAX_KEEPALIVE_MS &&
	       wire_string_ok(hello->cluster, sizeof(hello->cluster));
}

static bool wire_bye_ok(const void *buf, size_t len, unsigned int nr)
{
	const struct kvmem_wire_bye *bye = kvmem_wire_body(buf);

	return nr == 1 && len == sizeof(*bye) && !bye->reserved;
}

static bool wire_hints_ok(const struct kvmem_wire_op *op, bool put)
{
	if (!put)
		return !op->crc && !op->hint_class && !op->priority && !op->ttl_ms && !op->cost;
	return op->hint_class < KVMEM_NR_HINT_CLASSES && op->priority <= KVMEM_MAX_PRIORITY;
}

static bool wire_length_ok(u32 len, u8 type)
{
	switch (type) {
	case KVMEM_WIRE_GET:
		return len <= KVMEM_MAX_BLOCK;
	case KVMEM_WIRE_PUT:
		return len && len <= KVMEM_MAX_BLOCK;
	default:
		return !len;
	}
}

/* The runs of one entry, of @left: as long together as it says.  How many; -1: not. */
static int wire_op_segs(const struct kvmem_wire_op *op, const struct kvmem_wire_seg *segs,
			unsigned int left)
{
	unsigned int nr = le16_to_cpu(op->segs), i;
	u64 sum = 0;

	if (nr > left)
		return -1;
	for (i = 0; i < nr; i++) {
		if (!segs[i].len)
			return -1;
		sum += le32_to_cpu(segs[i].len);
	}
	return sum == le32_to_cpu(op->len) ? (int)nr : -1;
}

static bool wire_ops_ok(const void *buf, size_t len, unsigned int nr, u8 type)
{
	const struct kvmem_wire_op *ops = kvmem_wire_ops(buf);
	const struct kvmem_wire_seg *segs = kvmem_wire_segs(buf);
	unsigned int left, i;
	int used;

	if (!nr || nr > KVMEM_WIRE_OPS || len < nr * sizeof(*ops))
		return false;
	len -= nr * sizeof(*ops);
	if (len % sizeof(*segs) || len / sizeof(*segs) > KVMEM_WIRE_SEGS)
		return false;
	left = len / sizeof(*segs);
	for (i = 0; i < nr; i++) {
		if (ops[i].reserved || !wire_length_ok(le32_to_cpu(ops[i].len), type) ||
		    !wire_hints_ok(&ops[i], type == KVMEM_WIRE_PUT))
			return false;
		used = wire_op_segs(&ops[i], segs, left);
		if (used < 0)
			return false;
		segs += used;
		left -= used;
	}
	return !left;
}

static bool wire_keys_ok(size_t len, unsigned int nr)
{
	return nr && nr <= KVMEM_WIRE_KEYS && len == nr * sizeof(struct kvmem_wire_key);
}

static bool wire_request_ok(const void *buf, size_t len, unsigned int nr, u8 type)
{
	const struct kvmem_wire_request *req = kvmem_wire_body(buf);
	u32 timeout_ms;

	if (len < sizeof(*req))
		return false;
	timeout_ms = le32_to_cpu(req->timeout_ms);
	if (!timeout_ms || timeout_ms > WIRE_MAX_TIMEOUT_MS || req->reserved ||
	    !wire_string_ok(req->name, sizeof(req->name)))
		return false;
	len -= sizeof(*req);
	return type == KVMEM_WIRE_EXISTS ? wire_keys_ok(len, nr) :
					   wire_ops_ok(buf, len, nr, type);
}

static bool wire_result_ok(const void *buf, size_t len, unsigned int nr)
{
	const struct kvmem_wire_result *result = kvmem_wire_body(buf);
	unsigned int i;

	if (!nr || nr > KVMEM_WIRE_OPS || len != nr * sizeof(*result))
		return false;
	for (i = 0; i < nr; i++)
		if (le32_to_cpu(result[i].status) >= KVMEM_WIRE_STATUS_NR ||
		    result[i].reserved0 || result[i].reserved1[0] || result[i].reserved1[1] ||
		    le32_to_cpu(result[i].size) > KVMEM_MAX_BLOCK ||
		    result[i].hint_class >= KVMEM_NR_HINT_CLASSES ||
		    result[i].priority > KVMEM_MAX_PRIORITY)
			return false;
	return true;
}

/* @len: without the header */
static bool wire_body_ok(const void *buf, size_t len, unsigned int nr, u8 type)
{
	switch (type) {
	case KVMEM_WIRE_HELLO:
	case KVMEM_WIRE_CHALLENGE:
		return wire_hello_ok(buf, len, nr);
	case KVMEM_WIRE_PROOF:
		return nr == 1 && len == sizeof(struct kvmem_wire_proof);
	case KVMEM_WIRE_BYE:
		return wire_bye_ok(buf, len, nr);
	case KVMEM_WIRE_READY:
	case KVMEM_WIRE_PING:
	case KVMEM_WIRE_PONG:
		return !nr && !len;
	case KVMEM_WIRE_GET:
	case KVMEM_WIRE_PUT:
	case KVMEM_WIRE_DELETE:
	case KVMEM_WIRE_EXISTS:
		return wire_request_ok(buf, len, nr, type);
	case KVMEM_WIRE_RESULT:
		return wire_result_ok(buf, len, nr);
	default:
		return false;
	}
}

/* Only what answers a request, or lets them come, allows more of them. */
static bool wire_credits_ok(const struct kvmem_wire_hdr *hdr)
{
	return !hdr->credits || hdr->type == KVMEM_WIRE_READY || hdr->type == KVMEM_WIRE_RESULT;
}

int kvmem_wire_check(const void *buf, size_t len)
{
	const struct kvmem_wire_hdr *hdr = buf;

	if (len < sizeof(*hdr) || len > KVMEM_WIRE_MAX || le32_to_cpu(hdr->len) != len ||
	    le32_to_cpu(hdr->magic) != KVMEM_WIRE_MAGIC ||
	    le32_to_cpu(hdr->crc) != wire_crc(buf, len))
		return -EPROTO;
	if (hdr->version != KVMEM_WIRE_VERSION)
		return -EPROTONOSUPPORT;
	if (hdr->reserved0 || hdr->reserved || !wire_credits_ok(hdr) ||
	    !wire_body_ok(buf, len - sizeof(*hdr), le16_to_cpu(hdr->nr), hdr->type))
		return -EPROTO;
	return 0;
}

/* Errors -------------------------------------------------------------------------- */

static const int wire_errno[KVMEM_WIRE_STATUS_NR] = {
	[KVMEM_WIRE_OK]		= 0,
	[KVMEM_WIRE_MISS]	= -ENOENT,
	[KVMEM_WIRE_TOO_LONG]	= -EMSGSIZE,
	[KVMEM_WIRE_EXISTED]	= -EEXIST,
	[KVMEM_WIRE_NO_SPACE]	= -ENOSPC,
	[KVMEM_WIRE_QUOTA]	= -EDQUOT,
	[KVMEM_WIRE_DENIED]	= -EACCES,
	[KVMEM_WIRE_CORRUPT]	= -EILSEQ,
	[KVMEM_WIRE_INVALID]	= -EINVAL,
	[KVMEM_WIRE_FAILED]	= -EIO,
	[KVMEM_WIRE_LATE]	= -ETIMEDOUT,
	[KVMEM_WIRE_DOWN]	= -ESHUTDOWN,
};

u32 kvmem_wire_from_errno(int err)
{
	u32 i;

	for (i = 0; i < KVMEM_WIRE_STATUS_NR; i++)
		if (wire_errno[i] == err)
			return i;
	return KVMEM_WIRE_FAILED;
}

int kvmem_wire_to_errno(u32 status)
{
	return status < KVMEM_WIRE_STATUS_NR ? wire_errno[status] : -EIO;
}

const char *kvmem_wire_reason_text(u32 reason)
{
	static const char * const text[KVMEM_WIRE_BYE_NR] = {
		[KVMEM_WIRE_BYE_LEAVING]	= "the peer leaves",
		[KVMEM_WIRE_BYE_VERSION]	= "refused: another version of the protocol",
		[KVMEM_WIRE_BYE_CLUSTER]	= "refused: another cluster",
		[KVMEM_WIRE_BYE_SECRET]		= "refused: another secret",
		[KVMEM_WIRE_BYE_UNKNOWN]	= "refused: the peer does not know this node",
		[KVMEM_WIRE_BYE_MALFORMED]	= "a malformed capsule",
		[KVMEM_WIRE_BYE_CREDITS]	= "more requests than allowed",
		[KVMEM_WIRE_BYE_TIMEOUT]	= "no sign of life",
	};

	return reason < KVMEM_WIRE_BYE_NR ? text[reason] : "the peer ended the connection";
}
