// SPDX-License-Identifier: GPL-2.0
/*
 * When a controller does not answer: a command that is late is aborted, one that
 * cannot be aborted takes a reset, a reset that fails is the controller's end.
 *
 * How long a transfer takes at most: io_timeout, half of it again for the abort,
 * then a reset: twice what the controller says it needs to become ready
 * (CAP.TO, not believed beyond a minute) and the admin commands of a start, of
 * which one late one is enough to fail it.  What was under way is sent once
 * more, so all of this may happen twice.
 */
#include <linux/jiffies.h>
#include "nvme/nvme.h"

/* The watchdog looks this often, and more often when timeouts are short. */
#define WATCH_MAX_MS	1000U
#define WATCH_MIN_MS	10U
/* What a shutdown of the machine or a suspend waits for transfers */
#define DRAIN_MS	5000U

/* State ---------------------------------------------------------------------------- */

static bool may_become(enum kvmem_nvme_state from, enum kvmem_nvme_state to)
{
	switch (to) {
	case KVMEM_NVME_LIVE:
		return from == KVMEM_NVME_NEW || from == KVMEM_NVME_RESETTING;
	case KVMEM_NVME_RESETTING:
		return from == KVMEM_NVME_LIVE;
	case KVMEM_NVME_DEAD:
		return from < KVMEM_NVME_DEAD;
	case KVMEM_NVME_REMOVING:
		return from != KVMEM_NVME_REMOVING;
	default:
		return false;
	}
}

bool kvmem_nvme_set_state(struct kvmem_nvme *ctrl, enum kvmem_nvme_state to)
{
	unsigned long flags;
	bool ok;

	spin_lock_irqsave(&ctrl->state_lock, flags);
	ok = may_become(ctrl->state, to);
	if (ok)
		WRITE_ONCE(ctrl->state, to);
	spin_unlock_irqrestore(&ctrl->state_lock, flags);
	return ok;
}

enum kvmem_nvme_state kvmem_nvme_get_state(struct kvmem_nvme *ctrl)
{
	return READ_ONCE(ctrl->state);
}

bool kvmem_nvme_enter(struct kvmem_nvme *ctrl)
{
	down_read(&ctrl->gate);
	if (kvmem_nvme_get_state(ctrl) < KVMEM_NVME_DEAD)
		return true;
	up_read(&ctrl->gate);
	return false;
}

void kvmem_nvme_leave(struct kvmem_nvme *ctrl)
{
	up_read(&ctrl->gate);
}

/* The end --------------------------------------------------------------------------- */

void kvmem_nvme_kill(struct kvmem_nvme *ctrl)
{
	unsigned int i;

	/* First, so that nothing new comes while the rest ends. */
	kvmem_nvme_report(ctrl, KVMEM_DEV_GONE);
	for (i = 0; i < ctrl->nr_queues; i++)
		kvmem_nvme_queue_kill(&ctrl->queues[i], KVMEM_NVME_NO_DEVICE);
}

/* Let go of a device that is beyond help, as unbinding it would. */
static void remove_work(struct work_struct *work)
{
	struct kvmem_nvme *ctrl = container_of(work, struct kvmem_nvme, remove_work);

	/* Unless somebody was faster; another driver may have it by now. */
	if (kvmem_nvme_get_state(ctrl) == KVMEM_NVME_DEAD)
		device_release_driver(&ctrl->pdev->dev);
	kvmem_nvme_put(ctrl);
}

static void give_up(struct kvmem_nvme *ctrl, const char *why, int err)
{
	if (!kvmem_nvme_set_state(ctrl, KVMEM_NVME_DEAD))
		return;
	dev_err(&ctrl->pdev->dev, "%s (%d): out of use\n", why, err);
	kvmem_nvme_halt(ctrl);
	kvmem_nvme_kill(ctrl);
	kref_get(&ctrl->ref);
	if (!queue_work(kvmem_nvme_remove_wq, &ctrl->remove_work))
		kvmem_nvme_put(ctrl);
}

/* Reset ------------------------------------------------------------------------------- */

static void hold_all(struct kvmem_nvme *ctrl)
{
	unsigned int i;

	kvmem_nvme_queue_hold(kvmem_nvme_admin_queue(ctrl), 0);
	for (i = 1; i < ctrl->nr_queues; i++)
		kvmem_nvme_queue_hold(&ctrl->queues[i], 1);
}

static void restart(struct kvmem_nvme *ctrl)
{
	int ret = kvmem_nvme_start(ctrl);

	if (ret) {
		give_up(ctrl, "the controller cannot be started again", ret);
		return;
	}
	/* Not when it is being removed meanwhile: then all ends with that. */
	if (!kvmem_nvme_set_state(ctrl, KVMEM_NVME_LIVE))
		return;
	kvmem_nvme_go(ctrl);
	kvmem_nvme_watch(ctrl);
	dev_info(&ctrl->pdev->dev, "in use again after a reset\n");
}

static void reset_work(struct work_struct *work)
{
	struct kvmem_nvme *ctrl = container_of(work, struct kvmem_nvme, reset_work);
	int ret;

	if (kvmem_nvme_get_state(ctrl) != KVMEM_NVME_RESETTING)
		return;
	kvmem_nvme_stop(ctrl);
	ret = kvmem_nvme_halt(ctrl);
	/* Either way it reaches no memory any more. */
	hold_all(ctrl);
	if (ret)
		give_up(ctrl, "the controller does not stop", ret);
	else
		restart(ctrl);
}

void kvmem_nvme_reset(struct kvmem_nvme *ctrl, const char *why)
{
	if (!kvmem_nvme_set_state(ctrl, KVMEM_NVME_RESETTING))
		return;
	kvmem_nvme_count(ctrl, KVMEM_NVME_RESETS);
	dev_warn(&ctrl->pdev->dev, "%s: reset\n", why);
	queue_work(kvmem_nvme_wq, &ctrl->reset_work);
}

/* Watchdog ------------------------------------------------------------------------------ */

/* A late command: of the first that is found, what is to be done. */
struct late {
	bool found;
	bool reset;
	u16 cid;
};

static bool is_late(const struct kvmem_nvme_req *req)
{
	return req->state == KVMEM_NVME_SENT && req->timeout &&
	       time_after(jiffies, req->deadline);
}

/* One at a time: aborting one may be what the others wait for. */
static struct late find_late(struct kvmem_nvme_queue *q)
{
	struct late late = {};
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&q->lock, flags);
	for (i = 0; q->nr_sent && !late.reset && i < q->depth - 1; i++) {
		struct kvmem_nvme_req *req = &q->reqs[i];

		if (!is_late(req))
			continue;
		late.reset = req->aborting || !q->qid;
		if (late.found)
			continue;
		late.found = true;
		late.cid = req->cmd.common.command_id;
		req->aborting = true;
		req->deadline = jiffies + req->timeout / 2;
	}
	spin_unlock_irqrestore(&q->lock, flags);
	return late;
}

static void watch_queue(struct kvmem_nvme *ctrl, struct kvmem_nvme_queue *q)
{
	unsigned int nr;
	struct late late;

	/* What an interrupt was lost for is found here. */
	nr = kvmem_nvme_queue_reap(q);
	if (!q->polled)
		atomic64_add(nr, &ctrl->counts[KVMEM_NVME_MISSED]);
	late = find_late(q);
	if (!late.found && !late.reset)
		return;
	if (late.reset) {
		kvmem_nvme_reset(ctrl, "a command could not be aborted");
		return;
	}
	kvmem_nvme_count(ctrl, KVMEM_NVME_TIMEOUTS);
	dev_warn_ratelimited(&ctrl->pdev->dev, "queue %u: command %#x is late: abort\n", q->qid,
			     late.cid);
	kvmem_nvme_send_abort(ctrl, q->qid, late.cid);
}

static unsigned long watch_pause(void)
{
	return msecs_to_jiffies(clamp(READ_ONCE(kvmem_nvme_io_timeout_ms) / 8, WATCH_MIN_MS,
				      WATCH_MAX_MS));
}

void kvmem_nvme_watch(struct kvmem_nvme *ctrl)
{
	queue_delayed_work(kvmem_nvme_wq, &ctrl->watchdog, watch_pause());
}

static void watch_work(struct work_struct *work)
{
	struct kvmem_nvme *ctrl = container_of(to_delayed_work(work), struct kvmem_nvme, watchdog);
	unsigned int i;
	u32 csts;

	if (kvmem_nvme_get_state(ctrl) != KVMEM_NVME_LIVE)
		return;
	csts = readl(ctrl->bar + NVME_REG_CSTS);
	if (csts == U32_MAX) {
		give_up(ctrl, "the controller has gone", -ENODEV);
		return;
	}
	if (csts & NVME_CSTS_CFS)
		kvmem_nvme_reset(ctrl, "the controller reports a fatal error");
	for (i = 0; i < ctrl->nr_live; i++)
		watch_queue(ctrl, &ctrl->queues[i]);
	if (kvmem_nvme_get_state(ctrl) == KVMEM_NVME_LIVE)
		kvmem_nvme_watch(ctrl);
}

void kvmem_nvme_recover_init(struct kvmem_nvme *ctrl)
{
	INIT_WORK(&ctrl->reset_work, reset_work);
	INIT_WORK(&ctrl->remove_work, remove_work);
	INIT_DELAYED_WORK(&ctrl->watchdog, watch_work);
}

/* Sleep --------------------------------------------------------------------------------- */

int kvmem_nvme_suspend(struct device *dev)
{
	struct kvmem_nvme *ctrl = dev_get_drvdata(dev);

	flush_work(&ctrl->reset_work);
	if (!kvmem_nvme_set_state(ctrl, KVMEM_NVME_RESETTING))
		return 0;
	cancel_delayed_work_sync(&ctrl->watchdog);
	kvmem_nvme_stop(ctrl);
	kvmem_nvme_drain(ctrl, DRAIN_MS);
	kvmem_nvme_shutdown_notice(ctrl);
	kvmem_nvme_halt(ctrl);
	hold_all(ctrl);
	return 0;
}

int kvmem_nvme_resume(struct device *dev)
{
	struct kvmem_nvme *ctrl = dev_get_drvdata(dev);

	if (kvmem_nvme_get_state(ctrl) == KVMEM_NVME_RESETTING)
		queue_work(kvmem_nvme_wq, &ctrl->reset_work);
	return 0;
}

/* PCI errors ------------------------------------------------------------------------------ */

static pci_ers_result_t error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	struct kvmem_nvme *ctrl = pci_get_drvdata(pdev);

	dev_warn(&pdev->dev, "PCI error, channel state %d\n", state);
	switch (state) {
	case pci_channel_io_normal:
		return PCI_ERS_RESULT_CAN_RECOVER;
	case pci_channel_io_frozen:
		flush_work(&ctrl->reset_work);
		if (!kvmem_nvme_set_state(ctrl, KVMEM_NVME_RESETTING))
			return PCI_ERS_RESULT_DISCONNECT;
		cancel_delayed_work_sync(&ctrl->watchdog);
		kvmem_nvme_stop(ctrl);
		return PCI_ERS_RESULT_NEED_RESET;
	default:
		give_up(ctrl, "the PCI channel has failed", -EIO);
		return PCI_ERS_RESULT_DISCONNECT;
	}
}

static pci_ers_result_t slot_reset(struct pci_dev *pdev)
{
	struct kvmem_nvme *ctrl = pci_get_drvdata(pdev);

	pci_restore_state(pdev);
	kvmem_nvme_count(ctrl, KVMEM_NVME_RESETS);
	queue_work(kvmem_nvme_wq, &ctrl->reset_work);
	return PCI_ERS_RESULT_RECOVERED;
}

static void error_resume(struct pci_dev *pdev)
{
	struct kvmem_nvme *ctrl = pci_get_drvdata(pdev);

	flush_work(&ctrl->reset_work);
}

/* Around a reset of the function that somebody else asks for: as if it slept. */
static void reset_prepare(struct pci_dev *pdev)
{
	kvmem_nvme_suspend(&pdev->dev);
}

static void reset_done(struct pci_dev *pdev)
{
	struct kvmem_nvme *ctrl = pci_get_drvdata(pdev);

	kvmem_nvme_count(ctrl, KVMEM_NVME_RESETS);
	kvmem_nvme_resume(&pdev->dev);
	flush_work(&ctrl->reset_work);
}

const struct pci_error_handlers kvmem_nvme_err_handlers = {
	.reset_prepare	= reset_prepare,
	.reset_done	= reset_done,
	.error_detected	= error_detected,
	.slot_reset	= slot_reset,
	.resume		= error_resume,
};
