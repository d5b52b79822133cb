// SPDX-License-Identifier: GPL-2.0
/* The metrics server on a real socket, with friends, strangers and enemies. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/loop.h"
#include "daemon/metrics.h"
#include "ktap.h"
#include "test_metrics_state.h"

#define GET(path)	"GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define MANY		200

/* The server runs in the main thread, @client in another one. */
struct server {
	struct loop *loop;
	struct metrics *metrics;
	struct state *state;
	int done;
	void (*client)(void);
};

static struct server server;
static unsigned int port;

static void *run_client(void *arg)
{
	(void)arg;
	server.client();
	eventfd_write(server.done, 1);
	return NULL;
}

static void on_done(void *arg, uint32_t events)
{
	(void)events;
	loop_stop(arg);
}

static bool start(unsigned int nr_ns, unsigned int nr_classes)
{
	char err[256] = "";

	server.loop = loop_new();
	server.state = full_state(nr_ns, nr_classes);
	server.done = eventfd(0, EFD_CLOEXEC);
	loop_add(server.loop, server.done, EPOLLIN, on_done, server.loop);
	server.metrics = metrics_start(server.loop, server.state, &full_costs, "127.0.0.1:0",
				       err, sizeof(err));
	if (!server.metrics) {
		printf("# %s\n", err);
		ktap_failed = true;
		return false;
	}
	port = metrics_port(server.metrics);
	return true;
}

static void serve(unsigned int nr_ns, unsigned int nr_classes, void (*client)(void))
{
	pthread_t thread;

	server.client = client;
	if (start(nr_ns, nr_classes)) {
		pthread_create(&thread, NULL, run_client, NULL);
		loop_run(server.loop);
		pthread_join(thread, NULL);
		metrics_stop(server.metrics);
	}
	close(server.done);
	loop_free(server.loop);
	full_state_free(server.state);
}

/* --- a client --- */

static int dial_small(int rcvbuf)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval limit = { .tv_sec = 30 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (rcvbuf)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int dial(void)
{
	return dial_small(0);
}

static void say(int fd, const char *text, size_t len)
{
	ssize_t n;

	while (len && (n = send(fd, text, len, MSG_NOSIGNAL)) > 0) {
		text += n;
		len -= (size_t)n;
	}
}

/* Until the other side closes; to be freed.  "" when it sent nothing or reset. */
static char *hear(int fd)
{
	size_t len = 0, size = 1 << 16;
	char *text = malloc(size), *more;
	ssize_t n;

	while ((n = recv(fd, text + len, size - len - 1, 0)) > 0) {
		len += (size_t)n;
		if (size - len > 4096)
			continue;
		more = realloc(text, size *= 2);
		if (!more)
			break;
		text = more;
	}
	text[len] = 0;
	return text;
}

static char *ask(const char *request)
{
	int fd = dial();
	char *answer;

	say(fd, request, strlen(request));
	answer = hear(fd);
	close(fd);
	return answer;
}

static bool is_status(const char *answer, int status)
{
	int got = 0;

	if (sscanf(answer, "HTTP/1.%*1[01] %d ", &got) != 1)
		return false;
	if (got != status)
		printf("# status %d, want %d\n", got, status);
	return got == status;
}

/* The whole body came, and as long as the header said. */
static bool is_complete(const char *answer)
{
	const char *length = strstr(answer, "Content-Length: ");
	const char *body = strstr(answer, "\r\n\r\n");

	return length && body && length < body &&
	       strtoul(length + 16, NULL, 10) == strlen(body + 4);
}

static bool is_scrape(const char *answer)
{
	return is_status(answer, 200) && is_complete(answer) &&
	       strstr(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n") &&
	       strstr(answer, "\nkvmem_up 1\n") && strstr(answer, "\nkvmem_build_info{") &&
	       answer[strlen(answer) - 1] == '\n';
}

static double now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void pause_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&ts, NULL);
}

/* --- requests --- */

static bool expect(const char *request, int status, const char *part)
{
	char *answer = ask(request);
	bool ok = is_status(answer, status) && is_complete(answer) && strstr(answer, part);

	if (!ok)
		printf("# %.40s: %.300s\n", request, answer);
	free(answer);
	return ok;
}

static void client_paths(void)
{
	CHECK(expect(GET("/-/healthy"), 200, "\r\n\r\nok\n"));
	CHECK(expect(GET("/metrics"), 200, "kvmem_up 1\n"));
	CHECK(expect(GET("/metrics?name[]=x&y=%00"), 200, "kvmem_up 1\n"));
	CHECK(expect("GET /metrics HTTP/1.0\r\n\r\n", 200, "kvmem_up 1\n"));
	CHECK(expect(GET("/"), 404, "only"));
	CHECK(expect(GET("/metrics/"), 404, "only"));
	CHECK(expect(GET("/../metrics"), 404, "only"));
	CHECK(expect(GET("/-/healthy/x"), 404, "only"));
	CHECK(expect("DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 405, "Allow: GET, HEAD\r\n"));
	CHECK(expect("BREW /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n", 405, "Allow: GET, HEAD\r\n"));
	CHECK(expect("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd", 405,
		     "Allow"));
}

static void client_scrape(void)
{
	char *answer = ask(GET("/metrics"));
	bool ok = is_scrape(answer);

	free(answer);
	CHECK(ok);
	answer = ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
	ok = is_status(answer, 200) && strstr(answer, "Content-Length: ") &&
	     !strstr(answer, "kvmem_up");
	free(answer);
	CHECK(ok);
}

/* The state is read anew once it has been, and only then. */
static void client_fresh(void)
{
	char *first = ask(GET("/metrics")), *same, *next;
	bool ok;

	server.state->ns->stats.v[KVMEM_A_STATS_HITS] = 424242;
	same = ask(GET("/metrics"));
	server.state->read_ns++;
	next = ask(GET("/metrics"));
	ok = !strstr(first, " 424242\n") && !strstr(same, " 424242\n") &&
	     strstr(next, " 424242\n") &&
	     strstr(next, "\nkvmem_daemon_scrapes_total 2\n") &&
	     !strstr(next, "\nkvmem_daemon_scrape_cpu_seconds 0\n");
	free(first);
	free(same);
	free(next);
	CHECK(ok);
}

/* --- strangers and enemies --- */

/* Whatever comes back: the server has to be well after it. */
static void send_raw(const char *data, size_t len)
{
	struct timeval limit = { .tv_usec = 100000 };
	int fd = dial();

	/* What is not complete is waited for until it times out. */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	say(fd, data, len);
	shutdown(fd, SHUT_WR);
	free(hear(fd));
	close(fd);
}

static void client_garbage(void)
{
	static const char * const texts[] = {
		"", "\r\n", "\n\n\n\n", "GET", "GET /metrics", "GET /metrics HTTP/1.1\r\n",
		"GET /metrics HTTP/9.9\r\n\r\n", "/metrics\r\n\r\n", "GET  \r\n\r\n",
		"GET /metrics HTTP/1.1\r\nHost\r\n\r\n", "GET /%zz%00%ff HTTP/1.1\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
		"GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	};
	char *random = malloc(1 << 18);
	unsigned int i, k;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		send_raw(texts[i], strlen(texts[i]));
	srand(1);
	for (i = 0; i < 100; i++) {
		for (k = 0; k < 4096; k++)
			random[k] = (char)rand();
		send_raw(random, 4096);
	}
	/* Headers without an end, and a method without one */
	memset(random, 'A', 1 << 18);
	send_raw(random, 1 << 18);
	memcpy(random, "GET /metrics HTTP/1.1\r\nX: ", 26);
	send_raw(random, 1 << 18);
	free(random);
	CHECK(expect(GET("/metrics"), 200, "kvmem_up 1\n"));
}

static void reset(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

/* Gone before, while and after the answer is sent: no SIGPIPE, no leak. */
static void client_rude(void)
{
	unsigned int i;
	char part[4096];
	int fd;

	for (i = 0; i < 60; i++) {
		fd = dial_small(4096);
		if (i % 3)
			say(fd, GET("/metrics"), strlen(GET("/metrics")));
		if (i % 3 == 2 && recv(fd, part, sizeof(part), 0) < 0)
			break;
		if (i % 2)
			reset(fd);
		else
			close(fd);
	}
	CHECK_EQ(i, 60);
	CHECK(expect(GET("/metrics"), 200, "kvmem_up 1\n"));
}

static double server_cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Somebody who does not read megabytes costs no CPU, and others do not wait. */
static void client_slow_reader(void)
{
	int slow = dial_small(4096);
	double wall, cpu;
	char *answer;
	bool ok;

	say(slow, GET("/metrics"), strlen(GET("/metrics")));
	pause_ms(300);
	cpu = server_cpu();
	wall = now(CLOCK_MONOTONIC);
	pause_ms(1500);
	cpu = server_cpu() - cpu;
	CHECK(expect(GET("/-/healthy"), 200, "ok"));
	wall = now(CLOCK_MONOTONIC) - wall - 1.5;
	printf("# while one does not read: %.3f s of CPU in 1.5 s, others wait %.3f s\n", cpu,
	       wall);
	answer = hear(slow);
	ok = is_scrape(answer) && strlen(answer) > (4 << 20);
	close(slow);
	free(answer);
	CHECK(ok);
	CHECK(cpu < 0.5);
	CHECK(wall < 1);
}

static void client_slow_writer(void)
{
	const char *p = GET("/metrics");
	int fd = dial();
	char *answer;
	bool ok;

	for (; *p; p++) {
		say(fd, p, 1);
		pause_ms(5);
	}
	answer = hear(fd);
	ok = is_scrape(answer);
	close(fd);
	free(answer);
	CHECK(ok);
}

static void client_many(void)
{
	unsigned int i, good = 0;
	int fd[MANY];
	char *answer;

	/* More than connections may be open: those behind wait for theirs. */
	for (i = 0; i < MANY; i++) {
		fd[i] = dial();
		say(fd[i], GET("/metrics"), strlen(GET("/metrics")));
	}
	for (i = 0; i < MANY; i++) {
		answer = hear(fd[i]);
		good += is_scrape(answer);
		free(answer);
		close(fd[i]);
	}
	CHECK_EQ(good, MANY);
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* All places are taken, by silence and by one byte at a time: both have an end. */
static void client_squatters(void)
{
	double start = now(CLOCK_MONOTONIC), waited = 0, lasted = 0;
	int fd[MANY], drip = dial(), waiting;
	unsigned int i;

	for (i = 0; i < 31; i++)
		fd[i] = dial();
	pause_ms(200);
	waiting = dial();
	say(waiting, GET("/metrics"), strlen(GET("/metrics")));
	while (lasted < 25 && !is_readable(drip)) {
		say(drip, "A", 1);
		if (!waited && is_readable(waiting))
			waited = now(CLOCK_MONOTONIC) - start;
		pause_ms(100);
		lasted = now(CLOCK_MONOTONIC) - start;
	}
	printf("# a place was free after %.1f s; one byte at a time lasted %.1f s\n", waited,
	       lasted);
	for (i = 0; i < 31; i++)
		close(fd[i]);
	close(drip);
	close(waiting);
	CHECK(waited > 1 && waited < 12);
	CHECK(lasted > 12 && lasted < 25);
}

/* Returns while an answer is under way: the server stops with it. */
static void client_leaves_open(void)
{
	int fd = dial_small(4096);

	say(fd, GET("/metrics"), strlen(GET("/metrics")));
	pause_ms(200);
	CHECK(fd >= 0);
}

/* --- memory --- */

/*
 * Each slow client holds an answer of its own, as the kernel is read in
 * between: at the bound others are told to come back.
 */
static void client_hoarders(void)
{
	unsigned int i, refused = 0;
	char start[16] = "";
	int fd[28];

	for (i = 0; i < 28; i++) {
		server.state->read_ns++;
		fd[i] = dial_small(4096);
		say(fd[i], GET("/metrics"), strlen(GET("/metrics")));
		if (recv(fd[i], start, sizeof(start) - 1, MSG_WAITALL) > 0)
			refused += !strncmp(start, "HTTP/1.1 503", 12);
	}
	for (i = 0; i < 28; i++)
		close(fd[i]);
	printf("# %u of 28 were told to come back\n", refused);
	CHECK(refused > 0 && refused < 28);
	pause_ms(200);
	CHECK(expect(GET("/metrics"), 200, "kvmem_up 1\n"));
}

/* --- tests --- */

static void test_paths(void) { serve(2, 2, client_paths); }
static void test_scrape(void) { serve(2, 2, client_scrape); }
static void test_fresh(void) { serve(2, 2, client_fresh); }
static void test_garbage(void) { serve(2, 2, client_garbage); }
static void test_rude(void) { serve(200, 64, client_rude); }
static void test_slow_reader(void) { serve(256, 64, client_slow_reader); }
static void test_slow_writer(void) { serve(2, 2, client_slow_writer); }
static void test_many(void) { serve(8, 8, client_many); }
static void test_squatters(void) { serve(1, 1, client_squatters); }
static void test_stop(void) { serve(256, 64, client_leaves_open); }
static void test_hoarders(void) { serve(256, 64, client_hoarders); }

static bool refuses(struct loop *loop, const char *address)
{
	struct state state = { .connected = false };
	char err[256] = "";
	struct metrics *m = metrics_start(loop, &state, &full_costs, address, err, sizeof(err));

	if (m)
		printf("# \"%s\" was accepted\n", address);
	metrics_stop(m);
	return !m && err[0];
}

/* A minimal system has no file that says so. */
static bool have_localhost(void)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *found;

	if (getaddrinfo("localhost", "80", &hints, &found))
		return false;
	freeaddrinfo(found);
	return true;
}

static void test_addresses(void)
{
	static const char * const bad[] = {
		"", "9768", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
		"127.0.0.1:-1", "127.0.0.1:0x10", "127.0.0.1: 80", "::1:80", "[]:80",
		"[::1]80", "[::1", "256.0.0.1:0", "127.0.0.1:1:1", "192.0.2.1:0",
	};
	struct state state = { .connected = false };
	struct loop *loop = loop_new();
	struct metrics *m;
	char err[64], taken[32];
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ktap_failed |= !refuses(loop, bad[i]);
	m = metrics_start(loop, &state, &full_costs, ":0", err, sizeof(err));
	snprintf(taken, sizeof(taken), "127.0.0.1:%u", m ? metrics_port(m) : 0);
	ktap_failed |= !m || !metrics_port(m) || !refuses(loop, taken);
	metrics_stop(m);
	m = metrics_start(loop, &state, &full_costs, "localhost:0", err, sizeof(err));
	ktap_failed |= !m == have_localhost();
	metrics_stop(m);
	loop_free(loop);
}

static bool have_ipv6(void)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6,
				     .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM, 0), rc;

	rc = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	close(fd);
	return !rc;
}

static void test_ipv6(void)
{
	struct state state = { .connected = false };
	struct loop *loop = loop_new();
	char err[256] = "";
	struct metrics *m;
	bool ok;

	m = metrics_start(loop, &state, &full_costs, "[::1]:0", err, sizeof(err));
	ok = m ? metrics_port(m) > 0 : !have_ipv6();
	if (!m)
		printf("# no IPv6 here: %s\n", err);
	metrics_stop(m);
	loop_free(loop);
	CHECK(ok);
}

static const struct ktap_test tests[] = {
	{ "addresses", test_addresses },
	{ "IPv6", test_ipv6 },
	{ "paths and methods", test_paths },
	{ "a scrape", test_scrape },
	{ "as fresh as the state", test_fresh },
	{ "garbage", test_garbage },
	{ "clients that go away", test_rude },
	{ "a slow reader", test_slow_reader },
	{ "a slow writer", test_slow_writer },
	{ "many clients", test_many },
	{ "clients that stay", test_squatters },
	{ "answers under way are bounded", test_hoarders },
	{ "stopped with an answer under way", test_stop },
};

KTAP_MAIN(tests)
