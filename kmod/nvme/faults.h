/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Faults on demand, for tests: files in debugfs, kvmem_nvme/ADDRESS/.
 */
#ifndef KVMEM_NVME_FAULTS_H
#define KVMEM_NVME_FAULTS_H

#include "nvme/nvme.h"

#define KVMEM_NVME_FAULT_LATE	16U

/**
 * struct kvmem_nvme_faults - what goes wrong next
 * @dir: in debugfs
 * @drop: so many completions of transfers are not seen
 * @duplicate: so many are seen twice
 * @late: so many are seen only when @release is set
 * @release: those that were held back come now; all of them are late
 * @mute: no completion is seen, of admin commands neither
 * @held: entries that were held back, and their queues; guarded by the queue's
 *	lock as far as they are its own
 */
struct kvmem_nvme_faults {
	struct dentry *dir;
	u32 drop;
	u32 duplicate;
	u32 late;
	bool release;
	bool mute;
	unsigned int nr_held;
	struct {
		u16 qid;
		struct nvme_completion cqe;
	} held[KVMEM_NVME_FAULT_LATE];
};

typedef void (*kvmem_nvme_complete_fn)(struct kvmem_nvme_queue *q,
				       const struct nvme_completion *cqe,
				       struct list_head *ended);

unsigned int kvmem_nvme_fault_cqe_slow(struct kvmem_nvme_queue *q,
				       const struct nvme_completion *cqe);
void kvmem_nvme_fault_late_slow(struct kvmem_nvme_queue *q, struct list_head *ended,
				kvmem_nvme_complete_fn complete);

/* How many times an entry is seen.  Caller holds the queue's lock. */
static inline unsigned int kvmem_nvme_fault_cqe(struct kvmem_nvme_queue *q,
						const struct nvme_completion *cqe)
{
	return likely(!q->ctrl->faults) ? 1 : kvmem_nvme_fault_cqe_slow(q, cqe);
}

static inline void kvmem_nvme_fault_late(struct kvmem_nvme_queue *q, struct list_head *ended,
					 kvmem_nvme_complete_fn complete)
{
	if (unlikely(q->ctrl->faults))
		kvmem_nvme_fault_late_slow(q, ended, complete);
}

#endif
