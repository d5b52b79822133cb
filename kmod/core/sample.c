// SPDX-License-Identifier: GPL-2.0
/*
 * Sampled accesses: gathered where they happen, sent from a worker.
 *
 * Whoever adds one never waits and never allocates; what does not fit is
 * counted as lost.  One worker serves all namespaces, some 20 ms after the
 * first sample, at once when a ring is half full.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include "netlink.h"
#include "ns.h"

#define SAMPLE_RING	4096
#define SAMPLE_DELAY_MS	20
/* In one message: what a reader's buffer and the largest skb like. */
#define SAMPLE_PART	512

/* The worker may be queued. */
static bool samples_up;
static void samples_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(samples_worker, samples_work);

void kvmem_samples_init(struct kvmem_samples *samples)
{
	samples->mask = U64_MAX;
	spin_lock_init(&samples->lock);
}

void kvmem_samples_free(struct kvmem_samples *samples)
{
	kvfree(samples->ring);
}

static int samples_make_ring(struct kvmem_samples *samples)
{
	struct kvmem_sample *ring;

	if (READ_ONCE(samples->ring))
		return 0;
	ring = kvmalloc_array(SAMPLE_RING, sizeof(*ring), GFP_KERNEL);
	if (!ring)
		return -ENOMEM;
	spin_lock(&samples->lock);
	if (!samples->ring)
		swap(samples->ring, ring);
	spin_unlock(&samples->lock);
	kvfree(ring);
	return 0;
}

int kvmem_samples_set(struct kvmem_samples *samples, u32 one_in)
{
	int err;

	if (!one_in) {
		WRITE_ONCE(samples->mask, U64_MAX);
		return 0;
	}
	if (!is_power_of_2(one_in) || one_in > KVMEM_SAMPLE_MAX_ONE_IN)
		return -EINVAL;
	err = samples_make_ring(samples);
	if (!err)
		WRITE_ONCE(samples->mask, one_in - 1);
	return err;
}

u32 kvmem_samples_one_in(const struct kvmem_samples *samples)
{
	u64 mask = READ_ONCE(samples->mask);

	return mask == U64_MAX ? 0 : mask + 1;
}

void kvmem_sample_add(struct kvmem_ns *ns, u64 hash, enum kvmem_sample_kind kind,
		      u8 class, u32 size)
{
	struct kvmem_samples *samples = &ns->samples;
	unsigned int nr;

	spin_lock(&samples->lock);
	nr = samples->nr;
	if (!samples->ring || nr == SAMPLE_RING) {
		samples->lost++;
	} else {
		samples->ring[(samples->first + nr) % SAMPLE_RING] = (struct kvmem_sample) {
			.hash = hash,
			.time = ktime_get_ns(),
			.info = class | (u64)kind << 8 | (u64)size << 32,
		};
		samples->nr++;
	}
	spin_unlock(&samples->lock);
	if (!READ_ONCE(samples_up))
		return;
	if (!nr)
		queue_delayed_work(system_dfl_wq, &samples_worker,
				   msecs_to_jiffies(SAMPLE_DELAY_MS));
	else if (nr == SAMPLE_RING / 2)
		mod_delayed_work(system_dfl_wq, &samples_worker, 0);
}

/* The oldest up to SAMPLE_PART; they leave the ring. */
static unsigned int samples_take(struct kvmem_samples *samples, struct kvmem_sample *part,
				 u64 *lost)
{
	unsigned int nr, i;

	spin_lock(&samples->lock);
	nr = min_t(unsigned int, samples->nr, SAMPLE_PART);
	for (i = 0; i < nr; i++)
		part[i] = samples->ring[(samples->first + i) % SAMPLE_RING];
	samples->first = (samples->first + nr) % SAMPLE_RING;
	samples->nr -= nr;
	*lost = samples->lost;
	samples->lost = 0;
	spin_unlock(&samples->lock);
	return nr;
}

static void samples_send(struct kvmem_ns *ns, struct kvmem_sample *part)
{
	u64 lost;
	unsigned int nr;

	while (READ_ONCE(ns->samples.nr)) {
		nr = samples_take(&ns->samples, part, &lost);
		kvmem_event_samples(ns, part, nr * sizeof(*part), lost);
		cond_resched();
	}
}

static void samples_work(struct work_struct *work)
{
	struct kvmem_sample *part = kmalloc_array(SAMPLE_PART, sizeof(*part), GFP_KERNEL);
	struct kvmem_ns *ns;
	u32 id = 0;

	if (!part) {
		/* Whoever fills a ring is told that they were lost; try again. */
		queue_delayed_work(system_dfl_wq, &samples_worker, HZ);
		return;
	}
	while ((ns = kvmem_ns_get_next(&id))) {
		id++;
		samples_send(ns, part);
		kvmem_ns_put(ns);
	}
	kfree(part);
}

void kvmem_samples_start(void)
{
	WRITE_ONCE(samples_up, true);
}

void kvmem_samples_stop(void)
{
	WRITE_ONCE(samples_up, false);
	cancel_delayed_work_sync(&samples_worker);
}
