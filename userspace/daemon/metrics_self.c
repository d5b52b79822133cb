// SPDX-License-Identifier: GPL-2.0
/* The daemon itself: what Prometheus' clients export of any process, and scraping. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "daemon/metrics.h"
#include "daemon/metrics_text.h"
#include "daemon/state.h"

/* Up to @size - 1 bytes of a file of /proc, which come in one piece. */
static bool read_small(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, size - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	return true;
}

static void read_memory(struct metrics_self *self)
{
	unsigned long long size, resident;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	char text[128];

	if (!read_small("/proc/self/statm", text, sizeof(text)) ||
	    sscanf(text, "%llu %llu", &size, &resident) != 2)
		return;
	self->virtual_bytes = size * page;
	self->resident_bytes = resident * page;
}

/* Ticks after boot at which the process started: the 22nd field, the 20th after its name */
static double start_ticks(void)
{
	unsigned long long ticks;
	char text[1024], *p;
	unsigned int i;

	if (!read_small("/proc/self/stat", text, sizeof(text)))
		return 0;
	p = strrchr(text, ')');
	for (i = 0; p && i < 20; i++)
		p = strchr(p + 1, ' ');
	return p && sscanf(p, "%llu", &ticks) == 1 ? (double)ticks : 0;
}

static double now_of(clockid_t clock)
{
	struct timespec ts;

	return clock_gettime(clock, &ts) ? 0 : (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Once: the clock may be set later, and the start would seem to move. */
static double start_seconds(void)
{
	static double start;
	double ticks;

	if (start > 0)
		return start;
	ticks = start_ticks();
	if (ticks > 0)
		start = now_of(CLOCK_REALTIME) - now_of(CLOCK_BOOTTIME) +
			ticks / (double)sysconf(_SC_CLK_TCK);
	return start;
}

static uint64_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	uint64_t n = 0;

	if (!dir)
		return 0;
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	/* The directory itself was one of them. */
	return n ? n - 1 : 0;
}

void metrics_self_read(struct metrics_self *self)
{
	struct timespec ts;
	struct rlimit limit;

	if (!clock_gettime(CLOCK_MONOTONIC, &ts))
		self->now_ns = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	self->version = KVMEM_VERSION;
	self->start_seconds = start_seconds();
	self->cpu_seconds = now_of(CLOCK_PROCESS_CPUTIME_ID);
	self->open_fds = count_fds();
	self->max_fds = 0;
	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur != RLIM_INFINITY)
		self->max_fds = limit.rlim_cur;
	read_memory(self);
}

static void render_process(const struct metrics_self *self, struct buffer *b)
{
	text_counter_double(b, "process_cpu_seconds_total",
			    "Total user and system CPU time spent in seconds.",
			    self->cpu_seconds);
	text_gauge_u64(b, "process_open_fds", "Number of open file descriptors.",
		       self->open_fds);
	if (self->max_fds)
		text_gauge_u64(b, "process_max_fds",
			       "Maximum number of open file descriptors.", self->max_fds);
	text_gauge_u64(b, "process_resident_memory_bytes", "Resident memory size in bytes.",
		       self->resident_bytes);
	text_gauge_u64(b, "process_virtual_memory_bytes", "Virtual memory size in bytes.",
		       self->virtual_bytes);
	if (self->start_seconds > 0)
		text_gauge_double(b, "process_start_time_seconds",
				  "Start time of the process since unix epoch in seconds.",
				  self->start_seconds);
}

void metrics_render_self(const struct metrics_self *self, const struct state *state,
			 struct buffer *out)
{
	uint64_t age = self->now_ns > state->read_ns ? self->now_ns - state->read_ns : 0;

	text_gauge(out, "kvmem_build_info", "The daemon that answers.");
	text_u64(out, "kvmem_build_info", LABELS({ "version", self->version }), 1);
	/* Before the first read there is nothing that could be old. */
	if (state->read_ns)
		text_gauge_double(out, "kvmem_daemon_state_age_seconds",
				  "Time since the kernel was read.", (double)age / 1e9);
	text_counter_u64(out, "kvmem_daemon_scrapes_total", "Scrapes before this one.",
			 self->scrapes);
	text_gauge_double(out, "kvmem_daemon_scrape_cpu_seconds",
			  "CPU time of the thread that the scrape before this one took.",
			  self->scrape_cpu_seconds);
	render_process(self, out);
}
