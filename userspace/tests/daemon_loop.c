// SPDX-License-Identifier: GPL-2.0
/* kvmemd: the loop, the log and the socket. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/socket.h"
#include "daemon/state.h"
#include "ktap.h"

static struct loop *loop;
static int calls, timer;
static int ends[2], other[2];

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* --- the loop --- */

static void count_to_three(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	if (++calls == 3)
		loop_stop(loop);
}

static void timers(void)
{
	uint64_t start = now_ms();

	loop = loop_new();
	calls = 0;
	timer = loop_timer(loop, 10000000, count_to_three, NULL);
	CHECK(timer >= 0);
	CHECK_EQ(loop_run(loop), 0);
	CHECK_EQ(calls, 3);
	CHECK(now_ms() - start >= 29);
	loop_timer_stop(loop, timer);
	loop_timer_stop(loop, timer);
	loop_free(loop);
	loop_free(NULL);
}

static void late(void *arg, uint32_t events)
{
	struct timespec ts = { 0, 60000000 };

	(void)events;
	if (++calls == 1)
		nanosleep(&ts, NULL);
	else
		loop_stop(arg);
}

/* One that slept through six periods is called once for them. */
static void late_timer(void)
{
	uint64_t start = now_ms();

	loop = loop_new();
	calls = 0;
	CHECK(loop_timer(loop, 10000000, late, loop) >= 0);
	CHECK_EQ(loop_run(loop), 0);
	CHECK_EQ(calls, 2);
	CHECK(now_ms() - start >= 70);
	loop_free(loop);
}

/* Removes itself and the other, which is ready too. */
static void remove_both(void *arg, uint32_t events)
{
	(void)arg;
	CHECK(events & EPOLLIN);
	calls++;
	loop_remove(loop, ends[0]);
	loop_remove(loop, other[0]);
	loop_stop(loop);
}

static void removal(void)
{
	loop = loop_new();
	calls = 0;
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(pipe(other), 0);
	CHECK_EQ(loop_add(loop, ends[0], EPOLLIN, remove_both, NULL), 0);
	CHECK_EQ(loop_add(loop, other[0], EPOLLIN, remove_both, NULL), 0);
	CHECK_EQ(loop_add(loop, ends[0], EPOLLIN, remove_both, NULL), -EEXIST);
	CHECK_EQ(loop_add(loop, -1, EPOLLIN, remove_both, NULL), -EBADF);
	CHECK_EQ(write(ends[1], "x", 1) + write(other[1], "x", 1), 2);
	CHECK_EQ(loop_run(loop), 0);
	CHECK_EQ(calls, 1);
	CHECK_EQ(loop_modify(loop, ends[0], EPOLLIN), -ENOENT);
	/* The descriptor is free for somebody else. */
	CHECK_EQ(loop_add(loop, ends[0], EPOLLIN, remove_both, NULL), 0);
	CHECK_EQ(loop_run(loop), 0);
	CHECK_EQ(calls, 2);
	loop_free(loop);
	close(ends[0]);
	close(ends[1]);
	close(other[0]);
	close(other[1]);
}

/* --- the log --- */

static void levels(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	log_init(f);
	log_set_level(LOG_NOTICE);
	log_info("quiet");
	log_ns(LOG_WARNING, "n", "e", "%s %d", "loud", 3);
	log_set_level(LOG_INFO);
	log_init(NULL);
	fclose(f);
	CHECK(!strcmp(text, "kvmemd: warning: loud 3\n"));
	free(text);
	CHECK_EQ(log_level_of("debug"), LOG_DEBUG);
	CHECK_EQ(log_level_of("emerg"), -1);
	CHECK_EQ(log_level_of(""), -1);
	CHECK(!strcmp(log_level_name(LOG_ERR), "err"));
}

/* --- the socket --- */

static char *report;
static const struct state state;
static const struct report_costs costs;
static char path[64];

char *report_json(const struct state *s, const struct report_costs *c, uint64_t now_ns)
{
	return s == &state && c == &costs && now_ns ? strdup(report) : NULL;
}

static int dial(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(sa.sun_path, path);
	if (!connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return fd;
	close(fd);
	return -errno;
}

static void stop(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	loop_stop(loop);
}

static void run_for(unsigned int ms)
{
	int t = loop_timer(loop, ms * 1000000ULL, stop, NULL);

	loop_run(loop);
	loop_timer_stop(loop, t);
}

static struct socket_server *serve(char *err, size_t len)
{
	snprintf(path, sizeof(path), "/tmp/kvmemd-test-%d.sock", (int)getpid());
	return socket_start(loop, &state, &costs, path, (gid_t)-1, err, len);
}

/* All that comes until the end, or the reset of who said something; -1: no end yet */
static ssize_t drain(int fd, char *buf, size_t len)
{
	size_t at = 0;
	ssize_t n;

	while ((n = read(fd, buf + at, len - at)) > 0)
		at += (size_t)n;
	return n && errno != ECONNRESET ? -1 : (ssize_t)at;
}

static void answers(void)
{
	struct socket_server *s;
	char err[200], buf[64];
	struct stat st;
	int fd;

	loop = loop_new();
	report = (char *)"{\"a\":1}";
	s = serve(err, sizeof(err));
	CHECK(s);
	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0660);
	/* A second daemon does not take it away. */
	CHECK(!serve(err, sizeof(err)));
	CHECK(strstr(err, "in use"));
	run_for(20);
	fd = dial();
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "ignored", 7), 7);
	run_for(20);
	CHECK_EQ(drain(fd, buf, sizeof(buf)), 7);
	close(fd);
	socket_stop(s);
	CHECK_EQ(stat(path, &st), -1);
	loop_free(loop);
}

/* One that crashed left its socket behind. */
static void left_behind(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct socket_server *s;
	char err[200];

	loop = loop_new();
	strcpy(sa.sun_path, path);
	CHECK_EQ(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	close(fd);
	s = serve(err, sizeof(err));
	CHECK(s);
	socket_stop(s);
	/* Something that is no socket stays. */
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	CHECK(fd >= 0);
	close(fd);
	CHECK(!serve(err, sizeof(err)));
	CHECK_EQ(unlink(path), 0);
	loop_free(loop);
}

/* Twenty who read nothing: four wait, and the time of the others ends. */
static void slow_clients(void)
{
	struct socket_server *s;
	char err[200], *buf;
	int fd[20], i, told = 0;

	loop = loop_new();
	report = malloc(4 << 20);
	buf = malloc(4 << 20);
	memset(report, 'x', 4 << 20);
	report[(4 << 20) - 1] = 0;
	s = serve(err, sizeof(err));
	CHECK(s);
	for (i = 0; i < 20; i++) {
		fd[i] = dial();
		CHECK(fd[i] >= 0);
		run_for(5);
	}
	for (i = 0; i < 20; i++)
		told += recv(fd[i], err, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
	CHECK_EQ(told, SOCKET_MAX_CLIENTS);
	run_for(SOCKET_TIMEOUT_MS + 100);
	for (i = 0, told = 0; i < 20; i++)
		told += recv(fd[i], err, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
	CHECK_EQ(told, 20);
	CHECK(drain(fd[0], buf, 4 << 20) < (4 << 20) - 1);
	/* Who comes after them and reads is told everything. */
	i = 0;
	do {
		run_for(5);
		told = (int)recv(fd[19], buf, 4 << 20, MSG_DONTWAIT);
		i += told > 0 ? told : 0;
	} while (told);
	CHECK_EQ(i, (4 << 20) - 1);
	for (i = 0; i < 20; i++)
		close(fd[i]);
	socket_stop(s);
	free(report);
	free(buf);
	loop_free(loop);
}

static const struct ktap_test tests[] = {
	{ "timers", timers },
	{ "a timer that is late", late_timer },
	{ "removal from inside", removal },
	{ "levels of the log", levels },
	{ "a client is told and dismissed", answers },
	{ "a socket that was left behind", left_behind },
	{ "clients that do not read", slow_clients },
};

KTAP_MAIN(tests)
