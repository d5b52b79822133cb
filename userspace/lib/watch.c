// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * KVMEM_OPEN_WATCH: a thread that lets go of the file when the module wants
 * to be upgraded and the application happens to be idle.
 *
 * The kernel signals one eventfd for a file; with a watcher that is the
 * watcher's, who passes signals on to the application's.
 */
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "internal.h"

#define PAUSE_MS	5	/* between looks while something is held */

static void signal_fd(int fd)
{
	uint64_t one = 1;
	/* full is as good as signalled */
	ssize_t n = fd < 0 ? 0 : write(fd, &one, sizeof(one));

	(void)n;
}

static void drain_fd(int fd)
{
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));

	(void)n;
}

static bool stopping(struct kvmem *k)
{
	return __atomic_load_n(&k->stop, __ATOMIC_ACQUIRE);
}

/*
 * Any operation tells whether the file is still good, and re-attaches when it
 * is not and nothing is held.  This one changes nothing and counts nowhere.
 */
static void look(struct kvmem *k)
{
	static const uint8_t key[KVMEM_KEY_LEN];
	struct kvmem_op op;

	do {
		kvmem_op_exists(&op, key);
		op.flags = KVMEM_OP_F_NOTOUCH;
		if (kvmem_one(k, &op) != -ESHUTDOWN)
			return;
		k->sys.sleep_ms(k->sys.ctx, PAUSE_MS);
	} while (!stopping(k));
}

static void pass_on(struct kvmem *k)
{
	pthread_rwlock_rdlock(&k->lock);
	if (k->event_mask)
		signal_fd(k->event_fd);
	pthread_rwlock_unlock(&k->lock);
}

static void *watch(void *arg)
{
	struct kvmem *k = arg;
	struct pollfd p = { .fd = k->watch_fd, .events = POLLIN };

	while (!stopping(k)) {
		if (poll(&p, 1, -1) <= 0)
			continue;
		drain_fd(k->watch_fd);
		if (stopping(k))
			break;
		pass_on(k);
		look(k);
	}
	return NULL;
}

/* Before the first file is opened: it is armed with this. */
int kvmem_watch_prepare(struct kvmem *k)
{
	k->watch_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return k->watch_fd < 0 ? -errno : 0;
}

/* The application's signal handlers are for its own threads. */
int kvmem_watch_start(struct kvmem *k)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&k->watcher, NULL, watch, k);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		return -err;
	k->watching = true;
	return 0;
}

/* Something may have happened before the eventfd was armed: have a look. */
void kvmem_watch_kick(struct kvmem *k)
{
	signal_fd(k->watch_fd);
}

void kvmem_watch_end(struct kvmem *k)
{
	__atomic_store_n(&k->stop, true, __ATOMIC_RELEASE);
	if (k->watching) {
		signal_fd(k->watch_fd);
		pthread_join(k->watcher, NULL);
	}
	if (k->watch_fd >= 0)
		close(k->watch_fd);
}
