// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include <linux/kvmem.h>
#include <linux/kvmem_peer.h>

#include "ctl/ctl.h"
#include "ctl/decode.h"
#include "ctl/nl.h"
#include "ctl/parse.h"
#include "ctl/settings.h"

/* --- values --- */

static int put_size(struct nl_msg *msg, int attr, const char *text)
{
	uint64_t v;
	int err = parse_size(text, &v);

	if (!err)
		ctl_put_u64(msg, attr, v);
	return err;
}

static int put_count(struct nl_msg *msg, int attr, const char *text)
{
	uint64_t v;
	int err = parse_count(text, INT64_MAX, &v);

	if (!err)
		ctl_put_u64(msg, attr, v);
	return err;
}

static int put_user(struct nl_msg *msg, int attr, const char *text)
{
	uint32_t v;
	int err = parse_user(text, &v);

	if (!err)
		ctl_put_u32(msg, attr, v);
	return err;
}

static int put_group(struct nl_msg *msg, int attr, const char *text)
{
	uint32_t v;
	int err = parse_group(text, &v);

	if (!err)
		ctl_put_u32(msg, attr, v);
	return err;
}

static int put_mode(struct nl_msg *msg, int attr, const char *text)
{
	uint16_t v;
	int err = parse_mode(text, &v);

	if (!err)
		ctl_put_u16(msg, attr, v);
	return err;
}

static int put_fingerprint(struct nl_msg *msg, int attr, const char *text)
{
	uint8_t v[KVMEM_FINGERPRINT_LEN];
	int err = parse_hex(text, v, sizeof(v));

	if (!err)
		ctl_put(msg, attr, v, sizeof(v));
	return err;
}

static int put_ttl(struct nl_msg *msg, int attr, const char *text)
{
	uint64_t v;
	int err = parse_duration(text, 1, UINT32_MAX, &v);

	if (!err)
		ctl_put_u32(msg, attr, (uint32_t)v);
	return err;
}

static int put_percent(struct nl_msg *msg, int attr, const char *text)
{
	uint64_t v;
	int err = parse_count(text, 100, &v);

	if (!err)
		ctl_put_u32(msg, attr, (uint32_t)v);
	return err;
}

static int put_bool(struct nl_msg *msg, int attr, const char *text)
{
	bool v;
	int err = parse_bool(text, &v);

	if (!err)
		ctl_put_u8(msg, attr, v);
	return err;
}

static int put_flash_mode(struct nl_msg *msg, int attr, const char *text)
{
	uint8_t v;
	int err = parse_flash_mode(text, &v);

	if (!err)
		ctl_put_u8(msg, attr, v);
	return err;
}

static int put_placement(struct nl_msg *msg, int attr, const char *text)
{
	uint8_t v;
	int err = parse_placement(text, &v);

	if (!err)
		ctl_put_u8(msg, attr, v);
	return err;
}

static int put_copies(struct nl_msg *msg, int attr, const char *text)
{
	uint64_t v;

	if (parse_count(text, KVMEM_MAX_COPIES, &v) || !v)
		return -1;
	ctl_put_u8(msg, attr, (uint8_t)v);
	return 0;
}

static int put_uuid(struct nl_msg *msg, int attr, const char *text)
{
	uint8_t v[16];
	int err = parse_uuid(text, v);

	if (!err)
		ctl_put(msg, attr, v, sizeof(v));
	return err;
}

/* The kernel's bounds */
static int put_budget(struct nl_msg *msg, int attr, const char *text)
{
	uint64_t v;

	if (parse_size(text, &v) || (v && v < 1ULL << 20) || v > 1ULL << 50)
		return -1;
	ctl_put_u64(msg, attr, v);
	return 0;
}

static int put_by_id(struct nl_msg *msg, int attr, const char *text, uint32_t min)
{
	uint64_t v;
	int err = parse_count(text, UINT32_MAX, &v);

	if (err || v < min)
		return -1;
	ctl_put_u32(msg, attr, (uint32_t)v);
	return 0;
}

/* Either of two attributes; pool 0 is none. */
static int put_pool(struct nl_msg *msg, int attr, const char *text)
{
	if (name_is_id(text))
		return put_by_id(msg, KVMEM_A_POOL_ID, text, 0);
	if (name_problem(text))
		return -1;
	ctl_put_string(msg, attr, text);
	return 0;
}

/* --- options --- */

static const struct setting {
	int attr;
	const char *option;
	int (*put)(struct nl_msg *msg, int attr, const char *text);
	const char *want;
} settings[] = {
	{ KVMEM_A_UID, "--uid", put_user, "a user's name or number" },
	{ KVMEM_A_GID, "--gid", put_group, "a group's name or number" },
	{ KVMEM_A_MODE, "--mode", put_mode, "an octal mode of read and write bits, as 0660" },
	{ KVMEM_A_FINGERPRINT, "--fingerprint", put_fingerprint, "64 hex digits" },
	{ KVMEM_A_QUOTA_BYTES, "--quota-bytes", put_size, "bytes, as 512M or 10G; 0 = no bound" },
	{ KVMEM_A_QUOTA_BLOCKS, "--quota-blocks", put_count, "a number; 0 = no bound" },
	{ KVMEM_A_POOL_NAME, "--pool", put_pool, "a pool's name or id; 0 = none" },
	{ KVMEM_A_TTL_MS, "--ttl", put_ttl, "ms, or 30s, 5m, 2h, 10d; below 50 days" },
	{ KVMEM_A_PIN_PERCENT, "--pin-percent", put_percent, "0 to 100" },
	{ KVMEM_A_SHARE, "--share", put_bool, "yes or no" },
	{ KVMEM_A_FLASH_MODE, "--flash-mode", put_flash_mode, "off, through or back" },
	{ KVMEM_A_FLASH_QUOTA_BYTES, "--flash-quota", put_size,
	  "bytes, as 512M or 10G; 0 = no bound" },
	{ KVMEM_A_REQUIRE_VERIFIED, "--require-verified", put_bool, "yes or no" },
	{ KVMEM_A_ALLOW_BOUNCE, "--allow-bounce", put_bool, "yes or no" },
	{ KVMEM_A_PLACEMENT, "--placement", put_placement, "local, owner or both" },
	{ KVMEM_A_COPIES, "--copies", put_copies, "1 to 3" },
	{ KVMEM_A_PEER_SHARE, "--peer-share", put_bool, "yes or no" },
	{ KVMEM_A_PEER_KEEP, "--peer-keep", put_bool, "yes or no" },
	{ KVMEM_A_UUID, "--uuid", put_uuid, "a UUID" },
	{ KVMEM_A_WRITE_BUDGET, "--write-budget", put_budget,
	  "bytes a day, as 500G or 2T, at least 1M; 0 = no bound" },
	{ 0 }
};

static const struct setting *find(int attr)
{
	const struct setting *s;

	for (s = settings; s->attr && s->attr != attr; s++)
		;
	return s->attr ? s : NULL;
}

const char *ctl_attr_name(int attr)
{
	const struct setting *s = find(attr == KVMEM_A_POOL_ID ? KVMEM_A_POOL_NAME : attr);

	return s ? s->option : NULL;
}

int settings_put(struct nl_msg *msg, const struct args *args)
{
	const struct setting *s;
	int i;

	for (i = 0; i < args->nr_opts; i++) {
		s = find(args->opt[i].spec->attr);
		if (s && s->put(msg, s->attr, args->opt[i].value))
			return ctl_usage("%s %s: want %s", s->option, args->opt[i].value,
					 s->want);
	}
	return 0;
}

/* --- objects --- */

int object_put(struct nl_msg *msg, const char *text)
{
	const char *problem = name_problem(text);

	if (problem)
		return ctl_usage("the name \"%s\" %s", text, problem);
	if (!name_is_id(text)) {
		ctl_put_string(msg, KVMEM_A_NAME, text);
		return 0;
	}
	if (put_by_id(msg, KVMEM_A_ID, text, 1))
		return ctl_usage("%s is no id: ids are 1 to %u", text, UINT32_MAX);
	return 0;
}

int new_name_put(struct nl_msg *msg, const char *text)
{
	const char *problem = new_name_problem(text);

	if (problem)
		return ctl_usage("the name \"%s\" %s", text, problem);
	ctl_put_string(msg, KVMEM_A_NAME, text);
	return 0;
}

json_t *object_json(const char *text)
{
	json_t *object = json_object();

	if (name_is_id(text))
		json_put(object, "id", json_number(strtoull(text, NULL, 10)));
	else
		json_put(object, "name", json_string(text));
	return object;
}
