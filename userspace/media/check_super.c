// SPDX-License-Identifier: GPL-2.0
/* The check of superblocks and directory. */
#include <string.h>

#include "media/check_impl.h"

#define SUPER_AT(c)	((unsigned long long)(c)->at)

static void super_copy(struct check_state *s, const struct media_super_copy *c)
{
	if (c->io)
		check_found(s, MEDIA_PART_SUPER, MEDIA_NOWHERE, MEDIA_NOWHERE,
			    "superblock at byte %llu cannot be read: %s", SUPER_AT(c),
			    strerror(c->io));
	else if (c->what)
		check_found(s, MEDIA_PART_SUPER, MEDIA_NOWHERE, MEDIA_NOWHERE,
			    "superblock at byte %llu: %s", SUPER_AT(c),
			    kvmem_format_text(c->what));
}

/* Not the features: those are what a newer generation may have changed. */
static bool super_same(const struct kvmem_super *a, const struct kvmem_super *b)
{
	return !memcmp(a->uuid, b->uuid, sizeof(a->uuid)) && a->media_bytes == b->media_bytes &&
	       a->first_segment == b->first_segment && a->segment_bytes == b->segment_bytes &&
	       a->nr_segments == b->nr_segments && a->dir_pages == b->dir_pages &&
	       a->directory[0] == b->directory[0] && a->directory[1] == b->directory[1];
}

void check_supers(struct check_state *s)
{
	const struct media_super_copy *c = s->m.supers;

	super_copy(s, &c[0]);
	super_copy(s, &c[1]);
	if (c[0].io || c[0].what || c[1].io || c[1].what)
		return;
	if (!super_same(&c[0].super, &c[1].super))
		check_found(s, MEDIA_PART_SUPER, MEDIA_NOWHERE, MEDIA_NOWHERE,
			    "the superblocks are of different media; that at byte %llu counts",
			    SUPER_AT(s->m.used));
	else if (c[0].super.generation != c[1].super.generation)
		check_found(s, MEDIA_PART_SUPER, MEDIA_NOWHERE, MEDIA_NOWHERE,
			    "the superblock at byte %llu is older than the other one",
			    SUPER_AT(&c[s->m.used == c]));
}

static void dir_copy(struct check_state *s, uint32_t i, int copy)
{
	const struct media_dir_copy *c = &s->m.dir_copies[i][copy];

	if (c->io)
		check_found(s, MEDIA_PART_DIRECTORY, MEDIA_NOWHERE, i,
			    "directory page %u, copy %d, cannot be read: %s", i, copy,
			    strerror(c->io));
	else if (c->what && !c->blank)
		check_found(s, MEDIA_PART_DIRECTORY, MEDIA_NOWHERE, i,
			    "directory page %u, copy %d: %s", i, copy,
			    kvmem_format_text(c->what));
}

static void dir_page(struct check_state *s, uint32_t i)
{
	const struct media_dir_copy *c = s->m.dir_copies[i];

	dir_copy(s, i, 0);
	dir_copy(s, i, 1);
	if (s->m.dir_used[i] < 0)
		check_found(s, MEDIA_PART_DIRECTORY, MEDIA_NOWHERE, i,
			    "directory page %u has no valid copy: its namespaces, and what "
			    "they hold, are lost", i);
	/* Written in turn: two of one generation are nothing we write. */
	else if (!c[0].what && !c[1].what && c[0].generation == c[1].generation)
		check_found(s, MEDIA_PART_DIRECTORY, MEDIA_NOWHERE, i,
			    "directory page %u: both copies are of generation %llu", i,
			    (unsigned long long)c[0].generation);
}

/* Names are unique; of two slots with one name attach would take any. */
static void dir_name(struct check_state *s, uint32_t no, const struct kvmem_media_slot *slot)
{
	const struct kvmem_media_slot *other;
	uint32_t i;

	for (i = 0; i < no; i++) {
		other = media_slot(&s->m, i);
		if (!other || other->state != KVMEM_MEDIA_SLOT_USED ||
		    strncmp((const char *)other->name, (const char *)slot->name,
			    sizeof(slot->name)))
			continue;
		check_found(s, MEDIA_PART_DIRECTORY, MEDIA_NOWHERE, no / KVMEM_MEDIA_DIR_SLOTS,
			    "directory slots %u and %u have the same name %.64s", i, no,
			    slot->name);
		return;
	}
}

void check_directory(struct check_state *s)
{
	uint32_t i, nr = s->m.super.dir_pages * KVMEM_MEDIA_DIR_SLOTS;
	const struct kvmem_media_slot *slot;

	for (i = 0; i < s->m.super.dir_pages; i++)
		dir_page(s, i);
	for (i = 0; i < nr; i++) {
		slot = media_slot(&s->m, i);
		if (!slot || slot->state != KVMEM_MEDIA_SLOT_USED)
			continue;
		s->c->namespaces++;
		dir_name(s, i, slot);
	}
}
