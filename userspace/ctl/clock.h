/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVMEMCTL_CLOCK_H
#define _KVMEMCTL_CLOCK_H

#include <errno.h>
#include <stdint.h>
#include <time.h>

/* Of a clock that is never set */
static inline uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static inline void sleep_ms(uint64_t ms)
{
	struct timespec ts = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

#endif /* _KVMEMCTL_CLOCK_H */
