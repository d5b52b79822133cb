/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What media.c and detach.c owe each other: the life of a media.
 */
#ifndef KVMEM_MEDIAS_H
#define KVMEM_MEDIAS_H

#include "flash/flash.h"

/* media.c */
/* True when it changed; told then. */
bool kvmem_media_set_state(struct kvmem_media *media, u8 to);
/* Nothing that is attached can be found any more, and what was found is forgotten. */
void kvmem_media_drop_copies(struct kvmem_media *media);
/* No table is being read any more, nor will be. */
void kvmem_media_scan_stop(struct kvmem_media *media);
/* Out of the table, and look-ups that found it there are over. */
void kvmem_media_unpublish(struct kvmem_media *media);
/* Of one that nobody has seen. */
void kvmem_media_free_parts(struct kvmem_media *media);

/* detach.c */
int kvmem_media_detach_init(void);
void kvmem_media_detach_exit(void);
void kvmem_media_detach_prepare(struct kvmem_media *media);
/* Of one that nobody has seen, whose device is open; when that has answered. */
void kvmem_media_discard(struct kvmem_media *media);
/* From now on a device that does not answer is noticed. */
void kvmem_media_watch_start(struct kvmem_media *media);
void kvmem_media_watch(struct work_struct *work);

#endif
