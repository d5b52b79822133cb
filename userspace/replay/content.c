// SPDX-License-Identifier: GPL-2.0
/* splitmix64 in counter mode: word i of a block is mix(seed + i * GAMMA). */
#include <string.h>

#include "content.h"

#define GAMMA	0x9e3779b97f4a7c15ULL
#define CHUNK	512	/* words checked at a time */

static inline uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

uint64_t content_salt(const char *name)
{
	const char *base = strrchr(name, '/');
	uint64_t h = 0xcbf29ce484222325ULL;	/* FNV-1a */

	for (base = base ? base + 1 : name; *base; base++)
		h = (h ^ (unsigned char)*base) * 0x100000001b3ULL;
	return h;
}

void content_key(uint8_t key[KVMEM_KEY_LEN], uint64_t salt, uint64_t id,
		 uint64_t size)
{
	uint64_t w[4];
	unsigned int i;

	w[0] = mix(id + GAMMA);
	for (i = 1; i < 4; i++)
		w[i] = mix(w[i - 1] ^ (i == 1 ? salt : i == 2 ? size : id));
	memcpy(key, w, sizeof(w));
}

static uint64_t seed_of(const uint8_t key[KVMEM_KEY_LEN])
{
	uint64_t w[4];

	memcpy(w, key, sizeof(w));
	return w[0] ^ w[1] ^ w[2] ^ w[3];
}

static void words(uint64_t seed, uint64_t first, uint64_t *to, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		to[i] = mix(seed + (first + i) * GAMMA);
}

void content_fill(const uint8_t key[KVMEM_KEY_LEN], void *buf, size_t len)
{
	uint64_t seed = seed_of(key), chunk[CHUNK];
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = len - at < sizeof(chunk) ? len - at : sizeof(chunk);
		words(seed, at / 8, chunk, (n + 7) / 8);
		memcpy((char *)buf + at, chunk, n);
	}
}

static void find(const void *want, const uint8_t *got, size_t *offset,
		 uint8_t *byte)
{
	const uint8_t *w = want;
	size_t i = 0;

	while (w[i] == got[i])
		i++;
	*offset = i;
	*byte = w[i];
}

bool content_check(const uint8_t key[KVMEM_KEY_LEN], const void *buf,
		   size_t len, size_t *offset, uint8_t *want)
{
	uint64_t seed = seed_of(key), chunk[CHUNK];
	const uint8_t *got = buf;
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = len - at < sizeof(chunk) ? len - at : sizeof(chunk);
		words(seed, at / 8, chunk, (n + 7) / 8);
		if (!memcmp(got + at, chunk, n))
			continue;
		find(chunk, got + at, offset, want);
		*offset += at;
		return false;
	}
	return true;
}
