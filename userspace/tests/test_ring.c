// SPDX-License-Identifier: GPL-2.0
/* Placement: shares, domains, and how little moves. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ktap.h"
#include "ring/ring.h"

static struct ring_node nodes[RING_MAX_NODES];
static struct ring_map a, b, c;

#define SUM_30	0x00601bef9c8418e6ULL
#define SUM_40	0x0352660d029de936ULL
#define SUM_12	0xdfce20fff059f09dULL
#define SLOT_0	9241
#define SLOT_1	11319

enum how { EQUAL, WEIGHTED, DOMAINS };

/* Nodes that leave room for others between them */
static void make_nodes(unsigned int nr, enum how how, unsigned int nr_domains)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		nodes[i] = (struct ring_node){
			.id = (uint16_t)(i * 3 + 1),
			.weight = how == WEIGHTED ? 50 + i * 37 % 150 : 100,
			.domain = how == DOMAINS ? 1 + i % nr_domains : 0,
		};
}

/* Every slot has as many owners as it can, all different, and none that is no node */
static bool is_sound(const struct ring_map *map, unsigned int nr)
{
	static bool known[65536];
	unsigned int i, p, slot, alive = 0;
	uint16_t id;

	memset(known, 0, sizeof(known));
	for (i = 0; i < nr; i++) {
		known[nodes[i].id] = nodes[i].weight;
		alive += nodes[i].weight != 0;
	}
	for (slot = 0; slot < KVMEM_NR_SLOTS; slot++) {
		for (p = 0; p < KVMEM_MAX_COPIES; p++) {
			id = map->owner[p][slot];
			if (p >= alive ? id != KVMEM_NO_NODE : !known[id])
				return false;
			if (p && id != KVMEM_NO_NODE && id == map->owner[p - 1][slot])
				return false;
		}
		if (alive > 2 && map->owner[2][slot] == map->owner[0][slot])
			return false;
	}
	return true;
}

/* What has to move for @gained slots: 10 % more, and 2 slots for rounding */
static bool is_little(unsigned int moved, double gained)
{
	return moved <= gained * 1.1 + 2;
}

/* Thousands take their time under the sanitizers; the simulation has them. */
static const unsigned int sizes[] = { 1, 2, 3, 4, 5, 7, 16, 64, 100, 256, 1024 };
#define NR_SIZES (sizeof(sizes) / sizeof(*sizes))

/* --- shares --- */

static void check_shares(unsigned int nr, enum how how)
{
	struct ring_balance balance;
	unsigned int k;

	make_nodes(nr, how, 0);
	CHECK_EQ(ring_compute(NULL, nodes, nr, &a), 0);
	CHECK(is_sound(&a, nr));
	for (k = 1; k <= KVMEM_MAX_COPIES; k++) {
		ring_measure(&a, nodes, nr, k, &balance);
		CHECK_EQ(balance.owned, KVMEM_NR_SLOTS * (k < nr ? k : nr));
		/* At most what rounding to whole slots makes, or a 64th. */
		CHECK(balance.over <= balance.whole + 1e-3 || balance.over <= 1.0 / 64);
		CHECK(balance.misplaced <= 0.05);
	}
}

static void shares(void)
{
	size_t i;

	for (i = 0; i < NR_SIZES && !ktap_failed; i++) {
		check_shares(sizes[i], EQUAL);
		if (!ktap_failed)
			check_shares(sizes[i], WEIGHTED);
	}
}

/* Where slots are many enough, 5 % is kept as it is. */
static void five_percent(void)
{
	static const unsigned int nr[] = { 3, 16, 64, 256, 1024, 4096 };
	struct ring_balance balance;
	unsigned int k;
	size_t i;

	for (i = 0; i < sizeof(nr) / sizeof(*nr); i++) {
		make_nodes(nr[i], EQUAL, 0);
		CHECK_EQ(ring_compute(NULL, nodes, nr[i], &a), 0);
		for (k = 1; k <= KVMEM_MAX_COPIES; k++) {
			ring_measure(&a, nodes, nr[i], k, &balance);
			CHECK(balance.over <= 0.05 && balance.under <= 0.05);
		}
	}
	for (i = 0; i < 4; i++) {
		make_nodes(nr[i], WEIGHTED, 0);
		CHECK_EQ(ring_compute(NULL, nodes, nr[i], &a), 0);
		ring_measure(&a, nodes, nr[i], 3, &balance);
		CHECK(balance.over <= 0.05 && balance.under <= 0.05);
	}
}

/* One that is larger than all others together has every slot once. */
static void giant(void)
{
	make_nodes(4, EQUAL, 0);
	nodes[2].weight = 60000;
	CHECK_EQ(ring_compute(NULL, nodes, 4, &a), 0);
	CHECK(is_sound(&a, 4));
	CHECK_EQ(ring_owned(&a, nodes[2].id, 2), KVMEM_NR_SLOTS);
	CHECK(ring_owned(&a, nodes[0].id, 3) > KVMEM_NR_SLOTS * 64 / 100);
	CHECK(ring_owned(&a, nodes[0].id, 3) < KVMEM_NR_SLOTS * 69 / 100);
}

/* --- domains --- */

static void domains(void)
{
	static const struct { unsigned int nr, domains; } cases[] = {
		{ 3, 3 }, { 4, 4 }, { 5, 3 }, { 6, 3 }, { 12, 4 }, { 64, 8 }, { 500, 24 },
	};
	struct ring_balance balance;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		make_nodes(cases[i].nr, DOMAINS, cases[i].domains);
		CHECK_EQ(ring_compute(NULL, nodes, cases[i].nr, &a), 0);
		CHECK(is_sound(&a, cases[i].nr));
		ring_measure(&a, nodes, cases[i].nr, 3, &balance);
		CHECK_EQ(balance.same_domain, 0);
		CHECK(balance.over <= 0.05);
	}
	/* Two domains keep two copies apart, and the third goes somewhere. */
	make_nodes(6, DOMAINS, 2);
	CHECK_EQ(ring_compute(NULL, nodes, 6, &a), 0);
	CHECK(is_sound(&a, 6));
	ring_measure(&a, nodes, 6, 2, &balance);
	CHECK_EQ(balance.same_domain, 0);
	/* A domain that comes to be: nothing may stay in one. */
	make_nodes(9, EQUAL, 0);
	CHECK_EQ(ring_compute(NULL, nodes, 9, &a), 0);
	make_nodes(9, DOMAINS, 3);
	CHECK_EQ(ring_compute(&a, nodes, 9, &b), 0);
	ring_measure(&b, nodes, 9, 3, &balance);
	CHECK_EQ(balance.same_domain, 0);
}

/* --- movement --- */

static double gained_by(unsigned int nr, unsigned int node, unsigned int copies)
{
	static double share[RING_MAX_NODES];

	return ring_shares(nodes, nr, copies, share) ? 0 : share[node];
}

static void check_join_and_leave(unsigned int nr, enum how how, unsigned int nr_domains)
{
	unsigned int k, gone = nr / 2;
	uint32_t weight;

	make_nodes(nr + 1, how, nr_domains);
	CHECK_EQ(ring_compute(NULL, nodes, nr, &a), 0);
	CHECK_EQ(ring_compute(&a, nodes, nr + 1, &b), 0);
	CHECK(is_sound(&b, nr + 1));
	for (k = 1; k <= KVMEM_MAX_COPIES; k++)
		CHECK(is_little(ring_moved(&a, &b, k), gained_by(nr + 1, nr, k)));
	weight = nodes[gone].weight;
	nodes[gone].weight = 0;
	CHECK_EQ(ring_compute(&a, nodes, nr, &c), nr == 1 ? -ENODEV : 0);
	for (k = 1; k <= KVMEM_MAX_COPIES && nr > 1; k++)
		CHECK(is_little(ring_moved(&a, &c, k), ring_owned(&a, nodes[gone].id, k)));
	CHECK(nr == 1 || is_sound(&c, nr));
	nodes[gone].weight = weight;
}

static void join_and_leave(void)
{
	size_t i;

	for (i = 0; i < NR_SIZES && !ktap_failed; i++) {
		check_join_and_leave(sizes[i], EQUAL, 0);
		if (!ktap_failed)
			check_join_and_leave(sizes[i], WEIGHTED, 0);
	}
	for (i = 7; i < NR_SIZES && !ktap_failed; i++)
		check_join_and_leave(sizes[i], DOMAINS, sizes[i] / 8);
}

/* Somebody who has them already becomes the first owner of most of what one leaves. */
static void promotion(void)
{
	unsigned int slot, n = 0, all = 0;

	make_nodes(10, EQUAL, 0);
	CHECK_EQ(ring_compute(NULL, nodes, 10, &a), 0);
	nodes[4].weight = 0;
	CHECK_EQ(ring_compute(&a, nodes, 10, &b), 0);
	for (slot = 0; slot < KVMEM_NR_SLOTS; slot++) {
		if (a.owner[0][slot] != nodes[4].id)
			continue;
		all++;
		n += b.owner[0][slot] == a.owner[1][slot] ||
		     b.owner[0][slot] == a.owner[2][slot];
	}
	CHECK(n * 10 > all * 9);
}

static void weights(void)
{
	unsigned int k;

	make_nodes(20, EQUAL, 0);
	CHECK_EQ(ring_compute(NULL, nodes, 20, &a), 0);
	nodes[7].weight = 200;
	CHECK_EQ(ring_compute(&a, nodes, 20, &b), 0);
	for (k = 1; k <= KVMEM_MAX_COPIES; k++)
		CHECK(is_little(ring_moved(&a, &b, k), gained_by(20, 7, k) -
				ring_owned(&a, nodes[7].id, k)));
}

/* The same map and the same nodes: nothing moves, however often. */
static void stable(void)
{
	size_t i;

	for (i = 0; i < NR_SIZES; i++) {
		make_nodes(sizes[i], WEIGHTED, 0);
		CHECK_EQ(ring_compute(NULL, nodes, sizes[i], &a), 0);
		CHECK_EQ(ring_compute(&a, nodes, sizes[i], &b), 0);
		CHECK(!memcmp(&a, &b, sizeof(a)));
	}
}

/* Balance does not wear off. */
static void many_changes(void)
{
	struct ring_balance balance;
	unsigned int i, n;

	srand(1);
	make_nodes(60, WEIGHTED, 0);
	ring_clear(&a);
	for (i = 0; i < 80; i++) {
		n = (unsigned int)rand() % 60;
		nodes[n].weight = nodes[n].weight ? 0 : 50 + (unsigned int)rand() % 100;
		if (ring_compute(&a, nodes, 60, &a))
			continue;
		CHECK(is_sound(&a, 60));
		ring_measure(&a, nodes, 60, 3, &balance);
		CHECK(balance.over <= 0.05 && balance.under <= 0.05);
	}
}

/* --- from the nodes alone --- */

static void built(void)
{
	bool drained[41] = { false };
	unsigned int k;

	make_nodes(41, EQUAL, 0);
	CHECK_EQ(ring_build(nodes, 40, NULL, &a), 0);
	CHECK_EQ(ring_build(nodes, 41, drained, &b), 0);
	for (k = 1; k <= KVMEM_MAX_COPIES; k++)
		CHECK(is_little(ring_moved(&a, &b, k), gained_by(41, 40, k)));
	drained[11] = true;
	CHECK_EQ(ring_build(nodes, 41, drained, &c), 0);
	for (k = 1; k <= KVMEM_MAX_COPIES; k++)
		CHECK(is_little(ring_moved(&b, &c, k), ring_owned(&b, nodes[11].id, k)));
	CHECK_EQ(ring_owned(&c, nodes[11].id, 3), 0);
	memset(drained, 1, sizeof(drained));
	CHECK_EQ(ring_build(nodes, 41, drained, &c), -ENODEV);
}

/* --- everywhere the same --- */

static uint64_t sum_of(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = 0xcbf29ce484222325ULL;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3ULL;
	return h;
}

/* A daemon of another release must come to the same maps: these never change. */
static void known_maps(void)
{
	make_nodes(40, WEIGHTED, 0);
	CHECK_EQ(ring_compute(NULL, nodes, 30, &a), 0);
	CHECK_EQ(sum_of(&a, sizeof(a)), SUM_30);
	CHECK_EQ(ring_compute(&a, nodes, 40, &b), 0);
	CHECK_EQ(sum_of(&b, sizeof(b)), SUM_40);
	make_nodes(12, DOMAINS, 4);
	CHECK_EQ(ring_compute(NULL, nodes, 12, &a), 0);
	CHECK_EQ(sum_of(&a, sizeof(a)), SUM_12);
}

static void known_slots(void)
{
	uint8_t key[32] = { 0 };
	unsigned int i;

	CHECK_EQ(kvmem_key_slot(key), SLOT_0);
	for (i = 0; i < 32; i++)
		key[i] = (uint8_t)i;
	CHECK_EQ(kvmem_key_slot(key), SLOT_1);
}

static void refused(void)
{
	make_nodes(3, EQUAL, 0);
	nodes[1].id = nodes[0].id;
	CHECK_EQ(ring_compute(NULL, nodes, 3, &a), -EINVAL);
	make_nodes(3, EQUAL, 0);
	nodes[2].weight = RING_MAX_WEIGHT + 1;
	CHECK_EQ(ring_compute(NULL, nodes, 3, &a), -EINVAL);
	CHECK_EQ(ring_compute(NULL, nodes, RING_MAX_NODES + 1, &a), -EINVAL);
	CHECK_EQ(ring_compute(NULL, nodes, 0, &a), -ENODEV);
	make_nodes(1, EQUAL, 0);
	nodes[0].id = KVMEM_NO_NODE;
	CHECK_EQ(ring_compute(NULL, nodes, 1, &a), -EINVAL);
}

static const struct ktap_test tests[] = {
	{ "shares to within a slot", shares },
	{ "5 percent", five_percent },
	{ "one giant", giant },
	{ "failure domains", domains },
	{ "join and leave", join_and_leave },
	{ "promotion", promotion },
	{ "weights", weights },
	{ "stable", stable },
	{ "many changes", many_changes },
	{ "built from the nodes alone", built },
	{ "known maps", known_maps },
	{ "known slots", known_slots },
	{ "refused", refused },
};

KTAP_MAIN(tests)
