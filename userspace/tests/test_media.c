// SPDX-License-Identifier: GPL-2.0
/* Media offline: format, check, and what a check says of damage. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktap.h"
#include "media_image.h"

#define PATH		"test_media.img"
#define NR_DAMAGE	400	/* random positions for each kind */

static unsigned int nr_told;

static void told(void *arg, const struct media_finding *f)
{
	(void)arg;
	nr_told += *f->text != 0;
}

static int new_file(uint64_t bytes)
{
	int fd;

	unlink(PATH);
	fd = open(PATH, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)bytes))
		return -1;
	return close(fd);
}

static int poke(uint64_t at, const void *data, size_t n)
{
	int fd = open(PATH, O_RDWR | O_CLOEXEC), rc;

	rc = pwrite(fd, data, n, (off_t)at) == (ssize_t)n ? 0 : -1;
	close(fd);
	return rc;
}

static int peek(uint64_t at, void *data, size_t n)
{
	int fd = open(PATH, O_RDONLY | O_CLOEXEC), rc;

	rc = pread(fd, data, n, (off_t)at) == (ssize_t)n ? 0 : -1;
	close(fd);
	return rc;
}

static struct media_format plain(void)
{
	return (struct media_format){ .segment_bytes = IMAGE_SEGMENT, .discard = true };
}

/* A filled media in PATH */
static int filled(struct media_image *image)
{
	struct media_format how = plain();
	struct media_file f;
	int err;

	memset(image, 0, sizeof(*image));
	if (new_file(IMAGE_BYTES) || media_format(PATH, &how))
		return -1;
	image->super = how.super;
	err = media_open(&f, PATH, MEDIA_WRITE_ALONE);
	if (err)
		return err;
	err = media_image_fill(&f, image);
	return media_close(&f) ? -1 : err;
}

static int check(struct media_check *c, bool data)
{
	struct media_file f;
	int err;

	*c = (struct media_check){ .data = data, .now = IMAGE_NOW, .finding = told };
	nr_told = 0;
	err = media_open(&f, PATH, MEDIA_READ_ALONE);
	if (err)
		return err;
	err = media_check(&f, c);
	media_close(&f);
	return err;
}

static void format_is_clean(void)
{
	struct media_format how = plain();
	struct media_check c;

	how.label = "a label";
	CHECK_EQ(new_file(IMAGE_BYTES), 0);
	CHECK_EQ(media_format(PATH, &how), 0);
	CHECK_EQ(how.super.nr_segments, IMAGE_SEGMENTS);
	CHECK_EQ(check(&c, true), 0);
	CHECK_EQ(c.verdict, MEDIA_CLEAN);
	CHECK(!strcmp(c.super.label, "a label"));
	CHECK(!memcmp(c.super.uuid, how.uuid, sizeof(how.uuid)));
	CHECK_EQ(c.segments.free, IMAGE_SEGMENTS);
	CHECK_EQ(c.namespaces, 0);
}

static void format_refuses(void)
{
	struct media_format how = plain();
	struct media_file f;

	CHECK_EQ(new_file(1 << 20), 0);
	CHECK_EQ(media_format(PATH, &how), -EINVAL);
	CHECK_EQ(media_format("/dev/null", &how), -ENOTBLK);
	CHECK_EQ(media_format("test_media.none", &how), -ENOENT);
	CHECK_EQ(new_file(IMAGE_BYTES), 0);
	CHECK_EQ(media_open(&f, PATH, MEDIA_READ_ALONE), 0);
	CHECK_EQ(media_format(PATH, &how), -EBUSY);
	CHECK_EQ(media_close(&f), 0);
	how.segment_bytes = 16 << 20;
	CHECK_EQ(media_format(PATH, &how), -EINVAL);
}

/* Enough of ext4 for libblkid: magic, revision, features that only ext4 has */
static int make_ext4(void)
{
	uint8_t sb[1024] = { 0 };

	sb[0x18] = 2;		/* 4 KiB blocks */
	sb[0x38] = 0x53;
	sb[0x39] = 0xef;
	sb[0x4c] = 1;
	sb[0x5c] = 0x04;	/* has a journal */
	sb[0x60] = 0x42;	/* extents, file types */
	memcpy(sb + 0x78, "precious", 8);
	return new_file(IMAGE_BYTES) || poke(1024, sb, sizeof(sb));
}

static void format_foreign(void)
{
	struct media_format how = plain();
	uint8_t before[8192], after[8192];

	CHECK_EQ(make_ext4(), 0);
	CHECK_EQ(peek(0, before, sizeof(before)), 0);
	CHECK_EQ(media_format(PATH, &how), -EEXIST);
	CHECK(strstr(how.error, "ext4"));
	CHECK(strstr(how.error, "precious"));
	CHECK_EQ(peek(0, after, sizeof(after)), 0);
	CHECK(!memcmp(before, after, sizeof(before)));
	how.force = true;
	CHECK_EQ(media_format(PATH, &how), 0);
	CHECK(strstr(how.found, "ext4"));
	how.force = false;
	CHECK_EQ(media_format(PATH, &how), -EEXIST);
	CHECK(strstr(how.error, "kvmem"));
}

static void format_partitions(void)
{
	struct media_format how = plain();
	uint8_t mbr[512] = { 0 };

	mbr[446 + 4] = 0x83;
	mbr[446 + 8] = 1;
	mbr[446 + 12] = 100;
	mbr[510] = 0x55;
	mbr[511] = 0xaa;
	CHECK_EQ(new_file(IMAGE_BYTES), 0);
	CHECK_EQ(poke(0, mbr, sizeof(mbr)), 0);
	CHECK_EQ(media_format(PATH, &how), -EEXIST);
	CHECK(strstr(how.error, "partition table"));
}

/* Also one of which only the second superblock is left */
static void format_ours(void)
{
	static const uint8_t zero[KVMEM_MEDIA_PAGE];
	struct media_format how = plain();
	struct media_image image;

	CHECK_EQ(filled(&image), 0);
	CHECK_EQ(poke(0, zero, sizeof(zero)), 0);
	CHECK_EQ(media_format(PATH, &how), -EEXIST);
	how.force = true;
	CHECK_EQ(media_format(PATH, &how), 0);
}

/* What was there is not seen again, whether the uuid is new or used once more. */
static void format_again(void)
{
	struct media_format how = plain();
	struct media_image image;
	struct media_check c;
	int same;

	for (same = 0; same < 2; same++) {
		CHECK_EQ(filled(&image), 0);
		how = plain();
		how.force = true;
		how.discard = false;
		how.uuid_given = same;
		if (same)
			memcpy(how.uuid, image.super.uuid, sizeof(how.uuid));
		CHECK_EQ(media_format(PATH, &how), 0);
		CHECK_EQ(check(&c, true), 0);
		CHECK_EQ(c.verdict, MEDIA_CLEAN);
		CHECK_EQ(c.segments.free, IMAGE_SEGMENTS);
	}
}

static void check_counts(void)
{
	struct media_image image;
	struct media_check c;

	CHECK_EQ(filled(&image), 0);
	CHECK_EQ(check(&c, true), 0);
	CHECK_EQ(c.verdict, MEDIA_CLEAN);
	CHECK_EQ(c.namespaces, 2);
	CHECK_EQ(c.segments.used, 3);
	CHECK_EQ(c.segments.released, 1);
	CHECK_EQ(c.segments.free, 1);
	CHECK_EQ(c.segments.damaged, 0);
	CHECK_EQ(c.blocks.live, image.blocks.live);
	CHECK_EQ(c.blocks.live_bytes, image.blocks.live_bytes);
	CHECK_EQ(c.blocks.gone, image.blocks.gone);
	CHECK_EQ(c.blocks.superseded, image.blocks.superseded);
	CHECK_EQ(c.blocks.expired, image.blocks.expired);
	CHECK_EQ(c.blocks.verified, c.blocks.live);
	CHECK_EQ(c.blocks.verified_bytes, c.blocks.live_bytes);
	CHECK_EQ(c.blocks.corrupt, 0);
}

/* Flip bits of the byte at @at, check, put it back. */
static int with_damage(uint64_t at, struct media_check *c, bool data)
{
	uint8_t byte, bad;
	int err;

	if (peek(at, &byte, 1))
		return -1;
	bad = (uint8_t)(byte ^ (1 + rand() % 255));
	if (poke(at, &bad, 1))
		return -1;
	err = check(c, data);
	return poke(at, &byte, 1) ? -1 : err;
}

static void damage_super(void)
{
	uint64_t end = kvmem_super_end(IMAGE_BYTES), at;
	struct media_image image;
	struct media_check c;
	uint8_t bad = 0xff;
	unsigned int i;

	CHECK_EQ(filled(&image), 0);
	for (i = 0; i < NR_DAMAGE; i++) {
		at = (i & 1 ? end : 0) + (uint64_t)(rand() % KVMEM_MEDIA_PAGE);
		CHECK_EQ(with_damage(at, &c, false), 0);
		CHECK_EQ(c.verdict, MEDIA_DAMAGED);
		CHECK_EQ(c.blocks.live, image.blocks.live);
		CHECK_EQ(nr_told, 1);
	}
	CHECK_EQ(poke(20, &bad, 1), 0);
	for (i = 0; i < 50; i++) {
		CHECK_EQ(with_damage(end + (uint64_t)(rand() % KVMEM_MEDIA_PAGE), &c, false), 0);
		CHECK_EQ(c.verdict, MEDIA_NOT_ATTACHABLE);
		CHECK_EQ(nr_told, 2);
	}
}

/* Pages with a checksum: no byte of them may change, wherever */
static void damage_pages(void)
{
	const struct image_place *p;
	struct media_image image;
	struct media_check c;
	unsigned int i;

	CHECK_EQ(filled(&image), 0);
	for (i = 0; i < NR_DAMAGE; i++) {
		do {
			p = &image.places[(unsigned int)rand() % image.nr_places];
		} while (p->data);
		CHECK_EQ(with_damage(p->at + (uint64_t)rand() % p->len, &c, false), 0);
		CHECK_EQ(c.verdict, MEDIA_DAMAGED);
		CHECK(nr_told >= 1);
	}
	CHECK_EQ(check(&c, true), 0);
	CHECK_EQ(c.verdict, MEDIA_CLEAN);
}

/* Anywhere in the directory, pages never written included */
static void damage_directory(void)
{
	struct media_image image;
	struct media_check c;
	unsigned int i;
	uint64_t at;

	CHECK_EQ(filled(&image), 0);
	for (i = 0; i < NR_DAMAGE / 4; i++) {
		at = image.super.directory[i & 1] +
		     (uint64_t)rand() % (image.super.dir_pages * KVMEM_MEDIA_PAGE);
		CHECK_EQ(with_damage(at, &c, false), 0);
		CHECK_EQ(c.verdict, MEDIA_DAMAGED);
	}
}

static void damage_data(void)
{
	const struct image_place *p;
	struct media_image image;
	struct media_check c;
	unsigned int i;
	uint64_t at;

	CHECK_EQ(filled(&image), 0);
	for (i = 0; i < NR_DAMAGE; i++) {
		do {
			p = &image.places[(unsigned int)rand() % image.nr_places];
		} while (!p->data);
		at = p->at + (uint64_t)rand() % p->len;
		CHECK_EQ(with_damage(at, &c, i & 1), 0);
		CHECK_EQ(c.verdict, i & 1 ? MEDIA_DAMAGED : MEDIA_CLEAN);
		CHECK_EQ(c.blocks.corrupt, i & 1);
		CHECK_EQ(c.blocks.live, image.blocks.live);
	}
}

/* Change a table page so that its checksum is right, and check. */
static int hostile(const struct media_image *image, uint32_t no, uint32_t index,
		   void (*change)(struct kvmem_media_table *page), struct media_check *c)
{
	uint64_t at = kvmem_table_offset(&image->super, no, index);
	struct kvmem_media_table page;

	if (peek(at, &page, sizeof(page)))
		return -1;
	change(&page);
	media_image_fix(&page);
	return poke(at, &page, sizeof(page)) ? -1 : check(c, true);
}

static void overlapping(struct kvmem_media_table *page)
{
	page->entries[1].entry.offset = page->entries[0].entry.offset;
}

static void in_table(struct kvmem_media_table *page)
{
	page->entries[0].entry.offset = cpu_to_le32(IMAGE_SEGMENT - 2 * KVMEM_MEDIA_PAGE);
}

static void same_generation(struct kvmem_media_table *page)
{
	page->generation = cpu_to_le64(12);
}

static void other_segment(struct kvmem_media_table *page)
{
	page->segment = cpu_to_le32(4);
}

static void wrong_key(struct kvmem_media_table *page)
{
	page->entries[0].entry.key[31]++;
}

static void impossible(struct kvmem_media_table *page)
{
	page->entries[0].entry.length = 0;
}

static void other_media(struct kvmem_media_table *page)
{
	page->media_id[0]++;
}

static void hostile_tables(void)
{
	static void (* const changes[])(struct kvmem_media_table *page) = {
		overlapping, in_table, same_generation, other_segment, wrong_key, impossible,
	};
	struct media_image image;
	struct media_check c;
	size_t i;

	for (i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		CHECK_EQ(filled(&image), 0);
		CHECK_EQ(hostile(&image, 0, 0, changes[i], &c), 0);
		CHECK_EQ(c.verdict, MEDIA_DAMAGED);
	}
	/* A page of another media is an earlier life, and none of ours. */
	CHECK_EQ(filled(&image), 0);
	CHECK_EQ(hostile(&image, 2, 0, other_media, &c), 0);
	CHECK_EQ(c.verdict, MEDIA_CLEAN);
	CHECK_EQ(c.segments.free, 2);
}

/* A page in the middle that reads as never written, and one that was another's */
static void hole(void)
{
	static const uint8_t zero[KVMEM_MEDIA_PAGE];
	struct media_image image;
	struct media_check c;

	CHECK_EQ(filled(&image), 0);
	CHECK_EQ(poke(kvmem_table_offset(&image.super, 0, 1), zero, sizeof(zero)), 0);
	CHECK_EQ(check(&c, false), 0);
	CHECK_EQ(c.verdict, MEDIA_CLEAN);
	CHECK(c.blocks.live < image.blocks.live);
	CHECK_EQ(filled(&image), 0);
	CHECK_EQ(hostile(&image, 0, 1, same_generation, &c), 0);
	CHECK_EQ(c.verdict, MEDIA_CLEAN);
}

static void grown(void)
{
	struct media_image image;
	struct media_check c;

	CHECK_EQ(filled(&image), 0);
	CHECK_EQ(truncate(PATH, IMAGE_BYTES + 100000), 0);
	CHECK_EQ(check(&c, true), 0);
	CHECK_EQ(c.verdict, MEDIA_CLEAN);
}

static void shrunk(void)
{
	struct media_image image;
	struct media_check c;

	CHECK_EQ(filled(&image), 0);
	CHECK_EQ(truncate(PATH, IMAGE_BYTES - 8192), 0);
	CHECK_EQ(check(&c, true), 0);
	CHECK_EQ(c.verdict, MEDIA_NOT_ATTACHABLE);
	CHECK_EQ(truncate(PATH, 100), 0);
	CHECK_EQ(check(&c, true), 0);
	CHECK_EQ(c.verdict, MEDIA_NOT_ATTACHABLE);
	unlink(PATH);
}

static const struct ktap_test tests[] = {
	{ "format_is_clean", format_is_clean },
	{ "format_refuses", format_refuses },
	{ "format_foreign", format_foreign },
	{ "format_partitions", format_partitions },
	{ "format_ours", format_ours },
	{ "format_again", format_again },
	{ "check_counts", check_counts },
	{ "damage_super", damage_super },
	{ "damage_pages", damage_pages },
	{ "damage_directory", damage_directory },
	{ "damage_data", damage_data },
	{ "hostile_tables", hostile_tables },
	{ "hole", hole },
	{ "grown", grown },
	{ "shrunk", shrunk },
};

KTAP_MAIN(tests)
