/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What kmod/flash/budget.c takes from the kernel, for the simulator.
 */
#ifndef POLICY_BUDGET_SHIM_H
#define POLICY_BUDGET_SHIM_H

#include <assert.h>		/* static_assert */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define U16_MAX		UINT16_MAX
#define U32_MAX		UINT32_MAX
#define U64_MAX		UINT64_MAX
#define NSEC_PER_SEC	1000000000L
#define NSEC_PER_MSEC	1000000L
#define MSEC_PER_SEC	1000L

#define min_t(type, x, y)	((type)(x) < (type)(y) ? (type)(x) : (type)(y))
#define max_t(type, x, y)	((type)(x) > (type)(y) ? (type)(x) : (type)(y))

static inline u64 div_u64(u64 a, u32 b)
{
	return a / b;
}

static inline u64 div64_u64(u64 a, u64 b)
{
	return a / b;
}

static inline u64 mul_u64_u32_div(u64 a, u32 mul, u32 div)
{
	return (u64)((__uint128_t)a * mul / div);
}

#endif
