// SPDX-License-Identifier: GPL-2.0
/* The effective configuration, in the syntax of the file. */
#include <linux/kvmem_netlink.h>

#include "daemon/config.h"
#include "daemon/log.h"
#include "daemon/policy.h"

typedef unsigned long long ull;

const char *config_policy_name(int policy)
{
	return policy == CONFIG_NO_POLICY ? "none" : policy_kind_name((enum policy_kind)policy);
}

/* A name may have what the syntax has a meaning for. */
static void print_string(const char *key, const char *value, FILE *to)
{
	fprintf(to, "\t\t%s = \"", key);
	for (; *value; value++)
		fprintf(to, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
	fprintf(to, "\";\n");
}

static void print_daemon(const struct config_daemon *d, FILE *to)
{
	fprintf(to, "daemon = {\n");
	fprintf(to, "\tmetrics = \"%s\";\n", d->metrics);
	fprintf(to, "\tsocket = \"%s\";\n", d->socket);
	if (d->set & CONFIG_SOCKET_GROUP)
		fprintf(to, "\tsocket_group = %llu;\n", (ull)d->socket_group);
	fprintf(to, "\tpoll_ms = %llu;\n", (ull)d->poll_ms);
	fprintf(to, "\tlog_level = \"%s\";\n};\n", log_level_name(d->log_level));
}

static void print_costs(const struct report_costs *c, FILE *to)
{
	fprintf(to, "costs = {\n");
	fprintf(to, "\tprefill_tokens_per_second = %.6f;\n", c->prefill_tokens_per_second);
	fprintf(to, "\tbytes_per_token = %.6f;\n", c->bytes_per_token);
	fprintf(to, "\tgpu_cost_per_hour = %.6f;\n", c->gpu_cost_per_hour);
	fprintf(to, "\tcurrency = \"%s\";\n};\n", c->currency);
}

static void print_arena(const struct config_arena *a, FILE *to)
{
	fprintf(to, "arena = {\n");
	if (a->set & CONFIG_SIZE)
		fprintf(to, "\tsize = %lluL;\n", (ull)a->size);
	if (a->set & CONFIG_FLOOR)
		fprintf(to, "\tfloor = %lluL;\n", (ull)a->floor);
	fprintf(to, "};\n");
}

static void print_pool(const struct config_pool *p, FILE *to)
{
	fprintf(to, "\t{\n");
	print_string("name", p->name, to);
	if (p->set & CONFIG_QUOTA_BYTES)
		fprintf(to, "\t\tquota_bytes = %lluL;\n", (ull)p->quota_bytes);
	if (p->set & CONFIG_QUOTA_BLOCKS)
		fprintf(to, "\t\tquota_blocks = %lluL;\n", (ull)p->quota_blocks);
	if (p->set & CONFIG_SHARE)
		fprintf(to, "\t\tshare = %s;\n", p->share ? "true" : "false");
	fprintf(to, "\t}");
}

static void print_owner(const struct config_ns *ns, FILE *to)
{
	size_t i;

	if (ns->set & CONFIG_UID)
		fprintf(to, "\t\tuid = %lluL;\n", (ull)ns->uid);
	if (ns->set & CONFIG_GID)
		fprintf(to, "\t\tgid = %lluL;\n", (ull)ns->gid);
	if (ns->set & CONFIG_MODE)
		fprintf(to, "\t\tmode = \"%04llo\";\n", (ull)ns->mode);
	if (!(ns->set & CONFIG_FINGERPRINT))
		return;
	fprintf(to, "\t\tfingerprint = \"");
	for (i = 0; i < sizeof(ns->fingerprint); i++)
		fprintf(to, "%02x", ns->fingerprint[i]);
	fprintf(to, "\";\n");
}

static void print_flash(const struct config_ns *ns, FILE *to)
{
	static const char * const modes[] = {
		[KVMEM_FLASH_MODE_OFF] = "off",
		[KVMEM_FLASH_MODE_THROUGH] = "through",
		[KVMEM_FLASH_MODE_BACK] = "back",
	};

	if (!(ns->set & (CONFIG_FLASH_MODE | CONFIG_FLASH_QUOTA)))
		return;
	fprintf(to, "\t\tflash = {");
	if (ns->set & CONFIG_FLASH_MODE)
		fprintf(to, " mode = \"%s\";", modes[ns->flash_mode]);
	if (ns->set & CONFIG_FLASH_QUOTA)
		fprintf(to, " quota = %lluL;", (ull)ns->flash_quota_bytes);
	fprintf(to, " };\n");
}

static void print_peers(const struct config_ns *ns, FILE *to)
{
	static const char * const placements[] = {
		[KVMEM_PLACEMENT_LOCAL] = "local",
		[KVMEM_PLACEMENT_OWNER] = "owner",
		[KVMEM_PLACEMENT_BOTH] = "both",
	};

	if (ns->set & CONFIG_PLACEMENT)
		fprintf(to, "\t\tplacement = \"%s\";\n", placements[ns->placement]);
	if (ns->set & CONFIG_COPIES)
		fprintf(to, "\t\tcopies = %llu;\n", (ull)ns->copies);
	if (ns->set & CONFIG_PEER_SHARE)
		fprintf(to, "\t\tpeer_share = %s;\n", ns->peer_share ? "true" : "false");
	if (ns->set & CONFIG_PEER_KEEP)
		fprintf(to, "\t\tpeer_keep = %s;\n", ns->peer_keep ? "true" : "false");
}

static void print_memory(const struct config_ns *ns, FILE *to)
{
	if (ns->set & CONFIG_VERIFIED)
		fprintf(to, "\t\trequire_verified = %s;\n", ns->require_verified ? "true" : "false");
	if (ns->set & CONFIG_BOUNCE)
		fprintf(to, "\t\tallow_bounce = %s;\n", ns->allow_bounce ? "true" : "false");
}

static void print_ns(const struct config_ns *ns, FILE *to)
{
	fprintf(to, "\t{\n");
	print_string("name", ns->name, to);
	print_owner(ns, to);
	if (ns->set & CONFIG_QUOTA_BYTES)
		fprintf(to, "\t\tquota_bytes = %lluL;\n", (ull)ns->quota_bytes);
	if (ns->set & CONFIG_QUOTA_BLOCKS)
		fprintf(to, "\t\tquota_blocks = %lluL;\n", (ull)ns->quota_blocks);
	if (ns->set & CONFIG_POOL)
		print_string("pool", ns->pool, to);
	if (ns->set & CONFIG_TTL)
		fprintf(to, "\t\tttl = %lluL;\n", (ull)ns->ttl_ms);
	if (ns->set & CONFIG_PIN_PERCENT)
		fprintf(to, "\t\tpin_percent = %llu;\n", (ull)ns->pin_percent);
	print_flash(ns, to);
	print_peers(ns, to);
	print_memory(ns, to);
	fprintf(to, "\t\tpolicy = \"%s\";\n\t}", config_policy_name(ns->policy));
}

static void print_uuid(const uint8_t *uuid, FILE *to)
{
	unsigned int i;

	fprintf(to, "\t\tuuid = \"");
	for (i = 0; i < CONFIG_UUID_LEN; i++)
		fprintf(to, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", uuid[i]);
	fprintf(to, "\";\n");
}

static void print_media(const struct config_media *m, FILE *to)
{
	fprintf(to, "\t{\n");
	print_string("name", m->name, to);
	print_string("path", m->path, to);
	if (m->set & CONFIG_UUID)
		print_uuid(m->uuid, to);
	if (m->set & CONFIG_WRITE_BUDGET && m->budget.drive_writes > 0)
		fprintf(to, "\t\twrite_budget = \"%.9f dwpd\";\n", m->budget.drive_writes);
	else if (m->set & CONFIG_WRITE_BUDGET)
		fprintf(to, "\t\twrite_budget = %lluL;\n", (ull)m->budget.bytes);
	fprintf(to, "\t}");
}

void config_print(const struct config *config, FILE *to)
{
	unsigned int i;

	print_daemon(&config->daemon, to);
	print_costs(&config->costs, to);
	print_arena(&config->arena, to);
	fprintf(to, "default_policy = \"%s\";\npools = (\n",
		config_policy_name(config->default_policy));
	for (i = 0; i < config->nr_pools; i++) {
		print_pool(&config->pools[i], to);
		fprintf(to, i + 1 < config->nr_pools ? ",\n" : "\n");
	}
	fprintf(to, ");\nnamespaces = (\n");
	for (i = 0; i < config->nr_ns; i++) {
		print_ns(&config->ns[i], to);
		fprintf(to, i + 1 < config->nr_ns ? ",\n" : "\n");
	}
	fprintf(to, ");\nmedia = (\n");
	for (i = 0; i < config->nr_media; i++) {
		print_media(&config->media[i], to);
		fprintf(to, i + 1 < config->nr_media ? ",\n" : "\n");
	}
	fprintf(to, ");\n");
	if (config->cluster.given)
		config_print_cluster(&config->cluster, to);
}
