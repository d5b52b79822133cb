// SPDX-License-Identifier: GPL-2.0
/*
 * Capsules for tests, in the kernel and in userspace: memory only.
 */
#ifdef __KERNEL__
#include <linux/array_size.h>
#include <linux/string.h>
#else
#include <string.h>
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#endif
#include "capsules.h"

enum {
	HELLO, CHALLENGE, PROOF, READY, BYE, PING, PONG, GET, ASK, PUT, DELETE, EXISTS, RESULT,
	FULL_GET, LONG_GET, FULL_PUT, FULL_EXISTS, FULL_RESULT,
};

const struct kvmem_test_capsule kvmem_test_capsules[] = {
	[HELLO]		= { "hello", KVMEM_WIRE_HELLO, 1, 0, 0 },
	[CHALLENGE]	= { "challenge", KVMEM_WIRE_CHALLENGE, 1, 0, 0 },
	[PROOF]		= { "proof", KVMEM_WIRE_PROOF, 1, 0, 0 },
	[READY]		= { "ready", KVMEM_WIRE_READY, 0, 0, 0 },
	[BYE]		= { "bye", KVMEM_WIRE_BYE, 1, 0, 0 },
	[PING]		= { "ping", KVMEM_WIRE_PING, 0, 0, 0 },
	[PONG]		= { "pong", KVMEM_WIRE_PONG, 0, 0, 0 },
	[GET]		= { "get", KVMEM_WIRE_GET, 2, 2, 4096 },
	[ASK]		= { "get-size", KVMEM_WIRE_GET, 1, 0, 0 },
	[PUT]		= { "put", KVMEM_WIRE_PUT, 2, 1, 8192 },
	[DELETE]	= { "delete", KVMEM_WIRE_DELETE, 3, 0, 0 },
	[EXISTS]	= { "exists", KVMEM_WIRE_EXISTS, 5, 0, 0 },
	[RESULT]	= { "result", KVMEM_WIRE_RESULT, 2, 0, 0 },
	[FULL_GET]	= { "get-full", KVMEM_WIRE_GET, KVMEM_WIRE_OPS, 5, 1 },
	[LONG_GET]	= { "get-long", KVMEM_WIRE_GET, 1, 1, KVMEM_MAX_BLOCK },
	[FULL_PUT]	= { "put-full", KVMEM_WIRE_PUT, 1, KVMEM_WIRE_SEGS, 1U << 20 },
	[FULL_EXISTS]	= { "exists-full", KVMEM_WIRE_EXISTS, KVMEM_WIRE_KEYS, 0, 0 },
	[FULL_RESULT]	= { "result-full", KVMEM_WIRE_RESULT, KVMEM_WIRE_OPS, 0, 0 },
};

const unsigned int kvmem_test_nr_capsules = ARRAY_SIZE(kvmem_test_capsules);

const struct kvmem_test_capsule kvmem_test_beyond[] = {
	{ "keys", KVMEM_WIRE_EXISTS, KVMEM_WIRE_KEYS + 1, 0, 0 },
	{ "entries", KVMEM_WIRE_DELETE, KVMEM_WIRE_OPS + 1, 0, 0 },
	{ "runs", KVMEM_WIRE_PUT, 1, KVMEM_WIRE_SEGS + 1, 4096 },
	{ "block", KVMEM_WIRE_GET, 1, 2, KVMEM_MAX_BLOCK / 2 + 1 },
	{ "nothing to put", KVMEM_WIRE_PUT, 1, 0, 0 },
	{ "block to put", KVMEM_WIRE_PUT, 1, 2, KVMEM_MAX_BLOCK / 2 + 1 },
	{ "sum beyond 32 bits", KVMEM_WIRE_GET, 1, 4, 1U << 30 },
	{ "results", KVMEM_WIRE_RESULT, KVMEM_WIRE_OPS + 1, 0, 0 },
};

const unsigned int kvmem_test_nr_beyond = ARRAY_SIZE(kvmem_test_beyond);

#define BODY		sizeof(struct kvmem_wire_hdr)
#define ENTRIES		(BODY + sizeof(struct kvmem_wire_request))
#define HDR_AT(f)	offsetof(struct kvmem_wire_hdr, f), sizeof_field_of(hdr, f)
#define HELLO_AT(f)	(BODY + offsetof(struct kvmem_wire_hello, f)), sizeof_field_of(hello, f)
#define REQUEST_AT(f)	(BODY + offsetof(struct kvmem_wire_request, f)), \
			sizeof_field_of(request, f)
#define OP_AT(f)	(ENTRIES + offsetof(struct kvmem_wire_op, f)), sizeof_field_of(op, f)
#define SEG_AT(nr, f)	(ENTRIES + (nr) * sizeof(struct kvmem_wire_op) + \
			 offsetof(struct kvmem_wire_seg, f)), sizeof_field_of(seg, f)
#define RESULT_AT(f)	(BODY + offsetof(struct kvmem_wire_result, f)), sizeof_field_of(result, f)
#define sizeof_field_of(what, f) sizeof(((struct kvmem_wire_##what *)0)->f)
/* Bytes of a string */
#define CLUSTER_AT(i, n) (BODY + offsetof(struct kvmem_wire_hello, cluster) + (i)), n
#define NAME_AT(i, n)	(BODY + offsetof(struct kvmem_wire_request, name) + (i)), n

/* The checksum is put right, so the check of the field alone refuses it. */
const struct kvmem_test_damage kvmem_test_damages[] = {
	{ "magic", PING, HDR_AT(magic), 0x574d564aU },
	{ "version", HELLO, HDR_AT(version), 2 },
	{ "version 0", PING, HDR_AT(version), 0 },
	{ "no type", PING, HDR_AT(type), 0 },
	{ "type between", PING, HDR_AT(type), 8 },
	{ "type beyond", PING, HDR_AT(type), 33 },
	{ "longer than received", PING, HDR_AT(len), 40 },
	{ "shorter than received", PUT, HDR_AT(len), 32 },
	{ "reserved", READY, HDR_AT(reserved), 1ULL << 63 },
	{ "reserved", READY, HDR_AT(reserved0), 1 },
	{ "credits of a ping", PING, HDR_AT(credits), 1 },
	{ "credits of a hello", HELLO, HDR_AT(credits), 1 },
	{ "credits of a request", GET, HDR_AT(credits), 1 },
	{ "entries of a ping", PING, HDR_AT(nr), 1 },
	{ "entries of ready", READY, HDR_AT(nr), 1 },

	{ "no hello", HELLO, HDR_AT(nr), 0 },
	{ "two hellos", HELLO, HDR_AT(nr), 2 },
	{ "versions", HELLO, HELLO_AT(version_min), 2 },
	{ "reserved", HELLO, HELLO_AT(reserved0), 1 },
	{ "reserved", CHALLENGE, HELLO_AT(reserved1), 1 },
	{ "keepalive 0", HELLO, HELLO_AT(keepalive_ms), 0 },
	{ "keepalive short", HELLO, HELLO_AT(keepalive_ms), 99 },
	{ "keepalive long", CHALLENGE, HELLO_AT(keepalive_ms), 60001 },
	{ "no cluster", HELLO, CLUSTER_AT(0, 8), 0 },
	{ "cluster without an end", HELLO, CLUSTER_AT(0, KVMEM_NAME_LEN), 'x' },
	{ "behind the cluster", HELLO, CLUSTER_AT(KVMEM_NAME_LEN - 1, 1), 1 },
	{ "two proofs", PROOF, HDR_AT(nr), 2 },
	{ "two byes", BYE, HDR_AT(nr), 2 },
	{ "reserved", BYE, BODY + offsetof(struct kvmem_wire_bye, reserved), 4, 1 },

	{ "no name", GET, NAME_AT(0, 8), 0 },
	{ "name without an end", PUT, NAME_AT(0, KVMEM_NAME_LEN), 'x' },
	{ "behind the name", EXISTS, NAME_AT(KVMEM_NAME_LEN - 1, 1), 'x' },
	{ "no timeout", DELETE, REQUEST_AT(timeout_ms), 0 },
	{ "timeout long", EXISTS, REQUEST_AT(timeout_ms), 60001 },
	{ "reserved", PUT, REQUEST_AT(reserved), 1 },
	{ "no entries", GET, HDR_AT(nr), 0 },
	{ "entries too few", GET, HDR_AT(nr), 1 },
	{ "entries too many", GET, HDR_AT(nr), 3 },
	{ "entries beyond all", FULL_GET, HDR_AT(nr), KVMEM_WIRE_OPS + 1 },
	{ "entries, many", GET, HDR_AT(nr), 0xffff },
	{ "reserved", GET, OP_AT(reserved), 1 },
	{ "runs too few", GET, OP_AT(segs), 1 },
	{ "runs too many", GET, OP_AT(segs), 3 },
	{ "runs, many", GET, OP_AT(segs), 0xffff },
	{ "no runs", PUT, OP_AT(segs), 0 },
	{ "room beyond its runs", GET, OP_AT(len), 8193 },
	{ "room without runs", ASK, OP_AT(len), 1 },
	{ "room huge", GET, OP_AT(len), 0xffffffff },
	{ "nothing to put", PUT, OP_AT(len), 0 },
	{ "block beyond all", FULL_PUT, OP_AT(len), KVMEM_MAX_BLOCK + 1 },
	{ "delete with a length", DELETE, OP_AT(len), 4096 },
	{ "delete with runs", DELETE, OP_AT(segs), 1 },
	{ "get with a checksum", GET, OP_AT(crc), 1 },
	{ "get with a class", GET, OP_AT(hint_class), 1 },
	{ "get with a priority", ASK, OP_AT(priority), 1 },
	{ "get with a lifetime", GET, OP_AT(ttl_ms), 1 },
	{ "delete with a cost", DELETE, OP_AT(cost), 1 },
	{ "class", PUT, OP_AT(hint_class), KVMEM_NR_HINT_CLASSES },
	{ "priority", PUT, OP_AT(priority), KVMEM_MAX_PRIORITY + 1 },
	{ "run of nothing", GET, SEG_AT(2, len), 0 },
	{ "run too long", PUT, SEG_AT(2, len), 8193 },
	{ "run huge", GET, SEG_AT(2, len), 0xffffffff },

	{ "no keys", EXISTS, HDR_AT(nr), 0 },
	{ "keys too many", EXISTS, HDR_AT(nr), 6 },
	{ "keys too few", EXISTS, HDR_AT(nr), 4 },
	{ "keys beyond all", FULL_EXISTS, HDR_AT(nr), KVMEM_WIRE_KEYS + 1 },
	{ "no results", RESULT, HDR_AT(nr), 0 },
	{ "results too many", RESULT, HDR_AT(nr), 3 },
	{ "results beyond all", FULL_RESULT, HDR_AT(nr), KVMEM_WIRE_OPS + 1 },
	{ "status", RESULT, RESULT_AT(status), KVMEM_WIRE_STATUS_NR },
	{ "status huge", RESULT, RESULT_AT(status), 0xffffffff },
	{ "size", RESULT, RESULT_AT(size), KVMEM_MAX_BLOCK + 1 },
	{ "class", RESULT, RESULT_AT(hint_class), KVMEM_NR_HINT_CLASSES },
	{ "priority", RESULT, RESULT_AT(priority), KVMEM_MAX_PRIORITY + 1 },
	{ "reserved", RESULT, RESULT_AT(reserved0), 1 },
	{ "reserved", RESULT, RESULT_AT(reserved1[0]), 1 },
	{ "reserved", RESULT, RESULT_AT(reserved1[1]), 1 },
};

const unsigned int kvmem_test_nr_damages = ARRAY_SIZE(kvmem_test_damages);

static u32 build_hello(void *at, bool challenge)
{
	struct kvmem_wire_hello *hello = at;

	memset(hello, 0, sizeof(*hello));
	hello->node = cpu_to_le16(challenge ? 2 : 1);
	hello->version_min = cpu_to_le16(KVMEM_WIRE_VERSION);
	hello->version_max = cpu_to_le16(KVMEM_WIRE_VERSION);
	hello->keepalive_ms = cpu_to_le32(challenge ? 60000 : 100);
	memcpy(hello->cluster, "blue", sizeof("blue"));
	memset(hello->nonce, 0x11, sizeof(hello->nonce));
	if (challenge)
		memset(hello->proof, 0x22, sizeof(hello->proof));
	return sizeof(*hello);
}

static u32 build_op(struct kvmem_wire_op *op, const struct kvmem_test_capsule *c, u8 no)
{
	memset(op, 0, sizeof(*op));
	memset(op->key, no + 1, sizeof(op->key));
	op->len = cpu_to_le32(c->segs * c->len);
	op->segs = cpu_to_le16(c->segs);
	if (c->type == KVMEM_WIRE_PUT) {
		op->crc = cpu_to_le32(0x12345678);
		op->hint_class = KVMEM_NR_HINT_CLASSES - 1;
		op->priority = KVMEM_MAX_PRIORITY;
		op->ttl_ms = cpu_to_le32(60000);
		op->cost = cpu_to_le32(77);
	}
	return sizeof(*op);
}

static u32 build_segs(struct kvmem_wire_seg *segs, const struct kvmem_test_capsule *c)
{
	u32 i, nr = c->nr * c->segs;

	for (i = 0; i < nr; i++) {
		segs[i].addr = cpu_to_le64(0x100000 + (u64)i * c->len);
		segs[i].rkey = cpu_to_le32(0x4000 + i);
		segs[i].len = cpu_to_le32(c->len);
	}
	return nr * sizeof(*segs);
}

static u32 build_ops(void *at, const struct kvmem_test_capsule *c)
{
	u32 len = 0;
	u8 i;

	for (i = 0; i < c->nr; i++)
		len += build_op(at + len, c, i);
	return len + build_segs(at + len, c);
}

static u32 build_request(void *at, const struct kvmem_test_capsule *c)
{
	struct kvmem_wire_request *req = at;

	memset(req, 0, sizeof(*req));
	memcpy(req->name, "llama", sizeof("llama"));
	memset(req->fingerprint, 0x33, sizeof(req->fingerprint));
	req->timeout_ms = cpu_to_le32(60000);
	if (c->type != KVMEM_WIRE_EXISTS)
		return sizeof(*req) + build_ops(req + 1, c);
	memset(req + 1, 0x44, c->nr * sizeof(struct kvmem_wire_key));
	return sizeof(*req) + c->nr * sizeof(struct kvmem_wire_key);
}

static u32 build_results(struct kvmem_wire_result *results, unsigned int nr)
{
	unsigned int i;

	memset(results, 0, nr * sizeof(*results));
	for (i = 0; i < nr; i++) {
		results[i].status = cpu_to_le32(i % KVMEM_WIRE_STATUS_NR);
		results[i].size = cpu_to_le32(KVMEM_MAX_BLOCK);
		results[i].crc = cpu_to_le32(0x9abcdef0);
		results[i].hint_class = KVMEM_NR_HINT_CLASSES - 1;
		results[i].priority = KVMEM_MAX_PRIORITY;
		results[i].found = cpu_to_le64(5);
	}
	return nr * sizeof(*results);
}

static u32 build_body(void *at, const struct kvmem_test_capsule *c)
{
	switch (c->type) {
	case KVMEM_WIRE_HELLO:
	case KVMEM_WIRE_CHALLENGE:
		return build_hello(at, c->type == KVMEM_WIRE_CHALLENGE);
	case KVMEM_WIRE_PROOF:
		memset(at, 0x55, sizeof(struct kvmem_wire_proof));
		return sizeof(struct kvmem_wire_proof);
	case KVMEM_WIRE_BYE:
		memset(at, 0, sizeof(struct kvmem_wire_bye));
		return sizeof(struct kvmem_wire_bye);
	case KVMEM_WIRE_GET:
	case KVMEM_WIRE_PUT:
	case KVMEM_WIRE_DELETE:
	case KVMEM_WIRE_EXISTS:
		return build_request(at, c);
	case KVMEM_WIRE_RESULT:
		return build_results(at, c->nr);
	default:
		return 0;
	}
}

u32 kvmem_test_capsule_build(void *buf, const struct kvmem_test_capsule *c)
{
	bool credits = c->type == KVMEM_WIRE_READY || c->type == KVMEM_WIRE_RESULT;

	kvmem_wire_begin(buf, c->type, 0x01020304);
	return kvmem_wire_end(buf, c->nr, credits ? 32 : 0,
			      BODY + build_body(buf + BODY, c));
}

void kvmem_test_capsule_poke(void *buf, const struct kvmem_test_damage *damage)
{
	u8 *at = (u8 *)buf + damage->at;
	unsigned int i;

	for (i = 0; i < damage->size; i++)
		at[i] = damage->size > sizeof(u64) ? damage->value : damage->value >> (8 * i);
}

void kvmem_test_capsule_seal(void *buf, u32 len)
{
	struct kvmem_wire_hdr *hdr = buf;

	hdr->crc = 0;
	hdr->crc = cpu_to_le32(~crc32c(~0U, buf, len));
}
