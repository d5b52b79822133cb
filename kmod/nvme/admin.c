// SPDX-License-Identifier: GPL-2.0
/*
 * Admin commands.  A waiter always waits for the command's real end, so its
 * memory may lie anywhere; what makes that end certain is a reset.
 */
#include <linux/dma-mapping.h>
#include <linux/sched.h>
#include "nvme/nvme.h"

struct admin_call {
	struct completion done;
	u16 status;
	u32 result;
};

static unsigned long admin_timeout(void)
{
	return msecs_to_jiffies(max(READ_ONCE(kvmem_nvme_admin_timeout_ms), 1U));
}

void kvmem_nvme_admin_init(struct kvmem_nvme *ctrl)
{
	sema_init(&ctrl->admin_slots, KVMEM_NVME_ADMIN_SYNC);
}

int kvmem_nvme_buf_alloc(struct kvmem_nvme *ctrl, struct kvmem_nvme_buf *buf, size_t len)
{
	buf->len = len;
	buf->data = dma_alloc_coherent(&ctrl->pdev->dev, len, &buf->dma,
				       GFP_KERNEL | __GFP_NOWARN | __GFP_ZERO);
	return buf->data ? 0 : -ENOMEM;
}

void kvmem_nvme_buf_free(struct kvmem_nvme *ctrl, struct kvmem_nvme_buf *buf)
{
	if (buf->data)
		dma_free_coherent(&ctrl->pdev->dev, buf->len, buf->data, buf->dma);
	buf->data = NULL;
}

/* Waiting ------------------------------------------------------------------------ */

static void admin_end(struct kvmem_nvme_req *req)
{
	struct admin_call *call = req->owner;

	call->status = req->status;
	call->result = req->result;
	complete(&call->done);
}

/*
 * Whoever starts the controller cannot ask for a reset: he is it.  Switched off,
 * it has let go of the command.
 */
static void admin_late(struct kvmem_nvme *ctrl)
{
	kvmem_nvme_count(ctrl, KVMEM_NVME_TIMEOUTS);
	if (READ_ONCE(ctrl->starter) != current) {
		kvmem_nvme_reset(ctrl, "an admin command was not answered");
		return;
	}
	kvmem_nvme_stop(ctrl);
	kvmem_nvme_halt(ctrl);
	kvmem_nvme_queue_hold(kvmem_nvme_admin_queue(ctrl), 0);
}

static int admin_status(const struct admin_call *call)
{
	if (call->status == KVMEM_NVME_NO_DEVICE)
		return -ENODEV;
	if (call->status == KVMEM_NVME_CANCELLED)
		return -ETIMEDOUT;
	return call->status;
}

static int admin_run(struct kvmem_nvme *ctrl, struct kvmem_nvme_req *req,
		     struct admin_call *call)
{
	if (kvmem_nvme_send(req, 0)) {
		kvmem_nvme_put_req(req);
		return -ENODEV;
	}
	kvmem_nvme_ring(kvmem_nvme_admin_queue(ctrl));
	if (!wait_for_completion_timeout(&call->done, admin_timeout())) {
		admin_late(ctrl);
		wait_for_completion(&call->done);
	}
	return admin_status(call);
}

static int admin_build(struct kvmem_nvme_req *req, const struct nvme_command *cmd,
		       const struct kvmem_nvme_buf *buf)
{
	struct kvmem_dma_run run;

	req->cmd = *cmd;
	if (!buf)
		return 0;
	run = (struct kvmem_dma_run){ .addr = buf->dma, .len = buf->len };
	return kvmem_nvme_prps(&run, 1, req->list, req->list_dma, &req->cmd.common.dptr);
}

int kvmem_nvme_admin(struct kvmem_nvme *ctrl, struct nvme_command *cmd,
		     const struct kvmem_nvme_buf *buf, u32 *result)
{
	struct admin_call call = {};
	struct kvmem_nvme_req *req;
	int ret = -ENODEV;
	bool dead;

	if (down_timeout(&ctrl->admin_slots, 2 * admin_timeout()))
		return -EBUSY;
	init_completion(&call.done);
	req = kvmem_nvme_get_req(kvmem_nvme_admin_queue(ctrl), NULL, &dead);
	if (req) {
		req->owner = &call;
		req->end = admin_end;
		ret = admin_build(req, cmd, buf);
		if (ret)
			kvmem_nvme_put_req(req);
		else
			ret = admin_run(ctrl, req, &call);
	}
	up(&ctrl->admin_slots);
	if (result)
		*result = call.result;
	return ret;
}

/* Commands ------------------------------------------------------------------------ */

int kvmem_nvme_identify(struct kvmem_nvme *ctrl, u8 cns, u32 nsid,
			const struct kvmem_nvme_buf *buf)
{
	struct nvme_command cmd = {
		.identify.opcode = nvme_admin_identify,
		.identify.nsid = cpu_to_le32(nsid),
		.identify.cns = cns,
	};

	return kvmem_nvme_admin(ctrl, &cmd, buf, NULL);
}

int kvmem_nvme_get_log(struct kvmem_nvme *ctrl, u8 lid, u32 nsid,
		       const struct kvmem_nvme_buf *buf, size_t len)
{
	u32 dwords = len / sizeof(u32) - 1;
	struct nvme_command cmd = {
		.get_log_page.opcode = nvme_admin_get_log_page,
		.get_log_page.nsid = cpu_to_le32(nsid),
		.get_log_page.lid = lid,
		.get_log_page.numdl = cpu_to_le16(dwords & U16_MAX),
		.get_log_page.numdu = cpu_to_le16(dwords >> 16),
	};

	return kvmem_nvme_admin(ctrl, &cmd, buf, NULL);
}

int kvmem_nvme_set_feature(struct kvmem_nvme *ctrl, u32 fid, u32 dword11, u32 *result)
{
	struct nvme_command cmd = {
		.features.opcode = nvme_admin_set_features,
		.features.fid = cpu_to_le32(fid),
		.features.dword11 = cpu_to_le32(dword11),
	};

	return kvmem_nvme_admin(ctrl, &cmd, NULL, result);
}

/* Nobody waits --------------------------------------------------------------------- */

static struct kvmem_nvme_req *admin_take(struct kvmem_nvme *ctrl,
					 void (*end)(struct kvmem_nvme_req *req))
{
	struct kvmem_nvme_req *req;
	bool dead;

	req = kvmem_nvme_get_req(kvmem_nvme_admin_queue(ctrl), NULL, &dead);
	if (!req)
		return NULL;
	req->end = end;
	req->cmd = (struct nvme_command){};
	return req;
}

static bool admin_fire(struct kvmem_nvme_req *req, unsigned long timeout)
{
	if (kvmem_nvme_send(req, timeout)) {
		kvmem_nvme_put_req(req);
		return false;
	}
	kvmem_nvme_ring(req->queue);
	return true;
}

/* Whether it could be aborted shows in the command's own end. */
static void abort_end(struct kvmem_nvme_req *req)
{
	atomic_inc(&req->queue->ctrl->aborts_left);
}

void kvmem_nvme_send_abort(struct kvmem_nvme *ctrl, u16 qid, u16 cid)
{
	struct kvmem_nvme_req *req;

	if (atomic_dec_if_positive(&ctrl->aborts_left) < 0)
		return;
	req = admin_take(ctrl, abort_end);
	if (!req) {
		atomic_inc(&ctrl->aborts_left);
		return;
	}
	req->cmd.abort.opcode = nvme_admin_abort_cmd;
	req->cmd.abort.sqid = cpu_to_le16(qid);
	req->cmd.abort.cid = cid;
	kvmem_nvme_count(ctrl, KVMEM_NVME_ABORTS);
	if (!admin_fire(req, admin_timeout()))
		atomic_inc(&ctrl->aborts_left);
}

static void event_end(struct kvmem_nvme_req *req)
{
	if (!req->status)
		kvmem_nvme_event(req->queue->ctrl, req->result);
}

void kvmem_nvme_send_event_request(struct kvmem_nvme *ctrl)
{
	struct kvmem_nvme_req *req = admin_take(ctrl, event_end);

	if (!req)
		return;
	req->cmd.common.opcode = nvme_admin_async_event;
	admin_fire(req, 0);
}

int kvmem_nvme_errno(int status)
{
	if (status <= 0)
		return status;
	switch (status & 0x7ff) {
	case NVME_SC_GUARD_CHECK:
	case NVME_SC_APPTAG_CHECK:
	case NVME_SC_REFTAG_CHECK:
		return -EILSEQ;
	case NVME_SC_NS_WRITE_PROTECTED:
	case NVME_SC_READ_ONLY:
		return -EROFS;
	case NVME_SC_INVALID_NS:
		return -ENODEV;
	case NVME_SC_CAP_EXCEEDED:
		return -ENOSPC;
	default:
		return -EIO;
	}
}
