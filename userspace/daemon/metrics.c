// SPDX-License-Identifier: GPL-2.0
/*
 * The server: libmicrohttpd without threads, driven by the loop.
 *
 * A scraper must not be able to hurt the daemon, which has better things to
 * do: connections are few, end with their first answer or after 15 seconds,
 * answers are made at most once for each time that the kernel was read, and
 * those that slow clients have not taken yet are bounded.
 */
#include <errno.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/loop.h"
#include "daemon/metrics.h"
#include "daemon/metrics_listen.h"
#include "daemon/metrics_text.h"
#include "daemon/state.h"

#define NS_PER_SEC		1000000000ULL
#define MAX_CONNECTIONS		32U
#define IDLE_SECONDS		5U
#define CONNECTION_NS		(15 * NS_PER_SEC)
#define CONNECTION_MEMORY	((size_t)16 << 10)	/* headers; more is refused */
#define MAX_ANSWER		((size_t)32 << 20)
#define MAX_HELD		((size_t)64 << 20)	/* by answers under way */
#define ANSWER_NS		NS_PER_SEC		/* an answer serves as long, at most */
#define ROUNDS			64U			/* of MHD before others get their turn */

struct connection {
	struct connection *next, **link;
	int fd;
	uint64_t since;
};

/* Text that MHD sends, perhaps to several */
struct answer {
	struct metrics *m;
	struct buffer text;
};

/**
 * struct metrics - the server
 * @again: eventfd: MHD has more to do right now
 * @last: made at @last_ns from what was read at @last_read_ns; may be NULL
 * @held: bytes of answers, @last among them, that MHD has not let go
 */
struct metrics {
	struct loop *loop;
	const struct state *state;
	const struct report_costs *costs;
	struct MHD_Daemon *mhd;
	int epoll_fd, again, timer;
	unsigned int port;
	struct connection *connections;
	struct MHD_Response *last;
	uint64_t last_ns, last_read_ns;
	size_t held;
	uint64_t scrapes;
	double scrape_cpu_seconds;
};

static uint64_t now_of(clockid_t clock)
{
	struct timespec ts;

	return clock_gettime(clock, &ts) ? 0 :
	       (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* --- answers --- */

static void answer_free(void *arg)
{
	struct answer *a = arg;

	a->m->held -= a->text.size;
	buffer_free(&a->text);
	free(a);
}

static void add_headers(struct MHD_Response *r, const char *type)
{
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	/* Scrapes are seconds apart; idle connections would keep others out. */
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
}

static bool render(struct metrics *m, struct buffer *text)
{
	uint64_t start = now_of(CLOCK_THREAD_CPUTIME_ID);
	struct metrics_self self = { .scrapes = m->scrapes,
				     .scrape_cpu_seconds = m->scrape_cpu_seconds };

	metrics_self_read(&self);
	metrics_render(m->state, m->costs, text);
	metrics_render_self(&self, m->state, text);
	m->scrape_cpu_seconds =
		(double)(now_of(CLOCK_THREAD_CPUTIME_ID) - start) / (double)NS_PER_SEC;
	return !text->failed;
}

static struct MHD_Response *answer_new(struct metrics *m)
{
	struct answer *a = calloc(1, sizeof(*a));
	struct MHD_Response *r;

	if (!a)
		return NULL;
	a->m = m;
	buffer_init(&a->text, MAX_ANSWER);
	if (render(m, &a->text) && a->text.size <= MAX_HELD - m->held) {
		m->held += a->text.size;
		r = MHD_create_response_from_buffer_with_free_callback_cls(
			a->text.len, a->text.data, answer_free, a);
		if (r) {
			add_headers(r, TEXT_CONTENT_TYPE);
			return r;
		}
		m->held -= a->text.size;
	}
	buffer_free(&a->text);
	free(a);
	return NULL;
}

static void drop_last(struct metrics *m)
{
	if (m->last)
		MHD_destroy_response(m->last);
	m->last = NULL;
}

/* NULL: there is no memory for it. */
static struct MHD_Response *current_answer(struct metrics *m)
{
	uint64_t now = now_of(CLOCK_MONOTONIC);

	if (m->last && m->last_read_ns == m->state->read_ns && now - m->last_ns < ANSWER_NS)
		return m->last;
	drop_last(m);
	m->last = answer_new(m);
	m->last_ns = now;
	m->last_read_ns = m->state->read_ns;
	return m->last;
}

static enum MHD_Result reply(struct MHD_Connection *c, unsigned int status, const char *text)
{
	struct MHD_Response *r;
	enum MHD_Result result;

	r = MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
					    MHD_RESPMEM_PERSISTENT);
	if (!r)
		return MHD_NO;
	add_headers(r, "text/plain; charset=utf-8");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result scrape(struct metrics *m, struct MHD_Connection *c)
{
	struct MHD_Response *r = current_answer(m);

	if (!r)
		return reply(c, MHD_HTTP_SERVICE_UNAVAILABLE, "no memory\n");
	m->scrapes++;
	return MHD_queue_response(c, MHD_HTTP_OK, r);
}

/* Answered before a body is read, if there is one: nobody needs it. */
static enum MHD_Result handle(void *arg, struct MHD_Connection *c, const char *url,
			      const char *method, const char *version, const char *data,
			      size_t *size, void **context)
{
	bool is_metrics = !strcmp(url, "/metrics");

	(void)version;
	(void)data;
	(void)size;
	(void)context;
	if (!is_metrics && strcmp(url, "/-/healthy"))
		return reply(c, MHD_HTTP_NOT_FOUND, "only /metrics and /-/healthy are here\n");
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return reply(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	if (is_metrics)
		return scrape(arg, c);
	return reply(c, MHD_HTTP_OK, "ok\n");
}

/* --- connections --- */

static void connection_started(struct metrics *m, struct MHD_Connection *c, void **context)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct connection *conn = calloc(1, sizeof(*conn));

	/* Without memory it has no end of its own, only that of being idle. */
	if (!conn || !info) {
		free(conn);
		return;
	}
	conn->fd = info->connect_fd;
	conn->since = now_of(CLOCK_MONOTONIC);
	conn->next = m->connections;
	conn->link = &m->connections;
	if (conn->next)
		conn->next->link = &conn->next;
	m->connections = conn;
	*context = conn;
}

static void on_connection(void *arg, struct MHD_Connection *c, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct connection *conn = *context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		connection_started(arg, c, context);
	} else if (conn) {
		*conn->link = conn->next;
		if (conn->next)
			conn->next->link = conn->link;
		free(conn);
		*context = NULL;
	}
}

/* MHD's own timeout is for silence: a byte every few seconds defeats it. */
static void end_old_connections(struct metrics *m)
{
	uint64_t now = now_of(CLOCK_MONOTONIC);
	struct connection *conn;

	for (conn = m->connections; conn; conn = conn->next)
		if (now - conn->since >= CONNECTION_NS)
			shutdown(conn->fd, SHUT_RDWR);
}

/* --- the loop --- */

/*
 * MHD watches with edges: what it knows to be ready and has not finished does
 * not make its descriptor readable again.
 */
static void run(struct metrics *m)
{
	MHD_UNSIGNED_LONG_LONG timeout;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		MHD_run(m->mhd);
		if (MHD_get_timeout(m->mhd, &timeout) != MHD_YES || timeout)
			return;
	}
	eventfd_write(m->again, 1);
}

static void on_ready(void *arg, uint32_t events)
{
	(void)events;
	run(arg);
}

static void on_again(void *arg, uint32_t events)
{
	struct metrics *m = arg;
	eventfd_t value;

	(void)events;
	eventfd_read(m->again, &value);
	run(m);
}

static void on_timer(void *arg, uint32_t events)
{
	(void)events;
	end_old_connections(arg);
	run(arg);
}

/* --- start and stop --- */

static int start_mhd(struct metrics *m, int listen_fd)
{
	const union MHD_DaemonInfo *info;

	m->mhd = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, handle, m,
				  MHD_OPTION_LISTEN_SOCKET, listen_fd,
				  MHD_OPTION_CONNECTION_LIMIT, MAX_CONNECTIONS,
				  MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
				  MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
				  MHD_OPTION_NOTIFY_CONNECTION, on_connection, m,
				  MHD_OPTION_END);
	if (!m->mhd)
		return -ENOMEM;
	info = MHD_get_daemon_info(m->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return -EOPNOTSUPP;
	m->epoll_fd = info->epoll_fd;
	return 0;
}

static int join_loop(struct metrics *m)
{
	int rc;

	rc = loop_add(m->loop, m->epoll_fd, EPOLLIN, on_ready, m);
	if (rc)
		return rc;
	m->again = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (m->again < 0)
		return -errno;
	rc = loop_add(m->loop, m->again, EPOLLIN, on_again, m);
	if (rc)
		return rc;
	m->timer = loop_timer(m->loop, NS_PER_SEC, on_timer, m);
	return m->timer < 0 ? m->timer : 0;
}

struct metrics *metrics_start(struct loop *loop, const struct state *state,
			      const struct report_costs *costs, const char *address,
			      char *err, size_t errlen)
{
	struct metrics *m;
	int fd, rc;

	if (!address)
		address = METRICS_DEFAULT_ADDRESS;
	fd = metrics_listen(address, err, errlen);
	if (fd < 0)
		return NULL;
	m = calloc(1, sizeof(*m));
	if (!m) {
		close(fd);
		snprintf(err, errlen, "%s", strerror(ENOMEM));
		return NULL;
	}
	m->loop = loop;
	m->state = state;
	m->costs = costs;
	m->epoll_fd = m->again = m->timer = -1;
	m->port = metrics_listen_port(fd);
	rc = start_mhd(m, fd);
	if (!rc)
		rc = join_loop(m);
	if (!rc)
		return m;
	metrics_stop(m);
	snprintf(err, errlen, "%s: %s", address, strerror(-rc));
	return NULL;
}

void metrics_stop(struct metrics *m)
{
	if (!m)
		return;
	if (m->timer >= 0)
		loop_timer_stop(m->loop, m->timer);
	if (m->again >= 0) {
		loop_remove(m->loop, m->again);
		close(m->again);
	}
	if (m->epoll_fd >= 0)
		loop_remove(m->loop, m->epoll_fd);
	drop_last(m);
	/* Closes the listening socket, and lets go of all answers. */
	if (m->mhd)
		MHD_stop_daemon(m->mhd);
	free(m);
}

unsigned int metrics_port(const struct metrics *m)
{
	return m->port;
}
