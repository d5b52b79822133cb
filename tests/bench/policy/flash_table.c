// SPDX-License-Identifier: GPL-2.0
/* What is lost to a write budget: every admission, several budgets and sizes. */
#include <errno.h>
#include <stdio.h>

#include "flash.h"

#define DAY_NS	86400000000000ULL

static const struct {
	const char *name;
	enum flash_admission admission;
} rows[] = {
	{ "first come", FLASH_ALL }, { "second touch", FLASH_SECOND },
	{ "second touch, ghosts", FLASH_GHOST }, { "by value", FLASH_VALUE },
};

/* Of what is written without a bound, percent; 0: no bound */
static const u32 budgets[] = { 0, 50, 25, 10, 5 };

struct cell {
	double hit_rate, written;	/* percent; of all references, GB */
};

static int run_one(struct sim_trace *t, u32 dram, struct sim_options *o,
		   const struct flash_options *f, struct cell *cell)
{
	struct sim_result r = { 0 };
	int err;

	o->flash = f;
	err = run_adaptive(t, dram, o, &r);
	if (err)
		return err;
	cell->hit_rate = 100.0 * (double)r.hits / (double)r.refs;
	cell->written = (double)(r.flash_puts + r.flash_moved) * SIM_BLOCK_BYTES / 1e9;
	return 0;
}

static u64 duration(const struct sim_trace *t)
{
	return t->time_ns[t->nr_requests - 1] - t->time_ns[0];
}

static int run_row(struct sim_trace *t, u32 dram, struct sim_options *o, struct flash_options *f,
		   const char *name, double unlimited)
{
	double days = (double)duration(t) / (double)DAY_NS;
	struct cell cell;
	u32 i;
	int err;

	printf("| %s |", name);
	for (i = 0; i < ARRAY_SIZE(budgets); i++) {
		f->per_day = (u64)(unlimited * 1e9 * budgets[i] / 100 / days);
		err = run_one(t, dram, o, f, &cell);
		if (err)
			return err;
		printf(" %.2f (%.2f GB) |", cell.hit_rate, cell.written);
		fflush(stdout);
	}
	putchar('\n');
	return 0;
}

static int run_size(struct sim_trace *t, double percent, u32 dram, struct sim_options *o,
		    struct flash_options *f)
{
	struct cell all;
	u32 i;
	int err;

	f->capacity = (u32)(t->distinct * percent / 100) + 1;
	f->admission = FLASH_ALL;
	f->per_day = 0;
	err = run_one(t, dram, o, f, &all);
	if (err)
		return err;
	printf("\n| flash %g %% | no bound | 50 %% | 25 %% | 10 %% | 5 %% |\n"
	       "|---|---|---|---|---|---|\n", percent);
	for (i = 0; i < ARRAY_SIZE(rows) && !err; i++) {
		f->admission = rows[i].admission;
		err = run_row(t, dram, o, f, rows[i].name, all.written);
	}
	return err;
}

int sim_flash_table(struct sim_trace *t, const double *percent, u32 nr, u32 dram,
		    const struct sim_options *options, bool ripe, bool back)
{
	struct sim_options o = *options;
	struct flash_options f = { .ripe = ripe, .back = back };
	struct sim_result alone = { 0 };
	u32 i;
	int err;

	if (!o.realtime || duration(t) < 1000000000)
		return -EINVAL;
	o.flash = NULL;
	err = run_adaptive(t, dram, &o, &alone);
	if (!err)
		printf("DRAM alone, %u blocks: %.2f\n", dram,
		       100.0 * (double)alone.hits / (double)alone.refs);
	for (i = 0; i < nr && !err; i++)
		err = run_size(t, percent[i], dram, &o, &f);
	return err;
}
