// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings: pages of handles, inserted when touched.
 *
 * A read-only mapping shows leases and allocations, and can never become
 * writable.  A writable one shows allocations only, so no writable mapping of
 * a committed block's pages ever exists.  Pages are ordinary ones with their
 * own reference counts: drivers may pin them (cudaHostRegister, RDMA).
 */
#include <linux/mm.h>
#include "file.h"
#include "handle.h"
#include "ns.h"

/* Pages inserted by one fault: those of the handle that follow in the mapping. */
#define KVMEM_FAULT_AROUND	16UL

/* The handle at @offset that such a mapping may show.  Caller holds map_lock. */
static struct kvmem_handle *handle_at(struct kvmem_file *kf, vm_flags_t flags,
				      u64 offset, size_t *inside)
{
	struct kvmem_handle *handle;
	u32 id;

	lockdep_assert_held(&kf->map_lock);
	if (!kvmem_offset_to_id(offset, &id, inside))
		return NULL;
	handle = kvmem_handle_find(kf, id);
	/* Pairs with kvmem_handle_publish(). */
	if (!handle || smp_load_acquire(&handle->busy) || *inside >= handle->block->size)
		return NULL;
	/* One that may become writable counts as writable. */
	if (flags & (VM_WRITE | VM_MAYWRITE) && handle->kind != KVMEM_HANDLE_ALLOC)
		return NULL;
	return handle;
}

static int fault_insert(struct vm_area_struct *vma, struct kvmem_handle *handle,
			size_t idx, unsigned long addr)
{
	struct kvmem_chunk *chunk;
	struct page *page = kvmem_block_page(handle->block, idx, &chunk);

	/* Before the page gets a reference that is not ours. */
	set_bit(KVMEM_CHUNK_MAPPED, &chunk->flags);
	WRITE_ONCE(handle->faulted, true);
	return vm_insert_page(vma, addr, page);
}

static vm_fault_t fault_insert_around(struct vm_area_struct *vma, unsigned long addr,
				      struct kvmem_handle *handle, size_t idx)
{
	size_t pages = DIV_ROUND_UP((size_t)handle->block->size, PAGE_SIZE);
	size_t end = min3(pages, idx + KVMEM_FAULT_AROUND,
			  idx + ((vma->vm_end - addr) >> PAGE_SHIFT));
	int ret = fault_insert(vma, handle, idx, addr);

	/* Somebody else faulted the same page in: fine. */
	if (ret == -EBUSY)
		return VM_FAULT_NOPAGE;
	if (ret)
		return ret == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
	while (++idx < end) {
		addr += PAGE_SIZE;
		if (fault_insert(vma, handle, idx, addr))
			break;
	}
	return VM_FAULT_NOPAGE;
}

static vm_fault_t kvmem_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct kvmem_file *kf = vma->vm_file->private_data;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	struct kvmem_handle *handle;
	size_t inside;

	if (vma->vm_private_data != vma->vm_mm)
		return VM_FAULT_SIGBUS;
	down_read(&kf->map_lock);
	handle = handle_at(kf, vma->vm_flags, (u64)vmf->pgoff << PAGE_SHIFT, &inside);
	if (handle)
		ret = fault_insert_around(vma, vmf->address & PAGE_MASK, handle,
					  inside >> PAGE_SHIFT);
	up_read(&kf->map_lock);
	return ret;
}

/*
 * A mapping is not inherited: VM_DONTCOPY sees to it, until madvise(DOFORK)
 * takes that back.  Then the child's copy comes through here before its pages
 * are copied: it gets none, and can fault none in, nor can its children.
 */
static void kvmem_vma_open(struct vm_area_struct *vma)
{
	if (vma->vm_private_data == vma->vm_mm)
		return;
	vma->vm_private_data = NULL;
	vm_flags_set(vma, VM_WIPEONFORK | VM_DONTCOPY);
}

static const struct vm_operations_struct kvmem_vm_ops = {
	.open = kvmem_vma_open,
	.fault = kvmem_fault,
};

/* A mapping lies inside of one handle that is there now. */
static int mmap_check_range(struct kvmem_file *kf, struct vm_area_struct *vma)
{
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	size_t len = vma->vm_end - vma->vm_start, inside;
	struct kvmem_handle *handle;
	int ret = 0;

	down_read(&kf->map_lock);
	handle = handle_at(kf, vma->vm_flags, offset, &inside);
	if (!handle)
		ret = -ENXIO;
	else if (len > PAGE_ALIGN((size_t)handle->block->size) - inside)
		ret = -EINVAL;
	up_read(&kf->map_lock);
	return ret;
}

int kvmem_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct kvmem_file *kf = file->private_data;
	int ret;

	if (!kvmem_file_ns(kf))
		return -ENOTCONN;
	/* A private mapping would show copies that outlive the lease. */
	if (!(vma->vm_flags & VM_MAYSHARE) || vma->vm_flags & VM_EXEC)
		return -EINVAL;
	if (!(vma->vm_flags & VM_WRITE))
		vm_flags_clear(vma, VM_MAYWRITE);
	ret = mmap_check_range(kf, vma);
	if (ret)
		return ret;
	vm_flags_clear(vma, VM_MAYEXEC);
	vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP | VM_MIXEDMAP);
	vma->vm_ops = &kvmem_vm_ops;
	/* Whose mapping this is; only ever compared. */
	vma->vm_private_data = vma->vm_mm;
	return 0;
}
