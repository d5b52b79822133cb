// SPDX-License-Identifier: GPL-2.0
/* The state of the module, and the size of its arena. */
#include <errno.h>
#include <string.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/decode.h"
#include "ctl/module.h"
#include "ctl/out.h"
#include "ctl/parse.h"
#include "ctl/sysfs.h"

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
	{ "expire interval", "settings.expire_interval_ms", OUT_MS },
	{ "ghost entries", "settings.ghost_max_entries", OUT_TEXT },
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

int cmd_status(struct ctl *c)
{
	json_t *root;
	int rc = module_get(c, &root);

	if (rc)
		return rc;
	json_put(root, "settings", settings());
	if (c->json)
		return out_json(root);
	out_fields(root, status_columns, stdout);
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

static int size_option(const struct args *args, const char *name, uint64_t *bytes)
{
	const char *text = args_get(args, name);

	if (text && parse_size(text, bytes))
		return ctl_usage("--%s %s: want bytes, as 512M or 10G", name, text);
	return 0;
}

static int write_size(const struct args *args, const char *name, const char *file,
		      uint64_t bytes, const char *want)
{
	int err;

	if (!args_has(args, name))
		return CTL_OK;
	err = sysfs_write(file, bytes);
	switch (err) {
	case 0:
		return CTL_OK;
	case -ENOENT:
		ctl_error("--%s: /sys/class/misc/kvmem/%s is absent: is kvmem loaded?", name,
			  file);
		return CTL_NO_MODULE;
	case -EINVAL:
	case -ERANGE:
		ctl_error("--%s: the kernel refuses %llu bytes (%s): want %s", name,
			  (unsigned long long)bytes, strerror(-err), want);
		return CTL_FAILED;
	default:
		ctl_error("--%s: %s", name, strerror(-err));
		return ctl_exit_of(-err);
	}
}

static json_t *arena_json(void)
{
	static const struct {
		const char *name, *file;
	} fields[] = {
		{ "target_bytes", "arena_bytes" },
		{ "limit_bytes", "arena_limit_bytes" },
		{ "floor_bytes", "arena_floor_bytes" },
		{ "allocated_bytes", "arena_allocated_bytes" },
		{ "free_bytes", "arena_free_bytes" },
		{ "quarantined_bytes", "arena_quarantined_bytes" },
		{ "huge_bytes", "arena_huge_bytes" },
	};
	json_t *o = json_object();
	uint64_t v;
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		json_put(o, fields[i].name, sysfs_read(fields[i].file, &v) ? json_null() :
			 json_number(v));
	return o;
}

int cmd_arena_set(struct ctl *c)
{
	uint64_t bytes = 0, floor = 0;
	json_t *arena;
	int rc;

	if (!c->args->nr_opts)
		return ctl_usage("--bytes or --floor is needed");
	rc = size_option(c->args, "bytes", &bytes);
	if (!rc)
		rc = size_option(c->args, "floor", &floor);
	if (rc)
		return rc;
	if (args_has(c->args, "bytes") && floor > bytes)
		return ctl_usage("the floor is above the size");
	/* In this order: a floor above the present size may be meant. */
	rc = write_size(c->args, "bytes", "arena_bytes", bytes,
			"2 MiB to the memory of the machine");
	if (!rc)
		rc = write_size(c->args, "floor", "arena_floor_bytes", floor,
				"at most the size of the arena");
	if (rc)
		return rc;
	arena = arena_json();
	if (c->json)
		return out_json(arena);
	out_fields(arena, arena_columns, stdout);
	json_decref(arena);
	return CTL_OK;
}
