// SPDX-License-Identifier: GPL-2.0
/*
 * An Ethernet switch between virtual machines, whose links can be cut.
 *
 *	switch DIR PORTS
 *
 * Port n (1 to PORTS) is the unix socket DIR/port.n, which one QEMU at a time connects to
 * (-netdev stream: each frame behind its length, 32 bits in network order).  Nothing
 * is learnt: the last byte of an address (52:54:00:4b:56:0n) is the port.  Commands are
 * lines in the pipe DIR/control:
 *
 *	cut A B		nothing goes from A to B any more (the other way it still does)
 *	join A B	it does again
 *	heal		all of it does
 *	mark WORD	what came before is in force: the file DIR/mark has WORD
 *
 * How many frames went, and how many were dropped for a cut or for want of room, is in
 * DIR/counts when it ends (SIGTERM, or its parent's death).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_PORTS	16
#define MAX_FRAME	65536
#define IN_BYTES	(256 * 1024)
/* A machine that reads nothing for so long loses frames, as in any switch. */
#define OUT_BYTES	(16 * 1024 * 1024)

struct port {
	int listener;
	int fd;			/* -1: nobody is there */
	uint8_t in[IN_BYTES];
	size_t in_len;
	uint8_t *out;
	size_t out_first, out_len;
};

static struct port ports[MAX_PORTS];
static int nr_ports;
static bool cut[MAX_PORTS][MAX_PORTS];
static unsigned long forwarded, dropped_cut, dropped_full;
static volatile sig_atomic_t ending;
static const char *dir;

static void fatal(const char *what)
{
	perror(what);
	exit(1);
}

static void on_signal(int number)
{
	(void)number;
	ending = 1;
}

static void path_of(char *path, size_t len, const char *name, int number)
{
	if (number)
		snprintf(path, len, "%s/%s.%d", dir, name, number);
	else
		snprintf(path, len, "%s/%s", dir, name);
}

static void port_open(int p)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct port *port = &ports[p];

	path_of(addr.sun_path, sizeof(addr.sun_path), "port", p + 1);
	unlink(addr.sun_path);
	port->fd = -1;
	port->out = malloc(OUT_BYTES);
	port->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (!port->out || port->listener < 0 ||
	    bind(port->listener, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(port->listener, 1))
		fatal(addr.sun_path);
}

static void port_close(struct port *port)
{
	if (port->fd >= 0)
		close(port->fd);
	port->fd = -1;
	port->in_len = 0;
	port->out_len = 0;
	port->out_first = 0;
}

/* The machine that comes takes the place of one that was there. */
static void port_accept(struct port *port)
{
	int fd = accept4(port->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int bytes = 1024 * 1024;

	if (fd < 0)
		return;
	port_close(port);
	port->fd = fd;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static void port_write(struct port *port)
{
	while (port->out_len) {
		ssize_t n = send(port->fd, port->out + port->out_first, port->out_len,
				 MSG_NOSIGNAL);

		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR)
				port_close(port);
			return;
		}
		port->out_first += n;
		port->out_len -= n;
	}
	port->out_first = 0;
}

/* @frame has its length in front. */
static void port_queue(struct port *port, const uint8_t *frame, size_t len)
{
	if (port->fd < 0)
		return;
	if (port->out_first + port->out_len + len > OUT_BYTES && port->out_first) {
		memmove(port->out, port->out + port->out_first, port->out_len);
		port->out_first = 0;
	}
	if (port->out_len + len > OUT_BYTES) {
		dropped_full++;
		return;
	}
	memcpy(port->out + port->out_first + port->out_len, frame, len);
	port->out_len += len;
	forwarded++;
}

static void forward(int from, const uint8_t *frame, size_t len)
{
	const uint8_t *to = frame + 4;
	int p;

	if (len < 4 + 14)
		return;
	for (p = 0; p < nr_ports; p++) {
		/* Multicast is what has the lowest bit of the first byte. */
		if (p == from || (!(to[0] & 1) && to[5] != p + 1))
			continue;
		if (cut[from][p])
			dropped_cut++;
		else
			port_queue(&ports[p], frame, len);
	}
}

static void port_read(int p)
{
	struct port *port = &ports[p];
	ssize_t n = recv(port->fd, port->in + port->in_len, IN_BYTES - port->in_len, 0);
	size_t at = 0;

	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			port_close(port);
		return;
	}
	port->in_len += n;
	while (port->in_len - at >= 4) {
		uint32_t len;

		memcpy(&len, port->in + at, 4);
		len = ntohl(len);
		if (len > MAX_FRAME) {
			port_close(port);
			return;
		}
		if (port->in_len - at < 4 + len)
			break;
		forward(p, port->in + at, 4 + len);
		at += 4 + len;
	}
	port->in_len -= at;
	memmove(port->in, port->in + at, port->in_len);
}

static void write_file(const char *name, const char *text)
{
	char path[256], new[300];
	FILE *f;

	path_of(path, sizeof(path), name, 0);
	snprintf(new, sizeof(new), "%s.new", path);
	f = fopen(new, "w");
	if (!f || fputs(text, f) < 0 || fclose(f) || rename(new, path))
		fatal(path);
}

static void obey(char *line)
{
	char word[64];
	int a, b;

	if (sscanf(line, "cut %d %d", &a, &b) == 2 || sscanf(line, "join %d %d", &a, &b) == 2) {
		if (a >= 1 && a <= nr_ports && b >= 1 && b <= nr_ports)
			cut[a - 1][b - 1] = line[0] == 'c';
	} else if (!strcmp(line, "heal")) {
		memset(cut, 0, sizeof(cut));
	} else if (sscanf(line, "mark %63s", word) == 1) {
		write_file("mark", word);
	} else {
		fprintf(stderr, "switch: unknown command: %s\n", line);
	}
}

static void control_read(int fd)
{
	static char buf[4096];
	static size_t len;
	ssize_t n = read(fd, buf + len, sizeof(buf) - 1 - len);
	char *line = buf, *end;

	if (n <= 0)
		return;
	len += n;
	buf[len] = 0;
	while ((end = strchr(line, '\n'))) {
		*end = 0;
		obey(line);
		line = end + 1;
	}
	len -= line - buf;
	memmove(buf, line, len);
}

static int control_open(void)
{
	char path[256];
	int fd;

	path_of(path, sizeof(path), "control", 0);
	unlink(path);
	/* Open for writing as well: so it has no end when a writer goes. */
	if (mkfifo(path, 0600))
		fatal(path);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		fatal(path);
	return fd;
}

static void turn(int control)
{
	struct pollfd fds[2 * MAX_PORTS + 1];
	int p;

	for (p = 0; p < nr_ports; p++) {
		struct port *port = &ports[p];

		fds[2 * p] = (struct pollfd){ .fd = port->listener, .events = POLLIN };
		fds[2 * p + 1] = (struct pollfd){ .fd = port->fd, .events = POLLIN };
		if (port->out_len)
			fds[2 * p + 1].events |= POLLOUT;
	}
	fds[2 * p] = (struct pollfd){ .fd = control, .events = POLLIN };
	if (poll(fds, 2 * nr_ports + 1, -1) < 0)
		return;
	if (fds[2 * nr_ports].revents)
		control_read(control);
	for (p = 0; p < nr_ports; p++) {
		if (fds[2 * p + 1].revents & (POLLIN | POLLHUP | POLLERR))
			port_read(p);
		if (fds[2 * p].revents)
			port_accept(&ports[p]);
	}
	for (p = 0; p < nr_ports; p++)
		if (ports[p].fd >= 0)
			port_write(&ports[p]);
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	char counts[128];
	int p, control;

	nr_ports = argc == 3 ? atoi(argv[2]) : 0;
	if (nr_ports < 1 || nr_ports > MAX_PORTS) {
		fprintf(stderr, "usage: switch DIR PORTS (at most %d)\n", MAX_PORTS);
		return 2;
	}
	dir = argv[1];
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	for (p = 0; p < nr_ports; p++)
		port_open(p);
	control = control_open();
	write_file("mark", "ready");
	while (!ending)
		turn(control);
	snprintf(counts, sizeof(counts), "forwarded=%lu cut=%lu full=%lu\n", forwarded,
		 dropped_cut, dropped_full);
	write_file("counts", counts);
	return 0;
}
