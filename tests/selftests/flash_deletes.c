// SPDX-License-Identifier: GPL-2.0
/*
 * What was deleted stays away, whatever happens to it at that moment: it is on
 * its way to flash, moves there for reclaim, or is fetched to DRAM by a GET.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include "kvmem_flash.h"

#define KEYS		640	/* of each thread: more than there is room for, */
#define HOT		96	/* and these again and again */
#define WRITERS		2
#define READERS		2
#define MAX_LEN		12000

enum { DEAR = 1, CHEAP };	/* hints: of what is DEAR, what was used moves */

static const char *ns_name;
static volatile bool stop;
static unsigned long deletes, hits;
/* The generation that was put last; written by the key's only writer. */
static uint32_t last[WRITERS][KEYS];

static size_t length_of(uint64_t key, uint32_t gen)
{
	static const size_t base[] = { 100, 700, 3000, 11000 };

	return base[(key + gen) % 4] + gen % 500;
}

static unsigned int some_key(uint64_t *state)
{
	return kvt_rand(state) % (kvt_rand(state) % 4 ? HOT : KEYS);
}

static uint64_t content_of(uint64_t key, uint32_t gen)
{
	return key << 32 | gen;
}

/* Of @key, from 1 on; 0: none of those that were ever put. */
static uint32_t generation(uint64_t key, const uint8_t *p, size_t len, uint32_t newest)
{
	uint32_t gen;

	for (gen = newest; gen; gen--)
		if (len == length_of(key, gen) && kvt_check(p, len, content_of(key, gen)) < 0)
			return gen;
	return 0;
}

/* What a writer finds of its own key: @want, or (0) nothing at all. */
static void expect_now(int fd, uint64_t key, uint32_t newest, uint32_t want, const char *when,
		       uint8_t *p)
{
	struct kvmem_op op = kvt_make_op(KVMEM_OP_GET, key);
	uint32_t gen;
	int rc;

	op.addr = (uintptr_t)p;
	op.len = MAX_LEN;
	rc = kvt_op(fd, &op);
	if (rc == -ENOENT)
		return;
	gen = rc ? 0 : generation(key, p, op.bytes, newest);
	EXPECT(!rc && want && gen == want, "%llu %s: %d, generation %u of %u in tier %u",
	       (unsigned long long)key, when, rc, gen, newest, op.tier);
}

static void put_new(int fd, uint64_t key, uint32_t gen, bool persist, int deleted, uint8_t *p)
{
	struct kvmem_op op = kvt_make_op(KVMEM_OP_PUT, key);

	op.addr = (uintptr_t)p;
	op.len = length_of(key, gen);
	op.flags = persist ? KVMEM_OP_F_PERSIST : 0;
	op.hint_class = key % 4 ? CHEAP : DEAR;
	kvt_fill(p, op.len, content_of(key, gen));
	kvt_op(fd, &op);
	EXPECT(!(op.res_flags & KVMEM_RES_F_EXISTED),
	       "%llu to be new: deletion %d, put %d of generation %u, tier %u, %llu bytes",
	       (unsigned long long)key, deleted, op.status, gen, op.tier,
	       (unsigned long long)op.bytes);
}

static void *writer(void *arg)
{
	uint64_t thread = (uintptr_t)arg, state = kvt_now_ms() * 31 + thread, key;
	uint8_t *p = kvt_pages_new(MAX_LEN);
	int fd = kvt_file(ns_name), rc;
	uint32_t *gen;

	while (!stop && !kvt_failed()) {
		key = some_key(&state);
		gen = &last[thread][key];
		key += thread * KEYS;
		rc = kvt_delete(fd, key);
		EXPECT(!rc || rc == -ENOENT, "0 or ENOENT, not %d", rc);
		deletes += !rc;
		if (kvt_rand(&state) % 2)
			expect_now(fd, key, *gen, 0, "deleted", p);
		++*gen;
		put_new(fd, key, *gen, kvt_rand(&state) % 8 == 0, rc, p);
		/* Deleted again while it is on its way. */
		if (kvt_rand(&state) % 4)
			continue;
		rc = kvt_delete(fd, key);
		++*gen;
		put_new(fd, key, *gen, false, rc, p);
		expect_now(fd, key, *gen, *gen, "put", p);
	}
	close(fd);
	return NULL;
}

/* Brings to DRAM what is on flash, and makes it worth a move. */
static void *reader(void *arg)
{
	uint64_t state = kvt_now_ms() * 37 + (uintptr_t)arg;
	uint8_t *p = kvt_pages_new(MAX_LEN);
	int fd = kvt_file(ns_name);
	struct kvmem_op op;

	while (!stop && !kvt_failed()) {
		op = kvt_make_op(KVMEM_OP_GET, kvt_rand(&state) % WRITERS * KEYS +
				 some_key(&state));
		op.addr = (uintptr_t)p;
		op.len = MAX_LEN;
		hits += !kvt_op(fd, &op);
	}
	close(fd);
	return NULL;
}

static void set_table(void)
{
	static struct kvt_table t;
	unsigned int level, age;

	memset(&t, 0, sizeof(t));
	for (level = 0; level < 8; level++)
		for (age = 0; age < KVT_AGES; age++) {
			t.value[DEAR * 8 + level][age] = 1000 - age;
			t.value[CHEAP * 8 + level][age] = 500 - age;
		}
	ASSERT_EQ(kvt_nl_table_set(ns_name, &t), 0);
}

static void run(unsigned int ms)
{
	pthread_t t[WRITERS + READERS];
	unsigned int i;

	stop = false;
	for (i = 0; i < WRITERS + READERS; i++)
		ASSERT_EQ(pthread_create(&t[i], NULL, i < WRITERS ? writer : reader,
					 (void *)(uintptr_t)i), 0);
	for (i = 0; i < ms && !kvt_failed(); i += 100)
		kvt_sleep_ms(100);
	stop = true;
	for (i = 0; i < WRITERS + READERS; i++)
		pthread_join(t[i], NULL);
}

/* So small a disk that it is reclaimed all the time. */
static void in_mode(unsigned int mode)
{
	struct kvt_ns_opts opts = { .flash_mode = mode, .quota_blocks = 40 };
	struct kvt_disk_opts o = { .mib = 6 };
	struct kvt_media m;
	struct kvt_disk d;

	ns_name = kvt_ns(&opts);
	kvt_disk_new(&d, &o);
	kvt_media_format(&d, "256K");
	kvt_media_on(&d);
	set_table();
	run(kvt_scale(2500, 100000));
	m = kvt_media_info(&d);
	kvt_diag("%lu deletes, %lu hits, %llu KiB moved, %llu reclaimed", deletes, hits,
		 (unsigned long long)m.v[KVMEM_A_MEDIA_REINSERT_BYTES] / 1024,
		 (unsigned long long)m.v[KVMEM_A_MEDIA_RECLAIMED]);
	EXPECT_GT(deletes, 0);
	kvt_media_off(&d);
}

TEST_TIMEOUT(write_through, 120)
{
	in_mode(KVMEM_FLASH_MODE_THROUGH);
}

TEST_TIMEOUT(write_back, 120)
{
	in_mode(KVMEM_FLASH_MODE_BACK);
}

TEST_MAIN()
