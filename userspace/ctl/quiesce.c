// SPDX-License-Identifier: GPL-2.0
/* Make the module ready to be unloaded, or put it back to work. */
#include <time.h>

#include "ctl/args.h"
#include "ctl/clock.h"
#include "ctl/ctl.h"
#include "ctl/decode.h"
#include "ctl/module.h"
#include "ctl/out.h"

#define POLL_MS	100

const struct arg_spec quiesce_specs[] = {
	{ .name = "wait" },
	{ .name = NULL }
};

/* Until no file is open or @ms have passed; *@files is then how many are. */
static int wait_closed(struct ctl *c, uint64_t ms, uint64_t *files)
{
	struct timespec pause = { 0, POLL_MS * 1000000 };
	uint64_t end = now_ms() + ms;
	json_t *state;
	int rc;

	while (*files && now_ms() < end) {
		nanosleep(&pause, NULL);
		rc = module_get(c, &state);
		if (rc)
			return rc;
		*files = json_get_u64(state, "open_files");
		rc = json_is_true(json_object_get(state, "quiesced"));
		json_decref(state);
		if (!rc) {
			ctl_error("somebody resumed meanwhile");
			return CTL_FAILED;
		}
	}
	return CTL_OK;
}

static int show(struct ctl *c, json_t *state)
{
	if (c->json)
		return out_json(state);
	printf("%s, open files: %llu\n",
	       json_is_true(json_object_get(state, "quiesced")) ? "quiesced" : "in service",
	       (unsigned long long)json_get_u64(state, "open_files"));
	json_decref(state);
	return CTL_OK;
}

int cmd_quiesce(struct ctl *c)
{
	uint64_t wait_ms, files;
	json_t *state;
	int rc;

	rc = args_seconds(c->args, "wait", 0, &wait_ms);
	if (!rc)
		rc = module_quiesce(c, true, &state);
	if (rc)
		return rc;
	files = json_get_u64(state, "open_files");
	rc = wait_closed(c, wait_ms, &files);
	if (rc) {
		json_decref(state);
		return rc;
	}
	json_put(state, "open_files", json_number(files));
	rc = show(c, state);
	if (rc || !files || !args_has(c->args, "wait"))
		return rc;
	ctl_error("%llu open file%s of /dev/kvmem left", (unsigned long long)files,
		  files == 1 ? "" : "s");
	return CTL_FAILED;
}

int cmd_resume(struct ctl *c)
{
	json_t *state;
	int rc = module_quiesce(c, false, &state);

	return rc ? rc : show(c, state);
}
