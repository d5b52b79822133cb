// SPDX-License-Identifier: GPL-2.0
/* Policies by name. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/policy_adaptive.h"
#include "daemon/policy_impl.h"

/* Uses after which what was counted counts 1/e, as in the curves */
#define MEMORY		1e6
/* Blocks it takes to know how large one is, */
#define BLOCKS_MIN	64
/* and how keys are sampled until then. */
#define ONE_IN_FIRST	64
#define ONE_IN_MAX	(1U << 20)
/* Uses for which an earlier daemon's table stays in force */
#define ADOPT_MIN	2000.0
#define ADOPT_MAX	20000.0
/* More than one in so many only where else there were fewer keys than that. */
#define ONE_IN_FEW	4
#define KEYS_FEW	128

/* Of the puts that should be among the samples */
#define SAMPLED_MIN	0.7

static const char *const names[POLICY_NR_KINDS] = {
	[POLICY_ADAPTIVE] = "adaptive",
	[POLICY_LRU] = "lru",
	[POLICY_FIFO] = "fifo",
	[POLICY_LFU] = "lfu",
	[POLICY_GDSF] = "gdsf",
	[POLICY_TTL] = "ttl",
};

int policy_kind_of(const char *name)
{
	int i;

	for (i = 0; i < POLICY_NR_KINDS; i++)
		if (!strcmp(name, names[i]))
			return i;
	return -1;
}

const char *policy_kind_name(enum policy_kind kind)
{
	return (unsigned int)kind < POLICY_NR_KINDS ? names[kind] : NULL;
}

static bool by_arrival(enum policy_kind kind)
{
	return kind == POLICY_FIFO || kind == POLICY_TTL;
}

struct policy *policy_new(enum policy_kind kind)
{
	struct policy *p;

	if ((unsigned int)kind >= POLICY_NR_KINDS)
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->kind = kind;
	p->out.one_in = ONE_IN_FIRST;
	p->rounding = 1;
	pa_init(&p->pa);
	pt_init(&p->pt);
	pa_lru_table(&p->table);
	guard_init(&p->guard);
	mrc_init(&p->mrc);
	mrc_set_order(&p->mrc, by_arrival(kind));
	mrc_set_table(&p->mrc.trial, p->table.value);
	return p;
}

void policy_free(struct policy *policy)
{
	free(policy);
}

/* As LRU's is: nothing that anybody had to learn. */
static bool same_for_all_classes(const struct policy_output *table)
{
	unsigned int c;

	for (c = 1; c < PA_CLASSES; c++)
		if (memcmp(table->value[c], table->value[0], sizeof(table->value[0])))
			return false;
	return true;
}

void policy_adopt(struct policy *p, const struct policy_output *in_force)
{
	if (p->kind != POLICY_ADAPTIVE || in_force->order != KVMEM_ORDER_USE ||
	    same_for_all_classes(in_force))
		return;
	memcpy(p->old.value, in_force->value, sizeof(p->old.value));
	p->adopted = ADOPT_MIN;
}

/* As many uses as the tier has blocks, within reason, are enough to know better. */
static bool still_adopted(struct policy *p)
{
	double blocks = p->size > 0 ? p->capacity / p->size : 0;

	if (!p->adopted)
		return false;
	p->adopted = fmin(fmax(blocks, ADOPT_MIN), ADOPT_MAX);
	if (p->guard.lru || p->pa.refs >= p->adopted)
		p->adopted = 0;
	return p->adopted;
}

/* How large blocks are, what rounding adds, and how much fits. */
static void measure(struct policy *p, const struct policy_input *in)
{
	double blocks = 0, bytes = 0, fits;
	unsigned int c;

	for (c = 0; c < PA_CLASSES; c++) {
		blocks += (double)in->hist->blocks[c];
		bytes += (double)in->hist->bytes[c];
	}
	if (blocks >= BLOCKS_MIN && bytes >= blocks) {
		p->size = bytes / blocks;
		p->rounding = fmax((double)in->used_bytes / bytes, 1);
	}
	if (p->size <= 0)
		return;
	fits = (double)in->capacity_bytes / p->rounding;
	if (in->quota_blocks)
		fits = fmin(fits, (double)in->quota_blocks * p->size);
	p->capacity = fits;
}

/* Of how many keys one is sampled: what leaves the curves enough of @blocks. */
static uint32_t one_in_for(double blocks)
{
	uint32_t one_in = ONE_IN_FEW;

	while (one_in > 1 && blocks / one_in < KEYS_FEW)
		one_in /= 2;
	while (one_in < ONE_IN_MAX && blocks / one_in >= 2 * MRC_AIM)
		one_in *= 2;
	return one_in;
}

/* It changes with reluctance: what was learnt from samples is then lost. */
static uint32_t choose_one_in(const struct policy *p)
{
	double blocks = p->capacity / p->size;
	uint32_t now = p->out.one_in;

	if (p->sized && now >= one_in_for(blocks * 0.75) && now <= one_in_for(blocks * 1.33))
		return now;
	return one_in_for(blocks);
}

/* Puts, exact and by samples; the kernel's counts know only of those not deleted since. */
static double exact_puts(const struct policy *p)
{
	return p->refs - p->hits + p->mrc.deleted / p->mrc.weight * p->mrc.one_in;
}

static double sampled_puts(const struct policy *p)
{
	return (p->mrc.refs - p->mrc.real) / p->mrc.weight * p->mrc.one_in;
}

/* 0: samples do not tell, for too many of them are missing. */
static uint64_t lru_age(const struct policy *p)
{
	if (sampled_puts(p) < SAMPLED_MIN * exact_puts(p))
		return 0;
	return mrc_lru_age(&p->mrc);
}

static void guard(struct policy *p)
{
	struct guard_delta d = { .refs = p->pa.delta.refs, .hits = p->pa.delta.hits };
	unsigned int c, a;

	for (c = 0; c < PA_CLASSES; c++)
		for (a = 0; a < PA_AGES; a++)
			d.events[a] += p->pa.delta.events[c][a];
	guard_update(&p->guard, &d, lru_age(p), p->size > 0 ? p->capacity / p->size : 0);
}

static void make_table(struct policy *p, const struct policy_input *in)
{
	switch (p->kind) {
	case POLICY_ADAPTIVE:
		pa_learn(&p->pa, &p->table);
		guard(p);
		mrc_set_table(&p->mrc.trial, p->table.value);
		if (p->guard.lru)
			pa_lru_table(&p->table);
		break;
	case POLICY_LFU:
		pt_count(&p->pt, &p->pa.delta);
		pt_lfu(&p->pt, &p->table);
		break;
	case POLICY_GDSF:
		pt_count(&p->pt, &p->pa.delta);
		pt_gdsf(&p->pt, in->hist, &p->table);
		break;
	default:
		/* LRU's table does for all that go by age alone. */
		break;
	}
}

static void count(struct policy *p)
{
	double keep = exp(-p->pa.delta.refs / MEMORY);

	p->refs = p->refs * keep + p->pa.delta.refs;
	p->hits = p->hits * keep + p->pa.delta.hits;
}

static bool differs(const struct policy_output *a, const struct policy_output *b)
{
	return a->order != b->order || a->one_in != b->one_in ||
	       memcmp(a->value, b->value, sizeof(a->value));
}

bool policy_update(struct policy *p, const struct policy_input *in,
		   struct policy_output *out)
{
	struct policy_output next = { .one_in = p->out.one_in };
	bool changed;

	measure(p, in);
	if (p->capacity > 0)
		next.one_in = choose_one_in(p);
	p->sized = p->capacity > 0;
	if (next.one_in != p->mrc.one_in) {
		p->refs = 0;
		p->hits = 0;
	}
	mrc_set_capacity(&p->mrc, p->capacity, p->size, next.one_in);
	if (pa_count(&p->pa, in->hist, in->now)) {
		count(p);
		make_table(p, in);
	}
	p->mrc.hinted = in->hinted;
	memcpy(next.value, still_adopted(p) ? p->old.value : p->table.value, sizeof(next.value));
	next.order = by_arrival(p->kind) ? KVMEM_ORDER_ARRIVAL : KVMEM_ORDER_USE;
	changed = !p->pushed || differs(&next, &p->out);
	if (changed) {
		p->out = next;
		mrc_set_table(&p->mrc.table, next.value);
		p->pushed = true;
	}
	*out = next;
	return changed;
}

void policy_sample(struct policy *p, const struct policy_sample *sample)
{
	struct mrc_seen seen;

	mrc_sample(&p->mrc, sample, &seen);
	if (seen.use)
		guard_sample(&p->guard, seen.lru, seen.trial, p->mrc.one_in);
}

static double clamp01(double x)
{
	return fmin(fmax(x, 0), 1);
}

static double real_rate(const struct policy *p)
{
	return p->hits / (p->hits + exact_puts(p));
}

/*
 * The sample has some hot keys or has them not, which shifts the hit rates of
 * all sizes alike, and what it did to that of the tier is known.  Misses are
 * those of many keys: there are as many as there should be.
 */
static double adjusted(const struct policy *p, double rate)
{
	double missed = 1 - real_rate(p), sampled = 1 - p->mrc.real / p->mrc.refs;

	if (missed < 0.001 || sampled < 0.001)
		return rate;
	return 1 - (1 - rate) * missed / sampled;
}

/*
 * Miniatures get some blocks' classes wrong, and so keep some that they should
 * not: at the present size it is known what that costs.  In a larger tier it
 * costs the same part of what there is to lose; in a smaller one, that much.
 */
static double calibrated(const struct policy *p, unsigned int tier)
{
	double real = real_rate(p), most = fmax(adjusted(p, mrc_most(&p->mrc)), real);
	double here = most - adjusted(p, mrc_tier_rate(&p->mrc, MRC_PRESENT));
	double there = most - adjusted(p, mrc_tier_rate(&p->mrc, tier));

	double sum = most - real - here, part = 1;

	if (here > 0.001)
		part = fmin((most - real) / here, 2);
	if (tier < MRC_PRESENT)
		return most - there - sum;
	return most - there * part;
}

size_t policy_curve(struct policy *p, struct policy_point *points, size_t max)
{
	double size;
	size_t i;

	if (p->mrc.refs <= 0 || p->refs <= 0 || p->capacity <= 0)
		return 0;
	for (i = 0; i < MRC_SIZES && i < max; i++) {
		size = p->capacity * mrc_tier_size((unsigned int)i);
		points[i] = (struct policy_point){
			.capacity_bytes = (uint64_t)fmin(size * p->rounding, 1e19),
			.lru = clamp01(adjusted(p, mrc_lru(&p->mrc, size))),
			.policy = clamp01(calibrated(p, (unsigned int)i)),
		};
	}
	return i;
}

void policy_get_state(const struct policy *p, struct policy_state *state)
{
	const struct mrc *m = &p->mrc;

	*state = (struct policy_state){
		.kind = p->kind,
		.fallback = p->guard.lru,
		.fallbacks = p->guard.falls,
		.one_in = p->out.one_in,
		.refs = m->refs / m->weight,
		.real = m->refs > 0 ? m->real / m->refs : NAN,
		.lru = mrc_lru(m, p->capacity),
	};
}
