// SPDX-License-Identifier: LGPL-2.1-or-later
/* Events, through an eventfd that outlives the file. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "internal.h"

/* A watcher gets everything, and passes on what it is not asked for, too. */
static void event_arg(const struct kvmem *k, struct kvmem_eventfd *arg)
{
	memset(arg, 0, sizeof(*arg));
	arg->size = sizeof(*arg);
	arg->mask = k->event_mask;
	arg->fd = k->event_mask ? k->event_fd : -1;
	if (k->watch_fd < 0)
		return;
	arg->mask |= KVMEM_EVENT_QUIESCE | KVMEM_EVENT_NS;
	arg->fd = k->watch_fd;
}

/* Tell the kernel about our eventfd; nothing to tell while there is none. */
int kvmem_event_arm(struct kvmem *k, int fd)
{
	struct kvmem_eventfd arg;
	int err;

	if (k->event_fd < 0 && k->watch_fd < 0)
		return 0;
	event_arg(k, &arg);
	err = kvmem_sys_ioctl(k, fd, KVMEM_IOC_EVENTFD, &arg);
	if (k->watch_fd >= 0)
		kvmem_watch_kick(k);
	return err;
}

static int event_set(struct kvmem *k, uint32_t mask)
{
	uint32_t old = k->event_mask;
	int err;

	if (k->event_fd < 0)
		k->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (k->event_fd < 0)
		return -errno;
	k->event_mask = mask;
	/* without a file it is armed when there is one again */
	err = k->fd < 0 ? 0 : kvmem_event_arm(k, k->fd);
	if (err == -ESHUTDOWN)
		err = 0;
	if (err)
		k->event_mask = old;
	return err;
}

int kvmem_event_fd(struct kvmem *k, uint32_t mask)
{
	int err, fd;

	pthread_rwlock_wrlock(&k->lock);
	err = event_set(k, mask);
	fd = k->event_fd;
	pthread_rwlock_unlock(&k->lock);
	return err ? err : fd;
}

int kvmem_events(struct kvmem *k, uint32_t *events)
{
	struct kvmem_events arg = { .size = sizeof(arg) };
	int err = kvmem_call(k, KVMEM_IOC_EVENTS, &arg);

	*events = err ? 0 : arg.events;
	return err;
}
