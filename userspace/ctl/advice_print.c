// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "common/table.h"
#include "ctl/advice_out.h"

/* --- words for numbers --- */

static char *percent(double rate, char *buf, size_t size)
{
	if (isnan(rate))
		snprintf(buf, size, "-");
	else
		snprintf(buf, size, "%.1f%%", rate * 100);
	return buf;
}

static char *duration(double s, char *buf, size_t size)
{
	if (isnan(s))
		snprintf(buf, size, "an unknown time");
	else if (s < 120)
		format_ns(buf, size, s * 1e9);
	else if (s < 7200)
		snprintf(buf, size, "%.0f min", s / 60);
	else
		snprintf(buf, size, "%.1f h", s / 3600);
	return buf;
}

/* --- the curve --- */

static void curve_row(struct table *t, const struct advice_ns *ns, const char *what,
		      double bytes)
{
	struct advice_rates r = advice_curve_at(ns, bytes);
	char size[32], lru[16], policy[16];

	table_cell(t, "  %s", what);
	table_cell(t, "%s", format_bytes(size, sizeof(size), bytes));
	table_cell(t, "%s", percent(r.lru, lru, sizeof(lru)));
	table_cell(t, "%s", percent(r.policy, policy, sizeof(policy)));
}

static void print_curve(const struct advice_ns *ns, FILE *to)
{
	static const struct {
		const char *name;
		double factor;
	} rows[] = {
		{ "1/4", 0.25 }, { "1/2", 0.5 }, { "as it is", 1 }, { "2 times", 2 },
		{ "4 times", 4 }, { "8 times", 8 },
	};
	struct table *t;
	size_t i;

	if (!ns->nr_points || !(ns->capacity > 0))
		return;
	t = table_new("lrrr");
	table_cell(t, "  TIER");
	table_cell(t, "SIZE");
	table_cell(t, "LRU HITS");
	table_cell(t, "%s HITS", *ns->policy ? ns->policy : "POLICY");
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		curve_row(t, ns, rows[i].name, rows[i].factor * ns->capacity);
	table_print(t, to);
	table_free(t);
}

/* --- answers --- */

static void missing(const struct advice_ns *ns, const struct advice *a, FILE *to)
{
	char time[32];

	if (ns->nr_points)
		return;
	fprintf(to, "  no curve yet: ");
	if (!(ns->one_in > 0)) {
		fprintf(to, "no keys are sampled\n");
		return;
	}
	if (!(a->missing_samples > 0)) {
		fprintf(to, "the policy has not made one from %.0f sampled uses\n",
			ns->sampled_uses);
		return;
	}
	fprintf(to, "too little data: %.0f more sampled uses are needed, about %.0f in all",
		a->missing_samples, a->missing_uses);
	if (!isnan(a->missing_seconds))
		fprintf(to, ", %s at this rate", duration(a->missing_seconds, time,
							  sizeof(time)));
	fputc('\n', to);
}

/* What an answer about costs lacks, or NULL */
static const char *lacking(const struct advice_node *node, const struct advice *a)
{
	if (isnan(node->prefill))
		return "prefill_tokens_per_second is not configured, nor given";
	if (isnan(a->bytes_per_token))
		return "bytes_per_token is not configured, nor given, nor told by applications";
	if (isnan(a->block_bytes))
		return "there were no blocks yet";
	return NULL;
}

static void twice(const struct advice_ns *ns, const struct advice *a, FILE *to)
{
	char size[32], lru[16], policy[16], now[16];
	bool known = !isnan(a->now.policy) && !isnan(a->twice.policy);

	fprintf(to, "  twice the tier: ");
	if (!known && (isnan(a->now.lru) || isnan(a->twice.lru))) {
		fprintf(to, "not known\n");
		return;
	}
	fprintf(to, "%s, %s of requests would hit (LRU: %s); now %s\n",
		format_bytes(size, sizeof(size), 2 * ns->capacity),
		percent(known ? a->twice.policy : a->twice.lru, policy, sizeof(policy)),
		percent(a->twice.lru, lru, sizeof(lru)),
		percent(known ? a->now.policy : a->now.lru, now, sizeof(now)));
}

/* What more of one tier would bring */
struct more {
	const char *of;
	double gain, prefill_seconds, gpu_cost;
};

static void more(const struct advice_ns *ns, const struct advice_node *node,
		 const struct advice *a, const struct more *m, FILE *to)
{
	const char *problem = lacking(node, a);
	char size[32], end[32];

	fprintf(to, "  %s of %s more: ", format_bytes(size, sizeof(size), a->more_bytes),
		m->of);
	if (isnan(m->gain)) {
		if (ns->nr_points && ns->capacity > 0)
			fprintf(to, "not known: the curve ends at %s\n",
				format_bytes(end, sizeof(end),
					     ns->curve[ns->nr_points - 1].bytes));
		else
			fprintf(to, "not known\n");
		return;
	}
	fprintf(to, "%+.2f percentage points of hits", m->gain * 100);
	if (problem)
		fprintf(to, "; %s", problem);
	else if (isnan(m->prefill_seconds))
		fprintf(to, "; how many requests there are is not known");
	else
		fprintf(to, ", saves %.1f s of prefill a day", m->prefill_seconds);
	if (!isnan(m->gpu_cost))
		fprintf(to, ", %.2f %s of GPU a day", m->gpu_cost,
			*node->currency ? node->currency : "(no currency)");
	fputc('\n', to);
}

static void more_of_both(const struct advice_ns *ns, const struct advice_node *node,
			 const struct advice *a, FILE *to)
{
	const struct more dram = { "DRAM", a->gain, a->prefill_seconds, a->gpu_cost };
	const struct more flash = { "flash", a->flash_gain, a->flash_prefill_seconds,
				    a->flash_gpu_cost };
	char size[32], used[32], rate[16];

	more(ns, node, a, &dram, to);
	more(ns, node, a, &flash, to);
	if (a->flash > 0)
		fprintf(to, "    now flash of %s, %s used; with DRAM %s of requests would hit\n",
			format_bytes(size, sizeof(size), a->flash),
			format_bytes(used, sizeof(used), ns->flash_used),
			percent(isnan(a->flash_now.policy) ? a->flash_now.lru :
				a->flash_now.policy, rate, sizeof(rate)));
}

static void life(const struct advice_node *node, FILE *to)
{
	if (!(node->flash > 0))
		fprintf(to, "  drive life: no flash media attached\n");
	else if (isnan(node->life_years))
		fprintf(to, "  drive life: not known: no rate of writing, or the device does not "
			"tell its endurance (--endurance)\n");
	else
		fprintf(to, "  drive life: %.1f years at the present rate of writing\n",
			node->life_years);
}

void advice_print_media(const struct advice_media *media, size_t n, FILE *to)
{
	char size[32], day[32];
	size_t i;

	for (i = 0; i < n; i++) {
		fprintf(to, "media %s: %s, %s", media[i].name, media[i].state,
			format_bytes(size, sizeof(size), media[i].bytes));
		if (!isnan(media[i].per_day))
			fprintf(to, ", %s written a day as now",
				format_bytes(day, sizeof(day), media[i].per_day));
		if (!isnan(media[i].endurance))
			fprintf(to, ", can take %s more",
				format_bytes(day, sizeof(day), media[i].endurance));
		if (!isnan(media[i].life_years))
			fprintf(to, ": %.1f years", media[i].life_years);
		fputc('\n', to);
	}
}

static void reuse(const struct advice *a, FILE *to)
{
	fprintf(to, "  keeping blocks pays from %.3f uses of a block put; ", a->reuse_needed);
	if (a->verdict == ADVICE_DEPENDS)
		fprintf(to, "none was put yet\n");
	else
		fprintf(to, "%.3f are measured: it %s\n", a->reuse,
			a->verdict == ADVICE_PAYS ? "pays" : "does not pay");
}

static void break_even(const struct advice_node *node, const struct advice *a, FILE *to)
{
	const char *problem = lacking(node, a);
	char put[32], get[32], recompute[32];

	if (a->verdict == ADVICE_UNKNOWN) {
		fprintf(to, "  break-even: not known: %s\n",
			problem ? problem : "no put and get has copied anything yet");
		return;
	}
	if (a->verdict == ADVICE_NEVER)
		fprintf(to, "  keeping blocks never pays: computing one is faster than "
			"reading it\n");
	else
		reuse(a, to);
	fprintf(to, "    a block of %.0f tokens: put %s, get %s, prefill %s\n", a->tokens,
		duration(a->put, put, sizeof(put)), duration(a->get, get, sizeof(get)),
		duration(a->recompute, recompute, sizeof(recompute)));
}

static void head(const struct advice_ns *ns, const struct advice *a, FILE *to)
{
	char capacity[32], used[32], rate[16];

	fprintf(to, "%s: policy %s%s, ", ns->name, *ns->policy ? ns->policy : "of the kernel",
		ns->fallback ? " (fallen back to LRU)" : "");
	if (ns->one_in > 0)
		fprintf(to, "one key in %.0f sampled, %.0f uses seen\n", ns->one_in,
			ns->sampled_uses);
	else
		fprintf(to, "nothing sampled\n");
	fprintf(to, "  tier of %s, %s used; hit rate %s since it was made",
		format_bytes(capacity, sizeof(capacity), ns->capacity),
		format_bytes(used, sizeof(used), ns->used),
		percent(a->hit_rate, rate, sizeof(rate)));
	if (!isnan(a->gets))
		fprintf(to, "; now %.1f keys requested a second", a->gets);
	fputc('\n', to);
}

void advice_print(const struct advice_ns *ns, const struct advice_node *node,
		  const struct advice *a, FILE *to)
{
	head(ns, a, to);
	print_curve(ns, to);
	missing(ns, a, to);
	if (ns->nr_points) {
		twice(ns, a, to);
		more_of_both(ns, node, a, to);
	}
	break_even(node, a, to);
	life(node, to);
}
