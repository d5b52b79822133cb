// SPDX-License-Identifier: GPL-2.0
#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "daemon/etcd.h"
#include "daemon/loop.h"

#define MAX_ENDPOINTS	16
#define MAX_ANSWER	(64 << 20)
#define GRPC_NOT_FOUND	5

/**
 * struct etcd_request - one on its way
 * @stream: each line of the answer is told
 * @text, @len: what has come and was not told
 * @dead: nobody waits for it
 */
struct etcd_request {
	struct etcd_request *next;
	struct etcd *e;
	CURL *easy;
	char *body;
	bool stream, dead;
	etcd_fn fn;
	void *arg;
	char *text;
	size_t len;
};

/**
 * struct etcd - a connection to a cluster of them
 * @headers: of every request
 * @requests: on their way
 * @timer: libcurl's, or -1
 * @endpoint: the @current one is asked
 */
struct etcd {
	struct loop *loop;
	CURLM *multi;
	struct curl_slist *headers;
	struct etcd_request *requests;
	int timer;
	char *list;
	const char *endpoint[MAX_ENDPOINTS];
	unsigned int nr, current;
};

/* --- base64 --- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *etcd_encode(const void *data, size_t len)
{
	const unsigned char *in = data;
	char *text = malloc((len + 2) / 3 * 4 + 1), *out = text;
	size_t i;

	for (i = 0; text && i < len; i += 3) {
		uint32_t v = (uint32_t)in[i] << 16 | (i + 1 < len ? in[i + 1] : 0U) << 8 |
			     (i + 2 < len ? in[i + 2] : 0U);

		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = i + 1 < len ? digits[v >> 6 & 63] : '=';
		*out++ = i + 2 < len ? digits[v & 63] : '=';
	}
	if (text)
		*out = 0;
	return text;
}

/* A byte more, of 0, so that text may be taken for a string */
void *etcd_decode(const char *text, size_t *len)
{
	size_t n = strcspn(text, "=");
	unsigned char *data = malloc(n / 4 * 3 + 4), *out = data;
	uint32_t v = 0;
	const char *at;
	size_t i;

	for (i = 0; data && i < n; i++) {
		at = strchr(digits, text[i]);
		if (!at) {
			free(data);
			return NULL;
		}
		v = v << 6 | (uint32_t)(at - digits);
		if (i % 4)
			*out++ = (unsigned char)(v >> (6 - i % 4 * 2));
	}
	if (!data)
		return NULL;
	*len = (size_t)(out - data);
	*out = 0;
	return data;
}

/* --- requests --- */

static void request_free(struct etcd_request *r)
{
	if (r->easy) {
		curl_multi_remove_handle(r->e->multi, r->easy);
		curl_easy_cleanup(r->easy);
	}
	free(r->body);
	free(r->text);
	free(r);
}

static size_t on_data(char *data, size_t size, size_t n, void *arg)
{
	struct etcd_request *r = arg;
	char *text;

	n *= size;
	if (r->len + n > MAX_ANSWER)
		return 0;
	text = realloc(r->text, r->len + n + 1);
	if (!text)
		return 0;
	memcpy(text + r->len, data, n);
	r->text = text;
	r->len += n;
	text[r->len] = 0;
	return n;
}

static bool set_up(struct etcd_request *r, const char *url)
{
	CURL *easy = r->easy;
	CURLcode bad = 0;

	bad |= curl_easy_setopt(easy, CURLOPT_URL, url);
	bad |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, r->e->headers);
	bad |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, r);
	bad |= curl_easy_setopt(easy, CURLOPT_PRIVATE, r);
	bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)ETCD_TIMEOUT_MS);
	bad |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, r->stream ? 0L : (long)ETCD_TIMEOUT_MS);
	/* What stops halfway must not be found out by the last byte of a buffer. */
	bad |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	return !bad;
}

static struct etcd_request *start(struct etcd *e, const char *path, json_t *body, bool stream,
				  etcd_fn fn, void *arg)
{
	struct etcd_request *r = calloc(1, sizeof(*r));
	char url[512];
	bool ok;

	snprintf(url, sizeof(url), "%s%s", e->endpoint[e->current], path);
	if (r) {
		*r = (struct etcd_request){ .e = e, .stream = stream, .fn = fn, .arg = arg };
		r->body = body ? json_dumps(body, JSON_COMPACT) : NULL;
		r->easy = curl_easy_init();
		ok = r->body && r->easy && set_up(r, url) &&
		     !curl_multi_add_handle(e->multi, r->easy);
		if (!ok) {
			request_free(r);
			r = NULL;
		}
	}
	json_decref(body);
	if (!r)
		return NULL;
	r->next = e->requests;
	e->requests = r;
	return r;
}

int etcd_call(struct etcd *e, const char *path, json_t *body, etcd_fn fn, void *arg)
{
	return start(e, path, body, false, fn, arg) ? 0 : -ENOMEM;
}

struct etcd_request *etcd_stream(struct etcd *e, const char *path, json_t *body, etcd_fn fn,
				 void *arg)
{
	return start(e, path, body, true, fn, arg);
}

void etcd_cancel(struct etcd_request *r)
{
	/* Perhaps from its own function: it goes with the next event. */
	r->dead = true;
}

/* --- answers --- */

static void tell(struct etcd_request *r, int err, const char *text, size_t len)
{
	json_t *reply = text ? json_loadb(text, len, 0, NULL) : NULL;

	if (!err && !json_is_object(reply))
		err = -EPROTO;
	if (json_integer_value(json_object_get(reply, "code")) == GRPC_NOT_FOUND)
		err = -ENOENT;
	if (!r->dead)
		r->fn(r->arg, err, reply);
	json_decref(reply);
}

/* Whole lines of a stream */
static void tell_lines(struct etcd_request *r)
{
	char *end;
	size_t n;

	while (!r->dead && r->len && (end = memchr(r->text, '\n', r->len))) {
		n = (size_t)(end - r->text);
		tell(r, 0, r->text, n);
		r->len -= n + 1;
		memmove(r->text, end + 1, r->len);
	}
}

static int error_of(struct etcd_request *r, CURLcode result)
{
	long status = 0;

	if (result == CURLE_OPERATION_TIMEDOUT)
		return -ETIMEDOUT;
	if (result != CURLE_OK)
		return -EIO;
	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	return status == 200 ? 0 : -EIO;
}

static void unlink_request(struct etcd_request *r)
{
	struct etcd_request **at = &r->e->requests;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
}

static void finished(struct etcd_request *r, CURLcode result)
{
	int err = error_of(r, result);

	if (err && !r->dead)
		r->e->current = (r->e->current + 1) % r->e->nr;
	if (r->stream)
		tell_lines(r);
	unlink_request(r);
	if (r->stream)
		tell(r, err ? err : -EIO, NULL, 0);
	else
		tell(r, err, r->text, r->len);
	request_free(r);
}

static void bury(struct etcd *e)
{
	struct etcd_request **at = &e->requests, *r;

	while ((r = *at)) {
		if (!r->dead) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		request_free(r);
	}
}

/* Not from inside of libcurl, which does not like to be called there. */
static void look(struct etcd *e)
{
	struct etcd_request *r;
	CURLMsg *msg;
	CURLcode result;
	int left;

	for (r = e->requests; r; r = r->next)
		if (r->stream)
			tell_lines(r);
	while ((msg = curl_multi_info_read(e->multi, &left))) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		result = msg->data.result;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&r);
		finished(r, result);
	}
	bury(e);
}

/* --- the loop --- */

struct socket_watch {
	struct etcd *e;
	curl_socket_t fd;
};

static void on_ready(void *arg, uint32_t events)
{
	struct socket_watch *w = arg;
	struct etcd *e = w->e;
	int running, mask = 0;

	mask |= events & EPOLLIN ? CURL_CSELECT_IN : 0;
	mask |= events & EPOLLOUT ? CURL_CSELECT_OUT : 0;
	mask |= events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0;
	curl_multi_socket_action(e->multi, w->fd, mask, &running);
	look(e);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *mine)
{
	uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0U) |
			  (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
	struct socket_watch *w = mine;
	struct etcd *e = arg;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		loop_remove(e->loop, fd);
		free(w);
		curl_multi_assign(e->multi, fd, NULL);
		return 0;
	}
	if (w)
		return loop_modify(e->loop, fd, events) ? -1 : 0;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -1;
	*w = (struct socket_watch){ e, fd };
	if (loop_add(e->loop, fd, events, on_ready, w)) {
		free(w);
		return -1;
	}
	curl_multi_assign(e->multi, fd, w);
	return 0;
}

static void stop_timer(struct etcd *e)
{
	if (e->timer >= 0)
		loop_timer_stop(e->loop, e->timer);
	e->timer = -1;
}

static void on_time(void *arg, uint32_t events)
{
	struct etcd *e = arg;
	int running;

	(void)events;
	stop_timer(e);
	curl_multi_socket_action(e->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	look(e);
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
	struct etcd *e = arg;

	(void)multi;
	stop_timer(e);
	if (ms < 0)
		return 0;
	e->timer = loop_timer(e->loop, (uint64_t)(ms ? ms : 1) * 1000000, on_time, e);
	return e->timer < 0 ? -1 : 0;
}

/* --- the whole --- */

static bool set_endpoints(struct etcd *e, const char *endpoints)
{
	char *at, *save = NULL;

	e->list = strdup(endpoints);
	if (!e->list)
		return false;
	for (at = strtok_r(e->list, ", ", &save); at && e->nr < MAX_ENDPOINTS;
	     at = strtok_r(NULL, ", ", &save))
		e->endpoint[e->nr++] = at;
	return e->nr;
}

struct etcd *etcd_new(struct loop *loop, const char *endpoints)
{
	struct etcd *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	e->loop = loop;
	e->timer = -1;
	e->multi = curl_multi_init();
	e->headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (!e->multi || !e->headers || !set_endpoints(e, endpoints)) {
		etcd_free(e);
		return NULL;
	}
	curl_multi_setopt(e->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(e->multi, CURLMOPT_SOCKETDATA, e);
	curl_multi_setopt(e->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(e->multi, CURLMOPT_TIMERDATA, e);
	return e;
}

void etcd_free(struct etcd *e)
{
	struct etcd_request *r;

	if (!e)
		return;
	while ((r = e->requests)) {
		e->requests = r->next;
		request_free(r);
	}
	if (e->multi)
		curl_multi_cleanup(e->multi);
	stop_timer(e);
	curl_slist_free_all(e->headers);
	free(e->list);
	free(e);
}
