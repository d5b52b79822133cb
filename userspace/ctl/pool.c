// SPDX-License-Identifier: GPL-2.0
/* Pools: quotas that namespaces share. */
#include <linux/kvmem_netlink.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/decode.h"
#include "ctl/object.h"

const struct arg_spec pool_specs[] = {
	{ .name = "quota-bytes", .attr = KVMEM_A_QUOTA_BYTES },
	{ .name = "quota-blocks", .attr = KVMEM_A_QUOTA_BLOCKS },
	{ .name = "share", .attr = KVMEM_A_SHARE },
	{ .name = NULL }
};

static const struct column list_columns[] = {
	{ "ID", "id", OUT_TEXT },
	{ "NAME", "name", OUT_TEXT },
	{ "QUOTA", "quota_bytes", OUT_LIMIT },
	{ "QUOTA-BLOCKS", "quota_blocks", OUT_COUNT_LIMIT },
	{ "SHARE", "share", OUT_TEXT },
	{ "USED", "used_bytes", OUT_BYTES },
	{ "BLOCKS", "used_blocks", OUT_TEXT },
	{ "NAMESPACES", "namespaces", OUT_TEXT },
	{ NULL, NULL, 0 }
};

static const struct column show_columns[] = {
	{ "id", "id", OUT_TEXT },
	{ "name", "name", OUT_TEXT },
	{ "quota", "quota_bytes", OUT_LIMIT },
	{ "quota blocks", "quota_blocks", OUT_COUNT_LIMIT },
	{ "share", "share", OUT_TEXT },
	{ "used", "used_bytes", OUT_BYTES },
	{ "blocks", "used_blocks", OUT_TEXT },
	{ "namespaces", "namespaces", OUT_TEXT },
	{ NULL, NULL, 0 }
};

static const struct object_kind pool_kind = {
	.noun = "pool",
	.new = KVMEM_CMD_POOL_NEW,
	.set = KVMEM_CMD_POOL_SET,
	.del = KVMEM_CMD_POOL_DEL,
	.get = KVMEM_CMD_POOL_GET,
	.decode = decode_pool,
	.list = list_columns,
	.show = show_columns,
};

int cmd_pool_create(struct ctl *c)
{
	return object_create(c, &pool_kind);
}

int cmd_pool_set(struct ctl *c)
{
	return object_set(c, &pool_kind);
}

int cmd_pool_delete(struct ctl *c)
{
	return object_delete(c, &pool_kind);
}

int cmd_pool_list(struct ctl *c)
{
	return object_list(c, &pool_kind);
}

int cmd_pool_show(struct ctl *c)
{
	return object_show(c, &pool_kind);
}
