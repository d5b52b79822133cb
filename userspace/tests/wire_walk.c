// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "wire_walk.h"

static volatile uint8_t sink;

/* Read all of it.  Where its end is. */
static const void *read_all(const void *at, size_t n)
{
	const uint8_t *p = at;

	while (n--)
		sink ^= *p++;
	return p;
}

static bool string_ok(const uint8_t *s, size_t size)
{
	return strlen((const char *)s) < size && *s;
}

static bool hello_ok(const struct kvmem_wire_hello *hello)
{
	return string_ok(hello->cluster, sizeof(hello->cluster)) &&
	       le16_to_cpu(hello->version_min) <= le16_to_cpu(hello->version_max) &&
	       le32_to_cpu(hello->keepalive_ms);
}

/* Runs of one entry; NULL: they do not fit it. */
static const struct kvmem_wire_seg *walk_op(const struct kvmem_wire_op *op,
					    const struct kvmem_wire_seg *seg)
{
	unsigned int i, nr = le16_to_cpu(op->segs);
	uint64_t len = 0;

	for (i = 0; i < nr; i++, seg++) {
		if (!le32_to_cpu(seg->len))
			return NULL;
		len += le32_to_cpu(seg->len);
		read_all(seg, sizeof(*seg));
	}
	return len == le32_to_cpu(op->len) && len <= KVMEM_MAX_BLOCK ? seg : NULL;
}

static const void *walk_ops(const void *buf, unsigned int nr)
{
	const struct kvmem_wire_op *ops = kvmem_wire_ops(buf);
	const struct kvmem_wire_seg *seg = kvmem_wire_segs(buf);
	unsigned int i;

	for (i = 0; seg && i < nr; i++) {
		read_all(&ops[i], sizeof(ops[i]));
		seg = walk_op(&ops[i], seg);
	}
	return seg;
}

static const void *walk_request(const void *buf, unsigned int nr, bool keys)
{
	const struct kvmem_wire_request *req = kvmem_wire_body(buf);

	if (!string_ok(req->name, sizeof(req->name)) || !le32_to_cpu(req->timeout_ms) || !nr ||
	    nr > (keys ? KVMEM_WIRE_KEYS : KVMEM_WIRE_OPS))
		return NULL;
	read_all(req, sizeof(*req));
	return keys ? read_all(kvmem_wire_keys(buf), nr * sizeof(struct kvmem_wire_key)) :
		      walk_ops(buf, nr);
}

static const void *walk_results(const struct kvmem_wire_result *results, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (le32_to_cpu(results[i].status) &&
		    kvmem_wire_to_errno(le32_to_cpu(results[i].status)) >= 0)
			return NULL;
	return read_all(results, nr * sizeof(*results));
}

static const void *walk_body(const void *buf, uint8_t type, unsigned int nr)
{
	const void *body = kvmem_wire_body(buf);
	const struct kvmem_wire_bye *bye = body;

	switch (type) {
	case KVMEM_WIRE_HELLO:
	case KVMEM_WIRE_CHALLENGE:
		return hello_ok(body) ? read_all(body, sizeof(struct kvmem_wire_hello)) : NULL;
	case KVMEM_WIRE_PROOF:
		return read_all(body, sizeof(struct kvmem_wire_proof));
	case KVMEM_WIRE_BYE:
		return *kvmem_wire_reason_text(le32_to_cpu(bye->reason)) ? bye + 1 : NULL;
	case KVMEM_WIRE_READY:
	case KVMEM_WIRE_PING:
	case KVMEM_WIRE_PONG:
		return body;
	case KVMEM_WIRE_GET:
	case KVMEM_WIRE_PUT:
	case KVMEM_WIRE_DELETE:
	case KVMEM_WIRE_EXISTS:
		return walk_request(buf, nr, type == KVMEM_WIRE_EXISTS);
	case KVMEM_WIRE_RESULT:
		return walk_results(body, nr);
	default:
		return NULL;
	}
}

bool wire_walk(const void *buf, size_t len)
{
	const struct kvmem_wire_hdr *hdr = buf;

	return walk_body(buf, hdr->type, le16_to_cpu(hdr->nr)) == (const uint8_t *)buf + len;
}
