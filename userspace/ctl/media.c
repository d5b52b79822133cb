// SPDX-License-Identifier: GPL-2.0
/* Media that are attached. */
#include <linux/kvmem_netlink.h>
#include <string.h>
#include <time.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/decode.h"
#include "ctl/media.h"
#include "ctl/nl.h"
#include "ctl/object.h"
#include "ctl/out.h"
#include "ctl/settings.h"

#define ATTACH_WAIT_S	600
#define MAX_PATH	255	/* what the kernel takes */
#define MAX_NS_NAME	63

const struct arg_spec media_attach_specs[] = {
	{ .name = "name" },
	{ .name = "uuid", .attr = KVMEM_A_UUID },
	{ .name = "wait", .flag = true },
	{ .name = NULL }
};

const struct arg_spec media_set_specs[] = {
	{ .name = "write-budget", .attr = KVMEM_A_WRITE_BUDGET },
	{ .name = NULL }
};

static const struct column list_columns[] = {
	{ "ID", "id", OUT_TEXT },
	{ "NAME", "name", OUT_TEXT },
	{ "STATE", "state", OUT_TEXT },
	{ "PATH", "path", OUT_TEXT },
	{ "SIZE", "bytes", OUT_BYTES },
	{ "LIVE", "live_bytes", OUT_BYTES },
	{ "BLOCKS", "blocks", OUT_TEXT },
	{ "SEGMENTS", "segments.total", OUT_TEXT },
	{ "FREE", "segments.free", OUT_TEXT },
	{ "WRITTEN", "written.put_bytes", OUT_BYTES },
	{ "AMPLIFIED", "written.amplification", OUT_TEXT },
	{ "BUDGET/DAY", "write_budget_bytes_per_day", OUT_LIMIT },
	{ NULL, NULL, 0 }
};

static const struct column show_columns[] = {
	{ "id", "id", OUT_TEXT },
	{ "name", "name", OUT_TEXT },
	{ "state", "state", OUT_TEXT },
	{ "path", "path", OUT_TEXT },
	{ "backend", "backend", OUT_TEXT },
	{ "uuid", "uuid", OUT_TEXT },
	{ "label", "label", OUT_TEXT },
	{ "size", "bytes", OUT_BYTES },
	{ "blocks", "blocks", OUT_TEXT },
	{ "live", "live_bytes", OUT_BYTES },
	{ "segment size", "segment_bytes", OUT_BYTES },
	{ "segments", "segments.total", OUT_TEXT },
	{ "segments free", "segments.free", OUT_TEXT },
	{ "segments to discard", "segments.discard", OUT_TEXT },
	{ "segments open", "segments.open", OUT_TEXT },
	{ "segments sealing", "segments.sealing", OUT_TEXT },
	{ "segments sealed", "segments.sealed", OUT_TEXT },
	{ "segments under reclaim", "segments.reclaim", OUT_TEXT },
	{ "segments orphaned", "segments.orphan", OUT_TEXT },
	{ "segments bad", "segments.bad", OUT_TEXT },
	{ "written for puts", "written.put_bytes", OUT_BYTES },
	{ "written again", "written.reinsert_bytes", OUT_BYTES },
	{ "written for tables", "written.table_bytes", OUT_BYTES },
	{ "write amplification", "written.amplification", OUT_TEXT },
	{ "not written: value", "refused.value", OUT_TEXT },
	{ "not written: room", "refused.room", OUT_TEXT },
	{ "not written: queue", "refused.queue", OUT_TEXT },
	{ "not written: failed", "refused.failed", OUT_TEXT },
	{ "segments reclaimed", "reclaimed_segments", OUT_TEXT },
	{ "blocks evicted", "evicted_blocks", OUT_TEXT },
	{ "failed gets", "errors.failed_gets", OUT_TEXT },
	{ "read errors", "errors.read", OUT_TEXT },
	{ "write errors", "errors.write", OUT_TEXT },
	{ "discard errors", "errors.discard", OUT_TEXT },
	{ "blocks corrupt", "errors.corrupt_blocks", OUT_TEXT },
	{ "tables damaged", "errors.damaged_tables", OUT_TEXT },
	{ "discards", "discards.commands", OUT_TEXT },
	{ "ranges discarded", "discards.ranges", OUT_TEXT },
	{ "discarded", "discards.bytes", OUT_BYTES },
	{ "budget a day", "write_budget_bytes_per_day", OUT_LIMIT },
	{ "budget threshold", "budget.threshold", OUT_TEXT },
	{ "reads under way", "load.read_bytes", OUT_BYTES },
	{ "writes under way", "load.write_bytes", OUT_BYTES },
	{ "expected wait, read", "load.read_wait_ns", OUT_NS },
	{ "expected wait, write", "load.write_wait_ns", OUT_NS },
	{ "segments scanned", "scan.segments", OUT_TEXT },
	{ "blocks scanned", "scan.blocks", OUT_TEXT },
	{ "scan time", "scan.ns", OUT_NS },
	{ "endurance used", "health.used_percent", OUT_PERCENT },
	{ "spare left", "health.spare_percent", OUT_PERCENT },
	{ "life left, days", "health.life_days", OUT_TEXT },
	{ NULL, NULL, 0 }
};

static const struct column segment_columns[] = {
	{ "SEGMENT", "number", OUT_TEXT },
	{ "STATE", "state", OUT_TEXT },
	{ "GENERATION", "generation", OUT_TEXT },
	{ "NS", "ns_id", OUT_TEXT },
	{ "SLOT", "slot", OUT_TEXT },
	{ "FILL", "fill_bytes", OUT_BYTES },
	{ "LIVE", "live_bytes", OUT_BYTES },
	{ "BLOCKS", "live_blocks", OUT_TEXT },
	{ "PAGES", "pages", OUT_TEXT },
	{ "GONE", "gone", OUT_TEXT },
	{ "TEMPERATURE", "temperature", OUT_TEXT },
	{ NULL, NULL, 0 }
};

static const struct column slot_columns[] = {
	{ "SLOT", "slot", OUT_TEXT },
	{ "NAME", "name", OUT_TEXT },
	{ "UID", "uid", OUT_TEXT },
	{ "GID", "gid", OUT_TEXT },
	{ "MODE", "mode", OUT_TEXT },
	{ "NS", "ns_id", OUT_TEXT },
	{ "FINGERPRINT", "fingerprint", OUT_TEXT },
	{ NULL, NULL, 0 }
};

const struct object_kind media_kind = {
	.noun = "media",
	.new = KVMEM_CMD_MEDIA_ATTACH,
	.set = KVMEM_CMD_MEDIA_SET,
	.del = KVMEM_CMD_MEDIA_DETACH,
	.get = KVMEM_CMD_MEDIA_GET,
	.decode = decode_media,
	.list = list_columns,
	.show = show_columns,
};

int cmd_media_list(struct ctl *c)
{
	return object_list(c, &media_kind);
}

int cmd_media_show(struct ctl *c)
{
	return object_show(c, &media_kind);
}

int cmd_media_detach(struct ctl *c)
{
	return object_delete(c, &media_kind);
}

int cmd_media_set(struct ctl *c)
{
	return object_set(c, &media_kind);
}

static int attach_put(struct nl_msg *msg, const struct args *args)
{
	const char *name = args_get(args, "name"), *path = args->pos[0];
	int rc = name ? new_name_put(msg, name) : 0;

	if (rc)
		return rc;
	if (!*path || strlen(path) > MAX_PATH)
		return ctl_usage("a path has 1 to %d characters", MAX_PATH);
	ctl_put_string(msg, KVMEM_A_PATH, path);
	return settings_put(msg, args);
}

static bool is_state(json_t *media, const char *state)
{
	const char *now = json_string_value(json_object_get(media, "state"));

	return now && !strcmp(now, state);
}

/* Until its tables have been read, or it is clear that they will not be. */
static int attach_wait(struct ctl *c, const char *name)
{
	const struct timespec step = { .tv_nsec = 50000000 };
	unsigned int i;
	json_t *media;
	bool busy = true, ok;
	int rc;

	for (i = 0; i < ATTACH_WAIT_S * 20; i++) {
		rc = object_get(c, &media_kind, name, &media);
		if (rc)
			return rc;
		busy = is_state(media, "attaching");
		ok = is_state(media, "live") || is_state(media, "read-only");
		json_decref(media);
		if (ok)
			return CTL_OK;
		if (!busy)
			break;
		nanosleep(&step, NULL);
	}
	ctl_error("%s %s", name, busy ? "is still being read" : "could not be read");
	return CTL_FAILED;
}

int cmd_media_attach(struct ctl *c)
{
	struct nl_msg *msg = ctl_nl_request(KVMEM_CMD_MEDIA_ATTACH);
	int rc = attach_put(msg, c->args);
	json_t *made;

	if (rc) {
		nlmsg_free(msg);
		return rc;
	}
	rc = object_send(c, msg, &made);
	if (rc)
		return rc;
	if (args_has(c->args, "wait"))
		rc = attach_wait(c, json_string_value(json_object_get(made, "name")));
	if (!rc)
		return object_tell(c, &media_kind, made);
	json_decref(made);
	return rc;
}

static int print_parts(struct ctl *c, int cmd, json_t *(*decode)(struct nlattr **tb),
		       const struct column *columns)
{
	json_t *all;
	int rc = object_dump_parts(c, cmd, c->args->pos[0], decode, &all);

	if (rc)
		return rc;
	if (c->json)
		return out_json(all);
	out_table(all, columns, stdout);
	json_decref(all);
	return CTL_OK;
}

int cmd_media_segments(struct ctl *c)
{
	return print_parts(c, KVMEM_CMD_SEGMENT_GET, decode_segment, segment_columns);
}

int cmd_media_directory(struct ctl *c)
{
	return print_parts(c, KVMEM_CMD_MEDIA_NS_GET, decode_slot, slot_columns);
}

int cmd_media_forget_ns(struct ctl *c)
{
	struct nl_msg *msg = ctl_nl_request(KVMEM_CMD_MEDIA_NS_FORGET);
	const char *ns = c->args->pos[1];
	int rc = object_put(msg, c->args->pos[0]);

	if (!rc && (!*ns || strlen(ns) > MAX_NS_NAME))
		rc = ctl_usage("the name of a namespace has 1 to %d characters", MAX_NS_NAME);
	if (rc) {
		nlmsg_free(msg);
		return rc;
	}
	ctl_put_string(msg, KVMEM_A_NS_NAME, ns);
	rc = ctl_nl_call(c->nl, msg, NULL, NULL);
	if (rc || !c->json)
		return rc;
	return out_json(object_json(c->args->pos[0]));
}
