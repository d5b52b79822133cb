// SPDX-License-Identifier: GPL-2.0
/* kvmemd: what is configured against what is there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/log.h"
#include "daemon/reconcile.h"
#include "fake_kernel.h"
#include "ktap.h"

static struct fake_kernel f;
static struct state state;
static struct reconcile r;
static char *said;
static size_t said_len;
static FILE *log_to;
static uint64_t now;

static void begin(void)
{
	fake_kernel_init(&f);
	now = 1000000000000;
	log_to = open_memstream(&said, &said_len);
	log_init(log_to);
}

static void end(void)
{
	log_init(NULL);
	fclose(log_to);
	free(said);
	state_clear(&state);
	reconcile_end(&r);
}

static void on_error(void *arg, const char *message)
{
	(void)arg;
	printf("# %s\n", message);
}

/* 0 or what reconcile() said */
static int run(const char *text)
{
	struct config *c = config_parse("F", text, strlen(text), on_error, NULL);
	int err;

	if (!c)
		return -1;
	memset(f.calls, 0, sizeof(f.calls));
	err = read_all(&f.kernel, &state);
	if (!err)
		err = reconcile(&r, &f.kernel, &state, c, now);
	config_free(c);
	fflush(log_to);
	return err;
}

static unsigned int writes(void)
{
	return f.calls[KVMEM_CMD_NS_NEW] + f.calls[KVMEM_CMD_NS_SET] +
	       f.calls[KVMEM_CMD_POOL_NEW] + f.calls[KVMEM_CMD_POOL_SET] +
	       f.calls[KVMEM_CMD_ARENA_SET] + f.calls[KVMEM_CMD_MEDIA_ATTACH] +
	       f.calls[KVMEM_CMD_MEDIA_SET];
}

static const char full[] =
	"arena = { size = \"128M\"; floor = \"32M\"; };\n"
	"pools = ( { name = \"p\"; quota_bytes = \"1G\"; quota_blocks = 9; share = true; } );\n"
	"namespaces = ( { name = \"n\"; uid = 5; gid = 6; mode = \"0660\";\n"
	"  quota_bytes = \"512M\"; quota_blocks = 7; ttl = 1000; pin_percent = 20; pool = \"p\"; fingerprint =\n"
	"  \"0100000000000000000000000000000000000000000000000000000000000002\"; },\n"
	"  { name = \"m\" } );\n";

static void creates(void)
{
	const struct fake_ns *n, *m;

	begin();
	CHECK_EQ(run(full), 0);
	CHECK_EQ(r.created, 3);
	CHECK_EQ(r.changed, 1);
	CHECK_EQ(r.failed + r.left, 0);
	CHECK_EQ(f.target, 128 << 20);
	CHECK_EQ(f.floor, 32 << 20);
	CHECK_EQ(f.pool[0].quota_bytes, 1 << 30);
	CHECK_EQ(f.pool[0].quota_blocks, 9);
	CHECK_EQ(f.pool[0].share, 1);
	n = fake_find_ns(&f, "n");
	CHECK(n);
	CHECK_EQ(n->uid * 10 + n->gid, 56);
	CHECK_EQ(n->mode, 0660);
	CHECK_EQ(n->quota_bytes, 512 << 20);
	CHECK_EQ(n->quota_blocks, 7);
	CHECK_EQ(n->ttl_ms, 1000);
	CHECK_EQ(n->pin_percent, 20);
	CHECK_EQ(n->pool_id, 1);
	CHECK_EQ(n->fingerprint[0] + n->fingerprint[31], 3);
	/* One that nobody owns is root's, not the daemon's. */
	m = fake_find_ns(&f, "m");
	CHECK(m);
	CHECK_EQ(m->uid + m->gid, 0);
	/* The state is of after. */
	CHECK(state_find_ns_by_name(&state, "m"));
	CHECK_EQ(state.arena[KVMEM_A_ARENA_TARGET], 128 << 20);
	end();
}

static void finds_its_own(void)
{
	begin();
	CHECK_EQ(run(full), 0);
	CHECK_EQ(run(full), 0);
	CHECK_EQ(writes(), 0);
	CHECK_EQ(r.created + r.changed, 0);
	end();
}

/* Each setting by itself, and only that one. */
static void changes_what_differs(void)
{
	struct fake_ns *n;

	begin();
	CHECK_EQ(run(full), 0);
	n = fake_find_ns(&f, "n");
	n->uid = 99;
	CHECK_EQ(run(full), 0);
	CHECK_EQ(writes(), 1);
	CHECK_EQ(n->uid, 5);
	n->quota_bytes = 0;
	n->ttl_ms = 0;
	n->mode = 0600;
	n->pin_percent = 100;
	n->quota_blocks = 0;
	n->gid = 1;
	n->fingerprint[3] = 3;
	CHECK_EQ(run(full), 0);
	CHECK_EQ(writes(), 1);
	CHECK_EQ(r.changed, 1);
	CHECK_EQ(n->quota_bytes, 512 << 20);
	CHECK_EQ(n->fingerprint[3], 0);
	CHECK(strstr(said, "namespace n: set as configured: gid, mode, quota_bytes, quota_blocks, "
		     "ttl, pin_percent, fingerprint"));
	f.pool[0].share = 0;
	f.target = 1 << 30;
	CHECK_EQ(run(full), 0);
	CHECK_EQ(writes(), 2);
	CHECK_EQ(f.pool[0].share, 1);
	CHECK_EQ(f.target, 128 << 20);
	CHECK_EQ(f.floor, 32 << 20);
	end();
}

static void leaves_the_rest(void)
{
	struct fake_ns *other, *n;
	struct fake_ns before;

	begin();
	other = fake_add_ns(&f, "other");
	other->quota_bytes = 77;
	before = *other;
	n = fake_add_ns(&f, "n");
	n->uid = 4;
	n->quota_bytes = 3;
	CHECK_EQ(run("namespaces = ( { name = \"n\"; quota_bytes = 5 } );"), 0);
	CHECK_EQ(n->uid, 4);
	CHECK_EQ(n->quota_bytes, 5);
	CHECK(!memcmp(&before, other, sizeof(before)));
	CHECK_EQ(f.nr_ns, 2);
	CHECK_EQ(run(""), 0);
	CHECK_EQ(writes(), 0);
	end();
}

static void cannot_move(void)
{
	struct fake_ns *n;

	begin();
	n = fake_add_ns(&f, "n");
	n->used_blocks = 1;
	n->uid = 5;
	CHECK_EQ(run(full), 0);
	CHECK_EQ(r.left, 2);
	CHECK_EQ(r.failed, 0);
	CHECK_EQ(n->pool_id, 0);
	CHECK_EQ(n->fingerprint[0], 0);
	/* The others are set all the same. */
	CHECK_EQ(n->quota_bytes, 512 << 20);
	CHECK(strstr(said, "namespace n: is in no pool, configured is pool p"));
	CHECK(strstr(said, "blocks of another fingerprint"));
	end();
}

static void says_it_once(void)
{
	size_t len;

	begin();
	fake_add_ns(&f, "n")->used_blocks = 1;
	CHECK_EQ(run(full), 0);
	len = said_len;
	CHECK_EQ(run(full), 0);
	CHECK_EQ(r.left, 2);
	CHECK_EQ(said_len, len);
	reconcile_reset(&r);
	CHECK_EQ(run(full), 0);
	CHECK(said_len > len);
	end();
}

static void goes_on_when_refused(void)
{
	begin();
	f.fail_cmd = KVMEM_CMD_POOL_NEW;
	f.fail_err = ENOSPC;
	CHECK_EQ(run(full), 0);
	/* The pool, and the namespace that is to be in it */
	CHECK_EQ(r.failed, 2);
	CHECK(fake_find_ns(&f, "m"));
	CHECK(!fake_find_ns(&f, "n"));
	CHECK(strstr(said, "pool p: quota_bytes, quota_blocks, share: No space left on device"));
	f.fail_cmd = 0;
	CHECK_EQ(run(full), 0);
	CHECK_EQ(r.failed, 0);
	CHECK(fake_find_ns(&f, "n"));
	end();
}

static void stops_when_gone(void)
{
	begin();
	f.gone = true;
	CHECK_EQ(run(full), -ENODEV);
	f.gone = false;
	f.malformed = true;
	fake_add_ns(&f, "n");
	CHECK_EQ(run(full), -EBADMSG);
	CHECK_EQ(writes(), 0);
	end();
}

static void restarted_dumps(void)
{
	begin();
	fake_add_ns(&f, "n");
	fake_add_ns(&f, "m");
	f.changing = 3;
	CHECK_EQ(run(""), 0);
	CHECK(state.ns && state.ns->next && !state.ns->next->next);
	/* One that is gone is forgotten. */
	f.nr_ns = 1;
	CHECK_EQ(run(""), 0);
	CHECK(state.ns && !state.ns->next);
	CHECK(!strcmp(state.ns->name, "n"));
	end();
}

/* --- GPU memory --- */

static const char gpu[] =
	"namespaces = ( { name = \"n\"; require_verified = true; allow_bounce = false } );";

static void memory(void)
{
	struct fake_ns *n;

	begin();
	CHECK_EQ(run(gpu), 0);
	n = fake_find_ns(&f, "n");
	CHECK_EQ(n->require_verified, 1);
	CHECK_EQ(n->allow_bounce, 0);
	/* Nothing to do */
	CHECK_EQ(run(gpu), 0);
	CHECK_EQ(writes(), 0);
	n->allow_bounce = 1;
	CHECK_EQ(run(gpu), 0);
	CHECK_EQ(writes(), 1);
	CHECK_EQ(n->allow_bounce, 0);
	CHECK(strstr(said, "namespace n: set as configured: allow_bounce"));
	/* What is not given stays. */
	CHECK_EQ(run("namespaces = ( { name = \"n\" } );"), 0);
	CHECK_EQ(writes(), 0);
	CHECK_EQ(n->require_verified, 1);
	end();
}

/* --- flash --- */

static const char flash[] =
	"namespaces = ( { name = \"n\"; flash = { mode = \"back\"; quota = \"2G\" } } );\n"
	"media = ( { name = \"one\"; path = \"/dev/a\"; write_budget = \"2.0 dwpd\" },\n"
	"  { name = \"two\"; path = \"/dev/b\"; write_budget = \"10G\";\n"
	"    uuid = \"62626262-6262-6262-6262-626262626262\" } );\n";

static void flash_modes(void)
{
	struct fake_ns *n;

	begin();
	CHECK_EQ(run(flash), 0);
	n = fake_find_ns(&f, "n");
	CHECK_EQ(n->flash_mode, KVMEM_FLASH_MODE_BACK);
	CHECK_EQ(n->flash_quota_bytes, 2LL << 30);
	n->flash_mode = KVMEM_FLASH_MODE_OFF;
	CHECK_EQ(run(flash), 0);
	CHECK_EQ(writes(), 1);
	CHECK_EQ(n->flash_mode, KVMEM_FLASH_MODE_BACK);
	CHECK(strstr(said, "namespace n: set as configured: flash mode"));
	/* What is not given stays. */
	CHECK_EQ(run("namespaces = ( { name = \"n\" } );"), 0);
	CHECK_EQ(writes(), 0);
	CHECK_EQ(state.ns->flash_blocks, 2);
	CHECK_EQ(state.ns->flash_bytes, 8192);
	end();
}

static void attaches(void)
{
	begin();
	fake_add_media(&f, "other", "/dev/z")->write_budget = 5;
	CHECK_EQ(run(flash), 0);
	CHECK_EQ(f.nr_media, 3);
	CHECK(fake_find_media(&f, "one") && fake_find_media(&f, "two"));
	CHECK(!strcmp(fake_find_media(&f, "two")->path, "/dev/b"));
	/* Twice the size, which only the media tells */
	CHECK_EQ(fake_find_media(&f, "one")->write_budget, 2LL << 30);
	CHECK_EQ(fake_find_media(&f, "two")->write_budget, 10LL << 30);
	CHECK_EQ(f.media[0].write_budget, 5);
	CHECK_EQ(state.media_missing, 0);
	CHECK_EQ(state_find_media_by_name(&state, "two")->write_budget, 10LL << 30);
	CHECK_EQ(run(flash), 0);
	CHECK_EQ(writes(), 0);
	fake_find_media(&f, "one")->write_budget = 0;
	CHECK_EQ(run(flash), 0);
	CHECK_EQ(writes(), 1);
	CHECK_EQ(fake_find_media(&f, "one")->write_budget, 2LL << 30);
	/* One that somebody let go comes back. */
	f.nr_media = 2;
	CHECK_EQ(run(flash), 0);
	CHECK_EQ(f.nr_media, 3);
	end();
}

static void tries_again(void)
{
	size_t len;
	int i, tries = 0;

	begin();
	f.fail_cmd = KVMEM_CMD_MEDIA_ATTACH;
	f.fail_err = ENODEV;
	CHECK_EQ(run(flash), 0);
	CHECK_EQ(f.calls[KVMEM_CMD_MEDIA_ATTACH], 2);
	/* The others are made all the same, and this is not tried with them. */
	CHECK(fake_find_ns(&f, "n"));
	CHECK_EQ(r.failed, 0);
	CHECK_EQ(state.media_missing, 2);
	CHECK_EQ(r.retry_at - now, 2000000000);
	CHECK(strstr(said, "media one: /dev/a cannot be attached: No such device"));
	len = said_len;
	for (i = 0; i < 200; i++) {
		now += 1000000000;
		CHECK_EQ(run(flash), 0);
		tries += f.calls[KVMEM_CMD_MEDIA_ATTACH] != 0;
	}
	/* After 2, 6, 14, 30, 62, 126 and 190 s */
	CHECK_EQ(tries, 7);
	CHECK_EQ(said_len, len);
	f.fail_cmd = 0;
	now = r.retry_at;
	CHECK_EQ(run(flash), 0);
	CHECK_EQ(f.nr_media, 2);
	CHECK_EQ(state.media_missing + r.retry_at + r.nr_tries, 0);
	end();
}

static uint64_t real_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* A device that does not answer: nothing waits for it, and it comes when it does. */
static void hanging_media(void)
{
	const struct timespec step = { .tv_nsec = 5000000 };
	uint64_t start = real_ms();
	int i;

	begin();
	f.hang = "/dev/a";
	CHECK_EQ(run(flash), 0);
	CHECK(f.hanging);
	CHECK(real_ms() - start < 30000);
	/* All else is as it should be. */
	CHECK(fake_find_ns(&f, "n"));
	CHECK(!fake_find_media(&f, "one"));
	CHECK(fake_find_media(&f, "two"));
	CHECK_EQ(fake_find_media(&f, "two")->write_budget, 10LL << 30);
	CHECK_EQ(state.media_missing, 1);
	CHECK(strstr(said, "media one: /dev/a takes long to attach"));
	CHECK_EQ(r.retry_at - now, 1000000000);
	/* It is not asked for twice, whatever happens meanwhile. */
	for (i = 0; i < 5; i++) {
		now += 1000000000;
		reconcile_reset(&r);
		CHECK_EQ(run(flash), 0);
		CHECK_EQ(f.calls[KVMEM_CMD_MEDIA_ATTACH], 0);
		CHECK_EQ(state.media_missing, 1);
	}
	fake_answer(&f);
	for (i = 0; i < 2000 && (i == 0 || state.media_missing); i++) {
		nanosleep(&step, NULL);
		CHECK_EQ(run(flash), 0);
	}
	CHECK_EQ(state.media_missing, 0);
	CHECK(strstr(said, "media one: /dev/a was attached"));
	CHECK_EQ(f.nr_media, 2);
	CHECK_EQ(fake_find_media(&f, "one")->write_budget, 2LL << 30);
	CHECK_EQ(r.retry_at, 0);
	end();
}

/* It fails after all, or nobody is there any more to hear. */
static void hanging_in_vain(void)
{
	const struct timespec step = { .tv_nsec = 5000000 };
	int i;

	begin();
	f.hang = "/dev/a";
	CHECK_EQ(run(flash), 0);
	f.fail_cmd = KVMEM_CMD_MEDIA_ATTACH;
	f.fail_err = ETIMEDOUT;
	fake_answer(&f);
	for (i = 0; i < 2000 && !r.nr_tries; i++) {
		nanosleep(&step, NULL);
		CHECK_EQ(run(flash), 0);
	}
	CHECK(strstr(said, "media one: /dev/a cannot be attached: Connection timed out"));
	CHECK_EQ(r.retry_at - now, 2000000000);
	f.fail_cmd = 0;
	f.hang = "/dev/a";
	now = r.retry_at;
	CHECK_EQ(run(flash), 0);
	CHECK(f.hanging);
	reconcile_end(&r);
	CHECK(!r.attaching);
	fake_answer(&f);
	end();
}

static void other_media(void)
{
	begin();
	fake_add_media(&f, "mine", "/dev/a");
	fake_add_media(&f, "two", "/dev/c");
	CHECK_EQ(run(flash), 0);
	CHECK_EQ(writes() - f.calls[KVMEM_CMD_NS_NEW], 0);
	CHECK_EQ(r.left, 2);
	CHECK_EQ(f.media[1].write_budget, 0);
	CHECK(strstr(said, "media one: is attached as mine"));
	CHECK(strstr(said, "media two: is another one than configured"));
	/* The same under another path is the same. */
	f.nr_media = 1;
	snprintf(f.media[0].name, sizeof(f.media[0].name), "one");
	snprintf(f.media[0].path, sizeof(f.media[0].path), "/dev/disk/a");
	CHECK_EQ(run(flash), 0);
	CHECK(strstr(said, "media one: is attached at /dev/disk/a, configured is /dev/a"));
	CHECK_EQ(f.media[0].write_budget, 2LL << 30);
	CHECK(!strcmp(f.media[1].name, "two"));
	end();
}

/* A UUID that does not match, and a module that has no media */
static void wrong_media(void)
{
	begin();
	CHECK_EQ(run("media = ( { name = \"m\"; path = \"/dev/a\";\n"
		     "uuid = \"62626262626262626262626262626262\" } );"), 0);
	CHECK_EQ(f.nr_media, 0);
	CHECK(strstr(said, "media m: /dev/a cannot be attached: Wrong medium type"));
	f.no_media = true;
	CHECK_EQ(run(""), 0);
	CHECK(!state.media);
	end();
}

static const struct ktap_test tests[] = {
	{ "what is missing is created", creates },
	{ "what is as configured is left alone", finds_its_own },
	{ "settings that differ are set", changes_what_differs },
	{ "what is not described is left alone", leaves_the_rest },
	{ "a namespace stays in its pool and keeps its blocks", cannot_move },
	{ "a complaint is not repeated", says_it_once },
	{ "a refusal does not stop the others", goes_on_when_refused },
	{ "without a kernel it ends", stops_when_gone },
	{ "dumps that begin anew", restarted_dumps },
	{ "GPU memory of namespaces", memory },
	{ "flash settings of namespaces", flash_modes },
	{ "media are attached and their budgets set", attaches },
	{ "media that cannot be attached are tried again", tries_again },
	{ "a media that hangs holds nothing up", hanging_media },
	{ "a media that hangs and fails", hanging_in_vain },
	{ "media that are others", other_media },
	{ "a media that is not the one", wrong_media },
};

KTAP_MAIN(tests)
