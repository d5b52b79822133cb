/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites share: a namespace per test, blocks with known bytes.
 */
#ifndef KVMEM_TEST_FIXTURE_H
#define KVMEM_TEST_FIXTURE_H

#include <kunit/test.h>
#include "arena.h"
#include "block.h"
#include "ns.h"
#include "space.h"
#include "stats.h"

/* test->priv: the namespace of the test */
int kvmem_test_init(struct kunit *test);
void kvmem_test_exit(struct kunit *test);
struct kvmem_ns *kvmem_test_ns(struct kunit *test);
/* Set a bound on the number of blocks of the test's namespace. */
void kvmem_test_quota(struct kunit *test, u64 blocks);

struct kvmem_key kvmem_test_key(u64 n);
void kvmem_test_bytes(void *buf, size_t len, u64 n);
/* Store @size bytes under key @n; hints may be NULL. */
int kvmem_test_put(struct kunit *test, u64 n, size_t size, const struct kvmem_hints *hints);
/* With a reference, or NULL. */
struct kvmem_block *kvmem_test_find(struct kunit *test, u64 n);
bool kvmem_test_there(struct kunit *test, u64 n);
void kvmem_test_use(struct kunit *test, u64 n);
int kvmem_test_read(struct kvmem_block *block, size_t off, size_t len, void *buf);

#endif
