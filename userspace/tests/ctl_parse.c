// SPDX-License-Identifier: GPL-2.0
/* kvmemctl: what people type. */
#include <errno.h>
#include <string.h>

#include "ctl/args.h"
#include "ctl/ctl.h"
#include "ctl/parse.h"
#include "ktap.h"

static void sizes(void)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "0", 0 }, { "1", 1 }, { "4096", 4096 }, { "1B", 1 }, { "1K", 1024 },
		{ "2k", 2048 }, { "3KiB", 3072 }, { "512M", 512ULL << 20 },
		{ "10G", 10ULL << 30 }, { "1.5G", 3ULL << 29 }, { "0.25Mi", 256 << 10 },
		{ "4T", 4ULL << 40 }, { "9223372036854775807", INT64_MAX },
		{ "1.0000000001K", 1024 },
	};
	static const char * const bad[] = {
		"", " 1", "1 ", "-1", "+1", "K", ".5G", "1.", "1.G", "1Q", "1GB", "10GiBs",
		"0x10", "1e3", "9223372036854775808", "8388608T", "99999999999999999999",
	};
	uint64_t v;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
		CHECK_EQ(parse_size(good[i].text, &v), 0);
		CHECK_EQ(v, good[i].bytes);
	}
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(parse_size(bad[i], &v) < 0);
}

static void durations(void)
{
	uint64_t v;

	CHECK_EQ(parse_duration("250", 1, UINT32_MAX, &v), 0);
	CHECK_EQ(v, 250);
	CHECK_EQ(parse_duration("250", 1000, UINT32_MAX, &v), 0);
	CHECK_EQ(v, 250000);
	CHECK_EQ(parse_duration("30s", 1, UINT32_MAX, &v), 0);
	CHECK_EQ(v, 30000);
	CHECK_EQ(parse_duration("0.5s", 1, UINT32_MAX, &v), 0);
	CHECK_EQ(v, 500);
	CHECK_EQ(parse_duration("1500ms", 1000, UINT32_MAX, &v), 0);
	CHECK_EQ(v, 1500);
	CHECK_EQ(parse_duration("5m", 1, UINT32_MAX, &v), 0);
	CHECK_EQ(v, 300000);
	CHECK_EQ(parse_duration("2h", 1, UINT32_MAX, &v), 0);
	CHECK_EQ(v, 7200000);
	CHECK_EQ(parse_duration("49d", 1, UINT32_MAX, &v), 0);
	CHECK(parse_duration("50d", 1, UINT32_MAX, &v) < 0);
	CHECK(parse_duration("5 s", 1, UINT32_MAX, &v) < 0);
	CHECK(parse_duration("s", 1, UINT32_MAX, &v) < 0);
	CHECK(parse_duration("1w", 1, UINT32_MAX, &v) < 0);
}

static void reals(void)
{
	static const char * const bad[] = {
		"", "0", "0.0", "-1", "+1", "1.", ".5", "1e3", "inf", "nan", "0x1", "1 ", " 1",
		"99999999999999999999", "1,5",
	};
	double v;
	size_t i;

	CHECK_EQ(parse_real("2.5", &v), 0);
	CHECK(v == 2.5);
	CHECK_EQ(parse_real("9000", &v), 0);
	CHECK(v == 9000);
	CHECK_EQ(parse_real("0.000001", &v), 0);
	CHECK(v > 0.9e-6 && v < 1.1e-6);
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(parse_real(bad[i], &v) < 0);
}

static void modes(void)
{
	uint16_t m;

	CHECK_EQ(parse_mode("0660", &m), 0);
	CHECK_EQ(m, 0660);
	CHECK_EQ(parse_mode("600", &m), 0);
	CHECK_EQ(m, 0600);
	CHECK_EQ(parse_mode("0", &m), 0);
	CHECK_EQ(m, 0);
	CHECK_EQ(parse_mode("0770", &m), -ERANGE);
	CHECK_EQ(parse_mode("1660", &m), -ERANGE);
	CHECK_EQ(parse_mode("668", &m), -EINVAL);
	CHECK_EQ(parse_mode("", &m), -EINVAL);
	CHECK_EQ(parse_mode("0000660", &m), -EINVAL);
	CHECK_EQ(parse_mode("rw-rw----", &m), -EINVAL);
}

static void hex(void)
{
	uint8_t b[4];

	CHECK_EQ(parse_hex("00fFa501", b, 4), 0);
	CHECK(!memcmp(b, "\x00\xff\xa5\x01", 4));
	CHECK_EQ(parse_hex("0x12345678", b, 4), 0);
	CHECK_EQ(b[0], 0x12);
	CHECK(parse_hex("1234567", b, 4) < 0);
	CHECK(parse_hex("123456789", b, 4) < 0);
	CHECK(parse_hex("1234567g", b, 4) < 0);
	CHECK(parse_hex("", b, 4) < 0);
}

static void uuids(void)
{
	static const char * const bad[] = {
		"", "0123", "0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdef0",
		"01234567-89ab-cdef-0123-456789abcde", "0123456-789ab-cdef-0123-456789abcdef",
		"01234567-89ab-cdef-0123-456789abcdeg", "01234567-89ab-cdef-01-23456789abcdef",
		"--------------------------------",
	};
	uint8_t u[16], mode;
	size_t i;

	CHECK_EQ(parse_uuid("01234567-89ab-cdef-0123-456789ABCDEF", u), 0);
	CHECK(!memcmp(u, "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef", 16));
	CHECK_EQ(parse_uuid("f123456789abcdef0123456789abcdef", u), 0);
	CHECK_EQ(u[0], 0xf1);
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(parse_uuid(bad[i], u) < 0);
	CHECK_EQ(parse_flash_mode("off", &mode), 0);
	CHECK_EQ(mode, 0);
	CHECK_EQ(parse_flash_mode("back", &mode), 0);
	CHECK_EQ(mode, 2);
	CHECK(parse_flash_mode("backwards", &mode) < 0);
	CHECK(parse_flash_mode("1", &mode) < 0);
	CHECK(parse_flash_mode("", &mode) < 0);
}

static void lists(void)
{
	uint16_t v[3];
	bool b;

	CHECK_EQ(parse_u16_list("1,2,65535", v, 3), 0);
	CHECK_EQ(v[2], 65535);
	CHECK_EQ(parse_u16_list("1 2, 3", v, 3), 0);
	CHECK_EQ(v[1], 2);
	CHECK(parse_u16_list("1,2", v, 3) < 0);
	CHECK(parse_u16_list("1,2,3,", v, 3) < 0);
	CHECK(parse_u16_list("1,2,3,4", v, 3) < 0);
	CHECK(parse_u16_list("1,2,65536", v, 3) < 0);
	CHECK(parse_u16_list("1,x,3", v, 3) < 0);
	CHECK(parse_u16_list("", v, 3) < 0);
	CHECK(!parse_bool("yes", &b) && b);
	CHECK(!parse_bool("OFF", &b) && !b);
	CHECK(!parse_bool("1", &b) && b);
	CHECK(parse_bool("maybe", &b) < 0);
}

static void names(void)
{
	char text[70];
	uint32_t id;

	CHECK(!name_problem("llama-70b/bf16"));
	CHECK(!name_problem("12"));
	CHECK(new_name_problem("12"));
	CHECK(!new_name_problem("12b"));
	CHECK(name_problem(""));
	CHECK(name_problem("a b"));
	CHECK(name_problem("tab\t"));
	CHECK(name_problem("caf\xc3\xa9"));
	memset(text, 'x', sizeof(text));
	text[63] = 0;
	CHECK(!name_problem(text));
	text[63] = 'x';
	text[64] = 0;
	CHECK(name_problem(text));
	CHECK(name_is_id("0") && !name_is_id("") && !name_is_id("1a") && !name_is_id("-1"));
	CHECK_EQ(parse_user("1000", &id), 0);
	CHECK_EQ(id, 1000);
	CHECK(parse_user("4294967295", &id) < 0);
	CHECK(parse_user("no such user", &id) < 0);
	CHECK(parse_group("-1", &id) < 0);
}

static void options(void)
{
	static const struct arg_spec specs[] = {
		{ .name = "wait" }, { .name = "lru", .flag = true },
		{ .name = "class", .repeat = true }, { .name = NULL }
	};
	static char *good[] = {
		"x", "--wait", "5", "name", "--lru", "--class=1", "--json", "--class", "2", NULL
	};
	static char *twice[] = { "x", "--wait", "1", "--wait", "2", NULL };
	static char *many[] = { "x", "a", "b", NULL };
	static char *dashes[] = { "x", "--", "--lru", NULL };
	static char *bad[] = { "x", "--lru=1", NULL };
	static struct args args;
	uint64_t v;

	CHECK_EQ(args_parse(&args, specs, 1, 9, good), 0);
	CHECK(args.json && args_has(&args, "lru") && args.nr_pos == 1);
	CHECK(!strcmp(args.pos[0], "name"));
	CHECK_EQ(args.nr_opts, 4);
	CHECK(!strcmp(args.opt[3].value, "2"));
	CHECK_EQ(args_seconds(&args, "wait", 0, &v), 0);
	CHECK_EQ(v, 5000);
	CHECK_EQ(args_count(&args, "class", 0, 0, &v), CTL_USAGE);
	CHECK_EQ(args_count(&args, "none", 0, 7, &v), 0);
	CHECK_EQ(v, 7);
	CHECK_EQ(args_parse(&args, specs, 1, 5, twice), CTL_USAGE);
	CHECK_EQ(args_parse(&args, specs, 1, 3, many), CTL_USAGE);
	CHECK_EQ(args_parse(&args, specs, 2, 3, many), 0);
	CHECK_EQ(args_parse(&args, specs, 1, 3, dashes), 0);
	CHECK(!strcmp(args.pos[0], "--lru") && !args.nr_opts);
	CHECK_EQ(args_parse(&args, specs, 1, 2, bad), CTL_USAGE);
	CHECK_EQ(args_parse(&args, NULL, 0, 1, good), 0);
}

static const struct ktap_test tests[] = {
	{ "sizes", sizes }, { "durations", durations }, { "real numbers", reals },
	{ "modes", modes },
	{ "hex digits", hex }, { "uuids and flash modes", uuids },
	{ "lists and booleans", lists }, { "names", names },
	{ "options", options },
};

KTAP_MAIN(tests)
