// SPDX-License-Identifier: GPL-2.0
/*
 * Files, namespaces and operations for the tests: see kvmem_util.h.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "kvmem_util.h"

int kvt_open(void)
{
	int fd = open(KVT_DEVICE, O_RDWR | O_CLOEXEC);

	ASSERT(fd >= 0, "open of %s: %s", KVT_DEVICE, strerror(errno));
	return fd;
}

int kvt_ioctl(int fd, unsigned int cmd, void *arg)
{
	return ioctl(fd, cmd, arg) < 0 ? -errno : 0;
}

int kvt_try_attach(int fd, const char *ns, const uint8_t *fingerprint,
		   struct kvmem_attach *result)
{
	struct kvmem_attach a = { .size = sizeof(a) };
	int rc;

	strncpy((char *)a.name, ns, sizeof(a.name) - 1);
	if (fingerprint)
		memcpy(a.fingerprint, fingerprint, sizeof(a.fingerprint));
	rc = kvt_ioctl(fd, KVMEM_IOC_ATTACH, &a);
	if (result)
		*result = a;
	return rc;
}

int kvt_file(const char *ns)
{
	int fd = kvt_open();

	ASSERT_EQ(kvt_try_attach(fd, ns, NULL, NULL), 0);
	return fd;
}

/* The tag is the same in all processes of a test: the harness deletes by it. */
const char *kvt_name(void)
{
	static unsigned int count;
	const char *tag = getenv("KVMEM_TEST_TAG");
	char *name;

	if (asprintf(&name, "t%s.%d.%u", tag ? tag : "0", getpid(), count++) < 0)
		kvt_abort();
	return name;
}

const char *kvt_ns(const struct kvt_ns_opts *opts)
{
	const char *name = kvt_name();
	int rc = kvt_nl_ns_new(name, opts, NULL);

	ASSERT(!rc, "namespace %s: %s (%s)", name, strerror(-rc), kvt_nl_message());
	return name;
}

int kvt_new(const struct kvt_ns_opts *opts)
{
	return kvt_file(kvt_ns(opts));
}

struct kvmem_ns_info kvt_info(int fd)
{
	struct kvmem_ns_info info = { .size = sizeof(info) };

	ASSERT_EQ(kvt_ioctl(fd, KVMEM_IOC_NS_INFO, &info), 0);
	return info;
}

void kvt_key(uint8_t key[KVMEM_KEY_LEN], uint64_t n)
{
	uint64_t words[KVMEM_KEY_LEN / 8];
	uint64_t state = n + 1;

	words[0] = n;
	words[1] = kvt_rand(&state);
	words[2] = kvt_rand(&state);
	words[3] = ~n;
	memcpy(key, words, KVMEM_KEY_LEN);
}

struct kvmem_op kvt_make_op(unsigned int opcode, uint64_t key)
{
	struct kvmem_op op = { .opcode = opcode };

	/* What is passed in the result fields must not matter. */
	memset(&op.crc, 0xa5, sizeof(op) - offsetof(struct kvmem_op, crc));
	kvt_key(op.key, key);
	return op;
}

struct kvmem_op kvt_buf_op(unsigned int opcode, uint32_t buf, uint64_t key, uint64_t at,
			   uint64_t len)
{
	struct kvmem_op op = kvt_make_op(opcode, key);

	op.buf = buf;
	op.addr = at;
	op.len = len;
	return op;
}

int kvt_try_batch(int fd, struct kvmem_op *ops, unsigned int nr, unsigned int flags,
		  uint32_t *nr_ok)
{
	struct kvmem_batch b = {
		.size = sizeof(b), .flags = flags, .ops = (uintptr_t)ops,
		.nr_ops = nr, .op_size = sizeof(*ops),
	};
	int rc = kvt_ioctl(fd, KVMEM_IOC_BATCH, &b);

	if (nr_ok)
		*nr_ok = b.nr_ok;
	return rc;
}

void kvt_batch(int fd, struct kvmem_op *ops, unsigned int nr)
{
	uint32_t nr_ok = ~0U;
	unsigned int i, ok = 0;

	ASSERT_EQ(kvt_try_batch(fd, ops, nr, 0, &nr_ok), 0);
	for (i = 0; i < nr; i++)
		ok += !ops[i].status;
	EXPECT_EQ(nr_ok, ok);
}

int kvt_op(int fd, struct kvmem_op *op)
{
	int rc = kvt_try_batch(fd, op, 1, 0, NULL);

	ASSERT(!rc, "the batch of one op (opcode %u): %s", op->opcode, strerror(-rc));
	return op->status;
}

static int data_op(int fd, unsigned int opcode, uint64_t key, const void *data,
		   size_t len)
{
	struct kvmem_op op = kvt_make_op(opcode, key);

	op.addr = (uintptr_t)data;
	op.len = len;
	return kvt_op(fd, &op);
}

static int key_op(int fd, unsigned int opcode, uint64_t key)
{
	struct kvmem_op op = kvt_make_op(opcode, key);

	return kvt_op(fd, &op);
}

int kvt_put(int fd, uint64_t key, const void *data, size_t len)
{
	return data_op(fd, KVMEM_OP_PUT, key, data, len);
}

int kvt_get(int fd, uint64_t key, void *data, size_t len)
{
	return data_op(fd, KVMEM_OP_GET, key, data, len);
}

int kvt_delete(int fd, uint64_t key)
{
	return key_op(fd, KVMEM_OP_DELETE, key);
}

int kvt_exists(int fd, uint64_t key)
{
	return key_op(fd, KVMEM_OP_EXISTS, key);
}

int kvt_pin(int fd, uint64_t key)
{
	return key_op(fd, KVMEM_OP_PIN, key);
}

int kvt_unpin(int fd, uint64_t key)
{
	return key_op(fd, KVMEM_OP_UNPIN, key);
}

int kvt_put_key(int fd, uint64_t key, size_t len)
{
	void *buf = malloc(len);
	int rc;

	ASSERT_TRUE(buf);
	kvt_fill(buf, len, key);
	rc = kvt_put(fd, key, buf, len);
	free(buf);
	return rc;
}

int kvt_get_key(int fd, uint64_t key, size_t len)
{
	void *buf = calloc(1, len);
	int rc;

	ASSERT_TRUE(buf);
	rc = kvt_get(fd, key, buf, len);
	if (!rc && kvt_check(buf, len, key) >= 0)
		rc = -EBADMSG;
	free(buf);
	return rc;
}

static void take_result(const struct kvmem_op *op, struct kvt_map *map)
{
	*map = (struct kvt_map) {
		.handle = op->res_handle, .offset = op->mmap_offset,
		.bytes = op->bytes, .flags = op->res_flags, .crc = op->crc,
	};
}

int kvt_alloc(int fd, size_t len, struct kvt_map *map)
{
	struct kvmem_op op = { .opcode = KVMEM_OP_ALLOC, .len = len };
	int rc = kvt_op(fd, &op);

	take_result(&op, map);
	return rc;
}

int kvt_commit(int fd, const struct kvt_map *map, uint64_t key, size_t len)
{
	struct kvmem_op op = kvt_make_op(KVMEM_OP_COMMIT, key);

	op.handle = map->handle;
	op.len = len;
	return kvt_op(fd, &op);
}

int kvt_lease(int fd, uint64_t key, struct kvt_map *map)
{
	struct kvmem_op op = kvt_make_op(KVMEM_OP_LEASE, key);
	int rc = kvt_op(fd, &op);

	take_result(&op, map);
	return rc;
}

int kvt_release(int fd, uint64_t handle)
{
	struct kvmem_op op = { .opcode = KVMEM_OP_RELEASE, .handle = handle };

	return kvt_op(fd, &op);
}

size_t kvt_pages(size_t len)
{
	size_t page = sysconf(_SC_PAGESIZE);

	return (len + page - 1) / page * page;
}

void *kvt_mmap(int fd, struct kvt_map *map, int prot)
{
	void *p = mmap(NULL, kvt_pages(map->bytes), prot, MAP_SHARED, fd, map->offset);

	map->p = p == MAP_FAILED ? NULL : p;
	return map->p;
}

void kvt_munmap(struct kvt_map *map)
{
	if (map->p)
		munmap(map->p, kvt_pages(map->bytes));
	map->p = NULL;
}

static __thread sigjmp_buf touch_env;
static __thread volatile sig_atomic_t touch_armed;

static void on_fault(int sig)
{
	if (touch_armed)
		siglongjmp(touch_env, sig);
	signal(sig, SIG_DFL);
}

int kvt_touch(volatile void *addr, bool write)
{
	struct sigaction sa = { .sa_handler = on_fault }, old_bus, old_segv;
	volatile uint8_t *p = addr;
	int sig;

	sigaction(SIGBUS, &sa, &old_bus);
	sigaction(SIGSEGV, &sa, &old_segv);
	sig = sigsetjmp(touch_env, 1);
	if (!sig) {
		touch_armed = 1;
		if (write)
			*p = 0x5a;
		else
			(void)*p;
	}
	touch_armed = 0;
	sigaction(SIGBUS, &old_bus, NULL);
	sigaction(SIGSEGV, &old_segv, NULL);
	return sig;
}

void kvt_pin_pages(struct kvt_pin *pin, void *p, size_t len)
{
	struct kvt_ns_opts o = { .quota_bytes = 2 * KVT_CHUNK };
	struct kvmem_buf_reg reg = { .size = sizeof(reg), .addr = (uintptr_t)p, .length = len };

	pin->fd = kvt_new(&o);
	/* A chunk of each kind, so that a full arena does not matter later. */
	ASSERT_EQ(kvt_put_key(pin->fd, 2, 64 * KIB), 0);
	ASSERT_EQ(kvt_put_key(pin->fd, 3, 1), 0);
	ASSERT_EQ(kvt_ioctl(pin->fd, KVMEM_IOC_BUF_REG, &reg), 0);
	pin->buf = reg.buf_id;
}

static void pin_copy(struct kvt_pin *pin, size_t off, void *data, size_t len, bool write)
{
	struct kvmem_op put = kvt_make_op(KVMEM_OP_PUT, 1);
	struct kvmem_op get = kvt_make_op(KVMEM_OP_GET, 1);

	put.len = len;
	get.len = len;
	put.addr = (uintptr_t)data;
	get.addr = (uintptr_t)data;
	if (write) {
		get.buf = pin->buf;
		get.addr = off;
	} else {
		put.buf = pin->buf;
		put.addr = off;
	}
	ASSERT_EQ(kvt_op(pin->fd, &put), 0);
	ASSERT_EQ(kvt_op(pin->fd, &get), 0);
	ASSERT_EQ(kvt_delete(pin->fd, 1), 0);
}

void kvt_pin_write(struct kvt_pin *pin, size_t off, const void *data, size_t len)
{
	pin_copy(pin, off, (void *)data, len, true);
}

void kvt_pin_read(struct kvt_pin *pin, size_t off, void *data, size_t len)
{
	pin_copy(pin, off, data, len, false);
}

void kvt_pin_drop(struct kvt_pin *pin)
{
	close(pin->fd);
}

int64_t kvt_proc_value(const char *path, const char *name)
{
	char line[256];
	int64_t value = -ENOENT;
	FILE *f = fopen(path, "r");

	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name))) {
			value = strtoll(line + strlen(name) + 1, NULL, 10);
			break;
		}
	fclose(f);
	return value;
}

static const char *sysfs_dir(void)
{
	static const char * const dirs[] = {
		"/sys/kernel/kvmem", "/sys/class/misc/kvmem",
		"/sys/module/kvmem", "/sys/class/misc/kvmem/kvmem",
	};
	static const char *dir;
	char path[256];
	unsigned int i;

	for (i = 0; !dir && i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s/arena_bytes", dirs[i]);
		if (!access(path, F_OK))
			dir = dirs[i];
	}
	return dir ? dir : dirs[0];
}

int64_t kvt_sysfs_get(const char *name)
{
	char path[256], buf[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", sysfs_dir(), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return n ? -errno : -ENODATA;
	buf[n] = 0;
	return strtoll(buf, NULL, 0);
}

int kvt_sysfs_set(const char *name, uint64_t value)
{
	char path[256], buf[32];
	int fd, n, rc = 0;

	snprintf(path, sizeof(path), "%s/%s", sysfs_dir(), name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = snprintf(buf, sizeof(buf), "%llu\n", (unsigned long long)value);
	if (write(fd, buf, n) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

void kvt_arena(uint64_t bytes)
{
	int rc = kvt_sysfs_set("arena_bytes", bytes);

	ASSERT(!rc, "arena_bytes = %llu: %s", (unsigned long long)bytes, strerror(-rc));
	ASSERT(kvt_wait_for(kvt_arena_info().allocated <= bytes, 10000),
	       "the arena to shrink to %llu, it has %llu", (unsigned long long)bytes,
	       (unsigned long long)kvt_arena_info().allocated);
}

struct kvt_arena_info kvt_arena_info(void)
{
	struct kvt_arena_info info;

	ASSERT_EQ(kvt_nl_stats(&info), 0);
	return info;
}

static void count_ns(const struct kvt_ns_stat *stat, void *arg)
{
	(void)stat;
	++*(long *)arg;
}

static void count_pool(const char *name, void *arg)
{
	(void)name;
	++*(long *)arg;
}

void kvt_state_read(struct kvt_state *state)
{
	struct kvt_arena_info info = {};
	int rc = kvt_nl_stats(&info);

	memset(state, 0, sizeof(*state));
	if (rc)
		kvt_diag("no statistics over netlink: %s", strerror(-rc));
	/* "allocated" counts what is free or quarantined too */
	state->owned = info.allocated - info.free - info.quarantined;
	state->quarantined = info.quarantined;
	state->files = info.open_files;
	kvt_nl_ns_dump(count_ns, &state->namespaces);
	kvt_nl_pool_dump(count_pool, &state->pools);
}

struct names {
	char prefix[32];
	char list[512][64];
	unsigned int nr;
};

static void note_ns(const struct kvt_ns_stat *stat, void *arg)
{
	struct names *names = arg;

	if (!strncmp(stat->name, names->prefix, strlen(names->prefix)) &&
	    names->nr < ARRAY_SIZE(names->list))
		strcpy(names->list[names->nr++], stat->name);
}

static void note_pool(const char *name, void *arg)
{
	struct names *names = arg;

	if (!strncmp(name, names->prefix, strlen(names->prefix)) &&
	    names->nr < ARRAY_SIZE(names->list))
		snprintf(names->list[names->nr++], 64, "%s", name);
}

static void delete_of(pid_t pid)
{
	static struct names names;
	unsigned int i;

	snprintf(names.prefix, sizeof(names.prefix), "t%d.", pid);
	do {
		names.nr = 0;
		kvt_nl_ns_dump(note_ns, &names);
		for (i = 0; i < names.nr; i++)
			if (kvt_nl_ns_del(names.list[i]))
				return;
	} while (names.nr);
	kvt_nl_pool_dump(note_pool, &names);
	for (i = 0; i < names.nr; i++)
		kvt_wait_for(!kvt_nl_pool_del(names.list[i]), 2000);
}

static bool same_state(const struct kvt_state *a, struct kvt_state *b)
{
	kvt_state_read(b);
	return b->owned <= a->owned && b->quarantined <= a->quarantined &&
	       b->namespaces == a->namespaces && b->pools == a->pools &&
	       b->files == a->files;
}

void kvt_set_up(void)
{
	kvt_nl_new_socket(0);
	if (kvt_sysfs_get("arena_bytes") != (int64_t)KVT_ARENA_DEFAULT)
		kvt_sysfs_set("arena_bytes", KVT_ARENA_DEFAULT);
}

void (*kvt_clean_more)(void);

const char *kvt_clean_up(pid_t pid, const struct kvt_state *before)
{
	static char text[256];
	struct kvt_state now;

	kvt_set_up();
	if (kvt_clean_more)
		kvt_clean_more();
	delete_of(pid);
	if (kvt_wait_for(same_state(before, &now), 5000))
		return NULL;
	snprintf(text, sizeof(text),
		 "owned %lld, quarantined %lld bytes, %ld namespaces, %ld pools, %ld files more",
		 (long long)(now.owned - before->owned),
		 (long long)(now.quarantined - before->quarantined),
		 now.namespaces - before->namespaces, now.pools - before->pools,
		 now.files - before->files);
	return text;
}
