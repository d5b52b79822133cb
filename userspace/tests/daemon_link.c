// SPDX-License-Identifier: GPL-2.0
/* kvmemd: events, and a module that comes and goes. */
#include <errno.h>
#include <netlink/genl/genl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/daemon_internal.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "fake_kernel.h"
#include "ktap.h"

static struct fake_kernel f;
static struct kvmemd d;
static char *said;
static size_t said_len;
static FILE *log_to;

static void on_error(void *arg, const char *message)
{
	(void)arg;
	printf("# %s\n", message);
}

/* Connected, with everything read once */
static void begin(const char *text)
{
	log_to = open_memstream(&said, &said_len);
	log_init(log_to);
	fake_kernel_init(&f);
	memset(&d, 0, sizeof(d));
	d.config = config_parse("F", text, strlen(text), on_error, NULL);
	d.loop = loop_new();
	d.kernel = &f.kernel;
	d.control = (struct control){ .k = &f.kernel, .state = &d.state, .config = d.config };
	link_start(&d);
	d.state.connected = true;
	d.resync = true;
	link_poll(&d);
}

static void end(void)
{
	watch_free(d.watch);
	knl_close(&f.kernel.nl);
	state_clear(&d.state);
	reconcile_reset(&d.reconcile);
	loop_free(d.loop);
	config_free(d.config);
	log_init(NULL);
	fclose(log_to);
	free(said);
}

/* Tell an event about namespace @id (0: none) with what @put adds. */
static void event(int cmd, uint32_t id, void (*put)(struct nl_msg *msg))
{
	struct nlattr *tb[KVMEM_A_MAX + 1];
	struct nl_msg *msg = knl_request(cmd);
	struct knl_msg m;

	if (id)
		knl_put_u32(msg, KVMEM_A_ID, id);
	if (put)
		put(msg);
	if (!knl_parse(msg, tb, &m))
		link_event(&m, &d);
	nlmsg_free(msg);
	fflush(log_to);
}

/* The pause between two readings of everything */
static void pause_over(void)
{
	struct timespec ts = { 0, 210000000 };

	nanosleep(&ts, NULL);
}

/* --- tests --- */

static void lists(void)
{
	begin("namespaces = ( { name = \"n\" } );");
	CHECK(fake_find_ns(&f, "n"));
	CHECK(d.state.read_ns);
	fake_add_ns(&f, "new");
	event(KVMEM_CMD_NS_CREATED_NTF, 2, NULL);
	CHECK(d.resync);
	/* Not at once: many may come. */
	link_poll(&d);
	CHECK(!state_find_ns(&d.state, 2));
	pause_over();
	link_poll(&d);
	CHECK(state_find_ns(&d.state, 2));
	CHECK(!d.resync);
	/* One that is configured comes back. */
	f.nr_ns = 0;
	event(KVMEM_CMD_NS_DELETED_NTF, 1, NULL);
	pause_over();
	link_poll(&d);
	CHECK_EQ(f.nr_ns, 1);
	CHECK(!state_find_ns(&d.state, 2));
	end();
}

static void settings(void)
{
	begin("namespaces = ( { name = \"n\"; uid = 7 } );");
	f.ns[0].uid = 8;
	event(KVMEM_CMD_NS_CHANGED_NTF, 1, NULL);
	CHECK(d.reconcile_due);
	link_second(&d);
	CHECK_EQ(f.ns[0].uid, 7);
	CHECK(!d.reconcile_due);
	/* One that we do not know of, too. */
	event(KVMEM_CMD_NS_CHANGED_NTF, 99, NULL);
	CHECK(d.reconcile_due);
	end();
}

static void put_failed(struct nl_msg *msg)
{
	knl_put_string(msg, KVMEM_A_NAME, "m");
	knl_put_u8(msg, KVMEM_A_STATE, KVMEM_MEDIA_STATE_FAILED);
}

static void media(void)
{
	begin("media = ( { name = \"m\"; path = \"/dev/m\" } );");
	CHECK_EQ(f.nr_media, 1);
	event(KVMEM_CMD_MEDIA_CHANGED_NTF, 1, put_failed);
	CHECK(d.reconcile_due && !d.resync);
	CHECK(strstr(said, "media m: is failed"));
	/* Let go by somebody: it comes back, and later when it cannot. */
	f.nr_media = 0;
	f.fail_cmd = KVMEM_CMD_MEDIA_ATTACH;
	f.fail_err = ENODEV;
	event(KVMEM_CMD_MEDIA_DETACHED_NTF, 1, NULL);
	CHECK(d.resync);
	pause_over();
	link_poll(&d);
	CHECK_EQ(d.state.media_missing, 1);
	CHECK(d.retry_time > daemon_now() + 1000000000ULL);
	CHECK(d.retry_time < daemon_now() + 2000000000ULL);
	/* Another module: at once */
	link_disconnect(&d);
	CHECK_EQ(d.reconcile.nr_tries, 0);
	CHECK(!d.state.media);
	f.fail_cmd = 0;
	d.state.connected = true;
	d.resync = true;
	pause_over();
	link_poll(&d);
	CHECK_EQ(f.nr_media, 1);
	CHECK_EQ(d.retry_time, 0);
	end();
}

static void put_quiesced(struct nl_msg *msg)
{
	knl_put_u8(msg, KVMEM_A_QUIESCED, 1);
	knl_put_u32(msg, KVMEM_A_OPEN_FILES, 3);
}

static void put_key(struct nl_msg *msg)
{
	uint8_t key[KVMEM_KEY_LEN] = { 0xab };

	knl_put_string(msg, KVMEM_A_NAME, "n");
	nla_put(msg, KVMEM_A_KEY, sizeof(key), key);
}

static void put_full(struct nl_msg *msg)
{
	struct nlattr *nest;

	knl_put_u32(msg, KVMEM_A_WATERMARK, KVMEM_WATERMARK_FULL);
	nest = nla_nest_start(msg, KVMEM_A_ARENA);
	knl_put_u64(msg, KVMEM_A_ARENA_LIMIT, 5 << 20);
	nla_nest_end(msg, nest);
}

static void put_no_watermark(struct nl_msg *msg)
{
	knl_put_u32(msg, KVMEM_A_WATERMARK, 3);
}

static void the_module(void)
{
	begin("");
	event(KVMEM_CMD_QUIESCE_NTF, 0, put_quiesced);
	CHECK(d.state.quiesced);
	CHECK_EQ(d.state.open_files, 3);
	event(KVMEM_CMD_QUIESCE_NTF, 0, NULL);
	CHECK(d.state.quiesced);
	event(KVMEM_CMD_CORRUPT_NTF, 1, put_key);
	event(KVMEM_CMD_CORRUPT_NTF, 0, NULL);
	CHECK_EQ(d.state.corrupt_events, 2);
	CHECK(strstr(said, "namespace n: block ab00"));
	event(KVMEM_CMD_WATERMARK_NTF, 0, put_full);
	CHECK_EQ(d.state.watermark, KVMEM_WATERMARK_FULL);
	CHECK_EQ(d.state.arena[KVMEM_A_ARENA_LIMIT], 5 << 20);
	event(KVMEM_CMD_WATERMARK_NTF, 0, put_no_watermark);
	event(255, 0, put_no_watermark);
	CHECK_EQ(d.state.watermark, KVMEM_WATERMARK_FULL);
	end();
}

static void gone(void)
{
	begin("");
	fake_add_ns(&f, "n")->nr_files = 1;
	link_second(&d);
	CHECK(d.state.ns && d.state.ns->policy);
	f.gone = true;
	link_second(&d);
	CHECK(!d.state.connected && !d.state.ns && !d.state.read_ns);
	fflush(log_to);
	CHECK(strstr(said, "the kvmem module is gone"));
	/* Until it is back nothing is asked of it. */
	memset(f.calls, 0, sizeof(f.calls));
	link_poll(&d);
	CHECK_EQ(f.calls[KVMEM_CMD_NS_GET] + f.calls[KVMEM_CMD_STATS_GET], 0);
	end();
}

static void refusals(void)
{
	size_t len;

	begin("namespaces = ( { name = \"n\" } );");
	f.nr_ns = 0;
	f.fail_cmd = KVMEM_CMD_NS_NEW;
	f.fail_err = ENOSPC;
	event(KVMEM_CMD_NS_DELETED_NTF, 1, NULL);
	link_second(&d);
	CHECK_EQ(d.reconcile.failed, 1);
	CHECK(d.retry_time > daemon_now());
	/* It is tried again by itself, and said no second time. */
	fflush(log_to);
	len = said_len;
	d.retry_time = 1;
	link_second(&d);
	fflush(log_to);
	CHECK_EQ(said_len, len);
	f.fail_cmd = 0;
	d.retry_time = 1;
	link_second(&d);
	CHECK_EQ(f.nr_ns, 1);
	CHECK_EQ(d.retry_time, 0);
	/* A request that fails is no end either. */
	f.fail_cmd = KVMEM_CMD_STATS_GET;
	link_second(&d);
	CHECK(d.state.connected && d.resync);
	f.fail_cmd = 0;
	link_second(&d);
	CHECK(!d.resync);
	end();
}

static const struct ktap_test tests[] = {
	{ "namespaces made and deleted", lists },
	{ "settings changed by somebody", settings },
	{ "media", media },
	{ "events of the module", the_module },
	{ "the module is unloaded", gone },
	{ "what the kernel refuses is tried again", refusals },
};

KTAP_MAIN(tests)
