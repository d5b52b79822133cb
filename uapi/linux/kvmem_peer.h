/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * kvmem: what all nodes of a cluster, and the tools, must reckon alike.
 *
 * A key belongs to a slot, by its bytes alone.  The placement map says for each
 * slot which nodes own it: up to KVMEM_MAX_COPIES, most wanted first, and
 * KVMEM_NO_NODE where there are fewer.  Of a namespace with n copies the first n
 * owners of a slot have its blocks.
 */
#ifndef _UAPI_LINUX_KVMEM_PEER_H
#define _UAPI_LINUX_KVMEM_PEER_H

#include <linux/types.h>

#define KVMEM_NR_SLOTS		16384
#define KVMEM_MAX_COPIES	3
#define KVMEM_NODE_MAX		65534	/* largest number of a node */
#define KVMEM_NO_NODE		65535
#define KVMEM_PEER_PORT		7471	/* where a node listens, if its address does not say */

/*
 * kvmem_key_slot - slot of a key, 0 to KVMEM_NR_SLOTS - 1
 * @key: KVMEM_KEY_LEN (32) bytes
 *
 * Keys are often digests, but need not be: four little-endian words are mixed by
 * multiplication and shift (the finalizer of MurmurHash3), and the highest 14 bits
 * of the result count.  Never changes: it is part of the wire protocol.
 */
static inline __u32 kvmem_key_slot(const __u8 *key)
{
	__u64 h = 0x9e3779b97f4a7c15ULL;
	unsigned int i, j;

	for (i = 0; i < 4; i++) {
		__u64 w = 0;

		for (j = 0; j < 8; j++)
			w |= (__u64)key[i * 8 + j] << (j * 8);
		h ^= w;
		h ^= h >> 33;
		h *= 0xff51afd7ed558ccdULL;
		h ^= h >> 33;
		h *= 0xc4ceb9fe1a85ec53ULL;
		h ^= h >> 33;
	}
	return (__u32)(h >> 50);
}

#endif
