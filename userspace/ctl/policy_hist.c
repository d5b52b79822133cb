// SPDX-License-Identifier: GPL-2.0
/* Histograms of the classes. */
#include "ctl/args.h"
#include "ctl/decode.h"
#include "ctl/nl.h"
#include "ctl/out.h"
#include "ctl/policy.h"
#include "ctl/settings.h"

const struct arg_spec policy_hist_specs[] = {
	{ .name = "class" },
	{ .name = NULL }
};

static const struct decode identity_fields[] = {
	{ "id", KVMEM_A_ID, DECODE_U32 },
	{ "name", KVMEM_A_NAME, DECODE_STRING },
	{ NULL, 0, 0 }
};

static const struct decode hist_fields[] = {
	{ "blocks", KVMEM_A_HIST_BLOCKS, DECODE_U64 },
	{ "bytes", KVMEM_A_HIST_BYTES, DECODE_U64 },
	{ "hit_bytes", KVMEM_A_HIST_HIT_BYTES, DECODE_U64 },
	{ "hit_cost", KVMEM_A_HIST_HIT_COST, DECODE_U64 },
	{ "hits", KVMEM_A_HIST_HITS, DECODE_U64S },
	{ "evictions", KVMEM_A_HIST_EVICTIONS, DECODE_U64S },
	{ "ghost_hits", KVMEM_A_HIST_GHOST_HITS, DECODE_U64S },
	{ NULL, 0, 0 }
};

static int read_hist(const struct ctl_msg *m, void *arg)
{
	struct nlattr *h[KVMEM_A_HIST_MAX + 1];
	json_t *array = arg, *o;

	if (!m->tb[KVMEM_A_HIST] ||
	    nla_parse_nested(h, KVMEM_A_HIST_MAX, m->tb[KVMEM_A_HIST], NULL) < 0 ||
	    !h[KVMEM_A_HIST_CLASS]) {
		ctl_error("the kernel's answer is malformed");
		return CTL_FAILED;
	}
	o = json_object();
	class_json(o, nla_get_u32(h[KVMEM_A_HIST_CLASS]));
	decode_into(o, h, hist_fields);
	return json_array_append_new(array, o) ? CTL_FAILED : CTL_OK;
}

static void read_again(void *arg)
{
	json_array_clear(arg);
}

int hist_read(struct ctl *c, const char *name, int class, json_t **out)
{
	struct nl_msg *msg = ctl_nl_request(KVMEM_CMD_HIST_GET);
	json_t *array = json_array();
	int rc = object_put(msg, name);

	*out = NULL;
	if (rc) {
		nlmsg_free(msg);
	} else if (class < 0) {
		rc = ctl_nl_dump(c->nl, msg, read_hist, read_again, array);
	} else {
		ctl_put_u32(msg, KVMEM_A_CLASS, (uint32_t)class);
		rc = ctl_nl_call(c->nl, msg, read_hist, array);
	}
	if (rc)
		json_decref(array);
	else
		*out = array;
	return rc;
}

static int read_identity(const struct ctl_msg *m, void *arg)
{
	decode_into(arg, m->tb, identity_fields);
	return CTL_OK;
}

/* Who it is, with id and name whichever was given; a dump may have no answers. */
static int identify(struct ctl *c, const char *name, json_t *root)
{
	struct nl_msg *msg = ctl_nl_request(KVMEM_CMD_NS_GET);
	int rc = object_put(msg, name);

	if (!rc)
		return ctl_nl_call(c->nl, msg, read_identity, root);
	nlmsg_free(msg);
	return rc;
}

int cmd_policy_hist(struct ctl *c)
{
	json_t *root = json_object(), *hist = NULL;
	uint64_t class;
	int rc;

	rc = args_count(c->args, "class", CLASSES - 1, CLASSES, &class);
	if (!rc)
		rc = identify(c, c->args->pos[0], root);
	if (!rc)
		rc = hist_read(c, c->args->pos[0], class < CLASSES ? (int)class : -1, &hist);
	if (rc) {
		json_decref(root);
		return rc;
	}
	json_put(root, "age_ns", ages_json());
	json_put(root, "hist", hist);
	if (c->json)
		return out_json(root);
	policy_print_hist(hist, stdout);
	json_decref(root);
	return CTL_OK;
}
