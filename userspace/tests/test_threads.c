// SPDX-License-Identifier: GPL-2.0
/* One handle, many threads, and a module that is upgraded under them. */
#include <stdlib.h>

#include "lib_common.h"

#define THREADS		4
#define ROUNDS		3000
#define UPGRADES	20

struct worker {
	pthread_t thread;
	struct kvmem *k;
	unsigned int nr;
	unsigned int bad;
};

static int one_round(struct worker *w, unsigned int i)
{
	uint8_t key[KVMEM_KEY_LEN], data[256], back[256];
	struct kvmem_view v;
	int64_t ret;
	int err;

	key_of(key, w->nr << 16 | (i % 64));
	memset(data, (int)i % 64, sizeof(data));
	err = kvmem_put(w->k, key, data, sizeof(data), NULL);
	if (err < 0 && err != -ESHUTDOWN)
		return 1;
	ret = kvmem_get(w->k, key, back, sizeof(back));
	if (ret > 0 && memcmp(data, back, sizeof(data)))
		return 1;
	if (ret < 0 && ret != -ENOENT && ret != -ESHUTDOWN)
		return 1;
	if (i % 8)
		return 0;
	err = kvmem_lease(w->k, key, 0, &v);
	if (err)
		return err != -ENOENT && err != -ESHUTDOWN;
	err = memcmp(v.ptr, data, sizeof(data));
	return kvmem_release(w->k, &v) || err;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++)
		w->bad += !!one_round(w, i);
	return NULL;
}

static void test_threads(void)
{
	struct fake_kvmem *f = fake_new("t", 100);
	struct worker w[THREADS];
	static uint8_t mem[4096];
	struct kvmem *k;
	uint32_t id;
	int i;

	CHECK_EQ(open_fake(f, 0, 20000, &k), 0);
	for (i = 0; i < THREADS; i++) {
		w[i] = (struct worker) { .k = k, .nr = (unsigned int)i };
		CHECK_EQ(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (i = 0; i < UPGRADES; i++) {
		kvmem_linux.sleep_ms(NULL, 10);
		fake_upgrade(f, i % 2 ? FAKE_REFUSE_OPS : FAKE_REFUSE_IOCTL, 2);
		/* the leases of the others may keep the file for a moment */
		while (kvmem_buf_register(k, mem, 64, 0, &id) == -ESHUTDOWN)
			;
		CHECK_EQ(kvmem_buf_unregister(k, id), 0);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		CHECK_EQ(w[i].bad, 0);
	}
	CHECK_EQ(kvmem_generation(k), UPGRADES);
	CHECK_EQ(fake_files(f), 1);
	CHECK_EQ(fake_maps(f), 0);
	CHECK_EQ(k->held, 0);
	kvmem_close(k);
	fake_free(f);
}

static const struct ktap_test tests[] = {
	{ "threads", test_threads },
};

KTAP_MAIN(tests)
