// SPDX-License-Identifier: LGPL-2.1-or-later
/* One block at a time, by copy. */
#include "internal.h"

int kvmem_put(struct kvmem *k, const uint8_t *key, const void *data,
	      size_t len, const struct kvmem_hints *hints)
{
	struct kvmem_op op;
	int err;

	kvmem_op_put(&op, key, data, len, hints);
	err = kvmem_one(k, &op);
	return err ? err : !!(op.res_flags & KVMEM_RES_F_EXISTED);
}

static int64_t one_bytes(struct kvmem *k, struct kvmem_op *op)
{
	int err = kvmem_one(k, op);

	return err ? err : (int64_t)op->bytes;
}

int64_t kvmem_get(struct kvmem *k, const uint8_t *key, void *buf, size_t len)
{
	struct kvmem_op op;

	kvmem_op_get(&op, key, buf, len);
	return one_bytes(k, &op);
}

int64_t kvmem_get_partial(struct kvmem *k, const uint8_t *key, void *buf,
			  uint64_t offset, size_t len)
{
	struct kvmem_op op;

	kvmem_op_get_partial(&op, key, buf, offset, len);
	return one_bytes(k, &op);
}

int kvmem_delete(struct kvmem *k, const uint8_t *key)
{
	struct kvmem_op op;

	kvmem_op_delete(&op, key);
	return kvmem_one(k, &op);
}

int64_t kvmem_exists(struct kvmem *k, const uint8_t *key)
{
	struct kvmem_op op;

	kvmem_op_exists(&op, key);
	return one_bytes(k, &op);
}

int kvmem_pin(struct kvmem *k, const uint8_t *key)
{
	struct kvmem_op op;

	kvmem_op_pin(&op, key);
	return kvmem_one(k, &op);
}

int kvmem_unpin(struct kvmem *k, const uint8_t *key)
{
	struct kvmem_op op;

	kvmem_op_unpin(&op, key);
	return kvmem_one(k, &op);
}

int kvmem_prefetch(struct kvmem *k, const uint8_t *key)
{
	struct kvmem_op op;

	kvmem_op_prefetch(&op, key);
	return kvmem_one(k, &op);
}

int64_t kvmem_match(struct kvmem *k, const uint8_t *keys, size_t n)
{
	struct kvmem_op op;

	kvmem_op_match(&op, keys, n);
	return one_bytes(k, &op);
}
