// SPDX-License-Identifier: GPL-2.0
/*
 * Hostile peers: whatever they say, they get what they may have, their connection ends,
 * and the others go on.
 *
 * The machine talks to itself, by soft-RoCE on its own address: the module serves there
 * as node 1, and we say that we are node 2, or what a test wants.
 */
#include <linux/kvmem_netlink.h>
#include <netlink/netlink.h>
#include <netlink/msg.h>
#include <netlink/attr.h>

#include "kvmem_util.h"
#include "rogue.h"

/* Nobody is there: the module's own attempts to reach node 2 end in a refusal. */
#define NOBODY		ROGUE_ADDRESS ":7999"
#define SHORT_MS	5000
#define BLOCK		(256 * KIB)
#define CREDITS_SENT	100

static const uint8_t no_fingerprint[KVMEM_FINGERPRINT_LEN];

/* The module's side ------------------------------------------------------------- */

static void cluster_set(void)
{
	struct nl_msg *msg = kvt_nl_msg(KVMEM_CMD_CLUSTER_SET, 0);
	struct nlattr *nest = nla_nest_start(msg, KVMEM_A_CLUSTER);

	nla_put_u32(msg, KVMEM_A_CLUSTER_NODE, 1);
	nla_put_string(msg, KVMEM_A_CLUSTER_NAME, ROGUE_CLUSTER);
	nla_put(msg, KVMEM_A_CLUSTER_SECRET, 32, ROGUE_SECRET);
	nla_put_string(msg, KVMEM_A_CLUSTER_LISTEN, ROGUE_ADDRESS ":" ROGUE_PORT);
	nla_nest_end(msg, nest);
	ASSERT_EQ(kvt_nl_send(msg, NULL, NULL), 0);
}

static void peer_new(uint32_t node)
{
	struct nl_msg *msg = kvt_nl_msg(KVMEM_CMD_PEER_NEW, 0);
	struct nlattr *nest = nla_nest_start(msg, KVMEM_A_PEER);

	nla_put_u32(msg, KVMEM_A_PEER_NODE, node);
	nla_put_string(msg, KVMEM_A_PEER_NAME, "rogue");
	nla_put_string(msg, KVMEM_A_PEER_ADDRESSES, NOBODY);
	nla_nest_end(msg, nest);
	ASSERT_EQ(kvt_nl_send(msg, NULL, NULL), 0);
}

static const char *shared_ns(const struct kvt_ns_opts *opts)
{
	const char *name = kvt_ns(opts);
	struct nl_msg *msg = kvt_nl_msg(KVMEM_CMD_NS_SET, 0);

	nla_put_string(msg, KVMEM_A_NAME, name);
	nla_put_u8(msg, KVMEM_A_PEER_SHARE, 1);
	ASSERT_EQ(kvt_nl_send(msg, NULL, NULL), 0);
	return name;
}

/* What good peers do -------------------------------------------------------------- */

static const struct kvmem_wire_result *result(const struct rogue *r, unsigned int i)
{
	return (const struct kvmem_wire_result *)kvmem_wire_body(r->got) + i;
}

static void up(struct rogue *r)
{
	ASSERT_EQ(rogue_up(r), 0);
	ASSERT_EQ(r->credits, 32);
}

/* A connection that follows the rules gets block 1 of @ns, each byte. */
static void good_get(const char *ns)
{
	uint8_t key[KVMEM_KEY_LEN];
	struct rogue r;

	kvt_key(key, 1);
	up(&r);
	rogue_send(&r, rogue_get(&r, 7, ns, key, (uintptr_t)r.memory, r.mr->rkey, BLOCK));
	ASSERT_EQ(rogue_next(&r, 20000), KVMEM_WIRE_RESULT);
	ASSERT_EQ(le32_to_cpu(result(&r, 1)->status), KVMEM_WIRE_OK);
	EXPECT_EQ(le32_to_cpu(result(&r, 0)->size), BLOCK);
	EXPECT_EQ(kvt_check(r.memory, BLOCK, 1), -1);
	EXPECT_EQ(le32_to_cpu(result(&r, 1)->crc), kvt_crc32c(r.memory, BLOCK));
	/* Not a byte behind it. */
	EXPECT_TRUE(kvt_all_zero(r.memory + BLOCK, ROGUE_MEMORY - BLOCK));
	rogue_close(&r);
}

static const char *with_block(void)
{
	const char *ns = shared_ns(NULL);

	ASSERT_EQ(kvt_put_key(kvt_file(ns), 1, BLOCK), 0);
	return ns;
}

/* A PUT of @len bytes at @addr */
static uint32_t put(struct rogue *r, const char *ns, uint64_t key, uint64_t addr, uint32_t rkey,
		    uint32_t len, uint32_t crc)
{
	struct kvmem_wire_op *op = rogue_request(r, KVMEM_WIRE_PUT, 9, ns, no_fingerprint);
	struct kvmem_wire_seg *seg = (void *)&op[1];

	kvt_key(op->key, key);
	op->len = cpu_to_le32(len);
	op->crc = cpu_to_le32(crc);
	op->segs = cpu_to_le16(1);
	seg->addr = cpu_to_le64(addr);
	seg->rkey = cpu_to_le32(rkey);
	seg->len = cpu_to_le32(len);
	return kvmem_wire_end(r->tx, 1, 0, (uint32_t)((uint8_t *)(seg + 1) - (uint8_t *)r->tx));
}

/* First of all: where it is told who it is. */
TEST(good)
{
	const char *ns;
	int i;

	cluster_set();
	peer_new(ROGUE_NODE);
	ns = with_block();
	/* It listens as soon as it can. */
	for (i = 0; i < 50; i++) {
		struct rogue r;

		if (!rogue_connect(&r)) {
			rogue_close(&r);
			break;
		}
		kvt_sleep_ms(100);
	}
	good_get(ns);
}

/* Who is it? ------------------------------------------------------------------------ */

TEST(handshake)
{
	static const struct {
		uint16_t node;
		const char *cluster;
		int why;
	} strangers[] = {
		{ 1, ROGUE_CLUSTER, KVMEM_WIRE_BYE_UNKNOWN },
		{ 77, ROGUE_CLUSTER, KVMEM_WIRE_BYE_UNKNOWN },
		{ 65535, ROGUE_CLUSTER, KVMEM_WIRE_BYE_UNKNOWN },
		{ ROGUE_NODE, "another", KVMEM_WIRE_BYE_CLUSTER },
	};
	const struct kvmem_wire_bye *bye;
	const char *ns = with_block();
	struct rogue r;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(strangers); i++) {
		ASSERT_EQ(rogue_connect(&r), 0);
		EXPECT_NE(rogue_greet(&r, strangers[i].node, strangers[i].cluster), 0);
		bye = kvmem_wire_body(r.got);
		EXPECT_EQ(le32_to_cpu(bye->reason), strangers[i].why);
		EXPECT_EQ(rogue_next(&r, SHORT_MS), 0);
		rogue_close(&r);
	}
	/* Another secret */
	ASSERT_EQ(rogue_connect(&r), 0);
	ASSERT_EQ(rogue_greet(&r, ROGUE_NODE, ROGUE_CLUSTER), 0);
	EXPECT_NE(rogue_prove(&r, "0123456789abcdef0123456789abcdeF"), 0);
	bye = kvmem_wire_body(r.got);
	EXPECT_EQ(le32_to_cpu(bye->reason), KVMEM_WIRE_BYE_SECRET);
	EXPECT_EQ(rogue_next(&r, SHORT_MS), 0);
	rogue_close(&r);
	/* What the other side has proved, sent back to it */
	ASSERT_EQ(rogue_connect(&r), 0);
	ASSERT_EQ(rogue_greet(&r, ROGUE_NODE, ROGUE_CLUSTER), 0);
	kvmem_wire_begin(r.tx, KVMEM_WIRE_PROOF, 0);
	memcpy(r.tx + sizeof(struct kvmem_wire_hdr), r.challenge.proof, KVMEM_WIRE_MAC);
	rogue_send(&r, kvmem_wire_end(r.tx, 1, 0, sizeof(struct kvmem_wire_hdr) + KVMEM_WIRE_MAC));
	EXPECT_EQ(rogue_bye(&r, SHORT_MS), KVMEM_WIRE_BYE_SECRET);
	rogue_close(&r);
	good_get(ns);
}

/* Requests before anything is proved, at each step */
TEST(too_early)
{
	const char *ns = with_block();
	uint8_t key[KVMEM_KEY_LEN];
	struct rogue r;
	int step;

	kvt_key(key, 1);
	for (step = 0; step < 2; step++) {
		ASSERT_EQ(rogue_connect(&r), 0);
		if (step)
			ASSERT_EQ(rogue_greet(&r, ROGUE_NODE, ROGUE_CLUSTER), 0);
		rogue_send(&r, rogue_get(&r, 1, ns, key, (uintptr_t)r.memory, r.mr->rkey, BLOCK));
		EXPECT_EQ(rogue_bye(&r, SHORT_MS), KVMEM_WIRE_BYE_MALFORMED);
		EXPECT_TRUE(kvt_all_zero(r.memory, ROGUE_MEMORY));
		rogue_close(&r);
	}
	good_get(ns);
}

/* Capsules that are none ----------------------------------------------------------------- */

/* On a connection that is up: @len bytes of @r->tx end it, for @why. */
static void expect_end(struct rogue *r, uint32_t len, int why, const char *what)
{
	int reason;

	rogue_send(r, len);
	reason = rogue_bye(r, SHORT_MS);
	EXPECT(reason == why, "%s: reason %d, not %d", what, reason, why);
	rogue_close(r);
}

static void damaged_one(unsigned int i)
{
	const struct kvmem_test_damage *d = &kvmem_test_damages[i];
	const bool version = d->at == offsetof(struct kvmem_wire_hdr, version);
	struct rogue r;
	uint32_t len;

	up(&r);
	len = kvmem_test_capsule_build(r.tx, &kvmem_test_capsules[d->capsule]);
	kvmem_test_capsule_poke(r.tx, d);
	kvmem_test_capsule_seal(r.tx, len);
	expect_end(&r, len, version ? KVMEM_WIRE_BYE_VERSION : KVMEM_WIRE_BYE_MALFORMED, d->name);
}

TEST_TIMEOUT(malformed, 120)
{
	const unsigned int step = kvt_scale(5, 1);
	const char *ns = with_block();
	struct rogue r;
	unsigned int i;

	for (i = 0; i < kvmem_test_nr_damages; i += step)
		damaged_one(i);
	for (i = 0; i < kvmem_test_nr_beyond; i += 2) {
		up(&r);
		expect_end(&r, kvmem_test_capsule_build(r.tx, &kvmem_test_beyond[i]),
			   KVMEM_WIRE_BYE_MALFORMED, kvmem_test_beyond[i].name);
	}
	/* Valid, and not for who serves, or not now */
	for (i = 0; i < kvmem_test_nr_capsules; i++) {
		const struct kvmem_test_capsule *c = &kvmem_test_capsules[i];

		if (c->type == KVMEM_WIRE_BYE || c->type == KVMEM_WIRE_PING ||
		    (c->type >= KVMEM_WIRE_GET && c->type <= KVMEM_WIRE_EXISTS))
			continue;
		up(&r);
		expect_end(&r, kvmem_test_capsule_build(r.tx, c), KVMEM_WIRE_BYE_MALFORMED,
			   c->name);
	}
	good_get(ns);
}

TEST(garbage)
{
	const char *ns = with_block();
	uint64_t seed = 1;
	struct rogue r;
	unsigned int i;
	uint32_t len;

	/* Also as the first thing that is said */
	for (i = 0; i < 4; i++) {
		if (i < 2)
			up(&r);
		else
			ASSERT_EQ(rogue_connect(&r), 0);
		for (len = 0; len < KVMEM_WIRE_MAX; len++)
			((uint8_t *)r.tx)[len] = (uint8_t)kvt_rand(&seed);
		expect_end(&r, i & 1 ? KVMEM_WIRE_MAX : 5, KVMEM_WIRE_BYE_MALFORMED, "garbage");
	}
	/* Cut short: a header alone that says it has a body, and a wrong checksum */
	up(&r);
	kvmem_test_capsule_build(r.tx, &kvmem_test_capsules[7]);
	expect_end(&r, sizeof(struct kvmem_wire_hdr), KVMEM_WIRE_BYE_MALFORMED, "cut");
	up(&r);
	len = kvmem_test_capsule_build(r.tx, &kvmem_test_capsules[7]);
	((uint8_t *)r.tx)[len - 1] ^= 1;
	expect_end(&r, len, KVMEM_WIRE_BYE_MALFORMED, "checksum");
	/*
	 * Nothing longer than a receive: rxe (6.12) then follows a NULL pointer of its own
	 * (copy_data(), when the second packet comes again), whoever had posted the receive.
	 */
	good_get(ns);
}

/* Too much -------------------------------------------------------------------------------- */

/* More requests than credits, in one list, so the last is out before the first is answered. */
TEST(credits)
{
	const char *ns = with_block();
	struct ibv_send_wr wr[CREDITS_SENT] = {}, *bad;
	uint8_t key[KVMEM_KEY_LEN];
	struct ibv_sge sge;
	struct rogue r;
	unsigned int i;

	kvt_key(key, 1);
	up(&r);
	sge.addr = (uintptr_t)r.tx;
	sge.lkey = r.tx_mr->lkey;
	sge.length = rogue_get(&r, 0, ns, key, (uintptr_t)r.memory, r.mr->rkey, BLOCK);
	for (i = 0; i < CREDITS_SENT; i++) {
		wr[i].next = i + 1 < CREDITS_SENT ? &wr[i + 1] : NULL;
		wr[i].sg_list = &sge;
		wr[i].num_sge = 1;
		wr[i].opcode = IBV_WR_SEND;
	}
	ASSERT_EQ(ibv_post_send(r.id->qp, wr, &bad), 0);
	i = 0;
	while (rogue_next(&r, 20000) > 0) {
		const struct kvmem_wire_hdr *hdr = (void *)r.got;

		if (hdr->type == KVMEM_WIRE_RESULT)
			i++;
	}
	EXPECT_TRUE(r.ended);
	EXPECT_LT(i, CREDITS_SENT);
	rogue_close(&r);
	good_get(ns);
}

/* PINGs without waiting for PONGs: the connection may end; nothing else does. */
TEST(pings)
{
	const char *ns = with_block();
	struct rogue r;
	int i, pongs = 0;

	up(&r);
	kvmem_wire_begin(r.tx, KVMEM_WIRE_PING, 5);
	kvmem_wire_end(r.tx, 0, 0, sizeof(struct kvmem_wire_hdr));
	rogue_send(&r, sizeof(struct kvmem_wire_hdr));
	EXPECT_EQ(rogue_next(&r, SHORT_MS), KVMEM_WIRE_PONG);
	EXPECT_EQ(le32_to_cpu(((struct kvmem_wire_hdr *)r.got)->id), 5);
	for (i = 0; i < 60; i++)
		rogue_send(&r, sizeof(struct kvmem_wire_hdr));
	while (rogue_next(&r, 500) == KVMEM_WIRE_PONG)
		pongs++;
	EXPECT_LE(pongs, 60);
	rogue_close(&r);
	good_get(ns);
}

/* Connections that say nothing, or only half of it, are few, and end by themselves. */
#define FLOOD	72
TEST_TIMEOUT(flood, 120)
{
	static struct rogue r[FLOOD];
	static int connected[FLOOD];
	const char *ns = with_block();
	uint64_t began = kvt_now_ms();
	unsigned int i, in = 0, refused = 0;

	for (i = 0; i < FLOOD; i++) {
		connected[i] = !rogue_connect(&r[i]);
		in += connected[i];
		refused += !connected[i];
		if (connected[i] && i % 8 == 0)
			rogue_greet(&r[i], ROGUE_NODE, ROGUE_CLUSTER);
	}
	kvt_diag("%u in, %u refused, %llu ms", in, refused,
		 (unsigned long long)(kvt_now_ms() - began));
	EXPECT_GT(in, 0);
	/* 64 at once; where connecting takes long, the first have ended before the last come. */
	if (kvt_now_ms() - began < 4000)
		EXPECT_GE(refused, FLOOD - 64);
	for (i = 0; i < FLOOD; i++) {
		if (!connected[i])
			continue;
		EXPECT_EQ(rogue_next(&r[i], 15000), 0);
		rogue_close(&r[i]);
	}
	good_get(ns);
}

/* Who says nothing any more is told so. */
TEST(silence)
{
	const char *ns = with_block();
	struct rogue r;

	rogue_keepalive_ms = 200;
	up(&r);
	/* Four of them */
	EXPECT_EQ(rogue_bye(&r, 20000), KVMEM_WIRE_BYE_TIMEOUT);
	rogue_close(&r);
	rogue_keepalive_ms = 2000;
	good_get(ns);
}

/* Memory that is not there ------------------------------------------------------------------ */

/* The device says so: no answer, and the end. */
static void expect_drop(struct rogue *r, const char *what)
{
	int type;

	while ((type = rogue_next(r, 20000)) > 0)
		EXPECT(type != KVMEM_WIRE_RESULT, "%s was answered", what);
	EXPECT(!type, "%s: no end", what);
	rogue_close(r);
}

TEST_TIMEOUT(memory, 120)
{
	const char *ns = with_block();
	uint8_t key[KVMEM_KEY_LEN];
	int fd = kvt_file(ns);
	struct rogue r;
	uint64_t at;

	kvt_key(key, 1);
	up(&r);
	rogue_send(&r, rogue_get(&r, 1, ns, key, (uintptr_t)r.memory, r.mr->rkey ^ 0x5500, BLOCK));
	expect_drop(&r, "a wrong key");
	up(&r);
	at = (uintptr_t)r.memory + ROGUE_MEMORY - BLOCK / 2;
	rogue_send(&r, rogue_get(&r, 1, ns, key, at, r.mr->rkey, BLOCK));
	expect_drop(&r, "a run beyond its region");
	up(&r);
	rogue_send(&r, rogue_get(&r, 1, ns, key, 0, r.mr->rkey, BLOCK));
	expect_drop(&r, "address 0");
	up(&r);
	rogue_send(&r, rogue_get(&r, 1, ns, key, UINT64_MAX - 4095, r.mr->rkey, BLOCK));
	expect_drop(&r, "an address that wraps");
	/* To be read: what could not be is no block. */
	up(&r);
	rogue_send(&r, put(&r, ns, 50, (uintptr_t)r.memory, r.mr->rkey ^ 0x5500, BLOCK, 1));
	expect_drop(&r, "a put with a wrong key");
	EXPECT_EQ(kvt_exists(fd, 50), -ENOENT);
	up(&r);
	rogue_send(&r, put(&r, ns, 50, at, r.mr->rkey, BLOCK, 1));
	expect_drop(&r, "a put from beyond its region");
	EXPECT_EQ(kvt_exists(fd, 50), -ENOENT);
	/* Gone while the answer is on its way */
	up(&r);
	rogue_send(&r, rogue_get(&r, 1, ns, key, (uintptr_t)r.memory, r.mr->rkey, BLOCK));
	rogue_close(&r);
	good_get(ns);
}

/* Bytes that do not make their checksum are no block either; nor is the key that is invalidated
 * one that the module could be hurt by: it is ours.
 */
TEST(wrong_bytes)
{
	const char *ns = with_block();
	int fd = kvt_file(ns), type;
	struct rogue r;

	up(&r);
	kvt_fill(r.memory, BLOCK, 60);
	rogue_send(&r, put(&r, ns, 60, (uintptr_t)r.memory, r.mr->rkey, BLOCK,
			   kvt_crc32c(r.memory, BLOCK) ^ 1));
	/* rxe does not invalidate regions of user space, and ends the connection at our side. */
	type = rogue_next(&r, 20000);
	EXPECT_TRUE(!type || type == KVMEM_WIRE_RESULT);
	rogue_close(&r);
	EXPECT_EQ(kvt_exists(fd, 60), -ENOENT);
	up(&r);
	kvt_fill(r.memory, BLOCK, 61);
	rogue_send(&r, put(&r, ns, 61, (uintptr_t)r.memory, r.mr->rkey, BLOCK,
			   kvt_crc32c(r.memory, BLOCK)));
	rogue_next(&r, 20000);
	rogue_close(&r);
	EXPECT_TRUE(kvt_wait_for(!kvt_exists(fd, 61), 5000));
	EXPECT_EQ(kvt_get_key(fd, 61, BLOCK), 0);
	good_get(ns);
}

/* Namespaces --------------------------------------------------------------------------------- */

/* The answer to one op, or keys, of @type in namespace @ns, but for its id and checksum */
static void ask(struct rogue *r, uint8_t type, const char *ns, const uint8_t *fingerprint,
		struct kvmem_wire_result *answer)
{
	struct kvmem_wire_op *op = rogue_request(r, type, 3, ns, fingerprint);
	const bool keys = type == KVMEM_WIRE_EXISTS;
	uint32_t len = sizeof(struct kvmem_wire_hdr) + sizeof(struct kvmem_wire_request);

	kvt_key(op->key, 1);
	len += keys ? sizeof(struct kvmem_wire_key) : sizeof(*op);
	rogue_send(r, kvmem_wire_end(r->tx, 1, 0, len));
	ASSERT_EQ(rogue_next(r, SHORT_MS), KVMEM_WIRE_RESULT);
	memcpy(answer, result(r, 0), sizeof(*answer));
}

TEST(namespaces)
{
	static const uint8_t types[] = { KVMEM_WIRE_GET, KVMEM_WIRE_DELETE, KVMEM_WIRE_EXISTS };
	uint8_t layout[KVMEM_FINGERPRINT_LEN] = { 1, 2, 3 }, other[KVMEM_FINGERPRINT_LEN] = { 4 };
	const char *ns = with_block(), *alone = kvt_ns(NULL);
	const char *typed = shared_ns(&(struct kvt_ns_opts){ .fingerprint = layout });
	struct kvmem_wire_result missing, answer;
	struct rogue r;
	unsigned int i;

	ASSERT_EQ(kvt_put_key(kvt_file(alone), 1, BLOCK), 0);
	up(&r);
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		ask(&r, types[i], "no-such-namespace", no_fingerprint, &missing);
		EXPECT_EQ(le32_to_cpu(missing.status), KVMEM_WIRE_DENIED);
		ask(&r, types[i], alone, no_fingerprint, &answer);
		EXPECT_EQ(memcmp(&answer, &missing, sizeof(answer)), 0);
		ask(&r, types[i], typed, other, &answer);
		EXPECT_EQ(memcmp(&answer, &missing, sizeof(answer)), 0);
		ask(&r, types[i], typed, no_fingerprint, &answer);
		EXPECT_EQ(memcmp(&answer, &missing, sizeof(answer)), 0);
		ask(&r, types[i], typed, layout, &answer);
		EXPECT_NE(le32_to_cpu(answer.status), KVMEM_WIRE_DENIED);
	}
	rogue_close(&r);
	/* Nobody took anything away. */
	EXPECT_EQ(kvt_get_key(kvt_file(alone), 1, BLOCK), 0);
	good_get(ns);
}

TEST_MAIN()
