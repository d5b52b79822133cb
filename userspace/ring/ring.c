// SPDX-License-Identifier: GPL-2.0
/*
 * A map is made place by place: first all first owners, then all second ones, then
 * the third.  For each place: who could stay there says so; from that follow the quotas;
 * who is above his gives back the slots that want him least; and what is free then
 * goes first to somebody who has the blocks already, then to whom the slot wants
 * most.  All of it in one order, so that everybody comes to the same result.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ring/quota.h"
#include "ring/ring.h"
#include "ring/score.h"

#define NONE	0xffff	/* index of no node; RING_MAX_NODES is below */
#define MAX_TAKERS	64	/* who are looked at when slots are given back */

/**
 * struct member - a node with a weight
 * @domain: index of it
 * @hash, @inverse: for score()
 * @owned: slots of the places that are done
 * @wishes: slots of this place where it could stay
 * @offers: free slots of this place whose blocks it has
 * @had: slots before, in each place and those in front of it
 * @target: what it should have of those, by what it had
 * @room: slots of this place that it may get still
 */
struct member {
	uint16_t id;
	uint32_t weight;
	unsigned int domain;
	uint64_t domain_hash;
	uint64_t hash, inverse;
	uint32_t owned, wishes, offers, room;
	uint32_t had[KVMEM_MAX_COPIES], target[KVMEM_MAX_COPIES];
};

/**
 * struct work - one computation
 * @before, @after: owners as indices into @member
 * @fresh: slots of this place that did not stay with their owner
 * @open: members with room, @nr_open of them
 */
struct work {
	struct member *member;
	unsigned int nr, nr_domains;
	struct ring_map before, after;
	bool fresh[KVMEM_NR_SLOTS];
	uint16_t open[RING_MAX_NODES];
	unsigned int nr_open;
};

/* --- who may be where --- */

/* Is @m possible as owner of @slot in @place, beside those of the places before? */
static bool allowed(const struct work *w, unsigned int place, unsigned int slot, uint16_t m)
{
	bool apart = place < w->nr_domains;
	unsigned int p;
	uint16_t other;

	for (p = 0; p < place; p++) {
		other = w->after.owner[p][slot];
		if (other == m)
			return false;
		if (apart && other != NONE &&
		    w->member[other].domain == w->member[m].domain)
			return false;
	}
	return true;
}

static void set_owner(struct work *w, unsigned int place, unsigned int slot, uint16_t m)
{
	w->after.owner[place][slot] = m;
	w->member[m].room--;
}

/* Somebody among the owners before in places @from to @to - 1, with room; or NONE */
static uint16_t old_owner(const struct work *w, unsigned int place, unsigned int slot,
			  unsigned int from, unsigned int to)
{
	unsigned int p;
	uint16_t m;

	for (p = from; p < to; p++) {
		m = w->before.owner[p][slot];
		if (m != NONE && w->member[m].room && allowed(w, place, slot, m))
			return m;
	}
	return NONE;
}

/* --- who could stay --- */

static uint16_t wish(const struct work *w, unsigned int place, unsigned int slot)
{
	unsigned int i, p;
	uint16_t m;

	for (i = 0; i <= place; i++) {
		/* The one of this place first: then the order does not change either. */
		p = i ? i - 1 : place;
		m = w->before.owner[p][slot];
		if (m != NONE && allowed(w, place, slot, m))
			return m;
	}
	return NONE;
}

static void count_wishes(struct work *w, unsigned int place)
{
	unsigned int slot, p;
	uint16_t m;

	for (m = 0; m < w->nr; m++)
		w->member[m].wishes = w->member[m].offers = 0;
	for (slot = 0; slot < KVMEM_NR_SLOTS; slot++) {
		m = wish(w, place, slot);
		w->after.owner[place][slot] = m;
		if (m != NONE) {
			w->member[m].wishes++;
			continue;
		}
		for (p = place + 1; p < KVMEM_MAX_COPIES; p++) {
			m = w->before.owner[p][slot];
			if (m != NONE && allowed(w, place, slot, m))
				w->member[m].offers++;
		}
	}
}

/* --- quotas --- */

/*
 * Who is to have more in the places to come had better not lose here, or he gets it
 * back there, elsewhere; and who has the blocks of what is free is wanted.
 */
static uint64_t preference(const struct member *m, unsigned int place)
{
	int64_t later = 1 << 20;
	unsigned int p;

	for (p = place + 1; p < KVMEM_MAX_COPIES; p++)
		later += (m->target[p] > m->had[p]) - (m->target[p] < m->had[p]);
	return ((uint64_t)later << 20) + m->offers;
}

/* What is divided in @place; before the first one, what would be. */
static struct quota_item item_of(const struct member *m, unsigned int place, bool ahead)
{
	struct quota_item item = {
		.weight = m->weight, .most = KVMEM_NR_SLOTS, .tie = m->hash,
		.have = ahead ? m->had[place] : m->owned + m->wishes,
	};

	if (ahead)
		return item;
	item.least = m->owned;
	item.wants = preference(m, place);
	return item;
}

static void add_to_domain(struct quota_item *d, const struct quota_item *item, uint64_t hash,
			  bool apart)
{
	d->weight += item->weight;
	d->least += item->least;
	d->most = apart ? KVMEM_NR_SLOTS : d->most + KVMEM_NR_SLOTS;
	d->have += item->have;
	d->wants = item->wants > d->wants ? item->wants : d->wants;
	d->tie = hash;
}

static void divide_all(struct work *w, unsigned int place, struct quota_item *domains,
		       struct quota_item *items)
{
	bool apart = place < w->nr_domains;
	unsigned int first, next, d;

	for (first = 0; first < w->nr; first++)
		add_to_domain(&domains[w->member[first].domain], &items[first],
			      w->member[first].domain_hash, apart);
	quota_divide(domains, w->nr_domains, (place + 1ULL) * KVMEM_NR_SLOTS);
	/* The members of one domain are in a row. */
	for (first = 0; first < w->nr; first = next) {
		d = w->member[first].domain;
		for (next = first; next < w->nr && w->member[next].domain == d; next++)
			;
		quota_divide(items + first, next - first, domains[d].share);
	}
}

/* The room of everybody in @place, or @ahead of all his target */
static int set_quotas(struct work *w, unsigned int place, bool ahead)
{
	struct quota_item *domains = calloc(w->nr_domains + w->nr, sizeof(*domains));
	struct quota_item *items;
	unsigned int i;

	if (!domains)
		return -ENOMEM;
	items = domains + w->nr_domains;
	for (i = 0; i < w->nr; i++)
		items[i] = item_of(&w->member[i], place, ahead);
	divide_all(w, place, domains, items);
	for (i = 0; i < w->nr; i++) {
		if (ahead)
			w->member[i].target[place] = (uint32_t)items[i].share;
		else
			w->member[i].room = (uint32_t)(items[i].share - w->member[i].owned);
	}
	free(domains);
	return 0;
}

static int set_targets(struct work *w)
{
	unsigned int place, p, slot;
	int err = 0;
	uint16_t m;

	for (p = 0; p < KVMEM_MAX_COPIES; p++)
		for (slot = 0; slot < KVMEM_NR_SLOTS; slot++) {
			m = w->before.owner[p][slot];
			for (place = p; m != NONE && place < KVMEM_MAX_COPIES; place++)
				w->member[m].had[place]++;
		}
	for (place = 0; place < KVMEM_MAX_COPIES && place < w->nr && !err; place++)
		err = set_quotas(w, place, true);
	return err;
}

/* --- who stays --- */

/**
 * struct claim - somebody who could stay, and others, too
 * @bound: nobody who is to get slots could have this one
 */
struct claim {
	bool bound;
	uint64_t score;
	uint16_t member;
	uint16_t slot;
};

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	if (x->member != y->member)
		return x->member - y->member;
	if (x->bound != y->bound)
		return y->bound - x->bound;
	if (x->score != y->score)
		return x->score < y->score ? -1 : 1;
	return x->slot - y->slot;
}

/* Who is to get slots; the first of them are enough to tell. */
static void find_takers(struct work *w)
{
	uint16_t m;

	w->nr_open = 0;
	for (m = 0; m < w->nr && w->nr_open < MAX_TAKERS; m++)
		if (w->member[m].room > w->member[m].wishes)
			w->open[w->nr_open++] = m;
}

static bool is_bound(const struct work *w, unsigned int place, unsigned int slot)
{
	unsigned int i;

	for (i = 0; i < w->nr_open; i++)
		if (allowed(w, place, slot, w->open[i]))
			return false;
	return true;
}

/* The claims of those who have more than their room, sorted */
static unsigned int collect_claims(struct work *w, unsigned int place, struct claim *claims)
{
	unsigned int slot, n = 0;

	find_takers(w);
	for (slot = 0; slot < KVMEM_NR_SLOTS; slot++) {
		uint16_t i = w->after.owner[place][slot];
		const struct member *m = &w->member[i];

		if (i != NONE && m->wishes > m->room)
			claims[n++] = (struct claim){
				is_bound(w, place, slot), score(m->hash, m->inverse, slot),
				i, (uint16_t)slot
			};
	}
	qsort(claims, n, sizeof(*claims), compare_claims);
	return n;
}

static int keep(struct work *w, unsigned int place)
{
	struct claim *claims = calloc(KVMEM_NR_SLOTS, sizeof(*claims));
	unsigned int i, n, slot, kept = 0;

	if (!claims)
		return -ENOMEM;
	n = collect_claims(w, place, claims);
	for (i = 0; i < n; i++) {
		kept = i && claims[i].member == claims[i - 1].member ? kept + 1 : 0;
		if (kept >= w->member[claims[i].member].room)
			w->after.owner[place][claims[i].slot] = NONE;
	}
	free(claims);
	for (slot = 0; slot < KVMEM_NR_SLOTS; slot++) {
		w->fresh[slot] = w->after.owner[place][slot] == NONE;
		if (!w->fresh[slot])
			w->member[w->after.owner[place][slot]].room--;
	}
	return 0;
}

/* --- what is free --- */

static void find_open(struct work *w)
{
	uint16_t m;

	w->nr_open = 0;
	for (m = 0; m < w->nr; m++)
		if (w->member[m].room)
			w->open[w->nr_open++] = m;
}

/* Those that are full leave the list, which stays in order. */
static void close_full(struct work *w)
{
	unsigned int i, n = 0;

	for (i = 0; i < w->nr_open; i++)
		if (w->member[w->open[i]].room)
			w->open[n++] = w->open[i];
	w->nr_open = n;
}

/* Give what is free to somebody who had it in places @from to @to - 1. */
static void fill_old(struct work *w, unsigned int place, unsigned int from, unsigned int to)
{
	unsigned int slot;
	uint16_t m;

	for (slot = 0; slot < KVMEM_NR_SLOTS; slot++) {
		if (w->after.owner[place][slot] != NONE)
			continue;
		m = old_owner(w, place, slot, from, to);
		if (m != NONE)
			set_owner(w, place, slot, m);
	}
}

/* The one of @list that @slot wants most, or NONE */
static uint16_t best(const struct work *w, unsigned int place, unsigned int slot,
		     const uint16_t *list, unsigned int nr)
{
	uint64_t s, lowest = UINT64_MAX;
	uint16_t m, found = NONE;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		m = list ? list[i] : (uint16_t)i;
		s = score(w->member[m].hash, w->member[m].inverse, slot);
		if (s < lowest && allowed(w, place, slot, m)) {
			lowest = s;
			found = m;
		}
	}
	return found;
}

/* @slot gets the owner of @other, which gets somebody with room.  True: so it was. */
static bool exchange(struct work *w, unsigned int place, unsigned int slot, unsigned int other)
{
	uint16_t m = w->after.owner[place][other];
	unsigned int i;

	if (m == NONE || !allowed(w, place, slot, m))
		return false;
	for (i = 0; i < w->nr_open; i++) {
		if (w->open[i] == m || !allowed(w, place, other, w->open[i]))
			continue;
		set_owner(w, place, other, w->open[i]);
		w->after.owner[place][slot] = m;
		return true;
	}
	return false;
}

/**
 * struct chain - a way from a slot to somebody with room, in which each hands one on
 * @queue: members that could have a slot if they gave another away
 * @via: by member: the slot it would get
 */
struct chain {
	uint16_t queue[RING_MAX_NODES];
	unsigned int head, tail;
	uint16_t via[RING_MAX_NODES];
};

/* Everybody who may have @slot and was not met is queued.  With room: he, else NONE. */
static uint16_t chain_grow(struct work *w, struct chain *c, unsigned int place,
			   unsigned int slot)
{
	uint16_t m;

	for (m = 0; m < w->nr; m++) {
		if (c->via[m] != NONE || !allowed(w, place, slot, m))
			continue;
		c->via[m] = (uint16_t)slot;
		if (w->member[m].room)
			return m;
		c->queue[c->tail++] = m;
	}
	return NONE;
}

/* The last one takes what he was found by, whose owner takes what he was found by... */
static void chain_pull(struct work *w, const struct chain *c, unsigned int place,
		       unsigned int slot, uint16_t m)
{
	unsigned int at;
	uint16_t owner;

	w->member[m].room--;
	for (;;) {
		at = c->via[m];
		owner = w->after.owner[place][at];
		w->after.owner[place][at] = m;
		if (at == slot)
			return;
		m = owner;
	}
}

static bool fill_by_chain(struct work *w, unsigned int place, unsigned int slot)
{
	struct chain *c = malloc(sizeof(*c));
	unsigned int other;
	uint16_t m, found;

	if (!c || !w->nr_open) {
		free(c);
		return false;
	}
	memset(c, 0xff, sizeof(*c));
	c->head = c->tail = 0;
	found = chain_grow(w, c, place, slot);
	while (found == NONE && c->head < c->tail) {
		m = c->queue[c->head++];
		for (other = 0; other < KVMEM_NR_SLOTS && found == NONE; other++)
			if (w->after.owner[place][other] == m && other != slot)
				found = chain_grow(w, c, place, other);
	}
	if (found != NONE)
		chain_pull(w, c, place, slot, found);
	free(c);
	return found != NONE;
}

/*
 * Nobody with room may have @slot.  Another slot helps out, if possible one that changes
 * its owner anyway; else the quota, and at last the domain, gives way.
 */
static void fill_stuck(struct work *w, unsigned int place, unsigned int slot)
{
	unsigned int other;
	uint16_t m;

	for (other = 0; other < KVMEM_NR_SLOTS && w->nr_open; other++)
		if (w->fresh[other] && exchange(w, place, slot, other))
			return;
	if (fill_by_chain(w, place, slot))
		return;
	m = best(w, place, slot, NULL, w->nr);
	if (m != NONE)
		w->after.owner[place][slot] = m;
}

static void fill_best(struct work *w, unsigned int place)
{
	unsigned int slot;
	uint16_t m;

	find_open(w);
	for (slot = 0; slot < KVMEM_NR_SLOTS; slot++) {
		if (w->after.owner[place][slot] != NONE)
			continue;
		m = best(w, place, slot, w->open, w->nr_open);
		if (m != NONE)
			set_owner(w, place, slot, m);
		else
			fill_stuck(w, place, slot);
		close_full(w);
	}
}

static int do_place(struct work *w, unsigned int place)
{
	unsigned int slot;
	int err;

	count_wishes(w, place);
	err = set_quotas(w, place, false);
	if (!err)
		err = keep(w, place);
	if (err)
		return err;
	fill_old(w, place, 0, place + 1);
	fill_old(w, place, place + 1, KVMEM_MAX_COPIES);
	fill_best(w, place);
	for (slot = 0; slot < KVMEM_NR_SLOTS; slot++)
		if (w->after.owner[place][slot] != NONE)
			w->member[w->after.owner[place][slot]].owned++;
	return 0;
}

/* --- in and out --- */

static int compare_members(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->domain_hash != y->domain_hash)
		return x->domain_hash < y->domain_hash ? -1 : 1;
	return x->id - y->id;
}

static int check_nodes(const struct ring_node *nodes, unsigned int nr)
{
	bool any = false;
	unsigned int i;

	if (nr > RING_MAX_NODES)
		return -EINVAL;
	for (i = 0; i < nr; i++) {
		if (nodes[i].id > KVMEM_NODE_MAX || nodes[i].weight > RING_MAX_WEIGHT ||
		    (i && nodes[i].id <= nodes[i - 1].id))
			return -EINVAL;
		any |= nodes[i].weight != 0;
	}
	return any ? 0 : -ENODEV;
}

/* In order of domains, so that those of one are in a row. */
static void make_members(struct work *w, const struct ring_node *nodes, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		uint64_t hash = score_node(nodes[i].id);

		if (!nodes[i].weight)
			continue;
		w->member[w->nr++] = (struct member){
			.id = nodes[i].id, .weight = nodes[i].weight, .hash = hash,
			/* One without a domain is one by itself. */
			.domain_hash = nodes[i].domain ? nodes[i].domain : score_mix(~hash),
			.inverse = SCORE_INVERSE / nodes[i].weight,
		};
	}
	qsort(w->member, w->nr, sizeof(*w->member), compare_members);
	for (i = 0; i < w->nr; i++) {
		if (i && w->member[i].domain_hash != w->member[i - 1].domain_hash)
			w->nr_domains++;
		w->member[i].domain = w->nr_domains;
	}
	w->nr_domains++;
}

static int set_before(struct work *w, const struct ring_map *before)
{
	uint16_t *index = malloc(65536 * sizeof(*index));
	unsigned int i, p;

	if (!index)
		return -ENOMEM;
	memset(index, 0xff, 65536 * sizeof(*index));
	for (i = 0; i < w->nr; i++)
		index[w->member[i].id] = (uint16_t)i;
	for (p = 0; p < KVMEM_MAX_COPIES; p++)
		for (i = 0; i < KVMEM_NR_SLOTS; i++)
			w->before.owner[p][i] = index[before->owner[p][i]];
	free(index);
	return 0;
}

static void get_after(const struct work *w, struct ring_map *map)
{
	unsigned int i, p;

	for (p = 0; p < KVMEM_MAX_COPIES; p++)
		for (i = 0; i < KVMEM_NR_SLOTS; i++) {
			uint16_t m = w->after.owner[p][i];

			map->owner[p][i] = m == NONE ? KVMEM_NO_NODE : w->member[m].id;
		}
}

void ring_clear(struct ring_map *map)
{
	memset(map, 0xff, sizeof(*map));
}

static int compute(struct work *w, const struct ring_map *before)
{
	unsigned int place;
	int err = 0;

	ring_clear(&w->after);
	if (before)
		err = set_before(w, before);
	else
		ring_clear(&w->before);
	if (!err)
		err = set_targets(w);
	for (place = 0; place < KVMEM_MAX_COPIES && place < w->nr && !err; place++)
		err = do_place(w, place);
	return err;
}

int ring_compute(const struct ring_map *before, const struct ring_node *nodes, unsigned int nr,
		 struct ring_map *map)
{
	int err = check_nodes(nodes, nr);
	struct work *w;

	if (err)
		return err;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->member = calloc(nr, sizeof(*w->member));
	if (w->member) {
		make_members(w, nodes, nr);
		err = compute(w, before);
	} else {
		err = -ENOMEM;
	}
	if (!err)
		get_after(w, map);
	free(w->member);
	free(w);
	return err;
}

int ring_build(const struct ring_node *nodes, unsigned int nr, const bool *drained,
	       struct ring_map *map)
{
	struct ring_node *left;
	unsigned int i;
	int err = check_nodes(nodes, nr);

	for (i = 1; i <= nr && !err; i++)
		if (nodes[i - 1].weight)
			err = ring_compute(i > 1 ? map : NULL, nodes, i, map);
	if (err || !drained)
		return err;
	left = malloc(nr * sizeof(*left));
	if (!left)
		return -ENOMEM;
	memcpy(left, nodes, nr * sizeof(*left));
	for (i = 0; i < nr && !err; i++) {
		if (!drained[i] || !left[i].weight)
			continue;
		left[i].weight = 0;
		err = ring_compute(map, left, nr, map);
	}
	free(left);
	return err;
}

/* FNV-1a */
uint64_t ring_domain(const char *name)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	if (!*name)
		return 0;
	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3ULL;
	return h ? h : 1;
}
