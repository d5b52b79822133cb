// SPDX-License-Identifier: GPL-2.0
/*
 * wire_capsules fuzz|raw DIR: a file DIR/NAME of each kind of capsule; for the fuzzer with a
 * byte in front of it (fuzz_wire.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire_walk.h"

static int write_one(const char *dir, const struct kvmem_test_capsule *c, bool fuzz)
{
	static _Alignas(8) uint8_t buf[KVMEM_WIRE_MAX];
	uint32_t len = kvmem_test_capsule_build(buf, c);
	char path[512];
	int bad;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, c->name);
	f = fopen(path, "w");
	if (!f) {
		perror(path);
		return 1;
	}
	bad = (fuzz && fputc(3, f) == EOF) || fwrite(buf, len, 1, f) != 1;
	bad |= fclose(f) != 0;
	if (bad)
		perror(path);
	return bad;
}

int main(int argc, char **argv)
{
	unsigned int i;
	int bad = 0;

	if (argc != 3 || (strcmp(argv[1], "fuzz") && strcmp(argv[1], "raw"))) {
		fprintf(stderr, "usage: wire_capsules fuzz|raw DIR\n");
		return 2;
	}
	for (i = 0; !bad && i < kvmem_test_nr_capsules; i++)
		bad = write_one(argv[2], &kvmem_test_capsules[i], !strcmp(argv[1], "fuzz"));
	return bad;
}
