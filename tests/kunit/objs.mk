# SPDX-License-Identifier: GPL-2.0
# KUnit suites: a module of their own, on symbols that only this build exports.
kvmem-y += kmod/core/kunit_exports.o
kvmem_test-y := tests/kunit/fixture.o
kvmem_test-y += tests/kunit/math_test.o
kvmem_test-y += tests/kunit/space_test.o
kvmem_test-y += tests/kunit/block_test.o
kvmem_test-y += tests/kunit/data_test.o
kvmem_test-y += tests/kunit/evict_test.o
kvmem_test-y += tests/kunit/policy_test.o
kvmem_test-y += tests/kunit/format_test.o
kvmem_test-y += tests/kunit/format_table_test.o
kvmem_test-y += tests/kunit/bench_test.o
kvmem_test-y += tests/kunit/budget_test.o
kvmem_test-y += tests/kunit/ram_media.o
kvmem_test-y += tests/kunit/dev_test.o
kvmem_test-y += tests/kunit/scan_test.o
