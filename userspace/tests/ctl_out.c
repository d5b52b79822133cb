// SPDX-License-Identifier: GPL-2.0
/* kvmemctl: tables, fields, JSON and value tables. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/decode.h"
#include "ctl/out.h"
#include "ctl/policy.h"
#include "ctl/value_table.h"
#include "ktap.h"

static char *text;
static size_t text_size;

static FILE *capture(void)
{
	free(text);
	text = NULL;
	return open_memstream(&text, &text_size);
}

static const struct column columns[] = {
	{ "NAME", "name", OUT_TEXT },
	{ "SIZE", "size", OUT_BYTES },
	{ "IN", "deep.er.n", OUT_TEXT },
	{ "ON", "on", OUT_TEXT },
	{ NULL, NULL, 0 }
};

static void tables(void)
{
	json_t *a = json_pack("[{s:s,s:i,s:{s:{s:i}},s:b},{s:s,s:I,s:n}]",
			      "name", "a", "size", 1, "deep", "er", "n", 12345, "on", 1,
			      "name", "longer", "size", (json_int_t)3 << 29, "on");
	FILE *to = capture();

	out_table(a, columns, to);
	fclose(to);
	CHECK(!strcmp(text, "NAME       SIZE     IN  ON\n"
			    "a           1 B  12345  yes\n"
			    "longer  1.5 GiB      -  -\n"));
	to = capture();
	out_fields(json_array_get(a, 0), columns, to);
	fclose(to);
	CHECK(!strcmp(text, "NAME  a\nSIZE  1 B\nIN    12345\nON    yes\n"));
	json_decref(a);
	a = json_array();
	to = capture();
	out_table(a, columns, to);
	fclose(to);
	CHECK(!strcmp(text, "NAME  SIZE  IN  ON\n"));
	json_decref(a);
}

static bool shows(json_t *value, enum out_format format, const char *want)
{
	const struct column c = { "X", "x", format };
	json_t *o = json_pack("{s:o}", "x", value);
	char buf[192];
	bool same;

	out_value(o, &c, buf, sizeof(buf));
	same = !strcmp(buf, want);
	if (!same)
		printf("# \"%s\", want \"%s\"\n", buf, want);
	json_decref(o);
	return same;
}

static void formats(void)
{
	CHECK(shows(json_integer(0), OUT_TEXT, "0"));
	CHECK(shows(json_integer(0), OUT_LIMIT, "-"));
	CHECK(shows(json_integer(0), OUT_COUNT_LIMIT, "-"));
	CHECK(shows(json_integer(7), OUT_COUNT_LIMIT, "7"));
	CHECK(shows(json_integer(10LL << 30), OUT_LIMIT, "10.0 GiB"));
	CHECK(shows(json_integer(0), OUT_MS, "-"));
	CHECK(shows(json_integer(1500), OUT_MS, "1500ms"));
	CHECK(shows(json_integer(30000), OUT_MS, "30s"));
	CHECK(shows(json_integer(7200000), OUT_MS, "2h"));
	CHECK(shows(json_integer(172800000), OUT_MS, "2d"));
	CHECK(shows(json_integer(1500), OUT_NS, "1.5 us"));
	CHECK(shows(json_real(0.756), OUT_RATE, "75.6%"));
	CHECK(shows(json_integer(50), OUT_PERCENT, "50%"));
	CHECK(shows(json_null(), OUT_RATE, "-"));
	CHECK(shows(json_real(0.25), OUT_PER_SECOND, "0.2"));
	CHECK(shows(json_real(1234.4), OUT_PER_SECOND, "1234"));
	CHECK(shows(json_real(23456), OUT_PER_SECOND, "23.5k"));
	CHECK(shows(json_real(7.5e9), OUT_PER_SECOND, "7500M"));
	CHECK(shows(json_integer(INT64_MAX), OUT_TEXT, "9223372036854775807"));
	CHECK(shows(json_number(UINT64_MAX), OUT_TEXT, "9223372036854775807"));
}

/* --- value tables --- */

static json_t *ramp(unsigned int n)
{
	json_t *values = json_array();
	unsigned int i;

	for (i = 0; i < n; i++)
		json_array_append_new(values, json_integer(100 + i));
	return values;
}

static void rows(void)
{
	static struct value_rows r, back;
	char problem[128];
	json_t *root;

	value_rows_lfu(&r);
	CHECK_EQ(r.have, ~0ULL);
	CHECK_EQ(r.value[0][31], 1);
	CHECK_EQ(r.value[63][0], 8);
	root = json_pack("{s:o}", "table", value_rows_json(&r));
	CHECK_EQ(value_rows_from_json(root, &back, problem, sizeof(problem)), 0);
	CHECK(!memcmp(&r, &back, sizeof(r)));
	json_decref(root);
	root = json_pack("{s:b, s:[{s:i, s:o}]}", "lru", 1, "table", "class", 63,
			 "values", ramp(32));
	CHECK_EQ(value_rows_from_json(root, &r, problem, sizeof(problem)), 0);
	CHECK(r.lru && r.have == 1ULL << 63 && r.value[63][31] == 131);
	json_decref(root);
	root = json_pack("{s:b, s:s}", "lru", 1, "order", "arrival");
	CHECK_EQ(value_rows_from_json(root, &r, problem, sizeof(problem)), 0);
	CHECK(!strcmp(r.order, "arrival"));
	json_object_set_new(root, "order", json_string("random"));
	CHECK(value_rows_from_json(root, &r, problem, sizeof(problem)) < 0);
	CHECK(strstr(problem, "order"));
	json_decref(root);
	root = json_pack("{s:b}", "lru", 1);
	CHECK_EQ(value_rows_from_json(root, &r, problem, sizeof(problem)), 0);
	CHECK(r.lru && !r.have);
	json_decref(root);
}

static bool refused(json_t *root)
{
	static struct value_rows r;
	char problem[128] = "";
	bool bad = value_rows_from_json(root, &r, problem, sizeof(problem)) < 0;

	json_decref(root);
	return bad && *problem;
}

static void bad_rows(void)
{
	CHECK(refused(json_object()));
	CHECK(refused(json_array()));
	CHECK(refused(json_pack("{s:[]}", "table")));
	CHECK(refused(json_pack("{s:[i]}", "table", 1)));
	CHECK(refused(json_pack("{s:i, s:b}", "table", 1, "lru", 1)));
	CHECK(refused(json_pack("{s:[{s:i,s:o}]}", "table", "class", 64, "values", ramp(32))));
	CHECK(refused(json_pack("{s:[{s:i,s:o}]}", "table", "class", -1, "values", ramp(32))));
	CHECK(refused(json_pack("{s:[{s:s,s:o}]}", "table", "class", "0", "values",
				ramp(32))));
	CHECK(refused(json_pack("{s:[{s:i,s:o}]}", "table", "class", 0, "values", ramp(31))));
	CHECK(refused(json_pack("{s:[{s:i,s:o}]}", "table", "class", 0, "values", ramp(33))));
	CHECK(refused(json_pack("{s:[{s:i,s:o},{s:i,s:o}]}", "table", "class", 0, "values",
				ramp(32), "class", 0, "values", ramp(32))));
}

static void printed_tables(void)
{
	static struct value_rows r;
	FILE *to = capture();

	value_rows_lfu(&r);
	policy_print_table(&r, to);
	fclose(to);
	CHECK(strstr(text, "ROW  CLASSES\n  0  0,8,16,24,32,40,48,56\n"));
	CHECK(strstr(text, "ROW 7\n"));
	CHECK(strstr(text, "  < 65.5 us      1      2      3      4      5"));
	memset(&r, 0, sizeof(r));
	r.have = 1 | 2 | 16;
	r.value[4][3] = 9;
	to = capture();
	policy_print_table(&r, to);
	fclose(to);
	CHECK(strstr(text, "  0  0-1\n  1  4\n"));
	CHECK_EQ(age_start(0), 0);
	CHECK_EQ(age_start(1), 1 << 16);
	CHECK_EQ(age_start(31), 1LL << 46);
}

static void printed_hists(void)
{
	json_t *h = json_pack("[{s:i,s:i,s:i,s:i,s:i,s:[i,i],s:[i,i],s:[i,i]}]",
			      "class", 9, "hint", 1, "hits_log2", 1, "blocks", 3,
			      "bytes", 2048, "hits", 0, 5, "evictions", 0, 0,
			      "ghost_hits", 0, 1);
	FILE *to = capture();

	policy_print_hist(h, to);
	fclose(to);
	CHECK(strstr(text, "    9     1  1-2        3  2.0 KiB     5"));
	CHECK(strstr(text, ">= 65.5 us     5          0           1\n"));
	CHECK(!strstr(text, "< 65.5"));
	json_decref(h);
	h = json_array();
	to = capture();
	policy_print_hist(h, to);
	fclose(to);
	CHECK(!strcmp(text, "no class has counted anything\n"));
	json_decref(h);
	free(text);
	text = NULL;
}

static const struct ktap_test tests[] = {
	{ "tables and fields", tables }, { "formats", formats },
	{ "value tables as JSON", rows }, { "bad value tables", bad_rows },
	{ "value tables as text", printed_tables },
	{ "histograms as text", printed_hists },
};

KTAP_MAIN(tests)
