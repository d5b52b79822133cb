// SPDX-License-Identifier: GPL-2.0
/* A bar on a terminal, a line every few seconds elsewhere; on stderr. */
#include <stdio.h>
#include <unistd.h>

#include "replay.h"

#define BAR_NS		200000000ULL
#define LINE_NS		5000000000ULL
#define BAR_WIDTH	40

void progress_start(struct progress_state *p, const struct options *o,
		    const struct shared *s, size_t nr_requests)
{
	*p = (struct progress_state) {
		.o = o,
		.s = s,
		.nr_requests = nr_requests,
		.tty = isatty(STDERR_FILENO),
		.last_ns = s->start_ns,
	};
}

static size_t done(const struct progress_state *p)
{
	size_t sum = 0;
	unsigned int i;

	for (i = 0; i < p->o->clients; i++)
		sum += __atomic_load_n(&p->s->stats[i].requests,
				       __ATOMIC_RELAXED);
	return sum;
}

/* Seconds to go, at the speed so far. */
static double to_go(const struct progress_state *p, size_t n, double seconds)
{
	return n ? seconds * (double)(p->nr_requests - n) / (double)n : 0;
}

static void show(const struct progress_state *p, uint64_t now)
{
	size_t n = done(p);
	double seconds = (double)(now - p->s->start_ns) / 1e9;
	int fill = (int)(n * BAR_WIDTH / p->nr_requests);

	if (p->tty)
		fprintf(stderr, "\r[%.*s%*s] %3zu%%  %zu/%zu  %.0f s to go ",
			fill, "########################################",
			BAR_WIDTH - fill, "", n * 100 / p->nr_requests, n,
			p->nr_requests, to_go(p, n, seconds));
	else
		fprintf(stderr, "kvmem-replay: %zu of %zu requests, %.0f s, "
			"%.0f s to go\n", n, p->nr_requests, seconds,
			to_go(p, n, seconds));
}

static bool wanted(const struct progress_state *p)
{
	return p->o->progress != PROGRESS_OFF;
}

void progress_tick(struct progress_state *p)
{
	uint64_t now = now_ns();

	if (!wanted(p) || now - p->last_ns < (p->tty ? BAR_NS : LINE_NS))
		return;
	p->last_ns = now;
	show(p, now);
}

void progress_end(struct progress_state *p)
{
	/* a short run said nothing yet: only "on" asks for a last word */
	if (!wanted(p) || (!p->tty && p->o->progress != PROGRESS_ON))
		return;
	show(p, now_ns());
	if (p->tty)
		fputc('\n', stderr);
}
