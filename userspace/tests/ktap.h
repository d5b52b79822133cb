/* SPDX-License-Identifier: GPL-2.0 */
/* KTAP output for unit tests: a test is a function, a failed CHECK ends it. */
#ifndef _KTAP_H
#define _KTAP_H

#include <stdbool.h>
#include <stdio.h>

struct ktap_test {
	const char *name;
	void (*run)(void);
};

static bool ktap_failed;

#define CHECK(cond) do {						\
	if (!(cond)) {							\
		printf("# %s:%d: failed: %s\n", __FILE__, __LINE__, #cond); \
		ktap_failed = true;					\
		return;							\
	}								\
} while (0)

#define CHECK_EQ(a, b) do {						\
	long long _a = (long long)(a), _b = (long long)(b);		\
	if (_a != _b) {							\
		printf("# %s:%d: %s = %lld, want %lld\n", __FILE__,	\
		       __LINE__, #a, _a, _b);				\
		ktap_failed = true;					\
		return;							\
	}								\
} while (0)

static inline int ktap_run(const struct ktap_test *tests, size_t n)
{
	size_t i, bad = 0;

	printf("KTAP version 1\n1..%zu\n", n);
	for (i = 0; i < n; i++) {
		ktap_failed = false;
		tests[i].run();
		printf("%s %zu %s\n", ktap_failed ? "not ok" : "ok", i + 1,
		       tests[i].name);
		fflush(stdout);
		bad += ktap_failed;
	}
	return bad ? 1 : 0;
}

#define KTAP_MAIN(tests) \
int main(void) \
{ \
	return ktap_run(tests, sizeof(tests) / sizeof((tests)[0])); \
}

#endif /* _KTAP_H */
