// SPDX-License-Identifier: GPL-2.0
/*
 * Content of blocks: deterministic bytes, their check, and our own crc32c.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include "kvmem_util.h"

uint64_t kvt_rand(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline uint64_t word_at(uint64_t seed, size_t index)
{
	uint64_t z = seed + index * 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 29)) * 0xbf58476d1ce4e5b9ULL;
	return z ^ (z >> 32);
}

static uint64_t seed_of(uint64_t key)
{
	uint64_t state = key ^ 0x6b766d656d;

	return kvt_rand(&state);
}

static size_t partial(size_t len, size_t off)
{
	size_t n = 8 - off % 8;

	return n < len ? n : len;
}

void kvt_fill_at(void *buf, size_t len, uint64_t key, size_t off)
{
	uint64_t seed = seed_of(key), w;
	uint8_t *p = buf;

	while (len) {
		size_t n = partial(len, off);

		w = word_at(seed, off / 8);
		if (n == 8)
			memcpy(p, &w, 8);
		else
			memcpy(p, (uint8_t *)&w + off % 8, n);
		p += n;
		off += n;
		len -= n;
	}
}

long kvt_check_at(const void *buf, size_t len, uint64_t key, size_t off)
{
	uint64_t seed = seed_of(key), w;
	const uint8_t *p = buf;
	size_t done = 0;

	while (done < len) {
		size_t n = partial(len - done, off + done), i;

		w = word_at(seed, (off + done) / 8);
		if (n != 8 || memcmp(p + done, &w, 8))
			for (i = 0; i < n; i++)
				if (p[done + i] != ((uint8_t *)&w)[(off + done) % 8 + i])
					return done + i;
		done += n;
	}
	return -1;
}

void kvt_fill(void *buf, size_t len, uint64_t key)
{
	kvt_fill_at(buf, len, key, 0);
}

long kvt_check(const void *buf, size_t len, uint64_t key)
{
	return kvt_check_at(buf, len, key, 0);
}

bool kvt_all_zero(const void *buf, size_t len)
{
	const uint8_t *p = buf;

	return !len || (!p[0] && !memcmp(p, p + 1, len - 1));
}

/* Castagnoli, reflected, as in iSCSI: ~0 at the start, inverted at the end. */
uint32_t kvt_crc32c(const void *buf, size_t len)
{
	static uint32_t table[8][256];
	const uint8_t *p = buf;
	uint32_t crc = ~0U;
	unsigned int i, k;
	uint64_t w;

	if (!table[0][1]) {
		for (i = 0; i < 256; i++) {
			uint32_t c = i;

			for (k = 0; k < 8; k++)
				c = c >> 1 ^ (c & 1 ? 0x82f63b78 : 0);
			table[0][i] = c;
		}
		for (k = 1; k < 8; k++)
			for (i = 0; i < 256; i++)
				table[k][i] = table[k - 1][i] >> 8 ^
					      table[0][table[k - 1][i] & 0xff];
	}
	for (; len >= 8; len -= 8, p += 8) {
		uint32_t c = 0;

		memcpy(&w, p, 8);
		w ^= crc;
		for (k = 0; k < 8; k++)
			c ^= table[7 - k][w >> (8 * k) & 0xff];
		crc = c;
	}
	while (len--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
	return ~crc;
}

void *kvt_pages_new(size_t len)
{
	void *p = mmap(NULL, kvt_pages(len), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT(p != MAP_FAILED, "%zu bytes of memory: %s", len, strerror(errno));
	return p;
}
