// SPDX-License-Identifier: GPL-2.0
/* What is worth keeping: value tables read and set. */
#include <errno.h>
#include <string.h>

#include "ctl/args.h"
#include "ctl/decode.h"
#include "ctl/nl.h"
#include "ctl/out.h"
#include "ctl/parse.h"
#include "ctl/policy.h"
#include "ctl/settings.h"

#define MAX_ONE_IN	(1 << 20)	/* as the kernel says */

const struct arg_spec policy_set_specs[] = {
	{ .name = "lru", .flag = true },
	{ .name = "lfu", .flag = true },
	{ .name = "file" },
	{ .name = "class", .repeat = true },
	{ .name = "values", .repeat = true },
	{ .name = "order" },
	{ .name = "sample-one-in" },
	{ .name = NULL }
};

/* --- reading --- */

struct table_reader {
	json_t *root;
	struct value_rows rows;
};

/* genlmsg_parse() keeps one attribute of a kind; the rows follow each other. */
static void read_rows(struct nlattr *first, int rem, struct value_rows *rows)
{
	struct nlattr *tb[KVMEM_A_VALUES_MAX + 1], *nla;
	uint32_t class;

	nla_for_each_attr(nla, first, rem, rem) {
		if (nla_type(nla) != KVMEM_A_VALUE_TABLE ||
		    nla_parse_nested(tb, KVMEM_A_VALUES_MAX, nla, NULL) < 0 ||
		    !tb[KVMEM_A_VALUES_CLASS] || !tb[KVMEM_A_VALUES_VALUES])
			continue;
		class = nla_get_u32(tb[KVMEM_A_VALUES_CLASS]);
		if (class >= CLASSES ||
		    nla_len(tb[KVMEM_A_VALUES_VALUES]) != sizeof(rows->value[0]))
			continue;
		memcpy(rows->value[class], nla_data(tb[KVMEM_A_VALUES_VALUES]),
		       sizeof(rows->value[0]));
		rows->have |= 1ULL << class;
	}
}

static int read_table(const struct ctl_msg *m, void *arg)
{
	static const struct decode fields[] = {
		{ "id", KVMEM_A_ID, DECODE_U32 },
		{ "name", KVMEM_A_NAME, DECODE_STRING },
		{ "order", KVMEM_A_ORDER, DECODE_ORDER },
		{ "sample_one_in", KVMEM_A_SAMPLE_ONE_IN, DECODE_U32 },
		{ "hinted", KVMEM_A_HINTED, DECODE_BOOL },
		{ NULL, 0, 0 }
	};
	struct table_reader *r = arg;

	decode_into(r->root, m->tb, fields);
	read_rows(m->head, m->len, &r->rows);
	return CTL_OK;
}

static int table_get(struct ctl *c, struct table_reader *r)
{
	struct nl_msg *msg = ctl_nl_request(KVMEM_CMD_TABLE_GET);
	int rc = object_put(msg, c->args->pos[0]);

	memset(r, 0, sizeof(*r));
	if (rc) {
		nlmsg_free(msg);
		return rc;
	}
	r->root = json_object();
	rc = ctl_nl_call(c->nl, msg, read_table, r);
	if (rc)
		json_decref(r->root);
	else
		json_put(r->root, "table", value_rows_json(&r->rows));
	return rc;
}

static const struct column setting_columns[] = {
	{ "order of blocks", "order", OUT_TEXT },
	{ "sampled: one key in", "sample_one_in", OUT_COUNT_LIMIT },
	{ "hints from applications", "hinted", OUT_TEXT },
	{ NULL, NULL, 0 }
};

int cmd_policy_show(struct ctl *c)
{
	struct table_reader r;
	json_t *hist;
	int rc;

	rc = table_get(c, &r);
	if (rc)
		return rc;
	rc = hist_read(c, c->args->pos[0], -1, &hist);
	if (rc) {
		json_decref(r.root);
		return rc;
	}
	json_put(r.root, "age_ns", ages_json());
	json_put(r.root, "hist", hist);
	if (c->json)
		return out_json(r.root);
	out_fields(r.root, setting_columns, stdout);
	putchar('\n');
	policy_print_table(&r.rows, stdout);
	putchar('\n');
	policy_print_hist(hist, stdout);
	json_decref(r.root);
	return CTL_OK;
}

/* --- setting --- */

/* Pairs of --class and --values, in this order */
static int rows_from_options(const struct args *args, struct value_rows *rows)
{
	uint64_t class = CLASSES;
	const char *name, *value;
	int i;

	for (i = 0; i < args->nr_opts; i++) {
		name = args->opt[i].spec->name;
		value = args->opt[i].value;
		if (!strcmp(name, "class")) {
			if (class < CLASSES)
				return ctl_usage("--class %d has no --values", (int)class);
			if (parse_count(value, CLASSES - 1, &class))
				return ctl_usage("--class %s: want 0 to %d", value,
						 CLASSES - 1);
			if (rows->have & 1ULL << class)
				return ctl_usage("--class %s is given twice", value);
		} else if (!strcmp(name, "values")) {
			if (class == CLASSES)
				return ctl_usage("--values needs --class before it");
			if (parse_u16_list(value, rows->value[class], AGES))
				return ctl_usage("--values: want %d numbers up to 65535, with commas",
						 AGES);
			rows->have |= 1ULL << class;
			class = CLASSES;
		}
	}
	return class == CLASSES ? 0 : ctl_usage("--class %d has no --values", (int)class);
}

/* What is wrong with the file is no matter of usage. */
static int rows_from_file(const char *path, struct value_rows *rows)
{
	json_error_t error;
	char problem[128];
	json_t *root;
	int err;

	root = strcmp(path, "-") ? json_load_file(path, JSON_REJECT_DUPLICATES, &error) :
	       json_loadf(stdin, JSON_REJECT_DUPLICATES, &error);
	if (!root) {
		if (error.line > 0)
			ctl_error("%s: line %d: %s", path, error.line, error.text);
		else
			ctl_error("%s", error.text);
		return CTL_FAILED;
	}
	err = value_rows_from_json(root, rows, problem, sizeof(problem));
	json_decref(root);
	if (!err)
		return CTL_OK;
	ctl_error("%s: %s", path, problem);
	return CTL_FAILED;
}

static int change_from_args(const struct args *args, struct value_rows *rows)
{
	bool lru = args_has(args, "lru"), lfu = args_has(args, "lfu");
	bool file = args_has(args, "file");
	bool row = args_has(args, "class") || args_has(args, "values");
	int sources = lfu + file + (lru || row);

	memset(rows, 0, sizeof(*rows));
	if (sources > 1)
		return ctl_usage("only one of --lru, --lfu, --file and --class");
	if (!sources && !args_has(args, "order") && !args_has(args, "sample-one-in"))
		return ctl_usage("one of --lru, --lfu, --file, --class, --order and "
				 "--sample-one-in is needed");
	if (file)
		return rows_from_file(args_get(args, "file"), rows);
	if (lfu)
		value_rows_lfu(rows);
	rows->lru = lru;
	return row ? rows_from_options(args, rows) : CTL_OK;
}

static void put_row(struct nl_msg *msg, unsigned int class, const uint16_t *values)
{
	struct {
		struct nlattr class_head;
		uint32_t class;
		struct nlattr values_head;
		uint16_t values[AGES];
	} row = {
		{ NLA_HDRLEN + sizeof(row.class), KVMEM_A_VALUES_CLASS }, class,
		{ NLA_HDRLEN + sizeof(row.values), KVMEM_A_VALUES_VALUES }, { 0 }
	};

	memcpy(row.values, values, sizeof(row.values));
	ctl_put(msg, KVMEM_A_VALUE_TABLE | NLA_F_NESTED, &row, sizeof(row));
}

/* What the command line says; a file may have an order, too. */
static int put_order(struct nl_msg *msg, const struct args *args,
		     const struct value_rows *rows)
{
	const char *text = args_get(args, "order");

	if (!text)
		text = rows->order;
	if (!text)
		return CTL_OK;
	if (strcmp(text, "use") && strcmp(text, "arrival"))
		return ctl_usage("--order %s: want use or arrival", text);
	ctl_put_u8(msg, KVMEM_A_ORDER, *text == 'a' ? KVMEM_ORDER_ARRIVAL : KVMEM_ORDER_USE);
	return CTL_OK;
}

static int put_sampling(struct nl_msg *msg, const struct args *args)
{
	uint64_t one_in;
	int rc;

	if (!args_has(args, "sample-one-in"))
		return CTL_OK;
	rc = args_count(args, "sample-one-in", MAX_ONE_IN, 0, &one_in);
	if (rc)
		return rc;
	if (one_in & (one_in - 1))
		return ctl_usage("--sample-one-in %llu: want a power of two, or 0 for none",
				 (unsigned long long)one_in);
	ctl_put_u32(msg, KVMEM_A_SAMPLE_ONE_IN, (uint32_t)one_in);
	return CTL_OK;
}

static int put_change(struct nl_msg *msg, const struct args *args,
		      const struct value_rows *rows)
{
	unsigned int class;
	int rc;

	rc = object_put(msg, args->pos[0]);
	if (!rc)
		rc = put_order(msg, args, rows);
	if (!rc)
		rc = put_sampling(msg, args);
	if (rc)
		return rc;
	if (rows->lru)
		ctl_put(msg, KVMEM_A_LRU, NULL, 0);
	for (class = 0; class < CLASSES; class++)
		if (rows->have & 1ULL << class)
			put_row(msg, class, rows->value[class]);
	return CTL_OK;
}

int cmd_policy_set(struct ctl *c)
{
	struct value_rows rows;
	struct table_reader r;
	struct nl_msg *msg;
	int rc;

	rc = change_from_args(c->args, &rows);
	if (rc)
		return rc;
	msg = ctl_nl_request(KVMEM_CMD_TABLE_SET);
	rc = put_change(msg, c->args, &rows);
	if (rc) {
		nlmsg_free(msg);
		return rc;
	}
	rc = ctl_nl_call(c->nl, msg, NULL, NULL);
	if (rc || !c->json)
		return rc;
	rc = table_get(c, &r);
	return rc ? rc : out_json(r.root);
}
