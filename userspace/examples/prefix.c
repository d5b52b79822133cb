// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What an inference engine does with a prompt: find how much of it is stored,
 * use that in place, compute and store the rest without a copy.
 *
 *   cc prefix.c $(pkg-config --cflags --libs kvmem) && ./a.out NAMESPACE
 */
#include <libkvmem.h>
#include <stdio.h>
#include <string.h>

#define BLOCKS		16
#define BLOCK_BYTES	(256 << 10)

static void keys_of_prompt(uint8_t *keys)
{
	int i;

	/* an engine hashes the tokens up to and with the block */
	memset(keys, 0, BLOCKS * KVMEM_KEY_LEN);
	for (i = 0; i < BLOCKS; i++)
		snprintf((char *)keys + i * KVMEM_KEY_LEN, KVMEM_KEY_LEN,
			 "prompt/%d", i);
}

/* Stands for prefill: here it only fills the pages. */
static int compute(struct kvmem *k, const uint8_t *key, int nr)
{
	struct kvmem_hints hints = { .cost = 512 };
	struct kvmem_area area;
	int err = kvmem_alloc(k, BLOCK_BYTES, &area);

	if (err)
		return err;
	memset(area.ptr, nr, BLOCK_BYTES);
	err = kvmem_commit(k, &area, key, 0, &hints);
	if (err < 0)
		kvmem_discard(k, &area);
	return err < 0 ? err : 0;
}

int main(int argc, char **argv)
{
	struct kvmem_options options = KVMEM_OPTIONS_INIT;
	uint8_t keys[BLOCKS * KVMEM_KEY_LEN];
	struct kvmem_view views[BLOCKS];
	struct kvmem *k;
	int64_t have, i;
	int err;

	options.ns = argc > 1 ? argv[1] : "default";
	err = kvmem_open(&options, &k);
	if (err) {
		fprintf(stderr, "open: %s\n", strerror(-err));
		return 1;
	}
	keys_of_prompt(keys);
	have = kvmem_match_lease(k, keys, BLOCKS, 0, views);
	if (have < 0)
		have = 0;	/* whatever it was: compute everything */
	printf("%lld of %d blocks are there\n", (long long)have, BLOCKS);
	for (i = have; i < BLOCKS && !err; i++)
		err = compute(k, keys + i * KVMEM_KEY_LEN, (int)i);
	if (err)
		fprintf(stderr, "not stored: %s\n", strerror(-err));
	for (i = 0; i < have; i++)
		kvmem_release(k, &views[i]);
	kvmem_close(k);
	return 0;
}
