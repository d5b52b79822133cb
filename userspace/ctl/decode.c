// SPDX-License-Identifier: GPL-2.0
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kvmem_netlink.h>

#include "ctl/ctl.h"
#include "ctl/decode.h"

#define MAX_BINARY	64

/* --- JSON --- */

json_t *json_number(uint64_t v)
{
	return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

json_t *json_double(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

void json_put(json_t *object, const char *name, json_t *value)
{
	if (!value || !json_object_set_new(object, name, value))
		return;
	ctl_error("out of memory");
	exit(CTL_FAILED);
}

uint64_t json_get_u64(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

/* --- attributes --- */

/* In the kernel's byte order; too short is nothing */
static json_t *number(struct nlattr *nla, int size)
{
	uint64_t v64;
	uint32_t v32;
	uint16_t v16;

	if (nla_len(nla) < size)
		return NULL;
	switch (size) {
	case 1:
		return json_number(*(uint8_t *)nla_data(nla));
	case 2:
		memcpy(&v16, nla_data(nla), 2);
		return json_number(v16);
	case 4:
		memcpy(&v32, nla_data(nla), 4);
		return json_number(v32);
	default:
		memcpy(&v64, nla_data(nla), 8);
		return json_number(v64);
	}
}

static json_t *text(struct nlattr *nla)
{
	const char *s = nla_data(nla);

	return json_stringn_nocheck(s, strnlen(s, (size_t)nla_len(nla)));
}

static json_t *mode(struct nlattr *nla)
{
	uint16_t v;

	if (nla_len(nla) < 2)
		return NULL;
	memcpy(&v, nla_data(nla), 2);
	return json_sprintf("%04o", v);
}

static json_t *hex(struct nlattr *nla, bool any)
{
	const uint8_t *p = nla_data(nla);
	char buf[2 * MAX_BINARY + 1];
	int i, n = nla_len(nla);

	if (n > MAX_BINARY)
		n = MAX_BINARY;
	buf[0] = 0;
	for (i = 0; i < n; i++) {
		sprintf(buf + 2 * i, "%02x", p[i]);
		any |= p[i];
	}
	return any ? json_string(buf) : json_null();
}

static json_t *order(struct nlattr *nla)
{
	if (nla_len(nla) < 1)
		return NULL;
	return json_string(*(uint8_t *)nla_data(nla) == KVMEM_ORDER_ARRIVAL ? "arrival" :
			   "use");
}

static json_t *watermark(struct nlattr *nla)
{
	static const char * const names[] = {
		[KVMEM_WATERMARK_ROOM] = "room",
		[KVMEM_WATERMARK_FULL] = "full",
		[KVMEM_WATERMARK_PRESSURE] = "pressure",
	};
	uint32_t v;

	if (nla_len(nla) < 4)
		return NULL;
	memcpy(&v, nla_data(nla), 4);
	return v < sizeof(names) / sizeof(*names) ? json_string(names[v]) :
	       json_sprintf("%u", v);
}

static json_t *numbers(struct nlattr *nla)
{
	json_t *array = json_array();
	uint64_t v;
	int i;

	for (i = 0; i + 8 <= nla_len(nla); i += 8) {
		memcpy(&v, (char *)nla_data(nla) + i, 8);
		json_array_append_new(array, json_number(v));
	}
	return array;
}

static json_t *signed_number(struct nlattr *nla)
{
	int64_t v;

	if (nla_len(nla) < 8)
		return NULL;
	memcpy(&v, nla_data(nla), 8);
	return json_integer(v);
}

static json_t *uuid(struct nlattr *nla)
{
	const uint8_t *p = nla_data(nla);
	char buf[37], *to = buf;
	int i;

	if (nla_len(nla) < 16)
		return NULL;
	for (i = 0; i < 16; i++)
		to += sprintf(to, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", p[i]);
	return json_string(buf);
}

/* A u8 by its name; one that is newer than this program by its number */
static json_t *named(struct nlattr *nla, const char * const *names, size_t n)
{
	uint8_t v;

	if (nla_len(nla) < 1)
		return NULL;
	v = *(uint8_t *)nla_data(nla);
	return v < n ? json_string(names[v]) : json_sprintf("%u", v);
}

#define NAMED(nla, names) named(nla, names, sizeof(names) / sizeof(*(names)))

static const char * const flash_modes[] = {
	[KVMEM_FLASH_MODE_OFF] = "off",
	[KVMEM_FLASH_MODE_THROUGH] = "through",
	[KVMEM_FLASH_MODE_BACK] = "back",
};

static const char * const media_states[] = {
	[KVMEM_MEDIA_STATE_ATTACHING] = "attaching",
	[KVMEM_MEDIA_STATE_LIVE] = "live",
	[KVMEM_MEDIA_STATE_READ_ONLY] = "read-only",
	[KVMEM_MEDIA_STATE_FAILED] = "failed",
	[KVMEM_MEDIA_STATE_DETACHING] = "detaching",
};

static const char * const seg_states[] = {
	[KVMEM_SEG_STATE_FREE] = "free",
	[KVMEM_SEG_STATE_DISCARD] = "discard",
	[KVMEM_SEG_STATE_OPEN] = "open",
	[KVMEM_SEG_STATE_SEALING] = "sealing",
	[KVMEM_SEG_STATE_SEALED] = "sealed",
	[KVMEM_SEG_STATE_RECLAIM] = "reclaim",
	[KVMEM_SEG_STATE_ORPHAN] = "orphan",
	[KVMEM_SEG_STATE_BAD] = "bad",
};

static const char * const placements[] = {
	[KVMEM_PLACEMENT_LOCAL] = "local",
	[KVMEM_PLACEMENT_OWNER] = "owner",
	[KVMEM_PLACEMENT_BOTH] = "both",
};

static const char * const peer_states[] = {
	[KVMEM_PEER_STATE_DOWN] = "down",
	[KVMEM_PEER_STATE_UP] = "up",
	[KVMEM_PEER_STATE_SLOW] = "slow",
};

static json_t *decode(struct nlattr *nla, enum decode_type type)
{
	switch (type) {
	case DECODE_U8:
		return number(nla, 1);
	case DECODE_U16:
		return number(nla, 2);
	case DECODE_U32:
		return number(nla, 4);
	case DECODE_U64:
		return number(nla, 8);
	case DECODE_BOOL:
		return nla_len(nla) < 1 ? NULL : json_boolean(*(char *)nla_data(nla));
	case DECODE_STRING:
	case DECODE_OPTIONAL:
		return text(nla);
	case DECODE_MODE:
		return mode(nla);
	case DECODE_HEX:
		return hex(nla, true);
	case DECODE_FINGERPRINT:
		return hex(nla, false);
	case DECODE_ORDER:
		return order(nla);
	case DECODE_WATERMARK:
		return watermark(nla);
	case DECODE_U64S:
		return numbers(nla);
	case DECODE_S64:
		return signed_number(nla);
	case DECODE_UUID:
		return uuid(nla);
	case DECODE_FLASH_MODE:
		return NAMED(nla, flash_modes);
	case DECODE_MEDIA_STATE:
		return NAMED(nla, media_states);
	case DECODE_SEG_STATE:
		return NAMED(nla, seg_states);
	case DECODE_PLACEMENT:
		return NAMED(nla, placements);
	case DECODE_PEER_STATE:
		return NAMED(nla, peer_states);
	}
	return NULL;
}

void decode_into(json_t *object, struct nlattr **tb, const struct decode *table)
{
	for (; table->attr; table++) {
		if (tb[table->attr])
			json_put(object, table->name, decode(tb[table->attr], table->type));
		else if (table->type == DECODE_OPTIONAL)
			json_put(object, table->name, json_null());
	}
}

json_t *decode_object(struct nlattr **tb, const struct decode *table)
{
	json_t *object = json_object();

	decode_into(object, tb, table);
	return object;
}

json_t *decode_nest(struct nlattr *nest, int max, const struct decode *table)
{
	struct nlattr *tb[64];

	if (!nest || max >= 64 || nla_parse_nested(tb, max, nest, NULL) < 0)
		return NULL;
	return decode_object(tb, table);
}

/* --- objects --- */

static const struct decode ns_fields[] = {
	{ "id", KVMEM_A_ID, DECODE_U32 },
	{ "name", KVMEM_A_NAME, DECODE_STRING },
	{ "uid", KVMEM_A_UID, DECODE_U32 },
	{ "gid", KVMEM_A_GID, DECODE_U32 },
	{ "mode", KVMEM_A_MODE, DECODE_MODE },
	{ "fingerprint", KVMEM_A_FINGERPRINT, DECODE_FINGERPRINT },
	{ "quota_bytes", KVMEM_A_QUOTA_BYTES, DECODE_U64 },
	{ "quota_blocks", KVMEM_A_QUOTA_BLOCKS, DECODE_U64 },
	{ "pool_id", KVMEM_A_POOL_ID, DECODE_U32 },
	{ "pool", KVMEM_A_POOL_NAME, DECODE_OPTIONAL },
	{ "ttl_ms", KVMEM_A_TTL_MS, DECODE_U32 },
	{ "pin_percent", KVMEM_A_PIN_PERCENT, DECODE_U32 },
	{ "used_bytes", KVMEM_A_USED_BYTES, DECODE_U64 },
	{ "used_blocks", KVMEM_A_USED_BLOCKS, DECODE_U64 },
	{ "live_blocks", KVMEM_A_LIVE_BLOCKS, DECODE_U64 },
	{ "data_bytes", KVMEM_A_DATA_BYTES, DECODE_U64 },
	{ "pinned_bytes", KVMEM_A_PINNED_BYTES, DECODE_U64 },
	{ "open_files", KVMEM_A_NR_FILES, DECODE_U32 },
	{ "chunks", KVMEM_A_CHUNKS, DECODE_U32 },
	{ "flash_mode", KVMEM_A_FLASH_MODE, DECODE_FLASH_MODE },
	{ "flash_quota_bytes", KVMEM_A_FLASH_QUOTA_BYTES, DECODE_U64 },
	{ "flash_blocks", KVMEM_A_FLASH_BLOCKS, DECODE_U64 },
	{ "flash_bytes", KVMEM_A_FLASH_BYTES, DECODE_U64 },
	{ "require_verified", KVMEM_A_REQUIRE_VERIFIED, DECODE_BOOL },
	{ "allow_bounce", KVMEM_A_ALLOW_BOUNCE, DECODE_BOOL },
	{ "placement", KVMEM_A_PLACEMENT, DECODE_PLACEMENT },
	{ "copies", KVMEM_A_COPIES, DECODE_U8 },
	{ "peer_share", KVMEM_A_PEER_SHARE, DECODE_BOOL },
	{ "peer_keep", KVMEM_A_PEER_KEEP, DECODE_BOOL },
	{ NULL, 0, 0 }
};

static const struct decode stats_fields[] = {
	{ "hits", KVMEM_A_STATS_HITS, DECODE_U64 },
	{ "misses", KVMEM_A_STATS_MISSES, DECODE_U64 },
	{ "miss_evicted", KVMEM_A_STATS_MISS_EVICTED, DECODE_U64 },
	{ "miss_expired", KVMEM_A_STATS_MISS_EXPIRED, DECODE_U64 },
	{ "bounced_bytes", KVMEM_A_STATS_BOUNCED, DECODE_U64 },
	{ "puts", KVMEM_A_STATS_PUTS, DECODE_U64 },
	{ "existed", KVMEM_A_STATS_EXISTED, DECODE_U64 },
	{ "deletes", KVMEM_A_STATS_DELETES, DECODE_U64 },
	{ "no_space", KVMEM_A_STATS_NOSPC, DECODE_U64 },
	{ "copied_in_bytes", KVMEM_A_STATS_COPIED_IN, DECODE_U64 },
	{ "copied_out_bytes", KVMEM_A_STATS_COPIED_OUT, DECODE_U64 },
	{ "zero_copy_bytes", KVMEM_A_STATS_ZERO_COPY, DECODE_U64 },
	{ "ghost_hits", KVMEM_A_STATS_GHOST_HITS, DECODE_U64 },
	{ "peer_hits", KVMEM_A_STATS_PEER_HITS, DECODE_U64 },
	{ "peer_misses", KVMEM_A_STATS_PEER_MISSES, DECODE_U64 },
	{ "peer_puts", KVMEM_A_STATS_PEER_PUTS, DECODE_U64 },
	{ "peer_fallbacks", KVMEM_A_STATS_PEER_FALLBACKS, DECODE_U64 },
	{ "peer_bytes_in", KVMEM_A_STATS_PEER_BYTES_IN, DECODE_U64 },
	{ "peer_bytes_out", KVMEM_A_STATS_PEER_BYTES_OUT, DECODE_U64 },
	{ NULL, 0, 0 }
};

static const struct decode evict_fields[] = {
	{ "quota", KVMEM_A_STATS_EVICT_QUOTA, DECODE_U64 },
	{ "space", KVMEM_A_STATS_EVICT_SPACE, DECODE_U64 },
	{ "drain", KVMEM_A_STATS_EVICT_DRAIN, DECODE_U64 },
	{ "expired", KVMEM_A_STATS_EVICT_EXPIRED, DECODE_U64 },
	{ "corrupt", KVMEM_A_STATS_EVICT_CORRUPT, DECODE_U64 },
	{ NULL, 0, 0 }
};

static const struct decode pool_fields[] = {
	{ "id", KVMEM_A_ID, DECODE_U32 },
	{ "name", KVMEM_A_NAME, DECODE_STRING },
	{ "quota_bytes", KVMEM_A_QUOTA_BYTES, DECODE_U64 },
	{ "quota_blocks", KVMEM_A_QUOTA_BLOCKS, DECODE_U64 },
	{ "share", KVMEM_A_SHARE, DECODE_BOOL },
	{ "used_bytes", KVMEM_A_USED_BYTES, DECODE_U64 },
	{ "used_blocks", KVMEM_A_USED_BLOCKS, DECODE_U64 },
	{ "namespaces", KVMEM_A_NR_NAMESPACES, DECODE_U32 },
	{ NULL, 0, 0 }
};

static const struct decode arena_fields[] = {
	{ "target_bytes", KVMEM_A_ARENA_TARGET, DECODE_U64 },
	{ "limit_bytes", KVMEM_A_ARENA_LIMIT, DECODE_U64 },
	{ "floor_bytes", KVMEM_A_ARENA_FLOOR, DECODE_U64 },
	{ "allocated_bytes", KVMEM_A_ARENA_ALLOCATED, DECODE_U64 },
	{ "free_bytes", KVMEM_A_ARENA_FREE, DECODE_U64 },
	{ "quarantined_bytes", KVMEM_A_ARENA_QUARANTINED, DECODE_U64 },
	{ "huge_bytes", KVMEM_A_ARENA_HUGE, DECODE_U64 },
	{ NULL, 0, 0 }
};

static void add_total(json_t *evictions)
{
	const struct decode *d;
	uint64_t sum = 0;

	for (d = evict_fields; d->attr; d++)
		sum += json_get_u64(evictions, d->name);
	json_put(evictions, "total", json_number(sum));
}

void stats_add_rate(json_t *stats)
{
	uint64_t hits = json_get_u64(stats, "hits");
	uint64_t all = hits + json_get_u64(stats, "misses");

	json_put(stats, "hit_rate", all ? json_real((double)hits / (double)all) :
		 json_null());
}

static json_t *decode_stats(struct nlattr *nest)
{
	json_t *stats = decode_nest(nest, KVMEM_A_STATS_MAX, stats_fields);
	json_t *evictions = decode_nest(nest, KVMEM_A_STATS_MAX, evict_fields);

	if (!stats || !evictions) {
		json_decref(stats);
		json_decref(evictions);
		return NULL;
	}
	stats_add_rate(stats);
	add_total(evictions);
	json_put(stats, "evictions", evictions);
	return stats;
}

json_t *decode_ns(struct nlattr **tb)
{
	json_t *ns = decode_object(tb, ns_fields);

	json_put(ns, "stats", decode_stats(tb[KVMEM_A_STATS]));
	return ns;
}

json_t *decode_pool(struct nlattr **tb)
{
	return decode_object(tb, pool_fields);
}

json_t *decode_arena(struct nlattr *nest)
{
	return decode_nest(nest, KVMEM_A_ARENA_MAX, arena_fields);
}
