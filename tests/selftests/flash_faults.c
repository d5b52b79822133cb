// SPDX-License-Identifier: GPL-2.0
/*
 * A media that fails, disappears or lies: what it has becomes a miss or an
 * error within a bounded time, all else goes on, and no wrong byte is served.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include "kvmem_flash.h"

#define NR	40
#define LEN	50000

static void persist_some(int fd, uint64_t from, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		ASSERT_EQ(kvt_persist(fd, from + i, LEN), 0);
}

/* How many are there; wrong ones and unexpected errors are failures. */
static unsigned int count_some(int fd, uint64_t from, unsigned int nr)
{
	unsigned int i, there = 0;
	int rc;

	for (i = 0; i < nr; i++) {
		rc = kvt_get_key(fd, from + i, LEN);
		EXPECT(!rc || rc == -ENOENT || rc == -EIO,
		       "a hit, a miss or EIO, not %d", rc);
		there += !rc;
	}
	return there;
}

static unsigned int state_of(const struct kvt_disk *d)
{
	return kvt_media_info(d).state;
}

/* Errors of transfers -------------------------------------------------------- */

TEST(read_errors)
{
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns), rc, i;
	struct kvt_disk d;

	kvt_media_new(&d);
	persist_some(fd, 0, NR);
	kvt_dram_empty(fd, ns);
	EXPECT_EQ(count_some(fd, 0, 4), 4);
	kvt_disk_bad(&d, 0, d.bytes, true);
	for (i = 4; i < 10; i++) {
		rc = kvt_get_key(fd, i, LEN);
		EXPECT(rc == -EIO || rc == -ENOENT, "EIO, not %d", rc);
	}
	/* What DRAM has stays, what comes is taken. */
	EXPECT_EQ(count_some(fd, 0, 4), 4);
	ASSERT_EQ(kvt_put_key(fd, 100, LEN), 0);
	EXPECT_EQ(kvt_get_key(fd, 100, LEN), 0);
	EXPECT_GE(kvt_media_info(&d).v[KVMEM_A_MEDIA_READ_ERRORS], 6);
	kvt_disk_bad(&d, 0, d.bytes, false);
	EXPECT_EQ(count_some(fd, 10, NR - 10), NR - 10);
	/* And so after a restart, but for what was dropped: that is on record, if it could be. */
	fd = kvt_restart(fd, ns, &kvt_through, &d, false);
	EXPECT_EQ(count_some(fd, 0, 4), 4);
	EXPECT_EQ(count_some(fd, 10, NR - 10), NR - 10);
	kvt_diag("%u of 6 that could not be read are back", count_some(fd, 4, 6));
}

TEST_TIMEOUT(write_errors, 120)
{
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns), i, rc, failed = 0;
	struct kvt_disk d;

	kvt_media_new(&d);
	persist_some(fd, 0, NR);
	kvt_disk_bad(&d, 0, d.bytes, true);
	for (i = 100; i < 140; i++) {
		rc = kvt_persist(fd, i, LEN);
		EXPECT(rc == -EIO || rc == -EOPNOTSUPP, "EIO or EOPNOTSUPP, not %d", rc);
		failed += !!rc;
		EXPECT_EQ(kvt_get_key(fd, i, LEN), 0);
	}
	EXPECT_EQ(failed, 40);
	EXPECT_GE(kvt_media_info(&d).v[KVMEM_A_MEDIA_WRITE_ERRORS], 1);
	kvt_diag("after 40 failed puts: state %u, %llu write errors", state_of(&d),
		 (unsigned long long)kvt_media_info(&d).v[KVMEM_A_MEDIA_WRITE_ERRORS]);
	EXPECT_NE(state_of(&d), KVMEM_MEDIA_STATE_LIVE);
	kvt_disk_bad(&d, 0, d.bytes, false);
	fd = kvt_restart(fd, ns, &kvt_through, &d, false);
	EXPECT_EQ(state_of(&d), KVMEM_MEDIA_STATE_LIVE);
	EXPECT_EQ(count_some(fd, 0, NR), NR);
	persist_some(fd, 200, NR);
	fd = kvt_restart(fd, ns, &kvt_through, &d, false);
	EXPECT_EQ(count_some(fd, 200, NR), NR);
}

/* Some places are bad: what was said to be persisted is. */
TEST_TIMEOUT(bad_places, 120)
{
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns), i, ok = 0;
	bool persisted[4 * NR];
	struct kvt_disk d;

	kvt_media_new(&d);
	/* Four KiB every three MiB, but not where superblock and directory are. */
	for (i = 3; i < 63; i += 3)
		kvt_disk_bad(&d, i * MIB + 4096 * i, 4096, true);
	for (i = 0; i < 4 * NR; i++) {
		persisted[i] = !kvt_persist(fd, i, LEN);
		ok += persisted[i];
	}
	kvt_diag("%d of %d persisted", ok, 4 * NR);
	EXPECT_GT(ok, NR);
	kvt_disk_bad(&d, 0, d.bytes, false);
	fd = kvt_restart(fd, ns, &kvt_through, &d, false);
	for (i = 0; i < 4 * NR; i++)
		if (persisted[i])
			EXPECT_EQ(kvt_get_key(fd, i, LEN), 0);
}

/* Removal -------------------------------------------------------------------- */

static volatile bool stop;
static unsigned long longest, operations;
static const char *load_ns;

static int timed(int fd, uint64_t i)
{
	uint64_t start = kvt_now_ms();
	int rc;

	switch (i % 4) {
	case 0:
		rc = kvt_persist(fd, i, LEN);
		break;
	case 1:
		rc = kvt_put_key(fd, i, LEN);
		break;
	case 2:
		rc = kvt_get_key(fd, i - 2 - i / 4 % 40 * 4, LEN);
		break;
	default:
		rc = kvt_delete(fd, i - 123);
	}
	EXPECT(rc != -EBADMSG, "right bytes");
	start = kvt_now_ms() - start;
	if (start > longest)
		longest = start;
	operations++;
	return rc;
}

static void *load(void *arg)
{
	uint64_t i = (uintptr_t)arg << 32;
	int fd = kvt_file(load_ns);

	while (!stop)
		timed(fd, i += 1);
	close(fd);
	return NULL;
}

static void pull_out(const struct kvt_disk *d, unsigned int after_ms)
{
	pthread_t t[2];
	unsigned int i;

	stop = false;
	longest = 0;
	for (i = 0; i < 2; i++)
		ASSERT_EQ(pthread_create(&t[i], NULL, load, (void *)(uintptr_t)(i + 1)), 0);
	kvt_sleep_ms(after_ms);
	kvt_disk_power(d, false);
	ASSERT(kvt_wait_for(state_of(d) == KVMEM_MEDIA_STATE_FAILED, 10000),
	       "the media to be failed, not %u", state_of(d));
	kvt_sleep_ms(200);
	stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	kvt_diag("%lu operations, the longest took %lu ms", operations, longest);
	EXPECT_LT(longest, 10000 * (kvt_debug_kernel() ? 4 : 1));
}

TEST_TIMEOUT(pulled_out_under_load, 200)
{
	int fd, i, round, rc;
	struct kvt_disk d;

	load_ns = kvt_ns(&kvt_through);
	fd = kvt_file(load_ns);
	kvt_media_new(&d);
	persist_some(fd, 0, NR);
	for (round = 0; round < 3; round++) {
		uint64_t at = (round + 1) * 1000000ULL;

		pull_out(&d, 200 + 150 * round);
		/* DRAM works. */
		rc = kvt_persist(fd, at, LEN);
		EXPECT(rc == -EIO || rc == -EOPNOTSUPP, "EIO or EOPNOTSUPP, not %d", rc);
		EXPECT_EQ(kvt_get_key(fd, at, LEN), 0);
		kvt_media_off(&d);
		close(fd);
		ASSERT_EQ(kvt_nl_ns_del(load_ns), 0);
		kvt_disk_power(&d, true);
		ASSERT_EQ(kvt_nl_ns_new(load_ns, &kvt_through, NULL), 0);
		kvt_media_on(&d);
		EXPECT_EQ(state_of(&d), KVMEM_MEDIA_STATE_LIVE);
		fd = kvt_file(load_ns);
		for (i = 0; !round && i < NR; i++)
			EXPECT_EQ(kvt_get_key(fd, i, LEN), 0);
	}
}

static int module(bool load_it)
{
	const char *path = getenv("KVMEM_MODULE");
	int fd, rc;

	if (!load_it)
		return syscall(SYS_delete_module, "kvmem", O_NONBLOCK) < 0 ? -errno : 0;
	fd = open(path ?: "", O_RDONLY | O_CLOEXEC);
	ASSERT(fd >= 0, "KVMEM_MODULE: %s", strerror(errno));
	rc = syscall(SYS_finit_module, fd, "arena_mb=64 dyndbg=+p", 0) < 0 ? -errno : 0;
	close(fd);
	kvt_nl_new_socket(0);
	return rc;
}

/* The module goes with a media that has gone, and one that is there. */
TEST(pulled_out_and_unloaded)
{
	struct kvt_disk d[2];

	load_ns = kvt_ns(&kvt_through);
	kvt_media_new(&d[0]);
	kvt_media_new(&d[1]);
	pull_out(&d[0], 100);
	EXPECT_EQ(state_of(&d[1]), KVMEM_MEDIA_STATE_LIVE);
	ASSERT_TRUE(kvt_wait_for(!module(false), 30000));
	ASSERT_EQ(module(true), 0);
	ASSERT_TRUE(kvt_wait_for(!access(KVT_DEVICE, R_OK | W_OK), 5000));
	kvt_media_on(&d[1]);
}

/* The others go on. */
TEST(one_of_two)
{
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns), i, late = 0;
	struct kvt_disk d[2];

	kvt_media_new(&d[0]);
	kvt_media_new(&d[1]);
	persist_some(fd, 0, NR);
	kvt_disk_power(&d[0], false);
	for (i = 100; i < 100 + NR; i++)
		late += !!kvt_persist(fd, i, LEN);
	kvt_diag("%d puts failed until it was noticed", late);
	EXPECT_LE(late, 20);
	EXPECT_TRUE(kvt_wait_for(state_of(&d[0]) == KVMEM_MEDIA_STATE_FAILED, 10000));
	EXPECT_EQ(state_of(&d[1]), KVMEM_MEDIA_STATE_LIVE);
	persist_some(fd, 200, NR);
	kvt_dram_empty(fd, ns);
	EXPECT_EQ(count_some(fd, 200, NR), NR);
	count_some(fd, 0, NR);
	kvt_media_off(&d[0]);
	kvt_disk_power(&d[0], true);
	kvt_media_on(&d[0]);
	EXPECT_EQ(count_some(fd, 0, NR), NR);
}

/* Milliseconds of a put and a get in DRAM, rounded up. */
static unsigned int time_of_dram(int fd)
{
	uint64_t start = kvt_now_ms();
	unsigned int i, nr = 40;

	for (i = 0; i < nr; i++) {
		ASSERT_EQ(kvt_put_key(fd, 1000 + i, LEN), 0);
		EXPECT_EQ(kvt_get_key(fd, 1000 + i, LEN), 0);
	}
	return (kvt_now_ms() - start) / nr + 1;
}

/*
 * A slow media delays nobody who did not ask for it.  It is slow beside this
 * machine, two transfers at a time: its queue is full long before the end.
 */
TEST_TIMEOUT(slow_media, 200)
{
	/* What waits to be written cannot be evicted: no quota that it may fill. */
	struct kvt_ns_opts ns = { .flash_mode = KVMEM_FLASH_MODE_THROUGH };
	unsigned int limit = kvt_debug_kernel() ? 2000 : 500, late = 0;
	struct kvt_disk_opts o = { .delay_ms = 20 };
	int fd = kvt_new(&ns), i;
	uint64_t start, max = 0;
	struct kvt_disk d;

	start = 8 * time_of_dram(fd);
	if (start > o.delay_ms)
		o.delay_ms = start < 500 ? start : 500;
	kvt_diag("transfers of %u ms", o.delay_ms);
	kvt_disk_new(&d, &o);
	kvt_media_format(&d, "1M");
	kvt_media_on(&d);
	for (i = 0; i < 300; i++) {
		start = kvt_now_ms();
		ASSERT_EQ(kvt_put_key(fd, i, LEN), 0);
		EXPECT_EQ(kvt_get_key(fd, i, LEN), 0);
		start = kvt_now_ms() - start;
		late += start > limit;
		if (start > max)
			max = start;
	}
	kvt_diag("longest put and get: %llu ms; refused for the queue: %llu",
		 (unsigned long long)max,
		 (unsigned long long)kvt_media_info(&d).v[KVMEM_A_MEDIA_REFUSED_QUEUE]);
	/* Those few are the host's. */
	EXPECT_LE(late, 6);
	EXPECT_GT(kvt_media_info(&d).v[KVMEM_A_MEDIA_REFUSED_QUEUE], 0);
	kvt_media_off(&d);
}

struct persist_one {
	int fd;
	uint64_t key;
	int rc;
};

static void *persist_one(void *arg)
{
	struct persist_one *p = arg;

	p->rc = kvt_persist(p->fd, p->key, LEN);
	return NULL;
}

/* Deleted while its put waits for a slow media: it survives nothing, and the put says so. */
TEST_TIMEOUT(deleted_under_way, 120)
{
	struct kvt_disk_opts o = { .delay_ms = 20 };
	const char *ns = kvt_ns(&kvt_through);
	struct persist_one p = { .fd = kvt_file(ns) };
	int there = 0, gone = 0;
	struct kvt_disk d;
	pthread_t t;

	kvt_disk_new(&d, &o);
	kvt_media_format(&d, "1M");
	kvt_media_on(&d);
	for (p.key = 0; p.key < 24; p.key++) {
		ASSERT_EQ(pthread_create(&t, NULL, persist_one, &p), 0);
		ASSERT_TRUE(kvt_wait_for(!kvt_exists(p.fd, p.key), 20000));
		kvt_sleep_ms(p.key % 8 * 10);
		EXPECT_EQ(kvt_delete(p.fd, p.key), 0);
		pthread_join(t, NULL);
		EXPECT(!p.rc || p.rc == -ENOENT, "safe or deleted, not %d", p.rc);
		there += !p.rc;
		gone += p.rc == -ENOENT;
		EXPECT_EQ(kvt_exists(p.fd, p.key), -ENOENT);
	}
	kvt_diag("%d were safe before, %d were not", there, gone);
	EXPECT_GT(gone, 0);
	p.fd = kvt_restart(p.fd, ns, &kvt_through, &d, false);
	for (p.key = 0; p.key < 24; p.key++)
		EXPECT_EQ(kvt_exists(p.fd, p.key), -ENOENT);
}

/* Silence -------------------------------------------------------------------- */

#define SILENT_MS	1000
/* Between the bound and this an operation may end; well below the minute that is usual. */
#define SILENT_MAX_MS	(20 * SILENT_MS)

static void expect_soon(uint64_t start, const char *what)
{
	uint64_t took = kvt_now_ms() - start;

	EXPECT(took < SILENT_MAX_MS, "%s to end in time, not after %llu ms", what,
	       (unsigned long long)took);
}

static void mapped_media(struct kvt_disk *base, struct kvt_disk *d)
{
	kvt_disk_new(base, NULL);
	kvt_disk_map(d, base);
	kvt_media_format(d, "1M");
	kvt_media_on(d);
}

/* As soon as the one that goes has let go of the device. */
static void attach_again(const struct kvt_disk *d)
{
	ASSERT_TRUE(kvt_wait_for(!kvt_media_attach(d->path, d->name, NULL), 20000));
	ASSERT_TRUE(kvt_wait_for(state_of(d) != KVMEM_MEDIA_STATE_ATTACHING, 20000));
}

/*
 * A device that does not answer: what waits for it ends, it is out of use then,
 * all else goes on; and when it answers again it can be attached again.
 */
TEST_TIMEOUT(does_not_answer, 200)
{
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns), i, rc, there = 0;
	struct kvt_disk base, d, other;
	uint64_t start;

	mapped_media(&base, &d);
	persist_some(fd, 0, NR);
	kvt_dram_empty(fd, ns);
	kvt_media_new(&other);
	ASSERT_EQ(kvt_sysfs_set("io_timeout_ms", SILENT_MS), 0);
	/* The state is looked at every now and then; at what was the bound when that began. */
	kvt_sleep_ms(1500);
	ASSERT_EQ(kvt_get_key(fd, 0, LEN), 0);
	kvt_disk_hold(&d, true);
	start = kvt_now_ms();
	rc = kvt_get_key(fd, 1, LEN);
	EXPECT(rc == -ETIMEDOUT || rc == -EIO || rc == -ENOENT, "an error, not %d", rc);
	expect_soon(start, "a get");
	EXPECT_TRUE(kvt_wait_for(state_of(&d) == KVMEM_MEDIA_STATE_FAILED, SILENT_MAX_MS));
	/* Now nobody waits for it at all, and nothing else knows of it. */
	for (i = 2; i < NR; i++) {
		rc = kvt_get_key(fd, i, LEN);
		EXPECT(rc == -ETIMEDOUT || rc == -EIO || rc == -ENOENT, "an error, not %d", rc);
	}
	expect_soon(start, "all gets");
	EXPECT_EQ(kvt_get_key(fd, 0, LEN), 0);
	start = kvt_now_ms();
	persist_some(fd, 100, NR);
	EXPECT_EQ(kvt_media_info(&other).v[KVMEM_A_MEDIA_BLOCKS], NR);
	expect_soon(start, "puts");
	/* Let go it cannot be, but nobody is kept waiting; and not attached either. */
	start = kvt_now_ms();
	EXPECT_EQ(kvt_media_detach(d.name), -ETIMEDOUT);
	EXPECT_TRUE(*kvt_nl_message());
	EXPECT_LT(kvt_media_attach(d.path, d.name, NULL), 0);
	expect_soon(start, "a detach");
	EXPECT_EQ(state_of(&d), KVMEM_MEDIA_STATE_DETACHING);
	EXPECT_EQ(kvt_media_detach(d.name), -EBUSY);
	kvt_disk_hold(&d, false);
	attach_again(&d);
	EXPECT_EQ(state_of(&d), KVMEM_MEDIA_STATE_LIVE);
	kvt_delete(fd, 1ULL << 62);
	for (i = 0; i < NR; i++)
		there += !kvt_get_key(fd, i, LEN);
	EXPECT_EQ(there, NR);
	EXPECT_EQ(count_some(fd, 100, NR), NR);
	kvt_media_off(&d);
}

/* Writes that nobody waits for are noticed, too; what was to be written is in DRAM. */
TEST_TIMEOUT(does_not_take_writes, 200)
{
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns), i, rc;
	struct kvt_disk base, d;
	uint64_t start;

	mapped_media(&base, &d);
	persist_some(fd, 0, 3);
	ASSERT_EQ(kvt_sysfs_set("io_timeout_ms", SILENT_MS), 0);
	kvt_sleep_ms(1500);
	kvt_disk_hold(&d, true);
	start = kvt_now_ms();
	for (i = 100; i < 140; i++)
		EXPECT_EQ(kvt_put_key(fd, i, LEN), 0);
	rc = kvt_persist(fd, 200, LEN);
	EXPECT(rc == -ETIMEDOUT || rc == -EIO || rc == -EOPNOTSUPP, "an error, not %d", rc);
	expect_soon(start, "puts");
	EXPECT_TRUE(kvt_wait_for(state_of(&d) == KVMEM_MEDIA_STATE_FAILED, SILENT_MAX_MS));
	EXPECT_EQ(kvt_persist(fd, 201, LEN), -EOPNOTSUPP);
	EXPECT_EQ(kvt_get_key(fd, 200, LEN), 0);
	for (i = 100; i < 140; i++)
		EXPECT_EQ(kvt_get_key(fd, i, LEN), 0);
	/* The namespace goes all the same. */
	close(fd);
	start = kvt_now_ms();
	EXPECT_EQ(kvt_nl_ns_del(ns), 0);
	EXPECT_EQ(kvt_media_detach(d.name), -ETIMEDOUT);
	expect_soon(start, "deleting the namespace");
	/* An attach of a silent device ends, and leaves nothing. */
	kvt_disk_hold(&d, false);
	attach_again(&d);
	kvt_media_off(&d);
	kvt_disk_hold(&d, true);
	start = kvt_now_ms();
	rc = kvt_media_attach(d.path, d.name, NULL);
	EXPECT(rc == -ETIMEDOUT, "no answer, not %d (%s)", rc, kvt_nl_message());
	expect_soon(start, "an attach");
	kvt_disk_hold(&d, false);
	attach_again(&d);
}

/* Damage --------------------------------------------------------------------- */

/* Where @len bytes of the content of @key are on the disk; the first of them. */
static uint64_t find_content(const struct kvt_disk *d, uint64_t key)
{
	uint8_t *p = malloc(d->bytes), want[64], *at;
	uint64_t off;

	ASSERT_TRUE(p);
	kvt_fill(want, sizeof(want), key);
	kvt_disk_read(d, p, d->bytes, 0);
	at = memmem(p, d->bytes, want, sizeof(want));
	ASSERT(at, "the content of %llu on the disk", (unsigned long long)key);
	off = at - p;
	free(p);
	return off;
}

TEST(damaged_data)
{
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns), i, rc;
	struct kvt_disk d;
	uint16_t flags;

	kvt_media_new(&d);
	persist_some(fd, 0, NR);
	kvt_media_off(&d);
	for (i = 0; i < 4; i++)
		kvt_disk_flip(&d, find_content(&d, i) + i * (LEN - 1) / 3, 1 << i);
	EXPECT_EQ(kvt_ctl("media check --data %s", d.path), 1);
	close(fd);
	ASSERT_EQ(kvt_nl_ns_del(ns), 0);
	ASSERT_EQ(kvt_nl_ns_new(ns, &kvt_through, NULL), 0);
	kvt_media_on(&d);
	fd = kvt_file(ns);
	for (i = 0; i < 4; i++) {
		rc = kvt_get_from(fd, i, LEN, NULL, &flags);
		EXPECT_EQ(rc, -ENOENT);
		EXPECT_TRUE(flags & KVMEM_RES_F_CORRUPT);
		/* It was dropped: put it again. */
		rc = kvt_get_from(fd, i, LEN, NULL, &flags);
		EXPECT_EQ(rc, -ENOENT);
		EXPECT_TRUE(!(flags & KVMEM_RES_F_CORRUPT));
		EXPECT_EQ(kvt_persist(fd, i, LEN), 0);
	}
	EXPECT_EQ(kvt_media_info(&d).v[KVMEM_A_MEDIA_CORRUPT], 4);
	EXPECT_EQ(count_some(fd, 0, NR), NR);
	fd = kvt_restart(fd, ns, &kvt_through, &d, false);
	EXPECT_EQ(count_some(fd, 0, NR), NR);
}

/* Flip a byte in every page that begins with @magic. */
static unsigned int damage_pages(const struct kvt_disk *d, uint32_t magic, size_t at)
{
	uint8_t *p = malloc(d->bytes);
	unsigned int nr = 0;
	uint32_t word;
	uint64_t off;

	ASSERT_TRUE(p);
	kvt_disk_read(d, p, d->bytes, 0);
	for (off = 0; off < d->bytes; off += KVMEM_MEDIA_PAGE) {
		memcpy(&word, p + off, sizeof(word));
		if (word != magic)
			continue;
		kvt_disk_flip(d, off + at, 0x10);
		nr++;
	}
	free(p);
	return nr;
}

static void expect_nothing_after(uint32_t magic, size_t at)
{
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns);
	struct kvt_disk d;

	kvt_media_new(&d);
	persist_some(fd, 0, NR);
	kvt_media_off(&d);
	close(fd);
	ASSERT_EQ(kvt_nl_ns_del(ns), 0);
	ASSERT_GT(damage_pages(&d, magic, at), 0);
	ASSERT_EQ(kvt_nl_ns_new(ns, &kvt_through, NULL), 0);
	kvt_media_on(&d);
	EXPECT_EQ(state_of(&d), KVMEM_MEDIA_STATE_LIVE);
	fd = kvt_file(ns);
	EXPECT_EQ(count_some(fd, 0, NR), 0);
	/* It can be filled again. */
	persist_some(fd, 0, NR);
	fd = kvt_restart(fd, ns, &kvt_through, &d, true);
	EXPECT_EQ(count_some(fd, 0, NR), NR);
}

TEST(damaged_tables)
{
	expect_nothing_after(KVMEM_MEDIA_TABLE_MAGIC, 200);
}

TEST(damaged_directory)
{
	expect_nothing_after(KVMEM_MEDIA_DIR_MAGIC, 1000);
}

TEST(damaged_superblock)
{
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns), rc;
	struct kvt_disk d;

	kvt_media_new(&d);
	persist_some(fd, 0, NR);
	kvt_media_off(&d);
	kvt_disk_flip(&d, 100, 1);
	kvt_media_on(&d);
	EXPECT_EQ(count_some(fd, 0, NR), NR);
	kvt_media_off(&d);
	kvt_disk_flip(&d, 100, 1);
	kvt_disk_flip(&d, d.bytes - KVMEM_MEDIA_PAGE + 100, 1);
	kvt_media_on(&d);
	EXPECT_EQ(count_some(fd, 0, NR), NR);
	kvt_media_off(&d);
	kvt_disk_flip(&d, 100, 1);
	rc = kvt_media_attach(d.path, d.name, NULL);
	EXPECT_LT(rc, 0);
	EXPECT(*kvt_nl_message(), "a message");
	kvt_diag("both damaged: %s: %s", strerror(-rc), kvt_nl_message());
}

TEST_MAIN()
