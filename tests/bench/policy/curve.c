// SPDX-License-Identifier: GPL-2.0
/* What the daemon predicts for tiers of other sizes, against replays there. */
#include <stdio.h>

#include "sim.h"

static double measured(struct sim_trace *t, u32 capacity, const struct sim_options *o,
		       int (*run)(struct sim_trace *t, u32 capacity,
				  const struct sim_options *o, struct sim_result *r))
{
	struct sim_result r = { 0 };

	if (run(t, capacity ? capacity : 1, o, &r) || !r.refs)
		return 0;
	return 100.0 * (double)r.hits / (double)r.refs;
}

static int curve_at(struct sim_trace *t, double percent, const struct sim_options *o,
		    const struct sim_policy *p)
{
	u32 capacity = (u32)(t->distinct * percent / 100), i, there;
	struct sim_result r = { 0 };
	int err = p->run(t, capacity ? capacity : 1, o, &r);
	double real, lru;

	if (err)
		return err;
	printf("| %g %% of %s, one in %u (%.1f %% measured) |", percent, p->name,
	       (u32)r.one_in, 100.0 * (double)r.hits / (double)r.refs);
	for (i = 0; i < r.nr_points; i++) {
		there = (u32)(r.points[i].capacity_bytes / SIM_BLOCK_BYTES);
		real = measured(t, there, o, p->run);
		lru = measured(t, there, o, run_lru);
		printf(" %.1f %+.1f, %.1f %+.1f |", real, 100 * r.points[i].policy - real,
		       lru, 100 * r.points[i].lru - lru);
	}
	putchar('\n');
	return 0;
}

/* For each size and each multiple of it: measured, error, LRU measured, error */
int sim_curve(struct sim_trace *t, const double *percent, u32 nr, const struct sim_options *o,
	      const struct sim_policy *p)
{
	int err = 0;
	u32 i;

	for (i = 0; i < nr && !err; i++)
		err = curve_at(t, percent[i], o, p);
	return err;
}
