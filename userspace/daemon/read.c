// SPDX-License-Identifier: GPL-2.0
/* Requests that read, and where their answers go. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/kernel.h"
#include "daemon/state_parse.h"

/* A request about the object @id, or NULL */
static struct nl_msg *about(int cmd, uint32_t id)
{
	struct nl_msg *msg = knl_request(cmd);

	if (msg && !knl_put_u32(msg, KVMEM_A_ID, id))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

/* --- everything --- */

/* The parsers return -errno, which ends an answer's telling as errno. */
static int on_ns(const struct knl_msg *m, void *arg)
{
	return -state_parse_ns(arg, m);
}

static int on_pool(const struct knl_msg *m, void *arg)
{
	return -state_parse_pool(arg, m);
}

static int on_media(const struct knl_msg *m, void *arg)
{
	return -state_parse_media(arg, m);
}

static int on_stats(const struct knl_msg *m, void *arg)
{
	return -state_parse_stats(arg, m);
}

static int on_latency(const struct knl_msg *m, void *arg)
{
	return -state_parse_latency(arg, m);
}

static void unsee_ns(void *arg)
{
	state_unsee_ns(arg);
}

static void unsee_pools(void *arg)
{
	state_unsee_pools(arg);
}

static void unsee_media(void *arg)
{
	state_unsee_media(arg);
}

static void forget_latency(void *arg)
{
	struct state *state = arg;

	state->nr_latency = 0;
}

static int read_namespaces(struct kernel *k, struct state *state)
{
	int err;

	state_unsee_ns(state);
	err = kernel_dump(k, knl_request(KVMEM_CMD_NS_GET), on_ns, unsee_ns, state);
	if (!err)
		state_drop_unseen_ns(state);
	return err;
}

static int read_pools(struct kernel *k, struct state *state)
{
	int err;

	state_unsee_pools(state);
	err = kernel_dump(k, knl_request(KVMEM_CMD_POOL_GET), on_pool, unsee_pools, state);
	if (!err)
		state_drop_unseen_pools(state);
	return err;
}

static int read_media(struct kernel *k, struct state *state)
{
	int err;

	state_unsee_media(state);
	err = kernel_dump(k, knl_request(KVMEM_CMD_MEDIA_GET), on_media, unsee_media, state);
	/* A module of before there were media knows no such command. */
	if (err == -EOPNOTSUPP && k->error.fault == KNL_REFUSED)
		err = 0;
	if (!err)
		state_drop_unseen_media(state);
	return err;
}

static int read_latency(struct kernel *k, struct state *state)
{
	forget_latency(state);
	return kernel_dump(k, knl_request(KVMEM_CMD_LATENCY_GET), on_latency, forget_latency,
			   state);
}

static int on_peer(const struct knl_msg *m, void *arg)
{
	return -state_parse_peer(arg, m);
}

static int on_map(const struct knl_msg *m, void *arg)
{
	return -state_parse_map(arg, m);
}

static void forget_peers(void *arg)
{
	struct state *state = arg;

	state->nr_peers = 0;
}

static int read_peers(struct kernel *k, struct state *state)
{
	int err;

	forget_peers(state);
	err = kernel_dump(k, knl_request(KVMEM_CMD_PEER_GET), on_peer, forget_peers, state);
	if (!err)
		err = kernel_call(k, knl_request(KVMEM_CMD_MAP_GET), on_map, state);
	/* A module of before there were peers knows no such commands. */
	return err == -EOPNOTSUPP && k->error.fault == KNL_REFUSED ? 0 : err;
}

int read_all(struct kernel *k, struct state *state)
{
	int err;

	err = kernel_call(k, knl_request(KVMEM_CMD_STATS_GET), on_stats, state);
	if (!err)
		err = read_pools(k, state);
	if (!err)
		err = read_namespaces(k, state);
	if (!err)
		err = read_media(k, state);
	if (!err)
		err = read_peers(k, state);
	if (!err)
		err = read_latency(k, state);
	return err;
}

int read_ns(struct kernel *k, struct state *state, uint32_t id)
{
	return kernel_call(k, about(KVMEM_CMD_NS_GET, id), on_ns, state);
}

/* --- histograms --- */

struct hist_reader {
	uint32_t id;
	struct policy_hist hist;
};

static int on_hist(const struct knl_msg *m, void *arg)
{
	struct hist_reader *r = arg;
	uint32_t id;
	int err = state_parse_hist(&r->hist, m, &id);

	if (err)
		return -err;
	return id == r->id ? 0 : EBADMSG;
}

static void forget_hist(void *arg)
{
	struct hist_reader *r = arg;

	memset(&r->hist, 0, sizeof(r->hist));
}

int read_hist(struct kernel *k, struct state_ns *ns, uint64_t now)
{
	struct hist_reader *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->id = ns->id;
	err = kernel_dump(k, about(KVMEM_CMD_HIST_GET, ns->id), on_hist, forget_hist, r);
	if (!err) {
		ns->hist = r->hist;
		ns->hist_time = now;
	}
	free(r);
	return err;
}

/* --- tables --- */

static int on_table(const struct knl_msg *m, void *arg)
{
	return -state_parse_table(arg, m);
}

int read_table(struct kernel *k, const struct state_ns *ns, struct parsed_table *table)
{
	memset(table, 0, sizeof(*table));
	return kernel_call(k, about(KVMEM_CMD_TABLE_GET, ns->id), on_table, table);
}
