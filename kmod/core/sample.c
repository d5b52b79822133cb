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
#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include "netlink.h"
#include "ns.h"

#define SAMPLE_RING	4096
#define SAMPLE_DELAY_MS	20
/* In one message: what a reader's buffer and the largest skb like. */
#define SAMPLE_PART	512
/* Messages in a row about one namespace; then it is the others' turn. */
#define SAMPLE_TURN	(SAMPLE_RING / SAMPLE_PART)

/* The worker may be queued. */
static bool samples_up;
static void samples_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(samples_worker, samples_work);

/*
 * Of our own making, so that nobody can choose keys that are all sampled, or
 * none.
 */
static siphash_key_t samples_key __read_mostly;

u64 kvmem_sample_hash(const struct kvmem_key *key)
{
	const u64 *w = (const u64 *)key->b;

	return siphash_4u64(w[0], w[1], w[2], w[3], &samples_key);
}

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

static void samples_count_lost(struct kvmem_samples *samples, u64 nr)
{
	spin_lock(&samples->lock);
	samples->lost += nr;
	spin_unlock(&samples->lock);
}

/* True: there are more. */
static bool samples_send(struct kvmem_ns *ns, struct kvmem_sample *part)
{
	unsigned int nr, turn;
	u64 lost;

	for (turn = 0; turn < SAMPLE_TURN && READ_ONCE(ns->samples.nr); turn++) {
		nr = samples_take(&ns->samples, part, &lost);
		if (kvmem_event_samples(ns, part, nr * sizeof(*part), lost))
			samples_count_lost(&ns->samples, lost + nr);
		cond_resched();
	}
	return READ_ONCE(ns->samples.nr);
}

static void samples_work(struct work_struct *work)
{
	struct kvmem_sample *part = kmalloc_array(SAMPLE_PART, sizeof(*part), GFP_KERNEL);
	struct kvmem_ns *ns;
	bool more = false;
	u32 id = 0;

	if (!part) {
		/* Whoever fills a ring is told that they were lost; try again. */
		queue_delayed_work(system_dfl_wq, &samples_worker, HZ);
		return;
	}
	while ((ns = kvmem_ns_get_next(&id))) {
		id++;
		more |= samples_send(ns, part);
		kvmem_ns_put(ns);
	}
	kfree(part);
	/* Who adds to a ring that is not empty does not queue us. */
	if (more)
		queue_delayed_work(system_dfl_wq, &samples_worker, 1);
}

void kvmem_samples_start(void)
{
	get_random_bytes(&samples_key, sizeof(samples_key));
	WRITE_ONCE(samples_up, true);
}

void kvmem_samples_stop(void)
{
	WRITE_ONCE(samples_up, false);
	cancel_delayed_work_sync(&samples_worker);
}
