// SPDX-License-Identifier: GPL-2.0
/* kvmemctl top: rates and their order, a terminal, and a daemon that misbehaves. */
#include <errno.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/daemon.h"
#include "ctl/decode.h"
#include "ctl/out.h"
#include "ctl/sample.h"
#include "ctl/screen.h"
#include "ktap.h"

/* --- rates --- */

static json_t *ns(const char *name, int hits, int misses, int bytes)
{
	return json_pack("{s:s, s:i, s:{s:i, s:i, s:i, s:i, s:{s:i}}}", "name", name,
			 "used_bytes", bytes, "stats", "hits", hits, "misses", misses, "puts", 4,
			 "copied_out_bytes", bytes, "evictions", "total", 3);
}

static double rate(const json_t *root, size_t i, const char *path)
{
	return json_number_value(out_field(json_array_get(json_object_get(root, "namespaces"),
							  i), path));
}

static void rates(void)
{
	json_t *root = json_pack("{s:f, s:[o], s:[{s:i, s:i}]}", "interval_s", 2.0,
				 "namespaces", ns("a", 30, 10, 4096), "latency", "count", 8,
				 "bytes", 1024);
	const json_t *lat = json_array_get(json_object_get(root, "latency"), 0);

	rates_add(root);
	CHECK(rate(root, 0, "rates.gets") == 20 && rate(root, 0, "rates.puts") == 2);
	CHECK(rate(root, 0, "rates.evictions") == 1.5);
	CHECK(rate(root, 0, "rates.bytes") == 2048);
	CHECK(json_number_value(json_object_get(lat, "ops_per_second")) == 4);
	CHECK(json_number_value(json_object_get(lat, "bytes_per_second")) == 512);
	json_object_set_new(root, "interval_s", json_null());
	rates_add(root);
	CHECK(json_is_null(out_field(json_array_get(json_object_get(root, "namespaces"), 0),
				     "rates.gets")));
	json_decref(root);
}

static bool in_order(const json_t *array, const char *want)
{
	size_t i;

	for (i = 0; i < json_array_size(array); i++)
		if (*json_string_value(json_object_get(json_array_get(array, i), "name")) !=
		    want[i])
			return false;
	return !want[i];
}

static void order(void)
{
	json_t *root = json_pack("{s:f, s:[o,o,o,o]}", "interval_s", 1.0, "namespaces",
				 ns("c", 5, 0, 7), ns("a", 1, 1, 9), ns("b", 9, 0, 8),
				 ns("d", 5, 0, 1));
	json_t *array = json_object_get(root, "namespaces");
	const char *key = rates_next_key(NULL);
	unsigned int n;

	rates_add(root);
	CHECK(rates_sort(array, "gets") && in_order(array, "bcda"));
	CHECK(rates_sort(array, "name") && in_order(array, "abcd"));
	CHECK(rates_sort(array, "used") && in_order(array, "abcd"));
	/* Not known: all are equal, and by name then. */
	CHECK(rates_sort(array, "hits") && in_order(array, "abcd"));
	CHECK(!rates_sort(array, "nonsense") && in_order(array, "abcd"));
	for (n = 0; n < 7; n++) {
		CHECK(rates_sort(array, key));
		key = rates_next_key(key);
	}
	CHECK(!strcmp(key, "gets"));
	CHECK_EQ(json_array_size(array), 4);
	json_decref(root);
}

/* --- options --- */

static void optional(void)
{
	static const struct arg_spec specs[] = {
		{ .name = "watch", .optional = true }, { .name = "count" }, { .name = NULL }
	};
	static char *bare[] = { "stats", "--watch", NULL };
	static char *value[] = { "stats", "ns", "--watch", "5", "--count", "3", NULL };
	static char *name[] = { "stats", "--watch", "llama", "--json", NULL };
	static char *both[] = { "stats", "--watch=0.5", "7", NULL };
	struct args args;

	CHECK_EQ(args_parse(&args, specs, 1, 2, bare), 0);
	CHECK(args_has(&args, "watch") && !args_get(&args, "watch") && !args.nr_pos);
	CHECK_EQ(args_parse(&args, specs, 1, 6, value), 0);
	CHECK(!strcmp(args_get(&args, "watch"), "5") && !strcmp(args.pos[0], "ns"));
	CHECK(!strcmp(args_get(&args, "count"), "3") && args.nr_pos == 1);
	CHECK_EQ(args_parse(&args, specs, 1, 4, name), 0);
	CHECK(!args_get(&args, "watch") && !strcmp(args.pos[0], "llama") && args.json);
	CHECK_EQ(args_parse(&args, specs, 1, 3, both), 0);
	CHECK(!strcmp(args_get(&args, "watch"), "0.5") && !strcmp(args.pos[0], "7"));
}

/* --- terminal --- */

static const char frame[] = "first line\nsecond\nthird\nfourth\nfifth\n";

/* On the terminal: draw, wait for what comes, and give the terminal back. */
static int child(void)
{
	enum screen_event event;
	char key = 0;

	if (!screen_possible() || screen_open())
		return 10;
	do {
		if (screen_draw(frame))
			return 11;
		event = screen_wait(5000, &key);
	} while (event == SCREEN_CHANGED);
	if (key == 'x')
		exit(3);
	screen_close();
	screen_die();
	return event == SCREEN_KEY ? 1 : event == SCREEN_END ? 2 : 12;
}

/* What has been written, until it ends with @end or all of it */
static void read_screen(int fd, char *buf, size_t size, const char *end)
{
	size_t n = 0;
	ssize_t got;

	buf[0] = 0;
	while (n < size - 1 && !(end && strstr(buf, end))) {
		got = read(fd, buf + n, size - 1 - n);
		if (got <= 0)
			return;
		n += (size_t)got;
		buf[n] = 0;
	}
}

struct session {
	pid_t pid;
	int fd;
	struct termios before;
	char text[4096];
};

static bool begin(struct session *s)
{
	struct winsize size = { .ws_row = 3, .ws_col = 8 };

	fflush(stdout);
	s->pid = forkpty(&s->fd, NULL, NULL, &size);
	if (s->pid < 0)
		return false;
	if (!s->pid) {
		setenv("TERM", "xterm", 1);
		exit(child());
	}
	tcgetattr(s->fd, &s->before);
	read_screen(s->fd, s->text, sizeof(s->text), "\033[J");
	return true;
}

/* Its exit status, or that of the shell for a signal; the rest is in @s->text */
static int end(struct session *s)
{
	struct termios after;
	bool same;
	int status;

	read_screen(s->fd, s->text, sizeof(s->text), "\033[?1049l");
	waitpid(s->pid, &status, 0);
	same = !tcgetattr(s->fd, &after) && after.c_lflag == s->before.c_lflag;
	close(s->fd);
	if (!same)
		return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void drawing(void)
{
	struct session s;

	CHECK(begin(&s));
	/* Three rows of eight columns, and no line feed after the last one */
	CHECK(strstr(s.text, "\033[?1049h\033[?25l\033[?7l\033[H") == s.text);
	CHECK(strstr(s.text, "\033[Hfirst li\033[K\r\nsecond\033[K\r\nthird\033[K\033[J"));
	CHECK(!strstr(s.text, "fourth"));
	CHECK_EQ(write(s.fd, "q", 1), 1);
	CHECK_EQ(end(&s), 1);
	CHECK(strstr(s.text, "\033[?7h\033[?25h\033[?1049l"));
}

static void resized(void)
{
	struct winsize size = { .ws_row = 5, .ws_col = 80 };
	struct session s;

	CHECK(begin(&s));
	CHECK(!ioctl(s.fd, TIOCSWINSZ, &size));
	read_screen(s.fd, s.text, sizeof(s.text), "\033[J");
	CHECK(strstr(s.text, "first line\033[K\r\n") && strstr(s.text, "fifth\033[K\033[J"));
	CHECK_EQ(write(s.fd, "q", 1), 1);
	CHECK_EQ(end(&s), 1);
}

/* However it ends, the terminal is as it was. */
static void ends(void)
{
	struct session s;

	CHECK(begin(&s));
	CHECK_EQ(write(s.fd, "\003", 1), 1);	/* control-C */
	CHECK_EQ(end(&s), 2);
	CHECK(strstr(s.text, "\033[?1049l"));
	CHECK(begin(&s));
	kill(s.pid, SIGTERM);
	CHECK_EQ(end(&s), 128 + SIGTERM);
	CHECK(strstr(s.text, "\033[?1049l"));
	CHECK(begin(&s));
	CHECK_EQ(write(s.fd, "x", 1), 1);	/* exit() somewhere below */
	CHECK_EQ(end(&s), 3);
	CHECK(strstr(s.text, "\033[?1049l"));
}

static void stopped(void)
{
	struct session s;
	int status;

	CHECK(begin(&s));
	CHECK_EQ(write(s.fd, "\032", 1), 1);	/* control-Z */
	read_screen(s.fd, s.text, sizeof(s.text), "\033[?1049l");
	CHECK_EQ(waitpid(s.pid, &status, WUNTRACED), s.pid);
	CHECK(WIFSTOPPED(status));
	kill(s.pid, SIGCONT);
	read_screen(s.fd, s.text, sizeof(s.text), "\033[J");
	CHECK(strstr(s.text, "\033[?1049h"));
	CHECK_EQ(write(s.fd, "q", 1), 1);
	CHECK_EQ(end(&s), 1);
}

static void no_screen(void)
{
	setenv("TERM", "dumb", 1);
	CHECK(!screen_possible());
	unsetenv("TERM");
	CHECK(!screen_possible());
}

/* --- the daemon --- */

static char path[64];
static const char *answer;

static void *serve(void *arg)
{
	int listener = *(int *)arg, fd = accept(listener, NULL, NULL);
	size_t n = answer ? strlen(answer) : 0;

	if (answer && write(fd, answer, n) != (ssize_t)n)
		answer = NULL;
	if (!answer)
		sleep(3);	/* longer than it is waited for */
	close(fd);
	return NULL;
}

static int ask(const char *text, json_t **out)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), err;
	pthread_t thread;

	snprintf(path, sizeof(path), "/tmp/ctl_top.%d", (int)getpid());
	strcpy(addr.sun_path, path);
	unlink(path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 1))
		return -errno;
	answer = text;
	pthread_create(&thread, NULL, serve, &fd);
	err = daemon_read(path, out);
	pthread_join(thread, NULL);
	close(fd);
	return err;
}

static void answers(void)
{
	static const char * const wrong[] = {
		"", "{", "[]", "{}", "{\"format\": 2}", "{\"format\": \"1\"}", "null",
		"{\"format\": 1} trailing", "{\"format\": 1, \"format\": 1}",
	};
	json_t *root;
	size_t i;

	CHECK_EQ(ask("{\"format\": 1, \"version\": \"x\"}\n", &root), 0);
	CHECK(!strcmp(json_string_value(json_object_get(root, "version")), "x"));
	json_decref(root);
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		CHECK_EQ(ask(wrong[i], &root), -EPROTO);
		CHECK(!root);
	}
}

static void no_answers(void)
{
	char message[256];
	json_t *root;

	CHECK_EQ(ask(NULL, &root), -ETIMEDOUT);
	/* Nobody listens any more, and then nothing is there. */
	ctl_error_keep(message, sizeof(message));
	CHECK_EQ(daemon_report(path, &root), CTL_NO_DAEMON);
	CHECK(strstr(message, "is not running"));
	unlink(path);
	CHECK_EQ(daemon_report(path, &root), CTL_NO_DAEMON);
	CHECK_EQ(daemon_report("/", &root), CTL_NO_DAEMON);
	ctl_error_keep(NULL, 0);
	CHECK(!strcmp(daemon_state(-EACCES), "may not be asked"));
}

static const struct ktap_test tests[] = {
	{ "rates", rates }, { "order", order }, { "optional values", optional },
	{ "drawing", drawing }, { "resized", resized }, { "ends", ends },
	{ "stopped", stopped }, { "no screen", no_screen },
	{ "a daemon's answers", answers }, { "no answers", no_answers },
};

KTAP_MAIN(tests)
