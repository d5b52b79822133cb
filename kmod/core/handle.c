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

struct kvmem_handle *kvmem_handle_find(struct kvmem_file *kf, u32 id)
{
	struct kvmem_handle *found = NULL;
	struct rb_node *node;

	spin_lock(&kf->handles_lock);
	node = kf->handles.rb_node;
	while (node && !found) {
		struct kvmem_handle *handle = rb_entry(node, struct kvmem_handle, node);

		if (id < handle->id)
			node = node->rb_left;
		else if (id > handle->id)
			node = node->rb_right;
		else
			found = handle;
	}
	spin_unlock(&kf->handles_lock);
	return found;
}

/* False: the id is taken. */
static bool handle_link(struct kvmem_file *kf, struct kvmem_handle *handle)
{
	struct rb_node **p = &kf->handles.rb_node, *parent = NULL;

	lockdep_assert_held(&kf->handles_lock);
	while (*p) {
		struct kvmem_handle *other = rb_entry(*p, struct kvmem_handle, node);

		parent = *p;
		if (handle->id == other->id)
			return false;
		p = handle->id < other->id ? &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&handle->node, parent, p);
	rb_insert_color(&handle->node, &kf->handles);
	return true;
}

/* Ids go round; after 2^28 some may still be held, fewer than there are. */
static void handle_insert(struct kvmem_file *kf, struct kvmem_handle *handle)
{
	unsigned int order = order_for(handle->block->size) - PAGE_SHIFT;
	u32 *next = &kf->handle_next[order];

	spin_lock(&kf->handles_lock);
	handle->gen = ++kf->handle_gen;
	do {
		handle->id = order << SLOT_BITS | ((*next)++ & SLOT_MASK);
	} while (!handle_link(kf, handle));
	spin_unlock(&kf->handles_lock);
}

static void handle_erase(struct kvmem_file *kf, struct kvmem_handle *handle)
{
	lockdep_assert_held_write(&kf->map_lock);
	spin_lock(&kf->handles_lock);
	rb_erase(&handle->node, &kf->handles);
	spin_unlock(&kf->handles_lock);
}

struct kvmem_handle *kvmem_handle_add(struct kvmem_file *kf, struct kvmem_block *block,
				      enum kvmem_handle_kind kind)
{
	struct kvmem_handle *handle;
	int ret = -EMFILE;

	if (atomic_inc_return(&kf->nr_handles) > KVMEM_MAX_HANDLES)
		goto err_count;
	ret = -ENOMEM;
	handle = kzalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);
	if (!handle)
		goto err_count;
	handle->block = block;
	handle->kind = kind;
	/* Numbers can be guessed: nobody may take it before the caller is done. */
	handle->busy = true;
	handle_insert(kf, handle);
	trace_kvmem_lease(block->ns->id, kvmem_handle_number(handle), kind, block->size);
	return handle;

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

static struct kvmem_handle *handle_idle(struct kvmem_file *kf, u64 number)
{
	struct kvmem_handle *handle = kvmem_handle_find(kf, (u32)number);

	lockdep_assert_held(&kf->map_lock);
	if (!handle || kvmem_handle_number(handle) != number)
		return NULL;
	/* Pairs with kvmem_handle_publish(): what it points to is complete. */
	if (smp_load_acquire(&handle->busy))
		return NULL;
	return handle;
}

struct kvmem_handle *kvmem_handle_take(struct kvmem_file *kf, u64 number)
{
	struct kvmem_handle *handle;

	down_write(&kf->map_lock);
	handle = handle_idle(kf, number);
	if (handle)
		handle_erase(kf, handle);
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
	handle = handle_idle(kf, number);
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
	handle_erase(kf, handle);
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
	struct kvmem_handle *handle, *next;

	rbtree_postorder_for_each_entry_safe(handle, next, &kf->handles, node) {
		kvmem_handle_free(kf, handle);
		cond_resched();
	}
	kf->handles = RB_ROOT;
}
