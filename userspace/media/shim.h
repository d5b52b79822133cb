/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What kmod/flash/format.c takes from the kernel, for the tools: names of
 * types, byte order, crc32c().  Nothing else of the kernel belongs in here.
 */
#ifndef KVMEM_MEDIA_SHIM_H
#define KVMEM_MEDIA_SHIM_H

#include <assert.h>		/* static_assert */
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>
#include "libkvmem.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

#ifndef __force
#define __force
#endif

static inline __le16 cpu_to_le16(u16 v)
{
	return htole16(v);
}

static inline __le32 cpu_to_le32(u32 v)
{
	return htole32(v);
}

static inline __le64 cpu_to_le64(u64 v)
{
	return htole64(v);
}

static inline u16 le16_to_cpu(__le16 v)
{
	return le16toh(v);
}

static inline u32 le32_to_cpu(__le32 v)
{
	return le32toh(v);
}

static inline u64 le64_to_cpu(__le64 v)
{
	return le64toh(v);
}

/* As the kernel's: the running value, inverted at neither end. */
static inline u32 crc32c(u32 crc, const void *p, size_t len)
{
	return ~kvmem_crc32c(~crc, p, len);
}

#endif
