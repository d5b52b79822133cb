// SPDX-License-Identifier: LGPL-2.1-or-later
/* Opening, closing and asking about a handle. */
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

#define ALL_FLAGS	(KVMEM_OPEN_NO_REATTACH | KVMEM_OPEN_NO_ATTACH | \
			 KVMEM_OPEN_WATCH)

static const struct kvmem_options default_options = KVMEM_OPTIONS_INIT;

static int options_copy(struct kvmem *k, const struct kvmem_options *o)
{
	const char *ns = o->ns ? o->ns : "default";

	if (o->size != sizeof(*o))
		return -EINVAL;
	if (o->flags & ~ALL_FLAGS)
		return -EINVAL;
	if (o->flags & KVMEM_OPEN_WATCH && o->flags & ~KVMEM_OPEN_WATCH)
		return -EINVAL;
	if (strlen(ns) >= KVMEM_NAME_LEN)
		return -ENAMETOOLONG;
	k->flags = o->flags;
	k->reattach_ms = o->reattach_timeout_ms ? : KVMEM_REATTACH_MS;
	k->attach.size = sizeof(k->attach);
	memcpy(k->attach.name, ns, strlen(ns));
	if (o->fingerprint)
		memcpy(k->attach.fingerprint, o->fingerprint,
		       KVMEM_FINGERPRINT_LEN);
	k->device = strdup(o->device ? o->device : KVMEM_DEFAULT_DEVICE);
	return k->device ? 0 : -ENOMEM;
}

/* Re-attaching must not wait behind a never-ending row of callers. */
static int lock_init(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attr;
	int err = pthread_rwlockattr_init(&attr);

	if (err)
		return err;
	pthread_rwlockattr_setkind_np(&attr,
			PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	err = pthread_rwlock_init(lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	return err;
}

static struct kvmem *handle_new(const struct kvmem_sys *sys)
{
	struct kvmem *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	if (lock_init(&k->lock)) {
		free(k);
		return NULL;
	}
	k->sys = *sys;
	k->fd = -1;
	k->event_fd = -1;
	k->watch_fd = -1;
	return k;
}

static int handle_start(struct kvmem *k, const struct kvmem_options *o)
{
	bool watched = o->flags & KVMEM_OPEN_WATCH;
	uint64_t now = k->sys.now_ms(k->sys.ctx);
	int err = watched ? kvmem_watch_prepare(k) : 0;

	if (!err)
		err = kvmem_attach_wait(k, now + o->open_timeout_ms);
	if (!err && watched)
		err = kvmem_watch_start(k);
	return err;
}

int kvmem_open_sys(const struct kvmem_options *options,
		   const struct kvmem_sys *sys, struct kvmem **out)
{
	const struct kvmem_options *o = options ? options : &default_options;
	struct kvmem *k;
	int err;

	*out = NULL;
	k = handle_new(sys);
	if (!k)
		return -ENOMEM;
	err = options_copy(k, o);
	if (!err)
		err = handle_start(k, o);
	if (err) {
		kvmem_close(k);
		return err;
	}
	*out = k;
	return 0;
}

int kvmem_open(const struct kvmem_options *options, struct kvmem **k)
{
	return kvmem_open_sys(options, &kvmem_linux, k);
}

void kvmem_close(struct kvmem *k)
{
	if (!k)
		return;
	kvmem_watch_end(k);
	if (k->fd >= 0)
		k->sys.close(k->sys.ctx, k->fd);
	if (k->event_fd >= 0)
		close(k->event_fd);
	kvmem_bufs_free(k);
	pthread_rwlock_destroy(&k->lock);
	free(k->device);
	free(k);
}

/* An ioctl on the file of the moment; re-attaches when it is refused. */
int kvmem_call(struct kvmem *k, unsigned long nr, void *arg)
{
	uint64_t deadline = kvmem_deadline(k);
	uint64_t generation;
	unsigned int tries;
	int err;

	for (tries = 0;; tries++) {
		pthread_rwlock_rdlock(&k->lock);
		generation = k->generation;
		err = k->fd < 0 ? -ESHUTDOWN :
		      kvmem_sys_ioctl(k, k->fd, nr, arg);
		pthread_rwlock_unlock(&k->lock);
		if (err != -ESHUTDOWN)
			return err;
		err = kvmem_recover(k, generation, deadline, tries);
		if (err)
			return err;
	}
}

int kvmem_query(struct kvmem *k, struct kvmem_query *query)
{
	memset(query, 0, sizeof(*query));
	query->size = sizeof(*query);
	return kvmem_call(k, KVMEM_IOC_QUERY, query);
}

int kvmem_ns_info(struct kvmem *k, struct kvmem_ns_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return kvmem_call(k, KVMEM_IOC_NS_INFO, info);
}

uint32_t kvmem_access(struct kvmem *k)
{
	uint32_t access;

	pthread_rwlock_rdlock(&k->lock);
	access = k->access;
	pthread_rwlock_unlock(&k->lock);
	return access;
}

int kvmem_poll_fd(struct kvmem *k)
{
	int fd;

	pthread_rwlock_rdlock(&k->lock);
	fd = k->fd;
	pthread_rwlock_unlock(&k->lock);
	return fd < 0 ? -ESHUTDOWN : fd;
}
