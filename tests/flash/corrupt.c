// SPDX-License-Identifier: GPL-2.0
/*
 * Damage to a media at random places: what is served is right, or it is a miss,
 * or the media is refused with a word why.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <stdlib.h>
#include "kvmem_flash.h"

#define MIB_DISK	8
#define NR		64

/* Tries to find a segment that is not damaged yet: each says for itself what is in it. */
#define APART		24

static struct kvt_disk disk;
static uint8_t *pristine, *image;
static size_t first_segment, segment_bytes;
static const char *ns_name[2];
static bool deleted[NR];
static unsigned long served, missed, refused, flagged;

static size_t len_of(unsigned int key)
{
	static const size_t base[] = { 1, 200, 3000, 9216, 20000, 40000, 65536, 120000 };

	return base[key % 8] + key * 17 % 300;
}

static void fill(void)
{
	const struct kvmem_media_super *super;
	int fd[2], i;

	for (i = 0; i < 2; i++)
		ns_name[i] = kvt_ns(&kvt_through);
	kvt_disk_new(&disk, &(struct kvt_disk_opts){ .mib = MIB_DISK });
	kvt_media_format(&disk, "256K");
	kvt_media_on(&disk);
	for (i = 0; i < 2; i++)
		fd[i] = kvt_file(ns_name[i]);
	for (i = 0; i < NR; i++)
		ASSERT_EQ(kvt_persist(fd[i % 4 == 3], i, len_of(i)), 0);
	for (i = 5; i < NR; i += 9) {
		ASSERT_EQ(kvt_delete(fd[i % 4 == 3], i), 0);
		deleted[i] = true;
	}
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(kvt_persist(fd[i], 1000 + i, 700), 0);
		close(fd[i]);
	}
	kvt_media_off(&disk);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(kvt_nl_ns_del(ns_name[i]), 0);
	pristine = kvt_pages_new(disk.bytes);
	image = kvt_pages_new(disk.bytes);
	kvt_disk_read(&disk, pristine, disk.bytes, 0);
	super = (const struct kvmem_media_super *)pristine;
	first_segment = le64toh(super->first_segment);
	segment_bytes = le32toh(super->segment_bytes);
	ASSERT_TRUE(segment_bytes && first_segment < disk.bytes);
}

/* What is there ---------------------------------------------------------------- */

/* A deleted block may be back when the entry that says so is what was damaged. */
static void look_at(int fd, unsigned int key)
{
	uint16_t flags;
	int rc = kvt_get_from(fd, key, len_of(key), NULL, &flags);

	EXPECT(!rc || rc == -ENOENT || rc == -EMSGSIZE, "key %u: right bytes or a miss, not %d",
	       key, rc);
	if (!rc)
		served++;
	else if (!deleted[key])
		missed++;
	if (rc)
		flagged += !!(flags & KVMEM_RES_F_CORRUPT);
}

static void look(void)
{
	int fd[2], i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(kvt_nl_ns_new(ns_name[i], &kvt_through, NULL), 0);
		fd[i] = kvt_file(ns_name[i]);
	}
	if (kvt_media_attach(disk.path, disk.name, NULL)) {
		EXPECT(*kvt_nl_message(), "a word why it is refused");
		refused++;
	} else {
		ASSERT_TRUE(kvt_wait_for(kvt_media_info(&disk).state !=
					 KVMEM_MEDIA_STATE_ATTACHING, 30000));
		for (i = 0; i < NR; i++)
			look_at(fd[i % 4 == 3], i);
		kvt_media_off(&disk);
	}
	for (i = 0; i < 2; i++) {
		close(fd[i]);
		ASSERT_EQ(kvt_nl_ns_del(ns_name[i]), 0);
	}
}

/* Damage ---------------------------------------------------------------------- */

/* A page that begins with one of our magic numbers, from a random one on. */
static size_t some_page(uint64_t *state, uint32_t magic)
{
	size_t pages = disk.bytes / KVMEM_MEDIA_PAGE, at = kvt_rand(state) % pages, i;
	uint32_t word;

	for (i = 0; i < pages; i++, at = (at + 1) % pages) {
		memcpy(&word, pristine + at * KVMEM_MEDIA_PAGE, sizeof(word));
		if (word == magic)
			break;
	}
	return at * KVMEM_MEDIA_PAGE;
}

/* A page that is not empty: mostly data. */
static size_t full_page(uint64_t *state)
{
	size_t pages = disk.bytes / KVMEM_MEDIA_PAGE, at = kvt_rand(state) % pages, i;

	for (i = 0; i < pages; i++, at = (at + 1) % pages)
		if (!kvt_all_zero(pristine + at * KVMEM_MEDIA_PAGE, KVMEM_MEDIA_PAGE))
			break;
	return at * KVMEM_MEDIA_PAGE;
}

static size_t pick_page(uint64_t *state)
{
	switch (kvt_rand(state) % 8) {
	case 0:
		return kvt_rand(state) % 2 ? 0 : disk.bytes - KVMEM_MEDIA_PAGE;
	case 1:
		return some_page(state, KVMEM_MEDIA_DIR_MAGIC);
	case 2:
		return KVMEM_MEDIA_DIR_OFFSET;	/* the page that is in use */
	case 3:
	case 4:
	case 5:
		return some_page(state, KVMEM_MEDIA_TABLE_MAGIC);
	default:
		return full_page(state);
	}
}

static size_t pick_byte(uint64_t *state)
{
	/* Half of them where the fields are. */
	return kvt_rand(state) % (kvt_rand(state) % 2 ? 256 : KVMEM_MEDIA_PAGE);
}

static void damage(uint64_t *state, size_t page)
{
	size_t from = pick_page(state), at = page + pick_byte(state);

	switch (kvt_rand(state) % 8) {
	case 0:		/* a sector was never written */
		memset(image + at / 512 * 512, 0, 512);
		break;
	case 1:		/* a write went to the wrong place */
		memcpy(image + page, pristine + from, KVMEM_MEDIA_PAGE);
		break;
	case 2:
		image[at] = kvt_rand(state);
		break;
	default:
		image[at] ^= 1 << kvt_rand(state) % 8;
	}
}

/* -1: superblocks and directories, whose damage may hide all other. */
static int segment_of(size_t page)
{
	if (page < first_segment || page - first_segment >= segment_bytes * 31)
		return -1;
	return (page - first_segment) / segment_bytes;
}

/*
 * One place; or, as what is wrong in one segment is found there and nowhere else,
 * one in each of several.  How many.
 */
static unsigned int damage_apart(uint64_t *state)
{
	size_t page = pick_page(state);
	uint32_t hit = 0;
	unsigned int i, nr = 0;
	int seg;

	for (i = 0; i < APART; i++, page = pick_page(state)) {
		seg = segment_of(page);
		if (seg < 0 && !i) {
			damage(state, page);
			return 1;
		}
		if (seg < 0 || hit & 1U << seg)
			continue;
		hit |= 1U << seg;
		damage(state, page);
		nr++;
	}
	return nr;
}

/* Anywhere, on top of each other, too; one hides the other, so it counts once. */
static unsigned int damage_together(uint64_t *state)
{
	unsigned int nr = 2 + kvt_rand(state) % 6;

	while (nr--)
		damage(state, pick_page(state));
	return 1;
}

/* What it is to be, where it is something else: most of it is as it was. */
static void disk_restore(void)
{
	static uint8_t *now;
	size_t at, end;

	if (!now)
		now = kvt_pages_new(disk.bytes);
	kvt_disk_read(&disk, now, disk.bytes, 0);
	for (at = 0; at < disk.bytes; at = end) {
		for (end = at; end < disk.bytes &&
		     memcmp(now + end, image + end, KVMEM_MEDIA_PAGE); end += KVMEM_MEDIA_PAGE)
			;
		if (end > at)
			kvt_disk_write(&disk, image + at, end - at, at);
		else
			end += KVMEM_MEDIA_PAGE;
	}
}

/* How many places. */
static unsigned int one_round(unsigned int round, uint64_t *state)
{
	unsigned int nr;
	int rc;

	memcpy(image, pristine, disk.bytes);
	nr = round % 8 == 7 ? damage_together(state) : damage_apart(state);
	disk_restore();
	if (round % 25 == 0) {
		rc = kvt_ctl("media check --data %s", disk.path);
		EXPECT(rc >= 0 && rc <= 2, "a verdict of kvmemctl media check, not %d", rc);
	}
	look();
	return nr;
}

TEST_TIMEOUT(undamaged, 60)
{
	unsigned int i, alive = 0;

	fill();
	for (i = 0; i < NR; i++)
		alive += !deleted[i];
	look();
	EXPECT_EQ(served, alive);
	EXPECT_EQ(missed, 0);
	EXPECT_EQ(kvt_ctl("media check --data %s", disk.path), 0);
}

TEST_TIMEOUT(random_damage, 280)
{
	const char *asked = getenv("KVMEM_POSITIONS"), *seed = getenv("KVMEM_SEED");
	unsigned long nr = kvt_scale(kvt_debug_kernel() ? 200 : 400, 10000), done = 0;
	uint64_t state = seed ? strtoull(seed, NULL, 0) : kvt_now_ms(), was;
	unsigned int i;

	if (asked)
		nr = strtoul(asked, NULL, 0);
	kvt_diag("seed %llu", (unsigned long long)state);
	fill();
	for (i = 0; done < nr && !kvt_failed(); i++) {
		was = state;
		done += one_round(i, &state);
		if (kvt_failed())
			kvt_diag("round %u, state %#llx", i, (unsigned long long)was);
	}
	kvt_diag("%lu places, %u rounds: %lu served, %lu missed, %lu of them flagged, %lu refused",
		 done, i, served, missed, flagged, refused);
	/* Most places cost little; a page of the directory costs all. */
	EXPECT_GT(served, missed);
	EXPECT_GT(missed, 0);
}

TEST_MAIN()
