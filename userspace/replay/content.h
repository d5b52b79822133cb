/* SPDX-License-Identifier: GPL-2.0 */
/* Keys and the bytes behind them: any process can tell what a block holds. */
#ifndef _CONTENT_H
#define _CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/kvmem.h>

/* A number for a trace, from its name (without directories). */
uint64_t content_salt(const char *name);
/* The key of a block of a trace, cut at @size bytes. */
void content_key(uint8_t key[KVMEM_KEY_LEN], uint64_t salt, uint64_t id,
		 uint64_t size);
/* The first @len bytes of the block. */
void content_fill(const uint8_t key[KVMEM_KEY_LEN], void *buf, size_t len);
/* Are they?  If not, @offset is the first that differs, @want what it was. */
bool content_check(const uint8_t key[KVMEM_KEY_LEN], const void *buf,
		   size_t len, size_t *offset, uint8_t *want);

#endif /* _CONTENT_H */
