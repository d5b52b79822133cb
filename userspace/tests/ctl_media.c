// SPDX-License-Identifier: GPL-2.0
/* kvmemctl media, and what namespaces have on flash, on a kernel that is made up. */
#include <errno.h>
#include <netlink/genl/genl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/media.h"
#include "ctl/nl.h"
#include "nl/nl.h"
#include "ktap.h"

#define NR_SEGMENTS	3

static const uint8_t uuid[16] = {
	0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32,
	0x10
};

/* --- a kernel --- */

/**
 * kernel - what it has been asked, and what it says
 * @calls: requests so far
 * @cmd: of the last one
 * @name, @ns, @path, @uuid, @budget, @mode, @quota: its attributes
 * @healthy: the device tells of its health
 * @changed: the next dump is not of one moment
 */
static struct {
	int calls, cmd;
	char name[64], ns[64], path[256];
	uint8_t uuid[16], mode;
	uint64_t budget, quota;
	bool healthy, changed;
} kernel;

static struct nl_msg *message(int cmd)
{
	struct nl_msg *msg = nlmsg_alloc();

	genlmsg_put(msg, 0, 0, 1, 0, 0, (uint8_t)cmd, 1);
	return msg;
}

struct nl_msg *ctl_nl_request(int cmd)
{
	return message(cmd);
}

void ctl_put(struct nl_msg *msg, int attr, const void *data, size_t len)
{
	nla_put(msg, attr, (int)len, data);
}

void ctl_put_u8(struct nl_msg *msg, int attr, uint8_t v)
{
	knl_put_u8(msg, attr, v);
}

void ctl_put_u16(struct nl_msg *msg, int attr, uint16_t v)
{
	knl_put_u16(msg, attr, v);
}

void ctl_put_u32(struct nl_msg *msg, int attr, uint32_t v)
{
	knl_put_u32(msg, attr, v);
}

void ctl_put_u64(struct nl_msg *msg, int attr, uint64_t v)
{
	knl_put_u64(msg, attr, v);
}

void ctl_put_string(struct nl_msg *msg, int attr, const char *text)
{
	knl_put_string(msg, attr, text);
}

static void parse(struct nl_msg *msg, struct nlattr **tb)
{
	struct nlmsghdr *h = nlmsg_hdr(msg);

	memset(tb, 0, (KVMEM_A_MAX + 1) * sizeof(*tb));
	nla_parse(tb, KVMEM_A_MAX, genlmsg_attrdata(nlmsg_data(h), 0),
		  genlmsg_attrlen(nlmsg_data(h), 0), NULL);
	kernel.cmd = ((struct genlmsghdr *)nlmsg_data(h))->cmd;
}

static void hear(struct nl_msg *msg)
{
	struct nlattr *tb[KVMEM_A_MAX + 1];

	kernel.calls++;
	parse(msg, tb);
	knl_get_string(tb[KVMEM_A_NAME], kernel.name, sizeof(kernel.name));
	knl_get_string(tb[KVMEM_A_PATH], kernel.path, sizeof(kernel.path));
	knl_get_string(tb[KVMEM_A_NS_NAME], kernel.ns, sizeof(kernel.ns));
	knl_get_binary(tb[KVMEM_A_UUID], kernel.uuid, sizeof(kernel.uuid));
	knl_get_u64(tb[KVMEM_A_WRITE_BUDGET], &kernel.budget);
	knl_get_u8(tb[KVMEM_A_FLASH_MODE], &kernel.mode);
	knl_get_u64(tb[KVMEM_A_FLASH_QUOTA_BYTES], &kernel.quota);
	nlmsg_free(msg);
}

static int tell(struct nl_msg *msg, ctl_nl_fn fn, void *arg)
{
	struct nlattr *tb[KVMEM_A_MAX + 1];
	struct ctl_msg m = { .tb = tb };
	int rc;

	parse(msg, tb);
	m.cmd = kernel.cmd;
	rc = fn ? fn(&m, arg) : 0;
	nlmsg_free(msg);
	return rc;
}

static void put_health(struct nl_msg *msg)
{
	knl_put_u32(msg, KVMEM_A_MEDIA_HEALTH_USED_PERCENT, 7);
	knl_put_u32(msg, KVMEM_A_MEDIA_LIFE_DAYS, 1234);
}

static int tell_media(ctl_nl_fn fn, void *arg)
{
	struct nl_msg *msg = message(KVMEM_CMD_MEDIA_GET);
	struct nlattr *nest;

	knl_put_u32(msg, KVMEM_A_ID, 4);
	knl_put_string(msg, KVMEM_A_NAME, "nvme");
	knl_put_string(msg, KVMEM_A_PATH, "/dev/nvme0n1");
	nla_put(msg, KVMEM_A_UUID, sizeof(uuid), uuid);
	knl_put_u8(msg, KVMEM_A_STATE, KVMEM_MEDIA_STATE_READ_ONLY);
	knl_put_u64(msg, KVMEM_A_WRITE_BUDGET, 1ULL << 40);
	nest = nla_nest_start(msg, KVMEM_A_MEDIA);
	knl_put_u64(msg, KVMEM_A_MEDIA_BYTES, 8ULL << 30);
	knl_put_u64(msg, KVMEM_A_MEDIA_BLOCKS, 77);
	knl_put_u64(msg, KVMEM_A_MEDIA_LIVE_BYTES, 3 << 20);
	knl_put_u32(msg, KVMEM_A_MEDIA_SEGMENTS, 127);
	knl_put_u32(msg, KVMEM_A_MEDIA_SEGMENTS_FREE, 100);
	knl_put_u32(msg, KVMEM_A_MEDIA_WRITE_AMPLIFICATION, kernel.healthy ? 1023 : 0);
	knl_put_u64(msg, KVMEM_A_MEDIA_BUDGET_TOKENS, (uint64_t)-5);
	if (kernel.healthy)
		put_health(msg);
	nla_nest_end(msg, nest);
	return tell(msg, fn, arg);
}

static int tell_segment(uint32_t no, ctl_nl_fn fn, void *arg)
{
	struct nl_msg *msg = message(KVMEM_CMD_SEGMENT_GET);
	struct nlattr *nest = nla_nest_start(msg, KVMEM_A_SEGMENT);

	knl_put_u32(msg, KVMEM_A_SEG_NUMBER, no);
	knl_put_u8(msg, KVMEM_A_SEG_STATE, no ? KVMEM_SEG_STATE_SEALED : 200);
	knl_put_u32(msg, KVMEM_A_SEG_FILL, 4096);
	if (no)
		knl_put_u32(msg, KVMEM_A_SEG_NS_ID, 9);
	nla_nest_end(msg, nest);
	return tell(msg, fn, arg);
}

static int tell_slot(ctl_nl_fn fn, void *arg)
{
	struct nl_msg *msg = message(KVMEM_CMD_MEDIA_NS_GET);
	struct nlattr *nest = nla_nest_start(msg, KVMEM_A_SLOT);

	knl_put_u32(msg, KVMEM_A_SLOT_NUMBER, 2);
	knl_put_string(msg, KVMEM_A_SLOT_NAME, "llama");
	knl_put_u16(msg, KVMEM_A_SLOT_MODE, 0640);
	nla_nest_end(msg, nest);
	return tell(msg, fn, arg);
}

static int tell_made(int cmd, ctl_nl_fn fn, void *arg)
{
	struct nl_msg *msg = message(cmd);

	knl_put_u32(msg, KVMEM_A_ID, 4);
	knl_put_string(msg, KVMEM_A_NAME, "nvme");
	return tell(msg, fn, arg);
}

static int tell_ns(ctl_nl_fn fn, void *arg)
{
	struct nl_msg *msg = message(KVMEM_CMD_NS_GET);

	knl_put_string(msg, KVMEM_A_NAME, "llama");
	knl_put_u8(msg, KVMEM_A_FLASH_MODE, KVMEM_FLASH_MODE_BACK);
	knl_put_u64(msg, KVMEM_A_FLASH_BYTES, 5 << 20);
	return tell(msg, fn, arg);
}

int ctl_nl_call(struct ctl_nl *nl, struct nl_msg *msg, ctl_nl_fn fn, void *arg)
{
	(void)nl;
	hear(msg);
	if (!strcmp(kernel.name, "absent")) {
		ctl_error("no such media");
		return ctl_exit_of(ENOENT);
	}
	switch (kernel.cmd) {
	case KVMEM_CMD_MEDIA_GET:
		return tell_media(fn, arg);
	case KVMEM_CMD_MEDIA_ATTACH:
	case KVMEM_CMD_NS_NEW:
		return tell_made(kernel.cmd, fn, arg);
	case KVMEM_CMD_NS_GET:
		return tell_ns(fn, arg);
	default:
		return 0;
	}
}

static int tell_all(int cmd, ctl_nl_fn fn, void *arg)
{
	uint32_t i;
	int rc = 0;

	if (cmd == KVMEM_CMD_MEDIA_GET)
		return tell_media(fn, arg);
	if (cmd == KVMEM_CMD_MEDIA_NS_GET)
		return tell_slot(fn, arg);
	if (cmd == KVMEM_CMD_NS_GET)
		return tell_ns(fn, arg);
	for (i = 0; i < NR_SEGMENTS && !rc; i++)
		rc = tell_segment(i, fn, arg);
	return rc;
}

int ctl_nl_dump(struct ctl_nl *nl, struct nl_msg *msg, ctl_nl_fn fn, void (*again)(void *arg),
		void *arg)
{
	int cmd;

	(void)nl;
	hear(msg);
	cmd = kernel.cmd;
	if (kernel.changed) {
		tell_all(cmd, fn, arg);
		again(arg);
	}
	return tell_all(cmd, fn, arg);
}

/* --- running a command --- */

#define ARGV(...) ((char *[]){ __VA_ARGS__, NULL })

static char text[16384], problem[256];

/* Its exit status; what it printed is in @text, what it complained of in @problem */
static int run(int (*fn)(struct ctl *c), const struct arg_spec *specs, bool json, char **argv)
{
	static struct args args;
	struct ctl_nl nl = { 0 };
	struct ctl c = { .json = json, .args = &args, .nl = &nl };
	int argc = 0, keep, rc;
	FILE *to = tmpfile();
	size_t n;

	while (argv[argc])
		argc++;
	problem[0] = 0;
	ctl_error_keep(problem, sizeof(problem));
	fflush(stdout);
	keep = dup(STDOUT_FILENO);
	dup2(fileno(to), STDOUT_FILENO);
	rc = args_parse(&args, specs, 2, argc, argv) ? CTL_USAGE : fn(&c);
	fflush(stdout);
	dup2(keep, STDOUT_FILENO);
	close(keep);
	ctl_error_keep(NULL, 0);
	rewind(to);
	n = fread(text, 1, sizeof(text) - 1, to);
	text[n] = 0;
	fclose(to);
	return rc;
}

static void reset(void)
{
	memset(&kernel, 0, sizeof(kernel));
}

/* What --json printed; to be freed */
static json_t *printed(void)
{
	return json_loads(text, 0, NULL);
}

/* --- attach, detach, set --- */

static void attaches(void)
{
	char **argv = ARGV("attach", "/dev/nvme0n1", "--name", "nvme", "--uuid",
			   "01234567-89ab-cdef-fedc-ba9876543210");

	reset();
	CHECK_EQ(run(cmd_media_attach, media_attach_specs, false, argv), 0);
	CHECK_EQ(kernel.cmd, KVMEM_CMD_MEDIA_ATTACH);
	CHECK(!strcmp(kernel.path, "/dev/nvme0n1") && !strcmp(kernel.name, "nvme"));
	CHECK(!memcmp(kernel.uuid, uuid, sizeof(uuid)));
	CHECK(!strcmp(text, "media nvme has id 4\n"));
	reset();
	CHECK_EQ(run(cmd_media_attach, media_attach_specs, true, ARGV("attach", "disk.img")), 0);
	CHECK(!kernel.name[0] && !strcmp(kernel.path, "disk.img"));
	CHECK(strstr(text, "\"id\": 4"));
}

static void attach_refuses(void)
{
	char longest[257];

	memset(longest, 'x', 256);
	longest[256] = 0;
	reset();
	CHECK_EQ(run(cmd_media_attach, media_attach_specs, false, ARGV("attach", longest)),
		 CTL_USAGE);
	CHECK_EQ(run(cmd_media_attach, media_attach_specs, false, ARGV("attach", "")), CTL_USAGE);
	CHECK_EQ(run(cmd_media_attach, media_attach_specs, false,
		     ARGV("attach", "d", "--name", "17")), CTL_USAGE);
	CHECK_EQ(run(cmd_media_attach, media_attach_specs, false,
		     ARGV("attach", "d", "--uuid", "0123")), CTL_USAGE);
	CHECK(strstr(problem, "want a UUID"));
	CHECK_EQ(run(cmd_media_attach, media_attach_specs, false,
		     ARGV("attach", "d", "--uuid", "0123456-789ab-cdef-fedc-ba9876543210")),
		 CTL_USAGE);
	CHECK_EQ(kernel.calls, 0);
}

static void budgets(void)
{
	static const char * const bad[] = { "1", "1023K", "2048T", "-1", "x", "" };
	size_t i;

	reset();
	CHECK_EQ(run(cmd_media_set, media_set_specs, false,
		     ARGV("set", "nvme", "--write-budget", "2T")), 0);
	CHECK_EQ(kernel.cmd, KVMEM_CMD_MEDIA_SET);
	CHECK_EQ(kernel.budget, 2LL << 40);
	CHECK_EQ(run(cmd_media_set, media_set_specs, false,
		     ARGV("set", "nvme", "--write-budget", "0")), 0);
	CHECK_EQ(kernel.budget, 0);
	CHECK_EQ(run(cmd_media_set, media_set_specs, false,
		     ARGV("set", "nvme", "--write-budget", "1M")), 0);
	CHECK_EQ(kernel.calls, 3);
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_EQ(run(cmd_media_set, media_set_specs, false,
			     ARGV("set", "nvme", "--write-budget", (char *)bad[i])), CTL_USAGE);
	CHECK_EQ(run(cmd_media_set, media_set_specs, false, ARGV("set", "nvme")), CTL_USAGE);
	CHECK_EQ(kernel.calls, 3);
}

static void detaches(void)
{
	reset();
	CHECK_EQ(run(cmd_media_detach, NULL, false, ARGV("detach", "nvme")), 0);
	CHECK_EQ(kernel.cmd, KVMEM_CMD_MEDIA_DETACH);
	CHECK(!text[0]);
	CHECK_EQ(run(cmd_media_detach, NULL, false, ARGV("detach", "absent")), CTL_NO_OBJECT);
	CHECK(strstr(problem, "no such media"));
}

static void forgets(void)
{
	char longest[65];

	memset(longest, 'x', 64);
	longest[64] = 0;
	reset();
	CHECK_EQ(run(cmd_media_forget_ns, NULL, false, ARGV("forget-ns", "nvme", "llama")), 0);
	CHECK_EQ(kernel.cmd, KVMEM_CMD_MEDIA_NS_FORGET);
	CHECK(!strcmp(kernel.name, "nvme") && !strcmp(kernel.ns, "llama"));
	CHECK(!text[0]);
	CHECK_EQ(run(cmd_media_forget_ns, NULL, true, ARGV("forget-ns", "nvme", "llama")), 0);
	CHECK(strstr(text, "nvme"));
	CHECK_EQ(kernel.calls, 2);
	CHECK_EQ(run(cmd_media_forget_ns, NULL, false, ARGV("forget-ns", "nvme", "")), CTL_USAGE);
	CHECK_EQ(run(cmd_media_forget_ns, NULL, false, ARGV("forget-ns", "nvme", longest)),
		 CTL_USAGE);
	CHECK_EQ(kernel.calls, 2);
	CHECK_EQ(run(cmd_media_forget_ns, NULL, false, ARGV("forget-ns", "absent", "llama")),
		 CTL_NO_OBJECT);
}

/* --- what there is --- */

static void lists(void)
{
	reset();
	kernel.healthy = true;
	CHECK_EQ(run(cmd_media_list, NULL, false, ARGV("list")), 0);
	CHECK(strstr(text, "AMPLIFIED"));
	CHECK(strstr(text, "nvme  read-only  /dev/nvme0n1  8.0 GiB  3.0 MiB"));
	CHECK(strstr(text, "1.023"));
	CHECK_EQ(run(cmd_media_show, NULL, false, ARGV("show", "nvme")), 0);
	CHECK(strstr(text, "01234567-89ab-cdef-fedc-ba9876543210"));
	CHECK(strstr(text, "7%"));
	CHECK(strstr(text, "1234"));
}

/* What the device or the kernel does not know is null. */
static void unknown(void)
{
	json_t *o, *health;

	reset();
	CHECK_EQ(run(cmd_media_show, NULL, true, ARGV("show", "nvme")), 0);
	o = printed();
	health = json_object_get(o, "health");
	CHECK(json_is_null(json_object_get(health, "used_percent")));
	CHECK(json_is_null(json_object_get(health, "life_days")));
	CHECK(json_is_null(json_object_get(json_object_get(o, "written"), "amplification")));
	CHECK_EQ(json_integer_value(json_object_get(json_object_get(o, "budget"),
						    "tokens_bytes")), -5);
	CHECK_EQ(json_integer_value(json_object_get(json_object_get(o, "segments"), "free")),
		 100);
	CHECK(!strcmp(json_string_value(json_object_get(o, "state")), "read-only"));
	json_decref(o);
}

static void segments(void)
{
	json_t *a;

	reset();
	kernel.changed = true;
	CHECK_EQ(run(cmd_media_segments, NULL, true, ARGV("segments", "nvme")), 0);
	CHECK_EQ(kernel.cmd, KVMEM_CMD_SEGMENT_GET);
	a = printed();
	CHECK_EQ(json_array_size(a), NR_SEGMENTS);
	/* A state that this program does not know is a number. */
	CHECK(!strcmp(json_string_value(json_object_get(json_array_get(a, 0), "state")), "200"));
	CHECK(json_is_null(json_object_get(json_array_get(a, 0), "ns_id")));
	CHECK_EQ(json_integer_value(json_object_get(json_array_get(a, 2), "ns_id")), 9);
	json_decref(a);
	CHECK_EQ(run(cmd_media_segments, NULL, false, ARGV("segments", "nvme")), 0);
	CHECK(strstr(text, "sealed"));
}

static void directory(void)
{
	reset();
	CHECK_EQ(run(cmd_media_directory, NULL, false, ARGV("directory", "nvme")), 0);
	CHECK_EQ(kernel.cmd, KVMEM_CMD_MEDIA_NS_GET);
	CHECK(strstr(text, "llama"));
	CHECK(strstr(text, "0640"));
	CHECK_EQ(run(cmd_media_directory, NULL, true, ARGV("directory", "nvme")), 0);
	CHECK(strstr(text, "\"ns_id\": null"));
}

/* --- namespaces --- */

static void namespaces(void)
{
	reset();
	CHECK_EQ(run(cmd_ns_create, ns_create_specs, false,
		     ARGV("create", "llama", "--flash-mode", "back", "--flash-quota", "1G")), 0);
	CHECK_EQ(kernel.mode, KVMEM_FLASH_MODE_BACK);
	CHECK_EQ(kernel.quota, 1 << 30);
	CHECK_EQ(run(cmd_ns_set, ns_set_specs, false,
		     ARGV("set", "llama", "--flash-mode", "off")), 0);
	CHECK_EQ(kernel.mode, KVMEM_FLASH_MODE_OFF);
	CHECK_EQ(kernel.calls, 2);
	CHECK_EQ(run(cmd_ns_set, ns_set_specs, false,
		     ARGV("set", "llama", "--flash-mode", "2")), CTL_USAGE);
	CHECK(strstr(problem, "off, through or back"));
	CHECK_EQ(kernel.calls, 2);
	CHECK_EQ(run(cmd_ns_list, NULL, false, ARGV("list")), 0);
	CHECK(strstr(text, "back") && strstr(text, "5.0 MiB"));
	CHECK_EQ(run(cmd_ns_list, NULL, true, ARGV("list")), 0);
	CHECK(strstr(text, "\"flash_mode\": \"back\""));
}

static const struct ktap_test tests[] = {
	{ "media_attach", attaches },
	{ "media_attach_refuses", attach_refuses },
	{ "media_set", budgets },
	{ "media_detach", detaches },
	{ "media_list_and_show", lists },
	{ "media_unknown_is_null", unknown },
	{ "media_segments", segments },
	{ "media_directory", directory },
	{ "media_forgets", forgets },
	{ "namespaces_on_flash", namespaces },
};

KTAP_MAIN(tests)
