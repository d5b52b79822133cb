// SPDX-License-Identifier: GPL-2.0
/*
 * Pins: holds that a file keeps on blocks until it is closed.
 */
#include <linux/math64.h>
#include <linux/math64.h>
#include <linux/rbtree.h>
#include <linux/slab.h>
#include "arena.h"
#include "file.h"
#include "ns.h"

/* One pinned block of one file, however often that file pinned it. */
struct kvmem_pin {
	struct rb_node node;
	struct kvmem_block *block;
	unsigned int count;
};

static struct kvmem_pin *pin_find(struct kvmem_file *kf, const struct kvmem_key *key,
				  struct rb_node ***link, struct rb_node **parent)
{
	struct rb_node **p = &kf->pins.rb_node;

	*parent = NULL;
	while (*p) {
		struct kvmem_pin *pin = rb_entry(*p, struct kvmem_pin, node);
		int cmp = memcmp(key, &pin->block->key, sizeof(*key));

		if (!cmp)
			return pin;
		*parent = *p;
		p = cmp < 0 ? &(*p)->rb_left : &(*p)->rb_right;
	}
	*link = p;
	return NULL;
}

/* Pins are bounded by a share of the quota, so that a tenant cannot pin itself full. */
static int pin_charge(struct kvmem_ns *ns, struct kvmem_block *block)
{
	struct kvmem_arena_info info;
	size_t bytes = kvmem_block_charged(block);
	u64 total;
	int ret = 0;

	kvmem_arena_get_info(&info);
	spin_lock(&ns->lock);
	total = ns->p.quota_bytes ?: info.target;
	if (ns->pinned_bytes + bytes > mul_u64_u32_div(total, ns->p.pin_percent, 100))
		ret = -EDQUOT;
	else
		ns->pinned_bytes += bytes;
	spin_unlock(&ns->lock);
	return ret;
}

static void pin_uncharge(struct kvmem_ns *ns, struct kvmem_block *block)
{
	spin_lock(&ns->lock);
	ns->pinned_bytes -= kvmem_block_charged(block);
	spin_unlock(&ns->lock);
}

static void pin_drop(struct kvmem_pin *pin)
{
	struct kvmem_block *block = pin->block;

	pin_uncharge(block->ns, block);
	kvmem_block_unhold(block);
	kvmem_block_put(block);
	kfree(pin);
}

static int pin_add(struct kvmem_file *kf, struct kvmem_block *block,
		   struct rb_node **link, struct rb_node *parent)
{
	struct kvmem_pin *pin = kzalloc(sizeof(*pin), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!pin)
		return -ENOMEM;
	ret = pin_charge(block->ns, block);
	if (ret) {
		kfree(pin);
		return ret;
	}
	if (!kvmem_block_hold(block)) {
		pin_uncharge(block->ns, block);
		kfree(pin);
		return -ENOENT;
	}
	refcount_inc(&block->ref);
	pin->block = block;
	pin->count = 1;
	rb_link_node(&pin->node, parent, link);
	rb_insert_color(&pin->node, &kf->pins);
	return 0;
}

int kvmem_pin(struct kvmem_file *kf, struct kvmem_block *block)
{
	struct rb_node **link, *parent;
	struct kvmem_pin *pin;
	int ret = 0;

	mutex_lock(&kf->lock);
	pin = pin_find(kf, &block->key, &link, &parent);
	/* Deleted and put again since: the old pin is worth nothing. */
	if (pin && pin->block != block) {
		rb_erase(&pin->node, &kf->pins);
		pin_drop(pin);
		pin = pin_find(kf, &block->key, &link, &parent);
	}
	if (!pin)
		ret = pin_add(kf, block, link, parent);
	else if (pin->count == UINT_MAX)
		ret = -EMFILE;
	else
		pin->count++;
	mutex_unlock(&kf->lock);
	return ret;
}

int kvmem_unpin(struct kvmem_file *kf, const struct kvmem_key *key)
{
	struct rb_node **link, *parent;
	struct kvmem_pin *pin;

	mutex_lock(&kf->lock);
	pin = pin_find(kf, key, &link, &parent);
	if (pin && !--pin->count) {
		rb_erase(&pin->node, &kf->pins);
		pin_drop(pin);
	}
	mutex_unlock(&kf->lock);
	return pin ? 0 : -ENOENT;
}

void kvmem_pins_release(struct kvmem_file *kf)
{
	struct rb_node *node;

	while ((node = rb_first(&kf->pins))) {
		rb_erase(node, &kf->pins);
		pin_drop(rb_entry(node, struct kvmem_pin, node));
	}
}
