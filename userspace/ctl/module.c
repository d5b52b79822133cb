// SPDX-License-Identifier: GPL-2.0
#include "ctl/decode.h"
#include "ctl/module.h"
#include "ctl/nl.h"

static const struct decode module_fields[] = {
	{ "version", KVMEM_A_VERSION, DECODE_STRING },
	{ "abi_version", KVMEM_A_ABI_VERSION, DECODE_U32 },
	{ "quiesced", KVMEM_A_QUIESCED, DECODE_BOOL },
	{ "open_files", KVMEM_A_OPEN_FILES, DECODE_U32 },
	{ "namespaces", KVMEM_A_NR_NAMESPACES, DECODE_U32 },
	{ "watermark", KVMEM_A_WATERMARK, DECODE_WATERMARK },
	{ NULL, 0, 0 }
};

static const struct decode quiesce_fields[] = {
	{ "quiesced", KVMEM_A_QUIESCED, DECODE_BOOL },
	{ "open_files", KVMEM_A_OPEN_FILES, DECODE_U32 },
	{ NULL, 0, 0 }
};

static int read_module(const struct ctl_msg *m, void *arg)
{
	json_t **out = arg;

	json_decref(*out);
	*out = decode_object(m->tb, module_fields);
	json_put(*out, "arena", decode_arena(m->tb[KVMEM_A_ARENA]));
	return CTL_OK;
}

static int read_quiesce(const struct ctl_msg *m, void *arg)
{
	json_t **out = arg;

	json_decref(*out);
	*out = decode_object(m->tb, quiesce_fields);
	return CTL_OK;
}

static int finish(int rc, json_t **out)
{
	if (!rc && !*out) {
		ctl_error("the kernel sent no answer");
		rc = CTL_FAILED;
	}
	if (rc) {
		json_decref(*out);
		*out = NULL;
	}
	return rc;
}

int module_get(struct ctl *c, json_t **out)
{
	*out = NULL;
	return finish(ctl_nl_call(c->nl, ctl_nl_request(KVMEM_CMD_STATS_GET), read_module,
				  out), out);
}

int module_quiesce(struct ctl *c, bool on, json_t **out)
{
	struct nl_msg *msg = ctl_nl_request(KVMEM_CMD_QUIESCE);

	*out = NULL;
	ctl_put_u8(msg, KVMEM_A_ENABLE, on);
	return finish(ctl_nl_call(c->nl, msg, read_quiesce, out), out);
}
