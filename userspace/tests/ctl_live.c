// SPDX-License-Identifier: GPL-2.0
/* kvmemctl top, stats --watch and events, on a kernel that is made up. */
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/decode.h"
#include "ctl/latency.h"
#include "ctl/module.h"
#include "ctl/nl.h"
#include "ctl/object.h"
#include "ktap.h"

/* --- a kernel --- */

/**
 * kernel - what it will say
 * @reads: of the module so far
 * @away_from, @away_to: reads for which the module is not there
 * @waits: for events so far
 * @refused: subscriptions still to be refused
 */
static struct {
	int reads, away_from, away_to;
	int waits, refused;
} kernel;

const struct object_kind ns_kind, media_kind = { .noun = "media" };

const char *ctl_attr_name(int attr)
{
	(void)attr;
	return NULL;
}

int module_get(struct ctl *c, json_t **out)
{
	int n = kernel.reads++;

	(void)c;
	if (n >= kernel.away_from && n < kernel.away_to) {
		ctl_error("the module is away");
		return CTL_NO_MODULE;
	}
	*out = json_pack("{s:s, s:s, s:i, s:{s:i, s:i}}", "version", "0.1.0", "watermark", "room",
			 "open_files", 3, "arena", "allocated_bytes", 1 << 20, "limit_bytes",
			 2 << 20);
	return CTL_OK;
}

static json_t *ns(const char *name, int id, int gets)
{
	return json_pack("{s:i, s:s, s:i, s:{s:i, s:i, s:i, s:{s:i}}}", "id", id, "name", name,
			 "used_bytes", 4096, "stats", "hits", gets, "misses", gets, "miss_evicted",
			 gets / 2, "evictions", "total", 0);
}

/* Two drives of which the second one comes later */
static json_t *media(void)
{
	json_t *all = json_array();
	int i;

	for (i = 1; i <= (kernel.reads > 1 ? 2 : 1); i++)
		json_array_append_new(all, json_pack("{s:i, s:s, s:s, s:{s:i, s:i, s:i}}", "id", i,
						     "name", i == 1 ? "nvme0" : "nvme1",
						     "state", "live", "written",
						     "put_bytes", kernel.reads * 1000,
						     "reinsert_bytes", 7, "table_bytes", 8));
	return all;
}

int object_get_all(struct ctl *c, const struct object_kind *kind, json_t **out)
{
	(void)c;
	if (kind == &media_kind) {
		*out = media();
		return CTL_OK;
	}
	*out = json_pack("[o,o]", ns("calm", 1, 1), ns("busy", 2, kernel.reads * 1000));
	return CTL_OK;
}

int object_get(struct ctl *c, const struct object_kind *kind, const char *name, json_t **out)
{
	(void)c;
	(void)kind;
	*out = ns(name, 1, 5);
	return CTL_OK;
}

int latency_read(struct ctl_nl *nl, struct latencies *all)
{
	struct latency *l = &all->of[KVMEM_OP_GET][KVMEM_TIER_DRAM];

	(void)nl;
	memset(all, 0, sizeof(*all));
	l->count = (uint64_t)kernel.reads * 10;
	l->total_ns = l->count * 2048;
	l->buckets[40] = l->count;
	return CTL_OK;
}

void ctl_nl_close(struct ctl_nl *nl)
{
	(void)nl;
}

int ctl_nl_subscribe(struct ctl_nl *nl)
{
	(void)nl;
	if (!kernel.refused)
		return CTL_OK;
	kernel.refused--;
	ctl_error("there is no module");
	return CTL_NO_MODULE;
}

/* An event, too many of them, the module goes, another event, then nothing */
enum ctl_wait ctl_nl_wait(struct ctl_nl *nl, int timeout_ms,
			  void (*fn)(const struct ctl_msg *m, void *arg), void *arg)
{
	struct nlattr *tb[KVMEM_A_MAX + 1] = { NULL };
	const struct ctl_msg m = { .cmd = KVMEM_CMD_NS_CREATED_NTF, .tb = tb };

	(void)nl;
	switch (kernel.waits++) {
	case 0:
	case 3:
		fn(&m, arg);
		return CTL_WAIT_EVENT;
	case 1:
		return CTL_WAIT_LOST;
	case 2:
		kernel.refused = 2;
		return CTL_WAIT_GONE;
	default:
		usleep((useconds_t)timeout_ms * 1000);
		return CTL_WAIT_TIME;
	}
}

/* --- running a command --- */

#define ARGV(...) ((char *[]){ __VA_ARGS__, NULL })

static int command(int (*run)(struct ctl *c), const struct arg_spec *specs, bool json,
		   char **argv)
{
	static struct args args;
	struct ctl_nl nl = { 0 };
	struct ctl c = { .json = json, .args = &args, .nl = &nl };
	int argc = 0;

	while (argv[argc])
		argc++;
	memset(&kernel, 0, sizeof(kernel));
	if (args_parse(&args, specs, 1, argc, argv))
		return CTL_USAGE;
	return run(&c);
}

static char text[65536];

/* What is written to @fd until its other end is closed */
static void collect(int fd)
{
	size_t n = 0;
	ssize_t got;

	while ((got = read(fd, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = 0;
}

/* Its exit status; what it wrote to a pipe is in @text */
static int piped(int (*run)(struct ctl *c), const struct arg_spec *specs, bool json,
		 char **argv)
{
	int fds[2], status;
	pid_t pid;

	fflush(stdout);
	if (pipe(fds) || (pid = fork()) < 0)
		return -1;
	if (!pid) {
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		setenv("TERM", "xterm", 1);
		status = command(run, specs, json, argv);
		fflush(stdout);
		_exit(status);
	}
	close(fds[1]);
	collect(fds[0]);
	close(fds[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static unsigned int times(const char *what)
{
	const char *p = text;
	unsigned int n;

	for (n = 0; (p = strstr(p, what)); n++)
		p++;
	return n;
}

/* --- top --- */

static void top_piped(void)
{
	char **argv = ARGV("top", "--count", "2", "--interval", "0.1", "--socket", "/nowhere");
	const char *busy, *calm;

	CHECK_EQ(piped(cmd_top, top_specs, false, argv), 0);
	CHECK(!strchr(text, '\033'));
	CHECK_EQ(times("kvmem 0.1.0, "), 2);
	CHECK_EQ(times("kvmemd is not running"), 2);
	busy = strstr(text, "\nbusy");
	calm = strstr(text, "\ncalm");
	CHECK(busy && calm && busy < calm);
	CHECK(strstr(busy, "kernel"));
	/* 10 operations in 0.1 s, half of them within the middle of the bucket */
	CHECK(strstr(text, "\nget        dram"));
	CHECK(strstr(text, "2.3 us"));
	CHECK_EQ(times("\nMEDIA  STATE"), 2);
	CHECK_EQ(times("\nnvme0  live"), 2);
	argv = ARGV("top", "--once", "--interval", "0.1", "--sort", "name", "--socket", "/nowhere");
	CHECK_EQ(piped(cmd_top, top_specs, false, argv), 0);
	CHECK_EQ(times("kvmem 0.1.0, "), 1);
	CHECK(strstr(text, "\nbusy") < strstr(text, "\ncalm"));
}

static void top_json(void)
{
	char **argv = ARGV("top", "--once", "--interval", "0.1", "--socket", "/nowhere");
	json_t *root, *o, *written;
	double gets;

	CHECK_EQ(piped(cmd_top, top_specs, true, argv), 0);
	CHECK(strchr(text, '\n') == text + strlen(text) - 1);
	root = json_loads(text, 0, NULL);
	CHECK(root);
	o = json_array_get(json_object_get(root, "namespaces"), 0);
	CHECK(!strcmp(json_string_value(json_object_get(o, "name")), "busy"));
	CHECK(!strcmp(json_string_value(json_object_get(o, "policy")), "kernel"));
	gets = json_number_value(json_object_get(json_object_get(o, "rates"), "gets"));
	CHECK(gets > 2000 && gets <= 20000);
	CHECK(json_number_value(json_object_get(root, "interval_s")) >= 0.1);
	o = json_object_get(root, "media");
	CHECK_EQ(json_array_size(o), 2);
	/* 1000 bytes in 0.1 s or a little more; and one that was not there before */
	written = json_object_get(json_array_get(o, 0), "rates");
	gets = json_number_value(json_object_get(written, "written_bytes"));
	CHECK(gets > 1000 && gets <= 10000);
	written = json_object_get(json_array_get(o, 1), "rates");
	CHECK(json_is_null(json_object_get(written, "written_bytes")));
	json_decref(root);
}

static void top_usage(void)
{
	char message[256];

	ctl_error_keep(message, sizeof(message));
	CHECK_EQ(command(cmd_top, top_specs, false, ARGV("top", "--sort", "x")), CTL_USAGE);
	CHECK_EQ(command(cmd_top, top_specs, false, ARGV("top", "--interval", "0")), CTL_USAGE);
	CHECK_EQ(command(cmd_top, top_specs, false, ARGV("top", "--once", "--count", "2")),
		 CTL_USAGE);
	ctl_error_keep(NULL, 0);
}

static int away(struct ctl *c)
{
	kernel.away_from = 1;
	kernel.away_to = 3;
	return cmd_top(c);
}

static void top_away(void)
{
	char **argv = ARGV("top", "--count", "9", "--interval", "0.1", "--socket", "/nowhere");

	CHECK_EQ(piped(away, top_specs, false, argv), CTL_NO_MODULE);
	CHECK(strstr(text, "the module is away"));
}

/* Read until @want has come; what came before it is dropped. */
static bool expect(int fd, const char *want)
{
	size_t n = 0;
	ssize_t got;

	for (text[0] = 0; !strstr(text, want); text[n] = 0) {
		got = read(fd, text + n, sizeof(text) - 1 - n);
		if (got <= 0)
			return false;
		n += (size_t)got;
	}
	return true;
}

/* On a terminal it goes on while the module is away, and takes keys. */
static void top_live(void)
{
	struct winsize size = { .ws_row = 24, .ws_col = 160 };
	char **argv = ARGV("top", "--interval", "0.2", "--socket", "/nowhere");
	int fd, status;
	pid_t pid;

	fflush(stdout);
	pid = forkpty(&fd, NULL, NULL, &size);
	CHECK(pid >= 0);
	if (!pid) {
		setenv("TERM", "xterm", 1);
		exit(command(away, top_specs, false, argv));
	}
	CHECK(expect(fd, "since the beginning"));
	CHECK(expect(fd, "not so now: the module is away"));
	CHECK(expect(fd, "the last 0."));
	CHECK_EQ(write(fd, "s", 1), 1);
	CHECK(expect(fd, "by hits; s: another order, q: quit\033[K"));
	CHECK_EQ(write(fd, "q", 1), 1);
	CHECK(expect(fd, "\033[?1049l"));
	collect(fd);
	waitpid(pid, &status, 0);
	close(fd);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
}

/* --- stats and events --- */

static void stats(void)
{
	char **argv = ARGV("stats", "--watch", "0.1", "--count", "3");

	CHECK_EQ(piped(cmd_stats, stats_specs, false, argv), 0);
	CHECK_EQ(times("\nNAMESPACE  HITS"), 3);
	CHECK(strstr(text, "OF-EVICTED") && strstr(text, "since the beginning"));
	argv = ARGV("stats", "calm", "--count", "1", "--watch");
	CHECK_EQ(piped(cmd_stats, stats_specs, true, argv), 0);
	CHECK_EQ(times("\"miss_evicted\""), 1);
}

static void events(void)
{
	char **argv = ARGV("events", "--timeout", "2");

	/* The module goes and comes back; both are told, and no error. */
	CHECK_EQ(piped(cmd_events, events_specs, false, argv), 0);
	CHECK_EQ(times(" ns-created\n"), 2);
	CHECK_EQ(times(" lost\n"), 1);
	CHECK(strstr(text, " module-unloaded\n") < strstr(text, " module-loaded\n"));
	CHECK_EQ(times("\n"), 5);
	argv = ARGV("events", "--count", "2");
	CHECK_EQ(piped(cmd_events, events_specs, true, argv), 0);
	CHECK_EQ(times("{\"time\":"), 5);
	CHECK_EQ(times("\"event\":\"module-loaded\"}\n"), 1);
	argv = ARGV("events", "--count", "2", "--timeout", "0.3");
	CHECK_EQ(piped(cmd_events, events_specs, true, argv), CTL_FAILED);
	CHECK(strstr(text, "1 of 2 events came in time"));
}

static const struct ktap_test tests[] = {
	{ "top into a pipe", top_piped }, { "top as JSON", top_json },
	{ "top's usage", top_usage }, { "top when the module goes", top_away },
	{ "top on a terminal", top_live }, { "stats", stats }, { "events", events },
};

KTAP_MAIN(tests)
