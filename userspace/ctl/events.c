// SPDX-License-Identifier: GPL-2.0
/* Follow the module's events, one line each. */
#include <stdio.h>
#include <time.h>

#include "ctl/args.h"
#include "ctl/clock.h"
#include "ctl/ctl.h"
#include "ctl/decode.h"
#include "ctl/nl.h"
#include "ctl/out.h"

#define RETRY_MS	250	/* while the module is away */

const struct arg_spec events_specs[] = {
	{ .name = "count" },
	{ .name = "timeout" },
	{ .name = NULL }
};

static const struct decode event_fields[] = {
	{ "id", KVMEM_A_ID, DECODE_U32 },
	{ "name", KVMEM_A_NAME, DECODE_STRING },
	{ "key", KVMEM_A_KEY, DECODE_HEX },
	{ "quiesced", KVMEM_A_QUIESCED, DECODE_BOOL },
	{ "open_files", KVMEM_A_OPEN_FILES, DECODE_U32 },
	{ "watermark", KVMEM_A_WATERMARK, DECODE_WATERMARK },
	{ "state", KVMEM_A_STATE, DECODE_MEDIA_STATE },
	{ NULL, 0, 0 }
};

/**
 * struct follower - what has been printed
 * @c: how
 * @left: how many more are wanted
 * @rc: exit status of the printing
 */
struct follower {
	struct ctl *c;
	uint64_t left;
	int rc;
};

static json_t *event_name(int cmd)
{
	switch (cmd) {
	case KVMEM_CMD_NS_CREATED_NTF:
		return json_string("ns-created");
	case KVMEM_CMD_NS_DELETED_NTF:
		return json_string("ns-deleted");
	case KVMEM_CMD_NS_CHANGED_NTF:
		return json_string("ns-changed");
	case KVMEM_CMD_QUIESCE_NTF:
		return json_string("quiesce");
	case KVMEM_CMD_CORRUPT_NTF:
		return json_string("corrupt");
	case KVMEM_CMD_WATERMARK_NTF:
		return json_string("watermark");
	case KVMEM_CMD_MEDIA_ATTACHED_NTF:
		return json_string("media-attached");
	case KVMEM_CMD_MEDIA_DETACHED_NTF:
		return json_string("media-detached");
	case KVMEM_CMD_MEDIA_CHANGED_NTF:
		return json_string("media-changed");
	case KVMEM_CMD_PEER_CHANGED_NTF:
		return json_string("peer-changed");
	case KVMEM_CMD_MAP_CHANGED_NTF:
		return json_string("map-changed");
	default:
		return json_sprintf("event-%d", cmd);
	}
}

static json_t *start(json_t *name)
{
	json_t *o = json_object();
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	json_put(o, "time", json_real((double)ts.tv_sec + (double)ts.tv_nsec / 1e9));
	json_put(o, "event", name);
	return o;
}

/* "2026-01-31T12:00:00.000 ns-created id=1 name=x": all fields that are no nest */
static void print_line(const json_t *o)
{
	double t = json_real_value(json_object_get(o, "time"));
	struct column column = { 0 };
	time_t s = (time_t)t;
	char buf[192];
	struct tm tm;
	const char *name;
	json_t *value;

	strftime(buf, sizeof(buf), "%FT%T", localtime_r(&s, &tm));
	printf("%s.%03d %s", buf, (int)((t - (double)s) * 1000),
	       json_string_value(json_object_get(o, "event")));
	json_object_foreach((json_t *)o, name, value) {
		if (json_is_object(value) || json_is_real(value) ||
		    value == json_object_get(o, "event"))
			continue;
		column.path = name;
		printf(" %s=%s", name, out_value(o, &column, buf, sizeof(buf)));
	}
	putchar('\n');
}

static void print(struct follower *f, json_t *o)
{
	if (f->c->json) {
		f->rc = out_json_line(o);
		return;
	}
	print_line(o);
	json_decref(o);
	f->rc = out_flush();
}

/* What is in a nest becomes the event's own. */
static void add_fields(json_t *o, json_t *nest)
{
	json_object_update(o, nest);
	json_decref(nest);
}

static void on_event(const struct ctl_msg *m, void *arg)
{
	struct follower *f = arg;
	json_t *o;

	if (f->rc || !f->left)
		return;
	o = start(event_name(m->cmd));
	decode_into(o, m->tb, event_fields);
	add_fields(o, decode_peer(m->tb));
	add_fields(o, decode_map(m->tb));
	json_put(o, "arena", decode_arena(m->tb[KVMEM_A_ARENA]));
	print(f, o);
	f->left--;
}

/* --- waiting --- */

/* For poll(): -1 without an end, 0 when it has passed */
static int remaining(uint64_t end)
{
	uint64_t now = now_ms();

	if (!end)
		return -1;
	if (now >= end)
		return 0;
	return end - now > 3600000 ? 3600000 : (int)(end - now);
}

/*
 * The module is replaced while applications run: wait for the new one.  *@back
 * is false when the time was over first.
 */
static int wait_for_module(struct ctl *c, uint64_t end, bool *back)
{
	char message[256];
	int rc, timeout;

	for (*back = false; !*back;) {
		timeout = remaining(end);
		if (!timeout)
			return CTL_OK;
		sleep_ms(timeout < 0 || timeout > RETRY_MS ? RETRY_MS : (uint64_t)timeout);
		ctl_nl_close(c->nl);
		ctl_error_keep(message, sizeof(message));
		rc = ctl_nl_subscribe(c->nl);
		ctl_error_keep(NULL, 0);
		if (rc && rc != CTL_NO_MODULE) {
			ctl_error("%s", message);
			return rc;
		}
		*back = !rc;
	}
	return CTL_OK;
}

static int follow(struct ctl *c, struct follower *f, uint64_t end)
{
	bool back = true;
	int rc = CTL_OK;

	while (!rc && !f->rc && f->left && back) {
		int timeout = remaining(end);

		switch (ctl_nl_wait(c->nl, timeout, on_event, f)) {
		case CTL_WAIT_LOST:
			print(f, start(json_string("lost")));
			break;
		case CTL_WAIT_GONE:
			print(f, start(json_string("module-unloaded")));
			rc = wait_for_module(c, end, &back);
			if (!rc && back)
				print(f, start(json_string("module-loaded")));
			break;
		case CTL_WAIT_FAILED:
			return CTL_FAILED;
		default:
			if (!timeout)
				return CTL_OK;
		}
	}
	return rc ? rc : f->rc;
}

int cmd_events(struct ctl *c)
{
	struct follower f = { .c = c };
	uint64_t count, timeout;
	int rc;

	rc = args_count(c->args, "count", UINT32_MAX, 0, &count);
	if (!rc)
		rc = args_seconds(c->args, "timeout", 0, &timeout);
	if (!rc)
		rc = ctl_nl_subscribe(c->nl);
	if (rc)
		return rc;
	f.left = count ? count : UINT64_MAX;
	rc = follow(c, &f, args_has(c->args, "timeout") ? now_ms() + timeout : 0);
	if (rc || !count || !f.left)
		return rc;
	ctl_error("%llu of %llu events came in time",
		  (unsigned long long)(count - f.left), (unsigned long long)count);
	return CTL_FAILED;
}
