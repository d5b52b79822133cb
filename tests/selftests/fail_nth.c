// SPDX-License-Identifier: GPL-2.0
/*
 * Every call with its 1st, 2nd, ... allocation or user copy failing, until it
 * completes with none left to fail.  After each the state is what it was.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <liburing.h>
#include <netlink/genl/genl.h>
#include <linux/kvmem_netlink.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "kvmem_util.h"

#define MAX_SITES 3000

/* What a sequence works on */
struct ctx {
	const char *ns;
	int fd;			/* attached */
	int fd2;		/* made by the sequence */
	struct kvt_map map;	/* handed out before, or by the sequence */
	uint32_t buf;
	uint8_t *p;		/* 6 MiB, all there */
	struct kvmem_op op;
	struct kvmem_lease leases[4];
	struct io_uring ring;
};

struct seq {
	const char *name;
	void (*prepare)(struct ctx *c);
	int (*run)(struct ctx *c);	/* with faults; 0 or a negative errno */
	void (*undo)(struct ctx *c);	/* must work however far run() came */
	bool elsewhere;			/* a worker does it, out of the injection's reach */
};

/* The injection ----------------------------------------------------------- */

static int nth_fd = -1;

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd >= 0) {
		if (write(fd, text, strlen(text)) < 0)
			kvt_diag("%s: %s", path, strerror(errno));
		close(fd);
	}
}

static void inject_init(void)
{
	char path[64];

	write_to("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	write_to("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	write_to("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N");
	write_to("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	write_to("/sys/kernel/debug/failslab/verbose", "0");
	write_to("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	write_to("/sys/kernel/debug/fail_usercopy/verbose", "0");
	snprintf(path, sizeof(path), "/proc/self/task/%ld/fail-nth", syscall(SYS_gettid));
	nth_fd = open(path, O_RDWR | O_CLOEXEC);
	ASSERT(nth_fd >= 0, "fault injection in this kernel (%s): %s", path, strerror(errno));
}

static void inject_start(unsigned int nth)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", nth);

	ASSERT_EQ(pwrite(nth_fd, text, n, 0), n);
}

/* Stop; did the n-th site exist? */
static bool inject_stop(void)
{
	char text[16] = {};
	int tries;

	/* Reading is a user copy, too, and may be the one that fails. */
	for (tries = 0; tries < 3; tries++)
		if (pread(nth_fd, text, sizeof(text) - 1, 0) > 0)
			break;
	for (tries = 0; tries < 3; tries++)
		if (pwrite(nth_fd, "0", 1, 0) == 1)
			break;
	return atoi(text) == 0;
}

/* Calls that never end the test ------------------------------------------- */

static int run_op(int fd, struct kvmem_op *op)
{
	struct kvmem_batch b = { .size = sizeof(b), .ops = (uintptr_t)op, .nr_ops = 1,
				 .op_size = sizeof(*op) };

	op->status = -EIO;
	return ioctl(fd, KVMEM_IOC_BATCH, &b) < 0 ? -errno : op->status;
}

static int run_simple(struct ctx *c, unsigned int code, uint64_t key, size_t len)
{
	c->op = (struct kvmem_op){ .opcode = code, .len = len,
				   .addr = len ? (uintptr_t)c->p : 0 };
	kvt_key(c->op.key, key);
	return run_op(c->fd, &c->op);
}

static void prep_small(struct ctx *c) { ASSERT_EQ(kvt_put_key(c->fd, 1, 700), 0); }
static void prep_paged(struct ctx *c) { ASSERT_EQ(kvt_put_key(c->fd, 1, 64 * KIB), 0); }
static void prep_big(struct ctx *c) { ASSERT_EQ(kvt_put_key(c->fd, 1, 3 * MIB + 5), 0); }
static void prep_alloc(struct ctx *c) { ASSERT_EQ(kvt_alloc(c->fd, 64 * KIB, &c->map), 0); }

static void prep_lease(struct ctx *c)
{
	prep_paged(c);
	ASSERT_EQ(kvt_lease(c->fd, 1, &c->map), 0);
}

static void prep_pin(struct ctx *c)
{
	prep_small(c);
	ASSERT_EQ(kvt_pin(c->fd, 1), 0);
}

static void prep_buf(struct ctx *c)
{
	struct kvmem_buf_reg reg = { .size = sizeof(reg), .addr = (uintptr_t)c->p,
				     .length = MIB };

	prep_paged(c);
	ASSERT_EQ(kvt_ioctl(c->fd, KVMEM_IOC_BUF_REG, &reg), 0);
	c->buf = reg.buf_id;
}

static void undo_keys(struct ctx *c)
{
	kvt_delete(c->fd, 1);
	kvt_delete(c->fd, 2);
}

static void undo_handle(struct ctx *c)
{
	kvt_munmap(&c->map);
	if (c->map.handle)
		kvt_release(c->fd, c->map.handle);
	undo_keys(c);
}

static void undo_pin(struct ctx *c)
{
	while (!kvt_unpin(c->fd, 1))
		;
	undo_keys(c);
}

static void undo_buf(struct ctx *c)
{
	struct kvmem_buf_unreg u = { .size = sizeof(u), .buf_id = c->buf };

	if (c->buf)
		kvt_ioctl(c->fd, KVMEM_IOC_BUF_UNREG, &u);
	undo_keys(c);
}

static int put_small(struct ctx *c) { return run_simple(c, KVMEM_OP_PUT, 1, 700); }
static int put_paged(struct ctx *c) { return run_simple(c, KVMEM_OP_PUT, 1, 64 * KIB); }
static int put_big(struct ctx *c) { return run_simple(c, KVMEM_OP_PUT, 1, 3 * MIB + 5); }
static int get_small(struct ctx *c) { return run_simple(c, KVMEM_OP_GET, 1, 700); }
static int get_big(struct ctx *c) { return run_simple(c, KVMEM_OP_GET, 1, 4 * MIB); }
static int exists(struct ctx *c) { return run_simple(c, KVMEM_OP_EXISTS, 1, 0); }
static int delete(struct ctx *c) { return run_simple(c, KVMEM_OP_DELETE, 1, 0); }
static int pin(struct ctx *c) { return run_simple(c, KVMEM_OP_PIN, 1, 0); }
static int unpin(struct ctx *c) { return run_simple(c, KVMEM_OP_UNPIN, 1, 0); }
static int prefetch(struct ctx *c) { return run_simple(c, KVMEM_OP_PREFETCH, 1, 0); }

static int get_buffer(struct ctx *c)
{
	c->op = (struct kvmem_op){ .opcode = KVMEM_OP_GET, .len = 64 * KIB, .buf = c->buf };
	kvt_key(c->op.key, 1);
	return run_op(c->fd, &c->op);
}

static int take_handle(struct ctx *c, int rc)
{
	memset(&c->map, 0, sizeof(c->map));
	if (!rc) {
		c->map.handle = c->op.res_handle;
		c->map.offset = c->op.mmap_offset;
		c->map.bytes = c->op.bytes;
	}
	return rc;
}

static int lease(struct ctx *c) { return take_handle(c, run_simple(c, KVMEM_OP_LEASE, 1, 0)); }

static int alloc_len(struct ctx *c, size_t len)
{
	c->op = (struct kvmem_op){ .opcode = KVMEM_OP_ALLOC, .len = len };
	return take_handle(c, run_op(c->fd, &c->op));
}

static int alloc(struct ctx *c) { return alloc_len(c, 9216); }
static int alloc_big(struct ctx *c) { return alloc_len(c, 5 * MIB); }

static int commit(struct ctx *c)
{
	c->op = (struct kvmem_op){ .opcode = KVMEM_OP_COMMIT, .handle = c->map.handle };
	kvt_key(c->op.key, 2);
	return run_op(c->fd, &c->op);
}

static int release(struct ctx *c)
{
	c->op = (struct kvmem_op){ .opcode = KVMEM_OP_RELEASE, .handle = c->map.handle };
	return run_op(c->fd, &c->op);
}

static int match(struct ctx *c, unsigned int flags)
{
	kvt_key(c->p, 1);
	kvt_key(c->p + 32, 2);
	memset(c->leases, 0, sizeof(c->leases));
	c->op = (struct kvmem_op){ .opcode = KVMEM_OP_MATCH, .flags = flags, .len = 2,
				   .addr = (uintptr_t)c->p,
				   .handle = flags ? (uintptr_t)c->leases : 0 };
	return run_op(c->fd, &c->op);
}

static int match_plain(struct ctx *c) { return match(c, 0); }

static int match_lease(struct ctx *c)
{
	int rc = match(c, KVMEM_OP_F_LEASE);

	memset(&c->map, 0, sizeof(c->map));
	if (!rc && c->op.bytes)
		c->map.handle = c->leases[0].handle;
	return rc;
}

static int map_and_touch(struct ctx *c)
{
	volatile uint8_t *p = mmap(NULL, 64 * KIB, PROT_READ, MAP_SHARED, c->fd, c->map.offset);
	int rc = 0;

	if (p == MAP_FAILED)
		return -errno;
	c->map.p = (void *)p;
	if (kvt_touch(p + 4096, false))
		rc = -EFAULT;
	return rc;
}

static int register_buffer(struct ctx *c)
{
	struct kvmem_buf_reg reg = { .size = sizeof(reg), .addr = (uintptr_t)c->p + 5,
				     .length = 3 * MIB };

	c->buf = 0;
	if (ioctl(c->fd, KVMEM_IOC_BUF_REG, &reg) < 0)
		return -errno;
	c->buf = reg.buf_id;
	return 0;
}

static int unregister_buffer(struct ctx *c)
{
	struct kvmem_buf_unreg u = { .size = sizeof(u), .buf_id = c->buf };

	return ioctl(c->fd, KVMEM_IOC_BUF_UNREG, &u) < 0 ? -errno : 0;
}

static int open_attach(struct ctx *c)
{
	struct kvmem_attach a = { .size = sizeof(a) };

	strcpy((char *)a.name, c->ns);
	c->fd2 = open(KVT_DEVICE, O_RDWR | O_CLOEXEC);
	if (c->fd2 < 0)
		return -errno;
	return ioctl(c->fd2, KVMEM_IOC_ATTACH, &a) < 0 ? -errno : 0;
}

static void undo_fd2(struct ctx *c)
{
	if (c->fd2 >= 0)
		close(c->fd2);
	c->fd2 = -1;
}

static int small_ioctls(struct ctx *c)
{
	struct kvmem_query q = { .size = sizeof(q) };
	struct kvmem_events e = { .size = sizeof(e) };
	struct kvmem_ns_info i = { .size = sizeof(i) };
	struct kvmem_eventfd f = { .size = sizeof(f), .mask = 1, .fd = c->fd2 };

	if (ioctl(c->fd, KVMEM_IOC_QUERY, &q) || ioctl(c->fd, KVMEM_IOC_EVENTS, &e) ||
	    ioctl(c->fd, KVMEM_IOC_NS_INFO, &i) || ioctl(c->fd, KVMEM_IOC_EVENTFD, &f))
		return -errno;
	return 0;
}

static void prep_eventfd(struct ctx *c)
{
	c->fd2 = eventfd(0, EFD_NONBLOCK);
}

static void undo_eventfd(struct ctx *c)
{
	struct kvmem_eventfd f = { .size = sizeof(f), .fd = -1 };

	kvt_ioctl(c->fd, KVMEM_IOC_EVENTFD, &f);
	undo_fd2(c);
}

static void prep_ring(struct ctx *c)
{
	prep_paged(c);
	ASSERT_EQ(io_uring_queue_init(4, &c->ring, 0), 0);
}

static void undo_ring(struct ctx *c)
{
	io_uring_queue_exit(&c->ring);
	undo_keys(c);
}

static int uring_op(struct ctx *c, unsigned int code)
{
	struct kvmem_batch b = { .size = sizeof(b), .ops = (uintptr_t)&c->op, .nr_ops = 1,
				 .op_size = sizeof(c->op) };
	struct kvmem_uring_cmd cmd = { .batch = (uintptr_t)&b };
	struct io_uring_sqe *sqe = io_uring_get_sqe(&c->ring);
	struct io_uring_cqe *cqe;
	int rc;

	if (!sqe)
		return -EAGAIN;
	c->op = (struct kvmem_op){ .opcode = code, .len = 64 * KIB, .addr = (uintptr_t)c->p };
	kvt_key(c->op.key, code == KVMEM_OP_GET ? 1 : 2);
	c->op.status = -EIO;
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = c->fd;
	sqe->cmd_op = KVMEM_IOC_BATCH;
	memcpy(sqe->cmd, &cmd, sizeof(cmd));
	rc = io_uring_submit(&c->ring);
	if (rc < 0)
		return rc;
	/* The command uses our stack: wait, however often waiting fails. */
	while ((rc = io_uring_wait_cqe(&c->ring, &cqe)))
		if (rc != -EINTR && rc != -EFAULT && rc != -ENOMEM && rc != -EAGAIN)
			return rc;
	rc = cqe->res < 0 ? cqe->res : c->op.status;
	io_uring_cqe_seen(&c->ring, cqe);
	return rc;
}

static int uring_get(struct ctx *c) { return uring_op(c, KVMEM_OP_GET); }
static int uring_put(struct ctx *c) { return uring_op(c, KVMEM_OP_PUT); }

/* Netlink ------------------------------------------------------------------ */

static const char *new_ns, *new_pool;

static int nl_ns_new(struct ctx *c)
{
	(void)c;
	return kvt_nl_ns_new(new_ns, NULL, NULL);
}

static void prep_ns(struct ctx *c) { ASSERT_EQ(nl_ns_new(c), 0); }
static int nl_ns_del(struct ctx *c) { (void)c; return kvt_nl_ns_del(new_ns); }
static void undo_ns(struct ctx *c) { (void)c; kvt_nl_ns_del(new_ns); }

static int nl_ns_set(struct ctx *c)
{
	struct kvt_ns_opts o = { .quota_blocks = 1000 };

	return kvt_nl_ns_set(c->ns, &o);
}

static int nl_ns_get(struct ctx *c)
{
	struct kvt_ns_stat stat;

	return kvt_nl_ns_get(c->ns, &stat);
}

static void ignore(const struct kvt_ns_stat *stat, void *arg)
{
	(void)stat;
	(void)arg;
}

static int nl_ns_dump(struct ctx *c) { (void)c; return kvt_nl_ns_dump(ignore, NULL); }
static int nl_pool_new(struct ctx *c) { (void)c; return kvt_nl_pool_new(new_pool, MIB, 5, 1); }
static void prep_pool(struct ctx *c) { ASSERT_EQ(nl_pool_new(c), 0); }
static int nl_pool_del(struct ctx *c) { (void)c; return kvt_nl_pool_del(new_pool); }
static void undo_pool(struct ctx *c) { (void)c; kvt_nl_pool_del(new_pool); }

static void ignore_pool(const char *name, void *arg)
{
	(void)name;
	(void)arg;
}

static int nl_pool_dump(struct ctx *c) { (void)c; return kvt_nl_pool_dump(ignore_pool, NULL); }

static struct kvt_table table;
static struct kvt_hist hist;

static int nl_table_set(struct ctx *c) { return kvt_nl_table_set(c->ns, &table); }
static int nl_table_get(struct ctx *c) { return kvt_nl_table_get(c->ns, &table); }
static int nl_hist(struct ctx *c) { return kvt_nl_hist(c->ns, &hist); }

static int nl_latency(struct ctx *c)
{
	(void)c;
	return kvt_nl_send(kvt_nl_msg(KVMEM_CMD_LATENCY_GET, NLM_F_DUMP), NULL, NULL);
}

static int nl_stats(struct ctx *c)
{
	struct kvt_arena_info info;

	(void)c;
	return kvt_nl_stats(&info);
}

static int nl_quiesce(struct ctx *c) { (void)c; return kvt_nl_quiesce(false); }

/* The sweep ---------------------------------------------------------------- */

struct snapshot {
	uint64_t used_bytes, used_blocks, data_bytes;
	uint64_t handles, namespaces, files;	/* all of one size: no padding */
};

static struct snapshot take(struct ctx *c)
{
	struct kvmem_ns_info i = kvt_info(c->fd);
	struct kvt_arena_info a = kvt_arena_info();
	struct snapshot s = { i.used_bytes, i.used_blocks, i.data_bytes, i.nr_handles,
			      a.namespaces, a.open_files };

	return s;
}

static bool back_to(struct ctx *c, const struct snapshot *want)
{
	struct snapshot s = take(c);

	return !memcmp(&s, want, sizeof(s));
}

static void sweep(struct ctx *c, const struct seq *s)
{
	struct snapshot base = take(c), now;
	unsigned int nth, failures = 0;
	bool hit = true;
	int rc;

	for (nth = 1; hit && nth < MAX_SITES; nth++) {
		if (s->prepare)
			s->prepare(c);
		inject_start(nth);
		rc = s->run(c);
		hit = inject_stop();
		failures += rc != 0;
		EXPECT(hit || !rc, "%s without a fault to work: %s", s->name, strerror(-rc));
		/* A socket that missed an answer would take it for the next one's. */
		if (rc)
			kvt_nl_new_socket(0);
		if (s->undo)
			s->undo(c);
		if (!kvt_wait_for(back_to(c, &base), 3000)) {
			now = take(c);
			kvt_fail(__FILE__, __LINE__,
				 "%s, fault %u (%s): bytes %llu blocks %llu handles %d ns %d files %d not to become bytes %llu blocks %llu handles %d ns %d files %d",
				 s->name, nth, strerror(-rc),
				 (unsigned long long)base.used_bytes,
				 (unsigned long long)base.used_blocks, (int)base.handles,
				 (int)base.namespaces, (int)base.files,
				 (unsigned long long)now.used_bytes,
				 (unsigned long long)now.used_blocks, (int)now.handles,
				 (int)now.namespaces, (int)now.files);
			break;
		}
	}
	EXPECT_LT(nth, MAX_SITES);
	kvt_diag("%s: %u sites, %u failures seen", s->name, nth - 2, failures);
	EXPECT(failures || nth == 2 || s->elsewhere, "%s to fail at least once", s->name);
}

static void sweep_all(const struct seq *seqs, unsigned int nr)
{
	static struct ctx c;
	unsigned int i;

	memset(&c, 0, sizeof(c));
	c.fd2 = -1;
	c.ns = kvt_ns(NULL);
	c.fd = kvt_file(c.ns);
	c.p = kvt_pages_new(6 * MIB);
	memset(c.p, 0x77, 6 * MIB);
	new_ns = kvt_name();
	new_pool = kvt_name();
	inject_init();
	for (i = 0; i < nr; i++) {
		struct seq warm = seqs[i];

		memset(&c.map, 0, sizeof(c.map));
		c.buf = 0;
		/* Once without, so that what is made only once is there. */
		if (warm.prepare)
			warm.prepare(&c);
		EXPECT_EQ(warm.run(&c), 0);
		if (warm.undo)
			warm.undo(&c);
		sweep(&c, &seqs[i]);
	}
}

TEST_TIMEOUT(operations, 300)
{
	static const struct seq seqs[] = {
		{ "put small", NULL, put_small, undo_keys },
		{ "put paged", NULL, put_paged, undo_keys },
		{ "put in pieces", NULL, put_big, undo_keys },
		{ "put existing", prep_small, put_small, undo_keys },
		{ "get small", prep_small, get_small, undo_keys },
		{ "get in pieces", prep_big, get_big, undo_keys },
		{ "get to buffer", prep_buf, get_buffer, undo_buf },
		{ "exists", prep_small, exists, undo_keys },
		{ "delete", prep_small, delete, undo_keys },
		{ "pin", prep_small, pin, undo_pin },
		{ "unpin", prep_pin, unpin, undo_pin },
		{ "match", prep_small, match_plain, undo_keys },
		{ "prefetch", prep_small, prefetch, undo_keys },
	};

	sweep_all(seqs, ARRAY_SIZE(seqs));
}

TEST_TIMEOUT(zero_copy, 300)
{
	static const struct seq seqs[] = {
		{ "alloc", NULL, alloc, undo_handle },
		{ "alloc in pieces", NULL, alloc_big, undo_handle },
		{ "commit", prep_alloc, commit, undo_handle },
		{ "release of an allocation", prep_alloc, release, undo_handle },
		{ "lease", prep_paged, lease, undo_handle },
		{ "lease of a copy", prep_small, lease, undo_handle },
		{ "release of a lease", prep_lease, release, undo_handle },
		{ "match with leases", prep_paged, match_lease, undo_handle },
		{ "mmap and page fault", prep_lease, map_and_touch, undo_handle },
	};

	sweep_all(seqs, ARRAY_SIZE(seqs));
}

TEST_TIMEOUT(ioctls, 300)
{
	static const struct seq seqs[] = {
		{ "open and attach", NULL, open_attach, undo_fd2 },
		{ "register", NULL, register_buffer, undo_buf },
		{ "unregister", prep_buf, unregister_buffer, undo_buf },
		{ "query, events, info, eventfd", prep_eventfd, small_ioctls, undo_eventfd },
		{ "io_uring get", prep_ring, uring_get, undo_ring },
		{ "io_uring put", prep_ring, uring_put, undo_ring, true },
	};

	sweep_all(seqs, ARRAY_SIZE(seqs));
}

TEST_TIMEOUT(netlink, 600)
{
	static const struct seq seqs[] = {
		{ "ns-new", NULL, nl_ns_new, undo_ns },
		{ "ns-del", prep_ns, nl_ns_del, undo_ns },
		{ "ns-set", NULL, nl_ns_set, NULL },
		{ "ns-get", NULL, nl_ns_get, NULL },
		{ "ns-get dump", NULL, nl_ns_dump, NULL },
		{ "pool-new", NULL, nl_pool_new, undo_pool },
		{ "pool-del", prep_pool, nl_pool_del, undo_pool },
		{ "pool-get dump", NULL, nl_pool_dump, NULL },
		{ "table-set", NULL, nl_table_set, NULL },
		{ "table-get", NULL, nl_table_get, NULL },
		{ "hist-get dump", NULL, nl_hist, NULL },
		{ "latency-get dump", NULL, nl_latency, NULL },
		{ "stats-get", NULL, nl_stats, NULL },
		{ "quiesce off", NULL, nl_quiesce, NULL },
	};

	sweep_all(seqs, ARRAY_SIZE(seqs));
}

TEST_MAIN()
