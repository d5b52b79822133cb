/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sampled accesses: every access to one key in so many, told to the daemon.
 */
#ifndef KVMEM_SAMPLE_H
#define KVMEM_SAMPLE_H

#include <linux/compiler.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/kvmem_netlink.h>
#include "block.h"

struct kvmem_ns;

#define KVMEM_SAMPLE_MAX_ONE_IN	(1U << 20)

/* As KVMEM_A_SAMPLES describes it */
struct kvmem_sample {
	u64 hash;
	u64 time;
	u64 info;
};

/**
 * struct kvmem_samples - of one namespace, until they are sent
 * @mask: keys whose hash has none of these bits are sampled; ~0: none is
 * @lock: guards what follows; innermost
 * @ring: room for them; NULL before the first time sampling is turned on
 * @first: index of the oldest
 * @nr: in @ring
 * @lost: since the last message, for want of room
 */
struct kvmem_samples {
	u64 mask;
	spinlock_t lock;	/* see @lock above */
	struct kvmem_sample *ring;
	unsigned int first, nr;
	u64 lost;
};

void kvmem_samples_init(struct kvmem_samples *samples);
void kvmem_samples_free(struct kvmem_samples *samples);
/* @one_in: a power of two, or 0 to stop.  -EINVAL, -ENOMEM.  May sleep. */
int kvmem_samples_set(struct kvmem_samples *samples, u32 one_in);
u32 kvmem_samples_one_in(const struct kvmem_samples *samples);
/* The worker that sends them.  Stop when nothing but the caller can add any. */
void kvmem_samples_start(void);
void kvmem_samples_stop(void);

void kvmem_sample_add(struct kvmem_ns *ns, u64 hash, enum kvmem_sample_kind kind,
		      u8 class, u32 size);

/* The same for a key in all namespaces, as long as the module is loaded. */
u64 kvmem_sample_hash(const struct kvmem_key *key);

/* All but one key in so many go no further. */
#define kvmem_sample(ns, key, kind, class, size) do {				\
	struct kvmem_ns *__ns = (ns);						\
	u64 __mask = READ_ONCE(__ns->samples.mask);				\
	u64 __hash;								\
										\
	if (likely(__mask == U64_MAX))						\
		break;								\
	__hash = kvmem_sample_hash(key);					\
	if (!(__hash & __mask))							\
		kvmem_sample_add(__ns, __hash, kind, class, size);		\
} while (0)

#endif
