/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A /dev/kvmem of our own, in memory, behind struct kvmem_sys: one namespace,
 * LRU with a quota of blocks, errors on demand, and upgrades of the module.
 * A mapping is the block's memory itself: AddressSanitizer then sees a touch
 * after the release.
 */
#ifndef _FAKE_KVMEM_H
#define _FAKE_KVMEM_H

#include "lib/internal.h"

struct fake_kvmem;

struct fake_kvmem *fake_new(const char *ns, uint64_t quota_blocks);
void fake_free(struct fake_kvmem *f);
const struct kvmem_sys *fake_sys(struct fake_kvmem *f);

/* The fingerprint the namespace has. */
void fake_set_fingerprint(struct fake_kvmem *f, const uint8_t *fingerprint);

/* Skip @after calls of ioctl @nr, then answer @err to the next @times. */
void fake_fail_ioctl(struct fake_kvmem *f, unsigned long nr, int err,
		     unsigned int after, unsigned int times);
/* The same for operations of @opcode. */
void fake_fail_op(struct fake_kvmem *f, unsigned int opcode, int err,
		  unsigned int after, unsigned int times);
void fake_fail_mmap(struct fake_kvmem *f, int err, unsigned int after,
		    unsigned int times);
void fake_fail_open(struct fake_kvmem *f, int err, unsigned int after,
		    unsigned int times);

enum fake_quiesce {
	FAKE_REFUSE_OPS,	/* BUF_REG and each operation but RELEASE */
	FAKE_REFUSE_IOCTL,	/* each ioctl */
};

/*
 * Upgrade: every open file is refused; once all are closed, the next @tries
 * opens fail with ENOENT, then an empty device is there.
 */
void fake_upgrade(struct fake_kvmem *f, enum fake_quiesce how,
		  unsigned int tries);
/* The ids of buffers start at @first from the next file on. */
void fake_buf_ids(struct fake_kvmem *f, uint32_t first);
/* Flip a bit of a stored block. */
int fake_corrupt(struct fake_kvmem *f, const uint8_t *key);

unsigned int fake_files(struct fake_kvmem *f);
unsigned int fake_opens(struct fake_kvmem *f);
unsigned int fake_maps(struct fake_kvmem *f);
unsigned int fake_handles(struct fake_kvmem *f);
uint32_t fake_armed(struct fake_kvmem *f);
uint64_t fake_batches(struct fake_kvmem *f);

#endif /* _FAKE_KVMEM_H */
