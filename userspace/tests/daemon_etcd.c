// SPDX-License-Identifier: GPL-2.0
/*
 * kvmemd's membership with three real members of etcd: daemons of which each has a kernel that
 * is made up, all in one loop.  Whatever happens, no kernel gets a smaller epoch and no
 * two get different maps of one.
 *
 *   KVMEM_SOAK=1    etcd is away for a minute, not for seconds
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/cluster.h"
#include "daemon/etcd.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "etcd_server.h"
#include "fake_kernel.h"
#include "ktap.h"

#define SECOND		1000000000ULL
#define TICK		(SECOND / 5)
#define MAX_DAEMONS	5
#define MAX_EPOCHS	1000
#define LEASE_S		2
#define GRACE_S		4

/**
 * daemon - one of them
 * @running: it works
 * @errors: what cluster_second() has failed with
 */
static struct daemon {
	struct fake_kernel f;
	struct state state;
	struct config *config;
	struct cluster *c;
	bool running;
	unsigned int errors;
	uint64_t last_epoch;
} daemon_[MAX_DAEMONS];

static struct etcd_server server;
static struct loop *loop;
static struct etcd *client;
static uint64_t sums[MAX_EPOCHS];
static unsigned int regressions, conflicts;
static char dir[] = "/tmp/kvmem-etcd-XXXXXX";

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

/* --- what must never be --- */

static void on_map(struct fake_kernel *f)
{
	struct daemon *d = (struct daemon *)f;
	const unsigned char *p = (const unsigned char *)f->cluster.map;
	uint64_t h = 0xcbf29ce484222325ULL, epoch = f->cluster.epoch;
	size_t i;

	for (i = 0; i < sizeof(f->cluster.map); i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	regressions += epoch <= d->last_epoch || epoch >= MAX_EPOCHS;
	d->last_epoch = epoch;
	epoch %= MAX_EPOCHS;
	conflicts += sums[epoch] && sums[epoch] != h;
	sums[epoch] = h;
}

/* --- daemons --- */

static void on_error(void *arg, const char *message)
{
	(void)arg;
	printf("# %s\n", message);
}

static void start(struct daemon *d, unsigned int id)
{
	char text[1024];
	size_t index = (size_t)(d - daemon_);

	snprintf(text, sizeof(text), "cluster = { name = \"t\"; node = %u; secret = \"%s/secret\"; "
		 "listen = \"10.0.0.%u:7471\"; membership = \"etcd\"; etcd = \"%s\"; "
		 "state = \"%s/state%zu\"; lease_s = %d; grace_s = %d; settle_s = 100000; };",
		 id, dir, id, server.urls, dir, index, LEASE_S, GRACE_S);
	d->config = config_parse("F", text, strlen(text), on_error, NULL);
	d->c = d->config ? cluster_new(loop, &d->f.kernel, &d->state, &d->config->cluster) : NULL;
	d->running = d->c;
}

static void boot(struct daemon *d, unsigned int id)
{
	fake_kernel_init(&d->f);
	d->f.cluster.there = true;
	d->f.cluster.on_map = on_map;
	d->last_epoch = 0;
	start(d, id);
}

static void stop(struct daemon *d)
{
	d->running = false;
	cluster_free(d->c);
	config_free(d->config);
	state_clear(&d->state);
	d->c = NULL;
	d->config = NULL;
}

static void on_tick(void *arg, uint32_t events)
{
	struct daemon *d;
	int err;

	(void)arg;
	(void)events;
	for (d = daemon_; d < daemon_ + MAX_DAEMONS; d++) {
		if (!d->running)
			continue;
		err = read_all(&d->f.kernel, &d->state);
		err = err ? err : cluster_second(d->c, now_ns());
		d->errors += err != 0;
	}
	loop_stop(loop);
}

/* Until @done says so, or @seconds are over, which is false */
static bool run_until(bool (*done)(void), unsigned int seconds)
{
	uint64_t end = now_ns() + seconds * SECOND;
	int timer = loop_timer(loop, TICK, on_tick, NULL);
	bool ok = false;

	while (!ok && now_ns() < end) {
		loop_run(loop);
		ok = done && done();
	}
	loop_timer_stop(loop, timer);
	return ok;
}

/* --- what is waited for --- */

static unsigned int want_ids;
static uint64_t epoch_before;

static unsigned int owners(const struct daemon *d)
{
	unsigned int slot, p, ids = 0;

	for (p = 0; p < 3; p++)
		for (slot = 0; slot < KVMEM_NR_SLOTS; slot++)
			if (d->f.cluster.map[p][slot] < 32)
				ids |= 1U << d->f.cluster.map[p][slot];
	return ids;
}

/* All that run have the same map, and its owners are @want_ids. */
static bool agreed(void)
{
	uint64_t epoch = 0;
	struct daemon *d;

	for (d = daemon_; d < daemon_ + MAX_DAEMONS; d++) {
		if (!d->running)
			continue;
		if (!d->f.cluster.epoch || (epoch && d->f.cluster.epoch != epoch) ||
		    owners(d) != want_ids)
			return false;
		epoch = d->f.cluster.epoch;
	}
	return epoch > epoch_before;
}

static bool settled(void)
{
	struct daemon *d;

	for (d = daemon_; d < daemon_ + MAX_DAEMONS; d++)
		if (d->running && d->f.cluster.previous)
			return false;
	return true;
}

static bool nobody_lost(void)
{
	struct daemon *d;

	for (d = daemon_; d < daemon_ + MAX_DAEMONS; d++)
		if (d->running && d->state.ring.source_lost)
			return false;
	return true;
}

static bool expect(unsigned int ids, unsigned int seconds)
{
	want_ids = ids;
	return run_until(agreed, seconds);
}

#define ID(n) (1U << (n))

/* --- a client of our own --- */

static json_t *answer;

static void on_answer(void *arg, int err, json_t *reply)
{
	(void)arg;
	(void)err;
	json_decref(answer);
	answer = json_incref(reply);
}

static bool answered(void)
{
	return answer;
}

/* The answer to @body at @path, until the next one */
static json_t *ask(const char *path, json_t *body)
{
	unsigned int i;

	json_decref(answer);
	answer = NULL;
	/* A member may be dead: the one after it is asked. */
	for (i = 0; i < 4 && !answer; i++) {
		etcd_call(client, path, json_incref(body), on_answer, NULL);
		run_until(answered, 4);
	}
	json_decref(body);
	return answer;
}

static void put(const char *key, const char *value)
{
	char *k = etcd_encode(key, strlen(key)), *v = etcd_encode(value, strlen(value));

	ask(value[0] ? "/v3/kv/put" : "/v3/kv/deleterange",
	    value[0] ? json_pack("{s:s, s:s}", "key", k, "value", v) :
	    json_pack("{s:s}", "key", k));
	free(k);
	free(v);
}

/* The number of the leader among our members, by its port */
static int find_leader(void)
{
	struct etcd *one;
	char url[64];
	const char *leader, *self;
	int i, found = -1;
	json_t *reply;

	for (i = 0; i < ETCD_MEMBERS && found < 0; i++) {
		snprintf(url, sizeof(url), "http://127.0.0.1:%d", server.client_port[i]);
		one = client;
		client = etcd_new(loop, url);
		reply = ask("/v3/maintenance/status", json_object());
		leader = json_string_value(json_object_get(reply, "leader"));
		self = json_string_value(json_object_get(json_object_get(reply, "header"),
							 "member_id"));
		if (leader && self && !strcmp(leader, self))
			found = i;
		etcd_free(client);
		client = one;
	}
	return found;
}

/* --- tests, each from where the one before left --- */

static void three_nodes(void)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		boot(&daemon_[i], i + 1);
	CHECK(expect(ID(1) | ID(2) | ID(3), 30));
	for (i = 0; i < 3; i++)
		CHECK_EQ(daemon_[i].f.cluster.nr_peers, 2);
	/* All have told that nothing is left to move. */
	CHECK(run_until(settled, 10));
	CHECK_EQ(regressions + conflicts, 0);
}

static int drained;

static void on_drained(void *arg, int err)
{
	(void)arg;
	drained = err;
}

static void drain(void)
{
	epoch_before = daemon_[0].f.cluster.epoch;
	drained = 1;
	cluster_drain(daemon_[2].c, 2, true, on_drained, NULL);
	CHECK(expect(ID(1) | ID(3), 15));
	CHECK_EQ(drained, 0);
	CHECK_EQ(daemon_[0].f.cluster.nr_peers, 2);
	epoch_before = daemon_[0].f.cluster.epoch;
	cluster_drain(daemon_[0].c, 2, false, on_drained, NULL);
	CHECK(expect(ID(1) | ID(2) | ID(3), 15));
}

/* A daemon that was away for less than lease and grace: nothing moves. */
static void blink(void)
{
	uint64_t epoch = daemon_[0].f.cluster.epoch;

	stop(&daemon_[2]);
	run_until(NULL, LEASE_S + 1);
	start(&daemon_[2], 3);
	run_until(NULL, GRACE_S + 1);
	CHECK_EQ(daemon_[0].f.cluster.epoch, epoch);
	CHECK_EQ(daemon_[2].f.cluster.epoch, epoch);
}

static void lease_lost(void)
{
	epoch_before = daemon_[0].f.cluster.epoch;
	stop(&daemon_[2]);
	CHECK(expect(ID(1) | ID(2), LEASE_S + GRACE_S + 15));
	/* What it owned is with it still, until the map is settled. */
	epoch_before = daemon_[0].f.cluster.epoch;
	start(&daemon_[2], 3);
	CHECK(expect(ID(1) | ID(2) | ID(3), 20));
	CHECK_EQ(daemon_[0].f.cluster.nr_peers, 2);
}

/* Two daemons that both have the first turn, so that both try */
static void race(void)
{
	struct daemon *twin = &daemon_[4];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		epoch_before = daemon_[0].f.cluster.epoch;
		if (i)
			stop(twin);
		boot(twin, 1);
		put("/kvmem/t/map", "");
		CHECK(expect(ID(1) | ID(2) | ID(3), 20));
	}
	stop(twin);
	CHECK_EQ(regressions + conflicts, 0);
}

static void leader_killed(void)
{
	int leader = find_leader();

	CHECK(leader >= 0);
	etcd_server_signal(&server, leader, SIGKILL);
	epoch_before = daemon_[0].f.cluster.epoch;
	boot(&daemon_[3], 4);
	CHECK(expect(ID(1) | ID(2) | ID(3) | ID(4), 40));
	CHECK_EQ(regressions + conflicts, 0);
}

static void unreachable(void)
{
	unsigned int away = getenv("KVMEM_SOAK") ? 60 : LEASE_S + 4, i;
	uint64_t epoch = daemon_[0].f.cluster.epoch, start_ns = now_ns();

	etcd_server_signal(&server, -1, SIGSTOP);
	run_until(NULL, away);
	/* Nothing blocked, the kernels were told nothing, and the daemon says what is missing. */
	CHECK(now_ns() - start_ns < (away + 5) * SECOND);
	for (i = 0; i < 4; i++) {
		CHECK_EQ(daemon_[i].f.cluster.epoch, epoch);
		CHECK_EQ(daemon_[i].f.cluster.nr_peers, 3);
		CHECK_EQ(daemon_[i].errors, 0);
		CHECK(daemon_[i].state.ring.source_lost);
	}
	etcd_server_signal(&server, -1, SIGCONT);
	CHECK(run_until(nobody_lost, 20));
	/* And it goes on: with the same map if nobody was given up, and with a new one when asked. */
	run_until(NULL, GRACE_S + 1);
	epoch_before = daemon_[0].f.cluster.epoch;
	put("/kvmem/t/drain/4", "1");
	CHECK(expect(ID(1) | ID(2) | ID(3), 20));
	CHECK_EQ(regressions + conflicts, 0);
}

/* A daemon that starts again tells its kernel nothing old. */
static void restarts(void)
{
	uint64_t epoch = daemon_[1].f.cluster.epoch;
	unsigned int calls = daemon_[1].f.calls[KVMEM_CMD_MAP_SET];

	stop(&daemon_[1]);
	run_until(NULL, 1);
	start(&daemon_[1], 2);
	epoch_before = 0;
	CHECK(expect(ID(1) | ID(2) | ID(3), 15));
	CHECK_EQ(daemon_[1].f.cluster.epoch, epoch);
	run_until(settled, 5);
	CHECK(daemon_[1].f.calls[KVMEM_CMD_MAP_SET] <= calls + 1);
	/* etcd was emptied: the epoch goes on where the kernels are. */
	epoch_before = epoch;
	put("/kvmem/t/map", "");
	CHECK(expect(ID(1) | ID(2) | ID(3), 15));
	CHECK_EQ(regressions + conflicts, 0);
}

static const struct ktap_test tests[] = {
	{ "three nodes", three_nodes },
	{ "drain", drain },
	{ "blink", blink },
	{ "lease lost", lease_lost },
	{ "race", race },
	{ "leader killed", leader_killed },
	{ "unreachable", unreachable },
	{ "restarts", restarts },
};

static void write_secret(void)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/secret", dir);
	f = fopen(path, "w");
	fputs("01234567890123456789012345678901", f);
	fclose(f);
	chmod(path, 0600);
}

int main(void)
{
	char command[64];
	struct daemon *d;
	int rc;

	if (!etcd_server_there()) {
		printf("KTAP version 1\n1..1\nok 1 etcd # SKIP there is none; scripts/setup\n");
		return 0;
	}
	log_init(fopen("/dev/null", "w"));
	if (getenv("KVMEM_VERBOSE"))
		log_init(stderr);
	loop = loop_new();
	if (!mkdtemp(dir) || !etcd_server_start(&server)) {
		printf("Bail out! etcd does not start\n");
		etcd_server_stop(&server);
		return 1;
	}
	write_secret();
	client = etcd_new(loop, server.urls);
	rc = ktap_run(tests, sizeof(tests) / sizeof(*tests));
	for (d = daemon_; d < daemon_ + MAX_DAEMONS; d++)
		if (d->c)
			stop(d);
	etcd_free(client);
	json_decref(answer);
	loop_free(loop);
	etcd_server_stop(&server);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) ? 1 : rc;
}
