// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks by copy, in batches: by ioctl, one after the other, or by io_uring,
 * several in flight.  A request goes in rounds of as many batches as there
 * are lanes: GET all, then PUT what was missing.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "content.h"
#include "replay.h"

/* A batch with its memory. */
struct lane {
	struct kvmem_op *ops;
	const uint64_t *ids;
	uint64_t *put_ids;
	size_t nr;
	uint8_t *mem;
	uint64_t mem_offset;
	uint64_t started;
	uint64_t took;
	int64_t result;
};

struct work {
	unsigned int nr_lanes;
	struct lane *lanes;
	uint8_t *mem;
	size_t mem_len;
	uint32_t buf_id;
	struct kvmem_queue *queue;
};

static void work_free(struct client *c)
{
	struct work *w = c->work;
	unsigned int i;

	if (!w)
		return;
	kvmem_queue_destroy(w->queue);
	if (w->buf_id)
		kvmem_buf_unregister(c->k, w->buf_id);
	for (i = 0; w->lanes && i < w->nr_lanes; i++) {
		free(w->lanes[i].ops);
		free(w->lanes[i].put_ids);
	}
	free(w->lanes);
	if (w->mem)
		munmap(w->mem, w->mem_len);
	free(w);
	c->work = NULL;
}

static int lanes_alloc(struct client *c, struct work *w)
{
	size_t len = c->o->batch * c->o->block_size;
	unsigned int i;
	void *p;

	w->nr_lanes = c->o->mode == MODE_URING ? c->o->depth : 1;
	w->lanes = calloc(w->nr_lanes, sizeof(*w->lanes));
	w->mem_len = len * w->nr_lanes;
	p = mmap(NULL, w->mem_len, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!w->lanes || p == MAP_FAILED)
		return -ENOMEM;
	w->mem = p;
	for (i = 0; i < w->nr_lanes; i++) {
		w->lanes[i].mem_offset = i * len;
		w->lanes[i].mem = w->mem + i * len;
		w->lanes[i].ops = calloc(c->o->batch, sizeof(struct kvmem_op));
		w->lanes[i].put_ids = calloc(c->o->batch, sizeof(uint64_t));
		if (!w->lanes[i].ops || !w->lanes[i].put_ids)
			return -ENOMEM;
	}
	return 0;
}

static int transfer_open(struct client *c)
{
	struct work *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	c->work = w;
	err = lanes_alloc(c, w);
	if (!err && c->o->use_buffers)
		err = kvmem_buf_register(c->k, w->mem, w->mem_len, 0,
					 &w->buf_id);
	if (!err && c->o->mode == MODE_URING)
		err = kvmem_queue_create(c->k, w->nr_lanes, &w->queue);
	return err;
}

/* Where block @i of the lane lies, as the kernel is told. */
static void lane_place(struct client *c, const struct lane *l, size_t i)
{
	struct work *w = c->work;

	if (w->buf_id)
		kvmem_op_set_buf(&l->ops[i], w->buf_id,
				 l->mem_offset + i * c->o->block_size);
}

static void lane_set_flags(const struct client *c, struct kvmem_op *op)
{
	if (c->o->no_cache)
		op->flags |= KVMEM_OP_F_NOCACHE;
}

static void lane_fill_get(struct client *c, struct lane *l)
{
	uint8_t key[KVMEM_KEY_LEN];
	size_t i;

	for (i = 0; i < l->nr; i++) {
		content_key(key, c->salt, l->ids[i], c->o->block_size);
		kvmem_op_get(&l->ops[i], key, l->mem + i * c->o->block_size,
			     c->o->block_size);
		lane_place(c, l, i);
		lane_set_flags(c, &l->ops[i]);
	}
}

/* Turn the misses of a lane into PUTs. */
static void lane_fill_put(struct client *c, struct lane *l)
{
	uint8_t key[KVMEM_KEY_LEN];
	uint8_t *mem;
	size_t i, n = 0;

	for (i = 0; i < l->nr; i++) {
		if (l->ops[i].status != -ENOENT)
			continue;
		memcpy(key, l->ops[i].key, sizeof(key));
		mem = l->mem + n * c->o->block_size;
		content_fill(key, mem, c->o->block_size);
		kvmem_op_put(&l->ops[n], key, mem, c->o->block_size, NULL);
		l->put_ids[n] = l->ids[i];
		lane_set_flags(c, &l->ops[n]);
		lane_place(c, l, n++);
	}
	l->nr = n;
}

static void lane_done(struct client *c, struct lane *l, int64_t result,
		      enum timed what)
{
	l->took = now_ns() - l->started;
	l->result = result;
	hist_add(&c->stats->hist[what], l->took, l->nr);
	c->stats->ops += l->nr;
}

static int run_queue(struct client *c, unsigned int nr, enum timed what)
{
	struct work *w = c->work;
	struct kvmem_completion done;
	unsigned int i, waiting = 0;
	int ret, err = 0;

	for (i = 0; i < nr; i++) {
		struct lane *l = &w->lanes[i];

		if (!l->nr)
			continue;
		l->started = now_ns();
		ret = kvmem_queue_submit(w->queue, l->ops, l->nr, 0, l);
		if (ret)
			lane_done(c, l, ret, what);
		else
			waiting++;
	}
	for (; waiting; waiting--) {
		ret = kvmem_queue_wait(w->queue, -1, &done);
		if (ret <= 0)
			return ret ? ret : -EIO;
		lane_done(c, done.user_data, done.result, what);
	}
	return err;
}

/* Run the first @nr lanes; each then has its result. */
static int run_lanes(struct client *c, unsigned int nr, enum timed what)
{
	struct work *w = c->work;
	struct lane *l = w->lanes;
	int64_t result;

	if (w->queue)
		return run_queue(c, nr, what);
	for (; l < w->lanes + nr; l++) {
		if (!l->nr)
			continue;
		l->started = now_ns();
		result = kvmem_batch_run(c->k, l->ops, l->nr, 0);
		lane_done(c, l, result, what);
	}
	return 0;
}

static void check_gets(struct client *c, struct lane *l)
{
	struct kvmem_op *op;
	size_t i;

	if (l->result < 0)
		client_error(c, "GET batch", NULL, (int)l->result);
	for (i = 0; i < l->nr; i++) {
		op = &l->ops[i];
		if (op->status == 0)
			client_hit(c, op->key, l->ids[i],
				   l->mem + i * c->o->block_size, op->bytes,
				   op->tier);
		else if (op->status == -ENOENT)
			client_miss(c, op->res_flags);
		else if (l->result >= 0)
			client_error(c, "GET", op->key, op->status);
	}
}

static void check_puts(struct client *c, struct lane *l)
{
	struct kvmem_op *op;
	size_t i;

	if (l->nr && l->result < 0 && l->result != -ESHUTDOWN) {
		client_error(c, "PUT batch", NULL, (int)l->result);
		return;
	}
	for (i = 0; i < l->nr; i++) {
		op = &l->ops[i];
		client_put_done(c, op->key, op->status,
				op->res_flags & KVMEM_RES_F_EXISTED);
	}
}

/* Deal @n blocks to the lanes.  Returns how many lanes got some. */
static unsigned int deal(struct client *c, const uint64_t *ids, size_t n)
{
	struct work *w = c->work;
	unsigned int i;
	size_t take;

	for (i = 0; i < w->nr_lanes && n; i++, n -= take, ids += take) {
		take = n < c->o->batch ? n : c->o->batch;
		w->lanes[i].ids = ids;
		w->lanes[i].nr = take;
		lane_fill_get(c, &w->lanes[i]);
	}
	return i;
}

static int round_of(struct client *c, const uint64_t *ids, size_t n)
{
	struct work *w = c->work;
	unsigned int nr = deal(c, ids, n), i;
	int err;

	err = run_lanes(c, nr, TIMED_GET);
	if (err)
		return err;
	for (i = 0; i < nr; i++) {
		check_gets(c, &w->lanes[i]);
		lane_fill_put(c, &w->lanes[i]);
	}
	err = run_lanes(c, nr, TIMED_PUT);
	for (i = 0; i < nr && !err; i++)
		check_puts(c, &w->lanes[i]);
	return err;
}

static int transfer_request(struct client *c, const struct trace_request *r)
{
	struct work *w = c->work;
	size_t most = (size_t)w->nr_lanes * c->o->batch, at, n;
	int err = 0;

	for (at = 0; at < r->nr && !err; at += n) {
		n = r->nr - at < most ? r->nr - at : most;
		err = round_of(c, c->trace->ids + r->first + at, n);
	}
	if (err)
		client_error(c, "io_uring", NULL, err);
	return err;
}

const struct mode_ops transfer_mode = {
	.open = transfer_open,
	.request = transfer_request,
	.close = work_free,
};
