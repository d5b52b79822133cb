// SPDX-License-Identifier: GPL-2.0
/* libkvmem against the fake device: everything but re-attaching. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/ring.h"
#include "lib_common.h"

uint32_t kvmem_crc32c_table(uint32_t crc, const void *data, size_t len);

static void test_crc(void)
{
	uint8_t buf[300];
	size_t i;

	CHECK_EQ(kvmem_crc32c(0, "123456789", 9), 0xe3069283);
	CHECK_EQ(kvmem_crc32c_table(0, "123456789", 9), 0xe3069283);
	for (i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)(i * 7 + i / 13);
	for (i = 0; i < sizeof(buf); i++) {
		uint32_t whole = kvmem_crc32c(0, buf, sizeof(buf));
		uint32_t part = kvmem_crc32c(0, buf, i);

		CHECK_EQ(kvmem_crc32c(part, buf + i, sizeof(buf) - i), whole);
		CHECK_EQ(kvmem_crc32c_table(0, buf, i), part);
	}
}

static void test_open_errors(void)
{
	struct fake_kvmem *f = fake_new("t", 0);
	struct kvmem_options o = KVMEM_OPTIONS_INIT;
	char name[KVMEM_NAME_LEN + 1];
	uint8_t print[KVMEM_FINGERPRINT_LEN] = { 1 };
	struct kvmem *k;

	o.size--;
	CHECK_EQ(kvmem_open_sys(&o, fake_sys(f), &k), -EINVAL);
	CHECK(!k);
	o.size++;
	o.flags = 1u << 31;
	CHECK_EQ(kvmem_open_sys(&o, fake_sys(f), &k), -EINVAL);
	o.flags = 0;
	memset(name, 'x', KVMEM_NAME_LEN);
	name[KVMEM_NAME_LEN] = 0;
	o.ns = name;
	CHECK_EQ(kvmem_open_sys(&o, fake_sys(f), &k), -ENAMETOOLONG);
	CHECK_EQ(kvmem_open_sys(NULL, fake_sys(f), &k), -ENOENT);
	o.ns = "t";
	o.fingerprint = print;
	CHECK_EQ(kvmem_open_sys(&o, fake_sys(f), &k), -EKEYREJECTED);
	o.fingerprint = NULL;
	fake_fail_open(f, -EACCES, 0, 1);
	CHECK_EQ(kvmem_open_sys(&o, fake_sys(f), &k), -EACCES);
	fake_fail_ioctl(f, KVMEM_IOC_ATTACH, -EACCES, 0, 1);
	CHECK_EQ(kvmem_open_sys(&o, fake_sys(f), &k), -EACCES);
	CHECK_EQ(fake_files(f), 0);
	fake_set_fingerprint(f, print);
	o.fingerprint = print;
	CHECK_EQ(kvmem_open_sys(&o, fake_sys(f), &k), 0);
	CHECK_EQ(kvmem_access(k), KVMEM_ACCESS_READ | KVMEM_ACCESS_WRITE);
	kvmem_close(k);
	kvmem_close(NULL);
	fake_free(f);
}

static void test_open_waits(void)
{
	struct fake_kvmem *f = fake_new("t", 0);
	struct kvmem_options o = KVMEM_OPTIONS_INIT;
	struct kvmem *k;

	o.ns = "t";
	o.open_timeout_ms = 5000;
	fake_fail_open(f, -ENOENT, 0, 3);
	fake_fail_ioctl(f, KVMEM_IOC_ATTACH, -ENOENT, 0, 2);
	CHECK_EQ(kvmem_open_sys(&o, fake_sys(f), &k), 0);
	CHECK_EQ(fake_opens(f), 6);
	kvmem_close(k);
	o.open_timeout_ms = 20;
	fake_fail_open(f, -ENXIO, 0, 1000);
	CHECK_EQ(kvmem_open_sys(&o, fake_sys(f), &k), -ENXIO);
	fake_free(f);
}

static void test_no_attach(void)
{
	struct fake_kvmem *f = fake_new("t", 0);
	struct kvmem_query q;
	struct kvmem *k;

	CHECK_EQ(open_fake(f, KVMEM_OPEN_NO_ATTACH, 0, &k), 0);
	CHECK_EQ(kvmem_query(k, &q), 0);
	CHECK_EQ(q.abi_version, KVMEM_ABI_VERSION);
	CHECK_EQ(put_n(k, 1, 10), -ENOTCONN);
	kvmem_close(k);
	fake_free(f);
}

static void test_blocks(void)
{
	struct fake_kvmem *f = fake_new("t", 0);
	uint8_t key[KVMEM_KEY_LEN], data[100], back[100];
	struct kvmem_hints hints = { .hint_class = 1, .priority = 2,
				     .ttl_ms = 3, .cost = 4 };
	struct kvmem_ns_info info;
	struct kvmem *k;
	int i;

	CHECK_EQ(open_fake(f, 0, 0, &k), 0);
	key_of(key, 1);
	for (i = 0; i < 100; i++)
		data[i] = (uint8_t)i;
	CHECK_EQ(kvmem_get(k, key, back, 100), -ENOENT);
	CHECK_EQ(kvmem_exists(k, key), -ENOENT);
	CHECK_EQ(kvmem_pin(k, key), -ENOENT);
	CHECK_EQ(kvmem_delete(k, key), -ENOENT);
	CHECK_EQ(kvmem_put(k, key, data, 0, NULL), -EINVAL);
	CHECK_EQ(kvmem_put(k, key, data, 100, &hints), 0);
	CHECK_EQ(kvmem_put(k, key, data, 100, NULL), 1);
	CHECK_EQ(kvmem_get(k, key, back, 100), 100);
	CHECK(!memcmp(data, back, 100));
	CHECK_EQ(kvmem_get(k, key, back, 99), -EMSGSIZE);
	CHECK_EQ(kvmem_get_partial(k, key, back, 90, 10), 10);
	CHECK(!memcmp(data + 90, back, 10));
	CHECK_EQ(kvmem_get_partial(k, key, back, 91, 10), 9);
	CHECK_EQ(kvmem_get_partial(k, key, back, 100, 10), -EINVAL);
	CHECK_EQ(kvmem_exists(k, key), 100);
	CHECK_EQ(kvmem_pin(k, key), 0);
	CHECK_EQ(kvmem_unpin(k, key), 0);
	CHECK_EQ(kvmem_prefetch(k, key), 0);
	CHECK_EQ(kvmem_ns_info(k, &info), 0);
	CHECK_EQ(info.used_blocks, 1);
	CHECK_EQ(kvmem_delete(k, key), 0);
	CHECK_EQ(kvmem_put(k, key, data, 100, NULL), 0);
	CHECK_EQ(fake_corrupt(f, key), 0);
	CHECK_EQ(kvmem_get(k, key, back, 100), -ENOENT);
	fake_fail_op(f, KVMEM_OP_PUT, -ENOSPC, 0, 1);
	CHECK_EQ(put_n(k, 2, 10), -ENOSPC);
	fake_fail_ioctl(f, KVMEM_IOC_BATCH, -EFAULT, 0, 1);
	CHECK_EQ(put_n(k, 2, 10), -EFAULT);
	kvmem_close(k);
	fake_free(f);
}

static void test_match(void)
{
	struct fake_kvmem *f = fake_new("t", 0);
	uint8_t keys[10 * KVMEM_KEY_LEN];
	struct kvmem_view views[10];
	unsigned int i;
	struct kvmem *k;

	CHECK_EQ(open_fake(f, 0, 0, &k), 0);
	for (i = 0; i < 10; i++) {
		key_of(keys + i * KVMEM_KEY_LEN, i);
		if (i != 6)
			CHECK_EQ(put_n(k, i, 100 * i + 1), 0);
	}
	CHECK_EQ(kvmem_match(k, keys, 10), 6);
	CHECK_EQ(kvmem_match(k, keys, 3), 3);
	CHECK_EQ(kvmem_match(k, keys + 6 * KVMEM_KEY_LEN, 4), 0);
	CHECK_EQ(kvmem_match(k, keys, 0), -EINVAL);
	CHECK_EQ(kvmem_match_lease(k, keys, 0, 0, views), -EINVAL);
	CHECK_EQ(kvmem_match_lease(k, keys, 10, 1u << 15, views), -EINVAL);
	CHECK_EQ(kvmem_match_lease(k, keys, 10, 0, views), 6);
	for (i = 0; i < 6; i++) {
		CHECK_EQ(views[i].len, 100 * i + 1);
		CHECK_EQ(*(const uint8_t *)views[i].ptr, i);
		CHECK_EQ(kvmem_lease_verify(&views[i]), 0);
		CHECK_EQ(kvmem_release(k, &views[i]), 0);
	}
	CHECK_EQ(kvmem_match_lease(k, keys + 6 * KVMEM_KEY_LEN, 2, 0, views), 0);
	for (i = 0; i < 6; i++) {
		fake_fail_mmap(f, -ENOMEM, i, 1);
		CHECK_EQ(kvmem_match_lease(k, keys, 10, 0, views), -ENOMEM);
		CHECK_EQ(fake_maps(f), 0);
		CHECK_EQ(fake_handles(f), 0);
	}
	CHECK_EQ(k->held, 0);
	kvmem_close(k);
	fake_free(f);
}

static void test_batch(void)
{
	enum { N = 2 * KVMEM_MAX_BATCH + 5 };
	struct fake_kvmem *f = fake_new("t", 0);
	struct kvmem_op *ops = calloc(N, sizeof(*ops));
	uint8_t key[KVMEM_KEY_LEN], data[64] = "x";
	struct kvmem *k;
	unsigned int i;

	CHECK_EQ(open_fake(f, 0, 0, &k), 0);
	CHECK_EQ(kvmem_batch_run(k, ops, 0, 0), -EINVAL);
	for (i = 0; i < N; i++) {
		key_of(key, i);
		kvmem_op_put(&ops[i], key, data, sizeof(data), NULL);
	}
	CHECK_EQ(kvmem_batch_run(k, ops, N, 0), N);
	CHECK_EQ(fake_batches(f), 3);
	for (i = 0; i < N; i++) {
		key_of(key, i == 1030 ? 1u << 30 : i);
		kvmem_op_exists(&ops[i], key);
	}
	CHECK_EQ(kvmem_batch_run(k, ops, N, 0), N - 1);
	CHECK_EQ(kvmem_batch_run(k, ops, N, KVMEM_BATCH_F_STOP), 1030);
	CHECK_EQ(ops[1029].status, 0);
	CHECK_EQ(ops[1030].status, -ENOENT);
	CHECK_EQ(ops[1031].status, -ECANCELED);
	CHECK_EQ(ops[N - 1].status, -ECANCELED);
	fake_fail_ioctl(f, KVMEM_IOC_BATCH, -EFAULT, 1, 1);
	CHECK_EQ(kvmem_batch_run(k, ops, N, 0), -EFAULT);
	CHECK_EQ(ops[1023].status, 0);
	CHECK_EQ(ops[1024].status, -ECANCELED);
	CHECK_EQ(ops[N - 1].status, -ECANCELED);
	kvmem_close(k);
	fake_free(f);
	free(ops);
}

static void test_areas(void)
{
	struct fake_kvmem *f = fake_new("t", 0);
	struct kvmem_area a;
	uint8_t key[KVMEM_KEY_LEN];
	struct kvmem *k;

	CHECK_EQ(open_fake(f, 0, 0, &k), 0);
	key_of(key, 1);
	CHECK_EQ(kvmem_alloc(k, 0, &a), -EINVAL);
	CHECK_EQ(kvmem_discard(k, &a), -EINVAL);
	CHECK_EQ(kvmem_commit(k, &a, key, 0, NULL), -EINVAL);
	fake_fail_mmap(f, -ENOMEM, 0, 1);
	CHECK_EQ(kvmem_alloc(k, 5000, &a), -ENOMEM);
	CHECK_EQ(fake_handles(f), 0);
	CHECK_EQ(kvmem_alloc(k, 5000, &a), 0);
	memset(a.ptr, 0x5a, 5000);
	CHECK_EQ(kvmem_commit(k, &a, key, 9000, NULL), -EMSGSIZE);
	CHECK_EQ(k->held, 1);
	fake_fail_op(f, KVMEM_OP_COMMIT, -EDQUOT, 0, 1);
	CHECK_EQ(kvmem_commit(k, &a, key, 0, NULL), -EDQUOT);
	CHECK_EQ(k->held, 1);
	CHECK_EQ(fake_handles(f), 1);
	CHECK_EQ(kvmem_commit(k, &a, key, 4500, NULL), 0);
	CHECK(!a.ptr);
	CHECK_EQ(kvmem_exists(k, key), 4500);
	CHECK_EQ(kvmem_alloc(k, 10, &a), 0);
	CHECK_EQ(kvmem_commit(k, &a, key, 0, NULL), 1);
	CHECK_EQ(kvmem_alloc(k, 10, &a), 0);
	CHECK_EQ(k->held, 1);
	CHECK_EQ(kvmem_discard(k, &a), 0);
	CHECK_EQ(kvmem_discard(k, &a), -EINVAL);
	CHECK_EQ(k->held, 0);
	CHECK_EQ(fake_maps(f), 0);
	CHECK_EQ(fake_handles(f), 0);
	kvmem_close(k);
	fake_free(f);
}

static void test_views(void)
{
	struct fake_kvmem *f = fake_new("t", 0);
	uint8_t key[KVMEM_KEY_LEN];
	struct kvmem_view v;
	struct kvmem *k;

	CHECK_EQ(open_fake(f, 0, 0, &k), 0);
	key_of(key, 9);
	CHECK_EQ(kvmem_lease(k, key, 0, &v), -ENOENT);
	CHECK_EQ(kvmem_release(k, &v), -EINVAL);
	CHECK_EQ(put_n(k, 9, 6000), 0);
	CHECK_EQ(kvmem_lease(k, key, KVMEM_OP_F_PARTIAL, &v), -EINVAL);
	fake_fail_mmap(f, -EPERM, 0, 1);
	CHECK_EQ(kvmem_lease(k, key, 0, &v), -EPERM);
	CHECK_EQ(fake_handles(f), 0);
	CHECK_EQ(kvmem_lease(k, key, KVMEM_OP_F_NOCOPY, &v), 0);
	CHECK_EQ(v.len, 6000);
	CHECK_EQ(kvmem_lease_verify(&v), 0);
	CHECK_EQ(fake_corrupt(f, key), 0);
	CHECK_EQ(kvmem_lease_verify(&v), -EBADMSG);
	CHECK_EQ(kvmem_release(k, &v), 0);
	CHECK_EQ(fake_maps(f), 0);
	CHECK_EQ(k->held, 0);
	kvmem_close(k);
	fake_free(f);
}

static void test_buffers(void)
{
	struct fake_kvmem *f = fake_new("t", 0);
	static uint8_t mem[3][4096];
	uint32_t id[20], i;
	struct kvmem_op op;
	uint8_t key[KVMEM_KEY_LEN];
	struct kvmem *k;

	CHECK_EQ(open_fake(f, 0, 0, &k), 0);
	key_of(key, 1);
	CHECK_EQ(kvmem_buf_register(k, mem[0], 0, 0, id), -EINVAL);
	CHECK_EQ(kvmem_buf_register_dmabuf(k, -1, 0, 5, id), -EBADF);
	for (i = 0; i < 20; i++)
		CHECK_EQ(kvmem_buf_register(k, mem[i % 3], 4096, 0, &id[i]), 0);
	CHECK_EQ(k->remapped, 0);
	memset(mem[1], 'b', 4096);
	kvmem_op_put(&op, key, NULL, 100, NULL);
	kvmem_op_set_buf(&op, id[1], 4000);
	CHECK_EQ(kvmem_batch_run(k, &op, 1, 0), 0);
	CHECK_EQ(op.status, -EINVAL);
	kvmem_op_set_buf(&op, id[1], 96);
	CHECK_EQ(kvmem_batch_run(k, &op, 1, 0), 1);
	kvmem_op_get(&op, key, NULL, 100);
	kvmem_op_set_buf(&op, id[2], 7);
	CHECK_EQ(kvmem_batch_run(k, &op, 1, 0), 1);
	CHECK_EQ(mem[2][6] | mem[2][107] << 8, 0);
	CHECK_EQ(mem[2][7], 'b');
	CHECK_EQ(kvmem_buf_unregister(k, 0), -ENOENT);
	CHECK_EQ(kvmem_buf_unregister(k, 1000), -ENOENT);
	CHECK_EQ(kvmem_buf_unregister(k, id[2]), 0);
	CHECK_EQ(kvmem_buf_unregister(k, id[2]), -ENOENT);
	CHECK_EQ(kvmem_batch_run(k, &op, 1, 0), 0);
	CHECK_EQ(op.status, -EBADSLT);
	fake_fail_ioctl(f, KVMEM_IOC_BUF_REG, -ENOMEM, 0, 1);
	CHECK_EQ(kvmem_buf_register(k, mem[0], 10, 0, &i), -ENOMEM);
	kvmem_close(k);
	fake_free(f);
}

static void test_queue(void)
{
	struct fake_kvmem *f = fake_new("t", 0);
	struct kvmem_completion c;
	struct kvmem_queue *q;
	struct kvmem_op ops[3];
	uint8_t key[KVMEM_KEY_LEN], data[16] = "q";
	struct kvmem *k;
	int i;

	CHECK_EQ(open_fake(f, 0, 0, &k), 0);
	CHECK_EQ(kvmem_queue_create(k, 0, &q), -EINVAL);
	CHECK_EQ(kvmem_queue_create(k, 2, &q), 0);
	CHECK_EQ(kvmem_queue_wait(q, -1, &c), 0);
	for (i = 0; i < 3; i++) {
		key_of(key, (unsigned int)i);
		kvmem_op_put(&ops[i], key, data, sizeof(data), NULL);
	}
	CHECK_EQ(kvmem_queue_submit(q, ops, 0, 0, NULL), -EINVAL);
	CHECK_EQ(kvmem_queue_submit(q, ops, 1, 0, &ops[0]), 0);
	CHECK_EQ(kvmem_queue_submit(q, ops + 1, 2, 0, &ops[1]), 0);
	CHECK_EQ(kvmem_queue_submit(q, ops, 1, 0, NULL), -EAGAIN);
	CHECK_EQ(kvmem_queue_in_flight(q), 2);
	CHECK_EQ(kvmem_queue_wait(q, -1, &c), 1);
	CHECK(c.user_data == &ops[0] && c.result == 1 && c.ops == ops);
	CHECK_EQ(kvmem_queue_wait(q, 0, &c), 1);
	CHECK(c.user_data == &ops[1] && c.result == 2 && c.nr_ops == 2);
	kvmem_op_lease(&ops[0], key);
	CHECK_EQ(kvmem_queue_submit(q, ops, 1, 0, NULL), 0);
	CHECK_EQ(k->charged, 1);
	CHECK_EQ(k->held, 0);
	CHECK_EQ(kvmem_queue_wait(q, -1, &c), 1);
	CHECK_EQ(k->charged, 0);
	CHECK_EQ(k->held, 1);
	kvmem_op_release(&ops[0], ops[0].res_handle);
	CHECK_EQ(kvmem_queue_submit(q, ops, 1, 0, NULL), 0);
	CHECK_EQ(kvmem_queue_wait(q, -1, &c), 1);
	CHECK_EQ(k->held, 0);
	fake_fail_ioctl(f, KVMEM_IOC_BATCH, -EFAULT, 0, 1);
	kvmem_op_lease(&ops[0], key);
	CHECK_EQ(kvmem_queue_submit(q, ops, 1, 0, NULL), 0);
	CHECK_EQ(kvmem_queue_wait(q, -1, &c), 1);
	CHECK_EQ(c.result, -EFAULT);
	CHECK_EQ(ops[0].status, -ECANCELED);
	CHECK_EQ(k->held, 0);
	CHECK_EQ(kvmem_queue_submit(q, ops + 1, 1, 0, NULL), 0);
	kvmem_queue_destroy(q);
	kvmem_queue_destroy(NULL);
	kvmem_close(k);
	fake_free(f);
}

static void test_sqe(void)
{
	struct kvmem_batch batch;
	struct kvmem_uring_cmd cmd;
	struct io_uring_sqe sqe;

	memset(&sqe, 0xff, sizeof(sqe));
	kvmem_ring_fill(&sqe, 5, &batch, &sqe);
	CHECK_EQ(sizeof(sqe), 64);
	CHECK_EQ(sqe.opcode, IORING_OP_URING_CMD);
	CHECK_EQ(sqe.fd, 5);
	CHECK_EQ(sqe.cmd_op, KVMEM_IOC_BATCH);
	CHECK_EQ(sqe.__pad1, 0);
	CHECK_EQ(sqe.user_data, (uintptr_t)&sqe);
	CHECK_EQ(sqe.flags | sqe.buf_index | sqe.personality, 0);
	memcpy(&cmd, sqe.cmd, sizeof(cmd));
	CHECK_EQ(cmd.batch, (uintptr_t)&batch);
	CHECK_EQ(cmd.reserved, 0);
}

/* The real io_uring, on a file that knows no commands. */
static void test_ring(void)
{
	int fd = memfd_create("x", MFD_CLOEXEC), result = 0;
	struct kvmem_batch batch = { .size = sizeof(batch) };
	void *ring, *cookie = NULL;

	CHECK(fd >= 0);
	if (kvmem_ring_create(NULL, 2, &ring)) {
		printf("# no io_uring here: not checked\n");
		close(fd);
		return;
	}
	CHECK_EQ(kvmem_ring_wait(NULL, ring, 0, &cookie, &result), 0);
	CHECK_EQ(kvmem_ring_wait(NULL, ring, 5, &cookie, &result), 0);
	CHECK_EQ(kvmem_ring_submit(NULL, ring, fd, &batch, &batch), 0);
	CHECK_EQ(kvmem_ring_submit(NULL, ring, -1, &batch, &fd), 0);
	CHECK_EQ(kvmem_ring_wait(NULL, ring, -1, &cookie, &result), 1);
	CHECK(cookie == &batch || cookie == &fd);
	CHECK(result < 0);
	CHECK_EQ(kvmem_ring_wait(NULL, ring, 1000, &cookie, &result), 1);
	CHECK(result < 0);
	kvmem_ring_destroy(NULL, ring);
	close(fd);
}

static void test_events(void)
{
	struct fake_kvmem *f = fake_new("t", 0);
	uint32_t events = 1;
	struct kvmem *k;
	int fd;

	CHECK_EQ(open_fake(f, 0, 0, &k), 0);
	CHECK(kvmem_poll_fd(k) >= 0);
	fake_fail_ioctl(f, KVMEM_IOC_EVENTFD, -EINVAL, 0, 1);
	CHECK_EQ(kvmem_event_fd(k, 0x80), -EINVAL);
	fd = kvmem_event_fd(k, KVMEM_EVENT_QUIESCE);
	CHECK(fd >= 0);
	CHECK_EQ(fake_armed(f), KVMEM_EVENT_QUIESCE);
	CHECK_EQ(kvmem_event_fd(k, KVMEM_EVENT_NS), fd);
	CHECK_EQ(fake_armed(f), KVMEM_EVENT_NS);
	CHECK_EQ(kvmem_event_fd(k, 0), fd);
	CHECK_EQ(fake_armed(f), 0);
	CHECK_EQ(kvmem_event_fd(k, KVMEM_EVENT_NS), fd);
	CHECK_EQ(kvmem_events(k, &events), 0);
	CHECK_EQ(events, 0);
	fake_upgrade(f, FAKE_REFUSE_OPS, 0);
	CHECK_EQ(kvmem_events(k, &events), 0);
	CHECK_EQ(events, KVMEM_EVENT_QUIESCE);
	CHECK_EQ(kvmem_reattach(k), 0);
	CHECK_EQ(fake_armed(f), KVMEM_EVENT_NS);
	fake_fail_ioctl(f, KVMEM_IOC_EVENTS, -ENOTCONN, 0, 1);
	CHECK_EQ(kvmem_events(k, &events), -ENOTCONN);
	kvmem_close(k);
	fake_free(f);
}

static const struct ktap_test tests[] = {
	{ "crc32c", test_crc },
	{ "open_errors", test_open_errors },
	{ "open_waits", test_open_waits },
	{ "no_attach", test_no_attach },
	{ "blocks", test_blocks },
	{ "match", test_match },
	{ "batch", test_batch },
	{ "areas", test_areas },
	{ "views", test_views },
	{ "buffers", test_buffers },
	{ "queue", test_queue },
	{ "sqe", test_sqe },
	{ "ring", test_ring },
	{ "events", test_events },
};

KTAP_MAIN(tests)
