// SPDX-License-Identifier: GPL-2.0
/*
 * The same bytes from Redis over a unix socket, by a client that does no more
 * than it must.  Its own time and the server's are added.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "bench.h"

#define PIPELINE	64

static int sock = -1;
static char *in;
static size_t in_size, have;	/* of it, filled with the answer at hand */

static void send_all(const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len) {
		n = write(sock, p, len);
		if (n <= 0)
			bench_die("write to Redis");
		p += n;
		len -= n;
	}
}

static void more(void)
{
	ssize_t n;

	if (have == in_size) {
		errno = ENOBUFS;
		bench_die("answer of Redis");
	}
	n = read(sock, in + have, in_size - have);
	if (n <= 0)
		bench_die("read from Redis");
	have += n;
}

/* Length of the line at @at, its end included; reads until it is there. */
static size_t line(size_t at)
{
	char *end;

	for (;;) {
		end = have > at ? memchr(in + at, '\n', have - at) : NULL;
		if (end)
			return end + 1 - (in + at);
		more();
	}
}

/* A bulk string of @bytes at @at; returns where it starts. */
static size_t bulk(size_t at, size_t bytes)
{
	size_t head = line(at);

	if (in[at] != '$' || strtoul(in + at + 1, NULL, 10) != bytes) {
		errno = EBADMSG;
		bench_die("answer of Redis");
	}
	while (have < at + head + bytes + 2)
		more();
	return at + head;
}

static size_t get_request(char *out, unsigned int i)
{
	static const char head[] = "*2\r\n$3\r\nGET\r\n$32\r\n";

	memcpy(out, head, sizeof(head) - 1);
	memcpy(out + sizeof(head) - 1, bench_key(i), KVMEM_KEY_LEN);
	memcpy(out + sizeof(head) - 1 + KVMEM_KEY_LEN, "\r\n", 2);
	return sizeof(head) - 1 + KVMEM_KEY_LEN + 2;
}

static void get(const struct bench_case *c, unsigned int i)
{
	char request[128];

	send_all(request, get_request(request, bench_pick(c, i)));
	have = 0;
	bulk(0, c->bytes);
}

static void get_pipelined(const struct bench_case *c, unsigned int i)
{
	char request[PIPELINE * 128];
	size_t len = 0, at = 0;
	unsigned int j;

	for (j = 0; j < PIPELINE; j++)
		len += get_request(request + len, bench_pick(c, i * PIPELINE + j));
	send_all(request, len);
	have = 0;
	for (j = 0; j < PIPELINE; j++)
		at = bulk(at, c->bytes) + c->bytes + 2;
}

static void simple(char want)
{
	have = 0;
	line(0);
	if (in[0] != want) {
		errno = EBADMSG;
		bench_die("answer of Redis");
	}
}

static void set(const struct bench_case *c, unsigned int i)
{
	char head[96];
	int n = snprintf(head, sizeof(head), "*3\r\n$3\r\nSET\r\n$32\r\n");

	memcpy(head + n, bench_key(i), KVMEM_KEY_LEN);
	n += KVMEM_KEY_LEN;
	n += snprintf(head + n, sizeof(head) - n, "\r\n$%zu\r\n", c->bytes);
	send_all(head, n);
	memcpy(bench_buf + c->bytes, "\r\n", 2);
	send_all(bench_buf, c->bytes + 2);
	simple('+');
}

static void del(const struct bench_case *c, unsigned int i)
{
	static const char head[] = "*2\r\n$3\r\nDEL\r\n$32\r\n";
	char request[128];

	(void)c;
	memcpy(request, head, sizeof(head) - 1);
	memcpy(request + sizeof(head) - 1, bench_key(i), KVMEM_KEY_LEN);
	memcpy(request + sizeof(head) - 1 + KVMEM_KEY_LEN, "\r\n", 2);
	send_all(request, sizeof(head) - 1 + KVMEM_KEY_LEN + 2);
	simple(':');
}

static void set_all(const struct bench_case *c, unsigned int n)
{
	while (n--)
		set(c, n);
}

static void del_all(const struct bench_case *c, unsigned int n)
{
	while (n--)
		del(c, n);
}

static void setup(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	in_size = MIB + 64 * KIB;
	in = bench_memory(in_size);
	strncpy(addr.sun_path, opt.redis, sizeof(addr.sun_path) - 1);
	sock = socket(AF_UNIX, SOCK_STREAM, 0);
	if (sock < 0 || connect(sock, (struct sockaddr *)&addr, sizeof(addr)))
		bench_die("connect to Redis");
}

static void gets(size_t bytes)
{
	const struct bench_case one = { "get", "redis GET", bytes, bytes < MIB ? 256 : 16, 0,
		get, NULL, NULL, opt.redis_pid };
	const struct bench_case many = { "get, batch of 64", "redis GET, pipelined", bytes, 8,
		PIPELINE, get_pipelined, NULL, NULL, opt.redis_pid };
	char request[128];
	unsigned int i;

	for (i = 0; i < bench_set(bytes); i++) {
		bench_content(bench_buf, bytes, i);
		set(&one, i);
	}
	have = 0;
	send_all(request, get_request(request, 0));
	bench_expect(in + bulk(0, bytes), bytes, 0, "Redis: wrong bytes");
	bench_measure(&one);
	if (bytes == bench_sizes[0])
		bench_measure(&many);
	del_all(&one, bench_set(bytes));
}

void bench_redis(void)
{
	unsigned int s;

	setup();
	for (s = 0; s < ARRAY_SIZE(bench_sizes); s++)
		gets(bench_sizes[s]);
	for (s = 0; s < 2; s++) {
		const struct bench_case p = { "put", "redis SET", bench_sizes[s], 128, 0, set, NULL,
			del_all, opt.redis_pid };
		const struct bench_case d = { "delete", "redis DEL", bench_sizes[s], 128, 0, del,
			set_all, NULL, opt.redis_pid };

		bench_measure(&p);
		bench_measure(&d);
	}
	close(sock);
}
