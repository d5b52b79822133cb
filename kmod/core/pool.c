// SPDX-License-Identifier: GPL-2.0
/*
 * Pools: namespaces that share a quota.
 */
#include <linux/netlink.h>
#include <linux/slab.h>
#include <linux/xarray.h>
#include "ns.h"
#include "pool.h"

/* @lock serialises creation and deletion, and guards the references of look-ups. */
static struct {
	struct mutex lock;	/* see above */
	struct xarray table;
	u32 next_id;
	unsigned int nr;
} pools = {
	.lock = __MUTEX_INITIALIZER(pools.lock),
};

static void pool_free(struct kref *ref)
{
	struct kvmem_pool *pool = container_of(ref, struct kvmem_pool, ref);

	pr_debug("pool %u destroyed\n", pool->id);
	kfree(pool);
}

void kvmem_pool_put(struct kvmem_pool *pool)
{
	kref_put(&pool->ref, pool_free);
}

struct kvmem_pool *kvmem_pool_get_by_id(u32 id)
{
	struct kvmem_pool *pool;

	mutex_lock(&pools.lock);
	pool = xa_load(&pools.table, id);
	if (pool)
		kref_get(&pool->ref);
	mutex_unlock(&pools.lock);
	return pool;
}

struct kvmem_pool *kvmem_pool_get_next(u32 *id)
{
	unsigned long index = *id;
	struct kvmem_pool *pool;

	mutex_lock(&pools.lock);
	pool = xa_find(&pools.table, &index, UINT_MAX, XA_PRESENT);
	if (pool)
		kref_get(&pool->ref);
	mutex_unlock(&pools.lock);
	*id = index;
	return pool;
}

static struct kvmem_pool *pool_find_locked(const char *name)
{
	struct kvmem_pool *pool;
	unsigned long i;

	lockdep_assert_held(&pools.lock);
	xa_for_each(&pools.table, i, pool)
		if (!strcmp(pool->p.name, name))
			return pool;
	return NULL;
}

struct kvmem_pool *kvmem_pool_get_by_name(const char *name)
{
	struct kvmem_pool *pool;

	mutex_lock(&pools.lock);
	pool = pool_find_locked(name);
	if (pool)
		kref_get(&pool->ref);
	mutex_unlock(&pools.lock);
	return pool;
}

static int pool_publish_locked(struct kvmem_pool *pool, struct netlink_ext_ack *extack)
{
	int ret;

	if (pools.nr == KVMEM_MAX_POOLS) {
		NL_SET_ERR_MSG_MOD(extack, "too many pools");
		return -ENOSPC;
	}
	if (pool_find_locked(pool->p.name)) {
		NL_SET_ERR_MSG_MOD(extack, "a pool of this name exists");
		return -EEXIST;
	}
	ret = xa_alloc_cyclic(&pools.table, &pool->id, pool, XA_LIMIT(1, INT_MAX),
			      &pools.next_id, GFP_KERNEL);
	if (ret < 0) {
		NL_SET_ERR_MSG_MOD(extack, "no memory for the pool's id");
		return ret;
	}
	pools.nr++;
	return 0;
}

struct kvmem_pool *kvmem_pool_create(const struct kvmem_pool_params *p,
				     struct netlink_ext_ack *extack)
{
	struct kvmem_pool *pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	int ret;

	if (!pool) {
		NL_SET_ERR_MSG_MOD(extack, "no memory for the pool");
		return ERR_PTR(-ENOMEM);
	}
	kref_init(&pool->ref);
	kref_get(&pool->ref);	/* the caller's */
	spin_lock_init(&pool->lock);
	INIT_LIST_HEAD(&pool->members);
	pool->p = *p;
	mutex_lock(&pools.lock);
	ret = pool_publish_locked(pool, extack);
	mutex_unlock(&pools.lock);
	if (ret) {
		kfree(pool);
		return ERR_PTR(ret);
	}
	pr_debug("pool %u created\n", pool->id);
	return pool;
}

/* The members shrink to a lowered quota with their next puts. */
int kvmem_pool_modify(struct kvmem_pool *pool, const struct kvmem_pool_params *p)
{
	spin_lock(&pool->lock);
	WRITE_ONCE(pool->p.quota_bytes, p->quota_bytes);
	WRITE_ONCE(pool->p.quota_blocks, p->quota_blocks);
	WRITE_ONCE(pool->p.share, p->share);
	spin_unlock(&pool->lock);
	return 0;
}

bool kvmem_pool_join(struct kvmem_pool *pool, struct kvmem_ns *ns)
{
	bool ok;

	spin_lock(&pool->lock);
	ok = !pool->dead;
	if (ok) {
		list_add_tail(&ns->pool_node, &pool->members);
		pool->nr_members++;
	}
	spin_unlock(&pool->lock);
	return ok;
}

void kvmem_pool_leave(struct kvmem_pool *pool, struct kvmem_ns *ns)
{
	spin_lock(&pool->lock);
	list_del_init(&ns->pool_node);
	pool->nr_members--;
	spin_unlock(&pool->lock);
}

/* No member can join any more; false while there are some. */
static bool pool_kill(struct kvmem_pool *pool)
{
	spin_lock(&pool->lock);
	if (!pool->nr_members)
		pool->dead = true;
	spin_unlock(&pool->lock);
	return pool->dead;
}

int kvmem_pool_delete(struct kvmem_pool *pool, struct netlink_ext_ack *extack)
{
	int ret = 0;

	mutex_lock(&pools.lock);
	if (xa_load(&pools.table, pool->id) != pool) {
		ret = -ENOENT;
	} else if (!pool_kill(pool)) {
		NL_SET_ERR_MSG_MOD(extack, "the pool has members");
		ret = -EBUSY;
	} else {
		xa_erase(&pools.table, pool->id);
		pools.nr--;
	}
	mutex_unlock(&pools.lock);
	if (!ret)
		kvmem_pool_put(pool);
	return ret;
}

int kvmem_pool_init(void)
{
	xa_init_flags(&pools.table, XA_FLAGS_ALLOC1);
	return 0;
}

/* No namespace is left. */
void kvmem_pool_exit(void)
{
	struct kvmem_pool *pool;
	unsigned long i;

	xa_for_each(&pools.table, i, pool) {
		xa_erase(&pools.table, i);
		kvmem_pool_put(pool);
	}
	xa_destroy(&pools.table);
}
