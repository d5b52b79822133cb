// SPDX-License-Identifier: GPL-2.0
/* kvmemd and the cluster, with a file of nodes. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/ask.h"
#include "daemon/cluster.h"
#include "daemon/command.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/map_json.h"
#include "daemon/member_table.h"
#include "fake_kernel.h"
#include "ktap.h"

#define SECOND	1000000000ULL

static struct fake_kernel f;
static struct state state;
static struct config *config;
static struct cluster *c;
static struct loop *loop;
static uint64_t now = 100 * SECOND;
static char dir[] = "/tmp/kvmem-cluster-XXXXXX", text[2048], *said;
static size_t said_len;
static FILE *log_to;

static void on_error(void *arg, const char *message)
{
	(void)arg;
	printf("# %s\n", message);
}

static void write_file(const char *name, const char *what, mode_t mode)
{
	char path[256];
	FILE *to;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
	to = fopen(path, "w");
	fputs(what, to);
	fclose(to);
	chmod(path, mode);
}

#define NODE(id, more) "{ id = " #id "; addresses = \"10.0.0." #id ":7471\"; " more "}"

static const char two[] = "nodes = ( " NODE(1, "") ", " NODE(2, "") " );";
static const char three[] = "nodes = ( " NODE(3, "") ", " NODE(1, "") ", " NODE(2, "") " );";
static const char drained[] = "nodes = ( " NODE(1, "") ", " NODE(2, "drain = true; ") ", "
			      NODE(3, "") " );";

/* A daemon that starts */
static void start(void)
{
	snprintf(text, sizeof(text), "cluster = { name = \"t\"; node = 1; secret = \"%s/secret\"; "
		 "listen = \"10.0.0.1:7471\"; nodes = \"%s/nodes\"; state = \"%s/state\"; "
		 "settle_s = 60; hedge_us = 500; };", dir, dir, dir);
	config = config_parse("F", text, strlen(text), on_error, NULL);
	loop = loop_new();
	c = cluster_new(loop, &f.kernel, &state, &config->cluster);
}

static void stop(void)
{
	cluster_free(c);
	loop_free(loop);
	config_free(config);
	state_clear(&state);
}

static void begin(void)
{
	log_to = open_memstream(&said, &said_len);
	log_init(log_to);
	fake_kernel_init(&f);
	f.cluster.there = true;
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	mkdtemp(dir);
	write_file("secret", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
		   0600);
	write_file("nodes", three, 0644);
	start();
}

static void end(void)
{
	char command[300];

	stop();
	log_init(NULL);
	fclose(log_to);
	free(said);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	CHECK_EQ(system(command), 0);
}

static int second(void)
{
	int err;

	now += SECOND;
	err = read_all(&f.kernel, &state);
	err = err ? err : cluster_second(c, now);
	fflush(log_to);
	return err;
}

static void on_time(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	loop_stop(loop);
}

/* What the loop has to say, and then a second */
static int look(void)
{
	int timer = loop_timer(loop, 20000000, on_time, NULL);

	loop_run(loop);
	loop_timer_stop(loop, timer);
	return second();
}

static unsigned int owned(uint16_t node)
{
	struct ring_map map;

	memcpy(&map, f.cluster.map, sizeof(map));
	return ring_owned(&map, node, KVMEM_MAX_COPIES);
}

/* --- tests --- */

static void all_of_it(void)
{
	begin();
	CHECK_EQ(second(), 0);
	CHECK(f.cluster.set);
	CHECK_EQ(f.cluster.node, 1);
	CHECK(!strcmp(f.cluster.name, "t"));
	CHECK_EQ(f.cluster.secret[31], 0x1f);
	CHECK_EQ(f.cluster.hedge_us, 500);
	CHECK_EQ(f.cluster.nr_peers, 2);
	CHECK(!strcmp(f.cluster.peer[1].addresses, "10.0.0.3:7471"));
	CHECK_EQ(f.cluster.epoch, 1);
	CHECK_EQ(owned(1), KVMEM_NR_SLOTS);
	CHECK_EQ(state.ring.members, 3);
	CHECK_EQ(state.ring.pushes, 1);
	/* Nothing changes, and nothing is sent. */
	CHECK_EQ(second(), 0);
	CHECK_EQ(f.calls[KVMEM_CMD_MAP_SET], 1);
	CHECK_EQ(f.calls[KVMEM_CMD_CLUSTER_SET], 1);
	CHECK_EQ(f.calls[KVMEM_CMD_PEER_NEW], 2);
	CHECK_EQ(state.nr_peers, 2);
	CHECK_EQ(state.peers[0].v[KVMEM_A_PEER_RAILS], 2);
	end();
}

static void members_change(void)
{
	unsigned int i;

	begin();
	write_file("nodes", two, 0644);
	CHECK_EQ(second(), 0);
	CHECK_EQ(f.cluster.nr_peers, 1);
	write_file("nodes", three, 0644);
	CHECK_EQ(look(), 0);
	CHECK_EQ(f.cluster.nr_peers, 2);
	CHECK_EQ(f.cluster.epoch, 2);
	CHECK_EQ(f.cluster.previous, 1);
	write_file("nodes", "nodes = ( { id = 1 } );", 0644);
	CHECK_EQ(look(), 0);
	CHECK_EQ(f.cluster.epoch, 2);
	CHECK(strstr(said, "without addresses"));
	write_file("nodes", drained, 0644);
	CHECK_EQ(look(), 0);
	CHECK_EQ(f.cluster.epoch, 3);
	CHECK_EQ(owned(2), 0);
	/* It is a peer still: it has what others may want. */
	CHECK_EQ(f.cluster.nr_peers, 2);
	CHECK_EQ(state.ring.drained, 1);
	/* One that left is asked until all has settled. */
	write_file("nodes", "nodes = ( " NODE(1, "") ", " NODE(3, "") " );", 0644);
	CHECK_EQ(look(), 0);
	CHECK_EQ(f.cluster.nr_peers, 2);
	for (i = 0; i < 61; i++)
		CHECK_EQ(second(), 0);
	CHECK_EQ(f.cluster.previous, 0);
	CHECK_EQ(second(), 0);
	CHECK_EQ(f.cluster.nr_peers, 1);
	end();
}

static void other_addresses(void)
{
	begin();
	CHECK_EQ(second(), 0);
	write_file("nodes", "nodes = ( " NODE(1, "") ", { id = 2; addresses = \"[::1]:9\" }, "
		   NODE(3, "") " );", 0644);
	CHECK_EQ(look(), 0);
	CHECK_EQ(f.calls[KVMEM_CMD_PEER_DEL], 1);
	CHECK_EQ(f.cluster.nr_peers, 2);
	CHECK(!strcmp(f.cluster.peer[1].addresses, "[::1]:9"));
	CHECK_EQ(f.cluster.epoch, 1);
	end();
}

/* The epoch outlives the daemon, and the module. */
static void restarts(void)
{
	begin();
	CHECK_EQ(second(), 0);
	CHECK_EQ(f.cluster.epoch, 1);
	stop();
	start();
	CHECK_EQ(second(), 0);
	CHECK_EQ(f.calls[KVMEM_CMD_MAP_SET], 1);
	/* Another map meanwhile */
	stop();
	write_file("nodes", two, 0644);
	start();
	CHECK_EQ(second(), 0);
	CHECK_EQ(f.cluster.epoch, 2);
	/* A module that was loaded again gets the same. */
	memset(&f.cluster, 0, sizeof(f.cluster));
	f.cluster.there = true;
	cluster_disconnected(c);
	CHECK_EQ(second(), 0);
	CHECK_EQ(f.cluster.epoch, 2);
	CHECK_EQ(f.cluster.nr_peers, 1);
	/* And so does one after a restart of both; another map gets another epoch. */
	stop();
	memset(&f.cluster, 0, sizeof(f.cluster));
	f.cluster.there = true;
	write_file("nodes", three, 0644);
	start();
	CHECK_EQ(second(), 0);
	CHECK_EQ(f.cluster.epoch, 3);
	end();
}

static void moving(void)
{
	unsigned int i;

	begin();
	CHECK_EQ(second(), 0);
	write_file("nodes", two, 0644);
	CHECK_EQ(look(), 0);
	CHECK_EQ(f.cluster.previous, 1);
	f.cluster.moving = true;
	for (i = 0; i < 70; i++)
		CHECK_EQ(second(), 0);
	CHECK_EQ(f.cluster.previous, 1);
	f.cluster.moving = false;
	CHECK_EQ(second(), 0);
	CHECK_EQ(f.cluster.previous, 0);
	end();
}

static void secrets(void)
{
	begin();
	write_file("secret", "0123", 0600);
	CHECK_EQ(second(), 0);
	CHECK(!f.cluster.set);
	CHECK(strstr(said, "64 hex digits"));
	write_file("secret", "01234567890123456789012345678901", 0644);
	CHECK_EQ(second(), 0);
	CHECK(!f.cluster.set);
	CHECK(strstr(said, "others may read"));
	write_file("secret", "01234567890123456789012345678901", 0600);
	CHECK_EQ(second(), 0);
	CHECK(f.cluster.set);
	CHECK_EQ(f.cluster.secret[0], '0');
	CHECK_EQ(f.cluster.epoch, 1);
	end();
}

static void another_node(void)
{
	begin();
	f.cluster.set = true;
	f.cluster.node = 9;
	CHECK_EQ(second(), 0);
	CHECK_EQ(f.cluster.epoch, 0);
	CHECK(strstr(said, "loaded again"));
	end();
}

/* A module of before there were peers is no trouble; one that refuses says so once. */
static void refusals(void)
{
	begin();
	f.cluster.there = false;
	CHECK_EQ(second(), 0);
	CHECK_EQ(second(), 0);
	f.cluster.there = true;
	f.fail_cmd = KVMEM_CMD_MAP_SET;
	f.fail_err = EINVAL;
	CHECK_EQ(second(), 0);
	CHECK_EQ(f.cluster.epoch, 0);
	f.fail_cmd = 0;
	CHECK_EQ(second(), 0);
	CHECK_EQ(f.cluster.epoch, 1);
	f.gone = true;
	CHECK_EQ(second(), -ENODEV);
	end();
}

/* --- what it is asked --- */

static char socket_path[300];
static const char *request;

static void *asker(void *arg)
{
	*(int *)arg = ask_daemon(socket_path, request);
	return NULL;
}

/* What somebody is told who sends @text */
static int asked(const char *text)
{
	pthread_t thread;
	int result = 1, timer = loop_timer(loop, 20000000, on_time, NULL);

	request = text;
	pthread_create(&thread, NULL, asker, &result);
	while (pthread_tryjoin_np(thread, NULL))
		loop_run(loop);
	loop_timer_stop(loop, timer);
	return result;
}

static void commands(void)
{
	struct command_server *s;
	struct stat st;
	struct cluster *none = NULL;

	begin();
	snprintf(socket_path, sizeof(socket_path), "%s/sock", dir);
	CHECK_EQ(ask_daemon(socket_path, "drain 1"), -ENOENT);
	s = command_start(loop, socket_path, &c);
	CHECK(s);
	CHECK_EQ(asked("drain 2"), -ENOTSUP);
	CHECK_EQ(asked("undrain 2"), -ENOTSUP);
	CHECK_EQ(asked("drain 65535"), -EINVAL);
	CHECK_EQ(asked("drain"), -EINVAL);
	CHECK_EQ(asked("reboot 1"), -EINVAL);
	command_stop(s);
	s = command_start(loop, socket_path, &none);
	CHECK_EQ(asked("drain 2"), -ENXIO);
	strcat(socket_path, COMMAND_SUFFIX);
	CHECK(!stat(socket_path, &st) && (st.st_mode & 0777) == 0600);
	command_stop(s);
	CHECK(stat(socket_path, &st));
	end();
}

/* --- what is in etcd, without etcd --- */

static void json(void)
{
	const struct cluster_node node = { .id = 7, .name = "n", .addresses = "a:1", .weight = 3,
					   .domain = "d" };
	struct ring_map map, read;
	uint64_t epoch, signature;
	struct cluster_node back;
	unsigned int i;
	char *out;

	for (i = 0; i < KVMEM_NR_SLOTS; i++) {
		map.owner[0][i] = (uint16_t)i;
		map.owner[1][i] = (uint16_t)(i * 7);
		map.owner[2][i] = KVMEM_NO_NODE;
	}
	out = map_to_json(&map, 12, 0xfedcba9876543210ULL);
	CHECK_EQ(map_from_json(out, &read, &epoch, &signature), 0);
	CHECK(!memcmp(&map, &read, sizeof(map)));
	CHECK(epoch == 12 && signature == 0xfedcba9876543210ULL);
	*strstr(out, "AAAB") = '!';
	CHECK_EQ(map_from_json(out, &read, &epoch, &signature), -EBADMSG);
	free(out);
	CHECK_EQ(map_from_json("{}", &read, &epoch, &signature), -EBADMSG);
	CHECK_EQ(map_from_json("x", &read, &epoch, &signature), -EBADMSG);
	out = member_to_json(&node);
	CHECK_EQ(member_from_json(out, 7, &back), 0);
	CHECK(!memcmp(&node, &back, sizeof(node)));
	CHECK_EQ(member_from_json(out, 8, &back), -EBADMSG);
	free(out);
	CHECK_EQ(member_from_json("[1]", 7, &back), -EBADMSG);
}

static void table(void)
{
	struct member_table t = { 0 };
	struct cluster_node *nodes, node = { .id = 5, .name = "n", .addresses = "a:1",
					     .weight = 100 };
	char *value = member_to_json(&node);
	unsigned int nr;

	member_table_take(&t, "nodes/5", value, 1, now);
	CHECK(member_table_changed(&t, now, SECOND));
	CHECK(!member_table_changed(&t, now, SECOND));
	member_table_take(&t, "nodes/6", "no JSON", 1, now);
	member_table_take(&t, "nodes/x", value, 1, now);
	member_table_take(&t, "other", value, 1, now);
	CHECK(!member_table_changed(&t, now, SECOND));
	member_table_take(&t, "drain/5", "1", 1, now);
	CHECK(member_table_changed(&t, now, SECOND));
	nodes = member_table_nodes(&t, &nr);
	CHECK(nr == 1 && nodes[0].drain);
	free(nodes);
	/* A blink is none, and what it was told of itself stays. */
	member_table_take(&t, "nodes/5", NULL, 2, now);
	CHECK(!member_table_changed(&t, now + SECOND / 2, SECOND));
	member_table_take(&t, "nodes/5", value, 3, now);
	CHECK(!member_table_changed(&t, now + 2 * SECOND, SECOND));
	member_table_take(&t, "nodes/5", NULL, 4, now);
	CHECK(member_table_changed(&t, now + SECOND, SECOND));
	nodes = member_table_nodes(&t, &nr);
	CHECK_EQ(nr, 0);
	free(nodes);
	free(value);
	member_table_clear(&t);
}

static const struct ktap_test tests[] = {
	{ "all of it", all_of_it },
	{ "members change", members_change },
	{ "other addresses", other_addresses },
	{ "restarts", restarts },
	{ "moving", moving },
	{ "secrets", secrets },
	{ "another node", another_node },
	{ "refusals", refusals },
	{ "commands", commands },
	{ "json", json },
	{ "table", table },
};

KTAP_MAIN(tests)
