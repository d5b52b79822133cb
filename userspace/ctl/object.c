// SPDX-License-Identifier: GPL-2.0
#include "ctl/args.h"
#include "ctl/decode.h"
#include "ctl/nl.h"
#include "ctl/object.h"
#include "ctl/settings.h"

struct reader {
	json_t *(*decode)(struct nlattr **tb);
	json_t *result;		/* object, or array for a dump */
};

static int read_one(const struct ctl_msg *m, void *arg)
{
	struct reader *r = arg;

	json_decref(r->result);
	r->result = r->decode(m->tb);
	return r->result ? CTL_OK : CTL_FAILED;
}

static int read_all(const struct ctl_msg *m, void *arg)
{
	struct reader *r = arg;

	return json_array_append_new(r->result, r->decode(m->tb)) ? CTL_FAILED : CTL_OK;
}

static void read_again(void *arg)
{
	struct reader *r = arg;

	json_array_clear(r->result);
}

static int finish(struct reader *r, int rc, json_t **out)
{
	*out = NULL;
	if (!rc && !r->result) {
		ctl_error("the kernel sent no answer");
		rc = CTL_FAILED;
	}
	if (rc)
		json_decref(r->result);
	else
		*out = r->result;
	return rc;
}

int object_get(struct ctl *c, const struct object_kind *kind, const char *name,
	       json_t **out)
{
	struct nl_msg *msg = ctl_nl_request(kind->get);
	struct reader r = { .decode = kind->decode };
	int rc = object_put(msg, name);

	*out = NULL;
	if (!rc)
		return finish(&r, ctl_nl_call(c->nl, msg, read_one, &r), out);
	nlmsg_free(msg);
	return rc;
}

int object_get_all(struct ctl *c, const struct object_kind *kind, json_t **out)
{
	struct nl_msg *msg = ctl_nl_request(kind->get);
	struct reader r = { .decode = kind->decode, .result = json_array() };

	return finish(&r, ctl_nl_dump(c->nl, msg, read_all, read_again, &r), out);
}

int object_dump_parts(struct ctl *c, int cmd, const char *name,
		      json_t *(*decode)(struct nlattr **tb), json_t **out)
{
	struct nl_msg *msg = ctl_nl_request(cmd);
	struct reader r = { .decode = decode };
	int rc = object_put(msg, name);

	*out = NULL;
	if (rc) {
		nlmsg_free(msg);
		return rc;
	}
	r.result = json_array();
	return finish(&r, ctl_nl_dump(c->nl, msg, read_all, read_again, &r), out);
}

/* --- commands --- */

static json_t *decode_identity(struct nlattr **tb)
{
	static const struct decode fields[] = {
		{ "id", KVMEM_A_ID, DECODE_U32 },
		{ "name", KVMEM_A_NAME, DECODE_STRING },
		{ NULL, 0, 0 }
	};

	return decode_object(tb, fields);
}

int object_send(struct ctl *c, struct nl_msg *msg, json_t **made)
{
	struct reader r = { .decode = decode_identity };

	return finish(&r, ctl_nl_call(c->nl, msg, read_one, &r), made);
}

int object_tell(struct ctl *c, const struct object_kind *kind, json_t *made)
{
	if (c->json)
		return out_json(made);
	printf("%s %s has id %llu\n", kind->noun,
	       json_string_value(json_object_get(made, "name")) ?: "",
	       (unsigned long long)json_get_u64(made, "id"));
	json_decref(made);
	return CTL_OK;
}

int object_create(struct ctl *c, const struct object_kind *kind)
{
	struct nl_msg *msg = ctl_nl_request(kind->new);
	json_t *made;
	int rc;

	rc = new_name_put(msg, c->args->pos[0]);
	if (!rc)
		rc = settings_put(msg, c->args);
	if (rc) {
		nlmsg_free(msg);
		return rc;
	}
	rc = object_send(c, msg, &made);
	return rc ? rc : object_tell(c, kind, made);
}

int object_set(struct ctl *c, const struct object_kind *kind)
{
	struct nl_msg *msg;
	json_t *now;
	int rc;

	if (!c->args->nr_opts)
		return ctl_usage("nothing to change is given");
	msg = ctl_nl_request(kind->set);
	rc = object_put(msg, c->args->pos[0]);
	if (!rc)
		rc = settings_put(msg, c->args);
	if (rc) {
		nlmsg_free(msg);
		return rc;
	}
	rc = ctl_nl_call(c->nl, msg, NULL, NULL);
	if (rc || !c->json)
		return rc;
	rc = object_get(c, kind, c->args->pos[0], &now);
	return rc ? rc : out_json(now);
}

int object_delete(struct ctl *c, const struct object_kind *kind)
{
	struct nl_msg *msg = ctl_nl_request(kind->del);
	int rc = object_put(msg, c->args->pos[0]);

	if (rc) {
		nlmsg_free(msg);
		return rc;
	}
	rc = ctl_nl_call(c->nl, msg, NULL, NULL);
	if (rc || !c->json)
		return rc;
	return out_json(object_json(c->args->pos[0]));
}

int object_list(struct ctl *c, const struct object_kind *kind)
{
	json_t *all;
	int rc = object_get_all(c, kind, &all);

	if (rc)
		return rc;
	if (c->json)
		return out_json(all);
	out_table(all, kind->list, stdout);
	json_decref(all);
	return CTL_OK;
}

int object_show(struct ctl *c, const struct object_kind *kind)
{
	json_t *one;
	int rc = object_get(c, kind, c->args->pos[0], &one);

	if (rc)
		return rc;
	if (c->json)
		return out_json(one);
	out_fields(one, kind->show, stdout);
	json_decref(one);
	return CTL_OK;
}
