// SPDX-License-Identifier: GPL-2.0
/*
 * Handles: what a file was given to map.
 *
 * Every handle has a stretch of the file's mmap space to itself, which is not
 * used again before 2^28 others of the same power of two: a mapping left over
 * from a lease raises SIGBUS, it does not show the next one.
 *
 *   offset = order << 56 | slot << order        (order: log2 of bytes, 12..27)
 *   number = generation << 32 | (order - 12) << 28 | slot
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "file.h"
#include "handle.h"
#include "ns.h"
#include "trace.h"

#define SLOT_BITS	28
#define SLOT_MASK	GENMASK(SLOT_BITS - 1, 0)
#define ORDER_SHIFT	56

static unsigned int order_for(size_t size)
{
	return max_t(unsigned int, order_base_2(size), PAGE_SHIFT);
}

static u64 id_offset(u32 id)
{
	unsigned int order = (id >> SLOT_BITS) + PAGE_SHIFT;

	return (u64)order << ORDER_SHIFT | (u64)(id & SLOT_MASK) << order;
}

bool kvmem_offset_to_id(u64 offset, u32 *id, size_t *inside)
{
	unsigned int order = offset >> ORDER_SHIFT;
	u64 rest = offset & GENMASK_ULL(ORDER_SHIFT - 1, 0);

	if (order < PAGE_SHIFT || order > ilog2(KVMEM_MAX_BLOCK) ||
	    rest >> order > SLOT_MASK)
		return false;
	*id = (order - PAGE_SHIFT) << SLOT_BITS | (u32)(rest >> order);
	*inside = rest & (BIT_ULL(order) - 1);
	return true;
}

u64 kvmem_handle_number(const struct kvmem_handle *handle)
{
	return (u64)handle->gen << 32 | handle->id;
}

u64 kvmem_handle_offset(const struct kvmem_handle *handle)
{
	return id_offset(handle->id);
}

struct kvmem_handle *kvmem_handle_add(struct kvmem_file *kf, struct kvmem_block *block,
				      enum kvmem_handle_kind kind)
{
	u32 base = (order_for(block->size) - PAGE_SHIFT) << SLOT_BITS;
	struct kvmem_handle *handle;
	int ret;

	if (atomic_inc_return(&kf->nr_handles) > KVMEM_MAX_HANDLES) {
		ret = -EMFILE;
		goto err_count;
	}
	handle = kzalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);
	if (!handle) {
		ret = -ENOMEM;
		goto err_count;
	}
	handle->block = block;
	handle->kind = kind;
	/* Numbers can be guessed: nobody may take it before the caller is done. */
	handle->busy = true;
	handle->gen = atomic_inc_return(&kf->handle_gen);
	ret = xa_alloc_cyclic(&kf->handles, &handle->id, handle,
			      XA_LIMIT(base, base | SLOT_MASK),
			      &kf->handle_next[base >> SLOT_BITS], GFP_KERNEL_ACCOUNT);
	if (ret < 0)
		goto err_free;
	trace_kvmem_lease(block->ns->id, kvmem_handle_number(handle), kind, block->size);
	return handle;

err_free:
	kfree(handle);
err_count:
	atomic_dec(&kf->nr_handles);
	return ERR_PTR(ret);
}

/*
 * Unreachable first: with map_lock held for writing no fault is between its
 * look-up and its insertion.  Then what faults did insert is taken back.
 */
static void handle_unmap(struct kvmem_file *kf, struct kvmem_handle *handle)
{
	if (handle->faulted)
		unmap_mapping_range(&kf->mapping, kvmem_handle_offset(handle),
				    PAGE_ALIGN(handle->block->size), 1);
}

void kvmem_handle_publish(struct kvmem_handle *handle)
{
	/* Pairs with the acquire of whoever looks a handle up. */
	smp_store_release(&handle->busy, false);
}

/* Pairs with kvmem_handle_publish(). */
static struct kvmem_handle *handle_find(struct kvmem_file *kf, u64 number)
{
	struct kvmem_handle *handle = xa_load(&kf->handles, (u32)number);

	lockdep_assert_held(&kf->map_lock);
	if (!handle || smp_load_acquire(&handle->busy) ||
	    kvmem_handle_number(handle) != number)
		return NULL;
	return handle;
}

struct kvmem_handle *kvmem_handle_take(struct kvmem_file *kf, u64 number)
{
	struct kvmem_handle *handle;

	down_write(&kf->map_lock);
	handle = handle_find(kf, number);
	if (handle)
		xa_erase(&kf->handles, handle->id);
	up_write(&kf->map_lock);
	if (handle)
		handle_unmap(kf, handle);
	return handle;
}

struct kvmem_handle *kvmem_handle_begin(struct kvmem_file *kf, u64 number, u64 max_len,
					int *err)
{
	struct kvmem_handle *handle;

	down_write(&kf->map_lock);
	handle = handle_find(kf, number);
	*err = 0;
	if (!handle || handle->kind != KVMEM_HANDLE_ALLOC)
		*err = -ENOENT;
	else if (max_len > handle->block->size)
		*err = -EMSGSIZE;
	else
		handle->busy = true;
	up_write(&kf->map_lock);
	if (*err)
		return NULL;
	handle_unmap(kf, handle);
	return handle;
}

void kvmem_handle_abort(struct kvmem_file *kf, struct kvmem_handle *handle)
{
	kvmem_handle_publish(handle);
}

void kvmem_handle_finish(struct kvmem_file *kf, struct kvmem_handle *handle)
{
	down_write(&kf->map_lock);
	xa_erase(&kf->handles, handle->id);
	up_write(&kf->map_lock);
	kvmem_handle_free(kf, handle);
}

void kvmem_handle_free(struct kvmem_file *kf, struct kvmem_handle *handle)
{
	struct kvmem_block *block = handle->block;

	trace_kvmem_release(block->ns->id, kvmem_handle_number(handle), handle->kind,
			    block->size);
	if (handle->kind == KVMEM_HANDLE_LEASE && !handle->view)
		kvmem_block_unhold(block);
	kvmem_block_put(block);
	kfree(handle);
	atomic_dec(&kf->nr_handles);
}

/* The file is going: no mapping of it is left, and no caller. */
void kvmem_handles_release(struct kvmem_file *kf)
{
	struct kvmem_handle *handle;
	unsigned long id;

	xa_for_each(&kf->handles, id, handle) {
		xa_erase(&kf->handles, id);
		kvmem_handle_free(kf, handle);
		cond_resched();
	}
	xa_destroy(&kf->handles);
}
