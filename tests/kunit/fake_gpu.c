// SPDX-License-Identifier: GPL-2.0
/*
 * See fake_gpu.h.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "fake_gpu.h"

MODULE_IMPORT_NS("DMA_BUF");

/* Memory -------------------------------------------------------------------- */

static void pages_free(u8 **pages, unsigned int nr)
{
	unsigned int i;

	for (i = 0; pages && i < nr; i++)
		free_page((unsigned long)pages[i]);
	kfree(pages);
}

static u8 **pages_alloc(unsigned int nr)
{
	u8 **pages = kcalloc(nr, sizeof(*pages), GFP_KERNEL);
	unsigned int i;

	for (i = 0; pages && i < nr; i++) {
		pages[i] = (u8 *)get_zeroed_page(GFP_KERNEL);
		if (!pages[i]) {
			pages_free(pages, nr);
			return NULL;
		}
	}
	return pages;
}

static void gpu_copy(struct fake_gpu *gpu, u64 off, void *p, size_t len, bool write)
{
	size_t step;

	dma_resv_lock(gpu->buf->resv, NULL);
	for (; len; len -= step, off += step, p += step) {
		u8 *at = gpu->pages[off >> PAGE_SHIFT] + offset_in_page(off);

		step = min_t(size_t, len, PAGE_SIZE - offset_in_page(off));
		if (write)
			memcpy(at, p, step);
		else
			memcpy(p, at, step);
	}
	dma_resv_unlock(gpu->buf->resv);
}

void fake_gpu_write(struct fake_gpu *gpu, u64 off, const void *from, size_t len)
{
	gpu_copy(gpu, off, (void *)from, len, true);
}

void fake_gpu_read(struct fake_gpu *gpu, u64 off, void *to, size_t len)
{
	gpu_copy(gpu, off, to, len, false);
}

/* The exporter -------------------------------------------------------------- */

static int gpu_attach(struct dma_buf *buf, struct dma_buf_attachment *attach)
{
	struct fake_gpu *gpu = buf->priv;

	return gpu->attach_error;
}

static int gpu_pin(struct dma_buf_attachment *attach)
{
	struct fake_gpu *gpu = attach->dmabuf->priv;

	gpu->pinned++;
	return 0;
}

static void gpu_unpin(struct dma_buf_attachment *attach)
{
	struct fake_gpu *gpu = attach->dmabuf->priv;

	gpu->pinned--;
}

static void gpu_fill(struct fake_gpu *gpu, struct sg_table *sgt)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_sg(sgt, sg, i) {
		sg_set_page(sg, virt_to_page(gpu->pages[i]), PAGE_SIZE, 0);
		sg_dma_address(sg) = (unsigned long)gpu->pages[i];
		sg_dma_len(sg) = gpu->unaligned ? PAGE_SIZE - 8 : PAGE_SIZE;
	}
}

static struct sg_table *gpu_map(struct dma_buf_attachment *attach, enum dma_data_direction dir)
{
	struct fake_gpu *gpu = attach->dmabuf->priv;
	struct sg_table *sgt;

	if (gpu->map_error)
		return ERR_PTR(gpu->map_error);
	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	if (!sgt || sg_alloc_table(sgt, gpu->nr - gpu->short_by, GFP_KERNEL)) {
		kfree(sgt);
		return ERR_PTR(-ENOMEM);
	}
	gpu_fill(gpu, sgt);
	gpu->maps++;
	return sgt;
}

static void gpu_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
		      enum dma_data_direction dir)
{
	struct fake_gpu *gpu = attach->dmabuf->priv;

	gpu->unmaps++;
	sg_free_table(sgt);
	kfree(sgt);
}

static void gpu_release(struct dma_buf *buf)
{
	struct fake_gpu *gpu = buf->priv;

	*gpu->released = true;
	pages_free(gpu->pages, gpu->nr);
	kfree(gpu);
}

static const struct dma_buf_ops gpu_ops = {
	.attach		= gpu_attach,
	.pin		= gpu_pin,
	.unpin		= gpu_unpin,
	.map_dma_buf	= gpu_map,
	.unmap_dma_buf	= gpu_unmap,
	.release	= gpu_release,
};

static const struct dma_buf_ops gpu_static_ops = {
	.attach		= gpu_attach,
	.map_dma_buf	= gpu_map,
	.unmap_dma_buf	= gpu_unmap,
	.release	= gpu_release,
};

/* Life ---------------------------------------------------------------------- */

struct fake_gpu *fake_gpu_create(unsigned int pages, bool dynamic, bool *released)
{
	struct fake_gpu *gpu = kzalloc(sizeof(*gpu), GFP_KERNEL);
	DEFINE_DMA_BUF_EXPORT_INFO(info);

	if (!gpu)
		return NULL;
	gpu->nr = pages;
	gpu->pages = pages_alloc(pages);
	gpu->released = released;
	info.ops = dynamic ? &gpu_ops : &gpu_static_ops;
	info.size = (size_t)pages << PAGE_SHIFT;
	info.flags = O_RDWR;
	info.priv = gpu;
	gpu->buf = gpu->pages ? dma_buf_export(&info) : ERR_PTR(-ENOMEM);
	if (!IS_ERR(gpu->buf))
		return gpu;
	pages_free(gpu->pages, pages);
	kfree(gpu);
	return NULL;
}

void fake_gpu_put(struct fake_gpu *gpu)
{
	dma_buf_put(gpu->buf);
}

int fake_gpu_move(struct fake_gpu *gpu)
{
	u8 **pages = pages_alloc(gpu->nr), **old = gpu->pages;
	unsigned int i;

	if (!pages)
		return -ENOMEM;
	dma_resv_lock(gpu->buf->resv, NULL);
	dma_buf_invalidate_mappings(gpu->buf);
	for (i = 0; i < gpu->nr; i++) {
		memcpy(pages[i], old[i], PAGE_SIZE);
		memset(old[i], 0xdd, PAGE_SIZE);
	}
	gpu->pages = pages;
	dma_resv_unlock(gpu->buf->resv);
	pages_free(old, gpu->nr);
	return 0;
}

void fake_gpu_revoke(struct fake_gpu *gpu)
{
	dma_resv_lock(gpu->buf->resv, NULL);
	gpu->map_error = -ENODEV;
	dma_buf_invalidate_mappings(gpu->buf);
	dma_resv_unlock(gpu->buf->resv);
}
