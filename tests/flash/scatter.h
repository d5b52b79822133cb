/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Churn that empties segments all over a media: a block fills one, and those that
 * are dropped are chosen by chance.
 */
#ifndef SCATTER_H
#define SCATTER_H

#include "kvmem_flash.h"

#define SCATTER_SEGMENT	"256K"

/* Discards of the churn alone. */
struct scatter {
	uint64_t commands, ranges, segments;
};

/* A media formatted with SCATTER_SEGMENT, empty; @buf: registered, at @p, of 256 KiB or more. */
void scatter_run(const struct kvt_disk *d, int fd, uint32_t buf, uint8_t *p,
		 struct scatter *seen);

#endif
