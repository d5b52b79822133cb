// SPDX-License-Identifier: GPL-2.0
/*
 * Proofs: both sides know the cluster's secret, and neither says it.
 *
 * What is proved covers both nonces and all that was said before, so nothing of it can
 * be replayed or changed on the way; the label tells the two directions apart, so that
 * what one side says cannot be sent back to it.
 */
#include <crypto/hash.h>
#include <linux/err.h>
#include <linux/string.h>
#include "rdma/rdma.h"

#define AUTH_LABEL	16
#define AUTH_BLOCK	64	/* of SHA-256, bytes; the secret is shorter */

static_assert(KVMEM_SECRET_LEN <= AUTH_BLOCK);

static struct crypto_shash *auth_hash;

int kvmem_auth_init(void)
{
	auth_hash = crypto_alloc_shash("sha256", 0, 0);
	if (!IS_ERR(auth_hash))
		return 0;
	pr_err("no sha256: %ld\n", PTR_ERR(auth_hash));
	return PTR_ERR(auth_hash);
}

void kvmem_auth_exit(void)
{
	crypto_free_shash(auth_hash);
}

/*
 * HMAC (RFC 2104) from the hash alone: a kernel that has RDMA has SHA-256, but not
 * always "hmac(sha256)".
 */
static int auth_begin(struct shash_desc *desc, u8 pad)
{
	u8 block[AUTH_BLOCK];
	unsigned int i;
	int ret;

	memset(block, pad, sizeof(block));
	for (i = 0; i < sizeof(kvmem_rdma_self.secret); i++)
		block[i] ^= kvmem_rdma_self.secret[i];
	ret = crypto_shash_init(desc) ?: crypto_shash_update(desc, block, sizeof(block));
	memzero_explicit(block, sizeof(block));
	return ret;
}

/* An entry as both sides see it: without its proof */
static int auth_entry(struct shash_desc *desc, const struct kvmem_wire_hello *entry)
{
	static const u8 zero[KVMEM_WIRE_MAC];

	return crypto_shash_update(desc, (const u8 *)entry,
				   offsetof(struct kvmem_wire_hello, proof)) ?:
	       crypto_shash_update(desc, zero, sizeof(zero));
}

int kvmem_auth_proof(const struct kvmem_wire_hello *hello,
		     const struct kvmem_wire_hello *challenge, bool listener,
		     u8 proof[KVMEM_WIRE_MAC])
{
	static const u8 labels[2][AUTH_LABEL] = { "kvmem1 connector", "kvmem1 listener" };
	SHASH_DESC_ON_STACK(desc, auth_hash);
	int ret;

	static_assert(sizeof("kvmem1 connector") - 1 == AUTH_LABEL);
	desc->tfm = auth_hash;
	ret = auth_begin(desc, 0x36) ?:
	      crypto_shash_update(desc, labels[listener], AUTH_LABEL) ?:
	      auth_entry(desc, hello) ?:
	      auth_entry(desc, challenge) ?:
	      crypto_shash_final(desc, proof);
	ret = ret ?: auth_begin(desc, 0x5c) ?:
	      crypto_shash_update(desc, proof, KVMEM_WIRE_MAC) ?:
	      crypto_shash_final(desc, proof);
	shash_desc_zero(desc);
	return ret;
}
