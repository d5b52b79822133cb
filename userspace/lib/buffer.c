// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Registered buffers.  The application knows a buffer by its place in
 * k->slots, so that the id survives re-attaching; as long as the kernel
 * happens to give the same ids nothing has to be translated.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

#define NO_BUFFER	0xffffffffU	/* no kernel has so many: EBADSLT */
#define SLOTS_STEP	16

/*
 * Also covers an id that is free here and taken in the kernel: then some
 * slot's id differs.
 */
static void remapped_update(struct kvmem *k)
{
	size_t i;

	k->remapped = false;
	for (i = 0; i < k->nr_slots; i++)
		if (k->slots[i].used && k->slots[i].id != i + 1)
			k->remapped = true;
}

static struct kvmem_slot *slot_free(struct kvmem *k)
{
	struct kvmem_slot *slots;
	size_t i;

	for (i = 0; i < k->nr_slots; i++)
		if (!k->slots[i].used)
			return &k->slots[i];
	slots = reallocarray(k->slots, k->nr_slots + SLOTS_STEP,
			     sizeof(*slots));
	if (!slots)
		return NULL;
	memset(slots + k->nr_slots, 0, SLOTS_STEP * sizeof(*slots));
	k->slots = slots;
	k->nr_slots += SLOTS_STEP;
	return &slots[i];
}

/* The slot of a public id, or NULL. */
static struct kvmem_slot *slot_find(struct kvmem *k, uint32_t buf_id)
{
	if (!buf_id || buf_id > k->nr_slots || !k->slots[buf_id - 1].used)
		return NULL;
	return &k->slots[buf_id - 1];
}

static int slot_register(struct kvmem *k, int fd, struct kvmem_slot *slot)
{
	struct kvmem_buf_reg reg = slot->reg;
	int err = kvmem_sys_ioctl(k, fd, KVMEM_IOC_BUF_REG, &reg);

	slot->id = err ? 0 : reg.buf_id;
	return err;
}

static int buf_add(struct kvmem *k, const struct kvmem_buf_reg *reg,
		   uint32_t *buf_id)
{
	struct kvmem_slot *slot = slot_free(k);
	int err;

	if (!slot)
		return -ENOMEM;
	slot->reg = *reg;
	err = k->fd < 0 ? -ESHUTDOWN : slot_register(k, k->fd, slot);
	if (err)
		return err;
	slot->used = true;
	*buf_id = (uint32_t)(slot - k->slots) + 1;
	remapped_update(k);
	return 0;
}

/* As kvmem_call(), but it changes k->slots: under the lock for writing. */
static int buf_register(struct kvmem *k, const struct kvmem_buf_reg *reg,
			uint32_t *buf_id)
{
	uint64_t deadline = kvmem_deadline(k);
	uint64_t generation;
	unsigned int tries;
	int err;

	for (tries = 0;; tries++) {
		pthread_rwlock_wrlock(&k->lock);
		generation = k->generation;
		err = buf_add(k, reg, buf_id);
		pthread_rwlock_unlock(&k->lock);
		if (err != -ESHUTDOWN)
			return err;
		err = kvmem_recover(k, generation, deadline, tries);
		if (err)
			return err;
	}
}

int kvmem_buf_register(struct kvmem *k, void *addr, size_t len, uint32_t flags,
		       uint32_t *buf_id)
{
	struct kvmem_buf_reg reg = {
		.size = sizeof(reg),
		.flags = flags,
		.type = KVMEM_BUF_USER,
		.addr = (uint64_t)(uintptr_t)addr,
		.length = len,
	};

	return buf_register(k, &reg, buf_id);
}

int kvmem_buf_register_dmabuf(struct kvmem *k, int fd, uint64_t offset,
			      size_t len, uint32_t *buf_id)
{
	struct kvmem_buf_reg reg = {
		.size = sizeof(reg),
		.type = KVMEM_BUF_DMABUF,
		.addr = offset,
		.length = len,
	};
	int err;

	/* ours, to register it again long after the caller closed his */
	reg.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (reg.fd < 0)
		return -errno;
	err = buf_register(k, &reg, buf_id);
	if (err)
		close(reg.fd);
	return err;
}

static void slot_clear(struct kvmem_slot *slot)
{
	if (slot->used && slot->reg.type == KVMEM_BUF_DMABUF)
		close(slot->reg.fd);
	memset(slot, 0, sizeof(*slot));
}

/* A buffer goes with its file: there is nothing in here to wait for. */
int kvmem_buf_unregister(struct kvmem *k, uint32_t buf_id)
{
	struct kvmem_buf_unreg unreg = { .size = sizeof(unreg) };
	struct kvmem_slot *slot;
	int err = 0;

	pthread_rwlock_wrlock(&k->lock);
	slot = slot_find(k, buf_id);
	if (!slot) {
		pthread_rwlock_unlock(&k->lock);
		return -ENOENT;
	}
	unreg.buf_id = slot->id;
	if (k->fd >= 0 && slot->id)
		err = kvmem_sys_ioctl(k, k->fd, KVMEM_IOC_BUF_UNREG, &unreg);
	if (err == -ESHUTDOWN)
		err = 0;
	slot_clear(slot);
	remapped_update(k);
	pthread_rwlock_unlock(&k->lock);
	return err;
}

/*
 * Register everything on a new file.  Memory can be short until the kernel
 * has let go of the old file, so that is worth another attempt; a buffer that
 * has no memory any more is not, and must not keep the handle from working.
 */
int kvmem_bufs_restore(struct kvmem *k, int fd)
{
	size_t i;
	int err;

	for (i = 0; i < k->nr_slots; i++) {
		if (!k->slots[i].used)
			continue;
		err = slot_register(k, fd, &k->slots[i]);
		if (err == -ENOMEM || err == -ESHUTDOWN)
			return err;
	}
	remapped_update(k);
	return 0;
}

static uint32_t kernel_id(struct kvmem *k, uint32_t buf_id)
{
	struct kvmem_slot *slot = slot_find(k, buf_id);

	return slot && slot->id ? slot->id : NO_BUFFER;
}

void kvmem_bufs_translate(struct kvmem *k, struct kvmem_op *ops, size_t n,
			  uint32_t *saved)
{
	size_t i;

	for (i = 0; i < n; i++) {
		saved[i] = ops[i].buf;
		if (ops[i].buf)
			ops[i].buf = kernel_id(k, ops[i].buf);
	}
}

void kvmem_bufs_untranslate(struct kvmem_op *ops, size_t n,
			    const uint32_t *saved)
{
	size_t i;

	for (i = 0; i < n; i++)
		ops[i].buf = saved[i];
}

void kvmem_bufs_free(struct kvmem *k)
{
	size_t i;

	for (i = 0; i < k->nr_slots; i++)
		slot_clear(&k->slots[i]);
	free(k->slots);
}
