// SPDX-License-Identifier: GPL-2.0
/*
 * Namespaces, and what kvmem does with them: the media backend.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "nvme/nvme.h"

#define NS_PREFIX	"nvme:"
/* struct nvme_id_ns: nsfeat has this when npdg means something */
#define NSFEAT_OPTPERF	BIT(4)
/* Of SMART's data units, bytes */
#define SMART_UNIT	512000ULL
/* Memory of a transfer starts at a multiple of this: PRPs and SGLs count in dwords. */
#define NS_MEM_ALIGN	4U

/* Identify --------------------------------------------------------------------------- */

static const char *ns_check_format(const struct nvme_id_ns *id, const struct nvme_lbaf *lbaf,
				   bool *pi)
{
	*pi = false;
	if (!id->nsze)
		return "it has no blocks";
	if (lbaf->ds < 9 || lbaf->ds > 16)
		return "its blocks have no size that can be used";
	if (!lbaf->ms)
		return NULL;
	if (le16_to_cpu(lbaf->ms) != 8)
		return "its format has metadata other than 8 bytes";
	if ((id->dps & NVME_NS_DPS_PI_MASK) != NVME_NS_DPS_PI_TYPE1)
		return "its format has metadata without protection information of type 1";
	*pi = true;
	return NULL;
}

static void ns_set_limits(struct kvmem_nvme_ns *ns, const struct nvme_id_ns *id)
{
	struct kvmem_nvme *ctrl = ns->ctrl;

	ns->limits = (struct kvmem_nvme_limits) {
		.unit = 1U << ns->shift,
		/* A command counts blocks in 16 bits. */
		.max_bytes = min(ctrl->max_bytes, (u32)min_t(u64, 65536ULL << ns->shift, U32_MAX)),
		.boundary = (u64)le16_to_cpu(id->noiob) << ns->shift,
		.sgl = ctrl->sgl,
	};
	if (ns->limits.max_bytes < ns->limits.unit)
		ns->problem = "its blocks are longer than a transfer of the controller may be";
}

static u32 ns_discard_unit(const struct kvmem_nvme_ns *ns, const struct nvme_id_ns *id)
{
	if (!(le16_to_cpu(ns->ctrl->id->oncs) & NVME_CTRL_ONCS_DSM))
		return 0;
	if (!(id->nsfeat & NSFEAT_OPTPERF))
		return ns->limits.unit;
	return min_t(u64, (le16_to_cpu(id->npdg) + 1ULL) << ns->shift, SZ_1G);
}

static void ns_learn(struct kvmem_nvme_ns *ns, const struct nvme_id_ns *id)
{
	unsigned int format = (id->flbas & NVME_NS_FLBAS_LBA_MASK) | (id->flbas & 0x60) >> 1;
	const struct nvme_lbaf *lbaf = &id->lbaf[min_t(unsigned int, format,
						       ARRAY_SIZE(id->lbaf) - 1)];
	bool pi;

	ns->problem = ns_check_format(id, lbaf, &pi);
	if (ns->problem)
		return;
	ns->shift = lbaf->ds;
	ns_set_limits(ns, id);
	ns->geo = (struct kvmem_geometry) {
		.bytes = min_t(u64, le64_to_cpu(id->nsze), S64_MAX >> ns->shift) << ns->shift,
		.unit = ns->limits.unit,
		.mem_align = NS_MEM_ALIGN,
		.max_io = ns->limits.max_bytes,
		.discard_unit = ns_discard_unit(ns, id),
		.max_discard_ranges = KVMEM_NVME_MAX_RANGES,
		.volatile_cache = ns->ctrl->cache,
		/* The first bit of nsattr: write protected */
		.read_only = id->nsattr & 1,
		.polled = ns->ctrl->nr_poll,
		.pi = pi,
	};
}

/* List ---------------------------------------------------------------------------------- */

static struct kvmem_nvme_ns *ns_find(struct kvmem_nvme *ctrl, u32 nsid)
{
	struct kvmem_nvme_ns *ns;

	lockdep_assert_held(&ctrl->ns_lock);
	list_for_each_entry(ns, &ctrl->namespaces, node)
		if (ns->nsid == nsid)
			return ns;
	return NULL;
}

static struct kvmem_nvme_ns *ns_new(struct kvmem_nvme *ctrl, u32 nsid)
{
	struct kvmem_nvme_ns *ns = kzalloc(sizeof(*ns), GFP_KERNEL);

	if (!ns)
		return NULL;
	ns->ctrl = ctrl;
	ns->nsid = nsid;
	list_add_tail(&ns->node, &ctrl->namespaces);
	return ns;
}

/* What is open stays as it was opened, or is gone. */
static void ns_update(struct kvmem_nvme *ctrl, u32 nsid, const struct nvme_id_ns *id)
{
	struct kvmem_nvme_ns *ns, fresh = { .ctrl = ctrl, .nsid = nsid };

	mutex_lock(&ctrl->ns_lock);
	ns = ns_find(ctrl, nsid);
	if (!ns)
		ns = ns_new(ctrl, nsid);
	if (ns && !ns->dev) {
		ns_learn(ns, id);
	} else if (ns) {
		ns_learn(&fresh, id);
		if (fresh.problem || fresh.shift != ns->shift || fresh.geo.pi != ns->geo.pi ||
		    fresh.geo.bytes < ns->geo.bytes)
			kvmem_dev_report(ns->dev, KVMEM_DEV_GONE);
	}
	mutex_unlock(&ctrl->ns_lock);
}

static void ns_vanished(struct kvmem_nvme *ctrl, const __le32 *list, unsigned int nr)
{
	struct kvmem_nvme_ns *ns;
	unsigned int i;

	mutex_lock(&ctrl->ns_lock);
	list_for_each_entry(ns, &ctrl->namespaces, node) {
		for (i = 0; i < nr && le32_to_cpu(list[i]) != ns->nsid; i++)
			;
		if (i < nr)
			continue;
		ns->problem = "it is not there any more";
		if (ns->dev)
			kvmem_dev_report(ns->dev, KVMEM_DEV_GONE);
	}
	mutex_unlock(&ctrl->ns_lock);
}

static int scan_list(struct kvmem_nvme *ctrl, const __le32 *list, struct kvmem_nvme_buf *buf)
{
	unsigned int nr;
	int ret = 0;

	for (nr = 0; nr < KVMEM_NVME_MAX_NS && list[nr]; nr++) {
		u32 nsid = le32_to_cpu(list[nr]);

		memset(buf->data, 0, buf->len);
		ret = kvmem_nvme_identify(ctrl, NVME_ID_CNS_NS, nsid, buf);
		if (ret < 0)
			return ret;
		if (!ret)
			ns_update(ctrl, nsid, buf->data);
	}
	ns_vanished(ctrl, list, nr);
	return 0;
}

/* The first KVMEM_NVME_MAX_NS of those that are active. */
int kvmem_nvme_scan(struct kvmem_nvme *ctrl)
{
	struct kvmem_nvme_buf list = {}, buf = {};
	int ret;

	static_assert(sizeof(struct nvme_id_ns) == KVMEM_NVME_MAX_NS * sizeof(__le32));
	ret = kvmem_nvme_buf_alloc(ctrl, &list, sizeof(struct nvme_id_ns)) ?:
	      kvmem_nvme_buf_alloc(ctrl, &buf, sizeof(struct nvme_id_ns)) ?:
	      kvmem_nvme_errno(kvmem_nvme_identify(ctrl, NVME_ID_CNS_NS_ACTIVE_LIST, 0, &list));
	if (!ret)
		ret = scan_list(ctrl, list.data, &buf);
	kvmem_nvme_buf_free(ctrl, &list);
	kvmem_nvme_buf_free(ctrl, &buf);
	return ret;
}

void kvmem_nvme_report(struct kvmem_nvme *ctrl, enum kvmem_dev_trouble what)
{
	struct kvmem_nvme_ns *ns;

	mutex_lock(&ctrl->ns_lock);
	list_for_each_entry(ns, &ctrl->namespaces, node)
		if (ns->dev)
			kvmem_dev_report(ns->dev, what);
	mutex_unlock(&ctrl->ns_lock);
}

void kvmem_nvme_ns_free_all(struct kvmem_nvme *ctrl)
{
	struct kvmem_nvme_ns *ns, *next;

	list_for_each_entry_safe(ns, next, &ctrl->namespaces, node) {
		list_del(&ns->node);
		kfree(ns);
	}
}

/* Backend --------------------------------------------------------------------------------- */

/* "nvme:ADDRESS/NSID", the address as sysfs has it. */
static int ns_parse(const char *path, char *address, size_t size, u32 *nsid)
{
	const char *slash = strrchr(path, '/');

	if (strncmp(path, NS_PREFIX, strlen(NS_PREFIX)) || !slash)
		return -EINVAL;
	path += strlen(NS_PREFIX);
	if (slash <= path || slash - path >= size)
		return -EINVAL;
	memcpy(address, path, slash - path);
	address[slash - path] = 0;
	if (kstrtou32(slash + 1, 10, nsid) || !*nsid)
		return -EINVAL;
	return 0;
}

/* A controller that dies tells those who have opened; after that none is let in. */
static int ns_open(struct kvmem_nvme *ctrl, u32 nsid, struct kvmem_dev *dev)
{
	struct kvmem_nvme_ns *ns;

	lockdep_assert_held(&ctrl->ns_lock);
	ns = ns_find(ctrl, nsid);
	if (!ns || kvmem_nvme_get_state(ctrl) >= KVMEM_NVME_DEAD)
		return -ENODEV;
	if (ns->dev)
		return -EBUSY;
	if (ns->problem) {
		dev_warn(&ctrl->pdev->dev, "namespace %u: %s\n", nsid, ns->problem);
		return -EOPNOTSUPP;
	}
	ns->dev = dev;
	ctrl->nr_open++;
	dev->priv = ns;
	dev->geo = ns->geo;
	return 0;
}

static int kvmem_nvme_open(struct kvmem_dev *dev, const char *path)
{
	struct kvmem_nvme *ctrl;
	char address[32];
	u32 nsid;
	int ret = ns_parse(path, address, sizeof(address), &nsid);

	if (ret)
		return ret;
	ctrl = kvmem_nvme_find(address);
	if (!ctrl)
		return -ENODEV;
	mutex_lock(&ctrl->ns_lock);
	ret = ns_open(ctrl, nsid, dev);
	mutex_unlock(&ctrl->ns_lock);
	/* Else it is the opener's. */
	if (ret)
		kvmem_nvme_put(ctrl);
	return ret;
}

static bool plugged(struct kvmem_nvme *ctrl)
{
	unsigned int i;

	for (i = 1; i < ctrl->nr_queues; i++)
		if (atomic_read(&ctrl->queues[i].plugs))
			return true;
	return false;
}

static void kvmem_nvme_close(struct kvmem_dev *dev)
{
	struct kvmem_nvme_ns *ns = dev->priv;
	struct kvmem_nvme *ctrl = ns->ctrl;

	/* A task that has sent something rings when it sleeps, or before. */
	while (plugged(ctrl))
		fsleep(100);
	mutex_lock(&ctrl->ns_lock);
	ns->dev = NULL;
	ctrl->nr_open--;
	mutex_unlock(&ctrl->ns_lock);
	dev->priv = NULL;
	kvmem_nvme_put(ctrl);
}

static struct device *kvmem_nvme_dma_dev(struct kvmem_dev *dev)
{
	struct kvmem_nvme_ns *ns = dev->priv;

	if (kvmem_nvme_get_state(ns->ctrl) >= KVMEM_NVME_DEAD)
		return NULL;
	return &ns->ctrl->pdev->dev;
}

/* 128 bits, of which the upper half would be a lie. */
static s64 smart_number(const __u8 *le)
{
	__le64 low;

	memcpy(&low, le, sizeof(low));
	return min_t(u64, le64_to_cpu(low), S64_MAX);
}

static int smart_health(struct kvmem_nvme *ctrl, struct kvmem_health *health)
{
	struct nvme_smart_log *log;
	struct kvmem_nvme_buf buf;
	int ret = kvmem_nvme_buf_alloc(ctrl, &buf, sizeof(*log));

	if (ret)
		return ret;
	ret = kvmem_nvme_get_log(ctrl, NVME_LOG_SMART, NVME_NSID_ALL, &buf, sizeof(*log));
	log = buf.data;
	if (!ret)
		*health = (struct kvmem_health) {
			.percent_used = log->percent_used,
			.spare_percent = log->avail_spare,
			.media_errors = smart_number(log->media_errors),
			.bytes_written = min_t(u64, smart_number(log->data_units_written),
					       S64_MAX / SMART_UNIT) * SMART_UNIT,
		};
	kvmem_nvme_buf_free(ctrl, &buf);
	return kvmem_nvme_errno(ret);
}

static int kvmem_nvme_health(struct kvmem_dev *dev, struct kvmem_health *health)
{
	struct kvmem_nvme *ctrl = ((struct kvmem_nvme_ns *)dev->priv)->ctrl;
	int ret;

	if (!kvmem_nvme_enter(ctrl))
		return -ENODEV;
	ret = smart_health(ctrl, health);
	kvmem_nvme_leave(ctrl);
	return ret;
}

const struct kvmem_media_ops kvmem_nvme_ops = {
	.name		= "nvme",
	.owner		= THIS_MODULE,
	.open		= kvmem_nvme_open,
	.close		= kvmem_nvme_close,
	.submit		= kvmem_nvme_submit,
	.poll		= kvmem_nvme_poll,
	.dma_dev	= kvmem_nvme_dma_dev,
	.health		= kvmem_nvme_health,
};
