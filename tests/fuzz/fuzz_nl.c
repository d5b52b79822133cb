// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink commands and sysfs files.
 */
#define _GNU_SOURCE
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <linux/kvmem_netlink.h>
#include "fuzz.h"

static void put_number(struct fuzz *f, struct nl_msg *msg, int attr, int size)
{
	uint64_t v = one_in(f, 3) ? odd_number(f) : rnd_below(f, 64 * MIB);

	nla_put(msg, attr, one_in(f, 10) ? (int)rnd_below(f, 9) : size, &v);
}

static void put_name(struct fuzz *f, struct nl_msg *msg)
{
	char junk[80];
	unsigned int i, n = rnd_below(f, sizeof(junk));

	if (!one_in(f, 10)) {
		nla_put_string(msg, KVMEM_A_NAME, fuzz_ns[rnd_below(f, NR_SPACES)]);
		return;
	}
	for (i = 0; i < n; i++)
		junk[i] = rnd(f);
	/* Whatever becomes of it, the clean-up finds it. */
	snprintf(junk, sizeof(junk), "fuzz.%u", (unsigned int)rnd_below(f, 8));
	nla_put(msg, KVMEM_A_NAME, one_in(f, 2) ? strlen(junk) + 1 : n, junk);
}

static void put_attr(struct fuzz *f, struct nl_msg *msg)
{
	static const struct {
		int attr, size;
	} attrs[] = {
		{ KVMEM_A_ID, 4 }, { KVMEM_A_UID, 4 }, { KVMEM_A_GID, 4 }, { KVMEM_A_MODE, 2 },
		{ KVMEM_A_QUOTA_BYTES, 8 }, { KVMEM_A_QUOTA_BLOCKS, 8 }, { KVMEM_A_TTL_MS, 4 },
		{ KVMEM_A_PIN_PERCENT, 4 }, { KVMEM_A_SHARE, 1 }, { KVMEM_A_CLASS, 4 },
		{ KVMEM_A_LRU, 0 }, { KVMEM_A_POOL_ID, 4 }, { KVMEM_A_ENABLE, 1 },
		{ KVMEM_A_ORDER, 1 }, { KVMEM_A_SAMPLE_ONE_IN, 4 },
	};
	unsigned int i = rnd_below(f, ARRAY_SIZE(attrs));
	uint8_t fp[32];

	switch (rnd_below(f, 8)) {
	case 0:
		memset(fp, rnd_below(f, 3), sizeof(fp));
		nla_put(msg, KVMEM_A_FINGERPRINT, one_in(f, 8) ? rnd_below(f, 32) : 32, fp);
		break;
	case 1:
		nla_put(msg, rnd_below(f, KVMEM_A_MAX + 4), rnd_below(f, 32), f->ops);
		break;
	default:
		put_number(f, msg, attrs[i].attr, attrs[i].size);
	}
}

static void put_rows(struct fuzz *f, struct nl_msg *msg)
{
	unsigned int i, k, n = rnd_below(f, 5);
	uint16_t values[32];

	for (i = 0; i < n; i++) {
		struct nlattr *nest = nla_nest_start(msg, KVMEM_A_VALUE_TABLE);

		for (k = 0; k < 32; k++)
			values[k] = rnd(f);
		nla_put_u32(msg, KVMEM_A_VALUES_CLASS, rnd_below(f, one_in(f, 10) ? 100 : 64));
		nla_put(msg, KVMEM_A_VALUES_VALUES, one_in(f, 20) ? 31 : 64, values);
		nla_nest_end(msg, nest);
	}
}

/* As large as the machine can bear; or with what cannot be set. */
static void put_arena(struct fuzz *f, struct nl_msg *msg)
{
	struct nlattr *nest = nla_nest_start(msg, KVMEM_A_ARENA);

	if (!one_in(f, 4))
		nla_put_u64(msg, KVMEM_A_ARENA_TARGET, (4 + rnd_below(f, 60)) * MIB);
	if (one_in(f, 4))
		nla_put_u64(msg, KVMEM_A_ARENA_FLOOR, rnd_below(f, 8) * MIB);
	if (one_in(f, 8))
		nla_put(msg, rnd_below(f, KVMEM_A_ARENA_MAX + 2), rnd_below(f, 9), f->ops);
	nla_nest_end(msg, nest);
}

/* Half of the time every key is sampled. */
static void put_policy(struct fuzz *f, struct nl_msg *msg)
{
	put_rows(f, msg);
	if (one_in(f, 4))
		nla_put_u8(msg, KVMEM_A_ORDER, rnd_below(f, 2));
	if (one_in(f, 4))
		nla_put_u32(msg, KVMEM_A_SAMPLE_ONE_IN, rnd_below(f, 2));
}

static void set_quota(struct fuzz *f, struct nl_msg *msg)
{
	nla_put_u64(msg, KVMEM_A_QUOTA_BYTES, (1 + rnd_below(f, 12)) * MIB);
	nla_put_u16(msg, KVMEM_A_MODE, 0666);
}

void fuzz_netlink(struct fuzz *f)
{
	unsigned int cmd = 1 + rnd_below(f, KVMEM_CMD_MAX + 1), i;
	struct nl_msg *msg;

	if (cmd == KVMEM_CMD_QUIESCE) {
		if (!one_in(f, 20))
			return;
		kvt_nl_quiesce(true);
		kvt_sleep_ms(1);
		kvt_nl_quiesce(false);
		return;
	}
	if (cmd == KVMEM_CMD_NS_DEL && !one_in(f, 10))
		return;
	msg = kvt_nl_msg(cmd, one_in(f, 4) ? NLM_F_DUMP : 0);
	if (!msg)
		return;
	if (cmd != KVMEM_CMD_ARENA_SET && !one_in(f, 10))
		put_name(f, msg);
	if (cmd == KVMEM_CMD_NS_NEW || cmd == KVMEM_CMD_NS_SET)
		set_quota(f, msg);
	if (cmd == KVMEM_CMD_TABLE_SET)
		put_policy(f, msg);
	if (cmd == KVMEM_CMD_ARENA_SET)
		put_arena(f, msg);
	for (i = rnd_below(f, 3); i; i--)
		if (one_in(f, 3))
			put_attr(f, msg);
	if (!kvt_nl_send(msg, NULL, NULL))
		shared->succeeded++;
	/* So that there is something to attach to. */
	if (cmd == KVMEM_CMD_NS_DEL) {
		struct kvt_ns_opts o = { .mode = 0666, .quota_bytes = 8 * MIB };

		kvt_nl_ns_new(fuzz_ns[rnd_below(f, NR_SPACES)], &o, NULL);
	}
}

void fuzz_sysfs(struct fuzz *f)
{
	static const char * const files[] = {
		"arena_bytes", "arena_floor_bytes", "expire_interval_ms", "ghost_max_entries",
	};
	const char *file = files[rnd_below(f, ARRAY_SIZE(files))];
	int64_t was = kvt_sysfs_get(file);

	if (!strcmp(file, "arena_bytes")) {
		kvt_sysfs_set(file, (4 + rnd_below(f, 60)) * MIB);
		return;
	}
	kvt_sysfs_set(file, odd_number(f));
	if (was >= 0)
		kvt_sysfs_set(file, was);
}
