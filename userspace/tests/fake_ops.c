// SPDX-License-Identifier: GPL-2.0
/* Operations of the fake device. */
#include "fake_impl.h"

static void *op_memory(struct fake_file *file, struct kvmem_op *op)
{
	struct kvmem_buf_reg *reg;
	uint32_t i = op->buf - file->first_buf;

	if (!op->buf)
		return (void *)(uintptr_t)op->addr;
	if (i >= FAKE_BUFFERS || !file->buffers[i].length) {
		op->status = -EBADSLT;
		return NULL;
	}
	reg = &file->buffers[i];
	if (op->addr > reg->length || op->len > reg->length - op->addr) {
		op->status = -EINVAL;
		return NULL;
	}
	return (void *)(uintptr_t)(reg->addr + op->addr);
}

/* The block of the op, checked; otherwise the op has its miss. */
static struct fake_block *op_block(struct fake_kvmem *f, struct kvmem_op *op)
{
	struct fake_block *b = fake_find(f, op->key);

	if (b && kvmem_crc32c(0, b->data, b->len) != b->crc) {
		fake_remove(f, b);
		f->info.corrupt++;
		op->res_flags |= KVMEM_RES_F_CORRUPT;
		b = NULL;
	}
	op->status = b ? 0 : -ENOENT;
	if (!b) {
		f->info.misses++;
		return NULL;
	}
	f->info.hits++;
	op->crc = b->crc;
	op->tier = KVMEM_TIER_DRAM;
	op->bytes = b->len;
	if (!(op->flags & KVMEM_OP_F_NOTOUCH))
		fake_touch(f, b);
	return b;
}

static void op_get(struct fake_kvmem *f, struct fake_file *file,
		   struct kvmem_op *op)
{
	void *to = op_memory(file, op);
	struct fake_block *b = to ? op_block(f, op) : NULL;

	if (!b)
		return;
	if (op->flags & KVMEM_OP_F_PARTIAL) {
		if (op->offset >= b->len) {
			op->status = -EINVAL;
			return;
		}
		op->bytes = b->len - op->offset;
		if (op->len < op->bytes)
			op->bytes = op->len;
	} else if (op->len < b->len) {
		op->status = -EMSGSIZE;
		return;
	}
	memcpy(to, b->data + op->offset, op->bytes);
	op->res_flags |= KVMEM_RES_F_VERIFIED;
	f->info.copied_out += op->bytes;
}

/* Make @b readable, or find that the key is there. */
static void op_publish(struct fake_kvmem *f, struct kvmem_op *op,
		       struct fake_block *b)
{
	struct fake_block *old = fake_find(f, op->key);

	if (old) {
		op->res_flags |= KVMEM_RES_F_EXISTED;
		op->crc = old->crc;
		fake_block_put(b);
		return;
	}
	memcpy(b->key, op->key, KVMEM_KEY_LEN);
	if (!fake_insert(f, b)) {
		op->status = -ENOSPC;
		return;
	}
	op->crc = b->crc;
	op->bytes = b->len;
	op->tier = KVMEM_TIER_DRAM;
}

static void op_put(struct fake_kvmem *f, struct fake_file *file,
		   struct kvmem_op *op)
{
	void *from = op_memory(file, op);
	struct fake_block *b;

	if (!from)
		return;
	if (!op->len || op->len > KVMEM_MAX_BLOCK) {
		op->status = -EINVAL;
		return;
	}
	b = fake_block_new(op->len);
	memcpy(b->data, from, op->len);
	op_publish(f, op, b);
	if (op->status)
		fake_block_put(b);
	else if (!(op->res_flags & KVMEM_RES_F_EXISTED))
		f->info.copied_in += op->len;
}

struct fake_handle *fake_handle(struct fake_file *file, uint64_t number)
{
	if (!number || number > FAKE_HANDLES || !file->handles[number - 1].block)
		return NULL;
	return &file->handles[number - 1];
}

void fake_handle_drop(struct fake_handle *h)
{
	fake_block_put(h->block);
	h->block = NULL;
}

/* Hand @b out; takes over a reference. Returns the number, 0 if full. */
static uint64_t handle_add(struct fake_file *file, struct fake_block *b,
			   bool lease)
{
	uint64_t i;

	for (i = 0; i < FAKE_HANDLES; i++) {
		if (file->handles[i].block)
			continue;
		file->handles[i].block = b;
		file->handles[i].lease = lease;
		return i + 1;
	}
	return 0;
}

static void op_alloc(struct fake_file *file, struct kvmem_op *op)
{
	if (!op->len || op->len > KVMEM_MAX_BLOCK) {
		op->status = -EINVAL;
		return;
	}
	op->bytes = op->len;
	op->res_handle = handle_add(file, fake_block_new(op->len), false);
	op->mmap_offset = op->res_handle << 32;
}

static void op_lease(struct fake_kvmem *f, struct fake_file *file,
		     struct kvmem_op *op)
{
	struct fake_block *b = op_block(f, op);

	if (!b)
		return;
	op->res_handle = handle_add(file, b, true);
	op->mmap_offset = op->res_handle << 32;
	b->refs++;
	f->info.zero_copy += b->len;
}

/* As with the kernel's, nothing is lost when it fails. */
static void op_commit(struct fake_kvmem *f, struct fake_file *file,
		      struct kvmem_op *op)
{
	struct fake_handle *h = fake_handle(file, op->handle);
	struct fake_block *b;
	uint64_t len;

	if (!h || h->lease) {
		op->status = -ENOENT;
		return;
	}
	b = h->block;
	len = b->len;
	if (op->len > len) {
		op->status = -EMSGSIZE;
		return;
	}
	if (op->len)
		b->len = op->len;
	op_publish(f, op, b);
	if (op->status) {
		b->len = len;
		return;
	}
	h->block = NULL;
	f->info.zero_copy += op->bytes;
}

static void op_release(struct fake_file *file, struct kvmem_op *op)
{
	struct fake_handle *h = fake_handle(file, op->handle);

	if (h)
		fake_handle_drop(h);
	else
		op->status = -ENOENT;
}

static void op_match(struct fake_kvmem *f, struct fake_file *file,
		     struct kvmem_op *op)
{
	struct kvmem_lease *leases = (void *)(uintptr_t)op->handle;
	const uint8_t *keys = (void *)(uintptr_t)op->addr;
	struct kvmem_op one;
	uint64_t i;

	if (!op->len || op->len > KVMEM_MAX_MATCH) {
		op->status = -EINVAL;
		return;
	}
	for (i = 0; i < op->len; i++) {
		kvmem_op_lease(&one, keys + i * KVMEM_KEY_LEN);
		if (!(op->flags & KVMEM_OP_F_LEASE)) {
			if (!op_block(f, &one))
				break;
			continue;
		}
		op_lease(f, file, &one);
		if (one.status)
			break;
		leases[i] = (struct kvmem_lease) {
			.handle = one.res_handle,
			.mmap_offset = one.mmap_offset,
			.bytes = one.bytes,
			.crc = one.crc,
		};
	}
	op->bytes = i;
}

static void op_drop(struct fake_kvmem *f, struct kvmem_op *op)
{
	struct fake_block *b = op_block(f, op);

	if (b)
		fake_remove(f, b);
}

void fake_op(struct fake_kvmem *f, struct fake_file *file, struct kvmem_op *op)
{
	op->status = 0;
	op->res_flags = 0;
	op->bytes = op->res_handle = op->mmap_offset = 0;
	op->crc = 0;
	op->tier = 0;
	if (op->opcode >= KVMEM_OP_NR)
		op->status = -EINVAL;
	else if (fake_fault_hit(&f->op_faults[op->opcode]))
		op->status = f->op_faults[op->opcode].err;
	if (file->stale && op->opcode != KVMEM_OP_RELEASE)
		op->status = -ESHUTDOWN;
	if (op->status)
		return;
	switch (op->opcode) {
	case KVMEM_OP_GET: op_get(f, file, op); break;
	case KVMEM_OP_PUT: op_put(f, file, op); break;
	case KVMEM_OP_DELETE: op_drop(f, op); break;
	case KVMEM_OP_MATCH: op_match(f, file, op); break;
	case KVMEM_OP_ALLOC: op_alloc(file, op); break;
	case KVMEM_OP_COMMIT: op_commit(f, file, op); break;
	case KVMEM_OP_LEASE: op_lease(f, file, op); break;
	case KVMEM_OP_RELEASE: op_release(file, op); break;
	case KVMEM_OP_NOP: break;
	default: op_block(f, op); break;
	}
}
