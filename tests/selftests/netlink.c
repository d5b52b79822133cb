// SPDX-License-Identifier: GPL-2.0
/*
 * Hostile and unusual messages to the netlink family; dumps over many objects.
 */
#define _GNU_SOURCE
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <linux/kvmem_netlink.h>
#include <sys/socket.h>
#include "kvmem_util.h"

static struct nl_msg *new_msg(int cmd)
{
	struct nl_msg *msg = kvt_nl_msg(cmd, 0);

	ASSERT_TRUE(msg);
	return msg;
}

static int send_msg(struct nl_msg *msg)
{
	return kvt_nl_send(msg, NULL, NULL);
}

/* Refused with @want, and with words. */
#define EXPECT_REFUSED(msg, want) do {					\
	EXPECT_EQ(send_msg(msg), want);					\
	EXPECT(kvt_nl_message()[0], "a message that says why");		\
} while (0)

static struct nl_msg *named(int cmd, const void *name, size_t len)
{
	struct nl_msg *msg = new_msg(cmd);

	nla_put(msg, KVMEM_A_NAME, len, name);
	return msg;
}

TEST(names)
{
	char longest[64], too_long[300];
	const char *ns;

	memset(too_long, 'x', sizeof(too_long));
	EXPECT_REFUSED(new_msg(KVMEM_CMD_NS_NEW), -EINVAL);
	EXPECT_REFUSED(named(KVMEM_CMD_NS_NEW, "", 0), -EINVAL);
	EXPECT_REFUSED(named(KVMEM_CMD_NS_NEW, "", 1), -EINVAL);
	EXPECT_REFUSED(named(KVMEM_CMD_NS_NEW, "with space", 11), -EINVAL);
	EXPECT_REFUSED(named(KVMEM_CMD_NS_NEW, "tab\t", 5), -EINVAL);
	EXPECT_REFUSED(named(KVMEM_CMD_NS_NEW, "high\xff", 6), -EINVAL);
	EXPECT_REFUSED(named(KVMEM_CMD_NS_NEW, "slash/new\n", 11), -EINVAL);
	too_long[64] = 0;
	EXPECT_NE(send_msg(named(KVMEM_CMD_NS_NEW, too_long, 65)), 0);
	EXPECT_NE(send_msg(named(KVMEM_CMD_NS_NEW, too_long, 64)), 0);
	memset(too_long, 'x', sizeof(too_long));
	EXPECT_NE(send_msg(named(KVMEM_CMD_NS_NEW, too_long, 300)), 0);
	/* An embedded NUL cuts the name, or is refused; never more. */
	send_msg(named(KVMEM_CMD_NS_NEW, "t0\0hidden", 10));
	kvt_nl_ns_del("t0");
	/* 63 bytes and a NUL are fine; the NUL is asked for. */
	memset(longest, 0, sizeof(longest));
	memset(longest, 'y', 63);
	snprintf(longest, 20, "t%s.", getenv("KVMEM_TEST_TAG"));
	longest[strlen(longest)] = 'y';
	EXPECT_EQ(strlen(longest), 63);
	EXPECT_EQ(send_msg(named(KVMEM_CMD_NS_NEW, longest, 64)), 0);
	EXPECT_EQ(kvt_try_attach(kvt_open(), longest, NULL, NULL), 0);
	EXPECT_REFUSED(named(KVMEM_CMD_NS_NEW, longest, 64), -EEXIST);
	EXPECT_EQ(send_msg(named(KVMEM_CMD_NS_DEL, longest, 63)), -EINVAL);
	EXPECT_EQ(send_msg(named(KVMEM_CMD_NS_DEL, longest, 64)), 0);
	ns = kvt_ns(NULL);
	EXPECT_REFUSED(named(KVMEM_CMD_NS_NEW, ns, strlen(ns) + 1), -EEXIST);
}

TEST(no_such_object)
{
	static const int cmds[] = {
		KVMEM_CMD_NS_SET, KVMEM_CMD_NS_DEL, KVMEM_CMD_NS_GET, KVMEM_CMD_POOL_SET,
		KVMEM_CMD_POOL_DEL, KVMEM_CMD_POOL_GET, KVMEM_CMD_TABLE_GET,
		KVMEM_CMD_TABLE_SET, KVMEM_CMD_HIST_GET,
	};
	struct nl_msg *msg;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		msg = named(cmds[i], "no-such-object", 15);
		if (cmds[i] == KVMEM_CMD_HIST_GET)
			nla_put_u32(msg, KVMEM_A_CLASS, 0);
		if (cmds[i] == KVMEM_CMD_TABLE_SET)
			nla_put_flag(msg, KVMEM_A_LRU);
		EXPECT_REFUSED(msg, -ENOENT);
		msg = new_msg(cmds[i]);
		nla_put_u32(msg, KVMEM_A_ID, 0x7fffffff);
		if (cmds[i] == KVMEM_CMD_HIST_GET)
			nla_put_u32(msg, KVMEM_A_CLASS, 0);
		if (cmds[i] == KVMEM_CMD_TABLE_SET)
			nla_put_flag(msg, KVMEM_A_LRU);
		EXPECT_REFUSED(msg, -ENOENT);
		/* Neither name nor id. */
		EXPECT_NE(send_msg(new_msg(cmds[i])), 0);
		/* The id 0 is nobody's. */
		msg = new_msg(cmds[i]);
		nla_put_u32(msg, KVMEM_A_ID, 0);
		EXPECT_NE(send_msg(msg), 0);
	}
}

/* A name and an id that are not the same object. */
TEST(name_and_id)
{
	const char *a = kvt_name(), *b = kvt_name();
	uint32_t ida = 0, idb = 0;
	struct nl_msg *msg;

	ASSERT_EQ(kvt_nl_ns_new(a, NULL, &ida), 0);
	ASSERT_EQ(kvt_nl_ns_new(b, NULL, &idb), 0);
	EXPECT_NE(ida, idb);
	msg = named(KVMEM_CMD_NS_DEL, a, strlen(a) + 1);
	nla_put_u32(msg, KVMEM_A_ID, idb);
	EXPECT_NE(send_msg(msg), 0);
	EXPECT_EQ(kvt_try_attach(kvt_open(), b, NULL, NULL), 0);
	EXPECT_EQ(kvt_try_attach(kvt_open(), a, NULL, NULL), 0);
	msg = new_msg(KVMEM_CMD_NS_DEL);
	nla_put_u32(msg, KVMEM_A_ID, ida);
	EXPECT_EQ(send_msg(msg), 0);
	EXPECT_EQ(kvt_try_attach(kvt_open(), a, NULL, NULL), -ENOENT);
}

/* Every attribute with every wrong size, and values out of range. */
TEST(attribute_sizes)
{
	static const struct {
		int attr;
		int size;
	} attrs[] = {
		{ KVMEM_A_UID, 4 }, { KVMEM_A_GID, 4 }, { KVMEM_A_MODE, 2 },
		{ KVMEM_A_FINGERPRINT, 32 }, { KVMEM_A_QUOTA_BYTES, 8 },
		{ KVMEM_A_QUOTA_BLOCKS, 8 }, { KVMEM_A_TTL_MS, 4 },
		{ KVMEM_A_PIN_PERCENT, 4 }, { KVMEM_A_POOL_ID, 4 },
	};
	static uint8_t zero[64];
	unsigned int i;
	int size;

	for (i = 0; i < ARRAY_SIZE(attrs); i++)
		for (size = 0; size < 64; size = size < 10 ? size + 1 : size + 11) {
			const char *name = kvt_name();
			struct nl_msg *msg = named(KVMEM_CMD_NS_NEW, name, strlen(name) + 1);

			if (size == attrs[i].size)
				continue;
			nla_put(msg, attrs[i].attr, size, zero);
			EXPECT(send_msg(msg) != 0, "attribute %d of %d bytes to be refused",
			       attrs[i].attr, size);
		}
}

static int put_value(int cmd, const char *name, int attr, uint64_t value, int size)
{
	struct nl_msg *msg = named(cmd, name, strlen(name) + 1);

	nla_put(msg, attr, size, &value);
	return send_msg(msg);
}

TEST(attribute_ranges)
{
	const char *ns = kvt_ns(NULL), *name = kvt_name();

	EXPECT_NE(put_value(KVMEM_CMD_NS_SET, ns, KVMEM_A_MODE, 0777, 2), 0);
	EXPECT_NE(put_value(KVMEM_CMD_NS_SET, ns, KVMEM_A_MODE, 0x8000, 2), 0);
	EXPECT_NE(put_value(KVMEM_CMD_NS_SET, ns, KVMEM_A_MODE, 0100, 2), 0);
	EXPECT_NE(put_value(KVMEM_CMD_NS_SET, ns, KVMEM_A_MODE, 0001, 2), 0);
	EXPECT_EQ(put_value(KVMEM_CMD_NS_SET, ns, KVMEM_A_MODE, 0666, 2), 0);
	EXPECT_NE(put_value(KVMEM_CMD_NS_SET, ns, KVMEM_A_PIN_PERCENT, 101, 4), 0);
	EXPECT_NE(put_value(KVMEM_CMD_NS_SET, ns, KVMEM_A_UID, UINT32_MAX, 4), 0);
	EXPECT_NE(put_value(KVMEM_CMD_NS_SET, ns, KVMEM_A_GID, UINT32_MAX, 4), 0);
	EXPECT_NE(put_value(KVMEM_CMD_NS_NEW, name, KVMEM_A_POOL_ID, 424242, 4), 0);
	EXPECT_NE(put_value(KVMEM_CMD_POOL_NEW, name, KVMEM_A_SHARE, 2, 1), 0);
	EXPECT_NE(put_value(KVMEM_CMD_HIST_GET, ns, KVMEM_A_CLASS, 64, 4), 0);
	EXPECT_EQ(put_value(KVMEM_CMD_HIST_GET, ns, KVMEM_A_CLASS, 63, 4), 0);
	/* Largest values that are allowed do not overflow anything. */
	EXPECT_EQ(put_value(KVMEM_CMD_NS_SET, ns, KVMEM_A_QUOTA_BYTES, UINT64_MAX, 8), 0);
	EXPECT_EQ(put_value(KVMEM_CMD_NS_SET, ns, KVMEM_A_QUOTA_BLOCKS, UINT64_MAX, 8), 0);
	EXPECT_EQ(kvt_put_key(kvt_file(ns), 1, 1000), 0);
	EXPECT_EQ(kvt_pin(kvt_file(ns), 1), 0);
}

/* An attribute that exists, but not for this command, or not at all. */
TEST(unknown_attributes)
{
	const char *ns = kvt_ns(NULL);
	unsigned int attr;

	for (attr = KVMEM_A_MAX + 1; attr < KVMEM_A_MAX + 40; attr += 3)
		EXPECT_REFUSED(({ struct nl_msg *m = named(KVMEM_CMD_NS_GET, ns, strlen(ns) + 1);
				  nla_put_u32(m, attr, 1); m; }), -EINVAL);
	EXPECT_NE(put_value(KVMEM_CMD_NS_GET, ns, KVMEM_A_QUOTA_BYTES, 1, 8), 0);
	EXPECT_NE(put_value(KVMEM_CMD_NS_DEL, ns, KVMEM_A_MODE, 0600, 2), 0);
	EXPECT_NE(put_value(KVMEM_CMD_NS_SET, ns, KVMEM_A_POOL_ID, 1, 4), 0);
	EXPECT_NE(put_value(KVMEM_CMD_QUIESCE, ns, KVMEM_A_ENABLE, 0, 1), 0);
	EXPECT_EQ(kvt_try_attach(kvt_open(), ns, NULL, NULL), 0);
}

TEST(unknown_commands)
{
	unsigned int cmd;

	for (cmd = 0; cmd < 256; cmd++) {
		if ((cmd >= KVMEM_CMD_NS_NEW && cmd <= KVMEM_CMD_QUIESCE) ||
		    (cmd >= KVMEM_CMD_MEDIA_ATTACH && cmd <= KVMEM_CMD_MEDIA_GET) ||
		    (cmd >= KVMEM_CMD_CLUSTER_SET && cmd <= KVMEM_CMD_PEER_GET) ||
		    cmd == KVMEM_CMD_MAP_SET || cmd == KVMEM_CMD_MAP_GET ||
		    cmd == KVMEM_CMD_ARENA_SET || cmd == KVMEM_CMD_MEDIA_NS_FORGET)
			continue;
		EXPECT_EQ(send_msg(new_msg(cmd)), -EOPNOTSUPP);
	}
	EXPECT_NE(send_msg(new_msg(KVMEM_CMD_LATENCY_GET)), 0);	/* dump only */
	EXPECT_NE(kvt_nl_send(kvt_nl_msg(KVMEM_CMD_NS_NEW, NLM_F_DUMP), NULL, NULL), 0);
	EXPECT_NE(send_msg(new_msg(KVMEM_CMD_QUIESCE)), 0);	/* on or off? */
	EXPECT_TRUE(!kvt_arena_info().quiesced);
}

static struct nl_msg *row(const char *ns, int64_t class, unsigned int bytes)
{
	static uint16_t values[200];
	struct nl_msg *msg = named(KVMEM_CMD_TABLE_SET, ns, strlen(ns) + 1);
	struct nlattr *nest = nla_nest_start(msg, KVMEM_A_VALUE_TABLE);

	if (class >= 0)
		nla_put_u32(msg, KVMEM_A_VALUES_CLASS, class);
	if (bytes)
		nla_put(msg, KVMEM_A_VALUES_VALUES, bytes, values);
	nla_nest_end(msg, nest);
	return msg;
}

TEST(tables)
{
	static struct kvt_table before, after;
	const char *ns = kvt_ns(NULL);
	struct nl_msg *msg;

	ASSERT_EQ(kvt_nl_table_get(ns, &before), 0);
	EXPECT_REFUSED(row(ns, 64, 64), -ERANGE);
	EXPECT_NE(send_msg(row(ns, 0, 63)), 0);
	EXPECT_NE(send_msg(row(ns, 0, 66)), 0);
	EXPECT_NE(send_msg(row(ns, 0, 0)), 0);
	EXPECT_NE(send_msg(row(ns, -1, 64)), 0);
	EXPECT_NE(send_msg(named(KVMEM_CMD_TABLE_SET, ns, strlen(ns) + 1)), 0);
	/* One bad row among good ones changes nothing. */
	msg = row(ns, 1, 64);
	{
		struct nlattr *nest = nla_nest_start(msg, KVMEM_A_VALUE_TABLE);

		nla_put_u32(msg, KVMEM_A_VALUES_CLASS, 99);
		nla_nest_end(msg, nest);
	}
	EXPECT_NE(send_msg(msg), 0);
	ASSERT_EQ(kvt_nl_table_get(ns, &after), 0);
	EXPECT_EQ(memcmp(&before, &after, sizeof(before)), 0);
	/* A row alone leaves the others; LRU brings the default back. */
	EXPECT_EQ(send_msg(row(ns, 5, 64)), 0);
	ASSERT_EQ(kvt_nl_table_get(ns, &after), 0);
	EXPECT_EQ(memcmp(before.value[4], after.value[4], 64), 0);
	EXPECT_TRUE(kvt_all_zero(after.value[5], 64));
	msg = named(KVMEM_CMD_TABLE_SET, ns, strlen(ns) + 1);
	nla_put_flag(msg, KVMEM_A_LRU);
	EXPECT_EQ(send_msg(msg), 0);
	ASSERT_EQ(kvt_nl_table_get(ns, &after), 0);
	EXPECT_EQ(memcmp(&before, &after, sizeof(before)), 0);
}

TEST(fingerprint_can_be_set_once)
{
	uint8_t f[32] = { 1 }, g[32] = { 2 };
	struct kvt_ns_opts o = { .fingerprint = f };
	const char *ns = kvt_ns(NULL);

	EXPECT_EQ(kvt_nl_ns_set(ns, &o), 0);
	EXPECT_EQ(kvt_try_attach(kvt_open(), ns, f, NULL), 0);
	o.fingerprint = g;
	EXPECT_NE(kvt_nl_ns_set(ns, &o), 0);
	EXPECT_EQ(kvt_try_attach(kvt_open(), ns, f, NULL), 0);
}

TEST(settings_come_back)
{
	struct kvt_ns_opts o = { .uid = 12, .gid = 34, .mode = 0640, .quota_bytes = 8 * MIB,
				 .quota_blocks = 77, .ttl_ms = 5000, .pin_percent = 12 };
	struct kvt_ns_stat s;
	const char *ns = kvt_ns(&o);

	ASSERT_EQ(kvt_nl_ns_get(ns, &s), 0);
	EXPECT_EQ(s.uid, 12);
	EXPECT_EQ(s.gid, 34);
	EXPECT_EQ(s.mode, 0640);
	EXPECT_EQ(s.quota_bytes, 8 * MIB);
	EXPECT_EQ(s.quota_blocks, 77);
	EXPECT_EQ(s.ttl_ms, 5000);
	EXPECT_EQ(s.pin_percent, 12);
	o = (struct kvt_ns_opts){ .quota_blocks = 5 };
	ASSERT_EQ(kvt_nl_ns_set(ns, &o), 0);
	ASSERT_EQ(kvt_nl_ns_get(ns, &s), 0);
	EXPECT_EQ(s.quota_blocks, 5);
	EXPECT_EQ(s.uid, 12);
	EXPECT_EQ(s.quota_bytes, 8 * MIB);
	EXPECT_EQ(s.mode, 0640);
}

static void unprivileged(void *arg)
{
	static const int cmds[] = {
		KVMEM_CMD_NS_NEW, KVMEM_CMD_NS_SET, KVMEM_CMD_NS_DEL, KVMEM_CMD_NS_GET,
		KVMEM_CMD_POOL_NEW, KVMEM_CMD_POOL_SET, KVMEM_CMD_POOL_DEL,
		KVMEM_CMD_POOL_GET, KVMEM_CMD_TABLE_GET, KVMEM_CMD_TABLE_SET,
		KVMEM_CMD_HIST_GET, KVMEM_CMD_STATS_GET, KVMEM_CMD_QUIESCE,
	};
	const char *ns = arg;
	unsigned int i;

	ASSERT_EQ(setresgid(1234, 1234, 1234), 0);
	ASSERT_EQ(setresuid(1234, 1234, 1234), 0);
	for (i = 0; i < ARRAY_SIZE(cmds); i++)
		EXPECT_EQ(send_msg(named(cmds[i], ns, strlen(ns) + 1)), -EPERM);
	EXPECT_EQ(kvt_nl_ns_dump((void *)puts, NULL), -EPERM);
	EXPECT_EQ(kvt_nl_send(kvt_nl_msg(KVMEM_CMD_LATENCY_GET, NLM_F_DUMP), NULL, NULL), -EPERM);
}

TEST(needs_privilege)
{
	kvt_in_child(unprivileged, (void *)kvt_ns(NULL));
}

/* Dumps over many namespaces, with a receive buffer that holds a few. */
#define MANY 250

static int count_tagged(struct nl_msg *msg, void *arg)
{
	struct nlattr *tb[KVMEM_A_MAX + 1];
	unsigned int *seen = arg;
	const char *name, *dot;

	if (genlmsg_parse(nlmsg_hdr(msg), 0, tb, KVMEM_A_MAX, NULL) < 0 || !tb[KVMEM_A_NAME])
		return 0;
	name = nla_get_string(tb[KVMEM_A_NAME]);
	dot = strrchr(name, '.');
	if (dot && atoi(dot + 1) < MANY)
		seen[atoi(dot + 1)]++;
	return 0;
}

static void dump_with_buffer(int size)
{
	static unsigned int seen[MANY];
	unsigned int i, wrong = 0;

	memset(seen, 0, sizeof(seen));
	ASSERT_TRUE(kvt_nl_new_socket(size));
	EXPECT_EQ(kvt_nl_send(kvt_nl_msg(KVMEM_CMD_NS_GET, NLM_F_DUMP), count_tagged, seen), 0);
	for (i = 0; i < MANY; i++)
		wrong += seen[i] != 1;
	EXPECT(!wrong, "each of %d namespaces once in a dump with %d byte buffers, %u are not",
	       MANY, size, wrong);
}

TEST(dumps_of_many)
{
	static struct kvt_hist hist;
	unsigned int i;

	for (i = 0; i < MANY; i++)
		kvt_ns(NULL);
	dump_with_buffer(4096);
	dump_with_buffer(8192);
	dump_with_buffer(32768);
	EXPECT_EQ(kvt_nl_send(kvt_nl_msg(KVMEM_CMD_HIST_GET, NLM_F_DUMP), NULL, &hist), 0);
}

/* Objects come and go while a dump is under way: it ends, none is shown twice. */
TEST(dump_while_changing)
{
	static unsigned int seen[MANY];
	const char *names[60];
	unsigned int i, round;
	pid_t pid;

	for (i = 0; i < 60; i++)
		names[i] = kvt_ns(NULL);
	pid = kvt_fork();
	if (!pid) {
		for (round = 0; round < 40; round++)
			for (i = 0; i < 60; i += 2) {
				kvt_nl_ns_del(names[i]);
				kvt_nl_ns_new(names[i], NULL, NULL);
			}
		kvt_exit();
	}
	ASSERT_TRUE(kvt_nl_new_socket(4096));
	for (round = 0; round < 30; round++) {
		int rc;

		memset(seen, 0, sizeof(seen));
		rc = kvt_nl_send(kvt_nl_msg(KVMEM_CMD_NS_GET, NLM_F_DUMP), count_tagged, seen);
		EXPECT_TRUE(rc == 0 || rc == -EINTR);
		if (rc)
			ASSERT_TRUE(kvt_nl_new_socket(4096));
		for (i = 1; i < 60 && !rc; i += 2)
			EXPECT_EQ(seen[i], 1);
	}
	EXPECT_EQ(kvt_wait(pid, 50000), 0);
}

/* Garbage behind a correct header. */
TEST(random_payload)
{
	uint64_t state = 4711;
	unsigned int i, k;

	for (i = 0; i < 3000; i++) {
		unsigned int cmd = kvt_rand(&state) % 2 ? KVMEM_CMD_NS_SET : KVMEM_CMD_TABLE_SET;
		struct nl_msg *msg = new_msg(cmd);
		unsigned int len = kvt_rand(&state) % 300;
		uint8_t *p = nlmsg_reserve(msg, len, 0);

		for (k = 0; k < len; k++)
			p[k] = kvt_rand(&state) % (k % 4 == 2 ? 40 : 256);
		send_msg(msg);
	}
	EXPECT_EQ(kvt_nl_ns_del(kvt_ns(NULL)), 0);
}

TEST(pools)
{
	const char *pool = kvt_name();
	struct kvt_ns_opts o = { .pool = pool };
	const char *ns;

	EXPECT_NE(kvt_nl_ns_new(kvt_name(), &o, NULL), 0);
	ASSERT_EQ(kvt_nl_pool_new(pool, MIB, 10, true), 0);
	EXPECT_EQ(kvt_nl_pool_new(pool, MIB, 10, true), -EEXIST);
	ns = kvt_ns(&o);
	EXPECT_EQ(kvt_nl_pool_del(pool), -EBUSY);
	EXPECT_EQ(kvt_nl_ns_del(ns), 0);
	EXPECT_TRUE(kvt_wait_for(!kvt_nl_pool_del(pool), 3000));
	EXPECT_EQ(kvt_nl_pool_del(pool), -ENOENT);
}

TEST(number_of_namespaces_is_limited)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; i < 4200 && !rc; i++)
		rc = kvt_nl_ns_new(kvt_name(), NULL, NULL);
	EXPECT_EQ(rc, -ENOSPC);
	EXPECT_TRUE(kvt_nl_message()[0]);
	kvt_diag("%u namespaces", i - 1);
}

TEST_MAIN()
