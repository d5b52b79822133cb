// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer: a media that somebody changed on purpose.
 *
 * The input is a list of changes to a small valid media: a byte that says to
 * which of its pages, two bytes where in it, one how many bytes, and the
 * bytes.  Pages that were changed get their checksum put right (unless bit 7
 * of the first byte is set), or the fuzzer would never get past it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctl/media_json.h"
#include "tests/media_image.h"

#define MAX_CHANGES	32
#define DIR_PAGES	1U

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct media_file file;
static struct media_image image;
static uint64_t pages[IMAGE_PLACES];
static unsigned int nr_pages;

struct change {
	uint64_t at;
	uint8_t before[KVMEM_MEDIA_PAGE];
};

static struct change changes[MAX_CHANGES];
static unsigned int nr_changes;

static void need(bool ok)
{
	if (!ok)
		abort();
}

/* --- the media --- */

static void make_super(struct kvmem_super *s)
{
	*s = (struct kvmem_super){
		.first_segment = 3 * KVMEM_MEDIA_PAGE,
		.segment_bytes = IMAGE_SEGMENT,
		.nr_segments = IMAGE_SEGMENTS,
		.unit = 512,
		.dir_pages = DIR_PAGES,
		.directory = { KVMEM_MEDIA_PAGE, 2 * KVMEM_MEDIA_PAGE },
		.created = 1,
		.generation = 1,
	};
	memcpy(s->uuid, "0123456789abcdef", sizeof(s->uuid));
	s->media_bytes = s->first_segment + (uint64_t)IMAGE_SEGMENTS * IMAGE_SEGMENT +
			 KVMEM_MEDIA_PAGE;
}

static void make_media(void)
{
	struct kvmem_super *s = &image.super;
	struct kvmem_media_super disk;
	struct kvmem_media_dir dir = { 0 };

	make_super(s);
	file.fd = memfd_create("media", MFD_CLOEXEC);
	file.bytes = s->media_bytes;
	file.unit = 512;
	need(file.fd >= 0 && !ftruncate(file.fd, (off_t)file.bytes));
	kvmem_super_encode(&disk, s);
	kvmem_dir_seal(&dir, s, 0, 1);
	need(!media_write(&file, &disk, sizeof(disk), 0));
	need(!media_write(&file, &disk, sizeof(disk), kvmem_super_end(file.bytes)));
	need(!media_write(&file, &dir, sizeof(dir), s->directory[0]));
	need(!media_image_fill(&file, &image));
}

/* What may be changed: superblocks, directory, tables and the places of their next pages */
static void list_pages(void)
{
	uint32_t no, i;

	pages[nr_pages++] = 0;
	pages[nr_pages++] = kvmem_super_end(file.bytes);
	pages[nr_pages++] = image.super.directory[0];
	pages[nr_pages++] = image.super.directory[1];
	for (no = 0; no < IMAGE_SEGMENTS; no++)
		for (i = 0; i < 3; i++)
			pages[nr_pages++] = kvmem_table_offset(&image.super, no, i);
	pages[nr_pages++] = kvmem_segment_offset(&image.super, 0);
}

/* --- the changes --- */

static size_t change(const uint8_t *data, size_t size)
{
	size_t off = ((size_t)data[1] | (size_t)data[2] << 8) % KVMEM_MEDIA_PAGE;
	size_t n = data[3] % 64 + 1;
	uint8_t page[KVMEM_MEDIA_PAGE];
	struct change *c = &changes[nr_changes++];

	if (n > size - 4)
		n = size - 4;
	if (n > sizeof(page) - off)
		n = sizeof(page) - off;
	c->at = pages[(data[0] & 0x7f) % nr_pages];
	need(!media_read(&file, c->before, sizeof(c->before), c->at));
	memcpy(page, c->before, sizeof(page));
	memcpy(page + off, data + 4, n);
	if (!(data[0] & 0x80))
		media_image_fix(page);
	need(!media_write(&file, page, sizeof(page), c->at));
	return n + 4;
}

/* Backwards: one page may have been changed twice. */
static void restore(void)
{
	const struct change *c;

	while (nr_changes) {
		c = &changes[--nr_changes];
		need(!media_write(&file, c->before, sizeof(c->before), c->at));
	}
}

/* --- what is done with it --- */

static void ignore(void *arg, const struct media_finding *f)
{
	(void)arg;
	json_decref(media_json_finding(f));
}

static enum media_verdict check(void)
{
	struct media_check c = { .data = true, .now = IMAGE_NOW, .finding = ignore };

	need(!media_check(&file, &c));
	need(c.blocks.verified + c.blocks.corrupt == c.blocks.live);
	need(!c.findings == (c.verdict == MEDIA_CLEAN));
	json_decref(media_json_check(&c));
	return c.verdict;
}

static void dump(void)
{
	struct media m = { .file = file };
	uint32_t no;

	if (media_load(&m))
		return;
	json_decref(media_json_dump(&m, UINT64_MAX, false));
	for (no = 0; no < m.super.nr_segments && no < IMAGE_SEGMENTS; no++)
		json_decref(media_json_dump(&m, no, true));
	media_unload(&m);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	make_media();
	list_pages();
	need(check() == MEDIA_CLEAN);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n;

	while (size > 4 && nr_changes < MAX_CHANGES) {
		n = change(data, size);
		data += n;
		size -= n;
	}
	check();
	dump();
	restore();
	return 0;
}
