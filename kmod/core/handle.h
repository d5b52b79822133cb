/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KVMEM_HANDLE_H
#define KVMEM_HANDLE_H

#include <linux/types.h>

/* Which handle, and how far into it, an mmap offset means.  False: none. */
bool kvmem_offset_to_id(u64 offset, u32 *id, size_t *inside);

#endif
