// SPDX-License-Identifier: GPL-2.0
/* What the tests turn and read on the fake device. */
#include <sys/eventfd.h>

#include "fake_impl.h"

const struct kvmem_sys *fake_sys(struct fake_kvmem *f)
{
	return &f->sys;
}

void fake_set_fingerprint(struct fake_kvmem *f, const uint8_t *fingerprint)
{
	memcpy(f->fingerprint, fingerprint, KVMEM_FINGERPRINT_LEN);
}

static void fault_set(struct fake_kvmem *f, struct fake_fault *fault, int err,
		      unsigned int after, unsigned int times)
{
	pthread_mutex_lock(&f->lock);
	fault->err = err;
	fault->after = after;
	fault->times = times;
	pthread_mutex_unlock(&f->lock);
}

void fake_fail_ioctl(struct fake_kvmem *f, unsigned long nr, int err,
		     unsigned int after, unsigned int times)
{
	fault_set(f, &f->faults[_IOC_NR(nr)], err, after, times);
}

void fake_fail_op(struct fake_kvmem *f, unsigned int opcode, int err,
		  unsigned int after, unsigned int times)
{
	fault_set(f, &f->op_faults[opcode], err, after, times);
}

void fake_fail_mmap(struct fake_kvmem *f, int err, unsigned int after,
		    unsigned int times)
{
	fault_set(f, &f->faults[FAULT_MMAP], err, after, times);
}

void fake_fail_open(struct fake_kvmem *f, int err, unsigned int after,
		    unsigned int times)
{
	fault_set(f, &f->faults[FAULT_OPEN], err, after, times);
}

void fake_upgrade(struct fake_kvmem *f, enum fake_quiesce how,
		  unsigned int tries)
{
	int i;

	pthread_mutex_lock(&f->lock);
	f->how = how;
	f->upgrading = true;
	f->tries_left = tries;
	for (i = 0; i < FAKE_FILES; i++) {
		f->files[i].stale = f->files[i].open;
		if (f->files[i].open && f->files[i].event_fd >= 0 &&
		    f->files[i].event_mask & KVMEM_EVENT_QUIESCE)
			eventfd_write(f->files[i].event_fd, 1);
	}
	pthread_mutex_unlock(&f->lock);
}

void fake_buf_ids(struct fake_kvmem *f, uint32_t first)
{
	f->next_first_buf = first;
}

int fake_corrupt(struct fake_kvmem *f, const uint8_t *key)
{
	struct fake_block *b;

	pthread_mutex_lock(&f->lock);
	b = fake_find(f, key);
	if (b)
		b->data[b->len / 2] ^= 1;
	pthread_mutex_unlock(&f->lock);
	return b ? 0 : -ENOENT;
}

unsigned int fake_files(struct fake_kvmem *f)
{
	unsigned int i, n = 0;

	pthread_mutex_lock(&f->lock);
	for (i = 0; i < FAKE_FILES; i++)
		n += f->files[i].open;
	pthread_mutex_unlock(&f->lock);
	return n;
}

unsigned int fake_opens(struct fake_kvmem *f)
{
	return f->opens;
}

unsigned int fake_maps(struct fake_kvmem *f)
{
	return f->maps;
}

unsigned int fake_handles(struct fake_kvmem *f)
{
	unsigned int i, j, n = 0;

	pthread_mutex_lock(&f->lock);
	for (i = 0; i < FAKE_FILES; i++)
		for (j = 0; f->files[i].open && j < FAKE_HANDLES; j++)
			n += !!f->files[i].handles[j].block;
	pthread_mutex_unlock(&f->lock);
	return n;
}

uint32_t fake_armed(struct fake_kvmem *f)
{
	int i;

	for (i = 0; i < FAKE_FILES; i++)
		if (f->files[i].open && f->files[i].event_fd >= 0)
			return f->files[i].event_mask;
	return 0;
}

uint64_t fake_batches(struct fake_kvmem *f)
{
	return f->batches;
}
