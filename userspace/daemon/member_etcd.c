// SPDX-License-Identifier: GPL-2.0
/*
 * Members from etcd, docs/peers.md.  Each daemon keeps a key with its node's description alive by
 * a lease.  The map is one key, which anybody may replace who has seen the one before (a
 * transaction on its revision); all tell their kernels what is there and nothing else, so no
 * two maps ever have one epoch.  There is no leader: who has the smallest number tries
 * first, the others only if nothing happens.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cluster.h"
#include "daemon/etcd.h"
#include "daemon/log.h"
#include "daemon/map_json.h"
#include "daemon/member_table.h"

#define SECOND		1000000000ULL
#define RETRY		(2 * SECOND)
/* Who has the n-th smallest number waits n seconds, at most that many. */
#define MAX_TURN	5

/**
 * struct etcd_member - this node's part
 * @table: what is in etcd
 * @watch: the stream of changes, or NULL
 * @busy: a call is on its way; one at a time
 * @lease: "" = none; @registered: our key is there with it
 * @keepalive_at, @retry_at, @turn_at: CLOCK_MONOTONIC ns; not before
 * @map_revision: of the key of the map, 0 = there is none
 * @lost: the last call failed
 * @moved: the epoch that we have told to have moved for
 * @drain_fn: told of the end of the drain on its way, or NULL
 */
struct etcd_member {
	struct cluster *c;
	struct etcd *etcd;
	struct member_table table;
	struct etcd_request *watch;
	bool busy, registered, lost;
	char lease[24];
	uint64_t keepalive_at, retry_at, turn_at, now;
	uint64_t moved;
	char prefix[128];
	cluster_fn drain_fn;
	void *drain_arg;
};

static void advance(struct etcd_member *m);

/* --- requests --- */

static json_t *encoded(const char *text, size_t len)
{
	char *base64 = etcd_encode(text, len);
	json_t *string = base64 ? json_string(base64) : NULL;

	free(base64);
	return string;
}

static json_t *key_of(const struct etcd_member *m, const char *what)
{
	char key[256];
	int n = snprintf(key, sizeof(key), "%s/%s", m->prefix, what);

	return encoded(key, (size_t)n);
}

static void call(struct etcd_member *m, const char *path, json_t *body, etcd_fn fn)
{
	m->busy = !etcd_call(m->etcd, path, body, fn, m);
}

static void stop_watch(struct etcd_member *m)
{
	if (m->watch)
		etcd_cancel(m->watch);
	m->watch = NULL;
}

/* The data path goes on, and the map stays as it is. */
static void failed(struct etcd_member *m, int err)
{
	m->retry_at = m->now + RETRY;
	/* It may hang with the rest: what it tells from now on may have a gap. */
	stop_watch(m);
	if (!m->lost)
		log_at(LOG_WARNING, (&(struct log_fields){ .event = "cluster" }),
		       "cluster: etcd: %s; members and map stay as they are", strerror(-err));
	m->lost = true;
}

/* True: it went well.  After that the next call may begin. */
static bool ended(struct etcd_member *m, int err)
{
	m->busy = false;
	if (err) {
		failed(m, err);
		return false;
	}
	if (m->lost)
		log_notice("cluster: etcd answers again");
	m->lost = false;
	return true;
}

/* --- the lease --- */

static void on_registered(void *arg, int err, json_t *reply)
{
	struct etcd_member *m = arg;

	(void)reply;
	if (err == -ENOENT) {
		m->lease[0] = 0;
		err = 0;
	} else {
		m->registered = !err;
	}
	if (ended(m, err))
		advance(m);
}

static void put_key(struct etcd_member *m, const char *what, const char *value, etcd_fn fn)
{
	call(m, "/v3/kv/put", json_pack("{s:o, s:o, s:s}", "key", key_of(m, what), "value",
					encoded(value, strlen(value)), "lease", m->lease), fn);
}

static void register_self(struct etcd_member *m)
{
	const struct cluster_node *self = &m->c->config->self;
	char what[32], *value = member_to_json(self);

	snprintf(what, sizeof(what), "nodes/%u", (unsigned int)self->id);
	if (value)
		put_key(m, what, value, on_registered);
	free(value);
}

static void on_granted(void *arg, int err, json_t *reply)
{
	struct etcd_member *m = arg;
	const char *id = json_string_value(json_object_get(reply, "ID"));

	if (!err && !id)
		err = -EPROTO;
	if (!ended(m, err))
		return;
	snprintf(m->lease, sizeof(m->lease), "%s", id);
	m->keepalive_at = m->now + m->c->config->lease_s * SECOND / 3;
	register_self(m);
}

static void grant(struct etcd_member *m)
{
	m->registered = false;
	call(m, "/v3/lease/grant",
	     json_pack("{s:I}", "TTL", (json_int_t)m->c->config->lease_s), on_granted);
}

static void on_kept(void *arg, int err, json_t *reply)
{
	struct etcd_member *m = arg;
	const char *ttl = json_string_value(json_object_get(json_object_get(reply, "result"),
							    "TTL"));

	if (!ended(m, err == -ENOENT ? 0 : err))
		return;
	m->keepalive_at = m->now + m->c->config->lease_s * SECOND / 3;
	/* We were away for too long: to others we were gone. */
	if (err || !ttl || !atoi(ttl)) {
		log_notice("cluster: etcd has given up our lease; registering again");
		m->lease[0] = 0;
	}
	advance(m);
}

static void keep_alive(struct etcd_member *m)
{
	call(m, "/v3/lease/keepalive", json_pack("{s:s}", "ID", m->lease), on_kept);
}

/* --- what is there --- */

/* A key and its value, or NULL when it was deleted */
static void take(struct etcd_member *m, const json_t *kv, bool deleted)
{
	const char *key64 = json_string_value(json_object_get(kv, "key"));
	const char *value64 = json_string_value(json_object_get(kv, "value"));
	const char *revision = json_string_value(json_object_get(kv, "mod_revision"));
	size_t key_len = 0, len = 0, skip = strlen(m->prefix) + 1;
	char *key = key64 ? etcd_decode(key64, &key_len) : NULL;
	char *value = !deleted && value64 ? etcd_decode(value64, &len) : NULL;

	if (key && key_len > skip)
		member_table_take(&m->table, key + skip, value,
				  revision ? strtoull(revision, NULL, 10) : 0, m->now);
	free(key);
	free(value);
}

static bool is_there(const struct etcd_member *m)
{
	return member_table_present(&m->table, m->c->config->self.id);
}

/* Somebody deleted our key, or had it with a lease of his that has ended. */
static void notice_self(struct etcd_member *m, bool was_there)
{
	if (was_there && !is_there(m))
		m->registered = false;
}

static void on_watch(void *arg, int err, json_t *reply)
{
	json_t *result = json_object_get(reply, "result"), *event;
	struct etcd_member *m = arg;
	bool was_there = is_there(m);
	const char *type;
	size_t i;

	if (err || json_is_true(json_object_get(result, "canceled")) ||
	    json_object_get(reply, "error")) {
		/* Its end, or its beginning was compacted: everything is read again. */
		stop_watch(m);
		return;
	}
	json_array_foreach(json_object_get(result, "events"), i, event) {
		type = json_string_value(json_object_get(event, "type"));
		take(m, json_object_get(event, "kv"), type && !strcmp(type, "DELETE"));
	}
	notice_self(m, was_there);
	advance(m);
}

/* "PREFIX/" to "PREFIX0", which is what comes behind all that begin so */
static json_t *whole_range(const struct etcd_member *m)
{
	char end[160];
	int n = snprintf(end, sizeof(end), "%s0", m->prefix);

	return json_pack("{s:o, s:o}", "key", key_of(m, ""), "range_end",
			 encoded(end, (size_t)n));
}

static void start_watch(struct etcd_member *m, const char *revision)
{
	json_t *range = whole_range(m), *body;
	char from[24];

	snprintf(from, sizeof(from), "%llu", strtoull(revision, NULL, 10) + 1);
	if (range)
		json_object_set_new(range, "start_revision", json_string(from));
	body = json_pack("{s:o}", "create_request", range);
	m->watch = etcd_stream(m->etcd, "/v3/watch", body, on_watch, m);
}

static void on_read(void *arg, int err, json_t *reply)
{
	struct etcd_member *m = arg;
	const char *revision = json_string_value(json_object_get(json_object_get(reply, "header"),
								 "revision"));
	json_t *kv;
	size_t i;

	if (!err && !revision)
		err = -EPROTO;
	if (!ended(m, err))
		return;
	member_table_unsee(&m->table);
	json_array_foreach(json_object_get(reply, "kvs"), i, kv)
		take(m, kv, false);
	member_table_seen(&m->table, m->now);
	notice_self(m, true);
	start_watch(m, revision);
	advance(m);
}

static void read_all_keys(struct etcd_member *m)
{
	call(m, "/v3/kv/range", whole_range(m), on_read);
}

/* --- the map --- */

static void on_swapped(void *arg, int err, json_t *reply)
{
	struct etcd_member *m = arg;

	if (!ended(m, err))
		return;
	/* Ours or another's: it comes with the watch, and until then we do not try again. */
	m->turn_at = m->now + SECOND;
	log_info("cluster: %s", json_is_true(json_object_get(reply, "succeeded")) ?
		 "a new map was agreed on" : "another node was faster with a new map");
}

static json_t *swap_request(struct etcd_member *m, const char *value)
{
	char revision[24];

	snprintf(revision, sizeof(revision), "%llu", (unsigned long long)m->table.map_revision);
	return json_pack("{s:[{s:o, s:s, s:s, s:s}], s:[{s:{s:o, s:o}}]}",
			 "compare", "key", key_of(m, "map"), "target", "MOD", "result", "EQUAL",
			 "mod_revision", revision, "success", "request_put",
			 "key", key_of(m, "map"), "value", encoded(value, strlen(value)));
}

static void swap_map(struct etcd_member *m, const struct ring_map *map, uint64_t signature)
{
	uint64_t last = cluster_last_epoch(m->c);
	char *value;

	if (m->table.map_epoch > last)
		last = m->table.map_epoch;
	value = map_to_json(map, last + 1, signature);
	if (value)
		call(m, "/v3/kv/txn", swap_request(m, value), on_swapped);
	free(value);
}

/* For the members there are, from the map that holds */
static void compute_map(struct etcd_member *m)
{
	struct ring_map *map = malloc(sizeof(*map));
	struct ring_node *ring = calloc(m->c->nr + 1, sizeof(*ring));
	const struct ring_map *before = m->table.map_epoch ? &m->table.map :
					m->c->have_kernel_map ? &m->c->kernel_map : NULL;
	int err = -ENOMEM;

	if (map && ring) {
		cluster_ring_nodes(m->c->nodes, m->c->nr, ring);
		err = ring_compute(before, ring, m->c->nr, map);
	}
	if (!err)
		swap_map(m, map, member_signature(m->c->nodes, m->c->nr));
	else
		cluster_complain(m->c, "no map: %s", err == -ENODEV ? "nobody has a weight" :
				 strerror(-err));
	free(ring);
	free(map);
}

static bool wants_map(struct etcd_member *m)
{
	if (!m->registered || !m->c->introduced || !m->c->nr ||
	    member_table_uncertain(&m->table))
		return false;
	return m->table.map_signature != member_signature(m->c->nodes, m->c->nr) ||
	       m->table.map_epoch < cluster_last_epoch(m->c);
}

/* Our turn comes after that of those with smaller numbers. */
static bool consider_map(struct etcd_member *m)
{
	unsigned int turn;

	if (!wants_map(m)) {
		m->turn_at = 0;
		return false;
	}
	if (!m->turn_at) {
		turn = member_table_rank(&m->table, m->c->config->self.id);
		m->turn_at = m->now + (turn < MAX_TURN ? turn : MAX_TURN) * SECOND;
	}
	if (m->now < m->turn_at)
		return false;
	compute_map(m);
	return m->busy;
}

/* --- moving --- */

static void on_moved(void *arg, int err, json_t *reply)
{
	(void)reply;
	if (ended(arg, err == -ENOENT ? 0 : err))
		advance(arg);
}

static bool tell_moved(struct etcd_member *m)
{
	uint64_t epoch = m->table.map_epoch;
	char what[32], value[24];

	if (!m->registered || !epoch || m->moved == epoch || !cluster_has_moved(m->c, epoch))
		return false;
	m->moved = epoch;
	snprintf(what, sizeof(what), "moved/%u", (unsigned int)m->c->config->self.id);
	snprintf(value, sizeof(value), "%llu", (unsigned long long)epoch);
	put_key(m, what, value, on_moved);
	return m->busy;
}

/* --- the whole --- */

static void update_members(struct etcd_member *m)
{
	struct cluster_node *nodes;
	unsigned int nr;

	if (!member_table_changed(&m->table, m->now, m->c->config->grace_s * SECOND))
		return;
	nodes = member_table_nodes(&m->table, &nr);
	if (nodes)
		cluster_set_nodes(m->c, nodes, nr);
}

static void take_map(struct etcd_member *m)
{
	if (m->table.map_epoch && m->table.map_epoch >= cluster_last_epoch(m->c))
		cluster_set_map(m->c, m->table.map_epoch, &m->table.map);
	if (member_table_moved(&m->table))
		m->c->settled = m->table.map_epoch;
}

/* The next call, if there is something to do and nothing on its way */
static void advance(struct etcd_member *m)
{
	if (m->watch) {
		update_members(m);
		take_map(m);
	}
	if (m->busy || m->now < m->retry_at)
		return;
	if (!m->lease[0])
		grant(m);
	else if (!m->registered)
		register_self(m);
	else if (m->now >= m->keepalive_at)
		keep_alive(m);
	else if (!m->watch)
		read_all_keys(m);
	else if (!tell_moved(m))
		consider_map(m);
}

void etcd_member_second(struct etcd_member *m, uint64_t now)
{
	m->now = now;
	advance(m);
}

/* --- draining --- */

static void drain_ended(struct etcd_member *m, int err)
{
	cluster_fn fn = m->drain_fn;

	m->drain_fn = NULL;
	if (fn)
		fn(m->drain_arg, err);
}

static void on_drained(void *arg, int err, json_t *reply)
{
	(void)reply;
	drain_ended(arg, err);
}

/* Without a lease: it outlives the daemons. */
void etcd_member_drain(struct etcd_member *m, unsigned int node, bool drain, cluster_fn fn,
		       void *arg)
{
	char what[32];
	int err;

	if (m->drain_fn) {
		fn(arg, -EBUSY);
		return;
	}
	snprintf(what, sizeof(what), "drain/%u", node);
	m->drain_fn = fn;
	m->drain_arg = arg;
	err = drain ? etcd_call(m->etcd, "/v3/kv/put",
				json_pack("{s:o, s:o}", "key", key_of(m, what), "value",
					  encoded("1", 1)), on_drained, m) :
		      etcd_call(m->etcd, "/v3/kv/deleterange",
				json_pack("{s:o}", "key", key_of(m, what)), on_drained, m);
	if (err)
		drain_ended(m, err);
}

bool etcd_member_lost(const struct etcd_member *m)
{
	return m->lost;
}

struct etcd_member *etcd_member_new(struct cluster *c, struct loop *loop)
{
	struct etcd_member *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->c = c;
	snprintf(m->prefix, sizeof(m->prefix), "%s", c->config->prefix);
	m->etcd = etcd_new(loop, c->config->etcd);
	if (m->etcd)
		return m;
	free(m);
	return NULL;
}

void etcd_member_free(struct etcd_member *m)
{
	if (!m)
		return;
	drain_ended(m, -ECANCELED);
	etcd_free(m->etcd);
	member_table_clear(&m->table);
	free(m);
}
