// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer: any bytes as a capsule that a peer sent.
 *
 * Bit 0 of the first byte asks for the length and the checksum to be put right, bit 1 for
 * magic and version, or the fuzzer would never get past them.  The rest is the capsule.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/wire_walk.h"

#define FIX_SUM		1
#define FIX_MAGIC	2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fix(void *buf, size_t len, uint8_t what)
{
	struct kvmem_wire_hdr *hdr = buf;

	if (len < sizeof(*hdr))
		return;
	if (what & FIX_MAGIC) {
		hdr->magic = cpu_to_le32(KVMEM_WIRE_MAGIC);
		hdr->version = KVMEM_WIRE_VERSION;
	}
	if (what & FIX_SUM) {
		hdr->len = cpu_to_le32((uint32_t)len);
		kvmem_test_capsule_seal(buf, (uint32_t)len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void *buf;

	if (!size)
		return 0;
	/* As long as what came: whatever is read behind it is seen. */
	buf = malloc(size - 1 ? size - 1 : 1);
	if (!buf)
		abort();
	memcpy(buf, data + 1, size - 1);
	fix(buf, size - 1, data[0]);
	if (!kvmem_wire_check(buf, size - 1) && !wire_walk(buf, size - 1))
		abort();
	free(buf);
	return 0;
}
