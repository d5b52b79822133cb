/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Metrics for Prometheus: GET /metrics, and GET /-/healthy for probes.
 *
 * One thread, that of the loop.  docs/metrics.md says what each is for.
 */
#ifndef KVMEMD_METRICS_H
#define KVMEMD_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/metrics_buffer.h"

struct loop;
struct report_costs;
struct state;
struct metrics;

/* An address without a host is of the loopback interface. */
#define METRICS_DEFAULT_ADDRESS	"127.0.0.1:9768"

/*
 * Serve on @address: "HOST:PORT", "[V6]:PORT", ":PORT" or NULL, the default;
 * port 0 = any that is free.  @state and @costs are read at every scrape until
 * metrics_stop().  NULL: @err says why.
 */
struct metrics *metrics_start(struct loop *loop, const struct state *state,
			      const struct report_costs *costs, const char *address,
			      char *err, size_t errlen);
/* Not from inside of a callback of the loop that metrics.c asked for. */
void metrics_stop(struct metrics *m);
unsigned int metrics_port(const struct metrics *m);

/* All that @state holds, as text.  Nothing else is read. */
void metrics_render(const struct state *state, const struct report_costs *costs,
		    struct buffer *out);

/**
 * struct metrics_self - the daemon itself
 * @version: of the daemon
 * @now_ns: CLOCK_MONOTONIC
 * @start_seconds: since 1970
 * @cpu_seconds: user and system
 * @max_fds: 0 = no bound
 * @scrapes: answered so far
 * @scrape_cpu_seconds: that the one before took
 */
struct metrics_self {
	const char *version;
	uint64_t now_ns;
	double start_seconds, cpu_seconds;
	uint64_t resident_bytes, virtual_bytes;
	uint64_t open_fds, max_fds;
	uint64_t scrapes;
	double scrape_cpu_seconds;
};

/* Reads the clock and /proc; what cannot be read is 0. */
void metrics_self_read(struct metrics_self *self);
void metrics_render_self(const struct metrics_self *self, const struct state *state,
			 struct buffer *out);

#endif
