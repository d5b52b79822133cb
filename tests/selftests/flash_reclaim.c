// SPDX-License-Identifier: GPL-2.0
/*
 * A full media: segments are reclaimed, discarded and filled again, within the
 * quota and the budget, and whatever is found is right.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include "kvmem_flash.h"

#define TIER_MIB 64

static size_t len_of(uint64_t key)
{
	return 64 * KIB + key * 7919 % (160 * KIB);
}

static unsigned int debug_scale(unsigned int n)
{
	return kvt_debug_kernel() ? (n + 3) / 4 : n;
}

/* A writer may be faster than reclaim is: a segment comes within two seconds. */
static unsigned long waits;

static int persist_soon(int fd, uint64_t key)
{
	unsigned int tries;
	int rc = -ENOSPC;

	for (tries = 0; rc == -ENOSPC && tries < 200; tries++) {
		if (tries) {
			waits++;
			kvt_sleep_ms(10);
		}
		rc = kvt_persist(fd, key, len_of(key));
	}
	return rc;
}

static uint64_t media_value(const struct kvt_disk *d, unsigned int attr)
{
	return kvt_media_info(d).v[attr];
}

static void show(const struct kvt_disk *d)
{
	struct kvt_media m = kvt_media_info(d);

	kvt_diag("put %llu, moved %llu, tables %llu KiB; %llu/1000; %llu reclaimed, %llu evicted",
		 (unsigned long long)m.v[KVMEM_A_MEDIA_PUT_BYTES] / 1024,
		 (unsigned long long)m.v[KVMEM_A_MEDIA_REINSERT_BYTES] / 1024,
		 (unsigned long long)m.v[KVMEM_A_MEDIA_TABLE_BYTES] / 1024,
		 (unsigned long long)m.v[KVMEM_A_MEDIA_WRITE_AMPLIFICATION],
		 (unsigned long long)m.v[KVMEM_A_MEDIA_RECLAIMED],
		 (unsigned long long)m.v[KVMEM_A_MEDIA_EVICTED]);
	kvt_diag("refused: value %llu, room %llu, queue %llu, failed %llu",
		 (unsigned long long)m.v[KVMEM_A_MEDIA_REFUSED_VALUE],
		 (unsigned long long)m.v[KVMEM_A_MEDIA_REFUSED_ROOM],
		 (unsigned long long)m.v[KVMEM_A_MEDIA_REFUSED_QUEUE],
		 (unsigned long long)m.v[KVMEM_A_MEDIA_REFUSED_FAILED]);
	kvt_diag("discards: %llu commands, %llu ranges, %llu KiB",
		 (unsigned long long)m.v[KVMEM_A_MEDIA_DISCARD_COMMANDS],
		 (unsigned long long)m.v[KVMEM_A_MEDIA_DISCARD_RANGES],
		 (unsigned long long)m.v[KVMEM_A_MEDIA_DISCARD_BYTES] / 1024);
}

/* Several tier-fulls; a tenth of the gets is of what was used lately. */
TEST_TIMEOUT(churn, 240)
{
	unsigned long written = 0, end = debug_scale(kvt_scale(4, 40)) * TIER_MIB * MIB;
	unsigned long recent = 0, found = 0, hits = 0;
	const char *ns = kvt_ns(&kvt_through);
	uint64_t key = 0, k, state = 5, first;
	int fd = kvt_file(ns), rc;
	struct kvt_disk d;

	kvt_media_new(&d);
	for (; written < end; key++) {
		rc = persist_soon(fd, key);
		EXPECT(!rc, "key %llu: room, not %d", (unsigned long long)key, rc);
		written += len_of(key);
		k = kvt_rand(&state) % (key + 1);
		if (kvt_rand(&state) % 4 == 0)
			k = key - key % 16;	/* used again and again */
		rc = kvt_get_key(fd, k, len_of(k));
		EXPECT(!rc || rc == -ENOENT, "a hit or a miss of %llu, not %d",
		       (unsigned long long)k, rc);
		hits += !rc;
	}
	show(&d);
	kvt_dram_empty(fd, ns);
	first = key;
	for (k = key - 1, written = 0; written < TIER_MIB * MIB / 4; k--) {
		rc = kvt_get_key(fd, k, len_of(k));
		EXPECT(!rc || rc == -ENOENT, "a hit or a miss, not %d", rc);
		found += !rc;
		recent++;
		written += len_of(k);
	}
	kvt_diag("%llu puts, %lu waits for room, %lu hits; of the last %lu found %lu",
		 (unsigned long long)first, waits, hits, recent, found);
	EXPECT_GE(found * 100, recent * 95);
	EXPECT_GT(media_value(&d, KVMEM_A_MEDIA_RECLAIMED), debug_scale(32));
	EXPECT_LE(media_value(&d, KVMEM_A_MEDIA_WRITE_AMPLIFICATION), 1050);
	EXPECT_GT(media_value(&d, KVMEM_A_MEDIA_WRITE_AMPLIFICATION), 999);
	/* And all that is there is right. */
	fd = kvt_restart(fd, ns, &kvt_through, &d, false);
	for (k = 0, found = 0; k < first; k++) {
		rc = kvt_get_key(fd, k, len_of(k));
		EXPECT(!rc || rc == -ENOENT, "a hit or a miss, not %d", rc);
		found += !rc;
	}
	kvt_diag("after a restart %lu blocks", found);
	EXPECT_GE(found, recent);
	kvt_media_off(&d);
	EXPECT_EQ(kvt_ctl("media check --data %s", d.path), 0);
}

/* Deleted blocks do not come back when the segment of their GONE is reclaimed. */
TEST_TIMEOUT(deletes_outlive_reclaim, 240)
{
	const char *ns = kvt_ns(&kvt_through);
	unsigned long written = 0, round;
	int fd = kvt_file(ns), rc;
	struct kvt_disk d;
	uint64_t k, key;

	kvt_media_new(&d);
	/* Spread over all of the tier, half of it deleted. */
	for (key = 0; written < TIER_MIB * MIB * 3 / 4; key++, written += len_of(key))
		ASSERT_EQ(kvt_persist(fd, key, len_of(key)), 0);
	for (k = 0; k < key; k += 2) {
		rc = kvt_delete(fd, k);
		EXPECT_TRUE(!rc || rc == -ENOENT);
	}
	ASSERT_EQ(kvt_persist(fd, 1000000, 1000), 0);
	for (round = 0; round < 3; round++) {
		fd = kvt_restart(fd, ns, &kvt_through, &d, round & 1);
		for (k = 0; k < key; k++) {
			rc = kvt_exists(fd, k);
			EXPECT(rc == -ENOENT || (!rc && k & 1), "%llu not to be there",
			       (unsigned long long)k);
		}
		for (written = 0, k = 0; written < TIER_MIB * MIB / 3; k++, written += 144 * KIB)
			ASSERT_EQ(persist_soon(fd, (round + 2) * 1000000 + k), 0);
	}
	show(&d);
}

/* What is deleted is given back to the drive. */
TEST_TIMEOUT(discards, 120)
{
	const char *ns = kvt_ns(&kvt_through);
	int fd = kvt_file(ns);
	struct kvt_disk d;
	uint64_t key;

	kvt_media_new(&d);
	for (key = 0; key < 200; key++)
		ASSERT_EQ(kvt_persist(fd, key, len_of(key)), 0);
	EXPECT_EQ(media_value(&d, KVMEM_A_MEDIA_DISCARD_BYTES), 0);
	ASSERT_EQ(kvt_sysfs_set("discard_wait_ms", 1000), 0);
	close(fd);
	ASSERT_EQ(kvt_nl_ns_del(ns), 0);
	ASSERT_TRUE(kvt_wait_for(media_value(&d, KVMEM_A_MEDIA_SEGMENTS_FREE) ==
				 media_value(&d, KVMEM_A_MEDIA_SEGMENTS), 20000));
	show(&d);
	EXPECT_GE(media_value(&d, KVMEM_A_MEDIA_DISCARD_BYTES), 20 * MIB);
	EXPECT_GE(media_value(&d, KVMEM_A_MEDIA_DISCARD_SEGMENTS), 20);
	EXPECT_GT(media_value(&d, KVMEM_A_MEDIA_DISCARD_COMMANDS), 0);
	EXPECT_EQ(media_value(&d, KVMEM_A_MEDIA_DISCARD_ERRORS), 0);
}

/* A drive that cannot discard is filled again all the same. */
TEST_TIMEOUT(no_discards, 120)
{
	struct kvt_disk_opts o = { .mib = 16, .no_discard = true };
	int fd = kvt_new(&kvt_through), rc;
	unsigned long written = 0;
	struct kvt_disk d;
	uint64_t key;

	kvt_disk_new(&d, &o);
	kvt_media_format(&d, "1M");
	kvt_media_on(&d);
	for (key = 0; written < 48 * MIB; key++, written += len_of(key)) {
		rc = persist_soon(fd, key);
		EXPECT(!rc, "key %llu: room, not %d", (unsigned long long)key, rc);
	}
	show(&d);
	EXPECT_EQ(media_value(&d, KVMEM_A_MEDIA_DISCARD_COMMANDS), 0);
	EXPECT_GT(media_value(&d, KVMEM_A_MEDIA_RECLAIMED), 16);
}

static unsigned int segments_of(const struct kvt_disk *d, uint32_t ns_id)
{
	static struct kvt_segment seg[256];
	unsigned int nr = kvt_media_segments(d->name, seg, ARRAY_SIZE(seg)), i, mine = 0;

	ASSERT_LE(nr, ARRAY_SIZE(seg));
	EXPECT_EQ(nr, media_value(d, KVMEM_A_MEDIA_SEGMENTS));
	for (i = 0; i < nr; i++)
		mine += seg[i].v[KVMEM_A_SEG_NS_ID] == ns_id;
	return mine;
}

/* A namespace reclaims its own, and no one else's, segments. */
TEST_TIMEOUT(quota, 200)
{
	struct kvt_ns_opts o = kvt_through;
	int mine, other = kvt_new(&kvt_through), rc;
	unsigned long written = 0;
	unsigned int most = 0, n;
	struct kvt_ns_stat stat;
	const char *ns;
	struct kvt_disk d;
	uint64_t key;

	o.flash_quota = 12 * MIB;
	ns = kvt_ns(&o);
	mine = kvt_file(ns);
	ASSERT_EQ(kvt_nl_ns_get(ns, &stat), 0);
	EXPECT_EQ(stat.flash_quota, 12 * MIB);
	kvt_media_new(&d);
	for (key = 0; key < 60; key++)
		ASSERT_EQ(kvt_persist(other, key, len_of(key)), 0);
	for (key = 0; written < 40 * MIB; key++, written += len_of(key)) {
		rc = persist_soon(mine, key);
		EXPECT(!rc, "key %llu: room, not %d", (unsigned long long)key, rc);
		if (key % 16)
			continue;
		n = segments_of(&d, stat.id);
		if (n > most)
			most = n;
	}
	show(&d);
	kvt_diag("at most %u segments of 1 MiB", most);
	EXPECT_LE(most, 12);
	EXPECT_GE(most, 8);
	for (key = 0; key < 60; key++)
		EXPECT_EQ(kvt_get_key(other, key, len_of(key)), 0);
}

/* What is not asked to persist is written within the budget only. */
TEST_TIMEOUT(budget, 240)
{
	int fd = kvt_new(&kvt_through);
	unsigned long written = 0;
	struct kvt_media m;
	struct kvt_disk d;
	uint64_t key, out;

	kvt_media_new(&d);
	ASSERT_EQ(kvt_media_budget(d.name, 1ULL << 30), 0);
	EXPECT_EQ(kvt_media_info(&d).write_budget, 1ULL << 30);
	/* Twice what may be saved up: 64 MiB. */
	for (key = 0; written < 2 * TIER_MIB * MIB; key++, written += len_of(key)) {
		ASSERT_EQ(kvt_put_key(fd, key, len_of(key)), 0);
		if (key % 4 == 0)
			kvt_sleep_ms(2);
	}
	kvt_sleep_ms(300);
	show(&d);
	m = kvt_media_info(&d);
	out = m.v[KVMEM_A_MEDIA_PUT_BYTES] + m.v[KVMEM_A_MEDIA_REINSERT_BYTES] +
	      m.v[KVMEM_A_MEDIA_TABLE_BYTES];
	EXPECT_LE(out, 64 * MIB * 11 / 10);
	EXPECT_GT(out, 10 * MIB);
	EXPECT_GT(m.v[KVMEM_A_MEDIA_REFUSED_VALUE], 0);
	/* DRAM is not concerned. */
	EXPECT_EQ(kvt_get_key(fd, key - 1, len_of(key - 1)), 0);
	EXPECT_EQ(kvt_media_budget(d.name, 1), -ERANGE);
}

/* Everything at once ---------------------------------------------------------- */

#define KEYS 400

static volatile bool stop;
static unsigned long counts[2];	/* persistent puts, hits */
static const char *stress_ns;

static size_t stress_len(uint64_t key)
{
	static const size_t base[] = { 1, 600, 5000, 20000, 70000, 150000, 400000, 1300000 };

	return base[key % 8] + key * 13 % 512;
}

static void stress_one(int fd, uint64_t *state)
{
	uint64_t key = kvt_rand(state) % KEYS;
	size_t len = stress_len(key);
	int rc;

	switch (kvt_rand(state) % 10) {
	case 0:
		rc = kvt_delete(fd, key);
		break;
	case 1:
	case 2:
		rc = kvt_persist(fd, key, len);
		__atomic_add_fetch(&counts[0], 1, __ATOMIC_RELAXED);
		break;
	case 3:
	case 4:
		rc = kvt_put_key(fd, key, len);
		break;
	default:
		rc = kvt_get_from(fd, key, len, NULL, NULL);
		__atomic_add_fetch(&counts[1], !rc, __ATOMIC_RELAXED);
	}
	EXPECT(!rc || rc == -ENOENT || rc == -EOPNOTSUPP || rc == -ENOSPC || rc == -EIO,
	       "an errno of the dictionary, not %d", rc);
}

static void *stress_worker(void *arg)
{
	uint64_t state = (uintptr_t)arg * 1000003;
	int fd = kvt_file(stress_ns);

	while (!stop)
		stress_one(fd, &state);
	close(fd);
	return NULL;
}

/* A slow machine, or a busy one, takes as long as it takes. */
static bool stress_goes_on(uint64_t begin, unsigned int turns)
{
	unsigned long ms = kvt_scale(kvt_debug_kernel() ? 20 : 8, 600) * 1000;
	uint64_t now = kvt_now_ms() - begin;

	if (now < ms)
		return true;
	return now < 3 * ms + 120000 && (turns < 4 || counts[1] < 50);
}

TEST_TIMEOUT(stress, 240)
{
	uint64_t begin = kvt_now_ms();
	struct kvt_disk_opts small = { .mib = 24 };
	unsigned int i, turns = 0;
	struct kvt_disk d[2];
	pthread_t t[2];

	stress_ns = kvt_ns(&kvt_through);
	kvt_disk_new(&d[0], &small);
	kvt_media_format(&d[0], "2M");
	kvt_media_on(&d[0]);
	kvt_media_new(&d[1]);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(pthread_create(&t[i], NULL, stress_worker, (void *)(i + 1UL)), 0);
	while (stress_goes_on(begin, turns) && !kvt_failed()) {
		kvt_sleep_ms(400);
		kvt_media_off(&d[turns & 1]);
		kvt_sleep_ms(50);
		kvt_media_on(&d[turns++ & 1]);
	}
	stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	kvt_diag("%lu persistent puts, %lu hits, %u times detached", counts[0], counts[1], turns);
	EXPECT_GE(counts[1], 50);
	EXPECT_GE(turns, 4);
	for (i = 0; i < 2; i++) {
		show(&d[i]);
		kvt_media_off(&d[i]);
		EXPECT_EQ(kvt_ctl("media check --data %s", d[i].path), 0);
	}
}

TEST_MAIN()
