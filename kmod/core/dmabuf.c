// SPDX-License-Identifier: GPL-2.0
/*
 * Imported dma-bufs: attachments, one for each device, and their mappings.
 *
 * The exporter may move the memory whenever it holds the reservation lock and
 * nobody uses the mapping.  So move_notify takes the mapping away from those who
 * look for it, waits until the device is done with what is under way, and unmaps.
 * It waits for hardware only: a transfer gives its use back where it ends, in
 * interrupt, and every backend ends every transfer in bounded time.  Whoever wants the
 * memory next maps it again, or is told why not.
 *
 * A mapping that is there is found without a lock.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include "dma_map.h"
#include "dmabuf_internal.h"

MODULE_IMPORT_NS("DMA_BUF");

/**
 * struct dma_attach - a buffer and a device
 * @node: in db->atts; changed under atts_lock, read under RCU
 * @all_node: in atts; guarded by atts_lock
 * @db: the buffer; it has no attachment left when it goes
 * @dev: referenced
 * @attach: valid until @gone
 * @map: NULL: to be made; written under the reservation lock, read under RCU
 * @gone: no mapping is made any more; guarded by the reservation lock
 * @ref: the lists have one, whoever makes a mapping one
 * @rcu: frees it after look-ups are over
 */
struct dma_attach {
	struct list_head node;
	struct list_head all_node;
	struct kvmem_dmabuf *db;
	struct device *dev;
	struct dma_buf_attachment *attach;
	struct kvmem_dma_map __rcu *map;
	bool gone;
	refcount_t ref;
	struct rcu_head rcu;
};

/*
 * Making and unmaking attachments; outside of the reservation lock, which
 * move_notify comes with: it must not take this one.
 */
static DEFINE_MUTEX(atts_lock);
static LIST_HEAD(atts);

static void att_put(struct dma_attach *att)
{
	if (!refcount_dec_and_test(&att->ref))
		return;
	put_device(att->dev);
	kfree_rcu(att, rcu);
}

/* Mappings ---------------------------------------------------------------------- */

void kvmem_dma_map_put(struct kvmem_dma_map *map)
{
	if (refcount_dec_and_test(&map->users))
		complete(&map->drained);
}

/*
 * Nobody finds it any more.  What is under way writes to the memory until it
 * ends, so there is no giving up.
 */
static void map_drain(struct kvmem_dma_map *map, struct device *dev)
{
	kvmem_dma_map_put(map);
	while (!wait_for_completion_timeout(&map->drained,
					    msecs_to_jiffies(KVMEM_IO_TIMEOUT_MS)))
		pr_warn("%s: still moves bytes of memory whose owner wants it back\n",
			dev_name(dev));
}

/* Caller holds the reservation lock. */
static void att_unmap(struct dma_attach *att)
{
	struct dma_resv *resv = att->db->dmabuf->resv;
	struct kvmem_dma_map *map = rcu_dereference_protected(att->map, dma_resv_is_locked(resv));

	if (!map)
		return;
	rcu_assign_pointer(att->map, NULL);
	map_drain(map, att->dev);
	dma_buf_unmap_attachment(att->attach, map->sgt, att->db->dir);
	kvmem_dma_map_free(map);
}

/* The reservation lock is held by who moves or revokes. */
static void dmabuf_move_notify(struct dma_buf_attachment *attach)
{
	struct dma_attach *att = attach->importer_priv;

	dma_resv_assert_held(attach->dmabuf->resv);
	att_unmap(att);
}

static const struct dma_buf_attach_ops dmabuf_attach_ops = {
	.allow_peer2peer	= true,
	.invalidate_mappings	= dmabuf_move_notify,
};

/* What a failure to attach or map means for who asked; any other is passed on. */
static int map_failed(int err, enum kvmem_reason *why)
{
	switch (err) {
	case -ENOMEM:
	case -EINTR:
	case -ETIMEDOUT:
		return err;
	case -ERESTARTSYS:
		return -EINTR;
	case -ENODEV:
		*why = KVMEM_REASON_REVOKED;
		break;
	case -EREMOTEIO:
	case -EBUSY:
		*why = KVMEM_REASON_ROUTE;
		break;
	default:
		*why = KVMEM_REASON_EXPORTER;
	}
	return -EOPNOTSUPP;
}

/* The exporter's own moves, which fill the memory, come first. */
static int resv_wait_moves(struct dma_resv *resv)
{
	long left = dma_resv_wait_timeout(resv, DMA_RESV_USAGE_KERNEL, true,
					  msecs_to_jiffies(KVMEM_IO_TIMEOUT_MS));

	return left > 0 ? 0 : left ? left : -ETIMEDOUT;
}

/* Caller holds the reservation lock. */
static struct kvmem_dma_map *map_make(struct dma_attach *att)
{
	struct kvmem_dmabuf *db = att->db;
	struct sg_table *sgt = dma_buf_map_attachment(att->attach, db->dir);
	struct kvmem_dma_map *map;
	int ret;

	if (IS_ERR(sgt))
		return ERR_CAST(sgt);
	map = kvmem_dma_map_build(sgt, db->off, db->len);
	ret = PTR_ERR_OR_ZERO(map);
	if (!ret) {
		map->sgt = sgt;
		ret = resv_wait_moves(db->dmabuf->resv);
		if (!ret)
			return map;
		kvmem_dma_map_free(map);
	}
	dma_buf_unmap_attachment(att->attach, sgt, db->dir);
	return ERR_PTR(ret);
}

static struct kvmem_dma_map *att_map_locked(struct dma_attach *att)
{
	struct dma_resv *resv = att->db->dmabuf->resv;
	struct kvmem_dma_map *map;

	if (att->gone)
		return ERR_PTR(-ENXIO);
	map = rcu_dereference_protected(att->map, dma_resv_is_locked(resv));
	if (map) {
		refcount_inc(&map->users);
		return map;
	}
	map = map_make(att);
	if (IS_ERR(map))
		return map;
	refcount_inc(&map->users);
	rcu_assign_pointer(att->map, map);
	return map;
}

static struct kvmem_dma_map *att_map(struct dma_attach *att)
{
	struct dma_resv *resv = att->db->dmabuf->resv;
	struct kvmem_dma_map *map;

	dma_resv_lock(resv, NULL);
	map = att_map_locked(att);
	dma_resv_unlock(resv);
	return map;
}

/* Attachments ------------------------------------------------------------------- */

static struct dma_attach *att_find(struct kvmem_dmabuf *db, struct device *dev)
{
	struct dma_attach *att;

	list_for_each_entry_rcu(att, &db->atts, node, lockdep_is_held(&atts_lock))
		if (att->dev == dev)
			return att;
	return NULL;
}

/* Exporters that cannot move are mapped by this, for good. */
static struct dma_attach *att_make(struct kvmem_dmabuf *db, struct device *dev)
{
	struct dma_attach *att = kzalloc(sizeof(*att), GFP_KERNEL_ACCOUNT);
	struct dma_buf_attachment *attach;

	if (!att)
		return ERR_PTR(-ENOMEM);
	att->db = db;
	att->dev = dev;
	refcount_set(&att->ref, 1);
	attach = dma_buf_dynamic_attach(db->dmabuf, dev, &dmabuf_attach_ops, att);
	if (IS_ERR(attach)) {
		kfree(att);
		return ERR_CAST(attach);
	}
	att->attach = attach;
	get_device(dev);
	list_add_rcu(&att->node, &db->atts);
	list_add(&att->all_node, &atts);
	return att;
}

/*
 * Referenced.  The backend is asked for its device with the lock held, so that
 * none is attached to that kvmem_dma_forget() has forgotten.
 */
static struct dma_attach *att_get(struct kvmem_dmabuf *db, struct kvmem_dev *dev)
{
	struct dma_attach *att = ERR_PTR(-ENXIO);
	struct device *dma_dev;

	mutex_lock(&atts_lock);
	dma_dev = kvmem_dev_dma(dev);
	if (dma_dev)
		att = att_find(db, dma_dev) ?: att_make(db, dma_dev);
	if (!IS_ERR(att))
		refcount_inc(&att->ref);
	mutex_unlock(&atts_lock);
	return att;
}

/* Caller holds atts_lock. */
static void att_remove(struct dma_attach *att)
{
	struct dma_buf *dmabuf = att->db->dmabuf;

	list_del_rcu(&att->node);
	list_del(&att->all_node);
	dma_resv_lock(dmabuf->resv, NULL);
	att->gone = true;
	att_unmap(att);
	dma_resv_unlock(dmabuf->resv);
	dma_buf_detach(dmabuf, att->attach);
	att_put(att);
}

void kvmem_dma_forget(struct device *dev)
{
	struct dma_attach *att, *next;

	mutex_lock(&atts_lock);
	list_for_each_entry_safe(att, next, &atts, all_node)
		if (att->dev == dev)
			att_remove(att);
	mutex_unlock(&atts_lock);
}
EXPORT_SYMBOL_KVMEM(kvmem_dma_forget);

/* Uses -------------------------------------------------------------------------- */

/* The mapping that is there, used; else NULL. */
static struct kvmem_dma_map *use_fast(struct kvmem_dmabuf *db, struct device *dev)
{
	struct kvmem_dma_map *map = NULL;
	struct dma_attach *att;

	rcu_read_lock();
	att = att_find(db, dev);
	if (att)
		map = rcu_dereference(att->map);
	if (map && !refcount_inc_not_zero(&map->users))
		map = NULL;
	rcu_read_unlock();
	return map;
}

struct kvmem_dma_map *kvmem_dmabuf_use(struct kvmem_dmabuf *db, struct kvmem_dev *dev,
				       enum kvmem_reason *why)
{
	struct device *dma_dev = kvmem_dev_dma(dev);
	struct kvmem_dma_map *map;
	struct dma_attach *att;

	if (!dma_dev) {
		*why = KVMEM_REASON_MEDIA;
		return ERR_PTR(-EOPNOTSUPP);
	}
	map = use_fast(db, dma_dev);
	if (map)
		return map;
	att = att_get(db, dev);
	if (IS_ERR(att))
		return ERR_PTR(map_failed(PTR_ERR(att), why));
	map = att_map(att);
	att_put(att);
	if (IS_ERR(map))
		return ERR_PTR(map_failed(PTR_ERR(map), why));
	return map;
}

/* Life -------------------------------------------------------------------------- */

static struct kvmem_dmabuf *dmabuf_new(struct dma_buf *dmabuf, u64 off, u64 len, bool rdonly)
{
	struct kvmem_dmabuf *db;

	if (off > dmabuf->size || len > dmabuf->size - off)
		return ERR_PTR(-EINVAL);
	db = kzalloc(sizeof(*db), GFP_KERNEL_ACCOUNT);
	if (!db)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&db->atts);
	db->dmabuf = dmabuf;
	db->off = off;
	db->len = len;
	db->dir = rdonly ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL;
	return db;
}

struct kvmem_dmabuf *kvmem_dmabuf_import(int fd, u64 off, u64 len, bool rdonly)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);
	struct kvmem_dmabuf *db;

	/* EINVAL means that it is a file of another kind. */
	if (IS_ERR(dmabuf))
		return ERR_PTR(-EBADF);
	db = dmabuf_new(dmabuf, off, len, rdonly);
	if (IS_ERR(db))
		dma_buf_put(dmabuf);
	return db;
}

void kvmem_dmabuf_release(struct kvmem_dmabuf *db)
{
	struct dma_attach *att, *next;

	mutex_lock(&atts_lock);
	list_for_each_entry_safe(att, next, &db->atts, node)
		att_remove(att);
	mutex_unlock(&atts_lock);
	/* The exporter's module may go with its last dma-buf. */
	dma_buf_put(db->dmabuf);
	kfree(db);
}
