// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "daemon/config_internal.h"
#include "daemon/metrics.h"
#include "daemon/policy.h"

/* --- keys --- */

#define KEY(type, member)	offsetof(struct type, member)

static const struct config_key daemon_keys[] = {
	{ "metrics", CONFIG_T_TEXT, KEY(config_daemon, metrics), 0, 0, 64 },
	{ "socket", CONFIG_T_PATH, KEY(config_daemon, socket), 0, 0,
	  sizeof(((struct config_daemon *)0)->socket) },
	{ "socket_group", CONFIG_T_GROUP, KEY(config_daemon, socket_group), CONFIG_SOCKET_GROUP,
	  0, 0 },
	{ "poll_ms", CONFIG_T_COUNT, KEY(config_daemon, poll_ms), 0, 10, 10000 },
	{ "log_level", CONFIG_T_LEVEL, KEY(config_daemon, log_level), 0, 0, 0 },
	{ NULL, 0, 0, 0, 0, 0 }
};

static const struct config_key cost_keys[] = {
	{ "prefill_tokens_per_second", CONFIG_T_REAL,
	  KEY(report_costs, prefill_tokens_per_second), 0, 0, 1000000000000 },
	{ "bytes_per_token", CONFIG_T_REAL, KEY(report_costs, bytes_per_token), 0, 0,
	  1000000000000 },
	{ "gpu_cost_per_hour", CONFIG_T_REAL, KEY(report_costs, gpu_cost_per_hour), 0, 0,
	  1000000000000 },
	{ "currency", CONFIG_T_TEXT, KEY(report_costs, currency), 0, 0,
	  sizeof(((struct report_costs *)0)->currency) },
	{ NULL, 0, 0, 0, 0, 0 }
};

static const struct config_key arena_keys[] = {
	{ "size", CONFIG_T_SIZE_OF_RAM, KEY(config_arena, size), CONFIG_SIZE, CONFIG_CHUNK, 0 },
	{ "floor", CONFIG_T_SIZE_OF_RAM, KEY(config_arena, floor), CONFIG_FLOOR, 0, 0 },
	{ NULL, 0, 0, 0, 0, 0 }
};

static const struct config_key pool_keys[] = {
	{ "name", CONFIG_T_NAME, KEY(config_pool, name), CONFIG_NAME, 0, 0 },
	{ "quota_bytes", CONFIG_T_SIZE, KEY(config_pool, quota_bytes), CONFIG_QUOTA_BYTES, 0, 0 },
	{ "quota_blocks", CONFIG_T_COUNT, KEY(config_pool, quota_blocks), CONFIG_QUOTA_BLOCKS,
	  0, INT64_MAX },
	{ "share", CONFIG_T_BOOL, KEY(config_pool, share), CONFIG_SHARE, 0, 0 },
	{ NULL, 0, 0, 0, 0, 0 }
};

static const struct config_key ns_keys[] = {
	{ "name", CONFIG_T_NAME, KEY(config_ns, name), CONFIG_NAME, 0, 0 },
	{ "uid", CONFIG_T_USER, KEY(config_ns, uid), CONFIG_UID, 0, 0 },
	{ "user", CONFIG_T_USER, KEY(config_ns, uid), CONFIG_UID, 0, 0 },
	{ "gid", CONFIG_T_GROUP, KEY(config_ns, gid), CONFIG_GID, 0, 0 },
	{ "group", CONFIG_T_GROUP, KEY(config_ns, gid), CONFIG_GID, 0, 0 },
	{ "mode", CONFIG_T_MODE, KEY(config_ns, mode), CONFIG_MODE, 0, 0 },
	{ "fingerprint", CONFIG_T_FINGERPRINT, KEY(config_ns, fingerprint), CONFIG_FINGERPRINT,
	  0, 0 },
	{ "quota_bytes", CONFIG_T_SIZE, KEY(config_ns, quota_bytes), CONFIG_QUOTA_BYTES, 0, 0 },
	{ "quota_blocks", CONFIG_T_COUNT, KEY(config_ns, quota_blocks), CONFIG_QUOTA_BLOCKS,
	  0, INT64_MAX },
	{ "pool", CONFIG_T_NAME, KEY(config_ns, pool), CONFIG_POOL, 0, 0 },
	{ "ttl", CONFIG_T_DURATION, KEY(config_ns, ttl_ms), CONFIG_TTL, 0, UINT32_MAX },
	{ "pin_percent", CONFIG_T_COUNT, KEY(config_ns, pin_percent), CONFIG_PIN_PERCENT, 0, 100 },
	{ "policy", CONFIG_T_POLICY, KEY(config_ns, policy), CONFIG_POLICY, 0, 0 },
	{ "flash", CONFIG_T_FLASH, 0, 0, 0, 0 },
	{ "placement", CONFIG_T_PLACEMENT, KEY(config_ns, placement), CONFIG_PLACEMENT, 0, 0 },
	{ "copies", CONFIG_T_COUNT, KEY(config_ns, copies), CONFIG_COPIES, 1, KVMEM_MAX_COPIES },
	{ "peer_share", CONFIG_T_BOOL, KEY(config_ns, peer_share), CONFIG_PEER_SHARE, 0, 0 },
	{ "peer_keep", CONFIG_T_BOOL, KEY(config_ns, peer_keep), CONFIG_PEER_KEEP, 0, 0 },
	{ "require_verified", CONFIG_T_BOOL, KEY(config_ns, require_verified), CONFIG_VERIFIED,
	  0, 0 },
	{ "allow_bounce", CONFIG_T_BOOL, KEY(config_ns, allow_bounce), CONFIG_BOUNCE, 0, 0 },
	{ NULL, 0, 0, 0, 0, 0 }
};

static const struct config_key flash_keys[] = {
	{ "mode", CONFIG_T_FLASH_MODE, KEY(config_ns, flash_mode), CONFIG_FLASH_MODE, 0, 0 },
	{ "quota", CONFIG_T_SIZE, KEY(config_ns, flash_quota_bytes), CONFIG_FLASH_QUOTA, 0, 0 },
	{ NULL, 0, 0, 0, 0, 0 }
};

static const struct config_key media_keys[] = {
	{ "name", CONFIG_T_MEDIA_NAME, KEY(config_media, name), CONFIG_NAME, 0, 0 },
	{ "path", CONFIG_T_MEDIA_PATH, KEY(config_media, path), CONFIG_PATH, 0, CONFIG_MAX_PATH },
	{ "uuid", CONFIG_T_UUID, KEY(config_media, uuid), CONFIG_UUID, 0, 0 },
	{ "write_budget", CONFIG_T_BUDGET, KEY(config_media, budget), CONFIG_WRITE_BUDGET,
	  1 << 20, 1ULL << 50 },
	{ NULL, 0, 0, 0, 0, 0 }
};

static const struct config_key default_policy_key = {
	"default_policy", CONFIG_T_POLICY, KEY(config, default_policy), 0, 0, 0
};

/* --- errors --- */

void config_error(struct config_reader *r, int line, const char *fmt, ...)
{
	char message[512];
	va_list ap;
	int n;

	n = snprintf(message, sizeof(message), line ? "%s:%d: " : "%s: ", r->file, line);
	if (n < 0 || n >= (int)sizeof(message))
		n = 0;
	va_start(ap, fmt);
	vsnprintf(message + n, sizeof(message) - (size_t)n, fmt, ap);
	va_end(ap);
	r->errors++;
	r->fn(r->arg, message);
}

static int line_of(const config_setting_t *setting)
{
	return (int)config_setting_source_line(setting);
}

/* --- groups --- */

static const struct config_key *find_key(const struct config_key *keys, const char *name)
{
	for (; keys->name; keys++)
		if (!strcmp(keys->name, name))
			return keys;
	return NULL;
}

bool config_want_group(struct config_reader *r, const config_setting_t *setting,
		       const char *name)
{
	if (config_setting_is_group(setting))
		return true;
	config_error(r, line_of(setting), "%s: want a group, { ... }", name);
	return false;
}

void config_read_group(struct config_reader *r, const config_setting_t *group,
		       const struct config_key *keys, void *base, uint32_t *set)
{
	const struct config_key *key;
	config_setting_t *child;
	int i;

	for (i = 0; i < config_setting_length(group); i++) {
		child = config_setting_get_elem(group, (unsigned int)i);
		key = find_key(keys, config_setting_name(child));
		if (!key) {
			config_error(r, line_of(child), "unknown key \"%s\"",
				     config_setting_name(child));
			continue;
		}
		if (set && key->bit & *set)
			config_error(r, line_of(child), "%s: the same setting is given twice",
				     key->name);
		if (set)
			*set |= key->bit;
		if (key->type != CONFIG_T_FLASH)
			config_value(r, child, key, base);
		else if (config_want_group(r, child, key->name))
			config_read_group(r, child, flash_keys, base, set);
	}
}

static void read_daemon(struct config_reader *r, config_setting_t *setting, struct config *c)
{
	if (config_want_group(r, setting, "daemon"))
		config_read_group(r, setting, daemon_keys, &c->daemon, &c->daemon.set);
}

static void read_costs(struct config_reader *r, config_setting_t *setting, struct config *c)
{
	if (config_want_group(r, setting, "costs"))
		config_read_group(r, setting, cost_keys, &c->costs, NULL);
}

static void read_arena(struct config_reader *r, config_setting_t *setting, struct config *c)
{
	struct config_arena *arena = &c->arena;
	unsigned int errors = r->errors;

	if (!config_want_group(r, setting, "arena"))
		return;
	config_read_group(r, setting, arena_keys, arena, &arena->set);
	if (errors == r->errors && arena->set & CONFIG_SIZE && arena->floor > arena->size)
		config_error(r, line_of(setting), "arena: the floor is above the size");
}

/* --- lists of groups --- */

void *config_new_list(struct config_reader *r, const config_setting_t *setting,
		      const char *name, unsigned int max, size_t size, unsigned int *n)
{
	/* "[ ]" is empty too; an array with something in it has no groups. */
	int length = config_setting_length(setting);
	void *list;

	*n = 0;
	if (!config_setting_is_list(setting) && (!config_setting_is_array(setting) || length)) {
		config_error(r, line_of(setting), "%s: want a list of groups, ( { ... }, ... )",
			     name);
		return NULL;
	}
	if ((unsigned int)length > max) {
		config_error(r, line_of(setting), "%s: more than %u", name, max);
		return NULL;
	}
	list = calloc((size_t)length + 1, size);
	if (list)
		*n = (unsigned int)length;
	else
		config_error(r, line_of(setting), "out of memory");
	return list;
}

static void want_name(struct config_reader *r, int line, const char *what, uint32_t set)
{
	if (!(set & CONFIG_NAME))
		config_error(r, line, "a %s without a name", what);
}

static void read_pool(struct config_reader *r, const config_setting_t *group,
		      struct config_pool *pool)
{
	pool->line = line_of(group);
	if (!config_want_group(r, group, "pools"))
		return;
	config_read_group(r, group, pool_keys, pool, &pool->set);
	want_name(r, pool->line, "pool", pool->set);
}

static void read_pools(struct config_reader *r, config_setting_t *setting, struct config *c)
{
	unsigned int i, j;

	c->pools = config_new_list(r, setting, "pools", CONFIG_MAX_POOLS, sizeof(*c->pools),
			    &c->nr_pools);
	for (i = 0; i < c->nr_pools; i++) {
		read_pool(r, config_setting_get_elem(setting, i), &c->pools[i]);
		for (j = 0; j < i && *c->pools[i].name; j++)
			if (!strcmp(c->pools[i].name, c->pools[j].name))
				config_error(r, c->pools[i].line,
					     "a second pool \"%s\"; the first is in line %d",
					     c->pools[i].name, c->pools[j].line);
	}
}

static void read_ns(struct config_reader *r, const config_setting_t *group,
		    struct config_ns *ns)
{
	ns->line = line_of(group);
	ns->policy = POLICY_ADAPTIVE;
	if (!config_want_group(r, group, "namespaces"))
		return;
	config_read_group(r, group, ns_keys, ns, &ns->set);
	want_name(r, ns->line, "namespace", ns->set);
}

static void read_namespaces(struct config_reader *r, config_setting_t *setting,
			    struct config *c)
{
	unsigned int i, j;

	c->ns = config_new_list(r, setting, "namespaces", CONFIG_MAX_NAMESPACES, sizeof(*c->ns),
			 &c->nr_ns);
	for (i = 0; i < c->nr_ns; i++) {
		read_ns(r, config_setting_get_elem(setting, i), &c->ns[i]);
		for (j = 0; j < i && *c->ns[i].name; j++)
			if (!strcmp(c->ns[i].name, c->ns[j].name))
				config_error(r, c->ns[i].line,
					     "a second namespace \"%s\"; the first is in line %d",
					     c->ns[i].name, c->ns[j].line);
	}
}

static void read_one_media(struct config_reader *r, const config_setting_t *group,
			   struct config_media *media)
{
	media->line = line_of(group);
	if (!config_want_group(r, group, "media"))
		return;
	config_read_group(r, group, media_keys, media, &media->set);
	want_name(r, media->line, "media", media->set);
	if (!(media->set & CONFIG_PATH))
		config_error(r, media->line, "a media without a path");
}

/* What two media cannot have in common, or NULL */
static const char *same_media(const struct config_media *a, const struct config_media *b)
{
	if (*a->name && !strcmp(a->name, b->name))
		return "name";
	if (*a->path && !strcmp(a->path, b->path))
		return "path";
	if (a->set & b->set & CONFIG_UUID && !memcmp(a->uuid, b->uuid, sizeof(a->uuid)))
		return "uuid";
	return NULL;
}

static void read_media(struct config_reader *r, config_setting_t *setting, struct config *c)
{
	const char *same;
	unsigned int i, j;

	c->media = config_new_list(r, setting, "media", CONFIG_MAX_MEDIA, sizeof(*c->media),
			    &c->nr_media);
	for (i = 0; i < c->nr_media; i++) {
		read_one_media(r, config_setting_get_elem(setting, i), &c->media[i]);
		for (j = 0; j < i; j++) {
			same = same_media(&c->media[i], &c->media[j]);
			if (same)
				config_error(r, c->media[i].line,
					     "a second media with the %s of that in line %d",
					     same, c->media[j].line);
		}
	}
}

/* --- what was announced under another name --- */

static bool is_empty(const config_setting_t *setting)
{
	return config_setting_is_aggregate(setting) && !config_setting_length(setting);
}

static void refuse_membership(struct config_reader *r, config_setting_t *setting,
			      struct config *c)
{
	(void)c;
	if (!is_empty(setting))
		config_error(r, line_of(setting),
			     "membership: is a key of the section \"cluster\"; want an empty list");
}

/* --- the whole --- */

static void read_default_policy(struct config_reader *r, config_setting_t *setting,
				struct config *c)
{
	config_value(r, setting, &default_policy_key, c);
}

static void read_section(struct config_reader *r, config_setting_t *setting, struct config *c)
{
	static const struct {
		const char *name;
		void (*read)(struct config_reader *r, config_setting_t *setting,
			     struct config *c);
	} sections[] = {
		{ "daemon", read_daemon },
		{ "costs", read_costs },
		{ "arena", read_arena },
		{ "pools", read_pools },
		{ "namespaces", read_namespaces },
		{ "default_policy", read_default_policy },
		{ "media", read_media },
		{ "cluster", config_read_cluster },
		{ "membership", refuse_membership },
	};
	const char *name = config_setting_name(setting);
	size_t i;

	for (i = 0; i < sizeof(sections) / sizeof(*sections); i++)
		if (!strcmp(name, sections[i].name)) {
			sections[i].read(r, setting, c);
			return;
		}
	config_error(r, line_of(setting), "unknown section \"%s\"", name);
}

/* Only now: "pools" may come after "namespaces". */
static void check_pools(struct config_reader *r, const struct config *c)
{
	unsigned int i;

	for (i = 0; i < c->nr_ns; i++)
		if (*c->ns[i].pool && !config_find_pool(c, c->ns[i].pool))
			config_error(r, c->ns[i].line,
				     "namespace \"%s\": there is no pool \"%s\" in this file",
				     c->ns[i].name, c->ns[i].pool);
}

static struct config *defaults(void)
{
	struct config *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	*c = (struct config){
		.daemon = {
			.metrics = METRICS_DEFAULT_ADDRESS,
			.socket = "/run/kvmem/kvmemd.sock",
			.poll_ms = 50,
			.log_level = LOG_INFO,
		},
		.costs = { .currency = "USD" },
		.default_policy = POLICY_ADAPTIVE,
	};
	config_default_cluster(&c->cluster);
	return c;
}

static void read_text(struct config_reader *r, const char *text, struct config *c)
{
	config_setting_t *root;
	config_t lib;
	int i;

	config_init(&lib);
	if (!config_read_string(&lib, text)) {
		config_error(r, config_error_line(&lib), "%s", config_error_text(&lib));
	} else {
		root = config_root_setting(&lib);
		for (i = 0; i < config_setting_length(root); i++)
			read_section(r, config_setting_get_elem(root, (unsigned int)i), c);
		check_pools(r, c);
	}
	config_destroy(&lib);
}

struct config *config_parse(const char *name, const char *text, size_t len,
			    config_error_fn fn, void *arg)
{
	struct config_reader r = { .file = name, .fn = fn, .arg = arg };
	struct config *c = defaults();
	char *scanned = NULL;

	if (!c)
		config_error(&r, 0, "out of memory");
	else
		scanned = config_scan(&r, text, len);
	if (scanned)
		read_text(&r, scanned, c);
	free(scanned);
	if (!r.errors)
		return c;
	config_free(c);
	return NULL;
}

char *config_slurp(struct config_reader *r, size_t *len)
{
	char *text = malloc(CONFIG_MAX_FILE + 1);
	FILE *f = text ? fopen(r->file, "re") : NULL;
	unsigned int errors = r->errors;

	if (!f) {
		config_error(r, 0, "%s", strerror(errno));
		free(text);
		return NULL;
	}
	*len = fread(text, 1, CONFIG_MAX_FILE + 1, f);
	if (ferror(f))
		config_error(r, 0, "%s", strerror(errno));
	else if (*len > CONFIG_MAX_FILE)
		config_error(r, 0, "is larger than %d MiB", CONFIG_MAX_FILE >> 20);
	fclose(f);
	if (r->errors == errors)
		return text;
	free(text);
	return NULL;
}

struct config *config_load(const char *path, config_error_fn fn, void *arg)
{
	struct config_reader r = { .file = path, .fn = fn, .arg = arg };
	struct config *c;
	size_t n;
	char *text = config_slurp(&r, &n);

	if (!text)
		return NULL;
	c = config_parse(path, text, n, fn, arg);
	free(text);
	return c;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	free(config->pools);
	free(config->ns);
	free(config->media);
	free(config);
}

const struct config_ns *config_find_ns(const struct config *config, const char *name)
{
	unsigned int i;

	for (i = 0; i < config->nr_ns; i++)
		if (!strcmp(config->ns[i].name, name))
			return &config->ns[i];
	return NULL;
}

const struct config_pool *config_find_pool(const struct config *config, const char *name)
{
	unsigned int i;

	for (i = 0; i < config->nr_pools; i++)
		if (!strcmp(config->pools[i].name, name))
			return &config->pools[i];
	return NULL;
}
