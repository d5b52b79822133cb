// SPDX-License-Identifier: GPL-2.0
/* The parts of kvmem-replay, and whole replays against the fake device. */
#include <stdlib.h>
#include <getopt.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_kvmem.h"
#include "ktap.h"
#include "replay/content.h"
#include "replay/hist.h"
#include "replay/lru.h"
#include "replay/replay.h"
#include "tracegen/gen.h"

static void test_hist(void)
{
	struct hist *h = calloc(2, sizeof(*h));
	uint64_t v;
	int i;

	CHECK_EQ(hist_permille(h, 500), 0);
	for (v = 1; v <= 1000; v++)
		hist_add(h, v * 1000, 1);
	for (i = 1; i <= 1000; i++) {
		v = hist_permille(h, (unsigned int)i);
		CHECK(v >= (uint64_t)i * 1000);
		CHECK(v <= (uint64_t)i * 1000 * (HIST_SUB + 1) / HIST_SUB);
	}
	CHECK_EQ(hist_permille(h, 1000), 1000000);
	hist_add(h + 1, 7, 3000);
	hist_add(h + 1, UINT64_MAX, 1);
	CHECK_EQ(hist_permille(h + 1, 999), 7);
	CHECK(hist_permille(h + 1, 1000) == UINT64_MAX);
	hist_merge(h, h + 1);
	CHECK_EQ(h->count, 4001);
	CHECK_EQ(hist_permille(h, 500), 7);
	hist_add(h, 0, 1);
	CHECK_EQ(hist_permille(h, 0), 0);
	free(h);
}

static void test_content(void)
{
	uint8_t key[KVMEM_KEY_LEN], other[KVMEM_KEY_LEN], want;
	size_t len, offset;
	uint8_t *buf = malloc(20000);

	CHECK(content_salt("/a/b.jsonl") == content_salt("b.jsonl"));
	CHECK(content_salt("a.jsonl") != content_salt("b.jsonl"));
	content_key(key, 1, 2, 3);
	content_key(other, 1, 2, 3);
	CHECK(!memcmp(key, other, sizeof(key)));
	content_key(other, 1, 2, 4);
	CHECK(memcmp(key, other, sizeof(key)));
	for (len = 1; len < 20000; len = len * 3 + 1) {
		memset(buf, 0xee, 20000);
		content_fill(key, buf, len);
		CHECK(len == 20000 || buf[len] == 0xee);
		CHECK(content_check(key, buf, len, &offset, &want));
		CHECK(!content_check(other, buf, len, &offset, &want));
		buf[len - 1] ^= 0x10;
		CHECK(!content_check(key, buf, len, &offset, &want));
		CHECK_EQ(offset, len - 1);
		CHECK_EQ(want, buf[len - 1] ^ 0x10);
	}
	free(buf);
}

static int make_trace(struct trace *t, uint64_t requests)
{
	struct model m = model_defaults;
	struct trace_error e;
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);
	int err;

	m.requests = requests;
	err = gen_write(&m, to);
	fclose(to);
	if (!err)
		err = trace_parse(t, text, len, 0, &e);
	free(text);
	return err;
}

static struct options options_of(struct fake_kvmem *f, enum mode mode,
				 unsigned int batch)
{
	return (struct options) {
		.trace_path = "x", .ns = "t", .block_size = 300, .clients = 1,
		.ordered = true, .mode = mode, .batch = batch, .depth = 4,
		.verify = true, .lru_tolerance = -1, .sys = fake_sys(f),
	};
}

/* One client in this process, where the fake device is. */
static int replay_one(const struct options *o, const struct trace *t,
		      struct shared *s)
{
	struct client c = {
		.o = o, .trace = t, .shared = s, .stats = &s->stats[0],
		.salt = content_salt(o->trace_path),
	};

	return client_run(&c);
}

static void replay(enum mode mode, unsigned int batch, bool buffers)
{
	struct fake_kvmem *f;
	struct options o;
	struct shared *s = shared_new(1);
	struct trace t;
	uint64_t lru;
	int64_t off;

	CHECK_EQ(make_trace(&t, 400), 0);
	f = fake_new("t", t.nr_distinct / 10);
	o = options_of(f, mode, batch);
	o.use_buffers = buffers;
	CHECK_EQ(replay_one(&o, &t, s), 0);
	CHECK_EQ(s->stats[0].requests, 400);
	CHECK_EQ(s->stats[0].references, t.nr_ids);
	CHECK_EQ(s->stats[0].hits + s->stats[0].misses, t.nr_ids);
	CHECK_EQ(s->stats[0].puts, s->stats[0].misses);
	CHECK_EQ(s->stats[0].wrong + s->stats[0].errors, 0);
	CHECK_EQ(s->stats[0].refused + s->stats[0].existed, 0);
	CHECK_EQ(s->turn, 400);
	lru = lru_hits(&t, t.nr_distinct / 10);
	off = (int64_t)s->stats[0].hits - (int64_t)lru;
	printf("# %d hits, plain LRU %d\n", (int)s->stats[0].hits, (int)lru);
	if (batch == 1)
		CHECK_EQ(off, 0);
	CHECK(llabs(off) * 200 < (int64_t)t.nr_ids);
	CHECK_EQ(fake_handles(f), 0);
	CHECK_EQ(fake_maps(f), 0);
	fake_free(f);
	trace_free(&t);
	shared_free(s, 1);
}

static void test_copy(void)
{
	replay(MODE_COPY, 1, false);
	replay(MODE_COPY, 32, false);
	replay(MODE_COPY, 7, true);
}

static void test_uring(void)
{
	replay(MODE_URING, 8, false);
	replay(MODE_URING, 8, true);
}

static void test_lease(void)
{
	replay(MODE_LEASE, 1, false);
}

/* What must be found out: another's bytes, a short block, errors. */
static void test_wrong(void)
{
	static const enum mode modes[] = { MODE_COPY, MODE_LEASE, MODE_URING };
	uint8_t key[KVMEM_KEY_LEN], data[300] = "not what should be there";
	struct fake_kvmem *f = fake_new("t", 0);
	struct kvmem_options ko = KVMEM_OPTIONS_INIT;
	struct options o;
	struct kvmem *k;
	struct trace t;
	size_t i;

	CHECK_EQ(make_trace(&t, 30), 0);
	ko.ns = "t";
	CHECK_EQ(kvmem_open_sys(&ko, fake_sys(f), &k), 0);
	content_key(key, content_salt("x"), t.ids[3], 300);
	CHECK_EQ(kvmem_put(k, key, data, 300, NULL), 0);
	content_key(key, content_salt("x"), t.ids[4], 300);
	CHECK_EQ(kvmem_put(k, key, data, 200, NULL), 0);
	for (i = 0; i < 3; i++) {
		struct shared *s = shared_new(1);

		o = options_of(f, modes[i], 8);
		CHECK_EQ(replay_one(&o, &t, s), 0);
		CHECK(s->stats[0].wrong >= 2);
		CHECK_EQ(s->stats[0].errors, 0);
		shared_free(s, 1);
	}
	kvmem_close(k);
	trace_free(&t);
	fake_free(f);
}

static void failing(enum mode mode, unsigned int op, int err, bool refused)
{
	struct fake_kvmem *f = fake_new("t", 0);
	struct shared *s = shared_new(1);
	struct options o = options_of(f, mode, 8);
	struct trace t;

	CHECK_EQ(make_trace(&t, 30), 0);
	fake_fail_op(f, op, err, 2, 3);
	CHECK_EQ(replay_one(&o, &t, s), 0);
	CHECK_EQ(s->stats[0].refused, refused ? 3 : 0);
	CHECK_EQ(s->stats[0].errors, refused ? 0 : 3);
	CHECK_EQ(s->stats[0].wrong, 0);
	CHECK_EQ(fake_handles(f), 0);
	CHECK_EQ(fake_maps(f), 0);
	trace_free(&t);
	fake_free(f);
	shared_free(s, 1);
}

static void test_errors(void)
{
	failing(MODE_COPY, KVMEM_OP_GET, -EFAULT, false);
	failing(MODE_COPY, KVMEM_OP_PUT, -EFAULT, false);
	failing(MODE_COPY, KVMEM_OP_PUT, -ENOSPC, true);
	failing(MODE_URING, KVMEM_OP_GET, -EFAULT, false);
	failing(MODE_URING, KVMEM_OP_PUT, -EDQUOT, true);
	failing(MODE_LEASE, KVMEM_OP_LEASE, -EMFILE, false);
	failing(MODE_LEASE, KVMEM_OP_ALLOC, -ENOSPC, true);
	failing(MODE_LEASE, KVMEM_OP_COMMIT, -EDQUOT, true);
	failing(MODE_LEASE, KVMEM_OP_COMMIT, -EFAULT, false);
}

static void test_stop(void)
{
	struct fake_kvmem *f = fake_new("other", 0);
	struct shared *s = shared_new(2);
	struct options o = options_of(f, MODE_COPY, 8);
	struct trace t;

	CHECK_EQ(make_trace(&t, 30), 0);
	CHECK_EQ(replay_one(&o, &t, s), -ENOENT);
	o.ns = "other";
	o.clients = 2;
	/* its turn will never come: the other is not there */
	turn_stop(s);
	CHECK_EQ(replay_one(&o, &t, s), -ECANCELED);
	o.ordered = false;
	CHECK_EQ(replay_one(&o, &t, s), -ECANCELED);
	trace_free(&t);
	fake_free(f);
	shared_free(s, 2);
}

/* Two processes take turns. */
static void test_turns(void)
{
	struct shared *s = shared_new(2);
	uint32_t i;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	for (i = pid ? 0 : 1; i < 2000; i += 2) {
		if (turn_wait(s, i))
			break;
		s->stats[0].hits = s->stats[0].hits * 3 + i;
		turn_pass(s, i);
	}
	if (!pid)
		_exit(i == 2001 ? 0 : 1);
	CHECK(waitpid(pid, &status, 0) == pid && !status);
	CHECK_EQ(s->turn, 2000);
	for (i = 0; i < 2000; i++)
		s->stats[1].hits = s->stats[1].hits * 3 + i;
	CHECK(s->stats[0].hits == s->stats[1].hits);
	shared_free(s, 2);
}

static int parse(struct options *o, const char *a, const char *b)
{
	char *argv[] = { "kvmem-replay", (char *)(uintptr_t)a,
			 (char *)(uintptr_t)b, "trace", NULL };

	optind = 0;
	return options_parse(o, 4, argv);
}

static void test_options(void)
{
	static const char *const bad[][2] = {
		{ "--batch", "0" }, { "--batch", "1025" }, { "--mode", "x" },
		{ "--block-size", "0" }, { "--block-size", "129m" },
		{ "--block-size", "-1" }, { "--block-size", "4q" },
		{ "--clients", "0" }, { "--limit", "1x" }, { "--speed", "-1" },
		{ "--speed", "nan" }, { "--progress", "maybe" },
		{ "--fingerprint", "12" }, { "--lru-check", "x" },
	};
	struct options o;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(parse(&o, bad[i][0], bad[i][1]), EXIT_USAGE);
	CHECK_EQ(parse(&o, "--block-size", "64k"), -1);
	CHECK_EQ(o.block_size, 65536);
	CHECK_EQ(o.ordered, true);
	CHECK_EQ(parse(&o, "--no-ordered", "--no-verify"), -1);
	CHECK_EQ(o.ordered, false);
	CHECK_EQ(o.verify, false);
	CHECK_EQ(parse(&o, "--mode", "uring"), -1);
	CHECK_EQ(o.mode, MODE_URING);
	CHECK_EQ(parse(&o, "a", "b"), EXIT_USAGE);
}

static const struct ktap_test tests[] = {
	{ "hist", test_hist },
	{ "content", test_content },
	{ "options", test_options },
	{ "turns", test_turns },
	{ "stop", test_stop },
	{ "copy", test_copy },
	{ "uring", test_uring },
	{ "lease", test_lease },
	{ "wrong", test_wrong },
	{ "errors", test_errors },
};

KTAP_MAIN(tests)
