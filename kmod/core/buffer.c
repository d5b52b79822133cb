// SPDX-License-Identifier: GPL-2.0
/*
 * Registered buffers: user memory pinned for as long as it is registered, or
 * an operation uses it; or a dma-buf (dmabuf.c), which is not.
 */
#include <linux/bitops.h>
#include <linux/bvec.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "dmabuf.h"
#include "file.h"
#include "trace.h"

/* Pages pinned in one call: keeps the array of pages small. */
#define KVMEM_PIN_STEP	256

static void buffer_unpin(struct kvmem_buffer *buf, struct bio_vec *bvecs, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr; i++) {
		unpin_user_pages_dirty_lock(&bvecs[i].bv_page, 1, !buf->rdonly);
		if (i % KVMEM_PIN_STEP == 0)
			cond_resched();
	}
}

static void buffer_free_pages(struct kvmem_buffer *buf)
{
	struct bio_vec *bvecs = (struct bio_vec *)buf->span.bvecs;

	buffer_unpin(buf, bvecs, buf->nr_pages);
	account_locked_vm(buf->mm, buf->nr_pages, false);
	mmdrop(buf->mm);
	kvfree(bvecs);
}

static void buffer_free(struct kref *ref)
{
	struct kvmem_buffer *buf = container_of(ref, struct kvmem_buffer, ref);

	if (buf->dmabuf)
		kvmem_dmabuf_release(buf->dmabuf);
	else
		buffer_free_pages(buf);
	pr_debug("buffer %p destroyed\n", buf);
	kfree_rcu(buf, rcu);
}

void kvmem_buffer_put(struct kvmem_buffer *buf)
{
	kref_put(&buf->ref, buffer_free);
}

struct kvmem_buffer *kvmem_buffer_get(struct kvmem_file *kf, u32 id)
{
	struct kvmem_buffer *buf;

	rcu_read_lock();
	buf = xa_load(&kf->buffers, id);
	if (buf && !kref_get_unless_zero(&buf->ref))
		buf = NULL;
	rcu_read_unlock();
	return buf;
}

bool kvmem_buffer_is_dma(struct kvmem_file *kf, u32 id)
{
	struct kvmem_buffer *buf;
	bool ret;

	if (!id)
		return false;
	rcu_read_lock();
	buf = xa_load(&kf->buffers, id);
	ret = buf && buf->dmabuf;
	rcu_read_unlock();
	return ret;
}

struct kvmem_buffer *kvmem_run_buffer(struct kvmem_run *run, struct kvmem_file *kf, u32 id)
{
	if (likely(run->buf && run->buf->id == id))
		return run->buf;
	kvmem_run_put_buffer(run);
	if (id)
		run->buf = kvmem_buffer_get(kf, id);
	return run->buf;
}

void kvmem_run_put_buffer(struct kvmem_run *run)
{
	if (run->buf)
		kvmem_buffer_put(run->buf);
	run->buf = NULL;
}

/* Some or none of the pages are pinned on failure; *@done tells how many. */
static int buffer_pin(struct kvmem_buffer *buf, struct bio_vec *bvecs,
		      unsigned long addr, unsigned long *done)
{
	unsigned int gup = FOLL_LONGTERM | (buf->rdonly ? 0 : FOLL_WRITE);
	struct page **pages;
	int got = 0, i;

	pages = kmalloc_array(KVMEM_PIN_STEP, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	while (*done < buf->nr_pages) {
		unsigned long want = min(buf->nr_pages - *done, (unsigned long)KVMEM_PIN_STEP);

		got = pin_user_pages_fast(addr + *done * PAGE_SIZE, want, gup, pages);
		if (got <= 0)
			break;
		for (i = 0; i < got; i++)
			bvecs[*done + i] = (struct bio_vec){ pages[i], PAGE_SIZE, 0 };
		*done += got;
		cond_resched();
	}
	kfree(pages);
	if (*done == buf->nr_pages)
		return 0;
	return got < 0 ? got : -EFAULT;
}

/* Pages of devices are told apart by more than where they are. */
static bool buffer_adjoins(const struct bio_vec *a, const struct bio_vec *b)
{
	return page_to_pfn(b->bv_page) == page_to_pfn(a->bv_page) + 1 &&
	       !is_zone_device_page(a->bv_page) && !is_zone_device_page(b->bv_page) &&
	       !IS_ENABLED(CONFIG_HIGHMEM);
}

/* Once, so that nobody who moves bytes has to look at every page. */
static void buffer_find_starts(struct kvmem_buffer *buf, const struct bio_vec *bvecs)
{
	unsigned long i;

	for (i = 0; i < buf->nr_pages; i++) {
		if (!i || !buffer_adjoins(&bvecs[i - 1], &bvecs[i]))
			__set_bit(i, buf->starts);
		if (i % KVMEM_PIN_STEP == 0)
			cond_resched();
	}
}

unsigned long kvmem_buffer_run_end(const struct kvmem_buffer *buf, unsigned long page,
				   unsigned long end)
{
	return find_next_bit(buf->starts, end, page + 1);
}

static int buffer_pin_all(struct kvmem_buffer *buf, unsigned long addr)
{
	unsigned long done = 0;
	struct bio_vec *bvecs;
	int ret;

	bvecs = kvzalloc(size_add(array_size(buf->nr_pages, sizeof(*bvecs)),
				  BITS_TO_LONGS(buf->nr_pages) * sizeof(long)),
			 GFP_KERNEL_ACCOUNT);
	if (!bvecs)
		return -ENOMEM;
	buf->starts = (unsigned long *)(bvecs + buf->nr_pages);
	ret = buffer_pin(buf, bvecs, addr, &done);
	if (ret) {
		buffer_unpin(buf, bvecs, done);
		kvfree(bvecs);
		return ret;
	}
	buffer_find_starts(buf, bvecs);
	buf->span.bvecs = bvecs;
	buf->span.nr_bvecs = buf->nr_pages;
	return 0;
}

static int buffer_fill_pages(struct kvmem_buffer *buf, const struct kvmem_buf_reg *reg)
{
	unsigned long first = reg->addr & ~PAGE_MASK;
	int ret;

	buf->nr_pages = DIV_ROUND_UP(first + reg->length, PAGE_SIZE);
	buf->span.type = KVMEM_SPAN_PAGES;
	buf->span.first = first;
	ret = account_locked_vm(current->mm, buf->nr_pages, true);
	if (ret)
		return ret;
	ret = buffer_pin_all(buf, reg->addr & PAGE_MASK);
	if (ret) {
		account_locked_vm(current->mm, buf->nr_pages, false);
		return ret;
	}
	buf->mm = current->mm;
	mmgrab(buf->mm);
	return 0;
}

/* Mapped for a device when one first uses it. */
static int buffer_fill_dmabuf(struct kvmem_buffer *buf, const struct kvmem_buf_reg *reg)
{
	struct kvmem_dmabuf *db = kvmem_dmabuf_import(reg->fd, reg->addr, reg->length, buf->rdonly);

	if (IS_ERR(db))
		return PTR_ERR(db);
	buf->dmabuf = db;
	buf->span.type = KVMEM_SPAN_DMA;
	return 0;
}

static struct kvmem_buffer *buffer_create(const struct kvmem_buf_reg *reg)
{
	struct kvmem_buffer *buf;
	int ret;

	buf = kzalloc(sizeof(*buf), GFP_KERNEL_ACCOUNT);
	if (!buf)
		return ERR_PTR(-ENOMEM);
	kref_init(&buf->ref);
	buf->rdonly = reg->flags & KVMEM_BUF_F_RDONLY;
	buf->span.len = reg->length;
	ret = reg->type == KVMEM_BUF_DMABUF ? buffer_fill_dmabuf(buf, reg) :
					      buffer_fill_pages(buf, reg);
	if (ret) {
		kfree(buf);
		return ERR_PTR(ret);
	}
	pr_debug("buffer %p created\n", buf);
	return buf;
}

static int buffer_check(const struct kvmem_buf_reg *reg)
{
	if (reg->reserved || reg->flags & ~KVMEM_BUF_F_RDONLY || !reg->length ||
	    reg->length > KVMEM_MAX_BUFFER || reg->addr + reg->length < reg->addr)
		return -EINVAL;
	if (reg->type == KVMEM_BUF_DMABUF)
		return 0;
	if (reg->type != KVMEM_BUF_USER || reg->fd)
		return -EINVAL;
	if (!current->mm || !access_ok((void __user *)(uintptr_t)reg->addr, reg->length))
		return -EFAULT;
	return 0;
}

/* Once in the table another thread may unregister it: *@id is read before. */
static int buffer_publish(struct kvmem_file *kf, struct kvmem_buffer *buf, u32 *id)
{
	int ret = -EMFILE;

	mutex_lock(&kf->lock);
	if (kf->nr_buffers < KVMEM_MAX_BUFFERS)
		ret = xa_alloc(&kf->buffers, &buf->id, buf, xa_limit_31b,
			       GFP_KERNEL_ACCOUNT);
	if (!ret) {
		kf->nr_buffers++;
		*id = buf->id;
	}
	mutex_unlock(&kf->lock);
	return ret;
}

int kvmem_buffer_register(struct kvmem_file *kf, struct kvmem_buf_reg *reg)
{
	struct kvmem_buffer *buf;
	int ret = buffer_check(reg);

	if (ret)
		return ret;
	buf = buffer_create(reg);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	ret = buffer_publish(kf, buf, &reg->buf_id);
	if (ret) {
		kvmem_buffer_put(buf);
		return ret;
	}
	trace_kvmem_buffer(reg->buf_id, reg->length, true);
	return 0;
}

int kvmem_buffer_unregister(struct kvmem_file *kf, u32 id)
{
	struct kvmem_buffer *buf;

	mutex_lock(&kf->lock);
	buf = xa_erase(&kf->buffers, id);
	if (buf)
		kf->nr_buffers--;
	mutex_unlock(&kf->lock);
	if (!buf)
		return -ENOENT;
	trace_kvmem_buffer(id, buf->span.len, false);
	kvmem_buffer_put(buf);
	return 0;
}

int kvmem_buffer_span(const struct kvmem_buffer *buf, u64 off, u64 len,
		      struct kvmem_span *span)
{
	u64 at = buf->span.first + off;
	unsigned int skip;

	if (off > buf->span.len || len > buf->span.len - off)
		return -EINVAL;
	*span = buf->span;
	if (buf->dmabuf) {
		span->len = len;
		return 0;
	}
	skip = at >> PAGE_SHIFT;
	span->bvecs += skip;
	span->nr_bvecs -= skip;
	span->first = at & ~PAGE_MASK;
	span->len = len;
	return 0;
}

void kvmem_buffers_release(struct kvmem_file *kf)
{
	struct kvmem_buffer *buf;
	unsigned long id;

	xa_for_each(&kf->buffers, id, buf) {
		xa_erase(&kf->buffers, id);
		kvmem_buffer_put(buf);
	}
	xa_destroy(&kf->buffers);
}
