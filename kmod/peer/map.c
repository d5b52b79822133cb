// SPDX-License-Identifier: GPL-2.0
/*
 * The placement map: from a key to its owners.
 *
 * A look-up is a few array reads under RCU, whatever the number of nodes.  The map
 * before is reached through the one at hand, so that both are always of one time.
 */
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "peer/peer.h"
#include "trace.h"

/* One change at a time. */
static DEFINE_MUTEX(map_lock);
static struct kvmem_owner_map __rcu *map_now;

static struct kvmem_owner_map *map_locked(void)
{
	return rcu_dereference_protected(map_now, lockdep_is_held(&map_lock));
}

static struct kvmem_owner_map *previous_locked(struct kvmem_owner_map *map)
{
	return rcu_dereference_protected(map->previous, lockdep_is_held(&map_lock));
}

/* Nobody can reach it from the map at hand any more. */
static void map_retire(struct kvmem_owner_map *map)
{
	if (map)
		kvfree_rcu(map, rcu);
}

static struct kvmem_owner_map *map_alloc(u64 epoch, const u16 *const planes[], unsigned int nr)
{
	struct kvmem_owner_map *map = kvmalloc(sizeof(*map), GFP_KERNEL);
	unsigned int i;

	if (!map)
		return NULL;
	map->epoch = epoch;
	/* KVMEM_NO_NODE in all of them */
	memset(map->owner, 0xff, sizeof(map->owner));
	for (i = 0; i < nr; i++)
		memcpy(map->owner[i], planes[i], sizeof(map->owner[i]));
	return map;
}

int kvmem_map_set(u64 epoch, const u16 *const planes[], unsigned int nr)
{
	struct kvmem_owner_map *map, *old;
	int ret = -ESTALE;

	map = map_alloc(epoch, planes, nr);
	if (!map)
		return -ENOMEM;
	mutex_lock(&map_lock);
	old = map_locked();
	if (epoch && (!old || epoch > old->epoch)) {
		RCU_INIT_POINTER(map->previous, old);
		rcu_assign_pointer(map_now, map);
		map = NULL;
		if (old) {
			struct kvmem_owner_map *older = previous_locked(old);

			RCU_INIT_POINTER(old->previous, NULL);
			map_retire(older);
		}
		trace_kvmem_map(epoch, old ? old->epoch : 0);
		ret = 0;
	}
	mutex_unlock(&map_lock);
	kvfree(map);
	if (!ret)
		kvmem_move_kick();
	return ret;
}

int kvmem_map_settle(u64 epoch)
{
	struct kvmem_owner_map *map, *old;
	int ret = -ESTALE;

	mutex_lock(&map_lock);
	map = map_locked();
	if (map && map->epoch == epoch) {
		old = previous_locked(map);
		RCU_INIT_POINTER(map->previous, NULL);
		map_retire(old);
		trace_kvmem_map(epoch, 0);
		ret = 0;
	}
	mutex_unlock(&map_lock);
	return ret;
}

void kvmem_map_read(struct kvmem_map_info *info)
{
	struct kvmem_owner_map *map, *old;

	memset(info, 0, sizeof(*info));
	rcu_read_lock();
	map = rcu_dereference(map_now);
	if (map) {
		old = rcu_dereference(map->previous);
		info->epoch = map->epoch;
		info->previous = old ? old->epoch : 0;
	}
	rcu_read_unlock();
}

int kvmem_map_copy(unsigned int plane, u16 *owners)
{
	struct kvmem_owner_map *map;
	int ret = -ENOENT;

	rcu_read_lock();
	map = rcu_dereference(map_now);
	if (map && plane >= KVMEM_MAX_COPIES) {
		map = rcu_dereference(map->previous);
		plane -= KVMEM_MAX_COPIES;
	}
	if (map && plane < KVMEM_MAX_COPIES) {
		memcpy(owners, map->owner[plane], sizeof(map->owner[plane]));
		ret = 0;
	}
	rcu_read_unlock();
	return ret;
}

bool kvmem_map_any(void)
{
	return rcu_access_pointer(map_now);
}

static bool owners_have(const struct kvmem_owners *owners, u16 node)
{
	unsigned int i;

	for (i = 0; i < owners->nr; i++)
		if (owners->node[i] == node)
			return true;
	return false;
}

/* Is this node among them? */
static bool owners_add(struct kvmem_owners *owners, const struct kvmem_owner_map *map, u32 slot,
		       unsigned int copies, u16 self)
{
	bool mine = false;
	unsigned int i;

	for (i = 0; i < copies; i++) {
		u16 node = map->owner[i][slot];

		if (node == KVMEM_NO_NODE)
			continue;
		if (node == self)
			mine = true;
		else if (!owners_have(owners, node))
			owners->node[owners->nr++] = node;
	}
	return mine;
}

bool kvmem_map_owners(const struct kvmem_key *key, unsigned int copies,
		      struct kvmem_owners *owners)
{
	u32 slot = kvmem_key_slot(key->b);
	u16 self = kvmem_cluster_node();
	struct kvmem_owner_map *map;
	bool any;

	owners->nr = 0;
	owners->nr_now = 0;
	owners->mine = false;
	copies = min_t(unsigned int, copies, KVMEM_MAX_COPIES);
	rcu_read_lock();
	map = rcu_dereference(map_now);
	any = map;
	if (map) {
		owners->mine = owners_add(owners, map, slot, copies, self);
		owners->nr_now = owners->nr;
		map = rcu_dereference(map->previous);
		if (map)
			owners_add(owners, map, slot, copies, self);
	}
	rcu_read_unlock();
	return any;
}

static bool owners_in(const struct kvmem_owner_map *map, u32 slot, unsigned int copies,
		      u16 node)
{
	unsigned int i;

	for (i = 0; map && i < copies; i++)
		if (map->owner[i][slot] == node)
			return true;
	return false;
}

unsigned int kvmem_map_targets(const struct kvmem_key *key, unsigned int copies, u16 *nodes)
{
	u32 slot = kvmem_key_slot(key->b);
	u16 self = kvmem_cluster_node();
	struct kvmem_owner_map *map, *old;
	unsigned int i, nr = 0;
	bool ours;

	copies = min_t(unsigned int, copies, KVMEM_MAX_COPIES);
	rcu_read_lock();
	map = rcu_dereference(map_now);
	old = map ? rcu_dereference(map->previous) : NULL;
	/* Of an owner the others were told when it was put; who had to keep it told nobody. */
	ours = owners_in(map, slot, copies, self) || owners_in(old, slot, copies, self);
	for (i = 0; map && i < copies; i++) {
		u16 node = map->owner[i][slot];

		if (node == KVMEM_NO_NODE || node == self)
			continue;
		if (ours && (!old || owners_in(old, slot, copies, node)))
			continue;
		nodes[nr++] = node;
	}
	rcu_read_unlock();
	return nr;
}

/* No operation is under way. */
void kvmem_map_exit(void)
{
	struct kvmem_owner_map *map, *old;

	mutex_lock(&map_lock);
	map = map_locked();
	RCU_INIT_POINTER(map_now, NULL);
	old = map ? previous_locked(map) : NULL;
	mutex_unlock(&map_lock);
	map_retire(old);
	map_retire(map);
}
