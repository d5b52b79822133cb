// SPDX-License-Identifier: GPL-2.0
/*
 * The stages of bringing a controller up and down.  Memory and interrupts are
 * main.c's, once; everything here is done again by each reset.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include "nvme/nvme.h"

/* CAP.TO in steps of 500 ms is the controller's own word; more than this is not believed. */
#define READY_MAX_MS	60000U
#define SHUTDOWN_MAX_MS	10000U
/* Events that we listen to: SMART warnings, and namespaces that change */
#define EVENTS_WANTED	(0x1f | NVME_AEN_CFG_NS_ATTR)

/* Registers ------------------------------------------------------------------------- */

bool kvmem_nvme_present(struct kvmem_nvme *ctrl)
{
	return readl(ctrl->bar + NVME_REG_CSTS) != U32_MAX;
}

static unsigned int ready_ms(const struct kvmem_nvme *ctrl)
{
	return min((NVME_CAP_TIMEOUT(ctrl->cap) + 1) * 500U, READY_MAX_MS);
}

/* Until the bits of CSTS are as wanted; a device that has gone reads as all ones. */
static int wait_csts(struct kvmem_nvme *ctrl, u32 mask, u32 want, unsigned int ms)
{
	unsigned long end = jiffies + msecs_to_jiffies(ms) + 1;
	u32 csts;

	for (;;) {
		csts = readl(ctrl->bar + NVME_REG_CSTS);
		if (csts == U32_MAX)
			return -ENODEV;
		if ((csts & mask) == want)
			return 0;
		if (want && (csts & NVME_CSTS_CFS))
			return -EIO;
		if (time_after(jiffies, end))
			return -ETIMEDOUT;
		usleep_range(200, 1000);
	}
}

static int disable(struct kvmem_nvme *ctrl)
{
	u32 cc = readl(ctrl->bar + NVME_REG_CC);

	if (cc == U32_MAX)
		return -ENODEV;
	writel(cc & ~(NVME_CC_ENABLE | NVME_CC_SHN_MASK), ctrl->bar + NVME_REG_CC);
	return wait_csts(ctrl, NVME_CSTS_RDY, 0, ready_ms(ctrl));
}

static int enable(struct kvmem_nvme *ctrl)
{
	struct kvmem_nvme_queue *q = kvmem_nvme_admin_queue(ctrl);
	u32 aqa = q->depth - 1;

	writel(aqa << 16 | aqa, ctrl->bar + NVME_REG_AQA);
	lo_hi_writeq(q->sq_dma, ctrl->bar + NVME_REG_ASQ);
	lo_hi_writeq(q->cq_dma, ctrl->bar + NVME_REG_ACQ);
	writel(NVME_CC_ENABLE | NVME_CC_CSS_NVM | NVME_CC_AMS_RR | NVME_CC_SHN_NONE |
	       NVME_CC_IOSQES | NVME_CC_IOCQES, ctrl->bar + NVME_REG_CC);
	return wait_csts(ctrl, NVME_CSTS_RDY, NVME_CSTS_RDY, ready_ms(ctrl));
}

/*
 * One that does not answer loses the bus: after that it reaches no memory, and
 * that alone makes it safe to end its commands.
 */
int kvmem_nvme_halt(struct kvmem_nvme *ctrl)
{
	int ret = disable(ctrl);

	if (ret)
		pci_clear_master(ctrl->pdev);
	return ret;
}

void kvmem_nvme_shutdown_notice(struct kvmem_nvme *ctrl)
{
	u32 cc = readl(ctrl->bar + NVME_REG_CC);
	u32 rtd3e = ctrl->id ? le32_to_cpu(ctrl->id->rtd3e) / 1000 : 0;
	int ret;

	if (cc == U32_MAX || !(cc & NVME_CC_ENABLE))
		return;
	writel((cc & ~NVME_CC_SHN_MASK) | NVME_CC_SHN_NORMAL, ctrl->bar + NVME_REG_CC);
	ret = wait_csts(ctrl, NVME_CSTS_SHST_MASK, NVME_CSTS_SHST_CMPLT,
			clamp(rtd3e, 5000U, SHUTDOWN_MAX_MS));
	if (ret)
		dev_warn(&ctrl->pdev->dev, "no orderly shutdown (%d)\n", ret);
}

/* Stages ------------------------------------------------------------------------------ */

static int start_admin(struct kvmem_nvme *ctrl)
{
	struct kvmem_nvme_queue *q = kvmem_nvme_admin_queue(ctrl);
	int ret = disable(ctrl);

	if (ret)
		return ret;
	pci_set_master(ctrl->pdev);
	kvmem_nvme_queue_init(q);
	ret = enable(ctrl);
	if (ret)
		return ret;
	kvmem_nvme_queue_enable(q);
	return 0;
}

/* Another controller in the same slot, or one whose firmware thinks otherwise now */
static bool same_controller(const struct nvme_id_ctrl *a, const struct nvme_id_ctrl *b)
{
	return !memcmp(a->sn, b->sn, sizeof(a->sn)) && !memcmp(a->mn, b->mn, sizeof(a->mn));
}

static void learn(struct kvmem_nvme *ctrl)
{
	const struct nvme_id_ctrl *id = ctrl->id;
	u32 sgls = le32_to_cpu(id->sgls) & 3;

	ctrl->max_bytes = KVMEM_NVME_MAX_IO;
	if (id->mdts && id->mdts < 20)
		ctrl->max_bytes = min(ctrl->max_bytes, KVMEM_NVME_PAGE << id->mdts);
	ctrl->sgl = sgls == 1 || sgls == 2;
	ctrl->cache = id->vwc & NVME_CTRL_VWC_PRESENT;
	atomic_set(&ctrl->aborts_left, min(id->acl + 1, 4));
}

static int start_identify(struct kvmem_nvme *ctrl)
{
	struct kvmem_nvme_buf buf;
	int ret = kvmem_nvme_buf_alloc(ctrl, &buf, sizeof(*ctrl->id));

	if (ret)
		return ret;
	ret = kvmem_nvme_errno(kvmem_nvme_identify(ctrl, NVME_ID_CNS_CTRL, 0, &buf));
	if (!ret && ctrl->nr_live && !same_controller(ctrl->id, buf.data))
		ret = -ENXIO;
	if (!ret) {
		memcpy(ctrl->id, buf.data, sizeof(*ctrl->id));
		learn(ctrl);
	}
	kvmem_nvme_buf_free(ctrl, &buf);
	return ret;
}

/* How many it lets us have, with the admin queue. */
static int start_count(struct kvmem_nvme *ctrl, unsigned int *nr)
{
	u32 want = ctrl->nr_queues - 2, got;
	int ret = kvmem_nvme_set_feature(ctrl, NVME_FEAT_NUM_QUEUES, want << 16 | want, &got);

	if (ret)
		return kvmem_nvme_errno(ret);
	*nr = min3(ctrl->nr_queues, (got & 0xffff) + 2, (got >> 16) + 2);
	return 0;
}

static int create_cq(struct kvmem_nvme *ctrl, struct kvmem_nvme_queue *q)
{
	struct nvme_command cmd = {
		.create_cq.opcode = nvme_admin_create_cq,
		.create_cq.prp1 = cpu_to_le64(q->cq_dma),
		.create_cq.cqid = cpu_to_le16(q->qid),
		.create_cq.qsize = cpu_to_le16(q->depth - 1),
		.create_cq.cq_flags = cpu_to_le16(NVME_QUEUE_PHYS_CONTIG |
						  (q->polled ? 0 : NVME_CQ_IRQ_ENABLED)),
		.create_cq.irq_vector = cpu_to_le16(q->polled ? 0 : q->vector),
	};

	return kvmem_nvme_errno(kvmem_nvme_admin(ctrl, &cmd, NULL, NULL));
}

static int create_sq(struct kvmem_nvme *ctrl, struct kvmem_nvme_queue *q)
{
	struct nvme_command cmd = {
		.create_sq.opcode = nvme_admin_create_sq,
		.create_sq.prp1 = cpu_to_le64(q->sq_dma),
		.create_sq.sqid = cpu_to_le16(q->qid),
		.create_sq.qsize = cpu_to_le16(q->depth - 1),
		.create_sq.sq_flags = cpu_to_le16(NVME_QUEUE_PHYS_CONTIG),
		.create_sq.cqid = cpu_to_le16(q->qid),
	};

	return kvmem_nvme_errno(kvmem_nvme_admin(ctrl, &cmd, NULL, NULL));
}

static int start_queue(struct kvmem_nvme *ctrl, struct kvmem_nvme_queue *q)
{
	int ret;

	kvmem_nvme_queue_init(q);
	ret = create_cq(ctrl, q);
	return ret ?: create_sq(ctrl, q);
}

/*
 * A transfer is bound to its queue; one of a queue that is not there any more
 * after a reset has an error for its end.
 */
static int start_queues(struct kvmem_nvme *ctrl)
{
	unsigned int nr, i;
	int ret = start_count(ctrl, &nr);

	if (ret)
		return ret;
	if (nr < 2)
		return -ENXIO;
	if (ctrl->nr_live && nr < ctrl->nr_live)
		return -ENXIO;
	for (i = 1; i < nr; i++) {
		ret = start_queue(ctrl, &ctrl->queues[i]);
		if (ret)
			return ret;
	}
	WRITE_ONCE(ctrl->nr_live, nr);
	return 0;
}

/* Shadow doorbells: optional, and quietly done without ---------------------------------- */

static int shadow_alloc(struct kvmem_nvme *ctrl)
{
	struct device *dev = &ctrl->pdev->dev;

	if (ctrl->shadow)
		return 0;
	ctrl->shadow = dma_alloc_coherent(dev, KVMEM_NVME_PAGE, &ctrl->shadow_dma, GFP_KERNEL);
	ctrl->events = dma_alloc_coherent(dev, KVMEM_NVME_PAGE, &ctrl->events_dma, GFP_KERNEL);
	if (ctrl->shadow && ctrl->events)
		return 0;
	kvmem_nvme_shadow_free(ctrl);
	return -ENOMEM;
}

void kvmem_nvme_shadow_free(struct kvmem_nvme *ctrl)
{
	struct device *dev = &ctrl->pdev->dev;

	if (ctrl->shadow)
		dma_free_coherent(dev, KVMEM_NVME_PAGE, ctrl->shadow, ctrl->shadow_dma);
	if (ctrl->events)
		dma_free_coherent(dev, KVMEM_NVME_PAGE, ctrl->events, ctrl->events_dma);
	ctrl->shadow = NULL;
	ctrl->events = NULL;
}

static void shadow_use(struct kvmem_nvme *ctrl, struct kvmem_nvme_queue *q)
{
	unsigned int step = 1U << ctrl->stride;
	unsigned int sq = 2 * q->qid * step, cq = (2 * q->qid + 1) * step;

	if (cq >= KVMEM_NVME_PAGE / sizeof(__le32))
		return;
	q->sq_shadow = ctrl->shadow + sq;
	q->cq_shadow = ctrl->shadow + cq;
	q->sq_event = ctrl->events + sq;
	q->cq_event = ctrl->events + cq;
}

static void start_shadow(struct kvmem_nvme *ctrl)
{
	struct nvme_command cmd = { .dbbuf.opcode = nvme_admin_dbbuf };
	unsigned int i;

	if (!(le16_to_cpu(ctrl->id->oacs) & NVME_CTRL_OACS_DBBUF_SUPP) || shadow_alloc(ctrl))
		return;
	memset(ctrl->shadow, 0, KVMEM_NVME_PAGE);
	memset(ctrl->events, 0, KVMEM_NVME_PAGE);
	cmd.dbbuf.prp1 = cpu_to_le64(ctrl->shadow_dma);
	cmd.dbbuf.prp2 = cpu_to_le64(ctrl->events_dma);
	if (kvmem_nvme_admin(ctrl, &cmd, NULL, NULL))
		return;
	for (i = 1; i < ctrl->nr_live; i++)
		shadow_use(ctrl, &ctrl->queues[i]);
}

static void start_events(struct kvmem_nvme *ctrl)
{
	u32 offered = le32_to_cpu(ctrl->id->oaes) | 0x1f;

	kvmem_nvme_set_feature(ctrl, NVME_FEAT_ASYNC_EVENT, EVENTS_WANTED & offered, NULL);
	kvmem_nvme_send_event_request(ctrl);
}

int kvmem_nvme_start(struct kvmem_nvme *ctrl)
{
	int ret;

	WRITE_ONCE(ctrl->starter, current);
	ret = start_admin(ctrl);
	if (!ret)
		ret = start_identify(ctrl);
	if (!ret)
		ret = start_queues(ctrl);
	if (!ret)
		start_shadow(ctrl);
	if (!ret)
		start_events(ctrl);
	/* One of the optional ones may have switched it off. */
	if (!ret && !kvmem_nvme_admin_queue(ctrl)->enabled)
		ret = -EIO;
	WRITE_ONCE(ctrl->starter, NULL);
	return ret;
}

void kvmem_nvme_go(struct kvmem_nvme *ctrl)
{
	unsigned int i;

	for (i = 1; i < ctrl->nr_live; i++)
		kvmem_nvme_queue_enable(&ctrl->queues[i]);
}

void kvmem_nvme_stop(struct kvmem_nvme *ctrl)
{
	unsigned int i;

	for (i = 0; i < ctrl->nr_queues; i++)
		kvmem_nvme_queue_stop(&ctrl->queues[i]);
}

static bool drained(struct kvmem_nvme *ctrl)
{
	unsigned int i;

	for (i = 1; i < ctrl->nr_queues; i++) {
		kvmem_nvme_queue_reap(&ctrl->queues[i]);
		if (READ_ONCE(ctrl->queues[i].nr_sent))
			return false;
	}
	return true;
}

bool kvmem_nvme_drain(struct kvmem_nvme *ctrl, unsigned int ms)
{
	unsigned long end = jiffies + msecs_to_jiffies(ms) + 1;

	while (!drained(ctrl)) {
		if (time_after(jiffies, end))
			return false;
		usleep_range(200, 1000);
	}
	return true;
}
