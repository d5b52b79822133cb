/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the KUnit suites (tests/kunit) step in between two steps of ours: functions
 * that they may replace for a while.  Nothing, in a build that has no suites.
 */
#ifndef KVMEM_KUNIT_STUB_H
#define KVMEM_KUNIT_STUB_H

#ifdef CONFIG_KVMEM_KUNIT
#include <kunit/static_stub.h>
#define KVMEM_STUB(real, ...)	KUNIT_STATIC_STUB_REDIRECT(real, __VA_ARGS__)
#else
#define KVMEM_STUB(...)		do { } while (0)
#endif

#endif
