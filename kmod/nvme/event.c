// SPDX-License-Identifier: GPL-2.0
/*
 * Asynchronous events.  One request is always with the controller; an event is
 * read by its log page, which also clears it, before the next one is asked for.
 */
#include "nvme/nvme.h"

#define EVENT_TYPE(event)	((event) & 7)
#define EVENT_INFO(event)	((event) >> 8 & 0xff)
#define EVENT_LOG(event)	((event) >> 16 & 0xff)
#define EVENT_LOG_LEN		4096
/* struct nvme_smart_log.critical_warning */
#define WARN_READ_ONLY		BIT(3)

/* In interrupt. */
void kvmem_nvme_event(struct kvmem_nvme *ctrl, u32 result)
{
	kvmem_nvme_count(ctrl, KVMEM_NVME_EVENTS);
	WRITE_ONCE(ctrl->event, result);
	queue_work(kvmem_nvme_wq, &ctrl->event_work);
}

static void event_smart(struct kvmem_nvme *ctrl, const struct nvme_smart_log *log)
{
	if (!log->critical_warning)
		return;
	dev_warn(&ctrl->pdev->dev, "critical warning %#x\n", log->critical_warning);
	if (log->critical_warning & WARN_READ_ONLY)
		kvmem_nvme_report(ctrl, KVMEM_DEV_READ_ONLY);
}

static void event_read(struct kvmem_nvme *ctrl, u32 event)
{
	struct kvmem_nvme_buf buf;
	size_t len = EVENT_LOG_LEN;
	int ret;

	if (!EVENT_LOG(event) || kvmem_nvme_buf_alloc(ctrl, &buf, EVENT_LOG_LEN))
		return;
	if (EVENT_LOG(event) == NVME_LOG_SMART)
		len = sizeof(struct nvme_smart_log);
	else if (EVENT_LOG(event) == NVME_LOG_ERROR)
		len = 64;
	ret = kvmem_nvme_get_log(ctrl, EVENT_LOG(event), NVME_NSID_ALL, &buf, len);
	if (!ret && EVENT_LOG(event) == NVME_LOG_SMART)
		event_smart(ctrl, buf.data);
	kvmem_nvme_buf_free(ctrl, &buf);
}

void kvmem_nvme_event_work(struct work_struct *work)
{
	struct kvmem_nvme *ctrl = container_of(work, struct kvmem_nvme, event_work);
	u32 event = READ_ONCE(ctrl->event);

	if (!kvmem_nvme_enter(ctrl))
		return;
	dev_info(&ctrl->pdev->dev, "event: type %u, info %u, log page %u\n", EVENT_TYPE(event),
		 EVENT_INFO(event), EVENT_LOG(event));
	event_read(ctrl, event);
	if (EVENT_TYPE(event) == NVME_AER_NOTICE && EVENT_INFO(event) == NVME_AER_NOTICE_NS_CHANGED)
		kvmem_nvme_scan(ctrl);
	kvmem_nvme_send_event_request(ctrl);
	kvmem_nvme_leave(ctrl);
}
