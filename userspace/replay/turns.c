// SPDX-License-Identifier: GPL-2.0
/* Turn-taking between processes, by a ticket in shared memory. */
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "replay.h"

static void futex_wait(uint32_t *word, uint32_t value)
{
	/* a client that died cannot wake anybody: look at stop now and then */
	struct timespec ts = { .tv_nsec = 200000000 };

	syscall(SYS_futex, word, FUTEX_WAIT, value, &ts, NULL, 0);
}

static void futex_wake(uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, MAX_CLIENTS, NULL, NULL, 0);
}

int turn_wait(struct shared *s, uint32_t request)
{
	uint32_t turn;

	while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
		turn = __atomic_load_n(&s->turn, __ATOMIC_ACQUIRE);
		if (turn == request)
			return 0;
		futex_wait(&s->turn, turn);
	}
	return -ECANCELED;
}

void turn_pass(struct shared *s, uint32_t request)
{
	__atomic_store_n(&s->turn, request + 1, __ATOMIC_RELEASE);
	futex_wake(&s->turn);
}

void turn_stop(struct shared *s)
{
	__atomic_store_n(&s->stop, 1, __ATOMIC_RELEASE);
	futex_wake(&s->turn);
}

static size_t shared_size(unsigned int clients)
{
	return sizeof(struct shared) + clients * sizeof(struct stats);
}

struct shared *shared_new(unsigned int clients)
{
	void *p = mmap(NULL, shared_size(clients), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void shared_free(struct shared *s, unsigned int clients)
{
	munmap(s, shared_size(clients));
}
