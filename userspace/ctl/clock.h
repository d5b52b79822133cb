/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVMEMCTL_CLOCK_H
#define _KVMEMCTL_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Of a clock that is never set */
static inline uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

#endif /* _KVMEMCTL_CLOCK_H */
