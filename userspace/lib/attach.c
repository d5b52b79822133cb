// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Attaching and re-attaching.  Everything here runs with k->lock held for
 * writing, or on a handle that nobody else has yet.
 */
#include <stdlib.h>

#include "internal.h"

#define BACKOFF_FIRST_MS	1
#define BACKOFF_LAST_MS		100

/* Errors that waiting does not cure. */
static bool hopeless(int err)
{
	switch (err) {
	case -EKEYREJECTED:
	case -EINVAL:
	case -ENOTTY:
	case -E2BIG:
		return true;
	default:
		return false;
	}
}

static int attach_fd(struct kvmem *k, int fd)
{
	int err;

	if (k->flags & KVMEM_OPEN_NO_ATTACH)
		return 0;
	k->attach.ns_id = 0;
	k->attach.access = 0;
	err = kvmem_sys_ioctl(k, fd, KVMEM_IOC_ATTACH, &k->attach);
	if (err)
		return err;
	err = kvmem_bufs_restore(k, fd);
	if (err)
		return err;
	return kvmem_event_arm(k, fd);
}

static int attach_once(struct kvmem *k)
{
	int fd = k->sys.open(k->sys.ctx, k->device);
	int err;

	if (fd < 0)
		return fd;
	err = attach_fd(k, fd);
	if (err) {
		k->sys.close(k->sys.ctx, fd);
		return err;
	}
	k->fd = fd;
	k->access = k->attach.access;
	return 0;
}

/* Open and attach, again and again until @deadline; at least once. */
int kvmem_attach_wait(struct kvmem *k, uint64_t deadline)
{
	unsigned int pause = BACKOFF_FIRST_MS;
	uint64_t now;
	int err;

	for (;;) {
		err = attach_once(k);
		if (!err || hopeless(err))
			return err;
		now = k->sys.now_ms(k->sys.ctx);
		if (now >= deadline || __atomic_load_n(&k->stop,
						       __ATOMIC_ACQUIRE))
			return err;
		if (pause > deadline - now)
			pause = (unsigned int)(deadline - now);
		k->sys.sleep_ms(k->sys.ctx, pause);
		pause = pause * 2 > BACKOFF_LAST_MS ? BACKOFF_LAST_MS : pause * 2;
	}
}

static int reattach_locked(struct kvmem *k, uint64_t deadline)
{
	int err;

	if (k->fd >= 0)
		k->sys.close(k->sys.ctx, k->fd);
	k->fd = -1;
	__atomic_store_n(&k->held, 0, __ATOMIC_RELEASE);
	err = kvmem_attach_wait(k, deadline);
	if (err)
		return hopeless(err) ? err : -ESHUTDOWN;
	__atomic_add_fetch(&k->generation, 1, __ATOMIC_RELEASE);
	return 0;
}

/*
 * Does the application hold something that would be lost?  The kernel knows
 * best; what the library counted is for a kernel that does not say.
 */
static bool holds_something(struct kvmem *k)
{
	struct kvmem_ns_info info = { .size = sizeof(info) };

	if (__atomic_load_n(&k->charged, __ATOMIC_ACQUIRE) > 0)
		return true;
	if (k->fd < 0)
		return false;
	if (!kvmem_sys_ioctl(k, k->fd, KVMEM_IOC_NS_INFO, &info))
		return info.nr_handles > 0;
	return __atomic_load_n(&k->held, __ATOMIC_ACQUIRE) > 0;
}

uint64_t kvmem_deadline(struct kvmem *k)
{
	return k->sys.now_ms(k->sys.ctx) + k->reattach_ms;
}

/*
 * A call was refused on the file of @generation.  Returns 0 when it is worth
 * repeating.  @tries: how often this call has been here; a device that
 * attaches but then refuses must not keep a caller past its deadline.
 */
int kvmem_recover(struct kvmem *k, uint64_t generation, uint64_t deadline,
		  unsigned int tries)
{
	int err = 0;

	if (k->flags & KVMEM_OPEN_NO_REATTACH)
		return -ESHUTDOWN;
	if (tries && k->sys.now_ms(k->sys.ctx) >= deadline)
		return -ESHUTDOWN;
	if (tries)
		k->sys.sleep_ms(k->sys.ctx, BACKOFF_FIRST_MS);
	pthread_rwlock_wrlock(&k->lock);
	if (k->generation != generation)
		err = 0;	/* another thread has done it */
	else if (holds_something(k))
		err = -ESHUTDOWN;
	else
		err = reattach_locked(k, deadline);
	pthread_rwlock_unlock(&k->lock);
	return err;
}

int kvmem_reattach(struct kvmem *k)
{
	int err;

	pthread_rwlock_wrlock(&k->lock);
	if (holds_something(k))
		err = -EBUSY;
	else
		err = reattach_locked(k, kvmem_deadline(k));
	pthread_rwlock_unlock(&k->lock);
	return err;
}

uint64_t kvmem_generation(struct kvmem *k)
{
	return __atomic_load_n(&k->generation, __ATOMIC_ACQUIRE);
}
