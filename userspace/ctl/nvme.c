// SPDX-License-Identifier: GPL-2.0
/* nvme take, release and list: whose an NVMe controller is. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/nvme.h"
#include "ctl/out.h"
#include "media/media.h"

#define OURS		"kvmem_nvme"
#define OTHERS_WAIT_MS	2000

const struct arg_spec nvme_take_specs[] = {
	{ .name = "force", .flag = true },
	{ .name = NULL }
};

const struct arg_spec nvme_release_specs[] = {
	{ .name = "force", .flag = true },
	{ .name = NULL }
};

/* What is on it ----------------------------------------------------------------- */

/* Empty, or a media of ours; else words for it. */
static int disk_check(const char *disk, void *arg)
{
	char path[NVME_TEXT + 8], found[MEDIA_FOUND_LEN];
	struct media_file f;
	int rc;

	(void)arg;
	snprintf(path, sizeof(path), "/dev/%s", disk);
	rc = media_open(&f, path, MEDIA_READ_ALONE);
	if (rc == -EBUSY) {
		ctl_error("%s is in use: mounted, swap, part of another device, or an attached "
			  "media", path);
		return CTL_FAILED;
	}
	if (rc) {
		ctl_error("%s: %s", path, strerror(-rc));
		return ctl_exit_of(-rc);
	}
	rc = media_probe(&f, false, found, sizeof(found));
	media_close(&f);
	if (!rc)
		return CTL_OK;
	if (rc < 0)
		ctl_error("%s: %s", path, strerror(-rc));
	else
		ctl_error("%s holds %s; --force takes it nevertheless", path, found);
	return CTL_FAILED;
}

/* With --force a disk is pulled from under its users, but not in silence. */
static int disk_warn(const char *disk, void *arg)
{
	char path[NVME_TEXT + 8];
	struct media_file f;
	int rc;

	(void)arg;
	snprintf(path, sizeof(path), "/dev/%s", disk);
	rc = media_open(&f, path, MEDIA_READ_ALONE);
	if (rc == -EBUSY)
		ctl_error("warning: %s is in use", path);
	else if (!rc)
		media_close(&f);
	return CTL_OK;
}

/* Binding ------------------------------------------------------------------------- */

/*
 * Our driver has or has not taken it when the write returns; others may probe
 * later.
 */
static int wait_driver(const char *address, bool ours)
{
	const struct timespec step = { .tv_nsec = 20000000 };
	char driver[NVME_TEXT];
	unsigned int ms;

	for (ms = 0; ms < OTHERS_WAIT_MS; ms += 20) {
		nvme_driver(address, driver, sizeof(driver));
		if (*driver && !strcmp(driver, OURS) == ours)
			return 0;
		if (ours)
			break;
		nanosleep(&step, NULL);
	}
	return -ENODEV;
}

/* Give the device to whoever @override names, or to whom it belongs: "\n". */
static int rebind(const char *address, const char *override)
{
	char driver[NVME_TEXT];
	int rc = nvme_write(override, "devices/%s/driver_override", address);

	if (rc)
		return rc;
	nvme_driver(address, driver, sizeof(driver));
	if (*driver) {
		rc = nvme_write(address, "drivers/%s/unbind", driver);
		if (rc)
			return rc;
	}
	return nvme_write(address, "drivers_probe");
}

static int load_driver(void)
{
	if (!access("/sys/bus/pci/drivers/" OURS, F_OK))
		return CTL_OK;
	if (!system("modprobe " OURS " 2>/dev/null") &&
	    !access("/sys/bus/pci/drivers/" OURS, F_OK))
		return CTL_OK;
	ctl_error("the module " OURS " is not loaded, and cannot be");
	return CTL_NO_MODULE;
}

static int failed(const char *address, const char *what, int err)
{
	ctl_error("%s: %s: %s", address, what, strerror(-err));
	return ctl_exit_of(-err);
}

/* Commands ------------------------------------------------------------------------ */

/* The operand as an address of a controller, and its driver */
static int operand(struct ctl *c, char *address, char *driver)
{
	int rc = nvme_address(c->args->pos[0], address);

	if (rc)
		return ctl_usage("%s is no PCI address; want 0000:01:00.0", c->args->pos[0]);
	rc = nvme_is_controller(address);
	if (rc == -ENODEV) {
		ctl_error("there is no device %s", address);
		return CTL_NO_OBJECT;
	}
	if (rc) {
		ctl_error("%s is no NVMe controller", address);
		return CTL_FAILED;
	}
	nvme_driver(address, driver, NVME_TEXT);
	return CTL_OK;
}

static json_t *describe(const char *address);

static int tell(struct ctl *c, const char *address)
{
	char driver[NVME_TEXT];

	if (c->json)
		return out_json(describe(address));
	nvme_driver(address, driver, sizeof(driver));
	printf("%s belongs to %s\n", address, *driver ? driver : "nobody");
	return CTL_OK;
}

int cmd_nvme_take(struct ctl *c)
{
	bool force = args_has(c->args, "force");
	char address[NVME_ADDRESS_LEN], driver[NVME_TEXT];
	int rc = operand(c, address, driver);

	if (rc)
		return rc;
	if (!strcmp(driver, OURS))
		return tell(c, address);
	rc = load_driver();
	if (!rc)
		rc = nvme_each_disk(address, force ? disk_warn : disk_check, NULL);
	if (rc)
		return rc < 0 ? failed(address, "its namespaces", rc) : rc;
	rc = rebind(address, OURS);
	if (!rc)
		rc = wait_driver(address, true);
	if (!rc)
		return tell(c, address);
	/* As it was: better than a controller that nobody drives. */
	rebind(address, "\n");
	failed(address, "the driver does not take it (see the kernel's log)", rc);
	return CTL_FAILED;
}

int cmd_nvme_release(struct ctl *c)
{
	char address[NVME_ADDRESS_LEN], driver[NVME_TEXT], open[NVME_TEXT], override[NVME_TEXT];
	int rc = operand(c, address, driver);

	if (rc)
		return rc;
	/* One that our driver has given up has none, but is still meant for us. */
	nvme_read(address, "driver_override", override, sizeof(override));
	if (strcmp(driver, OURS) && (*driver || strcmp(override, OURS))) {
		ctl_error("%s is not ours: its driver is %s", address,
			  *driver ? driver : "none");
		return CTL_FAILED;
	}
	nvme_read(address, "kvmem/open_namespaces", open, sizeof(open));
	if (*driver && strcmp(open, "0") && !args_has(c->args, "force")) {
		ctl_error("%s has %s attached media; detach them first, or --force, and they fail",
			  address, *open ? open : "some");
		return CTL_FAILED;
	}
	rc = rebind(address, "\n");
	if (rc)
		return failed(address, "giving it back", rc);
	wait_driver(address, false);
	return tell(c, address);
}

static const struct column list_columns[] = {
	{ "ADDRESS", "address", OUT_TEXT },
	{ "DRIVER", "driver", OUT_TEXT },
	{ "STATE", "state", OUT_TEXT },
	{ "MEDIA", "open_namespaces", OUT_TEXT },
	{ "DISKS", "disks", OUT_TEXT },
	{ NULL, NULL, 0 }
};

static int add_disk(const char *disk, void *arg)
{
	char *text = arg;

	if (strlen(text) + strlen(disk) + 2 < 4 * NVME_TEXT)
		sprintf(text + strlen(text), "%s%s", *text ? "," : "", disk);
	return 0;
}

static json_t *text_or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

static json_t *describe(const char *address)
{
	char driver[NVME_TEXT], state[NVME_TEXT], open[NVME_TEXT], override[NVME_TEXT];
	char disks[4 * NVME_TEXT] = "";
	json_t *j = json_object();
	bool ours;

	nvme_driver(address, driver, sizeof(driver));
	ours = !strcmp(driver, OURS);
	nvme_read(address, "kvmem/state", state, sizeof(state));
	nvme_read(address, "kvmem/open_namespaces", open, sizeof(open));
	nvme_read(address, "driver_override", override, sizeof(override));
	nvme_each_disk(address, add_disk, disks);
	json_object_set_new(j, "address", json_string(address));
	json_object_set_new(j, "driver", text_or_null(driver));
	json_object_set_new(j, "taken", json_boolean(ours));
	json_object_set_new(j, "override",
			    text_or_null(strcmp(override, "(null)") ? override : ""));
	json_object_set_new(j, "state", text_or_null(state));
	json_object_set_new(j, "open_namespaces",
			    ours ? json_integer(strtol(open, NULL, 10)) : json_null());
	json_object_set_new(j, "disks", text_or_null(disks));
	return j;
}

static int add_controller(const char *address, void *arg)
{
	json_array_append_new(arg, describe(address));
	return 0;
}

int cmd_nvme_list(struct ctl *c)
{
	json_t *all = json_array();
	int rc = nvme_each_controller(add_controller, all);

	if (rc) {
		json_decref(all);
		ctl_error("%s", strerror(-rc));
		return ctl_exit_of(-rc);
	}
	if (c->json)
		return out_json(all);
	out_table(all, list_columns, stdout);
	json_decref(all);
	return CTL_OK;
}
