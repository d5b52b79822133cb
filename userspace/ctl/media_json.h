/* SPDX-License-Identifier: GPL-2.0 */
/* What is on a media, offline, as JSON. */
#ifndef _KVMEMCTL_MEDIA_JSON_H
#define _KVMEMCTL_MEDIA_JSON_H

#include <jansson.h>

#include "media/check.h"
#include "media/media.h"

json_t *media_json_super(const struct kvmem_super *super);
json_t *media_json_finding(const struct media_finding *f);
json_t *media_json_check(const struct media_check *check);
/*
 * Superblock, namespaces and segments that are not free; or only segment
 * @segment with its entries, whose keys are whole with @keys.  NULL: no memory.
 */
json_t *media_json_dump(const struct media *m, uint64_t segment, bool keys);

#endif /* _KVMEMCTL_MEDIA_JSON_H */
