// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control.h"
#include "daemon/log.h"
#include "daemon/state_parse.h"

/* Without a use for that long a namespace is looked at once a second only. */
#define IDLE_NS		2000000000ULL
/* Policies given in one second: each is 2 MiB to set up, and others wait. */
#define MAX_GIVEN	512
/* So many have one before anybody attaches, to be there when it begins. */
#define MAX_EARLY	64

/**
 * struct control_ns - what is kept with a namespace
 * @kind: of its policy
 * @activity: its counters added up, when they were looked at last
 * @active_time: when they were seen to change
 * @active: not long ago, or never looked
 * @out: last table of the policy; valid if @have_out
 * @dirty: the kernel does not have it
 * @recheck: somebody may have changed the kernel's
 * @failed: the last push was refused; not said again
 */
struct control_ns {
	enum policy_kind kind;
	uint64_t activity;
	uint64_t active_time;
	bool active;
	bool have_out, dirty, recheck, failed;
	struct policy_output out;
};

/* --- which policy --- */

static int wanted_policy(const struct control *c, const struct state_ns *ns)
{
	const struct config_ns *want = config_find_ns(c->config, ns->name);

	return want ? want->policy : c->config->default_policy;
}

static void take_away(struct state_ns *ns)
{
	policy_free(ns->policy);
	ns->policy = NULL;
	free(ns->control);
	ns->control = NULL;
}

/*
 * A policy takes memory, so when there are many namespaces one gets its own
 * when somebody attaches to it; until then there is nothing to learn, and the
 * kernel has a table.  One that learns nothing but must be right from the
 * first block on is there at once.
 */
static bool may_have(const struct control *c, const struct state_ns *ns, int want)
{
	return want != POLICY_ADAPTIVE || ns->nr_files || c->early < MAX_EARLY;
}

static void give(struct control *c, struct state_ns *ns)
{
	int want;

	if (ns->policy || c->given == MAX_GIVEN)
		return;
	want = wanted_policy(c, ns);
	if (want == CONFIG_NO_POLICY || !may_have(c, ns, want))
		return;
	c->given++;
	c->early++;
	ns->policy = policy_new((enum policy_kind)want);
	ns->control = ns->policy ? calloc(1, sizeof(*ns->control)) : NULL;
	if (!ns->control) {
		take_away(ns);
		log_ns(LOG_ERR, ns->name, "policy", "namespace %s: no memory for its policy",
		       ns->name);
		return;
	}
	ns->control->kind = (enum policy_kind)want;
	ns->control->active = true;
	log_ns(LOG_INFO, ns->name, "policy", "namespace %s: policy %s", ns->name,
	       policy_kind_name((enum policy_kind)want));
}

void control_reconfigure(struct control *c)
{
	struct state_ns *ns;

	for (ns = c->state->ns; ns; ns = ns->next)
		if (ns->policy && wanted_policy(c, ns) != (int)ns->control->kind)
			take_away(ns);
}

/* --- what goes in --- */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a && (!b || a < b) ? a : b;
}

/* 0 is no bound in all three. */
static uint64_t capacity(const struct state *state, const struct state_ns *ns)
{
	const struct state_pool *pool = state_find_pool(state, ns->pool_id);
	uint64_t bytes = least(ns->quota_bytes, state->arena[KVMEM_A_ARENA_LIMIT]);

	return pool ? least(bytes, pool->quota_bytes) : bytes;
}

/* Grows with everything that a policy could learn from. */
static uint64_t activity(const struct state_ns *ns)
{
	static const int counters[] = {
		KVMEM_A_STATS_HITS, KVMEM_A_STATS_MISSES, KVMEM_A_STATS_PUTS,
		KVMEM_A_STATS_EXISTED, KVMEM_A_STATS_DELETES, KVMEM_A_STATS_EVICT_QUOTA,
		KVMEM_A_STATS_EVICT_SPACE, KVMEM_A_STATS_EVICT_DRAIN,
		KVMEM_A_STATS_EVICT_EXPIRED,
	};
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < sizeof(counters) / sizeof(*counters); i++)
		sum += ns->stats.v[counters[i]];
	return sum;
}

/* Since the last time; the first time counts. */
static bool was_used(struct state_ns *ns, uint64_t now)
{
	struct control_ns *cn = ns->control;
	uint64_t sum = activity(ns);
	bool used = sum != cn->activity || !cn->have_out;

	cn->activity = sum;
	if (used)
		cn->active_time = now;
	cn->active = now - cn->active_time < IDLE_NS;
	return used;
}

/* --- what comes out --- */

static int put_rows(struct nl_msg *msg, const struct policy_output *out)
{
	struct nlattr *nest;
	uint32_t class;

	for (class = 0; class < KVMEM_NL_NR_CLASSES; class++) {
		nest = nla_nest_start(msg, KVMEM_A_VALUE_TABLE);
		if (!nest || knl_put_u32(msg, KVMEM_A_VALUES_CLASS, class) ||
		    nla_put(msg, KVMEM_A_VALUES_VALUES, sizeof(out->value[class]),
			    out->value[class]))
			return -1;
		nla_nest_end(msg, nest);
	}
	return 0;
}

static struct nl_msg *table_request(const struct state_ns *ns)
{
	const struct policy_output *out = &ns->control->out;
	struct nl_msg *msg = knl_request(KVMEM_CMD_TABLE_SET);

	if (msg && !knl_put_u32(msg, KVMEM_A_ID, ns->id) && !put_rows(msg, out) &&
	    !knl_put_u8(msg, KVMEM_A_ORDER, out->order) &&
	    !knl_put_u32(msg, KVMEM_A_SAMPLE_ONE_IN, out->one_in))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

/* A table that was refused is tried again by the next second. */
static int push(struct control *c, struct state_ns *ns)
{
	struct control_ns *cn = ns->control;
	int err;

	if (!cn->dirty)
		return 0;
	err = kernel_call(c->k, table_request(ns), NULL, NULL);
	if (!err) {
		cn->dirty = cn->failed = false;
		ns->table_pushes++;
		log_ns(LOG_DEBUG, ns->name, "table", "namespace %s: new table", ns->name);
		return 0;
	}
	if (c->k->error.fault != KNL_REFUSED || err == -ENOENT)
		return err;
	if (!cn->failed)
		log_ns(LOG_WARNING, ns->name, "table", "namespace %s: the table is refused: %s",
		       ns->name, kernel_error(c->k));
	cn->failed = true;
	return 0;
}

static int update(struct control *c, struct state_ns *ns, uint64_t now)
{
	const struct policy_input in = {
		.now = now,
		.hist = &ns->hist,
		.capacity_bytes = ns->capacity_bytes,
		.used_bytes = ns->used_bytes,
		.used_blocks = ns->used_blocks,
		.quota_blocks = ns->quota_blocks,
		.hinted = ns->hinted,
	};
	struct control_ns *cn = ns->control;

	if (policy_update(ns->policy, &in, &cn->out))
		cn->have_out = cn->dirty = true;
	return push(c, ns);
}

/* --- every poll --- */

static int poll_ns(struct control *c, struct state_ns *ns, uint64_t now)
{
	int err = read_ns(c->k, c->state, ns->id);

	if (err || !was_used(ns, now))
		return err;
	err = read_hist(c->k, ns, now);
	return err ? err : update(c, ns, now);
}

int control_poll(struct control *c, uint64_t now)
{
	struct state_ns *ns;
	int err;

	for (ns = c->state->ns; ns; ns = ns->next) {
		if (!ns->policy || !ns->control->active || !ns->nr_files)
			continue;
		err = poll_ns(c, ns, now);
		if (err)
			return err;
	}
	return 0;
}

/* --- every second --- */

static bool same_table(const struct policy_output *a, const struct policy_output *b)
{
	return !memcmp(a->value, b->value, sizeof(a->value)) && a->order == b->order &&
	       a->one_in == b->one_in;
}

static int check_table(struct control *c, struct state_ns *ns)
{
	struct control_ns *cn = ns->control;
	struct parsed_table table;
	int err = read_table(c->k, ns, &table);

	if (err)
		return err;
	cn->recheck = false;
	ns->hinted = table.hinted;
	if (!cn->have_out)
		policy_adopt(ns->policy, &table.out);
	if (!cn->have_out || cn->dirty || same_table(&table.out, &cn->out))
		return 0;
	log_ns(LOG_NOTICE, ns->name, "table", "namespace %s: somebody changed its table; policy %s "
	       "sets it again (policy = \"none\" leaves it alone)", ns->name,
	       policy_kind_name(cn->kind));
	cn->dirty = true;
	return 0;
}

/* For people to look at, where there is no policy */
static int read_if_used(struct control *c, struct state_ns *ns, uint64_t now)
{
	if (ns->nr_files || (!ns->hist_time && activity(ns)))
		return read_hist(c->k, ns, now);
	return 0;
}

static int second_ns(struct control *c, struct state_ns *ns, uint64_t now)
{
	struct control_ns *cn;
	bool used;
	int err = 0;

	ns->capacity_bytes = capacity(c->state, ns);
	give(c, ns);
	cn = ns->control;
	if (!cn)
		return read_if_used(c, ns, now);
	used = was_used(ns, now);
	if (ns->nr_files || cn->recheck || !cn->have_out)
		err = check_table(c, ns);
	if (!err && (used || !ns->hist_time))
		err = read_hist(c->k, ns, now);
	if (!err && (used || ns->nr_files))
		return update(c, ns, now);
	return err ? err : push(c, ns);
}

int control_second(struct control *c, uint64_t now)
{
	struct state_ns *ns;
	int err;

	c->given = 0;
	c->early = 0;
	for (ns = c->state->ns; ns; ns = ns->next)
		c->early += ns->policy != NULL;
	for (ns = c->state->ns; ns; ns = ns->next) {
		err = second_ns(c, ns, now);
		if (err)
			return err;
	}
	return 0;
}

void control_events_lost(struct control *c)
{
	struct state_ns *ns;

	for (ns = c->state->ns; ns; ns = ns->next) {
		if (ns->control)
			ns->control->recheck = true;
	}
}

/* --- samples --- */

static void on_sample(void *arg, const struct policy_sample *sample)
{
	struct state_ns **ns = arg;

	if (*ns && (*ns)->policy)
		policy_sample((*ns)->policy, sample);
}

void control_samples(struct control *c, const struct knl_msg *m)
{
	struct state_ns *ns = NULL;
	uint64_t lost;
	uint32_t id;
	int n;

	if (knl_get_u32(m->tb[KVMEM_A_ID], &id))
		ns = state_find_ns(c->state, id);
	/* Somebody attached since the last second: do not wait for the next. */
	if (ns && ns->control && !ns->nr_files) {
		ns->nr_files = 1;
		ns->control->active = true;
	}
	n = state_parse_samples(m, &id, &lost, on_sample, &ns);
	if (n < 0)
		return;
	c->state->samples += (uint64_t)n;
	c->state->samples_lost += lost;
}
