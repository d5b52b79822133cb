// SPDX-License-Identifier: GPL-2.0
/* kvmemd: the configuration file. */
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <syslog.h>
#include <unistd.h>

#include <linux/kvmem_netlink.h>

#include "daemon/config.h"
#include "daemon/policy.h"
#include "ktap.h"

#define MAX_ERRORS	64

static char errors[MAX_ERRORS][512];
static int nr_errors;

static void on_error(void *arg, const char *message)
{
	(void)arg;
	if (nr_errors < MAX_ERRORS)
		snprintf(errors[nr_errors], sizeof(errors[0]), "%s", message);
	nr_errors++;
}

static struct config *parse(const char *text)
{
	nr_errors = 0;
	return config_parse("F", text, strlen(text), on_error, NULL);
}

static void defaults(void)
{
	struct config *c = parse("");

	CHECK(c);
	CHECK(!strcmp(c->daemon.socket, "/run/kvmem/kvmemd.sock"));
	CHECK(*c->daemon.metrics);
	CHECK_EQ(c->daemon.poll_ms, 50);
	CHECK_EQ(c->daemon.log_level, LOG_INFO);
	CHECK_EQ(c->default_policy, POLICY_ADAPTIVE);
	CHECK_EQ(c->nr_ns + c->nr_pools, 0);
	CHECK_EQ(c->arena.set, 0);
	CHECK(c->costs.bytes_per_token == 0);
	CHECK(!strcmp(c->costs.currency, "USD"));
	config_free(c);
}

static const char good[] =
	"daemon = { metrics = \"\"; socket = \"/s\"; poll_ms = 10; log_level = \"debug\";\n"
	"  socket_group = 7; };\n"
	"costs = { prefill_tokens_per_second = 3000; bytes_per_token = 327680.5;\n"
	"  gpu_cost_per_hour = 4.2; currency = \"EUR\"; };\n"
	"arena = { size = \"50%\"; floor = \"4M\"; };\n"
	"default_policy = \"none\";\n"
	"namespaces = (\n"
	"  { name = \"a\"; uid = 1; gid = 2; mode = \"0640\"; quota_bytes = 8589934592;\n"
	"    quota_blocks = 5000000000; pool = \"p\"; ttl = \"2h\"; pin_percent = 0;\n"
	"    policy = \"lru\"; fingerprint =\n"
	"\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"; },\n"
	"  { name = \"b\"; user = \"root\"; group = \"root\"; quota_bytes = \"1.5G\";\n"
	"    flash = { mode = \"back\"; quota = \"100G\"; };\n"
	"    require_verified = true; allow_bounce = false; } );\n"
	"pools = ( { name = \"p\"; quota_bytes = 0x100000000; share = true; } );\n"
	"media = ( { name = \"m\"; path = \"/dev/m\"; write_budget = \"1.25 dwpd\";\n"
	"    uuid = \"00112233-4455-6677-8899-aabbccddeeff\"; },\n"
	"  { name = \"o\"; path = \"/dev/o\"; write_budget = 5000000000; },\n"
	"  { name = \"u\"; path = \"/dev/u\"; write_budget = 0; },\n"
	"  { name = \"v\"; path = \"nvme:0000:01:00.0/1\"; write_budget = \"500G\"; } );\n"
	"membership = [ ];\n";

static void everything(void)
{
	struct config *c = parse(good);
	const struct config_ns *a;
	struct sysinfo si;

	CHECK(c);
	sysinfo(&si);
	CHECK_EQ(c->daemon.poll_ms, 10);
	CHECK_EQ(*c->daemon.metrics, 0);
	CHECK_EQ(c->daemon.socket_group, 7);
	CHECK(c->daemon.set & CONFIG_SOCKET_GROUP);
	CHECK_EQ(c->daemon.log_level, LOG_DEBUG);
	CHECK(c->costs.bytes_per_token == 327680.5);
	CHECK(c->costs.prefill_tokens_per_second == 3000);
	CHECK(!strcmp(c->costs.currency, "EUR"));
	CHECK(c->arena.size <= si.totalram / 2 && c->arena.size > si.totalram / 2 - (4 << 20));
	CHECK_EQ(c->arena.size % (2 << 20), 0);
	CHECK_EQ(c->arena.floor, 4 << 20);
	CHECK_EQ(c->default_policy, CONFIG_NO_POLICY);
	a = config_find_ns(c, "a");
	CHECK(a);
	CHECK_EQ(a->uid + a->gid, 3);
	CHECK_EQ(a->mode, 0640);
	CHECK_EQ(a->quota_bytes, 8LL << 30);
	CHECK_EQ(a->quota_blocks, 5000000000);
	CHECK_EQ(a->ttl_ms, 7200000);
	CHECK_EQ(a->policy, POLICY_LRU);
	CHECK_EQ(a->fingerprint[31], 0xff);
	CHECK(a->set & CONFIG_PIN_PERCENT);
	CHECK_EQ(config_find_ns(c, "b")->quota_bytes, 3LL << 29);
	CHECK_EQ(config_find_ns(c, "b")->policy, POLICY_ADAPTIVE);
	CHECK_EQ(config_find_pool(c, "p")->quota_bytes, 1LL << 32);
	CHECK(!config_find_ns(c, "c"));
	config_free(c);
}

static void media(void)
{
	struct config *c = parse(good);
	const struct config_ns *b;

	CHECK(c);
	CHECK_EQ(c->nr_media, 4);
	CHECK(!strcmp(c->media[0].name, "m") && !strcmp(c->media[0].path, "/dev/m"));
	CHECK_EQ(c->media[0].uuid[15], 0xff);
	CHECK(c->media[0].budget.drive_writes == 1.25);
	CHECK_EQ(c->media[0].budget.bytes, 0);
	CHECK_EQ(c->media[1].budget.bytes, 5000000000);
	CHECK(!(c->media[1].set & CONFIG_UUID));
	CHECK_EQ(c->media[2].budget.bytes, 0);
	CHECK(c->media[2].set & CONFIG_WRITE_BUDGET);
	CHECK_EQ(c->media[3].budget.bytes, 500LL << 30);
	b = config_find_ns(c, "b");
	CHECK_EQ(b->flash_mode, KVMEM_FLASH_MODE_BACK);
	CHECK_EQ(b->flash_quota_bytes, 100LL << 30);
	CHECK(b->set & CONFIG_FLASH_MODE && b->set & CONFIG_FLASH_QUOTA);
	CHECK(b->require_verified && b->set & CONFIG_VERIFIED);
	CHECK(!b->allow_bounce && b->set & CONFIG_BOUNCE);
	CHECK(!(config_find_ns(c, "a")->set &
		(CONFIG_FLASH_MODE | CONFIG_VERIFIED | CONFIG_BOUNCE)));
	config_free(c);
}

static char *printed(const struct config *c)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	config_print(c, f);
	fclose(f);
	return text;
}

/* What is printed is a file that means the same. */
static void print(void)
{
	struct config *c = parse(good), *again;
	char *one, *two;

	CHECK(c);
	one = printed(c);
	again = parse(one);
	CHECK(again);
	two = printed(again);
	CHECK(!strcmp(one, two));
	free(one);
	free(two);
	config_free(c);
	config_free(again);
	c = parse("namespaces = ( { name = \"q\\\"\\\\r\" } );");
	CHECK(c);
	CHECK(!strcmp(c->ns[0].name, "q\"\\r"));
	one = printed(c);
	again = parse(one);
	CHECK(again);
	CHECK(!strcmp(again->ns[0].name, "q\"\\r"));
	free(one);
	config_free(c);
	config_free(again);
}

#define MEDIA	"media = ( { name = \"m\"; path = \"/m\";\n"
#define UUID	"\"00112233445566778899aabbccddeeff\""

struct wrong {
	const char *text;
	const char *error;	/* the first, or a part of it */
};

static const struct wrong wrong[] = {
	{ "a = 1;", "F:1: unknown section \"a\"" },
	{ "daemon = {\n pol_ms = 1; };", "F:2: unknown key \"pol_ms\"" },
	{ "daemon = 3;", "F:1: daemon: want a group" },
	{ "daemon = { poll_ms = 9; };", "F:1: poll_ms: want a whole number of 10 to 10000" },
	{ "daemon = { poll_ms = 10001; };", "10 to 10000" },
	{ "daemon = { poll_ms = -50; };", "10 to 10000" },
	{ "daemon = { poll_ms = \"50\"; };", "10 to 10000" },
	{ "daemon = { poll_ms = 4294967346; };", "10 to 10000" },
	{ "daemon = { socket = \"x\"; };", "begins with /" },
	{ "daemon = { socket = \"\"; };", "begins with /" },
	{ "daemon = { metrics = 3; };", "want a string" },
	{ "daemon = { log_level = \"loud\"; };", "\"err\"" },
	{ "daemon = { socket_group = \"no such group\"; };", "a group's name" },
	{ "daemon = { poll_ms = 50;\npoll_ms = 60; };", "F:2: " },
	{ "costs = { currency = \"12345678\"; };", "at most 7 characters" },
	{ "costs = { currency = \"a\\nb\"; };", "at most 7 characters" },
	{ "costs = { bytes_per_token = -1; };", "a number of 0" },
	{ "costs = { bytes_per_token = 1e300; };", "a number of 0" },
	{ "costs = { bytes_per_token = true; };", "a number of 0" },
	{ "arena = { size = \"101%\"; };", "size: want bytes" },
	{ "arena = { size = \"%\"; };", "size: want bytes" },
	{ "arena = { size = 4096; };", "at least 2M" },
	{ "arena = { size = \"0%\"; };", "at least 2M" },
	{ "arena = { floor = \"12Q\"; };", "floor: want bytes" },
	{ "arena = { size = \"4M\"; floor = \"8M\"; };", "the floor is above the size" },
	{ "default_policy = \"best\";", "F:1: default_policy: want \"adaptive\"" },
	{ "default_policy = 3;", "default_policy: want" },
	{ "pools = { };", "F:1: pools: want a list of groups" },
	{ "pools = ( 3 );", "F:1: pools: want a group" },
	{ "pools = [ 3 ];", "F:1: pools: want a list" },
	{ "pools = ( { share = true; } );", "a pool without a name" },
	{ "pools = ( { name = \"p\"; share = 1; } );", "true or false" },
	{ "pools = ( { name = \"p\" },\n{ name = \"p\" } );",
	  "F:2: a second pool \"p\"; the first is in line 1" },
	{ "namespaces = ( { name = \"n\" },\n{ name = \"n\" } );",
	  "F:2: a second namespace \"n\"" },
	{ "namespaces = ( { } );", "a namespace without a name" },
	{ "namespaces = ( { name = \"\" } );", "is empty" },
	{ "namespaces = ( { name = \"12\" } );", "digits only" },
	{ "namespaces = ( { name = \"a b\" } );", "visible ASCII" },
	{ "namespaces = ( { name = 5 } );", "a name in quotation marks" },
	{ "namespaces = ( { name = \"n\";\nuid = 1;\nuser = 1 } );",
	  "F:3: user: the same setting" },
	{ "namespaces = ( { name = \"n\"; uid = -1 } );", "a user's name" },
	{ "namespaces = ( { name = \"n\"; uid = 4294967295 } );", "a user's name" },
	{ "namespaces = ( { name = \"n\"; user = \"\" } );", "a user's name" },
	{ "namespaces = ( { name = \"n\"; mode = 0660 } );", "in quotation marks, as \"0660\"" },
	{ "namespaces = ( { name = \"n\"; mode = \"0770\" } );", "octal mode" },
	{ "namespaces = ( { name = \"n\"; fingerprint = \"00\" } );", "64 hex digits" },
	{ "namespaces = ( { name = \"n\"; quota_bytes = -1 } );", "quota_bytes: want bytes" },
	{ "namespaces = ( { name = \"n\"; quota_bytes = \"50%\" } );", "quota_bytes: want bytes" },
	{ "namespaces = ( { name = \"n\"; quota_blocks = \"3\" } );", "a whole number" },
	{ "namespaces = ( { name = \"n\"; ttl = \"50d\" } );", "below 50 days" },
	{ "namespaces = ( { name = \"n\"; ttl = -1 } );", "below 50 days" },
	{ "namespaces = ( { name = \"n\"; pin_percent = 101 } );", "0 to 100" },
	{ "namespaces = ( { name = \"n\"; policy = \"none \" } );", "policy: want" },
	{ "namespaces = (\n{ name = \"n\"; pool = \"p\" } );",
	  "F:2: namespace \"n\": there is no pool \"p\"" },
	{ "media = ( { } );", "F:1: a media without a name" },
	{ "media = ( { name = \"m\" } );", "F:1: a media without a path" },
	{ "media = 1;", "media: want a list of groups" },
	{ "media = ( 1 );", "F:1: media: want a group" },
	{ MEDIA "nam = 1 } );", "F:2: unknown key \"nam\"" },
	{ MEDIA "uuid = \"12\" } );", "F:2: uuid: want a UUID" },
	{ MEDIA "write_budget = \"1 dwp\" } );", "F:2: write_budget: want bytes a day" },
	{ MEDIA "write_budget = \"-1 dwpd\" } );", "write_budget: want" },
	{ MEDIA "write_budget = \"inf dwpd\" } );", "write_budget: want" },
	{ MEDIA "write_budget = \"0.0001 dwpd\" } );", "write_budget: want" },
	{ MEDIA "write_budget = \"1001 dwpd\" } );", "write_budget: want" },
	{ MEDIA "write_budget = \"dwpd\" } );", "write_budget: want" },
	{ MEDIA "write_budget = \"1025T\" } );", "write_budget: want" },
	{ MEDIA "write_budget = 1000000 } );", "F:2: write_budget: want" },
	{ MEDIA "write_budget = -1 } );", "write_budget: want" },
	{ MEDIA "write_budget = 1.0 } );", "write_budget: want" },
	{ MEDIA "write_budget = 0;\nwrite_budget = 0 } );", "F:3: " },
	{ "media = ( { name = \"m\"; path = \"m\" } );", "begins with /" },
	{ "media = ( { name = \"a/b\"; path = \"/m\" } );", "has a slash" },
	{ "media = ( { name = \"..\"; path = \"/m\" } );", "is not for directories" },
	{ "media = ( { name = \"7\"; path = \"/m\" } );", "digits only" },
	{ MEDIA " },\n{ name = \"m\"; path = \"/n\" } );", "F:3: a second media with the name" },
	{ MEDIA " },\n{ name = \"n\"; path = \"/m\" } );", "F:3: a second media with the path" },
	{ "media = ( { name = \"m\"; path = \"/m\"; uuid = " UUID " },\n"
	  "{ name = \"n\"; path = \"/n\"; uuid = " UUID " } );",
	  "F:2: a second media with the uuid of that in line 1" },
	{ "namespaces = ( { name = \"n\";\nallow_bounce = 1 } );", "F:2: allow_bounce: want true" },
	{ "namespaces = ( { name = \"n\"; require_verified = \"yes\" } );",
	  "require_verified: want true" },
	{ "namespaces = ( { name = \"n\";\nflash = 1 } );", "F:2: flash: want a group" },
	{ "namespaces = ( { name = \"n\";\nflash = { mod = 1 } } );", "F:2: unknown key" },
	{ "namespaces = ( { name = \"n\"; flash = {\nmode = \"on\" } } );",
	  "F:2: mode: want \"off\", \"through\" or \"back\"" },
	{ "namespaces = ( { name = \"n\"; flash = { quota = -1 } } );", "quota: want bytes" },
	{ "membership = { a = 1; };", "section \"cluster\"" },
	{ "cluster = { name = \"c\"; node = 1; secret = \"/s\"; };", "F:1: cluster: \"nodes\" is missing" },
	{ "cluster = { name = \"c\"; node = 65535; secret = \"/s\"; nodes = \"/n\"; };", "0 to 65534" },
	{ "cluster = { name = \"c\"; node = 1; secret = \"/s\"; membership = \"etcd\"; etcd = \"http://a\"; };",
	  "can others reach" },
	{ "cluster = { membership = \"raft\"; };", "\"static\" or \"etcd\"" },
	{ "namespaces = ( { name = \"n\"; copies = 4 } );", "1 to 3" },
	{ "namespaces = ( { name = \"n\"; placement = \"here\" } );", "\"owner\" or \"both\"" },
	{ "daemon = {", "F:1: syntax error" },
	{ "\n\ndaemon = { ! };", "F:3: " },
	{ "a = 99999999999999999999;", "F:1: 99999999999999999999 is too large" },
	{ "a = 0xffffffffffffffffL;", "too large" },
	{ "a = 1111111111111111111111111111111111;", "a number of 34 characters" },
	{ "@include \"/etc/passwd\"", "F:1: @include is not supported" },
	{ "\n  @include \"/etc/passwd\"", "F:2: @include is not supported" },
	{ "a = (((((((((1)))))))));", "nested deeper than 8" },
};

static void every_error(void)
{
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct config *c = parse(wrong[i].text);

		if (c || !nr_errors || !strstr(errors[0], wrong[i].error))
			printf("# %s\n# gives: %s\n", wrong[i].text,
			       nr_errors ? errors[0] : "nothing");
		CHECK(!c);
		CHECK(nr_errors > 0);
		CHECK(strstr(errors[0], wrong[i].error));
	}
}

static void all_errors(void)
{
	struct config *c = parse("daemon = {\n x = 1;\n poll_ms = 1; };\n"
				 "pools = (\n { name = \"p\"; y = 2; } );\n"
				 "namespaces = (\n { name = \"n\"; pool = \"q\";\n z = 3; } );\n");

	CHECK(!c);
	CHECK_EQ(nr_errors, 5);
	CHECK(!strncmp(errors[0], "F:2:", 4));
	CHECK(!strncmp(errors[1], "F:3:", 4));
	CHECK(!strncmp(errors[2], "F:5:", 4));
	CHECK(!strncmp(errors[3], "F:8:", 4));
	CHECK(!strncmp(errors[4], "F:7:", 4));
}

/* libconfig would make 0 of the first two. */
static void large_numbers(void)
{
	struct config *c;

	c = parse("pools = ( { name = \"a\"; quota_bytes = 4294967296; quota_blocks = 2147483648 },"
		  "{ name = \"b\"; quota_bytes = 9223372036854775807 },"
		  "{ name = \"c\"; quota_bytes = 4294967296L; quota_blocks = 0xFFFFFFFF } );");
	CHECK(c);
	CHECK_EQ(c->pools[0].quota_bytes, 1LL << 32);
	CHECK_EQ(c->pools[0].quota_blocks, 1LL << 31);
	CHECK_EQ(c->pools[1].quota_bytes, INT64_MAX);
	CHECK_EQ(c->pools[2].quota_bytes, 1LL << 32);
	CHECK_EQ(c->pools[2].quota_blocks, 0xffffffffLL);
	config_free(c);
}

/* Numbers, quotation marks and brackets mean nothing in comments and strings. */
static void comments(void)
{
	struct config *c;

	c = parse("# 99999999999999999999 \" {\n// @include \"x\"\n/* ((((((((((( \n\" */\n"
		  "namespaces = ( { name = \"a-4294967296\" } ); # end");
	CHECK(c);
	CHECK(!strcmp(c->ns[0].name, "a-4294967296"));
	config_free(c);
	c = parse("namespaces = ( { name = \"(((((((((((#//\\\"\" } );");
	CHECK(c);
	CHECK(!strcmp(c->ns[0].name, "(((((((((((#//\""));
	config_free(c);
	c = parse("costs = { gpu_cost_per_hour = .5000000000; bytes_per_token = 1.5e+3 };");
	CHECK(c);
	CHECK(c->costs.gpu_cost_per_hour == 0.5);
	CHECK(c->costs.bytes_per_token == 1500);
	config_free(c);
}

static void zero_byte(void)
{
	nr_errors = 0;
	CHECK(!config_parse("F", "a\n\0b", 4, on_error, NULL));
	CHECK(!strcmp(errors[0], "F:2: a byte of 0"));
}

static void files(void)
{
	char path[] = "/tmp/kvmemd-test-XXXXXX";
	struct config *c;
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, good, sizeof(good) - 1), sizeof(good) - 1);
	close(fd);
	nr_errors = 0;
	c = config_load(path, on_error, NULL);
	unlink(path);
	CHECK(c);
	CHECK_EQ(c->nr_ns, 2);
	config_free(c);
	CHECK(!config_load(path, on_error, NULL));
	CHECK(strstr(errors[0], "No such file"));
	CHECK(!config_load("/dev/zero", on_error, NULL));
	CHECK(strstr(errors[1], "larger than 4 MiB"));
	CHECK(!config_load("/", on_error, NULL));
}

static void too_many(void)
{
	char *text = malloc(300 * 32 + 32), *p = text;
	int i;

	p += sprintf(p, "pools = (");
	for (i = 0; i < 257; i++)
		p += sprintf(p, "%s{ name = \"p%d\" }", i ? "," : "", i);
	sprintf(p, ");");
	CHECK(!parse(text));
	free(text);
	CHECK(!strcmp(errors[0], "F:1: pools: more than 256"));
}

static const struct ktap_test tests[] = {
	{ "without a line there are defaults", defaults },
	{ "every key is taken", everything },
	{ "media and flash", media },
	{ "what is printed means the same", print },
	{ "every error is told with its line", every_error },
	{ "all errors are told", all_errors },
	{ "numbers above 32 bits", large_numbers },
	{ "comments and strings", comments },
	{ "a byte of 0", zero_byte },
	{ "files", files },
	{ "too many pools", too_many },
};

KTAP_MAIN(tests)
