// SPDX-License-Identifier: GPL-2.0
/* The flash tier: media, what is written to them, and how they bear it. */
#include <stdio.h>

#include "daemon/metrics_render.h"

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#define DAY		86400.0
/* The kernel has the amplification in thousandths. */
#define AMPLIFICATION	1000.0

static bool is_told(const struct state_media *m, unsigned int attr)
{
	return m->told >> attr & 1;
}

/* --- one figure --- */

/* What a device does not tell is not exported; the others are 0 at least. */
static const struct {
	const char *name, *help;
	unsigned int attr;
	bool optional;
	double unit;
} gauges[] = {
	{ "kvmem_media_bytes", "Size of the media.", KVMEM_A_MEDIA_BYTES, false, 1 },
	{ "kvmem_media_live_bytes", "Bytes of the blocks on it that can be read.",
	  KVMEM_A_MEDIA_LIVE_BYTES, false, 1 },
	{ "kvmem_media_blocks", "Blocks on it that can be read.",
	  KVMEM_A_MEDIA_BLOCKS, false, 1 },
	{ "kvmem_media_budget_threshold",
	  "Value, 0 to 65535, below which the write budget lets no block pass.",
	  KVMEM_A_MEDIA_BUDGET_THRESHOLD, false, 1 },
	{ "kvmem_media_endurance_used_ratio",
	  "Part of its endurance that is used up, as the device tells; may exceed 1.",
	  KVMEM_A_MEDIA_HEALTH_USED_PERCENT, true, 0.01 },
	{ "kvmem_media_spare_ratio", "Part of its spare capacity that is left.",
	  KVMEM_A_MEDIA_HEALTH_SPARE_PERCENT, true, 0.01 },
	{ "kvmem_media_life_seconds",
	  "Until the endurance is used up, at the mean rate of writing since attach.",
	  KVMEM_A_MEDIA_LIFE_DAYS, true, DAY },
};

static const struct {
	const char *name, *help;
	unsigned int attr;
	bool optional;
} counters[] = {
	{ "kvmem_media_data_bytes_total", "Bytes of blocks put to it, padding not included.",
	  KVMEM_A_MEDIA_DATA_BYTES, false },
	{ "kvmem_media_reclaimed_segments_total", "Segments that were reclaimed.",
	  KVMEM_A_MEDIA_RECLAIMED, false },
	{ "kvmem_media_evicted_blocks_total", "Blocks dropped with the segment they were in.",
	  KVMEM_A_MEDIA_EVICTED, false },
	{ "kvmem_media_discards_total", "Discard commands.",
	  KVMEM_A_MEDIA_DISCARD_COMMANDS, false },
	{ "kvmem_media_discard_ranges_total", "Ranges of them.",
	  KVMEM_A_MEDIA_DISCARD_RANGES, false },
	{ "kvmem_media_discarded_bytes_total", "Bytes of them.",
	  KVMEM_A_MEDIA_DISCARD_BYTES, false },
	{ "kvmem_media_device_errors_total", "Errors that the device has counted itself.",
	  KVMEM_A_MEDIA_HEALTH_MEDIA_ERRORS, true },
	{ "kvmem_media_device_written_bytes_total",
	  "Bytes written since the device was made, as it tells.",
	  KVMEM_A_MEDIA_HEALTH_WRITTEN_BYTES, true },
};

static bool anybody_tells(const struct state *state, unsigned int attr)
{
	const struct state_media *m;

	for (m = state->media; m; m = m->next)
		if (is_told(m, attr))
			return true;
	return false;
}

static void one_gauge(const struct state *state, struct buffer *b, unsigned int i)
{
	unsigned int attr = gauges[i].attr;
	const struct state_media *m;

	if (gauges[i].optional && !anybody_tells(state, attr))
		return;
	text_gauge(b, gauges[i].name, gauges[i].help);
	for (m = state->media; m; m = m->next)
		if (!gauges[i].optional || is_told(m, attr))
			text_double(b, gauges[i].name, LABELS({ "media", NAME(m->name) }),
				    (double)m->v[attr] * gauges[i].unit);
}

static void one_counter(const struct state *state, struct buffer *b, unsigned int i)
{
	unsigned int attr = counters[i].attr;
	const struct state_media *m;

	if (counters[i].optional && !anybody_tells(state, attr))
		return;
	text_counter(b, counters[i].name, counters[i].help);
	for (m = state->media; m; m = m->next)
		if (!counters[i].optional || is_told(m, attr))
			text_u64(b, counters[i].name, LABELS({ "media", NAME(m->name) }),
				 m->v[attr]);
}

/* --- a figure for each value of a label --- */

struct part {
	const char *value;
	unsigned int attr;
};

static const struct part written_bytes[] = {
	{ "put", KVMEM_A_MEDIA_PUT_BYTES },
	{ "reinsert", KVMEM_A_MEDIA_REINSERT_BYTES },
	{ "table", KVMEM_A_MEDIA_TABLE_BYTES },
};

static const struct part written_blocks[] = {
	{ "put", KVMEM_A_MEDIA_PUT_BLOCKS },
	{ "reinsert", KVMEM_A_MEDIA_REINSERT_BLOCKS },
	{ "table", KVMEM_A_MEDIA_TABLE_PAGES },
};

static const struct part refused[] = {
	{ "value", KVMEM_A_MEDIA_REFUSED_VALUE },
	{ "room", KVMEM_A_MEDIA_REFUSED_ROOM },
	{ "queue", KVMEM_A_MEDIA_REFUSED_QUEUE },
	{ "failed", KVMEM_A_MEDIA_REFUSED_FAILED },
};

static const struct part errors[] = {
	{ "get", KVMEM_A_MEDIA_FAILED_GETS },
	{ "read", KVMEM_A_MEDIA_READ_ERRORS },
	{ "write", KVMEM_A_MEDIA_WRITE_ERRORS },
	{ "discard", KVMEM_A_MEDIA_DISCARD_ERRORS },
	{ "corrupt", KVMEM_A_MEDIA_CORRUPT },
	{ "table", KVMEM_A_MEDIA_TABLES_DAMAGED },
};

static const struct part segments[] = {
	{ "free", KVMEM_A_MEDIA_SEGMENTS_FREE },
	{ "discard", KVMEM_A_MEDIA_SEGMENTS_DISCARD },
	{ "open", KVMEM_A_MEDIA_SEGMENTS_OPEN },
	{ "sealing", KVMEM_A_MEDIA_SEGMENTS_SEALING },
	{ "sealed", KVMEM_A_MEDIA_SEGMENTS_SEALED },
	{ "reclaim", KVMEM_A_MEDIA_SEGMENTS_RECLAIM },
	{ "orphan", KVMEM_A_MEDIA_SEGMENTS_ORPHAN },
	{ "bad", KVMEM_A_MEDIA_SEGMENTS_BAD },
};

static const struct part inflight[] = {
	{ "read", KVMEM_A_MEDIA_INFLIGHT_READ },
	{ "write", KVMEM_A_MEDIA_INFLIGHT_WRITE },
};

static const struct {
	const char *name, *label, *help;
	bool counter;
	const struct part *parts;
	size_t n;
} groups[] = {
	{ "kvmem_media_written_bytes_total", "reason",
	  "Bytes written: blocks put, blocks moved out of a segment under reclaim, and tables; padding included.",
	  true, written_bytes, COUNT(written_bytes) },
	{ "kvmem_media_written_blocks_total", "reason",
	  "Blocks put, blocks moved, and pages of tables.",
	  true, written_blocks, COUNT(written_blocks) },
	{ "kvmem_media_refused_blocks_total", "reason",
	  "Blocks not written: worth less than the write budget lets pass, no segment in time, too many waiting, or the write failed.",
	  true, refused, COUNT(refused) },
	{ "kvmem_media_errors_total", "kind",
	  "Gets that failed, transfers and discards that failed, blocks dropped by their checksum, and tables found damaged at attach.",
	  true, errors, COUNT(errors) },
	{ "kvmem_media_segments", "state", "Segments by what they are used for.",
	  false, segments, COUNT(segments) },
	{ "kvmem_media_inflight_bytes", "direction", "Transfers under way.",
	  false, inflight, COUNT(inflight) },
};

static void one_group(const struct state *state, struct buffer *b, unsigned int i)
{
	const struct state_media *m;
	size_t p;

	if (groups[i].counter)
		text_counter(b, groups[i].name, groups[i].help);
	else
		text_gauge(b, groups[i].name, groups[i].help);
	for (m = state->media; m; m = m->next)
		for (p = 0; p < groups[i].n; p++)
			text_u64(b, groups[i].name,
				 LABELS({ "media", NAME(m->name) },
					{ groups[i].label, groups[i].parts[p].value }),
				 m->v[groups[i].parts[p].attr]);
}

/* --- the rest --- */

static void info(const struct state *state, struct buffer *b)
{
	const struct state_media *m;
	char id[16];

	text_gauge(b, "kvmem_media_info", "Which media it is.");
	for (m = state->media; m; m = m->next) {
		snprintf(id, sizeof(id), "%u", m->id);
		text_u64(b, "kvmem_media_info",
			 LABELS({ "media", NAME(m->name) }, { "id", id },
				{ "path", m->path }, { "backend", m->backend }), 1);
	}
}

static void states(const struct state *state, struct buffer *b)
{
	const struct state_media *m;
	unsigned int i;

	text_gauge(b, "kvmem_media_state", "1 for what the media can be used for.");
	for (m = state->media; m; m = m->next)
		for (i = 0; state_media_state_name(i); i++)
			text_u64(b, "kvmem_media_state",
				 LABELS({ "media", NAME(m->name) },
					{ "state", state_media_state_name(i) }), m->state == i);
}

/* Without a budget both are absent; tokens below 0 are overdrawn. */
static void budget(const struct state *state, struct buffer *b)
{
	const char *name = "kvmem_media_write_budget_bytes";
	const struct state_media *m;

	text_gauge(b, name, "Bytes a day that may be written; absent without a bound.");
	for (m = state->media; m; m = m->next)
		if (m->write_budget)
			text_u64(b, name, LABELS({ "media", NAME(m->name) }), m->write_budget);
	name = "kvmem_media_budget_tokens_bytes";
	text_gauge(b, name, "Bytes saved up, below 0 when overdrawn; absent without a bound.");
	for (m = state->media; m; m = m->next)
		if (m->write_budget)
			text_double(b, name, LABELS({ "media", NAME(m->name) }),
				    (double)(int64_t)m->v[KVMEM_A_MEDIA_BUDGET_TOKENS]);
}

static void amplification(const struct state *state, struct buffer *b)
{
	const char *name = "kvmem_media_write_amplification_ratio";
	const struct state_media *m;

	text_gauge(b, name,
		   "Bytes written for puts and reclaim, by those for puts; tables apart; absent before the first.");
	for (m = state->media; m; m = m->next)
		if (m->v[KVMEM_A_MEDIA_WRITE_AMPLIFICATION])
			text_double(b, name, LABELS({ "media", NAME(m->name) }),
				    (double)m->v[KVMEM_A_MEDIA_WRITE_AMPLIFICATION] /
				    AMPLIFICATION);
}

static void waits(const struct state *state, struct buffer *b)
{
	const char *name = "kvmem_media_expected_wait_seconds";
	const struct state_media *m;

	text_gauge(b, name, "What the next transfer of 1 MiB is expected to take.");
	for (m = state->media; m; m = m->next) {
		text_double(b, name, LABELS({ "media", NAME(m->name) }, { "direction", "read" }),
			    (double)m->v[KVMEM_A_MEDIA_WAIT_READ_NS] / 1e9);
		text_double(b, name, LABELS({ "media", NAME(m->name) }, { "direction", "write" }),
			    (double)m->v[KVMEM_A_MEDIA_WAIT_WRITE_NS] / 1e9);
	}
}

void metrics_media(const struct state *state, struct buffer *b)
{
	unsigned int i;

	text_gauge_u64(b, "kvmem_daemon_media_missing",
		       "Media of the configuration that are not attached.", state->media_missing);
	if (!state->media)
		return;
	info(state, b);
	states(state, b);
	for (i = 0; i < COUNT(gauges); i++)
		one_gauge(state, b, i);
	for (i = 0; i < COUNT(counters); i++)
		one_counter(state, b, i);
	for (i = 0; i < COUNT(groups); i++)
		one_group(state, b, i);
	budget(state, b);
	amplification(state, b);
	waits(state, b);
}
