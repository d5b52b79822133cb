// SPDX-License-Identifier: GPL-2.0
/* kvmemd: policies at work, with a policy that does as it is told. */
#include <errno.h>
#include <netlink/genl/genl.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control.h"
#include "daemon/log.h"
#include "fake_kernel.h"
#include "ktap.h"

#define MS	1000000ULL

/* --- the policy --- */

struct policy {
	enum policy_kind kind;
	struct policy_output out;
	bool fresh;
	unsigned int updates, samples, adopted;
	struct policy_input in;
	struct policy_sample last;
};

static unsigned int nr_policies;

int policy_kind_of(const char *name)
{
	return strcmp(name, "lru") ? strcmp(name, "adaptive") ? -1 : POLICY_ADAPTIVE : POLICY_LRU;
}

const char *policy_kind_name(enum policy_kind kind)
{
	return kind == POLICY_LRU ? "lru" : "adaptive";
}

struct policy *policy_new(enum policy_kind kind)
{
	struct policy *p = calloc(1, sizeof(*p));

	p->kind = kind;
	p->fresh = true;
	p->out.value[63][31] = 1;
	p->out.one_in = 8;
	nr_policies++;
	return p;
}

void policy_free(struct policy *policy)
{
	if (policy)
		nr_policies--;
	free(policy);
}

void policy_adopt(struct policy *policy, const struct policy_output *in_force)
{
	policy->adopted++;
	if (!policy->fresh)
		abort();
	(void)in_force;
}

bool policy_update(struct policy *policy, const struct policy_input *in,
		   struct policy_output *out)
{
	bool fresh = policy->fresh;

	policy->updates++;
	policy->in = *in;
	policy->fresh = false;
	if (fresh)
		*out = policy->out;
	return fresh;
}

void policy_sample(struct policy *policy, const struct policy_sample *sample)
{
	policy->samples++;
	policy->last = *sample;
}

/* --- the rest --- */

static struct fake_kernel f;
static struct state state;
static struct config *config;
static struct control c;
static uint64_t now;
static FILE *nowhere;

static void on_error(void *arg, const char *message)
{
	(void)arg;
	printf("# %s\n", message);
}

static struct config *parse(const char *text)
{
	return config_parse("F", text, strlen(text), on_error, NULL);
}

static void begin(const char *text)
{
	nowhere = fopen("/dev/null", "w");
	log_init(nowhere);
	fake_kernel_init(&f);
	config = parse(text);
	c = (struct control){ .k = &f.kernel, .state = &state, .config = config };
	now = 1000 * MS;
}

static void end(void)
{
	state_clear(&state);
	config_free(config);
	log_init(NULL);
	fclose(nowhere);
}

static int second(void)
{
	int err;

	now += 1000 * MS;
	memset(f.calls, 0, sizeof(f.calls));
	err = read_all(&f.kernel, &state);
	return err ? err : control_second(&c, now);
}

static int poll_once(void)
{
	now += 50 * MS;
	memset(f.calls, 0, sizeof(f.calls));
	return control_poll(&c, now);
}

static void pushes(void)
{
	struct state_ns *ns;
	struct fake_ns *n;

	begin("");
	n = fake_add_ns(&f, "n");
	CHECK_EQ(second(), 0);
	/* Nobody has attached yet; it is there when somebody does. */
	ns = state.ns;
	CHECK(ns->policy && ns->policy->kind == POLICY_ADAPTIVE);
	CHECK_EQ(f.calls[KVMEM_CMD_TABLE_SET], 1);
	CHECK_EQ(n->table.value[63][31], 1);
	CHECK_EQ(n->table.one_in, 8);
	CHECK_EQ(ns->table_pushes, 1);
	n->nr_files = 1;
	CHECK_EQ(second(), 0);
	CHECK_EQ(f.calls[KVMEM_CMD_TABLE_SET], 0);
	/* A new table at the next poll with traffic */
	n->hits = 5;
	ns->policy->out.value[7][3] = 9;
	ns->policy->out.order = KVMEM_ORDER_ARRIVAL;
	ns->policy->fresh = true;
	CHECK_EQ(poll_once(), 0);
	CHECK_EQ(f.calls[KVMEM_CMD_NS_GET], 1);
	CHECK_EQ(f.calls[KVMEM_CMD_HIST_GET], 1);
	CHECK_EQ(n->table.value[7][3], 9);
	CHECK_EQ(n->table.order, KVMEM_ORDER_ARRIVAL);
	CHECK_EQ(ns->policy->in.hist->hits[1][3], 5);
	CHECK_EQ(ns->policy->in.now, now);
	CHECK_EQ(ns->hist_time, now);
	end();
}

/* One small request a poll while there is nothing new, none after a while. */
static void cheap_when_idle(void)
{
	struct fake_ns *n;
	int i;

	begin("");
	n = fake_add_ns(&f, "n");
	n->nr_files = 1;
	fake_add_ns(&f, "detached");
	CHECK_EQ(second(), 0);
	CHECK_EQ(poll_once(), 0);
	CHECK_EQ(f.calls[KVMEM_CMD_NS_GET], 1);
	CHECK_EQ(f.calls[KVMEM_CMD_HIST_GET] + f.calls[KVMEM_CMD_TABLE_SET], 0);
	for (i = 0; i < 3; i++)
		CHECK_EQ(second(), 0);
	CHECK_EQ(f.calls[KVMEM_CMD_HIST_GET], 0);
	CHECK_EQ(poll_once(), 0);
	CHECK_EQ(f.calls[KVMEM_CMD_NS_GET], 0);
	/* Traffic is seen within a second. */
	n->hits++;
	CHECK_EQ(second(), 0);
	CHECK_EQ(f.calls[KVMEM_CMD_HIST_GET], 1);
	CHECK_EQ(poll_once(), 0);
	CHECK_EQ(f.calls[KVMEM_CMD_NS_GET], 1);
	end();
}

static void configured(void)
{
	struct config *old;

	begin("namespaces = ( { name = \"a\"; policy = \"lru\" },"
	      "{ name = \"b\"; policy = \"none\" } ); default_policy = \"adaptive\";");
	fake_add_ns(&f, "a")->nr_files = 1;
	fake_add_ns(&f, "b")->nr_files = 1;
	fake_add_ns(&f, "c")->nr_files = 1;
	CHECK_EQ(second(), 0);
	CHECK_EQ(state_find_ns_by_name(&state, "a")->policy->kind, POLICY_LRU);
	CHECK(!state_find_ns_by_name(&state, "b")->policy);
	CHECK(state_find_ns_by_name(&state, "c")->policy);
	CHECK_EQ(fake_find_ns(&f, "b")->table.one_in, 0);
	old = config;
	config = parse("namespaces = ( { name = \"b\" } ); default_policy = \"none\";");
	c.config = config;
	control_reconfigure(&c);
	config_free(old);
	CHECK_EQ(second(), 0);
	CHECK(!state_find_ns_by_name(&state, "a")->policy);
	CHECK(state_find_ns_by_name(&state, "b")->policy);
	CHECK(!state_find_ns_by_name(&state, "c")->policy);
	CHECK_EQ(nr_policies, 1);
	end();
	CHECK_EQ(nr_policies, 0);
}

static void capacities(void)
{
	struct fake_ns *n;

	begin("");
	fake_add_pool(&f, "p");
	n = fake_add_ns(&f, "n");
	n->nr_files = 1;
	CHECK_EQ(second(), 0);
	CHECK_EQ(state.ns->capacity_bytes, 64 << 20);
	n->quota_bytes = 32 << 20;
	CHECK_EQ(second(), 0);
	CHECK_EQ(state.ns->capacity_bytes, 32 << 20);
	n->pool_id = 1;
	CHECK_EQ(second(), 0);
	CHECK_EQ(state.ns->capacity_bytes, 32 << 20);
	f.pool[0].quota_bytes = 16 << 20;
	CHECK_EQ(second(), 0);
	CHECK_EQ(state.ns->capacity_bytes, 16 << 20);
	n->quota_bytes = 0;
	f.pool[0].quota_bytes = 1 << 30;
	CHECK_EQ(second(), 0);
	CHECK_EQ(state.ns->capacity_bytes, 64 << 20);
	CHECK_EQ(state.ns->policy->in.capacity_bytes, 64 << 20);
	end();
}

static void hints(void)
{
	struct fake_ns *n;

	begin("");
	n = fake_add_ns(&f, "n");
	n->nr_files = 1;
	CHECK_EQ(second(), 0);
	CHECK(!state.ns->policy->in.hinted);
	n->hinted = 1;
	CHECK_EQ(second(), 0);
	CHECK(state.ns->hinted && state.ns->policy->in.hinted);
	end();
}

/* Somebody else's table is replaced. */
static void repairs(void)
{
	struct fake_ns *n;

	begin("");
	n = fake_add_ns(&f, "n");
	n->nr_files = 1;
	CHECK_EQ(second(), 0);
	n->table.value[0][0] = 77;
	CHECK_EQ(second(), 0);
	CHECK_EQ(n->table.value[0][0], 0);
	CHECK_EQ(f.calls[KVMEM_CMD_TABLE_SET], 1);
	CHECK_EQ(second(), 0);
	CHECK_EQ(f.calls[KVMEM_CMD_TABLE_SET], 0);
	/* One that is idle is looked at when events were lost. */
	n->nr_files = 0;
	CHECK_EQ(second(), 0);
	n->table.one_in = 0;
	CHECK_EQ(second(), 0);
	CHECK_EQ(n->table.one_in, 0);
	control_events_lost(&c);
	CHECK_EQ(second(), 0);
	CHECK_EQ(n->table.one_in, 8);
	end();
}

static void refused(void)
{
	struct fake_ns *n;

	begin("");
	n = fake_add_ns(&f, "n");
	n->nr_files = 1;
	f.fail_cmd = KVMEM_CMD_TABLE_SET;
	f.fail_err = ENOMEM;
	CHECK_EQ(second(), 0);
	CHECK_EQ(state.ns->table_pushes, 0);
	f.fail_cmd = 0;
	CHECK_EQ(second(), 0);
	CHECK_EQ(state.ns->table_pushes, 1);
	CHECK_EQ(n->table.one_in, 8);
	/* Deleted between two polls */
	f.nr_ns = 0;
	CHECK_EQ(poll_once(), -ENOENT);
	CHECK_EQ(second(), 0);
	CHECK(!state.ns);
	CHECK_EQ(nr_policies, 0);
	f.gone = true;
	CHECK_EQ(second(), -ENODEV);
	end();
}

static int deliver(struct nl_msg *msg)
{
	struct nlattr *tb[KVMEM_A_MAX + 1];
	struct knl_msg m;
	int err = knl_parse(msg, tb, &m);

	if (!err)
		control_samples(&c, &m);
	nlmsg_free(msg);
	return err;
}

static struct nl_msg *samples_message(uint32_t id, const uint64_t *words, size_t len)
{
	struct nl_msg *msg = knl_request(KVMEM_CMD_SAMPLES_NTF);

	knl_put_u32(msg, KVMEM_A_ID, id);
	nla_put(msg, KVMEM_A_SAMPLES, (int)len, words);
	knl_put_u64(msg, KVMEM_A_SAMPLES_LOST, 3);
	return msg;
}

static void samples(void)
{
	const uint64_t words[] = {
		0x1122334455667788, 123456789, 0x0000100000000105,
		8, 9, 64,	/* no such class */
		8, 9, 0x0400,	/* no such kind */
		16, 17, 0x023f,
	};
	struct policy *p;

	begin("");
	fake_add_ns(&f, "n");
	CHECK_EQ(second(), 0);
	CHECK_EQ(poll_once(), 0);
	CHECK_EQ(f.calls[KVMEM_CMD_NS_GET], 0);
	p = state.ns->policy;
	CHECK_EQ(deliver(samples_message(1, words, sizeof(words))), 0);
	CHECK_EQ(p->samples, 2);
	/* A sample tells of somebody who attached since the last second. */
	CHECK_EQ(poll_once(), 0);
	CHECK_EQ(f.calls[KVMEM_CMD_NS_GET], 1);
	CHECK_EQ(p->last.hash, 16);
	CHECK_EQ(p->last.class, 63);
	CHECK_EQ(p->last.kind, KVMEM_SAMPLE_KIND_PUT);
	CHECK_EQ(state.samples, 2);
	CHECK_EQ(state.samples_lost, 3);
	CHECK_EQ(deliver(samples_message(1, words, 24)), 0);
	CHECK_EQ(p->last.hash, 0x1122334455667788);
	CHECK_EQ(p->last.time, 123456789);
	CHECK_EQ(p->last.size, 4096);
	CHECK_EQ(p->last.class, 5);
	CHECK_EQ(p->last.kind, KVMEM_SAMPLE_KIND_HIT);
	/* No whole samples, and of nobody's namespace */
	CHECK_EQ(deliver(samples_message(1, words, 25)), 0);
	CHECK_EQ(p->samples, 3);
	CHECK_EQ(deliver(samples_message(2, words, 24)), 0);
	CHECK_EQ(p->samples, 3);
	end();
}

static const struct ktap_test tests[] = {
	{ "tables are pushed", pushes },
	{ "a namespace without traffic costs little", cheap_when_idle },
	{ "policies are as configured", configured },
	{ "capacity is the tightest bound", capacities },
	{ "hints of applications are told", hints },
	{ "somebody else's table is replaced", repairs },
	{ "refusals, and a namespace that is gone", refused },
	{ "samples", samples },
};

KTAP_MAIN(tests)
