/* SPDX-License-Identifier: GPL-2.0 */
/* Inside of the fake device; everything under fake_kvmem.lock. */
#ifndef _FAKE_IMPL_H
#define _FAKE_IMPL_H

#include <sys/queue.h>

#include "fake_kvmem.h"

#define FAKE_FILES	64
#define FAKE_HANDLES	4096
#define FAKE_BUFFERS	64
#define FAKE_BUCKETS	65536
#define FAKE_FD		100000

struct fake_block {
	TAILQ_ENTRY(fake_block) lru;
	LIST_ENTRY(fake_block) hash;
	uint8_t key[KVMEM_KEY_LEN];
	uint8_t *data;
	uint64_t len;
	uint32_t crc;
	unsigned int refs;
};

struct fake_handle {
	struct fake_block *block;
	bool lease;
};

struct fake_file {
	bool open, attached, stale;
	struct fake_handle handles[FAKE_HANDLES];
	struct kvmem_buf_reg buffers[FAKE_BUFFERS];
	uint32_t first_buf;
	int event_fd;
	uint32_t event_mask;
};

struct fake_fault {
	int err;
	unsigned int after, times;
};

enum { FAULT_OPEN = 32, FAULT_MMAP, FAULT_NR };

struct fake_kvmem {
	pthread_mutex_t lock;
	struct kvmem_sys sys;
	char ns[KVMEM_NAME_LEN];
	uint8_t fingerprint[KVMEM_FINGERPRINT_LEN];
	uint64_t quota_blocks;
	enum fake_quiesce how;
	bool upgrading;
	unsigned int tries_left;
	uint32_t next_first_buf;
	struct fake_file files[FAKE_FILES];
	TAILQ_HEAD(fake_lru, fake_block) lru;	/* oldest first */
	LIST_HEAD(, fake_block) buckets[FAKE_BUCKETS];
	struct fake_fault op_faults[KVMEM_OP_NR];
	struct fake_fault faults[FAULT_NR];	/* by ioctl number, and those */
	unsigned int opens, maps;
	uint64_t batches;
	struct kvmem_ns_info info;
};

bool fake_fault_hit(struct fake_fault *fault);

/* fake_store.c */
struct fake_block *fake_block_new(uint64_t len);
void fake_block_put(struct fake_block *b);
struct fake_block *fake_find(struct fake_kvmem *f, const uint8_t *key);
bool fake_insert(struct fake_kvmem *f, struct fake_block *b);
void fake_touch(struct fake_kvmem *f, struct fake_block *b);
void fake_remove(struct fake_kvmem *f, struct fake_block *b);
void fake_wipe(struct fake_kvmem *f);

/* fake_ops.c */
void fake_op(struct fake_kvmem *f, struct fake_file *file, struct kvmem_op *op);
struct fake_handle *fake_handle(struct fake_file *file, uint64_t number);
void fake_handle_drop(struct fake_handle *h);

#endif /* _FAKE_IMPL_H */
