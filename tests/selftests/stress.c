// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at once.  Bytes are a function of the key, so any wrong byte is
 * seen by whoever reads it.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include "kvmem_util.h"

#define KEYS 300

static const char *ns_name[2];
static volatile bool stop;
static unsigned long counts[4];

static size_t length_of(uint64_t key)
{
	static const size_t base[] = { 1, 500, 4096, 9216, 18432, 65536, 200000, 600000 };

	return base[key % 8] + key * 13 % 512;
}

static bool allowed(int rc)
{
	return rc == 0 || rc == -ENOENT || rc == -ENOSPC || rc == -ESHUTDOWN ||
	       rc == -EDQUOT || rc == -ENOMEM;
}

static void check_lease(int fd, uint64_t key)
{
	struct kvt_map l;
	int rc = kvt_lease(fd, key, &l);

	EXPECT_TRUE(allowed(rc));
	if (rc)
		return;
	EXPECT_EQ(l.bytes, length_of(key));
	if (kvt_mmap(fd, &l, PROT_READ)) {
		EXPECT(kvt_check(l.p, l.bytes, key) < 0, "key %llu: wrong byte at %ld",
		       (unsigned long long)key, kvt_check(l.p, l.bytes, key));
		kvt_munmap(&l);
	}
	EXPECT_EQ(kvt_release(fd, l.handle), 0);
	__atomic_add_fetch(&counts[2], 1, __ATOMIC_RELAXED);
}

static void make_zero_copy(int fd, uint64_t key)
{
	struct kvt_map a;
	int rc = kvt_alloc(fd, length_of(key), &a);

	EXPECT_TRUE(allowed(rc));
	if (rc)
		return;
	if (kvt_mmap(fd, &a, PROT_READ | PROT_WRITE))
		kvt_fill(a.p, a.bytes, key);
	rc = kvt_commit(fd, &a, key, 0);
	EXPECT_TRUE(allowed(rc));
	if (rc)
		kvt_release(fd, a.handle);
	kvt_munmap(&a);
	__atomic_add_fetch(&counts[3], 1, __ATOMIC_RELAXED);
}

static int one(int fd, uint64_t *state, uint8_t *p)
{
	uint64_t key = kvt_rand(state) % KEYS;
	size_t len = length_of(key);
	struct kvmem_op op;
	int rc = 0;

	switch (kvt_rand(state) % 10) {
	case 0:
		rc = kvt_delete(fd, key);
		break;
	case 1:
		check_lease(fd, key);
		break;
	case 2:
		make_zero_copy(fd, key);
		break;
	case 3:
		rc = kvt_pin(fd, key);
		if (!rc)
			kvt_unpin(fd, key);
		break;
	case 4:
	case 5:
		kvt_fill(p, len, key);
		rc = kvt_put(fd, key, p, len);
		__atomic_add_fetch(&counts[0], 1, __ATOMIC_RELAXED);
		break;
	default:
		op = kvt_make_op(KVMEM_OP_GET, key);
		op.addr = (uintptr_t)p;
		op.len = MIB;
		rc = kvt_op(fd, &op);
		if (!rc) {
			EXPECT_EQ(op.bytes, len);
			EXPECT(kvt_check(p, len, key) < 0, "key %llu: wrong byte at %ld",
			       (unsigned long long)key, kvt_check(p, len, key));
			__atomic_add_fetch(&counts[1], 1, __ATOMIC_RELAXED);
		}
	}
	EXPECT(allowed(rc), "an errno of the dictionary, not %d", rc);
	return rc;
}

static void *worker(void *arg)
{
	uint64_t state = (uintptr_t)arg * 1000003;
	uint8_t *p = kvt_pages_new(MIB);
	unsigned int which = (uintptr_t)arg % 2;

	while (!stop) {
		int fd = kvt_open(), i;

		if (kvt_try_attach(fd, ns_name[which], NULL, NULL)) {
			close(fd);	/* being recreated */
			kvt_sleep_ms(2);
			continue;
		}
		for (i = 0; i < 2000 && !stop; i++)
			if (one(fd, &state, p) == -ESHUTDOWN)
				break;
		close(fd);
	}
	return NULL;
}

static void disturb(unsigned int i, uint64_t *state)
{
	static struct kvt_table table;
	static struct kvt_hist hist;
	struct kvt_ns_opts o = { .quota_bytes = (4 + i % 20) * MIB, .quota_blocks = 100 + i % 100 };
	unsigned int c;

	switch (i % 6) {
	case 0:
		kvt_sysfs_set("arena_bytes", (4 + kvt_rand(state) % 60) * MIB);
		break;
	case 1:
		for (c = 0; c < KVT_CLASSES * KVT_AGES; c++)
			table.value[c / KVT_AGES][c % KVT_AGES] = kvt_rand(state);
		EXPECT_EQ(kvt_nl_table_set(ns_name[0], &table), 0);
		break;
	case 2:
		EXPECT_EQ(kvt_nl_hist(ns_name[0], &hist), 0);
		break;
	case 3:
		EXPECT_EQ(kvt_nl_ns_set(ns_name[0], &o), 0);
		break;
	case 4:
		EXPECT_EQ(kvt_nl_ns_del(ns_name[1]), 0);
		EXPECT_EQ(kvt_nl_ns_new(ns_name[1], &o, NULL), 0);
		break;
	case 5:
		kvt_nl_table_get(ns_name[0], &table);
		break;
	}
}

TEST_TIMEOUT(everything, 120)
{
	uint64_t end = kvt_now_ms() + kvt_scale(10, 1800) * 1000, state = 1;
	pthread_t threads[4];
	unsigned int i, nr;

	for (i = 0; i < 2; i++)
		ns_name[i] = kvt_ns(NULL);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(pthread_create(&threads[i], NULL, worker, (void *)(uintptr_t)(i + 1)), 0);
	/* On a busy machine, until it has done enough to mean something. */
	for (nr = 0; !kvt_failed(); nr++) {
		uint64_t now = kvt_now_ms();

		if (now >= end && (counts[1] > 100 || now >= end + 60000))
			break;
		disturb(nr, &state);
		if (kvt_now_ms() - now > 1000)
			kvt_diag("disturbance %u took %llu ms", nr % 6,
				 (unsigned long long)(kvt_now_ms() - now));
		kvt_sleep_ms(30);
	}
	stop = true;
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	kvt_diag("%lu puts, %lu hits, %lu leases, %lu commits, %u disturbances",
		 counts[0], counts[1], counts[2], counts[3], nr);
	EXPECT_GT(counts[1], 100);
}

/* Many processes, one key: one wins, all read the same. */
TEST(one_key)
{
	const char *ns = kvt_ns(NULL);
	unsigned int i, k;
	pid_t pids[4];

	for (i = 0; i < 4; i++) {
		pids[i] = kvt_fork();
		if (pids[i])
			continue;
		for (k = 0; k < 300; k++) {
			int fd = kvt_file(ns), rc;

			rc = kvt_put_key(fd, 1, 70000);
			EXPECT_EQ(rc, 0);
			rc = kvt_get_key(fd, 1, 70000);
			EXPECT_TRUE(rc == 0 || rc == -ENOENT);
			rc = kvt_delete(fd, 1);
			EXPECT_TRUE(rc == 0 || rc == -ENOENT);
			close(fd);
		}
		kvt_exit();
	}
	for (i = 0; i < 4; i++)
		EXPECT_EQ(kvt_wait(pids[i], 50000), 0);
	EXPECT_EQ(kvt_info(kvt_file(ns)).used_bytes, 0);
}

TEST_MAIN()
