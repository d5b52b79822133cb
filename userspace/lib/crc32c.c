// SPDX-License-Identifier: LGPL-2.1-or-later
/* crc32c, by the CPU's instruction where there is one. */
#include "internal.h"
#include "crc32c_table.h"

static uint32_t crc_table(uint32_t crc, const uint8_t *p, size_t len)
{
	while (len--)
		crc = crc32c_table[(crc ^ *p++) & 0xff] ^ (crc >> 8);
	return crc;
}

#ifdef __x86_64__
#include <nmmintrin.h>

__attribute__((target("sse4.2")))
static uint32_t crc_sse42(uint32_t crc, const uint8_t *p, size_t len)
{
	uint64_t c = crc, word;

	for (; len >= sizeof(word); len -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		c = _mm_crc32_u64(c, word);
	}
	while (len--)
		c = _mm_crc32_u8((uint32_t)c, *p++);
	return (uint32_t)c;
}

static uint32_t crc_any(uint32_t crc, const uint8_t *p, size_t len)
{
	if (__builtin_cpu_supports("sse4.2"))
		return crc_sse42(crc, p, len);
	return crc_table(crc, p, len);
}
#else
#define crc_any crc_table
#endif

uint32_t kvmem_crc32c(uint32_t crc, const void *data, size_t len)
{
	return ~crc_any(~crc, data, len);
}

/* Only for the tests: the path without the instruction. */
uint32_t kvmem_crc32c_table(uint32_t crc, const void *data, size_t len);
uint32_t kvmem_crc32c_table(uint32_t crc, const void *data, size_t len)
{
	return ~crc_table(~crc, data, len);
}
