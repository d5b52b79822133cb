// SPDX-License-Identifier: GPL-2.0
/* media format, check and dump: without the module, on devices and files. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/media.h"
#include "ctl/media_json.h"
#include "ctl/out.h"
#include "ctl/parse.h"
#include "media/check.h"
#include "media/media.h"

#define OFFLINE_FINDINGS	1000	/* told one by one; the others are counted */

const struct arg_spec media_format_specs[] = {
	{ .name = "label" },
	{ .name = "segment-size" },
	{ .name = "uuid" },
	{ .name = "force", .flag = true },
	{ .name = "no-discard", .flag = true },
	{ .name = NULL }
};

const struct arg_spec media_check_specs[] = {
	{ .name = "data", .flag = true },
	{ .name = "force", .flag = true },
	{ .name = NULL }
};

const struct arg_spec media_dump_specs[] = {
	{ .name = "segment" },
	{ .name = "keys", .flag = true },
	{ .name = NULL }
};

/* Progress ---------------------------------------------------------------- */

struct offline_progress {
	struct timespec last;
	bool shown;
};

static bool offline_due(struct offline_progress *p)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (p->shown && (now.tv_sec - p->last.tv_sec) * 1000 +
			(now.tv_nsec - p->last.tv_nsec) / 1000000 < 200)
		return false;
	p->last = now;
	return true;
}

static void offline_clear(struct offline_progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}

static void offline_tell(void *arg, const char *what, uint64_t done, uint64_t total)
{
	struct offline_progress *p = arg;

	if (done == total) {
		offline_clear(p);
		return;
	}
	if (!offline_due(p))
		return;
	fprintf(stderr, "\r%s: %u %%\033[K", what, (unsigned int)(done * 100 / total));
	fflush(stderr);
	p->shown = true;
}

static struct media_progress offline_progress(struct offline_progress *p)
{
	*p = (struct offline_progress){ 0 };
	return (struct media_progress){ isatty(STDERR_FILENO) ? offline_tell : NULL, p };
}

/* format ------------------------------------------------------------------ */

/* With or without the usual dashes */
static int offline_uuid(const char *text, uint8_t *uuid)
{
	char hex[2 * KVMEM_MEDIA_UUID_LEN + 1];
	size_t n = 0;

	for (; *text; text++) {
		if (*text == '-')
			continue;
		if (n == sizeof(hex) - 1)
			return -EINVAL;
		hex[n++] = *text;
	}
	hex[n] = 0;
	return parse_hex(hex, uuid, KVMEM_MEDIA_UUID_LEN);
}

static const char *offline_label_problem(const char *label)
{
	if (strlen(label) >= KVMEM_MEDIA_LABEL_LEN)
		return "is longer than 31 characters";
	for (; *label; label++)
		if (*label < ' ' || *label > '~')
			return "has characters that are not printable ASCII";
	return NULL;
}

static int offline_segment_size(const char *text, uint32_t *bytes)
{
	uint64_t v;

	if (parse_size(text, &v) || v < KVMEM_MEDIA_MIN_SEGMENT ||
	    v > KVMEM_MEDIA_MAX_SEGMENT || (v & (v - 1)))
		return ctl_usage("--segment-size %s: want a power of two from 256K to 1G", text);
	*bytes = (uint32_t)v;
	return 0;
}

static int offline_format_args(const struct args *args, struct media_format *how)
{
	const char *uuid = args_get(args, "uuid"), *size = args_get(args, "segment-size");
	const char *problem;

	how->label = args_get(args, "label");
	problem = how->label ? offline_label_problem(how->label) : NULL;
	if (problem)
		return ctl_usage("--label %s", problem);
	if (uuid && offline_uuid(uuid, how->uuid))
		return ctl_usage("--uuid %s: want 32 hex digits", uuid);
	how->uuid_given = uuid;
	how->force = args_has(args, "force");
	how->discard = !args_has(args, "no-discard");
	return size ? offline_segment_size(size, &how->segment_bytes) : 0;
}

static const struct column offline_super_columns[] = {
	{ "uuid", "uuid", OUT_TEXT },
	{ "label", "label", OUT_TEXT },
	{ "size", "media_bytes", OUT_BYTES },
	{ "segments", "nr_segments", OUT_TEXT },
	{ "segment size", "segment_bytes", OUT_BYTES },
	{ "first segment at", "first_segment", OUT_TEXT },
	{ "directory at", "directory", OUT_TEXT },
	{ "second directory at", "directory_copy", OUT_TEXT },
	{ "namespaces at most", "slots", OUT_TEXT },
	{ "largest block size", "unit", OUT_TEXT },
	{ "created", "created", OUT_TEXT },
	{ "generation", "generation", OUT_TEXT },
	{ NULL, NULL, 0 }
};

static int offline_formatted(struct ctl *c, const char *path, const struct media_format *how)
{
	json_t *j = media_json_super(&how->super);

	json_object_set_new(j, "path", json_string(path));
	json_object_set_new(j, "discarded", json_boolean(how->discarded));
	json_object_set_new(j, "wiped", *how->found ? json_string(how->found) : json_null());
	if (c->json)
		return out_json(j);
	if (*how->found)
		printf("wiped: %s\n", how->found);
	out_fields(j, offline_super_columns, stdout);
	json_decref(j);
	return CTL_OK;
}

int cmd_media_format(struct ctl *c)
{
	const char *path = c->args->pos[0];
	struct offline_progress shown;
	struct media_progress progress = offline_progress(&shown);
	struct media_format how = { .progress = &progress };
	int err = offline_format_args(c->args, &how);

	if (err)
		return err;
	err = media_format(path, &how);
	offline_clear(&shown);
	if (!err)
		return offline_formatted(c, path, &how);
	ctl_error("%s%s", how.error, err == -EEXIST ? "; --force destroys it" : "");
	return ctl_exit_of(-err);
}

/* check ------------------------------------------------------------------- */

struct offline_check {
	struct offline_progress progress;
	bool json;
	json_t *list;
};

static void offline_finding(void *arg, const struct media_finding *f)
{
	struct offline_check *o = arg;

	if (json_array_size(o->list) == OFFLINE_FINDINGS)
		return;
	json_array_append_new(o->list, media_json_finding(f));
	if (o->json)
		return;
	offline_clear(&o->progress);
	printf("%s\n", f->text);
}

static int offline_trouble(const char *path, int err)
{
	if (err == -ENOTBLK)
		ctl_error("%s is neither a block device nor a file", path);
	else
		ctl_error("%s: %s", path, strerror(-err));
	return MEDIA_CHECK_TROUBLE;
}

/* What somebody writes at the same time is a moving target; --force looks all the same. */
static int offline_open(struct media_file *f, const char *path, bool force)
{
	int err = media_open(f, path, MEDIA_READ_ALONE);

	if (err != -EBUSY)
		return err ? offline_trouble(path, err) : 0;
	if (!force) {
		ctl_error("%s is in use, perhaps attached; --force checks it nevertheless, and "
			  "what changes meanwhile looks like damage", path);
		return MEDIA_CHECK_TROUBLE;
	}
	ctl_error("%s is in use: what changes meanwhile looks like damage", path);
	err = media_open(f, path, MEDIA_READ);
	return err ? offline_trouble(path, err) : 0;
}

static const struct column offline_check_columns[] = {
	{ "verdict", "verdict", OUT_TEXT },
	{ "findings", "findings", OUT_TEXT },
	{ "uuid", "super.uuid", OUT_TEXT },
	{ "label", "super.label", OUT_TEXT },
	{ "namespaces", "namespaces", OUT_TEXT },
	{ "segments used", "segments.used", OUT_TEXT },
	{ "segments free", "segments.free", OUT_TEXT },
	{ "segments released", "segments.released", OUT_TEXT },
	{ "segments damaged", "segments.damaged", OUT_TEXT },
	{ "blocks", "blocks.live", OUT_TEXT },
	{ "bytes", "blocks.live_bytes", OUT_BYTES },
	{ "superseded", "blocks.superseded", OUT_TEXT },
	{ "deleted", "blocks.gone", OUT_TEXT },
	{ "expired", "blocks.expired", OUT_TEXT },
	{ "verified", "blocks.verified", OUT_TEXT },
	{ "corrupt", "blocks.corrupt", OUT_TEXT },
	{ NULL, NULL, 0 }
};

static int offline_checked(struct ctl *c, const char *path, const struct media_check *check,
			   json_t *list)
{
	static const int status[] = {
		[MEDIA_CLEAN] = MEDIA_CHECK_CLEAN,
		[MEDIA_DAMAGED] = MEDIA_CHECK_DAMAGED,
		[MEDIA_NOT_ATTACHABLE] = MEDIA_CHECK_NOT_ATTACHABLE,
	};
	json_t *j = media_json_check(check);
	int err;

	json_object_set_new(j, "path", json_string(path));
	json_object_set(j, "list", list);
	if (c->json) {
		err = out_json(j);
		return err ? MEDIA_CHECK_TROUBLE : status[check->verdict];
	}
	if (check->findings > OFFLINE_FINDINGS)
		printf("and %llu more\n",
		       (unsigned long long)(check->findings - OFFLINE_FINDINGS));
	out_fields(j, offline_check_columns, stdout);
	json_decref(j);
	return out_flush() ? MEDIA_CHECK_TROUBLE : status[check->verdict];
}

int cmd_media_check(struct ctl *c)
{
	const char *path = c->args->pos[0];
	struct offline_check o = { .json = c->json };
	struct media_progress progress = offline_progress(&o.progress);
	struct media_check check = {
		.data = args_has(c->args, "data"),
		.now = (uint64_t)time(NULL),
		.finding = offline_finding,
		.arg = &o,
		.progress = &progress,
	};
	struct media_file f;
	int rc = offline_open(&f, path, args_has(c->args, "force"));

	if (rc)
		return rc;
	o.list = json_array();
	rc = media_check(&f, &check);
	media_close(&f);
	offline_clear(&o.progress);
	rc = rc ? offline_trouble(path, rc) : offline_checked(c, path, &check, o.list);
	json_decref(o.list);
	return rc;
}

/* dump -------------------------------------------------------------------- */

static const struct column offline_slot_columns[] = {
	{ "SLOT", "slot", OUT_TEXT },
	{ "GENERATION", "generation", OUT_TEXT },
	{ "NAME", "name", OUT_TEXT },
	{ "UID", "uid", OUT_TEXT },
	{ "GID", "gid", OUT_TEXT },
	{ "MODE", "mode", OUT_TEXT },
	{ "CREATED", "created", OUT_TEXT },
	{ "FINGERPRINT", "fingerprint", OUT_TEXT },
	{ NULL, NULL, 0 }
};

static const struct column offline_segment_columns[] = {
	{ "SEGMENT", "segment", OUT_TEXT },
	{ "STATE", "state", OUT_TEXT },
	{ "GENERATION", "generation", OUT_TEXT },
	{ "SLOT", "slot", OUT_TEXT },
	{ "SLOT-GENERATION", "slot_generation", OUT_TEXT },
	{ "TEMPERATURE", "temperature", OUT_TEXT },
	{ "PAGES", "pages", OUT_TEXT },
	{ "BLOCKS", "blocks", OUT_TEXT },
	{ "GONE", "gone", OUT_TEXT },
	{ "BYTES", "bytes", OUT_BYTES },
	{ "END", "end", OUT_TEXT },
	{ NULL, NULL, 0 }
};

static const struct column offline_entry_columns[] = {
	{ "PAGE", "page", OUT_TEXT },
	{ "ENTRY", "entry", OUT_TEXT },
	{ "TYPE", "type", OUT_TEXT },
	{ "KEY", "key", OUT_TEXT },
	{ "OFFSET", "offset", OUT_TEXT },
	{ "LENGTH", "length", OUT_TEXT },
	{ "CRC", "crc", OUT_TEXT },
	{ "CLASS", "class", OUT_TEXT },
	{ "PRIORITY", "priority", OUT_TEXT },
	{ "HITS", "hits", OUT_TEXT },
	{ "COST", "cost", OUT_TEXT },
	{ "LAST-USE", "last_use", OUT_TEXT },
	{ "EXPIRES", "expires", OUT_TEXT },
	{ "OF-SEGMENT", "of_segment", OUT_TEXT },
	{ "OF-GENERATION", "of_generation", OUT_TEXT },
	{ NULL, NULL, 0 }
};

struct offline_dump {
	uint64_t segment;	/* UINT64_MAX: all, without entries */
	bool keys;
};

static int offline_dump_args(const struct args *args, struct offline_dump *d)
{
	d->keys = args_has(args, "keys");
	if (d->keys && !args_has(args, "segment"))
		return ctl_usage("--keys needs --segment");
	return args_count(args, "segment", UINT32_MAX, UINT64_MAX, &d->segment);
}

static void offline_dump_text(const json_t *j)
{
	out_fields(json_object_get(j, "super"), offline_super_columns, stdout);
	putchar('\n');
	out_table(json_object_get(j, "namespaces"), offline_slot_columns, stdout);
	putchar('\n');
	out_table(json_object_get(j, "segments"), offline_segment_columns, stdout);
	if (!json_object_get(j, "entries"))
		return;
	putchar('\n');
	out_table(json_object_get(j, "entries"), offline_entry_columns, stdout);
}

static int offline_dump_loaded(struct ctl *c, const struct media *m,
			       const struct offline_dump *d)
{
	json_t *j;

	if (d->segment != UINT64_MAX && d->segment >= m->super.nr_segments) {
		ctl_error("there is no segment %llu; they are 0 to %u",
			  (unsigned long long)d->segment, m->super.nr_segments - 1);
		return CTL_NO_OBJECT;
	}
	j = media_json_dump(m, d->segment, d->keys);
	if (!j) {
		ctl_error("%s", strerror(ENOMEM));
		return CTL_FAILED;
	}
	if (c->json)
		return out_json(j);
	offline_dump_text(j);
	json_decref(j);
	return CTL_OK;
}

static int offline_not_loaded(const char *path, const struct media *m, int err)
{
	int i;

	if (err != -EINVAL) {
		ctl_error("%s: %s", path, strerror(-err));
		return CTL_FAILED;
	}
	for (i = 0; i < 2; i++)
		ctl_error("%s: superblock at byte %llu: %s", path,
			  (unsigned long long)m->supers[i].at,
			  m->supers[i].io ? strerror(m->supers[i].io) :
			  kvmem_format_text(m->supers[i].what));
	return CTL_FAILED;
}

int cmd_media_dump(struct ctl *c)
{
	const char *path = c->args->pos[0];
	struct offline_dump d;
	struct media m;
	int rc = offline_dump_args(c->args, &d);

	if (rc)
		return rc;
	rc = media_open(&m.file, path, MEDIA_READ);
	if (rc) {
		offline_trouble(path, rc);
		return ctl_exit_of(-rc);
	}
	rc = media_load(&m);
	if (rc)
		rc = offline_not_loaded(path, &m, rc);
	else
		rc = offline_dump_loaded(c, &m, &d);
	media_unload(&m);
	media_close(&m.file);
	return rc;
}
