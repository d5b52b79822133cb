// SPDX-License-Identifier: GPL-2.0
/* Blocks of the fake device. */
#include <stdlib.h>

#include "fake_impl.h"

struct fake_block *fake_block_new(uint64_t len)
{
	struct fake_block *b = calloc(1, sizeof(*b));

	b->data = aligned_alloc(4096, kvmem_page_round(len));
	memset(b->data, 0, kvmem_page_round(len));
	b->len = len;
	b->refs = 1;
	return b;
}

void fake_block_put(struct fake_block *b)
{
	if (--b->refs)
		return;
	free(b->data);
	free(b);
}

static uint32_t bucket(const uint8_t *key)
{
	return kvmem_crc32c(0, key, KVMEM_KEY_LEN) % FAKE_BUCKETS;
}

struct fake_block *fake_find(struct fake_kvmem *f, const uint8_t *key)
{
	struct fake_block *b;

	LIST_FOREACH(b, &f->buckets[bucket(key)], hash)
		if (!memcmp(b->key, key, KVMEM_KEY_LEN))
			return b;
	return NULL;
}

void fake_touch(struct fake_kvmem *f, struct fake_block *b)
{
	TAILQ_REMOVE(&f->lru, b, lru);
	TAILQ_INSERT_TAIL(&f->lru, b, lru);
}

void fake_remove(struct fake_kvmem *f, struct fake_block *b)
{
	TAILQ_REMOVE(&f->lru, b, lru);
	LIST_REMOVE(b, hash);
	f->info.used_blocks--;
	f->info.data_bytes -= b->len;
	fake_block_put(b);
}

/* The first in order of use that nobody holds goes. */
static bool evict_one(struct fake_kvmem *f)
{
	struct fake_block *b;

	TAILQ_FOREACH(b, &f->lru, lru) {
		if (b->refs > 1)
			continue;
		fake_remove(f, b);
		f->info.evictions++;
		return true;
	}
	return false;
}

/* Takes over the caller's reference when it succeeds. */
bool fake_insert(struct fake_kvmem *f, struct fake_block *b)
{
	if (f->quota_blocks && f->info.used_blocks >= f->quota_blocks &&
	    !evict_one(f))
		return false;
	b->crc = kvmem_crc32c(0, b->data, b->len);
	TAILQ_INSERT_TAIL(&f->lru, b, lru);
	LIST_INSERT_HEAD(&f->buckets[bucket(b->key)], b, hash);
	f->info.used_blocks++;
	f->info.data_bytes += b->len;
	return true;
}

void fake_wipe(struct fake_kvmem *f)
{
	while (!TAILQ_EMPTY(&f->lru))
		fake_remove(f, TAILQ_FIRST(&f->lru));
}
