// SPDX-License-Identifier: GPL-2.0
/*
 * kvmem: a memory tier for the KV cache of LLM inference.
 */
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include "arena.h"
#include "block.h"
#include "file.h"
#include "netlink.h"
#include "ns.h"
#include "pool.h"
#include "stats.h"
#include "sysfs.h"
#include "version.h"
#include "flash/info.h"
#include "flash/tier.h"
#include "peer/peer.h"

static unsigned long arena_mb;
module_param(arena_mb, ulong, 0444);
MODULE_PARM_DESC(arena_mb, "DRAM arena in MiB at load, 0 = a quarter of memory; later: sysfs arena_bytes");

static unsigned long arena_floor_mb;
module_param(arena_floor_mb, ulong, 0444);
MODULE_PARM_DESC(arena_floor_mb, "MiB that memory pressure leaves; later: sysfs arena_floor_bytes");

static struct miscdevice kvmem_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "kvmem",
	.fops = &kvmem_fops,
	/* Who may do what is decided by ATTACH. */
	.mode = 0666,
	.groups = kvmem_sysfs_groups,
};

static u64 arena_start_bytes(void)
{
	u64 bytes = arena_mb ? (u64)arena_mb << 20 : (u64)totalram_pages() << PAGE_SHIFT >> 2;

	return max_t(u64, bytes, KVMEM_CHUNK_SIZE);
}

struct kvmem_step {
	int (*init)(void);
	void (*exit)(void);
};

static int arena_start(void)
{
	return kvmem_arena_init(arena_start_bytes(), (u64)arena_floor_mb << 20);
}

static int device_start(void)
{
	int ret = misc_register(&kvmem_misc);

	if (!ret)
		kvmem_media_sysfs_start(kvmem_misc.this_device);
	return ret;
}

static void device_stop(void)
{
	kvmem_media_sysfs_stop();
	misc_deregister(&kvmem_misc);
}

/* In order of need; undone backwards. */
static const struct kvmem_step steps[] = {
	{ kvmem_stats_init, kvmem_stats_exit },
	{ kvmem_block_cache_init, kvmem_block_cache_exit },
	{ arena_start, kvmem_arena_exit },
	{ kvmem_pool_init, kvmem_pool_exit },
	{ kvmem_ns_init, kvmem_ns_exit },
	/* Before the namespaces go, so that their blocks stay on the media. */
	{ kvmem_flash_init, kvmem_flash_exit },
	/* Before namespaces and media go, so that nothing asks for them from outside. */
	{ kvmem_peers_init, kvmem_peers_exit },
	{ kvmem_netlink_init, kvmem_netlink_exit },
	{ device_start, device_stop },
};

static void steps_undo(unsigned int nr)
{
	while (nr--)
		steps[nr].exit();
}

static int __init kvmem_init(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		ret = steps[i].init();
		if (ret) {
			steps_undo(i);
			return ret;
		}
	}
	pr_info("version %s, arena %llu MiB\n", KVMEM_VERSION, arena_start_bytes() >> 20);
	return 0;
}

static void __exit kvmem_exit(void)
{
	steps_undo(ARRAY_SIZE(steps));
}

module_init(kvmem_init);
module_exit(kvmem_exit);

MODULE_DESCRIPTION("Memory tier for the KV cache of LLM inference");
MODULE_LICENSE("GPL");
MODULE_VERSION(KVMEM_VERSION);
MODULE_SOFTDEP("pre: crc32c");
