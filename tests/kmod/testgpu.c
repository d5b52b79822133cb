// SPDX-License-Identifier: GPL-2.0
/*
 * A GPU for tests: QEMU's ivshmem-plain, whose memory is a file outside of the
 * machine, as an exporter of dma-bufs that other devices reach peer to peer.
 *
 * It moves and revokes what it has exported on demand: see testgpu.h.  One device.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/io.h>
#include <linux/iosys-map.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "testgpu.h"

#define GPU_BAR		2

static bool check_route;
module_param(check_route, bool, 0644);
MODULE_PARM_DESC(check_route, "Ask the platform whether there is a peer-to-peer path, as GPU drivers do");

/**
 * struct gpu - the device
 * @pdev: NULL until it is there
 * @phys: of its memory, for the CPU
 * @bytes: of it
 * @io: where the kernel sees it
 */
static struct gpu {
	struct pci_dev *pdev;
	phys_addr_t phys;
	u64 bytes;
	void __iomem *io;
} gpu;

/**
 * struct gpu_buf - an exported part; guarded by the reservation lock
 * @off: where in the memory
 * @len: bytes
 * @flags: TESTGPU_F_*
 * @error: why it cannot be mapped
 * @pinned: how often
 * @maps: mappings made
 * @unmaps: and undone
 */
struct gpu_buf {
	u64 off;
	u64 len;
	u32 flags;
	int error;
	int pinned;
	unsigned int maps;
	unsigned int unmaps;
};

/* Exporting ----------------------------------------------------------------- */

static u64 buf_step(const struct gpu_buf *b)
{
	return b->flags & TESTGPU_F_SCATTER ? TESTGPU_CHUNK : b->len;
}

/* A device that cannot do peer-to-peer gets nothing: this memory cannot go elsewhere. */
static int buf_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	if (check_route && pci_p2pdma_distance(gpu.pdev, attach->dev, false) < 0)
		attach->peer2peer = false;
	return 0;
}

static int buf_pin(struct dma_buf_attachment *attach)
{
	struct gpu_buf *b = attach->dmabuf->priv;

	b->pinned++;
	return 0;
}

static void buf_unpin(struct dma_buf_attachment *attach)
{
	struct gpu_buf *b = attach->dmabuf->priv;

	b->pinned--;
}

static void buf_unmap_sgt(struct device *dev, struct sg_table *sgt, unsigned int nr,
			  enum dma_data_direction dir)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sg(sgt->sgl, sg, nr, i)
		dma_unmap_resource(dev, sg_dma_address(sg), sg_dma_len(sg), dir,
				   DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(sgt);
	kfree(sgt);
}

static int buf_map_sgt(struct gpu_buf *b, struct device *dev, struct sg_table *sgt,
		       enum dma_data_direction dir, unsigned int *done)
{
	u64 step = buf_step(b), at = b->off + b->len;
	struct scatterlist *sg;
	dma_addr_t addr;
	unsigned int i;

	for_each_sg(sgt->sgl, sg, sgt->orig_nents, i) {
		at -= step;
		addr = dma_map_resource(dev, gpu.phys + at, step, dir, DMA_ATTR_SKIP_CPU_SYNC);
		if (dma_mapping_error(dev, addr))
			return -EIO;
		sg_dma_address(sg) = addr;
		sg_dma_len(sg) = step;
		*done = i + 1;
	}
	return 0;
}

static struct sg_table *buf_map(struct dma_buf_attachment *attach, enum dma_data_direction dir)
{
	struct gpu_buf *b = attach->dmabuf->priv;
	struct sg_table *sgt;
	unsigned int done = 0;
	int ret;

	if (b->error)
		return ERR_PTR(b->error);
	if (!attach->peer2peer)
		return ERR_PTR(-EREMOTEIO);
	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	ret = sg_alloc_table(sgt, div64_u64(b->len, buf_step(b)), GFP_KERNEL);
	if (ret) {
		kfree(sgt);
		return ERR_PTR(ret);
	}
	ret = buf_map_sgt(b, attach->dev, sgt, dir, &done);
	if (ret) {
		buf_unmap_sgt(attach->dev, sgt, done, dir);
		return ERR_PTR(ret);
	}
	b->maps++;
	return sgt;
}

static void buf_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
		      enum dma_data_direction dir)
{
	struct gpu_buf *b = attach->dmabuf->priv;

	b->unmaps++;
	buf_unmap_sgt(attach->dev, sgt, sgt->orig_nents, dir);
}

static int buf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct gpu_buf *b = dmabuf->priv;

	iosys_map_set_vaddr_iomem(map, gpu.io + b->off);
	return 0;
}

static void buf_release(struct dma_buf *dmabuf)
{
	kfree(dmabuf->priv);
}

static const struct dma_buf_ops buf_ops = {
	.attach		= buf_attach,
	.pin		= buf_pin,
	.unpin		= buf_unpin,
	.map_dma_buf	= buf_map,
	.unmap_dma_buf	= buf_unmap,
	.vmap		= buf_vmap,
	.release	= buf_release,
};

/* The kernel warns of a vmap that fails, not of one that is not there. */
static const struct dma_buf_ops buf_no_vmap_ops = {
	.attach		= buf_attach,
	.pin		= buf_pin,
	.unpin		= buf_unpin,
	.map_dma_buf	= buf_map,
	.unmap_dma_buf	= buf_unmap,
	.release	= buf_release,
};

static const struct dma_buf_ops buf_static_ops = {
	.attach		= buf_attach,
	.map_dma_buf	= buf_map,
	.unmap_dma_buf	= buf_unmap,
	.vmap		= buf_vmap,
	.release	= buf_release,
};

static const struct dma_buf_ops *ops_of(u32 flags)
{
	if (flags & TESTGPU_F_STATIC)
		return &buf_static_ops;
	return flags & (TESTGPU_F_NO_VMAP | TESTGPU_F_SCATTER) ? &buf_no_vmap_ops : &buf_ops;
}

/* Requests ------------------------------------------------------------------ */

static bool place_ok(u64 off, u64 len)
{
	return PAGE_ALIGNED(off) && off <= gpu.bytes && len <= gpu.bytes - off;
}

static int alloc_check(const struct testgpu_alloc *a)
{
	if (a->flags & ~(TESTGPU_F_NO_VMAP | TESTGPU_F_STATIC | TESTGPU_F_SCATTER) ||
	    (a->flags & TESTGPU_F_STATIC && a->flags != TESTGPU_F_STATIC) ||
	    !a->length || !PAGE_ALIGNED(a->length) || !place_ok(a->offset, a->length))
		return -EINVAL;
	return a->flags & TESTGPU_F_SCATTER && a->length % TESTGPU_CHUNK ? -EINVAL : 0;
}

static int gpu_export(const struct testgpu_alloc *a)
{
	struct gpu_buf *b = kzalloc(sizeof(*b), GFP_KERNEL);
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *dmabuf;
	int fd;

	if (!b)
		return -ENOMEM;
	b->off = a->offset;
	b->len = a->length;
	b->flags = a->flags;
	info.ops = ops_of(a->flags);
	info.size = a->length;
	info.flags = O_RDWR;
	info.priv = b;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		kfree(b);
		return PTR_ERR(dmabuf);
	}
	fd = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (fd < 0)
		dma_buf_put(dmabuf);
	return fd;
}

static int gpu_alloc(struct testgpu_alloc *a)
{
	int ret = alloc_check(a);

	if (ret)
		return ret;
	a->fd = gpu_export(a);
	return min(a->fd, 0);
}

/* One of ours, with the reservation lock; to be given to buf_put(). */
static struct dma_buf *buf_get(int fd)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);

	if (IS_ERR(dmabuf))
		return dmabuf;
	if (dmabuf->ops->release != buf_release) {
		dma_buf_put(dmabuf);
		return ERR_PTR(-EINVAL);
	}
	dma_resv_lock(dmabuf->resv, NULL);
	return dmabuf;
}

static void buf_put(struct dma_buf *dmabuf)
{
	dma_resv_unlock(dmabuf->resv);
	dma_buf_put(dmabuf);
}

static void gpu_copy(u64 from, u64 to, u64 len, void *page)
{
	for (; len; len -= PAGE_SIZE, from += PAGE_SIZE, to += PAGE_SIZE) {
		memcpy_fromio(page, gpu.io + from, PAGE_SIZE);
		memcpy_toio(gpu.io + to, page, PAGE_SIZE);
		memset_io(gpu.io + from, 0xdd, PAGE_SIZE);
		cond_resched();
	}
}

/* What an importer writes to the old place from here on is lost. */
static int buf_move(struct dma_buf *dmabuf, u64 to)
{
	struct gpu_buf *b = dmabuf->priv;
	void *page;

	if (dmabuf->ops == &buf_static_ops || b->pinned)
		return -EBUSY;
	if (!place_ok(to, b->len) || (to < b->off + b->len && b->off < to + b->len))
		return -EINVAL;
	page = (void *)__get_free_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	dma_buf_invalidate_mappings(dmabuf);
	gpu_copy(b->off, to, b->len, page);
	b->off = to;
	free_page((unsigned long)page);
	return 0;
}

static int gpu_move(const struct testgpu_move *m)
{
	struct dma_buf *dmabuf = buf_get(m->fd);
	int ret;

	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	ret = buf_move(dmabuf, m->offset);
	buf_put(dmabuf);
	return ret;
}

static int gpu_fail(const struct testgpu_fail *f)
{
	struct dma_buf *dmabuf = buf_get(f->fd);
	struct gpu_buf *b;

	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	b = dmabuf->priv;
	b->error = clamp(f->error, -MAX_ERRNO, 0);
	if (b->error)
		dma_buf_invalidate_mappings(dmabuf);
	buf_put(dmabuf);
	return 0;
}

static int gpu_count(struct testgpu_count *c)
{
	struct dma_buf *dmabuf = buf_get(c->fd);
	struct gpu_buf *b;

	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	b = dmabuf->priv;
	c->pinned = b->pinned;
	c->maps = b->maps;
	c->unmaps = b->unmaps;
	buf_put(dmabuf);
	return 0;
}

union gpu_arg {
	__u64 size;
	struct testgpu_alloc alloc;
	struct testgpu_move move;
	struct testgpu_fail fail;
	struct testgpu_count count;
};

static int gpu_request(unsigned int cmd, union gpu_arg *arg)
{
	switch (cmd) {
	case TESTGPU_SIZE:
		arg->size = gpu.bytes;
		return 0;
	case TESTGPU_ALLOC:
		return gpu_alloc(&arg->alloc);
	case TESTGPU_MOVE:
		return gpu_move(&arg->move);
	case TESTGPU_FAIL:
		return gpu_fail(&arg->fail);
	case TESTGPU_COUNT:
		return gpu_count(&arg->count);
	}
	return -ENOTTY;
}

static long gpu_ioctl(struct file *file, unsigned int cmd, unsigned long uarg)
{
	void __user *uptr = (void __user *)uarg;
	union gpu_arg arg = {};
	int ret;

	if (_IOC_SIZE(cmd) > sizeof(arg))
		return -ENOTTY;
	if (_IOC_DIR(cmd) & _IOC_WRITE && copy_from_user(&arg, uptr, _IOC_SIZE(cmd)))
		return -EFAULT;
	ret = gpu_request(cmd, &arg);
	if (!ret && _IOC_DIR(cmd) & _IOC_READ && copy_to_user(uptr, &arg, _IOC_SIZE(cmd)))
		ret = -EFAULT;
	return ret;
}

static int gpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	return vm_iomap_memory(vma, gpu.phys, gpu.bytes);
}

static const struct file_operations gpu_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= gpu_ioctl,
	.mmap		= gpu_mmap,
};

static struct miscdevice gpu_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "kvmem_testgpu",
	.fops	= &gpu_fops,
};

/* The device ---------------------------------------------------------------- */

static int gpu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret;

	if (gpu.pdev)
		return -EBUSY;
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	gpu.phys = pci_resource_start(pdev, GPU_BAR);
	gpu.bytes = pci_resource_len(pdev, GPU_BAR);
	gpu.io = devm_ioremap_wc(&pdev->dev, gpu.phys, gpu.bytes);
	if (!gpu.bytes || !gpu.io)
		return -ENOMEM;
	gpu.pdev = pdev;
	ret = misc_register(&gpu_misc);
	if (ret)
		gpu.pdev = NULL;
	return ret;
}

/* The module stays while there is a dma-buf, and nothing else unbinds it. */
static void gpu_remove(struct pci_dev *pdev)
{
	misc_deregister(&gpu_misc);
	gpu.pdev = NULL;
}

static const struct pci_device_id gpu_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, 0x1110) },
	{}
};

static struct pci_driver gpu_driver = {
	.name		= "kvmem_testgpu",
	.id_table	= gpu_ids,
	.probe		= gpu_probe,
	.remove		= gpu_remove,
	.driver		= { .suppress_bind_attrs = true },
};

module_pci_driver(gpu_driver);
MODULE_IMPORT_NS("DMA_BUF");
MODULE_DESCRIPTION("An exporter of dma-bufs for kvmem's tests");
MODULE_LICENSE("GPL");
