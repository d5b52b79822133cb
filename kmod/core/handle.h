/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVMEM_HANDLE_H
#define KVMEM_HANDLE_H

#include <linux/types.h>

/* Which handle, and how far into it, an mmap offset means.  False: none. */
struct kvmem_file;
struct kvmem_handle;

/* The handle of this id, busy or not; it stays while map_lock is held. */
struct kvmem_handle *kvmem_handle_find(struct kvmem_file *kf, u32 id);
bool kvmem_offset_to_id(u64 offset, u32 *id, size_t *inside);

#endif
