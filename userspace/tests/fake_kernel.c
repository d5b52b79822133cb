// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <netlink/genl/genl.h>
#include <pthread.h>
#include <string.h>

#include "fake_kernel.h"

/* One request on its way */
struct request {
	struct fake_kernel *f;
	const struct knl_msg *m;
	knl_fn fn;
	void *arg;
	bool dump;
};

/* --- objects --- */

struct fake_ns *fake_add_ns(struct fake_kernel *f, const char *name)
{
	struct fake_ns *ns = &f->ns[f->nr_ns++];

	*ns = (struct fake_ns){ .id = f->nr_ns, .mode = 0600, .pin_percent = 50 };
	snprintf(ns->name, sizeof(ns->name), "%s", name);
	return ns;
}

struct fake_pool *fake_add_pool(struct fake_kernel *f, const char *name)
{
	struct fake_pool *pool = &f->pool[f->nr_pools++];

	*pool = (struct fake_pool){ .id = f->nr_pools };
	snprintf(pool->name, sizeof(pool->name), "%s", name);
	return pool;
}

struct fake_media *fake_add_media(struct fake_kernel *f, const char *name, const char *path)
{
	struct fake_media *m = &f->media[f->nr_media++];

	*m = (struct fake_media){ .id = f->nr_media, .bytes = 1 << 30 };
	snprintf(m->name, sizeof(m->name), "%s", name);
	snprintf(m->path, sizeof(m->path), "%s", path);
	memset(m->uuid, path[strlen(path) - 1], sizeof(m->uuid));
	return m;
}

struct fake_media *fake_find_media(struct fake_kernel *f, const char *name)
{
	unsigned int i;

	for (i = 0; i < f->nr_media; i++)
		if (!strcmp(f->media[i].name, name))
			return &f->media[i];
	return NULL;
}

struct fake_ns *fake_find_ns(struct fake_kernel *f, const char *name)
{
	unsigned int i;

	for (i = 0; i < f->nr_ns; i++)
		if (!strcmp(f->ns[i].name, name))
			return &f->ns[i];
	return NULL;
}

static struct fake_pool *find_pool(struct fake_kernel *f, const char *name)
{
	unsigned int i;

	for (i = 0; i < f->nr_pools; i++)
		if (!strcmp(f->pool[i].name, name))
			return &f->pool[i];
	return NULL;
}

/* The namespace that the request names */
static struct fake_ns *named_ns(struct request *r)
{
	char name[STATE_NAME_LEN];
	uint32_t id;

	if (knl_get_u32(r->m->tb[KVMEM_A_ID], &id))
		return id && id <= r->f->nr_ns ? &r->f->ns[id - 1] : NULL;
	return knl_get_string(r->m->tb[KVMEM_A_NAME], name, sizeof(name)) ?
	       fake_find_ns(r->f, name) : NULL;
}

/* --- answers --- */

static struct nl_msg *answer(struct request *r, uint32_t id, const char *name)
{
	struct nl_msg *msg = knl_request(r->m->cmd);

	if (id && !r->f->malformed)
		knl_put_u32(msg, KVMEM_A_ID, id);
	if (name)
		knl_put_string(msg, KVMEM_A_NAME, name);
	return msg;
}

static int tell(struct request *r, struct nl_msg *msg)
{
	struct nlattr *tb[KVMEM_A_MAX + 1];
	struct knl_msg m;
	int rc = 0;

	if (!knl_parse(msg, tb, &m) && r->fn)
		rc = r->fn(&m, r->arg);
	nlmsg_free(msg);
	return rc;
}

static int tell_ns(struct request *r, const struct fake_ns *ns)
{
	struct nl_msg *msg = answer(r, ns->id, ns->name);
	struct nlattr *nest;

	knl_put_u32(msg, KVMEM_A_UID, ns->uid);
	knl_put_u32(msg, KVMEM_A_GID, ns->gid);
	knl_put_u16(msg, KVMEM_A_MODE, ns->mode);
	nla_put(msg, KVMEM_A_FINGERPRINT, sizeof(ns->fingerprint), ns->fingerprint);
	knl_put_u64(msg, KVMEM_A_QUOTA_BYTES, ns->quota_bytes);
	knl_put_u64(msg, KVMEM_A_QUOTA_BLOCKS, ns->quota_blocks);
	knl_put_u32(msg, KVMEM_A_POOL_ID, ns->pool_id);
	knl_put_u32(msg, KVMEM_A_TTL_MS, ns->ttl_ms);
	knl_put_u32(msg, KVMEM_A_PIN_PERCENT, ns->pin_percent);
	knl_put_u64(msg, KVMEM_A_USED_BYTES, ns->used_bytes);
	knl_put_u64(msg, KVMEM_A_USED_BLOCKS, ns->used_blocks);
	knl_put_u32(msg, KVMEM_A_NR_FILES, ns->nr_files);
	knl_put_u8(msg, KVMEM_A_FLASH_MODE, ns->flash_mode);
	knl_put_u8(msg, KVMEM_A_REQUIRE_VERIFIED, ns->require_verified);
	knl_put_u8(msg, KVMEM_A_ALLOW_BOUNCE, ns->allow_bounce);
	knl_put_u64(msg, KVMEM_A_FLASH_QUOTA_BYTES, ns->flash_quota_bytes);
	knl_put_u8(msg, KVMEM_A_PLACEMENT, ns->placement);
	knl_put_u8(msg, KVMEM_A_COPIES, ns->copies);
	knl_put_u8(msg, KVMEM_A_PEER_SHARE, ns->peer_share);
	knl_put_u8(msg, KVMEM_A_PEER_KEEP, ns->peer_keep);
	knl_put_u64(msg, KVMEM_A_FLASH_BLOCKS, 2);
	knl_put_u64(msg, KVMEM_A_FLASH_BYTES, 8192);
	nest = nla_nest_start(msg, KVMEM_A_STATS);
	knl_put_u64(msg, KVMEM_A_STATS_HITS, ns->hits);
	nla_nest_end(msg, nest);
	return tell(r, msg);
}

static int ns_get(struct request *r)
{
	struct fake_ns *ns;
	unsigned int i;
	int rc = 0;

	if (!r->dump) {
		ns = named_ns(r);
		return ns ? tell_ns(r, ns) : -ENOENT;
	}
	for (i = 0; i < r->f->nr_ns && !rc; i++)
		rc = tell_ns(r, &r->f->ns[i]);
	return rc;
}

static int pool_get(struct request *r)
{
	struct nl_msg *msg;
	unsigned int i;
	int rc = 0;

	for (i = 0; i < r->f->nr_pools && !rc; i++) {
		const struct fake_pool *p = &r->f->pool[i];

		msg = answer(r, p->id, p->name);
		knl_put_u64(msg, KVMEM_A_QUOTA_BYTES, p->quota_bytes);
		knl_put_u64(msg, KVMEM_A_QUOTA_BLOCKS, p->quota_blocks);
		knl_put_u8(msg, KVMEM_A_SHARE, p->share);
		rc = tell(r, msg);
	}
	return rc;
}

static int media_get(struct request *r)
{
	struct nl_msg *msg;
	struct nlattr *nest;
	unsigned int i;
	int rc = 0;

	if (r->f->no_media)
		return -EOPNOTSUPP;
	for (i = 0; i < r->f->nr_media && !rc; i++) {
		const struct fake_media *m = &r->f->media[i];

		msg = answer(r, m->id, m->name);
		knl_put_string(msg, KVMEM_A_PATH, m->path);
		nla_put(msg, KVMEM_A_UUID, sizeof(m->uuid), m->uuid);
		knl_put_u8(msg, KVMEM_A_STATE, KVMEM_MEDIA_STATE_LIVE);
		knl_put_u64(msg, KVMEM_A_WRITE_BUDGET, m->write_budget);
		nest = nla_nest_start(msg, KVMEM_A_MEDIA);
		knl_put_u64(msg, KVMEM_A_MEDIA_BYTES, m->bytes);
		nla_nest_end(msg, nest);
		rc = tell(r, msg);
	}
	return rc;
}

static int stats_get(struct request *r)
{
	struct nl_msg *msg = answer(r, 0, NULL);
	struct nlattr *nest;

	knl_put_string(msg, KVMEM_A_VERSION, "fake");
	knl_put_u32(msg, KVMEM_A_NR_NAMESPACES, r->f->nr_ns);
	nest = nla_nest_start(msg, KVMEM_A_ARENA);
	knl_put_u64(msg, KVMEM_A_ARENA_TARGET, r->f->target);
	knl_put_u64(msg, KVMEM_A_ARENA_LIMIT, r->f->target);
	knl_put_u64(msg, KVMEM_A_ARENA_FLOOR, r->f->floor);
	nla_nest_end(msg, nest);
	return tell(r, msg);
}

/* One class that was hit as often as the namespace */
static int hist_get(struct request *r)
{
	uint64_t ages[KVMEM_NL_NR_AGES] = { 0 };
	struct fake_ns *ns = named_ns(r);
	struct nl_msg *msg;
	struct nlattr *nest;

	if (!ns)
		return -ENOENT;
	ages[3] = ns->hits;
	msg = answer(r, ns->id, ns->name);
	nest = nla_nest_start(msg, KVMEM_A_HIST);
	knl_put_u32(msg, KVMEM_A_HIST_CLASS, 1);
	nla_put(msg, KVMEM_A_HIST_HITS, sizeof(ages), ages);
	nla_put(msg, KVMEM_A_HIST_EVICTIONS, sizeof(ages), ages);
	nla_put(msg, KVMEM_A_HIST_GHOST_HITS, sizeof(ages), ages);
	nla_nest_end(msg, nest);
	return tell(r, msg);
}

static int table_get(struct request *r)
{
	struct fake_ns *ns = named_ns(r);
	struct nl_msg *msg;
	struct nlattr *nest;
	uint32_t c;

	if (!ns)
		return -ENOENT;
	msg = answer(r, ns->id, ns->name);
	for (c = 0; c < KVMEM_NL_NR_CLASSES; c++) {
		nest = nla_nest_start(msg, KVMEM_A_VALUE_TABLE);
		knl_put_u32(msg, KVMEM_A_VALUES_CLASS, c);
		nla_put(msg, KVMEM_A_VALUES_VALUES, sizeof(ns->table.value[c]),
			ns->table.value[c]);
		nla_nest_end(msg, nest);
	}
	knl_put_u8(msg, KVMEM_A_ORDER, ns->table.order);
	knl_put_u32(msg, KVMEM_A_SAMPLE_ONE_IN, ns->table.one_in);
	knl_put_u8(msg, KVMEM_A_HINTED, ns->hinted);
	return tell(r, msg);
}

/* --- changes --- */

static void set_ns(struct fake_ns *ns, struct nlattr **tb)
{
	knl_get_u32(tb[KVMEM_A_UID], &ns->uid);
	knl_get_u32(tb[KVMEM_A_GID], &ns->gid);
	knl_get_u16(tb[KVMEM_A_MODE], &ns->mode);
	knl_get_binary(tb[KVMEM_A_FINGERPRINT], ns->fingerprint, sizeof(ns->fingerprint));
	knl_get_u64(tb[KVMEM_A_QUOTA_BYTES], &ns->quota_bytes);
	knl_get_u64(tb[KVMEM_A_QUOTA_BLOCKS], &ns->quota_blocks);
	knl_get_u32(tb[KVMEM_A_TTL_MS], &ns->ttl_ms);
	knl_get_u32(tb[KVMEM_A_PIN_PERCENT], &ns->pin_percent);
	knl_get_u8(tb[KVMEM_A_FLASH_MODE], &ns->flash_mode);
	knl_get_u8(tb[KVMEM_A_REQUIRE_VERIFIED], &ns->require_verified);
	knl_get_u8(tb[KVMEM_A_ALLOW_BOUNCE], &ns->allow_bounce);
	knl_get_u64(tb[KVMEM_A_FLASH_QUOTA_BYTES], &ns->flash_quota_bytes);
	knl_get_u8(tb[KVMEM_A_PLACEMENT], &ns->placement);
	knl_get_u8(tb[KVMEM_A_COPIES], &ns->copies);
	knl_get_u8(tb[KVMEM_A_PEER_SHARE], &ns->peer_share);
	knl_get_u8(tb[KVMEM_A_PEER_KEEP], &ns->peer_keep);
}

static int ns_new(struct request *r)
{
	char name[STATE_NAME_LEN], pool_name[STATE_NAME_LEN];
	struct fake_pool *pool = NULL;
	struct fake_ns *ns;

	if (!knl_get_string(r->m->tb[KVMEM_A_NAME], name, sizeof(name)))
		return -EINVAL;
	if (fake_find_ns(r->f, name))
		return -EEXIST;
	if (knl_get_string(r->m->tb[KVMEM_A_POOL_NAME], pool_name, sizeof(pool_name))) {
		pool = find_pool(r->f, pool_name);
		if (!pool)
			return -ENOENT;
	}
	ns = fake_add_ns(r->f, name);
	ns->uid = ns->gid = 4711;	/* the sender */
	ns->pool_id = pool ? pool->id : 0;
	set_ns(ns, r->m->tb);
	return 0;
}

static int ns_set(struct request *r)
{
	struct fake_ns *ns = named_ns(r);

	if (!ns)
		return -ENOENT;
	if (r->m->tb[KVMEM_A_FINGERPRINT] && ns->used_blocks)
		return -EBUSY;
	if (r->m->tb[KVMEM_A_POOL_NAME])
		return -EINVAL;
	set_ns(ns, r->m->tb);
	return 0;
}

static int pool_change(struct request *r)
{
	char name[STATE_NAME_LEN];
	struct fake_pool *pool;

	if (!knl_get_string(r->m->tb[KVMEM_A_NAME], name, sizeof(name)))
		return -EINVAL;
	pool = find_pool(r->f, name);
	if ((r->m->cmd == KVMEM_CMD_POOL_NEW) == !!pool)
		return pool ? -EEXIST : -ENOENT;
	if (!pool)
		pool = fake_add_pool(r->f, name);
	knl_get_u64(r->m->tb[KVMEM_A_QUOTA_BYTES], &pool->quota_bytes);
	knl_get_u64(r->m->tb[KVMEM_A_QUOTA_BLOCKS], &pool->quota_blocks);
	knl_get_u8(r->m->tb[KVMEM_A_SHARE], &pool->share);
	return 0;
}

static int media_attach(struct request *r)
{
	char name[STATE_NAME_LEN], path[STATE_PATH_LEN];
	uint8_t uuid[STATE_UUID_LEN];
	struct fake_media *m;
	unsigned int i;

	if (!knl_get_string(r->m->tb[KVMEM_A_NAME], name, sizeof(name)) ||
	    !knl_get_string(r->m->tb[KVMEM_A_PATH], path, sizeof(path)))
		return -EINVAL;
	for (i = 0; i < r->f->nr_media; i++)
		if (!strcmp(r->f->media[i].name, name) || !strcmp(r->f->media[i].path, path))
			return -EEXIST;
	m = fake_add_media(r->f, name, path);
	if (!knl_get_binary(r->m->tb[KVMEM_A_UUID], uuid, sizeof(uuid)) ||
	    !memcmp(uuid, m->uuid, sizeof(uuid)))
		return 0;
	r->f->nr_media--;
	return -EMEDIUMTYPE;
}

static int media_set(struct request *r)
{
	uint32_t id;

	if (!knl_get_u32(r->m->tb[KVMEM_A_ID], &id) || !id || id > r->f->nr_media)
		return -ENOENT;
	return knl_get_u64(r->m->tb[KVMEM_A_WRITE_BUDGET],
			   &r->f->media[id - 1].write_budget) ? 0 : -EINVAL;
}

static int arena_set(struct request *r)
{
	struct nlattr *tb[KVMEM_A_ARENA_MAX + 1];

	if (!r->m->tb[KVMEM_A_ARENA] ||
	    nla_parse_nested(tb, KVMEM_A_ARENA_MAX, r->m->tb[KVMEM_A_ARENA], NULL) < 0)
		return -EINVAL;
	knl_get_u64(tb[KVMEM_A_ARENA_TARGET], &r->f->target);
	knl_get_u64(tb[KVMEM_A_ARENA_FLOOR], &r->f->floor);
	return 0;
}

/* Every class must come, and nothing that is not of the command. */
static int table_set(struct request *r)
{
	struct nlattr *tb[KVMEM_A_VALUES_MAX + 1], *nla;
	struct fake_ns *ns = named_ns(r);
	int rem, n = 0;
	uint32_t c;

	if (!ns)
		return -ENOENT;
	if (r->m->tb[KVMEM_A_LRU])
		return -EINVAL;
	nla_for_each_attr(nla, r->m->head, r->m->len, rem) {
		if (nla_type(nla) != KVMEM_A_VALUE_TABLE)
			continue;
		if (nla_parse_nested(tb, KVMEM_A_VALUES_MAX, nla, NULL) < 0 ||
		    !knl_get_u32(tb[KVMEM_A_VALUES_CLASS], &c) || c >= KVMEM_NL_NR_CLASSES ||
		    !knl_get_binary(tb[KVMEM_A_VALUES_VALUES], ns->table.value[c],
				    sizeof(ns->table.value[c])))
			return -EINVAL;
		n++;
	}
	if (n != KVMEM_NL_NR_CLASSES ||
	    !knl_get_u8(r->m->tb[KVMEM_A_ORDER], &ns->table.order) ||
	    !knl_get_u32(r->m->tb[KVMEM_A_SAMPLE_ONE_IN], &ns->table.one_in))
		return -EINVAL;
	return 0;
}

/* --- requests --- */

static int carry_out(struct request *r)
{
	switch (r->m->cmd) {
	case KVMEM_CMD_NS_GET:
		return ns_get(r);
	case KVMEM_CMD_NS_NEW:
		return ns_new(r);
	case KVMEM_CMD_NS_SET:
		return ns_set(r);
	case KVMEM_CMD_POOL_GET:
		return pool_get(r);
	case KVMEM_CMD_POOL_NEW:
	case KVMEM_CMD_POOL_SET:
		return pool_change(r);
	case KVMEM_CMD_STATS_GET:
		return stats_get(r);
	case KVMEM_CMD_LATENCY_GET:
		return 0;
	case KVMEM_CMD_HIST_GET:
		return hist_get(r);
	case KVMEM_CMD_TABLE_GET:
		return table_get(r);
	case KVMEM_CMD_TABLE_SET:
		return table_set(r);
	case KVMEM_CMD_ARENA_SET:
		return arena_set(r);
	case KVMEM_CMD_MEDIA_GET:
		return media_get(r);
	case KVMEM_CMD_MEDIA_ATTACH:
		return media_attach(r);
	case KVMEM_CMD_MEDIA_SET:
		return media_set(r);
	default:
		return fake_cluster_call(r->f, r->m, r->fn, r->arg, r->dump);
	}
}

/* Attaches come from threads of their own. */
static pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t fake_changed = PTHREAD_COND_INITIALIZER;

/* Caller holds fake_lock, which others have meanwhile. */
static void hang(struct fake_kernel *f, const struct knl_msg *m)
{
	char path[STATE_PATH_LEN] = "";

	knl_get_string(m->tb[KVMEM_A_PATH], path, sizeof(path));
	if (strcmp(path, f->hang))
		return;
	f->hanging = true;
	while (f->hang)
		pthread_cond_wait(&fake_changed, &fake_lock);
	f->hanging = false;
}

void fake_answer(struct fake_kernel *f)
{
	pthread_mutex_lock(&fake_lock);
	f->hang = NULL;
	pthread_cond_broadcast(&fake_changed);
	while (f->hanging)
		pthread_cond_wait(&fake_changed, &fake_lock);
	pthread_mutex_unlock(&fake_lock);
}

static int handle(struct kernel *k, struct nl_msg *msg, knl_fn fn, void *arg, bool dump,
		  struct knl_error *e)
{
	struct fake_kernel *f = (struct fake_kernel *)k;
	struct nlattr *tb[KVMEM_A_MAX + 1];
	struct knl_msg m;
	struct request r = { .f = f, .m = &m, .fn = fn, .arg = arg, .dump = dump };
	int rc = -EINVAL;

	if (f->gone) {
		*e = (struct knl_error){ .fault = KNL_NO_MODULE };
		return -1;
	}
	if (!knl_parse(msg, tb, &m)) {
		pthread_mutex_lock(&fake_lock);
		f->calls[m.cmd]++;
		if (f->hang && m.cmd == KVMEM_CMD_MEDIA_ATTACH)
			hang(f, &m);
		rc = m.cmd == f->fail_cmd ? -f->fail_err : carry_out(&r);
		if (m.cmd == KVMEM_CMD_MEDIA_ATTACH)
			pthread_cond_broadcast(&fake_changed);
		pthread_mutex_unlock(&fake_lock);
	}
	if (rc >= 0)
		return rc;
	*e = (struct knl_error){ .fault = KNL_REFUSED, .err = -rc };
	return -1;
}

static int fake_call(struct kernel *k, struct nl_msg *msg, knl_fn fn, void *arg,
		     struct knl_error *e)
{
	return handle(k, msg, fn, arg, false, e);
}

static int fake_attach(struct kernel *k, struct nl_msg *msg, struct knl_error *e)
{
	return handle(k, msg, NULL, NULL, false, e);
}

static int fake_dump(struct kernel *k, struct nl_msg *msg, knl_fn fn,
		     void (*restart)(void *arg), void *arg, struct knl_error *e)
{
	struct fake_kernel *f = (struct fake_kernel *)k;
	int rc = handle(k, msg, fn, arg, true, e);

	for (; !rc && f->changing; f->changing--) {
		restart(arg);
		rc = handle(k, msg, fn, arg, true, e);
	}
	return rc;
}

void fake_kernel_init(struct fake_kernel *f)
{
	static const struct kernel_ops ops = { fake_call, fake_dump, fake_attach };

	memset(f, 0, sizeof(*f));
	f->kernel.ops = &ops;
	f->target = 64 << 20;
}
