// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/latency.h"
#include "ctl/nl.h"

static uint64_t u64_of(struct nlattr *nla)
{
	uint64_t v = 0;

	if (nla && nla_len(nla) >= (int)sizeof(v))
		memcpy(&v, nla_data(nla), sizeof(v));
	return v;
}

static void read_buckets(struct latency *l, struct nlattr *nla)
{
	size_t n = nla ? (size_t)nla_len(nla) : 0;

	if (n > sizeof(l->buckets))
		n = sizeof(l->buckets);
	if (n)
		memcpy(l->buckets, nla_data(nla), n);
}

static int read_one(const struct ctl_msg *m, void *arg)
{
	struct nlattr *lat[KVMEM_A_LAT_MAX + 1];
	struct latencies *all = arg;
	struct latency *l;
	uint32_t op, tier;

	if (!m->tb[KVMEM_A_LATENCY] ||
	    nla_parse_nested(lat, KVMEM_A_LAT_MAX, m->tb[KVMEM_A_LATENCY], NULL) < 0 ||
	    !lat[KVMEM_A_LAT_OPCODE] || !lat[KVMEM_A_LAT_TIER]) {
		ctl_error("the kernel's answer is malformed");
		return CTL_FAILED;
	}
	op = nla_get_u32(lat[KVMEM_A_LAT_OPCODE]);
	tier = nla_get_u32(lat[KVMEM_A_LAT_TIER]);
	/* A newer kernel may have more. */
	if (op >= KVMEM_OP_NR || tier >= KVMEM_TIER_NR)
		return CTL_OK;
	l = &all->of[op][tier];
	l->count = u64_of(lat[KVMEM_A_LAT_COUNT]);
	l->errors = u64_of(lat[KVMEM_A_LAT_ERRORS]);
	l->bytes = u64_of(lat[KVMEM_A_LAT_BYTES]);
	l->total_ns = u64_of(lat[KVMEM_A_LAT_TOTAL_NS]);
	read_buckets(l, lat[KVMEM_A_LAT_BUCKETS]);
	return CTL_OK;
}

static void read_again(void *arg)
{
	memset(arg, 0, sizeof(struct latencies));
}

int latency_read(struct ctl_nl *nl, struct latencies *all)
{
	read_again(all);
	return ctl_nl_dump(nl, ctl_nl_request(KVMEM_CMD_LATENCY_GET), read_one, read_again,
			   all);
}
