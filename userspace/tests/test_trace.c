// SPDX-License-Identifier: GPL-2.0
/* The parser of traces, the LRU curve and the figures. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ktap.h"
#include "replay/lru.h"
#include "replay/trace.h"
#include "replay/trace_stats.h"

#define HEAD "{\"timestamp\": 1, \"hash_ids\": "

static int parse(struct trace *t, const char *text, struct trace_error *e)
{
	/* a copy of just that size, so that a read too far is seen */
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);
	int err;

	memcpy(copy, text, len);
	err = trace_parse(t, copy, len, 0, e);
	free(copy);
	return err;
}

static void test_good(void)
{
	static const char text[] =
		"{\"timestamp\": 5, \"input_length\": 6, \"output_length\": 7, "
		"\"hash_ids\": [10, 11, 12]}\r\n"
		"\n  \n"
		"{\"hash_ids\":[11,9007199254740991],\"x\":\"y\",\"z\":-1.5e3,"
		"\"w\":null,\"timestamp\":0}";
	struct trace_error e;
	struct trace t;

	CHECK_EQ(parse(&t, text, &e), 0);
	CHECK_EQ(t.nr_requests, 2);
	CHECK_EQ(t.requests[0].timestamp, 5);
	CHECK_EQ(t.requests[0].input_length, 6);
	CHECK_EQ(t.requests[0].output_length, 7);
	CHECK_EQ(t.requests[0].nr, 3);
	CHECK_EQ(t.requests[1].first, 3);
	CHECK_EQ(t.ids[4], 9007199254740991);
	CHECK_EQ(t.nr_distinct, 4);
	CHECK_EQ(t.dense[3], 1);
	CHECK_EQ(t.dense[4], 3);
	trace_free(&t);
}

static void test_hostile(void)
{
	static const char *const bad[] = {
		"", " ", "\n\n", "{", "}", "{}", "[]", "null", "{\"", "{\"a",
		"{\"timestamp\"", "{\"timestamp\":", "{\"timestamp\": 1",
		"{\"timestamp\": 1}", "{\"hash_ids\": [1]}", HEAD, HEAD "[",
		HEAD "[1", HEAD "[1,", HEAD "[1,]}", HEAD "[,1]}", HEAD "[1]",
		HEAD "[1]} x", HEAD "[1]}{", HEAD "[]}", HEAD "{}}",
		HEAD "1}", HEAD "\"1\"}", HEAD "[-1]}", HEAD "[1.5]}",
		HEAD "[1e3]}", HEAD "[01]}", HEAD "[0x1]}", HEAD "[[1]]}",
		HEAD "[9007199254740992]}", HEAD "[18446744073709551616]}",
		HEAD "[99999999999999999999999999999999999]}",
		HEAD "[1], \"hash_ids\": [2]}", HEAD "[1], \"timestamp\": 2}",
		HEAD "[1], \"x\": {}}", HEAD "[1], \"x\": [1]}",
		HEAD "[1], \"x\": }", HEAD "[1], \"x\" 1}", HEAD "[1],}",
		HEAD "[1], \"\\u0041\": 1}", HEAD "[1], \"x\": \"\\\"\"}",
		HEAD "[1] \"x\": 1}", HEAD "[1 2]}", HEAD "[1\t,\n2]}",
		"{'timestamp': 1, 'hash_ids': [1]}", "\xff\xfe{\x01",
		"{\"timestamp\": -1, \"hash_ids\": [1]}",
		"{\"timestamp\": \"1\", \"hash_ids\": [1]}",
		HEAD "[1]}\n" HEAD "[2",
	};
	struct trace_error e;
	struct trace t;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int err = parse(&t, bad[i], &e);

		if (err != -EBADMSG)
			printf("# %zu: %s\n", i, bad[i]);
		CHECK_EQ(err, -EBADMSG);
		CHECK(e.what[0]);
		CHECK(!t.ids && !t.requests && !t.dense);
	}
	CHECK_EQ(e.line, 2);
}

/* Every prefix, and every byte changed, of something good: no crash, and
 * nothing half. */
static void test_mutations(void)
{
	static const char good[] = HEAD "[1, 22, 333], \"input_length\": 4}\n";
	char text[sizeof(good)];
	struct trace_error e;
	struct trace t;
	size_t i;
	int c;

	for (i = 0; i < sizeof(good); i++) {
		memcpy(text, good, sizeof(good));
		text[i] = 0;
		if (!parse(&t, text, &e))
			trace_free(&t);
		for (c = 1; c < 256 && i < sizeof(good) - 1; c++) {
			text[i] = (char)c;
			if (!trace_parse(&t, text, sizeof(good) - 1, 0, &e))
				trace_free(&t);
		}
	}
	/* NULs inside */
	memset(text, 0, sizeof(text));
	CHECK_EQ(trace_parse(&t, text, sizeof(text), 0, &e), -EBADMSG);
}

static void test_large(void)
{
	size_t len = 8 * (TRACE_MAX_BLOCKS + 10), at, i;
	char *text = malloc(len);
	struct trace_error e;
	struct trace t;

	at = (size_t)sprintf(text, HEAD "[1");
	for (i = 1; i < TRACE_MAX_BLOCKS; i++)
		at += (size_t)sprintf(text + at, ",%zu", i % 1000);
	strcpy(text + at, "]}");
	CHECK_EQ(trace_parse(&t, text, at + 2, 0, &e), 0);
	CHECK_EQ(t.nr_ids, TRACE_MAX_BLOCKS);
	CHECK_EQ(t.nr_distinct, 1000);
	trace_free(&t);
	strcpy(text + at, ",5]}");
	CHECK_EQ(trace_parse(&t, text, at + 4, 0, &e), -EBADMSG);
	free(text);
}

static void test_limit_and_files(void)
{
	static const char text[] = HEAD "[1]}\n" HEAD "[2]}\n" HEAD "[3\n";
	struct trace_error e;
	struct trace t;

	CHECK_EQ(trace_parse(&t, text, sizeof(text) - 1, 2, &e), 0);
	CHECK_EQ(t.nr_requests, 2);
	trace_free(&t);
	CHECK_EQ(trace_parse(&t, text, sizeof(text) - 1, 3, &e), -EBADMSG);
	CHECK_EQ(e.line, 3);
	CHECK_EQ(trace_load(&t, "/nonexistent/x", 0, &e), -ENOENT);
	CHECK(e.what[0]);
	CHECK_EQ(trace_load(&t, "/", 0, &e), -EIO);
}

/* By hand: 1 2 3 1 2 4 1 */
static void test_lru(void)
{
	static const char text[] = HEAD "[1,2,3]}\n" HEAD "[1,2,4,1]}\n";
	struct trace_error e;
	struct trace_stats s;
	struct trace t;

	CHECK_EQ(parse(&t, text, &e), 0);
	CHECK_EQ(lru_hits(&t, 1), 0);
	CHECK_EQ(lru_hits(&t, 2), 0);
	CHECK_EQ(lru_hits(&t, 3), 3);
	CHECK_EQ(lru_hits(&t, 4), 3);
	CHECK_EQ(lru_hits(&t, 0), 3);
	CHECK_EQ(trace_stats(&t, &s), 0);
	CHECK_EQ(s.once, 50);
	CHECK_EQ(s.shared_first, 100);
	CHECK_EQ(s.prefix_rate * 7, 200);
	CHECK_EQ(s.blocks[3], 4);
	trace_free(&t);
}

/* The figures the project goes by; only where the trace is at hand. */
static void test_public_trace(void)
{
	static const double want[] = { 5.23, 19.54, 27.84, 34.46, 36.64 };
	const char *path = getenv("KVMEM_TRACE");	/* lane-userspace sets it */
	struct trace_error e;
	struct trace_stats s;
	struct trace t;
	int i;

	if (!path || trace_load(&t, path, 0, &e)) {
		printf("# no public trace here: not checked\n");
		return;
	}
	CHECK_EQ(trace_stats(&t, &s), 0);
	CHECK_EQ(s.distinct, 182790);
	for (i = 0; i < CURVE_POINTS; i++)
		CHECK(s.rate[i] > want[i] - 0.01 && s.rate[i] < want[i] + 0.01);
	trace_free(&t);
}

static const struct ktap_test tests[] = {
	{ "good", test_good },
	{ "hostile", test_hostile },
	{ "mutations", test_mutations },
	{ "large", test_large },
	{ "limit_and_files", test_limit_and_files },
	{ "lru", test_lru },
	{ "public_trace", test_public_trace },
};

KTAP_MAIN(tests)
