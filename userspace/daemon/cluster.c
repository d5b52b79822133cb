// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/cluster.h"
#include "daemon/log.h"

#define SECOND	1000000000ULL

void cluster_complain(struct cluster *c, const char *fmt, ...)
{
	char text[sizeof(c->complaint)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!strcmp(text, c->complaint))
		return;
	memcpy(c->complaint, text, sizeof(text));
	log_at(LOG_WARNING, (&(struct log_fields){ .event = "cluster" }), "cluster: %s", text);
}

/* --- the epoch, over restarts --- */

static uint64_t sum_of(const struct ring_map *map)
{
	const unsigned char *p = (const unsigned char *)map;
	uint64_t h = 0xcbf29ce484222325ULL;
	size_t i;

	for (i = 0; i < sizeof(*map); i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	return h;
}

static void load_state(struct cluster *c)
{
	FILE *f = fopen(c->config->state, "re");

	if (!f)
		return;
	if (fscanf(f, "epoch %" SCNu64 " sum %" SCNx64, &c->saved_epoch, &c->saved_sum) != 2)
		c->saved_epoch = c->saved_sum = 0;
	fclose(f);
}

/* Before the kernel has it: an epoch that was used is never used for another map. */
static int save_state(struct cluster *c, uint64_t epoch, uint64_t sum)
{
	char path[sizeof(c->config->state) + 8];
	FILE *f;
	int err;

	if (epoch == c->saved_epoch && sum == c->saved_sum)
		return 0;
	snprintf(path, sizeof(path), "%s.new", c->config->state);
	f = fopen(path, "we");
	if (!f)
		return -errno;
	fprintf(f, "epoch %" PRIu64 " sum %016" PRIx64 "\n", epoch, sum);
	err = fflush(f) || fsync(fileno(f)) ? -errno : 0;
	if (fclose(f) && !err)
		err = -errno;
	if (!err && rename(path, c->config->state))
		err = -errno;
	if (err)
		return err;
	c->saved_epoch = epoch;
	c->saved_sum = sum;
	return 0;
}

uint64_t cluster_last_epoch(const struct cluster *c)
{
	uint64_t epoch = c->state->map.epoch;

	if (c->epoch > epoch)
		epoch = c->epoch;
	return c->saved_epoch > epoch ? c->saved_epoch : epoch;
}

/* --- what membership says --- */

unsigned int cluster_ring_nodes(const struct cluster_node *nodes, unsigned int nr,
				struct ring_node *ring)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		ring[i] = (struct ring_node){
			.id = (uint16_t)nodes[i].id,
			.weight = nodes[i].drain ? 0 : (uint32_t)nodes[i].weight,
			.domain = ring_domain(nodes[i].domain),
		};
	return nr;
}

static void tell_ring(struct cluster *c)
{
	struct ring_node *ring = calloc(c->nr + 1, sizeof(*ring));
	struct state_ring *told = &c->state->ring;
	struct ring_balance balance;
	unsigned int i;

	told->members = c->nr;
	told->drained = 0;
	for (i = 0; i < c->nr; i++)
		told->drained += c->nodes[i].drain;
	if (ring && c->epoch) {
		cluster_ring_nodes(c->nodes, c->nr, ring);
		ring_measure(&c->map, ring, c->nr, KVMEM_MAX_COPIES, &balance);
		told->over = balance.over;
		told->owned = ring_owned(&c->map, (uint16_t)c->config->self.id,
					 KVMEM_MAX_COPIES);
	}
	free(ring);
}

void cluster_set_nodes(struct cluster *c, struct cluster_node *nodes, unsigned int nr)
{
	free(c->nodes);
	c->nodes = nodes;
	c->nr = nr;
	c->have_nodes = true;
	tell_ring(c);
}

void cluster_set_map(struct cluster *c, uint64_t epoch, const struct ring_map *map)
{
	if (epoch <= c->epoch)
		return;
	c->epoch = epoch;
	c->map = *map;
	tell_ring(c);
}

void cluster_number_map(struct cluster *c, const struct ring_map *map)
{
	uint64_t last = cluster_last_epoch(c);
	bool same = false;

	if (c->epoch && c->epoch >= c->state->map.epoch && !memcmp(map, &c->map, sizeof(*map)))
		return;
	/* After a restart of the daemon the kernel has it, after one of the module the file. */
	if (c->have_kernel_map && last == c->state->map.epoch)
		same = !memcmp(map, &c->kernel_map, sizeof(*map));
	else if (last == c->saved_epoch)
		same = c->saved_epoch && sum_of(map) == c->saved_sum;
	c->epoch = 0;
	cluster_set_map(c, same ? last : last + 1, map);
}

bool cluster_has_moved(const struct cluster *c, uint64_t epoch)
{
	return c->state->map.known && c->state->map.epoch == epoch && !c->state->map.moving;
}

/* --- the kernel made the same --- */

/* What the kernel refused is said, and tried again; else it is another trouble. */
static int refused(struct cluster *c, int err, const char *what, unsigned int node)
{
	if (!err || c->k->error.fault != KNL_REFUSED)
		return err;
	cluster_complain(c, "%s %u: %s", what, node, kernel_error(c->k));
	return 0;
}

static const struct cluster_node *find_node(const struct cluster *c, uint32_t id)
{
	unsigned int low = 0, high = c->nr, middle;

	while (low < high) {
		middle = (low + high) / 2;
		if (c->nodes[middle].id == id)
			return &c->nodes[middle];
		if (c->nodes[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* Those that left are asked as long as they may have something. */
static bool still_owns(const struct cluster *c, uint32_t node)
{
	if (c->state->map.previous || !c->have_kernel_map)
		return true;
	return ring_owned(&c->kernel_map, (uint16_t)node, KVMEM_MAX_COPIES) ||
	       (c->epoch && ring_owned(&c->map, (uint16_t)node, KVMEM_MAX_COPIES));
}

static int remove_peers(struct cluster *c)
{
	const struct cluster_node *want;
	unsigned int i;
	int err = 0;

	for (i = 0; i < c->state->nr_peers && !err; i++) {
		const struct state_peer *peer = &c->state->peers[i];

		want = find_node(c, peer->node);
		if (want ? !strcmp(want->addresses, peer->addresses) &&
			   !strcmp(want->name, peer->name) :
			   still_owns(c, peer->node))
			continue;
		err = refused(c, cluster_remove_peer(c, peer->node), "removing peer", peer->node);
		if (!err)
			log_notice("cluster: node %u (%s) %s", peer->node, peer->name,
				   want ? "has other addresses" : "is no member any more");
	}
	return err;
}

static int add_peers(struct cluster *c)
{
	const struct state_peer *have;
	unsigned int i;
	int err = 0;

	for (i = 0; i < c->nr && !err; i++) {
		const struct cluster_node *node = &c->nodes[i];

		if (node->id == c->config->self.id)
			continue;
		have = state_find_peer(c->state, (uint32_t)node->id);
		if (have && !strcmp(have->addresses, node->addresses) &&
		    !strcmp(have->name, node->name))
			continue;
		err = cluster_add_peer(c, node);
		if (!err)
			log_notice("cluster: node %u (%s) is a member, at %s",
				   (unsigned int)node->id, node->name, node->addresses);
		err = refused(c, err, "adding peer", (unsigned int)node->id);
	}
	return err;
}

static int reconcile_peers(struct cluster *c)
{
	int err;

	if (!c->have_nodes)
		return 0;
	err = remove_peers(c);
	return err ? err : add_peers(c);
}

static int push_map(struct cluster *c, uint64_t now)
{
	int err = save_state(c, c->epoch, sum_of(&c->map));

	if (err)
		cluster_complain(c, "%s: %s; without it an epoch could be used twice",
				 c->config->state, strerror(-err));
	if (err)
		return 0;
	err = cluster_push_map(c);
	if (err)
		return refused(c, err, "map", (unsigned int)c->epoch);
	log_at(LOG_NOTICE, (&(struct log_fields){ .event = "map" }),
	       "cluster: map %" PRIu64 ": %u members, %u slots are ours, %.1f %% above its share "
	       "is the fullest", c->epoch, c->nr, c->state->ring.owned, 100 * c->state->ring.over);
	c->state->map.previous = c->state->map.epoch;
	c->state->map.epoch = c->epoch;
	c->state->ring.pushes++;
	c->kernel_map = c->map;
	c->have_kernel_map = true;
	c->pushed_at = now;
	return 0;
}

static int settle(struct cluster *c, uint64_t now)
{
	const struct state_map *map = &c->state->map;
	int err;

	if (!map->previous || map->moving)
		return 0;
	/* Who found it here does not know how long it has been. */
	if (!c->pushed_at)
		c->pushed_at = now;
	if (c->settled < map->epoch && now - c->pushed_at < c->config->settle_s * SECOND)
		return 0;
	err = refused(c, cluster_settle(c), "settling map", (unsigned int)map->epoch);
	if (!err)
		log_info("cluster: map %" PRIu64 " is settled", map->epoch);
	return err;
}

static int reconcile_map(struct cluster *c, uint64_t now)
{
	int err = 0;

	if (c->epoch > c->state->map.epoch)
		err = push_map(c, now);
	return err ? err : settle(c, now);
}

/* First what it has: a daemon that starts goes on where the one before ended. */
static int introduce(struct cluster *c)
{
	int err = cluster_introduce(c);

	if (!err && c->state->map.epoch)
		err = cluster_read_map(c);
	if (err == -EAGAIN)
		return 1;
	if (err)
		return refused(c, err, "node", (unsigned int)c->config->self.id) ?: 1;
	c->introduced = true;
	c->complaint[0] = 0;
	return 0;
}

int cluster_second(struct cluster *c, uint64_t now)
{
	int err;

	c->state->ring.source_lost = c->etcd && etcd_member_lost(c->etcd);
	/* Before the kernel is known no map can be numbered. */
	if (!c->introduced) {
		err = introduce(c);
		if (err)
			return err < 0 ? err : 0;
	}
	if (c->etcd)
		etcd_member_second(c->etcd, now);
	else
		static_second(c->file);
	err = reconcile_peers(c);
	return err ? err : reconcile_map(c, now);
}

void cluster_drain(struct cluster *c, unsigned int node, bool drain, cluster_fn fn, void *arg)
{
	if (c->etcd)
		etcd_member_drain(c->etcd, node, drain, fn, arg);
	else
		fn(arg, -ENOTSUP);
}

void cluster_disconnected(struct cluster *c)
{
	c->introduced = c->have_kernel_map = false;
	c->pushed_at = 0;
}

struct cluster *cluster_new(struct loop *loop, struct kernel *k, struct state *state,
			    const struct config_cluster *config)
{
	struct cluster *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	*c = (struct cluster){ .k = k, .state = state, .config = config };
	load_state(c);
	state->ring = (struct state_ring){ .configured = true };
	if (config->membership == CONFIG_ETCD)
		c->etcd = etcd_member_new(c, loop);
	else
		c->file = static_new(c, loop);
	if (c->etcd || c->file)
		return c;
	cluster_free(c);
	return NULL;
}

void cluster_free(struct cluster *c)
{
	if (!c)
		return;
	if (c->etcd)
		etcd_member_free(c->etcd);
	static_free(c->file);
	memset(&c->state->ring, 0, sizeof(c->state->ring));
	free(c->nodes);
	free(c);
}
