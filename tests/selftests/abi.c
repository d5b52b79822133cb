// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of the ABI: sizes, reserved fields, flags, pointers, for every
 * ioctl and every opcode.
 */
#define _GNU_SOURCE
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "kvmem_util.h"

/* The layout, in numbers: the same for 32-bit and 64-bit callers. */
#define AT(type, field, offset) \
	_Static_assert(offsetof(struct type, field) == (offset), #type "." #field)
#define SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type)

SIZE(kvmem_query, 80);
AT(kvmem_query, features, 16);
AT(kvmem_query, max_block, 24);
AT(kvmem_query, max_match, 32);
AT(kvmem_query, version, 48);
SIZE(kvmem_attach, 112);
AT(kvmem_attach, fingerprint, 72);
AT(kvmem_attach, ns_id, 104);
SIZE(kvmem_buf_reg, 40);
AT(kvmem_buf_reg, addr, 16);
AT(kvmem_buf_reg, buf_id, 32);
SIZE(kvmem_buf_unreg, 8);
SIZE(kvmem_op, 128);
AT(kvmem_op, key, 8);
AT(kvmem_op, addr, 40);
AT(kvmem_op, handle, 64);
AT(kvmem_op, hint_class, 72);
AT(kvmem_op, ttl_ms, 76);
AT(kvmem_op, reserved1, 84);
AT(kvmem_op, crc, 88);
AT(kvmem_op, status, 92);
AT(kvmem_op, res_flags, 96);
AT(kvmem_op, bytes, 104);
AT(kvmem_op, mmap_offset, 120);
SIZE(kvmem_lease, 32);
SIZE(kvmem_batch, 32);
AT(kvmem_batch, ops, 8);
SIZE(kvmem_uring_cmd, 16);
SIZE(kvmem_eventfd, 16);
SIZE(kvmem_events, 8);
SIZE(kvmem_ns_info, 112);
AT(kvmem_ns_info, quota_bytes, 16);

/* One valid call of every ioctl, to break one thing at a time. */
union arg {
	uint32_t size;
	uint8_t bytes[1024];
	uint32_t words[256];
	struct kvmem_query query;
	struct kvmem_attach attach;
	struct kvmem_buf_reg reg;
	struct kvmem_buf_unreg unreg;
	struct kvmem_batch batch;
	struct kvmem_eventfd efd;
	struct kvmem_events events;
	struct kvmem_ns_info info;
};

#define NR_IOCTLS 8

struct ctx {
	int fd;			/* attached */
	const char *ns;
	struct kvmem_op op;
	uint8_t *buffer;
};

static const struct {
	const char *name;
	size_t size;
} ioctls[NR_IOCTLS] = {
	{ "QUERY", sizeof(struct kvmem_query) },
	{ "ATTACH", sizeof(struct kvmem_attach) },
	{ "BUF_REG", sizeof(struct kvmem_buf_reg) },
	{ "BUF_UNREG", sizeof(struct kvmem_buf_unreg) },
	{ "BATCH", sizeof(struct kvmem_batch) },
	{ "EVENTFD", sizeof(struct kvmem_eventfd) },
	{ "EVENTS", sizeof(struct kvmem_events) },
	{ "NS_INFO", sizeof(struct kvmem_ns_info) },
};

static unsigned int ioc(unsigned int nr, size_t size)
{
	return _IOC(_IOC_READ | _IOC_WRITE, KVMEM_IOC_MAGIC, nr, size);
}

static void ctx_init(struct ctx *c)
{
	memset(c, 0, sizeof(*c));
	c->ns = kvt_ns(NULL);
	c->fd = kvt_file(c->ns);
	c->buffer = kvt_pages_new(4 * KIB);
}

/* A valid argument; ATTACH wants a file of its own, returned in *@fd. */
static void valid(struct ctx *c, unsigned int nr, union arg *a, int *fd)
{
	memset(a, 0, sizeof(*a));
	a->size = ioctls[nr].size;
	*fd = c->fd;
	switch (nr) {
	case 1:
		*fd = kvt_open();
		strcpy((char *)a->attach.name, c->ns);
		break;
	case 2:
		a->reg.addr = (uintptr_t)c->buffer;
		a->reg.length = 4 * KIB;
		break;
	case 3: {
		struct kvmem_buf_reg reg = {
			.size = sizeof(reg), .addr = (uintptr_t)c->buffer, .length = 100,
		};

		ASSERT_EQ(kvt_ioctl(c->fd, KVMEM_IOC_BUF_REG, &reg), 0);
		a->unreg.buf_id = reg.buf_id;
		break;
	}
	case 4:
		memset(&c->op, 0, sizeof(c->op));
		a->batch.ops = (uintptr_t)&c->op;
		a->batch.nr_ops = 1;
		a->batch.op_size = sizeof(c->op);
		break;
	case 5:
		a->efd.fd = -1;
		break;
	}
}

static void done(struct ctx *c, unsigned int nr, union arg *a, int fd, int rc)
{
	struct kvmem_buf_unreg unreg = { .size = sizeof(unreg) };

	if (nr == 2 && !rc) {
		unreg.buf_id = a->reg.buf_id;
		EXPECT_EQ(kvt_ioctl(c->fd, KVMEM_IOC_BUF_UNREG, &unreg), 0);
	}
	if (fd != c->fd)
		close(fd);
}

/* Call ioctl @nr with @encoded bytes in its number and @field in its size. */
static int call_sized(struct ctx *c, unsigned int nr, size_t encoded, size_t field,
		      long dirty)
{
	static union arg a;
	int fd, rc;

	valid(c, nr, &a, &fd);
	a.size = field;
	if (dirty >= 0)
		a.bytes[dirty] = 1;
	rc = kvt_ioctl(fd, ioc(nr, encoded), &a);
	done(c, nr, &a, fd, rc);
	return rc;
}

TEST(sizes)
{
	struct ctx c;
	unsigned int nr;
	size_t s, i;

	ctx_init(&c);
	for (nr = 0; nr < NR_IOCTLS; nr++) {
		size_t size = ioctls[nr].size;

		EXPECT(!call_sized(&c, nr, size, size, -1), "%s to work", ioctls[nr].name);
		for (s = 0; s < size; s++)
			EXPECT(call_sized(&c, nr, s, s, -1) == -EINVAL,
			       "%s of %zu bytes to be EINVAL", ioctls[nr].name, s);
		for (s = size + 1; s <= 1024; s = s < size + 20 ? s + 1 : s * 2)
			EXPECT(!call_sized(&c, nr, s, s, -1),
			       "%s of %zu bytes, zero tail, to work", ioctls[nr].name, s);
		EXPECT_EQ(call_sized(&c, nr, 1024, 1024, -1), 0);
		for (i = size; i < size + 40; i++)
			EXPECT(call_sized(&c, nr, 1024, 1024, i) == -E2BIG,
			       "%s with byte %zu set to be E2BIG", ioctls[nr].name, i);
		EXPECT_EQ(call_sized(&c, nr, 1024, 1024, 1023), -E2BIG);
		/* What is behind the size given is not looked at. */
		EXPECT_EQ(call_sized(&c, nr, size, size, size), 0);
		/* Field and number disagree. */
		EXPECT_EQ(call_sized(&c, nr, size, size + 8, -1), -EINVAL);
		EXPECT_EQ(call_sized(&c, nr, size + 8, size, -1), -EINVAL);
		EXPECT_EQ(call_sized(&c, nr, size, 0, -1), -EINVAL);
		EXPECT_EQ(call_sized(&c, nr, size, UINT32_MAX, -1), -EINVAL);
	}
}

TEST(unknown_numbers)
{
	static union arg a;
	struct ctx c;
	unsigned int nr;

	ctx_init(&c);
	for (nr = NR_IOCTLS; nr < 256; nr++) {
		a.size = 64;
		EXPECT_EQ(kvt_ioctl(c.fd, ioc(nr, 64), &a), -ENOTTY);
	}
	for (nr = 0; nr < NR_IOCTLS; nr++)
		EXPECT_EQ(kvt_ioctl(c.fd, _IOC(_IOC_READ | _IOC_WRITE, 'k', nr,
					       ioctls[nr].size), &a), -ENOTTY);
	EXPECT_EQ(kvt_ioctl(c.fd, 0, &a), -ENOTTY);
	EXPECT_EQ(kvt_ioctl(c.fd, 0x5401 /* TCGETS */, &a), -ENOTTY);
	EXPECT_NE(read(c.fd, &a, 1), 1);
	EXPECT_NE(write(c.fd, &a, 1), 1);
}

/* Words of the argument that must be 0, and bits that are unknown flags. */
static const struct {
	unsigned int nr;
	size_t offset;
	uint32_t allowed;
} reserved[] = {
	{ 0, offsetof(struct kvmem_query, flags), 0 },
	{ 1, offsetof(struct kvmem_attach, flags), 0 },
	{ 2, offsetof(struct kvmem_buf_reg, flags), KVMEM_BUF_F_RDONLY },
	{ 2, offsetof(struct kvmem_buf_reg, fd), 0 },
	{ 2, offsetof(struct kvmem_buf_reg, reserved), 0 },
	{ 4, offsetof(struct kvmem_batch, flags), KVMEM_BATCH_F_STOP | KVMEM_BATCH_F_NOTIFY },
	{ 4, offsetof(struct kvmem_batch, reserved), 0 },
	{ 5, offsetof(struct kvmem_eventfd, mask),
		KVMEM_EVENT_BATCH | KVMEM_EVENT_QUIESCE | KVMEM_EVENT_NS },
	{ 5, offsetof(struct kvmem_eventfd, reserved), 0 },
	{ 7, offsetof(struct kvmem_ns_info, flags), 0 },
};

TEST(reserved_fields)
{
	static union arg a;
	struct ctx c;
	unsigned int i, bit;
	int fd, rc;

	ctx_init(&c);
	for (i = 0; i < ARRAY_SIZE(reserved); i++) {
		unsigned int nr = reserved[i].nr;

		for (bit = 0; bit < 32; bit++) {
			valid(&c, nr, &a, &fd);
			a.words[reserved[i].offset / 4] |= 1U << bit;
			rc = kvt_ioctl(fd, ioc(nr, ioctls[nr].size), &a);
			done(&c, nr, &a, fd, rc);
			EXPECT(rc == (reserved[i].allowed & 1U << bit ? 0 : -EINVAL),
			       "%s, word at %zu, bit %u: %d", ioctls[nr].name,
			       reserved[i].offset, bit, rc);
		}
	}
}

/* Garbage in a field that only the kernel writes changes nothing. */
TEST(out_fields_are_ignored)
{
	struct kvmem_query q;
	struct kvmem_ns_info info;
	struct ctx c;

	ctx_init(&c);
	memset(&q, 0xff, sizeof(q));
	q.size = sizeof(q);
	q.flags = 0;
	EXPECT_EQ(kvt_ioctl(c.fd, KVMEM_IOC_QUERY, &q), 0);
	memset(&info, 0xff, sizeof(info));
	info.size = sizeof(info);
	info.flags = 0;
	EXPECT_EQ(kvt_ioctl(c.fd, KVMEM_IOC_NS_INFO, &info), 0);
	EXPECT_EQ(info.used_blocks, 0);
	EXPECT_EQ(info.corrupt, 0);
}

TEST(query_values)
{
	struct kvmem_query q = { .size = sizeof(q), .max_batch = 7, .reserved = 9 };
	int fd = kvt_open();

	ASSERT_EQ(kvt_ioctl(fd, KVMEM_IOC_QUERY, &q), 0);
	EXPECT_EQ(q.size, sizeof(q));
	EXPECT_EQ(q.abi_version, KVMEM_ABI_VERSION);
	EXPECT_EQ(q.max_batch, KVMEM_MAX_BATCH);
	EXPECT_EQ(q.max_block, KVMEM_MAX_BLOCK);
	EXPECT_EQ(q.max_match, KVMEM_MAX_MATCH);
	EXPECT_GT(q.max_handles, 0);
	EXPECT_GT(q.max_buffers, 0);
	EXPECT_EQ(q.reserved, 0);
	EXPECT_EQ(q.features & (KVMEM_FEAT_DRAM | KVMEM_FEAT_LEASE | KVMEM_FEAT_EVENTS),
		  KVMEM_FEAT_DRAM | KVMEM_FEAT_LEASE | KVMEM_FEAT_EVENTS);
	EXPECT_TRUE(q.features & KVMEM_FEAT_URING);
	EXPECT_EQ(q.features & ~127ULL, 0);
	EXPECT_TRUE(q.version[0] && memchr(q.version, 0, sizeof(q.version)));
}

TEST(buf_reg_values)
{
	struct kvmem_buf_reg reg, base = { .size = sizeof(base), .length = 4096 };
	struct kvmem_buf_unreg unreg = { .size = sizeof(unreg) };
	struct ctx c;
	unsigned int type;

	ctx_init(&c);
	base.addr = (uintptr_t)c.buffer;
	for (type = 2; type; type = type < 100 ? type + 1 : type << 1) {
		reg = base;
		reg.type = type;
		EXPECT_EQ(kvt_ioctl(c.fd, KVMEM_IOC_BUF_REG, &reg), -EINVAL);
	}
	reg = base;
	reg.type = KVMEM_BUF_DMABUF;
	reg.fd = c.fd;
	EXPECT_EQ(kvt_ioctl(c.fd, KVMEM_IOC_BUF_REG, &reg), -EBADF);
	reg.fd = -1;
	EXPECT_EQ(kvt_ioctl(c.fd, KVMEM_IOC_BUF_REG, &reg), -EBADF);
	reg = base;
	reg.length = 0;
	EXPECT_EQ(kvt_ioctl(c.fd, KVMEM_IOC_BUF_REG, &reg), -EINVAL);
	reg.length = (64ULL << 30) + 1;
	EXPECT_EQ(kvt_ioctl(c.fd, KVMEM_IOC_BUF_REG, &reg), -EINVAL);
	reg.length = UINT64_MAX;
	EXPECT_EQ(kvt_ioctl(c.fd, KVMEM_IOC_BUF_REG, &reg), -EINVAL);
	reg = base;
	reg.addr = 0;
	EXPECT_EQ(kvt_ioctl(c.fd, KVMEM_IOC_BUF_REG, &reg), -EFAULT);
	reg.addr = UINT64_MAX - 100;
	EXPECT_NE(kvt_ioctl(c.fd, KVMEM_IOC_BUF_REG, &reg), 0);
	reg.addr = 0xffff888000000000ULL;
	EXPECT_EQ(kvt_ioctl(c.fd, KVMEM_IOC_BUF_REG, &reg), -EFAULT);
	reg = base;
	munmap(c.buffer, 4096);
	EXPECT_EQ(kvt_ioctl(c.fd, KVMEM_IOC_BUF_REG, &reg), -EFAULT);
	unreg.buf_id = 0;
	EXPECT_EQ(kvt_ioctl(c.fd, KVMEM_IOC_BUF_UNREG, &unreg), -ENOENT);
	unreg.buf_id = 12345;
	EXPECT_EQ(kvt_ioctl(c.fd, KVMEM_IOC_BUF_UNREG, &unreg), -ENOENT);
}

TEST(batch_limits)
{
	struct kvmem_op *ops = calloc(KVMEM_MAX_BATCH + 1, sizeof(*ops));
	struct kvmem_batch b = { .size = sizeof(b), .ops = (uintptr_t)ops,
				 .op_size = sizeof(*ops) }, t;
	int fd = kvt_new(NULL);
	unsigned int i;

	t = b;
	EXPECT_EQ(kvt_ioctl(fd, KVMEM_IOC_BATCH, &t), -EINVAL);
	t.nr_ops = KVMEM_MAX_BATCH;
	EXPECT_EQ(kvt_ioctl(fd, KVMEM_IOC_BATCH, &t), 0);
	EXPECT_EQ(t.nr_ok, KVMEM_MAX_BATCH);
	t.nr_ops = KVMEM_MAX_BATCH + 1;
	EXPECT_EQ(kvt_ioctl(fd, KVMEM_IOC_BATCH, &t), -E2BIG);
	t.nr_ops = UINT32_MAX;
	EXPECT_EQ(kvt_ioctl(fd, KVMEM_IOC_BATCH, &t), -E2BIG);
	t.nr_ops = 1;
	for (i = 0; i < sizeof(*ops); i++) {
		t.op_size = i;
		EXPECT_EQ(kvt_ioctl(fd, KVMEM_IOC_BATCH, &t), -EINVAL);
	}
	t.op_size = UINT32_MAX;
	EXPECT_NE(kvt_ioctl(fd, KVMEM_IOC_BATCH, &t), 0);
}

/* Pointers: wherever the argument lies, EFAULT and never more. */
TEST(pointers)
{
	uint8_t *pages = kvt_pages_new(8 * KIB);
	struct ctx c;
	unsigned int nr, i;
	static union arg a;
	int fd, rc;
	static const uintptr_t bad[] = {
		0, 1, 0x1000, 0x7fffffffffff, 0x800000000000, 0xffff800000000000,
		0xffff888000000000, 0xffffffff81000000, UINTPTR_MAX, UINTPTR_MAX - 7,
	};

	ctx_init(&c);
	ASSERT_EQ(munmap(pages + 4 * KIB, 4 * KIB), 0);
	for (nr = 0; nr < NR_IOCTLS; nr++) {
		size_t size = ioctls[nr].size;

		for (i = 0; i < ARRAY_SIZE(bad); i++)
			EXPECT(kvt_ioctl(c.fd, ioc(nr, size), (void *)bad[i]) == -EFAULT,
			       "%s at %#lx to be EFAULT", ioctls[nr].name, bad[i]);
		/* The last bytes are not there. */
		valid(&c, nr, &a, &fd);
		memcpy(pages + 4 * KIB - size + 1, &a, size - 1);
		EXPECT_EQ(kvt_ioctl(fd, ioc(nr, size), pages + 4 * KIB - size + 1), -EFAULT);
		/* Any alignment will do. */
		memcpy(pages + 1, &a, size);
		rc = kvt_ioctl(fd, ioc(nr, size), pages + 1);
		EXPECT_EQ(rc, 0);
		memcpy(&a, pages + 1, size);
		done(&c, nr, &a, fd, rc);
	}
}

/* Results that cannot be written are an error, and nothing stays registered. */
TEST(read_only_argument)
{
	uint8_t *page;
	struct ctx c;
	unsigned int nr;
	static union arg a;
	int fd;

	ctx_init(&c);
	for (nr = 0; nr < NR_IOCTLS; nr++) {
		if (nr == 3 || nr == 5)	/* nothing to write */
			continue;
		valid(&c, nr, &a, &fd);
		page = kvt_pages_new(4 * KIB);
		memcpy(page, &a, ioctls[nr].size);
		mprotect(page, 4 * KIB, PROT_READ);
		EXPECT(kvt_ioctl(fd, ioc(nr, ioctls[nr].size), page) == -EFAULT,
		       "%s in read-only memory to be EFAULT", ioctls[nr].name);
		munmap(page, 4 * KIB);
		done(&c, nr, &a, fd, -EFAULT);
	}
}

TEST(ops_pointers)
{
	struct kvmem_op *ops = kvt_pages_new(4 * KIB);
	struct kvmem_op *ro;
	uint8_t *end = (uint8_t *)kvt_pages_new(8 * KIB) + 4 * KIB;
	int fd = kvt_new(NULL);
	uint32_t nr_ok;

	munmap(end, 4 * KIB);
	EXPECT_EQ(kvt_try_batch(fd, NULL, 1, 0, NULL), -EFAULT);
	EXPECT_EQ(kvt_try_batch(fd, (void *)0xffff888000000000, 1, 0, NULL), -EFAULT);
	EXPECT_EQ(kvt_try_batch(fd, (void *)(UINTPTR_MAX - 4), 1, 0, NULL), -EFAULT);
	/* The second of two operations is not there. */
	ops = (void *)(end - sizeof(*ops));
	memset(ops, 0, sizeof(*ops));
	EXPECT_EQ(kvt_try_batch(fd, ops, 2, 0, NULL), -EFAULT);
	EXPECT_EQ(kvt_try_batch(fd, ops, 1, 0, &nr_ok), 0);
	EXPECT_EQ(nr_ok, 1);
	/* A status that cannot be written. */
	ro = kvt_pages_new(4 * KIB);
	mprotect(ro, 4 * KIB, PROT_READ);
	EXPECT_EQ(kvt_try_batch(fd, ro, 3, 0, NULL), -EFAULT);
	/* Unaligned operations. */
	ops = (void *)((uint8_t *)kvt_pages_new(4 * KIB) + 3);
	EXPECT_EQ(kvt_try_batch(fd, ops, 4, 0, &nr_ok), 0);
	EXPECT_EQ(nr_ok, 4);
}

/* What each opcode uses; everything else must be 0. */
enum {
	U_BUF = 1, U_KEY = 2, U_ADDR = 4, U_LEN = 8, U_OFFSET = 16, U_HANDLE = 32,
	U_HINTS = 64,
};

static const struct {
	unsigned int uses;
	unsigned int flags;
} opcodes[KVMEM_OP_NR] = {
	[KVMEM_OP_GET] = { U_BUF | U_KEY | U_ADDR | U_LEN | U_OFFSET,
			   KVMEM_OP_F_PARTIAL | KVMEM_OP_F_NOTOUCH | KVMEM_OP_F_NOCACHE },
	[KVMEM_OP_PUT] = { U_BUF | U_KEY | U_ADDR | U_LEN | U_HINTS,
			   KVMEM_OP_F_PERSIST | KVMEM_OP_F_NOCACHE },
	[KVMEM_OP_DELETE] = { U_KEY, 0 },
	[KVMEM_OP_EXISTS] = { U_KEY, KVMEM_OP_F_NOTOUCH },
	[KVMEM_OP_PIN] = { U_KEY, 0 },
	[KVMEM_OP_UNPIN] = { U_KEY, 0 },
	[KVMEM_OP_MATCH] = { U_BUF | U_ADDR | U_LEN | U_HANDLE,
			     KVMEM_OP_F_LEASE | KVMEM_OP_F_NOCOPY | KVMEM_OP_F_NOTOUCH },
	[KVMEM_OP_PREFETCH] = { U_KEY, 0 },
	[KVMEM_OP_ALLOC] = { U_LEN, 0 },
	[KVMEM_OP_COMMIT] = { U_KEY | U_LEN | U_HANDLE | U_HINTS, KVMEM_OP_F_PERSIST },
	[KVMEM_OP_LEASE] = { U_KEY, KVMEM_OP_F_NOCOPY | KVMEM_OP_F_NOTOUCH },
	[KVMEM_OP_RELEASE] = { U_HANDLE, 0 },
};

static const struct {
	const char *name;
	size_t offset;
	size_t bytes;
	unsigned int use;	/* 0: never allowed */
} fields[] = {
	{ "buf", offsetof(struct kvmem_op, buf), 4, U_BUF },
	{ "key", offsetof(struct kvmem_op, key), 32, U_KEY },
	{ "addr", offsetof(struct kvmem_op, addr), 8, U_ADDR },
	{ "len", offsetof(struct kvmem_op, len), 8, U_LEN },
	{ "offset", offsetof(struct kvmem_op, offset), 8, U_OFFSET },
	{ "handle", offsetof(struct kvmem_op, handle), 8, U_HANDLE },
	{ "hint_class", offsetof(struct kvmem_op, hint_class), 1, U_HINTS },
	{ "priority", offsetof(struct kvmem_op, priority), 1, U_HINTS },
	{ "reserved0", offsetof(struct kvmem_op, reserved0), 2, 0 },
	{ "ttl_ms", offsetof(struct kvmem_op, ttl_ms), 4, U_HINTS },
	{ "cost", offsetof(struct kvmem_op, cost), 4, U_HINTS },
	{ "reserved1", offsetof(struct kvmem_op, reserved1), 4, 0 },
};

static uint8_t op_data[4096];

/* An operation of @opcode that is well formed (it may miss). */
static struct kvmem_op valid_op(int fd, unsigned int opcode, uint64_t key)
{
	struct kvmem_op op = { .opcode = opcode };
	struct kvt_map map;
	unsigned int uses = opcodes[opcode].uses;

	if (uses & U_KEY)
		kvt_key(op.key, key);
	if (uses & U_ADDR)
		op.addr = (uintptr_t)op_data;
	if (uses & U_LEN)
		op.len = 100;
	if (opcode == KVMEM_OP_COMMIT || opcode == KVMEM_OP_RELEASE) {
		ASSERT_EQ(kvt_alloc(fd, 4096, &map), 0);
		op.handle = map.handle;
	}
	return op;
}

static void undo(int fd, const struct kvmem_op *op)
{
	if (op->opcode == KVMEM_OP_COMMIT || op->opcode == KVMEM_OP_RELEASE)
		kvt_release(fd, op->handle);
	if (op->opcode == KVMEM_OP_ALLOC && !op->status)
		kvt_release(fd, op->res_handle);
}

/* Set one bit in a valid operation: it must be refused and change nothing. */
static void expect_refused(int fd, struct kvmem_op op, size_t byte, unsigned int bit,
			   const char *what)
{
	uint64_t handle = op.handle;

	((uint8_t *)&op)[byte] ^= 1U << bit;
	EXPECT(kvt_op(fd, &op) == -EINVAL, "opcode %u with %s (byte %zu bit %u): %d",
	       op.opcode, what, byte, bit, op.status);
	EXPECT_EQ(op.reason, 0);
	EXPECT_EQ(op.reserved3, 0);
	op.handle = handle;
	undo(fd, &op);
}

TEST(op_reserved_fields)
{
	int fd = kvt_new(NULL);
	unsigned int code, i, bit;

	for (code = 0; code < KVMEM_OP_NR; code++) {
		for (i = 0; i < ARRAY_SIZE(fields); i++) {
			if (opcodes[code].uses & fields[i].use)
				continue;
			for (bit = 0; bit < fields[i].bytes * 8; bit += fields[i].bytes > 8 ? 7 : 1)
				expect_refused(fd, valid_op(fd, code, 1),
					       fields[i].offset + bit / 8, bit % 8,
					       fields[i].name);
		}
	}
	EXPECT_EQ(kvt_info(fd).used_blocks, 0);
	EXPECT_EQ(kvt_info(fd).nr_handles, 0);
}

TEST(op_flags)
{
	int fd = kvt_new(NULL);
	unsigned int code, bit;

	for (code = 0; code < KVMEM_OP_NR; code++)
		for (bit = 0; bit < 16; bit++)
			if (!(opcodes[code].flags & 1U << bit))
				expect_refused(fd, valid_op(fd, code, 1),
					       offsetof(struct kvmem_op, flags) + bit / 8,
					       bit % 8, "flags");
	EXPECT_EQ(kvt_info(fd).used_blocks, 0);
}

TEST(op_valid_flags_work)
{
	int fd = kvt_new(NULL);
	unsigned int code, bit;
	struct kvmem_op op;

	kvt_put_key(fd, 1, 100);
	for (code = 0; code < KVMEM_OP_NR; code++) {
		for (bit = 0; bit < 16; bit++) {
			if (!(opcodes[code].flags & 1U << bit) || code == KVMEM_OP_MATCH)
				continue;
			op = valid_op(fd, code, 1);
			op.flags = 1U << bit;
			kvt_op(fd, &op);
			EXPECT(op.status != -EINVAL, "opcode %u flag %u to be known",
			       code, bit);
			if (op.res_handle)
				kvt_release(fd, op.res_handle);
		}
	}
}

TEST(op_unknown_opcodes)
{
	int fd = kvt_new(NULL);
	unsigned int code;

	for (code = KVMEM_OP_NR; code < 65536; code = code < 300 ? code + 1 : code * 2 - 1) {
		struct kvmem_op op = { .opcode = code };

		EXPECT_EQ(kvt_op(fd, &op), -EINVAL);
	}
}

TEST(op_hint_ranges)
{
	int fd = kvt_new(NULL);
	unsigned int code, v, field;

	for (field = 0; field < 2; field++)
		for (code = KVMEM_OP_PUT; code <= KVMEM_OP_COMMIT;
		     code += KVMEM_OP_COMMIT - KVMEM_OP_PUT)
			for (v = 0; v < 256; v++) {
				unsigned int max = field ? KVMEM_MAX_PRIORITY :
						   KVMEM_NR_HINT_CLASSES - 1;
				struct kvmem_op op = valid_op(fd, code, 1000 + v);

				if (field)
					op.priority = v;
				else
					op.hint_class = v;
				EXPECT_EQ(kvt_op(fd, &op), v > max ? -EINVAL : 0);
				undo(fd, &op);
				kvt_delete(fd, 1000 + v);
			}
}

TEST(op_lengths)
{
	int fd = kvt_new(NULL);
	static const uint64_t bad[] = {
		0, KVMEM_MAX_BLOCK + 1, 1ULL << 32, (1ULL << 32) + 1, 1ULL << 63, UINT64_MAX,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct kvmem_op op = valid_op(fd, KVMEM_OP_PUT, 1);
		struct kvmem_op alloc = { .opcode = KVMEM_OP_ALLOC, .len = bad[i] };

		op.len = bad[i];
		EXPECT_EQ(kvt_op(fd, &op), -EINVAL);
		EXPECT_EQ(kvt_op(fd, &alloc), -EINVAL);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct kvmem_op op = valid_op(fd, KVMEM_OP_MATCH, 0);

		op.len = bad[i];
		EXPECT_EQ(kvt_op(fd, &op), -EINVAL);
	}
	EXPECT_EQ(kvt_info(fd).used_blocks, 0);
}

TEST(op_buffer_ids)
{
	int fd = kvt_new(NULL);
	struct kvmem_op op = valid_op(fd, KVMEM_OP_PUT, 1);

	op.buf = 77;
	EXPECT_EQ(kvt_op(fd, &op), -EBADSLT);
	op.buf = UINT32_MAX;
	EXPECT_EQ(kvt_op(fd, &op), -EBADSLT);
	op = valid_op(fd, KVMEM_OP_PUT, 1);
	EXPECT_EQ(kvt_op(fd, &op), 0);
	op = valid_op(fd, KVMEM_OP_GET, 1);
	op.buf = 77;
	EXPECT_EQ(kvt_op(fd, &op), -EBADSLT);
}

TEST(lengths_of_names)
{
	struct kvmem_attach a = { .size = sizeof(a) };
	int fd = kvt_open();

	/* no NUL; empty; unknown */
	memset(a.name, 'x', sizeof(a.name));
	EXPECT_EQ(kvt_ioctl(fd, KVMEM_IOC_ATTACH, &a), -EINVAL);
	memset(a.name, 0, sizeof(a.name));
	EXPECT(kvt_ioctl(fd, KVMEM_IOC_ATTACH, &a) != 0, "an empty name to be refused");
	strcpy((char *)a.name, "no-such-namespace");
	EXPECT_EQ(kvt_ioctl(fd, KVMEM_IOC_ATTACH, &a), -ENOENT);
}

TEST_MAIN()
