// SPDX-License-Identifier: GPL-2.0
/* libkvmem when the module goes away and comes back. */
#include <stdlib.h>
#include <unistd.h>

#include "lib_common.h"

static void survive(enum fake_quiesce how)
{
	struct fake_kvmem *f = fake_new("t", 0);
	struct kvmem_ns_info info;
	struct kvmem *k;

	CHECK_EQ(open_fake(f, 0, 5000, &k), 0);
	CHECK_EQ(put_n(k, 1, 100), 0);
	fake_upgrade(f, how, 3);
	CHECK_EQ(get_n(k, 1, 100), -ENOENT);
	CHECK_EQ(kvmem_generation(k), 1);
	CHECK_EQ(put_n(k, 1, 100), 0);
	CHECK_EQ(get_n(k, 1, 100), 100);
	fake_upgrade(f, how, 0);
	CHECK_EQ(put_n(k, 1, 100), 0);
	CHECK_EQ(kvmem_generation(k), 2);
	fake_upgrade(f, FAKE_REFUSE_IOCTL, 0);
	CHECK_EQ(kvmem_ns_info(k, &info), 0);
	CHECK_EQ(kvmem_generation(k), 3);
	CHECK_EQ(fake_files(f), 1);
	kvmem_close(k);
	fake_free(f);
}

static void test_survive_ops(void)
{
	survive(FAKE_REFUSE_OPS);
}

static void test_survive_ioctl(void)
{
	survive(FAKE_REFUSE_IOCTL);
}

static void held(enum fake_quiesce how)
{
	struct fake_kvmem *f = fake_new("t", 0);
	uint8_t key[KVMEM_KEY_LEN];
	struct kvmem_area a;
	struct kvmem_view v;
	struct kvmem *k;

	CHECK_EQ(open_fake(f, 0, 5000, &k), 0);
	key_of(key, 1);
	CHECK_EQ(put_n(k, 1, 100), 0);
	CHECK_EQ(kvmem_lease(k, key, 0, &v), 0);
	CHECK_EQ(kvmem_alloc(k, 100, &a), 0);
	fake_upgrade(f, how, 0);
	CHECK_EQ(kvmem_reattach(k), -EBUSY);
	CHECK_EQ(get_n(k, 1, 100), -ESHUTDOWN);
	CHECK_EQ(kvmem_commit(k, &a, key, 0, NULL), -ESHUTDOWN);
	CHECK_EQ(kvmem_lease_verify(&v), 0);
	CHECK_EQ(kvmem_discard(k, &a), 0);
	CHECK_EQ(put_n(k, 2, 100), -ESHUTDOWN);
	CHECK_EQ(kvmem_generation(k), 0);
	CHECK_EQ(kvmem_release(k, &v), 0);
	CHECK_EQ(put_n(k, 2, 100), 0);
	CHECK_EQ(kvmem_generation(k), 1);
	CHECK_EQ(fake_maps(f), 0);
	kvmem_close(k);
	fake_free(f);
}

/* A handle of the old file must not be taken for one of the new. */
static void stale(enum fake_quiesce how)
{
	struct fake_kvmem *f = fake_new("t", 0);
	struct kvmem_area a, b, old;
	uint8_t key[KVMEM_KEY_LEN];
	struct kvmem_op op;
	struct kvmem *k;

	CHECK_EQ(open_fake(f, 0, 5000, &k), 0);
	key_of(key, 1);
	CHECK_EQ(kvmem_alloc(k, 100, &a), 0);
	old = a;
	CHECK_EQ(kvmem_discard(k, &a), 0);
	fake_upgrade(f, how, 0);
	/* on its own, refused, and its handle is gone with the file */
	kvmem_op_commit(&op, old.handle, key, 0, NULL);
	CHECK_EQ(kvmem_batch_run(k, &op, 1, 0), 0);
	CHECK_EQ(op.status, -ENOENT);
	CHECK_EQ(kvmem_generation(k), 1);
	CHECK_EQ(kvmem_alloc(k, 100, &b), 0);
	CHECK_EQ(b.handle, old.handle);
	a = old;
	CHECK_EQ(kvmem_commit(k, &a, key, 0, NULL), -ESHUTDOWN);
	CHECK_EQ(fake_handles(f), 1);
	CHECK_EQ(kvmem_release(k, &(struct kvmem_view) { .ptr = &op,
			 .handle = old.handle }), 0);
	CHECK_EQ(fake_handles(f), 1);
	CHECK_EQ(kvmem_commit(k, &b, key, 0, NULL), 0);
	CHECK_EQ(k->held, 0);
	kvmem_close(k);
	fake_free(f);
}

static void test_stale(void)
{
	stale(FAKE_REFUSE_OPS);
	stale(FAKE_REFUSE_IOCTL);
}

static void test_held_ops(void)
{
	held(FAKE_REFUSE_OPS);
}

static void test_held_ioctl(void)
{
	held(FAKE_REFUSE_IOCTL);
}

static void test_timeout(void)
{
	struct fake_kvmem *f = fake_new("t", 0);
	struct kvmem *k;
	uint64_t t;

	CHECK_EQ(open_fake(f, 0, 50, &k), 0);
	fake_upgrade(f, FAKE_REFUSE_OPS, 1000000);
	t = kvmem_linux.now_ms(NULL);
	CHECK_EQ(put_n(k, 1, 10), -ESHUTDOWN);
	CHECK_EQ(put_n(k, 1, 10), -ESHUTDOWN);
	CHECK(kvmem_linux.now_ms(NULL) - t < 2000);
	CHECK_EQ(kvmem_poll_fd(k), -ESHUTDOWN);
	CHECK_EQ(kvmem_reattach(k), -ESHUTDOWN);
	fake_upgrade(f, FAKE_REFUSE_OPS, 2);
	CHECK_EQ(put_n(k, 1, 10), 0);
	/* a device that attaches but then refuses everything */
	fake_fail_op(f, KVMEM_OP_PUT, -ESHUTDOWN, 0, 1u << 30);
	t = kvmem_linux.now_ms(NULL);
	CHECK_EQ(put_n(k, 1, 10), -ESHUTDOWN);
	CHECK(kvmem_linux.now_ms(NULL) - t < 2000);
	kvmem_close(k);
	fake_free(f);
}

static void test_errors_while_waiting(void)
{
	struct fake_kvmem *f = fake_new("t", 0);
	uint8_t print[KVMEM_FINGERPRINT_LEN] = { 9 };
	uint8_t none[KVMEM_FINGERPRINT_LEN] = { 0 };
	struct kvmem *k;

	CHECK_EQ(open_fake(f, 0, 5000, &k), 0);
	fake_upgrade(f, FAKE_REFUSE_OPS, 0);
	fake_fail_open(f, -EACCES, 0, 2);
	fake_fail_ioctl(f, KVMEM_IOC_ATTACH, -ESHUTDOWN, 0, 2);
	CHECK_EQ(put_n(k, 1, 10), 0);
	fake_upgrade(f, FAKE_REFUSE_OPS, 0);
	fake_set_fingerprint(f, print);
	CHECK_EQ(put_n(k, 1, 10), -EKEYREJECTED);
	fake_set_fingerprint(f, none);
	CHECK_EQ(put_n(k, 1, 10), 0);
	kvmem_close(k);
	CHECK_EQ(open_fake(f, KVMEM_OPEN_NO_REATTACH, 5000, &k), 0);
	fake_upgrade(f, FAKE_REFUSE_OPS, 0);
	CHECK_EQ(put_n(k, 1, 10), -ESHUTDOWN);
	CHECK_EQ(kvmem_reattach(k), 0);
	CHECK_EQ(put_n(k, 1, 10), 0);
	kvmem_close(k);
	fake_free(f);
}

/* Only what was refused runs again: a DELETE must not be done twice. */
static void test_partial_batch(void)
{
	struct fake_kvmem *f = fake_new("t", 0);
	uint8_t key[KVMEM_KEY_LEN], data[10] = "";
	struct kvmem_op ops[4];
	uint32_t flags;
	struct kvmem *k;
	unsigned int i;

	CHECK_EQ(open_fake(f, 0, 5000, &k), 0);
	for (flags = 0; flags <= KVMEM_BATCH_F_STOP; flags++) {
		for (i = 1; i < 4; i++)
			CHECK(put_n(k, i, 10) >= 0);
		for (i = 0; i < 4; i++) {
			key_of(key, i == 3 ? 3 : 1);
			if (i == 1)
				kvmem_op_put(&ops[i], key, data, 10, NULL);
			else
				kvmem_op_delete(&ops[i], key);
		}
		fake_fail_op(f, KVMEM_OP_PUT, -ESHUTDOWN, 0, 1);
		/* without STOP the second DELETE of key 1 comes before the PUT */
		CHECK_EQ(kvmem_batch_run(k, ops, 4, flags), flags ? 4 : 3);
		CHECK_EQ(ops[0].status, 0);
		CHECK_EQ(ops[2].status, flags ? 0 : -ENOENT);
		CHECK_EQ(kvmem_generation(k), flags + 1);
	}
	kvmem_close(k);
	fake_free(f);
}

static void test_buffers(void)
{
	struct fake_kvmem *f = fake_new("t", 0);
	static uint8_t mem[2][4096];
	uint8_t key[KVMEM_KEY_LEN];
	uint32_t id[2], more;
	struct kvmem_op op;
	struct kvmem *k;

	CHECK_EQ(open_fake(f, 0, 5000, &k), 0);
	key_of(key, 1);
	CHECK_EQ(kvmem_buf_register(k, mem[0], 4096, 0, &id[0]), 0);
	CHECK_EQ(kvmem_buf_register(k, mem[1], 4096, 0, &id[1]), 0);
	fake_buf_ids(f, 1000);
	fake_fail_ioctl(f, KVMEM_IOC_BUF_REG, -ENOMEM, 1, 1);
	fake_upgrade(f, FAKE_REFUSE_OPS, 1);
	memset(mem[1], 'z', 4096);
	kvmem_op_put(&op, key, NULL, 4096, NULL);
	kvmem_op_set_buf(&op, id[1], 0);
	CHECK_EQ(kvmem_batch_run(k, &op, 1, 0), 1);
	CHECK_EQ(op.buf, id[1]);
	CHECK(k->remapped);
	kvmem_op_get(&op, key, NULL, 4096);
	kvmem_op_set_buf(&op, id[0], 0);
	CHECK_EQ(kvmem_batch_run(k, &op, 1, 0), 1);
	CHECK(!memcmp(mem[0], mem[1], 4096));
	kvmem_op_set_buf(&op, 1001, 0);
	CHECK_EQ(kvmem_batch_run(k, &op, 1, 0), 0);
	CHECK_EQ(op.status, -EBADSLT);
	CHECK_EQ(kvmem_buf_register(k, mem[0], 10, 0, &more), 0);
	CHECK_EQ(more, 3);
	CHECK_EQ(kvmem_buf_unregister(k, id[0]), 0);
	/* memory that is gone costs that buffer, not the handle */
	fake_fail_ioctl(f, KVMEM_IOC_BUF_REG, -EFAULT, 0, 1);
	fake_upgrade(f, FAKE_REFUSE_IOCTL, 0);
	kvmem_op_set_buf(&op, id[1], 0);
	CHECK_EQ(kvmem_batch_run(k, &op, 1, 0), 0);
	CHECK_EQ(op.status, -EBADSLT);
	CHECK_EQ(kvmem_buf_unregister(k, id[1]), 0);
	fake_upgrade(f, FAKE_REFUSE_IOCTL, 0);
	CHECK_EQ(kvmem_buf_register(k, mem[0], 10, 0, &id[0]), 0);
	fake_upgrade(f, FAKE_REFUSE_IOCTL, 0);
	CHECK_EQ(kvmem_buf_unregister(k, id[0]), 0);
	kvmem_close(k);
	fake_free(f);
}

static void queue(enum fake_quiesce how)
{
	struct fake_kvmem *f = fake_new("t", 0);
	uint8_t key[KVMEM_KEY_LEN], data[10] = "";
	static uint8_t mem[4096];
	struct kvmem_completion c;
	struct kvmem_queue *q;
	struct kvmem_op ops[2], lease;
	struct kvmem *k;
	uint32_t id;

	CHECK_EQ(open_fake(f, 0, 5000, &k), 0);
	CHECK_EQ(kvmem_queue_create(k, 4, &q), 0);
	CHECK_EQ(kvmem_buf_register(k, mem, 4096, 0, &id), 0);
	key_of(key, 1);
	CHECK_EQ(put_n(k, 1, 10), 0);
	kvmem_op_lease(&lease, key);
	CHECK_EQ(kvmem_queue_submit(q, &lease, 1, 0, NULL), 0);
	fake_buf_ids(f, 50);
	fake_upgrade(f, how, 2);
	key_of(key, 2);
	kvmem_op_put(&ops[0], key, data, 10, NULL);
	kvmem_op_put(&ops[1], key, data, 10, NULL);
	kvmem_op_set_buf(&ops[1], id, 0);
	CHECK_EQ(kvmem_queue_submit(q, ops, 2, 0, ops), 0);
	CHECK_EQ(kvmem_queue_wait(q, -1, &c), 1);
	CHECK_EQ(lease.status, 0);
	/* the lease is held: no re-attaching */
	CHECK_EQ(kvmem_queue_wait(q, -1, &c), 1);
	CHECK_EQ(c.result, -ESHUTDOWN);
	kvmem_op_release(&lease, lease.res_handle);
	CHECK_EQ(kvmem_queue_submit(q, &lease, 1, 0, ops), 0);
	CHECK_EQ(kvmem_queue_wait(q, -1, &c), 1);
	CHECK_EQ(c.result, 1);
	CHECK_EQ(k->held, 0);
	CHECK_EQ(kvmem_queue_submit(q, ops, 2, 0, ops), 0);
	CHECK_EQ(kvmem_queue_wait(q, -1, &c), 1);
	CHECK_EQ(c.result, 2);
	CHECK_EQ(kvmem_generation(k), 1);
	CHECK_EQ(ops[1].buf, id);
	CHECK_EQ(kvmem_queue_submit(q, ops, 2, 0, ops), 0);
	CHECK_EQ(kvmem_queue_wait(q, -1, &c), 1);
	CHECK_EQ(c.result, 2);
	CHECK_EQ(ops[1].buf, id);
	kvmem_queue_destroy(q);
	kvmem_close(k);
	fake_free(f);
}

static void test_queue_ops(void)
{
	queue(FAKE_REFUSE_OPS);
}

static void test_queue_ioctl(void)
{
	queue(FAKE_REFUSE_IOCTL);
}

static bool wait_generation(struct kvmem *k, uint64_t want)
{
	int i;

	for (i = 0; i < 2000 && kvmem_generation(k) != want; i++)
		kvmem_linux.sleep_ms(NULL, 1);
	return kvmem_generation(k) == want;
}

/* Nobody calls anything, and still the file is let go. */
static void watched(enum fake_quiesce how)
{
	struct fake_kvmem *f = fake_new("t", 0);
	uint8_t key[KVMEM_KEY_LEN];
	struct kvmem_view v;
	uint64_t count;
	struct kvmem *k;
	int fd;

	CHECK_EQ(open_fake(f, KVMEM_OPEN_WATCH | KVMEM_OPEN_NO_REATTACH, 0, &k),
		 -EINVAL);
	CHECK_EQ(open_fake(f, KVMEM_OPEN_WATCH, 5000, &k), 0);
	CHECK_EQ(fake_armed(f), KVMEM_EVENT_QUIESCE | KVMEM_EVENT_NS);
	fake_upgrade(f, how, 2);
	CHECK(wait_generation(k, 1));
	fake_upgrade(f, how, 0);
	CHECK(wait_generation(k, 2));
	/* the application's eventfd is signalled through the watcher */
	fd = kvmem_event_fd(k, KVMEM_EVENT_BATCH);
	CHECK_EQ(fake_armed(f), 7);
	CHECK_EQ(kvmem_generation(k), 2);
	/* not while a lease is held, but soon after */
	key_of(key, 1);
	CHECK_EQ(put_n(k, 1, 10), 0);
	CHECK_EQ(kvmem_lease(k, key, 0, &v), 0);
	fake_upgrade(f, how, 0);
	kvmem_linux.sleep_ms(NULL, 50);
	CHECK_EQ(kvmem_generation(k), 2);
	CHECK_EQ(read(fd, &count, sizeof(count)), sizeof(count));
	CHECK_EQ(kvmem_release(k, &v), 0);
	CHECK(wait_generation(k, 3));
	/* closing does not wait for a device that never comes */
	fake_upgrade(f, how, 1u << 30);
	kvmem_linux.sleep_ms(NULL, 30);
	count = kvmem_linux.now_ms(NULL);
	kvmem_close(k);
	CHECK(kvmem_linux.now_ms(NULL) - count < 1000);
	CHECK_EQ(fake_files(f), 0);
	fake_free(f);
}

static void test_watched(void)
{
	watched(FAKE_REFUSE_OPS);
	watched(FAKE_REFUSE_IOCTL);
}

static const struct ktap_test tests[] = {
	{ "survive_ops", test_survive_ops },
	{ "survive_ioctl", test_survive_ioctl },
	{ "held_ops", test_held_ops },
	{ "held_ioctl", test_held_ioctl },
	{ "stale", test_stale },
	{ "timeout", test_timeout },
	{ "errors_while_waiting", test_errors_while_waiting },
	{ "partial_batch", test_partial_batch },
	{ "buffers", test_buffers },
	{ "watched", test_watched },
	{ "queue_ops", test_queue_ops },
	{ "queue_ioctl", test_queue_ioctl },
};

KTAP_MAIN(tests)
