// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of peers.
 *
 * They reach namespaces that are shared and have the layout that the peer thinks in;
 * to a peer all others are not there, and it cannot tell why.  They touch what this
 * node has and go on to no other node, so nothing runs in circles.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "file.h"
#include "flash/tier.h"
#include "ns.h"
#include "ops.h"
#include "peer/peer.h"
#include "trace.h"

static void serve_count(u16 node, enum kvmem_peer_count what)
{
	struct kvmem_peer *peer = kvmem_peer_get(node);

	if (!peer)
		return;
	kvmem_peer_count(peer, what);
	kvmem_peer_put(peer);
}

static bool serve_allowed(struct kvmem_ns *ns, const u8 *fingerprint)
{
	bool ok;

	/* Set under another lock, too, but while nobody uses the namespace. */
	spin_lock(&ns->lock);
	ok = ns->p.peer_share && !test_bit(KVMEM_NS_DEAD, &ns->flags) &&
	     !memcmp(ns->p.fingerprint, fingerprint, KVMEM_FINGERPRINT_LEN);
	spin_unlock(&ns->lock);
	return ok;
}

static struct kvmem_ns *serve_ns(const struct kvmem_serve *serve)
{
	struct kvmem_ns *ns;

	if (kvmem_quiesced())
		return ERR_PTR(-ESHUTDOWN);
	ns = kvmem_ns_get_by_name(serve->ns_name);
	if (ns && serve_allowed(ns, serve->fingerprint))
		return ns;
	if (ns)
		kvmem_ns_put(ns);
	serve_count(serve->node, KVMEM_PEER_REFUSED);
	return ERR_PTR(-EACCES);
}

/* What the transport may use until the end. */
static int serve_open(struct kvmem_serve *serve, struct kvmem_ns *ns,
		      struct kvmem_block *block)
{
	serve->bvecs = kvmem_block_bvecs(block, block->size, &serve->nr_bvecs);
	if (!serve->bvecs)
		return -ENOMEM;
	serve->ns = ns;
	serve->block = block;
	return 0;
}

static void serve_close(struct kvmem_serve *serve)
{
	kvfree(serve->bvecs);
	serve->bvecs = NULL;
	kvmem_block_put(serve->block);
	serve->block = NULL;
	kvmem_ns_put(serve->ns);
	serve->ns = NULL;
}

/* GET ---------------------------------------------------------------------------- */

static struct kvmem_block *serve_find(struct kvmem_ns *ns, const struct kvmem_key *key)
{
	struct kvmem_block *block;
	u16 res_flags = 0;

	block = kvmem_block_lookup(ns, key, &res_flags);
	if (block && !kvmem_ns_vouches(ns, block)) {
		kvmem_block_put(block);
		return NULL;
	}
	if (!block && kvmem_flash_has(ns))
		block = kvmem_flash_fetch(ns, key, &res_flags, NULL);
	return block;
}

static void serve_describe(struct kvmem_serve *serve, const struct kvmem_block *block)
{
	serve->size = block->size;
	serve->crc = block->crc;
	serve->hint_class = READ_ONCE(block->class) >> 3;
	serve->priority = READ_ONCE(block->priority);
	serve->cost = block->cost;
	serve->ttl_ms = kvmem_expires_left_ms(block->expires);
}

static int serve_get_block(struct kvmem_serve *serve, struct kvmem_ns *ns, size_t room)
{
	struct kvmem_block *block = serve_find(ns, &serve->key);
	int ret;

	/* It is there and cannot be had: to a peer as good as a miss, but no reason to say so. */
	if (IS_ERR(block))
		return PTR_ERR(block) == -ENOMEM || PTR_ERR(block) == -ETIMEDOUT ?
		       PTR_ERR(block) : -EIO;
	if (!block)
		return -ENOENT;
	serve_describe(serve, block);
	ret = block->size > room ? -EMSGSIZE : serve_open(serve, ns, block);
	if (ret)
		kvmem_block_put(block);
	return ret;
}

int kvmem_serve_get(struct kvmem_serve *serve, size_t room)
{
	struct kvmem_ns *ns = serve_ns(serve);
	int ret;

	if (IS_ERR(ns))
		return PTR_ERR(ns);
	ret = serve_get_block(serve, ns, room);
	if (ret)
		kvmem_ns_put(ns);
	return ret;
}
EXPORT_SYMBOL_KVMEM(kvmem_serve_get);

void kvmem_serve_get_end(struct kvmem_serve *serve, bool sent)
{
	trace_kvmem_peer_serve(serve->node, KVMEM_CALL_GET, serve->key.b, sent ? 0 : -EIO,
			       serve->size);
	if (sent) {
		kvmem_block_touch(serve->block);
		serve_count(serve->node, KVMEM_PEER_SERVED_GETS);
	}
	serve_close(serve);
}
EXPORT_SYMBOL_KVMEM(kvmem_serve_get_end);

/* PUT ---------------------------------------------------------------------------- */

static bool serve_here(struct kvmem_ns *ns, const struct kvmem_key *key)
{
	struct kvmem_block *block;
	u16 res_flags = 0;

	block = kvmem_block_lookup(ns, key, &res_flags);
	if (!block)
		return kvmem_flash_here(ns, key);
	kvmem_block_put(block);
	return true;
}

static int serve_put_block(struct kvmem_serve *serve, struct kvmem_ns *ns)
{
	struct kvmem_block *block;
	int ret;

	if (serve_here(ns, &serve->key))
		return -EEXIST;
	block = kvmem_block_alloc(ns, serve->size, false);
	if (IS_ERR(block)) {
		ret = PTR_ERR(block);
		if (ret == -ENOSPC || ret == -EDQUOT)
			kvmem_stat_inc(ns, KVMEM_STAT_NOSPC);
		return ret;
	}
	ret = serve_open(serve, ns, block);
	if (ret)
		kvmem_block_put(block);
	return ret;
}

int kvmem_serve_put(struct kvmem_serve *serve)
{
	struct kvmem_ns *ns;
	int ret;

	if (!serve->size || serve->size > KVMEM_MAX_BLOCK ||
	    serve->hint_class >= KVMEM_NR_HINT_CLASSES || serve->priority > KVMEM_MAX_PRIORITY)
		return -EINVAL;
	ns = serve_ns(serve);
	if (IS_ERR(ns))
		return PTR_ERR(ns);
	ret = serve_put_block(serve, ns);
	if (ret)
		kvmem_ns_put(ns);
	return ret;
}
EXPORT_SYMBOL_KVMEM(kvmem_serve_put);

static int serve_publish(struct kvmem_serve *serve)
{
	const struct kvmem_hints hints = {
		.hint_class = serve->hint_class,
		.priority = serve->priority,
		.ttl_ms = serve->ttl_ms,
		.cost = serve->cost,
	};
	struct kvmem_block *block = serve->block;
	int ret;

	kvmem_block_seal(block, serve->size);
	if (block->crc != serve->crc)
		return -EILSEQ;
	ret = kvmem_block_commit(block, &serve->key, &hints);
	if (ret)
		return ret;
	kvmem_stat_inc(serve->ns, KVMEM_STAT_PUTS);
	kvmem_flash_written(serve->ns, block);
	return 0;
}

int kvmem_serve_put_end(struct kvmem_serve *serve, int status)
{
	if (!status)
		status = serve_publish(serve);
	if (!status)
		serve_count(serve->node, KVMEM_PEER_SERVED_PUTS);
	trace_kvmem_peer_serve(serve->node, KVMEM_CALL_PUT, serve->key.b, status, serve->size);
	serve_close(serve);
	return status;
}
EXPORT_SYMBOL_KVMEM(kvmem_serve_put_end);

/* DELETE, EXISTS --------------------------------------------------------------------- */

int kvmem_serve_delete(struct kvmem_serve *serve)
{
	struct kvmem_ns *ns = serve_ns(serve);
	u32 size;
	int ret;

	if (IS_ERR(ns))
		return PTR_ERR(ns);
	ret = kvmem_delete_here(ns, &serve->key, &size);
	trace_kvmem_peer_serve(serve->node, KVMEM_CALL_DELETE, serve->key.b, ret, size);
	kvmem_ns_put(ns);
	return ret;
}
EXPORT_SYMBOL_KVMEM(kvmem_serve_delete);

int kvmem_serve_exists(struct kvmem_serve *serve, const struct kvmem_key *keys,
		       unsigned int nr, u64 *found)
{
	struct kvmem_ns *ns;
	unsigned int i;

	*found = 0;
	if (!nr || nr > KVMEM_CALL_KEYS)
		return -EINVAL;
	ns = serve_ns(serve);
	if (IS_ERR(ns))
		return PTR_ERR(ns);
	for (i = 0; i < nr; i++)
		if (serve_here(ns, &keys[i]))
			*found |= BIT_ULL(i);
	kvmem_ns_put(ns);
	return 0;
}
EXPORT_SYMBOL_KVMEM(kvmem_serve_exists);
