// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/log.h"
#include "daemon/reconcile.h"

/**
 * struct run - one reconciliation
 * @by_name: the namespaces that are there, sorted; @nr of them
 * @now: CLOCK_MONOTONIC ns
 * @err: the kernel cannot be talked to; it is over
 */
struct run {
	struct reconcile *r;
	struct kernel *k;
	struct state *state;
	const struct config *config;
	const struct state_ns **by_name;
	size_t nr;
	uint64_t now;
	int err;
};

/**
 * struct change - a request that is being put together
 * @set: settings that are described
 * @n: how many came in
 * @keys: their names
 * @err: no room
 */
struct change {
	struct nl_msg *msg;
	uint32_t set;
	unsigned int n;
	char keys[256];
	int err;
};

/* --- complaints --- */

/* FNV-1a */
static uint64_t hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3;
	return h;
}

static bool said_before(const struct reconcile *r, uint64_t h)
{
	size_t i;

	for (i = 0; i < r->nr_before; i++)
		if (r->before[i] == h)
			return true;
	return false;
}

static void remember(struct reconcile *r, uint64_t h)
{
	uint64_t *more = realloc(r->complaints, (r->nr_complaints + 1) * sizeof(*more));

	/* Not remembered: it is said once more. */
	if (!more)
		return;
	r->complaints = more;
	more[r->nr_complaints++] = h;
}

__attribute__((format(printf, 3, 4)))
static void complain(struct reconcile *r, const char *name, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	uint64_t h;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	h = hash(text);
	if (!said_before(r, h))
		log_ns(LOG_WARNING, name, "reconcile", "%s", text);
	remember(r, h);
}

void reconcile_reset(struct reconcile *r)
{
	struct attach_job *attaching = r->attaching;

	free(r->complaints);
	free(r->before);
	memset(r, 0, sizeof(*r));
	r->attaching = attaching;
}

void reconcile_end(struct reconcile *r)
{
	attach_leave(&r->attaching);
	reconcile_reset(r);
}

static void start(struct reconcile *r)
{
	free(r->before);
	r->before = r->complaints;
	r->nr_before = r->nr_complaints;
	r->complaints = NULL;
	r->nr_complaints = 0;
	r->created = r->changed = r->failed = r->left = 0;
	r->retry_at = 0;
}

void reconcile_forget_tries(struct reconcile *r)
{
	r->nr_tries = 0;
	r->retry_at = 0;
}

/* --- requests --- */

static struct change begin(int cmd, uint32_t set)
{
	return (struct change){ .msg = knl_request(cmd), .set = set };
}

/* Whether the setting @bit is to be put, because @differs. */
static bool wanted(struct change *c, uint32_t bit, const char *key, bool differs)
{
	size_t n = strlen(c->keys);

	if (!c->msg || !(c->set & bit) || !differs)
		return false;
	snprintf(c->keys + n, sizeof(c->keys) - n, "%s%s", c->n ? ", " : "", key);
	c->n++;
	return true;
}

/* True: done.  @what is the object, for messages. */
static bool carry_out(struct run *run, struct change *c, const char *what, const char *name)
{
	int err;

	if (c->err) {
		nlmsg_free(c->msg);
		c->msg = NULL;
	}
	err = kernel_call(run->k, c->msg, NULL, NULL);
	if (!err)
		return true;
	if (run->k->error.fault == KNL_REFUSED) {
		run->r->failed++;
		complain(run->r, name, "%s %s: %s%s%s", what, name, c->keys, *c->keys ? ": " : "",
			 kernel_error(run->k));
	} else {
		run->err = err;
	}
	return false;
}

static void create(struct run *run, struct change *c, const char *what, const char *name)
{
	if (!carry_out(run, c, what, name))
		return;
	run->r->created++;
	log_ns(LOG_NOTICE, name, "created", "%s %s: created", what, name);
}

/* Nothing is sent when nothing differs. */
static void change(struct run *run, struct change *c, const char *what, const char *name)
{
	if (c->msg && !c->n) {
		nlmsg_free(c->msg);
		return;
	}
	if (!carry_out(run, c, what, name))
		return;
	run->r->changed++;
	log_ns(LOG_NOTICE, name, "changed", "%s %s: set as configured: %s", what, name, c->keys);
}

/* --- arena --- */

static void put_arena_size(struct change *c, int attr, uint32_t bit, const char *key,
			   uint64_t want, uint64_t have)
{
	if (wanted(c, bit, key, want != have))
		c->err |= knl_put_u64(c->msg, attr, want);
}

static void reconcile_arena(struct run *run)
{
	const struct config_arena *a = &run->config->arena;
	const uint64_t *have = run->state->arena;
	struct change c;
	struct nlattr *nest;

	if (!a->set)
		return;
	c = begin(KVMEM_CMD_ARENA_SET, a->set);
	nest = c.msg ? nla_nest_start(c.msg, KVMEM_A_ARENA) : NULL;
	put_arena_size(&c, KVMEM_A_ARENA_TARGET, CONFIG_SIZE, "size", a->size,
		       have[KVMEM_A_ARENA_TARGET]);
	put_arena_size(&c, KVMEM_A_ARENA_FLOOR, CONFIG_FLOOR, "floor", a->floor,
		       have[KVMEM_A_ARENA_FLOOR]);
	if (nest)
		nla_nest_end(c.msg, nest);
	else
		c.err = -1;
	change(run, &c, "the", "arena");
}

/* --- pools --- */

/* @have: NULL when it is to be made */
static void put_pool(struct change *c, const struct config_pool *want,
		     const struct state_pool *have)
{
	if (wanted(c, CONFIG_QUOTA_BYTES, "quota_bytes",
		   !have || have->quota_bytes != want->quota_bytes))
		c->err |= knl_put_u64(c->msg, KVMEM_A_QUOTA_BYTES, want->quota_bytes);
	if (wanted(c, CONFIG_QUOTA_BLOCKS, "quota_blocks",
		   !have || have->quota_blocks != want->quota_blocks))
		c->err |= knl_put_u64(c->msg, KVMEM_A_QUOTA_BLOCKS, want->quota_blocks);
	if (wanted(c, CONFIG_SHARE, "share", !have || have->share != want->share))
		c->err |= knl_put_u8(c->msg, KVMEM_A_SHARE, want->share);
}

static void reconcile_pool(struct run *run, const struct config_pool *want)
{
	const struct state_pool *have = state_find_pool_by_name(run->state, want->name);
	struct change c = begin(have ? KVMEM_CMD_POOL_SET : KVMEM_CMD_POOL_NEW, want->set);

	if (c.msg)
		c.err = knl_put_string(c.msg, KVMEM_A_NAME, want->name);
	put_pool(&c, want, have);
	if (have)
		change(run, &c, "pool", want->name);
	else
		create(run, &c, "pool", want->name);
}

/* --- namespaces by name --- */

static int compare(const void *a, const void *b)
{
	const struct state_ns *const *one = a, *const *two = b;

	return strcmp((*one)->name, (*two)->name);
}

/* There may be thousands on both sides. */
static int sort_names(struct run *run)
{
	const struct state_ns *ns;
	size_t n = 0;

	for (ns = run->state->ns; ns; ns = ns->next)
		n++;
	run->by_name = calloc(n + 1, sizeof(ns));
	if (!run->by_name)
		return -ENOMEM;
	for (ns = run->state->ns; ns; ns = ns->next)
		run->by_name[run->nr++] = ns;
	qsort(run->by_name, run->nr, sizeof(ns), compare);
	return 0;
}

static int compare_name(const void *name, const void *ns)
{
	return strcmp(name, (*(const struct state_ns *const *)ns)->name);
}

static const struct state_ns *find_ns(const struct run *run, const char *name)
{
	const struct state_ns **at = bsearch(name, run->by_name, run->nr, sizeof(*at),
					     compare_name);

	return at ? *at : NULL;
}

/* --- namespaces --- */

static void put_owner(struct change *c, const struct config_ns *want,
		      const struct state_ns *have)
{
	if (wanted(c, CONFIG_UID, "uid", !have || have->uid != want->uid))
		c->err |= knl_put_u32(c->msg, KVMEM_A_UID, (uint32_t)want->uid);
	if (wanted(c, CONFIG_GID, "gid", !have || have->gid != want->gid))
		c->err |= knl_put_u32(c->msg, KVMEM_A_GID, (uint32_t)want->gid);
	if (wanted(c, CONFIG_MODE, "mode", !have || have->mode != want->mode))
		c->err |= knl_put_u16(c->msg, KVMEM_A_MODE, (uint16_t)want->mode);
}

static void put_limits(struct change *c, const struct config_ns *want,
		       const struct state_ns *have)
{
	if (wanted(c, CONFIG_QUOTA_BYTES, "quota_bytes",
		   !have || have->quota_bytes != want->quota_bytes))
		c->err |= knl_put_u64(c->msg, KVMEM_A_QUOTA_BYTES, want->quota_bytes);
	if (wanted(c, CONFIG_QUOTA_BLOCKS, "quota_blocks",
		   !have || have->quota_blocks != want->quota_blocks))
		c->err |= knl_put_u64(c->msg, KVMEM_A_QUOTA_BLOCKS, want->quota_blocks);
	if (wanted(c, CONFIG_TTL, "ttl", !have || have->ttl_ms != want->ttl_ms))
		c->err |= knl_put_u32(c->msg, KVMEM_A_TTL_MS, (uint32_t)want->ttl_ms);
	if (wanted(c, CONFIG_PIN_PERCENT, "pin_percent",
		   !have || have->pin_percent != want->pin_percent))
		c->err |= knl_put_u32(c->msg, KVMEM_A_PIN_PERCENT, (uint32_t)want->pin_percent);
}

static void put_fingerprint(struct change *c, const struct config_ns *want,
			    const struct state_ns *have)
{
	if (wanted(c, CONFIG_FINGERPRINT, "fingerprint",
		   !have || memcmp(have->fingerprint, want->fingerprint,
				   sizeof(have->fingerprint))))
		c->err |= !!nla_put(c->msg, KVMEM_A_FINGERPRINT, sizeof(want->fingerprint),
				    want->fingerprint);
}

static void put_flash(struct change *c, const struct config_ns *want,
		      const struct state_ns *have)
{
	if (wanted(c, CONFIG_FLASH_MODE, "flash mode",
		   !have || have->flash_mode != want->flash_mode))
		c->err |= knl_put_u8(c->msg, KVMEM_A_FLASH_MODE, want->flash_mode);
	if (wanted(c, CONFIG_FLASH_QUOTA, "flash quota",
		   !have || have->flash_quota_bytes != want->flash_quota_bytes))
		c->err |= knl_put_u64(c->msg, KVMEM_A_FLASH_QUOTA_BYTES,
				      want->flash_quota_bytes);
}

static void put_peers(struct change *c, const struct config_ns *want,
		      const struct state_ns *have)
{
	if (wanted(c, CONFIG_PLACEMENT, "placement", !have || have->placement != want->placement))
		c->err |= knl_put_u8(c->msg, KVMEM_A_PLACEMENT, want->placement);
	if (wanted(c, CONFIG_COPIES, "copies", !have || have->copies != want->copies))
		c->err |= knl_put_u8(c->msg, KVMEM_A_COPIES, (uint8_t)want->copies);
	if (wanted(c, CONFIG_PEER_SHARE, "peer_share",
		   !have || have->peer_share != want->peer_share))
		c->err |= knl_put_u8(c->msg, KVMEM_A_PEER_SHARE, want->peer_share);
	if (wanted(c, CONFIG_PEER_KEEP, "peer_keep", !have || have->peer_keep != want->peer_keep))
		c->err |= knl_put_u8(c->msg, KVMEM_A_PEER_KEEP, want->peer_keep);
}

/* What GPU memory may and must have. */
static void put_memory(struct change *c, const struct config_ns *want,
		       const struct state_ns *have)
{
	if (wanted(c, CONFIG_VERIFIED, "require_verified",
		   !have || have->require_verified != want->require_verified))
		c->err |= knl_put_u8(c->msg, KVMEM_A_REQUIRE_VERIFIED, want->require_verified);
	if (wanted(c, CONFIG_BOUNCE, "allow_bounce",
		   !have || have->allow_bounce != want->allow_bounce))
		c->err |= knl_put_u8(c->msg, KVMEM_A_ALLOW_BOUNCE, want->allow_bounce);
}

static void create_ns(struct run *run, const struct config_ns *want)
{
	/* Without an owner the kernel would make it ours, and we are no tenant. */
	struct change c = begin(KVMEM_CMD_NS_NEW, want->set | CONFIG_UID | CONFIG_GID);

	if (c.msg)
		c.err = knl_put_string(c.msg, KVMEM_A_NAME, want->name);
	put_owner(&c, want, NULL);
	put_limits(&c, want, NULL);
	put_fingerprint(&c, want, NULL);
	put_flash(&c, want, NULL);
	put_peers(&c, want, NULL);
	put_memory(&c, want, NULL);
	if (wanted(&c, CONFIG_POOL, "pool", true))
		c.err |= knl_put_string(c.msg, KVMEM_A_POOL_NAME, want->pool);
	create(run, &c, "namespace", want->name);
}

static void change_ns(struct run *run, const struct config_ns *want,
		      const struct state_ns *have, uint32_t set)
{
	struct change c = begin(KVMEM_CMD_NS_SET, set);

	if (c.msg)
		c.err = knl_put_u32(c.msg, KVMEM_A_ID, have->id);
	put_owner(&c, want, have);
	put_limits(&c, want, have);
	put_fingerprint(&c, want, have);
	put_flash(&c, want, have);
	put_peers(&c, want, have);
	put_memory(&c, want, have);
	change(run, &c, "namespace", want->name);
}

static const char *pool_name(const struct state *state, const struct state_ns *ns)
{
	const struct state_pool *pool = state_find_pool(state, ns->pool_id);

	return pool ? pool->name : "";
}

/* What cannot change while the namespace is what it is; the settings left */
static uint32_t leave(struct run *run, const struct config_ns *want,
		      const struct state_ns *have)
{
	const char *pool = pool_name(run->state, have);
	uint32_t set = want->set;

	if (set & CONFIG_POOL && strcmp(pool, want->pool)) {
		run->r->left++;
		complain(run->r, want->name, "namespace %s: is in %s%s, configured is pool %s; a "
			 "namespace cannot move: delete it (kvmemctl ns delete %s; its blocks are "
			 "lost) and it is made in the other pool", want->name,
			 *pool ? "pool " : "no pool", pool, want->pool, want->name);
	}
	if (set & CONFIG_FINGERPRINT && have->used_blocks &&
	    memcmp(have->fingerprint, want->fingerprint, sizeof(have->fingerprint))) {
		run->r->left++;
		complain(run->r, want->name, "namespace %s: has blocks of another fingerprint than "
			 "the configured one; delete it (kvmemctl ns delete %s) and it is made "
			 "again, empty", want->name, want->name);
		set &= ~(uint32_t)CONFIG_FINGERPRINT;
	}
	return set;
}

static void reconcile_ns(struct run *run, const struct config_ns *want)
{
	const struct state_ns *have = find_ns(run, want->name);

	if (!have)
		create_ns(run, want);
	else
		change_ns(run, want, have, leave(run, want, have));
}

/* --- media --- */

#define FIRST_PAUSE	2000000000ULL
#define LAST_PAUSE	(32 * FIRST_PAUSE)
/* A device that is well answers within this; how often others are looked at. */
#define ATTACH_WAIT_MS	1000
#define LOOK_PAUSE	1000000000ULL

static struct reconcile_try *find_try(struct reconcile *r, const char *name)
{
	unsigned int i;

	for (i = 0; i < r->nr_tries; i++)
		if (!strcmp(r->tries[i].name, name))
			return &r->tries[i];
	return NULL;
}

static void forget_try(struct reconcile *r, const char *name)
{
	struct reconcile_try *try = find_try(r, name);

	if (try)
		*try = r->tries[--r->nr_tries];
}

static void retry_at(struct reconcile *r, uint64_t time)
{
	if (!r->retry_at || time < r->retry_at)
		r->retry_at = time;
}

/* There are no more tries than media, since those of another file are forgotten. */
static void try_later(struct run *run, const char *name)
{
	struct reconcile *r = run->r;
	struct reconcile_try *try = find_try(r, name);

	if (!try && r->nr_tries == CONFIG_MAX_MEDIA)
		return;
	if (!try) {
		try = &r->tries[r->nr_tries++];
		*try = (struct reconcile_try){ .pause = FIRST_PAUSE / 2 };
		memcpy(try->name, name, sizeof(try->name));
	}
	if (try->pause < LAST_PAUSE)
		try->pause *= 2;
	try->next = run->now + try->pause;
	if (r->nr_complaints)
		try->said = r->complaints[r->nr_complaints - 1];
	retry_at(r, try->next);
}

/* Tried not long ago; what was said then is not said again. */
static bool too_soon(struct run *run, const char *name)
{
	const struct reconcile_try *try = find_try(run->r, name);

	if (!try || run->now >= try->next)
		return false;
	remember(run->r, try->said);
	retry_at(run->r, try->next);
	return true;
}

/* The one that is meant, under another name */
static const struct state_media *find_twin(const struct state *state,
					   const struct config_media *want)
{
	const struct state_media *m;

	for (m = state->media; m; m = m->next)
		if (want->set & CONFIG_UUID ? !memcmp(m->uuid, want->uuid, sizeof(m->uuid)) :
					      !strcmp(m->path, want->path))
			return m;
	return NULL;
}

static struct nl_msg *attach_request(const struct config_media *want)
{
	struct nl_msg *msg = knl_request(KVMEM_CMD_MEDIA_ATTACH);

	if (msg && !knl_put_string(msg, KVMEM_A_NAME, want->name) &&
	    !knl_put_string(msg, KVMEM_A_PATH, want->path) &&
	    (!(want->set & CONFIG_UUID) ||
	     !nla_put(msg, KVMEM_A_UUID, sizeof(want->uuid), want->uuid)))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

static void attach_refused(struct run *run, const struct config_media *want)
{
	complain(run->r, want->name, "media %s: %s cannot be attached: %s; trying again",
		 want->name, want->path, kernel_error(run->k));
	try_later(run, want->name);
}

static void attach(struct run *run, const struct config_media *want)
{
	int err = attach_begin(&run->r->attaching, run->k, want->name, attach_request(want));

	if (!err)
		return;
	run->k->error = (struct knl_error){ .fault = KNL_NO_MEMORY, .err = -err };
	attach_refused(run, want);
}

/* @rc: of the request; what the kernel said of it is @run->k->error. */
static void attach_ended(struct run *run, const struct config_media *want, int rc)
{
	if (!rc) {
		forget_try(run->r, want->name);
		run->r->created++;
		log_ns(LOG_NOTICE, want->name, "attached", "media %s: %s was attached",
		       want->name, want->path);
	} else if (run->k->error.fault == KNL_REFUSED) {
		attach_refused(run, want);
	} else {
		run->err = run->k->error.fault == KNL_NO_MODULE ? -ENODEV : -run->k->error.err;
	}
}

/* After at most @wait_ms; whatever the kernel says later is asked for later. */
static void attach_look_at(struct run *run, const struct config_media *want,
			   unsigned int wait_ms)
{
	struct knl_error e;
	int rc;

	switch (attach_look(&run->r->attaching, want->name, wait_ms, &rc, &e)) {
	case ATTACH_DONE:
		run->k->error = e;
		attach_ended(run, want, rc);
		break;
	case ATTACH_BUSY:
		complain(run->r, want->name, "media %s: %s takes long to attach; going on "
			 "without it", want->name, want->path);
		retry_at(run->r, run->now + LOOK_PAUSE);
		break;
	case ATTACH_NONE:
		break;
	}
}

static uint64_t clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Those that were begun just now have a second together, the others none. */
static void look_at_attaching(struct run *run, unsigned int wait_ms)
{
	uint64_t end = clock_ms() + wait_ms, now;
	unsigned int i;

	for (i = 0; i < run->config->nr_media && !run->err; i++) {
		now = clock_ms();
		attach_look_at(run, &run->config->media[i],
			       now < end ? (unsigned int)(end - now) : 0);
	}
}

/* True: it was begun. */
static bool attach_missing(struct run *run, const struct config_media *want)
{
	const struct state_media *twin;

	if (attach_is_there(run->r->attaching, want->name))
		return false;
	if (state_find_media_by_name(run->state, want->name)) {
		forget_try(run->r, want->name);
		return false;
	}
	twin = find_twin(run->state, want);
	if (twin) {
		run->r->left++;
		complain(run->r, want->name, "media %s: is attached as %s; detach it (kvmemctl "
			 "media detach %s) and it is attached as %s", want->name, twin->name,
			 twin->name, want->name);
	} else if (!too_soon(run, want->name)) {
		attach(run, want);
		return true;
	}
	return false;
}

/* The kernel's bounds; drive writes of a small media may be below. */
static uint64_t budget_of(const struct config_budget *b, const struct state_media *have)
{
	double bytes = b->drive_writes * (double)have->v[KVMEM_A_MEDIA_BYTES];

	if (!(b->drive_writes > 0))
		return b->bytes;
	return (uint64_t)fmin(fmax(bytes, 1 << 20), (double)(1ULL << 50));
}

/* Another one that has the name: its settings are not ours. */
static bool is_other(struct run *run, const struct config_media *want,
		     const struct state_media *have)
{
	bool other = want->set & CONFIG_UUID &&
		     memcmp(have->uuid, want->uuid, sizeof(have->uuid));

	if (other)
		complain(run->r, want->name, "media %s: is another one than configured, with "
			 "another uuid, at %s", want->name, have->path);
	else if (strcmp(have->path, want->path))
		complain(run->r, want->name, "media %s: is attached at %s, configured is %s; "
			 "detach it (kvmemctl media detach %s) and it is attached there",
			 want->name, have->path, want->path, want->name);
	else
		return false;
	run->r->left++;
	return other;
}

static void set_media(struct run *run, const struct config_media *want)
{
	const struct state_media *have = state_find_media_by_name(run->state, want->name);
	struct change c;
	uint64_t budget;

	if (!have) {
		run->state->media_missing++;
		return;
	}
	if (is_other(run, want, have))
		return;
	budget = budget_of(&want->budget, have);
	c = begin(KVMEM_CMD_MEDIA_SET, want->set);
	if (c.msg)
		c.err = knl_put_u32(c.msg, KVMEM_A_ID, have->id);
	if (wanted(&c, CONFIG_WRITE_BUDGET, "write_budget", have->write_budget != budget))
		c.err |= knl_put_u64(c.msg, KVMEM_A_WRITE_BUDGET, budget);
	change(run, &c, "media", want->name);
}

static void read_again(struct run *run, bool changed)
{
	if (!run->err && changed)
		run->err = read_all(run->k, run->state);
}

static void reconcile_media(struct run *run)
{
	const struct config *config = run->config;
	unsigned int before, i;
	bool begun = false;

	for (i = 0; i < config->nr_media && !run->err; i++)
		begun |= attach_missing(run, &config->media[i]);
	look_at_attaching(run, begun ? ATTACH_WAIT_MS : 0);
	/* The size of one, which its budget may depend on, is known from now on. */
	read_again(run, run->r->created || run->r->changed);
	before = run->r->changed;
	run->state->media_missing = 0;
	for (i = 0; i < config->nr_media && !run->err; i++)
		set_media(run, &config->media[i]);
	read_again(run, run->r->changed != before);
}

int reconcile(struct reconcile *r, struct kernel *k, struct state *state,
	      const struct config *config, uint64_t now)
{
	struct run run = { .r = r, .k = k, .state = state, .config = config, .now = now };
	unsigned int i;

	start(r);
	run.err = sort_names(&run);
	if (!run.err)
		reconcile_arena(&run);
	for (i = 0; i < config->nr_pools && !run.err; i++)
		reconcile_pool(&run, &config->pools[i]);
	for (i = 0; i < config->nr_ns && !run.err; i++)
		reconcile_ns(&run, &config->ns[i]);
	free(run.by_name);
	if (!run.err)
		reconcile_media(&run);
	return run.err;
}
