// SPDX-License-Identifier: GPL-2.0
/* Media, their segments and directories, as documented in kvmemctl(8). */
#include <linux/kvmem_netlink.h>

#include "ctl/decode.h"

static const struct decode media_fields[] = {
	{ "id", KVMEM_A_ID, DECODE_U32 },
	{ "name", KVMEM_A_NAME, DECODE_STRING },
	{ "path", KVMEM_A_PATH, DECODE_STRING },
	{ "uuid", KVMEM_A_UUID, DECODE_UUID },
	{ "state", KVMEM_A_STATE, DECODE_MEDIA_STATE },
	{ "write_budget_bytes_per_day", KVMEM_A_WRITE_BUDGET, DECODE_U64 },
	{ NULL, 0, 0 }
};

static const struct decode layout_fields[] = {
	{ "label", KVMEM_A_MEDIA_LABEL, DECODE_STRING },
	{ "backend", KVMEM_A_MEDIA_BACKEND, DECODE_STRING },
	{ "bytes", KVMEM_A_MEDIA_BYTES, DECODE_U64 },
	{ "segment_bytes", KVMEM_A_MEDIA_SEGMENT_BYTES, DECODE_U32 },
	{ "blocks", KVMEM_A_MEDIA_BLOCKS, DECODE_U64 },
	{ "live_bytes", KVMEM_A_MEDIA_LIVE_BYTES, DECODE_U64 },
	{ "reclaimed_segments", KVMEM_A_MEDIA_RECLAIMED, DECODE_U64 },
	{ "evicted_blocks", KVMEM_A_MEDIA_EVICTED, DECODE_U64 },
	{ NULL, 0, 0 }
};

static const struct decode segments_fields[] = {
	{ "total", KVMEM_A_MEDIA_SEGMENTS, DECODE_U32 },
	{ "free", KVMEM_A_MEDIA_SEGMENTS_FREE, DECODE_U32 },
	{ "discard", KVMEM_A_MEDIA_SEGMENTS_DISCARD, DECODE_U32 },
	{ "open", KVMEM_A_MEDIA_SEGMENTS_OPEN, DECODE_U32 },
	{ "sealing", KVMEM_A_MEDIA_SEGMENTS_SEALING, DECODE_U32 },
	{ "sealed", KVMEM_A_MEDIA_SEGMENTS_SEALED, DECODE_U32 },
	{ "reclaim", KVMEM_A_MEDIA_SEGMENTS_RECLAIM, DECODE_U32 },
	{ "orphan", KVMEM_A_MEDIA_SEGMENTS_ORPHAN, DECODE_U32 },
	{ "bad", KVMEM_A_MEDIA_SEGMENTS_BAD, DECODE_U32 },
	{ NULL, 0, 0 }
};

static const struct decode written_fields[] = {
	{ "put_bytes", KVMEM_A_MEDIA_PUT_BYTES, DECODE_U64 },
	{ "reinsert_bytes", KVMEM_A_MEDIA_REINSERT_BYTES, DECODE_U64 },
	{ "table_bytes", KVMEM_A_MEDIA_TABLE_BYTES, DECODE_U64 },
	{ "put_blocks", KVMEM_A_MEDIA_PUT_BLOCKS, DECODE_U64 },
	{ "reinsert_blocks", KVMEM_A_MEDIA_REINSERT_BLOCKS, DECODE_U64 },
	{ "table_pages", KVMEM_A_MEDIA_TABLE_PAGES, DECODE_U64 },
	{ "data_bytes", KVMEM_A_MEDIA_DATA_BYTES, DECODE_U64 },
	{ "amplification", KVMEM_A_MEDIA_WRITE_AMPLIFICATION, DECODE_U32 },
	{ NULL, 0, 0 }
};

static const struct decode refused_fields[] = {
	{ "value", KVMEM_A_MEDIA_REFUSED_VALUE, DECODE_U64 },
	{ "room", KVMEM_A_MEDIA_REFUSED_ROOM, DECODE_U64 },
	{ "queue", KVMEM_A_MEDIA_REFUSED_QUEUE, DECODE_U64 },
	{ "failed", KVMEM_A_MEDIA_REFUSED_FAILED, DECODE_U64 },
	{ NULL, 0, 0 }
};

static const struct decode error_fields[] = {
	{ "failed_gets", KVMEM_A_MEDIA_FAILED_GETS, DECODE_U64 },
	{ "read", KVMEM_A_MEDIA_READ_ERRORS, DECODE_U64 },
	{ "write", KVMEM_A_MEDIA_WRITE_ERRORS, DECODE_U64 },
	{ "discard", KVMEM_A_MEDIA_DISCARD_ERRORS, DECODE_U64 },
	{ "corrupt_blocks", KVMEM_A_MEDIA_CORRUPT, DECODE_U64 },
	{ "damaged_tables", KVMEM_A_MEDIA_TABLES_DAMAGED, DECODE_U64 },
	{ NULL, 0, 0 }
};

static const struct decode discard_fields[] = {
	{ "segments", KVMEM_A_MEDIA_DISCARD_SEGMENTS, DECODE_U64 },
	{ "commands", KVMEM_A_MEDIA_DISCARD_COMMANDS, DECODE_U64 },
	{ "ranges", KVMEM_A_MEDIA_DISCARD_RANGES, DECODE_U64 },
	{ "bytes", KVMEM_A_MEDIA_DISCARD_BYTES, DECODE_U64 },
	{ NULL, 0, 0 }
};

static const struct decode budget_fields[] = {
	{ "tokens_bytes", KVMEM_A_MEDIA_BUDGET_TOKENS, DECODE_S64 },
	{ "threshold", KVMEM_A_MEDIA_BUDGET_THRESHOLD, DECODE_U32 },
	{ NULL, 0, 0 }
};

static const struct decode load_fields[] = {
	{ "transfers", KVMEM_A_MEDIA_INFLIGHT, DECODE_U32 },
	{ "read_bytes", KVMEM_A_MEDIA_INFLIGHT_READ, DECODE_U64 },
	{ "write_bytes", KVMEM_A_MEDIA_INFLIGHT_WRITE, DECODE_U64 },
	{ "read_wait_ns", KVMEM_A_MEDIA_WAIT_READ_NS, DECODE_U64 },
	{ "write_wait_ns", KVMEM_A_MEDIA_WAIT_WRITE_NS, DECODE_U64 },
	{ NULL, 0, 0 }
};

static const struct decode scan_fields[] = {
	{ "segments", KVMEM_A_MEDIA_SCANNED_SEGMENTS, DECODE_U32 },
	{ "blocks", KVMEM_A_MEDIA_SCANNED_BLOCKS, DECODE_U64 },
	{ "ns", KVMEM_A_MEDIA_SCAN_NS, DECODE_U64 },
	{ NULL, 0, 0 }
};

static const struct decode health_fields[] = {
	{ "used_percent", KVMEM_A_MEDIA_HEALTH_USED_PERCENT, DECODE_U32 },
	{ "spare_percent", KVMEM_A_MEDIA_HEALTH_SPARE_PERCENT, DECODE_U32 },
	{ "media_errors", KVMEM_A_MEDIA_HEALTH_MEDIA_ERRORS, DECODE_U64 },
	{ "written_bytes", KVMEM_A_MEDIA_HEALTH_WRITTEN_BYTES, DECODE_U64 },
	{ "life_days", KVMEM_A_MEDIA_LIFE_DAYS, DECODE_U32 },
	{ NULL, 0, 0 }
};

static const struct {
	const char *name;
	const struct decode *fields;
} media_groups[] = {
	{ "segments", segments_fields },
	{ "written", written_fields },
	{ "refused", refused_fields },
	{ "errors", error_fields },
	{ "discards", discard_fields },
	{ "budget", budget_fields },
	{ "load", load_fields },
	{ "scan", scan_fields },
	{ "health", health_fields },
};

static const struct decode segment_fields[] = {
	{ "number", KVMEM_A_SEG_NUMBER, DECODE_U32 },
	{ "state", KVMEM_A_SEG_STATE, DECODE_SEG_STATE },
	{ "generation", KVMEM_A_SEG_GENERATION, DECODE_U64 },
	{ "ns_id", KVMEM_A_SEG_NS_ID, DECODE_U32 },
	{ "slot", KVMEM_A_SEG_DIR_SLOT, DECODE_U32 },
	{ "slot_generation", KVMEM_A_SEG_DIR_GENERATION, DECODE_U32 },
	{ "fill_bytes", KVMEM_A_SEG_FILL, DECODE_U32 },
	{ "live_bytes", KVMEM_A_SEG_LIVE_BYTES, DECODE_U64 },
	{ "live_blocks", KVMEM_A_SEG_LIVE_BLOCKS, DECODE_U32 },
	{ "pages", KVMEM_A_SEG_PAGES, DECODE_U32 },
	{ "gone", KVMEM_A_SEG_GONE, DECODE_U32 },
	{ "temperature", KVMEM_A_SEG_TEMPERATURE, DECODE_U8 },
	{ NULL, 0, 0 }
};

static const struct decode slot_fields[] = {
	{ "slot", KVMEM_A_SLOT_NUMBER, DECODE_U32 },
	{ "generation", KVMEM_A_SLOT_GENERATION, DECODE_U32 },
	{ "name", KVMEM_A_SLOT_NAME, DECODE_STRING },
	{ "uid", KVMEM_A_SLOT_UID, DECODE_U32 },
	{ "gid", KVMEM_A_SLOT_GID, DECODE_U32 },
	{ "mode", KVMEM_A_SLOT_MODE, DECODE_MODE },
	{ "fingerprint", KVMEM_A_SLOT_FINGERPRINT, DECODE_FINGERPRINT },
	{ "created", KVMEM_A_SLOT_CREATED, DECODE_U64 },
	{ "ns_id", KVMEM_A_SLOT_NS_ID, DECODE_U32 },
	{ NULL, 0, 0 }
};

/* What did not come is null, where absence means something. */
static void put_nulls(json_t *object, const struct decode *fields)
{
	for (; object && fields->attr; fields++)
		if (!json_object_get(object, fields->name))
			json_put(object, fields->name, json_null());
}

/* From thousandths; null when nothing was put */
static void set_amplification(json_t *written)
{
	uint64_t v = json_get_u64(written, "amplification");

	if (written)
		json_put(written, "amplification", v ? json_real((double)v / 1000) : json_null());
}

json_t *decode_media(struct nlattr **tb)
{
	struct nlattr *nest = tb[KVMEM_A_MEDIA];
	json_t *media = decode_object(tb, media_fields);
	json_t *layout = decode_nest(nest, KVMEM_A_MEDIA_MAX, layout_fields);
	size_t i;

	if (!layout) {
		json_decref(media);
		return NULL;
	}
	json_object_update(media, layout);
	json_decref(layout);
	for (i = 0; i < sizeof(media_groups) / sizeof(*media_groups); i++)
		json_put(media, media_groups[i].name,
			 decode_nest(nest, KVMEM_A_MEDIA_MAX, media_groups[i].fields));
	set_amplification(json_object_get(media, "written"));
	put_nulls(json_object_get(media, "health"), health_fields);
	return media;
}

json_t *decode_segment(struct nlattr **tb)
{
	json_t *segment = decode_nest(tb[KVMEM_A_SEGMENT], KVMEM_A_SEG_MAX, segment_fields);

	put_nulls(segment, segment_fields);
	return segment;
}

json_t *decode_slot(struct nlattr **tb)
{
	json_t *slot = decode_nest(tb[KVMEM_A_SLOT], KVMEM_A_SLOT_MAX, slot_fields);

	put_nulls(slot, slot_fields);
	return slot;
}
