// SPDX-License-Identifier: GPL-2.0
/*
 * The same bytes from a hash table in POSIX shared memory, as processes that
 * trust each other would write it: one robust, process-shared mutex round
 * look-up, use and copy, for nobody may free the block meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <libkvmem.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "bench.h"

#define NAME		"/kvmem-bench"
#define BUCKETS		1024
#define ENTRIES		512
#define NONE		UINT32_MAX

struct entry {
	uint8_t key[KVMEM_KEY_LEN];
	uint32_t chain;		/* next in the bucket, or next free one */
	uint32_t newer, older;	/* in order of last use */
	uint32_t len;
	uint64_t data;		/* offset in the segment */
};

struct table {
	pthread_mutex_t lock;
	uint32_t newest, oldest, free;
	uint32_t buckets[BUCKETS];
	struct entry entries[ENTRIES];
};

static struct table *table;
static size_t slot;		/* bytes for one block */

static void lock(void)
{
	int ret = pthread_mutex_lock(&table->lock);

	if (ret == EOWNERDEAD)
		ret = pthread_mutex_consistent(&table->lock);
	if (ret) {
		errno = ret;
		bench_die("mutex");
	}
}

static uint32_t *bucket_of(const uint8_t *key)
{
	uint64_t hash;

	/* Keys are hashes already. */
	memcpy(&hash, key, sizeof(hash));
	return &table->buckets[hash % BUCKETS];
}

static uint32_t find(const uint8_t *key)
{
	uint32_t i = *bucket_of(key);

	while (i != NONE && memcmp(table->entries[i].key, key, KVMEM_KEY_LEN))
		i = table->entries[i].chain;
	return i;
}

static void lru_unlink(uint32_t i)
{
	struct entry *e = &table->entries[i];

	if (e->newer != NONE)
		table->entries[e->newer].older = e->older;
	else
		table->newest = e->older;
	if (e->older != NONE)
		table->entries[e->older].newer = e->newer;
	else
		table->oldest = e->newer;
}

static void lru_link(uint32_t i)
{
	struct entry *e = &table->entries[i];

	e->newer = NONE;
	e->older = table->newest;
	if (table->newest != NONE)
		table->entries[table->newest].newer = i;
	else
		table->oldest = i;
	table->newest = i;
}

static size_t shm_get(const uint8_t *key, void *buf, size_t len)
{
	size_t got = 0;
	uint32_t i;

	lock();
	i = find(key);
	if (i != NONE && table->entries[i].len <= len) {
		lru_unlink(i);
		lru_link(i);
		got = table->entries[i].len;
		memcpy(buf, (char *)table + table->entries[i].data, got);
	}
	pthread_mutex_unlock(&table->lock);
	return got;
}

static void shm_put(const uint8_t *key, const void *buf, size_t len)
{
	struct entry *e;
	uint32_t i, *bucket = bucket_of(key);

	lock();
	i = table->free;
	e = &table->entries[i];
	table->free = e->chain;
	memcpy(e->key, key, KVMEM_KEY_LEN);
	e->len = len;
	memcpy((char *)table + e->data, buf, len);
	e->chain = *bucket;
	*bucket = i;
	lru_link(i);
	pthread_mutex_unlock(&table->lock);
}

static void shm_delete(const uint8_t *key)
{
	uint32_t *at = bucket_of(key), i;

	lock();
	while (*at != NONE && memcmp(table->entries[*at].key, key, KVMEM_KEY_LEN))
		at = &table->entries[*at].chain;
	i = *at;
	if (i != NONE) {
		lru_unlink(i);
		*at = table->entries[i].chain;
		table->entries[i].chain = table->free;
		table->free = i;
	}
	pthread_mutex_unlock(&table->lock);
}

/* Benchmarks ------------------------------------------------------------------ */

static void get(const struct bench_case *c, unsigned int i)
{
	if (shm_get(bench_key(bench_pick(c, i)), bench_buf, c->bytes) != c->bytes)
		bench_die("shm_get");
}

static void get_crc(const struct bench_case *c, unsigned int i)
{
	get(c, i);
	bench_sum = kvmem_crc32c(0, bench_buf, c->bytes);
}

static void put(const struct bench_case *c, unsigned int i)
{
	shm_put(bench_key(i), bench_buf, c->bytes);
}

static void del(const struct bench_case *c, unsigned int i)
{
	(void)c;
	shm_delete(bench_key(i));
}

static void put_all(const struct bench_case *c, unsigned int n)
{
	while (n--)
		put(c, n);
}

static void del_all(const struct bench_case *c, unsigned int n)
{
	while (n--)
		del(c, n);
}

static void table_init(void)
{
	pthread_mutexattr_t attr;
	unsigned int i;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&table->lock, &attr);
	memset(table->buckets, 0xff, sizeof(table->buckets));
	table->newest = NONE;
	table->oldest = NONE;
	for (i = 0; i < ENTRIES; i++) {
		table->entries[i].chain = i + 1 < ENTRIES ? i + 1 : NONE;
		table->entries[i].data = sizeof(*table) + i * slot;
	}
}

static size_t table_size(size_t bytes)
{
	/* The last put case has 256 blocks of 64 KiB. */
	return sizeof(*table) + (bytes < MIB ? 256 : bench_set(bytes)) * bytes;
}

static void table_make(size_t bytes)
{
	int fd = shm_open(NAME, O_RDWR | O_CREAT | O_TRUNC, 0600);
	size_t size = table_size(bytes);

	if (fd < 0 || ftruncate(fd, size))
		bench_die("shm_open");
	table = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (table == MAP_FAILED)
		bench_die("mmap");
	close(fd);
	slot = bytes;
	table_init();
}

static void table_drop(size_t bytes)
{
	munmap(table, table_size(bytes));
	shm_unlink(NAME);
}

static void gets(size_t bytes)
{
	const struct bench_case plain = { "get", "shm table, mutex", bytes,
		bytes < MIB ? 512 : 16, 0, get };
	const struct bench_case crc = { "get", "shm table, mutex + crc32c", bytes,
		bytes < MIB ? 512 : 16, 0, get_crc };
	unsigned int i;

	table_make(bytes);
	for (i = 0; i < bench_set(bytes); i++) {
		bench_content(bench_buf, bytes, i);
		shm_put(bench_key(i), bench_buf, bytes);
	}
	get(&plain, 0);
	bench_expect(bench_buf, bytes, 0, "shm: wrong bytes");
	bench_measure(&plain);
	bench_measure(&crc);
	table_drop(bytes);
}

void bench_shm(void)
{
	unsigned int s;

	for (s = 0; s < ARRAY_SIZE(bench_sizes); s++)
		gets(bench_sizes[s]);
	for (s = 0; s < 2; s++) {
		const struct bench_case p = { "put", "shm table, mutex", bench_sizes[s],
			256, 0, put, NULL, del_all };
		const struct bench_case d = { "delete", "shm table, mutex", bench_sizes[s],
			256, 0, del, put_all, NULL };

		table_make(bench_sizes[s]);
		bench_measure(&p);
		bench_measure(&d);
		table_drop(bench_sizes[s]);
	}
}
