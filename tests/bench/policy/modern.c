// SPDX-License-Identifier: GPL-2.0
/* S3-FIFO (Yang et al., SOSP'23) and ARC (Megiddo and Modha, FAST'03). */
#include <errno.h>
#include <stdlib.h>

#include "sim.h"

/* A block is in at most one of the lists; where[] says in which. */
struct lists {
	struct nodes n;
	u8 *where;
	u8 *freq;
	u32 nr_ids;
	u32 len[5];
};

enum { OUT, A, B, GHOST_A, GHOST_B };

static int lists_init(struct lists *l, u32 nr_ids)
{
	*l = (struct lists){ .nr_ids = nr_ids };
	l->where = calloc(nr_ids, 1);
	l->freq = calloc(nr_ids, 1);
	if (!l->where || !l->freq || nodes_init(&l->n, nr_ids, 5))
		return -ENOMEM;
	return 0;
}

static void lists_free(struct lists *l)
{
	free(l->where);
	free(l->freq);
	nodes_free(&l->n);
}

static void move(struct lists *l, u32 id, u8 to)
{
	if (l->where[id] != OUT) {
		node_del(&l->n, id);
		l->len[l->where[id]]--;
	}
	l->where[id] = to;
	if (to == OUT)
		return;
	node_add(&l->n, l->nr_ids + to, id);
	l->len[to]++;
}

static u32 tail(const struct lists *l, u8 list)
{
	return l->n.prev[l->nr_ids + list];
}

/* --- S3-FIFO: A small (10 %), B main, GHOST_A as long as main --- */

static void s3_evict_main(struct lists *l)
{
	u32 id;

	while (l->len[B]) {
		id = tail(l, B);
		if (!l->freq[id]) {
			move(l, id, OUT);
			return;
		}
		l->freq[id]--;
		move(l, id, B);
	}
}

static void s3_evict_small(struct lists *l, u32 main_size)
{
	u32 id;

	while (l->len[A]) {
		id = tail(l, A);
		if (l->freq[id] > 1) {
			l->freq[id] = 0;
			move(l, id, B);
			if (l->len[B] > main_size)
				s3_evict_main(l);
			continue;
		}
		move(l, id, GHOST_A);
		if (l->len[GHOST_A] > main_size)
			move(l, tail(l, GHOST_A), OUT);
		return;
	}
}

static void s3_miss(struct lists *l, u32 id, u32 capacity, u32 small)
{
	u8 to = l->where[id] == GHOST_A ? B : A;

	/* out of the ghosts first, so that room made does not push it out */
	move(l, id, OUT);
	while (l->len[A] + l->len[B] >= capacity) {
		if (l->len[A] >= small || !l->len[B])
			s3_evict_small(l, capacity - small);
		else
			s3_evict_main(l);
	}
	l->freq[id] = 0;
	move(l, id, to);
}

int run_s3fifo(struct sim_trace *t, u32 capacity, const struct sim_options *o,
	       struct sim_result *r)
{
	u32 small = capacity / 10 ? capacity / 10 : 1, i, id;
	struct lists l;
	bool hit;

	(void)o;
	if (lists_init(&l, t->nr_ids))
		return -ENOMEM;
	for (i = 0; i < t->nr_refs; i++) {
		id = t->ids[i];
		hit = l.where[id] == A || l.where[id] == B;
		sim_count(r, hit);
		if (!hit)
			s3_miss(&l, id, capacity, small);
		else if (l.freq[id] < 3)
			l.freq[id]++;
	}
	lists_free(&l);
	return 0;
}

/* --- ARC: A = T1, B = T2, GHOST_A = B1, GHOST_B = B2 --- */

static void arc_replace(struct lists *l, u32 p, bool in_b2)
{
	if (l->len[A] && (l->len[A] > p || (in_b2 && l->len[A] == p)))
		move(l, tail(l, A), GHOST_A);
	else if (l->len[B])
		move(l, tail(l, B), GHOST_B);
	else
		move(l, tail(l, A), GHOST_A);
}

static u32 ratio(u32 a, u32 b)
{
	return a > b && b ? a / b : 1;
}

static void arc_ghost(struct lists *l, u32 id, u32 capacity, u32 *p)
{
	u32 d;

	if (l->where[id] == GHOST_A) {
		d = ratio(l->len[GHOST_B], l->len[GHOST_A]);
		*p = *p + d < capacity ? *p + d : capacity;
		arc_replace(l, *p, false);
	} else {
		d = ratio(l->len[GHOST_A], l->len[GHOST_B]);
		*p = *p > d ? *p - d : 0;
		arc_replace(l, *p, true);
	}
	move(l, id, B);
}

static void arc_new(struct lists *l, u32 id, u32 capacity, u32 p)
{
	u32 l1 = l->len[A] + l->len[GHOST_A], all = l1 + l->len[B] + l->len[GHOST_B];

	if (l1 == capacity) {
		if (l->len[A] < capacity) {
			move(l, tail(l, GHOST_A), OUT);
			arc_replace(l, p, false);
		} else {
			move(l, tail(l, A), OUT);
		}
	} else if (all >= capacity) {
		if (all == 2 * capacity)
			move(l, tail(l, GHOST_B), OUT);
		arc_replace(l, p, false);
	}
	move(l, id, A);
}

int run_arc(struct sim_trace *t, u32 capacity, const struct sim_options *o, struct sim_result *r)
{
	u32 p = 0, i, id;
	struct lists l;
	bool hit;

	(void)o;
	if (lists_init(&l, t->nr_ids))
		return -ENOMEM;
	for (i = 0; i < t->nr_refs; i++) {
		id = t->ids[i];
		hit = l.where[id] == A || l.where[id] == B;
		sim_count(r, hit);
		if (hit)
			move(&l, id, B);
		else if (l.where[id] != OUT)
			arc_ghost(&l, id, capacity, &p);
		else
			arc_new(&l, id, capacity, p);
	}
	lists_free(&l);
	return 0;
}
