// SPDX-License-Identifier: GPL-2.0
/*
 * A full tier on an emulated NVMe drive, between registered buffers and the
 * drive: how much is written for what was put, how many ranges a discard has,
 * what deleting gives back, and what a get waits for while others put.
 *
 * Two drives: the larger one has many small segments, the smaller one is
 * written many times over.  Only scripts/lane-nvme sees what they take of the
 * host: it answers when a file at.NAME appears in $KVMEM_OUT.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <time.h>
#include "kvmem_flash.h"
#include "scatter.h"

#define BUF_BYTES	(4 * MIB)
/* Gets of a round, and rounds of each kind */
#define GETS		400
#define ROUNDS		5
#define GET_BYTES	(128 * KIB)

/* Drives --------------------------------------------------------------------- */

static uint64_t drive_bytes(unsigned int nr)
{
	unsigned long long sectors = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/nvme%un1/size", nr);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%llu", &sectors) != 1)
		sectors = 0;
	fclose(f);
	return sectors * 512;
}

/* They are numbered as they answer. */
static void drive_find(struct kvt_disk *d, bool larger)
{
	unsigned int nr;

	ASSERT_EQ(system("modprobe nvme"), 0);
	ASSERT_TRUE(kvt_wait_for(drive_bytes(0) && drive_bytes(1), 20000));
	ASSERT_NE(drive_bytes(0), drive_bytes(1));
	nr = larger == (drive_bytes(1) > drive_bytes(0));
	memset(d, 0, sizeof(*d));
	snprintf(d->name, sizeof(d->name), "nvme%un1", nr);
	snprintf(d->path, sizeof(d->path), "/dev/nvme%un1", nr);
	d->bytes = drive_bytes(nr);
	ASSERT_TRUE(kvt_wait_for(!access(d->path, R_OK | W_OK), 20000));
}

/* Commands that the driver itself has sent: discards are the twelfth number on. */
static uint64_t drive_discards(const struct kvt_disk *d)
{
	unsigned long long v = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/%s/stat", d->name);
	f = fopen(path, "re");
	ASSERT(f, "%s: %s", path, strerror(errno));
	ASSERT_EQ(fscanf(f, "%*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %llu", &v), 1);
	fclose(f);
	return v;
}

/* KiB that the drive takes of the host. */
static uint64_t drive_takes(const char *at)
{
	const char *out = getenv("KVMEM_OUT") ?: "/mnt/out";
	unsigned long long kib = 0;
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/at.%s", out, at);
	f = fopen(path, "we");
	ASSERT(f, "%s: %s", path, strerror(errno));
	fclose(f);
	snprintf(path, sizeof(path), "%s/kib.%s", out, at);
	ASSERT(kvt_wait_for(!access(path, R_OK), 20000), "%s, from scripts/lane-nvme", path);
	f = fopen(path, "re");
	ASSERT(f, "%s: %s", path, strerror(errno));
	ASSERT_EQ(fscanf(f, "%llu", &kib), 1);
	fclose(f);
	return kib;
}

/* Blocks --------------------------------------------------------------------- */

/* A file and a registered buffer of its own. */
struct user {
	int fd;
	uint32_t buf;
	uint8_t *p;
};

static void user_open(struct user *u, const char *ns)
{
	struct kvmem_buf_reg reg = { .size = sizeof(reg), .length = BUF_BYTES };

	u->fd = kvt_file(ns);
	u->p = kvt_pages_new(BUF_BYTES);
	kvt_fill(u->p, BUF_BYTES, 1);
	reg.addr = (uintptr_t)u->p;
	ASSERT_EQ(kvt_ioctl(u->fd, KVMEM_IOC_BUF_REG, &reg), 0);
	u->buf = reg.buf_id;
}

static struct kvmem_op user_op(const struct user *u, unsigned int opcode, uint64_t key, size_t len)
{
	struct kvmem_op op = kvt_make_op(opcode, key);

	op.buf = u->buf;
	op.len = len;
	op.flags = KVMEM_OP_F_NOCACHE;
	return op;
}

static unsigned long waits;

/* A writer may be faster than reclaim is. */
static void user_put(const struct user *u, uint64_t key, size_t len)
{
	struct kvmem_op op = user_op(u, KVMEM_OP_PUT, key, len);
	unsigned int tries;
	int rc = -ENOSPC;

	memcpy(u->p, &key, sizeof(key));
	for (tries = 0; tries < 500; tries++) {
		rc = kvt_op(u->fd, &op);
		if (!rc && op.tier == KVMEM_TIER_FLASH)
			return;
		/* There was no room: it is in DRAM alone, or nowhere. */
		ASSERT(!rc || rc == -ENOSPC, "put of %llu: %d", (unsigned long long)key, rc);
		kvt_delete(u->fd, key);
		waits++;
		kvt_sleep_ms(5);
		op = user_op(u, KVMEM_OP_PUT, key, len);
	}
	kvt_fail(__FILE__, __LINE__, "room for %llu in 2.5 s: %d", (unsigned long long)key, rc);
	kvt_abort();
}

/* The rest of the bytes is the checksum's concern. */
static int user_get(const struct user *u, uint64_t key, size_t len)
{
	struct kvmem_op op = user_op(u, KVMEM_OP_GET, key, len);
	int rc;

	memset(u->p, 0xff, sizeof(key));
	rc = kvt_op(u->fd, &op);
	if (rc)
		return rc;
	EXPECT_EQ(op.bytes, len);
	EXPECT_EQ(op.tier, KVMEM_TIER_FLASH);
	EXPECT_TRUE(op.res_flags & KVMEM_RES_F_VERIFIED);
	EXPECT_TRUE(!memcmp(u->p, &key, sizeof(key)));
	return 0;
}

/* Rates and counts ------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static unsigned long long value(const struct kvt_disk *d, unsigned int attr)
{
	return kvt_media_info(d).v[attr];
}

static void drive_start(const struct kvt_disk *d, const char *segment_size)
{
	kvt_media_format(d, segment_size);
	kvt_media_on(d);
	ASSERT_EQ(kvt_media_info(d).state, KVMEM_MEDIA_STATE_LIVE);
}

/* A block is as large as its key says; whole units go to the drive without a copy. */
static size_t small_len(uint64_t key)
{
	return 64 * KIB + key * 7919 % 97 * 512;
}

/* From 64 KiB to 4 MiB, as many of each power of two. */
static size_t large_len(uint64_t key)
{
	size_t base = 64 * KIB << key % 6;

	return base + key * 2654435761U % base / 512 * 512;
}

static uint64_t put_bytes(const struct user *u, uint64_t *key, size_t (*len_of)(uint64_t),
			  uint64_t bytes)
{
	uint64_t done = 0;

	for (; done < bytes; done += len_of((*key)++))
		user_put(u, *key, len_of(*key));
	return done;
}

static const struct kvt_ns_opts through = {
	.flash_mode = KVMEM_FLASH_MODE_THROUGH, .quota_blocks = 16,
};

/* Tests ------------------------------------------------------------------------ */

/* Full and written on: what is reclaimed is told to the drive by the many. */
static void churn(const struct kvt_disk *d, const struct user *u, uint64_t *key)
{
	struct kvt_media was, is;
	uint64_t sent, commands, segments, ranges, start;

	put_bytes(u, key, small_len, d->bytes + d->bytes / 16);
	was = kvt_media_info(d);
	sent = drive_discards(d);
	start = kvt_now_ms();
	put_bytes(u, key, small_len, d->bytes * kvt_scale(3, 40) / 4);
	start = kvt_now_ms() - start;
	sent = drive_discards(d) - sent;
	is = kvt_media_info(d);
	commands = is.v[KVMEM_A_MEDIA_DISCARD_COMMANDS] - was.v[KVMEM_A_MEDIA_DISCARD_COMMANDS];
	segments = is.v[KVMEM_A_MEDIA_DISCARD_SEGMENTS] - was.v[KVMEM_A_MEDIA_DISCARD_SEGMENTS];
	ranges = is.v[KVMEM_A_MEDIA_DISCARD_RANGES] - was.v[KVMEM_A_MEDIA_DISCARD_RANGES];
	kvt_diag("%llu ms, %lu waits; %llu segments in %llu ranges, %llu commands (drive: %llu)",
		 (unsigned long long)start, waits,
		 (unsigned long long)segments, (unsigned long long)ranges,
		 (unsigned long long)commands, (unsigned long long)sent);
	EXPECT_GT(commands, 4);
	EXPECT_GE(segments, commands * 32);
	/* Neither cut up nor counted short; one may be on its way at either end. */
	EXPECT_LE(sent, commands + 1);
	EXPECT_GE(sent + 1, commands);
	EXPECT_EQ(is.v[KVMEM_A_MEDIA_DISCARD_ERRORS], 0);
}

TEST_TIMEOUT(discards, 120)
{
	const char *ns = kvt_ns(&through);
	uint64_t key = 0, k, all, full, left;
	struct kvt_disk d;
	struct user u;

	drive_find(&d, true);
	drive_start(&d, "256K");
	user_open(&u, ns);
	churn(&d, &u, &key);
	full = drive_takes("full");
	/* The last few do not wait for others. */
	ASSERT_EQ(kvt_sysfs_set("discard_wait_ms", 1000), 0);
	for (k = 0; k < key; k++)
		kvt_delete(u.fd, k);
	all = value(&d, KVMEM_A_MEDIA_SEGMENTS);
	/* Two may be open, and the deletions themselves are somewhere. */
	EXPECT_TRUE(kvt_wait_for(value(&d, KVMEM_A_MEDIA_SEGMENTS_FREE) + 4 >= all, 20000));
	left = drive_takes("deleted");
	kvt_diag("deleted: %llu of %llu segments free; the file takes %llu KiB, was %llu",
		 value(&d, KVMEM_A_MEDIA_SEGMENTS_FREE), (unsigned long long)all,
		 (unsigned long long)left, (unsigned long long)full);
	/* The rest is where no block fits at the end of a segment, and what is free. */
	EXPECT_GE(full, d.bytes / 1024 * 6 / 10);
	EXPECT_LE(left, full / 10);
}

/* What lies apart is a range for each, and the driver sends them as one command. */
TEST_TIMEOUT(discards_scattered, 120)
{
	const char *ns = kvt_ns(&through);
	struct scatter seen;
	struct kvt_disk d;
	struct user u;
	uint64_t sent;

	drive_find(&d, true);
	drive_start(&d, SCATTER_SEGMENT);
	user_open(&u, ns);
	sent = drive_discards(&d);
	scatter_run(&d, u.fd, u.buf, u.p, &seen);
	sent = drive_discards(&d) - sent;
	kvt_diag("commands of the driver: %llu", (unsigned long long)sent);
	EXPECT_LE(sent, seen.commands + 1);
	EXPECT_GE(sent + 1, seen.commands);
}

/* What goes to the drive, for what was put; tables apart. */
TEST_TIMEOUT(amplification, 240)
{
	const char *ns = kvt_ns(&through);
	uint64_t key = 0, k, state = 3, start = kvt_now_ms();
	unsigned int round, rounds = kvt_scale(40, 400);
	unsigned long hits = 0;
	struct kvt_media m;
	struct kvt_disk d;
	struct user u;

	drive_find(&d, false);
	drive_start(&d, "8M");
	user_open(&u, ns);
	for (round = 0; round < rounds; round++) {
		put_bytes(&u, &key, large_len, d.bytes / 4);
		/* What is used again is worth moving. */
		for (k = key - 12; k < key; k++)
			if (kvt_rand(&state) % 2)
				hits += !user_get(&u, k, large_len(k));
	}
	m = kvt_media_info(&d);
	kvt_diag("%u quarters of a tier in %llu ms, %lu waits, %lu gets", rounds,
		 (unsigned long long)(kvt_now_ms() - start), waits, hits);
	kvt_diag("put %llu KiB as %llu, moved %llu, tables %llu; %llu/1000",
		 (unsigned long long)m.v[KVMEM_A_MEDIA_DATA_BYTES] / 1024,
		 (unsigned long long)m.v[KVMEM_A_MEDIA_PUT_BYTES] / 1024,
		 (unsigned long long)m.v[KVMEM_A_MEDIA_REINSERT_BYTES] / 1024,
		 (unsigned long long)m.v[KVMEM_A_MEDIA_TABLE_BYTES] / 1024,
		 (unsigned long long)m.v[KVMEM_A_MEDIA_WRITE_AMPLIFICATION]);
	EXPECT_GE(m.v[KVMEM_A_MEDIA_DATA_BYTES], d.bytes * (rounds / 4));
	EXPECT_GT(m.v[KVMEM_A_MEDIA_RECLAIMED], m.v[KVMEM_A_MEDIA_SEGMENTS] * (rounds / 4 - 2));
	EXPECT_LE(m.v[KVMEM_A_MEDIA_WRITE_AMPLIFICATION], 1050);
	/* Padding counts, too. */
	EXPECT_LE((m.v[KVMEM_A_MEDIA_PUT_BYTES] + m.v[KVMEM_A_MEDIA_REINSERT_BYTES]) * 100,
		  m.v[KVMEM_A_MEDIA_DATA_BYTES] * 105);
	EXPECT_GT(hits, rounds);
}

/* Gets beside puts --------------------------------------------------------------- */

static struct {
	pthread_t thread;
	const char *ns;
	uint64_t pause_ns;	/* from one put to the next */
	uint64_t next;		/* key */
	uint64_t late_ns;	/* behind its pace, at the end of a round */
	volatile bool stop;
} stream;

static void sleep_until(uint64_t ns)
{
	struct timespec t = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void *stream_run(void *arg)
{
	uint64_t due = now_ns();
	struct user *u = arg;

	for (; !stream.stop; due += stream.pause_ns) {
		sleep_until(due);
		user_put(u, stream.next, GET_BYTES);
		__atomic_store_n(&stream.next, stream.next + 1, __ATOMIC_RELEASE);
	}
	stream.late_ns = now_ns() > due ? now_ns() - due : 0;
	return NULL;
}

static int cmp_ns(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

struct spread {
	uint64_t p50, p99, max;
};

/* Of blocks put lately: they are there, and only there. */
static struct spread measure_gets(const struct user *u, uint64_t among, uint64_t *state)
{
	static uint64_t ns[GETS];
	uint64_t key, start;
	unsigned int i;
	int rc;

	for (i = 0; i < GETS; i++) {
		key = __atomic_load_n(&stream.next, __ATOMIC_ACQUIRE) - 1 -
		      kvt_rand(state) % among;
		start = now_ns();
		rc = user_get(u, key, GET_BYTES);
		ns[i] = now_ns() - start;
		EXPECT(!rc, "%llu of %llu to be there: %d", (unsigned long long)key,
		       (unsigned long long)stream.next, rc);
	}
	qsort(ns, GETS, sizeof(ns[0]), cmp_ns);
	return (struct spread){ ns[GETS / 2], ns[GETS * 99 / 100], ns[GETS - 1] };
}

/* As fast as it goes, of which the stream takes a share. */
static void fill(const struct user *u, uint64_t nr, unsigned int share)
{
	uint64_t start = now_ns(), end = stream.next + nr;

	for (; stream.next < end; stream.next++)
		user_put(u, stream.next, GET_BYTES);
	stream.pause_ns = (now_ns() - start) / nr * share;
	kvt_diag("a put each %llu us alone, each %llu us in the stream; %lu waits",
		 (unsigned long long)stream.pause_ns / share / 1000,
		 (unsigned long long)stream.pause_ns / 1000, waits);
}

static void show_spread(const char *what, const struct spread *s)
{
	kvt_diag("%s: p50 %llu us, p99 %llu us, max %llu us", what,
		 (unsigned long long)s->p50 / 1000, (unsigned long long)s->p99 / 1000,
		 (unsigned long long)s->max / 1000);
}

static struct spread measure_beside(const struct user *u, struct user *writer, uint64_t among,
				    uint64_t *state)
{
	struct spread s;

	stream.stop = false;
	ASSERT_EQ(pthread_create(&stream.thread, NULL, stream_run, writer), 0);
	/* Reclaim is under way, not about to begin. */
	kvt_sleep_ms(100);
	s = measure_gets(u, among, state);
	stream.stop = true;
	pthread_join(stream.thread, NULL);
	return s;
}

static uint64_t median(uint64_t *v)
{
	qsort(v, ROUNDS, sizeof(*v), cmp_ns);
	return v[ROUNDS / 2];
}

struct contest {
	uint64_t idle, beside;	/* medians of the p99s */
	unsigned int good;	/* rounds in which a get waited at most twice as long */
};

static struct contest measure_both(const char *what, const struct user *u, struct user *writer,
				   uint64_t among)
{
	uint64_t state = 7, idle_p99[ROUNDS], beside_p99[ROUNDS];
	struct contest c = {};
	struct spread s;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		s = measure_gets(u, among, &state);
		show_spread("idle", &s);
		idle_p99[i] = s.p99;
		s = measure_beside(u, writer, among, &state);
		show_spread("beside puts", &s);
		beside_p99[i] = s.p99;
		c.good += s.p99 <= 2 * idle_p99[i];
	}
	c.idle = median(idle_p99);
	c.beside = median(beside_p99);
	kvt_diag("%s: medians of p99 %llu and %llu us, %llu/100, %u good rounds", what,
		 (unsigned long long)c.idle / 1000, (unsigned long long)c.beside / 1000,
		 (unsigned long long)(c.beside * 100 / c.idle), c.good);
	return c;
}

/*
 * Before much is reclaimed, for comparison, and when it has to be all the
 * time.  The host has other things to do, now and then, and what it does to a
 * round or two of five is not the tier's doing.
 */
TEST_TIMEOUT(gets_beside_puts, 120)
{
	const char *ns = kvt_ns(&through);
	uint64_t blocks, reclaimed, first;
	struct user u, writer;
	struct contest c;
	struct kvt_disk d;

	drive_find(&d, false);
	drive_start(&d, "512K");
	user_open(&u, ns);
	user_open(&writer, ns);
	blocks = d.bytes / GET_BYTES;
	fill(&writer, blocks / 8, 4);
	measure_both("not full", &u, &writer, blocks / 8);
	kvt_diag("%llu segments reclaimed so far", value(&d, KVMEM_A_MEDIA_RECLAIMED));
	fill(&writer, blocks, 4);
	reclaimed = value(&d, KVMEM_A_MEDIA_RECLAIMED);
	first = stream.next;
	c = measure_both("full", &u, &writer, blocks / 8);
	reclaimed = value(&d, KVMEM_A_MEDIA_RECLAIMED) - reclaimed;
	kvt_diag("%llu puts, %llu segments reclaimed, %llu of %llu sealed, %llu ms late",
		 (unsigned long long)(stream.next - first), (unsigned long long)reclaimed,
		 value(&d, KVMEM_A_MEDIA_SEGMENTS_SEALED), value(&d, KVMEM_A_MEDIA_SEGMENTS),
		 (unsigned long long)stream.late_ns / 1000000);
	EXPECT_GT(reclaimed, 10);
	EXPECT_GE(value(&d, KVMEM_A_MEDIA_SEGMENTS_SEALED) * 100,
		  value(&d, KVMEM_A_MEDIA_SEGMENTS) * 93);
	EXPECT_LE(c.beside, 2 * c.idle);
}

TEST_MAIN()
