// SPDX-License-Identifier: GPL-2.0
/*
 * A small client of the generic netlink family "kvmem": see kvmem_nl.h.
 */
#include <errno.h>
#include <netlink/attr.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <stddef.h>
#include <linux/kvmem.h>
#include <linux/kvmem_netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "kvmem_nl.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

static __thread struct nl_sock *sock;
static __thread pid_t sock_pid;
static __thread int family;
static __thread char message[256];

/*
 * The number of the family changes when the module is loaded again, and a dump
 * is cut to the largest buffer its socket ever had: both want a new socket.
 */
struct nl_sock *kvt_nl_new_socket(int buffer)
{
	int one = 1;

	if (sock && sock_pid == getpid())
		nl_socket_free(sock);
	sock = nl_socket_alloc();
	if (!sock)
		return NULL;
	if (buffer)
		nl_socket_set_msg_buf_size(sock, buffer);
	if (genl_connect(sock) < 0)
		return NULL;
	setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	nl_socket_set_buffer_size(sock, 1 << 20, 1 << 20);
	sock_pid = getpid();
	family = genl_ctrl_resolve(sock, KVMEM_GENL_NAME);
	return sock;
}

int kvt_nl_family(void)
{
	kvt_nl_socket();
	return family;
}

/* A socket per thread and per process: they have an address of their own. */
struct nl_sock *kvt_nl_socket(void)
{
	return sock && sock_pid == getpid() ? sock : kvt_nl_new_socket(0);
}

const char *kvt_nl_message(void)
{
	return message;
}

struct nl_msg *kvt_nl_msg(int cmd, int flags)
{
	struct nl_msg *msg;

	if (!kvt_nl_socket() || family < 0)
		return NULL;
	msg = nlmsg_alloc_size(65536);
	if (msg)
		genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, flags, cmd,
			    KVMEM_GENL_VERSION);
	return msg;
}

struct answer {
	int (*fn)(struct nl_msg *msg, void *arg);
	void *arg;
	int rc;
	bool done;
};

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct answer *a = arg;

	if (a->fn)
		a->fn(msg, a->arg);
	return NL_OK;
}

static int on_done(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	struct answer *a = arg;

	/* The end of a dump carries its error. */
	if (nlh->nlmsg_type == NLMSG_DONE && nlmsg_datalen(nlh) >= (int)sizeof(int))
		a->rc = *(int *)nlmsg_data(nlh);
	a->done = true;
	return NL_STOP;
}

static void note_message(struct nlmsgerr *err)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)err - 1;
	struct nlattr *tb[NLMSGERR_ATTR_MAX + 1], *head;
	size_t skip = sizeof(*err);
	int len;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += err->msg.nlmsg_len - sizeof(struct nlmsghdr);
	head = (struct nlattr *)((char *)err + NLMSG_ALIGN(skip));
	len = (int)(nlh->nlmsg_len - NLMSG_HDRLEN - NLMSG_ALIGN(skip));
	if (len <= 0 || nla_parse(tb, NLMSGERR_ATTR_MAX, head, len, NULL) < 0)
		return;
	if (tb[NLMSGERR_ATTR_MSG])
		nla_strlcpy(message, tb[NLMSGERR_ATTR_MSG], sizeof(message));
}

static int on_error(struct sockaddr_nl *who, struct nlmsgerr *err, void *arg)
{
	struct answer *a = arg;

	(void)who;
	a->rc = err->error;
	a->done = true;
	note_message(err);
	return NL_STOP;
}

int kvt_nl_send(struct nl_msg *msg, int (*fn)(struct nl_msg *msg, void *arg), void *arg)
{
	struct answer a = { .fn = fn, .arg = arg };
	struct timeval tv = { .tv_sec = 60 };
	struct nl_sock *sk = kvt_nl_socket();
	struct nl_cb *cb;
	int rc;

	message[0] = 0;
	if (!msg || !sk)
		return family == -NLE_OBJ_NOTFOUND ? -ENOENT : -ENOMEM;
	setsockopt(nl_socket_get_fd(sk), SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (!(nlmsg_hdr(msg)->nlmsg_flags & NLM_F_DUMP))
		nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_ACK;
	rc = nl_send_auto_complete(sk, msg);
	nlmsg_free(msg);
	if (rc < 0)
		return -EIO;
	cb = nl_cb_alloc(NL_CB_DEFAULT);
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, &a);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_done, &a);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_done, &a);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, &a);
	while (!a.done) {
		rc = nl_recvmsgs(sk, cb);
		if (rc < 0 && !a.done) {
			a.rc = rc == -NLE_DUMP_INTR ? -EINTR : -EIO;
			/* What was not read must not answer the next request. */
			nl_socket_free(sk);
			sock = NULL;
			break;
		}
	}
	nl_cb_put(cb);
	return a.rc;
}

static struct nlattr **parse(struct nl_msg *msg)
{
	static __thread struct nlattr *tb[KVMEM_A_MAX + 1];

	if (genlmsg_parse(nlmsg_hdr(msg), 0, tb, KVMEM_A_MAX, NULL) < 0)
		memset(tb, 0, sizeof(tb));
	return tb;
}

static uint64_t get_u64(struct nlattr *attr)
{
	return attr ? nla_get_u64(attr) : 0;
}

static uint32_t get_u32(struct nlattr *attr)
{
	return attr ? nla_get_u32(attr) : 0;
}

static struct nl_msg *named(int cmd, const char *name)
{
	struct nl_msg *msg = kvt_nl_msg(cmd, 0);

	if (msg)
		nla_put_string(msg, KVMEM_A_NAME, name);
	return msg;
}

static void put_opts(struct nl_msg *msg, const struct kvt_ns_opts *o)
{
	if ((o->set & KVT_SET_OWNER) || o->uid || o->gid) {
		nla_put_u32(msg, KVMEM_A_UID, o->uid);
		nla_put_u32(msg, KVMEM_A_GID, o->gid);
	}
	if ((o->set & KVT_SET_MODE) || o->mode)
		nla_put_u16(msg, KVMEM_A_MODE, o->mode);
	if (o->fingerprint)
		nla_put(msg, KVMEM_A_FINGERPRINT, KVMEM_FINGERPRINT_LEN, o->fingerprint);
	if ((o->set & KVT_SET_QUOTA_BYTES) || o->quota_bytes)
		nla_put_u64(msg, KVMEM_A_QUOTA_BYTES, o->quota_bytes);
	if ((o->set & KVT_SET_QUOTA_BLOCKS) || o->quota_blocks)
		nla_put_u64(msg, KVMEM_A_QUOTA_BLOCKS, o->quota_blocks);
	if ((o->set & KVT_SET_TTL) || o->ttl_ms)
		nla_put_u32(msg, KVMEM_A_TTL_MS, o->ttl_ms);
	if ((o->set & KVT_SET_PIN) || o->pin_percent)
		nla_put_u32(msg, KVMEM_A_PIN_PERCENT, o->pin_percent);
	if (o->pool)
		nla_put_string(msg, KVMEM_A_POOL_NAME, o->pool);
	if ((o->set & KVT_SET_FLASH) || o->flash_mode)
		nla_put_u8(msg, KVMEM_A_FLASH_MODE, o->flash_mode);
	if ((o->set & KVT_SET_FLASH_QUOTA) || o->flash_quota)
		nla_put_u64(msg, KVMEM_A_FLASH_QUOTA_BYTES, o->flash_quota);
	if ((o->set & KVT_SET_VERIFY) || o->verify)
		nla_put_u8(msg, KVMEM_A_REQUIRE_VERIFIED, o->verify);
	if ((o->set & KVT_SET_BOUNCE) || o->bounce)
		nla_put_u8(msg, KVMEM_A_ALLOW_BOUNCE, o->bounce);
}

static int take_id(struct nl_msg *msg, void *arg)
{
	if (arg)
		*(uint32_t *)arg = get_u32(parse(msg)[KVMEM_A_ID]);
	return 0;
}

int kvt_nl_ns_new(const char *name, const struct kvt_ns_opts *opts, uint32_t *id)
{
	struct nl_msg *msg = named(KVMEM_CMD_NS_NEW, name);

	if (msg && opts)
		put_opts(msg, opts);
	return kvt_nl_send(msg, take_id, id);
}

int kvt_nl_ns_set(const char *name, const struct kvt_ns_opts *opts)
{
	struct nl_msg *msg = named(KVMEM_CMD_NS_SET, name);

	if (msg)
		put_opts(msg, opts);
	return kvt_nl_send(msg, NULL, NULL);
}

int kvt_nl_ns_del(const char *name)
{
	return kvt_nl_send(named(KVMEM_CMD_NS_DEL, name), NULL, NULL);
}

static void read_stats(struct nlattr *nest, struct kvt_ns_stat *s)
{
	struct nlattr *tb[KVMEM_A_STATS_MAX + 1];

	if (!nest || nla_parse_nested(tb, KVMEM_A_STATS_MAX, nest, NULL) < 0)
		return;
	s->hits = get_u64(tb[KVMEM_A_STATS_HITS]);
	s->misses = get_u64(tb[KVMEM_A_STATS_MISSES]);
	s->puts = get_u64(tb[KVMEM_A_STATS_PUTS]);
	s->nospc = get_u64(tb[KVMEM_A_STATS_NOSPC]);
	s->ghost_hits = get_u64(tb[KVMEM_A_STATS_GHOST_HITS]);
	s->copied_in = get_u64(tb[KVMEM_A_STATS_COPIED_IN]);
	s->copied_out = get_u64(tb[KVMEM_A_STATS_COPIED_OUT]);
	s->zero_copy = get_u64(tb[KVMEM_A_STATS_ZERO_COPY]);
	s->evict_quota = get_u64(tb[KVMEM_A_STATS_EVICT_QUOTA]);
	s->evict_space = get_u64(tb[KVMEM_A_STATS_EVICT_SPACE]);
	s->evict_drain = get_u64(tb[KVMEM_A_STATS_EVICT_DRAIN]);
	s->evict_expired = get_u64(tb[KVMEM_A_STATS_EVICT_EXPIRED]);
	s->evict_corrupt = get_u64(tb[KVMEM_A_STATS_EVICT_CORRUPT]);
	s->bounced = get_u64(tb[KVMEM_A_STATS_BOUNCED]);
}

static void read_ns(struct nl_msg *msg, struct kvt_ns_stat *s)
{
	struct nlattr **tb = parse(msg);

	memset(s, 0, sizeof(*s));
	if (tb[KVMEM_A_NAME])
		nla_strlcpy(s->name, tb[KVMEM_A_NAME], sizeof(s->name));
	s->id = get_u32(tb[KVMEM_A_ID]);
	s->uid = get_u32(tb[KVMEM_A_UID]);
	s->gid = get_u32(tb[KVMEM_A_GID]);
	s->mode = tb[KVMEM_A_MODE] ? nla_get_u16(tb[KVMEM_A_MODE]) : 0;
	s->ttl_ms = get_u32(tb[KVMEM_A_TTL_MS]);
	s->pin_percent = get_u32(tb[KVMEM_A_PIN_PERCENT]);
	s->files = get_u32(tb[KVMEM_A_NR_FILES]);
	s->chunks = get_u32(tb[KVMEM_A_CHUNKS]);
	s->quota_bytes = get_u64(tb[KVMEM_A_QUOTA_BYTES]);
	s->quota_blocks = get_u64(tb[KVMEM_A_QUOTA_BLOCKS]);
	s->used_bytes = get_u64(tb[KVMEM_A_USED_BYTES]);
	s->used_blocks = get_u64(tb[KVMEM_A_USED_BLOCKS]);
	s->live_blocks = get_u64(tb[KVMEM_A_LIVE_BLOCKS]);
	s->data_bytes = get_u64(tb[KVMEM_A_DATA_BYTES]);
	s->pinned_bytes = get_u64(tb[KVMEM_A_PINNED_BYTES]);
	s->flash_mode = tb[KVMEM_A_FLASH_MODE] ? nla_get_u8(tb[KVMEM_A_FLASH_MODE]) : 0;
	s->flash_quota = get_u64(tb[KVMEM_A_FLASH_QUOTA_BYTES]);
	s->verify = tb[KVMEM_A_REQUIRE_VERIFIED] && nla_get_u8(tb[KVMEM_A_REQUIRE_VERIFIED]);
	s->bounce = tb[KVMEM_A_ALLOW_BOUNCE] && nla_get_u8(tb[KVMEM_A_ALLOW_BOUNCE]);
	s->flash_blocks = get_u64(tb[KVMEM_A_FLASH_BLOCKS]);
	s->flash_bytes = get_u64(tb[KVMEM_A_FLASH_BYTES]);
	read_stats(tb[KVMEM_A_STATS], s);
}

static int take_ns(struct nl_msg *msg, void *arg)
{
	read_ns(msg, arg);
	return 0;
}

int kvt_nl_ns_get(const char *name, struct kvt_ns_stat *stat)
{
	return kvt_nl_send(named(KVMEM_CMD_NS_GET, name), take_ns, stat);
}

struct ns_walk {
	void (*fn)(const struct kvt_ns_stat *stat, void *arg);
	void (*pool_fn)(const char *name, void *arg);
	void *arg;
};

static int walk_ns(struct nl_msg *msg, void *arg)
{
	struct ns_walk *walk = arg;
	struct kvt_ns_stat stat;

	read_ns(msg, &stat);
	walk->fn(&stat, walk->arg);
	return 0;
}

int kvt_nl_ns_dump(void (*fn)(const struct kvt_ns_stat *stat, void *arg), void *arg)
{
	struct ns_walk walk = { .fn = fn, .arg = arg };

	return kvt_nl_send(kvt_nl_msg(KVMEM_CMD_NS_GET, NLM_F_DUMP), walk_ns, &walk);
}

int kvt_nl_pool_new(const char *name, uint64_t bytes, uint64_t blocks, bool share)
{
	struct nl_msg *msg = named(KVMEM_CMD_POOL_NEW, name);

	if (msg) {
		nla_put_u64(msg, KVMEM_A_QUOTA_BYTES, bytes);
		nla_put_u64(msg, KVMEM_A_QUOTA_BLOCKS, blocks);
		nla_put_u8(msg, KVMEM_A_SHARE, share);
	}
	return kvt_nl_send(msg, NULL, NULL);
}

int kvt_nl_pool_del(const char *name)
{
	return kvt_nl_send(named(KVMEM_CMD_POOL_DEL, name), NULL, NULL);
}

static int walk_pool(struct nl_msg *msg, void *arg)
{
	struct nlattr **tb = parse(msg);
	struct ns_walk *walk = arg;

	if (tb[KVMEM_A_NAME])
		walk->pool_fn(nla_get_string(tb[KVMEM_A_NAME]), walk->arg);
	return 0;
}

int kvt_nl_pool_dump(void (*fn)(const char *name, void *arg), void *arg)
{
	struct ns_walk walk = { .pool_fn = fn, .arg = arg };

	return kvt_nl_send(kvt_nl_msg(KVMEM_CMD_POOL_GET, NLM_F_DUMP), walk_pool, &walk);
}

int kvt_nl_table_set(const char *ns, const struct kvt_table *table)
{
	struct nl_msg *msg = named(KVMEM_CMD_TABLE_SET, ns);
	unsigned int c;

	for (c = 0; msg && c < KVT_CLASSES; c++) {
		struct nlattr *nest = nla_nest_start(msg, KVMEM_A_VALUE_TABLE);

		nla_put_u32(msg, KVMEM_A_VALUES_CLASS, c);
		nla_put(msg, KVMEM_A_VALUES_VALUES, sizeof(table->value[c]),
			table->value[c]);
		nla_nest_end(msg, nest);
	}
	return kvt_nl_send(msg, NULL, NULL);
}

static int take_table(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	struct kvt_table *table = arg;
	struct nlattr *attr, *tb[KVMEM_A_VALUES_MAX + 1];
	int left;

	nla_for_each_attr(attr, genlmsg_attrdata(nlmsg_data(nlh), 0),
			  genlmsg_attrlen(nlmsg_data(nlh), 0), left) {
		uint32_t c;

		if (nla_type(attr) != KVMEM_A_VALUE_TABLE ||
		    nla_parse_nested(tb, KVMEM_A_VALUES_MAX, attr, NULL) < 0)
			continue;
		c = get_u32(tb[KVMEM_A_VALUES_CLASS]);
		if (c < KVT_CLASSES && tb[KVMEM_A_VALUES_VALUES])
			nla_memcpy(table->value[c], tb[KVMEM_A_VALUES_VALUES],
				   sizeof(table->value[c]));
	}
	return 0;
}

int kvt_nl_table_get(const char *ns, struct kvt_table *table)
{
	memset(table, 0xff, sizeof(*table));
	return kvt_nl_send(named(KVMEM_CMD_TABLE_GET, ns), take_table, table);
}

static int take_hist(struct nl_msg *msg, void *arg)
{
	struct nlattr *nest = parse(msg)[KVMEM_A_HIST], *tb[KVMEM_A_HIST_MAX + 1];
	struct kvt_hist *h = arg;
	uint32_t c;

	if (!nest || nla_parse_nested(tb, KVMEM_A_HIST_MAX, nest, NULL) < 0)
		return 0;
	c = get_u32(tb[KVMEM_A_HIST_CLASS]);
	if (c >= KVT_CLASSES)
		return 0;
	if (tb[KVMEM_A_HIST_HITS])
		nla_memcpy(h->hits[c], tb[KVMEM_A_HIST_HITS], sizeof(h->hits[c]));
	if (tb[KVMEM_A_HIST_EVICTIONS])
		nla_memcpy(h->evictions[c], tb[KVMEM_A_HIST_EVICTIONS],
			   sizeof(h->evictions[c]));
	if (tb[KVMEM_A_HIST_GHOST_HITS])
		nla_memcpy(h->ghost_hits[c], tb[KVMEM_A_HIST_GHOST_HITS],
			   sizeof(h->ghost_hits[c]));
	h->hit_cost[c] = get_u64(tb[KVMEM_A_HIST_HIT_COST]);
	h->hit_bytes[c] = get_u64(tb[KVMEM_A_HIST_HIT_BYTES]);
	h->blocks[c] = get_u64(tb[KVMEM_A_HIST_BLOCKS]);
	h->bytes[c] = get_u64(tb[KVMEM_A_HIST_BYTES]);
	return 0;
}

int kvt_nl_hist(const char *ns, struct kvt_hist *hist)
{
	struct nl_msg *msg = kvt_nl_msg(KVMEM_CMD_HIST_GET, NLM_F_DUMP);

	memset(hist, 0, sizeof(*hist));
	if (msg)
		nla_put_string(msg, KVMEM_A_NAME, ns);
	return kvt_nl_send(msg, take_hist, hist);
}

static int take_arena(struct nl_msg *msg, void *arg)
{
	struct nlattr **tb = parse(msg), *a[KVMEM_A_ARENA_MAX + 1];
	struct kvt_arena_info *info = arg;

	info->open_files = get_u32(tb[KVMEM_A_OPEN_FILES]);
	info->namespaces = get_u32(tb[KVMEM_A_NR_NAMESPACES]);
	info->quiesced = tb[KVMEM_A_QUIESCED] && nla_get_u8(tb[KVMEM_A_QUIESCED]);
	if (!tb[KVMEM_A_ARENA] ||
	    nla_parse_nested(a, KVMEM_A_ARENA_MAX, tb[KVMEM_A_ARENA], NULL) < 0)
		return 0;
	info->target = get_u64(a[KVMEM_A_ARENA_TARGET]);
	info->limit = get_u64(a[KVMEM_A_ARENA_LIMIT]);
	info->floor = get_u64(a[KVMEM_A_ARENA_FLOOR]);
	info->allocated = get_u64(a[KVMEM_A_ARENA_ALLOCATED]);
	info->free = get_u64(a[KVMEM_A_ARENA_FREE]);
	info->quarantined = get_u64(a[KVMEM_A_ARENA_QUARANTINED]);
	info->huge = get_u64(a[KVMEM_A_ARENA_HUGE]);
	return 0;
}

int kvt_nl_stats(struct kvt_arena_info *info)
{
	memset(info, 0, sizeof(*info));
	return kvt_nl_send(kvt_nl_msg(KVMEM_CMD_STATS_GET, 0), take_arena, info);
}

int kvt_nl_quiesce(bool on)
{
	struct nl_msg *msg = kvt_nl_msg(KVMEM_CMD_QUIESCE, 0);

	if (msg)
		nla_put_u8(msg, KVMEM_A_ENABLE, on);
	return kvt_nl_send(msg, NULL, NULL);
}
