// SPDX-License-Identifier: GPL-2.0
/* Superblocks and directory of a media, judged as attach does. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "media/media.h"

static void load_super_copy(const struct media *m, struct media_super_copy *c, uint64_t at)
{
	struct kvmem_media_super disk;

	*c = (struct media_super_copy){ .at = at, .what = KVMEM_FORMAT_MAGIC };
	c->io = -media_read(&m->file, &disk, sizeof(disk), at);
	/* A file will be on some device of the least unit; a device has its own. */
	if (!c->io)
		c->what = kvmem_super_decode(&c->super, &disk, m->file.bytes,
					     m->file.block ? m->file.unit : 512);
}

/* Of two media, as kvmem_super_load() has it: the first. */
static bool load_newer(const struct media_super_copy *c)
{
	return !memcmp(c[0].super.uuid, c[1].super.uuid, sizeof(c[0].super.uuid)) &&
	       c[1].super.generation > c[0].super.generation;
}

/* On a device that has grown the second copy is where the end was. */
static int load_supers(struct media *m)
{
	struct media_super_copy *c = m->supers;
	bool ok[2];

	load_super_copy(m, &c[0], 0);
	load_super_copy(m, &c[1], kvmem_super_end(c[0].what ? m->file.bytes :
						  c[0].super.media_bytes));
	ok[0] = !c[0].what;
	ok[1] = !c[1].what;
	if (!ok[0] && !ok[1])
		return -EINVAL;
	m->used = &c[ok[1] && (!ok[0] || load_newer(c))];
	m->super = m->used->super;
	return 0;
}

static bool load_blank(const void *page)
{
	static const uint8_t zero[KVMEM_MEDIA_PAGE];

	return !memcmp(page, zero, sizeof(zero));
}

/* One copy of one page; the better of the two stays in m->dir. */
static void load_dir_page(struct media *m, uint32_t i, int copy,
			  const struct kvmem_media_dir *page, int io)
{
	struct media_dir_copy *c = &m->dir_copies[i][copy];

	c->io = io;
	c->what = io ? KVMEM_FORMAT_MAGIC : kvmem_dir_check(page, &m->super, i);
	c->blank = !io && load_blank(page);
	if (c->what)
		return;
	c->generation = le64_to_cpu(page->generation);
	if (copy && m->dir_used[i] == 0 && c->generation <= m->dir_copies[i][0].generation)
		return;
	m->dir_used[i] = (int8_t)copy;
	m->dir[i] = *page;
}

/* In one piece when that works, and page by page when some of it cannot be read. */
static int load_dir_copy(struct media *m, int copy)
{
	size_t bytes = (size_t)m->super.dir_pages * KVMEM_MEDIA_PAGE;
	struct kvmem_media_dir *pages = malloc(bytes);
	uint64_t at = m->super.directory[copy];
	uint32_t i;
	int all, io;

	if (!pages)
		return -ENOMEM;
	all = media_read(&m->file, pages, bytes, at);
	for (i = 0; i < m->super.dir_pages; i++) {
		io = all ? -media_read(&m->file, &pages[i], KVMEM_MEDIA_PAGE,
				       at + (uint64_t)i * KVMEM_MEDIA_PAGE) : 0;
		load_dir_page(m, i, copy, &pages[i], io);
	}
	free(pages);
	return 0;
}

static int load_directory(struct media *m)
{
	size_t n = m->super.dir_pages;
	int err;

	m->dir = calloc(n, sizeof(*m->dir));
	m->dir_copies = calloc(n, sizeof(*m->dir_copies));
	m->dir_used = malloc(n);
	if (!m->dir || !m->dir_copies || !m->dir_used)
		return -ENOMEM;
	memset(m->dir_used, -1, n);
	err = load_dir_copy(m, 0);
	return err ? err : load_dir_copy(m, 1);
}

int media_load(struct media *m)
{
	int err;

	m->used = NULL;
	m->dir = NULL;
	m->dir_copies = NULL;
	m->dir_used = NULL;
	err = load_supers(m);
	if (!err)
		err = load_directory(m);
	if (err)
		media_unload(m);
	return err;
}

void media_unload(struct media *m)
{
	free(m->dir);
	free(m->dir_copies);
	free(m->dir_used);
	m->dir = NULL;
	m->dir_copies = NULL;
	m->dir_used = NULL;
}

const struct kvmem_media_slot *media_slot(const struct media *m, uint32_t slot)
{
	uint32_t page = slot / KVMEM_MEDIA_DIR_SLOTS;

	if (page >= m->super.dir_pages || m->dir_used[page] < 0)
		return NULL;
	return &m->dir[page].slots[slot % KVMEM_MEDIA_DIR_SLOTS];
}

bool media_slot_owns(const struct media *m, const struct kvmem_table_head *head)
{
	const struct kvmem_media_slot *slot = media_slot(m, head->slot);

	return slot && slot->state == KVMEM_MEDIA_SLOT_USED &&
	       le32_to_cpu(slot->generation) == head->slot_generation;
}
