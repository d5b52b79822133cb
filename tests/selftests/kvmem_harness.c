// SPDX-License-Identifier: GPL-2.0
/*
 * The test harness: see kvmem_harness.h.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include "kvmem_harness.h"

static struct kvt_test *tests, **tests_end = &tests;
static volatile sig_atomic_t failed;

void kvt_register(struct kvt_test *test)
{
	*tests_end = test;
	tests_end = &test->next;
}

static void write_line(const char *prefix, const char *fmt, va_list ap)
{
	char buf[1024];
	int n = snprintf(buf, sizeof(buf), "# %s", prefix);

	n += vsnprintf(buf + n, sizeof(buf) - n - 1, fmt, ap);
	if (n > (int)sizeof(buf) - 2)
		n = sizeof(buf) - 2;
	buf[n++] = '\n';
	if (write(STDOUT_FILENO, buf, n) < 0)
		_exit(KSFT_FAIL);
}

void kvt_diag(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line("", fmt, ap);
	va_end(ap);
}

void kvt_fail(const char *file, int line, const char *fmt, ...)
{
	char where[256];
	va_list ap;

	/* A test that fails a million times says so a hundred times. */
	if (failed < 100) {
		snprintf(where, sizeof(where), "%s:%d: expected ", file, line);
		va_start(ap, fmt);
		write_line(where, fmt, ap);
		va_end(ap);
	}
	failed++;
}

bool kvt_failed(void)
{
	return failed;
}

void kvt_abort(void)
{
	_exit(KSFT_FAIL);
}

void kvt_exit(void)
{
	_exit(failed ? KSFT_FAIL : KSFT_PASS);
}

void kvt_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line("SKIP ", fmt, ap);
	va_end(ap);
	_exit(failed ? KSFT_FAIL : KSFT_SKIP);
}

pid_t kvt_fork(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0) {
		kvt_fail(__FILE__, __LINE__, "fork: %s", strerror(errno));
		kvt_abort();
	}
	if (!pid) {
		failed = 0;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(KSFT_FAIL);
	}
	return pid;
}

int kvt_wait(pid_t pid, unsigned int ms)
{
	uint64_t start = kvt_now_ms(), end = start + (uint64_t)ms * (kvt_debug_kernel() ? 4 : 1);
	uint64_t nap = 1;
	int status;

	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid)
			return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
		if (got < 0)
			return -errno;
		if (kvt_now_ms() >= end)
			return -ETIMEDOUT;
		kvt_sleep_ms(nap);
		/* What takes long may be noticed later. */
		if (nap < 20 || nap < (kvt_now_ms() - start) / 256)
			nap++;
	}
}

void kvt_in_child(void (*fn)(void *), void *arg)
{
	pid_t pid = kvt_fork();

	if (!pid) {
		fn(arg);
		kvt_exit();
	}
	EXPECT_EQ(kvt_wait(pid, 30000), 0);
}

bool kvt_debug_kernel(void)
{
	static int debug = -1;
	const char *kernel;

	if (debug < 0) {
		kernel = getenv("KVMEM_KERNEL");
		debug = (kernel && strstr(kernel, "debug")) ||
			!access("/sys/kernel/debug/kmemleak", F_OK);
	}
	return debug;
}

static bool asked_for(const char *name)
{
	const char *s = getenv(name);

	return s && *s && strcmp(s, "0");
}

unsigned long kvt_scale(unsigned long quick, unsigned long soak)
{
	if (asked_for("KVMEM_SOAK"))
		return soak;
	return asked_for("KVMEM_BRIEF") ? (quick + 1) / 2 : quick;
}

uint64_t kvt_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

void kvt_sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

/* Where a process that hangs is. */
static void show_stack(pid_t pid)
{
	char path[64], buf[4096], *line, *save;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return;
	buf[n] = 0;
	for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		kvt_diag("stack of %d: %s", pid, line);
}

static int run_child(struct kvt_test *test)
{
	unsigned int seconds = test->seconds * kvt_scale(1, 30);
	pid_t pid;
	int rc;

	pid = kvt_fork();
	if (!pid) {
		setpgid(0, 0);
		test->fn();
		kvt_exit();
	}
	setpgid(pid, pid);
	rc = kvt_wait(pid, seconds * 1000);
	if (rc == -ETIMEDOUT) {
		kvt_diag("%s: no end after %u s", test->name, seconds);
		show_stack(pid);
	}
	kill(-pid, SIGKILL);
	if (rc == -ETIMEDOUT && kvt_wait(pid, 10000) == -ETIMEDOUT) {
		printf("Bail out! %s cannot be killed\n", test->name);
		show_stack(pid);
		fflush(stdout);
		_exit(KSFT_FAIL);
	}
	if (rc < 0)
		kvt_diag("%s: ended by %s", test->name,
			 rc == -ETIMEDOUT ? "timeout" : strsignal(-rc));
	return rc == KSFT_PASS || rc == KSFT_SKIP ? rc : KSFT_FAIL;
}

static int run_test(struct kvt_test *test)
{
	struct kvt_state before;
	const char *left;
	pid_t pid;
	int rc;

	kvt_state_read(&before);
	/* One process more: so that all namespaces of the test have one prefix. */
	pid = fork();
	if (pid < 0)
		return KSFT_FAIL;
	if (!pid) {
		char tag[32];

		prctl(PR_SET_CHILD_SUBREAPER, 1);
		snprintf(tag, sizeof(tag), "%d", getpid());
		setenv("KVMEM_TEST_TAG", tag, 1);
		_exit(run_child(test));
	}
	while (waitpid(pid, &rc, 0) < 0 && errno == EINTR)
		;
	rc = WIFEXITED(rc) ? WEXITSTATUS(rc) : KSFT_FAIL;
	left = kvt_clean_up(pid, &before);
	if (left) {
		kvt_diag("%s: left behind: %s", test->name, left);
		rc = KSFT_FAIL;
	}
	return rc;
}

static bool selected(const struct kvt_test *test, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], test->name))
			return true;
	return argc < 2;
}

int kvt_main(int argc, char **argv)
{
	unsigned int nr = 0, i = 0, counts[5] = {};
	struct kvt_test *test;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (test = tests; test; test = test->next)
		nr += selected(test, argc, argv);
	printf("KTAP version 1\n1..%u\n", nr);
	kvt_set_up();
	for (test = tests; test; test = test->next) {
		uint64_t start = kvt_now_ms();
		int rc;

		if (!selected(test, argc, argv))
			continue;
		fflush(stdout);
		rc = run_test(test);
		counts[rc]++;
		printf("%sok %u %s%s\n", rc == KSFT_FAIL ? "not " : "", ++i,
		       test->name, rc == KSFT_SKIP ? " # SKIP" : "");
		if (kvt_now_ms() - start > 2000)
			printf("# %s took %llu ms\n", test->name,
			       (unsigned long long)(kvt_now_ms() - start));
	}
	printf("# Totals: pass:%u fail:%u xfail:0 xpass:0 skip:%u error:0\n",
	       counts[KSFT_PASS], counts[KSFT_FAIL], counts[KSFT_SKIP]);
	if (counts[KSFT_FAIL] || !nr)
		return KSFT_FAIL;
	return counts[KSFT_SKIP] ? KSFT_SKIP : KSFT_PASS;
}
