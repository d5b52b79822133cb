// SPDX-License-Identifier: GPL-2.0
/*
 * Operations: the table of what each may carry, and the ones that copy.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>
#include "file.h"
#include "ns.h"
#include "ops.h"
#include "flash/direct.h"
#include "flash/direct_dma.h"
#include "flash/tier.h"
#include "peer/route.h"
#include "trace.h"

/* Fields of struct kvmem_op that an operation uses; the others must be 0. */
enum {
	USE_KEY		= 1 << 0,
	USE_MEM		= 1 << 1,	/* buf, addr */
	USE_LEN		= 1 << 2,
	USE_OFFSET	= 1 << 3,
	USE_HANDLE	= 1 << 4,
	USE_HINTS	= 1 << 5,
	USE_ADDR	= 1 << 6,	/* addr alone */
};

enum {
	OP_WHEN_DOWN	= 1 << 0,	/* allowed while quiesced, and in a deleted namespace */
};

struct kvmem_op_desc {
	int (*fn)(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		  struct kvmem_run *run);
	u16 flags;		/* KVMEM_OP_F_* it knows */
	u8 uses;
	u8 access;		/* KVMEM_ACCESS_* it needs */
	u8 props;
};

/* Helpers ------------------------------------------------------------------ */

static const struct kvmem_key *op_key(const struct kvmem_op *op)
{
	return (const struct kvmem_key *)op->key;
}

static void op_hints(const struct kvmem_op *op, struct kvmem_hints *hints)
{
	hints->hint_class = op->hint_class;
	hints->priority = op->priority;
	hints->ttl_ms = op->ttl_ms;
	hints->cost = op->cost;
}

struct kvmem_block *kvmem_op_find(struct kvmem_ns *ns, struct kvmem_op *op)
{
	struct kvmem_block *block = kvmem_block_lookup(ns, op_key(op), &op->res_flags);

	if (!block)
		return NULL;
	op->crc = block->crc;
	op->tier = KVMEM_TIER_DRAM;
	return block;
}

/* What this node has. */
static struct kvmem_block *op_fetch(struct kvmem_ns *ns, struct kvmem_op *op,
				    struct kvmem_run *run, struct kvmem_past *past)
{
	struct kvmem_block *block = kvmem_op_find(ns, op);

	if (block && !kvmem_ns_vouches(ns, block)) {
		kvmem_block_put(block);
		op->reason = KVMEM_REASON_VERIFY;
		return ERR_PTR(-EOPNOTSUPP);
	}
	if (block || !kvmem_flash_has(ns))
		return block;
	kvmem_run_flush(run, ns);
	block = kvmem_flash_fetch(ns, op_key(op), &op->res_flags, past);
	if (block == ERR_PTR(-EOPNOTSUPP)) {
		op->reason = KVMEM_REASON_VERIFY;
	} else if (!IS_ERR_OR_NULL(block)) {
		op->crc = block->crc;
		op->tier = KVMEM_TIER_FLASH;
	}
	return block;
}

/* Who wants it in DRAM gets it there, whatever the namespace keeps. */
static struct kvmem_block *op_fetch_peer(struct kvmem_ns *ns, struct kvmem_op *op)
{
	struct kvmem_remote_want want = { .keep = true };
	int ret = kvmem_remote_get(ns, op_key(op), &want);

	if (ret)
		return ret == -ENOENT ? NULL : ERR_PTR(ret);
	op->crc = want.crc;
	op->tier = KVMEM_TIER_PEER;
	return want.block;
}

struct kvmem_block *kvmem_op_fetch(struct kvmem_ns *ns, struct kvmem_op *op,
				   struct kvmem_run *run)
{
	struct kvmem_block *block = op_fetch(ns, op, run, NULL);

	if (block || !kvmem_peer_routes(ns))
		return block;
	kvmem_run_flush(run, ns);
	return op_fetch_peer(ns, op);
}

/* The caller's memory of this operation; *@buf, when not NULL, is to be put. */
static int op_span(struct kvmem_file *kf, const struct kvmem_op *op, u64 len, bool write,
		   struct kvmem_span *span, struct kvmem_buffer **buf)
{
	int ret;

	*buf = NULL;
	if (!op->buf) {
		span->type = KVMEM_SPAN_USER;
		span->len = len;
		span->user = u64_to_user_ptr(op->addr);
		return 0;
	}
	*buf = kvmem_buffer_get(kf, op->buf);
	if (!*buf)
		return -EBADSLT;
	ret = kvmem_buffer_span(*buf, op->addr, len, span);
	if (!ret && write && (*buf)->rdonly)
		ret = -EINVAL;
	if (ret) {
		kvmem_buffer_put(*buf);
		*buf = NULL;
	}
	return ret;
}

/* GET ---------------------------------------------------------------------- */

int kvmem_op_get_length(u32 size, struct kvmem_op *op, size_t *len)
{
	if (op->offset >= size || (!op->len && op->flags & KVMEM_OP_F_PARTIAL))
		return -EINVAL;
	*len = size - op->offset;
	if (op->flags & KVMEM_OP_F_PARTIAL)
		*len = min_t(u64, *len, op->len);
	if (op->len < *len) {
		op->bytes = size;
		return -EMSGSIZE;
	}
	return 0;
}

static int get_bytes(struct kvmem_block *block, const struct kvmem_past *past, u64 off,
		     size_t len, struct iov_iter *iter)
{
	return block ? kvmem_block_read(block, off, len, iter) :
		       kvmem_flash_serve(past, off, len, iter);
}

/* From DRAM, or when @block is NULL from where it stays. */
static int get_copy(struct kvmem_file *kf, struct kvmem_block *block,
		    const struct kvmem_past *past, struct kvmem_op *op, size_t len)
{
	struct kvmem_buffer *buf;
	struct kvmem_span span;
	struct iov_iter iter;
	int ret;

	ret = op_span(kf, op, len, true, &span, &buf);
	if (ret)
		return ret;
	if (buf && buf->dmabuf)
		ret = kvmem_bounce_get(buf, block, op, len);
	else
		ret = kvmem_span_iter(&span, ITER_DEST, &iter) ?:
		      get_bytes(block, past, op->offset, len, &iter);
	if (buf)
		kvmem_buffer_put(buf);
	return ret;
}

/* A block whose bytes are not what was put is dropped: from here on a miss. */
void kvmem_op_corrupt(struct kvmem_block *block, struct kvmem_op *op)
{
	if (kvmem_block_unlink(block, KVMEM_BLOCK_EVICTED, KVMEM_EVICT_CORRUPT))
		pr_warn_ratelimited("ns %u: block %*phN failed its checksum, dropped\n",
				    block->ns->id, 8, block->key.b);
	op->res_flags |= KVMEM_RES_F_CORRUPT;
	op->crc = 0;
}

static int get_corrupt(struct kvmem_ns *ns, struct kvmem_op *op, struct kvmem_run *run)
{
	kvmem_run_miss(run, ns, op_key(op), op->res_flags);
	return -ENOENT;
}

static void get_done(struct kvmem_ns *ns, struct kvmem_op *op, size_t len, bool verified)
{
	op->bytes = len;
	if (verified)
		op->res_flags |= KVMEM_RES_F_VERIFIED;
	kvmem_stat_add(ns, KVMEM_STAT_COPIED_OUT, len);
}

/* Only flash has it, and DRAM has better use for its room. */
static int get_flash(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		     struct kvmem_run *run, struct kvmem_past *past)
{
	const struct kvmem_flash_look *look = &past->look;
	size_t len;
	int ret = kvmem_op_get_length(look->size, op, &len);

	op->crc = look->crc;
	op->tier = KVMEM_TIER_FLASH;
	if (!ret)
		ret = get_copy(kf, NULL, past, op, len);
	kvmem_flash_past_end(past, !ret && !(op->flags & KVMEM_OP_F_NOTOUCH));
	if (!ret) {
		get_done(ns, op, len, true);
		kvmem_run_found(run, ns, op_key(op), look->class, look->size);
	} else if (ret == -EILSEQ) {
		op->res_flags |= KVMEM_RES_F_CORRUPT;
		op->crc = 0;
		ret = get_corrupt(ns, op, run);
	}
	return ret;
}

/* Longer than this is not believed to be the length of a block. */
#define GET_PEER_ROOM	(4U << 20)

/* The whole block, into pages: those can be written by the peer itself. */
static bool get_peer_span(struct kvmem_file *kf, const struct kvmem_op *op,
			  struct kvmem_span *span, struct kvmem_buffer **buf)
{
	*buf = NULL;
	if (!op->buf || op->offset || op->flags & KVMEM_OP_F_PARTIAL || !op->len ||
	    kvmem_buffer_is_dma(kf, op->buf))
		return false;
	return !op_span(kf, op, min_t(u64, op->len, KVMEM_MAX_BLOCK), true, span, buf);
}

static int get_peer_done(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
			 struct kvmem_run *run, const struct kvmem_remote_want *want)
{
	struct kvmem_block *block = want->block;
	size_t len;
	int ret = kvmem_op_get_length(want->size, op, &len);

	op->crc = want->crc;
	op->tier = KVMEM_TIER_PEER;
	if (!ret && block)
		ret = get_copy(kf, block, NULL, op, len);
	if (ret == -EILSEQ) {
		kvmem_op_corrupt(block, op);
		return get_corrupt(ns, op, run);
	}
	if (ret)
		return ret;
	op->bytes = len;
	op->res_flags |= KVMEM_RES_F_VERIFIED;
	if (block)
		kvmem_stat_add(ns, KVMEM_STAT_COPIED_OUT, len);
	if (block && block->state != KVMEM_BLOCK_ALLOCATED)
		kvmem_run_hit(run, ns, block, !(op->flags & KVMEM_OP_F_NOTOUCH));
	else
		kvmem_run_found(run, ns, op_key(op), want->class, want->size);
	return 0;
}

/* This node does not have it. */
static int get_peer(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		    struct kvmem_run *run, bool dma)
{
	/* To a dma-buf it goes by the CPU, or not at all. */
	bool barred = dma && !kvmem_ns_bounces(ns);
	struct kvmem_remote_want want = {
		.keep = READ_ONCE(ns->p.peer_keep),
		.look = !op->len || barred,
	};
	struct kvmem_buffer *buf = NULL;
	struct kvmem_span span;
	int ret;

	kvmem_run_flush(run, ns);
	if (!want.keep && get_peer_span(kf, op, &span, &buf))
		want.span = &span;
	if (!op->offset && !(op->flags & KVMEM_OP_F_PARTIAL) && op->len <= GET_PEER_ROOM)
		want.room = op->len;
	ret = kvmem_remote_get(ns, op_key(op), &want);
	if (dma && !ret)
		op->reason = KVMEM_REASON_DRAM;
	if (barred && !ret)
		ret = -EOPNOTSUPP;
	else if (!ret)
		ret = get_peer_done(kf, ns, op, run, &want);
	else if (ret == -EMSGSIZE)
		op->bytes = want.size;
	else if (ret == -ENOENT)
		kvmem_run_miss(run, ns, op_key(op), op->res_flags);
	if (want.block)
		kvmem_block_put(want.block);
	if (buf)
		kvmem_buffer_put(buf);
	return ret;
}

/* What bounces (@dma) does so from DRAM. */
static int get_dram(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		    struct kvmem_run *run, bool dma)
{
	struct kvmem_past past = { .growth = kvmem_run_growth(run) };
	struct kvmem_block *block = op_fetch(ns, op, run, dma ? NULL : &past);
	size_t len;
	int ret;

	if (past.copy)
		return get_flash(kf, ns, op, run, &past);
	if (IS_ERR(block))
		return PTR_ERR(block);
	if (!block && kvmem_peer_routes(ns))
		return get_peer(kf, ns, op, run, dma);
	if (!block) {
		kvmem_run_miss(run, ns, op_key(op), op->res_flags);
		return -ENOENT;
	}
	ret = kvmem_op_get_length(block->size, op, &len);
	if (!ret)
		ret = get_copy(kf, block, NULL, op, len);
	if (!ret) {
		get_done(ns, op, len, !block->unsummed);
		kvmem_run_hit(run, ns, block, !(op->flags & KVMEM_OP_F_NOTOUCH));
	} else if (ret == -EILSEQ) {
		kvmem_op_corrupt(block, op);
		ret = get_corrupt(ns, op, run);
	}
	kvmem_block_put(block);
	return ret;
}

/* *@dma: the buffer has no pages.  -EAGAIN: the CPU has to copy. */
static int get_direct(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		      struct kvmem_run *run, bool *dma)
{
	struct kvmem_buffer *buf = op->buf ? kvmem_run_buffer(run, kf, op->buf) : NULL;
	int ret = -EAGAIN;

	*dma = kvmem_buffer_has_no_pages(buf);
	if (*dma || op->flags & KVMEM_OP_F_NOCACHE)
		ret = kvmem_direct_get(buf, ns, op, run);
	return ret == -EAGAIN && *dma ? kvmem_bounce_check(ns, op) : ret;
}

static int op_get(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		  struct kvmem_run *run)
{
	bool dma;
	int ret = get_direct(kf, ns, op, run, &dma);

	if (ret != -EAGAIN)
		return ret;
	if (run->first) {
		run->punt = true;
		return KVMEM_OP_PENDING;
	}
	kvmem_direct_unplug(run);
	return get_dram(kf, ns, op, run, dma);
}

/* PUT ---------------------------------------------------------------------- */

static int put_fill(struct kvmem_file *kf, struct kvmem_block *block, struct kvmem_op *op)
{
	struct kvmem_buffer *buf;
	struct kvmem_span span;
	struct iov_iter iter;
	int ret;

	ret = op_span(kf, op, op->len, false, &span, &buf);
	if (ret)
		return ret;
	if (buf && buf->dmabuf)
		ret = kvmem_bounce_put(buf, block, op);
	else
		ret = kvmem_span_iter(&span, ITER_SOURCE, &iter) ?:
		      kvmem_block_fill(block, &iter);
	if (buf)
		kvmem_buffer_put(buf);
	return ret;
}

/* Length and checksum of the block of the key, wherever it is. */
static bool op_look(struct kvmem_ns *ns, struct kvmem_op *op, struct kvmem_flash_look *look)
{
	struct kvmem_block *block;
	u16 res_flags = 0;

	block = kvmem_block_lookup(ns, op_key(op), &res_flags);
	if (!block) {
		op->tier = KVMEM_TIER_FLASH;
		return kvmem_flash_look(ns, op_key(op), look);
	}
	op->tier = KVMEM_TIER_DRAM;
	look->size = block->size;
	look->crc = block->crc;
	kvmem_block_put(block);
	return true;
}

int kvmem_op_persist(struct kvmem_ns *ns, struct kvmem_op *op)
{
	int ret;

	if (!(op->flags & KVMEM_OP_F_PERSIST))
		return 0;
	ret = kvmem_flash_persist(ns, op_key(op));
	if (!ret)
		op->res_flags |= KVMEM_RES_F_PERSISTED;
	return ret;
}

/*
 * Somebody else's block has the key.  Its length and checksum are told, if it
 * is still there: to those who may read.
 */
static int op_existed(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op)
{
	struct kvmem_flash_look look = {};

	op->res_flags |= KVMEM_RES_F_EXISTED;
	kvmem_stat_inc(ns, KVMEM_STAT_EXISTED);
	if (!op_look(ns, op, &look) || !(kf->access & KVMEM_ACCESS_READ))
		memset(&look, 0, sizeof(look));
	op->bytes = look.size;
	op->crc = look.crc;
	return kvmem_op_persist(ns, op);
}

/* To its owners.  1: it is to be published here, too; 0: it is not; else an errno. */
static int commit_peers(struct kvmem_ns *ns, struct kvmem_block *block, struct kvmem_op *op,
			const struct kvmem_hints *hints)
{
	struct kvmem_remote_put put = { .block = block, .hints = hints };
	int ret = kvmem_remote_put(ns, op_key(op), &put);

	if (ret)
		return ret;
	/* What is to survive here has to be here. */
	if (put.here || op->flags & KVMEM_OP_F_PERSIST)
		return 1;
	op->tier = KVMEM_TIER_PEER;
	if (put.existed == put.taken) {
		op->res_flags |= KVMEM_RES_F_EXISTED;
		kvmem_stat_inc(ns, KVMEM_STAT_EXISTED);
	} else {
		kvmem_stat_inc(ns, KVMEM_STAT_PUTS);
	}
	return 0;
}

int kvmem_op_commit(struct kvmem_file *kf, struct kvmem_ns *ns,
		    struct kvmem_block *block, struct kvmem_op *op, struct kvmem_run *run)
{
	struct kvmem_hints hints = {};
	int ret;

	op_hints(op, &hints);
	hints.growth = kvmem_run_growth(run);
	hints.own_class = kvmem_run_class(run);
	op->crc = block->crc;
	op->bytes = block->size;
	op->tier = KVMEM_TIER_DRAM;
	if (kvmem_flash_here(ns, op_key(op)))
		return op_existed(kf, ns, op);
	if (kvmem_peer_routes(ns)) {
		ret = commit_peers(ns, block, op, &hints);
		if (ret <= 0)
			return ret;
	}
	ret = kvmem_block_commit(block, op_key(op), &hints);
	if (ret == -EEXIST)
		return op_existed(kf, ns, op);
	if (ret)
		return ret;
	kvmem_stat_inc(ns, KVMEM_STAT_PUTS);
	if (op->flags & KVMEM_OP_F_PERSIST)
		return kvmem_op_persist(ns, op);
	kvmem_flash_written(ns, block);
	return 0;
}

static int put_new(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		   struct kvmem_run *run)
{
	struct kvmem_block *block;
	int ret;

	kvmem_run_flush(run, ns);
	block = kvmem_block_alloc(ns, op->len, false);
	if (IS_ERR(block))
		return PTR_ERR(block);
	ret = put_fill(kf, block, op);
	if (!ret) {
		kvmem_stat_add(ns, KVMEM_STAT_COPIED_IN, block->size);
		ret = kvmem_op_commit(kf, ns, block, op, run);
	}
	kvmem_block_put(block);
	return ret;
}

/* What goes to peers does so from DRAM, if the CPU may bring it there. */
static bool put_is_direct(struct kvmem_ns *ns, const struct kvmem_op *op, bool dma)
{
	if (kvmem_peer_routes(ns) && (!dma || kvmem_ns_bounces(ns)))
		return false;
	return dma || op->flags & KVMEM_OP_F_NOCACHE;
}

/* -EAGAIN: the CPU has to copy. */
static int put_direct(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		      struct kvmem_run *run)
{
	struct kvmem_buffer *buf = op->buf ? kvmem_run_buffer(run, kf, op->buf) : NULL;
	bool dma = kvmem_buffer_has_no_pages(buf);
	int ret = -EAGAIN;

	if (put_is_direct(ns, op, dma))
		ret = kvmem_direct_put(buf, ns, op, run);
	return ret == -EAGAIN && dma ? kvmem_bounce_check(ns, op) : ret;
}

static int op_put(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		  struct kvmem_run *run)
{
	struct kvmem_block *block;
	int ret;

	if (!op->len || op->len > KVMEM_MAX_BLOCK)
		return -EINVAL;
	block = kvmem_op_find(ns, op);
	if (block) {
		kvmem_block_put(block);
		return op_existed(kf, ns, op);
	}
	if (kvmem_flash_here(ns, op_key(op)))
		return op_existed(kf, ns, op);
	op->res_flags = 0;
	ret = put_direct(kf, ns, op, run);
	if (ret != -EAGAIN)
		return ret;
	kvmem_direct_unplug(run);
	ret = put_new(kf, ns, op, run);
	if (ret == -ENOSPC || ret == -EDQUOT)
		kvmem_stat_inc(ns, KVMEM_STAT_NOSPC);
	return ret;
}

/* The small ones ------------------------------------------------------------- */

static int op_nop(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		  struct kvmem_run *run)
{
	return 0;
}

static int delete_dram(struct kvmem_ns *ns, const struct kvmem_key *key, u32 *size)
{
	struct kvmem_block *block;
	u16 res_flags = 0;
	int ret = -ENOENT;

	block = kvmem_block_lookup(ns, key, &res_flags);
	if (!block)
		return ret;
	if (kvmem_block_unlink(block, KVMEM_BLOCK_DELETED, KVMEM_EVICT_QUOTA)) {
		*size = block->size;
		ret = 0;
	}
	kvmem_block_put(block);
	return ret;
}

int kvmem_delete_here(struct kvmem_ns *ns, const struct kvmem_key *key, u32 *size)
{
	u32 flash_size = 0;
	int ret = -ENOENT, flash;

	*size = 0;
	do {
		if (!delete_dram(ns, key, size))
			ret = 0;
		/* Second, so that what is on its way there finds the block deleted. */
		flash = kvmem_flash_delete(ns, key, &flash_size);
		/* Gone from there, or it is not known: then not for certain from here. */
		if (flash != -ENOENT)
			ret = flash;
		/* Once more when a get brought it to DRAM in between, from there. */
	} while ((!flash || flash == -ENOENT) && kvmem_block_was_fetched(ns, key));
	if (!ret)
		kvmem_stat_inc(ns, KVMEM_STAT_DELETES);
	*size = *size ?: flash_size;
	return ret;
}

static int op_delete(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		     struct kvmem_run *run)
{
	u32 size;
	int ret;

	kvmem_run_flush(run, ns);
	ret = kvmem_delete_here(ns, op_key(op), &size);
	if (kvmem_peer_routes(ns) && kvmem_remote_delete(ns, op_key(op)) && ret == -ENOENT)
		ret = 0;
	/* Its length and checksum are for those who may read. */
	op->bytes = !ret && kf->access & KVMEM_ACCESS_READ ? size : 0;
	op->crc = 0;
	return ret;
}

static int exists_peer(struct kvmem_ns *ns, struct kvmem_op *op)
{
	struct kvmem_remote_want want = { .look = true };
	int ret;

	if (!kvmem_peer_routes(ns))
		return -ENOENT;
	ret = kvmem_remote_get(ns, op_key(op), &want);
	if (ret)
		return ret;
	op->bytes = want.size;
	op->crc = want.crc;
	op->tier = KVMEM_TIER_PEER;
	return 0;
}

static int op_exists(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		     struct kvmem_run *run)
{
	struct kvmem_block *block = kvmem_op_find(ns, op);
	struct kvmem_flash_look look;

	if (!block) {
		if (!kvmem_flash_look(ns, op_key(op), &look))
			return exists_peer(ns, op);
		op->bytes = look.size;
		op->crc = look.crc;
		op->tier = KVMEM_TIER_FLASH;
		return 0;
	}
	op->bytes = block->size;
	if (!(op->flags & KVMEM_OP_F_NOTOUCH))
		kvmem_block_touch(block);
	kvmem_block_put(block);
	return 0;
}

static int op_prefetch(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		       struct kvmem_run *run)
{
	struct kvmem_block *block = kvmem_op_fetch(ns, op, run);

	if (IS_ERR_OR_NULL(block))
		return block ? PTR_ERR(block) : -ENOENT;
	op->bytes = block->size;
	kvmem_block_touch(block);
	kvmem_block_put(block);
	return 0;
}

static int op_pin(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		  struct kvmem_run *run)
{
	struct kvmem_block *block = kvmem_op_fetch(ns, op, run);
	int ret;

	if (IS_ERR_OR_NULL(block))
		return block ? PTR_ERR(block) : -ENOENT;
	op->bytes = block->size;
	ret = kvmem_pin(kf, block);
	kvmem_block_put(block);
	return ret;
}

static int op_unpin(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		    struct kvmem_run *run)
{
	return kvmem_unpin(kf, op_key(op));
}

/* Dispatch -------------------------------------------------------------------- */

#define RD	KVMEM_ACCESS_READ
#define WR	KVMEM_ACCESS_WRITE

static const struct kvmem_op_desc op_descs[KVMEM_OP_NR] = {
	[KVMEM_OP_NOP] = { op_nop, 0, 0, 0, OP_WHEN_DOWN },
	[KVMEM_OP_GET] = { op_get,
			   KVMEM_OP_F_PARTIAL | KVMEM_OP_F_NOTOUCH | KVMEM_OP_F_NOCACHE,
			   USE_KEY | USE_MEM | USE_LEN | USE_OFFSET, RD },
	[KVMEM_OP_PUT] = { op_put, KVMEM_OP_F_PERSIST | KVMEM_OP_F_NOCACHE,
			   USE_KEY | USE_MEM | USE_LEN | USE_HINTS, WR },
	[KVMEM_OP_DELETE] = { op_delete, 0, USE_KEY, WR },
	[KVMEM_OP_EXISTS] = { op_exists, KVMEM_OP_F_NOTOUCH, USE_KEY, RD },
	[KVMEM_OP_PIN] = { op_pin, 0, USE_KEY, RD },
	[KVMEM_OP_UNPIN] = { op_unpin, 0, USE_KEY, RD, OP_WHEN_DOWN },
	[KVMEM_OP_MATCH] = { kvmem_op_match,
			     KVMEM_OP_F_LEASE | KVMEM_OP_F_NOCOPY | KVMEM_OP_F_NOTOUCH,
			     USE_ADDR | USE_LEN | USE_HANDLE, RD },
	[KVMEM_OP_PREFETCH] = { op_prefetch, 0, USE_KEY, RD },
	[KVMEM_OP_ALLOC] = { kvmem_op_alloc, 0, USE_LEN, RD | WR },
	[KVMEM_OP_COMMIT] = { kvmem_op_commit_handle, KVMEM_OP_F_PERSIST,
			      USE_KEY | USE_LEN | USE_HANDLE | USE_HINTS, WR },
	[KVMEM_OP_LEASE] = { kvmem_op_lease, KVMEM_OP_F_NOCOPY | KVMEM_OP_F_NOTOUCH,
			     USE_KEY, RD },
	[KVMEM_OP_RELEASE] = { kvmem_op_release, 0, USE_HANDLE, 0, OP_WHEN_DOWN },
};

static bool op_fields_ok(const struct kvmem_op *op, u8 uses)
{
	if (!(uses & USE_KEY) && memchr_inv(op->key, 0, sizeof(op->key)))
		return false;
	if ((!(uses & USE_MEM) && op->buf) ||
	    (!(uses & (USE_MEM | USE_ADDR)) && op->addr) ||
	    (!(uses & USE_LEN) && op->len) ||
	    (!(uses & USE_OFFSET) && op->offset) ||
	    (!(uses & USE_HANDLE) && op->handle))
		return false;
	if (!(uses & USE_HINTS))
		return !op->hint_class && !op->priority && !op->ttl_ms && !op->cost;
	return op->hint_class < KVMEM_NR_HINT_CLASSES &&
	       op->priority <= KVMEM_MAX_PRIORITY;
}

static int op_check(struct kvmem_file *kf, struct kvmem_ns *ns, const struct kvmem_op *op)
{
	const struct kvmem_op_desc *desc = &op_descs[op->opcode];

	if (op->flags & ~desc->flags || op->reserved0 || op->reserved1 ||
	    !op_fields_ok(op, desc->uses))
		return -EINVAL;
	if ((kvmem_quiesced() || test_bit(KVMEM_NS_DEAD, &ns->flags)) &&
	    !(desc->props & OP_WHEN_DOWN))
		return -ESHUTDOWN;
	return (kf->access & desc->access) == desc->access ? 0 : -EACCES;
}

static void op_clear_result(struct kvmem_op *op)
{
	op->crc = 0;
	op->status = 0;
	op->res_flags = 0;
	op->tier = 0;
	op->reason = 0;
	op->reserved3 = 0;
	op->bytes = 0;
	op->res_handle = 0;
	op->mmap_offset = 0;
}

void kvmem_op_end(struct kvmem_ns *ns, struct kvmem_op *op, int status, u64 start)
{
	u64 took = ktime_get_ns() - start;

	op->status = status;
	if (op->opcode < KVMEM_OP_NR)
		kvmem_lat_record(op->opcode, op->tier, status, status ? 0 : op->bytes, took);
	trace_kvmem_op(ns->id, op->opcode, op->key, status, op->bytes, op->tier, took);
}

bool kvmem_op_run(struct kvmem_file *kf, struct kvmem_ns *ns, struct kvmem_op *op,
		  struct kvmem_run *run)
{
	u64 start = ktime_get_ns();
	int ret = -EINVAL;

	run->now = start;
	op_clear_result(op);
	if (op->opcode < KVMEM_OP_NR) {
		op->opcode = array_index_nospec(op->opcode, KVMEM_OP_NR);
		ret = op_check(kf, ns, op);
		if (!ret)
			ret = op_descs[op->opcode].fn(kf, ns, op, run);
	}
	if (ret == KVMEM_OP_PENDING)
		return false;
	kvmem_op_end(ns, op, ret, start);
	return true;
}
