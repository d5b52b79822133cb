// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Zero copy: areas (allocations) and views (leases), each with a mapping of
 * its own.  While one is held k->fd cannot change (see kvmem_recover()), so
 * what is mapped always belongs to the file that handed it out.
 */
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

#define LEASE_FLAGS	(KVMEM_OP_F_NOCOPY | KVMEM_OP_F_NOTOUCH)

/* The kernel maps whole pages. */
size_t kvmem_page_round(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (len + page - 1) / page * page;
}

static int map(struct kvmem *k, uint64_t offset, size_t len, bool write,
	       void **ptr)
{
	int err = -ESHUTDOWN;

	pthread_rwlock_rdlock(&k->lock);
	if (k->fd >= 0)
		err = k->sys.mmap(k->sys.ctx, k->fd, offset,
				  kvmem_page_round(len), write, ptr);
	pthread_rwlock_unlock(&k->lock);
	return err;
}

static void unmap(struct kvmem *k, const void *ptr, size_t len)
{
	if (ptr)
		k->sys.munmap(k->sys.ctx, (void *)(uintptr_t)ptr,
			      kvmem_page_round(len));
}

/* Given back with its file, if that has been closed meanwhile. */
static int release(struct kvmem *k, uint64_t handle, uint64_t generation)
{
	struct kvmem_op op;
	int err;

	kvmem_op_release(&op, handle);
	err = kvmem_one_at(k, &op, generation);
	return err == -ESHUTDOWN ? 0 : err;
}

int kvmem_alloc(struct kvmem *k, size_t len, struct kvmem_area *area)
{
	struct kvmem_op op;
	int err;

	memset(area, 0, sizeof(*area));
	kvmem_op_alloc(&op, len);
	err = kvmem_one(k, &op);
	if (err)
		return err;
	/* cannot change any more: the handle is held */
	area->generation = kvmem_generation(k);
	err = map(k, op.mmap_offset, len, true, &area->ptr);
	if (err) {
		release(k, op.res_handle, area->generation);
		return err;
	}
	area->len = len;
	area->handle = op.res_handle;
	return 0;
}

static void area_end(struct kvmem *k, struct kvmem_area *area)
{
	unmap(k, area->ptr, area->len);
	memset(area, 0, sizeof(*area));
}

int kvmem_commit(struct kvmem *k, struct kvmem_area *area, const uint8_t *key,
		 size_t len, const struct kvmem_hints *hints)
{
	struct kvmem_op op;
	int err;

	if (!area->ptr)
		return -EINVAL;
	kvmem_op_commit(&op, area->handle, key, len, hints);
	err = kvmem_one_at(k, &op, area->generation);
	if (err)
		return err;
	area_end(k, area);
	return !!(op.res_flags & KVMEM_RES_F_EXISTED);
}

int kvmem_discard(struct kvmem *k, struct kvmem_area *area)
{
	struct kvmem_area old = *area;

	if (!area->ptr)
		return -EINVAL;
	area_end(k, area);
	return release(k, old.handle, old.generation);
}

/* Map what LEASE or MATCH handed out; gives it back when that fails. */
static int view_map(struct kvmem *k, const struct kvmem_lease *lease,
		    struct kvmem_view *view)
{
	uint64_t generation = kvmem_generation(k);
	void *ptr;
	int err = map(k, lease->mmap_offset, lease->bytes, false, &ptr);

	if (err) {
		release(k, lease->handle, generation);
		return err;
	}
	*view = (struct kvmem_view) {
		.ptr = ptr,
		.len = lease->bytes,
		.handle = lease->handle,
		.generation = generation,
		.crc = lease->crc,
		.flags = lease->flags,
	};
	return 0;
}

int kvmem_lease(struct kvmem *k, const uint8_t *key, uint32_t flags,
		struct kvmem_view *view)
{
	struct kvmem_lease lease;
	struct kvmem_op op;
	int err;

	memset(view, 0, sizeof(*view));
	if (flags & ~LEASE_FLAGS)
		return -EINVAL;
	kvmem_op_lease(&op, key);
	op.flags = (uint16_t)flags;
	err = kvmem_one(k, &op);
	if (err)
		return err;
	lease = (struct kvmem_lease) {
		.handle = op.res_handle,
		.mmap_offset = op.mmap_offset,
		.bytes = op.bytes,
		.crc = op.crc,
		.flags = op.res_flags & KVMEM_RES_F_COPIED,
	};
	return view_map(k, &lease, view);
}

int kvmem_release(struct kvmem *k, struct kvmem_view *view)
{
	struct kvmem_view old = *view;

	if (!view->ptr)
		return -EINVAL;
	unmap(k, old.ptr, old.len);
	memset(view, 0, sizeof(*view));
	return release(k, old.handle, old.generation);
}

int kvmem_lease_verify(const struct kvmem_view *view)
{
	if (kvmem_crc32c(0, view->ptr, view->len) != view->crc)
		return -EBADMSG;
	return 0;
}

/* Map @n leases; on failure give all of them back. */
static int views_map(struct kvmem *k, const struct kvmem_lease *leases,
		     size_t n, struct kvmem_view *views)
{
	size_t i, j;
	int err = 0;

	for (i = 0; i < n && !err; i++)
		err = view_map(k, &leases[i], &views[i]);
	if (!err)
		return 0;
	/* view_map() has given back the one it failed on */
	for (j = i; j < n; j++)
		release(k, leases[j].handle, kvmem_generation(k));
	for (j = 0; j + 1 < i; j++)
		kvmem_release(k, &views[j]);
	return err;
}

int64_t kvmem_match_lease(struct kvmem *k, const uint8_t *keys, size_t n,
			  uint32_t flags, struct kvmem_view *views)
{
	struct kvmem_lease *leases;
	struct kvmem_op op;
	int err;

	if (!n || n > KVMEM_MAX_MATCH || flags & ~LEASE_FLAGS)
		return -EINVAL;
	leases = calloc(n, sizeof(*leases));
	if (!leases)
		return -ENOMEM;
	kvmem_op_match_lease(&op, keys, n, leases);
	op.flags |= (uint16_t)flags;
	err = kvmem_one(k, &op);
	if (!err)
		err = views_map(k, leases, op.bytes, views);
	free(leases);
	return err ? err : (int64_t)op.bytes;
}
