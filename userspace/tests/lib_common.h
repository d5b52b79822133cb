/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the tests of the library. */
#ifndef _LIB_COMMON_H
#define _LIB_COMMON_H

#include "fake_kvmem.h"
#include "ktap.h"

static inline void key_of(uint8_t *key, unsigned int n)
{
	memset(key, 0, KVMEM_KEY_LEN);
	memcpy(key, &n, sizeof(n));
}

static inline int open_fake(struct fake_kvmem *f, uint32_t flags,
			    unsigned int reattach_ms, struct kvmem **k)
{
	struct kvmem_options o = KVMEM_OPTIONS_INIT;

	o.ns = "t";
	o.flags = flags;
	o.reattach_timeout_ms = reattach_ms;
	return kvmem_open_sys(&o, fake_sys(f), k);
}

static inline int put_n(struct kvmem *k, unsigned int n, size_t len)
{
	uint8_t key[KVMEM_KEY_LEN], data[8192];

	key_of(key, n);
	memset(data, (int)n, len);
	return kvmem_put(k, key, data, len, NULL);
}

static inline int64_t get_n(struct kvmem *k, unsigned int n, size_t len)
{
	uint8_t key[KVMEM_KEY_LEN], data[8192];

	key_of(key, n);
	return kvmem_get(k, key, data, len);
}

#endif /* _LIB_COMMON_H */
