// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Store a block and read it back, by copy and in place.
 *
 *   cc put_get.c $(pkg-config --cflags --libs kvmem) && ./a.out NAMESPACE
 */
#include <libkvmem.h>
#include <stdio.h>
#include <string.h>

static int fail(const char *what, long long err)
{
	fprintf(stderr, "%s: %s\n", what, strerror((int)-err));
	return 1;
}

static int in_place(struct kvmem *k, const uint8_t *key)
{
	struct kvmem_view view;
	int err = kvmem_lease(k, key, 0, &view);

	if (err)
		return fail("lease", err);
	if (kvmem_lease_verify(&view))
		return fail("verify", -1);
	printf("in place: %zu bytes, \"%s\"\n", view.len,
	       (const char *)view.ptr);
	return kvmem_release(k, &view) ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct kvmem_options options = KVMEM_OPTIONS_INIT;
	uint8_t key[KVMEM_KEY_LEN] = "example";
	char data[] = "hello, blocks", back[64];
	struct kvmem *k;
	int64_t n;
	int err;

	options.ns = argc > 1 ? argv[1] : "default";
	err = kvmem_open(&options, &k);
	if (err)
		return fail("open", err);
	err = kvmem_put(k, key, data, sizeof(data), NULL);
	if (err < 0)
		return fail("put", err);
	n = kvmem_get(k, key, back, sizeof(back));
	if (n < 0)
		return fail("get", n);
	printf("by copy: %lld bytes, \"%s\"\n", (long long)n, back);
	err = in_place(k, key);
	kvmem_close(k);
	return err;
}
