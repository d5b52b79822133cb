/* SPDX-License-Identifier: GPL-2.0 */
/* A small media with a bit of everything, made by the functions of format.h. */
#ifndef _TEST_MEDIA_IMAGE_H
#define _TEST_MEDIA_IMAGE_H

#include "media/check.h"

#define IMAGE_SEGMENT	(2U << 20)
#define IMAGE_BYTES	(14ULL << 20)	/* with a directory of full length: 5 segments */
#define IMAGE_SEGMENTS	5
#define IMAGE_NOW	1000000		/* seconds since 1970, for media_check.now */

/* What is where; all of it is found undamaged */
struct image_place {
	uint64_t at;
	uint32_t len;
	bool data;	/* of a live block; else a page with a checksum */
};

#define IMAGE_PLACES	128

/**
 * struct media_image - what was written
 * @places: pages of tables and directory, and data of live blocks
 * @blocks: what a check must find
 */
struct media_image {
	struct kvmem_super super;
	struct image_place places[IMAGE_PLACES];
	unsigned int nr_places;
	struct media_blocks blocks;
};

/* Namespaces, tables, data into a media of @image->super, which is empty.  0 or -errno. */
int media_image_fill(const struct media_file *f, struct media_image *image);
/* Put the checksum of the page at @page right, whatever it is. */
void media_image_fix(void *page);

#endif /* _TEST_MEDIA_IMAGE_H */
