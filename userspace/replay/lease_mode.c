// SPDX-License-Identifier: GPL-2.0
/* Blocks without a copy: read in place by lease, written in place by ALLOC. */
#include "content.h"
#include "replay.h"

static int lease_open(struct client *c)
{
	(void)c;
	return 0;
}

static void lease_close(struct client *c)
{
	(void)c;
}

static uint64_t timed(struct client *c, enum timed what, uint64_t since)
{
	uint64_t now = now_ns();

	hist_add(&c->stats->hist[what], now - since, 1);
	c->stats->ops++;
	return now;
}

static void put_in_place(struct client *c, const uint8_t *key)
{
	struct kvmem_area area;
	uint64_t t = now_ns();
	int ret = kvmem_alloc(c->k, c->o->block_size, &area);

	timed(c, TIMED_ALLOC, t);
	if (ret) {
		client_put_done(c, key, ret, false);
		return;
	}
	content_fill(key, area.ptr, c->o->block_size);
	t = now_ns();
	ret = kvmem_commit(c->k, &area, key, 0, NULL);
	timed(c, TIMED_COMMIT, t);
	if (ret < 0)
		kvmem_discard(c->k, &area);
	client_put_done(c, key, ret < 0 ? ret : 0, ret == 1);
}

static void read_in_place(struct client *c, const uint8_t *key, uint64_t id,
			  struct kvmem_view *view)
{
	uint64_t t;
	int err;

	client_hit(c, key, id, view->ptr, view->len, KVMEM_TIER_DRAM);
	if (c->o->verify && kvmem_lease_verify(view)) {
		client_error(c, "checksum of the lease", key, -EBADMSG);
		c->stats->wrong++;
	}
	t = now_ns();
	err = kvmem_release(c->k, view);
	timed(c, TIMED_RELEASE, t);
	if (err)
		client_error(c, "RELEASE", key, err);
}

static void one_block(struct client *c, uint64_t id)
{
	uint8_t key[KVMEM_KEY_LEN];
	struct kvmem_view view;
	uint64_t t;
	int err;

	content_key(key, c->salt, id, c->o->block_size);
	t = now_ns();
	err = kvmem_lease(c->k, key, 0, &view);
	timed(c, TIMED_LEASE, t);
	if (!err) {
		read_in_place(c, key, id, &view);
	} else if (err == -ENOENT) {
		client_miss(c, 0);
		put_in_place(c, key);
	} else {
		client_error(c, "LEASE", key, err);
	}
}

static int lease_request(struct client *c, const struct trace_request *r)
{
	size_t i;

	for (i = 0; i < r->nr; i++)
		one_block(c, c->trace->ids[r->first + i]);
	return 0;
}

const struct mode_ops lease_mode = {
	.open = lease_open,
	.request = lease_request,
	.close = lease_close,
};
