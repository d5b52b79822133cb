// SPDX-License-Identifier: GPL-2.0
/* The state of the module, and the size of its arena. */
#include <string.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/daemon.h"
#include "ctl/decode.h"
#include "ctl/module.h"
#include "ctl/nl.h"
#include "ctl/object.h"
#include "ctl/out.h"
#include "ctl/parse.h"
#include "ctl/peer.h"
#include "ctl/sysfs.h"

const struct arg_spec status_specs[] = {
	{ .name = "socket" },
	{ .name = NULL }
};

const struct arg_spec arena_specs[] = {
	{ .name = "bytes" },
	{ .name = "floor" },
	{ .name = NULL }
};

static const struct column status_columns[] = {
	{ "version", "version", OUT_TEXT },
	{ "abi version", "abi_version", OUT_TEXT },
	{ "quiesced", "quiesced", OUT_TEXT },
	{ "open files", "open_files", OUT_TEXT },
	{ "namespaces", "namespaces", OUT_TEXT },
	{ "watermark", "watermark", OUT_TEXT },
	{ "arena target", "arena.target_bytes", OUT_BYTES },
	{ "arena limit", "arena.limit_bytes", OUT_BYTES },
	{ "arena floor", "arena.floor_bytes", OUT_BYTES },
	{ "arena allocated", "arena.allocated_bytes", OUT_BYTES },
	{ "arena free", "arena.free_bytes", OUT_BYTES },
	{ "arena quarantined", "arena.quarantined_bytes", OUT_BYTES },
	{ "arena huge pages", "arena.huge_bytes", OUT_BYTES },
	{ "flash", "flash.bytes", OUT_LIMIT },
	{ "on flash", "flash.live_bytes", OUT_LIMIT },
	{ "blocks on flash", "flash.blocks", OUT_TEXT },
	{ "peers", "cluster.peers", OUT_TEXT },
	{ "peers up", "cluster.peers_up", OUT_TEXT },
	{ "placement map", "cluster.epoch", OUT_COUNT_LIMIT },
	{ "expire interval", "settings.expire_interval_ms", OUT_MS },
	{ "ghost entries", "settings.ghost_max_entries", OUT_TEXT },
	{ "kvmemd", "daemon.state", OUT_TEXT },
	{ "kvmemd version", "daemon.version", OUT_TEXT },
	{ NULL, NULL, 0 }
};

/* What is only in sysfs; null where that is not mounted */
static json_t *settings(void)
{
	static const char * const files[] = { "expire_interval_ms", "ghost_max_entries" };
	json_t *o = json_object();
	uint64_t v;
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(*files); i++)
		json_put(o, files[i], sysfs_read(files[i], &v) ? json_null() :
			 json_number(v));
	return o;
}

static const struct column media_columns[] = {
	{ "MEDIA", "name", OUT_TEXT },
	{ "STATE", "state", OUT_TEXT },
	{ "PATH", "path", OUT_TEXT },
	{ "SIZE", "bytes", OUT_BYTES },
	{ "LIVE", "live_bytes", OUT_BYTES },
	{ "BLOCKS", "blocks", OUT_TEXT },
	{ NULL, NULL, 0 }
};

static json_t *flash_json(const json_t *media)
{
	uint64_t bytes = 0, live = 0, blocks = 0;
	json_t *o = json_object();
	size_t i;

	for (i = 0; i < json_array_size(media); i++) {
		bytes += json_get_u64(json_array_get(media, i), "bytes");
		live += json_get_u64(json_array_get(media, i), "live_bytes");
		blocks += json_get_u64(json_array_get(media, i), "blocks");
	}
	json_put(o, "media", json_number(json_array_size(media)));
	json_put(o, "bytes", json_number(bytes));
	json_put(o, "live_bytes", json_number(live));
	json_put(o, "blocks", json_number(blocks));
	return o;
}

/* A module of before there were peers tells nothing of any. */
static json_t *cluster_json(struct ctl *c)
{
	json_t *peers = NULL, *map = NULL, *o = json_object(), *peer;
	char message[256];
	const char *state;
	size_t i, up = 0;
	int rc;

	ctl_error_keep(message, sizeof(message));
	rc = peer_get_all(c, &peers);
	if (!rc)
		rc = map_get(c, &map);
	ctl_error_keep(NULL, 0);
	json_array_foreach(peers, i, peer) {
		state = json_string_value(json_object_get(peer, "state"));
		up += state && strcmp(state, "down");
	}
	if (!rc) {
		json_put(o, "peers", json_number(json_array_size(peers)));
		json_put(o, "peers_up", json_number(up));
		json_put(o, "epoch", json_number(json_get_u64(map, "epoch")));
		json_put(o, "previous_epoch", json_number(json_get_u64(map, "previous_epoch")));
	}
	json_decref(peers);
	json_decref(map);
	return o;
}

/* The data path does not need it: that it is away is no failure. */
static json_t *daemon_json(struct ctl *c)
{
	json_t *report, *o = json_object();
	int err = daemon_read(daemon_socket(c->args), &report);

	json_put(o, "state", json_string(daemon_state(err)));
	json_put(o, "version", err ? json_null() :
		 json_incref(json_object_get(report, "version")));
	json_decref(report);
	return o;
}

int cmd_status(struct ctl *c)
{
	json_t *root, *media;
	int rc = module_get(c, &root);

	if (rc)
		return rc;
	rc = object_get_all(c, &media_kind, &media);
	if (rc) {
		json_decref(root);
		return rc;
	}
	json_put(root, "flash", flash_json(media));
	json_put(root, "media", media);
	json_put(root, "cluster", cluster_json(c));
	json_put(root, "settings", settings());
	json_put(root, "daemon", daemon_json(c));
	if (c->json)
		return out_json(root);
	out_fields(root, status_columns, stdout);
	if (json_array_size(media)) {
		putchar('\n');
		out_table(media, media_columns, stdout);
	}
	json_decref(root);
	return CTL_OK;
}

/* --- arena set --- */

static const struct column arena_columns[] = {
	{ "target", "target_bytes", OUT_BYTES },
	{ "limit", "limit_bytes", OUT_BYTES },
	{ "floor", "floor_bytes", OUT_BYTES },
	{ "allocated", "allocated_bytes", OUT_BYTES },
	{ NULL, NULL, 0 }
};

static size_t put_u64(char *at, uint16_t attr, uint64_t v)
{
	struct nlattr head = { NLA_HDRLEN + sizeof(v), attr };

	memcpy(at, &head, sizeof(head));
	memcpy(at + NLA_HDRLEN, &v, sizeof(v));
	return NLA_HDRLEN + sizeof(v);
}

static int size_option(const struct args *args, const char *name, uint64_t *bytes)
{
	const char *text = args_get(args, name);

	if (text && parse_size(text, bytes))
		return ctl_usage("--%s %s: want bytes, as 512M or 10G", name, text);
	return 0;
}

/* Both in one request: the kernel takes them together or not at all. */
static int set_arena(struct ctl *c, const uint64_t *bytes, const uint64_t *floor)
{
	struct nl_msg *msg = ctl_nl_request(KVMEM_CMD_ARENA_SET);
	char nest[2 * (NLA_HDRLEN + sizeof(uint64_t))];
	size_t n = 0;

	if (bytes)
		n += put_u64(nest + n, KVMEM_A_ARENA_TARGET, *bytes);
	if (floor)
		n += put_u64(nest + n, KVMEM_A_ARENA_FLOOR, *floor);
	ctl_put(msg, KVMEM_A_ARENA | NLA_F_NESTED, nest, n);
	return ctl_nl_call(c->nl, msg, NULL, NULL);
}

static int show_arena(struct ctl *c)
{
	json_t *root, *arena;
	int rc = module_get(c, &root);

	if (rc)
		return rc;
	arena = json_incref(json_object_get(root, "arena"));
	json_decref(root);
	if (c->json)
		return out_json(arena);
	out_fields(arena, arena_columns, stdout);
	json_decref(arena);
	return CTL_OK;
}

int cmd_arena_set(struct ctl *c)
{
	bool has_bytes = args_has(c->args, "bytes"), has_floor = args_has(c->args, "floor");
	uint64_t bytes = 0, floor = 0;
	int rc;

	if (!has_bytes && !has_floor)
		return ctl_usage("--bytes or --floor is needed");
	rc = size_option(c->args, "bytes", &bytes);
	if (!rc)
		rc = size_option(c->args, "floor", &floor);
	if (rc)
		return rc;
	if (has_bytes && floor > bytes)
		return ctl_usage("the floor is above the size");
	rc = set_arena(c, has_bytes ? &bytes : NULL, has_floor ? &floor : NULL);
	return rc ? rc : show_arena(c);
}
