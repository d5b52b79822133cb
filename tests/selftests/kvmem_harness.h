/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small test harness: every test runs in a process of its own, in its own
 * process group, under a timeout; the output is KTAP.
 *
 *	TEST(name) { ... ASSERT_EQ(a, b); ... }
 *	TEST_MAIN()
 *
 * EXPECT_* notes a failure and goes on, ASSERT_* ends the test's process; both
 * work in threads and in processes made with kvt_fork().  After each test the
 * harness kills what is left of the group, deletes the namespaces the test
 * made (kvt_ns() puts the pid in the name) and fails the test when the module
 * still holds memory or files that it did not hold before.
 */
#ifndef KVMEM_HARNESS_H
#define KVMEM_HARNESS_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define KSFT_PASS	0
#define KSFT_FAIL	1
#define KSFT_SKIP	4

struct kvt_test {
	const char *name;
	void (*fn)(void);
	unsigned int seconds;
	struct kvt_test *next;
};

void kvt_register(struct kvt_test *test);
int kvt_main(int argc, char **argv);

/* A line of diagnostics; written in one piece. */
void kvt_diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Note a failure of this process. */
void kvt_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool kvt_failed(void);
/* End this process: 1 = failed, or what was noted so far. */
void kvt_abort(void) __attribute__((noreturn));
void kvt_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* fork() whose child dies with its parent; kvt_exit() in the child. */
pid_t kvt_fork(void);
void kvt_exit(void) __attribute__((noreturn));
/* Exit status of @pid, -signal when killed, -ETIMEDOUT after @ms. */
int kvt_wait(pid_t pid, unsigned int ms);
/* Run @fn in a child; its failures are ours. */
void kvt_in_child(void (*fn)(void *), void *arg);

/* Is this a kernel with sanitizers (waits are longer, counts smaller)? */
bool kvt_debug_kernel(void);
/*
 * @quick in `make check`, @soak with KVMEM_SOAK=1.  With KVMEM_BRIEF=1, where
 * another kernel runs all of @quick, half of that.
 */
unsigned long kvt_scale(unsigned long quick, unsigned long soak);

uint64_t kvt_now_ms(void);
void kvt_sleep_ms(unsigned int ms);

/* True as soon as @cond is; false after @ms. */
#define kvt_wait_for(cond, ms) ({					\
	uint64_t __end = kvt_now_ms() + (ms) * (kvt_debug_kernel() ? 4 : 1); \
	bool __ok;							\
	while (!(__ok = (cond)) && kvt_now_ms() < __end)		\
		kvt_sleep_ms(5);					\
	__ok || (cond);							\
})

#define TEST_TIMEOUT(_name, _seconds)					\
	static void _name(void);					\
	static struct kvt_test kvt_test_##_name = {			\
		.name = #_name, .fn = _name, .seconds = _seconds,	\
	};								\
	static void __attribute__((constructor)) kvt_register_##_name(void) \
	{								\
		kvt_register(&kvt_test_##_name);			\
	}								\
	static void _name(void)
#define TEST(_name) TEST_TIMEOUT(_name, 60)
#define TEST_MAIN() int main(int argc, char **argv) { return kvt_main(argc, argv); }

#define __KVT_CMP(a, op, b, end) do {					\
	long long __a = (long long)(a), __b = (long long)(b);		\
	if (!(__a op __b)) {						\
		kvt_fail(__FILE__, __LINE__, "%s (%lld) " #op " %s (%lld)", \
			 #a, __a, #b, __b);				\
		end;							\
	}								\
} while (0)

#define EXPECT_EQ(a, b) __KVT_CMP(a, ==, b, (void)0)
#define EXPECT_NE(a, b) __KVT_CMP(a, !=, b, (void)0)
#define EXPECT_LT(a, b) __KVT_CMP(a, <, b, (void)0)
#define EXPECT_LE(a, b) __KVT_CMP(a, <=, b, (void)0)
#define EXPECT_GT(a, b) __KVT_CMP(a, >, b, (void)0)
#define EXPECT_GE(a, b) __KVT_CMP(a, >=, b, (void)0)
#define ASSERT_EQ(a, b) __KVT_CMP(a, ==, b, kvt_abort())
#define ASSERT_NE(a, b) __KVT_CMP(a, !=, b, kvt_abort())
#define ASSERT_LT(a, b) __KVT_CMP(a, <, b, kvt_abort())
#define ASSERT_LE(a, b) __KVT_CMP(a, <=, b, kvt_abort())
#define ASSERT_GT(a, b) __KVT_CMP(a, >, b, kvt_abort())
#define ASSERT_GE(a, b) __KVT_CMP(a, >=, b, kvt_abort())

#define EXPECT_TRUE(x) do {						\
	if (!(x))							\
		kvt_fail(__FILE__, __LINE__, "%s is false", #x);	\
} while (0)
#define ASSERT_TRUE(x) do {						\
	if (!(x)) {							\
		kvt_fail(__FILE__, __LINE__, "%s is false", #x);	\
		kvt_abort();						\
	}								\
} while (0)
/* With words of its own. */
#define EXPECT(x, fmt, ...) do {					\
	if (!(x))							\
		kvt_fail(__FILE__, __LINE__, fmt, ##__VA_ARGS__);	\
} while (0)
#define ASSERT(x, fmt, ...) do {					\
	if (!(x)) {							\
		kvt_fail(__FILE__, __LINE__, fmt, ##__VA_ARGS__);	\
		kvt_abort();						\
	}								\
} while (0)

/* What the harness asks of kvmem_util.c around each test. */
struct kvt_state {
	uint64_t owned;		/* bytes of the arena that belong to a namespace */
	uint64_t quarantined;
	long namespaces;
	long pools;
	long files;
};

/* Bring the module into the state that tests start from. */
void kvt_set_up(void);
void kvt_state_read(struct kvt_state *state);
/* When set: called before namespaces are deleted, for what is ours alone to undo. */
extern void (*kvt_clean_more)(void);
/* Delete what process @pid made; says what the module kept, or NULL. */
const char *kvt_clean_up(pid_t pid, const struct kvt_state *before);

#endif
